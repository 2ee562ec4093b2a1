//! The stage: a counterpart with documents in memory, a clock that the test moves, and connections.

use crate::Wxpay;
use crate::counterpart::{SubMerchant, Trust, WxpayCounterpart, WxpayMerchant, WxpayWorld};
use crate::sign::{self, Authorization};
use channel::checks::Memory;
use channel::{
    Channel, CodecContext, Connection, Counterpart, FaultMode, Finding, Instruction, Method,
    OrderCallback, OutgoingCallback, PayInfo, Payer, PhoneFault, PhoneOutcome, Place, PlacedOrder,
    PlacedRefund, PlatformKey, Receiver, ReceiverKind, Refund, RefundCause, Request, Response,
    Scene, Settings, Step, SwitchFault,
};
use crypto::certificate::{self, Certificate};
use crypto::rsa::{self, Signer};
use ledger::{Currency, Fen, Timestamp};
use serde_json::Value;
use std::sync::LazyLock;

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const APPID: &str = "wx1111111111111111";
pub(crate) const SUB_MCHID: &str = "1900000099";
pub(crate) const SUB_APPID: &str = "wx9999999999999999";
pub(crate) const APIV3_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const API_V2_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
pub(crate) const PLAN_ID: &str = "12535";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012024010100000000";
/// 2026-11-18 19:06:40 in Beijing.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// A private key with its certificate.
pub(crate) struct Pair {
    pub(crate) private_pem: String,
    pub(crate) certificate: Certificate,
}

pub(crate) struct Keys {
    pub(crate) merchant: Pair,
    pub(crate) stranger: Pair,
    pub(crate) platform: Pair,
    pub(crate) public: Pair,
}

/// Made once: making RSA keys is slow.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    merchant: pair("merchant"),
    stranger: pair("stranger"),
    platform: pair("platform"),
    public: pair("public"),
});

fn pair(name: &str) -> Pair {
    let private_pem = rsa::generate().expect("a key is made");
    let (from, until) = (START.seconds() - 86_400, START.seconds() + 5 * 365 * 86_400);
    let certificate = certificate::self_signed(&private_pem, name, from, until);
    Pair { private_pem, certificate: certificate.expect("a certificate is made") }
}

pub(crate) fn world(trust: Trust) -> WxpayWorld {
    WxpayWorld {
        merchants: vec![WxpayMerchant {
            mchid: MCHID.to_owned(),
            appids: vec![APPID.to_owned()],
            certificate_pem: KEYS.merchant.certificate.pem.clone(),
            apiv3_key: APIV3_KEY.to_owned(),
            api_v2_key: Some(API_V2_KEY.to_owned()),
            plan_ids: vec![PLAN_ID.to_owned(), "12536".to_owned()],
            trust,
            sub_mchids: vec![SubMerchant {
                sub_mchid: SUB_MCHID.to_owned(),
                sub_appids: vec![SUB_APPID.to_owned()],
            }],
        }],
        platform_private_key_pem: KEYS.platform.private_pem.clone(),
        platform_cert_pem: KEYS.platform.certificate.pem.clone(),
        public_key_private_pem: KEYS.public.private_pem.clone(),
        public_key_id: PUBLIC_KEY_ID.to_owned(),
    }
}

