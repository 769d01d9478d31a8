//! Files that nobody would export: an import of one ends, with samples or with a reason, and finds in texts what a request with the
//! same bytes finds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, panic, thread};

use afterglow_formats::table;
use afterglow_wire::Timestamp;

use super::super::Format;
use super::super::database::TenantDatabase;
use super::super::export::parquet;
use super::{Importer, Options, Source};
use super::{columns, tables};
use crate::config::{Database, SignalLimit};
use crate::decode::{Collector, Decoded, csv, json};
use crate::fuzz;
use crate::signals::Signals;
use crate::store::Location;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn options(path: &Path) -> Options {
    Options {
        database: TenantDatabase {
            server: Database { database: Location::File("none".into()) },
            tenant: None,
        },
        signals: SignalLimit { signal_limit: 1_000 },
        format: None,
        dry_run: true,
        not_before: None,
        columns: tables::Columns::default(),
        source: path.to_owned(),
    }
}

fn collector() -> Collector {
    Collector::new(Signals::empty(1_000), NOW)
}

/// What an import of a file would store; `None` where it is refused as a whole.
fn imported(path: &Path, format: Format) -> Option<Decoded> {
    let source = Source::open(path, format, &options(path)).ok()?;
    let mut importer = Importer::trial(path, &source, format, collector(), NOW).ok()?;
    source.read(&mut importer).ok()?;
    let decoded = importer.collector.take();
    assert!(decoded.batch.samples().iter().all(|sample| sample.value.is_finite()));
    Some(decoded)
}

/// As many inputs as the test's share is, each in a file.
fn each_file(percent: usize, corpus: &[Vec<u8>], mut check: impl FnMut(&Path, &[u8])) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    fuzz::each(percent, corpus, |input| {
        fs::write(&path, input).unwrap();
        check(&path, input);
    });
}

/// Both find the same samples, where either finds some.
fn compare(file: Option<Decoded>, request: Option<Decoded>) {
    let samples = |decoded: &Option<Decoded>| {
        let samples = decoded.as_ref().map_or(&[][..], |decoded| decoded.batch.samples());
        samples.iter().map(|s| (s.signal, s.timestamp, s.value.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(samples(&file), samples(&request));
}

#[test]
fn no_file_of_objects_breaks_an_import() {
    let corpus = [
        "{\"timestamp\":\"2026-01-01T00:00:00.123456+05:30\",\"signals\":{\"a\":1,\"b.c\":-2.5e-3,\"d\\u00e9\":true}}\n",
        "{\"signals\":{\"a\":1}}\r\n\r\n{\"timestamp\":1700000000123,\"signals\":{\"a\":2},\"other\":[{\"deep\":[[]]}]}\n",
        "\u{feff}{\"timestamp\":1,\"signals\":{\"a\":NaN,\"b\":Infinity,\"c\":None,}}\n{\"ts\":5,\"signals\":{\"a\":1}}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into_iter()
    .chain([b"\xff\xfe\n{\"signals\":{\"a\":1}}\n\xef\xbb\xbf{\"signals\":{\"a\":2}}\n".to_vec()])
    .collect::<Vec<_>>();
    each_file(10, &corpus, |path, input| {
        let mut collector = collector();
        let mut times = json::Times::default().required();
        let request = json::decode_with(input, json::Format::NdJson, &mut times, &mut collector);
        compare(imported(path, Format::NdJson), request.is_ok().then(|| collector.take()));
    });
}

#[test]
fn no_table_breaks_an_import() {
    let corpus = [
        "timestamp,signal,value\n2026-01-01T00:00:00Z,a,1\n1700000000,\"b, \"\"c\"\"\",-2.5e-3\n,,\n",
        "\u{feff}\"Zeit\";\"a\";\"b\"\r\n\"2024-10-27 02:15:00\";\"1,5\";\"2\"\r\n\"2024-10-27 02:30:00\";;nan\r\n",
        "#group,false,false,true\n#datatype,string,long,dateTime:RFC3339,double\n,result,table,_time,_value,_field\n,,0,2026-01-01T00:00:00Z,1.5,x\n",
        "Time (ms)\ta\ta\n[s]\t[V]\t\n1700000000000\t1\t2\n1700000001000\t3\n",
        "date|time|x\n31/01/2026|24:00|1\n2026-01-01|12:00:00.5|-\n",
    ]
    .map(|text| text.as_bytes().to_vec());
    each_file(5, &corpus, |path, input| {
        let mut collector = collector();
        let request = csv::decode(input, table::Options::default(), &mut collector);
        compare(imported(path, Format::Csv), request.is_ok().then(|| collector.take()));
    });
}

#[test]
fn no_columns_break_an_import() {
    let corpus: Vec<_> = [1, 3, 1_000]
        .map(|rows| {
            let times: Vec<i64> = (0..rows).map(|row| 1_700_000_000_000_000 + row * 1_000_000).collect();
            let values: Vec<f64> = times.iter().map(|time| (time % 97) as f64 / 8.0).collect();
            parquet(&[("a", &times, &values), ("b.c", &times[..1], &[f64::NAN])]).unwrap()
        })
        .into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    fs::write(&path, &corpus[2]).unwrap();
    assert_eq!(imported(&path, Format::Parquet).unwrap().batch.len(), 1_000, "NaN is refused");
    let others = quiet_panics();
    each_file(5, &corpus, |path, _| read(path));
    // What keeps its length keeps its directory, and gets further.
    let mut inputs = fuzz::Inputs::new(&corpus);
    for _ in 0..fuzz::count(5) {
        let input = inputs.flipped();
        let shown = fuzz::Shown(&input);
        fs::write(&path, &input).unwrap();
        read(&path);
        std::mem::forget(shown);
    }
    assert_eq!(others.load(Ordering::Relaxed), 0, "panics of our own");
}

/// The library panics where a page is damaged; an import says then what [`columns::end_with_reason`] makes of it.
fn read(path: &Path) {
    drop(panic::catch_unwind(|| imported(path, Format::Parquet)));
}

/// Passes over panics of the library for Parquet, and counts the others of the threads that read with it.
fn quiet_panics() -> Arc<AtomicUsize> {
    let (others, usual, reader) = (Arc::<AtomicUsize>::default(), panic::take_hook(), thread::current().id());
    let count = Arc::clone(&others);
    panic::set_hook(Box::new(move |about| {
        let is_mine = thread::current().id() == reader;
        if is_mine && columns::is_of_parquet(about) {
            return;
        }
        usual(about);
        count.fetch_add(usize::from(is_mine), Ordering::Relaxed);
    }));
    others
}
