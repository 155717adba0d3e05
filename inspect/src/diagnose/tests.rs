//! The kinds of findings on plain data.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::memstats::{Field, MemstatsReply, Section, Unit};
use rgops_protocol::reply::stats::{
    AgentStats, RuntimeStats, StatsReply, TaskStates, ThreadActivity, WorkerStats,
};
use rgops_protocol::tail::Tail;

use super::*;
use crate::report::stack::{Activity, Role};
use crate::symbols::Frame;

const SECOND: u64 = 1_000_000_000;

fn frames(functions: &[&str]) -> Vec<Frame> {
    let frame = |function: &&str| Frame {
        function: Some((*function).into()),
        file: function.starts_with("shop::").then(|| "src/main.rs".into()),
        line: function.starts_with("shop::").then_some(7),
        ..Frame::unknown(0)
    };
    functions.iter().map(frame).collect()
}

fn thread(tid: u32, role: Role, activity: Activity, functions: &[&str]) -> SeenThread {
    SeenThread {
        tid,
        name: "tokio-rt-worker".to_owned(),
        role,
        activity,
        state: if activity == Activity::Running { "running" } else { "futex wait" }.to_owned(),
        state_letter: if activity == Activity::Running { 'R' } else { 'S' },
        cpu_ns: Some(1),
        futex: None,
        task: (role == Role::TokioWorker).then_some(9),
        task_name: None,
        addresses: vec![u64::from(tid)],
        frames: frames(functions),
    }
}

/// Three dumps, two seconds apart.
fn dumps(threads: &[SeenThread]) -> Known<Vec<Dump>> {
    Known::Value((0..3).map(|number| Dump::new(number * 2 * SECOND, threads.to_vec())).collect())
}

fn activity(tid: u32, state: char, running_ns: u64, runnable_ns: u64) -> ThreadActivity {
    ThreadActivity {
        tid,
        name: "worker".to_owned(),
        state,
        running_ns: Known::Value(running_ns),
        runnable_ns: Known::Value(runnable_ns),
        is_agent: false,
    }
}

/// A window of a second on two CPUs, with one worker whose counters stand still.
fn stats(threads: Vec<ThreadActivity>) -> StatsReply {
    let worker = WorkerStats { parked: false, parks: 0, tokio_busy_ns: 0, busy_ns: Known::Value(SECOND) };
    StatsReply {
        uptime_ns: Known::Value(60 * SECOND),
        user_cpu_ns: Known::Value(0),
        system_cpu_ns: Known::Value(0),
        cpus_online: Known::Value(2),
        cpus_allowed: Known::Value(2),
        cpu_quota_milli: Known::Value(None),
        throttled_periods: Known::Value(0),
        threads: Known::Value(Vec::new()),
        descriptors: Known::Value(20),
        descriptors_limit: Known::Value(1024),
        voluntary_switches: Known::Value(0),
        involuntary_switches: Known::Value(0),
        window_ns: SECOND,
        runtimes: vec![RuntimeStats {
            name: "main".to_owned(),
            flavor: "multi_thread".to_owned(),
            workers: vec![worker],
            alive_tasks: 4,
            global_queue: 0,
            tasks: Known::Value(TaskStates::default()),
        }],
        thread_activity: threads,
        agent: AgentStats {
            uptime_ns: 0,
            address: String::new(),
            connections: 0,
            open_connections: 0,
            requests: 0,
            refused_users: 0,
            refused_tokens: 0,
            refused_limits: 0,
            malformed: 0,
            busy: 0,
            cancelled: 0,
            dropped: 0,
            cpu_ns: Known::Value(0),
            sent_bytes: 0,
            denied: Tail::absent(),
        },
        totals: Tail::absent(),
    }
}

fn seen() -> Seen {
    Seen { window_ns: 4 * SECOND, ..Seen::nothing("not asked", "") }
}

