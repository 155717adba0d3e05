//! A running profile of a subject. The agent's is taken through its socket, as by any client; that of `pprof` by a
//! command.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rgops_inspect::client::{Client, Event, Finisher, Timeouts, part};
use rgops_inspect::{budget, processes};
use rgops_protocol::reply::pprof_cpu::{CpuTotals, PprofCpuPart};
use rgops_protocol::request::{PprofCpuRequest, Request};

use crate::Outcome;
use crate::subject::{Engine, Subject};

/// Longer than any profile here: the driver ends all of them.
const DURATION_MS: u64 = 120_000;

pub enum Profile {
    Agent { finisher: Finisher, totals: JoinHandle<Result<CpuTotals, String>> },
    Pprof,
}

/// Counts by thread name, and the numbers of samples that are known to be lost or cut before the root.
pub struct Counts {
    pub by_thread: BTreeMap<String, f64>,
    pub lost: u64,
    pub cut: u64,
}

impl Profile {
    /// Returns when sampling has started.
    pub fn start(subject: &mut Subject, engine: Engine, hz: u32) -> Outcome<Profile> {
        if engine != Engine::Rgops {
            subject.ask(&format!("start {hz}"))?;
            return Ok(Profile::Pprof);
        }
        let target = processes::resolve(&subject.pid().to_string(), None, &budget::standard())?;
        let timeouts = Timeouts { connect: Duration::from_secs(10), silence: Duration::from_secs(30) };
        let client = Client::connect(&target.endpoint, timeouts)?;
        let mut answer = client.ask(&Request::PprofCpu(PprofCpuRequest { duration_ms: DURATION_MS, hz }))?;
        let finisher = answer.finisher();
        let (send_started, started) = mpsc::channel();
        let totals = std::thread::spawn(move || {
            let mut totals = Err("the profile has no totals".to_owned());
            loop {
                match answer.next_event().map_err(|error| error.to_string())? {
                    Event::Data(payload) => {
                        match part(&payload).map_err(|error| error.to_string())? {
                            // Sent when every thread has its timer.
                            PprofCpuPart::Start(_) => drop(send_started.send(())),
                            PprofCpuPart::Totals(found) => totals = Ok(found),
                            PprofCpuPart::Modules(_) | PprofCpuPart::Samples(_) => {}
                        }
                    }
                    Event::End(_) => return totals,
                    _ => {}
                }
            }
        });
        if started.recv().is_err() {
            let why = totals.join().map_err(|_| "the reader of the profile panicked")?;
            return Err(why.err().unwrap_or_default().into());
        }
        Ok(Profile::Agent { finisher, totals })
    }

    pub fn stop(self, subject: &mut Subject) -> Outcome<Counts> {
        match self {
            Profile::Agent { finisher, totals } => {
                finisher.finish();
                let totals = totals.join().map_err(|_| "the reader of the profile panicked")??;
                let mut by_thread = BTreeMap::new();
                for thread in totals.threads {
                    *by_thread.entry(thread.name).or_default() += thread.weight as f64;
                }
                let lost = totals.dropped_ring + totals.dropped_cache;
                Ok(Counts { by_thread, lost, cut: totals.truncated + totals.lost_walks })
            }
            Profile::Pprof => {
                Ok(Counts { by_thread: named_numbers(&subject.ask("stop")?)?, lost: 0, cut: 0 })
            }
        }
    }
}

/// Parses `a=1 b=2`.
pub fn named_numbers(text: &str) -> Outcome<BTreeMap<String, f64>> {
    let mut numbers = BTreeMap::new();
    for word in text.split_ascii_whitespace() {
        let (name, number) = word.rsplit_once('=').ok_or(format!("not name=number: {word}"))?;
        numbers.insert(name.to_owned(), number.parse()?);
    }
    Ok(numbers)
}
