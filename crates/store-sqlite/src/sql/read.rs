//! Listings and other questions.

use super::rows::select;
use kernel::{Agreement, Approval, Card, CardBatch, Notification, Order, Payee, Withdrawal};
use std::sync::LazyLock;
use store::CardFlowKind;
use store::rows::{Stored, archive, event, task, transfer};

pub(crate) static ORDERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id < ?2 AND id >= ?3 AND (?4 IS NULL OR state = ?4)
             AND placed_at >= ?5 AND placed_at < ?6
         ORDER BY id DESC LIMIT ?7",
        select(Order::TABLE, "")
    )
});

pub(crate) static PAYEES: LazyLock<String> = LazyLock::new(|| {
    format!("{} WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3", select(Payee::TABLE, ""))
});

pub(crate) static SECRET_CARDS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id > ?2 AND secret IS NOT NULL ORDER BY id LIMIT ?3",
        select(Card::TABLE, "")
    )
});

pub(crate) static SIGNED_AGREEMENTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id > ?2 AND reference IS NOT NULL ORDER BY id LIMIT ?3",
        select(Agreement::TABLE, "")
    )
});

pub(crate) static WITHDRAWALS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        select(Withdrawal::TABLE, "")
    )
});

/// The orders that a merchant's account got payments for in a time.
macro_rules! paid {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM transfers INDEXED BY transfers_of_credit
             WHERE tenant = ?1 AND credit = ?2 AND id >= ?3 AND id < ?4 AND at >= ?5 AND at < ?6
                 AND subject_kind = 'order' AND reason IN ('payment', 'coupon')
                 AND (?7 IS NULL OR EXISTS (SELECT 1 FROM order_terms AS terms
                     WHERE terms.tenant = ?1 AND terms.id = root AND terms.channel = ?7))"
        )
    };
}

pub(crate) const PAID_ORDER_COUNT: &str = paid!("count(DISTINCT root)");

pub(crate) static PAID_ORDERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id IN ({} ORDER BY root LIMIT ?9 OFFSET ?8) ORDER BY id",
        select(Order::TABLE, ""),
        paid!("DISTINCT root")
    )
});

/// The newest cards of an owner or a batch, in any state; of these the state of the page is picked.
macro_rules! cards {
    ($columns:literal, $index:literal, $column:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (SELECT id, state FROM cards INDEXED BY ",
            $index,
            " WHERE tenant = ?1 AND ",
            $column,
            " = ?2 ORDER BY id DESC LIMIT ?4) WHERE (?3 IS NULL OR state = ?3)"
        )
    };
}

pub(crate) const CARD_COUNT_OF_OWNER: &str = cards!("count(*)", "owners_of_cards", "owner");
pub(crate) const CARD_COUNT_OF_BATCH: &str = cards!("count(*)", "batches_of_cards", "batch_id");
pub(crate) static CARDS_OF_OWNER: LazyLock<String> =
    LazyLock::new(|| page_of_cards(cards!("id", "owners_of_cards", "owner")));
pub(crate) static CARDS_OF_BATCH: LazyLock<String> =
    LazyLock::new(|| page_of_cards(cards!("id", "batches_of_cards", "batch_id")));

fn page_of_cards(ids: &str) -> String {
    format!(
        "{} WHERE tenant = ?1 AND id IN ({ids} ORDER BY id DESC LIMIT ?6 OFFSET ?5)
         ORDER BY id DESC",
        select(Card::TABLE, "")
    )
}

/// The newest batches; of these those of the page are picked.
macro_rules! card_batches {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (SELECT id, merchant, state, ends_at FROM card_batches
                 WHERE tenant = ?1 AND id >= ?2 AND id <= ?3 ORDER BY id DESC LIMIT ?8)
             WHERE (?4 IS NULL OR merchant = ?4) AND (?5 IS NULL OR state = ?5)
                 AND (?6 < 0 OR CASE WHEN ends_at <= ?7 THEN 1 ELSE 0 END = ?6)"
        )
    };
}

