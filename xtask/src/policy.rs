//! What dependencies may be: `deny.toml`, judged here for licences, bans and sources.
//!
//! cargo-deny reads the same file, but building it takes minutes on a machine that has nothing yet. Where it is installed, it
//! judges as well, and its database of advisories is asked.

mod licence;

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::run::{cargo, output, root, run};

/// The registry that every dependency comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is read of `deny.toml`; cargo-deny knows more.
#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate that may not be used, as `name` or `name:version requirement`.
#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: VersionReq,
    path: Option<String>,
}

/// Judges every package in `Cargo.lock`, for all platforms and features.
pub(crate) fn check() -> Result<()> {
    let rules = std::fs::read_to_string(root().join("deny.toml")).context("deny.toml")?;
    let packages = output(&mut cargo(["metadata", "--format-version=1", "--locked"]))?;
    let found = judge(&toml::from_str(&rules).context("deny.toml")?, &serde_json::from_str(&packages)?)?;
    if found.is_empty() { Ok(()) } else { bail!("deny.toml does not allow:\n{}", found.join("\n")) }
}

/// Why no advisories can be asked for; none when they can.
pub(crate) fn no_advisories() -> Option<&'static str> {
    let mut version = cargo(["deny", "--version"]);
    if !version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Some("cargo-deny is not installed (cargo install cargo-deny --locked)");
    }
    run(&mut cargo(["deny", "fetch", "db"])).err().map(|_| "the database of advisories cannot be had")
}

/// Has cargo-deny judge everything, with the database that was fetched.
pub(crate) fn advisories() -> Result<()> {
    run(&mut cargo(["deny", "check", "--disable-fetch"]))
}

fn judge(rules: &Rules, metadata: &Metadata) -> Result<Vec<String>> {
    let mut bans: BTreeMap<&str, Vec<(VersionReq, &Ban)>> = BTreeMap::new();
    for ban in &rules.bans.deny {
        let (name, versions) = ban.spec.split_once(':').unwrap_or((&ban.spec, "*"));
        bans.entry(name).or_default().push((versions.parse().context(ban.spec.clone())?, ban));
    }
    let mut found = Vec::new();
    for package in &metadata.packages {
        let named = format!("{} {}", package.name, package.version);
        match &package.license {
            Some(licence) if licence::allows(licence, &rules.licenses.allow) => {}
            licence => found.push(format!("{named}: licence {}", licence.as_deref().unwrap_or("unknown"))),
        }
        let banned = bans.get(&*package.name).into_iter().flatten();
        let banned = banned.filter(|(versions, _)| versions.matches(&package.version));
        found.extend(banned.map(|(_, ban)| format!("{named}: banned: {}", ban.reason)));
        match package.source.as_deref() {
            None => found.extend(wildcards(package).map(|name| format!("{named}: any version of {name}"))),
            Some(REGISTRY) => {}
            Some(source) => found.push(format!("{named}: source {source}")),
        }
    }
    Ok(found)
}

/// Dependencies of a member of the workspace that are not bound to a version; members name each other by path.
fn wildcards(package: &Package) -> impl Iterator<Item = &str> {
    let any = |dependency: &&Dependency| dependency.path.is_none() && dependency.req == VersionReq::STAR;
    package.dependencies.iter().filter(any).map(|dependency| &*dependency.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT"]
        [bans]
        deny = [{ crate = "h2:<0.4", reason = "advisory" }, { crate = "gpl", reason = "GPL" }]
    "#;

    fn package(name: &str, version: &str, more: &str) -> String {
        format!(r#"{{"name":"{name}","version":"{version}","dependencies":[],{more}}}"#)
    }

    fn judged(packages: &[String]) -> Vec<String> {
        let metadata = format!(r#"{{"packages":[{}]}}"#, packages.join(","));
        judge(&toml::from_str(RULES).unwrap(), &serde_json::from_str(&metadata).unwrap()).unwrap()
    }

    #[test]
    fn licences_bans_and_sources_are_judged() {
        let from = |source: &str| format!(r#""license":"MIT","source":"{source}""#);
        let good = from(REGISTRY);
        assert_eq!(judged(&[package("a", "1.0.0", &good), package("h2", "0.4.0", &good)]), [""; 0]);
        let bad = judged(&[
            package("h2", "0.3.26", &good),
            package("gpl", "1.0.0", &good),
            package("b", "1.0.0", r#""license":"GPL-3.0","source":null"#),
            package("c", "1.0.0", r#""license":null,"source":null"#),
            package("d", "1.0.0", &from("git+https://example.org/d")),
            r#"{"name":"e","version":"1.0.0","license":"MIT","source":null,"dependencies":[
                {"name":"x","req":"*","path":null},{"name":"y","req":"*","path":"/y"},{"name":"z","req":"^1","path":null}]}"#
                .to_owned(),
        ]);
        assert_eq!(
            bad,
            [
                "h2 0.3.26: banned: advisory",
                "gpl 1.0.0: banned: GPL",
                "b 1.0.0: licence GPL-3.0",
                "c 1.0.0: licence unknown",
                "d 1.0.0: source git+https://example.org/d",
                "e 1.0.0: any version of x",
            ]
        );
    }

    #[test]
    fn what_is_locked_is_allowed() {
        check().unwrap();
    }
}
