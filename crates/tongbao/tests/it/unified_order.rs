//! Placing an order: every row of the published table, and what comes of it at the channel.

use crate::test_gateway::{
    QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, is_of_order, order, shanghai, with,
};
use serde_json::{Value, json};

const SEED: &[u8] = include_bytes!("golden/seed_unified_order.json");
const BAD: &str = "ORDER.INVALID_PARAMETER";

/// An order with the member at a path set: `OrderSubject`, `SceneInfo.DeviceId`, or a member of a
/// list's only item or of the serialized `ExternalPaymentData`. Null removes it.
fn order_with(path: &str, value: Value) -> Value {
    let body = order(&fresh_number());
    let Some((owner, member)) = path.split_once('.') else { return with(&body, path, value) };
    let owned = match owner {
        "PayerInfo" => json!({"PayerId": "P1"}),
        "FundAllocateList" => json!({"ChannelSubMerchantId": "CM-B", "AllocateAmount": 200}),
        "ProfitShareInfoList" => {
            json!({"PayeeId": "PE1", "ProfitType": "AMOUNT", "ProfitAmount": 200})
        }
        "ExternalPaymentData" => json!({"WxAppId": "wx43f1t4567721a03e", "WxOpenId": "o"}),
        _ => json!({}),
    };
    let owned = with(&owned, member, value);
    let owned = match owner {
        "FundAllocateList" | "ProfitShareInfoList" => json!([owned]),
        "ExternalPaymentData" => json!(owned.to_string()),
        _ => owned,
    };
    with(&body, owner, owned)
}

fn text(characters: usize) -> Value {
    json!("币".repeat(characters))
}

fn digits(len: usize) -> Value {
    json!("1".repeat(len))
}

impl TestGateway {
    /// The order is refused for this field, which is named.
    async fn refuses(&self, field: &str, body: &Value) -> String {
        let why = self.refused(UNIFIED_ORDER, body, BAD).await;
        for part in field.split('.') {
            assert!(why.contains(part), "{field} is not named: {why} {body}");
        }
        why
    }

    /// The order is refused because there is no such payee as the list begins with.
    async fn refuses_payees(&self, body: &Value) {
        let why = self.refused(UNIFIED_ORDER, body, "PROFIT.PAYEE_NOT_EXIST").await;
        assert!(why.starts_with("ProfitShareInfoList[0].PayeeId"), "{why}");
    }

