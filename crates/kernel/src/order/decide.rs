//! What the merchant and the clock want of an order.

use super::by_code::{self, is_by_code};
use super::debit::{self, Debit, is_debit, is_uncancellable};
use super::freeze;
use super::operator;
use super::polls::FINAL_POLLS_MAX;
use super::{
    AllocationFault, AllocationTerms, CALL_MAX_MS, Closure, DEFAULT_LIFE_SECONDS, InFlightCall,
    Order, OrderChange, OrderField, OrderRefusal, OrderRequest, OrderState, PickFault, Splits,
    Terms, new_channel_order_no,
};
use crate::aggregate::{Aggregate, AggregateCommand, Key, NaturalKey, Reads, View};
use crate::agreement::{self, Agreement};
use crate::approval::{Manual, ManualCommand, ManualRoot};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{Directory, MerchantRoutes, Route, TenantId};
use crate::refund;
use crate::share;
use crate::wallet::WalletRefusal;
use crate::wallet_payment::WalletUse;
use channel::{Instruction, Operation, PaymentCode, Scene};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

const SECONDS_PER_DAY: i64 = 24 * 3600;

/// What can be requested of an order. The commands of operators are idempotent: a repeat of what was
/// decided already answers the same and moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderCommand {
    /// Place an order, or show again what was placed.
    Place(Box<PlaceOrder>),
    /// Close an unpaid order.
    Close {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
    },
    /// By an operator: poll the channel now, and begin its schedule anew.
    PollNow {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
    },
    /// By an operator: take the contested payment for the order's payment, with its real amount.
    ApplyPayment {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
        /// The channel's number of the payment.
        payment_reference: String,
    },
    /// By an operator: refund the contested payment. An open order fails.
    GiveBack {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
        /// The channel's number of the payment.
        payment_reference: String,
    },
    /// By an operator: somebody gave the contested payment back outside the channel's interface. An
    /// open order fails.
    SettleByHand {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
        /// Why, for people.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// By an operator: the contested payment is not given back, and an open order fails. Without a
    /// contested payment, the contradiction was looked into and is over.
    WriteOff {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
        /// Why, for people.
        note: String,
    },
    /// By an operator: end an order that cannot be closed at the channel. Money that still comes goes
    /// back.
    CloseForGood {
        /// The owner.
        tenant: TenantId,
        /// The order.
        order: Key<kinds::Order>,
        /// Why, for people.
        note: String,
    },
}

/// A new order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The owner.
    pub tenant: TenantId,
    /// The channel's name.
    pub channel: String,
    /// What the caller requests.
    pub request: Arc<OrderRequest>,
    /// The payees that get their parts by the merchant's template; none where the request lists shares.
    pub payees: Vec<Id<kinds::Payee>>,
    /// From when on it must not be payable; `None` for the default of 30 minutes.
    pub expires_at: Option<Timestamp>,
    /// The code that the payer shows, where one pays. It goes on to the one call that places the order.
    pub payment_code: Option<PaymentCode>,
    /// The agreement that pays it, where one does.
    pub agreement: Option<Key<kinds::Agreement>>,
}

impl PlaceOrder {
    pub(crate) fn key(&self) -> NaturalKey {
        NaturalKey {
            namespace: self.request.namespace.clone(),
            number: self.request.merchant_order_no.clone(),
        }
    }
}

impl OrderCommand {
    fn key(&self) -> Key<kinds::Order> {
        match self {
            OrderCommand::Place(place) => Key::Number(place.key()),
            OrderCommand::Close { order, .. }
            | OrderCommand::PollNow { order, .. }
            | OrderCommand::ApplyPayment { order, .. }
            | OrderCommand::GiveBack { order, .. }
            | OrderCommand::SettleByHand { order, .. }
            | OrderCommand::WriteOff { order, .. }
            | OrderCommand::CloseForGood { order, .. } => order.clone(),
        }
    }
}

