//! Requests to commands, orders to results.

use super::{NOW, SAMPLE, caller, order, paid, paying};
use crate::faults::{ErrCode, Fault};
use crate::json::read_object;
use crate::wire::UnifiedOrder;
use crate::{map, time};
use channel::{PayForm, Payer, Scene, TextField};
use insta::assert_snapshot;
use kernel::{
    ChannelAnswer, Closure, DirectoryRefusal, MerchantId, NotificationRefusal, OrderField,
    OrderRefusal, OrderState, PlaceOrder, RefundRefusal, Refusal,
};
use ledger::{Currency, Fen, Timestamp};
use serde::Serialize;

const DETAILS: &str = concat!(
    r#"{"Attachment":"原路返回string","Remark":"备注","#,
    r#""SceneInfo":{"DeviceType":"04","Longitude":"+121.48352","latitude":"+23.561345"}}"#,
);

fn command(body: &str) -> PlaceOrder {
    let body = read_object(body.as_bytes()).expect("JSON");
    let order = UnifiedOrder::read(&body).expect("a good request");
    map::place(&caller(), &order).expect("a command")
}

fn json<T: Serialize>(result: Result<T, Fault>) -> String {
    match result {
        Ok(result) => serde_json::to_string(&result).expect("JSON"),
        Err(fault) => format!("{}: {}", fault.code.name(), fault.text),
    }
}

fn pretty<T: Serialize>(result: Result<T, Fault>) -> String {
    result.map_or_else(
        |fault| json::<()>(Err(fault)),
        |result| serde_json::to_string_pretty(&result).expect("JSON"),
    )
}

fn placed(state: OrderState, answer: Option<ChannelAnswer>) -> String {
    json(map::placed(&order(SAMPLE, state), answer.as_ref(), NOW))
}

fn failed() -> OrderState {
    OrderState::Failed { at: NOW, reason: "PARAM_ERROR: 参数错误".to_owned() }
}

