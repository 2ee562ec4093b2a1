//! Merchants that order and collect while something goes wrong, what they were promised, and whether it was
//! kept. The channel's own list is the truth about what was paid.

use crate::merchant::Merchant;
use crate::rng::SeededRng;
use crate::test_gateway::{Answer, CallerKey, QUERY_ORDER, Signature, TestGateway, UNIFIED_ORDER};
use crate::test_gateway::{fresh_number, id_in, order, unix_seconds, utc_date, with};
use adapters::stopwatch::monotonic;
use engine::{Guard, HttpClient, HyperClient, SendContext};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Merchants that order at the same time.
const MERCHANTS: u64 = 6;
/// Orders of a merchant at most: all of them together fit on a page of the channel's list.
const ORDERS_MAX: u32 = 150;
/// What that page holds.
const PAGE_LEN_MAX: usize = 1000;
/// How long a merchant takes between two orders, in milliseconds.
const PACE_MS: std::ops::Range<u64> = 20..80;
/// How often a merchant asks again before it lets a number be.
const ASKED_MAX: u32 = 40;
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const CONTEXT: SendContext<'static> = SendContext { tenant: "", deadline: ANSWER_TIMEOUT };

/// Where the merchants order: gateways of one installation, any of which may be asked, and its sandbox.
pub(crate) struct GatewayGroup {
    pub(crate) gateways: Vec<String>,
    file: Value,
    ahead_seconds: i64,
    client: HyperClient,
}

/// What merchants were promised.
#[derive(Default)]
pub(crate) struct Promised {
    /// Numbers answered with SUCCESS, and the ids in those answers.
    pub(crate) placed: BTreeMap<String, Value>,
    /// Numbers whose payer's phone said paid.
    pub(crate) paid: BTreeSet<String>,
    /// Answers that let the outcome open.
    pub(crate) unknown: u32,
}

impl GatewayGroup {
    /// A group with the credentials of a `dev.json`.
    pub(crate) fn new(file: &Value, gateways: Vec<String>, ahead_seconds: i64) -> GatewayGroup {
        let client = HyperClient::new(Guard::Open, 8 * 1024 * 1024).expect("a client");
        GatewayGroup { gateways, file: file.clone(), ahead_seconds, client }
    }

    /// The group of a gateway.
    pub(crate) fn of(gateway: &TestGateway) -> GatewayGroup {
        GatewayGroup::new(&gateway.file, vec![gateway.text("/base_url")], gateway.ahead_seconds)
    }

