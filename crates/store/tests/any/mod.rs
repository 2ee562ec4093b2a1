//! Any value that a row can hold. Strategies are boxed because a test thread has a small stack.

mod agreement;
mod card;
mod share;
mod wallet;

use channel::{Operation, PayForm, Payer, PlatformKey, RefundCause, Scene};
use kernel::{
    AccountSetting, Aggregate, AgreementChange, AllocatePeriod, Allocation, AllocationChange,
    AllocationPart, AllocationRelease, AllocationReleaseChange, AllocationState, AllocationTerms,
    Approval, ApprovalChange, ApprovalState, Attempt, Attention, AttentionKind, Blocked,
    CallRecord, Caller, CallerKey, CallerKeyChange, CallerProof, CancelState, CardBatchChange,
    CardBindingChange, CardChange, CardQuotaChange, CardTransferChange, Change, ChannelAccount,
    ChannelAccountChange, Closure, ConcernedPayment, ContestedPayment, Debit, Delivery,
    InFlightCall, ItemTerms, KnownPayInfo, ManualCommand, Merchant, MerchantChange, MerchantId,
    MerchantSharing, Mismatch, Need, Notification, NotificationChange, NotificationKind,
    NotificationState, Order, OrderChange, OrderFunds, OrderRequest, OrderState, Paid, PayeeChange,
    Payout, RechargeChange, Refund, RefundChange, RefundPart, RefundRequest, RefundReturn,
    RefundSource, RefundState, Row, Sealed, SecondPayout, ShareAmount, ShareChange,
    ShareReturnChange, ShareTemplate, Splits, Tenant, TenantChange, TenantId, Terms,
    UnappliedOutcome, UnappliedPayment, WalletChange, WalletFreezeChange, WalletPaymentChange,
    Withdrawal, WithdrawalChange, WithdrawalState,
};
use ledger::{
    Account, AccountKind, Currency, Fen, Id, Phase, Reason, Subject, SubjectKind, Timestamp,
    Transfer, kinds,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

pub(crate) use agreement::any_agreement;
pub(crate) use card::{
    any_card, any_card_batch, any_card_binding, any_card_quota, any_card_transfer, any_recharge,
};
pub(crate) use share::{any_payee, any_share, any_share_return};
pub(crate) use wallet::{any_wallet, any_wallet_freeze, any_wallet_payment};

fn text() -> BoxedStrategy<String> {
    prop_oneof![any::<String>(), "[\"\\\\\n\u{0}{}茶🍵]{0,6}"].boxed()
}

fn name() -> BoxedStrategy<Arc<str>> {
    text().prop_map(Arc::from).boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    any::<i64>().prop_map(Timestamp::from_ms).boxed()
}

fn fen() -> BoxedStrategy<Fen> {
    any::<i64>().prop_map(Fen::new).boxed()
}

fn id<K: ledger::Named + 'static>() -> BoxedStrategy<Id<K>> {
    any::<i64>().prop_map(Id::from_value).boxed()
}

/// An id that is written as 18 digits, as every one that is made.
fn written_id<K: ledger::Named + 'static>() -> BoxedStrategy<Id<K>> {
    (0..1_000_000_000_000_000_000_i64).prop_map(Id::from_value).boxed()
}

fn tenant() -> BoxedStrategy<TenantId> {
    text().prop_map(|text| TenantId::new(&text)).boxed()
}

fn operation() -> BoxedStrategy<Operation> {
    select(Operation::ALL.to_vec()).boxed()
}

fn closure() -> BoxedStrategy<Closure> {
    let refused = text().prop_map(|reason| Closure::Refused { reason });
    prop_oneof![
        Just(Closure::Expired),
        Just(Closure::Asked),
        Just(Closure::OutcomeUnknown),
        refused
    ]
    .boxed()
}

pub(crate) fn any_caller() -> BoxedStrategy<Caller> {
    prop_oneof![
        name().prop_map(Caller::Business),
        name().prop_map(Caller::Channel),
        Just(Caller::Clock),
        name().prop_map(Caller::Operator),
    ]
    .boxed()
}

fn in_flight() -> BoxedStrategy<InFlightCall> {
    (operation(), time()).prop_map(|(operation, until)| InFlightCall { operation, until }).boxed()
}

fn attention() -> BoxedStrategy<Attention> {
    (select(AttentionKind::ALL.to_vec()), name(), time())
        .prop_map(|(kind, reason, since)| Attention { kind, reason, since })
        .boxed()
}

fn subject() -> BoxedStrategy<Subject> {
    (select(SubjectKind::ALL.to_vec()), any::<i64>())
        .prop_map(|(kind, value)| Subject { kind, value })
        .boxed()
}

