//! What a channel's answer means for a share.

use super::decide::{begin, begin_next, requesting};
use super::{ItemOutcome, ItemPlace, Share, ShareChange, ShareItem, ShareState, make, sum};
use crate::aggregate::{About, Aggregate};
use crate::deciding::{Deciding, Movement};
use crate::order::{
    CONTRADICTION_SCHEDULE_SECONDS, Order, OrderChange, OrderFunds, OrderSharing,
    RETRY_SCHEDULE_SECONDS,
};
use crate::payee::{self, Binding};
use crate::refund::{self, Need, funds, next_final_poll};
use crate::schedule;
use crate::standing::{Attention, AttentionKind};
use channel::{Finding, Operation, ShareStatus, Shared, SharedItem, Unproven};
use ledger::{Fen, Phase, Reason, Timestamp, kinds};

/// Seconds until a share is polled again that the channel has accepted, by number of polls. The sharing
/// merchant gets no callback.
pub(crate) const SHARE_SCHEDULE_SECONDS: [i64; 7] = [15, 30, 60, 180, 600, 1800, 3600];
/// The same, where the channel does not take it now, or refuses the account.
pub(crate) const SLOW_SCHEDULE_SECONDS: [i64; 4] = [60, 300, 1800, 3600];
/// How long the channel may leave a share open before a person should know, in seconds.
pub(crate) const UNDECIDED_SECONDS: i64 = 24 * 3600;

/// What a finding means for a share.
enum Outcome {
    /// Nothing new about a share that has ended.
    Repeated,
    /// The receiver that was to be bound is bound, or is refused for this reason.
    Bound { refused: Option<String> },
    /// The channel has it; its items stand so.
    Found { items: Vec<ShareItem>, is_finished: bool },
    /// The channel releases what was not shared.
    Releases,
    /// What was not shared is released.
    IsReleased,
    /// The channel does not know it: it is requested again, with the same number.
    RequestAgain { tries: u32 },
    /// The channel refuses it, and may have it from an earlier request.
    Doubtful { tries: u32, refused: String },
    /// It was refused, and does not stand there.
    Fails { reason: String },
    /// Nothing new; it is called about again on this schedule.
    Stays { schedule: &'static [i64] },
    /// It contradicts the share and moves no money.
    Contradicts { why: String },
    /// The channel describes the share otherwise, and these would be its items.
    Otherwise { why: String, claimed: Option<Vec<ShareItem>> },
}

/// Records a finding about a share.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    about: &About<'_, kinds::Share>,
    finding: &Finding,
) {
    let outcome = match order.terms.differs_from(about, finding) {
        Some(why) => Outcome::Contradicts { why },
        None => outcome(share, finding, deciding.asked(), deciding.now()),
    };
    match outcome {
        Outcome::Repeated => repeated(deciding, share, finding),
        Outcome::Bound { refused } => {
            if refused.is_none() {
                note_bound(deciding, share, order);
            }
            bind_next(deciding, share, order, refused);
        }
        Outcome::Found { items, is_finished: true } => end(deciding, share, order, items, None),
        Outcome::Found { is_finished: false, .. } => {
            stay(deciding, share, ShareState::Processing, &SHARE_SCHEDULE_SECONDS, finding);
        }
        Outcome::Releases => {
            moves(deciding, share, ShareState::Releasing, None);
            let releasing = Share { state: ShareState::Releasing, ..share.clone() };
            begin_next(deciding, &releasing, order);
        }
        Outcome::IsReleased => end(deciding, share, order, vec![], None),
        Outcome::RequestAgain { tries } => {
            let state = ShareState::Requesting { tries: tries.saturating_add(1), refused: None };
            stay(deciding, share, share.state.clone(), &RETRY_SCHEDULE_SECONDS, finding);
            begin(deciding, share, order, state, requesting(share, order));
        }
        Outcome::Doubtful { tries, refused } => {
            let state = ShareState::Requesting { tries, refused: Some(refused) };
            stay(deciding, share, state, &RETRY_SCHEDULE_SECONDS, finding);
        }
        Outcome::Fails { reason } => {
            let items = share.items.iter().map(|item| failed(item, &reason)).collect();
            end(deciding, share, order, items, Some(reason));
        }
        Outcome::Stays { schedule } => {
            stay(deciding, share, share.state.clone(), schedule, finding);
        }
        Outcome::Contradicts { why } => contradicted(deciding, share, why, None),
        Outcome::Otherwise { why, claimed } => contradicted(deciding, share, why, claimed),
    }
}

