//! Orders that list payees: checked when they are placed, shared in the commit of their payment, which
//! that never hinders.

mod support;

use kernel::{MerchantId, MerchantSharing, ShareTemplate};
use std::sync::Arc;
use support::script::{check, play};
use support::{MERCHANT, TestKernel, directory, tenant};

#[test]
fn payees_in_the_book_have_their_parts_with_the_payment() {
    check("
        payee b1 book -> payee by created
        payee b2 merchant -> payee by created
        place o1 list=b1:100,b2:10% -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; share ended [done done] by made; order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 100 merchant_pending to payee_available; post 100 merchant_pending to merchant_available; deliver; deliver
        o1 callback: paid tx1 1000 -> order paid by call_ended
        share s1 o1 b1=1 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 1 merchant_pending to payee_available; deliver
        balances -> channel_funds -1000, merchant_pending 799, merchant_available 100, payee_available 101
    ");
}

#[test]
fn payees_at_the_channel_have_their_parts_a_minute_later_and_the_rest_is_released() {
    check("
        payee p1 wx -> payee by created
        place o1 list=p1:300 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; share waiting [open] +60s by made; order paid by paid, funds_moved, sharing_changed; post 1000 channel_funds to merchant_pending; hold 300 merchant_pending to channel_funds; deliver
        share s1 o1 p1=1 -> refused: another share, return or refund of the order is running
        task share -> share waiting [open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        share s1 o1 p1=1 -> refused: the rest of the order is released, nothing more is shared of it
        balances -> channel_funds -700, merchant_pending 700
    ");
}

#[test]
fn what_cannot_be_shared_any_more_never_hinders_the_payment() {
    check("
        payee p1 wx -> payee by created
        payee b1 book -> payee by created
        place o1 list=p1:300 -> order init +30s by placed; ask place
        place o2 list=b1:300 -> order init +30s by placed; ask place
        place o3 list=b1:300 allocate=CM-B:600:D0 -> order init +30s by placed; ask place
        unbind p1 -> payee by unbound
        o1 callback: paid tx1 1000 -> order paid by paid, sharing_changed; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; share waiting [] +60s by made; order paid by paid, sharing_changed; post 1000 channel_funds to merchant_pending; deliver; deliver
        task share -> share requesting [] +30s by call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed
        o2 callback: unclear tx2 900 -> order init +60s !contradiction by payment_contested
        operator apply o2 tx2 -> order paid by paid; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; post 900 channel_funds to merchant_pending; deliver; deliver
        o3 callback: paid tx3 1000/899 -> order paid by paid; allocation failed by made; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; post 899 channel_funds to merchant_pending; post 101 merchant_coupons to merchant_pending; deliver; deliver
        balances -> channel_funds -2799, merchant_pending 2900, merchant_coupons -101
    ");
}

#[test]
fn a_list_that_cannot_be_carried_out_is_refused_by_its_item() {
    check("
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        payee p3 wx -> payee by created
        payee p4 wx -> payee by created
        payee a1 alipay -> payee by created
        payee b1 book -> payee by created
        place o1 list=p9:1 -> refused: payee 226000000000000001 does not exist
        place o1 list=p1:1,p1:1 -> refused: payee 227712119603200001 appears twice
        place o1 list=p1:1,b1:1 -> refused: payees at the channel and payees in the book cannot be in one share
        place o1 list=a1:1 -> refused: payee 227712119603202049 is at a channel that the order was not paid through
        place o1 list=p1:1% amount=99 -> refused: the part of payee 227712119603200001 comes to nothing
        place o1 list=p1:1,p2:1,p3:1,p4:1 -> refused: more than 3 payees
        place o1 list=p1:600 allocate=CM-B:401:D0 -> refused: allocations and shares sum to more than the amount
        place o1 list=p1:600 allocate=CM-B:400:D0 -> order init +30s by placed; ask place
        unbind p2 -> payee by unbound
        place o2 list=p1:1,p2:1 -> refused: payee 227712119603200513 is unbound
    ");
}

/// Changes how the merchant's payments are shared.
fn share_by(kernel: &mut TestKernel, is_on: bool, template: Option<ShareTemplate>) {
    let mut directory = (*kernel.stored.directory).clone();
    let routes = directory.tenants.get_mut(&tenant()).expect("the tenant");
    let merchant = routes.merchants.get_mut(&MerchantId::new(MERCHANT)).expect("the merchant");
    merchant.sharing = MerchantSharing { is_on, template };
    kernel.stored.directory = Arc::new(directory);
}

#[test]
fn a_merchant_that_shares_always_need_not_mark_its_orders() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "payee b1 book");
    share_by(&mut kernel, true, None);
    for (number, list, is_shared) in [("o1", "", true), ("o2", " list=b1:1", false)] {
        play(&mut kernel, &format!("place {number}{list}"));
        let order = kernel.order(number).expect("it was placed");
        assert_eq!(order.terms.request.splits.is_shared, is_shared, "{number}");
    }
    share_by(&mut kernel, false, None);
    play(&mut kernel, "place o3");
    assert!(!kernel.order("o3").expect("it was placed").terms.request.splits.is_shared);
}

#[test]
fn a_template_gives_each_picked_payee_its_ratio() {
    let mut kernel = TestKernel::new(directory());
    for (payee, role) in [("b1", "cook"), ("b2", "cook"), ("b3", "driver"), ("b4", "guest")] {
        play(&mut kernel, &format!("payee {payee} book@{role}"));
    }
    let refused = |kernel: &mut TestKernel, pick: &str| {
        let outcome = play(kernel, &format!("place o0 pick={pick} amount=999"));
        assert!(outcome.starts_with("refused: "), "{outcome}");
        outcome
    };
    assert!(refused(&mut kernel, "b1").contains("the merchant has no sharing template"));
    let id = |kernel: &TestKernel, payee| kernel.payee(payee).expect("a payee").id;
    let ratios = vec![(id(&kernel, "b1"), 2505), (id(&kernel, "b3"), 1)];
    share_by(&mut kernel, false, Some(ShareTemplate::ByOrder(ratios)));
    assert!(refused(&mut kernel, "b2").contains("does not know payee"));
    assert!(refused(&mut kernel, "b1,b1").contains("appears twice"));
    assert!(refused(&mut kernel, "b1,b3").contains("comes to nothing"));
    assert!(refused(&mut kernel, "b1 list=b2:1").contains("lists shares as well"));
    let roles = vec![(Arc::from("cook"), 2505), (Arc::from("driver"), 5000)];
    share_by(&mut kernel, false, Some(ShareTemplate::ByRole(roles)));
    assert!(refused(&mut kernel, "b1,b2").contains("has the role of another payee"));
    assert!(refused(&mut kernel, "b4").contains("does not know payee"));
    play(&mut kernel, "place o1 pick=b2,b3 amount=999");
    play(&mut kernel, "o1 callback: paid tx1 999");
    let share = kernel.share("share").expect("the share of the list");
    let amounts: Vec<i64> = share.items.iter().map(|item| item.amount.get()).collect();
    assert_eq!(amounts, [250, 499]);
}
