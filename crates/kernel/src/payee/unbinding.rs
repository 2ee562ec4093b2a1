//! How the channel unbinds a payee that gets no more shares: once for every account at which it was
//! bound. It may fail without harm, for we share nothing with an unbound payee; a person sees it then.

use super::{Binding, Payee, PayeeChange};
use crate::aggregate::About;
use crate::command::Work;
use crate::deciding::Deciding;
use crate::order::CALL_MAX_MS;
use crate::schedule;
use crate::share::receiver;
use channel::{Finding, Instruction};
use ledger::kinds;

/// Seconds until an account is asked again to unbind a payee, by number of calls; then a person should
/// know.
pub(super) const UNBIND_SCHEDULE_SECONDS: [i64; 5] = [60, 600, 3600, 21_600, 86_400];

/// Asks the first account at which the payee is still bound to unbind it.
pub(super) fn begin(deciding: &mut Deciding<'_>, payee: &Payee) {
    let (Some(account), Some(binding)) = (&payee.account, payee.bindings.first()) else { return };
    let instruction = Instruction::UnbindReceiver(receiver(payee.id, account.kind));
    let (operation, until) = (instruction.operation(), deciding.now().plus_ms(CALL_MAX_MS));
    deciding.record(payee, PayeeChange::CallBegun { operation, until });
    deciding.work(Work::Ask {
        tenant: payee.tenant.clone(),
        subject: payee.id.subject(),
        root: payee.id.subject().root(),
        channel: account.channel.clone(),
        channel_account: binding.channel_account.clone(),
        channel_identity: binding.channel_identity.clone(),
        instruction,
        payees: vec![payee.id],
    });
}

/// A due task: the next call. A payee that was never unbound has none.
pub(super) fn run_task(deciding: &mut Deciding<'_>, payee: &Payee) {
    if payee.unbound_at.is_some() && payee.next_poll_at.is_some() {
        begin(deciding, payee);
    }
}

/// Records what an account's channel answered.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    payee: &Payee,
    about: &About<'_, kinds::Payee>,
    finding: &Finding,
) {
    let is_it = |binding: &&Binding| *binding.channel_account == *about.channel_account;
    let Some(binding) = payee.bindings.iter().find(is_it) else {
        return deciding.record(payee, PayeeChange::Repeated);
    };
    if *finding == Finding::Receiver {
        let channel_account = binding.channel_account.clone();
        deciding.record(payee, PayeeChange::UnboundAt { channel_account: channel_account.clone() });
        let mut left = payee.clone();
        left.bindings.retain(|binding| binding.channel_account != channel_account);
        return begin(deciding, &left);
    }
    let (now, why) = (deciding.now(), finding.describe());
    let next_poll_at = schedule::due_if_any(now, &UNBIND_SCHEDULE_SECONDS, payee.polls);
    deciding.record(payee, PayeeChange::UnbindFailed { why, next_poll_at });
}
