//! Refusals about gift cards and stored value in the codes of their endpoints.

use crate::faults::{ErrCode, Fault};
use kernel::{
    CardBatchField, CardBatchRefusal, CardBindingRefusal, CardRefusal, CardTransferRefusal,
    RechargeRefusal, WalletFreezeRefusal, WalletRefusal,
};

/// The list of the cards that are taken back.
pub(crate) const CARDS: &str = "CardIdList";

/// The member of that list that a refusal names.
pub(crate) fn card_in_list(at: usize) -> String {
    format!("{CARDS}[{at}]")
}

/// A fault of an order in the words of a recharge: the same cases have codes of their own here.
pub(super) fn of_wallet(fault: Fault) -> Fault {
    let code = match fault.code {
        ErrCode::InvalidParameter => ErrCode::WalletInvalidParameter,
        ErrCode::OperateIsProcessing => ErrCode::WalletOperateIsProcessing,
        ErrCode::RecordAlreadyExist => ErrCode::RechargeAlreadyExist,
        ErrCode::OrderNotExist => ErrCode::RechargeNotExist,
        ErrCode::OrderStatusError => ErrCode::RechargeStatusError,
        code => code,
    };
    Fault { code, ..fault }
}

/// The code of a batch's refusal, and the member that it names.
pub(crate) const fn of_batch(refusal: &CardBatchRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        CardBatchRefusal::NotFound => (ErrCode::CardBatchNotExist, Some("CardBatchId")),
        CardBatchRefusal::Differs => (ErrCode::WalletInvalidParameter, Some("OutBatchId")),
        CardBatchRefusal::Member { field, .. } => {
            (ErrCode::WalletInvalidParameter, Some(batch_member(*field)))
        }
    }
}

const fn batch_member(field: CardBatchField) -> &'static str {
    match field {
        CardBatchField::Id => "CardBatchId",
        CardBatchField::Merchant => "ChannelSubMerchantId",
        CardBatchField::Face => "FaceAmount",
        CardBatchField::Price => "SalePrice",
        CardBatchField::Total => "TotalQuantity",
        CardBatchField::BeginsAt => "BeginTime",
        CardBatchField::EndsAt => "EndTime",
        CardBatchField::Days => "ValidDays",
        CardBatchField::AcceptedBy => "ApplyMerchantList",
        CardBatchField::State => "BatchStatus",
    }
}

/// The code of a recharge's refusal, and the member that it names.
pub(crate) const fn of_recharge(refusal: &RechargeRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        RechargeRefusal::NotFound => (ErrCode::RechargeNotExist, None),
        RechargeRefusal::NoBatch => (ErrCode::CardBatchNotExist, Some("CardBatchId")),
        RechargeRefusal::NotOnSale => (ErrCode::CardBatchOffSale, Some("CardBatchId")),
        RechargeRefusal::Quantity { .. } => (ErrCode::WalletInvalidParameter, Some("CardQuantity")),
        RechargeRefusal::Stock { .. } => (ErrCode::CardStockInsufficient, Some("CardQuantity")),
        RechargeRefusal::OwnerMax { .. } => (ErrCode::CardPurchaseLimit, Some("CardQuantity")),
        RechargeRefusal::Expiry { .. } => (ErrCode::WalletInvalidParameter, Some("ExpireTime")),
        RechargeRefusal::Bonus => (ErrCode::WalletInvalidParameter, Some("GiftAmount")),
        // The price is read from the batch right before.
        RechargeRefusal::Price { .. } => (ErrCode::SystemError, None),
    }
}

/// The code of a wallet's refusal, and the member that it names.
pub(crate) const fn of_account(refusal: &WalletRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        WalletRefusal::UnknownMerchant => {
            (ErrCode::WalletInvalidParameter, Some("ChannelSubMerchantId"))
        }
        WalletRefusal::NotFound => (ErrCode::AccountNotExist, None),
        WalletRefusal::Frozen => (ErrCode::AccountFrozen, None),
        WalletRefusal::NotEmpty | WalletRefusal::Closed => (ErrCode::AccountStatusError, None),
    }
}

