//! Which sockets listen, as the kernel's table of a network namespace says (proc_pid_net(5)): a socket's
//! file outlives its listener, and a listener its file.
//!
//! Whoever may make sockets fills this table, with what names they like: it is read once a namespace, up
//! to a limit, and only names an agent's socket could have are kept.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rgops_protocol::discovery::SocketName;

/// Of all tables together, for one look: about 80,000 sockets.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Directories kept for one name: an honest one has one.
const MAX_DIRECTORIES: usize = 8;
/// `__SO_ACCEPTCON` (include/linux/net.h): it listens.
const LISTENS: u64 = 0x1_0000;
/// The longest path bind(2) takes. A longer one is bound through a descriptor of its directory.
const MAX_SOCKET_PATH: usize = 107;

/// The tables of all network namespaces that were looked at.
#[derive(Debug)]
pub(super) struct BoundSockets {
    /// By the namespace's inode.
    tables: HashMap<u64, Table>,
    left_bytes: u64,
    unknown: Table,
}

/// Listening sockets of a network namespace.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The directories in which sockets of this name listen, as the processes named them.
    listening: HashMap<SocketName, Vec<PathBuf>>,
    /// Whether there are no others.
    is_whole: bool,
}

impl Default for BoundSockets {
    fn default() -> BoundSockets {
        BoundSockets { tables: HashMap::new(), left_bytes: MAX_BYTES, unknown: Table::default() }
    }
}

impl BoundSockets {
    /// The table of the process' network namespace; one that knows nothing where it may not be read.
    pub(super) fn of(&mut self, pid: u32) -> &Table {
        let Ok(namespace) = fs::metadata(format!("/proc/{pid}/ns/net")) else { return &self.unknown };
        let left_bytes = &mut self.left_bytes;
        self.tables.entry(namespace.ino()).or_insert_with(|| {
            let mut bytes = Vec::new();
            let table = File::open(format!("/proc/{pid}/net/unix"));
            let read = table.and_then(|table| table.take(*left_bytes).read_to_end(&mut bytes));
            let is_whole = read.is_ok() && (bytes.len() as u64) < *left_bytes;
            *left_bytes = left_bytes.saturating_sub(bytes.len() as u64);
            Table::parse(&bytes, is_whole)
        })
    }
}

impl Table {
    fn parse(bytes: &[u8], is_whole: bool) -> Table {
        let mut listening: HashMap<SocketName, Vec<PathBuf>> = HashMap::new();
        for path in bytes.split(|byte| *byte == b'\n').skip(1).filter_map(listening_path) {
            let path = Path::new(OsStr::from_bytes(path));
            let Some(name) = path.file_name().and_then(|name| agent_name(name.to_str()?)) else { continue };
            let directories = listening.entry(name).or_default();
            if let Some(directory) = path.parent()
                && directories.len() < MAX_DIRECTORIES
            {
                directories.push(directory.to_owned());
            }
        }
        Table { listening, is_whole }
    }

    /// Where the process says it put this socket, when it listens: directories that can be looked in.
    pub(super) fn directories(&self, name: SocketName) -> impl Iterator<Item = &Path> {
        let all = self.listening.get(&name).into_iter().flatten().map(PathBuf::as_path);
        all.filter(|directory| !is_short_cut(directory))
    }

    /// Whether a socket of this name listens anywhere.
    pub(super) fn has(&self, name: SocketName) -> bool {
        self.listening.contains_key(&name)
    }

    /// Whether the socket `name` in `directory`, as the process names that, may listen: `false` when it
    /// is known not to.
    pub(super) fn may_listen(&self, directory: &Path, name: SocketName) -> bool {
        let Some(known) = self.listening.get(&name) else { return !self.is_whole };
        let is_long = directory.join(name.file_name()).as_os_str().len() > MAX_SOCKET_PATH;
        // Compared by their parts: `/run//x` is `/run/x`. A relative one was made absolute by the agent.
        !self.is_whole
            || directory.is_relative()
            || known
                .iter()
                .any(|known| known.components().eq(directory.components()) || is_long && is_short_cut(known))
    }
}

