//! S3-compatible storage for a test: moto's server, a program in Python that keeps what it gets in memory.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::eventually;

/// The id of a key.
pub(crate) const ID: &str = "AKIAOFTHETEST";
/// Its secret.
pub(crate) const SECRET: &str = "the-secret-of-the-test";

const BUCKET: &str = "backups";

/// A server with one bucket, killed when dropped.
pub(crate) struct Storage {
    child: Child,
    port: u16,
}

/// The program: in the environment that `cargo xtask test` makes, or of the Python that is named.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("AFTERGLOW_PYTHON").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    let python = named.unwrap_or_else(|| target.join("python/bin/python"));
    Some(python.with_file_name("moto_server")).filter(|program| program.is_file())
}

/// Takes away what somebody who runs the tests may have for storage of their own.
pub(crate) fn without_credentials(command: &mut Command) {
    for name in [
        "ACCESS_KEY_ID",
        "SECRET_ACCESS_KEY",
        "SESSION_TOKEN",
        "PROFILE",
        "REGION",
        "SHARED_CREDENTIALS_FILE",
    ] {
        command.env_remove(format!("AWS_{name}"));
    }
}

impl Storage {
    /// A server on a free port; none where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped with S3: moto is not installed (cargo xtask test does that)");
            return None;
        };
        for _ in 0..5 {
            // Free now; another process may be faster.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            let child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut storage = Self { child, port };
            if storage.is_up() {
                ureq::put(storage.address(BUCKET)).send_empty().unwrap();
                return Some(storage);
            }
        }
        panic!("{} does not start", program.display());
    }

    /// Waits until it listens; whether it does.
    fn is_up(&mut self) -> bool {
        let mut is_up = false;
        eventually("the storage listens, or has ended", || {
            is_up = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            is_up || self.child.try_wait().unwrap().is_some()
        });
        is_up && self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn bucket(&self) -> &'static str {
        BUCKET
    }

    fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Runs a tool of ours that may use this storage, with a clock that is `seconds` ahead.
    pub(crate) fn run(&self, words: &[&str], database: &Path, seconds: u32) -> Output {
        let [clock, credentials] = ["clock", "credentials"].map(|end| database.with_extension(end));
        fs::write(&clock, seconds.to_string()).unwrap();
        fs::write(
            &credentials,
            format!("[default]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\n"),
        )
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
        command.args(words).arg("--database").arg(database).env("AFTERGLOW_CLOCK_FILE", clock);
        without_credentials(&mut command);
        command.env("AWS_SHARED_CREDENTIALS_FILE", credentials).env("AWS_ENDPOINT_URL", self.address(""));
        command.output().unwrap()
    }

    /// Stores something that is not ours.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let put = ureq::put(self.address(&format!("{BUCKET}/{key}")));
        put.header("content-type", "application/octet-stream").send(bytes).unwrap();
    }

    /// All keys in the bucket.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let list = ureq::get(self.address(&format!("{BUCKET}?list-type=2"))).call().unwrap();
        let text = list.into_body().read_to_string().unwrap();
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// A key's ETag and size.
    pub(crate) fn about(&self, key: &str) -> (String, u64) {
        let head = ureq::head(self.address(&format!("{BUCKET}/{key}"))).call().unwrap();
        let header = |name: &str| head.headers()[name].to_str().unwrap().to_owned();
        (header("etag"), header("content-length").parse().unwrap())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
