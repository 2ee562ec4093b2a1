//! Whole orders and refunds.

use super::call::InFlightCallBody;
use super::state::{RefundStateBody, StateBody};
use super::word;
use channel::{Payer, Scene};
use kernel::{MerchantId, Order, Refund, TenantId, Terms, UnappliedPayment};
use ledger::{Currency, Fen, Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
pub(super) struct OrderBody<'a> {
    #[serde(borrow)]
    terms: TermsBody<'a>,
    version: i64,
    state: &'a str,
    #[serde(borrow)]
    mutable: StateBody<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_flight: Option<InFlightCallBody<'a>>,
    polls: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unapplied: Vec<UnappliedBody<'a>>,
}

impl<'a> OrderBody<'a> {
    pub(super) fn of(order: &'a Order) -> OrderBody<'a> {
        OrderBody {
            terms: TermsBody::of(&order.terms),
            version: order.version,
            state: order.state.name(),
            mutable: StateBody::of(&order.state),
            in_flight: order.in_flight.map(InFlightCallBody::of),
            polls: order.polls,
            unapplied: order.unapplied.iter().map(UnappliedBody::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<Order, String> {
        Ok(Order {
            terms: Arc::new(self.terms.read()?),
            version: self.version,
            state: self.mutable.read(self.state).ok_or("state does not fit")?,
            in_flight: self.in_flight.map(InFlightCallBody::read).transpose()?,
            polls: self.polls,
            unapplied: self.unapplied.into_iter().map(UnappliedBody::read).collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct TermsBody<'a> {
    tenant: Cow<'a, str>,
    id: i64,
    dialect: Cow<'a, str>,
    merchant: Cow<'a, str>,
    merchant_order_no: Cow<'a, str>,
    amount: i64,
    currency: &'a str,
    scene: &'a str,
    channel: Cow<'a, str>,
    channel_account: Cow<'a, str>,
    subject: Cow<'a, str>,
    #[serde(borrow)]
    payer: PayerBody<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    goods_tag: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify_url: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    front_url: Option<Cow<'a, str>>,
    callback_url: Cow<'a, str>,
    details: Cow<'a, str>,
    placed_at: i64,
    expires_at: i64,
}

impl<'a> TermsBody<'a> {
    fn of(terms: &'a Terms) -> TermsBody<'a> {
        TermsBody {
            tenant: Cow::Borrowed(terms.tenant.as_str()),
            id: terms.id.value(),
            dialect: Cow::Borrowed(&terms.dialect),
            merchant: Cow::Borrowed(terms.merchant.as_str()),
            merchant_order_no: Cow::Borrowed(&terms.merchant_order_no),
            amount: terms.amount.get(),
            currency: terms.currency.code(),
            scene: terms.scene.name(),
            channel: Cow::Borrowed(&terms.channel),
            channel_account: Cow::Borrowed(&terms.channel_account),
            subject: Cow::Borrowed(&terms.subject),
            payer: PayerBody::of(&terms.payer),
            goods_tag: terms.goods_tag.as_deref().map(Cow::Borrowed),
            notify_url: terms.notify_url.as_deref().map(Cow::Borrowed),
            front_url: terms.front_url.as_deref().map(Cow::Borrowed),
            callback_url: Cow::Borrowed(&terms.callback_url),
            details: Cow::Borrowed(&terms.details),
            placed_at: terms.placed_at.ms(),
            expires_at: terms.expires_at.ms(),
        }
    }

    fn read(self) -> Result<Terms, String> {
        Ok(Terms {
            tenant: TenantId::new(&self.tenant),
            id: Id::from_value(self.id),
            dialect: Arc::from(&*self.dialect),
            merchant: MerchantId::new(&self.merchant),
            merchant_order_no: self.merchant_order_no.into_owned(),
            amount: Fen::new(self.amount),
            currency: word(Currency::from_code, self.currency, "currency")?,
            scene: word(Scene::from_name, self.scene, "scene")?,
            channel: Arc::from(&*self.channel),
            channel_account: Arc::from(&*self.channel_account),
            subject: self.subject.into_owned(),
            payer: self.payer.read(),
            goods_tag: self.goods_tag.map(Cow::into_owned),
            notify_url: self.notify_url.map(Cow::into_owned),
            front_url: self.front_url.map(Cow::into_owned),
            callback_url: Arc::from(&*self.callback_url),
            details: self.details.into_owned(),
            placed_at: Timestamp::from_ms(self.placed_at),
            expires_at: Timestamp::from_ms(self.expires_at),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct PayerBody<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_ip: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_id: Option<Cow<'a, str>>,
}

impl<'a> PayerBody<'a> {
    fn of(payer: &'a Payer) -> PayerBody<'a> {
        PayerBody {
            app_id: payer.app_id.as_deref().map(Cow::Borrowed),
            user_id: payer.user_id.as_deref().map(Cow::Borrowed),
            client_ip: payer.client_ip.as_deref().map(Cow::Borrowed),
            device_id: payer.device_id.as_deref().map(Cow::Borrowed),
        }
    }

    fn read(self) -> Payer {
        Payer {
            app_id: self.app_id.map(Cow::into_owned),
            user_id: self.user_id.map(Cow::into_owned),
            client_ip: self.client_ip.map(Cow::into_owned),
            device_id: self.device_id.map(Cow::into_owned),
        }
    }
}

/// Money that an order could not take; also the JSON of the column `unapplied`.
#[derive(Serialize, Deserialize)]
pub(in crate::rows) struct UnappliedBody<'a> {
    payment_reference: Cow<'a, str>,
    amount: i64,
    refund: i64,
}

impl<'a> UnappliedBody<'a> {
    fn of(unapplied: &'a UnappliedPayment) -> UnappliedBody<'a> {
        UnappliedBody {
            payment_reference: Cow::Borrowed(&unapplied.payment_reference),
            amount: unapplied.amount.get(),
            refund: unapplied.refund.value(),
        }
    }

    fn read(self) -> UnappliedPayment {
        UnappliedPayment {
            payment_reference: self.payment_reference.into_owned(),
            amount: Fen::new(self.amount),
            refund: Id::from_value(self.refund),
        }
    }

    /// The list as one JSON text.
    pub(in crate::rows) fn list_text(unapplied: &[UnappliedPayment]) -> String {
        let bodies: Vec<UnappliedBody<'_>> = unapplied.iter().map(UnappliedBody::of).collect();
        serde_json::to_string(&bodies).expect("texts and numbers are always JSON")
    }

    /// Reads the list.
    pub(in crate::rows) fn read_list(text: &str) -> Result<Vec<UnappliedPayment>, String> {
        let bodies: Vec<UnappliedBody<'_>> = super::parse(text)?;
        Ok(bodies.into_iter().map(UnappliedBody::read).collect())
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RefundBody<'a> {
    tenant: Cow<'a, str>,
    id: i64,
    order: i64,
    payment_reference: Cow<'a, str>,
    amount: i64,
    made_at: i64,
    version: i64,
    state: &'a str,
    #[serde(borrow)]
    mutable: RefundStateBody<'a>,
    polls: u32,
}

impl<'a> RefundBody<'a> {
    pub(super) fn of(refund: &'a Refund) -> RefundBody<'a> {
        RefundBody {
            tenant: Cow::Borrowed(refund.tenant.as_str()),
            id: refund.id.value(),
            order: refund.order.value(),
            payment_reference: Cow::Borrowed(&refund.payment_reference),
            amount: refund.amount.get(),
            made_at: refund.made_at.ms(),
            version: refund.version,
            state: refund.state.name(),
            mutable: RefundStateBody::of(&refund.state),
            polls: refund.polls,
        }
    }

    pub(super) fn read(self) -> Result<Refund, String> {
        Ok(Refund {
            tenant: TenantId::new(&self.tenant),
            id: Id::from_value(self.id),
            order: Id::from_value(self.order),
            payment_reference: self.payment_reference.into_owned(),
            amount: Fen::new(self.amount),
            made_at: Timestamp::from_ms(self.made_at),
            version: self.version,
            state: self.mutable.read(self.state).ok_or("state does not fit")?,
            polls: self.polls,
        })
    }
}
