//! Which sockets listen, as the kernel's table of a network namespace says (proc_pid_net(5)): a socket's
//! file outlives its listener, and a listener its file.
//!
//! Whoever may make sockets fills this table, with what names they like. So it is read line by line until a
//! deadline, only lines with names that are looked for are kept, and a line is believed only when the process
//! has a descriptor of that very socket. A name may hold line ends, and so something that looks like a line:
//! that is seen by its place, within the longest name behind the path of another socket, and then believed
//! only when no other line is of the same socket.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use super::procfs;

/// For one table: the kernel writes a line for each socket, of whomever it is.
pub(super) const LONGEST_READ: Duration = Duration::from_secs(4);
/// For the table once more, for one process.
const SECOND_READ: Duration = Duration::from_secs(1);
/// Lines kept for one name: an honest one has one.
const MAX_LINES: usize = 64;
/// A line of the table is shorter: seven columns and a name of 108 bytes.
const LONGEST_LINE: u64 = 1024;
/// The longest name of a socket (`sun_path` of unix(7)).
const LONGEST_NAME: u64 = 108;
/// Lines read from one look at the clock to the next.
const LINES_A_LOOK: u64 = 1024;
/// Descriptors of a process that are looked at.
const MAX_DESCRIPTORS: usize = 256 * 1024;
/// Sockets of a process that are kept.
const MAX_SOCKETS: usize = 64 * 1024;
/// `__SO_ACCEPTCON` (include/linux/net.h): it listens.
const LISTENS: u64 = 0x1_0000;
/// The longest path bind(2) takes. A longer one is bound through a descriptor of its directory.
const MAX_SOCKET_PATH: usize = 107;

/// Listening sockets of a network namespace.
#[derive(Debug)]
pub(super) struct Table {
    listening: HashMap<SocketName, Lines>,
    told: Told,
}

/// How much of a table is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    /// It was too long.
    Cut,
    /// The system does not tell.
    Nothing,
}

/// The sockets of one name.
#[derive(Debug, Default)]
struct Lines {
    lines: Vec<Line>,
    /// Whether there are more.
    is_cut: bool,
}

#[derive(Debug)]
struct Line {
    inode: u64,
    /// Where the socket is, as its process named it.
    directory: PathBuf,
    /// Whether it may be a part of the name of another socket.
    may_be_name: bool,
    /// What another line of the same socket tells of one that may.
    other: Other,
}

/// Whether another line is of the same socket: the kernel writes one a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    None,
    /// It may be a name as well: one of the two is.
    Doubtful,
    /// It is the kernel's, so this one is a name.
    Real,
}

/// What the table says of one agent.
#[derive(Debug)]
pub(super) struct Claims {
    name: SocketName,
    /// The directories in which it listens, as its process named them.
    directories: Vec<PathBuf>,
    /// Whether there are no others.
    is_sure: bool,
    /// Whether the system told anything.
    is_told: bool,
}

/// The network namespace of a process, by its inode.
pub(super) fn namespace(pid: u32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/net")).ok().map(|namespace| namespace.ino())
}

impl Table {
    /// The lines of these names in the network namespace of a process.
    pub(super) fn read(pid: u32, wanted: &HashSet<SocketName>) -> Table {
        Table::read_lines(pid, LONGEST_READ, |name, _| wanted.contains(&name))
    }

    /// One that nothing is known of because it could not be read to its end.
    pub(super) fn unread() -> Table {
        Table { listening: HashMap::new(), told: Told::Cut }
    }

    /// One that the system does not tell.
    pub(super) fn untold() -> Table {
        Table { listening: HashMap::new(), told: Told::Nothing }
    }

    fn read_lines(pid: u32, time: Duration, is_wanted: impl Fn(SocketName, u64) -> bool) -> Table {
        let open = || procfs::open(pid, "net/unix");
        let deadline = Instant::now() + time;
        let Ok(lines) = open() else { return Table::untold() };
        let mut table = Table::parse(lines, is_wanted, deadline);
        if table.lines().any(|line| line.may_be_name) {
            table.told = match open().and_then(|lines| table.compare(lines, deadline)) {
                Ok(true) => table.told,
                _ => Told::Cut,
            };
        }
        table
    }

