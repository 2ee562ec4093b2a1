//! 业务明细: payments and refunds. Amounts of refunds are below zero.

use super::BillFault;
use super::table::{Line, Table};
use crate::settings::Account;
use channel::{BillDay, BillRow, PaymentRow, RefundRow, RefundStatus};
use ledger::{Currency, Fen};

/// The first column: the channel's number of the payment.
pub(crate) const PAYMENT: &str = "支付宝交易号";
/// The columns, as the channel writes them.
pub(crate) const COLUMNS: [&str; 25] = [
    PAYMENT,
    "商户订单号",
    "业务类型",
    "商品名称",
    "创建时间",
    "完成时间",
    "门店编号",
    "门店名称",
    "操作员",
    "终端号",
    "对方账户",
    "订单金额（元）",
    "商家实收（元）",
    "支付宝红包（元）",
    "集分宝（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "券核销金额（元）",
    "券名称",
    "商家红包消费金额（元）",
    "卡消费金额（元）",
    "退款批次号/请求号",
    "服务费（元）",
    "分润（元）",
    "备注",
];
/// The words of 业务类型.
pub(crate) const PAID: &str = "交易";
pub(crate) const REFUNDED: &str = "退款";
/// The comment that names the account: the seller's number and four digits.
pub(crate) const ACCOUNT: &str = "账号";

pub(super) fn rows(
    account: &Account,
    day: &BillDay,
    table: Table<'_>,
) -> Result<Vec<BillRow>, BillFault> {
    check_ours(account, &table)?;
    let rows = table.rows.into_iter().map(|line| row(day, line));
    Ok(rows.collect::<Result<_, _>>()?)
}

fn check_ours(account: &Account, table: &Table<'_>) -> Result<(), BillFault> {
    let named = table.comments.iter().find(|comment| comment.starts_with(ACCOUNT));
    let named = named.ok_or_else(|| format!("the comment {ACCOUNT} wanted"))?;
    let digits: String = named.chars().filter(char::is_ascii_digit).collect();
    match digits.starts_with(&account.seller_id) {
        true => Ok(()),
        false => Err(BillFault::NotOurs(format!("{ACCOUNT}: another seller's"))),
    }
}

fn row(day: &BillDay, line: Line<'_>) -> Result<BillRow, String> {
    // A column too many or too few would move the times first.
    let line = &line.timed_by("创建时间")?;
    if !day.contains(line.time("完成时间")?) {
        return Err(line.wrong("完成时间", "a time of the day"));
    }
    match line.text("业务类型")? {
        PAID => payment(line).map(BillRow::Payment),
        REFUNDED => refund(line).map(BillRow::Refund),
        _ => Err(line.wrong("业务类型", "交易 or 退款")),
    }
}

fn payment(line: &Line<'_>) -> Result<PaymentRow, String> {
    let amount = line.fen("订单金额（元）")?;
    Ok(PaymentRow {
        channel_order_no: line.filled("商户订单号")?.to_owned(),
        payment_reference: line.filled(PAYMENT)?.to_owned(),
        amount,
        settled_amount: settled(line, line.fen("商家实收（元）")?, amount)?,
        currency: Currency::Cny,
        fee: fee(line)?,
        at: line.time("完成时间")?,
    })
}

fn refund(line: &Line<'_>) -> Result<RefundRow, String> {
    let amount = negated(line.fen("订单金额（元）")?);
    // A refund without a number of its own has that of its order.
    let number = match line.text("退款批次号/请求号")? {
        "" => line.filled("商户订单号")?,
        number => number,
    };
    Ok(RefundRow {
        channel_refund_no: number.to_owned(),
        // The channel gives refunds no numbers of its own.
        refund_reference: number.to_owned(),
        channel_order_no: line.filled("商户订单号")?.to_owned(),
        payment_reference: line.filled(PAYMENT)?.to_owned(),
        amount,
        settled_amount: settled(line, negated(line.fen("商家实收（元）")?), amount)?,
        fee: negated(fee(line)?),
        status: RefundStatus::Done,
        at: line.time("完成时间")?,
    })
}

/// What is settled: all but the coupons that the seller bears.
fn settled(line: &Line<'_>, settled: Fen, amount: Fen) -> Result<Fen, String> {
    if !amount.is_positive() {
        return Err(line.wrong("订单金额（元）", "above zero, and below in a refund,"));
    }
    match (Fen::ZERO..=amount).contains(&settled) {
        true => Ok(settled),
        false => Err(line.wrong("商家实收（元）", "a part of the amount")),
    }
}

/// What the channel keeps for a payment, or gives back with a refund. Files were seen with either sign.
fn fee(line: &Line<'_>) -> Result<Fen, String> {
    let fee = line.fen("服务费（元）")?;
    Ok(if fee.is_positive() { fee } else { negated(fee) })
}

/// Amounts are read from digits, so that each has its opposite.
const fn negated(amount: Fen) -> Fen {
    Fen::new(-amount.get())
}
