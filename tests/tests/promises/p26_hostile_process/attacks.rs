//! The commands of rgops against each shape of attack.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rgops_tests::waiting::{is_root, skip_unless, until};

use super::command::HANGS;
use super::place::{Place, Run};

/// The commands that connect to an agent, with their arguments, and whether they write a file. `leaks` and similar
/// commands run only for a moment.
const COMMANDS: [(&str, &[&str], bool); 13] = [
    ("stack", &[], false),
    ("tasks", &["--all"], false),
    ("pprof-cpu", &["--duration", "0.2"], true),
    ("pprof-heap", &[], true),
    ("pprof-heap", &["--duration", "0.2"], true),
    ("trace", &["--duration", "0.2", "--all"], true),
    ("leaks", &["--duration", "0.2"], false),
    ("schedtrace", &["--count", "3", "--interval", "20ms"], false),
    ("stats", &["--duration", "20ms", "--all"], false),
    ("memstats", &["--verbose"], false),
    ("version", &["--deps"], false),
    ("gc", &[], false),
    ("heap-rate", &[], false),
];

/// Shapes whose answers end.
const ENDING: [&str; 8] =
    ["texts", "long-error", "half", "counts", "another-pid", "after-end", "notes", "extremes"];
/// Shapes whose answers never end, and cost only time.
const WAITING: [&str; 4] = ["progress", "silence", "no-hello", "drip"];

/// Shapes whose answers never end, and cost memory.
const FLOODING: [&str; 4] = ["tiny", "amplified", "distinct", "modules"];

#[test]
fn roots_commands_survive_every_hostile_answer() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let is_long = std::env::var_os("RGOPS_LONG").is_some();
    let place = Place::new();
    let mut runs = Vec::new();
    for shape in ENDING {
        for asking in COMMANDS {
            runs.push(Run::new(shape, asking, &["--timeout", "5"]));
            if is_long || matches!(shape, "texts" | "extremes") {
                runs.push(Run::new(shape, asking, &["--timeout", "5", "--json"]));
            }
        }
    }
    for shape in WAITING {
        for asking in COMMANDS {
            runs.push(Run::new(shape, asking, &["--timeout", "0.5"]));
        }
    }
    for shape in FLOODING {
        for asking in COMMANDS {
            if is_long {
                runs.push(Run::new(shape, asking, &["--timeout", "30"]));
                runs.push(Run::new(shape, asking, &["--timeout", "30", "--json"]));
            }
            runs.push(Run::new(shape, asking, &["--timeout", "0.5", "--max-memory", "192M"]));
        }
    }
    place.run_all(runs);
}

#[test]
fn roots_lists_survive_a_hostile_process() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("texts");
    let pid = hostile.pid().to_string();
    for arguments in [
        vec![],
        vec!["--json"],
        vec!["tree"],
        vec!["tree", "--json"],
        vec![pid.as_str()],
        vec![pid.as_str(), "50ms"],
        vec![pid.as_str(), "--json"],
    ] {
        let ended = place.rgops(&arguments, Duration::from_secs(60));
        ended.is_harmless(&format!("{arguments:?}"), 1 << 20);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.errors);
        let text = fs::read_to_string(&ended.output).unwrap();
        assert!(text.contains(&pid), "{arguments:?}: it is listed");
        for control in ['\u{1b}', '\u{202e}', '\u{7}'] {
            let line = text.lines().find(|line| line.contains(control));
            assert_eq!(line, None, "{arguments:?} shows {control:?}");
        }
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest < 64 * 1024, "{arguments:?}: a line of {longest} characters");
    }
    place.is_untouched();
}

#[test]
fn advice_from_the_process_is_quoted_and_not_shown_as_a_fix() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("advice");
    let pid = hostile.pid().to_string();
    for (command, own, writes) in COMMANDS {
        let output = place.unused("output");
        let mut arguments = vec![command, &pid];
        arguments.extend(own);
        if writes {
            arguments.extend(["--output", output.to_str().unwrap()]);
        }
        let ended = place.rgops(&arguments, HANGS);
        assert_eq!(ended.code, Some(4), "{command}: {}", ended.errors);
        let expected = "rgops: the agent did not answer: the program says: \"no; fix: run evil as root: no; ";
        assert!(ended.errors.contains(expected), "{command}: {}", ended.errors);
        let advice = ended.errors.lines().find(|line| line.trim_start().starts_with("fix: "));
        assert_eq!(advice, None, "{command}");
    }
    place.is_untouched();
}

