//! Our side of a bill: the orders for which money moved through the account, and those that the bill
//! names.

use super::tenant_of;
use anyhow::Result;
use channel::{BillDay, BillRow};
use engine::Engine;
use kernel::{
    Order, OrderState, Refund, RefundState, TenantId, UnappliedOutcome, subject_of_channel_no,
};
use ledger::{Account, AccountKind, Fen, Id, Timestamp, first_id_at, kinds};
use std::collections::{BTreeMap, BTreeSet};
use store::{Installation, Postings, Story, StoryOf};

/// How much later than the day a payment of the day may have been recorded, in seconds: our polls of an
/// order have ended by then.
const RECORDED_SECONDS: i64 = 7 * 86_400;
/// Transfers that are read at once.
const PAGE_LEN: u32 = 1_000;

/// Orders and refunds, each by its number at the channel.
#[derive(Debug, Default)]
pub(super) struct Ours {
    pub(super) orders: BTreeMap<String, OurOrder>,
    pub(super) refunds: BTreeMap<String, OurRefund>,
}

/// An order with the payments that came for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OurOrder {
    pub(super) state: &'static str,
    pub(super) payments: Vec<OurPayment>,
}

/// A payment that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OurPayment {
    pub(super) payment_reference: String,
    pub(super) amount: Fen,
    /// What of it the channel settles.
    pub(super) settled_amount: Fen,
    /// When it was paid; of one that the order could not take, when it was recorded.
    pub(super) at: Timestamp,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OurRefund {
    pub(super) amount: Fen,
    /// What of it leaves the account; of a whole payment that is not done, what had come. Of a part the
    /// channel states it when it is done.
    pub(super) settled_amount: Option<Fen>,
    pub(super) state: &'static str,
    /// When the money was back, if it is.
    pub(super) done_at: Option<Timestamp>,
}

/// Reads our side: the stories that the bill or the day is about.
pub(super) async fn read(
    engine: &Engine,
    account: &str,
    day: &BillDay,
    rows: &[BillRow],
) -> Result<Vec<Story>> {
    let tenant = tenant_of(engine, account).await?;
    let mut roots = moved(engine, &tenant, account, day).await?;
    let installation = engine.ask(Installation {}).await?;
    roots.extend(rows.iter().filter_map(|row| named(&installation, row)));
    let mut stories = vec![];
    for root in roots {
        let story = engine.ask(StoryOf { tenant: tenant.clone(), root }).await?;
        stories.extend(story.map(|story| *story));
    }
    Ok(stories)
}

/// The stories with a transfer through the account that was decided on the day or soon afterwards.
async fn moved(
    engine: &Engine,
    tenant: &TenantId,
    account: &str,
    day: &BillDay,
) -> Result<BTreeSet<Id<kinds::Root>>> {
    let account = Account::new(AccountKind::ChannelFunds, account);
    let last = day.ends_at().plus_seconds(RECORDED_SECONDS);
    let (mut before, mut roots) = (Some(first_id_at(last)), BTreeSet::new());
    loop {
        let (tenant, account) = (tenant.clone(), account.clone());
        let page = engine.ask(Postings { tenant, account, before, limit: PAGE_LEN }).await?;
        let of_day = page.iter().filter(|transfer| transfer.at >= day.starts_at());
        roots.extend(of_day.map(|transfer| transfer.root));
        match page.last() {
            Some(oldest) if oldest.at >= day.starts_at() => before = Some(oldest.id),
            Some(_) | None => return Ok(roots),
        }
    }
}

/// The story of the order that a row names, when its number is of this installation.
fn named(installation: &str, row: &BillRow) -> Option<Id<kinds::Root>> {
    let number = match row {
        BillRow::Payment(payment) => &payment.channel_order_no,
        BillRow::Refund(refund) => &refund.channel_order_no,
        // The story of a share is found by its transfers.
        BillRow::Funds(_) | BillRow::Shared(_) => return None,
    };
    let order: Id<kinds::Order> = subject_of_channel_no(installation, number)?.id()?;
    Some(order.subject().root())
}

impl Ours {
    /// The orders and refunds of these stories.
    pub(super) fn of(stories: &[Story]) -> Ours {
        let mut ours = Ours::default();
        for story in stories {
            if let Some(order) = story.order() {
                ours.add(order, story.refunds().collect());
            }
        }
        ours
    }

    fn add(&mut self, order: &Order, refunds: Vec<&Refund>) {
        let payments = payments(order, &refunds);
        let number = order.terms.channel_order_no.clone();
        self.refunds.extend(reversals(order));
        self.orders.insert(number, OurOrder { state: order.state.name(), payments });
        for refund in refunds {
            let (done_at, settled_amount) = match &refund.state {
                RefundState::Done { at, settled_refund, .. } => (Some(*at), Some(*settled_refund)),
                // What was ended by hand did not go back through the channel.
                RefundState::Preparing { .. }
                | RefundState::Requesting
                | RefundState::Processing
                | RefundState::Failed { .. }
                | RefundState::SettledByHand { .. }
                | RefundState::WrittenOff { .. } => {
                    (None, Some(refund.settled_amount).filter(|_| refund.amount == refund.paid))
                }
            };
            let state = refund.state.name();
            let ours = OurRefund { amount: refund.amount, settled_amount, state, done_at };
            self.refunds.insert(refund.current_channel_refund_no(), ours);
            self.refunds.extend(refund.failed_channel_refund_nos().map(|number| {
                let state = "failed";
                (number, OurRefund { amount: refund.amount, settled_amount, state, done_at: None })
            }));
        }
    }
}

/// What cancels of the order gave back: bills show it as a refund under the order's own number.
fn reversals(order: &Order) -> impl Iterator<Item = (String, OurRefund)> {
    let reversed = order.unapplied.iter().filter(|it| it.outcome == UnappliedOutcome::Reversed);
    reversed.map(|payment| {
        let ours = OurRefund {
            amount: payment.amount,
            settled_amount: Some(payment.settled_amount),
            state: "done",
            done_at: Some(order.terms.placed_at),
        };
        (order.terms.channel_order_no.clone(), ours)
    })
}

/// The payment that the order took, and those that it could not take.
fn payments(order: &Order, refunds: &[&Refund]) -> Vec<OurPayment> {
    let taken = match &order.state {
        OrderState::Paid(paid) => Some(OurPayment {
            payment_reference: paid.payment_reference.clone(),
            amount: paid.amount,
            settled_amount: paid.settled_amount,
            at: paid.at,
        }),
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => None,
    };
    let unapplied = order.unapplied.iter().map(|payment| OurPayment {
        payment_reference: payment.payment_reference.clone(),
        amount: payment.amount,
        settled_amount: payment.settled_amount,
        at: refunds
            .iter()
            .find(|refund| payment.outcome == UnappliedOutcome::Refund(refund.id))
            .map_or(order.terms.placed_at, |refund| refund.made_at),
    });
    taken.into_iter().chain(unapplied).collect()
}
