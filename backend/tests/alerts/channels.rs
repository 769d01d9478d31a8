//! Channels: what a receiver that misbehaves costs, whom it costs, and that every kind reaches its receiver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Lab, hot, listed};
use crate::harness::{Backend, eventually, serve};
use crate::receiver::Receiver;

/// A5: one receiver takes connections and never answers, another's handshake does not go on, a third is fine: its messages come, samples are
/// taken, and memory does not grow.
#[test]
fn a5_a_receiver_that_hangs_delays_nobody_else() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let (lab, receiver) = (Lab::new(), Receiver::new());
    let address = hanging.local_addr().unwrap();
    for (id, url) in [("hangs", format!("http://{address}/")), ("shakes", format!("https://{address}/"))] {
        lab.post("/api/channels", &json!({"id": id, "kind": "webhook", "url": url, "default": true}));
    }
    lab.ops(&receiver);
    lab.rule(hot());
    let mut before = 0;
    // Three messages may follow each other at once.
    for number in 1..=3 {
        lab.sample(&format!("oven.{number}"), 90.0);
        eventually("it is sent", || listed(&receiver.all()).len() == number);
        if number == 1 {
            before = lab.backend().resident();
        }
    }
    for id in ["hangs", "shakes"] {
        let log = lab.backend().get(&format!("/api/channels/{id}/log")).json();
        assert_eq!(
            log["deliveries"],
            json!([]),
            "the first request still hangs, or the test shows nothing: {log}"
        );
        assert!(log["waiting"].as_u64().unwrap() >= 1, "{log}");
    }
    eventually("at most 2 MB more", || lab.backend().resident().saturating_sub(before) <= 2_000_000);
}

