//! Every PayType with every PayChannel: what the payer gets, or why the pair is refused. The tables of the
//! documents are written from what is served.

use crate::agreements::{agreement, fresh_agreement};
use crate::code_pay::{scanned, show};
use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use crate::wallets::{USER, with_balance};
use serde_json::{Value, json};
use std::path::Path;

const PAY_TYPES: [&str; 8] =
    ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP", "SWIPE", "AGREEMENT", "AUTHORIZE"];
const PAY_CHANNELS: [&str; 4] = ["WXPAY", "ALIPAY", "WALLETPAY", "UNIONPAY"];

/// Why a pair is refused, in the words of the answer, and in those of the documents.
const REASONS: [(&str, &str, &str); 2] = [
    ("the merchant has no account at this channel", "no account", "无通道账户"),
    (
        "the merchant's account at this channel does not take this kind of payment",
        "not taken",
        "不支持",
    ),
];

/// What a pair is answered with.
enum Cell {
    /// PayInfoType.
    Offered(String),
    /// Why not: an index of [`REASONS`].
    Refused(usize),
}

async fn cell(gateway: &TestGateway, agreement: &str, pay_type: &str, pay_channel: &str) -> Cell {
    let number = fresh_number();
    let body = match (pay_type, pay_channel) {
        ("SWIPE", "WXPAY" | "ALIPAY") => {
            let channel = pay_channel.to_ascii_lowercase();
            let code = show(gateway, &channel, "password").await;
            scanned(&number, &channel, &code)
        }
        ("AGREEMENT" | "AUTHORIZE", _) => {
            let body = with(&order(&number), "PayType", json!(pay_type));
            let body = with(&body, "PayChannel", json!(pay_channel));
            let body = with(&body, "ExternalPaymentData", Value::Null);
            let body = with(&body, "PayerInfo", json!({ "OutUserId": USER }));
            with(&body, "AgreementInfo", json!({ "OutAgreementId": agreement }))
        }
        (_, _) => {
            let body = with(&order(&number), "PayType", json!(pay_type));
            let body = with(&body, "PayChannel", json!(pay_channel));
            let external = match pay_type {
                "SWIPE" => json!({ "AuthCode": "134567890123456789" }),
                _ => json!({ "WxOpenId": "o", "AliUserId": "2088102146225135" }),
            };
            let body = with(&body, "ExternalPaymentData", json!(external.to_string()));
            let scene = json!({ "PayerClientIp": "14.15.16.17" });
            let body = with(&body, "SceneInfo", scene);
            with(&body, "PayerInfo", json!({ "OutUserId": USER }))
        }
    };
    let answer = gateway.call(UNIFIED_ORDER, &body).await;
    match answer["ErrCode"].as_str() {
        Some("SUCCESS") => {
            let form = answer["Result"]["PayInfoType"].as_str();
            Cell::Offered(form.unwrap_or_else(|| panic!("{answer}")).to_owned())
        }
        Some("NO_MERCHANT_SECRET") => {
            let why = answer["ErrMessage"].as_str().expect("a text");
            let reason = REASONS.iter().position(|(words, _, _)| why == *words);
            Cell::Refused(reason.unwrap_or_else(|| panic!("another reason: {why}")))
        }
        _ => panic!("{pay_type} {pay_channel}: {answer}"),
    }
}

/// The rows of the table; `reason` gives the words for what is refused.
fn table(cells: &[Vec<Cell>], reason: impl Fn(usize) -> &'static str) -> String {
    let rows = PAY_TYPES.iter().zip(cells).map(|(pay_type, cells)| {
        let words = cells.iter().map(|cell| match cell {
            Cell::Offered(form) => form.clone(),
            Cell::Refused(at) => reason(*at).to_owned(),
        });
        format!("| {pay_type} | {} |\n", words.collect::<Vec<_>>().join(" | "))
    });
    let channels = PAY_CHANNELS.map(|channel| format!("`{channel}`")).join(" | ");
    format!(
        "| PayType | {channels} |\n| --- | --- | --- | --- | --- |\n{}",
        rows.collect::<String>()
    )
}

/// Compares with the table of a document; with `UPDATE_GOLDEN=1` in the environment writes it.
fn check_document(name: &str, table: &str) {
    const BEGIN: &str = "<!-- pay types -->\n";
    const END: &str = "<!-- /pay types -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (found, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = format!("{before}{BEGIN}{table}{END}{after}");
        std::fs::write(&path, text).expect("the document is written");
    } else {
        assert_eq!(found, table, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_say_of_each_pair_what_is_served() {
    let gateway = with_balance(100_000, 0).await;
    let signing = fresh_agreement();
    let asked = with(&agreement(&signing), "PayType", json!("AUTHORIZE"));
    gateway.signed_agreement(&asked).await;
    let mut cells = vec![];
    for pay_type in PAY_TYPES {
        let mut row = vec![];
        for pay_channel in PAY_CHANNELS {
            row.push(cell(&gateway, &signing, pay_type, pay_channel).await);
        }
        cells.push(row);
    }
    check_document("wecard.md", &table(&cells, |at| REASONS[at].1));
    check_document("zh/wecard.md", &table(&cells, |at| REASONS[at].2));
}
