//! Names are the terms of the field, and sentences are plain. What must not be written stands here
//! with what to write instead; `docs/glossary.md` has the terms.
//!
//! A word that an outside interface gives us is exempt in the files that speak that interface: see
//! [`EXEMPT`]. This file is exempt, because it quotes all of them.

use crate::assert_none;
use crate::files::{File, code, files};
use std::collections::BTreeSet;

/// Parts of names in Rust and SQL. Words are joined by `_` here, however the name joins them.
const NAMES: &[(&str, &str)] = &[
    ("attend", "serve, run_task"),
    ("busy_ms", "CALL_MAX_MS"),
    ("channel_reference", "payment_reference or refund_reference"),
    ("desk", "what it is: Api, Merchant"),
    ("dice", "SeededRng"),
    ("doubt", "SignatureFault, or what is unknown"),
    ("fate", "FaultMode, CommitOutcome"),
    ("finding_kept", "MismatchRecorded"),
    ("from_number", "from_value"),
    ("gather", "drain_ready, collect"),
    ("house", "TestGateway"),
    ("is_busy", "is_in_flight"),
    ("keep_finding", "RecordMismatch"),
    ("keep_keys", "StoreKeys"),
    ("ladder", "schedule"),
    ("look_after", "refresh_order"),
    ("look_every", "POLL_EVERY"),
    ("manner", "MerchantReply"),
    ("notice", "notification (to a merchant) or callback (from a channel)"),
    ("notices", "notifications (to a merchant) or callbacks (from a channel)"),
    ("owe", "enqueue"),
    ("owed", "outgoing, enqueued"),
    ("refund_stage", "RefundState"),
    ("rung", "step"),
    ("shelf", "DocumentStore"),
    ("shop", "merchant"),
    ("shops", "merchants"),
    ("stray", "unapplied"),
    ("strays", "unapplied"),
    ("till", "what it stands for: TestChannel, StoreFixture"),
    ("wish", "request"),
];

/// Words of sentences, in every file. Words that follow each other may stand on two lines.
const PHRASES: &[(&str, &str)] = &[
    ("all the same", "still"),
    ("at the latest", "within, at most, before"),
    ("dialect-admin", "admin-api"),
    ("are no", "are not"),
    ("for ever", "without end, always, never stops"),
    ("forever", "without end, always, never stops"),
    ("is no", "is not a"),
    ("look after", "refresh, serve, watch"),
    ("so many", "the number, at most N, as many as"),
    ("whatever", "what it is, any, regardless of"),
    ("whoever", "who it is: the caller, the operator"),
];

/// What stands around a phrase that is fine there: "there is no order", "it is no longer open".
const FINE: &[(&str, &str)] = &[("there", ""), ("", "longer "), ("", "better ")];

/// Quotes of outside interfaces, and sentences in which the word has its plain meaning: the beginning
/// of the path, the word, why. An exemption that is not needed fails, too.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("crates/dialect-cpay/", "shop", "cpay's own word: out_shop_id"),
    ("crates/tongbao/src/cpay.rs", "shop", "cpay's own word: out_shop_id"),
    ("crates/tongbao/src/world/cpay.rs", "shop", "cpay's own word: out_shop_id"),
    ("crates/sandbox/src/schema.rs", "busy_ms", "SQLite's own word: busy_timeout"),
    ("crates/store-sqlite/src/connection.rs", "busy_ms", "SQLite's own word: busy_timeout"),
];

/// The file that quotes all words.
const THIS_FILE: &str = "crates/tongbao/tests/tidy/words.rs";

/// A place where a word was found.
struct Place<'f> {
    file: &'f File,
    line: usize,
    word: &'static str,
    instead: &'static str,
}

#[test]
fn names_and_sentences_use_the_words_of_the_field() {
    let files = files(&["rs", "md", "sql", "toml", "yml"]);
    let ours = || files.iter().filter(|file| file.path != THIS_FILE);
    let places: Vec<Place<'_>> = ours().flat_map(names).chain(ours().flat_map(phrases)).collect();
    let (exempt, found): (Vec<_>, Vec<_>) =
        places.iter().partition(|place| exemption(place).is_some());
    let mut findings: Vec<String> = found.iter().map(|place| place.finding()).collect();
    let used: BTreeSet<_> = exempt.into_iter().filter_map(exemption).collect();
    let unused = (0..EXEMPT.len()).filter(|index| !used.contains(index));
    findings.extend(unused.map(|index| format!("not needed: {:?}", EXEMPT[index])));
    assert_none(&findings);
}

