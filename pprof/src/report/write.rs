//! Any report from a profile.

use std::io;

use super::{
    callgrind, comments, disasm, dot, json, list, proto, raw, svg, tags, top, topproto, traces, tree, weblist,
};
use crate::environment::Environment;
use crate::error::ReportError;
use crate::export;
use crate::format::Format;
use crate::graph::Work;
use crate::profile::Profile;
use crate::refine::Refined;
use crate::settings::Settings;
use crate::source;
use crate::stop::Stop;

/// What to make of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The format.
    pub format: Format,
    /// The argument of the format: the regular expression (or address) of `peek`, `list`, `disasm` and `weblist`, and
    /// optionally of `tags`; `top` or `tree` for JSON.
    pub argument: Option<String>,
    /// The options.
    pub settings: Settings,
}

/// Writes a report to `to`. Returns what to tell the user beside it (pprof prints it to standard error), such as
/// `Focus expression matched no samples`.
///
/// # Errors
/// [`ReportError`].
pub fn write(
    profile: &Profile,
    request: &Request,
    environment: &dyn Environment,
    stop: Stop<'_>,
    to: &mut dyn io::Write,
) -> Result<Vec<String>, ReportError> {
    let mut notices = Vec::new();
    write_noting(profile, request, environment, stop, to, &mut notices)?;
    Ok(notices)
}

/// The same, with what to tell the user in `notices`, also if there is no report: that a filter matched nothing is why
/// `list` finds nothing.
///
/// # Errors
/// [`ReportError`].
pub fn write_noting(
    profile: &Profile,
    request: &Request,
    environment: &dyn Environment,
    stop: Stop<'_>,
    to: &mut dyn io::Write,
    notices: &mut Vec<String>,
) -> Result<(), ReportError> {
    let argument = request.argument.as_deref().unwrap_or_default();
    let mut settings = request.settings.clone();
    if request.format == Format::Tags && !argument.is_empty() {
        argument.clone_into(&mut settings.tagfocus);
    }
    let refined = Refined::of(profile, &settings, request.format, stop)?;
    notices.extend_from_slice(&refined.notices);
    let work = &mut Work::new(stop);
    match request.format {
        Format::Top => top::Top::from_refined(&refined, work)?.write(to)?,
        Format::Tree => tree::Tree::from_refined(&refined, None, work)?.write(to)?,
        Format::Peek => tree::Tree::from_refined(&refined, Some(argument), work)?.write(to)?,
        Format::Traces => traces::Traces::new(&refined).write(stop, to)?,
        Format::Tags => tags::Tags::from_refined(&refined, work)?.write(to)?,
        Format::Comments => comments::write(&refined.profile, to)?,
        Format::Raw => raw::write(&refined.profile, stop, to)?,
        Format::Proto => proto::write(&refined, to)?,
        Format::TopProto => topproto::write(&refined, work, to)?,
        Format::Dot => dot::Drawing::from_refined(&refined, work)?.write(to)?,
        Format::Callgrind => callgrind::Callgrind::from_refined(&refined, work)?.write(to)?,
        Format::Json => json::write(&refined, argument, work, to)?,
        Format::List => {
            let listing = source::list(&refined, argument, environment, stop)?;
            list::write(&refined, &listing, to)?;
        }
        Format::Disasm => {
            let assembly = source::assembly(&refined, argument, None, environment, stop)?;
            disasm::write(&refined, &assembly, to)?;
            notices.extend(assembly.missing);
        }
        Format::Weblist => {
            let annotated = source::annotate(&refined, Some(argument), None, environment, stop)?;
            weblist::write(&refined, &annotated, to)?;
        }
        Format::Svg => {
            let drawing = dot::Drawing::from_refined(&refined, work)?;
            let asked = settings.nodecount;
            if refined.settings.nodecount != asked && drawing.nodes.len() as i64 >= refined.settings.nodecount
            {
                notices
                    .push(format!("the picture has only the {} most important nodes", drawing.nodes.len()));
            }
            let picture = svg::Picture::of(&drawing, stop)?;
            to.write_all(picture.svg(svg::Use::File).as_bytes())?;
        }
        Format::Collapsed => *notices = export::collapsed(&refined, stop, to)?,
        Format::Speedscope => *notices = export::speedscope(&refined, stop, to)?,
        Format::Flame => *notices = export::flame(&refined, stop, to)?,
        Format::Firefox => *notices = export::firefox(&refined, stop, to)?,
    }
    Ok(())
}
