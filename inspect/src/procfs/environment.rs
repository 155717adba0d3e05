//! The arguments and environment that a process was started with.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SWITCH_VARIABLE};
use rgops_protocol::received::{PATH_CHARACTERS, text_of};

use super::living::read_living;

/// Characters kept of a command line: the same number as of a path, more than a screen shows.
const COMMAND_CHARACTERS: usize = PATH_CHARACTERS;

/// The variables that decide the directory of a process's agent socket, as they were when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartEnvironment {
    pub(crate) discovery: Environment,
    /// Whether `RGOPS=off` forbids an agent.
    pub(crate) is_switched_off: bool,
}

impl StartEnvironment {
    /// Reads `/proc/PID/environ`: readable for the same user and for root.
    pub(crate) fn read(pid: u32, uid: u32) -> io::Result<StartEnvironment> {
        Ok(StartEnvironment::parse(&read_living(pid, "environ")?, uid))
    }

    fn parse(bytes: &[u8], uid: u32) -> StartEnvironment {
        let variable = |name: &str| {
            bytes.split(|&byte| byte == 0).find_map(|entry| {
                let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
                Some(OsString::from_vec(value.to_vec()))
            })
        };
        StartEnvironment {
            discovery: Environment {
                rgops_dir: variable(DIRECTORY_VARIABLE),
                xdg_runtime_dir: variable("XDG_RUNTIME_DIR"),
                tmpdir: variable("TMPDIR"),
                uid,
            },
            is_switched_off: variable(SWITCH_VARIABLE).is_some_and(|value| value == "off"),
        }
    }
}

/// The arguments, with NUL replaced by a space as `ps` does; empty for a zombie. Cut after
/// [`COMMAND_CHARACTERS`] characters.
pub(crate) fn command_line(pid: u32) -> io::Result<String> {
    let bytes = read_living(pid, "cmdline")?;
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    Ok(text_of(spaced.trim_ascii_end(), COMMAND_CHARACTERS))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn variables_are_found_by_their_whole_names() {
        let environment = StartEnvironment::parse(b"XRGOPS_DIR=/no\0RGOPS_DIR=/a=b\0TMPDIR=\0RGOPS=off\0", 7);
        assert_eq!(environment.discovery.rgops_dir, Some("/a=b".into()));
        assert_eq!(environment.discovery.xdg_runtime_dir, None);
        assert!(environment.is_switched_off);
    }

    #[test]
    fn the_test_process_has_a_command_line() {
        assert!(!command_line(std::process::id()).unwrap().is_empty());
    }
}
