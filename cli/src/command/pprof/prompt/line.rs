//! A line of the prompt, in the grammar of pprof.
//!
//! A line is a shorthand (`:`, the name of a sample type), an assignment (`focus=main`, `mean`), or a command with
//! its words. Assignments stay, words of a command hold for it alone.

use rgops_pprof::Settings;
use rgops_pprof::settings::Opt;
use rgops_pprof::settings::Sort;

use super::commands::{self, Command, Makes};
use super::state::State;
use rgops_pprof::report::Format;

/// Begins a comment behind a value; `options` prints such comments, so that its lines can be pasted.
const COMMENT: &str = "//:";

/// Nodes that `top` shows.
const TOP_NODES: i64 = 10;

/// What to do for a line.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Options,
    /// Help about a command or an option; empty for all.
    Help(String),
    Quit,
    Make(Box<Call>),
}

/// A command with its words.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) command: &'static Command,
    /// The regular expression or address that it requires.
    pub(super) argument: Option<String>,
    pub(super) settings: Settings,
    /// The file to write; `None` for the screen.
    pub(super) file: Option<String>,
}

/// What to do for `line`, in order. Assignments are done here already.
///
/// Each is a result of its own: if one fails, the next ones are still to be done.
pub(super) fn read(line: &str, state: &mut State) -> Vec<Result<Step, String>> {
    let mut steps = Vec::new();
    for line in expand(line.trim(), &state.sample_types) {
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => {
                let value = value.rfind(COMMENT).and_then(|at| value.get(..at)).unwrap_or(value);
                (name, Some(value.trim()))
            }
            None => (line.as_str(), None),
        };
        match state.set(name.trim(), value) {
            Some(Ok(())) => {}
            Some(Err(error)) => steps.push(Err(error)),
            None => steps.extend(command(&line, state).transpose()),
        }
    }
    steps
}

/// The lines that a shorthand stands for.
fn expand(line: &str, sample_types: &[String]) -> Vec<String> {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    if line == ":" {
        return lines(&["focus=", "ignore=", "hide=", "tagfocus=", "tagignore="]);
    }
    for kind in sample_types.iter().filter(|kind| !kind.is_empty()) {
        let set = format!("sample_index={kind}");
        if line == kind {
            return vec![set];
        }
        match line.strip_suffix(kind.as_str()) {
            Some("total_") => return lines(&["mean=0", &set]),
            Some("mean_") => return lines(&["mean=1", &set]),
            _ => {}
        }
    }
    vec![line.to_owned()]
}

/// The command of a line; `None` if the line is empty.
fn command(line: &str, state: &State) -> Result<Option<Step>, String> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let words: Vec<&str> = words.collect();
    Ok(Some(match name {
        "o" | "options" => Step::Options,
        "exit" | "quit" | "q" => Step::Quit,
        "help" => Step::Help(words.join(" ")),
        _ => Step::Make(Box::new(call(name, words, state)?)),
    }))
}

fn call<'l>(name: &'l str, mut words: Vec<&'l str>, state: &State) -> Result<Call, String> {
    let mut name = name;
    let mut found = commands::find(name);
    if found.is_none() {
        // `top10` is `top 10`.
        let short = name.trim_end_matches(|character: char| character.is_ascii_digit());
        if !short.is_empty() && short.len() < name.len() {
            words.insert(0, name.get(short.len()..).unwrap_or_default());
            name = short;
            found = commands::find(name);
        }
    }
    let Some(command) = found else { return Err(unknown(name, &words)) };
    let mut words = words.into_iter();
    let argument = match command.has_argument {
        true => {
            let word = words.next().ok_or_else(|| format!("command {name} requires an argument"))?;
            Some(word.to_owned())
        }
        false => None,
    };
    let mut settings = state.settings.clone();
    let mut file = (!state.output.is_empty()).then(|| state.output.clone());
    let (mut focus, mut ignore) = (String::new(), String::new());
    while let Some(word) = words.next() {
        if let Ok(count) = word.parse::<i32>() {
            settings.nodecount = i64::from(count);
        } else if let Some(path) = word.strip_prefix('>') {
            let path = if path.is_empty() { words.next() } else { Some(path) };
            file = Some(path.ok_or("unexpected end of line after >")?.to_owned());
        } else if word == "-cum" || word == "--cum" {
            settings.sort = Sort::Cum;
        } else if let Some(expression) = word.strip_prefix('-') {
            add_alternative(&mut ignore, expression);
        } else {
            add_alternative(&mut focus, word);
        }
    }
    let (to_focus, to_ignore) = match name {
        "tags" => (&mut settings.tagfocus, &mut settings.tagignore),
        _ => (&mut settings.focus, &mut settings.ignore),
    };
    for (to, expression) in [(to_focus, focus), (to_ignore, ignore)] {
        if !expression.is_empty() {
            *to = expression;
        }
    }
    if settings.nodecount == -1 && command.makes == Makes::Text(Format::Top) {
        settings.nodecount = TOP_NODES;
    }
    Ok(Call { command, argument, settings, file })
}

