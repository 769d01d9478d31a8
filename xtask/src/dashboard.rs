//! The dashboard: Rust to WebAssembly, bound, shrunk, compressed, into `dashboard/dist`, from where the backend's
//! build embeds it.

mod split;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::build::without_paths;
use crate::prerequisites::{npm_packages, wasm_target};
use crate::run::{cargo, command, root, run, say, target};

/// What today's compilers emit, and every browser since 2022 understands.
const WASM_OPT: [&str; 11] = [
    // The second round finds what the first has made possible.
    "-Oz",
    "-Oz",
    // The first KiB is the far end of the stack.
    "--low-memory-unused",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-reference-types",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--strip-producers",
];

/// Builds `dashboard/dist`, unless nothing it is made of has changed.
pub(crate) fn build() -> Result<()> {
    let folder = root().join("dashboard");
    wasm_target()?;
    npm_packages(&folder)?;
    // The split needs to know what uses what, down to each string: at its usual level the linker has strings share their ends,
    // and one part would lose what looks like another's.
    let arguments = ["--bin=afterglow-dashboard", "--features=split"];
    let wasm = compile(&arguments, &["-Clink-arg=--emit-relocs", "-Clink-arg=-O0"])?
        .join("afterglow-dashboard.wasm");
    let (page, uplot) = (folder.join("static"), folder.join("node_modules/uplot/dist"));
    let mut sources = files(&page)?;
    sources.extend([uplot.join("uPlot.iife.min.js"), uplot.join("uPlot.min.css"), wasm.clone()]);
    let dist = folder.join("dist");
    let (stamp, inputs) = (target().join("dashboard.stamp"), fingerprint(&sources)?);
    if dist.is_dir() && fs::read_to_string(&stamp).is_ok_and(|built| built == inputs) {
        return Ok(());
    }
    say("==> binding, shrinking and compressing the dashboard");
    let made = target().join("dashboard");
    for old in [&made, &dist] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(&wasm)
        .web(true)?
        .typescript(false)
        .demangle(false)
        .out_name("afterglow")
        .generate(&made)?;
    let later = split::split(&wasm, &made)?;
    for source in sources.iter().filter(|source| **source != wasm) {
        copy(source, &made.join(source.strip_prefix(&page).or_else(|_| source.strip_prefix(&uplot))?))?;
    }
    number_imports(&made.join("afterglow.js"), &made.join("afterglow_bg.wasm"))?;
    for module in ["afterglow_bg.wasm", &later] {
        shrink(&folder, &made.join(module))?;
    }
    bundle(&folder, &made, &dist)?;
    for whole in ["afterglow_bg.wasm", &later, "favicon.svg", "index.html", "theme.js", "uPlot.iife.min.js"] {
        copy(&made.join(whole), &dist.join(whole))?;
    }
    compress(&dist, &later)?;
    fs::write(stamp, inputs)?;
    Ok(())
}

/// Our chart alone, for measuring it: `chart.js` and `chart_bg.wasm`. Returns their folder.
pub(crate) fn build_chart() -> Result<PathBuf> {
    let folder = root().join("dashboard");
    wasm_target()?;
    npm_packages(&folder)?;
    let wasm = compile(&["--example=bench_chart"], &[])?.join("examples/bench_chart.wasm");
    let made = target().join("bench-chart");
    Bindgen::new().input_path(wasm).web(true)?.typescript(false).out_name("chart").generate(&made)?;
    shrink(&folder, &made.join("chart_bg.wasm"))?;
    Ok(made)
}

/// Compiles one of the dashboard's targets, with these arguments for cargo and for the compiler; returns the folder of what was
/// made.
fn compile(what: &[&str], flags: &[&str]) -> Result<PathBuf> {
    let build = [
        "rustc",
        "--package=afterglow-dashboard",
        "--target=wasm32-unknown-unknown",
        "--profile=wasm-release",
    ];
    run(without_paths(&mut cargo(build.iter().chain(what).chain(&["--"]).chain(flags)))?)?;
    Ok(target().join("wasm32-unknown-unknown/wasm-release"))
}

