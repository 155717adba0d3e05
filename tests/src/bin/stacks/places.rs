//! Memory for stacks, with a canary directly below and no guard page.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Size of the canary below each stack.
const CANARY_BYTES: usize = 48 * 1024;
const LARGEST: usize = 64 * 1024;
const PAINT: u8 = 0xc3;

/// Where the memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Malloc,
    Static,
    Mmap,
}

pub(super) const SOURCES: [Source; 3] = [Source::Malloc, Source::Static, Source::Mmap];

const AREAS: usize = 64;

#[repr(align(4096))]
struct Areas(UnsafeCell<[[u8; CANARY_BYTES + LARGEST]; AREAS]>);

// SAFETY: `GIVEN` makes sure that each area belongs to one `Place` only.
unsafe impl Sync for Areas {}

static STATIC: Areas = Areas(UnsafeCell::new([[0; CANARY_BYTES + LARGEST]; AREAS]));
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// A stack and the canary below it; both live for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    canary: *mut u8,
    bytes: usize,
}

// SAFETY: only one thread at a time uses the memory.
unsafe impl Send for Place {}

impl Place {
    pub(super) fn new(source: Source, bytes: usize) -> Place {
        let all = CANARY_BYTES + bytes;
        // SAFETY: each source returns new memory of this size, which is not shared and never freed.
        let start: *mut u8 = unsafe {
            match source {
                Source::Malloc => libc::malloc(all).cast(),
                Source::Static => {
                    let at = GIVEN.fetch_add(1, Ordering::Relaxed);
                    assert!(at < AREAS);
                    STATIC.0.get().cast::<u8>().add(at * (CANARY_BYTES + LARGEST))
                }
                Source::Mmap => {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                    let access = libc::PROT_READ | libc::PROT_WRITE;
                    let place = libc::mmap(std::ptr::null_mut(), all, access, flags, -1, 0);
                    assert_ne!(place, libc::MAP_FAILED);
                    place.cast()
                }
            }
        };
        assert!(!start.is_null() && start.addr().is_multiple_of(16));
        let place = Place { canary: start, bytes };
        place.paint();
        place
    }

    fn paint(&self) {
        // SAFETY: the canary belongs to this `Place`.
        unsafe { self.canary.write_bytes(PAINT, CANARY_BYTES) };
    }

    /// The lowest byte of the stack.
    pub(super) fn low(&self) -> *mut u8 {
        // SAFETY: the stack follows the canary in the same allocation.
        unsafe { self.canary.add(CANARY_BYTES) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The end of the stack, aligned as the ABI requires.
    pub(super) fn top(&self) -> *mut u8 {
        // SAFETY: the end of the allocation, which is in bounds. All sizes are multiples of 16.
        unsafe { self.low().add(self.bytes) }
    }

    /// Number of canary bytes that changed since the last call.
    pub(super) fn changed(&self) -> u64 {
        // SAFETY: the canary belongs to this `Place` and `at` is inside it. The read is volatile because the compiler
        // does not see the writes of handlers.
        let is_changed = |at: &usize| unsafe { self.canary.add(*at).read_volatile() } != PAINT;
        let changed = (0..CANARY_BYTES).filter(is_changed).count() as u64;
        if changed > 0 {
            self.paint();
        }
        changed
    }
}
