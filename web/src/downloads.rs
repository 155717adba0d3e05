//! Files that the Download menu offers: reports of the profile as this view refines it.

use rgops_pprof::report::{Request, write};
use rgops_pprof::{Format, Refined};

use crate::page::{Ask, PageError};
use crate::pages::empty;

/// A file.
pub(crate) struct Download {
    /// Its name.
    pub(crate) file: &'static str,
    /// What it is, for people.
    pub(crate) help: &'static str,
    format: Format,
}

/// All files. The whole profile is the first with the options reset.
pub(crate) const DOWNLOADS: &[Download] = &[
    Download { file: "refined.pb.gz", help: "what this view shows", format: Format::Proto },
    Download { file: "top.txt", help: "functions as text", format: Format::Top },
    Download { file: "top.json", help: "functions as JSON", format: Format::Json },
    Download { file: "tree.txt", help: "with callers and callees", format: Format::Tree },
    Download { file: "graph.svg", help: "call graph", format: Format::Svg },
    Download { file: "flame.svg", help: "flame graph", format: Format::Flame },
    Download { file: "stacks.txt", help: "collapsed, for flamegraph.pl", format: Format::Collapsed },
    Download { file: "speedscope.json", help: "for speedscope.app", format: Format::Speedscope },
    Download { file: "firefox.json", help: "for profiler.firefox.com", format: Format::Firefox },
];

/// The name of the whole profile.
const WHOLE: &str = "profile.pb.gz";

impl Download {
    /// The name of the file that is called so, if there is one.
    pub(crate) fn find(file: &str) -> Option<&'static str> {
        let found = DOWNLOADS.iter().map(|download| download.file).find(|of| *of == file);
        found.or((file == WHOLE).then_some(WHOLE))
    }

    /// The format of the file with this name.
    pub(crate) fn format_of(file: &str) -> Option<Format> {
        let found = DOWNLOADS.iter().find(|download| download.file == file).map(|download| download.format);
        found.or((file == WHOLE).then_some(Format::Proto))
    }
}

/// Makes a file.
///
/// # Errors
/// If the report cannot be made.
pub(crate) fn make(ask: &Ask<'_>, format: Format) -> Result<Vec<u8>, PageError> {
    let request = Request { format, argument: None, settings: ask.query.settings.clone() };
    if matches!(format, Format::Flame | Format::Svg) {
        // A picture of nothing is none.
        let refined = Refined::of(ask.profile, &request.settings, format, ask.stop)?;
        if let Some(why) = empty::why(ask, &refined) {
            return Err(PageError::Request(why.to_owned()));
        }
    }
    let mut file = Vec::new();
    write(ask.profile, &request, ask.environment, ask.stop, &mut file)?;
    Ok(file)
}
