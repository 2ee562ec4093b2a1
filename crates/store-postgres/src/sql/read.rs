//! Listings and other questions. Nothing here locks.

use super::session;
use kernel::{Agreement, Approval, Card, CardBatch, Notification, Order, Payee, Withdrawal};
use store::CardFlowKind;
use store::rows::{Stored, archive, event, task, transfer};

/// A page of notifications; a notification alone is a page of one.
const PAGE_OF_NOTIFICATIONS: &str = "WHERE tenant = $1 AND id < $2 AND id >= $3
        AND ($4::text IS NULL OR state = $4)
    ORDER BY id DESC LIMIT $5";

/// The payments that a merchant's account got for orders in a time.
const PAYMENTS_OF_MERCHANT: &str = "FROM transfers
    WHERE tenant = $1 AND credit = $2 AND id >= $3 AND id < $4 AND at >= $5 AND at < $6
        AND subject_kind = 'order' AND reason IN ('payment', 'coupon')
        AND ($7::text IS NULL OR EXISTS (SELECT 1 FROM order_terms AS terms
            WHERE terms.tenant = $1 AND terms.id = root AND terms.channel = $7))";

/// The newest cards of an owner or a batch, in any state; of these the state of the page is picked.
const CARDS_OF_OWNER_EXAMINED: &str = "FROM (SELECT id, state FROM cards
        WHERE tenant = $1 AND owner = $2 ORDER BY id DESC LIMIT $4) AS examined
    WHERE ($3::text IS NULL OR state = $3)";
const CARDS_OF_BATCH_EXAMINED: &str = "FROM (SELECT id, state FROM cards
        WHERE tenant = $1 AND batch_id = $2 ORDER BY id DESC LIMIT $4) AS examined
    WHERE ($3::text IS NULL OR state = $3)";

/// The newest batches; of these those of the page are picked.
const CARD_BATCHES_EXAMINED: &str = "FROM (SELECT id, merchant, state, ends_at FROM card_batches
        WHERE tenant = $1 AND id >= $2 AND id <= $3 ORDER BY id DESC LIMIT $8) AS examined
    WHERE ($4::text IS NULL OR merchant = $4) AND ($5::text IS NULL OR state = $5)
        AND ($6::bigint < 0 OR CASE WHEN ends_at <= $7 THEN 1 ELSE 0 END = $6::bigint)";

/// The newest flows of a card, whose events have an index of their own.
fn flows_of_card(columns: &str) -> String {
    format!(
        "SELECT {columns} FROM events
        WHERE tenant = $1 AND subject_kind = 'card' AND subject_id = $2 AND change IN ('{}')
        ORDER BY sequence DESC LIMIT $3",
        CardFlowKind::ALL.map(CardFlowKind::change).join("', '")
    )
}

/// What moved on the accounts of a wallet since a time began. What is held is held against the wallet's
/// other account, and counts on the side that has it.
const WALLET_MOVED: &str = "WITH moved AS (
        SELECT id, root, subject_kind, subject_id, at, phase, reason, debit AS account,
            CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END AS change,
            CASE WHEN phase = 'hold' THEN amount
                 WHEN phase IN ('release', 'post_held') THEN -amount ELSE 0 END AS frozen
        FROM transfers WHERE tenant = $1 AND debit = ANY($2::text[]) AND id >= $3
        UNION ALL
        SELECT id, root, subject_kind, subject_id, at, phase, reason, credit, amount, 0::bigint
        FROM transfers WHERE tenant = $1 AND credit = ANY($2::text[]) AND id >= $3
            AND phase IN ('post', 'post_held'))";

/// In the time, and of the kind.
const WALLET_FLOW_ASKED: &str = "id < $4 AND at >= $5 AND at < $6
    AND ($7::text IS NULL OR reason = $7 AND phase = $8::text
        AND account = coalesce($9::text, account))";

