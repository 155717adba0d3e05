//! Decodes the call instruction before a return address, and its target.
//!
//! Encodings: Intel SDM volume 2, CALL (E8, FF /2) and JMP (E9, FF /4).

/// The longest call instruction, in bytes.
const LONGEST_CALL: u64 = 7;

/// The maximum number of jumps followed from a call's target: a stub of the linkage table, and one more.
const MAX_JUMPS: usize = 2;

/// The call before a return address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallSite {
    /// No call: the address is not a return address.
    None,
    /// A call of `target`; `behind_stub` is where its jumps lead.
    Calls { target: u64, behind_stub: u64 },
    /// A call through a register or memory.
    Indirect,
}

impl CallSite {
    /// Decodes the code before `return_address`; `read` fills a buffer from an address, or fails.
    pub(super) fn before(return_address: u64, read: &mut impl FnMut(u64, &mut [u8]) -> bool) -> CallSite {
        let mut code = [0; LONGEST_CALL as usize];
        if return_address < LONGEST_CALL || !read(return_address - LONGEST_CALL, &mut code) {
            return CallSite::None;
        }
        let relative = |at: usize| {
            let [a, b, c, d] = [code[at], code[at + 1], code[at + 2], code[at + 3]];
            return_address.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])))
        };
        if code[2] == 0xe8 {
            return CallSite::to(relative(3), read);
        }
        if code[1] == 0xff && code[2] == 0x15 {
            // call [rip + displacement]: a slot of the global offset table.
            let mut slot = [0; 8];
            if read(relative(3), &mut slot) {
                return CallSite::to(u64::from_le_bytes(slot), read);
            }
        }
        // FF /2 without operands, with a SIB byte, with a displacement of 1 or 4 bytes, or with both.
        let is_indirect = [2, 3, 4, 6, 7].into_iter().any(|length| {
            let at = LONGEST_CALL as usize - length;
            code[at] == 0xff && code[at + 1] & 0x38 == 0x10
        });
        if is_indirect { CallSite::Indirect } else { CallSite::None }
    }

    fn to(target: u64, read: &mut impl FnMut(u64, &mut [u8]) -> bool) -> CallSite {
        let mut behind_stub = target;
        for _ in 0..MAX_JUMPS {
            match jump(behind_stub, read) {
                Some(next) => behind_stub = next,
                None => break,
            }
        }
        CallSite::Calls { target, behind_stub }
    }

    /// Whether the call certainly enters `function`.
    pub(super) fn enters(self, function: u64) -> bool {
        matches!(self, CallSite::Calls { target, behind_stub } if target == function || behind_stub == function)
    }
}

/// The target of the jump instruction at `address`, if it is one with a fixed target.
fn jump(address: u64, read: &mut impl FnMut(u64, &mut [u8]) -> bool) -> Option<u64> {
    let mut code = [0; 11];
    if !read(address, &mut code) {
        return None;
    }
    // endbr64 and the bnd prefix may precede it.
    let skipped = if code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) { 4 } else { 0 };
    let skipped = skipped + usize::from(code[skipped] == 0xf2);
    let rest = &code[skipped..];
    let (displacement, length, is_slot) = match rest {
        [0xe9, a, b, c, d, ..] => ([*a, *b, *c, *d], 5, false),
        [0xff, 0x25, a, b, c, d, ..] => ([*a, *b, *c, *d], 6, true),
        _ => return None,
    };
    let behind = address.wrapping_add(skipped as u64 + length);
    let target = behind.wrapping_add_signed(i64::from(i32::from_le_bytes(displacement)));
    if !is_slot {
        return Some(target);
    }
    let mut slot = [0; 8];
    read(target, &mut slot).then(|| u64::from_le_bytes(slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The call site before the end of `code`, which is placed at 0x1000, with a slot at 0x2000.
    fn before_the_end(code: &[u8]) -> CallSite {
        let mut memory = vec![0x90; 0x2008];
        memory[0x1000..0x1000 + code.len()].copy_from_slice(code);
        memory[0x2000..].copy_from_slice(&0x1234u64.to_le_bytes());
        CallSite::before(0x1000 + code.len() as u64, &mut |address, buffer| {
            let from = memory.get(address as usize..address as usize + buffer.len());
            from.map(|from| buffer.copy_from_slice(from)).is_some()
        })
    }

    #[test]
    fn calls_are_recognised_by_their_encoding() {
        // call +0x10
        let direct = before_the_end(&[0xe8, 0x10, 0, 0, 0]);
        assert!(direct.enters(0x1015) && !direct.enters(0x1000));
        // call [rip + 0xffa]: the slot at 0x2000
        assert!(before_the_end(&[0xff, 0x15, 0xfa, 0x0f, 0, 0]).enters(0x1234));
        for indirect in [
            &[0xff, 0xd0][..],                        // call rax
            &[0x41, 0xff, 0xd4],                      // call r12
            &[0xff, 0x50, 0x18],                      // call [rax + 0x18]
            &[0xff, 0x90, 0x80, 0, 0, 0],             // call [rax + 0x80]
            &[0x41, 0xff, 0x94, 0x24, 0x80, 0, 0, 0], // call [r12 + 0x80]
            &[0x42, 0xff, 0x54, 0xf8, 0x10],          // call [rax + 8*r15 + 0x10]
        ] {
            assert_eq!(before_the_end(indirect), CallSite::Indirect, "{indirect:x?}");
        }
        assert_eq!(before_the_end(&[0x90; 7]), CallSite::None);
        assert_eq!(before_the_end(&[0xe9, 0x10, 0, 0, 0]), CallSite::None, "a jump");
    }

    #[test]
    fn jump_stubs_are_followed() {
        // At 0x1000: call +0, so the return address is 0x1005. There: the stub, jmp [rip + 0xffa - 5].
        let mut memory = vec![0x90; 0x2008];
        memory[0x1000..0x1005].copy_from_slice(&[0xe8, 0, 0, 0, 0]);
        memory[0x1005..0x100b].copy_from_slice(&[0xff, 0x25, 0xf5, 0x0f, 0, 0]);
        memory[0x2000..].copy_from_slice(&0x1234u64.to_le_bytes());
        let site = CallSite::before(0x1005, &mut |address, buffer| {
            let from = memory.get(address as usize..address as usize + buffer.len());
            from.map(|from| buffer.copy_from_slice(from)).is_some()
        });
        assert!(site.enters(0x1234) && site.enters(0x1005));
    }
}
