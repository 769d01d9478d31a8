//! Messages as each kind of channel wants them: pure functions from a message and a channel to what is sent.

mod alertmanager;
mod chat;
mod mail;
mod pagerduty;
mod push;
mod webhook;

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{EpisodeState, Message, Notice};
use afterglow_wire::channel::{Channel, ChannelKind};
use afterglow_wire::rule::Severity;
use serde_json::Value;

pub use mail::Mail;
pub use webhook::sign;

use super::compose::summary;

/// A channel with the texts of its secrets.
#[derive(Clone)]
pub struct Receiver {
    /// What was saved.
    pub channel: Channel,
    /// The texts of its secrets, by name.
    pub secrets: BTreeMap<&'static str, String>,
    /// The address of the page, for links; none when it is not known.
    pub page: Option<String>,
}

impl Receiver {
    fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).map_or("", String::as_str)
    }

    fn url(&self) -> &str {
        self.secret("url")
    }

    /// The server's address without a slash at its end.
    fn base(&self) -> &str {
        self.url().trim_end_matches('/')
    }
}

/// What is sent.
#[derive(Clone)]
pub enum Sent {
    /// These requests, one after the other.
    Requests(Vec<Request>),
    /// A letter.
    Mail(Mail),
    /// This, to a program's standard input.
    Command(String),
}

/// A request. Its address and its headers may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Headers besides those of every request.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; nothing for GET.
    pub body: String,
}

impl Request {
    fn post(url: impl Into<String>, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method: "POST", url: url.into(), headers, body: body.to_string() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Sent {
    /// What people may see of it: bodies, and neither addresses nor headers.
    pub fn text(&self) -> String {
        match self {
            Self::Requests(requests) => {
                requests.iter().map(|request| &*request.body).collect::<Vec<_>>().join("\n")
            }
            Self::Mail(mail) => format!("{}\n\n{}", mail.subject, mail.text),
            Self::Command(input) => input.clone(),
        }
    }
}

/// What `message` is for `receiver`, sent at `now`.
pub fn render(receiver: &Receiver, message: &Message, now: Timestamp) -> Sent {
    let requests = match receiver.channel.kind {
        ChannelKind::Webhook => vec![webhook::request(receiver, message, now)],
        ChannelKind::Slack => vec![chat::slack(receiver, message)],
        ChannelKind::Discord => vec![chat::discord(receiver, message)],
        ChannelKind::Teams => vec![chat::teams(receiver, message)],
        ChannelKind::Telegram => vec![push::telegram(receiver, message)],
        ChannelKind::Ntfy => vec![push::ntfy(receiver, message)],
        ChannelKind::Gotify => vec![push::gotify(receiver, message)],
        ChannelKind::Pagerduty => pagerduty::requests(receiver, message),
        ChannelKind::Alertmanager => vec![alertmanager::push(receiver, message, now)],
        ChannelKind::Email => return Sent::Mail(mail::letter(receiver, message)),
        ChannelKind::Command => return Sent::Command(webhook::body(message).to_string()),
        ChannelKind::Heartbeat => vec![heartbeat(receiver)],
    };
    Sent::Requests(requests)
}

/// The request that says that this server is alive.
pub fn heartbeat(receiver: &Receiver) -> Request {
    Request { method: "GET", url: receiver.url().to_owned(), headers: Vec::new(), body: String::new() }
}

/// Lets `make` list as many alerts as fit into `budget` bytes. It is asked with fewer until its answer does.
fn fit(message: &Message, budget: usize, make: impl Fn(&[Notice], usize) -> Request) -> Request {
    let total = message.firing + message.resolved;
    let mut listed = message.alerts.len();
    loop {
        let request = make(&message.alerts[..listed], total - listed);
        if request.body.len() <= budget || listed == 0 {
            return request;
        }
        listed = listed * 2 / 3;
    }
}

/// A line for each alert, and how many more there are.
fn lines(alerts: &[Notice], more: usize, line: impl Fn(&Notice) -> String) -> Vec<String> {
    let mut lines: Vec<String> = alerts.iter().map(line).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// A word for how an alert is.
fn word(notice: &Notice) -> &'static str {
    match (notice.state, notice.severity) {
        (EpisodeState::Resolved, _) => "resolved",
        (_, severity) => severity.name(),
    }
}

/// The worst of what fires; `None` when nothing does.
fn worst(message: &Message) -> Option<Severity> {
    message
        .alerts
        .iter()
        .filter(|alert| alert.state == EpisodeState::Firing)
        .map(|alert| alert.severity)
        .max()
}

/// A line of text, of at most `most` bytes, without control characters.
fn line(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shortened(&plain, most)
}

/// At most `most` bytes of a text.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Where people look at the alerts of a message: the first one's link, or the page.
fn link(receiver: &Receiver, message: &Message) -> Option<String> {
    let own = message.alerts.first().and_then(|alert| alert.link.clone());
    own.or_else(|| receiver.page.as_ref().map(|page| format!("{page}/alerts")))
}

fn title(message: &Message) -> String {
    line(&summary(message), 240)
}

#[cfg(test)]
mod tests;
