//! A program without Tokio is told so when Tokio is asked for, and a thread pool is named.

#[test]
fn tasks_and_schedtrace_say_so_at_once_and_name_what_works() {
    let target = crate::start(&["pool"]);
    crate::wait_until("its threads run", || {
        crate::ask(&target, "stack", &[])
            .output
            .lines()
            .nth(2)
            .is_some_and(|line| line.contains("futures (2 threads)"))
    });
    for (command, options) in [("tasks", &[][..]), ("schedtrace", &["--duration", "1s"])] {
        let answer = crate::ask(&target, command, options);
        assert_eq!(answer.code, 3, "{command}");
        let why = "the program has none of its own; its threads are run by futures\n";
        assert!(answer.errors.contains(why), "{command}: {}", answer.errors);
        let fix = format!("rgops stack {}, pprof-cpu, trace, stats", target.pid());
        assert!(answer.errors.contains(&fix), "{command}: {}", answer.errors);
    }
}

#[test]
fn diagnose_does_not_advise_to_watch_a_runtime_that_does_not_exist() {
    let target = crate::start(&["pool"]);
    crate::wait_until("its threads run", || {
        crate::ask(&target, "diagnose", &[]).output.contains("the program has no Tokio runtime of its own\n")
    });
    assert!(!crate::ask(&target, "diagnose", &[]).output.contains("Agent::watch"));
}

#[test]
fn a_runtime_that_is_not_watched_is_not_denied() {
    let mut target = crate::start(&["emfile", "0"]);
    assert_eq!(target.line(), "ready");
    let answer = crate::ask(&target, "tasks", &[]);
    assert!(answer.output.contains("no Tokio runtime is watched"), "{answer:?}");
    assert_eq!(answer.code, 6, "{answer:?}");
    let answer = crate::ask(&target, "schedtrace", &["--count", "1", "--interval", "50ms"]);
    assert!(answer.errors.contains("no Tokio runtime is watched"), "{answer:?}");
    assert_eq!((answer.code, answer.output.as_str()), (6, ""), "nothing is shown");
}
