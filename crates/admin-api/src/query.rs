//! Query parameters and path segments become queries, or are refused by name.
//!
//! An unknown parameter is refused: a mistyped filter must not look like an answer.

use kernel::{ApprovalState, AttentionKind, NotificationState, TenantId};
use ledger::{Account, AccountKind, Id, Named, Subject, SubjectKind, Timestamp, kinds};
use std::cmp::Reverse;
use store::{
    Approvals, AttentionFilter, AttentionMark, Notifications, OrderFilter, Postings, Withdrawals,
};

/// Rows on a page when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Rows on a page at most.
const LIMIT_MAX: u32 = 200;

/// The parameters of the list of orders.
pub(crate) const ORDERS: [&str; 5] = ["state", "from", "to", "before", "limit"];
/// The parameters of the list of an account's postings.
pub(crate) const POSTINGS: [&str; 2] = ["before", "limit"];
/// The parameters of the list of notifications.
pub(crate) const NOTIFICATIONS: [&str; 3] = ["state", "before", "limit"];

/// The parameters of the list of withdrawals.
pub(crate) const WITHDRAWALS: [&str; 2] = ["before", "limit"];

/// The parameters of a merchant's balance.
pub(crate) const BALANCE: [&str; 1] = ["as_of"];

/// The parameters of a merchant's statement.
pub(crate) const STATEMENT: [&str; 4] = ["from", "to", "after", "limit"];

/// Transfers on a page of a statement at most.
const STATEMENT_LIMIT_MAX: u32 = 10_000;

/// The parameters of the list of approvals.
pub(crate) const APPROVALS: [&str; 4] = ["tenant", "state", "before", "limit"];

/// The parameters of the list of what needs a person.
pub(crate) const ATTENTION: [&str; 4] = ["kind", "row", "before", "limit"];

/// The states that orders can be listed by.
pub(crate) const ORDER_STATES: [&str; 6] =
    ["init", "paying", "closing", "paid", "failed", "closed"];
/// A parameter or path segment that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Its name.
    pub(crate) field: String,
    /// What was found and what was wanted.
    pub(crate) why: String,
}

/// Parameters as sent, decoded.
pub(crate) type Pairs = [(String, String)];

/// Refuses every parameter.
pub(crate) fn none(pairs: &Pairs) -> Result<(), Malformed> {
    Given::read(pairs, &[]).map(|_| ())
}

/// Which orders to list.
pub(crate) fn orders(tenant: TenantId, pairs: &Pairs) -> Result<OrderFilter, Malformed> {
    let given = Given::read(pairs, &ORDERS)?;
    let filter = OrderFilter {
        tenant,
        state: given.one_of("state", &ORDER_STATES)?,
        from: given.time("from")?,
        to: given.time("to")?,
        before: given.id("before")?,
        limit: given.limit()?,
    };
    match (filter.from, filter.to) {
        (Some(from), Some(to)) if from >= to => {
            Err(malformed("to", "lies not after from".to_owned()))
        }
        _ => Ok(filter),
    }
}

/// Which postings to list.
pub(crate) fn postings(
    tenant: TenantId,
    account: Account,
    pairs: &Pairs,
) -> Result<Postings, Malformed> {
    let given = Given::read(pairs, &POSTINGS)?;
    let (before, limit) = (given.id("before")?, given.limit()?);
    Ok(Postings { tenant, account, before, limit })
}

/// Which withdrawals to list.
pub(crate) fn withdrawals(tenant: TenantId, pairs: &Pairs) -> Result<Withdrawals, Malformed> {
    let given = Given::read(pairs, &WITHDRAWALS)?;
    Ok(Withdrawals { tenant, before: given.id("before")?, limit: given.limit()? })
}

/// The time of a balance. What will be is not known.
pub(crate) fn balance(pairs: &Pairs, now: Timestamp) -> Result<Option<Timestamp>, Malformed> {
    let at = Given::read(pairs, &BALANCE)?.time("as_of")?;
    match at {
        Some(at) if at > now => Err(malformed("as_of", "lies in the future".to_owned())),
        Some(_) | None => Ok(at),
    }
}

