//! The uses of the stacks: coroutines, and signal handlers on alternate stacks.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::places::{Place, SOURCES};

const KIB: usize = 1024;
const SIZES: [usize; 6] = [4 * KIB, 8 * KIB, 12 * KIB, 16 * KIB, 32 * KIB, 64 * KIB];

/// How a thread uses its stack in each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A coroutine, by a hand-written switch.
    Hand,
    /// A coroutine of the crate corosensei.
    Corosensei,
    /// The thread's alternate stack: only signal handlers use it.
    Alternate,
    /// The same, and the signal arrives while the program's own handler runs there.
    Inside,
    /// As `Hand`, in a pthread without an alternate stack.
    HandInC,
}

/// A thread and its results.
struct Watched {
    name: String,
    rounds: AtomicU64,
    changed: AtomicU64,
}

static WATCHED: Mutex<Vec<&'static Watched>> = Mutex::new(Vec::new());

pub(super) fn print_line(line: &str) {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("standard output is a pipe");
}

/// A line for each thread: name, rounds, changed bytes.
pub(super) fn report() -> Vec<String> {
    let watched = WATCHED.lock().expect("not poisoned");
    let line = |one: &&Watched| {
        let (rounds, changed) = (one.rounds.load(Ordering::Relaxed), one.changed.load(Ordering::Relaxed));
        format!("{} {rounds} {changed}", one.name)
    };
    watched.iter().map(line).collect()
}

/// Starts a thread for each stack; returns their number.
pub(super) fn start() -> usize {
    for how in [Use::Hand, Use::Corosensei, Use::Alternate, Use::Inside, Use::HandInC] {
        for source in SOURCES {
            for bytes in SIZES {
                // The kernel's signal frame does not fit there: any signal would end the program.
                let is_too_small = match how {
                    Use::Inside => bytes < 12 * KIB,
                    Use::HandInC => bytes < 8 * KIB,
                    _ => false,
                };
                if is_too_small
                    || (cfg!(not(target_arch = "x86_64")) && matches!(how, Use::Hand | Use::HandInC))
                {
                    continue;
                }
                let name = format!("{how:?}-{source:?}-{}", bytes / KIB);
                let watched: &'static Watched = Box::leak(Box::new(Watched {
                    name,
                    rounds: AtomicU64::new(0),
                    changed: AtomicU64::new(0),
                }));
                let place = Place::new(source, bytes);
                let run = move || watch(how, place, watched);
                match how {
                    Use::HandInC => start_in_c(Box::new(run)),
                    _ => drop(
                        std::thread::Builder::new().name(watched.name.clone()).spawn(run).expect("a thread"),
                    ),
                }
                WATCHED.lock().expect("not poisoned").push(watched);
            }
        }
    }
    report().len()
}

/// A thread that std did not create, so it has no alternate stack.
fn start_in_c(run: Box<dyn FnOnce() + Send>) {
    extern "C" fn begin(run: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: `run` is the box that is leaked below, and this is called once.
        let run = unsafe { Box::from_raw(run.cast::<Box<dyn FnOnce() + Send>>()) };
        run();
        std::ptr::null_mut()
    }
    let run = Box::into_raw(Box::new(run)).cast();
    // SAFETY: `begin` takes ownership of the box. A zeroed `pthread_t` is valid, and the attributes are the defaults.
    unsafe {
        let mut thread = std::mem::zeroed();
        assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), begin, run), 0);
    }
}

fn watch(how: Use, place: Place, watched: &'static Watched) {
    if matches!(how, Use::Alternate | Use::Inside) {
        let stack = libc::stack_t { ss_sp: place.low().cast(), ss_flags: 0, ss_size: place.bytes() };
        // SAFETY: the memory lives for ever and is used for nothing else.
        assert_eq!(unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) }, 0);
    }
    loop {
        match how {
            Use::Hand | Use::HandInC => by_hand(place),
            Use::Corosensei => {
                let coroutine = corosensei::Coroutine::<(), (), (), Place>::with_stack(place, |_, ()| busy());
                finish(coroutine);
            }
            Use::Alternate => busy(),
            // SAFETY: raise(3) has no preconditions, and `install_handlers` installed a handler for the signal.
            Use::Inside => drop(unsafe { libc::raise(libc::SIGUSR2) }),
        }
        let changed = place.changed();
        if changed > 0 {
            watched.changed.fetch_add(changed, Ordering::Relaxed);
        }
        watched.rounds.fetch_add(1, Ordering::Relaxed);
    }
}

fn finish(mut coroutine: corosensei::Coroutine<(), (), (), Place>) {
    while !matches!(coroutine.resume(()), corosensei::CoroutineResult::Return(())) {}
}

// SAFETY: the memory lives for ever and has the reported bounds. There is no guard page, which is the purpose of this
// program; `busy` fits into the smallest stack.
unsafe impl corosensei::stack::Stack for Place {
    fn base(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.top().addr()).expect("not null")
    }

    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.low().addr()).expect("not null")
    }
}

#[cfg(target_arch = "x86_64")]
fn by_hand(place: Place) {
    extern "C" fn begin() {
        busy();
    }
    // SAFETY: the stack is aligned and not shared. When the function returns, the former stack pointer is restored
    // from r12, which functions preserve.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp", "mov rsp, {top}", "call {begin}", "mov rsp, r12",
            top = in(reg) place.top(), begin = sym begin, out("r12") _, clobber_abi("C"),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn by_hand(_: Place) {}

/// Uses CPU for about a millisecond, and sometimes the allocator.
#[inline(never)]
fn busy() {
    for _ in 0..4 {
        let mut number = 1u64;
        let mut step = 0u64;
        // Not a range: without optimisation its iterator would use most of the stack.
        while step < 50_000 {
            number = number.wrapping_mul(31).wrapping_add(black_box(step));
            step += 1;
        }
        black_box(number);
        drop(black_box(Vec::<u8>::with_capacity(3000)));
    }
}

extern "C" fn on_user_signal(_: i32) {
    busy();
}

/// Installs a handler for SIGPROF with SA_ONSTACK, and one for SIGUSR2 that works on the alternate stack.
pub(super) fn install_handlers() {
    extern "C" fn nothing(_: i32) {}
    for (signal, handler) in [(libc::SIGPROF, nothing as extern "C" fn(i32)), (libc::SIGUSR2, on_user_signal)]
    {
        // SAFETY: plain data, valid when zeroed. The handlers are sound in this program: it raises SIGUSR2 itself,
        // never inside the allocator.
        unsafe {
            let mut new: libc::sigaction = std::mem::zeroed();
            new.sa_sigaction = handler as usize;
            new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            assert_eq!(libc::sigaction(signal, &new, std::ptr::null_mut()), 0);
        }
    }
}
