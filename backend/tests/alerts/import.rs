//! Rules of Prometheus become rules that fire.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::Lab;
use crate::receiver::Receiver;

const FILE: &str = r#"
groups:
  - name: ovens
    rules:
      - alert: OvenTooHot
        expr: oven_celsius{room="kitchen"} > 80
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.room }} is at {{ $value }} degrees"}
      - alert: TooManyErrors
        expr: sum(rate(errors_total[5m])) > 1
"#;

fn import(lab: &Lab, text: &str, arguments: &[&str]) -> Output {
    let file = lab.database().with_file_name("rules.yml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args(["rules", "import", "--backend", &lab.backend().url("")]).arg(file).args(arguments);
    command.output().unwrap()
}

#[test]
fn rules_of_prometheus_are_imported_and_fire() {
    let (lab, receiver) = (Lab::new(), Receiver::new());
    lab.ops(&receiver);
    let tried = import(&lab, FILE, &["--dry-run"]);
    assert!(tried.status.success(), "{tried:?}");
    let documents: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(documents["rules"][0]["title"], "OvenTooHot", "{documents}");
    assert_eq!(lab.backend().get("/api/rules").json(), json!([]), "nothing was added");
    let imported = import(&lab, FILE, &[]);
    let said = String::from_utf8(imported.stderr).unwrap();
    assert!(imported.status.success(), "{said}");
    assert!(said.contains("TooManyErrors is left out: `sum` makes one value of many series"), "{said}");
    assert!(said.contains("1 rules were added, 1 are left out"), "{said}");
    let signal = r#"oven_celsius{oven="7",room="kitchen"}"#;
    lab.sample(r#"oven_celsius{oven="8",room="hall"}"#, 90.0);
    lab.sample(signal, 83.5);
    let sent = receiver.wait(1).remove(0).json();
    assert_eq!((&sent["rule"], &sent["signal"]), (&json!("oventoohot"), &json!(signal)), "{sent}");
    assert_eq!(sent["severity"], "critical", "{sent}");
    assert_eq!(sent["text"], format!("{signal} is at 83.5 degrees"), "{sent}");
    // The same again would be another rule of that name.
    let again = import(&lab, FILE, &[]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert_eq!(lab.backend().get("/api/rules").json().as_array().unwrap().len(), 1);
    // More than one request may have.
    let many: Vec<_> =
        (0..501).map(|n| json!({"alert": format!("Many {n}"), "expr": format!("x > {n}")})).collect();
    let imported = import(&lab, &json!({"groups": [{"rules": many}]}).to_string(), &[]);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(lab.backend().get("/api/rules").json().as_array().unwrap().len(), 502);
    // All or none of them, although that takes several requests: the last one's name is taken.
    let many: Vec<_> = (0..600)
        .map(|n| if n < 599 { format!("More {n}") } else { "OvenTooHot".into() })
        .map(|name| json!({"alert": name, "expr": "x > 1"}))
        .collect();
    let refused = import(&lab, &json!({"groups": [{"rules": many}]}).to_string(), &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("the 500 rules that were added before that are deleted again"), "{said}");
    assert_eq!(lab.backend().get("/api/rules").json().as_array().unwrap().len(), 502);
    // A file without any rule that can be expressed, and one whose expression is deeper than a stack.
    for expression in ["sum(oven_celsius) > 1", &"(".repeat(1_000_000)] {
        let rules = json!({"groups": [{"rules": [{"alert": "A", "expr": expression}]}]});
        let refused = import(&lab, &rules.to_string(), &[]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("none of its 1 rules can be added"), "{said}");
    }
}
