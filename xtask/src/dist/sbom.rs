//! The bill of materials: every package that is compiled into the programs and the page, as CycloneDX 1.5 in JSON.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::run::{cargo, output, root};

/// What is delivered, and for which platform it is compiled; none stands for the machine's own.
const DELIVERED: [(&str, Option<&str>); 3] = [
    ("afterglow-backend", None),
    ("afterglow-producer", None),
    ("afterglow-dashboard", Some("wasm32-unknown-unknown")),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// How one package uses another: absent for use at run time, else `dev` or `build`.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of what is built for `platform`, of the time `modified` in ISO 8601.
pub(super) fn write(platform: &str, modified: &str) -> Result<Vec<u8>> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("Cargo.lock")?;
    let lock: Lock = toml::from_str(&lock).context("Cargo.lock")?;
    let sums: BTreeMap<_, _> = lock
        .package
        .into_iter()
        .filter_map(|package| Some(((package.name, package.version), package.checksum?)))
        .collect();
    let mut bill = Bill::default();
    for (name, special) in DELIVERED {
        let filter = format!("--filter-platform={}", special.unwrap_or(platform));
        let metadata = output(&mut cargo(["metadata", "--format-version=1", "--locked", &filter]))?;
        bill.add(name, &serde_json::from_str(&metadata).context("cargo metadata")?, &sums)?;
    }
    let npm =
        std::fs::read(root().join("dashboard/package-lock.json")).context("dashboard/package-lock.json")?;
    bill.add_npm(&serde_json::from_slice(&npm).context("dashboard/package-lock.json")?);
    let mut text = serde_json::to_vec_pretty(&bill.document(modified))?;
    text.push(b'\n');
    Ok(text)
}

#[derive(Default)]
struct Bill {
    /// By reference.
    components: BTreeMap<String, Value>,
    uses: BTreeMap<String, BTreeSet<String>>,
    delivered: BTreeSet<String>,
}

impl Bill {
    /// Adds a package, and all that it is linked with.
    fn add(
        &mut self,
        name: &str,
        metadata: &Metadata,
        sums: &BTreeMap<(String, String), String>,
    ) -> Result<()> {
        let packages: BTreeMap<_, _> =
            metadata.packages.iter().map(|package| (&*package.id, package)).collect();
        let nodes: BTreeMap<_, _> = metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
        let first = metadata.packages.iter().find(|package| package.name == name && package.source.is_none());
        let first = first.with_context(|| format!("there is no package {name}"))?;
        self.delivered.insert(reference(first));
        let (mut waiting, mut seen) = (vec![&*first.id], BTreeSet::new());
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let (package, node) = (packages.get(id).context("a package")?, nodes.get(id).context("a node")?);
            let linked = node.deps.iter().filter(|edge| edge.dep_kinds.iter().any(|one| one.kind.is_none()));
            let linked: Vec<_> = linked.filter_map(|edge| packages.get(&*edge.pkg)).collect();
            let sum = sums.get(&(package.name.clone(), package.version.clone()));
            self.components.insert(reference(package), component(package, sum));
            let uses = self.uses.entry(reference(package)).or_default();
            uses.extend(linked.iter().map(|package| reference(package)));
            waiting.extend(linked.iter().map(|package| &*package.id));
        }
        Ok(())
    }

    /// Adds what the page takes from npm; tools that only build it are left out.
    fn add_npm(&mut self, lock: &Value) {
        let packages = lock["packages"].as_object().into_iter().flatten();
        for (path, about) in packages {
            let (Some(name), false) = (path.strip_prefix("node_modules/"), about["dev"] == true) else {
                continue;
            };
            let version = about["version"].as_str().unwrap_or_default();
            let reference = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
            let licences = about["license"].as_str().map(|licence| json!([{ "expression": licence }]));
            let component = json!({
                "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference,
                "licenses": licences.unwrap_or_else(|| json!([])),
            });
            self.components.insert(reference, component);
        }
    }

    fn document(&self, modified: &str) -> Value {
        let uses = self.uses.iter().map(|(reference, uses)| json!({ "ref": reference, "dependsOn": uses }));
        let own = format!("pkg:generic/afterglow@{}", env!("CARGO_PKG_VERSION"));
        let whole = json!({ "ref": own, "dependsOn": self.delivered });
        json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": modified,
                "component": {
                    "type": "application", "bom-ref": own, "name": "afterglow", "version": env!("CARGO_PKG_VERSION"),
                    "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
                },
            },
            "components": self.components.values().collect::<Vec<_>>(),
            "dependencies": std::iter::once(whole).chain(uses).collect::<Vec<_>>(),
        })
    }
}

fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

fn component(package: &Package, sum: Option<&String>) -> Value {
    let reference = reference(package);
    let mut component = json!({
        "type": "library", "bom-ref": reference, "name": package.name, "version": package.version, "purl": reference,
    });
    if let Some(licence) = &package.license {
        // An older way to write OR.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(sum) = sum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_once_and_tools_are_not() {
        let package = |name: &str, source: Option<&str>| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "source": source });
        let edge = |to: &str, kind: Option<&str>| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("own", None), package("a", Some("r")), package("b", Some("r")), package("t", Some("r"))],
            "resolve": { "nodes": [
                { "id": "own", "deps": [edge("a", None), edge("b", None), edge("t", Some("dev"))] },
                { "id": "a", "deps": [edge("b", None), edge("t", Some("build"))] },
                { "id": "b", "deps": [] },
                { "id": "t", "deps": [] },
            ] },
        });
        let sums = BTreeMap::from([(("a".into(), "1.0.0".into()), "ab".repeat(32))]);
        let mut bill = Bill::default();
        bill.add("own", &serde_json::from_value(metadata).unwrap(), &sums).unwrap();
        bill.add_npm(&json!({ "packages": {
            "": {}, "node_modules/uplot": { "version": "1.6.32", "license": "MIT" },
            "node_modules/esbuild": { "version": "0.28.2", "dev": true },
        } }));
        let document = bill.document("2026-01-01T00:00:00Z");
        let names: Vec<_> =
            document["components"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["a", "b", "own", "uplot"]);
        assert_eq!(document["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["components"][0]["hashes"][0]["content"], "ab".repeat(32));
        assert_eq!(document["dependencies"][0]["dependsOn"], json!(["pkg:cargo/own@1.0.0"]));
        assert_eq!(
            document["dependencies"][3]["dependsOn"],
            json!(["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0"])
        );
    }
}
