//! Programs that tests start. Each is killed when it is dropped, and every wait has a deadline. At the deadline the
//! program is killed, and the test fails and names what it waited for.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::waiting::DEADLINE;

/// A started program that reads orders from standard input and prints lines. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    what: String,
    child: Child,
    orders: Option<ChildStdin>,
    lines: BufReader<Patient<ChildStdout>>,
}

impl Program {
    /// Starts it. The command defines where standard error goes.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(command: &mut Command) -> Program {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let what = words(command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        let lines = BufReader::new(Patient(child.stdout.take().expect("it is a pipe")));
        let orders = child.stdin.take();
        Program { what, child, orders, lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output; `None` at the end of the output.
    ///
    /// # Panics
    /// When there is no line until the deadline.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        read.unwrap_or_else(|error| panic!("waiting for a line of {}: {error}", self.what));
        line.ends_with('\n').then(|| line.trim_end().to_owned())
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// At the end of the output, or when there is no line until the deadline.
    pub fn line(&mut self) -> String {
        match self.next_line() {
            Some(line) => line,
            None => panic!("{} ended: {}", self.what.clone(), self.wait()),
        }
    }

    /// The rest of the first line that begins with `prefix`; `None` if there is none.
    ///
    /// # Panics
    /// When there is no line until the deadline.
    pub fn line_behind(&mut self, prefix: &str) -> Option<String> {
        loop {
            if let Some(found) = self.next_line()?.strip_prefix(prefix) {
                return Some(found.to_owned());
            }
        }
    }

    /// All lines until the end of the output.
    ///
    /// # Panics
    /// When there is no line until the deadline.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next_line()).collect()
    }

    /// Sends an order without reading its answer.
    ///
    /// # Panics
    /// When it reads no more orders.
    pub fn send(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("its orders have not ended");
        writeln!(orders, "{order}").unwrap_or_else(|error| panic!("{order} to {}: {error}", self.what));
    }

    /// Sends an order and reads its answer.
    ///
    /// # Panics
    /// As [`Program::send`] and [`Program::line`].
    pub fn order(&mut self, order: &str) -> String {
        self.send(order);
        self.line()
    }

    /// Closes its standard input, which ends most programs.
    pub fn end_orders(&mut self) {
        drop(self.orders.take());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs at the deadline.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child, &self.what, Instant::now() + DEADLINE)
    }

    /// Kills it with SIGKILL, and waits for its end.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }

    /// Sends it a signal by name, such as `INT`.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, for at most five minutes, and returns its output.
///
/// # Panics
/// As [`output`].
pub fn finished(command: &mut Command) -> Output {
    output(command, Duration::from_secs(300))
}

/// Runs a command to its end and returns its output.
///
/// # Panics
/// When it does not start. When it still runs at `deadline`; then it is killed.
pub fn output(command: &mut Command, deadline: Duration) -> Output {
    let end = Instant::now() + deadline;
    let what = words(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap_or_else(|error| panic!("{what}: {error}")));
    let stdout = read_all(child.0.stdout.take().expect("it is a pipe"));
    let stderr = read_all(child.0.stderr.take().expect("it is a pipe"));
    let text = |receiver: mpsc::Receiver<Vec<u8>>| {
        let left = end.saturating_duration_since(Instant::now());
        receiver.recv_timeout(left).unwrap_or_else(|_| panic!("{what} printed on for {deadline:?}"))
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    Output { status: wait(&mut child.0, &what, end), stdout, stderr }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a pipe to its end.
fn read_all(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait(child: &mut Child, what: &str, end: Instant) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().expect("our child") {
            return status;
        }
        if Instant::now() >= end {
            let _ = child.kill();
            panic!("{what} did not end in time; it was killed");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The program and its arguments, for messages.
fn words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default();
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    arguments.fold(name.to_owned(), |text, argument| text + &argument)
}

/// A pipe whose reads fail when there is no data until the deadline.
#[derive(Debug)]
pub struct Patient<P>(pub P);

impl<P: Read + AsRawFd> Read for Patient<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut wanted = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: the array has one element, which lives until the call returns.
            match unsafe { libc::poll(&mut wanted, 1, left.as_millis() as i32) } {
                0 => return Err(io::Error::other(format!("nothing for {DEADLINE:?}"))),
                1.. => return self.0.read(buffer),
                _ => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_answers_ends_and_is_killed() {
        let mut program = Program::start(&mut shell("read a; echo got $a; read b; echo last; exit 3"));
        assert_eq!(program.order("one"), "got one");
        program.end_orders();
        assert_eq!(program.rest(), ["last"]);
        assert_eq!(program.wait().code(), Some(3));
        let sleeping = Program::start(&mut shell("exec sleep 1000"));
        let proc = format!("/proc/{}", sleeping.pid());
        assert!(std::fs::exists(&proc).expect("proc"));
        drop(sleeping);
        assert!(!std::fs::exists(&proc).expect("proc"));
    }

    #[test]
    fn a_program_that_hangs_is_killed_and_named() {
        let hanging = || output(&mut shell("echo begun; exec sleep 1000"), Duration::from_millis(50));
        let panic = std::panic::catch_unwind(hanging).expect_err("it hangs");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains("sleep 1000 printed on for 50ms"), "{text}");
        let fine = output(&mut shell("echo out; echo err >&2; exit 7"), DEADLINE);
        assert_eq!(
            (fine.status.code(), &*fine.stdout, &*fine.stderr),
            (Some(7), &b"out\n"[..], &b"err\n"[..])
        );
    }
}
