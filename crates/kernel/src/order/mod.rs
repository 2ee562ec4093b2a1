//! A payment order: what was agreed, and where it stands.
//!
//! The states of the wire (facts of the dialect: INIT, PAYING, SUCCESS, PAY_FAIL, CLOSED …) are
//! rendered from [`OrderState`]. [`OrderState::Closing`] is ours: the channel was asked to close and
//! has not confirmed it yet; until then the order is as payable as before, and if the channel reports
//! it paid, it is paid.

mod by_code;
mod change;
mod debit;
mod decide;
mod finding;
mod freeze;
mod funds;
mod operator;
mod polls;

pub use by_code::{CANCEL_AFTER_SECONDS, CANCEL_EARLIEST_SECONDS, CODE_POLL_SECONDS};
pub use change::OrderChange;
pub use debit::Debit;
pub use decide::{OrderCommand, PlaceOrder};
pub(crate) use decide::{place_new, repeat};
pub(crate) use finding::{CHANNEL_LAG_SECONDS, channel_answer};
pub use funds::{AllocatePeriod, AllocationTerms, OrderFunds, OrderSharing, ShareAmount, Splits};
pub use polls::{
    CONTRADICTION_SCHEDULE_SECONDS, FINAL_POLL_SECONDS, POLL_SCHEDULE_SECONDS,
    RETRY_SCHEDULE_SECONDS,
};

use crate::aggregate::{About, Aggregate, Key, NaturalKey, Reads};
use crate::agreement::DebitFault;
use crate::allocation::Allocation;
use crate::channel_no::channel_no;
use crate::command::{ChannelAnswer, Refusal, Reply, Work};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::refund;
use crate::share::{self, ShareRefusal};
use crate::standing::{Attention, Exit, Standing};
use crate::wallet::WalletRefusal;
use crate::wallet_payment::{WalletPayment, WalletUse};
use channel::{
    Cancel, Finding, Instruction, Operation, PayForm, PayInfo, Payer, PaymentCode, Place,
    PlacedOrder, Scene, TextField,
};
use ledger::{Account, AccountKind, Currency, Fen, Id, Timestamp, kinds};
use std::fmt;
use std::sync::Arc;

/// How long a call to a channel may keep an order to itself, in milliseconds. Longer than any call
/// can take, so that the call has certainly ended after it.
pub const CALL_MAX_MS: i64 = 30_000;

/// How long an order lives when its caller does not state it, in seconds.
pub const DEFAULT_LIFE_SECONDS: i64 = 30 * 60;

/// What a caller requested, as its dialect describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// The merchant that collects.
    pub merchant: MerchantId,
    /// Whose numbering the merchant's number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// The merchant's number.
    pub merchant_order_no: String,
    /// The dialect that placed it, and that notifies the merchant of it.
    pub dialect: Arc<str>,
    /// The amount to pay.
    pub amount: Fen,
    /// Its currency.
    pub currency: Currency,
    /// Where the payer is.
    pub scene: Scene,
    /// The title that the payer sees.
    pub subject: String,
    /// Who pays.
    pub payer: Payer,
    /// The channel's coupon mark.
    pub goods_tag: Option<String>,
    /// Where we notify the merchant; `None` when it did not ask.
    pub notify_url: Option<String>,
    /// Where the payer's browser goes after success.
    pub front_url: Option<String>,
    /// How the money is divided once it is paid.
    pub splits: Splits,
    /// What is bought with it, where that is stored value; `None` of goods.
    pub recharge: Option<Id<kinds::Recharge>>,
    /// What of a wallet pays for it; `None` where a channel outside does.
    pub wallet: Option<WalletUse>,
    /// Everything else that the caller sent, in the dialect's own form; opaque here.
    pub details: String,
    /// A digest of the members that a repeat must not change, made by the dialect, which knows them:
    /// payer, notification URL, expiry, splits …
    pub content: String,
}

/// What was agreed when the order was placed; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The owner of the order.
    pub tenant: TenantId,
    /// Our id.
    pub id: Id<kinds::Order>,
    /// Our number for it at the channel: committed before the first call, the same in every repeat.
    pub channel_order_no: String,
    /// What the caller requested.
    pub request: Arc<OrderRequest>,
    /// The channel's name.
    pub channel: Arc<str>,
    /// The channel account.
    pub channel_account: Arc<str>,
    /// Who the account was at the channel when the order was placed. The order lives there: no call is
    /// made, and no finding believed, through an account that has become somebody else.
    pub channel_identity: Arc<str>,
    /// Where the channel sends its callbacks.
    pub callback_url: Arc<str>,
    /// When the order was placed.
    pub placed_at: Timestamp,
    /// From when on it must not be payable.
    pub expires_at: Timestamp,
    /// How it is debited, where an agreement pays it.
    pub debit: Option<Debit>,
}

