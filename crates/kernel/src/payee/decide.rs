//! Creating and unbinding payees.

use super::{Binding, Payee, PayeeAccount, PayeeChange, PayeeKind, PayeeRefusal, unbinding};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::standing::Sealed;
use ledger::{Id, kinds};
use std::sync::Arc;

/// What can be requested of a payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayeeCommand {
    /// Create it. A repeat with the same content finds what was created.
    Create(Box<CreatePayee>),
    /// Unbind it: it gets no new shares. A repeat changes nothing.
    Unbind {
        /// The owner.
        tenant: TenantId,
        /// The payee.
        payee: Key<kinds::Payee>,
    },
    /// By an operator: ask the channel now to unbind it, and begin its schedule anew.
    RetryUnbinding {
        /// The owner.
        tenant: TenantId,
        /// The payee.
        payee: Id<kinds::Payee>,
    },
    /// By an operator: that the channel does not unbind it was looked into.
    Dismiss {
        /// The owner.
        tenant: TenantId,
        /// The payee.
        payee: Id<kinds::Payee>,
        /// Why, for people.
        note: String,
    },
    /// Keep its secrets as they are sealed now, under another master key.
    Reseal {
        /// The owner.
        tenant: TenantId,
        /// The payee.
        payee: Id<kinds::Payee>,
        /// Its name.
        name: Option<Sealed>,
        /// Its number or id at its channel.
        number: Option<Sealed>,
    },
}

/// A new payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePayee {
    /// The owner.
    pub tenant: TenantId,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// What it is.
    pub kind: PayeeKind,
    /// The merchant of the tenant that it belongs to.
    pub merchant: Option<MerchantId>,
    /// Its name.
    pub name: Option<Sealed>,
    /// Who it is at a channel; `None` for a payee in the book.
    pub account: Option<PayeeAccount>,
    /// The role by which a template picks it.
    pub role: Option<String>,
}

impl CreatePayee {
    fn key(&self) -> Key<kinds::Payee> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Key::Number(NaturalKey { namespace, number })
    }
}

impl AggregateCommand for PayeeCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            PayeeCommand::Create(create) => &create.tenant,
            PayeeCommand::Unbind { tenant, .. }
            | PayeeCommand::RetryUnbinding { tenant, .. }
            | PayeeCommand::Dismiss { tenant, .. }
            | PayeeCommand::Reseal { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            PayeeCommand::Create(_) => "create_payee",
            PayeeCommand::Unbind { .. } => "unbind_payee",
            PayeeCommand::RetryUnbinding { .. } => "retry_unbinding",
            PayeeCommand::Dismiss { .. } => "dismiss_payee",
            PayeeCommand::Reseal { .. } => "reseal_payee",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let key = match self {
            PayeeCommand::Create(create) => create.key(),
            PayeeCommand::Unbind { payee, .. } => payee.clone(),
            PayeeCommand::RetryUnbinding { payee, .. }
            | PayeeCommand::Dismiss { payee, .. }
            | PayeeCommand::Reseal { payee, .. } => Key::Id(*payee),
        };
        reads.payees.push((self.tenant().clone(), key));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &PayeeCommand,
) -> Result<Reply, PayeeRefusal> {
    match command {
        PayeeCommand::Create(create) => self::create(deciding, create),
        PayeeCommand::Unbind { tenant, payee } => {
            let found = deciding.view().payees.find(tenant, payee);
            let payee = found.ok_or(PayeeRefusal::NotFound)?;
            if payee.unbound_at.is_none() {
                deciding.record(payee, PayeeChange::Unbound);
                unbinding::begin(deciding, payee);
            }
            Ok(Reply::about(payee.id.subject()))
        }
        PayeeCommand::RetryUnbinding { tenant, payee } => {
            let payee = find(deciding, tenant, *payee)?;
            if payee.unbound_at.is_none() || payee.bindings.is_empty() {
                return Err(PayeeRefusal::NoAttention);
            }
            if payee.next_poll_at.is_none_or(|due| due > deciding.now()) {
                deciding.record(&payee, PayeeChange::PollRequested);
            }
            Ok(Reply::about(payee.id.subject()))
        }
        PayeeCommand::Dismiss { tenant, payee, note } => {
            let payee = find(deciding, tenant, *payee)?;
            if payee.attention.is_none() {
                return Err(PayeeRefusal::NoAttention);
            }
            deciding.record(&payee, PayeeChange::Dismissed { note: note.clone() });
            Ok(Reply::about(payee.id.subject()))
        }
        PayeeCommand::Reseal { tenant, payee, name, number } => {
            let payee = find(deciding, tenant, *payee)?;
            let (name, number) = (name.clone(), number.clone());
            deciding.record(&payee, PayeeChange::Resealed { name, number });
            Ok(Reply::about(payee.id.subject()))
        }
    }
}

fn find(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    payee: Id<kinds::Payee>,
) -> Result<Payee, PayeeRefusal> {
    deciding.row::<Payee>(tenant, payee).ok_or(PayeeRefusal::NotFound)
}

/// Records that a channel has bound a payee as a receiver of an account.
pub(crate) fn bound(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    payee: Id<kinds::Payee>,
    binding: Binding,
) {
    let known = deciding.row::<Payee>(tenant, payee);
    if let Some(payee) = known.filter(|payee| !payee.bindings.contains(&binding)) {
        deciding.record(&payee, PayeeChange::Bound(binding));
    }
}

fn create(deciding: &mut Deciding<'_>, create: &CreatePayee) -> Result<Reply, PayeeRefusal> {
    if let Some(payee) = deciding.view().payees.find(&create.tenant, &create.key()) {
        return match has_content(payee, create) {
            true => Ok(Reply::about(payee.id.subject())),
            false => Err(PayeeRefusal::Differs),
        };
    }
    check_merchant(deciding, create)?;
    let CreatePayee { tenant, namespace, number, kind, merchant, name, account, role } =
        create.clone();
    let payee = Payee {
        tenant,
        id: deciding.id(),
        namespace,
        number,
        made_at: deciding.now(),
        kind,
        merchant,
        name,
        account,
        role,
        version: 1,
        unbound_at: None,
        bindings: vec![],
        polls: 0,
        next_poll_at: None,
        attention: None,
    };
    deciding.record(&payee, PayeeChange::Created(Box::new(payee.clone())));
    Ok(Reply::about(payee.id.subject()))
}

fn has_content(payee: &Payee, create: &CreatePayee) -> bool {
    payee.kind == create.kind
        && payee.merchant == create.merchant
        && payee.name == create.name
        && payee.account == create.account
        && payee.role == create.role
}

fn check_merchant(deciding: &Deciding<'_>, create: &CreatePayee) -> Result<(), PayeeRefusal> {
    let directory = &deciding.view().directory;
    match &create.merchant {
        Some(merchant) if directory.merchant(&create.tenant, merchant).is_none() => {
            Err(PayeeRefusal::UnknownMerchant)
        }
        None if create.kind == PayeeKind::Merchant && create.account.is_none() => {
            Err(PayeeRefusal::NoMerchant)
        }
        Some(_) | None => Ok(()),
    }
}
