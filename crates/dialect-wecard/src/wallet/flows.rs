//! What happened to a wallet's money, and to a card: `query_flows` and `query_card_flows`.

use super::account_wire::{required_wallet_id, wallet_id};
use super::faults::of_wallet;
use super::listing::{PAGE_SIZE_MAX, Page, Paging, filter};
use super::wire::{card_id, card_key, moment};
use crate::check::{Malformed, Read, required};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::Object;
use crate::routes::{Api, Shared, answer, success};
use crate::time;
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{CardChange, Change, Key};
use ledger::{Id, Timestamp, kinds};
use serde::Serialize;
use store::{CardFlow, CardFlowKind, CardFlows, Counted, WalletFlow, WalletFlowKind, WalletFlows};

/// Flows of a wallet on a page at most, and where the caller does not say.
const FLOWS_PAGE_SIZE_MAX: u32 = 1000;
/// How far the ends of the time may lie apart, in milliseconds: 30 days.
const TIME_LEN_MAX_MS: i64 = 30 * 24 * 3600 * 1000;
/// Kinds of flows that other platforms have and that never happen here: an adjustment is a recharge or a
/// refund, and a card is spent from the wallet without becoming balance.
const NEVER: [&str; 3] = ["ADJUST_IN", "ADJUST_OUT", "CARD_REDEEM"];

/// `FlowType`.
const fn word(kind: WalletFlowKind) -> &'static str {
    match kind {
        WalletFlowKind::Recharge => "RECHARGE",
        WalletFlowKind::Bonus => "RECHARGE_GIFT",
        WalletFlowKind::Payment => "PAY",
        WalletFlowKind::Refund => "REFUND",
        WalletFlowKind::RechargeRefund => "RECHARGE_REFUND",
        WalletFlowKind::Freeze => "FREEZE",
        WalletFlowKind::Unfreeze => "UNFREEZE",
    }
}

/// Which kinds of flows are asked for.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    Kind(WalletFlowKind),
    /// One that never happens.
    Never,
}

impl Wanted {
    fn read(body: &Object<'_>) -> Read<Wanted> {
        let words = [&WalletFlowKind::ALL.map(word)[..], &NEVER].concat();
        let Some(found) = filter(body, "FlowType", &words)? else { return Ok(Wanted::All) };
        let kind = WalletFlowKind::ALL.into_iter().find(|kind| word(*kind) == found);
        Ok(kind.map_or(Wanted::Never, Wanted::Kind))
    }
}

/// `POST …/query_flows`, checked.
struct Asked {
    wallet: Id<kinds::Wallet>,
    /// At or after.
    from: Timestamp,
    /// Before: the second that `EndTime` names is in it.
    to: Timestamp,
    wanted: Wanted,
    paging: Paging,
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let wallet = required_wallet_id(body)?;
        let from = required("StartTime", moment(body, "StartTime")?)?;
        let end = required("EndTime", moment(body, "EndTime")?)?;
        if end < from {
            return Err(Malformed::new("EndTime", "before StartTime"));
        }
        if end.ms().saturating_sub(from.ms()) > TIME_LEN_MAX_MS {
            return Err(Malformed::new("EndTime", "more than 30 days after StartTime"));
        }
        let (wanted, to) = (Wanted::read(body)?, end.plus_seconds(1));
        let paging = Paging::read(body, FLOWS_PAGE_SIZE_MAX)?;
        Ok(Asked { wallet, from, to, wanted, paging })
    }
}

/// A movement of a wallet's money.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WalletFlowShown {
    flow_id: String,
    wallet_id: String,
    flow_type: &'static str,
    /// Fen, as text; below zero where the balance has less from then on.
    amount: String,
    /// The same of what is frozen.
    frozen_amount: String,
    balance_after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_recharge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_freeze_id: Option<String>,
    flow_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

impl WalletFlowShown {
    fn of(wallet: Id<kinds::Wallet>, flow: WalletFlow) -> WalletFlowShown {
        let is_of_recharge = match flow.kind {
            WalletFlowKind::Recharge | WalletFlowKind::Bonus | WalletFlowKind::RechargeRefund => {
                true
            }
            WalletFlowKind::Payment
            | WalletFlowKind::Refund
            | WalletFlowKind::Freeze
            | WalletFlowKind::Unfreeze => false,
        };
        let (out_recharge_id, out_order_id) =
            if is_of_recharge { (flow.order_no, None) } else { (None, flow.order_no) };
        WalletFlowShown {
            flow_id: flow.id.to_string(),
            wallet_id: wallet_id(wallet),
            flow_type: word(flow.kind),
            amount: flow.amount.get().to_string(),
            frozen_amount: flow.frozen.get().to_string(),
            balance_after: flow.balance_after.get().to_string(),
            out_order_id,
            out_recharge_id,
            out_refund_id: flow.refund_no,
            out_freeze_id: flow.freeze_no,
            flow_time: time::write(flow.at),
            remark: flow.note,
        }
    }
}

