//! Many wrong logins of one network: nobody elsewhere notices, and little is left of them.

use serde_json::json;

use crate::harness::{Backend, client, sql};
use crate::people::{Browser, PASSWORD, start_with};

const WRONG: usize = 10_000;

/// The status of a login from an address.
fn login(backend: &Backend, agent: &ureq::Agent, from: &str, name: &str, password: &str) -> u16 {
    let body = json!({"name": name, "password": password}).to_string();
    let request = agent.post(backend.url("/api/login")).header("X-Forwarded-For", from);
    let mut answer = request.header("Content-Type", "application/json").send(&body).unwrap();
    answer.body_mut().read_to_string().unwrap();
    answer.status().as_u16()
}

#[test]
fn ten_thousand_wrong_logins_of_a_network_hold_up_nobody_elsewhere_and_leave_little() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1")];
    let (backend, link) = start_with(folder.path(), &settings);
    assert_eq!(Browser::new(&backend).setup(&link, "ada", PASSWORD).0, 200);
    let attack = |from: usize, to: usize| {
        let agent = client();
        for number in from..to {
            // Names that exist, that do not, and that nobody could have, from everywhere in one /64.
            let name = match number % 3 {
                0 => "ada".to_owned(),
                1 => format!("nobody{number}"),
                _ => "x".repeat(200 + number % 50),
            };
            let from = format!("2001:db8::{:x}:{:x}", number / 1_000, number % 1_000);
            let status = login(&backend, &agent, &from, &name, "not the password");
            assert!(matches!(status, 401 | 429), "{status}");
        }
    };
    attack(0, 200);
    let before = backend.resident();
    std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..4)
            .map(|part| {
                scope.spawn(move || {
                    attack(200 + part * (WRONG - 200) / 4, 200 + (part + 1) * (WRONG - 200) / 4);
                })
            })
            .collect();
        let agent = client();
        let mut entered = 0;
        while attackers.iter().any(|attacker| !attacker.is_finished()) {
            assert_eq!(login(&backend, &agent, "203.0.113.9", "ada", PASSWORD), 200, "from elsewhere");
            entered += 1;
        }
        assert!(entered > 0);
    });
    let grown = backend.resident().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes");
    assert!(backend.terminate().success());
    let database = folder.path().join("a.db");
    let refused =
        sql(&database, "SELECT CAST(count(*) AS TEXT) AS value FROM audit WHERE action = 'refused'");
    let refused: u64 = refused[0].parse().unwrap();
    assert!((1..100).contains(&refused), "{refused}");
}
