//! Wire to commands, orders to wire. Pure.

use crate::agreement::AgreementName;
use crate::auth::Caller;
use crate::details::Kept;
use crate::faults::{ErrCode, Fault};
use crate::members::{Allocation, Share};
use crate::pay_channel::AUTH_CODE;
use crate::wire::{
    Allocated, AllocationFound, AllocationShown, Closed, Placed, Queried, ShareShown, Unfrozen,
    UnfrozenPart, UnifiedOrder, pay_type,
};
use crate::{content, details, pay_channel, sharing, time};
use channel::{PayForm, Payer, PaymentCode, Scene};
use kernel::{
    AllocationState, AllocationStatus, ChannelAnswer, KnownPayInfo, MerchantId, Order,
    OrderRequest, OrderState, Paid, PlaceOrder, Splits,
};
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// Shares and allocations are kept with the order and start here.
const NOT_BEGUN: &str = "INIT";
/// An order that is not paid yet, and still can be.
const PAYING: &str = "PAYING";

/// The command that an order request is.
pub(crate) fn place(caller: &Caller, order: &UnifiedOrder<'_>) -> Result<PlaceOrder, Fault> {
    place_in(crate::NAMESPACE, caller, order)
}

/// The same, with a number of another namespace.
pub(crate) fn place_in(
    namespace: &str,
    caller: &Caller,
    order: &UnifiedOrder<'_>,
) -> Result<PlaceOrder, Fault> {
    let details = details::write(order)?;
    let payer = payer(order);
    let content = content::digest(order, &payer).map_err(unwritable)?;
    let request = OrderRequest {
        merchant: MerchantId::new(order.merchant),
        namespace: Arc::from(namespace),
        merchant_order_no: order.out_order_id.to_owned(),
        dialect: Arc::from(crate::NAME),
        amount: order.total_amount,
        currency: order.currency,
        scene: order.scene,
        subject: order.subject.to_owned(),
        payer,
        goods_tag: order.goods_tag.map(str::to_owned),
        notify_url: order.notify_url.map(str::to_owned),
        front_url: order.front_url.map(str::to_owned),
        splits: splits(order)?,
        recharge: None,
        wallet: None,
        details,
        content,
    };
    Ok(PlaceOrder {
        tenant: caller.tenant.clone(),
        channel: order.channel.clone(),
        request: Arc::new(request),
        payees: payees(order)?,
        expires_at: order.expires_at,
        payment_code: payment_code(order),
        agreement: order.agreement.as_ref().map(AgreementName::key),
    })
}

/// The code that the payer shows, where one pays. It goes no further than the command.
fn payment_code(order: &UnifiedOrder<'_>) -> Option<PaymentCode> {
    let code = order.external(AUTH_CODE).filter(|_| order.scene == Scene::Swipe);
    code.map(|code| PaymentCode::new(code.to_owned()))
}

/// True of an order that a code or an agreement pays: what is not known of it yet is found out by queries,
/// and its caller waits for nothing else.
fn is_direct(order: &Order) -> bool {
    order.terms.request.scene == Scene::Swipe || order.terms.debit.is_some()
}

/// The payees that get their parts by the merchant's template.
fn payees(order: &UnifiedOrder<'_>) -> Result<Vec<Id<kinds::Payee>>, Fault> {
    let list = order.payees.as_deref().unwrap_or_default().iter().enumerate();
    let payee = |(at, text): (usize, &&str)| {
        let text_of = || format!("PayeeList[{at}]: no such payee: {text}");
        let id = sharing::read_payee_id(text);
        id.ok_or_else(|| Fault::new(ErrCode::PayeeNotExist, text_of()))
    };
    list.map(payee).collect()
}

/// How the money is divided. An empty list of shares lets the channel freeze the money, so that later
/// calls share it.
fn splits(order: &UnifiedOrder<'_>) -> Result<Splits, Fault> {
    let allocations = order.allocations.as_deref().unwrap_or_default();
    let shares = order.shares.as_deref().unwrap_or_default().iter().enumerate();
    let item = |(at, share)| {
        let named = |fault: Fault| fault.inside(&format!("ProfitShareInfoList[{at}]"));
        sharing::map::item(share).map_err(named)
    };
    Ok(Splits {
        allocations: allocations.iter().map(Allocation::terms).collect(),
        shares: shares.map(item).collect::<Result<_, Fault>>()?,
        is_shared: order.shares.as_ref().is_some_and(Vec::is_empty),
    })
}

