//! Entry points of `fuzz/`: input is any bytes, and what must hold is asserted. Answers and callbacks
//! are signed here, so that the input reaches what reads them.

use crate::Alipay;
use crate::sign::{self, RSA2, SignedAnswer};
use crate::wire;
use channel::{
    Callback, Channel as _, CodecContext, Connection, Finding, Instruction, Method, PlacedOrder,
    PlacedRefund, Request, Response, Settings,
};
use crypto::rsa::Signer;
use ledger::{Currency, Fen, Timestamp};
use std::sync::LazyLock;

/// The number of the order and the amount that the golden messages are about.
const NUMBER: &str = "demo202211200001";
const AMOUNT: Fen = Fen::new(1000);
/// 2023-04-19 09:23:16, Beijing.
const NOW: Timestamp = Timestamp::from_seconds(1_681_867_396);

static CHANNEL: LazyLock<Signer> = LazyLock::new(|| {
    Signer::from_pem(include_str!("../golden/alipay_key.pem")).expect("a golden key")
});

static CONNECTION: LazyLock<Box<dyn Connection>> = LazyLock::new(|| {
    let settings: Settings = [
        ("app_id", "2021000000000001"),
        ("app_private_key", include_str!("../golden/app_key.pem")),
        ("alipay_public_key", include_str!("../golden/alipay_public.pem")),
        ("seller_id", "2088102146225135"),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    Alipay.open(&settings, &[]).expect("good settings")
});

/// The content of an answer: the first byte chooses the instruction, the rest is the member that is
/// signed. Only a trade of our order over its whole amount pays it.
pub fn answer(bytes: &[u8]) {
    let [choice, content @ ..] = bytes else { return };
    let Ok(content) = std::str::from_utf8(content) else { return };
    let (instruction, member) = instruction(*choice);
    let signature = CHANNEL.sign(content.as_bytes()).expect("signing works");
    let body = format!(r#"{{"{member}":{content},"sign":"{signature}"}}"#);
    // Content that closes its member early brings other bytes to be verified than those that were signed.
    let is_whole = SignedAnswer::cut(body.as_bytes(), member)
        .is_some_and(|answer| answer.content == content.trim());
    let response = Response { status: 200, headers: vec![], body: body.into_bytes() };
    let context = CodecContext { now: NOW, nonce: "0".repeat(32) };
    let finding = CONNECTION.decode(&instruction, &response, &context);
    if let Finding::Paid(payment) = &finding {
        assert!(is_whole, "believed without a signature: {content}");
        assert_eq!(payment.channel_order_no, NUMBER);
        assert!(payment.settled_amount <= payment.amount);
    }
}

fn instruction(choice: u8) -> (Instruction, &'static str) {
    let channel_order_no = NUMBER.to_owned();
    let (placed_at, currency) = (NOW, Currency::Cny);
    let placed = PlacedOrder {
        channel_order_no,
        placed_at,
        amount: AMOUNT,
        currency,
        is_cancelled: false,
        is_debit: false,
    };
    match choice % 3 {
        0 => (Instruction::Query(placed), "alipay_trade_query_response"),
        1 => (Instruction::Close(placed), "alipay_trade_close_response"),
        // 2, and no other remainder is left.
        _ => {
            let refund = PlacedRefund {
                channel_refund_no: "R202304190001".into(),
                channel_order_no: NUMBER.into(),
                made_at: NOW,
                amount: Fen::new(300),
            };
            (Instruction::QueryRefund(refund), "alipay_trade_fastpay_refund_query_response")
        }
    }
}

/// A callback's form, signed anew. One that is believed names an order.
pub fn callback(bytes: &[u8]) {
    let mut parameters = wire::read_form(bytes);
    parameters.insert(sign::SIGN_TYPE.to_owned(), RSA2.to_owned());
    let signature = CHANNEL.sign(&sign::callback_text(&parameters)).expect("signing works");
    parameters.insert(sign::SIGN.to_owned(), signature);
    let body = wire::form(&parameters).into_bytes();
    let (method, url) = (Method::Post, "/alipay/notify".to_owned());
    let request = Request { method, url, headers: vec![], body };
    if let Ok(Callback::Order(callback)) = CONNECTION.callback(&request, NOW) {
        assert!(!callback.channel_order_no.is_empty(), "{callback:?}");
    }
}
