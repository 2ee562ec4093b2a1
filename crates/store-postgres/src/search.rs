//! Answering queries: everything that an answer needs is asked at once, in one snapshot.

use crate::audit::audit;
use crate::cell::{self, Parameter, cells, int, word};
use crate::claim::{read_tenant, readable, tenants_due};
use crate::connection::{Patience, Step};
use crate::load::{by_ids, by_numbers, numbered};
use crate::pool::Pool;
use crate::query_permits::Party;
use crate::schema;
use crate::sql::rows::SqlRow;
use crate::sql::{Sql, claim as sql, read};
use kernel::{
    Aggregate as _, Allocation, Approval, AttentionKind, CardState, Event, Key, Lane, MerchantId,
    NaturalKey, Notification, Order, Refund, Share, ShareReturn, TenantId,
};
use ledger::{Account, Id, Phase, SubjectId, SubjectKind, Timestamp, kinds};
use std::borrow::Cow;
use std::collections::HashMap;
use store::booked::order_of;
use store::rows::booked::{self, BookedSum};
use store::rows::liability;
use store::rows::{self, Value, archive, event, task, transfer};
use store::{
    AccountRow, AllocationsOf, Approvals, AttentionCount, AttentionFilter, AttentionRow,
    BalancesAt, Booked, BookedFor, Cards, CardsOf, Counted, DEFER_MS, DatabaseFacts, DirectoryRows,
    EXAMINED_MAX, LATE_EXAMINED_MAX, Lateness, LiabilitiesAt, Listed, NotificationRow, OrderFilter,
    PARKED_LISTED_MAX, Page, PaidOrders, Postings, PostingsBetween, Query, StoreFault, Story,
    TASKS_COUNTED_MAX, TaskRow, highest_id, lowest_id,
};
use tokio_postgres::Row;

/// A minute, as ids count time: longer than a decision takes to draw its ids.
const MINUTE_OF_IDS: i64 = (60 * 1_000) << 20;

