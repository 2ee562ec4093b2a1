//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted. Answers and callbacks
//! are signed here, so that the input reaches what reads them.

pub mod v2;

use crate::Wxpay;
use crate::counterpart::percent_decoded;
use crate::sign::{self, Authorization};
use crate::wire::{self, AEAD_AES_256_GCM, CallbackBody, ENCRYPT_RESOURCE, Sealed};
use channel::{
    Callback, Channel as _, CodecContext, Connection, Finding, Instruction, Method, PlacedOrder,
    PlacedRefund, PlacedShare, PlacedShareReturn, Request, Response, Settings, SharedPayment,
};
use crypto::rsa::Signer;
use ledger::{Currency, Fen, Timestamp};
use std::sync::LazyLock;

/// The serial of the golden certificate.
const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const APIV3_KEY: &str = "0123456789abcdef0123456789abcdef";
const SEAL_NONCE: &str = "0123456789ab";
/// The number of the order and the amount that the golden messages are about.
const NUMBER: &str = "demo202211200001";
const AMOUNT: Fen = Fen::new(1000);
/// 2023-04-19 09:23:16, Beijing.
const NOW: Timestamp = Timestamp::from_seconds(1_681_867_396);
const NONCE: &str = "94981e22ac0b4663949a442f31739b53";

static PLATFORM: LazyLock<Signer> = LazyLock::new(|| {
    Signer::from_pem(include_str!("../golden/platform_key.pem")).expect("a golden key")
});

static CONNECTION: LazyLock<Box<dyn Connection>> = LazyLock::new(|| {
    let settings: Settings = [
        ("mchid", "1900009191"),
        ("appid", "wx43f1t4567721a03e"),
        ("serial_no", "1dde55ad98ed71d6edd4a4a16996de7b47773a8c"),
        ("private_key_pem", include_str!("../golden/merchant_key.pem")),
        ("apiv3_key", APIV3_KEY),
        ("platform_cert_pem", include_str!("../golden/platform_certificate.pem")),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    Wxpay.open(&settings, &[]).expect("good settings")
});

/// The header `Authorization` of a request: what is read is written the same.
pub fn authorization(bytes: &[u8]) {
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let Some(read) = Authorization::read(header) else { return };
    assert_eq!(Authorization::read(&read.write()), Some(read));
}

/// A part of a path. What is encoded byte by byte reads back, and nothing else is taken for encoded.
pub fn percent_encoding(bytes: &[u8]) {
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(percent_decoded(&encoded), String::from_utf8(bytes.to_vec()).ok());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut signs = text.split('%').skip(1).map(str::as_bytes);
    let is_encoded =
        signs.all(|sign| sign.get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)));
    assert!(is_encoded || percent_decoded(text).is_none(), "{text:?}");
}

/// An answer of the channel: the first byte chooses the instruction, the second the status, the rest
/// is the body. Only a transaction of our order over its whole amount pays it.
pub fn answer(bytes: &[u8]) {
    let [choice, status, body @ ..] = bytes else { return };
    let status = [200, 202, 204, 400, 404, 500][usize::from(*status) % 6];
    let response = Response { status, headers: signed(body), body: body.to_vec() };
    let context = CodecContext { now: NOW, nonce: NONCE.into() };
    let finding = CONNECTION.decode(&instruction(*choice), &response, &context);
    if let Finding::Paid(payment) = &finding {
        let body: serde_json::Value = serde_json::from_slice(body).expect("JSON was read");
        assert_eq!(body["out_trade_no"], NUMBER);
        assert_eq!(payment.amount, AMOUNT);
    }
}

fn instruction(choice: u8) -> Instruction {
    let (placed_at, currency) = (NOW, Currency::Cny);
    let channel_order_no = NUMBER.to_owned();
    let placed = PlacedOrder {
        channel_order_no,
        placed_at,
        amount: AMOUNT,
        currency,
        is_cancelled: false,
        is_debit: false,
    };
    let payment = || SharedPayment {
        channel_order_no: NUMBER.into(),
        payment_reference: "4200001800202304190123456789".into(),
    };
    let channel_share_no = || "S202304190001".to_owned();
    match choice % 6 {
        0 => Instruction::Query(placed),
        1 => Instruction::Close(placed),
        3 => Instruction::QueryShare(PlacedShare {
            channel_share_no: channel_share_no(),
            payment: payment(),
        }),
        4 => Instruction::QueryUnshared(payment()),
        5 => Instruction::QueryShareReturn(PlacedShareReturn {
            channel_return_no: "U202304190001".into(),
            channel_share_no: channel_share_no(),
        }),
        // 2, and no other remainder is left.
        _ => Instruction::QueryRefund(PlacedRefund {
            channel_refund_no: "R202304190001".into(),
            channel_order_no: NUMBER.into(),
            made_at: NOW,
            amount: Fen::new(300),
        }),
    }
}

/// A callback: the first byte chooses between a signed body and a sealed resource, the rest is its
/// text. One that is believed names an order.
pub fn callback(bytes: &[u8]) {
    let [choice, text @ ..] = bytes else { return };
    let body = match choice % 3 {
        0 => text.to_vec(),
        1 => sealed("TRANSACTION.SUCCESS", text),
        _ => sealed("REFUND.SUCCESS", text),
    };
    let (method, url) = (Method::Post, "/wxpay/notify".to_owned());
    let request = Request { method, url, headers: signed(&body), body };
    if let Ok(Callback::Order(callback)) = CONNECTION.callback(&request, NOW) {
        assert!(!callback.channel_order_no.is_empty() || *choice % 3 != 0, "{callback:?}");
    }
}

fn signed(body: &[u8]) -> Vec<(String, String)> {
    let headers = sign::answer_headers(&PLATFORM, SERIAL, NOW.seconds(), NONCE, body);
    headers.expect("signing works")
}

/// A callback's body whose resource is this text, sealed with the APIv3 key.
fn sealed(event_type: &str, plain: &[u8]) -> Vec<u8> {
    let key = APIV3_KEY.as_bytes().try_into().expect("32 bytes");
    let aad = "transaction";
    let ciphertext = crypto::aead::seal(key, SEAL_NONCE.as_bytes(), aad.as_bytes(), plain);
    wire::json(&CallbackBody {
        id: "EV-2018022511223320873".into(),
        create_time: "2023-04-19T09:24:02+08:00".into(),
        event_type: event_type.into(),
        resource_type: ENCRYPT_RESOURCE.into(),
        summary: String::new(),
        resource: Sealed {
            algorithm: AEAD_AES_256_GCM.into(),
            nonce: SEAL_NONCE.into(),
            associated_data: aad.into(),
            ciphertext: crypto::text::base64(&ciphertext.expect("a good nonce")),
            original_type: Some(aad.into()),
        },
    })
}
