//! Any payee, share and return.

use super::{attention, fen, id, name, need, operation, subject, tenant, text, time, written_id};
use channel::ReceiverKind;
use kernel::{
    Binding, HandEnd, ItemOutcome, ItemPlace, MerchantId, OrderSharing, Payee, PayeeAccount,
    PayeeChange, PayeeKind, ReturnItem, ReturnOutcome, Sealed, Share, ShareChange, ShareItem,
    ShareReturn, ShareReturnChange, ShareReturnState, ShareState,
};
use ledger::{Account, AccountKind};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn sealed() -> BoxedStrategy<Sealed> {
    text().prop_map(|text| Sealed::new(&text)).boxed()
}

fn merchant() -> BoxedStrategy<MerchantId> {
    text().prop_map(|text| MerchantId::new(&text)).boxed()
}

fn binding() -> BoxedStrategy<Binding> {
    (name(), name())
        .prop_map(|(channel_account, channel_identity)| Binding {
            channel_account,
            channel_identity,
        })
        .boxed()
}

pub(crate) fn payee_change() -> BoxedStrategy<PayeeChange> {
    prop_oneof![
        Just(PayeeChange::Unbound),
        Just(PayeeChange::Repeated),
        Just(PayeeChange::PollRequested),
        binding().prop_map(PayeeChange::Bound),
        (operation(), time())
            .prop_map(|(operation, until)| PayeeChange::CallBegun { operation, until }),
        name().prop_map(|channel_account| PayeeChange::UnboundAt { channel_account }),
        (text(), of(time()))
            .prop_map(|(why, next_poll_at)| PayeeChange::UnbindFailed { why, next_poll_at }),
        text().prop_map(|note| PayeeChange::Dismissed { note }),
        (of(sealed()), of(sealed()))
            .prop_map(|(name, number)| PayeeChange::Resealed { name, number }),
    ]
    .boxed()
}

pub(crate) fn any_payee() -> BoxedStrategy<Payee> {
    let account = (name(), select(ReceiverKind::ALL.to_vec()), sealed())
        .prop_map(|(channel, kind, number)| PayeeAccount { channel, kind, number });
    let who = (tenant(), id(), name(), text(), time());
    let what = (select(PayeeKind::ALL.to_vec()), of(merchant()), of(sealed()), of(account));
    let now = (any::<i64>(), of(time()), vec(binding(), 0..3), any::<u32>());
    (who, what, of(text()), now, (of(time()), of(attention())))
        .prop_map(|(who, what, role, now, (next_poll_at, attention))| {
            let (version, unbound_at, bindings, polls) = now;
            let (tenant, id, namespace, number, made_at) = who;
            let (kind, merchant, name, account) = what;
            Payee {
                tenant,
                id,
                namespace,
                number,
                made_at,
                kind,
                merchant,
                name,
                account,
                role,
                version,
                unbound_at,
                bindings,
                polls,
                next_poll_at,
                attention,
            }
        })
        .boxed()
}

pub(crate) fn sharing() -> BoxedStrategy<OrderSharing> {
    (of(subject()), any::<u32>(), any::<bool>(), fen())
        .prop_map(|(running, shares, is_released, taken)| OrderSharing {
            running,
            shares,
            is_released,
            taken,
        })
        .boxed()
}

fn place() -> BoxedStrategy<ItemPlace> {
    prop_oneof![
        select(ReceiverKind::ALL.to_vec()).prop_map(ItemPlace::Channel),
        (select(AccountKind::ALL.to_vec()), text())
            .prop_map(|(kind, owner)| ItemPlace::Book(Account::new(kind, owner))),
    ]
    .boxed()
}

