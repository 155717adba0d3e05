//! Stacks that are not shown as a whole say why, and small ones are whole.

use rgops_tests::built;
use rgops_tests::running::Running;

fn start(shape: &str) -> Running {
    Running::start_and_wait(&built::release("cases"), &["cut-stacks", shape])
}

/// The lines of a thread's stack.
fn stack_of<'o>(output: &'o str, name: &str) -> Vec<&'o str> {
    let from = output.lines().skip_while(|line| !(line.starts_with("thread ") && line.contains(name)));
    from.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn deep_ones_say_which_limit_was_reached() {
    let target = start("deep");
    for (depth, why) in [
        ("100", "...outer frames omitted: --depth 100..."),
        ("512", "...outer frames omitted: the agent keeps the innermost 512 frames..."),
    ] {
        // Hundreds of frames are more than two screens; then other stacks are one line without this option.
        let output = crate::ask(&target, "stack", &["--depth", depth, "--verbose"]).output;
        for name in ["deep-waits", "deep-computes"] {
            assert_eq!(stack_of(&output, name).last(), Some(&why), "{name}: {output}");
        }
        assert!(!output.contains("no unwind data"), "{output}");
    }
}

#[test]
fn of_the_smallest_size_do_not_end_without_a_true_reason() {
    let target = start("tiny");
    let answer = crate::ask(&target, "stack", &[]);
    assert!(!answer.output.contains("no unwind data"), "{}", answer.output);
    let is_whole = answer.output.contains("cases::cut_stacks::tiny\n");
    assert!(is_whole || answer.errors.contains("note: "), "{answer:?}");
    // They go on: a second look finds them, too.
    assert!(crate::ask(&target, "stack", &[]).output.contains("cases::cut_stacks::turn\n"));
}
