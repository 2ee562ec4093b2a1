//! What every channel must pass: called by each channel's own tests.
//!
//! A [`Sample`] is an open account with an order and a refund that it can carry out. The checks panic
//! with what they found, as assertions do.

mod agreements;
mod bills;
mod memory;
mod play;
mod sharing;

pub use memory::Memory;

use crate::agreement::{AgreementStatus, PeriodUnit, TerminatedBy};
use crate::bill::{BillDay, BillFile, BillKind, FileHash};
use crate::counterpart::Counterpart;
use crate::finding::{Finding, PayForm};
use crate::http::{Method, Request, Response};
use crate::instruction::{
    Cancel, Instruction, Operation, Place, PlacedOrder, PlacedRefund, Refund, RefundCause, Scene,
};
use crate::payment_code::{PaymentCode, PaymentCodeRules};
use crate::port::{About, CallbackFault, CodecContext, Connection, EncodeFault, Step};
use crate::share::Receiver;
use std::collections::BTreeSet;

/// An open account, and what it can be asked for.
pub struct Sample<'a> {
    /// What the channel says of itself.
    pub about: &'a About,
    /// The account.
    pub connection: &'a dyn Connection,
    /// An order with everything that any scene needs; its scene is replaced.
    pub place: Place,
    /// A refund of its payment.
    pub refund: Refund,
    /// The time and the nonce of every call.
    pub context: CodecContext,
    /// A merchant to share with, other than the account's own; a channel that shares needs it.
    pub receiver: Option<Receiver>,
    /// The channel's other half, at which the order can be paid. A channel with bills, and one that shares,
    /// needs it.
    pub counterpart: Option<&'a dyn Counterpart>,
}

impl Sample<'_> {
    /// One instruction of each operation that the account has, in the order of [`Operation::ALL`], and
    /// of each kind of bill.
    fn instructions(&self) -> Vec<Instruction> {
        let days = self.connection.bills().iter().map(|kind| self.day(*kind));
        let find = days.clone().map(Instruction::FindBill);
        let fetch = days.map(|day| Instruction::FetchBill(self.file(day)));
        let keys = [Instruction::FetchKeys { named: None }];
        let all = self.of_orders().into_iter().chain(sharing::instructions(self));
        let all = all.chain(agreements::instructions(self)).chain(keys);
        all.chain(find).chain(fetch).collect()
    }

    fn day(&self, kind: BillKind) -> BillDay {
        BillDay { kind, date: self.date() }
    }

    /// A file that is not there.
    fn file(&self, day: BillDay) -> BillFile {
        let url = "https://bills.example/file?token=1".to_owned();
        BillFile { day, url, hash: FileHash::Sha1("0".repeat(40)) }
    }

    fn of_orders(&self) -> Vec<Instruction> {
        let placed = PlacedOrder {
            channel_order_no: self.place.channel_order_no.clone(),
            placed_at: self.place.placed_at,
            amount: self.place.amount,
            currency: self.place.currency,
            is_cancelled: false,
            is_debit: false,
        };
        let scene = self.about.scenes.first().copied().unwrap_or(self.place.scene);
        vec![
            self.placing(scene),
            Instruction::Query(placed.clone()),
            Instruction::Close(placed.clone()),
            Instruction::Cancel(Cancel { order: placed, app_id: None }),
            Instruction::Refund(Box::new(self.refund.clone())),
            Instruction::QueryRefund(PlacedRefund {
                channel_refund_no: self.refund.channel_refund_no.clone(),
                channel_order_no: self.refund.channel_order_no.clone(),
                made_at: self.context.now,
                amount: self.refund.amount,
            }),
        ]
    }

    fn placing(&self, scene: Scene) -> Instruction {
        let payment_code = self.payment_code().filter(|_| scene == Scene::Swipe);
        let agreement = scene.is_by_agreement().then(agreements::debit);
        let place = self.place.clone();
        Instruction::Place(Box::new(Place { scene, payment_code, agreement, ..place }))
    }

    /// The least of the channel's codes.
    fn payment_code(&self) -> Option<PaymentCode> {
        let rules = self.about.payment_codes?;
        let PaymentCodeRules { digits_min, first_two_min, .. } = rules;
        let code = PaymentCode::new(format!("{first_two_min:0<digits_min$}"));
        assert_eq!(rules.broken_by(&code), None, "{}", self.about.name);
        Some(code)
    }
}

