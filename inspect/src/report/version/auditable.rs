//! The dependency list that `cargo auditable build` puts into an executable: zlib-compressed JSON in
//! the section `.dep-v0`.
//!
//! It comes from the inspected program, so its decompressed size is limited and most fields are optional.

use std::io::Read;

use flate2::read::ZlibDecoder;
use rgops_protocol::reply::Known;
use serde::{Deserialize, Serialize};

use crate::text::escape;

/// Maximum size of the decompressed list.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A crate in the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `crates.io`, `git`, `local`, `registry`.
    #[serde(default)]
    pub source: String,
    /// `runtime`, or `build` if only build scripts use it.
    #[serde(default = "runtime")]
    pub kind: String,
    /// Whether this is the program itself.
    #[serde(default)]
    pub root: bool,
}

fn runtime() -> String {
    "runtime".to_owned()
}

impl Dependency {
    /// `name version`, with remarks on anything unusual.
    pub fn describe(&self) -> String {
        let mut text = format!("{} {}", escape(&self.name), escape(&self.version));
        if self.root {
            text.push_str(" (the program)");
        } else if self.source != "crates.io" && !self.source.is_empty() {
            text.push_str(&format!(" ({})", escape(&self.source)));
        }
        if self.kind != "runtime" {
            text.push_str(&format!(" ({} only)", escape(&self.kind)));
        }
        text
    }
}

/// The crates of a `.dep-v0` section, in the order of the section.
pub fn dependencies(section: &[u8]) -> Known<Vec<Dependency>> {
    #[derive(Deserialize)]
    struct List {
        packages: Vec<Dependency>,
    }
    if section.is_empty() {
        return Known::unavailable(
            "the program was not built with cargo-auditable",
            "cargo install cargo-auditable, then cargo auditable build --release",
        );
    }
    let mut json = Vec::new();
    if let Err(error) = ZlibDecoder::new(section).take(MAX_BYTES + 1).read_to_end(&mut json) {
        return Known::unavailable(format!("its dependency list cannot be decompressed: {error}"), "");
    }
    if json.len() as u64 > MAX_BYTES {
        return Known::unavailable(format!("its dependency list is longer than {MAX_BYTES} bytes"), "");
    }
    match serde_json::from_slice::<List>(&json) {
        Ok(list) => Known::Value(list.packages),
        Err(error) => Known::unavailable(format!("its dependency list is not valid JSON: {error}"), ""),
    }
}