fn contradicted(
    deciding: &mut Deciding<'_>,
    share: &Share,
    why: String,
    claimed: Option<Vec<ShareItem>>,
) {
    let next_poll_at = match share.state {
        ShareState::Ended { .. } => None,
        _ => poll_contradicted(share, deciding.now()),
    };
    deciding.record(share, ShareChange::MismatchRecorded { why, next_poll_at, claimed });
}

/// Nothing new about a share. One that a person ended is asked about once more, or no more.
fn repeated(deciding: &mut Deciding<'_>, share: &Share, finding: &Finding) {
    let is_asked = deciding.asked() == Some(Operation::QueryShare);
    let ShareState::Ended { at, .. } = share.state else {
        return deciding.record(share, ShareChange::Repeated);
    };
    if !is_asked || share.next_poll_at.is_none() {
        return deciding.record(share, ShareChange::Repeated);
    }
    let next_poll_at = next_final_poll(at, deciding.now(), finding, share.polls);
    let need = share.attention.as_ref().map(Need::of);
    let state = share.state.clone();
    deciding.record(share, ShareChange::Moved { state, items: None, next_poll_at, need });
}

fn outcome(share: &Share, finding: &Finding, asked: Option<Operation>, now: Timestamp) -> Outcome {
    let is_request = matches!(asked, Some(Operation::Share | Operation::Unfreeze));
    match (finding, &share.state) {
        (Finding::Share(shared), ShareState::Ended { .. }) => found_after_end(share, shared, now),
        (_, ShareState::Ended { .. }) => Outcome::Repeated,
        (Finding::Share(shared), _) => found(share, shared, now),
        // The present number is not requested yet: this is about one that was given up.
        (_, ShareState::Waiting) if asked.is_some_and(|asked| asked != Operation::BindReceiver) => {
            Outcome::Repeated
        }
        (Finding::Receiver, ShareState::Waiting) => Outcome::Bound { refused: None },
        (
            Finding::Refused { code, text }
            | Finding::Failed { code, text }
            | Finding::Unproven(Unproven::Refused { code, text }),
            ShareState::Waiting,
        ) if asked == Some(Operation::BindReceiver) => {
            Outcome::Bound { refused: Some(format!("{code}: {text}")) }
        }
        (
            Finding::Refused { code, text }
            | Finding::Failed { code, text }
            | Finding::Unfunded { code, text },
            ShareState::Requesting { tries, .. },
        ) if is_request => refused(*tries, format!("{code}: {text}")),
        // Without a signature it does not prove that nothing stands there: the money stays held until
        // the channel does not know the number.
        (
            Finding::Unproven(Unproven::Refused { code, text }),
            ShareState::Requesting { tries, .. },
        ) if is_request => Outcome::Doubtful { tries: *tries, refused: format!("{code}: {text}") },
        // The channel has another share under this number, or an earlier request of this one.
        (Finding::Ask { code }, ShareState::Requesting { tries, .. }) if is_request => {
            let refused = format!("{code}: differs from what the channel has");
            Outcome::Doubtful { tries: *tries, refused }
        }
        (Finding::NotFound, ShareState::Requesting { tries, refused })
            if asked == Some(Operation::QueryShare) =>
        {
            match refused {
                Some(reason) => Outcome::Fails { reason: reason.clone() },
                None => Outcome::RequestAgain { tries: *tries },
            }
        }
        (Finding::Unshared { amount }, ShareState::Releasing) => match *amount {
            Fen::ZERO => Outcome::IsReleased,
            _ => Outcome::Stays { schedule: &SHARE_SCHEDULE_SECONDS },
        },
        (Finding::Later { .. } | Finding::AccountFault { .. }, _) => {
            Outcome::Stays { schedule: &SLOW_SCHEDULE_SECONDS }
        }
        (Finding::Mismatch { why } | Finding::Contested { why, .. }, _) => {
            Outcome::Contradicts { why: why.clone() }
        }
        (Finding::NotFound, ShareState::Processing | ShareState::Releasing) => {
            let why = "the channel does not know the share, which it had confirmed".to_owned();
            Outcome::Contradicts { why }
        }
        (
            Finding::NotFound
            | Finding::Unknown { .. }
            | Finding::Unproven(_)
            | Finding::Ask { .. }
            | Finding::Refused { .. }
            | Finding::Failed { .. }
            | Finding::Unfunded { .. },
            _,
        ) => Outcome::Stays { schedule: &RETRY_SCHEDULE_SECONDS },
        (
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Cancelled
            | Finding::Reversed(_)
            | Finding::Refund(_)
            | Finding::Receiver
            | Finding::Unshared { .. }
            | Finding::ShareReturn(_)
            | Finding::Agreement(_)
            | Finding::Keys(_)
            | Finding::BillFile(_)
            | Finding::Bill(_),
            _,
        ) => {
            let why = format!("{} is not an answer about this share", finding.name());
            Outcome::Contradicts { why }
        }
    }
}