/// The refund whose money moved beside a row of the page, before or after it.
fn beside(sign: &str, order: &str) -> String {
    format!(
        "(SELECT own.subject_id FROM transfers AS own
            WHERE own.tenant = $1 AND own.root = page.root AND own.subject_kind = 'refund'
                AND own.at = page.at AND own.id {sign} page.id ORDER BY own.id {order} LIMIT 1)"
    )
}

/// What moved money in a time, oldest first.
const IN_TIME: &str = "AND id >= $3 AND id < $4 AND at >= $5 AND at < $6
        AND phase IN ('post', 'post_held')
    ORDER BY id LIMIT $7";

/// What subjects moved from or to a merchant in a time, transfer by transfer.
fn moved() -> String {
    let side = |side: &str, is_income: i64| {
        format!(
            "SELECT subject_kind, subject_id, {is_income}::bigint AS is_income, amount, at
            FROM transfers
            WHERE tenant = $1 AND {side} = ANY($2::text[]) AND id >= $3 AND id < $4
                AND at >= $5 AND at < $6 AND subject_kind = ANY($7::text[])
                AND phase = ANY($8::text[])
                AND EXISTS (SELECT 1 FROM order_terms AS terms
                    WHERE terms.tenant = $1 AND terms.id = root
                        AND ($9::text IS NULL OR terms.merchant = $9)
                        AND ($10::text IS NULL OR terms.channel = $10))"
        )
    };
    format!("{} UNION ALL {}", side("debit", 0), side("credit", 1))
}

