//! Finds source files: a profile names them as on the machine of the build, or relative to a directory there.
//!
//! The names come from a profile and may be chosen to mislead. Only regular files whose names are those of source code
//! are opened ([`Directories`]), none through a link of another user or one as the last part, and no relative name leads
//! out of its directory.

use std::path::{Path, PathBuf};

use rgops_dwarf::{Budget, ReadAt as _, read_range};
use rgops_pprof::Settings;
use rgops_pprof::settings::path_list;

use super::permitted::Directories;
use super::settings::FileSettings;
use super::sources_of_rust as rust;
use crate::files::{Place, within};

/// Bytes of a source file.
const LARGEST: u64 = 16 << 20;
/// Directories of `source_path`, and prefixes of `trim_path`.
const MOST_PATHS: usize = 64;

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
    let directories = directories(&settings.source_path, files);
    let open = |path: &Path| open(path, &directories, budget);
    if path.starts_with('/') {
        if let Some(text) = open(Path::new(path)) {
            return text;
        }
        // On the machine of the build the same sources were elsewhere.
        let places = rust::places(path, files, budget)?;
        return match places.iter().find_map(|place| open(place)) {
            Some(text) => text,
            None => Err(format!("open {path}: no such file or directory")),
        };
    }
    let Some(path) = inner(path) else {
        return Err(format!("{file} leads out of the directories with source files"));
    };
    for directory in path_list(&search).filter(|directory| !directory.is_empty()).take(MOST_PATHS) {
        let directory = files.working_directory.join(directory);
        // Also in the directories above.
        for directory in directory.ancestors() {
            if let Some(text) = open(&directory.join(&path)) {
                return text;
            }
        }
    }
    Err(format!("could not find file {} on path {search}", path.display()))
}

/// Where sources are expected.
fn directories(source_path: &str, files: &FileSettings) -> Directories {
    let tools = [(&files.cargo_home, "registry/src"), (&files.rustup_home, "toolchains")];
    let of_tools = tools.iter().filter_map(|(home, inner)| Some(home.as_ref()?.join(inner)));
    let named = path_list(source_path).filter(|directory| !directory.is_empty()).take(MOST_PATHS);
    Directories {
        of_tools: of_tools.collect(),
        named: named.map(|directory| files.working_directory.join(directory)).collect(),
        working: files.working_directory.clone(),
    }
}

/// A path without the first prefix of `trim_path` that it has. Without `trim_path`: without what is above a directory
/// that is named as one of `search`. Both are [lists](path_list).
fn trimmed<'p>(path: &'p str, trim_path: &str, search: &str) -> &'p str {
    if trim_path.is_empty() {
        for directory in path_list(search).take(MOST_PATHS) {
            let name = Path::new(directory).file_name().and_then(|name| name.to_str());
            let Some(name) = name else { continue };
            if let Some((_, rest)) = path.split_once(&format!("/{name}/")) {
                return rest;
            }
        }
    }
    let prefixes = path_list(trim_path).filter(|path| !path.is_empty()).take(MOST_PATHS);
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

/// The text of a file; `None` if there is none.
fn open(path: &Path, directories: &Directories, budget: &Budget) -> Option<Result<String, String>> {
    let shown = path.display().to_string();
    if !directories.is_source(path) {
        // It is looked at, not opened.
        std::fs::symlink_metadata(path).ok()?;
        return Some(Err(format!("{shown} is not opened: it is not named like source code")));
    }
    let (place, directories, own) = (Place::Named(path.to_owned()), directories.clone(), budget.clone());
    let read = move || {
        let file = match place.open() {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return None,
            Err(error) => return Some(Err(format!("open {shown}: {error}"))),
        };
        if let Err(why) = directories.may_show(&file) {
            return Some(Err(format!("{shown} {why}")));
        }
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
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
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
    fn no_name_leads_out_of_its_directory() {
        assert_eq!(inner("src/../gen/a.rs"), Some("gen/a.rs".into()));
        assert_eq!([inner("../a.rs"), inner("a/../../b.rs"), inner("")], [None, None, None]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_link_of_another_user_leads_to_a_file_that_is_shown() {
        use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = std::env::temp_dir().join(format!("rgops-named-{}", std::process::id()));
        std::fs::create_dir_all(root.join("kept")).unwrap();
        std::fs::create_dir_all(root.join("mal/include")).unwrap();
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(&root, 0o755);
        let (secret, code) = (root.join("kept/secret"), root.join("kept/secret.rs"));
        for file in [&secret, &code] {
            std::fs::write(file, "secret").unwrap();
            mode(file, 0o644);
        }
        let link = root.join("mal/include/etc");
        symlink(root.join("kept"), &link).unwrap();
        std::fs::hard_link(&code, root.join("mal/second.rs")).unwrap();
        for path in [root.join("mal"), root.join("mal/include"), link.clone()] {
            lchown(path, Some(65534), None).unwrap();
        }
        let files = FileSettings { working_directory: "/".into(), ..FileSettings::default() };
        let read = |path: &Path| {
            read(&path.to_string_lossy(), &Settings::default(), &files, &crate::budget::standard())
        };
        assert_eq!(read(&code).as_deref(), Ok("secret"));
        for (path, why) in [
            (link.join("secret"), "not named like source code"),
            (link.join("secret.rs"), "is a symbolic link of uid 65534"),
            (root.join("mal/second.rs"), "it has a second name"),
        ] {
            let error = read(&path).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        // A file of another user that only that user may read.
        mode(&code, 0o600);
        lchown(&code, Some(65534), None).unwrap();
        std::fs::remove_file(root.join("mal/second.rs")).unwrap();
        let error = read(&code).unwrap_err();
        assert!(error.contains("only by its owner or group") && error.contains("-source_path"), "{error}");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
