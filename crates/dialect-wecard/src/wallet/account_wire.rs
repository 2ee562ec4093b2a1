//! Requests and results of wallets (储值账户), member by member.

use super::wire::{order_of_recharge, read_card_id};
use crate::check::{Malformed, Read, required};
use crate::json::{Json, Object};
use crate::members::CARDS_LEN_MAX;
use crate::wire::{TOTAL_FEN_MAX, UnifiedOrder};
use kernel::{Deduct, MerchantId, Wallet, WalletState};
use ledger::{Fen, Id, kinds};
use serde::Serialize;

/// What stands before the digits of a wallet's id.
const PREFIX: &str = "WA";
/// The scenes of `recharge`.
const PAY_TYPES: [&str; 5] = ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP"];

/// What names a wallet.
pub(crate) type WalletKey = kernel::Key<kinds::Wallet>;

/// A wallet's id on the wire.
pub(crate) fn wallet_id(id: Id<kinds::Wallet>) -> String {
    format!("{PREFIX}{id}")
}

/// The wallet that `WalletId` names.
pub(super) fn by_id(body: &Object<'_>) -> Read<Option<WalletKey>> {
    Ok(read_wallet_id(body)?.map(kernel::Key::Id))
}

fn read_wallet_id(body: &Object<'_>) -> Read<Option<Id<kinds::Wallet>>> {
    let Some(text) = body.text("WalletId", 1..=50)? else { return Ok(None) };
    let id = text.strip_prefix(PREFIX).and_then(|digits| Id::parse(digits).ok());
    let wanted = || Malformed::new("WalletId", "want WA and 18 digits");
    id.map(Some).ok_or_else(wanted)
}

/// `WalletId`, where nothing else can name the wallet.
pub(crate) fn required_wallet_id(body: &Object<'_>) -> Read<Id<kinds::Wallet>> {
    required("WalletId", read_wallet_id(body)?)
}

/// A user at a merchant.
pub(crate) struct OpenAccount<'o> {
    pub(crate) merchant: &'o str,
    pub(crate) owner: &'o str,
}

impl<'o> OpenAccount<'o> {
    /// Reads `ChannelSubMerchantId` and `OutUserId`. `UserName` and `Mobile` are checked and not kept:
    /// nothing here needs to know who a user is.
    pub(crate) fn read(body: &'o Object<'_>) -> Read<OpenAccount<'o>> {
        let merchant = body.required_text("ChannelSubMerchantId", 1..=50)?;
        let owner = body.required_text("OutUserId", 1..=64)?;
        body.text("UserName", 1..=100)?;
        body.text("Mobile", 1..=32)?;
        Ok(OpenAccount { merchant, owner })
    }
}

/// What names a wallet in a request about one: `WalletId`, or `ChannelSubMerchantId` with `OutUserId`.
pub(crate) fn wallet_key(body: &Object<'_>) -> Read<WalletKey> {
    if let Some(key) = by_id(body)? {
        return Ok(key);
    }
    let merchant = body.text("ChannelSubMerchantId", 1..=50)?;
    let owner = body.text("OutUserId", 1..=64)?;
    match (merchant, owner) {
        (Some(merchant), Some(owner)) => Ok(Wallet::key(&MerchantId::new(merchant), owner)),
        (_, _) => {
            let why = "missing, and not both of ChannelSubMerchantId and OutUserId are there";
            Err(Malformed::new("WalletId", why))
        }
    }
}

/// The wallet that pays for an order: `WalletInfo.WalletId`, else the payer's own at the merchant.
pub(crate) fn paying_wallet(order: &UnifiedOrder<'_>) -> Read<WalletKey> {
    let named = order.wallet_info.map(by_id).transpose().map_err(inside)?.flatten();
    let own = || Ok(Wallet::key(&MerchantId::new(order.merchant), &required_owner(order)?));
    named.map_or_else(own, Ok)
}

