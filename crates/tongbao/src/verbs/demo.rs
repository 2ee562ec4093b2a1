//! `tongbao demo`: one order from placing to notification, and a gift card from purchase to refund, through
//! real HTTP, each step shown.

mod cards;

use super::check;
use super::dev::{DevGateway, DevOperators, Purpose, Sockets};
use crate::database::Database;
use crate::merchant::{Caller, Generation, JsonClient};
use crate::output::show;
use crate::world::MERCHANTS;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use crypto::rsa::Verifier;
use engine::{Clock, SystemClock};
use kernel::NotificationState;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use store::{Story, StoryOf, TenantsWithOrder};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How long the notification may take.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether the notification is recorded.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// The merchant's number of the order.
const OUT_ORDER_ID: &str = "demo202211200001";
/// How much it asks for, in fen.
const TOTAL_FEN: i64 = 1000;

/// The merchant's number of the refund.
const OUT_REFUND_ID: &str = "refund202211200001";

/// What lies in an account: its kind, its owner, in fen.
type Lies = (&'static str, &'static str, i64);

/// Where the money lies once it is paid: what stays, what the second merchant has, what is frozen for the
/// third.
const DIVIDED: [Lies; 3] = [
    ("merchant_pending", MERCHANTS[0], 700),
    ("merchant_available", MERCHANTS[1], 200),
    ("merchant_frozen", MERCHANTS[2], 100),
];

/// The same after half of it went back.
const HALVED: [Lies; 3] = [
    ("merchant_pending", MERCHANTS[0], 350),
    ("merchant_available", MERCHANTS[1], 100),
    ("merchant_frozen", MERCHANTS[2], 50),
];

