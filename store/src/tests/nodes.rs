//! Several processes on one database, each a store of its own here.

use std::collections::BTreeMap;
use std::thread;

use super::schema::Schema;
use super::*;
use crate::people::{Member, PeopleChange};

/// Opens a database once more.
fn node(schema: &Schema) -> Store {
    Store::open(&schema.config(), Clock::manual(NOW)).unwrap()
}

fn nodes<const N: usize>(schema: &Schema) -> [Store; N] {
    std::array::from_fn(|_| node(schema))
}

/// Numbers without an order, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound) as usize
    }
}

/// The numbers of the commits that a store has heard of since the last call; all follow one another.
fn heard(store: &Store) -> Vec<u64> {
    store.sync().unwrap();
    let commits = store.take_news().into_iter().filter_map(|news| match news {
        News::Commit(commit) => {
            assert_eq!(commit.sequences.before + 1, commit.sequences.last);
            Some(commit.sequences.last)
        }
        News::Skipped(_) => None,
    });
    commits.collect()
}

#[test]
fn the_very_next_answer_of_any_node_has_what_another_has_acknowledged() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let nodes: [Store; 3] = nodes(&schema);
    let mut model: BTreeMap<(String, i64), f64> = BTreeMap::new();
    let mut random = Random(11);
    // More by `AFTERGLOW_NODE_ROUNDS`, for a night.
    let rounds = std::env::var("AFTERGLOW_NODE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(60) {
        let writer = &nodes[random.below(3)];
        let count = 1 + random.below(3);
        let samples: Vec<(&str, i64, f64)> = (0..count)
            .map(|_| {
                let signal = ["a", "b", "c", "d"][random.below(4)];
                (signal, random.below(40) as i64, f64::from(round))
            })
            .collect();
        writer.commit([batch(writer, &samples)]).unwrap();
        model.extend(samples.iter().map(|(signal, time, value)| (((*signal).to_owned(), *time), *value)));
        match random.below(20) {
            0 => drop(nodes[0].seal().unwrap()),
            1 => drop(nodes[0].merge().unwrap()),
            _ => {}
        }
        let reader = &nodes[random.below(3)];
        let expected: Vec<_> =
            model.iter().map(|((signal, time), value)| (signal.clone(), *time, *value)).collect();
        assert_eq!(contents(reader), expected, "in round {round}");
        let latest = reader.details().unwrap();
        assert_eq!(latest.len(), reader.signal_names().unwrap().len());
    }
}

#[test]
fn commits_and_new_names_of_several_nodes_have_one_order() {
    const COMMITS: usize = 40;
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let nodes: [Store; 3] = nodes(&schema);
    thread::scope(|scope| {
        for (number, node) in nodes.iter().enumerate() {
            scope.spawn(move || {
                for commit in 0..COMMITS {
                    // Names that all bring at once, and some of its own.
                    let shared = ["a", "b", "c"][commit % 3];
                    let own = ["x", "y", "z"][number];
                    let time = (number * COMMITS + commit) as i64;
                    node.commit([batch(node, &[(shared, time, 1.0), (own, time, 2.0)])]).unwrap();
                }
            });
        }
    });
    let all: Vec<u64> = (1..=3 * COMMITS as u64).collect();
    for node in &nodes {
        assert_eq!(heard(node), all, "each hears of all, in order and once");
        assert_eq!(node.signals().range(0, 9), nodes[0].signals().range(0, 9));
        assert_eq!(contents(node).len(), 6 * COMMITS);
    }
    let reopened = node(&schema);
    assert_eq!(contents(&reopened), contents(&nodes[1]));
}

#[test]
fn a_newer_write_that_another_node_has_sealed_is_not_hidden_by_an_older_one() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [leader, other, third]: [Store; 3] = nodes(&schema);
    for round in 0..8 {
        leader.commit([batch(&leader, &[("a", 1, f64::from(round))])]).unwrap();
        assert_eq!(contents(&third)[0], ("a".into(), 1, f64::from(round)), "its head has it now");
        let newer = f64::from(round) + 0.5;
        other.commit([batch(&other, &[("a", 1, newer), ("a", 2, newer)])]).unwrap();
        leader.sync().unwrap();
        assert_eq!(leader.seal().unwrap(), 1);
        assert_eq!(contents(&third), [("a".into(), 1, newer), ("a".into(), 2, newer)], "round {round}");
        assert_eq!(contents(&other), contents(&third));
        assert_eq!(third.details().unwrap()[0].last_value, newer);
    }
}

