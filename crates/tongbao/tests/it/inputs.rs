//! Addresses, paths, encodings and files as people really give them.

use crate::merchant::Merchant;
use crate::test_gateway::{
    QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, run, tongbao, with,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

/// A wildcard is where it listens; payers, channels and merchants' programs call it elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_and_notified_on_every_address_to_listen_on() {
    for (address, called) in [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("[::]", "http://[::1]:"),
        ("127.0.0.2", "http://127.0.0.2:"),
        ("localhost", "http://"),
    ] {
        let gateway = TestGateway::start_at(address);
        for url in ["/base_url", "/sandbox_url"] {
            assert!(gateway.text(url).starts_with(called), "{address}: {}", gateway.text(url));
        }
        let mut merchant = Merchant::start().await;
        let number = fresh_number();
        let body = with(&order(&number), "NotifyUrl", json!(merchant.notify_url));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{address}: {placed}");
        gateway.pay(&placed["PayInfo"]).await;
        let notification = merchant.received().await.json();
        assert_eq!(notification["Result"]["OutOrderId"], json!(number), "{address}");
        gateway.until_status(&number, "SUCCESS").await;
        gateway.check_books();
    }
}

/// What is signed is what arrives, in every form that a URL may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_arrives_signed_at_every_form_of_url() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let (base, _) = merchant.notify_url.split_at(merchant.notify_url.len() - "/pay/notify".len());
    let (_, port) = base.rsplit_once(':').expect("a port");
    let key = gateway.text("/wecard/platform_public_key_pem");
    for (url, target) in [
        (base.to_owned(), "/"),
        (format!("{base}?a=1&b=2"), "/?a=1&b=2"),
        (format!("{base}/notify/"), "/notify/"),
        (format!("{base}//double//slash"), "//double//slash"),
        (format!("{base}/a/./b/../c"), "/a/c"),
        (format!("{base}/支付?q=中文#top"), "/%E6%94%AF%E4%BB%98?q=%E4%B8%AD%E6%96%87"),
        (format!("{base}/a%20b%2fc%E9%80%9A"), "/a%20b%2fc%E9%80%9A"),
        (format!("{base}/{{id}}|x^y`z"), "/%7Bid%7D%7Cx%5Ey%60z"),
        (format!("{base}/a;b=c,d'e(f)!*$"), "/a;b=c,d'e(f)!*$"),
        (format!("{base}/~user/@me:x"), "/~user/@me:x"),
        (format!("{base}/n?a=1&a=2&c+d=%2B"), "/n?a=1&a=2&c+d=%2B"),
        (format!("{base}/n?url=http://other.example/y"), "/n?url=http://other.example/y"),
        (format!("HTTP://LOCALHOST:{port}/Case"), "/Case"),
        (format!("http://127.1:{port}/short"), "/short"),
    ] {
        let number = fresh_number();
        let body = with(&order(&number), "NotifyUrl", json!(url));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        gateway.pay(&placed["PayInfo"]).await;
        let received = merchant.received().await;
        assert_eq!(received.target, target, "{url}");
        assert_eq!(received.json()["Result"]["OutOrderId"], json!(number), "{url}");
        assert!(received.is_signed_by(&key), "{url}: {received:?}");
    }
}

/// Nothing in a path is an option, an escape or a pattern.
#[test]
fn a_database_path_is_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a b.db", "what?mode=memory&cache=shared", "x#y", "100%25.db", "通宝.db", "file:x"]
    {
        let path = folder.path().join(name);
        let database = format!("sqlite:{}", path.display());
        let made = run(&["migrate", "--database", &database]);
        assert!(made.status.success(), "{name}: {}", complaint(&made));
        assert!(path.is_file(), "{name} is not there");
        let check = run(&["check", "--database", &database]);
        assert!(check.status.success(), "{name}: {}", complaint(&check));
    }
    // A name that is not text can be given as a folder.
    let data = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    std::fs::create_dir(&data).expect("a folder");
    std::fs::copy(folder.path().join("a b.db"), data.join("tongbao.db")).expect("copied");
    let check = tongbao().arg("check").arg("--data").arg(&data).output().expect("it runs");
    assert!(check.status.success(), "{}", complaint(&check));
    // Relative to where it is run.
    let mut relative = tongbao();
    relative.args(["check", "--database", "sqlite:./a b.db"]).current_dir(folder.path());
    assert!(relative.output().expect("it runs").status.success());
}

