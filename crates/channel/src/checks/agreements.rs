//! Instructions about agreements, of an account that has them.

use super::Sample;
use crate::agreement::{
    AgreementReference, DebitAgreement, PlacedAgreement, SignAgreement, TerminateAgreement,
};
use crate::instruction::{Instruction, Operation, Scene};

/// The operations that an account without agreements does not have.
pub(super) const OPERATIONS: [Operation; 3] =
    [Operation::SignAgreement, Operation::QueryAgreement, Operation::TerminateAgreement];

const NUMBER: &str = "A00000001";
const REFERENCE: &str = "20185909000458725113";

/// One instruction of each operation about agreements.
pub(super) fn instructions(sample: &Sample<'_>) -> Vec<Instruction> {
    if sample.connection.agreements().is_none() {
        return vec![];
    }
    let scene = sample.about.scenes.first().copied().unwrap_or(Scene::H5);
    let place = &sample.place;
    let placed = PlacedAgreement {
        channel_agreement_no: NUMBER.to_owned(),
        template: None,
        agreement_reference: None,
        placed_at: place.placed_at,
        was_signed: false,
    };
    let signed = PlacedAgreement {
        agreement_reference: Some(AgreementReference::new(REFERENCE.to_owned())),
        was_signed: true,
        ..placed.clone()
    };
    vec![
        Instruction::SignAgreement(Box::new(SignAgreement {
            channel_agreement_no: NUMBER.to_owned(),
            template: None,
            scene,
            display_name: "tea club 17".to_owned(),
            period: None,
            validity: None,
            payer: place.payer.clone(),
            placed_at: place.placed_at,
            expires_at: place.placed_at.plus_seconds(1800),
            callback_url: place.callback_url.clone(),
            front_url: None,
        })),
        Instruction::QueryAgreement(placed),
        Instruction::TerminateAgreement(Box::new(TerminateAgreement {
            agreement: signed,
            reason: "closed".to_owned(),
            callback_url: place.callback_url.clone(),
        })),
    ]
}

/// An agreement by which an order is debited.
pub(super) fn debit() -> DebitAgreement {
    DebitAgreement {
        channel_agreement_no: NUMBER.to_owned(),
        agreement_reference: AgreementReference::new(REFERENCE.to_owned()),
        template: None,
    }
}
