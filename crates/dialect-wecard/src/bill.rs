//! Our own bills of a merchant's day: `/cloudpay/v1/bill/out/`.
//!
//! A bill is made from the book: its rows are what was booked on that day in Shanghai, so that a bill that
//! is ready never changes. A payment that becomes known after midnight is in the bill of the day on which
//! it was booked, with the time at which it was made.
//!
//! - `wire`: requests and results. `line`: rows from what was booked. `link`: links to files.

mod line;
mod link;
mod wire;

use crate::auth::Caller;
use crate::envelope::{self, Received};
use crate::faults::{ErrCode, Fault};
use crate::routes::{Api, Shared, answer, success, wrong_method};
use crate::{pay_channel, time};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dialect::Peer;
use http::{HeaderValue, StatusCode, header};
use kernel::TenantId;
use ledger::{Account, AccountKind, Fen};
use link::Claims;
use std::sync::Arc;
use store::{BookedFor, BookedKind, Counted, PaidOrders};
use wire::{BillName, BillType, Line, Link, Page, QueryPage};

/// Rows of a bill's file at most; a larger bill is read page by page.
const FILE_ROWS_MAX: u64 = 100_000;
/// Rows that are read at once for a file.
const CHUNK_LEN: u32 = 1000;

pub(crate) fn router() -> Router<Arc<Api>> {
    const BASE: &str = "/cloudpay/v1/bill/out";
    Router::new()
        .route(&format!("{BASE}/query_page"), post(query_page).fallback(wrong_method))
        .route(&format!("{BASE}/download_url"), post(download_url).fallback(wrong_method))
        .route(&format!("{BASE}/download/{{token}}"), get(download).fallback(wrong_method))
}

async fn query_page(State(api): Shared, request: Request) -> Response {
    answer(show_page(&api, request).await)
}

async fn download_url(State(api): Shared, request: Request) -> Response {
    answer(make_link(&api, request).await)
}

/// A link is followed by programs that look at the status.
async fn download(State(api): Shared, Path(token): Path<String>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let served = serve(&api, &token, peer).await;
    served.unwrap_or_else(|fault| envelope::failure(status_of(fault.code), &fault))
}

const fn status_of(code: ErrCode) -> StatusCode {
    match code {
        ErrCode::SignatureExpire | ErrCode::SignatureFailure => StatusCode::FORBIDDEN,
        ErrCode::RequestLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn show_page(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, page) = api.admit(&received, |_, body| Ok(QueryPage::read(body)?))?;
    let QueryPage { bill, page_no, page_size } = &page;
    api.check_bill(&caller.tenant, bill)?;
    let Counted { count, rows } =
        api.lines(&caller.tenant, bill, page.offset(), *page_size).await?;
    Ok(success(Page { page_no: *page_no, page_size: *page_size, count, data_list: rows }))
}

async fn make_link(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, bill) = api.admit(&received, |_, body| Ok(BillName::read(body)?))?;
    let Caller { tenant, secret_id } = &caller;
    api.check_bill(tenant, &bill)?;
    let hash_value = crypto::hash::sha256_hex(api.file(tenant, &bill).await?.as_bytes());
    let claims = Claims::new(tenant, secret_id, &bill, &hash_value, api.engine.now());
    let token = claims.token(api.engine.secrets())?;
    let base = api.engine.public_url();
    let download_url = format!("{base}/cloudpay/v1/bill/out/download/{token}");
    Ok(success(Link { download_url, hash_type: "SHA256", hash_value }))
}

async fn serve(api: &Api, token: &str, peer: Option<Peer>) -> Result<Response, Fault> {
    let read = Claims::read(token, api.engine.secrets(), api.engine.now());
    let claims = read.map_err(|fault| api.unproven_of(peer, fault))?;
    let tenant = claims.tenant();
    api.budgets.draw_call(&tenant, &claims.secret_id())?;
    let bill = claims.bill().ok_or_else(Fault::unknown)?;
    let file = api.file(&tenant, &bill).await?;
    if crypto::hash::sha256_hex(file.as_bytes()) != claims.hash {
        return Err(Fault::new(ErrCode::SystemError, "the bill has changed, request another link"));
    }
    let name = format!("attachment; filename=\"{}-{}.csv\"", bill.bill_type.name(), bill.date);
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.extend(HeaderValue::from_str(&name).map(|it| (header::CONTENT_DISPOSITION, it)));
    Ok(response)
}

