//! Refusals and failures in the words of this wire.

use crate::agreement::AGREEMENT_INFO;
use crate::check::Malformed;
use crate::wallet::faults as wallet;
use channel::TextField;
use dialect::Wait;
use engine::Failure;
use kernel::{
    AgreementRefusal, AllocationFault, AllocationReleaseRefusal, DebitFault, OrderField,
    OrderRefusal, PayeeRefusal, PickFault, RefundRefusal, Refusal, ShareRefusal,
    ShareReturnRefusal, WithdrawalField, WithdrawalRefusal,
};

/// The codes of `ErrCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrCode {
    Success,
    MissingParameter,
    SignatureExpire,
    SecretIdNotFound,
    OcodeMismatch,
    SignatureFailure,
    RequestLimitExceeded,
    InvalidParameter,
    OperateIsProcessing,
    RecordAlreadyExist,
    OrderNotExist,
    OrderStatusError,
    ProfitAmountExceed,
    ProfitNotReturned,
    PayeeNotExist,
    RefundAmountExceed,
    RefundNotExist,
    NoMerchantSecret,
    ChannelOperationError,
    BalanceInsufficient,
    BillNotReady,
    WalletInvalidParameter,
    WalletOperateIsProcessing,
    RechargeAlreadyExist,
    RechargeNotExist,
    RechargeStatusError,
    CardBatchNotExist,
    CardBatchOffSale,
    CardStockInsufficient,
    CardPurchaseLimit,
    CardNotExist,
    CardStatusError,
    CardNotTransferable,
    CardSecretError,
    CardLocked,
    TransferNotExist,
    TransferStatusError,
    AccountNotExist,
    AccountFrozen,
    AccountStatusError,
    WalletBalanceInsufficient,
    FreezeNotExist,
    FreezeStatusError,
    AgreementInvalidParameter,
    AgreementNotExist,
    AgreementAlreadyExist,
    AgreementNotSigned,
    AgreementAmountExceed,
    AgreementPeriodNotMatch,
    MerchantBalanceNotEnough,
    NoRecord,
    SystemError,
}

