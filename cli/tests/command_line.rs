//! Tests of the command line as users and scripts see it: help, exit codes, errors, pipes, completions.

#![expect(clippy::unwrap_used, reason = "tests")]

mod program;

use std::io::Write;
use std::process::{Command, Stdio};

use program::{code, rgops, stderr, stdout};

#[test]
fn help_names_every_command_and_shows_examples() {
    let output = rgops(&["--help"]);
    assert_eq!(code(&output), 0);
    for word in [
        "list",
        "info",
        "tree",
        "stack",
        "memstats",
        "stats",
        "version",
        "pprof-cpu",
        "pprof-heap",
        "top",
        "leaks",
        "heap-rate",
        "gc",
        "trace",
        "schedtrace",
        "completions",
        "man",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(stdout(&output).contains(word), "{word}");
    }
    let output = rgops(&["-V"]);
    assert_eq!(stdout(&output), concat!("rgops ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn arguments_in_errors_do_not_control_the_terminal() {
    for evil in ["\u{1b}]0;PWN\u{7}", "\u{202e}", "\u{9b}2J"] {
        for line in [
            &["pprof", &format!("--top={evil}")][..],
            &["pprof", "-top", &format!("-{evil}")],
            &["pprof", &format!("-seconds={evil}")],
            &["stack", &format!("-{evil}")],
            &["stack", "7", "--for", evil],
        ] {
            let output = rgops(line);
            let said = stderr(&output);
            assert_eq!((code(&output), stdout(&output)), (2, ""), "{said}");
            assert!(
                !said.chars().any(|one| one.is_control() && one != '\n' || one == '\u{202e}'),
                "{said:?}"
            );
            assert!(said.contains("\\x1b") || said.contains("\\u{202e}") || said.contains("\\x9b"), "{said}");
        }
    }
}

#[test]
fn failures_have_an_exit_code_a_reason_and_a_fix() {
    for (arguments, exit, text) in [
        (&["--no-such-option"][..], 2, "--no-such-option"),
        (&["version"], 2, "TARGET"),
        (&["4194305"], 3, "rgops: cannot find process 4194305: there is no such process\nfix: "),
        (&["stcak", "7"], 3, "rgops --help lists the commands"),
        (&["version", "/no/such.sock"], 3, "rgops: cannot connect to /no/such.sock: "),
        (&["version", "127.0.0.1:1"], 3, "fix: "),
        (&["1", "0"], 2, "positive"),
        (&["--json", "stack", "7"], 2, "fix: rgops stack"),
        (&["man", "nothing"], 2, "no such command"),
        (&["heap-rate", "7", "1.5x"], 2, "write it as 524288, 512KiB, 1M"),
        (&["pprof-heap", "4194305", "-inuse_space"], 3, "cannot find process 4194305"),
        (&["pprof-heap", "7", "-inuse_space", "--alloc-space"], 2, "cannot be used with"),
        (&["leaks", "7", "--for", "1m", "--seconds", "60"], 2, "cannot be used multiple times"),
    ] {
        let output = rgops(arguments);
        assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(text), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn earlier_spellings_of_a_duration_still_work() {
    for arguments in [
        ["pprof-cpu", "4194305", "--seconds", "1"],
        ["pprof-heap", "4194305", "--seconds", "1"],
        ["trace", "4194305", "--seconds", "1"],
        ["leaks", "4194305", "--seconds", "1"],
        ["leaks", "4194305", "--for", "1m"],
        ["schedtrace", "4194305", "--seconds", "1"],
        ["stats", "4194305", "--window", "1s"],
    ] {
        let output = rgops(&arguments);
        assert_eq!(code(&output), 3, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("cannot find process 4194305"), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn for_a_program_without_an_agent_the_two_lines_to_add_are_shown() {
    let output = rgops(&["version", &std::process::id().to_string()]);
    assert_eq!(code(&output), 3);
    let text = stderr(&output);
    assert!(text.contains("it has no agent"), "{text}");
    assert!(text.contains("rgops-agent = "), "{text}");
    assert!(text.contains("rgops_agent::listen("), "{text}");

    let mut other = Command::new("sleep").arg("100").spawn().unwrap();
    let output = rgops(&["version", &other.id().to_string()]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("(sleep): it is not a Rust program"), "{}", stderr(&output));
}

#[test]
fn control_characters_in_arguments_do_not_reach_the_terminal() {
    let output = rgops(&["no\u{1b}[2Jname"]);
    assert!(!stderr(&output).contains('\u{1b}'), "{:?}", stderr(&output));
    assert!(stderr(&output).contains("no\\x1b[2Jname"), "{:?}", stderr(&output));
}

#[test]
fn a_short_token_and_a_missing_token_file_are_refused_without_showing_the_token() {
    let output = rgops(&["version", "127.0.0.1:1", "--token-file", "/no/such/file"]);
    assert_eq!(code(&output), 2);
    let output = Command::new(env!("CARGO_BIN_EXE_rgops"))
        .args(["version", "127.0.0.1:1"])
        .env("RGOPS_TOKEN", "sesame")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("$RGOPS_TOKEN"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("sesame"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_closed_pipe_ends_the_output_silently_and_a_full_disk_is_a_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rgops"))
        .arg("man")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, ""));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rgops")).arg("man").stdout(full).output().unwrap();
    assert_eq!(code(&child), 1);
    assert!(stderr(&child).contains("cannot write to standard output"));
}

#[test]
fn completion_scripts_parse_in_their_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = rgops(&["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(stdout(&script).contains("completions targets"), "{shell}");
        let Ok(mut child) = Command::new(shell)
            .args(["-n", "/dev/stdin"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
        else {
            eprintln!("skipped: {shell} is not installed");
            continue;
        };
        child.stdin.take().unwrap().write_all(&script.stdout).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{shell}: {}", stderr(&output));
    }
}

#[test]
fn bash_completes_commands() {
    let script = format!(
        "source <({rgops} completions bash); COMP_WORDS=(rgops sta); COMP_CWORD=1; \
         _rgops_with_targets rgops sta rgops; echo \"${{COMPREPLY[@]}}\"",
        rgops = env!("CARGO_BIN_EXE_rgops")
    );
    let Ok(output) = Command::new("bash").args(["-c", &script]).output() else {
        eprintln!("skipped: bash is not installed");
        return;
    };
    assert_eq!(stdout(&output).trim(), "stack stats", "{}", stderr(&output));
}

#[test]
fn the_manual_page_is_roff() {
    let page = rgops(&["man"]);
    assert!(stdout(&page).contains(".TH rgops 1"), "{}", stdout(&page));
    assert!(stdout(&page).contains("\n  rgops stack 4711 "), "{}", stdout(&page));
    assert!(!stdout(&page).contains("EXTRA"));
    assert!(stdout(&rgops(&["man", "stack"])).contains(".TH rgops-stack 1"));
}