/// Every check of this module.
///
/// # Panics
/// When the channel fails one.
pub fn all(sample: &Sample<'_>) {
    words_are_unique_and_read_back();
    the_channel_describes_itself(sample);
    declared_scenes_encode_and_no_other(sample);
    every_instruction_encodes_alike_each_time(sample);
    an_unsigned_answer_is_unknown(sample);
    a_forged_callback_is_refused(sample);
    bills::declared_kinds_encode_and_no_other(sample);
    bills::agree_with_what_was_paid(sample);
    sharing::holds(sample);
}

/// The words of the port's lists are unique, and read back as what they stand for.
///
/// # Panics
/// When they do not.
pub fn words_are_unique_and_read_back() {
    words("operation", &Operation::ALL, Operation::name, Operation::from_name);
    words("bill kind", &BillKind::ALL, BillKind::name, BillKind::from_name);
    words("pay form", &PayForm::ALL, PayForm::name, PayForm::from_name);
    words("period unit", &PeriodUnit::ALL, PeriodUnit::name, PeriodUnit::from_name);
    let (name, from_name) = (AgreementStatus::name, AgreementStatus::from_name);
    words("agreement status", &AgreementStatus::ALL, name, from_name);
    words("terminated by", &TerminatedBy::ALL, TerminatedBy::name, TerminatedBy::from_name);
    words("scene", &Scene::ALL, Scene::name, Scene::from_name);
    words("refund cause", &RefundCause::ALL, RefundCause::name, RefundCause::from_name);
}

fn words<T: Copy + PartialEq + std::fmt::Debug>(
    list: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    from_name: fn(&str) -> Option<T>,
) {
    let unique: BTreeSet<&str> = all.iter().map(|one| name(*one)).collect();
    assert_eq!(unique.len(), all.len(), "{list}: words or entries stand twice in {all:?}");
    for one in all {
        let word = name(*one);
        let lower = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(lower && !word.is_empty(), "{list}: {word:?} is not in lower case");
        assert_eq!(from_name(word), Some(*one), "{list}: {word} reads back as another");
    }
    assert_eq!(from_name("no such word"), None, "{list}: an unknown word reads as something");
}

/// The channel's name, scenes and settings can be shown and stored; its accounts have an identity.
fn the_channel_describes_itself(sample: &Sample<'_>) {
    let About { name, scenes, settings, order_life_seconds_max, .. } = sample.about;
    assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()), "name {name:?}");
    assert!(!scenes.is_empty(), "{name}: no scene can be paid");
    assert!(*order_life_seconds_max >= 3600, "{name}: an order lives {order_life_seconds_max} s");
    let unique: BTreeSet<&str> = scenes.iter().map(|scene| scene.name()).collect();
    assert_eq!(unique.len(), scenes.len(), "{name}: a scene is declared twice");
    let are_by_agreement = scenes.iter().any(|scene| scene.is_by_agreement());
    assert!(!are_by_agreement, "{name}: each account says whether it has agreements");
    if let Some(rules) = sample.connection.agreements() {
        assert!(rules.debit_life_seconds >= 60, "{name}: a debit lives {rules:?}");
        assert!(rules.debit_life_seconds <= rules.debit_life_seconds_max, "{name}: {rules:?}");
    }
    let unique: BTreeSet<&str> = settings.iter().map(|setting| setting.name).collect();
    assert_eq!(unique.len(), settings.len(), "{name}: a setting is declared twice");
    assert!(!sample.connection.identity().is_empty(), "{name}: the account has no identity");
}

/// A declared scene encodes; any other is refused for good, by its field's name.
fn declared_scenes_encode_and_no_other(sample: &Sample<'_>) {
    let Sample { about, connection, context, .. } = sample;
    for scene in Scene::ALL {
        let declared = match scene.is_by_agreement() {
            true => connection.agreements().is_some(),
            false => about.scenes.contains(&scene),
        };
        match connection.encode(&sample.placing(scene), context) {
            Ok(_) => assert!(declared, "{}: {scene:?} encodes undeclared", about.name),
            Err(EncodeFault::Unsupported { field, why }) => {
                assert!(!declared, "{}: {scene:?} is refused: {field}: {why}", about.name);
                assert_eq!(field, "scene", "{}: {scene:?}: {why}", about.name);
            }
            Err(fault @ (EncodeFault::Account { .. } | EncodeFault::Internal { .. })) => {
                panic!("{}: {scene:?}: {fault}", about.name)
            }
        }
    }
}

