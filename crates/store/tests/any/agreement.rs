//! Any agreement.

use super::{attention, fen, id, in_flight, name, pay_info, payer, tenant, text, time};
use channel::{PeriodRule, PeriodUnit, Scene, TerminatedBy, Validity};
use kernel::{
    Agreement, AgreementChange, AgreementRequest, AgreementState, AgreementTerms, Contract,
    MerchantId, Sealed,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

fn scene() -> BoxedStrategy<Scene> {
    select(Scene::ALL.to_vec()).boxed()
}

fn by() -> BoxedStrategy<TerminatedBy> {
    select(TerminatedBy::ALL.to_vec()).boxed()
}

fn period() -> BoxedStrategy<PeriodRule> {
    let unit = select(PeriodUnit::ALL.to_vec());
    (unit, any::<u32>(), time(), fen(), of(fen()), of(any::<u32>()))
        .prop_map(|(unit, every, first_on, single_amount, total_amount, payments)| PeriodRule {
            unit,
            every,
            first_on,
            single_amount,
            total_amount,
            payments,
        })
        .boxed()
}

fn request() -> BoxedStrategy<Arc<AgreementRequest>> {
    let validity = prop_oneof![
        any::<u32>().prop_map(Validity::Days),
        any::<u32>().prop_map(Validity::Months),
    ];
    let who = (text(), name(), text(), name(), text(), text(), payer());
    let what = (scene(), scene(), of(period()), of(validity), text());
    let options = (of(text()), of(text()), of(text()), of(text()));
    (who, what, options)
        .prop_map(|(who, what, options)| {
            let (merchant, namespace, number, dialect, display_name, owner, payer) = who;
            let (scene, sign_scene, period, validity, content) = what;
            let (template, notify_url, front_url, note) = options;
            Arc::new(AgreementRequest {
                merchant: MerchantId::new(&merchant),
                namespace,
                number,
                dialect,
                scene,
                sign_scene,
                template,
                display_name,
                owner,
                payer,
                period,
                validity,
                notify_url,
                front_url,
                note,
                content,
            })
        })
        .boxed()
}

fn terms() -> BoxedStrategy<Arc<AgreementTerms>> {
    let channel = (text(), name(), name(), name(), name());
    (tenant(), id(), request(), channel, time(), time())
        .prop_map(|(tenant, id, request, channel, made_at, page_expires_at)| {
            let (channel_agreement_no, channel, channel_account, channel_identity, callback_url) =
                channel;
            Arc::new(AgreementTerms {
                tenant,
                id,
                channel_agreement_no,
                request,
                channel,
                channel_account,
                channel_identity,
                callback_url,
                made_at,
                page_expires_at,
            })
        })
        .boxed()
}

fn contract() -> BoxedStrategy<Contract> {
    (text(), time(), of(time()), of(time()), of(time()), of(text()))
        .prop_map(
            |(reference, signed_at, valid_from, valid_until, next_debit_at, payer_account)| {
                let reference = Sealed::new(&reference);
                Contract {
                    reference,
                    signed_at,
                    valid_from,
                    valid_until,
                    next_debit_at,
                    payer_account,
                }
            },
        )
        .boxed()
}

fn state() -> BoxedStrategy<AgreementState> {
    prop_oneof![
        of(pay_info(of(text()).boxed())).prop_map(AgreementState::Signing),
        Just(AgreementState::Signed),
        Just(AgreementState::Paused),
        text().prop_map(|reason| AgreementState::Terminating { reason }),
        (time(), by(), of(text())).prop_map(|(at, by, reason)| AgreementState::Terminated {
            at,
            by,
            reason
        }),
        (time(), text()).prop_map(|(at, reason)| AgreementState::Invalid { at, reason }),
    ]
    .boxed()
}

pub(crate) fn any_agreement() -> BoxedStrategy<Agreement> {
    let standing = (any::<i64>(), of(time()), of(attention()));
    let calls = (of(in_flight()), of(id()), any::<u32>());
    (terms(), state(), of(contract()), of(time()), calls, standing)
        .prop_map(|(terms, state, contract, reported_at, calls, standing)| {
            let (in_flight, debiting, polls) = calls;
            let (version, next_poll_at, attention) = standing;
            Agreement {
                terms,
                version,
                state,
                contract,
                reported_at,
                in_flight,
                debiting,
                polls,
                next_poll_at,
                attention,
            }
        })
        .boxed()
}

/// One as an event holds it whole: without the text of its page.
pub(crate) fn any_new_agreement() -> BoxedStrategy<Agreement> {
    let without_text = |mut row: Agreement| {
        if let AgreementState::Signing(Some(page)) = &mut row.state {
            page.text = None;
        }
        row
    };
    any_agreement().prop_map(without_text).boxed()
}

pub(crate) fn agreement_change() -> BoxedStrategy<AgreementChange> {
    let page = pay_info(Just(None).boxed());
    prop_oneof![
        in_flight().prop_map(AgreementChange::CallBegun),
        of(time()).prop_map(|next_poll_at| AgreementChange::CallEnded { next_poll_at }),
        (page, of(time()))
            .prop_map(|(page, next_poll_at)| AgreementChange::PageReceived { page, next_poll_at }),
        (contract(), of(time()))
            .prop_map(|(contract, reported_at)| AgreementChange::Signed { contract, reported_at }),
        (contract(), of(time()), of(time())).prop_map(|(contract, reported_at, next_poll_at)| {
            AgreementChange::ContractChanged { contract, reported_at, next_poll_at }
        }),
        of(time()).prop_map(|reported_at| AgreementChange::Paused { reported_at }),
        of(time()).prop_map(|reported_at| AgreementChange::Resumed { reported_at }),
        text().prop_map(|reason| AgreementChange::Terminating { reason }),
        (time(), by(), of(text()), of(time())).prop_map(|(at, by, reason, reported_at)| {
            AgreementChange::Terminated { at, by, reason, reported_at }
        }),
        text().prop_map(|reason| AgreementChange::Invalid { reason }),
        id().prop_map(|order| AgreementChange::DebitBegun { order }),
        (id(), any::<bool>())
            .prop_map(|(order, is_checked)| AgreementChange::DebitEnded { order, is_checked }),
        (text(), of(time())).prop_map(|(why, next_poll_at)| AgreementChange::MismatchRecorded {
            why,
            next_poll_at
        }),
        text().prop_map(|why| AgreementChange::Overdue { why }),
        Just(AgreementChange::PollRequested),
        text().prop_map(|note| AgreementChange::Dismissed { note }),
        text().prop_map(|text| AgreementChange::Resealed { reference: Sealed::new(&text) }),
    ]
    .boxed()
}
