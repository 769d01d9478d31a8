//! Tokens that others sign: which of them count, and what those may do who have them.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::provider::{Key, Provider, now, text};
use crate::harness::{Answer, Backend, close_code, eventually, serve};
use crate::keys::{ask, socket, stream};

const AUDIENCE: &str = "afterglow";

/// A server that asks for keys, with these tables in its configuration.
pub(crate) fn server(folder: &TempDir, tables: &str) -> Backend {
    Backend::spawn(command(folder, tables))
}

fn command(folder: &TempDir, tables: &str) -> Command {
    let file = folder.path().join("afterglow.toml");
    std::fs::write(&file, format!("[access]\nauth = \"required\"\n{tables}")).unwrap();
    let mut command = serve(&folder.path().join("a.db"), "127.0.0.1:0");
    command.env("AFTERGLOW_CONFIG", file);
    command
}

/// A table for an issuer whose people have roles.
fn table(issuer: &str) -> String {
    format!(
        "[[issuer]]\nname = \"company\"\nissuer = \"{issuer}\"\naudience = \"{AUDIENCE}\"\n\
         grants = {{ viewers = \"viewer\", senders = \"write\", admins = \"admin\" }}\n"
    )
}

/// The claims of a good token for a role.
fn claims(issuer: &str, role: &str) -> Value {
    json!({"iss": issuer, "aud": AUDIENCE, "sub": "ada", "exp": now() + 600, "iat": now(), "roles": [role]})
}

fn read(backend: &Backend, token: &str) -> Answer {
    ask(backend, token, "GET", "/api/telemetry?signals=*&from=0001-01-01", "")
}

const SAMPLES: &str = r#"{"timestamp":1700000000,"signals":{"a.x":1,"b.y":2}}"#;

struct Lab {
    _folder: TempDir,
    provider: Provider,
    backend: Backend,
    key: Key,
}

impl Lab {
    fn new(key: Key) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::new(vec![key.clone()]);
        let backend = server(&folder, &table(&provider.url()));
        Self { _folder: folder, provider, backend, key }
    }

    fn claims(&self, role: &str) -> Value {
        claims(&self.provider.url(), role)
    }

    fn status(&self, token: &str) -> u16 {
        read(&self.backend, token).status
    }
}

#[test]
fn a_token_of_an_issuer_does_what_its_roles_may_do() {
    for key in [Key::rsa(0), Key::p256(), Key::ed25519()] {
        let lab = Lab::new(key);
        let token = |role| lab.key.sign(&lab.claims(role));
        let post = |role| ask(&lab.backend, &token(role), "POST", "/api/telemetry", SAMPLES).status;
        // The first one may come before the keys are here.
        assert_eq!(
            (post("senders"), post("viewers"), post("nobody")),
            (200, 403, 403),
            "{}",
            lab.key.algorithm()
        );
        assert_eq!((lab.status(&token("viewers")), lab.status(&token("senders"))), (200, 403));
        assert_eq!(ask(&lab.backend, &token("admins"), "GET", "/api/keys", "").status, 200);
        let me = ask(&lab.backend, &token("viewers"), "GET", "/api/me", "").json();
        assert_eq!((&me["kind"], &me["name"]), (&json!("token"), &json!("company/ada")));
    }
}

