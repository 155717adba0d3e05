//! Segments of synthetic threads: they must cover the lifetime exactly, whatever points are sent.
#![expect(clippy::unwrap_used, reason = "tests")]

use rgops_protocol::reply::Known;
use rgops_protocol::reply::stack::SystemCall;
use rgops_protocol::reply::trace::ThreadPoint;

use super::Timeline;
use crate::text::system_call::Architecture;
use crate::trace::Kind;

const MS: u64 = 1_000_000;

fn point(time_ms: u64, running_ms: u64, runnable_ms: u64, state: char, call: u32) -> ThreadPoint {
    let system_call = match state {
        'R' => SystemCall::Running,
        'X' => SystemCall::NotInOne,
        _ => SystemCall::Number { number: call, first_argument: 0 },
    };
    ThreadPoint {
        time_ns: time_ms * MS,
        tid: 1,
        running_ns: running_ms * MS,
        runnable_ns: runnable_ms * MS,
        state,
        system_call: Known::Value(system_call),
        descriptor: String::new(),
        wchan: String::new(),
    }
}

const FUTEX: u32 = 202;
const SLEEP: u32 = 230;

fn segments(points: &[ThreadPoint]) -> Vec<(u64, u64, Kind)> {
    let mut timeline = Timeline::new(false);
    let mut segments = Vec::new();
    for point in points {
        timeline.add(point, Architecture::X86_64, &mut segments);
    }
    timeline.finish(None, &mut segments);
    segments.iter().map(|segment| (segment.start_ns / MS, segment.end_ns / MS, segment.kind)).collect()
}

#[test]
fn an_interval_is_runnable_running_blocked_and_an_unchanged_thread_continues() {
    let found = segments(&[
        point(0, 100, 50, 'S', FUTEX),
        point(90, 100, 50, 'S', FUTEX),
        point(100, 103, 52, 'S', SLEEP),
        point(200, 103, 52, 'S', SLEEP),
    ]);
    assert_eq!(
        found,
        [
            (0, 90, Kind::Futex),
            (90, 92, Kind::Runnable),
            (92, 95, Kind::Running),
            (95, 100, Kind::Sleeping),
            (100, 200, Kind::Sleeping),
        ]
    );
}

#[test]
fn lagging_clocks_are_compensated() {
    // Always on a CPU; its clock advances in ticks of 8 ms and is read every 5 ms.
    let points: Vec<_> = (0..200).map(|n| point(n * 5, n * 5 / 8 * 8, 0, 'R', 0)).collect();
    let found = segments(&points);
    let unknown: u64 =
        found.iter().filter(|segment| segment.2 != Kind::Running).map(|segment| segment.1 - segment.0).sum();
    assert!(unknown <= 8, "{found:?}");
    // It waits 40 ms for a CPU, which is reported when it gets one.
    let found = segments(&[
        point(0, 0, 0, 'R', 0),
        point(10, 10, 0, 'R', 0),
        point(55, 15, 40, 'R', 0),
        point(60, 20, 40, 'S', FUTEX),
    ]);
    assert_eq!(found[1..3], [(10, 50, Kind::Runnable), (50, 55, Kind::Running)]);
}

#[test]
fn the_lag_of_a_thread_that_wakes_up_and_keeps_running_is_compensated() {
    // Asleep until 5 ms, then running for 20 ms; its clock is 4 ms late until it sleeps again.
    let found = segments(&[
        point(0, 0, 0, 'S', FUTEX),
        point(10, 1, 0, 'R', 0),
        point(20, 11, 0, 'R', 0),
        point(30, 20, 0, 'S', FUTEX),
    ]);
    let running: u64 =
        found.iter().filter(|segment| segment.2 == Kind::Running).map(|segment| segment.1 - segment.0).sum();
    assert_eq!(running, 20, "{found:?}");
}

#[test]
fn an_ended_thread_stays_ended_and_an_unseen_running_thread_is_unknown() {
    let found = segments(&[point(5, 0, 0, 'S', FUTEX), point(15, 0, 0, 'X', 0), point(20, 0, 0, 'S', FUTEX)]);
    assert_eq!(found, [(5, 15, Kind::Futex)]);
    let found = segments(&[point(0, 0, 0, 'R', 0), point(10, 4, 1, 'R', 0)]);
    assert_eq!(found, [(0, 1, Kind::Runnable), (1, 5, Kind::Running), (5, 10, Kind::Unknown)]);
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn the_segments_cover_the_lifetime_without_gaps_for_any_points() {
    let mut random = Random(42);
    for _ in 0..2_000 {
        let mut points = Vec::new();
        let (mut time, mut running, mut runnable) = (random.below(50), 0, 0);
        for _ in 0..1 + random.below(60) {
            let state = ['R', 'R', 'S', 'S', 'D', 'T'][random.below(6) as usize];
            points.push(point(
                time,
                running,
                runnable,
                state,
                [FUTEX, SLEEP, 0, 999][random.below(4) as usize],
            ));
            time += random.below(30);
            // Sometimes more time than the interval has, sometimes backwards.
            running = (running + random.below(40)).saturating_sub(random.below(10));
            runnable += random.below(15);
            if random.below(20) == 0 {
                time = time.saturating_sub(random.below(40));
            }
        }
        let mut timeline = Timeline::new(random.below(2) == 0);
        let mut segments = Vec::new();
        points.iter().for_each(|point| timeline.add(point, Architecture::X86_64, &mut segments));
        timeline.finish(None, &mut segments);
        let first_ns = points[0].time_ns;
        let last_ns = points.iter().map(|point| point.time_ns).max().unwrap();
        let mut at = first_ns;
        for segment in &segments {
            assert_eq!(segment.start_ns, at, "{points:?}");
            assert!(segment.end_ns > segment.start_ns);
            at = segment.end_ns;
        }
        assert_eq!(at, last_ns, "{points:?}");
    }
}