pub(crate) async fn search(pool: &Pool, query: &Query) -> Result<Page, StoreFault> {
    let found = Found { pool, session: session_of(query), party: query.tenant().cloned() };
    Ok(match query {
        Query::OneOrder(one) => {
            Page::OneOrder(found.one(&one.tenant, &one.key).await?.map(Box::new))
        }
        Query::OneRefund(one) => {
            Page::OneRefund(found.one(&one.tenant, &one.key).await?.map(Box::new))
        }
        Query::AllocationsOf(of) => Page::AllocationsOf(found.allocations(of).await?),
        Query::Orders(of) => Page::Orders(found.orders(&of.filter).await?),
        Query::OneWithdrawal(one) => {
            Page::OneWithdrawal(found.one(&one.tenant, &one.key).await?.map(Box::new))
        }
        Query::Payees(of) => {
            let above = Parameter::int(of.after.map_or(i64::MIN, Id::value));
            let parameters = [tenant(&of.tenant), above, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::PAYEES, parameters)).await?;
            Page::Payees(cell::read(&rows, rows::read)?)
        }
        Query::SecretCards(of) => {
            let above = Parameter::int(of.after.map_or(i64::MIN, Id::value));
            let parameters = [tenant(&of.tenant), above, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::SECRET_CARDS, parameters)).await?;
            Page::SecretCards(cell::read(&rows, rows::read)?)
        }
        Query::SignedAgreements(of) => {
            let above = Parameter::int(of.after.map_or(i64::MIN, Id::value));
            let parameters = [tenant(&of.tenant), above, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::SIGNED_AGREEMENTS, parameters)).await?;
            Page::SignedAgreements(cell::read(&rows, rows::read)?)
        }
        Query::Withdrawals(of) => {
            let below = Parameter::int(below(of.before));
            let parameters = [tenant(&of.tenant), below, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::WITHDRAWALS, parameters)).await?;
            Page::Withdrawals(cell::read(&rows, rows::read)?)
        }
        Query::Cards(of) => Page::Cards(found.cards(of).await?),
        Query::CardBatches(of) => Page::CardBatches(found.card_batches(of).await?),
        Query::CardFlows(of) => Page::CardFlows(found.flows_of_card(of).await?),
        Query::WalletFlows(of) => Page::WalletFlows(found.flows_of_wallet(of).await?),
        Query::PaidOrders(of) => Page::PaidOrders(found.paid_orders(of).await?),
        Query::BookedFor(of) => Page::BookedFor(found.booked(of).await?),
        Query::BalancesAt(of) => {
            let rows = found.all(&balances_at(of)).await?.concat();
            let read = |cells: &[Value<'_>]| transfer::read_balance(cells).map(|(_, row)| row);
            Page::BalancesAt(cell::read(&rows, read)?)
        }
        Query::LiabilitiesAt(of) => {
            let rows = found.rows(liabilities_at(of)).await?;
            Page::LiabilitiesAt(cell::read(&rows, liability::read)?)
        }
        Query::PostingsBetween(of) => {
            let rows = found.rows(postings_between(of)).await?;
            Page::PostingsBetween(cell::read(&rows, transfer::read)?)
        }
        Query::StoryOf(of) => Page::StoryOf(found.story(&of.tenant, of.root).await?.map(Box::new)),
        Query::StoriesWithEvents(of) => {
            let after = Parameter::int(of.after.map_or(i64::MIN, Id::value));
            let parameters = [tenant(&of.tenant), after, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::STORIES_WITH_EVENTS, parameters)).await?;
            Page::StoriesWithEvents(cell::read(&rows, read_root)?)
        }
        Query::Archives(of) => {
            let below = Parameter::int(of.before.unwrap_or(i64::MAX));
            let parameters = [tenant(&of.tenant), below, Parameter::int(i64::from(of.limit))];
            let rows = found.rows(Step::new(&read::ARCHIVES, parameters)).await?;
            Page::Archives(cell::read(&rows, archive::read)?)
        }
        Query::TenantsWithOrder(with) => {
            let number = Parameter::text(&with.merchant_order_no);
            let rows = found.rows(Step::new(&read::TENANTS_WITH_ORDER, [number])).await?;
            Page::TenantsWithOrder(cell::read(&rows, read_owner)?)
        }
        Query::TenantsWithWithdrawal(with) => {
            let number = Parameter::text(&with.withdrawal_no);
            let rows = found.rows(Step::new(&read::TENANTS_WITH_WITHDRAWAL, [number])).await?;
            Page::TenantsWithWithdrawal(cell::read(&rows, read_owner)?)
        }
        Query::Accounts(of) => {
            let rows = found.rows(Step::new(&read::ACCOUNTS, [tenant(&of.tenant)])).await?;
            Page::Accounts(read_accounts(&rows)?)
        }
        Query::Postings(of) => {
            Page::Postings(cell::read(&found.rows(postings(of)).await?, transfer::read)?)
        }
        Query::Notifications(of) => {
            let (tenant, below, state) = (&of.tenant, below(of.before), of.state.as_deref());
            let reached = match state {
                Some(_) => found.reached(&read::NOTIFICATION_REACHED, tenant, below).await?,
                None => None,
            };
            let range = (below, reached.unwrap_or(i64::MIN));
            let rows =
                found.notifications(PageOf { tenant, range, state, limit: of.limit }).await?;
            let id = |row: &NotificationRow| row.notification.id;
            Page::Notifications(Listed::of(rows, of.limit, reached, id))
        }
        Query::OneNotification(one) => {
            let range = (one.id.value().saturating_add(1), one.id.value());
            let page = PageOf { tenant: &one.tenant, range, state: None, limit: 1 };
            Page::OneNotification(found.notifications(page).await?.pop().map(Box::new))
        }
        Query::Approvals(of) => {
            Page::Approvals(cell::read(&found.rows(approvals(of)).await?, rows::read)?)
        }
        Query::OneApproval(one) => {
            let step = Step::new(&read::APPROVAL, [Parameter::int(one.id.value())]);
            let rows: Vec<Approval> = cell::read(&found.rows(step).await?, rows::read)?;
            Page::OneApproval(rows.into_iter().next().map(Box::new))
        }
        Query::Tasks(tasks) => Page::Tasks(count_due(pool, tasks.lane, tasks.now).await?),
        Query::AttentionList(list) => {
            Page::AttentionList(found.attention(&list.filter, list.now).await?)
        }
        Query::AttentionCounts(of) => Page::AttentionCounts(found.attention_counts(of.now).await?),
        Query::DirectoryOf(_) => Page::DirectoryOf(Box::new(found.directory().await?)),
        Query::DirectoryRevision(_) => {
            let rows = found.rows(Step::new(&read::DIRECTORY_REVISION, [])).await?;
            Page::DirectoryRevision(int("tenants", one(&rows)?.first())?)
        }
        Query::Installation(_) => {
            let rows = found.rows(Step::new(&read::INSTALLATION, [])).await?;
            Page::Installation(word("installation", one(&rows)?.first())?.to_owned())
        }
        Query::LastId(_) => Page::LastId(found.last_id().await?),
        Query::Ping(_) => {
            // A transaction around it would be two more statements.
            pool.upkeep().await?.rows(&[Step::new(&read::PING, [])]).await?;
            Page::Ping(())
        }
        Query::DatabaseTime(_) => {
            let step = Step::new(&read::DATABASE_TIME, []);
            let rows = pool.upkeep().await?.rows(&[step]).await?.concat();
            let ms = int("clock", one(&rows)?.first())?;
            Page::DatabaseTime(Some(Timestamp::from_ms(ms)))
        }
        Query::AboutDatabase(_) => {
            let rows = found.rows(Step::new(&read::ABOUT_DATABASE, [])).await?;
            Page::AboutDatabase(read_about(&one(&rows)?)?)
        }
        Query::OldestUndelivered(_) => {
            let rows = found.rows(Step::new(&read::OLDEST_UNDELIVERED, [])).await?;
            Page::OldestUndelivered(number(one(&rows)?.first()).map(Timestamp::from_ms))
        }
        Query::Audit(_) => Page::Audit(audit(pool).await?),
    })
}

