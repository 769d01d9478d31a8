//! Commands in the documents: those in blocks of `sh` are run, against a server that has just been started, and every option of our
//! programs that is named anywhere exists.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Backend, producer};

/// Fails where the server refuses; a message to a receiver that is not there may be refused.
const CURL: &str = "#!/bin/sh\ncase \"$*\" in */test) exec CURL --silent \"$@\" ;; esac\nexec CURL --silent --show-error --fail-with-body \"$@\"\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents, by name.
fn documents() -> BTreeMap<String, String> {
    let listed = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let clients =
        ["python", "javascript", "c"].map(|name| root().join("clients").join(name).join("README.md"));
    let all = listed.chain(clients).chain([root().join("README.md")]);
    let markdown = all.filter(|path| path.extension().is_some_and(|end| end == "md"));
    markdown.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// The blocks of a document that say `sh`.
fn scripts(document: &str) -> Vec<String> {
    let mut scripts = Vec::new();
    let mut script: Option<String> = None;
    for line in document.lines() {
        match (&mut script, line.trim_end()) {
            (None, "```sh") => script = Some(String::new()),
            (Some(_), "```") => scripts.extend(script.take()),
            (Some(script), line) => *script += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    scripts
}

#[test]
fn scripts_in_the_documents_do_what_they_say() {
    let curl = ["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(curl) = curl else { return eprintln!("curl is not installed: no script is run") };
    let mut ran = 0;
    for (name, document) in documents() {
        let scripts = scripts(&document);
        if scripts.is_empty() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("data")).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let wrapper = folder.path().join("bin/curl");
        fs::write(&wrapper, CURL.replace("CURL", curl)).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let afterglow = Path::new(env!("CARGO_BIN_EXE_afterglow"));
        std::os::unix::fs::symlink(afterglow, folder.path().join("bin/afterglow")).unwrap();
        let backend = Backend::start(&folder.path().join("data/afterglow.db"));
        let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
        for script in scripts {
            let address = backend.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
            let mut script = script.replace("127.0.0.1:5001", &address).replace("localhost:5001", &address);
            // Nothing is sent to the world: a port that nobody listens on.
            script = script.replace("https://hooks.example.org", "http://127.0.0.1:1");
            assert!(!script.contains("example.org"), "{name}: {script}");
            let mut shell = Command::new("sh");
            shell.args(["-eu", "-c", &script]).current_dir(folder.path()).env_clear().env("PATH", &path);
            let done = shell.output().unwrap();
            let said =
                [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
            assert!(done.status.success(), "{name}:\n{script}\n{said}");
            ran += 1;
        }
        backend.close();
    }
    assert!(ran >= 10, "{ran}");
}

/// Commands of our programs in a document's blocks, each in one line.
fn commands(document: &str) -> Vec<Vec<String>> {
    // What is within a fence that says another language is none.
    let (mut found, mut fence) = (Vec::new(), None);
    let joined = document.replace("\\\n", " ");
    for line in joined.lines() {
        if let Some(language) = line.strip_prefix("```") {
            fence = if fence.is_none() { Some(language) } else { None };
            continue;
        }
        let is_shell = fence.map_or(line.starts_with("    "), |language| ["", "sh"].contains(&language));
        if !is_shell {
            continue;
        }
        let line = line.split(" # ").next().unwrap_or_default();
        for part in line.split(['|', '&', ';']) {
            let words: Vec<_> = part.split_whitespace().map(str::to_owned).collect();
            let first = words.iter().position(|word| {
                let name = word.rsplit('/').next().unwrap_or_default();
                name == "afterglow" || name == "afterglow-producer"
            });
            // Other programs may have the name as an argument.
            let begins = |at: usize| words[..at].iter().all(|word| word == "sudo" || word.contains('='));
            if let Some(at) = first.filter(|at| begins(*at)) {
                found.push(words[at..].to_vec());
            }
        }
    }
    found
}

#[test]
fn options_in_the_documents_exist() {
    let mut seen = 0;
    for (name, document) in documents() {
        for words in commands(&document) {
            let is_producer = words[0].ends_with("producer");
            let program = if is_producer { producer() } else { env!("CARGO_BIN_EXE_afterglow").into() };
            let subcommands = words[1..].iter().take_while(|word| !word.starts_with('-') && !is_producer);
            let subcommands: Vec<_> = subcommands
                .take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
                .collect();
            let options = words.iter().filter(|word| word.starts_with("--"));
            let mut help = Command::new(program);
            // `help` fails for a subcommand that does not exist; further words may be arguments.
            let depth = if subcommands
                .first()
                .is_some_and(|word| ["access", "tenant", "rules", "audit"].contains(&word.as_str()))
            {
                3
            } else {
                1
            };
            help.args(subcommands.iter().take(depth)).arg("--help");
            let help = help.output().unwrap();
            assert!(help.status.success(), "{name}: {words:?}");
            let text = String::from_utf8(help.stdout).unwrap();
            for option in options {
                let option = option.split('=').next().unwrap();
                let exists = text.split(|c: char| c.is_whitespace() || c == ',').any(|word| word == option);
                assert!(exists, "{name}: {} has no {option}", words.join(" "));
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen}");
}
