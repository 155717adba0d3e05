//! `list`: source lines with values, as text.

use std::io::{self, Write};

use crate::measurement::percentage;
use crate::refine::Refined;
use crate::source::Listing;

/// Writes a listing.
///
/// # Errors
/// If it cannot be written.
pub fn write(refined: &Refined, listing: &Listing, to: &mut dyn Write) -> io::Result<()> {
    let unit = &refined.settings.unit;
    writeln!(to, "Total: {}", refined.format_value(listing.total, unit))?;
    for function in &listing.functions {
        if function.files.is_empty() {
            writeln!(to, "No source information for {}", function.name)?;
        }
        for file in &function.files {
            writeln!(to, "ROUTINE ======================== {} in {}", function.name, file.path)?;
            write_sums(refined, file.flat, file.cum, listing.total, to)?;
            let lines = match &file.lines {
                Ok(lines) => lines,
                Err(why) => {
                    writeln!(to, " Error: {why}")?;
                    continue;
                }
            };
            for line in lines {
                let (flat, cum) = (value_or_dot(refined, line.flat), value_or_dot(refined, line.cum));
                writeln!(to, "{flat:>10} {cum:>10} {:6}:{}", line.number, line.text)?;
            }
        }
    }
    Ok(())
}

/// The line below a `ROUTINE`.
pub(super) fn write_sums(
    refined: &Refined,
    flat: i64,
    cum: i64,
    total: i64,
    to: &mut dyn Write,
) -> io::Result<()> {
    let shown = |value: i64| refined.format_value(value, &refined.settings.unit);
    let share = percentage(cum, total);
    writeln!(to, "{:>10} {:>10} (flat, cum) {share} of Total", shown(flat), shown(cum))
}

/// A value as text, `.` for 0.
pub(super) fn value_or_dot(refined: &Refined, value: i64) -> String {
    if value == 0 { ".".to_owned() } else { refined.format_value(value, &refined.settings.unit) }
}
