//! Golden requests of every kind of channel, budgets, and hostile names.

use std::collections::BTreeMap;

use afterglow_wire::alert::Event;
use expect_test::{Expect, expect};

use super::super::compose::{compose, tests::notice};
use super::*;

const AT: i64 = 1_700_000_000_000_000;

const KINDS: [&str; 11] = [
    r#"{"id":"c","kind":"webhook"}"#,
    r#"{"id":"c","kind":"webhook","format":"alertmanager"}"#,
    r#"{"id":"c","kind":"slack"}"#,
    r#"{"id":"c","kind":"discord"}"#,
    r#"{"id":"c","kind":"teams"}"#,
    r#"{"id":"c","kind":"telegram","chat":"-100"}"#,
    r#"{"id":"c","kind":"ntfy","topic":"ovens"}"#,
    r#"{"id":"c","kind":"gotify"}"#,
    r#"{"id":"c","kind":"pagerduty"}"#,
    r#"{"id":"c","kind":"alertmanager"}"#,
    r#"{"id":"c","kind":"email","server":"mail.example.org","from":"afterglow@example.org","to":["ops@example.org"]}"#,
];

fn receiver(channel: &str) -> Receiver {
    let secrets = BTreeMap::from([
        ("url", "https://hooks.example.org/hush".to_owned()),
        ("token", "hush".to_owned()),
        ("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
    ]);
    Receiver {
        channel: serde_json::from_str(channel).unwrap(),
        secrets,
        page: Some("https://a.example".into()),
    }
}

fn message() -> Message {
    let notices = vec![notice("1", Event::Fire, AT), notice("2", Event::Resolve, AT + 1)];
    compose("c", "oven-too-hot", notices, 1, Timestamp::from_micros(AT + 25_000))
}

fn requests(sent: &Sent) -> Vec<Request> {
    match sent {
        Sent::Requests(requests) => requests.clone(),
        Sent::Mail(_) | Sent::Command(_) => Vec::new(),
    }
}

/// All that is sent, as text.
fn written(sent: &Sent) -> String {
    let mut text = String::new();
    for request in requests(sent) {
        text.push_str(&format!("{} {}\n", request.method, request.url));
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&format!("{}\n", request.body));
    }
    if let Sent::Mail(mail) = sent {
        text = format!("{}\n{}\n{}\n{}", mail.message_id, mail.subject, mail.text, mail.html);
    }
    text
}

fn check(kind: usize, expected: Expect) {
    expected.assert_eq(&written(&render(&receiver(KINDS[kind]), &message(), Timestamp::from_micros(AT))));
}

#[test]
fn golden_webhook() {
    check(
        0,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        webhook-id: msg_96573a2b091c93a2ff6c72eb6284ff55
        webhook-timestamp: 1700000000
        webhook-signature: v1,JnQndDPuj/ECCaZT1gSn122AI8gmmN/WI5aeY2/a9L8=
        {"alerts":[{"at":"2023-11-14T22:13:20.000000Z","episode":"1","event":"fire","labels":{"team":"ovens"},"limit":80.0,"link":"https://wiki.example.org/ovens","rule":"oven-too-hot","severity":"warning","signal":"oven.1.temp","since":"2023-11-14T22:13:20.000000Z","state":"firing","text":"oven.1.temp is at 83.5.","title":"Oven too hot","value":83.5},{"at":"2023-11-14T22:13:20.000001Z","episode":"2","event":"resolve","labels":{"team":"ovens"},"limit":80.0,"link":"https://wiki.example.org/ovens","rule":"oven-too-hot","severity":"warning","signal":"oven.2.temp","since":"2023-11-14T22:13:20.000000Z","state":"resolved","text":"oven.2.temp is at 83.5.","title":"Oven too hot","value":83.5}],"at":"2023-11-14T22:13:20.000000Z","channel":"c","episode":"1","event":"fire","firing":1,"id":"msg_96573a2b091c93a2ff6c72eb6284ff55","labels":{"team":"ovens"},"limit":80.0,"link":"https://wiki.example.org/ovens","more":0,"resolved":1,"rule":"oven-too-hot","severity":"warning","signal":"oven.1.temp","since":"2023-11-14T22:13:20.000000Z","state":"firing","summary":"1 firing, 1 resolved: Oven too hot","text":"oven.1.temp is at 83.5.","title":"Oven too hot","topic":"oven-too-hot","value":83.5}
    "#]],
    );
}

