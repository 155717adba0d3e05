//! Reports: data first, text second. [`write()`] makes any of them from a profile.
//!
//! `Refined` is where they all begin: the profile after its filters, at its granularity, with the chosen sample type.

use std::io;

use crate::environment::Environment;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::stop::{Stop, Stopped};

/// What to make of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The format.
    pub format: Format,
    /// The argument of the format: the regular expression (or address) of `peek`, `list`, `disasm` and `weblist`, and
    /// optionally of `tags`.
    pub argument: Option<String>,
    /// The options.
    pub settings: Settings,
}

/// Formats of reports. pprof's names, and ours beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `top`, `text`: functions by value.
    Top,
    /// Functions with their callers and callees.
    Tree,
    /// The same for functions that match.
    Peek,
    /// Every stack.
    Traces,
    /// Source lines with values.
    List,
    /// Instructions with values.
    Disasm,
    /// Source lines and instructions as a page.
    Weblist,
    /// Values of labels.
    Tags,
    /// Comments of the profile.
    Comments,
    /// The tables of the profile as text.
    Raw,
    /// A pprof file.
    Proto,
    /// A pprof file of the top functions.
    TopProto,
    /// The call graph for Graphviz.
    Dot,
    /// The call graph as a picture.
    Svg,
    /// For KCachegrind.
    Callgrind,
    /// The rows of `top`, `tree`, … as JSON.
    Json,
    /// Folded stacks: `a;b;c 12`, as flamegraph.pl takes them.
    Collapsed,
    /// For speedscope.app.
    Speedscope,
    /// A flame graph as an SVG file.
    Flame,
    /// For profiler.firefox.com.
    Firefox,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// An option does not fit the profile: a regular expression that is not one, a sample type that it does not have.
    #[error("{0}")]
    Option(String),
    /// Nothing matches: `list` of a function that is not there.
    #[error("{0}")]
    NoMatch(String),
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It cannot be written.
    #[error("cannot write the report: {0}")]
    Write(#[from] io::Error),
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
    let _ = (profile, environment, to);
    stop.check()?;
    Err(ReportError::Option(format!("{:?} is not built yet", request.format)))
}
