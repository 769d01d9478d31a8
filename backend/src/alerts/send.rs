//! Hands what is rendered to receivers: by HTTP, by SMTP, or to a program. Blocks.
//!
//! The only file that names ureq's resolver, whose interface may change with any version: the version is pinned.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::ToSocketAddrs as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use afterglow_cli::process::{Program, has_ended, start};
use afterglow_wire::Timestamp;
use afterglow_wire::alert::Message;
use afterglow_wire::channel::{Channel, ChannelKind, Protection};
use afterglow_wire::secret::Place;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::delivery::Attempt;
use super::render::{Mail, Receiver, Request, Sent, render};
use super::target::{Forbidden, Targets};
use crate::clock::Stopwatch;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// How long one delivery may take in all.
const LIMIT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read.
const ANSWER: u64 = 64 * 1024;

/// Longest file with a secret, in bytes.
const SECRET_FILE: u64 = 4_096;

/// Sends messages. Cloning is cheap.
#[derive(Clone)]
pub struct Sender {
    agent: ureq::Agent,
    targets: Arc<Targets>,
    commands: Arc<BTreeMap<String, Program>>,
    page: Option<Arc<str>>,
}

/// What was sent, and how it ended.
pub struct Tried {
    /// How it ended.
    pub attempt: Attempt,
    /// What was sent, as people may see it.
    pub sent: String,
    /// How long it took.
    pub took: Duration,
}

