//! Any batch of gift cards, purchase, quota and card.

use super::{fen, id, name, tenant, text, time};
use kernel::{
    BoundTo, Card, CardBatch, CardBatchChange, CardBatchState, CardBinding, CardChange, CardQuota,
    CardQuotaChange, CardSecret, CardState, CardTransfer, CardTransferChange, CardTransferState,
    CardValidity, MerchantId, Recharge, RechargeChange, RechargePurpose, RechargeState, Sealed,
};
use ledger::IdRun;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn merchant() -> BoxedStrategy<MerchantId> {
    text().prop_map(|id| MerchantId::new(&id)).boxed()
}

fn validity() -> BoxedStrategy<CardValidity> {
    prop_oneof![
        (time(), time())
            .prop_map(|(begins_at, ends_at)| CardValidity::Fixed { begins_at, ends_at }),
        any::<u16>().prop_map(|days| CardValidity::Relative { days }),
    ]
    .boxed()
}

pub(crate) fn any_card_batch() -> BoxedStrategy<CardBatch> {
    let who = (tenant(), id(), name(), text(), merchant(), text());
    let what = (fen(), fen(), any::<u32>(), any::<bool>(), vec(merchant(), 0..3), time());
    let state = (select(CardBatchState::ALL.to_vec()), validity());
    (who, what, any::<i64>(), state, any::<[i64; 3]>())
        .prop_map(|(who, what, version, (state, validity), [total, issued, reserved])| {
            let (tenant, id, namespace, number, merchant, name) = who;
            let (face, price, owner_max, is_transferable, accepted_by, made_at) = what;
            CardBatch {
                tenant,
                id,
                namespace,
                number,
                merchant,
                name,
                face,
                price,
                owner_max,
                is_transferable,
                accepted_by,
                made_at,
                version,
                state,
                validity,
                total,
                issued,
                reserved,
            }
        })
        .boxed()
}

pub(crate) fn card_batch_change() -> BoxedStrategy<CardBatchChange> {
    let cards = || (id(), any::<i64>());
    prop_oneof![
        select(CardBatchState::ALL.to_vec()).prop_map(CardBatchChange::StateChanged),
        any::<i64>().prop_map(|total| CardBatchChange::TotalRaised { total }),
        time().prop_map(|ends_at| CardBatchChange::Extended { ends_at }),
        cards().prop_map(|(by, cards)| CardBatchChange::Reserved { by, cards }),
        cards().prop_map(|(by, cards)| CardBatchChange::Released { by, cards }),
        cards().prop_map(|(by, cards)| CardBatchChange::Issued { by, cards }),
    ]
    .boxed()
}

pub(crate) fn any_card_quota() -> BoxedStrategy<CardQuota> {
    (tenant(), id(), id(), text(), any::<i64>(), any::<u32>())
        .prop_map(|(tenant, id, batch, owner, version, taken)| CardQuota {
            tenant,
            id,
            batch,
            owner,
            version,
            taken,
        })
        .boxed()
}

pub(crate) fn card_quota_change() -> BoxedStrategy<CardQuotaChange> {
    prop_oneof![
        any::<u32>().prop_map(|cards| CardQuotaChange::Taken { cards }),
        any::<u32>().prop_map(|cards| CardQuotaChange::PutBack { cards }),
    ]
    .boxed()
}

fn purpose() -> BoxedStrategy<RechargePurpose> {
    prop_oneof![
        (id(), any::<u32>())
            .prop_map(|(batch, quantity)| RechargePurpose::Cards { batch, quantity }),
        (id(), fen()).prop_map(|(wallet, bonus)| RechargePurpose::Balance { wallet, bonus }),
    ]
    .boxed()
}

pub(crate) fn any_recharge() -> BoxedStrategy<Recharge> {
    let who = (tenant(), id(), id(), purpose(), text(), time());
    (who, any::<i64>(), select(vec![0, 1, 2]), (time(), id()), fen(), of(time()))
        .prop_map(|(who, version, state, (at, first), bonus_missing, next_poll_at)| {
            let (tenant, id, order, purpose, owner, made_at) = who;
            let state = match (state, purpose) {
                (0, _) => RechargeState::Open,
                (1, _) => RechargeState::Released { at },
                (_, RechargePurpose::Cards { quantity, .. }) => {
                    RechargeState::Issued { at, cards: IdRun { first, len: quantity } }
                }
                (_, RechargePurpose::Balance { .. }) => RechargeState::Credited { at },
            };
            Recharge {
                tenant,
                id,
                order,
                purpose,
                owner,
                made_at,
                version,
                state,
                bonus_missing,
                next_poll_at,
            }
        })
        .boxed()
}

