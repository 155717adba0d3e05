//! Where Linux and the allocators tell their numbers.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::offload_thread::OffloadThread;
use rgops_capture::procfs::cgroup::{Group, Memory, Version};
use rgops_capture::procfs::process::{self, AddressRange, MAPS, PAGEMAP, SMAPS_ROLLUP, STAT, STATUS, Stat};
use rgops_capture::procfs::{SMALL_FILE_BYTES, kibibytes, known, missing, read, threads};
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::{Known, Unavailable};

use super::super::Context;
use crate::allocator::{self, AllocatorStats, Number};

/// Fields of one allocator that are passed on at most.
const MAX_FIELDS: usize = 64;

/// Deadline for allocators: counting the free chunks of a large heap takes some ten milliseconds.
const ALLOCATOR_DEADLINE: Duration = Duration::from_millis(200);

/// `smaps_rollup` walks the page tables: about 10 ms for each resident GiB of small pages.
const MAPPINGS_DEADLINE: Duration = Duration::from_secs(2);

const STUCK: &str =
    "no answer in 200 ms: an allocator lock is held, perhaps by a thread stopped inside malloc";

static ALLOCATORS: LazyLock<OffloadThread> =
    LazyLock::new(|| OffloadThread::new(agent_threads::MALLOC, ALLOCATOR_DEADLINE, STUCK));

/// Those an author told of are code of the program's.
static PROGRAMS_ALLOCATORS: LazyLock<OffloadThread> =
    LazyLock::new(|| OffloadThread::programs(agent_threads::MALLOC, ALLOCATOR_DEADLINE, STUCK));

static MAPPINGS: LazyLock<OffloadThread> = LazyLock::new(|| {
    let stuck = "no answer in 2 s: the address space is very large, or its lock is held";
    OffloadThread::new(agent_threads::MAPS, MAPPINGS_DEADLINE, stuck)
});

/// All sections.
pub(super) async fn reply(context: &Context) -> MemstatsReply {
    let mut sections = vec![process_section().await, cgroup_section()];
    #[cfg(native_engine)]
    sections.extend(sampled_section());
    // The program's own allocator first; the C library's heap is small beside it then.
    for source in allocator::by_feature() {
        sections.push(allocator_section(source, &ALLOCATORS).await);
    }
    for source in &context.allocators.0 {
        sections.push(allocator_section(source.clone(), &PROGRAMS_ALLOCATORS).await);
    }
    sections.extend(c_library_section().await);
    MemstatsReply { sections }
}

/// What the program asked its allocator for, counted by the wrapper; `None` without one.
#[cfg(native_engine)]
fn sampled_section() -> Option<Section> {
    use rgops_capture::heap;

    let counted = heap::exact()?;
    let source = format!("rgops_agent::alloc::Sampling<{}>", heap::allocator().unwrap_or_default());
    let number = |name: &str, unit: Unit, value: u64, meaning: &str| {
        field(name, unit, Known::Value(value), format!("{source}: {meaning}"))
    };
    let live_bytes = counted.allocated_bytes.saturating_sub(counted.freed_bytes);
    let live = counted.allocations.saturating_sub(counted.frees);
    let fields = vec![
        number("alloc", Unit::Bytes, live_bytes, "bytes requested and not freed"),
        number("total-alloc", Unit::Bytes, counted.allocated_bytes, "bytes requested"),
        number("mallocs", Unit::Count, counted.allocations, "calls to alloc and alloc_zeroed"),
        number("frees", Unit::Count, counted.frees, "calls to dealloc"),
        number("reallocs", Unit::Count, counted.reallocations, "calls to realloc"),
        number("heap-alloc", Unit::Bytes, live_bytes, "bytes requested and not freed"),
        number("heap-objects", Unit::Count, live, "mallocs - frees"),
        number("heap-sample-rate", Unit::Bytes, heap::rate(), "mean bytes between two samples, 0 for off"),
    ];
    Some(Section { name: "heap".to_owned(), fields })
}

/// The numbers of the allocator with this name, as `memstats` has them.
pub(in crate::collect) async fn allocator_fields(name: &str) -> Vec<Field> {
    let source = allocator::by_feature().into_iter().find(|source| source.name() == name);
    let section = match source {
        Some(source) => Some(allocator_section(source, &ALLOCATORS).await),
        None => c_library_section().await.filter(|section| section.name == name),
    };
    section.map(|section| section.fields).unwrap_or_default()
}

/// Resident memory of the process.
pub(in crate::collect) fn resident_bytes() -> Known<u64> {
    Source::new(STATUS, read(STATUS, SMALL_FILE_BYTES)).bytes("rss", "VmRSS").value
}

fn field(name: &str, unit: Unit, value: Known<u64>, source: impl Into<String>) -> Field {
    Field { name: name.to_owned(), unit, value, source: source.into() }
}

/// A file that is read once and gives several fields.
struct Source {
    path: &'static str,
    text: Result<String, Unavailable>,
}

impl Source {
    fn new(path: &'static str, text: io::Result<String>) -> Source {
        Source { path, text: text.map_err(|error| missing(path, &error)) }
    }

    /// The field behind `key`, which the file gives in kibibytes.
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

/// The threads' stacks: the mappings that hold a sleeping thread's stack pointer.
///
/// The kernel does not mark stacks any more (since 4.5), and a running thread's pointer is not told, so
/// the source says how many threads are in the sum. Before Linux 6.7 the kernel may join a stack with
/// what is mapped right above it.
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
            Ok((holders(&mappings, &pointers), pointers.len(), found))
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

/// The mappings that hold one of the addresses, each once.
fn holders(mappings: &[AddressRange], addresses: &[u64]) -> Vec<AddressRange> {
    let mut holders: Vec<usize> = addresses
        .iter()
        .filter_map(|address| {
            let at = mappings.partition_point(|mapping| mapping.end <= *address);
            mappings.get(at).filter(|mapping| mapping.contains(address)).map(|_| at)
        })
        .collect();
    holders.sort_unstable();
    holders.dedup();
    holders.into_iter().map(|at| mappings[at].clone()).collect()
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
            vec![field("current", Unit::Bytes, value, "/proc/self/cgroup, /proc/self/mountinfo")]
        }
    };
    Section { name: "cgroup".to_owned(), fields }
}

