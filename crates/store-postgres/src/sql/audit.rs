//! The questions that prove the books: counts, sums, and for each rule the first row that breaks it.
//! The rules that every aggregate keeps are made in `rows`.

use kernel::{Order, Refund};
use store::rows::{Stored, transfer};

/// The account in which a refund's amount waits.
const WAITING: &str = "(CASE WHEN namespace IS NULL THEN 'suspense/' ELSE 'refunds_payable/' END \
    || refunds.tenant)";

/// The first refund whose transfers break a rule. Each transfer is a movement of a kind: what it does in a
/// word, and how much.
fn first_refund_with(broken: &str) -> String {
    format!(
        "SELECT tenant, id FROM (
            SELECT refunds.tenant, refunds.id, state, refunds.amount AS whole,
                refunds.settled_amount AS arrived, settled_refund AS back,
                coalesce(transfers.amount, 0) AS fen, namespace IS NOT NULL AS requested,
                CASE phase
                    WHEN 'release' THEN CASE WHEN namespace IS NULL
                            OR (transfers.amount = refunds.amount AND debit = {WAITING}
                            AND credit = 'channel_funds/' || terms.channel_account)
                        THEN 'released' ELSE 'otherwise' END
                    WHEN 'hold' THEN CASE WHEN transfers.amount = refunds.amount
                            AND debit = {WAITING}
                            AND credit = 'channel_funds/' || terms.channel_account
                        THEN 'held' ELSE 'held otherwise' END
                    WHEN 'post_held' THEN CASE
                        WHEN debit <> {WAITING} THEN 'otherwise'
                        WHEN credit = 'channel_funds/' || terms.channel_account THEN 'back'
                        WHEN credit = 'merchant_coupons/' || terms.merchant THEN 'coupons'
                        WHEN credit IN ('settled_by_hand/' || refunds.tenant,
                            'write_off/' || refunds.tenant) THEN 'ended'
                        ELSE 'otherwise' END
                    WHEN 'post' THEN CASE
                        WHEN namespace IS NOT NULL AND credit = {WAITING}
                            AND (debit ~ '^merchant_(pending|available|frozen)/'
                                OR debit = 'write_off/' || refunds.tenant) THEN 'taken'
                        WHEN namespace IS NOT NULL AND debit = {WAITING}
                            AND (credit ~ '^merchant_(pending|available|frozen)/'
                                OR credit = 'write_off/' || refunds.tenant) THEN 'put back'
                        WHEN credit = 'channel_funds/' || terms.channel_account
                            AND debit IN ('settled_by_hand/' || refunds.tenant,
                                'write_off/' || refunds.tenant) THEN 'after'
                        WHEN credit = 'merchant_coupons/' || terms.merchant
                            AND debit IN ('settled_by_hand/' || refunds.tenant,
                                'write_off/' || refunds.tenant) THEN 'less'
                        WHEN debit = 'merchant_coupons/' || terms.merchant
                            AND credit IN ('settled_by_hand/' || refunds.tenant,
                                'write_off/' || refunds.tenant) THEN 'more'
                        ELSE 'otherwise' END
                    ELSE 'none' END AS movement
            FROM refunds
            LEFT JOIN order_terms AS terms
                ON terms.tenant = refunds.tenant AND terms.id = refunds.order_id
            LEFT JOIN transfers ON transfers.tenant = refunds.tenant
                AND transfers.root = refunds.order_id AND transfers.subject_kind = 'refund'
                AND transfers.subject_id = refunds.id) AS movements
        GROUP BY tenant, id, state, whole, arrived, back, requested HAVING {broken}
        ORDER BY tenant, id LIMIT 1"
    )
}

/// The first row that has more or fewer events than its version says.
fn events_missing(table: &str, noun: &str, root: &str) -> String {
    format!(
        "SELECT tenant, id FROM {table} AS own WHERE version <> (
            SELECT count(*) FROM events
            WHERE events.tenant = own.tenant AND events.root = own.{root}
                AND subject_kind = '{noun}' AND subject_id = own.id) + (
            SELECT coalesce(sum(event_count), 0) FROM archived_events AS archived
            WHERE archived.tenant = own.tenant AND archived.root = own.{root}
                AND subject_kind = '{noun}' AND subject_id = own.id)
        ORDER BY tenant, id LIMIT 1"
    )
}

