//! The lines above a report, `File:` to `Duration:`, and values as text.

use super::refined::Refined;
use crate::measurement::{divided, label, percentage, scale};
use crate::moment::utc_signed;
use crate::paths::file_name;

impl Refined {
    /// The lines from `File:` to `Duration:`. `output_unit` is the unit in which the report shows values; until it has
    /// chosen one, that is [`Settings::unit`](crate::Settings::unit).
    pub fn header(&self, output_unit: &str) -> Vec<String> {
        let profile = &self.profile;
        let mut lines = Vec::new();
        if let Some(program) = profile.mappings.first() {
            let (file, build_id) = (profile.text(program.file), profile.text(program.build_id));
            if !file.is_empty() {
                lines.push(format!("File: {}", file_name(file)));
            }
            if !build_id.is_empty() {
                lines.push(format!("Build ID: {build_id}"));
            }
        }
        let comments = profile.comments.iter().map(|comment| profile.text(*comment));
        lines.extend(comments.filter(|comment| !comment.starts_with('#')).map(str::to_owned));
        if !self.kind.is_empty() {
            lines.push(format!("Type: {}", self.kind));
        }
        if !profile.doc_url.is_empty() {
            lines.push(format!("Doc: {}", profile.text(profile.doc_url)));
        }
        if profile.time_ns != 0 {
            lines.push(format!("Time: {}", utc_signed(profile.time_ns)));
        }
        if profile.duration_ns != 0 {
            let duration = label(profile.duration_ns, "nanoseconds", "auto");
            let (total_ns, unit) = scale(self.total, &self.unit, "nanoseconds");
            let ratio = if unit == "ns" && total_ns != 0.0 {
                format!("({})", percentage(total_ns as i64, profile.duration_ns))
            } else {
                String::new()
            };
            let total = self.format_value(self.total, output_unit);
            lines.push(format!("Duration: {duration}, Total samples = {total} {ratio}"));
        }
        lines
    }

    /// A value as text, divided by `divide_by`: `4.92s`.
    pub fn format_value(&self, value: i64, output_unit: &str) -> String {
        label(self.divided(value), &self.unit, output_unit)
    }

    /// A value divided by `divide_by`.
    pub fn divided(&self, value: i64) -> i64 {
        divided(value, self.settings.divide_by)
    }
}
