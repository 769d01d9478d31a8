use afterglow_rules::{Kind, Transition};

use super::*;
use crate::batch::{Batch, Sample as StoredSample};
use crate::clock::Clock;
use crate::store::alerts::Replayed;
use crate::store::{HEAD_SAMPLES, StoreConfig};

fn open(folder: &tempfile::TempDir) -> Store {
    let config = StoreConfig {
        database: folder.path().join("a.db").into(),
        readers: 1,
        signal_limit: 10,
        read_limit: None,
        head_samples: HEAD_SAMPLES,
    };
    Store::open(&config, Clock::real()).unwrap()
}

/// Commits samples of the signal `s`, of some seconds ago; up to where the journal goes then.
fn commit(store: &Store, samples: &[(i64, f64)]) -> Cursor {
    let now = Clock::real().now().micros();
    let mut batch = Batch::default();
    let signal = store.signals().number(&mut batch, "s").unwrap();
    for (age, value) in samples {
        let timestamp = Timestamp::from_micros(now - age * SECOND);
        batch.push(StoredSample { signal, timestamp, value: *value });
    }
    let sequences = store.commit(vec![batch]).unwrap().sequences;
    Cursor { sequence: sequences.last, at: sequences.at }
}

fn rule() -> Rule {
    serde_json::from_str(
        r#"{"id": "r", "title": "R", "signals": ["s"], "is": "above", "levels": [{"limit": 80}]}"#,
    )
    .unwrap()
}

fn engine(store: &Store) -> Engine {
    let mut engine = Engine::default();
    engine.put(&rule(), 0);
    engine.learn(0, &store.signals().name(SignalId(0)).unwrap(), None);
    engine
}

/// Evaluates what was committed after `cursor`; how often an alert began, and whether one is there at the end.
fn go_on(store: &Store, engine: &mut Engine, cursor: Cursor) -> (usize, bool) {
    let Ok(Replayed::Commits(commits)) = store.replay(cursor.sequence, 100) else { panic!("nothing came") };
    let mut out: Vec<Transition> = Vec::new();
    for commit in commits {
        let samples = commit.samples.iter().map(|sample| Sample {
            signal: sample.signal.0,
            at: sample.timestamp.micros(),
            value: sample.value,
        });
        engine.step(commit.at.micros(), samples, &mut out);
    }
    let fired = out.iter().filter(|transition| transition.kind == Kind::Fired).count();
    (fired, engine.state("r", "s").is_some())
}

/// A process that ends between a commit of old samples and its evaluation evaluates them at its next start, for the first time.
#[test]
fn what_is_still_to_be_evaluated_at_a_start_is_no_past() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let cursor = commit(&store, &[(3_000, 20.0)]);
    commit(&store, &[(2_000, 90.0), (1_900, 20.0)]);
    commit(&store, &[(1_000, 90.0)]);
    let mut engine = engine(&store);
    warm(&store, &mut engine, 1, cursor).unwrap();
    assert_eq!(go_on(&store, &mut engine, cursor), (2, true));
}

/// The same for a new rule; what it does see of the past are the samples before.
#[test]
fn what_is_still_to_be_evaluated_is_no_past_of_a_new_rule() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let cursor = commit(&store, &[(50_000, 90.0)]);
    commit(&store, &[(2_000, 20.0), (1_900, 90.0), (1_800, 20.0), (100, 85.0)]);
    let mut engine = engine(&store);
    replay(&store, &mut engine, 1, (cursor, 600 * SECOND), &[]).unwrap();
    assert!(engine.state("r", "s").is_some(), "it was above the limit long ago, and since");
    assert_eq!(go_on(&store, &mut engine, cursor), (2, true));
}
