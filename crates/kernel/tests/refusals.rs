//! Refusals come in the order in which their enums declare them: each case breaks the rule that is
//! named, and every later rule that can be broken together with it.

mod support;

use channel::{TextField, TextRules};
use kernel::{
    AgreementRefusal, AllocationRefusal, ApprovalRefusal, CardTransferRefusal, Command,
    DecideRefund, Directory, DirectoryRefusal, MerchantRoutes, NotificationCommand,
    NotificationRefusal, OrderCommand, OrderField, OrderRefusal, PayeeRefusal, PlaceOrder, Put,
    RechargeRefusal, RecordFinding, RefundDecision, RefundRefusal, Refusal, Rows, ShareRefusal,
    ShareReturnRefusal, Task, TenantId, WalletFreezeRefusal,
};
use ledger::{Id, Subject, SubjectKind};
use std::sync::Arc;
use support::script::play;
use support::{
    IDENTITY, START, TestKernel, call, close, directory, no_id, place_with, put, tenant,
};

/// The place of a refusal in the order of checks.
const fn order_rank(refusal: &OrderRefusal) -> usize {
    match refusal {
        OrderRefusal::UnknownMerchant => 0,
        OrderRefusal::NotFound => 1,
        OrderRefusal::Final => 2,
        OrderRefusal::Differs { .. } => 3,
        OrderRefusal::State { .. } => 4,
        OrderRefusal::Contested { .. } => 5,
        OrderRefusal::NotContested => 6,
        OrderRefusal::StoredValue => 7,
        OrderRefusal::NoAttention => 8,
        OrderRefusal::CallInFlight => 9,
        OrderRefusal::DebitOut => 10,
        OrderRefusal::MerchantDisabled => 11,
        OrderRefusal::NoRoute { .. } => 12,
        OrderRefusal::Amount => 13,
        OrderRefusal::Expiry => 14,
        OrderRefusal::ExpiryTooFar { .. } => 15,
        OrderRefusal::Text { .. } => 16,
        OrderRefusal::PaymentCode { .. } => 17,
        OrderRefusal::Allocation { .. } => 18,
        OrderRefusal::Picked { .. } => 19,
        OrderRefusal::Share { .. } => 20,
        OrderRefusal::Splits => 21,
        OrderRefusal::NoWallet => 22,
        OrderRefusal::OtherWallet => 23,
        OrderRefusal::Wallet(_) => 24,
        OrderRefusal::WalletCard { .. } => 25,
        OrderRefusal::Debit(_) => 26,
    }
}

const fn directory_rank(refusal: &DirectoryRefusal) -> usize {
    match refusal {
        DirectoryRefusal::NotFound { .. } => 0,
        DirectoryRefusal::Exists { .. } => 1,
        DirectoryRefusal::Changed { .. } => 2,
        DirectoryRefusal::Identity { .. } => 3,
        DirectoryRefusal::NoTenant => 4,
        DirectoryRefusal::Taken { .. } => 5,
        DirectoryRefusal::NoChannelAccount { .. } => 6,
        DirectoryRefusal::NoFindings { .. } => 7,
    }
}

/// A kernel after some steps.
fn after(steps: &[&str]) -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for step in steps {
        assert!(!play(&mut kernel, step).starts_with("refused"), "{step}");
    }
    kernel
}

/// An order for `o1` that expires in the past.
fn past(merchant: &str, fen: i64, scene: channel::Scene, channel: &str) -> PlaceOrder {
    let mut place = place_with("o1", |request| {
        request.merchant = kernel::MerchantId::new(merchant);
        request.amount = ledger::Fen::new(fen);
        request.scene = scene;
    });
    place.channel = channel.to_owned();
    place.expires_at = Some(START);
    place
}

/// The longest life of an order at the channel, in seconds.
const LIFE_MAX: i64 = 90 * 24 * 3600;

/// An order that expires this number of seconds ahead.
fn expiring(seconds: i64) -> PlaceOrder {
    let place = past("CM1", 1000, channel::Scene::MiniProgram, "wxpay");
    PlaceOrder { expires_at: Some(START.plus_seconds(seconds)), ..place }
}

fn unexpired(place: PlaceOrder) -> PlaceOrder {
    PlaceOrder { expires_at: None, ..place }
}