impl AggregateCommand for OrderCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            OrderCommand::Place(place) => &place.tenant,
            OrderCommand::Close { tenant, .. }
            | OrderCommand::PollNow { tenant, .. }
            | OrderCommand::ApplyPayment { tenant, .. }
            | OrderCommand::GiveBack { tenant, .. }
            | OrderCommand::SettleByHand { tenant, .. }
            | OrderCommand::WriteOff { tenant, .. }
            | OrderCommand::CloseForGood { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            OrderCommand::Place(_) => "place_order",
            OrderCommand::Close { .. } => "close_order",
            OrderCommand::PollNow { .. } => "poll_order",
            OrderCommand::ApplyPayment { .. } => "apply_payment",
            OrderCommand::GiveBack { .. } => "give_payment_back",
            OrderCommand::SettleByHand { .. } => "settle_payment_by_hand",
            OrderCommand::WriteOff { .. } => "write_payment_off",
            OrderCommand::CloseForGood { .. } => "close_order_for_good",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant();
        reads.orders.push((tenant.clone(), self.key()));
        match self {
            OrderCommand::GiveBack { .. }
            | OrderCommand::SettleByHand { .. }
            | OrderCommand::WriteOff { .. } => {
                reads.balances.push((tenant.clone(), refund::suspense(tenant)));
            }
            OrderCommand::Place(place) => {
                let wallet = place.request.wallet.as_ref().map(|it| Key::Id(it.wallet));
                reads.wallets.extend(wallet.map(|key| (tenant.clone(), key)));
                let listed = place.request.splits.shares.iter().map(|terms| terms.payee);
                let payees = listed.chain(place.payees.iter().copied());
                reads.payees.extend(payees.map(|payee| (tenant.clone(), Key::Id(payee))));
                let agreement = place.agreement.clone();
                reads.agreements.extend(agreement.map(|key| (tenant.clone(), key)));
            }
            OrderCommand::Close { .. }
            | OrderCommand::PollNow { .. }
            | OrderCommand::ApplyPayment { .. }
            | OrderCommand::CloseForGood { .. } => {}
        }
    }

    fn manual(&self) -> Option<Manual> {
        let command = match self.clone() {
            OrderCommand::ApplyPayment { payment_reference, .. } => {
                ManualCommand::ApplyPayment { payment_reference }
            }
            OrderCommand::GiveBack { payment_reference, .. } => {
                ManualCommand::GiveBack { payment_reference }
            }
            OrderCommand::SettleByHand { note, outside_reference, .. } => {
                ManualCommand::SettleByHand { note, outside_reference }
            }
            OrderCommand::WriteOff { note, .. } => ManualCommand::WriteOff { note },
            // Money may still come to an order that is only closed here.
            OrderCommand::CloseForGood { note, .. } => ManualCommand::CloseForGood { note },
            OrderCommand::Place(_) | OrderCommand::Close { .. } | OrderCommand::PollNow { .. } => {
                return None;
            }
        };
        Some(Manual { root: ManualRoot::Order(self.key()), command })
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &OrderCommand,
) -> Result<Reply, OrderRefusal> {
    match command {
        OrderCommand::Place(place) => self::place(deciding, place),
        OrderCommand::Close { tenant, order } => close(deciding, tenant, order),
        OrderCommand::PollNow { .. }
        | OrderCommand::ApplyPayment { .. }
        | OrderCommand::GiveBack { .. }
        | OrderCommand::SettleByHand { .. }
        | OrderCommand::WriteOff { .. }
        | OrderCommand::CloseForGood { .. } => {
            let found = deciding.view().orders.find(command.tenant(), &command.key());
            operator::decide(deciding, found.ok_or(OrderRefusal::NotFound)?, command)
        }
    }
}

/// Places an order, or answers a repeat of it.
fn place(deciding: &mut Deciding<'_>, place: &PlaceOrder) -> Result<Reply, OrderRefusal> {
    let view = deciding.view();
    merchant_of(&view.directory, place)?;
    if let Some(order) = view.orders.find(&place.tenant, &Key::Number(place.key())) {
        return repeat(deciding, order, place);
    }
    let order = place_new(deciding, place)?;
    Ok(Reply::about(order.id().subject()))
}

