//! Finds source files: a profile names them as on the machine of the build, or relative to a directory there.
//!
//! The names come from a profile and may be chosen to mislead. Only regular files whose names are those of source code
//! are opened, none through a symbolic link as the last part, and no relative name leads out of its directory.

use std::path::{Path, PathBuf};

use rgops_dwarf::{Budget, ReadAt as _, read_range};
use rgops_pprof::Settings;

use super::settings::FileSettings;
use super::sources_of_rust as rust;
use crate::files::{Place, within};

/// Bytes of a source file.
const LARGEST: u64 = 16 << 20;
/// Directories of `source_path`, and prefixes of `trim_path`.
const MOST_PATHS: usize = 64;

/// Endings of the names of source files.
const ENDINGS: [&str; 45] = [
    "rs", "go", "c", "cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "h++", "inc", "inl", "tcc", "ipp",
    "def", "s", "asm", "m", "mm", "y", "yy", "l", "ll", "py", "pyx", "java", "kt", "scala", "js", "mjs",
    "ts", "zig", "d", "swift", "nim", "cr", "hs", "ml", "f", "f90", "cu", "pl", "in",
];

/// The text of a source file of a profile.
pub(super) fn read(
    file: &str,
    settings: &Settings,
    files: &FileSettings,
    budget: &Budget,
) -> Result<String, String> {
    let search = match settings.source_path.is_empty() {
        true => files.working_directory.to_string_lossy().into_owned(),
        false => settings.source_path.clone(),
    };
    let path = trimmed(file, &settings.trim_path, &search);
    if path.starts_with('/') {
        if let Some(text) = open(Path::new(path), budget) {
            return text;
        }
        // On the machine of the build the same sources were elsewhere.
        let places = rust::places(path, files, budget)?;
        return match places.iter().find_map(|place| open(place, budget)) {
            Some(text) => text,
            None => Err(format!("open {path}: no such file or directory")),
        };
    }
    let Some(path) = inner(path) else {
        return Err(format!("{file} leads out of the directories with source files"));
    };
    for directory in search.split(':').filter(|directory| !directory.is_empty()).take(MOST_PATHS) {
        let directory = files.working_directory.join(directory);
        // Also in the directories above.
        for directory in directory.ancestors() {
            if let Some(text) = open(&directory.join(&path), budget) {
                return text;
            }
        }
    }
    Err(format!("could not find file {} on path {search}", path.display()))
}

/// A path without the first prefix of `trim_path` that it has. Without `trim_path`: without what is above a directory
/// that is named as one of `search`. Both are lists separated by `:`.
fn trimmed<'p>(path: &'p str, trim_path: &str, search: &str) -> &'p str {
    if trim_path.is_empty() {
        for directory in search.split(':').take(MOST_PATHS) {
            let name = Path::new(directory).file_name().and_then(|name| name.to_str());
            let Some(name) = name else { continue };
            if let Some((_, rest)) = path.split_once(&format!("/{name}/")) {
                return rest;
            }
        }
    }
    let prefixes = trim_path.split(':').filter(|path| !path.is_empty()).take(MOST_PATHS);
    for prefix in prefixes.chain(["/proc/self/cwd/./", "/proc/self/cwd/"]) {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if let Some(rest) = path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
            return rest;
        }
    }
    path
}

/// A relative path without `.` and `..`; `None` if it leads out of the directory that it is relative to.
fn inner(path: &str) -> Option<PathBuf> {
    let mut inner = PathBuf::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if !inner.pop() => return None,
            ".." => {}
            part => inner.push(part),
        }
    }
    Some(inner).filter(|inner| inner.file_name().is_some())
}

/// Whether it is named like source code. C++ has headers without an ending.
fn is_source(path: &Path) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) => ENDINGS.contains(&&*ending.to_ascii_lowercase()),
        None => path.extension().is_none() && path.components().any(|part| part.as_os_str() == "include"),
    }
}

/// The text of a file; `None` if there is none.
fn open(path: &Path, budget: &Budget) -> Option<Result<String, String>> {
    let shown = path.display().to_string();
    if !is_source(path) {
        // It is looked at, not opened.
        std::fs::symlink_metadata(path).ok()?;
        return Some(Err(format!("{shown} is not opened: it is not named like source code")));
    }
    let (place, own) = (Place::Named(path.to_owned()), budget.clone());
    let read = move || {
        let file = match place.open() {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return None,
            Err(error) => return Some(Err(format!("open {shown}: {error}"))),
        };
        if file.length() > LARGEST {
            return Some(Err(format!("{shown} is larger than {} MB", LARGEST >> 20)));
        }
        let bytes = read_range(&file, 0, file.length(), &own);
        let text = bytes.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned());
        Some(text.map_err(|why| format!("read {shown}: {why}")))
    };
    within(budget, read).unwrap_or_else(|why| Some(Err(format!("{}: {why}", path.display()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_where_pprof_searches_them() {
        assert_eq!(trimmed("/build/shop/src/a.rs", "", "/home/me/shop"), "src/a.rs");
        assert_eq!(trimmed("/build/shop/src/a.rs", "/none:/build", "/home/me/shop"), "shop/src/a.rs");
        assert_eq!(trimmed("/proc/self/cwd/./a.rs", "", ""), "a.rs");
        assert_eq!(trimmed("/builder/a.rs", "/build", ""), "/builder/a.rs");
    }

    #[test]
    fn no_name_leads_out_of_its_directory_or_to_what_is_no_source() {
        assert_eq!(inner("src/../gen/a.rs"), Some("gen/a.rs".into()));
        assert_eq!([inner("../a.rs"), inner("a/../../b.rs"), inner("")], [None, None, None]);
        let is = |path| is_source(Path::new(path));
        assert!(is("/x/a.rs") && is("/usr/include/c++/12/vector") && is("/x/a.S"));
        assert!(!is("/etc/shadow") && !is("/home/me/.ssh/id_rsa") && !is("/x/key.pem") && !is("/x/.env"));
    }
}
