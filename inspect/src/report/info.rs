//! `rgops PID`: one process in detail, in the layout of `gops PID` with our own lines behind it.

use std::time::Duration;

use rgops_protocol::reply::Known;
use serde::Serialize;

use super::list::{ProcessJson, compiler};
use super::text::escape;
use crate::processes::{Connection, ProcessDetails};

/// One `name:<TAB>value` a line; what is missing is said with its reason.
pub fn text(details: &ProcessDetails) -> String {
    let process = &details.process;
    let percent = |percent: &f64| format!("{percent:.3}%");
    let mut lines = vec![
        ("parent PID".to_owned(), process.parent.to_string()),
        ("threads".to_owned(), known(&details.threads, u64::to_string)),
        ("memory usage".to_owned(), known(&details.memory_percent, percent)),
        ("cpu usage".to_owned(), known(&details.cpu_percent, percent)),
    ];
    if let Some((window, usage)) = &details.cpu_window {
        lines.push((format!("cpu usage ({window:?})"), known(usage, percent)));
    }
    lines.push(("username".to_owned(), known(&details.user, String::clone)));
    lines.push(("cmd+args".to_owned(), known(&details.command, String::clone)));
    lines.push(("elapsed time".to_owned(), known(&details.elapsed, |elapsed| elapsed_text(*elapsed))));
    match &details.connections {
        Known::Value(connections) => lines.extend(connections.iter().map(|connection| {
            let Connection { local, remote, state } = connection;
            ("local/remote".to_owned(), format!("{local} <-> {remote} ({state})"))
        })),
        missing => lines.push(("local/remote".to_owned(), known(missing, |_| String::new()))),
    }
    lines.push(("executable".to_owned(), process.path.clone()));
    let compiler = match (&process.compiler, &process.agent) {
        (None, None) => "no rustc in the executable".to_owned(),
        (found, _) => compiler(found.as_ref()),
    };
    lines.push(("compiler".to_owned(), compiler));
    lines.push((
        "agent".to_owned(),
        match &process.agent {
            Some(agent) => agent.path.to_string_lossy().into_owned(),
            None => "none".to_owned(),
        },
    ));
    lines.iter().map(|(name, value)| format!("{name}:\t{}\n", escape(value))).collect()
}

fn known<T>(value: &Known<T>, show: impl Fn(&T) -> String) -> String {
    match value {
        Known::Value(value) => show(value),
        Known::Unavailable(missing) if missing.fix.is_empty() => format!("unavailable ({})", missing.reason),
        Known::Unavailable(missing) => format!("unavailable ({}, {})", missing.reason, missing.fix),
    }
}

/// As ps does: `[[DD-]hh:]mm:ss`.
fn elapsed_text(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{minutes:02}:{:02}", seconds % 60);
    match (days, hours) {
        (0, 0) => clock,
        (0, hours) => format!("{hours:02}:{clock}"),
        (days, hours) => format!("{days:02}-{hours:02}:{clock}"),
    }
}

/// What `rgops PID --json` prints. A missing value is `null`, and `missing` says why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InfoJson {
    /// The process, as in `rgops --json`; its `schema` is this object's.
    #[serde(flatten)]
    pub process: ProcessJson,
    /// Live threads.
    pub threads: Option<u64>,
    /// Resident memory in percent of the machine's.
    pub memory_percent: Option<f64>,
    /// CPU usage since it started in percent of one CPU.
    pub cpu_percent: Option<f64>,
    /// Seconds over which `cpu_window_percent` was measured, when asked for.
    pub cpu_window_seconds: Option<f64>,
    /// CPU usage over the window in percent of one CPU.
    pub cpu_window_percent: Option<f64>,
    /// Name of the effective user.
    pub username: Option<String>,
    /// The arguments, joined by spaces.
    pub command: Option<String>,
    /// Seconds since it started.
    pub elapsed_seconds: Option<f64>,
    /// TCP and UDP sockets.
    pub connections: Option<Vec<ConnectionJson>>,
    /// Name of each missing value, with the reason.
    pub missing: Vec<MissingJson>,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionJson {
    /// `address:port` it is bound to.
    pub local: String,
    /// `address:port` of its peer, all zero without one.
    pub remote: String,
    /// TCP state, or `UDP`.
    pub state: &'static str,
}

/// Why a value is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingJson {
    /// Name of the value's field.
    pub field: &'static str,
    /// The reason.
    pub reason: String,
}

/// The JSON contract of a process in detail.
pub fn json(details: &ProcessDetails) -> InfoJson {
    let mut missing = Vec::new();
    let window = details.cpu_window.as_ref();
    InfoJson {
        process: ProcessJson::new(&details.process),
        threads: value("threads", &details.threads, &mut missing),
        memory_percent: value("memory_percent", &details.memory_percent, &mut missing),
        cpu_percent: value("cpu_percent", &details.cpu_percent, &mut missing),
        cpu_window_seconds: window.map(|(window, _)| window.as_secs_f64()),
        cpu_window_percent: window.and_then(|(_, usage)| value("cpu_window_percent", usage, &mut missing)),
        username: value("username", &details.user, &mut missing),
        command: value("command", &details.command, &mut missing),
        elapsed_seconds: value("elapsed_seconds", &details.elapsed, &mut missing)
            .map(|elapsed| elapsed.as_secs_f64()),
        connections: value("connections", &details.connections, &mut missing)
            .map(|connections| connections.iter().map(ConnectionJson::from).collect()),
        missing,
    }
}

fn value<T: Clone>(field: &'static str, value: &Known<T>, missing: &mut Vec<MissingJson>) -> Option<T> {
    match value {
        Known::Value(value) => Some(value.clone()),
        Known::Unavailable(why) => {
            missing.push(MissingJson { field, reason: why.reason.clone() });
            None
        }
    }
}

impl From<&Connection> for ConnectionJson {
    fn from(connection: &Connection) -> ConnectionJson {
        ConnectionJson {
            local: connection.local.to_string(),
            remote: connection.remote.to_string(),
            state: connection.state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::process;
    use super::*;

    #[test]
    fn the_layout_is_that_of_gops_and_missing_is_said() {
        let details = ProcessDetails {
            process: process(14566, 14563, "shop", true),
            threads: Known::Value(6),
            memory_percent: Known::Value(0.038),
            cpu_percent: Known::Value(70.89),
            cpu_window: Some((Duration::from_secs(2), Known::Value(88.0))),
            user: Known::Value("root".to_owned()),
            command: Known::Value("shop --load \u{1b}[31m".to_owned()),
            elapsed: Known::Value(Duration::from_secs(4)),
            connections: Known::unavailable("permission denied", "run as root"),
        };
        let expected = "\
parent PID:\t14563
threads:\t6
memory usage:\t0.038%
cpu usage:\t70.890%
cpu usage (2s):\t88.000%
username:\troot
cmd+args:\tshop --load \\x1b[31m
elapsed time:\t00:04
local/remote:\tunavailable (permission denied, run as root)
executable:\t/srv/shop
compiler:\trustc 1.95.0
agent:\t/tmp/rgops-0/14566-1.sock
";
        assert_eq!(text(&details), expected);
        let json = json(&details);
        assert_eq!((json.threads, json.connections), (Some(6), None));
        assert_eq!(json.missing[0].field, "connections");
    }

    #[test]
    fn elapsed_times_read_as_in_ps() {
        let text = |seconds| elapsed_text(Duration::from_secs(seconds));
        assert_eq!(text(4), "00:04");
        assert_eq!(text(3_661), "01:01:01");
        assert_eq!(text(90_061), "01-01:01:01");
    }
}
