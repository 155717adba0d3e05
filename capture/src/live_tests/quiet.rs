//! Compares quiet captures with signal captures, for threads that sleep in many ways.

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::sync::{Condvar, RwLock};

use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::stack::{Capture, ThreadStack};

use super::*;
use crate::dump;
use crate::testing::run_alone;

/// The number of threads of each kind, each at a different depth.
const OF_EACH_KIND: u32 = 12;

const LONG: Duration = Duration::from_secs(1000);

type Sleep = Box<dyn FnMut() + Send>;
type MakeSleep = fn() -> Sleep;

/// Aligned like the queues of channels: a function with such a local has a realigned stack.
#[repr(align(128))]
struct Padded(u64);

/// Ways in which ordinary code sleeps. None of them returns.
fn kinds() -> Vec<(&'static str, MakeSleep)> {
    static MUTEX: Mutex<()> = Mutex::new(());
    static RW_LOCK: RwLock<()> = RwLock::new(());
    static CONDITION: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
    std::mem::forget(MUTEX.lock().unwrap_or_else(PoisonError::into_inner));
    std::mem::forget(RW_LOCK.write().unwrap_or_else(PoisonError::into_inner));
    vec![
        ("sleep", || Box::new(|| std::thread::sleep(LONG))),
        ("park", || Box::new(std::thread::park)),
        ("park_timeout", || Box::new(|| std::thread::park_timeout(LONG))),
        ("Mutex", || Box::new(|| drop(black_box(MUTEX.lock())))),
        ("RwLock", || Box::new(|| drop(black_box(RW_LOCK.read())))),
        ("Condvar", || {
            Box::new(|| {
                let guard = CONDITION.0.lock().unwrap();
                drop(CONDITION.1.wait_timeout(guard, LONG));
            })
        }),
        ("mpsc", || {
            let (sender, receiver) = mpsc::channel::<u64>();
            std::mem::forget(sender);
            Box::new(move || _ = black_box(receiver.recv()))
        }),
        ("sync_channel", || {
            let (sender, receiver) = mpsc::sync_channel::<Padded>(0);
            std::mem::forget(receiver);
            Box::new(move || drop(black_box(sender.send(Padded(1)))))
        }),
        ("realigned", || {
            Box::new(|| {
                let padded = black_box(Padded(7));
                std::thread::sleep(LONG);
                black_box(padded.0);
            })
        }),
        ("join", || {
            let thread = std::thread::spawn(|| std::thread::sleep(LONG));
            let mut thread = Some(thread);
            Box::new(move || drop(thread.take().map(JoinHandle::join)))
        }),
        ("accept", || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            Box::new(move || drop(black_box(listener.accept())))
        }),
        ("recv with a timeout", || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(LONG)).unwrap();
            Box::new(move || drop(black_box(socket.recv(&mut [0; 8]))))
        }),
        ("pipe", || {
            let (mut reader, writer) = std::io::pipe().unwrap();
            std::mem::forget(writer);
            Box::new(move || drop(black_box(reader.read(&mut [0; 8]))))
        }),
        ("poll", || {
            // SAFETY: poll(2) with zero descriptors accepts a null pointer.
            Box::new(|| _ = black_box(unsafe { libc::poll(std::ptr::null_mut(), 0, 1_000_000) }))
        }),
        ("epoll_wait", || {
            Box::new(|| {
                // SAFETY: the descriptor is new, and the array has room for one event.
                unsafe {
                    let epoll = libc::epoll_create1(0);
                    let mut events: [libc::epoll_event; 1] = std::mem::zeroed();
                    black_box(libc::epoll_wait(epoll, events.as_mut_ptr(), 1, 1_000_000));
                }
            })
        }),
        ("sem_timedwait", || {
            Box::new(|| {
                // SAFETY: the semaphore is a local, initialised before the wait.
                unsafe {
                    let mut semaphore: libc::sem_t = std::mem::zeroed();
                    libc::sem_init(&mut semaphore, 0, 0);
                    let until = libc::timespec { tv_sec: i64::MAX / 4, tv_nsec: 0 };
                    black_box(libc::sem_timedwait(&mut semaphore, &until));
                }
            })
        }),
        ("block_on", || Box::new(|| block_on(async { tokio::time::sleep(LONG).await }))),
        ("blocking_recv", || {
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(1);
            std::mem::forget(sender);
            Box::new(move || _ = black_box(receiver.blocking_recv()))
        }),
    ]
}

/// Starts a thread that sleeps forever, and returns its id.
fn sleeper(sleep: MakeSleep, depth: u32) -> u32 {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut sleep = sleep();
        sender.send(procfs::threads::own_id().unwrap()).unwrap();
        loop {
            deep(depth, &mut *sleep);
        }
    });
    receiver.recv().unwrap()
}

fn of(threads: &[ThreadStack], tid: u32) -> &ThreadStack {
    threads.iter().find(|thread| thread.tid == tid).unwrap()
}

/// Runs in a process of its own, because the sleepers never end.
#[test]
#[ignore = "started by quiet_captures_equal_signal_captures"]
fn sleepers() {
    let _alone = alone();
    let mut sleepers = Vec::new();
    for (kind, sleep) in kinds() {
        sleepers.extend((0..OF_EACH_KIND).map(|depth| (kind, sleeper(sleep, depth * 3))));
    }
    sleepers.iter().for_each(|(_, tid)| wait_asleep(*tid));
    let quiet = block_on(dump::dump(None)).unwrap();
    // On a busy machine a thread may not get a CPU in the time that it has to answer a signal.
    let mut signalled = block_on(dump::dump_by_signals()).unwrap();
    eventually("every thread answers", || {
        let answers = |tid: u32| !matches!(of(&signalled.threads, tid).capture, Capture::Failed { .. });
        let all = sleepers.iter().all(|(_, tid)| answers(*tid));
        if !all {
            signalled = block_on(dump::dump_by_signals()).unwrap();
        }
        all
    });
    let mut failed = Vec::new();
    for (kind, tid) in &sleepers {
        let (quiet, signalled) = (of(&quiet.threads, *tid), of(&signalled.threads, *tid));
        assert!(matches!(signalled.capture, Capture::Signal { .. }), "{kind}: {signalled:?}");
        if quiet.capture != Capture::Quiet {
            failed.push((*kind, quiet.capture.clone()));
            continue;
        }
        // Without the leaf: for a system call that the kernel restarts, it may be before the instruction.
        assert_eq!(quiet.stack.frames[1..], signalled.stack.frames[1..], "{kind}");
        assert_eq!((quiet.stack.end, signalled.stack.end), (StackEnd::Root, StackEnd::Root), "{kind}");
    }
    println!(
        "{} of {} quietly, in {:?}; {failed:?}",
        sleepers.len() - failed.len(),
        sleepers.len(),
        quiet.capture
    );
    assert!(failed.is_empty(), "{failed:#?}");
    // SAFETY: _exit(2) ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

#[test]
fn quiet_captures_equal_signal_captures() {
    let text = run_alone("live_tests::quiet::sleepers");
    assert!(text.contains(" quietly, in "), "{text}");
    print!("{text}");
}
