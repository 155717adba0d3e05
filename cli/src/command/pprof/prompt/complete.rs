//! Completion by Tab: commands, options, their values, functions and keys of labels.

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use rgops_inspect::text::{escape, is_unprintable};
use rgops_pprof::settings::{Kind, OPTIONS, Opt};
use rgops_pprof::{Pattern, Profile};

use super::commands;

/// The most candidates to offer: more do not help.
const MAX_CANDIDATES: usize = 200;

/// Longest name that is offered: a longer one fills the screen, and is as long in several candidates.
const MAX_NAME_BYTES: usize = 4096;

/// What can be completed with a profile.
#[derive(Debug)]
pub(super) struct Completion {
    /// Commands, options and choices by name; options that need a value end with `=`.
    words: Vec<String>,
    /// What `help` explains.
    topics: Vec<String>,
    sample_types: Vec<String>,
    /// Names of functions as the profile has them, and as the `rust` option shows them, by which they are filtered then.
    functions: Vec<String>,
    functions_of_rust: Vec<String>,
    is_rust: bool,
    keys: Vec<String>,
}

impl Completion {
    /// `of_rust` is the profile as the `rust` option shows it.
    pub(super) fn new(profile: &Profile, of_rust: Option<&Profile>) -> Completion {
        let mut words: Vec<String> = commands::all().map(|command| command.name.to_owned()).collect();
        words.extend(["help", "options", "quit", "exit"].map(str::to_owned));
        let mut topics: Vec<String> = commands::all().map(|command| command.name.to_owned()).collect();
        for option in OPTIONS {
            topics.push(option.name.to_owned());
            match option.kind {
                Kind::Bool => words.push(option.name.to_owned()),
                Kind::Choice(choices) => {
                    words.push(format!("{}=", option.name));
                    words.extend(choices.iter().map(|choice| (*choice).to_owned()));
                    topics.extend(choices.iter().map(|choice| (*choice).to_owned()));
                }
                _ => words.push(format!("{}=", option.name)),
            }
        }
        words.push("output=".to_owned());
        let kinds = profile.sample_types.iter().map(|of| profile.text(of.kind));
        let kinds = kinds.filter(|kind| is_offered(kind)).take(MAX_CANDIDATES);
        let sample_types: Vec<String> = kinds.map(str::to_owned).collect();
        for kind in &sample_types {
            words.extend([kind.clone(), format!("total_{kind}"), format!("mean_{kind}")]);
        }
        let functions = |profile: &Profile| {
            let names = profile.functions.iter().map(|function| profile.text(function.name));
            distinct(names.filter(|name| name.len() <= MAX_NAME_BYTES).map(str::to_owned))
        };
        let (functions_of_rust, functions) = (of_rust.map(functions).unwrap_or_default(), functions(profile));
        let keys = profile.label_sets.iter().flatten().map(|label| label.key);
        let keys: std::collections::BTreeSet<_> = keys.collect();
        let keys = keys.into_iter().map(|key| profile.text(key));
        let keys = distinct(keys.filter(|key| key.len() <= MAX_NAME_BYTES).map(str::to_owned));
        Completion {
            words: distinct(words.into_iter()),
            topics: distinct(topics.into_iter()),
            sample_types,
            functions,
            functions_of_rust,
            is_rust: false,
            keys,
        }
    }

    /// Completes names as the `rust` option shows them, or as the profile has them.
    pub(super) fn prefer_rust(&mut self, is_rust: bool) {
        self.is_rust = is_rust && !self.functions_of_rust.is_empty();
    }

    fn functions(&self) -> &[String] {
        if self.is_rust { &self.functions_of_rust } else { &self.functions }
    }

    /// Where the word before the end of `line` begins, and what it may become.
    fn candidates(&self, line: &str) -> (usize, Vec<Pair>) {
        let blank = line.char_indices().rfind(|(_, character)| character.is_whitespace());
        let word_start = blank.map_or(0, |(at, blank)| at + blank.len_utf8());
        let first = line.split_whitespace().next().unwrap_or_default();
        let word = line.get(word_start..).unwrap_or_default();
        if let Some((name, value)) = line.split_once('=')
            && let Some(option) = Opt::find(name.trim())
        {
            let begin = line.len() - value.trim_start().len();
            return (begin, self.values(option, value.trim_start()));
        }
        if line.trim_start().len() == word.len() {
            return (word_start, beginning(&self.words, word));
        }
        match first {
            "help" => (word_start, beginning(&self.topics, word)),
            "tags" => {
                let begin = word_start + usize::from(word.starts_with('-'));
                (begin, containing(&self.keys, line.get(begin..).unwrap_or_default()))
            }
            _ => {
                let name = first.trim_end_matches(|character: char| character.is_ascii_digit());
                let is_command = commands::find(first).or_else(|| commands::find(name)).is_some();
                if !is_command || word.starts_with('>') {
                    return (word_start, Vec::new());
                }
                let begin = word_start + usize::from(word.starts_with('-'));
                (begin, containing(self.functions(), line.get(begin..).unwrap_or_default()))
            }
        }
    }

