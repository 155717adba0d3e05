//! jemalloc's own profiler, if it runs (`prof:true`): its dumps are sent unchanged.
//!
//! It writes only to a file. The file is created in the temporary directory, with mode 0600 and in a directory of
//! mode 0700 with a random name. It is read and removed.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::allocator_ffi::{jemalloc_dump, jemalloc_is_profiling, jemalloc_mean_bytes};
use rgops_capture::offload_thread::OffloadThread;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::Note;
use rgops_protocol::reply::pprof_heap::{HeapCounters, HeapSource, HeapStart, PprofHeapPart};

use super::source::Source;
use crate::collect::{Sink, Stop};

const DEADLINE: Duration = Duration::from_secs(20);
/// A larger dump, with millions of stacks, is not sent.
const MAX_DUMP_BYTES: u64 = 256 * 1024 * 1024;
const BYTES_PER_PACKET: usize = 512 * 1024;

static DUMPS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 20 s: a lock of jemalloc's profiler is held";
    OffloadThread::new(agent_threads::RELEASE, DEADLINE, stuck)
});

/// The running profiler.
pub(super) struct Profiler {
    mean_bytes: u64,
}

impl Profiler {
    /// The profiler, if it runs.
    pub(super) async fn active() -> Result<Profiler, Error> {
        let what = "cannot profile the heap";
        let answer = DUMPS.ask(|| (jemalloc_is_profiling(), jemalloc_mean_bytes())).await;
        let failed = |why: String, fix: &str| Error::new(Code::Unsupported, what, why, fix);
        match answer {
            Ok((Ok(true), mean)) => Ok(Profiler { mean_bytes: mean.unwrap_or_default() }),
            Ok((Ok(false), _)) => Err(failed(
                "jemalloc's profiler is not active".to_owned(),
                "start the program with _RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19 \
                 (MALLOC_CONF where jemalloc has no prefix)",
            )),
            Ok((Err(error), _)) => Err(failed(
                format!("the allocator is not sampled, and jemalloc has no profiler ({error})"),
                "wrap it: #[global_allocator] static ALLOCATOR: rgops_agent::alloc::Sampling<tikv_jemallocator::Jemalloc> \
                 = rgops_agent::alloc::Sampling::new(tikv_jemallocator::Jemalloc); or build it with feature `profiling` of \
                 tikv-jemallocator and start the program with _RJEM_MALLOC_CONF=prof:true,lg_prof_sample:19 \
                 (MALLOC_CONF where jemalloc has no prefix)",
            )),
            Err(stuck) => Err(failed(stuck.reason, &stuck.fix)),
        }
    }
}

impl Source for Profiler {
    fn start(&self, unix_ns: u64) -> HeapStart {
        HeapStart {
            unix_ns,
            source: HeapSource::Jemalloc,
            allocator: "jemalloc".to_owned(),
            mean_bytes: self.mean_bytes,
            since_unix_ns: None,
        }
    }

    async fn snapshot(&mut self, sink: &Sink, _with_blocks: bool) -> Result<u64, Stop> {
        let failed = |why: String, fix: &str| {
            Error::new(Code::Unsupported, "cannot get the profile of jemalloc's profiler", why, fix)
        };
        let dump = DUMPS.ask(dump).await.map_err(|stuck| failed(stuck.reason, &stuck.fix))?;
        let dump =
            dump.map_err(|why| failed(why, "start the program with TMPDIR set to a directory it can write"))?;
        for piece in dump.chunks(BYTES_PER_PACKET) {
            sink.data(&PprofHeapPart::Jemalloc(piece.to_vec())).await?;
        }
        sink.data(&PprofHeapPart::Counters(HeapCounters::default())).await?;
        Ok(0)
    }

    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

/// Removes the directory and the dump in it when dropped.
struct Private(PathBuf);

impl Drop for Private {
    fn drop(&mut self) {
        // If the removal fails, nothing more can be done.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Takes a dump through a private file.
fn dump() -> Result<Vec<u8>, String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let name = format!("rgops-jemalloc-{:016x}", u64::from_ne_bytes(random));
    let directory = std::env::temp_dir().join(name);
    let in_directory = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::DirBuilder::new().mode(0o700).create(&directory).map_err(in_directory)?;
    let private = Private(directory.clone());
    let file = private.0.join("heap");
    // jemalloc opens it with O_CREAT and mode 0644. An existing file keeps its mode.
    let create = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    drop(create.map_err(in_directory)?);
    let path = CString::new(file.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    jemalloc_dump(&path).map_err(|error| format!("jemalloc: {error}"))?;
    let length = std::fs::metadata(&file).map_err(in_directory)?.len();
    if length > MAX_DUMP_BYTES {
        return Err(format!("the dump has {length} bytes, the limit is {MAX_DUMP_BYTES}"));
    }
    std::fs::read(&file).map_err(in_directory)
}
