//! What can be asked of a store, and what the answers look like.
//!
//! A question is a struct whose answer has a type; the pairing of questions, queries and pages stands
//! once, in the list below. A store answers [`Query`]s with [`Page`]s, so that it stays object safe.

use crate::archive::{ArchiveRecord, ArchivedEvents};
use crate::booked::{Booked, BookedKind};
use crate::flows::{CardBatchesIn, CardFlow, WalletFlow, WalletFlowKind};
use crate::rows::liability::Liability;
use kernel::{
    Aggregate, Agreement, Allocation, Approval, Attempt, Attention, AttentionKind, CallerKey, Card,
    CardBatch, CardState, ChannelAccount, Event, Exit, Key, Lane, Merchant, MerchantId, NaturalKey,
    Notification, NotificationState, Order, Payee, Refund, Row, Share, Task, Tenant, TenantId,
    Withdrawal,
};
use ledger::{
    Account, Balance, Id, Named, Subject, SubjectKind, Timestamp, Transfer, first_id_at, kinds,
};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// A question whose answer has a type.
pub trait Question: Into<Query> + Send {
    /// The answer.
    type Answer;

    /// The answer in a page; `None` when the page is another question's.
    fn answer(page: Page) -> Option<Self::Answer>;
}

/// Declares the questions: the pairing of query, page and answer.
macro_rules! questions {
    ($(
        $(#[$doc:meta])*
        $question:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } -> $answer:ty;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $question {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$question> for Query {
                fn from(question: $question) -> Query {
                    Query::$question(question)
                }
            }

            impl Question for $question {
                type Answer = $answer;

                fn answer(page: Page) -> Option<$answer> {
                    match page {
                        Page::$question(answer) => Some(answer),
                        #[allow(unreachable_patterns)]
                        _ => None,
                    }
                }
            }
        )*

        /// The closed set of questions.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Query {
            $($(#[$doc])* $question($question),)*
        }

        /// Answers, one kind for each question.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Page {
            $(
                #[doc = concat!("The answer to [`", stringify!($question), "`].")]
                $question($answer),
            )*
        }
    };
}

questions! {
    /// One order.
    OneOrder {
        /// The owner.
        tenant: TenantId,
        /// The order.
        key: Key<kinds::Order>,
    } -> Option<Box<Order>>;

    /// The allocations of these numbers that exist, in the order of the numbers.
    AllocationsOf {
        /// The owner.
        tenant: TenantId,
        /// Their numbers, as an order names them.
        numbers: Vec<NaturalKey>,
    } -> Vec<Allocation>;

    /// One refund.
    OneRefund {
        /// The owner.
        tenant: TenantId,
        /// The refund.
        key: Key<kinds::Refund>,
    } -> Option<Box<Refund>>;

    /// Payees, in order of their ids.
    Payees {
        /// The owner.
        tenant: TenantId,
        /// Only payees with a larger id: the last id of the page before.
        after: Option<Id<kinds::Payee>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Payee>;

    /// Agreements that were signed, in order of their ids.
    SignedAgreements {
        /// The owner.
        tenant: TenantId,
        /// Only agreements with a larger id: the last id of the page before.
        after: Option<Id<kinds::Agreement>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Agreement>;

    /// Gift cards whose secrets were made, in order of their ids.
    SecretCards {
        /// The owner of their batches.
        tenant: TenantId,
        /// Only cards with a larger id: the last id of the page before.
        after: Option<Id<kinds::Card>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Card>;

    /// Orders by time, newest first.
    Orders {
        /// Which orders.
        filter: OrderFilter,
    } -> Listed<Order, kinds::Order>;

    /// One withdrawal.
    OneWithdrawal {
        /// The owner.
        tenant: TenantId,
        /// The withdrawal.
        key: Key<kinds::Withdrawal>,
    } -> Option<Box<Withdrawal>>;

    /// Withdrawals, newest first.
    Withdrawals {
        /// The owner.
        tenant: TenantId,
        /// Only withdrawals with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Withdrawal>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Withdrawal>;

    /// The orders whose payments were booked for a merchant in a time, in order of their ids.
    PaidOrders {
        /// The owner.
        tenant: TenantId,
        /// The account that payments of the merchant are booked to.
        account: Account,
        /// Only orders of this channel.
        channel: Option<String>,
        /// Booked at or after.
        from: Timestamp,
        /// Booked before.
        to: Timestamp,
        /// How many orders come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Counted<Order>;

    /// The newest gift cards of an owner or of a batch, newest first; no more than
    /// [`EXAMINED_MAX`] are looked at.
    Cards {
        /// The owner of their batches.
        tenant: TenantId,
        /// Which cards.
        of: CardsOf,
        /// Only in this state.
        state: Option<CardState>,
        /// How many cards come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Counted<Card>;

    /// The newest batches of gift cards, in falling order of their ids; no more than [`EXAMINED_MAX`] are
    /// looked at.
    CardBatches {
        /// The owner.
        tenant: TenantId,
        /// Only this one.
        batch: Option<Id<kinds::CardBatch>>,
        /// Only of this merchant.
        merchant: Option<MerchantId>,
        /// Only those that are sold so.
        sale: Option<CardBatchesIn>,
        /// The present, by which the time of a batch is up.
        now: Timestamp,
        /// How many batches come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Counted<CardBatch>;

    /// What happened to a gift card and its balance, newest first; no more than [`EXAMINED_MAX`] are
    /// looked at. What was archived is not listed. `None` where there is no such card.
    CardFlows {
        /// The owner.
        tenant: TenantId,
        /// The card.
        card: Id<kinds::Card>,
        /// How many flows come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Option<Counted<CardFlow>>;

    /// The movements of a wallet's money in a time, newest first: of what was paid in and of the bonuses,
    /// with what was frozen and released. No more is read than what moved since the time began.
    WalletFlows {
        /// The owner.
        tenant: TenantId,
        /// The wallet.
        wallet: Id<kinds::Wallet>,
        /// Only of this kind.
        kind: Option<WalletFlowKind>,
        /// At or after.
        from: Timestamp,
        /// Before.
        to: Timestamp,
        /// How many flows come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Counted<WalletFlow>;

    /// What refunds, or shares and their returns, moved for a merchant in a time: one row for each of
    /// them and direction, in order of their ids.
    BookedFor {
        /// The owner.
        tenant: TenantId,
        /// The merchant: whose orders were refunded, or who gave or got a share.
        merchant: MerchantId,
        /// What moved money.
        kind: BookedKind,
        /// Only what is about orders of this channel.
        channel: Option<String>,
        /// Booked at or after.
        from: Timestamp,
        /// Booked before.
        to: Timestamp,
        /// How many rows come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Counted<Booked>;

    /// Everything that belongs to one root subject.
    StoryOf {
        /// The owner.
        tenant: TenantId,
        /// The story.
        root: Id<kinds::Root>,
    } -> Option<Box<Story>>;

    /// Stories of a tenant that have events in the database, in order of their ids.
    StoriesWithEvents {
        /// The owner.
        tenant: TenantId,
        /// Only stories with a larger id: the last id of the page before.
        after: Option<Id<kinds::Root>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Id<kinds::Root>>;

    /// The records of a tenant's archives, newest first.
    Archives {
        /// The owner.
        tenant: TenantId,
        /// Only records with a smaller number: the last one of the page before.
        before: Option<i64>,
        /// How many at most.
        limit: u32,
    } -> Vec<ArchiveRecord>;

    /// Tenants that have orders with this merchant's number, in any namespace, with the orders' ids.
    TenantsWithOrder {
        /// The merchant's number.
        merchant_order_no: String,
    } -> Vec<(TenantId, Id<kinds::Order>)>;

    /// Tenants that have withdrawals with this number of their merchants', with the withdrawals' ids.
    TenantsWithWithdrawal {
        /// The merchant's number.
        withdrawal_no: String,
    } -> Vec<(TenantId, Id<kinds::Withdrawal>)>;

    /// The accounts of a tenant with their balances.
    Accounts {
        /// The owner.
        tenant: TenantId,
    } -> Vec<AccountRow>;

    /// What these accounts of a tenant had at a time, which may be past: the sum of their transfers up to
    /// and including it, in the order of the question. An account without transfers has nothing.
    BalancesAt {
        /// The owner.
        tenant: TenantId,
        /// The accounts.
        accounts: Vec<Account>,
        /// The time; `None` for now.
        at: Option<Timestamp>,
    } -> Vec<AccountRow>;

    /// The stored value of a tenant that was outstanding at a time, and the breakage until then: what was
    /// posted, by kind of account, merchant and batch of gift cards. What was nothing is not listed.
    LiabilitiesAt {
        /// The owner.
        tenant: TenantId,
        /// The time, all of its transfers included; `None` for now.
        at: Option<Timestamp>,
        /// How many rows come before the page.
        offset: u32,
        /// How many at most.
        limit: u32,
    } -> Vec<Liability>;

    /// Transfers that moved money to or from an account in a time, oldest first. What only holds or
    /// releases is not among them.
    PostingsBetween {
        /// The owner.
        tenant: TenantId,
        /// The account.
        account: Account,
        /// Booked at or after.
        from: Timestamp,
        /// Booked before.
        to: Timestamp,
        /// Only transfers with a larger id: the last id of the page before.
        after: Option<Id<kinds::Transfer>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Transfer>;

    /// Transfers that touch an account, newest first.
    Postings {
        /// The owner.
        tenant: TenantId,
        /// The account.
        account: Account,
        /// Only transfers with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Transfer>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Transfer>;

    /// Notifications, newest first.
    Notifications {
        /// The owner.
        tenant: TenantId,
        /// Only in this state, by its name.
        state: Option<String>,
        /// Only notifications with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Notification>>,
        /// How many at most.
        limit: u32,
    } -> Listed<NotificationRow, kinds::Notification>;

    /// One notification with its attempts.
    OneNotification {
        /// The owner.
        tenant: TenantId,
        /// The notification.
        id: Id<kinds::Notification>,
    } -> Option<Box<NotificationRow>>;

    /// Approvals of all tenants, newest first.
    Approvals {
        /// Only of this tenant.
        tenant: Option<TenantId>,
        /// Only in this state, by its name.
        state: Option<String>,
        /// Only approvals with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Approval>>,
        /// How many at most.
        limit: u32,
    } -> Vec<Approval>;

    /// One approval, of any tenant.
    OneApproval {
        /// The approval.
        id: Id<kinds::Approval>,
    } -> Option<Box<Approval>>;

    /// How many tasks of a lane are due, and since when the oldest was wanted. Those that were put off
    /// by [`DEFER_MS`](crate::DEFER_MS) or less are, parked ones are not.
    Tasks {
        /// The lane.
        lane: Lane,
        /// The present.
        now: Timestamp,
    } -> TaskRow;

    /// Rows that need a person, newest first.
    AttentionList {
        /// Which rows.
        filter: AttentionFilter,
        /// The present, by which tasks are late.
        now: Timestamp,
    } -> Vec<AttentionRow>;

    /// How many rows of all tenants need a person, by kind.
    AttentionCounts {
        /// The present, by which tasks are late.
        now: Timestamp,
    } -> Vec<AttentionCount>;

    /// Every tenant, merchant, caller's key and channel account.
    DirectoryOf {} -> Box<DirectoryRows>;

    /// A number that grows with every change of the directory.
    DirectoryRevision {} -> i64;

    /// What names this installation in our numbers at channels; made when the schema is.
    Installation {} -> String;

    /// The largest id of any event of any tenant: ids that are made from now on must be larger.
    LastId {} -> Option<i64>;

    /// Whether the database answers.
    Ping {} -> ();

    /// The time by the database's own clock, which all processes that share it agree on. `None` where
    /// the database has no clock but the process's.
    DatabaseTime {} -> Option<Timestamp>;

    /// Which database this is, and its schema.
    AboutDatabase {} -> DatabaseFacts;

    /// When the oldest notification was made that still waits for its delivery.
    OldestUndelivered {} -> Option<Timestamp>;

    /// Proves the books.
    Audit {} -> AuditReport;
}

impl Query {
    /// Whose query it is: `None` where it is about no tenant in particular.
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Query::OneOrder(OneOrder { tenant, .. })
            | Query::AllocationsOf(AllocationsOf { tenant, .. })
            | Query::OneRefund(OneRefund { tenant, .. })
            | Query::Payees(Payees { tenant, .. })
            | Query::SignedAgreements(SignedAgreements { tenant, .. })
            | Query::SecretCards(SecretCards { tenant, .. })
            | Query::StoryOf(StoryOf { tenant, .. })
            | Query::OneWithdrawal(OneWithdrawal { tenant, .. })
            | Query::Withdrawals(Withdrawals { tenant, .. })
            | Query::PaidOrders(PaidOrders { tenant, .. })
            | Query::Cards(Cards { tenant, .. })
            | Query::CardBatches(CardBatches { tenant, .. })
            | Query::CardFlows(CardFlows { tenant, .. })
            | Query::WalletFlows(WalletFlows { tenant, .. })
            | Query::BookedFor(BookedFor { tenant, .. })
            | Query::BalancesAt(BalancesAt { tenant, .. })
            | Query::LiabilitiesAt(LiabilitiesAt { tenant, .. })
            | Query::PostingsBetween(PostingsBetween { tenant, .. })
            | Query::Accounts(Accounts { tenant })
            | Query::Postings(Postings { tenant, .. })
            | Query::Notifications(Notifications { tenant, .. })
            | Query::OneNotification(OneNotification { tenant, .. })
            | Query::StoriesWithEvents(StoriesWithEvents { tenant, .. })
            | Query::Archives(Archives { tenant, .. }) => Some(tenant),
            Query::Orders(Orders { filter }) => Some(&filter.tenant),
            Query::AttentionList(AttentionList { filter, .. }) => filter.tenant.as_ref(),
            Query::Approvals(Approvals { tenant, .. }) => tenant.as_ref(),
            Query::TenantsWithOrder(_)
            | Query::TenantsWithWithdrawal(_)
            | Query::Tasks(_)
            | Query::AttentionCounts(_)
            | Query::DirectoryOf(_)
            | Query::DirectoryRevision(_)
            | Query::Installation(_)
            | Query::LastId(_)
            | Query::Ping(_)
            | Query::DatabaseTime(_)
            | Query::AboutDatabase(_)
            | Query::OldestUndelivered(_)
            | Query::OneApproval(_)
            | Query::Audit(_) => None,
        }
    }
}

/// Rows that a listing with a filter reads at most: it answers with those of them that pass, and where
/// to go on, so that a filter that little passes keeps no session for long.
pub const EXAMINED_MAX: u32 = 20_000;

/// A part of a listing, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T, K: Named> {
    /// What was found.
    pub rows: Vec<T>,
    /// The `before` of the next part; `None` when there is no more.
    pub next: Option<Id<K>>,
}

impl<T, K: Named> Listed<T, K> {
    /// A part of at most `limit` rows. `reached` is the last row that was read, when only
    /// [`EXAMINED_MAX`] were.
    #[expect(clippy::disallowed_methods, reason = "a database says how far it read by a number")]
    pub fn of(
        rows: Vec<T>,
        limit: u32,
        reached: Option<i64>,
        id: impl Fn(&T) -> Id<K>,
    ) -> Listed<T, K> {
        let is_full = u32::try_from(rows.len()).is_ok_and(|len| len >= limit);
        let next = rows.last().filter(|_| is_full).map(id).or(reached.map(Id::from_value));
        Listed { rows, next }
    }
}

/// Which gift cards are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardsOf {
    /// Those of this owner, as callers name them.
    Owner(String),
    /// Those of this batch.
    Batch(Id<kinds::CardBatch>),
}

/// A page, and how many rows there are on all pages.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted<T> {
    /// How many there are.
    pub count: u64,
    /// Those of the page.
    pub rows: Vec<T>,
}

/// The least id that something at or after this instant can have, so that a listing ends where its time
/// begins. Ids never lie before the time at which they were drawn.
pub fn lowest_id(from: Timestamp) -> i64 {
    if from < Timestamp::default() || from > YEAR_2109 {
        return i64::MIN;
    }
    first_id_at::<kinds::Order>(from).value()
}

/// A little before the ids are used up.
const YEAR_2109: Timestamp = Timestamp::from_ms(1 << 42);

/// How far ids may lie ahead of their time, in milliseconds: they do after a clock was set back, for as
/// long as it was.
const IDS_AHEAD_MAX_MS: i64 = 24 * 3600 * 1000;

/// An id above those of everything that happened before this instant, as long as no clock was set back
/// by more than a day.
pub fn highest_id(to: Timestamp) -> i64 {
    let later = to.plus_ms(IDS_AHEAD_MAX_MS);
    if later > YEAR_2109 { i64::MAX } else { lowest_id(later) }
}

/// Which orders to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFilter {
    /// The owner.
    pub tenant: TenantId,
    /// Only in this state, by its name.
    pub state: Option<String>,
    /// Placed at or after.
    pub from: Option<Timestamp>,
    /// Placed before.
    pub to: Option<Timestamp>,
    /// Only orders with a smaller id: the last id of the page before.
    pub before: Option<Id<kinds::Order>>,
    /// How many at most.
    pub limit: u32,
}

impl OrderFilter {
    /// Whether an order can be passed over.
    pub fn is_selective(&self) -> bool {
        self.state.is_some() || self.from.is_some() || self.to.is_some()
    }
}

/// Everything that belongs to one root subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// The rows of the story as they stand, the root first, then in order of their subjects.
    pub rows: Vec<Row>,
    /// What happened, in order of ids; within a subject that is the order of the sequence. What was
    /// archived is not here.
    pub events: Vec<Event>,
    /// Money that moved, oldest first.
    pub transfers: Vec<Transfer>,
    /// What is still to be done, and when.
    pub tasks: Vec<(Task, Timestamp)>,
    /// Which of its events lie in archives, in order of their subjects.
    pub archived: Vec<ArchivedEvents>,
}

impl Story {
    /// Puts a story's parts in order; none when the root has no row.
    pub fn of(
        root: Id<kinds::Root>,
        mut rows: Vec<Row>,
        mut events: Vec<Event>,
        transfers: Vec<Transfer>,
        mut tasks: Vec<(Task, Timestamp)>,
    ) -> Option<Story> {
        rows.sort_by_key(|row| (row.subject().root() != root, row.subject()));
        rows.first().filter(|row| row.subject().root() == root)?;
        // Clocks of several processes may differ: within a subject the sequence has the last word.
        events.sort_by_key(|event| event.id);
        let mut sequences: Vec<(Subject, i64, usize)> = events
            .iter()
            .enumerate()
            .map(|(at, event)| (event.subject, event.sequence, at))
            .collect();
        sequences.sort_unstable();
        let mut slots: Vec<(Subject, usize)> =
            events.iter().enumerate().map(|(at, event)| (event.subject, at)).collect();
        slots.sort_unstable();
        let mut order = vec![0; events.len()];
        for ((_, slot), (_, _, from)) in slots.iter().zip(&sequences) {
            order[*slot] = *from;
        }
        let events = order.into_iter().map(|from| events[from].clone()).collect();
        tasks.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Some(Story { rows, events, transfers, tasks, archived: vec![] })
    }

    /// The same story, of which these events lie in archives.
    #[must_use]
    pub fn with_archived(mut self, mut archived: Vec<ArchivedEvents>) -> Story {
        archived.sort();
        self.archived = archived;
        self
    }

    /// The order that the story is about, when it is about one.
    pub fn order(&self) -> Option<&Order> {
        self.rows.iter().find_map(|row| match row {
            Row::Order(order) => Some(order),
            _ => None,
        })
    }

    /// What of the story needs a person.
    pub fn attention(&self) -> Vec<AttentionRow> {
        self.rows.iter().filter_map(AttentionRow::of_any).collect()
    }

    /// The refunds of the story.
    pub fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.rows.iter().filter_map(|row| match row {
            Row::Refund(refund) => Some(refund),
            _ => None,
        })
    }

    /// The withdrawal that the story is about, when it is about one.
    pub fn withdrawal(&self) -> Option<&Withdrawal> {
        self.rows.iter().find_map(|row| match row {
            Row::Withdrawal(withdrawal) => Some(withdrawal),
            _ => None,
        })
    }

    /// The shares of the story.
    pub fn shares(&self) -> impl Iterator<Item = &Share> {
        self.rows.iter().filter_map(|row| match row {
            Row::Share(share) => Some(share),
            _ => None,
        })
    }

    /// The approvals of the story.
    pub fn approvals(&self) -> impl Iterator<Item = &Approval> {
        self.rows.iter().filter_map(|row| match row {
            Row::Approval(approval) => Some(approval),
            _ => None,
        })
    }

    /// The allocations of the story.
    pub fn allocations(&self) -> impl Iterator<Item = &Allocation> {
        self.rows.iter().filter_map(|row| match row {
            Row::Allocation(allocation) => Some(allocation),
            _ => None,
        })
    }

    /// The notifications of the story, with their attempts.
    pub fn notifications(&self) -> impl Iterator<Item = NotificationRow> {
        self.rows.iter().filter_map(|row| match row {
            Row::Notification(notification) => {
                Some(NotificationRow::of(notification.clone(), &self.events))
            }
            _ => None,
        })
    }
}

/// An account and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The account.
    pub account: Account,
    /// Its balance.
    pub balance: Balance,
}

/// A notification and its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    /// The notification.
    pub notification: Notification,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptRow>,
}

impl NotificationRow {
    /// A notification with the attempts among its story's events.
    pub fn of(notification: Notification, events: &[Event]) -> NotificationRow {
        let subject = notification.id.subject();
        let mut own: Vec<&Event> = events.iter().filter(|event| event.subject == subject).collect();
        // The sequence has the last word where clocks differ.
        own.sort_by_key(|event| event.sequence);
        let attempted = own.into_iter().filter_map(|event| match &event.change {
            kernel::Change::Notification(kernel::NotificationChange::Attempted {
                attempt,
                state,
            }) => Some((attempt, *state)),
            _ => None,
        });
        let attempts = (1..).zip(attempted).map(|(attempt_no, (attempt, state))| AttemptRow {
            attempt_no,
            attempt: attempt.clone(),
            state,
        });
        NotificationRow { attempts: attempts.collect(), notification }
    }
}

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Counts the attempts from 1.
    pub attempt_no: u32,
    /// How it went.
    pub attempt: Attempt,
    /// Where the notification stood afterwards.
    pub state: NotificationState,
}

/// Which rows that need a person to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttentionFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this kind.
    pub kind: Option<AttentionKind>,
    /// Only rows of this aggregate.
    pub subject_kind: Option<SubjectKind>,
    /// Only rows behind this one: the last of the page before.
    pub after: Option<AttentionMark>,
    /// How many at most.
    pub limit: u32,
}

/// The place of a row in the list of what needs a person: newest first, then by aggregate, tenant and
/// id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttentionMark {
    /// Since when it needs one.
    pub since: Reverse<Timestamp>,
    /// The aggregate.
    pub kind: SubjectKind,
    /// The owner.
    pub tenant: TenantId,
    /// The row's id.
    pub id: i64,
}

/// Where the rows of one aggregate begin on a page: those that are older than `since`, and those of the
/// same instant that come behind the tenant and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionStart<'a> {
    /// Milliseconds.
    pub since: i64,
    /// The tenant, or nothing before the first.
    pub tenant: &'a str,
    /// The id, or less than every id.
    pub id: i64,
}

