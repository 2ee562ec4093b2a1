//! A payment order: what was agreed, and where it stands.
//!
//! The states of the wire (facts of the dialect: INIT, PAYING, SUCCESS, PAY_FAIL, CLOSED …) are
//! rendered from [`OrderState`]. [`OrderState::Closing`] is ours: the channel was asked to close and
//! has not said yet that it did; until then the order is as payable as before, and if the channel
//! says paid, it is paid.

mod decide;
mod finding;

pub(crate) use decide::{close, place, run_task};
pub(crate) use finding::record;

use crate::merchant::{MerchantId, TenantId};
use channel::{Operation, PayInfo, Payer, Place, Scene};
use ledger::{Currency, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// How long a call to a channel may keep an order to itself, in milliseconds. Longer than any call
/// can take, so that after it the call has surely ended.
pub const CALL_MAX_MS: i64 = 30_000;

/// Seconds until the next poll of an order whose last poll brought nothing, by number of polls.
pub const POLL_SCHEDULE_SECONDS: [i64; 6] = [60, 120, 300, 600, 900, 1800];

/// The same, where the channel's answer to placing or closing stayed unknown.
pub const RETRY_SCHEDULE_SECONDS: [i64; 6] = [5, 10, 30, 60, 120, 300];

/// Names an order of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// By our id (ChannelOrderId).
    Id(Id<kinds::Order>),
    /// By the merchant's number (OutOrderId).
    MerchantOrderNo(String),
}

/// What was agreed when the order was placed; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whose order it is.
    pub tenant: TenantId,
    /// Our id.
    pub id: Id<kinds::Order>,
    /// The merchant that collects.
    pub merchant: MerchantId,
    /// The merchant's number, unique within the tenant.
    pub merchant_order_no: String,
    /// The dialect that placed it, and that tells the merchant about it.
    pub dialect: Arc<str>,
    /// How much is to be paid.
    pub amount: Fen,
    /// In which currency.
    pub currency: Currency,
    /// Where the payer is.
    pub scene: Scene,
    /// The channel's name.
    pub channel: Arc<str>,
    /// The channel account.
    pub channel_account: Arc<str>,
    /// The title that the payer sees.
    pub subject: String,
    /// Who pays.
    pub payer: Payer,
    /// The channel's coupon mark.
    pub goods_tag: Option<String>,
    /// Where we tell the merchant; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// Where the payer's browser goes after success.
    pub front_url: Option<String>,
    /// Where the channel tells us.
    pub callback_url: Arc<str>,
    /// Everything else that the caller said, in the dialect's own form; opaque here.
    pub details: String,
    /// When the order was placed.
    pub placed_at: Timestamp,
    /// From when on it must not be payable.
    pub expires_at: Timestamp,
}

/// Why an order is being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closure {
    /// Its time is up.
    Expired,
    /// The merchant asked.
    Asked,
    /// The channel refused to place it, and it is not known what became of an earlier try.
    Refused,
}

impl Closure {
    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Closure::Expired => "expired",
            Closure::Asked => "asked",
            Closure::Refused => "refused",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Closure> {
        [Closure::Expired, Closure::Asked, Closure::Refused]
            .into_iter()
            .find(|closure| closure.name() == name)
    }
}

/// The payment that an order took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// When the payer paid, by the channel's clock.
    pub at: Timestamp,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// What the payer really paid after coupons; the order's amount where the channel does not say.
    pub payer_amount: Fen,
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Recorded; the channel has not confirmed it yet.
    Init,
    /// The payer can pay.
    Paying(PayInfo),
    /// The channel was asked to close it; not confirmed yet.
    Closing(Closure),
    /// Paid.
    Paid(Paid),
    /// Placing failed, paying failed, or it expired unpaid.
    Failed {
        /// When that was decided.
        at: Timestamp,
        /// Why, for the merchant.
        reason: String,
    },
    /// Closed on the merchant's request.
    Closed {
        /// When that was confirmed.
        at: Timestamp,
    },
}