fn payer(order: &UnifiedOrder<'_>) -> Payer {
    let names = order.pay_channel.and_then(|row| row.payer.as_ref());
    let external = |name: &str| order.external(name).map(str::to_owned);
    Payer {
        app_id: names.and_then(|names| external(names.app)),
        user_id: names.and_then(|names| external(names.user)),
        client_ip: order.client_ip(),
        device_id: order.in_scene("DeviceId").map(str::to_owned),
    }
}

/// The result of placing: what the order came to, or why that is not known yet.
pub(crate) fn placed<'o>(
    order: &'o Order,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<Placed<'o>, Fault> {
    let view = View::of(order, now);
    match &order.state {
        // Nothing more is known before a person has mended the account.
        OrderState::Init if matches!(answer, Some(ChannelAnswer::AccountFault { .. })) => {
            return Err(not_known(answer));
        }
        OrderState::Init | OrderState::Closing(_) if is_direct(order) => {}
        OrderState::Init => return Err(not_known(answer)),
        OrderState::Paying(_) if view.pay_info.is_none() => return Err(not_known(answer)),
        OrderState::Closing(_) => {
            let text = "another operation on the order is running";
            return Err(Fault::new(ErrCode::OperateIsProcessing, text));
        }
        OrderState::Closed { .. } => {
            return Err(Fault::new(ErrCode::RecordAlreadyExist, "the order is final"));
        }
        OrderState::Paying(_) | OrderState::Paid(_) | OrderState::Failed { .. } => {}
    }
    Ok(Placed {
        out_order_id: &order.terms.request.merchant_order_no,
        channel_order_id: order.terms.id.to_string(),
        third_pay_order_id: view.paid.map(|paid| &*paid.payment_reference),
        total_amount: order.terms.request.amount.get().to_string(),
        order_status: view.status,
        pay_info_type: view.pay_info_type(),
        pay_info: view.pay_info.and_then(shown),
        pay_channel: pay_channel::word(&order.terms.channel),
        fail_reason: view.fail_reason,
    })
}

/// The channel's answer when it did not take the request now; else the outcome is not known.
pub(crate) fn not_known(answer: Option<&ChannelAnswer>) -> Fault {
    match answer {
        Some(ChannelAnswer::Later { code, text } | ChannelAnswer::Refused { code, text }) => {
            Fault::new(ErrCode::ChannelOperationError, format!("{code}: {text}"))
        }
        // The order stands; the same number passes once the platform has mended its account.
        Some(ChannelAnswer::AccountFault { code, text }) => {
            Fault::new(ErrCode::NoMerchantSecret, format!("{code}: {text}"))
        }
        Some(ChannelAnswer::Unknown) | None => Fault::unknown(),
    }
}

const fn is_unknown(answer: Option<&ChannelAnswer>) -> bool {
    matches!(answer, Some(ChannelAnswer::Unknown) | None)
}

/// The result of a query, and the content of a notification.
pub(crate) fn queried<'o>(
    order: &'o Order,
    allocations: &[&kernel::Allocation],
    share: Option<&kernel::Share>,
    now: Timestamp,
) -> Result<Queried<'o>, Fault> {
    let kept = details::read(order).map_err(unwritable)?;
    let view = View::of(order, now);
    let profit_share_info_list = shares_shown(order, &kept, share);
    let (terms, request) = (&order.terms, &order.terms.request);
    Ok(Queried {
        channel_sub_merchant_id: request.merchant.as_str(),
        out_order_id: &request.merchant_order_no,
        channel_order_id: terms.id.to_string(),
        third_pay_order_id: view.paid.map(|paid| &*paid.payment_reference),
        total_amount: request.amount.get().to_string(),
        pay_amount: view.paid.map(|paid| paid.payer_amount.get().to_string()),
        currency: request.currency.code(),
        pay_type: pay_type(request.scene),
        pay_channel: pay_channel::word(&terms.channel),
        order_status: view.status,
        fail_reason: view.fail_reason,
        attachment: kept.attachment.filter(|_| view.paid.is_some()),
        pay_info_type: view.pay_info_type().filter(|_| view.status == PAYING),
        pay_info: view.pay_info.and_then(shown),
        time_finish: view.paid.map(|paid| time::write(paid.at)),
        refunded_amount: Some(order.funds.refunded)
            .filter(|refunded| *refunded != Fen::ZERO)
            .map(|refunded| refunded.get().to_string()),
        product_list: kept.product_list,
        profit_share_info_list,
        fund_allocate_list: Some(allocations_shown(order, allocations))
            .filter(|list| !list.is_empty()),
    })
}

