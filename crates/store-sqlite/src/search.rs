//! Answering queries.

use crate::archive;
use crate::audit::audit;
use crate::claim::{readable, tenants_due};
use crate::flows;
use crate::load::{Finder, text};
use crate::schema;
use crate::sql::rows::SqlRow;
use crate::sql::{claim as sql, read};
use crate::statement::{Select, fault, snapshot, within};
use kernel::{
    Agreement, Allocation, Approval, AttentionKind, Card, CardState, Key, Lane, MerchantId,
    NaturalKey, Notification, Order, Payee, Refund, Row, Share, ShareReturn, TenantId, Withdrawal,
};
use ledger::{Id, Subject, SubjectId, Timestamp, Transfer, kinds};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::time::Duration;
use store::booked::order_of;
use store::rows::booked::{self, BookedSum};
use store::rows::liability::{self, Liability};
use store::rows::{self, Value, event, task, transfer};
use store::{
    AccountRow, Approvals, AttentionCount, AttentionFilter, AttentionRow, BalancesAt, Booked,
    BookedFor, Cards, CardsOf, Counted, DEFER_MS, DatabaseFacts, DirectoryRows, EXAMINED_MAX,
    LATE_EXAMINED_MAX, Lateness, LiabilitiesAt, Listed, NotificationRow, Notifications,
    OrderFilter, PARKED_LISTED_MAX, Page, PaidOrders, Payees, Postings, PostingsBetween, Query,
    SecretCards, SignedAgreements, StoreFault, Story, TASKS_COUNTED_MAX, TaskRow, Withdrawals,
    highest_id, lowest_id,
};

/// How long an answer may take, as PostgreSQL's sessions have it.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The same for a look at everything.
const LONG_ANSWER_MAX: Duration = Duration::from_secs(600);

/// Answers a query from one snapshot.
pub(crate) fn search(connection: &mut Connection, query: &Query) -> Result<Page, StoreFault> {
    let limit = if matches!(query, Query::Audit(_)) { LONG_ANSWER_MAX } else { ANSWER_MAX };
    within(connection, limit, |connection| snapshot(connection, |snapshot| answer(snapshot, query)))
}

/// Whether the process itself needs to know this: it waits behind no caller's query.
pub(crate) fn is_upkeep(query: &Query) -> bool {
    match query {
        Query::Tasks(_)
        | Query::DirectoryOf(_)
        | Query::DirectoryRevision(_)
        | Query::Installation(_)
        | Query::LastId(_)
        | Query::Ping(_)
        | Query::DatabaseTime(_)
        | Query::AboutDatabase(_) => true,
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
        | Query::Audit(_) => false,
    }
}