pub(crate) struct Stage {
    pub(crate) counterpart: WxpayCounterpart,
    pub(crate) documents: Memory,
    pub(crate) now: Timestamp,
    /// The clock of a sender that was not moved along.
    pub(crate) system_now: Timestamp,
    pub(crate) mode: FaultMode,
    pub(crate) outgoing: Vec<OutgoingCallback>,
    drawn: u32,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage::with(Trust::Certificate)
    }

    pub(crate) fn with(trust: Trust) -> Stage {
        let counterpart = WxpayCounterpart::new(world(trust)).expect("the world is sound");
        Stage {
            counterpart,
            documents: Memory::default(),
            now: START,
            system_now: START,
            mode: FaultMode::Honest,
            outgoing: vec![],
            drawn: 0,
        }
    }

    pub(crate) fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    pub(crate) fn context(&mut self) -> CodecContext {
        self.drawn += 1;
        let nonce = crypto::hash::sha256_hex(&self.drawn.to_be_bytes());
        CodecContext { now: self.now, nonce: nonce.chars().take(32).collect() }
    }

    /// The counterpart's answer; what it enqueues is kept.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        let received = Request { url: request.target().to_owned(), ..request.clone() };
        assert!(self.counterpart.owns(received.target()));
        let context = self.context();
        let Stage { counterpart, documents, mode, outgoing, system_now, .. } = self;
        let (response, more) = counterpart
            .receive(documents, mode, &received, &context, *system_now)
            .expect("memory does not fail");
        outgoing.extend(more);
        response
    }

    /// An instruction's way there and back.
    pub(crate) fn ask(&mut self, connection: &dyn Connection, asked: &Instruction) -> Finding {
        let context = self.context();
        let encoded = connection.encode(asked, &context).expect("the instruction is supported");
        let Step::Send(request) = encoded else { panic!("want a request, found {encoded:?}") };
        let response = self.send(&request);
        connection.decode(asked, &response, &self.context())
    }

    /// What the client gets to pay with.
    pub(crate) fn place(&mut self, connection: &dyn Connection, place: &Place) -> PayInfo {
        match self.ask(connection, &Instruction::Place(Box::new(place.clone()))) {
            Finding::Placed(pay_info) => pay_info,
            other => panic!("want placed, found {other:?}"),
        }
    }

    pub(crate) fn phone(
        &mut self,
        pay_info: &str,
        outcome: PhoneOutcome,
    ) -> Result<String, PhoneFault> {
        let context = self.context();
        let (text, more) =
            self.counterpart.phone(&mut self.documents, pay_info, outcome, &context)?;
        self.outgoing.extend(more);
        Ok(text)
    }

    /// Places an order and pays it.
    pub(crate) fn paid(&mut self, connection: &dyn Connection, place: &Place) {
        let pay_info = self.place(connection, place);
        self.phone(&pay_info.text, PhoneOutcome::Success).expect("the phone pays");
    }

    /// Turns a switch.
    pub(crate) fn switch(&mut self, name: &str, arguments: Value) -> Result<Value, SwitchFault> {
        let (context, arguments) = (self.context(), arguments.to_string());
        let Stage { counterpart, documents, .. } = self;
        let answer = counterpart.switch(documents, name, &arguments, &context)?;
        Ok(serde_json::from_str(&answer).expect("a switch answers JSON"))
    }

    /// What the last callback outgoing says of an order.
    pub(crate) fn told(&mut self, connection: &dyn Connection) -> OrderCallback {
        let (envelope, now) = (self.envelope(), self.now);
        let read = connection.callback(&envelope, now).expect("the callback is believed");
        read.order().expect("it is about an order")
    }

    /// The last callback outgoing, in its envelope.
    pub(crate) fn envelope(&mut self) -> Request {
        let context = self.context();
        let callback = self.outgoing.last().expect("a callback is outgoing");
        let made = self.counterpart.envelope(&self.documents, callback, &self.mode, &context);
        made.expect("memory does not fail")
    }
}

/// A request signed by a pair of keys, as any client would send it.
pub(crate) fn signed(
    pair: &Pair,
    method: Method,
    target: &str,
    body: &[u8],
    now: Timestamp,
) -> Request {
    let signer = Signer::from_pem(&pair.private_pem).expect("the key is sound");
    let timestamp = now.seconds().to_string();
    let nonce = "593BEC0C930BF1AFEB40B4A08C8FB242";
    let text = sign::request_text(method.name(), target, &timestamp, nonce, body);
    let authorization = Authorization {
        mchid: MCHID.to_owned(),
        nonce_str: nonce.to_owned(),
        timestamp,
        serial_no: pair.certificate.serial.clone(),
        signature: signer.sign(&text).expect("it signs"),
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("Authorization", &authorization.write()),
        header("Accept", "application/json"),
        header("Content-Type", "application/json"),
        header("User-Agent", "test"),
    ];
    Request { method, url: target.to_owned(), headers, body: body.to_vec() }
}

