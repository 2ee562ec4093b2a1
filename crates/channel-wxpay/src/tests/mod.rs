//! The codec through its port, with golden messages and signatures made by another implementation
//! (the `openssl` command).

mod accounts;
mod answers;
mod callbacks;
mod code_pay;
mod requests;

use crate::Wxpay;
use crate::sign;
use crate::wire::{self, AEAD_AES_256_GCM, CallbackBody, ENCRYPT_RESOURCE, Sealed};
use channel::{
    BillDay, BillFile, BillKind, Channel as _, CodecContext, Connection, FileHash, Finding,
    Instruction, Method, Payer, Place, PlacedOrder, PlacedRefund, Refund, RefundCause, Request,
    Response, Scene, Settings, Step,
};
use crypto::rsa::Signer;
use ledger::{Currency, Fen, Timestamp};

pub(crate) const MERCHANT_KEY: &str = include_str!("../../golden/merchant_key.pem");
pub(crate) const PLATFORM_KEY: &str = include_str!("../../golden/platform_key.pem");
pub(crate) const PLATFORM_PUBLIC: &str = include_str!("../../golden/platform_public.pem");
pub(crate) const PLATFORM_CERTIFICATE: &str = include_str!("../../golden/platform_certificate.pem");
pub(crate) const TRANSACTION: &str = include_str!("../../golden/transaction.json");
pub(crate) const TRANSACTION_PARTNER: &str = include_str!("../../golden/transaction_partner.json");
pub(crate) const REFUND: &str = include_str!("../../golden/refund.json");
pub(crate) const REFUND_CALLBACK: &str = include_str!("../../golden/refund_callback.json");

/// The serial of [`PLATFORM_CERTIFICATE`].
pub(crate) const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0000000000000024101100397200000006";
pub(crate) const APIV3_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const APP_ID: &str = "wx43f1t4567721a03e";
pub(crate) const SUB_APP_ID: &str = "wxad53ca7fbb5gg5f2";
pub(crate) const NUMBER: &str = "demo202211200001";
pub(crate) const REFERENCE: &str = "4200001800202304190123456789";
pub(crate) const REFUND_NUMBER: &str = "R202304190001";
/// 2023-04-19 09:23:16, Beijing.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_681_867_396);
pub(crate) const NONCE: &str = "94981e22ac0b4663949a442f31739b53";

