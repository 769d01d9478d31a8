//! What every database must do with rules, channels, the fold of the journal, and the outbox.

use std::sync::mpsc;

use afterglow_wire::alert::{Ack, Episode, EpisodeState, Event, Message, Notice};
use afterglow_wire::channel::{Channel, Delivery, Outcome};
use afterglow_wire::rule::{Rule, Severity};
use afterglow_wire::secret::Place;

use super::*;
use crate::alerts::{Cursor, Fold, Found, NewNotice, Replayed, StateRow};

fn rule(id: &str, title: &str) -> Rule {
    let document =
        format!(r#"{{"id":"{id}","title":"{title}","signals":["a"],"is":"above","levels":[{{"limit":1}}]}}"#);
    serde_json::from_str(&document).unwrap()
}

fn channel(document: &str) -> Channel {
    serde_json::from_str(document).unwrap()
}

fn episode(id: &str, fired_at: i64, resolved_at: Option<i64>) -> Episode {
    let at = Timestamp::from_micros;
    Episode {
        id: id.into(),
        rule: "r".into(),
        rule_version: 1,
        title: "R".into(),
        scope: id.into(),
        severity: Severity::Warning,
        state: if resolved_at.is_some() { EpisodeState::Resolved } else { EpisodeState::Firing },
        pending_at: at(fired_at),
        fired_at: at(fired_at),
        resolved_at: resolved_at.map(at),
        reason: None,
        value: 2.0,
        peak: 2.0,
        last: 2.0,
        limit: 1.0,
        late: false,
        held_by: None,
        notified: vec!["ops".into()],
        notified_at: None,
        usual: None,
        risen: None,
        first_notified_at: None,
        refreshed_at: None,
        repeats: 0,
        escalations: 0,
        held_back: 0,
        labels: std::collections::BTreeMap::new(),
        ack: None,
    }
}

fn notice(id: &str) -> NewNotice {
    let notice = Notice {
        episode: id.into(),
        event: Event::Fire,
        rule: "r".into(),
        title: "R".into(),
        signal: id.into(),
        severity: Severity::Warning,
        state: EpisodeState::Firing,
        value: 2.0,
        limit: 1.0,
        at: NOW,
        since: NOW,
        text: "hot".into(),
        link: None,
        labels: std::collections::BTreeMap::new(),
    };
    NewNotice { key: format!("{id}/fire"), channel: "ops".into(), topic: "r".into(), notice }
}

fn message(id: &str, notices: &[Notice]) -> Message {
    Message {
        id: id.into(),
        channel: "ops".into(),
        topic: "r".into(),
        at: NOW,
        firing: notices.len(),
        resolved: 0,
        alerts: notices.to_vec(),
        more: 0,
        still: 0,
    }
}

fn rules_have_versions_and_one_that_is_the_same_stays<D: Database>() {
    let database = D::new();
    let store = database.open();
    let saved = store.add_saved(rule("", "Too hot!")).unwrap();
    assert_eq!((&*saved.id, saved.version), ("too-hot", 1));
    assert_eq!(store.add_saved(rule("", "Too hot!")).unwrap().id, "too-hot-2");
    let taken = store.add_saved(rule("too-hot", "x")).unwrap_err();
    assert!(matches!(&taken, SaveError::Conflict(current) if current.kind == "rule"), "{taken}");
    assert_eq!(store.replace_saved(saved.clone()).unwrap().version, 1, "it is the same");
    let changed = Rule { title: "Hot".into(), ..saved.clone() };
    assert_eq!(store.replace_saved(changed.clone()).unwrap().version, 2);
    let conflict = store.replace_saved(changed).unwrap_err();
    assert!(matches!(&conflict, SaveError::Conflict(current) if current.version == 2), "{conflict}");
    drop(store);
    let store = database.open();
    let titles: Vec<String> =
        store.saved::<Rule>().unwrap().into_iter().map(|saved| saved.document.title).collect();
    assert_eq!(titles, ["Hot", "Too hot!"]);
    assert!(store.folded().unwrap().cursor.is_some(), "evaluation begins with the first rule");
    let all_or_none = store.add_all_saved(vec![rule("new", "x"), rule("too-hot", "y")]);
    assert!(matches!(all_or_none, Err(SaveError::Conflict(_))));
    assert!(matches!(store.saved_one::<Rule>("new"), Err(SaveError::NotFound(_))));
    store.delete_saved::<Rule>("too-hot").unwrap();
    assert!(matches!(store.delete_saved::<Rule>("too-hot"), Err(SaveError::NotFound(_))));
    assert!(matches!(store.add_saved(rule("b", "")), Err(SaveError::Invalid(_))));
}

fn secrets_stay_until_they_are_replaced_and_are_not_listed<D: Database>() {
    let database = D::new();
    let store = database.open();
    let hook = r#"{"id":"ops","kind":"webhook","url":"https://user@h.example:1/p?q","secret":"one"}"#;
    store.add_channel(channel(hook)).unwrap();
    let listed = store.channels().unwrap().remove(0);
    assert_eq!((&listed.url, &listed.secret), (&None, &None));
    assert_eq!(listed.kept["url"].host.as_deref(), Some("https://h.example:1"));
    let secret = |name: &str| {
        let whole = store.whole_channel("ops").unwrap();
        let found = whole.secrets().into_iter().find(|(other, _)| *other == name).unwrap().1.cloned();
        found.map(|secret| match secret.place() {
            Place::Text(text) => text.to_owned(),
            _ => panic!("another place"),
        })
    };
    let saved = store.replace_channel(Channel { title: "Ops".into(), ..listed.clone() }).unwrap();
    assert_eq!((saved.version, secret("secret").as_deref()), (2, Some("one")));
    assert_eq!(store.replace_channel(saved.clone()).unwrap().version, 2, "it is the same");
    let renewed = channel(r#"{"id":"ops","version":2,"kind":"webhook","title":"Ops","secret":"two"}"#);
    assert_eq!(store.replace_channel(renewed).unwrap().version, 3, "another secret is a change");
    assert_eq!(secret("secret").as_deref(), Some("two"));
    assert_eq!(secret("url").as_deref(), Some("https://user@h.example:1/p?q"));
    // What another kind needs it must bring.
    let other = channel(r#"{"id":"ops","version":3,"kind":"slack"}"#);
    assert!(
        matches!(store.replace_channel(other), Err(SaveError::Invalid(invalid)) if invalid.field == "url")
    );
    store.fold(&Fold { notices: vec![notice("1")], ..Fold::default() }).unwrap();
    store.delete_channel("ops").unwrap();
    assert_eq!(store.busy_channels().unwrap(), [""; 0], "what waited is gone with it");
    store.add_channel(channel(r#"{"id":"ops","kind":"webhook","url":"http://a/"}"#)).unwrap();
    assert_eq!(secret("secret"), None, "so are its secrets");
}

fn a_fold_is_there_after_opening_again_and_may_be_written_twice<D: Database>() {
    let database = D::new();
    let store = database.open();
    let cursor = Some(Cursor { sequence: 7, at: NOW });
    let state = |document: Option<&str>| StateRow {
        rule: "r".into(),
        scope: "1".into(),
        document: document.map(str::to_owned),
    };
    let fold = Fold {
        cursor,
        states: vec![state(Some(r#"{"phase":"pending","pending_at":5}"#))],
        episodes: vec![episode("1", 10, None).into(), episode("2", 20, Some(30)).into()],
        notices: vec![notice("1")],
        ..Fold::default()
    };
    store.fold(&fold).unwrap();
    let ack = Ack { by: "ann".into(), ..Ack::default() };
    assert_eq!(store.acknowledge("1", Some(&ack)).unwrap().ack, Some(ack.clone()));
    store.fold(&fold).unwrap();
    drop(store);
    let store = database.open();
    let folded = store.folded().unwrap();
    assert_eq!((folded.cursor, &folded.states), (cursor, &fold.states));
    assert_eq!(
        folded.open,
        [Episode { ack: Some(ack), ..episode("1", 10, None) }],
        "its acknowledgement stays"
    );
    let (mut open, mut pending) = (Vec::new(), Vec::new());
    let sort = |found| match found {
        Found::Firing(alert) => {
            let is_silenced = alert.standing().map(|standing| standing.is_silenced);
            open.push((is_silenced, alert.read().unwrap().id));
        }
        Found::Pending(alert) => pending.push(alert.since.micros()),
    };
    store.each_alert(sort).unwrap();
    assert_eq!((open, pending), (vec![(Some(false), "1".into())], vec![5]));
    assert_eq!(store.topics("ops").unwrap()[0].waiting, 1, "known keys are not added");
    let history = |from, to| -> Vec<String> {
        store.history(span(from, to), 10).unwrap().episodes.into_iter().map(|episode| episode.id).collect()
    };
    assert_eq!(history(0, 100), ["2", "1"]);
    assert_eq!(history(31, 100), ["1"], "one that has not ended touches all that follows");
    assert_eq!(history(0, 9), [""; 0]);
    store
        .fold(&Fold {
            states: vec![state(None)],
            episodes: vec![episode("1", 10, Some(40)).into()],
            ..Fold::default()
        })
        .unwrap();
    let folded = store.folded().unwrap();
    assert_eq!((folded.states.len(), folded.open.len(), folded.cursor), (0, 0, cursor));
    assert!(matches!(store.acknowledge("3", None), Err(SaveError::NotFound(_))));
    assert_eq!(folded.heard, None);
    store.fold(&Fold { heard: Some(Timestamp::from_micros(45)), ..Fold::default() }).unwrap();
    let folded = store.folded().unwrap();
    assert_eq!((folded.heard, folded.cursor), (Some(Timestamp::from_micros(45)), cursor));
    let fold = |from, to| Fold { unheard: vec![span(from, to)], ..Fold::default() };
    for (from, to) in [(50, 60), (20, 30), (50, 70)] {
        store.fold(&fold(from, to)).unwrap();
    }
    assert_eq!(store.unheard(span(30, 100)).unwrap(), [span(20, 30), span(50, 70)]);
    assert_eq!(store.unheard(span(31, 49)).unwrap(), []);
    assert_eq!(store.expire_episodes(Timestamp::from_micros(35)).unwrap(), 1);
    assert_eq!(store.unheard(span(0, 100)).unwrap(), [span(50, 70)]);
    assert_eq!(history(0, 100), ["1"]);
}

fn documents_are_read_while_lists_take_long<D: Database>() {
    /// As many as there are readers of lists.
    const LISTS: usize = 4;
    let store = &D::new().open();
    store.fold(&Fold { episodes: vec![episode("1", 10, None).into()], ..Fold::default() }).unwrap();
    let (begun, begins) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut held = Vec::new();
        for _ in 0..LISTS {
            let ((release, holds), begun) = (mpsc::channel::<()>(), begun.clone());
            held.push(release);
            scope.spawn(move || {
                let list = store.each_alert(|_| {
                    begun.send(()).unwrap();
                    let _ = holds.recv();
                });
                list.unwrap();
            });
        }
        for _ in 0..LISTS {
            begins.recv().unwrap();
        }
        let read = (store.boards(), store.saved::<Rule>());
        drop(held);
        assert_eq!((read.0.unwrap().len(), read.1.unwrap().len()), (0, 0));
    });
}

fn an_acknowledgement_of_what_has_become_worse_is_gone_with_that_wherever_it_was_set_and_a_later_one_stays<
    D: Database,
>() {
    let database = D::new();
    let store = database.open();
    let seen = |number: i64| Ack { at: Timestamp::from_micros(number), by: "ann".into(), ..Ack::default() };
    let fold = |worse: &[&str]| Fold {
        episodes: vec![episode("1", 10, None).into(), episode("2", 10, None).into()],
        worse: worse.iter().map(|id| (*id).to_owned()).collect(),
        ..Fold::default()
    };
    let stored = || ["1", "2"].map(|id| store.acknowledgement(id).unwrap());
    store.fold(&fold(&[])).unwrap();
    // The one that evaluates has not heard of either.
    store.acknowledge("1", Some(&seen(1))).unwrap();
    store.acknowledge("2", Some(&seen(1))).unwrap();
    store.fold(&fold(&["1"])).unwrap();
    assert_eq!(stored(), [None, Some(seen(1))]);
    store.acknowledge("1", Some(&seen(2))).unwrap();
    store.fold(&fold(&[])).unwrap();
    assert_eq!(stored(), [Some(seen(2)), Some(seen(1))]);
    store.fold(&fold(&["1", "2"])).unwrap();
    drop(store);
    assert!(
        database.open().folded().unwrap().open.iter().all(|episode| episode.ack.is_none()),
        "also after a restart"
    );
}

fn a_message_is_stored_before_it_is_sent_and_gone_when_it_is_taken<D: Database>() {
    let database = D::new();
    let store = database.open();
    let notices = || vec![notice("1"), notice("2"), NewNotice { topic: "other".into(), ..notice("3") }];
    store.fold(&Fold { notices: notices(), ..Fold::default() }).unwrap();
    let topics: Vec<_> =
        store.topics("ops").unwrap().into_iter().map(|topic| (topic.topic, topic.waiting)).collect();
    assert_eq!(topics, [("r".into(), 2), ("other".into(), 1)]);
    store.compose("ops", Some("r"), false, |notices| message("m1", &notices)).unwrap();
    drop(store);
    let store = database.open();
    let stored = store.first_message("ops").unwrap().unwrap();
    assert_eq!((&*stored.message.id, stored.message.firing, stored.attempts), ("m1", 2, 0));
    let attempt = |attempt, outcome| Delivery {
        at: NOW,
        message: "m1".into(),
        what: "x".into(),
        attempt,
        outcome,
        status: None,
        took_millis: 1,
        error: Some("no".into()),
    };
    let later = Timestamp::from_micros(NOW.micros() + 5);
    store.delivered("ops", &attempt(1, Outcome::Retry), Some(later)).unwrap();
    let stored = store.first_message("ops").unwrap().unwrap();
    assert_eq!((stored.attempts, stored.next_at), (1, later));
    // Evaluated again: what is in a message does not wait a second time.
    store.fold(&Fold { notices: notices(), ..Fold::default() }).unwrap();
    assert_eq!(store.topics("ops").unwrap().len(), 1);
    store.delivered("ops", &attempt(2, Outcome::Refused), None).unwrap();
    assert_eq!(store.first_message("ops").unwrap(), None);
    let log = store.deliveries("ops").unwrap();
    assert_eq!((log.deliveries.len(), log.waiting, log.broken.as_deref()), (2, 1, Some("no")));
    store.compose("ops", None, false, |notices| message("m2", &notices)).unwrap();
    assert_eq!(store.first_message("ops").unwrap().unwrap().message.id, "m2");
    for number in 0..60 {
        store.log_delivery("ops", &attempt(number, Outcome::Delivered)).unwrap();
    }
    let log = store.deliveries("ops").unwrap();
    assert_eq!((log.deliveries.len(), log.deliveries[0].attempt, log.broken), (50, 59, None));
}

fn commits_are_replayed_whole_each_with_its_time<D: Database>() {
    let database = D::new();
    let store = database.open();
    let large: Vec<(&str, i64, f64)> = (0..20_000).map(|at| ("a", at, 1.0)).collect();
    store.commit(&[batch(&store, &large)]).unwrap();
    store.commit(&[batch(&store, &[("b", 1, 2.0)])]).unwrap();
    store.commit(&[batch(&store, &[("b", 2, 3.0)])]).unwrap();
    let mut replayed = Vec::new();
    // Few rows at once: a commit of three rows is whole all the same.
    let mut sequence = 0;
    for rows in [3, 4, 2, 2] {
        match store.replay(sequence, rows).unwrap() {
            Replayed::Commits(commits) => {
                sequence = commits.last().unwrap().last;
                replayed
                    .extend(commits.into_iter().map(|commit| (commit.last, commit.samples.len(), commit.at)));
            }
            Replayed::Nothing => break,
            other => panic!("nothing is sealed or deleted: {other:?}"),
        }
    }
    let counts: Vec<_> = replayed.iter().map(|(last, count, _)| (*last, *count)).collect();
    assert_eq!(counts, [(3, 20_000), (4, 1), (5, 1)]);
    assert!(replayed.windows(2).all(|two| two[0].2 != two[1].2), "the clock stands, commits differ");
    store.seal().unwrap();
    assert_eq!(store.replay(0, 9).unwrap(), Replayed::Sealed);
    assert_eq!(store.replay(5, 9).unwrap(), Replayed::Nothing);
    // Two deletions, which have numbers and no rows.
    let all = Query::everything().span;
    for _ in 0..2 {
        store.delete(&Selector::new(&["b".to_owned()]), all).unwrap();
    }
    assert_eq!(store.replay(5, 9).unwrap(), Replayed::Deleted(7));
    assert_eq!(store.replay(7, 9).unwrap(), Replayed::Nothing);
    store.commit(&[batch(&store, &[("b", 3, 4.0)])]).unwrap();
    let Replayed::Commits(commits) = store.replay(7, 9).unwrap() else { panic!("it is in the journal") };
    assert_eq!(commits.iter().map(|commit| commit.last).collect::<Vec<_>>(), [8]);
}

fn many_rules_are_added_at_once<D: Database>() {
    let database = D::new();
    let store = database.open();
    store.add_saved(rule("many-3", "Another")).unwrap();
    // Were all that there are looked at for each, nothing else would be written for minutes.
    let added = store.add_all_saved(vec![rule("", "Many"); 300]).unwrap();
    let ids: Vec<_> = added.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids[..4], ["many", "many-2", "many-4", "many-5"]);
    assert_eq!(store.saved::<Rule>().unwrap().len(), 301);
    let taken = store.add_all_saved(vec![rule("new", "New"), rule("many-7", "Taken")]);
    assert!(matches!(taken, Err(SaveError::Conflict(_))), "{taken:?}");
    assert_eq!(store.saved::<Rule>().unwrap().len(), 301, "all of them or none");
    let pages: Vec<_> = store.saved_behind::<Rule>("many-299".into()).map(|rule| rule.unwrap().id).collect();
    let whole = store.saved::<Rule>().unwrap().into_iter().map(|saved| saved.document.id);
    assert_eq!(pages, whole.filter(|id| **id > *"many-299").collect::<Vec<_>>());
    assert!(pages.len() > 70, "several pages");
}

fn rules_that_are_refused_do_not_wait_for_the_writer<D: Database>() {
    let database = D::new();
    let store = database.open();
    store.add_saved(rule("taken", "Taken")).unwrap();
    let ((is_held, held), (let_go, goes)) = (mpsc::channel(), mpsc::channel());
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let hold = move |_: &mut dyn crate::tables::Rows| {
                is_held.send(()).unwrap();
                Ok::<_, StoreError>(goes.recv_timeout(std::time::Duration::from_secs(20)).is_ok())
            };
            store.engine.tables().writing(hold).unwrap()
        });
        held.recv().unwrap();
        for refused in
            [vec![rule("new", "New"), rule("taken", "Taken")], vec![rule("a", "A"), rule("a", "A")]]
        {
            let refused = store.add_all_saved(refused);
            assert!(matches!(refused, Err(SaveError::Conflict(_) | SaveError::Invalid(_))), "{refused:?}");
        }
        let_go.send(()).unwrap();
        assert!(holder.join().unwrap(), "they waited for the writer");
    });
}

fn the_bytes_of_a_kind_are_limited<D: Database>() {
    let database = D::new();
    let store = database.open();
    let large =
        |title: &str| Rule { signals: (0..100).map(|n| format!("{n:0>256}")).collect(), ..rule("", title) };
    let [mut first, ..] = ["A", "B", "C"].map(|title| store.add_saved(large(title)).unwrap());
    let is_full = |result: Result<Rule, SaveError>| match result {
        Err(error) => assert!(matches!(error, SaveError::BytesReached { bytes: 102_400.., .. }), "{error}"),
        Ok(rule) => panic!("{} was saved", rule.id),
    };
    is_full(store.add_saved(large("D")));
    is_full(store.add_all_saved(vec![large("D")]).map(|mut all| all.remove(0)));
    let Rule { id, version, .. } = store.add_saved(rule("", "D")).unwrap();
    is_full(store.replace_saved(Rule { id, version, ..large("D") }));
    first.signals.truncate(1);
    store.replace_saved(first).unwrap();
    store.add_saved(large("E")).unwrap();
}

suite! {
    documents_are_read_while_lists_take_long,
    many_rules_are_added_at_once,
    rules_that_are_refused_do_not_wait_for_the_writer,
    the_bytes_of_a_kind_are_limited,
    rules_have_versions_and_one_that_is_the_same_stays,
    secrets_stay_until_they_are_replaced_and_are_not_listed,
    a_fold_is_there_after_opening_again_and_may_be_written_twice,
    an_acknowledgement_of_what_has_become_worse_is_gone_with_that_wherever_it_was_set_and_a_later_one_stays,
    a_message_is_stored_before_it_is_sent_and_gone_when_it_is_taken,
    commits_are_replayed_whole_each_with_its_time,
}
