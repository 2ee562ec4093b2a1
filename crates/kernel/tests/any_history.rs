//! Under any sequence of commands the ledger stays balanced, money has exactly one effect, what is open
//! has a task, what is held is what is on its way, and the events alone rebuild every row.

mod support;

use channel::Operation;
use kernel::{
    Aggregate, Agreement, AgreementState, ApprovalState, ItemOutcome, ItemPlace, Order, OrderFunds,
    OrderState, RefundState, ReturnOutcome, Row, ShareReturnState, ShareState, Standing,
    UnappliedOutcome, WithdrawalState, Work, subject_of_channel_no,
};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Subject, SubjectKind, kinds};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};
use support::script::play;
use support::{INSTALLATION, MERCHANT, TestKernel, directory, tenant};

/// How the money of some orders is divided.
const DIVIDED: &str = "CM-B:200:D0,CM-C:100:T1:frozen";

/// Payees that are there from the beginning: at the channel a merchant, another and a person; in the book
/// a person, two of one merchant, and one of a merchant that gets allocations too.
const PAYEES: [(&str, &str); 7] = [
    ("p1", "wx"),
    ("p2", "wx"),
    ("p3", "person"),
    ("b1", "book"),
    ("b2", "merchant"),
    ("b3", "merchant"),
    ("b4", "CM-B"),
];

/// In a step: the share or return that runs of the first order of which one runs.
const RUNNING: &str = "running";

/// A kernel with these payees.
fn kernel_with_payees() -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for (payee, at) in PAYEES {
        play(&mut kernel, &format!("payee {payee} {at}"));
    }
    kernel
}

/// Steps about shares and their returns.
fn any_sharing_step() -> impl Strategy<Value = String> {
    let share = || prop::sample::select(vec!["s0", "s1", "s2", "s3", "s4"]);
    let back = || prop::sample::select(vec!["v0", "v1", "v2"]);
    let items = prop::sample::select(vec![
        "p1=300 p2=10%",
        "p1=300 p2=10%",
        "p1=100 p2=100 p3=50 rest",
        "p3=700 rest",
        "rest",
        "b1=100 b2=10%",
        "b2=60 b3=60 b4=60",
        "b4=30 rest",
        "p1=1 b1=1",
    ]);
    let made = (share(), 0u8..3, items)
        .prop_map(|(no, order, items)| format!("share {no} o{order} {items}"));
    let items = prop::sample::select(vec![
        "p1=100 p2=10",
        "p1=300",
        "p2=50 p1=1",
        "p3=1",
        "b1=60",
        "b2=50 b3=50",
        "b4=60",
        "b2=10 b4=5",
    ]);
    let returned = (back(), share(), items)
        .prop_map(|(no, share, items)| format!("return {no} {share} {items}"));
    let row = || prop_oneof![share(), back()];
    let refund = prop::sample::select(vec!["f0", "f1", "f2"]);
    let runs = || Just(RUNNING);
    let answered_to = prop_oneof![1 => share(), 1 => back(), 1 => refund, 6 => runs()];
    let due = prop_oneof![1 => row(), 2 => runs()];
    let answered =
        (answered_to, prop::sample::select(vec!["done", "done", "failed", "processing"]))
            .prop_map(|(row, how)| format!("answer {row} {how}"));
    let asked = prop::sample::select(vec![
        "bind_receiver",
        "share",
        "query_share",
        "unfreeze",
        "query_unshared",
        "return_share",
        "query_share_return",
    ]);
    let said = prop::sample::select(vec![
        "shared p1=failed *=done",
        "shared p1=done/1 *=done",
        "shared *=done",
        "unshared 0",
        "unshared 5",
        "receiver",
        "returned 0 done",
        "returned 1 failed",
        "refused",
        "unsigned_refusal",
        "account_fault",
        "unfunded",
        "later",
        "ask",
        "not_found",
        "unsigned_not_found",
        "unknown",
        "mismatch",
        "pending",
    ]);
    let found =
        (row(), prop::sample::select(vec!["", "", "", "", "@other", "@moved"]), asked, said)
            .prop_map(|(row, account, asked, said)| format!("{row}{account} {asked}: {said}"));
    let retried = prop_oneof![
        share().prop_map(|no| format!("operator retry share {no}")),
        back().prop_map(|no| format!("operator retry share_return {no}")),
    ];
    let bound = prop::sample::select(vec!["p1", "p2", "b2", "b4"]);
    prop_oneof![
        6 => made,
        4 => returned,
        10 => answered,
        6 => due.prop_map(|row| format!("task {row}")),
        3 => found,
        1 => retried,
        1 => bound.prop_map(|payee| format!("unbind {payee}")),
    ]
}

/// The channel's answer to what was last asked about a row.
fn answer(kernel: &TestKernel, no: &str, how: &str) -> Option<String> {
    if let Some(refund) = kernel.refund_no(no) {
        let word = if how == "failed" { "closed" } else { how };
        return Some(format!("{no} refund: {word} {}", refund.amount.get()));
    }
    let subject = sharing_row(kernel, no)?;
    let instruction = kernel.work.iter().rev().find_map(|work| match work {
        Work::Ask { subject: about, instruction, .. } if *about == subject => Some(instruction),
        Work::Ask { .. } | Work::Deliver { .. } => None,
    })?;
    let said = match (instruction.operation(), how) {
        (Operation::BindReceiver, "failed") => "refused".to_owned(),
        (Operation::BindReceiver, _) => "receiver".to_owned(),
        (Operation::QueryUnshared, "done") => "unshared 0".to_owned(),
        (Operation::QueryUnshared, _) => "unshared 9".to_owned(),
        (Operation::ReturnShare | Operation::QueryShareReturn, how) => {
            let row = kernel.share_return(no)?;
            let at = row.items.iter().position(|item| item.outcome == ReturnOutcome::Open)?;
            format!("returned {at} {how}")
        }
        (_, how) => format!("shared *={how}"),
    };
    Some(format!("{no} {}: {said}", instruction.operation().name()))
}