    fn parse(lines: impl BufRead, is_wanted: impl Fn(SocketName, u64) -> bool, deadline: Instant) -> Table {
        let mut table = Table { listening: HashMap::new(), told: Told::All };
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
            table.told = Told::Cut;
        }
        table
    }

    /// Looks for other lines of the sockets whose lines may be names; `false` when that was cut.
    fn compare(&mut self, lines: impl BufRead, deadline: Instant) -> io::Result<bool> {
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

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.listening.values().flat_map(|lines| &lines.lines)
    }

    /// What is known of the agent of a process.
    pub(super) fn claims(&self, pid: u32, name: SocketName) -> Claims {
        let nobody = Lines::default();
        let lines = self.listening.get(&name).unwrap_or(&nobody);
        if !lines.is_cut {
            return Table::believed(name, &lines.lines, self.told, |inodes| held(pid, inodes));
        }
        // Others have many sockets of this name: only those of the process are looked for.
        let Ok((own, is_whole)) = sockets(pid) else { return Table::untold().claims(pid, name) };
        let is_own = |found, inode| found == name && own.contains(&inode);
        let table = Table::read_lines(pid, SECOND_READ, is_own);
        let found = table.listening.get(&name).unwrap_or(&nobody);
        let told = if is_whole && !found.is_cut { table.told } else { Told::Cut };
        Table::believed(name, &found.lines, told, |inodes| held(pid, inodes))
    }

    fn believed(
        name: SocketName,
        lines: &[Line],
        told: Told,
        held: impl FnOnce(&HashSet<u64>) -> io::Result<(HashSet<u64>, bool)>,
    ) -> Claims {
        let inodes: HashSet<u64> = lines.iter().map(|line| line.inode).collect();
        let (own, is_whole) = match inodes.is_empty() {
            true => (HashSet::new(), true),
            // Where descriptors are not told, the table is all there is.
            false => held(&inodes).unwrap_or((inodes, true)),
        };
        let own: Vec<&Line> = lines.iter().filter(|line| own.contains(&line.inode)).collect();
        let is_doubtful = own.iter().any(|line| line.other == Other::Doubtful);
        let believed = own.into_iter().filter(|line| line.other == Other::None);
        Claims {
            name,
            directories: believed.map(|line| line.directory.clone()).collect(),
            is_sure: told == Told::All && is_whole && !is_doubtful,
            is_told: told != Told::Nothing,
        }
    }
}

impl Claims {
    /// Where the process says it put its socket, when it listens: directories that can be looked in.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path).filter(|directory| !is_short_cut(directory))
    }

    /// Whether it listens anywhere.
    pub(super) fn has(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Whether all that listens is known, or nothing can be.
    pub(super) fn is_settled(&self) -> bool {
        self.is_sure || !self.is_told
    }

    /// Whether the socket in `directory`, as the process names that, listens; `None` when that is not known.
    pub(super) fn listens(&self, directory: &Path) -> Option<bool> {
        if !self.is_told {
            // The file is all there is to believe.
            return Some(true);
        }
        let is_long = directory.join(self.name.file_name()).as_os_str().len() > MAX_SOCKET_PATH;
        // Compared by their parts: `/run//x` is `/run/x`. A relative one was made absolute by the agent.
        let is_here = |known: &PathBuf| {
            directory.is_relative()
                || known.components().eq(directory.components())
                || is_long && is_short_cut(known)
        };
        match self.directories.iter().any(is_here) {
            true => Some(true),
            false => self.is_sure.then_some(false),
        }
    }
}

/// Whether a directory is named by a descriptor of the process, because its path is long.
fn is_short_cut(directory: &Path) -> bool {
    directory.starts_with("/proc/self/fd") || directory.starts_with("/proc/thread-self/fd")
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    inode: u64,
    listens: bool,
    /// What the socket is bound to.
    path: Option<&'a [u8]>,
}

