//! Does what a job is for. Everything here blocks, and ends: each command has its deadline.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use rgops_inspect::budget;
use rgops_inspect::code::{FileSettings, Files};
use rgops_inspect::session::{
    Answer as _, CpuProfileOptions, HeapProfileOptions, LeaksOptions, Progress, Session, SessionOptions,
    TraceOptions, TraceView,
};
use rgops_web::{Analyser, Mounts};

use super::job::Job;
use super::kind::Kind;
use super::outcome::Outcome;
use crate::pages::frame;

/// The most bytes of a file.
const MOST_BYTES: usize = 128 << 20;
/// The most bytes of a report's text.
const MOST_TEXT: usize = 4 << 20;

/// What comes out of a job.
pub(super) fn run(job: &Job, mounts: &Mounts) -> Outcome {
    let options = SessionOptions::default();
    let mut session = match job.program.session(options) {
        Ok(session) => session,
        Err(error) => return error.into(),
    };
    job.ends_by(session.stopper());
    let outcome = command(job, mounts, &mut session);
    if job.is_cancelled() { Outcome::Cancelled } else { outcome }
}

fn command(job: &Job, mounts: &Mounts, session: &mut Session) -> Outcome {
    let seconds = Duration::from_secs(job.seconds);
    let mut progress = |progress: Progress| job.progress(progress);
    let mut file = Bounded::default();
    match job.kind {
        Kind::Cpu => {
            let options = CpuProfileOptions::default().duration(seconds);
            match session.cpu_profile(&options, &mut progress) {
                Ok(answer) => profile(job, mounts, answer.write_to(&mut file), file),
                Err(error) => error.into(),
            }
        }
        Kind::Heap => match session.heap_profile(&HeapProfileOptions::default(), &mut progress) {
            Ok(answer) => profile(job, mounts, answer.write_to(&mut file), file),
            Err(error) => error.into(),
        },
        Kind::Leaks => match session.leaks(&LeaksOptions::default().window(seconds), &mut progress) {
            Ok(answer) => Outcome::Text(cut(answer.text(&()).to_string())),
            Err(error) => error.into(),
        },
        Kind::Trace => {
            let options = TraceOptions::default().duration(seconds);
            match session.trace(&options, file, &mut progress) {
                Ok(mut answer) => {
                    let summary = cut(answer.text(&TraceView::default()).to_string());
                    let file = std::mem::take(answer.output_mut());
                    match file.is_full {
                        true => Outcome::failed("cannot keep the trace", TOO_LARGE, "record fewer seconds"),
                        false => Outcome::Trace { file: file.bytes.into(), summary },
                    }
                }
                Err(error) => error.into(),
            }
        }
    }
}

const TOO_LARGE: &str = "it has more than 128 MB";

/// The profile in a file, as the analyser shows it.
fn profile(job: &Job, mounts: &Mounts, written: io::Result<()>, file: Bounded) -> Outcome {
    const WHAT: &str = "cannot show the profile";
    if written.is_err() || file.is_full {
        return Outcome::failed(WHAT, TOO_LARGE, "take fewer seconds");
    }
    let profile = match rgops_pprof::read_profile(&file.bytes) {
        Ok(profile) => profile,
        Err(error) => return Outcome::failed(WHAT, error.to_string(), "report this as a bug of rgops"),
    };
    let settings = FileSettings::from_environment().with_process(job.program.pid);
    let name = format!("{} of {}", job.kind.title(), frame::shown(&job.program.name));
    let analyser = Analyser::new(Arc::new(profile), name)
        .environment(Arc::new(Files::new(settings, &budget::standard())))
        .home(frame::address(&job.program), frame::shown(&job.program.name));
    match mounts.mount(analyser, &format!("{}ui", job.address())) {
        Ok(pages) => {
            let cost = uncompressed(&file.bytes).saturating_mul(3);
            Outcome::Profile { pages, file: file.bytes.into(), cost }
        }
        Err(error) => Outcome::failed(WHAT, error.to_string(), ""),
    }
}

/// The length before gzip, as the last four bytes of a file tell it: our own file, which is smaller than 4 GB.
fn uncompressed(file: &[u8]) -> usize {
    let length = file.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    usize::try_from(length).unwrap_or(usize::MAX)
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n… (cut: the report is too long)\n");
    }
    text
}

/// A file in memory with a limit.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full || self.bytes.len().saturating_add(bytes.len()) > MOST_BYTES {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