/// The first request was refused, so nothing stands there; after others the channel may have it.
fn refused(tries: u32, reason: String) -> Outcome {
    match tries {
        0 | 1 => Outcome::Fails { reason },
        tries => Outcome::Doubtful { tries, refused: reason },
    }
}

/// What the channel's description of the share says.
fn found(share: &Share, shared: &Shared, now: Timestamp) -> Outcome {
    let want = share.current_channel_share_no();
    if shared.channel_share_no != want {
        let is = &shared.channel_share_no;
        return Outcome::Contradicts { why: format!("share {is}, want {want}") };
    }
    if share.items.is_empty() {
        return Outcome::Releases;
    }
    let is_ours = |part: &&SharedItem| share.items.iter().any(|item| is_of(item, part));
    if let Some(other) = shared.items.iter().find(|part| !is_ours(part)) {
        let why = format!("the channel's share gives {} to none of its payees", other.amount);
        return Outcome::Contradicts { why };
    }
    let items: Result<Vec<ShareItem>, String> =
        share.items.iter().map(|item| item_after(item, &shared.items, now)).collect();
    match items {
        Ok(items) => {
            let is_open = |item: &ShareItem| matches!(item.outcome, ItemOutcome::Open { .. });
            let is_finished = shared.is_finished && !items.iter().any(is_open);
            Outcome::Found { items, is_finished }
        }
        Err(why) => Outcome::Otherwise { why, claimed: claimed(share, shared, now) },
    }
}

/// What the channel says of a share that has ended. Only what became of the money can contradict it.
fn found_after_end(share: &Share, shared: &Shared, now: Timestamp) -> Outcome {
    let (is, want) = (&shared.channel_share_no, share.current_channel_share_no());
    if *is != want {
        let is_paid = shared.items.iter().any(|item| item.status == ShareStatus::Done);
        return match is_paid {
            true => Outcome::Contradicts { why: format!("share {is} is done, want {want}") },
            false => Outcome::Repeated,
        };
    }
    let Some(claimed) = claimed(share, shared, now) else { return Outcome::Repeated };
    let after: Vec<ShareItem> = share.items.iter().zip(claimed).map(after_end).collect();
    match after == share.items {
        true => Outcome::Repeated,
        false => {
            let why = format!("the channel ended it otherwise: {}", shared.describe());
            Outcome::Otherwise { why, claimed: Some(after) }
        }
    }
}

/// An item that has ended, and what the channel says of it: where the money is elsewhere, the channel's
/// word; else the item as it is. What was paid by hand need not be done at the channel.
fn after_end((item, claimed): (&ShareItem, ShareItem)) -> ShareItem {
    let is_same = match (&item.outcome, &claimed.outcome) {
        (ItemOutcome::Done { is_by_hand, .. }, ItemOutcome::Done { .. }) => {
            !is_by_hand && item.amount == claimed.amount
        }
        (ItemOutcome::Done { is_by_hand, .. }, ItemOutcome::Failed { .. }) => *is_by_hand,
        (ItemOutcome::Failed { .. }, ItemOutcome::Done { .. }) => false,
        (_, _) => true,
    };
    if is_same { item.clone() } else { claimed }
}

/// The items as the channel describes them: where every one is final there and of a payee of the share.
fn claimed(share: &Share, shared: &Shared, now: Timestamp) -> Option<Vec<ShareItem>> {
    let is_ours = |part: &SharedItem| share.items.iter().any(|item| is_of(item, part));
    if !shared.is_finished || !shared.items.iter().all(is_ours) {
        return None;
    }
    share.items.iter().map(|item| claimed_item(item, &shared.items, now)).collect()
}

