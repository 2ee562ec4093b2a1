//! `tongbao doctor` and `tongbao attention` beside running programs.

use crate::cli::Site;
use crate::test_gateway::{TestGateway, run, unix_seconds};
use serde_json::Value;
use std::process::Output;

/// Examines a site; the exit and the lines.
fn examined(site: &Site, more: &[&str]) -> (bool, Vec<Value>) {
    let config = site.config();
    let arguments = ["doctor", "--json", "--config", config.to_str().expect("a path")];
    let output = run(&[&arguments[..], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {output:?}"));
    (output.status.success(), report["lines"].as_array().expect("lines").clone())
}

/// The lines about a subject, as verdicts and findings.
fn about<'l>(lines: &'l [Value], subject: &str) -> Vec<(&'l str, &'l str)> {
    let text = |line: &'l Value, member: &str| line[member].as_str().expect("text");
    let own = lines.iter().filter(|line| line["subject"] == subject);
    own.map(|line| (text(line, "verdict"), text(line, "found"))).collect()
}

fn verdict(lines: &[Value], subject: &str, words: &str) -> String {
    let found = about(lines, subject).into_iter().find(|(_, found)| found.contains(words));
    found.unwrap_or_else(|| panic!("nothing about {subject} with {words}: {lines:#?}")).0.to_owned()
}

#[test]
fn a_healthy_installation_is_found_healthy() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let (is_healthy, lines) = examined(&site, &[]);
    assert!(is_healthy, "{lines:#?}");
    for (subject, words) in [
        ("configuration", "tongbao.toml"),
        ("platform_private_key", "sign"),
        ("database", "SQLite 3."),
        ("schema", "version"),
        ("secrets", "can be opened"),
        ("account wx-one", "wxpay account, opens, enabled"),
        ("account wx-one", "answers a signed call"),
        ("account wx-two", "clocks differ by"),
        ("tasks of money", "none due"),
        ("notifications", "none waits"),
        ("attention", "nothing needs a person"),
        ("books", "right"),
    ] {
        assert_eq!(verdict(&lines, subject, words), "ok", "{subject}: {words}");
    }
    let (_, again) = examined(&site, &["--offline", "--quick"]);
    assert_eq!(about(&again, "books"), []);
    let of_account = about(&again, "account wx-one");
    assert!(!of_account.iter().any(|(_, found)| found.contains("signed call")), "{of_account:?}");
    // The first run was sent keys, and stored none.
    assert!(!of_account.iter().any(|(_, found)| found.contains("fetched key")), "{of_account:?}");
    let secrets = [gateway.text("/wxpay/apiv3_key"), site.text("master.key")];
    let shown = format!("{lines:?}");
    assert!(secrets.iter().all(|secret| !shown.contains(secret.trim())));
}

#[test]
fn an_expired_certificate_is_a_fault() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let key = crypto::rsa::generate().expect("a key");
    let now = unix_seconds();
    for (days, want) in [(-1, "fail"), (7, "warn"), (300, "ok")] {
        let (since, until) = (now - 30 * 86_400, now + days * 86_400 + 3600);
        let certificate =
            crypto::certificate::self_signed(&key, "Tenpay", since, until).expect("made");
        let tenants = site.text("tenants.toml");
        let with = tenants.replacen(
            "mchid =",
            &format!("platform_cert_pem = '''{}'''\nmchid =", certificate.pem),
            1,
        );
        std::fs::write(site.folder.path().join("pinned.toml"), with).expect("written");
        let applied = site.apply("pinned.toml", &[]);
        assert!(applied.status.success(), "{applied:?}");
        let (is_healthy, lines) = examined(&site, &["--offline"]);
        assert_eq!(verdict(&lines, "account wx-one", "platform_cert_pem"), want, "{days} days");
        assert_eq!(is_healthy, want != "fail", "{lines:#?}");
    }
}

#[test]
fn a_merchant_without_certificates_is_told_to_configure_the_public_key() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let without = ["public_key_id", "public_key_pem"].iter().fold(
        site.text("tenants.toml"),
        |tenants, name| {
            let value = gateway.text(&format!("/wxpay/{name}"));
            tenants.replace(&format!("{name} = '''{value}'''\n"), "")
        },
    );
    std::fs::write(site.folder.path().join("bare.toml"), without).expect("written");
    let applied = site.apply("bare.toml", &[]);
    assert!(applied.status.success(), "{applied:?}");
    let (is_healthy, lines) = examined(&site, &[]);
    assert!(!is_healthy);
    let words = "configure public_key_id and public_key_pem";
    assert_eq!(verdict(&lines, "account wx-one", words), "fail");
}

#[test]
fn a_master_key_that_does_not_fit_is_a_fault() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let generated = run(&["secrets", "generate"]);
    std::fs::write(site.folder.path().join("master.key"), &generated.stdout).expect("written");
    let (is_healthy, lines) = examined(&site, &["--offline"]);
    assert!(!is_healthy);
    assert_eq!(verdict(&lines, "account wx-one", "apiv3_key"), "fail");
    assert_eq!(verdict(&lines, "secret", "wx-one/apiv3_key"), "fail");
}

#[test]
fn what_is_missing_is_a_fault_and_is_named() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    std::fs::remove_file(site.folder.path().join("site.db")).expect("it was there");
    let (is_healthy, lines) = examined(&site, &[]);
    assert!(!is_healthy);
    assert_eq!(verdict(&lines, "database", "site.db"), "fail");
    std::fs::remove_file(site.folder.path().join("platform.pem")).expect("it was there");
    let (is_healthy, lines) = examined(&site, &[]);
    assert!(!is_healthy);
    assert_eq!(verdict(&lines, "configuration", "platform.pem"), "fail");
}

#[test]
fn attention_is_listed_as_the_administration_lists_it() {
    let gateway = TestGateway::start();
    let site = Site::beside(&gateway, "");
    let config = site.config();
    let listed = |more: &[&str]| -> Output {
        let arguments = ["attention", "--config", config.to_str().expect("a path")];
        run(&[&arguments[..], more].concat())
    };
    let text = listed(&[]);
    assert!(text.status.success());
    assert_eq!(String::from_utf8_lossy(&text.stdout), "nothing needs a person\n");
    let json = listed(&["--json"]);
    let list: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(list, serde_json::json!({"counts": [], "rows": []}));
    let refused = listed(&["--kind", "trouble"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot_close"), "{refused:?}");
}
