//! Prefix bytes of instructions as objdump prints them: by name, those that change nothing about the instruction.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// Bytes of the longest instruction.
const LONGEST: usize = 15;

/// The prefixes of `instruction`, whose bytes are `bytes`, that objdump prints in front of it, in their order. Segments
/// that 64-bit code ignores are taken from the instruction.
pub(super) fn shown(instruction: &mut Instruction, bytes: &[u8]) -> String {
    let legacy = bytes.iter().take_while(|byte| is_legacy(**byte)).count();
    let mut text = String::new();
    if legacy > 0 {
        for at in 0..legacy {
            if let Some(name) = name(instruction, bytes, at, legacy) {
                text.push_str(name);
                text.push(' ');
            }
        }
        if is_ignored_segment(instruction.segment_prefix()) {
            instruction.set_segment_prefix(Register::None);
        }
    }
    if let Some(rex) = bytes.get(legacy).copied().filter(|byte| byte & 0xf0 == 0x40)
        && is_rex_unused(instruction, bytes, legacy, rex)
    {
        text.push_str("rex");
        if rex & 0xf != 0 {
            text.push('.');
        }
        let bits = [(8, 'W'), (4, 'R'), (2, 'X'), (1, 'B')];
        text.extend(bits.iter().filter(|(bit, _)| rex & bit != 0).map(|(_, letter)| letter));
        text.push(' ');
    }
    text
}

/// How many prefix bytes there are, REX included.
pub(super) fn count(bytes: &[u8]) -> usize {
    let legacy = bytes.iter().take_while(|byte| is_legacy(**byte)).count();
    legacy + usize::from(bytes.get(legacy).is_some_and(|byte| byte & 0xf0 == 0x40))
}

fn is_legacy(byte: u8) -> bool {
    matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3)
}

fn is_ignored_segment(segment: Register) -> bool {
    matches!(segment, Register::CS | Register::DS | Register::ES | Register::SS)
}

fn name(instruction: &Instruction, bytes: &[u8], at: usize, legacy: usize) -> Option<&'static str> {
    let byte = *bytes.get(at)?;
    // Of equal prefixes the last one counts.
    let is_last = !bytes.get(at + 1..legacy)?.contains(&byte);
    let is_used =
        || is_last && without(bytes, byte, legacy).is_none_or(|other| !is_same(instruction, &other));
    Some(match byte {
        0x3e if is_indirect(instruction) => "notrack",
        0x2e => "cs",
        0x3e => "ds",
        0x26 => "es",
        0x36 => "ss",
        0x64 if has_memory(instruction) && is_last => return None,
        0x64 => "fs",
        0x65 if has_memory(instruction) && is_last => return None,
        0x65 => "gs",
        0x66 if is_used() => return None,
        0x66 => "data16",
        0x67 if is_used() => return None,
        0x67 => "addr32",
        0xf0 => "lock",
        0xf2 if is_branch(instruction) => "bnd",
        0xf2 | 0xf3 if is_used() => return None,
        0xf2 if instruction.has_lock_prefix() => "xacquire",
        0xf2 => "repnz",
        0xf3 if instruction.has_lock_prefix() => "xrelease",
        0xf3 if only_counts(instruction) => "rep",
        _ => "repz",
    })
}

fn has_memory(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|operand| {
        !matches!(instruction.op_kind(operand), OpKind::Register | OpKind::NearBranch64 | OpKind::Immediate8)
    })
}

fn is_branch(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Call | Mnemonic::Ret | Mnemonic::Jmp)
        || instruction.op_count() == 1 && instruction.op0_kind() == OpKind::NearBranch64
}

fn is_indirect(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Call | Mnemonic::Jmp)
        && matches!(instruction.op0_kind(), OpKind::Register | OpKind::Memory)
}

/// Whether it is a string instruction: its memory operands are at `rsi` and `rdi`.
pub(super) fn is_of_strings(instruction: &Instruction) -> bool {
    use OpKind::*;
    (0..instruction.op_count()).any(|operand| {
        matches!(
            instruction.op_kind(operand),
            MemorySegSI
                | MemorySegESI
                | MemorySegRSI
                | MemorySegDI
                | MemorySegEDI
                | MemorySegRDI
                | MemoryESDI
                | MemoryESEDI
                | MemoryESRDI
        )
    })
}

/// Whether a string instruction only counts when it is repeated: it compares nothing.
fn only_counts(instruction: &Instruction) -> bool {
    use Mnemonic::*;
    let compares =
        matches!(instruction.mnemonic(), Cmpsb | Cmpsw | Cmpsd | Cmpsq | Scasb | Scasw | Scasd | Scasq);
    is_of_strings(instruction) && !compares
}

/// Whether a bit of the REX prefix, or all of it, changes nothing.
fn is_rex_unused(instruction: &Instruction, bytes: &[u8], at: usize, rex: u8) -> bool {
    if rex & 0xf == 0 {
        return without(bytes, rex, at + 1).is_some_and(|other| is_same(instruction, &other));
    }
    [8, 4, 2, 1]
        .iter()
        .filter(|bit| rex & **bit != 0)
        .any(|bit| with(bytes, at, rex & !bit).is_some_and(|other| is_same(instruction, &other)))
}

/// The instruction without all prefixes `byte` among the first `count` bytes.
fn without(bytes: &[u8], byte: u8, count: usize) -> Option<Instruction> {
    let kept = bytes.iter().enumerate().filter(|(at, other)| *at >= count || **other != byte);
    let kept: Vec<u8> = kept.map(|(_, byte)| *byte).take(LONGEST).collect();
    decode(&kept)
}

/// The instruction with `byte` at `at`.
fn with(bytes: &[u8], at: usize, byte: u8) -> Option<Instruction> {
    let mut other = [0; LONGEST];
    let other = other.get_mut(..bytes.len())?;
    other.copy_from_slice(bytes);
    *other.get_mut(at)? = byte;
    decode(other)
}

fn decode(bytes: &[u8]) -> Option<Instruction> {
    let instruction = Decoder::new(64, bytes, DecoderOptions::NONE).decode();
    (!instruction.is_invalid() && instruction.len() == bytes.len()).then_some(instruction)
}

/// Whether two instructions do the same, apart from where they are.
fn is_same(one: &Instruction, other: &Instruction) -> bool {
    one.code() == other.code()
        && one.op_count() == other.op_count()
        && one.memory_base() == other.memory_base()
        && one.memory_index() == other.memory_index()
        && (0..one.op_count()).all(|operand| {
            one.op_kind(operand) == other.op_kind(operand)
                && (one.op_kind(operand) != OpKind::Register
                    || one.op_register(operand) == other.op_register(operand))
        })
}
