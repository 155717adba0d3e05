//! The signal handler: captures for our own signals, and passes all others on to the former handler.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use super::disposition::{bit, default_disposition, mask_of, set_of};
use super::entry::entry;
use crate::session;
use crate::signal_info::{Info, Interrupted};
use crate::signal_number::Number;

entry!();

/// The handler to call next, and the signal mask to call it with. With a `handler` of 0, none is called.
#[repr(C)]
struct Next {
    handler: usize,
    mask: u64,
}

impl Next {
    const NONE: Next = Next { handler: 0, mask: 0 };
}

/// Called by `handler` on a scratch stack, with all signals blocked.
extern "C" fn on_own_stack(info: *const libc::siginfo_t, context: *mut libc::c_void, entry: usize) -> Next {
    // SAFETY: __errno_location returns a valid pointer in every thread, without initialisation.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes a valid `siginfo_t`; `Info` is its prefix on 64-bit Linux.
    let info = unsafe { &*info.cast::<Info>() };
    // SAFETY: this runs in an SA_SIGINFO handler, and `context` is its third argument.
    let is_ours = session::handle(info.tick(), || unsafe { Interrupted::of_context(context) });
    let next = match is_ours {
        true => Next::NONE,
        false => ENTRIES[entry % ENTRIES.len()].next(info.signal, context),
    };
    // SAFETY: as for the load above.
    unsafe { *libc::__errno_location() = errno };
    next
}

/// Added to the index of an entry by `handler` when it is known that the kernel called it.
const OF_KERNEL: usize = ENTRIES.len();

/// Called by `handler` when it cannot switch to a scratch stack: captures nothing, and only passes the signal on.
/// When another handler called ours as a function, its signal mask stays.
extern "C" fn on_this_stack(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    entry: usize,
) {
    // SAFETY: `info` is the handler's second argument: a valid `siginfo_t`; `Info` is its prefix.
    let tick = unsafe { (*info.cast::<Info>()).tick() };
    if session::count_lost(tick) {
        return;
    }
    let former = &ENTRIES[entry % ENTRIES.len()];
    let next = match entry >= OF_KERNEL {
        true => former.next(signal, context),
        false => Next { handler: former.handler_before(), mask: 0 },
    };
    if next.handler != 0 {
        if entry >= OF_KERNEL {
            // Returning from the handler that the kernel called restores the interrupted code's mask.
            crate::arch::set_signal_mask(next.mask);
        }
        // SAFETY: `next.handler` was registered with sigaction(2) as a handler. One without SA_SIGINFO ignores the
        // other arguments, which are passed in registers.
        let handler: Handler = unsafe { std::mem::transmute(next.handler) };
        handler(signal, info, context);
    }
}

pub(super) type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// One of our handlers and the disposition it was installed over, written before it is installed.
pub(super) struct Entry {
    pub(super) handler: Handler,
    /// The signal it was last installed for. A later agent in this process may use another signal.
    pub(super) number: AtomicI32,
    pub(super) former: AtomicUsize,
    former_flags: AtomicI32,
    former_mask: AtomicU64,
    /// Another handler was installed over this one, and may call it at any time.
    pub(super) is_overridden: AtomicBool,
}

/// Limits how often other handlers may be installed over ours while the program runs; beyond that we refuse.
pub(super) static ENTRIES: [Entry; 8] = [
    Entry::new(handler::<0>),
    Entry::new(handler::<1>),
    Entry::new(handler::<2>),
    Entry::new(handler::<3>),
    Entry::new(handler::<4>),
    Entry::new(handler::<5>),
    Entry::new(handler::<6>),
    Entry::new(handler::<7>),
];

impl Entry {
    pub(super) const fn new(handler: Handler) -> Entry {
        Entry {
            handler,
            number: AtomicI32::new(0),
            former: AtomicUsize::new(libc::SIG_DFL),
            former_flags: AtomicI32::new(0),
            former_mask: AtomicU64::new(0),
            is_overridden: AtomicBool::new(false),
        }
    }

    pub(super) fn is(&self, disposition: &libc::sigaction) -> bool {
        disposition.sa_sigaction == self.handler as usize
    }

    pub(super) fn save_former(&self, number: Number, former: &libc::sigaction) {
        self.number.store(number.get(), Ordering::SeqCst);
        self.former.store(former.sa_sigaction, Ordering::SeqCst);
        self.former_flags.store(former.sa_flags, Ordering::SeqCst);
        self.former_mask.store(mask_of(&former.sa_mask), Ordering::SeqCst);
    }

    pub(super) fn saved_former(&self) -> libc::sigaction {
        let mut former = default_disposition();
        former.sa_sigaction = self.former.load(Ordering::SeqCst);
        former.sa_flags = self.former_flags.load(Ordering::SeqCst);
        former.sa_mask = set_of(self.former_mask.load(Ordering::SeqCst));
        former
    }

    /// The former handler; 0 for a default or ignored disposition. Never this entry itself.
    pub(super) fn handler_before(&self) -> usize {
        let former = self.former.load(Ordering::SeqCst);
        let has_none = [libc::SIG_DFL, libc::SIG_IGN, self.handler as usize].contains(&former);
        if has_none { 0 } else { former }
    }

    /// The entry to install over `current`, which is not one of our handlers for this signal. The program may know
    /// some of our handlers: it may have read the disposition during a capture, or use one for another signal. Its own
    /// handler may call them. So the entry that was over the same handler before is preferred, then an unused one.
    pub(super) fn free_for(current: &libc::sigaction) -> Option<&'static Entry> {
        let free = || {
            let is_free = |entry: &&Entry| {
                !entry.is_overridden.load(Ordering::SeqCst) && !entry.is_reached_from(current)
            };
            ENTRIES.iter().filter(is_free)
        };
        let is_over_it = |entry: &&Entry| {
            entry.was_installed() && entry.former.load(Ordering::SeqCst) == current.sa_sigaction
        };
        let former = free().find(is_over_it);
        former.or_else(|| free().find(|entry| !entry.was_installed())).or_else(|| free().next())
    }

    /// Whether it was ever installed, so that the program can know it.
    pub(super) fn was_installed(&self) -> bool {
        self.number.load(Ordering::SeqCst) != 0
    }

    /// Whether a signal for `disposition` reaches this entry, directly or through other entries. If this entry passed
    /// signals on to such a disposition, they would be passed on forever.
    fn is_reached_from(&self, disposition: &libc::sigaction) -> bool {
        let mut handler = disposition.sa_sigaction;
        // The number of entries bounds the search, also in a cycle.
        for _ in &ENTRIES {
            if handler == self.handler as usize {
                return true;
            }
            let Some(entry) = ENTRIES.iter().find(|entry| entry.handler as usize == handler) else {
                return false;
            };
            handler = entry.former.load(Ordering::SeqCst);
        }
        true
    }

    /// The former handler and the signal mask for it; none for a default or ignored
    /// disposition.
    fn next(&self, signal: i32, context: *mut libc::c_void) -> Next {
        let former = self.handler_before();
        if former == 0 {
            return Next::NONE;
        }
        let flags = self.former_flags.load(Ordering::SeqCst);
        let own = if flags & libc::SA_NODEFER != 0 { 0 } else { bit(signal) };
        // SAFETY: `context` is the `ucontext_t` that the kernel passed to the handler. The kernel fills the first
        // 64 bits of its mask, and only those are read.
        let interrupted = unsafe { mask_of(&(*context.cast::<libc::ucontext_t>()).uc_sigmask) };
        Next { handler: former, mask: interrupted | own | self.former_mask.load(Ordering::SeqCst) }
    }
}