/// Places an order whose number is new.
pub(crate) fn place_new(
    deciding: &mut Deciding<'_>,
    place: &PlaceOrder,
) -> Result<Order, OrderRefusal> {
    let view = deciding.view();
    let merchant = merchant_of(&view.directory, place)?;
    let (route, expires_at) = check_new(deciding.now(), merchant, place)?;
    let splits = check_splits(deciding, place, merchant, route)?;
    check_wallet(view, place)?;
    let agreement = check_debit(deciding, place, route)?;
    let debit = agreement.as_ref().map(|row| debit_of(row, route));
    let order = new_order(deciding, place, NewTerms { splits, debit, expires_at }, route);
    deciding.record(&order, OrderChange::Placed(Box::new(order.clone())));
    if let Some(row) = &agreement {
        agreement::begin_debit(deciding, row, order.terms.id);
    }
    let payment_code = place.payment_code.clone();
    deciding.work(order.ask(order.place_with(payment_code)));
    Ok(order)
}

fn merchant_of<'d>(
    directory: &'d Directory,
    place: &PlaceOrder,
) -> Result<&'d MerchantRoutes, OrderRefusal> {
    let found = directory.merchant(&place.tenant, &place.request.merchant);
    found.ok_or(OrderRefusal::UnknownMerchant)
}

/// What a new order must fulfil.
fn check_new<'m>(
    now: Timestamp,
    merchant: &'m MerchantRoutes,
    place: &PlaceOrder,
) -> Result<(&'m Route, Timestamp), OrderRefusal> {
    if !merchant.is_enabled {
        return Err(OrderRefusal::MerchantDisabled);
    }
    let request = &place.request;
    let route = merchant.route(&place.channel, request.scene).ok_or_else(|| {
        OrderRefusal::NoRoute { has_channel: merchant.has_channel(&place.channel) }
    })?;
    if !request.amount.is_positive() {
        return Err(OrderRefusal::Amount);
    }
    let (life_seconds, life_seconds_max) = lives(route, request.scene);
    let expires_at = place.expires_at.unwrap_or(now.plus_seconds(life_seconds));
    if expires_at <= now {
        return Err(OrderRefusal::Expiry);
    }
    if expires_at > now.plus_seconds(life_seconds_max) {
        let days_max = life_seconds_max / SECONDS_PER_DAY;
        return Err(OrderRefusal::ExpiryTooFar { days_max });
    }
    if let Some((field, why)) = route.text.broken_by(&request.subject, request.goods_tag.as_deref())
    {
        return Err(OrderRefusal::Text { field, why });
    }
    check_code(route, place)?;
    Ok((route, expires_at))
}

/// How long an order lives where its caller does not state it, and at most, in seconds.
fn lives(route: &Route, scene: Scene) -> (i64, i64) {
    match route.agreements.filter(|_| scene.is_by_agreement()) {
        Some(rules) => (rules.debit_life_seconds, rules.debit_life_seconds_max),
        None => (DEFAULT_LIFE_SECONDS, route.order_life_seconds_max),
    }
}

/// That the payer's code is there where one pays, and is one of the channel's.
fn check_code(route: &Route, place: &PlaceOrder) -> Result<(), OrderRefusal> {
    let is_wanted = place.request.scene == Scene::Swipe;
    let why = match (&place.payment_code, route.payment_codes.filter(|_| is_wanted)) {
        (None, _) if !is_wanted => None,
        (None, _) => Some("the payer's code is missing".to_owned()),
        (Some(_), None) => Some("no code pays here".to_owned()),
        (Some(code), Some(rules)) => rules.broken_by(code),
    };
    why.map_or(Ok(()), |why| Err(OrderRefusal::PaymentCode { why }))
}

/// The agreement that pays it: where the channel debits by agreement, each order of that kind has one.
fn check_debit(
    deciding: &Deciding<'_>,
    place: &PlaceOrder,
    route: &Route,
) -> Result<Option<Agreement>, OrderRefusal> {
    let is_wanted = place.request.scene.is_by_agreement();
    let channel_account = (&*route.channel_account, &*route.channel_identity);
    Ok(agreement::check_debit(deciding, place, is_wanted, channel_account)?)
}

