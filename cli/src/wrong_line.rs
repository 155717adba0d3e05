//! A wrong command line: clap's error, without the characters of its arguments that control a terminal.

use std::error::Error as _;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue};
use rgops_inspect::text::{escape, is_unprintable};

/// Prints the error, or the help that was asked for, and ends the process with its exit code.
///
/// Arguments may be names of files that others chose, as from `rgops pprof *`.
pub(crate) fn exit(mut error: clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    escape_arguments(&mut error);
    // The reason of a value that is refused cannot be changed, so the text is escaped as a whole.
    if error.source().is_some_and(|source| source.to_string().contains(is_unprintable)) {
        let text: Vec<_> = error.render().to_string().lines().map(|line| escape(line).into_owned()).collect();
        let _ = writeln!(anstream::stderr().lock(), "{}", text.join("\n"));
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Escapes what the error quotes of the command line. The colours are clap's own.
fn escape_arguments(error: &mut clap::Error) {
    let quoted: Vec<(ContextKind, ContextValue)> =
        error.context().map(|(kind, value)| (kind, value.clone())).collect();
    let mut is_escaped = false;
    for (kind, value) in quoted {
        let value = match value {
            ContextValue::String(text) if text.contains(is_unprintable) => {
                ContextValue::String(escape(&text).into_owned())
            }
            ContextValue::Strings(texts) if texts.iter().any(|text| text.contains(is_unprintable)) => {
                ContextValue::Strings(texts.iter().map(|text| escape(text).into_owned()).collect())
            }
            _ => continue,
        };
        error.insert(kind, value);
        is_escaped = true;
    }
    if is_escaped {
        // Such as `to pass '…' as a value, use '-- …'`, which is styled text with the argument in it.
        error.remove(ContextKind::Suggested);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::command_line::CommandLine;

    #[test]
    fn arguments_are_escaped_and_others_stay_as_they_are() {
        let text = |line: &[&str]| {
            let mut error = CommandLine::try_parse_from(line).expect_err("it is wrong");
            let before = error.render().ansi().to_string();
            escape_arguments(&mut error);
            (before, error.render().ansi().to_string())
        };
        let (before, after) = text(&["rgops", "stack", "7", "--nosuch"]);
        assert_eq!(before, after);
        // A short option is its first character.
        for evil in ["\u{1b}]0;PWN\u{7}", "\u{202e}", "\u{9b}2J", "\u{200b}", "\nb", "\u{1b}[2J"] {
            let first = escape(&evil[..evil.ceil_char_boundary(1)]).into_owned();
            for line in [
                &["rgops", "stack", "7", &format!("--{evil}")][..],
                &["rgops", "stack", "7", &format!("-{evil}")],
                &["rgops", "stack", "7", evil],
                &["rgops", "stack", "7", "--depth", evil],
                &["rgops", "stack", "7", &format!("--for={evil}")],
                &["rgops", "stack", "7", &format!("--json={evil}")],
                &["rgops", "completions", evil],
                &["rgops", "pprof", &format!("--top={evil}")],
                &["rgops", "pprof", &format!("--seconds={evil}")],
                &["rgops", "pprof", &format!("--nodecount={evil}")],
                &["rgops", "pprof", &format!("--{evil}")],
            ] {
                let (before, after) = text(line);
                let colours = ["0", "1", "4", "31", "32", "33"].map(|code| format!("\u{1b}[{code}m"));
                let bare = colours.iter().fold(after.clone(), |text, colour| text.replace(colour, ""));
                let controls = bare.replace('\n', "").contains(is_unprintable);
                assert!(before != after && !controls && after.contains(&first), "{line:?}: {after:?}");
            }
        }
    }
}
