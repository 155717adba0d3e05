//! Tests that programs are found: in the list, by pid and by name, with the agent's socket in any directory.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod program;

use std::process::Command;

use program::{Directory, Target, code, rgops, stderr, stdout};

#[test]
#[ignore = "started by the other tests"]
fn target() {
    program::run_target();
}

/// The first line with this pid as its first word.
fn row(text: &str, pid: u32) -> Option<&str> {
    text.lines().find(|line| line.split_ascii_whitespace().next() == Some(&pid.to_string()))
}

fn listed(pid: u32) -> serde_json::Value {
    let output = rgops(&["--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    list.as_array().unwrap().iter().find(|entry| entry["pid"] == pid).cloned().unwrap_or_default()
}

#[test]
fn the_list_shows_rust_programs_and_marks_agents() {
    let directory = Directory::new();
    let with = Target::start("agent", directory.path());
    let without = Target::start("plain", directory.path());
    let output = rgops(&[]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0);
    let marked = row(text, with.pid()).unwrap();
    assert!(marked.contains("*  rustc 1."), "{marked}");
    assert!(marked.ends_with(std::env::current_exe().unwrap().to_str().unwrap()), "{marked}");
    let plain = row(text, without.pid()).unwrap();
    assert!(plain.contains("   rustc 1.") && !plain.contains('*'), "{plain}");

    let entry = listed(with.pid());
    assert_eq!(entry["schema"], "rgops.list/1");
    assert_eq!(entry["ppid"], std::process::id());
    assert_eq!(entry["contains_only"], false);
    assert!(entry["agent"].as_str().unwrap().starts_with(directory.path().to_str().unwrap()));
    assert!(listed(without.pid())["agent"].is_null());
}

#[test]
fn the_tree_has_the_program_below_its_parent() {
    let directory = Directory::new();
    let target = Target::start("agent", directory.path());
    let output = rgops(&["tree"]);
    let line = stdout(&output).lines().find(|line| line.contains(&format!("[*]  {} (", target.pid())));
    assert!(line.unwrap().contains("{rustc 1."), "{line:?}");
    assert!(stdout(&output).starts_with("...\n"));
}

#[test]
fn a_killed_program_is_not_listed_and_its_stale_socket_marks_no_process() {
    let directory = Directory::new();
    let mut target = Target::start("agent", directory.path());
    let socket = listed(target.pid())["agent"].as_str().unwrap().to_owned();
    target.kill();
    assert!(std::fs::exists(&socket).unwrap(), "SIGKILL leaves the socket's file");
    assert!(listed(target.pid()).is_null());
    let output = rgops(&["version", &target.pid().to_string()]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));

    // A socket file with this pid and another start time does not mark the program.
    let plain = Target::start("plain", directory.path());
    std::fs::rename(&socket, directory.path().join(format!("{}-1.sock", plain.pid()))).unwrap();
    assert!(listed(plain.pid())["agent"].is_null());
}

#[test]
fn an_agent_in_a_directory_chosen_in_code_is_found() {
    let (elsewhere, directory) = (Directory::new(), Directory::new());
    let target = Target::start(&format!("directory:{}", directory.path().display()), elsewhere.path());
    let agent = listed(target.pid())["agent"].as_str().unwrap().to_owned();
    assert!(agent.starts_with(directory.path().to_str().unwrap()), "{agent}");
}

#[test]
fn a_program_with_a_deleted_executable_is_found_and_marked_as_deleted() {
    let directory = Directory::new();
    let copy = directory.path().join("a-program-with-a-long-name");
    program::copy_of_this(&copy);
    let mut command = Command::new(&copy);
    command.env("RGOPS_DIR", directory.path());
    let target = Target::start_by(command, "agent");
    std::fs::remove_file(&copy).unwrap();
    let entry = listed(target.pid());
    assert_eq!(entry["name"], "a-program-with-a-long-name");
    assert!(entry["path"].as_str().unwrap().ends_with(" (deleted)"), "{entry}");
    assert!(entry["agent"].is_string(), "{entry}");
}

#[test]
fn a_stopped_program_times_out_and_its_details_show_that_it_is_stopped() {
    let directory = Directory::new();
    let target = Target::start("agent", directory.path());
    let pid = target.pid().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &pid]).status().unwrap().success();
    assert!(signal("-STOP"));
    let output = rgops(&["version", &pid, "--timeout", "0.2"]);
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(stdout(&rgops(&[&pid])).contains("state:\tT (stopped"));
    assert!(signal("-CONT"));
    assert_eq!(code(&rgops(&["version", &pid])), 0);
}

#[test]
fn a_program_started_with_rgops_off_is_reported() {
    let directory = Directory::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("RGOPS_DIR", directory.path()).env("RGOPS", "off");
    let target = Target::start_by(command, "plain");
    let output = rgops(&["version", &target.pid().to_string()]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("fix: it was started with RGOPS=off"), "{}", stderr(&output));
}

