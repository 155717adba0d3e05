//! Tests with other handlers installed under and over ours.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::disposition::{bit, default_disposition, exchange, set_of};
use super::handler::{ENTRIES, Entry, Handler};
use super::installed::{Installed, put_back};
use crate::signal_number::Number;
use crate::testing::alone;

extern "C" fn first(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// The signal mask during the last call of `second`.
static MASK: AtomicU64 = AtomicU64::new(0);

extern "C" fn second(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    MASK.store(crate::arch::block_signals(0).unwrap_or(0), Ordering::SeqCst);
}

/// Calls the handler that was installed before it, as handlers usually do.
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

fn is_installed(number: Number, handler: Handler) -> bool {
    exchange(number, None).unwrap().sa_sigaction == handler as usize
}

#[test]
fn a_handler_installed_during_our_installation_is_not_lost() {
    let _alone = alone();
    let number = Number::new(libc::SIGRTMIN() + 7).unwrap();
    exchange(number, Some(&disposition(first))).unwrap();
    let read = exchange(number, None).unwrap();
    exchange(number, Some(&disposition(second))).unwrap();
    assert!(Installed::install_over(number, &read).unwrap().is_none());
    assert!(is_installed(number, second));
    let installed = Installed::install(number).unwrap();
    assert!(installed.is_current());
    // SAFETY: our handler is installed and passes the signal on to `second`, which is a valid handler.
    unsafe { libc::raise(number.get()) };
    assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "the program's handler was called");
    assert!(installed.restore());
    assert!(is_installed(number, second));
}

/// Resets all entries that no foreign handler can call now, so that the result does not depend on other tests.
fn forget_former_captures() {
    for entry in ENTRIES.iter().filter(|entry| !entry.is_overridden.load(Ordering::SeqCst)) {
        entry.number.store(0, Ordering::SeqCst);
    }
}

/// The number of our handlers that a signal passes through before it reaches a foreign one.
fn passed_through(disposition: &libc::sigaction) -> usize {
    let mut handler = disposition.sa_sigaction;
    let mut passed = 0;
    while let Some(entry) = ENTRIES.iter().find(|entry| entry.handler as usize == handler) {
        handler = entry.former.load(Ordering::SeqCst);
        passed += 1;
        assert!(passed <= ENTRIES.len(), "endless chain");
    }
    passed
}

/// The program reads its disposition during a capture, gets our handler, and sets it again later.
#[test]
fn our_handler_set_by_the_program_during_our_installation_passes_on_to_the_former() {
    let _alone = alone();
    let number = Number::new(libc::SIGRTMIN() + 10).unwrap();
    exchange(number, Some(&disposition(second))).unwrap();
    let installed = Installed::install(number).unwrap();
    let ours = exchange(number, None).unwrap();
    assert!(installed.restore());
    let read = exchange(number, None).unwrap();
    exchange(number, Some(&ours)).unwrap();
    assert!(Installed::install_over(number, &read).unwrap().is_none());
    assert_eq!(passed_through(&exchange(number, None).unwrap()), 1);
    let installed = Installed::install(number).unwrap();
    assert_eq!(passed_through(&exchange(number, None).unwrap()), 1);
    MASK.store(0, Ordering::SeqCst);
    // SAFETY: our handler is installed and passes the signal on to `second`, which is a valid handler.
    unsafe { libc::raise(number.get()) };
    assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "the program's handler was called");
    assert!(installed.restore());
    assert!(is_installed(number, second));
}

/// The program reads the disposition of one signal and sets it for another, in turn.
#[test]
fn our_handler_set_for_another_signal_does_not_form_a_cycle() {
    let _alone = alone();
    let numbers = [11, 12].map(|above| Number::new(libc::SIGRTMIN() + above).unwrap());
    exchange(numbers[0], Some(&disposition(second))).unwrap();
    for at in 0..4 {
        let (number, other) = (numbers[at % 2], numbers[(at + 1) % 2]);
        let installed = Installed::install(number).unwrap();
        let ours = exchange(number, None).unwrap();
        assert!(passed_through(&ours) > 0);
        assert!(installed.restore());
        exchange(other, Some(&ours)).unwrap();
    }
    MASK.store(0, Ordering::SeqCst);
    // SAFETY: one of our handlers is installed; the chain ends at `second`, which is a valid handler.
    unsafe { libc::raise(numbers[0].get()) };
    assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "the program's handler was called");
    for number in numbers {
        exchange(number, Some(&disposition(first))).unwrap();
    }
}

