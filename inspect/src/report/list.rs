//! `rgops`: the Rust processes of the host as a table, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rgops_protocol::reply::Known;
use serde::Serialize;

use super::known::JsonKnown;
use crate::processes::{Listing, RustCompiler, RustProcess};
use crate::text::known::sentence;
use crate::text::{escape, width};

/// The table: `PID PPID NAME*  rustc VERSION  PATH`, one line per process, with the column padding of gops. `*`
/// marks a process with an agent. Empty if there are no processes.
pub fn text(listing: &Listing) -> String {
    let rows: Vec<[String; 4]> = listing.processes.iter().map(row).collect();
    let width = |column: usize| width(rows.iter().map(|row| row[column].as_str()));
    let (pid, parent, name, compiler) = (width(0), width(1), width(2), width(3));
    let mut text = String::new();
    for (row, process) in rows.iter().zip(&listing.processes) {
        let mark = if process.agent.is_some() { '*' } else { ' ' };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:pid$} {:parent$} {:name$}{mark}  {:compiler$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            cell(&process.path)
        );
    }
    text
}

fn row(process: &RustProcess) -> [String; 4] {
    [process.pid.to_string(), cell(&process.parent), escape(&process.name).into_owned(), rust_in(process)]
}

/// A value of the table. The reason for a missing one is below the table, see [`missing`].
fn cell<T: ToString>(known: &Known<T>) -> String {
    known.value().map_or_else(|| UNAVAILABLE.to_owned(), |value| escape(&value.to_string()).into_owned())
}

/// The text of [`compiler`]; `may contain Rust` if it is unknown whether the process has loaded an agent.
pub(super) fn rust_in(process: &RustProcess) -> String {
    match &process.compiler {
        Known::Unavailable(_) => UNAVAILABLE.to_owned(),
        Known::Value(None) if process.may_have_agent() => "may contain Rust".to_owned(),
        Known::Value(found) => compiler(found.as_ref()),
    }
}

/// `rustc 1.95.0`; `contains Rust 1.95.0` for a C or C++ program with Rust in it; `contains Rust` for a program
/// that only loaded a Rust library.
pub(super) fn compiler(compiler: Option<&RustCompiler>) -> String {
    match compiler {
        Some(rust) if rust.contains_only => format!("contains Rust {}", escape(rust.short_version())),
        Some(rust) => format!("rustc {}", escape(rust.short_version())),
        None => "contains Rust".to_owned(),
    }
}

/// A missing value in a column, which has no space for the reason.
const UNAVAILABLE: &str = "unavailable";

/// Maximum pids listed of processes that could not be inspected.
const MAX_LISTED_PIDS: usize = 8;

/// What is not shown, one sentence each, for standard error.
pub fn missing(listing: &Listing) -> Vec<String> {
    let unreadable = match (listing.unreadable, listing.as_root) {
        (0, _) => None,
        (1, true) => Some("1 process could not be read: access denied even to root".to_owned()),
        (count, true) => Some(format!("{count} processes could not be read: access denied even to root")),
        (1, false) => Some("1 process of another user could not be read; run as root to see it".to_owned()),
        (count, false) => {
            Some(format!("{count} processes of other users could not be read; run as root to see them"))
        }
    };
    let pids: Vec<String> = listing.unanswered.iter().take(MAX_LISTED_PIDS).map(u32::to_string).collect();
    let more = if listing.unanswered.len() > MAX_LISTED_PIDS { ", …" } else { "" };
    let unanswered = match listing.unanswered.len() {
        0 => None,
        1 => Some(format!("1 process could not be inspected in time: {}", pids.join(", "))),
        count => Some(format!("{count} processes could not be inspected in time: {}{more}", pids.join(", "))),
    };
    let not_asked = match listing.not_asked {
        0 => None,
        1 => Some("1 process was not inspected: other processes took all the time".to_owned()),
        count => Some(format!("{count} processes were not inspected: other processes took all the time")),
    };
    let crowded = match listing.processes.iter().filter(|process| process.may_have_agent()).count() {
        0 => None,
        1 => Some("it is unknown whether 1 process has an agent: too many sockets".to_owned()),
        count => Some(format!("it is unknown whether {count} processes have an agent: too many sockets")),
    };
    let sentences = [unreadable, unanswered, not_asked, crowded].into_iter().flatten();
    sentences.chain(unavailable_values(listing)).collect()
}

/// Which values of the processes are missing, one sentence per reason.
fn unavailable_values(listing: &Listing) -> impl Iterator<Item = String> {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for process in &listing.processes {
        let missing = [
            ("compiler", reason(&process.compiler)),
            ("parent", reason(&process.parent)),
            ("path", reason(&process.path)),
        ];
        for (what, reason) in missing {
            if let Some(reason) = reason {
                *counts.entry((what, reason)).or_default() += 1;
            }
        }
    }
    let all = listing.processes.len();
    counts.into_iter().map(move |((what, reason), count)| {
        format!("{what} unavailable for {count} of {all} processes ({reason})")
    })
}