impl AttentionFilter {
    /// Where the rows of an aggregate begin; `None` when the list has none of them.
    pub fn start(&self, kind: SubjectKind) -> Option<AttentionStart<'_>> {
        if self.subject_kind.is_some_and(|wanted| wanted != kind) {
            return None;
        }
        let whole = |since| AttentionStart { since, tenant: "", id: i64::MIN };
        Some(match &self.after {
            None => whole(i64::MAX),
            Some(after) => match kind.cmp(&after.kind) {
                // At this instant the page before showed them all.
                Ordering::Less => whole(after.since.0.ms().saturating_sub(1)),
                Ordering::Equal => AttentionStart {
                    since: after.since.0.ms(),
                    tenant: after.tenant.as_str(),
                    id: after.id,
                },
                Ordering::Greater => whole(after.since.0.ms()),
            },
        })
    }

    /// Whether the list has rows of this kind.
    pub fn has_kind(&self, kind: AttentionKind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// Whether the list has this row.
    pub fn keeps(&self, row: &AttentionRow) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| row.tenant == *tenant)
            && self.has_kind(row.kind)
            && self.subject_kind.is_none_or(|kind| row.subject.kind == kind)
            && self.after.as_ref().is_none_or(|after| row.mark() > *after)
    }

    /// The page that these rows make, which are the first of each aggregate.
    pub fn page(&self, mut rows: Vec<AttentionRow>) -> Vec<AttentionRow> {
        rows.sort_by_cached_key(AttentionRow::mark);
        rows.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        rows
    }
}