fn kinds(seen: &Seen) -> Vec<Kind> {
    diagnose(seen).findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn without_anything_seen_nothing_is_found_and_every_kind_says_so() {
    let diagnosis = diagnose(&seen());
    assert!(diagnosis.findings.is_empty());
    for looked_at in &diagnosis.looked_at {
        assert!(looked_at.at.is_empty() && !looked_at.gaps.is_empty(), "{looked_at:?}");
    }
}

#[test]
fn a_worker_that_never_ran_between_the_dumps_is_stuck() {
    let stuck = thread(1, Role::TokioWorker, Activity::Blocked, &["nanosleep", "shop::reserve"]);
    let mut seen = seen();
    seen.dumps = dumps(std::slice::from_ref(&stuck));
    let found = diagnose(&seen).findings;
    assert_eq!(found[0].kind, Kind::StuckWorker);
    assert_eq!(found[0].concerned[0].place.as_ref().unwrap().function, "shop::reserve");
    // One that used CPU in between is in another call by now.
    let Known::Value(all) = &mut seen.dumps else { unreachable!() };
    all[2].threads[0].cpu_ns = Some(2);
    assert!(!kinds(&seen).contains(&Kind::StuckWorker));
    // What gave its worker away may block.
    let outside = ["nanosleep", "shop::reserve", "tokio::task::blocking::block_in_place"];
    seen.dumps = dumps(&[thread(1, Role::TokioWorker, Activity::Blocked, &outside)]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn a_running_worker_is_stuck_only_after_more_cpu_than_many_short_polls_take() {
    let mut seen = seen();
    seen.dumps = dumps(&[thread(1, Role::TokioWorker, Activity::Running, &["shop::spin"])]);
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'R', SECOND, 0)]); 4]);
    let found = diagnose(&seen).findings;
    assert_eq!(found[0].kind, Kind::StuckWorker);
    assert!(found[0].caution.contains("up to 61 polls"), "{found:?}");
    // Half of a CPU: 61 polls of 50 ms may be hidden in that.
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'R', SECOND / 2, 0)]); 4]);
    let unsure = diagnose(&seen);
    assert!(unsure.findings.is_empty());
    assert!(unsure.looked_at.iter().any(|one| one.gaps.iter().any(|gap| gap.what.contains("thread 1"))));
    // Tokio counted, so polls ended.
    let mut counted = stats(vec![activity(1, 'R', SECOND, 0)]);
    counted.runtimes[0].workers[0].tokio_busy_ns = 1;
    seen.stats = Known::Value(vec![counted; 4]);
    assert_eq!(kinds(&seen), []);
    // Its task has another id each time that it is captured.
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'R', SECOND, 0)]); 4]);
    let spins = thread(1, Role::TokioWorker, Activity::Running, &["shop::spin"]);
    seen.dumps = dumps(&[SeenThread { task: None, task_name: Some("shop::spin".into()), ..spins }]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn threads_that_sleep_in_locks_all_the_time_are_a_convoy_and_waiting_for_work_is_not() {
    let lock = ["syscall", "<std::sys::sync::mutex::futex::Mutex>::lock_contended", "shop::pay"];
    let waiter = |tid| thread(tid, Role::Other, Activity::Blocked, &lock);
    let mut seen = seen();
    seen.dumps = dumps(&[waiter(1), waiter(2)]);
    let found = diagnose(&seen).findings;
    assert_eq!((found.len(), found[0].kind), (1, Kind::LockConvoy));
    assert_eq!(found[0].concerned[0].threads, [1, 2]);
    // A third one has the lock and waits for work there.
    let receives = ["syscall", "std::sync::mpsc::Receiver<T>::recv", "shop::pay"];
    seen.dumps = dumps(&[waiter(1), waiter(2), thread(3, Role::Other, Activity::Blocked, &receives)]);
    assert_eq!(kinds(&seen), []);
    let condvar = ["syscall", "std::sync::Condvar::wait", lock[1], "shop::pay"];
    let waits = |tid| thread(tid, Role::Other, Activity::Blocked, &condvar);
    seen.dumps = dumps(&[waits(1), waits(2)]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn the_same_line_asleep_in_several_dumps_blocks_workers() {
    let mut seen = seen();
    let mut moments = Vec::new();
    for number in 0..3 {
        let mut sleeps = thread(1, Role::TokioWorker, Activity::Blocked, &["nanosleep", "shop::reserve"]);
        (sleeps.cpu_ns, sleeps.task, sleeps.state) = (Some(number), Some(number), "sleep".to_owned());
        let busy = thread(1, Role::TokioWorker, Activity::Running, &["shop::other"]);
        moments.push(Dump::new(number * SECOND, vec![if number == 1 { busy } else { sleeps }]));
    }
    seen.dumps = Known::Value(moments.clone());
    let found = diagnose(&seen).findings;
    assert_eq!((found[0].kind, &found[0].concerned[0].tasks[..]), (Kind::BlockingCall, &[0, 2][..]));
    moments[2].threads.clear();
    seen.dumps = Known::Value(moments);
    assert_eq!(kinds(&seen), [], "caught once");
}

#[test]
fn threads_that_wait_for_a_cpu_are_starved_unless_the_program_uses_all_cpus_itself() {
    let mut seen = seen();
    let starved =
        vec![activity(1, 'R', SECOND / 10, SECOND * 9 / 10), activity(2, 'R', SECOND / 10, SECOND / 2)];
    seen.stats = Known::Value(vec![stats(starved); 3]);
    assert_eq!(kinds(&seen), [Kind::CpuStarvation]);
    // Six busy threads on two CPUs that they use fully.
    let full = (1..7).map(|tid| activity(tid, 'R', SECOND / 3, SECOND * 2 / 3)).collect();
    seen.stats = Known::Value(vec![stats(full); 3]);
    assert_eq!(kinds(&seen), []);
    // One that got no CPU at all: the kernel has not counted its waiting yet.
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'R', 0, 0)]); 3]);
    assert_eq!(kinds(&seen), [Kind::CpuStarvation]);
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'S', 0, 0)]); 3]);
    assert_eq!(kinds(&seen), []);
    // It draws pictures: ready at every look by chance, and its waits are counted.
    seen.stats = Known::Value(vec![stats(vec![activity(1, 'R', SECOND * 6 / 100, SECOND * 4 / 100)]); 3]);
    assert_eq!(kinds(&seen), []);
    let throttled = |periods| {
        let mut stats = stats(vec![activity(1, 'R', SECOND / 2, SECOND / 2)]);
        stats.cpu_quota_milli = Known::Value(Some(500));
        stats.throttled_periods = Known::Value(periods);
        stats.uptime_ns = Known::Value(60 * SECOND + periods * 100_000_000);
        stats
    };
    seen.stats = Known::Value(vec![throttled(0), throttled(10), throttled(20)]);
    assert_eq!(kinds(&seen), [Kind::CpuStarvation]);
}

