//! Batches of gift cards by page, and the flows of cards and wallets: each from one snapshot.

use crate::cell::{self, Parameter};
use crate::connection::Step;
use crate::load::by_ids;
use crate::search::{Found, tenant};
use crate::sql::read;
use kernel::{Card, CardBatch, CardBatchState, MerchantId, Row};
use ledger::{Id, Phase, Reason};
use std::borrow::Cow;
use std::collections::HashMap;
use store::flows::{card_flows, card_flows_read};
use store::rows::{self, event, transfer, wallet_flow};
use store::{
    CardBatches, CardBatchesIn, CardFlow, CardFlows, Counted, EXAMINED_MAX, StoreFault, WalletFlow,
    WalletFlowKind, WalletFlows, highest_id, lowest_id,
};

fn page<'a>(offset: u32, limit: u32) -> [Parameter<'a>; 2] {
    [offset, limit].map(|number| Parameter::int(i64::from(number)))
}

fn too_few() -> StoreFault {
    StoreFault::Failed("a page with too few answers".to_owned())
}

impl Found<'_> {
    pub(crate) async fn card_batches(
        &self,
        of: &CardBatches,
    ) -> Result<Counted<CardBatch>, StoreFault> {
        let page = page(of.offset, of.limit);
        let steps = [
            Step::new(&read::CARD_BATCH_COUNT, batches_examined(of)),
            Step::new(&read::CARD_BATCHES, batches_examined(of).into_iter().chain(page)),
        ];
        let found = self.all(&steps).await?;
        let [counts, batches] = found.as_slice() else { return Err(too_few()) };
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        Ok(Counted { count, rows: cell::read(batches, rows::read)? })
    }

    /// No more events are read than up to the end of the page.
    pub(crate) async fn flows_of_card(
        &self,
        of: &CardFlows,
    ) -> Result<Option<Counted<CardFlow>>, StoreFault> {
        let newest = |most: u32| {
            [tenant(&of.tenant), Parameter::int(of.card.value()), Parameter::int(i64::from(most))]
        };
        let steps = [
            by_ids::<Card>(&of.tenant, vec![of.card.value()]),
            Step::new(&read::CARD_FLOW_COUNT, newest(EXAMINED_MAX)),
            Step::new(&read::CARD_FLOWS_OF, newest(card_flows_read(of.offset, of.limit))),
        ];
        let found = self.all(&steps).await?;
        let [cards, counts, events] = found.as_slice() else { return Err(too_few()) };
        let cards: Vec<Card> = cell::read(cards, rows::read)?;
        let Some(card) = cards.first() else { return Ok(None) };
        let subjects = HashMap::from([(of.card.subject(), Row::Card(card.clone()))]);
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        let events = cell::read(events, |cells| event::read(cells, &subjects))?;
        Ok(Some(card_flows(card, count, events, of.offset)))
    }

    pub(crate) async fn flows_of_wallet(
        &self,
        of: &WalletFlows,
    ) -> Result<Counted<WalletFlow>, StoreFault> {
        let page = page(of.offset, of.limit);
        let steps = [
            Step::new(&read::WALLET_FLOW_COUNT, flows_asked(of)),
            Step::new(&read::WALLET_FLOWS, flows_asked(of).into_iter().chain(page)),
        ];
        let found = self.all(&steps).await?;
        let [counts, flows] = found.as_slice() else { return Err(too_few()) };
        let count = cell::read(counts, transfer::read_count)?.into_iter().sum();
        Ok(Counted { count, rows: cell::read(flows, wallet_flow::read)? })
    }
}

fn batches_examined(of: &CardBatches) -> [Parameter<'_>; 8] {
    [
        tenant(&of.tenant),
        Parameter::int(of.batch.map_or(i64::MIN, Id::value)),
        Parameter::int(of.batch.map_or(i64::MAX, Id::value)),
        Parameter::optional(of.merchant.as_ref().map(MerchantId::as_str)),
        Parameter::optional(of.sale.and_then(CardBatchesIn::state).map(CardBatchState::name)),
        Parameter::int(of.sale.map_or(-1, |sale| i64::from(sale.is_expired()))),
        Parameter::int(of.now.ms()),
        Parameter::int(i64::from(EXAMINED_MAX)),
    ]
}

fn flows_asked(of: &WalletFlows) -> [Parameter<'_>; 9] {
    [
        tenant(&of.tenant),
        Parameter::texts(of.accounts().map(|account| Cow::Owned(account.key()))),
        Parameter::int(lowest_id(of.from)),
        Parameter::int(highest_id(of.to)),
        Parameter::int(of.from.ms()),
        Parameter::int(of.to.ms()),
        Parameter::optional(of.kind.map(WalletFlowKind::reason).map(Reason::name)),
        Parameter::optional(of.kind.map(WalletFlowKind::phase).map(Phase::name)),
        match of.account() {
            Some(account) => Parameter::text(account.key()),
            None => Parameter::optional(None),
        },
    ]
}
