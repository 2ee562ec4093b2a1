//! What a commit writes: a table a statement, the rows as one array a column.
//!
//! Plain inserts fail where a row exists. Updates count the rows whose version was the expected one,
//! and fail where one is missing.

super::statements! {
    INSERT_ORDERS = "INSERT INTO orders (tenant, id, merchant_order_no, placed_at, version, state, pay_form,
            pay_text, pay_valid_until, closure, paid_at, payment_reference, payer_amount, ended_at,
            reason, in_flight_operation, in_flight_until, polls, unapplied)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[],
            $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[],
            $12::text[], $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::bigint[],
            $18::bigint[], $19::text[]) AS row";

    INSERT_TERMS = "INSERT INTO order_terms (tenant, id, dialect, merchant, amount, currency, scene,
            channel, channel_account, subject, payer_app_id, payer_user_id, payer_client_ip,
            payer_device_id, goods_tag, notify_url, front_url, callback_url, details,
            expires_at)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[],
            $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
            $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
            $19::text[], $20::bigint[]) AS row";

    UPDATE_ORDERS = "WITH written AS (
            UPDATE orders SET version = row.version, state = row.state, pay_form = row.pay_form,
                pay_text = row.pay_text, pay_valid_until = row.pay_valid_until,
                closure = row.closure, paid_at = row.paid_at,
                payment_reference = row.payment_reference, payer_amount = row.payer_amount,
                ended_at = row.ended_at, reason = row.reason,
                in_flight_operation = row.in_flight_operation, in_flight_until = row.in_flight_until,
                polls = row.polls, unapplied = row.unapplied
            FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
                $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::bigint[],
                $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[],
                $18::text[]) AS row (id, expected, version, state, pay_form, pay_text,
                pay_valid_until, closure, paid_at, payment_reference, payer_amount, ended_at,
                reason, in_flight_operation, in_flight_until, polls, unapplied)
            WHERE orders.tenant = $1 AND orders.id = row.id AND orders.version = row.expected
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, 'order')
        FROM written";

    INSERT_REFUNDS = "INSERT INTO refunds (tenant, id, order_id, payment_reference, amount, made_at,
            version, state, ended_at, refund_reference, reason, polls)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[],
            $12::bigint[]) AS row";

    UPDATE_REFUNDS = "WITH written AS (
            UPDATE refunds SET version = row.version, state = row.state, ended_at = row.ended_at,
                refund_reference = row.refund_reference, reason = row.reason, polls = row.polls
            FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],
                $7::text[], $8::text[], $9::bigint[]) AS row (id, expected, version, state,
                ended_at, refund_reference, reason, polls)
            WHERE refunds.tenant = $1 AND refunds.id = row.id AND refunds.version = row.expected
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, 'refund')
        FROM written";

    INSERT_NOTIFICATIONS = "INSERT INTO notifications (tenant, id, order_id, kind, url, made_at, version, state,
            ended_at, attempts, step)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[],
            $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])
            AS row";

    UPDATE_NOTIFICATIONS = "WITH written AS (
            UPDATE notifications SET version = row.version, state = row.state, ended_at = row.ended_at,
                attempts = row.attempts, step = row.step
            FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],
                $7::bigint[], $8::bigint[]) AS row (id, expected, version, state, ended_at,
                attempts, step)
            WHERE notifications.tenant = $1 AND notifications.id = row.id AND notifications.version = row.expected
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, 'notification')
        FROM written";

    INSERT_EVENTS = "INSERT INTO events (tenant, order_id, id, at, caller, kind, body)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
            $6::text[], $7::text[]) AS row";

    INSERT_TRANSFERS = "INSERT INTO transfers (tenant, id, order_id, at, phase, debit, credit, amount,
            reason)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
            $6::text[], $7::text[], $8::bigint[], $9::text[]) AS row";

    INSERT_ATTEMPTS = "INSERT INTO attempts (tenant, notification_id, attempt_no, at, took_ms, outcome, status,
            excerpt, state, ended_at)
        SELECT $1::text, row.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[]) AS row";

    KEEP_KEYS = "INSERT INTO channel_keys (tenant, channel_account, serial, pem, valid_from,
            valid_until, stored_by)
        SELECT $1::text, row.* FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[]) AS row
        ON CONFLICT (tenant, channel_account, serial) DO UPDATE SET pem = excluded.pem,
            valid_from = excluded.valid_from, valid_until = excluded.valid_until,
            stored_by = excluded.stored_by";

    /// Setting a task ends its lease.
    SET_TASKS = "INSERT INTO tasks (tenant, kind, subject, due, leased_until)
        SELECT $1::text, row.kind, row.subject, row.due, 0
        FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS row (kind, subject, due)
        ON CONFLICT (tenant, kind, subject) DO UPDATE SET due = excluded.due, leased_until = 0";

    END_TASKS = "DELETE FROM tasks
        USING unnest($2::text[], $3::bigint[]) AS row (kind, subject)
        WHERE tasks.tenant = $1 AND tasks.kind = row.kind AND tasks.subject = row.subject";

    /// A new account starts at zero; only then can its change be added like any other.
    OPEN_BALANCES = "INSERT INTO balances (tenant, account, posted, held)
        SELECT $1::text, row.account, 0, 0 FROM unnest($2::text[]) AS row (account)
        ON CONFLICT (tenant, account) DO NOTHING";

    MOVE_BALANCES = "UPDATE balances SET posted = balances.posted + row.posted,
            held = tongbao_held(balances.account, balances.posted, balances.held, row.posted,
                row.held, row.floor)
        FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS row (account, posted, held, floor)
        WHERE balances.tenant = $1 AND balances.account = row.account";
}
