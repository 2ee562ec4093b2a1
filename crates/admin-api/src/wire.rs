//! What the admin API says: its JSON, and how amounts, times and personal data are written.
//!
//! Amounts are integers in fen and end in `_fen`; times are RFC 3339 in UTC; ids are strings.

use crate::commands::Exit;
use ledger::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use story::words::instant;
use utoipa::ToSchema;

/// An instant as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{:.3}", instant(at))
}

/// What every refusal looks like.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// The error.
    pub(crate) error: Error,
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct Error {
    /// A word for programs; it does not change.
    #[schema(example = "malformed")]
    pub(crate) code: &'static str,
    /// A fragment for people; it may change.
    #[schema(example = "limit: found \"0\", want 1 to 200")]
    pub(crate) message: String,
    /// The parameter, path segment or member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
}

/// Orders, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderPage {
    /// The orders.
    pub(crate) orders: Vec<Order>,
    /// What `before` must be for the next page; null when there is none. With a filter a page can be
    /// short or empty and still have a next one: at most 20,000 rows are read for a page.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A payment order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Order {
    /// Our id, 18 digits.
    pub(crate) id: String,
    /// Its number at the channel.
    pub(crate) channel_order_no: String,
    /// The namespace of the merchant's number: each wire API has its own.
    pub(crate) namespace: String,
    /// The merchant's number.
    pub(crate) merchant_order_no: String,
    /// The merchant that collects.
    pub(crate) merchant: String,
    /// The wire API that placed it, and that notifies the merchant.
    pub(crate) dialect: String,
    /// How much is to be paid.
    pub(crate) amount_fen: i64,
    /// ISO 4217.
    #[schema(example = "CNY")]
    pub(crate) currency: &'static str,
    /// Where the payer is.
    pub(crate) scene: &'static str,
    /// The channel's name.
    pub(crate) channel: String,
    /// The channel account's name.
    pub(crate) channel_account: String,
    /// The title that the payer sees.
    pub(crate) subject: String,
    /// Who pays, as far as it may be shown.
    pub(crate) payer: Payer,
    /// Where the merchant is notified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify_url: Option<String>,
    /// When it was placed.
    #[schema(format = DateTime)]
    pub(crate) placed_at: String,
    /// From when on it must not be payable.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: OrderState,
    /// The call to the channel that has the order to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_flight: Option<InFlightCall>,
    /// What its merchant's refunds that are under way have reserved of it.
    pub(crate) refunding_fen: i64,
    /// What its merchant's refunds gave back of it.
    pub(crate) refunded_fen: i64,
    /// Counts its changes; 1 when new.
    pub(crate) version: i64,
    /// The payment that contradicts the order, while it waits for an operator's decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contested: Option<ContestedPayment>,
}

/// A payer, as far as it may be shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct Payer {
    /// The app in which they pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    /// The beginning of their id in that app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "oUpF8u…")]
    pub(crate) user_id: Option<String>,
}

/// Where an order stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum OrderState {
    /// Recorded; the channel has not confirmed it yet.
    Init,
    /// The payer can pay.
    Paying {
        /// In which form the client got what opens the cashier; the thing itself is not shown.
        pay_form: &'static str,
        /// Until when that works.
        #[schema(format = DateTime)]
        payable_until: String,
    },
    /// The channel was asked to close it and has not confirmed; if it reports paid, it is paid.
    Closing {
        /// `expired`, `asked`, `outcome_unknown` or `refused`.
        closure: &'static str,
    },
    /// Paid.
    Paid {
        /// When, by the channel's clock.
        #[schema(format = DateTime)]
        paid_at: String,
        /// The channel's number of the payment.
        payment_reference: String,
        /// The amount that was booked: the order's, or what an operator took for its payment.
        paid_amount_fen: i64,
        /// What of it the channel settles: all but the coupons that the merchant itself bears.
        settled_amount_fen: i64,
        /// What the payer paid after coupons.
        payer_amount_fen: i64,
    },
    /// Placing failed, paying failed, or it expired unpaid.
    Failed {
        /// When that was decided.
        #[schema(format = DateTime)]
        failed_at: String,
        /// Why.
        reason: String,
    },
    /// Closed at the merchant's request.
    Closed {
        /// When that was confirmed.
        #[schema(format = DateTime)]
        closed_at: String,
    },
}