/// The number of the first share or return that runs.
fn running(kernel: &TestKernel) -> Option<String> {
    let subject = kernel.stored.orders.all().find_map(|order| order.sharing.running)?;
    match kernel.stored.row(&tenant(), subject)? {
        Row::Share(row) => Some(row.number.clone()),
        Row::ShareReturn(row) => Some(row.number.clone()),
        _ => None,
    }
}

/// A share or return by its number.
fn sharing_row(kernel: &TestKernel, no: &str) -> Option<Subject> {
    let share = kernel.share(no).map(|row| row.id.subject());
    share.or_else(|| kernel.share_return(no).map(|row| row.id.subject()))
}

/// What is final of a share or return stays so.
fn final_items(kernel: &TestKernel) -> Vec<(Subject, usize, String)> {
    let shares = kernel.stored.shares.all().flat_map(|row| {
        let items = row.items.iter().enumerate();
        let finals = items.filter(|(_, it)| !matches!(it.outcome, ItemOutcome::Open { .. }));
        finals.map(|(at, it)| (row.id.subject(), at, format!("{:?}", it.outcome)))
    });
    let returns = kernel.stored.share_returns.all().flat_map(|row| {
        let items = row.items.iter().enumerate();
        let finals = items.filter(|(_, it)| it.outcome != ReturnOutcome::Open);
        finals.map(|(at, it)| (row.id.subject(), at, format!("{:?}", it.outcome)))
    });
    shares.chain(returns).collect()
}

/// Steps in the language of scenarios, as `support/script.rs` describes it. Those about a row that is
/// not there are skipped.
fn any_step() -> impl Strategy<Value = String> {
    let order = (0u8..3).prop_map(|slot| format!("o{slot}"));
    let asked = prop::sample::select(vec!["callback", "place", "query", "close"]);
    let account = prop::sample::select(vec!["", "", "", "", "", "@other", "@moved"]);
    let said = prop::sample::select(vec![
        "placed",
        "placed",
        "pending",
        "closed",
        "failed",
        "refused",
        "unsigned_refusal",
        "later",
        "account_fault",
        "not_found",
        "unsigned_not_found",
        "ask",
        "unknown",
        "mismatch",
        "keys",
        "paid tx1 1000",
        "paid tx1 1000",
        "paid tx2 1000",
        "paid tx1 999",
        "paid tx3 999",
        "paid tx1 1000/700",
        "paid tx1 1000/0",
        "paid tx2 1000/700",
        "paid tx2 1000/1001",
        "paid tx3 999/-1",
        "paid tx3 999/300",
    ]);
    let finding = (order.clone(), account.clone(), asked, said)
        .prop_map(|(order, account, asked, said)| format!("{order}{account} {asked}: {said}"));
    let refund_said = prop::sample::select(vec![
        "processing 1000",
        "processing 400",
        "done 400",
        "done 400/300",
        "done 300",
        "done 300 first",
        "done 300 first",
        "done 400 first",
        "closed 300",
        "closed 400",
        "abnormal 400",
        "done 1000",
        "done 999",
        "done 1000/700",
        "done 1000/600",
        "done 1000/0",
        "done 1000/1001",
        "closed 1000",
        "abnormal 1000",
        "refused",
        "unsigned_refusal",
        "account_fault",
        "unfunded",
        "not_found",
        "unknown",
        "later",
        "mismatch",
        "pending",
    ]);
    let refund_asked = prop::sample::select(vec!["callback", "refund", "query_refund"]);
    let number = prop::sample::select(vec!["f0", "f1", "f2"]);
    let fen = prop::sample::select(vec![300, 400, 1000]);
    let back = prop::sample::select(vec!["", "", " CM-B:50", " CM-B:1,CM-C:30", " CM-C:0"]);
    let requested = (number.clone(), order.clone(), fen, back)
        .prop_map(|(number, order, fen, back)| format!("request {number} {order} {fen}{back}"));
    let refund = prop_oneof![Just("refund"), number.clone()];
    let refund = (refund, account, refund_asked, refund_said)
        .prop_map(|(refund, account, asked, said)| format!("{refund}{account} {asked}: {said}"));
    let fixed = prop::sample::select(vec![
        "task refund",
        "task notification",
        "task approval",
        "task allocation",
        "attempt no_answer",
        "attempt acknowledged",
        "replay",
        "operator retry",
        "operator renew",
        "operator by_hand refund",
        "operator write_off refund",
        "operator dismiss",
    ]);
    let decided = prop::sample::select(vec![
        "poll {}",
        "apply {} tx1",
        "apply {} tx3",
        "give_back {} tx1",
        "give_back {} tx3",
        "by_hand {}",
        "write_off {}",
        "close_for_good {}",
    ]);
    let decided = (order.clone(), decided)
        .prop_map(|(order, decided)| format!("operator {}", decided.replace("{}", &order)));
    let ended = (prop::sample::select(vec!["paid", "unpaid"]), 0u8..3)
        .prop_map(|(how, slot)| format!("{how} w{slot}"));
    let who = prop::sample::select(vec!["ann", "bob"]);
    let refunded = prop::sample::select(vec!["by_hand refund", "write_off refund"]);
    let manual = prop_oneof![
        2 => decided.clone().prop_filter("no manual command", |it| !it.contains("poll"))
            .prop_map(|it| it.replace("operator ", "")),
        1 => refunded.prop_map(str::to_owned),
        1 => ended.clone(),
    ];
    let proposed =
        (who.clone(), manual).prop_map(|(who, manual)| format!("propose {who} {manual}"));
    let approved = (prop::sample::select(vec!["approve", "approve", "reject"]), who)
        .prop_map(|(decided, who)| format!("{decided} {who}"));
    let withdrawn = (0u8..3, 1i64..900, prop::sample::select(vec!["", " CM-B", " CM-C"]))
        .prop_map(|(slot, fen, who)| format!("withdraw w{slot} {fen}{who}"));
    let unfrozen = (0u8..4, order.clone(), prop::sample::select(vec!["CM-B", "CM-C"]), 1i64..80)
        .prop_map(|(no, order, who, fen)| format!("unfreeze u{no} {order} {who}:{fen}"));
    let divided = prop::sample::select(vec![
        " shared=yes".to_owned(),
        format!(" allocate={DIVIDED}"),
        format!(" shared=yes allocate={DIVIDED}"),
    ]);
    prop_oneof![
        2 => proposed,
        2 => approved,
        2 => order.clone().prop_map(|order| format!("place {order}")),
        1 => order.clone().prop_map(|order| format!("place {order} allocate={DIVIDED}")),
        6 => (order.clone(), divided).prop_map(|(order, how)| format!("sell {order}{how}")),
        1 => order.clone().prop_map(|order| format!("close {order}")),
        20 => any_sharing_step(),
        1 => unfrozen,
        2 => order.prop_map(|order| format!("task {order}")),
        6 => finding,
        3 => refund,
        3 => requested,
        1 => number.prop_map(|number| format!("task {number}")),
        3 => fixed.prop_map(str::to_owned),
        1 => (1i64..500).prop_map(|fen| format!("fund {fen}")),
        2 => withdrawn,
        2 => ended.prop_map(|step| format!("operator {step}")),
        2 => decided,
        1 => (1i64..3600).prop_map(|seconds| format!("wait {seconds}s")),
    ]
}

