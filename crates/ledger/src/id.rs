//! Ids: 18 decimal digits, time-ordered, typed by what they name.
//!
//! An id is `(milliseconds since 2020-01-01 UTC) << 20 | sequence << 8 | node`. That is 18 digits
//! from February 2023 to March 2050, grows with time, needs no sequence in a database, and up to 256
//! processes make ids beside each other without meeting.

use crate::time::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// 2020-01-01 00:00 UTC in Unix milliseconds.
const EPOCH_MS: i64 = 1_577_836_800_000;
/// Bits below the millisecond: 12 of sequence, 8 of node.
const TIME_SHIFT: u32 = 20;
/// One step of the sequence; the node's bits lie below it.
const STEP: i64 = 1 << 8;

/// Marks what an [`Id`] names.
pub trait Named {
    /// The noun, for messages: `order`, `refund`, …
    const NAME: &'static str;
}

/// Marks the ids of subjects: of what a story, a task, an event or a transfer can be about.
pub trait SubjectId: Named {
    /// The kind of subject that such an id names.
    const KIND: SubjectKind;
}

/// Declares the kinds of ids, once for the whole project.
macro_rules! kinds {
    (
        subjects { $($(#[$doc:meta])* $subject:ident = $name:literal $letter:literal;)* }
        others { $($(#[$other_doc:meta])* $other:ident = $other_name:literal;)* }
    ) => {
        /// The registry of id kinds.
        pub mod kinds {
            use super::{Named, SubjectId, SubjectKind};
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
                pub enum $subject {}
                impl Named for $subject {
                    const NAME: &'static str = $name;
                }
                impl SubjectId for $subject {
                    const KIND: SubjectKind = SubjectKind::$subject;
                }
            )*
            $(
                $(#[$other_doc])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
                pub enum $other {}
                impl Named for $other {
                    const NAME: &'static str = $other_name;
                }
            )*
        }

        /// What kind of thing a [`Subject`] is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SubjectKind {
            $($(#[$doc])* $subject,)*
        }

        impl SubjectKind {
            /// Every kind, for listings and tests.
            pub const ALL: [SubjectKind; [$($name),*].len()] = [$(SubjectKind::$subject),*];

            /// The noun in storage, logs and documents.
            pub const fn name(self) -> &'static str {
                match self {
                    $(SubjectKind::$subject => $name,)*
                }
            }

            /// The capital letter that stands for the kind where space is short; each has its own.
            pub const fn letter(self) -> char {
                match self {
                    $(SubjectKind::$subject => $letter,)*
                }
            }
        }
    };
}

kinds! {
    subjects {
        /// A payment order; on the wire the ChannelOrderId.
        Order = "order" 'P';
        /// A refund of paid money.
        Refund = "refund" 'R';
        /// A notification to a merchant.
        Notification = "notification" 'N';
        /// A tenant (主体).
        Tenant = "tenant" 'T';
        /// A merchant (商户) of a tenant.
        Merchant = "merchant" 'M';
        /// A key with which a business system proves itself.
        CallerKey = "caller_key" 'K';
        /// A tenant's account at a channel.
        ChannelAccount = "channel_account" 'C';
        /// A manual command that one operator proposed and a second one decides about.
        Approval = "approval" 'A';
        /// A payee (分账接收方): who gets parts of payments.
        Payee = "payee" 'E';
        /// A share (分账): parts of an order's money for payees.
        Share = "share" 'S';
        /// The return of a share (分账回退): shared money that payees give back.
        ShareReturn = "share_return" 'U';
        /// A part of an order's money that another merchant gets; on the wire the AllocateId.
        Allocation = "allocation" 'F';
        /// A release of frozen allocations.
        AllocationRelease = "allocation_release" 'Z';
        /// A merchant's withdrawal; on the wire the ChannelSettleId.
        Withdrawal = "withdrawal" 'W';
        /// A batch of gift cards that are alike (礼品卡批次).
        CardBatch = "card_batch" 'B';
        /// How many cards of a batch one owner has bought.
        CardQuota = "card_quota" 'Q';
        /// A purchase of stored value (充值单): of gift cards, or of a wallet's balance.
        Recharge = "recharge" 'J';
        /// A gift card (礼品卡).
        Card = "card" 'G';
        /// A gift card on its way to another owner (转赠).
        CardTransfer = "card_transfer" 'X';
        /// A gift card that was put into a wallet (绑卡).
        CardBinding = "card_binding" 'L';
        /// A user's wallet at a merchant (储值账户).
        Wallet = "wallet" 'V';
        /// What an order took from a wallet.
        WalletPayment = "wallet_payment" 'D';
        /// A part of a wallet that cannot be spent (余额冻结).
        WalletFreeze = "wallet_freeze" 'H';
        /// An agreement (签约协议): a payer's standing permission to be debited; on the wire the AgreementId.
        Agreement = "agreement" 'Y';
    }
    others {
        /// A ledger transfer.
        Transfer = "transfer";
        /// An entry of the event log.
        Event = "event";
        /// A story: the subject that everything else in it happened for, by the value of its id.
        Root = "root";
    }
}

impl SubjectKind {
    /// Reads the noun.
    pub fn from_name(name: &str) -> Option<SubjectKind> {
        SubjectKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reads the letter.
    pub fn from_letter(letter: char) -> Option<SubjectKind> {
        SubjectKind::ALL.into_iter().find(|kind| kind.letter() == letter)
    }
}

/// What a story, a task, an event or a transfer is about: an id together with its kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// The value of its id.
    pub value: i64,
}

impl Subject {
    /// The id, when the subject is of this kind.
    #[expect(clippy::disallowed_methods, reason = "typing a subject is what this is for")]
    pub fn id<K: SubjectId>(self) -> Option<Id<K>> {
        (self.kind == K::KIND).then_some(Id::from_value(self.value))
    }

    /// The story that this subject is the root of.
    #[expect(clippy::disallowed_methods, reason = "a root has the value of its subject")]
    pub const fn root(self) -> Id<kinds::Root> {
        Id::from_value(self.value)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:018}", self.kind.name(), self.value)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A typed id.
pub struct Id<K> {
    value: i64,
    kind: PhantomData<fn() -> K>,
}

/// Text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a {kind}: want 18 decimal digits")]
pub struct IdFault {
    kind: &'static str,
}

impl<K> Id<K> {
    /// The id with this value, as a store hands it back.
    pub const fn from_value(value: i64) -> Id<K> {
        Id { value, kind: PhantomData }
    }

    /// The value, as a store keeps it.
    pub const fn value(self) -> i64 {
        self.value
    }
}

impl<K: SubjectId> Id<K> {
    /// The subject that it names.
    pub const fn subject(self) -> Subject {
        Subject { kind: K::KIND, value: self.value }
    }
}

impl<K: Named> Id<K> {
    /// Reads 18 decimal digits.
    #[expect(clippy::disallowed_methods, reason = "the one reading of an id")]
    pub fn parse(text: &str) -> Result<Id<K>, IdFault> {
        let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(value) if digits => Ok(Id::from_value(value)),
            _ => Err(IdFault { kind: K::NAME }),
        }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018}", self.value)
    }
}
impl<K: Named> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:018}", K::NAME, self.value)
    }
}

/// All of the outside that a decision sees: the time, where its ids come from, and what cannot be
/// guessed.
///
/// A caller that decides many commands one after another carries one stamp through them, setting the time
/// with [`Stamp::set_time`]; ids then never repeat, even when the clock steps back.
#[derive(Debug)]
pub struct Stamp {
    now: Timestamp,
    next_id: i64,
    random: StdRng,
}

/// What the random numbers of a stamp follow from. In production it comes from the operating system;
/// a fixed one makes decisions repeatable.
#[derive(Clone, Copy)]
pub struct Seed(pub [u8; 32]);

impl Stamp {
    /// A stamp of node `node`; nodes that share a database need different numbers.
    pub fn new(node: u8, now: Timestamp, seed: Seed) -> Stamp {
        let random = StdRng::from_seed(seed.0);
        let mut stamp = Stamp { now, next_id: i64::from(node), random };
        stamp.set_time(now);
        stamp
    }

    /// Sets the time; ids go on from where they are, or from there.
    pub fn set_time(&mut self, now: Timestamp) {
        let floor = floor(now) | (self.next_id % STEP);
        self.now = now;
        self.next_id = floor.max(self.next_id);
    }

    /// The same stamp with ids above `last`, the largest that was ever drawn: a clock that stepped back
    /// between two processes repeats none.
    #[must_use]
    pub fn above(self, last: i64) -> Stamp {
        let floor = last - last % STEP + STEP + self.next_id % STEP;
        Stamp { next_id: floor.max(self.next_id), ..self }
    }

    /// The time of the decision.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Draws the next id.
    #[expect(clippy::disallowed_methods, reason = "the one making of an id")]
    pub fn id<K>(&mut self) -> Id<K> {
        let value = self.next_id;
        self.next_id += STEP;
        Id::from_value(value)
    }

    /// Draws ids that follow each other.
    pub fn ids<K: Named>(&mut self, len: u32) -> IdRun<K> {
        let run = IdRun { first: self.id(), len };
        self.next_id += STEP * (i64::from(len) - 1).max(0);
        run
    }

    /// Draws a number below `end`, each as likely as every other; outside this process nobody can
    /// guess it.
    ///
    /// # Panics
    /// When `end` is zero.
    pub fn random_below(&mut self, end: u64) -> u64 {
        self.random.random_range(..end)
    }
}

/// The least id that is drawn at a time or after it.
const fn floor(at: Timestamp) -> i64 {
    (at.ms() - EPOCH_MS) << TIME_SHIFT
}

/// The ids that begin at a time: those of rows that were made then or later are not below it.
#[expect(clippy::disallowed_methods, reason = "the bound of a search by time")]
pub const fn first_id_at<K>(at: Timestamp) -> Id<K> {
    Id::from_value(floor(at))
}

/// Ids that were drawn together, which is told in two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRun<K: Named> {
    /// The first.
    pub first: Id<K>,
    /// How many.
    pub len: u32,
}

impl<K: Named> IdRun<K> {
    /// Each of them, in order.
    #[expect(clippy::disallowed_methods, reason = "the ids of a run")]
    pub fn iter(&self) -> impl Iterator<Item = Id<K>> + use<K> {
        let first = self.first.value;
        (0..i64::from(self.len)).map(move |at| Id::from_value(first + at * STEP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: Seed = Seed([3; 32]);
    const TODAY: Timestamp = Timestamp::from_seconds(1_795_000_000);

    #[test]
    fn ids_have_18_digits_and_read_back() {
        let mut stamp = Stamp::new(7, TODAY, SEED);
        let id: Id<kinds::Order> = stamp.id();
        assert_eq!(id.to_string().len(), 18);
        assert_eq!(Id::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn text_that_is_not_an_id_is_refused() {
        for text in ["", "1", "12345678901234567x", "+12345678901234567", "1234567890123456789"] {
            assert!(Id::<kinds::Order>::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ids_stay_above_the_last_one_of_an_earlier_process() {
        let mut before = Stamp::new(9, TODAY, SEED);
        let last: Id<kinds::Event> = before.id();
        let mut after = Stamp::new(2, TODAY.plus_seconds(-3600), SEED).above(last.value());
        let next: Id<kinds::Event> = after.id();
        assert!(next > last);
        assert_eq!(next.value() % STEP, 2);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an id for a test")]
    fn kinds_are_known_by_name_and_by_letter() {
        for kind in SubjectKind::ALL {
            assert_eq!(SubjectKind::from_name(kind.name()), Some(kind));
            assert_eq!(SubjectKind::from_letter(kind.letter()), Some(kind), "a letter is shared");
        }
        let subject = Id::<kinds::Refund>::from_value(7).subject();
        assert_eq!(subject.id::<kinds::Refund>(), Some(Id::from_value(7)));
        assert_eq!(subject.id::<kinds::Order>(), None);
    }

    #[test]
    fn a_run_is_what_drawing_one_by_one_gives() {
        let (mut one_by_one, mut together) =
            (Stamp::new(7, TODAY, SEED), Stamp::new(7, TODAY, SEED));
        let drawn: Vec<Id<kinds::Order>> = (0..5).map(|_| one_by_one.id()).collect();
        let run = together.ids::<kinds::Order>(5);
        assert_eq!(run.iter().collect::<Vec<_>>(), drawn);
        assert_eq!(together.id::<kinds::Order>(), one_by_one.id());
    }

    #[test]
    fn random_numbers_follow_from_the_seed_alone() {
        let draw = |seed| {
            let mut stamp = Stamp::new(7, TODAY, Seed(seed));
            stamp.set_time(TODAY.plus_seconds(9));
            [stamp.random_below(1 << 40), stamp.random_below(1 << 40)]
        };
        assert_eq!(draw([1; 32]), draw([1; 32]));
        assert_ne!(draw([1; 32]), draw([2; 32]));
    }

    proptest! {
        #[test]
        fn ids_grow_when_the_clock_goes_back_too(
            steps in proptest::collection::vec((-5_000i64..5_000, 1usize..5_000), 1..8),
            node: u8,
        ) {
            let mut stamp = Stamp::new(node, TODAY, SEED);
            let mut now = TODAY;
            let mut last = 0;
            for (step_ms, draws) in steps {
                now = now.plus_ms(step_ms);
                stamp.set_time(now);
                for _ in 0..draws {
                    let id: Id<kinds::Event> = stamp.id();
                    prop_assert!(id.value() > last);
                    prop_assert_eq!(id.value() % STEP, i64::from(node));
                    last = id.value();
                }
            }
        }
    }
}
