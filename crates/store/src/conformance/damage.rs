//! What an audit must find in a database whose rows were tampered with.
//!
//! The statements are SQL that every engine of ours reads alike. An engine plays [`history`] to a fresh
//! store, and for each of [`DAMAGES`] picks a row, damages a copy of the books, and asks for an audit.

use super::fixture::{StoreFixture, place_at};
use super::{agreements, allocations, approvals, cards, settlement, shares, wallets};
use crate::audit::Rule;
use crate::{Promise, Store};
use channel::RefundStatus;
use kernel::Delivery;
use test_support::{
    attempt, decided, found, found_of_refund, paid_as, paid_with_coupon, refunded, request_refund,
    settle_by_hand, tenant_at, write_off,
};

/// One damage.
#[derive(Clone, Copy, Debug)]
pub struct Damage {
    /// What is done.
    pub name: &'static str,
    /// The rule that it breaks.
    pub rule: Rule,
    /// What the fault names.
    pub noun: &'static str,
    /// Finds the row to damage: its tenant and its id or account, both as text; one row.
    pub pick: &'static str,
    change: &'static str,
}

impl Damage {
    /// The statement that damages the row that was picked; it must change at least one row.
    pub fn statement(&self, tenant: &str, subject: &str) -> String {
        self.change.replace("{tenant}", tenant).replace("{subject}", subject)
    }

    /// What the audit must report then, among other faults perhaps.
    pub fn fault(&self, tenant: &str, subject: &str) -> String {
        self.rule.fault(tenant, self.noun, subject)
    }
}

/// Plays a history to a fresh store that has every row which [`DAMAGES`] damage. Its books are right.
pub fn history(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let archived = fixture.sell(&tenant_at(1), "A-1").await;
        let row = fixture.only_notification(&archived).await;
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.accept(attempt(&row, row.made_at, acknowledged)).await;
        fixture.wait_ms(10);
        fixture.archive(&tenant_at(1)).await;
        let caller = fixture.caller.clone();
        let contested = approvals::contested(&mut fixture, 0, "A-9").await;
        approvals::proposed(&mut fixture, &contested, "kept").await;
        fixture.caller = caller;
        refund_on_request(&mut fixture).await;
        allocations::divided(&mut fixture, 0, "A-8").await;
        shares::shared(&mut fixture, &tenant_at(0), "A-share").await;
        settlement::paid_out(&mut fixture, &tenant_at(0)).await;
        let sold = cards::sold(&mut fixture, &tenant_at(0)).await;
        wallets::bound(&mut fixture, &sold).await;
        cards::one_taken_back(&mut fixture, &sold).await;
        wallets::spent(&mut fixture, &tenant_at(0)).await;
        wallets::frozen(&mut fixture, &tenant_at(0)).await;
        agreements::debited(&mut fixture, &tenant_at(0)).await;
        pay_twice_with_coupons(&mut fixture).await;
        let order = fixture.sell(&tenant_at(0), "A-1").await;
        for reference in ["wx2", "wx3", "wx4", "wx5", "wx6"] {
            fixture.wait_ms(10);
            fixture.accept(found(&order, paid_as(&order, reference), None)).await;
        }
        let refunds = fixture.refunds(&order).await;
        let mut report = async |which: usize, status| {
            fixture.wait_ms(10);
            let finding = refunded(&refunds[which], status);
            fixture.accept(found_of_refund(&refunds[which], finding)).await;
        };
        // The first is written off and carried out after all, the fourth is settled by hand, and the
        // last stays open.
        report(0, RefundStatus::Closed).await;
        report(1, RefundStatus::Done).await;
        report(2, RefundStatus::Closed).await;
        report(3, RefundStatus::Closed).await;
        fixture.accept(decided(&refunds[0], write_off())).await;
        fixture.accept(decided(&refunds[3], settle_by_hand())).await;
        let mut report = async |which: usize, status| {
            fixture.wait_ms(10);
            let finding = refunded(&refunds[which], status);
            fixture.accept(found_of_refund(&refunds[which], finding)).await;
        };
        report(0, RefundStatus::Done).await;
        fixture.accept(place_at(0, "A-2")).await;
        fixture.sell(&tenant_at(0), "A-3").await;
        fixture.assert_sound().await;
    })
}

