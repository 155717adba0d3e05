//! Deadlocks are found, and tasks that can continue are not reported.

use std::sync::Arc;

use crate::graph::WaitGraph;
use crate::model::{AsyncStack, Node, NodeKind, Resource, ResourceKind, State, Task, Tasks, TypeName};

fn resource(kind: ResourceKind, avma: u64) -> Resource {
    Resource { kind, avma, detail: None }
}

fn mutex(avma: u64) -> Resource {
    resource(ResourceKind::Mutex, avma)
}

fn task(id: u64, waits_on: &[Resource], holds: &[Resource]) -> Task {
    let name = TypeName { short: "leaf".into(), raw: "leaf".into() };
    let node = |waits_on: Option<Resource>, children| {
        let kind = NodeKind::Select;
        let node =
            Node { name: name.clone(), kind, location: None, waits_on, children, children_left_out: 0 };
        Arc::new(node)
    };
    let leaves = waits_on.iter().map(|on| node(Some(on.clone()), Vec::new())).collect();
    Task {
        runtime: 0,
        id,
        header_avma: id << 8,
        state: State::Idle,
        is_cancelled: false,
        references: 1,
        tid: None,
        future: None,
        poll_avma: 0,
        stack: AsyncStack::Decoded(node(None, leaves)),
        holds: holds.to_vec(),
        set_aside: Vec::new(),
        due_ns: None,
        goes_on: false,
    }
}

fn graph(tasks: Vec<Task>) -> WaitGraph {
    let mut all = Tasks { tasks, ..Tasks::default() };
    all.counts.listed = all.tasks.len() as u64;
    WaitGraph::new(&all)
}

fn tasks_of(ring: &[(usize, usize)]) -> Vec<usize> {
    ring.iter().map(|(task, _)| *task).collect()
}

#[test]
fn three_tasks_two_mutexes_and_a_join_handle_are_a_ring_with_others_behind() {
    let handle = resource(ResourceKind::Task, 2 << 8);
    let graph = graph(vec![
        task(0, &[mutex(0xb)], &[mutex(0xa)]),
        task(1, &[handle], &[resource(ResourceKind::Semaphore, 0xb)]),
        task(2, &[mutex(0xa)], &[]),
        task(3, &[mutex(0xa)], &[]),
        task(4, &[resource(ResourceKind::Task, 3 << 8)], &[]),
        task(5, &[resource(ResourceKind::Timer, 0)], &[]),
    ]);
    assert_eq!(graph.deadlocks.len(), 1, "{graph:?}");
    let deadlock = &graph.deadlocks[0];
    assert_eq!(tasks_of(&deadlock.ring), [0, 1, 2]);
    let resources: Vec<u64> =
        deadlock.ring.iter().map(|(_, resource)| graph.resources[*resource].resource.avma).collect();
    assert_eq!(resources, [0xb, 2 << 8, 0xa]);
    assert_eq!((&deadlock.also[..], &deadlock.behind[..]), (&[][..], &[3, 4][..]));
    assert_eq!(graph.resources[0].waiters, [2, 3], "the most waited for comes first");
    assert_eq!(tasks_of(&graph.chain(4, 10)), [4, 3, 0, 1, 2]);
}

#[test]
fn a_task_that_waits_for_its_own_lock_is_a_ring_of_one() {
    let graph = graph(vec![task(7, &[mutex(0xa)], &[mutex(0xa)])]);
    assert_eq!(tasks_of(&graph.deadlocks[0].ring), [0]);
}

#[test]
fn tasks_with_a_way_out_are_not_deadlocked() {
    let timer = resource(ResourceKind::Timer, 0);
    let with_timeout =
        vec![task(0, &[mutex(0xb), timer], &[mutex(0xa)]), task(1, &[mutex(0xa)], &[mutex(0xb)])];
    assert_eq!(graph(with_timeout).deadlocks, []);

    let mut runs = vec![task(0, &[mutex(0xb)], &[mutex(0xa)]), task(1, &[mutex(0xa)], &[mutex(0xb)])];
    runs[1].state = State::Scheduled;
    assert_eq!(graph(runs).deadlocks, []);

    let mut cut = vec![task(0, &[mutex(0xb)], &[mutex(0xa)]), task(1, &[mutex(0xa)], &[mutex(0xb)])];
    let AsyncStack::Decoded(node) = cut[0].stack.clone() else { panic!("decoded") };
    cut[0].stack = AsyncStack::Cut(node, "unreadable".into());
    assert_eq!(graph(cut).deadlocks, []);

    let semaphore = |avma| resource(ResourceKind::Semaphore, avma);
    let permits =
        vec![task(0, &[semaphore(0xb)], &[semaphore(0xa)]), task(1, &[semaphore(0xa)], &[semaphore(0xb)])];
    assert_eq!(graph(permits).deadlocks, []);

    // Two tasks seem to hold it: one guard is a remnant, and the owner of the other one can continue.
    let remnant = vec![
        task(0, &[mutex(0xb)], &[mutex(0xa)]),
        task(1, &[mutex(0xa)], &[mutex(0xb)]),
        task(2, &[resource(ResourceKind::Io, 7)], &[mutex(0xb)]),
    ];
    assert_eq!(graph(remnant).deadlocks, []);
}

