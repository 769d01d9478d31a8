//! Alerts on the event stream.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Lab, hot};
use crate::harness::PATIENCE;

/// A client of `/api/stream` that is live.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(lab: &Lab, signals: &str) -> Self {
        let mut stream = TcpStream::connect(lab.backend().address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = lab.backend().address();
        let request = format!("GET /api/stream?signals={signals} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut events = Self(BufReader::new(stream));
        while !events.line().starts_with("id: ") {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line
    }

    /// The next episode.
    fn alert(&mut self) -> Value {
        while self.line().trim_end() != "event: alert" {}
        serde_json::from_str(self.line().strip_prefix("data: ").unwrap()).unwrap()
    }

    /// The next episode in this state: one is sent again when something of it changes.
    fn alert_that(&mut self, state: &str) -> Value {
        loop {
            let alert = self.alert();
            if alert["state"] == state {
                return alert;
            }
        }
    }
}

#[test]
fn a_stream_has_the_alerts_of_its_signals() {
    let lab = Lab::new();
    lab.rule(hot());
    lab.rule(json!({"id": "cold", "title": "Cold", "signals": ["fridge.*"], "is": "above", "levels": [{"limit": 8}]}));
    let (mut ovens, mut all) = (Events::open(&lab, "oven.*"), Events::open(&lab, "*"));
    lab.sample("fridge.1", 9.0);
    assert_eq!(all.alert_that("firing")["scope"], "fridge.1");
    lab.sample("oven.1", 90.0);
    let began = ovens.alert();
    assert_eq!(
        (&began["rule"], &began["scope"], &began["state"]),
        (&json!("hot"), &json!("oven.1"), &json!("firing"))
    );
    lab.sample("oven.1", 20.0);
    let ended = ovens.alert_that("resolved");
    assert_eq!((&ended["id"], &ended["last"]), (&began["id"], &json!(20.0)));
    // What is sent is on the disk.
    let history = lab.backend().get("/api/alerts/history?signals=oven.*").json();
    assert_eq!(history["episodes"][0], ended);
}
