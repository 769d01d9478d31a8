//! Starts and stops the real binary, and talks to it like a client.

pub(crate) mod authority;
pub(crate) mod cable;
pub(crate) mod haproxy;
pub(crate) mod lossy;
pub(crate) mod nats;
pub(crate) mod provider;
pub(crate) mod standby;
pub(crate) mod storage;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use serde_json::Value;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::stream::MaybeTlsStream;

/// How long anything may take before a test gives up. Generous: it is reached only by failures.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running backend on a free port, killed when dropped.
pub(crate) struct Backend {
    child: Child,
    output: BufReader<ChildStdout>,
    scheme: String,
    address: String,
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The error's code; empty when the answer is none.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The code and the field of a refusal.
    pub(crate) fn field(&self) -> (String, String) {
        (self.code(), self.json()["error"]["details"]["field"].as_str().unwrap_or_default().to_owned())
    }
}

pub(crate) type Socket = tungstenite::WebSocket<MaybeTlsStream<TcpStream>>;

impl Backend {
    pub(crate) fn start(database: &Path) -> Self {
        Self::start_with(database, "127.0.0.1:0", &[])
    }

    pub(crate) fn start_with(database: &Path, listen: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = serve(database, listen);
        command.envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// Starts with a limit on open files.
    pub(crate) fn start_with_files(database: &Path, files: usize) -> Self {
        let limited = format!(r#"ulimit -n {files} && exec "$0" "$@""#);
        let serve = serve(database, "127.0.0.1:0");
        let mut command = Command::new("sh");
        command.args(["-c", &limited]).arg(serve.get_program()).args(serve.get_args());
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        Self::watch_start(command.stdout(Stdio::piped()).spawn().unwrap()).expect("the first line")
    }

    /// Waits until it listens; the exit code when it ends instead.
    fn watch_start(mut child: Child) -> Result<Self, Option<i32>> {
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        match line.trim().strip_prefix("listening on ").and_then(|url| url.split_once("://")) {
            Some((scheme, address)) => {
                Ok(Self { child, output, scheme: scheme.to_owned(), address: address.to_owned() })
            }
            None => Err(child.wait().unwrap().code()),
        }
    }

    /// The next line that it prints.
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Starts with standard error in the file `errors`; the exit code when it does not start.
    pub(crate) fn try_start(
        database: &Path,
        environment: &[(&str, &str)],
        errors: &Path,
    ) -> Result<Self, Option<i32>> {
        let mut command = serve(database, "127.0.0.1:0");
        command.envs(environment.iter().copied()).stdout(Stdio::piped());
        Self::watch_start(command.stderr(std::fs::File::create(errors).unwrap()).spawn().unwrap())
    }

    /// How the process has ended, if it has by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the backend has ended", || {
            status = self.ended();
            status.is_some()
        });
        status.unwrap()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(agent().get(self.url(path)).call()).unwrap()
    }

    /// `None` when the connection breaks within the answer: a server that finds out only then has no other way.
    pub(crate) fn try_get(&self, path: &str) -> Option<Answer> {
        answer(agent().get(self.url(path)).call()).ok()
    }

    /// Any request with a JSON body; none when it is empty.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send_with(method, path, body, &[])
    }

    /// A request without a body; `None` when the connection breaks.
    pub(crate) fn try_send(&self, method: &str, path: &str) -> Option<Answer> {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path)).body(()).unwrap();
        answer(agent().run(request)).ok()
    }

    /// As [`Self::send`], with more headers.
    pub(crate) fn send_with(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_empty() {
            return answer(agent().run(request.body(()).unwrap())).unwrap();
        }
        let request = request.header("Content-Type", "application/json").body(body.to_owned()).unwrap();
        answer(agent().run(request)).unwrap()
    }

    /// POSTs JSON.
    pub(crate) fn post(&self, body: &str) -> Answer {
        self.post_as("application/json", "identity", body.as_bytes())
    }

    pub(crate) fn post_as(&self, content_type: &str, encoding: &str, body: &[u8]) -> Answer {
        let request = agent().post(self.url("/api/telemetry"));
        let request = request.header("Content-Type", content_type).header("Content-Encoding", encoding);
        answer(request.send(body)).unwrap()
    }

    /// Sends bytes as they are and reads until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }

    /// A number from `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text;
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Opens `/ws` and takes its greeting.
    pub(crate) fn watch(&self) -> Socket {
        let (mut socket, _) = tungstenite::connect(format!("ws://{}/ws", self.address)).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        assert_eq!(event(&mut socket)["event"], "connection_response");
        // The greeting is sent before the session has joined; the count tells when it has.
        socket
    }

    /// Every stored sample: signal to (timestamp, value), oldest first.
    pub(crate) fn samples(&self) -> BTreeMap<String, Vec<(String, f64)>> {
        self.samples_of("*")
    }

    /// Every stored sample of the signals that match a pattern.
    pub(crate) fn samples_of(&self, pattern: &str) -> BTreeMap<String, Vec<(String, f64)>> {
        let answer = self.get(&format!("/api/telemetry?from=0001-01-01&format=csv&signals={pattern}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for line in answer.text.lines().skip(1) {
            let [time, signal, value] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            all.entry(signal.to_owned()).or_default().push((time.to_owned(), value.parse().unwrap()));
        }
        all
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// How many files it may open, and how many it could allow itself.
    pub(crate) fn open_files(&self) -> [String; 2] {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut limits = limit.split_whitespace().map(str::to_owned);
        [limits.next().unwrap(), limits.next().unwrap()]
    }

    pub(crate) fn kill_nine(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks the backend to end and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Checks that every sample is accounted for, then ends the backend.
    pub(crate) fn close(self) {
        eventually("nothing is in flight", || self.metric("afterglow_samples_in_flight") == 0.0);
        let total = |name: &str| self.metric(&format!("afterglow_samples_{name}_total"));
        assert_eq!(total("received"), total("committed") + total("rejected") + total("refused"));
        assert!(self.terminate().success());
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `afterglow serve`, ready to start.
pub(crate) fn serve(database: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args(["serve", "--listen", listen, "--database"]).arg(database).env("AFTERGLOW_LOG", "warn");
    // Tests store samples of all times.
    command.env("AFTERGLOW_NOT_BEFORE", "0001-01-01");
    // What handwritten requests call the server.
    command.env("AFTERGLOW_ALLOWED_HOSTS", "x");
    command
}

/// The producer's binary, built if it is not.
pub(crate) fn producer() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_afterglow")).with_file_name("afterglow-producer");
    let build =
        Command::new(env!("CARGO")).args(["build", "--quiet", "--package=afterglow-producer"]).status();
    assert!(build.unwrap().success(), "the producer does not build");
    binary
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, etag) = (header("retry-after"), header("etag"));
    let text = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), retry_after, etag, text })
}

