//! Instructions to requests: paths, bodies, headers, the signature.

use crate::bill;
use crate::code_pay;
use crate::connection::OpenAccount;
use crate::order;
use crate::sign::{self, Authorization};
use crate::wire::{self, CloseRequest, Parties, RefundRequest, RefundRequestAmount};
use channel::{
    BillFile, CodecContext, EncodeFault, Instruction, Method, Payer, Refund, RefundCause, Request,
    Scene,
};

/// Who we say we are.
const USER_AGENT: &str = concat!("tongbao/", env!("CARGO_PKG_VERSION"));
/// Where refunds are asked for, in both modes.
const REFUNDS: &str = "/v3/refund/domestic/refunds";
/// Characters of an order's number.
const NUMBER_LEN: std::ops::RangeInclusive<usize> = 6..=32;
/// Characters of a refund's number.
const REFUND_NUMBER_LEN: std::ops::RangeInclusive<usize> = 1..=64;

impl OpenAccount {
    /// The signed request that carries out an instruction.
    pub(crate) fn request_for(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        match instruction {
            Instruction::Place(place) if place.scene == Scene::Swipe => {
                check_number(&place.channel_order_no)?;
                let charge = code_pay::request(&self.account, place)?;
                let target = format!("{}/{}", self.transactions(), code_pay::PATH);
                self.request(Method::Post, &target, wire::json(&charge), context)
            }
            Instruction::Place(place) => {
                check_number(&place.channel_order_no)?;
                let (trade, order) = order::request(&self.account, place)?;
                let target = format!("{}/{trade}", self.transactions());
                self.request(Method::Post, &target, wire::json(&order), context)
            }
            Instruction::Query(placed) => {
                let target = format!(
                    "{}?{}",
                    self.order_path(&placed.channel_order_no)?,
                    self.merchants_query()
                );
                self.request(Method::Get, &target, Vec::new(), context)
            }
            Instruction::Close(placed) => {
                let target = format!("{}/close", self.order_path(&placed.channel_order_no)?);
                let close = CloseRequest { parties: self.merchants() };
                self.request(Method::Post, &target, wire::json(&close), context)
            }
            Instruction::Cancel(cancel) => {
                let number = &cancel.order.channel_order_no;
                let target = format!("{}/reverse", self.order_path(number)?);
                let payer = Payer { app_id: cancel.app_id.clone(), ..Payer::default() };
                let reverse = CloseRequest { parties: order::parties(&self.account, &payer) };
                self.request(Method::Post, &target, wire::json(&reverse), context)
            }
            Instruction::Refund(refund) => {
                let body = wire::json(&self.refund_request(refund)?);
                self.request(Method::Post, REFUNDS, body, context)
            }
            Instruction::QueryRefund(placed) => {
                let target = self.refund_path(&placed.channel_refund_no)?;
                self.request(Method::Get, &target, Vec::new(), context)
            }
            Instruction::BindReceiver(receiver) => self.bind_receiver(receiver, context),
            Instruction::UnbindReceiver(receiver) => self.unbind_receiver(receiver, context),
            Instruction::Share(share) => self.share(share, context),
            Instruction::QueryShare(placed) => self.query_share(placed, context),
            Instruction::Unfreeze(unfreeze) => self.unfreeze(unfreeze, context),
            Instruction::QueryUnshared(payment) => self.query_unshared(payment, context),
            Instruction::ReturnShare(asked) => self.return_share(asked, context),
            Instruction::QueryShareReturn(placed) => self.query_share_return(placed, context),
            Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_) => {
                Err(EncodeFault::unsupported("agreement", "v2 wanted, with its settings"))
            }
            Instruction::FetchKeys { .. } => {
                self.request(Method::Get, "/v3/certificates", Vec::new(), context)
            }
            Instruction::FindBill(day) => {
                let target = bill::target(&self.account, day)?;
                self.request(Method::Get, &target, Vec::new(), context)
            }
            Instruction::FetchBill(file) => self.download(file, context),
        }
    }

    /// A file's address is the channel's own, host included, from a signed answer.
    fn download(&self, file: &BillFile, context: &CodecContext) -> Result<Request, EncodeFault> {
        let is_safe = file.url.starts_with("https://");
        // The sandbox speaks plain HTTP, and so does its account.
        if !is_safe && !self.account.base_url.starts_with("http://") {
            return Err(EncodeFault::unsupported("url", "https wanted"));
        }
        self.request_to(Method::Get, file.url.clone(), Vec::new(), context)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        self.request_to(method, format!("{}{target}", self.account.base_url), body, context)
    }

    fn request_to(
        &self,
        method: Method,
        url: String,
        body: Vec<u8>,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        let mut request = Request { method, url, headers: Vec::new(), body };
        let authorization = self.authorization(&request, context)?;
        let mut header =
            |name: &str, value: &str| request.headers.push((name.into(), value.into()));
        header("Authorization", &authorization.write());
        header("Accept", "application/json");
        header("Content-Type", "application/json");
        header("User-Agent", USER_AGENT);
        if let Some(key) = &self.account.public_key {
            header(sign::SERIAL, &key.id);
        }
        Ok(request)
    }

    fn authorization(
        &self,
        request: &Request,
        context: &CodecContext,
    ) -> Result<Authorization, EncodeFault> {
        let timestamp = context.now.seconds().to_string();
        let method = request.method.name();
        let text =
            sign::request_text(method, request.target(), &timestamp, &context.nonce, &request.body);
        let signature = self.account.signer.sign(&text).map_err(|fault| unsigned(&fault))?;
        Ok(Authorization {
            mchid: self.account.mchid.clone(),
            nonce_str: context.nonce.clone(),
            timestamp,
            serial_no: self.account.serial_no.clone(),
            signature,
        })
    }

    fn transactions(&self) -> &'static str {
        match self.account.partner {
            None => "/v3/pay/transactions",
            Some(_) => "/v3/pay/partner/transactions",
        }
    }

    fn order_path(&self, number: &str) -> Result<String, EncodeFault> {
        check_number(number)?;
        Ok(format!("{}/out-trade-no/{}", self.transactions(), wire::percent_encoded(number)))
    }

    fn merchants_query(&self) -> String {
        match &self.account.partner {
            None => format!("mchid={}", wire::percent_encoded(&self.account.mchid)),
            Some(partner) => format!(
                "sp_mchid={}&sub_mchid={}",
                wire::percent_encoded(&self.account.mchid),
                wire::percent_encoded(&partner.sub_mchid)
            ),
        }
    }

    fn merchants(&self) -> Parties {
        let mchid = Some(self.account.mchid.clone());
        match &self.account.partner {
            None => Parties { mchid, ..Parties::default() },
            Some(partner) => Parties {
                sp_mchid: mchid,
                sub_mchid: Some(partner.sub_mchid.clone()),
                ..Parties::default()
            },
        }
    }

    fn refund_request(&self, refund: &Refund) -> Result<RefundRequest, EncodeFault> {
        check_refund_number(&refund.channel_refund_no, "channel_refund_no")?;
        if !refund.amount.is_positive() {
            return Err(EncodeFault::Unsupported {
                field: "amount",
                why: "above zero wanted".into(),
            });
        }
        Ok(RefundRequest {
            sub_mchid: self.account.partner.as_ref().map(|partner| partner.sub_mchid.clone()),
            transaction_id: Some(refund.payment_reference.clone()),
            out_trade_no: None,
            out_refund_no: refund.channel_refund_no.clone(),
            reason: Some(reason(refund)),
            notify_url: Some(refund.callback_url.clone()),
            amount: RefundRequestAmount {
                refund: refund.amount.get(),
                total: refund.paid.get(),
                currency: refund.currency.code().into(),
            },
        })
    }

    fn refund_path(&self, channel_refund_no: &str) -> Result<String, EncodeFault> {
        check_refund_number(channel_refund_no, "channel_refund_no")?;
        let path = format!("{REFUNDS}/{}", wire::percent_encoded(channel_refund_no));
        Ok(match &self.account.partner {
            None => path,
            Some(partner) => {
                format!("{path}?sub_mchid={}", wire::percent_encoded(&partner.sub_mchid))
            }
        })
    }
}

