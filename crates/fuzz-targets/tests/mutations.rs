//! Runs every target on stable: over its corpus, and over changed copies of it from a fixed seed, so
//! that a failure repeats. `TONGBAO_FUZZ_ROUNDS` runs longer.

use fuzz_targets::{TARGETS, Target};
use std::panic::catch_unwind;
use std::path::Path;
use test_support::SeededRng;

/// Changed copies for each target.
const ROUNDS: u64 = 3_000;
/// Changes of one copy, at most.
const CHANGES_MAX: u64 = 4;
const SEED: u64 = 20_261_128;
/// Bytes that mean something to one of the readers.
const MARKS: &[u8] = b"\0%\"\\{}[]:,;=/. \n\x7f\xff09aZ-+";

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&folder).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} has no seed");
    paths.into_iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

fn run(name: &str, target: Target, input: &[u8]) {
    let outcome = catch_unwind(|| target(input));
    assert!(
        outcome.is_ok(),
        "{name} fails; keep as fuzz/corpus/{name}/…: {}",
        input.escape_ascii()
    );
}

/// Sets, removes, doubles or inserts a byte or a run of bytes, or takes the end of another seed.
fn change(rng: &mut SeededRng, input: &mut Vec<u8>, other: &[u8]) {
    let at = rng.index(input.len());
    let mark = MARKS[rng.index(MARKS.len())];
    let to = (at + 1 + rng.index(8)).min(input.len());
    match rng.below(6) {
        _ if input.is_empty() => input.push(mark),
        0 => input[at] = mark,
        1 => input[at] ^= 1 << rng.below(8),
        2 => drop(input.drain(at..to)),
        3 => input.insert(at, mark),
        4 => input.extend_from_within(at..to),
        _ => {
            input.truncate(at);
            input.extend(&other[rng.index(other.len())..]);
        }
    }
}

#[test]
fn seeds_and_their_changed_copies_break_nothing() {
    let rounds = std::env::var("TONGBAO_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        corpus.iter().for_each(|seed| run(name, *target, seed));
        let mut rng = SeededRng::new(SEED);
        for _ in 0..rounds.unwrap_or(ROUNDS) {
            let mut input = corpus[rng.index(corpus.len())].clone();
            let other = &corpus[rng.index(corpus.len())];
            for _ in 0..=rng.below(CHANGES_MAX) {
                change(&mut rng, &mut input, other);
            }
            run(name, *target, &input);
        }
    }
}
