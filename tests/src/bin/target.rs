//! A program with an agent that obeys orders: it reads one per line from standard input, and answers each with one
//! line. So a test decides when it listens, forks, gets stuck or ends.
#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "the promises are tested on Linux"))]

use std::io::{self, BufRead as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rgops_agent::{Agent, Command, ListenError, Options};
use tokio::runtime::Runtime;

#[cfg(target_os = "linux")]
#[path = "../orders/descriptors.rs"]
mod descriptors;
#[cfg(target_os = "linux")]
#[path = "../orders/process.rs"]
mod process;

/// Number of polls of the tasks of `spawn`.
static POLLS: AtomicU64 = AtomicU64::new(0);
/// Number of wakeups of the task of `beat`.
static BEATS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn main() {
    let mut program = Program::default();
    print_line("ready");
    // The loop ends with the test that started the program: the pipe closes.
    for order in io::stdin().lock().lines() {
        let order = order.expect("standard input is a pipe");
        let (verb, rest) = order.split_once(' ').unwrap_or((&order, ""));
        let answer = program.obey(verb, rest);
        if !answer.is_empty() {
            print_line(&answer);
        }
    }
}

fn print_line(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("standard output is a pipe");
}

#[derive(Default)]
struct Program {
    agent: Option<Agent>,
    runtime: Option<Runtime>,
    #[cfg(target_os = "linux")]
    own: descriptors::Own,
}

impl Program {
    fn obey(&mut self, verb: &str, rest: &str) -> String {
        #[cfg(target_os = "linux")]
        if let Some(answer) = descriptors::obey(&mut self.own, verb, rest) {
            return answer;
        }
        #[cfg(target_os = "linux")]
        if let Some(answer) = process::obey(verb, rest, spin) {
            return answer;
        }
        match verb {
            "listen" => self.listen(rest),
            "close" => {
                if let Some(agent) = self.agent.take() {
                    agent.close();
                }
                "closed".to_owned()
            }
            "drop" => {
                self.agent = None;
                "dropped".to_owned()
            }
            "watch" => {
                if let (Some(agent), Some(runtime)) = (&self.agent, &self.runtime) {
                    agent.watch(runtime.handle(), rest);
                }
                "watched".to_owned()
            }
            "runtime" => {
                let workers = rest.parse().expect("a number of workers");
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build();
                self.runtime = Some(runtime.expect("a runtime"));
                "made".to_owned()
            }
            "tokio" => {
                // If Tokio's feature `signal` is enabled, the first runtime in the process creates a socket pair that
                // stays for the life of the process.
                drop(tokio::runtime::Builder::new_current_thread().enable_all().build());
                "made".to_owned()
            }
            "stick" => self.stick(rest),
            "spawn" => self.spawn(rest.parse().expect("a number of tasks")),
            "keep" => self.keep(rest),
            "polls" => POLLS.load(Ordering::SeqCst).to_string(),
            "beats" => BEATS.load(Ordering::SeqCst).to_string(),
            "beat" => self.beat(),
            "alive" => self.runtime().metrics().num_alive_tasks().to_string(),
            "hold-stdout" => hold_stdout(),
            "burn" => {
                std::thread::spawn(spin);
                "burning".to_owned()
            }
            #[cfg(target_os = "linux")]
            "fork" => process::fork(rest, |options| {
                let mut program = Program::default();
                let answer = program.listen(options);
                print_line(&format!("{} {answer}", std::process::id()));
                program
            }),
            "exit" => std::process::exit(rest.parse().expect("an exit code")),
            other => panic!("no order {other}"),
        }
    }

    fn listen(&mut self, rest: &str) -> String {
        let inside = self.runtime.as_ref().map(Runtime::enter);
        let agent = options(rest).and_then(|options| {
            // A test searches this output for the token.
            eprintln!("{options:?}");
            rgops_agent::listen(options)
        });
        drop(inside);
        match agent {
            Ok(agent) => {
                eprintln!("{agent:?}");
                let tcp = agent.tcp_address().map(|address| address.to_string());
                let line = format!("listening {} {}", agent.address(), tcp.unwrap_or_default());
                self.agent = Some(agent);
                line
            }
            Err(error) => {
                let debug = format!("{error:?}");
                let end = debug.find(|char: char| !char.is_alphanumeric()).unwrap_or(debug.len());
                format!("failed {}: {}", &debug[..end], io::Error::from(error))
            }
        }
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("a runtime")
    }

    /// Spawns tasks that wait for ever and count their polls.
    fn spawn(&self, count: usize) -> String {
        for _ in 0..count {
            self.runtime().spawn(std::future::poll_fn(|_| {
                POLLS.fetch_add(1, Ordering::SeqCst);
                std::task::Poll::<()>::Pending
            }));
        }
        "spawned".to_owned()
    }

    /// Spawns a task that keeps a text in its future.
    fn keep(&self, text: &str) -> String {
        let mut kept = [0_u8; 64];
        kept[..text.len()].copy_from_slice(text.as_bytes());
        self.runtime().spawn(async move {
            std::future::pending::<()>().await;
            std::hint::black_box(&kept);
        });
        "kept".to_owned()
    }

    /// Spawns a task that is woken every millisecond and counts it.
    fn beat(&self) -> String {
        let wake = Arc::new(tokio::sync::Notify::new());
        let woken = wake.clone();
        self.runtime().spawn(async move {
            loop {
                woken.notified().await;
                BEATS.fetch_add(1, Ordering::SeqCst);
            }
        });
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(1));
                wake.notify_one();
            }
        });
        "beating".to_owned()
    }

    /// Makes every worker of the runtime stuck in a poll for ever.
    fn stick(&self, how: &str) -> String {
        let runtime = self.runtime.as_ref().expect("a runtime");
        let never_unlocked = Arc::new(Mutex::new(()));
        std::mem::forget(never_unlocked.lock());
        let (report, stuck) = mpsc::channel();
        let workers = runtime.metrics().num_workers();
        let mut count = 0;
        while count < workers {
            let (report, mutex, spins) = (report.clone(), never_unlocked.clone(), how == "spin");
            // A worker may have taken two of them and be stuck in the first one: spawn another.
            runtime.spawn(async move {
                let _ = report.send(());
                if spins { spin() } else { drop(mutex.lock()) }
            });
            count += usize::from(stuck.recv_timeout(Duration::from_millis(200)).is_ok());
        }
        "stuck".to_owned()
    }
}

#[inline(never)]
fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

/// A thread holds the lock of standard output for ever. It prints the answer itself, because no other thread can
/// print.
fn hold_stdout() -> String {
    let (report, held) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lock = io::stdout().lock();
        let _ = writeln!(lock, "held").and_then(|()| lock.flush());
        let _ = report.send(());
        loop {
            std::thread::park();
        }
    });
    let _ = held.recv();
    String::new()
}

fn command(name: &str) -> Command {
    Command::ALL.into_iter().find(|command| command.name() == name).expect("a command")
}

/// Parses `key=value` words into options.
fn options(words: &str) -> Result<Options, ListenError> {
    let mut options = Options::default();
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        options = match key {
            "directory" => options.directory(value),
            "without-local-socket" => options.without_local_socket(),
            "tcp" => options.tcp(value),
            "tcp-insecure-remote" => options.tcp_insecure_remote(value),
            "token" => options.token(value)?,
            "memory-over-tcp" => options.memory_over_tcp(),
            "token-from-environment" => options.token_from_environment(),
            "token-file" => options.token_file(value),
            "name" => options.name(value),
            "deny" => options.deny(command(value)),
            "allow" => options.allow(command(value)),
            other => panic!("no option {other}"),
        };
    }
    Ok(options)
}