/// The directory after the merchant lost its accounts and was disabled.
fn disabled() -> Directory {
    let mut directory = directory();
    for routes in directory.tenants.values_mut() {
        for merchant in routes.merchants.values_mut() {
            *merchant = MerchantRoutes::default();
        }
    }
    directory
}

/// The directory with a channel that takes little text.
fn strict() -> Directory {
    let text =
        TextRules { subject_chars_max: 2, goods_tag_bytes_max: 4, takes_four_byte_chars: false };
    let mut directory = directory();
    let merchants = directory.tenants.values_mut().flat_map(|routes| routes.merchants.values_mut());
    merchants.flat_map(|merchant| &mut merchant.routes).for_each(|route| route.text = text);
    directory
}

#[test]
fn placing_is_refused_by_the_first_rule_that_is_broken() {
    use channel::Scene::{MiniProgram, Pc};
    const PAID: [&str; 2] = ["place o1", "o1 callback: paid tx1 1000"];
    const IN_FLIGHT: [&str; 1] = ["place o1"];
    const NEW: [&str; 0] = [];
    let differs = |field| OrderRefusal::Differs { field };
    let cases: [(&[&str], PlaceOrder, OrderRefusal); 13] = [
        (&PAID, past("CM9", 0, Pc, "alipay"), OrderRefusal::UnknownMerchant),
        (&NEW, past("CM9", 0, Pc, "alipay"), OrderRefusal::UnknownMerchant),
        (&PAID, past("CM2", 0, Pc, "alipay"), OrderRefusal::Final),
        (&IN_FLIGHT, past("CM2", 0, Pc, "alipay"), differs(OrderField::Merchant)),
        (&IN_FLIGHT, past("CM1", 0, Pc, "alipay"), differs(OrderField::Amount)),
        (&IN_FLIGHT, past("CM1", 1000, Pc, "alipay"), differs(OrderField::Scene)),
        (&IN_FLIGHT, past("CM1", 1000, MiniProgram, "alipay"), differs(OrderField::Channel)),
        (&IN_FLIGHT, past("CM1", 1000, MiniProgram, "wxpay"), OrderRefusal::CallInFlight),
        (&NEW, past("CM2", 0, Pc, "alipay"), OrderRefusal::MerchantDisabled),
        (&NEW, past("CM1", 0, Pc, "wxpay"), OrderRefusal::NoRoute { has_channel: true }),
        (&NEW, past("CM1", -1, MiniProgram, "wxpay"), OrderRefusal::Amount),
        (&NEW, past("CM1", 1000, MiniProgram, "wxpay"), OrderRefusal::Expiry),
        (&NEW, expiring(LIFE_MAX + 1), OrderRefusal::ExpiryTooFar { days_max: 90 }),
    ];
    assert!(cases.is_sorted_by_key(|(_, _, want)| order_rank(want)));
    for (given, place, want) in cases {
        let mut kernel = after(given);
        let is_kept = matches!(want, OrderRefusal::Final | OrderRefusal::CallInFlight);
        if is_kept {
            // What was placed before the merchant was disabled follows the rules of its own state.
            kernel.stored.directory = Arc::new(disabled());
        }
        assert_eq!(kernel.handle(place.clone()), Err(want.into()), "{given:?} {place:?}");
    }
    assert!(after(&NEW).handle(expiring(LIFE_MAX)).is_ok(), "the last moment is allowed");
    let titled = |subject: &str, goods_tag: Option<&str>, expires_at| PlaceOrder {
        expires_at,
        ..place_with("o1", |request| {
            request.subject = subject.to_owned();
            request.goods_tag = goods_tag.map(str::to_owned);
        })
    };
    let mut kernel = after(&NEW);
    kernel.stored.directory = Arc::new(strict());
    for (subject, goods_tag, field, why) in [
        ("煎饼果", None, TextField::Subject, "3 characters, the channel takes at most 2"),
        ("😀", Some("九折"), TextField::Subject, "the channel takes no emoji, U+1F600 found"),
        ("煎饼", Some("九折"), TextField::GoodsTag, "6 bytes, the channel takes at most 4"),
        ("煎饼", Some("😀"), TextField::GoodsTag, "the channel takes no emoji, U+1F600 found"),
    ] {
        let want = OrderRefusal::Text { field, why: why.to_owned() };
        assert_eq!(kernel.handle(titled(subject, goods_tag, None)), Err(want.into()));
        let late = titled(subject, goods_tag, Some(START.plus_seconds(LIFE_MAX + 1)));
        let want = OrderRefusal::ExpiryTooFar { days_max: 90 };
        assert_eq!(kernel.handle(late), Err(want.into()));
    }
    assert!(kernel.handle(titled("煎饼", Some("SALE"), None)).is_ok());
    let repeat = titled("煎饼果", None, None);
    assert_eq!(kernel.handle(repeat), Err(OrderRefusal::CallInFlight.into()), "only what is new");
    let accepted = unexpired(past("CM1", 1000, MiniProgram, "wxpay"));
    assert!(after(&NEW).handle(accepted).is_ok());
}