#[test]
fn details_have_the_lines_of_gops_and_more() {
    let directory = Directory::new();
    let target = Target::start("agent", directory.path());
    let output = rgops(&[&target.pid().to_string(), "50ms"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let names = stdout(&output).lines().map(|line| line.split_once(":\t").unwrap().0);
    // A line for each name of threads that used the CPU: as many as the busiest of them have.
    let names: Vec<&str> = names.filter(|name| *name != "thread").collect();
    assert_eq!(
        names,
        [
            "state",
            "memory usage",
            "cpu usage",
            "cpu usage (50ms)",
            "threads",
            "parent PID",
            "username",
            "cmd+args",
            "elapsed time",
            "executable",
            "compiler",
            "agent"
        ]
    );
    let output = rgops(&["info", &target.pid().to_string(), "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "rgops.info/1");
    assert!(json["memory_percent"].as_f64().unwrap() > 0.0);
    assert_eq!(json["state"], "S");
}

#[test]
fn details_show_listening_sockets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = rgops(&[&std::process::id().to_string()]);
    let line = format!("local/remote:\t{} <-> 0.0.0.0:0 (LISTEN)", listener.local_addr().unwrap());
    assert!(stdout(&output).contains(&line), "{}", stdout(&output));
}

#[test]
fn a_name_finds_the_only_program_with_it() {
    let directory = Directory::new();
    let copy = directory.path().join(format!("named{}", std::process::id()));
    program::copy_of_this(&copy);
    let name = copy.file_name().unwrap().to_str().unwrap();
    let start = |what| {
        let mut command = Command::new(&copy);
        command.env("RGOPS_DIR", directory.path());
        Target::start_by(command, what)
    };
    let first = start("plain");
    assert_eq!(code(&rgops(&[name])), 0);
    let with_agent = start("agent");
    // The program with the agent is chosen: only it can answer.
    let output = rgops(&["info", name, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["pid"], with_agent.pid());
    drop(with_agent);
    let second = start("plain");
    let output = rgops(&["version", name]);
    assert_eq!(code(&output), 2);
    let (one, other) = (first.pid().to_string(), second.pid().to_string());
    assert!(stderr(&output).contains(&one) && stderr(&output).contains(&other), "{}", stderr(&output));
}

#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn a_c_program_with_a_rust_library_in_it_contains_rust() {
    let directory = Directory::new();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("l.rs", "#[unsafe(no_mangle)] pub extern \"C\" fn rust() { println!(\"ready\"); }");
    write("c.c", "#include <unistd.h>\nvoid rust(void); int main(void) { rust(); pause(); return 0; }");
    let run = |program: &str, arguments: &str| {
        let mut command = Command::new(program);
        let command = command.args(arguments.split(' ')).current_dir(directory.path());
        command.status().is_ok_and(|status| status.success())
    };
    if !run("rustc", "--edition=2024 -O --crate-type=staticlib l.rs -o libl.a")
        || !run("cc", "-O2 c.c libl.a -lpthread -ldl -lm -s -o mixed")
    {
        eprintln!("skipped: rustc and cc are needed to build the program");
        return;
    }
    let mut mixed =
        Command::new(directory.path().join("mixed")).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 5];
    std::io::Read::read_exact(&mut mixed.stdout.take().unwrap(), &mut ready).unwrap();
    let output = rgops(&[]);
    let line = row(stdout(&output), mixed.id()).map(str::to_owned);
    let entry = listed(mixed.id());
    mixed.kill().unwrap();
    mixed.wait().unwrap();
    assert!(line.as_ref().unwrap().contains("   contains Rust 1."), "{line:?}");
    assert_eq!(entry["contains_only"], true);
}

/// Starts a program in its own pid and mount namespaces, as in a container. Returns it with its pid in this
/// namespace; `None` if that is not permitted.
fn in_namespaces() -> Option<(Target, u32, Directory)> {
    let mut probe = Command::new("unshare");
    if !probe.args(["-mp", "--fork", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system does not let us make namespaces (run as root)");
        return None;
    }
    // The mount is visible only inside: outside, the directory stays empty.
    let mount = Directory::new();
    let script = "mount -t tmpfs tmpfs \"$MOUNT\" && mkdir -m 700 \"$MOUNT/inner\" \\
        && RGOPS_DIR=\"$MOUNT/inner\" exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.env("MOUNT", mount.path());
    command.args(["-mp", "--fork", "--kill-child", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let unshare = Target::start_by(command, "agent");
    let children = format!("/proc/{0}/task/{0}/children", unshare.pid());
    let pid = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    Some((unshare, pid, mount))
}

#[test]
fn an_agent_of_another_mount_and_pid_namespace_is_found_through_its_root() {
    let Some((_unshare, pid, mount)) = in_namespaces() else { return };
    let agent = listed(pid)["agent"].as_str().unwrap().to_owned();
    let inside = format!("/proc/{pid}/root{}/inner/1-", mount.path().display());
    assert!(agent.starts_with(&inside), "{agent}");
}

#[test]
fn an_agent_of_another_mount_and_pid_namespace_answers() {
    let Some((_unshare, pid, _mount)) = in_namespaces() else { return };
    let output = rgops(&["version", &pid.to_string()]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
