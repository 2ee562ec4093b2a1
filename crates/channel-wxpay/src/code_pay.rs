//! Charging a payer's code (付款码支付).

use crate::order::parties;
use crate::settings::Account;
use crate::wire::{CodePayRequest, CodePayer, OrderAmount, SettleInfo};
use channel::{EncodeFault, Place};

/// The last part of the path that charges a code.
pub(crate) const PATH: &str = "codepay";

/// The body. A store is not named: the platform knows devices only, and a device alone is refused.
pub(crate) fn request(account: &Account, place: &Place) -> Result<CodePayRequest, EncodeFault> {
    if !place.amount.is_positive() {
        return Err(EncodeFault::unsupported("amount", "above zero wanted"));
    }
    let Some(code) = &place.payment_code else {
        return Err(EncodeFault::unsupported("payment_code", "the payer's code wanted"));
    };
    Ok(CodePayRequest {
        parties: parties(account, &place.payer),
        description: place.subject.clone(),
        out_trade_no: place.channel_order_no.clone(),
        attach: None,
        goods_tag: place.goods_tag.clone(),
        payer: CodePayer { auth_code: code.expose().to_owned() },
        amount: OrderAmount {
            total: place.amount.get(),
            currency: Some(place.currency.code().into()),
        },
        scene_info: None,
        settle_info: place.is_shared.then_some(SettleInfo { profit_sharing: Some(true) }),
    })
}
