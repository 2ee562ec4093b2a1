//! Agreements.

use super::call::operation;
use super::cells::{Cells, Value, initially, int, nullable, text, unlogged};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use channel::{Operation, PayForm, Payer, PeriodRule, PeriodUnit, Scene, TerminatedBy, Validity};
use kernel::{
    Agreement, AgreementChange, AgreementRequest, AgreementState, AgreementTerms, Contract,
    InFlightCall, KnownPayInfo, MerchantId, Sealed, TenantId,
};
use ledger::{Fen, Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The state of a new agreement.
const SIGNING: &str = "signing";

impl Stored for Agreement {
    const TABLE: &'static RowTable = &RowTable {
        name: "agreements",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("number"),
            int("made_at"),
            text("channel_agreement_no"),
            text("dialect"),
            text("merchant"),
            text("channel"),
            text("channel_account"),
            text("channel_identity"),
            text("callback_url"),
            text("scene"),
            text("sign_scene"),
            nullable(text("template")),
            text("display_name"),
            text("owner"),
            nullable(text("payer_app_id")),
            nullable(text("payer_user_id")),
            nullable(text("payer_client_ip")),
            nullable(text("payer_device_id")),
            nullable(text("period")),
            nullable(text("validity")),
            nullable(text("notify_url")),
            nullable(text("front_url")),
            nullable(text("note")),
            text("content"),
            int("page_expires_at"),
        ],
        narrow_len: 28,
        mutable: &[
            initially(SIGNING, text("state")),
            nullable(text("page_form")),
            unlogged(text("page_text")),
            nullable(int("page_valid_until")),
            nullable(text("reference")),
            nullable(int("signed_at")),
            nullable(int("valid_from")),
            nullable(int("valid_until")),
            nullable(int("next_debit_at")),
            nullable(text("payer_account")),
            nullable(int("ended_at")),
            nullable(text("ended_by")),
            nullable(text("reason")),
            nullable(int("reported_at")),
            nullable(text("in_flight_operation")),
            nullable(int("in_flight_until")),
            nullable(int("debiting")),
            int("polls"),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "number" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let (terms, request) = (&self.terms, &self.terms.request);
        let payer = &request.payer;
        cells.extend([
            Value::text(terms.tenant.as_str()),
            Value::Int(terms.id.value()),
            Value::text(&request.namespace),
            Value::text(&request.number),
            Value::Int(terms.made_at.ms()),
            Value::text(&terms.channel_agreement_no),
            Value::text(&request.dialect),
            Value::text(request.merchant.as_str()),
            Value::text(&terms.channel),
            Value::text(&terms.channel_account),
            Value::text(&terms.channel_identity),
            Value::text(&terms.callback_url),
            Value::text(request.scene.name()),
            Value::text(request.sign_scene.name()),
            Value::optional(request.template.as_deref()),
            Value::text(&request.display_name),
            Value::text(&request.owner),
            Value::optional(payer.app_id.as_deref()),
            Value::optional(payer.user_id.as_deref()),
            Value::optional(payer.client_ip.as_deref()),
            Value::optional(payer.device_id.as_deref()),
            match &request.period {
                Some(period) => Value::owned(PeriodBody::of(period).text()),
                None => Value::Null,
            },
            match request.validity {
                Some(validity) => Value::owned(validity_text(validity)),
                None => Value::Null,
            },
            Value::optional(request.notify_url.as_deref()),
            Value::optional(request.front_url.as_deref()),
            Value::optional(request.note.as_deref()),
            Value::text(&request.content),
            Value::Int(terms.page_expires_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        let contract = self.contract.as_ref();
        cells.extend([
            Value::text(self.state.name()),
            Value::optional(state.page.map(|page| page.form.name())),
            Value::optional(state.page.and_then(|page| page.text.as_deref())),
            Value::number(state.page.map(|page| page.valid_until.ms())),
            Value::optional(contract.map(|contract| contract.reference.as_str())),
            Value::number(contract.map(|contract| contract.signed_at.ms())),
            Value::number(contract.and_then(|it| it.valid_from).map(Timestamp::ms)),
            Value::number(contract.and_then(|it| it.valid_until).map(Timestamp::ms)),
            Value::number(contract.and_then(|it| it.next_debit_at).map(Timestamp::ms)),
            Value::optional(contract.and_then(|it| it.payer_account.as_deref())),
            Value::number(state.ended_at.map(Timestamp::ms)),
            Value::optional(state.ended_by.map(TerminatedBy::name)),
            Value::optional(state.reason),
            Value::number(self.reported_at.map(Timestamp::ms)),
            Value::optional(self.in_flight.map(|call| call.operation.name())),
            Value::number(self.in_flight.map(|call| call.until.ms())),
            Value::number(self.debiting.map(Id::value)),
            Value::Int(i64::from(self.polls)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Agreement, StoreFault> {
        let terms = Arc::new(read_terms(cells)?);
        let standing = cells.standing()?;
        let state_name = cells.text()?.to_owned();
        let page = read_page(cells)?;
        let contract = read_contract(cells)?;
        let ended_at = cells.optional_time()?;
        let ended_by = cells.optional_word(TerminatedBy::from_name)?;
        let reason = cells.optional_string()?;
        let state = match (&*state_name, page, ended_at, ended_by, reason) {
            (SIGNING, page, None, None, None) => AgreementState::Signing(page),
            ("signed", None, None, None, None) => AgreementState::Signed,
            ("paused", None, None, None, None) => AgreementState::Paused,
            ("terminating", None, None, None, Some(reason)) => {
                AgreementState::Terminating { reason }
            }
            ("terminated", None, Some(at), Some(by), reason) => {
                AgreementState::Terminated { at, by, reason }
            }
            ("invalid", None, Some(at), None, Some(reason)) => {
                AgreementState::Invalid { at, reason }
            }
            (name, _, _, _, _) => {
                return Err(cells.misfit(format!("state: {name:?} with other cells than it has")));
            }
        };
        let reported_at = cells.optional_time()?;
        let operation = cells.optional_word(Operation::from_name)?;
        let until = cells.optional_time()?;
        let in_flight = match (operation, until) {
            (Some(operation), Some(until)) => Some(InFlightCall { operation, until }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(cells.fault("half of a running call")),
        };
        Ok(Agreement {
            terms,
            version: standing.version,
            state,
            contract,
            reported_at,
            in_flight,
            debiting: cells.optional_id()?,
            polls: cells.count()?,
            next_poll_at: standing.next_poll_at,
            attention: standing.attention,
        })
    }

    fn encode(change: &AgreementChange, _at: Timestamp) -> Body<'_, Agreement> {
        match change {
            AgreementChange::Requested(row) => Body::Whole(row),
            AgreementChange::CallBegun(call) => {
                json(&CallBody { operation: call.operation.name(), until: call.until.ms() })
            }
            AgreementChange::CallEnded { next_poll_at } => json(&PollBody::of(*next_poll_at)),
            AgreementChange::PageReceived { page, next_poll_at } => json(&PageBody {
                form: page.form.name(),
                valid_until: page.valid_until.ms(),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            AgreementChange::Signed { contract, reported_at } => {
                json(&ContractBody::of(contract, *reported_at, None))
            }
            AgreementChange::ContractChanged { contract, reported_at, next_poll_at } => {
                json(&ContractBody::of(contract, *reported_at, *next_poll_at))
            }
            AgreementChange::Paused { reported_at } | AgreementChange::Resumed { reported_at } => {
                json(&ReportBody { reported_at: reported_at.map(Timestamp::ms) })
            }
            AgreementChange::Terminating { reason } | AgreementChange::Invalid { reason } => {
                json(&ReasonBody { reason: Cow::Borrowed(reason) })
            }
            AgreementChange::Terminated { at, by, reason, reported_at } => json(&TerminatedBody {
                at: at.ms(),
                by: by.name(),
                reason: reason.as_deref().map(Cow::Borrowed),
                reported_at: reported_at.map(Timestamp::ms),
            }),
            AgreementChange::DebitBegun { order } => json(&DebitBody { order: order.value() }),
            AgreementChange::DebitEnded { order, is_checked } => {
                json(&DebitEndedBody { order: order.value(), is_checked: *is_checked })
            }
            AgreementChange::MismatchRecorded { why, next_poll_at } => json(&MismatchBody {
                why: Cow::Borrowed(why),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            AgreementChange::Overdue { why } => json(&ReasonBody { reason: Cow::Borrowed(why) }),
            AgreementChange::PollRequested => json(&Empty {}),
            AgreementChange::Dismissed { note } => json(&NoteBody { note: Cow::Borrowed(note) }),
            AgreementChange::Resealed { reference } => {
                json(&ResealedBody { reference: Cow::Borrowed(reference.as_str()) })
            }
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Agreement, String>,
    ) -> Result<AgreementChange, String> {
        Ok(match name {
            "requested" => AgreementChange::Requested(Box::new(whole(body)?)),
            "call_begun" => {
                let CallBody { operation: name, until } = parse(body)?;
                let until = Timestamp::from_ms(until);
                AgreementChange::CallBegun(InFlightCall { operation: operation(name)?, until })
            }
            "call_ended" => {
                AgreementChange::CallEnded { next_poll_at: parse::<PollBody>(body)?.read() }
            }
            "page_received" => {
                let PageBody { form, valid_until, next_poll_at } = parse(body)?;
                let form = word(PayForm::from_name, form, "form")?;
                let valid_until = Timestamp::from_ms(valid_until);
                AgreementChange::PageReceived {
                    page: KnownPayInfo { form, text: None, valid_until },
                    next_poll_at: next_poll_at.map(Timestamp::from_ms),
                }
            }
            "signed" => {
                let (contract, reported_at, _) = parse::<ContractBody<'_>>(body)?.read();
                AgreementChange::Signed { contract, reported_at }
            }
            "contract_changed" => {
                let (contract, reported_at, next_poll_at) = parse::<ContractBody<'_>>(body)?.read();
                AgreementChange::ContractChanged { contract, reported_at, next_poll_at }
            }
            "paused" => AgreementChange::Paused { reported_at: parse::<ReportBody>(body)?.read() },
            "resumed" => {
                AgreementChange::Resumed { reported_at: parse::<ReportBody>(body)?.read() }
            }
            "terminating" => AgreementChange::Terminating { reason: reason(body)? },
            "invalid" => AgreementChange::Invalid { reason: reason(body)? },
            "overdue" => AgreementChange::Overdue { why: reason(body)? },
            "terminated" => {
                let TerminatedBody { at, by, reason, reported_at } = parse(body)?;
                AgreementChange::Terminated {
                    at: Timestamp::from_ms(at),
                    by: word(TerminatedBy::from_name, by, "by")?,
                    reason: reason.map(Cow::into_owned),
                    reported_at: reported_at.map(Timestamp::from_ms),
                }
            }
            "debit_begun" => {
                AgreementChange::DebitBegun { order: order(parse::<DebitBody>(body)?.order) }
            }
            "debit_ended" => {
                let DebitEndedBody { order: id, is_checked } = parse(body)?;
                AgreementChange::DebitEnded { order: order(id), is_checked }
            }
            "mismatch_recorded" => {
                let MismatchBody { why, next_poll_at } = parse(body)?;
                let next_poll_at = next_poll_at.map(Timestamp::from_ms);
                AgreementChange::MismatchRecorded { why: why.into_owned(), next_poll_at }
            }
            "poll_requested" => parse::<Empty>(body).map(|_| AgreementChange::PollRequested)?,
            "dismissed" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                AgreementChange::Dismissed { note }
            }
            "resealed" => {
                let reference = Sealed::new(&parse::<ResealedBody<'_>>(body)?.reference);
                AgreementChange::Resealed { reference }
            }
            name => unknown(name)?,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the body names an order")]
fn order(value: i64) -> Id<ledger::kinds::Order> {
    Id::from_value(value)
}

fn reason(body: &str) -> Result<String, String> {
    Ok(parse::<ReasonBody<'_>>(body)?.reason.into_owned())
}

fn read_terms(cells: &mut Cells<'_, '_>) -> Result<AgreementTerms, StoreFault> {
    let tenant = TenantId::new(cells.text()?);
    let id = cells.id()?;
    let namespace = cells.shared()?;
    let number = cells.text()?.to_owned();
    let made_at = cells.time()?;
    let channel_agreement_no = cells.text()?.to_owned();
    let dialect = cells.shared()?;
    let merchant = MerchantId::new(cells.text()?);
    let channel = cells.shared()?;
    let channel_account = cells.shared()?;
    let channel_identity = cells.shared()?;
    let callback_url = cells.shared()?;
    let scene = cells.word(Scene::from_name)?;
    let sign_scene = cells.word(Scene::from_name)?;
    let template = cells.optional_string()?;
    let display_name = cells.text()?.to_owned();
    let owner = cells.text()?.to_owned();
    let payer = Payer {
        app_id: cells.optional_string()?,
        user_id: cells.optional_string()?,
        client_ip: cells.optional_string()?,
        device_id: cells.optional_string()?,
    };
    let period = match cells.optional_text()? {
        Some(text) => Some(PeriodBody::read(text).map_err(|why| cells.fault(&why))?),
        None => None,
    };
    let validity = cells.optional_word(read_validity)?;
    let notify_url = cells.optional_string()?;
    let front_url = cells.optional_string()?;
    let note = cells.optional_string()?;
    let content = cells.text()?.to_owned();
    let page_expires_at = cells.time()?;
    let request = Arc::new(AgreementRequest {
        merchant,
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
    });
    Ok(AgreementTerms {
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
}

fn read_page(cells: &mut Cells<'_, '_>) -> Result<Option<KnownPayInfo>, StoreFault> {
    let form = cells.optional_word(PayForm::from_name)?;
    let text = cells.optional_string()?;
    let valid_until = cells.optional_time()?;
    match (form, text, valid_until) {
        (Some(form), text, Some(valid_until)) => Ok(Some(KnownPayInfo { form, text, valid_until })),
        (None, None, None) => Ok(None),
        (_, _, _) => Err(cells.fault("a part of a page")),
    }
}

fn read_contract(cells: &mut Cells<'_, '_>) -> Result<Option<Contract>, StoreFault> {
    let reference = cells.optional_text()?.map(Sealed::new);
    let signed_at = cells.optional_time()?;
    let valid_from = cells.optional_time()?;
    let valid_until = cells.optional_time()?;
    let next_debit_at = cells.optional_time()?;
    let payer_account = cells.optional_string()?;
    match (reference, signed_at) {
        (Some(reference), Some(signed_at)) => Ok(Some(Contract {
            reference,
            signed_at,
            valid_from,
            valid_until,
            next_debit_at,
            payer_account,
        })),
        (None, None)
            if (valid_from, valid_until, next_debit_at) == (None, None, None)
                && payer_account.is_none() =>
        {
            Ok(None)
        }
        (_, _) => Err(cells.fault("a part of a contract")),
    }
}

/// The cells of an agreement's state; those of other states are empty.
#[derive(Default)]
struct StateCells<'a> {
    page: Option<&'a KnownPayInfo>,
    ended_at: Option<Timestamp>,
    ended_by: Option<TerminatedBy>,
    reason: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a AgreementState) -> StateCells<'a> {
        let empty = StateCells::default();
        match state {
            AgreementState::Signing(page) => StateCells { page: page.as_ref(), ..empty },
            AgreementState::Signed | AgreementState::Paused => empty,
            AgreementState::Terminating { reason } => StateCells { reason: Some(reason), ..empty },
            AgreementState::Terminated { at, by, reason } => StateCells {
                ended_at: Some(*at),
                ended_by: Some(*by),
                reason: reason.as_deref(),
                ..empty
            },
            AgreementState::Invalid { at, reason } => {
                StateCells { ended_at: Some(*at), reason: Some(reason), ..empty }
            }
        }
    }
}

/// A number and a letter: `30d`, `12m`.
fn validity_text(validity: Validity) -> String {
    match validity {
        Validity::Days(days) => format!("{days}d"),
        Validity::Months(months) => format!("{months}m"),
    }
}

fn read_validity(text: &str) -> Option<Validity> {
    let days = text.strip_suffix('d').map(|number| number.parse().map(Validity::Days));
    let months = text.strip_suffix('m').map(|number| number.parse().map(Validity::Months));
    days.or(months)?.ok()
}

#[derive(Serialize, Deserialize)]
struct PeriodBody<'a> {
    unit: &'a str,
    every: u32,
    first_on: i64,
    single_amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payments: Option<u32>,
}

impl PeriodBody<'_> {
    fn of(period: &PeriodRule) -> PeriodBody<'static> {
        PeriodBody {
            unit: period.unit.name(),
            every: period.every,
            first_on: period.first_on.ms(),
            single_amount: period.single_amount.get(),
            total_amount: period.total_amount.map(Fen::get),
            payments: period.payments,
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }

    fn read(text: &str) -> Result<PeriodRule, String> {
        let body: PeriodBody<'_> = parse(text)?;
        Ok(PeriodRule {
            unit: word(PeriodUnit::from_name, body.unit, "unit")?,
            every: body.every,
            first_on: Timestamp::from_ms(body.first_on),
            single_amount: Fen::new(body.single_amount),
            total_amount: body.total_amount.map(Fen::new),
            payments: body.payments,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct CallBody<'a> {
    operation: &'a str,
    until: i64,
}

#[derive(Serialize, Deserialize)]
struct PollBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

impl PollBody {
    fn of(next_poll_at: Option<Timestamp>) -> PollBody {
        PollBody { next_poll_at: next_poll_at.map(Timestamp::ms) }
    }

    fn read(&self) -> Option<Timestamp> {
        self.next_poll_at.map(Timestamp::from_ms)
    }
}

#[derive(Serialize, Deserialize)]
struct PageBody<'a> {
    form: &'a str,
    valid_until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ContractBody<'a> {
    #[serde(borrow)]
    reference: Cow<'a, str>,
    signed_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_debit_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payer_account: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

impl<'a> ContractBody<'a> {
    fn of(
        contract: &'a Contract,
        reported_at: Option<Timestamp>,
        next_poll_at: Option<Timestamp>,
    ) -> ContractBody<'a> {
        ContractBody {
            reference: Cow::Borrowed(contract.reference.as_str()),
            signed_at: contract.signed_at.ms(),
            valid_from: contract.valid_from.map(Timestamp::ms),
            valid_until: contract.valid_until.map(Timestamp::ms),
            next_debit_at: contract.next_debit_at.map(Timestamp::ms),
            payer_account: contract.payer_account.as_deref().map(Cow::Borrowed),
            reported_at: reported_at.map(Timestamp::ms),
            next_poll_at: next_poll_at.map(Timestamp::ms),
        }
    }

    fn read(self) -> (Contract, Option<Timestamp>, Option<Timestamp>) {
        let contract = Contract {
            reference: Sealed::new(&self.reference),
            signed_at: Timestamp::from_ms(self.signed_at),
            valid_from: self.valid_from.map(Timestamp::from_ms),
            valid_until: self.valid_until.map(Timestamp::from_ms),
            next_debit_at: self.next_debit_at.map(Timestamp::from_ms),
            payer_account: self.payer_account.map(Cow::into_owned),
        };
        let next_poll_at = self.next_poll_at.map(Timestamp::from_ms);
        (contract, self.reported_at.map(Timestamp::from_ms), next_poll_at)
    }
}

#[derive(Serialize, Deserialize)]
struct ReportBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported_at: Option<i64>,
}

impl ReportBody {
    fn read(&self) -> Option<Timestamp> {
        self.reported_at.map(Timestamp::from_ms)
    }
}

#[derive(Serialize, Deserialize)]
struct ReasonBody<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct TerminatedBody<'a> {
    at: i64,
    by: &'a str,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct DebitBody {
    order: i64,
}

#[derive(Serialize, Deserialize)]
struct DebitEndedBody {
    order: i64,
    is_checked: bool,
}

#[derive(Serialize, Deserialize)]
struct MismatchBody<'a> {
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ResealedBody<'a> {
    #[serde(borrow)]
    reference: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Empty {}