pub(super) async fn query_flows(State(api): Shared, request: Request) -> Response {
    answer(of_a_wallet(&api, request).await.map_err(of_wallet))
}

async fn of_a_wallet(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(Asked::read(body)?))?;
    let Asked { wallet, from, to, wanted, paging } = asked;
    let tenant = caller.tenant.clone();
    // Of an unknown wallet the answer is a refusal, not an empty page.
    api.wallet(&tenant, &Key::Id(wallet)).await?;
    let (offset, limit) = (paging.offset(), paging.size);
    let flows = |kind| WalletFlows { tenant, wallet, kind, from, to, offset, limit };
    let found = match wanted {
        Wanted::All => api.engine.ask(flows(None)).await?,
        Wanted::Kind(kind) => api.engine.ask(flows(Some(kind))).await?,
        Wanted::Never => Counted { count: 0, rows: vec![] },
    };
    let rows = found.rows.into_iter().map(|flow| WalletFlowShown::of(wallet, flow));
    Ok(success(Page::of(paging, Counted { count: found.count, rows: rows.collect() })))
}

/// A thing that happened to a card.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CardFlowShown {
    flow_id: String,
    card_id: String,
    flow_type: &'static str,
    /// Fen, as text; below zero where the card has less from then on.
    amount: String,
    balance_after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_refund_id: Option<String>,
    flow_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

/// `FlowType` of a card's flow.
const fn card_flow_type(kind: CardFlowKind) -> &'static str {
    match kind {
        CardFlowKind::Issued => "RECHARGE",
        CardFlowKind::Spent => "PAY",
        CardFlowKind::PutBack => "REFUND",
        CardFlowKind::Voided | CardFlowKind::Revived => "RECHARGE_REFUND",
        CardFlowKind::Frozen => "FREEZE",
        CardFlowKind::Unfrozen => "UNFREEZE",
        CardFlowKind::Expired => "ADJUST_OUT",
    }
}

impl CardFlowShown {
    fn of(card: Id<kinds::Card>, flow: CardFlow) -> CardFlowShown {
        let mut shown = CardFlowShown {
            flow_id: flow.event.id.to_string(),
            card_id: card_id(card),
            flow_type: card_flow_type(flow.kind),
            amount: flow.amount.get().to_string(),
            balance_after: flow.balance_after.get().to_string(),
            channel_order_id: None,
            channel_refund_id: None,
            flow_time: time::write(flow.event.at),
            remark: None,
        };
        match flow.event.change {
            Change::Card(CardChange::Spent { by, .. }) => {
                shown.channel_order_id = Some(by.to_string());
            }
            Change::Card(
                CardChange::PutBack { by, .. }
                | CardChange::Voided { by, .. }
                | CardChange::Revived { by },
            ) => shown.channel_refund_id = Some(by.to_string()),
            Change::Card(CardChange::Frozen { note } | CardChange::Unfrozen { note }) => {
                shown.remark = note;
            }
            _ => {}
        }
        shown
    }
}

pub(super) async fn query_card_flows(State(api): Shared, request: Request) -> Response {
    answer(of_a_card(&api, request).await.map_err(of_wallet))
}

async fn of_a_card(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, (key, paging)) =
        api.admit(&received, |_, body| Ok((card_key(body)?, Paging::read(body, PAGE_SIZE_MAX)?)))?;
    let card = api.card(&caller.tenant, &key).await?.id;
    let (tenant, offset, limit) = (caller.tenant.clone(), paging.offset(), paging.size);
    let found = api.engine.ask(CardFlows { tenant, card, offset, limit }).await?;
    let Counted { count, rows } = found.ok_or_else(Fault::unknown)?;
    let rows = rows.into_iter().map(|flow| CardFlowShown::of(card, flow)).collect();
    Ok(success(Page::of(paging, Counted { count, rows })))
}
