//! The endpoints.

use crate::auth::{self, Accepted};
use crate::details::Kept;
use crate::envelope::{self, Form, Received};
use crate::faults::{Fault, Internal, Status};
use crate::map::{self, Opened};
use crate::outlets::{Page, PageAsked};
use crate::result::{Done, Placed, Queried, Refunded, Reported};
use crate::sub_merchant::{Registered, SubMerchants};
use crate::wire::{MchKey, Named, OrderClient, Pay, PayRequest, RefundAsked, RefundNamed};
use crate::{NAMESPACE, brief, refund, states};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use channel::Scene;
use dialect::check::Malformed;
use dialect::json::Object;
use dialect::{Budgets, Peer};
use engine::{Engine, Failure};
use http::{HeaderValue, StatusCode, header};
use kernel::{
    Caller, ChannelAnswer, Command, Key, NaturalKey, Order, OrderCommand, OrderRefusal,
    OrderShares, OrderState, PlaceOrder, Refund, Refusal, Row,
};
use ledger::kinds;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use std::time::Duration;
use store::{OneOrder, OneRefund, StoryOf};

/// How long a call waits for the platform. Clients commonly give up at 15 s.
const CALL_PATIENCE: Duration = Duration::from_secs(12);
/// How long a query waits for the platform to end an order that is past its time.
const QUERY_PATIENCE: Duration = Duration::from_secs(5);
/// How far ahead the expiry of a new order must lie, in seconds: WeChat Pay takes none that is nearer.
const LIFE_SECONDS_MIN: i64 = 60;

/// What the endpoints work with.
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sub_merchants: Arc<SubMerchants>,
    pub(crate) budgets: Arc<Budgets>,
}

type Shared = State<Arc<Api>>;

/// An endpoint that has the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Place(Pay),
    QueryOrder,
    CloseOrder,
    Reverse,
    Refund,
    QueryRefundOrder,
    QueryOutlets,
    /// What a client says about its own calls and its machine: taken, and kept nowhere.
    Report,
    BriefMicroPay,
    BriefQueryOrder,
}

/// Every endpoint: its path, the member of its result, what it does.
const CALLS: [(&str, &str, Call); 17] = [
    ("/cpay/official_account_pay", "official_account_pay", Call::Place(Pay::OfficialAccount)),
    ("/cpay/mini_program_pay", "mini_program_pay", Call::Place(Pay::MiniProgram)),
    ("/cpay/scan_code_pay", "scan_code_pay", Call::Place(Pay::ScanCode)),
    ("/cpay/app_pay", "app_pay", Call::Place(Pay::App)),
    ("/cpay/mob_web_pay", "mob_web_pay", Call::Place(Pay::MobWeb)),
    ("/cpay/micro_pay", "micro_pay", Call::Place(Pay::Micro)),
    ("/cpay/query_order", "query_order", Call::QueryOrder),
    ("/cpay/close_order", "close_order", Call::CloseOrder),
    ("/cpay/reverse", "reverse", Call::Reverse),
    ("/cpay/refund", "refund", Call::Refund),
    ("/cpay/query_refund_order", "query_refund_order", Call::QueryRefundOrder),
    ("/cpay/query_sub_mch_shop_info", "query_shop_info", Call::QueryOutlets),
    ("/cpay/upload_client_monitor_info", "upload_client_monitor_info", Call::Report),
    ("/cpay/upload_client_conf_info", "upload_client_conf_info", Call::Report),
    ("/cpay/device_report", "device_info_report", Call::Report),
    ("/cpay/brief_micro_pay", "brief_micro_pay", Call::BriefMicroPay),
    ("/cpay/brief_query_order", "brief_query_order", Call::BriefQueryOrder),
];

