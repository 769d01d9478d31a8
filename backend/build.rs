//! Embeds what the binary carries with it: the compiled dashboard, and the document of its API.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::ZlibEncoder;

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    compress("openapi.json", &out)?;
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard/dist");
    // Watching a folder that does not exist would rebuild every time; its parent is there from the start.
    println!(
        "cargo:rerun-if-changed={}",
        if dist.is_dir() { dist.display() } else { Path::new("../dashboard").display() }
    );
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist.canonicalize()?, &mut files)?;
        files.sort();
        // What is there as brotli is embedded as that alone; the server makes what else clients take.
        let all = files.clone();
        let is_there =
            |file: &Path, end: &str| all.contains(&PathBuf::from(format!("{}{end}", file.display())));
        files.retain(|file| {
            let whole = if file.extension().is_some_and(|end| end == "gz") {
                file.with_extension("")
            } else {
                file.clone()
            };
            !is_there(&whole, ".br")
        });
    }
    let root = dist.canonicalize().unwrap_or(dist);
    let mut table = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let _ = writeln!(table, "    ({path:?}, include_bytes!({:?})),", file.to_string_lossy());
    }
    table.push(']');
    fs::write(out.join("dashboard_files.rs"), table)
}

/// Writes a file of this folder to `out`, compressed.
fn compress(file: &str, out: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={file}");
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))?;
    let mut compressed = ZlibEncoder::new(Vec::new(), Compression::best());
    compressed.write_all(&whole)?;
    fs::write(out.join(format!("{file}.zlib")), compressed.finish()?)
}

/// Every file below `folder`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