#[test]
fn a_database_that_cannot_be_had_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("text"), "this is not a database, though it is long enough".repeat(99))
        .expect("written");
    for (verb, name) in [
        ("migrate", ""),
        ("migrate", "no/such/x.db"),
        ("migrate", "text"),
        ("check", ""),
        ("check", "missing.db"),
        ("check", "text"),
    ] {
        let database = format!("sqlite:{}", at(name));
        let output = run(&[verb, "--database", &database]);
        assert_eq!(output.status.code(), Some(1), "{verb} {name}: {output:?}");
        assert!(complaint(&output).contains(&at(name)), "{verb} {name}: {}", complaint(&output));
    }
    assert!(!folder.path().join("missing.db").exists(), "a look made something");
}

#[test]
fn only_a_database_of_this_program_and_schema_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    File::create(at("empty.db")).expect("made");
    let foreign = Connection::open(at("foreign.db")).expect("made");
    foreign.execute_batch("CREATE TABLE orders (id INTEGER)").expect("made");
    for (name, version) in [("newer.db", Some(99)), ("older.db", None)] {
        let database = format!("sqlite:{}", text(&at(name)));
        assert!(run(&["migrate", "--database", &database]).status.success());
        let connection = Connection::open(at(name)).expect("it opens");
        let changed = match version {
            Some(version) => {
                connection.execute("INSERT INTO schema_version (version) VALUES (?1)", [version])
            }
            None => connection.execute("DELETE FROM schema_version WHERE version > 1", []),
        };
        assert!(changed.expect("changed") > 0);
    }
    for (name, want) in [
        ("empty.db", "not a database of Tongbao"),
        ("foreign.db", "not a database of Tongbao"),
        ("newer.db", "schema version 99 is newer than this program"),
        ("older.db", "schema version 1, want"),
    ] {
        let database = format!("sqlite:{}", text(&at(name)));
        for arguments in [&["check"][..], &["why", "number_1"]] {
            let output = run(&[arguments, &["--database", &database]].concat());
            assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
            let complaint = complaint(&output);
            assert!(complaint.contains(want) && complaint.contains(name), "{name}: {complaint}");
            assert!(output.stdout.is_empty(), "{name}: {output:?}");
        }
    }
}

/// What lies in the folder of `dev` holds keys, and payers' ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_their_owners_alone() {
    let parent = tempfile::tempdir().expect("a folder");
    let data = parent.path().join("data").join("inner");
    let mut command = tongbao();
    command.args(["dev", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--data"]);
    let mut child = crate::test_gateway::start_until_ready(command.arg(&data)).expect("it starts");
    let mode =
        |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(data.parent().expect("a parent"))), (0o700, 0o700));
    let mut files: Vec<_> = std::fs::read_dir(&data)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let has = |name: &str| files.iter().any(|path| path.ends_with(name));
    for name in ["dev.json", "dev-keys.json", "sandbox.db", "tongbao.db", "tongbao.db-wal"] {
        assert!(has(name), "{name} is not in {files:?}");
    }
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    child.kill().expect("it was running");
    child.wait().expect("it ends");
}

