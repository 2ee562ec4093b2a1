//! The simulated channels by TLS: the gateway shows its account's certificate, and a stranger who shows
//! none, or another's, is not served where one is demanded.

use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use channel::{CLIENT_CERT_HEADER, ClientCertificate, Method, Request};
use engine::{Authorities, ClientIdentity, Guard, HttpClient as _, HyperClient, SendContext};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const CONTEXT: SendContext<'static> =
    SendContext { tenant: "stranger", deadline: Duration::from_secs(10) };
const QUERY_REFUND: &str = "/cloudpay/v1/refundOrder/query";
const LEN_MAX: usize = 64 * 1024;

fn start() -> TestGateway {
    TestGateway::start_with(&["--sandbox-tls-listen", "127.0.0.1:0"])
}

/// A client that believes the sandbox's authority.
fn stranger(gateway: &TestGateway) -> HyperClient {
    let authorities = Authorities::public().and(&gateway.text("/sandbox_authority_pem"));
    let authorities = authorities.expect("an authority");
    HyperClient::trusting(Guard::Open, LEN_MAX, authorities).expect("a client")
}

/// A refund by v2 of a number that was never ordered, signed with MD5.
fn refund(gateway: &TestGateway) -> Request {
    let text = |name: &str| gateway.text(&format!("/wxpay_v2/{name}"));
    let members = [
        ("appid", text("appid")),
        ("mch_id", text("mch_id")),
        ("nonce_str", "5K8264ILTKCH16CQ".to_owned()),
        ("out_refund_no", "R1".to_owned()),
        ("out_trade_no", "T12345678".to_owned()),
        ("refund_fee", "1".to_owned()),
        ("total_fee", "1".to_owned()),
    ];
    let signed: String = members.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let sign = crypto::md5_hex(format!("{signed}key={}", text("api_v2_key")).as_bytes());
    let members = members.into_iter().chain([("sign", sign.to_ascii_uppercase())]);
    let body: String = members.map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
    Request {
        method: Method::Post,
        url: format!("{}/secapi/pay/refund", gateway.text("/sandbox_tls_url")),
        headers: vec![("Content-Type".to_owned(), "text/xml".to_owned())],
        body: format!("<xml>{body}</xml>").into_bytes(),
    }
}

/// Who holds the certificate of a merchant of `dev.json`.
fn holder(gateway: &TestGateway, merchant: &str) -> ClientIdentity {
    let text = |name: &str| gateway.text(&format!("/{merchant}/{name}"));
    let certificate = ClientCertificate {
        chain_pem: text("cert_pem"),
        private_key_pem: text("private_key_pem").into(),
    };
    ClientIdentity { account: Arc::from(merchant), certificate: Arc::new(certificate) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_pays_and_refunds_by_tls_with_its_certificate() {
    let gateway = start();
    let merchants = [gateway.text("/wxpay_v2/merchant"), gateway.text("/wecard/merchants/0")];
    for (channel, merchant) in
        [("WXPAY", &merchants[0]), ("WXPAY", &merchants[1]), ("ALIPAY", &merchants[1])]
    {
        let number = fresh_number();
        let body = with(&order(&number), "ChannelSubMerchantId", json!(merchant));
        let body = with(&with(&body, "PayChannel", json!(channel)), "PayType", json!("PC"));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.until_status(&number, "SUCCESS").await;
        let refund = json!({
            "OutOrderId": number, "OutRefundId": fresh_number(), "RefundAmount": 100,
        });
        let refunded = gateway.result("/cloudpay/v1/refundOrder/apply", &refund).await;
        assert_ne!(refunded["RefundStatus"], "FAILED", "{channel} of {merchant}: {refunded}");
        let asked = json!({ "OutRefundId": refund["OutRefundId"] });
        gateway.until(QUERY_REFUND, &asked, "RefundStatus", "SUCCESS").await;
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_served_for_the_certificate_that_is_shown() {
    let gateway = start();
    let (client, asked) = (stranger(&gateway), refund(&gateway));
    let own = holder(&gateway, "wxpay_v2");
    let answer = client.send(&asked, CONTEXT).await.expect("an answer");
    let page = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 400, "{page}");
    assert!(page.contains("No required SSL certificate was sent"), "{page}");
    // What a header claims is dropped.
    let shown: String =
        own.certificate.chain_pem.lines().filter(|line| !line.starts_with('-')).collect();
    let claim = (CLIENT_CERT_HEADER.to_owned(), format!(":{shown}:"));
    let claimed = Request { headers: vec![claim], ..asked.clone() };
    assert_eq!(client.send(&claimed, CONTEXT).await.expect("an answer").status, 400);
    let plain_url = gateway.text("/sandbox_url");
    let over_plain = Request { url: format!("{plain_url}/secapi/pay/refund"), ..asked.clone() };
    for (identity, request, want) in [
        (Some(holder(&gateway, "wxpay")), &asked, "证书验证失败"),
        (Some(own), &asked, "ORDERNOTEXIST"),
        // Where no certificate can be shown, none is demanded.
        (None, &over_plain, "ORDERNOTEXIST"),
    ] {
        let answer = match &identity {
            Some(identity) => client.send_as(identity, request, CONTEXT).await,
            None => client.send(request, CONTEXT).await,
        };
        let answer = answer.expect("an answer");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status == 200 && text.contains(want), "want {want}, found {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_authority_does_not_speak_to_the_sandbox() {
    let gateway = start();
    let client = HyperClient::new(Guard::Open, LEN_MAX).expect("a client");
    let fault = client.send(&refund(&gateway), CONTEXT).await.expect_err("no such authority");
    assert!(fault.to_string().contains("UnknownIssuer"), "{fault}");
}