/// A merchant that pins the platform certificate.
pub(crate) fn settings() -> Settings {
    [
        ("mchid", "1900009191"),
        ("appid", APP_ID),
        ("serial_no", "1dde55ad98ed71d6edd4a4a16996de7b47773a8c"),
        ("private_key_pem", MERCHANT_KEY),
        ("apiv3_key", APIV3_KEY),
        ("platform_cert_pem", PLATFORM_CERTIFICATE),
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
    Wxpay.open(&settings_and(others), &[]).expect("good settings")
}

/// The request that carries out an instruction.
pub(crate) fn request(connection: &dyn Connection, asked: &Instruction) -> Request {
    request_at(connection, asked, &context())
}

/// The same at another time.
pub(crate) fn request_at(
    connection: &dyn Connection,
    asked: &Instruction,
    context: &CodecContext,
) -> Request {
    match connection.encode(asked, context) {
        Ok(Step::Send(request)) => request,
        Ok(Step::Answer(finding)) => panic!("a request wanted: {finding:?}"),
        Err(fault) => panic!("a request wanted: {fault}"),
    }
}

pub(crate) fn context() -> CodecContext {
    CodecContext { now: NOW, nonce: NONCE.into() }
}

pub(crate) fn place() -> Place {
    Place {
        channel_order_no: NUMBER.into(),
        amount: Fen::new(1000),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        subject: "杂粮煎饼".into(),
        payer: Payer {
            app_id: None,
            user_id: Some("oXLUp5OHJof5768CoFFDuuaRn8kc".into()),
            client_ip: Some("14.15.16.17".into()),
            device_id: Some("00000001".into()),
        },
        payment_code: None,
        agreement: None,
        goods_tag: Some("WXG".into()),
        placed_at: NOW,
        expires_at: NOW.plus_seconds(30 * 60),
        callback_url: "https://pay.example.com/wxpay/notify".into(),
        front_url: None,
        is_shared: false,
    }
}

pub(crate) fn placing(scene: Scene) -> Instruction {
    Instruction::Place(Box::new(Place { scene, ..place() }))
}

/// The usual order, placed under this number.
pub(crate) fn placed(number: &str) -> PlacedOrder {
    PlacedOrder {
        channel_order_no: number.into(),
        placed_at: NOW,
        amount: Fen::new(1000),
        currency: Currency::Cny,
        is_cancelled: false,
        is_debit: false,
    }
}

/// The usual refund, requested under this number.
pub(crate) fn placed_refund(number: &str) -> PlacedRefund {
    PlacedRefund {
        channel_refund_no: number.into(),
        channel_order_no: NUMBER.into(),
        made_at: NOW,
        amount: Fen::new(300),
    }
}

pub(crate) fn query() -> Instruction {
    Instruction::Query(placed(NUMBER))
}

pub(crate) fn close() -> Instruction {
    Instruction::Close(placed(NUMBER))
}

pub(crate) fn refunding() -> Instruction {
    refunding_for(RefundCause::LatePayment)
}

pub(crate) fn refunding_for(cause: RefundCause) -> Instruction {
    Instruction::Refund(Box::new(refund(cause)))
}

fn refund(cause: RefundCause) -> Refund {
    Refund {
        channel_refund_no: REFUND_NUMBER.into(),
        channel_order_no: NUMBER.into(),
        payment_reference: REFERENCE.into(),
        amount: Fen::new(300),
        paid: Fen::new(1000),
        currency: Currency::Cny,
        cause,
        callback_url: "https://pay.example.com/wxpay/refund".into(),
        reason: None,
    }
}

pub(crate) fn query_refund() -> Instruction {
    Instruction::QueryRefund(placed_refund(REFUND_NUMBER))
}

pub(crate) fn find_bill() -> Instruction {
    Instruction::FindBill(bill_day(BillKind::Trade))
}

/// The trade bill of 2023-04-18, in a file at this address.
pub(crate) fn fetch_bill(url: &str) -> Instruction {
    let hash = FileHash::Sha1("0".repeat(40));
    Instruction::FetchBill(BillFile { day: bill_day(BillKind::Trade), url: url.into(), hash })
}

/// The bill of 2023-04-18.
pub(crate) fn bill_day(kind: BillKind) -> BillDay {
    BillDay { kind, date: "2023-04-18".parse().expect("a date") }
}

/// An answer as the channel signs it now.
pub(crate) fn answer(status: u16, body: &str) -> Response {
    answer_by(SERIAL, NOW, status, body)
}

/// An answer signed by the platform's key under this name at this time.
pub(crate) fn answer_by(serial: &str, at: Timestamp, status: u16, body: &str) -> Response {
    let body = body.as_bytes().to_vec();
    let signer = Signer::from_pem(PLATFORM_KEY).expect("a golden key");
    let headers = sign::answer_headers(&signer, serial, at.seconds(), NONCE, &body);
    Response { status, headers: headers.expect("signing works"), body }
}

/// An error answer, signed.
pub(crate) fn error(status: u16, code: &str) -> Response {
    answer(status, &format!(r#"{{"code":"{code}","message":"说明"}}"#))
}

/// What the answer to an instruction means to the usual merchant.
pub(crate) fn decode(instruction: &Instruction, response: &Response) -> Finding {
    connection().decode(instruction, response, &context())
}

/// A callback as the channel sends it now.
pub(crate) fn callback(event_type: &str, plain: &str) -> Request {
    let sealed = seal_text("transaction", plain);
    let body = wire::json(&CallbackBody {
        id: "EV-2018022511223320873".into(),
        create_time: "2023-04-19T09:24:02+08:00".into(),
        event_type: event_type.into(),
        resource_type: ENCRYPT_RESOURCE.into(),
        summary: "支付成功".into(),
        resource: sealed,
    });
    let body = String::from_utf8(body).expect("JSON is text");
    let signed = answer(0, &body);
    let url = "/wxpay/notify".into();
    Request { method: Method::Post, url, headers: signed.headers, body: signed.body }
}

/// Text sealed with the APIv3 key.
pub(crate) fn seal_text(associated_data: &str, plain: &str) -> Sealed {
    let key = APIV3_KEY.as_bytes().try_into().expect("32 bytes");
    let nonce = "0123456789ab";
    let sealed =
        crypto::aead::seal(key, nonce.as_bytes(), associated_data.as_bytes(), plain.as_bytes());
    Sealed {
        algorithm: AEAD_AES_256_GCM.into(),
        nonce: nonce.into(),
        associated_data: associated_data.into(),
        ciphertext: crypto::text::base64(&sealed.expect("a good nonce")),
        original_type: Some("transaction".into()),
    }
}