/// Every instruction encodes, and a repeat at the same time with the same nonce says the same. What is
/// sent has a full URL, and a built-in channel sends nothing.
fn every_instruction_encodes_alike_each_time(sample: &Sample<'_>) {
    let Sample { about, connection, context, .. } = sample;
    let instructions = sample.instructions();
    let operations: Vec<Operation> = instructions.iter().map(Instruction::operation).collect();
    for operation in Operation::ALL {
        let is_of_bills = matches!(operation, Operation::FindBill | Operation::FetchBill);
        let is_of_sharing = sharing::OPERATIONS.contains(&operation);
        let is_of_agreements = agreements::OPERATIONS.contains(&operation);
        let wanted = (!is_of_bills || !connection.bills().is_empty())
            && (!is_of_sharing || about.sharing.is_some())
            && (!is_of_agreements || connection.agreements().is_some());
        assert_eq!(operations.contains(&operation), wanted, "an instruction of {operation:?}");
    }
    for instruction in instructions {
        let operation = instruction.operation().name();
        let step = connection.encode(&instruction, context);
        // A receiver's name is sealed anew each time; binding it twice is harmless.
        if instruction.operation() != Operation::BindReceiver {
            let again = connection.encode(&instruction, context);
            assert_eq!(step, again, "{}: {operation}", about.name);
        }
        match step {
            Ok(Step::Send(request)) => {
                let full = ["https://", "http://"].iter().any(|head| request.url.starts_with(head));
                assert!(full, "{}: {operation} goes to {}", about.name, request.url);
                assert!(!about.is_built_in, "{}: {operation} is sent", about.name);
            }
            Ok(Step::Answer(_)) => {}
            Err(fault) => panic!("{}: {operation}: {fault}", about.name),
        }
    }
}

/// What cannot be verified proves nothing, with any status and body.
fn an_unsigned_answer_is_unknown(sample: &Sample<'_>) {
    let Sample { about, connection, context, .. } = sample;
    for instruction in sample.instructions() {
        for status in [200, 204, 302, 400, 404, 429, 500] {
            for body in ["", "{}", "<html>"] {
                let response = Response { status, headers: vec![], body: body.as_bytes().to_vec() };
                let finding = connection.decode(&instruction, &response, context);
                assert!(
                    matches!(finding, Finding::Unknown { .. }),
                    "{}: {} {status} {body:?} unsigned: {finding:?}",
                    about.name,
                    instruction.operation().name()
                );
            }
        }
    }
}

/// A callback without a signature is refused as forged, and its sender is told so.
fn a_forged_callback_is_refused(sample: &Sample<'_>) {
    let Sample { about, connection, context, .. } = sample;
    for method in [Method::Get, Method::Post] {
        for body in ["", "{}", "<xml></xml>", "a=1&sign=00"] {
            let url = format!("/channel/{}/callback", about.name);
            let forged = Request { method, url, headers: vec![], body: body.as_bytes().to_vec() };
            let read = connection.callback(&forged, context.now);
            assert!(
                matches!(read, Err(CallbackFault::Forged { .. })),
                "{}: {method:?} {body:?}: {read:?}",
                about.name
            );
        }
    }
    // A built-in channel sends no callbacks, so nobody reads its receipts.
    let told = about.is_built_in || connection.receipt(true) != connection.receipt(false);
    assert!(told, "{}: accepted and refused callbacks are answered alike", about.name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_words_pass() {
        words_are_unique_and_read_back();
    }

    /// A form that is added stops this match from compiling, which reminds of the list as well.
    #[test]
    fn every_pay_form_is_listed() {
        let place = |form: PayForm| match form {
            PayForm::Jsapi => 0,
            PayForm::AppSdk => 1,
            PayForm::QrCode => 2,
            PayForm::JumpUrl => 3,
            PayForm::Html => 4,
            PayForm::Direct => 5,
        };
        let places: Vec<usize> = PayForm::ALL.into_iter().map(place).collect();
        assert_eq!(places, (0..PayForm::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_fault_of_encoding_says_whose_it_is() {
        let unsupported = EncodeFault::unsupported("payer", "their id wanted");
        assert_eq!(unsupported.to_string(), "payer: their id wanted");
        assert!(matches!(unsupported, EncodeFault::Unsupported { field: "payer", .. }));
        let internal = EncodeFault::internal("no randomness");
        assert_eq!(internal.to_string(), "not encoded: no randomness");
        assert!(matches!(internal, EncodeFault::Internal { .. }));
    }
}