fn debit_of(row: &Agreement, route: &Route) -> Debit {
    let is_cancellable = route.agreements.is_some_and(|rules| rules.cancels_debits);
    Debit { agreement: row.terms.id, is_cancellable }
}

/// How the money will be divided: each part goes to somebody who can have it, and all parts together are
/// a part of the order. The channel keeps the money frozen where a payee gets a part of it there.
fn check_splits(
    deciding: &Deciding<'_>,
    place: &PlaceOrder,
    merchant: &MerchantRoutes,
    route: &Route,
) -> Result<Splits, OrderRefusal> {
    check_allocations(&deciding.view().directory, place)?;
    let picked = share::picked(deciding, place, merchant)
        .map_err(|(at, why)| OrderRefusal::Picked { at, why })?;
    let is_picked = !picked.is_empty();
    let shares = if is_picked { picked } else { place.request.splits.shares.clone() };
    let is_at_channel = share::check_listed(deciding, place, &shares, route).map_err(
        |(at, why)| match is_picked {
            true => OrderRefusal::Picked { at, why: PickFault::Share(why) },
            false => OrderRefusal::Share { at, why },
        },
    )?;
    let splits = Splits { shares, ..place.request.splits.clone() };
    match splits.parts(place.request.amount) {
        Ok(parts) if parts <= place.request.amount => {}
        Ok(_) | Err(_) => return Err(OrderRefusal::Splits),
    }
    // A merchant whose orders are all shared need not mark them; a list says where the money goes. What
    // is paid for stored value stays with us until it is spent.
    let is_for_goods = place.request.recharge.is_none();
    let is_always = merchant.sharing.is_on && splits.shares.is_empty() && route.sharing.is_some();
    let is_always = is_always && is_for_goods;
    let is_shared = splits.is_shared || is_at_channel || is_always;
    Ok(Splits { is_shared, ..splits })
}

/// That each allocation goes to a merchant that can have it.
fn check_allocations(directory: &Directory, place: &PlaceOrder) -> Result<(), OrderRefusal> {
    let splits = &place.request.splits;
    for (at, terms) in splits.allocations.iter().enumerate() {
        let before = splits.allocations.iter().take(at);
        if let Some(why) = allocation_fault(directory, place, terms, before) {
            return Err(OrderRefusal::Allocation { at, why });
        }
    }
    Ok(())
}

fn allocation_fault<'a>(
    directory: &Directory,
    place: &PlaceOrder,
    terms: &AllocationTerms,
    mut before: impl Iterator<Item = &'a AllocationTerms>,
) -> Option<AllocationFault> {
    let merchant = directory.merchant(&place.tenant, &terms.merchant);
    match merchant {
        None => Some(AllocationFault::UnknownMerchant),
        Some(merchant) if !merchant.is_enabled => Some(AllocationFault::MerchantDisabled),
        Some(_) if terms.merchant == place.request.merchant => Some(AllocationFault::OwnMerchant),
        Some(_) if before.any(|other| other.merchant == terms.merchant) => {
            Some(AllocationFault::Twice)
        }
        Some(_) => (!terms.amount.is_positive()).then_some(AllocationFault::Amount),
    }
}

/// That the wallet that pays is the merchant's, may be used, and has the cards that pay. How much is in it is
/// seen when it pays.
fn check_wallet(view: &View, place: &PlaceOrder) -> Result<(), OrderRefusal> {
    let is_of_wallets = place.channel == channel::WALLET_CHANNEL;
    let WalletUse { wallet, deduct } = match &place.request.wallet {
        Some(wallet) if is_of_wallets => wallet,
        None if !is_of_wallets => return Ok(()),
        Some(_) | None => return Err(OrderRefusal::NoWallet),
    };
    let wallet = view.wallets.get(&place.tenant, *wallet).ok_or(WalletRefusal::NotFound)?;
    if wallet.merchant != place.request.merchant {
        return Err(OrderRefusal::OtherWallet);
    }
    wallet.check_usable()?;
    let listed = deduct.listed();
    let is_wrong =
        |at: &usize| !wallet.cards.contains(&listed[*at]) || listed[..*at].contains(&listed[*at]);
    match (0..listed.len()).find(is_wrong) {
        Some(at) => Err(OrderRefusal::WalletCard { at }),
        None => Ok(()),
    }
}