pub(crate) fn any_call() -> BoxedStrategy<CallRecord> {
    (of(operation()), time(), any::<i64>(), any::<Option<u16>>(), of(text()), text())
        .prop_map(|(operation, at, took_ms, status, channel_trace, summary)| CallRecord {
            operation,
            at,
            took_ms,
            status,
            channel_trace,
            summary,
        })
        .boxed()
}

fn pay_info(text: BoxedStrategy<Option<String>>) -> BoxedStrategy<KnownPayInfo> {
    (select(PayForm::ALL.to_vec()), text, time())
        .prop_map(|(form, text, valid_until)| KnownPayInfo { form, text, valid_until })
        .boxed()
}

fn paid() -> BoxedStrategy<Paid> {
    (time(), text(), fen(), fen(), fen())
        .prop_map(|(at, payment_reference, amount, settled_amount, payer_amount)| Paid {
            at,
            payment_reference,
            amount,
            settled_amount,
            payer_amount,
        })
        .boxed()
}

fn payer() -> BoxedStrategy<Payer> {
    (of(text()), of(text()), of(text()), of(text()))
        .prop_map(|(app_id, user_id, client_ip, device_id)| Payer {
            app_id,
            user_id,
            client_ip,
            device_id,
        })
        .boxed()
}

fn splits() -> BoxedStrategy<Splits> {
    let allocation = (text(), fen(), select(AllocatePeriod::ALL.to_vec()), any::<bool>()).prop_map(
        |(merchant, amount, period, is_frozen)| AllocationTerms {
            merchant: MerchantId::new(&merchant),
            amount,
            period,
            is_frozen,
        },
    );
    let amount =
        prop_oneof![fen().prop_map(ShareAmount::Fixed), any::<u16>().prop_map(ShareAmount::Ratio),];
    let share = (id(), of(text()), amount).prop_map(|(payee, merchant, amount)| ItemTerms {
        payee,
        merchant: merchant.map(|merchant| MerchantId::new(&merchant)),
        amount,
    });
    (vec(allocation, 0..3), vec(share, 0..3), any::<bool>())
        .prop_map(|(allocations, shares, is_shared)| Splits { allocations, shares, is_shared })
        .boxed()
}

fn funds() -> BoxedStrategy<OrderFunds> {
    (fen(), fen(), fen(), fen(), fen(), fen())
        .prop_map(|(refunding, refunded, allocated, sharing, shared, made_up)| OrderFunds {
            refunding,
            refunded,
            allocated,
            sharing,
            shared,
            made_up,
        })
        .boxed()
}

fn request() -> BoxedStrategy<Arc<OrderRequest>> {
    let who = (text(), name(), text(), name());
    let what = (fen(), select(Scene::ALL.to_vec()), text(), payer(), text(), text());
    let options =
        (of(text()), of(text()), of(text()), splits(), of(id()), of(wallet::wallet_use()));
    (who, what, options)
        .prop_map(|(who, what, options)| {
            let (merchant, namespace, merchant_order_no, dialect) = who;
            let (amount, scene, subject, payer, details, content) = what;
            let (goods_tag, notify_url, front_url, splits, recharge, wallet) = options;
            Arc::new(OrderRequest {
                merchant: MerchantId::new(&merchant),
                namespace,
                merchant_order_no,
                dialect,
                amount,
                currency: Currency::Cny,
                scene,
                subject,
                payer,
                goods_tag,
                notify_url,
                front_url,
                splits,
                recharge,
                wallet,
                details,
                content,
            })
        })
        .boxed()
}

fn terms() -> BoxedStrategy<Arc<Terms>> {
    let channel = (text(), name(), name(), name(), name());
    let debit = (id(), any::<bool>())
        .prop_map(|(agreement, is_cancellable)| Debit { agreement, is_cancellable });
    (tenant(), id(), request(), channel, time(), time(), of(debit))
        .prop_map(|(tenant, id, request, channel, placed_at, expires_at, debit)| {
            let (channel_order_no, channel, channel_account, channel_identity, callback_url) =
                channel;
            Arc::new(Terms {
                tenant,
                id,
                channel_order_no,
                request,
                channel,
                channel_account,
                channel_identity,
                callback_url,
                placed_at,
                expires_at,
                debit,
            })
        })
        .boxed()
}

fn order_state() -> BoxedStrategy<OrderState> {
    prop_oneof![
        Just(OrderState::Init),
        pay_info(of(text()).boxed()).prop_map(OrderState::Paying),
        closure().prop_map(OrderState::Closing),
        paid().prop_map(OrderState::Paid),
        (time(), text()).prop_map(|(at, reason)| OrderState::Failed { at, reason }),
        time().prop_map(|at| OrderState::Closed { at }),
    ]
    .boxed()
}

