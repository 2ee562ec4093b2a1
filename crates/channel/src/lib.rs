//! The port between Tongbao and payment channels.
//!
//! A channel is a pure codec: it turns an [`Instruction`] into a [`Request`] and a [`Response`] into a
//! [`Finding`]. It opens no socket and reads no clock; sending is the engine's business. The vendor's
//! other half, its [`Counterpart`], lives in the same folder and is played by the sandbox.
//!
//! This crate knows no vendor.
//!
//! - [`agreement`]: debits by agreement.
//! - [`bill`]: a channel's own list of a day's payments and refunds.
//! - [`callable_url`]: URLs that may be called.
//! - [`instruction`]: what can be asked of a channel.
//! - [`finding`]: what an answer or a callback can mean.
//! - [`http`]: requests and responses as values.
//! - [`payment_code`]: the code that a payer shows.
//! - [`port`]: the traits [`Channel`] and [`Connection`].
//! - [`share`]: profit sharing.
//! - [`counterpart`]: the trait [`Counterpart`], and what the sandbox lends it.
//! - [`checks`]: what every channel must pass, for the channels' tests.

pub mod agreement;
pub mod bill;
pub mod callable_url;
pub mod checks;
pub mod counterpart;
pub mod finding;
pub mod http;
pub mod instruction;
pub mod payment_code;
pub mod port;
pub mod share;

pub use agreement::{
    AgreementFound, AgreementReference, AgreementRules, AgreementStatus, DebitAgreement,
    PeriodRule, PeriodUnit, PlacedAgreement, SignAgreement, TerminateAgreement, TerminatedBy,
    Validity,
};
pub use bill::{
    Bill, BillDay, BillFile, BillKind, BillRow, FileHash, FundsDirection, FundsRow, PaymentRow,
    RefundRow, SharedDirection, SharedRow,
};
pub use callable_url::{BaseUrl, CallableUrl, UrlFault};
pub use counterpart::{
    AgreementAct, CLIENT_CERT_HEADER, Counterpart, Coupon, CouponKind, DocumentFault,
    DocumentStore, FORWARDED_PROTO_HEADER, FailedItems, FaultMode, OutgoingCallback, PhoneFault,
    PhoneOutcome, ScanOutcome, SwitchFault, own_url,
};
pub use finding::{
    AgreementCallback, Callback, FetchedKeys, Finding, OrderCallback, PayForm, PayInfo, Payment,
    PlatformKey, RefundStatus, Refunded, Unproven,
};
pub use http::{Method, Request, Response};
pub use instruction::{
    Cancel, Instruction, Operation, Payer, Place, PlacedOrder, PlacedRefund, Refund, RefundCause,
    Scene,
};
pub use payment_code::{PaymentCode, PaymentCodeRules};
pub use port::{
    About, BadSettings, CallbackFault, Channel, ClientCertificate, CodecContext, Connection,
    EncodeFault, Setting, Settings, Step, TextField, TextRules, WALLET_CHANNEL,
};
pub use share::{
    PlacedShare, PlacedShareReturn, Receiver, ReceiverKind, Share, ShareItem, ShareReturn,
    ShareReturned, ShareStatus, Shared, SharedItem, SharedPayment, SharingRules, Unfreeze,
};
