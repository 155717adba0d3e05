//! Walks a stack with framehop, from its own thread.

use framehop::{FrameAddress, Unwinder as _};
use rgops_protocol::reply::StackEnd;

use super::arch::{self, Cache, Registers};
use super::memory::StackMemory;
use super::modules::Modules;

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
/// `MustNotAllocateDuringUnwind`), reads nothing but the stack, which ends at `stack_end`.
pub(super) fn walk<'w>(
    registers: Registers,
    stack_end: u64,
    modules: &Modules,
    workspace: &'w mut Workspace,
) -> Frames<'w> {
    let mut memory = StackMemory::between(registers.sp, stack_end);
    walk_by(registers, modules, workspace, &mut memory, |memory, address| memory.read(address), |_, _| {})
}

/// A step of a walk, from one frame to its caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The frame pointer before it.
    pub(super) fp_before: u64,
    /// The stack pointer in the caller.
    pub(super) sp_after: u64,
    /// The caller's return address.
    pub(super) caller: u64,
}

/// The same, with `memory` read by `read`; `step` is told of each step.
pub(super) fn walk_by<'w, M>(
    registers: Registers,
    modules: &Modules,
    workspace: &'w mut Workspace,
    memory: &mut M,
    read: impl Fn(&mut M, u64) -> Result<u64, ()>,
    step: impl Fn(&mut M, Step),
) -> Frames<'w> {
    let Workspace { cache, addresses } = workspace;
    let mut registers_now = registers.for_unwinding();
    let mut address = Some(FrameAddress::from_instruction_pointer(registers.pc));
    let (mut count, mut end) = (0, StackEnd::DepthLimit);
    while count < MAX_DEPTH {
        let Some(frame) = address else {
            // A null return address, which no unwind data announced.
            end = StackEnd::Lost;
            break;
        };
        addresses[count] = frame.address();
        count += 1;
        // By frames and not by framehop's iterator, for this: where arithmetic is checked (a debug
        // build), framehop overflows on a frame pointer such as -16, and a panic would end the program.
        arch::mend(&mut registers_now);
        let fp_before = arch::frame_pointer(&registers_now);
        let mut read = |address| read(memory, address);
        match modules.unwinder.unwind_frame(frame, &mut registers_now, cache, &mut read) {
            Ok(Some(caller)) => {
                step(memory, Step { fp_before, sp_after: registers_now.sp(), caller });
                address = FrameAddress::from_return_address(caller);
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

/// The calling thread's own stack, which must not be the main thread's.
pub(super) fn walk_here(modules: &Modules) -> (Vec<u64>, StackEnd) {
    let mut workspace = Box::new(Workspace::new());
    let frames = walk(Registers::here(), arch::thread_pointer(), modules, &mut workspace);
    (frames.addresses.to_vec(), frames.end)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::unwind_data::UnwindData;

    type Unwinder = arch::Unwinder<UnwindData>;

    /// A signal may come between any two instructions, and unwind data may be wrong: with whatever
    /// registers, a walk ends, and no arithmetic in it overflows (a panic in a handler ends the program).
    #[test]
    fn walks_from_any_registers_end() {
        let modules = Modules::read(None).unwrap();
        let mut workspace = Box::new(Workspace::new());
        let code: Vec<_> = modules.list.iter().map(|module| module.start_avma..module.end_avma).collect();
        let here = Registers::here();
        let heap = std::ptr::from_ref(&*workspace) as u64;
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut frames = [0u64; 3];
        for _ in 0..50_000 {
            let module = &code[next(code.len() as u64) as usize];
            let mut registers = here;
            registers.pc = match next(8) {
                0 => next(u64::MAX),
                1 => next(64),
                _ => module.start + next(module.end - module.start),
            };
            registers.sp = match next(8) {
                0 => next(u64::MAX),
                1 => u64::MAX - next(64),
                _ => here.sp + next(4096),
            };
            registers.fp = match next(6) {
                0 => next(u64::MAX),
                1 => u64::MAX - next(64),
                2 => next(64),
                3 => heap + next(4096),
                _ => registers.sp.wrapping_add(next(512)),
            };
            let walked = walk(registers, u64::MAX, &modules, &mut workspace);
            assert_eq!(walked.addresses[0], registers.pc);
            assert!(walked.addresses.len() <= MAX_DEPTH);
            frames[walked.end as usize] += 1;
        }
        eprintln!("root, limit, lost: {frames:?}");
        assert!(frames.iter().sum::<u64>() == 50_000 && frames[StackEnd::Lost as usize] > 0);
    }

    /// What framehop does by itself, and why every module list has caches of its own: the unwinder made
    /// 65,536 generations later takes the rules of the former for its own.
    #[test]
    fn a_cache_is_wrong_after_65536_modules() {
        let hits = |unwinder: &Unwinder, cache: &mut Cache| {
            let here = Registers::here();
            let frame = FrameAddress::from_instruction_pointer(here.pc);
            let mut memory = StackMemory::between(here.sp, u64::MAX);
            let mut read = |address| memory.read(address);
            let before = cache.stats().hits();
            let _ = unwinder.unwind_frame(frame, &mut here.for_unwinding(), cache, &mut read);
            cache.stats().hits() - before
        };
        // Other tests of this process move the counter on as well: then another attempt is needed.
        let is_mixed_up = (0..50).any(|_| {
            let modules = Modules::read(None).unwrap();
            let mut cache = Cache::new_in();
            assert_eq!(hits(&modules.unwinder, &mut cache), 0);
            for _ in 0..65_535 {
                Unwinder::new();
            }
            // It has no modules, so it cannot have rules.
            hits(&Unwinder::new(), &mut cache) > 0
        });
        assert!(is_mixed_up, "framehop tells lists apart by more than 16 bits now");
    }
}
