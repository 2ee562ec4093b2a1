//! A new variant must ask every reader: matches have no wildcard with a name, and a list of all
//! variants has all of them.

use crate::assert_none;
use crate::files::{File, code, files};

#[test]
fn no_match_has_a_wildcard_with_a_name() {
    let mut findings = vec![];
    for file in files(&["rs"]) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(name) = named_wildcard(&code(line)) {
                let what = format!("\"{name} =>\": name the variants that are left");
                findings.push(file.finding(index + 1, &what));
            }
        }
    }
    assert_none(&findings);
}

/// The name of an arm that takes everything and says that it ignores it.
fn named_wildcard(line: &str) -> Option<&str> {
    let (pattern, _) = line.split_once("=>")?;
    let last = pattern.rsplit(['|', '{', ',']).next()?.split(" if ").next()?.trim();
    let is_name = last.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    (is_name && last.len() > 1 && last.starts_with('_')).then_some(last)
}

#[test]
fn a_named_wildcard_is_seen() {
    assert_eq!(named_wildcard("    _other => {}"), Some("_other"));
    assert_eq!(named_wildcard("State::Paid | _rest if late => {}"), Some("_rest"));
    assert_eq!(named_wildcard("match x { _other => 1 }"), Some("_other"));
    for line in ["_ => {}", "Err(_why) => {}", "other => {}", "Paid { .. } => {}"] {
        assert_eq!(named_wildcard(line), None, "{line}");
    }
}

#[test]
fn a_list_of_all_variants_has_all_of_them() {
    let (mut checked, mut findings) = (0, vec![]);
    for file in files(&["rs"]) {
        for (line, name, list) in lists(&file.text) {
            let Some(variants) = variants(&file.text, name) else { continue };
            checked += 1;
            let missing = variants.iter().filter(|variant| !has(list, name, variant));
            findings.extend(missing.map(|variant| {
                file.finding(line, &format!("{name}::ALL lacks {variant}: add it"))
            }));
        }
    }
    assert!(checked >= 9, "{checked} lists were found");
    assert_none(&findings);
}

/// Each `const ALL`: its line, the name of its enum, and its text.
fn lists(text: &str) -> Vec<(usize, &str, &str)> {
    let list = |(at, start): (usize, &str)| {
        let rest = &text[at + start.len()..];
        let (name, rest) = rest.split_once(';')?;
        let (_, rest) = rest.split_once('=')?;
        let (list, _) = rest.split_once(';')?;
        Some((text[..at].lines().count(), name.trim(), list))
    };
    text.match_indices("const ALL: [").filter_map(list).collect()
}

/// The variants of an enum that the file declares outside of a macro.
fn variants<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let (_, rest) = text.split_once(&format!("\npub enum {name} {{\n"))?;
    let (body, _) = rest.split_once("\n}")?;
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let named = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    Some(named.filter_map(|line| line.split([',', '(', ' ', '=']).next()).collect())
}

fn has(list: &str, name: &str, variant: &str) -> bool {
    list.split([',', '[', ']'])
        .map(str::trim)
        .any(|one| one == format!("{name}::{variant}") || one == format!("Self::{variant}"))
}

#[test]
fn a_variant_that_is_missing_is_seen() {
    let text = "\npub enum Way {\n    /// Up.\n    Up,\n    Down = 2,\n}\nimpl Way {\n    \
        pub const ALL: [Way; 1] = [Way::Up];\n}";
    let file = File { path: "way.rs".to_owned(), text: text.to_owned() };
    let (line, name, list) = lists(&file.text)[0];
    assert_eq!((line, name), (8, "Way"));
    assert_eq!(variants(&file.text, name), Some(vec!["Up", "Down"]));
    assert!(has(list, name, "Up") && !has(list, name, "Down"));
}
