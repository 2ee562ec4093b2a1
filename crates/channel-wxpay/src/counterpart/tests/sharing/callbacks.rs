//! What receivers of shares are notified of, as the codec reads it.

use super::returns::return_of;
use super::*;
use channel::Callback;

const URL: &str = "https://receiver.example/shares";

/// What a callback says that is about no order.
fn summary(stage: &mut Stage, connection: &dyn Connection) -> String {
    let (envelope, now) = (stage.envelope(), stage.now);
    match connection.callback(&envelope, now) {
        Ok(Callback::Other { summary, .. }) => summary,
        other => panic!("want a callback about no order, found {other:?}"),
    }
}

/// A merchant whose sub-merchant shares with it.
fn to_provider(fen: i64, payment: &SharedPayment) -> Share {
    let provider = Receiver { kind: ReceiverKind::Merchant, account: MCHID.to_owned(), ..store() };
    Share { items: vec![item(provider, fen)], ..share("S1", payment, 1) }
}

#[test]
fn a_receiver_with_a_url_is_notified_of_what_it_got_and_gave_back() {
    let connection = partner();
    let (mut stage, payment) = shared(&*connection);
    let asked = to_provider(300, &payment);
    bind(&mut stage, &*connection, asked.items[0].receiver.clone());
    let before = stage.outgoing.len();
    let named = stage.switch("receiver_url", json!({ "mchid": MCHID, "url": URL }));
    assert_eq!(named, Ok(json!({ "mchid": MCHID, "url": URL })));
    for _ in 0..2 {
        stage.ask(&*connection, &sharing(&asked));
        assert_eq!(stage.outgoing.len(), before + 1, "a repeat notifies of nothing");
    }
    assert_eq!(stage.outgoing[before].url, URL);
    let told = summary(&mut stage, &*connection);
    assert_eq!(told, format!("PROFITSHARING.SUCCESS: share S1, 300 fen to {MCHID}"));

    stage.later(2);
    let Instruction::ReturnShare(mut back) = return_of("U1", "S1", 100) else { panic!("a return") };
    back.receiver = asked.items[0].receiver.clone();
    stage.ask(&*connection, &Instruction::ReturnShare(back));
    assert_eq!(stage.outgoing.len(), before + 2);
    let told = summary(&mut stage, &*connection);
    assert_eq!(told, format!("PROFITSHARING.RETURN: share S1, 100 fen to {SUB_MCHID}"));
}

#[test]
fn who_has_no_url_or_gets_nothing_is_not_notified() {
    let connection = direct();
    let (mut stage, payment) = shared(&*connection);
    let before = stage.outgoing.len();
    stage.ask(&*connection, &sharing(&share("S1", &payment, 300)));
    stage.later(2);
    stage.switch("receiver_url", json!({ "mchid": MCHID, "url": URL })).expect("it is set");
    stage.ask(&*connection, &sharing(&share("S2", &payment, 300)));
    stage.ask(&*connection, &return_of("U1", "S1", 100));
    assert_eq!(stage.outgoing.len(), before, "the sharing merchant is notified of nothing");
    for bad in [
        json!({ "mchid": store().account, "url": URL }),
        json!({ "mchid": MCHID, "url": "ftp://receiver.example" }),
        json!({ "mchid": MCHID, "url": format!("{URL}?a=1") }),
    ] {
        assert!(stage.switch("receiver_url", bad.clone()).is_err(), "{bad}");
    }
}
