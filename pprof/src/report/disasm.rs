//! `disasm`: instructions with values, as text.

use std::io::{self, Write};

use crate::refine::Refined;
use crate::source::Assembly;

use super::list::{value_or_dot, write_sums};

/// Instructions as long as this, or longer, have their place on a line of its own.
const LONG: usize = 40;

/// Writes instructions.
///
/// # Errors
/// If they cannot be written.
pub fn write(refined: &Refined, assembly: &Assembly, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "Total: {}", refined.format_value(assembly.total, &refined.settings.unit))?;
    for function in &assembly.functions {
        for (at, name) in function.names.iter().enumerate() {
            let what = if at == 0 { "ROUTINE" } else { "    AKA" };
            writeln!(to, "{what} ======================== {name}")?;
        }
        write_sums(refined, function.flat, function.cum, assembly.total, to)?;
        let mut last = ("", "", 0);
        for instruction in &function.instructions {
            let text = &instruction.text;
            let (flat, cum) = (instruction.flat, instruction.cum);
            let (flat, cum) = (value_or_dot(refined, flat), value_or_dot(refined, cum));
            let place = (&*instruction.function, &*instruction.file, instruction.line);
            let shown = if place == last { String::new() } else { shown(place) };
            last = place;
            let start = format!("{flat:>10} {cum:>10} {:10x}: ", instruction.address);
            if shown.is_empty() {
                writeln!(to, "{start}{text}")?;
            } else if text.len() < LONG {
                writeln!(to, "{start}{text:<40};{shown}")?;
            } else {
                writeln!(to, "{:74};{shown}", "")?;
                writeln!(to, "{start}{text}")?;
            }
        }
    }
    Ok(())
}

/// `function file:line`, as far as they are known.
fn shown((function, file, line): (&str, &str, i64)) -> String {
    let mut text = if function.is_empty() { String::new() } else { format!("{function} ") };
    text.push_str(file);
    if !file.is_empty() && line != 0 {
        text.push_str(&format!(":{line}"));
    }
    text
}
