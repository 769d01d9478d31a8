//! `kill -9` of a `backup`, or of the backend under it: the original is as it was, and a copy that is not whole is not
//! taken for one.

use std::fs;
use std::process::Stdio;

use super::*;
use crate::tools::{afterglow, run};

/// Who dies, in turns.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    /// The backup, at any moment.
    Backup,
    /// The backup, when its copy is whole and has not its name.
    WholeBackup,
    /// The backend; the backup goes on.
    Backend,
}

const VICTIMS: [Victim; 3] = [Victim::Backup, Victim::WholeBackup, Victim::Backend];

#[test]
fn a_backup_that_dies_harms_nothing_and_is_not_mistaken_for_a_good_one() {
    let rounds = kill_rounds(48);
    for begin in (0..rounds).step_by(ROUNDS_PER_DATABASE) {
        survive(begin..rounds.min(begin + ROUNDS_PER_DATABASE));
    }
}

fn survive(rounds: std::ops::Range<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (database, errors, copy) = (file("a.db"), file("errors"), file("copy.db"));
    // What is written has a random name.
    let partial = || {
        let names = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let partials: Vec<_> = names.filter(|path| path.to_string_lossy().ends_with(".partial")).collect();
        assert!(partials.len() < 2, "the next copy removes what is left: {partials:?}");
        partials.into_iter().next()
    };
    let mut before: Vec<Writer> = Vec::new();
    for round in rounds {
        let victim = VICTIMS[round % VICTIMS.len()];
        let when = format!("round {round}, {victim:?}");
        let backend = start(&database, "", &errors);
        let (url, prefix) = (backend.url(""), format!("r{round}."));
        let mut writers: Vec<Writer> = (0..2).map(|number| Writer::new(&prefix, number)).collect();
        let fault = if victim == Victim::WholeBackup { "crash:backup_copied" } else { "" };
        let until_kill = Duration::from_micros(rand::rng().random_range(1_000..60_000));
        let mut code = None;
        write_until(&url, &mut writers, PACE, || {
            let mut command = afterglow("backup", &database, &["--to", copy.to_str().unwrap()]);
            command.env("AFTERGLOW_FAULT", fault).stdout(Stdio::null()).stderr(Stdio::null());
            let mut backup = command.spawn().unwrap();
            let mut backend = Some(backend);
            if victim != Victim::WholeBackup {
                thread::park_timeout(until_kill);
            }
            match victim {
                Victim::Backup => drop(backup.kill()),
                Victim::WholeBackup => {}
                Victim::Backend => backend.take().unwrap().kill_nine(),
            }
            code = backup.wait().unwrap().code();
            // Only a broken connection ends the writers.
            drop(backend.take());
        });
        match victim {
            Victim::Backup => assert!(matches!(code, None | Some(0)), "{when}: {code:?}"),
            Victim::WholeBackup => assert_eq!(code, None, "{when}: it did not die at its point"),
            Victim::Backend => assert_eq!(code, Some(0), "{when}: a copy needs no server"),
        }
        assert!(code != Some(0) || copy.exists(), "{when}: a copy was promised");
        assert!(victim != Victim::WholeBackup || partial().is_some() && !copy.exists(), "{when}");

        let backend = start(&database, "", &errors);
        check(&backend, &prefix, &mut writers, &when);
        check_counts(&backend, &[before.as_slice(), &writers].concat(), &when);
        backend.kill_nine();
        done("doctor", &database, &[]);
        // What has the name is whole.
        if copy.exists() {
            check_copy(&copy, &before, &writers, &when);
        }
        if let Some(partial) = partial() {
            check_partial(&partial, &when);
        }
        // What is left of a copy that died is in nobody's way.
        let _ = fs::remove_file(&copy);
        before.append(&mut writers);
    }
    done("backup", &database, &["--to", copy.to_str().unwrap()]);
    check_copy(&copy, &before, &[], "in the end");
    let left = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.contains("partial")), "something is left of what died");
}

/// Checks that a copy is whole: everything of those who wrote `before`, and of those who wrote `meanwhile` whole requests
/// from the first on.
fn check_copy(copy: &Path, before: &[Writer], meanwhile: &[Writer], when: &str) {
    done("doctor", copy, &[]);
    let backend = Backend::start(copy);
    let stored = stored(&backend, "");
    for writer in before {
        assert_eq!(last_number(&stored, writer), Ok(writer.acknowledged), "{when}");
    }
    for writer in meanwhile {
        let last = last_number(&stored, writer).unwrap_or_else(|why| panic!("{when}: {why}"));
        assert!(last <= writer.acknowledged, "{when}");
    }
    backend.close();
}

/// Checks that nothing takes what is left of a copy for a database, and that it stays as it is.
fn check_partial(partial: &Path, when: &str) {
    let bytes = fs::read(partial).unwrap();
    for (tool, options) in
        [("doctor", [].as_slice()), ("export", &[]), ("serve", &["--listen", "127.0.0.1:0"])]
    {
        let ended = run(tool, partial, options);
        assert_eq!(ended.code, Some(3), "{when}: {tool}: {}", ended.err);
        assert!(ended.err.contains("make the backup again"), "{when}: {tool}: {}", ended.err);
    }
    assert!(fs::read(partial).unwrap() == bytes, "{when}: it was changed");
}
