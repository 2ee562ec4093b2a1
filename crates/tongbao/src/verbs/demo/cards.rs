//! The life of a gift card: bought, put into a wallet, spent, and given back.

use super::{NOTIFICATION_TIMEOUT, POLL_EVERY, call, expect, pay, show, step};
use crate::merchant::JsonClient;
use crate::verbs::dev::DevGateway;
use crate::world::{APPID, CARD_BATCH, MERCHANTS};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The merchant's numbers of the purchase and of the order that a card pays.
const OUT_RECHARGE_ID: &str = "cards202211200001";
const OUT_ORDER_ID: &str = "bycard202211200001";
/// Whose cards and wallet.
const USER: &str = "user-1";
/// What a card is worth, what the order costs, and what of that goes back, in fen.
const FACE_FEN: i64 = 10_000;
const SPENT_FEN: i64 = 3_000;
const BACK_FEN: i64 = 1_000;

/// Plays it, with these numbers of steps.
pub(super) async fn play(
    gateway: &DevGateway,
    client: &JsonClient,
    [buys, binds, pays, gives_back]: [u32; 4],
) -> Result<()> {
    step(buys, "A user buys three gift cards of 100.00 yuan for 95.00 each, with WeChat.");
    let cards = buy(gateway, client).await?;
    let card = cards.first().context("no card")?;
    cards.iter().for_each(show);

    step(binds, "The user puts one of them into a wallet.");
    let bound = bind(gateway, client, card).await?;
    show(&bound);
    expect(&bound, "CardStatus", "BOUND")?;

    step(pays, "The wallet pays an order of 30.00 yuan with it, at once.");
    let paid = call(gateway, client, "/cloudpay/v1/pay/c2b/unified_order", &order()).await?;
    show(&paid);
    expect(&paid, "OrderStatus", "SUCCESS")?;
    has(gateway, client, card, FACE_FEN - SPENT_FEN).await?;

    step(gives_back, "The merchant gives 10.00 of it back: they are on the card again.");
    let back = json!({
        "OutRefundId": "back202211200001",
        "OutOrderId": OUT_ORDER_ID,
        "RefundAmount": BACK_FEN,
    });
    call(gateway, client, "/cloudpay/v1/refundOrder/apply", &back).await?;
    has(gateway, client, card, FACE_FEN - SPENT_FEN + BACK_FEN).await
}

/// The cards of a purchase that was paid.
async fn buy(gateway: &DevGateway, client: &JsonClient) -> Result<Vec<Value>> {
    let external = json!({"WxAppId": APPID, "WxOpenId": "oXLUp5OHJof5768CoFFDuuaRn8kc"});
    let purchase = json!({
        "OutRechargeId": OUT_RECHARGE_ID,
        "CardBatchId": CARD_BATCH,
        "CardQuantity": 3,
        "PayType": "MINI_PROGRAM",
        "OrderSubject": "礼品卡",
        "ExternalPaymentData": external.to_string(),
        "PayerInfo": {"OutUserId": USER},
    });
    let placed = call(gateway, client, "/cloudpay/v1/wallet/out/buy_cards", &purchase).await?;
    pay(gateway, client, &placed).await?;
    let number = json!({"OutRechargeId": OUT_RECHARGE_ID});
    let issued = async {
        loop {
            let path = "/cloudpay/v1/wallet/out/query_recharge";
            let found = call(gateway, client, path, &number).await?;
            if let Some(cards) = found["CardList"].as_array() {
                return Ok::<_, anyhow::Error>(cards.clone());
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    };
    let issued = tokio::time::timeout(NOTIFICATION_TIMEOUT, issued).await;
    issued.context("the cards were not issued")?
}

async fn bind(gateway: &DevGateway, client: &JsonClient, card: &Value) -> Result<Value> {
    let user = json!({"ChannelSubMerchantId": MERCHANTS[0], "OutUserId": USER});
    let opened = call(gateway, client, "/cloudpay/v1/wallet/out/open_account", &user).await?;
    let binding = json!({
        "OutBindId": "bind202211200001",
        "CardId": card["CardId"],
        "WalletId": opened["WalletId"],
    });
    call(gateway, client, "/cloudpay/v1/wallet/out/bind_card", &binding).await
}

fn order() -> Value {
    json!({
        "ChannelSubMerchantId": MERCHANTS[0],
        "TotalAmount": SPENT_FEN,
        "PayChannel": "WALLETPAY",
        "PayType": "MINI_PROGRAM",
        "OrderSubject": "杂粮煎饼",
        "OutOrderId": OUT_ORDER_ID,
        "PayerInfo": {"OutUserId": USER},
    })
}

/// That a card has so much, and shows it.
async fn has(gateway: &DevGateway, client: &JsonClient, card: &Value, fen: i64) -> Result<()> {
    let named = json!({"CardId": card["CardId"]});
    let found = call(gateway, client, "/cloudpay/v1/wallet/out/query_card", &named).await?;
    show(&found);
    expect(&found, "Balance", &fen.to_string())
}
