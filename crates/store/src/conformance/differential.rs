//! The same random history, played to two stores.

use super::agreements;
use super::allocations::release;
use super::approvals::{approve, propose, reject, write_off};
use super::cards;
use super::fixture::StoreFixture;
use super::settlement::{end, funding, withdraw};
use super::sharing::{create_payee, found_of_return, found_of_share, give_back, share};
use super::wallets;
use crate::{Accounts, BalancesAt, Batch, Claim, CommitFault, PostingsBetween, Promise, Store};
use channel::{
    AgreementStatus, Finding, Operation, PlatformKey, RefundStatus, Refunded, ShareStatus,
};
use kernel::{
    Aggregate, Agreement, Approval, Caller, Card, CardBatch, CardCommand, CardProof, CardTransfer,
    CardTransferCommand, CardValidity, ChannelAccountCommand, Command, Deduct, Delivery, Key, Lane,
    Notification, Order, OrderRequest, Payee, Put, Refund, Share, ShareReturn, TenantId, Wallet,
    WalletFreeze, WalletUse, Withdrawal, Write,
};
use ledger::book::sum_deltas;
use ledger::{Account, Fen, Timestamp};
use std::collections::BTreeMap;
use std::mem::{discriminant, take};
use std::sync::Arc;
use test_support::{
    PARTNERS, SeededRng, TENANTS, attempt, call, channel_account, close, divided_request, found,
    found_of_refund, order_request, paid_as, payable, place_for, put_account, put_caller_key,
    put_merchant, put_tenant, replay, request_refund, tenant_at,
};

/// Steps between two comparisons of everything readable.
const COMPARE_EVERY: u32 = 60;

/// Plays `steps` steps of the random history of `seed` to both stores, which must be fresh and
/// migrated, and panics where they differ.
pub fn differ<'a>(
    one: &'a dyn Store,
    other: &'a dyn Store,
    seed: u64,
    steps: u32,
) -> Promise<'a, ()> {
    Box::pin(async move {
        let mut play = Play::new(one, other, seed);
        play.open().await;
        for step in 1..=steps {
            play.step().await;
            if step % COMPARE_EVERY == 0 || step == steps {
                play.compare().await;
            }
        }
    })
}

struct Play<'a> {
    fixture: StoreFixture<'a>,
    other: &'a dyn Store,
    rng: SeededRng,
    orders: Vec<Order>,
    refunds: Vec<Refund>,
    approvals: Vec<Approval>,
    withdrawals: Vec<Withdrawal>,
    payees: Vec<Payee>,
    shares: Vec<Share>,
    share_returns: Vec<ShareReturn>,
    card_batches: Vec<CardBatch>,
    cards: Vec<Card>,
    card_transfers: Vec<CardTransfer>,
    wallets: Vec<Wallet>,
    wallet_freezes: Vec<WalletFreeze>,
    agreements: Vec<Agreement>,
    notifications: Vec<Notification>,
    last: Vec<Batch>,
}

