//! Stacks that cannot be read as a whole: `cases cut-stacks deep` has two threads with 5,000 frames each, one that waits
//! and one that computes; `cases cut-stacks tiny` has threads that compute on the smallest stacks there are.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);
const FRAMES: u32 = 5_000;
/// The least that POSIX threads may ask for (`PTHREAD_STACK_MIN` of glibc).
const TINY: usize = 16 * 1024;

/// Threads with tiny stacks that run.
static BEGUN: AtomicU32 = AtomicU32::new(0);

pub(crate) fn run(arguments: &[String]) {
    match arguments.first().map(String::as_str) {
        Some("tiny") => {
            for _ in 0..2 {
                begin_tiny();
            }
            while BEGUN.load(Ordering::Acquire) < 2 {
                thread::yield_now();
            }
        }
        _ => {
            let (begun, begins) = mpsc::channel();
            let named = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(64 << 20);
            let of_waiting = begun.clone();
            named("deep-waits").spawn(move || descend(FRAMES, &mut || wait(&of_waiting))).expect("a thread");
            named("deep-computes").spawn(move || descend(FRAMES, &mut || compute(&begun))).expect("a thread");
            let _ = (begins.recv(), begins.recv());
        }
    }
    println!("ready");
    thread::sleep(LONG);
}

/// std makes small stacks larger by what thread-locals take; this does not.
fn begin_tiny() {
    // SAFETY: the attributes live during the calls, and the thread uses nothing of this one.
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&raw mut attributes), 0);
        assert_eq!(libc::pthread_attr_setstacksize(&raw mut attributes, TINY), 0);
        let mut thread = 0;
        let made = libc::pthread_create(&raw mut thread, &raw const attributes, tiny, std::ptr::null_mut());
        assert_eq!(made, 0);
    }
}

extern "C" fn tiny(_: *mut libc::c_void) -> *mut libc::c_void {
    let filling = black_box([1_u8; 2 * 1024]);
    BEGUN.fetch_add(1, Ordering::Release);
    turn();
    black_box(filling);
    std::ptr::null_mut()
}

#[inline(never)]
fn descend(left: u32, end: &mut dyn FnMut()) -> u32 {
    match left {
        0 => end(),
        _ => return black_box(descend(left - 1, end)) + 1,
    }
    0
}

#[inline(never)]
fn wait(begun: &mpsc::Sender<()>) {
    let _ = begun.send(());
    thread::sleep(LONG);
}

#[inline(never)]
fn compute(begun: &mpsc::Sender<()>) {
    let _ = begun.send(());
    turn();
}

#[inline(never)]
fn turn() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
        if turns.is_multiple_of(100_000) {
            thread::yield_now();
        }
    }
}