/// A page of a statement.
pub(crate) struct Statement {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) after: Option<Id<kinds::Transfer>>,
    pub(crate) limit: u32,
}

/// Which page of a statement to make.
pub(crate) fn statement(pairs: &Pairs) -> Result<Statement, Malformed> {
    let given = Given::read(pairs, &STATEMENT)?;
    let required = |name| given.time(name)?.ok_or_else(|| malformed(name, "missing".to_owned()));
    let (from, to) = (required("from")?, required("to")?);
    if from >= to {
        return Err(malformed("to", "lies not after from".to_owned()));
    }
    let limit = given.limit_of(STATEMENT_LIMIT_MAX, STATEMENT_LIMIT_MAX)?;
    Ok(Statement { from, to, after: given.id("after")?, limit })
}

/// Which notifications to list.
pub(crate) fn notifications(tenant: TenantId, pairs: &Pairs) -> Result<Notifications, Malformed> {
    let given = Given::read(pairs, &NOTIFICATIONS)?;
    Ok(Notifications {
        tenant,
        state: given.one_of("state", &NotificationState::NAMES)?,
        before: given.id("before")?,
        limit: given.limit()?,
    })
}

/// Which approvals to list.
pub(crate) fn approvals(pairs: &Pairs) -> Result<Approvals, Malformed> {
    let given = Given::read(pairs, &APPROVALS)?;
    Ok(Approvals {
        tenant: given.text("tenant").map(TenantId::new),
        state: given.one_of("state", &ApprovalState::NAMES)?,
        before: given.id("before")?,
        limit: given.limit()?,
    })
}

/// Which rows that need a person to list.
pub(crate) fn attention(
    tenant: Option<TenantId>,
    pairs: &Pairs,
) -> Result<AttentionFilter, Malformed> {
    let given = Given::read(pairs, &ATTENTION)?;
    let kind = given.one_of("kind", &AttentionKind::ALL.map(AttentionKind::name))?;
    let row = given.one_of("row", &SubjectKind::ALL.map(SubjectKind::name))?;
    Ok(AttentionFilter {
        tenant,
        kind: kind.as_deref().and_then(AttentionKind::from_name),
        subject_kind: row.as_deref().and_then(SubjectKind::from_name),
        after: given.text("before").map(attention_mark).transpose()?,
        limit: given.limit()?,
    })
}

/// Reads `next` of the page before: milliseconds, aggregate, id and tenant.
fn attention_mark(text: &str) -> Result<AttentionMark, Malformed> {
    let read = || {
        let [since, kind, id, tenant] = text.splitn(4, '~').collect::<Vec<_>>().try_into().ok()?;
        Some(AttentionMark {
            since: Reverse(Timestamp::from_ms(since.parse().ok()?)),
            kind: SubjectKind::from_name(kind)?,
            tenant: TenantId::new(tenant),
            id: id.parse().ok()?,
        })
    };
    read().ok_or_else(|| malformed("before", format!("found {text:?}, want next of a page")))
}

/// The refund that a path names.
pub(crate) fn refund_id(text: &str) -> Result<Id<kinds::Refund>, Malformed> {
    id("refund", text)
}

/// The share that a path names.
pub(crate) fn share_id(text: &str) -> Result<Id<kinds::Share>, Malformed> {
    id("share", text)
}

/// The payee that a path or a field names.
pub(crate) fn payee_id(field: &'static str, text: &str) -> Result<Id<kinds::Payee>, Malformed> {
    id(field, text)
}

/// The agreement that a path names.
pub(crate) fn agreement_id(
    field: &'static str,
    text: &str,
) -> Result<Id<kinds::Agreement>, Malformed> {
    id(field, text)
}

