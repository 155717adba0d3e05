//! The overhead of a running profile on a busy program: CPU time of the same work with and without a profile.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use crate::document::{Section, Verdict};
use crate::profile::Profile;
use crate::statistics::Values;
use crate::subject::{Engine, FRAME_POINTER_NOTE, Subject};
use crate::{Outcome, Plan};

const RATES: [u32; 2] = [99, 999];
/// CPU time of one unit of work.
const WORK_NS: f64 = 250e6;
/// Wait after the start of a profile. One-time work, such as sending the list of modules, is not part of the running
/// cost.
const SETTLING: Duration = Duration::from_millis(60);
/// One row of the comparison.
#[derive(Clone, Copy)]
struct Row {
    engine: Engine,
    /// Number of sleeping threads. rgops searches for new threads, so its cost grows with the number of threads;
    /// `pprof` does not.
    asleep: u32,
    /// False for the control row: its difference is the error of the measurement.
    is_profiled: bool,
}

const ROWS: [Row; 6] = [
    Row { engine: Engine::Rgops, asleep: 0, is_profiled: false },
    Row { engine: Engine::Rgops, asleep: 0, is_profiled: true },
    Row { engine: Engine::Rgops, asleep: 500, is_profiled: true },
    Row { engine: Engine::Libgcc, asleep: 0, is_profiled: true },
    Row { engine: Engine::FramePointer, asleep: 0, is_profiled: true },
    Row { engine: Engine::Framehop, asleep: 0, is_profiled: true },
];
/// The row that the target applies to.
const OURS: usize = 1;

fn name(row: Row) -> String {
    match row {
        Row { is_profiled: false, .. } => "*no profile at all*".to_owned(),
        Row { asleep: 0, engine, .. } => engine.name().to_owned(),
        Row { asleep, engine, .. } => format!("{}, beside {asleep} threads that sleep", engine.name()),
    }
}

pub fn measure(plan: &Plan) -> Outcome<(Section, Vec<Verdict>)> {
    let rounds = plan.rounds(61, 9);
    let units = calibrate(plan)?;
    let mut subjects: [Option<Subject>; ROWS.len()] = [const { None }; ROWS.len()];
    let mut overheads: [[Vec<f64>; 2]; ROWS.len()] = Default::default();
    let mut failures: [Vec<String>; ROWS.len()] = Default::default();
    for round in 0..rounds {
        for (at, row) in ROWS.into_iter().enumerate() {
            let measured = one_round(plan, row, &mut subjects[at], units, round % 2 == 1);
            match measured {
                Ok(measured) => {
                    overheads[at].iter_mut().zip(measured).for_each(|(all, one)| all.push(one));
                }
                Err(error) => {
                    failures[at].push(error.to_string());
                    // The next round starts a new one.
                    subjects[at] = None;
                }
            }
        }
    }
    Ok(render(rounds, overheads, &failures))
}

fn calibrate(plan: &Plan) -> Outcome<u64> {
    const TRIAL: u64 = 5000;
    let mut subject = Subject::start(&plan.programs, Engine::Rgops)?;
    subject.ask_number(&format!("work {TRIAL}"))?;
    let ns = subject.ask_number(&format!("work {TRIAL}"))?;
    Ok((TRIAL as f64 * WORK_NS / ns) as u64)
}

/// CPU time with a profile divided by CPU time without, minus one, at each rate. Each work with a profile is between
/// two without, and is compared with their mean, so drift cancels out.
fn one_round(
    plan: &Plan,
    row: Row,
    subject: &mut Option<Subject>,
    units: u64,
    backwards: bool,
) -> Outcome<[f64; 2]> {
    let subject = match subject {
        Some(subject) => subject,
        None => {
            let subject = subject.insert(Subject::start(&plan.programs, row.engine)?);
            subject.ask(&format!("sleepers {}", row.asleep))?;
            subject
        }
    };
    let work = format!("work {units}");
    let mut order: Vec<usize> = (0..RATES.len()).collect();
    if backwards {
        order.reverse();
    }
    let mut overheads = [0.0; 2];
    thread::sleep(SETTLING);
    let mut before = subject.ask_number(&work)?;
    for at in order {
        let profile = match row.is_profiled {
            true => Some(Profile::start(subject, row.engine, RATES[at])?),
            false => None,
        };
        thread::sleep(SETTLING);
        let with = subject.ask_number(&work)?;
        if let Some(profile) = profile {
            profile.stop(subject)?;
        }
        // The same pause as before the work above: a pause alone changes the work after it.
        thread::sleep(SETTLING);
        let after = subject.ask_number(&work)?;
        overheads[at] = with / ((before + after) / 2.0) - 1.0;
        before = after;
    }
    Ok(overheads)
}

fn render(
    rounds: usize,
    overheads: [[Vec<f64>; 2]; ROWS.len()],
    failures: &[Vec<String>; ROWS.len()],
) -> (Section, Vec<Verdict>) {
    let overheads = overheads.map(|rates| rates.map(Values::new));
    let mut text = format!(
        "CPU time of the whole process (for rgops its agent's thread included) for the same work of \
         {:.2} s on two threads with stacks of 15 to 80 frames: with a profile, over the mean of the \
         work before and after it without one. Median of {rounds} interleaved rounds, its 95 % \
         confidence bounds, and in brackets the quartiles; the first row is what the measurement itself \
         makes of no difference.\n\n\
         | engine | 99 Hz | 999 Hz |\n| --- | --- | --- |\n",
        WORK_NS / 1e9
    );
    for (at, row) in ROWS.into_iter().enumerate() {
        let _ = write!(text, "| {} ", name(row));
        for values in &overheads[at] {
            let _ = match values.is_empty() {
                true => write!(text, "| {} ", failures[at].first().map_or("missing", String::as_str)),
                false => write!(text, "| {} ", percent(values)),
            };
        }
        text += "|\n";
    }
    let _ = writeln!(text, "\n{FRAME_POINTER_NOTE}");
    for (row, failures) in ROWS.into_iter().zip(failures) {
        if let Some(failure) = failures.first() {
            let _ = writeln!(text, "{}: {} of {rounds} rounds failed: {failure}.", name(row), failures.len());
        }
    }
    let ours = &overheads[OURS][0];
    let (low, high) = ours.median_bounds();
    let verdict = Verdict {
        what: "overhead at 99 Hz, 95 % bounds of the median",
        wanted: "within ±1 %".to_owned(),
        measured: match low.is_finite() {
            true => format!("{:+.2} to {:+.2} % ({} rounds)", low * 100.0, high * 100.0, ours.len()),
            false => format!("{} rounds are too few for bounds", ours.len()),
        },
        is_met: low >= -0.01 && high <= 0.01,
    };
    (Section { title: "A running profile", text }, vec![verdict])
}

fn percent(values: &Values) -> String {
    let (low, high) = values.median_bounds();
    let bounds = match low.is_finite() {
        true => format!(" ({:+.2} to {:+.2})", low * 100.0, high * 100.0),
        false => String::new(),
    };
    format!(
        "{:+.2} %{bounds} [{:+.2}, {:+.2}]",
        values.median() * 100.0,
        values.quantile(0.25) * 100.0,
        values.quantile(0.75) * 100.0
    )
}