fn unapplied() -> BoxedStrategy<UnappliedPayment> {
    let outcome = prop_oneof![
        id().prop_map(UnappliedOutcome::Refund),
        Just(UnappliedOutcome::Reversed),
        (text(), text()).prop_map(|(outside_reference, note)| UnappliedOutcome::SettledByHand {
            outside_reference,
            note
        }),
        text().prop_map(|note| UnappliedOutcome::WrittenOff { note }),
    ];
    (text(), fen(), fen(), outcome)
        .prop_map(|(payment_reference, amount, settled_amount, outcome)| UnappliedPayment {
            payment_reference,
            amount,
            settled_amount,
            outcome,
        })
        .boxed()
}

fn contested() -> BoxedStrategy<ContestedPayment> {
    (text(), fen(), fen(), of(fen()), time())
        .prop_map(|(payment_reference, amount, settled_amount, payer_amount, at)| {
            ContestedPayment {
                payment_reference,
                amount,
                settled_amount,
                currency: Currency::Cny,
                payer_amount,
                at,
            }
        })
        .boxed()
}

pub(crate) fn any_order() -> BoxedStrategy<Order> {
    let cancel = select(vec![None, Some(CancelState::Sent), Some(CancelState::Answered)]);
    let call = (of(in_flight()), cancel);
    let polls = (call, any::<u32>(), of(time()), (funds(), share::sharing()));
    let needs = (vec(unapplied(), 0..3), of(contested()), of(text()), of(attention()));
    (terms(), any::<i64>(), order_state(), any::<bool>(), polls, needs)
        .prop_map(|(terms, version, state, is_confirmed, polls, needs)| {
            let ((in_flight, cancel), polls, next_poll_at, (funds, sharing)) = polls;
            let (unapplied, contested, note, attention) = needs;
            Order {
                terms,
                version,
                state,
                is_confirmed,
                in_flight,
                cancel,
                funds,
                sharing,
                polls,
                next_poll_at,
                unapplied,
                contested,
                note,
                attention,
            }
        })
        .boxed()
}

fn refund_returns() -> BoxedStrategy<Vec<RefundReturn>> {
    let part = (id(), share::return_item()).prop_map(|(share, item)| RefundReturn { share, item });
    vec(part, 0..3).boxed()
}

fn refund_state() -> BoxedStrategy<RefundState> {
    prop_oneof![
        (subject(), any::<bool>())
            .prop_map(|(step, is_requested)| RefundState::Preparing { step, is_requested }),
        Just(RefundState::Requesting),
        Just(RefundState::Processing),
        (time(), text(), fen()).prop_map(|(at, refund_reference, settled_refund)| {
            RefundState::Done { at, refund_reference, settled_refund }
        }),
        (time(), text(), any::<bool>()).prop_map(|(at, reason, is_proven)| RefundState::Failed {
            at,
            reason,
            is_proven
        }),
        (time(), text(), text()).prop_map(|(at, outside_reference, note)| {
            RefundState::SettledByHand { at, outside_reference, note }
        }),
        (time(), text()).prop_map(|(at, note)| RefundState::WrittenOff { at, note }),
    ]
    .boxed()
}

fn need() -> BoxedStrategy<Need> {
    (select(AttentionKind::ALL.to_vec()), text())
        .prop_map(|(kind, reason)| Need { kind, reason })
        .boxed()
}

fn withdrawal_state() -> BoxedStrategy<WithdrawalState> {
    let paid = (time(), text(), text());
    prop_oneof![
        Just(WithdrawalState::Accepted),
        paid.prop_map(|(at, outside_reference, note)| {
            WithdrawalState::Paid { at, outside_reference, note }
        }),
        (time(), text()).prop_map(|(at, note)| WithdrawalState::Failed { at, note }),
    ]
    .boxed()
}

pub(crate) fn any_withdrawal() -> BoxedStrategy<Withdrawal> {
    let who = (tenant(), id(), text(), name(), text(), name());
    let what = (fen(), of(text()), of(text()), select(Payout::ALL.to_vec()));
    (who, what, time(), any::<i64>(), withdrawal_state())
        .prop_map(|(who, what, made_at, version, state)| {
            let (tenant, id, merchant, namespace, withdrawal_no, dialect) = who;
            let (amount, notify_url, remark, payout) = what;
            Withdrawal {
                tenant,
                id,
                merchant: MerchantId::new(&merchant),
                namespace,
                withdrawal_no,
                dialect,
                amount,
                notify_url,
                remark,
                payout,
                made_at,
                version,
                state,
            }
        })
        .boxed()
}

fn withdrawal_change() -> BoxedStrategy<WithdrawalChange> {
    let paid = (text(), text());
    prop_oneof![
        paid.prop_map(|(outside_reference, note)| {
            WithdrawalChange::Paid { outside_reference, note }
        }),
        text().prop_map(|note| WithdrawalChange::Failed { note }),
    ]
    .boxed()
}

