//! The answer: the numbers of the process and its cgroup from `/proc` and the cgroup file system, then the
//! allocators' sections.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::offload_thread::OffloadThread;
use rgops_capture::procfs::cgroup::{Group, Memory, Version};
use rgops_capture::procfs::process::{self, AddressRange, MAPS, PAGEMAP, SMAPS_ROLLUP, STAT, STATUS, Stat};
use rgops_capture::procfs::{SMALL_FILE_BYTES, kibibytes, known, missing, read, threads};
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::{End, Known, Unavailable};
use rgops_protocol::request::MemstatsRequest;

use super::allocators;
use super::field::field;
use crate::collect::{Context, Finish, Sink, Stop};

/// `smaps_rollup` walks the page tables: about 10 ms for each resident GiB of small pages.
const MAPPINGS_DEADLINE: Duration = Duration::from_secs(2);

static MAPPINGS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 2 s: the address space is very large, or its lock is held";
    OffloadThread::new(agent_threads::MAPS, MAPPINGS_DEADLINE, stuck)
});

pub(crate) async fn collect(
    _arguments: MemstatsRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let mut sections = vec![process_section().await, cgroup_section()];
    sections.extend(allocators::sections(context).await);
    sink.data(&MemstatsReply { sections }).await?;
    Ok(End::default())
}

/// Resident memory of the process.
pub(in crate::collect) fn resident_bytes() -> Known<u64> {
    Source::new(STATUS, read(STATUS, SMALL_FILE_BYTES)).bytes("rss", "VmRSS").value
}

/// A file that is read once for several fields.
struct Source {
    path: &'static str,
    text: Result<String, Unavailable>,
}

impl Source {
    fn new(path: &'static str, text: io::Result<String>) -> Source {
        Source { path, text: text.map_err(|error| missing(path, &error)) }
    }

    /// The field of `key`, which the file has in kibibytes.
    fn bytes(&self, name: &str, key: &str) -> Field {
        let value = match &self.text {
            Ok(text) => match kibibytes(text, key) {
                Some(bytes) => Known::Value(bytes),
                None => {
                    Known::unavailable(format!("{} has no {key}", self.path), "a newer kernel may have it")
                }
            },
            Err(missing) => Known::Unavailable(missing.clone()),
        };
        field(name, Unit::Bytes, value, format!("{} {key}", self.path))
    }
}

async fn process_section() -> Section {
    let status = Source::new(STATUS, read(STATUS, SMALL_FILE_BYTES));
    let (rollup, stacks) = match MAPPINGS.ask(|| (read(SMAPS_ROLLUP, SMALL_FILE_BYTES), Stacks::read())).await
    {
        Ok((rollup, stacks)) => (Source::new(SMAPS_ROLLUP, rollup), stacks),
        Err(stuck) => {
            let stacks = Stacks::missing(&stuck);
            (Source { path: SMAPS_ROLLUP, text: Err(stuck) }, stacks)
        }
    };
    let stat = Stat::read(STAT);
    let faults = |pick: fn(&Stat) -> u64| match &stat {
        Ok(stat) => Known::Value(pick(stat)),
        Err(error) => Known::Unavailable(missing(STAT, error)),
    };
    let fields = vec![
        status.bytes("rss", "VmRSS"),
        status.bytes("rss-peak", "VmHWM"),
        rollup.bytes("pss", "Pss"),
        rollup.bytes("private-dirty", "Private_Dirty"),
        rollup.bytes("private-clean", "Private_Clean"),
        rollup.bytes("shared-dirty", "Shared_Dirty"),
        rollup.bytes("shared-clean", "Shared_Clean"),
        status.bytes("rss-anonymous", "RssAnon"),
        status.bytes("rss-file", "RssFile"),
        status.bytes("rss-shared-memory", "RssShmem"),
        status.bytes("swap", "VmSwap"),
        status.bytes("virtual", "VmSize"),
        status.bytes("locked", "VmLck"),
        status.bytes("page-tables", "VmPTE"),
        field("stack-in-use", Unit::Bytes, stacks.resident, format!("{PAGEMAP} of {}", stacks.of)),
        field("stack-sys", Unit::Bytes, stacks.reserved, format!("{MAPS} size of {}", stacks.of)),
        status.bytes("stack-main", "VmStk"),
        field("page-faults-minor", Unit::Count, faults(|stat| stat.minor_faults), format!("{STAT} minflt")),
        field("page-faults-major", Unit::Count, faults(|stat| stat.major_faults), format!("{STAT} majflt")),
    ];
    Section { name: "process".to_owned(), fields }
}

/// The threads' stacks: the mappings that contain the stack pointer of a sleeping thread.
///
/// Since Linux 4.5 the kernel does not mark stacks, and it does not report the stack pointer of a running
/// thread. So the source states how many threads are in the sum. Before Linux 6.7 the kernel may merge a stack
/// with the mapping directly above it.
struct Stacks {
    reserved: Known<u64>,
    resident: Known<u64>,
    /// Which mappings are in the sums.
    of: String,
}

