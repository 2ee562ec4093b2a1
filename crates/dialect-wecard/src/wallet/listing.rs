//! Cards page by page, and what happened to one: `query_cards` and `query_card_flows`.

use super::account_wire::{WalletKey, by_id};
use super::faults::of_wallet;
use super::wire::{CardShown, batch_id, card_id, card_key, out_recharge_id};
use super::{by_number, map};
use crate::check::{Malformed, Read};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::{Json, Object};
use crate::routes::{Api, Shared, answer, success};
use crate::time;
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{Card, CardChange, CardState, Change, Event, Key, TenantId};
use ledger::{Fen, Id, kinds};
use serde::Serialize;
use store::{Cards, CardsOf, Counted, StoryOf};

/// Rows of a page at most, and where the caller does not say.
const PAGE_SIZE_MAX: u32 = 100;
/// Pages are counted up to here: no listing has more rows.
const PAGE_NO_MAX: u32 = 1_000_000;

/// Which page of a listing.
#[derive(Clone, Copy)]
struct Paging {
    /// From 1.
    number: u32,
    size: u32,
}

impl Paging {
    fn read(body: &Object<'_>) -> Read<Paging> {
        let count = |name, max: u32, usual: u32| {
            let number = body.integer(name, 1..=i64::from(max))?;
            Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or(usual))
        };
        let number = count("PageNo", PAGE_NO_MAX, 1)?;
        Ok(Paging { number, size: count("PageSize", PAGE_SIZE_MAX, PAGE_SIZE_MAX)? })
    }

    /// How many rows come before the page.
    const fn offset(self) -> u32 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// The page of a list that is at hand as a whole.
    fn of<T>(self, rows: Vec<T>) -> Counted<T> {
        let [offset, size] = [self.offset(), self.size].map(|it| usize::try_from(it).unwrap_or(0));
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Counted { count, rows: rows.into_iter().skip(offset).take(size).collect() }
    }
}

/// `Result` of a listing.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page<T> {
    page_no: u32,
    page_size: u32,
    /// How many rows all pages have.
    count: u64,
    data_list: Vec<T>,
}

impl<T> Page<T> {
    fn of(paging: Paging, found: Counted<T>) -> Page<T> {
        let Counted { count, rows } = found;
        Page { page_no: paging.number, page_size: paging.size, count, data_list: rows }
    }
}

/// Which cards are asked for.
enum Whose {
    /// Those of an owner or a batch.
    Many(CardsOf),
    /// Those of a purchase.
    Recharge(Key<kinds::Order>),
    /// Those in a wallet.
    Wallet(WalletKey),
}

/// `POST …/query_cards`, checked.
struct Asked {
    whose: Whose,
    state: Option<CardState>,
    paging: Paging,
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let owner = body.text("OwnerId", 1..=256)?;
        let (recharge, batch) = (out_recharge_id(body)?, batch_id(body, "CardBatchId")?);
        let whose = match (owner, recharge, batch, by_id(body)?) {
            (Some(owner), None, None, None) => Whose::Many(CardsOf::Owner(owner.to_owned())),
            (None, Some(number), None, None) => Whose::Recharge(by_number(number)),
            (None, None, Some(batch), None) => Whose::Many(CardsOf::Batch(batch)),
            (None, None, None, Some(wallet)) => Whose::Wallet(wallet),
            (_, _, _, _) => {
                let why = "want one of OwnerId, WalletId, OutRechargeId and CardBatchId";
                return Err(Malformed::new("OwnerId", why));
            }
        };
        Ok(Asked { whose, state: card_state(body)?, paging: Paging::read(body)? })
    }
}

/// `CardStatus`, as a filter; empty text is the same as absent.
fn card_state(body: &Object<'_>) -> Read<Option<CardState>> {
    if matches!(body.get("CardStatus"), Some(Json::Text(text)) if text.is_empty()) {
        return Ok(None);
    }
    let words = CardState::ALL.map(map::card_status);
    let word = body.word("CardStatus", &words)?;
    Ok(CardState::ALL.into_iter().find(|state| Some(map::card_status(*state)) == word))
}

pub(super) async fn query_cards(State(api): Shared, request: Request) -> Response {
    answer(list(&api, request).await.map_err(of_wallet))
}

async fn list(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(Asked::read(body)?))?;
    let Asked { whose, state, paging } = asked;
    let found = match whose {
        Whose::Many(of) => {
            let (tenant, offset, limit) = (caller.tenant.clone(), paging.offset(), paging.size);
            api.engine.ask(Cards { tenant, of, state, offset, limit }).await?
        }
        Whose::Recharge(key) => {
            paging.of(in_state(api.cards_of_recharge(&caller.tenant, &key).await?, state))
        }
        Whose::Wallet(key) => {
            paging.of(in_state(api.cards_of_wallet(&caller.tenant, &key).await?, state))
        }
    };
    let rows: Vec<CardShown> = found.rows.iter().map(map::card).collect();
    Ok(success(Page::of(paging, Counted { count: found.count, rows })))
}

fn in_state(cards: Vec<Card>, state: Option<CardState>) -> Vec<Card> {
    cards.into_iter().filter(|card| state.is_none_or(|state| card.state == state)).collect()
}

