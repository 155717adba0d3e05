//! Finds the end of the stack that a thread runs on. A stack with an unknown end is not read.
//!
//! * **Alternate stack**: its bounds were set by sigaltstack(2); the kernel passes them to the handler (`uc_stack`).
//! * **The thread's own stack** ends at an address that only the thread's own stack has. For most threads it is the
//!   thread control block, which the C libraries place above the stack in the same mapping. For the main thread it is
//!   the strings that the kernel puts there. Every page from that end down to the stack pointer must be readable,
//!   without a gap. The C libraries put a guard page below every stack, and this gap separates the stack from
//!   whatever is mapped below it. (With a `guardsize` of 0 there is no gap, and memory directly below a stack is
//!   taken for a part of it. It is still checked page by page before it is read.) Pages are probed from the end
//!   downwards, so no page below the stack is touched. The depth reached is cached: for a stack pointer in a
//!   coroutine's stack further down, only the one unreadable page is probed again.
//!   The main thread's stack has no guard page but room to grow. A probe there makes the kernel grow it, up to the
//!   current limit. Other mappings are rare in the room reserved for it ([`LEAST_MAIN_PAGES`] or more). Pages below that
//!   room are never probed.
//! * **Any other stack**, such as a coroutine's: its end is unknown. Other memory begins there, which may be unmapped
//!   at any time.
//!
//! The room *below* a stack pointer is not determined, because no code needs it: see [`super::scratch_stacks`].

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::arch;
use super::memory::PAGE_BYTES;
use crate::procfs;

/// The deepest stack that is probed, in pages (256 MiB). A deeper one would take more than 6 ms.
const MAX_PAGES: u64 = 1 << 16;

/// A seccomp filter denied a probe in some thread. Filters cannot be removed, so this is never reset.
static IS_DENIED: AtomicBool = AtomicBool::new(false);

/// Whether some thread's stack could not be walked because a seccomp filter denies the probe.
pub fn is_denied() -> bool {
    IS_DENIED.load(Ordering::Relaxed)
}

/// Cache by thread id: the number of pages below the stack's end that were readable. They stay mapped as long as the
/// thread runs, so each page is probed once. Threads that share an entry probe again.
static KNOWN: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];

/// The maximum depth of the main thread's stack, in pages. The kernel reserves room for it at execve(2), according to
/// the limit at that time. The first limit that was read stands for it, and [`LEAST_MAIN_PAGES`] is the minimum.
static MAIN_PAGES: AtomicU64 = AtomicU64::new(0);

/// 100 MiB, in pages. The kernel reserves 128 MiB at the top of the address space for the stack and what is above
/// it, whatever the limit (`mmap_base` in arch/x86/mm/mmap.c and mm/util.c), and the limit can be raised later.
/// With address randomization it can rarely be less, and another mapping may be there. Probing still stops before it:
/// at the current limit, or at the gap that the kernel keeps below a growing stack (`stack_guard_gap`).
const LEAST_MAIN_PAGES: u64 = (100 << 20) / PAGE_BYTES;

/// Reads the limit, which handlers cannot do. It is read from a file, because the system calls for that are allowed
/// wherever an agent runs, while a sandbox may deny getrlimit(2).
pub(super) fn prepare() {
    if MAIN_PAGES.load(Ordering::Relaxed) != 0 {
        return;
    }
    let limits = procfs::read("/proc/self/limits", procfs::SMALL_FILE_BYTES).unwrap_or_default();
    if let Some(bytes) = stack_limit(&limits) {
        MAIN_PAGES.store((bytes / PAGE_BYTES).clamp(LEAST_MAIN_PAGES, MAX_PAGES), Ordering::Relaxed);
    }
}

/// The soft limit of the main thread's stack, in bytes (proc(5), `/proc/PID/limits`).
fn stack_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max stack size"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        bytes => bytes.parse().ok(),
    }
}

