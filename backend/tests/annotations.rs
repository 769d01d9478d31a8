//! Annotations: what happened, found by time and tags, there after every restart, refused by field.

use serde_json::{Value, json};

use crate::boards::HOSTILE;
use crate::harness::Backend;

fn add(backend: &Backend, body: &Value) -> Value {
    let answer = backend.send("POST", "/api/annotations", &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn texts(backend: &Backend, query: &str) -> Vec<String> {
    let answer = backend.get(&format!("/api/annotations{query}")).json();
    let all = answer["annotations"].as_array().unwrap();
    all.iter().map(|annotation| annotation["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn annotations_are_found_by_the_time_they_touch_and_by_their_tags() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    let point = add(&backend, &json!({"from": 1_700_000_010, "text": "point", "tags": ["deploy", "oven"]}));
    let expected =
        json!({"id": 1, "from": "2023-11-14T22:13:30.000000Z", "text": "point", "tags": ["deploy", "oven"]});
    assert_eq!(point, expected);
    add(
        &backend,
        &json!({"from": 1_700_000_000, "to": 1_700_000_020, "text": "range", "tags": ["oven"], "signals": ["host.*"]}),
    );
    add(&backend, &json!({"text": "now"}));
    let check = |query: &str, expected: &[&str]| assert_eq!(texts(&backend, query), expected, "{query}");
    check("", &["range", "point", "now"]);
    check("?from=1700000015&to=1700000018", &["range"]);
    check("?from=1700000010&to=1700000010", &["range", "point"]);
    check("?to=1699999999", &[]);
    check("?from=1700000021", &["now"]);
    check("?tags=oven", &["range", "point"]);
    check("?tags=oven,deploy", &["point"]);
    check("?tags=ov", &[]);
    assert_eq!(backend.get("/api/annotations?from=soon").code(), "bad_parameter");

    backend.kill_nine();
    let backend = Backend::start(&database);
    assert_eq!(texts(&backend, ""), ["range", "point", "now"]);
    assert_eq!(backend.send("DELETE", "/api/annotations/3", "").status, 204);
    assert_eq!(backend.send("DELETE", "/api/annotations/3", "").status, 404);
    assert_eq!(backend.send("DELETE", "/api/annotations/x", "").status, 404);
    assert_eq!(texts(&backend, ""), ["range", "point"]);
    // A number does not come back: a page that has not heard of a deletion cannot delete another.
    assert_eq!(add(&backend, &json!({"text": "later"}))["id"], 4);
    backend.close();
}

#[test]
fn very_many_are_counted_and_the_newest_listed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    Backend::start(&database).close();
    crate::harness::sql(
        &database,
        "INSERT INTO annotation (first_timestamp, last_timestamp, text, tags, signals) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
         SELECT i * 1000000, i * 1000000, 'n' || i, '[]', '[]' FROM n RETURNING 'x' AS value",
    );
    let backend = Backend::start(&database);
    let all = backend.get("/api/annotations").json();
    assert_eq!((all["annotations"].as_array().unwrap().len(), &all["total"]), (1_000, &json!(100_000)));
    assert_eq!(all["annotations"][999]["text"], "n100000");
    let refused = backend.send("POST", "/api/annotations", r#"{"text":"x"}"#);
    assert_eq!((refused.status, refused.code()), (422, "limit_reached".into()));
    backend.close();
}

#[test]
fn hostile_texts_come_back_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    for text in HOSTILE {
        let tag = text.replace(',', " ").chars().take(16).collect::<String>();
        let body = json!({"text": text, "tags": [tag], "signals": [text]});
        let added = add(&backend, &body);
        assert_eq!(
            (&added["text"], &added["tags"], &added["signals"]),
            (&body["text"], &body["tags"], &body["signals"])
        );
    }
    assert_eq!(texts(&backend, ""), HOSTILE);
    backend.close();
}

#[test]
fn what_is_not_allowed_is_refused_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let check = |body: Value, field: &str| {
        let answer = backend.send("POST", "/api/annotations", &body.to_string());
        assert_eq!((answer.status, answer.field()), (422, ("invalid".into(), field.into())), "{body}");
    };
    check(json!({}), "text");
    check(json!({"text": "x".repeat(2_049)}), "text");
    check(json!({"text": "x", "from": "soon"}), "from");
    check(json!({"text": "x", "from": 5, "to": 4}), "to");
    check(json!({"text": "x", "tags": ["a", "b,c"]}), "tags[1]");
    check(json!({"text": "x", "tags": vec!["a"; 21]}), "tags");
    check(json!({"text": "x", "signals": ["\n"]}), "signals[0]");
    check(json!({"text": "x", "id": 5}), "id");
    assert_eq!(backend.get("/api/annotations").json(), json!({"annotations": [], "total": 0}));
    backend.close();
}
