//! The files of `deploy/` and the workflows can be read, name settings that exist, and keep units hardened.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Variables that are no settings of the server.
const OTHER_VARIABLES: [&str; 7] = [
    "AFTERGLOW_BACKEND",
    "AFTERGLOW_CA_FILE",
    "AFTERGLOW_CONFIG",
    "AFTERGLOW_KEY",
    "AFTERGLOW_LOG",
    "AFTERGLOW_PRODUCER_CONFIG",
    "AFTERGLOW_SPOOL",
];

/// The highest exposure of a unit that is allowed, in tenths of `systemd-analyze security`'s scale of 10.
const EXPOSURE: u32 = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

/// The server's settings, as `backend/afterglow.toml` shows them; a test of the backend compares it with the program.
fn settings() -> BTreeSet<String> {
    let text = read(&root().join("backend/afterglow.toml"));
    let keys = text.lines().filter_map(|line| line.trim_start_matches('#').split_once(" = "));
    let keys: BTreeSet<_> = keys.map(|(key, _)| key.trim().to_owned()).collect();
    assert!(keys.contains("listen") && keys.contains("max_size"), "{keys:?}");
    keys
}

/// The variables of ours that `text` names.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let is_other = |c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    text.split(is_other).filter(|word| word.starts_with("AFTERGLOW_") && !word.ends_with('_'))
}

fn is_known(variable: &str, settings: &BTreeSet<String>) -> bool {
    let key = variable.strip_prefix("AFTERGLOW_").unwrap_or(variable).to_ascii_lowercase();
    OTHER_VARIABLES.contains(&variable) || settings.contains(&key)
}

/// The documents of a YAML file.
fn yaml(path: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn settings_that_are_named_exist() {
    let settings = settings();
    let mut seen = 0;
    for path in files(&root().join("deploy")).into_iter().chain([root().join("docs/deploy.md")]) {
        let text = read(&path);
        for name in variables(&text) {
            assert!(is_known(name, &settings), "{} names {name}, which is no setting", path.display());
            seen += 1;
        }
        // What the comments of an example tell to write into the server's file.
        for line in text.lines().filter_map(|line| line.strip_prefix("#   ")) {
            if let Some((key, _)) = line.split_once(" = ") {
                assert!(settings.contains(key), "{} names {key}, which is no setting", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(!is_known("AFTERGLOW_LISTENING", &settings), "an unknown one would be noticed");
}

#[test]
fn variables_of_the_workflows_are_settings_or_explained_in_contributing() {
    let settings = settings();
    let explained = read(&root().join("CONTRIBUTING.md"));
    for path in files(&root().join(".github")) {
        for name in variables(&read(&path)) {
            assert!(explained.contains(name) || is_known(name, &settings), "{} names {name}", path.display());
        }
    }
}

#[test]
fn yaml_can_be_read_and_what_it_refers_to_is_there() {
    let mut seen = 0;
    for path in [root().join("deploy"), root().join(".github")].iter().flat_map(|folder| files(folder)) {
        if !has_extension(&path, &["yaml", "yml"]) {
            continue;
        }
        let here = path.parent().unwrap();
        for document in yaml(&path) {
            assert!(document.is_object(), "{}", path.display());
            let listed = |key: &str| document[key].as_array().cloned().unwrap_or_default();
            if document["kind"] == "Kustomization" {
                let patches = listed("patches").into_iter().map(|patch| patch["path"].clone());
                for name in listed("resources").into_iter().chain(patches) {
                    let name = name.as_str().unwrap().to_owned();
                    assert!(here.join(&name).exists(), "{} refers to {name}", path.display());
                }
            }
            for service in document["services"].as_object().iter().flat_map(|services| services.values()) {
                if let Some(context) = service["build"]["context"].as_str() {
                    let file = here.join(context).join(service["build"]["dockerfile"].as_str().unwrap());
                    assert!(file.exists(), "{} refers to {}", path.display(), file.display());
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
}

/// Seconds of a setting or a limit, such as `4` or `20s`.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())
}

#[test]
fn servers_of_a_cluster_have_time_to_stop() {
    let mut seen = 0;
    let mut check = |path: &Path, delay: u64, limit: &Value| {
        let limit = seconds(limit).unwrap_or_else(|| panic!("{}: no limit", path.display()));
        // The server drains within 9 seconds.
        assert!(delay > 0 && limit > delay + 9, "{}: {delay} s, then 9 s, of {limit} s", path.display());
        seen += 1;
    };
    let compose = root().join("deploy/docker/compose-cluster.yaml");
    let pods = root().join("deploy/kubernetes/cluster/deployment.yaml");
    for service in yaml(&compose)[0]["services"].as_object().unwrap().values() {
        if let Some(delay) = seconds(&service["environment"]["AFTERGLOW_DRAIN_DELAY"]) {
            check(&compose, delay, &service["stop_grace_period"]);
        }
    }
    let pod = &yaml(&pods)[0]["spec"]["template"]["spec"];
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    let delay = variables.iter().find(|variable| variable["name"] == "AFTERGLOW_DRAIN_DELAY").unwrap();
    check(&pods, seconds(&delay["value"]).unwrap(), &pod["terminationGracePeriodSeconds"]);
    assert_eq!(seen, 4, "three services and a pod");
}

#[test]
fn haproxy_leads_to_the_servers_of_the_compose_file() {
    let text = read(&root().join("deploy/proxy/haproxy-cluster.cfg"));
    let named: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server ")?.split_once(' '))
        .map(|(_, rest)| rest.split(' ').next().unwrap().strip_suffix(":5001").unwrap())
        .collect();
    let compose = yaml(&root().join("deploy/docker/compose-cluster.yaml"));
    let services = compose[0]["services"].as_object().unwrap();
    let servers: BTreeSet<_> = services
        .iter()
        .filter(|(_, service)| service["environment"]["AFTERGLOW_DATABASE"].is_string())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!((named.len(), &named), (3, &servers));
    let mounted = services["haproxy"]["volumes"][0].as_str().unwrap().split(':').next().unwrap();
    assert!(root().join("deploy/docker").join(mounted).is_file(), "{mounted}");
}

#[test]
fn actions_are_pinned_by_commit() {
    for path in files(&root().join(".github/workflows")) {
        let text = read(&path);
        for line in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let (_, commit) = line.1.split_once('@').unwrap_or(("", ""));
            let commit = commit.split(' ').next().unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit, "{}: {}", path.display(), line.1);
        }
    }
}

#[test]
fn units_are_read_as_they_are_meant_and_stay_shut() {
    let units: Vec<_> = files(&root().join("deploy/systemd"))
        .into_iter()
        .filter(|path| has_extension(path, &["service", "timer", "conf"]))
        .collect();
    assert!(units.len() >= 3, "{units:?}");
    for path in &units {
        let text = read(path);
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let is_section = line.starts_with('[') && line.ends_with(']');
            let is_setting = line.split_once('=').is_some_and(|(key, _)| {
                !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            assert!(is_section || is_setting, "{}: {line}", path.display());
        }
    }
    for path in units.iter().filter(|path| has_extension(path, &["service"])) {
        let threshold = format!("--threshold={EXPOSURE}");
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager", &threshold])
            .arg(path)
            .output();
        let Ok(judged) = judged else { continue };
        let said = String::from_utf8_lossy(&judged.stderr);
        // Older ones cannot judge a file.
        if said.contains("unrecognized option") {
            continue;
        }
        assert!(judged.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&judged.stdout));
        let own = path.to_string_lossy();
        assert!(!said.lines().any(|line| line.contains(&*own)), "{said}");
    }
}
