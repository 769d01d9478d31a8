use std::fs::OpenOptions;

use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ROOMY: u64 = 1 << 30;
const ALL: u64 = u64::MAX;

fn batch(number: i64) -> Batch {
    let signals = [("x".to_owned(), 0.5)].into();
    Batch::encode(&[Reading { timestamp: Some(Timestamp::from_micros(number)), signals }]).unwrap()
}

fn open(folder: &TempDir, cap: u64) -> (Spool, Found) {
    Spool::open(folder.path(), cap).unwrap()
}

/// Takes everything out, record by record, as their numbers.
fn drain(spool: &mut Spool) -> Vec<i64> {
    let mut numbers = Vec::new();
    while let Some((batch, mark)) = spool.front(1).unwrap() {
        numbers.extend(numbers_of(&batch));
        spool.acknowledge(mark);
    }
    numbers
}

fn numbers_of(batch: &Batch) -> Vec<i64> {
    let readings: Vec<Reading> = serde_json::from_slice(&batch.body()).unwrap();
    readings.iter().map(|reading| reading.timestamp.unwrap().micros()).collect()
}

fn segment_files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    files
}

#[test]
fn records_come_back_in_order_and_leave_no_file() {
    let folder = TempDir::new().unwrap();
    let (mut spool, found) = open(&folder, ROOMY);
    assert_eq!(found, Found::default());
    for number in 0..5 {
        spool.append(&batch(number)).unwrap();
    }
    assert_eq!(spool.samples(), 5);
    assert_eq!(drain(&mut spool), [0, 1, 2, 3, 4]);
    assert_eq!((spool.is_empty(), spool.samples(), spool.bytes()), (true, 0, 0));
    assert_eq!(segment_files(&folder), [] as [PathBuf; 0]);
}

#[test]
fn small_records_are_read_as_one_batch() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, ROOMY);
    for number in 0..5 {
        spool.append(&batch(number)).unwrap();
    }
    let (first, mark) = spool.front(200).unwrap().unwrap();
    assert_eq!(numbers_of(&first), [0, 1]);
    spool.acknowledge(mark);
    let (rest, mark) = spool.front(ALL).unwrap().unwrap();
    assert_eq!(numbers_of(&rest), [2, 3, 4]);
    spool.acknowledge(mark);
    assert!(spool.is_empty());
}

#[test]
fn a_reopened_spool_has_what_was_not_acknowledged() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, ROOMY);
    for number in 0..3 {
        spool.append(&batch(number)).unwrap();
    }
    drop(spool);
    let (mut spool, found) = open(&folder, ROOMY);
    assert_eq!(found, Found { samples: 3, torn_bytes: 0 });
    spool.append(&batch(3)).unwrap();
    assert_eq!(drain(&mut spool), [0, 1, 2, 3]);
}

#[test]
fn a_folder_has_one_user() {
    let folder = TempDir::new().unwrap();
    let (spool, _) = open(&folder, ROOMY);
    let error = Spool::open(folder.path(), ROOMY).unwrap_err().to_string();
    assert!(error.contains("in use by another producer"), "{error}");
    drop(spool);
    open(&folder, ROOMY);
}

#[test]
fn the_cap_takes_the_oldest() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, 2_048);
    let mut dropped = 0;
    for number in 0..100 {
        spool.append(&batch(number)).unwrap();
        dropped += spool.enforce_cap();
        assert!(spool.bytes() <= 2_048);
    }
    let rest = drain(&mut spool);
    assert!(dropped > 0 && rest.len() > 10, "{dropped} dropped, {} left", rest.len());
    assert_eq!(rest, (i64::try_from(dropped).unwrap()..100).collect::<Vec<_>>());
}

#[test]
fn acknowledging_what_the_cap_took_is_harmless() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, 1_024);
    spool.append(&batch(0)).unwrap();
    let (_, mark) = spool.front(1).unwrap().unwrap();
    for number in 1..50 {
        spool.append(&batch(number)).unwrap();
        spool.enforce_cap();
    }
    let before = spool.samples();
    spool.acknowledge(mark);
    assert_eq!(spool.samples(), before);
    assert_eq!(drain(&mut spool).last(), Some(&49));
}

#[test]
fn the_mark_of_an_append_acknowledges_it_once_it_is_first() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, ROOMY);
    let first = spool.append(&batch(0)).unwrap();
    let second = spool.append(&batch(1)).unwrap();
    spool.acknowledge(second);
    assert_eq!(spool.samples(), 2, "not at the front");
    spool.acknowledge(first);
    spool.acknowledge(second);
    assert!(spool.is_empty());
}

#[test]
fn damage_inside_a_segment_is_found_and_survived() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder, ROOMY);
    for number in 0..3 {
        spool.append(&batch(number)).unwrap();
    }
    let path = segment_files(&folder).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (first, mark) = spool.front(1).unwrap().unwrap();
    assert_eq!(numbers_of(&first), [0]);
    spool.acknowledge(mark);
    let error = spool.front(1).unwrap_err();
    assert!(error.contains("2 samples are lost"), "{error}");
    assert!(spool.is_empty());
    spool.append(&batch(9)).unwrap();
    assert_eq!(drain(&mut spool), [9]);
}

proptest! {
    /// A crash can leave any prefix of the file: whole records come back, the torn one is cut off.
    #[test]
    fn a_torn_tail_costs_only_its_own_record(records in 1_i64..6, cut in 1_u64..1_000) {
        let folder = TempDir::new().unwrap();
        let (mut spool, _) = open(&folder, ROOMY);
        for number in 0..records {
            spool.append(&batch(number)).unwrap();
        }
        drop(spool);
        let path = segment_files(&folder).remove(0);
        let length = fs::metadata(&path).unwrap().len();
        let record = length / u64::try_from(records).unwrap();
        let kept = length.saturating_sub(cut);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(kept).unwrap();

        let (mut spool, found) = open(&folder, ROOMY);
        prop_assert_eq!(found, Found { samples: kept / record, torn_bytes: kept % record });
        let whole = i64::try_from(kept / record).unwrap();
        spool.append(&batch(whole)).unwrap();
        prop_assert_eq!(drain(&mut spool), (0..=whole).collect::<Vec<_>>());
    }

    /// Whatever the order of appending and acknowledging, across reopening, nothing goes missing.
    #[test]
    fn a_model_agrees(steps in prop::collection::vec(0_u8..4, 1..80)) {
        let folder = TempDir::new().unwrap();
        let (mut spool, _) = open(&folder, 1_600);
        let (mut waiting, mut next) = (VecDeque::new(), 0);
        for step in steps {
            match step {
                0 | 1 if waiting.len() < 10 => {
                    spool.append(&batch(next)).unwrap();
                    waiting.push_back(next);
                    next += 1;
                }
                2 => {
                    let front = spool.front(1).unwrap();
                    prop_assert_eq!(front.as_ref().map(|(batch, _)| numbers_of(batch)[0]), waiting.pop_front());
                    if let Some((_, mark)) = front {
                        spool.acknowledge(mark);
                    }
                }
                _ => {}
            }
            prop_assert_eq!(spool.samples(), waiting.len() as u64);
        }
        drop(spool);
        let (mut spool, _) = open(&folder, 1_600);
        let left = drain(&mut spool);
        prop_assert!(left.ends_with(waiting.make_contiguous()), "{:?} lost some of {:?}", left, waiting);
    }
}