/// One POST on a connection of its own; `None` when the connection breaks.
pub(crate) fn try_post(url: &str, agent: &ureq::Agent, body: &str) -> Option<Answer> {
    let request = agent.post(format!("{url}/api/telemetry")).header("Content-Type", "application/json");
    answer(request.send(body)).ok()
}

/// One GET; `None` when the connection breaks.
pub(crate) fn try_get(url: &str, agent: &ureq::Agent, path: &str) -> Option<Answer> {
    answer(agent.get(format!("{url}{path}")).call()).ok()
}

/// A client that keeps its connection.
pub(crate) fn client() -> ureq::Agent {
    agent()
}

/// A live socket that asks for `protocol`.
pub(crate) fn speak(backend: &Backend, protocol: &str) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/ws", backend.address()).into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    tungstenite::connect(request).map(|(socket, _)| socket)
}

/// The next event of a live socket.
pub(crate) fn event(socket: &mut Socket) -> Value {
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            tungstenite::Message::Ping(_) => socket.flush().unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

/// Reads until the server closes; the close code, or 0 when it only dropped the connection.
pub(crate) fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match socket.read() {
            Ok(tungstenite::Message::Close(frame)) => return frame.map_or(0, |frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return 0,
        }
    }
}

/// How often a test kills: more by `AFTERGLOW_KILL_ROUNDS`, for a night.
pub(crate) fn kill_rounds(usual: usize) -> usize {
    std::env::var("AFTERGLOW_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// Polls until `condition` holds; fails after [`PATIENCE`].
#[expect(clippy::disallowed_methods, reason = "tests measure their own patience")]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The `value` column of a statement on a database file, as text.
pub(crate) fn sql(database: &Path, statement: &str) -> Vec<String> {
    let mut connection = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    let rows: Vec<Row> = diesel::sql_query(statement).load(&mut connection).unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

/// Changes a database file.
pub(crate) fn execute(database: &Path, statements: &str) {
    let mut connection = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut connection, statements).unwrap();
}

/// Ends what another thread does, also when the test fails.
pub(crate) struct Stop<'s>(pub(crate) &'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
