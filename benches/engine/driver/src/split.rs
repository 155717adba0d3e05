//! Whether a profile gives each thread the share of CPU its clock shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use crate::document::{Section, Verdict};
use crate::profile::{Profile, named_numbers};
use crate::subject::{Engine, Subject};
use crate::{Outcome, Plan};

const HZ: u32 = 999;
const THREADS: [&str; 4] = ["busy", "1ms-of-10", "20us-of-2ms", "1-percent"];

/// Samples by thread, and the expected number by its clock.
struct Found {
    samples: [f64; 4],
    expected: [f64; 4],
    /// All threads together, by the clock of the process.
    all: (f64, f64),
}

pub fn measure(plan: &Plan) -> Outcome<(Section, Vec<Verdict>)> {
    let seconds = plan.rounds(15, 4) as u64;
    let found: Vec<_> = Engine::ALL.iter().map(|engine| one(plan, *engine, seconds)).collect();
    let mut text = format!(
        "Four threads as in the example `split`: one always busy, one 1 ms of every 10, one 20 µs of \
         every 2 ms, one 1 % of the time. Samples in {seconds} s at {HZ} Hz over what the thread's \
         CPU clock says there should be, ± what counting so few may be off (3/√n). `total` is all \
         samples over the clock of the process.\n\n\
         | engine | total | busy | 1 ms of 10 | 20 µs of 2 ms | 1 % |\n\
         | --- | --- | --- | --- | --- | --- |\n"
    );
    for (engine, found) in Engine::ALL.iter().zip(&found) {
        let _ = match found {
            Err(error) => writeln!(text, "| {} | {error} | | | | |", engine.name()),
            Ok(found) => {
                let _ = write!(text, "| {} | {:.3} ", engine.name(), found.all.0 / found.all.1);
                for (samples, expected) in found.samples.iter().zip(found.expected) {
                    let spread = 3.0 / expected.sqrt();
                    let _ = write!(text, "| {:.2} ± {spread:.2} ", samples / expected);
                }
                writeln!(text, "|")
            }
        };
    }
    let verdicts = match &found[0] {
        Ok(ours) => verdicts(ours),
        Err(error) => return Err(error.to_string().into()),
    };
    Ok((Section { title: "Each thread its share", text }, verdicts))
}

fn one(plan: &Plan, engine: Engine, seconds: u64) -> Outcome<Found> {
    let mut subject = Subject::start(&plan.programs, engine)?;
    subject.ask("split")?;
    let before = named_numbers(&subject.ask("clocks")?)?;
    let profile = Profile::start(&mut subject, engine, HZ)?;
    thread::sleep(Duration::from_secs(seconds));
    let after = named_numbers(&subject.ask("clocks")?)?;
    let counts = profile.stop(&mut subject)?.by_thread;
    let number = |numbers: &BTreeMap<String, f64>, name: &str| numbers.get(name).copied().unwrap_or(0.0);
    let expected = |name: &str| (number(&after, name) - number(&before, name)) / 1e9 * f64::from(HZ);
    Ok(Found {
        samples: THREADS.map(|name| number(&counts, name)),
        expected: THREADS.map(expected),
        all: (counts.values().sum(), expected("process")),
    })
}

fn verdicts(ours: &Found) -> Vec<Verdict> {
    let total = ours.all.0 / ours.all.1 - 1.0;
    let short = ours.samples[2] / ours.expected[2] - 1.0;
    let allowed = (3.0 / ours.expected[2].sqrt()).max(0.05);
    vec![
        Verdict {
            what: "`split` at 999 Hz, total against the clock",
            wanted: "within ±2 %".to_owned(),
            measured: format!("{:+.2} %", total * 100.0),
            is_met: total.abs() <= 0.02,
        },
        Verdict {
            what: "`split` at 999 Hz, the thread of 20 µs",
            wanted: format!("within ±{:.0} % (3 σ, at least 5 %)", allowed * 100.0),
            measured: format!("{:+.1} %", short * 100.0),
            is_met: short.abs() <= allowed,
        },
    ]
}