impl Api {
    /// The cards in a wallet, the last one that was bound first.
    async fn cards_of_wallet(
        &self,
        tenant: &TenantId,
        key: &WalletKey,
    ) -> Result<Vec<Card>, Fault> {
        let (wallet, view) = self.wallet(tenant, key).await?;
        let mut own: Vec<Card> = wallet.cards(&view).cloned().collect();
        own.reverse();
        Ok(own)
    }

    /// The cards of a purchase, newest first.
    async fn cards_of_recharge(
        &self,
        tenant: &TenantId,
        key: &Key<kinds::Order>,
    ) -> Result<Vec<Card>, Fault> {
        let (order, about) = self.recharge(tenant, key).await?;
        let own = about.cards.all().filter(|card| card.order == order.terms.id);
        let mut own: Vec<Card> = own.cloned().collect();
        own.reverse();
        Ok(own)
    }
}

/// A thing that happened to a card.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FlowShown {
    flow_id: String,
    card_id: String,
    flow_type: &'static str,
    /// Fen, as text; below zero where the card has less from then on.
    amount: String,
    balance_after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_refund_id: Option<String>,
    flow_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

pub(super) async fn query_card_flows(State(api): Shared, request: Request) -> Response {
    answer(flows(&api, request).await.map_err(of_wallet))
}

async fn flows(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, (key, paging)) =
        api.admit(&received, |_, body| Ok((card_key(body)?, Paging::read(body)?)))?;
    let card = api.card(&caller.tenant, &key).await?;
    let (tenant, root) = (caller.tenant.clone(), card.order.subject().root());
    let story = api.engine.ask(StoryOf { tenant, root }).await?.ok_or_else(Fault::unknown)?;
    // The story may be younger than the card as it was read: the balances are reckoned from its own row.
    let found = story.rows.iter().find_map(|row| match row {
        kernel::Row::Card(found) if found.id == card.id => Some(found),
        _ => None,
    });
    let rows = found.map_or_else(Vec::new, |card| flows_of(card, &story.events));
    Ok(success(Page::of(paging, paging.of(rows))))
}

/// What happened to a card, newest first: each balance follows from the one after it, so that it is right
/// also where the oldest events lie in an archive.
fn flows_of(card: &Card, events: &[Event]) -> Vec<FlowShown> {
    let mut after = card.balance().get();
    let own = events.iter().rev().filter(|event| event.subject == card.id.subject());
    let mut flows = vec![];
    for event in own {
        let Change::Card(change) = &event.change else { continue };
        let Some(flow) = Flow::of(card, change) else { continue };
        flows.push(flow.shown(card.id, event, after));
        after -= flow.amount.get();
    }
    flows
}

/// What an event does to the balance of its card.
struct Flow<'a> {
    kind: &'static str,
    amount: Fen,
    order: Option<Id<kinds::Order>>,
    refund: Option<Id<kinds::Refund>>,
    remark: Option<&'a str>,
}

impl<'a> Flow<'a> {
    /// What leaves the balance as it is and blocks nothing is not a flow.
    fn of(card: &Card, change: &'a CardChange) -> Option<Flow<'a>> {
        let (face, left) = (card.face.get(), card.face.get() - card.spent.get());
        let flow = |kind, amount, refund, remark| {
            Some(Flow { kind, amount: Fen::new(amount), order: None, refund, remark })
        };
        match change {
            CardChange::Spent { by, amount } => {
                let paid = flow("PAY", -amount.get(), None, None)?;
                Some(Flow { order: Some(*by), ..paid })
            }
            CardChange::PutBack { by, amount } => flow("REFUND", amount.get(), Some(*by), None),
            CardChange::Issued(_) => flow("RECHARGE", face, None, None),
            CardChange::Voided { by } => flow("RECHARGE_REFUND", -face, Some(*by), None),
            CardChange::Revived { by } => flow("RECHARGE_REFUND", face, Some(*by), None),
            CardChange::Frozen { note } => flow("FREEZE", 0, None, note.as_deref()),
            CardChange::Unfrozen { note } => flow("UNFREEZE", 0, None, note.as_deref()),
            CardChange::Expired => flow("ADJUST_OUT", -left, None, None),
            CardChange::SecretMade(_)
            | CardChange::SecretResealed(_)
            | CardChange::SecretRead
            | CardChange::WrongSecret
            | CardChange::Bound { .. }
            | CardChange::Dropped { .. }
            | CardChange::GivenAway { .. }
            | CardChange::Received { .. }
            | CardChange::Kept { .. } => None,
        }
    }

    fn shown(&self, card: Id<kinds::Card>, event: &Event, after: i64) -> FlowShown {
        FlowShown {
            flow_id: event.id.to_string(),
            card_id: card_id(card),
            flow_type: self.kind,
            amount: self.amount.get().to_string(),
            balance_after: after.to_string(),
            channel_order_id: self.order.map(|order| order.to_string()),
            channel_refund_id: self.refund.map(|refund| refund.to_string()),
            flow_time: time::write(event.at),
            remark: self.remark.map(str::to_owned),
        }
    }
}