/// The return of a share that a path names.
pub(crate) fn share_return_id(text: &str) -> Result<Id<kinds::ShareReturn>, Malformed> {
    id("share_return", text)
}

/// The approval that a path names.
pub(crate) fn approval_id(text: &str) -> Result<Id<kinds::Approval>, Malformed> {
    id("approval", text)
}

/// The withdrawal that a path names.
pub(crate) fn withdrawal_id(text: &str) -> Result<Id<kinds::Withdrawal>, Malformed> {
    id("withdrawal", text)
}

/// The order that a path names.
pub(crate) fn order_id(text: &str) -> Result<Id<kinds::Order>, Malformed> {
    id("order", text)
}

/// The notification that a path names.
pub(crate) fn notification_id(text: &str) -> Result<Id<kinds::Notification>, Malformed> {
    id("notification", text)
}

/// The row that a path names by its kind and id.
pub(crate) fn subject(kind: &str, text: &str) -> Result<Subject, Malformed> {
    let known = SubjectKind::from_name(kind);
    let kind = known.ok_or_else(|| {
        let names = SubjectKind::ALL.map(SubjectKind::name);
        malformed("kind", format!("found {kind:?}, want {}", names.join(", ")))
    })?;
    Ok(Subject { kind, value: id::<kinds::Root>("id", text)?.value() })
}

/// The account that a path names.
pub(crate) fn account(kind: &str, owner: &str) -> Result<Account, Malformed> {
    let known = AccountKind::ALL.into_iter().find(|known| known.name() == kind);
    let known = known.ok_or_else(|| {
        let names = AccountKind::ALL.map(AccountKind::name);
        malformed("kind", format!("found {kind:?}, want {}", names.join(", ")))
    })?;
    Ok(Account::new(known, owner))
}

/// Parameters of which each is known and none is repeated.
struct Given<'a>(&'a Pairs);

impl<'a> Given<'a> {
    fn read(pairs: &'a Pairs, known: &[&str]) -> Result<Given<'a>, Malformed> {
        let names = || pairs.iter().map(|(name, _)| name.as_str());
        let unknown: Vec<&str> = names().filter(|name| !known.contains(name)).collect();
        if let Some(first) = unknown.first() {
            let wanted = match known {
                [] => "none".to_owned(),
                known => known.join(", "),
            };
            let why = format!("unknown parameter: found {}, known: {wanted}", unknown.join(", "));
            return Err(malformed(first, why));
        }
        match known.iter().find(|known| names().filter(|name| name == *known).count() > 1) {
            Some(repeated) => Err(malformed(repeated, "given more than once".to_owned())),
            None => Ok(Given(pairs)),
        }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, Malformed> {
        match self.text(name) {
            Some(text) if !words.contains(&text) => {
                Err(malformed(name, format!("found {text:?}, want {}", words.join(", "))))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Malformed> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        let at = parsed.map_err(|_| {
            let want = "want RFC 3339 such as 2026-11-18T12:40:00Z, + written as %2B";
            malformed(name, format!("found {text:?}, {want}"))
        })?;
        Ok(Some(Timestamp::from_ms(at.as_millisecond())))
    }

    fn id<K: Named>(&self, name: &str) -> Result<Option<Id<K>>, Malformed> {
        self.text(name).map(|text| id(name, text)).transpose()
    }

    fn limit(&self) -> Result<u32, Malformed> {
        self.limit_of(LIMIT_DEFAULT, LIMIT_MAX)
    }

    fn limit_of(&self, default: u32, most: u32) -> Result<u32, Malformed> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => Err(malformed("limit", format!("found {text:?}, want 1 to {most}"))),
        }
    }
}

fn id<K: Named>(name: &str, text: &str) -> Result<Id<K>, Malformed> {
    Id::parse(text).map_err(|fault| malformed(name, fault.to_string()))
}

fn malformed(field: &str, why: String) -> Malformed {
    Malformed { field: field.to_owned(), why }
}