/// Each of them waits for its receiver.
#[test]
fn tests_of_a_channel_that_hangs_leave_room_for_others() {
    const REQUEST: &[u8] = b"POST /api/channels/hangs/test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let lab = Lab::new();
    let url = format!("http://{}/", hanging.local_addr().unwrap());
    lab.post("/api/channels", &json!({"id": "hangs", "kind": "webhook", "url": url}));
    let asking = || {
        let mut stream = TcpStream::connect(lab.backend().address()).unwrap();
        stream.write_all(REQUEST).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    // One more than one address may have.
    let asking: Vec<_> = (0..5).map(|_| asking()).collect();
    let status = |stream: &TcpStream| {
        let mut beginning = [0; 12];
        (stream.peek(&mut beginning).ok()? == 12).then(|| String::from_utf8_lossy(&beginning).into_owned())
    };
    let answered = || asking.iter().filter_map(status).collect::<Vec<_>>();
    eventually("one is refused", || !answered().is_empty());
    assert_eq!(answered(), ["HTTP/1.1 503"]);
    drop(hanging);
}

/// A8: statuses.
#[test]
fn a8_what_may_succeed_later_is_sent_again_under_its_number_and_nothing_else() {
    let receiver = Receiver::answering(|number| match number {
        0 => "429 Too Many Requests\r\nRetry-After: 2".into(),
        1 => "503 Service Unavailable".into(),
        _ => "204 No Content".into(),
    });
    let (lab, broken) = (Lab::new(), Receiver::answering(|_| "404 Not Found".into()));
    lab.ops(&receiver);
    lab.post(
        "/api/channels",
        &json!({"id": "gone", "kind": "webhook", "url": broken.url("/"), "default": true}),
    );
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    let received = receiver.wait(3);
    let ids: Vec<_> = received.iter().map(|one| one.headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(received.iter().all(|one| one.body == received[0].body));
    assert!((received[1].at - received[0].at).as_secs_f64() >= 2.0, "{received:?}");
    let log = || lab.backend().get("/api/channels/gone/log").json();
    eventually("it is shown as broken", || log()["broken"] == "the receiver answered 404");
    assert_eq!((log()["waiting"].as_u64(), broken.all().len()), (Some(0), 1));
    eventually("all is sent", || lab.backend().get("/api/channels/ops/log").json()["waiting"] == 0);
}

/// A6, as far as a suite goes: nothing is lost while a receiver is down, and it is summed up when it is back.
#[test]
fn a6_what_gathers_while_a_receiver_is_down_is_one_message() {
    let receiver = Receiver::answering(|number| if number < 2 { "500 No".into() } else { "200 OK".into() });
    let lab = Lab::new();
    lab.ops(&receiver);
    for number in 0..20 {
        lab.rule(
            json!({"id": format!("r{number}"), "title": "r", "signals": [format!("s{number}")], "is": "above",
            "levels": [{"limit": 80}]}),
        );
    }
    lab.sample("s0", 90.0);
    receiver.wait(1);
    for number in 1..20 {
        lab.sample(&format!("s{number}"), 90.0);
    }
    let done = || listed(&receiver.all()[2..]).len() >= 20;
    eventually("all are sent", || receiver.all().len() > 2 && done());
    assert_eq!(
        receiver.all().len(),
        4,
        "two that failed, the first again, and one for the rest: {:?}",
        receiver.all()
    );
    assert_eq!(listed(&receiver.all()[3..]).len(), 19);
}

/// Every kind of channel that speaks HTTP reaches a receiver, with what is its own.
#[test]
fn a20_every_kind_reaches_its_receiver() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    let kinds = [
        (json!({"kind": "webhook", "format": "alertmanager"}), "/x", "\"version\":\"4\""),
        (json!({"kind": "slack"}), "/x", "\"blocks\""),
        (json!({"kind": "discord"}), "/x", "\"embeds\""),
        (json!({"kind": "teams"}), "/x", "AdaptiveCard"),
        (
            json!({"kind": "telegram", "token": "t0", "chat": "1"}),
            "/x/bott0/sendMessage",
            "\"chat_id\":\"1\"",
        ),
        (json!({"kind": "ntfy", "topic": "ovens"}), "/x", "\"topic\":\"ovens\""),
        (json!({"kind": "gotify", "token": "t0"}), "/x/message", "\"priority\""),
        (json!({"kind": "pagerduty", "token": "t0"}), "/x", "\"event_action\":\"trigger\""),
        (json!({"kind": "alertmanager"}), "/x/api/v2/alerts", "\"alertname\""),
    ];
    for (number, (channel, path, part)) in kinds.iter().enumerate() {
        let mut channel = channel.clone();
        channel["id"] = format!("c{number}").into();
        channel["url"] = receiver.url("/x").into();
        lab.post("/api/channels", &channel);
        let tested = lab.post(&format!("/api/channels/c{number}/test"), &json!({}));
        assert_eq!(tested["delivery"]["outcome"], "delivered", "{tested}");
        let received = receiver.wait(number + 1).remove(number);
        assert!(received.path == *path && received.body.contains(part), "{channel}: {received:?}");
    }
    lab.post("/api/channels", &json!({"id": "beat", "kind": "heartbeat", "url": receiver.url("/beat")}));
    eventually("the heartbeat is heard", || receiver.all().iter().any(|one| one.path == "/beat"));
}

/// A mail server that takes everything and offers nothing.
#[test]
fn a20_a_letter_reaches_a_mail_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let heard = Arc::<Mutex<String>>::default();
    let all = Arc::clone(&heard);
    std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            stream.write_all(b"220 here\r\n").unwrap();
            let mut in_letter = false;
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                all.lock().unwrap().push_str(&line);
                let answer: &[u8] = match line.trim_end() {
                    "." if in_letter => {
                        in_letter = false;
                        b"250 ok\r\n"
                    }
                    _ if in_letter => continue,
                    "DATA" => {
                        in_letter = true;
                        b"354 go\r\n"
                    }
                    _ => b"250 ok\r\n",
                };
                stream.write_all(answer).unwrap();
            }
        })
        .unwrap();
    let lab = Lab::new();
    lab.post(
        "/api/channels",
        &json!({"id": "mail", "kind": "email", "server": server, "from": "afterglow@example.org",
        "to": ["ops@example.org"], "protection": "none"}),
    );
    let tested = lab.post("/api/channels/mail/test", &json!({}));
    assert_eq!(tested["delivery"]["outcome"], "delivered", "{tested}");
    let heard = heard.lock().unwrap().clone();
    for part in [
        "MAIL FROM:<afterglow@example.org>",
        "RCPT TO:<ops@example.org>",
        "Subject: Test: A test",
        "Message-ID: <msg_",
    ] {
        assert!(heard.contains(part), "{part} is not in {heard}");
    }
}

