//! A program without a free descriptor answers every command, and that is said first.

#[test]
fn out_of_descriptors_everything_answers_and_says_so_first() {
    for free in ["0", "1", "3"] {
        let mut target = crate::start(&["emfile", free]);
        assert_eq!(target.line(), "ready");
        // Others may be inherited from the test.
        let says = |text: &str| {
            text.lines().next().is_some_and(|line| line.ends_with(" of 64 descriptors are open"))
        };
        let details = crate::details(&target, &[]).output;
        assert!(says(&details), "{details}");
        let stats = crate::ask(&target, "stats", &[]);
        assert!(stats.code == 0 && says(&stats.output), "{}", stats.output);
        let stack = crate::ask(&target, "stack", &[]);
        assert!(stack.code == 0 && says(&stack.errors) && stack.output.contains("emfile::run"), "{stack:?}");
        for (command, options) in [
            ("memstats", &[][..]),
            ("version", &[]),
            ("pprof-cpu", &["--duration", "200ms", "--output", "-"]),
            ("trace", &["--duration", "200ms", "--output", "-"]),
        ] {
            assert_eq!(crate::ask(&target, command, options).code, 0, "{command}");
        }
    }
}

#[test]
fn with_descriptors_left_nothing_is_said() {
    let target = crate::start(&["blocked-main", "sleep"]);
    assert!(crate::details(&target, &[]).output.starts_with("state:"));
    assert!(!crate::ask(&target, "stats", &[]).output.contains("descriptors are open"));
}