impl<'a> Play<'a> {
    fn new(one: &'a dyn Store, other: &'a dyn Store, seed: u64) -> Play<'a> {
        Play {
            fixture: StoreFixture::new(one),
            other,
            rng: SeededRng::new(seed),
            orders: vec![],
            refunds: vec![],
            approvals: vec![],
            withdrawals: vec![],
            payees: vec![],
            shares: vec![],
            share_returns: vec![],
            card_batches: vec![],
            cards: vec![],
            card_transfers: vec![],
            wallets: vec![],
            wallet_freezes: vec![],
            agreements: vec![],
            notifications: vec![],
            last: vec![],
        }
    }

    /// Tasks are claimed of tenants that exist.
    async fn open(&mut self) {
        let tenants = (0..TENANTS.len()).map(tenant_at);
        let commands: Vec<_> = tenants.map(|id| put_tenant(&id, "", Put::Create)).collect();
        let batches = self.fixture.prepare(&commands).await;
        self.commit(batches).await;
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.index(all.len())]
    }

    async fn step(&mut self) {
        let wait_ms = self.one_of(&[0, 1, 900, 20_000, 31_000, 400_000, 1_900_000]);
        self.fixture.wait_ms(wait_ms);
        self.fixture.caller = self.caller();
        let mut commands: Vec<Command> = vec![];
        for _ in 0..=self.rng.below(5) {
            commands.extend(self.commands().await);
        }
        let batches = self.fixture.prepare(&commands).await;
        self.commit(batches.clone()).await;
        if self.rng.below(6) == 0 {
            let stale = take(&mut self.last);
            self.commit(stale).await;
        }
        self.last = batches;
        if self.rng.below(4) == 0 {
            let tenant = tenant_at(self.rng.index(3));
            let fen = self.one_of(&[1, 99, 800]);
            let batch = funding(&mut self.fixture, &tenant, fen);
            self.commit(vec![batch]).await;
        }
        if self.rng.below(9) == 0 {
            self.archive().await;
        }
    }

    /// Archives the finished stories of a tenant from both.
    async fn archive(&mut self) {
        let tenant = tenant_at(self.rng.index(TENANTS.len()));
        let stories = self.fixture.finished(&tenant).await;
        let Some(archival) = self.fixture.archival(&tenant, &stories).await else { return };
        assert_eq!(self.fixture.store.archive(&archival).await, Ok(()));
        assert_eq!(self.other.archive(&archival).await, Ok(()));
    }

    /// Commits to both stores; what they say must be of one kind.
    async fn commit(&mut self, batches: Vec<Batch>) {
        let one = self.fixture.store.commit(batches.clone()).await;
        let other = self.other.commit(batches.clone()).await;
        assert_eq!(one.len(), batches.len());
        let kinds = |outcomes: &[Result<(), CommitFault>]| {
            outcomes.iter().map(|o| o.as_ref().map_err(discriminant).copied()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&one), kinds(&other), "{one:?} and {other:?}");
        for (batch, _) in batches.iter().zip(&one).filter(|(_, outcome)| outcome.is_ok()) {
            self.orders.extend(added(&batch.changed.orders));
            self.refunds.extend(added(&batch.changed.refunds));
            self.approvals.extend(added(&batch.changed.approvals));
            self.withdrawals.extend(added(&batch.changed.withdrawals));
            self.payees.extend(added(&batch.changed.payees));
            self.shares.extend(added(&batch.changed.shares));
            self.share_returns.extend(added(&batch.changed.share_returns));
            self.card_batches.extend(added(&batch.changed.card_batches));
            self.cards.extend(added(&batch.changed.cards));
            self.card_transfers.extend(added(&batch.changed.card_transfers));
            self.wallets.extend(added(&batch.changed.wallets));
            self.wallet_freezes.extend(added(&batch.changed.wallet_freezes));
            self.agreements.extend(added(&batch.changed.agreements));
            self.notifications.extend(added(&batch.changed.notifications));
        }
    }

    fn caller(&mut self) -> Caller {
        match self.rng.below(6) {
            0 => Caller::Business(Arc::from("key:with:colons")),
            1 => Caller::Channel(Arc::from("wxpay")),
            2 | 3 => Caller::Operator(Arc::from("李")),
            4 => Caller::Operator(Arc::from("王")),
            _ => Caller::Clock,
        }
    }

    async fn commands(&mut self) -> Vec<Command> {
        match self.rng.below(31) {
            0..=2 => vec![self.placing()],
            3..=6 => self.finding().into_iter().collect(),
            7 => self.rng.recent(&self.orders).map(close).into_iter().collect(),
            8 => self.due().await,
            9 => self.refunding().into_iter().collect(),
            10 => self.delivery().into_iter().collect(),
            11 | 12 => self.approving().into_iter().collect(),
            13 => self.requesting().into_iter().collect(),
            14 => self.releasing().into_iter().collect(),
            15 => self.withdrawing().into_iter().collect(),
            16..=18 => self.sharing().await.into_iter().collect(),
            19 | 20 => self.answering().await,
            21..=23 => self.with_cards().into_iter().collect(),
            24..=26 => self.with_wallets().into_iter().collect(),
            27..=29 => self.with_agreements().into_iter().collect(),
            _ => vec![self.directory()],
        }
    }

    fn placing(&mut self) -> Command {
        let tenant = tenant_at(self.rng.index(3));
        let request = order_request(&format!("N{}", self.rng.below(50)));
        let mut request = match self.rng.below(4) {
            0 => divided_request(&request.merchant_order_no),
            _ => request,
        };
        request.splits.is_shared = self.rng.below(2) == 0;
        let namespace = Arc::from(self.one_of(&["wecard", "wecard", "open"]));
        place_for(&tenant, OrderRequest { namespace, ..request })
    }

    fn finding(&mut self) -> Option<Command> {
        let order = self.rng.recent(&self.orders)?.clone();
        let text = || "原因".to_owned();
        let code = || "SYSTEM_ERROR".to_owned();
        let finding = match self.rng.below(14) {
            0..=2 => payable(&order),
            3..=5 => paid_as(&order, self.one_of(&["wx1", "wx2"])),
            6 => Finding::Pending,
            7 => Finding::Closed,
            8 => Finding::NotFound,
            9 => Finding::Unknown { why: text() },
            10 => Finding::Failed { code: code(), text: text() },
            11 => Finding::Refused { code: code(), text: text() },
            12 => Finding::Mismatch { why: text() },
            _ => Finding::Ask { code: code() },
        };
        let operations = [Operation::Place, Operation::Query, Operation::Close].map(Some);
        let asked = if self.rng.below(4) == 0 { None } else { self.one_of(&operations) };
        Some(found(&order, finding, asked))
    }

    /// A merchant requests a refund of an order, or repeats one.
    fn requesting(&mut self) -> Option<Command> {
        let order = self.rng.recent(&self.orders)?.clone();
        let number = format!("R{}", self.rng.below(20));
        Some(request_refund(&order, &number, self.one_of(&[1, 700, 1999])))
    }

    fn refunding(&mut self) -> Option<Command> {
        let refund = self.rng.recent(&self.refunds)?.clone();
        let statuses = [
            RefundStatus::Processing,
            RefundStatus::Done,
            RefundStatus::Closed,
            RefundStatus::Abnormal,
        ];
        let finding = match self.rng.below(5) {
            0 => Finding::Later { code: "BUSY".to_owned(), text: String::new() },
            1 => Finding::Mismatch { why: "another refund".to_owned() },
            _ => Finding::Refund(Refunded {
                channel_refund_no: refund.current_channel_refund_no(),
                refund_reference: "wxr".to_owned(),
                amount: refund.amount,
                settled_amount: Some(refund.settled_amount),
                status: self.one_of(&statuses),
                at: Some(Timestamp::from_ms(7)),
            }),
        };
        Some(found_of_refund(&refund, finding))
    }

    /// Operators propose, and others or they themselves decide.
    fn approving(&mut self) -> Option<Command> {
        let Caller::Operator(name) = self.fixture.caller.clone() else { return None };
        match self.rng.below(4) {
            0 | 1 => {
                let order = self.rng.recent(&self.orders)?.clone();
                let note = self.one_of(&["kept", "三 \"'\\"]);
                Some(propose(&order, &name, &write_off(&order, note)))
            }
            2 => self.rng.recent(&self.approvals).map(approve),
            _ => self.rng.recent(&self.approvals).map(reject),
        }
    }

    /// Frozen money is released, under few numbers.
    fn releasing(&mut self) -> Option<Command> {
        let order = self.rng.recent(&self.orders)?.clone();
        let number = format!("U{}", self.rng.below(20));
        let merchant = self.one_of(&PARTNERS);
        let amount = self.one_of(&[1, 100, 300]);
        Some(release(&order, &number, merchant, Fen::new(amount)))
    }

    /// Merchants withdraw, and operators book how that ended.
    fn withdrawing(&mut self) -> Option<Command> {
        if self.rng.below(2) == 0 {
            let tenant = tenant_at(self.rng.index(3));
            let number = format!("W{}", self.rng.below(50));
            return Some(withdraw(&tenant, &number, self.one_of(&[1, 70, 400])));
        }
        let row = self.rng.recent(&self.withdrawals)?.clone();
        Some(end(&row, self.rng.below(3) > 0))
    }

    /// Payees are created, get parts of orders, and give something back.
    async fn sharing(&mut self) -> Option<Command> {
        let of_order = self.rng.recent(&self.orders)?.clone();
        let tenant = of_order.terms.tenant.clone();
        let (number, fen) = (self.rng.below(20), self.one_of(&[1, 40, 700]));
        let own = |payee: &&Payee| payee.tenant == tenant;
        let payees: Vec<Payee> = self.payees.iter().filter(own).cloned().collect();
        match self.rng.below(6) {
            0 => Some(create_payee(&tenant, &format!("E{}", number % 6), number % 3)),
            1..=3 => {
                let payee = self.rng.recent(&payees)?.clone();
                let releases_rest = self.one_of(&[false, false, true]);
                Some(share(&of_order, &format!("S{number}"), &payee, fen, releases_rest))
            }
            _ => {
                let made = self.rng.recent(&self.shares)?.clone();
                let story = self.fixture.story_of(&made.tenant, made.root()).await?;
                let now = story.shares().find(|row| row.id == made.id)?.clone();
                let payee = now.items.first()?.payee;
                Some(give_back(&now, &format!("V{number}"), payee, fen))
            }
        }
    }

    /// A channel says something about the share or return that runs of an order: mostly what was asked.
    async fn answering(&mut self) -> Vec<Command> {
        let (share, row) = (self.rng.recent(&self.shares), self.rng.recent(&self.share_returns));
        let (share, row) = (share.cloned(), row.cloned());
        let status = self.one_of(&ShareStatus::ALL);
        let operations = [Operation::BindReceiver, Operation::Share, Operation::QueryShare];
        let asked = self.one_of(&operations);
        let share = share.map(|share| found_of_share(&share, asked, status));
        let back = row.map(|row| found_of_return(&row, status));
        share.into_iter().chain(back).collect()
    }

    /// Batches are made, cards of them are bought, shown, blocked, given away, received and taken back.
    fn with_cards(&mut self) -> Option<Command> {
        let (tenant, number) = (tenant_at(self.rng.index(3)), self.rng.below(30));
        let kind = self.rng.below(9);
        if kind == 0 {
            let (begins_at, hours) = (self.fixture.now(), self.one_of(&[1, 5]));
            let ends_at = begins_at.plus_seconds(hours * 3600);
            let validity = CardValidity::Fixed { begins_at, ends_at };
            return Some(cards::create_batch_of(&tenant, &format!("B{}", number % 9), validity));
        }
        if kind < 4 {
            let batch = self.rng.recent(&self.card_batches)?;
            let (tenant, batch) = (batch.tenant.clone(), batch.id);
            return Some(cards::buy(&tenant, batch, &format!("J{number}"), self.one_of(&[1, 3])));
        }
        let card = self.rng.recent(&self.cards)?.clone();
        let (tenant, key, note) = (card.tenant.clone(), Key::Id(card.id), Some("\"'".to_owned()));
        match kind {
            4 => Some(cards::read_secret(&card, "k1:first")),
            5 => Some(match self.rng.below(2) {
                0 => CardCommand::Freeze { tenant, card: key, note }.into(),
                _ => CardCommand::Unfreeze { tenant, card: key, note }.into(),
            }),
            6 => Some(cards::give(&card, &format!("X{number}"))),
            7 => {
                let transfer = self.rng.recent(&self.card_transfers)?.clone();
                let (tenant, key) = (transfer.tenant.clone(), Key::Id(transfer.id));
                match self.rng.below(2) {
                    0 => Some(CardTransferCommand::Cancel { tenant, transfer: key }.into()),
                    _ => Some(cards::receive(&tenant, transfer.id)),
                }
            }
            _ => {
                let order = self.orders.iter().find(|order| order.terms.id == card.order)?.clone();
                Some(cards::take_back(&order, &card, &format!("R{}", number % 20)))
            }
        }
    }

    /// Wallets are paid into, spent, filled with cards, frozen in parts, and what was paid in goes back.
    fn with_wallets(&mut self) -> Option<Command> {
        let (tenant, number) = (tenant_at(self.rng.index(3)), self.rng.below(40));
        let kind = self.rng.below(9);
        if kind < 2 {
            let bonus = self.one_of(&[0, 33]);
            return Some(wallets::pay_in(&tenant, &format!("V{number}"), 1000, bonus));
        }
        let wallet = self.rng.recent(&self.wallets)?.clone();
        let (tenant, fen) = (wallet.tenant.clone(), self.one_of(&[1, 70, 800]));
        match kind {
            2 | 3 => {
                let deduct = match self.rng.below(2) {
                    0 => Deduct::CardsFirst,
                    _ => Deduct::Balance,
                };
                let of = WalletUse { wallet: wallet.id, deduct };
                Some(wallets::spend_of(&tenant, &format!("D{number}"), of, Fen::new(fen)))
            }
            4 | 5 => {
                let own = |card: &&Card| card.tenant == tenant;
                let own: Vec<Card> = self.cards.iter().filter(own).cloned().collect();
                let card = self.rng.recent(&own)?;
                let proof = CardProof::Owner(None);
                Some(wallets::bind(&format!("L{number}"), card, wallet.id, proof))
            }
            6 => {
                let end = self.fixture.now().plus_seconds(600);
                let end = self.one_of(&[None, Some(end)]);
                Some(wallets::freeze(&tenant, &format!("H{}", number % 9), wallet.id, fen, end))
            }
            7 => {
                let freeze = self.rng.recent(&self.wallet_freezes)?.clone();
                let amount = self.one_of(&[None, Some(1), Some(40)]);
                let number = format!("HU{}", number % 9);
                Some(wallets::unfreeze(&freeze.tenant, &freeze.number, &number, amount))
            }
            _ => {
                let order = self.rng.recent(&self.orders)?.clone();
                Some(wallets::give_back(&order, &format!("R{}", number % 20), fen))
            }
        }
    }

    /// Agreements are signed, pay orders and end.
    fn with_agreements(&mut self) -> Option<Command> {
        let number = self.rng.below(12);
        if self.rng.below(5) == 0 {
            let tenant = tenant_at(self.rng.index(3));
            return Some(agreements::sign(&tenant, &format!("Y{number}")));
        }
        let row = self.rng.recent(&self.agreements)?.clone();
        let operations = [
            None,
            Some(Operation::SignAgreement),
            Some(Operation::QueryAgreement),
            Some(Operation::QueryAgreement),
            Some(Operation::TerminateAgreement),
        ];
        let asked = self.one_of(&operations);
        let status = self.one_of(&[
            AgreementStatus::Signing,
            AgreementStatus::Signed,
            AgreementStatus::Signed,
            AgreementStatus::Signed,
            AgreementStatus::Paused,
            AgreementStatus::Terminated,
        ]);
        Some(match self.rng.below(9) {
            0..=2 => agreements::said(&row, agreements::stands(&row, status), asked),
            3 => agreements::said(&row, agreements::page(&row), asked),
            4 => agreements::said(&row, Finding::NotFound, asked),
            5 => agreements::terminate(&row),
            _ => agreements::debit(&row, &format!("N{number}")),
        })
    }

    fn delivery(&mut self) -> Option<Command> {
        let row = self.rng.recent(&self.notifications)?.clone();
        let delivery = match self.rng.below(4) {
            0 => Delivery::Acknowledged { status: 200 },
            1 => Delivery::Rejected { status: 404, excerpt: "没有".to_owned() },
            2 => Delivery::NoAnswer { why: "refused".to_owned() },
            _ => return Some(replay(&row)),
        };
        Some(attempt(&row, self.fixture.now(), delivery))
    }

    fn directory(&mut self) -> Command {
        let tenant = tenant_at(self.rng.index(3));
        let name = channel_account(&tenant);
        let put = self.one_of(&[Put::Create, Put::Change, Put::Apply, Put::Apply]);
        let text = self.one_of(&["one", "two", "三 \"'\\"]);
        match self.rng.below(7) {
            0 | 1 => put_tenant(&tenant, text, put),
            2 => put_account(&tenant, text, put),
            3 => {
                let accounts = [&*name];
                put_merchant(&tenant, if text == "one" { &[] } else { &accounts }, put)
            }
            4 => {
                let key_id = format!("AKID{}-{tenant}", self.rng.below(3));
                put_caller_key(&tenant, &key_id, text, put)
            }
            5 => {
                let key = PlatformKey {
                    serial: format!("S{}", self.rng.below(3)),
                    pem: format!("pem {}", self.rng.below(1000)),
                    valid_from: self.fixture.now(),
                    valid_until: self.fixture.now().plus_ms(1),
                };
                ChannelAccountCommand::StoreKeys { tenant, name, keys: vec![key] }.into()
            }
            _ => {
                let (why, call) = (text.to_owned(), call(None));
                ChannelAccountCommand::RecordMismatch { tenant, name, why, call }.into()
            }
        }
    }

    /// Claims from both and runs some of it.
    async fn due(&mut self) -> Vec<Command> {
        let now = self.fixture.now();
        let claim = Claim {
            lane: self.one_of(&Lane::ALL),
            now,
            until: now.plus_ms(30_000),
            limit: 1000,
            each: 900,
            less: BTreeMap::from([(tenant_at(0), self.one_of(&[0, 900]))]),
            after: Some(tenant_at(1)),
        };
        let mut one = self.fixture.store.claim(&claim).await.expect("the store claims");
        let mut other = self.other.claim(&claim).await.expect("the store claims");
        one.sort();
        other.sort();
        assert_eq!(one, other, "claimed");
        one.retain(|_| self.rng.below(3) > 0);
        one.into_iter().map(Command::RunTask).collect()
    }

    async fn compare(&self) {
        let one = self.fixture.everything().await;
        let mut other = StoreFixture::new(self.other);
        other.stamp.set_time(self.fixture.now());
        let other = other.everything().await;
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other);
        }
        assert_eq!(one.len(), other.len());
        self.fixture.assert_sound().await;
        for tenant in TENANTS.map(TenantId::new) {
            self.assert_past_is_a_replay(&tenant).await;
        }
    }

    /// What accounts had at a past time is what comes out when all that moved until then is booked again.
    async fn assert_past_is_a_replay(&self, tenant: &TenantId) {
        let rows = self.fixture.ask(Accounts { tenant: tenant.clone() }).await;
        let accounts: Vec<Account> = rows.into_iter().map(|row| row.account).collect();
        for back_ms in [0, 20_000, 2_000_000] {
            let at = self.fixture.now().plus_ms(-back_ms);
            let of =
                BalancesAt { tenant: tenant.clone(), accounts: accounts.clone(), at: Some(at) };
            for row in self.fixture.ask(of).await {
                let of = PostingsBetween {
                    tenant: tenant.clone(),
                    account: row.account.clone(),
                    from: Timestamp::default(),
                    to: at.plus_ms(1),
                    after: None,
                    limit: u32::MAX,
                };
                let moved = self.fixture.ask(of).await;
                let posted = sum_deltas(&moved).expect("the sums fit");
                let posted = posted.get(&row.account).copied().unwrap_or_default().posted;
                assert_eq!(row.balance.posted, posted, "{:?} at {at:?}", row.account);
            }
        }
    }
}

/// The rows that a batch added.
fn added<A: Clone>(writes: &[Write<A>]) -> impl Iterator<Item = A> {
    writes.iter().filter(|write| write.expected.is_none()).map(|write| write.row.clone())
}
