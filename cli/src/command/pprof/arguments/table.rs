//! Every option of `rgops pprof` by name: formats, the options of reports ([`OPTIONS`]), and those about sources.

use rgops_pprof::report::Format;
use rgops_pprof::settings::{Kind, OPTIONS};

/// An option of the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Its name: `-NAME` and `--NAME`.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) takes: Takes,
    /// The heading under which `--help` has it.
    pub(crate) group: &'static str,
    /// One line for people.
    pub(crate) help: &'static str,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or `=true` and `=false`.
    Switch,
    /// A value of this name, in the same word or the next.
    Value(&'static str),
    /// An address that may be left out.
    Address,
}

/// A format and its name; some have two.
pub(crate) const FORMATS: &[(&str, Format)] = &[
    ("top", Format::Top),
    ("text", Format::Top),
    ("tree", Format::Tree),
    ("peek", Format::Peek),
    ("traces", Format::Traces),
    ("list", Format::List),
    ("disasm", Format::Disasm),
    ("weblist", Format::Weblist),
    ("tags", Format::Tags),
    ("comments", Format::Comments),
    ("raw", Format::Raw),
    ("json", Format::Json),
    ("proto", Format::Proto),
    ("topproto", Format::TopProto),
    ("dot", Format::Dot),
    ("svg", Format::Svg),
    ("callgrind", Format::Callgrind),
    ("collapsed", Format::Collapsed),
    ("speedscope", Format::Speedscope),
    ("flame", Format::Flame),
    ("firefox", Format::Firefox),
];

/// Formats of pprof that rgops does not make, and what to use instead.
const REPLACED: &[(&str, &str)] = &[
    ("gif", "pass -svg, or -dot | dot -Tgif"),
    ("png", "pass -svg, or -dot | dot -Tpng"),
    ("pdf", "pass -svg, or -dot | dot -Tpdf"),
    ("ps", "pass -svg, or -dot | dot -Tps"),
    ("eog", "pass --http for a page in the browser, or -svg -output FILE"),
    ("evince", "pass --http for a page in the browser, or -svg -output FILE"),
    ("gv", "pass --http for a page in the browser, or -svg -output FILE"),
    ("kcachegrind", "pass -callgrind -output FILE, then kcachegrind FILE"),
    ("web", "pass --http for a page in the browser, or -svg -output FILE"),
];

const FORMAT: &str = "Formats (at most one; without: the prompt on a terminal, otherwise -top)";
const OURS: &str = "Rust";
const REFINE: &str = "Filters";
const SHOW: &str = "Values and layout";
const GROUPS: &str = "Sorting and granularity (one of each)";
const SOURCE: &str = "Sources";
const COMPARE: &str = "Comparing";
const OUTPUT: &str = "Output and browser";
const LEGACY: &str = "Short forms";

const fn flag(name: &'static str, takes: Takes, group: &'static str, help: &'static str) -> Flag {
    Flag { name, takes, group, help }
}

