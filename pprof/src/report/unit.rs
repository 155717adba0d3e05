//! The unit in which a report shows its values.

use crate::format::Format;
use crate::measurement::scale;
use crate::refine::Refined;

/// The unit for values of nodes, of which `values` has the flat and cum of each.
///
/// With `unit=minimum` it is the unit of the smallest value, or of a hundred times that if the total is in another unit
/// and more than a hundred times as large.
pub(crate) fn output_unit(refined: &Refined, values: impl Iterator<Item = (i64, i64)>) -> String {
    let asked = &refined.settings.unit;
    if asked != "minimum" {
        return asked.clone();
    }
    let mut is_empty = true;
    let smallest = values
        .filter_map(|(flat, cum)| {
            is_empty = false;
            let size = if flat == 0 { cum } else { flat }.wrapping_abs();
            (size > 0).then_some(size)
        })
        .min();
    if is_empty {
        return asked.clone();
    }
    let smallest = refined.divided(smallest.unwrap_or(refined.total));
    let largest = refined.divided(refined.total);
    let unit_of = |value| scale(value, &refined.unit, "minimum").1;
    let mut unit = unit_of(smallest);
    let hundredfold = smallest.wrapping_mul(100);
    // Callgrind's values are whole numbers.
    if unit != unit_of(largest) && hundredfold < largest && refined.format != Format::Callgrind {
        unit = unit_of(hundredfold);
    }
    if unit.is_empty() { refined.unit.clone() } else { unit }
}
