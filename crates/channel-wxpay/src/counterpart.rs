//! The channel's other half for the sandbox: WeChat Pay APIv3 as a server.
//!
//! It checks what the real one checks (who signs, with which certificate, when, over what; the binding
//! of app and merchant; every field; every state), refuses in its words, and signs all it says. It
//! keeps its state on the shelf it is lent and knows neither sockets nor clocks.
//!
//! - `world`: the merchants it knows and the keys it signs with.
//! - `route`: which call a request is. `admit`: whether the request is authentic.
//! - `rules`: the rules of fields. `refusal`: its words when it says no. `answer`: what it signs.
//! - `records`: what stands on the shelf. `identifiers`: the numbers it gives.
//! - `order`, `trade`, `refund`, `certificates`: the calls. `phone`: the app of the payer.
//! - `callback`: what it owes to merchants.

mod admit;
mod answer;
mod callback;
mod certificates;
mod identifiers;
mod order;
mod phone;
mod records;
mod refund;
mod refusal;
mod route;
mod rules;
#[cfg(test)]
mod tests;
mod trade;
mod world;

pub use world::{BadWorld, CallbacksWith, SubMerchant, WxpayMerchant, WxpayWorld};

use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Call, Route};
use crate::counterpart::world::{Merchant, World};
use channel::{
    Counterpart, Draw, Fate, OutgoingCallback, PhoneFault, PhoneOutcome, Request, Response, Shelf,
    ShelfFault,
};

/// The channel's name.
const NAME: &str = "wxpay";

/// 15 s, 15 s, 30 s, 3 min, 10 min, 20 min, 30 min three times, 60 min, 3 h three times, 6 h twice:
/// 24 h 4 min in all.
const SCHEDULE_SECONDS: [i64; 15] = [
    15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600,
];

/// WeChat Pay APIv3, simulated.
pub struct WxpayCounterpart {
    world: World,
}

/// One request on its way through a call.
struct Visit<'a> {
    world: &'a World,
    merchant: &'a Merchant,
    shelf: &'a mut dyn Shelf,
    fate: &'a Fate,
    request: &'a Request,
    draw: &'a Draw,
}

impl WxpayCounterpart {
    /// The counterpart of this world.
    pub fn new(world: WxpayWorld) -> Result<WxpayCounterpart, BadWorld> {
        Ok(WxpayCounterpart { world: World::new(world)? })
    }

    fn reply(
        &self,
        shelf: &mut dyn Shelf,
        fate: &Fate,
        request: &Request,
        draw: &Draw,
    ) -> Result<Reply, Stop> {
        if let Fate::Error { code } = fate {
            return Err(Refusal::new(code.clone(), "沙箱指定的错误").into());
        }
        let merchant = admit::admit(&self.world, request, draw)?;
        let call = Route::read(request)
            .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "请求的资源不存在"))?;
        let mut visit = Visit { world: &self.world, merchant, shelf, fate, request, draw };
        match call.call {
            Call::Create { trade, mode } => order::create(&mut visit, trade, mode),
            Call::QueryByNumber { mode, number } => {
                trade::query_by_number(&mut visit, mode, &number)
            }
            Call::QueryById { mode, transaction_id } => {
                trade::query_by_id(&mut visit, mode, &transaction_id)
            }
            Call::Close { mode, number } => trade::close(&mut visit, mode, &number),
            Call::Refund => refund::create(&mut visit),
            Call::QueryRefund { channel_refund_no } => {
                refund::query(&mut visit, &channel_refund_no)
            }
            Call::Certificates => certificates::list(&visit),
        }
    }
}

impl Counterpart for WxpayCounterpart {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with("/v3/")
    }

    fn operation(&self, request: &Request) -> &'static str {
        Route::read(request).map_or("other", |route| route.operation())
    }

    fn receive(
        &self,
        shelf: &mut dyn Shelf,
        fate: &Fate,
        request: &Request,
        draw: &Draw,
    ) -> Result<(Response, Vec<OutgoingCallback>), ShelfFault> {
        let reply = match self.reply(shelf, fate, request, draw) {
            Ok(reply) => reply,
            Err(Stop::Refused(refusal)) => refusal.reply(),
            Err(Stop::Broken(fault)) => return Err(fault),
        };
        let signer = self.world.signer_for(request);
        let response = answer::sign(signer, fate, draw, reply.status, reply.body)?;
        Ok((response, reply.owed))
    }

    fn phone(
        &self,
        shelf: &mut dyn Shelf,
        pay_info: &str,
        outcome: PhoneOutcome,
        draw: &Draw,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        phone::pay(&self.world, shelf, pay_info, outcome, draw)
    }

    fn envelope(&self, callback: &OutgoingCallback, fate: &Fate, draw: &Draw) -> Request {
        callback::envelope(&self.world, callback, fate, draw)
    }

    fn accepted(&self, response: &Response) -> bool {
        matches!(response.status, 200 | 204)
    }

    fn schedule_seconds(&self) -> &'static [i64] {
        &SCHEDULE_SECONDS
    }

    fn transactions(&self, shelf: &dyn Shelf, limit: usize) -> Result<Vec<String>, ShelfFault> {
        trade::list(shelf, limit)
    }
}
