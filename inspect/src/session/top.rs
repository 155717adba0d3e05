//! `top`: a live view made of `stats`, `pprof-cpu`, `stack`, `tasks` and `memstats`, round after round.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Known};

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::{Session, end_by};
use super::error::SessionError;
use super::pprof_cpu::CpuProfileOptions;
use super::stack::StackOptions;
use super::stats::StatsOptions;
use super::tasks::TasksOptions;
use crate::budget::Budget;
use crate::report::Document;
use crate::report::screen::Screen;
use crate::report::stats::json_runtime;
use crate::top::{Pace, Part, Snapshot, functions, memory, tasks, threads};

/// The window of `stats` has these bounds; a longer interval is measured at its end.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
const LONGEST_WINDOW: Duration = Duration::from_secs(2);

/// Samples of each busy CPU in a second. They show what is hot, and cost less than 0.1 % of a CPU.
const HZ: u32 = 49;
/// Rows of the table of functions.
const FUNCTIONS: usize = 100;
/// Frames of each stack.
const DEPTH: u32 = 128;

/// How often to look.
#[derive(Debug, Clone)]
pub struct TopOptions {
    interval: Duration,
}

impl Default for TopOptions {
    fn default() -> TopOptions {
        TopOptions { interval: Duration::from_secs(2) }
    }
}

impl TopOptions {
    /// Time between two rounds, 2 s by default. It is stretched when the rounds cost the agent more than 1 % of a CPU.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> TopOptions {
        self.interval = interval;
        self
    }
}

/// A live view of a program, until it is dropped.
#[derive(Debug)]
pub struct TopStream {
    /// For the commands of a round that run one after another.
    session: Session,
    /// For the profile, which is taken during the window of `stats`.
    profiler: Session,
    pace: Pace,
    window: Duration,
    /// The budget that the caller watches, whose deadline moves on with each round.
    watched: Option<Budget>,
    /// The tasks of the last round by name, and the CPU time of the agent until then.
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    tasks: Option<HashMap<Option<String>, u64>>,
    agent_cpu_ns: Option<u64>,
}

/// A round.
#[derive(Debug)]
pub struct TopRound {
    hello: AgentHello,
    snapshot: Snapshot,
    end: End,
    pause: Duration,
}

impl TopRound {
    /// What the program did.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The same, without a copy.
    pub fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// How long to wait before the next round.
    pub fn pause(&self) -> Duration {
        self.pause
    }
}

impl Session {
    /// Looks at the program again and again.
    pub fn top(&self, options: &TopOptions) -> TopStream {
        TopStream {
            session: self.again(),
            profiler: self.again(),
            pace: Pace::new(options.interval),
            window: options.interval.clamp(SHORTEST_WINDOW, LONGEST_WINDOW),
            watched: self.options().budget.clone(),
            before: None,
        }
    }
}

impl TopStream {
    /// Looks once: takes as long as the window, which is the interval and at most 2 s.
    ///
    /// # Errors
    /// [`SessionError`] of `stats`. What the other commands lack is stated in the snapshot.
    pub fn round(&mut self) -> Result<TopRound, SessionError> {
        let began = Instant::now();
        self.move_deadline(began, Duration::ZERO);
        let TopStream { session, profiler, window, .. } = self;
        let hot = CpuProfileOptions::default().duration(*window).hz(HZ).rows(FUNCTIONS);
        let (stats, profile) = thread::scope(|scope| {
            let profile = scope.spawn(|| {
                let profile = profiler.cpu_profile(&hot, &mut |_| {});
                match profile {
                    Ok(one) => (functions(one.top()), one.cpu_ns()),
                    Err(error) => (Part::missing(error.to_string()), None),
                }
            });
            let stats = session.stats(&StatsOptions::default().window(*window));
            let profile = profile.join().unwrap_or_else(|_| {
                (Part::missing("the profile could not be made; report this as a bug"), None)
            });
            (stats, profile)
        });
        let (stats, (profile, profiled_ns)) = (stats?.0, profile);
        let stacks = session.stack(&StackOptions::default().depth(DEPTH));
        let (stacks, stacks_missing) = match &stacks {
            Ok(stacks) => (stacks.threads(), None),
            Err(error) => (&[][..], Some(error.to_string())),
        };
        let before = self.before.as_ref().and_then(|before| before.tasks.as_ref());
        // Without any frame the agent sends no modules, and nothing has a name.
        let tasks = match session.tasks(&TasksOptions::default().depth(1), &mut |_| {}) {
            Ok(answer) => Part::whole(tasks(answer.tasks(), before)),
            Err(error) => Part::missing(error.to_string()),
        };
        let memory = session
            .memstats()
            .map_or_else(|error| Part::missing(error.to_string()), |answer| memory(&answer.0.reply));
        let agent_cpu_ns = stats.reply.agent.cpu_ns.value().copied();
        let earlier = self.before.as_ref().and_then(|before| before.agent_cpu_ns);
        let cost = agent_cpu_ns.zip(earlier).map(|(now, before)| now.saturating_sub(before));
        let threads = threads(&stats.reply, stacks);
        let running = threads.iter().filter_map(|row| row.running_ns.0.value().copied());
        let snapshot = Snapshot {
            unix_ns: unix_ns(),
            window_ns: stats.reply.window_ns,
            // The profile of the same interval also counts threads that ended in it.
            cpu_ns: running.fold(0_u64, u64::saturating_add).max(profiled_ns.unwrap_or(0)),
            cpus: stats.reply.cpus_allowed.clone().into(),
            agent_cpu_ns: match cost {
                Some(cost) => Known::Value(cost).into(),
                None => Known::unavailable("it is measured from the second round on", "wait").into(),
            },
            is_stretched: self.pace.is_stretched(cost.map(Duration::from_nanos)),
            descriptors: stats.reply.descriptors.clone().into(),
            runtimes: stats.reply.runtimes.iter().map(json_runtime).collect(),
            threads,
            stacks_missing,
            tasks,
            functions: profile,
            memory,
        };
        self.before = Some(Before {
            tasks: snapshot
                .tasks
                .missing
                .is_none()
                .then(|| snapshot.tasks.rows.iter().map(|row| (row.name.clone(), row.tasks)).collect()),
            agent_cpu_ns,
        });
        let pause = self.pace.pause(began.elapsed(), cost.map(Duration::from_nanos));
        self.move_deadline(Instant::now(), pause);
        Ok(TopRound { hello: stats.hello, snapshot, end: stats.end, pause })
    }

    /// A live view has no end: each round has the time of its four commands, after the pause before it.
    fn move_deadline(&self, now: Instant, pause: Duration) {
        if let Some(watched) = &self.watched {
            end_by(watched, now + pause, self.session.options().whole(self.window).saturating_mul(4));
        }
    }
}

fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) type Json = Document<Snapshot>;

impl Answer for TopRound {
    type View = ();
    type Body<'a> = &'a Snapshot;

    fn text(&self, (): &()) -> Screen {
        self.snapshot.text().into()
    }

    fn json<'a>(&'a self, (): &'a ()) -> Document<&'a Snapshot> {
        Document::new("rgops.top/1", (&self.hello).into(), Ok(&self.end), &self.snapshot, None)
    }

    fn completeness(&self) -> Completeness<'_> {
        Completeness::of(Ok(&self.end)).partial_if(self.snapshot.is_partial())
    }
}
