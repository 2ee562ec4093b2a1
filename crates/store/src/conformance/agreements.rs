//! Agreements: signed, listed, sealed anew, and orders that they pay.

use super::fixture::StoreFixture;
use super::wallets::assert_stale;
use crate::{Promise, SignedAgreements, Store};
use channel::{
    AgreementFound, AgreementReference, AgreementStatus, Finding, Operation, PayForm, PayInfo,
    Payer, PeriodRule, PeriodUnit, Scene, TerminatedBy, Validity,
};
use kernel::{
    Agreement, AgreementCommand, AgreementRequest, AgreementState, Command, Key, NaturalKey,
    OrderRequest, OrderState, PlaceOrder, Reads, RecordFinding, Sealed, SignAgreement, TenantId,
};
use ledger::{Fen, kinds};
use std::sync::Arc;
use test_support::{CHANNEL, PRICE, call, found, merchant, order_request, paid, tenant_at};

const AGREEMENTS: &str = "wecard.agreement";

fn key(number: &str) -> Key<kinds::Agreement> {
    Key::Number(NaturalKey::new(AGREEMENTS, number))
}

/// An agreement for debits by period.
pub(super) fn sign(tenant: &TenantId, number: &str) -> Command {
    let period = PeriodRule {
        unit: PeriodUnit::Month,
        every: 3,
        first_on: test_support::START,
        single_amount: PRICE,
        total_amount: Some(Fen::new(99_999)),
        payments: None,
    };
    let payer = Payer { user_id: Some("2088 \"'\\".to_owned()), ..Payer::default() };
    let request = AgreementRequest {
        merchant: merchant(),
        namespace: Arc::from(AGREEMENTS),
        number: number.to_owned(),
        dialect: Arc::from("wecard"),
        scene: Scene::Authorize,
        sign_scene: Scene::H5,
        template: Some("club".to_owned()),
        display_name: "茶 \"'\\".to_owned(),
        owner: "user-1".to_owned(),
        payer,
        period: Some(period),
        validity: Some(Validity::Months(12)),
        notify_url: Some("https://shop.example/signed".to_owned()),
        front_url: None,
        note: None,
        content: "digest".to_owned(),
    };
    AgreementCommand::Sign(Box::new(SignAgreement {
        tenant: tenant.clone(),
        channel: CHANNEL.to_owned(),
        request: Arc::new(request),
        page_expires_at: None,
    }))
    .into()
}

/// What the channel says of an agreement.
pub(super) fn said(row: &Agreement, finding: Finding, asked: Option<Operation>) -> Command {
    Command::RecordFinding(RecordFinding {
        tenant: row.terms.tenant.clone(),
        subject: row.terms.id.subject(),
        root: row.terms.id.subject().root(),
        channel_account: row.terms.channel_account.clone(),
        channel_identity: row.terms.channel_identity.clone(),
        finding,
        call: call(asked),
    })
}

/// The payer can sign.
pub(super) fn page(row: &Agreement) -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::JumpUrl,
        text: "alipays://x?a=\"'".to_owned(),
        valid_until: row.terms.page_expires_at,
    })
}

/// It stands so.
pub(super) fn stands(row: &Agreement, status: AgreementStatus) -> Finding {
    let is_ended = status == AgreementStatus::Terminated;
    Finding::Agreement(Box::new(AgreementFound {
        agreement_reference: Some(AgreementReference::new("sealed \"'".to_owned())),
        signed_at: Some(row.terms.made_at.plus_ms(7)),
        terminated_by: is_ended.then_some(TerminatedBy::User),
        payer_account: Some("159****5620".to_owned()),
        ..AgreementFound::new(row.terms.channel_agreement_no.clone(), status)
    }))
}

pub(super) fn terminate(row: &Agreement) -> Command {
    let (tenant, agreement) = (row.terms.tenant.clone(), Key::Id(row.terms.id));
    AgreementCommand::Terminate { tenant, agreement, reason: "\"'".to_owned() }.into()
}

/// An order that an agreement pays.
pub(super) fn debit(row: &Agreement, number: &str) -> Command {
    let request = OrderRequest { scene: Scene::Authorize, ..order_request(number) };
    PlaceOrder {
        tenant: row.terms.tenant.clone(),
        channel: CHANNEL.to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
        payment_code: None,
        agreement: Some(Key::Id(row.terms.id)),
    }
    .into()
}

