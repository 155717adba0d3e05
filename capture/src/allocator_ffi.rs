//! Calls into the C library's allocator and mimalloc.
//!
//! `mallinfo2` is new in glibc 2.33 and does not exist in musl. So it is looked up at its first
//! use instead of being linked: the program must start on an older glibc, too.

#[cfg(target_env = "gnu")]
pub use glibc::{GlibcHeap, glibc_heap};

#[cfg(target_env = "gnu")]
mod glibc {
    use std::ffi::CStr;
    use std::sync::OnceLock;

    /// glibc's `struct mallinfo2` (mallinfo(3)); the field order is part of the ABI.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, Default)]
    pub struct GlibcHeap {
        /// Bytes in arenas, without blocks that have their own mapping.
        pub arena: usize,
        /// Number of free chunks.
        pub ordblks: usize,
        /// Number of free fastbin chunks.
        pub smblks: usize,
        /// Number of blocks with their own mapping.
        pub hblks: usize,
        /// Bytes of blocks with their own mapping.
        pub hblkhd: usize,
        /// Always 0.
        pub usmblks: usize,
        /// Bytes in free fastbin chunks.
        pub fsmblks: usize,
        /// Bytes in use in arenas.
        pub uordblks: usize,
        /// Free bytes in arenas.
        pub fordblks: usize,
        /// Bytes at the top of the main arena that `malloc_trim` would release.
        pub keepcost: usize,
    }

    type Mallinfo2 = unsafe extern "C" fn() -> GlibcHeap;

    /// glibc's statistics over all arenas; `None` before glibc 2.33.
    ///
    /// It takes each arena's lock in turn and walks the free chunks, and the first call takes the loader's
    /// lock. So it is called on a thread of its own (`crate::offload_thread`).
    pub fn glibc_heap() -> Option<GlibcHeap> {
        static MALLINFO2: OnceLock<Option<Mallinfo2>> = OnceLock::new();
        let mallinfo2 = MALLINFO2.get_or_init(|| {
            const NAME: &CStr = c"mallinfo2";
            // SAFETY: NAME is a valid C string; RTLD_DEFAULT is a valid handle (dlsym(3)).
            let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, NAME.as_ptr()) };
            // SAFETY: a null pointer becomes `None`. Any other value is the address of glibc's `mallinfo2`, with the
            // signature in mallinfo(3): no arguments, returns `struct mallinfo2` by value, declared above.
            unsafe { std::mem::transmute::<*mut libc::c_void, Option<Mallinfo2>>(symbol) }
        });
        let mallinfo2 = (*mallinfo2)?;
        // SAFETY: mallinfo2 may be called from any thread; it takes the locks it needs. (attributes(7): MT-Unsafe
        // only because `mallopt` may run concurrently and make the numbers inconsistent.)
        Some(unsafe { mallinfo2() })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn glibc_counts_allocated_memory() {
            // Never touched, so it costs only address space.
            let block = Vec::<u8>::with_capacity(1 << 30);
            let heap = glibc_heap().unwrap_or_default();
            assert!(heap.hblkhd >= block.capacity(), "{heap:?}");
        }
    }
}

/// The memory that mimalloc has committed, in bytes.
#[cfg(feature = "mimalloc")]
#[derive(Debug, Clone, Copy)]
pub struct MimallocCommit {
    /// Current value.
    pub current: u64,
    /// Highest value so far.
    pub peak: u64,
}

/// Queries mimalloc's committed memory.
#[cfg(feature = "mimalloc")]
pub fn mimalloc_commit() -> MimallocCommit {
    let (mut current, mut peak) = (0_usize, 0_usize);
    let nothing = std::ptr::null_mut();
    // SAFETY: mi_process_info writes through each pointer that is not null; the two given point to
    // locals. It reads atomic counters and getrusage, and takes no lock.
    unsafe {
        libmimalloc_sys::mi_process_info(
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            &mut current,
            &mut peak,
            nothing,
        );
    }
    MimallocCommit { current: current as u64, peak: peak as u64 }
}

/// Releases glibc's free memory to the system: the top of the main arena, and whole free pages
/// inside all arenas.
#[cfg(target_env = "gnu")]
pub fn glibc_trim() -> Result<(), String> {
    // SAFETY: malloc_trim(3) takes an integer, takes the locks it needs, and may be called from any thread.
    unsafe { libc::malloc_trim(0) };
    Ok(())
}

/// Releases mimalloc's free memory to the system.
#[cfg(feature = "mimalloc")]
pub fn mimalloc_collect() -> Result<(), String> {
    // SAFETY: mi_collect works on the calling thread's heap and on shared data, which it locks itself.
    unsafe { libmimalloc_sys::mi_collect(true) };
    Ok(())
}

#[cfg(feature = "jemalloc")]
pub use jemalloc::{
    dump as jemalloc_dump, is_profiling as jemalloc_is_profiling, mean_bytes as jemalloc_mean_bytes,
    purge as jemalloc_purge,
};

#[cfg(feature = "jemalloc")]
mod jemalloc {
    use std::ffi::CStr;

    use tikv_jemalloc_ctl::{Error, raw};

    /// Releases dirty and muzzy pages of all arenas (`MALLCTL_ARENAS_ALL`, 4096) to the system.
    pub fn purge() -> Result<(), String> {
        let nothing = std::ptr::null_mut();
        // SAFETY: the name is a valid C string. `arena.<i>.purge` neither reads nor writes a value
        // (jemalloc(3)), so every pointer may be null.
        let result = unsafe {
            tikv_jemalloc_sys::mallctl(
                c"arena.4096.purge".as_ptr(),
                nothing,
                std::ptr::null_mut(),
                nothing,
                0,
            )
        };
        if result == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(result).to_string()) }
    }

    /// Whether its profiler is active; an error when jemalloc was built without it or not configured for it.
    pub fn is_profiling() -> Result<bool, Error> {
        // SAFETY: `prof.active` has the type `bool` (jemalloc(3)).
        unsafe { raw::read(b"prof.active\0") }
    }

    /// The mean number of bytes between two samples of its profiler.
    pub fn mean_bytes() -> Result<u64, Error> {
        // SAFETY: `prof.lg_sample` has the type `size_t` (jemalloc(3)).
        let exponent: usize = unsafe { raw::read(b"prof.lg_sample\0") }?;
        Ok(1_u64.checked_shl(exponent as u32).unwrap_or_default())
    }

    /// Writes a profile to this file. Takes the profiler's locks.
    pub fn dump(path: &CStr) -> Result<(), Error> {
        // SAFETY: `prof.dump` takes a `const char *`; the C string lives through the call (jemalloc(3)).
        unsafe { raw::write(b"prof.dump\0", path.as_ptr()) }
    }
}
