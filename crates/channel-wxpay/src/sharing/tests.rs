//! Sharing through the port: requests, answers, refusals, callbacks.

mod codes;

use super::relation::Relation;
use crate::sign;
use crate::tests::{
    NOW, NUMBER, PLATFORM_KEY, PLATFORM_PUBLIC, PUBLIC_KEY_ID, REFERENCE, SERIAL, SUB_APP_ID,
    answer, callback, connection, connection_and, context, decode, place, request,
};
use channel::{
    Callback, EncodeFault, Finding, Instruction, Method, Place, PlacedShare, PlacedShareReturn,
    Receiver, ReceiverKind, Share, ShareItem, ShareReturn, ShareReturned, ShareStatus, Shared,
    SharedItem, SharedPayment, Unfreeze,
};
use crypto::rsa::Signer;
use ledger::{Fen, Timestamp};
use serde_json::{Value, json};

const SHARE: &str = include_str!("../../golden/share.json");
const SHARE_RETURN: &str = include_str!("../../golden/share_return.json");
const CALLBACK: &str = include_str!("../../golden/share_callback.json");
const STORE: &str = "1900000110";
const CLERK: &str = "oXLUp5OHJof5768CoFFDuuaRn8kc";
const NAME: &str = "上海通宝商店有限公司";

fn store() -> Receiver {
    let name = Some(NAME.to_owned());
    Receiver { kind: ReceiverKind::Merchant, account: STORE.to_owned(), name }
}

fn person(kind: ReceiverKind) -> Receiver {
    Receiver { kind, account: CLERK.to_owned(), name: None }
}

fn payment() -> SharedPayment {
    let payment_reference = REFERENCE.to_owned();
    SharedPayment { channel_order_no: NUMBER.to_owned(), payment_reference }
}

fn item(receiver: Receiver, fen: i64, description: &str) -> ShareItem {
    ShareItem { receiver, amount: Fen::new(fen), description: description.to_owned() }
}

fn share() -> Share {
    Share {
        channel_share_no: "S202304190001".to_owned(),
        payment: payment(),
        items: vec![
            item(store(), 100, "分给商户1900000110"),
            item(person(ReceiverKind::Person), 200, "分给员工"),
        ],
        releases_rest: true,
    }
}

fn sharing() -> Instruction {
    Instruction::Share(Box::new(share()))
}

fn query_share() -> Instruction {
    let channel_share_no = "S202304190001".to_owned();
    Instruction::QueryShare(PlacedShare { channel_share_no, payment: payment() })
}

fn unfreeze() -> Instruction {
    Instruction::Unfreeze(Box::new(Unfreeze {
        channel_share_no: "S202304190002".to_owned(),
        payment: payment(),
        description: "解冻全部剩余资金".to_owned(),
    }))
}

fn query_unshared() -> Instruction {
    Instruction::QueryUnshared(payment())
}

fn return_of() -> ShareReturn {
    ShareReturn {
        channel_return_no: "U202304190001".to_owned(),
        channel_share_no: "S202304190001".to_owned(),
        receiver: store(),
        amount: Fen::new(40),
        description: "用户退款".to_owned(),
    }
}

fn returning() -> Instruction {
    Instruction::ReturnShare(Box::new(return_of()))
}

fn query_return() -> Instruction {
    Instruction::QueryShareReturn(PlacedShareReturn {
        channel_return_no: "U202304190001".to_owned(),
        channel_share_no: "S202304190001".to_owned(),
    })
}

fn partner() -> [(&'static str, &'static str); 2] {
    [("sub_mchid", "1900000109"), ("sub_appid", SUB_APP_ID)]
}

/// What the JSON body of a request holds, null for none.
fn body(settings: &[(&str, &str)], instruction: &Instruction) -> Value {
    let request = request(&*connection_and(settings), instruction);
    serde_json::from_slice(&request.body).unwrap_or_default()
}

#[test]
fn an_order_is_marked_when_its_money_is_shared() {
    for (is_shared, want) in [(true, json!({ "profit_sharing": true })), (false, Value::Null)] {
        let place = Instruction::Place(Box::new(Place { is_shared, ..place() }));
        assert_eq!(body(&[], &place)["settle_info"], want);
    }
}