#[test]
fn what_is_wrong_with_a_token_is_unauthenticated() {
    let lab = Lab::new(Key::rsa(0));
    let good = lab.claims("viewers");
    assert_eq!(lab.status(&lab.key.sign(&good)), 200);
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        lab.key.sign(&claims)
    };
    let accepted = [
        changed("aud", json!(["other", AUDIENCE])),
        changed("exp", json!(now() + 86_400)),
        changed("exp", json!(now() - 5)),
        changed("nbf", json!(now() + 5)),
        changed("iat", Value::Null),
        lab.key.sign_with(&json!({"alg": "RS256", "typ": "at+jwt"}), &good),
    ];
    for (index, token) in accepted.iter().enumerate() {
        assert_eq!(lab.status(token), 200, "accepted {index}");
    }
    let header = |header: Value| lab.key.sign_with(&header, &good);
    let signed = lab.key.sign(&good);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let other = Key::rsa(1);
    let public = lab.key.public();
    let none = |alg: &str| {
        let header = json!({"alg": alg, "typ": "JWT"});
        format!("{}.{}.", text(header.to_string().as_bytes()), text(good.to_string().as_bytes()))
    };
    let refused = [
        changed("exp", json!("9999999999")),
        changed("exp", json!((now() + 600).to_string())),
        changed("exp", json!(true)),
        changed("exp", json!([now() + 600])),
        changed("exp", Value::Null),
        changed("exp", json!(now() - 60)),
        changed("exp", json!(now() + 2 * 86_400)),
        changed("exp", json!(1e300)),
        changed("exp", json!(-1)),
        changed("nbf", json!(now() + 600)),
        changed("nbf", json!("0")),
        changed("iat", json!(now() + 600)),
        changed("iat", json!("0")),
        changed("aud", json!("other")),
        changed("aud", json!("")),
        changed("aud", json!(["other"])),
        changed("aud", json!([])),
        changed("aud", json!({"afterglow": 1})),
        changed("aud", Value::Null),
        changed("iss", json!("https://other.example")),
        changed("iss", json!([lab.provider.url()])),
        changed("iss", json!(format!("{}/", lab.provider.url()))),
        changed("iss", Value::Null),
        changed("sub", json!("")),
        changed("sub", json!(1)),
        changed("sub", json!("a\nb")),
        changed("sub", json!("x".repeat(256))),
        changed("sub", Value::Null),
        // ID tokens, and a logout token.
        changed("nonce", json!("n")),
        changed("at_hash", json!("h")),
        changed("c_hash", json!("h")),
        changed("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        header(json!({"alg": "none"})),
        header(json!({"alg": "HS256", "kid": "rsa-0"})),
        header(json!({"alg": "RS512", "kid": "rsa-0"})),
        header(json!({"alg": "ES256", "kid": "rsa-0"})),
        header(json!({"kid": "rsa-0"})),
        header(json!({"alg": "RS256", "kid": "rsa-0", "typ": "logout+jwt"})),
        header(json!({"alg": "RS256", "kid": "rsa-0", "crit": ["exp"]})),
        none("none"),
        none("None"),
        none("RS256"),
        // Another key, whatever the header says of where it is.
        other.called("rsa-0").sign(&good),
        other.sign_with(&json!({"alg": "RS256", "jwk": other.public()}), &good),
        other.sign_with(&json!({"alg": "RS256", "jku": format!("{}/keys", lab.provider.url())}), &good),
        // The public key as a secret.
        Key::secret(public["n"].as_str().unwrap().as_bytes()).called("rsa-0").sign(&good),
        Key::secret(public.to_string().as_bytes()).called("rsa-0").sign(&good),
        Key::secret(b"").sign_with(&json!({"alg": "HS256"}), &good),
        format!("{message}."),
        format!("{message}.{}", signature.replace(|c: char| c.is_ascii_digit(), "A")),
        format!("{message}.{signature}.{signature}"),
        message.to_owned(),
        "eyJ..".to_owned(),
        format!("eyJ{}.e30.AA", "a".repeat(9_000)),
    ];
    for (index, token) in refused.iter().enumerate() {
        let answer = read(&lab.backend, token);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "unauthenticated"),
            "{index}: {}",
            answer.text
        );
    }
}

#[test]
fn keys_are_replaced_without_a_failed_request_and_removed_ones_end() {
    let lab = Lab::new(Key::rsa(0));
    let old = lab.key.sign(&lab.claims("viewers"));
    assert_eq!(lab.status(&old), 200);
    let mut next = Key::p256();
    // The second replacement comes while the issuer is left alone.
    for round in 0..2 {
        next = next.called(&format!("next-{round}"));
        lab.provider.behaviour().keys.push(next.clone());
        assert_eq!(lab.status(&next.sign(&lab.claims("viewers"))), 200, "{round}");
        assert_eq!(lab.status(&old), 200);
    }
    // The keys are fetched again because a token names one that is not there.
    lab.provider.behaviour().keys.remove(0);
    assert_eq!(lab.status(&next.called("unknown").sign(&lab.claims("viewers"))), 401);
    assert_eq!(lab.status(&old), 401, "a token that counted before");
    assert_eq!(lab.status(&next.sign(&lab.claims("viewers"))), 200);
}