#[test]
fn closing_is_refused_by_the_first_rule_that_is_broken() {
    let cases: [(&[&str], OrderRefusal); 4] = [
        (&[], OrderRefusal::NotFound),
        // Paid by a callback before the call that places it has ended.
        (&["place o1", "o1 callback: paid tx1 1000"], OrderRefusal::State { state: "paid" }),
        (&["place o1"], OrderRefusal::CallInFlight),
        (&["place o1", "o1 place: placed", "close o1"], OrderRefusal::CallInFlight),
    ];
    assert!(cases.is_sorted_by_key(|(_, want)| order_rank(want)));
    for (given, want) in cases {
        assert_eq!(after(given).handle(close("o1")), Err(want.into()), "{given:?}");
    }
}

#[test]
fn decisions_about_orders_are_refused_by_the_first_rule_that_is_broken() {
    const OPEN: [&str; 2] = ["place o1", "o1 place: placed"];
    const CONTESTED: [&str; 3] = ["place o1", "o1 place: placed", "o1 query: paid tx1 999"];
    const PAID: [&str; 2] = ["place o1", "o1 callback: paid tx1 1000"];
    const FAILED: [&str; 2] = ["place o1", "o1 place: failed"];
    let contested = || OrderRefusal::Contested { payment_reference: "tx1".to_owned() };
    let state = |state| OrderRefusal::State { state };
    let cases: [(&[&str], &str, OrderRefusal); 17] = [
        (&[], "poll o1", OrderRefusal::NotFound),
        (&[], "apply o1 tx1", OrderRefusal::NotFound),
        (&[], "give_back o1 tx1", OrderRefusal::NotFound),
        (&[], "by_hand o1", OrderRefusal::NotFound),
        (&[], "write_off o1", OrderRefusal::NotFound),
        (&[], "close_for_good o1", OrderRefusal::NotFound),
        (&PAID, "close_for_good o1", OrderRefusal::Final),
        (&FAILED, "close_for_good o1", OrderRefusal::Final),
        (&PAID, "poll o1", state("paid")),
        (&PAID, "apply o1 tx2", state("paid")),
        (&FAILED, "apply o1 tx1", state("failed")),
        (&CONTESTED, "close_for_good o1", contested()),
        (&CONTESTED, "apply o1 tx2", OrderRefusal::NotContested),
        (&CONTESTED, "give_back o1 tx2", OrderRefusal::NotContested),
        (&OPEN, "by_hand o1", OrderRefusal::NotContested),
        (&OPEN, "write_off o1", OrderRefusal::NoAttention),
        (&OPEN, "close_for_good o1", OrderRefusal::NoAttention),
    ];
    assert!(cases.is_sorted_by_key(|(.., want)| order_rank(want)));
    for (given, decision, want) in cases {
        let found = play(&mut after(given), &format!("operator {decision}"));
        assert_eq!(found, format!("refused: {want}"), "{given:?} {decision}");
    }
}

#[test]
fn decisions_about_refunds_are_refused_by_the_first_rule_that_is_broken() {
    const MADE: [&str; 3] = ["place o1", "o1 place: failed", "o1 callback: paid tx1 1000"];
    let with = |more: &'static [&'static str]| [&MADE, more].concat();
    let done = with(&["refund callback: done 1000"]);
    let written_off = with(&["refund refund: refused", "operator write_off refund"]);
    let state = |state| RefundRefusal::State { state };
    let cases: [(&[&str], &str, RefundRefusal); 9] = [
        (&done, "retry", state("done")),
        (&done, "renew", state("done")),
        (&done, "by_hand refund", state("done")),
        (&done, "write_off refund", state("done")),
        (&written_off, "retry", state("written_off")),
        (&written_off, "write_off refund otherwise", state("written_off")),
        (&MADE, "renew", state("requesting")),
        (&MADE, "by_hand refund", RefundRefusal::NoAttention),
        (&MADE, "write_off refund", RefundRefusal::NoAttention),
    ];
    for (given, decision, want) in cases {
        let found = play(&mut after(given), &format!("operator {decision}"));
        assert_eq!(found, format!("refused: {want}"), "{given:?} {decision}");
    }
    let refund = DecideRefund {
        tenant: tenant(),
        refund: no_id(),
        order: no_id(),
        decision: RefundDecision::RetryNow,
    };
    let refused = TestKernel::new(directory()).handle(refund);
    assert_eq!(refused, Err(RefundRefusal::NotFound.into()));
}

