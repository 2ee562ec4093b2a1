//! What a deciding function works with: the state, the time, and the decision so far.

use crate::aggregate::{Aggregate, Change, Command, Rows, View, decide_own};
use crate::command::{Decision, Refusal, Reply, Work};
use crate::directory::TenantId;
use crate::event::{CallRecord, Caller, Event};
use channel::Operation;
use ledger::{Account, Fen, Id, IdRun, Named, Phase, Reason, Stamp, Timestamp, Transfer};
use std::mem;

/// A decision in the making.
pub struct Deciding<'a> {
    view: &'a View,
    stamp: &'a mut Stamp,
    caller: &'a Caller,
    call: Option<CallRecord>,
    decision: Decision,
}

/// A movement of money, without what every movement has.
#[derive(Clone)]
pub(crate) struct Movement {
    pub(crate) phase: Phase,
    pub(crate) debit: Account,
    pub(crate) credit: Account,
    pub(crate) amount: Fen,
    pub(crate) reason: Reason,
}

impl<'a> Deciding<'a> {
    pub(crate) fn new(view: &'a View, stamp: &'a mut Stamp, caller: &'a Caller) -> Deciding<'a> {
        let decision = Decision {
            events: vec![],
            transfers: vec![],
            work: vec![],
            rests_on: vec![],
            rests_on_balances: vec![],
            reply: Reply::default(),
        };
        Deciding { view, stamp, caller, call: None, decision }
    }

    /// The state, as it was before this decision.
    pub(crate) fn view(&self) -> &'a View {
        self.view
    }

    /// The time of the decision.
    pub(crate) fn now(&self) -> Timestamp {
        self.stamp.now()
    }

    /// Who requested it.
    pub(crate) fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// What another command would lead to now. Nothing of it becomes a part of this decision.
    pub(crate) fn trial(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let mut trial = Deciding::new(self.view, self.stamp, self.caller);
        let reply = decide_own(&mut trial, command)?;
        Ok(trial.finish(reply))
    }

    /// Draws the next id.
    pub(crate) fn id<K>(&mut self) -> Id<K> {
        self.stamp.id()
    }

    /// Draws ids that follow each other.
    pub(crate) fn ids<K: Named>(&mut self, len: u32) -> IdRun<K> {
        self.stamp.ids(len)
    }

    /// Draws a number below `end` that nobody can guess.
    pub(crate) fn random_below(&mut self, end: u64) -> u64 {
        self.stamp.random_below(end)
    }

    /// Sets the call or callback through which we know; the first event that is recorded takes it.
    pub(crate) fn known_from(&mut self, call: CallRecord) {
        self.call = Some(call);
    }

    /// What was asked of the channel; `None` where no call led here, or a callback did.
    pub(crate) fn asked(&self) -> Option<Operation> {
        self.call.as_ref()?.operation
    }

    /// A row, as it was before this decision.
    pub(crate) fn row<A: Aggregate>(&self, tenant: &TenantId, id: Id<A::Kind>) -> Option<A>
    where
        View: AsRef<Rows<A>>,
    {
        AsRef::<Rows<A>>::as_ref(self.view).get(tenant, id).cloned()
    }

    /// Records that something happened to a row. The first event carries the call.
    pub(crate) fn record<A: Aggregate>(&mut self, row: &A, change: A::Change)
    where
        Change: From<A::Change>,
    {
        let event = Event {
            id: self.stamp.id(),
            tenant: row.tenant().clone(),
            subject: row.id().subject(),
            root: row.root(),
            // The sequence is counted when the decision stands as a whole.
            sequence: 0,
            at: self.stamp.now(),
            caller: self.caller.clone(),
            call: mem::take(&mut self.call),
            change: Change::from(change),
        };
        self.decision.events.push(event);
    }

    /// Moves, holds or releases money for a row.
    pub(crate) fn transfer<A: Aggregate>(&mut self, row: &A, movement: Movement) {
        let Movement { phase, debit, credit, amount, reason } = movement;
        self.decision.transfers.push(Transfer {
            id: self.stamp.id(),
            phase,
            debit,
            credit,
            amount,
            reason,
            subject: row.id().subject(),
            root: row.root(),
            at: self.stamp.now(),
        });
    }

    /// The same, where the amount may be nothing: nothing moves then.
    pub(crate) fn transfer_any<A: Aggregate>(&mut self, row: &A, movement: Movement) {
        if movement.amount != Fen::ZERO {
            self.transfer(row, movement);
        }
    }

    /// Wants a row to be at the commit as it is now. What a decision only reads may change in another process;
    /// where the decision would be another one then, it says so.
    pub(crate) fn rest_on<A: Aggregate>(&mut self, row: &A) {
        self.decision.rests_on.push(row.id().subject());
    }

    /// The same of the balance of an account.
    pub(crate) fn rest_on_balance(&mut self, account: Account) {
        self.decision.rests_on_balances.push(account);
    }

    /// Adds work for after the commit.
    pub(crate) fn work(&mut self, work: Work) {
        self.decision.work.push(work);
    }

    pub(crate) fn finish(self, reply: Reply) -> Decision {
        Decision { reply, ..self.decision }
    }
}