pub(crate) const CARD_BATCH_COUNT: &str = card_batches!("count(*)");

pub(crate) static CARD_BATCHES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id IN ({} ORDER BY id DESC LIMIT ?10 OFFSET ?9) ORDER BY id DESC",
        select(CardBatch::TABLE, ""),
        card_batches!("id")
    )
});

/// The newest flows of a card, whose events have an index of their own.
fn flows_of_card(columns: &str) -> String {
    format!(
        "SELECT {columns} FROM events INDEXED BY events_of_cards
         WHERE tenant = ?1 AND subject_kind = 'card' AND subject_id = ?2 AND change IN ('{}')
         ORDER BY sequence DESC LIMIT ?3",
        CardFlowKind::ALL.map(CardFlowKind::change).join("', '")
    )
}

pub(crate) static CARD_FLOWS_OF: LazyLock<String> =
    LazyLock::new(|| flows_of_card(&event::EVENTS.list()));
pub(crate) static CARD_FLOW_COUNT: LazyLock<String> =
    LazyLock::new(|| format!("SELECT count(*) FROM ({})", flows_of_card("1")));

/// What moved on the accounts of a wallet since a time began. What is held is held against the wallet's
/// other account, and counts on the side that has it.
const WALLET_MOVED: &str = "WITH moved AS (
        SELECT id, root, subject_kind, subject_id, at, phase, reason, debit AS account,
            CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END AS change,
            CASE WHEN phase = 'hold' THEN amount
                 WHEN phase IN ('release', 'post_held') THEN -amount ELSE 0 END AS frozen
        FROM transfers INDEXED BY transfers_of_debit
        WHERE tenant = ?1 AND debit IN (?2, ?3) AND id >= ?4
        UNION ALL
        SELECT id, root, subject_kind, subject_id, at, phase, reason, credit, amount, 0
        FROM transfers INDEXED BY transfers_of_credit
        WHERE tenant = ?1 AND credit IN (?2, ?3) AND id >= ?4 AND phase IN ('post', 'post_held'))";

/// In the time, and of the kind.
const WALLET_FLOW_ASKED: &str = "id < ?5 AND at >= ?6 AND at < ?7
    AND (?8 IS NULL OR reason = ?8 AND phase = ?9 AND account = coalesce(?10, account))";

pub(crate) static WALLET_FLOW_COUNT: LazyLock<String> = LazyLock::new(|| {
    format!("{WALLET_MOVED} SELECT count(*) FROM moved WHERE {WALLET_FLOW_ASKED}")
});

