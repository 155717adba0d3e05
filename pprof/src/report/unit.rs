//! The unit in which a report shows its values.

use crate::format::Format;
use crate::graph::Trimmed;
use crate::measurement::scale;
use crate::refine::Refined;

/// The unit for the values of the nodes that are shown.
///
/// With `unit=minimum` it is the unit of the smallest value, or of a hundred times that if the total is in another unit
/// and more than a hundred times as large.
pub(crate) fn output_unit(refined: &Refined, trimmed: &Trimmed<'_>) -> String {
    let asked = &refined.settings.unit;
    if asked != "minimum" {
        return asked.clone();
    }
    if trimmed.shown.is_empty() {
        return asked.clone();
    }
    let sizes = trimmed.shown.iter().map(|node| {
        let value = trimmed.graph.value(*node);
        let (flat, cum) = (value.flat(), value.cum());
        if flat == 0 { cum } else { flat }.wrapping_abs()
    });
    let smallest = sizes.filter(|size| *size > 0).min();
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
