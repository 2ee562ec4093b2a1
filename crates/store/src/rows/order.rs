//! Orders: what was agreed, in a table of its own because it is wide and never changes, and where they
//! stand.

use super::call::operation;
use super::cells::{Cells, Value, initially, int, nullable, text, unlogged};
use super::stored::{Body, NumberColumns, RowTable, Stored, json, parse, unknown, word};
use crate::StoreFault;
use channel::{Operation, PayForm, Payer, Scene};
use kernel::{
    CancelState, Closure, ContestedPayment, Debit, InFlightCall, KnownPayInfo, MerchantId, Order,
    OrderChange, OrderFunds, OrderRequest, OrderSharing, OrderState, Paid, Splits, TenantId, Terms,
    UnappliedOutcome, UnappliedPayment,
};
use ledger::{Currency, Fen, Id, Subject, SubjectKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

#[path = "order_splits.rs"]
mod splits;
#[path = "order_wallet.rs"]
mod wallet_use;

/// The text of no unapplied payments, which is what nearly every order has.
const NONE_UNAPPLIED: &str = "[]";

impl Stored for Order {
    const TABLE: &'static RowTable = &RowTable {
        name: "orders",
        terms: Some("order_terms"),
        fixed: &[
            text("tenant"),
            int("id"),
            text("namespace"),
            text("merchant_order_no"),
            int("placed_at"),
            text("channel_order_no"),
            text("dialect"),
            text("merchant"),
            int("amount"),
            text("currency"),
            text("scene"),
            text("channel"),
            text("channel_account"),
            text("channel_identity"),
            text("subject"),
            nullable(text("payer_app_id")),
            nullable(text("payer_user_id")),
            nullable(text("payer_client_ip")),
            nullable(text("payer_device_id")),
            nullable(text("goods_tag")),
            nullable(text("notify_url")),
            nullable(text("front_url")),
            text("callback_url"),
            nullable(text("splits")),
            nullable(int("recharge_id")),
            nullable(int("wallet_id")),
            nullable(text("wallet_deduct")),
            text("details"),
            text("content"),
            int("expires_at"),
            nullable(int("agreement_id")),
            nullable(int("debit_cancellable")),
        ],
        narrow_len: 5,
        mutable: &[
            initially("init", text("state")),
            nullable(text("pay_form")),
            unlogged(text("pay_text")),
            nullable(int("pay_valid_until")),
            nullable(text("closure")),
            nullable(int("paid_at")),
            nullable(text("payment_reference")),
            nullable(int("paid_amount")),
            nullable(int("settled_amount")),
            nullable(int("payer_amount")),
            nullable(int("ended_at")),
            nullable(text("reason")),
            int("is_confirmed"),
            int("refunding"),
            int("refunded"),
            int("allocated"),
            int("sharing"),
            int("shared"),
            int("made_up"),
            nullable(text("share_progress")),
            nullable(text("in_flight_operation")),
            nullable(int("in_flight_until")),
            nullable(text("cancel")),
            int("polls"),
            initially(NONE_UNAPPLIED, text("unapplied")),
            nullable(text("contested")),
            nullable(text("note")),
        ],
        number: Some(NumberColumns { namespace: Some("namespace"), number: "merchant_order_no" }),
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let (terms, request) = (&self.terms, &self.terms.request);
        let payer = &request.payer;
        cells.extend([
            Value::text(terms.tenant.as_str()),
            Value::Int(terms.id.value()),
            Value::text(&request.namespace),
            Value::text(&request.merchant_order_no),
            Value::Int(terms.placed_at.ms()),
            Value::text(&terms.channel_order_no),
            Value::text(&request.dialect),
            Value::text(request.merchant.as_str()),
            Value::Int(request.amount.get()),
            Value::text(request.currency.code()),
            Value::text(request.scene.name()),
            Value::text(&terms.channel),
            Value::text(&terms.channel_account),
            Value::text(&terms.channel_identity),
            Value::text(&request.subject),
            Value::optional(payer.app_id.as_deref()),
            Value::optional(payer.user_id.as_deref()),
            Value::optional(payer.client_ip.as_deref()),
            Value::optional(payer.device_id.as_deref()),
            Value::optional(request.goods_tag.as_deref()),
            Value::optional(request.notify_url.as_deref()),
            Value::optional(request.front_url.as_deref()),
            Value::text(&terms.callback_url),
            splits::cell(&request.splits),
            Value::number(request.recharge.map(Id::value)),
            Value::number(request.wallet.as_ref().map(|it| it.wallet.value())),
            wallet_use::cell(request.wallet.as_ref().map(|it| &it.deduct)),
            Value::text(&request.details),
            Value::text(&request.content),
            Value::Int(terms.expires_at.ms()),
            Value::number(terms.debit.map(|debit| debit.agreement.value())),
            Value::number(terms.debit.map(|debit| i64::from(debit.is_cancellable))),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let state = StateCells::of(&self.state);
        cells.extend([
            Value::text(self.state.name()),
            Value::optional(state.pay_form),
            Value::optional(state.pay_text),
            Value::number(state.pay_valid_until),
            Value::optional(state.closure),
            Value::number(state.paid_at),
            Value::optional(state.payment_reference),
            Value::number(state.paid_amount),
            Value::number(state.settled_amount),
            Value::number(state.payer_amount),
            Value::number(state.ended_at),
            Value::optional(state.reason),
            Value::Int(i64::from(self.is_confirmed)),
            Value::Int(self.funds.refunding.get()),
            Value::Int(self.funds.refunded.get()),
            Value::Int(self.funds.allocated.get()),
            Value::Int(self.funds.sharing.get()),
            Value::Int(self.funds.shared.get()),
            Value::Int(self.funds.made_up.get()),
            match self.sharing {
                sharing if sharing == OrderSharing::default() => Value::Null,
                sharing => Value::owned(SharingBody::of(&sharing).text()),
            },
            Value::optional(self.in_flight.map(|call| call.operation.name())),
            Value::number(self.in_flight.map(|call| call.until.ms())),
            Value::optional(self.cancel.map(CancelState::name)),
            Value::Int(i64::from(self.polls)),
            match self.unapplied.as_slice() {
                [] => Value::text(NONE_UNAPPLIED),
                payments => Value::owned(UnappliedBody::list_text(payments)),
            },
            match &self.contested {
                Some(payment) => Value::owned(ContestedBody::of(payment).text()),
                None => Value::Null,
            },
            Value::optional(self.note.as_deref()),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Order, StoreFault> {
        let terms = Arc::new(read_terms(cells)?);
        let standing = cells.standing()?;
        let state = read_state(cells)?;
        let is_confirmed = cells.flag()?;
        let funds = OrderFunds {
            refunding: cells.fen()?,
            refunded: cells.fen()?,
            allocated: cells.fen()?,
            sharing: cells.fen()?,
            shared: cells.fen()?,
            made_up: cells.fen()?,
        };
        let sharing = match cells.optional_text()? {
            Some(text) => SharingBody::read_text(text).map_err(|why| cells.fault(&why))?,
            None => OrderSharing::default(),
        };
        let operation = cells.optional_word(Operation::from_name)?;
        let until = cells.optional_time()?;
        let in_flight = match (operation, until) {
            (Some(operation), Some(until)) => Some(InFlightCall { operation, until }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(cells.fault("half of a running call")),
        };
        let cancel = cells.optional_word(CancelState::from_name)?;
        let polls = cells.count()?;
        let unapplied = match cells.text()? {
            NONE_UNAPPLIED => vec![],
            text => UnappliedBody::read_list(text).map_err(|why| cells.fault(&why))?,
        };
        let contested = match cells.optional_text()? {
            Some(text) => Some(read_contested(text).map_err(|why| cells.fault(&why))?),
            None => None,
        };
        let note = cells.optional_string()?;
        Ok(Order {
            terms,
            version: standing.version,
            state,
            is_confirmed,
            in_flight,
            cancel,
            funds,
            sharing,
            polls,
            next_poll_at: standing.next_poll_at,
            unapplied,
            contested,
            note,
            attention: standing.attention,
        })
    }

    fn encode(change: &OrderChange, _at: Timestamp) -> Body<'_, Order> {
        match change {
            OrderChange::Placed(order) => placed(order),
            OrderChange::Closed | OrderChange::CancelAnswered | OrderChange::PollRequested => {
                json(&Empty {})
            }
            OrderChange::CallBegun(call) => json(&InFlightBody::of(*call)),
            OrderChange::CallEnded { next_poll_at }
            | OrderChange::Confirmed { next_poll_at }
            | OrderChange::FreezeWatched { next_poll_at } => {
                json(&PollBody { why: None, next_poll_at: next_poll_at.map(Timestamp::ms) })
            }
            OrderChange::MismatchRecorded { why, next_poll_at }
            | OrderChange::CloseRefused { why, next_poll_at }
            | OrderChange::FreezeEnding { why, next_poll_at } => json(&PollBody {
                why: Some(Cow::Borrowed(why)),
                next_poll_at: next_poll_at.map(Timestamp::ms),
            }),
            OrderChange::PaymentContested { payment, why, next_poll_at } => {
                json(&PaymentContestedBody {
                    payment: ContestedBody::of(payment),
                    why: Cow::Borrowed(why),
                    next_poll_at: next_poll_at.map(Timestamp::ms),
                })
            }
            OrderChange::PayInfoReceived(pay_info) => json(&PayInfoBody {
                form: pay_info.form.name(),
                valid_until: pay_info.valid_until.ms(),
            }),
            OrderChange::Paid(paid) => json(&PaidBody {
                at: paid.at.ms(),
                payment_reference: Cow::Borrowed(&paid.payment_reference),
                amount: (paid.amount != paid.payer_amount).then_some(paid.amount.get()),
                settled_amount: some_settled(paid.amount, paid.settled_amount),
                payer_amount: paid.payer_amount.get(),
            }),
            OrderChange::Closing(closure) => json(&ClosingBody {
                closure: closure.name(),
                reason: closure.reason().map(Cow::Borrowed),
            }),
            OrderChange::Failed { reason } => json(&ReasonBody { reason: Cow::Borrowed(reason) }),
            OrderChange::UnappliedReceived(payment) => json(&UnappliedBody::of(payment)),
            OrderChange::FundsMoved { by, delta } => json(&FundsBody::of(*by, delta)),
            OrderChange::SharingChanged(sharing) => json(&SharingBody::of(sharing)),
            OrderChange::AttentionEnded { note } => json(&NoteBody { note: Cow::Borrowed(note) }),
        }
    }

    fn decode(
        name: &str,
        _at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Order, String>,
    ) -> Result<OrderChange, String> {
        Ok(match name {
            "placed" => OrderChange::Placed(Box::new(read_placed(body, whole)?)),
            "closed" => parse::<Empty>(body).map(|_| OrderChange::Closed)?,
            "call_begun" => OrderChange::CallBegun(parse::<InFlightBody<'_>>(body)?.read()?),
            "call_ended" => {
                let body: PollBody<'_> = parse(body)?;
                let next_poll_at = body.next_poll_at.map(Timestamp::from_ms);
                OrderChange::CallEnded { next_poll_at }
            }
            "confirmed" => {
                let body: PollBody<'_> = parse(body)?;
                let next_poll_at = body.next_poll_at.map(Timestamp::from_ms);
                OrderChange::Confirmed { next_poll_at }
            }
            "freeze_watched" => {
                let body: PollBody<'_> = parse(body)?;
                let next_poll_at = body.next_poll_at.map(Timestamp::from_ms);
                OrderChange::FreezeWatched { next_poll_at }
            }
            "mismatch_recorded" | "close_refused" | "freeze_ending" => {
                let body: PollBody<'_> = parse(body)?;
                let next_poll_at = body.next_poll_at.map(Timestamp::from_ms);
                let why = body.why.ok_or("without a reason")?.into_owned();
                match name {
                    "close_refused" => OrderChange::CloseRefused { why, next_poll_at },
                    "freeze_ending" => OrderChange::FreezeEnding { why, next_poll_at },
                    _ => OrderChange::MismatchRecorded { why, next_poll_at },
                }
            }
            "payment_contested" => {
                let body: PaymentContestedBody<'_> = parse(body)?;
                OrderChange::PaymentContested {
                    payment: body.payment.read()?,
                    why: body.why.into_owned(),
                    next_poll_at: body.next_poll_at.map(Timestamp::from_ms),
                }
            }
            "cancel_answered" => parse::<Empty>(body).map(|_| OrderChange::CancelAnswered)?,
            "poll_requested" => parse::<Empty>(body).map(|_| OrderChange::PollRequested)?,
            "attention_ended" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                OrderChange::AttentionEnded { note }
            }
            "funds_moved" => parse::<FundsBody<'_>>(body)?.read()?,
            "sharing_changed" => {
                OrderChange::SharingChanged(parse::<SharingBody<'_>>(body)?.read()?)
            }
            "pay_info_received" => {
                let body: PayInfoBody<'_> = parse(body)?;
                OrderChange::PayInfoReceived(KnownPayInfo {
                    form: word(PayForm::from_name, body.form, "form")?,
                    text: None,
                    valid_until: Timestamp::from_ms(body.valid_until),
                })
            }
            "paid" => {
                let body: PaidBody<'_> = parse(body)?;
                let amount = body.amount.unwrap_or(body.payer_amount);
                OrderChange::Paid(Paid {
                    at: Timestamp::from_ms(body.at),
                    payment_reference: body.payment_reference.into_owned(),
                    amount: Fen::new(amount),
                    settled_amount: Fen::new(body.settled_amount.unwrap_or(amount)),
                    payer_amount: Fen::new(body.payer_amount),
                })
            }
            "closing" => {
                let body: ClosingBody<'_> = parse(body)?;
                let closure = Closure::read(body.closure, body.reason.as_deref());
                OrderChange::Closing(
                    closure.ok_or_else(|| format!("unknown closure {:?}", body.closure))?,
                )
            }
            "failed" => {
                let body: ReasonBody<'_> = parse(body)?;
                OrderChange::Failed { reason: body.reason.into_owned() }
            }
            "unapplied_received" => {
                OrderChange::UnappliedReceived(parse::<UnappliedBody<'_>>(body)?.read()?)
            }
            name => unknown(name)?,
        })
    }
}

/// A new order differs from its terms only in the call that is in flight.
fn placed(order: &Order) -> Body<'_, Order> {
    match order.in_flight {
        Some(call) if *order == Order::new(order.terms.clone(), call) => {
            json(&InFlightBody::of(call))
        }
        Some(_) | None => Body::Whole(order),
    }
}

fn read_placed(body: &str, whole: &dyn Fn(&str) -> Result<Order, String>) -> Result<Order, String> {
    match parse::<InFlightBody<'_>>(body) {
        Ok(call) => Ok(Order::new(whole("{}")?.terms, call.read()?)),
        Err(_) => whole(body),
    }
}

fn read_terms(cells: &mut Cells<'_, '_>) -> Result<Terms, StoreFault> {
    let tenant = TenantId::new(cells.text()?);
    let id = cells.id()?;
    let namespace = cells.shared()?;
    let merchant_order_no = cells.text()?.to_owned();
    let placed_at = cells.time()?;
    let channel_order_no = cells.text()?.to_owned();
    let dialect = cells.shared()?;
    let merchant = MerchantId::new(cells.text()?);
    let amount = cells.fen()?;
    let currency = cells.word(Currency::from_code)?;
    let scene = cells.word(Scene::from_name)?;
    let channel = cells.shared()?;
    let channel_account = cells.shared()?;
    let channel_identity = cells.shared()?;
    let subject = cells.text()?.to_owned();
    let payer = Payer {
        app_id: cells.optional_string()?,
        user_id: cells.optional_string()?,
        client_ip: cells.optional_string()?,
        device_id: cells.optional_string()?,
    };
    let goods_tag = cells.optional_string()?;
    let notify_url = cells.optional_string()?;
    let front_url = cells.optional_string()?;
    let callback_url = cells.shared()?;
    let splits = match cells.optional_text()? {
        Some(text) => splits::read(text).map_err(|why| cells.fault(&why))?,
        None => Splits::default(),
    };
    let recharge = cells.optional_id()?;
    let wallet = wallet_use::read(cells)?;
    let details = cells.text()?.to_owned();
    let content = cells.text()?.to_owned();
    let expires_at = cells.time()?;
    let debit = match (cells.optional_id()?, cells.optional_flag()?) {
        (Some(agreement), Some(is_cancellable)) => Some(Debit { agreement, is_cancellable }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(cells.misfit("debit: half of it is missing"));
        }
    };
    let request = Arc::new(OrderRequest {
        merchant,
        namespace,
        merchant_order_no,
        dialect,
        amount,
        currency,
        scene,
        subject,
        payer,
        goods_tag,
        notify_url,
        front_url,
        splits,
        recharge,
        wallet,
        details,
        content,
    });
    Ok(Terms {
        tenant,
        id,
        channel_order_no,
        request,
        channel,
        channel_account,
        channel_identity,
        callback_url,
        placed_at,
        expires_at,
        debit,
    })
}

/// The cells of an order's state; those of other states are empty.
#[derive(Default, PartialEq, Eq)]
struct StateCells<'a> {
    pay_form: Option<&'a str>,
    pay_text: Option<&'a str>,
    pay_valid_until: Option<i64>,
    closure: Option<&'a str>,
    paid_at: Option<i64>,
    payment_reference: Option<&'a str>,
    paid_amount: Option<i64>,
    settled_amount: Option<i64>,
    payer_amount: Option<i64>,
    ended_at: Option<i64>,
    reason: Option<&'a str>,
}

impl<'a> StateCells<'a> {
    fn of(state: &'a OrderState) -> StateCells<'a> {
        let empty = StateCells::default();
        match state {
            OrderState::Init => empty,
            OrderState::Paying(pay_info) => StateCells {
                pay_form: Some(pay_info.form.name()),
                pay_text: pay_info.text.as_deref(),
                pay_valid_until: Some(pay_info.valid_until.ms()),
                ..empty
            },
            OrderState::Closing(closure) => {
                StateCells { closure: Some(closure.name()), reason: closure.reason(), ..empty }
            }
            OrderState::Paid(paid) => StateCells {
                paid_at: Some(paid.at.ms()),
                payment_reference: Some(&paid.payment_reference),
                paid_amount: Some(paid.amount.get()),
                settled_amount: Some(paid.settled_amount.get()),
                payer_amount: Some(paid.payer_amount.get()),
                ..empty
            },
            OrderState::Failed { at, reason } => {
                StateCells { ended_at: Some(at.ms()), reason: Some(reason), ..empty }
            }
            OrderState::Closed { at } => StateCells { ended_at: Some(at.ms()), ..empty },
        }
    }

    /// The state of this name, when exactly its own cells are there.
    fn read(&self, name: &str) -> Option<OrderState> {
        let state = match name {
            "init" => OrderState::Init,
            "paying" => OrderState::Paying(KnownPayInfo {
                form: PayForm::from_name(self.pay_form?)?,
                text: self.pay_text.map(str::to_owned),
                valid_until: Timestamp::from_ms(self.pay_valid_until?),
            }),
            "closing" => OrderState::Closing(Closure::read(self.closure?, self.reason)?),
            "paid" => OrderState::Paid(Paid {
                at: Timestamp::from_ms(self.paid_at?),
                payment_reference: self.payment_reference?.to_owned(),
                amount: Fen::new(self.paid_amount?),
                settled_amount: Fen::new(self.settled_amount?),
                payer_amount: Fen::new(self.payer_amount?),
            }),
            "failed" => OrderState::Failed {
                at: Timestamp::from_ms(self.ended_at?),
                reason: self.reason?.to_owned(),
            },
            "closed" => OrderState::Closed { at: Timestamp::from_ms(self.ended_at?) },
            _ => return None,
        };
        (StateCells::of(&state) == *self).then_some(state)
    }
}

fn read_state(cells: &mut Cells<'_, '_>) -> Result<OrderState, StoreFault> {
    let name = cells.text()?;
    let state = StateCells {
        pay_form: cells.optional_text()?,
        pay_text: cells.optional_text()?,
        pay_valid_until: cells.optional_int()?,
        closure: cells.optional_text()?,
        paid_at: cells.optional_int()?,
        payment_reference: cells.optional_text()?,
        paid_amount: cells.optional_int()?,
        settled_amount: cells.optional_int()?,
        payer_amount: cells.optional_int()?,
        ended_at: cells.optional_int()?,
        reason: cells.optional_text()?,
    };
    let misfit = || cells.misfit(format!("state: {name:?} with columns that are not its own"));
    state.read(name).ok_or_else(misfit)
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct InFlightBody<'a> {
    operation: &'a str,
    until: i64,
}

impl InFlightBody<'_> {
    fn of(call: InFlightCall) -> InFlightBody<'static> {
        InFlightBody { operation: call.operation.name(), until: call.until.ms() }
    }

    fn read(self) -> Result<InFlightCall, String> {
        let until = Timestamp::from_ms(self.until);
        Ok(InFlightCall { operation: operation(self.operation)?, until })
    }
}

#[derive(Serialize, Deserialize)]
struct PollBody<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    why: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

/// Bodies that were written before also have the text.
#[derive(Serialize, Deserialize)]
struct PayInfoBody<'a> {
    form: &'a str,
    valid_until: i64,
}

#[derive(Serialize, Deserialize)]
struct PaidBody<'a> {
    at: i64,
    payment_reference: Cow<'a, str>,
    /// Absent where it is what the payer paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    /// Absent where it is the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_amount: Option<i64>,
    payer_amount: i64,
}

/// The settled amount where it is written: it is the whole amount of nearly every payment.
fn some_settled(amount: Fen, settled_amount: Fen) -> Option<i64> {
    (settled_amount != amount).then_some(settled_amount.get())
}

#[derive(Serialize, Deserialize)]
struct ClosingBody<'a> {
    closure: &'a str,
    /// The channel's code and text, where it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct ReasonBody<'a> {
    reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    #[serde(borrow)]
    note: Cow<'a, str>,
}