fn unknown(name: &str, words: &[&str]) -> String {
    let is_option = Opt::find(name)
        .is_some_and(|option| !matches!(name, "sort" | "granularity") && !option.name.is_empty());
    if name == "output" || is_option || Opt::of_choice(name).is_some() {
        return format!("did you mean: {name}={}", words.first().unwrap_or(&"<val>"));
    }
    format!("unrecognized command: {name:?}")
}

/// Several expressions are alternatives.
fn add_alternative(to: &mut String, expression: &str) {
    if !to.is_empty() && !expression.is_empty() {
        to.push('|');
    }
    to.push_str(expression);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut profile = rgops_pprof::Profile::default();
        for kind in ["contentions", "delay"] {
            let kind = profile.texts.intern(kind);
            profile.sample_types.push(rgops_pprof::profile::ValueType { kind, ..Default::default() });
        }
        State::new(&profile, Settings::default())
    }

    fn errors(lines: &[&str]) -> Vec<String> {
        let mut state = state();
        lines.iter().flat_map(|line| read(line, &mut state)).filter_map(Result::err).collect()
    }

    fn called(line: &str, state: &mut State) -> Call {
        let mut steps = read(line, state);
        match (steps.pop(), steps.is_empty()) {
            (Some(Ok(Step::Make(call))), true) => *call,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn mistakes_have_pprofs_words() {
        let mistakes = [
            ("foo", "unrecognized command: \"foo\""),
            ("foo12 x", "unrecognized command: \"foo\""),
            ("12", "unrecognized command: \"12\""),
            ("sort x", "unrecognized command: \"sort\""),
            ("focus", "please specify a value, e.g. focus=<val>"),
            ("focus bar", "did you mean: focus=bar"),
            ("cum x", "did you mean: cum=x"),
            ("list", "command list requires an argument"),
            ("lines=yes", "unknown config field \"lines\""),
            ("sample_index", "please specify a value, e.g. sample_index=<val>"),
            ("sample_index=nope", "sample_index \"nope\" must be one of: [contentions delay]"),
            ("sample_index=7", "sample_index 7 is outside the range [0..1]"),
            ("nodecount=abc", "strconv.Atoi: parsing \"abc\": invalid syntax"),
            ("divide_by=x", "strconv.ParseFloat: parsing \"x\": invalid syntax"),
            ("trim=maybe", "illegal value \"maybe\" for bool variable"),
            ("top >", "unexpected end of line after >"),
            ("granularity=foo", "invalid \"granularity\" value \"foo\""),
            ("sort=foo", "invalid \"sort\" value \"foo\""),
        ];
        for (line, error) in mistakes {
            assert_eq!(errors(&[line]), [error], "{line}");
        }
    }

    #[test]
    fn the_words_of_a_command_hold_for_it_alone() {
        let mut state = state();
        let call = called("top3 main -runtime shop -cum >out.txt", &mut state);
        assert_eq!((call.settings.nodecount, call.settings.sort), (3, Sort::Cum));
        assert_eq!((&*call.settings.focus, &*call.settings.ignore), ("main|shop", "runtime"));
        assert_eq!(call.file.as_deref(), Some("out.txt"));
        let call = called("top", &mut state);
        assert_eq!((call.settings.nodecount, call.settings.focus, call.file), (10, String::new(), None));
        let call = called("tags bytes -x > f", &mut state);
        assert_eq!((&*call.settings.tagfocus, &*call.settings.tagignore), ("bytes", "x"));
        assert_eq!((call.settings.nodecount, call.file.as_deref()), (-1, Some("f")));
        let call = called("peek main 5", &mut state);
        assert_eq!((call.argument.as_deref(), call.settings.nodecount), (Some("main"), 5));
    }

    #[test]
    fn assignments_stay_until_they_are_cleared() {
        let mut state = state();
        for line in ["focus = main //: comment", "mean", "lines", "cum", "total_delay", "sample_index=0", ""]
        {
            assert_eq!(read(line, &mut state), [], "{line}");
        }
        assert_eq!((&*state.settings.focus, &*state.settings.sample_index), ("main", "contentions"));
        assert_eq!((state.settings.sort, state.settings.mean), (Sort::Cum, false));
        assert_eq!(read("mean_delay", &mut state), []);
        assert_eq!((&*state.settings.sample_index, state.settings.mean), ("delay", true));
        assert_eq!(read(":", &mut state), []);
        assert_eq!(state.settings.focus, "");
        assert_eq!(read("help top10 x", &mut state), [Ok(Step::Help("top10 x".to_owned()))]);
        for line in ["q", " quit ", "exit"] {
            assert_eq!(read(line, &mut state), [Ok(Step::Quit)]);
        }
    }
}
