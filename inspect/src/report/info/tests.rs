//! The screen and the JSON of one process.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use rgops_protocol::reply::Known;

use super::text::elapsed_text;
use super::*;
use crate::processes::{Connection, ProcessDetails, Suspension, Thread};
use crate::report::list::tests::process;

fn details() -> ProcessDetails {
    let thread = |tid, name: &str, milliseconds| Thread {
        tid,
        name: name.to_owned(),
        state: 'S',
        cpu: Duration::from_millis(milliseconds),
    };
    ProcessDetails {
        process: process(14566, 14563, "shop", true),
        state: Known::Value('S'),
        suspension: None,
        threads: Known::Value(3),
        resident_bytes: Known::Value(3 << 20),
        memory_percent: Known::Value(0.038),
        cpu_percent: Known::Value(70.89),
        cpu_window: Some((Duration::from_secs(2), Known::Value(88.0))),
        user: Known::Value("root".to_owned()),
        command: Known::Value("shop --load \u{1b}[31m".to_owned()),
        elapsed: Known::Value(Duration::from_secs(4)),
        connections: Known::unavailable("permission denied", "run as root"),
        thread_list: Known::Value(vec![
            thread(1, "shop", 40),
            thread(2, "io-0", 480),
            thread(3, "io-1", 480),
        ]),
        descriptors: Known::Value(12),
        descriptors_limit: Known::Value(Some(1024)),
        unseen: 0,
    }
}

#[test]
fn state_memory_and_cpu_come_first_and_missing_values_have_their_reason() {
    let expected = "\
state:\tS (sleeping)
memory usage:\t3.00MB (0.038%)
cpu usage:\t70.890%
cpu usage (2s):\t88.000%
threads:\t3
thread:\tio-* ×2: 96% of the cpu time (960ms)
thread:\tshop: 4% of the cpu time (40ms)
parent PID:\t14563
username:\troot
cmd+args:\tshop --load \\x1b[31m
elapsed time:\t00:04
local/remote:\tunavailable (permission denied; fix: run as root)
executable:\t/srv/shop
compiler:\trustc 1.95.0
agent:\t/tmp/rgops-0/14566-1.sock
";
    let details = details();
    assert_eq!(text(&details, false), expected);
    assert!(text(&details, true).contains("thread 2:\tio-0 S (sleeping), 48% of the cpu time (480ms)\n"));
    let json = serde_json::to_value(json(&details)).unwrap();
    assert_eq!(json["schema"], "rgops.info/1");
    assert_eq!((&json["threads"], &json["pid"]), (&3.into(), &14566.into()));
    assert_eq!(json["connections"]["unavailable"], "permission denied");
    assert_eq!(json["thread_groups"][0]["count"], 2);
    assert_eq!(json["thread_list"][2]["name"], "io-1");
}

#[test]
fn few_descriptors_left_are_said_first_and_so_is_what_stops_it() {
    let full = ProcessDetails {
        descriptors: Known::Value(63),
        descriptors_limit: Known::Value(Some(64)),
        suspension: Some(Suspension::Stopped),
        ..details()
    };
    let text = text(&full, false);
    assert!(text.starts_with("descriptors:\t63 of 64 descriptors are open\nstate:\tT (stopped"), "{text}");
    let unlimited = ProcessDetails { descriptors_limit: Known::Value(None), ..full };
    assert!(super::text(&unlimited, false).starts_with("state:"));
}

#[test]
fn many_connections_are_shown_as_groups() {
    let connection = |peer: u16| Connection {
        local: ([10, 0, 0, 1], 7000).into(),
        remote: ([10, 0, 0, 9], peer).into(),
        state: "ESTABLISHED",
    };
    let listener =
        Connection { local: ([0, 0, 0, 0], 7000).into(), remote: ([0, 0, 0, 0], 0).into(), state: "LISTEN" };
    let connections = [listener].into_iter().chain((1..=2000).map(connection)).collect();
    let details = ProcessDetails { connections: Known::Value(connections), ..details() };
    let short = text(&details, false);
    let expected = "local/remote:\t:7000 1 listen
local/remote:\t:7000 2000 established
local/remote:\t(--all lists each of the 2001)
";
    assert!(short.contains(expected), "{short}");
    assert_eq!(text(&details, true).matches("10.0.0.1:7000 <-> 10.0.0.9:").count(), 2000);
}

#[test]
fn elapsed_times_have_the_format_of_ps() {
    let text = |seconds| elapsed_text(Duration::from_secs(seconds));
    assert_eq!(text(4), "00:04");
    assert_eq!(text(3_661), "01:01:01");
    assert_eq!(text(90_061), "01-01:01:01");
}