#[test]
fn one_node_leads_and_when_it_goes_another_does() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [first, second, third]: [Store; 3] = nodes(&schema);
    assert_eq!([&first, &second, &third].map(|node| node.lead().unwrap()), [true, false, false]);
    second.commit([batch(&second, &[("a", 1, 1.0)])]).unwrap();
    assert_eq!(second.seal().unwrap(), 0, "it leaves that to the first");
    let all = Span { from: Timestamp::MIN, to: Timestamp::MAX };
    let refused = second.delete(&Selector::new(&["a".to_owned()]), all).unwrap_err();
    assert!(matches!(&refused, StoreError::Down(why) if why.contains("another server")), "{refused}");
    drop(first);
    assert!(third.lead().unwrap());
    assert!(!second.lead().unwrap());
    assert_eq!(third.seal().unwrap(), 1);
    assert_eq!(contents(&second), [("a".into(), 1, 1.0)]);
    assert_eq!(third.delete(&Selector::new(&["a".to_owned()]), all).unwrap().samples, 1);
    assert!(contents(&second).is_empty(), "a deletion is seen everywhere");
    assert!(second.take_news().iter().any(|news| matches!(news, News::Skipped(_))));
    second.commit([batch(&second, &[("a", 2, 2.0)])]).unwrap();
    assert_eq!(contents(&third), [("a".into(), 2, 2.0)]);
}

#[test]
fn a_leader_that_was_stopped_for_too_long_changes_nothing_any_more() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [first, second]: [Store; 2] = nodes(&schema);
    first.commit([batch(&first, &[("a", 1, 1.0)])]).unwrap();
    // As if ten seconds had passed.
    schema.execute("UPDATE numbering SET owner_until = '-infinity'");
    assert!(second.lead().unwrap());
    assert!(first.seal().is_err(), "the other one leads");
    assert!(first.is_lost(), "it must begin again");
    assert_eq!(second.seal().unwrap(), 1);
    assert_eq!(contents(&second), [("a".into(), 1, 1.0)]);
    drop(first);
    assert!(second.lead().unwrap(), "who goes takes the lead from nobody");
}

#[test]
fn who_takes_over_leads_before_an_interrupted_deletion_is_completed() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [first, second]: [Store; 2] = nodes(&schema);
    first.commit([batch(&first, &[("a", 1, 1.0), ("b", 1, 1.0)])]).unwrap();
    assert_eq!(first.seal().unwrap(), 2);
    // As if the first one had been killed in the middle of it.
    schema.execute(
        "INSERT INTO deletion (id, signals, first_timestamp, last_timestamp) VALUES (1, '[0]', 0, 9); \
         UPDATE numbering SET owner_until = '-infinity'",
    );
    let begun = |store: &Store| store.engine.tables().reading(|reader| reader.deletion()).unwrap().is_some();
    assert!(second.lead().unwrap() && second.leads());
    assert!(begun(&second), "it leads without waiting for that");
    second.commit([batch(&second, &[("a", 2, 2.0)])]).unwrap();
    second.resume_deletion().unwrap();
    assert!(!begun(&second));
    let left = [("a".into(), 2, 2.0), ("b".into(), 1, 1.0)];
    assert_eq!(contents(&second), left);
    second.resume_deletion().unwrap();
    assert_eq!(second.seal().unwrap(), 1);
    assert_eq!(contents(&second), left, "once");
}

#[test]
fn changes_of_documents_are_counted_for_all_nodes() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [first, second]: [Store; 2] = nodes(&schema);
    second.sync().unwrap();
    let number = |store: &Store, kind: &str| {
        store.revisions().unwrap().into_iter().find(|(name, _)| name == kind).unwrap().1
    };
    let (changes, boards, rules) = (second.changes(), number(&second, "boards"), number(&second, "rules"));
    schema.execute("INSERT INTO board VALUES ('b', 1, 'B', '{}', 0)");
    first.commit([batch(&first, &[("a", 1, 1.0)])]).unwrap();
    second.sync().unwrap();
    assert!(second.changes() > changes);
    assert_eq!((number(&second, "boards"), number(&first, "rules")), (boards + 1, rules));
    schema.execute(
        "INSERT INTO alert_document (kind, id, version, document, created_at, updated_at) VALUES ('rule', 'r', 1, '{}', 0, 0); \
         DELETE FROM alert_document",
    );
    assert_eq!(number(&second, "rules"), rules + 2);
}

