//! Every rule of a field: a body with one change, the fault or none.

use super::SAMPLE;
use crate::json::read_object;
use crate::wire::{OrderName, UnifiedOrder};
use serde_json::{Value, json};

/// The sample with a member set (`null` removes nothing: it means absent), checked.
fn check(changes: &[(&str, Value)]) -> Result<(), String> {
    let mut body: Value = serde_json::from_str(SAMPLE).expect("JSON");
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    read(&body.to_string())
}

fn read(body: &str) -> Result<(), String> {
    let body = read_object(body.as_bytes()).map_err(|why| format!("body: {why}"))?;
    UnifiedOrder::read(&body).map(|_| ()).map_err(|fault| fault.to_string())
}

/// The fault names this field, and nothing shorter or longer.
fn names(changes: &[(&str, Value)], field: &str) {
    let fault = check(changes).expect_err(field);
    assert!(fault.starts_with(&format!("{field}: ")), "want {field}, got {fault}");
}

fn han(characters: usize) -> Value {
    Value::from("煎".repeat(characters))
}

fn letters(characters: usize) -> Value {
    Value::from("a".repeat(characters))
}

#[test]
fn the_published_sample_is_good() {
    assert_eq!(read(SAMPLE), Ok(()));
}

#[test]
fn text_is_counted_in_characters() {
    for (field, shortest, longest) in [
        ("ChannelSubMerchantId", 1, 50),
        ("PayChannel", 1, 30),
        ("OrderSubject", 1, 200),
        ("GoodsTag", 1, 32),
        ("Attachment", 1, 128),
        ("Remark", 1, 128),
    ] {
        for good in [shortest, longest] {
            assert_eq!(check(&[(field, han(good))]), Ok(()), "{field} of {good}");
        }
        for bad in [shortest - 1, longest + 1] {
            names(&[(field, han(bad))], field);
        }
    }
    let fault = check(&[("OutOrderId", letters(4))]);
    assert_eq!(fault, Err("OutOrderId: 4 characters, want 6 to 60".to_owned()));
}

#[test]
fn characters_outside_the_basic_plane_count_once() {
    assert_eq!(check(&[("OrderSubject", Value::from("😀".repeat(200)))]), Ok(()));
    names(&[("OrderSubject", Value::from("😀".repeat(201)))], "OrderSubject");
    let escaped = SAMPLE.replace("杂粮煎饼", &r"\ud83d\ude00".repeat(200));
    assert_eq!(read(&escaped), Ok(()));
}

#[test]
fn required_fields_are_missed_and_null_is_absent() {
    for field in [
        "ChannelSubMerchantId",
        "TotalAmount",
        "PayType",
        "PayChannel",
        "OutOrderId",
        "OrderSubject",
    ] {
        assert_eq!(check(&[(field, Value::Null)]), Err(format!("{field}: missing")));
    }
    for field in ["Currency", "NotifyUrl", "SceneInfo", "FundAllocateList", "Remark"] {
        assert_eq!(check(&[(field, Value::Null)]), Ok(()), "{field}");
    }
}

#[test]
fn types_are_not_guessed() {
    for (field, wrong) in [
        ("ChannelSubMerchantId", json!(1)),
        ("TotalAmount", json!("1000")),
        ("TotalAmount", json!(1000.0)),
        ("TotalAmount", json!(true)),
        ("PayType", json!(["PC"])),
        ("OutOrderId", json!(123456)),
        ("OrderSubject", json!({})),
        ("ExpireTime", json!(1729683364)),
        ("NotifyUrl", json!(1)),
        ("ExternalPaymentData", json!({"WxOpenId": "o"})),
        ("ProfitShareInfoList", json!({})),
        ("PayerInfo", json!("PE1")),
        ("ProductList", json!("x")),
        ("PayeeList", json!("PE1")),
        ("SceneInfo", json!([])),
        ("FundAllocateList", json!({})),
        ("WalletInfo", json!(1)),
    ] {
        names(&[(field, wrong)], field);
    }
}

