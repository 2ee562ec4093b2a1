//! A channel with a truth of its own, calls that are lost on either way, processes that die, payers who
//! type late and callbacks that come late, in any order: an order that a code pays ends as the channel's
//! truth says, the payer is charged at most once, and the book agrees.

mod support;

use channel::{Finding, Instruction, Operation, Payment};
use kernel::{Aggregate, OrderState, Task, Work};
use ledger::{AccountKind, Currency, Fen};
use proptest::prelude::*;
use support::script::play;
use support::{TestKernel, directory};

/// What is true at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    /// It knows no such number.
    None,
    /// The payer is asked for a password.
    Typing,
    Paid,
    /// The payer's bank refused.
    Failed,
    /// Ended unpaid by a cancel.
    Revoked,
    /// Paid, and given back by a cancel.
    Reversed,
}

/// What the charge comes to, if it arrives.
#[derive(Clone, Copy, Debug)]
enum Charge {
    Pays,
    Asks,
    Refuses,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The call under way arrives and is answered.
    Answered,
    /// It arrives, and its answer is lost.
    AnswerLost,
    /// It never arrives, which is noticed.
    RequestLost,
    /// It arrives, and the process dies.
    DiesAfter,
    /// The process dies before it arrives.
    DiesBefore,
    /// It arrives twice, and the first is answered.
    Twice,
    /// A cancel is to be sent again.
    Again,
    /// The payer types the password.
    Types,
    /// The channel calls back what it called back before, or could have.
    CallsBack,
    /// Some seconds pass.
    Waits(i64),
}

struct Play {
    kernel: TestKernel,
    truth: Truth,
    charge: Charge,
    charges: u32,
    /// Whether a callback that it is paid is on its way.
    was_paid: bool,
    /// Whether what a cancel gives back is in its answer.
    tells_action: bool,
    /// How much of the work was carried out.
    done: usize,
}

impl Play {
    fn new(charge: Charge, tells_action: bool) -> Play {
        let mut kernel = TestKernel::new(directory());
        play(&mut kernel, "place o1 code=134567890123456789");
        let truth = Truth::None;
        Play { kernel, truth, charge, charges: 0, was_paid: false, tells_action, done: 0 }
    }

    fn task(&self) -> Task {
        Task::of(self.kernel.order("o1").expect("placed"))
    }

    /// The call under way, if there is one.
    fn call(&self) -> Option<Instruction> {
        self.kernel.work[self.done..].iter().rev().find_map(|work| match work {
            Work::Ask { instruction, .. } => Some(instruction.clone()),
            Work::Deliver { .. } => None,
        })
    }

    fn payment(&self) -> Payment {
        let order = self.kernel.order("o1").expect("placed");
        Payment {
            channel_order_no: order.terms.channel_order_no.clone(),
            payment_reference: "tx1".to_owned(),
            amount: Fen::new(1000),
            settled_amount: Fen::new(1000),
            currency: Currency::Cny,
            payer_amount: None,
            at: order.terms.placed_at,
        }
    }

    /// What the channel does with a call, and what it answers.
    fn carry_out(&mut self, call: &Instruction) -> Finding {
        match call {
            Instruction::Place(place) => {
                assert!(place.payment_code.is_some(), "placed without its code");
                self.place()
            }
            Instruction::Query(_) => self.state(),
            Instruction::Cancel(_) => self.cancel(),
            other => panic!("not about a code: {:?}", other.operation()),
        }
    }

    fn place(&mut self) -> Finding {
        if self.truth == Truth::None {
            self.truth = match self.charge {
                Charge::Pays => Truth::Paid,
                Charge::Asks => Truth::Typing,
                Charge::Refuses => Truth::Failed,
            };
            self.count();
        }
        match self.truth {
            Truth::Failed => {
                Finding::Refused { code: "NOTENOUGH".into(), text: "余额不足".into() }
            }
            _ => self.state(),
        }
    }

    fn count(&mut self) {
        if self.truth == Truth::Paid {
            self.charges += 1;
            self.was_paid = true;
        }
    }

    fn state(&self) -> Finding {
        match self.truth {
            Truth::None => Finding::NotFound,
            Truth::Typing => Finding::Pending,
            Truth::Paid => Finding::Paid(self.payment()),
            Truth::Failed => Finding::Failed { code: "PAYERROR".into(), text: String::new() },
            Truth::Revoked => Finding::Closed,
            Truth::Reversed => Finding::Reversed(self.payment()),
        }
    }

