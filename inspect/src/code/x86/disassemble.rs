//! From bytes to the text of instructions.

use iced_x86::{
    Decoder, DecoderOptions, FormatMnemonicOptions, Formatter, GasFormatter, Instruction, IntelFormatter,
    MemorySizeOptions, Mnemonic, OpKind, Register, SymbolResolver, SymbolResult,
};

use super::syntax::Syntax;
use super::{mnemonic, operands, prefixes};

/// Says what is at an address: `main+0x10`.
pub type Names<'n> = dyn Fn(u64) -> Option<String> + 'n;

/// Calls `each` with the address and the text of the instructions in `bytes`, which are at `address`, until it returns
/// false.
pub fn disassemble(
    bytes: &[u8],
    address: u64,
    syntax: Syntax,
    names: &Names<'_>,
    each: &mut dyn FnMut(u64, String) -> bool,
) {
    let mut formatter = formatter(syntax);
    let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        let from = decoder.position();
        decoder.decode_out(&mut instruction);
        let ip = instruction.ip();
        if instruction.is_invalid() {
            // objdump goes on behind the first byte.
            let _ = decoder.set_position(from + 1);
            decoder.set_ip(ip.wrapping_add(1));
            if !each(ip, "(bad)".to_owned()) {
                return;
            }
            continue;
        }
        if instruction.mnemonic() == Mnemonic::Wait
            && let Some(text) = waiting(&mut decoder, syntax, bytes, &mut *formatter, names)
        {
            if !each(ip, text) {
                return;
            }
            continue;
        }
        let own = bytes.get(from..decoder.position()).unwrap_or_default();
        if !each(ip, text(&mut instruction, own, syntax, &mut *formatter, names)) {
            return;
        }
    }
}

/// The next instruction if it is one that objdump prints as one with the `fwait` before it: `fstcw` for `fnstcw`.
fn waiting(
    decoder: &mut Decoder<'_>,
    syntax: Syntax,
    bytes: &[u8],
    formatter: &mut dyn Formatter,
    names: &Names<'_>,
) -> Option<String> {
    use Mnemonic::*;
    let (position, ip) = (decoder.position(), decoder.ip());
    let mut next = decoder.decode();
    if matches!(next.mnemonic(), Fnstcw | Fnstsw | Fnstenv | Fnsave | Fnclex | Fninit) {
        let own = bytes.get(position..decoder.position())?;
        let text = text(&mut next, own, syntax, formatter, names).replacen("fn", "f", 1);
        return Some(padded(text));
    }
    let _ = decoder.set_position(position);
    decoder.set_ip(ip);
    None
}

/// The mnemonic is shorter now.
fn padded(text: String) -> String {
    match text.split_once(' ') {
        Some((mnemonic, operands)) => format!("{mnemonic:<6} {}", operands.trim_start()),
        None => text,
    }
}

fn formatter(syntax: Syntax) -> Box<dyn Formatter> {
    let mut formatter: Box<dyn Formatter> = match syntax {
        Syntax::Att => Box::new(GasFormatter::with_options(Some(Box::new(Targets)), None)),
        Syntax::Intel => Box::new(IntelFormatter::with_options(Some(Box::new(Targets)), None)),
    };
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_branch_leading_zeros(false);
    options.set_rip_relative_addresses(true);
    options.set_signed_immediate_operands(false);
    options.set_show_branch_size(false);
    if syntax == Syntax::Intel {
        options.set_memory_size_options(MemorySizeOptions::Always);
        options.set_uppercase_keywords(true);
    }
    formatter
}

/// Targets of branches without `0x`.
struct Targets;

impl SymbolResolver for Targets {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _: u32,
        operand: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        let is_branch = operand.is_some_and(|operand| instruction.op_kind(operand) == OpKind::NearBranch64);
        is_branch.then(|| SymbolResult::with_string(address, format!("{address:x}")))
    }
}

fn text(
    instruction: &mut Instruction,
    bytes: &[u8],
    syntax: Syntax,
    formatter: &mut dyn Formatter,
    names: &Names<'_>,
) -> String {
    let mut text = prefixes::shown(instruction, bytes);
    let options = formatter.options_mut();
    options.set_show_zero_displacements(instruction.memory_displ_size() != 0);
    options.set_always_show_scale(instruction.memory_index() != Register::None);
    options.set_always_show_segment_register(prefixes::is_of_strings(instruction));
    options.set_use_pseudo_ops(operands::may_be_short(instruction));
    let mut mnemonic = String::new();
    formatter.format_mnemonic_options(instruction, &mut mnemonic, FormatMnemonicOptions::NO_PREFIXES);
    text.push_str(mnemonic::of_objdump(instruction, &mnemonic, syntax));
    let operands = operands::of_objdump(instruction, bytes, syntax, formatter);
    if !operands.is_empty() {
        while text.len() < 6 {
            text.push(' ');
        }
        text.push(' ');
        text.push_str(&operands);
    }
    if instruction.is_ip_rel_memory_operand() {
        let to = instruction.ip_rel_memory_address();
        text.push_str(&format!("        # {to:x}"));
        push_name(&mut text, to, names);
    } else if (0..instruction.op_count()).any(|at| instruction.op_kind(at) == OpKind::NearBranch64) {
        push_name(&mut text, instruction.near_branch_target(), names);
    }
    text
}

fn push_name(text: &mut String, address: u64, names: &Names<'_>) {
    if let Some(name) = names(address) {
        text.push_str(" <");
        text.push_str(&name);
        text.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_instructions_or_bad_one_after_the_other() {
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(1 << 16)
        .collect();
        for syntax in [Syntax::Att, Syntax::Intel] {
            let (mut last, mut count) = (None, 0);
            disassemble(&bytes, u64::MAX - 99, syntax, &|_| None, &mut |address, text| {
                let offset = address.wrapping_sub(u64::MAX - 99);
                assert!(last < Some(offset) && offset < 1 << 16 && !text.is_empty(), "{offset} {text}");
                (last, count) = (Some(offset), count + 1);
                true
            });
            assert!(count > 10_000, "{count}");
        }
    }

    #[test]
    fn prefixes_are_printed_as_objdump_prints_them() {
        let of = |bytes: &[u8]| {
            let mut all = Vec::new();
            disassemble(bytes, 0x1000, Syntax::Att, &|_| None, &mut |_, text| {
                all.push(text);
                true
            });
            all.join(" | ")
        };
        assert_eq!(
            of(&[0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]),
            "data16 cs nopw 0x0(%rax,%rax,1)"
        );
        assert_eq!(of(&[0xf3, 0x48, 0xab]), "rep stos %rax,%es:(%rdi)");
        assert_eq!(of(&[0xf3, 0xa6]), "repz cmpsb %es:(%rdi),%ds:(%rsi)");
        assert_eq!(of(&[0xf0, 0x48, 0x0f, 0xb1, 0x11]), "lock cmpxchg %rdx,(%rcx)");
        assert_eq!(of(&[0x3e, 0xff, 0xe0]), "notrack jmp *%rax");
        assert_eq!(of(&[0xf2, 0xc3]), "bnd ret");
        assert_eq!(of(&[0xf3, 0xc3]), "repz ret");
        assert_eq!(of(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0]), "mov    %fs:0x28,%rax");
        assert_eq!(of(&[0x9b, 0xd9, 0x7c, 0x24, 0x02]), "fstcw  0x2(%rsp)");
    }
}