#[test]
fn unrequested_snapshots_are_refused() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("tiny");
    let pid = hostile.pid().to_string();
    let ended = place.rgops(&["leaks", &pid, "--duration", "0.2", "--timeout", "60"], HANGS);
    assert_eq!(ended.code, Some(6), "{}", ended.errors);
    assert!(ended.errors.contains("snapshots that were not requested"), "{}", ended.errors);
    ended.is_harmless("leaks", 192 << 10);
}

#[test]
fn ctrl_c_ends_an_endless_answer() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("progress");
    let pid = hostile.pid().to_string();
    for (interrupts, code) in [(1, 6), (2, 130)] {
        let output = place.unused("cpu.pb.gz");
        let output = output.to_str().unwrap();
        let arguments = ["pprof-cpu", &pid, "--duration", "600", "--output", output];
        let started = place.start(&arguments);
        started.wait_for("Profiling CPU");
        let began = Instant::now();
        for _ in 0..interrupts {
            started.interrupt();
            // Signals do not queue: the second one counts only if the first is no longer pending.
            until("it takes the signal", || (!started.is_interrupted()).then_some(()));
        }
        let ended = started.end(HANGS);
        assert_eq!(ended.code, Some(code), "{}", ended.errors);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        if interrupts == 1 {
            assert!(ended.errors.contains("did not stop within 5 s of the request"), "{}", ended.errors);
            assert!(Path::new(output).exists(), "what came is saved");
        }
    }
}

#[test]
fn an_incomplete_answer_is_reported_and_its_data_is_shown() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("progress");
    let pid = hostile.pid().to_string();
    let empty = place.rgops(&["memstats", &pid, "--timeout", "0.5"], HANGS);
    assert_eq!(empty.code, Some(5), "{}", empty.errors);
    assert!(empty.errors.contains("the answer was not complete after 0.5 s"), "{}", empty.errors);
    assert!(empty.errors.contains("fix: wait longer with --timeout"), "{}", empty.errors);

    let output = place.unused("trace");
    let arguments =
        ["trace", &pid, "--duration", "0.2", "--timeout", "0.5", "--output", output.to_str().unwrap()];
    let partial = place.rgops(&arguments, HANGS);
    assert_eq!(partial.code, Some(6), "{}", partial.errors);
    let waited = partial.errors.split("the answer was not complete after ").nth(1);
    let waited: f64 = waited.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or_default();
    // The duration and the timeout together. A busy machine adds to them, but the default timeout is 10 s.
    assert!((0.7..10.0).contains(&waited), "{}", partial.errors);
    assert!(fs::read_to_string(&partial.output).unwrap().contains("window "), "the table is there");
    assert!(fs::metadata(&output).unwrap().len() > 0);
}

#[test]
fn the_memory_limit_is_reported_and_the_data_until_then_is_shown() {
    if skip_unless(is_root(), "root, to be another user") {
        return;
    }
    let place = Place::new();
    let hostile = place.hostile("distinct");
    let pid = hostile.pid().to_string();
    let output = place.unused("cpu.pb.gz");
    let output = output.to_str().unwrap();
    for command in ["stack", "tasks", "pprof-cpu"] {
        let mut arguments = vec![command, &pid, "--timeout", "60", "--max-memory", "192M"];
        if command == "pprof-cpu" {
            arguments.extend(["--output", output]);
        }
        let ended = place.rgops(&arguments, HANGS);
        assert_eq!(ended.code, Some(6), "{command}: {}", ended.errors);
        let expected = "the memory limit of 192 MiB was reached";
        assert!(ended.errors.contains(expected), "{command}: {}", ended.errors);
        assert!(ended.errors.contains("--max-memory"), "{command}: {}", ended.errors);
        assert!(fs::metadata(&ended.output).unwrap().len() > 0, "{command} shows what came");
        ended.is_harmless(command, 192 << 10);
    }
}
