//! Batches of gift cards by page, and the flows of cards and wallets.

use crate::load::{Finder, text};
use crate::search::every;
use crate::sql::read;
use crate::statement::Select;
use kernel::{Card, CardBatch, CardBatchState, Key, MerchantId, Row};
use ledger::{Id, Phase, Reason};
use rusqlite::Connection;
use std::collections::HashMap;
use store::flows::{card_flows, card_flows_read};
use store::rows::{Value, event, transfer, wallet_flow};
use store::{
    CardBatches, CardBatchesIn, CardFlow, CardFlows, Counted, EXAMINED_MAX, StoreFault, WalletFlow,
    WalletFlowKind, WalletFlows, highest_id, lowest_id,
};

pub(crate) fn card_batches(
    connection: &Connection,
    of: &CardBatches,
) -> Result<Counted<CardBatch>, StoreFault> {
    let examined = [
        text(&of.tenant),
        Value::Int(of.batch.map_or(i64::MIN, Id::value)),
        Value::Int(of.batch.map_or(i64::MAX, Id::value)),
        Value::optional(of.merchant.as_ref().map(MerchantId::as_str)),
        Value::optional(of.sale.and_then(CardBatchesIn::state).map(CardBatchState::name)),
        Value::Int(of.sale.map_or(-1, |sale| i64::from(sale.is_expired()))),
        Value::Int(of.now.ms()),
        Value::Int(i64::from(EXAMINED_MAX)),
    ];
    let page = [Value::Int(i64::from(of.offset)), Value::Int(i64::from(of.limit))];
    let counts = Select::new(connection, "card_batches", read::CARD_BATCH_COUNT)?
        .all(&examined, transfer::read_count)?;
    let rows = every(connection, &read::CARD_BATCHES, &[&examined[..], &page].concat())?;
    Ok(Counted { count: counts.into_iter().sum(), rows })
}

/// No more events are read than up to the end of the page.
pub(crate) fn of_card(
    connection: &Connection,
    of: &CardFlows,
) -> Result<Option<Counted<CardFlow>>, StoreFault> {
    let card: Option<Card> = Finder::new(connection).find(&of.tenant, &Key::Id(of.card))?;
    let Some(card) = card else { return Ok(None) };
    let newest =
        |most: u32| [text(&of.tenant), Value::Int(of.card.value()), Value::Int(i64::from(most))];
    let counts = Select::new(connection, event::EVENTS.name, &read::CARD_FLOW_COUNT)?
        .all(&newest(EXAMINED_MAX), transfer::read_count)?;
    let subjects = HashMap::from([(of.card.subject(), Row::Card(card.clone()))]);
    let most = card_flows_read(of.offset, of.limit);
    let events = Select::new(connection, event::EVENTS.name, &read::CARD_FLOWS_OF)?
        .all(&newest(most), |cells| event::read(cells, &subjects))?;
    Ok(Some(card_flows(&card, counts.into_iter().sum(), events, of.offset)))
}

pub(crate) fn of_wallet(
    connection: &Connection,
    of: &WalletFlows,
) -> Result<Counted<WalletFlow>, StoreFault> {
    let [principal, bonus] = of.accounts();
    let asked = [
        text(&of.tenant),
        Value::owned(principal.key()),
        Value::owned(bonus.key()),
        Value::Int(lowest_id(of.from)),
        Value::Int(highest_id(of.to)),
        Value::Int(of.from.ms()),
        Value::Int(of.to.ms()),
        Value::optional(of.kind.map(WalletFlowKind::reason).map(Reason::name)),
        Value::optional(of.kind.map(WalletFlowKind::phase).map(Phase::name)),
        of.account().map_or(Value::Null, |account| Value::owned(account.key())),
    ];
    let page = [Value::Int(i64::from(of.offset)), Value::Int(i64::from(of.limit))];
    let counts = Select::new(connection, transfer::TRANSFERS.name, &read::WALLET_FLOW_COUNT)?
        .all(&asked, transfer::read_count)?;
    let rows = Select::new(connection, wallet_flow::WALLET_FLOWS.name, &read::WALLET_FLOWS)?
        .all(&[&asked[..], &page].concat(), wallet_flow::read)?;
    Ok(Counted { count: counts.into_iter().sum(), rows })
}
