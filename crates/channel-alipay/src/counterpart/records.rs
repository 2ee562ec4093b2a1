//! What stands in the documents: one JSON document an order and a refund, and pointers to orders.

use crate::wire::{self, TradeAnswer, Yuan};
use channel::{DocumentFault, DocumentStore};
use ledger::{Fen, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The orders, by when they were first seen, stand under this.
pub(super) const LIST: &str = "alipay/list/";
/// A payment can be given back for a year.
const REFUNDABLE_SECONDS: i64 = 365 * 86_400;

/// An order: behind a QR code it becomes a trade when that is scanned.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) app_id: String,
    /// The app on whose behalf the order was placed; absent in what was written before such apps were known.
    #[serde(default)]
    pub(super) auth_app_id: Option<String>,
    pub(super) seller_id: String,
    pub(super) out_trade_no: String,
    pub(super) total: i64,
    pub(super) subject: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    /// What the seller wants to read in callbacks.
    #[serde(default)]
    pub(super) passback_params: Option<String>,
    pub(super) notify_url: Option<String>,
    /// The payer whom the order names.
    pub(super) buyer: Option<String>,
    pub(super) created_ms: i64,
    pub(super) expires_ms: i64,
    /// The agreement by which it is debited, by the channel's number and by the merchant's.
    #[serde(default)]
    pub(super) agreement_no: Option<String>,
    #[serde(default)]
    pub(super) external_agreement_no: Option<String>,
    /// Its newest code.
    pub(super) qr_code: Option<String>,
    pub(super) state: State,
}

/// A QR code of an order.
#[derive(Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) order_key: String,
    pub(super) made_ms: i64,
}

/// Where an order stands.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// A QR code that nobody has scanned.
    Prepared,
    /// A trade that is not paid yet.
    Open {
        /// Its number.
        trade_no: String,
        /// Why the payer's last try failed.
        last_error: Option<String>,
    },
    /// Closed by the seller, unpaid.
    Closed {
        /// Its number, if it ever was a trade.
        trade_no: Option<String>,
    },
    /// Paid.
    Paid(Paid),
}

/// A payment.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Paid {
    pub(super) trade_no: String,
    pub(super) at_ms: i64,
    pub(super) buyer: String,
    /// How much went back, in fen.
    pub(super) refunded: i64,
}

/// A refund that was carried out.
#[derive(Serialize, Deserialize)]
pub(super) struct Refunding {
    pub(super) amount: i64,
    pub(super) at_ms: i64,
}

/// Where an order stands at a certain time: an open one ends by itself.
pub(super) enum Stage<'a> {
    /// No trade.
    Prepared,
    Open,
    Closed,
    Paid(&'a Paid),
}

impl Order {
    pub(super) fn key(&self) -> String {
        order_key(&self.seller_id, &self.out_trade_no)
    }

