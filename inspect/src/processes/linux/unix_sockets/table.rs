//! The listening agent sockets of a network namespace, and which of them are trusted.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, BufRead};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use super::claims::Claims;
use super::descriptors::{held, sockets};
use super::line::{agent_path, each_line};
use crate::procfs;

/// Time limit for one table: the kernel writes a line for each socket of any process.
pub(crate) const LONGEST_READ: Duration = Duration::from_secs(4);
/// Time limit for a second read of the table, for one process.
const SECOND_READ: Duration = Duration::from_secs(1);
/// Maximum lines kept for one name: an honest name has one.
pub(super) const MAX_LINES: usize = 64;

/// Listening sockets of a network namespace.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) listening: HashMap<SocketName, Lines>,
    pub(super) coverage: Coverage,
}

/// How much of a table is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// All of it.
    All,
    /// A part of it: it was too long to read to the end.
    Cut,
    /// The system does not show it.
    Hidden,
}

/// The sockets of one name.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Whether there are more lines than were kept.
    pub(super) is_cut: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) inode: u64,
    /// The socket's directory, as its process named it.
    directory: PathBuf,
    /// Whether it may be part of another socket's name.
    pub(super) may_be_name: bool,
    /// For a line that may be part of a name: whether another line of the same socket exists.
    other: Other,
}

/// Whether another line belongs to the same socket: the kernel writes one line per socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Other {
    None,
    /// Another line that may also be part of a name: one of the two lines is.
    Doubtful,
    /// A line that the kernel wrote, so this line is part of a name.
    Real,
}

/// The network namespace of a process, by its inode.
pub(crate) fn namespace(pid: u32) -> Option<u64> {
    fs::metadata(format!("{}/ns/net", procfs::directory(pid))).ok().map(|namespace| namespace.ino())
}

impl Table {
    /// The lines of these names in the network namespace of a process.
    pub(crate) fn read(pid: u32, wanted: &HashSet<SocketName>) -> Table {
        Table::read_lines(pid, LONGEST_READ, |name, _| wanted.contains(&name))
    }

    /// A table that could not be read, or not to its end: other sockets may exist.
    pub(crate) fn unread() -> Table {
        Table { listening: HashMap::new(), coverage: Coverage::Cut }
    }

    /// A table that the system does not show.
    pub(crate) fn hidden() -> Table {
        Table { listening: HashMap::new(), coverage: Coverage::Hidden }
    }

    fn read_lines(pid: u32, time: Duration, is_wanted: impl Fn(SocketName, u64) -> bool) -> Table {
        let open = || procfs::open_living(pid, "net/unix");
        let deadline = Instant::now() + time;
        let Ok(lines) = open() else { return Table::hidden() };
        let mut table = Table::parse(lines, is_wanted, deadline);
        if table.lines().any(|line| line.may_be_name) {
            table.coverage = match open().and_then(|lines| table.compare(lines, deadline)) {
                Ok(true) => table.coverage,
                _ => Coverage::Cut,
            };
        }
        table
    }

    pub(super) fn parse(
        lines: impl BufRead,
        is_wanted: impl Fn(SocketName, u64) -> bool,
        deadline: Instant,
    ) -> Table {
        let mut table = Table { listening: HashMap::new(), coverage: Coverage::All };
        let is_whole = each_line(lines, deadline, |line, may_be_name| {
            let Some((directory, name)) = agent_path(line) else { return };
            if !is_wanted(name, line.inode) {
                return;
            }
            let lines = table.listening.entry(name).or_default();
            if lines.lines.len() >= MAX_LINES {
                lines.is_cut = true;
                return;
            }
            let directory = directory.to_owned();
            lines.lines.push(Line { inode: line.inode, directory, may_be_name, other: Other::None });
        });
        if !is_whole.is_ok_and(|is_whole| is_whole) {
            table.coverage = Coverage::Cut;
        }
        table
    }

    /// Searches for other lines of the sockets with a line that may be part of a name; `false` if the deadline
    /// passed first.
    pub(super) fn compare(&mut self, lines: impl BufRead, deadline: Instant) -> io::Result<bool> {
        let mut names: HashMap<u64, HashSet<SocketName>> = HashMap::new();
        for (name, lines) in &self.listening {
            for line in lines.lines.iter().filter(|line| line.may_be_name) {
                names.entry(line.inode).or_default().insert(*name);
            }
        }
        each_line(lines, deadline, |found, may_be_name| {
            let other = if may_be_name { Other::Doubtful } else { Other::Real };
            let Some(names) = names.get(&found.inode) else { return };
            for name in names {
                let same = agent_path(found).filter(|(_, of)| of == name).map(|(directory, _)| directory);
                let lines = self.listening.get_mut(name).into_iter().flat_map(|lines| &mut lines.lines);
                let lines = lines.filter(|line| line.may_be_name && line.inode == found.inode);
                for line in lines.filter(|line| same != Some(&line.directory)) {
                    line.other = line.other.max(other);
                }
            }
        })
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.listening.values().flat_map(|lines| &lines.lines)
    }

    /// The known entries of a process's agent.
    pub(crate) fn claims(&self, pid: u32, name: SocketName) -> Claims {
        let none = Lines::default();
        let lines = self.listening.get(&name).unwrap_or(&none);
        if !lines.is_cut {
            return Table::claims_in(name, &lines.lines, self.coverage, |inodes| held(pid, inodes));
        }
        // Other users have many sockets of this name: only those of the process are searched.
        let Ok((own, is_whole)) = sockets(pid) else { return Table::hidden().claims(pid, name) };
        let is_own = |found, inode| found == name && own.contains(&inode);
        let table = Table::read_lines(pid, SECOND_READ, is_own);
        let found = table.listening.get(&name).unwrap_or(&none);
        let coverage = if is_whole && !found.is_cut { table.coverage } else { Coverage::Cut };
        Table::claims_in(name, &found.lines, coverage, |inodes| held(pid, inodes))
    }

    /// The entries among `lines` that the process has descriptors of. `held` returns the inodes of these, and
    /// whether all descriptors were read.
    pub(super) fn claims_in(
        name: SocketName,
        lines: &[Line],
        coverage: Coverage,
        held: impl FnOnce(&HashSet<u64>) -> io::Result<(HashSet<u64>, bool)>,
    ) -> Claims {
        let inodes: HashSet<u64> = lines.iter().map(|line| line.inode).collect();
        let (own, is_whole) = match inodes.is_empty() {
            true => (HashSet::new(), true),
            // Where descriptors are not readable, the table is the only evidence.
            false => held(&inodes).unwrap_or((inodes, true)),
        };
        let own: Vec<&Line> = lines.iter().filter(|line| own.contains(&line.inode)).collect();
        let is_doubtful = own.iter().any(|line| line.other == Other::Doubtful);
        let accepted = own.into_iter().filter(|line| line.other == Other::None);
        Claims {
            name,
            directories: accepted.map(|line| line.directory.clone()).collect(),
            is_sure: coverage == Coverage::All && is_whole && !is_doubtful,
            is_visible: coverage != Coverage::Hidden,
        }
    }
}
