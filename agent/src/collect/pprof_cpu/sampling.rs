//! A CPU profile in progress, by either engine.

use rgops_capture::Tick;
#[cfg(pprof_engine)]
use rgops_capture::pprof::PprofSampler;
#[cfg(native_engine)]
use rgops_capture::{
    sampler::{CpuSampler, Stopped},
    signal_number,
};
use rgops_protocol::error::Error;
use rgops_protocol::reply::Note;
#[cfg(pprof_engine)]
use rgops_protocol::reply::NoteKind;
use rgops_protocol::reply::pprof_cpu::CpuTotals;

use crate::CpuEngine;
#[cfg(native_engine)]
use crate::collect::frame_pointers::FramePointers;

#[cfg(native_engine)]
use super::notes::notes;

/// A running sampler. Dropping it restores everything it changed.
pub(super) enum Sampling {
    #[cfg(native_engine)]
    Native(Box<CpuSampler>, FramePointers),
    #[cfg(pprof_engine)]
    Pprof(Box<PprofSampler>),
}

/// The end of a profile.
pub(super) struct Ended {
    /// The samples that were not returned yet, and their modules.
    pub(super) rest: Tick,
    pub(super) totals: CpuTotals,
    /// Reports what the profile lacks.
    pub(super) notes: Vec<Note>,
}

impl Sampling {
    pub(super) async fn start(engine: CpuEngine, hz: u32) -> Result<Sampling, Error> {
        let started = match engine {
            #[cfg(native_engine)]
            CpuEngine::Native => CpuSampler::start(hz)
                .map(|sampler| Sampling::Native(Box::new(sampler), FramePointers::default())),
            #[cfg(pprof_engine)]
            CpuEngine::Pprof => {
                PprofSampler::start(hz).await.map(|sampler| Sampling::Pprof(Box::new(sampler)))
            }
            #[cfg(not(all(native_engine, pprof_engine)))]
            missing => return Err(missing.unsupported()),
        };
        started.map_err(|error| error.into_answer("cannot profile the CPU"))
    }

    /// CPU time of a weight of 1, in nanoseconds.
    pub(super) fn period_ns(&self) -> u64 {
        match self {
            #[cfg(native_engine)]
            Sampling::Native(sampler, _) => sampler.period_ns(),
            #[cfg(pprof_engine)]
            Sampling::Pprof(sampler) => sampler.period_ns(),
        }
    }

    /// The reason if no more samples come because the program replaced the signal handler.
    pub(super) fn taken_over(&self) -> Option<String> {
        let (is_undisturbed, signal) = match self {
            #[cfg(native_engine)]
            Sampling::Native(sampler, _) => (sampler.is_undisturbed(), signal_number::chosen().to_string()),
            #[cfg(pprof_engine)]
            Sampling::Pprof(sampler) => (sampler.is_undisturbed(), "SIGPROF".to_owned()),
        };
        (!is_undisturbed).then(|| format!("the program installed its own {signal} handler"))
    }

    /// The samples since the last call.
    pub(super) fn tick(&mut self) -> Tick {
        match self {
            #[cfg(native_engine)]
            Sampling::Native(sampler, by_frame_pointer) => {
                let tick = sampler.tick();
                by_frame_pointer.count_tick(&tick);
                tick
            }
            #[cfg(pprof_engine)]
            Sampling::Pprof(sampler) => {
                sampler.tick();
                Tick::default()
            }
        }
    }

    pub(super) async fn stop(self) -> Result<Ended, Error> {
        match self {
            #[cfg(native_engine)]
            Sampling::Native(sampler, mut by_frame_pointer) => {
                let Stopped { samples, totals, cuts, unsampled } = sampler.stop();
                let rest = Tick { samples, modules: None, modules_after: None };
                by_frame_pointer.count_tick(&rest);
                let mut notes = notes(&totals, cuts, &unsampled);
                notes.extend(by_frame_pointer.note("samples"));
                Ok(Ended { rest, totals, notes })
            }
            #[cfg(pprof_engine)]
            Sampling::Pprof(sampler) => {
                let ended = sampler.stop().await;
                let (rest, totals) =
                    ended.map_err(|error| error.into_answer("cannot end the CPU profile"))?;
                let notes = pprof_notes(&totals);
                Ok(Ended { rest, totals, notes })
            }
        }
    }
}

/// The notes of a profile by engine `pprof`.
#[cfg(pprof_engine)]
fn pprof_notes(totals: &CpuTotals) -> Vec<Note> {
    // Less than 1 % comes from the edges of the window and is not reported.
    let is_reported = totals.unsampled_cpu_ns > totals.process_cpu_ns / 100;
    let unsampled_ms = if is_reported { totals.unsampled_cpu_ns / 1_000_000 } else { 0 };
    [
        (
            NoteKind::Missing,
            "ms of CPU time",
            unsampled_ms,
            "engine pprof has no samples of it and does not report why: ticks the kernel merged, code of the C \
             library or libgcc, a sample being stored, threads that block SIGPROF",
        ),
        (NoteKind::Truncated, "samples", totals.truncated, "their stacks are deeper than the limit"),
        (
            NoteKind::Truncated,
            "samples",
            totals.lost_walks,
            "the unwinder did not get past the signal handler, as always with musl",
        ),
        (
            NoteKind::Approximate,
            "samples",
            totals.samples,
            "engine pprof merges stacks through the same functions under the lines of the first, and does not \
             report whether they reach the root",
        ),
    ]
    .into_iter()
    .filter(|(_, _, count, _)| *count > 0)
    .map(|(kind, what, count, why)| Note { kind, what: what.to_owned(), count, why: why.to_owned() })
    .collect()
}
