//! What parameters are taken, and in which words they are refused.

use crate::query;
use ledger::{Account, AccountKind, Id, Timestamp};
use store::{Notifications, OrderFilter};
use story::samples::tenant;

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    text.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

#[test]
fn orders_are_filtered_by_all_that_is_known() {
    let all = "state=paid&from=2026-11-18T11:06:40Z&to=2026-11-18T20:06:40%2B08:00\
        &before=228000000000000001&limit=200";
    let filter = query::orders(tenant(), &pairs(&all.replace("%2B", "+")));
    let want = OrderFilter {
        tenant: tenant(),
        state: Some("paid".to_owned()),
        from: Some(Timestamp::from_seconds(1_795_000_000)),
        to: Some(Timestamp::from_seconds(1_795_003_600)),
        before: Id::parse("228000000000000001").ok(),
        limit: 200,
    };
    assert_eq!(filter, Ok(want));
    let none = query::orders(tenant(), &[]).expect("no filter");
    assert_eq!(
        (none.state, none.from, none.to, none.before, none.limit),
        (None, None, None, None, 50)
    );
}

#[test]
fn orders_refuse_what_they_do_not_understand() {
    for (text, field, why) in [
        (
            "stat=paid",
            "stat",
            "unknown parameter: found stat, known: state, from, to, before, limit",
        ),
        (
            "x=1&limit=1&y=2",
            "x",
            "unknown parameter: found x, y, known: state, from, to, before, limit",
        ),
        (
            "State=paid",
            "State",
            "unknown parameter: found State, known: state, from, to, before, limit",
        ),
        ("limit=1&limit=2", "limit", "given more than once"),
        ("limit=0", "limit", "found \"0\", want 1 to 200"),
        ("limit=201", "limit", "found \"201\", want 1 to 200"),
        ("limit=-1", "limit", "found \"-1\", want 1 to 200"),
        ("limit=", "limit", "found \"\", want 1 to 200"),
        ("limit=99999999999", "limit", "found \"99999999999\", want 1 to 200"),
        ("state=PAID", "state", "found \"PAID\", want init, paying, closing, paid, failed, closed"),
        ("state=", "state", "found \"\", want init, paying, closing, paid, failed, closed"),
        ("before=12", "before", "not the id of a order: want 18 decimal digits"),
        (
            "from=yesterday",
            "from",
            "found \"yesterday\", want RFC 3339 such as 2026-11-18T12:40:00Z, + written as %2B",
        ),
        (
            "to=2026-11-18T20:06:40 08:00",
            "to",
            "found \"2026-11-18T20:06:40 08:00\", \
                want RFC 3339 such as 2026-11-18T12:40:00Z, + written as %2B",
        ),
        (
            "from=2026-11-18T20:06:40",
            "from",
            "found \"2026-11-18T20:06:40\", \
                want RFC 3339 such as 2026-11-18T12:40:00Z, + written as %2B",
        ),
        ("from=2026-11-18T00:00:00Z&to=2026-11-18T00:00:00Z", "to", "lies not after from"),
    ] {
        let refused = query::orders(tenant(), &pairs(text)).expect_err(text);
        assert_eq!((refused.field.as_str(), refused.why.as_str()), (field, why), "{text}");
    }
}

#[test]
fn other_lists_refuse_what_they_do_not_understand() {
    let account = Account::new(AccountKind::Suspense, "100001");
    for (text, field) in [("state=due", "state"), ("limit=x", "limit"), ("before=x", "before")] {
        let refused = query::postings(tenant(), account.clone(), &pairs(text)).expect_err(text);
        assert_eq!(refused.field, field);
    }
    for (text, field) in [("state=paid", "state"), ("from=2026-11-18T00:00:00Z", "from")] {
        let refused = query::notifications(tenant(), &pairs(text)).expect_err(text);
        assert_eq!(refused.field, field);
    }
    let refused = query::none(&pairs("a=1")).expect_err("nothing is known");
    assert_eq!(refused.why, "unknown parameter: found a, known: none");
    let question = query::notifications(tenant(), &pairs("state=given_up&limit=7")).expect("known");
    let want = Notifications {
        tenant: tenant(),
        state: Some("given_up".to_owned()),
        before: None,
        limit: 7,
    };
    assert_eq!(question, want);
}

#[test]
fn paths_name_accounts_orders_and_notifications() {
    let account = query::account("merchant_pending", "CM1");
    assert_eq!(account, Ok(Account::new(AccountKind::MerchantPending, "CM1")));
    let refused = query::account("wallet", "CM1").expect_err("no such kind");
    assert_eq!(refused.field, "kind");
    let want = AccountKind::ALL.map(AccountKind::name).join(", ");
    assert_eq!(refused.why, format!("found \"wallet\", want {want}"));
    assert_eq!(query::order_id("1").expect_err("too short").field, "order");
    assert_eq!(query::notification_id("1").expect_err("too short").field, "notification");
}