/// The sessions that a query uses.
#[derive(Clone, Copy)]
enum Session {
    /// Those that queries share.
    Shared,
    /// The one for what the process itself needs to know: it waits behind no caller's query.
    Upkeep,
}

fn session_of(query: &Query) -> Session {
    match query {
        Query::Tasks(_)
        | Query::DirectoryOf(_)
        | Query::DirectoryRevision(_)
        | Query::Installation(_)
        | Query::LastId(_)
        | Query::Ping(_)
        | Query::DatabaseTime(_)
        | Query::AboutDatabase(_) => Session::Upkeep,
        Query::OneOrder(_)
        | Query::AllocationsOf(_)
        | Query::OneRefund(_)
        | Query::Payees(_)
        | Query::SecretCards(_)
        | Query::SignedAgreements(_)
        | Query::Orders(_)
        | Query::StoryOf(_)
        | Query::StoriesWithEvents(_)
        | Query::Archives(_)
        | Query::TenantsWithOrder(_)
        | Query::TenantsWithWithdrawal(_)
        | Query::OneWithdrawal(_)
        | Query::Withdrawals(_)
        | Query::PaidOrders(_)
        | Query::Cards(_)
        | Query::CardBatches(_)
        | Query::CardFlows(_)
        | Query::WalletFlows(_)
        | Query::BookedFor(_)
        | Query::BalancesAt(_)
        | Query::LiabilitiesAt(_)
        | Query::PostingsBetween(_)
        | Query::Accounts(_)
        | Query::Postings(_)
        | Query::Notifications(_)
        | Query::OneNotification(_)
        | Query::Approvals(_)
        | Query::OneApproval(_)
        | Query::AttentionList(_)
        | Query::AttentionCounts(_)
        | Query::OldestUndelivered(_)
        | Query::Audit(_) => Session::Shared,
    }
}

pub(crate) fn tenant(tenant: &TenantId) -> Parameter<'_> {
    Parameter::text(tenant.as_str())
}

/// The bound of a page: everything, or what lies before the page that was seen.
fn below<K>(before: Option<Id<K>>) -> i64 {
    before.map_or(i64::MAX, Id::value)
}

fn approvals(of: &Approvals) -> Step<'_> {
    Step::new(
        &read::APPROVALS,
        [
            Parameter::int(below(of.before)),
            Parameter::optional(of.tenant.as_ref().map(TenantId::as_str)),
            Parameter::optional(of.state.as_deref()),
            Parameter::int(i64::from(of.limit)),
        ],
    )
}

/// A page of a tenant's notifications: ids below the first of the range, from the second on.
#[derive(Clone, Copy)]
struct PageOf<'a> {
    tenant: &'a TenantId,
    range: (i64, i64),
    state: Option<&'a str>,
    limit: u32,
}

impl<'a> PageOf<'a> {
    fn step(self, sql: &'static Sql) -> Step<'a> {
        let (below, lowest) = self.range;
        Step::new(
            sql,
            [
                tenant(self.tenant),
                Parameter::int(below),
                Parameter::int(lowest),
                Parameter::optional(self.state),
                Parameter::int(i64::from(self.limit)),
            ],
        )
    }
}

/// What is found in a database.
pub(crate) struct Found<'p> {
    pool: &'p Pool,
    session: Session,
    /// Whose query it is.
    party: Party,
}

