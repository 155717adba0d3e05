//! Everything the inspector decodes of what an agent sent. The first byte chooses the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_protocol::auth::{AgentProof, Challenge};
use rgops_protocol::codec::{Decode, Encode, decode, encode};
use rgops_protocol::error::Error;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::pprof_cpu::PprofCpuPart;
use rgops_protocol::reply::pprof_heap::PprofHeapPart;
use rgops_protocol::reply::heap_rate::HeapRateReply;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::gc::GcReply;
use rgops_protocol::reply::stack::StackPart;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{End, Progress};

/// A value that decodes must encode, and come back the same.
fn check<T: Decode<()> + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        let again = encode(&value).expect("the shortest form is no longer than what was read");
        assert_eq!(decode::<T>(&again).as_ref(), Ok(&value));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 15 {
        0 => check::<AgentHello>(bytes),
        1 => check::<Challenge>(bytes),
        2 => check::<AgentProof>(bytes),
        3 => check::<Error>(bytes),
        4 => check::<Progress>(bytes),
        5 => check::<End>(bytes),
        6 => check::<StackPart>(bytes),
        7 => check::<PprofCpuPart>(bytes),
        8 => check::<TracePart>(bytes),
        9 => check::<MemstatsReply>(bytes),
        10 => check::<StatsReply>(bytes),
        11 => check::<VersionReply>(bytes),
        12 => check::<PprofHeapPart>(bytes),
        13 => check::<GcReply>(bytes),
        _ => check::<HeapRateReply>(bytes),
    }
});
