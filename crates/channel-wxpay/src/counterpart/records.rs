//! What stands in the documents: one JSON document an order and a refund, pointers to them, and a
//! journal of what happened to money, for bills.

mod store;

pub(super) use store::*;

use crate::counterpart::route::Trade;
use crate::counterpart::sharing::Frozen;
use crate::v2::sign::SignType;
use crate::wire::{self, PaidAmount, Parties, PayerIds, Promotion, SceneInfo, Transaction};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// An h5 link works for five minutes.
const H5_LINK_SECONDS: i64 = 300;
/// A prepay id and a code link work for two hours.
const PREPAY_SECONDS: i64 = 7_200;

/// An order.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) trade: Trade,
    pub(super) parties: Parties,
    pub(super) out_trade_no: String,
    /// Of the order as it was placed, to know a repeat from a change.
    pub(super) fingerprint: String,
    pub(super) total: i64,
    #[serde(default)]
    pub(super) description: String,
    pub(super) attach: Option<String>,
    /// Where the callback goes. A scanned code's order has none.
    pub(super) notify_url: Option<String>,
    pub(super) payer: Option<PayerIds>,
    pub(super) device_id: Option<String>,
    pub(super) expires_ms: i64,
    pub(super) prepay_id: String,
    pub(super) prepay_ms: i64,
    /// The coupon that paid a part.
    #[serde(default)]
    pub(super) coupon: Option<Promotion>,
    /// Of a QR code, the part that works now.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// Whether its money stays frozen, to be shared.
    #[serde(default)]
    pub(super) is_shared: bool,
    /// What its messages are signed with; `None` of an order that was placed by v3.
    #[serde(default)]
    pub(super) v2: Option<SignType>,
    /// The agreement by which it is debited.
    #[serde(default)]
    pub(super) contract_id: Option<String>,
    pub(super) state: State,
}

/// What coupons paid, in fen.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Discount {
    pub(super) amount: i64,
    /// What of it the merchant bears: it is not settled.
    pub(super) unsettled: i64,
}

impl Discount {
    /// What of it is settled: its money was paid in before.
    pub(super) const fn settled(self) -> i64 {
        self.amount - self.unsettled
    }

    /// The part of it that falls to so much of the whole.
    fn share(self, part: i64, whole: i64) -> Discount {
        let share = |fen: i64| {
            let share = i128::from(fen) * i128::from(part) / i128::from(whole.max(1));
            i64::try_from(share).unwrap_or(fen)
        };
        Discount { amount: share(self.amount), unsettled: share(self.unsettled) }
    }
}

/// Where an order stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Not paid yet.
    Open {
        /// Why the payer's last try failed.
        last_error: Option<String>,
    },
    /// The payer whose code was scanned types a password.
    Typing {
        /// The scanned code.
        code: String,
    },
    /// The payment with a scanned code failed.
    Failed {
        /// Why.
        why: String,
    },
    /// Closed by the merchant.
    Closed,
    /// Paid.
    Paid(Paid),
    /// Reversed by the merchant.
    Revoked {
        /// The payment that went back, if there was one.
        paid: Option<Paid>,
    },
}

/// A payment.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Paid {
    pub(super) transaction_id: String,
    pub(super) at_ms: i64,
    pub(super) payer: PayerIds,
    pub(super) bank_type: String,
    /// How much went back, in fen.
    pub(super) refunded: i64,
    pub(super) refund_count: u32,
    /// Of an order whose money is shared.
    #[serde(default)]
    pub(super) frozen: Option<Frozen>,
}

