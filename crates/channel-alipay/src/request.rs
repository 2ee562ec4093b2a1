//! Instructions to requests: parameters, their signature, the form. Orders whose cashier the payer's
//! client opens are answered with the signed parameters themselves: nothing is sent.

use crate::agreement;
use crate::bill;
use crate::connection::OpenAccount;
use crate::method::Method;
use crate::order;
use crate::sign;
use crate::trust::Trust;
use crate::wire::{
    self, CertificateRequest, OrderRequest, Parameters, RefundQueryRequest, RefundRequest,
    TradeRequest, Yuan,
};
use channel::{
    CodecContext, EncodeFault, FetchedKeys, Finding, Instruction, PayForm, PayInfo, Place, Refund,
    RefundCause, Request, SignAgreement, Step, TerminateAgreement,
};
use serde::Serialize;

/// The only encoding that is written and asked for.
const CHARSET: &str = "utf-8";
/// Who we say we are.
const USER_AGENT: &str = concat!("tongbao/", env!("CARGO_PKG_VERSION"));
/// Characters of a number of ours.
const NUMBER_LEN: std::ops::RangeInclusive<usize> = 1..=64;
/// The most characters of a refund's reason.
const REASON_LEN_MAX: usize = 256;
/// The parameter of a service provider that acts for a merchant.
const APP_AUTH_TOKEN: &str = "app_auth_token";
/// When a refund was done is shown only on request.
const REFUND_TIME: &str = "gmt_refund_pay";

impl OpenAccount {
    /// What carries out an instruction.
    pub(crate) fn step(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        match instruction {
            Instruction::Place(place) => self.place(place, context),
            Instruction::Query(placed) => {
                self.about_trade(Method::Query, &placed.channel_order_no, context)
            }
            Instruction::Close(placed) => {
                self.about_trade(Method::Close, &placed.channel_order_no, context)
            }
            Instruction::Cancel(cancel) => {
                self.about_trade(Method::Cancel, &cancel.order.channel_order_no, context)
            }
            Instruction::Refund(refund) => {
                self.call(Method::Refund, &refund_request(refund)?, context)
            }
            Instruction::QueryRefund(placed) => {
                check_number(&placed.channel_refund_no)?;
                let asked = RefundQueryRequest {
                    out_trade_no: Some(placed.channel_order_no.clone()),
                    trade_no: None,
                    out_request_no: placed.channel_refund_no.clone(),
                    query_options: Some(vec![REFUND_TIME.to_owned()]),
                };
                self.call(Method::RefundQuery, &asked, context)
            }
            Instruction::FetchKeys { named } => self.fetch_keys(named.as_deref(), context),
            Instruction::FindBill(day) => {
                self.call(Method::BillDownloadUrl, &bill::request(day)?, context)
            }
            Instruction::FetchBill(file) => Ok(Step::Send(bill::file_request(file))),
            Instruction::SignAgreement(asked) => self.sign_agreement(asked, context),
            Instruction::QueryAgreement(placed) => {
                let asked = agreement::request(&self.account, placed)?;
                self.call(Method::AgreementQuery, &asked, context)
            }
            Instruction::TerminateAgreement(asked) => {
                let TerminateAgreement { agreement, callback_url, .. } = &**asked;
                let asked = agreement::request(&self.account, agreement)?;
                let content = wire::json_text(&asked);
                let mut parameters = self.common(Method::AgreementUnsign, content, context);
                parameters.insert("notify_url".to_owned(), callback_url.clone());
                Ok(Step::Send(self.request(&self.signed(parameters)?)))
            }
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_) => {
                Err(EncodeFault::unsupported("sharing", "payments are not shared here"))
            }
        }
    }

    fn place(&self, place: &Place, context: &CodecContext) -> Result<Step, EncodeFault> {
        check_number(&place.channel_order_no)?;
        let (method, order) =
            (order::method(&self.account, place.scene)?, order::request(&self.account, place)?);
        let parameters = self.order_parameters(method, &order, place, context)?;
        let (form, text) = match method {
            Method::PagePay | Method::WapPay => {
                let query = wire::form(&parameters);
                (PayForm::JumpUrl, format!("{}?{query}", self.account.gateway_url))
            }
            Method::AppPay => (PayForm::AppSdk, wire::form(&parameters)),
            _ => return Ok(Step::Send(self.request(&parameters))),
        };
        let valid_until = order::expiry(place);
        Ok(Step::Answer(Finding::Placed(PayInfo { form, text, valid_until })))
    }

    fn order_parameters(
        &self,
        method: Method,
        order: &OrderRequest,
        place: &Place,
        context: &CodecContext,
    ) -> Result<Parameters, EncodeFault> {
        let is_page = matches!(method, Method::PagePay | Method::WapPay);
        let mut parameters = self.common(method, wire::json_text(order), context);
        parameters.insert("notify_url".to_owned(), place.callback_url.clone());
        if let Some(front_url) = place.front_url.clone().filter(|_| is_page) {
            parameters.insert("return_url".to_owned(), front_url);
        }
        self.signed(parameters)
    }

    /// The payer signs behind a signed link: nothing is sent.
    fn sign_agreement(
        &self,
        asked: &SignAgreement,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        let content = agreement::sign_request(&self.account, asked, context.now)?;
        let content = wire::json_text(&content);
        let mut parameters = self.common(Method::AgreementSign, content, context);
        parameters.insert("notify_url".to_owned(), asked.callback_url.clone());
        if let Some(front_url) = &asked.front_url {
            parameters.insert("return_url".to_owned(), front_url.clone());
        }
        let query = wire::form(&self.signed(parameters)?);
        let page = agreement::page(&self.account, asked, &query, context.now);
        Ok(Step::Answer(Finding::Placed(page)))
    }

    /// In key mode the one key of the channel is configured by hand.
    fn fetch_keys(&self, named: Option<&str>, context: &CodecContext) -> Result<Step, EncodeFault> {
        match &self.account.trust {
            Trust::PublicKey(_) => Ok(Step::Answer(Finding::Keys(FetchedKeys::default()))),
            Trust::Certificates(certificates) => {
                let alipay_cert_sn = certificates.sought_sn(named).to_owned();
                let asked = CertificateRequest { alipay_cert_sn };
                self.call(Method::CertificateDownload, &asked, context)
            }
        }
    }

    fn about_trade(
        &self,
        method: Method,
        number: &str,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        check_number(number)?;
        let asked = TradeRequest {
            out_trade_no: Some(number.to_owned()),
            trade_no: None,
            query_options: None,
        };
        self.call(method, &asked, context)
    }

    fn call(
        &self,
        method: Method,
        content: &impl Serialize,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        let parameters = self.common(method, wire::json_text(content), context);
        Ok(Step::Send(self.request(&self.signed(parameters)?)))
    }

    /// The parameters that every call has.
    fn common(&self, method: Method, biz_content: String, context: &CodecContext) -> Parameters {
        let mut parameters: Parameters = [
            ("app_id", self.account.app_id.clone()),
            ("method", method.name().to_owned()),
            ("format", "JSON".to_owned()),
            ("charset", CHARSET.to_owned()),
            (sign::SIGN_TYPE, sign::RSA2.to_owned()),
            ("timestamp", wire::time_text(context.now)),
            ("version", "1.0".to_owned()),
            ("biz_content", biz_content),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Trust::Certificates(certificates) = &self.account.trust {
            parameters.insert(sign::APP_CERT_SN.to_owned(), certificates.app_cert_sn.clone());
            parameters.insert(sign::ROOT_CERT_SN.to_owned(), certificates.root_cert_sn.clone());
        }
        if let Some(leave) = &self.account.authorisation {
            parameters.insert(APP_AUTH_TOKEN.to_owned(), leave.token.expose().to_owned());
        }
        parameters
    }

    /// The same with their signature. One that could not be made is the fault of the account's key, and
    /// never a reason to refuse the order for good.
    fn signed(&self, mut parameters: Parameters) -> Result<Parameters, EncodeFault> {
        let signature = self.account.signer.sign(&sign::request_text(&parameters));
        let signature = signature.map_err(|fault| EncodeFault::Account {
            name: "app_private_key",
            why: format!("not signed: {fault}"),
        })?;
        parameters.insert(sign::SIGN.to_owned(), signature);
        Ok(parameters)
    }

    /// The server decodes the form as the query says.
    fn request(&self, parameters: &Parameters) -> Request {
        let content_type = format!("application/x-www-form-urlencoded;charset={CHARSET}");
        let headers = [
            ("Content-Type", content_type),
            ("Accept", "application/json".to_owned()),
            ("User-Agent", USER_AGENT.to_owned()),
        ];
        Request {
            method: channel::Method::Post,
            url: format!("{}?charset={CHARSET}", self.account.gateway_url),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: wire::form(parameters).into_bytes(),
        }
    }
}

