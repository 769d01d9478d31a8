//! All pages, how they are listed, and where their links lead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::page::Page;
use super::{files, resolve};

/// The list of pages, in the form that mdBook reads too.
const SUMMARY: &str = "docs/SUMMARY.md";
const STYLE: &str = include_str!("style.css");

/// The pages by their path from the root.
pub(super) struct Site {
    root: PathBuf,
    summary: Page,
    pages: BTreeMap<String, Page>,
}

/// Where a link leads.
enum Target {
    /// Out of the site: nobody follows it here.
    Web,
    Page(String, Option<String>),
    /// A file or a folder of the repository.
    File(String),
    Nowhere,
}

impl Site {
    /// Reads the pages that the summary lists and that are files.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
        let summary = Page::new(read(SUMMARY)?);
        let mut site = Self { root: root.to_owned(), summary, pages: BTreeMap::new() };
        let listed: Vec<_> = site.summary.links.iter().filter_map(|link| resolve(SUMMARY, link)).collect();
        for path in listed.into_iter().filter(|path| path != super::API) {
            let text = read(&path)?;
            site.add(&path, text);
        }
        Ok(site)
    }

    pub(super) fn add(&mut self, path: &str, markdown: String) {
        self.pages.insert(path.to_owned(), Page::new(markdown));
    }

    #[cfg(test)]
    pub(super) fn has(&self, path: &str) -> bool {
        self.pages.contains_key(path)
    }

    /// The links that lead nowhere, each with its page.
    pub(super) fn broken(&self) -> Vec<String> {
        let all = self.pages.iter().map(|(path, page)| (&**path, page)).chain([(SUMMARY, &self.summary)]);
        let links = all.flat_map(|(path, page)| page.links.iter().map(move |link| (path, link)));
        links
            .filter(|(path, link)| matches!(self.target(path, link), Target::Nowhere))
            .map(|(path, link)| format!("{path}: {link}"))
            .collect()
    }

    fn target(&self, page: &str, link: &str) -> Target {
        if link.contains("://") || link.starts_with("mailto:") {
            return Target::Web;
        }
        let (path, heading) =
            link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
        let path = if path.is_empty() { Some(page.to_owned()) } else { resolve(page, path) };
        let Some(path) = path else { return Target::Nowhere };
        match self.pages.get(&path) {
            Some(page) if heading.is_none_or(|heading| page.headings.contains(heading)) => {
                Target::Page(path, heading.map(str::to_owned))
            }
            Some(_) => Target::Nowhere,
            None if heading.is_none() && self.root.join(&path).exists() => Target::File(path),
            None => Target::Nowhere,
        }
    }

    /// Writes everything below `to`; the number of pages.
    pub(super) fn write(&self, to: &Path) -> Result<usize> {
        let put = |path: &str, bytes: &[u8]| {
            let path = to.join(path);
            fs::create_dir_all(path.parent().unwrap_or(to))?;
            fs::write(&path, bytes).with_context(|| path.display().to_string())
        };
        let mut referred = BTreeSet::new();
        for (path, page) in &self.pages {
            let above = "../".repeat(path.matches('/').count());
            let from = |origin: &str, link: &str| match self.target(origin, link) {
                Target::Web | Target::Nowhere => link.to_owned(),
                Target::Page(page, heading) => {
                    let heading = heading.map(|heading| format!("#{heading}")).unwrap_or_default();
                    format!("{above}{}{heading}", address(&page))
                }
                Target::File(file) if self.root.join(&file).is_dir() => {
                    format!("{above}files/{file}/index.html")
                }
                Target::File(file) => format!("{above}files/{file}"),
            };
            let (list, text) =
                (self.summary.html(|link| from(SUMMARY, link)), page.html(|link| from(path, link)));
            put(&address(path), whole(&page.title, &above, &list, &text).as_bytes())?;
            let links = page.links.iter().map(|link| self.target(path, link));
            referred.extend(links.filter_map(|target| match target {
                Target::File(file) => Some(file),
                _ => None,
            }));
        }
        for path in referred {
            if !self.root.join(&path).is_dir() {
                put(&format!("files/{path}"), &fs::read(self.root.join(&path))?)?;
                continue;
            }
            let mut list = format!("# {path}\n");
            for file in files(&self.root, &path)? {
                put(&format!("files/{file}"), &fs::read(self.root.join(&file))?)?;
                let name = file.strip_prefix(&path).unwrap_or(&file).trim_start_matches('/');
                list.push_str(&format!("- [{name}]({name})\n"));
            }
            let above = "../".repeat(path.matches('/').count() + 2);
            let text = Page::new(list).html(str::to_owned);
            let back = format!("<p><a href=\"{above}index.html\">Afterglow</a></p>");
            put(&format!("files/{path}/index.html"), whole(&path, &above, &back, &text).as_bytes())?;
        }
        put("style.css", STYLE.as_bytes())?;
        Ok(self.pages.len())
    }
}

/// Where a page is in the site.
fn address(path: &str) -> String {
    match path {
        "README.md" => "index.html".into(),
        path => format!("{}.html", path.trim_end_matches(".md")),
    }
}

fn whole(title: &str, above: &str, list: &str, text: &str) -> String {
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{escaped}</title>\n<link rel=\"stylesheet\" href=\"{above}style.css\">\n<nav>\n{list}</nav>\n<main>\n{text}</main>\n</html>\n"
    )
}