impl Api {
    /// That the merchant is known and the day is over for long enough.
    fn check_bill(&self, tenant: &TenantId, bill: &BillName) -> Result<(), Fault> {
        self.known_merchant(tenant, &bill.merchant)?;
        if self.engine.now() >= bill.ready_at() {
            return Ok(());
        }
        let ready_at = time::write(bill.ready_at());
        Err(Fault::new(ErrCode::BillNotReady, format!("BillDate: ready at {ready_at}")))
    }

    /// Rows of a bill, in order of their ids.
    async fn lines(
        &self,
        tenant: &TenantId,
        bill: &BillName,
        offset: u32,
        limit: u32,
    ) -> Result<Counted<Line>, Fault> {
        let booked = |kind| self.booked(tenant, bill, kind, offset, limit);
        match bill.bill_type {
            BillType::Trade => self.payments(tenant, bill, offset, limit).await,
            BillType::Refund => booked(BookedKind::Refunds).await,
            BillType::Profit => booked(BookedKind::Shares).await,
            BillType::Wallet => Ok(Counted { count: 0, rows: vec![] }),
        }
    }

    async fn payments(
        &self,
        tenant: &TenantId,
        bill: &BillName,
        offset: u32,
        limit: u32,
    ) -> Result<Counted<Line>, Fault> {
        let question = PaidOrders {
            tenant: tenant.clone(),
            account: Account::new(AccountKind::MerchantPending, bill.merchant.as_str()),
            channel: bill.pay_channel.as_deref().map(pay_channel::name),
            from: bill.from,
            to: bill.to(),
            offset,
            limit,
        };
        let Counted { count, rows } = self.engine.ask(question).await?;
        Ok(Counted { count, rows: rows.iter().filter_map(|it| line::trade(it, bill)).collect() })
    }

    /// What refunds, or shares and their returns, moved.
    async fn booked(
        &self,
        tenant: &TenantId,
        bill: &BillName,
        kind: BookedKind,
        offset: u32,
        limit: u32,
    ) -> Result<Counted<Line>, Fault> {
        let question = BookedFor {
            tenant: tenant.clone(),
            merchant: bill.merchant.clone(),
            kind,
            channel: bill.pay_channel.as_deref().map(pay_channel::name),
            from: bill.from,
            to: bill.to(),
            offset,
            limit,
        };
        let Counted { count, rows } = self.engine.ask(question).await?;
        Ok(Counted { count, rows: rows.iter().filter_map(|it| line::booked(it, bill)).collect() })
    }

    /// The file of a bill: its rows, and a line with their number and sum.
    async fn file(&self, tenant: &TenantId, bill: &BillName) -> Result<String, Fault> {
        let (mut text, mut sum, mut count) = (wire::CSV_HEADER.to_owned(), Fen::ZERO, 0_u32);
        loop {
            let page = self.lines(tenant, bill, count, CHUNK_LEN).await?;
            if page.count > FILE_ROWS_MAX {
                return Err(too_large(page.count));
            }
            for line in &page.rows {
                text.push_str(&line.csv());
                sum = sum.plus(line.amount).map_err(|_| Fault::unknown())?;
                count += 1;
            }
            if page.rows.is_empty() || u64::from(count) >= page.count {
                text.push_str(&wire::csv_total(count, sum));
                return Ok(text);
            }
        }
    }
}

fn too_large(count: u64) -> Fault {
    let text = format!("BillDate: {count} rows, want at most {FILE_ROWS_MAX}; use query_page");
    Fault::new(ErrCode::InvalidParameter, text)
}
