//! Agreements at a channel: the channel's number of what was signed is sealed in the database, for who has
//! it could debit. It is put in right before a call, and sealed in what the channel says before any
//! decision sees that.

use crate::Engine;
use crate::receivers::with_texts;
use crate::secrets::agreement_context;
use channel::{
    AgreementFound, AgreementReference, DebitAgreement, Finding, Instruction, PlacedAgreement,
};
use crypto::Secret;
use kernel::{Agreement, Key, Reads, TenantId, subject_of_channel_no};
use ledger::{Id, Subject, kinds};

/// What stands in place of a number that a channel repeats in its words.
const HIDDEN: &str = "***";

/// The agreement that a call is about, with its number opened; nothing where it is about none.
#[derive(Default)]
pub(crate) struct OpenedAgreement {
    known: Option<(Box<Agreement>, Option<AgreementReference>)>,
}

impl OpenedAgreement {
    /// That of an instruction; the reason when it cannot be opened.
    pub(crate) async fn of(
        engine: &Engine,
        tenant: &TenantId,
        instruction: &Instruction,
    ) -> Result<OpenedAgreement, String> {
        match named(engine, instruction) {
            Some(id) => OpenedAgreement::open(engine, tenant, id).await,
            None => Ok(OpenedAgreement::default()),
        }
    }

    /// The agreement of an id; the reason when it cannot be opened.
    pub(crate) async fn open(
        engine: &Engine,
        tenant: &TenantId,
        id: Id<kinds::Agreement>,
    ) -> Result<OpenedAgreement, String> {
        let reads = Reads { agreements: vec![(tenant.clone(), Key::Id(id))], ..Reads::default() };
        let view = engine.rows(&reads).await.map_err(|fault| fault.to_string())?;
        let row = view.agreements.get(tenant, id).cloned();
        let row = row.ok_or_else(|| format!("agreement {id} does not exist"))?;
        let reference = match &row.contract {
            Some(contract) => {
                let context = agreement_context(tenant, &row.key());
                let opened = engine.secrets().unseal(&context, &contract.reference);
                let opened = opened.map_err(|fault| format!("agreement {id}: {fault}"))?;
                Some(AgreementReference::new(opened.expose().to_owned()))
            }
            None => None,
        };
        Ok(OpenedAgreement { known: Some((Box::new(row), reference)) })
    }

    /// The instruction with the channel's number in it.
    pub(crate) fn fill(&self, mut instruction: Instruction) -> Instruction {
        let Some((row, reference)) = &self.known else { return instruction };
        match &mut instruction {
            Instruction::Place(place) => {
                if let (Some(debit), Some(reference)) = (&mut place.agreement, reference) {
                    *debit = DebitAgreement {
                        channel_agreement_no: row.terms.channel_agreement_no.clone(),
                        agreement_reference: reference.clone(),
                        template: row.terms.request.template.clone(),
                    };
                }
            }
            Instruction::QueryAgreement(placed) => fill_placed(placed, reference.as_ref()),
            Instruction::TerminateAgreement(terminate) => {
                fill_placed(&mut terminate.agreement, reference.as_ref());
            }
            _ => {}
        }
        instruction
    }

    /// The finding with the channel's number sealed, and hidden in its words. The same number stays as it
    /// is sealed, so that it is known again.
    pub(crate) fn strip(&self, engine: &Engine, finding: Finding) -> Finding {
        match (finding, &self.known) {
            (Finding::Agreement(found), Some((row, known))) => {
                seal(engine, row, known.as_ref(), found)
            }
            // What is about no agreement of ours cannot be sealed for its place.
            (Finding::Agreement(mut found), None) => {
                found.agreement_reference = None;
                Finding::Agreement(found)
            }
            (finding, _) => with_texts(finding, |text| self.hide(text)),
        }
    }

    /// A text without the channel's number: channels repeat it in their messages.
    pub(crate) fn hide(&self, text: String) -> String {
        match &self.known {
            Some((_, Some(reference))) if !reference.expose().is_empty() => {
                text.replace(reference.expose(), HIDDEN)
            }
            Some(_) | None => text,
        }
    }
}

/// The agreement that an instruction is about.
fn named(engine: &Engine, instruction: &Instruction) -> Option<Id<kinds::Agreement>> {
    let of_number =
        |number: &str| subject_of_channel_no(&engine.installation, number).and_then(Subject::id);
    match instruction {
        Instruction::Place(place) => {
            Id::parse(&place.agreement.as_ref()?.channel_agreement_no).ok()
        }
        Instruction::SignAgreement(sign) => of_number(&sign.channel_agreement_no),
        Instruction::QueryAgreement(placed) => of_number(&placed.channel_agreement_no),
        Instruction::TerminateAgreement(terminate) => {
            of_number(&terminate.agreement.channel_agreement_no)
        }
        _ => None,
    }
}

fn fill_placed(placed: &mut PlacedAgreement, reference: Option<&AgreementReference>) {
    placed.agreement_reference = reference.cloned();
}

/// The finding with the channel's number sealed. The one that is known stays as it is sealed, under
/// whichever key: only `secrets rotate` seals it anew.
fn seal(
    engine: &Engine,
    row: &Agreement,
    known: Option<&AgreementReference>,
    mut found: Box<AgreementFound>,
) -> Finding {
    let Some(reference) = &found.agreement_reference else { return Finding::Agreement(found) };
    if let Some(contract) = &row.contract
        && known.is_some_and(|known| known.expose() == reference.expose())
    {
        let sealed = contract.reference.as_str().to_owned();
        found.agreement_reference = Some(AgreementReference::new(sealed));
        return Finding::Agreement(found);
    }
    let context = agreement_context(&row.terms.tenant, &row.key());
    let plain = Secret::new(reference.expose().to_owned());
    let stored = row.contract.as_ref().map(|contract| &contract.reference);
    match engine.secrets().seal_again(&context, &plain, stored) {
        Ok(sealed) => {
            found.agreement_reference = Some(AgreementReference::new(sealed.as_str().to_owned()));
            Finding::Agreement(found)
        }
        Err(fault) => {
            tracing::error!(%fault, agreement = %row.terms.id, "its number was not sealed");
            Finding::Unknown { why: "the number of the agreement was not sealed".to_owned() }
        }
    }
}