#[test]
fn a_full_pool_whose_threads_wait_for_a_cpu_is_starved_and_not_too_small() {
    let mut line = crate::schedtrace::tests::line(2);
    let counted = [&mut line.blocking_queue, &mut line.idle_blocking_threads, &mut line.blocking_threads];
    counted.into_iter().zip([3, 0, 2]).for_each(|(field, value)| *field = Known::Value(value));
    let pool = |activity| [1, 2].map(|tid| thread(tid, Role::TokioBlocking, activity, &["shop::compress"]));
    let mut seen = seen();
    seen.schedulers = Known::Value(vec![vec![line]; 4]);
    seen.dumps = dumps(&pool(Activity::Running));
    assert_eq!(kinds(&seen), [Kind::BlockingPoolFull]);
    let starved = [1, 2].map(|tid| activity(tid, 'R', SECOND / 10, SECOND / 2)).to_vec();
    seen.stats = Known::Value(vec![stats(starved); 3]);
    assert_eq!(kinds(&seen), [Kind::CpuStarvation]);
    let looked_at = diagnose(&seen).looked_at;
    let pools = looked_at.iter().find(|one| one.kind == Kind::BlockingPoolFull).unwrap();
    assert!(format!("{:?}", pools.gaps).contains("its threads wait for a CPU"), "{pools:?}");
    // Threads of the pool that sleep need no CPU.
    seen.dumps = dumps(&pool(Activity::Blocked));
    assert!(kinds(&seen).starts_with(&[Kind::BlockingPoolFull]));
}

