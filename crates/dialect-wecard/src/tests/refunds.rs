//! Refunds: what a list says, and what their merchants see.

use super::NOW;
use crate::json::read_object;
use crate::{NAME, REFUND_NAMESPACE, refund};
use channel::RefundCause;
use kernel::{
    Notification, NotificationKind, NotificationState, Refund, RefundRequest, RefundState, TenantId,
};
use ledger::{Fen, Id};
use serde_json::{Value, json};
use std::sync::Arc;

fn asked(list: &str) -> Result<refund::Asked, crate::faults::Fault> {
    let body =
        format!(r#"{{"OutRefundId":"refund_1","OutOrderId":"order_0001","RefundAmount":5{list}}}"#);
    refund::Asked::read(&read_object(body.as_bytes()).expect("JSON"))
}

#[test]
fn a_list_says_what_it_says() {
    let back = |list| {
        let back = asked(list).map_err(|fault| fault.text).expect("a good request").back;
        back.map(|parts| parts.iter().map(|part| part.amount.get()).collect::<Vec<_>>())
    };
    assert_eq!(back(""), None);
    assert_eq!(back(r#","FundAllocateList":[]"#), Some(vec![]));
    let none = r#","FundAllocateList":[{"ChannelSubMerchantId":"CM-B","AllocateAmount":0}]"#;
    assert_eq!(back(none), Some(vec![0]));
    let less = none.replace(":0", ":-1");
    let fault = asked(&less).err().expect("less than nothing is refused");
    assert!(fault.text.starts_with("FundAllocateList[0].AllocateAmount"), "{}", fault.text);
}

fn made(state: RefundState, version: i64) -> Refund {
    Refund {
        tenant: TenantId::new("123456"),
        id: Id::parse("679735736991281999").expect("an id"),
        order: Id::parse("679735736991281152").expect("an id"),
        merchant_order_no: "order_0001".to_owned(),
        channel_refund_no: "R1".to_owned(),
        payment_reference: "4200".to_owned(),
        paid: Fen::new(1000),
        amount: Fen::new(400),
        settled_amount: Fen::new(400),
        cause: RefundCause::Requested,
        request: None,
        parts: vec![],
        made_at: NOW,
        version,
        attempt: 1,
        state,
        polls: 0,
        next_poll_at: None,
        returns: vec![],
        second_payouts: vec![],
        dismissal: None,
        attention: None,
    }
}

fn request() -> RefundRequest {
    RefundRequest {
        namespace: Arc::from(REFUND_NAMESPACE),
        merchant_refund_no: "refund_1".to_owned(),
        dialect: Arc::from(NAME),
        reason: None,
        notify_url: None,
        details: "{}".to_owned(),
        is_to_balance: false,
    }
}

fn failed() -> RefundState {
    RefundState::Failed { at: NOW, reason: "closed at the channel".to_owned(), is_proven: false }
}

#[test]
fn a_refund_is_recorded_until_the_channel_has_answered() {
    let shown = |state, version| {
        let refund = made(state, version);
        serde_json::to_value(refund::shown(&refund, &request())).expect("JSON")
    };
    assert_eq!(shown(RefundState::Requesting, 1)["RefundStatus"], "INIT");
    // It has failed before, without proof, and its number is asked about.
    assert_eq!(shown(RefundState::Requesting, 4)["RefundStatus"], "PROCESSING");
    let failed = shown(failed(), 2);
    assert_eq!(failed["RefundStatus"], "FAILED");
    assert_eq!(failed["FeeAmount"], 0);
}

#[test]
fn a_notification_reports_an_end_also_when_the_refund_goes_on() {
    let notification = Notification {
        tenant: TenantId::new("123456"),
        id: Id::parse("679735736991282000").expect("an id"),
        about: made(failed(), 2).id.subject(),
        about_no: "refund_1".to_owned(),
        root: made(failed(), 2).order.subject().root(),
        kind: NotificationKind::Refund,
        dialect: Arc::from(NAME),
        url: "https://business.com/refund/notify".to_owned(),
        made_at: NOW,
        version: 1,
        state: NotificationState::Due { next_attempt_at: NOW },
        attempts: 1,
        step: 1,
    };
    let told = |state| -> Value {
        let (refund, request) = (made(state, 4), request());
        let told = refund::notified(&refund, &request, &notification);
        let told = serde_json::to_value(told).expect("JSON");
        json!([told["RefundStatus"], told["RefundMessage"], told["TimeFinish"]])
    };
    let at = "2024-10-23 19:36:04";
    assert_eq!(told(failed()), json!(["FAILED", "closed at the channel", at]));
    let since = json!(["FAILED", "failed, and requested again since", at]);
    assert_eq!(told(RefundState::Requesting), since);
    assert_eq!(told(RefundState::Processing), since);
    let done = RefundState::Done {
        at: NOW,
        refund_reference: "5000".to_owned(),
        settled_refund: Fen::new(400),
    };
    assert_eq!(told(done), json!(["SUCCESS", null, at]));
}
