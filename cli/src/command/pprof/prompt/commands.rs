//! The table of commands: what each makes, and its help.

use rgops_pprof::report::Format;

/// A command of the prompt that makes something of the profile.
#[derive(Debug, PartialEq)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) makes: Makes,
    /// Whether its first word is its argument: a regular expression or an address.
    pub(super) has_argument: bool,
    pub(super) description: &'static str,
    usage: Usage,
}

/// What a command makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Makes {
    /// Text, which is printed.
    Text(Format),
    /// A file, `profile001` and this suffix unless it is named: it is not for a screen.
    File(Format, &'static str),
    /// A page in the browser; with `>file` the file.
    Page(View, Format),
    /// What needs a program of others; this is what to do instead.
    Elsewhere(&'static str),
}

/// A view of the page server: `flamegraph` and such in its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The call graph.
    Graph,
    /// The flame graph.
    Flame,
    /// Source lines of the functions that match the argument.
    Source,
}

#[derive(Debug, PartialEq)]
enum Usage {
    /// None: the command takes no words.
    None,
    /// Numbers, expressions to focus on and to ignore. `cum`: also `-cum`. `file`: also `>f`.
    Report { cum: bool, file: bool },
    /// A function or an address, then the same without numbers.
    Listing { file: bool },
    /// These lines.
    Lines(&'static [&'static str]),
}

const TEXT: Usage = Usage::Report { cum: true, file: true };
const FILE: Usage = Usage::Report { cum: false, file: true };
const SHOWN: Usage = Usage::Report { cum: false, file: false };

const fn text(name: &'static str, format: Format, description: &'static str, usage: Usage) -> Command {
    Command { name, makes: Makes::Text(format), has_argument: false, description, usage }
}

const fn of_function(name: &'static str, format: Format, description: &'static str, usage: Usage) -> Command {
    Command { name, makes: Makes::Text(format), has_argument: true, description, usage }
}

const fn file(
    name: &'static str,
    format: Format,
    suffix: &'static str,
    description: &'static str,
    usage: Usage,
) -> Command {
    Command { name, makes: Makes::File(format, suffix), has_argument: false, description, usage }
}

const fn elsewhere(
    name: &'static str,
    instead: &'static str,
    description: &'static str,
    usage: Usage,
) -> Command {
    Command { name, makes: Makes::Elsewhere(instead), has_argument: false, description, usage }
}

/// Why there are no pictures made by Graphviz.
const BY_GRAPHVIZ: &str =
    "only Graphviz makes it: use `svg`, `web`, or `dot >f.dot` and then Graphviz on f.dot";