/// A payment that the channel reports under the order's number, with another amount or currency; it
/// waits for an operator's decision.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContestedPayment {
    /// The channel's number of the payment.
    pub(crate) payment_reference: String,
    /// The amount that the channel reports.
    pub(crate) amount_fen: i64,
    /// What of it the channel settles: all but the coupons that the merchant itself bears.
    pub(crate) settled_amount_fen: i64,
    /// Its currency.
    pub(crate) currency: &'static str,
    /// When it was paid, by the channel's clock.
    #[schema(format = DateTime)]
    pub(crate) paid_at: String,
}

/// A call to the channel that has an order to itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct InFlightCall {
    /// What is asked.
    pub(crate) operation: &'static str,
    /// When the call has certainly ended.
    #[schema(format = DateTime)]
    pub(crate) until: String,
}

/// Everything about one order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Story {
    /// The order as it stands.
    pub(crate) order: Order,
    /// What happened, oldest first, without what was archived.
    pub(crate) events: Vec<Event>,
    /// Which of its events were moved out of the database, and where to.
    pub(crate) archived: Vec<ArchivedEvents>,
    /// Money that moved, oldest first.
    pub(crate) transfers: Vec<Transfer>,
    /// Refunds, oldest first.
    pub(crate) refunds: Vec<Refund>,
    /// What other merchants got of it, oldest first.
    pub(crate) allocations: Vec<Allocation>,
    /// Notifications with their attempts, oldest first.
    pub(crate) notifications: Vec<Notification>,
    /// What of it needs a person, and the commands that can end that.
    pub(crate) attention: Vec<Attention>,
    /// What is still to be done.
    pub(crate) tasks: Vec<Task>,
}

/// The events of a subject that were moved out of the database into a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArchivedEvents {
    /// What they are about.
    pub(crate) subject: Subject,
    /// The number of the archive, from 1.
    pub(crate) archive: i64,
    /// How many events.
    pub(crate) event_count: u64,
    /// The name of the file.
    pub(crate) file: String,
    /// The SHA-256 of the file, in hex.
    pub(crate) sha256: String,
}

/// One movement in the book.
#[derive(Serialize, ToSchema)]
pub(crate) struct Transfer {
    /// Its id.
    pub(crate) id: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// `post`, `hold`, `release` or `post_held`.
    pub(crate) phase: &'static str,
    /// Why money moved.
    pub(crate) reason: &'static str,
    /// The account that gives, `kind/owner`.
    pub(crate) debit: String,
    /// The account that takes, `kind/owner`.
    pub(crate) credit: String,
    /// How much.
    pub(crate) amount_fen: i64,
    /// What it was made for.
    pub(crate) subject: Subject,
    /// The id of the story that it belongs to: an order's id.
    pub(crate) root: String,
}

/// The part of an order's money that another merchant gets.
#[derive(Serialize, ToSchema)]
pub(crate) struct Allocation {
    /// Its id.
    pub(crate) id: String,
    /// The merchant.
    pub(crate) merchant: String,
    /// How much.
    pub(crate) amount_fen: i64,
    /// From when on the merchant has it: `D0`, `D1` or `T1`.
    pub(crate) period: &'static str,
    /// `waiting`, `frozen`, `available`, `returned` or `failed`.
    pub(crate) status: &'static str,
    /// When the period is over, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) waits_until: Option<String>,
    /// What of it waits for the end of the period.
    pub(crate) waiting_fen: i64,
    /// What of it is frozen.
    pub(crate) frozen_fen: i64,
    /// What of it is available to the merchant.
    pub(crate) available_fen: i64,
    /// What of it was taken back for refunds.
    pub(crate) returned_fen: i64,
}