#[test]
fn golden_webhook_of_alertmanager() {
    check(
        1,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        webhook-id: msg_96573a2b091c93a2ff6c72eb6284ff55
        webhook-timestamp: 1700000000
        webhook-signature: v1,MctpES4vbmsrUsZ8fyp0xqkzIqXCW++J3my/rP3Ouo0=
        {"alerts":[{"annotations":{"description":"oven.1.temp is at 83.5.","runbook_url":"https://wiki.example.org/ovens","summary":"Oven too hot","value":"83.5"},"endsAt":"0001-01-01T00:00:00Z","fingerprint":"1","generatorURL":"https://a.example/alerts","labels":{"alertname":"oven-too-hot","severity":"warning","signal":"oven.1.temp","team":"ovens"},"startsAt":"2023-11-14T22:13:20.000000Z","status":"firing"},{"annotations":{"description":"oven.2.temp is at 83.5.","runbook_url":"https://wiki.example.org/ovens","summary":"Oven too hot","value":"83.5"},"endsAt":"2023-11-14T22:13:20.000001Z","fingerprint":"2","generatorURL":"https://a.example/alerts","labels":{"alertname":"oven-too-hot","severity":"warning","signal":"oven.2.temp","team":"ovens"},"startsAt":"2023-11-14T22:13:20.000000Z","status":"resolved"}],"commonAnnotations":{},"commonLabels":{"alertname":"oven-too-hot","severity":"warning","team":"ovens"},"externalURL":"https://a.example","groupKey":"{}:{topic=\"oven-too-hot\"}","groupLabels":{"topic":"oven-too-hot"},"receiver":"c","status":"firing","truncatedAlerts":0,"version":"4"}
    "#]],
    );
}

#[test]
fn golden_slack() {
    check(
        2,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        {"blocks":[{"text":{"emoji":false,"text":"1 firing, 1 resolved: Oven too hot","type":"plain_text"},"type":"header"},{"text":{"text":"*warning* `oven.1.temp` oven.1.temp is at 83.5.\n*resolved* `oven.2.temp` oven.2.temp is at 83.5.\n<https://wiki.example.org/ovens>","type":"mrkdwn"},"type":"section"}],"text":"1 firing, 1 resolved: Oven too hot"}
    "#]],
    );
}

#[test]
fn golden_discord() {
    check(
        3,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        {"allowed_mentions":{"parse":[]},"embeds":[{"color":14716672,"description":"**warning** oven.1.temp oven.1.temp is at 83.5.\n**resolved** oven.2.temp oven.2.temp is at 83.5.","timestamp":"2023-11-14T22:13:20.025000Z","title":"1 firing, 1 resolved: Oven too hot","url":"https://wiki.example.org/ovens"}]}
    "#]],
    );
}

#[test]
fn golden_teams() {
    check(
        4,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        {"attachments":[{"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","actions":[{"title":"Open","type":"Action.OpenUrl","url":"https://wiki.example.org/ovens"}],"body":[{"color":"Attention","size":"Medium","text":"1 firing, 1 resolved: Oven too hot","type":"TextBlock","weight":"Bolder","wrap":true},{"text":"warning: oven.1.temp oven.1.temp is at 83.5.","type":"TextBlock","wrap":true},{"text":"resolved: oven.2.temp oven.2.temp is at 83.5.","type":"TextBlock","wrap":true}],"type":"AdaptiveCard","version":"1.4"},"contentType":"application/vnd.microsoft.card.adaptive"}],"type":"message"}
    "#]],
    );
}

