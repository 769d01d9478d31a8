//! The audit log: what is done is in it, and after a crash both are there or neither.

use std::path::Path;
use std::process::Output;

use diesel::prelude::*;
use serde_json::{Value, json};

use crate::harness::{kill_rounds, sql};
use crate::keys::{afterglow, ask, guarded, id, key};

fn verify(database: &Path) -> Output {
    afterglow(database, &["audit", "verify"])
}

#[test]
fn what_is_done_and_refused_is_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let [admin, editor] = ["admin", "edit"].map(|scope| key(&database, &["--scopes", scope]));
    let backend = guarded(&database);
    assert_eq!(ask(&backend, &editor, "POST", "/api/boards", r#"{"title":"one"}"#).status, 201);
    assert_eq!(ask(&backend, &editor, "DELETE", "/api/boards/none", "").status, 404);
    let log = |query: &str| -> Vec<Value> {
        let answer = ask(&backend, &admin, "GET", &format!("/api/audit{query}"), "");
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let actions = |query: &str| -> Vec<String> {
        log(query).iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["key.create", "key.create", "member.link", "board.create"];
    assert_eq!(actions(""), expected, "the server's link at its start; what was refused changed nothing");
    let entry = &log("?action=board.create")[0];
    assert_eq!((&entry["who"], &entry["object"]), (&json!(format!("key:{}", id(&editor))), &json!("one")));
    assert_eq!(actions("?who=command%20line").len(), 2);
    assert_eq!(actions("?to=2001-01-01").len(), 0);
    assert_eq!(ask(&backend, &admin, "DELETE", "/api/telemetry?signals=a.*", "").status, 200);
    assert_eq!(log("?action=samples.delete")[0]["object"], "a.*");
    assert!(backend.terminate().success());
    let sound = verify(&database);
    assert!(String::from_utf8_lossy(&sound.stdout).contains("5 entries, 1 to 5"), "{sound:?}");
    for (change, expected) in [
        ("UPDATE audit SET who = 'local' WHERE id = 2", "entry 2: it was changed"),
        ("DELETE FROM audit WHERE id = 2", "entry 3: entries before it are missing"),
    ] {
        let mut file = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
        diesel::sql_query(change).execute(&mut file).unwrap();
        let output = verify(&database);
        assert_eq!(output.status.code(), Some(5));
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{output:?}");
    }
}

#[test]
fn a_change_that_a_crash_interrupts_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let admin = key(&database, &["--scopes", "admin"]);
    for round in 0..kill_rounds(3) {
        let writer = key(&database, &["--scopes", "write"]);
        let backend = guarded(&database);
        let (address, bearer) = (backend.address().to_owned(), format!("Bearer {admin}"));
        let path = format!("/api/keys/{}", id(&writer));
        let (began, begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let agent = crate::harness::client();
                // Rotates a key, and revokes the one that was there before, until the server is gone.
                let (mut path, mut done) = (path, 0);
                loop {
                    let url = format!("http://{address}{path}/rotate");
                    let request = agent.post(url).header("Authorization", &bearer);
                    let answer = request.header("Content-Type", "application/json").send(r#"{"grace":"1h"}"#);
                    let Ok(mut answer) = answer else { return };
                    let Ok(text) = answer.body_mut().read_to_string() else { return };
                    let made: Value = serde_json::from_str(&text).unwrap();
                    let revoke = agent.delete(format!("http://{address}{path}"));
                    if revoke.header("Authorization", &bearer).call().is_err() {
                        return;
                    }
                    path = format!("/api/keys/{}", made["id"].as_str().unwrap());
                    done += 1;
                    let _ = began.send(done);
                }
            });
            while begun.recv().unwrap() < 5 + round {}
            backend.kill_nine();
        });
        let output = verify(&database);
        assert!(output.status.success(), "{output:?}");
        // Each key that there is was made, and none that was revoked is.
        let count =
            |what: &str| sql(&database, &format!("SELECT CAST(count(*) AS TEXT) AS value FROM {what}"));
        let made = count("audit WHERE action IN ('key.create', 'key.rotate')")[0].parse::<u64>().unwrap();
        let revoked = count("audit WHERE action = 'key.revoke'")[0].parse::<u64>().unwrap();
        assert_eq!(count("access_key")[0].parse::<u64>().unwrap(), made - revoked);
        let names = "audit JOIN access_key ON access_key.id = audit.object WHERE action = 'key.revoke'";
        assert_eq!(count(names), ["0"]);
    }
}
