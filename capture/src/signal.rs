//! The capture signal: its handler while an operation runs, whose it was before, and how it is given
//! back. SIGPROF, or what `Options::signal` says.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use super::arch::Registers;
use super::number::{self, Number};
use super::{EngineError, session};

/// The start of `siginfo_t` for SI_TIMER on 64-bit Linux (sigaction(2)).
#[repr(C)]
struct Info {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    /// The kernel's number of it, from 0; [`NO_TIMER`] in ours that come from no timer.
    timer: i32,
    /// Ticks of the timer that were not signalled one by one.
    overrun: i32,
    value: u64,
}

/// What a dump's signal has for a timer.
const NO_TIMER: i32 = -1;

impl Info {
    /// Of a timer, or of a dump.
    fn tick(&self) -> Option<Tick> {
        let weight = 1 + self.overrun.max(0) as u32;
        (self.code == libc::SI_TIMER).then_some(Tick { value: self.value, weight, timer: self.timer })
    }
}

/// What a signal of ours is sent with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) number: Number,
    /// The operation's magic, and the thread it is for.
    pub(super) value: u64,
}

/// A signal that may be ours: from a timer, or queued by a dump.
#[derive(Clone, Copy)]
pub(super) struct Tick {
    value: u64,
    /// 1 and the overruns; of a dump's signal 1.
    pub(super) weight: u32,
    timer: i32,
}

impl Tick {
    pub(super) fn magic(self) -> u32 {
        (self.value >> 32) as u32
    }

    pub(super) fn tid(self) -> u32 {
        self.value as u32
    }

    /// The timer it came from.
    pub(super) fn timer(self) -> Option<i32> {
        (self.timer != NO_TIMER).then_some(self.timer)
    }
}

/// What to do with a signal that is not ours: call this with that mask. Nothing at all when `handler` is 0.
#[repr(C)]
pub(super) struct Next {
    handler: usize,
    mask: u64,
}

impl Next {
    const NOBODY: Next = Next { handler: 0, mask: 0 };
}

/// What `arch::handler` calls on a stack of ours, with all signals blocked.
pub(super) extern "C" fn on_own_stack(
    info: *const libc::siginfo_t,
    context: *mut libc::c_void,
    entry: usize,
) -> Next {
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

/// Added to the number of an entry by `arch::handler` where it is known that the kernel called it.
pub(super) const OF_KERNEL: usize = ENTRIES.len();

/// What `arch::handler` does where it cannot go to a stack of ours: it captures nothing, and passes on. Another
/// handler that called it as a function keeps the mask it has.
pub(super) extern "C" fn on_this_stack(
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
            super::arch::set_signal_mask(next.mask);
        }
        // SAFETY: sigaction(2) had it registered as a handler. A plain one does not look at the other arguments,
        // which are in registers.
        let handler: Handler = unsafe { std::mem::transmute(next.handler) };
        handler(signal, info, context);
    }
}

/// Where a thread was interrupted, and its alternate stack.
pub(super) struct Interrupted {
    pub(super) registers: Registers,
    /// Empty when it has none.
    pub(super) alternate: std::ops::Range<u64>,
}

impl Interrupted {
    /// # Safety
    /// `context` must be the pointer the kernel gave to an `SA_SIGINFO` handler, which still runs.
    unsafe fn of_context(context: *mut libc::c_void) -> Interrupted {
        // SAFETY: as the caller promises.
        let registers = unsafe { Registers::of_context(context) };
        // SAFETY: sigaction(2): the third argument points to a `ucontext_t`, valid while the handler runs.
        let stack = unsafe { (*context.cast::<libc::ucontext_t>()).uc_stack };
        let low = stack.ss_sp.addr() as u64;
        // Without one the size is 0 (kernel/signal.c, __save_altstack).
        Interrupted { registers, alternate: low..low.saturating_add(stack.ss_size as u64) }
    }
}

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// One of our handlers and the disposition it was installed over, written before it is installed.
struct Entry {
    handler: Handler,
    /// The signal it was last installed for; another agent of this process may have used another.
    number: AtomicI32,
    former: AtomicUsize,
    former_flags: AtomicI32,
    former_mask: AtomicU64,
    /// Another handler was installed over it, and may call it at any time.
    is_buried: AtomicBool,
}