fn share_item() -> BoxedStrategy<ShareItem> {
    let outcome = prop_oneof![
        any::<bool>().prop_map(|is_bound| ItemOutcome::Open { is_bound }),
        (time(), of(text()), any::<bool>()).prop_map(|(at, reference, is_by_hand)| {
            ItemOutcome::Done { at, reference, is_by_hand }
        }),
        text().prop_map(|reason| ItemOutcome::Failed { reason }),
    ];
    (id(), of(merchant()), place(), fen(), outcome)
        .prop_map(|(payee, merchant, place, amount, outcome)| ShareItem {
            payee,
            merchant,
            place,
            amount,
            outcome,
        })
        .boxed()
}

pub(super) fn return_item() -> BoxedStrategy<ReturnItem> {
    let outcome = prop_oneof![
        Just(ReturnOutcome::Open),
        (time(), of(text()), any::<bool>()).prop_map(|(at, reference, is_by_hand)| {
            ReturnOutcome::Done { at, reference, is_by_hand }
        }),
        text().prop_map(|reason| ReturnOutcome::Failed { reason }),
    ];
    (id(), of(merchant()), place(), (fen(), any::<u32>()), outcome)
        .prop_map(|(payee, merchant, place, (amount, attempt), outcome)| ReturnItem {
            payee,
            merchant,
            place,
            amount,
            attempt,
            outcome,
        })
        .boxed()
}

fn share_state() -> BoxedStrategy<ShareState> {
    prop_oneof![
        Just(ShareState::Waiting),
        Just(ShareState::Processing),
        Just(ShareState::Releasing),
        (any::<u32>(), of(text()))
            .prop_map(|(tries, refused)| ShareState::Requesting { tries, refused }),
        (time(), of(text())).prop_map(|(at, refused)| ShareState::Ended { at, refused }),
    ]
    .boxed()
}

fn return_state() -> BoxedStrategy<ShareReturnState> {
    prop_oneof![
        (any::<u32>(), of(text()))
            .prop_map(|(tries, refused)| ShareReturnState::Running { tries, refused }),
        time().prop_map(|at| ShareReturnState::Ended { at }),
    ]
    .boxed()
}

pub(crate) fn hand_end() -> BoxedStrategy<HandEnd> {
    let by_hand = (vec(written_id(), 0..3), any::<bool>(), text(), text());
    prop_oneof![
        text().prop_map(|note| HandEnd::Accept { note }),
        text().prop_map(|note| HandEnd::EndContradiction { note }),
        by_hand.prop_map(|(done, is_released, note, outside_reference)| HandEnd::ByHand {
            done,
            is_released,
            note,
            outside_reference
        }),
    ]
    .boxed()
}

pub(crate) fn any_share() -> BoxedStrategy<Share> {
    // What its items hold must fit together, as it does of every share that is made.
    let items = vec((share_item(), 0..1_000_000_i64), 0..3).prop_map(|items| {
        let with = |(item, amount)| ShareItem { amount: ledger::Fen::new(amount), ..item };
        items.into_iter().map(with).collect::<Vec<_>>()
    });
    let who = (tenant(), id(), name(), text(), id(), text(), merchant());
    let what = (text(), any::<bool>(), name(), of(text()), text(), time());
    let claimed = (any::<u32>(), of(vec(share_item(), 0..3)), of(text()));
    let now = (any::<i64>(), share_state(), items, vec(id(), 0..3), claimed);
    (who, what, now, (any::<u32>(), of(time()), of(attention())))
        .prop_map(|(who, what, now, polls)| {
            let (tenant, id, namespace, number, order, order_no, merchant) = who;
            let (channel_share_no, releases_rest, dialect, notify_url, content, made_at) = what;
            let (version, state, items, returns, (attempt, claimed, note)) = now;
            let (polls, next_poll_at, attention) = polls;
            Share {
                tenant,
                id,
                namespace,
                number,
                order,
                order_no,
                merchant,
                channel_share_no,
                releases_rest,
                dialect,
                notify_url,
                content,
                made_at,
                version,
                attempt,
                state,
                items,
                returns,
                claimed,
                note,
                polls,
                next_poll_at,
                attention,
            }
        })
        .boxed()
}

