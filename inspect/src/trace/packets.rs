//! Packets of a Perfetto trace, written one by one: the file is not kept in memory.
//!
//! A `Trace` message is a sequence of packets, each with its tag and length, so a file that ends after any packet
//! is a valid trace.

use std::io::{self, Write};

use prost::Message as _;

use super::proto::{
    Clock, ClockSnapshot, CounterDescriptor, PerfSampleDefaults, ProcessDescriptor, ThreadDescriptor,
    Timebase, TracePacket, TracePacketDefaults, TrackDescriptor, TrackEvent,
};
use crate::budget::Exhausted;

/// `BUILTIN_CLOCK_REALTIME` and `BUILTIN_CLOCK_MONOTONIC` of Perfetto.
const REALTIME: u32 = 1;
const MONOTONIC: u32 = 3;
/// Tag of `Trace.packet`: field 1, length-delimited.
const PACKET_TAG: u8 = 0x0a;
/// All packets belong to one sequence, for which names and stacks are interned.
const SEQUENCE: u32 = 1;
const STATE_CLEARED: u32 = 1;
const NEEDS_STATE: u32 = 2;

/// The track of the process; threads and counters have the numbers after it.
pub(super) const PROCESS_TRACK: u64 = 1;

/// Writes packets.
#[derive(Debug)]
pub(super) struct Packets<W> {
    out: W,
    buffer: Vec<u8>,
    written_bytes: u64,
    /// The monotonic clock at the start of the window, which is added to all timestamps.
    began_ns: u64,
}

impl<W: Write> Packets<W> {
    pub(super) fn new(out: W) -> Packets<W> {
        Packets { out, buffer: Vec::new(), written_bytes: 0, began_ns: 0 }
    }

    /// The first packets: clocks, defaults of all packets, the process.
    pub(super) fn begin(&mut self, begin: &Begin<'_>) -> io::Result<()> {
        self.began_ns = begin.monotonic_ns;
        let clock = |clock_id, timestamp| Clock { clock_id: Some(clock_id), timestamp: Some(timestamp) };
        let period = |period| PerfSampleDefaults {
            timebase: Some(Timebase {
                period: Some(period),
                counter: Some(1),
                name: Some("cpu-clock".to_owned()),
            }),
        };
        self.write(TracePacket {
            clock_snapshot: Some(ClockSnapshot {
                clocks: vec![clock(REALTIME, begin.unix_ns), clock(MONOTONIC, begin.monotonic_ns)],
                primary_trace_clock: Some(MONOTONIC as i32),
            }),
            sequence_flags: Some(STATE_CLEARED),
            trace_packet_defaults: Some(TracePacketDefaults {
                timestamp_clock_id: Some(MONOTONIC),
                perf_sample_defaults: begin.sample_period_ns.map(period),
            }),
            ..TracePacket::default()
        })?;
        let process =
            ProcessDescriptor { pid: Some(begin.pid as i32), process_name: Some(begin.name.to_owned()) };
        self.track(TrackDescriptor {
            uuid: Some(PROCESS_TRACK),
            process: Some(process),
            ..TrackDescriptor::default()
        })
    }

    /// The track of a thread, or its new name.
    pub(super) fn thread(&mut self, uuid: u64, pid: u32, tid: u32, name: &str) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            parent_uuid: Some(PROCESS_TRACK),
            thread: Some(ThreadDescriptor {
                pid: Some(pid as i32),
                tid: Some(i64::from(tid)),
                thread_name: Some(name.to_owned()),
            }),
            ..TrackDescriptor::default()
        })
    }

    /// The track of a counter.
    pub(super) fn counter(&mut self, uuid: u64, name: String, unit_name: &str) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            parent_uuid: Some(PROCESS_TRACK),
            name: Some(name),
            counter: Some(CounterDescriptor { unit: None, unit_name: Some(unit_name.to_owned()) }),
            ..TrackDescriptor::default()
        })
    }

    /// An event at a time in the window.
    pub(super) fn event(&mut self, time_ns: u64, event: TrackEvent) -> io::Result<()> {
        self.at(time_ns, TracePacket { track_event: Some(event), ..TracePacket::default() })
    }

    /// Any packet at a time in the window.
    pub(super) fn at(&mut self, time_ns: u64, packet: TracePacket) -> io::Result<()> {
        let timestamp = Some(self.began_ns.saturating_add(time_ns));
        self.write(TracePacket { timestamp, sequence_flags: Some(NEEDS_STATE), ..packet })
    }

    /// Any packet without a time.
    pub(super) fn data(&mut self, packet: TracePacket) -> io::Result<()> {
        self.write(TracePacket { sequence_flags: Some(NEEDS_STATE), ..packet })
    }

    /// Total bytes of all packets so far.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    pub(super) fn output_mut(&mut self) -> &mut W {
        &mut self.out
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn track(&mut self, track: TrackDescriptor) -> io::Result<()> {
        self.data(TracePacket { track_descriptor: Some(track), ..TracePacket::default() })
    }

    fn write(&mut self, packet: TracePacket) -> io::Result<()> {
        let packet = TracePacket { trusted_packet_sequence_id: Some(SEQUENCE), ..packet };
        self.buffer.clear();
        self.buffer.push(PACKET_TAG);
        // Writing to a Vec cannot fail.
        let _ = packet.encode_length_delimited(&mut self.buffer);
        self.written_bytes += self.buffer.len() as u64;
        self.out.write_all(&self.buffer)
    }
}

/// Why a part is refused.
#[derive(Debug)]
pub(super) enum Stop {
    Exhausted(Exhausted),
    File(io::Error),
}

impl From<Exhausted> for Stop {
    fn from(exhausted: Exhausted) -> Stop {
        Stop::Exhausted(exhausted)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::File(error)
    }
}

/// The content of the first packets.
#[derive(Debug)]
pub(super) struct Begin<'a> {
    pub(super) unix_ns: u64,
    pub(super) monotonic_ns: u64,
    pub(super) pid: u32,
    pub(super) name: &'a str,
    /// `None` if there are no samples.
    pub(super) sample_period_ns: Option<u64>,
}