fn answer(connection: &Connection, query: &Query) -> Result<Page, StoreFault> {
    Ok(match query {
        Query::OneOrder(one) => {
            let found: Option<Order> = Finder::new(connection).find(&one.tenant, &one.key)?;
            Page::OneOrder(found.map(Box::new))
        }
        Query::AllocationsOf(of) => {
            let mut finder: Finder<'_, Allocation> = Finder::new(connection);
            let mut find = |number: &NaturalKey| {
                finder.find(&of.tenant, &Key::Number(number.clone())).transpose()
            };
            Page::AllocationsOf(of.numbers.iter().filter_map(&mut find).collect::<Result<_, _>>()?)
        }
        Query::OneRefund(one) => {
            let found: Option<Refund> = Finder::new(connection).find(&one.tenant, &one.key)?;
            Page::OneRefund(found.map(Box::new))
        }
        Query::Orders(of) => Page::Orders(orders(connection, &of.filter)?),
        Query::OneWithdrawal(one) => {
            let found: Option<Withdrawal> = Finder::new(connection).find(&one.tenant, &one.key)?;
            Page::OneWithdrawal(found.map(Box::new))
        }
        Query::Payees(of) => Page::Payees(payees(connection, of)?),
        Query::SecretCards(of) => Page::SecretCards(secret_cards(connection, of)?),
        Query::SignedAgreements(of) => Page::SignedAgreements(signed_agreements(connection, of)?),
        Query::Withdrawals(of) => Page::Withdrawals(withdrawals(connection, of)?),
        Query::Cards(of) => Page::Cards(cards(connection, of)?),
        Query::CardBatches(of) => Page::CardBatches(flows::card_batches(connection, of)?),
        Query::CardFlows(of) => Page::CardFlows(flows::of_card(connection, of)?),
        Query::WalletFlows(of) => Page::WalletFlows(flows::of_wallet(connection, of)?),
        Query::PaidOrders(of) => Page::PaidOrders(paid_orders(connection, of)?),
        Query::BookedFor(of) => Page::BookedFor(booked_for(connection, of)?),
        Query::BalancesAt(of) => Page::BalancesAt(balances_at(connection, of)?),
        Query::LiabilitiesAt(of) => Page::LiabilitiesAt(liabilities_at(connection, of)?),
        Query::PostingsBetween(of) => Page::PostingsBetween(postings_between(connection, of)?),
        Query::StoryOf(of) => Page::StoryOf(story(connection, &of.tenant, of.root)?.map(Box::new)),
        Query::StoriesWithEvents(of) => {
            Page::StoriesWithEvents(archive::stories_with_events(connection, of)?)
        }
        Query::Archives(of) => Page::Archives(archive::records(connection, of)?),
        Query::TenantsWithOrder(with) => Page::TenantsWithOrder(
            tenants_with(connection, read::TENANTS_WITH_ORDER, &with.merchant_order_no)
                .map_err(fault)?,
        ),
        Query::TenantsWithWithdrawal(with) => Page::TenantsWithWithdrawal(
            tenants_with(connection, read::TENANTS_WITH_WITHDRAWAL, &with.withdrawal_no)
                .map_err(fault)?,
        ),
        Query::Accounts(of) => Page::Accounts(accounts(connection, &of.tenant)?),
        Query::Postings(of) => Page::Postings(postings(connection, of)?),
        Query::Notifications(of) => Page::Notifications(notifications(connection, of)?),
        Query::OneNotification(one) => {
            let found = Finder::new(connection).find(&one.tenant, &Key::Id(one.id))?;
            let row = found.map(|row| notification_row(connection, row)).transpose()?;
            Page::OneNotification(row.map(Box::new))
        }
        Query::Approvals(of) => Page::Approvals(approvals(connection, of)?),
        Query::OneApproval(one) => {
            let found = every(connection, &read::APPROVAL, &[Value::Int(one.id.value())])?;
            Page::OneApproval(found.into_iter().next().map(Box::new))
        }
        Query::Tasks(tasks) => Page::Tasks(count_due(connection, tasks.lane, tasks.now)?),
        Query::AttentionList(list) => {
            let filter = &list.filter;
            let mut rows = attention(connection, filter)?;
            let mut of_tasks = parked(connection)?;
            if filter.has_kind(AttentionKind::Late) {
                of_tasks.extend(late(connection, list.now)?);
            }
            rows.extend(of_tasks.into_iter().filter(|row| filter.keeps(row)));
            Page::AttentionList(filter.page(rows))
        }
        Query::AttentionCounts(of) => Page::AttentionCounts(attention_counts(connection, of.now)?),
        Query::DirectoryOf(_) => Page::DirectoryOf(Box::new(directory(connection)?)),
        Query::DirectoryRevision(_) => {
            Page::DirectoryRevision(one(connection, read::DIRECTORY_REVISION)?)
        }
        Query::Installation(_) => Page::Installation(one(connection, read::INSTALLATION)?),
        Query::LastId(_) => Page::LastId(last_id(connection).map_err(fault)?),
        Query::Ping(_) => {
            one::<bool>(connection, read::PING)?;
            Page::Ping(())
        }
        Query::DatabaseTime(_) => Page::DatabaseTime(None),
        Query::AboutDatabase(_) => Page::AboutDatabase(about(connection)?),
        Query::OldestUndelivered(_) => {
            let oldest: Option<i64> = one(connection, read::OLDEST_UNDELIVERED)?;
            Page::OldestUndelivered(oldest.map(Timestamp::from_ms))
        }
        Query::Audit(_) => Page::Audit(audit(connection)?),
    })
}