fn memory(at_ns: u64, fields: &[(&str, &str, u64)]) -> MemoryLook {
    let mut sections: BTreeMap<&str, Vec<Field>> = BTreeMap::new();
    for (section, name, value) in fields {
        let (name, source) = ((*name).to_owned(), String::new());
        let field = Field { name, unit: Unit::Bytes, value: Known::Value(*value), source };
        sections.entry(section).or_default().push(field);
    }
    let sections = sections.into_iter().map(|(name, fields)| Section { name: name.to_owned(), fields });
    MemoryLook::new(at_ns, MemstatsReply { sections: sections.collect() })
}

#[test]
fn a_heap_that_grows_all_the_time_is_found_and_one_that_was_larger_is_not() {
    let look = |number: u64, live: u64, peak: u64| {
        let fields = [
            ("heap", "alloc", live << 20),
            ("process", "rss", 64 << 20),
            ("process", "rss-peak", peak << 20),
        ];
        memory(number * SECOND, &fields)
    };
    let looks =
        |lives: [u64; 5], peak| (0..).zip(lives).map(|(number, live)| look(number, live, peak)).collect();
    let mut seen = seen();
    seen.memory = Known::Value(looks([10, 12, 14, 16, 18], 64));
    let found = diagnose(&seen).findings;
    assert_eq!(found[0].kind, Kind::GrowingHeap);
    assert!(found[0].what.contains("120.00MB a minute"), "{found:?}");
    assert!(!found[0].caution.is_empty() && found[0].more[0].0.contains("leaks"));
    for (lives, peak) in [([10, 12, 11, 16, 18], 64), ([10, 18, 18, 18, 18], 64), ([10, 12, 14, 16, 18], 100)]
    {
        seen.memory = Known::Value(looks(lives, peak));
        assert_eq!(kinds(&seen), [], "{lives:?}");
    }
}

#[test]
fn memory_and_descriptors_near_their_limits_are_found() {
    let cgroup = |headroom: u64, reclaimable: u64| {
        let fields = [
            ("cgroup", "limit", 100),
            ("cgroup", "headroom", headroom),
            ("cgroup", "reclaimable-file", reclaimable),
        ];
        vec![memory(0, &fields)]
    };
    let mut seen = seen();
    seen.memory = Known::Value(cgroup(5, 0));
    assert_eq!(kinds(&seen), [Kind::MemoryLimit]);
    // The kernel drops clean file pages first.
    seen.memory = Known::Value(cgroup(5, 40));
    assert_eq!(kinds(&seen), []);
    seen.memory = Known::Value(vec![memory(0, &[("process", "virtual", 95)])]);
    seen.limits = Known::Value(Limits::parse(
        "Max data size unlimited unlimited bytes\nMax address space 100 100 bytes\n",
    ));
    assert_eq!(kinds(&seen), [Kind::MemoryLimit]);

    let mut stats = stats(Vec::new());
    stats.descriptors = Known::Value(1000);
    seen.stats = Known::Value(vec![stats; 2]);
    assert_eq!(kinds(&seen), [Kind::Descriptors, Kind::MemoryLimit]);
}