#[test]
fn the_published_sample_becomes_a_command() {
    let place = command(SAMPLE);
    let request = &place.request;
    assert_eq!(place.tenant.as_str(), "123456");
    assert_eq!(request.merchant.as_str(), "CM6756531983210274560");
    assert_eq!(request.merchant_order_no, "demo202211200001");
    assert_eq!((&*request.dialect, &*request.namespace), ("wecard", "wecard"));
    assert_eq!((request.amount, request.currency), (Fen::new(1000), Currency::Cny));
    assert_eq!((request.scene, &*place.channel), (Scene::MiniProgram, "wxpay"));
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
    assert_eq!((&request.goods_tag, &request.front_url, place.expires_at), (&None, &None, None));
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
    let place = command(&body.to_string());
    assert!(!format!("{place:?}").contains("134567890123456789"));
    assert!(!format!("{place:?}").contains("proof"));
    for kept in [
        r#""ExternalPaymentData":{"Extra":{"kept":true}}"#,
        r#""WalletInfo":{"WalletId":"WA1"}"#,
        r#""Level":1.5"#,
    ] {
        assert!(place.request.details.contains(kept), "{}", place.request.details);
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
    let qr_code = paying(PayForm::QrCode, "weixin://wxpay/x");
    assert_snapshot!(placed(qr_code, None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","TotalAmount":"1000","OrderStatus":"PAYING","PayInfoType":"QRCODE","PayInfo":"weixin://wxpay/x","PayChannel":"WXPAY"}"#);
    assert_snapshot!(placed(paying(PayForm::Direct, ""), None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","TotalAmount":"1000","OrderStatus":"PAYING","PayInfoType":"DIRECTPAY","PayChannel":"WXPAY"}"#);
    assert_snapshot!(placed(paid(), None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","ThirdPayOrderId":"4200001234202410230000000001","TotalAmount":"1000","OrderStatus":"SUCCESS","PayInfoType":"DIRECTPAY","PayChannel":"WXPAY"}"#);
    assert_snapshot!(placed(failed(), None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","TotalAmount":"1000","OrderStatus":"PAY_FAIL","PayChannel":"WXPAY","FailReason":"PARAM_ERROR: 参数错误"}"#);
}

#[test]
fn an_order_whose_placing_is_not_known_shows_no_status() {
    let later = ChannelAnswer::Later { code: "SYSTEM_ERROR".into(), text: "系统异常".into() };
    let shown = placed(OrderState::Init, Some(later.clone()));
    assert_eq!(shown, "ChannelOperationError: SYSTEM_ERROR: 系统异常");
    for answer in [None, Some(ChannelAnswer::Unknown)] {
        let shown = placed(OrderState::Init, answer);
        assert!(shown.starts_with("FailedOperation.SystemError: "), "{shown}");
        assert!(shown.contains("not known yet, retry"), "{shown}");
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
    let queried = |state| pretty(map::queried(&order(SAMPLE, state), &[], None, NOW));
    assert_snapshot!(queried(OrderState::Init), @r#"
    {
      "ChannelSubMerchantId": "CM6756531983210274560",
      "OutOrderId": "demo202211200001",
      "ChannelOrderId": "679735736991281152",
      "TotalAmount": "1000",
      "Currency": "CNY",
      "PayType": "MINI_PROGRAM",
      "PayChannel": "WXPAY",
      "OrderStatus": "INIT",
      "FundAllocateList": [
        {
          "ChannelSubMerchantId": "CM-B",
          "AllocateAmount": 200,
          "AllocatePeriod": "D0",
          "Freeze": false,
          "AllocateStatus": "INIT"
        },
        {
          "ChannelSubMerchantId": "CM-C",
          "AllocateAmount": 100,
          "AllocatePeriod": "D0",
          "Freeze": true,
          "AllocateStatus": "INIT"
        }
      ]
    }
    "#);
    assert_snapshot!(queried(paying(PayForm::JumpUrl, "https://wx.example")), @r#"
    {
      "ChannelSubMerchantId": "CM6756531983210274560",
      "OutOrderId": "demo202211200001",
      "ChannelOrderId": "679735736991281152",
      "TotalAmount": "1000",
      "Currency": "CNY",
      "PayType": "MINI_PROGRAM",
      "PayChannel": "WXPAY",
      "OrderStatus": "PAYING",
      "PayInfoType": "JUMPURL",
      "PayInfo": "https://wx.example",
      "FundAllocateList": [
        {
          "ChannelSubMerchantId": "CM-B",
          "AllocateAmount": 200,
          "AllocatePeriod": "D0",
          "Freeze": false,
          "AllocateStatus": "INIT"
        },
        {
          "ChannelSubMerchantId": "CM-C",
          "AllocateAmount": 100,
          "AllocatePeriod": "D0",
          "Freeze": true,
          "AllocateStatus": "INIT"
        }
      ]
    }
    "#);
    assert_snapshot!(queried(paid()), @r#"
    {
      "ChannelSubMerchantId": "CM6756531983210274560",
      "OutOrderId": "demo202211200001",
      "ChannelOrderId": "679735736991281152",
      "ThirdPayOrderId": "4200001234202410230000000001",
      "TotalAmount": "1000",
      "PayAmount": "990",
      "Currency": "CNY",
      "PayType": "MINI_PROGRAM",
      "PayChannel": "WXPAY",
      "OrderStatus": "SUCCESS",
      "Attachment": "原路返回string",
      "TimeFinish": "2024-10-23 19:37:04",
      "FundAllocateList": [
        {
          "ChannelSubMerchantId": "CM-B",
          "AllocateAmount": 200,
          "AllocatePeriod": "D0",
          "Freeze": false,
          "AllocateStatus": "INIT"
        },
        {
          "ChannelSubMerchantId": "CM-C",
          "AllocateAmount": 100,
          "AllocatePeriod": "D0",
          "Freeze": true,
          "AllocateStatus": "INIT"
        }
      ]
    }
    "#);
}

#[test]
fn a_query_shows_each_state_in_the_apis_words() {
    let status = |state| {
        let order = order(SAMPLE, state);
        let queried = map::queried(&order, &[], None, NOW).ok();
        queried.map(|queried| (queried.order_status, queried.fail_reason.map(str::to_owned)))
    };
    let plain = |status| Some((status, None));
    assert_eq!(status(OrderState::Closing(Closure::Expired)), plain("PAYING"));
    assert_eq!(status(OrderState::Closed { at: NOW }), plain("CLOSED"));
    let reason = "PARAM_ERROR: 参数错误".to_owned();
    assert_eq!(status(failed()), Some(("PAY_FAIL", Some(reason))));
}

#[test]
fn products_and_shares_return_as_they_came() {
    let mut body: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
    body["FundAllocateList"] = serde_json::Value::Null;
    let payee = "PE000000000000000007";
    let shares = serde_json::json!([{"PayeeId": payee, "ProfitAmount": 3}]);
    body["ProfitShareInfoList"] = shares;
    let numbers = "0.10,1e400,-0,-0.0,18446744073709551616,3.14159265358979323846,1E+2";
    let products = &format!(r#"[{{"Sku":"1","Weight":1.50,"名":null,"Numbers":[{numbers}]}}]"#);
    let body = body.to_string().replacen('{', &format!("{{\"ProductList\":{products},"), 1);
    let shown = json(map::queried(&order(&body, paid()), &[], None, NOW));
    assert!(shown.contains(&format!(r#""ProductList":{products}"#)), "{shown}");
    let share = r#"[{"PayeeId":"PE000000000000000007","ProfitType":"AMOUNT","ProfitAmount":3,"ProfitStatus":"INIT","RealProfitAmount":0}]"#;
    assert!(shown.contains(&format!(r#""ProfitShareInfoList":{share}"#)), "{shown}");
    assert!(!shown.contains("FundAllocateList"), "{shown}");
}

#[test]
fn what_an_order_keeps_has_a_limit() {
    let with_note = |len: usize| {
        let mut body: serde_json::Value = serde_json::from_str(SAMPLE).expect("JSON");
        body["Attachment"] = "a".repeat(128).into();
        body["ProductList"] = serde_json::json!([{"Note": "b".repeat(len)}]);
        let body = body.to_string();
        let body = read_object(body.as_bytes()).expect("JSON");
        let request = UnifiedOrder::read(&body).expect("well formed");
        map::place(&caller(), &request).map(|place| place.request.details.len())
    };
    let small = with_note(0).expect("kept");
    let room = 16 * 1024 - small;
    assert_eq!(with_note(room), Ok(16 * 1024));
    let fault = with_note(room + 1).expect_err("too long");
    assert_eq!(fault.code, ErrCode::InvalidParameter);
    assert!(fault.text.starts_with("ProductList: too long"), "{}", fault.text);
}

#[test]
fn an_order_of_another_dialect_is_shown_without_details() {
    let mut foreign = order(SAMPLE, paid());
    let mut terms = (*foreign.terms).clone();
    let mut request = (*terms.request).clone();
    request.dialect = "other".into();
    request.details = "not json".to_owned();
    terms.request = request.into();
    foreign.terms = terms.into();
    let shown = json(map::queried(&foreign, &[], None, NOW));
    assert!(shown.contains(r#""OrderStatus":"SUCCESS""#) && !shown.contains("Attachment"));
}

#[test]
fn closing_shows_how_it_ended() {
    let closed = |state, answer: Option<ChannelAnswer>| {
        json(map::closed(&order(SAMPLE, state), answer.as_ref(), NOW))
    };
    assert_snapshot!(closed(OrderState::Closed { at: NOW }, None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","OrderStatus":"CLOSED"}"#);
    assert_snapshot!(closed(failed(), None), @r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152","OrderStatus":"PAY_FAIL"}"#);
    assert_snapshot!(closed(paid(), None), @"ORDER.ORDER_STATUS_ERROR: the order is paid");
    let closing = || OrderState::Closing(Closure::Asked);
    let later =
        ChannelAnswer::Later { code: "FREQUENCY_LIMITED".into(), text: "频率超限".into() };
    assert_snapshot!(closed(closing(), Some(later)), @"ChannelOperationError: FREQUENCY_LIMITED: 频率超限");
    for answer in [None, Some(ChannelAnswer::Unknown)] {
        assert_eq!(closed(closing(), answer), json::<()>(Err(Fault::unknown())));
    }
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
        let text = json(map::queried(&order(SAMPLE, state), &[], None, NOW.plus_seconds(seconds)));
        assert!(text.contains(r#""OrderStatus":"PAYING""#), "{text}");
        for member in ["PayInfo", "PayInfoType"] {
            assert_eq!(text.contains(&format!("\"{member}\"")), shown, "{seconds} {valid}: {text}");
        }
    }
}

#[test]
fn refusals_have_their_codes_and_name_the_field() {
    let differs = |field| OrderRefusal::Differs { field }.into();
    let text = |field| OrderRefusal::Text { field, why: "33 bytes".to_owned() }.into();
    let noun = "merchant";
    let refusals: [Refusal; 32] = [
        OrderRefusal::UnknownMerchant.into(),
        OrderRefusal::NotFound.into(),
        OrderRefusal::Final.into(),
        differs(OrderField::Merchant),
        differs(OrderField::Amount),
        differs(OrderField::Currency),
        differs(OrderField::Scene),
        differs(OrderField::Channel),
        OrderRefusal::State { state: "paid" }.into(),
        OrderRefusal::CallInFlight.into(),
        OrderRefusal::MerchantDisabled.into(),
        OrderRefusal::NoRoute { has_channel: false }.into(),
        OrderRefusal::NoRoute { has_channel: true }.into(),
        OrderRefusal::Amount.into(),
        OrderRefusal::Expiry.into(),
        OrderRefusal::ExpiryTooFar { days_max: 90 }.into(),
        text(TextField::Subject),
        text(TextField::GoodsTag),
        RefundRefusal::OtherOrder.into(),
        RefundRefusal::OtherAmount.into(),
        RefundRefusal::OtherParts.into(),
        RefundRefusal::OtherNotifyUrl.into(),
        RefundRefusal::NotEnough { merchant: MerchantId::new("CM-B"), is_named: true }.into(),
        RefundRefusal::NotEnough { merchant: MerchantId::new("CM-B"), is_named: false }.into(),
        RefundRefusal::Contradicted.into(),
        RefundRefusal::NotPaid { state: "paying" }.into(),
        RefundRefusal::TooOld { days_max: 365 }.into(),
        RefundRefusal::Exceeds { left: Fen::new(7) }.into(),
        // No command of this dialect leads to these.
        RefundRefusal::NotFound.into(),
        NotificationRefusal::NotFound.into(),
        DirectoryRefusal::NotFound { noun }.into(),
        ledger::BookFault::NotPositive(Fen::ZERO).into(),
    ];
    let shown = refusals.map(|refusal| json::<()>(Err(refusal.into())));
    assert_snapshot!(shown.join("\n"), @r#"
    ORDER.INVALID_PARAMETER: ChannelSubMerchantId: unknown merchant
    ORDER.ORDER_NOT_EXIST: no such order
    ORDER.ORDER_RECORD_ALREADY_EXIST: the order is final
    ORDER.INVALID_PARAMETER: ChannelSubMerchantId: the order exists with another merchant
    ORDER.INVALID_PARAMETER: TotalAmount: the order exists with another amount
    ORDER.INVALID_PARAMETER: Currency: the order exists with another currency
    ORDER.INVALID_PARAMETER: PayType: the order exists with another scene
    ORDER.INVALID_PARAMETER: PayChannel: the order exists with another channel
    ORDER.ORDER_STATUS_ERROR: the order is paid
    ORDER.OPERATE_IS_PROCESSING: another operation on the order is running
    NO_MERCHANT_SECRET: the merchant is disabled
    NO_MERCHANT_SECRET: the merchant has no account at this channel
    NO_MERCHANT_SECRET: the merchant's account at this channel does not take this kind of payment
    ORDER.INVALID_PARAMETER: TotalAmount: amount must be above zero
    ORDER.INVALID_PARAMETER: ExpireTime: expiry lies in the past
    ORDER.INVALID_PARAMETER: ExpireTime: expiry lies more than 90 days ahead, which is the channel's limit
    ORDER.INVALID_PARAMETER: OrderSubject: 33 bytes
    ORDER.INVALID_PARAMETER: GoodsTag: 33 bytes
    ORDER.INVALID_PARAMETER: OutOrderId: the refund exists for another order
    ORDER.INVALID_PARAMETER: RefundAmount: the refund exists with another amount
    ORDER.INVALID_PARAMETER: FundAllocateList: the refund exists with other parts
    ORDER.INVALID_PARAMETER: NotifyUrl: the refund exists with another address
    FailedOperation.MerchantBalanceNotEnough: FundAllocateList: merchant CM-B has not enough left
    FailedOperation.MerchantBalanceNotEnough: merchant CM-B has not enough left; FundAllocateList can say what is taken from whom
    ORDER.OPERATE_IS_PROCESSING: the refund waits for a person
    ORDER.ORDER_STATUS_ERROR: the order is paying
    ORDER.ORDER_STATUS_ERROR: the order was paid more than 365 days ago
    ORDER.REFUND_AMOUNT_EXCEED: RefundAmount: 7 fen of the order can still be refunded
    ORDER.REFUND_RECORD_NOT_EXIST: no such refund
    FailedOperation.SystemError: no such notification
    FailedOperation.SystemError: no such merchant
    FailedOperation.SystemError: transfer of 0 fen, want more than zero
    "#);
    let store = store::StoreFault::Failed("password=hunter2".to_owned());
    let fault = Fault::from(engine::Failure::Store(store));
    assert!(fault.clone().advising("query the refund").text.ends_with("yet, query the refund"));
    let refused = Fault::new(ErrCode::RefundNotExist, "no such refund");
    assert_eq!(refused.clone().advising("query the refund"), refused);
    assert_eq!(fault.code, ErrCode::SystemError);
    assert!(!fault.text.contains("hunter2"));
}

#[test]
fn time_is_shanghais() {
    let at = Timestamp::from_seconds(1_709_222_399);
    assert_eq!(time::write(at), "2024-02-29 23:59:59");
    assert_eq!(time::read("2024-02-29 23:59:59"), Some(at));
    let last = Timestamp::from_seconds(253_402_271_999);
    assert_eq!(time::read("9999-12-31 23:59:59"), Some(last));
    assert_eq!(time::utc_date(at.plus_seconds(1)), "2024-02-29");
    assert_eq!(time::shanghai_date(at.plus_seconds(1)), "2024-03-01");
}