/// A signature that could not be made: the account's key is of no use. That is never a reason to refuse
/// the order for good.
fn unsigned(fault: &crypto::SealFault) -> EncodeFault {
    EncodeFault::Account { name: "private_key_pem", why: format!("not signed: {fault}") }
}

/// The most characters that the channel shows of a refund's reason.
const REASON_LEN_MAX: usize = 80;

/// What the payer reads about a refund: the merchant's words, as far as the channel shows them, or ours.
pub(crate) fn reason(refund: &Refund) -> String {
    match &refund.reason {
        Some(reason) => reason.chars().take(REASON_LEN_MAX).collect(),
        None => usual_reason(refund.cause).to_owned(),
    }
}

const fn usual_reason(cause: RefundCause) -> &'static str {
    match cause {
        RefundCause::LatePayment => "订单已关闭,款项原路退回",
        RefundCause::Requested => "商户退款",
        RefundCause::SecondPayment => "订单已支付,重复支付的款项原路退回",
    }
}

pub(crate) fn check_number(number: &str) -> Result<(), EncodeFault> {
    let good = |char: char| char.is_ascii_alphanumeric() || "_-|*".contains(char);
    if NUMBER_LEN.contains(&number.len()) && number.chars().all(good) {
        return Ok(());
    }
    let why = "6 to 32 letters, digits and _-|* wanted".into();
    Err(EncodeFault::Unsupported { field: "number", why })
}

/// Refunds, shares and returns have numbers of the same form.
pub(crate) fn check_refund_number(number: &str, field: &'static str) -> Result<(), EncodeFault> {
    let good = |char: char| char.is_ascii_alphanumeric() || "_-|*@".contains(char);
    if REFUND_NUMBER_LEN.contains(&number.len()) && number.chars().all(good) {
        return Ok(());
    }
    let why = "1 to 64 letters, digits and _-|*@ wanted".into();
    Err(EncodeFault::Unsupported { field, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_fails_is_a_fault_of_the_account() {
        let fault = crypto::rsa::Signer::from_pem("no key").expect_err("not a key");
        assert!(matches!(unsigned(&fault), EncodeFault::Account { name: "private_key_pem", .. }));
    }
}