/// A command about a withdrawal, with its root.
fn withdrawal_command() -> BoxedStrategy<(Subject, ManualCommand)> {
    let paid = (id::<kinds::Withdrawal>(), text(), text());
    prop_oneof![
        paid.prop_map(|(withdrawal, note, outside_reference)| {
            let root = withdrawal.subject();
            (root, ManualCommand::BookPaid { withdrawal, note, outside_reference })
        }),
        (id::<kinds::Withdrawal>(), text()).prop_map(|(withdrawal, note)| {
            (withdrawal.subject(), ManualCommand::BookFailed { withdrawal, note })
        }),
    ]
    .boxed()
}

fn manual_command(order: Id<kinds::Order>) -> BoxedStrategy<ManualCommand> {
    prop_oneof![
        text().prop_map(|payment_reference| ManualCommand::ApplyPayment { payment_reference }),
        text().prop_map(|payment_reference| ManualCommand::GiveBack { payment_reference }),
        (text(), text()).prop_map(|(note, outside_reference)| {
            ManualCommand::SettleByHand { note, outside_reference }
        }),
        text().prop_map(|note| ManualCommand::WriteOff { note }),
        text().prop_map(|note| ManualCommand::CloseForGood { note }),
        (id(), text(), text()).prop_map(move |(refund, note, outside_reference)| {
            ManualCommand::SettleRefundByHand { order, refund, note, outside_reference }
        }),
        (id(), text()).prop_map(move |(refund, note)| ManualCommand::WriteRefundOff {
            order,
            refund,
            note
        }),
        (id(), share::hand_end()).prop_map(move |(share, end)| ManualCommand::EndShare {
            order,
            share,
            end
        }),
        (id(), share::hand_end()).prop_map(move |(share_return, end)| {
            ManualCommand::EndShareReturn { order, share_return, end }
        }),
    ]
    .boxed()
}

fn approval_state() -> BoxedStrategy<ApprovalState> {
    prop_oneof![
        Just(ApprovalState::Proposed),
        (time(), name()).prop_map(|(at, by)| ApprovalState::Approved { at, by }),
        (time(), name(), text()).prop_map(|(at, by, reason)| ApprovalState::Refused {
            at,
            by,
            reason
        }),
        (time(), name(), text()).prop_map(|(at, by, note)| ApprovalState::Rejected {
            at,
            by,
            note
        }),
        time().prop_map(|at| ApprovalState::Expired { at }),
    ]
    .boxed()
}

pub(crate) fn any_approval() -> BoxedStrategy<Approval> {
    let of_order = id()
        .prop_flat_map(|order: Id<kinds::Order>| (Just(order.subject()), manual_command(order)));
    let what = prop_oneof![3 => of_order, 1 => withdrawal_command()].boxed();
    let payment = (text(), fen())
        .prop_map(|(payment_reference, amount)| ConcernedPayment { payment_reference, amount });
    let when = (any::<i64>(), time(), time(), approval_state());
    (tenant(), id(), what, of(payment), text(), name(), when)
        .prop_map(|(tenant, id, (root, command), payment, digest, proposer, when)| {
            let (version, proposed_at, expires_at, state) = when;
            Approval {
                tenant,
                id,
                root,
                command,
                payment,
                digest,
                proposer,
                version,
                proposed_at,
                expires_at,
                state,
            }
        })
        .boxed()
}

fn allocation_state() -> BoxedStrategy<AllocationState> {
    prop_oneof![
        time().prop_map(|until| AllocationState::Waiting { until }),
        time().prop_map(|at| AllocationState::Credited { at }),
        (time(), text()).prop_map(|(at, reason)| AllocationState::Failed { at, reason }),
    ]
    .boxed()
}

pub(crate) fn any_allocation() -> BoxedStrategy<Allocation> {
    let who = (tenant(), id(), id(), text());
    let what = (fen(), select(AllocatePeriod::ALL.to_vec()), any::<bool>(), time());
    let sums = (any::<i64>(), allocation_state(), fen(), fen());
    (who, what, sums)
        .prop_map(|((tenant, id, order, merchant), what, sums)| {
            let (amount, period, is_frozen, made_at) = what;
            let (version, state, released, returned) = sums;
            Allocation {
                tenant,
                id,
                order,
                merchant: MerchantId::new(&merchant),
                amount,
                period,
                is_frozen,
                made_at,
                version,
                state,
                released,
                returned,
            }
        })
        .boxed()
}

