//! Approvals: manual commands that wait for a second operator.

use super::fixture::{StoreFixture, names, needy_of};
use crate::{Approvals, AttentionList, OneApproval, Promise, Store};
use channel::Finding;
use kernel::{
    Approval, ApprovalCommand, ApprovalState, AttentionKind, Caller, Command, Exit, Order,
    OrderCommand, Proposal,
};
use ledger::{Fen, Id, Timestamp, first_id_at};
use std::sync::Arc;
use test_support::{START, found, paid, tenant_at};

/// An operator with this name.
pub(super) fn operator(name: &str) -> Caller {
    Caller::Operator(Arc::from(name))
}

/// The proposal of a command about an order; the text itself stands for its digest.
pub(super) fn propose(order: &Order, proposer: &str, command: &Command) -> Command {
    let tenant = order.terms.tenant.clone();
    let manual = command.manual().expect("a manual command");
    let digest = manual.content(&tenant, proposer);
    ApprovalCommand::Propose(Box::new(Proposal { tenant, manual, digest })).into()
}

/// The approval of what was proposed.
pub(super) fn approve(approval: &Approval) -> Command {
    let (tenant, root) = (approval.tenant.clone(), approval.root);
    let (row, digest) = (approval.command.row(), approval.digest.clone());
    ApprovalCommand::Approve { tenant, approval: approval.id, root, row, digest }.into()
}

/// An end without effect.
pub(super) fn reject(approval: &Approval) -> Command {
    let (tenant, note) = (approval.tenant.clone(), "不同意 \"'".to_owned());
    ApprovalCommand::Reject { tenant, approval: approval.id, note }.into()
}

/// Writes the contested payment of an order off.
pub(super) fn write_off(order: &Order, note: &str) -> Command {
    let (tenant, order) = (order.terms.tenant.clone(), order.terms.id.into());
    OrderCommand::WriteOff { tenant, order, note: note.to_owned() }.into()
}

/// An order to which the channel reports another amount.
pub(super) async fn contested(
    fixture: &mut StoreFixture<'_>,
    tenant: usize,
    number: &str,
) -> Order {
    let order = fixture.place(&tenant_at(tenant), number).await;
    let Finding::Paid(mut payment) = paid(&order) else { panic!("a payment") };
    payment.amount = Fen::new(7);
    payment.settled_amount = Fen::new(7);
    fixture.accept(found(&order, Finding::Paid(payment), None)).await;
    fixture.order(&order).await
}

pub(super) async fn proposed(
    fixture: &mut StoreFixture<'_>,
    order: &Order,
    note: &str,
) -> Approval {
    fixture.caller = operator("ann");
    let batch = fixture.accept(propose(order, "ann", &write_off(order, note))).await;
    batch.changed.approvals[0].row.clone()
}

pub(super) fn approvals_are_kept_and_decided(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = contested(&mut fixture, 0, "a").await;
        let approval = proposed(&mut fixture, &order, "kept").await;
        let one = OneApproval { id: approval.id };
        assert_eq!(fixture.ask(one.clone()).await, Some(Box::new(approval.clone())));
        let now = fixture.now();
        let needy = fixture.ask(AttentionList { filter: needy_of(&tenant_at(0), 9), now }).await;
        let row = needy.iter().find(|row| row.kind == AttentionKind::ApprovalPending);
        let row = row.expect("it needs a person");
        assert_eq!(
            (&row.exits[..], row.root),
            (&[Exit::Approve, Exit::Reject][..], order.terms.id.subject().root())
        );
        assert!(row.reason.starts_with("ann proposes"), "{}", row.reason);
        fixture.assert_sound().await;

        fixture.caller = operator("bob");
        let batch = fixture.accept(approve(&approval)).await;
        assert!(!batch.transfers.is_empty(), "the approval and what it leads to are one commit");
        let decided = fixture.ask(one).await.expect("an approval");
        assert!(matches!(&decided.state, ApprovalState::Approved { by, .. } if &**by == "bob"));
        let story = fixture.story(&order).await;
        let names = names(&story);
        let at = |name: &str| names.iter().position(|known| known == name);
        assert!(at("approval proposed") < at("approval approved"), "{names:?}");
        assert!(at("approval approved") < at("order unapplied_received"), "{names:?}");
        assert_eq!(story.approvals().count(), 1);
        assert_eq!(story.attention(), []);
        fixture.assert_sound().await;
    })
}

pub(super) fn approvals_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut all = vec![];
        for (tenant, number) in [(0, "a"), (1, "b"), (0, "c")] {
            let order = contested(&mut fixture, tenant, number).await;
            fixture.wait_ms(1000);
            all.insert(0, proposed(&mut fixture, &order, number).await);
        }
        let batch = fixture.accept(reject(&all[0])).await;
        all[0] = batch.changed.approvals[0].row.clone();
        let list = async |tenant: Option<usize>, state: Option<&str>, before, limit| {
            let (tenant, state) = (tenant.map(tenant_at), state.map(str::to_owned));
            fixture.ask(Approvals { tenant, state, before, limit }).await
        };
        assert_eq!(list(None, None, None, 9).await, all);
        assert_eq!(list(None, None, None, 1).await, all[..1]);
        assert_eq!(list(None, None, Some(all[0].id), 9).await, all[1..]);
        assert_eq!(list(Some(1), None, None, 9).await, all[1..2]);
        assert_eq!(list(None, Some("rejected"), None, 9).await, all[..1]);
        assert_eq!(list(Some(1), Some("rejected"), None, 9).await, []);
        let absent: Id<_> = first_id_at(Timestamp::from_ms(START.ms() - 1));
        assert_eq!(fixture.ask(OneApproval { id: absent }).await, None);
    })
}
