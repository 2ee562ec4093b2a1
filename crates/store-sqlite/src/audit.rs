//! Proving the books: each rule that needs more than the accounts is a question for the first row
//! that breaks it.

use crate::statement::{Select, fault};
use kernel::TenantId;
use ledger::Fen;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use store::audit::{Rule, Sums, accounts, suspense};
use store::rows::transfer;
use store::{Audit, StoreFault};

const COUNTS: &str = "SELECT (SELECT count(*) FROM orders),
    (SELECT count(*) FROM orders WHERE state = 'paid'),
    (SELECT count(*) FROM transfers),
    (SELECT count(*) FROM balances),
    (SELECT coalesce(sum(amount), 0) FROM transfers WHERE phase IN ('post', 'post_held'))";

const BALANCES: &str = "SELECT tenant, account, posted, held FROM balances";

const POSTINGS: &str = "SELECT tenant, account, sum(posted), sum(held) FROM (
        SELECT tenant, debit AS account,
            CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END AS posted,
            CASE WHEN phase = 'hold' THEN amount
                 WHEN phase IN ('release', 'post_held') THEN -amount ELSE 0 END AS held
        FROM transfers
        UNION ALL
        SELECT tenant, credit,
            CASE WHEN phase IN ('post', 'post_held') THEN amount ELSE 0 END, 0
        FROM transfers)
    GROUP BY tenant, account";

const TRANSFER_SHAPE: &str = "SELECT tenant, id FROM transfers
    WHERE amount <= 0 OR debit = credit ORDER BY tenant, id LIMIT 1";

/// The sums of the refunds that are not final.
const OPEN_REFUNDS: &str = "SELECT tenant, sum(amount) FROM refunds
    WHERE state NOT IN ('done', 'failed') GROUP BY tenant";

/// The refunds of each order and the transfers between suspense and its channel account, by amount:
/// refunds of the same amount are not told apart. A transfer between others has no amount.
macro_rules! first_refund_with {
    ($broken:literal) => {
        concat!(
            "SELECT tenant, order_id FROM (
                SELECT tenant, order_id, amount, 1 AS refund,
                    state = 'done' AS done, state = 'failed' AS failed,
                    0 AS hold, 0 AS post_held, 0 AS release, 0 AS post
                FROM refunds
                UNION ALL
                SELECT transfers.tenant, order_id,
                    CASE WHEN debit = 'suspense/' || transfers.tenant
                        AND credit = 'channel_funds/' || terms.channel_account THEN transfers.amount END,
                    0, 0, 0,
                    phase = 'hold', phase = 'post_held', phase = 'release', phase = 'post'
                FROM transfers LEFT JOIN order_terms AS terms
                    ON terms.tenant = transfers.tenant AND terms.id = order_id
                WHERE reason = 'unapplied_refund')
            GROUP BY tenant, order_id, amount HAVING ",
            $broken,
            " ORDER BY tenant, order_id LIMIT 1"
        )
    };
}

