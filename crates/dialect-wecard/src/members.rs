//! The objects inside an order request: read, checked, and written again for keeping.

use crate::check::{Malformed, Read, as_object, required};
use crate::json::{Json, Object, read_object};
use crate::pay_channel::{self, AUTH_CODE};
use crate::sharing;
use crate::wire::TOTAL_FEN_MAX;
use kernel::{AllocatePeriod, AllocationTerms, ItemTerms, MerchantId, ShareAmount};
use ledger::Fen;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

/// Items of every list in a request.
pub(crate) const LIST_LEN_MAX: usize = 50;
/// Cards that a wallet payment may name.
pub(crate) const CARDS_LEN_MAX: usize = 20;
/// Characters of a merchant's, payee's or wallet's id.
const ID_LEN_MAX: usize = 50;
/// Characters of free text without a limit of its own.
const TEXT_LEN_MAX: usize = 512;

/// What the channel needs to know about the payer, inside `ExternalPaymentData`.
pub(crate) struct External<'a>(Object<'a>);

impl<'a> External<'a> {
    /// Reads the serialized object.
    pub(crate) fn read(text: &'a str) -> Read<External<'a>> {
        let object = read_object(text.as_bytes()).map_err(|why| Malformed::new("", why))?;
        for id in pay_channel::payer_members() {
            object.text(id, 1..=128)?;
        }
        if let Some(code) = object.text(AUTH_CODE, 6..=64)?
            && !code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(Malformed::new(AUTH_CODE, "want digits and letters only"));
        }
        Ok(External(object))
    }

    /// A member, by name.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Json::Text(text)) => Some(text),
            Some(_) | None => None,
        }
    }

    /// All members, for keeping.
    pub(crate) const fn object(&self) -> &Object<'a> {
        &self.0
    }
}

/// `PayerInfo`: who pays. Members that nobody has named are kept too.
pub(crate) fn check_payer_info(payer: &Object<'_>) -> Read<()> {
    let payer_id = payer.text("PayerId", 1..=64)?;
    if payer.text("OutUserId", 1..=64)?.is_none() {
        required("PayerId", payer_id)?;
    }
    payer.text("PayerName", 1..=100)?;
    payer.text("BindSerialNo", 0..=TEXT_LEN_MAX)?;
    payer.word("AccountType", &["BANK_ACCOUNT", "ACCOUNT_BOOK_ID"])?;
    payer.word("BankCardType", &["DEBIT_CARD", "CREDIT_CARD"])?;
    Ok(())
}

/// `SceneInfo`: where and with what they pay. Published samples write `latitude`.
pub(crate) fn check_scene_info(scene: &Object<'_>) -> Read<()> {
    scene.text("DeviceType", 1..=32)?;
    if let Some(text) = scene.text("PayerClientIp", 2..=45)? {
        address(text).map_err(|fault| fault.inside("PayerClientIp"))?;
    }
    scene.text("DeviceId", 1..=64)?;
    scene.text("PayerUa", 0..=TEXT_LEN_MAX)?;
    scene.text("OrderTime", 0..=32)?;
    for name in ["Longitude", "Latitude", "latitude"] {
        if let Some(text) = scene.text(name, 1..=32)?
            && !is_signed_decimal(text)
        {
            return Err(Malformed::new(name, "want a signed decimal number, as +121.48352"));
        }
    }
    Ok(())
}

/// An IPv4 or IPv6 address in its usual spelling. An IPv4 address written as IPv6 is IPv4.
pub(crate) fn address(text: &str) -> Read<String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical().to_string()),
        Err(_) => Err(Malformed::new("", "want one IPv4 or IPv6 address, without port")),
    }
}

fn is_signed_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `WalletInfo`: what a wallet pays with.
pub(crate) fn check_wallet_info(wallet: &Object<'_>) -> Read<()> {
    wallet.text("WalletId", 1..=ID_LEN_MAX)?;
    wallet.text("VerifyToken", 1..=128)?;
    let cards = wallet
        .list("CardIdList", CARDS_LEN_MAX, |card| crate::check::as_text(card, 1..=ID_LEN_MAX))?;
    if wallet.word("DeductMode", &["CARD_FIRST", "BALANCE", "CARD"])? == Some("CARD") {
        let cards = required("CardIdList", cards)?;
        if cards.is_empty() {
            return Err(Malformed::new("CardIdList", "0 items, want 1 to 20"));
        }
    }
    Ok(())
}

/// An item of `ProductList`: opaque.
pub(crate) fn product<'o, 'a>(item: &'o Json<'a>) -> Read<&'o Object<'a>> {
    as_object(item)
}

/// An item of `PayeeList`.
pub(crate) fn payee<'o>(item: &'o Json<'_>) -> Read<&'o str> {
    crate::check::as_text(item, 1..=ID_LEN_MAX)
}

/// An item of `FundAllocateList`: a part of the payment for another merchant (资金划拨).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Allocation<'a> {
    channel_sub_merchant_id: Cow<'a, str>,
    allocate_amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    allocate_period: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freeze: Option<bool>,
}