impl ErrCode {
    /// The word on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            ErrCode::Success => "SUCCESS",
            ErrCode::MissingParameter => "MissingParameter",
            ErrCode::SignatureExpire => "AuthFailure.SignatureExpire",
            ErrCode::SecretIdNotFound => "AuthFailure.SecretIdNotFound",
            ErrCode::OcodeMismatch => "AuthFailure.OcodeMismatch",
            ErrCode::SignatureFailure => "AuthFailure.SignatureFailure",
            ErrCode::RequestLimitExceeded => "RequestLimitExceeded",
            ErrCode::InvalidParameter => "ORDER.INVALID_PARAMETER",
            ErrCode::OperateIsProcessing => "ORDER.OPERATE_IS_PROCESSING",
            ErrCode::RecordAlreadyExist => "ORDER.ORDER_RECORD_ALREADY_EXIST",
            ErrCode::OrderNotExist => "ORDER.ORDER_NOT_EXIST",
            ErrCode::OrderStatusError => "ORDER.ORDER_STATUS_ERROR",
            ErrCode::ProfitAmountExceed => "PROFIT.AMOUNT_EXCEED",
            ErrCode::ProfitNotReturned => "ORDER.PROFIT_NOT_RETURNED",
            ErrCode::PayeeNotExist => "PROFIT.PAYEE_NOT_EXIST",
            ErrCode::RefundAmountExceed => "ORDER.REFUND_AMOUNT_EXCEED",
            ErrCode::RefundNotExist => "ORDER.REFUND_RECORD_NOT_EXIST",
            ErrCode::NoMerchantSecret => "NO_MERCHANT_SECRET",
            ErrCode::ChannelOperationError => "ChannelOperationError",
            ErrCode::MerchantBalanceNotEnough => "FailedOperation.MerchantBalanceNotEnough",
            ErrCode::BalanceInsufficient => "FailedOperation.BalanceInsufficient",
            ErrCode::NoRecord => "FailedOperation.NoRecord",
            ErrCode::BillNotReady => "BILL.NOT_READY",
            ErrCode::WalletInvalidParameter => "WALLET.INVALID_PARAMETER",
            ErrCode::WalletOperateIsProcessing => "WALLET.OPERATE_IS_PROCESSING",
            ErrCode::RechargeAlreadyExist => "WALLET.RECHARGE_RECORD_ALREADY_EXIST",
            ErrCode::RechargeNotExist => "WALLET.RECHARGE_RECORD_NOT_EXIST",
            ErrCode::RechargeStatusError => "WALLET.RECHARGE_STATUS_ERROR",
            ErrCode::CardBatchNotExist => "WALLET.CARD_BATCH_NOT_EXIST",
            ErrCode::CardBatchOffSale => "WALLET.CARD_BATCH_OFF_SALE",
            ErrCode::CardStockInsufficient => "WALLET.CARD_STOCK_INSUFFICIENT",
            ErrCode::CardPurchaseLimit => "WALLET.CARD_PURCHASE_LIMIT",
            ErrCode::CardNotExist => "WALLET.CARD_NOT_EXIST",
            ErrCode::CardStatusError => "WALLET.CARD_STATUS_ERROR",
            ErrCode::CardNotTransferable => "WALLET.CARD_NOT_TRANSFERABLE",
            ErrCode::CardSecretError => "WALLET.CARD_SECRET_ERROR",
            ErrCode::CardLocked => "WALLET.CARD_LOCKED",
            ErrCode::TransferNotExist => "WALLET.TRANSFER_NOT_EXIST",
            ErrCode::TransferStatusError => "WALLET.TRANSFER_STATUS_ERROR",
            ErrCode::AccountNotExist => "WALLET.ACCOUNT_NOT_EXIST",
            ErrCode::AccountFrozen => "WALLET.ACCOUNT_FROZEN",
            ErrCode::AccountStatusError => "WALLET.ACCOUNT_STATUS_ERROR",
            ErrCode::WalletBalanceInsufficient => "WALLET.BALANCE_INSUFFICIENT",
            ErrCode::FreezeNotExist => "WALLET.FREEZE_NOT_EXIST",
            ErrCode::FreezeStatusError => "WALLET.FREEZE_STATUS_ERROR",
            ErrCode::AgreementInvalidParameter => "AGREEMENT.INVALID_PARAMETER",
            ErrCode::AgreementNotExist => "AGREEMENT.NOT_EXIST",
            ErrCode::AgreementAlreadyExist => "AGREEMENT.RECORD_ALREADY_EXIST",
            ErrCode::AgreementNotSigned => "AGREEMENT.NOT_SIGNED",
            ErrCode::AgreementAmountExceed => "AGREEMENT.AMOUNT_EXCEED",
            ErrCode::AgreementPeriodNotMatch => "AGREEMENT.PERIOD_NOT_MATCH",
            ErrCode::SystemError => "FailedOperation.SystemError",
        }
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: ErrCode,
    pub(crate) text: String,
    /// After this number of seconds the same call may pass.
    pub(crate) retry_after_seconds: Option<u64>,
}

/// What is said of a call whose outcome is open.
const UNKNOWN: &str = "the outcome is not known yet";

impl Fault {
    pub(crate) fn new(code: ErrCode, text: impl Into<String>) -> Fault {
        Fault { code, text: text.into(), retry_after_seconds: None }
    }

    /// Nothing was done, and the same call may pass a little later.
    pub(crate) fn overloaded() -> Fault {
        Fault::new(ErrCode::SystemError, "overloaded, retry later")
    }

    /// We do not know what became of the call; repeating it is safe, and shows.
    pub(crate) fn unknown() -> Fault {
        Fault::new(ErrCode::SystemError, format!("{UNKNOWN}, retry the same call"))
    }

    /// The same fault, of something inside an owner.
    pub(crate) fn inside(self, owner: &str) -> Fault {
        Fault { text: format!("{owner}.{}", self.text), ..self }
    }

    /// The same fault; where the outcome is not known, it says how this caller finds it out.
    pub(crate) fn advising(self, advice: &str) -> Fault {
        match self == Fault::unknown() {
            true => Fault::new(ErrCode::SystemError, format!("{UNKNOWN}, {advice}")),
            false => self,
        }
    }
}

