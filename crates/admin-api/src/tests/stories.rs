//! The story as text.

use super::check_golden;
use super::fixture::{self, OPEN_ID, PAY_TEXT, START, StoryFixture};
use crate::story::render;
use ledger::Timestamp;
use store::Story;

fn lines_about_people(story: &Story, now: Timestamp) -> Vec<String> {
    let text = render(story, now);
    text.lines().filter_map(|line| line.trim().strip_prefix("! ")).map(str::to_owned).collect()
}

#[test]
fn a_paid_order_is_told_whole() {
    let mut fixture = StoryFixture::new();
    let order = fixture::paid(&mut fixture);
    check_golden("story_paid.txt", &render(&fixture.story(order), START.plus_seconds(201)));
}

#[test]
fn trouble_is_told_whole_and_first() {
    let mut fixture = StoryFixture::new();
    let order = fixture::troubled(&mut fixture);
    check_golden("story_troubled.txt", &render(&fixture.story(order), START.plus_seconds(3_000)));
}

#[test]
fn a_closed_order_is_told_whole() {
    let mut fixture = StoryFixture::new();
    let order = fixture::closed(&mut fixture);
    check_golden("story_closed.txt", &render(&fixture.story(order), START.plus_seconds(3_600)));
}

#[test]
fn an_order_under_way_says_what_comes_next() {
    let mut fixture = StoryFixture::new();
    let order = fixture.place(0, "A-001");
    let text = render(&fixture.story(order), START.plus_seconds(1));
    for part in [
        "NOT CONFIRMED, ¥88.00 (8800 fen)",
        "A call to the channel is running (place), until 2026-11-18 19:07:10.000 at the latest.",
        "(in 29.0 s)  place the order at the channel again, with the same number",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(lines_about_people(&fixture.story(order), START.plus_seconds(1)), [""; 0]);
}

#[test]
fn a_standing_engine_and_a_lost_task_are_noticed() {
    let mut fixture = StoryFixture::new();
    let order = fixture.place(0, "A-001");
    let mut story = fixture.story(order);
    let found = lines_about_people(&story, START.plus_seconds(30 + 121));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("has been due for 2 min 1 s"), "{found:?}");
    assert_eq!(lines_about_people(&story, START.plus_seconds(30 + 120)), [""; 0]);
    story.tasks.clear();
    let found = lines_about_people(&story, START);
    assert!(found[0].contains("nothing will look at it again"), "{found:?}");
}

#[test]
fn a_notification_given_up_needs_a_person() {
    let mut fixture = StoryFixture::new();
    let order = fixture.place(0, "A-001");
    fixture.finding(1_000, order, None, fixture::payment(order, 8_800, 900));
    for attempt in 0..16 {
        fixture.attempt(2_000 + attempt, fixture::rejected());
    }
    let found = lines_about_people(&fixture.story(order), START.plus_seconds(10));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("was given up at 2026-11-18 19:06:42.015 after 16 attempts"));
}

#[test]
fn no_story_shows_a_payer_a_cashier_or_a_control_character() {
    let (fixture, orders) = fixture::whole();
    for order in orders {
        let text = render(&fixture.story(order), START);
        for hidden in [OPEN_ID, PAY_TEXT, "203.0.113.77", "13800138000"] {
            assert!(!text.contains(hidden), "{hidden} is in\n{text}");
        }
        assert!(text.contains("oUpF8u… in app wx8888"));
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()));
        assert!(text.ends_with('\n') && text.lines().all(|line| line == line.trim_end()));
    }
}