/// How much a refund moved in this way.
fn moved(movement: &str) -> String {
    format!("coalesce(sum(fen) FILTER (WHERE movement = '{movement}'), 0)")
}

/// A refund moved more or less than its state says. One that is done was carried out at once, or after a
/// person had ended it; what was set right then between coupons and where that was booked counts as if it
/// had been booked so at once.
fn moved_otherwise() -> String {
    let [back, coupons, ended, after] = ["back", "coupons", "ended", "after"].map(moved);
    let [less, more] = ["less", "more"].map(moved);
    let all = format!("({back}, {coupons} + {less} - {more}, {ended} - {less} + {more}, {after})");
    format!(
        "count(*) FILTER (WHERE movement = 'otherwise') > 0 OR (CASE
            WHEN state = 'done' THEN {all} = (back, whole - back, 0, 0)
                OR {all} = (0, whole - back, back, back)
            WHEN state = 'settled_by_hand' OR (state = 'written_off' AND NOT requested)
                THEN {all} = (0, whole - arrived, arrived, 0)
            ELSE {all} = (0, 0, 0, 0) END) IS NOT TRUE"
    )
}

super::statements! {
    ORDERS = "SELECT count(*), count(*) FILTER (WHERE state = 'paid') FROM orders";

    TRANSFERS = "SELECT count(*), coalesce(
            sum(amount) FILTER (WHERE phase IN ('post', 'post_held')), 0)::bigint FROM transfers";

    BALANCES = format!("SELECT {} FROM balances", transfer::BALANCES.list());

    /// What each account should have.
    POSTINGS = "SELECT tenant, account, sum(posted)::bigint, sum(held)::bigint FROM (
            SELECT tenant, debit AS account,
                CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END AS posted,
                CASE WHEN phase = 'hold' THEN amount
                    WHEN phase IN ('release', 'post_held') THEN -amount ELSE 0 END AS held
            FROM transfers WHERE amount > 0 AND debit <> credit
            UNION ALL
            SELECT tenant, credit,
                CASE WHEN phase IN ('post', 'post_held') THEN amount ELSE 0 END, 0
            FROM transfers WHERE amount > 0 AND debit <> credit) AS sides
        GROUP BY tenant, account";

    TRANSFER_SHAPE = "SELECT tenant, id FROM transfers
        WHERE amount <= 0 OR debit = credit ORDER BY tenant, id LIMIT 1";

    PAID_WITHOUT_PAYMENT = "SELECT orders.tenant, orders.id
        FROM orders
        LEFT JOIN order_terms AS terms ON terms.tenant = orders.tenant AND terms.id = orders.id
        LEFT JOIN transfers ON transfers.tenant = orders.tenant
            AND transfers.root = orders.id AND transfers.subject_kind = 'order'
            AND transfers.subject_id = orders.id AND (transfers.reason = 'payment'
                OR (transfers.reason = 'coupon' AND transfers.credit LIKE 'merchant_pending/%'))
        WHERE orders.state = 'paid'
        GROUP BY orders.tenant, orders.id, paid_amount, settled_amount
        HAVING count(transfers.id) <> (settled_amount IS DISTINCT FROM 0)::int
                + (settled_amount IS DISTINCT FROM paid_amount)::int
            OR count(*) FILTER (WHERE transfers.phase = 'post'
                AND transfers.reason = 'payment' AND transfers.amount = settled_amount
                AND transfers.debit = 'channel_funds/' || terms.channel_account
                AND transfers.credit = 'merchant_pending/' || terms.merchant)
                <> (settled_amount IS DISTINCT FROM 0)::int
            OR count(*) FILTER (WHERE transfers.phase = 'post'
                AND transfers.reason = 'coupon' AND transfers.amount = paid_amount - settled_amount
                AND transfers.debit = 'merchant_coupons/' || terms.merchant
                AND transfers.credit = 'merchant_pending/' || terms.merchant)
                <> (settled_amount IS DISTINCT FROM paid_amount)::int
        ORDER BY orders.tenant, orders.id LIMIT 1";

    PAYMENT_WITHOUT_PAID = "SELECT transfers.tenant, transfers.subject_id
        FROM transfers LEFT JOIN orders
            ON orders.tenant = transfers.tenant AND orders.id = transfers.subject_id
            AND transfers.subject_kind = 'order'
        WHERE (transfers.reason = 'payment'
                OR (transfers.reason = 'coupon' AND transfers.credit LIKE 'merchant_pending/%'))
            AND orders.state IS DISTINCT FROM 'paid'
        ORDER BY transfers.tenant, transfers.subject_id LIMIT 1";

    /// Unapplied payments are few: the rules about them are checked outside the database, which cannot
    /// read every text that JSON can write.
    ORDERS_WITH_UNAPPLIED = format!("{} WHERE unapplied <> '[]'", Order::TABLE.select());
    UNAPPLIED_TRANSFERS = format!(
        "SELECT {} FROM transfers WHERE reason = 'unapplied_payment'
            OR (reason = 'coupon' AND credit LIKE 'suspense/%')",
        transfer::TRANSFERS.list()
    );
    UNAPPLIED_REFUNDS = format!(
        "{} WHERE EXISTS (SELECT 1 FROM orders WHERE orders.tenant = refunds.tenant
            AND orders.id = refunds.order_id AND orders.unapplied <> '[]')",
        Refund::TABLE.select()
    );

    REFUND_WITHOUT_HOLD = first_refund_with(
        "count(*) FILTER (WHERE movement = 'held otherwise') <> 0
            OR count(*) FILTER (WHERE movement = 'held')
                - requested::int * count(*) FILTER (WHERE movement = 'released')
                <> (NOT requested OR state NOT IN ('preparing', 'failed', 'written_off'))::int"
    );
    REFUND_WITHOUT_POST = first_refund_with(&moved_otherwise());
    REFUND_RELEASED = first_refund_with(
        "NOT requested AND count(*) FILTER (WHERE movement = 'released') <> 0"
    );
    REFUND_NOT_TAKEN = first_refund_with(&format!(
        "{} - {} <> CASE WHEN requested AND state NOT IN ('preparing', 'failed', 'written_off')
            THEN whole ELSE 0 END", moved("taken"), moved("put back")
    ));

    REFUNDS_NOT_COUNTED = "SELECT tenant, id FROM (
            SELECT tenant, id, refunding, refunded FROM orders
            WHERE refunding <> 0 OR refunded <> 0
            UNION ALL
            SELECT tenant, order_id,
                CASE WHEN state IN ('preparing', 'requesting', 'processing') THEN -amount ELSE 0 END,
                CASE WHEN state IN ('done', 'settled_by_hand') THEN -amount ELSE 0 END
            FROM refunds WHERE namespace IS NOT NULL) AS counted
        GROUP BY tenant, id HAVING sum(refunding) <> 0 OR sum(refunded) <> 0
        ORDER BY tenant, id LIMIT 1";

    ALLOCATED_DIFFERS = "SELECT tenant, id FROM (
            SELECT tenant, id, allocated AS fen FROM orders WHERE allocated <> 0
            UNION ALL
            SELECT tenant, order_id, returned - amount FROM allocations WHERE state <> 'failed') AS sides
        GROUP BY tenant, id HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1";
    SHARED_DIFFERS = "SELECT tenant, id FROM (
            SELECT tenant, id, sharing, shared FROM orders WHERE sharing <> 0 OR shared <> 0
            UNION ALL
            SELECT tenant, order_id,
                CASE WHEN state = 'ended' THEN 0 ELSE -(item ->> 'amount')::bigint END,
                CASE WHEN state = 'ended' AND item ->> 'done_at' IS NOT NULL
                    THEN -(item ->> 'amount')::bigint ELSE 0 END
            FROM shares, jsonb_array_elements(items::jsonb) AS item
            UNION ALL
            SELECT tenant, order_id, 0, (item ->> 'amount')::bigint
            FROM share_returns, jsonb_array_elements(items::jsonb) AS item
            WHERE item ->> 'done_at' IS NOT NULL) AS counted
        GROUP BY tenant, id HAVING sum(sharing) <> 0 OR sum(shared) <> 0
        ORDER BY tenant, id LIMIT 1";
    WITHDRAWAL_WITHOUT_TRANSFERS = "SELECT tenant, id FROM (
            SELECT withdrawals.tenant, withdrawals.id, state,
                CASE WHEN transfers.id IS NULL THEN 'none'
                    WHEN reason = 'withdrawal' AND transfers.amount = withdrawals.amount
                        AND debit = 'merchant_available/' || merchant
                        AND credit = 'settled_by_hand/' || withdrawals.tenant
                    THEN phase ELSE 'otherwise' END AS movement
            FROM withdrawals LEFT JOIN transfers
                ON transfers.tenant = withdrawals.tenant AND root = withdrawals.id
                AND subject_kind = 'withdrawal' AND subject_id = withdrawals.id) AS movements
        GROUP BY tenant, id, state
        HAVING count(*) FILTER (WHERE movement = 'hold') <> 1
            OR count(*) FILTER (WHERE movement = 'post_held') <> (state = 'paid')::int
            OR count(*) FILTER (WHERE movement = 'release') <> (state = 'failed')::int
            OR count(*) FILTER (WHERE movement IN ('post', 'otherwise')) <> 0
        ORDER BY tenant, id LIMIT 1";

    PAID_WITHOUT_NOTIFICATION = "SELECT orders.tenant, orders.id
        FROM orders JOIN order_terms AS terms
            ON terms.tenant = orders.tenant AND terms.id = orders.id
        WHERE orders.state = 'paid' AND terms.notify_url IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM notifications WHERE notifications.tenant = orders.tenant
                AND about_kind = 'order' AND about_id = orders.id)
            AND NOT EXISTS (
                SELECT 1 FROM archived_events WHERE archived_events.tenant = orders.tenant
                    AND archived_events.root = orders.id
                    AND archived_events.subject_kind = 'notification')
        ORDER BY orders.tenant, orders.id LIMIT 1";

    ORDER_EVENTS_MISSING = events_missing("orders", "order", "id");
    REFUND_EVENTS_MISSING = events_missing("refunds", "refund", "order_id");
    NOTIFICATION_EVENTS_MISSING = events_missing("notifications", "notification", "root");
    APPROVAL_EVENTS_MISSING = events_missing("approvals", "approval", "root_id");
    SHARE_EVENTS_MISSING = events_missing("shares", "share", "order_id");
    SHARE_RETURN_EVENTS_MISSING = events_missing("share_returns", "share_return", "order_id");
    ALLOCATION_EVENTS_MISSING = events_missing("allocations", "allocation", "order_id");
    ALLOCATION_RELEASE_EVENTS_MISSING =
        events_missing("allocation_releases", "allocation_release", "order_id");
    WITHDRAWAL_EVENTS_MISSING = events_missing("withdrawals", "withdrawal", "id");
    CARD_BATCH_EVENTS_MISSING = events_missing("card_batches", "card_batch", "id");
    CARD_QUOTA_EVENTS_MISSING = events_missing("card_quotas", "card_quota", "batch_id");
    RECHARGE_EVENTS_MISSING = events_missing("recharges", "recharge", "order_id");
    CARD_EVENTS_MISSING = events_missing("cards", "card", "order_id");
    CARD_TRANSFER_EVENTS_MISSING = events_missing("card_transfers", "card_transfer", "order_id");
    CARD_BINDING_EVENTS_MISSING = events_missing("card_bindings", "card_binding", "order_id");
    WALLET_EVENTS_MISSING = events_missing("wallets", "wallet", "id");
    WALLET_PAYMENT_EVENTS_MISSING =
        events_missing("wallet_payments", "wallet_payment", "order_id");
    WALLET_FREEZE_EVENTS_MISSING = events_missing("wallet_freezes", "wallet_freeze", "wallet_id");
    AGREEMENT_EVENTS_MISSING = events_missing("agreements", "agreement", "id");

    CARDS_DIFFER = "SELECT tenant, id FROM (
            SELECT tenant, batch_id AS id, face - spent AS fen FROM cards
            WHERE state NOT IN ('void', 'expired')
            UNION ALL
            SELECT tenant, substr(account, 16)::bigint, -posted FROM balances
            WHERE account >= 'card_liability/' AND account < 'card_liability0') AS sides
        GROUP BY tenant, id HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1";

    STOCK_DIFFERS = "SELECT tenant, id FROM (
            SELECT tenant, id, issued, reserved FROM card_batches
            UNION ALL
            SELECT tenant, batch_id, CASE WHEN state = 'issued' THEN -quantity ELSE 0 END,
                CASE WHEN state = 'open' THEN -quantity ELSE 0 END
            FROM recharges WHERE batch_id IS NOT NULL) AS sides
        GROUP BY tenant, id HAVING sum(issued) <> 0 OR sum(reserved) <> 0
        ORDER BY tenant, id LIMIT 1";

    RECHARGE_DIFFERS = "SELECT own.tenant, own.id FROM recharges AS own
        LEFT JOIN orders ON orders.tenant = own.tenant AND orders.id = order_id
        LEFT JOIN (SELECT tenant, recharge_id, count(*) AS cards FROM cards
            GROUP BY tenant, recharge_id) AS counted
            ON counted.tenant = own.tenant AND recharge_id = own.id
        WHERE own.state <> CASE orders.state
                WHEN 'paid' THEN CASE WHEN batch_id IS NULL THEN 'credited' ELSE 'issued' END
                WHEN 'failed' THEN 'released'
                WHEN 'closed' THEN 'released' ELSE 'open' END
            OR coalesce(cards, 0) <> CASE WHEN own.state = 'issued' THEN quantity ELSE 0 END
        ORDER BY own.tenant, own.id LIMIT 1";

    WALLET_PAYMENT_DIFFERS = "SELECT orders.tenant, orders.id FROM orders
        JOIN order_terms AS terms ON terms.tenant = orders.tenant AND terms.id = orders.id
        LEFT JOIN wallet_payments AS own
            ON own.tenant = orders.tenant AND own.order_id = orders.id
        LEFT JOIN (SELECT tenant, root,
                sum(CASE WHEN reason = 'stored_value_payment' THEN amount ELSE 0 END) AS taken,
                sum(CASE WHEN reason = 'stored_value_refund' THEN amount ELSE 0 END) AS back
            FROM transfers WHERE subject_kind = 'wallet_payment' GROUP BY tenant, root) AS moved
            ON moved.tenant = orders.tenant AND moved.root = orders.id
        WHERE terms.wallet_id IS NOT NULL AND (
            coalesce(taken, 0) <> CASE WHEN orders.state = 'paid' THEN paid_amount ELSE 0 END
            OR coalesce(back, 0) <> coalesce(returned, 0) OR coalesce(returned, 0) <> orders.refunded)
        ORDER BY orders.tenant, orders.id LIMIT 1";

    WALLET_PARTS_DIFFER = "SELECT tenant, id FROM (
            SELECT own.tenant, own.id, part ->> 'source' AS source,
                (part ->> 'amount')::bigint AS fen
            FROM wallet_payments AS own, jsonb_array_elements(own.parts::jsonb) AS part
            UNION ALL
            SELECT tenant, subject_id, CASE WHEN debit LIKE 'wallet_principal/%' THEN 'principal'
                WHEN debit LIKE 'wallet_bonus/%' THEN 'bonus'
                WHEN debit LIKE 'card_liability/%' THEN 'card' END, -amount
            FROM transfers
            WHERE subject_kind = 'wallet_payment' AND reason = 'stored_value_payment') AS sides
        GROUP BY tenant, id, source HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1";

    WALLET_CARDS_DIFFER = "SELECT tenant, id FROM (
            SELECT wallets.tenant, wallets.id, card::bigint AS card, 1 AS side
            FROM wallets, jsonb_array_elements_text(wallets.cards::jsonb) AS card
            UNION ALL
            SELECT tenant, wallet_id, id, -1 FROM cards WHERE wallet_id IS NOT NULL) AS sides
        GROUP BY tenant, id, card HAVING sum(side) <> 0 ORDER BY tenant, id LIMIT 1";

    CARD_VOID_DIFFERS = "SELECT tenant, id FROM (
            SELECT cards.tenant, cards.id FROM cards
            LEFT JOIN refunds ON refunds.tenant = cards.tenant AND refunds.id = void_by
            WHERE (cards.state = 'void' OR void_by IS NOT NULL)
                AND (cards.state = 'void' AND refunds.order_id = cards.order_id
                    AND refunds.state IN ('requesting', 'processing', 'done', 'settled_by_hand'))
                    IS NOT TRUE
            UNION ALL
            SELECT part.tenant, part.card FROM (
                SELECT refunds.tenant, (part ->> 'card')::bigint AS card
                FROM refunds, jsonb_array_elements(refunds.parts::jsonb) AS part
                WHERE refunds.state IN ('requesting', 'processing', 'done', 'settled_by_hand')
                    AND part ->> 'card' IS NOT NULL) AS part
            LEFT JOIN cards ON cards.tenant = part.tenant AND cards.id = part.card
            WHERE (cards.state IN ('void', 'expired')) IS NOT TRUE) AS found
        ORDER BY tenant, id LIMIT 1";

    DEBIT_DIFFERS = "SELECT tenant, id FROM (
            SELECT tenant, id, debiting AS order_id, 1 AS side FROM agreements
            WHERE debiting IS NOT NULL
            UNION ALL
            SELECT tenant, agreement_id, id, -1 FROM orders JOIN order_terms USING (tenant, id)
            WHERE agreement_id IS NOT NULL AND state IN ('init', 'paying', 'closing')) AS sides
        GROUP BY tenant, id, order_id HAVING sum(side) <> 0 ORDER BY tenant, id LIMIT 1";

    QUOTA_DIFFERS = "SELECT tenant, max(id) AS quota FROM (
            SELECT tenant, batch_id, owner, id, taken FROM card_quotas
            UNION ALL
            SELECT tenant, batch_id, owner, NULL, -quantity FROM recharges
            WHERE batch_id IS NOT NULL AND state IN ('open', 'issued')
            UNION ALL
            SELECT cards.tenant, cards.batch_id, own.owner, NULL, 1
            FROM cards JOIN recharges AS own
                ON own.tenant = cards.tenant AND own.id = recharge_id
            WHERE cards.state = 'void') AS sides
        GROUP BY tenant, batch_id, owner HAVING max(id) IS NOT NULL AND sum(taken) <> 0
        ORDER BY tenant, quota LIMIT 1";

    RECHARGE_NOT_BOOKED = "SELECT tenant, id FROM (
            SELECT own.tenant, own.id,
                CASE own.state WHEN 'issued' THEN own.quantity * face
                    WHEN 'credited' THEN paid_amount ELSE 0 END AS value,
                CASE own.state WHEN 'credited' THEN bonus ELSE 0 END AS given,
                CASE WHEN phase = 'post' AND ((transfers.reason = 'card_issue'
                        AND credit = 'card_liability/' || lpad(own.batch_id::text, 18, '0'))
                    OR (transfers.reason = 'recharge'
                        AND credit = 'wallet_principal/' || lpad(own.wallet_id::text, 18, '0')))
                    THEN transfers.amount ELSE 0 END AS moved,
                CASE WHEN phase = 'post' AND transfers.reason = 'recharge'
                        AND credit = 'wallet_bonus/' || lpad(own.wallet_id::text, 18, '0')
                    THEN transfers.amount ELSE 0 END AS added
            FROM recharges AS own
            LEFT JOIN orders ON orders.tenant = own.tenant AND orders.id = own.order_id
            LEFT JOIN card_batches AS batch
                ON batch.tenant = own.tenant AND batch.id = own.batch_id
            LEFT JOIN transfers ON transfers.tenant = own.tenant AND root = own.order_id
                AND subject_kind = 'recharge' AND subject_id = own.id) AS movements
        GROUP BY tenant, id, value, given
        HAVING sum(moved) IS DISTINCT FROM value OR sum(added) IS DISTINCT FROM given
        ORDER BY tenant, id LIMIT 1";

    ARCHIVES_DIFFER = "SELECT tenant, number FROM (
            SELECT tenant, number, event_count FROM archives
            UNION ALL SELECT tenant, archive, -event_count FROM archived_events) AS sides
        GROUP BY tenant, number HAVING sum(event_count) <> 0 ORDER BY tenant, number LIMIT 1";
}
