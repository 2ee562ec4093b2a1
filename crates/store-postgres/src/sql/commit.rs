//! What a commit writes besides the rows of aggregates, and what archiving writes and deletes: a table a
//! statement, the rows as one array a column. Plain inserts fail where a row exists.

use super::insert;
use store::rows::{archive, claimed_name, event, transfer};

super::statements! {
    INSERT_EVENTS = insert(event::EVENTS.name, event::EVENTS.columns);

    INSERT_TRANSFERS = insert(transfer::TRANSFERS.name, transfer::TRANSFERS.columns);

    CLAIM_NAMES =
        insert(claimed_name::CLAIMED_NAMES.name, claimed_name::CLAIMED_NAMES.columns);

    INSERT_ARCHIVES = insert(archive::ARCHIVES.name, archive::ARCHIVES.columns);

    INSERT_ARCHIVED_EVENTS =
        insert(archive::ARCHIVED_EVENTS.name, archive::ARCHIVED_EVENTS.columns);

    /// Fails where one is not there.
    DELETE_EVENTS = "WITH deleted AS (
            DELETE FROM events USING unnest($2::bigint[], $3::bigint[]) AS row (root, id)
            WHERE events.tenant = $1 AND events.root = row.root AND events.id = row.id
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, 'event') FROM deleted";

    /// Fails where one is not there, or not in this version.
    DELETE_NOTIFICATIONS = "WITH deleted AS (
            DELETE FROM notifications USING unnest($2::bigint[], $3::bigint[]) AS row (id, version)
            WHERE notifications.tenant = $1 AND notifications.id = row.id
                AND notifications.version = row.version
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, 'notification')
        FROM deleted";

    /// Setting a task ends its lease, and it is not parked any more. Its row wants it when it is due at
    /// first.
    SET_TASKS = "INSERT INTO tasks
            (tenant, subject_kind, subject_id, root, due, lane, wanted_at, leased_until)
        SELECT $1::text, row.subject_kind, row.subject_id, row.root, row.due, row.lane, row.due, 0
        FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
            AS row (subject_kind, subject_id, root, due, lane)
        ON CONFLICT (tenant, subject_kind, subject_id)
            DO UPDATE SET due = excluded.due, lane = excluded.lane,
                wanted_at = excluded.wanted_at, leased_until = 0,
                parked_at = NULL, parked_reason = NULL";

    END_TASKS = "DELETE FROM tasks
        USING unnest($2::text[], $3::bigint[]) AS row (subject_kind, subject_id)
        WHERE tasks.tenant = $1 AND tasks.subject_kind = row.subject_kind
            AND tasks.subject_id = row.subject_id";

    /// A new account starts at zero; only then can its change be added like any other.
    OPEN_BALANCES = "INSERT INTO balances (tenant, account, posted, held)
        SELECT $1::text, row.account, 0, 0 FROM unnest($2::text[]) AS row (account)
        ON CONFLICT (tenant, account) DO NOTHING";

    EXPECT_BALANCES = "SELECT tongbao_expect(count(*), 0, 'balance')
        FROM balances
        JOIN unnest($2::text[], $3::bigint[], $4::bigint[]) AS row (account, posted, held)
            ON balances.account = row.account
        WHERE balances.tenant = $1
            AND (balances.posted, balances.held) <> (row.posted, row.held)";
    MOVE_BALANCES = "UPDATE balances SET posted = balances.posted + row.posted,
            held = tongbao_held(balances.account, balances.posted, balances.held, row.posted,
                row.held, row.floor)
        FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS row (account, posted, held, floor)
        WHERE balances.tenant = $1 AND balances.account = row.account";
}