impl Found<'_> {
    /// The rows of each statement, all of one moment.
    pub(crate) async fn all(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreFault> {
        match self.session {
            Session::Shared => {
                self.pool.query(&self.party).await?.snapshot(steps, Patience::Usual).await
            }
            Session::Upkeep => self.pool.upkeep().await?.snapshot(steps, Patience::Usual).await,
        }
    }

    async fn rows(&self, step: Step<'_>) -> Result<Vec<Row>, StoreFault> {
        Ok(self.all(&[step]).await?.concat())
    }

    /// The allocations of these numbers, in the order of the numbers.
    async fn allocations(&self, of: &AllocationsOf) -> Result<Vec<Allocation>, StoreFault> {
        let numbers: Vec<&NaturalKey> = of.numbers.iter().collect();
        let Some(namespace) = numbers.first().map(|number| &*number.namespace) else {
            return Ok(vec![]);
        };
        let Some(step) = by_numbers::<Allocation>(&of.tenant, namespace, &numbers) else {
            return Ok(vec![]);
        };
        let mut rows = numbered::<Allocation>(&self.rows(step).await?, &numbers)?;
        rows.sort_by_cached_key(|row| {
            of.numbers.iter().position(|number| row.natural_key().as_ref() == Some(number))
        });
        Ok(rows)
    }

    async fn one<A: SqlRow>(
        &self,
        tenant: &TenantId,
        key: &Key<A::Kind>,
    ) -> Result<Option<A>, StoreFault> {
        let found = match key {
            Key::Id(id) => {
                let rows = self.rows(by_ids::<A>(tenant, vec![id.value()])).await?;
                cell::read(&rows, rows::read)?
            }
            Key::Number(number) => match by_numbers::<A>(tenant, &number.namespace, &[number]) {
                Some(step) => numbered(&self.rows(step).await?, &[number])?,
                None => vec![],
            },
        };
        Ok(found.into_iter().next())
    }

    async fn orders(
        &self,
        filter: &OrderFilter,
    ) -> Result<Listed<Order, kinds::Order>, StoreFault> {
        let reached = match filter.is_selective() {
            true => {
                let below = below(filter.before);
                self.reached(&read::ORDER_REACHED, &filter.tenant, below).await?
            }
            false => None,
        };
        let lowest = filter.from.map_or(i64::MIN, lowest_id);
        let step = orders(filter, lowest.max(reached.unwrap_or(i64::MIN)));
        let rows = cell::read(&self.rows(step).await?, rows::read)?;
        Ok(Listed::of(rows, filter.limit, reached, |order: &Order| order.terms.id))
    }

    async fn paid_orders(&self, of: &PaidOrders) -> Result<Counted<Order>, StoreFault> {
        let page = [of.offset, of.limit].map(|number| Parameter::int(i64::from(number)));
        let payments = || {
            let in_time = in_time(&of.tenant, &of.account, of.from, of.to);
            in_time.into_iter().chain([Parameter::optional(of.channel.as_deref())])
        };
        let steps = [
            Step::new(&read::PAID_ORDER_COUNT, payments()),
            Step::new(&read::PAID_ORDERS, payments().chain(page)),
        ];
        let found = self.all(&steps).await?;
        let [counts, orders] = found.as_slice() else {
            return Err(StoreFault::Failed("paid orders with too few answers".to_owned()));
        };
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        Ok(Counted { count, rows: cell::read(orders, rows::read)? })
    }

    async fn cards(&self, of: &Cards) -> Result<Counted<kernel::Card>, StoreFault> {
        let (count, list): (&'static Sql, &'static Sql) = match &of.of {
            CardsOf::Owner(_) => (&read::CARD_COUNT_OF_OWNER, &read::CARDS_OF_OWNER),
            CardsOf::Batch(_) => (&read::CARD_COUNT_OF_BATCH, &read::CARDS_OF_BATCH),
        };
        let examined = || {
            let whose = match &of.of {
                CardsOf::Owner(owner) => Parameter::text(owner),
                CardsOf::Batch(batch) => Parameter::int(batch.value()),
            };
            let state = Parameter::optional(of.state.map(CardState::name));
            let most = Parameter::int(i64::from(EXAMINED_MAX));
            [tenant(&of.tenant), whose, state, most]
        };
        let page = [of.offset, of.limit].map(|number| Parameter::int(i64::from(number)));
        let steps =
            [Step::new(count, examined()), Step::new(list, examined().into_iter().chain(page))];
        let found = self.all(&steps).await?;
        let [counts, cards] = found.as_slice() else {
            return Err(StoreFault::Failed("cards with too few answers".to_owned()));
        };
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        Ok(Counted { count, rows: cell::read(cards, rows::read)? })
    }

    async fn booked(&self, of: &BookedFor) -> Result<Counted<Booked>, StoreFault> {
        let page = [of.offset, of.limit].map(|number| Parameter::int(i64::from(number)));
        let steps = [
            Step::new(&read::BOOKED_COUNT, scope(of)),
            Step::new(&read::BOOKED, scope(of).into_iter().chain(page)),
        ];
        let found = self.all(&steps).await?;
        let [counts, sums] = found.as_slice() else {
            return Err(StoreFault::Failed("what was booked with too few answers".to_owned()));
        };
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        let sums = cell::read(sums, booked::read)?;
        let rows = self.rows_that_moved(&of.tenant, &sums).await?;
        let ids = rows.iter().filter_map(order_of).map(Id::value).collect();
        let orders = self.rows(by_ids::<Order>(&of.tenant, ids)).await?;
        BookedFor::answer_of(count, sums, rows, cell::read(&orders, rows::read)?)
    }

    /// The rows of these sums, in no order.
    async fn rows_that_moved(
        &self,
        tenant: &TenantId,
        sums: &[BookedSum],
    ) -> Result<Vec<kernel::Row>, StoreFault> {
        let of = |kind| {
            let those = sums.iter().filter(move |sum| sum.subject.kind == kind);
            those.map(|sum| sum.subject.value).collect()
        };
        let steps = [
            by_ids::<Refund>(tenant, of(SubjectKind::Refund)),
            by_ids::<Share>(tenant, of(SubjectKind::Share)),
            by_ids::<ShareReturn>(tenant, of(SubjectKind::ShareReturn)),
        ];
        let found = self.all(&steps).await?;
        let [refunds, shares, returns] = found.as_slice() else {
            return Err(StoreFault::Failed("rows with too few answers".to_owned()));
        };
        let refunds = cell::read(refunds, rows::read)?.into_iter().map(kernel::Row::Refund);
        let shares = cell::read(shares, rows::read)?.into_iter().map(kernel::Row::Share);
        let returns = cell::read(returns, rows::read)?.into_iter().map(kernel::Row::ShareReturn);
        Ok(refunds.chain(shares).chain(returns).collect())
    }

    /// The last row that a listing reads below an id; none when it reads all.
    async fn reached(
        &self,
        sql: &'static Sql,
        owner: &TenantId,
        below: i64,
    ) -> Result<Option<i64>, StoreFault> {
        let skipped = Parameter::int(i64::from(EXAMINED_MAX - 1));
        let step = Step::new(sql, [tenant(owner), Parameter::int(below), skipped]);
        Ok(number(one(&self.rows(step).await?)?.first()))
    }

    async fn story(
        &self,
        tenant: &TenantId,
        root: Id<kinds::Root>,
    ) -> Result<Option<Story>, StoreFault> {
        let about =
            |sql| Step::new(sql, [Parameter::text(tenant.as_str()), Parameter::int(root.value())]);
        let added = [
            &*read::EVENTS_OF_ROOT,
            &*read::TRANSFERS_OF_ROOT,
            &*read::TASKS_OF_ROOT,
            &*read::ARCHIVED_EVENTS_OF_ROOT,
        ];
        let steps: Vec<Step<'_>> = added.into_iter().chain(rows_of_root()).map(about).collect();
        let found = self.all(&steps).await?;
        let [events, transfers, tasks, archived, rows @ ..] = found.as_slice() else {
            return Err(StoreFault::Failed("a story with too few answers".to_owned()));
        };
        let rows = read_rows(rows)?;
        // Events cannot be read without their rows: where the root has none there is no story.
        if !rows.iter().any(|row| row.subject().root() == root) {
            return Ok(None);
        }
        let subjects: event::Subjects =
            rows.iter().map(|row| (row.subject(), row.clone())).collect();
        let events = cell::read(events, |cells| event::read(cells, &subjects))?;
        let transfers = cell::read(transfers, transfer::read)?;
        let tasks = cell::read(tasks, task::read)?;
        let archived = cell::read(archived, archive::read_events)?;
        let story = Story::of(root, rows, events, transfers, tasks);
        Ok(story.map(|story| story.with_archived(archived)))
    }

    async fn notifications(&self, page: PageOf<'_>) -> Result<Vec<NotificationRow>, StoreFault> {
        let steps = [page.step(&read::NOTIFICATIONS), page.step(&read::EVENTS_OF_NOTIFICATIONS)];
        let found = self.all(&steps).await?;
        let [rows, events] = found.as_slice() else {
            return Err(StoreFault::Failed("notifications with too few answers".to_owned()));
        };
        let rows: Vec<Notification> = cell::read(rows, rows::read)?;
        let subjects: event::Subjects =
            rows.iter().map(|row| (row.id.subject(), row.clone().into())).collect();
        let mut events_of: HashMap<_, Vec<Event>> = HashMap::new();
        for event in cell::read(events, |cells| event::read(cells, &subjects))? {
            events_of.entry(event.subject).or_default().push(event);
        }
        let with_attempts = rows.into_iter().map(|row| {
            let events = events_of.remove(&row.id.subject()).unwrap_or_default();
            NotificationRow::of(row, &events)
        });
        Ok(with_attempts.collect())
    }

    async fn attention(
        &self,
        filter: &AttentionFilter,
        now: Timestamp,
    ) -> Result<Vec<AttentionRow>, StoreFault> {
        let found = self.all(&attention_of_all(filter)).await?;
        let mut rows = read_attention(&found, filter)?;
        let mut of_tasks = self.parked().await?;
        if filter.has_kind(AttentionKind::Late) {
            of_tasks.extend(self.late(now).await?);
        }
        rows.extend(of_tasks.into_iter().filter(|row| filter.keeps(row)));
        Ok(filter.page(rows))
    }

    /// A line for each tenant and lane that has late tasks.
    async fn late(&self, now: Timestamp) -> Result<Vec<AttentionRow>, StoreFault> {
        let mut late = vec![];
        for lateness in Lateness::of_all(now) {
            let Lateness { lane, due_by, wanted_by, .. } = lateness;
            let due = Due { lane, due_by, wanted_by, most: LATE_EXAMINED_MAX };
            let tenants = self.rows(due.tenants()).await?;
            let steps = due.of_each(&sql::LATE, cell::read(&tenants, read_tenant)?);
            let found = self.all(&steps).await?.concat();
            let found = cell::read(&found, |cells| Ok(readable(task::read_late(cells))))?;
            late.extend(found.into_iter().flatten().map(|late| late.row(lateness)));
        }
        Ok(late)
    }

    async fn parked(&self) -> Result<Vec<AttentionRow>, StoreFault> {
        let limit = Parameter::int(i64::from(PARKED_LISTED_MAX));
        cell::read(&self.rows(Step::new(&sql::PARKED, [limit])).await?, task::read_parked)
    }

    async fn attention_counts(&self, now: Timestamp) -> Result<Vec<AttentionCount>, StoreFault> {
        let steps: Vec<Step<'_>> =
            attention_counts_of_all().into_iter().map(|sql| Step::new(sql, [])).collect();
        let found = self.all(&steps).await?.concat();
        let counts = cell::read(&found, rows::attention_count)?;
        let of_tasks = self.parked().await?.into_iter().chain(self.late(now).await?);
        Ok(AttentionCount::sum(counts.into_iter().chain(of_tasks.map(AttentionCount::of))))
    }

    async fn directory(&self) -> Result<DirectoryRows, StoreFault> {
        let sql = [
            kernel::Tenant::sql(),
            kernel::Merchant::sql(),
            kernel::CallerKey::sql(),
            kernel::ChannelAccount::sql(),
        ];
        let found = self.all(&sql.map(|sql| Step::new(&sql.all, []))).await?;
        let [tenants, merchants, caller_keys, channel_accounts] = found.as_slice() else {
            return Err(StoreFault::Failed("a directory with too few answers".to_owned()));
        };
        Ok(DirectoryRows {
            tenants: cell::read(tenants, rows::read)?,
            merchants: cell::read(merchants, rows::read)?,
            caller_keys: cell::read(caller_keys, rows::read)?,
            channel_accounts: cell::read(channel_accounts, rows::read)?,
        })
    }

    /// The largest id of an event. It is not below those of the newest order, and since that was placed
    /// there are few; where no tenant has an order, everything is read.
    async fn last_id(&self) -> Result<Option<i64>, StoreFault> {
        let archived = self.rows(Step::new(&read::LAST_ARCHIVED_ID, [])).await?;
        let archived = number(one(&archived)?.first());
        let since = self.newest_order().await?.map(|id| id.saturating_sub(MINUTE_OF_IDS));
        let mut upkeep = self.pool.upkeep().await?;
        for lowest in since.into_iter().chain([i64::MIN]) {
            let step = Step::new(&read::LAST_ID, [Parameter::int(lowest)]);
            let rows = upkeep.snapshot(&[step], Patience::Long).await?.concat();
            let last = number(one(&rows)?.first());
            if last.is_some() {
                return Ok(last.max(archived));
            }
        }
        Ok(archived)
    }

    /// The largest id of an order of any tenant.
    async fn newest_order(&self) -> Result<Option<i64>, StoreFault> {
        let tenants = self.rows(Step::new(&read::TENANTS, [])).await?;
        let tenants = cell::read(&tenants, read_tenant)?;
        let steps: Vec<Step<'_>> =
            tenants.iter().map(|id| Step::new(&read::NEWEST_ORDER, [tenant(id)])).collect();
        let found = self.all(&steps).await?.concat();
        let ids = cell::read(&found, |cells| Ok(number(cells.first())))?;
        Ok(ids.into_iter().flatten().max())
    }
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        /// The statements for the rows of a story. Each row has events in it, or had some that were
        /// archived.
        fn rows_of_root() -> Vec<&'static Sql> {
            vec![$(&kernel::$row::sql().of_root,)*]
        }

        /// The rows that those found.
        fn read_rows(found: &[Vec<Row>]) -> Result<Vec<kernel::Row>, StoreFault> {
            let mut rows = Vec::new();
            let mut found = found.iter();
            $(
                let own = found.next().map_or(Ok(vec![]), |own| cell::read(own, rows::read))?;
                rows.extend(own.into_iter().map(kernel::Row::$row));
            )*
            Ok(rows)
        }

        /// The statements for the rows that need a person: one for each aggregate of the list.
        fn attention_of_all(filter: &AttentionFilter) -> Vec<Step<'_>> {
            let mut steps = Vec::new();
            $(steps.extend(attention_of::<kernel::$row>(filter));)*
            steps
        }

        /// The rows that those found.
        fn read_attention(
            found: &[Vec<Row>],
            filter: &AttentionFilter,
        ) -> Result<Vec<AttentionRow>, StoreFault> {
            let mut needy = Vec::new();
            let mut found = found.iter();
            $(
                if filter.start(kind::<kernel::$row>()).is_some() {
                    let own: Vec<kernel::$row> =
                        found.next().map_or(Ok(vec![]), |own| cell::read(own, rows::read))?;
                    needy.extend(own.iter().filter_map(AttentionRow::of));
                }
            )*
            Ok(needy)
        }

        /// The statements for how many rows need a person.
        fn attention_counts_of_all() -> Vec<&'static Sql> {
            vec![$(&kernel::$row::sql().attention_counts,)*]
        }
    };
}
kernel::aggregates!(of_all);

