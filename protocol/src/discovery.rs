//! Names of the directory and the socket files of agents, as pure functions.
//!
//! The directory is the first of `$RGOPS_DIR`, `$XDG_RUNTIME_DIR/rgops` and `rgops-UID` in the
//! system's temporary directory. Both sides check it before they trust it: it must be a directory
//! owned by their user, with mode 0700, and not a symbolic link.

use std::ffi::OsString;
use std::path::PathBuf;

/// Environment variable that names the directory of sockets.
pub const DIRECTORY_VARIABLE: &str = "RGOPS_DIR";
/// Environment variable that switches the agent off when it is `off`.
pub const SWITCH_VARIABLE: &str = "RGOPS";
/// Environment variable that makes the agent print scheduler traces without a request.
pub const DEBUG_VARIABLE: &str = "RGOPS_DEBUG";
/// Environment variable from which the CLI and the agent may take the token of TCP connections.
pub const TOKEN_VARIABLE: &str = "RGOPS_TOKEN";

/// The environment that determines the directory. The agent passes its own; the inspector also passes the
/// target's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$RGOPS_DIR`.
    pub rgops_dir: Option<OsString>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<OsString>,
    /// `$TMPDIR`; `/tmp` when unset or empty.
    pub tmpdir: Option<OsString>,
    /// The user the process runs as.
    pub uid: u32,
}

impl Environment {
    /// The directory of the sockets of this environment's agents.
    pub fn directory(&self) -> PathBuf {
        let set =
            |value: &Option<OsString>| value.clone().filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(directory) = set(&self.rgops_dir) {
            return directory;
        }
        if let Some(runtime) = set(&self.xdg_runtime_dir) {
            return runtime.join("rgops");
        }
        set(&self.tmpdir).unwrap_or_else(|| PathBuf::from("/tmp")).join(format!("rgops-{}", self.uid))
    }
}

/// The process that a socket belongs to, according to the socket's file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketName {
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot, see [`crate::hello::AgentHello::start_time`].
    pub start_time: u64,
}

impl SocketName {
    /// `PID-STARTTIME.sock`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.sock", self.pid, self.start_time)
    }

    /// Parses a file name; `None` when it is not a socket of an agent.
    pub fn parse(file_name: &str) -> Option<SocketName> {
        let (pid, start_time) = file_name.strip_suffix(".sock")?.split_once('-')?;
        let name = SocketName { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? };
        // Accepts only the canonical spelling: "+7" and "007" also parse as numbers.
        (name.file_name() == file_name).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_foreign_names_are_ignored() {
        let name = SocketName { pid: 4711, start_time: 99 };
        assert_eq!(SocketName::parse(&name.file_name()), Some(name));
        for stranger in
            ["4711.sock", "4711-99", "-1-2.sock", "+7-1.sock", "007-1.sock", ".4711-99.sock", "a-b.sock"]
        {
            assert_eq!(SocketName::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn the_directory_is_the_first_that_is_set() {
        let mut environment = Environment { uid: 7, ..Environment::default() };
        assert_eq!(environment.directory(), PathBuf::from("/tmp/rgops-7"));
        environment.tmpdir = Some("/var/tmp".into());
        assert_eq!(environment.directory(), PathBuf::from("/var/tmp/rgops-7"));
        environment.xdg_runtime_dir = Some("/run/user/7".into());
        assert_eq!(environment.directory(), PathBuf::from("/run/user/7/rgops"));
        environment.rgops_dir = Some("".into());
        assert_eq!(environment.directory(), PathBuf::from("/run/user/7/rgops"));
        environment.rgops_dir = Some("/srv/rgops".into());
        assert_eq!(environment.directory(), PathBuf::from("/srv/rgops"));
    }
}
