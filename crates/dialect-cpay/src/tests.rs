//! Vectors, declarations, acknowledgements, and whole calls in process.

mod calls;
mod declarations;

use crate::announce::acknowledges;
use crate::auth::authen_code;
use crate::faults::{Fault, Internal, Status};
use dialect::BodyFault;
use kernel::{OrderField, OrderRefusal, RefundRefusal, Refusal};
use ledger::Fen;

/// The first pair is published; the others are our own, over texts with a line end and with escapes.
#[test]
fn codes_are_computed_as_published() {
    let own = "k7Qe2mZx9Tn4Vb1Lr8Ws5Yd3Hf6Jg0Pc";
    let text = concat!(
        r#"{"nonce_str":"0123456789abcdef0123456789abcdef","#,
        r#""order_client":{"spbill_create_ip":"192.0.2.10"},"out_trade_no":"01234567T0001"}"#
    );
    let with_line_end = format!("{text}\n");
    let escaped = concat!(
        r#"{"status":0,"description":"\u64CD\u4F5C\u6210\u529F","#,
        r#""log_id":1,"internal_status":0}"#
    );
    for (key, text, want) in [
        (
            "696FF05FA7CE76664211A47CD788CC30",
            "ea90ceba",
            "2F09EFCB064D4F9A4A0BABD5260842D8AC4D0611F4B941A03A77E5E55B5168D7",
        ),
        (own, text, "C7250B8E7B0C7D7640977D98FD094A5F658151558D0B8A48AA19E7770D0D3322"),
        (own, &with_line_end, "1B45296E9F0BCC0ADE163F7FFE0F25F02A8650F5284A748F00AC78BE9F6C030B"),
        (own, escaped, "451B8A86B92C38119EC9EB8A5DBEECD7F5F1EBD1786C8AA502E4424F0B6A5E24"),
    ] {
        assert_eq!(authen_code(key, text), want, "{text}");
    }
}

#[test]
fn notifications_are_acknowledged_by_text_or_object() {
    for (body, want) in [
        (r#"{"response_content":"{\"status\":0,\"description\":\"ok\"}"}"#, true),
        (r#"{"response_content":"{\"status\":0}","authen_info":{"a":{"authen_type":1}}}"#, true),
        (r#"{"response_content":{"status":0}}"#, true),
        (" {\"response_content\":{\"status\":0}}\r\n", true),
        (r#"{"response_content":"{\"status\":3}"}"#, false),
        (r#"{"response_content":{"status":101}}"#, false),
        (r#"{"response_content":{"status":"0"}}"#, false),
        (r#"{"response_content":{}}"#, false),
        (r#"{"response_content":"0"}"#, false),
        (r#"{"response_content":0}"#, false),
        (r#"{"response_content":{"status":0,"status":1}}"#, false),
        (r#"{"status":0}"#, false),
        ("SUCCESS", false),
        ("", false),
    ] {
        assert_eq!(acknowledges(body.as_bytes()), want, "{body}");
    }
}

/// Each number of `status`, what it tells a client to do, and whether its answer has a code.
#[test]
fn statuses_are_those_of_the_published_table() {
    let all = [
        Status::Success,
        Status::Unanswered,
        Status::Invalid,
        Status::NumberUsed,
        Status::Unknown,
        Status::Failed,
    ];
    let shown: Vec<_> = all.iter().map(|it| (it.number(), it.is_authenticated())).collect();
    let want = [(0, true), (3, false), (101, false), (102, true), (103, true), (104, true)];
    assert_eq!(shown, want);
}

#[test]
fn refusals_have_the_status_that_leads_on() {
    let order = |refusal: OrderRefusal| Fault::from(Refusal::from(refusal));
    let refund = |refusal: RefundRefusal| Fault::from(Refusal::from(refusal));
    for (fault, want) in [
        (Fault::unproven("x"), (101, 401)),
        (Fault::unknown(), (103, 500)),
        (BodyFault::from(dialect::NoRoom).into(), (3, 429)),
        (BodyFault::BrokenOff.into(), (3, 422)),
        (BodyFault::TooLarge { bytes_max: 1 }.into(), (101, 422)),
        (engine::Failure::Overloaded.into(), (103, 429)),
        (engine::Failure::Busy.into(), (103, 429)),
        (engine::Failure::Defect("secret".to_owned()).into(), (103, 500)),
        (order(OrderRefusal::NotFound), (104, 400)),
        (order(OrderRefusal::UnknownMerchant), (104, 404)),
        (order(OrderRefusal::NoRoute { has_channel: false }), (104, 403)),
        (order(OrderRefusal::MerchantDisabled), (104, 403)),
        (order(OrderRefusal::Differs { field: OrderField::Amount }), (102, 407)),
        (order(OrderRefusal::Final), (102, 409)),
        (order(OrderRefusal::CallInFlight), (103, 409)),
        (order(OrderRefusal::Expiry), (101, 422)),
        (order(OrderRefusal::State { state: "paid" }), (104, 409)),
        (refund(RefundRefusal::OtherAmount), (102, 407)),
        (refund(RefundRefusal::Exceeds { left: Fen::ZERO }), (104, 409)),
        (refund(RefundRefusal::Sharing), (103, 409)),
        (refund(RefundRefusal::NotFound), (104, 400)),
    ] {
        assert_eq!((fault.status.number(), fault.internal.number()), want, "{fault:?}");
        assert!(!fault.text.contains("secret"));
    }
    assert_eq!(Internal::Differs.number(), 407);
}
