//! Where the stack ends that a thread runs on: known, or nothing is read of it.
//!
//! * **An alternate stack** has the bounds it was set with; the kernel tells them to the handler (`uc_stack`).
//! * **A thread's own stack** ends at what only that has: the thread's control block, which the C libraries put
//!   above the stack in the same mapping; of the main thread, the strings the kernel put there. Every
//!   page from that end down to the stack pointer must be readable, without a gap. Below every stack the C libraries
//!   make is a guard page, so whatever lies under it is told from it by that gap. (Without one, `guardsize`
//!   0, memory right below a stack is taken for a part of it: it is read page by page all the same.) It is asked
//!   from the end downwards, so that nothing is touched that lies below the stack, and how far that went is kept: of
//!   a coroutine's stack pointer below, the one page that cannot be read is asked about, whatever lies between.
//!   Below the main thread's stack is no such page, but room for it to grow, and the kernel makes it grow, up to the
//!   limit of the moment, when it is asked about a page there. So nothing is asked below the room that is kept for
//!   it ([`LEAST_MAIN_PAGES`] or more), in which other mappings hardly ever lie.
//! * **Anywhere else**, on a coroutine's stack, nothing is known: where it ends some other memory begins, which
//!   may be unmapped at any time.
//!
//! Nothing here says how much room there is *below* a stack pointer. Nobody needs it: see
//! [`super::scratch_stacks`].

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::arch;
use super::memory::PAGE_BYTES;
use crate::procfs;

/// Deeper stacks than this many pages (256 MiB) are not asked about: it would take 6 ms.
const MAX_PAGES: u64 = 1 << 16;

/// A seccomp filter denied the question to some thread. Filters are for life, so is this.
static IS_DENIED: AtomicBool = AtomicBool::new(false);

/// Whether some thread's stack could not be walked because a seccomp filter denies the question.
pub fn is_denied() -> bool {
    IS_DENIED.load(Ordering::Relaxed)
}

/// What was found out about threads, by id: how many pages below its end a stack was seen to be readable. It stays
/// mapped as long as the thread runs, so each page is asked about once. Threads that share an entry ask again.
static KNOWN: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];

/// How many pages the main thread's stack can have. The kernel keeps room for it when the program is executed: as
/// much as the limit is then, for which the first that was seen stands, and [`LEAST_MAIN_PAGES`] at least.
static MAIN_PAGES: AtomicU64 = AtomicU64::new(0);

/// Pages of 100 MiB. From the top of the address space down the kernel keeps 128 MiB for the stack and what lies above
/// it, whatever the limit (`mmap_base` in arch/x86/mm/mmap.c and mm/util.c), and the limit can be raised later.
/// Where addresses are random it can be less, rarely: another mapping may lie there. The questions end before it, at
/// the limit of the moment or at the gap the kernel leaves below a stack that grows (`stack_guard_gap`).
const LEAST_MAIN_PAGES: u64 = (100 << 20) / PAGE_BYTES;

/// Looks at what handlers cannot ask for. In a file: the calls for that are allowed wherever an agent is, and
/// getrlimit(2) may not be.
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

