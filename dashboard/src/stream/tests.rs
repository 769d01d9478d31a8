use afterglow_wire::Timestamp;
use afterglow_wire::metadata::Metadata;
use afterglow_wire::telemetry::SignalDetails;
use afterglow_wire::v1::{Flags, Position, Writer};

use super::*;
use crate::samples::history::Series;
use crate::time::{HOUR, Span};

const NOW: i64 = 1_795_608_000 * SECOND;

struct Page {
    stream: Stream,
    history: History,
}

fn header(kind: Kind, sequence: u64, covers: u32) -> Header {
    Header { kind, flags: Flags::NONE, covers, position: Position { epoch: 7, sequence }, server_time: NOW }
}

fn samples(header: Header, times: &[i64]) -> Vec<u8> {
    let mut writer = Writer::new(&header);
    if header.kind == Kind::Snapshot {
        writer.request(1);
    }
    let times: Vec<i64> = times.iter().map(|time| NOW + time * SECOND).collect();
    if !times.is_empty() {
        writer.columns(3, &times, &vec![0.5; times.len()]);
    }
    writer.finish()
}

impl Page {
    fn new() -> Self {
        let mut page = Self { stream: Stream::default(), history: History::new(HOUR) };
        assert!(page.stream.want(vec!["*".into()]));
        assert_eq!(page.take(&Writer::new(&header(Kind::Welcome, 5, 0)).finish()), Turn::Welcome);
        page
    }

    /// A page with the last seconds up to commit 5, and a request that was answered.
    fn filled() -> Self {
        let mut page = Self::new();
        page.fill();
        page
    }

    fn fill(&mut self) {
        self.ask(NOW);
        assert_eq!(self.subscribed(Flags::NONE), Turn::Afresh);
        self.name();
        self.take(&samples(header(Kind::Snapshot, 0, 0), &[-3, -2]));
        let last = Header { flags: Flags::LAST, ..header(Kind::Snapshot, 5, 0) };
        assert_eq!(self.take(&samples(last, &[-1])), Turn::Live);
    }

    fn ask(&mut self, now: i64) -> Subscribe {
        let Request::Subscribe(subscribe) = self.stream.request(now);
        assert_eq!(subscribe.check(), Ok(()));
        subscribe
    }

    fn take(&mut self, bytes: &[u8]) -> Turn {
        self.stream.take(Frame::parse(bytes).unwrap(), &mut self.history).unwrap()
    }

    fn subscribed(&mut self, flags: Flags) -> Turn {
        let mut writer = Writer::new(&Header { flags, ..header(Kind::Subscribed, 0, 0) });
        writer.request(self.stream.request);
        self.take(&writer.finish())
    }

    fn name(&mut self) {
        let mut writer = Writer::new(&header(Kind::Names, 0, 0));
        writer.name(3, "a");
        self.take(&writer.finish());
    }

    /// The seconds of all samples, counted from now.
    fn seconds(&mut self) -> Vec<i64> {
        self.history.advance(NOW);
        let ring = self.history.get("a").unwrap().ring();
        (ring.first()..ring.end()).map(|position| (ring.time(position) - NOW) / SECOND).collect()
    }
}

#[test]
fn the_last_seconds_come_first_then_the_tail() {
    let mut page = Page::filled();
    assert_eq!(page.take(&samples(header(Kind::Tail, 7, 2), &[1])), Turn::Nothing);
    assert_eq!(page.seconds(), [-3, -2, -1, 1]);
    assert_eq!(page.history.since(), Some(NOW - RECENT));
    assert_eq!(page.stream.follower.position(), Some(Position { epoch: 7, sequence: 7 }));
}

#[test]
fn who_was_away_shortly_resumes_and_who_was_away_long_begins_again() {
    let mut page = Page::filled();
    let soon = page.ask(NOW + 10 * SECOND);
    assert_eq!((soon.resume, soon.window), (Some(Position { epoch: 7, sequence: 5 }), Some(5.0)));
    let late = page.ask(NOW + 10 * MINUTE);
    assert_eq!((late.resume, late.window), (None, Some(5.0)));
}

