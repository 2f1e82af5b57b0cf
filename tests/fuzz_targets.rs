//! Every decoder of `src/format` has a fuzz target, and every target is registered.

use std::fs;
use std::path::{Path, PathBuf};

/// Decoders that a target of another name goes through.
const THROUGH: [(&str, &str); 3] = [
    ("header", "format::batch"),
    ("kraft_control", "format::control"),
    ("coordinator", "format::consumer_offsets"),
];

#[test]
fn every_decoder_is_fuzzed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut targets = String::new();
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for path in rust_files(&root.join("fuzz/fuzz_targets")) {
        targets.push_str(&fs::read_to_string(&path).unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(manifest.contains(name), "{name} has no [[bin]]");
    }
    let mut decoders = 0;
    for path in rust_files(&root.join("src/format")) {
        let text = fs::read_to_string(&path).unwrap();
        let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        let decodes = ["pub fn decode(", "pub fn parse(", "pub fn decompress("];
        if !decodes.iter().any(|decode| code.contains(decode)) {
            continue;
        }
        let stem = match path.file_stem().unwrap().to_str().unwrap() {
            "mod" => path
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap(),
            stem => stem,
        };
        let used = match THROUGH.iter().find(|(module, _)| *module == stem) {
            Some((_, other)) => (*other).to_owned(),
            None => format!("format::{stem}"),
        };
        assert!(targets.contains(&used), "no target in fuzz/ uses {used}");
        decoders += 1;
    }
    assert!(
        decoders >= 18,
        "{decoders} decoders found: has their shape changed?"
    );
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