#[test]
fn unknown_keys_do_not_make_the_server_ask_often() {
    let lab = Lab::new(Key::rsa(0));
    assert_eq!(lab.status(&lab.key.sign(&lab.claims("viewers"))), 200);
    let before = lab.provider.fetched();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let lab = &lab;
            let ask = move || {
                let token = lab.key.called(&format!("unknown-{number}")).sign(&lab.claims("viewers"));
                assert_eq!(lab.status(&token), 401);
            };
            std::thread::Builder::new().spawn_scoped(scope, ask).unwrap();
        }
    });
    let asked = lab.provider.fetched() - before;
    assert!((1..10).contains(&asked), "{asked}");
}

#[test]
fn an_issuer_that_is_away_or_answers_wrongly_changes_nothing() {
    let lab = Lab::new(Key::rsa(0));
    let token = |number: usize| {
        let mut claims = lab.claims("viewers");
        claims["jti"] = number.into();
        lab.key.sign(&claims)
    };
    assert_eq!(lab.status(&token(0)), 200);
    let elsewhere = Provider::new(vec![Key::rsa(1).called("elsewhere")]);
    let wrong: [(_, Value); 4] = [
        (Some((302, format!("{}/keys", elsewhere.url()))), json!({})),
        (Some((500, String::new())), json!({})),
        (None, json!({"jwks_uri": format!("{}/keys", elsewhere.url())})),
        (None, json!({"issuer": elsewhere.url()})),
    ];
    for (number, (instead, description)) in wrong.into_iter().enumerate() {
        let asked = lab.provider.behaviour().asked.len();
        {
            let mut behaviour = lab.provider.behaviour();
            (behaviour.instead, behaviour.description) = (instead, description);
        }
        let foreign = Key::rsa(1).called("elsewhere").sign(&lab.claims("viewers"));
        assert_eq!(lab.status(&foreign), 401, "{number}");
        assert!(lab.provider.behaviour().asked.len() > asked, "{number}: it was asked");
        assert_eq!(lab.status(&token(number + 1)), 200, "{number}: a new token of a known key");
    }
    assert!(elsewhere.behaviour().asked.is_empty(), "nobody but the issuer is asked");
}

#[test]
fn without_any_keys_a_token_is_to_be_shown_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::new(vec![Key::rsa(0)]);
    provider.behaviour().instead = Some((503, String::new()));
    let backend = server(&folder, &table(&provider.url()));
    let token = Key::rsa(0).sign(&claims(&provider.url(), "viewers"));
    let answer = read(&backend, &token);
    assert_eq!((answer.status, answer.code().as_str()), (503, "issuer_down"));
    provider.behaviour().instead = None;
    eventually("the keys are here", || read(&backend, &token).status == 200);
}

