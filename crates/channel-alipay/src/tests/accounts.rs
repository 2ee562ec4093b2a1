//! Settings to accounts.

use super::*;
use channel::BadSettings;

fn fault(others: &[(&str, &str)]) -> Option<BadSettings> {
    Alipay.open(&settings_and(others), &[]).err()
}

#[test]
fn bad_settings_are_named_and_never_shown() {
    for (others, name) in [
        ([("app_id", "")], "app_id"),
        ([("app_id", "2021 00000000001")], "app_id"),
        ([("app_id", "２０２１０００００００００００１")], "app_id"),
        ([("seller_id", "2088")], "seller_id"),
        ([("app_private_key", "sesame")], "app_private_key"),
        ([("app_private_key", ALIPAY_PUBLIC)], "app_private_key"),
        ([("alipay_public_key", "sesame")], "alipay_public_key"),
        ([("alipay_public_key", APP_KEY)], "alipay_public_key"),
        ([("gateway_url", "https://a/gateway.do?charset=gbk")], "gateway_url"),
        ([("gateway_url", "ftp://a")], "gateway_url"),
        ([("gateway_url", "https://u:sesame@a")], "gateway_url"),
        ([("pc", "native")], "pc"),
        ([("app_auth_token", "sesame")], "auth_app_id"),
        ([("auth_app_id", MERCHANT_APP_ID)], "auth_app_id"),
        ([("mchid", "1")], "mchid"),
    ] {
        let fault = fault(&others).unwrap_or_else(|| panic!("{name} is taken"));
        assert_eq!(fault.name, name);
        assert!(!fault.why.contains("sesame"), "{fault}");
    }
}

#[test]
fn an_account_is_its_seller_and_app() {
    assert_eq!(connection().identity(), format!("{SELLER_ID}/{APP_ID}"));
    assert!(connection().has_keys(NOW));
    let acting = format!("{SELLER_ID}/{APP_ID}/{MERCHANT_APP_ID}");
    assert_eq!(connection_and(&ACTING).identity(), acting);
    let sandbox = "https://openapi-sandbox.dl.alipaydev.com/gateway.do";
    let request = request(&*connection_and(&[("gateway_url", sandbox)]), &query());
    assert_eq!(request.url, format!("{sandbox}?charset=utf-8"));
}