impl<'a> Allocation<'a> {
    pub(crate) fn read(item: &'a Json<'_>) -> Read<Allocation<'a>> {
        let item = as_object(item)?;
        let merchant = item.required_text("ChannelSubMerchantId", 1..=ID_LEN_MAX)?;
        let amount = item.integer("AllocateAmount", 1..=TOTAL_FEN_MAX)?;
        Ok(Allocation {
            channel_sub_merchant_id: Cow::Borrowed(merchant),
            allocate_amount: required("AllocateAmount", amount)?,
            allocate_period: item.word("AllocatePeriod", &["D0", "D1", "T1"])?.map(Cow::Borrowed),
            freeze: item.flag("Freeze")?,
        })
    }

    /// A part that was requested, with what its caller left out.
    pub(crate) fn of(terms: &'a AllocationTerms) -> Allocation<'a> {
        Allocation {
            channel_sub_merchant_id: Cow::Borrowed(terms.merchant.as_str()),
            allocate_amount: terms.amount.get(),
            allocate_period: Some(Cow::Borrowed(terms.period.name())),
            freeze: Some(terms.is_frozen),
        }
    }

    /// What it asks for. D0 and not frozen where that is left out.
    pub(crate) fn terms(&self) -> AllocationTerms {
        let period = self.allocate_period.as_deref().and_then(AllocatePeriod::from_name);
        AllocationTerms {
            merchant: MerchantId::new(&self.channel_sub_merchant_id),
            amount: Fen::new(self.allocate_amount),
            period: period.unwrap_or(AllocatePeriod::D0),
            is_frozen: self.freeze.unwrap_or(false),
        }
    }

    /// Whether it is this merchant's.
    pub(crate) fn is_for(&self, merchant: &MerchantId) -> bool {
        self.channel_sub_merchant_id == merchant.as_str()
    }

    /// The parts together: each merchant once, and no more than the order has.
    pub(crate) fn check_all(items: &[Allocation<'_>], total: i64) -> Read<()> {
        let mut seen = HashSet::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            if !seen.insert(&*item.channel_sub_merchant_id) {
                let owner = format!("FundAllocateList[{at}]");
                let fault = Malformed::new("ChannelSubMerchantId", "the merchant appears twice");
                return Err(fault.inside(&owner));
            }
        }
        let amounts = items.iter().map(|item| item.allocate_amount);
        at_most("FundAllocateList", amounts, total)
    }
}

/// An item of `ProfitShareInfoList`: a share for a receiver (分账).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Share<'a> {
    payee_id: Cow<'a, str>,
    profit_type: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profit_amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profit_ratio: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_sub_merchant_id: Option<Cow<'a, str>>,
}

impl<'a> Share<'a> {
    pub(crate) fn read(item: &'a Json<'_>) -> Read<Share<'a>> {
        let item = as_object(item)?;
        let payee_id = item.required_text("PayeeId", 1..=ID_LEN_MAX)?;
        let profit_type = item.word("ProfitType", &["AMOUNT", "RATIO"])?.unwrap_or("AMOUNT");
        let profit_amount = item.integer("ProfitAmount", 1..=TOTAL_FEN_MAX)?;
        let profit_ratio = item.integer("ProfitRatio", 1..=10_000)?;
        let merchant = item.text("ChannelSubMerchantId", 1..=ID_LEN_MAX)?;
        if profit_type == "AMOUNT" {
            required("ProfitAmount", profit_amount)?;
        } else {
            required("ProfitRatio", profit_ratio)?;
        }
        Ok(Share {
            payee_id: Cow::Borrowed(payee_id),
            profit_type: Cow::Borrowed(profit_type),
            profit_amount,
            profit_ratio,
            channel_sub_merchant_id: merchant.map(Cow::Borrowed),
        })
    }

    /// A part that was requested.
    pub(crate) fn of(terms: &'a ItemTerms) -> Share<'a> {
        let (profit_type, profit_amount, profit_ratio) = match terms.amount {
            ShareAmount::Fixed(amount) => ("AMOUNT", Some(amount.get()), None),
            ShareAmount::Ratio(ratio) => ("RATIO", None, Some(i64::from(ratio))),
        };
        Share {
            payee_id: Cow::Owned(sharing::payee_id(terms.payee)),
            profit_type: Cow::Borrowed(profit_type),
            profit_amount,
            profit_ratio,
            channel_sub_merchant_id: terms.merchant.as_ref().map(|id| Cow::Borrowed(id.as_str())),
        }
    }

    /// The receiver's id.
    pub(crate) fn payee(&self) -> &str {
        &self.payee_id
    }

    /// The merchant that the receiver belongs to.
    pub(crate) fn merchant(&self) -> Option<&str> {
        self.channel_sub_merchant_id.as_deref()
    }

    /// How much, in fen, where it is not a ratio.
    pub(crate) fn amount(&self) -> Option<i64> {
        self.profit_amount.filter(|_| self.profit_type == "AMOUNT")
    }

    /// How much, in 1/10000, where it is a ratio.
    pub(crate) fn ratio(&self) -> u16 {
        self.profit_ratio.and_then(|ratio| u16::try_from(ratio).ok()).unwrap_or_default()
    }

    /// The shares together: no more than the order has.
    pub(crate) fn check_all(items: &[Share<'_>], total: i64) -> Read<()> {
        let amounts = items.iter().filter_map(|item| item.profit_amount);
        at_most("ProfitShareInfoList", amounts, total)
    }
}

fn at_most(name: &str, mut amounts: impl Iterator<Item = i64>, total: i64) -> Read<()> {
    let sum = amounts.try_fold(0i64, i64::checked_add);
    match sum {
        Some(sum) if sum <= total => Ok(()),
        Some(_) | None => Err(Malformed::new(name, "sums to more than TotalAmount")),
    }
}