/// An order whose merchant requests refunds: one is done, one after it had failed, one has failed and
/// one is open.
async fn refund_on_request(fixture: &mut StoreFixture<'_>) {
    let order = fixture.sell(&tenant_at(0), "A-6").await;
    for (number, fen, said) in [
        ("R-1", 500, &[RefundStatus::Done][..]),
        ("R-2", 300, &[RefundStatus::Closed, RefundStatus::Done]),
        ("R-3", 200, &[RefundStatus::Closed]),
        ("R-4", 100, &[]),
    ] {
        fixture.accept(request_refund(&order, number, fen)).await;
        for (turn, status) in said.iter().enumerate() {
            fixture.wait_ms(10);
            if turn > 0 {
                fixture.accept(request_refund(&order, number, fen)).await;
            }
            let refund = fixture.refund(&order, number).await;
            fixture.accept(found_of_refund(&refund, refunded(&refund, *status))).await;
        }
    }
}

/// An order of which a coupon pays a part, and a second payment like it that went back.
async fn pay_twice_with_coupons(fixture: &mut StoreFixture<'_>) {
    let order = fixture.place(&tenant_at(0), "A-0").await;
    for reference in ["wx7", "wx8"] {
        fixture.wait_ms(10);
        fixture.accept(found(&order, paid_with_coupon(&order, reference), None)).await;
    }
    let refund = fixture.only_refund(&order).await;
    let done = refunded(&refund, RefundStatus::Done);
    fixture.accept(found_of_refund(&refund, done)).await;
}

macro_rules! first {
    ($columns:literal, $rows:literal) => {
        concat!("SELECT tenant, ", $columns, " FROM ", $rows, " LIMIT 1")
    };
}

const PAID: &str = first!("CAST(id AS TEXT)", "orders WHERE state = 'paid' ORDER BY id DESC");
/// An order of which a coupon paid a part.
const WITH_COUPON: &str = first!(
    "CAST(subject_id AS TEXT)",
    "transfers WHERE reason = 'coupon' AND credit LIKE 'merchant_pending/%' ORDER BY id DESC"
);
/// A refund of which a part went back to a coupon.
const COUPON_BACK: &str = first!(
    "CAST(subject_id AS TEXT)",
    "transfers WHERE reason = 'coupon' AND phase = 'post_held' ORDER BY id DESC"
);
const OPEN_ORDER: &str =
    first!("CAST(id AS TEXT)", "orders WHERE next_poll_at IS NOT NULL ORDER BY id DESC");
const UNAPPLIED: &str =
    first!("CAST(id AS TEXT)", "orders WHERE unapplied <> '[]' ORDER BY id DESC");
const DONE: &str = first!(
    "CAST(subject_id AS TEXT)",
    "transfers WHERE phase = 'post_held' AND reason = 'unapplied_refund' ORDER BY id DESC"
);
const FAILED: &str = first!("CAST(id AS TEXT)", "refunds WHERE state = 'failed' ORDER BY id DESC");
const SETTLED: &str =
    first!("CAST(id AS TEXT)", "refunds WHERE state = 'settled_by_hand' ORDER BY id DESC");
/// A refund that was written off and carried out later.
const LATE: &str = first!(
    "CAST(subject_id AS TEXT)",
    "transfers WHERE reason = 'unapplied_refund' AND phase = 'post' ORDER BY id DESC"
);
const OPEN_REFUND: &str =
    first!("CAST(id AS TEXT)", "refunds WHERE state = 'requesting' ORDER BY id DESC");
/// Refunds that a merchant requested.
const REQUESTED_DONE: &str = first!(
    "CAST(id AS TEXT)",
    "refunds WHERE namespace IS NOT NULL AND state = 'done' ORDER BY id DESC"
);
const REQUESTED_FAILED: &str = first!(
    "CAST(id AS TEXT)",
    "refunds WHERE namespace IS NOT NULL AND state = 'failed' ORDER BY id DESC"
);
const REQUESTED_OPEN: &str = first!(
    "CAST(id AS TEXT)",
    "refunds WHERE namespace IS NOT NULL AND state = 'requesting' ORDER BY id DESC"
);
/// Their order.
const REFUNDED: &str =
    first!("CAST(id AS TEXT)", "orders WHERE refunded <> 0 AND refunding <> 0 ORDER BY id DESC");
const DUE_NOTIFICATION: &str =
    first!("CAST(id AS TEXT)", "notifications WHERE state = 'due' ORDER BY id DESC");
const WITHDRAWAL: &str =
    first!("CAST(id AS TEXT)", "withdrawals WHERE state = 'paid' ORDER BY id DESC");