impl Stacks {
    fn read() -> Stacks {
        let found = process::mappings().and_then(|mappings| {
            let (ids, found) = threads::ids()?;
            let pointers: Vec<u64> =
                ids.iter().filter_map(|tid| threads::stack_pointer(*tid).ok().flatten()).collect();
            Ok((containing(&mappings, &pointers), pointers.len(), found))
        });
        let (stacks, asleep, found) = match found {
            Ok(found) => found,
            Err(error) => return Stacks::missing(&missing(MAPS, &error)),
        };
        let of = format!("the ranges with the stack pointers of {asleep} of {found} threads");
        if asleep == 0 {
            let reason = "no thread's stack pointer can be read (/proc/self/task/*/syscall)".to_owned();
            return Stacks { of, ..Stacks::missing(&Unavailable { reason, fix: String::new() }) };
        }
        let resident = std::fs::File::open(PAGEMAP).and_then(|pagemap| {
            let page_bytes = process::page_bytes()?;
            stacks.iter().map(|stack| process::resident_bytes(&pagemap, stack, page_bytes)).sum()
        });
        Stacks {
            reserved: Known::Value(stacks.iter().map(|stack| stack.end - stack.start).sum()),
            resident: known(PAGEMAP, resident),
            of,
        }
    }

    fn missing(missing: &Unavailable) -> Stacks {
        let value = || Known::Unavailable(missing.clone());
        Stacks { reserved: value(), resident: value(), of: "the threads' stacks".to_owned() }
    }
}

/// The mappings that contain one of the addresses, each once.
fn containing(mappings: &[AddressRange], addresses: &[u64]) -> Vec<AddressRange> {
    let mut indices: Vec<usize> = addresses
        .iter()
        .filter_map(|address| {
            let at = mappings.partition_point(|mapping| mapping.end <= *address);
            mappings.get(at).filter(|mapping| mapping.contains(address)).map(|_| at)
        })
        .collect();
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter().map(|at| mappings[at].clone()).collect()
}

fn cgroup_section() -> Section {
    const LIMIT_FIX: &str = "set memory.max (systemd MemoryMax=, docker --memory, Kubernetes limits.memory)";
    let fields = match Group::of("memory") {
        Ok(group) => {
            let Memory { version, current, peak, limit, headroom, swap, inactive_file } = group.memory();
            let file = |v2: &str, v1: &str| {
                let name = if version == Version::V2 { v2 } else { v1 };
                format!("{}/{name}", group.directory().display())
            };
            let bytes = |name: &str, value: io::Result<u64>, source: String| {
                field(name, Unit::Bytes, known(&source, value), source)
            };
            let limited = |name: &str, value: io::Result<Option<u64>>, source: String| {
                let value = match known(&source, value) {
                    Known::Value(Some(bytes)) => Known::Value(bytes),
                    Known::Value(None) => Known::unavailable("no limit", LIMIT_FIX),
                    Known::Unavailable(missing) => Known::Unavailable(missing),
                };
                field(name, Unit::Bytes, value, source)
            };
            let limit_file = file("memory.max", "memory.limit_in_bytes");
            vec![
                bytes("current", current, file("memory.current", "memory.usage_in_bytes")),
                limited("limit", limit, format!("minimum of {limit_file} and those of its ancestors")),
                limited(
                    "headroom",
                    headroom,
                    format!("minimum of {limit_file} - usage over it and its ancestors"),
                ),
                bytes("peak", peak, file("memory.peak", "memory.max_usage_in_bytes")),
                bytes("swap", swap, file("memory.swap.current", "memory.stat swap")),
                bytes(
                    "reclaimable-file",
                    inactive_file,
                    file("memory.stat inactive_file", "memory.stat total_inactive_file"),
                ),
            ]
        }
        Err(error) => {
            let value = Known::Unavailable(missing("the memory cgroup", &error));
            vec![field(
                "current",
                Unit::Bytes,
                value,
                "/proc/thread-self/cgroup, /proc/thread-self/mountinfo",
            )]
        }
    };
    Section { name: "cgroup".to_owned(), fields }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::collect::memstats::field::value;

    #[test]
    fn touched_memory_is_in_every_number_that_counts_it() {
        rgops_capture::testing::run_alone("collect::memstats::collector::tests::touched_memory");
    }

    #[tokio::test]
    #[ignore = "started by the test above in its own process: other tests free memory meanwhile"]
    async fn touched_memory() {
        let before = process_section().await;
        let block = vec![1_u8; 64 << 20];
        let after = process_section().await;
        for name in ["rss", "rss-anonymous", "private-dirty", "pss", "virtual"] {
            assert!(value(&after, name) + (8 << 20) >= value(&before, name) + block.len() as u64, "{name}");
        }
        assert!(value(&after, "rss-peak") + (1 << 20) >= value(&after, "rss"));
        assert!(value(&after, "page-faults-minor") > value(&before, "page-faults-minor"));
        assert!(after.fields.iter().all(|field| !field.source.is_empty()));
    }

    #[tokio::test]
    async fn a_threads_stack_is_in_the_sum() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread =
            std::thread::Builder::new().stack_size(32 << 20).spawn(move || wait.recv().is_ok()).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let section = process_section().await;
            if value(&section, "stack-sys") >= 32 << 20 {
                // The thread has touched little of its stack.
                let resident = value(&section, "stack-in-use");
                assert!((4096..16 << 20).contains(&resident), "{section:?}");
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{section:?}");
        }
        drop(stop);
        thread.join().unwrap();
    }

    #[test]
    fn stacks_in_one_mapping_are_counted_once() {
        assert_eq!(containing(&[10..20, 30..45], &[12, 19, 20, 30, 44, 45]), [10..20, 30..45]);
    }
}