/// Each payee that was listed, and what became of its part once the order was paid.
fn shares_shown<'o>(
    order: &'o Order,
    kept: &Kept<'_>,
    share: Option<&kernel::Share>,
) -> Option<Vec<ShareShown<'o>>> {
    let listed = &order.terms.request.splits.shares;
    let show = |terms: &'o kernel::ItemTerms| {
        let item = share.and_then(|row| row.items.iter().find(|item| item.payee == terms.payee));
        let status = share.zip(item).map(|(row, item)| sharing::map::item_status(row, item));
        ShareShown {
            share: Share::of(terms),
            profit_status: status.unwrap_or(NOT_BEGUN),
            real_profit_amount: item.map_or(0, |item| item.real_amount().get()),
        }
    };
    let is_given = kept.profit_share_info_list.is_some() || !listed.is_empty();
    is_given.then(|| listed.iter().map(show).collect())
}

/// Each part that was requested, and what became of it once the order was paid.
fn allocations_shown<'o>(
    order: &'o Order,
    made: &[&kernel::Allocation],
) -> Vec<AllocationShown<'o>> {
    let requested = order.terms.request.splits.allocations.iter();
    requested
        .map(|terms| {
            let row = made.iter().find(|row| row.merchant == terms.merchant);
            let allocate_status = row.map_or(NOT_BEGUN, |row| allocate_status(row.status()));
            AllocationShown { allocation: Allocation::of(terms), allocate_status }
        })
        .collect()
}

/// The result of `query_allocate`.
pub(crate) fn allocated<'o>(order: &'o Order, made: &[&kernel::Allocation]) -> Allocated<'o> {
    let shown = allocations_shown(order, made).into_iter().map(|shown| {
        let row = made.iter().find(|row| shown.allocation.is_for(&row.merchant));
        AllocationFound {
            shown,
            allocate_id: row.map(|row| row.id.to_string()),
            finish_time: row.and_then(|row| match &row.state {
                AllocationState::Credited { at } | AllocationState::Failed { at, .. } => {
                    Some(time::write(*at))
                }
                AllocationState::Waiting { .. } => None,
            }),
        }
    });
    Allocated {
        out_order_id: &order.terms.request.merchant_order_no,
        channel_order_id: order.terms.id.to_string(),
        fund_allocate_list: shown.collect(),
    }
}

/// The result of `unfreeze_allocate`: each part, and how its allocation stands now.
pub(crate) fn unfrozen<'o>(
    release: &'o kernel::AllocationRelease,
    order: &'o Order,
    made: &[&kernel::Allocation],
) -> Unfrozen<'o> {
    let parts = release.parts.iter().map(|part| {
        let row = made.iter().find(|row| row.merchant == part.merchant);
        UnfrozenPart {
            channel_sub_merchant_id: part.merchant.as_str(),
            allocate_amount: part.amount.get(),
            allocate_status: row.map_or(NOT_BEGUN, |row| allocate_status(row.status())),
        }
    });
    Unfrozen {
        out_unfreeze_id: &release.number,
        unfreeze_id: release.id.to_string(),
        out_order_id: &order.terms.request.merchant_order_no,
        fund_allocate_list: parts.collect(),
    }
}

const fn allocate_status(status: AllocationStatus) -> &'static str {
    match status {
        AllocationStatus::Waiting => "WAIT_PERIOD",
        AllocationStatus::Frozen => "FROZEN",
        AllocationStatus::Available => "SUCCESS",
        AllocationStatus::Returned => "REFUNDED",
        AllocationStatus::Failed => "FAILED",
    }
}