/// Steps about orders that a code pays, among others.
fn any_step_with_codes() -> impl Strategy<Value = String> {
    let order = (0u8..3).prop_map(|slot| format!("o{slot}"));
    let asked = prop::sample::select(vec!["callback", "place", "query", "query", "cancel"]);
    let said = prop::sample::select(vec![
        "pending",
        "closed",
        "failed",
        "refused",
        "later",
        "account_fault",
        "not_found",
        "unsigned_not_found",
        "ask",
        "unknown",
        "cancelled",
        "cancelled",
        "paid tx1 1000",
        "paid tx2 1000/700",
        "paid tx3 999",
        "reversed tx1 1000",
        "reversed tx4 1000/700",
        "reversed tx3 999",
    ]);
    let found = (order.clone(), asked, said)
        .prop_map(|(order, asked, said)| format!("{order} {asked}: {said}"));
    prop_oneof![
        3 => order.clone().prop_map(|order| format!("place {order} code=134567890123456789")),
        1 => order.clone().prop_map(|order| format!("close {order}")),
        5 => order.prop_map(|order| format!("task {order}")),
        10 => found,
        3 => any_step(),
    ]
}

/// Steps about agreements and orders that they pay, among others.
fn any_step_with_agreements() -> impl Strategy<Value = String> {
    let order = (0u8..3).prop_map(|slot| format!("o{slot}"));
    let agreement = || prop::sample::select(vec!["a0", "a0", "a1"]);
    let signed = (agreement(), prop::sample::select(vec!["", "", " max=500", " scene=authorize"]))
        .prop_map(|(no, changes)| format!("agree {no}{changes}"));
    let asked = prop::sample::select(vec![
        "callback",
        "sign_agreement",
        "query_agreement",
        "query_agreement",
        "terminate_agreement",
    ]);
    let said = prop::sample::select(vec![
        "placed",
        "agreement signing",
        "agreement signed r1",
        "agreement signed r1",
        "agreement signed r1",
        "agreement signed r2 until=60",
        "agreement paused r1",
        "agreement terminated r1",
        "agreement terminated",
        "agreement terminated r1 old",
        "not_found",
        "unsigned_not_found",
        "refused",
        "unknown",
        "later",
        "account_fault",
        "mismatch",
        "pending",
    ]);
    let account = prop::sample::select(vec!["", "", "", "", "@other", "@moved"]);
    let found = (agreement(), account, asked, said)
        .prop_map(|(no, account, asked, said)| format!("{no}{account} {asked}: {said}"));
    let asked = prop::sample::select(vec!["callback", "place", "query", "query", "cancel"]);
    let said = prop::sample::select(vec![
        "pending",
        "closed",
        "failed",
        "refused",
        "later",
        "not_found",
        "unsigned_not_found",
        "unknown",
        "cancelled",
        "paid tx1 1000",
        "paid tx3 999",
        "reversed tx1 1000",
    ]);
    let debited = (order.clone(), asked, said)
        .prop_map(|(order, asked, said)| format!("{order} {asked}: {said}"));
    let decided = (prop::sample::select(vec!["retry", "dismiss"]), agreement())
        .prop_map(|(decided, no)| format!("operator {decided} {no}"));
    prop_oneof![
        3 => signed,
        8 => found,
        1 => agreement().prop_map(|no| format!("terminate {no}")),
        3 => agreement().prop_map(|no| format!("task {no}")),
        1 => decided,
        4 => (order.clone(), agreement())
            .prop_map(|(order, no)| format!("place {order} agreement={no}")),
        1 => order.clone().prop_map(|order| format!("close {order}")),
        4 => order.prop_map(|order| format!("task {order}")),
        6 => debited,
        3 => any_step(),
    ]
}

