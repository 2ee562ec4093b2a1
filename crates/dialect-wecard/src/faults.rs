//! Refusals and failures in the words of this wire.

use crate::check::Malformed;
use engine::Failure;
use kernel::Refusal;
use kernel::command::Field;

/// The codes of `ErrCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrCode {
    Success,
    MissingParameter,
    SignatureExpire,
    SecretIdNotFound,
    OcodeMismatch,
    SignatureFailure,
    InvalidParameter,
    OperateIsProcessing,
    RecordAlreadyExist,
    OrderNotExist,
    OrderStatusError,
    NoMerchantSecret,
    ChannelOperationError,
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
            ErrCode::InvalidParameter => "ORDER.INVALID_PARAMETER",
            ErrCode::OperateIsProcessing => "ORDER.OPERATE_IS_PROCESSING",
            ErrCode::RecordAlreadyExist => "ORDER.ORDER_RECORD_ALREADY_EXIST",
            ErrCode::OrderNotExist => "ORDER.ORDER_NOT_EXIST",
            ErrCode::OrderStatusError => "ORDER.ORDER_STATUS_ERROR",
            ErrCode::NoMerchantSecret => "NO_MERCHANT_SECRET",
            ErrCode::ChannelOperationError => "ChannelOperationError",
            ErrCode::SystemError => "FailedOperation.SystemError",
        }
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: ErrCode,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(code: ErrCode, text: impl Into<String>) -> Fault {
        Fault { code, text: text.into() }
    }

    /// We do not know what became of the call; the same call again is safe and tells.
    pub(crate) fn unknown() -> Fault {
        let text = "the outcome is not known yet, retry with the same OutOrderId";
        Fault::new(ErrCode::SystemError, text)
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
            Failure::Overloaded => Fault::new(ErrCode::SystemError, "overloaded, retry later"),
            Failure::Stopping => Fault::new(ErrCode::SystemError, "stopping, retry later"),
            Failure::Store(fault) => fault.into(),
        }
    }
}

/// The database's words are for the operator only.
impl From<store::StoreFault> for Fault {
    fn from(fault: store::StoreFault) -> Fault {
        tracing::error!(%fault, "store failed");
        Fault::unknown()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let text = refusal.to_string();
        let (code, field) = match refusal {
            Refusal::UnknownMerchant => (ErrCode::InvalidParameter, Some("ChannelSubMerchantId")),
            Refusal::Amount => (ErrCode::InvalidParameter, Some("TotalAmount")),
            Refusal::Expiry => (ErrCode::InvalidParameter, Some("ExpireTime")),
            Refusal::Differs { field } => (ErrCode::InvalidParameter, Some(field_name(field))),
            Refusal::NoRoute => (ErrCode::NoMerchantSecret, None),
            Refusal::OrderNotFound => (ErrCode::OrderNotExist, None),
            Refusal::OrderFinal => (ErrCode::RecordAlreadyExist, None),
            Refusal::CallInFlight => (ErrCode::OperateIsProcessing, None),
            Refusal::State { .. } => (ErrCode::OrderStatusError, None),
            // No command of this dialect leads to these.
            Refusal::RefundNotFound | Refusal::NotificationNotFound | Refusal::Book(_) => {
                (ErrCode::SystemError, None)
            }
        };
        match field {
            Some(field) => Fault::new(code, format!("{field}: {text}")),
            None => Fault::new(code, text),
        }
    }
}

const fn field_name(field: Field) -> &'static str {
    match field {
        Field::Merchant => "ChannelSubMerchantId",
        Field::Amount => "TotalAmount",
        Field::Currency => "Currency",
        Field::Scene => "PayType",
        Field::Channel => "PayChannel",
    }
}
