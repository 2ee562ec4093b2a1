//! The table, row by row, through the port.

use super::*;
use crate::tests::{answer, close, decode, placing, query, query_refund, refunding};
use channel::Scene;

/// What a signed error answer means to placing, query, close, refund and the query of a refund.
fn findings(code: &str, sub_code: &str) -> [String; 5] {
    let content =
        format!(r#"{{"code":"{code}","msg":"Failed","sub_code":"{sub_code}","sub_msg":"说明"}}"#);
    [placing(Scene::Public), query(), close(), refunding(), query_refund()]
        .map(|asked| decode(&asked, &answer(&asked, &content)).name().to_owned())
}

/// Each class, as the operations read it.
const fn by_class(class: Class) -> [&'static str; 5] {
    match class {
        Class::Pending => ["pending", "unknown", "unknown", "unknown", "unknown"],
        Class::Refused => ["refused", "unknown", "unknown", "refused", "unknown"],
        Class::Account => ["account_fault"; 5],
        Class::Unfunded => ["unknown", "unknown", "unknown", "unfunded", "unknown"],
        Class::Taken => ["ask", "unknown", "ask", "ask", "unknown"],
        Class::NotFound => ["unknown", "pending", "closed", "not_found", "not_found"],
        Class::Closed => ["refused", "unknown", "closed", "refused", "unknown"],
        Class::Later => ["later"; 5],
        Class::Unknown => ["unknown"; 5],
    }
}

#[test]
fn every_sub_code_means_what_its_class_says() {
    for row in SUB_CODES {
        let mut wanted = by_class(row.class);
        for (operation, class) in row.but {
            let at = match operation {
                Operation::Place => 0,
                Operation::Refund => 3,
                other => panic!("{}: {other:?}", row.code),
            };
            wanted[at] = by_class(*class)[at];
        }
        assert_eq!(findings("40004", row.code), wanted, "{}", row.code);
    }
}

/// Said once more in words, so that a slip of the table is seen.
#[test]
fn what_matters_most() {
    for (code, sub_code, wanted) in [
        ("20000", "isp.unknow-error", ["unknown"; 5]),
        ("20000", "ACQ.INVALID_PARAMETER", ["unknown"; 5]),
        ("20001", "aop.invalid-auth-token", ["account_fault"; 5]),
        ("40005", "isv.anything", ["later"; 5]),
        ("40006", "isv.insufficient-isv-permissions", ["account_fault"; 5]),
        ("40002", "isv.invalid-signature", ["account_fault"; 5]),
        ("40001", "isv.missing-app-id", ["account_fault"; 5]),
        ("40004", "ACQ.ACCESS_FORBIDDEN", ["account_fault"; 5]),
        ("40004", "ACQ.SYSTEM_ERROR", ["unknown"; 5]),
        ("40004", "SYSTEM_ERROR", ["unknown"; 5]),
        ("40004", "ACQ.NOT_LISTED", ["unknown"; 5]),
        ("40003", "isv.not-listed", ["unknown"; 5]),
        ("40004", "", ["unknown"; 5]),
        ("99999", "", ["unknown"; 5]),
        (
            "40004",
            "ACQ.TRADE_NOT_EXIST",
            ["unknown", "pending", "closed", "not_found", "not_found"],
        ),
        ("40004", "ACQ.TRADE_HAS_SUCCESS", ["ask", "unknown", "ask", "ask", "unknown"]),
        ("40004", "ACQ.TRADE_HAS_CLOSE", ["refused", "unknown", "closed", "refused", "unknown"]),
        ("40004", "ACQ.TRADE_STATUS_ERROR", ["ask", "unknown", "ask", "refused", "unknown"]),
        (
            "40004",
            "ACQ.SELLER_BALANCE_NOT_ENOUGH",
            ["unknown", "unknown", "unknown", "unfunded", "unknown"],
        ),
    ] {
        assert_eq!(findings(code, sub_code), wanted, "{code} {sub_code}");
    }
}

#[test]
fn no_code_stands_twice() {
    for rows in [SUB_CODES, CODES] {
        for row in rows {
            assert_eq!(
                rows.iter().filter(|other| other.code == row.code).count(),
                1,
                "{}",
                row.code
            );
        }
    }
}

#[test]
fn the_words_are_the_channels_and_are_cut() {
    let head = |sub_msg: String| Head {
        code: "40004".into(),
        msg: "Business Failed".into(),
        sub_code: Some("ACQ.INVALID_PARAMETER".into()),
        sub_msg: Some(sub_msg),
    };
    let Finding::Refused { code, text } = finding(&placing(Scene::Public), head("长".repeat(300)))
    else {
        panic!("refused wanted")
    };
    assert_eq!((&*code, text.chars().count()), ("ACQ.INVALID_PARAMETER", TEXT_LEN_MAX));
    let Finding::Refused { text, .. } = finding(&placing(Scene::Public), head(String::new()))
    else {
        panic!("refused wanted")
    };
    assert_eq!(text, "Business Failed");
}
