//! The files of every crate form layers: none of them uses, through others, itself.
//!
//! An edge is a `use`, or a path that begins with `crate`, `super`, `self` or a module beside it; a name that a module only
//! passes on (`pub use`) counts as its origin. A module and those inside it may use each other: they are one part to all others.
//! Tests are left out. What macros contain is not seen.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// Where what is on the left must not be used by what is on the right, as prefixes of paths below a crate's `src`.
const UPWARD: [(&str, &str, &[&str]); 4] = [
    ("backend", "cli", &["actors", "http", "live", "tools", "decode", "encode", "config"]),
    ("backend", "http", &["actors", "live", "decode", "encode", "config"]),
    ("backend", "actors", &["live", "decode", "encode", "config"]),
    ("producer", "cli", &["actors", "source", "signal", "config"]),
];

type Module = Vec<String>;

/// One source file.
struct Source {
    file: PathBuf,
    /// The paths it names, absolute: below `crate`.
    paths: Vec<Module>,
    /// What it passes on: a name, and its path.
    passes: BTreeMap<String, Module>,
    /// Everything below a module is passed on.
    passes_all: Vec<Module>,
    /// The files that belong to the crate by a `mod` of this one, by their names.
    declares: BTreeSet<String>,
}

struct Crate(BTreeMap<Module, Source>);

struct Collector<'a> {
    module: &'a Module,
    children: &'a BTreeSet<String>,
    paths: Vec<Module>,
    passes: BTreeMap<String, Module>,
    passes_all: Vec<Module>,
    declares: BTreeSet<String>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().any(|attribute| text(attribute) == "test")
}

impl Collector<'_> {
    /// The path from the crate's root; none when it leads into another crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let mut base = self.module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {}
            first if self.children.contains(first) => {}
            _ => return None,
        }
        while let Some("super") = rest.first().map(String::as_str) {
            base.pop();
            rest = &rest[1..];
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn flatten(&mut self, tree: &UseTree, prefix: &mut Module, is_public: bool) {
        let (name, origin) = match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.flatten(&path.tree, prefix, is_public);
                prefix.pop();
                return;
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.flatten(tree, prefix, is_public));
                return;
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(prefix) {
                    if is_public {
                        self.passes_all.push(path.clone());
                    }
                    self.paths.push(path);
                }
                return;
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.rename.to_string(), rename.ident.to_string()),
        };
        let mut path = prefix.clone();
        if origin != "self" {
            path.push(origin);
        }
        let Some(path) = self.absolute(&path) else { return };
        if is_public {
            self.passes.insert(name, path);
        } else {
            self.paths.push(path);
        }
    }
}

impl<'a> Visit<'a> for Collector<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        if let Item::Mod(item) = item
            && item.content.is_none()
        {
            self.declares.insert(item.ident.to_string());
        }
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.flatten(&item.tree, &mut Vec::new(), is_public);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Module = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1
            && names[0] != "self"
            && let Some(path) = self.absolute(&names)
        {
            self.paths.push(path);
        }
        visit::visit_path(self, path);
    }
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        collect(root, &mut files);
        let module = |file: &Path| -> Module {
            let relative = file.strip_prefix(root).unwrap().with_extension("");
            let names: Module = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if matches!(&*names, [only] if only == "lib" || only == "main") { Vec::new() } else { names }
        };
        let modules: BTreeSet<Module> = files.iter().map(|file| module(file)).collect();
        let mut sources = BTreeMap::new();
        for file in files {
            let module = module(&file);
            let children =
                modules.iter().filter(|other| other.len() == module.len() + 1 && other.starts_with(&module));
            let children = children.filter_map(|child| child.last().cloned()).collect();
            let text = std::fs::read_to_string(&file).unwrap();
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut collector = Collector {
                module: &module,
                children: &children,
                paths: Vec::new(),
                passes: BTreeMap::new(),
                passes_all: Vec::new(),
                declares: BTreeSet::new(),
            };
            collector.visit_file(&parsed);
            let Collector { mut paths, mut passes, mut passes_all, mut declares, .. } = collector;
            let file = file.strip_prefix(root).unwrap().to_owned();
            // A crate may have both `lib.rs` and `main.rs`.
            if let Some(other) = sources.remove(&module) {
                let other: Source = other;
                paths.extend(other.paths);
                passes.extend(other.passes);
                passes_all.extend(other.passes_all);
                declares.extend(other.declares);
            }
            let source = Source { file, paths, passes, passes_all, declares };
            sources.insert(module, source);
        }
        Self(sources)
    }

    /// The file in which what `path` names is defined.
    fn origin(&self, path: &[String], depth: usize) -> Option<&Module> {
        let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (module, source) = self.0.get_key_value(&path[..length])?;
        let Some(name) = path.get(length).filter(|_| depth < 8) else { return Some(module) };
        if let Some(passed) = source.passes.get(name) {
            let whole: Module = passed.iter().chain(&path[length + 1..]).cloned().collect();
            return self.origin(&whole, depth + 1);
        }
        Some(module)
    }

    fn edges(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let edges_of = |module, source: &Source| -> BTreeSet<&Module> {
            let origins =
                source.paths.iter().chain(&source.passes_all).filter_map(|path| self.origin(path, 0));
            origins.filter(|origin| !origin.starts_with(module) && !module.starts_with(origin)).collect()
        };
        self.0.iter().map(|(module, source)| (module, edges_of(module, source))).collect()
    }

    /// Files that no `mod` of the crate names: nothing compiles them.
    fn strays(&self) -> Vec<String> {
        let declared: BTreeSet<_> = self.0.values().flat_map(|source| &source.declares).collect();
        let is_stray = |module: &&Module| {
            module.last().is_some_and(|name| !["lib", "main"].contains(&&**name) && !declared.contains(name))
        };
        self.0.keys().filter(is_stray).map(|module| self.name(module)).collect()
    }

    fn name(&self, module: &Module) -> String {
        self.0[module].file.display().to_string()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
            && !path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "bin")
        {
            files.push(path);
        }
    }
}