/// The balance after each is the present one less everything that moved later. A refund takes what it takes of
/// a wallet before its own money moves, and puts it back after: its transfer lies beside.
pub(crate) static WALLET_FLOWS: LazyLock<String> = LazyLock::new(|| {
    let beside = |sign: &str, order: &str| {
        format!(
            "(SELECT own.subject_id FROM transfers AS own INDEXED BY transfers_of_root
              WHERE own.tenant = ?1 AND own.root = page.root AND own.subject_kind = 'refund'
                  AND own.at = page.at AND own.id {sign} page.id ORDER BY own.id {order} LIMIT 1)"
        )
    };
    format!(
        "{WALLET_MOVED},
         known AS (SELECT *, (SELECT coalesce(sum(posted), 0) FROM balances
                 WHERE tenant = ?1 AND account IN (?2, ?3))
             - coalesce(sum(change) OVER (ORDER BY id DESC
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS balance_after FROM moved),
         page AS (SELECT * FROM known WHERE {WALLET_FLOW_ASKED}
             ORDER BY id DESC LIMIT ?12 OFFSET ?11)
         SELECT id, account, reason, phase, change, frozen, balance_after, at,
             (SELECT merchant_order_no FROM orders
              WHERE orders.tenant = ?1 AND orders.id = page.root),
             CASE WHEN reason IN ('recharge_refund', 'stored_value_refund') THEN
                 (SELECT merchant_refund_no FROM refunds WHERE refunds.tenant = ?1 AND refunds.id =
                     CASE WHEN change < 0 THEN {} ELSE {} END) END,
             (SELECT number FROM wallet_freezes AS own WHERE own.tenant = ?1
                 AND page.subject_kind = 'wallet_freeze' AND own.id = page.subject_id),
             (SELECT note FROM wallet_freezes AS own WHERE own.tenant = ?1
                 AND page.subject_kind = 'wallet_freeze' AND own.id = page.subject_id)
         FROM page ORDER BY id DESC",
        beside(">", "ASC"),
        beside("<", "DESC")
    )
});

/// What subjects moved from or to a merchant in a time, transfer by transfer.
fn moved() -> String {
    let side = |side: &str, is_income: i64| {
        format!(
            "SELECT subject_kind, subject_id, {is_income} AS is_income, amount, at
             FROM transfers INDEXED BY transfers_of_{side}
             WHERE tenant = ?1 AND {side} IN (?2, ?3) AND id >= ?4 AND id < ?5
                 AND at >= ?6 AND at < ?7 AND subject_kind IN (?8, ?9) AND phase IN (?10, ?11)
                 AND EXISTS (SELECT 1 FROM order_terms AS terms
                     WHERE terms.tenant = ?1 AND terms.id = root
                         AND (?12 IS NULL OR terms.merchant = ?12)
                         AND (?13 IS NULL OR terms.channel = ?13))"
        )
    };
    format!("{} UNION ALL {}", side("debit", 0), side("credit", 1))
}

pub(crate) static BOOKED_COUNT: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT count(*) FROM (SELECT DISTINCT subject_id, is_income FROM ({}))", moved())
});

pub(crate) static BOOKED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT subject_kind, subject_id, is_income, sum(amount), max(at) FROM ({})
         GROUP BY subject_id, is_income, subject_kind
         ORDER BY subject_id, is_income LIMIT ?15 OFFSET ?14",
        moved()
    )
});

/// The last row that a listing with a filter reads: the last of a number of rows below an id.
pub(crate) const ORDER_REACHED: &str =
    "SELECT id FROM orders WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
pub(crate) const NOTIFICATION_REACHED: &str =
    "SELECT id FROM notifications WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";

pub(crate) static NOTIFICATIONS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE tenant = ?1 AND id < ?2 AND id >= ?3 AND (?4 IS NULL OR state = ?4)
         ORDER BY id DESC LIMIT ?5",
        select(Notification::TABLE, "")
    )
});

pub(crate) static APPROVALS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE id < ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR state = ?3)
         ORDER BY id DESC LIMIT ?4",
        select(Approval::TABLE, " INDEXED BY ids_of_approvals")
    )
});

pub(crate) static APPROVAL: LazyLock<String> = LazyLock::new(|| {
    format!("{} WHERE id = ?1", select(Approval::TABLE, " INDEXED BY ids_of_approvals"))
});

pub(crate) static EVENTS_OF_ROOT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM events WHERE tenant = ?1 AND root = ?2 ORDER BY id",
        event::EVENTS.list()
    )
});

pub(crate) static EVENTS_OF_SUBJECT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM events
         WHERE tenant = ?1 AND root = ?2 AND subject_kind = ?3 AND subject_id = ?4 ORDER BY id",
        event::EVENTS.list()
    )
});

/// Without figures about the tables SQLite takes a tenant's rows for few and would read them all: the
/// index of a story's rows has to be named.
pub(crate) static TRANSFERS_OF_ROOT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM transfers INDEXED BY transfers_of_root
         WHERE tenant = ?1 AND root = ?2 ORDER BY id",
        transfer::TRANSFERS.list()
    )
});

pub(crate) static TASK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM tasks WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3",
        task::TASKS.list()
    )
});