fn about(connection: &Connection) -> Result<DatabaseFacts, StoreFault> {
    let number = |version| i64::try_from(version).unwrap_or(i64::MAX);
    Ok(DatabaseFacts {
        product: format!("SQLite {}", rusqlite::version()),
        schema_version: number(schema::version(connection)?),
        schema_version_known: number(schema::MIGRATIONS.len()),
    })
}

/// The only cell of the only row.
fn one<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> Result<T, StoreFault> {
    let read =
        |statement: &mut rusqlite::CachedStatement<'_>| statement.query_row([], |row| row.get(0));
    connection.prepare_cached(sql).and_then(|mut statement| read(&mut statement)).map_err(fault)
}

pub(crate) fn every<A: SqlRow>(
    connection: &Connection,
    sql: &str,
    parameters: &[Value<'_>],
) -> Result<Vec<A>, StoreFault> {
    Select::new(connection, A::TABLE.name, sql)?.all(parameters, rows::read)
}

/// The last row that a listing reads below an id; none when it reads all.
fn reached(
    connection: &Connection,
    sql: &str,
    tenant: &TenantId,
    below: i64,
) -> Result<Option<i64>, StoreFault> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let parameters = (tenant.as_str(), below, EXAMINED_MAX - 1);
    statement.query_row(parameters, |row| row.get(0)).optional().map_err(fault)
}

fn orders(
    connection: &Connection,
    filter: &OrderFilter,
) -> Result<Listed<Order, kinds::Order>, StoreFault> {
    let below = filter.before.map_or(i64::MAX, Id::value);
    let reached = match filter.is_selective() {
        true => reached(connection, read::ORDER_REACHED, &filter.tenant, below)?,
        false => None,
    };
    let lowest = filter.from.map_or(i64::MIN, lowest_id);
    let parameters = [
        text(&filter.tenant),
        Value::Int(below),
        Value::Int(lowest.max(reached.unwrap_or(i64::MIN))),
        Value::optional(filter.state.as_deref()),
        Value::Int(filter.from.map_or(i64::MIN, Timestamp::ms)),
        Value::Int(filter.to.map_or(i64::MAX, Timestamp::ms)),
        Value::Int(i64::from(filter.limit)),
    ];
    let rows = every(connection, &read::ORDERS, &parameters)?;
    Ok(Listed::of(rows, filter.limit, reached, |order: &Order| order.terms.id))
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        /// The rows of a story. Each has events in it, or had some that were archived.
        fn rows_of_root(
            connection: &Connection,
            key: &[Value<'_>],
        ) -> Result<Vec<Row>, StoreFault> {
            let mut found = Vec::new();
            $(
                let own = every(connection, &kernel::$row::sql().of_root, key)?;
                found.extend(own.into_iter().map(Row::$row));
            )*
            Ok(found)
        }

        /// The first rows of each aggregate.
        fn attention(
            connection: &Connection,
            filter: &AttentionFilter,
        ) -> Result<Vec<AttentionRow>, StoreFault> {
            let mut found = Vec::new();
            $(found.extend(attention_of::<kernel::$row>(connection, filter)?);)*
            Ok(found)
        }

        fn attention_counts(
            connection: &Connection,
            now: Timestamp,
        ) -> Result<Vec<AttentionCount>, StoreFault> {
            let mut found = Vec::new();
            $(found.extend(counts(connection, &kernel::$row::sql().attention_counts)?);)*
            found.extend(parked(connection)?.into_iter().map(AttentionCount::of));
            found.extend(late(connection, now)?.into_iter().map(AttentionCount::of));
            Ok(AttentionCount::sum(found))
        }
    };
}
kernel::aggregates!(of_all);

