//! Where the tool is, and the environment it gets.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::missing::Missing;
use crate::cache;

/// Variables that the tool needs, besides its own.
const NEEDED: [&str; 3] = ["PATH", "HOME", "XDG_CACHE_HOME"];
/// Where the network is reached through a proxy. As root, only what the tool needs is passed.
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
/// Limits for where the operator set none: a stalled server, a download that outlives rgops, a full disk.
const LIMITS: [(&str, &str); 3] =
    [("DEBUGINFOD_TIMEOUT", "30"), ("DEBUGINFOD_MAXTIME", "60"), ("DEBUGINFOD_MAXSIZE", "4294967296")];

/// Whether the operator named servers.
pub(super) fn has_servers() -> bool {
    std::env::var_os("DEBUGINFOD_URLS").is_some_and(|urls| !urls.to_string_lossy().trim().is_empty())
}

/// The tool, in an absolute folder of `PATH`: the working directory may be another user's.
pub(super) fn tool() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    places.find_map(|folder| Some(folder.join("debuginfod-find")).filter(|tool| tool.is_file()))
}

/// The environment of the tool.
pub(super) fn variables(
    all: impl Iterator<Item = (OsString, OsString)>,
    is_root: bool,
) -> Vec<(OsString, OsString)> {
    let is_passed = |name: &OsStr| {
        let name = name.to_string_lossy();
        // These print without end.
        let prints = ["DEBUGINFOD_VERBOSE", "DEBUGINFOD_PROGRESS"].contains(&&*name);
        let is_proxy = !is_root && PROXIES.contains(&&*name.to_ascii_lowercase());
        NEEDED.contains(&&*name) || is_proxy || (name.starts_with("DEBUGINFOD_") && !prints)
    };
    let mut passed: Vec<_> = all.filter(|(name, _)| is_passed(name)).collect();
    for (name, limit) in LIMITS {
        if !passed.iter().any(|(passed, _)| passed == name) {
            passed.push((name.into(), limit.into()));
        }
    }
    passed
}

/// Refuses, as root, to have files written into a directory of another user, who could exchange what is in it.
pub(super) fn check_cache() -> Result<(), Missing> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let directory =
        absolute("DEBUGINFOD_CACHE_PATH").or_else(|| absolute("XDG_CACHE_HOME")).or_else(|| absolute("HOME"));
    let directory = directory.as_deref().unwrap_or(Path::new("/"));
    if !is_root() || cache::is_in_own(directory) {
        return Ok(());
    }
    let reason = format!(
        "debuginfod-find was not run: its cache would be in {}, which belongs to another user",
        directory.display()
    );
    Err(Missing { reason, fix: "set DEBUGINFOD_CACHE_PATH to a directory of root".to_owned() })
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_tool_needs_is_passed() {
        let given = [
            ("PATH", "/bin"),
            ("LD_PRELOAD", "/tmp/evil.so"),
            ("DEBUGINFOD_URLS", "http://one http://two"),
            ("DEBUGINFOD_TIMEOUT", "5"),
            ("DEBUGINFOD_VERBOSE", "1"),
            ("HTTPS_PROXY", "http://proxy"),
            ("RGOPS_TOKEN", "secret"),
        ];
        let names = |is_root| {
            let given = given.iter().map(|(name, value)| (name.into(), value.into()));
            let passed = variables(given, is_root).into_iter();
            passed.map(|(name, value)| format!("{}={}", name.display(), value.display())).collect::<Vec<_>>()
        };
        let as_root = [
            "PATH=/bin",
            "DEBUGINFOD_URLS=http://one http://two",
            "DEBUGINFOD_TIMEOUT=5",
            "DEBUGINFOD_MAXTIME=60",
            "DEBUGINFOD_MAXSIZE=4294967296",
        ];
        assert_eq!(names(true), as_root);
        assert!(names(false).contains(&"HTTPS_PROXY=http://proxy".to_owned()));
        assert_eq!(names(false).len(), as_root.len() + 1);
    }
}