fn claimed_item(item: &ShareItem, parts: &[SharedItem], now: Timestamp) -> Option<ShareItem> {
    let mut parts = parts.iter().filter(|part| is_of(item, part));
    let Some(part) = parts.next() else {
        return Some(failed(item, "the channel's share has no part of it"));
    };
    let is_bookable = parts.next().is_none() && part.amount.is_positive();
    let outcome = outcome_of(part, now).filter(|_| is_bookable)?;
    Some(ShareItem { amount: part.amount, outcome, ..item.clone() })
}

fn is_of(item: &ShareItem, part: &SharedItem) -> bool {
    item.place == ItemPlace::Channel(part.kind) && part.account == item.payee.to_string()
}

/// An item, with what the channel reports of it.
fn item_after(item: &ShareItem, found: &[SharedItem], now: Timestamp) -> Result<ShareItem, String> {
    let ItemOutcome::Open { .. } = item.outcome else { return Ok(item.clone()) };
    let (payee, amount) = (item.payee, item.amount);
    let mut found = found.iter().filter(|part| is_of(item, part));
    let Some(shared) = found.next() else {
        return Err(format!("the channel's share has no part of payee {payee}, want {amount}"));
    };
    if shared.amount != amount {
        let is = shared.amount;
        return Err(format!("the channel's share gives payee {payee} {is}, want {amount}"));
    }
    let outcome = outcome_of(shared, now).unwrap_or_else(|| item.outcome.clone());
    Ok(ShareItem { outcome, ..item.clone() })
}

/// What became of an item, as the channel describes it; `None` while it is not final.
fn outcome_of(part: &SharedItem, now: Timestamp) -> Option<ItemOutcome> {
    match part.status {
        ShareStatus::Processing => None,
        ShareStatus::Done => {
            let (at, reference) = (part.at.unwrap_or(now), part.detail_reference.clone());
            Some(ItemOutcome::Done { at, reference, is_by_hand: false })
        }
        ShareStatus::Failed => {
            let reason = part.fail_reason.clone().unwrap_or_else(|| "closed".to_owned());
            Some(ItemOutcome::Failed { reason })
        }
    }
}

/// An item that was not final has failed; others stay.
fn failed(item: &ShareItem, reason: &str) -> ShareItem {
    let outcome = match &item.outcome {
        ItemOutcome::Open { .. } => ItemOutcome::Failed { reason: reason.to_owned() },
        outcome @ (ItemOutcome::Done { .. } | ItemOutcome::Failed { .. }) => outcome.clone(),
    };
    ShareItem { outcome, ..item.clone() }
}

/// The payee of the first receiver that was not bound keeps where it is now.
fn note_bound(deciding: &mut Deciding<'_>, share: &Share, order: &Order) {
    let is_unbound = |item: &&ShareItem| item.outcome == ItemOutcome::Open { is_bound: false };
    if let Some(item) = share.items.iter().find(is_unbound) {
        let binding = Binding {
            channel_account: order.terms.channel_account.clone(),
            channel_identity: order.terms.channel_identity.clone(),
        };
        payee::bound(deciding, &share.tenant, item.payee, binding);
    }
}

/// Goes on after the first receiver that was not bound: the next one, or the share itself. A receiver
/// that the channel refuses gets nothing; the others do.
fn bind_next(deciding: &mut Deciding<'_>, share: &Share, order: &Order, refused: Option<String>) {
    let is_unbound =
        |item: &&mut ShareItem| matches!(item.outcome, ItemOutcome::Open { is_bound: false });
    let mut items = share.items.clone();
    if let Some(item) = items.iter_mut().find(is_unbound) {
        item.outcome = match refused {
            None => ItemOutcome::Open { is_bound: true },
            Some(reason) => ItemOutcome::Failed { reason },
        };
    }
    if items.iter().all(|item| matches!(item.outcome, ItemOutcome::Failed { .. })) {
        let refused = Some("no receiver was bound".to_owned());
        end(deciding, share, order, items, refused);
        return;
    }
    moves(deciding, share, ShareState::Waiting, Some(items.clone()));
    begin_next(deciding, &Share { items, ..share.clone() }, order);
}

/// Moves a share on to a call that begins in the same decision.
fn moves(
    deciding: &mut Deciding<'_>,
    share: &Share,
    state: ShareState,
    items: Option<Vec<ShareItem>>,
) {
    let next_poll_at = share.next_poll_at;
    deciding.record(share, ShareChange::Moved { state, items, next_poll_at, need: None });
}

