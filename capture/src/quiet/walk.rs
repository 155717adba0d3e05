//! Walks a copied stack, from the stack pointer and program counter alone.
//!
//! It fails rather than guesses. A frame pointer is derived from a prologue only if the return address that it
//! leads to follows a call that can have entered the function. A stack is accepted only if the
//! unwind data marks its last frame as the root (an undefined return address), never because
//! a word was 0.

use super::call_site::CallSite;
use super::rules::{FrameAddress, Rule, Rules};
use super::stack_copy::{Incomplete, Place, StackCopy, Walked};
use crate::modules::Modules;
use crate::unwind::MAX_DEPTH;

/// The maximum number of frames walked; the first [`MAX_DEPTH`] are kept.
const MAX_FRAMES: usize = 16 * 1024;

/// The maximum number of frames with several possible frame pointers. Each alternative is followed to the root.
const MAX_FORKS: usize = 4;

/// The current frame of a walk.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// The program counter of the leaf; otherwise a return address.
    address: u64,
    is_leaf: bool,
    /// It is neither in a prologue nor in an epilogue.
    is_in_body: bool,
    sp: u64,
    fp: Option<u64>,
}

/// Walks the threads of one dump.
pub(super) struct Walker<'m> {
    rules: Rules<'m>,
}

impl Walker<'_> {
    pub(super) fn new(modules: &Modules) -> Walker<'_> {
        Walker { rules: Rules::new(modules) }
    }

    /// Walks from a sleeping thread's program counter and stack pointer.
    pub(super) fn walk(&mut self, place: Place, stack: &StackCopy<'_>) -> Result<Walked, Incomplete> {
        let mut walk = Walk {
            rules: &mut self.rules,
            stack,
            frames: Vec::with_capacity(32),
            count: 0,
            forks: MAX_FORKS,
        };
        let is_in_body = place.in_system_call;
        walk.follow(Frame { address: place.pc, is_leaf: true, is_in_body, sp: place.sp, fp: None })?;
        Ok(Walked { is_cut: walk.count > walk.frames.len(), frames: walk.frames })
    }
}

struct Walk<'w, 'm, 'b> {
    rules: &'w mut Rules<'m>,
    stack: &'w StackCopy<'b>,
    frames: Vec<u64>,
    count: usize,
    /// The number of forks still allowed.
    forks: usize,
}

impl Walk<'_, '_, '_> {
    fn follow(&mut self, mut frame: Frame) -> Result<(), Incomplete> {
        loop {
            if self.frames.len() < MAX_DEPTH {
                self.frames.push(frame.address);
            }
            self.count += 1;
            if self.count > MAX_FRAMES {
                return Err(Incomplete::Contradiction);
            }
            // A return address may be past its function's last instruction.
            let looked_up = if frame.is_leaf { frame.address } else { frame.address.wrapping_sub(1) };
            let rule = self.rules.at(looked_up).ok_or(Incomplete::NoRule(frame.address))?;
            let Some(return_at) = rule.return_address else { return Ok(()) };
            let frame_address = match rule.frame_address {
                FrameAddress::AboveStackPointer(offset) => frame.sp.wrapping_add(offset),
                FrameAddress::AboveFramePointer(offset, prologue) => {
                    let pointer = match (frame.fp, prologue) {
                        (Some(pointer), _) => pointer,
                        (None, Some(prologue)) if frame.is_in_body => {
                            match self.choose(prologue.frame_pointers(frame.sp), offset, return_at, &rule)? {
                                Choice::One(pointer) => pointer,
                                Choice::Several(pointers) => {
                                    return self.fork(frame, &rule, offset, return_at, &pointers);
                                }
                            }
                        }
                        (None, _) => return Err(Incomplete::FramePointer(frame.address)),
                    };
                    pointer.wrapping_add(offset)
                }
            };
            frame = self.caller(frame, &rule, frame_address, return_at)?;
        }
    }

    /// The caller of `frame`.
    fn caller(
        &mut self,
        frame: Frame,
        rule: &Rule,
        frame_address: u64,
        return_at: i64,
    ) -> Result<Frame, Incomplete> {
        if frame_address <= frame.sp {
            return Err(Incomplete::Contradiction);
        }
        let fp = match rule.frame_pointer {
            Some(offset) => Some(self.stack.word(frame_address.wrapping_add_signed(offset))?),
            None => frame.fp,
        };
        let address = self.stack.word(frame_address.wrapping_add_signed(return_at))?;
        if self.rules.call_site(address) == CallSite::None {
            return Err(Incomplete::Contradiction);
        }
        Ok(Frame { address, is_leaf: false, is_in_body: true, sp: frame_address, fp })
    }

    /// Selects the possible frame pointers whose return address can be the function's.
    fn choose(
        &mut self,
        possible: impl Iterator<Item = u64>,
        offset: u64,
        return_at: i64,
        rule: &Rule,
    ) -> Result<Choice, Incomplete> {
        let (mut entering, mut other, mut has_other_call) = (Vec::new(), Vec::new(), false);
        for pointer in possible {
            let at = pointer.wrapping_add(offset).wrapping_add_signed(return_at);
            let return_address = match self.stack.word(at) {
                Err(Incomplete::Contradiction) => continue,
                word => word?,
            };
            match self.rules.call_site(return_address) {
                CallSite::None => {}
                site if site.enters(rule.function) => entering.push(pointer),
                CallSite::Indirect => other.push(pointer),
                // A call of another function: a stale word of an earlier call, or that function jumped here.
                CallSite::Calls { .. } => has_other_call = true,
            }
        }
        match (&*entering, &*other) {
            ([one], _) => Ok(Choice::One(*one)),
            ([], [one]) if !has_other_call => Ok(Choice::One(*one)),
            ([], [_, _, ..]) if !has_other_call => Ok(Choice::Several(other)),
            ([_, _, ..], _) => Ok(Choice::Several(entering)),
            _ => Err(Incomplete::FramePointer(rule.function)),
        }
    }

    /// Follows each possible frame pointer: one must lead to the root, and all others to a contradiction.
    fn fork(
        &mut self,
        frame: Frame,
        rule: &Rule,
        offset: u64,
        return_at: i64,
        pointers: &[u64],
    ) -> Result<(), Incomplete> {
        self.forks = self.forks.checked_sub(1).ok_or(Incomplete::FramePointer(frame.address))?;
        let (kept, count) = (self.frames.len(), self.count);
        let mut found: Option<(Vec<u64>, usize)> = None;
        for pointer in pointers {
            self.frames.truncate(kept);
            self.count = count;
            let caller = self.caller(frame, rule, pointer.wrapping_add(offset), return_at);
            match caller.and_then(|caller| self.follow(caller)) {
                Ok(()) if found.is_some() => return Err(Incomplete::FramePointer(frame.address)),
                Ok(()) => found = Some((self.frames.clone(), self.count)),
                Err(Incomplete::Contradiction) => {}
                // Its outcome is unknown, so it may be the right one.
                Err(unknown) => return Err(unknown),
            }
        }
        let (frames, count) = found.ok_or(Incomplete::FramePointer(frame.address))?;
        (self.frames, self.count) = (frames, count);
        Ok(())
    }
}

enum Choice {
    One(u64),
    Several(Vec<u64>),
}
