//! The channel's other half for the sandbox: WeChat Pay as a server, APIv3 and v2.
//!
//! It checks what the real one checks (who signs, with which certificate, when, over what; the binding
//! of app and merchant; every field; every state), refuses in its words, and signs what the real one signs. It
//! keeps its state in the documents it is lent and knows neither sockets nor clocks.
//!
//! - `world`: the merchants it knows and the keys it begins with. `platform_keys`: which key signs now,
//!   and the certificates of a rotation. `switch`: what a developer can turn.
//! - `route`: which call a request is. `admit`: whether the request is authentic.
//! - `rules`: the rules of fields. `refusal`: its words when it says no. `answer`: what it signs.
//! - `records`: what stands in the documents. `identifiers`: the numbers it gives. `wire`: the messages of
//!   this half alone.
//! - `order`, `trade`, `refund` with `abnormal_refund`, `certificates`, `bill` with `bill_file`: the calls.
//! - `sharing`: profit sharing.
//! - `phone`: the app of the payer, with its `coupon`s. `payment`: what comes of it.
//! - `code_pay`: payments with a code on the phone. `payment_code`: these codes.
//! - `callback`: what it enqueues to merchants.
//! - `v2`: the calls and callbacks of the older interface, about the same orders.

mod abnormal_refund;
mod admit;
mod answer;
mod bill;
mod bill_file;
mod callback;
mod certificates;
mod code_pay;
mod coupon;
mod identifiers;
mod order;
mod payment;
mod payment_code;
mod phone;
mod platform_keys;
mod records;
mod refund;
mod refusal;
mod route;
mod rules;
mod sharing;
mod switch;
#[cfg(test)]
mod tests;
mod trade;
mod v2;
mod wire;
mod world;

pub use platform_keys::Trust;
#[cfg(feature = "fuzzing")]
pub(crate) use route::decode as percent_decoded;
pub use world::{BadWorld, SubMerchant, WxpayMerchant, WxpayWorld};

use crate::counterpart::admit::Admitted;
use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Call, Route, Trade};
use crate::counterpart::world::{Merchant, World};
use crate::v2::sign::SignType;
use channel::{
    AgreementAct, CodecContext, Counterpart, DocumentFault, DocumentStore, FaultMode,
    OutgoingCallback, PhoneFault, PhoneOutcome, Request, Response, ScanOutcome, SwitchFault,
};
use ledger::Timestamp;

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
struct CallContext<'a> {
    world: &'a World,
    merchant: &'a Merchant,
    documents: &'a mut dyn DocumentStore,
    mode: &'a FaultMode,
    request: &'a Request,
    context: &'a CodecContext,
    /// What the answer is signed with, of a call of v2.
    v2: Option<SignType>,
}

impl WxpayCounterpart {
    /// The counterpart of this world.
    pub fn new(world: WxpayWorld) -> Result<WxpayCounterpart, BadWorld> {
        Ok(WxpayCounterpart { world: World::new(world)? })
    }

    /// What a request that passed the gate comes to.
    fn carry_out(&self, call: &mut CallContext<'_>, route: Route) -> Result<Reply, Stop> {
        if let FaultMode::Error { code } = call.mode {
            return Err(Refusal::new(code.clone(), "沙箱指定的错误").into());
        }
        match route.call {
            Call::Create { trade: Trade::Micropay, mode } => code_pay::create(call, mode),
            Call::Create { trade, mode } => order::create(call, trade, mode),
            Call::QueryByNumber { mode, number } => trade::query_by_number(call, mode, &number),
            Call::QueryById { mode, transaction_id } => {
                trade::query_by_id(call, mode, &transaction_id)
            }
            Call::Close { mode, number } => trade::close(call, mode, &number),
            Call::Reverse { mode, number } => code_pay::reverse(call, mode, &number),
            Call::Refund => refund::create(call),
            Call::ApplyAbnormalRefund { refund_id } => abnormal_refund::apply(call, &refund_id),
            Call::QueryRefund { channel_refund_no } => refund::query(call, &channel_refund_no),
            Call::Certificates => certificates::list(call),
            Call::FindBill { kind } => bill::find(call, kind),
            Call::DownloadBill => bill::download(call),
            Call::Sharing(asked) => sharing::carry_out(call, asked),
        }
    }
}

impl Counterpart for WxpayCounterpart {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with("/v3/") || v2::owns(path)
    }

    fn operation(&self, request: &Request) -> &'static str {
        match v2::owns(request.target()) {
            true => v2::operation(request),
            false => Route::read(request).map_or("other", |route| route.operation()),
        }
    }

    fn receive(
        &self,
        documents: &mut dyn DocumentStore,
        mode: &FaultMode,
        request: &Request,
        context: &CodecContext,
        system_now: Timestamp,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        if v2::owns(request.target()) {
            return v2::receive(&self.world, documents, mode, request, context);
        }
        let Some(route) = Route::read(request) else {
            return Ok((route::no_such_call(request.target()), vec![]));
        };
        let clocks = [context.now, system_now];
        let Admitted { merchant, senders_now } = match admit::admit(&self.world, request, clocks) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                return Ok((answer::at_gate(refusal, request.target(), context), vec![]));
            }
        };
        let world = &self.world;
        let mut call = CallContext { world, merchant, documents, mode, request, context, v2: None };
        let reply = match self.carry_out(&mut call, route) {
            Ok(reply) => reply,
            Err(Stop::Refused(refusal)) => refusal.reply(),
            Err(Stop::Broken(fault)) => return Err(fault),
        };
        let key = platform_keys::signer_of_answer(&call)?;
        let signed_at = CodecContext { now: senders_now, ..context.clone() };
        answer::write(&key, mode, &signed_at, reply)
    }

    fn refuse_method(&self, target: &str) -> Response {
        route::no_such_call(target)
    }

    fn phone(
        &self,
        documents: &mut dyn DocumentStore,
        pay_info: &str,
        outcome: PhoneOutcome,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        phone::pay(&self.world, documents, pay_info, outcome, context)
    }

    fn payment_code(
        &self,
        documents: &mut dyn DocumentStore,
        outcome: ScanOutcome,
        context: &CodecContext,
    ) -> Result<Option<String>, DocumentFault> {
        payment_code::show(documents, outcome, context).map(Some)
    }

    fn act_on_agreement(
        &self,
        documents: &mut dyn DocumentStore,
        number: &str,
        act: AgreementAct,
        context: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        v2::papay::act(documents, number, act, context)
    }

    fn envelope(
        &self,
        documents: &dyn DocumentStore,
        callback: &OutgoingCallback,
        mode: &FaultMode,
        context: &CodecContext,
    ) -> Result<Request, DocumentFault> {
        callback::envelope(&self.world, documents, callback, mode, context)
    }

    fn switch(
        &self,
        documents: &mut dyn DocumentStore,
        name: &str,
        arguments: &str,
        context: &CodecContext,
    ) -> Result<String, SwitchFault> {
        switch::turn(&self.world, documents, name, arguments, context)
    }

    fn accepted(&self, callback: &OutgoingCallback, response: &Response) -> bool {
        match callback::is_of_v2(callback) {
            true => v2::callback::is_accepted(response),
            false => matches!(response.status, 200 | 204),
        }
    }

    fn schedule_seconds(&self) -> &'static [i64] {
        &SCHEDULE_SECONDS
    }

    fn transactions(
        &self,
        documents: &dyn DocumentStore,
        limit: usize,
    ) -> Result<Vec<String>, DocumentFault> {
        trade::list(documents, limit)
    }
}
