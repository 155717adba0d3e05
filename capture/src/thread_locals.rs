//! Where threads keep their thread-locals.
//!
//! A thread-local of an object that was loaded at the start lies at the same distance from the *thread
//! pointer* in every thread (ELF Handling For Thread-Local Storage, static TLS). Of another thread the
//! kernel does not tell that pointer, but the head of its robust list (get_robust_list(2)), which glibc
//! keeps in the same structure: at a fixed distance, too.

use std::io;

use super::memory::Range;

/// The calling thread's pointer.
pub(crate) fn thread_pointer() -> u64 {
    super::arch::thread_pointer()
}

/// The calling thread's id.
pub(crate) fn own_tid() -> u32 {
    // SAFETY: gettid(2) takes no argument, cannot fail and touches no memory.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    tid as u32
}

/// The head of a thread's list of robust futexes, as it told the kernel; 0 when it told none.
pub(crate) fn robust_list(tid: u32) -> io::Result<u64> {
    let (mut head, mut length) = (0_u64, 0_usize);
    // SAFETY: get_robust_list(2) writes a pointer and a length to the two places, which live through the
    // call; the pointer is taken for a number.
    let result = unsafe {
        libc::syscall(libc::SYS_get_robust_list, tid as libc::c_long, &raw mut head, &raw mut length)
    };
    if result == 0 { Ok(head) } else { Err(io::Error::last_os_error()) }
}

/// The calling thread's thread-locals of the object that this code is in.
///
/// Takes a lock of the loader for a moment.
pub(crate) fn own_block() -> Option<Range> {
    struct Search {
        code: u64,
        found: Option<Range>,
    }

    unsafe extern "C" fn signal_state(
        object: *mut libc::dl_phdr_info,
        length: libc::size_t,
        search: *mut libc::c_void,
    ) -> libc::c_int {
        // An older loader gives a shorter structure, without thread-locals.
        if length < size_of::<libc::dl_phdr_info>() {
            return 1;
        }
        // SAFETY: dl_iterate_phdr(3) gives a valid structure of `length` bytes, and the pointer we gave it,
        // which is that of a live `Search` nobody else uses.
        let (object, search) = unsafe { (&*object, &mut *search.cast::<Search>()) };
        // SAFETY: the loader's own program headers of a loaded object: an array of this length, which stays
        // while the loader's lock is held, as it is during this call.
        let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
        let is_in = |header: &libc::Elf64_Phdr| {
            let start = object.dlpi_addr.wrapping_add(header.p_vaddr);
            header.p_type == libc::PT_LOAD && search.code.wrapping_sub(start) < header.p_memsz
        };
        if !headers.iter().any(is_in) {
            return 0;
        }
        let block = headers.iter().find(|header| header.p_type == libc::PT_TLS);
        // Null before this thread used any of them, where they are allocated then.
        search.found = block
            .filter(|_| !object.dlpi_tls_data.is_null())
            .map(|header| Range::new(object.dlpi_tls_data as u64, header.p_memsz as usize));
        1
    }

    let mut search = Search { code: own_block as *const () as u64, found: None };
    // SAFETY: `signal_state` is called before this returns, with the pointer to `search`, and never unwinds.
    unsafe { libc::dl_iterate_phdr(Some(signal_state), (&raw mut search).cast()) };
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
    fn a_thread_local_is_in_the_block_at_the_same_distance_in_every_thread() {
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
