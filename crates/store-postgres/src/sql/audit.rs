//! The questions that prove the books: counts, sums, and for each rule the first row that breaks it.

/// The first order whose refunds do not fit the transfers between suspense and its channel account, by
/// amount: refunds of the same amount are not told apart. A transfer between others has no amount.
macro_rules! first_refund_with {
    ($broken:literal) => {
        concat!(
            "SELECT tenant, order_id FROM (
                SELECT tenant, order_id, amount, 1 AS refund,
                    (state = 'done')::int AS done, (state = 'failed')::int AS failed,
                    0 AS hold, 0 AS post_held, 0 AS release, 0 AS post
                FROM refunds
                UNION ALL
                SELECT transfers.tenant, transfers.order_id,
                    CASE WHEN transfers.debit = 'suspense/' || transfers.tenant
                        AND transfers.credit = 'channel_funds/' || terms.channel_account
                        THEN transfers.amount END,
                    0, 0, 0, (phase = 'hold')::int, (phase = 'post_held')::int,
                    (phase = 'release')::int, (phase = 'post')::int
                FROM transfers LEFT JOIN order_terms AS terms
                    ON terms.tenant = transfers.tenant AND terms.id = transfers.order_id
                WHERE transfers.reason = 'unapplied_refund') AS sides
            GROUP BY tenant, order_id, amount HAVING ",
            $broken,
            " ORDER BY tenant, order_id LIMIT 1"
        )
    };
}

super::statements! {
    ORDERS = "SELECT count(*), count(*) FILTER (WHERE state = 'paid') FROM orders";

    TRANSFERS = "SELECT count(*), coalesce(
            sum(amount) FILTER (WHERE phase IN ('post', 'post_held')), 0)::bigint FROM transfers";

    BALANCES = concat!("SELECT ", balance_columns!(), " FROM balances");

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
            AND transfers.order_id = orders.id AND transfers.reason = 'payment'
        WHERE orders.state = 'paid'
        GROUP BY orders.tenant, orders.id
        HAVING count(transfers.id) <> 1 OR count(*) FILTER (WHERE transfers.phase = 'post'
            AND transfers.amount = terms.amount
            AND transfers.debit = 'channel_funds/' || terms.channel_account
            AND transfers.credit = 'merchant_pending/' || terms.merchant) <> 1
        ORDER BY orders.tenant, orders.id LIMIT 1";

    PAYMENT_WITHOUT_PAID = "SELECT transfers.tenant, transfers.order_id
        FROM transfers LEFT JOIN orders
            ON orders.tenant = transfers.tenant AND orders.id = transfers.order_id
        WHERE transfers.reason = 'payment' AND orders.state IS DISTINCT FROM 'paid'
        ORDER BY transfers.tenant, transfers.order_id LIMIT 1";

    /// Unapplied payments are few: the rules about them are checked outside the database, which cannot
    /// read every text that JSON can write.
    ORDERS_WITH_UNAPPLIED = concat!(select_orders!(), "WHERE unapplied <> '[]'");
    UNAPPLIED_TRANSFERS = concat!("SELECT ", transfer_columns!(), " FROM transfers
        WHERE reason = 'unapplied_payment'");
    UNAPPLIED_REFUNDS = concat!("SELECT ", refund_columns!(), " FROM refunds
        WHERE EXISTS (SELECT 1 FROM orders WHERE orders.tenant = refunds.tenant
            AND orders.id = refunds.order_id AND orders.unapplied <> '[]')");

    REFUND_WITHOUT_HOLD = first_refund_with!("sum(hold) <> sum(refund)");
    REFUND_WITHOUT_POST = first_refund_with!("sum(post_held) + sum(post) <> sum(done)");
    REFUND_WITHOUT_RELEASE = first_refund_with!("sum(release) <> sum(failed) + sum(post)");
    OPEN_REFUNDS = "SELECT tenant, sum(amount)::bigint FROM refunds
        WHERE state NOT IN ('done', 'failed') GROUP BY tenant";

    ORDER_WITHOUT_TASK = "SELECT tenant, id FROM orders
        WHERE state NOT IN ('paid', 'failed', 'closed') AND NOT EXISTS (
            SELECT 1 FROM tasks WHERE tasks.tenant = orders.tenant
                AND tasks.kind = 'order' AND tasks.subject = orders.id)
        ORDER BY tenant, id LIMIT 1";

    REFUND_WITHOUT_TASK = "SELECT tenant, id FROM refunds
        WHERE state NOT IN ('done', 'failed') AND NOT EXISTS (
            SELECT 1 FROM tasks WHERE tasks.tenant = refunds.tenant
                AND tasks.kind = 'refund' AND tasks.subject = refunds.id)
        ORDER BY tenant, id LIMIT 1";

    PAID_WITHOUT_NOTIFICATION = "SELECT orders.tenant, orders.id
        FROM orders JOIN order_terms AS terms
            ON terms.tenant = orders.tenant AND terms.id = orders.id
        WHERE orders.state = 'paid' AND terms.notify_url IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM notifications
            WHERE notifications.tenant = orders.tenant AND notifications.order_id = orders.id)
        ORDER BY orders.tenant, orders.id LIMIT 1";

    NOTIFICATION_WITHOUT_TASK = "SELECT tenant, id FROM notifications
        WHERE state NOT IN ('delivered', 'given_up') AND NOT EXISTS (
            SELECT 1 FROM tasks WHERE tasks.tenant = notifications.tenant
                AND tasks.kind = 'notification' AND tasks.subject = notifications.id)
        ORDER BY tenant, id LIMIT 1";
}
