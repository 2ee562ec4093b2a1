//! Flows of wallets and cards, and batches of cards, from the model.

use super::State;
use super::search::{count, len};
use crate::audit::add;
use crate::flows::{card_flows, card_flows_read};
use crate::{
    BalancesAt, CardBatches, CardFlow, CardFlowKind, CardFlows, Counted, EXAMINED_MAX, StoreFault,
    WalletFlow, WalletFlowKind, WalletFlows,
};
use kernel::{CardBatch, Change, Event};
use ledger::{Account, Balance, Fen, Phase, SubjectKind, Transfer};
use std::cmp::Reverse;

impl State {
    pub(super) fn list_card_batches(&self, of: &CardBatches) -> Counted<CardBatch> {
        let is_own = |row: &&CardBatch| of.batch.is_none_or(|batch| row.id == batch);
        let is_sold_so = |row: &CardBatch| {
            let is_expired = row.validity.ends_at().is_some_and(|ends_at| ends_at <= of.now);
            of.sale.is_none_or(|sale| {
                sale.is_expired() == is_expired
                    && sale.state().is_none_or(|state| row.state == state)
            })
        };
        let newest = self.card_batches.of(&of.tenant).rev().filter(is_own).take(len(EXAMINED_MAX));
        let found: Vec<&CardBatch> = newest
            .filter(|row| of.merchant.as_ref().is_none_or(|merchant| row.merchant == *merchant))
            .filter(|row| is_sold_so(row))
            .collect();
        let page = found.iter().skip(len(of.offset)).take(len(of.limit));
        Counted { count: count(found.len()), rows: page.copied().cloned().collect() }
    }

    pub(super) fn card_flows(&self, of: &CardFlows) -> Option<Counted<CardFlow>> {
        let card = self.cards.get(&of.tenant, of.card.value())?;
        let is_flow = |event: &&Event| {
            let is_own = event.tenant == of.tenant && event.subject == of.card.subject();
            let flow = match &event.change {
                Change::Card(change) => CardFlowKind::of(change),
                _ => None,
            };
            is_own && flow.is_some()
        };
        let mut newest: Vec<Event> = self.events.values().filter(is_flow).cloned().collect();
        newest.sort_by_key(|event| Reverse(event.sequence));
        newest.truncate(len(EXAMINED_MAX));
        let known = count(newest.len());
        newest.truncate(len(card_flows_read(of.offset, of.limit)));
        Some(card_flows(card, known, newest, of.offset))
    }

    /// Takes what moved later from the present balance, transfer by transfer.
    pub(super) fn wallet_flows(&self, of: &WalletFlows) -> Result<Counted<WalletFlow>, StoreFault> {
        let (tenant, accounts) = (of.tenant.clone(), of.accounts().to_vec());
        let mut after = Balance::default();
        for row in self.balances_at(&BalancesAt { tenant, accounts, at: None })? {
            add(&mut after, ledger::Delta { posted: row.balance.posted, held: row.balance.held })?;
        }
        let mut found = vec![];
        for transfer in self.transfers_of(&of.tenant).rev() {
            let Some(flow) = self.wallet_flow(of, transfer, after.posted) else { continue };
            after.posted = Fen::new(after.posted.get() - flow.amount.get());
            let is_asked = of.from <= flow.at
                && flow.at < of.to
                && of.kind.is_none_or(|kind| kind == flow.kind);
            found.extend(is_asked.then_some(flow));
        }
        let count = count(found.len());
        let rows = found.into_iter().skip(len(of.offset)).take(len(of.limit)).collect();
        Ok(Counted { count, rows })
    }

    fn wallet_flow(
        &self,
        of: &WalletFlows,
        transfer: &Transfer,
        balance_after: Fen,
    ) -> Option<WalletFlow> {
        let fen = transfer.amount.get();
        let is_own = |account: &Account| of.accounts().contains(account);
        let (account, amount, frozen) = match transfer.phase {
            Phase::Hold if is_own(&transfer.debit) => (&transfer.debit, 0, fen),
            Phase::Release if is_own(&transfer.debit) => (&transfer.debit, 0, -fen),
            Phase::Post if is_own(&transfer.debit) => (&transfer.debit, -fen, 0),
            Phase::Post if is_own(&transfer.credit) => (&transfer.credit, fen, 0),
            _ => return None,
        };
        let root = transfer.root.value();
        let freeze = self.wallet_freezes.get(&of.tenant, transfer.subject.value);
        let freeze = freeze.filter(|_| transfer.subject.kind == SubjectKind::WalletFreeze);
        let order = self.orders.get(&of.tenant, root);
        Some(WalletFlow {
            id: transfer.id,
            kind: WalletFlowKind::of(transfer.reason, transfer.phase, account.kind)?,
            amount: Fen::new(amount),
            frozen: Fen::new(frozen),
            balance_after,
            at: transfer.at,
            order_no: order.map(|order| order.terms.request.merchant_order_no.clone()),
            refund_no: self.refund_no(of, transfer, amount),
            freeze_no: freeze.map(|freeze| freeze.number.clone()),
            note: freeze.and_then(|freeze| freeze.note.clone()),
        })
    }

    /// The number of the refund whose money moved beside this: what it takes of a wallet leaves before its
    /// own money moves, what it puts back comes after.
    fn refund_no(&self, of: &WalletFlows, transfer: &Transfer, amount: i64) -> Option<String> {
        let kind = WalletFlowKind::of(transfer.reason, transfer.phase, transfer.debit.kind)?;
        if !matches!(kind, WalletFlowKind::Refund | WalletFlowKind::RechargeRefund) {
            return None;
        }
        let mut beside = self.transfers_of(&of.tenant).filter(|own| {
            own.root == transfer.root
                && own.at == transfer.at
                && own.subject.kind == SubjectKind::Refund
                && (own.id > transfer.id) == (amount < 0)
        });
        let found = if amount < 0 { beside.next() } else { beside.next_back() };
        let refund = self.refunds.get(&of.tenant, found?.subject.value)?;
        refund.request.as_ref().map(|request| request.merchant_refund_no.clone())
    }
}