fn allocation_change() -> BoxedStrategy<AllocationChange> {
    prop_oneof![
        Just(AllocationChange::Credited),
        (id(), fen()).prop_map(|(by, amount)| AllocationChange::Released { by, amount }),
        (id(), fen()).prop_map(|(by, amount)| AllocationChange::TakenBack { by, amount }),
        (id(), fen()).prop_map(|(by, amount)| AllocationChange::PutBack { by, amount }),
    ]
    .boxed()
}

pub(crate) fn any_allocation_release() -> BoxedStrategy<AllocationRelease> {
    let part = (text(), fen()).prop_map(|(merchant, amount)| AllocationPart {
        merchant: MerchantId::new(&merchant),
        amount,
    });
    let who = (tenant(), id(), id(), name(), text());
    (who, vec(part, 0..3), time(), any::<i64>())
        .prop_map(|((tenant, id, order, namespace, number), parts, made_at, version)| {
            AllocationRelease { tenant, id, order, namespace, number, parts, made_at, version }
        })
        .boxed()
}

fn approval_change() -> BoxedStrategy<ApprovalChange> {
    prop_oneof![
        time().prop_map(|expires_at| ApprovalChange::ProposedAgain { expires_at }),
        name().prop_map(|by| ApprovalChange::Approved { by }),
        (name(), text()).prop_map(|(by, reason)| ApprovalChange::Refused { by, reason }),
        (name(), text()).prop_map(|(by, note)| ApprovalChange::Rejected { by, note }),
        Just(ApprovalChange::Expired),
    ]
    .boxed()
}

fn refund_request() -> BoxedStrategy<Arc<RefundRequest>> {
    let texts = (text(), of(text()), of(text()), text());
    (name(), name(), texts, any::<bool>())
        .prop_map(|(namespace, dialect, texts, is_to_balance)| {
            let (merchant_refund_no, reason, notify_url, details) = texts;
            Arc::new(RefundRequest {
                namespace,
                merchant_refund_no,
                dialect,
                reason,
                notify_url,
                details,
                is_to_balance,
            })
        })
        .boxed()
}

fn refund_parts() -> BoxedStrategy<Vec<RefundPart>> {
    let source = prop_oneof![
        Just(RefundSource::OwnMerchant),
        id().prop_map(RefundSource::Allocation),
        id().prop_map(RefundSource::Card),
        id().prop_map(RefundSource::Wallet),
    ];
    let part = (source, fen()).prop_map(|(source, amount)| RefundPart { source, amount });
    vec(part, 0..3).boxed()
}

fn payouts() -> BoxedStrategy<Vec<SecondPayout>> {
    let payout = (text(), fen(), any::<bool>()).prop_map(|(refund_reference, amount, is_back)| {
        SecondPayout { refund_reference, amount, is_back }
    });
    proptest::collection::vec(payout, 0..2).boxed()
}

pub(crate) fn any_refund() -> BoxedStrategy<Refund> {
    let who = (tenant(), id(), id(), text(), text(), text());
    let amounts = (fen(), fen(), fen());
    let request = of((refund_request(), refund_parts()));
    let what = (amounts, request, select(RefundCause::ALL.to_vec()), time(), any::<i64>());
    let polls = (
        refund_state(),
        any::<u32>(),
        any::<u32>(),
        of(time()),
        of(attention()),
        of(text()),
        payouts(),
    );
    (who, what, polls, refund_returns())
        .prop_map(|(who, what, polls, returns)| {
            let (tenant, id, order, merchant_order_no, channel_refund_no, payment_reference) = who;
            let ((paid, amount, settled_amount), request, cause, made_at, version) = what;
            let (request, parts) = request.unzip();
            let (state, attempt, polls, next_poll_at, attention, dismissal, payouts) = polls;
            Refund {
                returns,
                dismissal,
                second_payouts: payouts,
                tenant,
                id,
                order,
                merchant_order_no,
                channel_refund_no,
                payment_reference,
                paid,
                amount,
                settled_amount,
                cause,
                request,
                parts: parts.unwrap_or_default(),
                made_at,
                version,
                attempt,
                attention,
                state,
                polls,
                next_poll_at,
            }
        })
        .boxed()
}

fn notification_state() -> BoxedStrategy<NotificationState> {
    prop_oneof![
        time().prop_map(|next_attempt_at| NotificationState::Due { next_attempt_at }),
        time().prop_map(|at| NotificationState::Delivered { at }),
        time().prop_map(|at| NotificationState::GivenUp { at }),
        time().prop_map(|at| NotificationState::Dismissed { at }),
    ]
    .boxed()
}

