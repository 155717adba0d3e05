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
    field: Field,
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

/// The words of `sort` and what they mean.
const SORT: [(&str, Sort); 2] = [("cum", Sort::Cum), ("flat", Sort::Flat)];
/// The words of `granularity`; the default of the format has none.
const GRANULARITY: [(&str, Granularity); 5] = [
    ("functions", Granularity::Functions),
    ("filefunctions", Granularity::FileFunctions),
    ("files", Granularity::Files),
    ("lines", Granularity::Lines),
    ("addresses", Granularity::Addresses),
];

/// All options, pprof's first, by name.
pub const OPTIONS: &[Opt] = &[
    switch("call_tree", "calltree", "Create a context-sensitive call tree", |of| &mut of.call_tree),
    switch("compact_labels", "compact", "Show minimal headers", |of| &mut of.compact_labels),
    number("divide_by", "", "Ratio to divide all samples before visualization", |of| &mut of.divide_by),
    switch("drop_negative", "dropneg", "Ignore negative differences", |of| &mut of.drop_negative),
    number("edgefraction", "ef", "Hide edges below <f>*total", |of| &mut of.edgefraction),
    text("focus", "f", "Restricts to samples going through a node matching regexp", |of| &mut of.focus),
    Opt {
        name: "granularity",
        url: "g",
        kind: Kind::Choice(&words(GRANULARITY)),
        field: Field::Granularity,
        help: "What is one node",
    },
    text("hide", "h", "Skips nodes matching regexp", |of| &mut of.hide),
    text("ignore", "i", "Skips paths going through any nodes matching regexp", |of| &mut of.ignore),
    switch("intel_syntax", "intel", "Show assembly in Intel syntax", |of| &mut of.intel_syntax),
    switch("mean", "mean", "Average sample value over first value (count)", |of| &mut of.mean),
    integer("nodecount", "n", "Max number of nodes to show", |of| &mut of.nodecount),
    number("nodefraction", "nf", "Hide nodes below <f>*total", |of| &mut of.nodefraction),
    switch("noinlines", "noinlines", "Ignore inlines.", |of| &mut of.noinlines),
    switch("normalize", "norm", "Scales profile based on the base profile.", |of| &mut of.normalize),
    text("prune_from", "prunefrom", "Drops any functions below the matched frame.", |of| &mut of.prune_from),
    switch("relative_percentages", "rel", "Show percentages relative to focused subgraph", |of| {
        &mut of.relative_percentages
    }),
    text("sample_index", "si", "Sample value to report (0-based index or name)", |of| &mut of.sample_index),
    text("show", "s", "Only show nodes matching regexp", |of| &mut of.show),
    text("show_from", "sf", "Drops functions above the highest matched frame.", |of| &mut of.show_from),
    switch("showcolumns", "showcolumns", "Show column numbers at the source code line level.", |of| {
        &mut of.showcolumns
    }),
    Opt {
        name: "sort",
        url: "sort",
        kind: Kind::Choice(&words(SORT)),
        field: Field::Sort,
        help: "By what rows are sorted",
    },
    text("source_path", "", "Search path for source files", |of| &mut of.source_path),
    text("tagfocus", "tf", "Restricts to samples with tags in range or matched by regexp", |of| {
        &mut of.tagfocus
    }),
    text("taghide", "th", "Skip tags matching this regexp", |of| &mut of.taghide),
    text("tagignore", "ti", "Discard samples with tags in range or matched by regexp", |of| {
        &mut of.tagignore
    }),
    text("tagleaf", "", "Adds pseudo stack frames for labels key/value pairs at the callstack leaf.", |of| {
        &mut of.tagleaf
    }),
    text("tagroot", "", "Adds pseudo stack frames for labels key/value pairs at the callstack root.", |of| {
        &mut of.tagroot
    }),
    text("tagshow", "ts", "Only consider tags matching this regexp", |of| &mut of.tagshow),
    switch("trim", "trim", "Honor nodefraction/edgefraction/nodecount defaults", |of| &mut of.trim),
    text("trim_path", "", "Path to trim from source paths before search", |of| &mut of.trim_path),
    text("unit", "unit", "Measurement units to display", |of| &mut of.unit),
    switch("rust", "rust", "Names and frames as Rust developers read them", |of| &mut of.rust),
    switch("generics", "generics", "With -rust: type parameters in full instead of <_>", |of| {
        &mut of.generics
    }),
    switch("monomorphs", "monomorphs", "With -rust: each monomorphization of a function apart", |of| {
        &mut of.monomorphs
    }),
];