fn settings() -> Settings {
    let pairs = [
        ("mchid", MCHID),
        ("appid", APPID),
        ("serial_no", &KEYS.merchant.certificate.serial),
        ("private_key_pem", &KEYS.merchant.private_pem),
        ("apiv3_key", APIV3_KEY),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn open(more: &[(&str, &str)], keys: &[PlatformKey]) -> Box<dyn Connection> {
    let mut settings = settings();
    for (name, value) in more {
        settings.insert((*name).to_owned(), (*value).to_owned());
    }
    Wxpay.open(&settings, keys).expect("the settings are sound")
}

/// A merchant that trusts a configured platform certificate.
pub(crate) fn direct() -> Box<dyn Connection> {
    open(&[("platform_cert_pem", &KEYS.platform.certificate.pem)], &[])
}

/// A service provider that does.
pub(crate) fn partner() -> Box<dyn Connection> {
    open(
        &[
            ("platform_cert_pem", &KEYS.platform.certificate.pem),
            ("sub_mchid", SUB_MCHID),
            ("sub_appid", SUB_APPID),
        ],
        &[],
    )
}

/// A merchant that trusts WeChat Pay's public key.
pub(crate) fn with_public_key() -> Box<dyn Connection> {
    let signer = Signer::from_pem(&KEYS.public.private_pem).expect("the key is sound");
    open(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", &signer.public_pem())], &[])
}

/// A merchant who uses v2 alone, with these settings beside.
pub(crate) fn by_v2(more: &[(&str, &str)]) -> Box<dyn Connection> {
    let v2 = [
        ("api", "v2"),
        ("api_v2_key", API_V2_KEY),
        ("certificate_pem", &*KEYS.merchant.certificate.pem),
        ("apiv3_key", ""),
    ];
    open(&[&v2, more].concat(), &[])
}

/// A merchant with fetched keys alone.
pub(crate) fn with_fetched(keys: &[PlatformKey]) -> Box<dyn Connection> {
    open(&[], keys)
}

pub(crate) fn order(number: &str, scene: Scene) -> Place {
    Place {
        channel_order_no: number.to_owned(),
        amount: Fen::new(8_800),
        currency: Currency::Cny,
        scene,
        subject: "通宝测试商品".to_owned(),
        payer: Payer {
            app_id: None,
            user_id: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
            client_ip: Some("203.0.113.7".to_owned()),
            device_id: Some("POS-7".to_owned()),
        },
        payment_code: None,
        agreement: None,
        goods_tag: None,
        placed_at: START,
        expires_at: START.plus_seconds(10_800),
        callback_url: "http://127.0.0.1:8080/notify".to_owned(),
        front_url: Some("https://shop.example/done?x=1".to_owned()),
        is_shared: false,
    }
}

/// A merchant to share with.
pub(crate) fn store() -> Receiver {
    Receiver {
        kind: ReceiverKind::Merchant,
        account: "1900000055".to_owned(),
        name: Some("上海通宝商店有限公司".to_owned()),
    }
}

pub(crate) fn refund(channel_refund_no: &str, number: &str, id: &str, fen: i64) -> Instruction {
    Instruction::Refund(Box::new(refund_of(channel_refund_no, number, id, fen)))
}

pub(crate) fn refund_of(channel_refund_no: &str, number: &str, id: &str, fen: i64) -> Refund {
    Refund {
        channel_refund_no: channel_refund_no.to_owned(),
        channel_order_no: number.to_owned(),
        payment_reference: id.to_owned(),
        amount: Fen::new(fen),
        paid: Fen::new(8_800),
        currency: Currency::Cny,
        cause: RefundCause::LatePayment,
        callback_url: "http://127.0.0.1:8080/refunds".to_owned(),
        reason: None,
    }
}

pub(crate) fn query(number: &str) -> Instruction {
    Instruction::Query(placed(number))
}

pub(crate) fn close(number: &str) -> Instruction {
    Instruction::Close(placed(number))
}

pub(crate) fn query_refund(channel_refund_no: &str) -> Instruction {
    Instruction::QueryRefund(PlacedRefund {
        channel_refund_no: channel_refund_no.to_owned(),
        channel_order_no: "T12345".to_owned(),
        made_at: START,
        amount: Fen::new(800),
    })
}

fn placed(number: &str) -> PlacedOrder {
    PlacedOrder {
        channel_order_no: number.to_owned(),
        placed_at: START,
        amount: Fen::new(8_800),
        currency: Currency::Cny,
        is_cancelled: false,
        is_debit: false,
    }
}