/// An order that is being debited is open, and an open one holds its agreement.
fn check_agreements(kernel: &TestKernel) {
    for row in kernel.stored.agreements.all() {
        assert_eq!(subject_of(&row.terms.channel_agreement_no), Some(row.id().subject()));
        let of_row =
            kernel.stored.orders.all().filter(|order| {
                order.terms.debit.is_some_and(|debit| debit.agreement == row.terms.id)
            });
        let open: Vec<_> = of_row.filter(|order| !order.state.is_final()).collect();
        let ids: Vec<_> = open.iter().map(|order| order.terms.id).collect();
        assert_eq!(ids, row.debiting.into_iter().collect::<Vec<_>>(), "one debit at a time");
        let is_signed = matches!(row.state, AgreementState::Signed | AgreementState::Paused);
        assert!(!is_signed || row.contract.is_some(), "what is signed is known");
        let is_waiting =
            matches!(row.state, AgreementState::Signing(_) | AgreementState::Terminating { .. });
        let standing = row.standing();
        assert!(!is_waiting || standing.is_open() || standing.attention.is_some());
        assert!(standing.attention.is_none() || !row.exits().is_empty());
    }
}

fn play_if_possible(kernel: &mut TestKernel, step: &str) {
    let finals = final_items(kernel);
    let running = running(kernel);
    if !step.contains(RUNNING) || running.is_some() {
        play_known(kernel, &step.replace(RUNNING, &running.unwrap_or_default()));
    }
    let after = final_items(kernel);
    for item in finals {
        assert!(after.contains(&item), "{step} undid {item:?}");
    }
}

fn play_known(kernel: &mut TestKernel, step: &str) {
    let answered = match step.split(' ').collect::<Vec<_>>().as_slice() {
        ["sell", order, ..] if kernel.order(order).is_some() => return,
        ["sell", order, ..] => {
            play(kernel, &step.replacen("sell", "place", 1));
            format!("{order} callback: paid tx1 1000")
        }
        ["answer", no, how] => match answer(kernel, no, how) {
            Some(step) => step,
            None => return,
        },
        _ => step.to_owned(),
    };
    let step = &*answered;
    let row = match step.split([' ', '@']).collect::<Vec<_>>().as_slice() {
        [
            "place" | "close" | "wait" | "request" | "fund" | "withdraw" | "unbind" | "agree"
            | "terminate",
            ..,
        ] => "",
        ["task", row] => row,
        ["propose", _, _, row, ..] => row,
        ["approve" | "reject", _] => "approval",
        ["operator", "retry", "share" | "share_return", row] => row,
        ["operator", "retry" | "dismiss", row] if row.starts_with('a') => row,
        ["operator", "retry" | "renew", ..] => "refund",
        ["operator", "dismiss", ..] => "notification",
        ["operator", _, row, ..] => row,
        ["unfreeze", _, row, ..] => row,
        ["share", no, row, ..] if !no.ends_with(':') => row,
        ["return", _, row, ..] => row,
        ["attempt" | "replay", ..] => "notification",
        [row, ..] => row,
        [] => "",
    };
    let is_there = match row {
        "" => true,
        "refund" => kernel.refund().is_some(),
        "notification" => kernel.notification().is_some(),
        "approval" => kernel.approval().is_some(),
        "allocation" => kernel.waiting_allocation().is_some(),
        row if row.starts_with('w') => kernel.withdrawal(row).is_some(),
        row => {
            let is_sharing = sharing_row(kernel, row).is_some();
            let is_sharing = is_sharing || support::script::agreements::of(kernel, row).is_some();
            is_sharing || kernel.order(row).is_some() || kernel.refund_no(row).is_some()
        }
    };
    let is_about_it = match (step.contains(": shared "), step.contains(": returned ")) {
        (true, _) => kernel.share(row).is_some(),
        (_, true) => kernel.share_return(row).is_some(),
        (false, false) => true,
    };
    if is_there && is_about_it {
        let transfers = kernel.transfers.len();
        let outcome = play(kernel, step);
        let is_approved = outcome.contains("approval approved by approved");
        if ["propose", "reject"].iter().any(|verb| step.starts_with(verb)) {
            assert!(!is_approved && kernel.transfers.len() == transfers, "{step} moved money");
        }
        if step.starts_with("approve") && !is_approved {
            assert_eq!(kernel.transfers.len(), transfers, "{step} moved money: {outcome}");
        }
    }
}

/// A row as its events rebuild it: they do not keep the text of pay info, nor of a signing page.
fn logged(row: impl Into<Row>) -> Row {
    let mut row = row.into();
    if let Row::Order(Order { state: OrderState::Paying(pay_info), .. }) = &mut row {
        pay_info.text = None;
    }
    if let Row::Agreement(Agreement { state: AgreementState::Signing(Some(page)), .. }) = &mut row {
        page.text = None;
    }
    row
}