fn attention_of<A: SqlRow>(
    connection: &Connection,
    filter: &AttentionFilter,
) -> Result<Vec<AttentionRow>, StoreFault> {
    let Some(start) = filter.start(<A::Kind as SubjectId>::KIND) else { return Ok(vec![]) };
    let mut parameters = vec![
        Value::Int(start.since),
        Value::text(start.tenant),
        Value::Int(start.id),
        Value::optional(filter.kind.map(AttentionKind::name)),
        Value::Int(i64::from(filter.limit)),
    ];
    let sql = match &filter.tenant {
        Some(tenant) => {
            parameters.push(text(tenant));
            &A::sql().attention_of_tenant
        }
        None => &A::sql().attention,
    };
    let rows: Vec<A> = every(connection, sql, &parameters)?;
    Ok(rows.iter().filter_map(AttentionRow::of).collect())
}

fn counts(connection: &Connection, sql: &str) -> Result<Vec<AttentionCount>, StoreFault> {
    Select::new(connection, "attention", sql)?.all(&[], rows::attention_count)
}

fn story(
    connection: &Connection,
    tenant: &TenantId,
    root: Id<kinds::Root>,
) -> Result<Option<Story>, StoreFault> {
    let key = [text(tenant), Value::Int(root.value())];
    let subjects: event::Subjects =
        rows_of_root(connection, &key)?.into_iter().map(|row| (row.subject(), row)).collect();
    if !subjects.keys().any(|subject| subject.root() == root) {
        return Ok(None);
    }
    let events = Select::new(connection, event::EVENTS.name, &read::EVENTS_OF_ROOT)?
        .all(&key, |cells| event::read(cells, &subjects))?;
    let transfers = Select::new(connection, transfer::TRANSFERS.name, &read::TRANSFERS_OF_ROOT)?
        .all(&key, transfer::read)?;
    let mut tasks = Vec::new();
    let mut select = Select::new(connection, task::TASKS.name, &read::TASK)?;
    for subject in subjects.keys() {
        tasks.extend(select.first(&subject_key(tenant, *subject), task::read)?);
    }
    let archived = archive::of_story(connection, &key)?;
    let story = Story::of(root, subjects.into_values().collect(), events, transfers, tasks);
    Ok(story.map(|story| story.with_archived(archived)))
}

fn subject_key(tenant: &TenantId, subject: Subject) -> [Value<'_>; 3] {
    [text(tenant), Value::text(subject.kind.name()), Value::Int(subject.value)]
}

fn notifications(
    connection: &Connection,
    of: &Notifications,
) -> Result<Listed<NotificationRow, kinds::Notification>, StoreFault> {
    let below = of.before.map_or(i64::MAX, Id::value);
    let reached = match of.state {
        Some(_) => reached(connection, read::NOTIFICATION_REACHED, &of.tenant, below)?,
        None => None,
    };
    let parameters = [
        text(&of.tenant),
        Value::Int(below),
        Value::Int(reached.unwrap_or(i64::MIN)),
        Value::optional(of.state.as_deref()),
        Value::Int(i64::from(of.limit)),
    ];
    let found = every(connection, &read::NOTIFICATIONS, &parameters)?;
    let rows = found.into_iter().map(|row| notification_row(connection, row));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(Listed::of(rows, of.limit, reached, |row| row.notification.id))
}

fn approvals(connection: &Connection, of: &Approvals) -> Result<Vec<Approval>, StoreFault> {
    let parameters = [
        Value::Int(of.before.map_or(i64::MAX, Id::value)),
        Value::optional(of.tenant.as_ref().map(TenantId::as_str)),
        Value::optional(of.state.as_deref()),
        Value::Int(i64::from(of.limit)),
    ];
    every(connection, &read::APPROVALS, &parameters)
}

fn notification_row(
    connection: &Connection,
    row: Notification,
) -> Result<NotificationRow, StoreFault> {
    let subject = row.id.subject();
    let subjects = HashMap::from([(subject, Row::Notification(row.clone()))]);
    let key = [
        text(&row.tenant),
        Value::Int(row.root.value()),
        Value::text(subject.kind.name()),
        Value::Int(subject.value),
    ];
    let events = Select::new(connection, event::EVENTS.name, &read::EVENTS_OF_SUBJECT)?
        .all(&key, |cells| event::read(cells, &subjects))?;
    drop(key);
    Ok(NotificationRow::of(row, &events))
}