/// Arguments of `tongbao demo`.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// A notification as the merchant's server received it.
pub(super) struct Received {
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// Exits 0 when everything is as it must be.
pub(crate) async fn run(_: Arguments) -> Result<ExitCode> {
    let data = tempfile::tempdir().context("no temporary folder")?;
    let database = Database::in_folder(data.path());
    let purpose = Purpose::Callers { trust: None };
    let operators = DevOperators::default();
    let gateway =
        DevGateway::start(Sockets::ANY, data.path(), &database, purpose, operators).await?;
    let outcome = play(&gateway, &database).await;
    gateway.stop().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn play(gateway: &DevGateway, database: &Database) -> Result<()> {
    let (notify_url, mut notifications) = merchant_server().await?;
    let client = JsonClient::new()?;
    say(&format!(
        "Gateway at {}, simulated WeChat Pay at {}.",
        gateway.file.base_url, gateway.file.sandbox_url
    ));

    step(1, "The merchant's system places an order: 10.00 yuan by mini program.");
    let placed =
        call(gateway, &client, "/cloudpay/v1/pay/c2b/unified_order", &order(&notify_url)).await?;
    show(&placed);
    expect(&placed, "OrderStatus", "PAYING")?;
    expect(&placed, "PayInfoType", "JSAPI")?;

    step(2, "The payer's WeChat checks the merchant's signature and pays.");
    show(&pay(gateway, &client, &placed).await?);

    step(3, "WeChat tells Tongbao, Tongbao books the money and tells the merchant, signed.");
    let received = tokio::time::timeout(NOTIFICATION_TIMEOUT, notifications.recv())
        .await
        .context("no notification came")?
        .context("the merchant's server is gone")?;
    let notification = verified(gateway, &notify_url, &received)?;
    show(&notification);
    expect(&notification["Result"], "OrderStatus", "SUCCESS")?;
    expect(&notification["Result"], "Attachment", "原路返回string")?;

    step(4, "The merchant asks for the order.");
    let found = call(
        gateway,
        &client,
        "/cloudpay/v1/pay/query_order",
        &json!({"OutOrderId": OUT_ORDER_ID}),
    )
    .await?;
    show(&found);
    expect(&found, "OrderStatus", "SUCCESS")?;
    expect(&found, "PayAmount", &TOTAL_FEN.to_string())?;

    step(5, "The merchants ask what became of their parts: 700 stay, 200 and 100 went on.");
    let number = json!({"OutOrderId": OUT_ORDER_ID});
    let allocated =
        call(gateway, &client, "/cloudpay/v1/account/out/query_allocate", &number).await?;
    let items = allocated["FundAllocateList"].as_array().context("no FundAllocateList")?;
    for (item, status) in items.iter().zip(["SUCCESS", "FROZEN"]) {
        show(item);
        expect(item, "AllocateStatus", status)?;
    }

    step(6, "The ledger, as the administration shows it.");
    accounts(gateway, &client, DIVIDED).await?;

    step(7, "The merchant gives half of it back, and each gives back its part.");
    refund(gateway, &client).await?;
    accounts(gateway, &client, HALVED).await?;

    step(8, "The order's whole story: tongbao why");
    story(gateway).await?;

    cards::play(gateway, &client, [9, 10, 11, 12]).await?;

    step(13, "The proof of the books: tongbao check");
    let audit = check::audit(&*database.open_to_read().await?).await?;
    check::say(&audit);
    ensure!(audit.faults.is_empty(), "the books are wrong");
    ensure!(audit.paid_orders == 3, "three orders are paid, the books have {}", audit.paid_orders);
    say("\nThree orders, each paid once, every fen in the ledger.");
    Ok(())
}

/// The payer pays what an order's answer shows; what the simulated WeChat Pay says of it.
async fn pay(gateway: &DevGateway, client: &JsonClient, placed: &Value) -> Result<Value> {
    let pay_info = placed["PayInfo"].as_str().context("no PayInfo")?;
    let url = format!("{}/control/pay", gateway.file.sandbox_url);
    client.post(url, &json!({"pay_info": pay_info, "outcome": "success"})).await
}

/// The order of the demonstration.
fn order(notify_url: &str) -> Value {
    let external =
        json!({"WxAppId": crate::world::APPID, "WxOpenId": "oXLUp5OHJof5768CoFFDuuaRn8kc"});
    json!({
        "ChannelSubMerchantId": MERCHANTS[0],
        "TotalAmount": TOTAL_FEN,
        "PayChannel": "WXPAY",
        "PayType": "MINI_PROGRAM",
        "OrderSubject": "杂粮煎饼",
        "OutOrderId": OUT_ORDER_ID,
        "NotifyUrl": notify_url,
        "ExternalPaymentData": external.to_string(),
        "Currency": "CNY",
        "Attachment": "原路返回string",
        "Remark": "备注",
        "FundAllocateList": [
            {"ChannelSubMerchantId": MERCHANTS[1], "AllocateAmount": 200, "AllocatePeriod": "D0"},
            {"ChannelSubMerchantId": MERCHANTS[2], "AllocateAmount": 100, "Freeze": true, "AllocatePeriod": "D0"},
        ],
    })
}

/// A signed call; its `Result`.
pub(super) async fn call(
    gateway: &DevGateway,
    client: &JsonClient,
    path: &str,
    body: &Value,
) -> Result<Value> {
    let caller = Caller::of(&gateway.file, Generation::Rsa)?;
    let url = format!("{}{path}", gateway.file.base_url);
    let signed = caller.signed(&url, serde_json::to_vec(body)?, SystemClock::new().now())?;
    let answer = client.send(&signed.request).await?;
    let response = &answer["Response"];
    ensure!(response["ErrCode"] == "SUCCESS", "{path} answered {response}");
    Ok(response["Result"].clone())
}

/// The merchant's server: takes notifications at `/pay/notify` and acknowledges them.
pub(super) async fn merchant_server() -> Result<(String, mpsc::Receiver<Received>)> {
    let (sender, receiver) = mpsc::channel(8);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/pay/notify", listener.local_addr()?);
    let router = Router::new().route("/pay/notify", post(receive)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, receiver))
}

async fn receive(
    State(sender): State<mpsc::Sender<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> &'static str {
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let received = Received { headers: headers.collect(), body };
    match sender.send(received).await {
        Ok(()) => "SUCCESS",
        Err(_) => "FAIL",
    }
}

/// The notification, once its signature holds.
fn verified(gateway: &DevGateway, notify_url: &str, received: &Received) -> Result<Value> {
    let platform = Verifier::from_public_pem(&gateway.file.wecard.platform_public_key_pem)?;
    let caller = Caller::of(&gateway.file, Generation::Rsa)?;
    let genuine = caller.is_genuine(&platform, notify_url, &received.headers, &received.body)?;
    ensure!(genuine, "the notification is not signed by the platform");
    serde_json::from_slice(&received.body).context("the notification is not JSON")
}

/// Requests a refund of a half and waits until the payer has it.
async fn refund(gateway: &DevGateway, client: &JsonClient) -> Result<()> {
    let number = json!({"OutRefundId": OUT_REFUND_ID});
    let asked = json!({
        "OutRefundId": OUT_REFUND_ID,
        "OutOrderId": OUT_ORDER_ID,
        "RefundAmount": TOTAL_FEN / 2,
    });
    call(gateway, client, "/cloudpay/v1/refundOrder/apply", &asked).await?;
    let done = async {
        loop {
            let found = call(gateway, client, "/cloudpay/v1/refundOrder/query", &number).await?;
            if found["RefundStatus"] == "SUCCESS" {
                return Ok::<Value, anyhow::Error>(found);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    };
    let found = tokio::time::timeout(NOTIFICATION_TIMEOUT, done).await;
    show(&found.context("the refund was not done")??);
    Ok(())
}

async fn accounts(gateway: &DevGateway, client: &JsonClient, lies: [Lies; 3]) -> Result<()> {
    let file = &gateway.file;
    let url = format!("{}/admin/v1/tenants/{}/accounts", file.base_url, file.wecard.ocode);
    let answer = client.get(url, &file.admin_token).await?;
    let rows = answer["accounts"].as_array().context("no accounts")?;
    let mut sum = 0;
    for row in rows {
        let posted = row["posted_fen"].as_i64().context("no posted_fen")?;
        sum += posted;
        let kind = row["kind"].as_str().unwrap_or_default();
        let owner = row["owner"].as_str().unwrap_or_default();
        say(&format!("    {kind:<18} {owner:<24} {posted:>8} fen"));
    }
    for (kind, merchant, want) in lies {
        let own = rows.iter().find(|row| row["kind"] == kind && row["owner"] == merchant);
        let posted = own.and_then(|row| row["posted_fen"].as_i64()).unwrap_or_default();
        ensure!(posted == want, "{kind} of {merchant} has {posted} fen, want {want}");
    }
    ensure!(sum == 0, "the accounts do not balance");
    Ok(())
}

async fn story(gateway: &DevGateway) -> Result<()> {
    let number = OUT_ORDER_ID.to_owned();
    let found = gateway.engine.ask(TenantsWithOrder { merchant_order_no: number }).await?;
    let (tenant, order) = found.into_iter().next().context("no order")?;
    // The merchant's acknowledgement is on its way to the database while we are here.
    let delivered = async {
        loop {
            let question = StoryOf { tenant: tenant.clone(), root: order.subject().root() };
            let story = gateway.engine.ask(question).await?.context("no story")?;
            let states: Vec<NotificationState> =
                story.notifications().map(|row| row.notification.state).collect();
            let is_delivered =
                |state: &NotificationState| matches!(state, NotificationState::Delivered { .. });
            if !states.is_empty() && states.iter().all(is_delivered) {
                return Ok(*story);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    };
    let story: Result<Story> = tokio::time::timeout(NOTIFICATION_TIMEOUT, delivered)
        .await
        .context("the notification was not recorded as delivered")?;
    say(&story::render(&story?, gateway.engine.now()));
    Ok(())
}

fn expect(value: &Value, member: &str, want: &str) -> Result<()> {
    ensure!(value[member] == want, "{member} is {}, want {want}", value[member]);
    Ok(())
}

fn step(number: u32, text: &str) {
    say(&format!("\n{number}. {text}"));
}

/// Shows an answer, member by member.
fn show(value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say(&format!("    {name:<20} {}", shortened(&text)));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn say(text: &str) {
    show!("{text}");
}
