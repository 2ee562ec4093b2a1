//! Scenarios as text: each line is a step, an arrow, and what the step led to.
//!
//! - `place o1 amount=1 …`, `close o1`: commands of the merchant.
//! - `request f1 o1 400`: the merchant requests a refund of an order under its number `f1`, by which later
//!   steps name it; `request f1 o1 400 CM-B:50` says what is taken from whom, `[]` that nothing is, and
//!   `request f1 o1 400 notify=https://x.com/` where the merchant is notified; `request f1 o1 400 p1=300`
//!   what payees give back first.
//! - `o1 place: placed`, `o1 callback: paid tx1 1000`, `o1@other query: …`, `refund refund: done 1000`:
//!   what the channel `main` (or `other`) said to an operation, or in a callback, about a row. Of
//!   `unclear tx1 1000` the parts contradict each other; of `paid tx1 1000/700` the channel settles 700, and of `done 1000/700` it takes 700.
//! - `task o1`, `task refund`, `task notification`: time passes until the row's task is due, and it runs.
//! - `early o1`: the row's task runs now.
//! - `attempt no_answer`, `attempt acknowledged`, `replay`: about the newest notification.
//! - `place o1 code=134567890123456789`: an order that a payer's code pays; `o1 query: reversed tx1 1000`:
//!   a payment that a cancel gave back.
//! - `place o1 allocate=CM-B:200:D0,CM-C:100:T1:frozen`: an order whose money is divided;
//!   `task allocation`: the first allocation that waits; `unfreeze u1 o1 CM-C:60`: a release.
//! - `operator poll o1`, `operator apply o1 tx1`, `operator give_back o1 tx1`, `operator by_hand o1`,
//!   `operator write_off o1`, `operator close_for_good o1`; `operator retry`, `operator renew`,
//!   `operator by_hand refund`, `operator write_off refund` about the newest refund; `operator dismiss`
//!   about the newest notification: what an operator decides. A last word is the note.
//! - `operator accept share`, `operator end share p1 rest`, `operator end_contradiction share`,
//!   `operator renew share`, the same of `share_return`: about the newest share or return; `p1` is done.
//! - `propose ann apply o1 tx1`: an operator proposes a decision; `approve bob`, `reject bob`: another
//!   decides about the newest approval.
//! - `fund 500`, `withdraw w1 300`, `operator paid w1`, `operator unpaid w1`: money that the merchant has
//!   available, a withdrawal of it, and how that ended; `withdraw w1 300 CM-B`: of another merchant's.
//! - `o1@moved query: …`: the account has become somebody else at its channel.
//! - `wait 60s`, `wait 30000ms`, `wait expiry`: time passes; `balances`: what the accounts have.
//! - `payee p1 wx`, `payee p2 person`, `payee p3 book`, `unbind p1`: payees at the channel, in the book.
//!   `share s1 o1 p1=300 p2=10% rest`, `return u1 s1 p1=100`; `share share: shared p1=done p2=failed`,
//!   `share query_unshared: unshared 0`, `share_return return_share: returned 0 done`. `s1 share: …` and
//!   `u1 return_share: …` name one; `shared p1=failed *=done` says the last of all other items.
//! - `agree a1 max=500`, `terminate a1`: agreements; `a1 sign_agreement: placed`,
//!   `a1 callback: agreement signed r1`, `a1 query_agreement: agreement terminated r1`: what the channel says
//!   of them; `place o1 agreement=a1`: an order that one pays; `operator retry a1`, `operator dismiss a1`.
//! - `rebuild`: the orders are as their events rebuild them.
//!
//! The outcome is a refusal, or the state of each row with an event and the event's names, transfers,
//! work, and when the row's task is due.

#[path = "agreements.rs"]
pub(crate) mod agreements;
#[path = "sharing.rs"]
mod sharing;

use super::{TestKernel, directory, place_with, tenant};
use channel::{
    FetchedKeys, Finding, Operation, Payment, PaymentCode, RefundStatus, Refunded, Scene, Unproven,
};
use kernel::{
    AllocatePeriod, AllocationPart, AllocationReleaseCommand, AllocationTerms, Change,
    ChannelAnswer, Command, DecideRefund, Event, HandEnd, MerchantId, NotificationCommand,
    OrderChange, OrderCommand, OrderRequest, RefundDecision, Refusal, ReleaseAllocations, Reply,
    Row, Task, WithdrawalCommand, Work,
};
use ledger::{Currency, Fen, Subject, SubjectKind};
use std::sync::Arc;