/// What of the wallet pays: its cards and then its balance, unless `WalletInfo` says otherwise.
pub(crate) fn deduct(order: &UnifiedOrder<'_>) -> Read<Deduct> {
    let Some(info) = order.wallet_info else { return Ok(Deduct::CardsFirst) };
    if info.text("VerifyToken", 1..=128).map_err(inside)?.is_some() {
        let why = "payment passwords are not kept here, leave it out";
        return Err(inside(Malformed::new("VerifyToken", why)));
    }
    match info.word("DeductMode", &["CARD_FIRST", "BALANCE", "CARD"]).map_err(inside)? {
        Some("CARD") => {
            let cards = info.list("CardIdList", CARDS_LEN_MAX, |card| {
                read_card_id(crate::check::as_text(card, 1..=50)?)
            });
            Ok(Deduct::Cards(required("CardIdList", cards.map_err(inside)?).map_err(inside)?))
        }
        Some("BALANCE") => Ok(Deduct::Balance),
        Some(_) | None => Ok(Deduct::CardsFirst),
    }
}

fn inside(fault: Malformed) -> Malformed {
    fault.inside("WalletInfo")
}

/// Whose wallet: `PayerInfo.OutUserId`, else its `PayerId`.
fn required_owner(order: &UnifiedOrder<'_>) -> Read<String> {
    let named = |name| match order.payer_info.and_then(|payer| payer.get(name)) {
        Some(Json::Text(text)) => Some(text.to_string()),
        Some(_) | None => None,
    };
    required("PayerInfo", named("OutUserId").or_else(|| named("PayerId")))
}

/// `POST …/recharge`, checked.
pub(crate) struct PayIn<'o> {
    pub(crate) order: UnifiedOrder<'o>,
    pub(crate) owner: String,
    pub(crate) bonus: Fen,
}

impl<'o> PayIn<'o> {
    pub(crate) fn read(body: &'o Object<'o>) -> Read<PayIn<'o>> {
        let merchant = body.required_text("ChannelSubMerchantId", 1..=50)?;
        let amount = body.integer("RechargeAmount", 1..=TOTAL_FEN_MAX)?;
        let total_amount = Fen::new(required("RechargeAmount", amount)?);
        let bonus = body.integer("GiftAmount", 0..=TOTAL_FEN_MAX)?.unwrap_or(0);
        required("PayType", body.word("PayType", &PAY_TYPES)?)?;
        let order = UnifiedOrder { merchant, total_amount, ..order_of_recharge(body)? };
        let owner = required_owner(&order)?;
        Ok(PayIn { order, owner, bonus: Fen::new(bonus) })
    }
}

/// `POST …/modify_account_status`, checked.
pub(crate) struct ModifyAccount<'o> {
    pub(crate) wallet: WalletKey,
    pub(crate) state: WalletState,
    pub(crate) note: Option<&'o str>,
}

impl<'o> ModifyAccount<'o> {
    pub(crate) fn read(body: &'o Object<'_>) -> Read<ModifyAccount<'o>> {
        let wallet = required("WalletId", by_id(body)?)?;
        let words = WalletState::ALL.map(status);
        let word = required("AccountStatus", body.word("AccountStatus", &words)?)?;
        let state = WalletState::ALL.into_iter().find(|state| status(*state) == word);
        let state = required("AccountStatus", state)?;
        Ok(ModifyAccount { wallet, state, note: body.text("Remark", 1..=128)? })
    }
}

/// `AccountStatus`.
pub(crate) const fn status(state: WalletState) -> &'static str {
    match state {
        WalletState::Normal => "NORMAL",
        WalletState::Frozen => "FROZEN",
        WalletState::Closed => "CLOSED",
    }
}

/// A wallet, with what is in it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccountShown<'o> {
    pub(crate) wallet_id: String,
    pub(crate) channel_sub_merchant_id: &'o str,
    pub(crate) out_user_id: &'o str,
    pub(crate) balance: String,
    pub(crate) frozen_amount: String,
    pub(crate) available_amount: String,
    pub(crate) card_balance: String,
    pub(crate) account_status: &'static str,
    pub(crate) create_time: String,
}
