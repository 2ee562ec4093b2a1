//! Which call a request is.

use crate::counterpart::sharing::SharingCall;
use channel::{BillKind, Method, Request, Response};
use serde::{Deserialize, Serialize};

/// Who orders: a merchant for itself, or a service provider for a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `/v3/pay/transactions/…`
    Direct,
    /// `/v3/pay/partner/transactions/…`
    Partner,
}

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trade {
    /// Within WeChat: a page or a mini program.
    Jsapi,
    /// A QR code.
    Native,
    /// A mobile browser.
    H5,
    /// An app with the SDK.
    App,
    /// A code on the payer's phone, scanned by the merchant.
    Micropay,
    /// By an agreement, without a page.
    Papay,
}

/// A call with what its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Create { trade: Trade, mode: Mode },
    QueryByNumber { mode: Mode, number: String },
    QueryById { mode: Mode, transaction_id: String },
    Close { mode: Mode, number: String },
    Reverse { mode: Mode, number: String },
    Refund,
    ApplyAbnormalRefund { refund_id: String },
    QueryRefund { channel_refund_no: String },
    Certificates,
    FindBill { kind: BillKind },
    DownloadBill,
    Sharing(SharingCall),
}

/// A request whose path is known.
pub(super) struct Route {
    pub(super) call: Call,
}

impl Route {
    pub(super) fn read(request: &Request) -> Option<Route> {
        Route::of(request.method, request.target())
    }

    fn of(method: Method, target: &str) -> Option<Route> {
        let path = target.split('?').next()?;
        let segments: Vec<String> =
            path.strip_prefix("/v3/")?.split('/').map(decode).collect::<Option<_>>()?;
        let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        let call = match (method, segments.as_slice()) {
            (Method::Get, ["certificates"]) => Call::Certificates,
            (Method::Get, ["bill", "tradebill"]) => Call::FindBill { kind: BillKind::Trade },
            (Method::Get, ["bill", "fundflowbill"]) => Call::FindBill { kind: BillKind::FundFlow },
            (Method::Get, ["billdownload", "file"]) => Call::DownloadBill,
            (Method::Get, ["profitsharing", "bills"]) => Call::FindBill { kind: BillKind::Sharing },
            (Method::Post, ["refund", "domestic", "refunds"]) => Call::Refund,
            (Method::Get, ["refund", "domestic", "refunds", number]) => {
                Call::QueryRefund { channel_refund_no: (*number).to_owned() }
            }
            (
                Method::Post,
                ["refund", "domestic", "refunds", refund_id, "apply-abnormal-refund"],
            ) => Call::ApplyAbnormalRefund { refund_id: (*refund_id).to_owned() },
            (method, ["profitsharing", rest @ ..]) => {
                Call::Sharing(SharingCall::read(method, rest)?)
            }
            (method, ["pay", "transactions", rest @ ..]) => pay(method, Mode::Direct, rest)?,
            (method, ["pay", "partner", "transactions", rest @ ..]) => {
                pay(method, Mode::Partner, rest)?
            }
            (Method::Get | Method::Post, _) => return None,
        };
        Some(Route { call })
    }

    /// The call's word at the fault control.
    pub(super) fn operation(&self) -> &'static str {
        match &self.call {
            Call::Create { .. } => "create",
            Call::QueryByNumber { .. } | Call::QueryById { .. } => "query",
            Call::Close { .. } => "close",
            Call::Reverse { .. } => "reverse",
            Call::Refund => "refund",
            Call::ApplyAbnormalRefund { .. } => "abnormal_refund",
            Call::QueryRefund { .. } => "query_refund",
            Call::Certificates => "certificates",
            Call::FindBill { .. } => "bill",
            Call::DownloadBill => "bill_file",
            Call::Sharing(call) => call.operation(),
        }
    }
}

impl Trade {
    /// `trade_type` in answers and callbacks.
    pub(super) fn trade_type(self) -> &'static str {
        match self {
            Trade::Jsapi => "JSAPI",
            Trade::Native => "NATIVE",
            Trade::H5 => "MWEB",
            Trade::App => "APP",
            Trade::Micropay => "MICROPAY",
            Trade::Papay => "PAP",
        }
    }
}

/// The answer to a request that no call takes: 405 where another method would do, else 404. The real
/// server sends neither a body nor a signature nor an id with it.
pub(super) fn no_such_call(target: &str) -> Response {
    let is_known =
        [Method::Get, Method::Post].iter().any(|method| Route::of(*method, target).is_some());
    let status = if is_known { 405 } else { 404 };
    Response { status, headers: vec![], body: vec![] }
}

/// Whether a path is about transactions: the gate before those is another one.
pub(super) fn is_of_transactions(target: &str) -> bool {
    target.starts_with("/v3/pay/")
}

/// A parameter of the query string.
pub(super) fn parameter(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.target().split_once('?')?;
    let pair =
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    pair.and_then(|(_, value)| decode(value))
}

fn pay(method: Method, mode: Mode, rest: &[&str]) -> Option<Call> {
    let text = |text: &str| text.to_owned();
    match (method, rest) {
        (Method::Post, [kind]) => Some(Call::Create { trade: trade(mode, kind)?, mode }),
        (Method::Get, ["id", id]) => Some(Call::QueryById { mode, transaction_id: text(id) }),
        (Method::Get, ["out-trade-no", number]) => {
            Some(Call::QueryByNumber { mode, number: text(number) })
        }
        (Method::Post, ["out-trade-no", number, "close"]) => {
            Some(Call::Close { mode, number: text(number) })
        }
        (Method::Post, ["out-trade-no", number, "reverse"]) => {
            Some(Call::Reverse { mode, number: text(number) })
        }
        (Method::Get | Method::Post, _) => None,
    }
}

fn trade(mode: Mode, kind: &str) -> Option<Trade> {
    match (kind, mode) {
        ("jsapi", _) | ("miniprogram", Mode::Partner) => Some(Trade::Jsapi),
        ("native", _) => Some(Trade::Native),
        ("h5", _) => Some(Trade::H5),
        ("app", _) => Some(Trade::App),
        ("codepay", _) => Some(Trade::Micropay),
        _ => None,
    }
}

/// Undoes percent-encoding; `None` when it is not encoded UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                // Reading a number alone would take a sign: "%+f" is not encoded.
                let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
                let digits = std::str::from_utf8(&digits).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
            }
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).ok()
}
