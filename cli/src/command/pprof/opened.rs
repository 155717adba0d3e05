//! What reports, the prompt and pages are made of: all sources merged, the base subtracted, names found.

use std::path::PathBuf;
use std::sync::Arc;

use rgops_inspect::budget;
use rgops_inspect::code::{FileSettings, Files};
use rgops_pprof::environment::Environment;
use rgops_pprof::{Profile, Stop, merge};

use super::arguments::Arguments;
use super::names::Names;
use super::sources::{self, Gathered, Wanted};
use crate::exit::{Exit, Failure};

/// An opened profile.
pub struct Opened {
    /// All sources merged, the base subtracted, with names.
    pub profile: Arc<Profile>,
    /// Where source files and instructions come from.
    pub environment: Arc<dyn Environment + Send + Sync>,
    /// The name of the program, for titles; empty if the profile does not have it.
    pub name: String,
    /// What was opened, for people: paths, addresses without passwords. They may contain control characters.
    pub sources: Vec<String>,
    /// Where a copy was saved.
    pub saved: Option<PathBuf>,
    /// Whether a source could not be opened, which was reported.
    pub is_partial: bool,
}

impl Opened {
    /// Opens the sources of `arguments`; progress and notices go to standard error.
    ///
    /// # Errors
    /// If no source, or no base, can be opened, or they do not fit together.
    pub fn open(arguments: &Arguments) -> Result<Opened, Failure> {
        let wanted = sources::parse(&arguments.sources)?;
        let bases = sources::parse_each(&arguments.base.sources)?;
        let gathered = sources::gather(&wanted, &bases, arguments)?;
        Opened::from_gathered(gathered, &wanted, arguments)
    }

    /// Opens one profile by its source as on the command line, with the options of `arguments`: for `-diff`.
    ///
    /// # Errors
    /// As [`Opened::open`].
    pub fn open_one(source: &std::ffi::OsStr, arguments: &Arguments) -> Result<Opened, Failure> {
        let wanted = sources::parse_each(&[source.to_owned()])?;
        let gathered = sources::gather(&wanted, &sources::Wanted::default(), arguments)?;
        Opened::from_gathered(gathered, &wanted, arguments)
    }

    /// A profile that a command took, for `pprof-cpu` and `pprof-heap`. `name` is that of the program.
    pub fn from_profile(profile: Profile, name: String, saved: Option<PathBuf>) -> Opened {
        let files = Files::new(FileSettings::from_environment(), &budget::standard());
        Opened {
            profile: Arc::new(profile),
            environment: Arc::new(files),
            name,
            sources: Vec::new(),
            saved,
            is_partial: false,
        }
    }

    fn from_gathered(gathered: Gathered, wanted: &Wanted, arguments: &Arguments) -> Result<Opened, Failure> {
        let Gathered { profile, sources, addresses, is_remote, is_partial } = gathered;
        let names = Names {
            arguments,
            binary: wanted.binary.as_deref(),
            process: wanted.process(),
            addresses: &addresses,
        };
        let (mut profile, files) = names.find(profile)?;
        // Ctrl-C ends the process, so nothing else stops it.
        let _ = merge::finish(&mut profile, arguments.all_frames, Stop::never());
        if let Some(comment) = &arguments.comment {
            let comment = profile.texts.intern(comment);
            profile.comments.push(comment);
        }
        let saved = match is_remote && !arguments.no_save {
            true => sources::save(&profile),
            false => None,
        };
        let name = program(&profile);
        let (profile, environment) = (Arc::new(profile), Arc::new(files));
        Ok(Opened { profile, environment, name, sources, saved, is_partial })
    }

    /// The exit code of a command that showed it.
    pub fn exit(&self) -> Exit {
        if self.is_partial { Exit::Partial } else { Exit::Success }
    }
}

/// The name of the program: that of the file of the first mapping.
fn program(profile: &Profile) -> String {
    let file = profile.mappings.first().map_or("", |mapping| profile.text(mapping.file));
    file.rsplit('/').next().unwrap_or_default().to_owned()
}
