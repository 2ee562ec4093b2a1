//! Bills: when there is one, where its file is, and the file, which needs no signature.

mod file;

use crate::bill::TRADE;
use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::records;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::wire::{self, BillAnswer, BillRequest};
use channel::{
    BillDay, BillKind, DocumentFault, DocumentStore, FaultMode, Method, Request, Response,
};
use jiff::civil::Date;
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// Where files are.
pub(super) const FILE_PATH: &str = "/downloadBillFile.resource";
/// Bills are made at nine in the morning of the next day.
const MADE_SECONDS: i64 = 9 * 3_600;
/// How long a file's address works.
const URL_SECONDS: i64 = 30;
/// Where the real channel's files are; a request to the sandbox names its own host.
const REAL_HOST: &str = "https://dwbillcenter.alipay.com";

/// A file that waits to be fetched: a day of a seller.
#[derive(Serialize, Deserialize)]
struct Waiting {
    seller_id: String,
    /// The day, `yyyy-MM-dd`, its first instant, and that of the next.
    date: String,
    from_ms: i64,
    until_ms: i64,
    /// Whether amounts are raised, as a fault wants.
    is_false: bool,
    made_ms: i64,
}

/// Says where the file of a bill is.
pub(super) fn find(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let content = call.parameter("biz_content").unwrap_or_default();
    let asked: BillRequest = wire::read(&content).map_err(|_| Refusal::field("biz_content"))?;
    if asked.bill_type != TRADE {
        return Err(Refusal::field("bill_type").into());
    }
    let date = Date::strptime("%Y-%m-%d", &asked.bill_date);
    let date = date.map_err(|_| Refusal::field("bill_date"))?;
    let day = BillDay { kind: BillKind::Trade, date };
    if call.context.now < day.ends_at() {
        return Err(Refusal::field("bill_date").into());
    }
    let waiting = Waiting {
        seller_id: call.app.seller_id.clone(),
        date: date.to_string(),
        from_ms: day.starts_at().ms(),
        until_ms: day.ends_at().ms(),
        is_false: *call.mode == FaultMode::WrongAmount,
        made_ms: call.context.now.ms(),
    };
    let is_made = call.context.now >= day.ends_at().plus_seconds(MADE_SECONDS);
    match is_made && file::zip(call.documents, &waiting, call.context.now)?.is_some() {
        true => Ok(Reply::done(keep(call, &waiting)?)),
        false => Err(Refusal::business("isp.bill_not_exist", "账单不存在").into()),
    }
}

fn keep(call: &mut CallContext<'_>, waiting: &Waiting) -> Result<BillAnswer, DocumentFault> {
    let token = call.context.nonce.clone();
    records::write(call.documents, &key(&token), waiting)?;
    let host = call.own_url.clone().unwrap_or_else(|| REAL_HOST.to_owned());
    Ok(BillAnswer {
        bill_download_url: format!("{host}{FILE_PATH}?fileType=csv.zip&token={token}"),
    })
}

fn key(token: &str) -> String {
    format!("alipay/bill/{token}")
}

/// Whether a request is for a file.
pub(super) fn is_file(request: &Request) -> bool {
    let (path, _) = request.target().split_once('?').unwrap_or((request.target(), ""));
    request.method == Method::Get && path == FILE_PATH
}

/// The file behind an address, while the address works.
pub(super) fn download(
    documents: &dyn DocumentStore,
    mode: &FaultMode,
    request: &Request,
    now: Timestamp,
) -> Result<Response, DocumentFault> {
    let (_, query) = request.target().split_once('?').unwrap_or_default();
    let token = wire::read_form(query.as_bytes()).remove("token").unwrap_or_default();
    let waiting = records::read::<Waiting>(documents, &key(&token))?
        .filter(|it| now < Timestamp::from_ms(it.made_ms).plus_seconds(URL_SECONDS));
    let zip = match &waiting {
        Some(waiting) => file::zip(documents, waiting, now)?,
        None => None,
    };
    let Some(mut body) = zip else { return Ok(plain(404, b"file not exist".to_vec())) };
    // Nothing signs a file: what is damaged does not unpack.
    if *mode == FaultMode::BadSignature {
        body.push(b' ');
    }
    Ok(plain(200, body))
}

fn plain(status: u16, body: Vec<u8>) -> Response {
    let headers = vec![("Content-Type".to_owned(), "application/octet-stream".to_owned())];
    Response { status, headers, body }
}
