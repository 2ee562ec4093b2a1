//! A refund that the payer's account refused: it goes on to a bank card.

use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, End, Refunding, Remitted};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::wire::{AbnormalRefundRequest, RefundTo};
use crate::counterpart::{platform_keys, refund, rules};
use crate::keys::same_serial;
use crate::sign;

pub(super) fn apply(call: &mut CallContext<'_>, refund_id: &str) -> Result<Reply, Stop> {
    let body = rules::parse(call.request)?;
    rules::check_abnormal_refund(&body)?;
    let asked: AbnormalRefundRequest = rules::convert(body)?;
    let account = account(call, &asked)?;
    let key = records::refund_key(&call.merchant.mchid, &asked.out_refund_no);
    let known = records::read::<Refunding>(call.documents, &key)?
        .filter(|refunding| refunding.refund_id == refund_id)
        .filter(|refunding| refunding.sub_mchid == asked.sub_mchid)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "退款单不存在"))?;
    if known.end != End::Abnormal {
        return Err(
            Refusal::new("INVALID_REQUEST", "退款单状态不是退款异常，不能发起异常退款").into()
        );
    }
    let remitted = Some(Remitted { at_ms: call.context.now.ms(), account });
    let refunding = Refunding { end: End::Done, remitted, ..known };
    records::write(call.documents, &key, &refunding)?;
    let outgoing = refund::enqueue(call, &refunding)?;
    let answer = refund::answer(call, &refunding, End::Processing);
    Ok(Reply::json(200, &answer).with_callbacks(outgoing))
}

/// Where the money goes, in the words of a refund's answer.
fn account(call: &CallContext<'_>, asked: &AbnormalRefundRequest) -> Result<String, Stop> {
    match asked.to {
        RefundTo::MerchantBankCard => Ok("商户银行账户".to_owned()),
        RefundTo::UserBankCard => {
            let sealed = |text: &Option<String>| text.clone().unwrap_or_default();
            open(call, &sealed(&asked.real_name))?;
            let number = open(call, &sealed(&asked.bank_account))?;
            let tail: Vec<char> = number.chars().rev().take(4).collect();
            let tail: String = tail.into_iter().rev().collect();
            Ok(format!("{}{tail}", asked.bank_type.as_deref().unwrap_or_default()))
        }
    }
}

/// Opens what was sealed for the key that the request names.
pub(super) fn open(call: &CallContext<'_>, sealed: &str) -> Result<String, Stop> {
    let key = platform_keys::signer_of_answer(call)?;
    let named = call.request.header(sign::SERIAL).unwrap_or_default();
    if !same_serial(named, &key.serial) {
        let message = "平台证书序列号Wechatpay-Serial错误";
        return Err(Refusal::new("PARAM_ERROR", message).into());
    }
    let opened = key.signer.decrypt(sealed).ok();
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.ok_or_else(|| Refusal::new("PARAM_ERROR", "敏感信息解密失败"))?)
}