/// Whether a directory is named by a descriptor of the process, because its path is long.
fn is_short_cut(directory: &Path) -> bool {
    directory.starts_with("/proc/self/fd") || directory.starts_with("/proc/thread-self/fd")
}

/// The path behind the seven columns of a line, when it is that of a listening socket. It may hold spaces;
/// abstract names begin with `@`.
fn listening_path(line: &[u8]) -> Option<&[u8]> {
    let mut rest = line;
    let mut flags = None;
    for column in 0..7 {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| *byte == b' ')?;
        if column == 3 {
            flags = u64::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?, 16).ok();
        }
        rest = rest.get(end..)?;
    }
    let path = rest.trim_ascii_start();
    (flags? & LISTENS != 0 && path.first() == Some(&b'/')).then_some(path)
}

/// The name of an agent's socket; older agents bound it as `.NAME.xxxxxxxx` and renamed it.
fn agent_name(file_name: &str) -> Option<SocketName> {
    SocketName::parse(file_name).or_else(|| {
        let (name, random) = file_name.strip_prefix('.')?.rsplit_once('.')?;
        (random.len() == 8).then(|| SocketName::parse(name))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";

    fn table(lines: &[&str], is_whole: bool) -> Table {
        Table::parse(format!("{HEAD}{}\n", lines.join("\n")).as_bytes(), is_whole)
    }

    fn line(flags: &str, path: &str) -> String {
        format!("0000000000000000: 00000002 00000000 {flags} 0001 01 27433 {path}")
    }

    #[test]
    fn only_what_listens_counts() {
        let name = SocketName { pid: 7, start_time: 9 };
        let listens = table(&[&line("00010000", "/run/a b/7-9.sock")], true);
        assert_eq!(listens.directories(name).collect::<Vec<_>>(), [Path::new("/run/a b")]);
        assert!(listens.has(name) && listens.may_listen(Path::new("/run//a b/"), name));
        assert!(!listens.may_listen(Path::new("/run"), name));
        let bound = table(&[&line("00000000", "/run/7-9.sock")], true);
        assert!(!bound.has(name) && !bound.may_listen(Path::new("/run"), name));
        let older = table(&[&line("00010000", "/run/.7-9.sock.0badcafe")], true);
        assert!(older.may_listen(Path::new("/run"), name));
    }

    #[test]
    fn what_is_not_known_may_listen() {
        let name = SocketName { pid: 7, start_time: 9 };
        let cut = table(&[], false);
        assert!(!cut.has(name) && cut.may_listen(Path::new("/run"), name));
        // Long paths are bound through a descriptor.
        let long = format!("/run/{}", "x".repeat(120));
        let table = table(&[&line("00010000", "/proc/thread-self/fd/11/7-9.sock")], true);
        assert!(table.may_listen(Path::new(&long), name) && !table.may_listen(Path::new("/run"), name));
        assert!(table.has(name) && table.directories(name).next().is_none());
        // Relative ones were made absolute.
        assert!(table.may_listen(Path::new("run"), name));
    }

    #[test]
    fn hostile_tables_are_bounded() {
        let name = SocketName { pid: 7, start_time: 9 };
        let many: Vec<String> =
            (0..1000).map(|number| line("00010000", &format!("/{number}/7-9.sock"))).collect();
        let lines: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(table(&lines, true).directories(name).count(), MAX_DIRECTORIES);
        for odd in [
            "",
            "x",
            "0: 0 0 zz 0 0 0 /run/7-9.sock",
            "0: 0 0 00010000 0 0 0 @/run/7-9.sock",
            "0: 0 0 00010000 0 0 0",
            "0: 0 0 00010000 0 0 0 7-9.sock",
            "/run/7-9.sock",
        ] {
            assert!(!table(&[odd], true).has(name), "{odd}");
        }
        assert!(!Table::parse(&[0xff; 64], true).has(name));
    }
}