/// How far an order is shared; what is usual is absent.
#[derive(Serialize, Deserialize)]
struct SharingBody<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    running_kind: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running_id: Option<i64>,
    shares: u32,
    #[serde(default)]
    is_released: bool,
    #[serde(default)]
    taken: i64,
}

impl SharingBody<'_> {
    fn of(sharing: &OrderSharing) -> SharingBody<'static> {
        SharingBody {
            running_kind: sharing.running.map(|subject| subject.kind.name()),
            running_id: sharing.running.map(|subject| subject.value),
            shares: sharing.shares,
            is_released: sharing.is_released,
            taken: sharing.taken.get(),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }

    fn read_text(text: &str) -> Result<OrderSharing, String> {
        parse::<SharingBody<'_>>(text)?.read()
    }

    fn read(&self) -> Result<OrderSharing, String> {
        let running = match (self.running_kind, self.running_id) {
            (Some(kind), Some(value)) => {
                let kind = word(SubjectKind::from_name, kind, "running_kind")?;
                Some(Subject { kind, value })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("half of what runs".to_owned()),
        };
        let (shares, is_released) = (self.shares, self.is_released);
        Ok(OrderSharing { running, shares, is_released, taken: Fen::new(self.taken) })
    }
}

/// Sums that do not change are absent.
#[derive(Serialize, Deserialize)]
struct FundsBody<'a> {
    by_kind: &'a str,
    by_id: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    refunding: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    refunded: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    allocated: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    sharing: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    shared: i64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    made_up: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_nothing(amount: &i64) -> bool {
    *amount == 0
}