impl Sender {
    /// Sends to what `targets` allows, and to `commands` by their names. `page` is the address of the page, for links.
    pub fn new(targets: Targets, commands: BTreeMap<String, Program>, page: Option<String>) -> Self {
        let targets = Arc::new(targets);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect could lead anywhere, and a proxy of the environment would be what is connected to.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(LIMIT))
            // A connection that a receiver closes while it is idle would look like a failure.
            .max_idle_connections(0)
            .user_agent(concat!("afterglow/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Checked { targets: Arc::clone(&targets), inner: DefaultResolver::default() };
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self { agent, targets, commands: Arc::new(commands), page: page.map(Arc::from) }
    }

    /// Whether the configuration has a command of this name.
    pub fn has_command(&self, name: &str) -> bool {
        self.commands.contains_key(name)
    }

    /// Tells `channel`, which has its secrets, of `message`.
    pub fn send(&self, channel: Channel, message: &Message, now: Timestamp) -> Tried {
        let stopwatch = Stopwatch::start();
        let receiver = match self.receiver(channel) {
            Ok(receiver) => receiver,
            Err(why) => {
                return Tried {
                    attempt: Attempt::hopeless(why),
                    sent: String::new(),
                    took: stopwatch.elapsed(),
                };
            }
        };
        let sent = render(&receiver, message, now);
        let attempt = self.hand_over(&receiver, &sent);
        let mut text = sent.text();
        for secret in receiver.secrets.values().filter(|secret| !secret.is_empty()) {
            text = text.replace(&**secret, "***");
        }
        Tried { attempt, sent: text, took: stopwatch.elapsed() }
    }

    fn receiver(&self, channel: Channel) -> Result<Receiver, String> {
        let mut secrets = BTreeMap::new();
        for (name, secret) in channel.secrets() {
            if let Some(secret) = secret {
                let text =
                    text_of(secret.place()).map_err(|why| format!("its {name} cannot be had: {why}"))?;
                secrets.insert(name, text);
            }
        }
        Ok(Receiver { channel, secrets, page: self.page.as_deref().map(str::to_owned) })
    }

    fn hand_over(&self, receiver: &Receiver, sent: &Sent) -> Attempt {
        match sent {
            Sent::Requests(requests) => {
                let mut last = Attempt::taken(None);
                for request in requests {
                    last = self.request(receiver.channel.kind, request);
                    if last.error.is_some() {
                        break;
                    }
                }
                last
            }
            Sent::Mail(mail) => self.mail(receiver, mail),
            Sent::Command(input) => {
                self.command(receiver.channel.command.as_deref().unwrap_or_default(), input)
            }
        }
    }

    fn request(&self, kind: ChannelKind, request: &Request) -> Attempt {
        if !is_http(&request.url) {
            return Attempt::hopeless("its url is not an address such as https://host/path");
        }
        let mut builder = ureq::http::Request::builder().method(request.method).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        // Errors of the builder may quote what is secret.
        let built = builder.body(request.body.clone());
        let Ok(built) = built else {
            return Attempt::hopeless("its url or token has characters that no request can have");
        };
        let response = if request.method == "GET" {
            let (head, _) = built.into_parts();
            self.agent.run(ureq::http::Request::from_parts(head, ()))
        } else {
            self.agent.run(built)
        };
        match response {
            Ok(response) => answered(kind, response),
            Err(error) => failed(&error),
        }
    }

    fn mail(&self, receiver: &Receiver, mail: &Mail) -> Attempt {
        match self.try_mail(receiver, mail) {
            Ok(()) => Attempt::taken(Some(250)),
            Err(attempt) => attempt,
        }
    }

    fn try_mail(&self, receiver: &Receiver, mail: &Mail) -> Result<(), Attempt> {
        let channel = &receiver.channel;
        let server = channel.server.as_deref().unwrap_or_default();
        let usual = if channel.protection == Protection::Tls { 465 } else { 587 };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => {
                (host, port.parse().map_err(|_| Attempt::hopeless("its server has no port that can be"))?)
            }
            None => (server, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses =
            (host, port).to_socket_addrs().map_err(|_| Attempt::failed("its server's name is not known"))?;
        let mut refused = None;
        let allowed = addresses.into_iter().find(|address| {
            let checked = self.targets.check(host, address.ip(), channel.protection != Protection::None);
            refused = checked.err().or(refused);
            checked.is_ok()
        });
        let Some(address) = allowed else {
            let why =
                refused.map_or_else(|| "its server's name has no address".to_owned(), |why| why.to_string());
            return Err(Attempt::hopeless(why));
        };
        let parameters =
            || TlsParameters::new(host.to_owned()).map_err(|_| Attempt::failed("TLS cannot be set up"));
        let tls = match channel.protection {
            Protection::Starttls => Tls::Required(parameters()?),
            Protection::Tls => Tls::Wrapper(parameters()?),
            Protection::None => Tls::None,
        };
        // The address that was checked is the one that is connected to.
        let mut transport = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(port)
            .tls(tls)
            .timeout(Some(LIMIT));
        if let Some(user) = &channel.user {
            transport = transport.credentials(Credentials::new(
                user.clone(),
                receiver.secrets.get("password").cloned().unwrap_or_default(),
            ));
        }
        let mailbox = |address: &str| -> Result<Mailbox, Attempt> {
            address.parse().map_err(|_| Attempt::hopeless("one of its addresses is none"))
        };
        let mut letter = lettre::Message::builder()
            .from(mailbox(channel.from.as_deref().unwrap_or_default())?)
            .message_id(Some(mail.message_id.clone()))
            .subject(mail.subject.clone());
        for to in &channel.to {
            letter = letter.to(mailbox(to)?);
        }
        let letter = letter
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|_| Attempt::hopeless("the letter cannot be written"))?;
        match transport.build().send(&letter) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => {
                let status = error.status().map(u16::from);
                Err(Attempt { status, ..Attempt::hopeless("the server refuses the letter") })
            }
            Err(error) => Err(Attempt::failed(if error.is_timeout() {
                "the server did not answer in time"
            } else if error.is_transient() {
                "the server cannot take the letter now"
            } else {
                "the server cannot be reached, or does not offer what is asked of it"
            })),
        }
    }

