//! What `tongbao why` shows, whole, and what it never shows.

use crate::render;
use crate::samples::{self, HIDDEN, START, Samples};
use ledger::Timestamp;
use store::Story;

/// The lines about what needs a person.
fn attention(story: &Story, now: Timestamp) -> Vec<String> {
    let text = render(story, now);
    text.lines().filter_map(|line| line.trim().strip_prefix("! ")).map(str::to_owned).collect()
}

#[test]
fn a_paid_and_notified_order() {
    let mut samples = Samples::new();
    let order = samples::paid(&mut samples);
    insta::assert_snapshot!(
        render(&samples.story(order), START.plus_seconds(201)),
        @r#"
        Order 227712119603200001: PAID, ¥88.00 (8800 fen)
          The payer paid ¥80.00 (8000 fen) at 2026-11-18 19:08:09.000; the channel's number of the payment is 420000089000.
          The merchant was notified at 2026-11-18 19:08:25.006 and acknowledged it.

          number   A-001 (the merchant's)
          merchant CM1 of tenant 100001, through wecard
          channel  wxpay, account main, scene mini_program, number P0A1B2C227712119603200001
          title    一杯�[31m咖啡
          payer    oUpF8u… in app wx8888
          placed   2026-11-18 19:06:40.000 (all times are Asia/Shanghai)
          expires  2026-11-18 19:36:40.000
          notify   https://shop.example/paid

        What happened
          2026-11-18 19:06:40.000  business demo   order placed: ¥88.00 (8800 fen), mini_program through main, to be paid until 2026-11-18 19:36:40.000; asks the channel: place
          2026-11-18 19:06:40.210  channel wxpay   the payer can pay now (jsapi), until 2026-11-18 21:06:40.000
                                                   · asked place, HTTP 200, 183 ms, begun 2026-11-18 19:06:40.027, trace 08F7A210, answer: placed
          2026-11-18 19:07:40.210  clock           asks the channel: query
          2026-11-18 19:07:40.393  channel wxpay   nothing new from the channel
                                                   · asked query, HTTP 200, 183 ms, begun 2026-11-18 19:07:40.210, trace 08F7A60393, answer: pending
          2026-11-18 19:08:10.000  channel wxpay   PAID at 2026-11-18 19:08:09.000: payment 420000089000, the payer gave ¥80.00 (8000 fen)
                                                   · callback of the channel at 2026-11-18 19:08:09.817, trace 08F7A90000, answer: paid
          2026-11-18 19:08:10.000  channel wxpay   the merchant is to be notified: notification 227712213975040513 to https://shop.example/paid
          2026-11-18 19:08:10.034  clock           notification 227712213975040513: HTTP 500 after 34 ms, not acknowledged: busy; now due
          2026-11-18 19:08:25.040  clock           notification 227712213975040513: HTTP 200 after 34 ms, acknowledged; now delivered
          2026-11-18 19:10:00.000  operator admin  notification 227712213975040513 is sent again from the start of its schedule
          2026-11-18 19:10:00.100  clock           notification 227712213975040513: no answer after 34 ms: not sent: connection refused; now due

        Money
          2026-11-18 19:08:10.000  ¥88.00 (8800 fen)  channel_funds/main → merchant_pending/CM1  moved (payment)

        Notifications
          227712213975040513 (pay) to https://shop.example/paid: not delivered yet
            1. 2026-11-18 19:08:10.000  HTTP 500 after 34 ms, not acknowledged: busy
            2. 2026-11-18 19:08:25.006  HTTP 200 after 34 ms, acknowledged
            3. 2026-11-18 19:10:00.066  no answer after 34 ms: not sent: connection refused

        Still to be done
          2026-11-18 19:10:15.100 (in 14.1 s)  send notification 227712213975040513
        "#
    );
}

#[test]
fn an_expired_order() {
    let mut samples = Samples::new();
    let order = samples::expired(&mut samples, 0, "A-005");
    insta::assert_snapshot!(
        render(&samples.story(order), START.plus_seconds(1_900)),
        @r#"
        Order 227712119603200001: FAILED, ¥88.00 (8800 fen)
          The order took no money; decided at 2026-11-18 19:36:40.200: expired.

          number   A-005 (the merchant's)
          merchant CM1 of tenant 100001, through wecard
          channel  wxpay, account main, scene mini_program, number P0A1B2C227712119603200001
          title    一杯�[31m咖啡
          payer    oUpF8u… in app wx8888
          placed   2026-11-18 19:06:40.000 (all times are Asia/Shanghai)
          expires  2026-11-18 19:36:40.000
          notify   https://shop.example/paid

        What happened
          2026-11-18 19:06:40.000  business demo  order placed: ¥88.00 (8800 fen), mini_program through main, to be paid until 2026-11-18 19:36:40.000; asks the channel: place
          2026-11-18 19:06:40.210  channel wxpay  the payer can pay now (jsapi), until 2026-11-18 21:06:40.000
                                                  · asked place, HTTP 200, 183 ms, begun 2026-11-18 19:06:40.027, trace 08F7A210, answer: placed
          2026-11-18 19:36:40.000  clock          its time is up: the channel must close it before it may fail
          2026-11-18 19:36:40.000  clock          asks the channel: close
          2026-11-18 19:36:40.200  channel wxpay  FAILED: expired
                                                  · asked close, HTTP 200, 183 ms, begun 2026-11-18 19:36:40.017, trace 08F7A1800200, answer: closed

        Still to be done
          2026-11-18 19:46:40.200 (in 8 min 20 s)  ask the channel whether money came after the end
        "#
    );
}

#[test]
fn a_refund_that_its_merchant_requested_twice() {
    let mut samples = Samples::new();
    let order = samples::refunded(&mut samples);
    let text = render(&samples.story(order), START.plus_seconds(2_000));
    for sentence in [
        "business demo  the merchant requests refund",
        "its R-005: ¥33.00 (3300 fen)",
        "Its merchant refunds it: ¥33.00 (3300 fen) are back at the payer",
        "FAILED: closed at the channel",
        "is requested under a new number, its attempt 2",
        "DONE at 2026-11-18 19:11:40.400, the channel's number is 5030000002",
        "which its merchant requested as R-005",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
    assert!(!text.contains("Money came that it could not take"), "{text}");
}

#[test]
fn an_unapplied_payment_that_was_given_back() {
    let mut samples = Samples::new();
    let order = samples::given_back(&mut samples);
    insta::assert_snapshot!(
        render(&samples.story(order), START.plus_seconds(2_000)),
        @r#"
        Order 227712119603200001: FAILED, ¥88.00 (8800 fen)
          The order took no money; decided at 2026-11-18 19:36:40.200: expired.
          Money came that it could not take: ¥88.00 (8800 fen); refunds done: 1 of 1.

          number   A-004 (the merchant's)
          merchant CM1 of tenant 100001, through wecard
          channel  wxpay, account main, scene mini_program, number P0A1B2C227712119603200001
          title    一杯�[31m咖啡
          payer    oUpF8u… in app wx8888
          placed   2026-11-18 19:06:40.000 (all times are Asia/Shanghai)
          expires  2026-11-18 19:36:40.000
          notify   https://shop.example/paid

        What happened
          2026-11-18 19:06:40.000  business demo  order placed: ¥88.00 (8800 fen), mini_program through main, to be paid until 2026-11-18 19:36:40.000; asks the channel: place
          2026-11-18 19:06:40.210  channel wxpay  the payer can pay now (jsapi), until 2026-11-18 21:06:40.000
                                                  · asked place, HTTP 200, 183 ms, begun 2026-11-18 19:06:40.027, trace 08F7A210, answer: placed
          2026-11-18 19:36:40.000  clock          its time is up: the channel must close it before it may fail
          2026-11-18 19:36:40.000  clock          asks the channel: close
          2026-11-18 19:36:40.200  channel wxpay  FAILED: expired
                                                  · asked close, HTTP 200, 183 ms, begun 2026-11-18 19:36:40.017, trace 08F7A1800200, answer: closed
          2026-11-18 19:38:20.000  channel wxpay  MONEY THAT THE ORDER CANNOT TAKE: ¥88.00 (8800 fen) as payment 42000001899000; refund 227714111897600001 gives it back
                                                  · callback of the channel at 2026-11-18 19:38:19.817, trace 08F7A1900000, answer: paid
          2026-11-18 19:38:20.000  channel wxpay  refund 227714111897600001 is made and requested: ¥88.00 (8800 fen)
          2026-11-18 19:38:20.400  channel wxpay  refund 227714111897600001: accepted by the channel, not done yet
                                                  · asked refund, HTTP 200, 183 ms, begun 2026-11-18 19:38:20.217, trace 08F7A1900400, answer: refund
          2026-11-18 19:38:51.000  channel wxpay  refund 227714111897600001: DONE at 2026-11-18 19:38:50.000, the channel's number is 5030000001
                                                  · callback of the channel at 2026-11-18 19:38:50.817, trace 08F7A1931000, answer: refund

        Money
          2026-11-18 19:38:20.000  ¥88.00 (8800 fen)  channel_funds/main → suspense/100001  moved (unapplied_payment)
          2026-11-18 19:38:20.000  ¥88.00 (8800 fen)  suspense/100001 → channel_funds/main  held, not moved yet (unapplied_refund)
          2026-11-18 19:38:51.000  ¥88.00 (8800 fen)  suspense/100001 → channel_funds/main  moved, was held (unapplied_refund)

        Refunds
          227714111897600001 of ¥88.00 (8800 fen) for payment 42000001899000, made 2026-11-18 19:38:20.000: the money is back since 2026-11-18 19:38:50.000, the channel's number is 5030000001

        Still to be done
          2026-11-18 19:46:40.200 (in 6 min 40 s)  ask the channel whether money came after the end
        "#
    );
}

#[test]
fn a_failed_refund_after_other_trouble() {
    let mut samples = Samples::new();
    let order = samples::troubled(&mut samples);
    insta::assert_snapshot!(
        render(&samples.story(order), START.plus_seconds(3_000)),
        @r#"
        Order 227713168179200001: FAILED, ¥88.00 (8800 fen)
          The order took no money; decided at 2026-11-18 19:53:20.200: expired.
          Money came that it could not take: ¥88.00 (8800 fen); refunds done: 0 of 1.

          number   A-002 (the merchant's)
          merchant CM1 of tenant 100001, through wecard
          channel  wxpay, account main, scene mini_program, number P0A1B2C227713168179200001
          title    一杯�[31m咖啡
          payer    oUpF8u… in app wx8888
          placed   2026-11-18 19:23:20.000 (all times are Asia/Shanghai)
          expires  2026-11-18 19:53:20.000
          notify   https://shop.example/paid

        Needs a person
          ! the channel contradicted us at 2026-11-18 19:23:40.000, nothing was changed; compare with its records: paid 8000 fen CNY for P0A1B2C227713168179200001 as 42000001019000, want 8800 fen CNY for P0A1B2C227713168179200001
          ! refund 227715160473600001, since 2026-11-18 19:55:30.200: refund failed: NOT_ENOUGH: 余额不足; the payer has not got ¥88.00 (8800 fen) back, it stays in suspense

        What happened
          2026-11-18 19:23:20.000  business demo  order placed: ¥88.00 (8800 fen), mini_program through main, to be paid until 2026-11-18 19:53:20.000; asks the channel: place
          2026-11-18 19:23:30.000  channel wxpay  no answer: it is not known what the channel did
                                                  · asked place, no answer, 183 ms, begun 2026-11-18 19:23:29.817, answer: unknown
          2026-11-18 19:23:35.000  clock          asks the channel: place
          2026-11-18 19:23:35.200  channel wxpay  the payer can pay now (jsapi), until 2026-11-18 21:06:40.000
                                                  · asked place, HTTP 200, 183 ms, begun 2026-11-18 19:23:35.017, trace 08F7A1015200, answer: placed
          2026-11-18 19:23:40.000  channel wxpay  CONTRADICTION, booked nothing: payment 42000001019000 is contested: paid 8000 fen CNY for P0A1B2C227713168179200001 as 42000001019000, want 8800 fen CNY for P0A1B2C227713168179200001
                                                  · callback of the channel at 2026-11-18 19:23:39.817, trace 08F7A1020000, answer: paid
          2026-11-18 19:53:20.000  clock          its time is up: the channel must close it before it may fail
          2026-11-18 19:53:20.000  clock          asks the channel: close
          2026-11-18 19:53:20.200  channel wxpay  FAILED: expired
                                                  · asked close, HTTP 200, 183 ms, begun 2026-11-18 19:53:20.017, trace 08F7A2800200, answer: closed
          2026-11-18 19:55:00.000  channel wxpay  MONEY THAT THE ORDER CANNOT TAKE: ¥88.00 (8800 fen) as payment 42000002899000; refund 227715160473600001 gives it back
                                                  · callback of the channel at 2026-11-18 19:54:59.817, trace 08F7A2900000, answer: paid
          2026-11-18 19:55:00.000  channel wxpay  refund 227715160473600001 is made and requested: ¥88.00 (8800 fen)
          2026-11-18 19:55:30.200  channel wxpay  refund 227715160473600001: FAILED: NOT_ENOUGH: 余额不足
                                                  · asked refund, HTTP 200, 183 ms, begun 2026-11-18 19:55:30.017, trace 08F7A2930200, answer: refused

        Money
          2026-11-18 19:55:00.000  ¥88.00 (8800 fen)  channel_funds/main → suspense/100001  moved (unapplied_payment)
          2026-11-18 19:55:00.000  ¥88.00 (8800 fen)  suspense/100001 → channel_funds/main  held, not moved yet (unapplied_refund)

        Refunds
          227715160473600001 of ¥88.00 (8800 fen) for payment 42000002899000, made 2026-11-18 19:55:00.000: FAILED at 2026-11-18 19:55:30.200: NOT_ENOUGH: 余额不足

        Still to be done
          2026-11-18 20:03:20.200 (in 6 min 40 s)  ask the channel whether money came after the end
        "#
    );
}

#[test]
fn an_order_closed_at_the_merchants_request() {
    let mut samples = Samples::new();
    let order = samples::closed(&mut samples);
    insta::assert_snapshot!(
        render(&samples.story(order), START.plus_seconds(3_600)),
        @r#"
        Order 227715265331200001: CLOSED, ¥88.00 (8800 fen)
          The merchant requested it and the channel confirmed at 2026-11-18 19:56:42.200; the order took no money.

          number   A-003/中 (the merchant's)
          merchant CM1 of tenant 100001, through wecard
          channel  wxpay, account main, scene mini_program, number P0A1B2C227715265331200001
          title    一杯�[31m咖啡
          payer    oUpF8u… in app wx8888
          placed   2026-11-18 19:56:40.000 (all times are Asia/Shanghai)
          expires  2026-11-18 20:26:40.000
          notify   https://shop.example/paid

        What happened
          2026-11-18 19:56:40.000  business demo  order placed: ¥88.00 (8800 fen), mini_program through main, to be paid until 2026-11-18 20:26:40.000; asks the channel: place
          2026-11-18 19:56:40.210  channel wxpay  the payer can pay now (jsapi), until 2026-11-18 21:06:40.000
                                                  · asked place, HTTP 200, 183 ms, begun 2026-11-18 19:56:40.027, trace 08F7A3000210, answer: placed
          2026-11-18 19:56:42.000  business demo  the merchant wants it closed: the channel must close it first
          2026-11-18 19:56:42.000  business demo  asks the channel: close
          2026-11-18 19:56:42.200  channel wxpay  CLOSED at the channel
                                                  · asked close, HTTP 200, 183 ms, begun 2026-11-18 19:56:42.017, trace 08F7A3002200, answer: closed

        Still to be done
          2026-11-18 20:06:42.200 (in 2.2 s)  ask the channel whether money came after the end
        "#
    );
}

#[test]
fn an_order_under_way_shows_what_comes_next() {
    let mut samples = Samples::new();
    let order = samples.place(0, "A-001");
    let story = samples.story(order);
    let text = render(&story, START.plus_seconds(1));
    for part in [
        "NOT CONFIRMED, ¥88.00 (8800 fen)",
        "A call to the channel is running (place); it ends by 2026-11-18 19:07:10.000.",
        "(in 29.0 s)  place the order at the channel again, with the same number",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(attention(&story, START.plus_seconds(1)), [""; 0]);
}

#[test]
fn a_stopped_engine_and_a_lost_task_are_noticed() {
    let mut samples = Samples::new();
    let order = samples.place(0, "A-001");
    let mut story = samples.story(order);
    let found = attention(&story, START.plus_seconds(30 + 121));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("has been due for 2 min 1 s"), "{found:?}");
    assert_eq!(attention(&story, START.plus_seconds(30 + 120)), [""; 0]);
    story.tasks.clear();
    let found = attention(&story, START);
    assert!(found[0].contains("is open and has no task"), "{found:?}");
}

#[test]
fn a_notification_given_up_needs_a_person() {
    let mut samples = Samples::new();
    let order = samples.place(0, "A-001");
    samples.pay(1_000, order, 8_800);
    for attempt in 0..16 {
        samples.attempt(2_000 + attempt, samples::rejected());
    }
    let found = attention(&samples.story(order), START.plus_seconds(10));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("since 2026-11-18 19:06:42.015"), "{found:?}");
    assert!(found[0].contains("replay it when https://shop.example/paid answers"), "{found:?}");
}

#[test]
fn no_story_shows_a_payer_a_cashier_or_a_control_character() {
    let (samples, orders) = samples::whole();
    for order in orders {
        let text = render(&samples.story(order), START);
        for hidden in HIDDEN {
            assert!(!text.contains(hidden), "{hidden} is in\n{text}");
        }
        assert!(text.contains("oUpF8u… in app wx8888"));
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()));
        assert!(text.ends_with('\n') && text.lines().all(|line| line == line.trim_end()));
    }
}
