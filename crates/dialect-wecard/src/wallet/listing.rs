//! Cards page by page, and batches of them: `query_cards` and `query_card_batches`.

use super::account_wire::{WalletKey, by_id};
use super::faults::of_wallet;
use super::wire::{BatchShown, CardShown, batch_id, out_recharge_id, sale};
use super::{by_number, map};
use crate::check::{Malformed, Read};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::{Json, Object};
use crate::routes::{Api, Shared, answer, success};
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{Card, CardBatch, CardBatchState, CardState, Key, MerchantId, TenantId};
use ledger::{Id, kinds};
use serde::Serialize;
use store::{CardBatches, CardBatchesIn, Cards, CardsOf, Counted};

/// Rows of a page at most, and where the caller does not say.
pub(super) const PAGE_SIZE_MAX: u32 = 100;
/// Pages are counted up to here: no listing has more rows.
const PAGE_NO_MAX: u32 = 1_000_000;

/// Which page of a listing.
#[derive(Clone, Copy)]
pub(super) struct Paging {
    /// From 1.
    number: u32,
    pub(super) size: u32,
}

impl Paging {
    /// Reads `PageNo` and `PageSize`, which is at most `size_max` and that where it is left out.
    pub(super) fn read(body: &Object<'_>, size_max: u32) -> Read<Paging> {
        let count = |name, max: u32, usual: u32| {
            let number = body.integer(name, 1..=i64::from(max))?;
            Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or(usual))
        };
        let number = count("PageNo", PAGE_NO_MAX, 1)?;
        Ok(Paging { number, size: count("PageSize", size_max, size_max)? })
    }

    /// How many rows come before the page.
    pub(super) const fn offset(self) -> u32 {
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
pub(super) struct Page<T> {
    page_no: u32,
    page_size: u32,
    /// How many rows all pages have.
    count: u64,
    data_list: Vec<T>,
}

impl<T> Page<T> {
    pub(super) fn of(paging: Paging, found: Counted<T>) -> Page<T> {
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
        Ok(Asked { whose, state: card_state(body)?, paging: Paging::read(body, PAGE_SIZE_MAX)? })
    }
}

/// One of these words, as a filter; empty text is the same as absent.
pub(super) fn filter(
    body: &Object<'_>,
    name: &str,
    words: &[&'static str],
) -> Read<Option<&'static str>> {
    match body.get(name) {
        Some(Json::Text(text)) if text.is_empty() => Ok(None),
        _ => body.word(name, words),
    }
}

/// `CardStatus`, as a filter.
fn card_state(body: &Object<'_>) -> Read<Option<CardState>> {
    let word = filter(body, "CardStatus", &CardState::ALL.map(map::card_status))?;
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

/// `POST …/query_card_batches`, checked.
struct BatchesAsked {
    batch: Option<Id<kinds::CardBatch>>,
    merchant: Option<MerchantId>,
    sale: Option<CardBatchesIn>,
    paging: Paging,
}

/// `BatchStatus` of a batch whose time is up.
pub(super) const EXPIRED: &str = "EXPIRED";

impl BatchesAsked {
    fn read(body: &Object<'_>) -> Read<BatchesAsked> {
        let merchant = body.text("ChannelSubMerchantId", 0..=50)?.filter(|text| !text.is_empty());
        let batch = match body.get("CardBatchId") {
            Some(Json::Text(text)) if text.is_empty() => None,
            _ => batch_id(body, "CardBatchId")?,
        };
        let paging = Paging::read(body, PAGE_SIZE_MAX)?;
        Ok(BatchesAsked {
            batch,
            merchant: merchant.map(MerchantId::new),
            sale: sold(body)?,
            paging,
        })
    }
}

/// `BatchStatus`, as a filter.
fn sold(body: &Object<'_>) -> Read<Option<CardBatchesIn>> {
    let [init, on_sale, off_sale, closed] = CardBatchState::ALL.map(sale);
    let word = filter(body, "BatchStatus", &[init, on_sale, off_sale, closed, EXPIRED])?;
    if word == Some(EXPIRED) {
        return Ok(Some(CardBatchesIn::Expired));
    }
    let state = CardBatchState::ALL.into_iter().find(|state| Some(sale(*state)) == word);
    Ok(state.map(CardBatchesIn::State))
}

pub(super) async fn query_card_batches(State(api): Shared, request: Request) -> Response {
    answer(batches(&api, request).await.map_err(of_wallet))
}

async fn batches(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(BatchesAsked::read(body)?))?;
    let BatchesAsked { batch, merchant, sale, paging } = asked;
    let (tenant, now) = (caller.tenant.clone(), api.engine.now());
    let (offset, limit) = (paging.offset(), paging.size);
    let question = CardBatches { tenant, batch, merchant, sale, now, offset, limit };
    let found: Counted<CardBatch> = api.engine.ask(question).await?;
    let rows: Vec<BatchShown<'_>> = found.rows.iter().map(|row| map::batch(row, now)).collect();
    Ok(success(Page::of(paging, Counted { count: found.count, rows })))
}
