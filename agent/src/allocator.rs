//! Numbers of the program's allocators in `rgops memstats`.
//!
//! Numbers of glibc are always included. Those of jemalloc and mimalloc need the cargo features of these names.
//! Any other allocator can be added with [`AllocatorStats`].

use std::fmt;
use std::sync::Arc;

/// An allocator that reports its numbers.
///
/// Called on a separate thread, once for each `rgops memstats`, with a deadline: it may take the allocator's
/// locks, and should do little else.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use rgops_agent::allocator::{AllocatorStats, Number};
///
/// static IN_USE: AtomicU64 = AtomicU64::new(0);
///
/// struct Arena;
///
/// impl AllocatorStats for Arena {
///     fn name(&self) -> &str {
///         "arena"
///     }
///
///     fn numbers(&self) -> Vec<Number> {
///         vec![Number::bytes("heap-in-use", IN_USE.load(Relaxed), "arena::IN_USE")]
///     }
/// }
/// ```
pub trait AllocatorStats: Send + Sync + 'static {
    /// Name of the section in the answer.
    fn name(&self) -> &str;

    /// Its numbers, in the order they are shown. Use the names of gops where the meaning is the same: `alloc`,
    /// `total-alloc`, `sys`, `mallocs`, `frees`, `heap-sys`, `heap-idle`, `heap-in-use`, `heap-released`,
    /// `heap-objects`.
    fn numbers(&self) -> Vec<Number>;
}

/// One number of an allocator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    pub(crate) name: String,
    pub(crate) is_bytes: bool,
    /// The number, or the reason and the fix.
    pub(crate) value: Result<u64, (String, String)>,
    pub(crate) source: String,
}

impl Number {
    /// A number of bytes, and where it comes from.
    pub fn bytes(name: &str, bytes: u64, source: &str) -> Number {
        Number { name: name.to_owned(), is_bytes: true, value: Ok(bytes), source: source.to_owned() }
    }

    /// A number of things, and where it comes from.
    pub fn count(name: &str, count: u64, source: &str) -> Number {
        Number { name: name.to_owned(), is_bytes: false, value: Ok(count), source: source.to_owned() }
    }

    /// A number that the allocator does not have: the reason, and the fix (may be empty).
    pub fn unavailable(name: &str, reason: &str, fix: &str) -> Number {
        let value = Err((reason.to_owned(), fix.to_owned()));
        Number { name: name.to_owned(), is_bytes: true, value, source: String::new() }
    }
}

/// The allocators that the program's author added.
#[derive(Clone, Default)]
pub(crate) struct Allocators(pub(crate) Vec<Arc<dyn AllocatorStats>>);

impl fmt::Debug for Allocators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|allocator| allocator.name())).finish()
    }
}

/// The allocators behind this crate's cargo features.
pub(crate) fn by_feature() -> Vec<Arc<dyn AllocatorStats>> {
    vec![
        #[cfg(feature = "jemalloc")]
        Arc::new(jemalloc::Jemalloc),
        #[cfg(all(feature = "mimalloc", target_os = "linux"))]
        Arc::new(mimalloc::Mimalloc),
    ]
}

#[cfg(feature = "jemalloc")]
mod jemalloc {
    //! jemalloc's `stats.*`. Advancing the epoch makes them fresh and consistent (jemalloc(3)).

    use tikv_jemalloc_ctl::{epoch, stats};

    use super::{AllocatorStats, Number};

    pub(super) struct Jemalloc;

    impl AllocatorStats for Jemalloc {
        fn name(&self) -> &str {
            "jemalloc"
        }

        fn numbers(&self) -> Vec<Number> {
            if let Err(error) = epoch::advance() {
                return vec![Number::unavailable("alloc", &format!("jemalloc: {error}"), "")];
            }
            let field = |name, value: Result<usize, tikv_jemalloc_ctl::Error>, source: &str| match value {
                Ok(bytes) => Number::bytes(name, bytes as u64, source),
                Err(error) => Number::unavailable(
                    name,
                    &format!("jemalloc: {error}"),
                    "build jemalloc with --enable-stats (feature `stats` of tikv-jemallocator)",
                ),
            };
            vec![
                field("alloc", stats::allocated::read(), "mallctl stats.allocated"),
                field("sys", stats::mapped::read(), "mallctl stats.mapped"),
                field("heap-in-use", stats::active::read(), "mallctl stats.active"),
                field("heap-resident", stats::resident::read(), "mallctl stats.resident"),
                field("heap-released", stats::retained::read(), "mallctl stats.retained"),
                field("metadata", stats::metadata::read(), "mallctl stats.metadata"),
            ]
        }
    }
}

#[cfg(all(feature = "mimalloc", target_os = "linux"))]
mod mimalloc {
    //! mimalloc's numbers of the process. mimalloc counts single allocations only in debug builds (`MI_STAT`).

    use super::{AllocatorStats, Number};
    use rgops_capture::allocator_ffi::mimalloc_commit;

    pub(super) struct Mimalloc;

    impl AllocatorStats for Mimalloc {
        fn name(&self) -> &str {
            "mimalloc"
        }

        fn numbers(&self) -> Vec<Number> {
            let commit = mimalloc_commit();
            vec![
                Number::unavailable("alloc", "mimalloc counts allocations only in its debug builds", ""),
                Number::bytes("sys", commit.current, "mi_process_info current_commit"),
                Number::bytes("peak-sys", commit.peak, "mi_process_info peak_commit"),
            ]
        }
    }
}