#[test]
fn each_instruction_has_its_address() {
    let head = "/v3/profitsharing/";
    for (instruction, method, merchant, of_partner) in [
        (Instruction::BindReceiver(store()), Method::Post, "receivers/add", ""),
        (Instruction::UnbindReceiver(store()), Method::Post, "receivers/delete", ""),
        (sharing(), Method::Post, "orders", ""),
        (
            query_share(),
            Method::Get,
            "orders/S202304190001?transaction_id=4200001800202304190123456789",
            "&sub_mchid=1900000109",
        ),
        (unfreeze(), Method::Post, "orders/unfreeze", ""),
        (query_unshared(), Method::Get, "transactions/4200001800202304190123456789/amounts", ""),
        (returning(), Method::Post, "return-orders", ""),
        (
            query_return(),
            Method::Get,
            "return-orders/U202304190001?out_order_no=S202304190001",
            "&sub_mchid=1900000109",
        ),
    ] {
        let plain = request(&*connection(), &instruction);
        assert_eq!((plain.method, plain.target()), (method, &*format!("{head}{merchant}")));
        let served = request(&*connection_and(&partner()), &instruction);
        assert_eq!(served.target(), format!("{head}{merchant}{of_partner}"));
        let sub_mchid = body(&partner(), &instruction)["sub_mchid"].clone();
        let want = if method == Method::Post { json!("1900000109") } else { Value::Null };
        assert_eq!(sub_mchid, want, "{merchant}");
    }
}

#[test]
fn a_share_names_receivers_and_fen() {
    let want = json!({
        "appid": "wx43f1t4567721a03e",
        "transaction_id": REFERENCE,
        "out_order_no": "S202304190001",
        "receivers": [
            {
                "type": "MERCHANT_ID", "account": STORE, "amount": 100,
                "description": "分给商户1900000110",
            },
            { "type": "PERSONAL_OPENID", "account": CLERK, "amount": 200, "description": "分给员工" },
        ],
        "unfreeze_unsplit": true,
    });
    assert_eq!(body(&[], &sharing()), want);
    let items = vec![item(person(ReceiverKind::SubPerson), 200, "分给员工")];
    let of_sub = Instruction::Share(Box::new(Share { items, ..share() }));
    let found = body(&partner(), &of_sub);
    assert_eq!(found["receivers"][0]["type"], "PERSONAL_SUB_OPENID");
    assert_eq!(
        (&found["sub_appid"], &found["sub_mchid"]),
        (&json!(SUB_APP_ID), &json!("1900000109"))
    );
}

#[test]
fn unfreezing_and_returning_say_what_and_why() {
    let want = json!({
        "transaction_id": REFERENCE, "out_order_no": "S202304190002",
        "description": "解冻全部剩余资金",
    });
    assert_eq!(body(&[], &unfreeze()), want);
    let want = json!({
        "out_order_no": "S202304190001", "out_return_no": "U202304190001",
        "return_mchid": STORE, "amount": 40, "description": "用户退款",
    });
    assert_eq!(body(&[], &returning()), want);
}

