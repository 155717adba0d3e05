//! What the path of a source file says about its origin.

/// The place of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourcePath<'a> {
    /// Of std, core, alloc or what they are built of; the rest starts with the crate's folder: `std/src/io/mod.rs`.
    Std(&'a str),
    /// Of a package that was fetched or vendored.
    Fetched {
        /// Its name as in Cargo.toml; the name of its folder if that is all that is known.
        package: &'a str,
        /// From the package's folder on: `tokio-1.54.1/src/lib.rs`.
        rest: &'a str,
    },
    /// Made by a build script or a procedural macro: it may be anybody's.
    Generated,
    /// Rust elsewhere: the program's own.
    Local,
    /// Not Rust.
    Native,
}

/// Folders that have a folder for each fetched or vendored package, with the version in its name or without.
const PACKAGE_FOLDERS: [&str; 6] = [
    "vendor/",
    "vendored/",
    "cargo-vendor-dir/",
    "third_party/rust/",
    "third-party/rust/",
    "share/cargo/registry/",
];

impl SourcePath<'_> {
    pub(super) fn of(path: &str) -> SourcePath<'_> {
        if let Some(rest) = std_rest(path) {
            return SourcePath::Std(rest);
        }
        let fetched = registry_rest(path).or_else(|| checkout_rest(path)).or_else(|| vendored_rest(path));
        if !path.ends_with(".rs") {
            return SourcePath::Native;
        }
        if let Some((package, rest)) = fetched {
            return SourcePath::Fetched { package, rest };
        }
        if path.contains("/out/") && path.contains("/build/") {
            return SourcePath::Generated;
        }
        SourcePath::Local
    }
}

/// The path for people: without the folders of cargo's caches and of the compiler's build. The result is part of the
/// path.
pub(crate) fn shown_path(path: &str) -> &str {
    match SourcePath::of(path) {
        SourcePath::Std(rest) | SourcePath::Fetched { rest, .. } => rest,
        SourcePath::Native => registry_rest(path).map_or(path, |(_, rest)| rest),
        SourcePath::Generated | SourcePath::Local => path,
    }
}

/// What follows the marker, which starts the path or a folder in it.
fn behind<'a>(path: &'a str, marker: &str) -> Option<&'a str> {
    // Nearly all paths lack it, which this finds out many bytes at a time.
    if !path.contains(marker) {
        return None;
    }
    path.strip_prefix(marker).or_else(|| {
        let at = path.match_indices(marker).find(|(at, _)| *at > 0 && path.as_bytes()[at - 1] == b'/')?.0;
        Some(&path[at + marker.len()..])
    })
}

/// `/rustc/HASH/library/std/src/…`, `LIB/rustlib/src/rust/library/std/src/…`, `/rust/deps/hashbrown-0.15.2/src/…`.
fn std_rest(path: &str) -> Option<&str> {
    if let Some(rest) =
        path.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest)
    {
        return Some(rest.strip_prefix("library/").unwrap_or(rest));
    }
    if let Some(rest) = path.strip_prefix("/rust/deps/") {
        return Some(rest);
    }
    if let Some((_, rest)) = path.split_once("/rustlib/src/rust/") {
        return Some(rest.strip_prefix("library/").unwrap_or(rest));
    }
    let rest = path.strip_prefix("library/")?;
    let is_std = ["std/", "core/", "alloc/", "std_detect/", "panic_unwind/", "backtrace/", "test/"];
    is_std.iter().any(|folder| rest.starts_with(folder)).then_some(rest)
}

/// `…/registry/src/INDEX/tokio-1.54.1/src/…`.
fn registry_rest(path: &str) -> Option<(&str, &str)> {
    let (_, rest) = behind(path, "registry/src/")?.split_once('/')?;
    let folder = rest.split('/').next().unwrap_or(rest);
    Some((without_version(folder).unwrap_or(folder), rest))
}