impl From<Wait> for Fault {
    fn from(wait: Wait) -> Fault {
        let seconds = wait.seconds();
        let text = format!("too many requests, retry after {seconds} s");
        let fault = Fault::new(ErrCode::RequestLimitExceeded, text);
        Fault { retry_after_seconds: Some(seconds), ..fault }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::new(ErrCode::InvalidParameter, malformed.to_string())
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Overloaded => Fault::overloaded(),
            Failure::Busy => Fault::new(ErrCode::SystemError, "busy, retry later"),
            Failure::Stopping => Fault::new(ErrCode::SystemError, "stopping, retry later"),
            // Its text is for the operator only.
            Failure::Defect(_) => Fault::new(ErrCode::SystemError, "internal error"),
            Failure::Store(fault) => fault.into(),
        }
    }
}

/// The database's own text is for the operator only.
impl From<store::StoreFault> for Fault {
    fn from(fault: store::StoreFault) -> Fault {
        // Only questions end so: nothing has changed.
        if matches!(fault, store::StoreFault::Overloaded(_)) {
            return Fault::new(ErrCode::SystemError, "overloaded, retry later");
        }
        tracing::error!(%fault, "store failed");
        Fault::unknown()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let text = refusal.to_string();
        let (code, field) = match refusal {
            Refusal::Order(OrderRefusal::Allocation { at, why }) => {
                (ErrCode::InvalidParameter, Some(allocation_member(at, why)))
            }
            Refusal::Order(OrderRefusal::Share { at, why }) => {
                let member = share_member(&why);
                (of_share(&why).0, Some(format!("{SHARES}[{at}]{member}")))
            }
            Refusal::Order(OrderRefusal::Picked { at, why }) => {
                let code = match why {
                    PickFault::Share(why) => of_share(&why).0,
                    PickFault::Unknown { .. } => ErrCode::PayeeNotExist,
                    PickFault::Listed | PickFault::NoTemplate | PickFault::SameRole { .. } => {
                        ErrCode::InvalidParameter
                    }
                };
                (code, Some(format!("PayeeList[{at}]")))
            }
            Refusal::Order(OrderRefusal::WalletCard { at }) => {
                let member = wallet::card_in_list(at);
                (ErrCode::InvalidParameter, Some(format!("WalletInfo.{member}")))
            }
            Refusal::Order(refusal) => {
                let (code, field) = of_order(refusal);
                (code, field.map(str::to_owned))
            }
            Refusal::Refund(RefundRefusal::NotAllocated { at } | RefundRefusal::Twice { at }) => (
                ErrCode::InvalidParameter,
                Some(format!("{ALLOCATIONS}[{at}].ChannelSubMerchantId")),
            ),
            Refusal::Refund(RefundRefusal::MoreThanAllocated { at, .. }) => {
                (ErrCode::InvalidParameter, Some(format!("{ALLOCATIONS}[{at}].AllocateAmount")))
            }
            Refusal::Refund(RefundRefusal::NotItsCard { at }) => {
                (ErrCode::CardNotExist, Some(wallet::card_in_list(at)))
            }
            Refusal::Refund(
                RefundRefusal::CardState { at, .. } | RefundRefusal::CardSpent { at },
            ) => (ErrCode::CardStatusError, Some(wallet::card_in_list(at))),
            Refusal::Refund(RefundRefusal::NotEnough { is_named: false, .. }) => {
                let text = format!("{text}; {ALLOCATIONS} can say what is taken from whom");
                return Fault::new(ErrCode::MerchantBalanceNotEnough, text);
            }
            Refusal::Refund(refusal) => {
                let (code, field) = of_refund(refusal);
                (code, field.map(str::to_owned))
            }
            Refusal::AllocationRelease(refusal) => of_release(refusal),
            Refusal::Withdrawal(refusal) => {
                let (code, field) = of_withdrawal(&refusal);
                (code, field.map(str::to_owned))
            }
            Refusal::CardBatch(refusal) => owned(wallet::of_batch(&refusal)),
            Refusal::Recharge(refusal) => owned(wallet::of_recharge(&refusal)),
            Refusal::Card(refusal) => owned(wallet::of_card(&refusal)),
            Refusal::CardBinding(refusal) => owned(wallet::of_binding(&refusal)),
            Refusal::CardTransfer(refusal) => owned(wallet::of_transfer(&refusal)),
            Refusal::Wallet(refusal) => owned(wallet::of_account(&refusal)),
            Refusal::WalletFreeze(refusal) => owned(wallet::of_freeze(&refusal)),
            Refusal::Agreement(refusal) => owned(of_agreement(&refusal)),
            Refusal::Payee(refusal) => owned(of_payee(&refusal)),
            Refusal::Share(refusal) => owned(of_share(&refusal)),
            Refusal::ShareReturn(refusal) => owned(of_share_return(&refusal)),
            // No command of this dialect leads to these.
            Refusal::Allocation(_)
            | Refusal::Notification(_)
            | Refusal::Directory(_)
            | Refusal::Approval(_)
            | Refusal::Book(_) => (ErrCode::SystemError, None),
        };
        match field {
            Some(field) => Fault::new(code, format!("{field}: {text}")),
            None => Fault::new(code, text),
        }
    }
}

