//! Links to one board, tickets for live connections, and pages of other origins: each opens what it says and nothing else.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;

use crate::harness::{Answer, Backend, PATIENCE, Socket, close_code, eventually};
use crate::keys::{ask, guarded, id, key};

/// What somebody with a link may do; everything else is forbidden.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/api/boards"),
    ("GET", "/api/boards/{id}"),
    ("GET", "/api/revision"),
    ("GET", "/api/signals"),
    ("GET", "/api/telemetry"),
    ("GET", "/api/telemetry/summary"),
    ("GET", "/api/me"),
    ("GET", "/api/stream"),
    ("GET", "/ws"),
    ("POST", "/api/tickets"),
    // Everyone has these.
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/api/login"),
    ("POST", "/api/login"),
    ("GET", "/api/login/oidc"),
    ("GET", "/api/login/oidc/callback"),
    ("POST", "/api/login/oidc/logout"),
    ("POST", "/api/setup"),
    ("POST", "/api/shares/open"),
];

/// A server with two boards and a signal on each, a key for everything, and a link to the first.
struct Lab {
    _folder: tempfile::TempDir,
    backend: Backend,
    admin: String,
    link: String,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database: &Path = &folder.path().join("a.db");
        let admin = key(database, &["--scopes", "read,write,edit,admin"]);
        let backend = guarded(database);
        let samples = r#"{"timestamp":1700000000,"signals":{"a.x":1,"b.y":2}}"#;
        assert_eq!(ask(&backend, &admin, "POST", "/api/telemetry", samples).status, 200);
        for (title, signal) in [("one", "a.*"), ("two", "b.y")] {
            let panel = json!({"title": "p", "kind": "line", "signals": [signal]});
            let board = json!({"title": title, "panels": [panel]}).to_string();
            let saved = ask(&backend, &admin, "POST", "/api/boards", &board);
            assert_eq!(saved.status, 201, "{saved:?}");
        }
        let made = ask(&backend, &admin, "POST", "/api/shares", r#"{"board":"one","label":"neighbours"}"#);
        assert_eq!(made.status, 201, "{made:?}");
        let link = made.json()["link"].as_str().unwrap().strip_prefix("/s#").unwrap().to_owned();
        Self { _folder: folder, backend, admin, link }
    }

    fn get(&self, path: &str) -> Answer {
        ask(&self.backend, &self.link, "GET", path, "")
    }
}

