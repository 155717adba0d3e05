//! The cost of one sample at a known depth: a thread signals itself, and the time is read from its own CPU clock.

use std::fmt::Write as _;

use crate::document::{Section, Verdict};
use crate::profile::Profile;
use crate::statistics::Values;
use crate::subject::{Engine, FRAME_POINTER_NOTE, Subject};
use crate::{Outcome, Plan};

/// The stack depth, and whether other memory is used between the signals.
const CASES: [(u32, bool); 4] = [(20, false), (50, false), (120, false), (50, true)];
/// This number of signals with 120 frames fills half of the agent's ring.
const WARM_SIGNALS: u32 = 1000;
const COLD_SIGNALS: u32 = 200;

/// Nanoseconds per signal: with a handler that does nothing, with the engine's handler, and the difference.
#[derive(Default)]
struct Found {
    empty: Vec<f64>,
    full: Vec<f64>,
    engine: Vec<f64>,
}

pub fn measure(plan: &Plan) -> Outcome<(Section, Vec<Verdict>)> {
    let rounds = plan.rounds(11, 3);
    let mut found: Vec<[Found; 4]> = Engine::ALL.iter().map(|_| Default::default()).collect();
    let mut failures: [Vec<String>; 4] = Default::default();
    let mut lost = 0;
    for _ in 0..rounds {
        for (at, engine) in Engine::ALL.into_iter().enumerate() {
            match one_round(plan, engine, &mut found[at]) {
                Ok(more) => lost += more,
                Err(error) => failures[at].push(error.to_string()),
            }
        }
    }
    Ok(render(rounds, found, &failures, lost))
}

fn one_round(plan: &Plan, engine: Engine, found: &mut [Found; 4]) -> Outcome<u64> {
    let mut subject = Subject::start(&plan.programs, engine)?;
    subject.ask("empty")?;
    let empty = all_cases(&mut subject)?;
    // Timers at the lowest rate disturb least. Learning the mark takes a few of their periods.
    let hz = if engine == Engine::Rgops { 99 } else { 1 };
    let profile = Profile::start(&mut subject, engine, hz)?;
    if engine == Engine::Rgops {
        subject.ask("learn")?;
    }
    let full = all_cases(&mut subject)?;
    let counts = profile.stop(&mut subject)?;
    // A signal that the engine did not recognise as its own would seem to cost nothing.
    let (taken, lost) = (counts.by_thread.values().sum::<f64>(), counts.lost);
    let raised: u32 = CASES.iter().map(|(_, cold)| signals(*cold)).sum();
    if taken < f64::from(raised) - lost as f64 || counts.cut > 0 {
        let cut = counts.cut;
        return Err(format!("of {raised} signals {taken} became samples, {lost} were lost, {cut} cut").into());
    }
    for ((found, empty), full) in found.iter_mut().zip(empty).zip(full) {
        found.empty.push(empty);
        found.full.push(full);
        found.engine.push(full - empty);
    }
    Ok(lost)
}

fn signals(cold: bool) -> u32 {
    if cold { COLD_SIGNALS } else { WARM_SIGNALS }
}

fn all_cases(subject: &mut Subject) -> Outcome<[f64; 4]> {
    let mut costs = [0.0; 4];
    for (cost, (depth, cold)) in costs.iter_mut().zip(CASES) {
        let (signals, caches) = (signals(cold), if cold { "cold" } else { "warm" });
        *cost = subject.ask_number(&format!("cost {depth} {signals} {caches}"))?;
    }
    Ok(costs)
}

fn render(
    rounds: usize,
    found: Vec<[Found; 4]>,
    failures: &[Vec<String>; 4],
    lost: u64,
) -> (Section, Vec<Verdict>) {
    let found: Vec<[[Values; 3]; 4]> = found
        .into_iter()
        .map(|cases| cases.map(|case| [case.empty, case.full, case.engine].map(Values::new)))
        .collect();
    let mut text = format!(
        "Nanoseconds of the thread's CPU time for one signal, which the thread raises at itself with \
         that many frames on its stack, while a profile runs: the engine's real handler, over what the same signal \
         takes with an empty handler. Median [quartiles] of {rounds} interleaved rounds of \
         {WARM_SIGNALS} signals ({COLD_SIGNALS} when cold: 8 MiB of other memory are written between \
         two signals).\n\n\
         | engine | 20 frames | 50 frames | 120 frames | 50 frames, cold caches |\n\
         | --- | --- | --- | --- | --- |\n"
    );
    for (at, engine) in Engine::ALL.into_iter().enumerate() {
        let _ = write!(text, "| {} ", engine.name());
        for [_, _, engine] in &found[at] {
            let (low, high) = (engine.quantile(0.25), engine.quantile(0.75));
            let _ = match engine.is_empty() {
                true => write!(text, "| {} ", failures[at].first().map_or("missing", String::as_str)),
                false => write!(text, "| {:.0} [{low:.0}, {high:.0}] ", engine.median()),
            };
        }
        text += "|\n";
    }
    for (at, engine) in Engine::ALL.into_iter().enumerate().skip(1) {
        let _ = write!(text, "| rgops / {} ", engine.name());
        for (ours, theirs) in found[0].iter().zip(&found[at]) {
            let _ = write!(text, "| {:.2} ", ours[2].median() / theirs[2].median());
        }
        text += "|\n";
    }
    let _ = write!(text, "| *signal with an empty handler* ");
    for [empty, ..] in &found[0] {
        let _ = write!(text, "| {:.0} ", empty.median());
    }
    let _ = write!(text, "|\n| *rgops / libgcc, the signal included* ");
    for (ours, theirs) in found[0].iter().zip(&found[1]) {
        let _ = write!(text, "| {:.2} ", ours[1].median() / theirs[1].median());
    }
    let _ = writeln!(text, "|\n\n{FRAME_POINTER_NOTE}\nSamples rgops lost in these rounds: {lost}.");
    for (engine, failures) in Engine::ALL.into_iter().zip(failures) {
        if let Some(failure) = failures.first() {
            let _ =
                writeln!(text, "{}: {} of {rounds} rounds failed: {failure}.", engine.name(), failures.len());
        }
    }
    let ratio = found[0][1][2].median() / found[1][1][2].median();
    let verdict = Verdict {
        what: "cost of a sample at depth 50, of libgcc's in `pprof`",
        wanted: "at most 0.33".to_owned(),
        measured: format!("{ratio:.2}"),
        is_met: ratio <= 1.0 / 3.0,
    };
    (Section { title: "One sample", text }, vec![verdict])
}
