//! Profiles of hostile programs that make the table slow. Tables of other programs are compared with those of
//! `go tool pprof` in `tests/tests/acceptance/`.

use std::time::Instant;

use rgops_pprof::proto::{Function, Line, Location, Sample, ValueType};

use super::counting::counted;
use super::*;
use crate::budget::Budget;
use crate::profile::proto::Profile;

/// A profile with this many samples and frames per sample; each frame has a hundred inlined functions.
fn profile(samples: u64, frames: u64) -> Profile {
    let texts = ["", "cpu", "nanoseconds"].map(str::to_owned).into_iter();
    let names = (0..frames * 100).map(|id| format!("function {id}"));
    let function = |id| Function { id: id + 1, name: 3 + id as i64, ..Function::default() };
    let line = |function| Line { function_id: function + 1, ..Line::default() };
    let location = |id: u64| Location {
        id: id + 1,
        line: (id * 100..(id + 1) * 100).map(line).collect(),
        ..Location::default()
    };
    let sample = |number: u64| Sample {
        location_id: (0..frames).map(|frame| (frame + number) % frames + 1).collect(),
        value: vec![1],
        label: Vec::new(),
    };
    Profile {
        sample_type: vec![ValueType { r#type: 1, unit: 2 }],
        sample: (0..samples).map(sample).collect(),
        location: (0..frames).map(location).collect(),
        function: (0..frames * 100).map(function).collect(),
        string_table: texts.chain(names).collect(),
        ..Profile::default()
    }
}

const ALL: Options<'_> = Options { sample_type: "cpu", rows: 0, by_cum: false };

#[test]
fn a_profile_beyond_the_time_limit_is_not_counted_and_the_table_states_that() {
    let profile = profile(200, 50);
    let budget = Budget::new(1 << 30);
    budget.end_by(Instant::now());
    let late = counted(&budget, &profile, ALL, 2);
    let why = "the time limit was reached; allow more with --max-memory or --timeout";
    assert_eq!((late.left_out.as_deref(), late.table.rows.len()), (Some(why), 0));
    let few = within(&budget, &profile, ALL);
    assert_eq!(
        (few.table.total, few.left_out),
        (200, None),
        "a small profile is counted even after the deadline"
    );
}

#[test]
fn calls_beyond_the_memory_limit_are_not_counted_and_the_table_states_that() {
    // Each function has a different caller in each sample.
    let mut profile = profile(100, 2);
    let one =
        |id| Location { id, line: vec![Line { function_id: id, ..Line::default() }], ..Location::default() };
    profile.location = (1..=200).map(one).collect();
    for (number, sample) in (1..).zip(&mut profile.sample) {
        sample.location_id = (1..=200).map(|id| id * number % 199 + 1).collect();
    }
    assert_eq!(within(&Budget::new(1 << 30), &profile, ALL).left_out, None);
    let mut wide = self::profile(1, 3_000);
    wide.location[0].line = wide.location.iter().flat_map(|location| location.line.clone()).collect();
    let top = within(&Budget::new(1 << 20), &wide, ALL);
    let why = "the memory limit of 1 MiB was reached; allow more with --max-memory or --timeout";
    assert_eq!((top.left_out.as_deref(), top.table.rows.len()), (Some(why), 0));
    assert!(top.text().ends_with(&format!("The functions are left out: {why}\n")), "{}", top.text());
}