/// The options that are not those of a report.
const OTHERS: &[Flag] = &[
    flag("top", Takes::Switch, FORMAT, "Functions by value; also -text"),
    flag("text", Takes::Switch, FORMAT, "The same as -top"),
    flag("tree", Takes::Switch, FORMAT, "Functions with their callers and callees"),
    flag("peek", Takes::Value("REGEXP"), FORMAT, "Callers and callees of functions that match"),
    flag("traces", Takes::Switch, FORMAT, "Every sample with its stack"),
    flag("list", Takes::Value("REGEXP"), FORMAT, "Source lines of functions that match, with values"),
    flag("disasm", Takes::Value("REGEXP"), FORMAT, "Instructions of functions that match, with values"),
    flag("weblist", Takes::Value("REGEXP"), FORMAT, "Source lines and instructions as an HTML page"),
    flag("tags", Takes::Switch, FORMAT, "Labels of samples, by key and value"),
    flag("comments", Takes::Switch, FORMAT, "The comments of the profile"),
    flag("raw", Takes::Switch, FORMAT, "All of the profile as text"),
    flag(
        "json",
        Takes::Switch,
        FORMAT,
        "The rows of -top, or with -tree of -tree, as JSON with a versioned schema",
    ),
    flag("proto", Takes::Switch, FORMAT, "A pprof file: merged, filtered, with names"),
    flag("topproto", Takes::Switch, FORMAT, "A pprof file of the rows of -top"),
    flag("dot", Takes::Switch, FORMAT, "The call graph for Graphviz"),
    flag("svg", Takes::Switch, FORMAT, "The call graph as a picture; needs no Graphviz"),
    flag("callgrind", Takes::Switch, FORMAT, "For KCachegrind"),
    flag("collapsed", Takes::Switch, FORMAT, "Folded stacks, as flamegraph.pl and inferno take them"),
    flag("speedscope", Takes::Switch, FORMAT, "For speedscope.app"),
    flag("flame", Takes::Switch, FORMAT, "A flame graph as an SVG file"),
    flag("firefox", Takes::Switch, FORMAT, "For profiler.firefox.com"),
    flag("seconds", Takes::Value("N"), SOURCE, "How long a profile is taken [default: 30 for cpu]"),
    flag("timeout", Takes::Value("N"), SOURCE, "Wait N seconds [default: 1.5 × -seconds, otherwise 60]"),
    flag(
        "symbolize",
        Takes::Value("HOW"),
        SOURCE,
        "none, local, fastlocal, remote, force; demangle=none|full",
    ),
    flag("buildid", Takes::Value("ID"), SOURCE, "The build-id of the program, if the profile has none"),
    flag("add_comment", Takes::Value("TEXT"), SOURCE, "Add a comment, which some reports show"),
    flag("all_frames", Takes::Switch, SOURCE, "Keep the frames that the profile itself says to drop"),
    flag("symbols", Takes::Value("DIR"), SOURCE, "Another directory with symbol files; repeatable"),
    flag("token-file", Takes::Value("FILE"), SOURCE, "The bearer token for HTTP, or the token of an agent"),
    flag("tls_cert", Takes::Value("FILE"), SOURCE, "Client certificate for https, PEM"),
    flag("tls_key", Takes::Value("FILE"), SOURCE, "Its private key, PEM"),
    flag("tls_ca", Takes::Value("FILE"), SOURCE, "Certificates to trust instead of the system's, PEM"),
    flag("no_save", Takes::Switch, SOURCE, "Do not keep a copy of a profile that was fetched or taken"),
    flag("tools", Takes::Value("PATH"), SOURCE, "Accepted and not used: rgops needs no binutils"),
    flag("max-memory", Takes::Value("SIZE"), SOURCE, "Memory limit, at least 128M [default: 4G]"),
    flag("base", Takes::Value("SOURCE"), COMPARE, "Subtract this profile; repeatable"),
    flag("diff_base", Takes::Value("SOURCE"), COMPARE, "The same, with percentages of the base; repeatable"),
    flag("diff", Takes::Switch, COMPARE, "rgops pprof -diff OLD NEW: what got slower or larger"),
    flag("fail-above", Takes::Value("PERCENT"), COMPARE, "With -diff: exit code 9 if anything grew by more"),
    flag("http", Takes::Address, OUTPUT, "Show it in the browser [default: a free port of localhost]"),
    flag("no_browser", Takes::Switch, OUTPUT, "With --http: print the address, start no browser"),
    flag("interactive", Takes::Switch, OUTPUT, "The prompt, even if this is not a terminal"),
    flag("no-interactive", Takes::Switch, OUTPUT, "-top instead of the prompt"),
    flag("output", Takes::Value("FILE"), OUTPUT, "Write the report to this file"),
    flag("force", Takes::Switch, OUTPUT, "Replace that file if it exists"),
    flag("inuse_space", Takes::Switch, LEGACY, "-sample_index=inuse_space"),
    flag("inuse_objects", Takes::Switch, LEGACY, "-sample_index=inuse_objects"),
    flag("alloc_space", Takes::Switch, LEGACY, "-sample_index=alloc_space"),
    flag("alloc_objects", Takes::Switch, LEGACY, "-sample_index=alloc_objects"),
    flag("total_delay", Takes::Switch, LEGACY, "-sample_index=delay"),
    flag("contentions", Takes::Switch, LEGACY, "-sample_index=contentions"),
    flag("mean_delay", Takes::Switch, LEGACY, "-mean -sample_index=delay"),
];

/// One line for each word of `sort` and `granularity`.
const CHOICES: &[(&str, &str)] = &[
    ("cum", "Sort by what functions use with what they call"),
    ("flat", "Sort by what functions use themselves (default)"),
    ("functions", "A row for each function name (default)"),
    ("filefunctions", "A row for each function in each file"),
    ("files", "A row for each source file"),
    ("lines", "A row for each source line"),
    ("addresses", "A row for each address"),
];

/// All options.
pub(crate) fn flags() -> Vec<Flag> {
    let mut all = OTHERS.to_vec();
    for option in OPTIONS {
        let takes = match option.kind {
            Kind::Bool => Takes::Switch,
            Kind::Integer => Takes::Value("N"),
            Kind::Float => Takes::Value("F"),
            Kind::Text => Takes::Value(value_name(option.name)),
            Kind::Choice(words) => {
                let help = |word: &str| CHOICES.iter().find(|choice| choice.0 == word).map_or("", |it| it.1);
                all.extend(words.iter().map(|word| flag(word, Takes::Switch, GROUPS, help(word))));
                continue;
            }
        };
        all.push(flag(option.name, takes, group(option.name), option.help));
    }
    // By heading; within one, as they are in the tables.
    all.sort_by_key(|flag| HEADINGS.iter().position(|heading| *heading == flag.group));
    all
}

/// The headings in the order of `--help`.
const HEADINGS: [&str; 9] = [FORMAT, REFINE, SHOW, GROUPS, OURS, SOURCE, COMPARE, OUTPUT, LEGACY];

fn group(option: &str) -> &'static str {
    match option {
        "rust" | "generics" | "monomorphs" => OURS,
        "normalize" | "drop_negative" => COMPARE,
        "focus" | "ignore" | "hide" | "show" | "show_from" | "prune_from" | "tagfocus" | "tagignore"
        | "tagshow" | "taghide" | "tagroot" | "tagleaf" => REFINE,
        _ => SHOW,
    }
}

fn value_name(option: &str) -> &'static str {
    match option {
        "unit" => "UNIT",
        "sample_index" => "TYPE",
        "source_path" | "trim_path" => "PATH",
        "tagroot" | "tagleaf" => "KEYS",
        _ => "REGEXP",
    }
}

/// The option with this name, written with `_` or `-`.
pub(crate) fn find(name: &str) -> Option<Flag> {
    let name = name.replace('-', "_");
    flags().into_iter().find(|flag| flag.name.replace('-', "_") == name)
}

/// What to use instead of a format of pprof that rgops does not make.
pub(crate) fn instead_of(format: &str) -> Option<&'static str> {
    REPLACED.iter().find(|(name, _)| *name == format).map(|(_, instead)| *instead)
}