/// The rules behind those of the accounts, each with the question for the first row that breaks it.
const RULES: [(Rule, &str); 4] = [
    (
        Rule::PaidWithoutPayment,
        "SELECT orders.tenant, orders.id
        FROM orders LEFT JOIN order_terms AS terms
            ON terms.tenant = orders.tenant AND terms.id = orders.id
        WHERE state = 'paid' AND (
            SELECT count(*) <> 1 OR sum(phase = 'post'
                AND transfers.amount = terms.amount
                AND debit = 'channel_funds/' || terms.channel_account
                AND credit = 'merchant_pending/' || terms.merchant) IS NOT 1
            FROM transfers INDEXED BY transfers_of_order
            WHERE transfers.tenant = orders.tenant AND order_id = orders.id
                AND transfers.reason = 'payment')
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
    (
        Rule::PaymentWithoutPaid,
        "SELECT transfers.tenant, order_id
        FROM transfers LEFT JOIN orders
            ON orders.tenant = transfers.tenant AND orders.id = order_id
        WHERE transfers.reason = 'payment' AND state IS NOT 'paid'
        ORDER BY transfers.tenant, order_id LIMIT 1",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        "SELECT tenant, id FROM (
            SELECT tenant, orders.id, json_extract(unapplied.value, '$.amount') AS amount, 1 AS side
            FROM orders, json_each(unapplied) AS unapplied WHERE unapplied <> '[]'
            UNION ALL
            SELECT tenant, order_id,
                CASE WHEN phase = 'post' AND credit = 'suspense/' || tenant THEN amount END, -1
            FROM transfers WHERE reason = 'unapplied_payment')
        GROUP BY tenant, id, amount HAVING sum(side) <> 0
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::UnappliedWithoutRefund,
        "SELECT orders.tenant, orders.id
        FROM orders CROSS JOIN json_each(unapplied) AS unapplied LEFT JOIN refunds
            ON refunds.tenant = orders.tenant
            AND refunds.id = json_extract(unapplied.value, '$.refund')
        WHERE unapplied <> '[]' AND (refunds.order_id = orders.id
            AND refunds.amount = json_extract(unapplied.value, '$.amount')
            AND refunds.payment_reference = json_extract(unapplied.value, '$.payment_reference')) IS NOT TRUE
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
];

/// The rules about refunds, like [`RULES`].
const REFUND_RULES: [(Rule, &str); 3] = [
    (Rule::RefundWithoutHold, first_refund_with!("sum(hold) <> sum(refund)")),
    (Rule::RefundWithoutPost, first_refund_with!("sum(post_held) + sum(post) <> sum(done)")),
    (Rule::RefundWithoutRelease, first_refund_with!("sum(release) <> sum(failed) + sum(post)")),
];

/// The rules about tasks and notifications, like [`RULES`].
const DUTY_RULES: [(Rule, &str); 4] = [
    (
        Rule::OrderWithoutTask,
        "SELECT tenant, id FROM orders
        WHERE state NOT IN ('paid', 'failed', 'closed') AND NOT EXISTS (
            SELECT 1 FROM tasks
            WHERE tasks.tenant = orders.tenant AND kind = 'order' AND subject = orders.id)
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::RefundWithoutTask,
        "SELECT tenant, id FROM refunds
        WHERE state NOT IN ('done', 'failed') AND NOT EXISTS (
            SELECT 1 FROM tasks
            WHERE tasks.tenant = refunds.tenant AND kind = 'refund' AND subject = refunds.id)
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::PaidWithoutNotification,
        "SELECT orders.tenant, orders.id
        FROM orders JOIN order_terms AS terms
            ON terms.tenant = orders.tenant AND terms.id = orders.id
        WHERE state = 'paid' AND notify_url IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM notifications INDEXED BY notifications_of_order
            WHERE notifications.tenant = orders.tenant AND order_id = orders.id)
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
    (
        Rule::NotificationWithoutTask,
        "SELECT tenant, id FROM notifications
        WHERE state NOT IN ('delivered', 'given_up') AND NOT EXISTS (
            SELECT 1 FROM tasks
            WHERE tasks.tenant = notifications.tenant AND tasks.kind = 'notification'
                AND subject = notifications.id)
        ORDER BY tenant, id LIMIT 1",
    ),
];

/// Proves the books as one snapshot has them.
pub(crate) fn audit(connection: &Connection) -> Result<Audit, StoreFault> {
    let mut audit = counted(connection).map_err(fault)?;
    check(connection, &mut audit, Rule::TransferShape, TRANSFER_SHAPE)?;
    let balances = sums(connection, BALANCES)?;
    let postings = sums(connection, POSTINGS)?;
    accounts(&mut audit, &balances, &postings)?;
    for (rule, sql) in RULES.into_iter().chain(REFUND_RULES) {
        check(connection, &mut audit, rule, sql)?;
    }
    suspense(&mut audit, &balances, &open_refunds(connection)?);
    for (rule, sql) in DUTY_RULES {
        check(connection, &mut audit, rule, sql)?;
    }
    Ok(audit)
}

fn counted(connection: &Connection) -> rusqlite::Result<Audit> {
    connection.query_row(COUNTS, [], |row| {
        let count = |at| row.get(at).map(|count: i64| u64::try_from(count).unwrap_or_default());
        let moved = row.get(4)?;
        Ok(Audit {
            orders: count(0)?,
            paid_orders: count(1)?,
            transfers: count(2)?,
            accounts: count(3)?,
            debits: moved,
            credits: moved,
            faults: vec![],
        })
    })
}

fn sums(connection: &Connection, sql: &str) -> Result<Sums, StoreFault> {
    let mut select = Select::new(connection, &transfer::BALANCES, sql)?;
    let rows = select.all(&[], transfer::read_balance)?;
    Ok(rows.into_iter().map(|(tenant, row)| ((tenant, row.account), row.balance)).collect())
}

fn open_refunds(connection: &Connection) -> Result<BTreeMap<TenantId, Fen>, StoreFault> {
    let mut statement = connection.prepare(OPEN_REFUNDS).map_err(fault)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((TenantId::new(row.get_ref(0)?.as_str()?), Fen::new(row.get(1)?)))
    };
    let rows = statement.query_map([], read).map_err(fault)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault)
}

fn check(
    connection: &Connection,
    audit: &mut Audit,
    rule: Rule,
    sql: &str,
) -> Result<(), StoreFault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let first: Option<(String, i64)> =
        connection.query_row(sql, [], read).optional().map_err(fault)?;
    audit.faults.extend(first.map(|(tenant, id)| rule.fault(tenant, id)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DUTY_RULES, REFUND_RULES, RULES};
    use rusqlite::Connection;

    /// Each rule reads one table from end to end, or two; what it looks up beside each row it finds
    /// by a whole key, or millions of rows would take days.
    #[test]
    fn rules_look_up_by_whole_keys() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        crate::schema::migrate(&mut connection).expect("the schema is new");
        for (_, sql) in RULES.iter().chain(&REFUND_RULES).chain(&DUTY_RULES) {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let mut statement = connection.prepare(&plan).expect("the statement is SQL");
            let steps = statement.query_map([], |row| row.get(3)).expect("it has a plan");
            let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().expect("it has a plan");
            assert!(!steps.iter().any(|step| step.ends_with("(tenant=?)")), "{steps:#?}");
        }
    }
}
