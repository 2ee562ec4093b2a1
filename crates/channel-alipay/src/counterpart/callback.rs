//! What the channel enqueues to sellers. A callback is written down without its signature, and signed
//! afresh each time it is sent.

use crate::callback::OF_TRADES;
use crate::counterpart::records::{BALANCE, BUYER_LOGON, Order, Paid};
use crate::counterpart::world::World;
use crate::counterpart::{answer, identifiers};
use crate::sign::{self, RSA2};
use crate::wire::{self, Parameters, Yuan};
use channel::{CodecContext, DocumentFault, FaultMode, Method, OutgoingCallback, Request};
use ledger::{Fen, Timestamp};

/// The amount that a false callback raises.
const TOTAL: &str = "total_amount";

/// A trade was paid.
pub(super) fn paid(order: &Order, paid: &Paid, context: &CodecContext) -> Option<OutgoingCallback> {
    enqueue(order.notify_url.clone(), of_trade(order, paid, context), context)
}

/// A part of a paid trade went back, or all of it.
pub(super) fn refunded(
    order: &Order,
    paid: &Paid,
    out_request_no: &str,
    context: &CodecContext,
) -> Option<OutgoingCallback> {
    let mut parameters = of_trade(order, paid, context);
    let refunded = Yuan(Fen::new(paid.refunded)).text();
    parameters.insert("refund_fee".to_owned(), refunded);
    parameters.insert("out_biz_no".to_owned(), out_request_no.to_owned());
    let ms = context.now.ms().rem_euclid(1000);
    let now = wire::time_text(context.now);
    parameters.insert("gmt_refund".to_owned(), format!("{now}.{ms:03}"));
    // What has gone back as a whole is closed.
    if paid.refunded >= order.total {
        parameters.insert("gmt_close".to_owned(), now);
    }
    enqueue(order.notify_url.clone(), parameters, context)
}

fn of_trade(order: &Order, paid: &Paid, context: &CodecContext) -> Parameters {
    let total = Yuan(Fen::new(order.total)).text();
    let mut parameters: Parameters = [
        ("notify_type", OF_TRADES.to_owned()),
        ("notify_id", identifiers::notify_id(context)),
        ("app_id", order.app_id.clone()),
        ("auth_app_id", order.auth_app_id.clone().unwrap_or_else(|| order.app_id.clone())),
        ("charset", "utf-8".to_owned()),
        ("version", "1.0".to_owned()),
        ("trade_no", paid.trade_no.clone()),
        ("out_trade_no", order.out_trade_no.clone()),
        ("seller_id", order.seller_id.clone()),
        ("buyer_id", paid.buyer.clone()),
        ("subject", order.subject.clone()),
        ("trade_status", order.trade_status(context.now).to_owned()),
        (TOTAL, total.clone()),
        ("receipt_amount", total.clone()),
        ("invoice_amount", total.clone()),
        ("buyer_pay_amount", total),
        ("point_amount", "0.00".to_owned()),
        ("gmt_create", wire::time_text(Timestamp::from_ms(order.created_ms))),
        ("gmt_payment", wire::time_text(Timestamp::from_ms(paid.at_ms))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let more = [
        ("buyer_logon_id", Some(BUYER_LOGON.to_owned())),
        ("body", order.body.clone()),
        ("passback_params", order.passback_params.clone()),
        ("fund_bill_list", Some(fund_bill_list(order))),
    ];
    let more = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    parameters.extend(more);
    for (name, number) in [
        ("agreement_no", &order.agreement_no),
        ("external_agreement_no", &order.external_agreement_no),
    ] {
        parameters.extend(number.iter().map(|number| (name.to_owned(), number.clone())));
    }
    parameters
}

/// What paid, as callbacks have it: text, with members in another spelling than answers.
fn fund_bill_list(order: &Order) -> String {
    let amount = Yuan(Fen::new(order.total)).text();
    wire::json_text(&serde_json::json!([{ "amount": amount, "fundChannel": BALANCE }]))
}

/// What has no address has no callbacks.
pub(super) fn enqueue(
    url: Option<String>,
    parameters: Parameters,
    context: &CodecContext,
) -> Option<OutgoingCallback> {
    let url = url?;
    Some(OutgoingCallback {
        id: identifiers::notify_id(context),
        url,
        text: wire::json_text(&parameters),
    })
}

/// The request that carries a callback now.
pub(super) fn envelope(
    world: &World,
    callback: &OutgoingCallback,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Request, DocumentFault> {
    let mut parameters: Parameters = serde_json::from_str(&callback.text)
        .map_err(|error| DocumentFault(format!("unreadable callback: {error}")))?;
    parameters.insert("notify_time".to_owned(), wire::time_text(context.now));
    if *mode == FaultMode::WrongAmount {
        falsify(&mut parameters);
    }
    let text = String::from_utf8_lossy(&sign::callback_text(&parameters)).into_owned();
    if let Some(signature) = answer::signature(&world.signer, mode, &text)? {
        parameters.insert(sign::SIGN_TYPE.to_owned(), RSA2.to_owned());
        parameters.insert(sign::SIGN.to_owned(), signature);
    }
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("User-Agent", "Mozilla/4.0"),
    ];
    Ok(Request {
        method: Method::Post,
        url: callback.url.clone(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: wire::form(&parameters).into_bytes(),
    })
}

fn falsify(parameters: &mut Parameters) {
    let told = parameters.get(TOTAL).and_then(|total| Yuan::read(total));
    if let Some(Yuan(total)) = told {
        let raised = Yuan(Fen::new(total.get().saturating_add(1))).text();
        parameters.insert(TOTAL.to_owned(), raised);
    }
}
