//! Lists of columns: macros, so that a statement can be put together before the program runs.

/// Lists of columns, in the order of their table's cells.
macro_rules! lists {
    ($($name:ident = $list:literal;)*) => {
        $(
            macro_rules! $name { () => { $list }; }
        )*
        #[cfg(test)]
        pub(super) const LISTS: &[(&str, &str)] = &[$((stringify!($name), $list)),*];
    };
}

lists! {
    order_columns = "tenant, id, merchant_order_no, placed_at, dialect, merchant, amount, currency, \
scene, channel, channel_account, subject, payer_app_id, payer_user_id, payer_client_ip, payer_device_id, \
goods_tag, notify_url, front_url, callback_url, details, expires_at, version, state, \
pay_form, pay_text, pay_valid_until, closure, paid_at, payment_reference, payer_amount, ended_at, \
reason, in_flight_operation, in_flight_until, polls, unapplied";
    refund_columns = "tenant, id, order_id, payment_reference, amount, made_at, version, state, \
ended_at, refund_reference, reason, polls";
    notification_columns = "tenant, id, order_id, kind, url, made_at, version, state, ended_at, \
attempts, step";
    attempt_columns = "tenant, notification_id, attempt_no, at, took_ms, outcome, status, excerpt, state, \
ended_at";
    event_columns = "tenant, order_id, id, at, caller, kind, body";
    transfer_columns = "tenant, id, order_id, at, phase, debit, credit, amount, reason";
    balance_columns = "tenant, account, posted, held";
    task_columns = "tenant, kind, subject, due";
    key_columns = "tenant, channel_account, serial, pem, valid_from, valid_until, stored_by";
}

/// Orders with their terms.
macro_rules! select_orders {
    () => {
        concat!("SELECT ", order_columns!(), " FROM orders JOIN order_terms USING (tenant, id) ")
    };
}
