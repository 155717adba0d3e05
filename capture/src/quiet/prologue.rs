//! Where a function's frame pointer is above its stack pointer, read from its prologue.
//!
//! A sleeping thread's `rbp` is not told by the kernel. In the body of a function that keeps one, it is
//! as far above `rsp` as the prologue moved `rsp` down: `push rbp; mov rbp, rsp; push …; [and rsp, -A;]
//! sub rsp, N`, as LLVM (X86FrameLowering.cpp, emitPrologue) and GCC make it. Anything else is not
//! understood, and the thread is asked by a signal instead.

/// What the instructions behind `mov rbp, rsp` do to the stack pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prologue {
    /// Callee-saved registers pushed below the frame pointer.
    pub(super) saved: u64,
    /// Bytes of those pushes, padding included.
    pub(super) pushed: u64,
    /// The stack pointer is then rounded down to a multiple of this; 1 when it is not.
    pub(super) alignment: u64,
    /// And lowered by this.
    pub(super) allocated: u64,
    /// Bytes of these instructions: from their end on, the stack pointer is the body's.
    pub(super) length: u64,
}

/// `mov rbp, rsp`, in both of its encodings.
pub(super) fn sets_frame_pointer(instruction: &[u8]) -> bool {
    instruction == [0x48, 0x89, 0xe5] || instruction == [0x48, 0x8b, 0xec]
}

impl Prologue {
    /// Reads the code behind `mov rbp, rsp`. `None` when it lowers the stack in a way not known here.
    pub(super) fn parse(code: &[u8]) -> Option<Prologue> {
        let mut found = Prologue { saved: 0, pushed: 0, alignment: 1, allocated: 0, length: 0 };
        let mut rest = code;
        while let Some((is_saved, after)) = push(rest) {
            found.saved += u64::from(is_saved);
            found.pushed += 8;
            rest = after;
            if !is_saved {
                // `push rax` allocates eight bytes, and is the last.
                break;
            }
        }
        if let Some((mask, after)) = immediate(rest, 0xe4) {
            found.alignment = mask.unsigned_abs();
            if mask >= 0 || !found.alignment.is_power_of_two() {
                return None;
            }
            rest = after;
        }
        if let Some((bytes, after)) = probe_loop(rest) {
            found.allocated += bytes;
            rest = after;
        }
        while let Some((bytes, after)) = allocation(rest) {
            found.allocated += bytes;
            match touch(after) {
                // Stack probes: a page is touched, then the next one is taken.
                Some(after) => rest = after,
                None => {
                    rest = after;
                    break;
                }
            }
        }
        found.length = (code.len() - rest.len()) as u64;
        Some(found)
    }

    /// Where the frame pointer may be, given the body's stack pointer: one place, or one for each
    /// sixteen bytes that rounding may have skipped (the ABI has `rbp` at a multiple of 16 here).
    pub(super) fn frame_pointers(self, sp: u64) -> impl Iterator<Item = u64> {
        let lowest = sp.wrapping_add(self.allocated).wrapping_add(self.pushed);
        (0..self.alignment.div_ceil(8))
            .map(move |slot| lowest.wrapping_add(8 * slot))
            .filter(move |pointer| self.alignment == 1 || pointer % 16 == 0)
    }
}

/// `push` of a callee-saved register, or of `rax` for its eight bytes (`false`).
fn push(code: &[u8]) -> Option<(bool, &[u8])> {
    match code {
        [0x41, 0x54..=0x57, after @ ..] | [0x53, after @ ..] => Some((true, after)),
        [0x50, after @ ..] => Some((false, after)),
        _ => None,
    }
}

/// `and`, `sub` or `add rsp, immediate`, by its ModRM byte.
fn immediate(code: &[u8], operation: u8) -> Option<(i64, &[u8])> {
    match code {
        [0x48, 0x83, modrm, byte, after @ ..] if *modrm == operation => Some((i64::from(*byte as i8), after)),
        [0x48, 0x81, modrm, a, b, c, d, after @ ..] if *modrm == operation => {
            Some((i64::from(i32::from_le_bytes([*a, *b, *c, *d])), after))
        }
        _ => None,
    }
}