/// The program reads the disposition during a capture, and installs its own handler over it after the capture.
/// That handler calls ours, so ours must not call it.
#[test]
fn a_handler_that_calls_ours_from_a_former_capture_is_not_called_by_that_one() {
    let _alone = alone();
    forget_former_captures();
    let number = Number::new(libc::SIGRTMIN() + 13).unwrap();
    exchange(number, Some(&disposition(second))).unwrap();
    let installed = Installed::install(number).unwrap();
    let ours = exchange(number, None).unwrap().sa_sigaction;
    assert!(installed.restore());
    BEFORE_THIRD.store(ours, Ordering::SeqCst);
    exchange(number, Some(&disposition(third))).unwrap();
    let installed = Installed::install(number).unwrap();
    assert_ne!(exchange(number, None).unwrap().sa_sigaction, ours);
    MASK.store(0, Ordering::SeqCst);
    // SAFETY: the handlers call each other in this order: another of ours, `third`, ours, `second`. All are valid.
    unsafe { libc::raise(number.get()) };
    assert_ne!(MASK.swap(0, Ordering::SeqCst), 0, "the program's handler was called");
    assert!(installed.restore());
    assert!(is_installed(number, third));
    exchange(number, Some(&disposition(second))).unwrap();
    let before = ENTRIES.each_ref().map(|entry| entry.former.load(Ordering::SeqCst));
    assert!(Installed::install(number).unwrap().restore());
    let after = ENTRIES.each_ref().map(|entry| entry.former.load(Ordering::SeqCst));
    assert_eq!(after, before, "the entry formerly installed over `second` is used again");
}

/// Even if its saved former handler is itself.
#[test]
fn an_entry_never_passes_on_to_itself() {
    let entry = Entry::new(ENTRIES[0].handler);
    entry.former.store(entry.handler as usize, Ordering::SeqCst);
    assert_eq!(entry.handler_before(), 0);
    entry.former.store(ENTRIES[1].handler as usize, Ordering::SeqCst);
    assert_eq!(entry.handler_before(), ENTRIES[1].handler as usize);
}

#[test]
fn a_handler_installed_while_the_former_is_being_restored_stays() {
    let _alone = alone();
    let number = Number::new(libc::SIGRTMIN() + 8).unwrap();
    exchange(number, Some(&disposition(second))).unwrap();
    let mut ignore = default_disposition();
    ignore.sa_sigaction = libc::SIG_IGN;
    assert!(put_back(number, &ignore, disposition(first)));
    assert!(is_installed(number, second));
    exchange(number, Some(&ignore)).unwrap();
    assert!(!put_back(number, &ignore, disposition(first)));
    assert!(is_installed(number, first));
}

#[test]
fn a_handler_that_calls_ours_as_a_function_keeps_its_mask() {
    let _alone = alone();
    let number = Number::new(libc::SIGRTMIN() + 9).unwrap();
    exchange(number, Some(&disposition(second))).unwrap();
    let installed = Installed::install(number).unwrap();
    BEFORE_THIRD.store(exchange(number, None).unwrap().sa_sigaction, Ordering::SeqCst);
    let mut over = disposition(third);
    over.sa_mask = set_of(bit(libc::SIGUSR2));
    exchange(number, Some(&over)).unwrap();
    MASK.store(0, Ordering::SeqCst);
    // SAFETY: the handlers call each other in this order: `third`, ours, `second`. All are valid.
    unsafe { libc::raise(number.get()) };
    let mask = MASK.load(Ordering::SeqCst);
    assert!(mask & bit(libc::SIGUSR2) != 0, "{mask:#x}");
    assert!(!installed.restore());
    assert!(is_installed(number, third));
    // After `third` is removed, the next capture can restore the former disposition.
    let mut ours = disposition(second);
    ours.sa_sigaction = BEFORE_THIRD.load(Ordering::SeqCst);
    exchange(number, Some(&ours)).unwrap();
    assert!(Installed::install(number).unwrap().restore());
    assert!(is_installed(number, second));
}