/// Money on its way back to a payer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refund {
    /// Its id.
    pub(crate) id: String,
    /// Its number at the channel.
    pub(crate) channel_refund_no: String,
    /// The order for which the money came.
    pub(crate) order: String,
    /// The channel's number of the payment that is given back.
    pub(crate) payment_reference: String,
    /// Why it is given back: `late_payment`, `second_payment` or `requested`.
    pub(crate) cause: &'static str,
    /// The merchant's number of it, when the merchant requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) merchant_refund_no: Option<String>,
    /// The merchant's reason, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requested_reason: Option<String>,
    /// How much.
    pub(crate) amount_fen: i64,
    /// What of it had come to the channel account; the rest were the merchant's coupons.
    pub(crate) settled_amount_fen: i64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) made_at: String,
    /// What payees give back of their shares for it first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) returns: Vec<RefundReturn>,
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: RefundState,
}

/// What a payee gives back of a share for a refund.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefundReturn {
    /// The payee's id.
    pub(crate) payee: String,
    /// The id of the share.
    pub(crate) share: String,
    /// How much.
    pub(crate) amount_fen: i64,
    /// `open`, `done` or `failed`.
    pub(crate) outcome: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Where a refund stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum RefundState {
    /// Payees give shares back, or what is frozen at the channel is released, before it is requested.
    Preparing {
        /// The return or release that it waits for.
        waits_for: String,
    },
    /// The channel has not accepted it yet, as far as we know.
    Requesting,
    /// The channel accepted it.
    Processing,
    /// The money is back.
    Done {
        /// When.
        #[schema(format = DateTime)]
        done_at: String,
        /// The channel's number of the refund.
        refund_reference: String,
        /// What of the amount left the channel account; the rest were the merchant's coupons.
        settled_refund_fen: i64,
    },
    /// The channel refused, or closed it. Unapplied money stays where it was until a person has decided;
    /// a merchant that requested the refund has the money again.
    Failed {
        /// When.
        #[schema(format = DateTime)]
        failed_at: String,
        /// Why.
        reason: String,
    },
    /// The money was given back outside the channel's interface.
    SettledByHand {
        /// When an operator decided that.
        #[schema(format = DateTime)]
        settled_at: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// The money is not given back; a merchant that requested the refund has it again.
    WrittenOff {
        /// When an operator decided that.
        #[schema(format = DateTime)]
        written_off_at: String,
        /// What the operator noted.
        note: String,
    },
}

/// Notifications, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationPage {
    /// The notifications.
    pub(crate) notifications: Vec<Notification>,
    /// What `before` must be for the next page; null when there is none. With a filter a page can be
    /// short or empty and still have a next one: at most 20,000 rows are read for a page.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A notification to a merchant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Notification {
    /// Its id, the same in every attempt.
    pub(crate) id: String,
    /// What it reports about.
    pub(crate) about: Subject,
    /// The number by which the merchant knows that.
    pub(crate) about_no: String,
    /// What it reports.
    #[schema(example = "pay")]
    pub(crate) kind: &'static str,
    /// Where it is sent.
    pub(crate) url: String,
    /// When the event that it reports happened.
    #[schema(format = DateTime)]
    pub(crate) made_at: String,
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: NotificationState,
    /// Attempts so far.
    pub(crate) attempt_count: u32,
    /// The attempts, oldest first.
    pub(crate) attempts: Vec<Attempt>,
}

/// Where a notification stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum NotificationState {
    /// To be delivered.
    Due {
        /// When the next attempt begins.
        #[schema(format = DateTime)]
        next_attempt_at: String,
    },
    /// The merchant acknowledged it.
    Delivered {
        /// When.
        #[schema(format = DateTime)]
        delivered_at: String,
    },
    /// The schedule is used up; it can be replayed.
    GivenUp {
        /// When.
        #[schema(format = DateTime)]
        given_up_at: String,
    },
    /// Given up, and dismissed by an operator; it can be replayed.
    Dismissed {
        /// When.
        #[schema(format = DateTime)]
        dismissed_at: String,
    },
}

