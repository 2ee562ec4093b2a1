//! The bill of shares and returns. No page shows the whole file: the columns are those that are known.

use super::records::{Item, Returning, Sharing};
use crate::bill::shared::{
    AMOUNT, DETAIL, DIRECTION, ENDED, GIVEN, NUMBER, PAYMENT, RECEIVER, REFERENCE, RETURNED,
    SHARER, STATUS,
};
use crate::bill::yuan::write as yuan;
use crate::counterpart::CallContext;
use crate::counterpart::bill::time;
use crate::counterpart::bill_file::line;
use crate::counterpart::records::{self, Entry};
use crate::sharing::wire::{CLOSED, FAILED, SUCCESS};
use channel::{BillDay, DocumentFault, FaultMode};
use ledger::Timestamp;

/// What one row says.
struct Row<'a> {
    began_ms: i64,
    ended_ms: i64,
    sharer: &'a str,
    receiver: &'a str,
    detail: String,
    reference: &'a str,
    number: &'a str,
    payment: &'a str,
    amount: i64,
    direction: &'static str,
    status: &'static str,
    description: &'a str,
}

/// The bill of a day, if anything was shared or given back: of one sub-merchant, or of all that the
/// merchant collects.
pub(in crate::counterpart) fn file(
    call: &CallContext<'_>,
    day: &BillDay,
    sub_mchid: Option<&str>,
) -> Result<Option<String>, DocumentFault> {
    let mut lines = String::new();
    for entry in records::entries(call.documents, &call.merchant.mchid)? {
        if day.contains(Timestamp::from_ms(entry.at_ms())) {
            lines.push_str(&lines_of(call, &entry, sub_mchid)?);
        }
    }
    Ok((!lines.is_empty()).then(|| format!("\u{feff}{}\r\n{lines}", header())))
}

fn header() -> String {
    let columns = [
        "分账发起时间",
        ENDED[0],
        SHARER[0],
        RECEIVER[0],
        DETAIL[0],
        REFERENCE[0],
        NUMBER[0],
        PAYMENT[0],
        AMOUNT[0],
        DIRECTION[0],
        STATUS[0],
        "分账描述",
        "备注",
    ];
    columns.join(",")
}

fn lines_of(
    call: &CallContext<'_>,
    entry: &Entry,
    sub_mchid: Option<&str>,
) -> Result<String, DocumentFault> {
    let is_asked = |own: Option<&str>| sub_mchid.is_none() || own == sub_mchid;
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    match entry {
        Entry::Shared { share_key, .. } => {
            let found = records::read::<Sharing>(call.documents, share_key)?;
            let found = found.filter(|it| is_asked(it.sub_mchid.as_deref()));
            Ok(found.map(|it| shared(&it, lie)).unwrap_or_default())
        }
        Entry::Returned { return_key, .. } => {
            let found = records::read::<Returning>(call.documents, return_key)?;
            let found = found.filter(|it| is_asked(it.sub_mchid.as_deref()));
            Ok(found.map(|it| returned(&it, &call.merchant.mchid, lie)).unwrap_or_default())
        }
        Entry::Paid { .. } | Entry::Refunded { .. } | Entry::Reversed { .. } => Ok(String::new()),
    }
}

fn shared(sharing: &Sharing, lie: i64) -> String {
    let row = |(at, item): (usize, &Item)| {
        let status = if item.fail_reason.is_none() { SUCCESS } else { CLOSED };
        Row {
            began_ms: sharing.created_ms,
            ended_ms: sharing.ends_at().ms(),
            sharer: &sharing.payee,
            receiver: &item.account,
            detail: sharing.detail_id(at),
            reference: &sharing.order_id,
            number: &sharing.out_order_no,
            payment: &sharing.transaction_id,
            amount: item.amount.saturating_add(lie),
            direction: GIVEN,
            status,
            description: &item.description,
        }
        .line()
    };
    sharing.items.iter().enumerate().map(row).collect()
}

fn returned(returning: &Returning, mchid: &str, lie: i64) -> String {
    Row {
        began_ms: returning.at_ms,
        ended_ms: returning.at_ms,
        sharer: returning.sub_mchid.as_deref().unwrap_or(mchid),
        receiver: &returning.return_mchid,
        detail: String::new(),
        reference: &returning.return_id,
        number: &returning.out_return_no,
        payment: &returning.transaction_id,
        amount: returning.amount.saturating_add(lie),
        direction: RETURNED,
        status: if returning.fail_reason.is_none() { SUCCESS } else { FAILED },
        description: &returning.description,
    }
    .line()
}

impl Row<'_> {
    /// In the order of the header.
    fn line(&self) -> String {
        line(&[
            time(self.began_ms),
            time(self.ended_ms),
            self.sharer.to_owned(),
            self.receiver.to_owned(),
            self.detail.clone(),
            self.reference.to_owned(),
            self.number.to_owned(),
            self.payment.to_owned(),
            yuan(self.amount),
            self.direction.to_owned(),
            self.status.to_owned(),
            self.description.to_owned(),
            String::new(),
        ])
    }
}
