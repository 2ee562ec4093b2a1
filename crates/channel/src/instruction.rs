//! What can be asked of a channel.

use crate::agreement::{DebitAgreement, PlacedAgreement, SignAgreement, TerminateAgreement};
use crate::bill::{BillDay, BillFile};
use crate::payment_code::PaymentCode;
use crate::share::{
    PlacedShare, PlacedShareReturn, Receiver, Share, ShareReturn, SharedPayment, Unfreeze,
};
use ledger::{Currency, Fen, Timestamp};

/// One request to a channel, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Place a payment order. Repeating it with the same number and content is harmless, except with a
    /// payer's code: that is placed once.
    Place(Box<Place>),
    /// Ask what became of an order.
    Query(PlacedOrder),
    /// Close an order so that it can no longer be paid.
    Close(PlacedOrder),
    /// Undo an order whose outcome is in doubt: what was paid goes back, and it can no longer be paid.
    /// Repeating it is harmless.
    Cancel(Cancel),
    /// Give paid money back. Repeating it with the same refund number is harmless.
    Refund(Box<Refund>),
    /// Ask what became of a refund.
    QueryRefund(PlacedRefund),
    /// Bind a receiver to the account, so that it can be shared with. Repeating it is harmless.
    BindReceiver(Receiver),
    /// Unbind a receiver; what was shared with it before stays.
    UnbindReceiver(Receiver),
    /// Share an order's money. Repeating it with the same number and content is harmless.
    Share(Box<Share>),
    /// Ask what became of a share.
    QueryShare(PlacedShare),
    /// Release what of an order was not shared, under a number that was never used before.
    Unfreeze(Box<Unfreeze>),
    /// Ask how much of an order can still be shared.
    QueryUnshared(SharedPayment),
    /// Take shared money back from one receiver. Repeating it with the same number is harmless.
    ReturnShare(Box<ShareReturn>),
    /// Ask what became of a share's return.
    QueryShareReturn(PlacedShareReturn),
    /// Have an agreement signed. Repeating it with the same number and content is harmless: until the
    /// payer has signed, it brings another page for the same agreement.
    SignAgreement(Box<SignAgreement>),
    /// Ask where an agreement stands.
    QueryAgreement(PlacedAgreement),
    /// End an agreement. Repeating it is harmless.
    TerminateAgreement(Box<TerminateAgreement>),
    /// Fetch the keys with which the channel signs.
    FetchKeys {
        /// The name of a key that signed and is not known: a channel without a list of its keys is asked
        /// for one by its name. `None` to refresh those that are known.
        named: Option<String>,
    },
    /// Ask where the file of a bill is.
    FindBill(BillDay),
    /// Fetch the file of a bill.
    FetchBill(BillFile),
}

/// The kind of an [`Instruction`], for logs, metrics and faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Instruction::Place`]
    Place,
    /// [`Instruction::Query`]
    Query,
    /// [`Instruction::Close`]
    Close,
    /// [`Instruction::Cancel`]
    Cancel,
    /// [`Instruction::Refund`]
    Refund,
    /// [`Instruction::QueryRefund`]
    QueryRefund,
    /// [`Instruction::BindReceiver`]
    BindReceiver,
    /// [`Instruction::UnbindReceiver`]
    UnbindReceiver,
    /// [`Instruction::Share`]
    Share,
    /// [`Instruction::QueryShare`]
    QueryShare,
    /// [`Instruction::Unfreeze`]
    Unfreeze,
    /// [`Instruction::QueryUnshared`]
    QueryUnshared,
    /// [`Instruction::ReturnShare`]
    ReturnShare,
    /// [`Instruction::QueryShareReturn`]
    QueryShareReturn,
    /// [`Instruction::SignAgreement`]
    SignAgreement,
    /// [`Instruction::QueryAgreement`]
    QueryAgreement,
    /// [`Instruction::TerminateAgreement`]
    TerminateAgreement,
    /// [`Instruction::FetchKeys`]
    FetchKeys,
    /// [`Instruction::FindBill`]
    FindBill,
    /// [`Instruction::FetchBill`]
    FetchBill,
}