/// Calls `take` with each line, and whether it may be a part of another one's name; `false` when the deadline
/// came first.
fn each_line(
    mut lines: impl BufRead,
    deadline: Instant,
    mut take: impl FnMut(Found<'_>, bool),
) -> io::Result<bool> {
    let mut line = Vec::new();
    // Where the paths begin that may go on in this line.
    let mut paths: VecDeque<u64> = VecDeque::new();
    let mut at = 0;
    for number in 0_u64.. {
        if number % LINES_A_LOOK == 0 && Instant::now() >= deadline {
            return Ok(false);
        }
        line.clear();
        if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let begin = at;
        at += line.len() as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let Some(found) = parse_line(text).filter(|_| number > 0) else { continue };
        let end = begin + text.len() as u64;
        paths.retain(|path| end - path <= LONGEST_NAME);
        take(found, !paths.is_empty());
        paths.extend(found.path.map(|path| end - path.len() as u64));
    }
    Ok(true)
}

/// What stands in the seven columns of a line, and the path behind them, which may hold spaces; abstract names
/// begin with `@`. The line of a socket without a name ends behind its inode.
fn parse_line(line: &[u8]) -> Option<Found<'_>> {
    let mut rest = line;
    let (mut flags, mut inode) = (None, None);
    for column in 0..7 {
        rest = rest.trim_ascii_start();
        let end = match rest.iter().position(|byte| *byte == b' ') {
            None if column == 6 => rest.len(),
            end => end?,
        };
        let text = std::str::from_utf8(rest.get(..end)?);
        match column {
            3 => flags = u64::from_str_radix(text.ok()?, 16).ok(),
            6 => inode = text.ok()?.parse().ok(),
            _ => {}
        }
        rest = rest.get(end..)?;
    }
    Some(Found { inode: inode?, listens: flags? & LISTENS != 0, path: rest.strip_prefix(b" ") })
}

/// Directory and name of an agent's socket that listens.
fn agent_path(found: Found<'_>) -> Option<(&Path, SocketName)> {
    let path = Path::new(OsStr::from_bytes(found.path?));
    if !found.listens || !path.is_absolute() {
        return None;
    }
    Some((path.parent()?, agent_name(path.file_name()?.to_str()?)?))
}

/// The name of an agent's socket; older agents bound it as `.NAME.xxxxxxxx` and renamed it.
fn agent_name(file_name: &str) -> Option<SocketName> {
    SocketName::parse(file_name).or_else(|| {
        let (name, random) = file_name.strip_prefix('.')?.rsplit_once('.')?;
        (random.len() == 8).then(|| SocketName::parse(name))?
    })
}