    fn cancel(&mut self) -> Finding {
        match self.truth {
            Truth::None => return Finding::NotFound,
            Truth::Paid => self.truth = Truth::Reversed,
            Truth::Typing | Truth::Failed => self.truth = Truth::Revoked,
            Truth::Revoked | Truth::Reversed => {}
        }
        match self.truth {
            Truth::Reversed if self.tells_action => Finding::Reversed(self.payment()),
            _ => Finding::Cancelled,
        }
    }

    fn record(&mut self, asked: Option<Operation>, finding: Finding) {
        let task = self.task();
        self.kernel.record(&task, "main", asked, finding).expect("a finding is recorded");
    }

    /// The next task of the order runs, once it is due.
    fn run_task(&mut self) {
        let task = self.task();
        let Some(due) = self.kernel.due(task.subject) else { return };
        self.kernel.now = self.kernel.now.max(due);
        self.kernel.handle(kernel::Command::RunTask(task)).expect("a task runs");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Types if self.truth == Truth::Typing => {
                self.truth = Truth::Paid;
                self.count();
            }
            Step::CallsBack if self.was_paid => {
                let payment = self.payment();
                self.record(None, Finding::Paid(payment));
            }
            Step::Waits(seconds) => self.kernel.now = self.kernel.now.plus_seconds(seconds),
            Step::Types | Step::CallsBack => {}
            _ => match self.call() {
                Some(call) => self.call_ends(&call, step),
                None => self.run_task(),
            },
        }
    }

    fn call_ends(&mut self, call: &Instruction, step: Step) {
        self.done = self.kernel.work.len();
        let asked = Some(call.operation());
        let unknown = Finding::Unknown { why: "no answer".into() };
        match step {
            Step::AnswerLost => {
                self.carry_out(call);
                self.record(asked, unknown);
            }
            Step::RequestLost => self.record(asked, unknown),
            Step::DiesAfter => drop(self.carry_out(call)),
            Step::DiesBefore => {}
            Step::Twice => {
                let finding = self.carry_out(call);
                self.carry_out(call);
                self.record(asked, finding);
            }
            Step::Again if asked == Some(Operation::Cancel) => {
                let (code, text) = ("retry_flag Y".to_owned(), String::new());
                self.record(asked, Finding::Later { code, text });
            }
            _ => {
                let finding = self.carry_out(call);
                self.record(asked, finding);
            }
        }
    }

    fn is_final(&self) -> bool {
        self.kernel.order("o1").expect("placed").state.is_final()
    }

    /// From here on nothing is lost.
    fn come_to_an_end(&mut self) {
        for _ in 0..40 {
            if self.is_final() && self.call().is_none() {
                return;
            }
            self.step(Step::Answered);
        }
        let order = self.kernel.order("o1").expect("placed");
        panic!("no end: {:?} {:?}", order.state, order.standing());
    }

    fn check(&self) {
        let order = self.kernel.order("o1").expect("placed");
        let is_paid = matches!(order.state, OrderState::Paid(_));
        assert_eq!(is_paid, self.truth == Truth::Paid, "{:?} is {:?}", self.truth, order.state);
        assert!(self.charges <= 1, "charged {} times", self.charges);
        assert!(order.attention.is_none(), "{:?}", order.attention);
        assert!(self.kernel.stored.refunds.all().next().is_none(), "a refund of a reversal");
        let pending = if is_paid { 1000 } else { 0 };
        for (kind, fen) in [(AccountKind::MerchantPending, pending), (AccountKind::Suspense, 0)] {
            let found = self.kernel.transfers.iter().map(|it| {
                let credit = if it.credit.kind == kind { it.amount.get() } else { 0 };
                let debit = if it.debit.kind == kind { it.amount.get() } else { 0 };
                credit - debit
            });
            assert_eq!(found.sum::<i64>(), fen, "{kind:?}");
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Answered),
        2 => Just(Step::AnswerLost),
        2 => Just(Step::RequestLost),
        1 => Just(Step::DiesAfter),
        1 => Just(Step::DiesBefore),
        1 => Just(Step::Twice),
        1 => Just(Step::Again),
        1 => Just(Step::Types),
        2 => Just(Step::CallsBack),
        1 => (1i64..20).prop_map(Step::Waits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn an_order_ends_as_the_channels_truth_says(
        charge in prop::sample::select(vec![Charge::Pays, Charge::Asks, Charge::Asks, Charge::Refuses]),
        tells_action in any::<bool>(),
        steps in prop::collection::vec(any_step(), 0..25),
    ) {
        let mut played = Play::new(charge, tells_action);
        for step in steps {
            played.step(step);
        }
        played.come_to_an_end();
        played.check();
        // What is called back afterwards changes nothing.
        for _ in 0..2 {
            played.step(Step::CallsBack);
            played.come_to_an_end();
            played.check();
        }
    }
}