/// One attempt to deliver a notification.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// Counts the attempts from 1.
    pub(crate) attempt_no: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// How long it took.
    pub(crate) took_ms: i64,
    /// How it ended.
    #[serde(flatten)]
    pub(crate) delivery: Delivery,
    /// Where the notification stood afterwards: `due`, `delivered` or `given_up`.
    pub(crate) state: &'static str,
}

/// How an attempt ended.
#[derive(Serialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// The merchant acknowledged.
    Acknowledged {
        /// Its HTTP status.
        http_status: u16,
    },
    /// The merchant answered something else.
    Rejected {
        /// Its HTTP status.
        http_status: u16,
        /// The beginning of its answer.
        excerpt: String,
    },
    /// There was no answer.
    NoAnswer {
        /// What was seen.
        why: String,
    },
}

/// What is still to be done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Task {
    /// The row that it is about.
    pub(crate) subject: Subject,
    /// From when on it is due.
    #[schema(format = DateTime)]
    pub(crate) due_at: String,
}

/// The accounts of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    /// The accounts.
    pub(crate) accounts: Vec<Account>,
}

/// An account and its balance: credits minus debits.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    /// What it is for.
    #[schema(example = "merchant_pending")]
    pub(crate) kind: &'static str,
    /// Whose it is.
    pub(crate) owner: String,
    /// What has happened.
    pub(crate) posted_fen: i64,
    /// The part of it that is reserved.
    pub(crate) held_fen: i64,
    /// posted − held; null when that is out of range.
    #[schema(required)]
    pub(crate) available_fen: Option<i64>,
}

/// Stored value that is outstanding at a time, and the breakage until then, in fen. A sum is null when it is
/// out of range.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiabilityReport {
    /// The time, all of its transfers included.
    #[schema(format = DateTime)]
    pub(crate) as_of: String,
    /// What is left of all gift cards.
    #[schema(required)]
    pub(crate) cards_fen: Option<i64>,
    /// What users paid into wallets and have not spent.
    #[schema(required)]
    pub(crate) wallet_principal_fen: Option<i64>,
    /// The bonuses in wallets.
    #[schema(required)]
    pub(crate) wallet_bonus_fen: Option<i64>,
    /// What was left of cards when their time was up: it is the merchants' own.
    #[schema(required)]
    pub(crate) breakage_fen: Option<i64>,
    /// The parts of these sums.
    pub(crate) rows: Vec<LiabilityRow>,
}

/// What one merchant had of one kind; of gift cards, what was left of one batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiabilityRow {
    /// `card_liability`, `wallet_principal`, `wallet_bonus` or `breakage`.
    #[schema(example = "card_liability")]
    pub(crate) kind: &'static str,
    /// The merchant that sold the cards or keeps the wallets.
    pub(crate) merchant: String,
    /// The batch of the cards.
    #[schema(required)]
    pub(crate) batch: Option<String>,
    /// How much.
    pub(crate) amount_fen: i64,
}

/// What a merchant has, in fen.
#[derive(Serialize, ToSchema)]
pub(crate) struct MerchantBalance {
    /// The merchant's id.
    pub(crate) merchant: String,
    /// The time of the balance, all of its transfers included.
    #[schema(format = DateTime)]
    pub(crate) as_of: String,
    /// Collected for it and not settled yet.
    pub(crate) pending_fen: i64,
    /// What of that is reserved for shares.
    pub(crate) pending_held_fen: i64,
    /// What it can withdraw; null when that is out of range.
    #[schema(required)]
    pub(crate) available_fen: Option<i64>,
    /// What withdrawals that have not ended reserve; it is not part of `available_fen`.
    pub(crate) held_fen: i64,
    /// Allocated to it and withheld until it is released.
    pub(crate) frozen_fen: i64,
    /// What its own coupons paid, below zero: to be taken off what is pending.
    pub(crate) coupons_fen: i64,
}

/// Withdrawals, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithdrawalPage {
    /// The withdrawals.
    pub(crate) withdrawals: Vec<Withdrawal>,
    /// What `before` must be for the next page; null when this page is not full.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A merchant's withdrawal.