impl Terms {
    /// How the account through which a finding came differs from the order's, if it does.
    pub(crate) fn differs_from<K>(
        &self,
        about: &About<'_, K>,
        finding: &Finding,
    ) -> Option<String> {
        let found = match finding {
            Finding::Paid(payment) => {
                format!("paid, {} as {}", payment.amount, payment.payment_reference)
            }
            other => other.name().to_owned(),
        };
        if *self.channel_account != *about.channel_account {
            let (account, expected) = (about.channel_account, &self.channel_account);
            return Some(format!("channel account {account} reported {found}, want {expected}"));
        }
        (*self.channel_identity != *about.channel_identity).then(|| {
            let (account, is) = (about.channel_account, about.channel_identity);
            let was = &self.channel_identity;
            format!("channel account {account} is now {is} and reported {found}, want {was}")
        })
    }
}

/// Why an order is being closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Closure {
    /// Its time is up.
    Expired,
    /// The merchant asked.
    Asked,
    /// It is not known whether the payer's code was charged.
    OutcomeUnknown,
    /// The channel refused to place it, and it is not known what became of an earlier try.
    Refused {
        /// The channel's code and text, for the merchant.
        reason: String,
    },
}

impl Closure {
    /// The word for each, for documents and tests.
    pub const NAMES: [&'static str; 4] = ["expired", "asked", "outcome_unknown", "refused"];

    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            Closure::Expired => "expired",
            Closure::Asked => "asked",
            Closure::OutcomeUnknown => "outcome_unknown",
            Closure::Refused { .. } => "refused",
        }
    }

    /// The channel's code and text, where it refused.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Closure::Expired | Closure::Asked | Closure::OutcomeUnknown => None,
            Closure::Refused { reason } => Some(reason),
        }
    }

    /// Reads the word and what belongs to it.
    pub fn read(name: &str, reason: Option<&str>) -> Option<Closure> {
        match (name, reason) {
            ("expired", None) => Some(Closure::Expired),
            ("asked", None) => Some(Closure::Asked),
            ("outcome_unknown", None) => Some(Closure::OutcomeUnknown),
            ("refused", Some(reason)) => Some(Closure::Refused { reason: reason.to_owned() }),
            _ => None,
        }
    }
}

/// The payment that an order took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// When the payer paid, by the channel's clock.
    pub at: Timestamp,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The amount that was booked: the order's, or what the channel reported where an operator took
    /// that for the payment.
    pub amount: Fen,
    /// What of it the channel settles: all but the coupons that the merchant itself bears.
    pub settled_amount: Fen,
    /// What the payer really paid after coupons; the order's amount where the channel does not state
    /// it.
    pub payer_amount: Fen,
}

/// The pay info of an order, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPayInfo {
    /// Its form.
    pub form: PayForm,
    /// Its text, kept only in the row of an order that can be paid. Events do not have it, so an order
    /// that is rebuilt from its events lacks it.
    pub text: Option<String>,
    /// Until when it works.
    pub valid_until: Timestamp,
}

impl KnownPayInfo {
    /// True while a payer can pay with it. Where it is not usable, the channel is asked again under
    /// the same number.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.text.is_some() && now < self.valid_until
    }
}

impl From<PayInfo> for KnownPayInfo {
    fn from(pay_info: PayInfo) -> KnownPayInfo {
        let PayInfo { form, text, valid_until } = pay_info;
        KnownPayInfo { form, text: Some(text), valid_until }
    }
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Recorded; the channel has not confirmed it yet.
    Init,
    /// The payer can pay.
    Paying(KnownPayInfo),
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
    /// Closed at the merchant's request.
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
            // A final state stays.
            (OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. }, _) => {
                false
            }
            (_, OrderState::Init) => false,
            (
                OrderState::Init | OrderState::Paying(_),
                OrderState::Paying(_) | OrderState::Closing(_),
            )
            | (OrderState::Closing(Closure::Expired), OrderState::Closing(Closure::Expired)) => {
                true
            }
            (OrderState::Closing(_), OrderState::Paying(_) | OrderState::Closing(_)) => false,
            (_, OrderState::Paid(_) | OrderState::Failed { .. }) => true,
            // Only a merchant's request ends in Closed; everything else that ends unpaid has failed.
            (OrderState::Closing(Closure::Asked), OrderState::Closed { .. }) => true,
            (
                OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_),
                OrderState::Closed { .. },
            ) => false,
        }
    }
}