/// What an application signs for its readers: with a secret that it shares with the server, or with a key of its own.
#[test]
fn a_subscription_token_reads_the_signals_that_it_names_until_it_expires() {
    let secret = [b'x'; 40];
    let file = |folder: &TempDir, text: &[u8]| {
        let file = folder.path().join("key");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file.display().to_string()
    };
    let own = Key::ed25519();
    for (key, setting, text) in [
        (Key::secret(&secret), "secret_file", [&secret[..], b"\n"].concat()),
        (own.clone(), "public_key_file", own.public().to_string().into_bytes()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tables = format!(
            "[[issuer]]\nname = \"app\"\nissuer = \"my application\"\naudience = \"{AUDIENCE}\"\n{setting} = \"{}\"\n{}",
            file(&folder, &text),
            table("http://127.0.0.1:1")
        );
        let backend = server(&folder, &tables);
        let claims = |signals: Value, expires: i64| {
            json!({"iss": "my application", "aud": AUDIENCE, "sub": "reader 1", "exp": expires, "signals": signals,
                   "roles": ["admins"]})
        };
        let token = key.sign(&claims(json!(["a.*"]), now() + 600));
        let writer = crate::keys::key(&folder.path().join("a.db"), &["--scopes", "write"]);
        eventually("the key is known", || {
            ask(&backend, &writer, "POST", "/api/telemetry", SAMPLES).status == 200
        });
        let text = read(&backend, &token).text;
        assert!(text.contains("a.x") && !text.contains("b.y"), "{text}");
        let of = |name: &str| {
            let path = format!("/api/telemetry?signals={name}&from=0001-01-01");
            ask(&backend, &token, "GET", &path, "").text.replace(name, "*")
        };
        assert_eq!(of("b.y"), of("b.z"), "as if it did not exist");
        for (method, path) in [("POST", "/api/telemetry"), ("GET", "/api/keys"), ("GET", "/api/audit")] {
            assert_eq!(ask(&backend, &token, method, path, SAMPLES).status, 403, "{method} {path}");
        }
        for signals in [Value::Null, json!([]), json!("a.*"), json!([1]), json!({})] {
            assert_eq!(
                read(&backend, &key.sign(&claims(signals.clone(), now() + 600))).status,
                401,
                "{signals}"
            );
        }
        // A key of one issuer is not one of another.
        let mut foreign = claims(json!(["*"]), now() + 600);
        foreign["iss"] = "http://127.0.0.1:1".into();
        assert!([401, 503].contains(&read(&backend, &key.sign(&foreign)).status));

        if setting != "secret_file" {
            continue;
        }
        // It has expired, but clocks may differ: some seconds are left.
        let short = key.sign(&claims(json!(["a.*"]), now() - 10));
        let ticket =
            ask(&backend, &short, "POST", "/api/tickets", "").json()["ticket"].as_str().unwrap().to_owned();
        let mut sockets = [socket(&backend, &short, None), {
            let offered = format!("afterglow.v1, ag.ticket.{ticket}");
            crate::harness::speak(&backend, &offered).unwrap()
        }];
        let mut events = stream(&backend, &short, "/api/stream?signals=*");
        for socket in &mut sockets {
            assert_eq!(close_code(socket), 4401);
        }
        let mut rest = Vec::new();
        events.read_to_end(&mut rest).unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
        assert_eq!(read(&backend, &short).status, 401);
    }
}

#[test]
fn an_open_server_and_one_without_issuers_know_no_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let backend = server(&folder, "");
    let answer = read(&backend, &Key::rsa(0).sign(&claims("https://id.example", "viewers")));
    assert_eq!(answer.status, 401);
}

#[test]
fn a_configuration_that_is_not_safe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "x".repeat(31)).unwrap();
    let with = |lines: &str| format!("[[issuer]]\nname = \"a\"\naudience = \"b\"\n{lines}");
    let secret = secret.display();
    for (tables, message) in [
        (with("issuer = \"http://id.example\""), "only for an address of this machine"),
        (with("issuer = \"https://id.example?x\""), "an address such as"),
        (with(&format!("issuer = \"a\"\nsecret_file = \"{secret}\"")), "chmod o="),
        (with("issuer = \"a\"\nsecret_file = \"/nowhere\""), "/nowhere"),
        (with("issuer = \"https://id.example\"\ngrants = { a = \"root\" }"), "roles (viewer, editor, admin)"),
        (
            with("issuer = \"https://id.example\"\nsignals_claim = \"s\"\ngrants = { a = \"admin\" }"),
            "can be kept from none",
        ),
        (
            with(&format!("issuer = \"a\"\nsecret_file = \"{secret}\"\ngrants = {{ a = \"viewer\" }}")),
            "not for tokens",
        ),
    ] {
        let output = command(&folder, &tables).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{tables}: {errors}");
        assert!(errors.contains(message), "{tables}: {errors}");
    }
}