/// Which of these sockets a process has descriptors of, and whether all of its descriptors were looked at. An
/// agent has a table of its own, so its threads are looked at first.
fn held(pid: u32, wanted: &HashSet<u64>) -> io::Result<(HashSet<u64>, bool)> {
    let (mut found, mut left) = (HashSet::new(), MAX_DESCRIPTORS);
    let (ours, others) = threads(pid)?;
    for table in ours.iter().chain([&format!("/proc/{pid}/fd")]).chain(&others) {
        let looked = each_socket(table, &mut left, |inode, link| {
            if wanted.contains(&inode) && is_local(link) {
                found.insert(inode);
            }
        });
        match looked {
            _ if !found.is_empty() => return Ok((found, true)),
            // The thread ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            looked => looked?,
        }
        if left == 0 {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// The sockets of a process, its agent's first; and whether that is all.
fn sockets(pid: u32) -> io::Result<(HashSet<u64>, bool)> {
    let (mut found, mut left) = (HashSet::new(), MAX_DESCRIPTORS);
    let (ours, others) = threads(pid)?;
    for table in ours.iter().chain([&format!("/proc/{pid}/fd")]).chain(&others) {
        let looked = each_socket(table, &mut left, |inode, _| {
            if found.len() < MAX_SOCKETS {
                found.insert(inode);
            }
        });
        match looked {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            looked => looked?,
        }
    }
    let is_whole = left > 0 && found.len() < MAX_SOCKETS;
    Ok((found, is_whole))
}

/// The descriptors of the threads that are an agent's by their name, and of all others.
fn threads(pid: u32) -> io::Result<(Vec<String>, Vec<String>)> {
    let mut threads = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.take(MAX_SOCKETS) {
        let Some(thread) = thread?.file_name().to_str().and_then(|thread| thread.parse::<u32>().ok()) else {
            continue;
        };
        threads.push(thread);
    }
    let is_agents = |thread: &u32| {
        procfs::read(pid, &format!("task/{thread}/comm")).is_ok_and(|name| name.starts_with(b"rgops-"))
    };
    let (ours, others): (Vec<u32>, Vec<u32>) = threads.into_iter().partition(is_agents);
    let tables = |threads: Vec<u32>| {
        threads.iter().map(|thread| format!("/proc/{pid}/task/{thread}/fd")).collect::<Vec<_>>()
    };
    Ok((tables(ours), tables(others)))
}

/// Calls `take` with the inode and the link of each socket among these descriptors.
fn each_socket(table: &str, left: &mut usize, mut take: impl FnMut(u64, &Path)) -> io::Result<()> {
    for entry in fs::read_dir(table)? {
        let Some(fewer) = left.checked_sub(1) else { return Ok(()) };
        *left = fewer;
        let link = entry?.path();
        let Ok(socket) = fs::read_link(&link) else { continue };
        let inode = socket.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
        if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
            take(inode, &link);
        }
    }
    Ok(())
}

/// Whether a socket is no TCP socket or the like; believed where the kernel does not tell.
fn is_local(link: &Path) -> bool {
    let mut protocol = [0; 64];
    match rustix::fs::getxattr(link, c"system.sockprotoname", &mut protocol) {
        Ok(length) => protocol.get(..length).is_none_or(|name| name.starts_with(b"UNIX")),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::BufReader;
    use std::os::unix::net::UnixListener;

    use super::*;

    const HEAD: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";
    const NAME: SocketName = SocketName { pid: 7, start_time: 9 };
    const SOCKET: u64 = 27433;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn text(lines: &[&str]) -> Vec<u8> {
        format!("{HEAD}{}\n", lines.join("\n")).into_bytes()
    }

    fn table(lines: &[&str]) -> Table {
        let text = text(lines);
        let mut table = Table::parse(text.as_slice(), |name, _| name == NAME, later());
        assert!(table.compare(text.as_slice(), later()).unwrap());
        table
    }

    fn claims_of(table: &Table, own: &[u64]) -> Claims {
        let nobody = Lines::default();
        let lines = table.listening.get(&NAME).unwrap_or(&nobody);
        assert!(!lines.is_cut);
        let own: HashSet<u64> = own.iter().copied().collect();
        Table::believed(NAME, &lines.lines, table.told, |_| Ok((own, true)))
    }

    fn claims(lines: &[&str]) -> Claims {
        claims_of(&table(lines), &[SOCKET])
    }

    fn line(flags: &str, path: &str) -> String {
        line_of(SOCKET, flags, path)
    }

    fn line_of(inode: u64, flags: &str, path: &str) -> String {
        format!("0000000000000000: 00000002 00000000 {flags} 0001 01 {inode:5} {path}")
    }

    #[test]
    fn only_what_listens_counts() {
        let listens = claims(&[&line("00010000", "/run/a b/7-9.sock")]);
        assert_eq!(listens.directories().collect::<Vec<_>>(), [Path::new("/run/a b")]);
        assert!(listens.has() && listens.listens(Path::new("/run//a b/")) == Some(true));
        assert_eq!(listens.listens(Path::new("/run")), Some(false));
        let bound = claims(&[&line("00000000", "/run/7-9.sock")]);
        assert!(!bound.has() && bound.listens(Path::new("/run")) == Some(false));
        let older = claims(&[&line("00010000", "/run/.7-9.sock.0badcafe")]);
        assert_eq!(older.listens(Path::new("/run")), Some(true));
    }

    #[test]
    fn what_is_not_known_is_told_from_what_is_not_there() {
        let unread = Table::unread().claims(std::process::id(), NAME);
        assert!(!unread.has() && !unread.is_settled() && unread.listens(Path::new("/run")).is_none());
        let untold = Table::untold().claims(std::process::id(), NAME);
        assert!(untold.is_settled() && untold.listens(Path::new("/run")) == Some(true));
        // Long paths are bound through a descriptor.
        let long = format!("/run/{}", "x".repeat(120));
        let claims = claims(&[&line("00010000", "/proc/thread-self/fd/11/7-9.sock")]);
        assert_eq!(claims.listens(Path::new(&long)), Some(true));
        assert_eq!(claims.listens(Path::new("/run")), Some(false));
        assert!(claims.has() && claims.directories().next().is_none());
        // Relative ones were made absolute.
        assert_eq!(claims.listens(Path::new("run")), Some(true));
    }

    #[test]
    fn a_table_without_end_is_cut_by_the_deadline_and_takes_no_memory() {
        struct Endless(u64);
        impl io::Read for Endless {
            fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                let line = line_of(self.0, "00010000", "/tmp/8-9.sock\n");
                let length = line.len().min(bytes.len());
                bytes[..length].copy_from_slice(&line.as_bytes()[..length]);
                Ok(length)
            }
        }
        let endless = || BufReader::new(Endless(0));
        let deadline = Instant::now() + Duration::from_millis(100);
        let table = Table::parse(endless(), |name, _| name == NAME, deadline);
        assert_eq!((table.told, table.listening.len()), (Told::Cut, 0));
        let flooded = SocketName { pid: 8, ..NAME };
        let deadline = Instant::now() + Duration::from_millis(100);
        let table = Table::parse(endless(), |name, _| name == flooded, deadline);
        assert!(table.lines().count() <= MAX_LINES && table.listening[&flooded].is_cut);
        // One line without end.
        let deadline = Instant::now() + Duration::from_millis(100);
        let table = Table::parse(BufReader::new(io::repeat(b'x')), |_, _| true, deadline);
        assert_eq!((table.told, table.listening.len()), (Told::Cut, 0));
    }

    #[test]
    fn a_line_behind_many_others_is_found() {
        // More than 8 MiB.
        let others: Vec<String> = (0..200_000)
            .map(|number| line_of(SOCKET + 1 + number, "00010000", &format!("/tmp/{number}/8-9.sock")))
            .collect();
        let mut lines: Vec<&str> = others.iter().map(String::as_str).collect();
        let own = line("00010000", "/run/7-9.sock");
        lines.push(&own);
        assert!(text(&lines).len() > 8 * 1024 * 1024);
        assert_eq!(claims(&lines).listens(Path::new("/run")), Some(true));
    }

    #[test]
    fn sockets_of_others_say_nothing_of_a_process() {
        let own = line("00010000", "/run/7-9.sock");
        let other = line_of(5, "00010000", "/tmp/x/7-9.sock");
        let both = table(&[&other, &own]);
        assert_eq!(claims_of(&both, &[SOCKET]).directories().collect::<Vec<_>>(), [Path::new("/run")]);
        let none = claims_of(&both, &[]);
        assert!(!none.has() && none.is_settled() && none.listens(Path::new("/tmp/x")) == Some(false));
    }

    #[test]
    fn a_name_that_looks_like_a_line_is_not_believed() {
        let forged = line("00010000", "/run/7-9.sock");
        // The process has another socket of this number, and its line cannot be a name.
        let long = format!("/tmp/{}", "y".repeat(40));
        let name = line_of(5, "00000000", &format!("x\n{forged}"));
        let real = line("00010000", "/run/docker.sock");
        let lines = [line_of(5, "00000000", &long), real.clone(), name.clone()];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = claims(&lines);
        assert!(!found.has() && found.is_settled() && found.listens(Path::new("/run")) == Some(false));
        // Nor can that of its agent.
        let agents = line("00010000", "/srv/7-9.sock");
        let found = claims(&[&line_of(5, "00000000", &long), &agents, &name]);
        assert_eq!(found.directories().collect::<Vec<_>>(), [Path::new("/srv")]);
        assert!(found.is_settled());
        // Both can.
        let found = claims(&[&line_of(5, "00000000", "@00001"), &real, &name]);
        assert!(!found.has() && !found.is_settled() && found.listens(Path::new("/run")).is_none());
        // Behind a short name, but the only line of its socket: no other is hidden.
        let table = table(&[&line_of(5, "00000000", "@00001"), &forged]);
        assert!(table.lines().all(|line| line.may_be_name));
        assert_eq!(claims_of(&table, &[SOCKET]).listens(Path::new("/run")), Some(true));
        // Behind a name that leaves no room for it.
        let table = super::tests::table(&[&line_of(5, "00000000", &long), &forged]);
        assert!(table.lines().all(|line| !line.may_be_name));
    }

    #[test]
    fn a_name_with_the_inode_of_a_socket_without_one_is_not_believed() {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixStream};

        let unnamed = format!("0000000000000000: 00000003 00000000 00000000 0001 03 {SOCKET}");
        let long = format!("/tmp/{}", "y".repeat(80));
        let name = line_of(5, "00000000", &format!("x\n{}", line("00010000", "/run/7-9.sock")));
        let lines = [line_of(6, "00000000", &long), unnamed.clone(), name];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = claims(&lines);
        assert!(!found.has() && found.is_settled(), "{found:?}");
        // A name may begin with a line end, and nothing continues a line that has none.
        let forged = line("00010000", "/run/7-9.sock");
        assert!(table(&[&line_of(5, "00000000", ""), &forged]).lines().all(|line| line.may_be_name));
        let other = unnamed.replace(&SOCKET.to_string(), "5");
        assert!(table(&[&other, &forged]).lines().all(|line| !line.may_be_name));

        // As the kernel writes it.
        let (one, _other) = UnixStream::pair().unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&one))).unwrap();
        let inode = link.to_str().unwrap().strip_prefix("socket:[").unwrap().strip_suffix(']').unwrap();
        let pid = std::process::id();
        let name = SocketName { pid, start_time: 9 };
        let forged = format!("\n0: 0 0 00010000 0 0 {inode} /run/{}", name.file_name());
        let address = SocketAddr::from_abstract_name(format!("rgops-{pid}{forged}")).unwrap();
        let _forger = UnixListener::bind_addr(&address).unwrap();
        let table = Table::read(pid, &[name].into());
        assert_eq!(table.lines().map(|line| line.inode.to_string()).collect::<Vec<_>>(), [inode]);
        let claims = table.claims(pid, name);
        assert!(!claims.has() && claims.listens(Path::new("/run")) != Some(true), "{claims:?}");
    }

    #[test]
    fn hostile_tables_are_bounded() {
        let many: Vec<String> =
            (0..1000).map(|number| line("00010000", &format!("/{number}/7-9.sock"))).collect();
        let lines: Vec<&str> = many.iter().map(String::as_str).collect();
        let lines = table(&lines);
        assert!(lines.listening[&NAME].is_cut && lines.lines().count() == MAX_LINES);
        for odd in [
            "",
            "x",
            "0: 0 0 zz 0 0 0 /run/7-9.sock",
            "0: 0 0 00010000 0 0 zz /run/7-9.sock",
            "0: 0 0 00010000 0 0 0 @/run/7-9.sock",
            "0: 0 0 00010000 0 0 0",
            "0: 0 0 00010000 0 0 0 7-9.sock",
            "/run/7-9.sock",
        ] {
            assert_eq!(table(&[odd]).lines().count(), 0, "{odd}");
        }
        assert_eq!(Table::parse([0xff; 64].as_slice(), |_, _| true, later()).lines().count(), 0);
    }

    #[test]
    fn what_a_process_holds_is_seen() {
        let directory = std::env::temp_dir().join(format!("rgops-bound-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let pid = std::process::id();
        let name = SocketName { pid, start_time: 9 };
        let path = directory.join(name.file_name());
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = |fd: i32| {
            let link = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
            let text = link.to_str().unwrap().to_owned();
            text.strip_prefix("socket:[").unwrap().strip_suffix(']').unwrap().parse::<u64>().unwrap()
        };
        let own = inode(std::os::fd::AsRawFd::as_raw_fd(&listener));
        let tcp = inode(std::os::fd::AsRawFd::as_raw_fd(&tcp));
        let (found, _) = held(pid, &[own, tcp, 1].into()).unwrap();
        assert_eq!(found, [own].into());
        let (found, _) = sockets(pid).unwrap();
        assert!(found.contains(&own) && found.contains(&tcp));

        let table = Table::read(pid, &[name].into());
        let claims = table.claims(pid, name);
        assert_eq!(claims.directories().collect::<Vec<_>>(), [directory.as_path()]);
        assert!(claims.is_settled());
        // As when others have many of this name.
        let mut flooded = Table { listening: HashMap::new(), told: Told::All };
        flooded.listening.entry(name).or_default().is_cut = true;
        assert_eq!(flooded.claims(pid, name).listens(&directory), Some(true));
        // Of another process.
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        assert!(!table.claims(child.id(), name).has());
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }
}