fn reason<T>(known: &Known<T>) -> Option<String> {
    match known {
        Known::Value(_) => None,
        Known::Unavailable(missing) => Some(escape(&sentence(missing)).into_owned()),
    }
}

/// A warning for standard error that other processes may have the requested name; `None` if all processes were
/// inspected.
pub fn unseen(count: usize, name: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!(
            "1 process could not be inspected in time and may also be named {name}: give a pid to be sure"
        )),
        count => Some(format!(
            "{count} processes could not be inspected in time and may also be named {name}: give a pid to be sure"
        )),
    }
}

/// An element of the array that `--json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
#[non_exhaustive]
pub enum Element<T> {
    /// A process.
    Shown(T),
    /// What could not be shown: the last element, if there is any.
    Missing(MissingJson),
}

/// The processes that could not be inspected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MissingJson {
    /// `rgops.missing/1`. Fields may be added under this name; existing fields keep their meaning.
    pub schema: &'static str,
    /// The pids of processes that could not be inspected in time.
    pub unanswered: Vec<u32>,
    /// Number of processes that were not inspected because others took all the time.
    pub not_asked: usize,
}

/// The elements, followed by the element for what is missing.
pub(super) fn with_missing<T>(listing: &Listing, shown: impl Iterator<Item = T>) -> Vec<Element<T>> {
    let is_missing = !listing.unanswered.is_empty() || listing.not_asked > 0;
    let missing = is_missing.then(|| {
        let (unanswered, not_asked) = (listing.unanswered.clone(), listing.not_asked);
        Element::Missing(MissingJson { schema: "rgops.missing/1", unanswered, not_asked })
    });
    shown.map(Element::Shown).chain(missing).collect()
}

/// An entry of `rgops --json`, which prints an array of these in ascending order of pids, followed by a
/// [`MissingJson`] if something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ListJson {
    /// `rgops.list/1`. Fields may be added under this name; existing fields keep their meaning.
    pub schema: &'static str,
    /// The process.
    #[serde(flatten)]
    pub process: ProcessJson,
}

/// A process in the JSON of `list`, `info` and `tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProcessJson {
    /// Process id in the inspector's pid namespace.
    pub pid: u32,
    /// Process id of its parent.
    pub ppid: JsonKnown<u32>,
    /// Its name.
    pub name: String,
    /// Effective user id.
    pub uid: JsonKnown<u32>,
    /// Version of rustc as `rustc -V` prints it; `null` if the executable itself does not contain Rust.
    pub rustc: JsonKnown<Option<String>>,
    /// Whether it is a C or C++ program that contains Rust.
    pub contains_only: JsonKnown<bool>,
    /// Path of the executable in its mount namespace, with the suffix ` (deleted)` if it was replaced.
    pub path: JsonKnown<String>,
    /// Path of its agent's socket as seen from here; `null` if it has no agent.
    pub agent: Option<String>,
    /// Whether it may have an agent although `agent` is `null`.
    pub agent_unknown: bool,
}

/// The JSON contract of the list.
pub fn json(listing: &Listing) -> Vec<Element<ListJson>> {
    let entry = |process| ListJson { schema: "rgops.list/1", process: ProcessJson::new(process) };
    with_missing(listing, listing.processes.iter().map(entry))
}

