use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Backend, poll};

/// A folder with a configuration and a spool, and the process that uses it.
pub struct Producer {
    folder: TempDir,
    child: Option<Child>,
}

/// What a finished process said.
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Producer {
    pub fn prepare() -> Self {
        Self { folder: TempDir::new().unwrap(), child: None }
    }

    pub fn start(backend: &Backend, config: &str) -> Self {
        let mut producer = Self::prepare();
        producer.restart(backend, config);
        producer
    }

    /// Starts the process, again or for the first time, on the same spool.
    pub fn restart(&mut self, backend: &Backend, config: &str) {
        self.spawn(backend, config, Stdio::null());
    }

    /// Starts the process with this text as its standard input.
    pub fn start_with_input(backend: &Backend, config: &str, input: &str) -> Self {
        let mut producer = Self::prepare();
        producer.write("input", input);
        let input = File::open(producer.path("input")).unwrap();
        producer.spawn(backend, config, input.into());
        producer
    }

    fn spawn(&mut self, backend: &Backend, config: &str, input: Stdio) {
        self.write("p.toml", config);
        let log = File::create(self.path("log")).unwrap();
        let mut command = self.command();
        command.args(["--config", "p.toml", "--backend", &backend.address()]);
        self.child = Some(command.stdin(input).stderr(log).spawn().unwrap());
    }

    /// Runs the process to its end with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command().args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow-producer"));
        command.current_dir(self.folder.path()).env("AFTERGLOW_LOG", "info");
        for variable in ["AFTERGLOW_BACKEND", "AFTERGLOW_SPOOL", "AFTERGLOW_PRODUCER_CONFIG"] {
            command.env_remove(variable);
        }
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Whether a process holds a lock on this file.
    pub fn is_locked(&self, name: &str) -> bool {
        File::open(self.path(name)).unwrap().try_lock().is_err()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    pub fn wait_for_log(&self, text: &str) {
        poll(text, || self.log().contains(text).then_some(()));
    }

    /// Waits until the process has ended; none when a signal ended it.
    pub fn exit_code(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let status = poll("the end of the process", || child.try_wait().unwrap());
        status.code()
    }

    /// Sends a signal and waits for the end.
    pub fn signal(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.exit_code()
    }

    pub fn terminate(mut self) {
        assert_eq!(self.signal("-TERM"), Some(0), "{}", self.log());
    }

    fn segments(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("spool")) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "spool"));
        files.sort();
        files
    }

    pub fn spooled_files(&self) -> usize {
        self.segments().len()
    }

    pub fn wait_for_spool(&self) {
        poll("a spool segment", || (self.spooled_files() > 0).then_some(()));
    }

    /// Waits until the sample of the epoch second `second` is in the spool.
    pub fn wait_for_spooled_second(&self, second: i64) {
        let text = afterglow_wire::Timestamp::from_micros(second * 1_000_000).to_string();
        poll("a spooled sample", || {
            let holds =
                |path| fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&text));
            self.segments().iter().any(holds).then_some(())
        });
    }

    /// Appends what a kill in the middle of a write could leave.
    pub fn tear_newest_segment(&self) {
        let newest = self.segments().pop().unwrap();
        let mut file = OpenOptions::new().append(true).open(newest).unwrap();
        file.write_all(&[200, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4, b'{', b'"']).unwrap();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() && self.exists("log") {
            eprintln!("the producer's log:\n{}", self.log());
        }
    }
}