impl OrderState {
    /// The word in storage, listings and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            OrderState::Init => "init",
            OrderState::Paying(_) => "paying",
            OrderState::Closing(_) => "closing",
            OrderState::Paid(_) => "paid",
            OrderState::Failed { .. } => "failed",
            OrderState::Closed { .. } => "closed",
        }
    }

    /// True when nothing more is expected of the payer.
    pub const fn is_final(&self) -> bool {
        match self {
            OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => false,
            OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => true,
        }
    }

    /// Whether a change from this state to `next` is legal.
    pub const fn may_become(&self, next: &OrderState) -> bool {
        match (self, next) {
            (OrderState::Init | OrderState::Paying(_), OrderState::Paying(_))
            | (OrderState::Init | OrderState::Paying(_), OrderState::Closing(_))
            | (OrderState::Closing(Closure::Expired), OrderState::Closing(Closure::Expired)) => {
                true
            }
            (
                OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_),
                OrderState::Paid(_) | OrderState::Failed { .. },
            ) => true,
            (OrderState::Closing(Closure::Asked), OrderState::Closed { .. }) => true,
            (
                OrderState::Init
                | OrderState::Paying(_)
                | OrderState::Closing(_)
                | OrderState::Paid(_)
                | OrderState::Failed { .. }
                | OrderState::Closed { .. },
                OrderState::Init
                | OrderState::Paying(_)
                | OrderState::Closing(_)
                | OrderState::Paid(_)
                | OrderState::Failed { .. }
                | OrderState::Closed { .. },
            ) => false,
        }
    }
}

/// A call to the channel that has the order to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlightCall {
    /// What is being asked.
    pub operation: Operation,
    /// When the call has ended at the latest.
    pub until: Timestamp,
}

/// Money that came for this order and could not be taken; it is on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnappliedPayment {
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// How much came.
    pub amount: Fen,
    /// The refund that gives it back.
    pub refund: Id<kinds::Refund>,
}

/// A payment order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What was agreed.
    pub terms: Arc<Terms>,
    /// Counts its changes; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: OrderState,
    /// The call that has it to itself, if any.
    pub in_flight: Option<InFlightCall>,
    /// Polls of the channel since the state last changed.
    pub polls: u32,
    /// Money that could not be taken.
    pub unapplied: Vec<UnappliedPayment>,
}

impl Order {
    /// Our number for it at the channel. It is the id: unique in the installation and known before
    /// the first call.
    pub fn channel_order_no(&self) -> String {
        self.terms.id.to_string()
    }

    /// The id inside a number that a channel sent back.
    pub fn id_of_channel_no(number: &str) -> Option<Id<kinds::Order>> {
        Id::parse(number).ok()
    }

    /// True while a call has the order to itself.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.in_flight.is_some_and(|in_flight| now < in_flight.until)
    }

    /// True when the order's time is up and nobody has settled yet what became of it.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        !self.state.is_final() && now >= self.terms.expires_at
    }

    /// The instruction that places it; the same in every repeat.
    pub fn placing(&self) -> Place {
        let terms = &self.terms;
        Place {
            channel_order_no: self.channel_order_no(),
            amount: terms.amount,
            currency: terms.currency,
            scene: terms.scene,
            subject: terms.subject.clone(),
            payer: terms.payer.clone(),
            goods_tag: terms.goods_tag.clone(),
            placed_at: terms.placed_at,
            expires_at: terms.expires_at,
            callback_url: terms.callback_url.to_string(),
            front_url: terms.front_url.clone(),
        }
    }
}

/// A new order as a dialect describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose.
    pub tenant: TenantId,
    /// The merchant that collects.
    pub merchant: MerchantId,
    /// The merchant's number.
    pub merchant_order_no: String,
    /// The dialect that places it, and that will tell the merchant about it.
    pub dialect: Arc<str>,
    /// How much.
    pub amount: Fen,
    /// In which currency.
    pub currency: Currency,
    /// Where the payer is.
    pub scene: Scene,
    /// The channel's name.
    pub channel: String,
    /// The title.
    pub subject: String,
    /// Who pays.
    pub payer: Payer,
    /// The channel's coupon mark.
    pub goods_tag: Option<String>,
    /// Where we tell the merchant.
    pub notify_url: Option<String>,
    /// Where the payer's browser goes after success.
    pub front_url: Option<String>,
    /// Everything else that the caller said, in the dialect's own form.
    pub details: String,
    /// From when on it must not be payable; `None` for the default of 30 minutes.
    pub expires_at: Option<Timestamp>,
}

/// How long an order lives when its caller does not say, in seconds.
pub const DEFAULT_LIFE_SECONDS: i64 = 30 * 60;
