//! The sections of allocators: the wrapper's exact counts, the allocators of the cargo features, the allocators the
//! program's author added, and the C library.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rgops_capture::agent_threads;
use rgops_capture::offload_thread::OffloadThread;
use rgops_protocol::reply::Known;
#[cfg(target_env = "gnu")]
use rgops_protocol::reply::Unavailable;
use rgops_protocol::reply::memstats::{Field, Section, Unit};

use super::field::field;
use crate::allocator::{self, AllocatorStats, Number};
use crate::collect::Context;

/// Maximum fields of one allocator; more are left out.
const MAX_FIELDS: usize = 64;

/// Deadline for allocators. Counting the free chunks of a large heap takes about 10 ms.
const ALLOCATOR_DEADLINE: Duration = Duration::from_millis(200);

const STUCK: &str =
    "no answer in 200 ms: an allocator lock is held, perhaps by a thread stopped inside malloc";

static ALLOCATORS: LazyLock<OffloadThread> =
    LazyLock::new(|| OffloadThread::new(agent_threads::MALLOC, ALLOCATOR_DEADLINE, STUCK));

/// Thread for allocators that the program's author added: their code belongs to the program.
static PROGRAMS_ALLOCATORS: LazyLock<OffloadThread> =
    LazyLock::new(|| OffloadThread::programs(agent_threads::MALLOC, ALLOCATOR_DEADLINE, STUCK));

/// One section for each allocator.
pub(super) async fn sections(context: &Context) -> Vec<Section> {
    let mut sections = Vec::new();
    #[cfg(native_engine)]
    sections.extend(sampled_section());
    // The program's own allocator comes first. The C library's heap is then small in comparison.
    for source in allocator::by_feature() {
        sections.push(allocator_section(source, &ALLOCATORS).await);
    }
    for source in &context.allocators.0 {
        sections.push(allocator_section(source.clone(), &PROGRAMS_ALLOCATORS).await);
    }
    sections.extend(c_library_section().await);
    sections
}

/// The numbers of the allocator with this name, as in `memstats`.
pub(in crate::collect) async fn allocator_fields(name: &str) -> Vec<Field> {
    let source = allocator::by_feature().into_iter().find(|source| source.name() == name);
    let section = match source {
        Some(source) => Some(allocator_section(source, &ALLOCATORS).await),
        None => c_library_section().await.filter(|section| section.name == name),
    };
    section.map(|section| section.fields).unwrap_or_default()
}

/// What the program requested from its allocator, counted by the wrapper; `None` without a wrapper.
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
    use crate::collect::memstats::field::value;

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
    async fn an_allocator_that_the_author_added_has_a_section() {
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