    fn text(&self, pointer: &str) -> &str {
        let text = self.file.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("dev.json has no {pointer}"))
    }

    /// A signed call; the member `Response`, or nothing when there is no whole answer.
    pub(crate) async fn ask(&self, gateway: &str, path: &str, body: &Value) -> Option<Value> {
        let bytes = body.to_string().into_bytes();
        let now = unix_seconds() + self.ahead_seconds;
        let signature = Signature {
            path: path.to_owned(),
            query: String::new(),
            body: bytes.clone(),
            host: gateway.trim_start_matches("http://").to_owned(),
            content_type: "application/json".to_owned(),
            action: "wxpay".to_owned(),
            ocode: self.text("/wecard/ocode").to_owned(),
            timestamp: now,
            date: utc_date(now),
            signed_headers: "content-type;host;x-tc-ocode;x-tc-action".to_owned(),
            secret_id: self.text("/wecard/hmac/secret_id").to_owned(),
            key: CallerKey::Hmac(self.text("/wecard/hmac/secret_key").to_owned()),
        };
        let url = format!("{gateway}{path}");
        let answer = self.send(channel::Method::Post, url, signature.headers(), bytes).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        Some(answer.body["Response"].clone())
    }

    /// Asks the first gateway for something that it has.
    pub(crate) async fn result(&self, path: &str, body: &Value) -> Value {
        let response = self.ask(&self.gateways[0], path, body).await.expect("an answer");
        assert_eq!(response["ErrCode"], "SUCCESS", "{response}");
        response["Result"].clone()
    }

    /// Has the sandbox do something wrong.
    pub(crate) async fn inject(&self, fault: &Value) {
        let url = format!("{}/control/faults", self.text("/sandbox_url"));
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = fault.to_string().into_bytes();
        let answer = self.send(channel::Method::Post, url, headers, body).await;
        assert!(answer.as_ref().is_some_and(|it| it.status < 300), "{answer:?}");
    }

    /// What the phone says.
    pub(crate) async fn pay(&self, pay_info: &Value) -> Option<Answer> {
        let url = format!("{}/control/pay", self.text("/sandbox_url"));
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = json!({"pay_info": pay_info, "outcome": "success"}).to_string();
        self.send(channel::Method::Post, url, headers, body.into_bytes()).await
    }

    /// A page of the administration about the tenant.
    pub(crate) async fn of_tenant(&self, path: &str) -> Value {
        let tenant = self.text("/wecard/ocode");
        let url = format!("{}/admin/v1/tenants/{tenant}{path}", self.gateways[0]);
        let token = format!("Bearer {}", self.text("/admin_token"));
        let headers = vec![("authorization".to_owned(), token)];
        let answer = self.send(channel::Method::Get, url, headers, vec![]).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// What the channel has.
    pub(crate) async fn transactions(&self) -> Vec<Value> {
        let limit = PAGE_LEN_MAX;
        let url = format!("{}/control/transactions?limit={limit}", self.text("/sandbox_url"));
        let page = self.send(channel::Method::Get, url, vec![], vec![]).await.expect("an answer");
        let all = page.body["transactions"].as_array().expect("a list").clone();
        assert!(all.len() < PAGE_LEN_MAX, "more orders than a page shows");
        all
    }

    async fn send(
        &self,
        method: channel::Method,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Option<Answer> {
        let request = channel::Request { method, url, headers, body };
        let answer = self.client.send(&request, CONTEXT).await.ok()?;
        let body = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&answer.body)));
        Some(Answer { status: answer.status, body })
    }

    /// What accounts of a kind have posted and held together, in fen.
    async fn balance(&self, kind: &str) -> (i64, i64) {
        let page = self.of_tenant("/accounts").await;
        let accounts = page["accounts"].as_array().expect("a list");
        let of_kind = || accounts.iter().filter(|account| account["kind"] == kind);
        let sum = |part: &str| of_kind().map(|one| one[part].as_i64().expect("fen")).sum();
        (sum("posted_fen"), sum("held_fen"))
    }

    /// What the channel was paid: amounts by our id of the order.
    async fn paid_at_channel(&self) -> BTreeMap<String, i64> {
        let all = self.transactions().await;
        let paid = all.iter().filter(|one| one["trade_state"] != "NOTPAY");
        paid.map(|one| {
            assert_eq!((&one["trade_state"], &one["refunded"]), (&json!("SUCCESS"), &json!(0)));
            let number = one["out_trade_no"].as_str().expect("a number");
            (id_in(number).to_owned(), one["amount"]["total"].as_i64().expect("fen"))
        })
        .collect()
    }
}

/// Merchants that are open.
pub(crate) struct Trade {
    open: Arc<AtomicBool>,
    /// Answers so far that left something open.
    unknown: Arc<AtomicU32>,
    merchants: JoinSet<Promised>,
}

impl Trade {
    /// Opens the merchants.
    pub(crate) fn open(group: &Arc<GatewayGroup>, notify_url: &str, rng: &mut SeededRng) -> Trade {
        let open = Arc::new(AtomicBool::new(true));
        let unknown = Arc::new(AtomicU32::new(0));
        let mut merchants = JoinSet::new();
        for _ in 0..MERCHANTS {
            let merchant = OrderLoop {
                group: group.clone(),
                open: open.clone(),
                unknown: unknown.clone(),
                notify_url: notify_url.to_owned(),
                rng: SeededRng(rng.roll(0..u64::MAX)),
                promised: Promised::default(),
            };
            merchants.spawn(merchant.run());
        }
        Trade { open, unknown, merchants }
    }

    /// Whether a merchant was left without an answer for good.
    pub(crate) fn has_felt_a_fault(&self) -> bool {
        self.unknown.load(Ordering::Relaxed) > 0
    }

    /// Closes them; what they were promised.
    pub(crate) async fn close(mut self) -> Promised {
        self.open.store(false, Ordering::Relaxed);
        let mut promised = Promised::default();
        while let Some(merchant) = self.merchants.join_next().await {
            let more = merchant.expect("the merchant's rules hold");
            promised.placed.extend(more.placed);
            promised.paid.extend(more.paid);
            promised.unknown += more.unknown;
        }
        eprintln!(
            "{} placed, {} paid, {} answers open",
            promised.placed.len(),
            promised.paid.len(),
            promised.unknown
        );
        promised
    }
}

/// One of the merchants.
struct OrderLoop {
    group: Arc<GatewayGroup>,
    open: Arc<AtomicBool>,
    unknown: Arc<AtomicU32>,
    notify_url: String,
    rng: SeededRng,
    promised: Promised,
}

