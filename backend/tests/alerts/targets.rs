//! A19: forbidden targets are not connected to, and secrets are nowhere to be seen.

use serde_json::json;

use super::{Lab, hot};
use crate::harness::{Backend, eventually, sql};
use crate::receiver::Receiver;

/// What a channel with this address answers to a test.
fn tested(lab: &Lab, number: usize, url: &str) -> String {
    let id = format!("c{number}");
    lab.post("/api/channels", &json!({"id": id, "kind": "webhook", "url": url, "secret": "s"}));
    let answer = lab.post(&format!("/api/channels/{id}/test"), &json!({}));
    answer["delivery"]["error"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a19_forbidden_addresses_are_never_connected_to_whatever_their_form() {
    let receiver = Receiver::new();
    let port = receiver.url("").rsplit(':').next().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let environment = [("AFTERGLOW_ALERT_TARGETS", "public")];
    let backend = Some(Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &environment));
    let lab = Lab { folder, backend };
    let forms = [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "user@127.0.0.1",
        "127.0.0.1.",
        "LOCALHOST",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "224.0.0.1",
        "255.255.255.255",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "[fc00::1]",
        "[ff02::1]",
    ];
    for (number, host) in forms.iter().enumerate() {
        for (offset, scheme) in ["http", "https"].iter().enumerate() {
            let error = tested(&lab, 2 * number + offset, &format!("{scheme}://{host}:{port}/hook"));
            assert!(!error.is_empty(), "{scheme}://{host} was connected to");
        }
    }
    for (number, url) in
        ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/", "javascript:1"]
            .iter()
            .enumerate()
    {
        assert!(!tested(&lab, 60 + number, url).is_empty(), "{url}");
    }
    assert_eq!(receiver.all().len(), 0, "{:?}", receiver.all());
}

#[test]
fn a19_redirects_are_not_followed() {
    let hidden = Receiver::new();
    let location = hidden.url("/hidden");
    let receiver = Receiver::answering(move |_| format!("302 Found\r\nLocation: {location}"));
    let lab = Lab::new();
    let error = tested(&lab, 0, &receiver.url("/"));
    assert!(error.contains("302"), "{error}");
    assert_eq!((receiver.all().len(), hidden.all().len()), (1, 0));
}

#[test]
fn a19_secrets_are_in_no_answer_no_log_and_no_document() {
    const SECRETS: [&str; 3] = ["hush-path", "hush-secret", "hush-token"];
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let errors = folder.path().join("errors");
    let backend = Backend::try_start(&database, &[("AFTERGLOW_LOG", "debug")], &errors).unwrap();
    let lab = Lab { folder, backend: Some(backend) };
    let mut answers = String::new();
    let mut ask = |method: &str, path: &str, body: &str| {
        answers.push_str(&lab.backend().send(method, path, body).text);
    };
    // Nobody listens there.
    let hook = json!({"id": "hook", "kind": "webhook", "url": "http://127.0.0.1:9/hush-path", "secret": "hush-secret", "default": true});
    ask("POST", "/api/channels", &hook.to_string());
    ask("POST", "/api/channels", &hook.to_string());
    ask(
        "POST",
        "/api/channels",
        r#"{"id":"pd","kind":"pagerduty","token":"hush-token","url":"http://127.0.0.1:9/hush-path"}"#,
    );
    ask(
        "POST",
        "/api/channels",
        r#"{"id":"bad","kind":"telegram","token":{"valeu":"hush-token"},"chat":"1"}"#,
    );
    ask(
        "POST",
        "/api/channels",
        r#"{"id":"bad","kind":"webhook","url":"hush-path\u0000","secret":"hush-secret"}"#,
    );
    ask("POST", "/api/channels/hook/test", "");
    ask("POST", "/api/channels/pd/test", "");
    ask(
        "PUT",
        "/api/channels/hook",
        r#"{"id":"hook","version":1,"kind":"webhook","title":"Hook","default":true}"#,
    );
    ask("PUT", "/api/channels/hook", r#"{"id":"hook","version":1,"kind":"webhook","default":true}"#);
    lab.rule(hot());
    lab.sample("oven.1", 90.0);
    eventually("an attempt has failed", || {
        lab.backend().get("/api/channels/hook/log").json()["deliveries"]
            .as_array()
            .is_some_and(|all| all.len() > 1)
    });
    for path in
        ["/api/channels", "/api/channels/hook", "/api/channels/pd/log", "/api/channels/hook/log", "/metrics"]
    {
        ask("GET", path, "");
    }
    assert!(answers.contains("http://127.0.0.1:9"), "the host is shown: {answers}");
    let logged = std::fs::read_to_string(&errors).unwrap();
    let documents = sql(
        &lab.database(),
        "SELECT document AS value FROM alert_document UNION ALL \
        SELECT document FROM alert_delivery UNION ALL SELECT document FROM alert_message",
    )
    .join("\n");
    for secret in SECRETS {
        assert!(!answers.contains(secret), "{secret} is in {answers}");
        assert!(!logged.contains(secret), "{secret} is in {logged}");
        assert!(!documents.contains(secret), "{secret} is in {documents}");
    }
    // A copy has them, unless it is made without; the rest is there.
    for (more, has_secrets) in [(&[][..], true), (&["--without-secrets"][..], false)] {
        let copy = lab.folder.path().join(format!("copy-{has_secrets}.db"));
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_afterglow"));
        command.arg("backup").arg("--database").arg(lab.database()).arg("--to").arg(&copy).args(more);
        assert!(command.status().unwrap().success());
        let bytes = std::fs::read(&copy).unwrap();
        for secret in SECRETS {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert_eq!(found, has_secrets, "{secret} {more:?}");
        }
        let channels =
            sql(&copy, "SELECT id AS value FROM alert_document WHERE kind = 'channel' ORDER BY id");
        assert_eq!(channels, ["hook", "pd"]);
    }
}
