//! Tests that trace their own process.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};

use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::codec;
use rgops_protocol::reply::Known;
use rgops_protocol::reply::stack::SystemCall;
use rgops_protocol::reply::trace::{ThreadPoint, TraceThread};
use rgops_protocol::wire::{self, Kind};
use tokio::sync::{mpsc, watch};

use std::sync::Arc;

use rgops_capture::procfs;
use rgops_protocol::error::Code;
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::reply::{End, NoteKind};
use rgops_protocol::request::TraceRequest;

use super::collector::collect;
use crate::collect::{Context, Finish, Sink, Stop};

const REQUEST: TraceRequest = TraceRequest { duration_ms: 400, hz: 0, interval_us: 2_000 };

/// All parts of a trace, and its end.
async fn trace(request: TraceRequest, finish: Finish) -> (Vec<TracePart>, End) {
    let context = Arc::new(Context::for_tests());
    context.runtimes.add(&tokio::runtime::Handle::current(), "main");
    let (sender, mut packets) = mpsc::channel(4);
    let sink = Sink::new(sender, PROTOCOL_VERSION);
    let mut finish = finish;
    let answer = async {
        let end = collect(request, &context, &sink, &mut finish).await.unwrap();
        drop(sink);
        end
    };
    let parts = async {
        let mut parts = Vec::new();
        while let Some(packet) = packets.recv().await {
            let header =
                wire::Header::parse(packet[..wire::HEADER_BYTES].try_into().unwrap(), wire::MAX_PACKET_BYTES)
                    .unwrap();
            if header.kind == Kind::Data {
                parts.push(codec::decode(&packet[wire::HEADER_BYTES..]).unwrap());
            }
        }
        parts
    };
    let (end, parts) = tokio::join!(answer, parts);
    (parts, end)
}

fn threads(parts: &[TracePart]) -> Vec<&TraceThread> {
    parts
        .iter()
        .flat_map(|part| if let TracePart::Threads(threads) = part { &threads[..] } else { &[] })
        .collect()
}

fn points_of(parts: &[TracePart], tid: u32) -> Vec<ThreadPoint> {
    let points = |part: &'_ TracePart| {
        if let TracePart::Activity(points) = part { points.clone() } else { Vec::new() }
    };
    parts.iter().flat_map(points).filter(|point| point.tid == tid).collect()
}

