//! The crate and the version that the path of a source file names.

use super::class::Class;

/// What a path says. `krate` may be empty: then the name of the function says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The crate as the path spells it: `tokio-util`.
    pub krate: &'a str,
    /// Its version, release, commit or revision.
    pub version: &'a str,
    /// What kind of code it is.
    pub class: Class,
}

/// What the path of a source file says; `None` if it is empty.
pub(super) fn of_file(file: &str) -> Option<Place<'_>> {
    if file.is_empty() {
        return None;
    }
    let place = |krate, version, class| Some(Place { krate, version, class });
    if let Some(rest) = after(file, "/registry/") {
        // `src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/lib.rs`, or without the first two where paths are
        // remapped.
        let versions = rest.split('/').map(name_and_version);
        let (krate, version) = versions.take(4).find(|(_, version)| !version.is_empty()).unwrap_or_default();
        return place(krate, version, Class::Dependency);
    }
    if let Some(rest) = after(file, "/git/checkouts/") {
        return place("", second(rest), Class::Dependency);
    }
    // What std is built with, as paths of the distributed std have it.
    if let Some(rest) = after(file, "/rust/deps/") {
        let (krate, version) = name_and_version(first(rest));
        return place(krate, version, Class::Std);
    }
    if let Some((before, rest)) = around(file, "/library/") {
        let krate = first(rest);
        if super::crates::is_std(krate) || krate == "stdarch" || krate == "compiler-builtins" {
            return place(krate, release(before), Class::Std);
        }
    }
    if let Some(rest) = after(file, "/pkg/mod/") {
        return match rest.split_once('@') {
            Some((module, rest)) => place(module, first(rest), Class::Dependency),
            None => place("", "", Class::Dependency),
        };
    }
    if let Some(rest) = after(file, "/vendor/") {
        let (krate, version) = name_and_version(first(rest));
        return place(krate, version, Class::Dependency);
    }
    place("", "", Class::Own)
}

/// The release or commit of the compiler in the path before `/library/`: `/rustc/HASH`, `/usr/src/rustc-1.85.0`,
/// `…/toolchains/1.95.0-x86_64-unknown-linux-gnu/lib/rustlib/src/rust`.
fn release(before: &str) -> &str {
    if let Some(rest) = after(before, "/toolchains/") {
        return first(rest).split('-').next().unwrap_or_default();
    }
    let last = before.rsplit('/').next().unwrap_or_default();
    let last = last.strip_prefix("rustc-").unwrap_or(last);
    let last = last.strip_suffix("-src").unwrap_or(last);
    if last.len() == 40 && last.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return &last[..9];
    }
    if last.starts_with(|first: char| first.is_ascii_digit()) { last } else { "" }
}

/// `("tokio-util", "0.7.1")` from `tokio-util-0.7.1`: the version begins at the first `-` before a digit that a `.`
/// follows. Without a version it is empty.
fn name_and_version(folder: &str) -> (&str, &str) {
    for (at, _) in folder.match_indices('-') {
        let version = &folder[at + 1..];
        let digits = version.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && version.as_bytes().get(digits) == Some(&b'.') {
            return (&folder[..at], version);
        }
    }
    (folder, "")
}

fn after<'a>(path: &'a str, part: &str) -> Option<&'a str> {
    Some(around(path, part)?.1)
}

/// What is before and behind `part`, which begins with `/`; a path may begin with it without the `/`.
fn around<'a>(path: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    if let Some(at) = path.rfind(part) {
        return Some((&path[..at], &path[at + part.len()..]));
    }
    Some(("", path.strip_prefix(&part[1..])?))
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn second(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_the_crate_and_its_version() {
        let of = |file| of_file(file).map(|place| (place.krate, place.version, place.class));
        let cases = [
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-util-0.7.1/src/codec.rs",
                ("tokio-util", "0.7.1", Class::Dependency),
            ),
            (
                "/cargo/registry/src/index/wasi-0.11.0+wasi-snapshot-preview1/src/lib.rs",
                ("wasi", "0.11.0+wasi-snapshot-preview1", Class::Dependency),
            ),
            (
                "/rustc/0123456789abcdef0123456789abcdef01234567/library/core/src/ptr/mod.rs",
                ("core", "012345678", Class::Std),
            ),
            (
                "/root/.rustup/toolchains/1.95.0-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/alloc/src/vec.rs",
                ("alloc", "1.95.0", Class::Std),
            ),
            ("/usr/src/rustc-1.85.0/library/std/src/rt.rs", ("std", "1.85.0", Class::Std)),
            ("library/std/src/rt.rs", ("std", "", Class::Std)),
            ("/rust/deps/hashbrown-0.15.2/src/raw.rs", ("hashbrown", "0.15.2", Class::Std)),
            ("/home/me/.cargo/git/checkouts/mio-1a2b/9f8e7d6/src/lib.rs", ("", "9f8e7d6", Class::Dependency)),
            ("/shop/vendor/serde/src/lib.rs", ("serde", "", Class::Dependency)),
            (
                "/go/pkg/mod/golang.org/x/net@v0.1.0/http2/server.go",
                ("golang.org/x/net", "v0.1.0", Class::Dependency),
            ),
            ("/cargo/registry/tokio-1.54.1/src/sync/watch.rs", ("tokio", "1.54.1", Class::Dependency)),
            ("/home/me/library/src/main.rs", ("", "", Class::Own)),
            ("src/main.rs", ("", "", Class::Own)),
        ];
        for (file, expected) in cases {
            assert_eq!(of(file), Some(expected), "{file}");
        }
        assert_eq!(of(""), None);
    }
}