impl Instruction {
    /// Its kind.
    pub const fn operation(&self) -> Operation {
        match self {
            Instruction::Place(_) => Operation::Place,
            Instruction::Query(_) => Operation::Query,
            Instruction::Close(_) => Operation::Close,
            Instruction::Cancel(_) => Operation::Cancel,
            Instruction::Refund(_) => Operation::Refund,
            Instruction::QueryRefund(_) => Operation::QueryRefund,
            Instruction::BindReceiver(_) => Operation::BindReceiver,
            Instruction::UnbindReceiver(_) => Operation::UnbindReceiver,
            Instruction::Share(_) => Operation::Share,
            Instruction::QueryShare(_) => Operation::QueryShare,
            Instruction::Unfreeze(_) => Operation::Unfreeze,
            Instruction::QueryUnshared(_) => Operation::QueryUnshared,
            Instruction::ReturnShare(_) => Operation::ReturnShare,
            Instruction::QueryShareReturn(_) => Operation::QueryShareReturn,
            Instruction::SignAgreement(_) => Operation::SignAgreement,
            Instruction::QueryAgreement(_) => Operation::QueryAgreement,
            Instruction::TerminateAgreement(_) => Operation::TerminateAgreement,
            Instruction::FetchKeys { .. } => Operation::FetchKeys,
            Instruction::FindBill(_) => Operation::FindBill,
            Instruction::FetchBill(_) => Operation::FetchBill,
        }
    }
}

impl Operation {
    /// Every kind, for listings and tests.
    pub const ALL: [Operation; 20] = [
        Operation::Place,
        Operation::Query,
        Operation::Close,
        Operation::Cancel,
        Operation::Refund,
        Operation::QueryRefund,
        Operation::BindReceiver,
        Operation::UnbindReceiver,
        Operation::Share,
        Operation::QueryShare,
        Operation::Unfreeze,
        Operation::QueryUnshared,
        Operation::ReturnShare,
        Operation::QueryShareReturn,
        Operation::SignAgreement,
        Operation::QueryAgreement,
        Operation::TerminateAgreement,
        Operation::FetchKeys,
        Operation::FindBill,
        Operation::FetchBill,
    ];

    /// The word in logs, metrics and the event log.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Place => "place",
            Operation::Query => "query",
            Operation::Close => "close",
            Operation::Cancel => "cancel",
            Operation::Refund => "refund",
            Operation::QueryRefund => "query_refund",
            Operation::BindReceiver => "bind_receiver",
            Operation::UnbindReceiver => "unbind_receiver",
            Operation::Share => "share",
            Operation::QueryShare => "query_share",
            Operation::Unfreeze => "unfreeze",
            Operation::QueryUnshared => "query_unshared",
            Operation::ReturnShare => "return_share",
            Operation::QueryShareReturn => "query_share_return",
            Operation::SignAgreement => "sign_agreement",
            Operation::QueryAgreement => "query_agreement",
            Operation::TerminateAgreement => "terminate_agreement",
            Operation::FetchKeys => "fetch_keys",
            Operation::FindBill => "find_bill",
            Operation::FetchBill => "fetch_bill",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// Where the payer is when they pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scene {
    /// 小程序: inside a mini program.
    MiniProgram,
    /// 公众号: a web page inside the channel's app.
    Public,
    /// A web page on a PC that shows a QR code.
    Pc,
    /// A mobile browser.
    H5,
    /// A native app with the channel's SDK.
    App,
    /// 被扫: the merchant scans the payer's code.
    Swipe,
    /// 快捷支付: debit by agreement, which the payer has just requested.
    Agreement,
    /// 免密支付: debit by agreement, no payer needed.
    Authorize,
}

impl Scene {
    /// Every scene, for listings and tests.
    pub const ALL: [Scene; 8] = [
        Scene::MiniProgram,
        Scene::Public,
        Scene::Pc,
        Scene::H5,
        Scene::App,
        Scene::Swipe,
        Scene::Agreement,
        Scene::Authorize,
    ];

    /// Every scene in which the payer opens the channel's pages: neither with a code nor by agreement.
    pub const WITH_PAGE: [Scene; 5] =
        [Scene::MiniProgram, Scene::Public, Scene::Pc, Scene::H5, Scene::App];

    /// Every scene in which an order is debited by agreement.
    pub const BY_AGREEMENT: [Scene; 2] = [Scene::Agreement, Scene::Authorize];