    pub(super) fn stage(&self, now: Timestamp) -> Stage<'_> {
        match &self.state {
            State::Paid(paid) => Stage::Paid(paid),
            State::Closed { .. } => Stage::Closed,
            State::Open { .. } | State::Prepared if self.is_over(now) => Stage::Closed,
            State::Open { .. } => Stage::Open,
            State::Prepared => Stage::Prepared,
        }
    }

    /// Whether its time is up.
    pub(super) const fn is_over(&self, now: Timestamp) -> bool {
        now.ms() >= self.expires_ms
    }

    /// The number of the trade, once it is one.
    pub(super) fn trade_no(&self) -> Option<&str> {
        match &self.state {
            State::Prepared => None,
            State::Open { trade_no, .. } => Some(trade_no),
            State::Closed { trade_no } => trade_no.as_deref(),
            State::Paid(paid) => Some(&paid.trade_no),
        }
    }

    pub(super) fn trade_status(&self, now: Timestamp) -> &'static str {
        match self.stage(now) {
            Stage::Prepared => "",
            Stage::Open => "WAIT_BUYER_PAY",
            Stage::Closed => "TRADE_CLOSED",
            Stage::Paid(paid) if paid.refunded >= self.total => "TRADE_CLOSED",
            Stage::Paid(paid) if paid.is_final(now) => "TRADE_FINISHED",
            Stage::Paid(_) => "TRADE_SUCCESS",
        }
    }

    /// The trade as queries show it; `None` of what is not a trade yet.
    pub(super) fn answer(&self, now: Timestamp) -> Option<TradeAnswer> {
        let paid = match self.stage(now) {
            Stage::Paid(paid) => Some(paid),
            Stage::Prepared | Stage::Open | Stage::Closed => None,
        };
        let total = Yuan(Fen::new(self.total));
        Some(TradeAnswer {
            trade_no: self.trade_no()?.to_owned(),
            out_trade_no: self.out_trade_no.clone(),
            trade_status: self.trade_status(now).to_owned(),
            total_amount: total,
            receipt_amount: Some(paid.map_or(Yuan(Fen::ZERO), |_| total)),
            buyer_pay_amount: Some(paid.map_or(Yuan(Fen::ZERO), |_| total)),
            invoice_amount: Some(paid.map_or(Yuan(Fen::ZERO), |_| total)),
            point_amount: Some(Yuan(Fen::ZERO)),
            buyer_user_type: Some("PRIVATE".to_owned()),
            fund_bill_list: None,
            send_pay_date: paid.map(|paid| wire::time_text(Timestamp::from_ms(paid.at_ms))),
            buyer_user_id: paid.map(|paid| paid.buyer.clone()).or_else(|| self.buyer.clone()),
            buyer_logon_id: paid.map(|_| BUYER_LOGON.to_owned()),
        })
    }
}

/// What every payer pays with.
pub(super) const BALANCE: &str = "ALIPAYACCOUNT";
/// How a payer's login is shown.
pub(super) const BUYER_LOGON: &str = "159****5620";

impl Paid {
    /// Whether nothing can be given back any more.
    pub(super) const fn is_final(&self, now: Timestamp) -> bool {
        now.ms() >= self.at_ms + REFUNDABLE_SECONDS * 1000
    }
}

pub(super) fn order_key(seller_id: &str, out_trade_no: &str) -> String {
    format!("alipay/order/{seller_id}/{out_trade_no}")
}

pub(super) fn trade_key(trade_no: &str) -> String {
    format!("alipay/trade/{trade_no}")
}

pub(super) fn code_key(qr_code: &str) -> String {
    format!("alipay/code/{qr_code}")
}

pub(super) fn refund_key(order_key: &str, out_request_no: &str) -> String {
    format!("alipay/refund/{order_key}/{out_request_no}")
}

/// Reads an order or a refund.
pub(super) fn read<T: DeserializeOwned>(
    documents: &dyn DocumentStore,
    key: &str,
) -> Result<Option<T>, DocumentFault> {
    let Some(text) = documents.get(key)? else { return Ok(None) };
    let read = serde_json::from_str(&text);
    read.map(Some)
        .map_err(|error| DocumentFault(format!("unreadable document under {key}: {error}")))
}

/// Follows a pointer to an order.
pub(super) fn follow(
    documents: &dyn DocumentStore,
    pointer: &str,
) -> Result<Option<Order>, DocumentFault> {
    match documents.get(pointer)? {
        Some(key) => read(documents, &key),
        None => Ok(None),
    }
}

/// Writes a document.
pub(super) fn write<T: Serialize>(
    documents: &mut dyn DocumentStore,
    key: &str,
    document: &T,
) -> Result<(), DocumentFault> {
    documents.put(key, &wire::json_text(document))
}

/// Writes an order with the pointers to it.
pub(super) fn keep(documents: &mut dyn DocumentStore, order: &Order) -> Result<(), DocumentFault> {
    let key = order.key();
    if documents.get(&key)?.is_none() {
        documents.put(&format!("{LIST}{:013}/{key}", order.created_ms), &key)?;
    }
    if let Some(trade_no) = order.trade_no() {
        documents.put(&trade_key(trade_no), &key)?;
    }
    write(documents, &key, order)
}
