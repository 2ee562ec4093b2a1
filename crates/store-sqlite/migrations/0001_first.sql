-- Tables are clustered by tenant and by time-ordered ids, so that a busy day writes at the right edge
-- of each tree. The number of an order at its merchant is the only key in random order.

-- Where an order stands: narrow, and rewritten at every change.
CREATE TABLE orders (
    tenant              TEXT    NOT NULL,
    id                  INTEGER NOT NULL,
    merchant_order_no   TEXT    NOT NULL,
    placed_at           INTEGER NOT NULL,
    version             INTEGER NOT NULL,
    state               TEXT    NOT NULL,
    pay_form            TEXT,
    pay_text            TEXT,
    pay_valid_until     INTEGER,
    closure             TEXT,
    paid_at             INTEGER,
    payment_reference   TEXT,
    payer_amount        INTEGER,
    ended_at            INTEGER,
    reason              TEXT,
    in_flight_operation TEXT,
    in_flight_until     INTEGER,
    polls               INTEGER NOT NULL,
    unapplied           TEXT    NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, merchant_order_no)
) STRICT, WITHOUT ROWID;

-- What was agreed: wide, and written once.
CREATE TABLE order_terms (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    dialect         TEXT    NOT NULL,
    merchant        TEXT    NOT NULL,
    amount          INTEGER NOT NULL,
    currency        TEXT    NOT NULL,
    scene           TEXT    NOT NULL,
    channel         TEXT    NOT NULL,
    channel_account TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    payer_app_id    TEXT,
    payer_user_id   TEXT,
    payer_client_ip TEXT,
    payer_device_id TEXT,
    goods_tag       TEXT,
    notify_url      TEXT,
    front_url       TEXT,
    callback_url    TEXT    NOT NULL,
    details         TEXT    NOT NULL,
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refunds (
    tenant            TEXT    NOT NULL,
    id                INTEGER NOT NULL,
    order_id          INTEGER NOT NULL,
    payment_reference TEXT    NOT NULL,
    amount            INTEGER NOT NULL,
    made_at           INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    state             TEXT    NOT NULL,
    ended_at          INTEGER,
    refund_reference  TEXT,
    reason            TEXT,
    polls             INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_of_order ON refunds (tenant, order_id);

CREATE TABLE notifications (
    tenant   TEXT    NOT NULL,
    id       INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    url      TEXT    NOT NULL,
    made_at  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    ended_at INTEGER,
    attempts INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_of_order ON notifications (tenant, order_id);

CREATE TABLE attempts (
    tenant          TEXT    NOT NULL,
    notification_id INTEGER NOT NULL,
    attempt_no      INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    took_ms         INTEGER NOT NULL,
    outcome         TEXT    NOT NULL,
    status          INTEGER,
    excerpt         TEXT,
    state           TEXT    NOT NULL,
    ended_at        INTEGER,
    PRIMARY KEY (tenant, notification_id, attempt_no)
) STRICT, WITHOUT ROWID;

-- An event that belongs to no order has the order 0.
CREATE TABLE events (
    tenant   TEXT    NOT NULL,
    order_id INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    caller   TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (tenant, order_id, id)
) STRICT, WITHOUT ROWID;

-- What a person must look at; few events are in it, and none of an order that goes well. The text that
-- is looked for stands in no string of the body: JSON writes a quote in a string with a backslash.
CREATE INDEX events_for_people ON events (tenant, id)
    WHERE kind IN ('mismatch_recorded', 'unapplied_received')
        OR kind = 'refund_moved' AND instr(body, '"state":"failed"') > 0;

-- The largest id of an event, written once a commit: one row that belongs to nobody. An index by id
-- would cost every event.
CREATE TABLE last_event (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    id   INTEGER NOT NULL
) STRICT;

CREATE TABLE transfers (
    tenant   TEXT    NOT NULL,
    id       INTEGER NOT NULL,
    order_id INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    phase    TEXT    NOT NULL,
    debit    TEXT    NOT NULL,
    credit   TEXT    NOT NULL,
    amount   INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_of_debit ON transfers (tenant, debit, id);
CREATE INDEX transfers_of_credit ON transfers (tenant, credit, id);
CREATE INDEX transfers_of_order ON transfers (tenant, order_id);

CREATE TABLE balances (
    tenant  TEXT    NOT NULL,
    account TEXT    NOT NULL,
    posted  INTEGER NOT NULL,
    held    INTEGER NOT NULL,
    PRIMARY KEY (tenant, account)
) STRICT, WITHOUT ROWID;

-- A task that nobody has claimed is leased until 0.
CREATE TABLE tasks (
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    subject      INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (due);

CREATE TABLE channel_keys (
    tenant          TEXT    NOT NULL,
    channel_account TEXT    NOT NULL,
    serial          TEXT    NOT NULL,
    pem             TEXT    NOT NULL,
    valid_from      INTEGER NOT NULL,
    valid_until     INTEGER NOT NULL,
    stored_by       INTEGER NOT NULL,
    PRIMARY KEY (tenant, channel_account, serial)
) STRICT, WITHOUT ROWID;