#[test]
fn amounts_are_integers_above_zero() {
    for good in [1, 1000, 100_000_000_000_i64] {
        let alone = [("TotalAmount", json!(good)), ("FundAllocateList", Value::Null)];
        assert_eq!(check(&alone), Ok(()), "{good}");
    }
    for bad in [
        "0",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "1.5",
        "100000000001",
        "9223372036854775807",
        "9223372036854775808",
        "1e400",
        "\"1\"",
    ] {
        let body = SAMPLE.replace("\"TotalAmount\": 1000", &format!("\"TotalAmount\": {bad}"));
        let fault = read(&body).expect_err(bad);
        assert!(fault.starts_with("TotalAmount: ") || bad == "1e400", "{bad}: {fault}");
    }
}

/// An agreement is named where one pays and nowhere else, by one name or two that agree.
#[test]
fn an_agreement_pays_orders_by_agreement() {
    let (id, other) = ("679735736991281152", "679735736991281153");
    let named = |info: Value, alias: Option<&str>| {
        let payer = alias.map(|alias| json!({"PayerId": "P1", "BindSerialNo": alias}));
        check(&[
            ("PayType", json!("AUTHORIZE")),
            ("AgreementInfo", info),
            ("PayerInfo", json!(payer)),
        ])
    };
    assert_eq!(named(json!({"AgreementId": id}), None), Ok(()));
    assert_eq!(named(json!({"AgreementId": id, "OutAgreementId": "AGR00001"}), Some(id)), Ok(()));
    assert_eq!(named(json!({"OutAgreementId": "AGR00001"}), Some(id)), Ok(()));
    assert_eq!(named(Value::Null, Some(id)), Ok(()));
    for (info, alias, fault) in [
        (Value::Null, None, "AgreementInfo: missing"),
        (json!({}), None, "AgreementInfo.AgreementId: missing"),
        (json!({"AgreementId": "1"}), None, "AgreementInfo.AgreementId: want 18"),
        (json!({"OutAgreementId": "AGR_00001"}), None, "AgreementInfo.OutAgreementId: want digits"),
        (json!({"AgreementId": id}), Some(other), "PayerInfo.BindSerialNo: is not"),
        (json!({"AgreementId": id, "SmsCode": "1"}), None, "AgreementInfo.SmsCode: no channel"),
        (Value::Null, Some("x"), "PayerInfo.BindSerialNo: want 18"),
    ] {
        let found = named(info.clone(), alias).expect_err("a bad name");
        assert!(found.starts_with(fault), "{info}: {found}");
    }
    names(&[("AgreementInfo", json!({"AgreementId": id}))], "AgreementInfo");
    names(&[("AgreementSignInfo", json!({"OutAgreementId": "AGR00001"}))], "AgreementSignInfo");
}

