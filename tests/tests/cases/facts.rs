//! Facts about a program that are the agent's, or of a library: told apart.

use std::process::Command;

use rgops_tests::built;
use rgops_tests::running::{Running, rgops};

#[test]
fn the_agents_own_tokio_is_not_the_programs() {
    let target = crate::start(&["leaderless"]);
    let version = crate::ask(&target, "version", &[]).output;
    assert!(version.contains("tokio: unavailable (the agent itself uses Tokio 1."), "{version}");
    let target = crate::start(&["blocked-main", "sleep"]);
    let version = crate::ask(&target, "version", &[]).output;
    assert!(version.contains("tokio: 1."), "{version}");
}

#[test]
fn a_denied_command_is_no_limit_and_is_not_advised() {
    let target = crate::start(&["blocked-main", "sleep"]);
    assert_eq!(crate::ask(&target, "gc", &[]).code, 4);
    let stats = crate::ask(&target, "stats", &[]).output;
    assert!(stats.contains("0 limits") && stats.contains(", 1 denied command; "), "{stats}");
    let memory = crate::ask(&target, "memstats", &[]).output;
    assert!(!memory.contains("run: rgops gc"), "{memory}");
    assert!(!memory.contains("limit: unavailable (no limit"), "{memory}");
}

#[test]
fn a_library_in_a_program_of_another_language_is_described() {
    let library = built::release("libcases_library.so");
    let code = format!(
        "import ctypes, os, time\nctypes.CDLL({library:?}).start()\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)"
    );
    let target = Running::run(Command::new("python3").args(["-c", &code]));
    let version = crate::ask(&target, "version", &[]).output;
    for part in
        [", with the agent in libcases_library.so\n", "debug info: full", "symbols: in the", "mangling: "]
    {
        assert!(version.contains(part), "{part}: {version}");
    }
    assert!(!version.contains("mangling: unavailable"), "{version}");
    let details = rgops(&[&target.pid().to_string()]).output;
    assert!(details.contains("compiler:\tcontains Rust"), "{details}");
    assert_eq!(crate::ask(&target, "stack", &[]).code, 0);
}
