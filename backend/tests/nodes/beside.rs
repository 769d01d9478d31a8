//! Other programs that use the same PostgreSQL.

use std::process::{Command, Stdio};

use super::peers::Transaction;
use crate::cluster;
use crate::harness::{Backend, event, eventually};
use crate::postgres::{database, sql};

#[test]
fn a_long_transaction_of_another_program_delays_no_commit_and_no_sealing() {
    if !cluster::is_here() {
        return;
    }
    let (url, _) = (database("shared_cluster"), database("neighbour"));
    let seals = [("AFTERGLOW_SEAL_SAMPLES", "1"), ("AFTERGLOW_LOOK_MILLIS", "20")];
    let nodes: Vec<_> = (0..2).map(|_| Backend::start_with(&url, "127.0.0.1:0", &seals)).collect();
    sql("shared_cluster", "CALL sql_rows('a')");
    let mut viewer = nodes[1].watch();
    eventually("the session has joined", || nodes[1].metric("afterglow_live_sessions") == 1.0);
    // One has written and goes on, which holds up what a vacuum may remove in all databases. The other one holds all that `pg_dump`
    // holds while it reads.
    let writer = Transaction::begin("neighbour", "CREATE TABLE note (id int)");
    let dump = Transaction::begin(
        "shared_cluster",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
         DO $$ DECLARE name regclass; BEGIN \
           FOR name IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace LOOP \
             EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', name); \
           END LOOP; END $$; \
         SELECT count(*) FROM journal",
    );
    for number in 101..=105_i64 {
        // Each in a month of its own, which gets a table for its rows.
        let at = 1_700_000_000_000_000 + (number - 100) * 31 * 86_400 * 1_000_000;
        let answer = nodes[0].post(&format!(r#"{{"timestamp":{at},"signals":{{"a":{number}}}}}"#));
        assert_eq!(answer.status, 200, "{}", answer.text);
        // What is sealed before the other server looks is not sent: it says so, and has it.
        let data = event(&mut viewer)["data"].to_string();
        assert!(data.contains(&number.to_string()) || data.contains("left out here"), "{data}");
        assert!(nodes[1].samples()["a"].iter().any(|(_, value)| *value == number as f64));
        eventually("it is sealed", || sql("shared_cluster", "SELECT count(*) FROM journal") == "0");
    }
    let mut dumping = Command::new(cluster::programs().unwrap().join("pg_dump"))
        .args(["--host", cluster::folder(), "--username", "afterglow", "--dbname", "shared_cluster"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = 105;
    while dumping.try_wait().unwrap().is_none() {
        number += 1;
        assert_eq!(nodes[1].post(&format!(r#"{{"signals":{{"b":{number}}}}}"#)).status, 200);
    }
    assert!(dumping.wait().unwrap().success());
    drop((writer, dump));
    assert_eq!(sql("shared_cluster", "SELECT count(*) FROM sample_row"), "5");
    for node in &nodes {
        let values: Vec<_> = node.samples()["a"].iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [101.0, 102.0, 103.0, 104.0, 105.0]);
    }
    nodes.into_iter().for_each(Backend::close);
}
