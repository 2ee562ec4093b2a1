//! Wire requests to commands, orders to results.

use super::{NOW, SAMPLE, caller, order, paid, paying};
use crate::faults::{ErrCode, Fault};
use crate::json::read_object;
use crate::wire::UnifiedOrder;
use crate::{map, time};
use channel::{PayForm, Payer, Scene};
use kernel::command::Field;
use kernel::{ChannelAnswer, Closure, OrderState, PlaceOrder, Refusal};
use ledger::{Currency, Fen, Timestamp};
use serde::Serialize;

const DETAILS: &str = concat!(
    r#"{"Attachment":"原路返回string","Remark":"备注","FundAllocateList":["#,
    r#"{"ChannelSubMerchantId":"CM-B","AllocateAmount":200,"AllocatePeriod":"D0"},"#,
    r#"{"ChannelSubMerchantId":"CM-C","AllocateAmount":100,"AllocatePeriod":"D0","Freeze":true}],"#,
    r#""SceneInfo":{"DeviceType":"04","Longitude":"+121.48352","latitude":"+23.561345"}}"#,
);

fn request(body: &str) -> PlaceOrder {
    let body = read_object(body.as_bytes()).expect("JSON");
    let order = UnifiedOrder::read(&body).expect("a good request");
    map::place(&caller(), &order).expect("a request")
}

fn json<T: Serialize>(result: Result<T, Fault>) -> String {
    match result {
        Ok(result) => serde_json::to_string(&result).expect("JSON"),
        Err(fault) => format!("{}: {}", fault.code.name(), fault.text),
    }
}

fn placed(state: OrderState, answer: Option<ChannelAnswer>) -> String {
    json(map::placed(&order(SAMPLE, state), answer.as_ref(), NOW))
}

fn failed() -> OrderState {
    OrderState::Failed { at: NOW, reason: "PARAM_ERROR: 参数错误".to_owned() }
}

#[test]
fn the_published_sample_becomes_a_request() {
    let request = request(SAMPLE);
    assert_eq!(request.tenant.as_str(), "123456");
    assert_eq!(request.merchant.as_str(), "CM6756531983210274560");
    assert_eq!(request.merchant_order_no, "demo202211200001");
    assert_eq!(&*request.dialect, "wecard");
    assert_eq!((request.amount, request.currency), (Fen::new(1000), Currency::Cny));
    assert_eq!((request.scene, &*request.channel), (Scene::MiniProgram, "wxpay"));
    assert_eq!(request.subject, "杂粮煎饼");
    let text = |text: &str| Some(text.to_owned());
    let payer = Payer {
        app_id: text("wx43f1t4567721a03e"),
        user_id: text("oXLUp5OHJof5768CoFFDuuaRn8kc"),
        client_ip: text("14.15.16.17"),
        device_id: text("00000001"),
    };
    assert_eq!(request.payer, payer);
    assert_eq!(request.notify_url.as_deref(), Some("https://business.com/pay/notify"));
    assert_eq!((request.goods_tag, request.front_url, request.expires_at), (None, None, None));
    assert_eq!(request.details, DETAILS);
}

#[test]
fn pay_codes_and_proofs_are_not_kept() {
    let mut body: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
    body["PayType"] = "SWIPE".into();
    let external = r#"{"AuthCode":"134567890123456789","Extra":{"kept":true}}"#;
    body["ExternalPaymentData"] = external.into();
    body["WalletInfo"] = serde_json::json!({"WalletId": "WA1", "VerifyToken": "proof"});
    body["PayerInfo"] = serde_json::json!({"PayerId": "P1", "Level": 1.5});
    let request = request(&body.to_string());
    assert!(!format!("{request:?}").contains("134567890123456789"));
    assert!(!format!("{request:?}").contains("proof"));
    for kept in [
        r#""ExternalPaymentData":{"Extra":{"kept":true}}"#,
        r#""WalletInfo":{"WalletId":"WA1"}"#,
        r#""Level":1.5"#,
    ] {
        assert!(request.details.contains(kept), "{}", request.details);
    }
}

