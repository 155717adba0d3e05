//! Profiles and traces.

use std::io::{self, Write};
use std::time::Duration;

use rgops_http::ask::Kind;
use rgops_http::reply::{self, Reply, debug_text, profile_file};
use rgops_inspect::session::{
    CpuProfileOptions, HeapKind, HeapProfileOptions, Session, SessionError, TraceOptions, WaitOptions,
};
use rgops_pprof::proto::Profile;
use rgops_pprof::write::{encode, encode_profile};

use super::cancel::Cancel;

/// The most bytes of a trace.
const MAX_TRACE_BYTES: usize = 128 << 20;

/// `profile`.
pub(super) fn cpu(session: &mut Session, duration: Duration, hz: Option<u32>) -> Result<Reply, SessionError> {
    let options = CpuProfileOptions::default().duration(duration);
    let options = hz.into_iter().fold(options, CpuProfileOptions::hz);
    let made = session.cpu_profile(&options, &mut |_| {})?;
    Ok(profile_file("profile", encode(made.profile()), false))
}

/// `heap` and `allocs`: the same, but what is shown first.
pub(super) fn heap(
    session: &mut Session,
    kind: Kind,
    debug: u32,
    seconds: Option<Duration>,
    gc: bool,
) -> Result<Reply, SessionError> {
    if gc {
        // What an allocator holds back is returned, if it can; the profile is the same without.
        let _ = session.gc();
    }
    let first = if kind == Kind::Allocs { HeapKind::AllocSpace } else { HeapKind::InuseSpace };
    let options = HeapProfileOptions::default().window(seconds).kind(first);
    let made = session.heap_profile(&options, &mut |_| {})?;
    let mut profile = made.profile().clone();
    let is_first = |of: &&rgops_pprof::proto::ValueType| profile.text(of.r#type) == first.name();
    if let Some(of) = profile.sample_type.iter().find(is_first) {
        profile.default_sample_type = of.r#type;
    }
    Ok(written(kind, &profile, debug, seconds))
}

/// The profiles that are made of stacks and tasks.
pub(super) fn stacks(
    session: &mut Session,
    kind: Kind,
    debug: u32,
    seconds: Option<Duration>,
    cancel: &Cancel,
) -> Result<Reply, SessionError> {
    let waits = seconds.into_iter().fold(WaitOptions::default(), WaitOptions::window);
    let profile = match kind {
        Kind::Goroutine if debug >= 2 => return Ok(reply::text(session.goroutine_text()?)),
        Kind::Block => session.block_profile(&waits)?,
        Kind::Mutex => session.mutex_profile(&waits)?,
        kind => {
            let before = moment(session, kind)?;
            let Some(seconds) = seconds else { return Ok(written(kind, &before, debug, None)) };
            if !cancel.pause(seconds) {
                return Ok(reply::cancelled());
            }
            let after = moment(session, kind)?;
            return Ok(match reply::delta(&before, &after) {
                Ok(difference) => profile_file(kind.name(), encode_profile(&difference), true),
                Err(error) => reply::failed(&error.to_string()),
            });
        }
    };
    Ok(written(kind, &profile, debug, seconds))
}

fn moment(session: &mut Session, kind: Kind) -> Result<Profile, SessionError> {
    match kind {
        Kind::Goroutine => session.goroutine_profile(),
        _ => session.threadcreate_profile(),
    }
}

/// A file, or a text if `debug` says so.
fn written(kind: Kind, profile: &Profile, debug: u32, seconds: Option<Duration>) -> Reply {
    match debug {
        0 => profile_file(kind.name(), encode(profile), seconds.is_some()),
        debug => reply::text(debug_text(kind, profile, debug)),
    }
}

/// `trace`, in the format of Perfetto.
pub(super) fn trace(session: &mut Session, duration: Duration) -> Result<Reply, SessionError> {
    let mut traced = session.trace(
        &TraceOptions::default().duration(duration),
        Bounded { bytes: Vec::new(), is_cut: false },
        &mut |_| {},
    )?;
    let Bounded { bytes, is_cut } = std::mem::take(traced.output_mut());
    match is_cut {
        false => Ok(reply::file("trace.perfetto", bytes)),
        true => Ok(reply::failed("the trace is larger than 128 MiB; ask for fewer seconds")),
    }
}

/// Bytes up to a limit.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_TRACE_BYTES {
            self.is_cut = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