fn kind<A: SqlRow>() -> SubjectKind {
    <A::Kind as SubjectId>::KIND
}

fn attention_of<A: SqlRow>(filter: &AttentionFilter) -> Option<Step<'_>> {
    let start = filter.start(kind::<A>())?;
    let page = [
        Parameter::int(start.since),
        Parameter::text(start.tenant),
        Parameter::int(start.id),
        Parameter::optional(filter.kind.map(AttentionKind::name)),
        Parameter::int(i64::from(filter.limit)),
    ];
    Some(match &filter.tenant {
        Some(owner) => {
            Step::new(&A::sql().attention_of_tenant, [tenant(owner)].into_iter().chain(page))
        }
        None => Step::new(&A::sql().attention, page),
    })
}

fn orders(filter: &OrderFilter, lowest: i64) -> Step<'_> {
    Step::new(
        &read::ORDERS,
        [
            tenant(&filter.tenant),
            Parameter::int(below(filter.before)),
            Parameter::int(lowest),
            Parameter::optional(filter.state.as_deref()),
            Parameter::int(filter.from.map_or(i64::MIN, Timestamp::ms)),
            Parameter::int(filter.to.map_or(i64::MAX, Timestamp::ms)),
            Parameter::int(i64::from(filter.limit)),
        ],
    )
}

