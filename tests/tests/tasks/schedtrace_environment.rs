//! `RGOPS_DEBUG=schedtrace=…` in the program's environment: lines on standard error, and the behaviour of the agent
//! when they are not read.

use std::io::{BufRead as _, BufReader, PipeReader};
use std::os::fd::AsRawFd as _;
use std::process::Command;

use rgops_tests::asking::stats;
use rgops_tests::directory::Directory;
use rgops_tests::program::{self, Patient};
use rgops_tests::target;
use rgops_tests::waiting::until;

/// A `target` whose standard error is a pipe of one page.
struct Program {
    program: program::Program,
    errors: Option<BufReader<Patient<PipeReader>>>,
    /// All lines read so far.
    read: Vec<String>,
}

impl Program {
    fn start(directory: &Directory, debug: &str) -> Program {
        let (errors, write_errors) = std::io::pipe().unwrap();
        // SAFETY: F_SETPIPE_SZ takes a number and touches no memory.
        let size = unsafe { libc::fcntl(errors.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
        assert_eq!(size, 4096);
        let mut command = Command::new(target::executable());
        command.env("RGOPS_DIR", directory.sockets()).env("RGOPS_DEBUG", debug);
        command.stderr(write_errors);
        let program = program::Program::start(&mut command);
        let errors = Some(BufReader::new(Patient(errors)));
        let mut program = Program { program, errors, read: Vec::new() };
        assert_eq!(program.program.line(), "ready");
        program
    }

    fn order(&mut self, order: &str) -> String {
        self.program.order(order)
    }

    /// Makes it listen; returns the socket's path. The program itself then prints two lines on standard error.
    fn listen(&mut self) -> String {
        self.program.send("listen");
        self.error_with("Agent {");
        let answer = self.program.line();
        answer.strip_prefix("listening ").unwrap().trim().to_owned()
    }

    fn error(&mut self) -> String {
        let mut line = String::new();
        self.errors.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended: {}", self.program.wait());
        line.trim_end().to_owned()
    }

    /// The next line that contains this text.
    fn error_with(&mut self, text: &str) -> String {
        loop {
            let line = self.error();
            self.read.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn has_writer(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.program.pid())).unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .any(|name| name.trim_end() == "rgops-stderr")
    }
}

#[test]
fn a_stuck_program_prints_its_lines_until_it_is_closed() {
    let directory = Directory::new();
    let mut program = Program::start(&directory, "schedtrace=50,scheddetail=1");
    program.order("runtime 2");
    program.listen();
    let idle = program.error_with("SCHED ");
    for field in ["runtime=main", "workers=2", "searching=-", "runqueue=0", "[ - - ]", "alive=0"] {
        assert!(idle.contains(&format!(" {field}")), "{idle}");
    }
    program.order("stick mutex");
    until("both workers are busy", || {
        program.error_with("SCHED ").contains(" idleworkers=0 ").then_some(())?;
        program.error_with("SCHED ").contains("busy=[ 100% 100% ] alive=2").then_some(())
    });
    let workers = [program.error_with("W0: "), program.error()];
    for (index, worker) in workers.iter().enumerate() {
        assert!(worker.starts_with(&format!("W{index}: tid=- state=polling task=- queue=- ")), "{worker}");
    }
    for task in [program.error_with("T"), program.error()] {
        assert!(task.ends_with(": state=running worker=- name=-"), "{task}");
    }
    program.order("close");
    until("its writer ends", || (!program.has_writer()).then_some(()));
}

#[test]
fn without_a_reader_the_agent_answers_and_later_reports_dropped_lines() {
    let directory = Directory::new();
    let mut program = Program::start(&directory, "schedtrace=10");
    program.order("runtime 2");
    let path = program.listen();
    // Enough lines to fill the pipe and the queue, so some are dropped.
    for _ in 0..20 {
        stats(&path);
    }
    let begin = std::time::Instant::now();
    until("lines were dropped", || (begin.elapsed().as_secs() >= 2).then_some(()));
    stats(&path);
    let dropped = program.error_with("dropped: standard error did not accept more");
    let count: u64 = dropped.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(count > 0, "{dropped}");
    assert!(program.error().starts_with("SCHED "));

    // The reader closes the pipe: the writer thread ends, the program and its agent continue.
    program.errors = None;
    until("its writer ends", || (!program.has_writer()).then_some(()));
    stats(&path);
    assert_eq!(program.order("close"), "closed");
}

#[test]
fn an_invalid_value_prints_one_line_and_is_not_a_failure() {
    let directory = Directory::new();
    let mut program = Program::start(&directory, "schedtrace=soon");
    program.order("runtime 2");
    let path = program.listen();
    // The program's own writes are unbuffered, so this line may be in the middle of another one.
    let complaint = "rgops: RGOPS_DEBUG: schedtrace=soon is not a number of milliseconds from 10 to 3600000; \
                     write RGOPS_DEBUG=schedtrace=1000[,scheddetail=1]";
    if !program.read.iter().any(|line| line.contains(complaint)) {
        program.error_with(complaint);
    }
    assert_eq!(stats(&path).runtimes.len(), 1);
    until("its writer ends", || (!program.has_writer()).then_some(()));
}
