//! What the kernel decides about: one declaration for each aggregate, and one list of them all.
//!
//! An aggregate is a type that implements [`Aggregate`], a folder of its own, and a line in
//! [`aggregates!`](crate::aggregates). From that list come the [`View`] and what is read into it, the
//! [`Change`] of an event, the [`Row`]s that a batch writes, and the dispatch of commands, tasks and
//! findings. Nothing else in this crate names every aggregate.
#![expect(clippy::disallowed_methods, reason = "rows are kept by the value of their id")]

use crate::agreement::Agreement;
use crate::allocation::Allocation;
use crate::allocation_release::AllocationRelease;
use crate::approval::{Approval, Manual};
use crate::caller_key::CallerKey;
use crate::card::Card;
use crate::card_batch::CardBatch;
use crate::card_binding::CardBinding;
use crate::card_quota::CardQuota;
use crate::card_transfer::CardTransfer;
use crate::channel_account::ChannelAccount;
use crate::command::{ChannelAnswer, DirectoryRefusal, RecordFinding, Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{Directory, TenantId};
use crate::event::Event;
use crate::merchant::Merchant;
use crate::notification::Notification;
use crate::order::Order;
use crate::payee::Payee;
use crate::recharge::Recharge;
use crate::refund::Refund;
use crate::share::Share;
use crate::share_return::ShareReturn;
use crate::standing::{Attention, AttentionChange, Exit, Standing};
use crate::task::{Task, TaskChange};
use crate::tenant::Tenant;
use crate::wallet::Wallet;
use crate::wallet_freeze::WalletFreeze;
use crate::wallet_payment::WalletPayment;
use crate::withdrawal::Withdrawal;
use channel::Finding;
use ledger::{Account, Balance, Id, Named, Subject, SubjectId, SubjectKind, kinds};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// The only list of aggregates: the name of their rows, and their type, which is also the name of
/// their [`SubjectKind`]. `kernel::aggregates!(mine)` hands it to a macro of the caller's.
#[macro_export]
macro_rules! aggregates {
    ($then:ident) => {
        $then! {
            orders: Order,
            refunds: Refund,
            notifications: Notification,
            tenants: Tenant,
            merchants: Merchant,
            caller_keys: CallerKey,
            channel_accounts: ChannelAccount,
            approvals: Approval,
            payees: Payee,
            shares: Share,
            share_returns: ShareReturn,
            allocations: Allocation,
            allocation_releases: AllocationRelease,
            withdrawals: Withdrawal,
            card_batches: CardBatch,
            card_quotas: CardQuota,
            recharges: Recharge,
            cards: Card,
            card_transfers: CardTransfer,
            card_bindings: CardBinding,
            wallets: Wallet,
            wallet_payments: WalletPayment,
            wallet_freezes: WalletFreeze,
            agreements: Agreement,
        }
    };
}

/// What can happen to an aggregate.
pub trait AggregateChange: Clone + Debug + PartialEq + Eq {
    /// The word in storage and documents.
    fn name(&self) -> &'static str;

    /// Drops what the event log does not keep. The row that the change has made keeps it, in a column
    /// that its description declares so; a row that is rebuilt from its events lacks it. Nearly every
    /// change is kept whole.
    fn drop_unlogged(&mut self) {}
}

/// What can be requested of an aggregate.
pub trait AggregateCommand: Clone + Debug + PartialEq + Eq {
    /// The owner: a batch's commands of one tenant are committed together.
    fn tenant(&self) -> &TenantId;

    /// The word in logs and metrics.
    fn name(&self) -> &'static str;

    /// Adds what it must read.
    fn reads(&self, reads: &mut Reads);

    /// What it is to an approval, where an operator moves money by hand with it. Most commands do not.
    fn manual(&self) -> Option<Manual> {
        None
    }
}

/// What the kernel decides about: a row in the database, changed by events alone.
pub trait Aggregate: Clone + Debug + PartialEq + Sized + 'static {
    /// The kind of its id.
    type Kind: SubjectId + Copy + Debug + Eq;
    /// What can happen to it; only its own module matches on this.
    type Change: AggregateChange;
    /// What can be requested of it.
    type Command: AggregateCommand;

    /// The owner.
    fn tenant(&self) -> &TenantId;

    /// Its id.
    fn id(&self) -> Id<Self::Kind>;

    /// The story that it belongs to; its own when it is a root.
    fn root(&self) -> Id<kinds::Root> {
        self.id().subject().root()
    }

    /// Counts its events; 1 when new.
    fn version(&self) -> i64;

    /// The name that somebody else gave it, unique within the tenant.
    fn natural_key(&self) -> Option<NaturalKey>;

    /// What its tasks, the attention list and the audit follow from.
    fn standing(&self) -> Standing {
        Standing::settled()
    }

    /// The commands that can end what needs a person, as the row stands now. Nothing needs a person in
    /// most rows.
    fn exits(&self) -> Vec<Exit> {
        vec![]
    }

    /// The row after an event; the only writer of this aggregate's state. Its version becomes the
    /// event's sequence.
    fn evolve(before: Option<&Self>, event: &Event, change: &Self::Change) -> Self;

    /// Decides a command.
    ///
    /// # Errors
    /// The refusal; nothing has happened then.
    fn decide(deciding: &mut Deciding<'_>, command: &Self::Command) -> Result<Reply, Refusal>;

    /// Does what it needs next: its task is due. An aggregate without tasks needs nothing.
    ///
    /// # Errors
    /// When there is no such row.
    fn run_task(
        _deciding: &mut Deciding<'_>,
        _tenant: &TenantId,
        _id: Id<Self::Kind>,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// Records what a channel said about it.
    ///
    /// # Errors
    /// When there is no such row, or, as here, a channel has nothing to say about such rows.
    fn record_finding(
        _deciding: &mut Deciding<'_>,
        _about: &About<'_, Self::Kind>,
        _finding: &Finding,
    ) -> Result<Option<ChannelAnswer>, Refusal> {
        let noun = <Self::Kind as SubjectId>::KIND.name();
        Err(DirectoryRefusal::NoFindings { noun }.into())
    }

    /// Adds what [`Aggregate::run_task`] and [`Aggregate::record_finding`] must see besides the row
    /// itself: balances, and the root of its story.
    fn related(_tenant: &TenantId, _root: Id<kinds::Root>, _reads: &mut Reads) {}

    /// Adds what decisions about the row must see besides and only the row itself names: it is loaded
    /// with the row, once that is found, and so is what that names. Most rows name nothing.
    fn linked(&self, _reads: &mut Reads) {}
}

/// What a finding is about, and through which channel account it was reported.
pub struct About<'a, K> {
    /// The owner.
    pub tenant: &'a TenantId,
    /// The row.
    pub id: Id<K>,
    /// The channel account through which it was said.
    pub channel_account: &'a str,
    /// Who that account is at the channel.
    pub channel_identity: &'a str,
}

/// A name that somebody else gave, such as a merchant's order number; unique within a tenant and a
/// namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NaturalKey {
    /// Who gives such numbers, and to what: each API has namespaces of its own.
    pub namespace: Arc<str>,
    /// The number or name.
    pub number: String,
}

