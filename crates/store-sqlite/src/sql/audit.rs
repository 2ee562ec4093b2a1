//! The questions that prove the books: counts, sums, and for each rule the first row that breaks it.
//! The rules that every aggregate keeps are made in `rows`.

use store::audit::Rule;

pub(crate) const COUNTS: &str = "SELECT (SELECT count(*) FROM orders),
    (SELECT count(*) FROM orders WHERE state = 'paid'),
    (SELECT count(*) FROM transfers),
    (SELECT count(*) FROM balances),
    (SELECT coalesce(sum(amount), 0) FROM transfers WHERE phase IN ('post', 'post_held'))";

pub(crate) const BALANCES: &str = "SELECT tenant, account, posted, held FROM balances";

/// What each account should have.
pub(crate) const POSTINGS: &str = "SELECT tenant, account, sum(posted), sum(held) FROM (
        SELECT tenant, debit AS account,
            CASE WHEN phase IN ('post', 'post_held') THEN -amount ELSE 0 END AS posted,
            CASE WHEN phase = 'hold' THEN amount
                 WHEN phase IN ('release', 'post_held') THEN -amount ELSE 0 END AS held
        FROM transfers WHERE amount > 0 AND debit <> credit
        UNION ALL
        SELECT tenant, credit,
            CASE WHEN phase IN ('post', 'post_held') THEN amount ELSE 0 END, 0
        FROM transfers WHERE amount > 0 AND debit <> credit)
    GROUP BY tenant, account";

/// A rule of one kind of rows: the noun of what its question finds, and the question.
pub(crate) type RuleSql = (Rule, &'static str, &'static str);

pub(crate) const TRANSFER_SHAPE: RuleSql = (
    Rule::TransferShape,
    "transfer",
    "SELECT tenant, id FROM transfers
    WHERE amount <= 0 OR debit = credit ORDER BY tenant, id LIMIT 1",
);

/// The account in which a refund's amount waits.
macro_rules! waiting {
    () => {
        "iif(namespace IS NULL, 'suspense/', 'refunds_payable/') || refunds.tenant"
    };
}

/// The first refund whose transfers break a rule. Each transfer is a movement of a kind: what it does in a
/// word, and how much.
macro_rules! first_refund_with {
    ($broken:expr) => {
        concat!(
            "SELECT tenant, id FROM (
                SELECT refunds.tenant, refunds.id, state, refunds.amount AS whole,
                    refunds.settled_amount AS arrived, settled_refund AS back,
                    coalesce(transfers.amount, 0) AS fen, namespace IS NOT NULL AS requested,
                    CASE phase
                        WHEN 'release' THEN CASE WHEN namespace IS NULL
                                OR (transfers.amount = refunds.amount AND debit = ",
            waiting!(),
            "
                                AND credit = 'channel_funds/' || terms.channel_account)
                            THEN 'released' ELSE 'otherwise' END
                        WHEN 'hold' THEN CASE WHEN transfers.amount = refunds.amount
                                AND debit = ",
            waiting!(),
            "
                                AND credit = 'channel_funds/' || terms.channel_account
                            THEN 'held' ELSE 'held otherwise' END
                        WHEN 'post_held' THEN CASE
                            WHEN debit <> ",
            waiting!(),
            " THEN 'otherwise'
                            WHEN credit = 'channel_funds/' || terms.channel_account THEN 'back'
                            WHEN credit = 'merchant_coupons/' || terms.merchant THEN 'coupons'
                            WHEN credit IN ('settled_by_hand/' || refunds.tenant,
                                'write_off/' || refunds.tenant) THEN 'ended'
                            ELSE 'otherwise' END
                        WHEN 'post' THEN CASE
                            WHEN namespace IS NOT NULL AND credit = ",
            waiting!(),
            "
                                AND ((debit LIKE 'merchant\\_pending/%' ESCAPE '\\'
                                        OR debit LIKE 'merchant\\_available/%' ESCAPE '\\'
                                        OR debit LIKE 'merchant\\_frozen/%' ESCAPE '\\')
                                    OR debit = 'write_off/' || refunds.tenant) THEN 'taken'
                            WHEN namespace IS NOT NULL AND debit = ",
            waiting!(),
            "
                                AND (credit LIKE 'merchant\\_pending/%' ESCAPE '\\'
                                    OR credit LIKE 'merchant\\_available/%' ESCAPE '\\'
                                    OR credit LIKE 'merchant\\_frozen/%' ESCAPE '\\'
                                    OR credit = 'write_off/' || refunds.tenant)
                                THEN 'put back'
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
                    ON terms.tenant = refunds.tenant AND terms.id = order_id
                LEFT JOIN transfers INDEXED BY transfers_of_root
                    ON transfers.tenant = refunds.tenant AND root = order_id
                    AND subject_kind = 'refund' AND subject_id = refunds.id)
            GROUP BY tenant, id, state, whole, arrived, back, requested HAVING ",
            $broken,
            " ORDER BY tenant, id LIMIT 1"
        )
    };
}

