-- Tables are clustered by tenant and by time-ordered ids, so that a busy day writes at the right edge
-- of each tree. The number of an order at its merchant is the only key in random order.
--
-- Every aggregate's table has the columns of its standing: version, next_poll_at, held,
-- attention_kind, attention, attention_since. A row that needs nobody is in neither index
-- of them, attention_of_TABLE and attention_times_of_TABLE, and costs them nothing.

-- Where an order stands: narrow, and rewritten at every change.
CREATE TABLE orders (
    tenant              TEXT    NOT NULL,
    id                  INTEGER NOT NULL,
    namespace           TEXT    NOT NULL,
    merchant_order_no   TEXT    NOT NULL,
    placed_at           INTEGER NOT NULL,
    version             INTEGER NOT NULL,
    next_poll_at        INTEGER,
    held                INTEGER NOT NULL,
    attention_kind      TEXT,
    attention           TEXT,
    attention_since     INTEGER,
    state               TEXT    NOT NULL,
    pay_form            TEXT,
    pay_text            TEXT,
    pay_valid_until     INTEGER,
    closure             TEXT,
    paid_at             INTEGER,
    payment_reference   TEXT,
    paid_amount         INTEGER,
    settled_amount      INTEGER,
    payer_amount        INTEGER,
    ended_at            INTEGER,
    reason              TEXT,
    is_confirmed        INTEGER NOT NULL,
    refunding           INTEGER NOT NULL,
    refunded            INTEGER NOT NULL,
    allocated           INTEGER NOT NULL,
    sharing             INTEGER NOT NULL,
    shared              INTEGER NOT NULL,
    made_up             INTEGER NOT NULL,
    share_progress      TEXT,
    in_flight_operation TEXT,
    in_flight_until     INTEGER,
    cancel              TEXT,
    polls               INTEGER NOT NULL,
    unapplied           TEXT    NOT NULL,
    contested           TEXT,
    note                TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, merchant_order_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_orders ON orders (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_orders
    ON orders (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

-- What was agreed: wide, and written once.
CREATE TABLE order_terms (
    tenant           TEXT    NOT NULL,
    id               INTEGER NOT NULL,
    channel_order_no TEXT    NOT NULL,
    dialect          TEXT    NOT NULL,
    merchant         TEXT    NOT NULL,
    amount           INTEGER NOT NULL,
    currency         TEXT    NOT NULL,
    scene            TEXT    NOT NULL,
    channel          TEXT    NOT NULL,
    channel_account  TEXT    NOT NULL,
    channel_identity TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    payer_app_id     TEXT,
    payer_user_id    TEXT,
    payer_client_ip  TEXT,
    payer_device_id  TEXT,
    goods_tag        TEXT,
    notify_url       TEXT,
    front_url        TEXT,
    callback_url     TEXT    NOT NULL,
    splits           TEXT,
    recharge_id      INTEGER,
    wallet_id        INTEGER,
    wallet_deduct    TEXT,
    details          TEXT    NOT NULL,
    content          TEXT    NOT NULL,
    expires_at       INTEGER NOT NULL,
    agreement_id     INTEGER,
    debit_cancellable INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refunds (
    tenant             TEXT    NOT NULL,
    id                 INTEGER NOT NULL,
    order_id           INTEGER NOT NULL,
    merchant_order_no  TEXT    NOT NULL,
    channel_refund_no  TEXT    NOT NULL,
    payment_reference  TEXT    NOT NULL,
    paid               INTEGER NOT NULL,
    amount             INTEGER NOT NULL,
    settled_amount     INTEGER NOT NULL,
    cause              TEXT    NOT NULL,
    namespace          TEXT,
    merchant_refund_no TEXT,
    dialect            TEXT,
    requested_reason   TEXT,
    notify_url         TEXT,
    details            TEXT,
    is_to_balance      INTEGER,
    parts              TEXT,
    made_at            INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    next_poll_at       INTEGER,
    held               INTEGER NOT NULL,
    attention_kind     TEXT,
    attention          TEXT,
    attention_since    INTEGER,
    attempt            INTEGER NOT NULL,
    state              TEXT    NOT NULL,
    ended_at           INTEGER,
    refund_reference   TEXT,
    settled_refund     INTEGER,
    reason             TEXT,
    is_proven          INTEGER,
    note               TEXT,
    step_kind          TEXT,
    step_id            INTEGER,
    is_requested       INTEGER,
    polls              INTEGER NOT NULL,
    dismissal          TEXT,
    returns            TEXT,
    second_payouts     TEXT    NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, merchant_refund_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_refunds ON refunds (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_refunds
    ON refunds (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE notifications (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    about_kind      TEXT    NOT NULL,
    about_id        INTEGER NOT NULL,
    about_no        TEXT    NOT NULL,
    root            INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    dialect         TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    ended_at        INTEGER,
    attempts        INTEGER NOT NULL,
    step            INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_notifications ON notifications (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_notifications
    ON notifications (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE tenants (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    name            TEXT    NOT NULL,
    is_enabled      INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_tenants ON tenants (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_tenants
    ON tenants (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE merchants (
    tenant           TEXT    NOT NULL,
    id               INTEGER NOT NULL,
    merchant         TEXT    NOT NULL,
    made_at          INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    next_poll_at     INTEGER,
    held             INTEGER NOT NULL,
    attention_kind   TEXT,
    attention        TEXT,
    attention_since  INTEGER,
    name             TEXT    NOT NULL,
    channel_accounts TEXT    NOT NULL,
    sharing          TEXT,
    is_enabled       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, merchant)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_merchants ON merchants (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_merchants
    ON merchants (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE caller_keys (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    key_id          TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    proof_kind      TEXT    NOT NULL,
    proof           TEXT    NOT NULL,
    is_enabled      INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_caller_keys ON caller_keys (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_caller_keys
    ON caller_keys (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE channel_accounts (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    channel         TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    identity        TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    settings        TEXT    NOT NULL,
    platform_keys   TEXT    NOT NULL,
    is_enabled      INTEGER NOT NULL,
    mismatch        TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_channel_accounts ON channel_accounts (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_channel_accounts
    ON channel_accounts (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE approvals (
    tenant              TEXT    NOT NULL,
    id                  INTEGER NOT NULL,
    root_kind           TEXT    NOT NULL,
    root_id             INTEGER NOT NULL,
    row_kind            TEXT,
    row_id              INTEGER,
    command             TEXT    NOT NULL,
    contested_reference TEXT,
    note                TEXT,
    outside_reference   TEXT,
    done_items          TEXT,
    payment_reference   TEXT,
    amount              INTEGER,
    digest              TEXT    NOT NULL,
    proposer            TEXT    NOT NULL,
    version             INTEGER NOT NULL,
    next_poll_at        INTEGER,
    held                INTEGER NOT NULL,
    attention_kind      TEXT,
    attention           TEXT,
    attention_since     INTEGER,
    proposed_at         INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    state               TEXT    NOT NULL,
    decided_at          INTEGER,
    decided_by          TEXT,
    reason              TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_approvals ON approvals (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_approvals
    ON approvals (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
-- Approvals are listed and found without their tenants.
CREATE INDEX ids_of_approvals ON approvals (id);

CREATE TABLE payees (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    merchant        TEXT,
    channel         TEXT,
    receiver_kind   TEXT,
    role            TEXT,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    name            TEXT,
    account         TEXT,
    unbound_at      INTEGER,
    bindings        TEXT    NOT NULL,
    polls           INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_payees ON payees (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_payees
    ON payees (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE shares (
    tenant           TEXT    NOT NULL,
    id               INTEGER NOT NULL,
    namespace        TEXT    NOT NULL,
    number           TEXT    NOT NULL,
    order_id         INTEGER NOT NULL,
    order_no         TEXT    NOT NULL,
    merchant         TEXT    NOT NULL,
    channel_share_no TEXT    NOT NULL,
    releases_rest    INTEGER NOT NULL,
    dialect          TEXT    NOT NULL,
    notify_url       TEXT,
    content          TEXT    NOT NULL,
    made_at          INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    next_poll_at     INTEGER,
    held             INTEGER NOT NULL,
    attention_kind   TEXT,
    attention        TEXT,
    attention_since  INTEGER,
    state            TEXT    NOT NULL,
    tries            INTEGER,
    refused          TEXT,
    ended_at         INTEGER,
    items            TEXT    NOT NULL,
    returns          TEXT    NOT NULL,
    polls            INTEGER NOT NULL,
    attempt          INTEGER NOT NULL,
    claimed          TEXT,
    note             TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_shares ON shares (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_shares
    ON shares (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE share_returns (
    tenant            TEXT    NOT NULL,
    id                INTEGER NOT NULL,
    namespace         TEXT    NOT NULL,
    number            TEXT    NOT NULL,
    share_id          INTEGER NOT NULL,
    share_no          TEXT    NOT NULL,
    order_id          INTEGER NOT NULL,
    order_no          TEXT    NOT NULL,
    merchant          TEXT    NOT NULL,
    channel_share_no  TEXT    NOT NULL,
    channel_return_no TEXT    NOT NULL,
    dialect           TEXT    NOT NULL,
    notify_url        TEXT,
    remark            TEXT,
    content           TEXT    NOT NULL,
    made_at           INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    next_poll_at      INTEGER,
    held              INTEGER NOT NULL,
    attention_kind    TEXT,
    attention         TEXT,
    attention_since   INTEGER,
    state             TEXT    NOT NULL,
    tries             INTEGER,
    refused           TEXT,
    ended_at          INTEGER,
    items             TEXT    NOT NULL,
    polls             INTEGER NOT NULL,
    claimed           TEXT,
    note              TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_share_returns ON share_returns (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_share_returns
    ON share_returns (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE allocations (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    merchant        TEXT    NOT NULL,
    allocation_no   TEXT    NOT NULL,
    amount          INTEGER NOT NULL,
    period          TEXT    NOT NULL,
    is_frozen       INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    waits_until     INTEGER,
    ended_at        INTEGER,
    reason          TEXT,
    released        INTEGER NOT NULL,
    returned        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, allocation_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_allocations ON allocations (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_allocations
    ON allocations (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE allocation_releases (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    release_no      TEXT    NOT NULL,
    parts           TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, release_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_allocation_releases ON allocation_releases (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_allocation_releases
    ON allocation_releases (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE withdrawals (
    tenant            TEXT    NOT NULL,
    id                INTEGER NOT NULL,
    namespace         TEXT    NOT NULL,
    withdrawal_no     TEXT    NOT NULL,
    merchant          TEXT    NOT NULL,
    dialect           TEXT    NOT NULL,
    amount            INTEGER NOT NULL,
    notify_url        TEXT,
    remark            TEXT,
    payout            TEXT    NOT NULL,
    made_at           INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    next_poll_at      INTEGER,
    held              INTEGER NOT NULL,
    attention_kind    TEXT,
    attention         TEXT,
    attention_since   INTEGER,
    state             TEXT    NOT NULL,
    ended_at          INTEGER,
    outside_reference TEXT,
    note              TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, withdrawal_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_withdrawals ON withdrawals (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_withdrawals
    ON withdrawals (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_batches (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    merchant        TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    face            INTEGER NOT NULL,
    price           INTEGER NOT NULL,
    owner_max       INTEGER NOT NULL,
    is_transferable INTEGER NOT NULL,
    accepted_by     TEXT    NOT NULL,
    begins_at       INTEGER,
    valid_days      INTEGER,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    ends_at         INTEGER,
    total           INTEGER NOT NULL,
    issued          INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_card_batches ON card_batches (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_batches
    ON card_batches (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_quotas (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    batch_id        INTEGER NOT NULL,
    owner           TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    taken           INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_card_quotas ON card_quotas (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_quotas
    ON card_quotas (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE recharges (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    batch_id        INTEGER,
    quantity        INTEGER,
    wallet_id       INTEGER,
    bonus           INTEGER,
    owner           TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    ended_at        INTEGER,
    first_card      INTEGER,
    bonus_missing   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_recharges ON recharges (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_recharges
    ON recharges (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE cards (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    number          TEXT    NOT NULL,
    batch_id        INTEGER NOT NULL,
    recharge_id     INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    face            INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    begins_at       INTEGER NOT NULL,
    ends_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    spent           INTEGER NOT NULL,
    void_by         INTEGER,
    secret          TEXT,
    secret_tag      TEXT,
    wallet_id       INTEGER,
    bound_at        INTEGER,
    wrong_secrets   TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_cards ON cards (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_cards
    ON cards (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
-- Cards are listed by their owners and by their batches.
CREATE INDEX owners_of_cards ON cards (tenant, owner, id);
CREATE INDEX batches_of_cards ON cards (tenant, batch_id, id);
CREATE TABLE card_transfers (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    card_id         INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    from_owner      TEXT    NOT NULL,
    to_owner        TEXT,
    token_hash      TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    ended_at        INTEGER,
    receiver        TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_card_transfers ON card_transfers (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_transfers
    ON card_transfers (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_bindings (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    card_id         INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    wallet_id       INTEGER NOT NULL,
    is_by_secret    INTEGER NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_card_bindings ON card_bindings (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_bindings
    ON card_bindings (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallets (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    merchant        TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    state           TEXT    NOT NULL,
    cards           TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_wallets ON wallets (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallets
    ON wallets (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallet_payments (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    order_id        INTEGER NOT NULL,
    wallet_id       INTEGER NOT NULL,
    number          TEXT    NOT NULL,
    parts           TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    returned        INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_wallet_payments ON wallet_payments (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallet_payments
    ON wallet_payments (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallet_freezes (
    tenant          TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    number          TEXT    NOT NULL,
    wallet_id       INTEGER NOT NULL,
    parts           TEXT    NOT NULL,
    note            TEXT,
    made_at         INTEGER NOT NULL,
    expires_at      INTEGER,
    version         INTEGER NOT NULL,
    next_poll_at    INTEGER,
    held            INTEGER NOT NULL,
    attention_kind  TEXT,
    attention       TEXT,
    attention_since INTEGER,
    releases        TEXT    NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_wallet_freezes ON wallet_freezes (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallet_freezes
    ON wallet_freezes (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE agreements (
    tenant               TEXT    NOT NULL,
    id                   INTEGER NOT NULL,
    namespace            TEXT    NOT NULL,
    number               TEXT    NOT NULL,
    made_at              INTEGER NOT NULL,
    channel_agreement_no TEXT    NOT NULL,
    dialect              TEXT    NOT NULL,
    merchant             TEXT    NOT NULL,
    channel              TEXT    NOT NULL,
    channel_account      TEXT    NOT NULL,
    channel_identity     TEXT    NOT NULL,
    callback_url         TEXT    NOT NULL,
    scene                TEXT    NOT NULL,
    sign_scene           TEXT    NOT NULL,
    template             TEXT,
    display_name         TEXT    NOT NULL,
    owner                TEXT    NOT NULL,
    payer_app_id         TEXT,
    payer_user_id        TEXT,
    payer_client_ip      TEXT,
    payer_device_id      TEXT,
    period               TEXT,
    validity             TEXT,
    notify_url           TEXT,
    front_url            TEXT,
    note                 TEXT,
    content              TEXT    NOT NULL,
    page_expires_at      INTEGER NOT NULL,
    version              INTEGER NOT NULL,
    next_poll_at         INTEGER,
    held                 INTEGER NOT NULL,
    attention_kind       TEXT,
    attention            TEXT,
    attention_since      INTEGER,
    state                TEXT    NOT NULL,
    page_form            TEXT,
    page_text            TEXT,
    page_valid_until     INTEGER,
    reference            TEXT,
    signed_at            INTEGER,
    valid_from           INTEGER,
    valid_until          INTEGER,
    next_debit_at        INTEGER,
    payer_account        TEXT,
    ended_at             INTEGER,
    ended_by             TEXT,
    reason               TEXT,
    reported_at          INTEGER,
    in_flight_operation  TEXT,
    in_flight_until      INTEGER,
    debiting             INTEGER,
    polls                INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attention_of_agreements ON agreements (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_agreements
    ON agreements (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

-- A story's events lie together; every row of a story has events in it, and is found by
-- them, or by those that were archived.
CREATE TABLE events (
    tenant       TEXT    NOT NULL,
    root         INTEGER NOT NULL,
    id           INTEGER NOT NULL,
    subject_kind TEXT    NOT NULL,
    subject_id   INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    caller       TEXT    NOT NULL,
    change       TEXT    NOT NULL,
    call         TEXT,
    body         TEXT    NOT NULL,
    PRIMARY KEY (tenant, root, id)
) STRICT, WITHOUT ROWID;

-- What happened to one card of a purchase, which may have a hundred; other events pay nothing for it.
CREATE INDEX events_of_cards ON events (tenant, subject_id, sequence) WHERE subject_kind = 'card';

-- The largest id of an event, written once a commit: one row that belongs to nobody. An index by id
-- would cost every event.
CREATE TABLE last_event (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    id   INTEGER NOT NULL
) STRICT;

CREATE TABLE transfers (
    tenant       TEXT    NOT NULL,
    id           INTEGER NOT NULL,
    root         INTEGER NOT NULL,
    subject_kind TEXT    NOT NULL,
    subject_id   INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    phase        TEXT    NOT NULL,
    debit        TEXT    NOT NULL,
    credit       TEXT    NOT NULL,
    amount       INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_of_debit ON transfers (tenant, debit, id);
CREATE INDEX transfers_of_credit ON transfers (tenant, credit, id);
CREATE INDEX transfers_of_root ON transfers (tenant, root);

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
    subject_kind TEXT    NOT NULL,
    subject_id   INTEGER NOT NULL,
    root         INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    wanted_at    INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, subject_kind, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (due);

-- What was archived: the record of each file, chained to the one before it, and which events of which
-- rows lie in it.
CREATE TABLE archives (
    tenant       TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    ended_before INTEGER NOT NULL,
    file         TEXT    NOT NULL,
    sha256       TEXT    NOT NULL,
    stories      INTEGER NOT NULL,
    event_count  INTEGER NOT NULL,
    events       TEXT    NOT NULL,
    first_event  INTEGER NOT NULL,
    last_event   INTEGER NOT NULL,
    chain        TEXT    NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE archived_events (
    tenant        TEXT    NOT NULL,
    root          INTEGER NOT NULL,
    subject_kind  TEXT    NOT NULL,
    subject_id    INTEGER NOT NULL,
    archive       INTEGER NOT NULL,
    event_count   INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant, root, subject_kind, subject_id, archive)
) STRICT, WITHOUT ROWID;

-- What names this installation in its numbers at channels.
CREATE TABLE installation (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    name TEXT    NOT NULL
) STRICT;
INSERT INTO installation (only, name) VALUES (1, upper(substr(hex(randomblob(4)), 1, 6)));
