//! Agreements: a payer signs on the phone and is debited from then on, through the simulated Alipay; with
//! every bad input, lost answers, and the power going off.

use crate::code_pay::{agrees, until_final};
use crate::merchant::Merchant;
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use channel::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SIGN: &str = "/cloudpay/v1/agreement/out/sign";
const QUERY: &str = "/cloudpay/v1/agreement/out/query";
const TERMINATE: &str = "/cloudpay/v1/agreement/out/terminate";
const ANNOUNCE: &str = "/cloudpay/v1/agreement/out/notice";
const REFUND: &str = "/cloudpay/v1/refundOrder/apply";

const BAD: &str = "AGREEMENT.INVALID_PARAMETER";
const BAD_ORDER: &str = "ORDER.INVALID_PARAMETER";
const PROCESSING: &str = "ORDER.OPERATE_IS_PROCESSING";

/// A fresh number of an agreement.
pub(crate) fn fresh_agreement() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("AGR{:05}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A request to sign, complete and right; tests change members.
pub(crate) fn agreement(number: &str) -> Value {
    json!({
        "ChannelSubMerchantId": "CM6756531983210274560",
        "OutAgreementId": number,
        "PayChannel": "ALIPAY",
        "PayType": "AUTHORIZE",
        "SignScene": "H5",
        "AgreementSceneId": "club",
        "DisplayName": "会员张三",
        "PayerInfo": {"OutUserId": "user-1"},
    })
}

fn named(number: &str) -> Value {
    json!({"OutAgreementId": number})
}

/// An order that an agreement pays.
fn debit(number: &str, agreement: &str) -> Value {
    let body = with(&order(number), "PayChannel", json!("ALIPAY"));
    let body = with(&body, "PayType", json!("AUTHORIZE"));
    let body = with(&body, "ExternalPaymentData", Value::Null);
    with(&body, "AgreementInfo", named(agreement))
}

fn ending(number: &str) -> Value {
    json!({"OutAgreementId": number, "TerminateReason": "不再需要"})
}

impl TestGateway {
    /// The payer opens the signing page on the phone.
    async fn phone_signs(&self, sign_info: &Value, outcome: &str) {
        let body = json!({"sign_info": sign_info, "outcome": outcome});
        self.control("sign", &body).await;
    }

    /// An agreement that the payer has signed.
    pub(crate) async fn signed_agreement(&self, body: &Value) -> Value {
        let number = body["OutAgreementId"].clone();
        let page = self.result(SIGN, body).await;
        assert_eq!(page["AgreementStatus"], "SIGNING", "{page}");
        self.phone_signs(&page["SignInfo"], "success").await;
        let query = json!({"OutAgreementId": number});
        self.until(QUERY, &query, "AgreementStatus", "SIGNED").await
    }

    /// Calls, and the power goes off this number of milliseconds later and on again.
    async fn call_and_kill(&mut self, path: &str, body: &Value, after_ms: u64) {
        let bytes = body.to_string();
        let headers = self.signed(path, bytes.as_bytes()).headers();
        let url = format!("{}{path}", self.text("/base_url"));
        let call = self.send(Method::Post, url, headers, bytes.as_bytes());
        let _ = tokio::time::timeout(Duration::from_millis(after_ms), call).await;
        tokio::task::block_in_place(|| {
            self.kill();
            self.restart();
        });
    }

    /// Closes an order; a call that is under way has it to itself.
    async fn close_in_the_end(&mut self, number: &str) {
        for _ in 0..60 {
            let response = self.call(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
            if response["ErrCode"] == "SUCCESS" {
                return;
            }
            assert_eq!(response["ErrCode"], PROCESSING, "{response}");
            self.advance(1).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{number} is not closed");
    }

    /// The signing page. A call of a process that died keeps the agreement until it has certainly ended.
    async fn sign_in_the_end(&mut self, body: &Value) -> Value {
        for _ in 0..10 {
            let response = self.call(SIGN, body).await;
            if response["ErrCode"] == "SUCCESS" {
                return response["Result"].clone();
            }
            assert_eq!(response["ErrCode"], PROCESSING, "{response}");
            self.advance(11).await;
        }
        panic!("{body} is not signed");
    }

    async fn inject(&self, operation: &str, fault: &str, times: u32) {
        let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
        let mut ordered =
            json!({"channel": "alipay", "operation": operation, "fault": fault, "times": times});
        if !code.is_empty() {
            ordered["code"] = json!(code);
        }
        self.control("faults", &ordered).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_signs_is_debited_gets_money_back_and_is_debited_no_more() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_agreement();
    let body = with(&agreement(&number), "NotifyUrl", json!(merchant.notify_url));
    let page = gateway.result(SIGN, &body).await;
    assert_eq!(
        (&page["OutAgreementId"], &page["SignInfoType"]),
        (&json!(number), &json!("JUMPURL"))
    );
    let again = gateway.result(SIGN, &body).await;
    assert_eq!(
        (&again["AgreementId"], &again["SignInfo"]),
        (&page["AgreementId"], &page["SignInfo"])
    );
    let early = debit(&fresh_number(), &number);
    gateway.refused(UNIFIED_ORDER, &early, "AGREEMENT.NOT_SIGNED").await;
    gateway.refused(TERMINATE, &ending(&number), "AGREEMENT.NOT_SIGNED").await;

    gateway.phone_signs(&page["SignInfo"], "success").await;
    let found = gateway.until(QUERY, &named(&number), "AgreementStatus", "SIGNED").await;
    for (member, wanted) in [
        ("AgreementId", page["AgreementId"].clone()),
        ("PayType", json!("AUTHORIZE")),
        ("PayChannel", json!("ALIPAY")),
        ("SignScene", json!("H5")),
        ("AgreementSceneId", json!("club")),
        ("DisplayName", json!("会员张三")),
        ("PayerInfo", json!({"OutUserId": "user-1"})),
    ] {
        assert_eq!(found[member], wanted, "{member}");
    }
    let shown = found["ChannelAgreementId"].as_str().expect("the channel's number");
    assert!(shown.contains("****") && found["SignTime"].is_string(), "{found}");
    let notified = merchant.received().await;
    assert!(notified.is_signed_by(&gateway.text("/wecard/platform_public_key_pem")));
    let notified = notified.json();
    assert_eq!(notified["NotifyType"], "AGREEMENT_SIGN", "{notified}");
    assert_eq!(notified["Result"], with(&found, "ChannelAgreementId", Value::Null));
    gateway.refused(SIGN, &body, "AGREEMENT.RECORD_ALREADY_EXIST").await;

    let by_id = json!({"AgreementId": page["AgreementId"], "EstimatedAmount": 1000});
    assert_eq!(gateway.result(ANNOUNCE, &by_id).await["AgreementStatus"], "SIGNED");
    let sold = fresh_number();
    let paid = gateway.result(UNIFIED_ORDER, &debit(&sold, &number)).await;
    assert_eq!(
        (&paid["OrderStatus"], &paid["PayInfoType"]),
        (&json!("SUCCESS"), &json!("DIRECTPAY"))
    );
    assert!(paid["PayInfo"].is_null(), "{paid}");
    // The payer who confirms in the caller's app needs no less of an agreement.
    let by_alias = with(&debit(&fresh_number(), &number), "PayType", json!("AGREEMENT"));
    let alias = json!({"PayerId": "P1", "BindSerialNo": page["AgreementId"]});
    let by_alias = with(&with(&by_alias, "AgreementInfo", Value::Null), "PayerInfo", alias);
    assert_eq!(gateway.result(UNIFIED_ORDER, &by_alias).await["OrderStatus"], "SUCCESS");
    let refund = json!({
        "OutRefundId": fresh_number(), "OutOrderId": sold, "RefundAmount": 400,
    });
    gateway.result(REFUND, &refund).await;
    gateway.until_status(&sold, "PART_REFUND").await;

    let ended = gateway.result(TERMINATE, &ending(&number)).await;
    assert_eq!(ended["AgreementStatus"], "TERMINATED", "{ended}");
    assert_eq!(
        gateway.result(TERMINATE, &ending(&number)).await,
        ended,
        "a repeat changes nothing"
    );
    let notified = merchant.received().await.json();
    assert_eq!(notified["NotifyType"], "AGREEMENT_TERMINATE", "{notified}");
    let result = &notified["Result"];
    let told = (&result["TerminateMode"], &result["TerminateReason"]);
    assert_eq!(told, (&json!("MERCHANT_API"), &json!("不再需要")), "{notified}");
    let late = debit(&fresh_number(), &number);
    gateway.refused(UNIFIED_ORDER, &late, "AGREEMENT.NOT_SIGNED").await;
    gateway.refused(ANNOUNCE, &by_id, "AGREEMENT.NOT_SIGNED").await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_that_debits_is_in_the_clear_nowhere() {
    let gateway = TestGateway::start_logged();
    let number = fresh_agreement();
    let signed = gateway.signed_agreement(&agreement(&number)).await;
    let masked = signed["ChannelAgreementId"].as_str().expect("the channel's number").to_owned();
    let sold = fresh_number();
    gateway.result(UNIFIED_ORDER, &debit(&sold, &number)).await;
    assert!(!shows(&gateway.story(&sold).await.to_string().into_bytes(), &masked));
    assert!(!shows(&gateway.why(&sold).into_bytes(), &masked));
    for entry in std::fs::read_dir(gateway.data()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let is_of_channel = path.to_string_lossy().contains("sandbox");
        assert!(is_of_channel || !shows(&bytes, &masked), "{}", path.display());
    }
}

/// Whether a number stands in a text that has the length and the ends of one that is masked.
fn shows(bytes: &[u8], masked: &str) -> bool {
    let (first, last) = (&masked.as_bytes()[..4], &masked.as_bytes()[masked.len() - 4..]);
    let runs = bytes.split(|byte| !byte.is_ascii_digit());
    runs.filter(|run| run.len() == masked.len())
        .any(|run| run.starts_with(first) && run.ends_with(last))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_ends_or_pauses_what_was_signed() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_agreement();
    let body = with(&agreement(&number), "NotifyUrl", json!(merchant.notify_url));
    let signed = gateway.signed_agreement(&body).await;
    assert_eq!(merchant.received().await.json()["NotifyType"], "AGREEMENT_SIGN");
    let paid = gateway.result(UNIFIED_ORDER, &debit(&fresh_number(), &number)).await;
    let orders = gateway.channel_orders(&paid["ChannelOrderId"]).await;
    let order_no = orders[0]["out_trade_no"].as_str().expect("a number");
    // Numbers at a channel are a letter for what they are of, the installation, and the id.
    let at_channel =
        format!("Y{}{}", &order_no[1..7], signed["AgreementId"].as_str().expect("an id"));
    let act = |action: &str| json!({"agreement": at_channel, "action": action});
    gateway.control("agreement", &act("pause")).await;
    // Nothing tells of a pause: the channel refuses the debit, and is asked then.
    let failed = gateway.result(UNIFIED_ORDER, &debit(&fresh_number(), &number)).await;
    assert_eq!(failed["OrderStatus"], "PAY_FAIL", "{failed}");
    gateway.until(QUERY, &named(&number), "AgreementStatus", "PAUSED").await;
    let refused = debit(&fresh_number(), &number);
    gateway.refused(UNIFIED_ORDER, &refused, "AGREEMENT.NOT_SIGNED").await;
    gateway.control("agreement", &act("terminate")).await;
    // Right after a signature "not found" proves nothing: it is asked for again.
    let ended = gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "TERMINATED").await;
    assert_eq!(ended["TerminateMode"], "USER", "{ended}");
    assert_eq!(merchant.received().await.json()["NotifyType"], "AGREEMENT_TERMINATE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_nobody_signs_is_invalid_in_the_end() {
    let mut gateway = TestGateway::start();
    let number = fresh_agreement();
    let page = gateway.result(SIGN, &agreement(&number)).await;
    gateway.phone_signs(&page["SignInfo"], "cancel").await;
    gateway.advance(1801).await;
    let found = gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "INVALID").await;
    assert_eq!(found["FailReason"], "not signed in time", "{found}");
    gateway.refused(SIGN, &agreement(&number), "AGREEMENT.RECORD_ALREADY_EXIST").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_input_is_named() {
    let gateway = TestGateway::start();
    let number = fresh_agreement();
    let body = agreement(&number);
    let long = |len: usize| json!("x".repeat(len));
    let rule = |member: &str, value: Value| {
        let rule = json!({
            "PeriodType": "MONTH", "Period": 1, "ExecuteTime": "2030-01-15", "SingleAmount": 100,
        });
        with(&rule, member, value)
    };
    for (member, value, named) in [
        ("ChannelSubMerchantId", Value::Null, "ChannelSubMerchantId: missing"),
        ("ChannelSubMerchantId", json!("CM1"), "ChannelSubMerchantId: unknown merchant"),
        ("OutAgreementId", Value::Null, "OutAgreementId: missing"),
        ("OutAgreementId", json!("AGR_00001"), "OutAgreementId: want digits and letters only"),
        ("OutAgreementId", json!("AGR01"), "OutAgreementId: 5 characters"),
        ("OutAgreementId", long(33), "OutAgreementId: 33 characters"),
        ("PayChannel", Value::Null, "PayChannel: missing"),
        ("PayType", Value::Null, "PayType: missing"),
        ("PayType", json!("H5"), "PayType: want one of AGREEMENT, AUTHORIZE"),
        ("SignScene", Value::Null, "SignScene: missing"),
        ("SignScene", json!("SWIPE"), "SignScene: want one of"),
        ("AgreementSceneId", long(65), "AgreementSceneId: 65 characters"),
        ("DisplayName", json!(""), "DisplayName: 0 characters"),
        ("PayerInfo", Value::Null, "PayerInfo: missing"),
        ("PayerInfo", json!({}), "PayerInfo.OutUserId: missing"),
        ("PayerInfo", json!({"OutUserId": 1}), "PayerInfo.OutUserId: an integer"),
        ("ExternalAgreementData", json!("x"), "ExternalAgreementData: "),
        ("PeriodRule", rule("PeriodType", json!("WEEK")), "PeriodRule.PeriodType: want one of"),
        ("PeriodRule", rule("Period", json!(0)), "PeriodRule.Period: out of range"),
        ("PeriodRule", rule("ExecuteTime", json!("2030-02-30")), "PeriodRule.ExecuteTime: want"),
        ("PeriodRule", rule("SingleAmount", Value::Null), "PeriodRule.SingleAmount: missing"),
        ("PeriodRule", rule("TotalAmount", json!(-1)), "PeriodRule.TotalAmount: out of range"),
        ("ValidityPeriod", json!("30"), "ValidityPeriod: want days or months"),
        ("ValidityPeriod", json!("0d"), "ValidityPeriod: want days or months"),
        ("ValidityPeriod", json!("1年"), "ValidityPeriod: want days or months"),
        ("ExpireTime", json!("2020-01-01 00:00:00"), "ExpireTime: expiry lies in the past"),
        ("ExpireTime", json!("2099-01-01 00:00:00"), "ExpireTime: expiry lies more than 7 days"),
        ("NotifyUrl", json!("ftp://x"), "NotifyUrl: "),
        ("FrontUrl", long(256), "FrontUrl: 256 characters"),
        ("Remark", long(129), "Remark: 129 characters"),
    ] {
        let why = gateway.refused(SIGN, &with(&body, member, value.clone()), BAD).await;
        assert!(why.starts_with(named), "{member} {value}: {why}");
    }
    for channel in ["WXPAY", "UNIONPAY", "WALLETPAY"] {
        let body = with(&body, "PayChannel", json!(channel));
        gateway.refused(SIGN, &body, "NO_MERCHANT_SECRET").await;
    }
    gateway.refused(QUERY, &named(&number), "AGREEMENT.NOT_EXIST").await;
    gateway.refused(QUERY, &json!({}), BAD).await;
    gateway.refused(QUERY, &json!({"AgreementId": "x"}), BAD).await;
    gateway.refused(TERMINATE, &named(&number), BAD).await;
    gateway.refused(TERMINATE, &ending(&number), "AGREEMENT.NOT_EXIST").await;
    let signed = gateway.signed_agreement(&with(&body, "PayType", json!("AGREEMENT"))).await;
    let other = gateway.result(SIGN, &agreement(&fresh_agreement())).await;
    let both = json!({"OutAgreementId": number, "AgreementId": other["AgreementId"]});
    gateway.refused(QUERY, &both, BAD).await;
    let both = json!({"OutAgreementId": number, "AgreementId": signed["AgreementId"]});
    gateway.result(QUERY, &both).await;

    let good = debit(&fresh_number(), &number);
    for (member, value, code, named) in [
        ("AgreementInfo", Value::Null, BAD_ORDER, "AgreementInfo: missing"),
        ("AgreementInfo", json!({"OutAgreementId": "AGR99999"}), "AGREEMENT.NOT_EXIST", ""),
        (
            "AgreementInfo",
            json!({"AgreementId": signed["AgreementId"], "SmsCode": "1"}),
            BAD_ORDER,
            "AgreementInfo.SmsCode: no channel here takes one",
        ),
        ("AgreementSignInfo", agreement(&number), BAD_ORDER, "AgreementSignInfo: "),
        ("PayType", json!("AUTHORIZE"), BAD_ORDER, "PayType: "),
        ("PayType", json!("H5"), BAD_ORDER, "AgreementInfo: only with PayType"),
        ("PayChannel", json!("WXPAY"), "NO_MERCHANT_SECRET", ""),
    ] {
        let body = with(&good, member, value);
        let why = gateway.refused(UNIFIED_ORDER, &body, code).await;
        assert!(why.starts_with(named), "{member}: {why}");
    }
    let good = with(&good, "PayType", json!("AGREEMENT"));
    assert_eq!(gateway.result(UNIFIED_ORDER, &good).await["OrderStatus"], "SUCCESS");
}

/// Debits by period: an amount and a time that the payer agreed to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_by_period_is_within_its_amount_and_once_in_its_time() {
    let gateway = TestGateway::start();
    let number = fresh_agreement();
    let day = shanghai(gateway.now() + 24 * 3600);
    let rule = json!({
        "PeriodType": "DAY", "Period": 30, "ExecuteTime": &day[..10], "SingleAmount": 1000,
    });
    let body = with(&agreement(&number), "AgreementSceneId", json!("rent"));
    let body = with(&body, "PeriodRule", rule.clone());
    let signed = gateway.signed_agreement(&body).await;
    assert_eq!(signed["PeriodRule"], rule, "{signed}");
    let sold = debit(&fresh_number(), &number);
    let more = with(&sold, "TotalAmount", json!(1001));
    gateway.refused(UNIFIED_ORDER, &more, "AGREEMENT.AMOUNT_EXCEED").await;
    assert_eq!(gateway.result(UNIFIED_ORDER, &sold).await["OrderStatus"], "SUCCESS");
    let again = gateway.result(UNIFIED_ORDER, &debit(&fresh_number(), &number)).await;
    assert_eq!(again["OrderStatus"], "PAY_FAIL", "the channel has the last word: {again}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_debits_once() {
    let mut gateway = TestGateway::start();
    let number = fresh_agreement();
    gateway.signed_agreement(&agreement(&number)).await;
    // The order itself asks.
    gateway.inject("notify", "lose_request", 1000).await;
    for fault in ["lose_answer", "lose_request", "bad_signature", "error:ACQ.SYSTEM_ERROR"] {
        gateway.inject("create", fault, 1).await;
        let sold = fresh_number();
        let body = debit(&sold, &number);
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{fault}: {placed}");
        assert_eq!(placed["PayInfoType"], "DIRECTPAY", "{fault}: {placed}");
        let waiting = debit(&fresh_number(), &number);
        gateway.refused(UNIFIED_ORDER, &waiting, PROCESSING).await;
        let story = until_final(&mut gateway, &sold).await;
        assert!(agrees(&gateway, &story, fault).await, "{fault}: {story:#}");
        gateway.refused(UNIFIED_ORDER, &body, "ORDER.ORDER_RECORD_ALREADY_EXIST").await;
    }
    gateway.check_books();
}

/// The caller's own repeat finds out what became of a debit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_of_the_caller_finds_the_debit() {
    let gateway = TestGateway::start();
    let number = fresh_agreement();
    gateway.signed_agreement(&agreement(&number)).await;
    gateway.inject("notify", "lose_request", 1000).await;
    for fault in ["lose_answer", "lose_request"] {
        gateway.inject("create", fault, 1).await;
        let body = debit(&fresh_number(), &number);
        assert_eq!(gateway.result(UNIFIED_ORDER, &body).await["OrderStatus"], "PAYING");
        let paid = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(paid["OrderStatus"], "SUCCESS", "{fault}: {paid}");
        assert_eq!(gateway.channel_orders(&paid["ChannelOrderId"]).await.len(), 1);
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_that_waits_is_cancelled_by_its_close_and_at_its_expiry() {
    let mut gateway = TestGateway::start();
    let number = fresh_agreement();
    gateway.signed_agreement(&agreement(&number)).await;
    for is_asked in [true, false] {
        gateway.inject("create", "error:10003", 1).await;
        let sold = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &debit(&sold, &number)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{placed}");
        gateway.refused(UNIFIED_ORDER, &debit(&fresh_number(), &number), PROCESSING).await;
        let (seconds, status) = if is_asked { (20, "CLOSED") } else { (1801, "PAY_FAIL") };
        gateway.advance(seconds).await;
        if is_asked {
            gateway.close_in_the_end(&sold).await;
        }
        let story = until_final(&mut gateway, &sold).await;
        assert!(!agrees(&gateway, &story, status).await);
        let query = json!({"OutOrderId": sold});
        assert_eq!(gateway.result(QUERY_ORDER, &query).await["OrderStatus"], status);
    }
    let free = gateway.result(UNIFIED_ORDER, &debit(&fresh_number(), &number)).await;
    assert_eq!(free["OrderStatus"], "SUCCESS", "the next debit may come: {free}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_which_nothing_is_heard_is_asked_for_again() {
    let mut gateway = TestGateway::start();
    for fault in ["lose_answer", "lose_request"] {
        let number = fresh_agreement();
        gateway.signed_agreement(&agreement(&number)).await;
        gateway.inject("terminate_agreement", fault, 1).await;
        let ended = gateway.result(TERMINATE, &ending(&number)).await;
        assert_eq!(ended["AgreementStatus"], "TERMINATING", "{fault}: {ended}");
        let refused = debit(&fresh_number(), &number);
        gateway.refused(UNIFIED_ORDER, &refused, "AGREEMENT.NOT_SIGNED").await;
        gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "TERMINATED").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_is_found_without_its_callback_and_without_an_answer() {
    let mut gateway = TestGateway::start();
    gateway.inject("notify", "lose_request", 1000).await;
    gateway.inject("query_agreement", "lose_answer", 1).await;
    let number = fresh_agreement();
    let page = gateway.result(SIGN, &agreement(&number)).await;
    gateway.phone_signs(&page["SignInfo"], "success").await;
    gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "SIGNED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_off_while_agreements_are_signed_used_and_ended() {
    let mut gateway = TestGateway::start();
    for after_ms in [0, 3, 8, 20, 60] {
        let number = fresh_agreement();
        gateway.call_and_kill(SIGN, &agreement(&number), after_ms).await;
        let page = gateway.sign_in_the_end(&agreement(&number)).await;
        gateway.phone_signs(&page["SignInfo"], "success").await;
        gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "SIGNED").await;
        let sold = fresh_number();
        let body = debit(&sold, &number);
        gateway.call_and_kill(UNIFIED_ORDER, &body, after_ms).await;
        let response = gateway.call(UNIFIED_ORDER, &body).await;
        let code = response["ErrCode"].as_str().expect("a code").to_owned();
        let known = ["SUCCESS", PROCESSING, "ORDER.ORDER_RECORD_ALREADY_EXIST"];
        assert!(known.contains(&code.as_str()), "{response}");
        let story = until_final(&mut gateway, &sold).await;
        assert!(agrees(&gateway, &story, &format!("{after_ms} ms")).await);
        let ended = gateway.call_through_a_kill(TERMINATE, &ending(&number), after_ms).await;
        let states = ["TERMINATING", "TERMINATED"];
        assert!(states.contains(&ended["AgreementStatus"].as_str().expect("a state")), "{ended}");
        gateway.pass_until(QUERY, &named(&number), "AgreementStatus", "TERMINATED").await;
    }
    gateway.check_books();
}
