//! A service provider that acts for a merchant.

use super::*;
use crate::tests::{ACTING, connection_and};

/// The account of a merchant who gave this token.
fn account(token: &str) -> Box<dyn Connection> {
    connection_and(&[("seller_id", MERCHANT_ID), ("app_auth_token", token), ACTING[1]])
}

#[test]
fn the_merchant_is_paid_and_is_told() {
    let mut stage = Stage::new();
    let account = account(ACTING[0].1);
    let placed = stage.ask_by(&*account, &codec::placing(Scene::Pc));
    let Finding::Placed(pay_info) = placed else { panic!("placed wanted: {placed:?}") };
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("it is paid");
    assert!(matches!(stage.ask_by(&*account, &codec::query()), Finding::Paid(_)));
    // The number is free for others: it belongs to the merchant who collects.
    assert_eq!(stage.ask(&codec::query()), Finding::Pending);

    let callback = stage.outgoing.last().cloned().expect("a callback");
    assert!(matches!(stage.told_to(&*account), Ok(Finding::Paid(_))));
    stage.outgoing.push(callback);
    let other = connection_and(&[("seller_id", MERCHANT_ID)]);
    let told = stage.told_to(&*other);
    assert!(matches!(&told, Ok(Finding::Mismatch { why }) if why.starts_with("auth_app_id")));
}

#[test]
fn an_unknown_token_is_a_fault_of_the_account() {
    let mut stage = Stage::new();
    let found = stage.ask_by(&*account("another"), &codec::placing(Scene::Pc));
    let Finding::AccountFault { code, .. } = found else { panic!("{found:?}") };
    assert_eq!(code, "aop.invalid-app-auth-token");
}

#[test]
fn a_cashier_opens_for_the_merchant_alone() {
    let mut stage = Stage::new();
    let placed = stage.ask_by(&*account(ACTING[0].1), &codec::placing(Scene::H5));
    let Finding::Placed(pay_info) = placed else { panic!("placed wanted: {placed:?}") };
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("it is paid");
    let found = stage.ask_by(&*account(ACTING[0].1), &codec::query());
    assert!(matches!(found, Finding::Paid(_)), "{found:?}");
}
