//! Entry points of `fuzz/` into the older interface: as in the module around, answers and callbacks are
//! signed here.

use super::{NONCE, NOW, NUMBER, instruction};
use crate::Wxpay;
use crate::v2::callback::{REQ_INFO, seal};
use crate::v2::sign::SignType;
use crate::v2::xml::Members;
use channel::{
    Callback, Channel as _, CodecContext, Connection, Finding, Instruction, Method, Request,
    Response, Settings,
};
use crypto::Secret;
use ledger::Fen;
use std::sync::LazyLock;

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const MCHID: &str = "1900009191";

static CONNECTION: LazyLock<Box<dyn Connection>> = LazyLock::new(|| {
    let private_key = include_str!("../../golden/platform_key.pem");
    let settings: Settings = [
        ("api", "v2"),
        ("mchid", MCHID),
        ("appid", "wx43f1t4567721a03e"),
        ("api_v2_key", KEY),
        ("private_key_pem", private_key),
        ("certificate_pem", include_str!("../../golden/platform_certificate.pem")),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    Wxpay.open(&settings, &[]).expect("good settings")
});

/// A message: what is read is written so that it reads the same.
pub fn message(bytes: &[u8]) {
    let Ok(read) = Members::read(bytes) else { return };
    let written = read.write();
    let again = Members::read(&written).expect("what was written is read");
    assert!(read.iter().eq(again.iter()), "{}", String::from_utf8_lossy(&written));
}

/// An answer of the channel: the first byte chooses the instruction, the rest are members, which are
/// signed. Only our order with its whole amount is paid.
pub fn answer(bytes: &[u8]) {
    let [choice, body @ ..] = bytes else { return };
    let asked = instruction([0, 1, 2][usize::from(*choice) % 3]);
    let body = signed(body).unwrap_or_else(|| body.to_vec());
    let response = Response { status: 200, headers: vec![], body };
    let context = CodecContext { now: NOW, nonce: NONCE.into() };
    let finding = CONNECTION.decode(&asked, &response, &context);
    if let Finding::Paid(payment) = &finding {
        assert!(matches!(asked, Instruction::Query(_)), "{finding:?}");
        assert_eq!(payment.channel_order_no, NUMBER);
        assert!((Fen::ZERO..=payment.amount).contains(&payment.settled_amount));
    }
}

/// A callback: the first byte chooses between signed members and a sealed refund. One that is believed names
/// an order.
pub fn callback(bytes: &[u8]) {
    let [choice, text @ ..] = bytes else { return };
    let body = match choice % 3 {
        0 => text.to_vec(),
        1 => signed(text).unwrap_or_default(),
        _ => sealed(text),
    };
    let (method, url) = (Method::Post, "/wxpay/notify".to_owned());
    let request = Request { method, url, headers: vec![], body };
    if let Ok(Callback::Order(callback)) = CONNECTION.callback(&request, NOW) {
        assert!(!callback.channel_order_no.is_empty(), "{callback:?}");
        if let Finding::Refund(refunded) = callback.finding {
            assert!(refunded.amount >= Fen::ZERO, "{refunded:?}");
        }
    }
}

/// These members with the merchant's number and a signature, if they are any.
fn signed(bytes: &[u8]) -> Option<Vec<u8>> {
    let members = Members::read(bytes).ok()?.with("mch_id", MCHID);
    Some(SignType::HmacSha256.signed(members, &Secret::new(KEY.to_owned())).write())
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    let sealed = seal(&Secret::new(KEY.to_owned()), plain).expect("sealing works");
    Members::default().with("mch_id", MCHID).with(REQ_INFO, sealed).write()
}