#[test]
fn only_a_notification_that_was_given_up_is_dismissed() {
    let found = play(&mut after(&["place o1", "o1 callback: paid tx1 1000"]), "operator dismiss");
    assert_eq!(found, "refused: the notification is due");
}

/// A kernel whose directory gives every name to another tenant.
fn taken(commands: &[Command]) -> TestKernel {
    let other = TenantId::new("100002");
    let mut kernel = TestKernel::new(Directory {
        caller_keys: [(Arc::from("AKID"), other.clone())].into(),
        channel_accounts: [(Arc::from("main"), other)].into(),
        ..directory()
    });
    let names = kernel.stored.directory.clone();
    kernel.stored.directory = Arc::new(directory());
    for command in commands {
        kernel.handle(command.clone()).expect("accepted");
    }
    kernel.stored.directory = names;
    kernel
}

#[test]
fn puts_are_refused_by_the_first_rule_that_is_broken() {
    let tenant_row = put::tenant_row("煎饼", true, Put::Create);
    let account = |mchid, put| put::account("wxpay", mchid, true, put);
    let key = |pem, put| put::caller_key(pem, true, put);
    let merchant = |name, put| put::merchant(name, &["main", "spare"], true, put);
    let not_found = |noun| DirectoryRefusal::NotFound { noun };
    let exists = |noun| DirectoryRefusal::Exists { noun };
    let taken_name = |noun| DirectoryRefusal::Taken { noun };
    let no_account = DirectoryRefusal::NoChannelAccount { name: "spare".to_owned() };
    let with_rows = [tenant_row.clone(), account("1", Put::Create), key("pem", Put::Create)];
    let only_tenant = [tenant_row];
    // What is there, whether the tenant's own row is there too, the command, the refusal.
    let identity = DirectoryRefusal::Identity { was: IDENTITY.to_owned(), is: "2".to_owned() };
    let cases: [(&[Command], bool, Command, DirectoryRefusal); 17] = [
        (&[], false, put::tenant_row("x", true, Put::Change), not_found("tenant")),
        (&[], false, account("1", Put::Change), not_found("channel_account")),
        (&[], false, key("pem", Put::Change), not_found("caller_key")),
        (&[], false, merchant("x", Put::Change), not_found("merchant")),
        (&with_rows, true, put::tenant_row("x", true, Put::Create), exists("tenant")),
        (&with_rows, false, account("2", Put::Create), exists("channel_account")),
        (&with_rows, false, key("other", Put::Create), exists("caller_key")),
        // An account never moves to another channel.
        (&with_rows, false, put::account("a", "1", true, Put::Apply), exists("channel_account")),
        (&with_rows, false, put::account_as("2", Put::Apply), identity),
        (&[], false, account("1", Put::Create), DirectoryRefusal::NoTenant),
        (&[], false, key("pem", Put::Apply), DirectoryRefusal::NoTenant),
        (&[], false, merchant("x", Put::Create), DirectoryRefusal::NoTenant),
        (&only_tenant, true, account("1", Put::Create), taken_name("channel_account")),
        (&only_tenant, true, account("1", Put::Apply), taken_name("channel_account")),
        (&only_tenant, true, key("pem", Put::Create), taken_name("caller_key")),
        (&with_rows, true, merchant("x", Put::Create), no_account.clone()),
        (&with_rows, true, merchant("x", Put::Apply), no_account),
    ];
    assert!(cases.is_sorted_by_key(|(.., want)| directory_rank(want)));
    for (given, has_tenant, command, want) in cases {
        let mut kernel = taken(given);
        if !has_tenant {
            kernel.stored.tenants = Rows::default();
        }
        assert_eq!(kernel.handle(command.clone()), Err(want.into()), "{command:?}");
    }
}

