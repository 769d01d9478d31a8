//! Telegram, ntfy and Gotify.

use afterglow_wire::alert::Message;
use afterglow_wire::rule::Severity;
use serde_json::json;

use super::{Receiver, Request, fit, line, lines, link, shortened, title, word, worst};

/// Telegram takes 4,096 characters, ntfy as many bytes.
const TEXT: usize = 3_600;

fn text(
    receiver: &Receiver,
    message: &Message,
    with_link: bool,
) -> impl Fn(&[afterglow_wire::alert::Notice], usize) -> String {
    let link = link(receiver, message).filter(|_| with_link).map(|link| line(&link, 512));
    move |alerts, more| {
        let list = lines(alerts, more, |alert| {
            format!("{}: {} {}", word(alert), line(&alert.signal, 256), line(&alert.text, 512))
        });
        let list = shortened(&list.join("\n"), TEXT - 600);
        link.as_ref().map_or_else(|| list.clone(), |link| format!("{list}\n{link}"))
    }
}

/// As plain text: nothing in it is markup.
pub(super) fn telegram(receiver: &Receiver, message: &Message) -> Request {
    let base = if receiver.url().is_empty() { "https://api.telegram.org" } else { receiver.base() };
    let url = format!("{base}/bot{}/sendMessage", receiver.secret("token"));
    let text = text(receiver, message, true);
    fit(message, 2 * TEXT, |alerts, more| {
        Request::post(
            &*url,
            &json!({
                "chat_id": receiver.channel.chat,
                "text": format!("{}\n{}", title(message), text(alerts, more)),
                "link_preview_options": { "is_disabled": true },
                "disable_notification": worst(message).is_none(),
            }),
        )
    })
}

pub(super) fn ntfy(receiver: &Receiver, message: &Message) -> Request {
    let (priority, tag) = match worst(message) {
        Some(Severity::Critical) => (5, "rotating_light"),
        Some(Severity::Warning) => (4, "warning"),
        Some(Severity::Info) => (3, "information_source"),
        None => (2, "white_check_mark"),
    };
    let text = text(receiver, message, false);
    let request = fit(message, TEXT, |alerts, more| {
        let mut body = json!({
            "topic": receiver.channel.topic,
            "title": title(message),
            "message": text(alerts, more),
            "priority": priority,
            "tags": [tag],
        });
        if let Some(link) = link(receiver, message) {
            body["click"] = line(&link, 512).into();
        }
        Request::post(receiver.base(), &body)
    });
    match receiver.secret("token") {
        "" => request,
        token => request.with("authorization", format!("Bearer {token}")),
    }
}

pub(super) fn gotify(receiver: &Receiver, message: &Message) -> Request {
    let priority = match worst(message) {
        Some(Severity::Critical) => 10,
        Some(Severity::Warning) => 7,
        Some(Severity::Info) => 4,
        None => 2,
    };
    let text = text(receiver, message, true);
    fit(message, 2 * TEXT, |alerts, more| {
        Request::post(
            format!("{}/message", receiver.base()),
            &json!({
                "title": title(message),
                "message": text(alerts, more),
                "priority": priority,
            }),
        )
    })
    .with("x-gotify-key", receiver.secret("token"))
}
