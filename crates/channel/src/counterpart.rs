//! The vendor's other half, for the sandbox.
//!
//! A counterpart is a pure machine over a [`DocumentStore`]: it answers requests as the real channel does,
//! signs, refuses, and leaves callbacks to be sent. The sandbox lends it durable storage, time and
//! sockets, and injects its faults.

use crate::finding::RefundStatus;
use crate::http::{Request, Response};
use crate::port::CodecContext;
use ledger::{Fen, Timestamp};

/// The header in which a counterpart finds the certificate with which the client proved itself when the
/// connection was made: its DER in base64 between colons (RFC 9440). Never what a client wrote.
pub const CLIENT_CERT_HEADER: &str = "client-cert";

/// The header that says `https` where the connection was made by TLS, so that a client could prove
/// itself. Never what a client wrote.
pub const FORWARDED_PROTO_HEADER: &str = "x-forwarded-proto";

/// Where the client reached the counterpart: scheme and host, by what the request says. `None` where it
/// names no host.
pub fn own_url(request: &Request) -> Option<String> {
    let host = request.header("Host")?;
    let scheme = request.header(FORWARDED_PROTO_HEADER).unwrap_or("http");
    Some(format!("{scheme}://{host}"))
}

/// Durable storage of a counterpart: text under keys, one transaction per call.
pub trait DocumentStore {
    /// The text under a key.
    fn get(&self, key: &str) -> Result<Option<String>, DocumentFault>;
    /// Puts text under a key.
    fn put(&mut self, key: &str, text: &str) -> Result<(), DocumentFault>;
    /// The entries whose key begins with `prefix`, newest key last, at most `limit` from the end.
    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<(String, String)>, DocumentFault>;
}

/// The storage failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sandbox storage: {0}")]
pub struct DocumentFault(pub String);

/// How one request or callback is treated: honestly, or with a fault that was injected at the sandbox.
/// Faults of the wire (lost, late, twice) are the sandbox's own business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultMode {
    /// Answer honestly.
    Honest,
    /// Do the work, and sign the answer wrongly.
    BadSignature,
    /// Do the work, and leave out the signature.
    Unsigned,
    /// Do the work, and send the signature with which the channel probes whether its merchants verify.
    Probe,
    /// Do the work, and lie about the amount.
    WrongAmount,
    /// Do nothing and answer with this code, signed where the channel signs a refusal with that code.
    Error {
        /// The channel's code.
        code: String,
    },
    /// Take the refund that is asked for, and let it come to this.
    Refund {
        /// Where it ends.
        status: RefundStatus,
    },
    /// Take the share, or the return of one, and let it fail.
    Share {
        /// Which of a share's items.
        failed: FailedItems,
        /// The channel's code of why.
        reason: String,
    },
}

/// Which items of a share fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedItems {
    /// All of them.
    All,
    /// The first.
    First,
}

/// A callback that the counterpart enqueues: sent at once, then by its schedule until accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingCallback {
    /// The channel's id of the callback.
    pub id: String,
    /// Where it goes.
    pub url: String,
    /// What it says, in a form that only the counterpart reads.
    pub text: String,
}

/// What the person with the phone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneOutcome {
    /// Pays.
    Success,
    /// Pays the rest of what a coupon does not pay.
    SuccessWith(Coupon),
    /// Tries to pay, and the bank says no.
    Fail,
    /// Leaves the cashier.
    Cancel,
}

/// A coupon that pays a part of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// What it pays, above zero.
    pub amount: Fen,
    /// Whether the channel settles it.
    pub kind: CouponKind,
}

/// Whether the channel settles what a coupon pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponKind {
    /// 充值型: its money was paid in before, and is settled like the payer's.
    Cash,
    /// 免充值型: the merchant bears it, and nothing is settled for it.
    NoCash,
}

/// What comes of a code on the phone once a merchant has scanned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOutcome {
    /// The payment succeeds at once.
    Success,
    /// The person is asked for a password, and answers with [`Counterpart::phone`].
    Password,
    /// The bank says no.
    Fail,
}