#[test]
fn a_stuck_reader_blocks_writers_and_the_tasks_queued_behind_them() {
    let read = resource(ResourceKind::RwLockRead, 0xa);
    let write = resource(ResourceKind::RwLockWrite, 0xa);
    let graph = graph(vec![
        task(0, std::slice::from_ref(&read), std::slice::from_ref(&read)),
        task(1, &[write], &[]),
        task(2, &[read], &[]),
    ]);
    assert_eq!(tasks_of(&graph.deadlocks[0].ring), [0]);
    assert_eq!(graph.deadlocks[0].behind, [1, 2]);
}

#[test]
fn a_ring_and_a_chain_of_a_hundred_thousand_tasks_are_found_in_time() {
    const COUNT: u64 = 100_000;
    let ring = (0..COUNT).map(|id| task(id, &[mutex((id + 1) % COUNT + 1)], &[mutex(id + 1)])).collect();
    assert_eq!(graph(ring).deadlocks[0].ring.len(), COUNT as usize);
    let chain = (0..COUNT).map(|id| task(id, &[mutex(id + 2)], &[mutex(id + 1)])).collect();
    assert_eq!(graph(chain).deadlocks, []);
}

/// The time for a hostile program must be about proportional to the number of its tasks.
fn in_time(what: &str, work: impl FnOnce()) {
    let began = std::time::Instant::now();
    work();
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{what}: {:?}", began.elapsed());
}

#[test]
fn fifty_thousand_rings_with_a_chain_behind_each_take_linear_time() {
    const RINGS: u64 = 50_000;
    let ring = |ring: u64| {
        let (first, second) = (mutex(ring * 4 + 1), mutex(ring * 4 + 2));
        let (third, join) = (mutex(ring * 4 + 3), resource(ResourceKind::Task, (ring * 4 + 2) << 8));
        [
            task(ring * 4, std::slice::from_ref(&second), std::slice::from_ref(&first)),
            task(ring * 4 + 1, std::slice::from_ref(&first), std::slice::from_ref(&second)),
            task(ring * 4 + 2, std::slice::from_ref(&first), std::slice::from_ref(&third)),
            task(ring * 4 + 3, &[join], &[]),
        ]
    };
    in_time("rings", || {
        let graph = graph((0..RINGS).flat_map(ring).collect());
        assert_eq!(graph.deadlocks.len(), RINGS as usize);
        for deadlock in &graph.deadlocks {
            assert_eq!((deadlock.ring.len(), deadlock.behind.len()), (2, 2));
        }
    });
}

#[test]
fn a_lock_that_all_tasks_hold_and_wait_for_is_visited_once() {
    const COUNT: u64 = 200_000;
    let (read, write) = (resource(ResourceKind::RwLockRead, 0xa), resource(ResourceKind::RwLockWrite, 0xa));
    in_time("one lock", || {
        let all = (0..COUNT).map(|id| task(id, std::slice::from_ref(&write), std::slice::from_ref(&read)));
        let graph = graph(all.collect());
        assert_eq!(graph.deadlocks.len(), 1);
        let deadlock = &graph.deadlocks[0];
        assert_eq!((deadlock.ring.len(), deadlock.also.len()), (1, COUNT as usize - 1));
    });
}

#[test]
fn a_task_behind_several_deadlocks_is_listed_behind_the_nearest() {
    let graph = graph(vec![
        task(0, &[mutex(0xa)], &[mutex(0xa)]),
        task(1, &[mutex(0xb)], &[mutex(0xb), mutex(0xc)]),
        task(2, &[mutex(0xa)], &[mutex(0xd)]),
        task(3, &[mutex(0xc), mutex(0xd)], &[]),
    ]);
    let behind = |first: usize| {
        let mut found = graph.deadlocks.iter().filter(|deadlock| deadlock.ring[0].0 == first);
        found.next().map(|deadlock| deadlock.behind.clone())
    };
    assert_eq!((behind(0), behind(1)), (Some(vec![2]), Some(vec![3])));
}