    /// Runs a program of the configuration, without a shell, and ends what is left of it and of what it has started.
    fn command(&self, name: &str, input: &str) -> Attempt {
        let Some(mut command) = self.commands.get(name).and_then(Program::command) else {
            return Attempt::hopeless(format!("the configuration file has no command {name:?}"));
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, group) = match start(&mut command) {
            Ok(started) => started,
            Err(error) => return Attempt::failed(format!("the command cannot be started: {error}")),
        };
        let stopwatch = Stopwatch::start();
        if let Some(mut stdin) = child.stdin.take() {
            // A pipe takes 64 KiB at once, and messages have less; a program that does not read it ends the pipe.
            let _ = stdin.write_all(input.as_bytes());
        }
        let mut is_in_time = true;
        while is_in_time && has_ended(&child).is_ok_and(|ended| !ended) {
            std::thread::park_timeout(Duration::from_millis(20));
            is_in_time = stopwatch.elapsed() < LIMIT;
        }
        drop(group);
        // It may have left the group.
        let _ = child.kill();
        match child.wait() {
            Ok(status) if status.success() => Attempt::taken(None),
            Ok(_) if !is_in_time => Attempt::failed("the command did not end in time"),
            Ok(status) => Attempt::failed(format!("the command ended with {status}")),
            Err(error) => Attempt::failed(format!("the command cannot be waited for: {error}")),
        }
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn text_of(place: Place<'_>) -> Result<String, String> {
    match place {
        Place::Text(text) => Ok(text.to_owned()),
        Place::Environment(name) => {
            std::env::var(name).map_err(|_| format!("the variable {name} is not set"))
        }
        Place::File(path) => {
            let file =
                std::fs::File::open(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
            let mut text = String::new();
            file.take(SECRET_FILE)
                .read_to_string(&mut text)
                .map_err(|error| format!("{path} cannot be read: {error}"))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}

fn answered(kind: ChannelKind, mut response: Response<ureq::Body>) -> Attempt {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    // So that the receiver may send all of its answer. What it says is not passed on: it may be another's.
    let body = response.body_mut().with_config().limit(ANSWER).read_to_string().unwrap_or_default();
    if (200..300).contains(&status) {
        return Attempt::taken(Some(status));
    }
    // Telegram says it in the body.
    let retry_after = retry_after.or_else(|| {
        if kind != ChannelKind::Telegram {
            return None;
        }
        let body: serde_json::Value = serde_json::from_str(&body).ok()?;
        body["parameters"]["retry_after"].as_u64().map(Duration::from_secs)
    });
    Attempt {
        status: Some(status),
        retry_after,
        ..Attempt::failed(format!("the receiver answered {status}"))
    }
}

/// The class of an error: its text may have the address, which is secret.
fn failed(error: &ureq::Error) -> Attempt {
    match error {
        ureq::Error::Other(other) => match other.downcast_ref::<Forbidden>() {
            Some(forbidden) => Attempt::hopeless(forbidden.to_string()),
            None => Attempt::failed("the request failed"),
        },
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Attempt::hopeless("its url is not an address"),
        ureq::Error::Timeout(_) => Attempt::failed("the receiver did not answer in time"),
        ureq::Error::HostNotFound => Attempt::failed("the host's name is not known"),
        ureq::Error::ConnectionFailed => Attempt::failed("the host cannot be reached"),
        ureq::Error::Io(error) => Attempt::failed(format!("the connection failed: {}", error.kind())),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            Attempt::failed("TLS failed: the certificate may not be the host's")
        }
        _ => Attempt::failed("the receiver's answer is not HTTP"),
    }
}

/// Looks names up, and lets only allowed addresses be connected to.
#[derive(Debug)]
struct Checked {
    targets: Arc<Targets>,
    inner: DefaultResolver,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("targets", &self.targets).finish_non_exhaustive()
    }
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let is_encrypted = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let mut allowed = self.empty();
        let mut refused = None;
        for address in &*found {
            match self.targets.check(host, address.ip(), is_encrypted) {
                Ok(()) => allowed.push(*address),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            Some(why) if allowed.is_empty() => Err(ureq::Error::Other(Box::new(why))),
            _ => Ok(allowed),
        }
    }
}
