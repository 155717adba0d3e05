//! Walks a stack with framehop, from its own thread.

use framehop::Unwinder as _;
use rgops_protocol::reply::StackEnd;

use super::arch::{Cache, Registers};
use super::modules::Modules;
use super::stack_memory::StackMemory;

/// Frames kept, the leaf's side.
pub(super) const MAX_DEPTH: usize = 512;

/// What a walk needs besides the stack, made beforehand and not on the stack of the handler: that
/// may be small.
pub(super) struct Workspace {
    cache: Cache,
    addresses: [u64; MAX_DEPTH],
}

impl Workspace {
    pub(super) fn new() -> Workspace {
        Workspace { cache: Cache::new_in(), addresses: [0; MAX_DEPTH] }
    }
}

/// A walked stack, in its workspace.
pub(super) struct Frames<'w> {
    /// Leaf first.
    pub(super) addresses: &'w [u64],
    pub(super) end: StackEnd,
    /// A frame was in no known module: the list is out of date, or code was made at run time.
    pub(super) met_unknown: bool,
}

/// Walks from `registers` to the root, or to [`MAX_DEPTH`] frames. Allocates nothing (framehop's
/// `MustNotAllocateDuringUnwind`), reads nothing but the stack.
pub(super) fn walk<'w>(registers: Registers, modules: &Modules, workspace: &'w mut Workspace) -> Frames<'w> {
    let Workspace { cache, addresses } = workspace;
    let mut memory = StackMemory::above(registers.sp);
    let mut read = |address| memory.read(address);
    let mut walk = modules.unwinder.iter_frames(registers.pc, registers.for_unwinding(), cache, &mut read);
    let (mut count, mut end) = (0, StackEnd::DepthLimit);
    while count < MAX_DEPTH {
        match walk.next() {
            Ok(Some(frame)) => {
                addresses[count] = frame.address();
                count += 1;
            }
            Ok(None) => {
                end = StackEnd::Root;
                break;
            }
            Err(_) => {
                end = StackEnd::Lost;
                break;
            }
        }
    }
    let addresses = &addresses[..count];
    let is_unknown = |address: Option<&u64>| address.is_some_and(|address| modules.is_unknown(*address));
    // Where a walk goes wrong: at its leaf, and at its end when that is not a known root. Code made
    // at run time uses the frame pointer as it likes: a zero there is no root.
    let ends_unknown = count < MAX_DEPTH && is_unknown(addresses.last());
    if ends_unknown {
        end = StackEnd::Lost;
    }
    let met_unknown = ends_unknown || is_unknown(addresses.first());
    Frames { addresses, end, met_unknown }
}
