//! Markdown is at most 100 columns wide, its links lead somewhere, and the indexes are complete.

use crate::assert_none;
use crate::files::{File, files, root};

/// The widest line of Markdown, in columns. A Chinese character takes two on the screen and counts as
/// one here, as in most editors' settings.
const WIDTH_MAX: usize = 100;

#[test]
fn markdown_wraps_at_100_columns() {
    let mut findings = vec![];
    for file in files(&["md"]) {
        for (line, text) in prose(&file) {
            let width = text.chars().count();
            // A table's row and a link cannot be wrapped.
            if width > WIDTH_MAX && !text.trim_start().starts_with('|') && !text.contains("](") {
                let what = format!("{width} columns: wrap at {WIDTH_MAX}");
                findings.push(file.finding(line, &what));
            }
        }
    }
    assert_none(&findings);
}

/// The lines outside of code blocks, counted from one.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    let lines = file.text.lines().enumerate();
    lines.filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

#[test]
fn links_between_files_lead_somewhere() {
    let mut findings = vec![];
    for file in files(&["md"]) {
        for (line, text) in prose(&file) {
            for target in links(text).filter(|target| !exists(&file, target)) {
                findings.push(file.finding(line, &format!("{target} is not there")));
            }
        }
    }
    assert_none(&findings);
}

/// The files that a line links to.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    paths.filter_map(|target| target.split('#').next()).filter(|path| !path.is_empty())
}

fn exists(file: &File, target: &str) -> bool {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    root().join(folder).join(target).exists()
}

#[test]
fn every_document_is_in_the_index() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).expect("the index");
    let mut findings = vec![];
    for file in files(&["md"]) {
        let Some(path) = file.path.strip_prefix("docs/") else { continue };
        if path != "README.md" && !index.contains(&format!("]({path})")) {
            findings
                .push(format!("docs/README.md: {path} is missing: add it to its readers' part"));
        }
    }
    assert_none(&findings);
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = std::fs::read_to_string(root().join("docs/dependencies.md")).expect("reasons");
    let named: Vec<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split([',', ' ']))
        .collect();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let dependencies = manifest["workspace"]["dependencies"].as_table().expect("a table");
    let outside = dependencies.iter().filter(|(_, what)| what.get("path").is_none());
    let missing = outside.filter(|(name, _)| !named.contains(&name.as_str()));
    let what = |name| format!("docs/dependencies.md: {name} is missing: say what it is for");
    assert_none(&missing.map(|(name, _)| what(name)).collect::<Vec<_>>());
}
