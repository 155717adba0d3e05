//! One thread over time, from the points that an agent sends.
//!
//! Between two points, the kernel's clocks show exactly how long the thread was running and how long it was
//! runnable; the rest of the time it was blocked. The order is unknown: an interval is shown as runnable, then
//! running, then blocked. The reason for blocking is taken from the later point, or from the earlier one if the
//! thread was running at the later.
//!
//! The clocks of a thread that is on a CPU or waits for one lag behind by a scheduler tick or by the wait. So
//! intervals that end with a running thread are held back, and excess time of a later interval is moved into them.
//! They are final when the thread is seen asleep, because the clocks are exact then, or when they span more than
//! twice [`HELD_BACK_NS`].
//!
//! Whatever an agent sends, the segments of a thread have no gaps, so their lengths add up exactly to its lifetime
//! in the window.

use std::collections::VecDeque;

use rgops_protocol::reply::trace::ThreadPoint;

use crate::text::system_call::Architecture;
use crate::trace::classify::{self, Kind};

/// Clocks lag by less than this: a tick is at most 10 ms, throttling by a CPU cgroup at most 100 ms.
const HELD_BACK_NS: u64 = 150_000_000;
/// Intervals of zero length must not fill our memory.
const MAX_HELD_BACK: usize = 1000;

/// A period in which a thread does one thing, in nanoseconds since the start of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Start.
    pub start_ns: u64,
    /// End.
    pub end_ns: u64,
    /// The kind of activity.
    pub kind: Kind,
}

/// The time between two points.
#[derive(Debug, Clone, Copy)]
struct Interval {
    start_ns: u64,
    end_ns: u64,
    running_ns: u64,
    runnable_ns: u64,
    /// The kind of the remaining time.
    blocked: Kind,
}

impl Interval {
    fn length(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// A thread while its points arrive.
#[derive(Debug)]
pub struct Timeline {
    is_agent: bool,
    last: Option<Last>,
    held_back: VecDeque<Interval>,
    ended: bool,
}

/// The last point, as far as it is kept.
#[derive(Debug, Clone, Copy)]
struct Last {
    time_ns: u64,
    running_ns: u64,
    runnable_ns: u64,
    waiting: Option<Kind>,
}

impl Timeline {
    /// A new thread. The agent's own thread is running at every point, because it takes the points; the rest of the
    /// time it waits for the next reading.
    pub fn new(is_agent: bool) -> Timeline {
        Timeline { is_agent, last: None, held_back: VecDeque::new(), ended: false }
    }

    /// Memory for the intervals that are held back.
    pub(in crate::trace) fn held_bytes(&self) -> u64 {
        (self.held_back.capacity() * size_of::<Interval>()) as u64
    }

    /// Takes the next point of the thread. Final segments go to `segments`, in order.
    pub fn add(&mut self, point: &ThreadPoint, architecture: Architecture, segments: &mut Vec<Segment>) {
        if self.ended {
            return;
        }
        let ended = point.state == 'X';
        let waiting = if ended { None } else { classify::waiting(point, architecture) };
        // Times and clocks that go backwards are ignored.
        let time_ns = point.time_ns.max(self.last.map_or(0, |last| last.time_ns));
        if let Some(last) = self.last {
            let blocked = match waiting.or(last.waiting) {
                Some(kind) => kind,
                None if self.is_agent => Kind::Sleeping,
                None => Kind::Unknown,
            };
            self.held_back.push_back(Interval {
                start_ns: last.time_ns,
                end_ns: time_ns,
                running_ns: point.running_ns.saturating_sub(last.running_ns),
                runnable_ns: point.runnable_ns.saturating_sub(last.runnable_ns),
                blocked,
            });
            let is_exact = ended || waiting.is_some() || self.held_back.len() >= MAX_HELD_BACK;
            self.settle(if is_exact { 0 } else { HELD_BACK_NS }, segments);
        }
        let (running_ns, runnable_ns) = (point.running_ns, point.runnable_ns);
        self.last = Some(Last { time_ns, running_ns, runnable_ns, waiting });
        self.ended = ended;
    }

    /// Ends the thread in the window: at its last point, or at `end_ns` if that is later. Until then a sleeping
    /// thread is assumed to keep sleeping, but a running thread is not assumed to keep running.
    pub fn finish(&mut self, end_ns: Option<u64>, segments: &mut Vec<Segment>) {
        if let (Some(last), Some(end_ns)) = (self.last, end_ns)
            && !self.ended
            && end_ns > last.time_ns
        {
            let blocked = last.waiting.unwrap_or(Kind::Unknown);
            let (start_ns, running_ns, runnable_ns) = (last.time_ns, 0, 0);
            self.held_back.push_back(Interval { start_ns, end_ns, running_ns, runnable_ns, blocked });
        }
        self.settle(0, segments);
        self.ended = true;
    }

    /// Moves the excess time of an interval into earlier ones, then emits the intervals that ended more than
    /// `keep_ns` before the last. Time that does not fit anywhere was before the window.
    fn settle(&mut self, keep_ns: u64, segments: &mut Vec<Segment>) {
        let (Some(first), Some(last)) = (self.held_back.front(), self.held_back.back()) else { return };
        let end_ns = last.end_ns;
        if keep_ns > 0 && end_ns - first.start_ns < 2 * keep_ns {
            return;
        }
        let (mut running_ns, mut runnable_ns) = (0_u64, 0_u64);
        for interval in self.held_back.iter_mut().rev() {
            running_ns = running_ns.saturating_add(interval.running_ns);
            runnable_ns = runnable_ns.saturating_add(interval.runnable_ns);
            interval.running_ns = running_ns.min(interval.length());
            interval.runnable_ns = runnable_ns.min(interval.length() - interval.running_ns);
            running_ns -= interval.running_ns;
            runnable_ns -= interval.runnable_ns;
        }
        while let Some(interval) = self.held_back.front() {
            if keep_ns > 0 && end_ns - interval.end_ns < keep_ns {
                break;
            }
            cut(interval, segments);
            self.held_back.pop_front();
        }
    }
}

/// An interval as segments: runnable, running, blocked. Empty ones are omitted.
fn cut(interval: &Interval, segments: &mut Vec<Segment>) {
    let running_ns = interval.start_ns + interval.runnable_ns;
    let blocked_ns = running_ns + interval.running_ns;
    for (start_ns, end_ns, kind) in [
        (interval.start_ns, running_ns, Kind::Runnable),
        (running_ns, blocked_ns, Kind::Running),
        (blocked_ns, interval.end_ns, interval.blocked),
    ] {
        if end_ns > start_ns {
            segments.push(Segment { start_ns, end_ns, kind });
        }
    }
}