#[cfg(target_env = "gnu")]
async fn c_library_section() -> Option<Section> {
    use rgops_capture::allocator_ffi::{GlibcHeap, glibc_heap};

    const CALLS: &str = "glibc does not count calls";
    let heap = match ALLOCATORS.ask(glibc_heap).await {
        Ok(Some(heap)) => Ok(heap),
        Ok(None) => Err(Unavailable {
            reason: "mallinfo2 does not exist in this glibc".to_owned(),
            fix: "run on glibc 2.33 or newer".to_owned(),
        }),
        Err(stuck) => Err(stuck),
    };
    let number = |name: &str, unit: Unit, pick: fn(&GlibcHeap) -> usize, source: &str| {
        let value = match &heap {
            Ok(heap) => Known::Value(pick(heap) as u64),
            Err(missing) => Known::Unavailable(missing.clone()),
        };
        field(name, unit, value, format!("mallinfo2 {source}"))
    };
    let bytes =
        |name: &str, pick: fn(&GlibcHeap) -> usize, source: &str| number(name, Unit::Bytes, pick, source);
    let not_counted = |name: &str| field(name, Unit::Count, Known::unavailable(CALLS, ""), "mallinfo2");
    let fields = vec![
        bytes(
            "alloc",
            |heap| heap.uordblks + heap.hblkhd,
            "uordblks + hblkhd (chunks in thread caches count as allocated)",
        ),
        bytes("sys", |heap| heap.arena + heap.hblkhd, "arena + hblkhd"),
        not_counted("mallocs"),
        not_counted("frees"),
        bytes("heap-sys", |heap| heap.arena, "arena, summed over all arenas"),
        bytes("heap-in-use", |heap| heap.uordblks, "uordblks"),
        bytes("heap-idle", |heap| heap.fordblks, "fordblks"),
        bytes("heap-releasable", |heap| heap.keepcost, "keepcost (top of the main arena)"),
        bytes("mmap-in-use", |heap| heap.hblkhd, "hblkhd"),
        number("mmap-blocks", Unit::Count, |heap| heap.hblks, "hblks"),
        number("free-chunks", Unit::Count, |heap| heap.ordblks + heap.smblks, "ordblks + smblks"),
    ];
    Some(Section { name: "glibc".to_owned(), fields })
}

#[cfg(not(target_env = "gnu"))]
async fn c_library_section() -> Option<Section> {
    let value = Known::unavailable(
        "this program's C library has no allocator statistics",
        "use jemalloc or mimalloc and the agent's cargo feature of that name",
    );
    let fields = vec![field("alloc", Unit::Bytes, value, "mallinfo2 is glibc's")];
    Some(Section { name: "libc".to_owned(), fields })
}

async fn allocator_section(source: Arc<dyn AllocatorStats>, thread: &OffloadThread) -> Section {
    let name = source.name().to_owned();
    let fields = match thread.ask(move || source.numbers()).await {
        Ok(numbers) => numbers.into_iter().take(MAX_FIELDS).map(as_field).collect(),
        Err(stuck) => vec![field("alloc", Unit::Bytes, Known::Unavailable(stuck), name.clone())],
    };
    Section { name, fields }
}

fn as_field(number: Number) -> Field {
    let value = match number.value {
        Ok(value) => Known::Value(value),
        Err((reason, fix)) => Known::unavailable(reason, fix),
    };
    let unit = if number.is_bytes { Unit::Bytes } else { Unit::Count };
    Field { name: number.name, unit, value, source: number.source }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn value(section: &Section, name: &str) -> u64 {
        let field = section.fields.iter().find(|field| field.name == name).unwrap();
        *field.value.value().unwrap_or_else(|| panic!("{field:?}"))
    }

    #[test]
    fn touched_memory_is_in_every_number_that_counts_it() {
        rgops_capture::testing::run_alone("collect::memstats::linux::tests::touched_memory");
    }

    #[tokio::test]
    #[ignore = "started by the test above: others free what they had meanwhile"]
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
                // Of it, this thread touched little.
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
        assert_eq!(holders(&[10..20, 30..45], &[12, 19, 20, 30, 44, 45]), [10..20, 30..45]);
    }

    #[cfg(target_env = "gnu")]
    #[tokio::test]
    async fn glibc_numbers_add_up() {
        let section = c_library_section().await.unwrap();
        assert_eq!(
            value(&section, "heap-sys"),
            value(&section, "heap-in-use") + value(&section, "heap-idle")
        );
        assert!(value(&section, "sys") >= value(&section, "alloc"));
    }

    #[tokio::test]
    async fn a_foreign_allocator_is_a_section() {
        struct Mine;
        impl AllocatorStats for Mine {
            fn name(&self) -> &str {
                "mine"
            }
            fn numbers(&self) -> Vec<Number> {
                vec![Number::count("mallocs", 7, "mine"), Number::unavailable("alloc", "not counted", "")]
            }
        }
        rgops_capture::program_threads::begin().unwrap();
        let section = allocator_section(Arc::new(Mine), &PROGRAMS_ALLOCATORS).await;
        assert_eq!((section.name.as_str(), value(&section, "mallocs")), ("mine", 7));
        assert!(section.fields[1].value.value().is_none());
    }
}