fn record(kind: SubjectKind) -> Command {
    let subject = Subject { kind, value: no_id::<ledger::kinds::Root>().value() };
    Command::RecordFinding(RecordFinding {
        tenant: tenant(),
        subject,
        root: subject.root(),
        channel_account: Arc::from("main"),
        channel_identity: Arc::from(IDENTITY),
        finding: channel::Finding::Pending,
        call: call(None, START),
    })
}

#[test]
fn findings_about_nothing_are_refused() {
    let no_findings = |noun| Refusal::from(DirectoryRefusal::NoFindings { noun });
    for kind in SubjectKind::ALL {
        let want = match kind {
            SubjectKind::Order => OrderRefusal::NotFound.into(),
            SubjectKind::Refund => RefundRefusal::NotFound.into(),
            SubjectKind::Notification => NotificationRefusal::NoFindings.into(),
            SubjectKind::Share => ShareRefusal::NotFound.into(),
            SubjectKind::ShareReturn => ShareReturnRefusal::NotFound.into(),
            SubjectKind::Payee => PayeeRefusal::NotFound.into(),
            SubjectKind::Agreement => AgreementRefusal::NotFound.into(),
            SubjectKind::Tenant
            | SubjectKind::Merchant
            | SubjectKind::CallerKey
            | SubjectKind::ChannelAccount
            | SubjectKind::Approval
            | SubjectKind::Allocation
            | SubjectKind::AllocationRelease
            | SubjectKind::CardBatch
            | SubjectKind::CardQuota
            | SubjectKind::Recharge
            | SubjectKind::Card
            | SubjectKind::CardTransfer
            | SubjectKind::CardBinding
            | SubjectKind::Wallet
            | SubjectKind::WalletPayment
            | SubjectKind::WalletFreeze
            | SubjectKind::Withdrawal => no_findings(kind.name()),
        };
        assert_eq!(TestKernel::new(directory()).handle(record(kind)), Err(want));
    }
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut kernel = TestKernel::new(directory());
    let id: Id<ledger::kinds::Order> = no_id();
    let by_id = OrderCommand::Close { tenant: tenant(), order: id.into() };
    assert_eq!(kernel.handle(by_id), Err(OrderRefusal::NotFound.into()));
    let replay = NotificationCommand::Replay { tenant: tenant(), notification: no_id() };
    assert_eq!(kernel.handle(replay), Err(NotificationRefusal::NotFound.into()));
    for kind in SubjectKind::ALL {
        let subject = Subject { kind, value: id.value() };
        let task = Task { tenant: tenant(), subject, root: subject.root() };
        let want = match kind {
            SubjectKind::Order => Some(Refusal::from(OrderRefusal::NotFound)),
            SubjectKind::Refund => Some(RefundRefusal::NotFound.into()),
            SubjectKind::Notification => Some(NotificationRefusal::NotFound.into()),
            SubjectKind::Share => Some(ShareRefusal::NotFound.into()),
            SubjectKind::ShareReturn => Some(ShareReturnRefusal::NotFound.into()),
            SubjectKind::Payee => Some(PayeeRefusal::NotFound.into()),
            SubjectKind::Agreement => Some(AgreementRefusal::NotFound.into()),
            SubjectKind::Approval => Some(ApprovalRefusal::NotFound.into()),
            SubjectKind::Allocation => Some(AllocationRefusal::NotFound.into()),
            SubjectKind::Recharge => Some(RechargeRefusal::NotFound.into()),
            SubjectKind::CardTransfer => Some(CardTransferRefusal::NotFound.into()),
            SubjectKind::WalletFreeze => Some(WalletFreezeRefusal::NotFound.into()),
            // Rows of the directory and releases have no tasks, nor have withdrawals that are paid by hand.
            SubjectKind::Tenant
            | SubjectKind::Merchant
            | SubjectKind::CallerKey
            | SubjectKind::ChannelAccount
            | SubjectKind::AllocationRelease
            | SubjectKind::CardBatch
            | SubjectKind::CardQuota
            | SubjectKind::Card
            | SubjectKind::CardBinding
            | SubjectKind::Wallet
            | SubjectKind::WalletPayment
            | SubjectKind::Withdrawal => None,
        };
        assert_eq!(kernel.handle(Command::RunTask(task)).err(), want);
    }
}