fn postings(of: &Postings) -> Step<'_> {
    Step::new(
        &read::POSTINGS,
        [
            tenant(&of.tenant),
            Parameter::text(of.account.key()),
            Parameter::int(below(of.before)),
            Parameter::int(i64::from(of.limit)),
        ],
    )
}

/// A step for each account.
fn balances_at(of: &BalancesAt) -> Vec<Step<'_>> {
    let lowest = of.at.map_or(i64::MAX, lowest_id);
    let step = |account: &Account| {
        Step::new(
            &read::BALANCE_AT,
            [
                tenant(&of.tenant),
                Parameter::text(account.key()),
                Parameter::int(lowest),
                Parameter::int(of.at.map_or(i64::MAX, Timestamp::ms)),
            ],
        )
    };
    of.accounts.iter().map(step).collect()
}

fn liabilities_at(of: &LiabilitiesAt) -> Step<'_> {
    Step::new(
        &read::LIABILITIES_AT,
        [
            tenant(&of.tenant),
            Parameter::int(of.at.map_or(i64::MAX, lowest_id)),
            Parameter::int(of.at.map_or(i64::MAX, Timestamp::ms)),
            Parameter::int(i64::from(of.limit)),
            Parameter::int(i64::from(of.offset)),
        ],
    )
}