    async fn accepts(&self, body: &Value) -> Value {
        let placed = self.result(UNIFIED_ORDER, body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{body} {placed}");
        placed
    }

    /// What the channel knows of a placed order.
    async fn at_channel(&self, placed: &Value) -> Value {
        let all = self.sandbox_get("/control/transactions?limit=1000").await;
        let all = all["transactions"].as_array().expect("a list").clone();
        let number = &placed["ChannelOrderId"];
        let found = all.into_iter().find(|transaction| is_of_order(transaction, number));
        found.unwrap_or_else(|| panic!("the channel does not know {placed}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_sample_is_taken_verbatim_and_answered_in_the_published_form() {
    let gateway = TestGateway::start();
    let response = gateway.call_bytes(UNIFIED_ORDER, SEED).await;
    assert_eq!(response["ErrCode"], "SUCCESS", "{response}");
    let result = &response["Result"];
    let members: Vec<&String> = result.as_object().expect("an object").keys().collect();
    let wanted = [
        "ChannelOrderId",
        "OrderStatus",
        "OutOrderId",
        "PayChannel",
        "PayInfo",
        "PayInfoType",
        "TotalAmount",
    ];
    assert_eq!(members, wanted);
    assert_eq!(result["OutOrderId"], "demo202211200001");
    assert_eq!(result["TotalAmount"], "1000");
    assert_eq!(result["OrderStatus"], "PAYING");
    assert_eq!(result["PayInfoType"], "JSAPI");
    assert_eq!(result["PayChannel"], "WXPAY");
    let id = result["ChannelOrderId"].as_str().expect("text");
    assert!(id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    check_jsapi(&gateway, result["PayInfo"].as_str().expect("text"));
    assert_eq!(gateway.at_channel(result).await["amount"]["total"], 1000);
    gateway.check_books();
}

/// The members of the published sample, in its order, signed by the merchant.
fn check_jsapi(gateway: &TestGateway, pay_info: &str) {
    let members = ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"];
    let places: Vec<usize> = members
        .iter()
        .map(|member| pay_info.find(&format!("\"{member}\":\"")).expect("each member as text"))
        .collect();
    assert!(places.is_sorted(), "{pay_info}");
    let read: Value = serde_json::from_str(pay_info).expect("PayInfo is serialized JSON");
    assert_eq!(read.as_object().map(serde_json::Map::len), Some(members.len()));
    let [app, time, nonce, package, kind, proof] =
        members.map(|member| read[member].as_str().expect("text"));
    assert_eq!((app, kind), ("wx43f1t4567721a03e", "RSA"));
    let age = gateway.now() - time.parse::<i64>().expect("seconds");
    assert!((0..30).contains(&age), "{time}");
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
    assert!(package.starts_with("prepay_id=wx"), "{package}");
    assert_eq!(proof.len(), 344);
    let merchant = crypto::rsa::Signer::from_pem(&gateway.text("/wxpay/private_key_pem"));
    let public = merchant.expect("the merchant's key").public_pem();
    let verifier = crypto::rsa::Verifier::from_public_pem(&public).expect("a key");
    let signed = format!("{app}\n{time}\n{nonce}\n{package}\n");
    assert!(verifier.verify(signed.as_bytes(), proof));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_member_is_missed_by_its_name() {
    let gateway = TestGateway::start();
    let required = [
        "ChannelSubMerchantId",
        "TotalAmount",
        "PayType",
        "PayChannel",
        "OutOrderId",
        "OrderSubject",
        "FundAllocateList.ChannelSubMerchantId",
        "FundAllocateList.AllocateAmount",
        "ProfitShareInfoList.PayeeId",
        "ProfitShareInfoList.ProfitAmount",
        "PayerInfo.PayerId",
        "ExternalPaymentData.WxOpenId",
    ];
    for path in required {
        gateway.refuses(path, &order_with(path, Value::Null)).await;
    }
    for path in ["ChannelSubMerchantId", "TotalAmount", "OutOrderId"] {
        let mut body = order(&fresh_number());
        body[path] = Value::Null;
        gateway.refuses(path, &body).await;
    }
    let ratio = json!([{"PayeeId": "PE1", "ProfitType": "RATIO", "ProfitAmount": 1}]);
    let body = with(&order(&fresh_number()), "ProfitShareInfoList", ratio);
    gateway.refuses("ProfitShareInfoList.ProfitRatio", &body).await;
    let card = json!({"DeductMode": "CARD"});
    gateway
        .refuses("WalletInfo.CardIdList", &with(&order(&fresh_number()), "WalletInfo", card))
        .await;
    gateway.refuses("ChannelSubMerchantId", &json!({})).await;
    let mut bare = order(&fresh_number());
    for optional in OPTIONAL {
        bare[optional] = Value::Null;
    }
    gateway.accepts(&bare).await;
    gateway.check_books();
}

/// Members that may be absent, or null.
const OPTIONAL: [&str; 14] = [
    "Currency",
    "ExpireTime",
    "NotifyUrl",
    "FrontUrl",
    "ProfitShareInfoList",
    "PayerInfo",
    "ProductList",
    "PayeeList",
    "SceneInfo",
    "GoodsTag",
    "Attachment",
    "Remark",
    "FundAllocateList",
    "WalletInfo",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_are_counted_in_characters_and_both_ends_are_inside() {
    let gateway = TestGateway::start();
    let url = |len: usize| json!(format!("http://127.0.0.1:9/{}", "a".repeat(len - 19)));
    let external = |len: usize| {
        let start = r#"{"WxOpenId":"o","More":""}"#;
        json!(format!("{}{}\"}}", &start[..start.len() - 2], "币".repeat(len - start.len())))
    };
    type Make<'a> = &'a dyn Fn(usize) -> Value;
    let table: [(&str, usize, usize, Make<'_>); 18] = [
        ("OutOrderId", 6, 60, &digits),
        // What the channel takes: characters of a title, bytes of a coupon mark.
        ("OrderSubject", 1, 127, &text),
        ("NotifyUrl", 20, 255, &url),
        ("FrontUrl", 20, 255, &url),
        ("ExternalPaymentData", 27, 1024, &external),
        ("GoodsTag", 1, 10, &text),
        ("Attachment", 1, 128, &text),
        ("Remark", 1, 128, &text),
        ("ExternalPaymentData.WxOpenId", 1, 128, &text),
        ("ExternalPaymentData.AliAppId", 1, 128, &text),
        ("ExternalPaymentData.AliUserId", 1, 128, &text),
        ("ExternalPaymentData.AuthCode", 6, 64, &digits),
        ("PayerInfo.PayerId", 1, 64, &text),
        ("PayerInfo.PayerName", 1, 100, &text),
        ("PayerInfo.OutUserId", 1, 64, &text),
        ("SceneInfo.DeviceType", 1, 32, &text),
        ("SceneInfo.DeviceId", 1, 64, &text),
        ("WalletInfo.WalletId", 1, 50, &text),
    ];
    for (path, shortest, longest, make) in table {
        for len in [shortest, longest] {
            gateway.accepts(&order_with(path, make(len))).await;
        }
        gateway.refuses(path, &order_with(path, make(longest + 1))).await;
        // Below a length of its own, else empty.
        let short = if shortest == 6 { make(shortest - 1) } else { json!("") };
        gateway.refuses(path, &order_with(path, short)).await;
    }
    for (path, longest) in [("ChannelSubMerchantId", 50), ("PayType", 50), ("PayChannel", 30)] {
        gateway.refuses(path, &order_with(path, digits(longest + 1))).await;
        gateway.refuses(path, &order_with(path, json!(""))).await;
    }
    gateway
        .refused(UNIFIED_ORDER, &order_with("PayChannel", digits(30)), "NO_MERCHANT_SECRET")
        .await;
    let why = gateway
        .refuses("ChannelSubMerchantId", &order_with("ChannelSubMerchantId", text(50)))
        .await;
    assert!(why.contains("unknown"), "50 characters are an id, of nobody: {why}");
    let path = "FundAllocateList.ChannelSubMerchantId";
    for wrong in [text(50), text(51), json!("")] {
        gateway.refuses(path, &order_with(path, wrong)).await;
    }
    // The channel refuses an app that is not bound; the field itself is long enough.
    let path = "ExternalPaymentData.WxAppId";
    assert_eq!(
        gateway.result(UNIFIED_ORDER, &order_with(path, text(128))).await["OrderStatus"],
        "PAY_FAIL"
    );
    gateway.refuses(path, &order_with(path, text(129))).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_the_channel_does_not_take_are_refused_by_name() {
    let gateway = TestGateway::start();
    for (field, value) in [
        ("OrderSubject", text(128)),
        ("OrderSubject", text(200)),
        ("OrderSubject", json!("烧饼🥯")),
        ("GoodsTag", text(32)),
        ("GoodsTag", json!("🥯")),
    ] {
        let why = gateway.refuses(field, &order_with(field, value)).await;
        assert!(why.contains("the channel takes"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_payers_address_is_one_address() {
    let gateway = TestGateway::start();
    let h5 = |address: &str| {
        let body = order_with("SceneInfo.PayerClientIp", json!(address));
        with(&body, "PayType", json!("H5"))
    };
    for good in ["14.15.16.17", "::ffff:101.226.125.108", "2001:db8::1", "::1"] {
        gateway.accepts(&h5(good)).await;
    }
    for bad in ["unknown", "1.2.3.4:5678", "127.0.0.1, 10.0.0.1", "not an ip", "1.2.3", ""] {
        gateway.refuses("SceneInfo.PayerClientIp", &h5(bad)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_have_limits() {
    let gateway = TestGateway::start();
    let many = |name: &str, len: usize| {
        let item = |at: usize| match name {
            "ProductList" => {
                json!({"Sku": "1", "ProductName": "煎饼", "Price": "500", "Quantity": 2})
            }
            "PayeeList" => json!(format!("PE{at:018}")),
            "ProfitShareInfoList" => json!({"PayeeId": format!("PE{at}"), "ProfitAmount": 1}),
            _ => json!({"ChannelSubMerchantId": format!("CM{at}"), "AllocateAmount": 1}),
        };
        with(&order(&fresh_number()), name, (0..len).map(item).collect())
    };
    gateway.accepts(&many("ProductList", 50)).await;
    gateway.refuses("ProductList", &many("ProductList", 51)).await;
    // A list of 50 is read; that there is no template, and that there are no such payees, is found
    // afterwards.
    let why = gateway.refuses("PayeeList", &many("PayeeList", 50)).await;
    assert!(why.contains("the merchant has no sharing template"), "{why}");
    gateway.refuses_payees(&many("ProfitShareInfoList", 50)).await;
    for name in ["PayeeList", "ProfitShareInfoList"] {
        let why = gateway.refuses(name, &many(name, 51)).await;
        assert!(why.contains("51 items"), "{why}");
        gateway.accepts(&many(name, 0)).await;
    }
    // A list of 50 is read; that there are no such merchants is found afterwards.
    let list = "FundAllocateList";
    let why = gateway.refuses("FundAllocateList[0]", &many(list, 50)).await;
    assert!(why.contains("unknown merchant"), "{why}");
    let why = gateway.refuses(list, &many(list, 51)).await;
    assert!(why.contains("51 items"), "{why}");
    let cards = |len: usize| {
        let cards: Vec<String> = (0..len).map(|at| format!("C{at}")).collect();
        order_with("WalletInfo.CardIdList", json!(cards))
    };
    gateway.accepts(&cards(20)).await;
    gateway.refuses("WalletInfo.CardIdList", &cards(21)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_another_type_is_refused_by_name() {
    let gateway = TestGateway::start();
    let texts = [
        "ChannelSubMerchantId",
        "PayType",
        "PayChannel",
        "OutOrderId",
        "OrderSubject",
        "Currency",
        "ExpireTime",
        "NotifyUrl",
        "FrontUrl",
        "ExternalPaymentData",
        "GoodsTag",
        "Attachment",
        "Remark",
        "ExternalPaymentData.WxAppId",
        "ExternalPaymentData.WxOpenId",
        "ExternalPaymentData.AuthCode",
        "PayerInfo.PayerId",
        "PayerInfo.AccountType",
        "SceneInfo.DeviceId",
        "SceneInfo.PayerClientIp",
        "SceneInfo.latitude",
        "WalletInfo.WalletId",
        "FundAllocateList.ChannelSubMerchantId",
        "FundAllocateList.AllocatePeriod",
        "ProfitShareInfoList.PayeeId",
    ];
    for path in texts {
        for wrong in [json!(1), json!(true), json!({}), json!(["x"])] {
            gateway.refuses(path, &order_with(path, wrong)).await;
        }
    }
    for path in ["PayerInfo", "SceneInfo", "WalletInfo"] {
        for wrong in [json!("{}"), json!(1), json!([{}])] {
            gateway.refuses(path, &order_with(path, wrong)).await;
        }
    }
    for path in ["ProductList", "PayeeList", "ProfitShareInfoList", "FundAllocateList"] {
        for wrong in [json!("[]"), json!(1), json!({}), json!([1]), json!([null]), json!([[]])] {
            gateway.refuses(path, &order_with(path, wrong)).await;
        }
    }
    for wrong in [json!("true"), json!(1)] {
        gateway.refuses("Freeze", &order_with("FundAllocateList.Freeze", wrong)).await;
    }
    for path in ["FundAllocateList.AllocateAmount", "ProfitShareInfoList.ProfitAmount"] {
        for wrong in [json!("200"), json!(200.0), json!(0), json!(-1), json!(true)] {
            gateway.refuses(path, &order_with(path, wrong)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_is_a_whole_number_of_fen_above_zero() {
    let gateway = TestGateway::start();
    let amounts = [
        "0",
        "-1",
        "-0",
        "1.0",
        "1000.5",
        "1e3",
        "\"1000\"",
        "\"\"",
        "true",
        "[1000]",
        "{}",
        "100000000001",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
    ];
    for amount in amounts {
        let body = order(&fresh_number()).to_string();
        let body = body.replace("\"TotalAmount\":1000", &format!("\"TotalAmount\":{amount}"));
        let response = gateway.call_bytes(UNIFIED_ORDER, body.as_bytes()).await;
        assert_eq!(response["ErrCode"], BAD, "{amount}: {response}");
        assert!(response["ErrMessage"].to_string().contains("TotalAmount"), "{amount}: {response}");
    }
    for amount in [1, 2_147_483_648, 100_000_000_000_i64] {
        let placed = gateway.accepts(&order_with("TotalAmount", json!(amount))).await;
        assert_eq!(placed["TotalAmount"], amount.to_string());
        assert_eq!(gateway.at_channel(&placed).await["amount"]["total"], amount);
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_and_forms_are_taken_exactly() {
    let gateway = TestGateway::start();
    let refused = [
        ("PayType", "mini_program"),
        ("PayType", "SCAN"),
        ("PayType", "MINI_PROGRAM "),
        ("Currency", "USD"),
        ("Currency", "cny"),
        ("Currency", ""),
        ("OutOrderId", "demo-202211"),
        ("OutOrderId", "demo 202211"),
        ("OutOrderId", "demo.202211"),
        ("OutOrderId", "demo２０２２"),
        ("OutOrderId", "订单号二〇二二"),
        ("OutOrderId", "demo202211\n"),
        ("NotifyUrl", "business.com/pay/notify"),
        ("NotifyUrl", "/pay/notify"),
        ("NotifyUrl", "ftp://business.com/notify"),
        ("NotifyUrl", "http://"),
        ("NotifyUrl", "http://user:password@business.com/"),
        ("NotifyUrl", "http://business.com/a b"),
        ("ExternalPaymentData", "x"),
        ("ExternalPaymentData", "[]"),
        ("ExternalPaymentData", "null"),
        ("ExternalPaymentData", "\"{}\""),
        ("ExternalPaymentData", r#"{"WxOpenId":"o""#),
        ("ExternalPaymentData", r#"{"WxOpenId":"o","WxOpenId":"p"}"#),
        ("ExternalPaymentData.AuthCode", "13012345678901234-"),
        ("ExternalPaymentData.AuthCode", "付款码付款码"),
        ("PayerInfo.AccountType", "CASH"),
        ("PayerInfo.BankCardType", "GIFT_CARD"),
        ("SceneInfo.Longitude", "east"),
        ("SceneInfo.latitude", "23.5.6"),
        ("WalletInfo.DeductMode", "ALL"),
        ("FundAllocateList.AllocatePeriod", "D2"),
        ("ProfitShareInfoList.ProfitType", "amount"),
    ];
    for (path, word) in refused {
        gateway.refuses(path, &order_with(path, json!(word))).await;
    }
    let accepted = [
        ("Currency", "CNY"),
        ("OutOrderId", "_Az09_"),
        ("NotifyUrl", "https://business.com/pay/notify?from=币#x"),
        ("PayerInfo.AccountType", "BANK_ACCOUNT"),
        ("PayerInfo.BankCardType", "CREDIT_CARD"),
        ("SceneInfo.Longitude", "+121.48352"),
        ("SceneInfo.Latitude", "-23.561345"),
        ("SceneInfo.latitude", "23"),
        ("SceneInfo.DeviceType", "MOBILE_BROWSER"),
        ("WalletInfo.DeductMode", "CARD_FIRST"),
        ("FundAllocateList.AllocatePeriod", "D1"),
        ("FundAllocateList.AllocatePeriod", "T1"),
    ];
    for (path, word) in accepted {
        gateway.accepts(&order_with(path, json!(word))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expire_time_is_a_real_shanghai_second_in_the_future() {
    let gateway = TestGateway::start();
    let refused = [
        "",
        "2099-03-05",
        "9999-12-31 23:59:59",
        "2099-03-05 11:54",
        "2099-03-05T11:54:20",
        "2099/03/05 11:54:20",
        "2099-03-05 11:54:2０",
        " 2099-03-05 11:54:2",
        "2099-3-5 11:54:20  ",
        "2099-02-29 11:54:20",
        "2099-13-01 11:54:20",
        "2099-00-01 11:54:20",
        "2099-04-31 11:54:20",
        "2099-03-05 24:00:00",
        "2099-03-05 23:60:00",
        "2099-03-05 23:59:60",
        "2099-03-05 11:54:20Z",
        "2023-03-05 11:54:20",
    ];
    for time in refused {
        gateway.refuses("ExpireTime", &order_with("ExpireTime", json!(time))).await;
    }
    let past = shanghai(gateway.now());
    gateway.refuses("ExpireTime", &order_with("ExpireTime", json!(past))).await;
    let at_channel = |time: &str| json!(format!("{}+08:00", time.replace(' ', "T")));
    let asked = shanghai(gateway.now() + 7200);
    let placed = gateway.accepts(&order_with("ExpireTime", json!(asked))).await;
    assert_eq!(gateway.at_channel(&placed).await["time_expire"], at_channel(&asked));
    let before = gateway.now();
    let placed = gateway.accepts(&order(&fresh_number())).await;
    let expiry = gateway.at_channel(&placed).await["time_expire"].clone();
    let in_thirty_minutes =
        (before..=gateway.now() + 1).any(|now| at_channel(&shanghai(now + 1800)) == expiry);
    assert!(in_thirty_minutes, "{expiry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_payment_cannot_do_without_depends_on_channel_and_scene() {
    let gateway = TestGateway::start();
    let asking = |channel: &str, scene: &str, external: Value| {
        let body = with(&order(&fresh_number()), "PayChannel", json!(channel));
        let body = with(&body, "PayType", json!(scene));
        with(&body, "ExternalPaymentData", json!(external.to_string()))
    };
    for (channel, scene, wanted) in [
        ("WXPAY", "MINI_PROGRAM", "WxOpenId"),
        ("WXPAY", "PUBLIC", "WxOpenId"),
        ("ALIPAY", "MINI_PROGRAM", "AliUserId"),
        ("ALIPAY", "PUBLIC", "AliUserId"),
        ("WXPAY", "SWIPE", "AuthCode"),
        ("ALIPAY", "SWIPE", "AuthCode"),
        ("UNIONPAY", "SWIPE", "AuthCode"),
    ] {
        let others = ["WxOpenId", "AliUserId", "AuthCode"].iter().filter(|name| **name != wanted);
        let others: Value = others.map(|name| ((*name).to_owned(), json!("123456"))).collect();
        let body = asking(channel, scene, others);
        gateway.refuses(wanted, &body).await;
        gateway.refuses(wanted, &with(&body, "ExternalPaymentData", Value::Null)).await;
    }
    let wallet = asking("WALLETPAY", "MINI_PROGRAM", json!({}));
    gateway.refuses("PayerInfo", &wallet).await;
    gateway.refuses("PayerId", &with(&wallet, "PayerInfo", json!({"PayerName": "张三"}))).await;
    for payer in [json!({"PayerId": "P1"}), json!({"OutUserId": "U1"})] {
        let body = with(&wallet, "PayerInfo", payer);
        gateway.refused(UNIFIED_ORDER, &body, "WALLET.ACCOUNT_NOT_EXIST").await;
    }
    gateway.refuses("SceneInfo.PayerClientIp", &asking("WXPAY", "H5", json!({}))).await;
    for scene in ["PC", "APP"] {
        let body = with(&asking("WXPAY", scene, json!({})), "ExternalPaymentData", Value::Null);
        gateway.accepts(&body).await;
    }
    // The payer's app is the account's own unless the caller names another.
    let placed = gateway.accepts(&asking("WXPAY", "PUBLIC", json!({"WxOpenId": "o"}))).await;
    check_jsapi(&gateway, placed["PayInfo"].as_str().expect("text"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_for_others_never_exceed_the_whole() {
    let gateway = TestGateway::start();
    let allocated = |amounts: &[(&str, i64)]| {
        let items = amounts.iter().map(|(merchant, amount)| {
            json!({"ChannelSubMerchantId": merchant, "AllocateAmount": amount, "AllocatePeriod": "D0"})
        });
        with(&order(&fresh_number()), "FundAllocateList", items.collect())
    };
    gateway.accepts(&allocated(&[("CM-B", 200), ("CM-C", 800)])).await;
    gateway.refuses("FundAllocateList", &allocated(&[("CM-B", 200), ("CM-C", 801)])).await;
    gateway.refuses("FundAllocateList", &allocated(&[("CM-B", i64::MAX)])).await;
    let twice = allocated(&[("CM-B", 200), ("CM-B", 100)]);
    gateway.refuses("FundAllocateList.ChannelSubMerchantId", &twice).await;
    let shared = |amounts: &[i64]| {
        let items = amounts.iter().map(|amount| json!({"PayeeId": "PE1", "ProfitAmount": amount}));
        with(&order(&fresh_number()), "ProfitShareInfoList", items.collect())
    };
    gateway.refuses_payees(&shared(&[1000])).await;
    for much in [shared(&[999, 2]), shared(&[i64::MAX])] {
        gateway.refuses("ProfitShareInfoList", &much).await;
    }
    let ratio =
        |ratio: Value| json!([{"PayeeId": "PE1", "ProfitType": "RATIO", "ProfitRatio": ratio}]);
    for (right, wrong) in [(json!(1), json!(0)), (json!(10_000), json!(10_001))] {
        let body = order_with("ProfitShareInfoList", ratio(right));
        gateway.refuses_payees(&body).await;
        let body = order_with("ProfitShareInfoList", ratio(wrong));
        gateway.refuses("ProfitShareInfoList.ProfitRatio", &body).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_merchant_is_named_and_no_order_is_left() {
    let gateway = TestGateway::start();
    let body = order_with("ChannelSubMerchantId", json!("CM9999999999999999999"));
    gateway.refuses("ChannelSubMerchantId", &body).await;
    let query = json!({"OutOrderId": body["OutOrderId"]});
    gateway.refused(QUERY_ORDER, &query, "ORDER.ORDER_NOT_EXIST").await;
}
