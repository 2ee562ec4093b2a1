//! The functional core: commands, what they read, what they decide.
//!
//! [`decide`] looks at a [`View`] of the stored state and answers with a [`Decision`]: events, ledger
//! transfers, work to do after the commit, and a reply; or it refuses and nothing happened.
//! [`View::apply`] is the only writer of state. Both are pure: time and ids come in with a stamp, and
//! the same inputs give the same outputs.
//!
//! This crate knows no vendor, no wire format, no SQL and no clock.
//!
//! - `aggregate`: the one list of aggregates, and what is made from it: views, reads, changes, dispatch.
//! - `command`: commands, decisions, replies, refusals. `deciding`: what a deciding function works with.
//! - `event`: the envelope around each change. `standing`: what tasks, attention and the audit follow from.
//! - `coupons`: what a merchant's own coupons paid.
//! - `directory`: who may collect, and through which channel accounts, as decisions look it up.
//! - `calendar`: days in Shanghai, and which of them are worked.
//! - `order`, `refund`, `notification`, `tenant`, `merchant`, `caller_key`, `channel_account`,
//!   `approval`, `payee`, `share`, `share_return`, `allocation`, `allocation_release`, `withdrawal`, `card_batch`, `card_quota`,
//!   `recharge`, `card`, `card_transfer`, `card_binding`, `wallet`, `wallet_payment`, `wallet_freeze`,
//!   `agreement`: an aggregate each: `mod.rs` its state, `change.rs` what can happen to it, `decide.rs` its rules.

mod aggregate;
mod agreement;
mod allocation;
mod allocation_release;
mod approval;
mod calendar;
mod caller_key;
mod card;
mod card_batch;
mod card_binding;
mod card_quota;
mod card_transfer;
mod channel_account;
mod channel_no;
mod command;
mod coupons;
mod deciding;
mod directory;
mod event;
mod merchant;
mod notification;
mod order;
mod payee;
mod put;
mod recharge;
mod refund;
mod schedule;
mod share;
mod share_return;
mod standing;
mod task;
mod tenant;
mod wallet;
mod wallet_freeze;
mod wallet_payment;
mod withdrawal;