impl NaturalKey {
    /// The number in a namespace.
    pub fn new(namespace: &str, number: impl Into<String>) -> NaturalKey {
        NaturalKey { namespace: Arc::from(namespace), number: number.into() }
    }
}

/// Names a row of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key<K: Named> {
    /// By our id.
    Id(Id<K>),
    /// By the name that somebody else gave it.
    Number(NaturalKey),
}

/// A row to write, and the version that it must have in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<A> {
    /// The row as it shall be.
    pub row: A,
    /// The version that was loaded; `None` for a row that must not exist yet.
    pub expected: Option<i64>,
}

/// The rows of one aggregate: as loaded, and as the decisions of the batch left them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<A> {
    rows: HashMap<TenantId, BTreeMap<i64, LoadedRow<A>>>,
    numbers: HashMap<TenantId, HashMap<Arc<str>, HashMap<String, i64>>>,
}

#[derive(Clone, Debug, PartialEq)]
struct LoadedRow<A> {
    loaded: Option<i64>,
    was_open: bool,
    attention_before: Option<Attention>,
    now: A,
}

impl<A> Default for Rows<A> {
    fn default() -> Self {
        Rows { rows: HashMap::new(), numbers: HashMap::new() }
    }
}

impl<A: Aggregate> Rows<A> {
    /// Adds a row as the database has it.
    pub fn load(&mut self, row: A) {
        let (loaded, standing) = (Some(row.version()), row.standing());
        let was_open = standing.is_open();
        self.put(LoadedRow { loaded, was_open, attention_before: standing.attention, now: row });
    }

