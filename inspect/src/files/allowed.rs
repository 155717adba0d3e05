//! Tests that files are opened only in `files/checked.rs` and in the places listed here. Each entry states why
//! no other process chose the name of the file. The crates that read debug information do not open files.

use std::path::Path;

/// Code that opens a file by its name.
const OPENING: [&str; 9] = [
    "File::open",
    "File::options",
    "OpenOptions::new",
    "fs::read(",
    "fs::read_to_string",
    "openat(",
    "openat2(",
    "Mmap",
    "memmap",
];

/// Where files are opened, how often, and which files.
const ALLOWED: [(&str, usize, &str); 19] = [
    ("cache/directory.rs", 2, "our own cache"),
    ("client/local.rs", 4, "a socket and its directory, to be checked (O_PATH)"),
    ("files/checked.rs", 9, "checks each file before it is opened"),
    ("files/process.rs", 4, "/proc/PID, and what is in it"),
    ("identity.rs", 1, "/proc/PID"),
    ("own_use.rs", 1, "/proc/self"),
    ("output/file.rs", 2, "the operator's, to be written"),
    ("output/place/reached.rs", 1, "no link of others is followed, nor the last name"),
    ("output/place/other.rs", 2, "the operator's, to be written"),
    ("output/place/unix.rs", 3, "the operator's, to be written"),
    ("output/place/walk.rs", 3, "the operator's, no link of others is followed"),
    ("output/private.rs", 3, "the user's own: a history, settings; no link is followed"),
    ("processes/linux/numbers.rs", 2, "/proc/uptime, /proc/meminfo"),
    ("processes/linux/suspended.rs", 1, "cgroup.freeze, freezer.self_freezing: of the kernel"),
    ("processes/user.rs", 1, "/etc/passwd"),
    ("procfs/file.rs", 2, "/proc/PID"),
    ("profile/file.rs", 1, "the operator's, to be written"),
    ("token_file.rs", 2, "the operator's, checked once open"),
    ("trace/file.rs", 1, "the operator's, to be written"),
];

#[test]
fn files_are_opened_only_in_the_allowed_places() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    find_openings(&sources, &mut found);
    for (path, uses) in &found {
        let allowed = ALLOWED.iter().find(|(allowed, ..)| allowed == path);
        let most = allowed.map_or(0, |(_, uses, _)| *uses);
        assert!(*uses <= most, "{path} opens {uses} files by name: use files::Place");
    }
    assert!(
        found.iter().any(|(path, _)| path == "files/checked.rs"),
        "the search finds known places: {found:?}"
    );
}

/// Paths that lead out of a crate that does no I/O.
const OUTSIDE: [&str; 6] = ["std::fs", "std::net", "std::os", "std::process", "std::env", "rustix"];

#[test]
fn crates_without_io_open_no_files() {
    let mut visited = 0;
    for name in ["dwarf", "pprof", "tasks"] {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        each_source(&sources, &sources, &mut |path, code| {
            visited += 1;
            let leads_out = |line: &&str| OPENING.iter().chain(&OUTSIDE).any(|what| line.contains(what));
            let found = code.lines().filter(|line| !line.trim_start().starts_with("//")).find(leads_out);
            assert_eq!(found, None, "{name}/src/{path}");
        });
    }
    assert!(visited > 40, "the search finds the sources: {visited}");
}

fn find_openings(sources: &Path, found: &mut Vec<(String, usize)>) {
    each_source(sources, sources, &mut |name, code| {
        // `procfs` is a module of this crate, and not `fs`.
        let code = code.replace("procfs::read(", "");
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let uses = lines.filter(|line| OPENING.iter().any(|opening| line.contains(opening))).count();
        if uses > 0 {
            found.push((name.to_owned(), uses));
        }
    });
}

/// Calls `each` with the path and the code of every source file, without tests, which open only their own
/// files.
fn each_source(sources: &Path, directory: &Path, each: &mut dyn FnMut(&str, &str)) {
    let entries = std::fs::read_dir(directory).expect("the sources are there");
    for path in entries.map(|entry| entry.expect("it can be read").path()) {
        let name = path.strip_prefix(sources).expect("it is below").to_string_lossy().into_owned();
        if path.is_dir() && !name.ends_with("tests") {
            each_source(sources, &path, each);
        }
        let is_test =
            ["tests.rs", "allowed.rs", "schemas.rs", "schema.rs"].iter().any(|test| name.ends_with(test));
        if is_test || path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("it can be read");
        // Tests are at the end.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        each(&name, code);
    }
}