/// The result of closing: how it ended, or why that is not known yet.
pub(crate) fn closed<'o>(
    order: &'o Order,
    answer: Option<&ChannelAnswer>,
    now: Timestamp,
) -> Result<Closed<'o>, Fault> {
    let order_status = match &order.state {
        OrderState::Closed { .. } | OrderState::Failed { .. } => View::of(order, now).status,
        OrderState::Paid(_) => {
            return Err(Fault::new(ErrCode::OrderStatusError, "the order is paid"));
        }
        OrderState::Closing(_) if is_direct(order) && is_unknown(answer) => {
            let text = "the order is being cancelled: query it";
            return Err(Fault::new(ErrCode::OperateIsProcessing, text));
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
            return Err(not_known(answer));
        }
    };
    Ok(Closed {
        out_order_id: &order.terms.request.merchant_order_no,
        channel_order_id: order.terms.id.to_string(),
        order_status,
    })
}

/// What a state shows. While the channel has not confirmed a close, the order is as payable as
/// before, so it still shows as paying. Pay information is shown as long as somebody can pay with it.
pub(crate) struct View<'o> {
    pub(crate) status: &'static str,
    pub(crate) pay_info: Option<&'o KnownPayInfo>,
    pub(crate) paid: Option<&'o Paid>,
    pub(crate) fail_reason: Option<&'o str>,
    /// Whether the payer's client has nothing to open: a code or an agreement pays, and the caller waits for
    /// the outcome.
    is_direct: bool,
}

impl<'o> View<'o> {
    pub(crate) fn of(order: &'o Order, now: Timestamp) -> View<'o> {
        let is_direct = is_direct(order);
        let view =
            View { status: "INIT", pay_info: None, paid: None, fail_reason: None, is_direct };
        match &order.state {
            OrderState::Init if is_direct => View { status: PAYING, ..view },
            OrderState::Init => view,
            OrderState::Paying(pay_info) => {
                let works = pay_info.is_usable(now) && !order.is_overdue(now);
                View { status: PAYING, pay_info: works.then_some(pay_info), ..view }
            }
            OrderState::Closing(_) => View { status: PAYING, ..view },
            OrderState::Paid(paid) => View { status: paid_status(order), paid: Some(paid), ..view },
            OrderState::Failed { reason, .. } => {
                View { status: "PAY_FAIL", fail_reason: Some(reason), ..view }
            }
            OrderState::Closed { .. } => View { status: "CLOSED", ..view },
        }
    }

    /// `PayInfoType`: what there is to open, or that nothing is to be.
    pub(crate) fn pay_info_type(&self) -> Option<&'static str> {
        let is_direct = self.paid.is_some() || (self.is_direct && self.status == PAYING);
        self.pay_info.map(form).or(is_direct.then_some("DIRECTPAY"))
    }
}

/// A paid order, by what of it was given back.
fn paid_status(order: &Order) -> &'static str {
    match order.funds.refunded {
        Fen::ZERO => "SUCCESS",
        refunded if refunded < order.paid_amount() => "PART_REFUND",
        _ => "FULL_REFUND",
    }
}

pub(crate) fn form(pay_info: &KnownPayInfo) -> &'static str {
    match pay_info.form {
        PayForm::Jsapi => "JSAPI",
        PayForm::AppSdk => "APPSDK",
        PayForm::QrCode => "QRCODE",
        PayForm::JumpUrl => "JUMPURL",
        PayForm::Html => "HTML",
        PayForm::Direct => "DIRECTPAY",
    }
}

pub(crate) fn shown(pay_info: &KnownPayInfo) -> Option<&str> {
    match pay_info.form {
        PayForm::Direct => None,
        PayForm::Jsapi | PayForm::AppSdk | PayForm::QrCode | PayForm::JumpUrl | PayForm::Html => {
            pay_info.text.as_deref()
        }
    }
}

pub(crate) fn unwritable(fault: serde_json::Error) -> Fault {
    tracing::error!(%fault, "details of an order cannot be read or written");
    Fault::new(ErrCode::SystemError, "the order cannot be shown")
}