/// Where an order stands at a certain time: an open one ends by itself.
pub(super) enum Stage<'a> {
    Open,
    Typing,
    Failed(&'a str),
    Closed,
    Paid(&'a Paid),
    Revoked(Option<&'a Paid>),
}

/// A refund.
#[derive(Serialize, Deserialize)]
pub(super) struct Refunding {
    pub(super) order_key: String,
    pub(super) sub_mchid: Option<String>,
    pub(super) refund_id: String,
    pub(super) out_refund_no: String,
    pub(super) transaction_id: String,
    pub(super) out_trade_no: String,
    pub(super) refund: i64,
    pub(super) total: i64,
    /// What coupons had paid of the order.
    #[serde(default)]
    pub(super) order_discount: Discount,
    /// What of the refund goes back to coupons.
    #[serde(default)]
    pub(super) discount: Discount,
    pub(super) created_ms: i64,
    /// What it comes to.
    #[serde(default)]
    pub(super) end: End,
    #[serde(default)]
    pub(super) notify_url: Option<String>,
    /// Where the money went after the payer's account had refused it.
    #[serde(default)]
    pub(super) remitted: Option<Remitted>,
}

/// A refund's way to a bank card.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Remitted {
    pub(super) at_ms: i64,
    /// The card as answers show it.
    pub(super) account: String,
}

/// An entry of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// A payment.
    Paid { at_ms: i64, order_key: String },
    /// A refund that was taken.
    Refunded { at_ms: i64, refund_key: String },
    /// A payment that the merchant reversed.
    Reversed { at_ms: i64, refund_key: String },
    /// A share whose items are final.
    Shared { at_ms: i64, share_key: String },
    /// The return of a share.
    Returned { at_ms: i64, return_key: String },
}

impl Entry {
    pub(super) const fn at_ms(&self) -> i64 {
        match self {
            Entry::Paid { at_ms, .. }
            | Entry::Refunded { at_ms, .. }
            | Entry::Reversed { at_ms, .. }
            | Entry::Shared { at_ms, .. }
            | Entry::Returned { at_ms, .. } => *at_ms,
        }
    }
}

/// What a refund comes to once it was taken.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// The money is back.
    #[default]
    Done,
    /// It does not end.
    Processing,
    /// There was no refund after all.
    Closed,
    /// The payer's account took no money.
    Abnormal,
}