impl OrderLoop {
    async fn run(mut self) -> Promised {
        let mut orders = 0;
        while self.open.load(Ordering::Relaxed) && orders < ORDERS_MAX {
            orders += 1;
            let number = fresh_number();
            let body = with(&order(&number), "NotifyUrl", json!(self.notify_url));
            let body = with(&body, "TotalAmount", json!(self.rng.roll(1..10_000)));
            let Some(placed) = self.place(&number, &body).await else { continue };
            if self.rng.roll(0..4) > 0 && self.pay(&placed["PayInfo"]).await {
                self.promised.paid.insert(number);
            }
            self.pause(PACE_MS).await;
        }
        self.promised
    }

    /// Places, each time at another gateway, until there is an answer for good; `None` when the merchant
    /// asked often enough.
    async fn place(&mut self, number: &str, body: &Value) -> Option<Value> {
        for _ in 0..ASKED_MAX {
            let gateways = u64::try_from(self.group.gateways.len()).expect("a few");
            let gateway = usize::try_from(self.rng.roll(0..gateways)).expect("a few");
            let gateway = &self.group.gateways[gateway];
            let response = self.group.ask(gateway, UNIFIED_ORDER, body).await;
            let code = response.as_ref().and_then(|response| response["ErrCode"].as_str());
            match (code, &response) {
                (Some("SUCCESS"), Some(response)) => {
                    let result = response["Result"].clone();
                    assert_eq!(result["OrderStatus"], "PAYING", "{response}");
                    let id = result["ChannelOrderId"].clone();
                    self.promised.placed.insert(number.to_owned(), id);
                    return Some(result);
                }
                (Some("FailedOperation.SystemError" | "ORDER.OPERATE_IS_PROCESSING"), _)
                | (_, None) => {
                    self.promised.unknown += 1;
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                    self.pause(PACE_MS).await;
                }
                (_, Some(response)) => panic!("{number}: {response}"),
            }
        }
        None
    }

    /// Whether the phone said paid.
    async fn pay(&mut self, pay_info: &Value) -> bool {
        let answer = self.group.pay(pay_info).await.expect("the sandbox is there");
        assert_eq!(answer.status, 200, "the phone cannot pay: {answer:?}");
        true
    }

    async fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.rng.roll(milliseconds))).await;
    }
}

/// Waits until what was paid at the channel is booked and told, and asserts that everything promised
/// was kept and nothing happened twice.
pub(crate) async fn all_is_kept(
    group: &GatewayGroup,
    promised: &Promised,
    merchant: &mut Merchant,
    limit: Duration,
) {
    let deadline = monotonic() + limit;
    let at_channel = group.paid_at_channel().await;
    let sum: i64 = at_channel.values().sum();
    until_booked(group, sum, deadline).await;
    let mut paid = BTreeSet::new();
    for (id, total) in &at_channel {
        let found = group.result(QUERY_ORDER, &json!({"ChannelOrderId": id})).await;
        assert_eq!(found["OrderStatus"], "SUCCESS");
        assert_eq!(found["TotalAmount"], total.to_string());
        paid.insert(found["OutOrderId"].as_str().expect("a number").to_owned());
    }
    assert_eq!(paid.len(), at_channel.len());
    assert!(promised.paid.is_subset(&paid), "the phone paid what the channel does not know");
    for (number, id) in &promised.placed {
        let found = group.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["ChannelOrderId"], *id, "{number}");
        let wanted = if paid.contains(number) { "SUCCESS" } else { "PAYING" };
        assert_eq!(found["OrderStatus"], wanted, "{number}");
    }
    until_told(merchant, &paid, deadline).await;
    assert_eq!(group.balance("channel_funds").await, (-sum, 0));
    assert_eq!(group.balance("suspense").await, (0, 0));
}

/// Looks until the merchants have this much. A look changes nothing.
async fn until_booked(group: &GatewayGroup, sum: i64, deadline: Instant) {
    while group.balance("merchant_pending").await != (sum, 0) {
        let booked = group.balance("merchant_pending").await;
        assert!(monotonic() < deadline, "{sum} fen were paid, {booked:?} are booked");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every paid order is told, always with the same NotifyId, and no other.
async fn until_told(merchant: &mut Merchant, paid: &BTreeSet<String>, deadline: Instant) {
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    loop {
        for notification in merchant.waiting() {
            let body = notification.json();
            assert_eq!(body["Result"]["OrderStatus"], "SUCCESS");
            let number = body["Result"]["OutOrderId"].as_str().expect("a number").to_owned();
            assert!(paid.contains(&number), "{number} was told and is not paid");
            let known = told.entry(number).or_insert_with(|| body["NotifyId"].clone());
            assert_eq!(*known, body["NotifyId"], "an order has two notifications");
        }
        if told.len() == paid.len() {
            return;
        }
        assert!(monotonic() < deadline, "{} of {} are told", told.len(), paid.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
