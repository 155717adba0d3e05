//! A test that is its own target: it starts the test executable again to run one ignored test, which listens and
//! prints `ready ADDRESS`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rgops_inspect::client::{Client, ClientError, Collected, Endpoint, Timeouts};
use rgops_protocol::received::Received;
use rgops_protocol::reply::pprof_cpu::{CpuSample, CpuThread, CpuTotals, PprofCpuPart};
use rgops_protocol::reply::stack::{StackPart, ThreadStack};
use rgops_protocol::reply::{Module, Note};
use rgops_protocol::request::{PprofCpuRequest, Request, StackRequest};

use crate::directory::Directory;
use crate::program::Program;

const VARIABLE: &str = "RGOPS_TEST_TARGET";

/// For the target: whether this process is one. If not, its test has nothing to do.
pub fn is_target() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// For the target: starts the agent and reports it, then waits for a line from the test.
///
/// # Panics
/// When the agent cannot listen.
pub fn listen_until_input() {
    listen_with(rgops_agent::Options::default());
}

/// The same with other options.
///
/// # Panics
/// When the agent cannot listen.
pub fn listen_with(options: rgops_agent::Options) {
    wait_for_input(&rgops_agent::listen(options).expect("the target listens"));
}

/// For the target: reports that it is ready, then waits for a line from the test.
pub fn wait_for_input(agent: &rgops_agent::Agent) {
    println!("\nready {}", agent.address());
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// A complete CPU profile.
#[derive(Debug)]
pub struct Profile {
    /// In the order they were received.
    pub samples: Vec<CpuSample>,
    /// The module lists, in the order they were received.
    pub modules: Vec<Vec<Module>>,
    totals: Option<CpuTotals>,
    /// The agent's notes about missing data.
    pub notes: Vec<Note>,
}

impl Profile {
    /// CPU clocks and lost samples.
    ///
    /// # Panics
    /// When they were not received.
    pub fn totals(&self) -> &CpuTotals {
        self.totals.as_ref().expect("a complete profile has them")
    }

    /// The thread with this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn thread(&self, name: &str) -> &CpuThread {
        let found = self.totals().threads.iter().find(|thread| thread.name == name);
        found.unwrap_or_else(|| panic!("no thread {name} in {:?}", self.totals()))
    }
}

/// A running target; killed when dropped.
#[derive(Debug)]
pub struct Itself {
    program: Program,
    address: String,
    errors: PathBuf,
    // Dropped last: the program's files are in it.
    _directory: Directory,
}

impl Itself {
    /// Starts this executable's ignored test `name`.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start(name: &str) -> Itself {
        Itself::start_with(name, &[])
    }

    /// The same with more environment variables.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn start_with(name: &str, variables: &[(&str, &str)]) -> Itself {
        let directory = Directory::new();
        let errors = directory.unused("errors");
        let mut command = Command::new(std::env::current_exe().expect("Linux knows it"));
        command
            .args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"])
            .env(VARIABLE, name)
            .env("RGOPS_DIR", directory.sockets())
            .envs(variables.iter().copied())
            .stderr(File::create(&errors).expect("a file of ours"));
        let mut program = Program::start(&mut command);
        let Some(address) = program.line_behind("ready ") else {
            panic!("{name} never got ready: {}", fs::read_to_string(errors).unwrap_or_default());
        };
        Itself { program, address, errors, _directory: directory }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.program.is_running()
    }

    /// Waits for it to end by itself. Returns its exit status and what it wrote to standard error.
    ///
    /// # Panics
    /// When it does not end.
    pub fn death(mut self) -> (ExitStatus, String) {
        (self.program.wait(), self.errors())
    }

    fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.errors).unwrap_or_default()).into_owned()
    }

    /// Sends its agent a request, and receives the whole answer.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn ask<T: Received>(&self, request: &Request) -> Result<Collected<T>, ClientError> {
        let endpoint = Endpoint::Local { path: self.address.as_str().into(), expected: None };
        let timeouts = Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(30) };
        Ok(Client::connect(&endpoint, timeouts)?.ask(request)?.collect::<T>(&mut |_| {}))
    }

    /// A complete CPU profile at 999 Hz.
    ///
    /// # Panics
    /// When there is no answer, or it is not complete.
    pub fn profile(&self, milliseconds: u64) -> Profile {
        self.profile_at(999, milliseconds)
    }

    /// The same at another rate.
    ///
    /// # Panics
    /// As above.
    pub fn profile_at(&self, hz: u32, milliseconds: u64) -> Profile {
        self.try_profile(hz, milliseconds).expect("the profile is complete")
    }

    /// A CPU profile, if the answer is complete.
    ///
    /// # Errors
    /// When it is not.
    pub fn try_profile(&self, hz: u32, milliseconds: u64) -> Result<Profile, ClientError> {
        let request = Request::PprofCpu(PprofCpuRequest { duration_ms: milliseconds, hz });
        let collected = self.ask::<PprofCpuPart>(&request)?;
        let end = collected.end?;
        let mut profile =
            Profile { samples: Vec::new(), modules: Vec::new(), totals: None, notes: end.notes };
        for part in collected.parts {
            match part {
                PprofCpuPart::Samples(samples) => profile.samples.extend(samples),
                PprofCpuPart::Modules(modules) => profile.modules.push(modules),
                PprofCpuPart::Totals(totals) => profile.totals = Some(totals),
                _ => {}
            }
        }
        Ok(profile)
    }

    /// Lets it continue; for a target that waits more than once.
    ///
    /// # Panics
    /// When it ended.
    pub fn resume(&mut self) {
        self.program.send("");
    }

    /// The address of its agent.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The threads of a dump.
    ///
    /// # Panics
    /// When there is no answer, or it is not complete.
    pub fn dump(&self) -> Vec<ThreadStack> {
        self.dump_and_notes().0
    }

    /// The same, with the agent's notes about missing data.
    ///
    /// # Panics
    /// As above.
    pub fn dump_and_notes(&self) -> (Vec<ThreadStack>, Vec<Note>) {
        let request = Request::Stack(StackRequest { max_depth: 64 });
        let collected = self.ask::<StackPart>(&request).expect("the agent answers");
        let end = collected.end.expect("the dump is complete");
        let parts = collected.parts.into_iter();
        let threads = |part| if let StackPart::Threads(threads) = part { threads } else { Vec::new() };
        (parts.flat_map(threads).collect(), end.notes)
    }

    /// Ends it, and returns what it printed after it was ready.
    ///
    /// # Panics
    /// When it fails.
    pub fn end(mut self) -> String {
        self.program.end_orders();
        let text = self.program.rest();
        let (status, errors) = (self.program.wait(), self.errors());
        assert!(status.success(), "{status}: {}\n{errors}", text.join("\n"));
        text.join("\n")
    }
}
