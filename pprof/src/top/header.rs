//! The lines above a table, `File:` to `Duration:`.

use super::table::{Options, Top};
use crate::measurement::{label, percentage, scale};
use crate::moment::utc;
use crate::paths::file_name;
use crate::proto::Profile;

impl Top {
    /// A table without rows, with the reason `why`.
    pub fn left_out(profile: &Profile, options: Options<'_>, why: String) -> Top {
        Top { left_out: Some(why), ..Top::empty(profile, options) }.with_header(profile)
    }

    /// The same with its header, which includes the total.
    pub(super) fn with_header(mut self, profile: &Profile) -> Top {
        self.header = header(profile, &self);
        self
    }
}

fn header(profile: &Profile, top: &Top) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(program) = profile.mapping.first() {
        let (file, build_id) = (profile.text(program.filename), profile.text(program.build_id));
        if !file.is_empty() {
            lines.push(format!("File: {}", file_name(file)));
        }
        if !build_id.is_empty() {
            lines.push(format!("Build ID: {build_id}"));
        }
    }
    let comments = profile.comment.iter().map(|comment| profile.text(*comment));
    lines.extend(comments.filter(|comment| !comment.starts_with('#')).map(str::to_owned));
    if !top.sample_type.is_empty() {
        lines.push(format!("Type: {}", top.sample_type));
    }
    if profile.doc_url != 0 {
        lines.push(format!("Doc: {}", profile.text(profile.doc_url)));
    }
    if let Ok(time @ 1..) = u64::try_from(profile.time_nanos) {
        lines.push(format!("Time: {}", utc(time)));
    }
    if profile.duration_nanos != 0 {
        let duration = label(profile.duration_nanos, "nanoseconds", "auto");
        let (total_ns, unit) = scale(top.total, &top.unit, "nanoseconds");
        let ratio = if unit == "ns" && total_ns != 0.0 {
            format!("({})", percentage(total_ns as i64, profile.duration_nanos))
        } else {
            String::new()
        };
        lines.push(format!("Duration: {duration}, Total samples = {} {ratio}", top.format(top.total)));
    }
    lines
}