/// The end of the stack that contains `sp`, for the calling thread, whose id is `tid`. Async-signal-safe.
pub(super) fn end_of_stack(sp: u64, alternate: &Range<u64>, tid: u32, process: u32) -> Option<u64> {
    if alternate.contains(&sp) {
        return Some(alternate.end);
    }
    let is_main = tid == process;
    let end = own_end(is_main);
    let known = &KNOWN[tid as usize % KNOWN.len()];
    let former = Known(known.load(Ordering::Relaxed));
    let wanted = pages(sp, end, is_main)?;
    let already_known = if former.is_of(tid, end) { former.pages() } else { 0 };
    if wanted > already_known {
        let readable = readable_pages(end, already_known, wanted);
        if readable > already_known {
            known.store(Known::new(tid, end, readable).0, Ordering::Relaxed);
        }
        (readable == wanted).then_some(())?;
    }
    Some(end)
}

/// The end of the calling thread's own stack.
pub(super) fn own_end(is_main: bool) -> u64 {
    if is_main { initial_strings() } else { arch::thread_pointer() }
}

/// The number of pages from the one with `sp` to the last before `end`; `None` when that cannot be a stack.
pub(super) fn pages(sp: u64, end: u64, is_main: bool) -> Option<u64> {
    let last = end.checked_sub(1).filter(|last| *last >= sp)?;
    let pages = last / PAGE_BYTES - sp / PAGE_BYTES + 1;
    let most = if is_main { MAIN_PAGES.load(Ordering::Relaxed).max(LEAST_MAIN_PAGES) } else { MAX_PAGES };
    (pages <= most).then_some(pages)
}

/// How many pages below `end` are readable without a gap, at most `wanted`. The first `already_known` are known to be.
#[cold]
pub(super) fn readable_pages(end: u64, already_known: u64, wanted: u64) -> u64 {
    let last = (end - 1) / PAGE_BYTES;
    for page in already_known..wanted {
        if !is_readable((last - page) * PAGE_BYTES) {
            // This thread runs on this page, so it is readable; any other answer means that the probe is denied.
            if !is_readable(arch::Registers::here().sp) {
                IS_DENIED.store(true, Ordering::Relaxed);
            }
            return page;
        }
    }
    wanted
}

/// Probes one page. Tests count the probes.
fn is_readable(address: u64) -> bool {
    #[cfg(test)]
    tests::PROBES.with(|probes| probes.set(probes.get() + 1));
    arch::is_readable(address)
}

/// Where the kernel put the executable's name: at the top of the main thread's stack (getauxval(3)).
fn initial_strings() -> u64 {
    // SAFETY: getauxval(3) accepts any number, reads a table of the C library, and accesses no memory of ours.
    unsafe { libc::getauxval(libc::AT_EXECFN) & !7 }
}