/// Only programs of the configuration file are run.
#[test]
fn a20_a_command_is_one_of_the_files() {
    let lab = Lab::new();
    let refused =
        lab.backend().send("POST", "/api/channels", r#"{"id":"c","kind":"command","command":"/bin/sh"}"#);
    assert_eq!(refused.field(), ("invalid".into(), "command".into()));
}

/// What a command is: notes its argument, its environment and the message, and starts something that holds a pipe.
const PAGE: &str = r#"#!/bin/sh
exec 3>"$0.held"
{ echo "$1"; env; } >"$0.began"
cat >"$0.message"
sleep 1000 &
[ "$1" = ops ] || wait
"#;

/// A command has what the documentation says, none of the server's secrets, and ends with what it has started: when it ends by itself,
/// and when it does not.
#[test]
fn a20_a_command_gets_the_message_and_ends_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let program = file("page");
    std::fs::write(&program, PAGE).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Command::new("mkfifo").arg(file("page.held")).status().unwrap().success());
    let table = |name: &str| {
        let program = program.display();
        format!(
            "[[alert_command]]\nname = '{name}'\nrun = ['{program}', '{name}']\nenvironment = ['PAGE_TOKEN']\n"
        )
    };
    // It leaves the group of what is ended.
    let leaves = "[[alert_command]]\nname = 'leaves'\nrun = ['setsid', 'sleep', '1000']\n";
    std::fs::write(file("afterglow.toml"), table("ops") + &table("hangs") + leaves).unwrap();
    let mut command = serve(&file("a.db"), "127.0.0.1:0");
    command.env("AFTERGLOW_CONFIG", file("afterglow.toml"));
    command.envs([("PAGE_TOKEN", "t0"), ("AFTERGLOW_SECRET_PAGE", "hush"), ("OTHER", "hush")]);
    let lab = Lab { backend: Some(Backend::spawn(command)), folder };
    for (name, outcome) in [("ops", "delivered"), ("hangs", "refused")] {
        let mut held = std::fs::OpenOptions::new();
        let held = held.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let mut held = held.open(lab.folder.path().join("page.held")).unwrap();
        lab.post("/api/channels", &json!({"id": name, "kind": "command", "command": name}));
        let tested = lab.post(&format!("/api/channels/{name}/test"), &json!({}));
        assert_eq!(tested["delivery"]["outcome"], outcome, "{tested}");
        // The pipe has no writer when everybody who had it has ended.
        eventually("what it started has ended", || held.read(&mut [0]).is_ok_and(|read| read == 0));
        let read = |what: &str| std::fs::read_to_string(lab.folder.path().join(what)).unwrap();
        let began = read("page.began");
        let mut lines = began.lines();
        assert_eq!(lines.next(), Some(name));
        assert!(began.contains("PAGE_TOKEN=t0") && !began.contains("hush"), "{began}");
        let listed =
            "PATH HOME USER LOGNAME SHELL TMPDIR TZ LANG LC_ALL LC_NUMERIC PAGE_TOKEN PWD OLDPWD SHLVL _";
        let is_listed = |line: &str| {
            line.split_once('=').is_some_and(|(name, _)| listed.split(' ').any(|listed| listed == name))
        };
        assert!(lines.all(is_listed), "{began}");
        let message: Value = serde_json::from_str(&read("page.message")).unwrap();
        assert!(message["rule"].is_string(), "{message}");
    }
    lab.post("/api/channels", &json!({"id": "leaves", "kind": "command", "command": "leaves"}));
    let tested = lab.post("/api/channels/leaves/test", &json!({}));
    assert_eq!(tested["delivery"]["outcome"], "refused", "{tested}");
}

/// What a channel brings is checked field by field, and secrets stay when a change does not bring them.
#[test]
fn a_channel_is_saved_replaced_and_deleted() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    let shown: Value = lab.backend().get("/api/channels/ops").json();
    assert!(shown.get("url").is_none() && shown.get("secret").is_none(), "{shown}");
    assert_eq!(shown["kept"]["url"]["host"], receiver.url("").as_str(), "{shown}");
    let mut changed = shown.clone();
    changed["title"] = "Operators".into();
    let changed = lab.put("/api/channels/ops", &changed);
    assert_eq!(changed["version"], 2);
    assert_eq!(lab.put("/api/channels/ops", &changed)["version"], 2, "the same stays at its version");
    assert_eq!(lab.post("/api/channels/ops/test", &json!({}))["delivery"]["outcome"], "delivered");
    assert_eq!(receiver.wait(1)[0].path, "/ops");
    assert!(receiver.all()[0].headers.contains_key("webhook-signature"), "the secret stayed");
    let refused = lab.backend().send("POST", "/api/channels", r#"{"id":"x","kind":"webhook"}"#);
    assert_eq!(refused.field(), ("invalid".into(), "url".into()));
    let made = lab.post("/api/channels", &json!({"id": "own", "kind": "webhook", "url": receiver.url("/")}));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "a key is made, and shown once: {made}");
    assert_eq!(lab.backend().send("DELETE", "/api/channels/ops", "").status, 204);
    assert_eq!(lab.backend().get("/api/channels/ops/log").status, 404);
}