#[derive(Serialize, ToSchema)]
pub(crate) struct Withdrawal {
    /// Our id, 18 digits.
    pub(crate) id: String,
    /// The namespace of the merchant's number.
    pub(crate) namespace: String,
    /// The merchant's number.
    pub(crate) withdrawal_no: String,
    /// The merchant whose money it is.
    pub(crate) merchant: String,
    /// The wire API in which it was requested.
    pub(crate) dialect: String,
    /// How much.
    pub(crate) amount_fen: i64,
    /// Where its end is notified of.
    #[schema(required)]
    pub(crate) notify_url: Option<String>,
    /// What the merchant noted.
    #[schema(required)]
    pub(crate) remark: Option<String>,
    /// Who carries it out: `by_hand`.
    #[schema(example = "by_hand")]
    pub(crate) payout: &'static str,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub(crate) made_at: String,
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: WithdrawalState,
}

/// Where a withdrawal stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum WithdrawalState {
    /// Its amount is held; the payout has not ended.
    Accepted,
    /// The merchant has the money at its bank.
    Paid {
        /// When that was booked.
        #[schema(format = DateTime)]
        paid_at: String,
        /// The number of the payout, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// It was not paid out; the merchant has the money available again.
    Failed {
        /// When that was booked.
        #[schema(format = DateTime)]
        failed_at: String,
        /// Why: what the operator noted.
        note: String,
    },
}

/// A withdrawal and everything that happened to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithdrawalStory {
    /// The withdrawal as it stands.
    pub(crate) withdrawal: Withdrawal,
    /// What happened, oldest first.
    pub(crate) events: Vec<Event>,
    /// Money that moved, oldest first.
    pub(crate) transfers: Vec<Transfer>,
    /// Notifications with their attempts, oldest first.
    pub(crate) notifications: Vec<Notification>,
    /// What of it needs a person, and the commands that can end that.
    pub(crate) attention: Vec<Attention>,
}

/// Transfers that touch an account, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostingPage {
    /// The transfers.
    pub(crate) postings: Vec<Transfer>,
    /// What `before` must be for the next page; null when this page is not full.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// What something is about.
#[derive(Serialize, ToSchema)]
pub(crate) struct Subject {
    /// `order`, `refund`, `notification`, `tenant`, `merchant`, `caller_key`,
    /// `channel_account`, `approval`, `allocation`, `allocation_release`, `withdrawal`, `payee`,
    /// `share`, `share_return`, `card_batch`, `card_quota`, `recharge`, `card`,
    /// `card_transfer`, `card_binding`, `wallet`, `wallet_payment`,
    /// `wallet_freeze` or `agreement`.
    #[schema(example = "order")]
    pub(crate) kind: &'static str,
    /// Its id, 18 digits.
    pub(crate) id: String,
}

/// Rows that need a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionList {
    /// How many rows of all tenants there are, by kind.
    pub(crate) counts: Vec<AttentionCount>,
    /// The rows, newest first.
    pub(crate) rows: Vec<Attention>,
    /// The next page's `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// How many rows need a person for one kind of reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionCount {
    /// The kind.
    pub(crate) kind: &'static str,
    /// How many rows.
    pub(crate) rows: u64,
    /// Since when the oldest needs one.
    #[schema(format = DateTime)]
    pub(crate) oldest: String,
}

/// A row that needs a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attention {
    /// The tenant's id.
    pub(crate) tenant: String,
    /// The row.
    pub(crate) subject: Subject,
    /// The id of its story: of the order to look at.
    pub(crate) root: String,
    /// The number or name by which its owner knows it, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// What kind of thing to look at.
    pub(crate) kind: &'static str,
    /// Why.
    pub(crate) reason: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// The commands that can end it.
    pub(crate) exits: Vec<Exit>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: String,
    /// What it happened to.
    pub(crate) subject: Subject,
    /// Counts the events of the subject from 1.
    pub(crate) sequence: i64,
    /// When it was decided.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Who requested it: `business:KEY`, `channel:NAME`, `clock` or `operator:NAME`.
    #[schema(example = "channel:wxpay")]
    pub(crate) caller: String,
    /// What happened, as a word; unique among the changes of its kind of subject.
    #[schema(example = "paid")]
    pub(crate) change: &'static str,
    /// What happened, as a sentence; it may change.
    pub(crate) text: String,
    /// Details of the change, by name. Amounts end in `_fen`, times in `_at`, `until` or `_until`.
    pub(crate) details: BTreeMap<&'static str, Detail>,
    /// The call to the channel, or its callback, through which we know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<Call>,
}

