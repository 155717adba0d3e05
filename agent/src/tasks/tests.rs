//! Tests that list the tasks of real runtimes: idle, busy, stuck and shut down.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rgops_protocol::reply::Unavailable;
use tokio::runtime::{Builder, Handle, Runtime};

use super::found::MAX_TASKS;
use super::list::{Listed, Owner, list};
use super::vtables::Vtables;
use crate::runtimes::layout::number;
use crate::runtimes::{Watched, WatchedRuntimes};

/// One process makes its lists one after the other, each within a deadline. These tests take turns, so that none
/// misses its deadline because of another.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends spinning workers when dropped, so that their runtime can be dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn watched(handle: &Handle) -> Watched {
    rgops_capture::program_threads::begin().unwrap();
    let runtimes = WatchedRuntimes::default();
    runtimes.add(handle, "test");
    runtimes.list().remove(0)
}

/// Lists the tasks on a separate runtime, as the agent does.
fn listed(runtime: &Watched) -> Result<Listed, Unavailable> {
    let own = Builder::new_current_thread().enable_time().build().unwrap();
    own.block_on(list(&Owner::Runtime(runtime.clone()), &mut Vtables::default(), MAX_TASKS))
}

fn ids(listed: &Listed) -> BTreeSet<u64> {
    let ids: BTreeSet<u64> = listed.tasks.iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), listed.tasks.len(), "no task twice");
    ids
}

fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn multi_thread(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

#[test]
fn every_task_of_a_multi_thread_runtime_is_listed_without_the_anchors() {
    let _turn = turn();
    for workers in [1, 2, 3, 8] {
        let runtime = multi_thread(workers);
        let watched = watched(runtime.handle());
        let mut spawned = BTreeSet::new();
        for at in 0..500_usize {
            let large = [at; 50];
            let task = match at % 3 {
                0 => runtime.spawn(pending()),
                1 => runtime.spawn(async move {
                    pending::<()>().await;
                    std::hint::black_box(&large);
                }),
                _ => runtime.spawn(async { tokio::task::yield_now().await }),
            };
            if at % 3 != 2 {
                spawned.insert(number(task.id()));
            }
        }
        wait_until("short tasks end", || runtime.metrics().num_alive_tasks() == spawned.len());
        for _ in 0..3 {
            let listed = listed(&watched).unwrap();
            assert_eq!((listed.incomplete, listed.shards), (0, workers.next_power_of_two() * 4));
            assert_eq!(ids(&listed), spawned, "{workers} workers");
            // Usually at once: only anchors that are just ending may be counted for a moment.
            wait_until("no anchor is counted", || watched.alive_tasks() == spawned.len() as u64);
        }
        wait_until("the anchors end", || runtime.metrics().num_alive_tasks() == spawned.len());
    }
}

/// In its own process: if other tests spawn meanwhile, the list of an anchor is random, and more anchors are spawned.
#[test]
fn a_current_thread_runtime_that_no_thread_drives_is_listed_and_anchors_do_not_pile_up() {
    rgops_capture::testing::run_alone("tasks::tests::no_thread_drives_it");
}

#[test]
#[ignore = "started by the test above"]
fn no_thread_drives_it() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let watched = watched(runtime.handle());
    let spawned: BTreeSet<u64> = (0..100).map(|_| number(runtime.spawn(pending::<()>()).id())).collect();
    for _ in 0..50 {
        let listed = listed(&watched).unwrap();
        assert_eq!((listed.incomplete, listed.shards), (0, 4));
        assert_eq!(ids(&listed), spawned);
        assert_eq!(watched.alive_tasks(), 100);
        assert!(runtime.metrics().num_alive_tasks() <= 104, "{}", runtime.metrics().num_alive_tasks());
    }
    // A task that was spawned after anchors that still exist.
    let later = number(runtime.spawn(pending::<()>()).id());
    assert!(ids(&listed(&watched).unwrap()).contains(&later));
    runtime.block_on(async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 101 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(watched.alive_tasks(), 101);
    assert_eq!(ids(&listed(&watched).unwrap()).len(), 101);
}

#[test]
fn a_stuck_runtime_is_listed_and_unharmed() {
    rgops_capture::testing::run_alone("tasks::tests::all_its_workers_are_stuck");
}

#[test]
#[ignore = "started by the test above"]
fn all_its_workers_are_stuck() {
    let runtime = multi_thread(2);
    let watched = watched(runtime.handle());
    let stop = Arc::new(AtomicBool::new(false));
    let stop_on_drop = Stop(stop.clone());
    let running = Arc::new(AtomicU64::new(0));
    let spinning: Vec<_> = (0..2)
        .map(|_| {
            let (stop, running) = (stop.clone(), running.clone());
            runtime.spawn(async move {
                running.fetch_add(1, Ordering::SeqCst);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    wait_until("both workers spin", || running.load(Ordering::SeqCst) == 2);
    let waiting: BTreeSet<u64> = (0..50).map(|_| number(runtime.spawn(async {}).id())).collect();
    let mut all = waiting.clone();
    all.extend(spinning.iter().map(|task| number(task.id())));
    for _ in 0..20 {
        let listed = listed(&watched).unwrap();
        assert_eq!((ids(&listed), listed.incomplete), (all.clone(), 0));
        let running: BTreeSet<u64> =
            listed.tasks.iter().filter(|task| task.state & 1 != 0).map(|task| task.id).collect();
        assert_eq!(running, spinning.iter().map(|task| number(task.id())).collect());
        assert!(runtime.metrics().num_alive_tasks() <= 52 + 16);
    }
    drop(stop_on_drop);
    wait_until("all end", || runtime.metrics().num_alive_tasks() == 0);
    assert_eq!(watched.alive_tasks(), 0);
    assert_eq!(listed(&watched).unwrap().tasks.len(), 0);
}

#[test]
fn a_runtime_that_is_shut_down_is_reported() {
    let _turn = turn();
    for runtime in [multi_thread(2), Builder::new_current_thread().build().unwrap()] {
        let watched = watched(runtime.handle());
        runtime.spawn(pending::<()>());
        assert_eq!(listed(&watched).unwrap().tasks.len(), 1);
        drop(runtime);
        assert_eq!(listed(&watched).err().unwrap().reason, "the runtime was shut down");
        assert_eq!(watched.alive_tasks(), 0);
    }
}

#[test]
fn long_lived_tasks_are_all_found_while_others_come_and_go() {
    let _turn = turn();
    let runtime = multi_thread(2);
    let watched = watched(runtime.handle());
    let stop = Arc::new(AtomicBool::new(false));
    let completed = Arc::new(AtomicU64::new(0));
    let mut lasting = BTreeSet::new();
    for at in 0..64 {
        // Lasting tasks between the others, so that they are everywhere in the lists.
        lasting.extend((0..20).map(|_| number(runtime.spawn(pending::<()>()).id())));
        let (stop, completed) = (stop.clone(), completed.clone());
        lasting.insert(number(
            runtime
                .spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let size = [at; 16];
                        let task = tokio::spawn(async move {
                            tokio::task::yield_now().await;
                            size
                        });
                        task.await.unwrap();
                        completed.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .id(),
        ));
    }
    wait_until("tasks come and go", || completed.load(Ordering::Relaxed) > 10_000);
    let (mut complete, mut all) = (0, 0);
    // How many lists can be walked to the end depends on the load of the machine. A complete list must not miss a
    // task.
    let deadline = Instant::now() + Duration::from_secs(60);
    while complete < 50 {
        assert!(Instant::now() < deadline, "{complete} of {all} lists were complete");
        let listed = listed(&watched).unwrap();
        let found: BTreeSet<u64> = listed.tasks.iter().map(|task| task.id).collect();
        all += 1;
        if listed.incomplete == 0 {
            complete += 1;
            let missing: Vec<_> = lasting.difference(&found).collect();
            assert!(missing.is_empty(), "walk {all} misses {missing:?}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    println!("{complete} of {all} lists complete, {} tasks ended", completed.load(Ordering::Relaxed));
    wait_until("they end", || runtime.metrics().num_alive_tasks() == 64 * 20);
}

#[test]
fn the_tasks_of_a_local_set_are_listed_from_another_thread_until_it_is_dropped() {
    let _turn = turn();
    let runtimes = Arc::new(WatchedRuntimes::default());
    let list_it = |runtimes: &WatchedRuntimes| {
        let own = Builder::new_current_thread().enable_time().build().unwrap();
        let owner = Owner::all(runtimes).remove(0);
        own.block_on(list(&owner, &mut Vtables::default(), MAX_TASKS))
    };
    let (send_ids, ids_received) = std::sync::mpsc::channel();
    let (finish, wait) = tokio::sync::oneshot::channel::<()>();
    let threads_runtimes = runtimes.clone();
    let thread = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().build().unwrap();
        let set = tokio::task::LocalSet::new();
        let mut ids = BTreeSet::new();
        let spawn = |_| number(set.spawn_local(pending::<()>()).id());
        ids.extend((0..10).map(spawn));
        threads_runtimes.add_local_set(&set, "local");
        ids.extend((0..10).map(spawn));
        set.block_on(&runtime, async {
            send_ids.send(ids).unwrap();
            wait.await.unwrap();
        });
    });
    let expected = ids_received.recv().unwrap();
    for _ in 0..10 {
        let listed = list_it(&runtimes).unwrap();
        assert_eq!((ids(&listed), listed.shards, listed.incomplete), (expected.clone(), 1, 0));
    }
    finish.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(list_it(&runtimes).err().unwrap().reason, "the LocalSet was dropped");
}

#[test]
fn closing_ends_the_anchors_in_a_local_set() {
    let _turn = turn();
    let runtimes = WatchedRuntimes::default();
    let runtime = Builder::new_current_thread().build().unwrap();
    let set = tokio::task::LocalSet::new();
    runtimes.add_local_set(&set, "local");
    runtimes.leave_local_sets();
    // Completes when all its tasks have ended.
    runtime.block_on(set);
}

#[test]
fn the_tasks_of_a_local_set_that_is_not_watched_are_listed_while_its_thread_sleeps_and_while_it_runs() {
    let _turn = turn();
    rgops_capture::program_threads::begin().unwrap();
    for is_running in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let runtimes = Arc::new(WatchedRuntimes::default());
        let (send_ids, ids_received) = std::sync::mpsc::channel();
        let (finish, wait) = tokio::sync::oneshot::channel::<()>();
        let (threads_runtimes, stops) = (runtimes.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            let [private, watched, empty] = [(); 3].map(|()| tokio::task::LocalSet::new());
            let spawn = |_| number(private.spawn_local(pending::<()>()).id());
            let ids: BTreeSet<u64> = (0..100).map(spawn).collect();
            watched.spawn_local(pending::<()>());
            threads_runtimes.add_local_set(&watched, "watched");
            let tid = rgops_capture::procfs::threads::own_id().unwrap();
            private.block_on(&runtime, async {
                send_ids.send((tid, ids)).unwrap();
                while is_running && !stops.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                wait.await.unwrap();
            });
            drop((watched, empty));
        });
        let (tid, expected) = ids_received.recv().unwrap();
        let own = Builder::new_current_thread().enable_time().build().unwrap();
        // The sets of this thread: other tests have some, too.
        let listed = || {
            let mut lists = Vec::new();
            for owner in own.block_on(Owner::private(&runtimes)).0 {
                if let Owner::Private(set) = &owner
                    && set.tid == tid
                    && let Ok(listed) = own.block_on(list(&owner, &mut Vtables::default(), MAX_TASKS))
                    && listed.incomplete == 0
                {
                    lists.push(ids(&listed));
                }
            }
            lists.sort_unstable();
            lists
        };
        // Not that of the watched one.
        let wanted = [BTreeSet::new(), expected];
        wait_until("both sets are listed", || listed() == wanted);
        stop.store(true, Ordering::Relaxed);
        finish.send(()).unwrap();
        thread.join().unwrap();
        assert!(listed().is_empty(), "of a thread that has ended");
    }
}