/// What was found out about a new order.
struct NewTerms {
    splits: Splits,
    debit: Option<Debit>,
    expires_at: Timestamp,
}

/// The new order, with its first call in flight.
fn new_order(
    deciding: &mut Deciding<'_>,
    place: &PlaceOrder,
    new: NewTerms,
    route: &Route,
) -> Order {
    let now = deciding.now();
    let NewTerms { splits, debit, expires_at } = new;
    let request = match splits == place.request.splits {
        true => place.request.clone(),
        false => Arc::new(OrderRequest { splits, ..(*place.request).clone() }),
    };
    let id = deciding.id();
    let terms = Terms {
        tenant: place.tenant.clone(),
        id,
        channel_order_no: new_channel_order_no(deciding, id),
        request,
        channel: route.channel.clone(),
        channel_account: route.channel_account.clone(),
        channel_identity: route.channel_identity.clone(),
        callback_url: route.callback_url.clone(),
        placed_at: now,
        expires_at,
        debit,
    };
    let until = now.plus_ms(CALL_MAX_MS);
    Order::new(Arc::new(terms), InFlightCall { operation: Operation::Place, until })
}

/// The same number again: the stored order decides.
pub(crate) fn repeat(
    deciding: &mut Deciding<'_>,
    order: &Order,
    place: &PlaceOrder,
) -> Result<Reply, OrderRefusal> {
    let now = deciding.now();
    if order.state.is_final() {
        return Err(OrderRefusal::Final);
    }
    if let Some(field) = difference(&order.terms, place) {
        return Err(OrderRefusal::Differs { field });
    }
    // An overdue order is closed by its task; until the channel has confirmed that, nothing is placed.
    if order.is_in_flight(now) || order.is_overdue(now) {
        return Err(OrderRefusal::CallInFlight);
    }
    match &order.state {
        // A repeat that is answered from what is stored leaves nothing: a caller could fill the database
        // with repeats.
        OrderState::Paying(pay_info) if pay_info.is_usable(now) => {}
        // What the channel has accepted comes by itself.
        OrderState::Init if is_debit(order) && order.is_confirmed => {}
        // What a code pays is placed once; since then the channel knows. A debit may be out.
        OrderState::Init if is_by_code(order) || is_debit(order) => {
            begin(deciding, order, order.query_instruction());
        }
        OrderState::Init | OrderState::Paying(_) => {
            begin(deciding, order, order.place_instruction());
        }
        OrderState::Closing(_) => return Err(OrderRefusal::CallInFlight),
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            return Err(OrderRefusal::Final);
        }
    }
    Ok(Reply::about(order.id().subject()))
}