pub(crate) fn any_notification() -> BoxedStrategy<Notification> {
    let about = (subject(), text(), id(), select(NotificationKind::ALL.to_vec()));
    let counts = (any::<i64>(), any::<u32>(), any::<u32>());
    (tenant(), id(), about, name(), text(), time(), notification_state(), counts)
        .prop_map(|(tenant, id, about, dialect, url, made_at, state, counts)| {
            let ((about, about_no, root, kind), (version, attempts, step)) = (about, counts);
            Notification {
                tenant,
                id,
                about,
                about_no,
                root,
                kind,
                dialect,
                url,
                made_at,
                version,
                state,
                attempts,
                step,
            }
        })
        .boxed()
}

pub(crate) fn any_tenant() -> BoxedStrategy<Tenant> {
    (tenant(), id(), time(), any::<i64>(), name(), any::<bool>())
        .prop_map(|(tenant, id, made_at, version, name, is_enabled)| Tenant {
            tenant,
            id,
            made_at,
            version,
            name,
            is_enabled,
        })
        .boxed()
}

pub(crate) fn any_merchant() -> BoxedStrategy<Merchant> {
    let who = (tenant(), id(), text());
    (who, time(), any::<i64>(), name(), vec(name(), 0..3), sharing(), any::<bool>())
        .prop_map(|(who, made_at, version, name, channel_accounts, sharing, is_enabled)| {
            let (tenant, id, merchant) = who;
            let merchant = MerchantId::new(&merchant);
            Merchant {
                tenant,
                id,
                merchant,
                made_at,
                version,
                name,
                channel_accounts,
                sharing,
                is_enabled,
            }
        })
        .boxed()
}

fn sharing() -> BoxedStrategy<MerchantSharing> {
    let template = prop_oneof![
        vec((id(), any::<u16>()), 0..3).prop_map(ShareTemplate::ByOrder),
        vec((name(), any::<u16>()), 0..3).prop_map(ShareTemplate::ByRole),
    ];
    (any::<bool>(), of(template))
        .prop_map(|(is_on, template)| MerchantSharing { is_on, template })
        .boxed()
}

fn sealed() -> BoxedStrategy<Sealed> {
    text().prop_map(|text| Sealed::new(&text)).boxed()
}

pub(crate) fn any_caller_key() -> BoxedStrategy<CallerKey> {
    let proof = prop_oneof![
        sealed().prop_map(CallerProof::Hmac),
        name().prop_map(|public_key_pem| CallerProof::Rsa { public_key_pem }),
    ];
    (tenant(), id(), name(), time(), any::<i64>(), proof, any::<bool>())
        .prop_map(|(tenant, id, key_id, made_at, version, proof, is_enabled)| CallerKey {
            tenant,
            id,
            key_id,
            made_at,
            version,
            proof,
            is_enabled,
        })
        .boxed()
}

fn platform_key() -> BoxedStrategy<PlatformKey> {
    (text(), text(), time(), time())
        .prop_map(|(serial, pem, valid_from, valid_until)| PlatformKey {
            serial,
            pem,
            valid_from,
            valid_until,
        })
        .boxed()
}

pub(crate) fn any_channel_account() -> BoxedStrategy<ChannelAccount> {
    let setting = prop_oneof![
        text().prop_map(AccountSetting::Plain),
        sealed().prop_map(AccountSetting::Sealed),
    ];
    let who = (tenant(), id(), name(), name());
    let what = (btree_map(text(), setting, 0..3), vec(platform_key(), 0..3), any::<bool>());
    let blocked = (name(), time()).prop_map(|(why, since)| Blocked { why, since });
    let mismatch = (name(), time()).prop_map(|(why, since)| Mismatch { why, since });
    let needs = (name(), of(blocked), of(mismatch));
    (who, time(), any::<i64>(), what, needs)
        .prop_map(|(who, made_at, version, what, needs)| {
            let (identity, blocked, mismatch) = needs;
            let (tenant, id, name, channel) = who;
            let (settings, platform_keys, is_enabled) = what;
            ChannelAccount {
                tenant,
                id,
                name,
                channel,
                made_at,
                version,
                settings,
                platform_keys,
                is_enabled,
                identity,
                blocked,
                mismatch,
            }
        })
        .boxed()
}

fn attempt() -> BoxedStrategy<Attempt> {
    let delivery = prop_oneof![
        any::<u16>().prop_map(|status| Delivery::Acknowledged { status }),
        (any::<u16>(), text()).prop_map(|(status, excerpt)| Delivery::Rejected { status, excerpt }),
        text().prop_map(|why| Delivery::NoAnswer { why }),
    ];
    (time(), any::<i64>(), delivery)
        .prop_map(|(at, took_ms, delivery)| Attempt { at, took_ms, delivery })
        .boxed()
}

