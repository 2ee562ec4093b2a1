//! Trade bills: the file itself is the answer.

use super::Reply;
use super::words::{parties, want};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, bill, bill_file, order};
use crate::v2::xml::Members;
use channel::{BillDay, BillKind};
use jiff::civil::Date;

pub(super) fn download(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    match made(call, asked) {
        Ok(Some(text)) => Ok(Reply::File(match asked.get("tar_type") {
            Some(_) => bill::packed(text.as_bytes())?,
            None => text.into_bytes(),
        })),
        Ok(None) => Ok(refused("No Bill Exist", "20002")),
        Err(Stop::Refused(refusal)) if refusal.code == "STATEMENT_CREATING" => {
            Ok(refused("Bill Creating", "20003"))
        }
        Err(Stop::Refused(refusal)) => Ok(refused(&refusal.message, "20001")),
        Err(broken @ Stop::Broken(_)) => Err(broken),
    }
}

fn made(call: &CallContext<'_>, asked: &Members) -> Result<Option<String>, Stop> {
    let date = want(asked, "bill_date")?;
    let date = Date::strptime("%Y%m%d", date).map_err(|_| invalid("invalid bill_date"))?;
    let day = BillDay { kind: BillKind::Trade, date };
    let is = |name, wanted| asked.get(name).is_none_or(|value| value == wanted);
    if !is("bill_type", "ALL") || !is("tar_type", bill::GZIP) {
        return Err(invalid("Invalid Bill Type").into());
    }
    order::check_binding(call.merchant, &parties(asked))?;
    bill::check_time(&day, call.context.now)?;
    Ok(bill_file::trade(call, &day, asked.get("sub_mch_id"))?)
}

fn invalid(text: &str) -> Refusal {
    Refusal::new("PARAM_ERROR", text)
}

fn refused(text: &str, error_code: &str) -> Reply {
    let refusal = Members::default().with("return_code", "FAIL").with("return_msg", text);
    Reply::Bare(refusal.with("error_code", error_code))
}
