//! The parsed command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use rgops_pprof::Settings;
use rgops_pprof::report::{Format, Request};
use rgops_pprof::settings::{Kind, OPTIONS, Opt};

use super::spelling::{OFF, REPLACED};
use super::table::{FORMATS, Takes, flags, instead_of};
use crate::command::pprof::texts::without_secret;
use crate::exit::{Exit, Failure};

/// The parsed command line.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// What to open, as written.
    pub sources: Vec<OsString>,
    /// What to subtract, and how.
    pub base: Baseline,
    /// `-seconds`.
    pub seconds: Option<u32>,
    /// `-timeout`.
    pub timeout: Option<u32>,
    /// `-symbolize`.
    pub symbolize: String,
    /// `-buildid`.
    pub build_id: Option<String>,
    /// `-add_comment`.
    pub comment: Option<String>,
    /// `-all_frames`.
    pub all_frames: bool,
    /// `--symbols`.
    pub symbols: Vec<PathBuf>,
    /// `--token-file`.
    pub token_file: Option<PathBuf>,
    /// `-tls_cert`.
    pub tls_cert: Option<PathBuf>,
    /// `-tls_key`.
    pub tls_key: Option<PathBuf>,
    /// `-tls_ca`.
    pub tls_ca: Option<PathBuf>,
    /// `-no_save`.
    pub no_save: bool,
    /// `-tools`, which has no effect.
    pub tools: Option<String>,
    /// `--max-memory`, in bytes.
    pub max_memory: Option<u64>,
    /// `-diff`: compare two profiles.
    pub diff: bool,
    /// `--fail-above`, in percent.
    pub fail_above: Option<f64>,
    /// `--http`: its address, which may be empty.
    pub http: Option<String>,
    /// `-no_browser`.
    pub no_browser: bool,
    /// `--interactive`; `None` where the terminal decides.
    pub interactive: Option<bool>,
    /// `-output`.
    pub output: Option<PathBuf>,
    /// `--force`.
    pub force: bool,
    /// A format that rgops does not make.
    not_made: Option<String>,
    /// Formats that were asked for, with their arguments.
    formats: Vec<(&'static str, Format, Option<String>)>,
    /// Options of reports in the order of the table, with their values.
    settings: Vec<(&'static str, String)>,
    /// Choices that were set: `cum`, `lines`, …
    choices: Vec<&'static str>,
    /// Short forms that were set: `inuse_space`, …
    short_forms: Vec<&'static str>,
}

/// What to subtract.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// `-base` or `-diff_base`, as written.
    pub sources: Vec<OsString>,
    /// `-diff_base`: samples of the base are marked, and percentages are of the base.
    pub is_diff: bool,
    both: bool,
}

/// Short forms of `-sample_index`, in pprof's order: the first that is set wins.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("total_delay", "delay"),
    ("mean_delay", "delay"),
    ("contentions", "contentions"),
    ("inuse_space", "inuse_space"),
    ("inuse_objects", "inuse_objects"),
    ("alloc_space", "alloc_space"),
    ("alloc_objects", "alloc_objects"),
];

