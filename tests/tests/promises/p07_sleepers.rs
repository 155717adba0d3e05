//! Promise 7: `stack` does not interrupt sleeping threads. System calls that fail with EINTR on a signal even with
//! SA_RESTART (signal(7)) sleep on during a thousand dumps.

use std::hint::black_box;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicU64, Ordering};

use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::stack::Capture;
use rgops_tests::itself::{self, Itself};
use rgops_tests::waiting::until;

/// Number of threads of each kind, at different depths.
const OF_EACH_KIND: u32 = 4;

const SECONDS: i64 = 100_000;

static INTERRUPTED: AtomicU64 = AtomicU64::new(0);
static WOKEN: AtomicU64 = AtomicU64::new(0);

/// Records how a sleep ended. None ends during the test.
fn ended(result: i64) {
    let is_interrupted = result < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR);
    let counter = if is_interrupted { &INTERRUPTED } else { &WOKEN };
    counter.fetch_add(1, Ordering::SeqCst);
}

fn in_epoll_wait() {
    // SAFETY: the descriptor belongs to this function, and there is room for one event.
    let result = unsafe {
        let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        let mut event: libc::epoll_event = std::mem::zeroed();
        libc::epoll_wait(epoll, &mut event, 1, 1000 * SECONDS as i32)
    };
    ended(result.into());
}

fn in_nanosleep() {
    let time = libc::timespec { tv_sec: SECONDS, tv_nsec: 0 };
    // SAFETY: nanosleep(2) only reads the time; a null pointer for the rest is allowed.
    let result = unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
    ended(result.into());
}

fn in_poll() {
    // SAFETY: no descriptors are passed, so the pointer is not read.
    let result = unsafe { libc::poll(std::ptr::null_mut(), 0, 1000 * SECONDS as i32) };
    ended(result.into());
}

fn in_timed_futex() {
    let word = 0u32;
    let time = libc::timespec { tv_sec: SECONDS, tv_nsec: 0 };
    // SAFETY: the word and the time live until the call returns.
    let result = unsafe {
        libc::syscall(libc::SYS_futex, &raw const word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, 0, &time)
    };
    ended(result);
}

fn in_recv_with_timeout() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(SECONDS as u64))).unwrap();
    let mut buffer = [0u8; 8];
    // SAFETY: the buffer is valid for its length.
    let result = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    ended(result as i64);
}

fn in_sem_timedwait() {
    // SAFETY: plain data, valid when zeroed; sem_init(3) below initialises it.
    let mut semaphore: libc::sem_t = unsafe { std::mem::zeroed() };
    // SAFETY: the semaphore lives in this frame; the time is only read.
    let result = unsafe {
        libc::sem_init(&mut semaphore, 0, 0);
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut time);
        time.tv_sec += SECONDS;
        libc::sem_timedwait(&mut semaphore, &time)
    };
    ended(result.into());
}

const KINDS: [fn(); 6] =
    [in_epoll_wait, in_nanosleep, in_poll, in_timed_futex, in_recv_with_timeout, in_sem_timedwait];

/// Calls `last` below `depth` calls of itself.
#[inline(never)]
fn below(depth: u32, last: fn()) {
    match depth {
        0 => last(),
        _ => below(depth - 1, last),
    }
    black_box(depth);
}

#[test]
#[ignore = "started by another test"]
fn sleepers() {
    if !itself::is_target() {
        return;
    }
    for kind in KINDS {
        for depth in 0..OF_EACH_KIND {
            let thread = std::thread::Builder::new().name("sleeper".to_owned());
            thread.spawn(move || below(7 * depth, kind)).unwrap();
        }
    }
    itself::listen_until_input();
    let load = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    println!("\ninterrupted {} woken {}", load(&INTERRUPTED), load(&WOKEN));
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[test]
fn a_thousand_dumps_interrupt_no_sleeping_thread() {
    let target = Itself::start("p07_sleepers::sleepers");
    let count = KINDS.len() * OF_EACH_KIND as usize;
    until("all sleep", || {
        let threads = target.dump();
        let asleep = threads.iter().filter(|thread| thread.name == "sleeper" && thread.state == 'S');
        (asleep.count() == count).then_some(())
    });
    for _ in 0..1000 {
        let threads = target.dump();
        let sleepers: Vec<_> = threads.iter().filter(|thread| thread.name == "sleeper").collect();
        assert_eq!(sleepers.len(), count);
        for thread in sleepers {
            assert_eq!((&thread.capture, thread.stack.end), (&Capture::Quiet, StackEnd::Root), "{thread:?}");
        }
    }
    let text = target.end();
    assert!(text.contains("interrupted 0 woken 0"), "{text}");
}