impl FundsBody<'_> {
    fn of(by: Subject, delta: &OrderFunds) -> FundsBody<'static> {
        FundsBody {
            by_kind: by.kind.name(),
            by_id: by.value,
            refunding: delta.refunding.get(),
            refunded: delta.refunded.get(),
            allocated: delta.allocated.get(),
            sharing: delta.sharing.get(),
            shared: delta.shared.get(),
            made_up: delta.made_up.get(),
        }
    }

    fn read(self) -> Result<OrderChange, String> {
        let kind = word(SubjectKind::from_name, self.by_kind, "by_kind")?;
        let delta = OrderFunds {
            refunding: Fen::new(self.refunding),
            refunded: Fen::new(self.refunded),
            allocated: Fen::new(self.allocated),
            sharing: Fen::new(self.sharing),
            shared: Fen::new(self.shared),
            made_up: Fen::new(self.made_up),
        };
        Ok(OrderChange::FundsMoved { by: Subject { kind, value: self.by_id }, delta })
    }
}

#[derive(Serialize, Deserialize)]
struct PaymentContestedBody<'a> {
    #[serde(borrow)]
    payment: ContestedBody<'a>,
    #[serde(borrow)]
    why: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<i64>,
}

/// A payment that contradicts its order; also the JSON of the column `contested`.
#[derive(Serialize, Deserialize)]
struct ContestedBody<'a> {
    #[serde(borrow)]
    payment_reference: Cow<'a, str>,
    amount: i64,
    /// Absent where it is the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_amount: Option<i64>,
    currency: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payer_amount: Option<i64>,
    at: i64,
}