pub(crate) fn recharge_change() -> BoxedStrategy<RechargeChange> {
    prop_oneof![
        (id(), any::<u32>(), time()).prop_map(|(first, len, expires_at)| {
            RechargeChange::Issued { cards: IdRun { first, len }, expires_at }
        }),
        Just(RechargeChange::Credited),
        Just(RechargeChange::Released),
        time().prop_map(|expires_at| RechargeChange::Extended { expires_at }),
        Just(RechargeChange::Expired),
        (id(), fen()).prop_map(|(by, delta)| RechargeChange::BonusMissed { by, delta }),
    ]
    .boxed()
}

fn card_secret() -> BoxedStrategy<CardSecret> {
    let of = |(sealed, tag): (String, String)| CardSecret { sealed: Sealed::new(&sealed), tag };
    (text(), text()).prop_map(of).boxed()
}

pub(crate) fn any_card() -> BoxedStrategy<Card> {
    let who = (tenant(), id(), text(), id(), id(), id());
    let times = (time(), time(), time());
    let now = (select(CardState::ALL.to_vec()), text(), fen(), of(id()), of(card_secret()));
    let bound_to = of((id(), time()).prop_map(|(wallet, at)| BoundTo { wallet, at }));
    (who, fen(), times, any::<i64>(), now, bound_to, vec(time(), 0..4))
        .prop_map(|(who, face, times, version, now, bound_to, wrong_secrets)| {
            let (state, owner, spent, void_by, secret) = now;
            let (tenant, id, number, batch, recharge, order) = who;
            let (made_at, begins_at, ends_at) = times;
            Card {
                tenant,
                id,
                number,
                batch,
                recharge,
                order,
                face,
                made_at,
                begins_at,
                ends_at,
                version,
                state,
                owner,
                spent,
                void_by,
                secret,
                bound_to,
                wrong_secrets,
            }
        })
        .boxed()
}

pub(crate) fn card_change() -> BoxedStrategy<CardChange> {
    prop_oneof![
        card_secret().prop_map(CardChange::SecretMade),
        card_secret().prop_map(CardChange::SecretResealed),
        Just(CardChange::SecretRead),
        of(text()).prop_map(|note| CardChange::Frozen { note }),
        of(text()).prop_map(|note| CardChange::Unfrozen { note }),
        id().prop_map(|by| CardChange::GivenAway { by }),
        (id(), text()).prop_map(|(by, owner)| CardChange::Received { by, owner }),
        id().prop_map(|by| CardChange::Kept { by }),
        Just(CardChange::WrongSecret),
        (id(), id()).prop_map(|(by, wallet)| CardChange::Bound { by, wallet }),
        id().prop_map(|by| CardChange::Dropped { by }),
        (id(), fen()).prop_map(|(by, amount)| CardChange::Spent { by, amount }),
        (id(), fen()).prop_map(|(by, amount)| CardChange::PutBack { by, amount }),
        (id(), fen()).prop_map(|(by, amount)| CardChange::Voided { by, amount }),
        id().prop_map(|by| CardChange::PaidBack { by }),
        id().prop_map(|by| CardChange::Revived { by }),
        Just(CardChange::Expired),
    ]
    .boxed()
}

pub(crate) fn any_card_transfer() -> BoxedStrategy<CardTransfer> {
    let who = (tenant(), id(), name(), text(), id(), id());
    let what = (text(), of(text()), text(), time(), time());
    let state = prop_oneof![
        Just(CardTransferState::Waiting),
        (time(), text()).prop_map(|(at, owner)| CardTransferState::Received { at, owner }),
        time().prop_map(|at| CardTransferState::Cancelled { at }),
        time().prop_map(|at| CardTransferState::TimedOut { at }),
    ];
    (who, what, any::<i64>(), state)
        .prop_map(|(who, what, version, state)| {
            let (tenant, id, namespace, number, card, order) = who;
            let (from, to, token_hash, made_at, expires_at) = what;
            CardTransfer {
                tenant,
                id,
                namespace,
                number,
                card,
                order,
                from,
                to,
                token_hash,
                made_at,
                expires_at,
                version,
                state,
            }
        })
        .boxed()
}

pub(crate) fn any_card_binding() -> BoxedStrategy<CardBinding> {
    let who = (tenant(), id(), name(), text(), id(), id(), id());
    (who, any::<bool>(), time(), any::<i64>())
        .prop_map(|(who, is_by_secret, made_at, version)| {
            let (tenant, id, namespace, number, card, order, wallet) = who;
            CardBinding {
                tenant,
                id,
                namespace,
                number,
                card,
                order,
                wallet,
                is_by_secret,
                made_at,
                version,
            }
        })
        .boxed()
}

pub(crate) fn card_transfer_change() -> BoxedStrategy<CardTransferChange> {
    prop_oneof![
        text().prop_map(|owner| CardTransferChange::Received { owner }),
        Just(CardTransferChange::Cancelled),
        Just(CardTransferChange::TimedOut),
    ]
    .boxed()
}
