//! Metadata of signals: shown wherever the signals are, kept across restarts, refused by field.

use serde_json::{Value, json};

use crate::boards::HOSTILE;
use crate::harness::Backend;

fn patch(backend: &Backend, name: &str, body: &Value) -> crate::harness::Answer {
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    backend.send("PATCH", &format!("/api/signals/{encoded}"), &body.to_string())
}

#[test]
fn what_is_said_about_a_signal_stays_until_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    backend.post(r#"{"signals":{"oven":1,"host.cpu":2}}"#);
    let said = json!({"display_name": "Oven", "unit": "°C", "description": "In the\nbasement", "colour": "#c2410c", "expected_period": 0.5});
    assert_eq!(patch(&backend, "oven", &said).json(), said);
    backend.kill_nine();
    let backend = Backend::start(&database);
    assert_eq!(backend.get("/api/signals?metadata=1").json(), json!({"oven": said}));
    let details = backend.get("/api/signals?details=1").json();
    assert_eq!((&details[1]["name"], &details[1]["metadata"]), (&json!("oven"), &said));
    assert_eq!(details[0].get("metadata"), None, "nothing is said about {}", details[0]["name"]);

    let revision = backend.get("/api/revision").json();
    let changed = json!({"unit": "K", "description": null, "colour": ""});
    let expected = json!({"display_name": "Oven", "unit": "K", "expected_period": 0.5});
    assert_eq!(patch(&backend, "oven", &changed).json(), expected);
    assert_ne!(backend.get("/api/revision").json()["metadata"], revision["metadata"]);
    let nothing = json!({"display_name": null, "unit": null, "expected_period": null});
    assert_eq!(patch(&backend, "oven", &nothing).json(), json!({}));
    assert_eq!(backend.get("/api/signals?metadata=1").json(), json!({}));
    assert_eq!(backend.get("/api/signals").json(), json!(["host.cpu", "oven"]));
    backend.close();
}

#[test]
fn signals_of_any_name_can_be_described_and_unknown_ones_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let longest = "\u{1f469}".repeat(64);
    let names = HOSTILE.into_iter().chain([&*longest, "a/b//c", "/", "%41", "a+b c", "metadata"]);
    for (round, name) in names.enumerate() {
        // Texts may have marks of direction, names may not.
        let name = &*name.replace(['\u{202e}', '\u{202c}'], "");
        assert_eq!(backend.post(&json!({"signals": {name: 1}}).to_string()).status, 200);
        let said = json!({"display_name": name, "description": round.to_string()});
        let answer = patch(&backend, name, &said);
        assert_eq!((answer.status, &answer.json()), (200, &said), "{name}");
        assert_eq!(backend.get("/api/signals?metadata=1").json()[name], said);
    }
    let unknown = patch(&backend, "unknown", &json!({"unit": "K"}));
    assert_eq!((unknown.status, unknown.code()), (404, "not_found".into()));
    assert_eq!(backend.send("GET", "/api/signals/metadata", "").status, 405);
    backend.close();
}

#[test]
fn what_is_not_allowed_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    backend.post(r#"{"signals":{"a":1}}"#);
    let check = |body: Value, field: &str| {
        let answer = patch(&backend, "a", &body);
        assert_eq!((answer.status, answer.field()), (422, ("invalid".into(), field.into())), "{body}");
    };
    check(json!({"unit": "x".repeat(33)}), "unit");
    check(json!({"unit": 5}), "unit");
    check(json!({"units": "K"}), "units");
    check(json!({"display_name": "a\tb"}), "display_name");
    check(json!({"description": "x".repeat(2_049)}), "description");
    check(json!({"colour": "red"}), "colour");
    check(json!({"expected_period": 0}), "expected_period");
    check(json!({"expected_period": "1 s"}), "expected_period");
    assert_eq!(backend.get("/api/signals?metadata=1").json(), json!({}));
    backend.close();
}