/// `…/git/checkouts/tokio-37bb1f4c/0a1b2c3/tokio/src/…`: the package is the folder that has `src`, otherwise the
/// repository.
fn checkout_rest(path: &str) -> Option<(&str, &str)> {
    let (repository, rest) = behind(path, "git/checkouts/")?.split_once('/')?;
    let (_, rest) = rest.split_once('/')?;
    let whole = repository.rsplit_once('-').map_or(repository, |(name, _)| name);
    let package = match rest.find("/src/") {
        Some(end) => rest[..end].rsplit('/').next().unwrap_or(whole),
        None => whole,
    };
    Some((package, rest))
}

/// `vendor/tokio/src/…`, and `tokio-1.54.1/src/…` as cargo's `trim-paths` writes it.
fn vendored_rest(path: &str) -> Option<(&str, &str)> {
    let inside = PACKAGE_FOLDERS.iter().find_map(|folder| behind(path, folder));
    // Bazel: `external/rules_rust++crate+crates__tokio-1.54.1/src/…`.
    let bazel = behind(path, "external/");
    let rest = inside.or(bazel).unwrap_or(path);
    let (folder, _) = rest.split_once('/')?;
    let named = without_version(folder);
    if inside.is_none() && named.is_none() {
        return None;
    }
    let package = named.unwrap_or(folder);
    Some((package.rsplit("__").next().unwrap_or(package), rest))
}

/// `tokio` of `tokio-1.54.1`, `md-5` of `md-5-0.10.6-rc.1`; `None` without a version of three numbers.
fn without_version(folder: &str) -> Option<&str> {
    folder.match_indices('-').map(|(at, _)| at).find_map(|at| {
        let mut parts = folder[at + 1..].splitn(3, '.');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let is_version = is_number(parts.next())
            && is_number(parts.next())
            && parts.next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
        is_version.then_some(&folder[..at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_without_the_folders_of_caches() {
        for (path, shown) in [
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/park.rs",
                "tokio-1.54.1/src/park.rs",
            ),
            ("/root/.cargo/git/checkouts/tokio-37bb/0a1b2c3/tokio/src/park.rs", "tokio/src/park.rs"),
            (
                "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/thread/mod.rs",
                "std/src/thread/mod.rs",
            ),
            ("/home/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/a.rs", "core/src/a.rs"),
            ("/rust/deps/hashbrown-0.15.2/src/map.rs", "hashbrown-0.15.2/src/map.rs"),
            ("/home/u/shop/src/main.rs", "/home/u/shop/src/main.rs"),
            ("src/main.rs", "src/main.rs"),
            ("./nptl/pthread_create.c", "./nptl/pthread_create.c"),
            ("/c/registry/src/index/zstd-sys-2.0.1/zstd/lib/a.c", "zstd-sys-2.0.1/zstd/lib/a.c"),
        ] {
            assert_eq!(shown_path(path), shown);
        }
    }

    #[test]
    fn a_fetched_package_is_known_by_its_folder() {
        let package = |path| match SourcePath::of(path) {
            SourcePath::Fetched { package, .. } => Some(package),
            _ => None,
        };
        assert_eq!(package("/r/registry/src/i/md-5-0.10.6-rc.1/src/lib.rs"), Some("md-5"));
        assert_eq!(package("/r/git/checkouts/one-12ab/9f/src/lib.rs"), Some("one"));
        assert_eq!(package("/w/shop/vendor/tokio/src/lib.rs"), Some("tokio"));
        assert_eq!(package("vendor/tokio-1.54.1/src/lib.rs"), Some("tokio"));
        assert_eq!(package("tokio-1.54.1/src/lib.rs"), Some("tokio"));
        assert_eq!(package("external/rules_rust++crate+crates__mio-1.0.2/src/lib.rs"), Some("mio"));
        // A distribution builds the program itself in such a folder.
        assert_eq!(package("/build/ripgrep-14.1.0/crates/core/main.rs"), None);
        assert_eq!(package("external/shop/src/lib.rs"), None);
        assert_eq!(SourcePath::of("/w/target/release/build/api-12ab/out/api.rs"), SourcePath::Generated);
    }
}