/// An account, and a time by ids and by itself.
fn in_time<'a>(
    owner: &'a TenantId,
    account: &Account,
    from: Timestamp,
    to: Timestamp,
) -> [Parameter<'a>; 6] {
    [
        tenant(owner),
        Parameter::text(account.key()),
        Parameter::int(lowest_id(from)),
        Parameter::int(highest_id(to)),
        Parameter::int(from.ms()),
        Parameter::int(to.ms()),
    ]
}

/// What the statements about what was booked for a merchant have in common.
fn scope(of: &BookedFor) -> Vec<Parameter<'_>> {
    let texts = |words: [&'static str; 2]| Parameter::texts(words.map(Cow::Borrowed));
    vec![
        tenant(&of.tenant),
        Parameter::texts(of.accounts().map(|account| Cow::Owned(account.key()))),
        Parameter::int(lowest_id(of.from)),
        Parameter::int(highest_id(of.to)),
        Parameter::int(of.from.ms()),
        Parameter::int(of.to.ms()),
        texts(of.subject_kinds().map(SubjectKind::name)),
        texts(of.phases().map(Phase::name)),
        Parameter::optional(of.merchant_of_orders().map(MerchantId::as_str)),
        Parameter::optional(of.channel.as_deref()),
    ]
}

fn postings_between(of: &PostingsBetween) -> Step<'_> {
    let after = of.after.map_or(i64::MIN, |after| after.value().saturating_add(1));
    let mut parameters = in_time(&of.tenant, &of.account, of.from, of.to);
    parameters[2] = Parameter::int(lowest_id(of.from).max(after));
    let limit = Parameter::int(i64::from(of.limit));
    Step::new(&read::POSTINGS_BETWEEN, parameters.into_iter().chain([limit]))
}

