//! Values and their shares, as the rows of a report have them.

use crate::measurement::{divided, label, percentage};

/// A value divided by `divide_by`, in the unit of the report: `4.92s`.
pub(super) fn value(value: i64, divide_by: f64, unit: &str, output_unit: &str) -> String {
    label(divided(value, divide_by), unit, output_unit)
}

/// The five columns of `top` and `tree`: flat, its share, the share of all flat values so far, cum, its share.
#[derive(Debug, Default)]
pub(super) struct Columns {
    sum: i64,
}

impl Columns {
    /// The columns of the next row.
    pub(super) fn next(&mut self, flat: i64, cum: i64, total: i64, value: impl Fn(i64) -> String) -> String {
        self.sum = self.sum.wrapping_add(flat);
        let [of_flat, of_sum, of_cum] = [flat, self.sum, cum].map(|of| percentage(of, total));
        format!("{:>10} {of_flat} {of_sum} {:>10} {of_cum}", value(flat), value(cum))
    }
}
