#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use super::*;
use crate::profile::{Function, Line, Location, LocationId, Profile, ValueType};
use crate::profile::{FunctionId, TextId};
use crate::settings::{Settings, Sort};
use crate::stop::Stop;

/// A CPU profile of 99 Hz with these samples by function, called by `main`, of this many seconds.
fn cpu(functions: &[(&str, i64)], seconds: i64) -> Profile {
    const PERIOD: i64 = 10_101_010;
    let functions: Vec<(&str, [i64; 2])> =
        functions.iter().map(|(name, samples)| (*name, [*samples, samples * PERIOD])).collect();
    let mut profile = profile(&[("samples", "count"), ("cpu", "nanoseconds")], &functions);
    (profile.period, profile.duration_ns) = (PERIOD, seconds * 1_000_000_000);
    profile.period_type = profile.sample_types[1];
    profile
}

fn profile(types: &[(&str, &str)], functions: &[(&str, [i64; 2])]) -> Profile {
    let mut profile = Profile::default();
    for (kind, unit) in types {
        let (kind, unit) = (profile.texts.intern(kind), profile.texts.intern(unit));
        profile.sample_types.push(ValueType { kind, unit });
    }
    let add = |name: &str, profile: &mut Profile| {
        let name = profile.texts.intern(name);
        let function = FunctionId(profile.functions.len() as u32);
        profile.functions.push(Function { name, ..Function::default() });
        let lines = vec![Line { function, line: 1, column: 0 }];
        profile.locations.push(Location {
            lines,
            address: 16 * u64::from(function.0) + 16,
            ..Location::default()
        });
        LocationId(function.0)
    };
    let main = add("main", &mut profile);
    for (name, values) in functions {
        let leaf = add(name, &mut profile);
        let stack = profile.stacks.intern(&[leaf, main]);
        let labels = profile.label_sets.intern(&[]);
        profile.samples.push(stack, labels, values);
    }
    profile
}

fn compared(old: &Profile, new: &Profile) -> Diff {
    diff(old, new, &Settings::default(), Stop::never()).unwrap()
}

#[test]
fn what_changed_is_said_in_the_order_of_its_size() {
    let old = cpu(&[("parse", 900), ("render", 600), ("log", 40), ("send", 300), ("once", 90)], 30);
    let new = cpu(&[("parse", 1300), ("render", 400), ("log", 43), ("send", 310), ("cache", 120)], 30);
    let diff = compared(&old, &new);
    let significant: Vec<(&str, Trend)> = diff
        .functions
        .iter()
        .filter(|change| change.significant == Some(true))
        .map(|change| (&*change.function, change.trend))
        .collect();
    let expected =
        [("parse", Trend::Grew), ("render", Trend::Shrank), ("cache", Trend::New), ("once", Trend::Gone)];
    assert_eq!(significant, expected);
    let above: Vec<&str> = diff.above(25.0).iter().map(|change| &*change.function).collect();
    assert_eq!(above, ["parse", "cache"]);
    assert_eq!(diff.above(45.0).len(), 1);
    assert_eq!(
        diff.text(0),
        "\
Type: cpu (nanoseconds) of functions
Old: 19.49s in 30s, 1930 samples
New: 21.95s in 30s, 2173 samples
Total: 649.83ms/s -> 731.65ms/s, +12.6% per second (p <0.001)

Got slower (1):
    old     new       old/s       new/s  change       p  function
  9.09s  13.13s  303.03ms/s  437.71ms/s  +44.4%  <0.001  parse

New (1):
  old    new  old/s      new/s  change       p  function
    0  1.21s    0/s  40.40ms/s     new  <0.001  cache

Got faster (1):
    old    new       old/s       new/s  change       p  function
  6.06s  4.04s  202.02ms/s  134.68ms/s  -33.3%  <0.001  render

Gone (1):
       old  new      old/s  new/s  change       p  function
  909.09ms    0  30.30ms/s    0/s    gone  <0.001  once

2 more changed by no more than chance explains.
p: the probability of such a change by the chance of sampling alone (samples), for all 6 functions together; below 0.05 is significant.
"
    );
}

#[test]
fn durations_and_periods_are_taken_into_account() {
    // Twice the time, so twice the samples.
    let (short, long) = (cpu(&[("parse", 1000)], 10), cpu(&[("parse", 2000)], 20));
    let diff = compared(&short, &long);
    assert_eq!((diff.functions[0].trend, diff.functions[0].significant), (Trend::Same, Some(false)));
    assert_eq!(diff.functions[0].old_per_second, diff.functions[0].new_per_second);
    // Ten times the rate, so ten times the samples of the same CPU time.
    let mut often = cpu(&[("parse", 10_000)], 10);
    often.period /= 10;
    often.samples.values[1] /= 10;
    let diff = compared(&short, &often);
    assert!(diff.functions[0].probability.unwrap() > 0.9, "{diff:?}");
    // Without a duration only shares are known: all of it is twice as much.
    let mut unknown = cpu(&[("parse", 2000), ("log", 200)], 0);
    unknown.duration_ns = -5;
    let diff = compared(&cpu(&[("parse", 1000), ("log", 100)], 10), &unknown);
    assert_eq!((diff.compared, diff.old_seconds, diff.new_seconds), (Compared::Shares, Some(10.0), None));
    assert!(diff.functions.iter().all(|change| change.trend == Trend::Same), "{diff:?}");
    assert_eq!(diff.notes, ["NEW does not say how long it was taken, so shares of the totals are compared"]);
    assert!(diff.above(0.0).is_empty() && diff.total.significant.is_none());
}