pub(crate) static BALANCE: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM balances WHERE tenant = ?1 AND account = ?2", transfer::BALANCES.list())
});

pub(crate) static BALANCES: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM balances WHERE tenant = ?1", transfer::BALANCES.list())
});

/// The balance less everything that came later. Nothing later has a smaller id than the third parameter,
/// so that no more is read than came later.
pub(crate) const BALANCE_AT: &str =
    "SELECT ?1, ?2, coalesce(sum(posted), 0), coalesce(sum(held), 0)
    FROM (
        SELECT posted, held FROM balances WHERE tenant = ?1 AND account = ?2
        UNION ALL
        SELECT CASE WHEN phase IN ('post', 'post_held') THEN amount ELSE 0 END,
            CASE WHEN phase = 'hold' THEN -amount
                 WHEN phase IN ('release', 'post_held') THEN amount ELSE 0 END
        FROM transfers INDEXED BY transfers_of_debit
        WHERE tenant = ?1 AND debit = ?2 AND id >= ?3 AND at > ?4
        UNION ALL
        SELECT CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END, 0
        FROM transfers INDEXED BY transfers_of_credit
        WHERE tenant = ?1 AND credit = ?2 AND id >= ?3 AND at > ?4)";

/// The accounts of stored value and of breakage, less everything that came later, as [`BALANCE_AT`] does it for
/// one account: no more is read than those accounts and what moved on them later.
pub(crate) const LIABILITIES_AT: &str = "WITH kinds (kind, low, high) AS (VALUES
        ('breakage', 'breakage/', 'breakage0'),
        ('card_liability', 'card_liability/', 'card_liability0'),
        ('wallet_bonus', 'wallet_bonus/', 'wallet_bonus0'),
        ('wallet_principal', 'wallet_principal/', 'wallet_principal0')),
    parts AS (
        SELECT kind, account, posted AS amount FROM kinds CROSS JOIN balances
            ON tenant = ?1 AND account >= low AND account < high
        UNION ALL
        SELECT kind, debit, amount FROM kinds CROSS JOIN transfers INDEXED BY transfers_of_debit
            ON tenant = ?1 AND debit >= low AND debit < high
        WHERE id >= ?2 AND at > ?3 AND phase IN ('post', 'post_held')
        UNION ALL
        SELECT kind, credit, -amount FROM kinds CROSS JOIN transfers INDEXED BY transfers_of_credit
            ON tenant = ?1 AND credit >= low AND credit < high
        WHERE id >= ?2 AND at > ?3 AND phase IN ('post', 'post_held')),
    owned AS (
        SELECT kind, substr(account, length(kind) + 2) AS holder, sum(amount) AS amount
        FROM parts GROUP BY kind, account)
    SELECT kind,
        CASE kind
            WHEN 'breakage' THEN holder
            WHEN 'card_liability' THEN (SELECT merchant FROM card_batches
                WHERE tenant = ?1 AND id = CAST(holder AS INTEGER))
            ELSE (SELECT merchant FROM wallets
                WHERE tenant = ?1 AND id = CAST(holder AS INTEGER)) END AS merchant,
        CASE kind WHEN 'card_liability' THEN CAST(holder AS INTEGER) END AS batch_id,
        sum(amount)
    FROM owned GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3 LIMIT ?4 OFFSET ?5";

/// Each side has an index that gives its oldest; of both the oldest are taken.
pub(crate) static POSTINGS_BETWEEN: LazyLock<String> = LazyLock::new(|| {
    let side = |side: &str| {
        format!(
            "SELECT * FROM (SELECT id FROM transfers INDEXED BY transfers_of_{side}
                 WHERE tenant = ?1 AND {side} = ?2 AND id >= ?3 AND id < ?4 AND at >= ?5 AND at < ?6
                     AND phase IN ('post', 'post_held')
                 ORDER BY id LIMIT ?7)"
        )
    };
    format!(
        "SELECT {} FROM transfers WHERE tenant = ?1 AND id IN ({} UNION {})
         ORDER BY id LIMIT ?7",
        transfer::TRANSFERS.list(),
        side("debit"),
        side("credit")
    )
});