#[test]
fn enums_are_closed_where_they_are() {
    for good in ["SWIPE", "MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP", "AGREEMENT", "AUTHORIZE"] {
        let external = json!(r#"{"WxOpenId":"o","AuthCode":"134567890123456789"}"#);
        let by_agreement = matches!(good, "AGREEMENT" | "AUTHORIZE");
        let agreement = by_agreement.then(|| json!({"OutAgreementId": "AGR00001"}));
        let changes = [
            ("PayType", json!(good)),
            ("ExternalPaymentData", external),
            ("AgreementInfo", json!(agreement)),
        ];
        assert_eq!(check(&changes), Ok(()), "{good}");
    }
    for bad in ["", "NATIVE", "pc", "SWIPE "] {
        names(&[("PayType", json!(bad))], "PayType");
    }
    // The list of channels is open: an unknown word is a question of accounts, not of form.
    assert_eq!(check(&[("PayChannel", json!("CMBPAY"))]), Ok(()));
    for bad in ["USD", "cny", ""] {
        names(&[("Currency", json!(bad))], "Currency");
    }
}

#[test]
fn order_numbers_are_digits_letters_and_underscores() {
    for good in [json!("a_Z019"), letters(6), letters(60)] {
        assert_eq!(check(&[("OutOrderId", good.clone())]), Ok(()), "{good}");
    }
    for bad in [
        letters(5),
        letters(61),
        json!("abc-123"),
        json!("订单编号一二三"),
        json!("abcde "),
        json!(""),
    ] {
        names(&[("OutOrderId", bad)], "OutOrderId");
    }
}

#[test]
fn times_are_real_and_complete() {
    assert_eq!(check(&[("ExpireTime", json!("2028-02-29 23:59:59"))]), Ok(()));
    for bad in [
        "",
        "2028-02-30 00:00:00",
        "2027-02-29 00:00:00",
        "2028-13-01 00:00:00",
        "2028-02-29 24:00:00",
        "2028-02-29 23:59:60",
        "2028-02-29T23:59:59",
        "2028-02-29",
        "2028-2-29 23:59:59",
        "+028-02-29 23:59:59",
        "2028-02-29 23:59:59Z",
    ] {
        names(&[("ExpireTime", json!(bad))], "ExpireTime");
    }
}

#[test]
fn notifications_go_to_http_urls_with_a_host() {
    for good in [
        "http://127.0.0.1:8080/notify?a=1&b=2",
        "http://merchant.example:80",
        "http://[::1]:8080/notify/",
        "https://merchant.example./notify",
        "https://merchant.example/a%20b/%E9%80%9A?x={1}|2",
        "https://支付.example/通知",
        "https://business.com",
        "https://business.com/支付?q=中文#top",
        "HTTPS://business.com/x",
    ] {
        assert_eq!(check(&[("NotifyUrl", json!(good))]), Ok(()), "{good}");
        assert_eq!(check(&[("FrontUrl", json!(good))]), Ok(()), "{good}");
    }
    for bad in [
        "",
        "business.com/notify",
        "/notify",
        "ftp://business.com/",
        "https://",
        "https:///notify",
        "https://user:word@business.com/",
        "https://business.com/a b",
        "https://business.com/\n",
        " https://business.com/",
        "https://business.com/\u{3000}",
        "https:/business.com/",
        "https:\\\\business.com/",
        "https://business.com:0/",
        "https://business.com:65536/",
        "https://1.2.3.999/",
        "javascript:alert(1)",
    ] {
        names(&[("NotifyUrl", json!(bad))], "NotifyUrl");
        names(&[("FrontUrl", json!(bad))], "FrontUrl");
    }
    let long = |length: usize| json!(format!("https://b.com/{}", "a".repeat(length - 14)));
    for field in ["NotifyUrl", "FrontUrl"] {
        assert_eq!(check(&[(field, long(255))]), Ok(()));
        names(&[(field, long(256))], field);
    }
}

#[test]
fn external_payment_data_is_serialized_json() {
    for bad in ["", "{", "[]", "\"x\"", "{\"WxOpenId\":\"a\",\"WxOpenId\":\"b\"}", "{} {}"] {
        names(&[("ExternalPaymentData", json!(bad))], "ExternalPaymentData");
    }
    for (member, value) in [
        ("WxAppId", json!("")),
        ("WxOpenId", letters(129)),
        ("AliAppId", json!(1)),
        ("AliUserId", letters(129)),
        ("AuthCode", letters(5)),
        ("AuthCode", letters(65)),
        ("AuthCode", json!("12345 6789")),
    ] {
        let data = json!({ member: value }).to_string();
        let field = format!("ExternalPaymentData.{member}");
        names(&[("ExternalPaymentData", json!(data))], &field);
    }
    let padded = |length: usize| {
        let ids = r#"{"WxOpenId":"o","X":""}"#;
        json!(ids.replace("\"X\":\"\"", &format!("\"X\":\"{}\"", "x".repeat(length - ids.len()))))
    };
    assert_eq!(check(&[("ExternalPaymentData", padded(1024))]), Ok(()));
    names(&[("ExternalPaymentData", padded(1025))], "ExternalPaymentData");
}

#[test]
fn some_fields_are_wanted_by_channel_and_scene() {
    for (channel, scene, member) in [
        ("WXPAY", "PUBLIC", "WxOpenId"),
        ("WXPAY", "MINI_PROGRAM", "WxOpenId"),
        ("ALIPAY", "PUBLIC", "AliUserId"),
        ("ALIPAY", "MINI_PROGRAM", "AliUserId"),
        ("WXPAY", "SWIPE", "AuthCode"),
        ("UNIONPAY", "SWIPE", "AuthCode"),
    ] {
        let field = format!("ExternalPaymentData.{member}");
        let base = [("PayChannel", json!(channel)), ("PayType", json!(scene))];
        for data in [Value::Null, json!("{}"), json!(format!("{{\"{member}\":null}}"))] {
            let [one, other] = base.clone();
            names(&[one, other, ("ExternalPaymentData", data)], &field);
        }
        let [one, other] = base;
        let data = json!(json!({ member: "12345678" }).to_string());
        assert_eq!(check(&[one, other, ("ExternalPaymentData", data)]), Ok(()));
    }
    let h5 = ("PayType", json!("H5"));
    names(&[h5.clone(), ("SceneInfo", Value::Null)], "SceneInfo.PayerClientIp");
    names(&[h5.clone(), ("SceneInfo", json!({}))], "SceneInfo.PayerClientIp");
    assert_eq!(check(&[h5]), Ok(()));
    let wallet = ("PayChannel", json!("WALLETPAY"));
    names(std::slice::from_ref(&wallet), "PayerInfo");
    for payer in [json!({"PayerId": "W1"}), json!({"OutUserId": "u1"})] {
        assert_eq!(check(&[wallet.clone(), ("PayerInfo", payer)]), Ok(()));
    }
}

#[test]
fn members_of_objects_are_named_with_their_owner() {
    for (owner, member, value) in [
        ("SceneInfo", "DeviceType", letters(33)),
        ("SceneInfo", "PayerClientIp", json!("")),
        ("SceneInfo", "PayerClientIp", json!("unknown")),
        ("SceneInfo", "PayerClientIp", json!("1.2.3.4:5678")),
        ("SceneInfo", "PayerClientIp", json!("127.0.0.1, 10.0.0.1")),
        ("SceneInfo", "PayerClientIp", json!(" 1.2.3.4")),
        ("SceneInfo", "PayerClientIp", json!("256.1.1.1")),
        ("SceneInfo", "PayerClientIp", json!("1.2.3")),
        ("SceneInfo", "PayerClientIp", json!("01.2.3.4")),
        ("SceneInfo", "PayerClientIp", json!("fe80::1%eth0")),
        ("SceneInfo", "PayerClientIp", json!("[2001:db8::1]")),
        ("SceneInfo", "PayerClientIp", letters(46)),
        ("SceneInfo", "DeviceId", json!("")),
        ("SceneInfo", "DeviceId", han(65)),
        ("SceneInfo", "DeviceId", json!(1)),
        ("SceneInfo", "Longitude", json!("east")),
        ("SceneInfo", "latitude", json!("+23.")),
        ("SceneInfo", "Latitude", json!("--1")),
        ("PayerInfo", "PayerId", json!("")),
        ("PayerInfo", "PayerId", letters(65)),
        ("PayerInfo", "PayerName", han(101)),
        ("PayerInfo", "AccountType", json!("CASH")),
        ("PayerInfo", "BankCardType", json!("GIFT_CARD")),
        ("PayerInfo", "OutUserId", letters(65)),
        ("WalletInfo", "WalletId", letters(51)),
        ("WalletInfo", "DeductMode", json!("ALL")),
        ("WalletInfo", "VerifyToken", letters(129)),
    ] {
        let mut object = if owner == "PayerInfo" { json!({"PayerId": "P1"}) } else { json!({}) };
        object[member] = value;
        names(&[(owner, object)], &format!("{owner}.{member}"));
    }
    names(&[("PayerInfo", json!({"PayerName": "张三"}))], "PayerInfo.PayerId");
    names(&[("WalletInfo", json!({"DeductMode": "CARD"}))], "WalletInfo.CardIdList");
    let cards = json!({"DeductMode": "CARD", "CardIdList": vec!["1"; 21]});
    names(&[("WalletInfo", cards)], "WalletInfo.CardIdList");
    let scene = json!({"DeviceId": han(64), "PayerClientIp": "2001:db8::1", "Longitude": "-0.5"});
    assert_eq!(check(&[("SceneInfo", scene)]), Ok(()));
}

#[test]
fn the_payers_address_is_read_and_a_mapped_one_is_ipv4() {
    for (given, want) in [
        ("14.15.16.17", "14.15.16.17"),
        ("::ffff:101.226.125.108", "101.226.125.108"),
        ("::FFFF:65e2:7d6c", "101.226.125.108"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::1", "::1"),
    ] {
        let mut body: Value = serde_json::from_str(SAMPLE).expect("JSON");
        body["SceneInfo"] = json!({"PayerClientIp": given});
        let body = body.to_string();
        let body = read_object(body.as_bytes()).expect("JSON");
        let order = UnifiedOrder::read(&body).expect("a good order");
        assert_eq!(order.client_ip().as_deref(), Some(want), "{given}");
    }
}

#[test]
fn allocations_fit_the_order() {
    let item = |merchant: &str, amount: Value| json!({"ChannelSubMerchantId": merchant, "AllocateAmount": amount});
    let list = "FundAllocateList";
    assert_eq!(check(&[(list, json!([item("A", json!(999)), item("B", json!(1))]))]), Ok(()));
    names(&[(list, json!([item("A", json!(999)), item("B", json!(2))]))], list);
    let most = json!(100_000_000_000_i64);
    names(&[(list, json!([item("A", most.clone()), item("B", most)]))], list);
    let beyond = json!(100_000_000_001_i64);
    names(&[(list, json!([item("A", beyond)]))], &format!("{list}[0].AllocateAmount"));
    let one = json!(1);
    for (items, field) in [
        (json!([item("A", json!(0))]), "[0].AllocateAmount"),
        (json!([item("A", json!(1.0))]), "[0].AllocateAmount"),
        (json!([item("A", json!("1"))]), "[0].AllocateAmount"),
        (json!([item("A", Value::Null)]), "[0].AllocateAmount"),
        (json!([item("", one.clone())]), "[0].ChannelSubMerchantId"),
        (json!([item("A", one.clone()), item("A", one.clone())]), "[1].ChannelSubMerchantId"),
        (json!([item("A", one.clone()), 7]), "[1]"),
        (json!(vec![7; 51]), ""),
        (
            json!([{"ChannelSubMerchantId": "A", "AllocateAmount": 1, "AllocatePeriod": "D9"}]),
            "[0].AllocatePeriod",
        ),
        (
            json!([{"ChannelSubMerchantId": "A", "AllocateAmount": 1, "Freeze": "yes"}]),
            "[0].Freeze",
        ),
    ] {
        names(&[(list, items)], &format!("{list}{field}"));
    }
}

#[test]
fn shares_fit_the_order() {
    let list = "ProfitShareInfoList";
    for good in [
        json!([]),
        json!([{"PayeeId": "PE1", "ProfitType": "AMOUNT", "ProfitAmount": 1000}]),
        json!([{"PayeeId": "PE1", "ProfitType": "RATIO", "ProfitRatio": 10000}]),
    ] {
        assert_eq!(check(&[(list, good.clone())]), Ok(()), "{good}");
    }
    for (items, field) in [
        (json!([{"ProfitAmount": 1}]), "[0].PayeeId"),
        (json!([{"PayeeId": "PE1"}]), "[0].ProfitAmount"),
        (json!([{"PayeeId": "PE1", "ProfitAmount": 0}]), "[0].ProfitAmount"),
        (json!([{"PayeeId": "PE1", "ProfitType": "ALL", "ProfitAmount": 1}]), "[0].ProfitType"),
        (json!([{"PayeeId": "PE1", "ProfitType": "RATIO"}]), "[0].ProfitRatio"),
        (
            json!([{"PayeeId": "PE1", "ProfitType": "RATIO", "ProfitRatio": 10001}]),
            "[0].ProfitRatio",
        ),
        (json!([{"PayeeId": "PE1", "ProfitAmount": 1001}]), ""),
    ] {
        names(&[(list, items)], &format!("{list}{field}"));
    }
}

#[test]
fn other_lists_have_their_limits() {
    assert_eq!(check(&[("ProductList", json!(vec![json!({"Any": [1.5]}); 50]))]), Ok(()));
    names(&[("ProductList", json!(vec![json!({}); 51]))], "ProductList");
    names(&[("ProductList", json!([{}, "x"]))], "ProductList[1]");
    assert_eq!(check(&[("PayeeList", json!(["PE1", "PE2"]))]), Ok(()));
    names(&[("PayeeList", json!(["PE1", 2]))], "PayeeList[1]");
    names(&[("PayeeList", json!([""]))], "PayeeList[0]");
}

#[test]
fn unknown_members_are_ignored() {
    assert_eq!(check(&[("Environment", json!("sandbox")), ("New", json!([{"x": 1.5}]))]), Ok(()));
}

#[test]
fn json_is_strict() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        SAMPLE.replacen('{', &format!("{{\"X\": {open}{close},"), 1)
    };
    assert_eq!(read(&deep(15)), Ok(()));
    for bad in [
        "",
        "null",
        "[]",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1}\n{}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"x\":[{\"b\":{\"a\":1,\"c\":2,\"a\":3}}]}",
        &deep(16),
        &deep(100_000),
    ] {
        let fault = read(bad).expect_err("bad JSON");
        assert!(fault.starts_with("body: "), "{fault}");
    }
    assert!(read_object(b"{\"a\":\"\xff\"}").is_err());
    let many: Vec<String> = (0..1000).map(|number| format!("\"m{number}\":0")).collect();
    assert!(read_object(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
    assert!(read_object(format!("{{{},\"m7\":1}}", many.join(",")).as_bytes()).is_err());
}

#[test]
fn an_order_is_named_by_either_number() {
    let name = |body: &str| {
        let body = read_object(body.as_bytes()).expect("JSON");
        OrderName::read(&body).map_err(|fault| fault.to_string())
    };
    let id = ledger::Id::parse("679735736991281152").expect("an id");
    let out = "demo202211200001".to_owned();
    for (body, want) in [
        (r#"{"OutOrderId":"demo202211200001"}"#, OrderName::Out(out.clone())),
        (r#"{"OutOrderId":"demo202211200001","ChannelOrderId":""}"#, OrderName::Out(out.clone())),
        (r#"{"ChannelOrderId":"679735736991281152"}"#, OrderName::Own(id)),
        (r#"{"OutOrderId":null,"ChannelOrderId":"679735736991281152"}"#, OrderName::Own(id)),
        (
            r#"{"OutOrderId":"demo202211200001","ChannelOrderId":"679735736991281152"}"#,
            OrderName::Both(out, id),
        ),
    ] {
        assert_eq!(name(body), Ok(want), "{body}");
    }
    for (body, field) in [
        ("{}", "OutOrderId"),
        (r#"{"OutOrderId":"","ChannelOrderId":""}"#, "OutOrderId"),
        (r#"{"orderId":123}"#, "OutOrderId"),
        (r#"{"OutOrderId":"a-b-c-d"}"#, "OutOrderId"),
        (r#"{"OutOrderId":1234567}"#, "OutOrderId"),
        (r#"{"ChannelOrderId":"12"}"#, "ChannelOrderId"),
        (r#"{"ChannelOrderId":679735736991281152}"#, "ChannelOrderId"),
    ] {
        let fault = name(body).expect_err(body);
        assert!(fault.starts_with(&format!("{field}: ")), "{body}: {fault}");
    }
}
