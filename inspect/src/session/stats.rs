//! `stats`: activity of the process, its threads and its Tokio runtimes, and the cost of the agent.

use std::time::Duration;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::request::{Request, StatsRequest};

use super::answer::Answer;
use super::completeness::{Completeness, is_missing, most_are_missing};
use super::connect::Session;
use super::error::SessionError;
use super::single::Single;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::report::stats::{JsonStats, render};

/// What to measure.
#[derive(Debug, Clone)]
pub struct StatsOptions {
    window: Duration,
}

impl Default for StatsOptions {
    fn default() -> StatsOptions {
        StatsOptions { window: Duration::from_millis(200) }
    }
}

impl StatsOptions {
    /// Measurement window of shares: 200 ms by default, from 20 ms to 2 s.
    #[must_use]
    pub fn window(mut self, window: Duration) -> StatsOptions {
        self.window = window;
        self
    }
}

/// Threads, descriptors, CPU and runtimes.
#[derive(Debug)]
pub struct Stats(pub(super) Single<StatsReply>);

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct StatsView {
    all: bool,
}

impl StatsView {
    /// Every thread, not only the busiest.
    #[must_use]
    pub fn all(mut self, all: bool) -> StatsView {
        self.all = all;
        self
    }
}

impl Stats {
    /// The answer as the agent sent it, with texts cut and sentences of other users' programs marked.
    pub fn reply(&self) -> &StatsReply {
        &self.0.reply
    }
}

impl Session {
    /// Measures the activity of the process, its threads and its Tokio runtimes, and the cost of the agent.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn stats(&mut self, options: &StatsOptions) -> Result<Stats, SessionError> {
        let window_ms = u32::try_from(options.window.as_millis()).unwrap_or(u32::MAX);
        let asked = Duration::from_millis(window_ms.into());
        let mut answer = self.ask_single(&Request::Stats(StatsRequest { window_ms }), asked)?;
        within_the_window(&mut answer.reply);
        Ok(Stats(answer))
    }
}

/// The kernel counts a wait for a CPU when it ends, also the part of it that was before the window. No thread ran and
/// waited longer than the window.
fn within_the_window(reply: &mut StatsReply) {
    for thread in &mut reply.thread_activity {
        if let (Known::Value(running), Known::Value(runnable)) = (&thread.running_ns, &mut thread.runnable_ns)
        {
            *runnable = (*runnable).min(reply.window_ns.saturating_sub(*running));
        }
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonStats>;

impl Answer for Stats {
    type View = StatsView;
    type Body<'a> = JsonStats;

    fn text(&self, view: &StatsView) -> Screen {
        render(&self.0.reply, &self.0.typed, view.all).into()
    }

    fn json(&self, _: &StatsView) -> Document<JsonStats> {
        let Single { hello, reply, end, .. } = &self.0;
        JsonStats::document(hello, reply, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let reply = &self.0.reply;
        let numbers = [
            &reply.uptime_ns,
            &reply.user_cpu_ns,
            &reply.system_cpu_ns,
            &reply.throttled_periods,
            &reply.descriptors,
            &reply.descriptors_limit,
            &reply.voluntary_switches,
            &reply.involuntary_switches,
        ];
        let of_system =
            [is_missing(&reply.cpus_online), is_missing(&reply.cpus_allowed), is_missing(&reply.threads)];
        let missing = numbers.map(is_missing).into_iter().chain(of_system);
        Completeness::of(Ok(&self.0.end)).partial_if(most_are_missing(missing))
    }
}