    /// Whether its orders are debited by agreement.
    pub const fn is_by_agreement(self) -> bool {
        match self {
            Scene::Agreement | Scene::Authorize => true,
            Scene::MiniProgram
            | Scene::Public
            | Scene::Pc
            | Scene::H5
            | Scene::App
            | Scene::Swipe => false,
        }
    }

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Scene::MiniProgram => "mini_program",
            Scene::Public => "public",
            Scene::Pc => "pc",
            Scene::H5 => "h5",
            Scene::App => "app",
            Scene::Swipe => "swipe",
            Scene::Agreement => "agreement",
            Scene::Authorize => "authorize",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Scene> {
        Scene::ALL.into_iter().find(|scene| scene.name() == name)
    }
}

/// The person who pays, as the channel knows them. Members are absent where the scene needs none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payer {
    /// The app in which they pay (WeChat: appid).
    pub app_id: Option<String>,
    /// Their id within that app (WeChat: openid).
    pub user_id: Option<String>,
    /// Their IP address.
    pub client_ip: Option<String>,
    /// The shop device in front of them.
    pub device_id: Option<String>,
}

/// A payment order to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Our number for it at the channel: committed before the call, the same in every repeat.
    pub channel_order_no: String,
    /// How much, above zero.
    pub amount: Fen,
    /// In which currency.
    pub currency: Currency,
    /// Where the payer is.
    pub scene: Scene,
    /// The title that the payer sees.
    pub subject: String,
    /// Who pays.
    pub payer: Payer,
    /// The code that the payer shows; present in [`Scene::Swipe`] alone, where it is placed once.
    pub payment_code: Option<PaymentCode>,
    /// By which agreement it is debited; present in [`Scene::BY_AGREEMENT`] alone.
    pub agreement: Option<DebitAgreement>,
    /// The channel's coupon mark.
    pub goods_tag: Option<String>,
    /// When the order was made; the same in every repeat.
    pub placed_at: Timestamp,
    /// From when on it must not be payable.
    pub expires_at: Timestamp,
    /// Where the channel sends its callback.
    pub callback_url: String,
    /// Where the payer's browser goes after success.
    pub front_url: Option<String>,
    /// True when the money is to be shared later: the channel keeps it frozen until then.
    pub is_shared: bool,
}

/// An order that was placed: what any vendor needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The number under which it was placed.
    pub channel_order_no: String,
    /// When the order was made.
    pub placed_at: Timestamp,
    /// The amount to pay.
    pub amount: Fen,
    /// Its currency.
    pub currency: Currency,
    /// True once a cancel was sent: money that the channel then reports as gone back went back by it.
    pub is_cancelled: bool,
    /// True when it is debited by agreement: what the channel does not know then was not debited, and may
    /// be placed again under its number.
    pub is_debit: bool,
}

/// An order to undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The order.
    pub order: PlacedOrder,
    /// The app that it was placed with, where its caller named one.
    pub app_id: Option<String>,
}

/// A refund that was requested: what any vendor needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedRefund {
    /// The refund's own number.
    pub channel_refund_no: String,
    /// The order's number at the channel.
    pub channel_order_no: String,
    /// When the refund was made.
    pub made_at: Timestamp,
    /// The amount to give back.
    pub amount: Fen,
}

/// Money to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Our number for the refund at the channel: committed before the call, the same in every repeat.
    pub channel_refund_no: String,
    /// The order's number at the channel.
    pub channel_order_no: String,
    /// The payment to give back, as the channel named it.
    pub payment_reference: String,
    /// How much of it, above zero.
    pub amount: Fen,
    /// How much was paid: the whole payment.
    pub paid: Fen,
    /// In which currency.
    pub currency: Currency,
    /// Why it is given back; the channel shows it to the payer in its own words.
    pub cause: RefundCause,
    /// The merchant's own words for that, which the channel shows in place of its own.
    pub reason: Option<String>,
    /// Where the channel sends its callback.
    pub callback_url: String,
}

/// Why money is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefundCause {
    /// The order had ended unpaid when the payment came.
    LatePayment,
    /// The order was paid already when the payment came.
    SecondPayment,
    /// The merchant requested it.
    Requested,
}

impl RefundCause {
    /// Every cause, for listings and tests.
    pub const ALL: [RefundCause; 3] =
        [RefundCause::LatePayment, RefundCause::SecondPayment, RefundCause::Requested];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            RefundCause::LatePayment => "late_payment",
            RefundCause::SecondPayment => "second_payment",
            RefundCause::Requested => "requested",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<RefundCause> {
        RefundCause::ALL.into_iter().find(|cause| cause.name() == name)
    }
}