fn check(kernel: &TestKernel) {
    check_book(kernel);
    macro_rules! check_rows {
        ($($rows:ident: $row:ident,)*) => {$(
            for row in kernel.stored.$rows.all() {
                let subject = row.id().subject();
                let rebuilt = kernel.rebuilt.$rows.get(row.tenant(), row.id());
                assert_eq!(rebuilt.cloned().map(logged), Some(logged(row.clone())));
                check_standing(kernel, subject, &row.standing());
                check_sequence(kernel, subject, row.version());
            }
        )*};
    }
    kernel::aggregates!(check_rows);
    kernel.stored.orders.all().for_each(|order| check_order(kernel, order));
    for approval in kernel.stored.approvals.all() {
        if let ApprovalState::Approved { by, .. } | ApprovalState::Refused { by, .. } =
            &approval.state
        {
            assert_ne!(*by, approval.proposer, "the proposer approved");
        }
    }
    check_agreements(kernel);
    check_arrived(kernel);
    check_coupons(kernel);
    check_allocated(kernel);
    check_pending(kernel);
    check_shared(kernel);
    check_withdrawals(kernel);
    check_counted(kernel);
    for refund in kernel.stored.refunds.all() {
        assert_eq!(subject_of(&refund.channel_refund_no), Some(refund.id.subject()));
        let standing = refund.standing();
        assert!(standing.is_open() || standing.attention.is_some() || !refund.holds());
    }
}

/// Σ debits = Σ credits, and no account below its floor.
fn check_book(kernel: &TestKernel) {
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    let posted: i64 = sums.values().map(|delta| delta.posted.get()).sum();
    assert_eq!(posted, 0, "Σ debits = Σ credits");
    for (account, delta) in &sums {
        assert!(delta.held >= Fen::ZERO);
        if let Some(floor) = account.kind.floor() {
            assert!(delta.posted.minus(delta.held).expect("fits") >= floor, "{account:?}");
        }
    }
}

/// Open rows have a task, final ones hold nothing, and what a row holds is what its transfers hold.
fn check_standing(kernel: &TestKernel, subject: Subject, standing: &Standing) {
    assert_eq!(kernel.due(subject), standing.next_poll_at, "an open row has a task");
    assert_eq!(standing.is_open(), standing.next_poll_at.is_some());
    let has_way_out = standing.is_open() || standing.attention.is_some();
    assert!(has_way_out || standing.holds.is_empty(), "{subject} is settled and holds");
    let mut held: BTreeMap<Account, i64> = BTreeMap::new();
    for transfer in kernel.transfers.iter().filter(|transfer| transfer.subject == subject) {
        let amount = transfer.amount.get();
        *held.entry(transfer.debit.clone()).or_default() += match transfer.phase {
            Phase::Hold => amount,
            Phase::Release | Phase::PostHeld => -amount,
            Phase::Post => 0,
        };
    }
    held.retain(|_, fen| *fen != 0);
    let holds = standing.holds.iter().map(|(account, fen)| (account.clone(), fen.get()));
    assert_eq!(held, holds.collect(), "{subject}: Σ hold − release − post_held");
}

/// The events of a subject count from 1 to its version.
fn check_sequence(kernel: &TestKernel, subject: Subject, version: i64) {
    let of_row = kernel.events.iter().filter(|event| event.subject == subject);
    let sequences: Vec<i64> = of_row.map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=version).collect::<Vec<_>>());
}

/// A payment has one effect: it pays the order, or it is unapplied and goes back.
fn check_order(kernel: &TestKernel, order: &Order) {
    let root = order.root();
    let moved = |reason, phase, credit: Option<AccountKind>| -> Vec<i64> {
        let story = kernel.transfers.iter().filter(|transfer| transfer.root == root);
        let of_order =
            story.filter(|transfer| transfer.reason == reason && transfer.phase == phase);
        let to = of_order.filter(|it| credit.is_none_or(|kind| it.credit.kind == kind));
        to.map(|transfer| transfer.amount.get()).collect()
    };
    let count = |reason, phase| moved(reason, phase, None).len();
    let paid: Vec<(Fen, Fen)> = match &order.state {
        OrderState::Paid(paid) => vec![(paid.amount, paid.settled_amount)],
        _ => vec![],
    };
    let unapplied: Vec<(Fen, Fen)> =
        order.unapplied.iter().map(|it| (it.amount, it.settled_amount)).collect();
    for (payments, reason, credit) in [
        (paid, Reason::Payment, AccountKind::MerchantPending),
        (unapplied, Reason::UnappliedPayment, AccountKind::Suspense),
    ] {
        let (settled, coupons): (Vec<i64>, Vec<i64>) = payments
            .iter()
            .map(|(amount, settled)| (settled.get(), amount.get() - settled.get()))
            .unzip();
        let some = |parts: Vec<i64>| parts.into_iter().filter(|fen| *fen > 0).collect::<Vec<_>>();
        assert_eq!(moved(reason, Phase::Post, Some(credit)), some(settled), "what arrived");
        assert_eq!(moved(Reason::Coupon, Phase::Post, Some(credit)), some(coupons), "coupons");
    }
    let refunds =
        order.unapplied.iter().filter(|it| matches!(it.outcome, UnappliedOutcome::Refund(_)));
    assert_eq!(count(Reason::UnappliedRefund, Phase::Hold), refunds.count());
    let standing = order.standing();
    assert!(standing.is_open() || standing.attention.is_some() || order.state.is_final());
    assert!(
        order.contested.is_none() || standing.attention.is_some(),
        "contested, and nobody sees it"
    );
    assert_eq!(subject_of(&order.terms.channel_order_no), Some(order.id().subject()));
}