/// A call to the channel that has the order to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlightCall {
    /// What is being asked.
    pub operation: Operation,
    /// When the call has certainly ended.
    pub until: Timestamp,
}

/// How far a cancel of the order at its channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelState {
    /// It was sent; what the channel did is not known.
    Sent,
    /// The channel has answered it.
    Answered,
}

impl CancelState {
    /// The word in storage.
    pub const fn name(self) -> &'static str {
        match self {
            CancelState::Sent => "sent",
            CancelState::Answered => "answered",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<CancelState> {
        let all = [CancelState::Sent, CancelState::Answered];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// Money that came for this order and could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnappliedPayment {
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The amount of the payment.
    pub amount: Fen,
    /// What of it the channel settles: all but the coupons that the merchant itself bears.
    pub settled_amount: Fen,
    /// What became of it.
    pub outcome: UnappliedOutcome,
}

/// What became of unapplied money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnappliedOutcome {
    /// This refund gives it back.
    Refund(Id<kinds::Refund>),
    /// Somebody gave it back outside the channel's interface.
    SettledByHand {
        /// The number of that movement, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// A cancel of the order gave it back.
    Reversed,
    /// It is not given back.
    WrittenOff {
        /// What the operator noted.
        note: String,
    },
}

/// A payment that the channel reports under the order's number, with another amount or currency. An
/// operator takes it for the order's payment, gives it back, or ends it otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContestedPayment {
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The amount that the channel reports.
    pub amount: Fen,
    /// What of it the channel settles: all but the coupons that the merchant itself bears.
    pub settled_amount: Fen,
    /// Its currency.
    pub currency: Currency,
    /// What the payer really paid after coupons, when the channel states it.
    pub payer_amount: Option<Fen>,
    /// When it was paid, by the channel's clock.
    pub at: Timestamp,
}

/// A payment order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What was agreed.
    pub terms: Arc<Terms>,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: OrderState,
    /// True once the channel confirmed that the order stands there. From then on "not found" is a
    /// contradiction, not an end.
    pub is_confirmed: bool,
    /// The call that has it to itself, if any.
    pub in_flight: Option<InFlightCall>,
    /// How far its last cancel is, once there was one.
    pub cancel: Option<CancelState>,
    /// What of the paid money went elsewhere, or is reserved to go.
    pub funds: OrderFunds,
    /// How far it is shared.
    pub sharing: OrderSharing,
    /// Polls of the channel since the state last changed, or since it needs a person.
    pub polls: u32,
    /// When it is polled next; `None` when it is settled, or only a person can bring it further.
    pub next_poll_at: Option<Timestamp>,
    /// Money that could not be taken.
    pub unapplied: Vec<UnappliedPayment>,
    /// The payment that contradicts the order, until a person decides about it. The first stays; the
    /// story has them all.
    pub contested: Option<ContestedPayment>,
    /// What an operator noted when ending what could not end by itself.
    pub note: Option<String>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
}

/// A part of an order that a repeat must not change. A dialect knows its own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderField {
    /// The merchant.
    Merchant,
    /// The amount.
    Amount,
    /// The currency.
    Currency,
    /// The scene.
    Scene,
    /// The channel.
    Channel,
    /// Who pays.
    Payer,
    /// Where the merchant is notified.
    NotifyUrl,
    /// From when on it must not be payable.
    Expiry,
    /// Anything else that its dialect calls content.
    Details,
}

impl fmt::Display for OrderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OrderField::Merchant => "merchant",
            OrderField::Amount => "amount",
            OrderField::Currency => "currency",
            OrderField::Scene => "scene",
            OrderField::Channel => "channel",
            OrderField::Payer => "payer",
            OrderField::NotifyUrl => "notification URL",
            OrderField::Expiry => "expiry",
            OrderField::Details => "content",
        })
    }
}

const fn no_route(has_channel: bool) -> &'static str {
    match has_channel {
        true => "the merchant's account at this channel does not take this kind of payment",
        false => "the merchant has no account at this channel",
    }
}