impl Arguments {
    pub(super) fn from_matches(matches: &ArgMatches) -> Arguments {
        let off: Vec<&String> = matches.get_many::<String>(OFF).map(Iterator::collect).unwrap_or_default();
        let switch = |name: &str| match off.iter().any(|off| *off == name) {
            true => Some(false),
            false => matches.get_flag(name).then_some(true),
        };
        let is_on = |name: &str| switch(name).unwrap_or(false);
        let texts = |name: &str| -> Vec<String> {
            matches.get_many::<String>(name).map(|all| all.cloned().collect()).unwrap_or_default()
        };
        let text = |name: &str| texts(name).pop();
        let path = |name: &str| text(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let number = |name: &str| matches.get_many::<u32>(name).and_then(|mut all| all.next_back().copied());
        let bases = |name: &str| -> Vec<OsString> {
            texts(name).into_iter().filter(|source| !source.is_empty()).map(OsString::from).collect()
        };
        let (base, diff_base) = (bases("base"), bases("diff_base"));
        let is_diff = !diff_base.is_empty();
        let mut formats = Vec::new();
        for (name, format) in FORMATS {
            match flags().iter().find(|flag| flag.name == *name).map(|flag| flag.takes) {
                Some(Takes::Value(_)) => formats.extend(
                    text(name).filter(|argument| !argument.is_empty()).map(|it| (*name, *format, Some(it))),
                ),
                _ if is_on(name) => formats.push((*name, *format, None)),
                _ => {}
            }
        }
        let (mut settings, mut choices) = (Vec::new(), Vec::new());
        for option in OPTIONS {
            match option.kind {
                Kind::Bool => settings.extend(switch(option.name).map(|it| (option.name, it.to_string()))),
                Kind::Choice(words) => choices.extend(words.iter().filter(|word| is_on(word))),
                _ => settings.extend(text(option.name).map(|value| (option.name, value))),
            }
        }
        let short_forms = SHORT_FORMS.iter().map(|form| form.0).filter(|name| is_on(name)).collect();
        Arguments {
            sources: matches
                .get_many::<OsString>("sources")
                .map(|all| all.cloned().collect())
                .unwrap_or_default(),
            base: Baseline {
                both: is_diff && !base.is_empty(),
                sources: if is_diff { diff_base } else { base },
                is_diff,
            },
            seconds: number("seconds"),
            timeout: number("timeout"),
            symbolize: text("symbolize").unwrap_or_default(),
            build_id: text("buildid").filter(|id| !id.is_empty()),
            comment: text("add_comment").filter(|comment| !comment.is_empty()),
            all_frames: is_on("all_frames"),
            symbols: texts("symbols").into_iter().map(PathBuf::from).collect(),
            token_file: path("token-file"),
            tls_cert: path("tls_cert"),
            tls_key: path("tls_key"),
            tls_ca: path("tls_ca"),
            no_save: is_on("no_save"),
            tools: text("tools"),
            max_memory: matches.get_many::<u64>("max-memory").and_then(|mut all| all.next_back().copied()),
            diff: is_on("diff"),
            fail_above: matches.get_many::<f64>("fail-above").and_then(|mut all| all.next_back().copied()),
            http: text("http"),
            no_browser: is_on("no_browser"),
            interactive: if is_on("no-interactive") { Some(false) } else { switch("interactive") },
            output: path("output"),
            force: is_on("force"),
            not_made: text(REPLACED),
            formats,
            settings,
            choices,
            short_forms,
        }
    }

    /// The format that was asked for, with its argument; `None` if none was.
    ///
    /// # Errors
    /// If several were, or one that rgops does not make.
    pub fn format(&self) -> Result<Option<(Format, Option<String>)>, Failure> {
        if let Some(name) = &self.not_made {
            let fix = instead_of(name).unwrap_or_default();
            return Err(wrong(
                &format!("cannot make {name}"),
                "rgops needs no Graphviz and no viewers, and uses none",
                fix,
            ));
        }
        match &self.formats[..] {
            [] => Ok(None),
            [(_, format, argument)] => Ok(Some((*format, argument.clone()))),
            // The same report under two names.
            [(_, Format::Top, _), (_, Format::Top, _)] => Ok(Some((Format::Top, None))),
            // JSON of the rows of another report.
            [(name @ ("top" | "tree"), ..), (_, Format::Json, _)] => {
                Ok(Some((Format::Json, Some((*name).to_owned()))))
            }
            several => {
                let names: Vec<String> = several.iter().map(|(name, ..)| format!("-{name}")).collect();
                let why =
                    format!("only one output format can be made, and there are {}", names.join(" and "));
                Err(wrong("the format is ambiguous", why, format!("pass one: rgops pprof {} …", names[0])))
            }
        }
    }

    /// The options of the report, and notices about them.
    ///
    /// # Errors
    /// If two of them contradict each other.
    pub fn settings(&self) -> Result<(Settings, Vec<String>), Failure> {
        let (mut settings, mut notices) = (Settings::default(), Vec::new());
        let refused = |error: &dyn std::fmt::Display| {
            wrong("cannot set an option", error.to_string(), "see rgops pprof --help")
        };
        for (name, value) in &self.settings {
            settings.set(name, value).map_err(|error| refused(&error))?;
        }
        for option in OPTIONS {
            let Kind::Choice(words) = option.kind else { continue };
            match &self.choices.iter().filter(|choice| words.contains(*choice)).collect::<Vec<_>>()[..] {
                [] => {}
                [one] => settings.set(option.name, one).map_err(|error| refused(&error))?,
                [one, other, ..] => {
                    let why = format!("-{one} and -{other} are both for {}", option.name);
                    return Err(wrong(
                        "options contradict each other",
                        why,
                        format!("pass one of -{one} and -{other}"),
                    ));
                }
            }
        }
        for (name, sample_type) in SHORT_FORMS.iter().filter(|form| self.short_forms.contains(&form.0)) {
            if settings.sample_index.is_empty() {
                settings.sample_index = (*sample_type).to_owned();
            } else {
                notices.push(format!("Multiple value selections, ignoring -{name}"));
            }
        }
        settings.mean |= self.short_forms.contains(&"mean_delay");
        if self.tools.is_some() {
            notices.push("-tools has no effect: rgops reads object files itself".to_owned());
        }
        Ok((settings, notices))
    }

    /// Checks what options exclude or need each other.
    ///
    /// # Errors
    /// The first that does not fit.
    pub fn check(&self) -> Result<(), Failure> {
        if self.sources.is_empty() {
            return Err(match self.swallowed() {
                Some((name, value)) => wrong(
                    "there is nothing to open",
                    format!(
                        "no profile source was specified: -{name} took {:?} as its value",
                        without_secret(value)
                    ),
                    format!("give -{name} its value first, then the source"),
                ),
                None => wrong(
                    "there is nothing to open",
                    "no profile source was specified",
                    "pass a file, a URL or a process: rgops pprof FILE, rgops pprof cpu PID",
                ),
            });
        }
        if self.base.both {
            return Err(wrong(
                "options contradict each other",
                "-base and -diff_base cannot both be specified",
                "pass -diff_base for percentages of the base, otherwise -base",
            ));
        }
        let is_normalized = self.settings.iter().any(|(name, value)| *name == "normalize" && value == "true");
        if is_normalized && self.base.sources.is_empty() {
            return Err(wrong(
                "cannot normalize",
                "there is no base profile to normalize by",
                "pass it by -base FILE or -diff_base FILE",
            ));
        }
        if self.http.is_some() && (!self.formats.is_empty() || self.diff) {
            return Err(wrong(
                "options contradict each other",
                "--http shows pages, and an output format was asked for, too",
                "omit the format, or --http",
            ));
        }
        if self.no_browser && self.http.is_none() {
            return Err(wrong("-no_browser has no effect", "there is no --http", "pass --http, too"));
        }
        if self.fail_above.is_some() && !self.diff {
            return Err(wrong(
                "--fail-above has no effect",
                "there is no -diff",
                "rgops pprof -diff OLD NEW --fail-above 5%",
            ));
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            let (given, missing) =
                if self.tls_cert.is_some() { ("-tls_cert", "-tls_key") } else { ("-tls_key", "-tls_cert") };
            let why = format!("{given} is specified, so {missing} must be, too");
            return Err(wrong("cannot use the client certificate", why, format!("pass {missing} FILE")));
        }
        Ok(())
    }

    /// The option whose value looks like a source, and the value.
    fn swallowed(&self) -> Option<(&'static str, &str)> {
        let formats = self.formats.iter().filter_map(|(name, _, value)| Some((*name, value.as_deref()?)));
        let settings = self.settings.iter().map(|(name, value)| (*name, value.as_str()));
        let output = self.output.as_deref().and_then(Path::to_str).map(|path| ("output", path));
        let others = [
            ("http", self.http.as_deref()),
            ("add_comment", self.comment.as_deref()),
            ("buildid", self.build_id.as_deref()),
            ("tools", self.tools.as_deref()),
        ];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(output);
        let all: Vec<_> =
            formats.chain(settings).chain(others).filter(|(_, value)| !value.is_empty()).collect();
        let is_source = |value: &str| value == "-" || value.contains("://") || Path::new(value).exists();
        let of_format = || all.iter().find(|(name, _)| self.formats.iter().any(|format| format.0 == *name));
        all.iter().find(|(_, value)| is_source(value)).or_else(of_format).copied()
    }

    /// A request for `format` with these options.
    ///
    /// # Errors
    /// As [`Arguments::settings`].
    pub fn request(&self, format: Format, argument: Option<String>) -> Result<Request, Failure> {
        Ok(Request { format, argument, settings: self.settings()?.0 })
    }

    /// Whether the command line has this option of reports, with any value.
    pub(in crate::command::pprof) fn says(&self, option: &str) -> bool {
        self.settings.iter().any(|(name, _)| *name == option)
    }

    /// Whether `name` is an option of reports, for the prompt and tests.
    pub fn is_option(name: &str) -> bool {
        Opt::find(name).is_some() || Opt::of_choice(name).is_some()
    }
}

pub(super) fn wrong(what: &str, why: impl Into<String>, fix: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, what, why, fix)
}
