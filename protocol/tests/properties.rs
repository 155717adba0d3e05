//! Properties of the codec: encoded values are decoded to the same value, and invalid bytes are refused.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Debug;

use proptest::prelude::*;

use rgops_protocol::codec::{self, Decode, Encode};
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::Error;
use rgops_protocol::hello::{AgentHello, ClientHello, CommandVersion};
use rgops_protocol::reply::pprof_cpu::{CpuSample, PprofCpuPart};
use rgops_protocol::reply::pprof_heap::{Estimate, HeapBucket, HeapStack, LiveBlock, PprofHeapPart};
use rgops_protocol::reply::stack::{Capture, StackPart, SystemCall, ThreadStack};
use rgops_protocol::reply::{End, Known, Progress, Stack, StackEnd};
use rgops_protocol::request::{
    Command, Envelope, GcRequest, HeapRateRequest, PprofCpuRequest, PprofHeapRequest, Request, RequestError,
    TraceRequest,
};
use rgops_protocol::tail::Tail;
use rgops_protocol::wire::{HEADER_BYTES, Header, Kind, MAX_PACKET_BYTES, packet};

fn stacks() -> impl Strategy<Value = Stack> {
    let ends = prop_oneof![
        Just(StackEnd::Root),
        Just(StackEnd::DepthLimit),
        Just(StackEnd::Lost),
        Just(StackEnd::NotCaptured)
    ];
    (prop::collection::vec(any::<u64>(), 0..64), ends).prop_map(|(frames, end)| Stack { frames, end })
}

fn known<T: Clone + std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Known<T>> {
    prop_oneof![
        values.prop_map(Known::Value),
        (".*", ".*").prop_map(|(reason, fix)| Known::unavailable(reason, fix))
    ]
}

fn estimates() -> impl Strategy<Value = Estimate> {
    any::<[u64; 5]>().prop_map(|[samples, objects_milli, bytes, objects_variance, bytes_variance]| Estimate {
        samples,
        objects_milli,
        bytes,
        objects_variance,
        bytes_variance,
    })
}

fn threads() -> impl Strategy<Value = ThreadStack> {
    let system_calls = prop_oneof![
        Just(SystemCall::Running),
        Just(SystemCall::NotInOne),
        any::<(u32, u64)>()
            .prop_map(|(number, first_argument)| SystemCall::Number { number, first_argument }),
    ];
    let captures = prop_oneof![
        ".*".prop_map(|because| Capture::Signal { because }),
        Just(Capture::Quiet),
        Just(Capture::OwnThread),
        ".*".prop_map(|reason| Capture::Failed { reason }),
    ];
    let names = (any::<u32>(), ".*", any::<char>(), ".*", any::<bool>(), any::<Option<u64>>());
    (names, known(any::<u64>()), known(system_calls), captures, stacks()).prop_map(
        |((tid, name, state, wchan, is_agent, current_task), cpu_ns, system_call, capture, stack)| {
            ThreadStack {
                tid,
                name,
                state,
                cpu_ns,
                wchan,
                system_call,
                is_agent,
                current_task,
                capture,
                stack,
            }
        },
    )
}

/// If `bytes` are a message, it is also decoded with a tail, and its encoding is decoded to the same value.
fn any_bytes<T: Decode<()> + Encode + PartialEq + Debug>(
    bytes: &[u8],
    tail: &[u8],
) -> Result<(), TestCaseError> {
    let Ok(value) = codec::decode_message::<T>(bytes) else { return Ok(()) };
    let again = codec::encode(&value).unwrap();
    prop_assert_eq!(&codec::decode::<T>(&again).unwrap(), &value);
    prop_assert_eq!(&codec::decode_message::<T>(&[&again, tail].concat()).unwrap(), &value);
    Ok(())
}