/// How much a refund moved: back to the channel, to coupons, to where a person ended it, and from there.
/// What was set right between coupons and there counts as if it had been booked so at once.
macro_rules! moved {
    () => {
        "(sum(iif(movement = 'back', fen, 0)),
            sum(iif(movement IN ('coupons', 'less'), fen, iif(movement = 'more', -fen, 0))),
            sum(iif(movement IN ('ended', 'more'), fen, iif(movement = 'less', -fen, 0))),
            sum(iif(movement = 'after', fen, 0)))"
    };
}

/// The rules behind those of the accounts.
pub(crate) const MONEY_RULES: [RuleSql; 22] = [
    (
        Rule::PaidWithoutPayment,
        "order",
        "SELECT orders.tenant, orders.id
        FROM orders LEFT JOIN order_terms AS terms
            ON terms.tenant = orders.tenant AND terms.id = orders.id
        WHERE state = 'paid' AND (
            SELECT count(*) <> (settled_amount <> 0) + (settled_amount <> paid_amount)
                OR coalesce(sum(phase = 'post' AND transfers.reason = 'payment'
                    AND transfers.amount = settled_amount
                    AND debit = 'channel_funds/' || terms.channel_account
                    AND credit = 'merchant_pending/' || terms.merchant), 0) IS NOT (settled_amount <> 0)
                OR coalesce(sum(phase = 'post' AND transfers.reason = 'coupon'
                    AND transfers.amount = paid_amount - settled_amount
                    AND debit = 'merchant_coupons/' || terms.merchant
                    AND credit = 'merchant_pending/' || terms.merchant), 0)
                    IS NOT (settled_amount <> paid_amount)
            FROM transfers INDEXED BY transfers_of_root
            WHERE transfers.tenant = orders.tenant AND root = orders.id
                AND subject_kind = 'order' AND subject_id = orders.id
                AND (transfers.reason = 'payment' OR (transfers.reason = 'coupon'
                    AND credit LIKE 'merchant_pending/%')))
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
    (
        Rule::PaymentWithoutPaid,
        "order",
        "SELECT transfers.tenant, subject_id
        FROM transfers LEFT JOIN orders
            ON orders.tenant = transfers.tenant AND orders.id = subject_id
            AND subject_kind = 'order'
        WHERE (transfers.reason = 'payment'
                OR (transfers.reason = 'coupon' AND credit LIKE 'merchant_pending/%'))
            AND state IS NOT 'paid'
        ORDER BY transfers.tenant, subject_id LIMIT 1",
    ),
    (
        Rule::UnappliedWithoutTransfer,
        "order",
        "SELECT tenant, id FROM (
            SELECT tenant, orders.id, 'unapplied_payment' AS reason,
                coalesce(json_extract(payment.value, '$.settled_amount'),
                    json_extract(payment.value, '$.amount')) AS amount, 1 AS side
            FROM orders, json_each(unapplied) AS payment WHERE unapplied <> '[]'
            UNION ALL
            SELECT tenant, orders.id, 'coupon', json_extract(payment.value, '$.amount')
                - json_extract(payment.value, '$.settled_amount'), 1
            FROM orders, json_each(unapplied) AS payment
            WHERE json_extract(payment.value, '$.settled_amount') IS NOT NULL
            UNION ALL
            SELECT transfers.tenant, subject_id, transfers.reason,
                CASE WHEN subject_kind = 'order' AND phase = 'post'
                    AND credit = 'suspense/' || transfers.tenant
                    AND (transfers.reason = 'unapplied_payment'
                        OR debit = 'merchant_coupons/' || terms.merchant) THEN transfers.amount END, -1
            FROM transfers LEFT JOIN order_terms AS terms
                ON terms.tenant = transfers.tenant AND terms.id = subject_id
            WHERE transfers.reason = 'unapplied_payment'
                OR (transfers.reason = 'coupon' AND credit LIKE 'suspense/%'))
        WHERE amount IS NOT 0
        GROUP BY tenant, id, reason, amount HAVING sum(side) <> 0
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::UnappliedWithoutRefund,
        "order",
        "SELECT orders.tenant, orders.id
        FROM orders CROSS JOIN json_each(unapplied) AS payment LEFT JOIN refunds
            ON refunds.tenant = orders.tenant
            AND refunds.id = json_extract(payment.value, '$.refund')
        WHERE unapplied <> '[]' AND json_extract(payment.value, '$.refund') IS NOT NULL
            AND (refunds.order_id = orders.id
            AND refunds.amount = json_extract(payment.value, '$.amount')
            AND refunds.settled_amount = coalesce(json_extract(payment.value, '$.settled_amount'),
                json_extract(payment.value, '$.amount'))
            AND refunds.payment_reference
                = json_extract(payment.value, '$.payment_reference')) IS NOT TRUE
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
    (
        Rule::RefundWithoutHold,
        "refund",
        first_refund_with!(
            "sum(movement = 'held otherwise') > 0
                OR sum(movement = 'held') - requested * sum(movement = 'released')
                    <> (NOT requested OR state NOT IN ('preparing', 'failed', 'written_off'))"
        ),
    ),
    // One that is done was carried out at once, or after a person had ended it.
    (
        Rule::RefundWithoutPost,
        "refund",
        first_refund_with!(concat!(
            "sum(movement = 'otherwise') > 0 OR NOT CASE
                WHEN state = 'done' THEN ",
            moved!(),
            " IS (back, whole - back, 0, 0) OR ",
            moved!(),
            " IS (0, whole - back, back, back)
                WHEN state = 'settled_by_hand' OR (state = 'written_off' AND NOT requested) THEN ",
            moved!(),
            " IS (0, whole - arrived, arrived, 0) ELSE ",
            moved!(),
            " IS (0, 0, 0, 0) END"
        )),
    ),
    (
        Rule::RefundReleased,
        "refund",
        first_refund_with!("NOT requested AND sum(movement = 'released') <> 0"),
    ),
    (
        Rule::RefundNotTaken,
        "refund",
        first_refund_with!(
            "sum(iif(movement = 'taken', fen, 0)) - sum(iif(movement = 'put back', fen, 0))
                <> iif(requested AND state NOT IN ('preparing', 'failed', 'written_off'), whole, 0)"
        ),
    ),
    (
        Rule::RefundsNotCounted,
        "order",
        "SELECT tenant, id FROM (
            SELECT tenant, id, refunding, refunded FROM orders
            WHERE refunding <> 0 OR refunded <> 0
            UNION ALL
            SELECT tenant, order_id, iif(state IN ('preparing', 'requesting', 'processing'), -amount, 0),
                iif(state IN ('done', 'settled_by_hand'), -amount, 0)
            FROM refunds WHERE namespace IS NOT NULL)
        GROUP BY tenant, id HAVING sum(refunding) <> 0 OR sum(refunded) <> 0
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::AllocatedDiffers,
        "order",
        "SELECT tenant, id FROM (
            SELECT tenant, id, allocated AS fen FROM orders WHERE allocated <> 0
            UNION ALL
            SELECT tenant, order_id, returned - amount FROM allocations WHERE state <> 'failed')
        GROUP BY tenant, id HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::SharedDiffers,
        "order",
        "SELECT tenant, id FROM (
            SELECT tenant, id, sharing, shared FROM orders WHERE sharing <> 0 OR shared <> 0
            UNION ALL
            SELECT tenant, order_id, iif(state = 'ended', 0, -(item.value ->> 'amount')),
                iif(state = 'ended' AND item.value ->> 'done_at' IS NOT NULL,
                    -(item.value ->> 'amount'), 0)
            FROM shares JOIN json_each(items) AS item
            UNION ALL
            SELECT tenant, order_id, 0, item.value ->> 'amount'
            FROM share_returns JOIN json_each(items) AS item
            WHERE item.value ->> 'done_at' IS NOT NULL)
        GROUP BY tenant, id HAVING sum(sharing) <> 0 OR sum(shared) <> 0
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::WithdrawalWithoutTransfers,
        "withdrawal",
        "SELECT tenant, id FROM (
            SELECT withdrawals.tenant, withdrawals.id, state,
                CASE WHEN transfers.id IS NULL THEN 'none'
                    WHEN reason = 'withdrawal' AND transfers.amount = withdrawals.amount
                        AND debit = 'merchant_available/' || merchant
                        AND credit = 'settled_by_hand/' || withdrawals.tenant
                    THEN phase ELSE 'otherwise' END AS movement
            FROM withdrawals LEFT JOIN transfers INDEXED BY transfers_of_root
                ON transfers.tenant = withdrawals.tenant AND root = withdrawals.id
                AND subject_kind = 'withdrawal' AND subject_id = withdrawals.id)
        GROUP BY tenant, id, state
        HAVING (sum(movement = 'hold'), sum(movement = 'post_held'), sum(movement = 'release'),
            sum(movement IN ('post', 'otherwise')))
            IS NOT (1, state = 'paid', state = 'failed', 0)
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::CardsDiffer,
        "card_batch",
        "SELECT tenant, id FROM (
            SELECT tenant, batch_id AS id, face - spent AS fen FROM cards
            WHERE state NOT IN ('void', 'expired')
            UNION ALL
            SELECT tenant, CAST(substr(account, 16) AS INTEGER), -posted FROM balances
            WHERE account >= 'card_liability/' AND account < 'card_liability0')
        GROUP BY tenant, id HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::StockDiffers,
        "card_batch",
        "SELECT tenant, id FROM (
            SELECT tenant, id, issued, reserved FROM card_batches
            UNION ALL
            SELECT tenant, batch_id, iif(state = 'issued', -quantity, 0),
                iif(state = 'open', -quantity, 0)
            FROM recharges WHERE batch_id IS NOT NULL)
        GROUP BY tenant, id HAVING sum(issued) <> 0 OR sum(reserved) <> 0
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::RechargeDiffers,
        "recharge",
        "SELECT own.tenant, own.id FROM recharges AS own
        LEFT JOIN orders ON orders.tenant = own.tenant AND orders.id = order_id
        LEFT JOIN (SELECT tenant, recharge_id, count(*) AS cards FROM cards
            GROUP BY tenant, recharge_id) AS counted
            ON counted.tenant = own.tenant AND recharge_id = own.id
        WHERE (own.state, coalesce(cards, 0)) IS NOT (
            CASE orders.state
                WHEN 'paid' THEN iif(batch_id IS NULL, 'credited', 'issued')
                WHEN 'failed' THEN 'released' WHEN 'closed' THEN 'released' ELSE 'open' END,
            iif(own.state = 'issued', quantity, 0))
        ORDER BY own.tenant, own.id LIMIT 1",
    ),
    (
        Rule::WalletPaymentDiffers,
        "order",
        "SELECT orders.tenant, orders.id FROM orders
        JOIN order_terms AS terms ON terms.tenant = orders.tenant AND terms.id = orders.id
        LEFT JOIN wallet_payments AS own
            ON own.tenant = orders.tenant AND own.order_id = orders.id
        LEFT JOIN (SELECT tenant, root,
                sum(iif(reason = 'stored_value_payment', amount, 0)) AS taken,
                sum(iif(reason = 'stored_value_refund', amount, 0)) AS back
            FROM transfers WHERE subject_kind = 'wallet_payment' GROUP BY tenant, root) AS moved
            ON moved.tenant = orders.tenant AND moved.root = orders.id
        WHERE terms.wallet_id IS NOT NULL AND (
            coalesce(taken, 0) <> CASE WHEN orders.state = 'paid' THEN paid_amount ELSE 0 END
            OR coalesce(back, 0) <> coalesce(returned, 0) OR coalesce(returned, 0) <> orders.refunded)
        ORDER BY orders.tenant, orders.id LIMIT 1",
    ),
    (
        Rule::WalletPartsDiffer,
        "wallet_payment",
        "SELECT tenant, id FROM (
            SELECT own.tenant AS tenant, own.id AS id, part.value ->> 'source' AS source,
                part.value ->> 'amount' AS fen
            FROM wallet_payments AS own, json_each(own.parts) AS part
            UNION ALL
            SELECT tenant, subject_id, CASE WHEN debit LIKE 'wallet_principal/%' THEN 'principal'
                WHEN debit LIKE 'wallet_bonus/%' THEN 'bonus'
                WHEN debit LIKE 'card_liability/%' THEN 'card' END, -amount
            FROM transfers
            WHERE subject_kind = 'wallet_payment' AND reason = 'stored_value_payment')
        GROUP BY tenant, id, source HAVING sum(fen) <> 0 ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::WalletCardsDiffer,
        "wallet",
        "SELECT tenant, id FROM (
            SELECT wallets.tenant AS tenant, wallets.id AS id, card.value AS card, 1 AS side
            FROM wallets, json_each(wallets.cards) AS card
            UNION ALL
            SELECT tenant, wallet_id, id, -1 FROM cards WHERE wallet_id IS NOT NULL)
        GROUP BY tenant, id, card HAVING sum(side) <> 0 ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::CardVoidDiffers,
        "card",
        "SELECT tenant, id FROM (
            SELECT cards.tenant AS tenant, cards.id AS id FROM cards
            LEFT JOIN refunds ON refunds.tenant = cards.tenant AND refunds.id = void_by
            WHERE (cards.state = 'void' OR void_by IS NOT NULL)
                AND (cards.state = 'void' AND refunds.order_id = cards.order_id
                    AND refunds.state IN ('requesting', 'processing', 'done', 'settled_by_hand'))
                    IS NOT TRUE
            UNION ALL
            SELECT refunds.tenant, part.value ->> 'card'
            FROM refunds CROSS JOIN json_each(refunds.parts) AS part
            LEFT JOIN cards
                ON cards.tenant = refunds.tenant AND cards.id = part.value ->> 'card'
            WHERE refunds.state IN ('requesting', 'processing', 'done', 'settled_by_hand')
                AND part.value ->> 'card' IS NOT NULL
                AND (cards.state IN ('void', 'expired')) IS NOT TRUE)
        ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::QuotaDiffers,
        "card_quota",
        "SELECT tenant, max(id) AS quota FROM (
            SELECT tenant, batch_id, owner, id, taken FROM card_quotas
            UNION ALL
            SELECT tenant, batch_id, owner, NULL, -quantity FROM recharges
            WHERE batch_id IS NOT NULL AND state IN ('open', 'issued')
            UNION ALL
            SELECT cards.tenant, cards.batch_id, own.owner, NULL, 1
            FROM cards CROSS JOIN recharges AS own
                ON own.tenant = cards.tenant AND own.id = recharge_id
            WHERE cards.state = 'void')
        GROUP BY tenant, batch_id, owner HAVING quota IS NOT NULL AND sum(taken) <> 0
        ORDER BY tenant, quota LIMIT 1",
    ),
    (
        Rule::DebitDiffers,
        "agreement",
        "SELECT tenant, id FROM (
            SELECT tenant, id, debiting AS order_id, 1 AS side FROM agreements
            WHERE debiting IS NOT NULL
            UNION ALL
            SELECT tenant, agreement_id, id, -1 FROM orders JOIN order_terms USING (tenant, id)
            WHERE agreement_id IS NOT NULL AND state IN ('init', 'paying', 'closing'))
        GROUP BY tenant, id, order_id HAVING sum(side) <> 0 ORDER BY tenant, id LIMIT 1",
    ),
    (
        Rule::RechargeNotBooked,
        "recharge",
        "SELECT tenant, id FROM (
            SELECT own.tenant AS tenant, own.id AS id,
                CASE own.state WHEN 'issued' THEN own.quantity * face
                    WHEN 'credited' THEN paid_amount ELSE 0 END AS value,
                iif(own.state = 'credited', bonus, 0) AS given,
                iif(phase = 'post' AND ((transfers.reason = 'card_issue'
                        AND credit = 'card_liability/' || printf('%018d', own.batch_id))
                    OR (transfers.reason = 'recharge'
                        AND credit = 'wallet_principal/' || printf('%018d', own.wallet_id))),
                    transfers.amount, 0) AS moved,
                iif(phase = 'post' AND transfers.reason = 'recharge'
                    AND credit = 'wallet_bonus/' || printf('%018d', own.wallet_id),
                    transfers.amount, 0) AS added
            FROM recharges AS own
            LEFT JOIN orders ON orders.tenant = own.tenant AND orders.id = own.order_id
            LEFT JOIN card_batches AS batch
                ON batch.tenant = own.tenant AND batch.id = own.batch_id
            LEFT JOIN transfers INDEXED BY transfers_of_root
                ON transfers.tenant = own.tenant AND root = own.order_id
                AND subject_kind = 'recharge' AND subject_id = own.id)
        GROUP BY tenant, id, value, given
        HAVING sum(moved) IS NOT value OR sum(added) IS NOT given
        ORDER BY tenant, id LIMIT 1",
    ),
];