#[test]
fn golden_telegram() {
    check(
        5,
        expect![[r#"
        POST https://hooks.example.org/hush/bothush/sendMessage
        content-type: application/json
        {"chat_id":"-100","disable_notification":false,"link_preview_options":{"is_disabled":true},"text":"1 firing, 1 resolved: Oven too hot\nwarning: oven.1.temp oven.1.temp is at 83.5.\nresolved: oven.2.temp oven.2.temp is at 83.5.\nhttps://wiki.example.org/ovens"}
    "#]],
    );
}

#[test]
fn golden_ntfy() {
    check(
        6,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        authorization: Bearer hush
        {"click":"https://wiki.example.org/ovens","message":"warning: oven.1.temp oven.1.temp is at 83.5.\nresolved: oven.2.temp oven.2.temp is at 83.5.","priority":4,"tags":["warning"],"title":"1 firing, 1 resolved: Oven too hot","topic":"ovens"}
    "#]],
    );
}

#[test]
fn golden_gotify() {
    check(
        7,
        expect![[r#"
        POST https://hooks.example.org/hush/message
        content-type: application/json
        x-gotify-key: hush
        {"message":"warning: oven.1.temp oven.1.temp is at 83.5.\nresolved: oven.2.temp oven.2.temp is at 83.5.\nhttps://wiki.example.org/ovens","priority":7,"title":"1 firing, 1 resolved: Oven too hot"}
    "#]],
    );
}

#[test]
fn golden_pagerduty() {
    check(
        8,
        expect![[r#"
        POST https://hooks.example.org/hush
        content-type: application/json
        {"client":"Afterglow","dedup_key":"afterglow-1","event_action":"trigger","links":[{"href":"https://wiki.example.org/ovens","text":"What to do"}],"payload":{"class":"oven-too-hot","custom_details":{"labels":{"team":"ovens"},"limit":80.0,"value":83.5},"severity":"warning","source":"oven.1.temp","summary":"Oven too hot: oven.1.temp is at 83.5.","timestamp":"2023-11-14T22:13:20.000000Z"},"routing_key":"hush"}
        POST https://hooks.example.org/hush
        content-type: application/json
        {"dedup_key":"afterglow-2","event_action":"resolve","routing_key":"hush"}
    "#]],
    );
}

#[test]
fn golden_alertmanager() {
    check(
        9,
        expect![[r#"
        POST https://hooks.example.org/hush/api/v2/alerts
        content-type: application/json
        authorization: Bearer hush
        [{"annotations":{"description":"oven.1.temp is at 83.5.","runbook_url":"https://wiki.example.org/ovens","summary":"Oven too hot","value":"83.5"},"endsAt":"2023-11-14T22:17:20.000000Z","generatorURL":"https://a.example/alerts","labels":{"alertname":"oven-too-hot","severity":"warning","signal":"oven.1.temp","team":"ovens"},"startsAt":"2023-11-14T22:13:20.000000Z"},{"annotations":{"description":"oven.2.temp is at 83.5.","runbook_url":"https://wiki.example.org/ovens","summary":"Oven too hot","value":"83.5"},"endsAt":"2023-11-14T22:13:20.000001Z","generatorURL":"https://a.example/alerts","labels":{"alertname":"oven-too-hot","severity":"warning","signal":"oven.2.temp","team":"ovens"},"startsAt":"2023-11-14T22:13:20.000000Z"}]
    "#]],
    );
}

#[test]
fn golden_email() {
    check(
        10,
        expect![[r#"
        <msg_96573a2b091c93a2ff6c72eb6284ff55@example.org>
        1 firing, 1 resolved: Oven too hot
        1 firing, 1 resolved: Oven too hot

        warning: oven.1.temp
            oven.1.temp is at 83.5.
        resolved: oven.2.temp
            oven.2.temp is at 83.5.

        https://wiki.example.org/ovens

        <h3>1 firing, 1 resolved: Oven too hot</h3>
        <pre>warning: oven.1.temp
            oven.1.temp is at 83.5.
        resolved: oven.2.temp
            oven.2.temp is at 83.5.</pre>
        <p><a href="https://wiki.example.org/ovens">https://wiki.example.org/ovens</a></p>
    "#]],
    );
}

/// The example of the specification's own libraries.
#[test]
fn signatures_are_those_of_standard_webhooks() {
    let signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_storm_fits_into_every_channel_and_says_what_is_left_out() {
    // The limits that receivers refuse beyond, in bytes.
    let budgets = [65_536, 65_536, 12_000, 12_000, 28_000, 8_192, 4_096, 8_192, 4_096, 65_536, usize::MAX];
    let notices = (0..10_000)
        .map(|n| {
            let mut notice = notice(&n.to_string(), Event::Fire, AT);
            notice.signal = format!("{}{n}", "\"\u{202e}é<".repeat(30));
            notice.text = format!("{} is at 83.5", notice.signal);
            notice
        })
        .collect();
    let message = compose("c", "oven-too-hot", notices, 10_000, Timestamp::from_micros(AT));
    for (kind, budget) in KINDS.iter().zip(budgets) {
        let sent = render(&receiver(kind), &message, Timestamp::from_micros(AT));
        for request in requests(&sent) {
            assert!(request.body.len() <= budget, "{kind}: {} bytes", request.body.len());
            serde_json::from_str::<Value>(&request.body).unwrap();
        }
        // An Alertmanager takes alerts and nothing about them.
        let says = ["10000", "more", "truncatedAlerts"];
        let text = written(&sent);
        assert!(
            kind.contains("\"alertmanager\"}") || says.iter().any(|word| text.contains(word)),
            "{kind}: {text}"
        );
    }
}

#[test]
fn hostile_names_stay_text() {
    let mut hostile = notice("1", Event::Fire, AT);
    hostile.title = "a\r\nBcc: x@y\r\n\r\n<script>".into();
    hostile.signal = "<!channel> @everyone <https://x|y> `*_~[a](b)\u{202e}".into();
    hostile.text = "\r\nX: y <b>&\"'".into();
    hostile.link = Some("https://x/\"><script>|".into());
    let message = compose("c", "t", vec![hostile], 1, Timestamp::from_micros(AT));
    for kind in KINDS {
        let sent = render(&receiver(kind), &message, Timestamp::from_micros(AT));
        for request in requests(&sent) {
            assert!(request.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])), "{kind}");
            assert!(!request.url.contains("script"), "{kind}");
        }
        if let Sent::Mail(mail) = &sent {
            assert!(!mail.subject.contains(['\r', '\n']) && !mail.html.contains("<script>"), "{mail:?}");
        }
    }
    let Sent::Requests(slack) = render(&receiver(KINDS[2]), &message, Timestamp::from_micros(AT)) else {
        panic!()
    };
    let body: Value = serde_json::from_str(&slack[0].body).unwrap();
    // The header is plain text; the others are markup.
    for text in [&body["text"], &body["blocks"][1]["text"]["text"]] {
        let text = text.as_str().unwrap();
        assert!(!text.contains("<!channel>") && text.contains("&lt;!channel&gt;"), "{text}");
    }
}

#[test]
fn no_body_has_a_secret_but_pagerdutys_key() {
    for kind in KINDS.into_iter().filter(|kind| !kind.contains("pagerduty")) {
        let sent = render(&receiver(kind), &message(), Timestamp::from_micros(AT));
        assert!(!sent.text().contains("hush"), "{kind}");
    }
}