#[test]
fn what_is_older_than_a_stream_that_begins_again_is_fetched_again() {
    let mut page = Page::filled();
    page.stream.connected();
    page.take(&Writer::new(&header(Kind::Welcome, 9, 0)).finish());
    page.ask(NOW);
    assert_eq!(page.subscribed(Flags::NONE), Turn::Afresh);
    page.name();
    let last = Header { flags: Flags::LAST, server_time: NOW + 6 * SECOND, ..header(Kind::Snapshot, 9, 0) };
    let mut writer = Writer::new(&last);
    writer.request(page.stream.request);
    writer.columns(3, &[NOW + 4 * SECOND], &[0.5]);
    assert_eq!(page.take(&writer.finish()), Turn::Live);
    assert_eq!((page.seconds(), page.history.since()), (vec![4], Some(NOW + SECOND)));
}

#[test]
fn what_was_deleted_is_not_kept_by_a_stream_that_begins_again() {
    let mut page = Page::filled();
    // A deletion has a number, and no samples.
    assert_eq!(page.take(&Writer::new(&header(Kind::Heartbeat, 6, 0)).finish()), Turn::Behind);
    page.ask(NOW);
    assert_eq!(page.subscribed(Flags::NONE), Turn::Afresh);
    assert_eq!(page.seconds(), [-3, -2, -1], "shown until the new ones are here");
    page.name();
    let mut writer = Writer::new(&Header { flags: Flags::LAST, ..header(Kind::Snapshot, 6, 0) });
    writer.request(page.stream.request);
    writer.columns(3, &[NOW - 3 * SECOND], &[0.5]);
    assert_eq!(page.take(&writer.finish()), Turn::Live);
    assert_eq!(page.seconds(), [-3]);
    assert_eq!(page.history.get("a").unwrap().latest(), Some((NOW - 3 * SECOND, 0.5)));
}

#[test]
fn what_the_server_names_before_a_stream_begins_outlasts_its_beginning() {
    let newest = |page: &Page, name| page.history.get(name).and_then(Series::latest);
    let mut page = Page::new();
    page.stream.connected();
    page.history.doubt();
    let said = |name: &str, last_value| SignalDetails {
        name: name.into(),
        count: 1,
        first: Timestamp::from_micros(NOW - HOUR),
        last: Timestamp::from_micros(NOW - MINUTE),
        last_value,
        rate: 0.0,
        metadata: Metadata::default(),
    };
    page.history.note_details(&[said("a", 1.0), said("slow", 2.0)], NOW);
    page.fill();
    assert_eq!(newest(&page, "a"), Some((NOW - SECOND, 0.5)));
    assert_eq!(newest(&page, "slow"), Some((NOW - MINUTE, 2.0)), "it sends seldom");

    // It is deleted while the page is away.
    page.stream.connected();
    page.history.doubt();
    page.fill();
    assert_eq!(newest(&page, "slow"), None);
}

#[test]
fn late_samples_are_noted() {
    let mut page = Page::filled();
    let late = |page: &Page| page.history.get("a").unwrap().late();
    page.take(&samples(header(Kind::Tail, 6, 1), &[1]));
    assert_eq!(late(&page), None);
    page.take(&samples(header(Kind::Patch, 7, 1), &[-60, -3]));
    assert_eq!(late(&page), Some((Span { from: NOW - MINUTE, to: NOW - MINUTE + 1 }, NOW)));
    assert_eq!(page.seconds(), [-3, -2, -1, 1]);
}

#[test]
fn a_resumed_page_is_live_once_it_has_what_it_missed() {
    let mut page = Page::filled();
    page.stream.connected();
    page.take(&Writer::new(&header(Kind::Welcome, 9, 0)).finish());
    page.ask(NOW);
    assert_eq!(page.take(&samples(header(Kind::Tail, 10, 1), &[9])), Turn::Nothing, "not answered yet");
    assert_eq!(page.subscribed(Flags::RESUMED), Turn::Nothing);
    assert_eq!(page.take(&samples(header(Kind::Patch, 8, 3), &[1])), Turn::Nothing);
    assert_eq!(page.take(&samples(header(Kind::Patch, 9, 1), &[-2, 2])), Turn::Live);
    assert_eq!(page.seconds(), [-3, -2, -1, 1, 2]);
}