/// The code of a freeze's refusal, and the member that it names.
pub(crate) const fn of_freeze(refusal: &WalletFreezeRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        WalletFreezeRefusal::NotFound => (ErrCode::FreezeNotExist, None),
        WalletFreezeRefusal::Differs => (ErrCode::WalletInvalidParameter, Some("OutFreezeId")),
        WalletFreezeRefusal::Wallet(refusal) => of_account(refusal),
        WalletFreezeRefusal::Amount => (ErrCode::WalletInvalidParameter, Some("FreezeAmount")),
        WalletFreezeRefusal::Expiry => (ErrCode::WalletInvalidParameter, Some("ExpireTime")),
        WalletFreezeRefusal::TooLittle => (ErrCode::WalletBalanceInsufficient, None),
        WalletFreezeRefusal::ReleaseDiffers => {
            (ErrCode::WalletInvalidParameter, Some("OutUnfreezeId"))
        }
        WalletFreezeRefusal::Ended | WalletFreezeRefusal::TooMany { .. } => {
            (ErrCode::FreezeStatusError, None)
        }
        WalletFreezeRefusal::ReleaseAmount | WalletFreezeRefusal::Exceeds { .. } => {
            (ErrCode::WalletInvalidParameter, Some("UnfreezeAmount"))
        }
    }
}

/// The code of a card's refusal, and the member that it names.
pub(crate) const fn of_card(refusal: &CardRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        CardRefusal::NotFound => (ErrCode::CardNotExist, Some("CardId")),
        CardRefusal::OtherOwner => (ErrCode::WalletInvalidParameter, Some("OwnerId")),
        CardRefusal::State { .. } => (ErrCode::CardStatusError, Some("CardId")),
    }
}

/// The code of a binding's refusal, and the member that it names.
pub(crate) const fn of_binding(refusal: &CardBindingRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        CardBindingRefusal::NoCard => (ErrCode::CardNotExist, Some("CardId")),
        CardBindingRefusal::Differs => (ErrCode::WalletInvalidParameter, Some("OutBindId")),
        CardBindingRefusal::Locked => (ErrCode::CardLocked, Some("CardNo")),
        CardBindingRefusal::Wallet(refusal) => of_account(refusal),
        CardBindingRefusal::OtherOwner => (ErrCode::WalletInvalidParameter, Some("OwnerId")),
        CardBindingRefusal::CardState { .. } => (ErrCode::CardStatusError, None),
        CardBindingRefusal::NotAccepted | CardBindingRefusal::Full { .. } => {
            (ErrCode::WalletInvalidParameter, Some("WalletId"))
        }
    }
}

/// The code of a transfer's refusal, and the member that it names.
pub(crate) const fn of_transfer(refusal: &CardTransferRefusal) -> (ErrCode, Option<&'static str>) {
    match refusal {
        CardTransferRefusal::NotFound => (ErrCode::TransferNotExist, None),
        CardTransferRefusal::Differs => (ErrCode::WalletInvalidParameter, Some("OutTransferId")),
        CardTransferRefusal::NoCard => (ErrCode::CardNotExist, Some("CardId")),
        CardTransferRefusal::OtherOwner => (ErrCode::WalletInvalidParameter, Some("FromOwnerId")),
        CardTransferRefusal::NotTransferable => (ErrCode::CardNotTransferable, Some("CardId")),
        CardTransferRefusal::Token => (ErrCode::WalletInvalidParameter, Some("ReceiveToken")),
        CardTransferRefusal::OtherReceiver => (ErrCode::WalletInvalidParameter, Some("ToOwnerId")),
        CardTransferRefusal::Ended { .. } => (ErrCode::TransferStatusError, None),
        CardTransferRefusal::CardState { .. } => (ErrCode::CardStatusError, Some("CardId")),
        CardTransferRefusal::Expiry { .. } => (ErrCode::WalletInvalidParameter, Some("ExpireTime")),
    }
}