pub(crate) fn any_transfer() -> BoxedStrategy<Transfer> {
    let account = || {
        (select(AccountKind::ALL.to_vec()), text())
            .prop_map(|(kind, owner)| Account::new(kind, owner))
    };
    let words = (select(Phase::ALL.to_vec()), select(Reason::ALL.to_vec()));
    (id(), words, account(), account(), fen(), (subject(), id()), time())
        .prop_map(|(id, (phase, reason), debit, credit, amount, (subject, root), at)| Transfer {
            id,
            phase,
            debit,
            credit,
            amount,
            reason,
            subject,
            root,
            at,
        })
        .boxed()
}

/// A change, and the current row of what it happens to.
pub(crate) type Happening = (Row, Change);

/// A change that is beside a row of the same kind.
fn of_row<A: Aggregate>(
    row: BoxedStrategy<A>,
    change: BoxedStrategy<A::Change>,
) -> BoxedStrategy<Happening>
where
    Row: From<A>,
    Change: From<A::Change>,
{
    (row, change).prop_map(|(row, change)| (Row::from(row), Change::from(change))).boxed()
}

/// A change that holds a whole row, of which the current row has the same fixed cells.
fn whole<A: Aggregate>(
    row: BoxedStrategy<A>,
    changes: Vec<fn(Box<A>) -> A::Change>,
) -> BoxedStrategy<Happening>
where
    Row: From<A>,
    Change: From<A::Change>,
{
    (row, select(changes))
        .prop_map(|(row, change)| (Row::from(row.clone()), Change::from(change(Box::new(row)))))
        .boxed()
}

fn order_change() -> BoxedStrategy<OrderChange> {
    prop_oneof![
        Just(OrderChange::Closed),
        in_flight().prop_map(OrderChange::CallBegun),
        of(time()).prop_map(|next_poll_at| OrderChange::CallEnded { next_poll_at }),
        (text(), of(time()))
            .prop_map(|(why, next_poll_at)| OrderChange::MismatchRecorded { why, next_poll_at }),
        of(time()).prop_map(|next_poll_at| OrderChange::Confirmed { next_poll_at }),
        (contested(), text(), of(time())).prop_map(|(payment, why, next_poll_at)| {
            OrderChange::PaymentContested { payment, why, next_poll_at }
        }),
        (text(), of(time()))
            .prop_map(|(why, next_poll_at)| OrderChange::CloseRefused { why, next_poll_at }),
        of(time()).prop_map(|next_poll_at| OrderChange::FreezeWatched { next_poll_at }),
        (text(), of(time()))
            .prop_map(|(why, next_poll_at)| OrderChange::FreezeEnding { why, next_poll_at }),
        Just(OrderChange::CancelAnswered),
        Just(OrderChange::PollRequested),
        (subject(), funds()).prop_map(|(by, delta)| OrderChange::FundsMoved { by, delta }),
        share::sharing().prop_map(OrderChange::SharingChanged),
        text().prop_map(|note| OrderChange::AttentionEnded { note }),
        pay_info(Just(None).boxed()).prop_map(OrderChange::PayInfoReceived),
        paid().prop_map(OrderChange::Paid),
        closure().prop_map(OrderChange::Closing),
        text().prop_map(|reason| OrderChange::Failed { reason }),
        unapplied().prop_map(OrderChange::UnappliedReceived),
    ]
    .boxed()
}

fn refund_change() -> BoxedStrategy<RefundChange> {
    prop_oneof![
        Just(RefundChange::Repeated),
        Just(RefundChange::StepEnded),
        refund_returns().prop_map(|returns| RefundChange::ReturnsEnded { returns }),
        (subject(), any::<bool>(), any::<u32>(), refund_returns(), time()).prop_map(
            |(step, is_requested, attempt, returns, next_poll_at)| RefundChange::PreparedAgain {
                step,
                is_requested,
                attempt,
                returns,
                next_poll_at
            }
        ),
        (operation(), time())
            .prop_map(|(operation, until)| RefundChange::CallBegun { operation, until }),
        (refund_state(), of(time()), of(need())).prop_map(|(state, next_poll_at, need)| {
            RefundChange::Moved { state, next_poll_at, need }
        }),
        Just(RefundChange::PollRequested),
        (any::<u32>(), time()).prop_map(|(attempt, next_poll_at)| {
            RefundChange::NumberRenewed { attempt, next_poll_at }
        }),
        text().prop_map(|note| RefundChange::AttentionEnded { note }),
        (text(), fen(), text()).prop_map(|(refund_reference, amount, why)| {
            RefundChange::PaidAgain { refund_reference, amount, why }
        }),
        (text(), text()).prop_map(|(note, outside_reference)| RefundChange::PaidBack {
            note,
            outside_reference
        }),
        (text(), of(time()))
            .prop_map(|(why, next_poll_at)| RefundChange::MismatchRecorded { why, next_poll_at }),
    ]
    .boxed()
}

