//! Mnemonics where objdump has other ones than iced-x86.

use iced_x86::{Code, Instruction, Mnemonic};

use super::prefixes;
use super::syntax::Syntax;

/// The mnemonic that objdump prints where iced-x86 prints `ours`.
pub(super) fn of_objdump<'m>(instruction: &Instruction, ours: &'m str, syntax: Syntax) -> &'m str {
    use Mnemonic::*;
    if syntax == Syntax::Intel {
        return match instruction.code() {
            Code::Mov_r64_imm64 => "movabs",
            _ if is_of_a_whole_address(instruction) => "movabs",
            Code::Retfd | Code::Retfd_imm16 => "retf",
            Code::Popfq => "popf",
            Code::Pushfq => "pushf",
            Code::Iretd => "iret",
            Code::Sal_rm8_1
            | Code::Sal_rm16_1
            | Code::Sal_rm32_1
            | Code::Sal_rm64_1
            | Code::Sal_rm8_CL
            | Code::Sal_rm16_CL
            | Code::Sal_rm32_CL
            | Code::Sal_rm64_CL
            | Code::Sal_rm8_imm8
            | Code::Sal_rm16_imm8
            | Code::Sal_rm32_imm8
            | Code::Sal_rm64_imm8 => "shl",
            _ if prefixes::is_of_strings(instruction) => of_strings(ours),
            _ => ours,
        };
    }
    match instruction.mnemonic() {
        Retf if matches!(instruction.code(), Code::Retfd | Code::Retfd_imm16) => "lret",
        Iretd => "iret",
        Sal => match ours {
            "salb" => "shlb",
            "salw" => "shlw",
            "sall" => "shll",
            "salq" => "shlq",
            _ => "shl",
        },
        Call | Jmp | Push | Pop => ours.strip_suffix('q').unwrap_or(ours),
        _ => ours,
    }
}

/// Whether it has an address of eight bytes.
pub(super) fn is_of_a_whole_address(instruction: &Instruction) -> bool {
    use Code::*;
    matches!(
        instruction.code(),
        Mov_AL_moffs8
            | Mov_moffs8_AL
            | Mov_AX_moffs16
            | Mov_moffs16_AX
            | Mov_EAX_moffs32
            | Mov_moffs32_EAX
            | Mov_RAX_moffs64
            | Mov_moffs64_RAX
    )
}

/// The operands of a string instruction show its size.
fn of_strings(ours: &str) -> &str {
    ["movs", "cmps", "stos", "scas", "lods", "ins", "outs"]
        .into_iter()
        .find(|name| ours.strip_prefix(name).is_some_and(|size| size.len() == 1))
        .unwrap_or(ours)
}