impl Call {
    /// A signature was once demanded for what gives money back, and is taken there still.
    const fn accepted(self) -> Accepted {
        match self {
            Call::Refund | Call::Reverse => Accepted::CodeOrSignature,
            Call::Place(_)
            | Call::QueryOrder
            | Call::CloseOrder
            | Call::QueryRefundOrder
            | Call::QueryOutlets
            | Call::Report
            | Call::BriefMicroPay
            | Call::BriefQueryOrder => Accepted::Code,
        }
    }

    /// Which names its members have.
    const fn form(self) -> Form {
        match self {
            Call::BriefMicroPay | Call::BriefQueryOrder => Form::Brief,
            Call::Place(_)
            | Call::QueryOrder
            | Call::CloseOrder
            | Call::Reverse
            | Call::Refund
            | Call::QueryRefundOrder
            | Call::QueryOutlets
            | Call::Report => Form::Full,
        }
    }
}

/// The routes, with their full paths.
pub(crate) fn router(api: Api) -> Router {
    let mut router = Router::new();
    for (path, name, call) in CALLS {
        let handler = move |State(api): Shared, request: Request| async move {
            api.serve(name, call, request).await
        };
        router = router.route(path, post(handler).fallback(wrong_method));
    }
    router
        .route("/cpay/ping", post(ping).fallback(wrong_method))
        .route("/cpay", any(unknown_path))
        .route("/cpay/", any(unknown_path))
        .route("/cpay/{*rest}", any(unknown_path))
        // Devices keep their connection open with it and ignore the answer.
        .route("/", get(alive))
        .with_state(Arc::new(api))
}

async fn alive() -> &'static str {
    "tongbao\n"
}

#[derive(Serialize)]
struct Pong {
    description: &'static str,
    status: u16,
    timestamp: i64,
}

/// Has no envelope: clients correct their clocks by it.
async fn ping(State(api): Shared) -> Response {
    let timestamp = api.engine.now().seconds();
    let pong = Pong { description: "pong", status: Status::Success.number(), timestamp };
    match serde_json::to_vec(&pong) {
        Ok(body) => envelope::json(StatusCode::OK, body),
        Err(fault) => envelope::failure(StatusCode::OK, NOBODY, &fault.into()),
    }
}

/// Of an answer that nobody proved to be for.
const NOBODY: (Form, Option<&Registered>) = (Form::Full, None);

