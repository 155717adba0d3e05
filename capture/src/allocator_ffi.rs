//! Calls into the C library's allocator and mimalloc.
//!
//! `mallinfo2` came with glibc 2.33 and does not exist in musl, so it is looked up when it is first
//! needed instead of being linked: the program must start on an older glibc, too.

#[cfg(target_env = "gnu")]
pub use glibc::{GlibcHeap, glibc_heap};

#[cfg(target_env = "gnu")]
mod glibc {
    use std::ffi::CStr;
    use std::sync::OnceLock;

    /// glibc's `struct mallinfo2` (mallinfo(3)); the order of its fields is the ABI.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, Default)]
    pub struct GlibcHeap {
        /// Bytes in arenas, not counting single mappings.
        pub arena: usize,
        /// Free chunks.
        pub ordblks: usize,
        /// Free fastbin chunks.
        pub smblks: usize,
        /// Single mappings.
        pub hblks: usize,
        /// Bytes in single mappings.
        pub hblkhd: usize,
        /// Always 0.
        pub usmblks: usize,
        /// Bytes in free fastbin chunks.
        pub fsmblks: usize,
        /// Bytes in use in arenas.
        pub uordblks: usize,
        /// Free bytes in arenas.
        pub fordblks: usize,
        /// Bytes at the top of the main arena that `malloc_trim` would give back.
        pub keepcost: usize,
    }

    type Mallinfo2 = unsafe extern "C" fn() -> GlibcHeap;

    /// glibc's numbers over all arenas; `None` before glibc 2.33.
    ///
    /// Takes each arena's lock in turn and walks its free chunks; the first call takes the loader's
    /// lock. So it is called on a thread of its own (`crate::offload_thread`).
    pub fn glibc_heap() -> Option<GlibcHeap> {
        static MALLINFO2: OnceLock<Option<Mallinfo2>> = OnceLock::new();
        let mallinfo2 = MALLINFO2.get_or_init(|| {
            const NAME: &CStr = c"mallinfo2";
            // SAFETY: NAME is a C string; RTLD_DEFAULT is a valid handle (dlsym(3)).
            let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, NAME.as_ptr()) };
            // SAFETY: a null pointer becomes `None`; otherwise this is glibc's `mallinfo2`, whose
            // signature mallinfo(3) gives: no arguments, `struct mallinfo2` by value, as above.
            unsafe { std::mem::transmute::<*mut libc::c_void, Option<Mallinfo2>>(symbol) }
        });
        let mallinfo2 = (*mallinfo2)?;
        // SAFETY: mallinfo2 may be called from any thread (attributes(7): MT-Unsafe only in that
        // the numbers may be torn against `mallopt`); it takes the locks it needs.
        Some(unsafe { mallinfo2() })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn glibc_counts_what_is_allocated() {
            // Never touched, so this costs address space only.
            let block = Vec::<u8>::with_capacity(1 << 30);
            let heap = glibc_heap().unwrap_or_default();
            assert!(heap.hblkhd >= block.capacity(), "{heap:?}");
        }
    }
}

/// What mimalloc has committed, in bytes.
#[cfg(feature = "mimalloc")]
#[derive(Debug, Clone, Copy)]
pub struct MimallocCommit {
    /// Now.
    pub current: u64,
    /// At most so far.
    pub peak: u64,
}

/// Asks mimalloc for what it has committed.
#[cfg(feature = "mimalloc")]
pub fn mimalloc_commit() -> MimallocCommit {
    let (mut current, mut peak) = (0_usize, 0_usize);
    let nothing = std::ptr::null_mut();
    // SAFETY: mi_process_info writes through each pointer that is not null; the two given are
    // valid for the call. It reads atomic counters and getrusage and takes no lock.
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

/// Gives glibc's free memory back to the system: the top of the main arena, and whole free pages
/// inside all arenas.
#[cfg(target_env = "gnu")]
pub fn glibc_trim() -> Result<(), String> {
    // SAFETY: malloc_trim(3) takes a number, and the locks it needs; it may be called from any thread.
    unsafe { libc::malloc_trim(0) };
    Ok(())
}

/// Gives mimalloc's free memory back to the system.
#[cfg(feature = "mimalloc")]
pub fn mimalloc_collect() -> Result<(), String> {
    // SAFETY: mi_collect works on the calling thread's heap and on what threads share, with its own locks.
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

    /// Gives dirty and muzzy pages of all arenas (`MALLCTL_ARENAS_ALL`, 4096) back to the system.
    pub fn purge() -> Result<(), String> {
        let nothing = std::ptr::null_mut();
        // SAFETY: the name is a C string; `arena.<i>.purge` neither reads nor writes a value
        // (jemalloc(3)), so every pointer is null.
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

    /// Whether its profiler runs; an error when it was built without one, or not configured for it.
    pub fn is_profiling() -> Result<bool, Error> {
        // SAFETY: `prof.active` is a `bool` (jemalloc(3)).
        unsafe { raw::read(b"prof.active\0") }
    }

    /// Mean bytes between two of its samples.
    pub fn mean_bytes() -> Result<u64, Error> {
        // SAFETY: `prof.lg_sample` is a `size_t` (jemalloc(3)).
        let exponent: usize = unsafe { raw::read(b"prof.lg_sample\0") }?;
        Ok(1_u64.checked_shl(exponent as u32).unwrap_or_default())
    }

    /// Writes a profile into this file. It takes the profiler's locks.
    pub fn dump(path: &CStr) -> Result<(), Error> {
        // SAFETY: `prof.dump` takes a `const char *` to a C string, which lives through the call (jemalloc(3)).
        unsafe { raw::write(b"prof.dump\0", path.as_ptr()) }
    }
}
