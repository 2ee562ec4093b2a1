//! Which commands can end what needs a person: shown beside it, so that nobody has to search.

use kernel::AttentionKind;
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

/// The commands about a row, with what they do. A refusal explains itself where one does not fit.
const fn commands(
    row: SubjectKind,
    kind: AttentionKind,
) -> &'static [(&'static str, &'static str)] {
    use AttentionKind as Why;
    match (row, kind) {
        (_, Why::Parked) => &[("resume", "run the task again, once a release mends the defect")],
        // It ends when the task is run, which no command of a person brings about.
        (_, Why::Late) => &[],
        (SubjectKind::Order, Why::Contradiction) => &[
            ("apply-payment", "take the contested payment, with its real amount"),
            ("give-back", "refund the contested payment"),
            ("settle-by-hand", "the contested payment was given back outside the channel"),
            ("write-off", "keep the contested payment; without one: it was looked into"),
            ("poll-now", "ask the channel again"),
        ],
        (SubjectKind::Order, _) => &[
            ("poll-now", "ask the channel again, once its account is in order"),
            ("close-for-good", "end the order; money that still comes goes back"),
        ],
        (SubjectKind::Refund, Why::RefundFailed) => &[
            ("retry", "request it again with the same number"),
            ("retry-under-new-number", "request it again; the channel closed the number before"),
            ("settle-by-hand", "the money was given back outside the channel"),
            ("write-off", "the money is not given back"),
        ],
        (SubjectKind::Refund, _) => &[
            ("retry", "ask the channel again, once the cause is mended there"),
            ("settle-by-hand", "the money was given back outside the channel"),
            ("write-off", "the money is not given back; of a refund that is done: looked into"),
        ],
        (SubjectKind::Notification, _) => &[
            ("replay", "send it again, from the start of its schedule"),
            ("dismiss", "it is not sent again"),
        ],
        (SubjectKind::ChannelAccount, Why::Contradiction) => {
            &[("dismiss-mismatch", "the callback about nothing known here was looked into")]
        }
        (SubjectKind::ChannelAccount, _) => {
            &[("resume", "call the channel again, once the account is mended")]
        }
        (SubjectKind::Tenant | SubjectKind::Merchant | SubjectKind::CallerKey, _) => &[],
    }
}

/// The commands that can end what a row of the list needs.
pub fn exits(row: &AttentionRow) -> Vec<Exit> {
    let tenant = format!("/admin/v1/tenants/{}", row.tenant);
    let (root, id): (_, Id<kinds::Root>) = (row.root, row.subject.root());
    let place = match row.subject.kind {
        kind if row.kind == AttentionKind::Parked => format!("{tenant}/tasks/{}/{id}", kind.name()),
        SubjectKind::Order => format!("{tenant}/orders/{id}"),
        SubjectKind::Refund => format!("{tenant}/orders/{root}/refunds/{id}"),
        SubjectKind::Notification => format!("{tenant}/notifications/{id}"),
        SubjectKind::ChannelAccount => {
            format!("{tenant}/channel-accounts/{}", row.name.as_deref().unwrap_or_default())
        }
        // These never need a person, so they have no commands.
        SubjectKind::Tenant | SubjectKind::Merchant | SubjectKind::CallerKey => tenant,
    };
    let exit = |(command, meaning): &(&str, &'static str)| Exit {
        request: format!("POST {place}/{command}"),
        meaning,
    };
    commands(row.subject.kind, row.kind).iter().map(exit).collect()
}