fn refund_request(refund: &Refund) -> Result<RefundRequest, EncodeFault> {
    check_number(&refund.channel_refund_no)?;
    if !refund.amount.is_positive() {
        return Err(EncodeFault::unsupported("amount", "above zero wanted"));
    }
    Ok(RefundRequest {
        out_trade_no: Some(refund.channel_order_no.clone()),
        trade_no: Some(refund.payment_reference.clone()),
        refund_amount: Yuan(refund.amount),
        out_request_no: Some(refund.channel_refund_no.clone()),
        refund_reason: Some(reason(refund)),
    })
}

/// What the payer reads about a refund: the merchant's words, as far as the channel shows them, or ours.
fn reason(refund: &Refund) -> String {
    match &refund.reason {
        Some(reason) => reason.chars().take(REASON_LEN_MAX).collect(),
        None => usual_reason(refund.cause).to_owned(),
    }
}

const fn usual_reason(cause: RefundCause) -> &'static str {
    match cause {
        RefundCause::LatePayment => "订单已关闭，款项原路退回",
        RefundCause::Requested => "商户退款",
        RefundCause::SecondPayment => "订单已支付，重复支付的款项原路退回",
    }
}

fn check_number(number: &str) -> Result<(), EncodeFault> {
    let good = |char: char| char.is_ascii_alphanumeric() || char == '_';
    match NUMBER_LEN.contains(&number.len()) && number.chars().all(good) {
        true => Ok(()),
        false => Err(EncodeFault::unsupported("number", "1 to 64 letters, digits and _ wanted")),
    }
}
