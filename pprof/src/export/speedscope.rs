//! The file format of speedscope.app, with one sampled profile: <https://www.speedscope.app/file-format-schema.json>.

use std::io::{self, Write as _};

use serde_json::json;

use super::json::list;
use super::written::{notices, stacks};
use crate::error::ReportError;
use crate::flame::{Distinct, FrameId};
use crate::refine::Refined;
use crate::stop::Stop;

/// Writes a file for speedscope. Stacks with a negative value are left out, and counted in the notices.
///
/// # Errors
/// [`ReportError`].
pub fn speedscope(
    refined: &Refined,
    stop: Stop<'_>,
    to: &mut dyn io::Write,
) -> Result<Vec<String>, ReportError> {
    let stacks = stacks(refined, stop)?;
    let distinct = Distinct::new(&stacks, stop)?;
    let profile = &refined.profile;
    let mut to = io::BufWriter::new(to);
    write!(to, r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{{"frames":"#)?;
    list(
        &mut to,
        stacks.frames().iter().enumerate().map(|(at, frame)| {
            let mut object = json!({ "name": stacks.text(FrameId(at as u32)) });
            if !frame.file.is_empty() {
                object["file"] = profile.text(frame.file).into();
            }
            if frame.line > 0 {
                object["line"] = frame.line.into();
            }
            if frame.column > 0 {
                object["col"] = frame.column.into();
            }
            object
        }),
    )?;
    let unit = match &*refined.unit {
        unit @ ("nanoseconds" | "microseconds" | "milliseconds" | "seconds" | "bytes") => unit,
        _ => "none",
    };
    let (mut sum, mut negative) = (0i128, 0);
    for stack in distinct.iter() {
        if stack.value() < 0 {
            negative += 1;
        } else {
            sum = sum.saturating_add(stack.value());
        }
    }
    let written = || distinct.iter().filter(|stack| stack.value() > 0);
    let header = json!({ "name": refined.kind, "unit": unit, "type": "sampled" }).to_string();
    let header = header.trim_end_matches('}');
    write!(to, r#"}},"profiles":[{header},"startValue":0,"endValue":{sum},"weights":"#)?;
    list(&mut to, written().map(|stack| stack.value()))?;
    write!(to, r#","samples":["#)?;
    for (at, stack) in written().enumerate() {
        stop.check()?;
        if at > 0 {
            to.write_all(b",")?;
        }
        list(&mut to, stack.places.iter().map(|place| place.frame().0))?;
    }
    let exporter = concat!("rgops-pprof@", env!("CARGO_PKG_VERSION"));
    let name = serde_json::Value::from(name(refined));
    writeln!(to, r#"]}}],"name":{name},"activeProfileIndex":0,"exporter":"{exporter}"}}"#)?;
    to.flush()?;
    drop(to);
    Ok(notices(refined, stacks.cut(), negative))
}

/// The program and the sample type.
pub(super) fn name(refined: &Refined) -> String {
    let profile = &refined.profile;
    let program = profile.mappings.first().map_or("", |program| profile.text(program.file));
    let program = program.rsplit('/').next().unwrap_or_default();
    if program.is_empty() { refined.kind.clone() } else { format!("{program} {}", refined.kind) }
}