pub(crate) fn any_share_return() -> BoxedStrategy<ShareReturn> {
    let who = (tenant(), id(), name(), text(), id(), text(), id(), text());
    let what = (merchant(), text(), text(), name(), of(text()), of(text()), text(), time());
    let claimed = (of(vec(return_item(), 0..3)), of(text()));
    let now = (any::<i64>(), return_state(), vec(return_item(), 0..3), claimed);
    (who, what, now, (any::<u32>(), of(time()), of(attention())))
        .prop_map(|(who, what, now, polls)| {
            let (tenant, id, namespace, number, share, share_no, order, order_no) = who;
            let (merchant, channel_share_no, channel_return_no, dialect, notify_url, ..) = what;
            let (.., remark, content, made_at) = what;
            let (version, state, items, (claimed, note)) = now;
            let (polls, next_poll_at, attention) = polls;
            ShareReturn {
                tenant,
                id,
                namespace,
                number,
                share,
                share_no,
                order,
                order_no,
                merchant,
                channel_share_no,
                channel_return_no,
                dialect,
                notify_url,
                remark,
                content,
                made_at,
                version,
                state,
                items,
                claimed,
                note,
                polls,
                next_poll_at,
                attention,
            }
        })
        .boxed()
}

pub(crate) fn share_change() -> BoxedStrategy<ShareChange> {
    prop_oneof![
        Just(ShareChange::Repeated),
        Just(ShareChange::PollRequested),
        id().prop_map(ShareChange::ReturnMade),
        (operation(), time(), share_state()).prop_map(|(operation, until, state)| {
            ShareChange::CallBegun { operation, until, state }
        }),
        (share_state(), of(vec(share_item(), 0..3)), of(time()), of(need())).prop_map(
            |(state, items, next_poll_at, need)| ShareChange::Moved {
                state,
                items,
                next_poll_at,
                need
            }
        ),
        (text(), of(time()), of(vec(share_item(), 0..3))).prop_map(
            |(why, next_poll_at, claimed)| ShareChange::MismatchRecorded {
                why,
                next_poll_at,
                claimed
            }
        ),
        (any::<u32>(), time()).prop_map(|(attempt, next_poll_at)| ShareChange::NumberRenewed {
            attempt,
            next_poll_at
        }),
        (share_state(), vec(share_item(), 0..3), of(time()), text()).prop_map(
            |(state, items, next_poll_at, note)| ShareChange::Decided {
                state,
                items,
                next_poll_at,
                note
            }
        ),
        text().prop_map(|note| ShareChange::ContradictionEnded { note }),
    ]
    .boxed()
}

pub(crate) fn share_return_change() -> BoxedStrategy<ShareReturnChange> {
    prop_oneof![
        Just(ShareReturnChange::Repeated),
        Just(ShareReturnChange::PollRequested),
        (operation(), time(), return_state()).prop_map(|(operation, until, state)| {
            ShareReturnChange::CallBegun { operation, until, state }
        }),
        (return_state(), of(vec(return_item(), 0..3)), of(time()), of(need())).prop_map(
            |(state, items, next_poll_at, need)| ShareReturnChange::Moved {
                state,
                items,
                next_poll_at,
                need
            }
        ),
        (text(), of(time()), of(vec(return_item(), 0..3))).prop_map(
            |(why, next_poll_at, claimed)| ShareReturnChange::MismatchRecorded {
                why,
                next_poll_at,
                claimed
            }
        ),
        (any::<u32>(), time()).prop_map(|(attempt, next_poll_at)| {
            ShareReturnChange::NumberRenewed { attempt, next_poll_at }
        }),
        (return_state(), vec(return_item(), 0..3), of(time()), text()).prop_map(
            |(state, items, next_poll_at, note)| ShareReturnChange::Decided {
                state,
                items,
                next_poll_at,
                note
            }
        ),
        text().prop_map(|note| ShareReturnChange::ContradictionEnded { note }),
    ]
    .boxed()
}
