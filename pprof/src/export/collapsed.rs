//! Folded stacks, a line each: `main;serve;sum 12`.

use std::io;

use super::written::{notices, stacks};
use crate::error::ReportError;
use crate::flame::{Distinct, FrameId};
use crate::refine::Refined;
use crate::stop::Stop;

/// Writes folded stacks, root first, as flamegraph.pl and inferno take them. A comparison has the differences, which
/// may be negative. In names `;` is written as `:`, and control characters as spaces.
///
/// # Errors
/// [`ReportError`].
pub fn collapsed(
    refined: &Refined,
    stop: Stop<'_>,
    to: &mut dyn io::Write,
) -> Result<Vec<String>, ReportError> {
    let stacks = stacks(refined, stop)?;
    let names: Vec<String> =
        (0..stacks.frames().len()).map(|at| folded(&stacks.text(FrameId(at as u32)))).collect();
    let mut line = Vec::new();
    for stack in Distinct::new(&stacks, stop)?.iter() {
        stop.check()?;
        if stack.value() == 0 {
            continue;
        }
        for (at, place) in stack.places.iter().enumerate() {
            if at > 0 {
                line.push(b';');
            }
            line.extend_from_slice(names[place.frame().0 as usize].as_bytes());
            if line.len() > 1 << 16 {
                to.write_all(&line)?;
                line.clear();
            }
        }
        line.extend_from_slice(format!(" {}\n", stack.value()).as_bytes());
        to.write_all(&line)?;
        line.clear();
    }
    Ok(notices(refined, stacks.cut(), 0))
}

/// A name in a folded stack.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            ';' => ':',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}