/// Plays the steps of a scenario and compares what each one led to.
#[track_caller]
pub(crate) fn check(scenario: &str) {
    check_on(&mut TestKernel::new(directory()), scenario);
}

/// The same, after what was played already.
#[track_caller]
pub(crate) fn check_on(kernel: &mut TestKernel, scenario: &str) {
    let lines = scenario.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: Vec<&str> = lines.collect();
    let found: Vec<String> = expected
        .iter()
        .map(|line| line.split("->").next().unwrap_or_default().trim())
        .map(|step| format!("{step} -> {}", play(kernel, step)).trim().to_owned())
        .collect();
    assert_eq!(found, expected, "\nplayed:\n{}\n", found.join("\n"));
}

/// Plays one step and tells what it led to.
pub(crate) fn play(kernel: &mut TestKernel, step: &str) -> String {
    let words: Vec<&str> = step.split_whitespace().collect();
    let command = match words.as_slice() {
        ["wait", "expiry"] => {
            kernel.now = kernel.order("o1").expect("o1 was placed").terms.expires_at;
            return String::new();
        }
        ["wait", time] => {
            kernel.now = match time.strip_suffix("ms") {
                Some(ms) => kernel.now.plus_ms(ms.parse().expect("milliseconds")),
                None => kernel.now.plus_seconds(number(time.trim_end_matches('s'))),
            };
            return String::new();
        }
        ["balances"] => return balances(kernel),
        ["rebuild"] => {
            kernel.rebuild_orders();
            return String::new();
        }
        ["place", no, changes @ ..] => placing(kernel, no, changes),
        ["agree", no, changes @ ..] => agreements::sign(kernel, no, changes),
        ["terminate", no] => agreements::terminate(no),
        ["payee", no, at] => sharing::payee(no, at),
        ["unbind", no] => sharing::unbind(no),
        ["share", no, order, items @ ..] if !no.ends_with(':') => {
            sharing::share(kernel, no, order, items)
        }
        ["return", no, share, items @ ..] => sharing::returning(kernel, no, share, items),
        ["close", no] => super::close(no),
        ["request", no, order, fen, back @ ..] => {
            let returns = sharing::returns(kernel, back);
            let back = back.iter().copied().find(|word| !sharing::is_return(word));
            let notify_url = back.and_then(|word| word.strip_prefix("notify="));
            let back = back.filter(|_| notify_url.is_none());
            let parts = |list| if list == "[]" { vec![] } else { allocation_parts(list) };
            let (amount, back) = (number(fen), back.map(parts));
            super::request(kernel, no, order, amount, back, returns, notify_url)
        }
        ["fund", fen] => {
            kernel.fund(number(fen));
            return String::new();
        }
        ["withdraw", no, fen, merchant @ ..] => {
            let mut request = super::withdraw(no, number(fen));
            if let [merchant] = merchant {
                request.merchant = MerchantId::new(merchant);
            }
            WithdrawalCommand::Request(Box::new(request)).into()
        }
        ["task", row] => {
            await_task(kernel, row);
            Command::RunTask(task(kernel, row))
        }
        ["early", row] => Command::RunTask(task(kernel, row)),
        ["unfreeze", no, order, parts @ ..] => unfreezing(no, order, &parts.concat()),
        ["attempt", delivery] => super::attempt(kernel, delivery),
        ["operator", decision @ ..] => operator(kernel, decision),
        ["propose", who, decision @ ..] => {
            let command = super::proposal(who, &operator(kernel, decision));
            return outcome(kernel, |kernel| kernel.handle_as(who, command));
        }
        ["approve", who] => {
            let command = super::approving(kernel.approval().expect("an approval"));
            return outcome(kernel, |kernel| kernel.handle_as(who, command));
        }
        ["reject", who] => {
            let command = super::rejecting(kernel.approval().expect("an approval"));
            return outcome(kernel, |kernel| kernel.handle_as(who, command));
        }
        ["replay"] => {
            let notification = kernel.notification().expect("a notification").id;
            NotificationCommand::Replay { tenant: tenant(), notification }.into()
        }
        [row, asked, finding @ ..] => {
            let (row, account) = row.split_once('@').unwrap_or((row, "main"));
            let finding = self::finding(kernel, row, finding);
            let operation = Operation::from_name(asked.trim_end_matches(':'));
            let task = task(kernel, row);
            return outcome(kernel, |kernel| kernel.record(&task, account, operation, finding));
        }
        _ => panic!("no such step: {step}"),
    };
    outcome(kernel, |kernel| kernel.handle(command))
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

fn placing(kernel: &TestKernel, no: &str, changes: &[&str]) -> Command {
    let mut place = place_with(no, |request| {
        for (name, value) in changes.iter().filter_map(|change| change.split_once('=')) {
            match name {
                "amount" => request.amount = Fen::new(number(value)),
                "scene" => request.scene = Scene::from_name(value).expect("a scene"),
                "merchant" => request.merchant = MerchantId::new(value),
                "shared" => request.splits.is_shared = true,
                "subject" => request.subject = value.to_owned(),
                "payer" => {
                    request.payer.user_id = Some(value.to_owned());
                    request.content = change_of_content(request);
                }
                "notify" => {
                    request.notify_url = Some(value.to_owned());
                    request.content = change_of_content(request);
                }
                "allocate" => {
                    request.splits.allocations = value.split(',').map(allocation).collect();
                }
                "list" => {
                    let items: Vec<&str> = value.split(',').collect();
                    request.splits.shares = sharing::terms(kernel, &items);
                }
                "code" => request.scene = Scene::Swipe,
                "agreement" => request.scene = Scene::Agreement,
                "split" => request.content = value.to_owned(),
                _ => {}
            }
        }
    });
    let channel = changes.iter().find_map(|change| change.strip_prefix("channel="));
    place.channel = channel.unwrap_or("wxpay").to_owned();
    let code = changes.iter().find_map(|change| change.strip_prefix("code="));
    place.payment_code = code.map(|code| PaymentCode::new(code.to_owned()));
    let agreement = changes.iter().find_map(|change| change.strip_prefix("agreement="));
    place.agreement = agreement.map(agreements::key);
    let picked = changes.iter().find_map(|change| change.strip_prefix("pick="));
    let picked = picked.into_iter().flat_map(|list| list.split(','));
    place.payees = picked.map(|payee| sharing::id_of(kernel, payee)).collect();
    place.into()
}

/// `CM-B:200:D0`, with `:frozen` behind it where it is withheld.
fn allocation(text: &str) -> AllocationTerms {
    let words: Vec<&str> = text.split(':').collect();
    let [merchant, amount, period, freeze @ ..] = &words[..] else { panic!("no parts: {text}") };
    AllocationTerms {
        merchant: MerchantId::new(merchant),
        amount: Fen::new(number(amount)),
        period: AllocatePeriod::from_name(period).expect("a period"),
        is_frozen: !freeze.is_empty(),
    }
}

/// Merchants and amounts, `CM-C:60,CM-B:1`.
fn allocation_parts(text: &str) -> Vec<AllocationPart> {
    let part = |text: &str| {
        let (merchant, amount) = text.split_once(':').expect("a merchant and an amount");
        AllocationPart { merchant: MerchantId::new(merchant), amount: Fen::new(number(amount)) }
    };
    text.split(',').filter(|part| !part.is_empty()).map(part).collect()
}

/// A release of frozen allocations.
fn unfreezing(no: &str, order: &str, parts: &str) -> Command {
    let parts = allocation_parts(parts);
    let (namespace, number) = (Arc::from("wecard.unfreeze"), no.to_owned());
    let (tenant, order) = (tenant(), super::order_key(order));
    let release = ReleaseAllocations { tenant, namespace, number, order, parts };
    AllocationReleaseCommand::Release(Box::new(release)).into()
}

/// What an operator decides.
fn operator(kernel: &TestKernel, words: &[&str]) -> Command {
    let tenant = tenant();
    let note = |words: &[&str]| words.first().map_or("checked", |note| note).to_owned();
    let decided = |decision| {
        let refund = kernel.refund().expect("a refund");
        DecideRefund { tenant: tenant.clone(), refund: refund.id, order: refund.order, decision }
    };
    let outside_reference = "B-1".to_owned();
    let order = |no: &str| super::order_key(no);
    match words {
        ["retry", "share", no] => sharing::retry_share(kernel, no),
        ["retry", "share_return", no] => sharing::retry_return(kernel, no),
        ["retry"] => decided(RefundDecision::RetryNow).into(),
        ["renew"] => decided(RefundDecision::RetryUnderNewNumber).into(),
        ["accept", row, rest @ ..] => {
            sharing::operator(kernel, row, HandEnd::Accept { note: note(rest) })
        }
        ["end", row, done @ ..] => sharing::operator(kernel, row, sharing::by_hand(kernel, done)),
        ["end_contradiction", row, rest @ ..] => {
            sharing::operator(kernel, row, HandEnd::EndContradiction { note: note(rest) })
        }
        ["retry", no] if agreements::of(kernel, no).is_some() => agreements::poll(kernel, no),
        ["dismiss", no] if agreements::of(kernel, no).is_some() => agreements::dismiss(kernel, no),
        ["retry", payee] => sharing::retry(kernel, payee),
        ["dismiss", payee] if kernel.payee(payee).is_some() => sharing::dismiss(kernel, payee),
        ["renew", row] => sharing::renew(kernel, row),
        ["by_hand", "refund", rest @ ..] => {
            decided(RefundDecision::SettleByHand { note: note(rest), outside_reference }).into()
        }
        ["write_off", "refund", rest @ ..] => {
            decided(RefundDecision::WriteOff { note: note(rest) }).into()
        }
        ["dismiss", rest @ ..] => {
            let notification = kernel.notification().expect("a notification").id;
            NotificationCommand::Dismiss { tenant, notification, note: note(rest) }.into()
        }
        ["paid", no, rest @ ..] => {
            let withdrawal = kernel.withdrawal(no).expect("a withdrawal").id;
            let note = note(rest);
            WithdrawalCommand::BookPaid { tenant, withdrawal, note, outside_reference }.into()
        }
        ["unpaid", no, rest @ ..] => {
            let withdrawal = kernel.withdrawal(no).expect("a withdrawal").id;
            WithdrawalCommand::BookFailed { tenant, withdrawal, note: note(rest) }.into()
        }
        ["poll", no] => OrderCommand::PollNow { tenant, order: order(no) }.into(),
        ["apply", no, reference] => {
            let payment_reference = (*reference).to_owned();
            OrderCommand::ApplyPayment { tenant, order: order(no), payment_reference }.into()
        }
        ["give_back", no, reference] => {
            let payment_reference = (*reference).to_owned();
            OrderCommand::GiveBack { tenant, order: order(no), payment_reference }.into()
        }
        ["by_hand", no, rest @ ..] => {
            let (order, note) = (order(no), note(rest));
            OrderCommand::SettleByHand { tenant, order, note, outside_reference }.into()
        }
        ["write_off", no, rest @ ..] => {
            OrderCommand::WriteOff { tenant, order: order(no), note: note(rest) }.into()
        }
        ["close_for_good", no, rest @ ..] => {
            OrderCommand::CloseForGood { tenant, order: order(no), note: note(rest) }.into()
        }
        _ => panic!("no such decision: {words:?}"),
    }
}

/// What a dialect calls content, as a digest would tell it.
fn change_of_content(request: &OrderRequest) -> String {
    format!("{:?} {:?}", request.payer, request.notify_url)
}

fn task(kernel: &TestKernel, row: &str) -> Task {
    let task = match row {
        "refund" => kernel.refund().map(Task::of),
        "notification" => kernel.notification().map(Task::of),
        "approval" => kernel.approval().map(Task::of),
        "allocation" => kernel.waiting_allocation().map(Task::of),
        no => {
            let order = kernel.order(no).map(Task::of);
            let order = order.or_else(|| agreements::of(kernel, no).map(Task::of));
            let order = order.or_else(|| kernel.refund_no(no).map(Task::of));
            let order = order.or_else(|| kernel.share(no).map(Task::of));
            let order = order.or_else(|| kernel.share_return(no).map(Task::of));
            order.or_else(|| kernel.payee(no).map(Task::of))
        }
    };
    task.unwrap_or_else(|| panic!("there is no {row}"))
}

/// Time passes until a row's task is due, where it has one.
fn await_task(kernel: &mut TestKernel, row: &str) {
    let due = kernel.due(task(kernel, row).subject);
    kernel.now = kernel.now.max(due.unwrap_or(kernel.now));
}

/// A finding from its name and details.
pub(crate) fn finding(kernel: &TestKernel, row: &str, words: &[&str]) -> Finding {
    let (code, text) = ("CODE".to_owned(), "text".to_owned());
    let order_no = kernel.order(row).map(|order| order.terms.channel_order_no.clone());
    match words {
        ["placed"] => Finding::Placed(super::pay_info(kernel.now)),
        ["paid", reference, fen, other @ ..] => Finding::Paid(Payment {
            channel_order_no: other.first().map_or(order_no.expect("an order"), |no| (*no).into()),
            payment_reference: (*reference).to_owned(),
            amount: amounts(fen).0,
            settled_amount: amounts(fen).1.unwrap_or(amounts(fen).0),
            currency: Currency::Cny,
            payer_amount: None,
            at: kernel.now,
        }),
        ["unclear", paid @ ..] => {
            let Finding::Paid(payment) = self::finding(kernel, row, &[&["paid"], paid].concat())
            else {
                panic!("unclear wants a payment: {paid:?}")
            };
            Finding::Contested { payment, why: text }
        }
        ["reversed", paid @ ..] => {
            let Finding::Paid(payment) = self::finding(kernel, row, &[&["paid"], paid].concat())
            else {
                panic!("reversed wants a payment: {paid:?}")
            };
            Finding::Reversed(payment)
        }
        ["agreement", found @ ..] => agreements::found(kernel, row, found),
        ["cancelled"] => Finding::Cancelled,
        ["pending"] => Finding::Pending,
        ["closed"] => Finding::Closed,
        ["failed"] => Finding::Failed { code, text },
        ["refused"] => Finding::Refused { code, text },
        ["later"] => Finding::Later { code, text },
        ["account_fault"] => Finding::AccountFault { code, text },
        ["unfunded"] => Finding::Unfunded { code, text },
        ["not_found"] => Finding::NotFound,
        ["ask"] => Finding::Ask { code },
        ["keys"] => Finding::Keys(FetchedKeys::default()),
        ["unsigned_refusal"] => Finding::Unproven(Unproven::Refused { code, text }),
        ["unsigned_not_found"] => Finding::Unproven(Unproven::NotFound { code }),
        ["unknown"] => Finding::Unknown { why: text },
        ["mismatch"] => Finding::Mismatch { why: text },
        ["receiver"] => Finding::Receiver,
        ["unshared", fen] => Finding::Unshared { amount: amounts(fen).0 },
        ["shared", items @ ..] => sharing::shared(kernel, row, items),
        ["returned", at, status] => sharing::returned(kernel, row, number(at), status),
        [status, fen, attempt @ ..] => Finding::Refund(Refunded {
            channel_refund_no: refund_no(kernel, row, attempt),
            refund_reference: format!("at {}", refund_no(kernel, row, attempt)),
            amount: amounts(fen).0,
            settled_amount: amounts(fen).1,
            status: match *status {
                "done" => RefundStatus::Done,
                "closed" => RefundStatus::Closed,
                "abnormal" => RefundStatus::Abnormal,
                _ => RefundStatus::Processing,
            },
            at: None,
        }),
        _ => panic!("no such finding: {words:?}"),
    }
}

/// A refund's number at the channel: that of its present attempt, or with the word `first` the first one.
fn refund_no(kernel: &TestKernel, row: &str, attempt: &[&str]) -> String {
    let refund = kernel.refund_no(row).or(kernel.refund()).expect("a refund");
    match attempt {
        ["first"] => refund.channel_refund_no.clone(),
        _ => refund.current_channel_refund_no(),
    }
}

/// An amount, and what of it is settled where that is written: `1000`, `1000/700`.
fn amounts(text: &str) -> (Fen, Option<Fen>) {
    let fen = |text| Fen::new(number(text));
    match text.split_once('/') {
        Some((amount, settled)) => (fen(amount), Some(fen(settled))),
        None => (fen(text), None),
    }
}

/// Plays a step and tells what it led to.
fn outcome(
    kernel: &mut TestKernel,
    step: impl FnOnce(&mut TestKernel) -> Result<Reply, Refusal>,
) -> String {
    let (events, transfers, work) =
        (kernel.events.len(), kernel.transfers.len(), kernel.work.len());
    let reply = match step(kernel) {
        Ok(reply) => reply,
        Err(refusal) => return format!("refused: {refusal}"),
    };
    let mut parts: Vec<String> = vec![];
    // A payee that is known to be bound somewhere is shown where that is tested, and so is an order of
    // which money is frozen at the channel.
    let is_shown = |event: &&Event| {
        let is_watched = matches!(
            event.change,
            Change::Order(OrderChange::FreezeWatched { next_poll_at: Some(_) })
        );
        !is_watched && event.change.name() != "bound"
    };
    let shown: Vec<Event> = kernel.events[events..].iter().filter(is_shown).cloned().collect();
    let mut subjects: Vec<Subject> = shown.iter().map(|it| it.subject).collect();
    subjects.dedup();
    for subject in subjects {
        let of_row = shown.iter().filter(|event| event.subject == subject);
        let names: Vec<&str> = of_row.map(|event| event.change.name()).collect();
        parts.push(format!("{} by {}", row(kernel, subject), names.join(", ")));
    }
    for it in &kernel.transfers[transfers..] {
        let (from, to) = (it.debit.kind.name(), it.credit.kind.name());
        parts.push(format!("{} {} {from} to {to}", it.phase.name(), it.amount.get()));
    }
    for work in &kernel.work[work..] {
        parts.push(match work {
            Work::Ask { instruction, .. } => format!("ask {}", instruction.operation().name()),
            Work::Deliver { .. } => "deliver".to_owned(),
        });
    }
    parts.extend(reply.answer.map(|answer| match answer {
        ChannelAnswer::Later { .. } => "answer later".to_owned(),
        ChannelAnswer::Refused { .. } => "answer refused".to_owned(),
        ChannelAnswer::AccountFault { .. } => "answer account_fault".to_owned(),
        ChannelAnswer::Unknown => "answer unknown".to_owned(),
    }));
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

/// A row's kind, state and when its task is due.
fn row(kernel: &TestKernel, subject: Subject) -> String {
    let state = match kernel.stored.row(&tenant(), subject) {
        Some(Row::Order(order)) => order.state.name(),
        Some(Row::Refund(refund)) => refund.state.name(),
        Some(Row::Notification(notification)) => notification.state.name(),
        Some(Row::Approval(approval)) => approval.state.name(),
        Some(Row::Share(share)) => {
            let items: Vec<&str> = share.items.iter().map(|item| item.outcome.name()).collect();
            return sharing::row("share", share.state.name(), &items, &rest(kernel, subject));
        }
        Some(Row::ShareReturn(row)) => {
            let items: Vec<&str> = row.items.iter().map(|item| item.outcome.name()).collect();
            return sharing::row("return", row.state.name(), &items, &rest(kernel, subject));
        }
        Some(Row::Allocation(allocation)) => allocation.status().name(),
        Some(Row::Withdrawal(withdrawal)) => withdrawal.state.name(),
        Some(Row::Agreement(agreement)) => agreement.state.name(),
        Some(row) => return format!("{}{}", row.subject().kind.name(), rest(kernel, subject)),
        None => "gone",
    };
    format!("{} {state}{}", subject.kind.name(), rest(kernel, subject))
}

/// Longer than any schedule but that of what is frozen at a channel, in seconds.
const FAR_SECONDS: i64 = 20 * 24 * 3600;

/// When a row's task is due, and what it needs a person for.
fn rest(kernel: &TestKernel, subject: Subject) -> String {
    let seconds = kernel.due(subject).map(|due| due.ms_since(kernel.now) / 1000);
    // That an order is looked at while money of it is frozen is shown when the time is near.
    let near =
        seconds.filter(|seconds| subject.kind != SubjectKind::Order || *seconds < FAR_SECONDS);
    let due = near.map(|seconds| format!(" +{seconds}s"));
    let attention = kernel.stored.row(&tenant(), subject).and_then(|row| row.standing().attention);
    let attention = attention.map(|attention| format!(" !{}", attention.kind.name()));
    let (due, attention) = (due.unwrap_or_default(), attention.unwrap_or_default());
    format!("{due}{attention}")
}

fn balances(kernel: &TestKernel) -> String {
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    let parts = sums.iter().map(|(account, sum)| match sum.held == Fen::ZERO {
        true => format!("{} {}", account.kind.name(), sum.posted.get()),
        false => format!("{} {} held {}", account.kind.name(), sum.posted.get(), sum.held.get()),
    });
    parts.collect::<Vec<_>>().join(", ")
}
