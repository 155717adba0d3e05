//! The table of sockets: forged, flooded, endless, and the real one.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, BufReader};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use rgops_protocol::discovery::SocketName;

use super::claims::Claims;
use super::descriptors::{held, sockets};
use super::table::{Coverage, Lines, MAX_LINES, Table};

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
    let none = Lines::default();
    let lines = table.listening.get(&NAME).unwrap_or(&none);
    assert!(!lines.is_cut);
    let own: HashSet<u64> = own.iter().copied().collect();
    Table::claims_in(NAME, &lines.lines, table.coverage, |_| Ok((own, true)))
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
fn only_listening_sockets_count() {
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
fn unknown_sockets_are_distinguished_from_missing_ones() {
    let unread = Table::unread().claims(std::process::id(), NAME);
    assert!(!unread.has() && !unread.is_settled() && unread.listens(Path::new("/run")).is_none());
    let hidden = Table::hidden().claims(std::process::id(), NAME);
    assert!(hidden.is_settled() && hidden.listens(Path::new("/run")) == Some(true));
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
fn an_endless_table_is_cut_at_the_deadline_and_takes_no_memory() {
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
    assert_eq!((table.coverage, table.listening.len()), (Coverage::Cut, 0));
    let flooded = SocketName { pid: 8, ..NAME };
    let deadline = Instant::now() + Duration::from_millis(100);
    let table = Table::parse(endless(), |name, _| name == flooded, deadline);
    assert!(table.lines().count() <= MAX_LINES && table.listening[&flooded].is_cut);
    // One line without end.
    let deadline = Instant::now() + Duration::from_millis(100);
    let table = Table::parse(BufReader::new(io::repeat(b'x')), |_, _| true, deadline);
    assert_eq!((table.coverage, table.listening.len()), (Coverage::Cut, 0));
}

#[test]
fn a_line_after_many_others_is_found() {
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
fn sockets_of_other_processes_do_not_count() {
    let own = line("00010000", "/run/7-9.sock");
    let other = line_of(5, "00010000", "/tmp/x/7-9.sock");
    let both = table(&[&other, &own]);
    assert_eq!(claims_of(&both, &[SOCKET]).directories().collect::<Vec<_>>(), [Path::new("/run")]);
    let none = claims_of(&both, &[]);
    assert!(!none.has() && none.is_settled() && none.listens(Path::new("/tmp/x")) == Some(false));
}

#[test]
fn a_name_that_looks_like_a_line_is_not_trusted() {
    let forged = line("00010000", "/run/7-9.sock");
    // The process has another socket with this inode, and its line cannot be part of a name.
    let long = format!("/tmp/{}", "y".repeat(40));
    let name = line_of(5, "00000000", &format!("x\n{forged}"));
    let real = line("00010000", "/run/docker.sock");
    let lines = [line_of(5, "00000000", &long), real.clone(), name.clone()];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let found = claims(&lines);
    assert!(!found.has() && found.is_settled() && found.listens(Path::new("/run")) == Some(false));
    // The line of its agent cannot be part of a name either.
    let agents = line("00010000", "/srv/7-9.sock");
    let found = claims(&[&line_of(5, "00000000", &long), &agents, &name]);
    assert_eq!(found.directories().collect::<Vec<_>>(), [Path::new("/srv")]);
    assert!(found.is_settled());
    // Both lines can be part of a name.
    let found = claims(&[&line_of(5, "00000000", "@00001"), &real, &name]);
    assert!(!found.has() && !found.is_settled() && found.listens(Path::new("/run")).is_none());
    // After a short name, but it is the only line of its socket: no other line is hidden.
    let table = table(&[&line_of(5, "00000000", "@00001"), &forged]);
    assert!(table.lines().all(|line| line.may_be_name));
    assert_eq!(claims_of(&table, &[SOCKET]).listens(Path::new("/run")), Some(true));
    // After a name that leaves no room for it.
    let table = super::tests::table(&[&line_of(5, "00000000", &long), &forged]);
    assert!(table.lines().all(|line| !line.may_be_name));
}

#[test]
fn a_name_with_the_inode_of_an_unnamed_socket_is_not_trusted() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let unnamed = format!("0000000000000000: 00000003 00000000 00000000 0001 03 {SOCKET}");
    let long = format!("/tmp/{}", "y".repeat(80));
    let name = line_of(5, "00000000", &format!("x\n{}", line("00010000", "/run/7-9.sock")));
    let lines = [line_of(6, "00000000", &long), unnamed.clone(), name];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let found = claims(&lines);
    assert!(!found.has() && found.is_settled(), "{found:?}");
    // A name may begin with a line end. The line of a socket without a name cannot continue in the next line.
    let forged = line("00010000", "/run/7-9.sock");
    assert!(table(&[&line_of(5, "00000000", ""), &forged]).lines().all(|line| line.may_be_name));
    let other = unnamed.replace(&SOCKET.to_string(), "5");
    assert!(table(&[&other, &forged]).lines().all(|line| !line.may_be_name));

    // In the form that the kernel writes.
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
fn sockets_of_a_process_are_found() {
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
    // As if other users had many sockets of this name.
    let mut flooded = Table { listening: HashMap::new(), coverage: Coverage::All };
    flooded.listening.entry(name).or_default().is_cut = true;
    assert_eq!(flooded.claims(pid, name).listens(&directory), Some(true));
    // A socket of another process.
    let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
    assert!(!table.claims(child.id(), name).has());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(&directory).unwrap();
}