/// Each side has an index that gives its newest; of both the newest are taken.
pub(crate) static POSTINGS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM transfers WHERE tenant = ?1 AND id IN (
             SELECT * FROM (SELECT id FROM transfers WHERE tenant = ?1 AND debit = ?2 AND id < ?3
                            ORDER BY id DESC LIMIT ?4)
             UNION
             SELECT * FROM (SELECT id FROM transfers WHERE tenant = ?1 AND credit = ?2 AND id < ?3
                            ORDER BY id DESC LIMIT ?4))
         ORDER BY id DESC LIMIT ?4",
        transfer::TRANSFERS.list()
    )
});

/// Steps from namespace to namespace of tenant to tenant, because the index of numbers begins with
/// them. Without the plus signs SQLite would compare as columns do, and step by the tenant alone.
pub(crate) const TENANTS_WITH_ORDER: &str = "WITH RECURSIVE each (tenant, namespace) AS (
        SELECT * FROM (SELECT tenant, namespace FROM orders ORDER BY tenant, namespace LIMIT 1)
        UNION ALL
        SELECT
            (SELECT orders.tenant FROM orders
             WHERE (orders.tenant, orders.namespace) > (+each.tenant, +each.namespace)
             ORDER BY orders.tenant, orders.namespace LIMIT 1),
            (SELECT orders.namespace FROM orders
             WHERE (orders.tenant, orders.namespace) > (+each.tenant, +each.namespace)
             ORDER BY orders.tenant, orders.namespace LIMIT 1)
        FROM each WHERE each.tenant IS NOT NULL)
    SELECT orders.tenant, orders.id FROM each CROSS JOIN orders
    WHERE orders.tenant = each.tenant AND orders.namespace = each.namespace
        AND orders.merchant_order_no = ?1";

/// Looks through them all, which are few: for a person who has nothing but the number.
pub(crate) const TENANTS_WITH_WITHDRAWAL: &str = "SELECT tenant, id FROM withdrawals
    WHERE withdrawal_no = ?1 ORDER BY tenant, namespace";

/// From the tasks, which are few: a notification that is to be delivered has one.
pub(crate) const OLDEST_UNDELIVERED: &str =
    "SELECT min(made_at) FROM tasks CROSS JOIN notifications
    ON notifications.tenant = tasks.tenant AND notifications.id = tasks.subject_id
    WHERE subject_kind = 'notification'";

pub(crate) const DIRECTORY_REVISION: &str = "SELECT
    (SELECT coalesce(sum(version), 0) FROM tenants)
    + (SELECT coalesce(sum(version), 0) FROM merchants)
    + (SELECT coalesce(sum(version), 0) FROM caller_keys)
    + (SELECT coalesce(sum(version), 0) FROM channel_accounts)";

pub(crate) const INSTALLATION: &str = "SELECT name FROM installation";

pub(crate) const LAST_ID: &str = "SELECT id FROM last_event";

/// Looks into the file, at its first page.
pub(crate) const PING: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";

/// The events lie in order of their stories.
pub(crate) const STORIES_WITH_EVENTS: &str =
    "SELECT DISTINCT root FROM events WHERE tenant = ?1 AND root > ?2 ORDER BY root LIMIT ?3";

pub(crate) static ARCHIVES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM archives WHERE tenant = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
        archive::ARCHIVES.list()
    )
});

pub(crate) const ARCHIVED_EVENTS_OF_ROOT: &str =
    "SELECT root, subject_kind, subject_id, archive, archived.event_count, last_sequence, file, sha256
    FROM archived_events AS archived CROSS JOIN archives
        ON archives.tenant = archived.tenant AND archives.number = archived.archive
    WHERE archived.tenant = ?1 AND archived.root = ?2";
