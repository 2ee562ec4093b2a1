-- The tenant leads every primary key and every unique index, so that a tenant can live on any node of
-- a distributed PostgreSQL. Text sorts by its bytes. Numbers are bigint throughout: ids, fen,
-- milliseconds, counts.
--
-- Every aggregate's table has the columns of its standing: version, next_poll_at, held,
-- attention_kind, attention, attention_since. A row that needs nobody is in neither index
-- of them, attention_of_TABLE and attention_times_of_TABLE, and costs them nothing.

-- Where an order stands: narrow, and rewritten at every change, hence the free space in its pages.
CREATE TABLE orders (
    tenant              text   COLLATE "C" NOT NULL,
    id                  bigint NOT NULL,
    namespace           text   COLLATE "C" NOT NULL,
    merchant_order_no   text   COLLATE "C" NOT NULL,
    placed_at           bigint NOT NULL,
    version             bigint NOT NULL,
    next_poll_at        bigint,
    held                bigint NOT NULL,
    attention_kind      text   COLLATE "C",
    attention           text   COLLATE "C",
    attention_since     bigint,
    state               text   COLLATE "C" NOT NULL,
    pay_form            text   COLLATE "C",
    pay_text            text   COLLATE "C",
    pay_valid_until     bigint,
    closure             text   COLLATE "C",
    paid_at             bigint,
    payment_reference   text   COLLATE "C",
    paid_amount         bigint,
    settled_amount      bigint,
    payer_amount        bigint,
    ended_at            bigint,
    reason              text   COLLATE "C",
    is_confirmed        bigint NOT NULL,
    refunding           bigint NOT NULL,
    refunded            bigint NOT NULL,
    allocated           bigint NOT NULL,
    sharing             bigint NOT NULL,
    shared              bigint NOT NULL,
    made_up             bigint NOT NULL,
    share_progress      text   COLLATE "C",
    in_flight_operation text   COLLATE "C",
    in_flight_until     bigint,
    cancel              text   COLLATE "C",
    polls               bigint NOT NULL,
    unapplied           text   COLLATE "C" NOT NULL,
    contested           text   COLLATE "C",
    note                text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, merchant_order_no)
) WITH (fillfactor = 75);
CREATE INDEX attention_of_orders ON orders (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_orders
    ON orders (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

-- What was agreed: wide, and written once.
CREATE TABLE order_terms (
    tenant           text   COLLATE "C" NOT NULL,
    id               bigint NOT NULL,
    channel_order_no text   COLLATE "C" NOT NULL,
    dialect          text   COLLATE "C" NOT NULL,
    merchant         text   COLLATE "C" NOT NULL,
    amount           bigint NOT NULL,
    currency         text   COLLATE "C" NOT NULL,
    scene            text   COLLATE "C" NOT NULL,
    channel          text   COLLATE "C" NOT NULL,
    channel_account  text   COLLATE "C" NOT NULL,
    channel_identity text   COLLATE "C" NOT NULL,
    subject          text   COLLATE "C" NOT NULL,
    payer_app_id     text   COLLATE "C",
    payer_user_id    text   COLLATE "C",
    payer_client_ip  text   COLLATE "C",
    payer_device_id  text   COLLATE "C",
    goods_tag        text   COLLATE "C",
    notify_url       text   COLLATE "C",
    front_url        text   COLLATE "C",
    callback_url     text   COLLATE "C" NOT NULL,
    splits           text   COLLATE "C",
    recharge_id      bigint,
    wallet_id        bigint,
    wallet_deduct    text   COLLATE "C",
    details          text   COLLATE "C" NOT NULL,
    content          text   COLLATE "C" NOT NULL,
    expires_at       bigint NOT NULL,
    agreement_id     bigint,
    debit_cancellable bigint,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE refunds (
    tenant             text   COLLATE "C" NOT NULL,
    id                 bigint NOT NULL,
    order_id           bigint NOT NULL,
    merchant_order_no  text   COLLATE "C" NOT NULL,
    channel_refund_no  text   COLLATE "C" NOT NULL,
    payment_reference  text   COLLATE "C" NOT NULL,
    paid               bigint NOT NULL,
    amount             bigint NOT NULL,
    settled_amount     bigint NOT NULL,
    cause              text   COLLATE "C" NOT NULL,
    namespace          text   COLLATE "C",
    merchant_refund_no text   COLLATE "C",
    dialect            text   COLLATE "C",
    requested_reason   text   COLLATE "C",
    notify_url         text   COLLATE "C",
    details            text   COLLATE "C",
    is_to_balance      bigint,
    parts              text   COLLATE "C",
    made_at            bigint NOT NULL,
    version            bigint NOT NULL,
    next_poll_at       bigint,
    held               bigint NOT NULL,
    attention_kind     text   COLLATE "C",
    attention          text   COLLATE "C",
    attention_since    bigint,
    attempt            bigint NOT NULL,
    state              text   COLLATE "C" NOT NULL,
    ended_at           bigint,
    refund_reference   text   COLLATE "C",
    settled_refund     bigint,
    reason             text   COLLATE "C",
    is_proven          bigint,
    note               text   COLLATE "C",
    step_kind          text   COLLATE "C",
    step_id            bigint,
    is_requested       bigint,
    polls              bigint NOT NULL,
    dismissal          text   COLLATE "C",
    returns            text   COLLATE "C",
    second_payouts     text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, merchant_refund_no)
);
CREATE INDEX attention_of_refunds ON refunds (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_refunds
    ON refunds (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE notifications (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    about_kind      text   COLLATE "C" NOT NULL,
    about_id        bigint NOT NULL,
    about_no        text   COLLATE "C" NOT NULL,
    root            bigint NOT NULL,
    kind            text   COLLATE "C" NOT NULL,
    dialect         text   COLLATE "C" NOT NULL,
    url             text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    ended_at        bigint,
    attempts        bigint NOT NULL,
    step            bigint NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 75);
CREATE INDEX attention_of_notifications ON notifications (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_notifications
    ON notifications (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE tenants (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    name            text   COLLATE "C" NOT NULL,
    is_enabled      bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant)
);
CREATE INDEX attention_of_tenants ON tenants (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_tenants
    ON tenants (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE merchants (
    tenant           text   COLLATE "C" NOT NULL,
    id               bigint NOT NULL,
    merchant         text   COLLATE "C" NOT NULL,
    made_at          bigint NOT NULL,
    version          bigint NOT NULL,
    next_poll_at     bigint,
    held             bigint NOT NULL,
    attention_kind   text   COLLATE "C",
    attention        text   COLLATE "C",
    attention_since  bigint,
    name             text   COLLATE "C" NOT NULL,
    channel_accounts text   COLLATE "C" NOT NULL,
    sharing          text   COLLATE "C",
    is_enabled       bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, merchant)
);
CREATE INDEX attention_of_merchants ON merchants (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_merchants
    ON merchants (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE caller_keys (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    key_id          text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    proof_kind      text   COLLATE "C" NOT NULL,
    proof           text   COLLATE "C" NOT NULL,
    is_enabled      bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, key_id)
);
CREATE INDEX attention_of_caller_keys ON caller_keys (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_caller_keys
    ON caller_keys (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE channel_accounts (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    name            text   COLLATE "C" NOT NULL,
    channel         text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    identity        text   COLLATE "C" NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    settings        text   COLLATE "C" NOT NULL,
    platform_keys   text   COLLATE "C" NOT NULL,
    is_enabled      bigint NOT NULL,
    mismatch        text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
);
CREATE INDEX attention_of_channel_accounts ON channel_accounts (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_channel_accounts
    ON channel_accounts (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE approvals (
    tenant              text   COLLATE "C" NOT NULL,
    id                  bigint NOT NULL,
    root_kind           text   COLLATE "C" NOT NULL,
    root_id             bigint NOT NULL,
    row_kind            text   COLLATE "C",
    row_id              bigint,
    command             text   COLLATE "C" NOT NULL,
    contested_reference text   COLLATE "C",
    note                text   COLLATE "C",
    outside_reference   text   COLLATE "C",
    done_items          text   COLLATE "C",
    payment_reference   text   COLLATE "C",
    amount              bigint,
    digest              text   COLLATE "C" NOT NULL,
    proposer            text   COLLATE "C" NOT NULL,
    version             bigint NOT NULL,
    next_poll_at        bigint,
    held                bigint NOT NULL,
    attention_kind      text   COLLATE "C",
    attention           text   COLLATE "C",
    attention_since     bigint,
    proposed_at         bigint NOT NULL,
    expires_at          bigint NOT NULL,
    state               text   COLLATE "C" NOT NULL,
    decided_at          bigint,
    decided_by          text   COLLATE "C",
    reason              text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, digest)
);
CREATE INDEX attention_of_approvals ON approvals (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_approvals
    ON approvals (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
-- Approvals are listed and found without their tenants.
CREATE INDEX ids_of_approvals ON approvals (id);

CREATE TABLE payees (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    kind            text   COLLATE "C" NOT NULL,
    merchant        text   COLLATE "C",
    channel         text   COLLATE "C",
    receiver_kind   text   COLLATE "C",
    role            text   COLLATE "C",
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    name            text   COLLATE "C",
    account         text   COLLATE "C",
    unbound_at      bigint,
    bindings        text   COLLATE "C" NOT NULL,
    polls           bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_payees ON payees (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_payees
    ON payees (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE shares (
    tenant           text   COLLATE "C" NOT NULL,
    id               bigint NOT NULL,
    namespace        text   COLLATE "C" NOT NULL,
    number           text   COLLATE "C" NOT NULL,
    order_id         bigint NOT NULL,
    order_no         text   COLLATE "C" NOT NULL,
    merchant         text   COLLATE "C" NOT NULL,
    channel_share_no text   COLLATE "C" NOT NULL,
    releases_rest    bigint NOT NULL,
    dialect          text   COLLATE "C" NOT NULL,
    notify_url       text   COLLATE "C",
    content          text   COLLATE "C" NOT NULL,
    made_at          bigint NOT NULL,
    version          bigint NOT NULL,
    next_poll_at     bigint,
    held             bigint NOT NULL,
    attention_kind   text   COLLATE "C",
    attention        text   COLLATE "C",
    attention_since  bigint,
    state            text   COLLATE "C" NOT NULL,
    tries            bigint,
    refused          text   COLLATE "C",
    ended_at         bigint,
    items            text   COLLATE "C" NOT NULL,
    returns          text   COLLATE "C" NOT NULL,
    polls            bigint NOT NULL,
    attempt          bigint NOT NULL,
    claimed          text   COLLATE "C",
    note             text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_shares ON shares (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_shares
    ON shares (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE share_returns (
    tenant            text   COLLATE "C" NOT NULL,
    id                bigint NOT NULL,
    namespace         text   COLLATE "C" NOT NULL,
    number            text   COLLATE "C" NOT NULL,
    share_id          bigint NOT NULL,
    share_no          text   COLLATE "C" NOT NULL,
    order_id          bigint NOT NULL,
    order_no          text   COLLATE "C" NOT NULL,
    merchant          text   COLLATE "C" NOT NULL,
    channel_share_no  text   COLLATE "C" NOT NULL,
    channel_return_no text   COLLATE "C" NOT NULL,
    dialect           text   COLLATE "C" NOT NULL,
    notify_url        text   COLLATE "C",
    remark            text   COLLATE "C",
    content           text   COLLATE "C" NOT NULL,
    made_at           bigint NOT NULL,
    version           bigint NOT NULL,
    next_poll_at      bigint,
    held              bigint NOT NULL,
    attention_kind    text   COLLATE "C",
    attention         text   COLLATE "C",
    attention_since   bigint,
    state             text   COLLATE "C" NOT NULL,
    tries             bigint,
    refused           text   COLLATE "C",
    ended_at          bigint,
    items             text   COLLATE "C" NOT NULL,
    polls             bigint NOT NULL,
    claimed           text   COLLATE "C",
    note              text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_share_returns ON share_returns (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_share_returns
    ON share_returns (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE allocations (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    order_id        bigint NOT NULL,
    merchant        text   COLLATE "C" NOT NULL,
    allocation_no   text   COLLATE "C" NOT NULL,
    amount          bigint NOT NULL,
    period          text   COLLATE "C" NOT NULL,
    is_frozen       bigint NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    waits_until     bigint,
    ended_at        bigint,
    reason          text   COLLATE "C",
    released        bigint NOT NULL,
    returned        bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, allocation_no)
);
CREATE INDEX attention_of_allocations ON allocations (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_allocations
    ON allocations (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

CREATE TABLE allocation_releases (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    order_id        bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    release_no      text   COLLATE "C" NOT NULL,
    parts           text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, release_no)
);
CREATE INDEX attention_of_allocation_releases ON allocation_releases (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_allocation_releases
    ON allocation_releases (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE withdrawals (
    tenant            text   COLLATE "C" NOT NULL,
    id                bigint NOT NULL,
    namespace         text   COLLATE "C" NOT NULL,
    withdrawal_no     text   COLLATE "C" NOT NULL,
    merchant          text   COLLATE "C" NOT NULL,
    dialect           text   COLLATE "C" NOT NULL,
    amount            bigint NOT NULL,
    notify_url        text   COLLATE "C",
    remark            text   COLLATE "C",
    payout            text   COLLATE "C" NOT NULL,
    made_at           bigint NOT NULL,
    version           bigint NOT NULL,
    next_poll_at      bigint,
    held              bigint NOT NULL,
    attention_kind    text   COLLATE "C",
    attention         text   COLLATE "C",
    attention_since   bigint,
    state             text   COLLATE "C" NOT NULL,
    ended_at          bigint,
    outside_reference text   COLLATE "C",
    note              text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, withdrawal_no)
);
CREATE INDEX attention_of_withdrawals ON withdrawals (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_withdrawals
    ON withdrawals (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_batches (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    merchant        text   COLLATE "C" NOT NULL,
    name            text   COLLATE "C" NOT NULL,
    face            bigint NOT NULL,
    price           bigint NOT NULL,
    owner_max       bigint NOT NULL,
    is_transferable bigint NOT NULL,
    accepted_by     text   COLLATE "C" NOT NULL,
    begins_at       bigint,
    valid_days      bigint,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    ends_at         bigint,
    total           bigint NOT NULL,
    issued          bigint NOT NULL,
    reserved        bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_card_batches ON card_batches (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_batches
    ON card_batches (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_quotas (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    batch_id        bigint NOT NULL,
    owner           text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    taken           bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
);
CREATE INDEX attention_of_card_quotas ON card_quotas (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_quotas
    ON card_quotas (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE recharges (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    order_id        bigint NOT NULL,
    batch_id        bigint,
    quantity        bigint,
    wallet_id       bigint,
    bonus           bigint,
    owner           text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    ended_at        bigint,
    first_card      bigint,
    bonus_missing   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX attention_of_recharges ON recharges (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_recharges
    ON recharges (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE cards (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    batch_id        bigint NOT NULL,
    recharge_id     bigint NOT NULL,
    order_id        bigint NOT NULL,
    face            bigint NOT NULL,
    made_at         bigint NOT NULL,
    begins_at       bigint NOT NULL,
    ends_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    owner           text   COLLATE "C" NOT NULL,
    spent           bigint NOT NULL,
    void_by         bigint,
    secret          text   COLLATE "C",
    secret_tag      text   COLLATE "C",
    wallet_id       bigint,
    bound_at        bigint,
    wrong_secrets   text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
);
CREATE INDEX attention_of_cards ON cards (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_cards
    ON cards (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
-- Cards are listed by their owners and by their batches.
CREATE INDEX owners_of_cards ON cards (tenant, owner, id);
CREATE INDEX batches_of_cards ON cards (tenant, batch_id, id);
CREATE TABLE card_transfers (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    card_id         bigint NOT NULL,
    order_id        bigint NOT NULL,
    from_owner      text   COLLATE "C" NOT NULL,
    to_owner        text   COLLATE "C",
    token_hash      text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    expires_at      bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    ended_at        bigint,
    receiver        text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_card_transfers ON card_transfers (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_transfers
    ON card_transfers (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE card_bindings (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    card_id         bigint NOT NULL,
    order_id        bigint NOT NULL,
    wallet_id       bigint NOT NULL,
    is_by_secret    bigint NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_card_bindings ON card_bindings (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_card_bindings
    ON card_bindings (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallets (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    merchant        text   COLLATE "C" NOT NULL,
    owner           text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    state           text   COLLATE "C" NOT NULL,
    cards           text   COLLATE "C",
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
);
CREATE INDEX attention_of_wallets ON wallets (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallets
    ON wallets (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallet_payments (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    order_id        bigint NOT NULL,
    wallet_id       bigint NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    parts           text   COLLATE "C" NOT NULL,
    made_at         bigint NOT NULL,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    returned        bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, number)
);
CREATE INDEX attention_of_wallet_payments ON wallet_payments (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallet_payments
    ON wallet_payments (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE wallet_freezes (
    tenant          text   COLLATE "C" NOT NULL,
    id              bigint NOT NULL,
    namespace       text   COLLATE "C" NOT NULL,
    number          text   COLLATE "C" NOT NULL,
    wallet_id       bigint NOT NULL,
    parts           text   COLLATE "C" NOT NULL,
    note            text   COLLATE "C",
    made_at         bigint NOT NULL,
    expires_at      bigint,
    version         bigint NOT NULL,
    next_poll_at    bigint,
    held            bigint NOT NULL,
    attention_kind  text   COLLATE "C",
    attention       text   COLLATE "C",
    attention_since bigint,
    releases        text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_wallet_freezes ON wallet_freezes (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_wallet_freezes
    ON wallet_freezes (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;
CREATE TABLE agreements (
    tenant               text   COLLATE "C" NOT NULL,
    id                   bigint NOT NULL,
    namespace            text   COLLATE "C" NOT NULL,
    number               text   COLLATE "C" NOT NULL,
    made_at              bigint NOT NULL,
    channel_agreement_no text   COLLATE "C" NOT NULL,
    dialect              text   COLLATE "C" NOT NULL,
    merchant             text   COLLATE "C" NOT NULL,
    channel              text   COLLATE "C" NOT NULL,
    channel_account      text   COLLATE "C" NOT NULL,
    channel_identity     text   COLLATE "C" NOT NULL,
    callback_url         text   COLLATE "C" NOT NULL,
    scene                text   COLLATE "C" NOT NULL,
    sign_scene           text   COLLATE "C" NOT NULL,
    template             text   COLLATE "C",
    display_name         text   COLLATE "C" NOT NULL,
    owner                text   COLLATE "C" NOT NULL,
    payer_app_id         text   COLLATE "C",
    payer_user_id        text   COLLATE "C",
    payer_client_ip      text   COLLATE "C",
    payer_device_id      text   COLLATE "C",
    period               text   COLLATE "C",
    validity             text   COLLATE "C",
    notify_url           text   COLLATE "C",
    front_url            text   COLLATE "C",
    note                 text   COLLATE "C",
    content              text   COLLATE "C" NOT NULL,
    page_expires_at      bigint NOT NULL,
    version              bigint NOT NULL,
    next_poll_at         bigint,
    held                 bigint NOT NULL,
    attention_kind       text   COLLATE "C",
    attention            text   COLLATE "C",
    attention_since      bigint,
    state                text   COLLATE "C" NOT NULL,
    page_form            text   COLLATE "C",
    page_text            text   COLLATE "C",
    page_valid_until     bigint,
    reference            text   COLLATE "C",
    signed_at            bigint,
    valid_from           bigint,
    valid_until          bigint,
    next_debit_at        bigint,
    payer_account        text   COLLATE "C",
    ended_at             bigint,
    ended_by             text   COLLATE "C",
    reason               text   COLLATE "C",
    reported_at          bigint,
    in_flight_operation  text   COLLATE "C",
    in_flight_until      bigint,
    debiting             bigint,
    polls                bigint NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, namespace, number)
);
CREATE INDEX attention_of_agreements ON agreements (tenant, attention_since DESC, id)
    WHERE attention IS NOT NULL;
CREATE INDEX attention_times_of_agreements
    ON agreements (attention_since DESC, tenant, id, attention_kind) WHERE attention IS NOT NULL;

-- A story's events lie together; every row of a story has events in it, and is found by
-- them, or by those that were archived.
CREATE TABLE events (
    tenant       text   COLLATE "C" NOT NULL,
    root         bigint NOT NULL,
    id           bigint NOT NULL,
    subject_kind text   COLLATE "C" NOT NULL,
    subject_id   bigint NOT NULL,
    sequence     bigint NOT NULL,
    at           bigint NOT NULL,
    caller       text   COLLATE "C" NOT NULL,
    change       text   COLLATE "C" NOT NULL,
    call         text   COLLATE "C",
    body         text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, root, id)
);

-- Events lie in the order of their ids: the least and the largest of each megabyte lead to the newest,
-- and cost nothing as events are written.
CREATE INDEX events_by_id ON events USING brin (id) WITH (autosummarize = on);

-- What happened to one card of a purchase, which may have a hundred; other events pay nothing for it.
CREATE INDEX events_of_cards ON events (tenant, subject_id, sequence) WHERE subject_kind = 'card';

CREATE TABLE transfers (
    tenant       text   COLLATE "C" NOT NULL,
    id           bigint NOT NULL,
    root         bigint NOT NULL,
    subject_kind text   COLLATE "C" NOT NULL,
    subject_id   bigint NOT NULL,
    at           bigint NOT NULL,
    phase        text   COLLATE "C" NOT NULL,
    debit        text   COLLATE "C" NOT NULL,
    credit       text   COLLATE "C" NOT NULL,
    amount       bigint NOT NULL,
    reason       text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX transfers_of_debit ON transfers (tenant, debit, id);
CREATE INDEX transfers_of_credit ON transfers (tenant, credit, id);
CREATE INDEX transfers_of_root ON transfers (tenant, root);

-- Few rows, rewritten in every other commit.
CREATE TABLE balances (
    tenant  text   COLLATE "C" NOT NULL,
    account text   COLLATE "C" NOT NULL,
    posted  bigint NOT NULL,
    held    bigint NOT NULL,
    PRIMARY KEY (tenant, account)
) WITH (fillfactor = 25);

-- A task that nobody has claimed is leased until 0.
CREATE TABLE tasks (
    tenant       text   COLLATE "C" NOT NULL,
    subject_kind text   COLLATE "C" NOT NULL,
    subject_id   bigint NOT NULL,
    root         bigint NOT NULL,
    due          bigint NOT NULL,
    wanted_at    bigint NOT NULL,
    leased_until bigint NOT NULL,
    PRIMARY KEY (tenant, subject_kind, subject_id)
) WITH (fillfactor = 75);
CREATE INDEX tasks_due ON tasks (due);

-- What was archived: the record of each file, chained to the one before it, and which events of which
-- rows lie in it.
CREATE TABLE archives (
    tenant       text   COLLATE "C" NOT NULL,
    number       bigint NOT NULL,
    made_at      bigint NOT NULL,
    ended_before bigint NOT NULL,
    file         text   COLLATE "C" NOT NULL,
    sha256       text   COLLATE "C" NOT NULL,
    stories      bigint NOT NULL,
    event_count  bigint NOT NULL,
    events       text   COLLATE "C" NOT NULL,
    first_event  bigint NOT NULL,
    last_event   bigint NOT NULL,
    chain        text   COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, number)
);

CREATE TABLE archived_events (
    tenant        text   COLLATE "C" NOT NULL,
    root          bigint NOT NULL,
    subject_kind  text   COLLATE "C" NOT NULL,
    subject_id    bigint NOT NULL,
    archive       bigint NOT NULL,
    event_count   bigint NOT NULL,
    last_sequence bigint NOT NULL,
    PRIMARY KEY (tenant, root, subject_kind, subject_id, archive)
);

-- What names this installation in its numbers at channels: one row, no tenant's.
CREATE TABLE installation (
    id   bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    name text   COLLATE "C" NOT NULL
);
INSERT INTO installation (id, name)
    VALUES (1, upper(substr(md5(random()::text || clock_timestamp()::text), 1, 6)));

-- The guards fail inside the statement, so that BEGIN to COMMIT can be sent without waiting for an
-- answer in between: after an error PostgreSQL turns the COMMIT into a ROLLBACK.

-- Fails with TB001 unless as many rows were written as were sent.
CREATE FUNCTION tongbao_expect(counted bigint, want bigint, what text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF counted <> want THEN
        RAISE EXCEPTION USING ERRCODE = 'TB001', MESSAGE = what;
    END IF;
    RETURN counted;
END
$$;

-- What an account holds after a change. Fails with TB002 and the account where that is less than
-- nothing, or where what it has available falls below its floor (null: it may be overdrawn).
CREATE FUNCTION tongbao_held(
    account text, posted bigint, held bigint, posted_change bigint, held_change bigint, floor bigint
) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    held_after bigint := held + held_change;
    available bigint := posted - held;
    available_after bigint := posted + posted_change - held_after;
BEGIN
    IF held_after < 0 OR (available_after < available AND available_after < floor) THEN
        RAISE EXCEPTION USING ERRCODE = 'TB002', MESSAGE = account;
    END IF;
    RETURN held_after;
END
$$;
