//! Names for the functions of a profile without: from files of this host, then from the programs it was fetched from.

use std::path::Path;
use std::time::Duration;

use rgops_inspect::budget::{self, Budget};
use rgops_inspect::code::{self, FileSettings, Files, Mode, NamedModule};
use rgops_inspect::symbols::file_name;
use rgops_pprof::{Profile, Stop};

use super::arguments::Arguments;
use super::sources::{Address, Client};
use super::texts::cut;
use crate::exit::Failure;
use crate::terminal;

/// How long a program may take to name its functions if `-timeout` does not say otherwise.
const TIMEOUT: Duration = Duration::from_secs(65);

/// The most requests for names. A program has one mapping with functions, and one for each of its libraries.
const MOST_REQUESTS: usize = 256;

/// Memory of the process if `--max-memory` does not say otherwise. A profile of 100 MB needs a tenth of it.
pub(super) const MAX_MEMORY: u64 = 4 << 30;

/// What names are found by.
pub(super) struct Names<'a> {
    pub(super) arguments: &'a Arguments,
    /// The executable that was named before the sources.
    pub(super) binary: Option<&'a Path>,
    /// The process of this host that was profiled.
    pub(super) process: Option<u32>,
    /// Where the profile was fetched.
    pub(super) addresses: &'a [Address],
}

impl Names<'_> {
    /// The profile with names, and where its source files and instructions are. What is missing is said.
    ///
    /// # Errors
    /// If Ctrl-C cannot be caught.
    pub(super) fn find(&self, profile: Profile) -> Result<(Profile, Files), Failure> {
        let (mode, unknown) = Mode::parse(&self.arguments.symbolize);
        for word in &unknown {
            terminal::say(&format!("ignoring unrecognized symbolization option: {}", cut(word)));
            terminal::say(
                "expecting -symbolize=[local|fastlocal|remote|none][:force][:demangle=[none|full|templates|default]",
            );
        }
        let mut settings = FileSettings::from_environment().with_symbols(&self.arguments.symbols);
        if let Some(binary) = self.binary {
            settings = settings.with_program(binary);
        }
        if let Some(process) = self.process {
            settings = settings.with_process(process);
        }
        let budget = memory(self.arguments);
        if let Some(other) = self.binary.and_then(|binary| other_build(binary, &profile, &budget)) {
            terminal::note(&other);
        }
        if mode.is_local {
            terminal::allow_debuginfod()?;
        }
        let (mut profile, modules) = code::symbolize(profile, mode, &settings, &budget, Stop::never());
        if mode.is_remote {
            self.ask_programs(&mut profile, mode);
        }
        if code::remote_requests(&profile, mode).is_empty() {
            return Ok((profile, Files::new(settings, &budget)));
        }
        modules.iter().filter_map(missing).for_each(|missing| terminal::note(&missing));
        Ok((profile, Files::new(settings, &budget)))
    }

    /// Asks each program that the profile came from for what still has no name.
    fn ask_programs(&self, profile: &mut Profile, mode: Mode) {
        let deadline = self.arguments.timeout.filter(|seconds| *seconds > 0);
        let deadline = deadline.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.into()));
        let mut addresses: Vec<Address> = Vec::new();
        for address in self.addresses.iter().filter_map(Address::symbols) {
            // Several profiles of a program.
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return;
        }
        // One deadline for all.
        let client = match Client::new(self.arguments, deadline) {
            Ok(client) => client,
            Err(failure) => return terminal::note(&format!("no names from programs: {}", failure.why)),
        };
        let mut left = MOST_REQUESTS;
        for address in addresses {
            for request in code::remote_requests(profile, mode) {
                if left == 0 {
                    let said = format!("{MOST_REQUESTS} requests for names are enough; some were not sent");
                    return terminal::note(&said);
                }
                left -= 1;
                match client.post(&address, request.body.as_bytes()) {
                    Ok(answer) => {
                        code::apply_remote(profile, request.mapping, mode, &answer);
                    }
                    Err(failure) => {
                        terminal::note(&format!("no names from {address}: {}", failure.why));
                        break;
                    }
                }
            }
        }
    }
}

/// The memory that names, source files and instructions may use.
fn memory(arguments: &Arguments) -> Budget {
    budget::for_process(arguments.max_memory.unwrap_or(MAX_MEMORY))
}

/// That the executable is not the one that was profiled.
fn other_build(binary: &Path, profile: &Profile, budget: &Budget) -> Option<String> {
    let wanted = profile.text(profile.mappings.first()?.build_id);
    let found = code::build_id(binary, budget).filter(|_| !wanted.is_empty())?;
    (!found.eq_ignore_ascii_case(wanted)).then(|| {
        format!(
            "{} is another build than the one that was profiled, and is not used: its build-id is {}, that of the \
             profile {}; fix: pass the file with that build-id",
            binary.display(),
            cut(&found),
            cut(wanted)
        )
    })
}

/// What a module lacks, and the fix.
fn missing(module: &NamedModule) -> Option<String> {
    let nameless = module.addresses.saturating_sub(module.had_lines).saturating_sub(module.named);
    let (reason, fix) = (&module.symbols.reason, &module.symbols.fix);
    if nameless == 0 || reason.is_empty() {
        return None;
    }
    let of = match nameless {
        1 => "1 address has".to_owned(),
        _ => format!("{nameless} addresses have"),
    };
    let fix = if fix.is_empty() { String::new() } else { format!("; fix: {fix}") };
    Some(format!("{}: {of} no name: {reason}{fix}", file_name(&module.symbols.module)))
}