pub(crate) const PAID_WITHOUT_NOTIFICATION: RuleSql = (
    Rule::PaidWithoutNotification,
    "order",
    "SELECT orders.tenant, orders.id
    FROM orders JOIN order_terms AS terms
        ON terms.tenant = orders.tenant AND terms.id = orders.id
    WHERE state = 'paid' AND notify_url IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM events CROSS JOIN notifications
            ON notifications.tenant = events.tenant AND notifications.id = events.subject_id
        WHERE events.tenant = orders.tenant AND events.root = orders.id
            AND subject_kind = 'notification'
            AND about_kind = 'order' AND about_id = orders.id)
        AND NOT EXISTS (
            SELECT 1 FROM archived_events AS archived
            WHERE archived.tenant = orders.tenant AND archived.root = orders.id
                AND archived.subject_kind = 'notification')
    ORDER BY orders.tenant, orders.id LIMIT 1",
);

/// The first row that has more or fewer events than its version says. A story's events lie together, so
/// that each row is looked up by its story.
macro_rules! events_missing {
    ($table:literal, $noun:literal, $root:literal) => {
        (
            Rule::EventsMissing,
            $noun,
            concat!(
                "SELECT tenant, id FROM ",
                $table,
                " AS own WHERE version <> (
                    SELECT count(*) FROM events
                    WHERE events.tenant = own.tenant AND events.root = own.",
                $root,
                " AND subject_kind = '",
                $noun,
                "' AND subject_id = own.id) + (
                    SELECT coalesce(sum(event_count), 0) FROM archived_events AS archived
                    WHERE archived.tenant = own.tenant AND archived.root = own.",
                $root,
                " AND subject_kind = '",
                $noun,
                "' AND subject_id = own.id)
                ORDER BY tenant, id LIMIT 1"
            ),
        )
    };
}