/// How many rows need a person for one kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionCount {
    /// The kind.
    pub kind: AttentionKind,
    /// How many rows.
    pub rows: u64,
    /// Since when the oldest needs one.
    pub oldest: Timestamp,
}

impl AttentionCount {
    /// One row.
    pub fn of(row: AttentionRow) -> AttentionCount {
        AttentionCount { kind: row.kind, rows: 1, oldest: row.since }
    }

    /// The counts of several aggregates as one, in order of the kinds.
    pub fn sum(parts: impl IntoIterator<Item = AttentionCount>) -> Vec<AttentionCount> {
        let mut sums: BTreeMap<AttentionKind, AttentionCount> = BTreeMap::new();
        for part in parts {
            sums.entry(part.kind)
                .and_modify(|sum| {
                    sum.rows = sum.rows.saturating_add(part.rows);
                    sum.oldest = sum.oldest.min(part.oldest);
                })
                .or_insert(part);
        }
        sums.into_values().collect()
    }
}

/// A row that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionRow {
    /// The owner.
    pub tenant: TenantId,
    /// The row.
    pub subject: Subject,
    /// The story that the row belongs to.
    pub root: Id<kinds::Root>,
    /// The number or name by which its owner knows it, where it has one.
    pub name: Option<String>,
    /// What kind of thing to look at.
    pub kind: AttentionKind,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// The commands that can end it, as the row stands.
    pub exits: Vec<Exit>,
}