/// Where the value of an option is.
#[derive(Debug, Clone, Copy)]
enum Field {
    Bool(At<bool>),
    Integer(At<i64>),
    Float(At<f64>),
    Text(At<String>),
    Sort,
    Granularity,
}

type At<T> = fn(&mut Settings) -> &mut T;

const fn switch(name: &'static str, url: &'static str, help: &'static str, at: At<bool>) -> Opt {
    Opt { name, url, kind: Kind::Bool, help, field: Field::Bool(at) }
}

const fn integer(name: &'static str, url: &'static str, help: &'static str, at: At<i64>) -> Opt {
    Opt { name, url, kind: Kind::Integer, help, field: Field::Integer(at) }
}

const fn number(name: &'static str, url: &'static str, help: &'static str, at: At<f64>) -> Opt {
    Opt { name, url, kind: Kind::Float, help, field: Field::Float(at) }
}

const fn text(name: &'static str, url: &'static str, help: &'static str, at: At<String>) -> Opt {
    Opt { name, url, kind: Kind::Text, help, field: Field::Text(at) }
}

const fn words<T: Copy, const COUNT: usize>(of: [(&'static str, T); COUNT]) -> [&'static str; COUNT] {
    let mut words = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        words[at] = of[at].0;
        at += 1;
    }
    words
}

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
        match option.field {
            Field::Bool(at) => {
                *at(self) = match value {
                    "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                    "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                    _ => return Err(wrong()),
                }
            }
            Field::Integer(at) => *at(self) = value.parse().map_err(|_| wrong())?,
            Field::Float(at) => *at(self) = value.parse().map_err(|_| wrong())?,
            Field::Text(at) => value.clone_into(at(self)),
            Field::Sort => self.sort = meaning(&SORT, value).ok_or_else(wrong)?,
            Field::Granularity if value.is_empty() => self.granularity = Granularity::Default,
            Field::Granularity => self.granularity = meaning(&GRANULARITY, value).ok_or_else(wrong)?,
        }
        Ok(())
    }

    /// The value of an option as [`Settings::set`] takes it; `None` if there is no such option.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut copy = self.clone();
        Some(match Opt::find(name)?.field {
            Field::Bool(at) => at(&mut copy).to_string(),
            Field::Integer(at) => at(&mut copy).to_string(),
            Field::Float(at) => at(&mut copy).to_string(),
            Field::Text(at) => std::mem::take(at(&mut copy)),
            Field::Sort => word(&SORT, self.sort).to_owned(),
            Field::Granularity => word(&GRANULARITY, self.granularity).to_owned(),
        })
    }
}

/// What a word means.
fn meaning<T: Copy>(of: &[(&str, T)], word: &str) -> Option<T> {
    of.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning)
}

/// The word with a meaning; empty if there is none.
fn word<T: PartialEq>(of: &[(&'static str, T)], meaning: T) -> &'static str {
    of.iter().find(|(_, of)| *of == meaning).map_or("", |(word, _)| word)
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

    #[test]
    fn every_option_has_a_field_of_its_own() {
        for option in OPTIONS {
            let other = match option.kind {
                Kind::Bool => {
                    if Settings::default().value(option.name).as_deref() == Some("true") {
                        "false"
                    } else {
                        "true"
                    }
                }
                Kind::Integer | Kind::Float => "7",
                Kind::Text => "other",
                Kind::Choice(words) => words[0],
            };
            let mut settings = Settings::default();
            assert_eq!(settings.set(option.name, other), Ok(()), "{}", option.name);
            for read in OPTIONS {
                let expected = if read.name == option.name {
                    Some(other.to_owned())
                } else {
                    Settings::default().value(read.name)
                };
                assert_eq!(settings.value(read.name), expected, "{} after {}", read.name, option.name);
            }
        }
    }
}
