//! A small business: its commands are decided by the kernel over what the store loads, and committed
//! as the engine commits them.

use crate::archive::{first_not_rebuilt, is_finished};
use crate::{
    AccountRow, Accounts, Approvals, Archival, ArchiveCover, ArchiveRecord, Archives,
    AttentionFilter, AttentionList, Audit, AuditReport, BalancesAt, Batch, CardBatches,
    CardBatchesIn, CardFlows, Cards, CardsOf, DirectoryOf, DirectoryRevision, LastId,
    Notifications, OneRefund, OrderFilter, Orders, Page, Postings, PostingsBetween, Query,
    Question, Store, StoriesWithEvents, Story, StoryOf, Tasks, WalletFlows, Withdrawals,
};
use kernel::{
    Aggregate as _, Caller, Card, Changed, Command, Decision, Directory, Key, Lane, NaturalKey,
    Notification, Order, Reads, Refund, TenantId, View, decide,
};
use ledger::{Account, AccountKind, Balance, Id, Stamp, Timestamp, kinds};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use test_support::{
    REFUND_NAMESPACE, SEED, START, TENANTS, directory, found, order_request, paid, place_for,
    tenant_at,
};

/// A store, with a clock and a source of ids.
pub(super) struct StoreFixture<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) stamp: Stamp,
    pub(super) caller: Caller,
    directory: Arc<Directory>,
}