/// The list of what other merchants get.
const ALLOCATIONS: &str = "FundAllocateList";

/// The list of what payees get.
const SHARES: &str = "ProfitShareInfoList";

/// The member of an order's share that a refusal names.
const fn share_member(why: &ShareRefusal) -> &'static str {
    match why {
        ShareRefusal::Zero { .. } => ".ProfitRatio",
        ShareRefusal::TooManyPayees { .. } => "",
        ShareRefusal::NotFound
        | ShareRefusal::Differs
        | ShareRefusal::OrderState { .. }
        | ShareRefusal::Running
        | ShareRefusal::Released
        | ShareRefusal::TooMany { .. }
        | ShareRefusal::Nothing
        | ShareRefusal::Payee { .. }
        | ShareRefusal::Twice { .. }
        | ShareRefusal::Mixed
        | ShareRefusal::NotMarked
        | ShareRefusal::NoSharing
        | ShareRefusal::Exceeds { .. }
        | ShareRefusal::NotEnded
        | ShareRefusal::NoAttention
        | ShareRefusal::NotRefused
        | ShareRefusal::NothingClaimed
        | ShareRefusal::GivenBack
        | ShareRefusal::Ended => ".PayeeId",
    }
}

/// The member of an allocation that a refusal names.
fn allocation_member(at: usize, why: AllocationFault) -> String {
    let member = match why {
        AllocationFault::UnknownMerchant
        | AllocationFault::MerchantDisabled
        | AllocationFault::OwnMerchant
        | AllocationFault::Twice => "ChannelSubMerchantId",
        AllocationFault::Amount => "AllocateAmount",
    };
    format!("{ALLOCATIONS}[{at}].{member}")
}

/// The code of a refusal of a release, and the member that it names.
fn of_release(refusal: AllocationReleaseRefusal) -> (ErrCode, Option<String>) {
    let member = |at: usize, name: &str| Some(format!("{ALLOCATIONS}[{at}].{name}"));
    match refusal {
        AllocationReleaseRefusal::NotFound => (ErrCode::OrderNotExist, None),
        AllocationReleaseRefusal::Differs => {
            (ErrCode::InvalidParameter, Some("OutUnfreezeId".to_owned()))
        }
        AllocationReleaseRefusal::State { .. } => (ErrCode::OrderStatusError, None),
        AllocationReleaseRefusal::NoParts => {
            (ErrCode::InvalidParameter, Some(ALLOCATIONS.to_owned()))
        }
        AllocationReleaseRefusal::NotAllocated { at } | AllocationReleaseRefusal::Twice { at } => {
            (ErrCode::InvalidParameter, member(at, "ChannelSubMerchantId"))
        }
        AllocationReleaseRefusal::Waiting { at } => {
            (ErrCode::OrderStatusError, member(at, "AllocateAmount"))
        }
        AllocationReleaseRefusal::Amount { at }
        | AllocationReleaseRefusal::NotFrozen { at, .. } => {
            (ErrCode::InvalidParameter, member(at, "AllocateAmount"))
        }
    }
}

