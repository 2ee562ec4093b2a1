//! Any wallet, and any payment from one.

use super::{fen, id, tenant, text, time};
use kernel::{
    MerchantId, ValuePart, ValueSource, Wallet, WalletChange, WalletPayment, WalletPaymentChange,
    WalletState,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn state() -> BoxedStrategy<WalletState> {
    select(WalletState::ALL.to_vec()).boxed()
}

pub(crate) fn any_wallet() -> BoxedStrategy<Wallet> {
    (tenant(), id(), text(), text(), time(), any::<i64>(), state())
        .prop_map(|(tenant, id, merchant, owner, made_at, version, state)| Wallet {
            tenant,
            id,
            merchant: MerchantId::new(&merchant),
            owner,
            made_at,
            version,
            state,
        })
        .boxed()
}

pub(crate) fn wallet_change() -> BoxedStrategy<WalletChange> {
    (state(), of(text()))
        .prop_map(|(state, note)| WalletChange::StateChanged { state, note })
        .boxed()
}

pub(crate) fn any_wallet_payment() -> BoxedStrategy<WalletPayment> {
    let part = (select(ValueSource::ALL.to_vec()), fen())
        .prop_map(|(source, amount)| ValuePart { source, amount });
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
