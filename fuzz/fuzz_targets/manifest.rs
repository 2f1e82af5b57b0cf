//! The list of segment hashes of `ottla inspect verify --manifest`, as it came and with
//! the hash in its last line made to fit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::log::verify::Manifest;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    round_trip(text);
    let mut body = format!("# ottla manifest\nversion: 1\n{text}");
    if !body.ends_with('\n') {
        body.push('\n');
    }
    let mut end = "end: ".to_owned();
    for byte in Sha256::digest(&body) {
        let _ = write!(end, "{byte:02x}");
    }
    round_trip(&format!("{body}{end}\n"));
});

/// What can be read is written and read again to the same.
fn round_trip(text: &str) {
    if let Ok(manifest) = Manifest::parse(text) {
        let again = Manifest::parse(&manifest.to_text());
        assert_eq!(again.as_ref(), Ok(&manifest));
    }
}
