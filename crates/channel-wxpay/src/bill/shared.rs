//! 分账账单: shares and their returns.
//!
//! No page shows the whole file. The columns are found by name, under each of the names that were seen; a
//! file that lacks one is not read.

use super::BillFault;
use super::table::Line;
use crate::settings::Account;
use crate::sharing::wire::{CLOSED, FAILED, PENDING, PROCESSING, SUCCESS};
use channel::{BillRow, ShareStatus, SharedDirection, SharedRow};

/// The names of columns, each with the other names that it was seen under.
pub(crate) const SHARER: [&str; 2] = ["分账方", "分账发起方"];
pub(crate) const RECEIVER: [&str; 1] = ["分账接收方"];
pub(crate) const NUMBER: [&str; 2] = ["商户分账单号", "商户分账/回退单号"];
pub(crate) const REFERENCE: [&str; 2] = ["微信分账单号", "微信分账/回退单号"];
pub(crate) const DETAIL: [&str; 1] = ["分账明细单号"];
pub(crate) const PAYMENT: [&str; 1] = ["微信订单号"];
pub(crate) const AMOUNT: [&str; 1] = ["分账金额"];
pub(crate) const DIRECTION: [&str; 1] = ["业务类型"];
pub(crate) const STATUS: [&str; 1] = ["处理状态"];
pub(crate) const ENDED: [&str; 3] = ["分账完成时间", "分账时间", "日期"];
/// The words of [`DIRECTION`].
pub(crate) const GIVEN: &str = "分账";
pub(crate) const RETURNED: &str = "分账回退";

pub(super) fn rows(account: &Account, lines: &[Line<'_>]) -> Result<Vec<BillRow>, BillFault> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let sharer = column(line, &SHARER)?;
        if is_own(account, sharer)? && column(line, &RECEIVER)? != sharer {
            rows.push(BillRow::Shared(row(line)?));
        }
    }
    Ok(rows)
}

/// Without a sub-merchant in the request, a service provider gets the rows of all sub-merchants too.
/// They belong to other channel accounts.
fn is_own(account: &Account, sharer: &str) -> Result<bool, BillFault> {
    match &account.partner {
        None => Ok(sharer == account.mchid),
        Some(partner) if sharer == partner.sub_mchid => Ok(true),
        Some(_) => Err(BillFault::NotOurs(format!("{}: another merchant's", SHARER[0]))),
    }
}

/// The value under the first of these names that the file has.
fn column<'a>(line: &Line<'a>, names: &[&'static str]) -> Result<&'a str, String> {
    line.text(name(line, names))
}

fn name(line: &Line<'_>, names: &[&'static str]) -> &'static str {
    let known = names.iter().copied().find(|name| line.optional(name).is_some());
    known.unwrap_or(names[0])
}

fn row(line: &Line<'_>) -> Result<SharedRow, String> {
    let direction = direction(line)?;
    // A return has no item.
    let reference = match direction {
        SharedDirection::Given => column(line, &DETAIL)?,
        SharedDirection::Returned => column(line, &REFERENCE)?,
    };
    Ok(SharedRow {
        direction,
        channel_no: column(line, &NUMBER)?.to_owned(),
        reference: reference.to_owned(),
        payment_reference: column(line, &PAYMENT)?.to_owned(),
        amount: line.fen(name(line, &AMOUNT))?,
        status: status(line)?,
        at: line.time(name(line, &ENDED))?,
    })
}

fn direction(line: &Line<'_>) -> Result<SharedDirection, String> {
    match column(line, &DIRECTION)? {
        GIVEN => Ok(SharedDirection::Given),
        RETURNED => Ok(SharedDirection::Returned),
        _ => Err(line.wrong(DIRECTION[0], "分账 or 分账回退")),
    }
}

fn status(line: &Line<'_>) -> Result<ShareStatus, String> {
    match column(line, &STATUS)? {
        SUCCESS | "成功" | "分账成功" | "回退成功" => Ok(ShareStatus::Done),
        PENDING | PROCESSING | "处理中" => Ok(ShareStatus::Processing),
        CLOSED | FAILED | "失败" | "已关闭" => Ok(ShareStatus::Failed),
        _ => Err(line.wrong(STATUS[0], "SUCCESS, PENDING, PROCESSING, CLOSED or FAILED")),
    }
}