#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
fn tenants_with<K>(
    connection: &Connection,
    sql: &str,
    number: &str,
) -> rusqlite::Result<Vec<(TenantId, Id<K>)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((TenantId::new(row.get_ref(0)?.as_str()?), Id::from_value(row.get(1)?)))
    };
    statement.query_map([number], read)?.collect()
}

fn accounts(connection: &Connection, tenant: &TenantId) -> Result<Vec<AccountRow>, StoreFault> {
    let mut select = Select::new(connection, transfer::BALANCES.name, &read::BALANCES)?;
    let read = |cells: &[Value<'_>]| transfer::read_balance(cells).map(|(_, row)| row);
    let mut rows = select.all(&[text(tenant)], read)?;
    rows.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(rows)
}

fn postings(connection: &Connection, of: &Postings) -> Result<Vec<Transfer>, StoreFault> {
    let parameters = [
        text(&of.tenant),
        Value::owned(of.account.key()),
        Value::Int(of.before.map_or(i64::MAX, Id::value)),
        Value::Int(i64::from(of.limit)),
    ];
    Select::new(connection, transfer::TRANSFERS.name, &read::POSTINGS)?
        .all(&parameters, transfer::read)
}

fn payees(connection: &Connection, of: &Payees) -> Result<Vec<Payee>, StoreFault> {
    let above = Value::Int(of.after.map_or(i64::MIN, Id::value));
    let parameters = [text(&of.tenant), above, Value::Int(i64::from(of.limit))];
    every(connection, &read::PAYEES, &parameters)
}

fn secret_cards(connection: &Connection, of: &SecretCards) -> Result<Vec<Card>, StoreFault> {
    let above = Value::Int(of.after.map_or(i64::MIN, Id::value));
    let parameters = [text(&of.tenant), above, Value::Int(i64::from(of.limit))];
    every(connection, &read::SECRET_CARDS, &parameters)
}

fn signed_agreements(
    connection: &Connection,
    of: &SignedAgreements,
) -> Result<Vec<Agreement>, StoreFault> {
    let above = Value::Int(of.after.map_or(i64::MIN, Id::value));
    let parameters = [text(&of.tenant), above, Value::Int(i64::from(of.limit))];
    every(connection, &read::SIGNED_AGREEMENTS, &parameters)
}

fn withdrawals(connection: &Connection, of: &Withdrawals) -> Result<Vec<Withdrawal>, StoreFault> {
    let below = Value::Int(of.before.map_or(i64::MAX, Id::value));
    let parameters = [text(&of.tenant), below, Value::Int(i64::from(of.limit))];
    every(connection, &read::WITHDRAWALS, &parameters)
}

fn paid_orders(connection: &Connection, of: &PaidOrders) -> Result<Counted<Order>, StoreFault> {
    let time = [
        text(&of.tenant),
        Value::owned(of.account.key()),
        Value::Int(lowest_id(of.from)),
        Value::Int(highest_id(of.to)),
        Value::Int(of.from.ms()),
        Value::Int(of.to.ms()),
        Value::optional(of.channel.as_deref()),
    ];
    let page = [Value::Int(i64::from(of.offset)), Value::Int(i64::from(of.limit))];
    let counts = Select::new(connection, transfer::TRANSFERS.name, read::PAID_ORDER_COUNT)?
        .all(&time, transfer::read_count)?;
    let rows = every(connection, &read::PAID_ORDERS, &[&time[..], &page].concat())?;
    Ok(Counted { count: counts.into_iter().sum(), rows })
}

fn cards(connection: &Connection, of: &Cards) -> Result<Counted<Card>, StoreFault> {
    let (count_sql, sql, whose) = match &of.of {
        CardsOf::Owner(owner) => {
            (read::CARD_COUNT_OF_OWNER, &*read::CARDS_OF_OWNER, Value::text(owner))
        }
        CardsOf::Batch(batch) => {
            (read::CARD_COUNT_OF_BATCH, &*read::CARDS_OF_BATCH, Value::Int(batch.value()))
        }
    };
    let state = Value::optional(of.state.map(CardState::name));
    let examined = [text(&of.tenant), whose, state, Value::Int(i64::from(EXAMINED_MAX))];
    let page = [Value::Int(i64::from(of.offset)), Value::Int(i64::from(of.limit))];
    let counts =
        Select::new(connection, "cards", count_sql)?.all(&examined, transfer::read_count)?;
    let rows = every(connection, sql, &[&examined[..], &page].concat())?;
    Ok(Counted { count: counts.into_iter().sum(), rows })
}

fn booked_for(connection: &Connection, of: &BookedFor) -> Result<Counted<Booked>, StoreFault> {
    let [account, other] = of.accounts();
    let scope = [
        text(&of.tenant),
        Value::owned(account.key()),
        Value::owned(other.key()),
        Value::Int(lowest_id(of.from)),
        Value::Int(highest_id(of.to)),
        Value::Int(of.from.ms()),
        Value::Int(of.to.ms()),
        Value::text(of.subject_kinds()[0].name()),
        Value::text(of.subject_kinds()[1].name()),
        Value::text(of.phases()[0].name()),
        Value::text(of.phases()[1].name()),
        Value::optional(of.merchant_of_orders().map(MerchantId::as_str)),
        Value::optional(of.channel.as_deref()),
    ];
    let page = [Value::Int(i64::from(of.offset)), Value::Int(i64::from(of.limit))];
    let counts = Select::new(connection, booked::BOOKED.name, &read::BOOKED_COUNT)?
        .all(&scope, transfer::read_count)?;
    let sums = Select::new(connection, booked::BOOKED.name, &read::BOOKED)?
        .all(&[&scope[..], &page].concat(), booked::read)?;
    let rows = rows_that_moved(connection, &of.tenant, &sums)?;
    let mut finder: Finder<'_, Order> = Finder::new(connection);
    let mut find = |id| finder.find(&of.tenant, &Key::Id(id)).transpose();
    let orders = rows.iter().filter_map(order_of).filter_map(&mut find);
    let orders = orders.collect::<Result<_, _>>()?;
    BookedFor::answer_of(counts.into_iter().sum(), sums, rows, orders)
}

fn rows_that_moved(
    connection: &Connection,
    tenant: &TenantId,
    sums: &[BookedSum],
) -> Result<Vec<Row>, StoreFault> {
    let mut refunds: Finder<'_, Refund> = Finder::new(connection);
    let mut shares: Finder<'_, Share> = Finder::new(connection);
    let mut returns: Finder<'_, ShareReturn> = Finder::new(connection);
    let mut rows = vec![];
    for BookedSum { subject, .. } in sums {
        if let Some(id) = subject.id() {
            rows.extend(refunds.find(tenant, &Key::Id(id))?.map(Row::Refund));
        } else if let Some(id) = subject.id() {
            rows.extend(shares.find(tenant, &Key::Id(id))?.map(Row::Share));
        } else if let Some(id) = subject.id() {
            rows.extend(returns.find(tenant, &Key::Id(id))?.map(Row::ShareReturn));
        }
    }
    Ok(rows)
}

fn balances_at(connection: &Connection, of: &BalancesAt) -> Result<Vec<AccountRow>, StoreFault> {
    let mut select = Select::new(connection, transfer::BALANCES.name, read::BALANCE_AT)?;
    let lowest = of.at.map_or(i64::MAX, lowest_id);
    let mut rows = vec![];
    for account in &of.accounts {
        let parameters = [
            text(&of.tenant),
            Value::owned(account.key()),
            Value::Int(lowest),
            Value::Int(of.at.map_or(i64::MAX, Timestamp::ms)),
        ];
        let read = |cells: &[Value<'_>]| transfer::read_balance(cells).map(|(_, row)| row);
        rows.extend(select.all(&parameters, read)?);
    }
    Ok(rows)
}

fn liabilities_at(
    connection: &Connection,
    of: &LiabilitiesAt,
) -> Result<Vec<Liability>, StoreFault> {
    let parameters = [
        text(&of.tenant),
        Value::Int(of.at.map_or(i64::MAX, lowest_id)),
        Value::Int(of.at.map_or(i64::MAX, Timestamp::ms)),
        Value::Int(i64::from(of.limit)),
        Value::Int(i64::from(of.offset)),
    ];
    Select::new(connection, liability::LIABILITIES.name, read::LIABILITIES_AT)?
        .all(&parameters, liability::read)
}

fn postings_between(
    connection: &Connection,
    of: &PostingsBetween,
) -> Result<Vec<Transfer>, StoreFault> {
    let after = of.after.map_or(i64::MIN, |after| after.value().saturating_add(1));
    let parameters = [
        text(&of.tenant),
        Value::owned(of.account.key()),
        Value::Int(lowest_id(of.from).max(after)),
        Value::Int(highest_id(of.to)),
        Value::Int(of.from.ms()),
        Value::Int(of.to.ms()),
        Value::Int(i64::from(of.limit)),
    ];
    Select::new(connection, transfer::TRANSFERS.name, &read::POSTINGS_BETWEEN)?
        .all(&parameters, transfer::read)
}

fn directory(connection: &Connection) -> Result<DirectoryRows, StoreFault> {
    Ok(DirectoryRows {
        tenants: all(connection)?,
        merchants: all(connection)?,
        caller_keys: all(connection)?,
        channel_accounts: all(connection)?,
    })
}

fn all<A: SqlRow>(connection: &Connection) -> Result<Vec<A>, StoreFault> {
    every(connection, &A::sql().all, &[])
}

fn last_id(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(read::LAST_ID)?.query_row([], |row| row.get(0)).optional()
}

/// Counts tenant by tenant, so that no more is read than is counted.
fn count_due(connection: &Connection, lane: Lane, now: Timestamp) -> Result<TaskRow, StoreFault> {
    let due = Due { lane, due_by: now.plus_ms(DEFER_MS), wanted_by: now, most: TASKS_COUNTED_MAX };
    let mut all = TaskRow::default();
    due.of_each_tenant(connection, sql::COUNT_DUE, task::read_count)?
        .into_iter()
        .for_each(|own| all.add(own));
    Ok(all)
}

/// A line for each tenant and lane that has late tasks.
fn late(connection: &Connection, now: Timestamp) -> Result<Vec<AttentionRow>, StoreFault> {
    let mut found = vec![];
    for lateness in Lateness::of_all(now) {
        let Lateness { lane, due_by, wanted_by, .. } = lateness;
        let due = Due { lane, due_by, wanted_by, most: LATE_EXAMINED_MAX };
        let read = |cells: &[Value<'_>]| Ok(readable(task::read_late(cells)));
        let late = due.of_each_tenant(connection, sql::LATE, read)?;
        found.extend(late.into_iter().flatten().map(|late| late.row(lateness)));
    }
    Ok(found)
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
    /// What a statement finds of each tenant, where it finds something.
    fn of_each_tenant<T>(
        &self,
        connection: &Connection,
        sql: &str,
        read: fn(&[Value<'_>]) -> Result<T, StoreFault>,
    ) -> Result<Vec<T>, StoreFault> {
        let (lane, due_by) = (Value::text(self.lane.name()), Value::Int(self.due_by.ms()));
        let any_lease = Value::Int(i64::MAX);
        let tenants = tenants_due(connection, &[lane.clone(), due_by.clone(), any_lease])?;
        let mut select = Select::new(connection, task::TASKS.name, sql)?;
        let mut found = vec![];
        for tenant in tenants {
            let (wanted_by, most) = (self.wanted_by.ms(), i64::from(self.most));
            let times = [lane.clone(), due_by.clone(), Value::Int(wanted_by), Value::Int(most)];
            let [lane, due_by, wanted_by, most] = times;
            found.extend(select.first(&[text(&tenant), lane, due_by, wanted_by, most], read)?);
        }
        Ok(found)
    }
}

fn parked(connection: &Connection) -> Result<Vec<AttentionRow>, StoreFault> {
    let parameters = [Value::Int(i64::from(PARKED_LISTED_MAX))];
    Select::new(connection, task::TASKS.name, &sql::PARKED)?.all(&parameters, task::read_parked)
}
