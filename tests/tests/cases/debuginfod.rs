//! Names for a stripped program from a debuginfod server: the real one of elfutils, one that refuses, and one that never
//! answers. Nobody is asked without `DEBUGINFOD_URLS`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rgops_inspect::profile;
use rgops_tests::built::{self, Odd};
use rgops_tests::directory::Directory;
use rgops_tests::program::{self, Program};
use rgops_tests::running::{Answer, Running};
use rgops_tests::waiting::{DEADLINE, skip_unless, until};

/// A stripped program that runs, and a folder for the tool's cache.
struct Place {
    directory: Directory,
    program: PathBuf,
    target: Running,
}

impl Place {
    fn new() -> Place {
        let directory = Directory::new();
        let program = directory.path().join("odd");
        built::copy(&built::odd(Odd::Stripped).unwrap(), &program);
        let target = Running::start_and_wait(&program, &[]);
        Place { directory, program, target }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str], urls: &str) -> Command {
        let mut command = Command::new(built::release("rgops"));
        command.args(arguments).env("DEBUGINFOD_URLS", urls).env("DEBUGINFOD_CACHE_PATH", self.path("cache"));
        command
    }

    fn ask(&self, arguments: &[&str], urls: &str) -> Answer {
        answer(&mut self.command(arguments, urls))
    }
}

fn answer(command: &mut Command) -> Answer {
    let output = program::finished(command);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let answer = Answer {
        code: output.status.code().unwrap(),
        output: text(output.stdout),
        errors: text(output.stderr),
        took: std::time::Duration::ZERO,
    };
    println!("{command:?} → {}\n{}{}", answer.code, answer.output, answer.errors);
    answer
}

fn skip() -> bool {
    let has = |tool: &str| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    skip_unless(has("debuginfod") && has("debuginfod-find"), "debuginfod: apt install debuginfod")
}

/// A server for the files in `folder`, once it has one of this build; and its address.
fn serve(folder: &Path, build_id: &str) -> (Program, String) {
    let mut started: Option<(Program, u16)> = None;
    let (server, port) = until("a server has the file", || {
        // Another program may take the port before the server does: then it ends.
        if !started.as_mut().is_some_and(|(server, _)| server.is_running()) {
            started = Some(start(folder));
        }
        let port = started.as_ref().map(|(_, port)| *port)?;
        if has_file(port, build_id).unwrap_or(false) { started.take() } else { None }
    });
    (server, format!("http://127.0.0.1:{port}"))
}

fn start(folder: &Path) -> (Program, u16) {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut command = Command::new("debuginfod");
    command.args(["-d", ":memory:", "--disable-source-scan", "-c", "1", "-t", "0", "-g", "0"]);
    command.args(["-p", &port.to_string(), "-F"]).arg(folder).stderr(Stdio::null());
    (Program::start(&mut command), port)
}

fn has_file(port: u16, build_id: &str) -> std::io::Result<bool> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.set_read_timeout(Some(DEADLINE))?;
    write!(server, "GET /buildid/{build_id}/debuginfo HTTP/1.0\r\n\r\n")?;
    let mut status = [0; 12];
    server.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

fn build_id(place: &Place) -> String {
    let pid = place.target.pid().to_string();
    let version = place.ask(&["version", &pid, "--json"], "").json();
    version["build_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_has_the_names_and_lines() {
    if skip() {
        return;
    }
    let place = Place::new();
    let pid = place.target.pid().to_string();
    let served = place.directory.path().join("served");
    fs::create_dir(&served).unwrap();
    let kept = Command::new("objcopy")
        .arg("--only-keep-debug")
        .args([&built::release("odd"), &served.join("kept.debug")])
        .status();
    assert!(kept.unwrap().success());
    let (_server, url) = serve(&served, &build_id(&place));

    let unasked = place.ask(&["stack", &pid], "");
    assert!(unasked.output.contains("odd+0x") && !place.directory.path().join("cache").exists());
    let profile = place.path("odd.pb.gz");
    place.ask(&["pprof-cpu", &pid, "--duration", "1", "--output", &profile], "");
    let named = place.ask(&["stack", &pid], &url);
    assert_eq!(named.code, 0);
    assert!(named.output.contains("odd::odd_park") && named.output.contains("main.rs:"), "{named:?}");

    // Where neither the program nor its files are.
    fs::remove_file(&place.program).unwrap();
    let (nothing, symbolized) = (place.path("nothing"), place.path("named.pb.gz"));
    fs::create_dir(&nothing).unwrap();
    let answer = place.ask(&["symbolize", &profile, "--symbols", &nothing, "-o", &symbolized], &url);
    assert_eq!(answer.code, 0);
    let profile = profile::read(&fs::read(symbolized).unwrap()).unwrap();
    let spins = |function: &&profile::proto::Function| profile.text(function.name).contains("odd::odd_spin");
    let spins = profile.function.iter().find(spins).expect("it has a name");
    assert!(profile.text(spins.filename).ends_with("main.rs"));
    let lines = profile.location.iter().flat_map(|location| &location.line);
    assert!(lines.filter(|line| line.function_id == spins.id).all(|line| line.line > 0));
}

#[test]
fn a_server_that_refuses_costs_names_only() {
    if skip() {
        return;
    }
    let place = Place::new();
    let pid = place.target.pid().to_string();
    // Nobody listens there: this end of a connection has the port.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = TcpStream::connect(taken.local_addr().unwrap()).unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    let answer = place.ask(&["stack", &pid], &url);
    assert!(answer.output.contains("odd+0x"), "{answer:?}");
    assert_eq!(answer.output.matches("debuginfod-find: ").count(), 1, "{answer:?}");
}

#[test]
fn a_missing_tool_is_named_once_with_its_package() {
    let place = Place::new();
    let pid = place.target.pid().to_string();
    let mut command = place.command(&["stack", &pid], "http://127.0.0.1:1");
    let answer = answer(command.env("PATH", place.path("nothing")));
    assert!(answer.output.contains("odd+0x"), "{answer:?}");
    assert!(answer.output.contains("debuginfod-find is not installed"), "{answer:?}");
    assert_eq!(answer.output.matches("apt install debuginfod").count(), 1, "{answer:?}");
}

#[test]
fn an_interrupt_ends_the_tool() {
    if skip() {
        return;
    }
    let place = Place::new();
    let pid = place.target.pid().to_string();
    // The system accepts for it, and nothing ever answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = place.command(&["stack", &pid], &url);
    let mut rgops = Program::start(command.stderr(Stdio::null()));
    // The connection shows that the tool runs.
    silent.set_nonblocking(true).unwrap();
    let connection = until("the tool connects", || silent.accept().ok());
    let tool = until("the tool is its child", || child_of(rgops.pid()));
    rgops.signal("INT");
    assert_eq!(rgops.wait().code(), Some(130));
    until("the tool has ended", || (!is_running(tool)).then_some(()));
    drop(connection);
}

/// A process whose parent this is.
fn child_of(parent: u32) -> Option<u32> {
    let pids =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The words behind its name: state, parent.
        let parent_of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        parent_of.is_some_and(|of| of == parent.to_string())
    })
}

/// Whether it runs; a process that has ended and is not reaped by the system yet does not.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
