//! Commands of random histories about payees, shares and returns.

use channel::{Finding, Operation, ReceiverKind, ShareReturned, ShareStatus, Shared, SharedItem};
use kernel::{
    Aggregate, Command, CreatePayee, ItemPlace, ItemTerms, MakeShare, MakeShareReturn, MerchantId,
    Order, Payee, PayeeAccount, PayeeCommand, PayeeKind, RecordFinding, ReturnOutcome, ReturnTerms,
    Sealed, Share, ShareAmount, ShareCommand, ShareReturn, ShareReturnCommand, TenantId,
};
use ledger::{Fen, Id, Subject, kinds};
use std::sync::Arc;
use test_support::{CHANNEL, IDENTITY, PARTNERS, call, channel_account};

/// A payee: by `kind` a person in the book, a merchant in the book, or a merchant at the channel.
pub(super) fn create_payee(tenant: &TenantId, number: &str, kind: u64) -> Command {
    let account = PayeeAccount {
        channel: Arc::from(CHANNEL),
        kind: ReceiverKind::Merchant,
        number: Sealed::new("sealed \"'"),
    };
    PayeeCommand::Create(Box::new(CreatePayee {
        tenant: tenant.clone(),
        namespace: Arc::from("wecard.payee"),
        number: format!("{number}-{kind}"),
        kind: if kind == 0 { PayeeKind::Person } else { PayeeKind::Merchant },
        merchant: (kind == 1).then(|| MerchantId::new(PARTNERS[0])),
        name: None,
        account: (kind == 2).then_some(account),
        role: None,
    }))
    .into()
}

/// A part of an order for one payee.
pub(super) fn share(
    order: &Order,
    number: &str,
    payee: &Payee,
    fen: i64,
    releases_rest: bool,
) -> Command {
    let amount = ShareAmount::Fixed(Fen::new(fen));
    ShareCommand::Make(Box::new(MakeShare {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        namespace: Arc::from("wecard.profit"),
        number: number.to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: Some("https://shop.example/shared".to_owned()),
        content: format!("{fen} of {}", payee.id),
        items: vec![ItemTerms { payee: payee.id, merchant: None, amount }],
        releases_rest,
    }))
    .into()
}

/// What a payee gives back of a share.
pub(super) fn give_back(share: &Share, number: &str, payee: Id<kinds::Payee>, fen: i64) -> Command {
    let accounts = share.items.iter().filter_map(|item| match &item.place {
        ItemPlace::Book(account) => Some(account.clone()),
        ItemPlace::Channel(_) => None,
    });
    ShareReturnCommand::Make(Box::new(MakeShareReturn {
        tenant: share.tenant.clone(),
        share: share.id,
        order: share.order,
        earlier: share.returns.clone(),
        accounts: accounts.collect(),
        namespace: Arc::from("wecard.profit_refund"),
        number: number.to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: None,
        remark: None,
        content: format!("{fen} of {payee}"),
        items: vec![ReturnTerms { payee, merchant: None, amount: Fen::new(fen) }],
    }))
    .into()
}

/// The answer to a call about a share.
pub(super) fn found_of_share(share: &Share, asked: Operation, status: ShareStatus) -> Command {
    let finding = match asked {
        Operation::BindReceiver => Finding::Receiver,
        _ => Finding::Share(Shared {
            channel_share_no: share.channel_share_no.clone(),
            payment_reference: "wx1".to_owned(),
            share_reference: "wxs".to_owned(),
            is_finished: status != ShareStatus::Processing,
            items: share.items.iter().map(|item| shared_item(item, status)).collect(),
        }),
    };
    found(&share.tenant, share.id.subject(), share.root(), asked, finding)
}

fn shared_item(item: &kernel::ShareItem, status: ShareStatus) -> SharedItem {
    SharedItem {
        kind: ReceiverKind::Merchant,
        account: item.payee.to_string(),
        amount: item.amount,
        status,
        fail_reason: None,
        detail_reference: Some("wxd".to_owned()),
        at: None,
    }
}

/// The answer to the request of a return.
pub(super) fn found_of_return(row: &ShareReturn, status: ShareStatus) -> Command {
    let open = row.items.iter().enumerate();
    let mut open = open.filter(|(_, item)| item.outcome == ReturnOutcome::Open);
    let finding = match open.next() {
        Some((at, item)) => Finding::ShareReturn(ShareReturned {
            channel_return_no: format!("{}I{at:02}", row.channel_return_no),
            channel_share_no: row.channel_share_no.clone(),
            return_reference: "wxu".to_owned(),
            account: item.payee.to_string(),
            amount: item.amount,
            status,
            fail_reason: None,
            at: None,
        }),
        None => Finding::Unknown { why: "late".to_owned() },
    };
    found(&row.tenant, row.id.subject(), row.root(), Operation::ReturnShare, finding)
}

fn found(
    tenant: &TenantId,
    subject: Subject,
    root: Id<kinds::Root>,
    asked: Operation,
    finding: Finding,
) -> Command {
    Command::RecordFinding(RecordFinding {
        tenant: tenant.clone(),
        subject,
        root,
        channel_account: channel_account(tenant),
        channel_identity: Arc::from(IDENTITY),
        finding,
        call: call(Some(asked)),
    })
}