#[test]
fn people_do_not_change_by_what_a_node_no_longer_knows_truly() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [a, b] = nodes(&schema);
    let put = PeopleChange::PutMember(Member {
        name: "ada".to_owned(),
        role: "admin".to_owned(),
        password: String::new(),
        totp: None,
        totp_used: 0,
        recovery: Vec::new(),
        created_at: 0,
    });
    let first = a.people().unwrap().revision;
    let second = a.change_people(std::slice::from_ref(&put), first, None).unwrap();
    // Both know the member; the one removes it, the other puts it as it was.
    assert_eq!(b.people().unwrap().revision, second);
    let third = b.change_people(&[PeopleChange::RemoveMember("ada".to_owned())], second, None).unwrap();
    let refused = a.change_people(&[put], second, None);
    assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
    let left = a.people().unwrap();
    assert_eq!((left.members.len(), left.revision), (0, third));
}

#[test]
fn nodes_that_start_at_once_on_an_empty_database_make_one_schema() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let stores = thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| node(&schema))).collect();
        starting.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    stores[3].commit([batch(&stores[3], &[("a", 1, 1.0)])]).unwrap();
    for store in &stores {
        assert_eq!(contents(store), [("a".into(), 1, 1.0)]);
    }
    assert_eq!(stores.iter().filter(|store| store.leads()).count(), 1);
}

/// What another node would bring of the commits that a store has made since the last call.
fn brought(store: &Store) -> Vec<Commit> {
    let commits = store.take_news().into_iter().filter_map(|news| match news {
        News::Commit(commit) => Some(commit),
        News::Skipped(_) => None,
    });
    commits.collect()
}

#[test]
fn what_is_brought_counts_once_all_before_it_is_known() {
    if !cluster::is_here() {
        return;
    }
    let schema = Schema::new();
    let [first, second, third]: [Store; 3] = nodes(&schema);
    first.commit([batch(&first, &[("a", 1, 1.0)])]).unwrap();
    let commit = brought(&first).remove(0);
    assert!(matches!(second.bring(commit.clone()), Brought::Unknown), "the signal is new there");
    second.sync().unwrap();
    assert!(matches!(second.bring(commit), Brought::Known), "it was read");
    for time in 2..6 {
        first.commit([batch(&first, &[("a", time, time as f64)])]).unwrap();
    }
    let all = brought(&first);
    second.take_news();
    assert!(
        matches!(second.bring(all[1].clone()), Brought::Early(commit) if commit.sequences == all[1].sequences)
    );
    assert!(second.take_news().is_empty());
    for commit in &all {
        assert!(matches!(second.bring(commit.clone()), Brought::Taken));
        assert!(matches!(second.bring(commit.clone()), Brought::Known));
    }
    assert_eq!(second.read_elsewhere(), 1, "the others were brought");
    let told: Vec<_> = brought(&second).iter().map(|commit| commit.sequences).collect();
    assert_eq!(told, all.iter().map(|commit| commit.sequences).collect::<Vec<_>>());
    // It goes on from there, and so does who has read everything.
    second.commit([batch(&second, &[("a", 6, 6.0)])]).unwrap();
    let expected: Vec<_> = (1..7).map(|time| ("a".to_owned(), time, time as f64)).collect();
    for store in [&first, &second, &third, &node(&schema)] {
        assert_eq!(contents(store), expected);
    }
    assert!(first.lead().unwrap());
    assert_eq!(first.seal().unwrap(), 1);
    first.commit([batch(&first, &[("a", 7, 7.0)])]).unwrap();
    // What is sealed meanwhile is in the next answer all the same.
    assert!(matches!(second.bring(brought(&first).pop().unwrap()), Brought::Taken));
    assert_eq!(contents(&second).len(), 7);
}

#[test]
fn all_nodes_of_a_database_have_one_key_and_another_database_has_another() {
    if !cluster::is_here() {
        return;
    }
    let (schema, other) = (Schema::new(), Schema::new());
    let [first, second]: [Store; 2] = nodes(&schema);
    let key = first.bus_key().unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(second.bus_key().unwrap(), key);
    assert_ne!(node(&other).bus_key().unwrap(), key);
}
