//! The rule of two people: what one operator proposes, another carries out, or nobody does.

mod support;

use kernel::{
    ApprovalCommand, ApprovalRefusal, ApprovalState, Caller, Command, DecideRefund, Exit,
    OrderCommand, OrderState, RefundDecision, Refusal,
};
use ledger::{Account, AccountKind, Fen};
use support::script::play;
use support::{TestKernel, approving, directory, order_key, proposal, rejecting, tenant};

/// An order of 1000 fen, to which the channel reports a payment of 999.
fn contested() -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for step in ["place o1", "o1 place: placed", "o1 callback: paid tx1 999"] {
        play(&mut kernel, step);
    }
    assert!(kernel.order("o1").expect("an order").contested.is_some());
    kernel
}

/// An operator's command about the order.
fn write_off(note: &str) -> Command {
    let (tenant, order, note) = (tenant(), order_key("o1"), note.to_owned());
    OrderCommand::WriteOff { tenant, order, note }.into()
}

fn apply() -> Command {
    let payment_reference = "tx1".to_owned();
    OrderCommand::ApplyPayment { tenant: tenant(), order: order_key("o1"), payment_reference }
        .into()
}

fn propose(kernel: &mut TestKernel, who: &str, command: &Command) -> Result<(), Refusal> {
    kernel.handle_as(who, proposal(who, command)).map(drop)
}

fn approve(kernel: &mut TestKernel, who: &str) -> Result<(), Refusal> {
    let command = approving(kernel.approval().expect("an approval"));
    kernel.handle_as(who, command).map(drop)
}

fn state(kernel: &TestKernel) -> &ApprovalState {
    &kernel.approval().expect("an approval").state
}

fn merchant_pending(kernel: &TestKernel) -> Fen {
    kernel.balance(&Account::new(AccountKind::MerchantPending, support::MERCHANT)).posted
}

#[test]
fn what_is_proposed_is_carried_out_by_another_operator() {
    let mut kernel = contested();
    propose(&mut kernel, "ann", &apply()).expect("proposed");
    let (events, transfers) = (kernel.events.len(), kernel.transfers.len());
    propose(&mut kernel, "ann", &apply()).expect("shown again");
    assert_eq!(kernel.events.len(), events, "a repeat leaves no trace");
    for name in ["ann", "Ann"] {
        let own = approve(&mut kernel, name);
        assert_eq!(own, Err(ApprovalRefusal::OwnProposal.into()), "{name}");
    }
    assert_eq!(kernel.transfers.len(), transfers);
    approve(&mut kernel, "bob").expect("approved");
    assert!(matches!(state(&kernel), ApprovalState::Approved { by, .. } if &**by == "bob"));
    assert!(matches!(kernel.order("o1").expect("an order").state, OrderState::Paid(_)));
    assert_eq!(merchant_pending(&kernel), Fen::new(999));
    let names: Vec<_> = kernel.events[events..].iter().map(|event| event.change.name()).collect();
    assert_eq!(names[0], "approved", "the approval comes before what it leads to: {names:?}");
    let moved = kernel.transfers.len();
    for who in ["bob", "eve"] {
        approve(&mut kernel, who).expect("a repeat answers the same");
    }
    assert_eq!(kernel.transfers.len(), moved);
    propose(&mut kernel, "ann", &apply()).expect("nothing is left to do");
    assert_eq!(kernel.transfers.len(), moved);
}

#[test]
fn what_would_be_refused_is_not_proposed() {
    let mut kernel = contested();
    let payment_reference = "tx9".to_owned();
    let other =
        OrderCommand::GiveBack { tenant: tenant(), order: order_key("o1"), payment_reference };
    let refused = propose(&mut kernel, "ann", &other.into());
    assert_eq!(refused, Err(kernel::OrderRefusal::NotContested.into()));
    assert!(kernel.approval().is_none());
}

#[test]
fn an_approval_whose_order_moved_on_ends_refused() {
    let mut kernel = contested();
    propose(&mut kernel, "ann", &apply()).expect("proposed");
    kernel.handle(write_off("kept")).expect("the world moves on");
    let transfers = kernel.transfers.len();
    for _ in 0..2 {
        approve(&mut kernel, "bob").expect("answered");
        let ApprovalState::Refused { reason, .. } = state(&kernel) else { panic!("not refused") };
        assert_eq!(reason, "the order is failed");
        assert_eq!(kernel.transfers.len(), transfers, "nothing moved");
    }
}

#[test]
fn a_command_that_names_no_payment_is_carried_out_about_the_one_that_was_seen() {
    let mut kernel = TestKernel::new(directory());
    for step in ["place o1", "o1 place: placed", "o1 query: mismatch"] {
        play(&mut kernel, step);
    }
    // A contradiction without a payment was looked into; then money comes.
    propose(&mut kernel, "ann", &write_off("looked into")).expect("proposed");
    play(&mut kernel, "o1 callback: paid tx1 999");
    let transfers = kernel.transfers.len();
    approve(&mut kernel, "bob").expect("answered");
    assert!(matches!(state(&kernel), ApprovalState::Refused { .. }), "{:?}", state(&kernel));
    assert_eq!(kernel.transfers.len(), transfers, "the payment was not written off");
    let again = propose(&mut kernel, "ann", &write_off("looked into"));
    assert_eq!(again, Err(ApprovalRefusal::Spent.into()));
}

