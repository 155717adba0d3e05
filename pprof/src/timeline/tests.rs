//! Sums by time and thread.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use super::*;
use crate::flame::tests::profile;
use crate::format::Format;
use crate::settings::Settings;

/// A sample of 1 each: time, thread (empty: none).
fn timed(samples: &[(Option<i64>, &str)], key: &str, unit: &str) -> Profile {
    let mut profile = profile(&[("main", 0)]);
    let (key, unit, thread) =
        (profile.texts.intern(key), profile.texts.intern(unit), profile.texts.intern("thread"));
    for (time, name) in samples {
        let mut labels = Vec::new();
        if let Some(value) = time {
            labels.push(Label { key, value: LabelValue::Number { value: *value, unit } });
        }
        if !name.is_empty() {
            let value = LabelValue::Text(profile.texts.intern(name));
            labels.push(Label { key: thread, value });
        }
        let set = profile.label_sets.intern(&labels);
        profile.samples.push(0, set, &[1]);
    }
    profile
}

fn timeline(profile: &Profile, parts: usize) -> Option<Timeline> {
    let refined = Refined::of(profile, &Settings::default(), Format::Flame, Stop::never()).unwrap();
    Timeline::new(&refined, parts, Stop::never()).unwrap()
}

#[test]
fn values_are_by_part_and_thread_and_add_up() {
    let profile = timed(
        &[
            (Some(100), "a"),
            (Some(100), "a"),
            (Some(149), "b"),
            (Some(150), "a"),
            (Some(199), "a"),
            (None, "a"),
        ],
        "timestamp",
        "nanoseconds",
    );
    let timeline = timeline(&profile, 2).unwrap();
    assert_eq!((timeline.start_ns, timeline.end_ns, timeline.without_time), (100, 199, 2));
    let sums: Vec<(&str, u128, Vec<u128>)> = timeline
        .lanes
        .iter()
        .map(|lane| (&*lane.name, lane.total, lane.values.iter().map(|of| of.iter().sum()).collect()))
        .collect();
    assert_eq!(sums, [("a", 4, vec![2, 2]), ("b", 1, vec![1, 0])]);
}

#[test]
fn units_of_times_are_understood_and_other_numbers_are_no_times() {
    let seconds = timed(&[(Some(1), ""), (Some(3), "")], "end_timestamp_ns", "seconds");
    let found = timeline(&seconds, 4).unwrap();
    assert_eq!((found.start_ns, found.end_ns), (1_000_000_000, 3_000_000_000));
    assert_eq!(found.lanes[0].name, "all");
    assert_eq!(timeline(&timed(&[(Some(1), "")], "bytes", "bytes"), 4), None);
    assert_eq!(timeline(&timed(&[(Some(1), "")], "time", "bytes"), 4), None);
}

#[test]
fn extreme_times_do_not_overflow() {
    let profile = timed(&[(Some(i64::MIN), ""), (Some(i64::MAX), ""), (Some(0), "")], "time", "seconds");
    let timeline = timeline(&profile, 3).unwrap();
    assert_eq!((timeline.start_ns, timeline.end_ns), (i64::MIN, i64::MAX));
    assert_eq!(timeline.lanes[0].total, 3);
}

#[test]
fn many_threads_are_bounded_and_add_up() {
    let names: Vec<String> = (0..150).map(|at| format!("t{at}")).collect();
    let samples: Vec<_> = names.iter().map(|name| (Some(1), &**name)).collect();
    let timeline = timeline(&timed(&samples, "timestamp", ""), 1).unwrap();
    assert_eq!(timeline.lanes.len(), LANES + 1);
    assert_eq!((&*timeline.lanes[LANES].name, timeline.lanes[LANES].total), ("50 more threads", 50));
}