impl AttentionRow {
    /// What the list shows of a row; `None` when it needs nobody.
    pub fn of<A: Aggregate>(row: &A) -> Option<AttentionRow> {
        let Attention { kind, reason, since } = row.standing().attention?;
        Some(AttentionRow {
            tenant: row.tenant().clone(),
            subject: row.id().subject(),
            root: row.root(),
            name: row.natural_key().map(|key| key.number),
            kind,
            reason: reason.to_string(),
            since,
            exits: row.exits(),
        })
    }

    /// Its place in the list.
    pub fn mark(&self) -> AttentionMark {
        AttentionMark {
            since: Reverse(self.since),
            kind: self.subject.kind,
            tenant: self.tenant.clone(),
            id: self.subject.value,
        }
    }
}

macro_rules! of_any {
    ($($rows:ident: $row:ident,)*) => {
        impl AttentionRow {
            /// What the list shows of a row of any aggregate; `None` when it needs nobody.
            pub fn of_any(row: &Row) -> Option<AttentionRow> {
                match row {
                    $(Row::$row(row) => AttentionRow::of(row),)*
                }
            }
        }
    };
}
kernel::aggregates!(of_any);

/// Parked tasks are listed and counted up to this number: each is a defect of the program.
pub const PARKED_LISTED_MAX: u32 = 1000;

