//! Whatever somebody came in with ends: five hundred sockets with it, at once, and nobody else's.

use serde_json::json;
use tungstenite::client::IntoClientRequest as _;

use crate::harness::{Backend, PATIENCE, Socket, close_code, eventually};
use crate::keys::{ask, id, key, socket};
use crate::people::{Browser, PASSWORD, start, start_with};
use crate::tenants::make_tenant;

/// Of each kind.
const SOCKETS: usize = 100;

fn sockets(backend: &Backend, name: &'static str, value: &str) -> Vec<Socket> {
    let open = |number: usize| {
        let mut request = format!("ws://{}/ws", backend.address()).into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request.headers_mut().insert("Origin", backend.url("").parse().unwrap());
        if number.is_multiple_of(2) {
            request.headers_mut().insert("Sec-WebSocket-Protocol", "afterglow.v1".parse().unwrap());
        }
        let (socket, _) = tungstenite::connect(request).unwrap();
        if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        socket
    };
    (0..SOCKETS).map(open).collect()
}

#[test]
fn five_hundred_sockets_end_with_what_they_came_with_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["acme"]);
    let [operator, reader, writer] =
        ["read,edit,admin,operator", "read", "write"].map(|scopes| key(&database, &["--scopes", scopes]));
    let of_acme = key(&database, &["--tenant", "acme", "--scopes", "read"]);
    // Nobody reads for a while, so nobody answers pings.
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_PING_SECONDS", "600")];
    let (backend, link) = start_with(folder.path(), &settings);
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let board = json!({"id": "b", "title": "b", "panels": [{"title": "p", "signals": ["a"]}]}).to_string();
    assert_eq!(ask(&backend, &operator, "POST", "/api/boards", &board).status, 201);
    let made = ask(&backend, &operator, "POST", "/api/shares", r#"{"board":"b"}"#).json();
    let share = made["link"].as_str().unwrap().strip_prefix("/s#").unwrap().to_owned();
    let invited = ada.ask("POST", "/api/members", r#"{"name":"bob","role":"viewer"}"#).1;
    let [mut bob, mut again] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(bob.setup(invited["link"].as_str().unwrap(), "", PASSWORD).0, 200);
    let login = json!({"name": "bob", "password": PASSWORD}).to_string();
    assert_eq!(again.ask("POST", "/api/login", &login).0, 200);

    let [bob_cookie, again_cookie] =
        [&bob, &again].map(|browser| format!("ag={}", browser.cookie.as_ref().unwrap()));
    let [reader_key, share_key, acme_key] = [&reader, &share, &of_acme].map(|key| format!("Bearer {key}"));
    let mut stays = socket(&backend, &operator, None);
    let mut of_session = sockets(&backend, "Cookie", &bob_cookie);
    let mut of_member = sockets(&backend, "Cookie", &again_cookie);
    let mut of_key = sockets(&backend, "Authorization", &reader_key);
    let mut of_share = sockets(&backend, "Authorization", &share_key);
    let mut of_tenant = sockets(&backend, "Authorization", &acme_key);

    let ended = |what: &str, sockets: &mut Vec<Socket>, header: (&str, &str)| {
        let refused = backend.send_with("GET", "/api/boards", "", &[header]).status;
        assert_eq!(refused, 401, "{what}: a request right after the answer");
        let sample = r#"{"signals":{"a":1}}"#;
        assert_eq!(ask(&backend, &writer, "POST", "/api/telemetry", sample).status, 200);
        for socket in sockets.iter_mut() {
            assert_eq!(close_code(socket), 4401, "{what}");
        }
    };
    assert_eq!(bob.ask("POST", "/api/logout", "").0, 204);
    ended("a session", &mut of_session, ("Cookie", &bob_cookie));
    assert_eq!(again.ask("GET", "/api/me", "").0, 200, "another session of the member goes on");
    assert_eq!(ada.ask("DELETE", "/api/members/bob", "").0, 204);
    ended("a member", &mut of_member, ("Cookie", &again_cookie));
    assert_eq!(ask(&backend, &operator, "DELETE", &format!("/api/keys/{}", id(&reader)), "").status, 204);
    ended("a key", &mut of_key, ("Authorization", &reader_key));
    assert_eq!(ask(&backend, &operator, "DELETE", &format!("/api/shares/{}", id(&share)), "").status, 204);
    ended("a link", &mut of_share, ("Authorization", &share_key));
    assert_eq!(ask(&backend, &operator, "DELETE", "/api/tenants/acme", "").status, 204);
    ended("a tenant", &mut of_tenant, ("Authorization", &acme_key));

    // The other one goes on. It may have got what was stored meanwhile in fewer messages.
    assert_eq!(ask(&backend, &writer, "POST", "/api/telemetry", r#"{"signals":{"a":47.5}}"#).status, 200);
    eventually("the other one hears of a sample", || {
        stays.read().unwrap().into_data().windows(4).any(|window| window == b"47.5")
    });
    eventually("it alone is connected", || {
        let metrics = ask(&backend, &operator, "GET", "/metrics", "").text;
        metrics.lines().any(|line| line == "afterglow_live_sessions 1")
    });
}

/// Vaultwarden, GHSA-569v: a change of the password left what was opened before.
#[test]
fn a_new_password_ends_sockets_and_tickets_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let [mut here, mut there] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(here.setup(&link, "ada", PASSWORD).0, 200);
    let login = json!({"name": "ada", "password": PASSWORD}).to_string();
    assert_eq!(there.ask("POST", "/api/login", &login).0, 200);
    let cookie = format!("ag={}", there.cookie.as_ref().unwrap());
    let mut open = sockets(&backend, "Cookie", &cookie);
    let ticket = there.ask("POST", "/api/tickets", "").1["ticket"].as_str().unwrap().to_owned();
    let new = json!({"old": PASSWORD, "new": "another horse battery"}).to_string();
    assert_eq!(here.ask("POST", "/api/password", &new).0, 204);
    for socket in &mut open {
        assert_eq!(close_code(socket), 4401);
    }
    assert_eq!(backend.get(&format!("/api/stream?ticket={ticket}")).status, 401);
    assert_eq!([here.ask("GET", "/api/me", "").0, there.ask("GET", "/api/me", "").0], [200, 401]);
}
