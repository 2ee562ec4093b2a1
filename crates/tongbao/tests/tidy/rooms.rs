//! The direction of the arrows between rooms, as ARCHITECTURE.md draws them: what a room must not
//! know, it does not depend on.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// What each room may depend on, among our own crates and among those that do input and output. A
/// trailing `*` stands for any ending.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ledger", &["rand", "thiserror"]),
    ("channel", &["jiff", "ledger", "thiserror", "url", "zeroize"]),
    (
        "adapters",
        &[
            "bytes",
            "channel",
            "hickory-resolver",
            "http*",
            "hyper*",
            "ledger",
            "rusqlite",
            "rustls",
            "thiserror",
            "tokio",
            "tower",
            "tracing",
            "webpki-roots",
        ],
    ),
    (
        "crypto",
        &[
            "aws-lc-rs",
            "base64",
            "md-5",
            "rcgen",
            "secrecy",
            "thiserror",
            "time",
            "x509-parser",
            "zeroize",
        ],
    ),
    (
        "channel-alipay",
        &[
            "channel",
            "crypto",
            "encoding_rs",
            "jiff",
            "ledger",
            "serde",
            "serde_json",
            "thiserror",
            "url",
            "zip",
        ],
    ),
    ("channel-none", &["channel", "ledger"]),
    ("channel-wallet", &["channel", "ledger"]),
    (
        "channel-wxpay",
        &[
            "channel",
            "crypto",
            "flate2",
            "jiff",
            "ledger",
            "quick-xml",
            "serde",
            "serde_json",
            "thiserror",
            "zeroize",
        ],
    ),
    ("kernel", &["channel", "ledger", "thiserror"]),
    (
        "fuzz-targets",
        &[
            "adapters",
            "channel-alipay",
            "channel-wxpay",
            "dialect-cpay",
            "dialect-wecard",
            "ledger",
            "store",
            "store-postgres",
            "story",
        ],
    ),
    ("story", &["channel", "jiff", "kernel", "ledger", "store"]),
    ("store", &["channel", "kernel", "ledger", "serde", "serde_json", "test-support", "thiserror"]),
    (
        "store-sqlite",
        &[
            "adapters",
            "channel",
            "kernel",
            "ledger",
            "rusqlite",
            "store",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    (
        "engine",
        &[
            "adapters",
            "channel",
            "crypto",
            "jiff",
            "kernel",
            "ledger",
            "metrics",
            "store",
            "thiserror",
            "tokio",
            "tracing",
            "url",
        ],
    ),
    (
        "store-postgres",
        &[
            "adapters",
            "channel",
            "kernel",
            "ledger",
            "rustls",
            "store",
            "thiserror",
            "tokio",
            "tokio-postgres*",
            "tracing",
        ],
    ),
    ("dialect", &["axum", "engine", "governor", "kernel", "serde", "serde_json", "thiserror"]),
    (
        "dialect-cpay",
        &[
            "axum",
            "channel",
            "crypto",
            "dialect",
            "engine",
            "http",
            "kernel",
            "ledger",
            "serde",
            "serde_json",
            "store",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "dialect-wecard",
        &[
            "axum",
            "bytes",
            "channel",
            "dialect",
            "engine",
            "http",
            "jiff",
            "kernel",
            "ledger",
            "crypto",
            "serde",
            "serde_json",
            "store",
            "thiserror",
            "tokio",
            "tower",
            "tracing",
        ],
    ),
    (
        "admin-api",
        &[
            "axum",
            "channel",
            "dialect",
            "engine",
            "http",
            "jiff",
            "kernel",
            "ledger",
            "crypto",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "store",
            "story",
            "thiserror",
            "tokio",
            "tracing",
            "utoipa*",
        ],
    ),
    (
        "sandbox",
        &[
            "adapters",
            "axum",
            "bytes",
            "channel",
            "http-body-util",
            "hyper*",
            "ledger",
            "rusqlite",
            "rustls",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
];

/// Normal dependencies by crate, of every room but the binary and the tools that only tests use.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .iter()
        .filter(|package| package["name"] != "tongbao")
        .filter(|package| !name(package).starts_with("test-"))
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies");
            let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

#[test]
fn no_room_knows_what_it_must_not_know() {
    let rooms = dependencies();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    assert!(rooms.len() >= ALLOWED.len(), "{:?}", rooms.keys());
    for (room, dependencies) in rooms {
        let allowed = allowed.get(&*room).unwrap_or_else(|| panic!("{room} is not on the map"));
        for dependency in dependencies {
            let fits = |pattern: &&str| match pattern.strip_suffix('*') {
                Some(beginning) => dependency.starts_with(beginning),
                None => dependency == *pattern,
            };
            assert!(allowed.iter().any(fits), "{room} must not know {dependency}");
        }
    }
}

#[test]
fn every_channel_and_dialect_folder_is_shipped() {
    let manifest = include_str!("../../Cargo.toml");
    for room in dependencies().keys() {
        let ships = room.starts_with("channel-") || room.starts_with("dialect-");
        assert!(
            !ships || manifest.contains(&format!("\n{room}.workspace")),
            "{room} is not shipped"
        );
    }
}

/// The two engines have the same history: migrations pair by number and name.
#[test]
fn migrations_pair_by_number_and_name() {
    let names = |room: &str| {
        let folder = format!("{}/../{room}/migrations", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(&folder).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let sqlite = names("store-sqlite");
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, names("store-postgres"));
}
