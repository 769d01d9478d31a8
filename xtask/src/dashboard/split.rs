//! Takes the program apart: what only `edge/view/later` reaches becomes a module of its own.
//!
//! The splitter finds by the linker's relocations which functions and data the one function behind dioxus's lazy loader
//! needs alone. The second module shares the first one's memory and table of functions.

mod segments;

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use anyhow::{Result, bail};
use wasm_split_cli::Splitter;

/// Splits `made/afterglow_bg.wasm`, bound from `original`, and writes `made/__wasm_split.js`, which loads the second module.
/// Returns the name of the second module's file, which is another one for each version: parts of two versions do not fit.
pub(super) fn split(original: &Path, made: &Path) -> Result<String> {
    let program = made.join("afterglow_bg.wasm");
    let (original, bound) = (fs::read(original)?, fs::read(&program)?);
    let parts = Splitter::new(&original, &bound)?.emit()?;
    let [module] = &*parts.modules else {
        bail!("the program has {} parts to load later; one is expected", parts.modules.len());
    };
    let (Some(hash), Some(function)) = (&module.hash_id, &module.component_name) else {
        bail!("the part to load later has no name");
    };
    let later = segments::in_order(&module.bytes)?;
    let mut hasher = DefaultHasher::new();
    (&parts.main.bytes, &later).hash(&mut hasher);
    let file = format!("{}-{:016x}.wasm", module.module_name, hasher.finish());
    fs::write(&program, &parts.main.bytes)?;
    fs::write(made.join(&file), later)?;
    let script = format!(
        "import {{ load, prepare }} from \"./later.js\";\n\
         prepare(\"/{file}\");\n\
         export const __wasm_split_load_{}_{hash}_{function} = (callback, data) => void load(\"/{file}\", callback, data);\n",
        module.module_name,
    );
    fs::write(made.join("__wasm_split.js"), script)?;
    Ok(file)
}