    /// The row with this id.
    pub fn get(&self, tenant: &TenantId, id: Id<A::Kind>) -> Option<&A> {
        self.rows.get(tenant)?.get(&id.value()).map(|row| &row.now)
    }

    /// The row that a key names.
    pub fn find(&self, tenant: &TenantId, key: &Key<A::Kind>) -> Option<&A> {
        match key {
            Key::Id(id) => self.get(tenant, *id),
            Key::Number(NaturalKey { namespace, number }) => {
                let id = self.numbers.get(tenant)?.get(namespace)?.get(number)?;
                self.get(tenant, Id::from_value(*id))
            }
        }
    }

    /// Every row, in no particular order of tenants.
    pub fn all(&self) -> impl Iterator<Item = &A> {
        self.rows.values().flat_map(BTreeMap::values).map(|row| &row.now)
    }

    /// What has to be written of a tenant: rows whose version is not the loaded one, in order of id.
    pub fn writes(&self, tenant: &TenantId) -> impl Iterator<Item = Write<A>> {
        self.changed(tenant).map(|row| Write { row: row.now.clone(), expected: row.loaded })
    }

    /// When the tasks of the changed rows are due: one for each row that is open, none for one that
    /// was.
    pub fn tasks(&self, tenant: &TenantId) -> impl Iterator<Item = TaskChange> {
        self.changed(tenant).filter_map(|row| {
            let due = row.now.standing().next_poll_at;
            let task = Task::of(&row.now);
            (due.is_some() || row.was_open).then_some(TaskChange { task, due })
        })
    }

    /// What began and what ended to need a person with the changed rows.
    pub fn attention_changes(&self, tenant: &TenantId) -> impl Iterator<Item = AttentionChange> {
        self.changed(tenant).filter_map(|row| {
            let (before, now) = (row.attention_before.clone(), row.now.standing().attention);
            let (subject, root) = (row.now.id().subject(), row.now.root());
            let why = |attention: &Option<Attention>| {
                attention.as_ref().map(|attention| (attention.kind, attention.reason.clone()))
            };
            (why(&before) != why(&now)).then_some(AttentionChange { subject, root, before, now })
        })
    }

    /// The version of a row that was loaded and has not changed since.
    fn unchanged(&self, tenant: &TenantId, id: i64) -> Option<i64> {
        let row = self.rows.get(tenant)?.get(&id)?;
        row.loaded.filter(|loaded| *loaded == row.now.version())
    }

    fn changed(&self, tenant: &TenantId) -> impl Iterator<Item = &LoadedRow<A>> {
        let own = self.rows.get(tenant).into_iter().flat_map(BTreeMap::values);
        own.filter(|row| row.loaded != Some(row.now.version()))
    }

    fn sequence(&self, event: &Event) -> i64 {
        let before = self.get(&event.tenant, Id::from_value(event.subject.value));
        before.map_or(1, |row| row.version() + 1)
    }

