//! `rgops`: the Rust processes of the host as a table, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::text::{escape, width};
use crate::processes::{Listing, RustCompiler, RustProcess};

/// The table: `PID PPID NAME*  rustc VERSION  PATH`, columns padded as gops does, one line a
/// process, `*` where it has an agent. Empty when there is none.
pub fn text(listing: &Listing) -> String {
    let rows: Vec<[String; 4]> = listing.processes.iter().map(row).collect();
    let width = |column: usize| width(rows.iter().map(|row| row[column].as_str()));
    let (pid, parent, name, compiler) = (width(0), width(1), width(2), width(3));
    let mut text = String::new();
    for (row, process) in rows.iter().zip(&listing.processes) {
        let mark = if process.agent.is_some() { '*' } else { ' ' };
        // A string takes every write.
        let _ = writeln!(
            text,
            "{:pid$} {:parent$} {:name$}{mark}  {:compiler$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            escape(&process.path)
        );
    }
    text
}

fn row(process: &RustProcess) -> [String; 4] {
    [
        process.pid.to_string(),
        process.parent.to_string(),
        escape(&process.name).into_owned(),
        compiler(process.compiler.as_ref()),
    ]
}

/// `rustc 1.95.0`; `contains Rust 1.95.0` for a C or C++ program with Rust in it, and
/// `contains Rust` for one whose only Rust is a library it has loaded.
pub(super) fn compiler(compiler: Option<&RustCompiler>) -> String {
    match compiler {
        Some(rust) if rust.contains_only => format!("contains Rust {}", escape(rust.short_version())),
        Some(rust) => format!("rustc {}", escape(rust.short_version())),
        None => "contains Rust".to_owned(),
    }
}

/// What was not shown, for standard error; `None` when nothing is missing.
pub fn missing(listing: &Listing) -> Option<String> {
    let unreadable = match (listing.unreadable, listing.as_root) {
        (0, _) => return None,
        (1, true) => "1 process could not be read: the system denies it to root, too",
        (count, true) => {
            return Some(format!("{count} processes could not be read: the system denies them to root, too"));
        }
        (1, false) => "1 process of another user could not be read; run as root to see it",
        (count, false) => {
            return Some(format!(
                "{count} processes of other users could not be read; run as root to see them"
            ));
        }
    };
    Some(unreadable.to_owned())
}

/// An entry of `rgops --json`, which prints an array of these, ascending by pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListJson {
    /// `rgops.list/1`. Fields may be added under this name; none changes its meaning.
    pub schema: &'static str,
    /// The process.
    #[serde(flatten)]
    pub process: ProcessJson,
}

/// A process, as it is in the JSON of `list`, `info` and `tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessJson {
    /// Process id in the inspector's pid namespace.
    pub pid: u32,
    /// Its parent's.
    pub ppid: u32,
    /// Its name.
    pub name: String,
    /// Effective user id.
    pub uid: u32,
    /// Version of rustc as `rustc -V` says it, `null` when the executable itself has no Rust in it.
    pub rustc: Option<String>,
    /// Whether it is a C or C++ program that contains Rust.
    pub contains_only: bool,
    /// Path of the executable in its mount namespace, ` (deleted)` behind it when it was replaced.
    pub path: String,
    /// Path of its agent's socket as reached from here, `null` without agent.
    pub agent: Option<String>,
}

/// The JSON contract of the list.
pub fn json(listing: &Listing) -> Vec<ListJson> {
    let entry = |process| ListJson { schema: "rgops.list/1", process: ProcessJson::new(process) };
    listing.processes.iter().map(entry).collect()
}

impl ProcessJson {
    /// The JSON contract of one process.
    pub fn new(process: &RustProcess) -> ProcessJson {
        ProcessJson {
            pid: process.pid,
            ppid: process.parent,
            name: process.name.clone(),
            uid: process.uid,
            rustc: process.compiler.as_ref().map(|compiler| compiler.version.clone()),
            contains_only: process.compiler.as_ref().is_none_or(|compiler| compiler.contains_only),
            path: process.path.clone(),
            agent: process.agent.as_ref().map(|agent| agent.path.to_string_lossy().into_owned()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::processes::AgentSocket;
    use rgops_protocol::discovery::SocketName;

    pub(in crate::report) fn process(pid: u32, parent: u32, name: &str, agent: bool) -> RustProcess {
        RustProcess {
            pid,
            parent,
            name: name.to_owned(),
            uid: 0,
            path: format!("/srv/{name}"),
            compiler: Some(RustCompiler { version: "1.95.0 (5 2026)".to_owned(), contains_only: false }),
            agent: agent.then(|| AgentSocket {
                path: format!("/tmp/rgops-0/{pid}-1.sock").into(),
                name: SocketName { pid, start_time: 1 },
            }),
            lost_agent: None,
        }
    }

    #[test]
    fn the_table_is_padded_as_gops_does() {
        let mut mixed = process(14566, 1, "c", false);
        mixed.compiler.iter_mut().for_each(|compiler| compiler.contains_only = true);
        let listing = Listing {
            processes: vec![process(9733, 3115, "shop", true), mixed],
            unreadable: 0,
            as_root: true,
        };
        assert_eq!(
            text(&listing),
            "9733  3115 shop*  rustc 1.95.0          /srv/shop\n14566 1    c      contains Rust 1.95.0  /srv/c\n"
        );
    }

    #[test]
    fn names_and_paths_cannot_steer_the_terminal() {
        let listing =
            Listing { processes: vec![process(1, 0, "\u{1b}[2Jx\ny", false)], unreadable: 0, as_root: true };
        let text = text(&listing);
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let listing = |unreadable| Listing { processes: Vec::new(), unreadable, as_root: false };
        assert_eq!(missing(&listing(0)), None);
        assert!(missing(&listing(12)).is_some_and(|text| text.starts_with("12 processes of other users")));
    }
}
