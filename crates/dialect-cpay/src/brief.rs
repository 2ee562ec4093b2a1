//! The short form that devices (机具) speak: other names, the same orders. A device names its outlet and
//! itself, and nothing of its merchant.

use crate::map;
use crate::states::{Platform, Progress, current_trade_state};
use crate::sub_merchant::{CLIENT_ID_LEN_MAX, SubMerchant};
use crate::wire::{MchKey, Named, OrderClient, Pay, PayContent, PayRequest, nonce_str, number};
use dialect::check::{Malformed, Read, required};
use dialect::json::Object;
use kernel::Order;
use ledger::Fen;
use serde::Serialize;

/// Characters of the random text of an answer.
const NONCE_LEN: usize = 8;

/// `brief_micro_pay` as the request that it is in short. The code names the platform.
pub(crate) fn read_pay(caller: &SubMerchant, asked: &Object<'_>) -> Read<PayRequest> {
    let sn_code = asked.required_text("sc", 1..=127)?.to_owned();
    let mch_key = key(caller, asked)?;
    let nonce_str = nonce_str(asked, "ns")?;
    let out_trade_no = number(asked, "otn")?;
    let code = asked.required_text("ac", 1..=256)?;
    let platform = Platform::of_code(code)
        .ok_or_else(|| Malformed::new("ac", "want a code that begins with 10 to 15 or 25 to 30"))?;
    let fen = required("tf", asked.integer("tf", 1..=i64::from(u32::MAX))?)?;
    let body = asked.required_text("bd", 1..=128)?.to_owned();
    let device_id = asked.required_text("di", 1..=CLIENT_ID_LEN_MAX)?.to_owned();
    let terminal = required("stt", asked.integer("stt", 0..=i64::from(u32::MAX))?)?;
    Ok(PayRequest {
        pay: Pay::Micro,
        platform,
        content: PayContent {
            total_fee: Fen::new(fen),
            author_code: Some(code.to_owned()),
            ..PayContent::plain(out_trade_no, body)
        },
        mch_key,
        client: OrderClient {
            device_id: Some(device_id),
            sub_terminal_type: Some(terminal),
            sn_code: Some(sn_code),
            ..OrderClient::default()
        },
        nonce_str,
    })
}

/// `brief_query_order` as the request that it is in short.
pub(crate) fn read_query(caller: &SubMerchant, asked: &Object<'_>) -> Read<Named> {
    nonce_str(asked, "ns")?;
    let device_id = asked.text("di", 0..=CLIENT_ID_LEN_MAX)?.filter(|id| !id.is_empty());
    Ok(Named {
        mch_key: key(caller, asked)?,
        client: OrderClient { device_id: device_id.map(str::to_owned), ..OrderClient::default() },
        out_trade_no: number(asked, "otn")?,
        trade_type: None,
    })
}

/// The key of the caller, at the outlet that a request names.
fn key(caller: &SubMerchant, asked: &Object<'_>) -> Read<MchKey> {
    Ok(MchKey {
        out_mch_id: caller.out_mch_id.clone(),
        out_sub_mch_id: caller.out_sub_mch_id.clone(),
        out_shop_id: asked.required_text("osi", 1..=32)?.to_owned(),
        ..MchKey::default()
    })
}

/// The result of `brief_micro_pay`.
#[derive(Serialize)]
pub(crate) struct Paid {
    #[serde(flatten)]
    state: State,
    ns: String,
}

/// The result of `brief_query_order`.
#[derive(Serialize)]
pub(crate) struct Queried {
    pp: i64,
    otn: String,
    tf: i64,
    #[serde(flatten)]
    state: State,
    ns: String,
}

/// The state of an order, under its platform.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Wx(TradeState),
    Ali(TradeState),
}

#[derive(Serialize)]
struct TradeState {
    cts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tsd: Option<String>,
}

impl Paid {
    pub(crate) fn of(order: &Order, platform: Platform) -> Paid {
        Paid { state: State::of(order, platform), ns: nonce() }
    }
}

impl Queried {
    pub(crate) fn of(order: &Order, platform: Platform) -> Queried {
        let request = &order.terms.request;
        Queried {
            pp: platform.number(),
            otn: request.merchant_order_no.clone(),
            tf: request.amount.get(),
            state: State::of(order, platform),
            ns: nonce(),
        }
    }
}

impl State {
    fn of(order: &Order, platform: Platform) -> State {
        let scene = order.terms.request.scene;
        let cts = current_trade_state(platform, scene, Progress::of(order));
        let state = TradeState { cts, tsd: map::description(order) };
        match platform {
            Platform::Wechat => State::Wx(state),
            Platform::Alipay => State::Ali(state),
        }
    }
}

fn nonce() -> String {
    let mut nonce = crypto::random::hex_nonce();
    nonce.truncate(NONCE_LEN);
    nonce
}