/// Due tasks of a lane are counted up to this number for each tenant.
pub const TASKS_COUNTED_MAX: u32 = 1000;

/// Due tasks of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskRow {
    /// How many are due; of each tenant at most [`TASKS_COUNTED_MAX`] are counted, the first due first.
    pub due: u64,
    /// When the first of them was wanted by its row.
    pub oldest_wanted_at: Option<Timestamp>,
}

impl TaskRow {
    /// Adds those of another tenant.
    pub fn add(&mut self, other: TaskRow) {
        self.due = self.due.saturating_add(other.due);
        let both = self.oldest_wanted_at.into_iter().chain(other.oldest_wanted_at);
        self.oldest_wanted_at = both.min();
    }
}

/// Which database a store keeps its rows in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Product and version, for people.
    pub product: String,
    /// The number of the last migration that it has; 0 when none.
    pub schema_version: i64,
    /// The number of the last migration that this program has.
    pub schema_version_known: i64,
}

/// Every tenant, merchant, caller's key and channel account, in order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectoryRows {
    /// Tenants.
    pub tenants: Vec<Tenant>,
    /// Merchants.
    pub merchants: Vec<Merchant>,
    /// Callers' keys.
    pub caller_keys: Vec<CallerKey>,
    /// Channel accounts.
    pub channel_accounts: Vec<ChannelAccount>,
}

/// The proof of the books: what was counted, and every rule that does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Orders looked at.
    pub orders: u64,
    /// Orders that are paid.
    pub paid_orders: u64,
    /// Transfers looked at.
    pub transfers: u64,
    /// Accounts looked at.
    pub accounts: u64,
    /// Σ of all posted amounts on the debit side, in fen, over all tenants.
    pub debits: i64,
    /// The same on the credit side.
    pub credits: i64,
    /// What does not hold, the first row of each rule by name. Empty when the books are right.
    pub faults: Vec<String>,
}