const APPROVAL: &str = first!("CAST(id AS TEXT)", "approvals ORDER BY id DESC");
const ALLOCATED: &str = first!("CAST(id AS TEXT)", "orders WHERE allocated > 0 ORDER BY id DESC");
const ALLOCATION: &str = first!("CAST(id AS TEXT)", "allocations ORDER BY id DESC");
const SHARED: &str = first!("CAST(id AS TEXT)", "orders WHERE shared > 0 ORDER BY id DESC");
const SHARE: &str = first!("CAST(id AS TEXT)", "shares ORDER BY id DESC");
const SHARE_RETURN: &str = first!("CAST(id AS TEXT)", "share_returns ORDER BY id DESC");
const CARD_BATCH: &str = first!("CAST(id AS TEXT)", "card_batches ORDER BY id DESC");
const CARD_QUOTA: &str = first!("CAST(id AS TEXT)", "card_quotas ORDER BY id DESC");
const RECHARGE: &str =
    first!("CAST(id AS TEXT)", "recharges WHERE state = 'issued' ORDER BY id DESC");
const CARD: &str = first!("CAST(id AS TEXT)", "cards ORDER BY id DESC");
const CARD_BINDING: &str = first!("CAST(id AS TEXT)", "card_bindings ORDER BY id DESC");
const VOID_CARD: &str = first!("CAST(id AS TEXT)", "cards WHERE state = 'void' ORDER BY id DESC");
/// A payment into a wallet.
const PAID_IN: &str =
    first!("CAST(id AS TEXT)", "recharges WHERE state = 'credited' ORDER BY id DESC");
/// A wallet with cards.
const CARD_WALLET: &str =
    first!("CAST(wallet_id AS TEXT)", "cards WHERE wallet_id IS NOT NULL ORDER BY id DESC");
const WALLET: &str = first!("CAST(id AS TEXT)", "wallets ORDER BY id DESC");
const WALLET_FREEZE: &str = first!("CAST(id AS TEXT)", "wallet_freezes ORDER BY id DESC");
const AGREEMENT: &str = first!("CAST(id AS TEXT)", "agreements ORDER BY id DESC");
const WALLET_PAYMENT: &str = first!("CAST(id AS TEXT)", "wallet_payments ORDER BY id DESC");
const WALLET_ORDER: &str =
    first!("CAST(order_id AS TEXT)", "wallet_payments WHERE returned > 0 ORDER BY id DESC");
const TRANSFER: &str = first!("CAST(id AS TEXT)", "transfers ORDER BY id DESC");
const MERCHANT: &str =
    first!("account", "balances WHERE account LIKE 'merchant_pending%' ORDER BY tenant DESC");
const FUNDS: &str =
    first!("account", "balances WHERE account LIKE 'channel%' ORDER BY tenant DESC");

const ARCHIVE: &str = first!("'000000000000000001'", "archives");
const ARCHIVED: &str = first!(
    "CAST(subject_id AS TEXT)",
    "archived_events WHERE subject_kind = 'order' ORDER BY subject_id DESC"
);

/// `WHERE` events of a story were archived.
macro_rules! of_archived {
    ($change:literal) => {
        concat!($change, " WHERE tenant = '{tenant}' AND root = {subject}")
    };
}

/// `WHERE` a row of this id.
macro_rules! of_row {
    ($change:literal) => {
        concat!($change, " WHERE tenant = '{tenant}' AND id = {subject}")
    };
}

/// `WHERE` a balance of this account.
macro_rules! of_account {
    ($change:literal) => {
        concat!($change, " WHERE tenant = '{tenant}' AND account = '{subject}'")
    };
}

/// `WHERE` a task or transfer of an order.
macro_rules! of_order {
    ($change:literal) => {
        concat!(
            $change,
            " WHERE tenant = '{tenant}' AND subject_kind = 'order' AND subject_id = {subject}"
        )
    };
}

/// `WHERE` a task or transfer of a refund.
macro_rules! of_refund {
    ($change:literal) => {
        concat!(
            $change,
            " WHERE tenant = '{tenant}' AND subject_kind = 'refund' AND subject_id = {subject}"
        )
    };
}

/// Books a transfer of a subject a second time, in the phase that `$phase` selects.
macro_rules! twice {
    ($kind:literal, $phase:literal, $which:literal) => {
        concat!(
            "INSERT INTO transfers (tenant, id, root, subject_kind, subject_id, at, phase, debit, \
             credit, amount, reason) SELECT tenant, id + 1, root, subject_kind, subject_id, at, ",
            $phase,
            ", debit, credit, amount, reason FROM transfers WHERE tenant = '{tenant}' \
             AND subject_kind = '",
            $kind,
            "' AND subject_id = {subject} AND ",
            $which
        )
    };
}