/// So many times others may install a handler over ours while we run; then we refuse.
static ENTRIES: [Entry; 8] = [
    Entry::new(super::arch::handler::<0>),
    Entry::new(super::arch::handler::<1>),
    Entry::new(super::arch::handler::<2>),
    Entry::new(super::arch::handler::<3>),
    Entry::new(super::arch::handler::<4>),
    Entry::new(super::arch::handler::<5>),
    Entry::new(super::arch::handler::<6>),
    Entry::new(super::arch::handler::<7>),
];

impl Entry {
    const fn new(handler: Handler) -> Entry {
        Entry {
            handler,
            number: AtomicI32::new(0),
            former: AtomicUsize::new(libc::SIG_DFL),
            former_flags: AtomicI32::new(0),
            former_mask: AtomicU64::new(0),
            is_buried: AtomicBool::new(false),
        }
    }

    fn is(&self, disposition: &libc::sigaction) -> bool {
        disposition.sa_sigaction == self.handler as usize
    }

    fn remember(&self, number: Number, former: &libc::sigaction) {
        self.number.store(number.get(), Ordering::SeqCst);
        self.former.store(former.sa_sigaction, Ordering::SeqCst);
        self.former_flags.store(former.sa_flags, Ordering::SeqCst);
        self.former_mask.store(mask_of(&former.sa_mask), Ordering::SeqCst);
    }

    fn remembered(&self) -> libc::sigaction {
        let mut former = default_disposition();
        former.sa_sigaction = self.former.load(Ordering::SeqCst);
        former.sa_flags = self.former_flags.load(Ordering::SeqCst);
        former.sa_mask = set_of(self.former_mask.load(Ordering::SeqCst));
        former
    }

    /// The handler that was there before ours; 0 for a default or ignored disposition. Never itself.
    fn handler_before(&self) -> usize {
        let former = self.former.load(Ordering::SeqCst);
        let is_nobody = [libc::SIG_DFL, libc::SIG_IGN, self.handler as usize].contains(&former);
        if is_nobody { 0 } else { former }
    }

