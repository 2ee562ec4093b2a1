//! The OpenAPI document says what the code does.

use super::check_golden;
use crate::{query, routes};
use serde_json::Value;

#[test]
fn the_document_is_as_published() {
    check_golden("openapi.json", &(routes::text(&routes::document()) + "\n"));
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = vec![];
    collect(&document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn the_described_query_parameters_are_those_that_are_known() {
    let base = "/admin/v1/tenants/{tenant}";
    for (path, known) in [
        (format!("{base}/orders"), &query::ORDERS[..]),
        (format!("{base}/accounts/{{kind}}/{{owner}}/postings"), &query::POSTINGS),
        (format!("{base}/notifications"), &query::NOTIFICATIONS),
        (format!("{base}/attention"), &query::ATTENTION),
        ("/admin/v1/approvals".to_owned(), &query::APPROVALS),
        (format!("{base}/withdrawals"), &query::WITHDRAWALS),
        (format!("{base}/merchants/{{merchant}}/balance"), &query::BALANCE),
        (format!("{base}/merchants/{{merchant}}/statement"), &query::STATEMENT),
        (format!("{base}/orders/{{order}}"), &[]),
    ] {
        let operation = &document()["paths"][&path]["get"];
        let parameters = operation["parameters"].as_array().expect("parameters").clone();
        let described: Vec<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert_eq!(described, known, "{path}");
    }
}

#[test]
fn words_are_listed_whole() {
    let schemas = document()["components"]["schemas"].clone();
    let states = &schemas["OrderState"]["oneOf"];
    let closing = states.as_array().expect("states").iter();
    let closing = closing.clone().find_map(|state| state["properties"]["closure"].as_object());
    let text = closing.expect("closing")["description"].as_str().expect("text").to_owned();
    for closure in kernel::Closure::NAMES {
        assert!(text.contains(&format!("`{closure}`")), "{text}");
    }
    let text = schemas["Subject"]["properties"]["kind"]["description"].to_string();
    for kind in ledger::SubjectKind::ALL {
        assert!(text.contains(&format!("`{}`", kind.name())), "{text}");
    }
}

fn document() -> Value {
    serde_json::from_str(&routes::text(&routes::document())).expect("JSON")
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