/// The code of a refusal, and the member that it names.
fn of_order(refusal: OrderRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        OrderRefusal::UnknownMerchant => (ErrCode::InvalidParameter, Some("ChannelSubMerchantId")),
        OrderRefusal::Amount => (ErrCode::InvalidParameter, Some("TotalAmount")),
        OrderRefusal::Expiry | OrderRefusal::ExpiryTooFar { .. } => {
            (ErrCode::InvalidParameter, Some("ExpireTime"))
        }
        OrderRefusal::PaymentCode { .. } => {
            (ErrCode::InvalidParameter, Some("ExternalPaymentData.AuthCode"))
        }
        OrderRefusal::Allocation { .. } => (ErrCode::InvalidParameter, Some(ALLOCATIONS)),
        OrderRefusal::Share { .. } | OrderRefusal::Picked { .. } => {
            (ErrCode::InvalidParameter, Some(SHARES))
        }
        // Which list is too long cannot be told: together they are.
        OrderRefusal::Splits => {
            (ErrCode::InvalidParameter, Some("FundAllocateList and ProfitShareInfoList"))
        }
        OrderRefusal::Text { field, .. } => (ErrCode::InvalidParameter, Some(text_name(field))),
        OrderRefusal::Differs { field } => (ErrCode::InvalidParameter, Some(field_name(field))),
        // Nothing in the request would mend it: the merchant must ask the platform.
        OrderRefusal::MerchantDisabled | OrderRefusal::NoRoute { .. } => {
            (ErrCode::NoMerchantSecret, None)
        }
        OrderRefusal::NoWallet => (ErrCode::InvalidParameter, Some("PayChannel")),
        OrderRefusal::OtherWallet => (ErrCode::InvalidParameter, Some("WalletInfo.WalletId")),
        OrderRefusal::WalletCard { .. } => {
            (ErrCode::InvalidParameter, Some("WalletInfo.CardIdList"))
        }
        OrderRefusal::Wallet(refusal) => wallet::of_account(&refusal),
        OrderRefusal::NotFound => (ErrCode::OrderNotExist, None),
        OrderRefusal::Final => (ErrCode::RecordAlreadyExist, None),
        OrderRefusal::CallInFlight | OrderRefusal::DebitOut => (ErrCode::OperateIsProcessing, None),
        OrderRefusal::Debit(fault) => of_debit(&fault),
        // The operators' refusals cannot come of a command of this wire.
        OrderRefusal::State { .. }
        | OrderRefusal::Contested { .. }
        | OrderRefusal::NotContested
        | OrderRefusal::StoredValue
        | OrderRefusal::NoAttention => (ErrCode::OrderStatusError, None),
    }
}

/// The code of what is wrong with the agreement of an order, and the member that it names.
const fn of_debit(fault: &DebitFault) -> (ErrCode, Option<&'static str>) {
    match fault {
        DebitFault::Missing | DebitFault::NotTaken => {
            (ErrCode::InvalidParameter, Some(AGREEMENT_INFO))
        }
        DebitFault::NotFound => (ErrCode::AgreementNotExist, Some(AGREEMENT_INFO)),
        DebitFault::OtherMerchant => (ErrCode::InvalidParameter, Some("ChannelSubMerchantId")),
        DebitFault::OtherChannel => (ErrCode::InvalidParameter, Some("PayChannel")),
        DebitFault::Scene => (ErrCode::InvalidParameter, Some("PayType")),
        DebitFault::NotSigned { .. } => (ErrCode::AgreementNotSigned, Some(AGREEMENT_INFO)),
        DebitFault::Amount { .. } => (ErrCode::AgreementAmountExceed, Some("TotalAmount")),
        DebitFault::Period { .. } => (ErrCode::AgreementPeriodNotMatch, None),
        DebitFault::Debiting { .. } => (ErrCode::OperateIsProcessing, None),
    }
}

/// The code of an agreement's refusal, and the member that it names.
const fn of_agreement(refusal: &AgreementRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        AgreementRefusal::UnknownMerchant => {
            (ErrCode::AgreementInvalidParameter, Some("ChannelSubMerchantId"))
        }
        AgreementRefusal::NotFound => (ErrCode::AgreementNotExist, None),
        AgreementRefusal::Exists { .. } => (ErrCode::AgreementAlreadyExist, None),
        AgreementRefusal::Differs => (ErrCode::AgreementInvalidParameter, Some("OutAgreementId")),
        AgreementRefusal::CallInFlight => (ErrCode::OperateIsProcessing, None),
        // An operator alone is told the last.
        AgreementRefusal::State { .. } | AgreementRefusal::NoAttention => {
            (ErrCode::AgreementNotSigned, None)
        }
        AgreementRefusal::MerchantDisabled | AgreementRefusal::NoRoute => {
            (ErrCode::NoMerchantSecret, None)
        }
        AgreementRefusal::Expiry | AgreementRefusal::ExpiryTooFar { .. } => {
            (ErrCode::AgreementInvalidParameter, Some("ExpireTime"))
        }
    }
}