/// A detail of an event.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Detail {
    /// Text, or a time as RFC 3339.
    Text(String),
    /// A number.
    Number(i64),
}

/// A call to a channel, or its callback.
#[derive(Serialize, ToSchema)]
pub(crate) struct Call {
    /// What was asked; null for a callback.
    #[schema(required)]
    pub(crate) operation: Option<&'static str>,
    /// When the call began, or the callback came.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// How long it took.
    pub(crate) took_ms: i64,
    /// The HTTP status, when there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http_status: Option<u16>,
    /// The channel's own id of the call or callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_trace: Option<String>,
    /// The channel's answer, for people.
    pub(crate) summary: String,
}

/// Approvals, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalPage {
    /// The approvals.
    pub(crate) approvals: Vec<Approval>,
    /// What `before` must be for the next page; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A command that moves money by hand, which one operator proposed and a second one decides about.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approval {
    /// Its id, 18 digits.
    pub(crate) id: String,
    /// The tenant's id.
    pub(crate) tenant: String,
    /// The id of the order that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    /// The id of the withdrawal that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawal: Option<String>,
    /// The id of the refund that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund: Option<String>,
    /// The id of the share that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<String>,
    /// The id of the return of a share that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share_return: Option<String>,
    /// Whose items it ends as done by hand: the ids of the payees, and the word `rest` where the rest of
    /// the order is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) done_items: Option<String>,
    /// What is carried out: `apply_payment`, `give_back`, `settle_by_hand`, `write_off`,
    /// `close_for_good`, `settle_refund_by_hand`, `write_refund_off`, `accept_share`,
    /// `end_share_by_hand`, `end_share_contradiction`, the same three with `share_return`,
    /// `book_withdrawal_paid` or `book_withdrawal_failed`.
    #[schema(example = "give_back")]
    pub(crate) command: &'static str,
    /// What its operator noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// The number of the movement outside the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outside_reference: Option<String>,
    /// The channel's number of the payment that it is about, or the merchant's of the withdrawal. About
    /// another payment nothing is carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_reference: Option<String>,
    /// The amount of that payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amount_fen: Option<i64>,
    /// Who proposes what, as a sentence.
    pub(crate) text: String,
    /// A digest over the command and its proposer; an approver repeats it.
    pub(crate) digest: String,
    /// The operator who proposed it, and who cannot approve it.
    pub(crate) proposer: String,
    /// When it was proposed last.
    #[schema(format = DateTime)]
    pub(crate) proposed_at: String,
    /// From when on it cannot be approved: 24 hours later.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// Where it stands.
    #[serde(flatten)]
    pub(crate) state: ApprovalState,
}

/// Where an approval stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum ApprovalState {
    /// A second operator has to decide.
    Proposed,
    /// It was approved and carried out.
    Approved {
        /// When.
        #[schema(format = DateTime)]
        approved_at: String,
        /// The operator who approved it.
        approver: String,
    },
    /// It was approved and could not be carried out any more; nothing moved.
    Refused {
        /// When.
        #[schema(format = DateTime)]
        refused_at: String,
        /// The operator who approved it.
        approver: String,
        /// Why it was refused.
        reason: String,
    },
    /// An operator decided that it is not carried out.
    Rejected {
        /// When.
        #[schema(format = DateTime)]
        rejected_at: String,
        /// The operator.
        rejected_by: String,
        /// Why.
        rejection_note: String,
    },
    /// No second operator decided in time.
    Expired {
        /// When that was recorded.
        #[schema(format = DateTime)]
        expired_at: String,
    },
}