#[test]
fn a_page_that_missed_nothing_is_live_at_once() {
    let mut page = Page::filled();
    page.ask(NOW);
    assert_eq!(page.subscribed(Flags::RESUMED), Turn::Live);
}

#[test]
fn what_was_left_out_is_asked_for_from_before_it() {
    let mut page = Page::filled();
    let conflated = Header { flags: Flags::CONFLATED, ..header(Kind::Patch, 9, 4) };
    assert_eq!(page.take(&samples(conflated, &[4])), Turn::Behind);
    assert_eq!(page.take(&samples(header(Kind::Tail, 10, 1), &[5])), Turn::Nothing);
    assert_eq!(page.seconds(), [-3, -2, -1, 4, 5], "the newest are shown");
    assert_eq!(page.ask(NOW).resume, Some(Position { epoch: 7, sequence: 5 }));
    assert_eq!(page.subscribed(Flags::RESUMED), Turn::Nothing);
    assert_eq!(page.take(&samples(header(Kind::Patch, 10, 5), &[1, 2, 3, 4, 5])), Turn::Live);
    assert_eq!(page.seconds(), [-3, -2, -1, 1, 2, 3, 4, 5]);
}

#[test]
fn a_hole_is_noticed() {
    let mut page = Page::filled();
    assert_eq!(page.take(&samples(header(Kind::Tail, 8, 2), &[1])), Turn::Behind);
    let mut page = Page::filled();
    let mut other = header(Kind::Heartbeat, 5, 0);
    other.position.epoch = 8;
    assert_eq!(page.take(&Writer::new(&other).finish()), Turn::Behind);
}

#[test]
fn refusals_and_changes_are_told() {
    let mut page = Page::filled();
    page.ask(NOW);
    let mut refused = Writer::new(&header(Kind::Refused, 0, 0));
    refused.request(page.stream.request);
    refused.text(r#"{"error":{"code":"store_down","message":"the database does not answer"}}"#);
    assert_eq!(page.take(&refused.finish()), Turn::Refused("the database does not answer".into()));
    let mut changed = Writer::new(&header(Kind::Changed, 5, 0));
    changed.text(r#"{"boards":3,"annotations":1,"metadata":2}"#);
    let revision = Revision { boards: 3, annotations: 1, metadata: 2, ..Revision::default() };
    assert_eq!(page.take(&changed.finish()), Turn::Changed(revision));
}

#[test]
fn a_signal_without_a_name_is_an_error() {
    let mut page = Page::filled();
    let mut writer = Writer::new(&header(Kind::Tail, 6, 1));
    writer.columns(4, &[NOW], &[1.0]);
    let bytes = writer.finish();
    assert!(page.stream.take(Frame::parse(&bytes).unwrap(), &mut page.history).is_err());
}

#[test]
fn only_what_is_shown_is_asked_for() {
    let patterns = |list: &[&str]| list.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
    let mut page = Page::filled();
    assert!(!page.stream.want(patterns(&["press.*"])), "all of them are here");
    let mut stream = Stream::default();
    assert!(stream.wanted().is_empty(), "nothing before the board is known");
    assert!(stream.want(patterns(&["press.*", "oven"])));
    assert!(!stream.want(patterns(&["oven"])), "a panel less");
    let Request::Subscribe(asked) = stream.request(NOW);
    assert_eq!((asked.signals, asked.resume), (patterns(&["press.*", "oven"]), None));
    assert!(stream.want(patterns(&["*", "oven"])));
    assert_eq!(stream.wanted(), ["*"]);
}

#[test]
fn other_signals_begin_the_stream_again() {
    let mut page = Page::new();
    page.stream = Stream::default();
    page.stream.want(vec!["a".into()]);
    page.take(&Writer::new(&header(Kind::Welcome, 5, 0)).finish());
    page.fill();
    assert!(page.ask(NOW).resume.is_some());
    page.stream.want(vec!["b".into()]);
    let asked = page.ask(NOW);
    assert_eq!((asked.resume, asked.signals), (None, vec!["b".to_owned()]));
}
