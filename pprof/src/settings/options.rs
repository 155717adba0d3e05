//! The table of options, and how one is read and set by its name.

use super::values::{Granularity, Settings, Sort};

/// An option of a report.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// pprof's name.
    pub name: &'static str,
    /// Its name in the address of a page; empty if it is not in one.
    pub url: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// One line for people.
    pub help: &'static str,
}

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// A text.
    Text,
    /// One of these words, each of which pprof takes as an option of its own, too.
    Choice(&'static [&'static str]),
}

/// The words of `sort`.
const SORT: &[&str] = &["cum", "flat"];
/// The words of `granularity`.
const GRANULARITY: &[&str] = &["functions", "filefunctions", "files", "lines", "addresses"];

/// All options, pprof's first, by name.
pub const OPTIONS: &[Opt] = &[
    Opt {
        name: "call_tree",
        url: "calltree",
        kind: Kind::Bool,
        help: "Create a context-sensitive call tree",
    },
    Opt { name: "compact_labels", url: "compact", kind: Kind::Bool, help: "Show minimal headers" },
    Opt {
        name: "divide_by",
        url: "",
        kind: Kind::Float,
        help: "Ratio to divide all samples before visualization",
    },
    Opt { name: "drop_negative", url: "dropneg", kind: Kind::Bool, help: "Ignore negative differences" },
    Opt { name: "edgefraction", url: "ef", kind: Kind::Float, help: "Hide edges below <f>*total" },
    Opt {
        name: "focus",
        url: "f",
        kind: Kind::Text,
        help: "Restricts to samples going through a node matching regexp",
    },
    Opt { name: "granularity", url: "g", kind: Kind::Choice(GRANULARITY), help: "What is one node" },
    Opt { name: "hide", url: "h", kind: Kind::Text, help: "Skips nodes matching regexp" },
    Opt {
        name: "ignore",
        url: "i",
        kind: Kind::Text,
        help: "Skips paths going through any nodes matching regexp",
    },
    Opt { name: "intel_syntax", url: "intel", kind: Kind::Bool, help: "Show assembly in Intel syntax" },
    Opt {
        name: "mean",
        url: "mean",
        kind: Kind::Bool,
        help: "Average sample value over first value (count)",
    },
    Opt { name: "nodecount", url: "n", kind: Kind::Integer, help: "Max number of nodes to show" },
    Opt { name: "nodefraction", url: "nf", kind: Kind::Float, help: "Hide nodes below <f>*total" },
    Opt { name: "noinlines", url: "noinlines", kind: Kind::Bool, help: "Ignore inlines." },
    Opt {
        name: "normalize",
        url: "norm",
        kind: Kind::Bool,
        help: "Scales profile based on the base profile.",
    },
    Opt {
        name: "prune_from",
        url: "prunefrom",
        kind: Kind::Text,
        help: "Drops any functions below the matched frame.",
    },
    Opt {
        name: "relative_percentages",
        url: "rel",
        kind: Kind::Bool,
        help: "Show percentages relative to focused subgraph",
    },
    Opt {
        name: "sample_index",
        url: "si",
        kind: Kind::Text,
        help: "Sample value to report (0-based index or name)",
    },
    Opt { name: "show", url: "s", kind: Kind::Text, help: "Only show nodes matching regexp" },
    Opt {
        name: "show_from",
        url: "sf",
        kind: Kind::Text,
        help: "Drops functions above the highest matched frame.",
    },
    Opt {
        name: "showcolumns",
        url: "showcolumns",
        kind: Kind::Bool,
        help: "Show column numbers at the source code line level.",
    },
    Opt { name: "sort", url: "sort", kind: Kind::Choice(SORT), help: "By what rows are sorted" },
    Opt { name: "source_path", url: "", kind: Kind::Text, help: "Search path for source files" },
    Opt {
        name: "tagfocus",
        url: "tf",
        kind: Kind::Text,
        help: "Restricts to samples with tags in range or matched by regexp",
    },
    Opt { name: "taghide", url: "th", kind: Kind::Text, help: "Skip tags matching this regexp" },
    Opt {
        name: "tagignore",
        url: "ti",
        kind: Kind::Text,
        help: "Discard samples with tags in range or matched by regexp",
    },
    Opt {
        name: "tagleaf",
        url: "",
        kind: Kind::Text,
        help: "Adds pseudo stack frames for labels key/value pairs at the callstack leaf.",
    },
    Opt {
        name: "tagroot",
        url: "",
        kind: Kind::Text,
        help: "Adds pseudo stack frames for labels key/value pairs at the callstack root.",
    },
    Opt { name: "tagshow", url: "ts", kind: Kind::Text, help: "Only consider tags matching this regexp" },
    Opt {
        name: "trim",
        url: "trim",
        kind: Kind::Bool,
        help: "Honor nodefraction/edgefraction/nodecount defaults",
    },
    Opt {
        name: "trim_path",
        url: "",
        kind: Kind::Text,
        help: "Path to trim from source paths before search",
    },
    Opt { name: "unit", url: "unit", kind: Kind::Text, help: "Measurement units to display" },
    Opt {
        name: "rust",
        url: "rust",
        kind: Kind::Bool,
        help: "Names and frames as Rust developers read them",
    },
    Opt {
        name: "generics",
        url: "generics",
        kind: Kind::Bool,
        help: "With -rust: type parameters in full instead of <_>",
    },
    Opt {
        name: "monomorphs",
        url: "monomorphs",
        kind: Kind::Bool,
        help: "With -rust: each monomorphization of a function apart",
    },
];