/// With either kind of trust, the name opens with the key that the header names.
#[test]
fn a_name_is_sealed_for_the_channels_key() {
    let public = [("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)];
    for (settings, serial) in [(&[][..], SERIAL), (&public[..], PUBLIC_KEY_ID)] {
        let bind = Instruction::BindReceiver(store());
        let request = request(&*connection_and(settings), &bind);
        let serials = request.headers.iter().filter(|(name, _)| name == sign::SERIAL);
        let serials: Vec<&str> = serials.map(|(_, value)| &**value).collect();
        assert_eq!(serials, [serial]);
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        let platform = Signer::from_pem(PLATFORM_KEY).expect("a golden key");
        let opened = platform.decrypt(body["name"].as_str().expect("a name"));
        assert_eq!(opened.as_deref(), Ok(NAME.as_bytes()), "{serial}");
    }
    let nameless = body(&[], &Instruction::BindReceiver(person(ReceiverKind::Person)));
    assert_eq!(nameless.get("name"), None);
    assert_eq!(body(&[], &Instruction::UnbindReceiver(store())).get("name"), None);
}

#[test]
fn without_a_key_nothing_is_sealed_and_nothing_refused() {
    let fresh = connection_and(&[("platform_cert_pem", "")]);
    let bind = Instruction::BindReceiver(store());
    let fault = fresh.encode(&bind, &context());
    assert!(matches!(fault, Err(EncodeFault::Internal { .. })), "{fault:?}");
}

#[test]
fn a_relation_is_the_accounts_or_true_of_all() {
    let relation = |settings: &[(&str, &str)]| {
        let body = body(settings, &Instruction::BindReceiver(store()));
        (body["relation_type"].clone(), body["custom_relation"].clone())
    };
    assert_eq!(relation(&[]), (json!("CUSTOM"), json!("分账接收方")));
    assert_eq!(relation(&[("receiver_relation", "STORE")]), (json!("STORE"), Value::Null));
    assert_eq!(relation(&[("receiver_relation", "供货商")]), (json!("CUSTOM"), json!("供货商")));
    for bad in ["PARTNR", "CUSTOM", "一二三四五六七八九十一"] {
        assert!(Relation::read(Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn what_the_channel_would_not_take_is_not_sent() {
    let shared = |items: Vec<ShareItem>| Instruction::Share(Box::new(Share { items, ..share() }));
    let with = |receiver: Receiver| shared(vec![item(receiver, 1, "x")]);
    let nameless = Receiver { name: None, ..store() };
    let own = Receiver { account: "1900009191".to_owned(), ..store() };
    let nobody = Receiver { account: String::new(), ..store() };
    let of = |change: fn(&mut ShareReturn)| {
        let mut asked = return_of();
        change(&mut asked);
        Instruction::ReturnShare(Box::new(asked))
    };
    for (instruction, field) in [
        (Instruction::BindReceiver(nameless), "receiver.name"),
        (Instruction::BindReceiver(nobody), "receiver"),
        (Instruction::BindReceiver(person(ReceiverKind::SubPerson)), "receiver"),
        (shared(vec![]), "items"),
        (shared(vec![item(store(), 1, "x"), item(store(), 2, "y")]), "items"),
        (shared((0..51).map(|_| item(store(), 1, "x")).collect()), "items"),
        (with(own), "receiver"),
        (shared(vec![item(store(), 0, "x")]), "amount"),
        (shared(vec![item(store(), 1, "")]), "description"),
        (shared(vec![item(store(), 1, &"长".repeat(81))]), "description"),
        (of(|asked| asked.receiver.kind = ReceiverKind::Person), "receiver"),
        (of(|asked| asked.amount = Fen::ZERO), "amount"),
        (of(|asked| asked.channel_return_no = "a/b".to_owned()), "channel_return_no"),
        (of(|asked| asked.channel_share_no = String::new()), "channel_share_no"),
    ] {
        match connection().encode(&instruction, &context()) {
            Err(EncodeFault::Unsupported { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: want unsupported, found {other:?}"),
        }
    }
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(NOW.plus_seconds(seconds))
}

/// 09:25:00 lies 104 s after [`NOW`].
fn shared_items() -> Vec<SharedItem> {
    vec![
        SharedItem {
            kind: ReceiverKind::Merchant,
            account: STORE.to_owned(),
            amount: Fen::new(100),
            status: ShareStatus::Done,
            fail_reason: None,
            detail_reference: Some("36011111111111111111111".to_owned()),
            at: at(105),
        },
        SharedItem {
            kind: ReceiverKind::Person,
            account: CLERK.to_owned(),
            amount: Fen::new(200),
            status: ShareStatus::Failed,
            fail_reason: Some("NO_RELATION".to_owned()),
            detail_reference: Some("36011111111111111111112".to_owned()),
            at: at(106),
        },
    ]
}

/// Finished is not successful, and the rest is not an item.
#[test]
fn a_share_is_read_item_by_item() {
    let want = Finding::Share(Shared {
        channel_share_no: "S202304190001".to_owned(),
        payment_reference: REFERENCE.to_owned(),
        share_reference: "30080950011202304190000000001".to_owned(),
        is_finished: true,
        items: shared_items(),
    });
    for asked in [sharing(), query_share()] {
        assert_eq!(decode(&asked, &answer(200, SHARE)), want);
    }
    let open = SHARE.replace("FINISHED", "PROCESSING").replace("\"SUCCESS\"", "\"PENDING\"");
    let Finding::Share(open) = decode(&query_share(), &answer(200, &open)) else {
        panic!("a share wanted")
    };
    let first = open.items.first().map(|item| (item.status, item.at));
    assert_eq!((open.is_finished, first), (false, Some((ShareStatus::Processing, None))));
    // An open item is not final, regardless of what is said of the whole.
    let contradicting = SHARE.replace("\"SUCCESS\"", "\"PENDING\"");
    let read = decode(&query_share(), &answer(200, &contradicting));
    assert!(matches!(read, Finding::Share(Shared { is_finished: false, .. })), "{read:?}");
}

#[test]
fn an_answer_about_something_else_is_a_mismatch() {
    let served = connection_and(&partner());
    for (asked, good, from, to) in [
        (sharing(), SHARE, "S202304190001", "S202304190009"),
        (sharing(), SHARE, REFERENCE, "4200009"),
        (sharing(), SHARE, "\"amount\": 100", "\"amount\": 101"),
        (sharing(), SHARE, STORE, "1900000111"),
        (sharing(), SHARE, "\"transaction_id\"", "\"sub_mchid\": \"1\", \"transaction_id\""),
        (query_share(), SHARE, REFERENCE, "4200009"),
        (returning(), SHARE_RETURN, "\"amount\": 40", "\"amount\": 41"),
        (returning(), SHARE_RETURN, STORE, "1900000111"),
        (query_return(), SHARE_RETURN, "U202304190001", "U202304190009"),
        (query_return(), SHARE_RETURN, "S202304190001", "S202304190009"),
    ] {
        let read = decode(&asked, &answer(200, &good.replace(from, to)));
        assert!(matches!(read, Finding::Mismatch { .. }), "{from} {to}: {read:?}");
    }
    let other = SHARE.replace("\"transaction_id\"", "\"sub_mchid\": \"1\", \"transaction_id\"");
    let read = served.decode(&query_share(), &answer(200, &other), &context());
    assert!(matches!(read, Finding::Mismatch { .. }), "{read:?}");
}

#[test]
fn a_word_that_is_not_known_is_unknown() {
    for (asked, good, from) in [
        (query_share(), SHARE, "FINISHED"),
        (query_share(), SHARE, "CLOSED"),
        (query_share(), SHARE, "PERSONAL_OPENID"),
        (query_return(), SHARE_RETURN, "SUCCESS"),
    ] {
        let read = decode(&asked, &answer(200, &good.replace(from, "NEW")));
        assert!(matches!(read, Finding::Unknown { .. }), "{from}: {read:?}");
    }
}

#[test]
fn a_receiver_is_bound_that_was_asked_for() {
    let echo = json!({ "type": "MERCHANT_ID", "account": STORE, "relation_type": "STORE" });
    for asked in [Instruction::BindReceiver(store()), Instruction::UnbindReceiver(store())] {
        assert_eq!(decode(&asked, &answer(200, &echo.to_string())), Finding::Receiver);
        let other = echo.to_string().replace(STORE, "1900000111");
        assert_eq!(decode(&asked, &answer(200, &other)).name(), "mismatch");
    }
}

#[test]
fn the_rest_is_read_of_its_own_transaction() {
    let rest = |id: &str, fen: i64| json!({ "transaction_id": id, "unsplit_amount": fen });
    let read = |body: Value| decode(&query_unshared(), &answer(200, &body.to_string()));
    assert_eq!(read(rest(REFERENCE, 700)), Finding::Unshared { amount: Fen::new(700) });
    assert_eq!(read(rest("4200009", 700)).name(), "mismatch");
    assert_eq!(read(rest(REFERENCE, -1)).name(), "unknown");
}

#[test]
fn a_return_is_read() {
    let want = ShareReturned {
        channel_return_no: "U202304190001".to_owned(),
        channel_share_no: "S202304190001".to_owned(),
        return_reference: "30090950011202304190000000001".to_owned(),
        account: STORE.to_owned(),
        amount: Fen::new(40),
        status: ShareStatus::Done,
        fail_reason: None,
        at: at(405),
    };
    for asked in [returning(), query_return()] {
        assert_eq!(decode(&asked, &answer(200, SHARE_RETURN)), Finding::ShareReturn(want.clone()));
    }
    let failed = "\"FAILED\", \"fail_reason\": \"BALANCE_NOT_ENOUGH\"";
    let failed = SHARE_RETURN.replace("\"SUCCESS\"", failed);
    let Finding::ShareReturn(read) = decode(&query_return(), &answer(200, &failed)) else {
        panic!("a return wanted")
    };
    let reason = read.fail_reason.as_deref();
    assert_eq!((read.status, reason), (ShareStatus::Failed, Some("BALANCE_NOT_ENOUGH")));
}

/// The current pages give it the event of a payment, and it must not be read as one.
#[test]
fn a_callback_to_a_receiver_is_about_no_order() {
    for event in ["PROFITSHARING.SUCCESS", "PROFITSHARING.RETURN", "TRANSACTION.SUCCESS"] {
        let read = connection().callback(&callback(event, CALLBACK), NOW).expect("it is believed");
        let want = format!("{event}: share S202304190001, 100 fen to {STORE}");
        let callback_id = "EV-2018022511223320873".to_owned();
        assert_eq!(read, Callback::Other { callback_id, summary: want });
    }
    let mut forged = callback("PROFITSHARING.SUCCESS", CALLBACK);
    forged.body.push(b' ');
    assert!(connection().callback(&forged, NOW).is_err());
    let empty = callback("PROFITSHARING.SUCCESS", "{}");
    assert!(connection().callback(&empty, NOW).is_err(), "nothing of it was read");
}