/// An agreement that was signed, as it is stored.
pub(super) async fn signed(
    fixture: &mut StoreFixture<'_>,
    tenant: &TenantId,
    number: &str,
) -> Agreement {
    let made = fixture.accept(sign(tenant, number)).await.changed.agreements[0].row.clone();
    let asked = Some(Operation::SignAgreement);
    fixture.accept(said(&made, page(&made), asked)).await;
    let asked = Some(Operation::QueryAgreement);
    let finding = stands(&made, AgreementStatus::Signed);
    fixture.accept(said(&made, finding, asked)).await;
    stored(fixture, &made).await
}

async fn stored(fixture: &StoreFixture<'_>, row: &Agreement) -> Agreement {
    let tenant = &row.terms.tenant;
    let key = key(&row.terms.request.number);
    let reads = Reads { agreements: vec![(tenant.clone(), key.clone())], ..Reads::default() };
    fixture.load(&reads).await.agreements.find(tenant, &key).expect("the agreement").clone()
}

/// Of an agreement that pays two orders the first is paid; the second is being debited.
pub(super) async fn debited(fixture: &mut StoreFixture<'_>, tenant: &TenantId) -> Agreement {
    let row = signed(fixture, tenant, "Y-1").await;
    let placed = fixture.accept(debit(&row, "Y-O-1")).await;
    let order = placed.changed.orders[0].row.clone();
    fixture.accept(found(&order, paid(&order), Some(Operation::Place))).await;
    fixture.wait_ms(10);
    fixture.accept(debit(&row, "Y-O-2")).await;
    stored(fixture, &row).await
}

pub(super) fn agreements_are_signed_and_debit_one_order_at_a_time(
    store: &dyn Store,
) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let row = debited(&mut fixture, &tenant).await;
        assert_eq!((&row.state, row.contract.is_some()), (&AgreementState::Signed, true));
        let second = row.debiting.expect("the second order");
        let reads = Reads { orders: vec![(tenant.clone(), Key::Id(second))], ..Reads::default() };
        // With the order its agreement is loaded, and nothing that another tenant has.
        let view = fixture.load(&reads).await;
        assert_eq!(view.agreements.get(&tenant, row.terms.id), Some(&row));
        let order = view.orders.get(&tenant, second).expect("the order").clone();
        let page = |tenant, after| SignedAgreements { tenant, after, limit: 1 };
        assert_eq!(fixture.ask(page(tenant.clone(), None)).await, std::slice::from_ref(&row));
        assert_eq!(fixture.ask(page(tenant.clone(), Some(row.terms.id))).await, []);
        assert_eq!(fixture.ask(page(tenant_at(1), None)).await, []);
        let reference = Sealed::new("sealed anew \"'");
        let reseal = AgreementCommand::Reseal {
            tenant: tenant.clone(),
            agreement: row.terms.id,
            reference: reference.clone(),
        };
        fixture.accept(reseal.into()).await;
        let contract = stored(&fixture, &row).await.contract.expect("what was signed");
        assert_eq!(contract.reference, reference);
        // The end of an order lets the next one come, and the agreement is asked for after one that failed.
        let failed = Finding::Failed { code: "NO".to_owned(), text: String::new() };
        fixture.accept(found(&order, failed, Some(Operation::Query))).await;
        assert!(matches!(fixture.order(&order).await.state, OrderState::Failed { .. }));
        let row = stored(&fixture, &row).await;
        assert_eq!((row.debiting, row.next_poll_at.is_some()), (None, true));
        fixture.assert_sound().await;
    })
}

/// Two processes decide at once: a debit beside the end of its agreement, or beside another debit, is
/// decided again.
pub(super) fn a_debit_beside_another_change_is_stale(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let row = signed(&mut fixture, &tenant_at(0), "Y-1").await;
        let first = fixture.one(debit(&row, "Y-O-1")).await;
        fixture.accept(debit(&row, "Y-O-2")).await;
        assert_stale(&fixture, first).await;
        let row = signed(&mut fixture, &tenant_at(0), "Y-2").await;
        let debiting = fixture.one(debit(&row, "Y-O-3")).await;
        fixture.accept(terminate(&row)).await;
        assert_stale(&fixture, debiting).await;
        fixture.assert_sound().await;
    })
}