/// For every command of the table: a part of its answer, and its request in an envelope.
macro_rules! any_parts_and_requests {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        |bytes: &[u8], tail: &[u8]| -> Result<(), TestCaseError> {
            $(
                any_bytes::<rgops_protocol::reply::$module::$part>(bytes, tail)?;
                if let Ok(arguments) = codec::decode::<rgops_protocol::request::$request>(bytes) {
                    for version in $oldest..=$newest {
                        let request = Request::from(arguments.clone());
                        let envelope = request.to_envelope(version).unwrap();
                        prop_assert_eq!(Request::from_envelope(&envelope).unwrap(), request);
                    }
                }
            )*
            Ok(())
        }
    };
}

proptest! {
    #[test]
    fn threads_round_trip(threads in prop::collection::vec(threads(), 0..8)) {
        let part = StackPart::Threads(threads);
        prop_assert_eq!(codec::decode::<StackPart>(&codec::encode(&part).unwrap()).unwrap(), part);
    }

    #[test]
    fn samples_round_trip(time_ns: u64, tid: u32, weight: u32, stack in stacks()) {
        let part = PprofCpuPart::Samples(vec![CpuSample { time_ns, tid, weight, stack }]);
        prop_assert_eq!(codec::decode::<PprofCpuPart>(&codec::encode(&part).unwrap()).unwrap(), part);
    }

    #[test]
    fn buckets_and_their_stacks_round_trip(
        id: u32, stack in stacks(), sums in prop::collection::vec(estimates(), 2..=2),
        size_bytes: u64, mean_bytes: u64, age_ns: u64,
    ) {
        for part in [
            PprofHeapPart::Stacks(vec![HeapStack { id, stack }]),
            PprofHeapPart::Buckets(vec![HeapBucket { stack: id, allocated: sums[0], freed: sums[1] }]),
            PprofHeapPart::Live(vec![LiveBlock { stack: id, size_bytes, mean_bytes, age_ns }]),
        ] {
            prop_assert_eq!(codec::decode::<PprofHeapPart>(&codec::encode(&part).unwrap()).unwrap(), part);
        }
        prop_assert_eq!(sums[0].plus(sums[1]).minus(sums[1]), sums[0]);
    }

    /// For any size and mean.
    #[test]
    fn a_block_stands_for_at_least_itself(size_bytes in 0..1u64 << 40, mean_bytes in 0..1u64 << 30) {
        let estimate = Estimate::of_block(size_bytes, mean_bytes);
        prop_assert!(estimate.samples == 1 && estimate.objects_milli >= 1000);
        prop_assert!(estimate.bytes >= size_bytes);
        prop_assert!(estimate.bytes_deviation() <= mean_bytes as f64 * 1.01 + 256.0);
    }

    #[test]
    fn requests_round_trip(
        duration_ms: u64, hz: u32, interval_us: u32, live: bool, set_bytes: Option<u64>,
    ) {
        for request in [
            Request::PprofCpu(PprofCpuRequest { duration_ms, hz }),
            Request::Trace(TraceRequest { duration_ms, hz, interval_us }),
            Request::PprofHeap(PprofHeapRequest { duration_ms, interval_ms: interval_us, live }),
            Request::Gc(GcRequest {}),
            Request::HeapRate(HeapRateRequest { set_bytes }),
        ] {
            let version = *request.command().versions().end();
            let bytes = codec::encode(&request.to_envelope(version).unwrap()).unwrap();
            let envelope: Envelope = codec::decode(&bytes).unwrap();
            prop_assert_eq!(Request::from_envelope(&envelope).unwrap(), request);
        }
    }

    #[test]
    fn hellos_round_trip(
        pid: u32, start_time: u64, cookie: [u8; 16], build_id: Vec<u8>, name: String,
        protocol in 1..4u32,
        commands in prop::collection::vec(any::<(u16, u16)>(), 0..20),
        oldest in prop::collection::vec(any::<(u16, u16)>(), 0..20),
    ) {
        let list = |pairs: Vec<(u16, u16)>| -> Vec<CommandVersion> {
            pairs.into_iter().map(|(command, version)| CommandVersion { command, version }).collect()
        };
        let hello = AgentHello {
            protocol, agent: "0".into(), pid, start_time, cookie, build_id, name, commands: list(commands),
            oldest: Tail::for_reader(protocol, list(oldest)),
        };
        let bytes = codec::encode(&hello).unwrap();
        prop_assert_eq!(codec::decode_message::<AgentHello>(&bytes).unwrap(), hello);
    }

    /// Any bytes are a value or an error, without a panic, an abort or an endless loop. A value is also
    /// decoded if the tail of a newer writer follows.
    #[test]
    fn any_bytes_are_a_value_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..512), tail in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        any_bytes::<Error>(&bytes, &tail)?;
        any_bytes::<End>(&bytes, &tail)?;
        any_bytes::<Progress>(&bytes, &tail)?;
        let _ = codec::decode_message::<AgentHello>(&bytes);
        let _ = codec::decode_message::<ClientHello>(&bytes);
        rgops_protocol::commands!(any_parts_and_requests, all)(&bytes, &tail)?;
        if let Ok(envelope) = codec::decode::<Envelope>(&bytes) {
            let _ = Request::from_envelope(&envelope);
        }
    }

    #[test]
    fn a_header_is_parsed_as_it_was_written(payload in prop::collection::vec(any::<u8>(), 0..2048)) {
        let bytes = packet(Kind::Data, &payload);
        let head = *bytes.first_chunk::<HEADER_BYTES>().unwrap();
        let header = Header::parse(head, MAX_PACKET_BYTES).unwrap();
        prop_assert_eq!(header, Header { kind: Kind::Data, length: payload.len() });
        prop_assert_eq!(&bytes[HEADER_BYTES..], &payload[..]);
        if !payload.is_empty() {
            prop_assert!(Header::parse(head, payload.len() - 1).is_err());
        }
    }

    #[test]
    fn socket_names_round_trip(pid: u32, start_time: u64) {
        let name = SocketName { pid, start_time };
        prop_assert_eq!(SocketName::parse(&name.file_name()), Some(name));
    }
}

