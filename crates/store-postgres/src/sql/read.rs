//! Loading what decisions read, and answering queries. Nothing here locks.

/// Notifications with the merchant's number of their orders.
macro_rules! select_notifications {
    () => {
        concat!(
            "SELECT ",
            notification_columns!(),
            ", coalesce((SELECT merchant_order_no FROM orders
                WHERE orders.tenant = notifications.tenant AND orders.id = notifications.order_id), '')
            FROM notifications "
        )
    };
}

/// A page of notifications; a notification alone is a page of one.
macro_rules! page_of_notifications {
    () => {
        "WHERE tenant = $1 AND id < $2 AND id >= $3 AND ($4::text IS NULL OR state = $4)
        ORDER BY id DESC LIMIT $5"
    };
}

super::statements! {
    ORDERS_BY_ID = concat!(select_orders!(), "WHERE tenant = $1 AND id = ANY($2)");
    ORDERS_BY_NUMBER = concat!(select_orders!(), "WHERE tenant = $1 AND merchant_order_no = ANY($2)");
    ORDERS_OF_REFUNDS = concat!(select_orders!(), "WHERE tenant = $1 AND id IN (
        SELECT order_id FROM refunds WHERE tenant = $1 AND refunds.id = ANY($2))");
    REFUNDS_BY_ID = concat!("SELECT ", refund_columns!(), " FROM refunds
        WHERE tenant = $1 AND id = ANY($2)");
    NOTIFICATIONS_BY_ID = concat!("SELECT ", notification_columns!(), " FROM notifications
        WHERE tenant = $1 AND id = ANY($2)");
    BALANCES_BY_ACCOUNT = concat!("SELECT ", balance_columns!(), " FROM balances
        WHERE tenant = $1 AND account = ANY($2)");

    ORDERS = concat!(select_orders!(), "WHERE tenant = $1 AND id < $2 AND id >= $3
        AND ($4::text IS NULL OR state = $4) AND placed_at >= $5 AND placed_at < $6
        ORDER BY id DESC LIMIT $7");

    EVENTS_OF_ORDER = concat!("SELECT ", event_columns!(), " FROM events
        WHERE tenant = $1 AND order_id = $2 ORDER BY id");
    TRANSFERS_OF_ORDER = concat!("SELECT ", transfer_columns!(), " FROM transfers
        WHERE tenant = $1 AND order_id = $2 ORDER BY id");
    REFUNDS_OF_ORDER = concat!("SELECT ", refund_columns!(), " FROM refunds
        WHERE tenant = $1 AND order_id = $2 ORDER BY id");
    NOTIFICATIONS_OF_ORDER = concat!(select_notifications!(), "WHERE tenant = $1 AND order_id = $2 ORDER BY id");
    ATTEMPTS_OF_ORDER = concat!("SELECT ", attempt_columns!(), " FROM attempts
        WHERE tenant = $1 AND notification_id IN (
            SELECT id FROM notifications WHERE tenant = $1 AND order_id = $2)
        ORDER BY notification_id, attempt_no");
    TASKS_OF_ORDER = concat!("SELECT ", task_columns!(), " FROM tasks
            WHERE tenant = $1 AND kind = 'order' AND subject = $2
        UNION ALL SELECT ", task_columns!(), " FROM tasks
            WHERE tenant = $1 AND kind = 'refund' AND subject IN (
                SELECT id FROM refunds WHERE tenant = $1 AND order_id = $2)
        UNION ALL SELECT ", task_columns!(), " FROM tasks
            WHERE tenant = $1 AND kind = 'notification' AND subject IN (
                SELECT id FROM notifications WHERE tenant = $1 AND order_id = $2)");

    /// Looks through the numbers of every tenant: for a person who has nothing but the number.
    TENANTS_WITH_ORDER = "SELECT tenant FROM orders WHERE merchant_order_no = $1 ORDER BY tenant";

    ACCOUNTS = concat!("SELECT ", balance_columns!(), " FROM balances WHERE tenant = $1");

    /// Each side has an index that gives its newest; of both the newest are taken.
    POSTINGS = concat!("SELECT ", transfer_columns!(), " FROM transfers
        WHERE tenant = $1 AND id IN (
            (SELECT id FROM transfers WHERE tenant = $1 AND debit = $2 AND id < $3
                ORDER BY id DESC LIMIT $4)
            UNION
            (SELECT id FROM transfers WHERE tenant = $1 AND credit = $2 AND id < $3
                ORDER BY id DESC LIMIT $4))
        ORDER BY id DESC LIMIT $4");

    NOTIFICATIONS = concat!(select_notifications!(), page_of_notifications!());
    ATTEMPTS_OF_NOTIFICATIONS = concat!("SELECT ", attempt_columns!(), " FROM attempts
        WHERE tenant = $1 AND notification_id IN (SELECT id FROM notifications ", page_of_notifications!(), ")
        ORDER BY notification_id, attempt_no");

    KEYS = concat!("SELECT ", key_columns!(), " FROM channel_keys");

    /// The condition is word for word the index's.
    ATTENTION = concat!("SELECT ", event_columns!(), " FROM events
        WHERE tenant = $1 AND id < $2 AND (kind IN ('mismatch_recorded', 'unapplied_received')
            OR kind = 'refund_moved' AND strpos(body, '\"state\":\"failed\"') > 0)
        ORDER BY id DESC LIMIT $3");

    /// The largest id from this one on.
    LAST_ID = "SELECT max(id) FROM events WHERE id >= $1";

    PING = "SELECT 1";

    WAITING = "SELECT count(*), count(*) FILTER (WHERE due <= $1),
            min(due) FILTER (WHERE due <= $1) FROM tasks";
}