/// The share is not final: it is called about again.
fn stay(
    deciding: &mut Deciding<'_>,
    share: &Share,
    state: ShareState,
    schedule: &[i64],
    finding: &Finding,
) {
    let now = deciding.now();
    let polls = if share.state == state { share.polls } else { 0 };
    let next_poll_at = Some(schedule::due(now, schedule, polls));
    let need = need_while_open(share.attention.as_ref(), share.made_at, now, finding);
    deciding.record(share, ShareChange::Moved { state, items: None, next_poll_at, need });
}

/// Why a person should look at what goes on being polled: it contradicts, until the channel says
/// otherwise, or it has no end for so long.
pub(crate) fn need_while_open(
    attention: Option<&Attention>,
    made_at: Timestamp,
    now: Timestamp,
    finding: &Finding,
) -> Option<Need> {
    let says_how_it_stands = matches!(finding, Finding::Share(_) | Finding::ShareReturn(_));
    let is_contradicted = |it: &&Attention| it.kind == AttentionKind::Contradiction;
    match attention.filter(is_contradicted) {
        Some(attention) if !says_how_it_stands => Some(Need::of(attention)),
        Some(_) | None => overdue(made_at, now, finding),
    }
}

fn overdue(made_at: Timestamp, now: Timestamp, finding: &Finding) -> Option<Need> {
    let is_overdue = now >= made_at.plus_seconds(UNDECIDED_SECONDS);
    let last = finding.describe();
    let reason = || format!("the channel has not ended it; its last answer: {last}");
    is_overdue.then(|| Need { kind: AttentionKind::ShareOverdue, reason: reason() })
}

fn poll_contradicted(share: &Share, now: Timestamp) -> Option<Timestamp> {
    schedule::due_if_any(now, &CONTRADICTION_SCHEDULE_SECONDS, share.polls)
}

/// Every item is final: what was done leaves the merchant's account, what failed is free again.
fn end(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    items: Vec<ShareItem>,
    refused: Option<String>,
) {
    let now = deciding.now();
    let shared = sum(items.iter().map(ShareItem::real_amount));
    let failed = sum(items.iter().filter_map(failed_amount));
    for (phase, amount) in [(Phase::PostHeld, shared), (Phase::Release, failed)] {
        let (debit, credit) = (share.debit(), funds(&order.terms.channel_account));
        let reason = Reason::Share;
        deciding.transfer_any(share, Movement { phase, debit, credit, amount, reason });
    }
    let (state, next_poll_at, need) = (ShareState::Ended { at: now, refused }, None, None);
    let ended = Share { state: state.clone(), items: items.clone(), ..share.clone() };
    deciding.record(share, ShareChange::Moved { state, items: Some(items), next_poll_at, need });
    // An item that failed stays frozen at the channel: the rest is still to be released.
    let releases = ended.releases_rest && ended.is_done_in_full();
    let sharing = share.held().negated().unwrap_or(Fen::ZERO);
    let delta = OrderFunds { sharing, shared, ..OrderFunds::default() };
    end_of_order(deciding, &ended, order, delta, releases);
    make::notify(deciding, &ended);
}

const fn failed_amount(item: &ShareItem) -> Option<Fen> {
    match item.outcome {
        ItemOutcome::Failed { .. } => Some(item.amount),
        ItemOutcome::Open { .. } | ItemOutcome::Done { .. } => None,
    }
}

/// What the end of a share means for its order.
pub(super) fn end_of_order(
    deciding: &mut Deciding<'_>,
    ended: &Share,
    order: &Order,
    delta: OrderFunds,
    releases: bool,
) {
    let by = ended.id().subject();
    if delta != OrderFunds::default() {
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
    // What somebody paid by hand counts too: too much counted costs a release too many, and no money.
    let taken = delta.shared.max(Fen::ZERO);
    let sharing = OrderSharing {
        running: order.sharing.running_without(by),
        // The channel does not count what it refused as a whole.
        shares: order.sharing.shares.saturating_sub(u32::from(ended.is_refused())),
        is_released: order.sharing.is_released || releases,
        taken: sum([order.sharing.taken, taken].into_iter()),
    };
    deciding.record(order, OrderChange::SharingChanged(sharing));
    refund::step_ended(deciding, order);
}