impl Order {
    pub(super) fn stage(&self, now: Timestamp) -> Stage<'_> {
        match &self.state {
            State::Open { .. } if self.expires_ms <= now.ms() => Stage::Closed,
            State::Open { .. } => Stage::Open,
            State::Typing { .. } => Stage::Typing,
            State::Failed { why } => Stage::Failed(why),
            State::Closed => Stage::Closed,
            State::Paid(paid) => Stage::Paid(paid),
            State::Revoked { paid } => Stage::Revoked(paid.as_ref()),
        }
    }

    /// The payment, even if it went back.
    pub(super) const fn payment(&self) -> Option<&Paid> {
        match &self.state {
            State::Paid(paid) => Some(paid),
            State::Revoked { paid } => paid.as_ref(),
            State::Open { .. } | State::Typing { .. } | State::Failed { .. } | State::Closed => {
                None
            }
        }
    }

    /// The link in a QR code.
    pub(super) fn code_url(&self) -> Option<String> {
        self.code.as_ref().map(|code| format!("weixin://wxpay/bizpayurl?pr={code}"))
    }

    /// Whether what the client got to pay with still works.
    pub(super) fn prepay_is_current(&self, now: Timestamp) -> bool {
        let seconds = match self.trade {
            Trade::H5 => H5_LINK_SECONDS,
            Trade::Jsapi | Trade::Native | Trade::App | Trade::Micropay | Trade::Papay => {
                PREPAY_SECONDS
            }
        };
        now < Timestamp::from_ms(self.prepay_ms).plus_seconds(seconds)
    }

    /// The number of the merchant who signs: the service provider's where there is one.
    pub(super) fn mchid(&self) -> &str {
        let Parties { mchid, sp_mchid, .. } = &self.parties;
        sp_mchid.as_deref().or(mchid.as_deref()).unwrap_or_default()
    }

    /// The number of the merchant whose money it is.
    pub(super) fn payee(&self) -> &str {
        self.parties.sub_mchid.as_deref().unwrap_or(self.mchid())
    }

    /// What of it the channel settles.
    pub(super) fn settled(&self) -> i64 {
        self.total - self.discount().unsettled
    }

    /// The app in which the payer pays.
    pub(super) fn client_appid(&self) -> &str {
        let Parties { appid, sp_appid, sub_appid, .. } = &self.parties;
        let app = sub_appid.as_deref().or(sp_appid.as_deref()).or(appid.as_deref());
        app.unwrap_or_default()
    }

    pub(super) fn key(&self) -> String {
        order_key(self.mchid(), &self.out_trade_no)
    }

    /// What coupons paid of it.
    pub(super) fn discount(&self) -> Discount {
        let Some(coupon) = &self.coupon else { return Discount::default() };
        let is_settled = coupon.kind.as_deref() == Some(wire::CASH);
        let unsettled = if is_settled { 0 } else { coupon.amount };
        Discount { amount: coupon.amount, unsettled }
    }

    /// What of the next refund goes back to coupons, so that all refunds together give back all.
    pub(super) fn discount_of_refund(&self, refunded: i64, refund: i64) -> Discount {
        let all = self.discount();
        let before = all.share(refunded, self.total);
        let after = all.share(refunded.saturating_add(refund), self.total);
        Discount {
            amount: after.amount - before.amount,
            unsettled: after.unsettled - before.unsettled,
        }
    }

    /// What the payer pays.
    pub(super) fn payer_total(&self) -> i64 {
        self.total - self.discount().amount
    }

    /// The transaction object of queries and callbacks.
    pub(super) fn transaction(&self, now: Timestamp) -> Transaction {
        match self.stage(now) {
            Stage::Open => self.unpaid("NOTPAY", "订单未支付"),
            Stage::Typing => self.unpaid("USERPAYING", "用户支付中，需要输入密码"),
            Stage::Failed(why) => self.unpaid("PAYERROR", why),
            Stage::Closed => self.unpaid("CLOSED", "订单已关闭"),
            Stage::Paid(paid) if paid.refund_count > 0 => {
                self.paid(paid, "REFUND", "订单发生过退款，退款详情请查询退款单")
            }
            Stage::Paid(paid) => self.paid(paid, "SUCCESS", "支付成功"),
            Stage::Revoked(Some(paid)) => self.paid(paid, "REVOKED", "订单已撤销"),
            Stage::Revoked(None) => self.unpaid("REVOKED", "订单已撤销"),
        }
    }

    fn unpaid(&self, trade_state: &str, description: &str) -> Transaction {
        Transaction {
            parties: self.parties.clone(),
            out_trade_no: self.out_trade_no.clone(),
            transaction_id: None,
            trade_type: None,
            trade_state: trade_state.to_owned(),
            trade_state_desc: Some(description.to_owned()),
            bank_type: None,
            attach: None,
            success_time: None,
            payer: None,
            amount: Some(PaidAmount {
                total: Some(self.total),
                payer_currency: Some("CNY".to_owned()),
                ..PaidAmount::default()
            }),
            scene_info: Some(device(self.device_id.clone().unwrap_or_default())),
            promotion_detail: None,
        }
    }

    fn paid(&self, paid: &Paid, trade_state: &str, description: &str) -> Transaction {
        Transaction {
            transaction_id: Some(paid.transaction_id.clone()),
            trade_type: Some(self.trade.trade_type().to_owned()),
            bank_type: Some(paid.bank_type.clone()),
            attach: Some(self.attach.clone().unwrap_or_default()),
            success_time: Some(wire::time_text(Timestamp::from_ms(paid.at_ms))),
            payer: Some(paid.payer.clone()),
            amount: Some(PaidAmount {
                total: Some(self.total),
                payer_total: Some(self.payer_total()),
                currency: Some("CNY".to_owned()),
                payer_currency: Some("CNY".to_owned()),
            }),
            scene_info: self.device_id.clone().map(device),
            promotion_detail: self.coupon.clone().map(|coupon| vec![coupon]),
            ..self.unpaid(trade_state, description)
        }
    }
}

fn device(device_id: String) -> SceneInfo {
    SceneInfo { device_id: Some(device_id), ..SceneInfo::default() }
}