/// The rules of what was archived.
pub(crate) const ARCHIVE_RULES: [RuleSql; 20] = [
    events_missing!("orders", "order", "id"),
    events_missing!("refunds", "refund", "order_id"),
    events_missing!("notifications", "notification", "root"),
    events_missing!("approvals", "approval", "root_id"),
    events_missing!("shares", "share", "order_id"),
    events_missing!("share_returns", "share_return", "order_id"),
    events_missing!("allocations", "allocation", "order_id"),
    events_missing!("allocation_releases", "allocation_release", "order_id"),
    events_missing!("withdrawals", "withdrawal", "id"),
    events_missing!("card_batches", "card_batch", "id"),
    events_missing!("card_quotas", "card_quota", "batch_id"),
    events_missing!("recharges", "recharge", "order_id"),
    events_missing!("cards", "card", "order_id"),
    events_missing!("card_transfers", "card_transfer", "order_id"),
    events_missing!("card_bindings", "card_binding", "order_id"),
    events_missing!("wallets", "wallet", "id"),
    events_missing!("wallet_payments", "wallet_payment", "order_id"),
    events_missing!("wallet_freezes", "wallet_freeze", "wallet_id"),
    events_missing!("agreements", "agreement", "id"),
    (
        Rule::ArchivesDiffer,
        "archive",
        "SELECT tenant, number FROM (
            SELECT tenant, number, event_count FROM archives
            UNION ALL SELECT tenant, archive, -event_count FROM archived_events)
        GROUP BY tenant, number HAVING sum(event_count) <> 0 ORDER BY tenant, number LIMIT 1",
    ),
];
