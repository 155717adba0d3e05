//! The calls that make each allocator release free memory to the system.

/// An allocator and its call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Releasing {
    /// The name of its section in `memstats`.
    pub(crate) name: &'static str,
    /// The call, as shown to users.
    pub(crate) call: &'static str,
    /// Makes the call, which takes the allocator's locks.
    pub(crate) release: fn() -> Result<(), String>,
}

/// The allocators of this build: first those of cargo features, last the C library's.
pub(crate) fn all() -> Vec<Releasing> {
    vec![
        #[cfg(feature = "jemalloc")]
        Releasing {
            name: "jemalloc",
            call: "mallctl arena.4096.purge (all arenas)",
            release: rgops_capture::allocator_ffi::jemalloc_purge,
        },
        #[cfg(feature = "mimalloc")]
        Releasing {
            name: "mimalloc",
            call: "mi_collect(true), which reaches the heaps of ended threads and memory that no heap owns, not the \
             heaps of other threads",
            release: rgops_capture::allocator_ffi::mimalloc_collect,
        },
        #[cfg(target_env = "gnu")]
        Releasing {
            name: "glibc",
            call: "malloc_trim(0)",
            release: rgops_capture::allocator_ffi::glibc_trim,
        },
        #[cfg(not(target_env = "gnu"))]
        Releasing {
            name: "libc",
            call: "",
            release: || Err("this program's C library has no call for it".to_owned()),
        },
    ]
}