async fn wrong_method() -> Response {
    let fault = Fault::from(Malformed::new("method", "want POST"));
    let mut response = envelope::failure(StatusCode::METHOD_NOT_ALLOWED, NOBODY, &fault);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn unknown_path() -> Response {
    let fault = Fault::from(Malformed::new("path", "no such endpoint"));
    envelope::failure(StatusCode::NOT_FOUND, NOBODY, &fault)
}

/// A result as it stands in the answer.
fn shown(result: &impl Serialize) -> Result<Box<RawValue>, Fault> {
    Ok(to_raw_value(result)?)
}

fn nonce_str() -> String {
    crypto::random::hex_nonce()
}

impl Api {
    /// Every call: the text, its proof, how often its caller calls, and only then what it asks for.
    async fn serve(&self, name: &'static str, call: Call, request: Request) -> Response {
        let form = call.form();
        let refused = |fault: Fault| envelope::failure(StatusCode::OK, (form, None), &fault);
        let received = match Received::read(request).await {
            Ok(received) => received,
            Err(fault) => return refused(fault),
        };
        let outer = match received.outer() {
            Ok(outer) => outer,
            Err(fault) => return refused(fault),
        };
        let (caller, asked) = match self.prove(&outer, call, received.peer) {
            Ok(proven) => proven,
            Err(fault) => return refused(fault),
        };
        let outcome = match self.budgets.draw_call(&caller.declared.tenant, &caller.key_id) {
            Ok(()) => self.run(call, &caller, &asked).await,
            Err(wait) => Err(wait.into()),
        };
        envelope::answer(form, &caller, name, outcome)
    }

    /// The caller, and what it asks for.
    fn prove<'o>(
        &self,
        outer: &'o Object<'_>,
        call: Call,
        peer: Option<Peer>,
    ) -> Result<(Arc<Registered>, Object<'o>), Fault> {
        let form = call.form();
        let (text, proof) = envelope::opened(form, outer)?;
        let asked = envelope::inner(form, text)?;
        let proof = (text, proof, call.accepted());
        let caller = auth::authenticate(&self.sub_merchants, (form, &asked), proof)
            .and_then(|caller| self.enabled(caller))
            .map_err(|fault| self.unproven(peer, fault))?;
        Ok((caller, asked))
    }

    /// One of a disabled tenant is told the same as one that is not known.
    fn enabled(&self, caller: Arc<Registered>) -> Result<Arc<Registered>, Fault> {
        let directory = self.engine.directory();
        match directory.tenants.get(&caller.declared.tenant) {
            Some(tenant) if tenant.is_enabled => Ok(caller),
            Some(_) | None => Err(Fault::unproven(auth::FAILED)),
        }
    }

    /// An address that has failed too often is told no more than that.
    fn unproven(&self, peer: Option<Peer>, fault: Fault) -> Fault {
        match self.budgets.draw_failure(peer) {
            Ok(()) => fault,
            Err(wait) => {
                let text = format!("too many failures, retry after {} s", wait.seconds());
                Fault::new(Status::Invalid, Internal::RateLimited, text)
            }
        }
    }

    async fn run(
        &self,
        call: Call,
        caller: &Registered,
        asked: &Object<'_>,
    ) -> Result<Box<RawValue>, Fault> {
        match call {
            Call::Place(pay) => {
                let request = PayRequest::read(pay, asked)?;
                let order = self.place(caller, "pay_content.out_trade_no", request).await?;
                self.show_placed(&order)
            }
            Call::QueryOrder => {
                let order = self.query_order(caller, Named::read(asked)?).await?;
                self.show_queried(&order)
            }
            Call::BriefMicroPay => {
                let request = brief::read_pay(&caller.declared, asked)?;
                let order = self.place(caller, "otn", request).await?;
                shown(&brief::Paid::of(&order, map::platform(&order)?))
            }
            Call::BriefQueryOrder => {
                let named = brief::read_query(&caller.declared, asked)?;
                let order = self.query_order(caller, named).await?;
                shown(&brief::Queried::of(&order, map::platform(&order)?))
            }
            Call::CloseOrder => self.close_order(caller, Named::read(asked)?).await,
            Call::Reverse => self.reverse(caller, Named::read(asked)?).await,
            Call::Refund => self.refund(caller, RefundAsked::read(asked)?).await,
            Call::QueryRefundOrder => self.query_refund(caller, RefundNamed::read(asked)?).await,
            Call::QueryOutlets => shown(&Page::of(&caller.declared, PageAsked::read(asked)?)),
            Call::Report => shown(&Reported { nonce_str: nonce_str(), interval: 0 }),
        }
    }

    /// Places an order; it can be shown. `field` is the name of its number in this form.
    async fn place(
        &self,
        caller: &Registered,
        field: &str,
        request: PayRequest,
    ) -> Result<Order, Fault> {
        check_prefix(caller, field, &request.content.out_trade_no)?;
        check_client(caller, &request.mch_key, &request.client)?;
        self.check_expiry(caller, &request).await?;
        let place = map::place(caller, &request, self.engine.now())?;
        let (order, answer) = self.placed_or_repeated(caller, place).await?;
        map::check_placed(&order, answer.as_ref(), self.engine.now())?;
        Ok(order)
    }

    fn show_placed(&self, order: &Order) -> Result<Box<RawValue>, Fault> {
        let (kept, platform) = (Kept::read(order)?, map::platform(order)?);
        let opened = Opened::of(order, platform, self.engine.now())?;
        let order_content = map::order_content(order, &kept, &opened, platform);
        shown(&Placed {
            pay_mch_key: opened.mch_key(&kept),
            order_content,
            nonce_str: nonce_str(),
            way: opened.way,
        })
    }

    /// Places an order. A final one that the same request made is shown again where a code paid it: its
    /// caller may have missed the outcome, and is told to send the same call again.
    async fn placed_or_repeated(
        &self,
        caller: &Registered,
        place: PlaceOrder,
    ) -> Result<(Order, Option<ChannelAnswer>), Fault> {
        let command = Command::from(place.clone());
        match self.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await {
            Ok(reply) => match reply.row {
                Some(Row::Order(order)) => Ok((order, reply.answer)),
                Some(_) | None => Err(Fault::unknown()),
            },
            Err(Failure::Refused(refusal @ Refusal::Order(OrderRefusal::Final))) => {
                let number = &place.request.merchant_order_no;
                let order = self.order(caller, number).await?;
                match (map::is_same(&order, &place), place.request.scene == Scene::Swipe) {
                    (false, _) => Err(Fault::differs("the order exists with other content")),
                    (true, true) => Ok((order, None)),
                    // Under a new number the payer would pay again.
                    (true, false) if matches!(order.state, OrderState::Paid(_)) => {
                        Err(Fault::paid())
                    }
                    (true, false) => Err(refusal.into()),
                }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// That a new order lives long enough. A repeat of an old one is still answered.
    async fn check_expiry(&self, caller: &Registered, request: &PayRequest) -> Result<(), Fault> {
        let earliest = self.engine.now().plus_seconds(LIFE_SECONDS_MIN);
        if request.content.time_expire.is_none_or(|at| at >= earliest) {
            return Ok(());
        }
        let key = by_number(&request.content.out_trade_no);
        let known = OneOrder { tenant: caller.declared.tenant.clone(), key };
        match self.engine.ask(known).await? {
            Some(_) => Ok(()),
            None => {
                let why = format!("want at least {LIFE_SECONDS_MIN} s ahead");
                Err(Malformed::new("pay_content.time_expire", why).into())
            }
        }
    }

    async fn query_order(&self, caller: &Registered, named: Named) -> Result<Order, Fault> {
        check_client(caller, &named.mch_key, &named.client)?;
        let mut order = self.named(caller, &named).await?;
        if order.is_overdue(self.engine.now()) {
            // The order as it stands afterwards is the answer, also when the platform has not answered.
            self.engine.refresh_order(caller.business(), &order, QUERY_PATIENCE).await;
            order = self.order(caller, &named.out_trade_no).await?;
        }
        Ok(order)
    }

    fn show_queried(&self, order: &Order) -> Result<Box<RawValue>, Fault> {
        let (kept, platform) = (Kept::read(order)?, map::platform(order)?);
        let opened = Opened::of(order, platform, self.engine.now())?;
        shown(&Queried {
            nonce_str: nonce_str(),
            pay_mch_key: opened.mch_key(&kept),
            order_content: map::order_content(order, &kept, &opened, platform),
        })
    }

    async fn close_order(&self, caller: &Registered, named: Named) -> Result<Box<RawValue>, Fault> {
        check_client(caller, &named.mch_key, &named.client)?;
        if named.trade_type.is_none() {
            return Err(Malformed::new("trade_type", "missing").into());
        }
        let order = self.named(caller, &named).await?;
        if order.terms.request.scene == Scene::Swipe {
            return Err(Fault::conflict("a code pays the order: reverse it"));
        }
        self.close(caller, &order).await
    }

    /// A payment by code that its caller does not want any more. A paid order is not reversed: its money
    /// goes back by a refund, which has a number.
    async fn reverse(&self, caller: &Registered, named: Named) -> Result<Box<RawValue>, Fault> {
        check_client(caller, &named.mch_key, &named.client)?;
        let order = self.named(caller, &named).await?;
        if order.terms.request.scene != Scene::Swipe {
            return Err(Fault::conflict("no code pays the order: close it"));
        }
        let began = Kept::read(&order)?;
        let is_same_terminal = began.order_client.device_id == named.client.device_id
            && began.pay_mch_key.out_shop_id == named.mch_key.out_shop_id;
        if !is_same_terminal {
            let text = "the order was placed from another terminal";
            return Err(Fault::new(Status::Failed, Internal::NotPermitted, text));
        }
        self.close(caller, &order).await
    }

    async fn close(&self, caller: &Registered, order: &Order) -> Result<Box<RawValue>, Fault> {
        let (tenant, id) = (caller.declared.tenant.clone(), order.terms.id);
        let command = Command::from(OrderCommand::Close { tenant, order: id.into() });
        let reply = self.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
        let Some(Row::Order(order)) = reply.row else { return Err(Fault::unknown()) };
        match &order.state {
            OrderState::Closed { .. } | OrderState::Failed { .. } => {
                shown(&Done { nonce_str: nonce_str() })
            }
            OrderState::Paid(_) => Err(Fault::conflict("the order is paid")),
            OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
                Err(map::not_known(reply.answer.as_ref()))
            }
        }
    }

    async fn refund(
        &self,
        caller: &Registered,
        asked: RefundAsked,
    ) -> Result<Box<RawValue>, Fault> {
        check_prefix(caller, "refund_content.out_refund_no", &asked.out_refund_no)?;
        check_client(caller, &asked.mch_key, &asked.client)?;
        let order = self.order(caller, &asked.out_trade_no).await?;
        let kept = Kept::read(&order)?;
        check_platform(&order, &asked.mch_key)?;
        check_authority(caller, &asked, &kept)?;
        if asked.total_fee != order.terms.request.amount {
            return Err(Fault::conflict("refund_content.total_fee: not the order's"));
        }
        let shares = self.shares(&order).await?;
        let command = Command::from(refund::request(&asked, &order, &kept, shares)?);
        let reply = self.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
        let refund = match reply.row {
            Some(Row::Refund(refund)) => refund,
            // The answer was about what the refund waits for.
            Some(_) => self.refund_by_number(caller, &asked.out_refund_no).await?,
            None => return Err(Fault::unknown()),
        };
        let request = refund.request.as_deref().ok_or_else(Fault::unknown)?;
        let queried = refund::queried(&refund, request)?;
        let [refund_order_content] = queried.refund_order_content;
        shown(&Refunded {
            nonce_str: queried.nonce_str,
            pay_mch_key: queried.pay_mch_key,
            refund_order_content,
        })
    }

    async fn query_refund(
        &self,
        caller: &Registered,
        asked: RefundNamed,
    ) -> Result<Box<RawValue>, Fault> {
        check_client(caller, &asked.named.mch_key, &asked.named.client)?;
        let order = self.named(caller, &asked.named).await?;
        let refund = self.refund_by_number(caller, &asked.out_refund_no).await?;
        let request = refund.request.as_deref().filter(|_| refund.order == order.terms.id);
        let request = request.ok_or_else(|| Fault::not_found("refund"))?;
        shown(&refund::queried(&refund, request)?)
    }

    /// The order that a request names, in its own way.
    async fn named(&self, caller: &Registered, named: &Named) -> Result<Order, Fault> {
        let order = self.order(caller, &named.out_trade_no).await?;
        check_platform(&order, &named.mch_key)?;
        match (named.trade_type, states::trade_type(order.terms.request.scene)) {
            (Some(asked), is) if Some(asked) != is => {
                Err(Fault::conflict("trade_type: not the order's"))
            }
            (_, _) => Ok(order),
        }
    }

    /// An order of the caller's, by its number. Another one's is not found.
    async fn order(&self, caller: &Registered, out_trade_no: &str) -> Result<Order, Fault> {
        let tenant = caller.declared.tenant.clone();
        let found = self.engine.ask(OneOrder { tenant, key: by_number(out_trade_no) }).await?;
        let is_own = |order: &Order| order.terms.request.merchant == caller.declared.merchant;
        let own = found.map(|order| *order).filter(is_own);
        own.ok_or_else(|| Fault::not_found("order"))
    }

    async fn refund_by_number(&self, caller: &Registered, number: &str) -> Result<Refund, Fault> {
        let tenant = caller.declared.tenant.clone();
        let found = self.engine.ask(OneRefund { tenant, key: refund::by_number(number) }).await?;
        found.map(|refund| *refund).ok_or_else(|| Fault::not_found("refund"))
    }

    /// What an order has shared: a refund of it must see that.
    async fn shares(&self, order: &Order) -> Result<OrderShares, Fault> {
        if order.sharing.shares == 0 {
            return Ok(OrderShares::default());
        }
        let (tenant, root) = (order.terms.tenant.clone(), order.terms.id.subject().root());
        let story = self.engine.ask(StoryOf { tenant, root }).await?;
        Ok(story.map_or_else(OrderShares::default, |story| OrderShares::of(story.shares())))
    }
}

/// An order by its out_trade_no: numbers of this API are a namespace of their own.
fn by_number(out_trade_no: &str) -> Key<kinds::Order> {
    Key::Number(NaturalKey::new(NAMESPACE, out_trade_no.to_owned()))
}

/// That a number begins as the numbers of its caller do.
fn check_prefix(caller: &Registered, field: &str, number: &str) -> Result<(), Fault> {
    match caller.declared.has_prefix(number) {
        true => Ok(()),
        false => Err(Malformed::new(field, "does not begin with an order prefix of yours").into()),
    }
}

/// That the outlet is the caller's, and the device and the person are the outlet's.
fn check_client(caller: &Registered, key: &MchKey, client: &OrderClient) -> Result<(), Fault> {
    let Some(outlet) = caller.declared.outlet(&key.out_shop_id) else {
        let text = "pay_mch_key.out_shop_id: no such outlet";
        return Err(Fault::new(Status::Failed, Internal::NoMerchant, text));
    };
    let unknown = |field: &str| {
        let text = format!("order_client.{field}: not one of the outlet");
        Err(Fault::new(Status::Failed, Internal::NotPermitted, text))
    };
    if client.device_id.as_ref().is_some_and(|id| !outlet.has_device(id)) {
        return unknown("device_id");
    }
    if client.staff_id.as_ref().is_some_and(|id| !outlet.has_staff(id)) {
        return unknown("staff_id");
    }
    Ok(())
}

/// That the order was placed at the platform that a request names, if it names one.
fn check_platform(order: &Order, key: &MchKey) -> Result<(), Fault> {
    match key.platform()? {
        Some(named) if named != map::platform(order)? => {
            Err(Fault::conflict("pay_mch_key.pay_platform: not the order's"))
        }
        Some(_) | None => Ok(()),
    }
}

/// That a refund is requested where the order was placed, or by the administration of the 子商户; and that
/// who lends the right to it belongs there.
fn check_authority(caller: &Registered, asked: &RefundAsked, order: &Kept) -> Result<(), Fault> {
    let is_there = order.pay_mch_key.out_shop_id == asked.mch_key.out_shop_id;
    if !is_there && !asked.authority.is_sub_mch_admin {
        let text = "pay_mch_key.out_shop_id: the order was placed at another outlet";
        return Err(Fault::new(Status::Failed, Internal::NotPermitted, text));
    }
    let outlet = caller.declared.outlet(&asked.mch_key.out_shop_id);
    let lends = |id: &String| outlet.is_some_and(|outlet| outlet.has_staff(id));
    match &asked.authority.staff_id {
        Some(id) if !lends(id) => {
            let text = "pay_mch_key.authorization_staff_id: not one of the outlet";
            Err(Fault::new(Status::Failed, Internal::NotPermitted, text))
        }
        Some(_) | None => Ok(()),
    }
}

impl Registered {
    fn business(&self) -> Caller {
        Caller::Business(self.key_id.clone())
    }
}
