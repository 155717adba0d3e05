//! Where the sources of Rust's library and of crates are on this host, which a profile names as on the machine of the
//! build.

use std::path::{Path, PathBuf};

use rgops_dwarf::{Budget, ReadAt as _, read_range};

use super::settings::FileSettings;
use crate::files::{Place, within};

/// Toolchains and registries that are looked at.
const MOST: usize = 64;
/// Bytes of a toolchain's manifest.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// Where a file may be: `/rustc/COMMIT/library/core/src/option.rs` in the toolchain of that commit,
/// `/x/registry/src/INDEX/serde-1.0.200/src/lib.rs` in the own registry.
///
/// # Errors
/// Why a file of Rust's library is not on this host.
pub(super) fn places(path: &str, files: &FileSettings, budget: &Budget) -> Result<Vec<PathBuf>, String> {
    if let Some(rest) = path.strip_prefix("/rustc/") {
        let (commit, inner) = rest.split_once('/').unwrap_or((rest, ""));
        return of_library(commit, inner, files, budget);
    }
    let Some((_, rest)) = path.split_once("/registry/src/") else {
        // Dependencies of the standard library.
        let of_std = path.strip_prefix("/rust/deps/").map(|inner| in_registries(inner, files));
        return Ok(of_std.unwrap_or_default());
    };
    let (_index, inner) = rest.split_once('/').unwrap_or(("", rest));
    Ok(in_registries(inner, files))
}

/// In the sources of each registry.
fn in_registries(inner: &str, files: &FileSettings) -> Vec<PathBuf> {
    let Some(home) = files.cargo_home.as_ref().filter(|_| is_inner(inner)) else { return Vec::new() };
    let registries = directories(&home.join("registry/src"));
    registries.into_iter().map(|registry| registry.join(inner)).collect()
}

fn of_library(
    commit: &str,
    inner: &str,
    files: &FileSettings,
    budget: &Budget,
) -> Result<Vec<PathBuf>, String> {
    let path = format!("/rustc/{commit}/{inner}");
    let is_commit = commit.len() >= 8 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_inner(inner) || !is_commit {
        return Err(format!("open {path}: no such file or directory"));
    }
    let toolchains = files.rustup_home.as_ref().map(|home| directories(&home.join("toolchains")));
    let of_commit =
        toolchains.unwrap_or_default().into_iter().find(|toolchain| is_of(toolchain, commit, budget));
    let short = commit.get(..9).unwrap_or(commit);
    let Some(toolchain) = of_commit else {
        let why =
            format!("it is of Rust's library of commit {short}, of which no toolchain is installed here");
        return Err(format!("open {path}: no such file or directory; {why}"));
    };
    let sources = toolchain.join("lib/rustlib/src/rust");
    if !sources.is_dir() {
        let name = toolchain.file_name().unwrap_or_default().display();
        let fix = format!("rustup component add rust-src --toolchain {name}");
        return Err(format!("open {path}: no such file or directory; it is of Rust's library: {fix}"));
    }
    Ok(vec![sources.join(inner)])
}

/// Whether a toolchain is of a commit, by the manifest that it was installed from.
fn is_of(toolchain: &Path, commit: &str, budget: &Budget) -> bool {
    let (place, own) =
        (Place::Trusted(toolchain.join("lib/rustlib/multirust-channel-manifest.toml")), budget.clone());
    // `version = "1.95.0 (59807616e 2026-04-14)"`
    let wanted = format!("({} ", commit.get(..9).unwrap_or(commit));
    let read = move || {
        let file = place.open().ok().filter(|file| file.length() <= LARGEST_MANIFEST)?;
        let (bytes, _charge) = read_range(&file, 0, file.length(), &own).ok()?;
        Some(String::from_utf8_lossy(&bytes).contains(&wanted))
    };
    within(budget, read).ok().flatten().unwrap_or(false)
}

/// The directories in a directory, by name.
fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().take(MOST);
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Whether a relative path stays in its directory.
fn is_inner(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::budget;

    #[test]
    fn sources_of_the_library_and_of_crates_are_found_where_this_host_has_them() {
        let folder = std::env::temp_dir().join(format!("rgops-sources-{}", std::process::id()));
        let (rustup, cargo) = (folder.join("rustup"), folder.join("cargo"));
        let library = rustup.join("toolchains/stable/lib/rustlib");
        std::fs::create_dir_all(library.join("src/rust/library")).unwrap();
        std::fs::create_dir_all(cargo.join("registry/src/index-1")).unwrap();
        let manifest = library.join("multirust-channel-manifest.toml");
        std::fs::write(manifest, "version = \"1.95.0 (59807616e 2026-04-14)\"\n").unwrap();
        let mut files = crate::code::FileSettings::default();
        (files.rustup_home, files.cargo_home) = (Some(rustup), Some(cargo.clone()));
        let of = |path: &str| places(path, &files, &budget::standard());
        let commit = "59807616e1fa2540724bfbac14d7976d7e4a3860";
        let found = of(&format!("/rustc/{commit}/library/core/src/option.rs")).unwrap();
        assert_eq!(found, [library.join("src/rust/library/core/src/option.rs")]);
        let serde = of("/builder/.cargo/registry/src/index-9/serde-1.0.0/src/lib.rs").unwrap();
        assert_eq!(serde, [cargo.join("registry/src/index-1/serde-1.0.0/src/lib.rs")]);
        let none: Vec<PathBuf> = Vec::new();
        assert_eq!(of("/builder/.cargo/registry/src/index-9/../../../etc/a.rs").unwrap(), none);
        let other = of("/rustc/0000000000000000/library/core/src/option.rs").unwrap_err();
        assert!(other.contains("no toolchain is installed here"), "{other}");
        std::fs::remove_dir_all(library.join("src")).unwrap();
        let missing = of(&format!("/rustc/{commit}/library/core/src/option.rs")).unwrap_err();
        assert!(missing.ends_with("rustup component add rust-src --toolchain stable"), "{missing}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
