//! Profit sharing against the channel's counterpart: an order is placed to be shared and paid, a receiver
//! is bound, a part is shared with it, and the rest is released.

use super::Sample;
use super::play::Play;
use crate::finding::{Finding, Payment};
use crate::instruction::{Instruction, Operation};
use crate::share::{
    PlacedShare, PlacedShareReturn, Receiver, Share, ShareItem, ShareReturn, ShareStatus, Shared,
    SharedPayment, Unfreeze,
};
use ledger::Fen;

/// What is shared in these checks.
const PART: Fen = Fen::new(100);

/// One instruction of each operation about sharing.
pub(super) fn instructions(sample: &Sample<'_>) -> Vec<Instruction> {
    let Some(receiver) = &sample.receiver else { return vec![] };
    let payment = SharedPayment {
        channel_order_no: sample.place.channel_order_no.clone(),
        payment_reference: "4200000000202611180000000001".to_owned(),
    };
    let merchant = Receiver { name: None, ..receiver.clone() };
    let channel_share_no = "S00000001".to_owned();
    let channel_return_no = "U00000001".to_owned();
    vec![
        Instruction::BindReceiver(receiver.clone()),
        Instruction::UnbindReceiver(receiver.clone()),
        Instruction::Share(Box::new(share(sample, &payment, "S00000001", PART))),
        Instruction::QueryShare(placed(&payment, "S00000001")),
        Instruction::Unfreeze(Box::new(unfreeze(&payment, "S00000002"))),
        Instruction::QueryUnshared(payment),
        Instruction::ReturnShare(Box::new(ShareReturn {
            channel_return_no: channel_return_no.clone(),
            channel_share_no: channel_share_no.clone(),
            receiver: merchant,
            amount: PART,
            description: "return".to_owned(),
        })),
        Instruction::QueryShareReturn(PlacedShareReturn { channel_return_no, channel_share_no }),
    ]
}

/// The operations that a channel without sharing does not have.
pub(super) const OPERATIONS: [Operation; 8] = [
    Operation::BindReceiver,
    Operation::UnbindReceiver,
    Operation::Share,
    Operation::QueryShare,
    Operation::Unfreeze,
    Operation::QueryUnshared,
    Operation::ReturnShare,
    Operation::QueryShareReturn,
];

/// A share moves its amount once, however often it is requested; an unknown number is not found; what is
/// left is released; and a return gives back once.
pub(super) fn holds(sample: &Sample<'_>) {
    let Some(rules) = &sample.about.sharing else { return };
    let name = sample.about.name;
    assert!(rules.shares_max > 0 && rules.receivers_max > 0, "{name}: rules without a share");
    let (Some(counterpart), Some(receiver)) = (sample.counterpart, &sample.receiver) else {
        panic!("{name}: an account that shares is checked with a counterpart and a receiver")
    };
    let mut play = Play::new(sample, counterpart);
    let payment = play.pay_to_share();
    let shared = SharedPayment {
        channel_order_no: payment.channel_order_no.clone(),
        payment_reference: payment.payment_reference.clone(),
    };
    for _ in 0..2 {
        let bound = play.ask(&Instruction::BindReceiver(receiver.clone()));
        assert_eq!(bound, Finding::Receiver, "{name}: a receiver is bound, and bound again");
    }
    let query = Instruction::QueryShare(placed(&shared, "S00000001"));
    assert_eq!(play.ask(&query), Finding::NotFound, "{name}: a share that was never requested");
    play.later(rules.min_age_seconds);
    share_once(&mut play, &shared, &payment);
    return_once(&mut play);
    release(&mut play, &shared);
}

