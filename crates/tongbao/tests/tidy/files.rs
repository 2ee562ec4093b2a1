//! The files of the repository, and the code in them without comments and strings.

use std::path::{Path, PathBuf};

/// Folders whose text is not ours or not for reading: build products, recorded messages.
const SKIPPED: [&str; 5] = ["target", "golden", "corpus", "artifacts", "node_modules"];

/// One file.
pub(crate) struct File {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The ending of its name.
    pub(crate) fn kind(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// A finding at a line, counted from one.
    pub(crate) fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files with one of these endings.
pub(crate) fn files(kinds: &[&str]) -> Vec<File> {
    let mut found = vec![];
    collect(&root(), "", kinds, &mut found);
    assert!(found.len() > kinds.len(), "hardly any file with {kinds:?} was found");
    found
}

fn collect(folder: &Path, within: &str, kinds: &[&str], found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("the folder is readable") {
        let entry = entry.expect("the folder is readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{within}{name}");
        let is_ours = !SKIPPED.contains(&&*name) && (!name.starts_with('.') || name == ".github");
        if entry.file_type().expect("a type").is_dir() {
            if is_ours {
                collect(&entry.path(), &format!("{path}/"), kinds, found);
            }
        } else if kinds.iter().any(|kind| name.ends_with(&format!(".{kind}"))) {
            let text = std::fs::read_to_string(entry.path()).expect("the file is text");
            found.push(File { path, text });
        }
    }
}

/// A line of Rust or SQL without its comment and without what its strings hold. Strings that go over
/// several lines count as code; there are few.
pub(crate) fn code(line: &str) -> String {
    let mut code = String::new();
    let mut letters = line.chars().peekable();
    let mut in_string = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if in_string => drop(letters.next()),
            '"' => in_string = !in_string,
            _ if in_string => {}
            // A quote in a character literal opens no string.
            '\'' if letters.peek() == Some(&'"') => drop(letters.next()),
            '/' if letters.peek() == Some(&'/') => break,
            '-' if letters.peek() == Some(&'-') => break,
            letter => code.push(letter),
        }
    }
    code
}

#[test]
fn comments_and_strings_are_not_code() {
    assert_eq!(code(r#"let a = "b\" c"; // d"#).trim_end(), "let a = ;");
    assert_eq!(code(r#"if letter == '"' { e }"#), "if letter == ' { e }");
    assert_eq!(code("number BIGINT, -- why").trim_end(), "number BIGINT,");
}
