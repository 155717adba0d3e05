//! `rgops PID`: one process in detail, in the layout of `gops PID`, followed by lines of our own.

use std::time::Duration;

use rgops_protocol::reply::Known;
use serde::Serialize;

use super::known::JsonKnown;
use super::list::{ProcessJson, compiler};
use crate::processes::{Connection, LostBecause, ProcessDetails};
use crate::text::escape;
use crate::text::known::{show, unavailable};

/// One `name:<TAB>value` per line; a missing value is shown with its reason.
pub fn text(details: &ProcessDetails) -> String {
    let process = &details.process;
    let percent = |percent: &f64| format!("{percent:.3}%");
    let mut lines = vec![
        ("parent PID".to_owned(), show(&process.parent, u32::to_string)),
        ("threads".to_owned(), show(&details.threads, u64::to_string)),
        ("memory usage".to_owned(), show(&details.memory_percent, percent)),
        ("cpu usage".to_owned(), show(&details.cpu_percent, percent)),
    ];
    if let Some((window, usage)) = &details.cpu_window {
        lines.push((format!("cpu usage ({window:?})"), show(usage, percent)));
    }
    lines.push(("username".to_owned(), show(&details.user, String::clone)));
    lines.push(("cmd+args".to_owned(), show(&details.command, String::clone)));
    lines.push(("elapsed time".to_owned(), show(&details.elapsed, |elapsed| elapsed_text(*elapsed))));
    match &details.connections {
        Known::Value(connections) => lines.extend(connections.iter().map(|connection| {
            let Connection { local, remote, state } = connection;
            ("local/remote".to_owned(), format!("{local} <-> {remote} ({state})"))
        })),
        missing => lines.push(("local/remote".to_owned(), show(missing, |_| String::new()))),
    }
    lines.push(("state".to_owned(), show(&details.state, state)));
    lines.push(("executable".to_owned(), show(&process.path, String::clone)));
    let compiler = match (&process.compiler, &process.agent) {
        (Known::Unavailable(missing), _) => unavailable(missing),
        (Known::Value(None), None) => "not found in the executable".to_owned(),
        (Known::Value(found), _) => compiler(found.as_ref()),
    };
    lines.push(("compiler".to_owned(), compiler));
    lines.push((
        "agent".to_owned(),
        match (&process.agent, &process.lost_agent) {
            (Some(agent), _) => agent.path.to_string_lossy().into_owned(),
            (None, Some(lost)) if lost.because == LostBecause::Crowded => format!("unknown ({lost})"),
            (None, Some(lost)) => format!("none ({lost})"),
            (None, None) => "none".to_owned(),
        },
    ));
    lines.iter().map(|(name, value)| format!("{name}:\t{}\n", escape(value))).collect()
}

/// The state letter with its name from proc(5).
fn state(letter: &char) -> String {
    let word = match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped; resume it with kill -CONT",
        't' => "stopped by a debugger",
        'Z' => "zombie",
        'I' => "idle",
        'X' | 'x' => "dead",
        _ => "unknown",
    };
    format!("{letter} ({word})")
}

/// The format of ps: `[[DD-]hh:]mm:ss`.
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

/// The output of `rgops PID --json`. `{"unavailable": reason}` stands in the place of a missing value.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InfoJson {
    /// `rgops.info/1`. Fields may be added under this name; existing fields keep their meaning.
    pub schema: &'static str,
    /// The process, as in `rgops --json`.
    #[serde(flatten)]
    pub process: ProcessJson,
    /// State letter of proc(5).
    pub state: JsonKnown<char>,
    /// Live threads.
    pub threads: JsonKnown<u64>,
    /// Resident memory in percent of the machine's memory.
    pub memory_percent: JsonKnown<f64>,
    /// CPU usage since it started, in percent of one CPU.
    pub cpu_percent: JsonKnown<f64>,
    /// Seconds over which `cpu_window_percent` was measured; both are `null` when not requested.
    pub cpu_window_seconds: Option<f64>,
    /// CPU usage over the window, in percent of one CPU.
    pub cpu_window_percent: Option<JsonKnown<f64>>,
    /// Name of the effective user.
    pub username: JsonKnown<String>,
    /// The arguments, joined by spaces.
    pub command: JsonKnown<String>,
    /// Seconds since it started.
    pub elapsed_seconds: JsonKnown<f64>,
    /// TCP and UDP sockets.
    pub connections: JsonKnown<Vec<ConnectionJson>>,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ConnectionJson {
    /// `address:port` it is bound to.
    pub local: String,
    /// `address:port` of its peer; all zeros if it has none.
    pub remote: String,
    /// TCP state, or `UDP`.
    pub state: &'static str,
}

/// The JSON contract of a process in detail.
pub fn json(details: &ProcessDetails) -> InfoJson {
    let window = details.cpu_window.as_ref();
    let connections = |connections: Vec<Connection>| connections.iter().map(ConnectionJson::from).collect();
    InfoJson {
        schema: "rgops.info/1",
        process: ProcessJson::new(&details.process),
        state: details.state.clone().into(),
        threads: details.threads.clone().into(),
        memory_percent: details.memory_percent.clone().into(),
        cpu_percent: details.cpu_percent.clone().into(),
        cpu_window_seconds: window.map(|(window, _)| window.as_secs_f64()),
        cpu_window_percent: window.map(|(_, usage)| usage.clone().into()),
        username: details.user.clone().into(),
        command: details.command.clone().into(),
        elapsed_seconds: details.elapsed.clone().map(|elapsed| elapsed.as_secs_f64()).into(),
        connections: details.connections.clone().map(connections).into(),
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
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::list::tests::process;
    use super::*;

    #[test]
    fn the_layout_is_that_of_gops_and_missing_values_have_their_reason() {
        let details = ProcessDetails {
            process: process(14566, 14563, "shop", true),
            state: Known::Value('S'),
            threads: Known::Value(6),
            memory_percent: Known::Value(0.038),
            cpu_percent: Known::Value(70.89),
            cpu_window: Some((Duration::from_secs(2), Known::Value(88.0))),
            user: Known::Value("root".to_owned()),
            command: Known::Value("shop --load \u{1b}[31m".to_owned()),
            elapsed: Known::Value(Duration::from_secs(4)),
            connections: Known::unavailable("permission denied", "run as root"),
            unseen: 0,
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
local/remote:\tunavailable (permission denied; fix: run as root)
state:\tS (sleeping)
executable:\t/srv/shop
compiler:\trustc 1.95.0
agent:\t/tmp/rgops-0/14566-1.sock
";
        assert_eq!(text(&details), expected);
        let json = serde_json::to_value(json(&details)).unwrap();
        assert_eq!(json["schema"], "rgops.info/1");
        assert_eq!((&json["threads"], &json["pid"]), (&6.into(), &14566.into()));
        assert_eq!(json["connections"]["unavailable"], "permission denied");
    }

    #[test]
    fn elapsed_times_have_the_format_of_ps() {
        let text = |seconds| elapsed_text(Duration::from_secs(seconds));
        assert_eq!(text(4), "00:04");
        assert_eq!(text(3_661), "01:01:01");
        assert_eq!(text(90_061), "01-01:01:01");
    }
}