/// A WebSocket of `afterglow.v1` with more headers.
fn socket(backend: &Backend, protocols: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{}/ws", backend.address()).into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tungstenite::connect(request) {
        Ok((socket, answer)) => {
            assert_eq!(answer.headers()["sec-websocket-protocol"], "afterglow.v1");
            if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_ref() {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            Ok(socket)
        }
        Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The lines of an event stream that is live.
fn events(backend: &Backend, key: &str) -> impl FnMut() -> String + use<> {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("Host: {}\r\nAuthorization: Bearer {key}\r\n\r\n", backend.address());
    stream.write_all(format!("GET /api/stream HTTP/1.1\r\n{head}").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream);
    let mut next = move || {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the stream ended");
        line
    };
    while !next().starts_with("id: ") {}
    next
}

#[test]
fn a_link_shows_nothing_of_alerts() {
    let lab = Lab::new();
    let rule =
        json!({"id": "hot", "title": "Hot", "signals": ["a.*"], "is": "above", "levels": [{"limit": 80}]});
    assert_eq!(ask(&lab.backend, &lab.admin, "POST", "/api/rules", &rule.to_string()).status, 201);
    let (mut admin, mut guest) = (events(&lab.backend, &lab.admin), events(&lab.backend, &lab.link));
    let send = |value: u32| {
        let sample = json!({"signals": {"a.x": value}}).to_string();
        assert_eq!(ask(&lab.backend, &lab.admin, "POST", "/api/telemetry", &sample).status, 200);
    };
    send(90);
    while admin().trim_end() != "event: alert" {}
    // The stream takes what is ready in any order, so an alert would be among these.
    (100..130).for_each(send);
    loop {
        let line = guest();
        assert_ne!(line.trim_end(), "event: alert");
        if line.contains("129") {
            break;
        }
    }
}

/// What a link shows is compared with every name.
#[test]
fn a_link_shows_as_many_patterns_as_a_key_may_have() {
    let lab = Lab::new();
    let by_admin = |method: &str, path: &str, body: &Value| {
        ask(&lab.backend, &lab.admin, method, path, &body.to_string())
    };
    let panel = |signals: Vec<String>| json!({"title": "p", "kind": "line", "signals": signals});
    let many = panel((0..99).map(|number| format!("n{number}.*")).collect());
    let more = panel(["a.*", "b.y", "z.*"].map(str::to_owned).to_vec());
    let made = by_admin("POST", "/api/boards", &json!({"title": "many", "panels": [many, more]}));
    assert_eq!(made.status, 201, "{made:?}");
    let refused = by_admin("POST", "/api/shares", &json!({"board": "many", "label": "x"}));
    assert_eq!((refused.status, refused.field()), (422, ("invalid".into(), "board".into())));

    let mut board: Value = by_admin("GET", "/api/boards/one", &json!(null)).json();
    board["panels"] = json!([many, more]);
    assert_eq!(by_admin("PUT", "/api/boards/one", &board).status, 200);
    assert_eq!(by_admin("POST", "/api/telemetry", &json!({"signals": {"z.1": 1}})).status, 200);
    eventually("the link shows the names and the first patterns", || {
        lab.get("/api/signals").json() == json!(["a.x", "b.y"])
    });
    assert_eq!(by_admin("GET", "/api/signals", &json!(null)).json(), json!(["a.x", "b.y", "z.1"]));
    assert!(lab.backend.terminate().success());
}

#[test]
fn a_link_shows_one_board_and_its_signals_and_nothing_else() {
    let lab = Lab::new();
    assert_eq!(lab.get("/api/me").json()["kind"], "share");
    let boards = lab.get("/api/boards").json();
    assert_eq!((boards.as_array().unwrap().len(), &boards[0]["id"]), (1, &json!("one")));
    assert_eq!(lab.get("/api/boards/one").status, 200);
    assert_eq!(lab.get("/api/boards/two").text, lab.get("/api/boards/none").text.replace("none", "two"));
    assert_eq!(lab.get("/api/signals").json(), json!(["a.x"]));
    let samples = lab.get("/api/telemetry?from=0001-01-01&signals=*");
    assert!(samples.text.contains("a.x") && !samples.text.contains("b.y"), "{}", samples.text);

    let document = ask(&lab.backend, &lab.admin, "GET", "/api/openapi.json", "").json();
    let mut open = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()) {
            if path.starts_with("/in/") || OPEN.contains(&(&method, path)) {
                open.insert((method, path.clone()));
                continue;
            }
            let target = path.split('{').next().unwrap().to_owned();
            let target = if path.contains('{') {
                path.replace(&path[target.len()..path.find('}').unwrap() + 1], "one")
            } else {
                target
            };
            let refused =
                ask(&lab.backend, &lab.link, &method, &target, if method == "GET" { "" } else { "{}" });
            assert_eq!(
                (refused.status, &*refused.code()),
                (403, "forbidden"),
                "{method} {path}: {refused:?}"
            );
        }
    }
    assert_eq!(open.len(), OPEN.len() + 2, "each is an operation");

    // Its signals are those that are on the board.
    let mut board: Value = ask(&lab.backend, &lab.admin, "GET", "/api/boards/one", "").json();
    board["panels"][0]["signals"] = json!(["b.*"]);
    assert_eq!(ask(&lab.backend, &lab.admin, "PUT", "/api/boards/one", &board.to_string()).status, 200);
    eventually("the link shows what is on the board now", || {
        lab.get("/api/signals").json() == json!(["b.y"])
    });
    assert_eq!(ask(&lab.backend, &lab.admin, "DELETE", "/api/boards/one", "").status, 204);
    eventually("nothing is left of it", || lab.get("/api/signals").json() == json!([]));
    assert!(lab.backend.terminate().success());
}

