//! Operands where objdump has other ones than iced-x86.

use iced_x86::{Formatter, Instruction, Mnemonic, OpKind, Register};

use super::syntax::Syntax;
use super::{mnemonic, prefixes};

/// Whether objdump has the short form of an instruction for which iced-x86 has one: `cmpltps` for `cmpps $1`, but all
/// operands of `imul`.
pub(super) fn may_be_short(instruction: &Instruction) -> bool {
    instruction.mnemonic() != Mnemonic::Imul && !is_of_the_stack(instruction)
}

/// Whether it works on the registers of the x87.
fn is_of_the_stack(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|at| {
        instruction.op_kind(at) == OpKind::Register
            && (Register::ST0..=Register::ST7).contains(&instruction.op_register(at))
    })
}

/// The operands as objdump prints them.
pub(super) fn of_objdump(
    instruction: &Instruction,
    bytes: &[u8],
    syntax: Syntax,
    formatter: &mut dyn Formatter,
) -> String {
    let mut operands: Vec<String> = Vec::new();
    for at in 0..formatter.operand_count(instruction) {
        let mut operand = String::new();
        // It fails only for operands that do not exist.
        let _ = formatter.format_operand(instruction, &mut operand, at);
        if syntax == Syntax::Intel {
            memory(instruction, &mut operand);
        }
        operands.push(operand);
    }
    match instruction.mnemonic() {
        Mnemonic::In
        | Mnemonic::Out
        | Mnemonic::Insb
        | Mnemonic::Insw
        | Mnemonic::Insd
        | Mnemonic::Outsb
        | Mnemonic::Outsw
        | Mnemonic::Outsd
            if syntax == Syntax::Att =>
        {
            operands
                .iter_mut()
                .filter(|operand| *operand == "%dx")
                .for_each(|port| *port = "(%dx)".to_owned());
        }
        Mnemonic::Xlatb => {
            let memory = match syntax {
                Syntax::Att => "%ds:(%rbx)",
                Syntax::Intel => "BYTE PTR ds:[rbx]",
            };
            operands = vec![memory.to_owned()];
        }
        Mnemonic::Lddqu | Mnemonic::Vlddqu if syntax == Syntax::Intel => {
            operands.iter_mut().for_each(|operand| {
                if let Some((_, memory)) = operand.split_once(" PTR ") {
                    *operand = memory.to_owned();
                }
            });
        }
        Mnemonic::Sha256rnds2 | Mnemonic::Blendvps | Mnemonic::Blendvpd | Mnemonic::Pblendvb
            if operands.len() == 2 && syntax == Syntax::Intel =>
        {
            operands.push("xmm0".to_owned());
        }
        _ => {}
    }
    if syntax == Syntax::Intel {
        if prefixes::is_of_strings(instruction) {
            add_accumulator(instruction, &mut operands);
        } else if operands.len() == 2 && operands.iter().any(|operand| operand == "st") {
            leave_top_out(instruction, &mut operands);
        }
    }
    if shifts_by_one(bytes) && !operands.is_empty() {
        match syntax {
            Syntax::Att => drop(operands.remove(0)),
            Syntax::Intel => operands.iter_mut().skip(1).for_each(|operand| *operand = "1".to_owned()),
        }
    }
    operands.join(",")
}

/// Whether the opcode is that of a shift or rotation by one, which has no immediate operand.
fn shifts_by_one(bytes: &[u8]) -> bool {
    matches!(bytes.get(prefixes::count(bytes)), Some(0xd0 | 0xd1))
}

/// In Intel's syntax, the register that a string instruction takes from or stores to.
fn add_accumulator(instruction: &Instruction, operands: &mut Vec<String>) {
    use Mnemonic::*;
    let (register, is_first) = match instruction.mnemonic() {
        Stosb => ("al", false),
        Stosw => ("ax", false),
        Stosd => ("eax", false),
        Stosq => ("rax", false),
        Scasb | Lodsb => ("al", true),
        Scasw | Lodsw => ("ax", true),
        Scasd | Lodsd => ("eax", true),
        Scasq | Lodsq => ("rax", true),
        Insb | Insw | Insd => ("dx", false),
        Outsb | Outsw | Outsd => ("dx", true),
        _ => return,
    };
    operands.retain(|operand| operand.contains('['));
    let at = if is_first { 0 } else { operands.len() };
    operands.insert(at, register.to_owned());
}

/// In Intel's syntax, the top of the x87's registers is not named where it is the only choice.
fn leave_top_out(instruction: &Instruction, operands: &mut Vec<String>) {
    use Mnemonic::*;
    if let Some(memory) = operands.iter().position(|operand| operand.contains(" PTR ")) {
        operands.swap(0, memory);
        operands.truncate(1);
        return;
    }
    match instruction.mnemonic() {
        Fst | Fstp => operands.truncate(1),
        Fld | Fxch | Fcom | Fcomp | Fucom | Fucomp => drop(operands.remove(0)),
        _ => {}
    }
}

/// Memory in Intel's syntax.
fn memory(instruction: &Instruction, operand: &mut String) {
    let Some(open) = operand.find('[') else { return };
    let is_bare = instruction.memory_base() == Register::None && instruction.memory_index() == Register::None;
    if is_bare && !prefixes::is_of_strings(instruction) {
        // An address alone has a segment and no brackets.
        *operand = operand.replace(['[', ']'], "");
        if mnemonic::is_of_a_whole_address(instruction) {
            let size = operand.find(" PTR ").map_or(0, |size| size + " PTR ".len());
            operand.replace_range(..size, "");
        }
        let open = open.min(operand.find("0x").unwrap_or(open));
        if !operand[..open].ends_with(':') {
            operand.insert_str(open, "ds:");
        }
    }
    if instruction.is_ip_rel_memory_operand() {
        let offset = instruction.ip_rel_memory_address().wrapping_sub(instruction.next_ip());
        operand.truncate(open);
        operand.push_str(&format!("[rip+{offset:#x}]"));
    }
}