/// An order counts what its merchant's refunds have reserved and given back.
fn check_counted(kernel: &TestKernel) {
    for order in kernel.stored.orders.all() {
        let own = kernel.stored.refunds.all().filter(|refund| refund.order == order.terms.id);
        let requested: Vec<_> = own.filter(|refund| refund.request.is_some()).collect();
        let sum = |counts: fn(&RefundState) -> bool| -> i64 {
            let counted = requested.iter().filter(|refund| counts(&refund.state));
            counted.map(|refund| refund.amount.get()).sum()
        };
        let waits = |state: &RefundState| {
            matches!(state, RefundState::Requesting | RefundState::Processing)
        };
        let is_back = |state: &RefundState| {
            matches!(state, RefundState::Done { .. } | RefundState::SettledByHand { .. })
        };
        let counted = (order.funds.refunding.get(), order.funds.refunded.get());
        assert_eq!(counted, (sum(waits), sum(is_back)), "what refunds have of {}", order.terms.id);
    }
}

/// The coupons of a merchant bear what the channel does not settle, without what refunds have given back
/// of that. What a person ended at once gave it back at once.
fn check_coupons(kernel: &TestKernel) {
    let coupon = |amount: Fen, settled: Fen| amount.get() - settled.get();
    let borne = kernel.stored.orders.all().flat_map(|order| {
        let refunded =
            order.unapplied.iter().filter(|it| matches!(it.outcome, UnappliedOutcome::Refund(_)));
        let unapplied = refunded.map(|it| coupon(it.amount, it.settled_amount));
        let paid = match &order.state {
            OrderState::Paid(paid) => coupon(paid.amount, paid.settled_amount),
            _ => 0,
        };
        unapplied.chain([paid])
    });
    let given_back = kernel.stored.refunds.all().map(|refund| match &refund.state {
        RefundState::Done { settled_refund, .. } => coupon(refund.amount, *settled_refund),
        RefundState::SettledByHand { .. } => coupon(refund.amount, refund.settled_amount),
        RefundState::WrittenOff { .. } if refund.request.is_none() => {
            coupon(refund.amount, refund.settled_amount)
        }
        _ => 0,
    });
    let account = Account::new(AccountKind::MerchantCoupons, MERCHANT);
    let want = given_back.sum::<i64>() - borne.sum::<i64>();
    assert_eq!(kernel.balance(&account).posted.get(), want, "what coupons bear");
}

/// The account of the money at the channel has what was settled and was not given back.
fn check_arrived(kernel: &TestKernel) {
    let orders = kernel.stored.orders.all();
    let arrived = orders.flat_map(|order| {
        let paid = match &order.state {
            OrderState::Paid(paid) => paid.settled_amount.get(),
            _ => 0,
        };
        // What a cancel gave back came and went.
        let stays = order.unapplied.iter().filter(|it| it.outcome != UnappliedOutcome::Reversed);
        stays.map(|it| it.settled_amount.get()).chain([paid])
    });
    let left = kernel.stored.refunds.all().map(|refund| match &refund.state {
        RefundState::Done { settled_refund, .. } => settled_refund.get(),
        _ => 0,
    });
    let shared: i64 = at_channel(kernel).values().sum();
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    let funds = sums.iter().filter(|(account, _)| account.kind == AccountKind::ChannelFunds);
    let funds: i64 = funds.map(|(_, delta)| delta.posted.get()).sum();
    let want = arrived.sum::<i64>() - left.sum::<i64>() - shared;
    assert_eq!(-funds, want, "what lies at the channel");
}

/// Every fen that was allocated or shared in the book lies where its row says, and the order knows how
/// much was allocated.
fn check_allocated(kernel: &TestKernel) {
    let mut lies = in_book(kernel);
    let mut allocated: BTreeMap<i64, i64> = BTreeMap::new();
    for row in kernel.stored.allocations.all() {
        let funds = row.funds();
        for (kind, fen) in [
            (AccountKind::MerchantPending, funds.waiting),
            (AccountKind::MerchantFrozen, funds.frozen),
            (AccountKind::MerchantAvailable, funds.available),
        ] {
            *lies.entry(Account::new(kind, row.merchant.as_str())).or_default() += fen.get();
        }
        let parts = [funds.waiting, funds.frozen, funds.available].map(Fen::get);
        *allocated.entry(row.order.value()).or_default() += parts.iter().sum::<i64>();
    }
    for (account, fen) in lies {
        let withdrawn = match account.kind {
            AccountKind::MerchantAvailable => withdrawn(kernel, &account.owner),
            _ => 0,
        };
        let has = kernel.balance(&account).posted.get();
        assert_eq!(has, fen - withdrawn, "{account:?}");
    }
    for order in kernel.stored.orders.all() {
        let want = allocated.get(&order.terms.id.value()).copied().unwrap_or_default();
        assert_eq!(order.funds.allocated, Fen::new(want), "what the order has allocated");
    }
}

