//! Takes the program apart: what only `edge/view/later` reaches becomes a module of its own.
//!
//! The splitter finds by the linker's relocations which functions and data the one function behind dioxus's lazy loader
//! needs alone. The second module shares the first one's memory and table of functions.
//!
//! The splitter clears in the first module what only the second one has a name for. The linker gives texts that are the same, or
//! one the end of another, one place with several names: such places are filled again.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_split_cli::Splitter;
use wasmparser::{BinaryReader, Linking, LinkingSectionReader, Parser, Payload, SymbolInfo};

/// Splits `made/afterglow_bg.wasm`, bound from `original`, and writes `made/__wasm_split.js`, which loads the second module.
/// Returns the name of the second module's file, which is another one for each version: parts of two versions do not fit.
pub(super) fn split(original: &Path, made: &Path) -> Result<String> {
    let program = made.join("afterglow_bg.wasm");
    let (original, bound) = (fs::read(original)?, fs::read(&program)?);
    let mut parts = Splitter::new(&original, &bound)?.emit()?;
    refill(&bound, &mut parts.main.bytes)?;
    let [module] = &*parts.modules else {
        bail!("the program has {} parts to load later; one is expected", parts.modules.len());
    };
    let (Some(hash), Some(function)) = (&module.hash_id, &module.component_name) else {
        bail!("the part to load later has no name");
    };
    let mut hasher = DefaultHasher::new();
    (&parts.main.bytes, &module.bytes).hash(&mut hasher);
    let file = format!("{}-{:016x}.wasm", module.module_name, hasher.finish());
    fs::write(&program, &parts.main.bytes)?;
    fs::write(made.join(&file), &module.bytes)?;
    let script = format!(
        "import {{ load, prepare }} from \"./later.js\";\n\
         prepare(\"/{file}\");\n\
         export const __wasm_split_load_{}_{hash}_{function} = (callback, data) => void load(\"/{file}\", callback, data);\n",
        module.module_name,
    );
    fs::write(made.join("__wasm_split.js"), script)?;
    Ok(file)
}

/// Fills again in `split` what is cleared in it of the first data segment of `bound`, and has several names.
fn refill(bound: &[u8], split: &mut [u8]) -> Result<()> {
    let (from, to) = (first_segment(bound)?, first_segment(split)?);
    ensure!(from.len() == to.len(), "the splitter has moved data");
    for shared in shared(named_places(bound)?) {
        let text = bound[from.clone()].get(shared.clone()).context("a name lies outside of the data")?;
        split[to.clone()][shared].copy_from_slice(text);
    }
    Ok(())
}

/// Where a module has the data of its first segment.
fn first_segment(module: &[u8]) -> Result<Range<usize>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::DataSection(section) = payload? {
            let segment = section.into_iter().next().context("a module has data")??;
            return Ok(segment.range.end - segment.data.len()..segment.range.end);
        }
    }
    bail!("a module has no data")
}

/// The places in the first data segment that have names, one for each name.
fn named_places(module: &[u8]) -> Result<Vec<Range<usize>>> {
    let mut places = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload? else { continue };
        if section.name() != "linking" {
            continue;
        }
        for part in LinkingSectionReader::new(BinaryReader::new(section.data(), 0))?.subsections() {
            let Linking::SymbolTable(symbols) = part? else { continue };
            for symbol in symbols {
                if let SymbolInfo::Data { symbol: Some(symbol), .. } = symbol?
                    && symbol.index == 0
                {
                    places.push(symbol.offset as usize..(symbol.offset + symbol.size) as usize);
                }
            }
        }
    }
    ensure!(!places.is_empty(), "the program has no names of its data");
    Ok(places)
}

/// What several of `places` have.
fn shared(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| place.start);
    let mut end = 0;
    let mut shared = Vec::new();
    for place in places {
        let both = place.start..place.end.min(end);
        if !both.is_empty() {
            shared.push(both);
        }
        end = end.max(place.end);
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn what_several_places_have_is_found() {
        let places = vec![10..20, 0..4, 20..22, 15..20, 4..8, 16..30, 0..4];
        assert_eq!(shared(places), [0..4, 15..20, 16..20, 20..22]);
        assert!(shared(vec![0..1, 1..2]).is_empty());
    }
}
