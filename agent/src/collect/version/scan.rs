//! Finds names in long sections, piece by piece, and lets other connections run after each piece.

use std::collections::BTreeSet;
use std::io;

use crate::executable::{Executable, Section};

/// Maximum bytes of one section that are scanned.
const MAX_SCANNED_BYTES: u64 = 256 * 1024 * 1024;
/// Maximum names kept of each kind.
const KEPT: usize = 4;
/// Longest name kept; mangled names of nested generics reach kilobytes.
const MAX_NAME_BYTES: usize = 512;
/// Bytes by which pieces overlap, so that a path on a border is found.
const OVERLAP: usize = 64;

/// What was found in the symbol names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Names of the agent itself: it was compiled with the program, so they show its mangling.
    own: Vec<String>,
    /// Other Rust names.
    other: Vec<String>,
    /// The allocators whose symbols were found.
    pub(super) allocators: BTreeSet<&'static str>,
}

/// Symbols that only one allocator defines, and that allocator.
const ALLOCATORS: [(&str, &str); 7] = [
    ("_rjem_mallocx", "jemalloc"),
    ("_rjem_malloc", "jemalloc"),
    ("mi_malloc", "mimalloc"),
    ("mi_malloc_aligned", "mimalloc"),
    ("sn_rust_alloc", "snmalloc"),
    ("rpmalloc", "rpmalloc"),
    ("tc_malloc", "tcmalloc"),
];

impl Names {
    /// A few mangled names, the agent's first.
    pub(super) fn into_samples(self) -> Vec<String> {
        self.own.into_iter().chain(self.other).take(2 * KEPT).collect()
    }

    fn add(&mut self, name: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if let Some((_, allocator)) = ALLOCATORS.iter().find(|(symbol, _)| *symbol == name) {
            self.allocators.insert(allocator);
        }
        // rustc's shims around the allocator: `__rg_` belongs to a #[global_allocator], `__rdl_` to
        // the default one.
        if name.contains("__rdl_alloc") {
            self.allocators.insert(SYSTEM);
        } else if name.contains("__rg_alloc") {
            self.allocators.insert(CUSTOM);
        }
        if !is_rust(name) || name.len() > MAX_NAME_BYTES {
            return;
        }
        let list = if name.contains("rgops_agent") { &mut self.own } else { &mut self.other };
        if list.len() < KEPT {
            list.push(name.to_owned());
        }
    }
}

/// The default allocator.
pub(super) const SYSTEM: &str = "system";
/// Some `#[global_allocator]`.
pub(super) const CUSTOM: &str = "custom";

/// v0 names begin with `_R` (RFC 2603). Legacy names are `_ZN…17h<16 hex digits>E`; the hash distinguishes them
/// from C++ names.
fn is_rust(name: &str) -> bool {
    let legacy = || {
        let hash = name.strip_prefix("_ZN")?.strip_suffix('E')?.rsplit_once("17h")?.1;
        Some(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    name.starts_with("_R") || legacy().unwrap_or(false)
}

/// Scans a table of NUL-terminated names.
pub(super) async fn names(executable: &Executable, table: &Section) -> io::Result<Names> {
    let mut names = Names::default();
    let mut at = 0;
    while at < table.size.min(MAX_SCANNED_BYTES) {
        let piece = executable.piece(table, at)?;
        // A name that the end of the piece cuts is read again, from its start, with the next piece.
        let whole = match piece.iter().rposition(|byte| *byte == 0) {
            Some(last) => last + 1,
            None => piece.len(),
        };
        piece[..whole].split(|byte| *byte == 0).for_each(|name| names.add(name));
        if whole == 0 {
            break;
        }
        at += whole as u64;
        tokio::task::yield_now().await;
    }
    Ok(names)
}

/// Versions of `crate_name` in the source paths that panic locations keep in read-only data:
/// `/registry/src/index…/tokio-1.54.1/src/…`. At most 8.
pub(super) async fn crate_versions(
    executable: &Executable,
    section: &Section,
    crate_name: &str,
) -> io::Result<BTreeSet<String>> {
    let needle = format!("/{crate_name}-");
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < section.size.min(MAX_SCANNED_BYTES) {
        let piece = executable.piece(section, at)?;
        versions_in(&piece, needle.as_bytes(), &mut found);
        if found.len() > 8 || piece.len() <= OVERLAP {
            break;
        }
        at += (piece.len() - OVERLAP) as u64;
        tokio::task::yield_now().await;
    }
    Ok(found)
}

fn versions_in(bytes: &[u8], needle: &[u8], found: &mut BTreeSet<String>) {
    let mut rest = bytes;
    while let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
        rest = &rest[slash..];
        if let Some(version) = rest.strip_prefix(needle).and_then(version) {
            found.insert(version);
        }
        rest = &rest[1..];
    }
}

/// A version up to the next slash; `None` for another crate such as `tokio-util-0.7.0`.
fn version(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(32).position(|byte| *byte == b'/')?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let is_version = text.split('.').count() >= 3
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
    is_version.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_the_crate_itself_are_found() {
        // Not as it is searched for: another test searches this program, and would find it.
        let text = "x/src/index/TOKIO-1.54.1/src/a.rs /TOKIO-util-0.7.1/src /TOKIO-stream/ /TOKIO-1.x/ /TOKIO-1.40.0";
        let mut found = BTreeSet::new();
        versions_in(text.replace("TOKIO", "tokio").as_bytes(), b"/tokio-", &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["1.54.1"]);
    }

    #[test]
    fn rust_names_are_distinguished_from_others() {
        assert!(is_rust("_RNvCs1234_7mycrate4main"));
        assert!(is_rust("_ZN7mycrate4main17h0123456789abcdefE"));
        assert!(!is_rust("_ZNSt6vectorIiSaIiEE9push_backEOi"));
        assert!(!is_rust("malloc"));
    }

    #[test]
    fn the_agents_names_come_first_and_allocators_are_recognized() {
        let mut names = Names::default();
        for name in ["_RNvC1a1b", "_RNvCs_7___rustc11___rdl_alloc", "_RNvC11rgops_agent6listen", "mi_malloc"]
        {
            names.add(name.as_bytes());
        }
        assert_eq!(names.allocators.iter().copied().collect::<Vec<_>>(), ["mimalloc", SYSTEM]);
        assert_eq!(names.into_samples()[0], "_RNvC11rgops_agent6listen");
    }
}
