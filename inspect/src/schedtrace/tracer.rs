//! Asks an agent for samples and makes lines of them.
//!
//! A first short answer lists the runtimes. Then the addresses in their memory are determined. Then samples
//! stream, each with the memory at these addresses. When the program watches a new runtime, this starts
//! again.

use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::reply::schedtrace::{SchedtraceMoment, SchedtracePart, SchedtraceRuntime};
use rgops_protocol::reply::tasks::TasksPart;
use rgops_protocol::reply::{End, Known, Module, Unavailable};
use rgops_protocol::request::{MAX_MOMENT_BYTES, MemoryRange, Request, SchedtraceRequest, TasksRequest};
use rgops_tasks::schedtrace::{
    Detail, Hidden, Listing, Memory, Plan, RuntimeLine, cost, details, shown, whole,
};
use rgops_tasks::types::ProgramTypes;

use crate::budget::Budget;
use crate::client::{Answer, Client, ClientError, Event, Payload, Running, part};
use crate::tasks::{TypeFiles, program_types};

/// The shortest interval that an agent accepts.
const MIN_INTERVAL_MS: u32 = 1;

/// Bytes of an answer after which a new request is sent: far below the limit of an answer.
const MAX_RECEIVED: usize = 256 * 1024 * 1024;

/// How often threads are looked at until all workers of a runtime are found, or none.
const DETAIL_TRIES: u32 = 3;

/// Options of a trace.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Interval between lines, in milliseconds.
    pub interval_ms: u32,
    /// Lines of each runtime; 0 for no limit.
    pub count: u32,
    /// Also show each worker's thread and task, and the tasks that are not idle.
    pub detail: bool,
    /// The process on this host; its `/proc/PID` has the executable.
    pub local_pid: Option<u32>,
    /// Further directories with debug files.
    pub symbol_directories: Vec<PathBuf>,
    /// Maximum delay of a sample beyond its interval, in a trace without an end.
    pub patience: Duration,
}

/// Opens a connection to the same agent. A connection serves one request.
pub type Reconnect<'c> = Box<dyn FnMut() -> Result<Client, ClientError> + 'c>;

/// A running trace.
pub struct Tracer<'c> {
    agent: Agent<'c>,
    options: Options,
    budget: Budget,
    types: Option<ProgramTypes<'static>>,
    /// Whether the types are those of the modules as they were loaded.
    knows_modules: bool,
    runtimes: Vec<SchedtraceRuntime>,
    plans: Vec<Plan>,
    answer: Option<Answer>,
    running: Running,
    /// Number of samples returned, and the time of the last one, continuous over several answers.
    returned: u32,
    last_ns: u64,
    /// Time 0 of the current answer.
    base_ns: u64,
    /// Bytes received of the current answer.
    received: usize,
    /// Runtimes that are not shown.
    left_out: u64,
    /// Charge of the last lines.
    lines: Option<TemporaryCharge>,
}

/// The next event of a trace.
#[derive(Debug)]
#[non_exhaustive]
pub enum Next {
    /// A line for each runtime.
    Lines(Vec<RuntimeLine>),
    /// The trace is over.
    End(End),
}

/// The agent; each request uses one connection.
struct Agent<'c> {
    reconnect: Reconnect<'c>,
    cookie: [u8; 16],
}

