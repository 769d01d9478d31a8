//! `cargo xtask docs`: the documents as a site that needs no network: pages of `docs/SUMMARY.md`, the API, and the files they refer to.
//!
//! Every link is followed: a page, a heading or a file that is not there fails the build.

mod api;
mod page;
mod site;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build::packed;
use crate::run::{cargo, command, root, run as run_command, say};
use site::Site;

/// Where the API's page is, as the other documents name it.
const API: &str = "docs/api.md";

#[derive(Args)]
pub(crate) struct Options {
    /// The folder, which is written afresh
    #[arg(long, value_name = "FOLDER", default_value = "dist/docs")]
    to: PathBuf,

    /// Take the API of target/dist/afterglow as it is, without building the server
    #[arg(long)]
    as_built: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut site = Site::read(&root())?;
    site.add(API, api::page(&contract(options.as_built)?)?);
    let found = site.broken();
    if !found.is_empty() {
        bail!("links that lead nowhere:\n{}", found.join("\n"));
    }
    let to = root().join(&options.to);
    if to.exists() {
        fs::remove_dir_all(&to).with_context(|| format!("the old {}", to.display()))?;
    }
    let pages = site.write(&to)?;
    say(&format!("==> {}: {pages} pages", to.join("index.html").display()));
    Ok(())
}

/// The server's OpenAPI document, as `afterglow manual` writes it.
fn contract(as_built: bool) -> Result<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let mut manual = if as_built {
        command(&packed("afterglow").to_string_lossy(), ["manual"], &root())
    } else {
        cargo(["run", "--quiet", "--package=afterglow-backend", "--bin=afterglow", "--", "manual"])
    };
    run_command(manual.arg(folder.path()))?;
    let path = folder.path().join("doc/afterglow/openapi.json");
    let text = fs::read(&path).context("the server wrote no OpenAPI document; it is too old")?;
    Ok(serde_json::from_slice(&text)?)
}

/// A relative link's target as a path from the root, without `..`; none when it leaves the repository.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// All files below `folder`, as paths from `root`.
fn files(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).with_context(|| folder.to_owned())? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            found.extend(files(root, &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_documents_leads_somewhere_and_every_document_is_in_the_summary() {
        let mut site = Site::read(&root()).unwrap();
        // The contract is the server's; here only its page must exist.
        site.add(API, "# API\n".into());
        assert_eq!(site.broken(), Vec::<String>::new());
        for file in files(&root(), "docs").unwrap().iter().filter(|file| file.ends_with(".md")) {
            assert!(site.has(file) || file == "docs/SUMMARY.md", "{file} is not in docs/SUMMARY.md");
        }
        site.add(
            "docs/bad.md",
            "# Bad\n[a](nowhere.md) [b](wire.md#nothing) [c](#bad) [d](../../etc/passwd)\n".into(),
        );
        let found = site.broken();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|link| link.starts_with("docs/bad.md: ")), "{found:?}");
    }

    #[test]
    fn pages_show_what_is_written_and_lead_to_pages() {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Site::read(&root()).unwrap();
        site.add(API, "# API\n".into());
        site.write(folder.path()).unwrap();
        let start = fs::read_to_string(folder.path().join("index.html")).unwrap();
        assert!(start.contains("<h1 id=\"afterglow\">") && start.contains("docs/deploy.html"), "{start}");
        let deploy = fs::read_to_string(folder.path().join("docs/deploy.html")).unwrap();
        assert!(deploy.contains("href=\"../files/deploy/proxy/Caddyfile\""), "{deploy}");
        assert!(folder.path().join("files/deploy/proxy/Caddyfile").exists());
    }

    #[test]
    fn links_are_resolved_from_their_page() {
        assert_eq!(resolve("docs/a.md", "../deploy/x"), Some("deploy/x".into()));
        assert_eq!(resolve("docs/a.md", "b.md"), Some("docs/b.md".into()));
        assert_eq!(resolve("README.md", "../x"), None);
    }
}