impl<'s> StoreFixture<'s> {
    pub(super) fn new(store: &'s dyn Store) -> StoreFixture<'s> {
        let caller = Caller::Business(Arc::from("till:1"));
        let directory = Arc::new(directory());
        StoreFixture { store, stamp: Stamp::new(1, START, SEED), caller, directory }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.stamp.now()
    }

    pub(super) fn wait_ms(&mut self, ms: i64) {
        self.stamp.set_time(self.now().plus_ms(ms));
    }

    /// Decides the commands over what the store has, one after another; refused ones are left out.
    /// Nothing is committed.
    pub(super) async fn prepare(&mut self, commands: &[Command]) -> Vec<Batch> {
        let mut reads = Reads::default();
        commands.iter().for_each(|command| command.reads(&mut reads));
        let mut view = self.load(&reads).await;
        view.directory = self.directory.clone();
        let mut decisions: BTreeMap<TenantId, Vec<Decision>> = BTreeMap::new();
        for command in commands {
            if let Ok(decision) = decide(&mut view, &self.caller, command, &mut self.stamp) {
                decisions.entry(command.tenant().clone()).or_default().push(decision);
            }
        }
        let batch = |(tenant, own)| Batch::of(&tenant, &view, own).expect("the sums fit");
        decisions.into_iter().map(batch).collect()
    }

    /// Prepares one command that must be accepted.
    pub(super) async fn one(&mut self, command: Command) -> Batch {
        let mut batches = self.prepare(std::slice::from_ref(&command)).await;
        assert_eq!(batches.len(), 1, "{command:?} is accepted");
        batches.remove(0)
    }

    /// Prepares and commits one command that must be accepted.
    pub(super) async fn accept(&mut self, command: Command) -> Batch {
        let batch = self.one(command).await;
        assert_eq!(self.store.commit(vec![batch.clone()]).await, vec![Ok(())]);
        batch
    }

    /// Places an order.
    pub(super) async fn place(&mut self, tenant: &TenantId, number: &str) -> Order {
        let batch = self.accept(place_for(tenant, order_request(number))).await;
        batch.changed.orders[0].row.clone()
    }

    /// Places an order and has it paid.
    pub(super) async fn sell(&mut self, tenant: &TenantId, number: &str) -> Order {
        let order = self.place(tenant, number).await;
        self.wait_ms(1000);
        self.accept(found(&order, paid(&order), None)).await;
        self.order(&order).await
    }

    pub(super) async fn load(&self, reads: &Reads) -> View {
        self.store.load(reads).await.expect("the store loads")
    }

    pub(super) async fn ask<Q: Question>(&self, question: Q) -> Q::Answer {
        self.store.ask(question).await.expect("the store answers")
    }

    /// The order as the store has it.
    pub(super) async fn order(&self, order: &Order) -> Order {
        self.story(order).await.order().expect("an order's story").clone()
    }

    pub(super) async fn story(&self, order: &Order) -> Story {
        self.story_of(&order.terms.tenant, order.root()).await.expect("there is a story")
    }

    pub(super) async fn story_of(&self, tenant: &TenantId, root: Id<kinds::Root>) -> Option<Story> {
        let story = self.ask(StoryOf { tenant: tenant.clone(), root }).await?;
        if story.archived.is_empty() {
            assert_eq!(first_not_rebuilt(tenant, &story.events, &story.rows), None);
        }
        Some(*story)
    }

    /// The finished stories of a tenant that have events.
    pub(super) async fn finished(&self, tenant: &TenantId) -> Vec<Story> {
        let of = StoriesWithEvents { tenant: tenant.clone(), after: None, limit: u32::MAX };
        let mut finished = vec![];
        for root in self.ask(of).await {
            let story = self.story_of(tenant, root).await.expect("events have a story");
            if is_finished(&story, self.now()) {
                finished.push(story);
            }
        }
        finished
    }

    /// What moves these stories out, as the next archive of the tenant.
    pub(super) async fn archival(&self, tenant: &TenantId, stories: &[Story]) -> Option<Archival> {
        let number = 1 + self.archives(tenant, 1).await.first().map_or(0, |record| record.number);
        let cover = ArchiveCover {
            tenant: tenant.clone(),
            number,
            made_at: self.now(),
            ended_before: self.now(),
            file: format!("{number}.jsonl"),
            sha256: format!("hash of {number}"),
        };
        Archival::of(cover, stories)
    }

    /// Archives every finished story of a tenant.
    pub(super) async fn archive(&self, tenant: &TenantId) -> Vec<Story> {
        let stories = self.finished(tenant).await;
        let archival = self.archival(tenant, &stories).await.expect("a story is finished");
        assert_eq!(self.store.archive(&archival).await, Ok(()));
        stories
    }

    pub(super) async fn archives(&self, tenant: &TenantId, limit: u32) -> Vec<ArchiveRecord> {
        self.ask(Archives { tenant: tenant.clone(), before: None, limit }).await
    }

    pub(super) async fn refunds(&self, order: &Order) -> Vec<Refund> {
        self.story(order).await.refunds().cloned().collect()
    }

    pub(super) async fn only_refund(&self, order: &Order) -> Refund {
        self.refunds(order).await.remove(0)
    }

    /// The refund that its merchant knows by this number.
    pub(super) async fn refund(&self, order: &Order, number: &str) -> Refund {
        let key = Key::Number(NaturalKey::new(REFUND_NAMESPACE, number));
        let found = self.ask(OneRefund { tenant: order.terms.tenant.clone(), key }).await;
        *found.expect("a refund of this number")
    }

    pub(super) async fn only_notification(&self, order: &Order) -> Notification {
        let story = self.story(order).await;
        story.notifications().next().expect("a notification").notification
    }

    pub(super) async fn balance(&self, tenant: &TenantId, key: &str) -> Balance {
        let account = account(key);
        let reads = Reads { balances: vec![(tenant.clone(), account.clone())], ..Reads::default() };
        self.load(&reads).await.balances[&(tenant.clone(), account)]
    }

    pub(super) async fn audit(&self) -> AuditReport {
        self.ask(Audit {}).await
    }

    pub(super) async fn assert_sound(&self) {
        assert_eq!(self.audit().await.faults, Vec::<String>::new());
    }

    async fn page(&self, question: impl Into<Query>) -> Page {
        self.store.search(&question.into()).await.expect("the store answers")
    }

    /// Everything that can be read.
    pub(super) async fn everything(&self) -> Vec<Page> {
        let mut pages = vec![];
        for tenant in TENANTS.map(TenantId::new) {
            self.of_tenant(tenant, &mut pages).await;
        }
        let every = Approvals { tenant: None, state: None, before: None, limit: u32::MAX };
        pages.push(self.page(every).await);
        pages.push(self.page(DirectoryRevision {}).await);
        pages.push(self.page(LastId {}).await);
        for lane in Lane::ALL {
            pages.push(self.page(Tasks { lane, now: self.now() }).await);
        }
        pages.push(self.page(Audit {}).await);
        let directory = self.ask(DirectoryOf {}).await;
        let tenants = directory.tenants.iter().map(|row| (row.tenant(), row.root()));
        let accounts = directory.channel_accounts.iter().map(|row| (row.tenant(), row.root()));
        for (tenant, root) in tenants.chain(accounts) {
            let story = self.story_of(tenant, root).await;
            pages.push(Page::StoryOf(story.map(Box::new)));
        }
        pages.push(Page::DirectoryOf(directory));
        pages
    }

    async fn of_tenant(&self, tenant: TenantId, pages: &mut Vec<Page>) {
        let orders = self.ask(Orders { filter: every_order(&tenant) }).await;
        for order in &orders.rows {
            pages.push(Page::StoryOf(Some(Box::new(self.story(order).await))));
        }
        let accounts = self.ask(Accounts { tenant: tenant.clone() }).await;
        for AccountRow { account, .. } in &accounts {
            let (tenant, account) = (tenant.clone(), account.clone());
            pages
                .push(self.page(Postings { tenant, account, before: None, limit: u32::MAX }).await);
        }
        let own: Vec<Account> = accounts.iter().map(|row| row.account.clone()).collect();
        for back_ms in [0, 1, 20_000, 2_000_000] {
            let (tenant, accounts) = (tenant.clone(), own.clone());
            let at = Some(self.now().plus_ms(-back_ms));
            pages.push(self.page(BalancesAt { tenant, accounts, at }).await);
        }
        for account in own {
            let (tenant, from, to) = (tenant.clone(), Timestamp::default(), self.now());
            let of = PostingsBetween { tenant, account, from, to, after: None, limit: u32::MAX };
            pages.push(self.page(of).await);
        }
        let own = tenant.clone();
        pages.push(self.page(Withdrawals { tenant: own, before: None, limit: u32::MAX }).await);
        pages.extend([Page::Orders(orders), Page::Accounts(accounts)]);
        let own = tenant.clone();
        pages.push(
            self.page(Notifications { tenant: own, state: None, before: None, limit: u32::MAX })
                .await,
        );
        let (filter, now) = (needy_of(&tenant, u32::MAX), self.now());
        pages.push(self.page(AttentionList { filter, now }).await);
        pages.push(Page::Archives(self.archives(&tenant, u32::MAX).await));
        self.value_of_tenant(&tenant, pages).await;
        pages.push(self.page(StoriesWithEvents { tenant, after: None, limit: u32::MAX }).await);
    }

    /// The batches of gift cards, and the stories of the wallets with the flows of these and of the cards.
    async fn value_of_tenant(&self, of: &TenantId, pages: &mut Vec<Page>) {
        let (tenant, now, limit) = (of.clone(), self.now(), u32::MAX);
        let (batch, merchant, sale) = (None, None, Some(CardBatchesIn::Expired));
        for sale in [None, sale] {
            let (tenant, merchant) = (tenant.clone(), merchant.clone());
            let of = CardBatches { tenant, batch, merchant, sale, now, offset: 0, limit };
            pages.push(self.page(of).await);
        }
        let batches = CardBatches { tenant, batch, merchant, sale: None, now, offset: 0, limit };
        for batch in self.ask(batches).await.rows {
            let (tenant, of) = (batch.tenant, CardsOf::Batch(batch.id));
            let cards = Cards { tenant, of, state: None, offset: 0, limit };
            for Card { tenant, id: card, .. } in self.ask(cards).await.rows {
                pages.push(self.page(CardFlows { tenant, card, offset: 0, limit }).await);
            }
        }
        for row in self.ask(Accounts { tenant: of.clone() }).await {
            let AccountRow { account: Account { kind, owner }, .. } = row;
            let Some(wallet) = Id::<kinds::Wallet>::parse(&owner).ok() else { continue };
            if kind == AccountKind::WalletPrincipal {
                let (tenant, from, to) = (of.clone(), Timestamp::default(), now.plus_ms(1));
                let flows = WalletFlows { tenant, wallet, kind: None, from, to, offset: 0, limit };
                pages.push(self.page(flows).await);
                let story = self.story_of(of, wallet.subject().root()).await;
                pages.push(Page::StoryOf(story.map(Box::new)));
            }
        }
    }
}

/// Everything of a tenant that needs a person.
pub(super) fn needy_of(tenant: &TenantId, limit: u32) -> AttentionFilter {
    AttentionFilter { tenant: Some(tenant.clone()), limit, ..AttentionFilter::default() }
}

/// The account of this key.
pub(super) fn account(key: &str) -> Account {
    Account::from_key(key).expect("a good key")
}

/// A batch that changes nothing.
pub(super) fn empty(tenant: &TenantId) -> Batch {
    Batch {
        tenant: tenant.clone(),
        changed: Changed::default(),
        events: vec![],
        transfers: vec![],
        deltas: BTreeMap::new(),
        rests_on: vec![],
        balances: vec![],
        tasks: vec![],
    }
}

/// Every order of a tenant, newest first.
pub(super) fn every_order(tenant: &TenantId) -> OrderFilter {
    OrderFilter {
        tenant: tenant.clone(),
        state: None,
        from: None,
        to: None,
        before: None,
        limit: u32::MAX,
    }
}

/// Reads of one order by its id.
pub(super) fn by_id(order: &Order) -> Reads {
    let key = Key::Id(order.terms.id);
    Reads { orders: vec![(order.terms.tenant.clone(), key)], ..Reads::default() }
}

/// Places an order of a tenant of [`TENANTS`].
pub(super) fn place_at(index: usize, number: &str) -> Command {
    place_for(&tenant_at(index), order_request(number))
}

/// The names of what happened, with what it happened to.
pub(super) fn names(story: &Story) -> Vec<String> {
    let name =
        |event: &kernel::Event| format!("{} {}", event.subject.kind.name(), event.change.name());
    story.events.iter().map(name).collect()
}

/// The ids in a list, each once.
pub(super) fn distinct<T: Ord>(items: impl IntoIterator<Item = T>) -> usize {
    items.into_iter().collect::<BTreeSet<T>>().len()
}