const fn of_payee(refusal: &PayeeRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        PayeeRefusal::NotFound => (ErrCode::PayeeNotExist, None),
        // An operator alone is told.
        PayeeRefusal::NoAttention => (ErrCode::OrderStatusError, None),
        PayeeRefusal::Differs => (ErrCode::InvalidParameter, Some("OutPayeeId")),
        PayeeRefusal::UnknownMerchant | PayeeRefusal::NoMerchant => {
            (ErrCode::InvalidParameter, Some("ChannelSubMerchantId"))
        }
    }
}

const fn of_share(refusal: &ShareRefusal) -> (ErrCode, Option<&'static str>) {
    let list = Some("ProfitShareInfoList");
    match refusal {
        ShareRefusal::NotFound | ShareRefusal::Differs => {
            (ErrCode::InvalidParameter, Some("OutProfitOrderId"))
        }
        ShareRefusal::OrderState { .. }
        | ShareRefusal::Released
        | ShareRefusal::TooMany { .. }
        | ShareRefusal::NotMarked
        | ShareRefusal::NoSharing
        // Of these an operator alone is told.
        | ShareRefusal::NotEnded
        | ShareRefusal::NoAttention
        | ShareRefusal::NotRefused
        | ShareRefusal::NothingClaimed
        | ShareRefusal::GivenBack
        | ShareRefusal::Ended => (ErrCode::OrderStatusError, None),
        ShareRefusal::Running => (ErrCode::OperateIsProcessing, None),
        ShareRefusal::Payee { .. } => (ErrCode::PayeeNotExist, list),
        ShareRefusal::Exceeds { .. } => (ErrCode::ProfitAmountExceed, list),
        ShareRefusal::Nothing
        | ShareRefusal::TooManyPayees { .. }
        | ShareRefusal::Twice { .. }
        | ShareRefusal::Mixed
        | ShareRefusal::Zero { .. } => (ErrCode::InvalidParameter, list),
    }
}

const fn of_share_return(refusal: &ShareReturnRefusal) -> (ErrCode, Option<&'static str>) {
    let list = Some("ProfitShareInfoList");
    match refusal {
        ShareReturnRefusal::NotFound | ShareReturnRefusal::Differs => {
            (ErrCode::InvalidParameter, Some("OutProfitRefundId"))
        }
        // Of most of these an operator alone is told.
        ShareReturnRefusal::Ended
        | ShareReturnRefusal::NotEnded
        | ShareReturnRefusal::NoAttention
        | ShareReturnRefusal::NotRefused
        | ShareReturnRefusal::NothingClaimed
        | ShareReturnRefusal::MoreThanShared { .. }
        | ShareReturnRefusal::Spent { .. } => (ErrCode::OrderStatusError, None),
        ShareReturnRefusal::Running => (ErrCode::OperateIsProcessing, None),
        ShareReturnRefusal::Payee { .. } => (ErrCode::PayeeNotExist, list),
        ShareReturnRefusal::Exceeds { .. } => (ErrCode::ProfitAmountExceed, list),
        ShareReturnRefusal::Nothing | ShareReturnRefusal::Twice { .. } => {
            (ErrCode::InvalidParameter, list)
        }
    }
}

