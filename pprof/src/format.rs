//! The formats of reports.

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
