//! The handler, from the first instruction to whom a signal that is not ours is passed on to.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use super::disposition::{bit, default_disposition, mask_of, set_of};
use super::entry::entry;
use crate::session;
use crate::signal_info::{Info, Interrupted};
use crate::signal_number::Number;

entry!();

/// What to do with a signal that is not ours: call this with that mask. Nothing at all when `handler` is 0.
#[repr(C)]
struct Next {
    handler: usize,
    mask: u64,
}

impl Next {
    const NOBODY: Next = Next { handler: 0, mask: 0 };
}

/// What `handler` calls on a stack of ours, with all signals blocked.
extern "C" fn on_own_stack(info: *const libc::siginfo_t, context: *mut libc::c_void, entry: usize) -> Next {
    // SAFETY: errno's address is valid in every thread and needs no initialisation.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes a `siginfo_t`, of which `Info` is the start on 64-bit Linux.
    let info = unsafe { &*info.cast::<Info>() };
    // SAFETY: this is an SA_SIGINFO handler and `context` its third argument.
    let is_ours = session::handle(info.tick(), || unsafe { Interrupted::of_context(context) });
    let next = match is_ours {
        true => Next::NOBODY,
        false => ENTRIES[entry % ENTRIES.len()].next(info.signal, context),
    };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    next
}

/// Added to the number of an entry by `handler` where it is known that the kernel called it.
const OF_KERNEL: usize = ENTRIES.len();

/// What `handler` does where it cannot go to a stack of ours: it captures nothing, and passes on. Another
/// handler that called it as a function keeps the mask it has.
extern "C" fn on_this_stack(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    entry: usize,
) {
    // SAFETY: as in `on_own_stack`.
    let tick = unsafe { (*info.cast::<Info>()).tick() };
    if session::lose(tick) {
        return;
    }
    let former = &ENTRIES[entry % ENTRIES.len()];
    let next = match entry >= OF_KERNEL {
        true => former.next(signal, context),
        false => Next { handler: former.handler_before(), mask: 0 },
    };
    if next.handler != 0 {
        if entry >= OF_KERNEL {
            // Returning from the handler that the kernel called restores the mask of the interrupted code.
            crate::arch::set_signal_mask(next.mask);
        }
        // SAFETY: sigaction(2) had it registered as a handler. A plain one does not look at the other arguments,
        // which are in registers.
        let handler: Handler = unsafe { std::mem::transmute(next.handler) };
        handler(signal, info, context);
    }
}

pub(super) type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// One of our handlers and the disposition it was installed over, written before it is installed.
pub(super) struct Entry {
    pub(super) handler: Handler,
    /// The signal it was last installed for; another agent of this process may have used another.
    pub(super) number: AtomicI32,
    pub(super) former: AtomicUsize,
    former_flags: AtomicI32,
    former_mask: AtomicU64,
    /// Another handler was installed over it, and may call it at any time.
    pub(super) is_buried: AtomicBool,
}

/// So many times others may install a handler over ours while we run; then we refuse.
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
            is_buried: AtomicBool::new(false),
        }
    }

    pub(super) fn is(&self, disposition: &libc::sigaction) -> bool {
        disposition.sa_sigaction == self.handler as usize
    }

    pub(super) fn remember(&self, number: Number, former: &libc::sigaction) {
        self.number.store(number.get(), Ordering::SeqCst);
        self.former.store(former.sa_sigaction, Ordering::SeqCst);
        self.former_flags.store(former.sa_flags, Ordering::SeqCst);
        self.former_mask.store(mask_of(&former.sa_mask), Ordering::SeqCst);
    }

    pub(super) fn remembered(&self) -> libc::sigaction {
        let mut former = default_disposition();
        former.sa_sigaction = self.former.load(Ordering::SeqCst);
        former.sa_flags = self.former_flags.load(Ordering::SeqCst);
        former.sa_mask = set_of(self.former_mask.load(Ordering::SeqCst));
        former
    }

    /// The handler that was there before ours; 0 for a default or ignored disposition. Never itself.
    pub(super) fn handler_before(&self) -> usize {
        let former = self.former.load(Ordering::SeqCst);
        let is_nobody = [libc::SIG_DFL, libc::SIG_IGN, self.handler as usize].contains(&former);
        if is_nobody { 0 } else { former }
    }

    /// The one to be installed over `current`, which is none of ours for this signal. The program may know ours: it
    /// asked for the disposition during a capture, or has ours for another signal. A handler of its own may call one
    /// of those: so the one that was over the same handler before comes first, then one that was never installed.
    pub(super) fn free_for(current: &libc::sigaction) -> Option<&'static Entry> {
        let free = || {
            let is_free =
                |entry: &&Entry| !entry.is_buried.load(Ordering::SeqCst) && !entry.is_reached_from(current);
            ENTRIES.iter().filter(is_free)
        };
        let is_over_it = |entry: &&Entry| {
            entry.was_installed() && entry.former.load(Ordering::SeqCst) == current.sa_sigaction
        };
        let former = free().find(is_over_it);
        former.or_else(|| free().find(|entry| !entry.was_installed())).or_else(|| free().next())
    }

    /// Whether the program can know it.
    pub(super) fn was_installed(&self) -> bool {
        self.number.load(Ordering::SeqCst) != 0
    }

    /// Whether a signal for `disposition` comes to this entry, directly or passed on by others. If it remembered
    /// that, the signal would be passed on for ever.
    fn is_reached_from(&self, disposition: &libc::sigaction) -> bool {
        let mut handler = disposition.sa_sigaction;
        // As many as there are, were they in a ring.
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

    /// The handler that was there before ours, and the signal mask it asked for; nobody for a default or
    /// ignored disposition.
    fn next(&self, signal: i32, context: *mut libc::c_void) -> Next {
        let former = self.handler_before();
        if former == 0 {
            return Next::NOBODY;
        }
        let flags = self.former_flags.load(Ordering::SeqCst);
        let own = if flags & libc::SA_NODEFER != 0 { 0 } else { bit(signal) };
        // SAFETY: `context` is the `ucontext_t` the kernel passed to the handler; of its mask the
        // kernel fills the first 64 bits, which are read here.
        let interrupted = unsafe { mask_of(&(*context.cast::<libc::ucontext_t>()).uc_sigmask) };
        Next { handler: former, mask: interrupted | own | self.former_mask.load(Ordering::SeqCst) }
    }
}