pub use aggregate::{
    About, Aggregate, AggregateChange, AggregateCommand, Change, Changed, Command, Key, Links,
    NaturalKey, Reads, Row, Rows, View, Write,
};
pub use agreement::{
    Agreement, AgreementChange, AgreementCommand, AgreementRefusal, AgreementRequest,
    AgreementState, AgreementTerms, Contract, DebitFault, END_SCHEDULE_SECONDS, PAGE_LIFE_SECONDS,
    PAGE_LIFE_SECONDS_MAX, SIGNING_SCHEDULE_SECONDS, SignAgreement,
};
pub use allocation::{
    Allocation, AllocationChange, AllocationCommand, AllocationFunds, AllocationRefusal,
    AllocationState, AllocationStatus,
};
pub use allocation_release::{
    AllocationPart, AllocationRelease, AllocationReleaseChange, AllocationReleaseCommand,
    AllocationReleaseRefusal, ReleaseAllocations,
};
pub use approval::{
    APPROVAL_LIFE_SECONDS, Approval, ApprovalChange, ApprovalCommand, ApprovalRefusal,
    ApprovalState, ConcernedPayment, Manual, ManualCommand, ManualRoot, Proposal,
};
pub use calendar::{DayKind, ShanghaiDay, WorkingDays};
pub use caller_key::{CallerKey, CallerKeyChange, CallerKeyCommand, CallerProof};
pub use card::{
    BoundTo, CARD_NAMESPACE, CARD_NUMBER_LEN, Card, CardChange, CardCommand, CardRefusal,
    CardSecret, CardState, ReadCardSecret, ResealCardSecret, has_check_digit,
};
pub use card_batch::{
    BATCH_CARDS_MAX, CardBatch, CardBatchChange, CardBatchCommand, CardBatchField,
    CardBatchModification, CardBatchRefusal, CardBatchState, CardValidity, CreateCardBatch,
    VALID_DAYS_MAX,
};
pub use card_binding::{
    BindCard, CardBinding, CardBindingChange, CardBindingCommand, CardBindingRefusal, CardProof,
};
pub use card_quota::{CardQuota, CardQuotaChange, CardQuotaCommand};
pub use card_transfer::{
    BeginCardTransfer, CardTransfer, CardTransferChange, CardTransferCommand, CardTransferRefusal,
    CardTransferState, ReceiveCard, TRANSFER_LIFE_SECONDS, TRANSFER_LIFE_SECONDS_MAX,
};
pub use channel_account::{
    AccountSetting, AccountSettings, Blocked, ChannelAccount, ChannelAccountChange,
    ChannelAccountCommand, Mismatch,
};
pub use channel_no::{INSTALLATION_LEN, channel_no, subject_of_channel_no};
pub use command::{
    ChannelAnswer, Decision, DirectoryRefusal, Put, RecordFinding, Refusal, Reply, Work, decide,
};
pub use coupons::coupon_amount;
pub use directory::{Directory, MerchantId, MerchantRoutes, Route, TenantId, TenantRoutes};
pub use event::{CallRecord, Caller, Event};
pub use merchant::{
    Merchant, MerchantChange, MerchantCommand, MerchantSharing, ShareTemplate, TemplateFault,
};
pub use notification::{
    Attempt, Delivery, NOTIFICATION_SCHEDULE_SECONDS, Notification, NotificationChange,
    NotificationCommand, NotificationKind, NotificationRefusal, NotificationState,
};
pub use order::{
    AllocatePeriod, AllocationFault, AllocationTerms, CALL_MAX_MS, CANCEL_AFTER_SECONDS,
    CANCEL_EARLIEST_SECONDS, CODE_POLL_SECONDS, CONTRADICTION_SCHEDULE_SECONDS, CancelState,
    Closure, ContestedPayment, DEFAULT_LIFE_SECONDS, Debit, FINAL_POLL_SECONDS, InFlightCall,
    KnownPayInfo, Order, OrderChange, OrderCommand, OrderField, OrderFunds, OrderRefusal,
    OrderRequest, OrderSharing, OrderState, POLL_SCHEDULE_SECONDS, Paid, PickFault, PlaceOrder,
    RETRY_SCHEDULE_SECONDS, ShareAmount, Splits, Terms, UnappliedOutcome, UnappliedPayment,
};
pub use payee::{
    Binding, CreatePayee, Payee, PayeeAccount, PayeeChange, PayeeCommand, PayeeKind, PayeeRefusal,
};
pub use recharge::{
    BuyCards, CARDS_MAX, Recharge, RechargeChange, RechargeCommand, RechargePurpose,
    RechargeRefusal, RechargeState, RechargeWallet,
};
pub use refund::{
    DecideRefund, Need, OrderShares, Refund, RefundBalance, RefundCards, RefundChange,
    RefundCommand, RefundDecision, RefundPart, RefundRefusal, RefundRequest, RefundReturn,
    RefundSource, RefundState, RequestRefund, SecondPayout,
};
pub use share::{
    DecideShare, HandEnd, ItemOutcome, ItemPlace, ItemTerms, MakeShare, Share, ShareChange,
    ShareCommand, ShareItem, ShareRefusal, ShareState,
};
pub use share_return::{
    DecideShareReturn, MakeShareReturn, ReturnItem, ReturnOutcome, ReturnTerms, ShareReturn,
    ShareReturnChange, ShareReturnCommand, ShareReturnRefusal, ShareReturnState,
};
pub use standing::{Attention, AttentionChange, AttentionKind, Exit, Sealed, Standing};
pub use task::{Lane, Task, TaskChange};
pub use tenant::{Tenant, TenantChange, TenantCommand};
pub use wallet::{
    OpenWallet, WALLET_CARDS_MAX, Wallet, WalletChange, WalletCommand, WalletRefusal, WalletState,
};
pub use wallet_freeze::{
    FREEZE_RELEASES_MAX, FreezeWallet, UnfreezeWallet, WalletFreeze, WalletFreezeChange,
    WalletFreezeCommand, WalletFreezeRefusal, WalletFreezeState, WalletRelease,
};
pub use wallet_payment::{
    Deduct, ValuePart, ValueSource, WalletPayment, WalletPaymentChange, WalletPaymentCommand,
    WalletUse,
};
pub use withdrawal::{
    Payout, RequestWithdrawal, Withdrawal, WithdrawalChange, WithdrawalCommand, WithdrawalField,
    WithdrawalRefusal, WithdrawalState,
};
