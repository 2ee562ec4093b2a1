//! Giving money back, and asking for it.

use super::Reply;
use super::order::fen;
use super::trade::owned;
use super::words::{parties, want, with_long_number};
use crate::counterpart::records::{self, End, Entry, Refunding};
use crate::counterpart::refund::{self, Taken};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, order, rules};
use crate::v2::time;
use crate::v2::xml::Members;
use channel::FaultMode;
use ledger::Timestamp;
use serde_json::json;

/// Refunds in one answer; the next ones are asked for with `offset`.
const PAGE: usize = 10;

pub(super) fn create(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let mut body = json!({
        "out_refund_no": want(asked, "out_refund_no")?,
        "amount": {
            "refund": fen(asked, "refund_fee")?,
            "total": fen(asked, "total_fee")?,
            "currency": asked.get("refund_fee_type").unwrap_or("CNY"),
        },
    });
    for (name, newer) in [
        ("transaction_id", "transaction_id"),
        ("out_trade_no", "out_trade_no"),
        ("refund_desc", "reason"),
        ("notify_url", "notify_url"),
        ("sub_mch_id", "sub_mchid"),
    ] {
        if let Some(text) = asked.get(name) {
            body[newer] = json!(text);
        }
    }
    rules::check_refund(&with_long_number(&body))?;
    order::check_binding(call.merchant, &parties(asked))?;
    let Taken { refunding, outgoing, .. } = refund::take(call, rules::convert(body)?)?;
    let answer = Members::default()
        .with("transaction_id", &*refunding.transaction_id)
        .with("out_trade_no", &*refunding.out_trade_no)
        .with("total_fee", refunding.total.to_string())
        .with("cash_fee", (refunding.total - refunding.order_discount.amount).to_string());
    let discount = refunding.discount.amount;
    let answer = described(call, &refunding, "", answer)
        .with("cash_refund_fee", (refunding.refund - discount).to_string())
        .with("coupon_refund_fee", discount.to_string())
        .with("coupon_refund_count", i64::from(discount > 0).to_string())
        .with_empty("refund_channel");
    Ok(Reply::Message(answer, outgoing.into_iter().collect()))
}

/// Numbers and amounts of a refund, under names that end in `place`.
fn described(
    call: &CallContext<'_>,
    refunding: &Refunding,
    place: &str,
    message: Members,
) -> Members {
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    let name = |name: &str| format!("{name}{place}");
    let unsettled = refunding.discount.unsettled;
    let settled = (unsettled > 0).then(|| (refunding.refund - unsettled).to_string());
    message
        .with(&name("out_refund_no"), &*refunding.out_refund_no)
        .with(&name("refund_id"), &*refunding.refund_id)
        .with(&name("refund_fee"), refunding.refund.saturating_add(lie).to_string())
        .with_some(&name("settlement_refund_fee"), settled)
}

pub(super) fn query(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let all = found(call, asked)?;
    let Some(first) = all.first() else {
        return Err(Refusal::new("REFUNDNOTEXIST", "退款不存在").into());
    };
    let answer = Members::default()
        .with("transaction_id", &*first.transaction_id)
        .with("out_trade_no", &*first.out_trade_no)
        .with("total_fee", first.total.to_string())
        .with("cash_fee", (first.total - first.order_discount.amount).to_string())
        .with("total_refund_count", all.len().to_string());
    let offset = asked.get("offset").map_or(Ok(0), str::parse::<usize>);
    let offset = offset.map_err(|_| Refusal::field("offset", "应为整数"))?;
    let page: Vec<&Refunding> = all.iter().skip(offset).take(PAGE).collect();
    let answer = answer.with("refund_count", page.len().to_string());
    let listed = page.into_iter().enumerate().fold(answer, |answer, (at, refunding)| {
        let place = format!("_{at}");
        state(refunding, &place, described(call, refunding, &place, answer))
    });
    Ok(Reply::message(listed))
}

fn state(refunding: &Refunding, place: &str, message: Members) -> Members {
    let name = |name: &str| format!("{name}{place}");
    let at = refunding.remitted.as_ref().map_or(refunding.created_ms, |remitted| remitted.at_ms);
    let at = (refunding.end == End::Done).then(|| Timestamp::from_ms(at));
    let status = match refunding.end {
        End::Done => "SUCCESS",
        End::Processing => "PROCESSING",
        End::Closed => "REFUNDCLOSE",
        End::Abnormal => "CHANGE",
    };
    message
        .with(&name("refund_status"), status)
        .with(&name("refund_channel"), "ORIGINAL")
        .with(&name("refund_account"), "REFUND_SOURCE_UNSETTLED_FUNDS")
        .with(&name("refund_recv_accout"), "支付用户零钱")
        .with_some(&name("refund_success_time"), at.map(|at| time::text_in(time::SPACED, at)))
}

/// The refunds that are asked for, by one of four numbers, oldest first.
fn found(call: &CallContext<'_>, asked: &Members) -> Result<Vec<Refunding>, Stop> {
    order::check_binding(call.merchant, &parties(asked))?;
    let (number, id) = (asked.get("out_refund_no"), asked.get("refund_id"));
    let order_key = match (number, id) {
        (None, None) => Some(owned(call, asked)?.key()),
        _ => None,
    };
    let is_asked = |refunding: &Refunding| match (number, id, &order_key) {
        (Some(number), _, _) => refunding.out_refund_no == number,
        (None, Some(id), _) => refunding.refund_id == id,
        (None, None, order_key) => Some(&refunding.order_key) == order_key.as_ref(),
    };
    let mut found = Vec::new();
    for entry in records::entries(call.documents, &call.merchant.mchid)? {
        if let Entry::Refunded { refund_key, .. } = entry {
            let refunding = records::read::<Refunding>(call.documents, &refund_key)?;
            found.extend(refunding.filter(|refunding| {
                refunding.sub_mchid.as_deref() == asked.get("sub_mch_id") && is_asked(refunding)
            }));
        }
    }
    Ok(found)
}
