//! Which commands can end what needs a person: shown beside it, so that nobody has to search. Which of
//! them apply is the kernel's to decide; here they get their paths and their words.

use kernel::Exit as Way;
use ledger::{Id, SubjectKind, kinds};
use serde::Serialize;
use store::AttentionRow;
use utoipa::ToSchema;

/// A command that can end what needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exit {
    /// The request that carries it out: method and path.
    #[schema(example = "POST /admin/v1/tenants/100001/orders/228000000000000001/give-back")]
    pub request: String,
    /// What it does.
    pub meaning: &'static str,
}

/// The last segment of its path, and what it does.
const fn words(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::PollNow => ("poll-now", "ask the channel again"),
        Way::ApplyPayment => ("apply-payment", "take the contested payment, with its real amount"),
        Way::GiveBack => ("give-back", "refund the contested payment"),
        Way::SettleByHand => ("settle-by-hand", "the money was given back outside the channel"),
        Way::WriteOff => ("write-off", "the money is not given back"),
        Way::EndContradiction => ("write-off", "what contradicted was looked into; no money moves"),
        Way::CloseForGood => ("close-for-good", "end the order; money that still comes goes back"),
        Way::Retry => ("retry", "ask the channel again, or request it again with the same number"),
        Way::RetryUnderNewNumber => (
            "retry-under-new-number",
            "request it again; the channel closed or refused the number before",
        ),
        Way::Accept => ("accept", "book it as the channel describes it"),
        Way::EndByHand => {
            ("end-by-hand", "end it item by item; what is done was done outside the channel")
        }
        Way::DismissContradiction => {
            ("dismiss-contradiction", "what contradicted it was looked into; no money moves")
        }
        Way::Replay => ("replay", "send it again, from the start of its schedule"),
        Way::Dismiss => ("dismiss", "it is not sent again"),
        Way::DismissMismatch => {
            ("dismiss-mismatch", "the callback about nothing known here was looked into")
        }
        Way::ResumeAccount => ("resume", "call the channel again, once the account is mended"),
        Way::ResumeTask => ("resume", "run the task again, once a release mends the defect"),
        Way::BookPaid => {
            ("book-paid", "it was paid at the bank; the money leaves the merchant's account")
        }
        Way::BookFailed => ("book-failed", "it was not paid; the merchant has the money again"),
        Way::Approve => ("approve", "carry out what was proposed; another than the proposer must"),
        Way::Reject => ("reject", "it is not carried out"),
    }
}

/// The path of the row that a command is about.
fn place(row: &AttentionRow, way: Way) -> String {
    let tenant = format!("/admin/v1/tenants/{}", row.tenant);
    let (root, id): (_, Id<kinds::Root>) = (row.root, row.subject.root());
    match row.subject.kind {
        kind if way == Way::ResumeTask => format!("{tenant}/tasks/{}/{id}", kind.name()),
        SubjectKind::Order => format!("{tenant}/orders/{id}"),
        SubjectKind::Refund => format!("{tenant}/orders/{root}/refunds/{id}"),
        SubjectKind::Share => format!("{tenant}/orders/{root}/shares/{id}"),
        SubjectKind::ShareReturn => format!("{tenant}/orders/{root}/share-returns/{id}"),
        SubjectKind::Notification => format!("{tenant}/notifications/{id}"),
        SubjectKind::ChannelAccount => {
            format!("{tenant}/channel-accounts/{}", row.name.as_deref().unwrap_or_default())
        }
        SubjectKind::Payee => format!("{tenant}/payees/{id}"),
        SubjectKind::Agreement => format!("{tenant}/agreements/{id}"),
        SubjectKind::Withdrawal => format!("{tenant}/withdrawals/{id}"),
        SubjectKind::Approval => format!("/admin/v1/approvals/{id}"),
        // These never need a person, so they have no commands.
        SubjectKind::Tenant
        | SubjectKind::Merchant
        | SubjectKind::CallerKey
        | SubjectKind::CardBatch
        | SubjectKind::CardQuota
        | SubjectKind::Recharge
        | SubjectKind::CardTransfer
        | SubjectKind::CardBinding
        | SubjectKind::Card
        | SubjectKind::Wallet
        | SubjectKind::WalletPayment
        | SubjectKind::WalletFreeze
        | SubjectKind::Allocation
        | SubjectKind::AllocationRelease => tenant,
    }
}

/// The commands that can end what a row of the list needs.
pub fn exits(row: &AttentionRow) -> Vec<Exit> {
    let exit = |way: &Way| {
        let (word, meaning) = words(*way);
        Exit { request: format!("POST {}/{word}", place(row, *way)), meaning }
    };
    row.exits.iter().map(exit).collect()
}
