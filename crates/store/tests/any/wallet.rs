//! Any wallet, and any payment from one.

use super::{fen, id, tenant, text, time};
use kernel::{
    Deduct, MerchantId, ValuePart, ValueSource, Wallet, WalletChange, WalletPayment,
    WalletPaymentChange, WalletState, WalletUse,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn state() -> BoxedStrategy<WalletState> {
    select(WalletState::ALL.to_vec()).boxed()
}

pub(crate) fn any_wallet() -> BoxedStrategy<Wallet> {
    (tenant(), id(), text(), text(), time(), any::<i64>(), state(), vec(id(), 0..3))
        .prop_map(|(tenant, id, merchant, owner, made_at, version, state, cards)| Wallet {
            tenant,
            id,
            merchant: MerchantId::new(&merchant),
            owner,
            made_at,
            version,
            state,
            cards,
        })
        .boxed()
}

pub(crate) fn wallet_change() -> BoxedStrategy<WalletChange> {
    prop_oneof![
        (state(), of(text())).prop_map(|(state, note)| WalletChange::StateChanged { state, note }),
        (id(), vec(id(), 0..3))
            .prop_map(|(card, dropped)| WalletChange::CardBound { card, dropped }),
    ]
    .boxed()
}

/// What of a wallet pays for an order.
pub(crate) fn wallet_use() -> BoxedStrategy<WalletUse> {
    let deduct = prop_oneof![
        Just(Deduct::CardsFirst),
        Just(Deduct::Balance),
        vec(id(), 1..4).prop_map(Deduct::Cards),
    ];
    (id(), deduct).prop_map(|(wallet, deduct)| WalletUse { wallet, deduct }).boxed()
}

pub(crate) fn any_wallet_payment() -> BoxedStrategy<WalletPayment> {
    let source = prop_oneof![
        id().prop_map(ValueSource::Card),
        Just(ValueSource::Principal),
        Just(ValueSource::Bonus),
    ];
    let part = (source, fen()).prop_map(|(source, amount)| ValuePart { source, amount });
    (tenant(), id(), id(), id(), vec(part, 0..3), time(), any::<i64>(), fen())
        .prop_map(|(tenant, id, order, wallet, parts, made_at, version, returned)| WalletPayment {
            tenant,
            id,
            order,
            wallet,
            parts,
            made_at,
            version,
            returned,
        })
        .boxed()
}

pub(crate) fn wallet_payment_change() -> BoxedStrategy<WalletPaymentChange> {
    (id(), fen()).prop_map(|(by, amount)| WalletPaymentChange::PutBack { by, amount }).boxed()
}