    /// The one to be installed over `current`, which is none of ours for this signal. The program may know ours: it
    /// asked for the disposition during a capture, or has ours for another signal. A handler of its own may call one
    /// of those: so the one that was over the same handler before comes first, then one that was never installed.
    fn free_for(current: &libc::sigaction) -> Option<&'static Entry> {
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
    fn was_installed(&self) -> bool {
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

/// Whether the handler that is installed is called on a thread's alternate stack, if it has one.
static USES_ALTERNATE_STACKS: AtomicBool = AtomicBool::new(false);

/// Whether the kernel's frame of our signals goes to a thread's alternate stack, if it has one.
pub(super) fn uses_alternate_stacks() -> bool {
    USES_ALTERNATE_STACKS.load(Ordering::SeqCst)
}

/// Our handler is installed; `former` is what to put back.
pub(super) struct Installed {
    number: Number,
    former: libc::sigaction,
    entry: &'static Entry,
}

impl Installed {
    pub(super) fn install(number: Number) -> Result<Installed, EngineError> {
        for _ in 0..ATTEMPTS {
            let current = exchange(number, None).map_err(EngineError::Handler)?;
            if let Some(installed) = Installed::install_over(number, &current)? {
                return Ok(installed);
            }
        }
        Err(EngineError::Handler(io::Error::other("others install handlers all the time")))
    }

    /// Installs ours if `current` is still there; `None` when something else is, which then stays.
    fn install_over(number: Number, current: &libc::sigaction) -> Result<Option<Installed>, EngineError> {
        let is_there =
            |entry: &&Entry| entry.is(current) && entry.number.load(Ordering::SeqCst) == number.get();
        let left_behind = ENTRIES.iter().find(is_there);
        let (entry, former, may_be_known) = match left_behind {
            // Left behind under a foreign handler that has gone since.
            Some(entry) => (entry, entry.remembered(), true),
            None => {
                let entry = Entry::free_for(current).ok_or_else(|| {
                    EngineError::Handler(io::Error::other("others were installed over it too often"))
                })?;
                let may_be_known = entry.was_installed();
                entry.remember(number, current);
                (entry, *current, may_be_known)
            }
        };
        let mut ours = default_disposition();
        ours.sa_sigaction = entry.handler as usize;
        // SA_RESTART: as transparent as a signal can be. SA_ONSTACK: a coroutine's stack may have no room
        // for the frame the kernel itself writes (3.3 KiB with AVX-512). A thread that has an alternate
        // stack, as all of std's have, gets it there, where the kernel knows the bounds; ours adds nothing.
        // But where the program has a handler of its own without that flag: it is called from ours, may need
        // all the room of a thread's stack, and std's alternate one has 8 KiB. Its signals put frames on every
        // stack anyway.
        let has_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&former.sa_sigaction);
        let on_stack = if has_handler { former.sa_flags & libc::SA_ONSTACK } else { libc::SA_ONSTACK };
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | on_stack;
        USES_ALTERNATE_STACKS.store(on_stack != 0, Ordering::SeqCst);
        // Nothing may run on top of ours: it needs stack, of which ours has little (`own_stacks`), and may
        // leave by longjmp and never return.
        // Signals of the instruction itself stay: blocked, they would end the program.
        ours.sa_mask = set_of(number::ALL_BUT_SYNCHRONOUS);
        let replaced = exchange(number, Some(&ours)).map_err(EngineError::Handler)?;
        if is_same(&replaced, current) {
            return Ok(Some(Installed { number, former, entry }));
        }
        // The program installed this since it was asked for. It may be ours again, or call ours, if that was there
        // before: then ours must never pass on to it.
        match left_behind {
            Some(_) => entry.is_buried.store(true, Ordering::SeqCst),
            None if may_be_known => {}
            None => entry.remember(number, &replaced),
        }
        if put_back(number, &ours, replaced) {
            // Over ours, which it may call.
            entry.is_buried.store(true, Ordering::SeqCst);
        }
        Ok(None)
    }

    /// Whether ours is the handler the signal goes to now.
    pub(super) fn is_current(&self) -> bool {
        exchange(self.number, None).is_ok_and(|current| self.entry.is(&current))
    }

    /// Puts the former disposition back. `false` when a handler was installed over ours meanwhile:
    /// it stays, and may go on calling ours, which then only passes on.
    pub(super) fn give_back(self) -> bool {
        if !self.is_current() {
            self.entry.is_buried.store(true, Ordering::SeqCst);
            return false;
        }
        // Setting SIG_IGN discards all of it that is pending, in every thread (POSIX.1-2017,
        // 2.4.3). Without it a late one of ours could meet SIG_DFL and end the program.
        let mut ignore = default_disposition();
        ignore.sa_sigaction = libc::SIG_IGN;
        // Neither call fails with a valid signal and valid pointers.
        match exchange(self.number, Some(&ignore)) {
            // Installed over ours since we looked.
            Ok(theirs) if !self.entry.is(&theirs) => {
                self.entry.is_buried.store(true, Ordering::SeqCst);
                put_back(self.number, &ignore, theirs);
                false
            }
            _ => {
                self.entry.is_buried.store(false, Ordering::SeqCst);
                put_back(self.number, &ignore, self.former);
                true
            }
        }
    }
}

/// So often it is looked whether the program installs something at the same time.
const ATTEMPTS: u32 = 100;

/// Installs `back` in the place of `placed`, which we installed. When the program replaced that meanwhile, its own
/// stays: then this is `true`.
fn put_back(number: Number, placed: &libc::sigaction, back: libc::sigaction) -> bool {
    let (mut placed, mut next) = (*placed, back);
    for attempt in 0..ATTEMPTS {
        match exchange(number, Some(&next)) {
            // What is there is the program's, and was taken away for a moment.
            Ok(theirs) if theirs.sa_sigaction != placed.sa_sigaction => {
                (placed, next) = (next, theirs);
            }
            _ => return attempt > 0,
        }
    }
    true
}

/// Whether two dispositions are the same, but for what the C library and the kernel change in them.
fn is_same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    /// The C library's, for its own use (arch/x86/include/uapi/asm/signal.h).
    const SA_RESTORER: i32 = 0x0400_0000;
    let never = bit(libc::SIGKILL) | bit(libc::SIGSTOP);
    let parts = |disposition: &libc::sigaction| {
        let mask = mask_of(&disposition.sa_mask) & !never;
        (disposition.sa_sigaction, disposition.sa_flags & !SA_RESTORER, mask)
    };
    parts(one) == parts(other)
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The kernel's 64 signals, the first 8 bytes of a `sigset_t` (sigaction(2), "C library/kernel
/// differences").
fn mask_of(set: &libc::sigset_t) -> u64 {
    // SAFETY: a `sigset_t` has at least 8 bytes and their alignment, on glibc and on musl.
    unsafe { std::ptr::from_ref(set).cast::<u64>().read() }
}

fn set_of(mask: u64) -> libc::sigset_t {
    let mut set = default_disposition().sa_mask;
    // SAFETY: as in `mask_of`.
    unsafe { (&raw mut set).cast::<u64>().write(mask) };
    set
}

fn default_disposition() -> libc::sigaction {
    // SAFETY: `sigaction` is plain data (a nullable function pointer as usize), valid when zeroed.
    unsafe { std::mem::zeroed() }
}

/// sigaction(2): sets `new` if given, returns what was there.
fn exchange(number: Number, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = default_disposition();
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `new` is null or a valid disposition, `old` is ours to be written to.
    match unsafe { libc::sigaction(number.get(), new, &mut old) } {
        0 => Ok(old),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Queues our signal for one thread (rt_tgsigqueueinfo(2)); an error when it has ended.
///
/// It pretends to be a timer's, because of execve(2): a signal that is pending in the thread that
/// makes the call is still pending in the new image, which has no handler, and SIGPROF would end it.
/// A timer's is discarded there (kernel/signal.c, flush_itimer_signals).
pub(super) fn send(tid: u32, mark: Mark) -> io::Result<()> {
    let process = std::process::id();
    let info = Info {
        signal: mark.number.get(),
        errno: 0,
        code: libc::SI_TIMER,
        padding: 0,
        timer: NO_TIMER,
        overrun: 0,
        value: mark.value,
    };
    // SAFETY: `siginfo_t` is plain data, valid when zeroed, and longer than `Info`.
    let mut full: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `Info` is the start of `siginfo_t` (above), which has room and alignment for it; the
    // system call reads it.
    let sent = unsafe {
        (&raw mut full).cast::<Info>().write(info);
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, tid, mark.number.get(), &raw const full)
    };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::testing::alone;

    extern "C" fn first(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

    /// The mask it was called with.
    static MASK: AtomicU64 = AtomicU64::new(0);

    extern "C" fn second(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        MASK.store(super::super::arch::block_signals(0).unwrap_or(0), Ordering::SeqCst);
    }

    /// Calls what was there before it, as its programmer would.
    extern "C" fn third(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the test stores our handler there.
        let before: Handler = unsafe { std::mem::transmute(BEFORE_THIRD.load(Ordering::SeqCst)) };
        before(signal, info, context);
    }

    static BEFORE_THIRD: AtomicUsize = AtomicUsize::new(0);

    fn disposition(handler: Handler) -> libc::sigaction {
        let mut disposition = default_disposition();
        disposition.sa_sigaction = handler as usize;
        disposition.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        disposition
    }

    fn is_there(number: Number, handler: Handler) -> bool {
        exchange(number, None).unwrap().sa_sigaction == handler as usize
    }

    #[test]
    fn a_handler_installed_while_ours_was_being_installed_is_not_lost() {
        let _alone = alone();
        let number = Number::new(libc::SIGRTMIN() + 7).unwrap();
        exchange(number, Some(&disposition(first))).unwrap();
        let asked = exchange(number, None).unwrap();
        exchange(number, Some(&disposition(second))).unwrap();
        assert!(Installed::install_over(number, &asked).unwrap().is_none());
        assert!(is_there(number, second));
        let installed = Installed::install(number).unwrap();
        assert!(installed.is_current());
        // SAFETY: ours is installed, and passes on to `second`.
        unsafe { libc::raise(number.get()) };
        assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "it is called");
        assert!(installed.give_back());
        assert!(is_there(number, second));
    }

    /// As if those that no foreign handler may call now had never been installed, whatever other tests did.
    fn forget_former_captures() {
        for entry in ENTRIES.iter().filter(|entry| !entry.is_buried.load(Ordering::SeqCst)) {
            entry.number.store(0, Ordering::SeqCst);
        }
    }

    /// How many of our handlers are passed through from a disposition until one that is not ours comes.
    fn passed_through(disposition: &libc::sigaction) -> usize {
        let mut handler = disposition.sa_sigaction;
        let mut passed = 0;
        while let Some(entry) = ENTRIES.iter().find(|entry| entry.handler as usize == handler) {
            handler = entry.former.load(Ordering::SeqCst);
            passed += 1;
            assert!(passed <= ENTRIES.len(), "for ever");
        }
        passed
    }

    /// The program asks for its disposition during a capture, finds ours, and sets that again later.
    #[test]
    fn ours_set_by_the_program_while_ours_was_being_installed_passes_on_to_the_former() {
        let _alone = alone();
        let number = Number::new(libc::SIGRTMIN() + 10).unwrap();
        exchange(number, Some(&disposition(second))).unwrap();
        let installed = Installed::install(number).unwrap();
        let ours = exchange(number, None).unwrap();
        assert!(installed.give_back());
        let asked = exchange(number, None).unwrap();
        exchange(number, Some(&ours)).unwrap();
        assert!(Installed::install_over(number, &asked).unwrap().is_none());
        assert_eq!(passed_through(&exchange(number, None).unwrap()), 1);
        let installed = Installed::install(number).unwrap();
        assert_eq!(passed_through(&exchange(number, None).unwrap()), 1);
        MASK.store(0, Ordering::SeqCst);
        // SAFETY: ours is installed, and passes on to `second`.
        unsafe { libc::raise(number.get()) };
        assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "it is called");
        assert!(installed.give_back());
        assert!(is_there(number, second));
    }

    /// The program sets what it found of one signal for another, to and fro.
    #[test]
    fn ours_set_for_another_signal_makes_no_ring() {
        let _alone = alone();
        let numbers = [11, 12].map(|above| Number::new(libc::SIGRTMIN() + above).unwrap());
        exchange(numbers[0], Some(&disposition(second))).unwrap();
        for at in 0..4 {
            let (number, other) = (numbers[at % 2], numbers[(at + 1) % 2]);
            let installed = Installed::install(number).unwrap();
            let ours = exchange(number, None).unwrap();
            assert!(passed_through(&ours) > 0);
            assert!(installed.give_back());
            exchange(other, Some(&ours)).unwrap();
        }
        MASK.store(0, Ordering::SeqCst);
        // SAFETY: one of ours is installed, which passes on, to `second` in the end.
        unsafe { libc::raise(numbers[0].get()) };
        assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "it is called");
        for number in numbers {
            exchange(number, Some(&disposition(first))).unwrap();
        }
    }

