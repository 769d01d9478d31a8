//! Documents name the tests that show what they promise: these exist, and no promise goes without.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What stands in a document's tables.
pub(crate) struct Named {
    /// How many different tests are named.
    pub(crate) count: usize,
    /// What is named and is not there.
    pub(crate) missing: Vec<String>,
    /// Rows whose last cell names no test and has none of the excuses.
    pub(crate) bare: Vec<String>,
}

/// Reads the tables of a document from the line `after` on. The last cell of a row names tests in backquotes, each by its function, by
/// its file and function (`keys::a_test`), as all of a file (`keys::*`), or as a file of `e2e/tests`; or it has one of `excuses`.
pub(crate) fn tests_in(document: &str, after: &str, excuses: &[&str]) -> Named {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(document)).unwrap();
    let (_, text) = text.split_once(after).unwrap_or_else(|| panic!("{document} has no {after:?}"));
    let sources = sources(&root);
    let mut named = Named { count: 0, missing: Vec::new(), bare: Vec::new() };
    let mut all = std::collections::BTreeSet::new();
    let lines: Vec<_> = text.lines().collect();
    let is_head = |place: usize| lines.get(place).is_some_and(|line| line.starts_with("|---"));
    let is_row = |place: &usize| lines[*place].starts_with('|') && !is_head(*place) && !is_head(place + 1);
    for row in (0..lines.len()).filter(is_row).map(|place| lines[place]) {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let tests: Vec<_> = cell.split('`').skip(1).step_by(2).filter(|quoted| is_test(quoted)).collect();
        if tests.is_empty() && !excuses.iter().any(|excuse| cell.contains(excuse)) {
            named.bare.push(row.to_owned());
        }
        for test in tests {
            if !exists(test, &root, &sources) {
                named.missing.push(test.to_owned());
            }
            all.insert(test);
        }
    }
    named.count = all.len();
    named
}

fn is_test(quoted: &str) -> bool {
    let is_name = |c: char| c == '_' || c == ':' || c == '*' || c.is_ascii_lowercase() || c.is_ascii_digit();
    quoted.ends_with(".test.js")
        || (quoted.contains('_') || quoted.contains("::")) && quoted.chars().all(is_name)
}

fn exists(test: &str, root: &Path, sources: &BTreeMap<PathBuf, String>) -> bool {
    if test.ends_with(".js") {
        return root.join("e2e/tests").join(test.trim_start_matches("e2e/tests/")).is_file();
    }
    let has = |source: &String, name: &str| {
        name == "*" && source.contains("#[test]")
            || ['(', '<'].iter().any(|after| source.contains(&format!("fn {name}{after}")))
    };
    match test.rsplit_once("::") {
        Some((file, name)) => {
            let file = root.join("backend/tests").join(file.replace("::", "/")).with_extension("rs");
            sources.get(&file).is_some_and(|source| has(source, name))
        }
        None => sources.values().any(|source| has(source, test)),
    }
}

/// Every file of the crates that have tests.
fn sources(root: &Path) -> BTreeMap<PathBuf, String> {
    let crates = ["backend", "rules", "store", "wire", "xtask", "cli"];
    let mut folders: Vec<_> =
        crates.iter().flat_map(|name| ["src", "tests"].map(|folder| root.join(name).join(folder))).collect();
    let mut sources = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.insert(path, text);
            }
        }
    }
    sources
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("list.md");
    let rows = "x\n## Here\n| what | how |\n|---|---|\n| a | `a_test_that_is_not_there_is_noticed` |\n\
                | b | `named::a_test_that_is_not_there_is_noticed`, `named::*` |\n| c | `named::no_such_test`, `keys::a_test` |\n\
                | d | `no_test_of_this_name_either` |\n| e | nothing |\n| f | review |\n| g | `none.test.js` |\n";
    std::fs::write(&document, rows).unwrap();
    let named = tests_in(document.to_str().unwrap(), "## Here", &["review"]);
    let missing = ["named::no_such_test", "keys::a_test", "no_test_of_this_name_either", "none.test.js"];
    assert_eq!((named.missing, named.bare.len(), named.count), (missing.map(str::to_owned).to_vec(), 1, 7));
}