#[test]
fn what_a_function_calls_counts_with_cum() {
    let settings = Settings { sort: Sort::Cum, ..Settings::default() };
    let (old, new) = (cpu(&[("parse", 1000)], 10), cpu(&[("parse", 1500)], 10));
    let diff = diff(&old, &new, &settings, Stop::never()).unwrap();
    let names: Vec<&str> = diff.functions.iter().map(|change| &*change.function).collect();
    assert_eq!(names, ["main", "parse"]);
    assert!(diff.functions.iter().all(|change| change.significant == Some(true)));
}

#[test]
fn what_cannot_be_compared_or_tested_is_said() {
    let heap = |types: &[(&str, &str)]| profile(types, &[("new", [10, 4096])]);
    let sizes = heap(&[("inuse_objects", "count"), ("inuse_space", "bytes")]);
    let error = diff(&sizes, &cpu(&[("a", 1)], 1), &Settings::default(), Stop::never()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "OLD has no cpu, which is compared in NEW: OLD has inuse_objects, inuse_space, NEW has samples, cpu; choose \
         one that both have: -sample_index=…"
    );
    let kilobytes = heap(&[("inuse_objects", "count"), ("inuse_space", "kilobytes")]);
    let error = diff(&sizes, &kilobytes, &Settings::default(), Stop::never()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "inuse_space is in bytes in OLD and in kilobytes in NEW; only equal units can be compared"
    );
    let untested = compared(&sizes, &sizes);
    assert_eq!(
        untested.notes,
        ["no test is possible: OLD: it does not say how often allocations were sampled"]
    );
    assert_eq!((untested.counted, untested.functions[0].significant), (None, None));
    assert_eq!(untested.compared, Compared::Snapshots);

    let empty = cpu(&[], 10);
    let diff = compared(&empty, &cpu(&[("parse", 100)], 10));
    assert_eq!(diff.notes, ["OLD has no samples of cpu"]);
    assert_eq!((diff.functions[0].trend, diff.functions[0].significant), (Trend::New, Some(true)));
    let both = compared(&empty, &empty);
    assert_eq!((both.functions.len(), both.notes.len(), both.above(0.0).len()), (0, 2, 0));
    let negative = compared(&cpu(&[("parse", -100), ("log", 7)], 10), &cpu(&[("parse", 100)], 10));
    assert!(negative.notes[0].contains("OLD has negative values"), "{:?}", negative.notes);
    assert!(negative.functions.iter().all(|change| change.significant.is_none()));
    assert!(super::diff(&empty, &empty, &Settings::default(), Stop::when(&|| true)).is_err());
    assert!(
        super::diff(&Profile::default(), &Profile::default(), &Settings::default(), Stop::never()).is_err()
    );
    assert_eq!(TextId::EMPTY, TextId::default());
}

#[test]
fn sums_at_the_ends_of_the_numbers_do_not_overflow() {
    let huge = cpu(&[("a", 5), ("b", 5)], 1);
    let mut huge = huge;
    for value in &mut huge.samples.values {
        *value = i64::MAX;
    }
    let diff = compared(&huge, &huge);
    assert_eq!(diff.total.old, i64::MAX);
    for value in &mut huge.samples.values {
        *value = i64::MIN;
    }
    compared(&huge, &huge).text(0);
}

/// Numbers that look random and are the same in each run (Steele, Lea, Flood: SplitMix, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Functions with a few large and many small shares.
const FUNCTIONS: usize = 150;

fn drawn(samples: usize, slower: Option<usize>, random: &mut Random) -> Profile {
    let weights: Vec<f64> =
        (0..FUNCTIONS).map(|at| 1.0 / (at + 1) as f64 * if slower == Some(at) { 1.3 } else { 1.0 }).collect();
    let before: f64 = (0..FUNCTIONS).map(|at| 1.0 / (at + 1) as f64).sum();
    let all: f64 = weights.iter().sum();
    let mut counts = [0i64; FUNCTIONS];
    // What one function uses more is used in addition to the others.
    for _ in 0..(samples as f64 * all / before) as usize {
        let mut at = random.next() * all;
        let mut function = 0;
        while function + 1 < FUNCTIONS && at >= weights[function] {
            at -= weights[function];
            function += 1;
        }
        counts[function] += 1;
    }
    let names: Vec<String> = (0..FUNCTIONS).map(|at| format!("f{at}")).collect();
    let functions: Vec<(&str, i64)> = names.iter().map(String::as_str).zip(counts).collect();
    cpu(&functions, 30)
}

#[test]
fn profiles_of_the_same_program_do_not_differ_and_a_regression_is_found() {
    const ROUNDS: usize = 100;
    let mut random = Random(12);
    let (mut with_findings, mut found) = (0, 0);
    for _ in 0..ROUNDS {
        let (old, same) = (drawn(10_000, None, &mut random), drawn(10_000, None, &mut random));
        let diff = compared(&old, &same);
        assert!(diff.tested > 100, "{}", diff.tested);
        with_findings += usize::from(diff.functions.iter().any(|change| change.significant == Some(true)));
        // The second largest function takes 30 % more.
        let slower = drawn(10_000, Some(1), &mut random);
        let above = compared(&old, &slower);
        found += usize::from(above.above(5.0).iter().any(|change| change.function == "f1"));
    }
    assert!(with_findings * 20 <= ROUNDS, "{with_findings} of {ROUNDS} rounds had a finding by chance");
    assert_eq!(found, ROUNDS);
}