fn notification_change() -> BoxedStrategy<NotificationChange> {
    prop_oneof![
        (attempt(), notification_state())
            .prop_map(|(attempt, state)| NotificationChange::Attempted { attempt, state }),
        time().prop_map(|next_attempt_at| NotificationChange::Replayed { next_attempt_at }),
        text().prop_map(|note| NotificationChange::Dismissed { note }),
    ]
    .boxed()
}

fn account_change() -> BoxedStrategy<ChannelAccountChange> {
    prop_oneof![
        vec(platform_key(), 0..3).prop_map(ChannelAccountChange::KeysStored),
        text().prop_map(|why| ChannelAccountChange::MismatchRecorded { why }),
        text().prop_map(|why| ChannelAccountChange::Blocked { why }),
        Just(ChannelAccountChange::Resumed),
        text().prop_map(|note| ChannelAccountChange::MismatchDismissed { note }),
    ]
    .boxed()
}

/// An order as it is placed.
fn new_order() -> BoxedStrategy<Order> {
    (any_order(), in_flight()).prop_map(|(order, call)| Order::new(order.terms, call)).boxed()
}

/// An order as an event can hold it: without the text of its pay info.
fn logged_order() -> BoxedStrategy<Order> {
    any_order()
        .prop_map(|mut order| {
            if let OrderState::Paying(pay_info) = &mut order.state {
                pay_info.text = None;
            }
            order
        })
        .boxed()
}

/// Every kind of change.
pub(crate) fn any_happening() -> BoxedStrategy<Happening> {
    prop_oneof![
        1 => whole(new_order(), vec![OrderChange::Placed]),
        1 => whole(logged_order(), vec![OrderChange::Placed]),
        4 => of_row(any_order(), order_change()),
        1 => whole(any_payee(), vec![PayeeChange::Created]),
        1 => of_row(any_payee(), share::payee_change()),
        1 => whole(any_share(), vec![ShareChange::Made]),
        2 => of_row(any_share(), share::share_change()),
        1 => whole(any_share_return(), vec![ShareReturnChange::Made]),
        2 => of_row(any_share_return(), share::share_return_change()),
        1 => whole(any_refund(), vec![RefundChange::Made]),
        2 => of_row(any_refund(), refund_change()),
        1 => whole(any_notification(), vec![NotificationChange::Queued]),
        2 => of_row(any_notification(), notification_change()),
        1 => whole(any_tenant(), vec![TenantChange::Created, TenantChange::Changed]),
        1 => whole(any_merchant(), vec![MerchantChange::Created, MerchantChange::Changed]),
        1 => whole(any_caller_key(), vec![CallerKeyChange::Created, CallerKeyChange::Changed]),
        1 => whole(
            any_channel_account(),
            vec![ChannelAccountChange::Created, ChannelAccountChange::Changed]
        ),
        1 => of_row(any_channel_account(), account_change()),
        1 => whole(any_approval(), vec![ApprovalChange::Proposed]),
        2 => of_row(any_approval(), approval_change()),
        1 => whole(any_allocation(), vec![AllocationChange::Made]),
        2 => of_row(any_allocation(), allocation_change()),
        1 => whole(any_allocation_release(), vec![AllocationReleaseChange::Made]),
        1 => whole(any_withdrawal(), vec![WithdrawalChange::Accepted]),
        1 => of_row(any_withdrawal(), withdrawal_change()),
        1 => whole(any_card_batch(), vec![CardBatchChange::Created]),
        1 => of_row(any_card_batch(), card::card_batch_change()),
        1 => whole(any_card_quota(), vec![CardQuotaChange::Begun]),
        1 => of_row(any_card_quota(), card::card_quota_change()),
        1 => whole(any_recharge(), vec![RechargeChange::Made]),
        1 => of_row(any_recharge(), card::recharge_change()),
        1 => whole(any_card(), vec![CardChange::Issued]),
        1 => of_row(any_card(), card::card_change()),
        1 => whole(any_card_transfer(), vec![CardTransferChange::Begun]),
        1 => of_row(any_card_transfer(), card::card_transfer_change()),
        1 => whole(any_card_binding(), vec![CardBindingChange::Made]),
        1 => whole(any_wallet(), vec![WalletChange::Opened]),
        1 => of_row(any_wallet(), wallet::wallet_change()),
        1 => whole(any_wallet_payment(), vec![WalletPaymentChange::Taken]),
        1 => of_row(any_wallet_payment(), wallet::wallet_payment_change()),
        1 => whole(any_wallet_freeze(), vec![WalletFreezeChange::Frozen]),
        1 => of_row(any_wallet_freeze(), wallet::wallet_freeze_change()),
        1 => whole(agreement::any_new_agreement(), vec![AgreementChange::Requested]),
        2 => of_row(any_agreement(), agreement::agreement_change()),
    ]
    .boxed()
}