super::statements! {
    BALANCES_BY_ACCOUNT = format!(
        "SELECT {} FROM balances WHERE tenant = $1 AND account = ANY($2::text[])",
        transfer::BALANCES.list()
    );

    ORDERS = format!(
        "{} WHERE tenant = $1 AND id < $2 AND id >= $3 AND ($4::text IS NULL OR state = $4)
            AND placed_at >= $5 AND placed_at < $6
        ORDER BY id DESC LIMIT $7",
        Order::TABLE.select()
    );

    EVENTS_OF_ROOT = format!(
        "SELECT {} FROM events WHERE tenant = $1 AND root = $2 ORDER BY id",
        event::EVENTS.list()
    );

    TRANSFERS_OF_ROOT = format!(
        "SELECT {} FROM transfers WHERE tenant = $1 AND root = $2 ORDER BY id",
        transfer::TRANSFERS.list()
    );

    /// A row that has a task in a story has events in it.
    TASKS_OF_ROOT = format!(
        "SELECT {} FROM tasks WHERE tenant = $1 AND (subject_kind, subject_id) IN (
            SELECT subject_kind, subject_id FROM events WHERE tenant = $1 AND root = $2)",
        task::TASKS.list()
    );

    /// Looks through the numbers of every tenant: for a person who has nothing but the number.
    TENANTS_WITH_ORDER = "SELECT tenant, id FROM orders WHERE merchant_order_no = $1
        ORDER BY tenant, namespace";

    /// The same for withdrawals, which are few.
    TENANTS_WITH_WITHDRAWAL = "SELECT tenant, id FROM withdrawals WHERE withdrawal_no = $1
        ORDER BY tenant, namespace";

    ACCOUNTS = format!(
        "SELECT {} FROM balances WHERE tenant = $1",
        transfer::BALANCES.list()
    );

    /// Each side has an index that gives its newest; of both the newest are taken.
    POSTINGS = format!(
        "SELECT {} FROM transfers WHERE tenant = $1 AND id IN (
            (SELECT id FROM transfers WHERE tenant = $1 AND debit = $2 AND id < $3
                ORDER BY id DESC LIMIT $4)
            UNION
            (SELECT id FROM transfers WHERE tenant = $1 AND credit = $2 AND id < $3
                ORDER BY id DESC LIMIT $4))
        ORDER BY id DESC LIMIT $4",
        transfer::TRANSFERS.list()
    );

    PAYEES = format!(
        "{} WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
        Payee::TABLE.select()
    );

    SECRET_CARDS = format!(
        "{} WHERE tenant = $1 AND id > $2 AND secret IS NOT NULL ORDER BY id LIMIT $3",
        Card::TABLE.select()
    );

    SIGNED_AGREEMENTS = format!(
        "{} WHERE tenant = $1 AND id > $2 AND reference IS NOT NULL ORDER BY id LIMIT $3",
        Agreement::TABLE.select()
    );

    WITHDRAWALS = format!(
        "{} WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        Withdrawal::TABLE.select()
    );

    PAID_ORDER_COUNT = format!("SELECT count(DISTINCT root) {PAYMENTS_OF_MERCHANT}");

    PAID_ORDERS = format!(
        "{} WHERE tenant = $1 AND id IN (
            SELECT DISTINCT root {PAYMENTS_OF_MERCHANT} ORDER BY root LIMIT $9 OFFSET $8)
        ORDER BY id",
        Order::TABLE.select()
    );

    CARD_COUNT_OF_OWNER = format!("SELECT count(*) {CARDS_OF_OWNER_EXAMINED}");

    CARD_COUNT_OF_BATCH = format!("SELECT count(*) {CARDS_OF_BATCH_EXAMINED}");

    CARDS_OF_OWNER = format!(
        "{} WHERE tenant = $1 AND id IN (
            SELECT id {CARDS_OF_OWNER_EXAMINED} ORDER BY id DESC LIMIT $6 OFFSET $5)
        ORDER BY id DESC",
        Card::TABLE.select()
    );

    CARDS_OF_BATCH = format!(
        "{} WHERE tenant = $1 AND id IN (
            SELECT id {CARDS_OF_BATCH_EXAMINED} ORDER BY id DESC LIMIT $6 OFFSET $5)
        ORDER BY id DESC",
        Card::TABLE.select()
    );

    CARD_BATCH_COUNT = format!("SELECT count(*) {CARD_BATCHES_EXAMINED}");

    CARD_BATCHES = format!(
        "{} WHERE tenant = $1 AND id IN (
            SELECT id {CARD_BATCHES_EXAMINED} ORDER BY id DESC LIMIT $10 OFFSET $9)
        ORDER BY id DESC",
        CardBatch::TABLE.select()
    );

    CARD_FLOWS_OF = flows_of_card(&event::EVENTS.list());

    CARD_FLOW_COUNT = format!("SELECT count(*) FROM ({}) AS flows", flows_of_card("1"));

    WALLET_FLOW_COUNT =
        format!("{WALLET_MOVED} SELECT count(*) FROM moved WHERE {WALLET_FLOW_ASKED}");

    /// The balance after each is the present one less everything that moved later. A refund takes what it takes
    /// of a wallet before its own money moves, and puts it back after: its transfer lies beside.
    WALLET_FLOWS = format!(
        "{WALLET_MOVED},
        known AS (SELECT moved.*, (SELECT coalesce(sum(posted), 0) FROM balances
                WHERE tenant = $1 AND account = ANY($2::text[]))
            - coalesce(sum(change) OVER (ORDER BY id DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS balance_after FROM moved),
        page AS (SELECT * FROM known WHERE {WALLET_FLOW_ASKED}
            ORDER BY id DESC LIMIT $11 OFFSET $10)
        SELECT id, account, reason, phase, change, frozen, balance_after::bigint, at,
            (SELECT merchant_order_no FROM orders
                WHERE orders.tenant = $1 AND orders.id = page.root),
            CASE WHEN reason IN ('recharge_refund', 'stored_value_refund') THEN
                (SELECT merchant_refund_no FROM refunds WHERE refunds.tenant = $1 AND refunds.id =
                    CASE WHEN change < 0 THEN {} ELSE {} END) END,
            (SELECT number FROM wallet_freezes AS own WHERE own.tenant = $1
                AND page.subject_kind = 'wallet_freeze' AND own.id = page.subject_id),
            (SELECT note FROM wallet_freezes AS own WHERE own.tenant = $1
                AND page.subject_kind = 'wallet_freeze' AND own.id = page.subject_id)
        FROM page ORDER BY id DESC",
        beside(">", "ASC"),
        beside("<", "DESC")
    );

    BOOKED_COUNT = format!(
        "SELECT count(*) FROM (SELECT DISTINCT subject_id, is_income FROM ({}) AS moved) AS rows",
        moved()
    );

    BOOKED = format!(
        "SELECT subject_kind, subject_id, is_income, sum(amount)::bigint, max(at)
        FROM ({}) AS moved
        GROUP BY subject_id, is_income, subject_kind
        ORDER BY subject_id, is_income LIMIT $12 OFFSET $11",
        moved()
    );

    /// The balance less everything that came later. Nothing later has a smaller id than the third
    /// parameter, so that no more is read than came later.
    BALANCE_AT = "SELECT $1::text, $2::text, coalesce(sum(posted), 0)::bigint,
            coalesce(sum(held), 0)::bigint
        FROM (
            SELECT posted, held FROM balances WHERE tenant = $1 AND account = $2
            UNION ALL
            SELECT CASE WHEN phase IN ('post', 'post_held') THEN amount ELSE 0 END,
                CASE WHEN phase = 'hold' THEN -amount
                     WHEN phase IN ('release', 'post_held') THEN amount ELSE 0 END
            FROM transfers WHERE tenant = $1 AND debit = $2 AND id >= $3 AND at > $4
            UNION ALL
            SELECT CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END, 0
            FROM transfers WHERE tenant = $1 AND credit = $2 AND id >= $3 AND at > $4) AS parts";

    /// The accounts of stored value and of breakage, less everything that came later, as [`BALANCE_AT`] does it
    /// for one account: no more is read than those accounts and what moved on them later.
    LIABILITIES_AT = "WITH kinds (kind, low, high) AS (VALUES
            ('breakage', 'breakage/', 'breakage0'),
            ('card_liability', 'card_liability/', 'card_liability0'),
            ('wallet_bonus', 'wallet_bonus/', 'wallet_bonus0'),
            ('wallet_principal', 'wallet_principal/', 'wallet_principal0')),
        parts AS (
            SELECT kind, account, posted AS amount FROM kinds JOIN balances
                ON tenant = $1 AND account >= low AND account < high
            UNION ALL
            SELECT kind, debit, amount FROM kinds JOIN transfers
                ON tenant = $1 AND debit >= low AND debit < high
            WHERE id >= $2 AND at > $3 AND phase IN ('post', 'post_held')
            UNION ALL
            SELECT kind, credit, -amount FROM kinds JOIN transfers
                ON tenant = $1 AND credit >= low AND credit < high
            WHERE id >= $2 AND at > $3 AND phase IN ('post', 'post_held')),
        owned AS (
            SELECT kind, substr(account, length(kind) + 2) AS holder, sum(amount) AS amount
            FROM parts GROUP BY kind, account)
        SELECT kind,
            CASE kind
                WHEN 'breakage' THEN holder
                WHEN 'card_liability' THEN (SELECT merchant FROM card_batches
                    WHERE tenant = $1 AND id = holder::bigint)
                ELSE (SELECT merchant FROM wallets
                    WHERE tenant = $1 AND id = holder::bigint) END AS merchant,
            CASE kind WHEN 'card_liability' THEN holder::bigint END AS batch_id,
            sum(amount)::bigint
        FROM owned GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3
        LIMIT $4 OFFSET $5";

    /// Each side has an index that gives its oldest; of both the oldest are taken.
    POSTINGS_BETWEEN = format!(
        "SELECT {} FROM transfers WHERE tenant = $1 AND id IN (
            (SELECT id FROM transfers WHERE tenant = $1 AND debit = $2 {IN_TIME})
            UNION
            (SELECT id FROM transfers WHERE tenant = $1 AND credit = $2 {IN_TIME}))
        ORDER BY id LIMIT $7",
        transfer::TRANSFERS.list()
    );

    /// The last row that a listing with a filter reads: a number of rows below an id.
    ORDER_REACHED = "SELECT id FROM orders WHERE tenant = $1 AND id < $2
        ORDER BY id DESC OFFSET $3 LIMIT 1";

    NOTIFICATION_REACHED = "SELECT id FROM notifications WHERE tenant = $1 AND id < $2
        ORDER BY id DESC OFFSET $3 LIMIT 1";

    NOTIFICATIONS = format!("{} {PAGE_OF_NOTIFICATIONS}", Notification::TABLE.select());

    EVENTS_OF_NOTIFICATIONS = format!(
        "SELECT {} FROM events WHERE tenant = $1 AND subject_kind = 'notification'
            AND (root, subject_id) IN (
                SELECT root, id FROM notifications {PAGE_OF_NOTIFICATIONS})
        ORDER BY id",
        event::EVENTS.list()
    );

    APPROVALS = format!(
        "{} WHERE id < $1 AND ($2::text IS NULL OR tenant = $2)
            AND ($3::text IS NULL OR state = $3)
        ORDER BY id DESC LIMIT $4",
        Approval::TABLE.select()
    );

    APPROVAL = format!("{} WHERE id = $1", Approval::TABLE.select());

    /// With the tenants, so that each node of a distributed database adds up its own.
    DIRECTORY_REVISION = "SELECT coalesce(sum(version), 0)::bigint FROM (
            SELECT tenant, version FROM tenants
            UNION ALL SELECT tenant, version FROM merchants
            UNION ALL SELECT tenant, version FROM caller_keys
            UNION ALL SELECT tenant, version FROM channel_accounts) AS versions";

    INSTALLATION = "SELECT name FROM installation";

    TENANTS = "SELECT tenant FROM tenants";

    /// A tenant's newest order, by the end of the index. Tenant by tenant, because a distributed database
    /// takes no aggregate that depends on another query.
    NEWEST_ORDER = "SELECT max(id) FROM orders WHERE tenant = $1";

    /// The largest id from this one on.
    LAST_ID = "SELECT max(id) FROM events WHERE id >= $1";

    /// The largest id of an event that was archived.
    LAST_ARCHIVED_ID = "SELECT max(last_event) FROM archives";

    /// The events lie in order of their stories.
    STORIES_WITH_EVENTS = "SELECT DISTINCT root FROM events WHERE tenant = $1 AND root > $2
        ORDER BY root LIMIT $3";

    ARCHIVES = format!(
        "SELECT {} FROM archives WHERE tenant = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        archive::ARCHIVES.list()
    );

    ARCHIVED_EVENTS_OF_ROOT = "SELECT root, subject_kind, subject_id, archive,
            archived.event_count, last_sequence, file, sha256
        FROM archived_events AS archived JOIN archives
            ON archives.tenant = archived.tenant AND archives.number = archived.archive
        WHERE archived.tenant = $1 AND archived.root = $2";

    PING = "SELECT 1";

    /// In milliseconds.
    DATABASE_TIME = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

    /// Version, whether it is distributed, and the last migration.
    ABOUT_DATABASE = format!(
        "SELECT current_setting('server_version'), ({})::int::bigint, ({})",
        session::IS_DISTRIBUTED,
        session::VERSION
    );

    /// From the tasks, which are few: a notification that is to be delivered has one.
    OLDEST_UNDELIVERED = "SELECT min(made_at) FROM tasks JOIN notifications
            ON notifications.tenant = tasks.tenant AND notifications.id = tasks.subject_id
        WHERE subject_kind = 'notification'";
}
