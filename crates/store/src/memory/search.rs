//! Answering questions from the model.

use super::{INSTALLATION, State};
use crate::audit::{add, out_of_range};
use crate::booked::order_of;
use crate::rows::Stored;
use crate::rows::booked::BookedSum;
use crate::rows::liability::{self, Liability};
use crate::{
    AccountRow, Approvals, AttentionCount, AttentionFilter, AttentionRow, BalancesAt, Booked,
    BookedFor, Cards, CardsOf, Counted, DEFER_MS, DatabaseFacts, DirectoryRows, EXAMINED_MAX,
    LATE_EXAMINED_MAX, LateTasks, Lateness, LiabilitiesAt, Listed, NotificationRow, Notifications,
    OrderFilter, Page, PaidOrders, Query, StoreFault, Story, TASKS_COUNTED_MAX, TaskRow,
};
use kernel::{
    Aggregate as _, Approval, AttentionKind, Card, Exit, Key, Lane, MerchantId, NaturalKey,
    Notification, Order, Row, Task, TenantId,
};
use ledger::{
    Account, AccountKind, Balance, Fen, Id, Phase, Reason, Subject, SubjectKind, Timestamp,
    Transfer, kinds,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

impl State {
    #[expect(clippy::disallowed_methods, reason = "rows are kept by the value of their id")]
    pub(super) fn search(&self, query: &Query) -> Result<Page, StoreFault> {
        Ok(match query {
            Query::OneOrder(one) => {
                Page::OneOrder(self.orders.find(&one.tenant, &one.key).cloned().map(Box::new))
            }
            Query::AllocationsOf(of) => {
                let find = |number: &NaturalKey| {
                    self.allocations.find(&of.tenant, &Key::Number(number.clone())).cloned()
                };
                Page::AllocationsOf(of.numbers.iter().filter_map(find).collect())
            }
            Query::OneRefund(one) => {
                Page::OneRefund(self.refunds.find(&one.tenant, &one.key).cloned().map(Box::new))
            }
            Query::Payees(of) => Page::Payees(
                self.payees
                    .of(&of.tenant)
                    .filter(|row| of.after.is_none_or(|after| row.id > after))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::SignedAgreements(of) => Page::SignedAgreements(
                self.agreements
                    .of(&of.tenant)
                    .filter(|row| row.contract.is_some())
                    .filter(|row| of.after.is_none_or(|after| row.terms.id > after))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::SecretCards(of) => Page::SecretCards(
                self.cards
                    .of(&of.tenant)
                    .filter(|row| row.secret.is_some())
                    .filter(|row| of.after.is_none_or(|after| row.id > after))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::Orders(orders) => Page::Orders(self.list_orders(&orders.filter)),
            Query::OneWithdrawal(one) => {
                let found = self.withdrawals.find(&one.tenant, &one.key);
                Page::OneWithdrawal(found.cloned().map(Box::new))
            }
            Query::Withdrawals(of) => Page::Withdrawals(
                self.withdrawals
                    .of(&of.tenant)
                    .rev()
                    .filter(|row| of.before.is_none_or(|before| row.id < before))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::Cards(of) => Page::Cards(self.list_cards(of)),
            Query::CardBatches(of) => Page::CardBatches(self.list_card_batches(of)),
            Query::CardFlows(of) => Page::CardFlows(self.card_flows(of)),
            Query::WalletFlows(of) => Page::WalletFlows(self.wallet_flows(of)?),
            Query::PaidOrders(of) => Page::PaidOrders(self.paid_orders(of)),
            Query::BookedFor(of) => Page::BookedFor(self.booked(of)?),
            Query::LiabilitiesAt(of) => Page::LiabilitiesAt(self.liabilities_at(of)?),
            Query::BalancesAt(of) => Page::BalancesAt(self.balances_at(of)?),
            Query::PostingsBetween(of) => Page::PostingsBetween(
                self.transfers_of(&of.tenant)
                    .filter(|transfer| of.after.is_none_or(|after| transfer.id > after))
                    .filter(|transfer| of.from <= transfer.at && transfer.at < of.to)
                    .filter(|transfer| matches!(transfer.phase, Phase::Post | Phase::PostHeld))
                    .filter(|transfer| [&transfer.debit, &transfer.credit].contains(&&of.account))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::StoryOf(of) => Page::StoryOf(self.story(&of.tenant, of.root).map(Box::new)),
            Query::StoriesWithEvents(of) => Page::StoriesWithEvents(self.stories_with_events(of)),
            Query::Archives(of) => Page::Archives(self.archives(of)),
            Query::TenantsWithOrder(with) => Page::TenantsWithOrder(
                self.orders
                    .with_number(&with.merchant_order_no)
                    .map(|(tenant, id)| (tenant, Id::from_value(id)))
                    .collect(),
            ),
            Query::TenantsWithWithdrawal(with) => Page::TenantsWithWithdrawal(
                self.withdrawals
                    .with_number(&with.withdrawal_no)
                    .map(|(tenant, id)| (tenant, Id::from_value(id)))
                    .collect(),
            ),
            Query::Accounts(of) => Page::Accounts(self.accounts(&of.tenant)),
            Query::Postings(of) => Page::Postings(
                self.transfers_of(&of.tenant)
                    .rev()
                    .filter(|transfer| of.before.is_none_or(|before| transfer.id < before))
                    .filter(|transfer| [&transfer.debit, &transfer.credit].contains(&&of.account))
                    .take(len(of.limit))
                    .cloned()
                    .collect(),
            ),
            Query::Notifications(of) => Page::Notifications(self.list_notifications(of)),
            Query::OneNotification(one) => {
                let found = self.notifications.get(&one.tenant, one.id.value());
                Page::OneNotification(found.map(|row| Box::new(self.notification_row(row))))
            }
            Query::Approvals(of) => Page::Approvals(self.list_approvals(of)),
            Query::OneApproval(one) => {
                let found = self.approvals.all().find(|row| row.id == one.id);
                Page::OneApproval(found.cloned().map(Box::new))
            }
            Query::Tasks(tasks) => Page::Tasks(self.count_due(tasks.lane, tasks.now)),
            Query::AttentionList(list) => {
                Page::AttentionList(self.attention(&list.filter, list.now))
            }
            Query::AttentionCounts(of) => Page::AttentionCounts(self.attention_counts(of.now)),
            Query::DirectoryOf(_) => Page::DirectoryOf(Box::new(self.directory())),
            Query::DirectoryRevision(_) => Page::DirectoryRevision(self.directory_revision()),
            Query::Installation(_) => Page::Installation(INSTALLATION.to_owned()),
            Query::LastId(_) => {
                let logged = self.events.values().map(|event| event.id);
                let archived = self.archives.values().map(|record| record.last_event);
                Page::LastId(logged.chain(archived).max().map(Id::value))
            }
            Query::Ping(_) => Page::Ping(()),
            Query::DatabaseTime(_) => Page::DatabaseTime(None),
            Query::AboutDatabase(_) => Page::AboutDatabase(DatabaseFacts {
                product: "memory".to_owned(),
                schema_version: 0,
                schema_version_known: 0,
            }),
            Query::OldestUndelivered(_) => Page::OldestUndelivered(self.oldest_undelivered()),
            Query::Audit(_) => Page::Audit(self.audit()?),
        })
    }

    fn oldest_undelivered(&self) -> Option<Timestamp> {
        let open = self.notifications.all().filter(|row| row.standing().is_open());
        open.map(|row| row.made_at).min()
    }

    fn list_notifications(
        &self,
        of: &Notifications,
    ) -> Listed<NotificationRow, kinds::Notification> {
        let is_below = |row: &&Notification| of.before.is_none_or(|before| row.id < before);
        let below = || self.notifications.of(&of.tenant).rev().filter(is_below);
        let reached = of.state.as_ref().and_then(|_| below().nth(len(EXAMINED_MAX) - 1));
        let rows = below()
            .take(examined(of.state.is_some()))
            .filter(|row| is(&of.state, row.state.name()))
            .take(len(of.limit))
            .map(|row| self.notification_row(row))
            .collect();
        let reached = reached.map(|row| row.id.value());
        Listed::of(rows, of.limit, reached, |row: &NotificationRow| row.notification.id)
    }

    fn list_approvals(&self, of: &Approvals) -> Vec<Approval> {
        let mut rows: Vec<Approval> = self
            .approvals
            .all()
            .filter(|row| of.tenant.as_ref().is_none_or(|tenant| row.tenant == *tenant))
            .filter(|row| of.before.is_none_or(|before| row.id < before))
            .filter(|row| is(&of.state, row.state.name()))
            .cloned()
            .collect();
        rows.sort_by_key(|row| Reverse(row.id));
        rows.truncate(len(of.limit));
        rows
    }

    fn list_orders(&self, filter: &OrderFilter) -> Listed<Order, kinds::Order> {
        let is_below = |order: &&Order| filter.before.is_none_or(|before| order.terms.id < before);
        let below = || self.orders.of(&filter.tenant).rev().filter(is_below);
        let is_selective = filter.is_selective();
        let reached = below().nth(len(EXAMINED_MAX) - 1).filter(|_| is_selective);
        let rows = below()
            .take(examined(is_selective))
            .filter(|order| is(&filter.state, order.state.name()))
            .filter(|order| filter.from.is_none_or(|from| order.terms.placed_at >= from))
            .filter(|order| filter.to.is_none_or(|to| order.terms.placed_at < to))
            .take(len(filter.limit))
            .cloned()
            .collect();
        let reached = reached.map(|order| order.terms.id.value());
        Listed::of(rows, filter.limit, reached, |order: &Order| order.terms.id)
    }

    fn story(&self, tenant: &TenantId, root: Id<kinds::Root>) -> Option<Story> {
        let events = self.events.values().filter(|event| event.tenant == *tenant);
        let events: Vec<_> = events.filter(|event| event.root == root).cloned().collect();
        let transfers = self.transfers_of(tenant).filter(|transfer| transfer.root == root);
        let tasks =
            self.tasks.iter().filter(|(task, _)| task.tenant == *tenant && task.root == root);
        let tasks: Vec<(Task, Timestamp)> =
            tasks.map(|(task, waiting)| (task.clone(), waiting.due)).collect();
        let (rows, transfers) = (self.rows_of(tenant, root), transfers.cloned().collect());
        let story = Story::of(root, rows, events, transfers, tasks)?;
        Some(story.with_archived(self.archived_of(tenant, root)))
    }

    pub(super) fn transfers_of(
        &self,
        tenant: &TenantId,
    ) -> impl DoubleEndedIterator<Item = &ledger::Transfer> {
        let range = (tenant.clone(), i64::MIN)..=(tenant.clone(), i64::MAX);
        self.transfers.range(range).map(|(_, transfer)| transfer)
    }

    fn accounts(&self, tenant: &TenantId) -> Vec<AccountRow> {
        let own = self.balances.iter().filter(|((owner, _), _)| owner == tenant);
        own.map(|((_, account), balance)| AccountRow {
            account: account.clone(),
            balance: *balance,
        })
        .collect()
    }

    /// Adds the transfers up, from the first one on.
    pub(super) fn balances_at(&self, of: &BalancesAt) -> Result<Vec<AccountRow>, StoreFault> {
        let known =
            || self.transfers_of(&of.tenant).filter(|it| of.at.is_none_or(|at| it.at <= at));
        let row = |account: &Account| {
            let mut balance = Balance::default();
            for transfer in known() {
                let Ok((debit, credit)) = transfer.deltas() else { continue };
                for (side, delta) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
                    if side == account {
                        add(&mut balance, delta)?;
                    }
                }
            }
            Ok(AccountRow { account: account.clone(), balance })
        };
        of.accounts.iter().map(row).collect()
    }

    fn liabilities_at(&self, of: &LiabilitiesAt) -> Result<Vec<Liability>, StoreFault> {
        let accounts: BTreeSet<Account> = self
            .transfers_of(&of.tenant)
            .flat_map(|it| [it.debit.clone(), it.credit.clone()])
            .filter(|account| liability::KINDS.contains(&account.kind))
            .collect();
        let accounts = accounts.into_iter().collect();
        let rows =
            self.balances_at(&BalancesAt { tenant: of.tenant.clone(), accounts, at: of.at })?;
        let mut sums: BTreeMap<_, Fen> = BTreeMap::new();
        for AccountRow { account, balance } in rows {
            let Some((merchant, batch)) = self.owner_of(&of.tenant, &account) else { continue };
            let sum = sums.entry((account.kind.name(), merchant, batch, account.kind)).or_default();
            let fault = |fault| StoreFault::Failed(format!("{}: {fault}", account.key()));
            *sum = sum.plus(balance.posted).map_err(fault)?;
        }
        let rows = sums.into_iter().filter(|(_, amount)| *amount != Fen::ZERO);
        let rows = rows.map(|((_, merchant, batch, kind), amount)| Liability {
            kind,
            merchant,
            batch,
            amount,
        });
        Ok(rows.skip(len(of.offset)).take(len(of.limit)).collect())
    }

    /// The merchant that an account of stored value belongs to, and the batch of gift cards.
    fn owner_of(
        &self,
        tenant: &TenantId,
        account: &Account,
    ) -> Option<(MerchantId, Option<Id<kinds::CardBatch>>)> {
        if account.kind == AccountKind::Breakage {
            return Some((MerchantId::new(&account.owner), None));
        }
        let number = account.owner.parse().ok()?;
        if account.kind == AccountKind::CardLiability {
            let batch = self.card_batches.get(tenant, number)?;
            return Some((batch.merchant.clone(), Some(batch.id)));
        }
        Some((self.wallets.get(tenant, number)?.merchant.clone(), None))
    }

    fn paid_orders(&self, of: &PaidOrders) -> Counted<Order> {
        let is_payment = |it: &&Transfer| {
            let is_in_time = of.from <= it.at && it.at < of.to;
            let is_for_order = it.subject.kind == SubjectKind::Order && it.credit == of.account;
            is_in_time && is_for_order && matches!(it.reason, Reason::Payment | Reason::Coupon)
        };
        let payments = self.transfers_of(&of.tenant).filter(is_payment);
        let ids: BTreeSet<i64> = payments.map(|it| it.root.value()).collect();
        let is_of_channel = |order: &&Order| {
            of.channel.as_ref().is_none_or(|channel| **channel == *order.terms.channel)
        };
        let orders = ids.iter().filter_map(|id| self.orders.get(&of.tenant, *id));
        let orders: Vec<&Order> = orders.filter(is_of_channel).collect();
        let page = orders.iter().skip(len(of.offset)).take(len(of.limit));
        Counted { count: count(orders.len()), rows: page.copied().cloned().collect() }
    }

    fn list_cards(&self, of: &Cards) -> Counted<Card> {
        let is_asked = |card: &&Card| match &of.of {
            CardsOf::Owner(owner) => card.owner == *owner,
            CardsOf::Batch(batch) => card.batch == *batch,
        };
        let own = self.cards.all().filter(|card| card.tenant == of.tenant).filter(is_asked);
        let mut newest: Vec<&Card> = own.collect();
        newest.sort_by_key(|card| Reverse(card.id));
        newest.truncate(len(EXAMINED_MAX));
        newest.retain(|card| of.state.is_none_or(|state| card.state == state));
        let page = newest.iter().skip(len(of.offset)).take(len(of.limit));
        Counted { count: count(newest.len()), rows: page.copied().cloned().collect() }
    }

    fn booked(&self, of: &BookedFor) -> Result<Counted<Booked>, StoreFault> {
        let mut sums: BTreeMap<(i64, bool), BookedSum> = BTreeMap::new();
        for transfer in self.transfers_of(&of.tenant).filter(|it| self.is_booked(of, it)) {
            let accounts = of.accounts();
            for (side, is_income) in [(&transfer.debit, false), (&transfer.credit, true)] {
                if !accounts.contains(side) {
                    continue;
                }
                let Transfer { subject, at, .. } = *transfer;
                let new = BookedSum { subject, is_income, amount: Fen::ZERO, at };
                let sum = sums.entry((subject.value, is_income)).or_insert(new);
                sum.amount = sum.amount.plus(transfer.amount).map_err(|_| out_of_range())?;
                sum.at = sum.at.max(at);
            }
        }
        let count = count(sums.len());
        let page = sums.into_values().skip(len(of.offset)).take(len(of.limit));
        let page: Vec<BookedSum> = page.collect();
        let row = |sum: &BookedSum| self.row_that_moved(&of.tenant, sum.subject);
        let rows: Vec<Row> = page.iter().filter_map(row).collect();
        let orders = rows.iter().filter_map(order_of);
        let orders = orders.filter_map(|id| self.orders.get(&of.tenant, id.value()).cloned());
        let orders = orders.collect();
        BookedFor::answer_of(count, page, rows, orders)
    }

    fn is_booked(&self, of: &BookedFor, transfer: &Transfer) -> bool {
        let is_meant = |order: &Order| {
            let merchant = &order.terms.request.merchant;
            of.merchant_of_orders().is_none_or(|wanted| wanted == merchant)
                && of.channel.as_ref().is_none_or(|channel| **channel == *order.terms.channel)
        };
        of.from <= transfer.at
            && transfer.at < of.to
            && of.subject_kinds().contains(&transfer.subject.kind)
            && of.phases().contains(&transfer.phase)
            && self.orders.get(&of.tenant, transfer.root.value()).is_some_and(is_meant)
    }

    fn row_that_moved(&self, tenant: &TenantId, subject: Subject) -> Option<Row> {
        let Subject { kind, value } = subject;
        match kind {
            SubjectKind::Refund => self.refunds.get(tenant, value).cloned().map(Row::Refund),
            SubjectKind::Share => self.shares.get(tenant, value).cloned().map(Row::Share),
            SubjectKind::ShareReturn => {
                self.share_returns.get(tenant, value).cloned().map(Row::ShareReturn)
            }
            _ => None,
        }
    }

    fn notification_row(&self, row: &Notification) -> NotificationRow {
        let key = |id| (row.tenant.clone(), row.root, id);
        let events: Vec<_> = self
            .events
            .range(key(i64::MIN)..=key(i64::MAX))
            .map(|(_, event)| event.clone())
            .collect();
        NotificationRow::of(row.clone(), &events)
    }

    fn directory(&self) -> DirectoryRows {
        DirectoryRows {
            tenants: by_id(self.tenants.all()),
            merchants: by_id(self.merchants.all()),
            caller_keys: by_id(self.caller_keys.all()),
            channel_accounts: by_id(self.channel_accounts.all()),
        }
    }

    fn directory_revision(&self) -> i64 {
        let versions = self.tenants.all().map(|row| row.version);
        let versions = versions.chain(self.merchants.all().map(|row| row.version));
        let versions = versions.chain(self.caller_keys.all().map(|row| row.version));
        versions.chain(self.channel_accounts.all().map(|row| row.version)).sum()
    }

    fn attention(&self, filter: &AttentionFilter, now: Timestamp) -> Vec<AttentionRow> {
        filter.page(self.all_needy(now).filter(|row| filter.keeps(row)).collect())
    }

    fn attention_counts(&self, now: Timestamp) -> Vec<AttentionCount> {
        AttentionCount::sum(self.all_needy(now).map(AttentionCount::of))
    }

    /// Rows that need a person, parked tasks, and late ones.
    fn all_needy(&self, now: Timestamp) -> impl Iterator<Item = AttentionRow> {
        let late = Lateness::of_all(now).into_iter().flat_map(|lateness| self.late(lateness));
        self.needy().into_iter().chain(self.parked()).chain(late)
    }

    /// When the first due tasks of each tenant in a lane were wanted, at most this number.
    fn first_due(
        &self,
        lane: Lane,
        due_by: Timestamp,
        most: u32,
    ) -> BTreeMap<&TenantId, Vec<(Timestamp, &Task)>> {
        let mut due: Vec<_> = self.due(lane, due_by).collect();
        due.sort_by_key(|(task, waiting)| (waiting.due, *task));
        let mut of_tenants: BTreeMap<&TenantId, Vec<_>> = BTreeMap::new();
        for (task, waiting) in due {
            let own = of_tenants.entry(&task.tenant).or_default();
            if own.len() < len(most) {
                own.push((waiting.wanted_at, task));
            }
        }
        of_tenants
    }

    fn count_due(&self, lane: Lane, now: Timestamp) -> TaskRow {
        let mut all = TaskRow::default();
        for own in self.first_due(lane, now.plus_ms(DEFER_MS), TASKS_COUNTED_MAX).into_values() {
            let wanted = own.iter().map(|(at, _)| *at).filter(|at| *at <= now);
            let due = count(wanted.clone().count());
            all.add(TaskRow { due, oldest_wanted_at: wanted.min() });
        }
        all
    }

    fn late(&self, lateness: Lateness) -> Vec<AttentionRow> {
        let due = self.first_due(lateness.lane, lateness.due_by, LATE_EXAMINED_MAX);
        let late = due.into_values().filter_map(|mut own| {
            own.retain(|(wanted_at, _)| *wanted_at <= lateness.wanted_by);
            let order =
                |(at, task): &&(_, &Task)| (*at, task.subject.kind.name(), task.subject.value);
            let (wanted_at, oldest) = own.iter().min_by_key(order)?;
            let count = count(own.len());
            Some(
                LateTasks { oldest: (*oldest).clone(), wanted_at: *wanted_at, count }.row(lateness),
            )
        });
        late.collect()
    }

    fn parked(&self) -> impl Iterator<Item = AttentionRow> {
        self.tasks.iter().filter_map(|(task, waiting)| {
            let (reason, since) = waiting.parked.clone()?;
            Some(AttentionRow {
                tenant: task.tenant.clone(),
                subject: task.subject,
                root: task.root,
                name: None,
                kind: AttentionKind::Parked,
                reason,
                since,
                exits: vec![Exit::ResumeTask],
            })
        })
    }
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        impl State {
            /// The rows of a story.
            fn rows_of(&self, tenant: &TenantId, root: Id<kinds::Root>) -> Vec<Row> {
                use kernel::Aggregate;
                let mut found = Vec::new();
                $(
                    let own = self.$rows.of(tenant).filter(|row| row.root() == root);
                    found.extend(own.cloned().map(Row::$row));
                )*
                found
            }

            fn needy(&self) -> Vec<AttentionRow> {
                let mut found = Vec::new();
                $(found.extend(self.$rows.all().filter_map(AttentionRow::of));)*
                found
            }
        }
    };
}
kernel::aggregates!(of_all);

fn by_id<'a, A: Stored>(rows: impl Iterator<Item = &'a A>) -> Vec<A> {
    let mut rows: Vec<A> = rows.cloned().collect();
    rows.sort_by_key(|row| row.id().value());
    rows
}

fn is(wanted: &Option<String>, name: &str) -> bool {
    wanted.as_deref().is_none_or(|wanted| wanted == name)
}

/// How many rows a listing reads.
fn examined(is_selective: bool) -> usize {
    if is_selective { len(EXAMINED_MAX) } else { usize::MAX }
}

pub(super) fn len(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