#[test]
fn a_placed_order_shows_how_to_pay() {
    let published: serde_json::Value =
        serde_json::from_str(include_str!("../../golden/seed_response.json")).expect("JSON");
    let result = &published["Response"]["Result"];
    let pay_info = result["PayInfo"].as_str().expect("serialized JSON");
    let shown = placed(paying(PayForm::Jsapi, pay_info), None);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    for (name, value) in result.as_object().expect("an object") {
        match &**name {
            // The sample's own numbers; the channel's number is known once it is paid.
            "OutOrderId" => assert_eq!(shown[name], "demo202211200001"),
            "ThirdPayOrderId" => assert!(shown.get(name).is_none()),
            _ => assert_eq!(shown[name], *value, "{name}"),
        }
    }
    assert_eq!(shown["PayChannel"], "WXPAY");
}

#[test]
fn a_placed_order_shows_where_it_stands() {
    let start = r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","#;
    let paying_url = placed(paying(PayForm::QrCode, "weixin://wxpay/x"), None);
    let rest = r#""TotalAmount":"1000","OrderStatus":"PAYING","PayInfoType":"QRCODE","PayInfo":"weixin://wxpay/x","PayChannel":"WXPAY"}"#;
    assert_eq!(paying_url, format!("{start}{rest}"));
    let rest = r#""TotalAmount":"1000","OrderStatus":"PAYING","PayInfoType":"DIRECTPAY","PayChannel":"WXPAY"}"#;
    assert_eq!(placed(paying(PayForm::Direct, ""), None), format!("{start}{rest}"));
    let rest = r#""ThirdPayOrderId":"4200001234202410230000000001","TotalAmount":"1000","OrderStatus":"SUCCESS","PayInfoType":"DIRECTPAY","PayChannel":"WXPAY"}"#;
    assert_eq!(placed(paid(), None), format!("{start}{rest}"));
    let rest = r#""TotalAmount":"1000","OrderStatus":"PAY_FAIL","PayChannel":"WXPAY","FailReason":"PARAM_ERROR: 参数错误"}"#;
    assert_eq!(placed(failed(), None), format!("{start}{rest}"));
}

#[test]
fn an_order_whose_placing_is_not_known_shows_no_status() {
    let later = ChannelAnswer::Later { code: "SYSTEM_ERROR".into(), text: "系统异常".into() };
    let answer = placed(OrderState::Init, Some(later.clone()));
    assert_eq!(answer, "ChannelOperationError: SYSTEM_ERROR: 系统异常");
    for answer in [None, Some(ChannelAnswer::Unknown)] {
        let shown = placed(OrderState::Init, answer);
        assert!(shown.starts_with("FailedOperation.SystemError: "), "{shown}");
        assert!(shown.contains("same OutOrderId"), "{shown}");
    }
    // Pay information that has run out and was not renewed is not handed out.
    let stale = order(SAMPLE, paying(PayForm::QrCode, "weixin://wxpay/x"));
    let shown = json(map::placed(&stale, Some(&later), NOW.plus_seconds(7200)));
    assert!(shown.starts_with("ChannelOperationError"), "{shown}");
    let shown = placed(OrderState::Closing(Closure::Asked), None);
    assert!(shown.starts_with("ORDER.OPERATE_IS_PROCESSING"), "{shown}");
}