    fn values(&self, option: &Opt, typed: &str) -> Vec<Pair> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        // The last of several, as `tagroot=a,b` has them.
        match (option.kind, option.name) {
            (Kind::Bool, _) => beginning(&words(&["false", "true"]), typed),
            (Kind::Choice(choices), _) => beginning(&words(choices), typed),
            (_, "sample_index") => beginning(&self.sample_types, typed),
            (_, "unit") => beginning(&words(&["auto", "minimum"]), typed),
            (_, "tagroot" | "tagleaf" | "tagshow" | "taghide" | "tagfocus" | "tagignore") => {
                containing(&self.keys, typed)
            }
            (_, "focus" | "ignore" | "hide" | "show" | "show_from" | "prune_from") => {
                containing(self.functions(), typed)
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the name of a sample type may be put on the line as it is.
fn is_offered(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(is_unprintable)
}

fn distinct(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn beginning(words: &[String], typed: &str) -> Vec<Pair> {
    let typed = typed.to_lowercase();
    let words = words.iter().filter(|word| word.to_lowercase().starts_with(&typed)).take(MAX_CANDIDATES);
    words.map(|word| pair(word, word.clone())).collect()
}

/// Names that contain what was typed, as regular expressions that match them. Names that begin with it come first
/// alone, so that a prefix is extended as in a shell.
fn containing(names: &[String], typed: &str) -> Vec<Pair> {
    let typed = typed.replace('\\', "");
    let candidates = |names: &mut dyn Iterator<Item = &String>| {
        names.take(MAX_CANDIDATES).map(|name| pair(name, expression(name))).collect::<Vec<_>>()
    };
    let beginning = candidates(&mut names.iter().filter(|name| name.starts_with(&typed)));
    if !beginning.is_empty() {
        return beginning;
    }
    candidates(&mut names.iter().filter(|name| name.contains(&typed)))
}

fn pair(shown: &str, replacement: String) -> Pair {
    Pair { display: escape(shown).into_owned(), replacement }
}

/// A regular expression without blanks that matches `name`: words of a command end at a blank.
fn expression(name: &str) -> String {
    // Also what controls the terminal, on which the line is shown.
    let is_replaced = |character: char| character.is_whitespace() || is_unprintable(character);
    Pattern::escape(name).chars().map(|one| if is_replaced(one) { '.' } else { one }).collect()
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.candidates(line.get(..at).unwrap_or_default()))
    }
}

impl Helper for Completion {}

impl Highlighter for Completion {}

impl Hinter for Completion {
    type Hint = String;
}

impl Validator for Completion {}

#[cfg(test)]
mod tests {
    use rgops_pprof::profile::{Function, Label, LabelValue, ValueType};

    use super::*;

    /// It sets the title of a terminal, and turns the order of letters.
    const EVIL: &str = "zz\u{1b}]0;PWN\u{7}\u{202e}\u{9b}2J";

    fn completion() -> Completion {
        let mut profile = Profile::default();
        for name in
            ["shop::checkout", "shop::cart::{{closure}}", "<u8 as core::fmt::Debug>::fmt", "\u{1b}[2J", EVIL]
        {
            let name = profile.texts.intern(name);
            profile.functions.push(Function { name, ..Function::default() });
        }
        for kind in ["inuse_space", EVIL, "zz\u{200b}", "", &"zz".repeat(4096)] {
            let kind = profile.texts.intern(kind);
            profile.sample_types.push(ValueType { kind, ..ValueType::default() });
        }
        let unit = rgops_pprof::profile::TextId::EMPTY;
        for key in ["bytes", EVIL] {
            let key = profile.texts.intern(key);
            profile.label_sets.intern(&[Label { key, value: LabelValue::Number { value: 1, unit } }]);
        }
        Completion::new(&profile, None)
    }

    fn completed(line: &str) -> Vec<String> {
        let (begin, pairs) = completion().candidates(line);
        pairs.into_iter().map(|pair| format!("{}{}", &line[..begin], pair.replacement)).collect()
    }

    #[test]
    fn words_are_completed_by_their_place() {
        assert_eq!(completed("call"), ["call_tree", "callgrind"]);
        assert_eq!(completed("peek shop::ch"), ["peek shop::checkout"]);
        assert_eq!(completed("top5 -cart"), ["top5 -shop::cart::\\{\\{closure\\}\\}"]);
        assert_eq!(completed("list core"), ["list <u8.as.core::fmt::Debug>::fmt"]);
        assert_eq!(completed("help granu"), ["help granularity"]);
        assert_eq!(completed("tags by"), ["tags bytes"]);
        assert_eq!(completed("granularity=l"), ["granularity=lines"]);
        assert_eq!(completed("focus = shop::che"), ["focus = shop::checkout"]);
        assert_eq!(completed("sample_index="), ["sample_index=inuse_space"]);
        assert_eq!(completed("mean_"), ["mean_inuse_space"]);
        assert_eq!(completed("tagroot=b"), ["tagroot=bytes"]);
        assert_eq!(completed("nodec"), ["nodecount="]);
        assert_eq!(completed("frob x"), Vec::<String>::new());
        // Blanks of several bytes.
        assert_eq!(completed("peek\u{a0}shop::ch"), ["peek\u{a0}shop::checkout"]);
        assert_eq!(completed("tags\u{3000}by"), ["tags\u{3000}bytes"]);
        assert_eq!(completed("focus\u{2003}=\u{a0}shop::che"), ["focus\u{2003}=\u{a0}shop::checkout"]);
        assert_eq!(completed("top >sh"), Vec::<String>::new());
    }

    #[test]
    fn a_name_cannot_control_the_terminal() {
        assert_eq!(completed("zz"), Vec::<String>::new());
        assert_eq!(completed("total_zz"), Vec::<String>::new());
        assert_eq!(completed("sample_index=zz"), Vec::<String>::new());
        assert_eq!(completed("peek zz"), ["peek zz.\\]0;PWN...2J"]);
        assert_eq!(completed("tagroot=zz"), ["tagroot=zz.\\]0;PWN...2J"]);
        for line in ["list ", "tags ", "", "tagshow=", "focus=", "sample_index="] {
            for pair in completion().candidates(line).1 {
                let shown = format!("{}{}", pair.display, pair.replacement);
                assert!(!shown.contains(is_unprintable), "{line}: {shown:?}");
            }
        }
    }
}
