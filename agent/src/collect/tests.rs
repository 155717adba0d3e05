//! Tests of `stack` and `pprof-cpu` through `answer`, as a connection calls it: the order of parts, typed errors,
//! notes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use rgops_capture::sampler::CpuSampler;
use rgops_capture::testing::{Worker, alone, block_on, deep, disposition, wait_asleep};
use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::codec::{self, Decode};
use rgops_protocol::error::Code;
use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::{End, NoteKind, Progress};
use rgops_protocol::request::{PprofCpuRequest, Request, StackRequest};
use rgops_protocol::wire::{HEADER_BYTES, Kind, MAX_PACKET_BYTES};
use tokio::sync::watch;

use crate::collect::{self, Context, Finish, Sink, Stop};

/// Answers `request` and requests to finish after `finish_after` data packets. Returns the end and all packets.
fn answer(request: Request, finish_after: usize) -> (Result<End, Stop>, Vec<Vec<u8>>) {
    block_on(async {
        let (packets, mut received) = tokio::sync::mpsc::channel::<Vec<u8>>(4);
        let (request_finish, finish) = watch::channel(false);
        let reader = tokio::spawn(async move {
            let (mut all, mut with_data) = (Vec::new(), 0);
            while let Some(packet) = received.recv().await {
                with_data += usize::from(packet[4] == Kind::Data as u8);
                all.push(packet);
                if with_data == finish_after {
                    let _ = request_finish.send(true);
                }
            }
            drop(request_finish);
            all
        });
        let sink = Sink::new(packets, PROTOCOL_VERSION);
        let context = Arc::new(Context::for_tests());
        let end = collect::answer(request, Ok(()), &context, &sink, &mut Finish::new(finish)).await;
        drop(sink);
        (end, reader.await.unwrap())
    })
}

fn of_kind<T: Decode<()>>(packets: &[Vec<u8>], kind: Kind) -> Vec<T> {
    assert!(packets.iter().all(|packet| packet.len() <= HEADER_BYTES + MAX_PACKET_BYTES));
    let packets = packets.iter().filter(|packet| packet[4] == kind as u8);
    packets.map(|packet| codec::decode(&packet[HEADER_BYTES..]).unwrap()).collect()
}

#[test]
fn a_profile_begins_with_its_period_and_ends_with_its_clocks() {
    let _alone = alone();
    let _spinning = Worker::spinning();
    let (end, packets) = answer(Request::PprofCpu(PprofCpuRequest { duration_ms: 400, hz: 999 }), usize::MAX);
    let notes = end.unwrap().notes;
    assert!(notes.iter().all(|note| note.kind != NoteKind::EndedEarly), "{notes:?}");
    let parts: Vec<PprofCpuPart> = of_kind(&packets, Kind::Data);
    let PprofCpuPart::Start(start) = &parts[0] else { panic!("{:?}", parts[0]) };
    assert_eq!((start.period_ns, &*start.engine), (1_001_001, "native"));
    assert!(matches!(parts[1], PprofCpuPart::Modules(_)));
    let Some(PprofCpuPart::Totals(totals)) = parts.last() else { panic!("no totals") };
    let sent: u64 = parts
        .iter()
        .map(|part| match part {
            PprofCpuPart::Samples(samples) => samples.len() as u64,
            _ => 0,
        })
        .sum();
    assert_eq!(sent, totals.samples);
    assert!(sent > 0 && totals.duration_ns >= 400_000_000);
    let progress: Vec<Progress> = of_kind(&packets, Kind::Progress);
    assert!(progress.iter().all(|progress| progress.total_ms == 400) && !progress.is_empty());
}

#[test]
fn a_profile_that_is_finished_early_keeps_its_samples_and_has_a_note() {
    let _alone = alone();
    let _spinning = Worker::spinning();
    let (end, packets) = answer(Request::PprofCpu(PprofCpuRequest { duration_ms: 600_000, hz: 999 }), 4);
    let parts: Vec<PprofCpuPart> = of_kind(&packets, Kind::Data);
    let Some(PprofCpuPart::Totals(totals)) = parts.last() else { panic!("no totals") };
    assert!(totals.samples > 0 && totals.duration_ns < 600_000_000_000);
    let notes = end.unwrap().notes;
    let early = notes.iter().find(|note| note.kind == NoteKind::EndedEarly).unwrap();
    assert!(early.why.starts_with("ended on request after "), "{}", early.why);
}

#[test]
fn rates_and_times_out_of_range_are_refused_with_the_range() {
    for (duration_ms, hz) in [(1000, 0), (1000, 10_001), (0, 99), (3_600_001, 99), (u64::MAX, u32::MAX)] {
        let (end, packets) = answer(Request::PprofCpu(PprofCpuRequest { duration_ms, hz }), usize::MAX);
        let Err(Stop::Failed(error)) = end else { panic!("{duration_ms} ms at {hz} Hz was accepted") };
        assert_eq!(error.code(), Code::Malformed);
        assert!(error.why.contains("10000") && error.why.contains("3600"), "{}", error.why);
        assert!(packets.is_empty());
    }
}

#[test]
fn a_cancelled_profile_restores_the_signal_handler() {
    let _alone = alone();
    // glibc sets SA_RESTORER in every disposition it installs, so it stays set after the first profile of a process.
    CpuSampler::start(99).unwrap().stop();
    let before = disposition();
    let _spinning = Worker::spinning();
    block_on(async {
        let (packets, _received) = tokio::sync::mpsc::channel(1);
        let (_request_finish, finish) = watch::channel(false);
        let (sink, context) = (Sink::new(packets, PROTOCOL_VERSION), Arc::new(Context::for_tests()));
        let request = Request::PprofCpu(PprofCpuRequest { duration_ms: 60_000, hz: 999 });
        let mut finish = Finish::new(finish);
        let answer = collect::answer(request, Ok(()), &context, &sink, &mut finish);
        assert!(tokio::time::timeout(Duration::from_millis(100), answer).await.is_err());
    });
    assert_eq!(disposition(), before);
    CpuSampler::start(99).unwrap().stop();
}

#[test]
fn stacks_come_after_their_modules_and_are_cut_to_the_requested_depth() {
    let _alone = alone();
    let worker = Worker::repeat(|| {
        deep(50, &mut std::thread::park);
    });
    wait_asleep(worker.tid);
    let (end, packets) = answer(Request::Stack(StackRequest { max_depth: 20 }), usize::MAX);
    let parts: Vec<StackPart> = of_kind(&packets, Kind::Data);
    assert!(matches!(parts[0], StackPart::Modules(_)));
    let Some(StackPart::Summary(summary)) = parts.last() else { panic!("no summary") };
    let threads: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            StackPart::Threads(threads) => Some(threads),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(threads.len(), summary.threads as usize);
    let parked = threads.iter().find(|thread| thread.tid == worker.tid).unwrap();
    assert_eq!(parked.stack.frames.len(), 20);
    let notes = end.unwrap().notes;
    assert!(notes.iter().any(|note| note.kind == NoteKind::Truncated && note.count >= 1), "{notes:?}");
}