#[test]
fn a_link_opens_with_a_cookie_and_is_gone_at_once_when_it_is_revoked() {
    let lab = Lab::new();
    let body = json!({ "token": lab.link }).to_string();
    let origin = lab.backend.url("");
    let mut opened = crate::harness::client()
        .post(lab.backend.url("/api/shares/open"))
        .header("Origin", &origin)
        .header("Content-Type", "application/json")
        .send(&body)
        .unwrap();
    assert_eq!(opened.status(), 200);
    let set = opened.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    assert!(opened.body_mut().read_to_string().unwrap().contains(r#""board":"one""#));
    let cookie = set.split(';').next().unwrap();
    let by_cookie = |path: &str| lab.backend.send_with("GET", path, "", &[("Cookie", cookie)]);
    assert_eq!(by_cookie("/api/boards/one").status, 200);
    assert_eq!(by_cookie("/api/members").status, 403);
    // A session that is over does not stand in its way.
    let both = format!("ag=0123; {cookie}");
    assert_eq!(lab.backend.send_with("GET", "/api/boards/one", "", &[("Cookie", &both)]).status, 200);
    let wrong = lab.backend.send("POST", "/api/shares/open", &json!({ "token": lab.admin }).to_string());
    assert_eq!(wrong.status, 401, "no other key is a link");

    let mut sockets: Vec<_> = (0..3)
        .map(|_| socket(&lab.backend, "afterglow.v1", &[("Cookie", cookie), ("Origin", &origin)]).unwrap())
        .collect();
    let shares = ask(&lab.backend, &lab.admin, "GET", "/api/shares", "");
    assert!(!shares.text.contains(&lab.link[21..]), "the secret is shown once");
    assert_eq!(shares.json()[0]["label"], "neighbours");
    assert_eq!(ask(&lab.backend, &lab.admin, "GET", "/api/keys", "").json().as_array().unwrap().len(), 1);
    let share = format!("/api/shares/{}", id(&lab.link));
    assert_eq!(
        ask(&lab.backend, &lab.admin, "DELETE", &format!("/api/shares/{}", id(&lab.admin)), "").status,
        404
    );
    assert_eq!(ask(&lab.backend, &lab.admin, "DELETE", &share, "").status, 204);
    assert_eq!([by_cookie("/api/boards/one").status, lab.get("/api/boards").status], [401, 401]);
    for socket in &mut sockets {
        assert_eq!(close_code(socket), 4401);
    }
    for (body, field) in [
        (json!({"board": "one", "expires": "2001-01-01T00:00:00Z"}), "expires"),
        (json!({"board": "One"}), "board"),
    ] {
        let refused = ask(&lab.backend, &lab.admin, "POST", "/api/shares", &body.to_string());
        assert_eq!(refused.field(), ("invalid".to_owned(), field.to_owned()), "{refused:?}");
    }
    assert_eq!(ask(&lab.backend, &lab.admin, "POST", "/api/shares", r#"{"board":"none"}"#).status, 404);
    assert!(lab.backend.terminate().success());
}

#[test]
fn a_ticket_opens_one_live_connection_which_ends_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let database: &Path = &folder.path().join("a.db");
    let [reader, writer, admin] = ["read", "write", "admin"].map(|scope| key(database, &["--scopes", scope]));
    let backend = guarded(database);
    let ticket = || {
        let made = ask(&backend, &reader, "POST", "/api/tickets", "");
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["ticket"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(&backend, &writer, "POST", "/api/tickets", "").status, 403);
    let offered = format!("afterglow.v1, ag.ticket.{}", ticket());
    let mut opened = socket(&backend, &offered, &[]).unwrap();
    assert_eq!(socket(&backend, &offered, &[]).err(), Some(401), "it was used");
    assert_eq!(socket(&backend, "afterglow.v1, ag.ticket.none", &[]).err(), Some(401));
    let path = format!("/api/stream?ticket={}", ticket());
    let mut events = TcpStream::connect(backend.address()).unwrap();
    events.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(events, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut head = [0; 15];
    events.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert_eq!(backend.get(&path).status, 401, "it was used");
    let elsewhere = format!("/api/signals?ticket={}", ticket());
    assert_eq!(backend.get(&elsewhere).status, 401, "it opens nothing else");
    assert_eq!(ask(&backend, &admin, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 204);
    assert_eq!(close_code(&mut opened), 4401);
    let mut rest = Vec::new();
    events.read_to_end(&mut rest).unwrap();
    assert!(backend.terminate().success());
}

#[test]
fn pages_of_listed_origins_use_the_api_with_a_key_and_no_others_do() {
    const APP: &str = "https://app.example";
    let folder = tempfile::tempdir().unwrap();
    let database: &Path = &folder.path().join("a.db");
    let reader = key(database, &["--scopes", "read"]);
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_CORS_ORIGINS", APP)];
    let backend = Backend::start_with(database, "127.0.0.1:0", &settings);
    let request = |method: &str, path: &str, origin: &str, more: &str| {
        let host = backend.address();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n{more}\r\n"
        );
        backend.raw(head.as_bytes()).to_ascii_lowercase()
    };
    let preflight = request("OPTIONS", "/api/boards/one", APP, "Access-Control-Request-Method: PUT\r\n");
    for expected in [
        "http/1.1 204 ",
        "access-control-allow-origin: https://app.example\r\n",
        "access-control-allow-headers: authorization, ",
        "access-control-max-age: 600\r\n",
        "vary: origin\r\n",
    ] {
        assert!(preflight.contains(expected), "{expected}: {preflight}");
    }
    let methods =
        preflight.lines().find_map(|line| line.strip_prefix("access-control-allow-methods: ")).unwrap();
    assert!(methods.contains("put") && methods.contains("delete") && !methods.contains("post"), "{methods}");
    let bearer =
        format!("Authorization: Bearer {reader}\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n");
    let answer = request("GET", "/api/signals", APP, &bearer);
    assert!(
        answer.starts_with("http/1.1 200 ") && answer.contains("access-control-allow-origin: "),
        "{answer}"
    );
    let refused = request("GET", "/api/signals", APP, "Cookie: ag=0123\r\n");
    assert!(
        refused.starts_with("http/1.1 401 ") && refused.contains("access-control-allow-origin: "),
        "{refused}"
    );
    for answer in [&preflight, &answer, &refused] {
        assert!(!answer.contains("access-control-allow-credentials"), "{answer}");
    }
    for origin in ["https://evil.example", "http://app.example", "https://app.example:444", "null"] {
        let answer = request("GET", "/api/signals", origin, &bearer);
        assert!(answer.starts_with("http/1.1 403 ") && answer.contains("vary: origin"), "{answer}");
        assert!(!answer.contains("access-control-allow"), "{answer}");
    }
    let made = ask(&backend, &reader, "POST", "/api/tickets", "").json();
    let offered = format!("afterglow.v1, ag.ticket.{}", made["ticket"].as_str().unwrap());
    assert_eq!(socket(&backend, &offered, &[("Origin", "https://evil.example")]).err(), Some(403));
    assert!(socket(&backend, &offered, &[("Origin", APP)]).is_ok());
    assert!(backend.terminate().success());
}

#[test]
fn a_link_has_as_many_viewers_as_it_says() {
    let lab = Lab::new();
    let none = ask(&lab.backend, &lab.admin, "POST", "/api/shares", r#"{"board":"one","viewers":0}"#);
    assert_eq!(none.field(), ("invalid".to_owned(), "viewers".to_owned()));
    let made = ask(&lab.backend, &lab.admin, "POST", "/api/shares", r#"{"board":"one","viewers":2}"#).json();
    assert_eq!(made["viewers"], 2);
    let link = made["link"].as_str().unwrap().strip_prefix("/s#").unwrap();
    let bearer = format!("Bearer {link}");
    let open = || socket(&lab.backend, "afterglow.v1", &[("Authorization", &bearer)]);
    let (first, _second) = (open().unwrap(), open().unwrap());
    assert_eq!(open().err(), Some(503));
    // Another link to the same board has places of its own.
    let other = format!("Bearer {}", lab.link);
    assert!(socket(&lab.backend, "afterglow.v1", &[("Authorization", &other)]).is_ok());
    drop(first);
    eventually("a place is free again", || open().is_ok());
}

#[test]
fn a_ticket_opens_one_session_of_socket_io_which_goes_on() {
    let lab = Lab::new();
    let backend = &lab.backend;
    let ticket = || {
        let made = ask(backend, &lab.admin, "POST", "/api/tickets", "");
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["ticket"].as_str().unwrap().to_owned()
    };
    let (own, other) = (ticket(), ticket());
    let path = |ticket: &str, sid: &str| format!("/socket.io/?EIO=4&transport=polling&ticket={ticket}{sid}");
    assert_eq!(backend.get(&path(&own, "&sid=x")).status, 401, "it has opened nothing yet");
    let opened = backend.get(&path(&own, ""));
    assert_eq!(opened.status, 200, "{}", opened.text);
    let open: Value = serde_json::from_str(opened.text.strip_prefix('0').unwrap()).unwrap();
    let sid = format!("&sid={}", open["sid"].as_str().unwrap());
    assert_eq!(backend.get(&path(&own, "")).status, 401, "it opens one session");
    assert_eq!(socket(backend, &format!("afterglow.v1, ag.ticket.{own}"), &[]).err(), Some(401));
    for _ in 0..3 {
        assert_eq!(backend.send("POST", &path(&own, &sid), "40").status, 200);
        let polled = backend.get(&path(&own, &sid));
        assert!(polled.status == 200 && polled.text.contains("40{"), "{}", polled.text);
        assert_eq!(backend.send("POST", &path(&own, &sid), "41").status, 200);
    }
    assert_eq!(backend.get(&path(&other, &sid)).status, 401, "and no other ticket goes on with it");
    assert_eq!(backend.get(&path("none", &sid)).status, 401);
}

#[test]
fn many_links_to_a_board_have_its_signals_once() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let panels: Vec<_> = (0..20)
        .map(|panel| {
            let signals: Vec<_> =
                (0..100).map(|signal| format!("{panel}.{signal}.{}", "x".repeat(230))).collect();
            json!({"title": "p", "signals": signals})
        })
        .collect();
    let board = json!({"id": "large", "title": "Large", "panels": panels}).to_string();
    assert_eq!(backend.send("POST", "/api/boards", &board).status, 201);
    let link = || assert_eq!(backend.send("POST", "/api/shares", r#"{"board":"large"}"#).status, 201);
    (0..5).for_each(|_| link());
    let before = backend.resident();
    (0..40).for_each(|_| link());
    // Each would have more than a megabyte.
    let grown = backend.resident().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes for 40 links");
    backend.close();
}

/// Who may show the page at an address in a frame, as browsers are answered.
fn ancestors(backend: &Backend, address: &str) -> String {
    let head =
        backend.raw(format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    let policies: Vec<_> =
        head.lines().filter_map(|line| line.strip_prefix("content-security-policy: ")).collect();
    assert_eq!(policies.len(), 1, "{head}");
    policies[0].split("frame-ancestors ").nth(1).unwrap().to_owned()
}

#[test]
fn a_link_is_framed_by_the_origins_that_it_names_and_no_others() {
    let lab = Lab::new();
    let make = |body: Value| ask(&lab.backend, &lab.admin, "POST", "/api/shares", &body.to_string());
    let origins = ["https://intranet.example", "http://127.0.0.1:8080"];
    let made = make(json!({"board": "one", "embed_from": origins}));
    assert_eq!(made.status, 201, "{made:?}");
    let (made, link) = (made.json(), made.json()["link"].as_str().unwrap().to_owned());
    let (share, token) = (made["id"].as_str().unwrap(), link.strip_prefix("/s#").unwrap());
    assert_eq!(made["embed_from"], json!(origins));
    assert_eq!(made["frame"], format!("/boards/one?share={share}#{token}"));
    let listed = ask(&lab.backend, &lab.admin, "GET", "/api/shares", "").json();
    let of = |id: &str| listed.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(of(share)["embed_from"], json!(origins));
    assert_eq!(of(id(&lab.link))["embed_from"], Value::Null);

    let named = "'self' https://intranet.example http://127.0.0.1:8080";
    let ancestors = |address: &str| ancestors(&lab.backend, address);
    assert_eq!(ancestors(&format!("/boards/one?share={share}")), named);
    assert_eq!(ancestors(&format!("/boards/one?from=now-1h&share={share}&panel=1")), named);
    // What names no link, another one, or a link in another way.
    let upper = share.to_uppercase();
    let plain = id(&lab.link);
    for other in ["", "x", "0123456789abcdef", "*", plain, &format!("+{share}"), &format!("{share}0"), token]
    {
        assert_eq!(ancestors(&format!("/boards/one?share={other}")), "'self'", "{other}");
    }
    if upper != share {
        assert_eq!(ancestors(&format!("/boards/one?share={upper}")), "'self'");
    }
    // The first one counts, also for the page.
    assert_eq!(ancestors(&format!("/?share={plain}&share={share}")), "'self'");
    for page in ["/boards/one", "/s", "/login", "/members?shares=1"] {
        assert_eq!(ancestors(page), "'self'", "{page}");
    }

    for (refused, at) in [
        (json!(["https://a.example", "*"]), "embed_from[1]"),
        (json!(["https://a.example; script-src *"]), "embed_from[0]"),
        (json!(["https://*.example"]), "embed_from[0]"),
        (json!(["https://a.example/path"]), "embed_from[0]"),
        (json!(["null"]), "embed_from[0]"),
        (json!(vec!["https://a.example"; 17]), "embed_from"),
    ] {
        let answer = make(json!({"board": "one", "embed_from": refused}));
        assert_eq!(
            (answer.status, &answer.json()["error"]["details"]["field"]),
            (422, &json!(at)),
            "{answer:?}"
        );
    }

    // Revoked, nobody frames it.
    assert_eq!(ask(&lab.backend, &lab.admin, "DELETE", &format!("/api/shares/{share}"), "").status, 204);
    assert_eq!(ancestors(&format!("/boards/one?share={share}")), "'self'");
}
