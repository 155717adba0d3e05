//! `topproto`: the top functions as a profile of their own.

use std::collections::HashMap;
use std::io::Write;

use super::unit;
use crate::error::ReportError;
use crate::graph::{Calls, Options, Trim, Trimmed, Work};
use crate::measurement::{scale, truncated};
use crate::proto;
use crate::refine::Refined;
use crate::write::encode;

/// The top functions as a profile with the sample types `cum` and `flat`, in the unit of the report.
///
/// # Errors
/// If it was stopped, or does not fit the memory.
pub fn of(refined: &Refined, work: &mut Work<'_>) -> Result<proto::Profile, ReportError> {
    let options = Options { object_names: false, is_tree: false, calls: Calls::None, has_tags: false };
    let trimmed = Trimmed::of(refined, Trim { is_picture: false, options }, work)?;
    let graph = &trimmed.graph;
    let output_unit = unit::output_unit(refined, &trimmed);
    let mut texts = vec![String::new()];
    let mut text_ids = HashMap::from([(String::new(), 0)]);
    let mut text = |text: &str| {
        *text_ids.entry(text.to_owned()).or_insert_with(|| {
            texts.push(text.to_owned());
            texts.len() as i64 - 1
        })
    };
    let from = &refined.profile;
    let value_type = |kind: i64, unit: i64| proto::ValueType { r#type: kind, unit };
    let unit = text(&output_unit);
    let mut to = proto::Profile {
        sample_type: vec![value_type(text("cum"), unit), value_type(text("flat"), unit)],
        time_nanos: from.time_ns,
        duration_nanos: from.duration_ns,
        period_type: Some(value_type(
            text(from.text(from.period_type.kind)),
            text(from.text(from.period_type.unit)),
        )),
        period: from.period,
        ..proto::Profile::default()
    };
    let mut functions = HashMap::new();
    for (id, node) in (1..).zip(&trimmed.shown) {
        let (info, value) = (graph.info(*node), graph.value(*node));
        let next = functions.len() as u64 + 1;
        let function = *functions.entry((info.name, info.file, info.start_line)).or_insert(next);
        if function == next {
            to.function.push(proto::Function {
                id: function,
                name: text(graph.frames.name(info)),
                system_name: 0,
                filename: text(graph.frames.file(info)),
                start_line: info.start_line,
            });
        }
        let line = proto::Line { function_id: function, line: info.line, column: info.column };
        to.location.push(proto::Location {
            id,
            address: info.address,
            line: vec![line],
            ..Default::default()
        });
        let scaled = |value| truncated(scale(value, &refined.unit, &output_unit).0);
        let value = vec![scaled(value.cum()), scaled(value.flat())];
        to.sample.push(proto::Sample { location_id: vec![id], value, label: Vec::new() });
    }
    to.string_table = texts;
    Ok(to)
}

/// Writes it as a `.pb.gz` file.
///
/// # Errors
/// The same, and if `to` cannot be written.
pub fn write(refined: &Refined, work: &mut Work<'_>, to: &mut dyn Write) -> Result<(), ReportError> {
    to.write_all(&encode(&of(refined, work)?))?;
    Ok(())
}
