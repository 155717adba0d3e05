//! Opens all sources, at the same time, and merges them.

use rgops_pprof::merge::{self, Base, MergeError};
use rgops_pprof::{Profile, Stop};

use super::address::Address;
use super::interrupt::Running;
use super::source::{self, Source, Wanted};
use super::{fetch, file, target};
use crate::command::pprof::arguments::Arguments;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Sources that are opened at the same time; as pprof, so that CPU profiles of several hosts cover the same seconds.
const AT_ONCE: usize = 128;

/// What was opened.
pub(crate) struct Gathered {
    /// All sources merged, the base subtracted.
    pub(crate) profile: Profile,
    /// The sources for people.
    pub(crate) sources: Vec<String>,
    /// Where profiles were fetched, for names from there.
    pub(crate) addresses: Vec<Address>,
    /// Whether one was fetched or taken.
    pub(crate) is_remote: bool,
    /// Whether one could not be opened.
    pub(crate) is_partial: bool,
}

/// One opened source.
pub(super) struct Taken {
    pub(super) profile: Profile,
    /// For people.
    pub(super) source: String,
    /// Where it was fetched, for names from there.
    pub(super) address: Option<Address>,
    pub(super) is_remote: bool,
    pub(super) is_partial: bool,
}

/// Opens the sources and the bases. A source that fails is reported, and the others are used.
///
/// # Errors
/// If all sources or all bases fail, or they do not fit together.
pub(crate) fn gather(wanted: &Wanted, bases: &Wanted, arguments: &Arguments) -> Result<Gathered, Failure> {
    let running = Running::default();
    let takes = |sources: &[Source]| sources.iter().any(|it| matches!(it, Source::Cpu(_) | Source::Heap(_)));
    let takes_some = takes(&wanted.sources) || takes(&bases.sources);
    if takes_some {
        running.catch()?;
    }
    let (opened, opened_bases) = std::thread::scope(|scope| {
        let bases = scope.spawn(|| open_all(&bases.sources, arguments, &running));
        let opened = open_all(&wanted.sources, arguments, &running);
        (opened, bases.join())
    });
    if takes_some {
        terminal::on_interrupt(|| terminal::give_up())?;
    }
    let bug =
        |_| Failure::new(Exit::Internal, "cannot open the base", "a thread ended", "report this as a bug");
    let (taken, taken_bases) = (settled(opened, "source")?, settled(opened_bases.map_err(bug)?, "base")?);
    let is_partial = taken.len() + taken_bases.len() < wanted.sources.len() + bases.sources.len();
    let all = taken.iter().chain(&taken_bases);
    let is_remote = all.clone().any(|taken| taken.is_remote);
    let is_partial = is_partial || all.clone().any(|taken| taken.is_partial);
    let sources = taken.iter().map(|taken| taken.source.clone()).collect();
    let addresses = all.clone().filter_map(|taken| taken.address.clone()).collect();
    let program = wanted.binary.as_deref().map(|binary| binary.to_string_lossy().into_owned());
    let combined = |taken: Vec<Taken>| {
        let profiles = taken.into_iter().map(|taken| {
            let mut profile = taken.profile;
            let build_id = arguments.build_id.as_deref().unwrap_or_default();
            merge::with_program(&mut profile, program.as_deref().unwrap_or_default(), build_id);
            profile
        });
        merge::combine(profiles.collect()).map_err(|error| unmergeable(&error))
    };
    let mut profile = combined(taken)?;
    if !taken_bases.is_empty() {
        let base = if arguments.base.is_diff { Base::Compared } else { Base::Subtracted };
        let is_normalized = arguments.settings()?.0.normalize;
        // Ctrl-C ends the process, so nothing else stops it.
        profile = merge::subtract(profile, combined(taken_bases)?, base, is_normalized, Stop::never())
            .map_err(|error| unmergeable(&error))?;
    }
    Ok(Gathered { profile, sources, addresses, is_remote, is_partial })
}

fn unmergeable(error: &MergeError) -> Failure {
    let fix = "profiles must be of the same kind: compare their sample types, which -raw shows";
    Failure::new(Exit::Usage, "cannot merge the profiles", error.to_string(), fix)
}

fn open_all(sources: &[Source], arguments: &Arguments, running: &Running) -> Vec<Result<Taken, Failure>> {
    let mut all = Vec::with_capacity(sources.len());
    for chunk in sources.chunks(AT_ONCE) {
        if let [one] = chunk {
            all.push(open(one, arguments, running));
            continue;
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                chunk.iter().map(|source| scope.spawn(|| open(source, arguments, running))).collect();
            all.extend(threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(Failure::new(
                        Exit::Internal,
                        "cannot open a source",
                        "a thread ended",
                        "report this as a bug",
                    ))
                })
            }));
        });
    }
    all
}

fn open(source: &Source, arguments: &Arguments, running: &Running) -> Result<Taken, Failure> {
    let local = |profile, source: &str| Taken {
        profile,
        source: source.to_owned(),
        address: None,
        is_remote: false,
        is_partial: false,
    };
    Ok(match source {
        Source::Stdin => local(file::stdin()?, "standard input"),
        Source::File(path) => local(file::open(path)?, &path.display().to_string()),
        Source::Url(text) => {
            let fetched = fetch::fetch(text, arguments)?;
            let taken = local(fetched.profile, &fetched.address.to_string());
            Taken { address: Some(fetched.address), is_remote: true, ..taken }
        }
        Source::Cpu(target) => {
            of_program(target::cpu(target, arguments, running)?, format!("cpu of {target}"))
        }
        Source::Missing(path) => return Err(source::missing(path)),
        Source::Heap(target) => {
            of_program(target::heap(target, arguments, running)?, format!("heap of {target}"))
        }
    })
}

fn of_program(taken: target::Profiled, source: String) -> Taken {
    Taken { profile: taken.profile, source, address: None, is_remote: true, is_partial: taken.is_partial }
}

/// What could be opened; the failures are printed. If nothing could, the last failure is returned.
fn settled(opened: Vec<Result<Taken, Failure>>, what: &str) -> Result<Vec<Taken>, Failure> {
    let count = opened.len();
    let (mut taken, mut failures) = (Vec::new(), Vec::new());
    for result in opened {
        match result {
            Ok(one) => taken.push(one),
            Err(failure) => failures.push(failure),
        }
    }
    if taken.is_empty()
        && let Some(last) = failures.pop()
    {
        failures.iter().for_each(terminal::print_failure);
        return Err(last);
    }
    failures.iter().for_each(terminal::print_failure);
    if taken.len() < count {
        terminal::say(&format!("Fetched {} {what} profiles out of {count}", taken.len()));
    }
    Ok(taken)
}