    /// The program asks for the disposition during a capture, and installs a handler over that when it has ended:
    /// it calls ours, which must not call it.
    #[test]
    fn a_handler_that_calls_ours_since_a_former_capture_is_not_called_by_that() {
        let _alone = alone();
        forget_former_captures();
        let number = Number::new(libc::SIGRTMIN() + 13).unwrap();
        exchange(number, Some(&disposition(second))).unwrap();
        let installed = Installed::install(number).unwrap();
        let ours = exchange(number, None).unwrap().sa_sigaction;
        assert!(installed.give_back());
        BEFORE_THIRD.store(ours, Ordering::SeqCst);
        exchange(number, Some(&disposition(third))).unwrap();
        let installed = Installed::install(number).unwrap();
        assert_ne!(exchange(number, None).unwrap().sa_sigaction, ours);
        MASK.store(0, Ordering::SeqCst);
        // SAFETY: another of ours is installed, which calls `third`, which calls ours, which calls `second`.
        unsafe { libc::raise(number.get()) };
        assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "it is called");
        assert!(installed.give_back());
        assert!(is_there(number, third));
        exchange(number, Some(&disposition(second))).unwrap();
        let before = ENTRIES.each_ref().map(|entry| entry.former.load(Ordering::SeqCst));
        assert!(Installed::install(number).unwrap().give_back());
        let after = ENTRIES.each_ref().map(|entry| entry.former.load(Ordering::SeqCst));
        assert_eq!(after, before, "the one that was over `second` is so again");
    }

    /// Whatever it remembers.
    #[test]
    fn an_entry_never_passes_on_to_itself() {
        let entry = Entry::new(ENTRIES[0].handler);
        entry.former.store(entry.handler as usize, Ordering::SeqCst);
        assert_eq!(entry.handler_before(), 0);
        entry.former.store(ENTRIES[1].handler as usize, Ordering::SeqCst);
        assert_eq!(entry.handler_before(), ENTRIES[1].handler as usize);
    }

    #[test]
    fn a_handler_installed_while_the_former_was_being_given_back_stays() {
        let _alone = alone();
        let number = Number::new(libc::SIGRTMIN() + 8).unwrap();
        exchange(number, Some(&disposition(second))).unwrap();
        let mut ignore = default_disposition();
        ignore.sa_sigaction = libc::SIG_IGN;
        assert!(put_back(number, &ignore, disposition(first)));
        assert!(is_there(number, second));
        exchange(number, Some(&ignore)).unwrap();
        assert!(!put_back(number, &ignore, disposition(first)));
        assert!(is_there(number, first));
    }

    #[test]
    fn who_calls_ours_as_a_function_keeps_its_mask() {
        let _alone = alone();
        let number = Number::new(libc::SIGRTMIN() + 9).unwrap();
        exchange(number, Some(&disposition(second))).unwrap();
        let installed = Installed::install(number).unwrap();
        BEFORE_THIRD.store(exchange(number, None).unwrap().sa_sigaction, Ordering::SeqCst);
        let mut over = disposition(third);
        over.sa_mask = set_of(bit(libc::SIGUSR2));
        exchange(number, Some(&over)).unwrap();
        MASK.store(0, Ordering::SeqCst);
        // SAFETY: `third` is installed, which calls ours, which calls `second`.
        unsafe { libc::raise(number.get()) };
        let mask = MASK.load(Ordering::SeqCst);
        assert!(mask & bit(libc::SIGUSR2) != 0, "{mask:#x}");
        assert!(!installed.give_back());
        assert!(is_there(number, third));
        // It goes, and ours is given back after all.
        let mut ours = disposition(second);
        ours.sa_sigaction = BEFORE_THIRD.load(Ordering::SeqCst);
        exchange(number, Some(&ours)).unwrap();
        assert!(Installed::install(number).unwrap().give_back());
        assert!(is_there(number, second));
    }
}