/// Replaces the hashes in the names of imports, which do not compress, by numbers; they save 5 KB of a page load.
fn number_imports(script: &Path, wasm: &Path) -> Result<()> {
    let mut numbers = BTreeMap::new();
    for file in [script, wasm] {
        let mut bytes = fs::read(file).with_context(|| file.display().to_string())?;
        number_hashes(&mut bytes, &mut numbers);
        fs::write(file, bytes)?;
    }
    Ok(())
}

/// Overwrites the hash at the end of each name that wasm-bindgen has made by the name's number. Nothing moves.
fn number_hashes(bytes: &mut [u8], numbers: &mut BTreeMap<Vec<u8>, usize>) {
    const HASH: usize = 16;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at..].starts_with(b"__wb") {
            at += 1;
            continue;
        }
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let end = at + bytes[at..].iter().take_while(is_part).count();
        let hash = end.saturating_sub(HASH).max(at)..end;
        if bytes[hash.clone()].iter().all(u8::is_ascii_hexdigit) {
            let next = numbers.len();
            let number = *numbers.entry(bytes[at..end].to_vec()).or_insert(next);
            bytes[hash].copy_from_slice(format!("{number:0HASH$}").as_bytes());
        }
        at = end;
    }
}

fn shrink(folder: &Path, wasm: &Path) -> Result<()> {
    let wasm = wasm.to_string_lossy();
    let arguments = WASM_OPT.into_iter().chain([&*wasm, "-o", &*wasm]);
    run(&mut command(&folder.join("node_modules/.bin/wasm-opt").to_string_lossy(), arguments, folder))
}

/// Puts the scripts, and the style sheets, of `made` into one file each in `dist`: a browser asks for each import only
/// when it has read the one before.
fn bundle(folder: &Path, made: &Path, dist: &Path) -> Result<()> {
    let esbuild = folder.join("node_modules/.bin/esbuild").to_string_lossy().into_owned();
    let into = format!("--outdir={}", dist.display());
    let arguments = [
        "boot.js",
        "style.css",
        "--bundle",
        "--minify",
        "--format=esm",
        "--log-level=warning",
        // The binding names the script that loads the second module once for each function that it has.
        "--log-override:duplicate-object-key=silent",
        &into,
    ];
    run(&mut command(&esbuild, arguments, made))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

/// Writes `x.br` and `x.gz` beside every file, and says what a page load transfers, and `later` when something first needs it.
fn compress(dist: &Path, later: &str) -> Result<()> {
    let (mut transferred, mut then) = (0, 0);
    for file in files(dist)? {
        let bytes = fs::read(&file)?;
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
        let mut brotli = Vec::new();
        brotli::CompressorWriter::new(&mut brotli, 1 << 16, 11, 22).write_all(&bytes)?;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&bytes)?;
        let part = if file.ends_with(later) { &mut then } else { &mut transferred };
        *part += brotli.len();
        fs::write(beside(".br"), brotli)?;
        fs::write(beside(".gz"), gzip.finish()?)?;
    }
    say(&format!("==> dashboard: {} KB with brotli, and {} KB later", transferred / 1000, then / 1000));
    Ok(())
}

fn fingerprint(sources: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    WASM_OPT.hash(&mut hasher);
    for source in sources {
        fs::read(source).with_context(|| source.display().to_string())?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Every file below `folder`, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_same_number_wherever_they_are() {
        let mut numbers = BTreeMap::new();
        let number = |text: &str, numbers: &mut BTreeMap<_, _>| {
            let mut bytes = text.as_bytes().to_vec();
            number_hashes(&mut bytes, numbers);
            String::from_utf8(bytes).unwrap()
        };
        let script = "__wbg_a_0123456789abcdef: f, __wbg___wbindgen_b_fedcba9876543210(), __wbindgen_malloc, a_0123456789abcdef";
        let numbered = "__wbg_a_0000000000000000: f, __wbg___wbindgen_b_0000000000000001(), __wbindgen_malloc, a_0123456789abcdef";
        assert_eq!(number(script, &mut numbers), numbered);
        // In the binary a name's length stands before it, and that may look like a part of the name.
        let binary = "5__wbg___wbindgen_b_fedcba9876543210\0___wbg_a_0123456789abcdef\0";
        let expected = "5__wbg___wbindgen_b_0000000000000001\0___wbg_a_0000000000000000\0";
        assert_eq!(number(binary, &mut numbers), expected);
    }
}
