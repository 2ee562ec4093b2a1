//! 交易账单: payments and refunds.

use super::BillFault;
use super::table::{Line, Table, sum};
use crate::reading::equal;
use crate::settings::Partner;
use channel::{BillRow, PaymentRow, RefundRow, RefundStatus};
use ledger::{Currency, Fen};

/// The summary's first column: how many rows there are.
pub(super) const SUMMARY: &str = "总交易单数";

/// Columns of the summary, each with the column whose sum it is. A bill may lack some.
const SUMS: [(&str, &str); 6] = [
    ("应结订单总金额", "应结订单金额"),
    ("退款总金额", "退款金额"),
    ("充值券退款总金额", "充值券退款金额"),
    ("手续费总金额", "手续费"),
    ("订单总金额", "订单金额"),
    ("申请退款总金额", "申请退款金额"),
];

pub(super) fn rows(
    mchid: &str,
    partner: Option<&Partner>,
    table: &Table<'_>,
) -> Result<Vec<BillRow>, BillFault> {
    for line in &table.rows {
        check_ours(mchid, partner, line)?;
    }
    check_summary(table)?;
    let own = table.rows.iter().filter(|line| is_own(partner, line));
    Ok(own.map(row).collect::<Result<_, _>>()?)
}

/// Without a sub-merchant in the request, a service provider gets the rows of all sub-merchants too.
/// They belong to other channel accounts.
fn is_own(partner: Option<&Partner>, line: &Line<'_>) -> bool {
    let sub_mchid = line.optional("特约商户号").unwrap_or_default();
    partner.is_some() || ["", "0"].contains(&sub_mchid)
}

fn check_ours(mchid: &str, partner: Option<&Partner>, line: &Line<'_>) -> Result<(), BillFault> {
    let is = |column, wanted: &str| {
        equal(column, Some(line.text(column)?), wanted).map_err(BillFault::NotOurs)
    };
    is("商户号", mchid)?;
    match partner {
        Some(partner) => is("特约商户号", &partner.sub_mchid),
        None => Ok(()),
    }
}

fn check_summary(table: &Table<'_>) -> Result<(), String> {
    table.summary.check_count(SUMMARY, table.rows.len())?;
    for (total, column) in SUMS {
        if table.summary.optional(total).is_some() {
            table.summary.check_sum(total, sum(table.rows.iter().map(|line| line.fen(column)))?)?;
        }
    }
    Ok(())
}

fn row(line: &Line<'_>) -> Result<BillRow, String> {
    match line.text("交易状态")? {
        "SUCCESS" => payment(line).map(BillRow::Payment),
        // REVOKED: the merchant reversed the payment, which gives the money back.
        "REFUND" | "REVOKED" => refund(line).map(BillRow::Refund),
        _ => Err(line.wrong("交易状态", "SUCCESS, REFUND or REVOKED")),
    }
}

fn payment(line: &Line<'_>) -> Result<PaymentRow, String> {
    let currency = Currency::from_code(line.text("货币种类")?);
    let amount = first(line, ["订单金额", "应结订单金额"])?;
    Ok(PaymentRow {
        channel_order_no: line.text("商户订单号")?.to_owned(),
        payment_reference: line.text("微信订单号")?.to_owned(),
        amount,
        settled_amount: settled(line, "应结订单金额", amount)?,
        currency: currency.ok_or_else(|| line.wrong("货币种类", "CNY"))?,
        fee: line.fen("手续费")?,
        at: line.time("交易时间")?,
    })
}

fn refund(line: &Line<'_>) -> Result<RefundRow, String> {
    let amount = first(line, ["申请退款金额", "退款金额"])?;
    Ok(RefundRow {
        channel_refund_no: line.text("商户退款单号")?.to_owned(),
        refund_reference: line.text("微信退款单号")?.to_owned(),
        channel_order_no: line.text("商户订单号")?.to_owned(),
        payment_reference: line.text("微信订单号")?.to_owned(),
        amount,
        settled_amount: settled(line, "退款金额", amount)?,
        fee: line.fen("手续费")?,
        status: status(line)?,
        at: line.time("交易时间")?,
    })
}

/// What was asked for; bills of before 2018 have only what is settled, without coupons.
fn first(line: &Line<'_>, columns: [&str; 2]) -> Result<Fen, String> {
    let [asked, settled] = columns;
    line.fen(if line.optional(asked).is_some() { asked } else { settled })
}

/// What is settled: all but the coupons that the merchant bears.
fn settled(line: &Line<'_>, column: &str, amount: Fen) -> Result<Fen, String> {
    let settled = line.fen(column)?;
    match (Fen::ZERO..=amount).contains(&settled) {
        true => Ok(settled),
        false => Err(line.wrong(column, "a part of the amount")),
    }
}

fn status(line: &Line<'_>) -> Result<RefundStatus, String> {
    match line.text("退款状态")? {
        "SUCCESS" => Ok(RefundStatus::Done),
        "PROCESSING" => Ok(RefundStatus::Processing),
        "FAIL" | "REFUNDCLOSE" => Ok(RefundStatus::Closed),
        "CHANGE" => Ok(RefundStatus::Abnormal),
        _ => Err(line.wrong("退款状态", "SUCCESS, PROCESSING, FAIL, REFUNDCLOSE or CHANGE")),
    }
}
