//! A private cluster, run by a shell that ends when this process does.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the shell runs.
const SCRIPT: &str = include_str!("cluster.sh");
/// Whether the private server flushes to disk: `on` or `off`. Tests of what is right need not.
const FSYNC: &str = "TONGBAO_TEST_POSTGRES_FSYNC";
/// Where Debian keeps each version's binaries.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Who runs the server where tests run as root, which PostgreSQL refuses.
const USER: &str = "postgres";

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Its standard input ends with this process, and the shell with that.
    _shell: Child,
    binaries: PathBuf,
    folder: String,
}

impl Cluster {
    /// Starts one whose files are under this folder.
    pub(crate) fn start(folder: &Path) -> Result<Cluster, String> {
        let binaries =
            binaries().ok_or("initdb is neither in PATH nor under /usr/lib/postgresql")?;
        let fsync = std::env::var(FSYNC).unwrap_or_else(|_| "off".to_owned());
        let mut shell = as_server("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&binaries)
            .arg(fsync)
            .current_dir("/")
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("cannot run a shell as the server's user: {fault}"))?;
        let mut folder = String::new();
        let ready = shell.stdout.take().map(|out| BufReader::new(out).read_line(&mut folder));
        if !matches!(ready, Some(Ok(1..))) {
            let mut said = String::new();
            let _ = shell.stderr.take().map(|mut err| err.read_to_string(&mut said));
            return Err(format!("{} did not start: {said}", binaries.display()));
        }
        Ok(Cluster { _shell: shell, binaries, folder: folder.trim().to_owned() })
    }

    /// Where its socket is.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    pub(crate) fn stop(&self) {
        self.control(&["-w", "-m", "immediate", "stop"]);
    }

    pub(crate) fn restart(&self) {
        let log = format!("{}/log", self.folder);
        self.control(&["-w", "-l", &log, "start"]);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.succeeds(&["status"])
    }

    fn control(&self, arguments: &[&str]) {
        assert!(self.succeeds(arguments), "pg_ctl {arguments:?}");
    }

    fn succeeds(&self, arguments: &[&str]) -> bool {
        let data = format!("{}/data", self.folder);
        let mut control = as_server(&self.binaries.join("pg_ctl").display().to_string());
        control.args(["-D", &data]).args(arguments).current_dir("/");
        let status = control.stdin(Stdio::null()).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

/// The folder of `initdb` and the rest: of the newest version where there are several.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).find(|folder| has_server(folder));
    in_path.or_else(|| {
        let versions = std::fs::read_dir(DEBIAN).ok()?;
        let folders = versions.filter_map(Result::ok).map(|version| version.path().join("bin"));
        folders.filter(|folder| has_server(folder)).max()
    })
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).is_file())
}

/// A program, run by the user that may run the server.
fn as_server(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", USER, "--", program]);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