/// The cells of the only row.
fn one(rows: &[Row]) -> Result<Vec<Value<'_>>, StoreFault> {
    Ok(rows.first().map(cells).transpose()?.unwrap_or_default())
}

/// A number, or nothing.
fn number(cell: Option<&Value<'_>>) -> Option<i64> {
    match cell {
        Some(Value::Int(number)) => Some(*number),
        Some(Value::Null | Value::Text(_)) | None => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
fn read_root(cells: &[Value<'_>]) -> Result<Id<kinds::Root>, StoreFault> {
    Ok(Id::from_value(int(event::EVENTS.name, cells.first())?))
}

#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
fn read_owner<K>(cells: &[Value<'_>]) -> Result<(TenantId, Id<K>), StoreFault> {
    let tenant = TenantId::new(word("owners", cells.first())?);
    Ok((tenant, Id::from_value(int("owners", cells.get(1))?)))
}

fn read_accounts(rows: &[Row]) -> Result<Vec<AccountRow>, StoreFault> {
    let mut found = cell::read(rows, |cells| transfer::read_balance(cells).map(|(_, row)| row))?;
    found.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(found)
}

/// Counts tenant by tenant, so that no more is read than is counted. Like a claim it needs no snapshot,
/// and its statements are planned as those of a claim.
async fn count_due(pool: &Pool, lane: Lane, now: Timestamp) -> Result<TaskRow, StoreFault> {
    let due = Due { lane, due_by: now.plus_ms(DEFER_MS), wanted_by: now, most: TASKS_COUNTED_MAX };
    let mut upkeep = pool.upkeep().await?;
    let tenants = upkeep.rows(&[due.tenants()]).await?.concat();
    let steps = due.of_each(&sql::COUNT_DUE, cell::read(&tenants, read_tenant)?);
    let mut all = TaskRow::default();
    for own in cell::read(&upkeep.rows(&steps).await?.concat(), task::read_count)? {
        all.add(own);
    }
    Ok(all)
}

/// The first due tasks of a lane that their rows wanted by some time.
struct Due {
    lane: Lane,
    due_by: Timestamp,
    wanted_by: Timestamp,
    /// How many of each tenant are looked at.
    most: u32,
}

impl Due {
    /// The tenants that have some, leased or not.
    fn tenants(&self) -> Step<'static> {
        tenants_due(self.lane, self.due_by.ms(), i64::MAX)
    }

    /// A statement about those of each tenant.
    fn of_each(&self, sql: &'static Sql, tenants: Vec<TenantId>) -> Vec<Step<'static>> {
        let step = |of: TenantId| {
            Step::new(
                sql,
                [
                    Parameter::text(of.as_str().to_owned()),
                    Parameter::text(self.lane.name()),
                    Parameter::int(self.due_by.ms()),
                    Parameter::int(self.wanted_by.ms()),
                    Parameter::int(i64::from(self.most)),
                ],
            )
        };
        tenants.into_iter().map(step).collect()
    }
}

fn read_about(cells: &[Value<'_>]) -> Result<DatabaseFacts, StoreFault> {
    let number = |at: usize| int("schema_version", cells.get(at));
    let version = word("schema_version", cells.first())?;
    let product = match number(1)? {
        0 => format!("PostgreSQL {version}"),
        _ => format!("PostgreSQL {version} with Citus"),
    };
    Ok(DatabaseFacts {
        product,
        schema_version: number(2)?,
        schema_version_known: i64::try_from(schema::MIGRATIONS.len()).unwrap_or(i64::MAX),
    })
}