/// A terminal that is closed ends the process as a service manager does: what is under way is finished.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_is_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = tongbao();
    command.args(["dev", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--data"]);
    let mut child =
        crate::test_gateway::start_until_ready(command.arg(folder.path())).expect("it starts");
    let kill = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_leaves_is_not_a_fault_and_a_full_disk_is() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    gateway.result(UNIFIED_ORDER, &order(&number)).await;
    let why = || {
        let mut command = tongbao();
        command.args(["why", &number, "--data"]).arg(gateway.data());
        command.stderr(Stdio::piped());
        command
    };
    let mut left = why().stdout(Stdio::piped()).spawn().expect("it starts");
    drop(left.stdout.take());
    let left = left.wait_with_output().expect("it ends");
    assert_eq!((left.status.code(), &*complaint(&left)), (Some(0), ""));
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let full = why().stdout(full).output().expect("it ends");
    assert_eq!(full.status.code(), Some(1));
    assert!(complaint(&full).starts_with("tongbao: standard output: No space left"), "{full:?}");
    let help = tongbao().arg("--help").stdout(Stdio::null()).status().expect("it ends");
    assert!(help.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_signed_as_a_command_that_works() {
    let gateway = TestGateway::start();
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("curl is missing: the command that sign prints was not run");
        return;
    }
    let number = fresh_number();
    let mut body = order(&number);
    // Quotes and line breaks of the shell, and more than an argument may hold; lists are checked first.
    body["Unknown"] = json!("it's $HOME \\ ".repeat(12_000));
    let file = gateway.data().join("body.json");
    std::fs::write(&file, body.to_string()).expect("written");
    let at_file = format!("@{}", file.display());
    let sign =
        run(&["sign", "--data", text(gateway.data()), "--path", UNIFIED_ORDER, "--body", &at_file]);
    assert!(sign.status.success() && sign.stdout.len() > 140_000, "{}", complaint(&sign));
    let mut shell =
        Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh starts");
    shell.stdin.take().expect("piped").write_all(&sign.stdout).expect("the script is read");
    let sent = shell.wait_with_output().expect("it ends");
    let answer: Value = serde_json::from_slice(&sent.stdout).expect("an envelope");
    assert_eq!(answer["Response"]["ErrCode"], "SUCCESS", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_takes_a_path_and_nothing_else() {
    let gateway = TestGateway::start();
    for path in ["cloudpay/v1/pay/query_order", ".evil.example/x", "@evil.example/", ""] {
        let sign = run(&["sign", "--data", text(gateway.data()), "--path", path, "--body", "{}"]);
        assert_eq!(sign.status.code(), Some(1), "{sign:?}");
        let want = format!("tongbao: --path: found {path:?}, want a path that begins with /\n");
        assert_eq!(complaint(&sign), want);
        assert!(sign.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_encoding_is_named() {
    let gateway = TestGateway::start();
    let plain = json!({"OutOrderId": fresh_number()}).to_string();
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for (body, header, want) in [
        (marked, None, "body: begins with a byte order mark"),
        (utf16, None, "body: UTF-16 or UTF-32, want UTF-8"),
        (
            plain.clone().into_bytes(),
            Some(("Content-Encoding", "gzip")),
            "Content-Encoding gzip is not taken",
        ),
    ] {
        let mut headers = gateway.signed(QUERY_ORDER, &body).headers();
        headers.extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let answer = gateway.post_raw(QUERY_ORDER, headers, &body).await;
        let response = &answer.body["Response"];
        assert_eq!(response["ErrCode"], "ORDER.INVALID_PARAMETER", "{response}");
        assert_eq!(response["ErrMessage"], want);
    }
}

#[test]
fn a_log_level_that_is_spelled_wrongly_is_named() {
    for wrong in ["inof", "inof,==", "engine=aloud"] {
        let output = tongbao()
            .args(["check", "--data", "/nowhere"])
            .env("TONGBAO_LOG", wrong)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        let complaint = complaint(&output);
        assert!(complaint.starts_with("tongbao: TONGBAO_LOG: found \""), "{complaint}");
    }
}
