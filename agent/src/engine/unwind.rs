//! Walks a stack with framehop, from its own thread.

use framehop::Unwinder as _;
use rgops_protocol::reply::StackEnd;

use super::arch::{Cache, Registers};
use super::modules::Modules;
use super::stack_memory::StackMemory;

/// Frames kept, the leaf's side; 4 KiB on the handler's stack.
pub(super) const MAX_DEPTH: usize = 512;

/// A walked stack in a fixed buffer.
pub(super) struct Frames {
    addresses: [u64; MAX_DEPTH],
    count: usize,
    pub(super) end: StackEnd,
    /// A frame was in no known module: the list is out of date, or code was made at run time.
    pub(super) met_unknown: bool,
}

impl Frames {
    pub(super) fn addresses(&self) -> &[u64] {
        &self.addresses[..self.count]
    }
}

/// Walks from `registers` to the root, or to `max_depth` frames. Allocates nothing (framehop's
/// `MustNotAllocateDuringUnwind`), reads nothing but the stack.
pub(super) fn walk(registers: Registers, modules: &Modules, cache: &mut Cache, max_depth: usize) -> Frames {
    let mut memory = StackMemory::above(registers.sp);
    let mut read = |address| memory.read(address);
    let mut frames =
        Frames { addresses: [0; MAX_DEPTH], count: 0, end: StackEnd::DepthLimit, met_unknown: false };
    let mut walk = modules.unwinder.iter_frames(registers.pc, registers.for_unwinding(), cache, &mut read);
    while frames.count < max_depth.min(MAX_DEPTH) {
        match walk.next() {
            Ok(Some(frame)) => {
                frames.addresses[frames.count] = frame.address();
                frames.count += 1;
            }
            Ok(None) => {
                frames.end = StackEnd::Root;
                break;
            }
            Err(_) => {
                frames.end = StackEnd::Lost;
                break;
            }
        }
    }
    // Checked once at the end, on the frames where a walk goes wrong or starts outside.
    if frames.end == StackEnd::Lost || frames.count == 1 {
        let is_unknown = |address: Option<&u64>| address.is_some_and(|address| modules.is_unknown(*address));
        frames.met_unknown = is_unknown(frames.addresses().first()) || is_unknown(frames.addresses().last());
    }
    frames
}
