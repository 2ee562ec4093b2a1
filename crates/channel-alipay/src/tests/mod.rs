//! The codec through its port, with golden messages and signatures made by another implementation
//! (Python and the `openssl` command).

mod accounts;
pub(crate) mod agreements;
mod answers;
mod callbacks;
pub(crate) mod certificates;
mod code_pay;
mod requests;

use crate::Alipay;
use crate::sign::ERROR_MEMBER;
use channel::{
    Channel as _, CodecContext, Connection, Finding, Instruction, Payer, Place, PlacedOrder,
    PlacedRefund, Refund, RefundCause, Request, Response, Scene, Settings, Step,
};
use crypto::rsa::Signer;
use ledger::{Currency, Fen, Timestamp};

pub(crate) const APP_KEY: &str = include_str!("../../golden/app_key.pem");
pub(crate) const APP_KEY_PKCS1: &str = include_str!("../../golden/app_key_pkcs1.pem");
pub(crate) const APP_PUBLIC: &str = include_str!("../../golden/app_public.pem");
pub(crate) const ALIPAY_KEY: &str = include_str!("../../golden/alipay_key.pem");
pub(crate) const ALIPAY_PUBLIC: &str = include_str!("../../golden/alipay_public.pem");

pub(crate) const APP_ID: &str = "2021000000000001";
/// A merchant's leave for the app, and the merchant's app.
pub(crate) const ACTING: [(&str, &str); 2] = [
    ("app_auth_token", "201510BBb507dc9f5efe41a0b98ae22f01519X62"),
    ("auth_app_id", MERCHANT_APP_ID),
];
pub(crate) const MERCHANT_APP_ID: &str = "2021000000000077";
pub(crate) const SELLER_ID: &str = "2088102146225135";
pub(crate) const BUYER_ID: &str = "2088302146225135";
pub(crate) const NUMBER: &str = "demo202211200001";
pub(crate) const TRADE_NO: &str = "2023041922001425131400000001";
pub(crate) const REFUND_NUMBER: &str = "R202304190001";
/// 2023-04-19 09:23:16, Beijing.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_681_867_396);

pub(crate) fn settings() -> Settings {
    [
        ("app_id", APP_ID),
        ("app_private_key", APP_KEY),
        ("alipay_public_key", ALIPAY_PUBLIC),
        ("seller_id", SELLER_ID),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect()
}

/// The same with other settings beside.
pub(crate) fn settings_and(others: &[(&str, &str)]) -> Settings {
    let mut settings = settings();
    settings.extend(others.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    settings
}

pub(crate) fn connection() -> Box<dyn Connection> {
    connection_and(&[])
}

pub(crate) fn connection_and(others: &[(&str, &str)]) -> Box<dyn Connection> {
    Alipay.open(&settings_and(others), &[]).expect("good settings")
}

/// The request that carries out an instruction.
pub(crate) fn request(connection: &dyn Connection, asked: &Instruction) -> Request {
    match connection.encode(asked, &context()) {
        Ok(Step::Send(request)) => request,
        Ok(Step::Answer(finding)) => panic!("a request wanted: {finding:?}"),
        Err(fault) => panic!("a request wanted: {fault}"),
    }
}

pub(crate) fn context() -> CodecContext {
    CodecContext { now: NOW, nonce: "94981e22ac0b4663949a442f31739b53".into() }
}

pub(crate) fn place() -> Place {
    Place {
        channel_order_no: NUMBER.into(),
        amount: Fen::new(1000),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        subject: "杂粮煎饼 & 豆浆=1+1".into(),
        payer: Payer { user_id: Some(BUYER_ID.into()), ..Payer::default() },
        payment_code: None,
        agreement: None,
        goods_tag: Some("WXG".into()),
        placed_at: NOW,
        expires_at: NOW.plus_seconds(30 * 60),
        callback_url: "https://pay.example.com/alipay/notify".into(),
        front_url: Some("https://shop.example/?a=1&b=币".into()),
        is_shared: false,
    }
}

pub(crate) fn placing(scene: Scene) -> Instruction {
    Instruction::Place(Box::new(Place { scene, ..place() }))
}

fn placed() -> PlacedOrder {
    PlacedOrder {
        channel_order_no: NUMBER.into(),
        placed_at: NOW,
        amount: Fen::new(1000),
        currency: Currency::Cny,
        is_cancelled: false,
        is_debit: false,
    }
}

pub(crate) fn query() -> Instruction {
    Instruction::Query(placed())
}

pub(crate) fn close() -> Instruction {
    Instruction::Close(placed())
}

pub(crate) fn refund() -> Refund {
    Refund {
        channel_refund_no: REFUND_NUMBER.into(),
        channel_order_no: NUMBER.into(),
        payment_reference: TRADE_NO.into(),
        amount: Fen::new(300),
        paid: Fen::new(1000),
        currency: Currency::Cny,
        cause: RefundCause::LatePayment,
        callback_url: "https://pay.example.com/alipay/refund".into(),
        reason: None,
    }
}

pub(crate) fn refunding() -> Instruction {
    Instruction::Refund(Box::new(refund()))
}

pub(crate) fn query_refund() -> Instruction {
    Instruction::QueryRefund(PlacedRefund {
        channel_refund_no: REFUND_NUMBER.into(),
        channel_order_no: NUMBER.into(),
        made_at: NOW,
        amount: Fen::new(300),
    })
}

/// Every instruction that is sent, with the member of its answer.
pub(crate) fn sent() -> [(Instruction, &'static str); 6] {
    [
        (placing(Scene::Public), "alipay_trade_create_response"),
        (placing(Scene::Pc), "alipay_trade_precreate_response"),
        (query(), "alipay_trade_query_response"),
        (close(), "alipay_trade_close_response"),
        (refunding(), "alipay_trade_refund_response"),
        (query_refund(), "alipay_trade_fastpay_refund_query_response"),
    ]
}

/// The member of an instruction's answer.
pub(crate) fn member(asked: &Instruction) -> &'static str {
    let found = sent().into_iter().find(|(known, _)| known == asked);
    found.map(|(_, member)| member).expect("an instruction that is sent")
}

pub(crate) fn plain(body: &str) -> Response {
    Response { status: 200, headers: vec![], body: body.as_bytes().to_vec() }
}

/// An answer as the channel signs it.
pub(crate) fn answer(asked: &Instruction, content: &str) -> Response {
    answer_in(member(asked), content)
}

/// An answer in this member, signed.
pub(crate) fn answer_in(member: &str, content: &str) -> Response {
    let signer = Signer::from_pem(ALIPAY_KEY).expect("a golden key");
    let signature = signer.sign(content.as_bytes()).expect("signing works");
    plain(&format!(r#"{{"{member}":{content},"sign":"{signature}"}}"#))
}

/// An error answer of the gate, not signed.
pub(crate) fn at_gate(content: &str) -> Response {
    plain(&format!(r#"{{"{ERROR_MEMBER}":{content},"sign":""}}"#))
}

/// What the answer to an instruction means.
pub(crate) fn decode(asked: &Instruction, response: &Response) -> Finding {
    connection().decode(asked, response, &context())
}