impl<'a> ContestedBody<'a> {
    fn of(payment: &'a ContestedPayment) -> ContestedBody<'a> {
        ContestedBody {
            payment_reference: Cow::Borrowed(&payment.payment_reference),
            amount: payment.amount.get(),
            settled_amount: some_settled(payment.amount, payment.settled_amount),
            currency: payment.currency.code(),
            payer_amount: payment.payer_amount.map(Fen::get),
            at: payment.at.ms(),
        }
    }

    fn read(self) -> Result<ContestedPayment, String> {
        Ok(ContestedPayment {
            payment_reference: self.payment_reference.into_owned(),
            amount: Fen::new(self.amount),
            settled_amount: Fen::new(self.settled_amount.unwrap_or(self.amount)),
            currency: word(Currency::from_code, self.currency, "currency")?,
            payer_amount: self.payer_amount.map(Fen::new),
            at: Timestamp::from_ms(self.at),
        })
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }
}

fn read_contested(text: &str) -> Result<ContestedPayment, String> {
    parse::<ContestedBody<'_>>(text)?.read()
}

/// Money that an order could not take; also the JSON of the column `unapplied`. What a refund does not
/// give back has a note, and what was settled by hand a reference.
#[derive(Serialize, Deserialize)]
struct UnappliedBody<'a> {
    #[serde(borrow)]
    payment_reference: Cow<'a, str>,
    amount: i64,
    /// Absent where it is the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund: Option<i64>,
    /// Whether a cancel gave it back.
    #[serde(default, skip_serializing_if = "is_false")]
    reversed: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    outside_reference: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl<'a> UnappliedBody<'a> {
    fn of(payment: &'a UnappliedPayment) -> UnappliedBody<'a> {
        let (refund, outside_reference, note) = match &payment.outcome {
            UnappliedOutcome::Refund(refund) => (Some(refund.value()), None, None),
            UnappliedOutcome::SettledByHand { outside_reference, note } => {
                (None, Some(outside_reference), Some(note))
            }
            UnappliedOutcome::Reversed => (None, None, None),
            UnappliedOutcome::WrittenOff { note } => (None, None, Some(note)),
        };
        UnappliedBody {
            payment_reference: Cow::Borrowed(&payment.payment_reference),
            amount: payment.amount.get(),
            settled_amount: some_settled(payment.amount, payment.settled_amount),
            refund,
            reversed: payment.outcome == UnappliedOutcome::Reversed,
            outside_reference: outside_reference.map(|text| Cow::Borrowed(text.as_str())),
            note: note.map(|text| Cow::Borrowed(text.as_str())),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the list of unapplied payments names refunds")]
    fn read(self) -> Result<UnappliedPayment, String> {
        let outside_reference = self.outside_reference.map(Cow::into_owned);
        let outcome = match (self.refund, outside_reference, self.note.map(Cow::into_owned)) {
            (None, None, None) if self.reversed => UnappliedOutcome::Reversed,
            (Some(refund), None, None) => UnappliedOutcome::Refund(Id::from_value(refund)),
            (None, Some(outside_reference), Some(note)) => {
                UnappliedOutcome::SettledByHand { outside_reference, note }
            }
            (None, None, Some(note)) => UnappliedOutcome::WrittenOff { note },
            (_, _, _) => return Err("an unapplied payment without an outcome".to_owned()),
        };
        Ok(UnappliedPayment {
            payment_reference: self.payment_reference.into_owned(),
            amount: Fen::new(self.amount),
            settled_amount: Fen::new(self.settled_amount.unwrap_or(self.amount)),
            outcome,
        })
    }

    /// The list as one JSON text.
    fn list_text(payments: &[UnappliedPayment]) -> String {
        let bodies: Vec<UnappliedBody<'_>> = payments.iter().map(UnappliedBody::of).collect();
        serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
    }

    fn read_list(text: &str) -> Result<Vec<UnappliedPayment>, String> {
        let bodies: Vec<UnappliedBody<'_>> = parse(text)?;
        bodies.into_iter().map(UnappliedBody::read).collect()
    }
}
