//! `stack`: every thread and its stack.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::{End, Module};
use rgops_protocol::request::{Request, StackRequest, StatsRequest};

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use crate::budget::{Budget, MOST_MODULES};
use crate::processes;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::report::stack::{
    JsonStack, Runtimes, StackReport, Thread, View, Watched, are_nameless, tell_apart,
};

/// What to capture.
#[derive(Debug, Clone)]
pub struct StackOptions {
    depth: u32,
    watch: Option<Duration>,
}

impl Default for StackOptions {
    fn default() -> StackOptions {
        StackOptions { depth: 256, watch: None }
    }
}

impl StackOptions {
    /// Maximum frames per stack, innermost first; 256 by default.
    #[must_use]
    pub fn depth(mut self, frames: u32) -> StackOptions {
        self.depth = frames;
        self
    }

    /// Looks twice with this time in between, and marks the threads that did not move.
    #[must_use]
    pub fn watch(mut self, time: Option<Duration>) -> StackOptions {
        self.watch = time;
        self
    }
}

/// Every thread and its stack.
#[derive(Debug)]
pub struct Stack {
    report: StackReport,
    modules: Vec<Module>,
    end: Result<End, SessionError>,
    /// That it has few descriptors left.
    few_descriptors: Option<String>,
}

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct StackView(View);

impl StackView {
    /// Every thread separately, without groups.
    #[must_use]
    pub fn all(mut self, all: bool) -> StackView {
        self.0.all = all;
        self
    }

    /// Every frame with its whole path. Otherwise runs of frames of std and of runtimes are one line, and idle
    /// threads have no stack.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> StackView {
        self.0.verbose = verbose;
        self
    }

    /// With escape sequences that show the program's own code in bold, for a terminal.
    #[must_use]
    pub fn color(mut self, color: bool) -> StackView {
        self.0.color = color;
        self
    }
}

impl Stack {
    /// The threads.
    pub fn threads(&self) -> &[Thread] {
        &self.report.threads
    }

    /// The threads with the locks that they wait for.
    pub(super) fn report(&self) -> &StackReport {
        &self.report
    }

    /// Loaded objects.
    pub(super) fn modules(&self) -> &[Module] {
        &self.modules
    }
}

impl Session {
    /// Captures the stack of every thread.
    ///
    /// # Errors
    /// [`SessionError`], if nothing was received.
    pub fn stack(&mut self, options: &StackOptions) -> Result<Stack, SessionError> {
        let request = Request::Stack(StackRequest { max_depth: options.depth });
        let watch = options.watch.unwrap_or_default();
        let (mut client, _running) = self.begin(watch)?;
        let mut watched = None;
        if !watch.is_zero() {
            let budget = client.budget().clone();
            let first = client.ask(&request)?.collect::<StackPart>(&mut |_| {});
            first.end?;
            let began = Instant::now();
            sleep(watch);
            client = self.connect_again(&budget)?;
            watched = Some((Watched::new(first.parts), nanoseconds(began.elapsed())));
        }
        let mut answer = client.ask(&request)?;
        let collected = answer.collect::<StackPart>(&mut |_| {});
        let end = collected.end.map_err(SessionError::from);
        match end {
            Err(error) if collected.parts.is_empty() => return Err(error),
            _ => {}
        }
        let (hello, symbols) = (self.hello(), &self.options().symbols);
        let budget = answer.budget().clone();
        let modules = modules_of(&collected.parts);
        let mut report = StackReport::within(&budget, hello, self.local_pid(), symbols, collected.parts);
        if are_nameless(&report.threads) {
            tell_apart(&mut report.threads, self.runtimes(&budget));
        }
        if let Some((first, for_ns)) = &watched {
            report.mark_moved(first, *for_ns);
        }
        report.parked_at = self.parked_at(&report.lock_threads(), &budget);
        report.holders = self.lock_holders(report.lock_threads(), &budget);
        let few_descriptors = self.local_pid().and_then(processes::few_descriptors);
        Ok(Stack { report, modules, end, few_descriptors })
    }
}

/// The loaded objects in the parts of an answer.
pub(super) fn modules_of(parts: &[StackPart]) -> Vec<Module> {
    let lists = parts.iter().filter_map(|part| match part {
        StackPart::Modules(modules) => Some(modules),
        _ => None,
    });
    lists.flatten().take(MOST_MODULES).cloned().collect()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Session {
    /// The multi-threaded runtimes; `None` if the agent watches none at all, or does not tell.
    fn runtimes(&self, budget: &Budget) -> Option<Runtimes> {
        // The shortest time that the agent measures.
        let request = Request::Stats(StatsRequest { window_ms: 20 });
        let mut answer = self.connect_again(budget).ok()?.ask(&request).ok()?;
        let collected = answer.collect::<StatsReply>(&mut |_| {});
        let runtimes = collected.parts.into_iter().next()?.runtimes;
        let threaded = runtimes.iter().filter(|runtime| runtime.flavor.starts_with("multi_thread"));
        let (count, workers) =
            threaded.fold((0, 0), |(count, workers), runtime| (count + 1, workers + runtime.workers.len()));
        (!runtimes.is_empty()).then_some(Runtimes { count, workers })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonStack<'static>>;

impl Answer for Stack {
    type View = StackView;
    type Body<'a> = JsonStack<'a>;

    fn text(&self, view: &StackView) -> Screen {
        self.report.screen(&view.0)
    }

    fn json<'a>(&'a self, _: &'a StackView) -> Document<JsonStack<'a>> {
        let end = end_of(&self.end);
        JsonStack::document(&self.report, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(self.end.as_ref())
            .with_threads_left_out(self.report.left_out)
            .with_note(self.few_descriptors.clone())
    }
}