impl Place<'_> {
    fn finding(&self) -> String {
        self.file.finding(self.line, &format!("\"{}\": use {}", self.word, self.instead))
    }
}

fn exemption(place: &Place<'_>) -> Option<usize> {
    let fits = |(path, word, _): &(&str, &str, &str)| {
        place.file.path.starts_with(path) && place.word == *word
    };
    EXEMPT.iter().position(fits)
}

fn names(file: &File) -> Vec<Place<'_>> {
    if !["rs", "sql"].contains(&file.kind()) {
        return vec![];
    }
    let banned: Vec<String> = NAMES.iter().map(|(word, _)| format!("_{word}_")).collect();
    let mut places = vec![];
    for (index, line) in file.text.lines().enumerate() {
        let parts: String = identifiers(&code(line)).into_iter().map(parts).collect();
        for (banned, (word, instead)) in banned.iter().zip(NAMES) {
            if parts.contains(banned) {
                places.push(Place { file, line: index + 1, word, instead });
            }
        }
    }
    places
}

fn identifiers(code: &str) -> Vec<&str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|name| !name.is_empty())
        .collect()
}

/// `LookEvery` and `LOOK_EVERY` as `_look_every_`.
fn parts(name: &str) -> String {
    let mut parts = String::from("_");
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            parts.push('_');
        }
        was_small = letter.is_lowercase();
        parts.extend(letter.to_lowercase());
    }
    parts.push('_');
    parts
}

fn phrases(file: &File) -> Vec<Place<'_>> {
    let (text, lines) = sentence(&file.text);
    let mut places = vec![];
    for (word, instead) in PHRASES {
        for (at, found) in text.match_indices(&format!(" {word} ")) {
            let (before, after) = (&text[..at], &text[at + found.len()..]);
            if FINE.iter().any(|(start, end)| before.ends_with(start) && after.starts_with(end)) {
                continue;
            }
            places.push(Place { file, line: lines[at + 1], word, instead });
        }
    }
    places
}

/// The words of a text in small letters, a space around each, and the line of each byte. The marks of
/// comments are left out, so that a sentence goes on over the end of a line; another mark ends it.
fn sentence(text: &str) -> (String, Vec<usize>) {
    let (mut sentence, mut lines) = (String::from(" "), vec![1]);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start().trim_start_matches(['/', '!', '#', '*', '-']);
        for letter in line.chars().chain([' ']) {
            match letter {
                '_' | ' ' if sentence.ends_with(' ') => {}
                '_' | ' ' => sentence.push(' '),
                '-' => sentence.push('-'),
                _ if letter.is_alphanumeric() => sentence.extend(letter.to_lowercase()),
                _ if sentence.ends_with(' ') => sentence.push_str(". "),
                _ => sentence.push_str(" . "),
            }
        }
        lines.resize(sentence.len(), index + 1);
    }
    (sentence, lines)
}

#[test]
fn words_are_found_however_they_are_written() {
    let places = |path: &str, text: &str| -> Vec<(usize, &str)> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let found = names(&file).into_iter().chain(phrases(&file));
        found.map(|place| (place.line, place.word)).collect()
    };
    assert_eq!(places("a.rs", "let x = 1;\nfn runWish() {}"), [(2, "wish")]);
    assert_eq!(places("a.rs", "const LOOK_EVERY: u8 = 1;"), [(1, "look_every")]);
    assert_eq!(places("a.rs", "/// A key\n/// is kept for\n/// ever."), [(2, "for ever")]);
    assert_eq!(places("a.md", "Whoever has it."), [(1, "whoever")]);
    assert_eq!(places("a.md", "It is\nno URL. There is no URL. It is no longer."), [(1, "is no")]);
    assert_eq!(places("a.rs", "let url = \"https://shop.example\"; // a shop"), []);
    assert_eq!(places("a.rs", "let workshop = until(whichever);"), []);
}