impl<'c> Tracer<'c> {
    /// Asks with `client` which runtimes exist, and determines the addresses in their memory. The
    /// stopper of `running` ends the trace from another thread.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn start(
        client: Client,
        reconnect: Reconnect<'c>,
        options: Options,
        running: Running,
    ) -> Result<Tracer<'c>, ClientError> {
        let hello = client.hello().clone();
        let budget = client.budget().clone();
        let runtimes = runtimes(client)?;
        let agent = Agent { reconnect, cookie: hello.cookie };
        let types = options.local_pid.map(|pid| {
            // Names of types do not depend on the load address of the executable.
            let executable = Module {
                path: crate::files::Process::of(Some(pid)).executable().unwrap_or_default().to_owned(),
                build_id: hello.build_id,
                start_avma: 0,
                end_avma: 0,
                bias: 0,
                has_unwind_data: false,
            };
            types(pid, &[executable], &options, &budget)
        });
        let mut tracer = Tracer {
            agent,
            options,
            types,
            knows_modules: false,
            runtimes: Vec::new(),
            plans: Vec::new(),
            answer: None,
            running,
            returned: 0,
            last_ns: 0,
            base_ns: 0,
            received: 0,
            left_out: 0,
            lines: None,
            budget,
        };
        let (runtimes, left_out) = shown(runtimes);
        tracer.left_out = left_out;
        tracer.plan(runtimes);
        Ok(tracer)
    }

    /// Whether no runtime is watched.
    pub fn has_no_runtime(&self) -> bool {
        self.runtimes.is_empty()
    }

    /// Number of watched runtimes beyond the limit [`MAX_RUNTIMES`](super::MAX_RUNTIMES), which are not
    /// shown.
    pub fn runtimes_left_out(&self) -> u64 {
        self.left_out
    }

    /// Waits for the next sample.
    ///
    /// # Errors
    /// The agent's error, or a failed connection.
    pub fn next_lines(&mut self) -> Result<Next, ClientError> {
        self.allow_next_sample();
        self.lines = None;
        loop {
            // An answer has a size limit, a trace has none.
            if self.answer.is_none() || self.received > MAX_RECEIVED {
                self.ask()?;
                self.allow_next_sample();
            }
            let Some(answer) = &mut self.answer else { continue };
            match answer.next_event()? {
                Event::Progress(_) => {}
                Event::End(end) => return Ok(Next::End(end)),
                Event::Data(payload) => match self.take(&payload)? {
                    SchedtracePart::Runtimes(runtimes) => {
                        let (runtimes, left_out) = shown(runtimes);
                        self.left_out = left_out;
                        if runtimes != self.runtimes {
                            self.answer = None;
                            self.plan(runtimes);
                        }
                    }
                    SchedtracePart::Moment(mut moment) => {
                        moment.time_ns = moment.time_ns.saturating_add(self.base_ns);
                        (self.last_ns, self.returned) = (moment.time_ns, self.returned.saturating_add(1));
                        self.charge_lines(&moment)?;
                        let hidden = self.hidden(&moment.memory);
                        let mut lines = RuntimeLine::of_moment(&self.runtimes, &moment, hidden);
                        if self.options.detail {
                            self.add_details(&mut lines);
                        }
                        return Ok(Next::Lines(lines));
                    }
                },
            }
        }
    }

    fn take(&mut self, payload: &Payload) -> Result<SchedtracePart, ClientError> {
        self.received = self.received.saturating_add(payload.bytes());
        part(payload)
    }

    /// Charges the lines of a sample until the next one is requested.
    fn charge_lines(&mut self, moment: &SchedtraceMoment) -> Result<(), ClientError> {
        let forgotten = TemporaryCharge::new(&self.budget);
        self.budget.charge(cost(moment, self.options.detail))?;
        self.lines = Some(forgotten.end_here());
        Ok(())
    }

    /// A trace without an end has no time limit for its answer, but the next sample must arrive in time.
    fn allow_next_sample(&mut self) {
        if let (Some(answer), 0) = (&mut self.answer, self.options.count) {
            let interval = Duration::from_millis(self.options.interval_ms.into());
            answer.allow(interval.saturating_add(self.options.patience));
        }
    }

    fn add_details(&mut self, lines: &mut [RuntimeLine]) {
        let workers: Vec<usize> = lines.iter().map(|line| line.workers.len()).collect();
        let mut details = self.details(&workers);
        for _ in 1..DETAIL_TRIES {
            // A thread that just began or ended has no runtime: then a worker is missing among others.
            let Ok(found) = &details else { break };
            if !found.iter().any(Detail::is_mixed) {
                break;
            }
            details = self.details(&workers);
        }
        let details = details.unwrap_or_else(|error| {
            let why = Unavailable { reason: error.to_string(), fix: error.fix().to_owned() };
            workers.iter().map(|count| Detail::nothing(*count, &why)).collect()
        });
        for (line, detail) in lines.iter_mut().zip(details) {
            line.detail = Some(detail);
        }
    }

    fn details(&mut self, workers: &[usize]) -> Result<Vec<Detail>, ClientError> {
        // The frames of the stacks are not shown: one frame is the minimum with which threads are captured at
        // all.
        let request = Request::Tasks(TasksRequest { max_cell_bytes: 0, max_depth: 1 });
        let client = self.agent.connect()?;
        let budget = client.budget().clone();
        let forgotten = TemporaryCharge::new(&budget);
        let collected = client.ask(&request)?.collect::<TasksPart>(&mut |_| {});
        // The charge of the listing is released before the next line.
        let _forgotten = forgotten.end_here();
        collected.end?;
        let listing = Listing::new(collected.parts);
        let Some(pid) = self.options.local_pid else {
            return Ok(workers.iter().map(|count| Detail::nothing(*count, &elsewhere())).collect());
        };
        if !self.knows_modules && !listing.modules.is_empty() {
            self.knows_modules = true;
            self.types = Some(types(pid, &listing.modules, &self.options, &budget));
        }
        match &self.types {
            Some(types) => Ok(details(types, &mut self.agent, &self.runtimes, workers, &listing)),
            None => Ok(workers.iter().map(|count| Detail::nothing(*count, &elsewhere())).collect()),
        }
    }

    /// Determines the addresses for these runtimes.
    fn plan(&mut self, runtimes: Vec<SchedtraceRuntime>) {
        let (mut bytes, mut plans) = (0, Vec::with_capacity(runtimes.len()));
        for runtime in &runtimes {
            let plan = match &self.types {
                Some(types) => Plan::make(types, &mut self.agent, runtime),
                None => Plan::nothing(&elsewhere()),
            };
            let more: u64 = plan.ranges.iter().map(|range| u64::from(range.length)).sum();
            plans.push(match bytes + more {
                fits @ ..=MAX_MOMENT_BYTES => {
                    bytes = fits;
                    plan
                }
                _ => Plan::nothing(&too_much()),
            });
        }
        (self.plans, self.runtimes) = (plans, runtimes);
    }

    fn ask(&mut self) -> Result<(), ClientError> {
        self.base_ns = self.last_ns;
        let ranges = self.plans.iter().flat_map(|plan| plan.ranges.iter().copied()).collect();
        let Options { interval_ms, count, .. } = self.options;
        // 0 means no limit; when all lines of a count were returned, the answer has already ended.
        let count = if count == 0 { 0 } else { count.saturating_sub(self.returned).max(1) };
        let request = Request::Schedtrace(SchedtraceRequest { interval_ms, count, ranges });
        let answer = self.agent.connect()?.ask(&request)?;
        self.running.set(answer.finisher());
        (self.answer, self.received) = (Some(answer), 0);
        Ok(())
    }

    fn hidden(&self, memory: &Known<Vec<Option<Vec<u8>>>>) -> Vec<Hidden> {
        let bytes = match memory {
            Known::Value(bytes) => bytes.as_slice(),
            Known::Unavailable(why) => {
                return self.plans.iter().map(|_| Plan::nothing(why).decode(&[])).collect();
            }
        };
        let mut rest = bytes;
        let decode = |plan: &Plan| {
            let (own, more) = rest.split_at(plan.ranges.len().min(rest.len()));
            rest = more;
            plan.decode(own)
        };
        self.plans.iter().map(decode).collect()
    }
}