/// The end of the stack that `sp` is on, for the calling thread, whose id is `tid`. For signal handlers.
pub(super) fn end_of_stack(sp: u64, alternate: &Range<u64>, tid: u32, process: u32) -> Option<u64> {
    if alternate.contains(&sp) {
        return Some(alternate.end);
    }
    let is_main = tid == process;
    let end = own_end(is_main);
    let known = &KNOWN[tid as usize % KNOWN.len()];
    let former = Known(known.load(Ordering::Relaxed));
    let wanted = pages(sp, end, is_main)?;
    let asked = if former.is_of(tid, end) { former.pages() } else { 0 };
    if wanted > asked {
        let readable = readable_pages(end, asked, wanted);
        if readable > asked {
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

/// Pages from the one `sp` is in to the one before `end`; `None` when that cannot be a stack.
pub(super) fn pages(sp: u64, end: u64, is_main: bool) -> Option<u64> {
    let last = end.checked_sub(1).filter(|last| *last >= sp)?;
    let pages = last / PAGE_BYTES - sp / PAGE_BYTES + 1;
    let most = if is_main { MAIN_PAGES.load(Ordering::Relaxed).max(LEAST_MAIN_PAGES) } else { MAX_PAGES };
    (pages <= most).then_some(pages)
}

/// How many pages below `end` can be read without a gap, at most `wanted`; of `asked` of them it is known.
#[cold]
pub(super) fn readable_pages(end: u64, asked: u64, wanted: u64) -> u64 {
    let last = (end - 1) / PAGE_BYTES;
    for page in asked..wanted {
        if !is_readable((last - page) * PAGE_BYTES) {
            // This thread runs here: the kernel must say yes.
            if !is_readable(arch::Registers::here().sp) {
                IS_DENIED.store(true, Ordering::Relaxed);
            }
            return page;
        }
    }
    wanted
}

/// The kernel's answer; tests count the questions.
fn is_readable(address: u64) -> bool {
    #[cfg(test)]
    tests::QUESTIONS.with(|questions| questions.set(questions.get() + 1));
    arch::is_readable(address)
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

    use std::cell::Cell;

    use super::*;
    use crate::memory::Pages;
    use crate::procfs::threads::own_id;

    thread_local! {
        pub(super) static QUESTIONS: Cell<u64> = const { Cell::new(0) };
    }

    /// What lies between a coroutine's stack and the thread's own is not touched: the guard page of the thread's
    /// own stack, which is found once, ends the questions.
    #[test]
    fn nothing_below_a_threads_own_stack_is_asked_about() {
        let ask = || {
            let (tid, process) = (own_id().unwrap(), std::process::id());
            let own = arch::thread_pointer();
            let pages = Pages::zeroed(20_000 * 4096).unwrap();
            // The kernel maps it below, as a rule.
            let sp = Some(pages.as_ptr() as u64 + 4000);
            let sp = sp.filter(|sp| *sp < own && own - sp < MAX_PAGES * PAGE_BYTES);
            let questions = || {
                let before = QUESTIONS.get();
                assert_eq!(end_of_stack(sp.unwrap_or(own - (200 << 20)), &(0..0), tid, process), None);
                QUESTIONS.get() - before
            };
            let first = questions();
            // The C library may take a larger stack that it kept.
            assert!((2..5000).contains(&first), "{first} questions for a stack of 256 pages");
            assert_eq!((questions(), questions()), (2, 2), "where it was left, and whether it is denied");
            // What is the thread's own is known all the same.
            assert_eq!(end_of_stack(arch::Registers::here().sp, &(0..0), tid, process), Some(own));
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(ask).unwrap().join().unwrap();
    }

    #[test]
    fn the_limit_is_read() {
        let line = |soft: &str| {
            format!("Max cpu time  1 2 seconds\nMax stack size            {soft}     unlimited    bytes\n")
        };
        assert_eq!(stack_limit(&line("8388608")), Some(8 << 20));
        assert_eq!(stack_limit(&line("unlimited")), Some(u64::MAX));
        assert_eq!((stack_limit(&line("?")), stack_limit("")), (None, None));
        assert!(stack_limit(&procfs::read("/proc/self/limits", procfs::SMALL_FILE_BYTES).unwrap()).is_some());
    }

    #[test]
    fn far_below_the_main_threads_stack_nothing_is_asked() {
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

    /// The limit of the moment ends the questions, whatever lies below.
    #[test]
    fn below_the_main_threads_stack_the_first_gap_ends_the_questions() {
        let limits = procfs::read("/proc/self/limits", procfs::SMALL_FILE_BYTES).unwrap();
        let limit = stack_limit(&limits).unwrap();
        if limit > 32 << 20 {
            return;
        }
        prepare();
        let process = std::process::id();
        let questions = || {
            let before = QUESTIONS.get();
            assert_eq!(end_of_stack(own_end(true) - (64 << 20), &(0..0), process, process), None);
            QUESTIONS.get() - before
        };
        let first = questions();
        assert!((2..=limit / PAGE_BYTES + 2).contains(&first), "{first} questions");
        assert_eq!(questions(), 2, "where it was left, and whether it is denied");
    }

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