/// Why a command about an order is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// There is no such order.
    #[error("no such order")]
    NotFound,
    /// The order exists and is final.
    #[error("the order is final")]
    Final,
    /// The order exists with other content.
    #[error("the order exists with another {field}")]
    Differs {
        /// What differs.
        field: OrderField,
    },
    /// The order's state does not allow it.
    #[error("the order is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
    /// The channel reported a payment that contradicts the order; what becomes of it comes first.
    #[error("payment {payment_reference} is contested: apply it, give it back, or end it first")]
    Contested {
        /// The channel's number of the payment.
        payment_reference: String,
    },
    /// The channel did not report such a contested payment.
    #[error("no such contested payment")]
    NotContested,
    /// Stored value is worth what was requested for it: another amount buys nothing.
    #[error("the order is for stored value, and another amount was paid: give it back")]
    StoredValue,
    /// Nothing about the order needs a person.
    #[error("the order needs no person")]
    NoAttention,
    /// Another call has the order to itself.
    #[error("another operation on the order is running")]
    CallInFlight,
    /// The payer is being debited, and the channel does not take that back.
    #[error("the payer is being debited, which the channel does not take back: query the order")]
    DebitOut,
    /// The merchant may not collect.
    #[error("the merchant is disabled")]
    MerchantDisabled,
    /// The merchant has no account for this channel and scene.
    #[error("{}", no_route(*.has_channel))]
    NoRoute {
        /// Whether it has one there that takes other kinds of payment.
        has_channel: bool,
    },
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount,
    /// The expiry lies in the past.
    #[error("expiry lies in the past")]
    Expiry,
    /// The expiry lies further ahead than the channel keeps an order payable. It is not shortened:
    /// the merchant would wait for a payment that the channel takes no more.
    #[error("expiry lies more than {days_max} days ahead, which is the channel's limit")]
    ExpiryTooFar {
        /// The channel's limit, in whole days.
        days_max: i64,
    },
    /// A text breaks a rule of the channel. It is not cut: half a title would be another.
    #[error("{why}")]
    Text {
        /// The text.
        field: TextField,
        /// What was found, and what the channel takes.
        why: String,
    },
    /// The payer's code is missing, or is not one of the channel's.
    #[error("{why}")]
    PaymentCode {
        /// What is wrong; never the code.
        why: String,
    },
    /// A part of the money is to go to a merchant that cannot have it, or is not a part of it.
    #[error("{why}")]
    Allocation {
        /// Which allocation, counted from 0.
        at: usize,
        /// What is wrong with it.
        why: AllocationFault,
    },
    /// A part of the money is to go to a payee that cannot have it, or is not a part of it.
    #[error("{why}")]
    Share {
        /// Which share, counted from 0.
        at: usize,
        /// What is wrong with it.
        why: ShareRefusal,
    },
    /// A payee that the order picks cannot get a part by the merchant's template.
    #[error("{why}")]
    Picked {
        /// Which payee, counted from 0.
        at: usize,
        /// What is wrong with it.
        why: PickFault,
    },
    /// Allocations and shares together are more than the order.
    #[error("allocations and shares sum to more than the amount")]
    Splits,
    /// A wallet pays at its channel alone, and nothing else pays there.
    #[error("a wallet and its channel belong together")]
    NoWallet,
    /// The wallet is another merchant's.
    #[error("the wallet belongs to another merchant")]
    OtherWallet,
    /// The wallet does not pay.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
    /// A card that pays is not in the wallet, or named twice.
    #[error("not a card of the wallet, or named twice")]
    WalletCard {
        /// Which card, counted from 0.
        at: usize,
    },
    /// The agreement does not pay it.
    #[error(transparent)]
    Debit(#[from] DebitFault),
}

/// Why a payee cannot be picked, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickFault {
    /// The order lists shares as well.
    #[error("the order lists shares as well")]
    Listed,
    /// The merchant has no template.
    #[error("the merchant has no sharing template")]
    NoTemplate,
    /// The template has no ratio for the payee, or for its role.
    #[error("the merchant's sharing template does not know payee {payee}")]
    Unknown {
        /// Its id.
        payee: Id<kinds::Payee>,
    },
    /// Another payee of the order has the same role, which has one ratio.
    #[error("payee {payee} has the role of another payee of the order")]
    SameRole {
        /// Its id.
        payee: Id<kinds::Payee>,
    },
    /// It cannot get a part of this order.
    #[error(transparent)]
    Share(ShareRefusal),
}