/// Lengths of 2^63, 3 GiB and 64 MiB without the bytes are refused without allocating.
#[test]
fn a_false_length_is_refused_before_it_is_allocated() {
    for length in [i64::MAX as u64, 3 << 30, 64 << 20] {
        let mut bytes = vec![0xfd];
        bytes.extend_from_slice(&length.to_le_bytes());
        let error = codec::decode::<Vec<u64>>(&bytes).unwrap_err();
        assert!(error.to_string().contains("LimitExceeded"), "{error}");
    }
    assert!(Header::parse([0xff, 0xff, 0xff, 0xff, Kind::Data as u8], MAX_PACKET_BYTES).is_err());
    assert!(Header::parse([0, 0, 0, 0, 200], MAX_PACKET_BYTES).is_err());
}

#[test]
fn bytes_after_a_request_are_refused() {
    let with_more = Envelope { command: Command::Gc as u16, version: 1, body: vec![0] };
    assert!(matches!(Request::from_envelope(&with_more), Err(RequestError::Body(_))));
    let error = codec::decode::<u32>(&[1, 2, 3]).unwrap_err();
    assert_eq!(error, codec::DecodeError::TrailingBytes { expected: "u32", left: 2 });
}

#[test]
fn a_value_that_exceeds_a_packet_is_not_encoded() {
    let error = codec::encode(&vec![0u8; MAX_PACKET_BYTES + 1]).unwrap_err();
    assert!(matches!(error, codec::EncodeError::TooLarge { .. }));
}

#[test]
fn an_unknown_version_reports_which_side_is_too_old() {
    let fix = |command, version| {
        Request::from_envelope(&Envelope { command, version, body: vec![] }).unwrap_err().fix()
    };
    assert_eq!(fix(Command::Gc as u16, 0), "update rgops");
    assert_eq!(fix(Command::Gc as u16, 99), "update rgops-agent in the program and restart it");
    assert_eq!(fix(9999, 1), "update rgops-agent in the program and restart it");
}