#[test]
fn a_query_shows_all_of_the_order() {
    let start = concat!(
        r#"{"ChannelSubMerchantId":"CM6756531983210274560","OutOrderId":"demo202211200001","#,
        r#""ChannelOrderId":"679735736991281152","#,
    );
    let terms = r#""Currency":"CNY","PayType":"MINI_PROGRAM","PayChannel":"WXPAY","#;
    let lists = concat!(
        r#","FundAllocateList":[{"ChannelSubMerchantId":"CM-B","AllocateAmount":200,"#,
        r#""AllocatePeriod":"D0","AllocateStatus":"INIT"},{"ChannelSubMerchantId":"CM-C","#,
        r#""AllocateAmount":100,"AllocatePeriod":"D0","Freeze":true,"AllocateStatus":"INIT"}]}"#,
    );
    for (state, shown) in [
        (OrderState::Init, r#""OrderStatus":"INIT""#),
        (
            paying(PayForm::JumpUrl, "https://wx.example"),
            r#""OrderStatus":"PAYING","PayInfoType":"JUMPURL","PayInfo":"https://wx.example""#,
        ),
        (OrderState::Closing(Closure::Expired), r#""OrderStatus":"PAYING""#),
        (OrderState::Closed { at: NOW }, r#""OrderStatus":"CLOSED""#),
        (failed(), r#""OrderStatus":"PAY_FAIL","FailReason":"PARAM_ERROR: 参数错误""#),
    ] {
        let want = format!(r#"{start}"TotalAmount":"1000",{terms}{shown}{lists}"#);
        assert_eq!(json(map::queried(&order(SAMPLE, state), NOW)), want);
    }
    let third = r#""ThirdPayOrderId":"4200001234202410230000000001","#;
    let amounts = r#""TotalAmount":"1000","PayAmount":"990","#;
    let shown = r#""OrderStatus":"SUCCESS","Attachment":"原路返回string","TimeFinish":"2024-10-23 19:37:04""#;
    let want = format!("{start}{third}{amounts}{terms}{shown}{lists}");
    assert_eq!(json(map::queried(&order(SAMPLE, paid()), NOW)), want);
}

#[test]
fn products_and_shares_return_as_they_came() {
    let mut body: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
    body["FundAllocateList"] = serde_json::Value::Null;
    let shares = serde_json::json!([{"PayeeId": "PE1", "ProfitAmount": 3}]);
    body["ProfitShareInfoList"] = shares;
    let products = r#"[{"Sku":"1","Weight":1.5,"名":null}]"#;
    let body = body.to_string().replacen('{', &format!("{{\"ProductList\":{products},"), 1);
    let shown = json(map::queried(&order(&body, paid()), NOW));
    assert!(shown.contains(&format!(r#""ProductList":{products}"#)), "{shown}");
    let share = r#"[{"PayeeId":"PE1","ProfitType":"AMOUNT","ProfitAmount":3,"ProfitStatus":"INIT","RealProfitAmount":0}]"#;
    assert!(shown.contains(&format!(r#""ProfitShareInfoList":{share}"#)), "{shown}");
    assert!(!shown.contains("FundAllocateList"), "{shown}");
}

#[test]
fn an_order_of_another_dialect_is_shown_without_details() {
    let mut foreign = order(SAMPLE, paid());
    let mut terms = (*foreign.terms).clone();
    terms.dialect = "other".into();
    terms.details = "not json".to_owned();
    foreign.terms = terms.into();
    let shown = json(map::queried(&foreign, NOW));
    assert!(shown.contains(r#""OrderStatus":"SUCCESS""#) && !shown.contains("Attachment"));
}

#[test]
fn closing_shows_how_it_ended() {
    let closed = |state| json(map::closed(&order(SAMPLE, state), None, NOW));
    let ids = r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","#;
    let want = format!(r#"{ids}"OrderStatus":"CLOSED"}}"#);
    assert_eq!(closed(OrderState::Closed { at: NOW }), want);
    assert_eq!(closed(failed()), format!(r#"{ids}"OrderStatus":"PAY_FAIL"}}"#));
    assert!(closed(paid()).starts_with("ORDER.ORDER_STATUS_ERROR"));
    let closing = closed(OrderState::Closing(Closure::Asked));
    assert!(closing.starts_with("FailedOperation.SystemError"), "{closing}");
    let closing = |answer| {
        json(map::closed(&order(SAMPLE, OrderState::Closing(Closure::Asked)), Some(&answer), NOW))
    };
    let later =
        ChannelAnswer::Later { code: "FREQUENCY_LIMITED".into(), text: "频率超限".into() };
    assert_eq!(closing(later), "ChannelOperationError: FREQUENCY_LIMITED: 频率超限");
    assert!(closing(ChannelAnswer::Unknown).starts_with("FailedOperation.SystemError"));
}

#[test]
fn a_query_shows_only_pay_information_that_works() {
    // It works for two hours, the order lives half an hour.
    for (seconds, valid, shown) in
        [(0, 7200, true), (1799, 7200, true), (1800, 7200, false), (59, 60, true), (60, 60, false)]
    {
        let mut state = paying(PayForm::QrCode, "weixin://wxpay/x");
        if let OrderState::Paying(pay_info) = &mut state {
            pay_info.valid_until = NOW.plus_seconds(valid);
        }
        let text = json(map::queried(&order(SAMPLE, state), NOW.plus_seconds(seconds)));
        assert!(text.contains(r#""OrderStatus":"PAYING""#), "{text}");
        for member in ["PayInfo", "PayInfoType"] {
            assert_eq!(text.contains(&format!("\"{member}\"")), shown, "{seconds} {valid}: {text}");
        }
    }
}

#[test]
fn refusals_have_their_codes_and_name_the_field() {
    for (refusal, want) in [
        (Refusal::UnknownMerchant, "ORDER.INVALID_PARAMETER: ChannelSubMerchantId: "),
        (Refusal::NoRoute, "NO_MERCHANT_SECRET: "),
        (Refusal::Amount, "ORDER.INVALID_PARAMETER: TotalAmount: "),
        (Refusal::Expiry, "ORDER.INVALID_PARAMETER: ExpireTime: "),
        (Refusal::OrderNotFound, "ORDER.ORDER_NOT_EXIST: "),
        (Refusal::OrderFinal, "ORDER.ORDER_RECORD_ALREADY_EXIST: "),
        (
            Refusal::Differs { field: Field::Merchant },
            "ORDER.INVALID_PARAMETER: ChannelSubMerchantId: ",
        ),
        (Refusal::Differs { field: Field::Amount }, "ORDER.INVALID_PARAMETER: TotalAmount: "),
        (Refusal::Differs { field: Field::Currency }, "ORDER.INVALID_PARAMETER: Currency: "),
        (Refusal::Differs { field: Field::Scene }, "ORDER.INVALID_PARAMETER: PayType: "),
        (Refusal::Differs { field: Field::Channel }, "ORDER.INVALID_PARAMETER: PayChannel: "),
        (Refusal::CallInFlight, "ORDER.OPERATE_IS_PROCESSING: "),
        (Refusal::State { state: "paid" }, "ORDER.ORDER_STATUS_ERROR: the order is paid"),
    ] {
        let shown = json::<()>(Err(Fault::from(refusal)));
        assert!(shown.starts_with(want), "{shown}");
    }
    let store = store::StoreFault::Failed("password=hunter2".to_owned());
    let fault = Fault::from(engine::Failure::Store(store));
    assert_eq!(fault.code, ErrCode::SystemError);
    assert!(!fault.text.contains("hunter2"));
}

#[test]
fn time_is_shanghais() {
    let at = Timestamp::from_seconds(1_709_222_399);
    assert_eq!(time::write(at), "2024-02-29 23:59:59");
    assert_eq!(time::read("2024-02-29 23:59:59"), Some(at));
    assert_eq!(time::utc_date(at.plus_seconds(1)), "2024-02-29");
    assert_eq!(time::shanghai_date(at.plus_seconds(1)), "2024-03-01");
}