/// Why an option was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no option with this name.
    #[error("there is no option {0:?}")]
    Unknown(String),
    /// The value is not of the kind of the option.
    #[error("{value:?} is not a value of {name}: it takes {takes}")]
    Value {
        /// The option.
        name: String,
        /// The value.
        value: String,
        /// What it takes.
        takes: String,
    },
}

impl Opt {
    /// The option with this name.
    pub fn find(name: &str) -> Option<&'static Opt> {
        OPTIONS.iter().find(|option| option.name == name)
    }

    /// The option of which `word` is a choice, as `cum` is of `sort`.
    pub fn of_choice(word: &str) -> Option<&'static Opt> {
        OPTIONS.iter().find(|option| matches!(option.kind, Kind::Choice(words) if words.contains(&word)))
    }

    /// What it takes, for people.
    pub fn takes(&self) -> String {
        match self.kind {
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer => "a whole number".to_owned(),
            Kind::Float => "a number".to_owned(),
            Kind::Text => "a text".to_owned(),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }
}

impl Settings {
    /// Sets an option by its name. Values of [`Kind::Bool`] are those of Go's `strconv.ParseBool`, and the empty text
    /// for true.
    ///
    /// # Errors
    /// If there is no such option, or it does not take such a value; then nothing is changed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SetError> {
        let option = Opt::find(name).ok_or_else(|| SetError::Unknown(name.to_owned()))?;
        let wrong =
            || SetError::Value { name: name.to_owned(), value: value.to_owned(), takes: option.takes() };
        match option.kind {
            Kind::Bool => {
                let value = match value {
                    "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                    "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                    _ => return Err(wrong()),
                };
                *self.bool_mut(name).ok_or_else(wrong)? = value;
            }
            Kind::Integer => self.nodecount = value.parse().map_err(|_| wrong())?,
            Kind::Float => *self.float_mut(name).ok_or_else(wrong)? = value.parse().map_err(|_| wrong())?,
            Kind::Text => *self.text_mut(name).ok_or_else(wrong)? = value.to_owned(),
            Kind::Choice(_) if name == "sort" => {
                self.sort = match value {
                    "flat" => Sort::Flat,
                    "cum" => Sort::Cum,
                    _ => return Err(wrong()),
                }
            }
            Kind::Choice(_) => {
                self.granularity = match value {
                    "" => Granularity::Default,
                    "functions" => Granularity::Functions,
                    "filefunctions" => Granularity::FileFunctions,
                    "files" => Granularity::Files,
                    "lines" => Granularity::Lines,
                    "addresses" => Granularity::Addresses,
                    _ => return Err(wrong()),
                }
            }
        }
        Ok(())
    }

    /// The value of an option as [`Settings::set`] takes it; `None` if there is no such option.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut copy = self.clone();
        Some(match Opt::find(name)?.kind {
            Kind::Bool => copy.bool_mut(name)?.to_string(),
            Kind::Integer => self.nodecount.to_string(),
            Kind::Float => copy.float_mut(name)?.to_string(),
            Kind::Text => copy.text_mut(name)?.clone(),
            Kind::Choice(_) if name == "sort" => match self.sort {
                Sort::Flat => "flat".to_owned(),
                Sort::Cum => "cum".to_owned(),
            },
            Kind::Choice(_) => match self.granularity {
                Granularity::Default => String::new(),
                Granularity::Functions => "functions".to_owned(),
                Granularity::FileFunctions => "filefunctions".to_owned(),
                Granularity::Files => "files".to_owned(),
                Granularity::Lines => "lines".to_owned(),
                Granularity::Addresses => "addresses".to_owned(),
            },
        })
    }

    fn bool_mut(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "call_tree" => &mut self.call_tree,
            "compact_labels" => &mut self.compact_labels,
            "drop_negative" => &mut self.drop_negative,
            "intel_syntax" => &mut self.intel_syntax,
            "mean" => &mut self.mean,
            "noinlines" => &mut self.noinlines,
            "normalize" => &mut self.normalize,
            "relative_percentages" => &mut self.relative_percentages,
            "showcolumns" => &mut self.showcolumns,
            "trim" => &mut self.trim,
            "rust" => &mut self.rust,
            "generics" => &mut self.generics,
            "monomorphs" => &mut self.monomorphs,
            _ => return None,
        })
    }

    fn float_mut(&mut self, name: &str) -> Option<&mut f64> {
        Some(match name {
            "divide_by" => &mut self.divide_by,
            "edgefraction" => &mut self.edgefraction,
            "nodefraction" => &mut self.nodefraction,
            _ => return None,
        })
    }

    fn text_mut(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "focus" => &mut self.focus,
            "hide" => &mut self.hide,
            "ignore" => &mut self.ignore,
            "prune_from" => &mut self.prune_from,
            "sample_index" => &mut self.sample_index,
            "show" => &mut self.show,
            "show_from" => &mut self.show_from,
            "source_path" => &mut self.source_path,
            "tagfocus" => &mut self.tagfocus,
            "taghide" => &mut self.taghide,
            "tagignore" => &mut self.tagignore,
            "tagleaf" => &mut self.tagleaf,
            "tagroot" => &mut self.tagroot,
            "tagshow" => &mut self.tagshow,
            "trim_path" => &mut self.trim_path,
            "unit" => &mut self.unit,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_can_be_read_and_set() {
        let mut settings = Settings::default();
        for option in OPTIONS {
            let value = settings.value(option.name).expect("it is in the table");
            assert_eq!(settings.set(option.name, &value), Ok(()), "{}", option.name);
        }
        assert_eq!(settings, Settings::default());
        assert!(settings.set("nodecount", "many").is_err() && settings.set("color", "red").is_err());
    }
}
