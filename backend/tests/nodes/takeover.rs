//! What a server knows of alerts when it takes over the lead.

use serde_json::json;

use crate::cluster;
use crate::harness::{Backend, eventually};
use crate::postgres::{database, sql};
use crate::receiver::Receiver;

fn post(node: &Backend, path: &str, body: &serde_json::Value) {
    let answer = node.send("POST", path, &body.to_string());
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
}

fn sample(node: &Backend, signal: &str) {
    assert_eq!(node.post(&json!({"signals": {signal: 90}}).to_string()).status, 200);
}

/// The channel is one that is sent acknowledgements, so that it shows what the evaluation knows of them.
#[test]
fn an_acknowledgement_that_is_taken_back_after_a_takeover_is_noticed() {
    if !cluster::is_here() {
        return;
    }
    let url = database("takeover");
    let (leader, other, receiver) = (Backend::start(&url), Backend::start(&url), Receiver::new());
    let events =
        |action: &str| receiver.all().iter().filter(|one| one.json()["event_action"] == action).count();
    let channel =
        json!({"id": "ops", "kind": "pagerduty", "token": "t", "url": receiver.url("/x"), "default": true});
    post(&leader, "/api/channels", &channel);
    let rule =
        json!({"id": "hot", "title": "Hot", "signals": ["a", "b"], "is": "above", "levels": [{"limit": 80}]});
    post(&leader, "/api/rules", &rule);
    sample(&leader, "a");
    eventually("it is sent", || events("trigger") == 1);
    let alerts = |node: &Backend| node.get("/api/alerts").json()["firing"].as_array().unwrap().clone();
    let id = alerts(&leader)[0]["id"].as_str().unwrap().to_owned();
    post(&leader, &format!("/api/alerts/{id}/ack"), &json!({"by": "ann"}));
    eventually("that is sent, too", || events("acknowledge") == 1);
    eventually("all is noted", || leader.get("/api/channels/ops/log").json()["waiting"] == 0);
    leader.kill_nine();
    sample(&other, "b");
    eventually("the other one leads", || alerts(&other).len() == 2);

    // As other servers do, one of which also saves a rule. The alerts of that one show that all this was noticed.
    let ack = sql("takeover", &format!("SELECT ack FROM alert_episode WHERE id = '{id}'"));
    let set = |ack: &str| sql("takeover", &format!("UPDATE alert_episode SET ack = {ack} WHERE id = '{id}'"));
    set("NULL");
    sql(
        "takeover",
        r#"INSERT INTO alert_document (kind, id, version, document, created_at, updated_at)
           SELECT kind, 'late', version, replace(document, '"hot"', '"late"'), created_at, updated_at
           FROM alert_document WHERE kind = 'rule'"#,
    );
    eventually("the rule is noticed", || alerts(&other).len() == 4);
    assert_eq!(events("acknowledge"), 1);
    set(&format!("'{ack}'"));
    eventually("it is new to the evaluation, and sent", || events("acknowledge") == 2);
    other.close();
}