/// How long a thread ran and waited for a CPU, as the kernel reports it.
fn schedstat(tid: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).unwrap();
    let mut numbers = text.split(' ').map(|number| number.parse::<u64>().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// In its own process: tests that capture stacks interrupt every thread of the process meanwhile.
#[test]
fn a_spinning_thread_runs_and_a_blocked_thread_has_few_points_and_its_system_call() {
    rgops_capture::testing::run_alone("collect::trace::tests::one_thread_spins_and_one_is_blocked");
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn one_thread_spins_and_one_is_blocked() {
    let stop = Arc::new(AtomicBool::new(false));
    let (send_tid, tid) = std::sync::mpsc::channel();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let spinner = std::thread::Builder::new().name("traced-spins".into()).spawn({
        let stop = stop.clone();
        move || {
            send_tid.send(procfs::threads::own_id().unwrap()).unwrap();
            while !stop.load(Ordering::Relaxed) {}
        }
    });
    let tid = tid.recv().unwrap();
    let (send_blocked, blocked_tid) = std::sync::mpsc::channel();
    let blocked = std::thread::Builder::new().name("traced-blocked".into()).spawn(move || {
        send_blocked.send(procfs::threads::own_id().unwrap()).unwrap();
        let _ = held.recv();
    });
    let blocked_tid = blocked_tid.recv().unwrap();
    rgops_capture::testing::wait_asleep(blocked_tid);
    let (_request, finish) = watch::channel(false);
    let mut duration_ms = REQUEST.duration_ms;
    // The trace grows until the machine gives it enough CPU time for 10 readings.
    let (before, parts, end, after) = loop {
        let before = schedstat(tid);
        let (parts, end) = trace(TraceRequest { duration_ms, ..REQUEST }, Finish::new(finish.clone())).await;
        let readings = match parts.last() {
            Some(TracePart::Totals(totals)) => totals.readings,
            _ => 0,
        };
        if readings > 10 && points_of(&parts, tid).len() > 10 {
            break (before, parts, end, schedstat(tid));
        }
        duration_ms = (duration_ms * 2).min(60_000);
    };
    stop.store(true, Ordering::Relaxed);
    drop(hold);
    spinner.unwrap().join().unwrap();
    blocked.unwrap().join().unwrap();

    let Some(TracePart::Start(start)) = parts.first() else { panic!("{parts:?}") };
    assert_eq!(
        (start.interval_ns, start.period_ns, &start.runtimes[..]),
        (2_000_000, 0, &["main".to_owned()][..])
    );
    assert!(!start.no_samples.is_empty());
    let Some(TracePart::Totals(totals)) = parts.last() else { panic!("{parts:?}") };
    assert!(totals.duration_ns >= 400_000_000 && totals.readings > 10, "{totals:?}");
    assert!(totals.process_cpu_ns > totals.agent_cpu_ns, "{totals:?}");
    assert!(parts.iter().any(|part| matches!(part, TracePart::Runtimes(points) if !points.is_empty())));
    assert!(end.notes.iter().all(|note| note.kind == NoteKind::Approximate), "{end:?}");

    let by_name = |name: &str| threads(&parts).iter().find(|thread| thread.name == name).unwrap().tid;
    assert_eq!(by_name("traced-spins"), tid);
    let spinner = points_of(&parts, tid);
    let (first, last) = (&spinner[0], &spinner[spinner.len() - 1]);
    // It only runs or waits for a CPU, and its clocks are those of the kernel.
    assert!(spinner.iter().all(|point| point.state == 'R'), "{spinner:?}");
    let clocks = |point: &ThreadPoint| (point.running_ns, point.runnable_ns);
    let grow = |pair: &[ThreadPoint]| {
        let ((ran, waited), (runs, waits)) = (clocks(&pair[0]), clocks(&pair[1]));
        pair[0].time_ns <= pair[1].time_ns && ran <= runs && waited <= waits
    };
    assert!(spinner.windows(2).all(grow), "{spinner:?}");
    assert!(before.0 <= first.running_ns && before.1 <= first.runnable_ns, "{before:?} {first:?}");
    assert!(last.running_ns <= after.0 && last.runnable_ns <= after.1, "{after:?} {last:?}");
    assert!(first.running_ns < last.running_ns, "{first:?} {last:?}");

    assert_eq!(by_name("traced-blocked"), blocked_tid);
    let blocked = points_of(&parts, blocked_tid);
    let last = &blocked[blocked.len() - 1];
    assert!(blocked.len() <= 4, "{blocked:?}");
    assert_eq!(last.state, 'S');
    let Known::Value(SystemCall::Number { number, .. }) = last.system_call else { panic!("{last:?}") };
    assert_eq!(i64::from(number), libc::SYS_futex);
}

#[tokio::test]
async fn a_trace_ends_on_request_and_has_a_note() {
    let (request_finish, finish) = watch::channel(false);
    request_finish.send(true).unwrap();
    let request = TraceRequest { duration_ms: 60_000, ..REQUEST };
    let (parts, end) = trace(request, Finish::new(finish)).await;
    assert!(matches!(parts.last(), Some(TracePart::Totals(_))));
    assert!(end.notes.iter().any(|note| note.kind == NoteKind::EndedEarly), "{end:?}");
}

#[tokio::test]
async fn durations_and_rates_out_of_range_are_refused() {
    let context = Arc::new(Context::for_tests());
    let (_request_finish, finish) = watch::channel(false);
    let (sender, _packets) = mpsc::channel(4);
    for request in [
        TraceRequest { duration_ms: 0, ..REQUEST },
        TraceRequest { duration_ms: 3_600_001, ..REQUEST },
        TraceRequest { hz: 10_001, ..REQUEST },
    ] {
        let answer = collect(
            request,
            &context,
            &Sink::new(sender.clone(), PROTOCOL_VERSION),
            &mut Finish::new(finish.clone()),
        )
        .await;
        assert!(matches!(answer, Err(Stop::Failed(error)) if error.code == Code::Malformed as u16));
    }
}