/// A code with a member of its own name.
fn owned((code, field): (ErrCode, Option<&'static str>)) -> (ErrCode, Option<String>) {
    (code, field.map(str::to_owned))
}

/// The code of a refund's refusal, and the member that it names.
fn of_refund(refusal: RefundRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        RefundRefusal::OtherOrder => (ErrCode::InvalidParameter, Some("OutOrderId")),
        RefundRefusal::OtherAmount | RefundRefusal::Amount => {
            (ErrCode::InvalidParameter, Some("RefundAmount"))
        }
        RefundRefusal::OtherReturns | RefundRefusal::ReturnsExceed => {
            (ErrCode::InvalidParameter, Some("ProfitShareInfoList"))
        }
        RefundRefusal::PayeeNotEnough { .. } => {
            (ErrCode::MerchantBalanceNotEnough, Some("ProfitShareInfoList"))
        }
        RefundRefusal::OtherParts => (ErrCode::InvalidParameter, Some(ALLOCATIONS)),
        RefundRefusal::OtherCards | RefundRefusal::CardList { .. } => {
            (ErrCode::InvalidParameter, Some(wallet::CARDS))
        }
        RefundRefusal::NotItsCard { .. } => (ErrCode::CardNotExist, Some(wallet::CARDS)),
        RefundRefusal::CardState { .. } | RefundRefusal::CardSpent { .. } => {
            (ErrCode::CardStatusError, Some(wallet::CARDS))
        }
        RefundRefusal::OtherWay => (ErrCode::InvalidParameter, Some("WalletRefundInfo")),
        RefundRefusal::OtherNotifyUrl => (ErrCode::InvalidParameter, Some("NotifyUrl")),
        RefundRefusal::NotFound => (ErrCode::RefundNotExist, None),
        RefundRefusal::NoWallet => (ErrCode::InvalidParameter, Some("RefundAmount")),
        RefundRefusal::Wallet(refusal) => wallet::of_account(&refusal),
        RefundRefusal::BalanceTooLow => (ErrCode::WalletBalanceInsufficient, None),
        RefundRefusal::StoredValue
        | RefundRefusal::NotPaid { .. }
        | RefundRefusal::TooOld { .. } => (ErrCode::OrderStatusError, None),
        RefundRefusal::Exceeds { .. } => (ErrCode::RefundAmountExceed, Some("RefundAmount")),
        RefundRefusal::Sharing => (ErrCode::OperateIsProcessing, None),
        RefundRefusal::NotReturned { .. } => {
            (ErrCode::ProfitNotReturned, Some("ProfitShareInfoList"))
        }
        RefundRefusal::NotAllocated { .. }
        | RefundRefusal::Twice { .. }
        | RefundRefusal::MoreThanAllocated { .. }
        | RefundRefusal::PartsExceed => (ErrCode::InvalidParameter, Some(ALLOCATIONS)),
        RefundRefusal::NotEnough { .. } => (ErrCode::MerchantBalanceNotEnough, Some(ALLOCATIONS)),
        RefundRefusal::Contradicted => (ErrCode::OperateIsProcessing, None),
        // The operators' refusals cannot come of a command of this wire.
        RefundRefusal::State { .. } | RefundRefusal::NoAttention => {
            (ErrCode::OrderStatusError, None)
        }
    }
}

/// The code of a refusal, and the member that it names.
const fn of_withdrawal(refusal: &WithdrawalRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        WithdrawalRefusal::NotFound => (ErrCode::NoRecord, None),
        WithdrawalRefusal::Differs { field } => {
            (ErrCode::InvalidParameter, Some(withdrawal_field_name(*field)))
        }
        WithdrawalRefusal::UnknownMerchant => {
            (ErrCode::InvalidParameter, Some("ChannelSubMerchantId"))
        }
        WithdrawalRefusal::MerchantDisabled => (ErrCode::NoMerchantSecret, None),
        WithdrawalRefusal::Amount => (ErrCode::InvalidParameter, Some("SettleAmount")),
        WithdrawalRefusal::Insufficient { .. } => (ErrCode::BalanceInsufficient, None),
        // An operator's refusal cannot come of a command of this wire.
        WithdrawalRefusal::State { .. } => (ErrCode::OrderStatusError, None),
    }
}

const fn withdrawal_field_name(field: WithdrawalField) -> &'static str {
    match field {
        WithdrawalField::Merchant => "ChannelSubMerchantId",
        WithdrawalField::Amount => "SettleAmount",
        WithdrawalField::NotifyUrl => "NotifyUrl",
        WithdrawalField::Remark => "Remark",
    }
}

const fn text_name(field: TextField) -> &'static str {
    match field {
        TextField::Subject => "OrderSubject",
        TextField::GoodsTag => "GoodsTag",
    }
}

const fn field_name(field: OrderField) -> &'static str {
    match field {
        OrderField::Merchant => "ChannelSubMerchantId",
        OrderField::Amount => "TotalAmount",
        OrderField::Currency => "Currency",
        OrderField::Scene => "PayType",
        OrderField::Channel => "PayChannel",
        OrderField::Payer => "ExternalPaymentData",
        OrderField::NotifyUrl => "NotifyUrl",
        OrderField::Expiry => "ExpireTime",
        OrderField::Details => "request",
    }
}
