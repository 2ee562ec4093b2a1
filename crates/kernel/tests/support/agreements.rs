//! Steps about agreements.

use super::super::{TestKernel, directory, tenant};
use super::number;
use channel::{
    AgreementFound, AgreementReference, AgreementRules, AgreementStatus, Finding, Payer,
    PeriodRule, PeriodUnit, Scene, TerminatedBy,
};
use kernel::{
    Agreement, AgreementCommand, AgreementRequest, Command, Directory, Key, MerchantId, NaturalKey,
    SignAgreement,
};
use ledger::{Fen, kinds};
use std::sync::Arc;

/// The directory of a channel that takes no debit back.
pub(crate) fn without_cancels() -> Directory {
    let mut directory = directory();
    for routes in directory.tenants.values_mut() {
        for merchant in routes.merchants.values_mut() {
            for route in &mut merchant.routes {
                let rules = route.agreements.expect("a channel with agreements");
                route.agreements = Some(AgreementRules { cancels_debits: false, ..rules });
            }
        }
    }
    directory
}

pub(crate) fn key(no: &str) -> Key<kinds::Agreement> {
    Key::Number(NaturalKey::new("wecard.agreement", no))
}

/// An agreement by its merchant's number.
pub(crate) fn of<'k>(kernel: &'k TestKernel, no: &str) -> Option<&'k Agreement> {
    kernel.stored.agreements.find(&tenant(), &key(no))
}

fn id(kernel: &TestKernel, no: &str) -> ledger::Id<kinds::Agreement> {
    of(kernel, no).expect("an agreement").terms.id
}

/// `agree a1 scene=authorize max=500 merchant=CM2 channel=alipay content=other life=60`.
pub(crate) fn sign(kernel: &TestKernel, no: &str, changes: &[&str]) -> Command {
    let value =
        |name: &str| changes.iter().find_map(|change| change.strip_prefix(name)?.strip_prefix('='));
    let period = value("max").map(|fen| PeriodRule {
        unit: PeriodUnit::Month,
        every: 1,
        first_on: kernel.now,
        single_amount: Fen::new(number(fen)),
        total_amount: None,
        payments: None,
    });
    let scene = value("scene").and_then(Scene::from_name).unwrap_or(Scene::Agreement);
    let request = AgreementRequest {
        merchant: MerchantId::new(value("merchant").unwrap_or(super::super::MERCHANT)),
        namespace: Arc::from("wecard.agreement"),
        number: no.to_owned(),
        dialect: Arc::from("wecard"),
        scene,
        sign_scene: Scene::H5,
        template: None,
        display_name: "张三".to_owned(),
        owner: "user-1".to_owned(),
        payer: Payer::default(),
        period,
        validity: None,
        notify_url: Some("https://business.com/agreement/notify".to_owned()),
        front_url: None,
        note: None,
        content: value("content").unwrap_or_default().to_owned(),
    };
    AgreementCommand::Sign(Box::new(SignAgreement {
        tenant: tenant(),
        channel: value("channel").unwrap_or("wxpay").to_owned(),
        request: Arc::new(request),
        page_expires_at: value("life").map(|life| kernel.now.plus_seconds(number(life))),
    }))
    .into()
}

pub(crate) fn terminate(no: &str) -> Command {
    let (agreement, reason) = (key(no), "not needed".to_owned());
    AgreementCommand::Terminate { tenant: tenant(), agreement, reason }.into()
}

pub(crate) fn poll(kernel: &TestKernel, no: &str) -> Command {
    AgreementCommand::PollNow { tenant: tenant(), agreement: id(kernel, no) }.into()
}

pub(crate) fn dismiss(kernel: &TestKernel, no: &str) -> Command {
    let note = "checked".to_owned();
    AgreementCommand::Dismiss { tenant: tenant(), agreement: id(kernel, no), note }.into()
}

/// `signed r1`, `terminated r1 old`, `signing`, `signed r1 until=60`, `signed r1 of=OTHER`.
pub(crate) fn found(kernel: &TestKernel, row: &str, words: &[&str]) -> Finding {
    let [status, rest @ ..] = words else { panic!("no status: {words:?}") };
    let status = AgreementStatus::from_name(status).expect("a status");
    let value =
        |name: &str| rest.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let own = of(kernel, row).map(|row| row.terms.channel_agreement_no.clone());
    let reference = rest.first().filter(|word| word.starts_with('r'));
    let is_old = rest.contains(&"old");
    let now = kernel.now;
    Finding::Agreement(Box::new(AgreementFound {
        agreement_reference: reference.map(|text| AgreementReference::new((*text).to_owned())),
        signed_at: reference.map(|_| super::super::START),
        valid_until: value("until").map(|seconds| now.plus_seconds(number(seconds))),
        next_debit_at: value("next").map(|seconds| now.plus_seconds(number(seconds))),
        terminated_by: value("by").and_then(TerminatedBy::from_name),
        reported_at: Some(if is_old { super::super::START.plus_seconds(-1) } else { now }),
        ..AgreementFound::new(
            value("of").map_or_else(|| own.unwrap_or_default(), str::to_owned),
            status,
        )
    }))
}
