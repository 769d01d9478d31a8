//! E-mail: plain text, and the same as simple HTML.

use afterglow_wire::alert::Message;

use super::{Receiver, line, lines, link, title, word};

/// A letter; who sends it adds what its server wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The same for one message at every attempt.
    pub message_id: String,
    /// One line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

pub(super) fn letter(receiver: &Receiver, message: &Message) -> Mail {
    let total = message.firing + message.resolved;
    let list = lines(&message.alerts, total - message.alerts.len(), |alert| {
        format!("{}: {}\n    {}", word(alert), line(&alert.signal, 256), line(&alert.text, 512))
    });
    let link = link(receiver, message).map(|link| line(&link, 512));
    let title = title(message);
    let mut text = format!("{title}\n\n{}\n", list.join("\n"));
    let mut html = format!("<h3>{}</h3>\n<pre>{}</pre>\n", escaped(&title), escaped(&list.join("\n")));
    if let Some(link) = link {
        text = format!("{text}\n{link}\n");
        html = format!("{html}<p><a href=\"{0}\">{0}</a></p>\n", escaped(&link));
    }
    let host = receiver.channel.from.as_deref().and_then(|from| from.rsplit_once('@'));
    let host = host.map_or("afterglow.invalid", |(_, host)| host);
    Mail { message_id: format!("<{}@{host}>", message.id), subject: title, text, html }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
