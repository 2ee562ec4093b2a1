//! What the configuration may declare.

use crate::{Outlet, SubMerchant, SubMerchants};
use crypto::Secret;
use kernel::{MerchantId, TenantId};

/// A 子商户 with two prefixes and one outlet.
pub(super) fn sub_merchant() -> SubMerchant {
    SubMerchant {
        tenant: TenantId::new("100001"),
        merchant: MerchantId::new("CM1"),
        out_mch_id: "sz01Provider".to_owned(),
        out_sub_mch_id: "sz01Merchant".to_owned(),
        order_prefixes: vec!["01234567".to_owned(), "sz01".to_owned()],
        authen_key: Secret::new("k7Qe2mZx9Tn4Vb1Lr8Ws5Yd3Hf6Jg0Pc".to_owned()),
        public_key_pem: None,
        notify_url: Some("https://merchant.example/notify".to_owned()),
        outlets: vec![Outlet {
            out_shop_id: "sz01Outlet".to_owned(),
            name: "总店".to_owned(),
            devices: vec!["device".to_owned()],
            staff: vec![],
        }],
    }
}

fn refusal(change: impl FnOnce(&mut SubMerchant)) -> Option<String> {
    let mut declared = sub_merchant();
    change(&mut declared);
    SubMerchants::new(vec![declared]).err().map(|fault| fault.to_string())
}

fn refusal_beside(change: impl FnOnce(&mut SubMerchant)) -> Option<String> {
    let mut other = sub_merchant();
    change(&mut other);
    SubMerchants::new(vec![sub_merchant(), other]).err().map(|fault| fault.to_string())
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(refusal(|_| {}), None);
    let of = |text: &str| Some(format!("cpay: sz01Merchant: {text}"));
    let id = "want 1 to 32 letters, digits, _ and -";
    assert_eq!(refusal(|it| it.out_mch_id.clear()), of(&format!("out_mch_id: found \"\", {id}")));
    assert_eq!(
        refusal(|it| it.outlets[0].out_shop_id.push(' ')),
        of(&format!("out_shop_id: found \"sz01Outlet \", {id}"))
    );
    assert_eq!(refusal(|it| it.order_prefixes.clear()), of("order_prefixes: want at least one"));
    assert_eq!(
        refusal(|it| it.order_prefixes[0] = "x".repeat(21)),
        of(
            "order_prefixes: found \"xxxxxxxxxxxxxxxxxxxxx\", want 1 to 20 letters, digits, _ and -"
        )
    );
    assert_eq!(
        refusal(|it| it.authen_key = Secret::new("short".to_owned())),
        of("authen_key: 5 characters found, want 16 to 128")
    );
    assert_eq!(
        refusal(|it| it.public_key_pem = Some("no key".to_owned())),
        of("public_key: no PEM, want a text that begins with -----BEGIN")
    );
    assert!(
        refusal(|it| it.notify_url = Some("ftp://x".to_owned()))
            .is_some_and(|said| said.starts_with("cpay: sz01Merchant: notify_url: "))
    );
    assert_eq!(refusal(|it| it.outlets.clear()), of("want at least one [[cpay.shop]]"));
    assert_eq!(
        refusal(|it| it.outlets.push(it.outlets[0].clone())),
        of("out_shop_id sz01Outlet appears twice")
    );
    assert_eq!(
        refusal(|it| it.outlets[0].devices.push(String::new())),
        of("devices: found \"\", want 1 to 64 characters")
    );
    assert_eq!(
        refusal(|it| it.outlets[0].name = "店".repeat(33)),
        of("name: want at most 32 characters on one line")
    );
}

#[test]
fn two_that_could_be_confused_are_refused() {
    let apart = |it: &mut SubMerchant| {
        it.out_sub_mch_id = "sz02Merchant".to_owned();
        it.merchant = MerchantId::new("CM2");
        it.order_prefixes = vec!["sz02".to_owned()];
        it.outlets[0].out_shop_id = "sz02Outlet".to_owned();
    };
    assert_eq!(refusal_beside(apart), None);
    assert_eq!(refusal_beside(|_| {}).as_deref(), Some("cpay: sz01Merchant: appears twice"));
    let same_merchant = |it: &mut SubMerchant| {
        apart(it);
        it.merchant = MerchantId::new("CM1");
    };
    assert_eq!(
        refusal_beside(same_merchant).as_deref(),
        Some("cpay: sz02Merchant: merchant CM1 is another one's already")
    );
    let same_outlet = |it: &mut SubMerchant| {
        apart(it);
        it.outlets[0].out_shop_id = "sz01Outlet".to_owned();
    };
    assert_eq!(
        refusal_beside(same_outlet).as_deref(),
        Some("cpay: sz02Merchant: out_shop_id sz01Outlet is sz01Merchant's already")
    );
    for prefix in ["sz01", "sz0", "sz01x"] {
        let clash = |it: &mut SubMerchant| {
            apart(it);
            it.order_prefixes = vec![prefix.to_owned()];
        };
        let want =
            format!("cpay: sz02Merchant: order_prefixes: {prefix} clashes with sz01Merchant's");
        assert_eq!(refusal_beside(clash), Some(want));
    }
}

#[test]
fn numbers_begin_with_a_prefix_and_go_on() {
    let declared = sub_merchant();
    for (number, want) in [
        ("sz011", true),
        ("012345670", true),
        ("sz01", false),
        ("01234567", false),
        ("sz0", false),
        ("1sz01", false),
        ("", false),
    ] {
        assert_eq!(declared.has_prefix(number), want, "{number}");
    }
}

#[test]
fn devices_and_staff_are_those_of_the_outlet() {
    let declared = sub_merchant();
    let outlet = declared.outlet("sz01Outlet").expect("it is declared");
    assert_eq!((outlet.has_device("device"), outlet.has_device("other")), (true, false));
    // Where nobody is listed, anybody may call.
    assert!(outlet.has_staff("anybody"));
    assert!(declared.outlet("sz01Other").is_none());
}