macro_rules! damages {
    ($($name:literal: $rule:ident of $noun:literal, $pick:expr, $change:expr;)*) => {
        /// Every damage. Each rule has one at least.
        pub const DAMAGES: &[Damage] = &[
            $(Damage {
                name: $name,
                rule: Rule::$rule,
                noun: $noun,
                pick: $pick,
                change: $change,
            },)*
        ];
    };
}

damages! {
    "a transfer of nothing": TransferShape of "transfer", TRANSFER,
        of_row!("UPDATE transfers SET amount = 0");
    "a transfer to itself": TransferShape of "transfer", TRANSFER,
        of_row!("UPDATE transfers SET debit = credit");
    "a balance is lost": BalanceMissing of "account", MERCHANT,
        of_account!("DELETE FROM balances");
    "a balance has more": BalanceDiffers of "account", MERCHANT,
        of_account!("UPDATE balances SET posted = posted + 1");
    "a balance holds more": BalanceDiffers of "account", MERCHANT,
        of_account!("UPDATE balances SET held = held + 1");
    "a merchant owes": BelowFloor of "account", MERCHANT,
        of_account!("UPDATE balances SET posted = -1");
    "less than nothing is held": BelowFloor of "account", FUNDS,
        of_account!("UPDATE balances SET held = -1");
    "money from nowhere": Unbalanced of "sum",
        first!("'1 fen'", "balances ORDER BY tenant DESC"),
        "UPDATE balances SET posted = posted + 1
         WHERE tenant = '{tenant}' AND account LIKE 'merchant_pending%'";
    "a payment is lost": PaidWithoutPayment of "order", PAID,
        of_order!("DELETE FROM transfers");
    "a payment is booked twice": PaidWithoutPayment of "order", PAID,
        twice!("order", "phase", "reason = 'payment'");
    "a payment of another amount": PaidWithoutPayment of "order", PAID,
        of_order!("UPDATE transfers SET amount = amount + 1");
    "a payment to another merchant": PaidWithoutPayment of "order", PAID,
        of_order!("UPDATE transfers SET credit = 'merchant_pending/CM0002'");
    "a payment from another channel account": PaidWithoutPayment of "order", PAID,
        of_order!("UPDATE transfers SET debit = 'channel_funds/elsewhere'");
    "a payment is only held": PaidWithoutPayment of "order", PAID,
        of_order!("UPDATE transfers SET phase = 'hold'");
    "a coupon is not booked": PaidWithoutPayment of "order", WITH_COUPON,
        concat!(
            of_order!("DELETE FROM transfers"),
            " AND reason = 'coupon' AND credit LIKE 'merchant_pending/%'"
        );
    "a coupon of another merchant": PaidWithoutPayment of "order", WITH_COUPON,
        concat!(
            of_order!("UPDATE transfers SET debit = 'merchant_coupons/CM0002'"),
            " AND reason = 'coupon'"
        );
    "more is settled than arrived": PaidWithoutPayment of "order", WITH_COUPON,
        of_row!("UPDATE orders SET settled_amount = paid_amount");
    "what was settled is forgotten": PaidWithoutPayment of "order", PAID,
        of_row!("UPDATE orders SET settled_amount = NULL");
    "an order's terms are lost": PaidWithoutPayment of "order", PAID,
        of_row!("DELETE FROM order_terms");
    "a paid order is closed": PaymentWithoutPaid of "order", PAID,
        of_row!("UPDATE orders SET state = 'closed'");
    "a paid order is lost": PaymentWithoutPaid of "order", PAID,
        of_row!("DELETE FROM orders");
    "an order forgets its unapplied payments": UnappliedWithoutTransfer of "order", UNAPPLIED,
        of_row!("UPDATE orders SET unapplied = '[]'");
    "unapplied payments are not booked": UnappliedWithoutTransfer of "order", UNAPPLIED,
        concat!(of_order!("DELETE FROM transfers"), " AND reason = 'unapplied_payment'");
    "an unapplied payment to another suspense": UnappliedWithoutTransfer of "order", UNAPPLIED,
        concat!(
            of_order!("UPDATE transfers SET credit = 'suspense/0'"),
            " AND reason = 'unapplied_payment'"
        );
    "the coupon of an unapplied payment is not booked": UnappliedWithoutTransfer of "order", WITH_COUPON,
        concat!(
            of_order!("DELETE FROM transfers"),
            " AND reason = 'coupon' AND credit LIKE 'suspense/%'"
        );
    "the refunds of an order are lost": UnappliedWithoutRefund of "order", UNAPPLIED,
        "DELETE FROM refunds WHERE tenant = '{tenant}' AND order_id = {subject}";
    "refunds of another amount": UnappliedWithoutRefund of "order", UNAPPLIED,
        "UPDATE refunds SET amount = amount - 1 WHERE tenant = '{tenant}' AND order_id = {subject}";
    "refunds of another payment": UnappliedWithoutRefund of "order", UNAPPLIED,
        "UPDATE refunds SET payment_reference = 'x'
         WHERE tenant = '{tenant}' AND order_id = {subject}";
    "a hold is lost": RefundWithoutHold of "refund", DONE,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'hold'");
    "a hold of another amount": RefundWithoutHold of "refund", FAILED,
        concat!(of_refund!("UPDATE transfers SET amount = amount + 1"), " AND phase = 'hold'");
    "a hold in another suspense": RefundWithoutHold of "refund", DONE,
        concat!(of_refund!("UPDATE transfers SET debit = 'suspense/0'"), " AND phase = 'hold'");
    "a hold is booked twice": RefundWithoutHold of "refund", OPEN_REFUND,
        twice!("refund", "phase", "phase = 'hold'");
    "a refund is not posted": RefundWithoutPost of "refund", DONE,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'post_held'");
    "a refund through another channel account": RefundWithoutPost of "refund", DONE,
        concat!(
            of_refund!("UPDATE transfers SET credit = 'channel_funds/elsewhere'"),
            " AND phase = 'post_held'"
        );
    "a refund that is done goes on": RefundWithoutPost of "refund", DONE,
        of_row!("UPDATE refunds SET state = 'processing', ended_at = NULL, refund_reference = NULL,
            settled_refund = NULL");
    "a failed refund passes for done": RefundWithoutPost of "refund", FAILED,
        of_row!(
            "UPDATE refunds SET state = 'done', refund_reference = 'x', reason = NULL,
                is_proven = NULL, settled_refund = settled_amount"
        );
    "a failed refund passes for settled": RefundWithoutPost of "refund", FAILED,
        of_row!(
            "UPDATE refunds SET state = 'settled_by_hand', refund_reference = 'x', note = 'x',
                reason = NULL, is_proven = NULL"
        );
    "a refund that was settled by hand is not posted": RefundWithoutPost of "refund", SETTLED,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'post_held'");
    "a refund that was settled by hand goes on": RefundWithoutPost of "refund", SETTLED,
        of_row!(
            "UPDATE refunds SET state = 'failed', reason = 'x', is_proven = 1,
                refund_reference = NULL, note = NULL"
        );
    "what was settled by hand is posted to nobody's account": RefundWithoutPost of "refund", SETTLED,
        concat!(
            of_refund!("UPDATE transfers SET credit = 'merchant_pending/CM0002'"),
            " AND phase = 'post_held'"
        );
    "a refund's coupon does not go back": RefundWithoutPost of "refund", COUPON_BACK,
        concat!(of_refund!("DELETE FROM transfers"), " AND reason = 'coupon'");
    "a refund's coupon goes to another merchant": RefundWithoutPost of "refund", COUPON_BACK,
        concat!(
            of_refund!("UPDATE transfers SET credit = 'merchant_coupons/CM0002'"),
            " AND reason = 'coupon'"
        );
    "a refund took more than it says": RefundWithoutPost of "refund", COUPON_BACK,
        of_row!("UPDATE refunds SET settled_refund = amount");
    "a late refund is not posted": RefundWithoutPost of "refund", LATE,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'post'");
    "a failed refund is released": RefundReleased of "refund", FAILED,
        twice!("refund", "'release'", "phase = 'hold'");
    "a refund that is done is released, too": RefundReleased of "refund", DONE,
        twice!("refund", "'release'", "phase = 'post_held'");
    "a failed refund is not released": RefundWithoutHold of "refund", REQUESTED_FAILED,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'release'");
    "a requested refund is held no more": RefundWithoutHold of "refund", REQUESTED_OPEN,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'hold'");
    "a requested refund is held in suspense": RefundWithoutHold of "refund", REQUESTED_OPEN,
        concat!(
            of_refund!("UPDATE transfers SET debit = 'suspense/100001'"),
            " AND phase = 'hold'"
        );
    "a requested refund is done and moved nothing": RefundWithoutPost of "refund", REQUESTED_DONE,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'post_held'");
    "a requested refund comes from suspense": RefundWithoutPost of "refund", REQUESTED_OPEN,
        concat!(
            of_refund!("UPDATE transfers SET debit = 'suspense/100001'"),
            " AND phase = 'post'"
        );
    "a requested refund took nothing": RefundNotTaken of "refund", REQUESTED_OPEN,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'post'");
    "a failed refund is not put back": RefundNotTaken of "refund", REQUESTED_FAILED,
        concat!(
            of_refund!("DELETE FROM transfers"),
            " AND phase = 'post' AND debit LIKE 'refunds_payable/%'"
        );
    "a requested refund took more": RefundNotTaken of "refund", REQUESTED_DONE,
        concat!(
            of_refund!("UPDATE transfers SET amount = amount + 1"),
            " AND phase = 'post' AND credit LIKE 'refunds_payable/%'"
        );
    "an order forgets what its refunds have reserved": RefundsNotCounted of "order", REFUNDED,
        of_row!("UPDATE orders SET refunding = 0");
    "an order counts more than was given back": RefundsNotCounted of "order", REFUNDED,
        of_row!("UPDATE orders SET refunded = refunded + 1");
    "the requested refunds of an order are lost": RefundsNotCounted of "order", REFUNDED,
        "DELETE FROM refunds WHERE tenant = '{tenant}' AND order_id = {subject}";
    "a refund says that it holds more": HeldDiffers of "refund", OPEN_REFUND,
        of_row!("UPDATE refunds SET held = held + 1");
    "a refund that is done holds again": HeldDiffers of "refund", DONE,
        of_row!("UPDATE refunds SET held = amount");
    "an open refund's hold is lost": HeldDiffers of "refund", OPEN_REFUND,
        concat!(of_refund!("DELETE FROM transfers"), " AND phase = 'hold'");
    "an order says that it holds": HeldDiffers of "order", PAID,
        of_row!("UPDATE orders SET held = 1");
    "a refund is lost": HoldWithoutRow of "refund", DONE,
        of_row!("DELETE FROM refunds");
    "a hold for an order that is not there": HoldWithoutRow of "order", OPEN_REFUND,
        concat!(
            of_refund!("UPDATE transfers SET subject_kind = 'order'"),
            " AND phase = 'hold'"
        );
    "an order's task is lost": OpenWithoutTask of "order", OPEN_ORDER,
        of_order!("DELETE FROM tasks");
    "a refund's task is lost": OpenWithoutTask of "refund", OPEN_REFUND,
        of_refund!("DELETE FROM tasks");
    "a notification's task is lost": OpenWithoutTask of "notification", DUE_NOTIFICATION,
        "DELETE FROM tasks WHERE tenant = '{tenant}' AND subject_kind = 'notification'
         AND subject_id = {subject}";
    "a notification is lost": PaidWithoutNotification of "order", PAID,
        "DELETE FROM notifications WHERE tenant = '{tenant}' AND root = {subject}";
    "a notification about something else": PaidWithoutNotification of "order", PAID,
        "UPDATE notifications SET about_kind = 'refund'
         WHERE tenant = '{tenant}' AND root = {subject}";
    "an event is lost": EventsMissing of "order", PAID,
        concat!(of_order!("DELETE FROM events"), " AND sequence = 1");
    "an order has gone on without an event": EventsMissing of "order", OPEN_ORDER,
        of_row!("UPDATE orders SET version = version + 1");
    "an event of a refund is lost": EventsMissing of "refund", OPEN_REFUND,
        concat!(of_refund!("DELETE FROM events"), " AND sequence = 1");
    "what a withdrawal paid is booked elsewhere": WithdrawalWithoutTransfers of "withdrawal", WITHDRAWAL,
        "UPDATE transfers SET credit = 'write_off/100001' WHERE tenant = '{tenant}'
         AND subject_kind = 'withdrawal' AND subject_id = {subject} AND phase = 'post_held'";
    "a paid withdrawal passes for failed": WithdrawalWithoutTransfers of "withdrawal", WITHDRAWAL,
        "UPDATE withdrawals SET state = 'failed', outside_reference = NULL
         WHERE tenant = '{tenant}' AND id = {subject}";
    "an event of a withdrawal is lost": EventsMissing of "withdrawal", WITHDRAWAL,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'withdrawal'
         AND subject_id = {subject} AND sequence = 2";
    "an event of an approval is lost": EventsMissing of "approval", APPROVAL,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'approval'
         AND subject_id = {subject} AND sequence = 1";
    "an event of an allocation is lost": EventsMissing of "allocation", ALLOCATION,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'allocation'
         AND subject_id = {subject} AND sequence = 1";
    "an allocation has more taken back": AllocatedDiffers of "order", ALLOCATED,
        "UPDATE allocations SET returned = returned + 1
         WHERE tenant = '{tenant}' AND order_id = {subject} AND period = 'D1'";
    "an allocation is lost": AllocatedDiffers of "order", ALLOCATED,
        "DELETE FROM allocations WHERE tenant = '{tenant}' AND order_id = {subject}";
    "an order has nothing allocated": AllocatedDiffers of "order", ALLOCATED,
        of_row!("UPDATE orders SET allocated = 0");
    "an event of a share is lost": EventsMissing of "share", SHARE,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'share'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a share's return is lost": EventsMissing of "share_return", SHARE_RETURN,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'share_return'
         AND subject_id = {subject} AND sequence = 1";
    "a share is lost": SharedDiffers of "order", SHARED,
        "DELETE FROM shares WHERE tenant = '{tenant}' AND order_id = {subject}";
    "the return of a share is lost": SharedDiffers of "order", SHARED,
        "DELETE FROM share_returns WHERE tenant = '{tenant}' AND order_id = {subject}";
    "an ended share passes for a running one": SharedDiffers of "order", SHARED,
        "UPDATE shares SET state = 'processing', ended_at = NULL
         WHERE tenant = '{tenant}' AND order_id = {subject}";
    "an order has nothing shared": SharedDiffers of "order", SHARED,
        of_row!("UPDATE orders SET shared = 0");
    "an order has more reserved for shares": SharedDiffers of "order", SHARED,
        of_row!("UPDATE orders SET sharing = sharing + 1");
    "a card is worth more": CardsDiffer of "card_batch", CARD_BATCH,
        "UPDATE cards SET face = face + 1 WHERE tenant = '{tenant}' AND batch_id = {subject}";
    "more of a card is spent": CardsDiffer of "card_batch", CARD_BATCH,
        "UPDATE cards SET spent = spent + 1 WHERE tenant = '{tenant}' AND batch_id = {subject}
         AND state = 'bound'";
    "cards pass for expired": CardsDiffer of "card_batch", CARD_BATCH,
        "UPDATE cards SET state = 'expired' WHERE tenant = '{tenant}' AND batch_id = {subject}";
    "the book has more for cards": CardsDiffer of "card_batch", CARD_BATCH,
        "UPDATE balances SET posted = posted + 1
         WHERE tenant = '{tenant}' AND account = 'card_liability/' || '{subject}'";
    "a batch has more reserved": StockDiffers of "card_batch", CARD_BATCH,
        of_row!("UPDATE card_batches SET reserved = reserved + 1");
    "a batch has fewer issued": StockDiffers of "card_batch", CARD_BATCH,
        of_row!("UPDATE card_batches SET issued = issued - 1");
    "a card is lost": RechargeDiffers of "recharge", RECHARGE,
        "DELETE FROM cards WHERE tenant = '{tenant}' AND recharge_id = {subject}";
    "a paid purchase passes for released": RechargeDiffers of "recharge", RECHARGE,
        of_row!("UPDATE recharges SET state = 'released', first_card = NULL");
    "an event of a batch is lost": EventsMissing of "card_batch", CARD_BATCH,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'card_batch'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a quota is lost": EventsMissing of "card_quota", CARD_QUOTA,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'card_quota'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a recharge is lost": EventsMissing of "recharge", RECHARGE,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'recharge'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a card is lost": EventsMissing of "card", CARD,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'card'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a binding is lost": EventsMissing of "card_binding", CARD_BINDING,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'card_binding'
         AND subject_id = {subject} AND sequence = 1";
    "what an order took from a wallet is lost": WalletPaymentDiffers of "order", WALLET_ORDER,
        "DELETE FROM wallet_payments WHERE tenant = '{tenant}' AND order_id = {subject}";
    "a wallet got less back than was refunded": WalletPaymentDiffers of "order", WALLET_ORDER,
        "UPDATE orders SET refunded = refunded + 1 WHERE tenant = '{tenant}' AND id = {subject}";
    "a wallet got more back": WalletPaymentDiffers of "order", WALLET_ORDER,
        "UPDATE wallet_payments SET returned = returned + 1
         WHERE tenant = '{tenant}' AND order_id = {subject}";
    "a part of what an order took passes for another": WalletPartsDiffer of "wallet_payment",
        WALLET_PAYMENT,
        "UPDATE wallet_payments SET parts = replace(parts, '\"amount\":', '\"amount\":1')
         WHERE tenant = '{tenant}' AND id = {subject}";
    "what an order took came from elsewhere": WalletPartsDiffer of "wallet_payment", WALLET_PAYMENT,
        "UPDATE transfers SET debit = 'merchant_pending/CM0002' WHERE tenant = '{tenant}'
         AND subject_kind = 'wallet_payment' AND subject_id = {subject}
         AND reason = 'stored_value_payment'";
    "cards are in no wallet": WalletCardsDiffer of "wallet", CARD_WALLET,
        "UPDATE cards SET wallet_id = NULL, bound_at = NULL
         WHERE tenant = '{tenant}' AND wallet_id = {subject}";
    "a wallet forgets its cards": WalletCardsDiffer of "wallet", CARD_WALLET,
        of_row!("UPDATE wallets SET cards = NULL");
    "a void card forgets its refund": CardVoidDiffers of "card", VOID_CARD,
        of_row!("UPDATE cards SET void_by = NULL");
    "a card whose price was given back is usable": CardVoidDiffers of "card", VOID_CARD,
        of_row!("UPDATE cards SET state = 'issued', void_by = NULL");
    "a card is void for a refund that has failed": CardVoidDiffers of "card", VOID_CARD,
        "UPDATE refunds SET state = 'failed' WHERE tenant = '{tenant}'
         AND id = (SELECT void_by FROM cards WHERE tenant = '{tenant}' AND id = {subject})";
    "an owner has bought more": QuotaDiffers of "card_quota", CARD_QUOTA,
        of_row!("UPDATE card_quotas SET taken = taken + 1");
    "cards were issued that are worth more": RechargeNotBooked of "recharge", RECHARGE,
        "UPDATE transfers SET amount = amount + 1 WHERE tenant = '{tenant}'
         AND subject_kind = 'recharge' AND subject_id = {subject} AND reason = 'card_issue'";
    "what was paid into a wallet is in another": RechargeNotBooked of "recharge", PAID_IN,
        "UPDATE transfers SET credit = credit || '0' WHERE tenant = '{tenant}'
         AND subject_kind = 'recharge' AND subject_id = {subject}
         AND credit LIKE 'wallet_principal/%'";
    "the bonus of a payment into a wallet is lost": RechargeNotBooked of "recharge", PAID_IN,
        "DELETE FROM transfers WHERE tenant = '{tenant}' AND subject_kind = 'recharge'
         AND subject_id = {subject} AND credit LIKE 'wallet_bonus/%'";
    "an event of a wallet is lost": EventsMissing of "wallet", WALLET,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'wallet'
         AND subject_id = {subject} AND sequence = 1";
    "an event of a wallet's payment is lost": EventsMissing of "wallet_payment", WALLET_PAYMENT,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'wallet_payment'
         AND subject_id = {subject} AND sequence = 1";
    "a wallet has less frozen": HeldDiffers of "wallet_freeze", WALLET_FREEZE,
        "UPDATE wallet_freezes SET held = held - 1 WHERE tenant = '{tenant}' AND id = {subject}";
    "an event of a freeze is lost": EventsMissing of "wallet_freeze", WALLET_FREEZE,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'wallet_freeze'
         AND subject_id = {subject} AND sequence = 1";
    "an agreement forgets its debit": DebitDiffers of "agreement", AGREEMENT,
        "UPDATE agreements SET debiting = NULL WHERE tenant = '{tenant}' AND id = {subject}";
    "an agreement debits an order that has ended": DebitDiffers of "agreement", AGREEMENT,
        "UPDATE agreements SET debiting = (SELECT id FROM order_terms
            WHERE tenant = '{tenant}' AND agreement_id = {subject} ORDER BY id LIMIT 1)
         WHERE tenant = '{tenant}' AND id = {subject}";
    "an event of an agreement is lost": EventsMissing of "agreement", AGREEMENT,
        "DELETE FROM events WHERE tenant = '{tenant}' AND subject_kind = 'agreement'
         AND subject_id = {subject} AND sequence = 1";
    "archived events pass for those of another archive": ArchivesDiffer of "archive", ARCHIVE,
        "UPDATE archived_events SET archive = archive + 1
         WHERE tenant = '{tenant}' AND archive = {subject}";
    "it is forgotten what an archive has": ArchivesDiffer of "archive", ARCHIVE,
        "DELETE FROM archived_events WHERE tenant = '{tenant}' AND archive = {subject}";
    "it is forgotten that a notification was archived": PaidWithoutNotification of "order", ARCHIVED,
        concat!(of_archived!("DELETE FROM archived_events"), " AND subject_kind = 'notification'");
    "it is forgotten that an order was archived": EventsMissing of "order", ARCHIVED,
        concat!(of_archived!("DELETE FROM archived_events"), " AND subject_kind = 'order'");
    "the record of an archive is lost": ArchivesDiffer of "archive", ARCHIVE,
        "DELETE FROM archives WHERE tenant = '{tenant}' AND number = {subject}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_damage() {
        for rule in Rule::ALL {
            assert!(DAMAGES.iter().any(|damage| damage.rule == rule), "{rule:?} is not tested");
        }
    }
}