/// The commands of pprof, by name.
pub(super) const OF_PPROF: &[Command] = &[
    file("callgrind", Format::Callgrind, ".callgraph.out", "Outputs a graph in callgrind format", FILE),
    text("comments", Format::Comments, "Output all profile comments", Usage::None),
    of_function(
        "disasm",
        Format::Disasm,
        "Output assembly listings annotated with samples",
        Usage::Listing { file: true },
    ),
    text("dot", Format::Dot, "Outputs a graph in DOT format", FILE),
    elsewhere("eog", BY_GRAPHVIZ, "Visualize graph through eog", SHOWN),
    elsewhere("evince", BY_GRAPHVIZ, "Visualize graph through evince", SHOWN),
    elsewhere("gif", BY_GRAPHVIZ, "Outputs a graph image in GIF format", FILE),
    elsewhere("gv", BY_GRAPHVIZ, "Visualize graph through gv", SHOWN),
    elsewhere(
        "kcachegrind",
        "it starts no viewers: use `callgrind >f` and open f in KCachegrind",
        "Visualize report in KCachegrind",
        SHOWN,
    ),
    of_function(
        "list",
        Format::List,
        "Output annotated source for functions matching regexp",
        Usage::Listing { file: false },
    ),
    elsewhere("pdf", BY_GRAPHVIZ, "Outputs a graph in PDF format", FILE),
    of_function(
        "peek",
        Format::Peek,
        "Output callers/callees of functions matching regexp",
        Usage::Lines(&["peek func_regex", "Display callers and callees of functions matching func_regex."]),
    ),
    elsewhere("png", BY_GRAPHVIZ, "Outputs a graph image in PNG format", FILE),
    file("proto", Format::Proto, ".pb.gz", "Outputs the profile in compressed protobuf format", Usage::None),
    elsewhere("ps", BY_GRAPHVIZ, "Outputs a graph in PS format", FILE),
    text("raw", Format::Raw, "Outputs a text representation of the raw profile", Usage::None),
    file("svg", Format::Svg, ".svg", "Outputs a graph in SVG format", FILE),
    text(
        "tags",
        Format::Tags,
        "Outputs all tags in the profile",
        Usage::Lines(&[
            "tags [tag_regex]* [-ignore_regex]* [>file]",
            "List tags with key:value matching tag_regex and exclude ignore_regex.",
        ]),
    ),
    text("text", Format::Top, "Outputs top entries in text form", TEXT),
    text("top", Format::Top, "Outputs top entries in text form", TEXT),
    file(
        "topproto",
        Format::TopProto,
        ".pb.gz",
        "Outputs top entries in compressed protobuf format",
        Usage::None,
    ),
    text("traces", Format::Traces, "Outputs all profile samples in text form", Usage::None),
    text("tree", Format::Tree, "Outputs a text rendering of call graph", TEXT),
    Command {
        name: "web",
        makes: Makes::Page(View::Graph, Format::Svg),
        has_argument: false,
        description: "Visualize graph through web browser",
        usage: SHOWN,
    },
    Command {
        name: "weblist",
        makes: Makes::Page(View::Source, Format::Weblist),
        has_argument: true,
        description: "Display annotated source in a web browser",
        usage: Usage::Listing { file: false },
    },
];

/// The commands that pprof does not have.
pub(super) const OURS: &[Command] = &[
    text("collapsed", Format::Collapsed, "Outputs folded stacks: a;b;c 12", FILE),
    file("firefox", Format::Firefox, ".firefox.json", "Outputs a profile for profiler.firefox.com", FILE),
    Command {
        name: "flame",
        makes: Makes::Page(View::Flame, Format::Flame),
        has_argument: false,
        description: "Visualize flame graph through web browser; >f.svg saves it",
        usage: FILE,
    },
    text("json", Format::Json, "Outputs the rows of the report as JSON", FILE),
    file("speedscope", Format::Speedscope, ".speedscope.json", "Outputs a profile for speedscope.app", FILE),
];

/// All commands.
pub(super) fn all() -> impl Iterator<Item = &'static Command> {
    OF_PPROF.iter().chain(OURS)
}

/// The command with this name.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    all().find(|command| command.name == name)
}

impl Command {
    /// What `help NAME` prints.
    pub(super) fn help(&self) -> String {
        let mut help = format!("{}\n", self.description);
        let lines = self.usage();
        if !lines.is_empty() {
            help.push_str("  Usage:\n");
        }
        for line in lines {
            help.push_str(&format!("    {line}\n"));
        }
        help.push('\n');
        help
    }

    fn usage(&self) -> Vec<String> {
        let name = self.name;
        let (first, about, cum, file) = match self.usage {
            Usage::None => return Vec::new(),
            Usage::Lines(lines) => return lines.iter().map(|line| (*line).to_owned()).collect(),
            Usage::Report { cum, file } => {
                let first = format!("{name} [n] [focus_regex]* [-ignore_regex]*");
                (first, "Include up to n samples", cum, file)
            }
            Usage::Listing { file } => (
                // Without a blank after the name, as pprof prints it.
                format!("{name}<func_regex|address> [-focus_regex]* [-ignore_regex]*"),
                "Include functions matching func_regex, or including the address specified.",
                false,
                file,
            ),
        };
        let first = format!("{first}{}{}", if cum { " [-cum]" } else { "" }, if file { " >f" } else { "" });
        let mut lines = vec![first, about.to_owned()];
        lines.push("Include samples matching focus_regex, and exclude ignore_regex.".to_owned());
        if cum {
            lines.push("-cum sorts the output by cumulative weight".to_owned());
        }
        if file {
            lines.push("Optionally save the report on the file f".to_owned());
        }
        lines
    }
}
