//! Why no debug information came from a server.

#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use crate::text::hex;

/// The package with the tool, in Debian and Ubuntu, and in Fedora.
#[cfg(target_os = "linux")]
const INSTALL: &str =
    "apt install debuginfod (Debian, Ubuntu) or dnf install elfutils-debuginfod-client (Fedora)";

/// A reason, and what to do; the latter may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) reason: String,
    pub(crate) fix: String,
}

impl Missing {
    pub(crate) fn because(reason: impl Into<String>) -> Missing {
        Missing { reason: reason.into(), fix: String::new() }
    }
}

/// What may happen where the tool is run.
#[cfg(target_os = "linux")]
impl Missing {
    pub(super) fn tool() -> Missing {
        let reason = "the servers of DEBUGINFOD_URLS were not asked: debuginfod-find is not installed";
        Missing { reason: reason.to_owned(), fix: INSTALL.to_owned() }
    }

    pub(super) fn late(build_id: &[u8], after: Duration) -> Missing {
        let reason =
            format!("debuginfod-find had no file after {} s and was ended", after.as_secs_f64().round());
        let fix = format!("debuginfod-find debuginfo {}; its cache keeps the file", hex(build_id));
        Missing { reason, fix }
    }

    /// What the tool printed on standard error.
    pub(super) fn said(build_id: &[u8], errors: &str) -> Missing {
        let last = errors.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        // The text of ENOENT: each server answered that it has no such file.
        if last.ends_with("No such file or directory") {
            let start = hex(build_id).chars().take(12).collect::<String>();
            return Missing::because(format!("no server of DEBUGINFOD_URLS has its build-id {start}…"));
        }
        let last = if last.is_empty() { "it failed" } else { last };
        Missing::because(format!("debuginfod-find: {last}"))
    }
}