fn share_once(play: &mut Play<'_>, shared: &SharedPayment, payment: &Payment) {
    let share = share(play.sample, shared, "S00000001", PART);
    let ask = Instruction::Share(Box::new(share.clone()));
    for _ in 0..2 {
        let Finding::Share(taken) = play.ask(&ask) else { panic!("no share taken") };
        assert_eq!(taken.items.len(), 1, "the items of a share");
    }
    let other = Share { items: vec![item(play.sample, PART.plus(PART).expect("small"))], ..share };
    let changed = play.ask(&Instruction::Share(Box::new(other)));
    let is_told = matches!(changed, Finding::Ask { .. } | Finding::Refused { .. });
    assert!(is_told, "another content under the number: {changed:?}");
    let done = play.shared(&Instruction::QueryShare(placed(shared, "S00000001")));
    let [item] = &*done.items else { panic!("one item wanted, found {:?}", done.items) };
    assert_eq!((item.amount, item.status), (PART, ShareStatus::Done));
    let left = play.ask(&Instruction::QueryUnshared(shared.clone()));
    let amount = payment.settled_amount.minus(PART).expect("more was paid");
    assert_eq!(left, Finding::Unshared { amount }, "what is left to share");
}

/// A return of a receiver that can give back. One that cannot is refused before anything is sent.
fn return_once(play: &mut Play<'_>) {
    let Some(receiver) = play.sample.receiver.clone() else { return };
    let query = Instruction::QueryShareReturn(PlacedShareReturn {
        channel_return_no: "U00000001".to_owned(),
        channel_share_no: "S00000001".to_owned(),
    });
    assert_eq!(play.ask(&query), Finding::NotFound, "a return that was never requested");
    let ask = Instruction::ReturnShare(Box::new(ShareReturn {
        channel_return_no: "U00000001".to_owned(),
        channel_share_no: "S00000001".to_owned(),
        receiver,
        amount: PART,
        description: "return".to_owned(),
    }));
    for asked in [&ask, &ask, &query] {
        let Finding::ShareReturn(returned) = play.ask(asked) else { panic!("no return") };
        assert_eq!((returned.amount, returned.status), (PART, ShareStatus::Done));
    }
}

fn release(play: &mut Play<'_>, shared: &SharedPayment) {
    let ask = Instruction::Unfreeze(Box::new(unfreeze(shared, "S00000002")));
    let Finding::Share(_) = play.ask(&ask) else { panic!("nothing released") };
    let left = play.ask(&Instruction::QueryUnshared(shared.clone()));
    assert_eq!(left, Finding::Unshared { amount: Fen::ZERO }, "what is left once it is released");
    let late = Instruction::Share(Box::new(share(play.sample, shared, "S00000003", PART)));
    let refused = play.ask(&late);
    assert!(matches!(refused, Finding::Refused { .. }), "a share after the release: {refused:?}");
}

impl Play<'_> {
    /// The share once it is finished.
    fn shared(&mut self, query: &Instruction) -> Shared {
        for _ in 0..60 {
            match self.ask(query) {
                Finding::Share(shared) if shared.is_finished => return shared,
                Finding::Share(_) => self.later(1),
                other => panic!("want a share, found {other:?}"),
            }
        }
        panic!("a share is not finished after a minute")
    }
}

fn share(sample: &Sample<'_>, payment: &SharedPayment, number: &str, amount: Fen) -> Share {
    Share {
        channel_share_no: number.to_owned(),
        payment: payment.clone(),
        items: vec![item(sample, amount)],
        releases_rest: false,
    }
}

fn item(sample: &Sample<'_>, amount: Fen) -> ShareItem {
    let receiver = sample.receiver.clone().expect("a channel that shares has a receiver");
    ShareItem { receiver, amount, description: "share".to_owned() }
}

fn placed(payment: &SharedPayment, number: &str) -> PlacedShare {
    PlacedShare { channel_share_no: number.to_owned(), payment: payment.clone() }
}

fn unfreeze(payment: &SharedPayment, number: &str) -> Unfreeze {
    Unfreeze {
        channel_share_no: number.to_owned(),
        payment: payment.clone(),
        description: "release".to_owned(),
    }
}