/// Groups of files each of which reaches all others.
fn cycles<'a>(edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> Vec<Vec<&'a Module>> {
    let reached = |from: &'a Module| {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&Module> = edges[from].iter().copied().collect();
        while let Some(module) = todo.pop() {
            if seen.insert(module) {
                todo.extend(&edges[module]);
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        edges.keys().map(|module| (*module, reached(module))).collect();
    let mut groups: BTreeSet<Vec<&Module>> = BTreeSet::new();
    for (module, seen) in &reach {
        if seen.contains(module) {
            groups.insert(seen.iter().copied().filter(|other| reach[other].contains(module)).collect());
        }
    }
    groups.into_iter().collect()
}

fn workspace() -> Vec<(String, Crate)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let names = members
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty());
    names.map(|name| (name.clone(), Crate::read(&root.join(name).join("src")))).collect()
}

#[test]
fn no_file_uses_itself_through_others() {
    let mut found = Vec::new();
    for (name, sources) in workspace() {
        for cycle in cycles(&sources.edges()) {
            let files: Vec<String> =
                cycle.iter().map(|module| format!("{name}/src/{}", sources.name(module))).collect();
            found.push(format!("{} files: {}", files.len(), files.join(", ")));
        }
    }
    assert!(found.is_empty(), "import cycles:\n{}", found.join("\n"));
}

#[test]
fn nothing_uses_what_is_above_it() {
    let below = |module: &Module, name: &str| module.first().is_some_and(|first| first == name);
    let mut found = Vec::new();
    for (name, sources) in workspace() {
        for (upper, lower) in UPWARD
            .iter()
            .filter(|(of, ..)| *of == name)
            .flat_map(|(_, upper, lower)| lower.iter().map(move |lower| (upper, lower)))
        {
            for (module, used) in sources.edges().iter().filter(|(module, _)| below(module, lower)) {
                found.extend(
                    used.iter()
                        .filter(|used| below(used, upper))
                        .map(|used| format!("{name}: {} uses {}", sources.name(module), sources.name(used))),
                );
            }
        }
    }
    assert!(found.is_empty(), "upward dependencies:\n{}", found.join("\n"));
}

#[test]
fn every_file_is_a_module() {
    let strays = |(name, sources): (String, Crate)| {
        sources.strays().into_iter().map(move |file| format!("{name}/src/{file}"))
    };
    assert_eq!(workspace().into_iter().flat_map(strays).collect::<Vec<_>>(), <[String; 0]>::default());
}

#[test]
fn a_cycle_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use c::C;");
    write("a.rs", "mod inner; pub(crate) use inner::Thing; fn f() { crate::b::g() }");
    write("a/inner.rs", "pub(crate) struct Thing; use super::f; #[cfg(test)] mod tests { use crate::c::C; }");
    write("b.rs", "use super::a::f; use crate::{a::Thing, C};");
    write("c.rs", "pub struct C(crate::a::Thing);");
    write("a/left.rs", "");
    let sources = Crate::read(folder.path());
    assert_eq!(sources.strays(), ["a/left.rs"]);
    let cycles = cycles(&sources.edges());
    let names: Vec<Vec<String>> =
        cycles.iter().map(|cycle| cycle.iter().map(|module| sources.name(module)).collect()).collect();
    assert_eq!(names, [["a.rs", "b.rs"]], "not a.rs with what is inside it, and no test");
}
