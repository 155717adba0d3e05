//! Stacks that cannot be read as a whole: `cases cut-stacks deep` has two threads with 5,000 frames each, one that waits
//! and one that computes; `cases cut-stacks tiny` has threads that compute almost at the end of the smallest stacks.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);
const FRAMES: u32 = 5_000;
/// The least that POSIX threads may ask for (`PTHREAD_STACK_MIN` of glibc).
const TINY: usize = 16 * 1024;

pub(crate) fn run(arguments: &[String]) {
    let (begun, begins) = mpsc::channel();
    let begin = |name: &str, stack: usize, work: fn(&mpsc::Sender<()>)| {
        let begun = begun.clone();
        let named = thread::Builder::new().name(name.to_owned()).stack_size(stack);
        named.spawn(move || work(&begun)).expect("a thread");
    };
    let count = match arguments.first().map(String::as_str) {
        Some("tiny") => {
            (0..2).for_each(|_| begin("tiny", TINY, fills_its_stack));
            2
        }
        _ => {
            begin("deep-waits", 64 << 20, |begun| {
                descend(FRAMES, &mut || wait(begun));
            });
            begin("deep-computes", 64 << 20, |begun| {
                descend(FRAMES, &mut || compute(begun));
            });
            2
        }
    };
    for _ in 0..count {
        let _ = begins.recv();
    }
    println!("ready");
    thread::sleep(LONG);
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
        if turns % 100_000 == 0 {
            thread::yield_now();
        }
    }
}

/// Leaves about 2 KB of the stack.
#[inline(never)]
fn fills_its_stack(begun: &mpsc::Sender<()>) {
    let _ = begun.send(());
    let filling = black_box([1_u8; 12 * 1024]);
    turn();
    black_box(filling);
}
