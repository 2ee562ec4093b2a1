//! Any wallet, any payment from one, and any freeze.

use super::{fen, id, tenant, text, time};
use kernel::{
    Deduct, MerchantId, ValuePart, ValueSource, Wallet, WalletChange, WalletFreeze,
    WalletFreezeChange, WalletPayment, WalletPaymentChange, WalletRelease, WalletState, WalletUse,
};
use ledger::Fen;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

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

/// An amount as freezes have them: in sum they fit.
fn some_fen() -> BoxedStrategy<Fen> {
    (0..i64::MAX / 8).prop_map(Fen::new).boxed()
}

pub(crate) fn any_wallet_freeze() -> BoxedStrategy<WalletFreeze> {
    let part = (select(vec![ValueSource::Principal, ValueSource::Bonus]), some_fen())
        .prop_map(|(source, amount)| ValuePart { source, amount });
    let release = (of(text()), some_fen(), time()).prop_map(|(number, amount, at)| WalletRelease {
        number,
        amount,
        at,
    });
    let named = (tenant(), id(), text(), text(), id());
    let rest = (of(text()), time(), of(time()), any::<i64>());
    (named, vec(part, 0..3), rest, vec(release, 0..3))
        .prop_map(|(named, parts, rest, releases)| {
            let (tenant, id, namespace, number, wallet) = named;
            let (note, made_at, expires_at, version) = rest;
            WalletFreeze {
                tenant,
                id,
                namespace: Arc::from(namespace),
                number,
                wallet,
                parts,
                note,
                made_at,
                expires_at,
                version,
                releases,
            }
        })
        .boxed()
}

pub(crate) fn wallet_freeze_change() -> BoxedStrategy<WalletFreezeChange> {
    prop_oneof![
        (text(), fen())
            .prop_map(|(number, amount)| WalletFreezeChange::Released { number, amount }),
        fen().prop_map(|amount| WalletFreezeChange::Expired { amount }),
    ]
    .boxed()
}
