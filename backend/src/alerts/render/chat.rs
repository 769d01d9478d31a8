//! Slack, Discord and Microsoft Teams.

use afterglow_wire::alert::Message;
use afterglow_wire::rule::Severity;
use serde_json::json;

use super::{Receiver, Request, fit, line, lines, link, shortened, title, word, worst};

/// Slack cuts texts beyond 3,000 characters.
const SLACK_TEXT: usize = 2_900;
/// Discord refuses more than 2,000 characters of text, and 4,096 of an embedded description.
const DISCORD_TEXT: usize = 3_900;
/// Teams refuses messages beyond 28 KB.
const TEAMS_BODY: usize = 24 * 1024;

pub(super) fn slack(receiver: &Receiver, message: &Message) -> Request {
    fit(message, 2 * SLACK_TEXT, |alerts, more| {
        let list = lines(alerts, more, |alert| {
            format!(
                "*{}* `{}` {}",
                word(alert),
                escaped(&line(&alert.signal, 256)).replace('`', "'"),
                escaped(&line(&alert.text, 512))
            )
        });
        let mut list = shortened(&list.join("\n"), SLACK_TEXT);
        if let Some(link) = link(receiver, message) {
            list = format!("{list}\n<{}>", escaped(&line(&link, 512)).replace('|', "%7C"));
        }
        let title = title(message);
        Request::post(
            receiver.url(),
            &json!({
                "text": escaped(&title),
                "blocks": [
                    { "type": "header", "text": { "type": "plain_text", "text": shortened(&title, 150), "emoji": false } },
                    { "type": "section", "text": { "type": "mrkdwn", "text": list } },
                ],
            }),
        )
    })
}

/// Slack's three special characters. What remains cannot address anybody or form a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn discord(receiver: &Receiver, message: &Message) -> Request {
    let colour = match worst(message) {
        Some(Severity::Critical) => 0xd0_3b_3b,
        Some(Severity::Warning) => 0xe0_8f_00,
        Some(Severity::Info) => 0x2a_78_d6,
        None => 0x2e_8b_57,
    };
    fit(message, 3 * DISCORD_TEXT, |alerts, more| {
        let list = lines(alerts, more, |alert| {
            format!(
                "**{}** {} {}",
                word(alert),
                plain(&line(&alert.signal, 256)),
                plain(&line(&alert.text, 512))
            )
        });
        let mut embed = json!({
            "title": title(message),
            "description": shortened(&list.join("\n"), DISCORD_TEXT),
            "color": colour,
            "timestamp": message.at,
        });
        if let Some(link) = link(receiver, message) {
            embed["url"] = line(&link, 512).into();
        }
        Request::post(receiver.url(), &json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } }))
    })
}

/// Text without Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '[' | ']' | '(' | ')' | '#' | '@') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

pub(super) fn teams(receiver: &Receiver, message: &Message) -> Request {
    fit(message, TEAMS_BODY, |alerts, more| {
        let list = lines(alerts, more, |alert| {
            format!("{}: {} {}", word(alert), line(&alert.signal, 256), line(&alert.text, 512))
        });
        let block = |text: String| json!({ "type": "TextBlock", "text": plain(&text), "wrap": true });
        let mut body = vec![json!({
            "type": "TextBlock", "text": plain(&title(message)), "wrap": true, "weight": "Bolder", "size": "Medium",
            "color": if worst(message).is_some() { "Attention" } else { "Good" },
        })];
        body.extend(list.into_iter().map(block));
        let mut card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
        });
        if let Some(link) = link(receiver, message) {
            card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open", "url": line(&link, 512) }]);
        }
        Request::post(
            receiver.url(),
            &json!({
                "type": "message",
                "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "content": card }],
            }),
        )
    })
}