/// What the payer, or the channel, does about an agreement that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementAct {
    /// The payer ends it in the channel's app.
    Terminate,
    /// The channel keeps it from being debited by.
    Pause,
    /// The channel lets it be debited by again.
    Resume,
}

/// Why the app on the phone does not open the cashier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneFault {
    /// The pay information is not this channel's.
    #[error("not for this channel")]
    NotMine,
    /// The app refuses it.
    #[error("{0}")]
    Refused(String),
    /// The storage failed.
    #[error(transparent)]
    DocumentStore(#[from] DocumentFault),
}

/// Why a switch of a simulated channel is not turned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchFault {
    /// The channel has no such switch.
    #[error("the channel has no such switch")]
    Unknown,
    /// The arguments make no sense; the text names the one.
    #[error("{0}")]
    Refused(String),
    /// The storage failed.
    #[error(transparent)]
    DocumentStore(#[from] DocumentFault),
}

/// A simulated channel.
pub trait Counterpart: Send + Sync {
    /// The channel's name, as in [`crate::About`].
    fn name(&self) -> &'static str;

    /// Whether a request path belongs to this channel.
    fn owns(&self, path: &str) -> bool;

    /// Which operation a request is, in the words of the fault control: `create`, `query`, `close`,
    /// `refund`, or another word of the channel's own.
    fn operation(&self, request: &Request) -> &'static str;

    /// Answers a request. The clock in `context` can have been moved, and the sender's need not have
    /// moved with it: `system_now` is the time of a sender whose clock is right.
    fn receive(
        &self,
        documents: &mut dyn DocumentStore,
        mode: &FaultMode,
        request: &Request,
        context: &CodecContext,
        system_now: Timestamp,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault>;

    /// Answers a request for `target` whose method is neither GET nor POST.
    fn refuse_method(&self, target: &str) -> Response;

    /// A person pays, or signs an agreement, with the pay information that the client got. Answers with a short text about
    /// what the phone shows, and with the callbacks that follow.
    fn phone(
        &self,
        documents: &mut dyn DocumentStore,
        pay_info: &str,
        outcome: PhoneOutcome,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault>;

    /// Shows a code on the phone for a merchant to scan; `None` of a channel without such codes.
    fn payment_code(
        &self,
        _documents: &mut dyn DocumentStore,
        _outcome: ScanOutcome,
        _context: &CodecContext,
    ) -> Result<Option<String>, DocumentFault> {
        Ok(None)
    }

    /// Does something about a signed agreement, named by the channel's number or the merchant's. Answers as
    /// [`Counterpart::phone`] does.
    fn act_on_agreement(
        &self,
        documents: &mut dyn DocumentStore,
        number: &str,
        act: AgreementAct,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault>;

    /// The request that carries a callback now: fresh time, nonce, encryption and signature.
    fn envelope(
        &self,
        documents: &dyn DocumentStore,
        callback: &OutgoingCallback,
        mode: &FaultMode,
        context: &CodecContext,
    ) -> Result<Request, DocumentFault>;

    /// Turns a switch of the channel's own, such as which key signs. `arguments` and the answer are
    /// JSON objects.
    fn switch(
        &self,
        documents: &mut dyn DocumentStore,
        name: &str,
        arguments: &str,
        context: &CodecContext,
    ) -> Result<String, SwitchFault>;

    /// Whether the receiver's answer ends the repeats of a callback.
    fn accepted(&self, callback: &OutgoingCallback, response: &Response) -> bool;

    /// Seconds to wait after each failed attempt; when they are used up the channel gives up.
    fn schedule_seconds(&self) -> &'static [i64];

    /// The channel's transactions, newest last, each a JSON object in text.
    fn transactions(
        &self,
        documents: &dyn DocumentStore,
        limit: usize,
    ) -> Result<Vec<String>, DocumentFault>;
}