/// What payees have of shares, without what they gave back, by order: all of it where `is_at` says so.
fn with_payees(
    kernel: &TestKernel,
    is_at: impl Fn(&ItemPlace) -> bool,
) -> Vec<(i64, &ItemPlace, i64)> {
    let shares = kernel.stored.shares.all().flat_map(|row| {
        let done = row.items.iter().map(|item| (&item.place, item.real_amount().get()));
        done.map(|(place, fen)| (row.order.value(), place, fen))
    });
    let returns = kernel.stored.share_returns.all().flat_map(|row| {
        let is_done =
            |item: &&kernel::ReturnItem| matches!(item.outcome, ReturnOutcome::Done { .. });
        let done = row.items.iter().filter(is_done);
        done.map(|item| (row.order.value(), &item.place, -item.amount.get()))
    });
    shares.chain(returns).filter(|(_, place, _)| is_at(place)).collect()
}

/// What payees have at the channel, by order.
fn at_channel(kernel: &TestKernel) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for (order, _, fen) in with_payees(kernel, |place| matches!(place, ItemPlace::Channel(_))) {
        *sums.entry(order).or_default() += fen;
    }
    sums
}

/// What payees have in the book, by account.
fn in_book(kernel: &TestKernel) -> BTreeMap<Account, i64> {
    let mut sums = BTreeMap::new();
    for (_, place, fen) in with_payees(kernel, |_| true) {
        if let ItemPlace::Book(account) = place {
            *sums.entry(account.clone()).or_default() += fen;
        }
    }
    sums
}

/// An order's own merchant has what was paid, without what went elsewhere. Where a refund was carried out
/// whose money others had taken since, the operator lost that.
fn check_pending(kernel: &TestKernel) {
    let own = kernel.stored.orders.all().map(|order| {
        let OrderFunds { refunding, refunded, allocated, shared, .. } = order.funds;
        let gone: i64 = [refunding, refunded, allocated, shared].map(Fen::get).iter().sum();
        order.paid_amount().get() - gone
    });
    let lost = kernel.transfers.iter().filter(|transfer| {
        let is_refund = transfer.reason == Reason::Refund && transfer.phase == Phase::Post;
        is_refund && transfer.debit.kind == AccountKind::WriteOff
    });
    let want = own.sum::<i64>() + lost.map(|transfer| transfer.amount.get()).sum::<i64>();
    let pending = kernel.balance(&Account::new(AccountKind::MerchantPending, MERCHANT));
    assert_eq!(pending.posted.get(), want, "what the merchant has pending");
}

/// An order counts what payees have and what is on its way to them, and knows what runs.
fn check_shared(kernel: &TestKernel) {
    for order in kernel.stored.orders.all() {
        let id = order.terms.id;
        let shares = || kernel.stored.shares.all().filter(move |row| row.order == id);
        let held = shares().flat_map(|row| row.standing().holds);
        let held: i64 = held.map(|(_, fen)| fen.get()).sum();
        assert_eq!(order.funds.sharing.get(), held, "on its way to payees");
        let with = with_payees(kernel, |_| true);
        let shared: i64 = with.iter().filter(|it| it.0 == id.value()).map(|it| it.2).sum();
        assert_eq!(order.funds.shared.get(), shared, "with payees");
        let returns = kernel.stored.share_returns.all().filter(|row| row.order == id);
        let open_returns =
            returns.filter(|row| !matches!(row.state, ShareReturnState::Ended { .. }));
        let open = shares().filter(|row| !matches!(row.state, ShareState::Ended { .. }));
        let running: Vec<Subject> = open
            .map(|row| row.id.subject())
            .chain(open_returns.map(|row| row.id.subject()))
            .collect();
        assert_eq!(Vec::from_iter(order.sharing.running), running, "one runs at a time");
    }
    for share in kernel.stored.shares.all() {
        for item in &share.items {
            let back = given_back(kernel, share.id, item.payee);
            assert!(back <= item.real_amount().get(), "more came back than went");
        }
    }
}

/// What a payee gave back of a share, and is about to.
fn given_back(kernel: &TestKernel, share: Id<kinds::Share>, payee: Id<kinds::Payee>) -> i64 {
    let returns = kernel.stored.share_returns.all().filter(|row| row.share == share);
    let items = returns.flat_map(|row| &row.items).filter(|item| item.payee == payee);
    let counts = items.filter(|item| !matches!(item.outcome, ReturnOutcome::Failed { .. }));
    counts.map(|item| item.amount.get()).sum()
}

/// What a merchant was paid of what it had available, in fen.
fn withdrawn(kernel: &TestKernel, merchant: &str) -> i64 {
    let own = kernel.stored.withdrawals.all().filter(|row| row.merchant.as_str() == merchant);
    let paid = own.filter(|row| matches!(row.state, WithdrawalState::Paid { .. }));
    paid.map(|row| row.amount.get()).sum()
}

/// One that waits is seen by an operator; money leaves once, when it is paid.
fn check_withdrawals(kernel: &TestKernel) {
    for row in kernel.stored.withdrawals.all() {
        let is_waiting = matches!(row.state, WithdrawalState::Accepted);
        assert_eq!(row.standing().attention.is_some(), is_waiting);
        let own = kernel.transfers.iter().filter(|it| it.subject == row.id.subject());
        let paid = own.filter(|it| it.phase == Phase::PostHeld).count();
        let is_paid = matches!(row.state, WithdrawalState::Paid { .. });
        assert_eq!(paid, usize::from(is_paid));
    }
}

