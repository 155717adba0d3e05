//! Profiles of running programs with an agent.

use std::time::Duration;

use crate::program::{Directory, Target, code, finished, stderr, stdout};
use crate::run::{pprof, rows};

#[test]
fn a_cpu_profile_is_taken_by_pid_in_either_order() {
    let home = Directory::new();
    let target = Target::start("agent", home.path());
    let pid = target.pid().to_string();
    for words in [&["cpu", &pid][..], &[&pid, "cpu"], &[&pid]] {
        let output = finished(&mut pprof(home.path(), &[&["-top", "-seconds=1"], words].concat()));
        assert!([0, 6].contains(&code(&output)), "{}", stderr(&output));
        assert!(stdout(&output).contains("Type: cpu\n"), "{words:?}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains("Saved profile in "), "{}", stderr(&output));
        // The test's program waits; a machine may still measure some work of it.
        if code(&output) == 0 && rows(&output).is_empty() {
            let idle = format!("no CPU time was used in 1s; for what it waits for: rgops stack {pid}; ");
            assert_eq!(stderr(&output).matches(&idle).count(), 1, "{}", stderr(&output));
        }
        assert!(stdout(&output).starts_with("File: "), "{}", stdout(&output));
    }
    let names = std::fs::read_dir(home.path().join("pprof")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| !name.starts_with("pprof.samples.")), "{names:?}");
}

#[test]
fn failures_of_agents_have_their_exit_codes() {
    let home = Directory::new();
    let target = Target::start("agent", home.path());
    let pid = target.pid().to_string();
    // The test's program has no counted allocator.
    let output = finished(&mut pprof(home.path(), &["-top", "heap", &pid]));
    assert!(code(&output) == 4 && stderr(&output).contains("fix: "), "{}", stderr(&output));
    let output = finished(&mut pprof(home.path(), &["-top", "cpu", "nobody-has-this-name"]));
    assert_eq!(code(&output), 3, "{}", stderr(&output));
}

#[test]
fn a_profile_can_be_compared_with_a_file_and_ctrl_c_keeps_what_there_is() {
    let home = Directory::new();
    let target = Target::start("agent", home.path());
    let mut command = pprof(home.path(), &["-top", "-seconds=60", "cpu", &target.pid().to_string()]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let interrupting = std::thread::spawn(move || {
        // It has its handler when it asks; a signal before that would end it.
        let mut said = child;
        let mut first = [0; 13];
        std::io::Read::read_exact(said.stderr.as_mut().unwrap(), &mut first).unwrap();
        assert_eq!(&first, b"Profiling CPU");
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        said.wait_with_output().unwrap()
    });
    let begun = std::time::Instant::now();
    let output = interrupting.join().unwrap();
    // The profile takes 60 s.
    assert!(begun.elapsed() < Duration::from_secs(55), "it did not wait for the end");
    assert!([0, 6].contains(&code(&output)), "{}", stderr(&output));
    assert!(stdout(&output).contains("Type: cpu\n"), "{}", stdout(&output));
}

#[test]
fn ctrl_c_ends_the_profiles_of_all_programs() {
    let home = Directory::new();
    let (one, other) = (Target::start("agent", home.path()), Target::start("agent", home.path()));
    let (one, other) = (one.pid().to_string(), other.pid().to_string());
    let mut command = pprof(home.path(), &["-top", "-seconds=300", &one, &other]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // Both have begun.
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    for _ in 0..2 {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert!(line.starts_with("Profiling CPU"), "{line}");
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    // It would take 300 s, which is longer than the limit of a test, if only one were stopped.
    assert!([0, 6].contains(&code(&output)), "{rest}");
    assert!(stdout(&output).contains("Type: cpu\n") && rest.contains("Saved profile in "), "{rest}");
}