/// What is wrong with an allocation, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationFault {
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// The merchant is disabled.
    #[error("the merchant is disabled")]
    MerchantDisabled,
    /// The merchant is the order's own: it has what is not allocated.
    #[error("the order's own merchant keeps what is not allocated")]
    OwnMerchant,
    /// The merchant stands in the list before.
    #[error("the merchant appears twice")]
    Twice,
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount,
}

impl Order {
    /// A new order, with its first call in flight.
    pub fn new(terms: Arc<Terms>, first_call: InFlightCall) -> Order {
        Order {
            terms,
            version: 1,
            state: OrderState::Init,
            is_confirmed: false,
            in_flight: Some(first_call),
            cancel: None,
            funds: OrderFunds::default(),
            sharing: OrderSharing::default(),
            polls: 0,
            next_poll_at: Some(first_call.until),
            unapplied: vec![],
            contested: None,
            note: None,
            attention: None,
        }
    }

    /// True while a call has the order to itself.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.in_flight.is_some_and(|call| now < call.until)
    }

    /// True when the order's time is up and the channel has not confirmed yet what became of it.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        !self.state.is_final() && now >= self.terms.expires_at
    }

    /// The key by which its merchant knows it.
    pub fn merchant_key(&self) -> NaturalKey {
        let request = &self.terms.request;
        NaturalKey {
            namespace: request.namespace.clone(),
            number: request.merchant_order_no.clone(),
        }
    }

    /// The numbers of its allocations, in the order in which they were requested. They exist once it is
    /// paid.
    pub fn allocation_numbers(&self) -> impl Iterator<Item = NaturalKey> {
        let allocations = &self.terms.request.splits.allocations;
        allocations.iter().map(|terms| Allocation::number(self.terms.id, &terms.merchant))
    }

    /// The instruction that places it, without a payer's code; the same in every repeat.
    pub fn placing(&self) -> Place {
        let terms = &self.terms;
        let request = &terms.request;
        Place {
            channel_order_no: terms.channel_order_no.clone(),
            amount: request.amount,
            currency: request.currency,
            scene: request.scene,
            subject: request.subject.clone(),
            payer: request.payer.clone(),
            payment_code: None,
            agreement: terms.debit.map(|debit| debit.named()),
            goods_tag: request.goods_tag.clone(),
            placed_at: terms.placed_at,
            expires_at: terms.expires_at,
            callback_url: terms.callback_url.to_string(),
            front_url: request.front_url.clone(),
            is_shared: request.splits.is_shared,
        }
    }

    fn place_instruction(&self) -> Instruction {
        Instruction::Place(Box::new(self.placing()))
    }

    /// The first and only placing of an order that a code pays.
    fn place_with(&self, payment_code: Option<PaymentCode>) -> Instruction {
        Instruction::Place(Box::new(Place { payment_code, ..self.placing() }))
    }

    /// What the channel needs to find it again.
    fn placed(&self) -> PlacedOrder {
        PlacedOrder {
            channel_order_no: self.terms.channel_order_no.clone(),
            placed_at: self.terms.placed_at,
            amount: self.terms.request.amount,
            currency: self.terms.request.currency,
            is_cancelled: self.cancel.is_some() && !self.has_given_back(),
            is_debit: debit::is_debit(self),
        }
    }

    /// Whether what the channel reports as given back can be a refund of ours: of its payment, or of one
    /// that came after its end.
    fn has_given_back(&self) -> bool {
        let is_refunded = |it: &UnappliedPayment| matches!(it.outcome, UnappliedOutcome::Refund(_));
        matches!(self.state, OrderState::Paid(_)) || self.unapplied.iter().any(is_refunded)
    }

    fn query_instruction(&self) -> Instruction {
        Instruction::Query(self.placed())
    }

    fn close_instruction(&self) -> Instruction {
        Instruction::Close(self.placed())
    }

    fn cancel_instruction(&self) -> Instruction {
        let app_id = self.terms.request.payer.app_id.clone();
        Instruction::Cancel(Cancel { order: self.placed(), app_id })
    }

    fn ask(&self, instruction: Instruction) -> Work {
        Work::Ask {
            tenant: self.terms.tenant.clone(),
            subject: self.id().subject(),
            root: self.root(),
            channel: self.terms.channel.clone(),
            channel_account: self.terms.channel_account.clone(),
            channel_identity: self.terms.channel_identity.clone(),
            instruction,
            payees: vec![],
        }
    }
}