#[test]
fn tasks_that_pile_up_are_found_with_their_kind_and_a_load_that_varies_is_not() {
    let windows = |counts: [u64; 4]| {
        let of = |count| {
            let mut stats = stats(Vec::new());
            stats.runtimes[0].alive_tasks = count;
            stats
        };
        Known::Value(counts.map(of).to_vec())
    };
    let look = |waits| {
        let kinds = [("shop::wait".to_owned(), waits), ("shop::serve".to_owned(), 10)];
        TaskLook { listed: waits, kinds: kinds.into(), ..TaskLook::default() }
    };
    let mut seen = seen();
    seen.stats = windows([100, 150, 200, 260]);
    seen.tasks = Known::Value(vec![look(90), look(270)]);
    let found = diagnose(&seen).findings;
    assert_eq!((found.len(), found[0].kind), (1, Kind::GrowingTasks));
    assert!(found[0].what.contains("shop::wait") && found[0].more[0].0.contains("--match 'shop::wait'"));
    seen.stats = windows([100, 250, 200, 260]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn a_ring_that_is_in_every_list_is_a_deadlock() {
    let step = |task: u64| StepSeen {
        task,
        name: "shop::sell".to_owned(),
        waits_for: format!("Mutex {task:#x}"),
        place: None,
        kept: None,
    };
    let look = |tasks: [u64; 2]| {
        let ring = tasks.map(step).to_vec();
        TaskLook { listed: 2, deadlocks: vec![DeadlockSeen { ring, behind: 0 }], ..TaskLook::default() }
    };
    let mut seen = seen();
    seen.tasks = Known::Value(vec![look([1, 2]), look([2, 1])]);
    let found = diagnose(&seen).findings;
    assert_eq!((found.len(), found[0].kind), (1, Kind::Deadlock));
    assert_eq!(found[0].concerned[0].does, "waits for Mutex 0x2, held by task 1");
    seen.tasks = Known::Value(vec![look([1, 2]), look([3, 4])]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn a_ring_of_a_task_and_a_future_that_it_does_not_poll_is_a_futurelock() {
    let place = Place { function: "shop::refresh".to_owned(), file: None, line: Some(5) };
    let look = |is_given| {
        let kept = Some(KeptSeen { place: place.clone(), is_given });
        let (task, name, waits_for) = (7, "shop::sell".to_owned(), "Mutex 0x2".to_owned());
        let ring = vec![StepSeen { task, name, waits_for, place: None, kept }];
        TaskLook { listed: 1, deadlocks: vec![DeadlockSeen { ring, behind: 1 }], ..TaskLook::default() }
    };
    for is_given in [true, false] {
        let mut seen = seen();
        seen.tasks = Known::Value(vec![look(is_given), look(is_given)]);
        let found = diagnose(&seen).findings;
        assert_eq!((found.len(), found[0].kind), (1, Kind::Futurelock));
        assert_eq!(found[0].concerned[1].place.as_ref().unwrap(), &place);
        assert_eq!(found[0].caution.is_empty(), is_given, "{found:?}");
        seen.tasks = Known::Value(vec![look(is_given), TaskLook::default()]);
        assert_eq!(kinds(&seen), []);
    }
}

#[test]
fn timers_that_are_late_in_both_lists_are_found() {
    let look = |late: &[u64]| {
        let timer = |late_ms: &u64| LateTimer {
            task: 3,
            name: "shop::tick".to_owned(),
            runtime: "main".to_owned(),
            late_ns: late_ms * 1_000_000,
            place: None,
        };
        TaskLook { late_timers: Some(late.iter().map(timer).collect()), timers: 9, ..TaskLook::default() }
    };
    let mut seen = seen();
    seen.stats = Known::Value(vec![stats(Vec::new()); 3]);
    seen.tasks = Known::Value(vec![look(&[700]), look(&[3700, 900, 20])]);
    let found = diagnose(&seen).findings;
    assert_eq!((found.len(), found[0].kind), (1, Kind::TimersLate));
    assert_eq!(found[0].what, "timers of 2 tasks are up to 3.7s late");
    assert!(found[0].evidence[1].contains("parked 0 times in 3s"), "{found:?}");
    for (first, last) in [(&[][..], &[1600][..]), (&[700], &[700])] {
        seen.tasks = Known::Value(vec![look(first), look(last)]);
        assert_eq!(kinds(&seen), [Kind::TimersLate], "{last:?}");
    }
    for lates in [[&[700][..], &[20]], [&[], &[700]]] {
        seen.tasks = Known::Value(lates.map(look).to_vec());
        assert_eq!(kinds(&seen), []);
    }
    // An older agent.
    seen.tasks = Known::Value(vec![TaskLook::default(); 2]);
    assert!(diagnose(&seen).looked_at.iter().any(|one| one.gaps.iter().any(|gap| gap.what == "timers")));
}
