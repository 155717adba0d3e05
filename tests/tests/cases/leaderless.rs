//! A program whose main thread has ended is asked as any other.

#[test]
fn every_command_answers_for_a_program_without_its_main_thread() {
    let target = crate::start(&["leaderless"]);
    crate::wait_until("its main thread has ended", || {
        crate::details(&target, &[]).output.contains("Z (its main thread has ended; the others run)")
    });
    let pid = target.pid().to_string();
    let details = crate::details(&target, &[]).output;
    for part in
        ["memory usage:\t", "keeps-working", "cases leaderless", "(LISTEN)", "compiler:\trustc 1.", ".sock"]
    {
        assert!(details.contains(part), "{part}: {details}");
    }
    assert!(!details.contains("unavailable"), "{details}");
    let list = rgops_tests::running::rgops(&[]).output;
    assert!(
        list.lines().any(|line| line.starts_with(&format!("{pid} ")) && line.contains("/cases")),
        "{list}"
    );
    let stack = crate::ask(&target, "stack", &[]);
    assert_eq!(stack.code, 0);
    for part in ["main (ended)", "it has ended, and the other threads run on", "leaderless::work_forever"] {
        assert!(stack.output.contains(part), "{part}: {}", stack.output);
    }
    let version = crate::ask(&target, "version", &[]).output;
    assert!(version.contains("executable: cases\n") && version.contains("debug info: full"), "{version}");
    for (command, options) in [
        ("stats", &[][..]),
        ("memstats", &[]),
        ("trace", &["--duration", "200ms", "--output", "-"]),
        ("pprof-cpu", &["--duration", "500ms", "--output", "-"]),
    ] {
        let answer = crate::ask(&target, command, options);
        assert!(!answer.errors.contains("cannot"), "{command}: {answer:?}");
    }
}