/// The ends that rows of a history came to.
fn ends(kernel: &TestKernel) -> Vec<&'static str> {
    let stored = &kernel.stored;
    let mut ends = vec![];
    for row in stored.shares.all() {
        let items = row.items.iter().map(|item| match (&item.outcome, &item.place) {
            (ItemOutcome::Open { .. }, _) => "a part waits",
            (ItemOutcome::Done { .. }, ItemPlace::Channel(_)) => "a part at the channel is done",
            (ItemOutcome::Done { .. }, ItemPlace::Book(_)) => "a part in the book is done",
            (ItemOutcome::Failed { .. }, _) => "a part failed",
        });
        ends.extend(items);
        ends.extend(match (&row.state, row.items.is_empty()) {
            (ShareState::Ended { refused: Some(_), .. }, _) => Some("a share was refused"),
            (ShareState::Ended { .. }, true) => Some("the rest was released"),
            _ => None,
        });
        ends.extend(row.attention.as_ref().map(|_| "a share needs a person"));
    }
    for row in stored.share_returns.all() {
        ends.extend(row.items.iter().map(|item| match (&item.outcome, &item.place) {
            (ReturnOutcome::Open, _) => "a return waits",
            (ReturnOutcome::Done { .. }, ItemPlace::Channel(_)) => "the channel gave back",
            (ReturnOutcome::Done { .. }, ItemPlace::Book(_)) => "the book gave back",
            (ReturnOutcome::Failed { .. }, _) => "a return failed",
        }));
    }
    let refunds = stored.refunds.all().filter(|row| row.request.is_some());
    ends.extend(refunds.filter_map(|row| match (&row.state, row.parts.len()) {
        (RefundState::Done { .. }, 1) => Some("a refund is done"),
        (RefundState::Done { .. }, _) => Some("a refund of several parts is done"),
        (RefundState::Failed { .. }, _) => Some("a refund failed"),
        _ => None,
    }));
    let released = stored.allocation_releases.all().map(|_| "an allocation was released");
    ends.extend(released);
    ends.extend(stored.withdrawals.all().map(|row| row.state.name()));
    ends
}

/// Every end that the histories of this file must come to: else they would prove less than they seem to.
const ENDS: [&str; 17] = [
    "a part waits",
    "a part at the channel is done",
    "a part in the book is done",
    "a part failed",
    "a share was refused",
    "the rest was released",
    "a share needs a person",
    "a return waits",
    "the book gave back",
    "a refund is done",
    "a refund of several parts is done",
    "a refund failed",
    "an allocation was released",
    "accepted",
    "paid",
    "failed",
    "a share and a refund are done",
];

#[test]
fn the_histories_come_to_every_end() {
    let mut chance = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let steps = prop::collection::vec(any_step(), 60..120).new_tree(&mut chance);
        let mut kernel = kernel_with_payees();
        for step in steps.expect("steps").current() {
            play_if_possible(&mut kernel, &step);
        }
        let orders = kernel.stored.orders.all();
        let mixed =
            orders.filter(|it| it.funds.shared.is_positive() && it.funds.refunded.is_positive());
        seen.extend(mixed.map(|_| "a share and a refund are done"));
        seen.extend(ends(&kernel));
    }
    assert_eq!(seen, BTreeSet::from(ENDS));
}

fn subject_of(channel_no: &str) -> Option<Subject> {
    subject_of_channel_no(INSTALLATION, channel_no)
}

proptest! {
    #[test]
    fn any_sequence_keeps_every_rule(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut kernel = kernel_with_payees();
        for step in steps {
            play_if_possible(&mut kernel, &step);
            check(&kernel);
        }
    }

    #[test]
    fn any_sequence_with_codes_keeps_every_rule(
        steps in prop::collection::vec(any_step_with_codes(), 1..80),
    ) {
        let mut kernel = kernel_with_payees();
        for step in steps {
            play_if_possible(&mut kernel, &step);
            check(&kernel);
        }
    }

    #[test]
    fn so_is_every_history_with_debits_by_agreement(
        steps in prop::collection::vec(any_step_with_agreements(), 1..80),
    ) {
        let mut kernel = kernel_with_payees();
        for step in steps {
            play_if_possible(&mut kernel, &step);
            check(&kernel);
        }
    }

    #[test]
    fn so_is_every_history_where_no_debit_is_taken_back(
        steps in prop::collection::vec(any_step_with_agreements(), 1..80),
    ) {
        let mut kernel = TestKernel::new(support::script::agreements::without_cancels());
        for (payee, at) in PAYEES {
            play(&mut kernel, &format!("payee {payee} {at}"));
        }
        for step in steps {
            play_if_possible(&mut kernel, &step);
            check(&kernel);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decisions(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let (mut first, mut second) = (kernel_with_payees(), kernel_with_payees());
        for step in steps {
            play_if_possible(&mut first, &step);
            play_if_possible(&mut second, &step);
        }
        prop_assert_eq!(first.events, second.events);
        prop_assert_eq!(first.transfers, second.transfers);
        prop_assert_eq!(first.work, second.work);
    }

    #[test]
    fn a_number_at_a_channel_names_its_subject(value in 100_000_000_000_000_000i64.., kind in 0usize..SubjectKind::ALL.len()) {
        let value = value % 1_000_000_000_000_000_000;
        let subject = Subject { kind: SubjectKind::ALL[kind], value };
        let number = kernel::channel_no(INSTALLATION, subject);
        prop_assert_eq!(subject_of(&number), Some(subject));
        prop_assert_eq!(subject_of_channel_no("ZZZZZZ", &number), None);
    }
}