    fn apply(&mut self, event: &Event, change: &A::Change) {
        let before = self.rows.get(&event.tenant).and_then(|rows| rows.get(&event.subject.value));
        let now = A::evolve(before.map(|row| &row.now), event, change);
        assert_eq!(now.version(), event.sequence, "{} skips an event", event.subject);
        let (loaded, was_open, attention_before) = before.map_or((None, false, None), |row| {
            (row.loaded, row.was_open, row.attention_before.clone())
        });
        self.put(LoadedRow { loaded, was_open, attention_before, now });
    }

    fn put(&mut self, row: LoadedRow<A>) {
        let (tenant, id) = (row.now.tenant().clone(), row.now.id().value());
        if let Some(NaturalKey { namespace, number }) = row.now.natural_key() {
            let numbers = self.numbers.entry(tenant.clone()).or_default();
            numbers.entry(namespace).or_default().insert(number, id);
        }
        self.rows.entry(tenant).or_default().insert(id, row);
    }
}

macro_rules! declare {
    ($($rows:ident: $row:ident,)*) => {
        /// Stored state, loaded for a batch of commands and kept current by [`View::apply`].
        #[derive(Clone, Debug, Default)]
        pub struct View {
            /// Who may collect, and through which channel accounts.
            pub directory: Arc<Directory>,
            /// Balances of the accounts that were asked for; an account without postings is at zero.
            pub balances: HashMap<(TenantId, Account), Balance>,
            $(
                #[doc = concat!("Rows of [`", stringify!($row), "`].")]
                pub $rows: Rows<$row>,
            )*
        }

        /// What must be loaded before deciding. What does not exist is absent from the view.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Reads {
            /// Balances.
            pub balances: Vec<(TenantId, Account)>,
            $(
                #[doc = concat!("Keys of [`", stringify!($row), "`].")]
                pub $rows: Vec<(TenantId, Key<<$row as Aggregate>::Kind>)>,
            )*
        }

        /// The rows of a tenant that decisions changed.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Changed {
            $(
                #[doc = concat!("Rows of [`", stringify!($row), "`], in order of id; each once.")]
                pub $rows: Vec<Write<$row>>,
            )*
        }

        /// What happened to an aggregate. The outer match asks every reader about a new aggregate; the
        /// inner one asks only its own module about a new change.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Change {
            $(
                #[doc = concat!("To a [`", stringify!($row), "`].")]
                $row(<$row as Aggregate>::Change),
            )*
        }

        /// A row of any aggregate.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Row {
            $(
                #[doc = concat!("A [`", stringify!($row), "`].")]
                $row($row),
            )*
        }

        $(
            impl AsRef<Rows<$row>> for View {
                fn as_ref(&self) -> &Rows<$row> {
                    &self.$rows
                }
            }

            impl From<$row> for Row {
                fn from(row: $row) -> Row {
                    Row::$row(row)
                }
            }

            impl From<<$row as Aggregate>::Change> for Change {
                fn from(change: <$row as Aggregate>::Change) -> Change {
                    Change::$row(change)
                }
            }

            impl From<<$row as Aggregate>::Command> for Command {
                fn from(command: <$row as Aggregate>::Command) -> Command {
                    Command::$row(command)
                }
            }
        )*

        impl Change {
            /// The word in storage and documents, unique among the changes of its aggregate.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Change::$row(change) => change.name(),)*
                }
            }

            /// Drops what the event log does not keep.
            pub(crate) fn drop_unlogged(&mut self) {
                match self {
                    $(Change::$row(change) => change.drop_unlogged(),)*
                }
            }
        }

        impl Row {
            /// What it is.
            pub fn subject(&self) -> Subject {
                match self {
                    $(Row::$row(row) => row.id().subject(),)*
                }
            }

            /// Counts its events; 1 when new.
            pub fn version(&self) -> i64 {
                match self {
                    $(Row::$row(row) => row.version(),)*
                }
            }

            /// What its tasks, the attention list and the audit follow from.
            pub fn standing(&self) -> Standing {
                match self {
                    $(Row::$row(row) => row.standing(),)*
                }
            }
        }

        impl View {
            /// The row that a subject names, as it is now.
            pub fn row(&self, tenant: &TenantId, subject: Subject) -> Option<Row> {
                let id = subject.value;
                match subject.kind {
                    $(SubjectKind::$row => {
                        self.$rows.get(tenant, Id::from_value(id)).cloned().map(Row::$row)
                    })*
                }
            }

            /// What the rows that were loaded name besides.
            fn linked(&self) -> Reads {
                let mut reads = Reads::default();
                $(self.$rows.all().for_each(|row| row.linked(&mut reads));)*
                reads
            }

            /// The sequence that this event has within its subject.
            pub fn sequence(&self, event: &Event) -> i64 {
                match &event.change {
                    $(Change::$row(_) => self.$rows.sequence(event),)*
                }
            }

            /// Applies an event: the only way in which state changes.
            pub fn apply(&mut self, event: &Event) {
                match &event.change {
                    $(Change::$row(change) => self.$rows.apply(event, change),)*
                }
            }

            /// What has to be written of a tenant.
            pub fn changed(&self, tenant: &TenantId) -> Changed {
                Changed { $($rows: self.$rows.writes(tenant).collect(),)* }
            }

            /// The version of a row that was loaded and has not changed since.
            pub fn unchanged(&self, tenant: &TenantId, subject: Subject) -> Option<i64> {
                match subject.kind {
                    $(SubjectKind::$row => self.$rows.unchanged(tenant, subject.value),)*
                }
            }

            /// When the tasks of a tenant's changed rows are due.
            pub fn tasks(&self, tenant: &TenantId) -> Vec<TaskChange> {
                let mut tasks = Vec::new();
                $(tasks.extend(self.$rows.tasks(tenant));)*
                tasks
            }

            /// What began and what ended to need a person with a tenant's changed rows.
            pub fn attention_changes(&self, tenant: &TenantId) -> Vec<AttentionChange> {
                let mut changes = Vec::new();
                $(changes.extend(self.$rows.attention_changes(tenant));)*
                changes
            }
        }

        impl Reads {
            /// These without those that are known.
            fn without(mut self, known: &Reads) -> Reads {
                drop_known(&mut self.balances, &known.balances);
                $(drop_known(&mut self.$rows, &known.$rows);)*
                self
            }

            fn extend(&mut self, other: &Reads) {
                self.balances.extend(other.balances.iter().cloned());
                $(self.$rows.extend(other.$rows.iter().cloned());)*
            }

            /// True when nothing is to be read.
            pub fn is_empty(&self) -> bool {
                self.balances.is_empty() $(&& self.$rows.is_empty())*
            }

            /// Adds a row, and what its rules must see besides.
            pub fn subject(&mut self, tenant: &TenantId, subject: Subject, root: Id<kinds::Root>) {
                let id = subject.value;
                match subject.kind {
                    $(SubjectKind::$row => {
                        self.$rows.push((tenant.clone(), Key::Id(Id::from_value(id))));
                        <$row as Aggregate>::related(tenant, root, self);
                    })*
                }
            }
        }

        impl Changed {
            /// True when there is nothing to write.
            pub fn is_empty(&self) -> bool {
                $(self.$rows.is_empty())&&*
            }
        }

        /// Decides a command of an aggregate's own.
        pub(crate) fn decide_own(
            deciding: &mut Deciding<'_>,
            command: &Command,
        ) -> Result<Reply, Refusal> {
            match command {
                $(Command::$row(command) => <$row as Aggregate>::decide(deciding, command),)*
                Command::RecordFinding(record) => record_finding(deciding, record),
                Command::RunTask(task) => run_task(deciding, task).map(|()| Reply::default()),
            }
        }

        fn run_task(deciding: &mut Deciding<'_>, task: &Task) -> Result<(), Refusal> {
            let id = task.subject.value;
            match task.subject.kind {
                $(SubjectKind::$row => {
                    let id = Id::from_value(id);
                    let row = deciding.row::<$row>(&task.tenant, id);
                    if row.is_some_and(|row| !row.standing().is_due(deciding.now())) {
                        // Claimed when it was due, and done by somebody else since.
                        return Ok(());
                    }
                    <$row as Aggregate>::run_task(deciding, &task.tenant, id)
                })*
            }
        }

        fn record_finding(
            deciding: &mut Deciding<'_>,
            record: &RecordFinding,
        ) -> Result<Reply, Refusal> {
            let (tenant, channel_account) = (&record.tenant, &*record.channel_account);
            let channel_identity = &*record.channel_identity;
            deciding.known_from(record.call.clone());
            let id = record.subject.value;
            let answer = match record.subject.kind {
                $(SubjectKind::$row => {
                    let id = Id::from_value(id);
                    let about = About { tenant, id, channel_account, channel_identity };
                    <$row as Aggregate>::record_finding(deciding, &about, &record.finding)
                })*
            }?;
            Ok(Reply { subject: Some(record.subject), answer, row: None })
        }

        /// A request to change something.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $(
                #[doc = concat!("To a [`", stringify!($row), "`].")]
                $row(<$row as Aggregate>::Command),
            )*
            /// Record what a channel said about a row.
            RecordFinding(RecordFinding),
            /// Do what a row needs next: its task is due.
            RunTask(Task),
        }

        impl Command {
            /// The owner: a batch's commands of one tenant are committed together.
            pub fn tenant(&self) -> &TenantId {
                match self {
                    $(Command::$row(command) => command.tenant(),)*
                    Command::RecordFinding(record) => &record.tenant,
                    Command::RunTask(task) => &task.tenant,
                }
            }

            /// Adds what it must read.
            pub fn reads(&self, reads: &mut Reads) {
                match self {
                    $(Command::$row(command) => command.reads(reads),)*
                    Command::RecordFinding(record) => {
                        reads.subject(&record.tenant, record.subject, record.root);
                    }
                    Command::RunTask(task) => reads.subject(&task.tenant, task.subject, task.root),
                }
            }

            /// What it is to an approval, where an operator moves money by hand with it.
            pub fn manual(&self) -> Option<Manual> {
                match self {
                    $(Command::$row(command) => command.manual(),)*
                    Command::RecordFinding(_) | Command::RunTask(_) => None,
                }
            }

            /// The word in logs and metrics.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Command::$row(command) => command.name(),)*
                    Command::RecordFinding(_) => "record_finding",
                    Command::RunTask(_) => "run_task",
                }
            }
        }
    };
}

aggregates!(declare);

/// Takes out of what is to be read what was read before, and what is named twice.
fn drop_known<K: Clone + Eq + Hash>(wanted: &mut Vec<K>, known: &[K]) {
    if !wanted.is_empty() {
        let mut known: HashSet<K> = known.iter().cloned().collect();
        wanted.retain(|key| known.insert(key.clone()));
    }
}

/// What a loader loads after what it was asked for: what the rows name, then what those name, until no
/// row names anything new.
#[derive(Debug)]
pub struct Links<'a> {
    asked: &'a Reads,
    followed: Reads,
}

impl Links<'_> {
    /// Those of what was asked for.
    pub fn of(asked: &Reads) -> Links<'_> {
        Links { asked, followed: Reads::default() }
    }

    /// What is to be loaded next; `None` when the view is complete.
    pub fn next(&mut self, view: &View) -> Option<Reads> {
        let more = view.linked().without(self.asked).without(&self.followed);
        self.followed.extend(&more);
        (!more.is_empty()).then_some(more)
    }
}