impl ProcessJson {
    /// The JSON contract of one process.
    pub fn new(process: &RustProcess) -> ProcessJson {
        let compiler = &process.compiler;
        ProcessJson {
            pid: process.pid,
            ppid: process.parent.clone().into(),
            name: process.name.clone(),
            uid: process.uid.clone().into(),
            rustc: compiler.clone().map(|rust| rust.map(|rust| rust.version)).into(),
            contains_only: compiler.clone().map(|rust| rust.is_none_or(|rust| rust.contains_only)).into(),
            path: process.path.clone().into(),
            agent: process.agent.as_ref().map(|agent| agent.path.to_string_lossy().into_owned()),
            agent_unknown: process.may_have_agent(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::processes::{AgentSocket, LostAgent, LostBecause};
    use rgops_protocol::discovery::SocketName;

    pub(in crate::report) fn process(pid: u32, parent: u32, name: &str, agent: bool) -> RustProcess {
        RustProcess {
            pid,
            parent: Known::Value(parent),
            name: name.to_owned(),
            uid: Known::Value(0),
            path: Known::Value(format!("/srv/{name}")),
            compiler: Known::Value(Some(RustCompiler {
                version: "1.95.0 (5 2026)".to_owned(),
                contains_only: false,
            })),
            agent: agent.then(|| AgentSocket {
                path: format!("/tmp/rgops-0/{pid}-1.sock").into(),
                name: SocketName { pid, start_time: 1 },
            }),
            lost_agent: None,
            is_switched_off: false,
        }
    }

    pub(in crate::report) fn listing(processes: Vec<RustProcess>) -> Listing {
        Listing { processes, unreadable: 0, unanswered: Vec::new(), not_asked: 0, as_root: true }
    }

    #[test]
    fn the_table_has_the_padding_of_gops() {
        let mut mixed = process(14566, 1, "c", false);
        let version = "1.95.0 (5 2026)".to_owned();
        mixed.compiler = Known::Value(Some(RustCompiler { version, contains_only: true }));
        let listing = listing(vec![process(9733, 3115, "shop", true), mixed]);
        assert_eq!(
            text(&listing),
            "9733  3115 shop*  rustc 1.95.0          /srv/shop\n14566 1    c      contains Rust 1.95.0  /srv/c\n"
        );
    }

    #[test]
    fn a_process_that_may_have_an_agent_is_listed_as_such() {
        let mut other = process(7, 1, "c", false);
        other.compiler = Known::Value(None);
        other.lost_agent = Some(LostAgent { path: "/run/7-9.sock".into(), because: LostBecause::Crowded });
        assert_eq!(text(&listing(vec![other])), "7 1 c   may contain Rust  /srv/c\n");
        assert_eq!(unseen(0, "shop"), None);
        assert!(unseen(1, "shop").is_some_and(|text| text.starts_with("1 process could not")));
        assert!(unseen(3, "shop").is_some_and(|text| text.contains("may also be named shop")));
    }

    #[test]
    fn unknown_values_are_shown_as_unavailable() {
        let mut unknown = process(7, 1, "c", false);
        unknown.compiler =
            Known::unavailable("rgops recognizes Rust executables on Linux only", "run it there");
        unknown.path = Known::unavailable("denied", "");
        unknown.uid = Known::unavailable("users have no numbers", "");
        let listing = listing(vec![process(5, 1, "shop", false), unknown]);
        let line = "7 1 c      unavailable   unavailable\n";
        assert!(text(&listing).ends_with(line), "{}", text(&listing));
        let reason = "rgops recognizes Rust executables on Linux only";
        let compiler = format!("compiler unavailable for 1 of 2 processes ({reason}; fix: run it there)");
        assert_eq!(missing(&listing), [&*compiler, "path unavailable for 1 of 2 processes (denied)"]);
        let json = serde_json::to_value(json(&listing)).unwrap_or_default();
        assert_eq!((&json[0]["rustc"], &json[0]["ppid"]), (&"1.95.0 (5 2026)".into(), &1.into()));
        assert_eq!((&json[1]["rustc"]["unavailable"], &json[1]["ppid"]), (&reason.into(), &1.into()));
        assert_eq!(json[1]["contains_only"]["fix"], "run it there");
        assert_eq!(json[1]["uid"]["unavailable"], "users have no numbers");
    }

    #[test]
    fn names_and_paths_cannot_control_the_terminal() {
        let listing = listing(vec![process(1, 0, "\u{1b}[2Jx\ny", false)]);
        let text = text(&listing);
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn unreadable_processes_are_counted() {
        let unreadable = |unreadable| Listing { unreadable, as_root: false, ..listing(Vec::new()) };
        assert_eq!(missing(&unreadable(0)), [""; 0]);
        assert!(missing(&unreadable(12))[0].starts_with("12 processes of other users"));
    }

    #[test]
    fn processes_that_did_not_answer_are_in_text_and_json() {
        let mut listing = listing(vec![process(9733, 3115, "shop", false)]);
        assert_eq!(json(&listing).len(), 1);
        (listing.unanswered, listing.not_asked) = ((1..=20).collect(), 5);
        listing.processes[0].lost_agent =
            Some(LostAgent { path: "/run/7-9.sock".into(), because: LostBecause::Crowded });
        let text = missing(&listing).join("\n");
        assert!(text.contains("20 processes could not be inspected in time: 1, 2, 3,"), "{text}");
        assert!(
            text.contains("8, …\n5 processes were not")
                && text.contains("it is unknown whether 1 process has")
        );
        let json = serde_json::to_value(json(&listing)).unwrap_or_default();
        assert_eq!((&json[0]["agent"], &json[0]["agent_unknown"]), (&serde_json::Value::Null, &true.into()));
        assert_eq!((&json[1]["schema"], &json[1]["not_asked"]), (&"rgops.missing/1".into(), &5.into()));
        assert_eq!(json[1]["unanswered"].as_array().map(Vec::len), Some(20));
    }
}