#[test]
fn it_expires_and_can_be_proposed_again() {
    let mut kernel = contested();
    propose(&mut kernel, "ann", &apply()).expect("proposed");
    kernel.now = kernel.approval().expect("an approval").expires_at;
    let late = approve(&mut kernel, "bob");
    assert_eq!(late, Err(ApprovalRefusal::State { state: "expired" }.into()));
    play(&mut kernel, "task approval");
    assert!(matches!(state(&kernel), ApprovalState::Expired { .. }));
    propose(&mut kernel, "ann", &apply()).expect("proposed again");
    assert_eq!(kernel.stored.approvals.all().count(), 1);
    approve(&mut kernel, "bob").expect("approved");
    assert_eq!(merchant_pending(&kernel), Fen::new(999));
}

#[test]
fn what_is_rejected_is_not_carried_out() {
    let mut kernel = contested();
    propose(&mut kernel, "ann", &apply()).expect("proposed");
    let reject = rejecting(kernel.approval().expect("an approval"));
    for who in ["ann", "bob"] {
        kernel.handle_as(who, reject.clone()).expect("withdrawn, and the same again");
    }
    let refused = approve(&mut kernel, "bob");
    assert_eq!(refused, Err(ApprovalRefusal::State { state: "rejected" }.into()));
    assert_eq!(merchant_pending(&kernel), Fen::ZERO);
}

/// Each line also breaks every later rule.
#[test]
fn refusals_come_in_their_order() {
    let mut kernel = contested();
    propose(&mut kernel, "ann", &apply()).expect("proposed");
    let approval = kernel.approval().expect("an approval").clone();
    let reject = rejecting(&approval);
    kernel.handle_as("bob", reject).expect("rejected");
    let approve = |approval, digest: &str| ApprovalCommand::Approve {
        tenant: tenant(),
        approval,
        root: kernel.order("o1").expect("an order").terms.id.subject(),
        row: None,
        digest: digest.to_owned(),
    };
    let (known, absent) = (approval.id, support::no_id());
    let cases = [
        (approve(absent, "other"), "ann", ApprovalRefusal::NotFound),
        (approve(known, "other"), "ann", ApprovalRefusal::Differs),
        (approve(known, &approval.digest), "ann", ApprovalRefusal::OwnProposal),
        (approve(known, &approval.digest), "bob", ApprovalRefusal::State { state: "rejected" }),
    ];
    for (command, who, refusal) in cases {
        assert_eq!(kernel.handle_as(who, command).map(drop), Err(refusal.into()));
    }
    assert!(matches!(kernel.caller, Caller::Business(_)));
    let refused = kernel.handle(ApprovalCommand::Reject {
        tenant: tenant(),
        approval: known,
        note: "why".to_owned(),
    });
    assert_eq!(refused.map(drop), Err(ApprovalRefusal::NotOperator.into()));
}

#[test]
fn a_dismissal_of_a_done_refund_is_repeated_and_answers_the_same() {
    let mut kernel = TestKernel::new(directory());
    for step in [
        "place o1",
        "o1 place: placed",
        "o1 callback: paid tx1 1000",
        "o1 callback: paid tx2 1000",
        "refund refund: done 1000",
        "refund@other callback: done 1000",
    ] {
        play(&mut kernel, step);
    }
    let refund = kernel.refund().expect("a refund").clone();
    assert_eq!(kernel::Aggregate::exits(&refund), [Exit::EndContradiction]);
    let dismiss = |note: &str| DecideRefund {
        tenant: tenant(),
        refund: refund.id,
        order: refund.order,
        decision: RefundDecision::WriteOff { note: note.to_owned() },
    };
    for _ in 0..2 {
        kernel.handle(dismiss("compared with the bill")).expect("dismissed, and the same again");
    }
    assert!(kernel.handle(dismiss("another note")).is_err(), "nothing needs a person");
}

#[test]
fn the_exits_of_an_order_are_those_that_apply() {
    let exits =
        |kernel: &TestKernel| kernel::Aggregate::exits(kernel.order("o1").expect("an order"));
    let mut kernel = contested();
    let all =
        [Exit::ApplyPayment, Exit::GiveBack, Exit::SettleByHand, Exit::WriteOff, Exit::PollNow];
    assert_eq!(exits(&kernel), all);
    kernel.handle(write_off("kept")).expect("written off");
    assert_eq!(exits(&kernel), []);
    let mut kernel = TestKernel::new(directory());
    for step in ["place o1", "o1 place: placed", "o1 query: mismatch"] {
        play(&mut kernel, step);
    }
    let without_payment = [Exit::EndContradiction, Exit::PollNow, Exit::CloseForGood];
    assert_eq!(exits(&kernel), without_payment);
}
