//! The options of a report and their defaults.

/// The options of a report, with pprof's names and defaults. [`Settings::set`] sets one by its name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// A node for each path to a function, instead of one.
    pub call_tree: bool,
    /// Percentages of what is left by filters, instead of the whole profile.
    pub relative_percentages: bool,
    /// `minimum`, `auto`, or a unit such as `ms` or `MB`.
    pub unit: String,
    /// Without the lines from `File:` to `Duration:`.
    pub compact_labels: bool,
    /// Directories with source files: a [list of paths](super::path_list).
    pub source_path: String,
    /// Prefixes to remove from source files before they are searched: a [list of paths](super::path_list).
    pub trim_path: String,
    /// Intel's syntax for instructions, instead of AT&T's.
    pub intel_syntax: bool,
    /// The mean over the first value, instead of the sum.
    pub mean: bool,
    /// A sample type: its name or its position. Empty: the default of the profile, otherwise its last.
    pub sample_index: String,
    /// Values are divided by this.
    pub divide_by: f64,
    /// Scale the base profile to the profile.
    pub normalize: bool,
    /// By what rows are sorted.
    pub sort: Sort,
    /// Label keys, separated by commas, that become frames at the root.
    pub tagroot: String,
    /// Label keys, separated by commas, that become frames at the leaf.
    pub tagleaf: String,
    /// Without nodes with a negative value.
    pub drop_negative: bool,
    /// The most nodes to show; 0: all; -1: the default of the format.
    pub nodecount: i64,
    /// Nodes below this share of the total are dropped.
    pub nodefraction: f64,
    /// Edges below this share of the total are dropped.
    pub edgefraction: f64,
    /// Whether `nodecount`, `nodefraction` and `edgefraction` hold.
    pub trim: bool,
    /// Only samples with a matching frame.
    pub focus: String,
    /// Only samples without a matching frame.
    pub ignore: String,
    /// Frames below a matching one are dropped, with it.
    pub prune_from: String,
    /// Matching frames are left out.
    pub hide: String,
    /// Frames that do not match are left out.
    pub show: String,
    /// Frames above the outermost matching one are left out.
    pub show_from: String,
    /// Only samples with a matching label.
    pub tagfocus: String,
    /// Only samples without a matching label.
    pub tagignore: String,
    /// Only labels with a matching key.
    pub tagshow: String,
    /// Only labels without a matching key.
    pub taghide: String,
    /// Inlined functions count as the function they are inlined into.
    pub noinlines: bool,
    /// Columns beside line numbers.
    pub showcolumns: bool,
    /// What is one node.
    pub granularity: Granularity,
    /// Names and frames as Rust developers want them: see [`crate::names`].
    pub rust: bool,
    /// Type parameters in full; with `rust`, otherwise they are folded to `<_>`.
    pub generics: bool,
    /// With `rust`: each monomorphization of a function apart, instead of joined.
    pub monomorphs: bool,
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By a node's own value.
    #[default]
    Flat,
    /// By its value with what it calls.
    Cum,
}

/// What is one node of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Granularity {
    /// The default of the format: functions, except for `list`, `disasm` and such.
    #[default]
    Default,
    /// A function name.
    Functions,
    /// A function name in a file.
    FileFunctions,
    /// A file.
    Files,
    /// A line.
    Lines,
    /// An address.
    Addresses,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            call_tree: false,
            relative_percentages: false,
            unit: "minimum".to_owned(),
            compact_labels: false,
            source_path: String::new(),
            trim_path: String::new(),
            intel_syntax: false,
            mean: false,
            sample_index: String::new(),
            divide_by: 1.0,
            normalize: false,
            sort: Sort::Flat,
            tagroot: String::new(),
            tagleaf: String::new(),
            drop_negative: false,
            nodecount: -1,
            nodefraction: 0.005,
            edgefraction: 0.001,
            trim: true,
            focus: String::new(),
            ignore: String::new(),
            prune_from: String::new(),
            hide: String::new(),
            show: String::new(),
            show_from: String::new(),
            tagfocus: String::new(),
            tagignore: String::new(),
            tagshow: String::new(),
            taghide: String::new(),
            noinlines: false,
            showcolumns: false,
            granularity: Granularity::Default,
            rust: false,
            generics: false,
            monomorphs: false,
        }
    }
}