/// A cache entry: a thread id (22 bits: PID_MAX_LIMIT), its pages (20 bits), and some bits of its stack's end.
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

    use std::cell::Cell;

    use super::*;
    use crate::memory::Pages;
    use crate::procfs::threads::own_id;

    thread_local! {
        pub(super) static PROBES: Cell<u64> = const { Cell::new(0) };
    }

    /// Memory between a coroutine's stack and the thread's own stack is not touched: the guard page below the
    /// thread's own stack ends the probing, and it is found once.
    #[test]
    fn pages_below_the_threads_own_stack_are_not_probed() {
        let check = || {
            let (tid, process) = (own_id().unwrap(), std::process::id());
            let own = arch::thread_pointer();
            let pages = Pages::zeroed(20_000 * 4096).unwrap();
            // The kernel usually maps it below.
            let sp = Some(pages.as_ptr() as u64 + 4000);
            let sp = sp.filter(|sp| *sp < own && own - sp < MAX_PAGES * PAGE_BYTES);
            let probes = || {
                let before = PROBES.get();
                assert_eq!(end_of_stack(sp.unwrap_or(own - (200 << 20)), &(0..0), tid, process), None);
                PROBES.get() - before
            };
            let first = probes();
            // The C library may reuse a larger stack from its cache.
            assert!((2..5000).contains(&first), "{first} probes for a stack of 256 pages");
            assert_eq!((probes(), probes()), (2, 2), "the page where it stopped, and whether it is denied");
            // The thread's own pages stay known.
            assert_eq!(end_of_stack(arch::Registers::here().sp, &(0..0), tid, process), Some(own));
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn the_stack_limit_is_parsed() {
        let line = |soft: &str| {
            format!("Max cpu time  1 2 seconds\nMax stack size            {soft}     unlimited    bytes\n")
        };
        assert_eq!(stack_limit(&line("8388608")), Some(8 << 20));
        assert_eq!(stack_limit(&line("unlimited")), Some(u64::MAX));
        assert_eq!((stack_limit(&line("?")), stack_limit("")), (None, None));
        assert!(stack_limit(&procfs::read("/proc/self/limits", procfs::SMALL_FILE_BYTES).unwrap()).is_some());
    }

    #[test]
    fn pages_far_below_the_main_threads_stack_are_not_probed() {
        prepare();
        let end = own_end(true);
        let limit = MAIN_PAGES.load(Ordering::Relaxed);
        assert!((LEAST_MAIN_PAGES..=MAX_PAGES).contains(&limit));
        assert_eq!(pages(end - limit * PAGE_BYTES - PAGE_BYTES, end, true), None);
        assert!(pages(end - (limit - 1) * PAGE_BYTES, end, true).is_some());
    }

    /// The limit can be raised while the program runs, and the stack then grows.
    #[test]
    fn the_main_threads_stack_may_be_deeper_than_its_first_limit() {
        prepare();
        let end = own_end(true);
        assert!(pages(end - (64 << 20), end, true).is_some());
    }

    /// The current limit ends the probing, whatever is mapped below.
    #[test]
    fn the_first_gap_below_the_main_threads_stack_ends_the_probing() {
        let limits = procfs::read("/proc/self/limits", procfs::SMALL_FILE_BYTES).unwrap();
        let limit = stack_limit(&limits).unwrap();
        if limit > 32 << 20 {
            return;
        }
        prepare();
        let process = std::process::id();
        let probes = || {
            let before = PROBES.get();
            assert_eq!(end_of_stack(own_end(true) - (64 << 20), &(0..0), process, process), None);
            PROBES.get() - before
        };
        let first = probes();
        assert!((2..=limit / PAGE_BYTES + 2).contains(&first), "{first} probes");
        assert_eq!(probes(), 2, "the page where it stopped, and whether it is denied");
    }

    #[test]
    fn a_threads_own_stack_has_a_known_end_and_a_foreign_stack_does_not() {
        let (tid, process) = (own_id().unwrap(), std::process::id());
        assert_ne!(tid, process, "tests have threads of their own");
        let end = |sp, alternate| end_of_stack(sp, &alternate, tid, process);
        let sp = arch::Registers::here().sp;
        assert_eq!(end(sp, 0..0), Some(arch::thread_pointer()));
        assert_eq!(end(sp, 0..0), Some(arch::thread_pointer()), "from the cache");
        let deeper = std::hint::black_box([0u8; 64 * 1024]);
        assert_eq!(end(deeper.as_ptr() as u64, 0..0), Some(arch::thread_pointer()));
        // Like coroutine stacks: from the heap, and in a mapping anywhere, with and without a guard page.
        let boxed = vec![0u8; 64 * 1024];
        assert_eq!(end(boxed.as_ptr() as u64 + 60 * 1024, 0..0), None);
        let pages = Pages::zeroed(64 * 4096).unwrap();
        assert_eq!(end(pages.as_ptr() as u64 + 60 * 4096, 0..0), None);
        static STATIC: [u8; 4096] = [0; 4096];
        assert_eq!(end(STATIC.as_ptr() as u64 + 4000, 0..0), None);
        let alternate = pages.as_ptr() as u64..pages.as_ptr() as u64 + 4096;
        assert_eq!(end(alternate.start + 100, alternate.clone()), Some(alternate.end));
        assert_eq!(end(alternate.end, alternate.clone()), None, "just past the end");
        assert_eq!(end(u64::MAX, 0..0), None);
        assert_eq!(end(0, 0..0), None);
    }

    #[test]
    fn a_cache_entry_matches_only_its_thread_and_stack() {
        let known = Known::new(4_194_303, 0x7fff_1234_5640, 65_536);
        assert!(known.is_of(4_194_303, 0x7fff_1234_5640));
        assert_eq!(known.pages(), 65_536);
        assert!(!known.is_of(4_194_302, 0x7fff_1234_5640));
        assert!(!known.is_of(4_194_303, 0x7fff_1234_5680));
    }
}
