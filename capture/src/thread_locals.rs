//! Finds the thread-local storage of threads.
//!
//! A thread-local of an object that was loaded at startup is at the same distance from the *thread
//! pointer* in every thread (ELF Handling For Thread-Local Storage, static TLS). The kernel does not report another
//! thread's thread pointer. It reports the head of its robust list (get_robust_list(2)), which glibc
//! keeps in the same structure, so also at a fixed distance.

use std::io;

use super::memory::Range;

/// The calling thread's thread pointer.
pub(crate) fn thread_pointer() -> u64 {
    super::arch::thread_pointer()
}

/// The calling thread's id.
pub(crate) fn own_tid() -> u32 {
    // SAFETY: gettid(2) takes no arguments, cannot fail and accesses no memory.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    tid as u32
}

/// The head of a thread's list of robust futexes, as registered with the kernel; 0 if it registered none.
pub(crate) fn robust_list(tid: u32) -> io::Result<u64> {
    let (mut head, mut length) = (0_u64, 0_usize);
    // SAFETY: get_robust_list(2) writes a pointer and a length to two locals; the pointer is only used
    // as a number.
    let result = unsafe {
        libc::syscall(libc::SYS_get_robust_list, tid as libc::c_long, &raw mut head, &raw mut length)
    };
    if result == 0 { Ok(head) } else { Err(io::Error::last_os_error()) }
}

/// The calling thread's thread-local block of the object that contains this code.
///
/// Takes a lock of the loader for a short time.
pub(crate) fn own_block() -> Option<Range> {
    struct Search {
        code: u64,
        found: Option<Range>,
    }

    unsafe extern "C" fn visit(
        object: *mut libc::dl_phdr_info,
        length: libc::size_t,
        search: *mut libc::c_void,
    ) -> libc::c_int {
        // An older loader passes a shorter structure without the thread-local fields.
        if length < size_of::<libc::dl_phdr_info>() {
            return 1;
        }
        // SAFETY: dl_iterate_phdr(3) passes a valid structure of `length` bytes, and the pointer given to it,
        // which points to a live `Search` that no other code uses.
        let (object, search) = unsafe { (&*object, &mut *search.cast::<Search>()) };
        // SAFETY: these are the loader's program headers of a loaded object: an array of this length. It stays
        // valid while the loader's lock is held, which is the case during this call.
        let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
        let is_in = |header: &libc::Elf64_Phdr| {
            let start = object.dlpi_addr.wrapping_add(header.p_vaddr);
            header.p_type == libc::PT_LOAD && search.code.wrapping_sub(start) < header.p_memsz
        };
        if !headers.iter().any(is_in) {
            return 0;
        }
        let block = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        // Null until this thread first uses one of them, if they are allocated lazily.
        search.found = block
            .filter(|_| !object.dlpi_tls_data.is_null())
            .map(|header| Range::new(object.dlpi_tls_data as u64, header.p_memsz as usize));
        1
    }

    let mut search = Search { code: own_block as *const () as u64, found: None };
    // SAFETY: `visit` is only called before this returns, with the pointer to `search`, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::cell::Cell;

    use super::*;

    thread_local! {
        static PLANTED: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn a_thread_local_is_at_the_same_distance_in_every_thread() {
        let distances = || {
            PLANTED.with(|planted| {
                let (place, block) = (std::ptr::from_ref(planted) as u64, own_block().unwrap());
                assert!(
                    place >= block.avma && place < block.avma + block.length as u64,
                    "{place:#x} {block:?}"
                );
                let head = robust_list(own_tid()).unwrap();
                (place.wrapping_sub(thread_pointer()), head.wrapping_sub(thread_pointer()), head != 0)
            })
        };
        let here = distances();
        assert!(cfg!(target_env = "musl") || here.2);
        for _ in 0..3 {
            assert_eq!(std::thread::spawn(distances).join().unwrap(), here);
        }
    }
}