fn types(pid: u32, modules: &[Module], options: &Options, budget: &Budget) -> ProgramTypes<'static> {
    let symbol_directories = options.symbol_directories.clone();
    let files = TypeFiles { local_pid: Some(pid), symbol_directories, budget: budget.clone() };
    program_types(modules, &files, |_| {})
}

/// The watched runtimes, without a sample.
fn runtimes(client: Client) -> Result<Vec<SchedtraceRuntime>, ClientError> {
    let request = SchedtraceRequest { interval_ms: MIN_INTERVAL_MS, count: 1, ranges: Vec::new() };
    let collected = client.ask(&Request::Schedtrace(request))?.collect::<SchedtracePart>(&mut |_| {});
    collected.end?;
    let runtimes = collected.parts.into_iter().find_map(|part| match part {
        SchedtracePart::Runtimes(runtimes) => Some(runtimes),
        SchedtracePart::Moment(_) => None,
    });
    Ok(runtimes.unwrap_or_default())
}

impl Agent<'_> {
    fn connect(&mut self) -> Result<Client, ClientError> {
        let client = (self.reconnect)()?;
        match client.hello().cookie == self.cookie {
            true => Ok(client),
            false => Err(ClientError::AnotherAgent),
        }
    }

    fn moment(&mut self, ranges: &[MemoryRange]) -> Result<Known<Vec<Option<Vec<u8>>>>, ClientError> {
        let request = SchedtraceRequest { interval_ms: MIN_INTERVAL_MS, count: 1, ranges: ranges.to_vec() };
        let client = self.connect()?;
        let forgotten = TemporaryCharge::new(client.budget());
        let collected = client.ask(&Request::Schedtrace(request))?.collect::<SchedtracePart>(&mut |_| {});
        let _forgotten = forgotten.end_here();
        collected.end?;
        let memory = collected.parts.into_iter().find_map(|part| match part {
            SchedtracePart::Moment(moment) => Some(moment.memory),
            SchedtracePart::Runtimes(_) => None,
        });
        memory.ok_or_else(|| ClientError::Protocol("an answer to schedtrace without a sample".to_owned()))
    }
}

impl Memory for Agent<'_> {
    fn read(&mut self, ranges: &[MemoryRange]) -> Result<Vec<Option<Vec<u8>>>, Unavailable> {
        match self.moment(ranges) {
            Ok(Known::Value(bytes)) => Ok(whole(ranges, bytes)),
            Ok(Known::Unavailable(why)) => Err(why),
            Err(error) => Err(Unavailable { reason: error.to_string(), fix: error.fix().to_owned() }),
        }
    }
}

/// Releases the charge of an answer when it is dropped.
struct TemporaryCharge {
    budget: Budget,
    before: u64,
    bytes: u64,
}

impl TemporaryCharge {
    /// Covers charges from this point on.
    fn new(budget: &Budget) -> TemporaryCharge {
        TemporaryCharge { budget: budget.clone(), before: budget.charged(), bytes: 0 }
    }

    /// Ends the range of covered charges at this point.
    fn end_here(mut self) -> TemporaryCharge {
        self.bytes = self.budget.charged().saturating_sub(self.before);
        self
    }
}

impl Drop for TemporaryCharge {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

fn elsewhere() -> Unavailable {
    Unavailable {
        reason: "the program's memory is not read over TCP".to_owned(),
        fix: "run rgops on the program's host, as its user".to_owned(),
    }
}

fn too_much() -> Unavailable {
    Unavailable { reason: "too many workers to read all of at once".to_owned(), fix: String::new() }
}