fn difference(terms: &Terms, place: &PlaceOrder) -> Option<OrderField> {
    let (known, request) = (&terms.request, &place.request);
    [
        (OrderField::Merchant, known.merchant == request.merchant),
        (OrderField::Amount, known.amount == request.amount),
        (OrderField::Currency, known.currency == request.currency),
        (OrderField::Scene, known.scene == request.scene),
        (OrderField::Channel, *terms.channel == *place.channel),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
    .or_else(|| (known.content != request.content).then(|| other_content(terms, place)))
}

/// Which part of the content differs: the dialect's digest tells only that one does.
fn other_content(terms: &Terms, place: &PlaceOrder) -> OrderField {
    let (known, request) = (&terms.request, &place.request);
    let payer =
        |request: &OrderRequest| (request.payer.app_id.clone(), request.payer.user_id.clone());
    let is_other_expiry = place.expires_at.is_some_and(|expires_at| expires_at != terms.expires_at);
    [
        (OrderField::Payer, payer(known) != payer(request)),
        (OrderField::NotifyUrl, known.notify_url != request.notify_url),
        (OrderField::Expiry, is_other_expiry),
    ]
    .into_iter()
    .find_map(|(field, differs)| differs.then_some(field))
    .unwrap_or(OrderField::Details)
}

/// Closes an order at the merchant's request. A closed or failed order is left as it is.
fn close(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    key: &Key<kinds::Order>,
) -> Result<Reply, OrderRefusal> {
    let order = deciding.view().orders.find(tenant, key).ok_or(OrderRefusal::NotFound)?;
    match &order.state {
        OrderState::Paid(_) => {
            return Err(OrderRefusal::State { state: order.state.name() });
        }
        OrderState::Closed { .. } | OrderState::Failed { .. } => {}
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if order.is_in_flight(deciding.now()) =>
        {
            return Err(OrderRefusal::CallInFlight);
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)
            if is_uncancellable(order) =>
        {
            return Err(OrderRefusal::DebitOut);
        }
        OrderState::Init | OrderState::Paying(_) => {
            begin_closing(deciding, order, Closure::Asked);
        }
        OrderState::Closing(_) => {
            let instruction = first_step(order);
            begin(deciding, order, instruction);
        }
    }
    Ok(Reply::about(order.id().subject()))
}

/// A due task: the next thing that the order needs.
pub(super) fn run_task(deciding: &mut Deciding<'_>, order: &Order) {
    let now = deciding.now();
    match &order.state {
        // A settled order has no task; a claim may have come before its end was committed.
        _ if order.next_poll_at.is_none() || order.is_in_flight(now) => {}
        OrderState::Paid(paid) => freeze::run_task(deciding, order, paid.at),
        OrderState::Failed { .. } | OrderState::Closed { .. } if order.polls >= FINAL_POLLS_MAX => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
        }
        OrderState::Failed { .. } | OrderState::Closed { .. } => {
            begin(deciding, order, order.query_instruction());
        }
        OrderState::Init | OrderState::Paying(_) if order.is_overdue(now) => {
            begin_closing(deciding, order, Closure::Expired);
        }
        OrderState::Init if is_by_code(order) => match by_code::must_cancel(order, now) {
            true => begin_closing(deciding, order, Closure::OutcomeUnknown),
            false => begin(deciding, order, order.query_instruction()),
        },
        // Where the channel knows nothing of it, it is placed again.
        OrderState::Init if is_debit(order) => begin(deciding, order, order.query_instruction()),
        OrderState::Init => begin(deciding, order, order.place_instruction()),
        OrderState::Paying(_) => begin(deciding, order, order.query_instruction()),
        OrderState::Closing(_) if debit::is_cancellable(order) => {
            begin(deciding, order, by_code::closing_step(order));
        }
        OrderState::Closing(_) if is_uncancellable(order) => {
            begin(deciding, order, order.query_instruction());
        }
        OrderState::Closing(_) if queries_before_closing(order) => {
            begin(deciding, order, order.query_instruction());
        }
        OrderState::Closing(_) => begin(deciding, order, order.close_instruction()),
    }
}

/// Every second attempt to close is a query: a channel that does not close an order may report, when
/// it is queried, that the order is paid.
const fn queries_before_closing(order: &Order) -> bool {
    order.polls % 2 == 1
}

/// Closes an order at the channel; it ends when the channel has confirmed that.
pub(super) fn begin_closing(deciding: &mut Deciding<'_>, order: &Order, closure: Closure) {
    let instruction = first_step(order);
    deciding.record(order, OrderChange::Closing(closure));
    begin(deciding, order, instruction);
}

/// What an order that is to be closed begins with.
fn first_step(order: &Order) -> Instruction {
    match is_by_code(order) || is_debit(order) {
        true => order.query_instruction(),
        false => order.close_instruction(),
    }
}

/// Gives the order to a call: no other call about it begins until this one has ended.
pub(super) fn begin(deciding: &mut Deciding<'_>, order: &Order, instruction: Instruction) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(order, OrderChange::CallBegun(InFlightCall { operation, until }));
    deciding.work(order.ask(instruction));
}