impl Aggregate for Order {
    type Kind = kinds::Order;
    type Change = OrderChange;
    type Command = OrderCommand;

    fn tenant(&self) -> &TenantId {
        &self.terms.tenant
    }

    fn id(&self) -> Id<kinds::Order> {
        self.terms.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.terms.id.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(self.merchant_key())
    }

    fn standing(&self) -> Standing {
        Standing {
            next_poll_at: self.next_poll_at,
            attention: self.attention.clone(),
            holds: vec![],
        }
    }

    fn exits(&self) -> Vec<Exit> {
        operator::exits(self)
    }

    fn evolve(before: Option<&Order>, event: &Event, change: &OrderChange) -> Order {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &OrderCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Order>,
    ) -> Result<(), Refusal> {
        let order = deciding.row::<Order>(tenant, id).ok_or(OrderRefusal::NotFound)?;
        decide::run_task(deciding, &order);
        Ok(())
    }

    fn record_finding(
        deciding: &mut Deciding<'_>,
        about: &About<'_, kinds::Order>,
        finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let order = deciding.row::<Order>(about.tenant, about.id).ok_or(OrderRefusal::NotFound)?;
        finding::record(deciding, &order, about, finding);
        Ok(finding::channel_answer(finding))
    }

    fn related(tenant: &TenantId, _root: Id<kinds::Root>, reads: &mut Reads) {
        // A payment may turn out to be unapplied money: it is held in suspense at once.
        reads.balances.push((tenant.clone(), refund::suspense(tenant)));
    }

    /// Releases and refunds of a paid order move what was allocated of it. They may be decided together
    /// with its payment, so that an order that is not paid yet names the same. Its payment is shared with
    /// the payees that it lists. Its end lets its agreement pay the next. What is bought with it is issued with its payment, or put back with its
    /// end. What it took from a wallet is put back by its refunds.
    fn linked(&self, reads: &mut Reads) {
        let agreement = self.terms.debit.map(|debit| Key::Id(debit.agreement));
        reads.agreements.extend(agreement.map(|key| (self.terms.tenant.clone(), key)));
        let recharge = self.terms.request.recharge.map(Key::Id);
        reads.recharges.extend(recharge.map(|key| (self.terms.tenant.clone(), key)));
        if let Some(wallet) = self.terms.request.wallet.as_ref().map(|wallet| wallet.wallet) {
            let taken = WalletPayment::key(self.terms.id);
            reads.wallets.push((self.terms.tenant.clone(), Key::Id(wallet)));
            reads.wallet_payments.push((self.terms.tenant.clone(), taken));
        }
        if !self.terms.request.splits.allocations.is_empty() {
            let tenant = &self.terms.tenant;
            let keys =
                self.allocation_numbers().map(|number| (tenant.clone(), Key::Number(number)));
            reads.allocations.extend(keys);
            // What is available to them may have gone elsewhere.
            let merchants = self.terms.request.splits.allocations.iter().map(|it| &it.merchant);
            let available =
                merchants.map(|id| Account::new(AccountKind::MerchantAvailable, id.as_str()));
            reads.balances.extend(available.map(|account| (tenant.clone(), account)));
        }
        share::link_listed(self, reads);
        // The end of a return or of a release wakes the refund that waits for it.
        if let Some(refund) = self.preparing() {
            let pending = crate::share::pending(&self.terms.request.merchant);
            reads.refunds.push((self.terms.tenant.clone(), Key::Id(refund)));
            reads.balances.push((self.terms.tenant.clone(), pending));
        }
    }
}

impl From<PlaceOrder> for crate::Command {
    fn from(place: PlaceOrder) -> crate::Command {
        OrderCommand::Place(Box::new(place)).into()
    }
}

/// The key of an order of this id.
impl From<Id<kinds::Order>> for Key<kinds::Order> {
    fn from(id: Id<kinds::Order>) -> Key<kinds::Order> {
        Key::Id(id)
    }
}

/// The number of a new order at its channel.
fn new_channel_order_no(deciding: &Deciding<'_>, id: Id<kinds::Order>) -> String {
    channel_no(&deciding.view().directory.installation, id.subject())
}