/// `sub rsp, N`, or `add rsp, -128`, which is shorter.
fn allocation(code: &[u8]) -> Option<(u64, &[u8])> {
    let lowered = immediate(code, 0xec).or_else(|| immediate(code, 0xc4).map(|(by, after)| (-by, after)));
    lowered.filter(|(by, _)| *by > 0).map(|(by, after)| (by as u64, after))
}

/// `mov qword ptr [rsp], 0`.
fn touch(code: &[u8]) -> Option<&[u8]> {
    code.strip_prefix(&[0x48, 0xc7, 0x04, 0x24, 0, 0, 0, 0])
}

/// `lea r11, [rsp - N]; again: sub rsp, 4096; mov qword ptr [rsp], 0; cmp rsp, r11; jne again`.
fn probe_loop(code: &[u8]) -> Option<(u64, &[u8])> {
    let [0x4c, 0x8d, 0x9c, 0x24, a, b, c, d, rest @ ..] = code else { return None };
    let bytes = u64::try_from(-i64::from(i32::from_le_bytes([*a, *b, *c, *d]))).ok()?;
    let (4096, rest) = allocation(rest)? else { return None };
    let [0x4c, 0x39, 0xdc, 0x75, _, rest @ ..] = touch(rest)? else { return None };
    Some((bytes, rest))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn prologues_of_llvm_are_read() {
        // push r15; push r14; push rbx; push rax; mov rdi, rsi
        let parsed = Prologue::parse(&[0x41, 0x57, 0x41, 0x56, 0x53, 0x50, 0x48, 0x89, 0xf7]).unwrap();
        assert_eq!((parsed.saved, parsed.pushed, parsed.allocated, parsed.length), (3, 32, 0, 6));
        assert_eq!(parsed.frame_pointers(0x1000).collect::<Vec<_>>(), [0x1020]);
        // sub rsp, 0x138
        let parsed = Prologue::parse(&[0x48, 0x81, 0xec, 0x38, 0x01, 0, 0, 0x90]).unwrap();
        assert_eq!((parsed.allocated, parsed.length), (0x138, 7));
        // push rbx; and rsp, -64; sub rsp, 128
        let parsed =
            Prologue::parse(&[0x53, 0x48, 0x83, 0xe4, 0xc0, 0x48, 0x81, 0xec, 0x80, 0, 0, 0]).unwrap();
        assert_eq!((parsed.alignment, parsed.pushed, parsed.allocated), (64, 8, 128));
        // rbp - 8 is one of 0x1080 .. 0x10b8, and rbp a multiple of 16.
        assert_eq!(parsed.frame_pointers(0x1000).collect::<Vec<_>>(), [0x1090, 0x10a0, 0x10b0, 0x10c0]);
        // add rsp, -128
        assert_eq!(Prologue::parse(&[0x48, 0x83, 0xc4, 0x80]).unwrap().allocated, 128);
    }

    #[test]
    fn probed_allocations_are_summed() {
        let page = [0x48, 0x81, 0xec, 0, 0x10, 0, 0, 0x48, 0xc7, 0x04, 0x24, 0, 0, 0, 0];
        let rest = [0x48, 0x83, 0xec, 0x10, 0x90];
        let unrolled = [page.as_slice(), &page, &rest].concat();
        assert_eq!(Prologue::parse(&unrolled).unwrap().allocated, 2 * 4096 + 16);
        let begin = [0x4c, 0x8d, 0x9c, 0x24, 0, 0, 0xff, 0xff]; // lea r11, [rsp - 0x10000]
        let again = [0x4c, 0x39, 0xdc, 0x75, 0xec];
        let looped = [begin.as_slice(), &page, &again, &rest].concat();
        let parsed = Prologue::parse(&looped).unwrap();
        assert_eq!((parsed.allocated, parsed.length), (0x10000 + 16, looped.len() as u64 - 1));
    }

    #[test]
    fn what_is_cut_short_is_read_as_far_as_it_goes() {
        assert_eq!(Prologue::parse(&[]).unwrap().length, 0);
        assert_eq!(Prologue::parse(&[0x48, 0x81, 0xec, 0x38]).unwrap().length, 0);
        assert_eq!(Prologue::parse(&[0x48, 0x83, 0xe4, 0x10]), None, "and rsp, 16 aligns nothing");
    }
}
