//! Where the stack ends that a thread runs on: known, or nothing is read of it.
//!
//! * **An alternate stack** has the bounds it was set with; the kernel tells them to the handler (`uc_stack`).
//! * **A thread's own stack** ends at what only that has: the thread's control block, which the C libraries put
//!   above the stack in the same mapping; of the main thread, the strings the kernel put there. Every
//!   page from the stack pointer to that end must be readable, without a gap. Below every stack the C libraries
//!   make is a guard page, so whatever lies under it is told from it by that gap. (Without one, `guardsize`
//!   0, memory right below a stack is taken for a part of it: it is read page by page all the same.)
//! * **Anywhere else**, on a coroutine's stack, nothing is known: where it ends some other memory begins, which
//!   may be unmapped at any time.
//!
//! Nothing here says how much room there is *below* a stack pointer. Nobody needs it: see
//! [`super::own_stacks`].

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::arch;
use super::stack_memory::PAGE_BYTES;

/// Deeper stacks than this many pages (256 MiB) are not asked about: it would take 6 ms.
const MAX_PAGES: u64 = 1 << 16;

/// A seccomp filter denied the question to some thread. Filters are for life, so is this.
static IS_DENIED: AtomicBool = AtomicBool::new(false);

/// Whether some thread's stack could not be walked because a seccomp filter denies the question.
pub(crate) fn is_denied() -> bool {
    IS_DENIED.load(Ordering::Relaxed)
}

/// What was found out about threads, by id: how many pages below its end a stack was seen to be readable. It stays
/// mapped as long as the thread runs, so each page is asked about once. Threads that share an entry ask again.
static KNOWN: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];

/// The end of the stack that `sp` is on, for the calling thread, whose id is `tid`. For signal handlers.
pub(super) fn end_of_stack(sp: u64, alternate: &Range<u64>, tid: u32, process: u32) -> Option<u64> {
    if alternate.contains(&sp) {
        return Some(alternate.end);
    }
    let end = own_end(tid == process);
    let known = &KNOWN[tid as usize % KNOWN.len()];
    let former = Known(known.load(Ordering::Relaxed));
    let pages = pages(sp, end)?;
    let asked = if former.is_of(tid, end) { former.pages() } else { 0 };
    if pages > asked {
        is_readable(sp, ((end - 1) / PAGE_BYTES + 1 - asked) * PAGE_BYTES).then_some(())?;
        known.store(Known::new(tid, end, pages).0, Ordering::Relaxed);
    }
    Some(end)
}

/// The end of the calling thread's own stack.
pub(super) fn own_end(is_main: bool) -> u64 {
    if is_main { initial_strings() } else { arch::thread_pointer() }
}

/// Pages from the one `sp` is in to the one before `end`; `None` when that cannot be a stack.
pub(super) fn pages(sp: u64, end: u64) -> Option<u64> {
    let last = end.checked_sub(1).filter(|last| *last >= sp)?;
    let pages = last / PAGE_BYTES - sp / PAGE_BYTES + 1;
    (pages <= MAX_PAGES).then_some(pages)
}

/// Whether every page from that of `sp` up to `end` can be read.
#[cold]
pub(super) fn is_readable(sp: u64, end: u64) -> bool {
    let mut page = sp & !(PAGE_BYTES - 1);
    while page < end {
        if !arch::is_readable(page) {
            // This thread runs here: the kernel must say yes.
            if !arch::is_readable(arch::Registers::here().sp) {
                IS_DENIED.store(true, Ordering::Relaxed);
            }
            return false;
        }
        page += PAGE_BYTES;
    }
    true
}

/// Where the kernel put the executable's name: at the top of the main thread's stack (getauxval(3)).
fn initial_strings() -> u64 {
    // SAFETY: getauxval(3) takes any number, looks into a table of the C library's and touches no memory of ours.
    unsafe { libc::getauxval(libc::AT_EXECFN) & !7 }
}

/// A thread (22 bits: PID_MAX_LIMIT), its pages (20 bits), and some bits of where its stack ends.
#[derive(Clone, Copy)]
struct Known(u64);

impl Known {
    const PAGES: u32 = 22;
    const END: u32 = 42;

    fn new(tid: u32, end: u64, pages: u64) -> Known {
        Known(Known::key(tid, end) | pages << Known::PAGES)
    }

    fn key(tid: u32, end: u64) -> u64 {
        u64::from(tid) & ((1 << Known::PAGES) - 1) | (end / 64) << Known::END
    }

    fn is_of(self, tid: u32, end: u64) -> bool {
        self.0 & !(((1 << (Known::END - Known::PAGES)) - 1) << Known::PAGES) == Known::key(tid, end)
    }

    fn pages(self) -> u64 {
        self.0 >> Known::PAGES & ((1 << (Known::END - Known::PAGES)) - 1)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::engine::memory::Pages;
    use crate::procfs::threads::own_id;

    #[test]
    fn a_threads_own_stack_has_an_end_and_a_foreign_one_has_none() {
        let (tid, process) = (own_id().unwrap(), std::process::id());
        assert_ne!(tid, process, "tests have threads of their own");
        let end = |sp, alternate| end_of_stack(sp, &alternate, tid, process);
        let sp = arch::Registers::here().sp;
        assert_eq!(end(sp, 0..0), Some(arch::thread_pointer()));
        assert_eq!(end(sp, 0..0), Some(arch::thread_pointer()), "once more, without a question");
        let deeper = std::hint::black_box([0u8; 64 * 1024]);
        assert_eq!(end(deeper.as_ptr() as u64, 0..0), Some(arch::thread_pointer()));
        // As a coroutine's: from the heap, and mapped where the kernel likes, with and without a guard page.
        let boxed = vec![0u8; 64 * 1024];
        assert_eq!(end(boxed.as_ptr() as u64 + 60 * 1024, 0..0), None);
        let pages = Pages::zeroed(64 * 4096).unwrap();
        assert_eq!(end(pages.as_ptr() as u64 + 60 * 4096, 0..0), None);
        static STATIC: [u8; 4096] = [0; 4096];
        assert_eq!(end(STATIC.as_ptr() as u64 + 4000, 0..0), None);
        let alternate = pages.as_ptr() as u64..pages.as_ptr() as u64 + 4096;
        assert_eq!(end(alternate.start + 100, alternate.clone()), Some(alternate.end));
        assert_eq!(end(alternate.end, alternate.clone()), None, "right above it");
        assert_eq!(end(u64::MAX, 0..0), None);
        assert_eq!(end(0, 0..0), None);
    }

    #[test]
    fn what_is_known_is_of_one_thread_and_one_stack() {
        let known = Known::new(4_194_303, 0x7fff_1234_5640, 65_536);
        assert!(known.is_of(4_194_303, 0x7fff_1234_5640));
        assert_eq!(known.pages(), 65_536);
        assert!(!known.is_of(4_194_302, 0x7fff_1234_5640));
        assert!(!known.is_of(4_194_303, 0x7fff_1234_5680));
    }
}
