//! Tests the advice in all texts: every `rgops …` must be a command with options that exist, and no text may
//! advise something that does harm when root runs it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::command_line::CommandLine;

/// Words that may follow `rgops` in a sentence.
const PROSE: [&str; 14] = [
    "agent",
    "agents",
    "as",
    "does",
    "has",
    "lists",
    "needs",
    "of",
    "on",
    "or",
    "protocol",
    "reads",
    "recognizes",
    "where",
];

/// Options of other programs that the texts contain.
const FOREIGN_OPTIONS: [&str; 9] = [
    "--build-id",
    "--cfg",
    "--decompress-debug-sections",
    "--enable-stats",
    "--help",
    "--lib",
    "--memory",
    "--release",
    "--toolchain",
];

/// Commands that no text may advise: run by root on a path that another user chose, or on a shared path, each does
/// harm.
const HARMFUL: [&str; 8] =
    ["chmod ", "chown ", "rm -", "run rm ", "mount /", "mount -", "kill -9", "setenforce"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files below `directory` with this extension, without tests.
fn files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = [
            "tests",
            "tests.rs",
            "texts.rs",
            "complete.rs",
            "testing.rs",
            "schemas.rs",
            "golden",
            "own_process.rs",
            "target",
        ]
        .iter()
        .any(|name| path.ends_with(name));
        match path.is_dir() {
            _ if is_test => {}
            true => files(&path, ending, found),
            false if path.extension().is_some_and(|extension| extension == ending) => found.push(path),
            false => {}
        }
    }
}

/// The string literals of a source file before its tests, each with its line. Escaped line ends are removed.
fn literals(source: &str) -> Vec<(usize, String)> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let characters: Vec<char> = source.chars().collect();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    let after = |at: usize| characters.get(at + 1).copied().unwrap_or(' ');
    while at < characters.len() {
        match characters[at] {
            '\n' => line += 1,
            '/' if after(at) == '/' => {
                while at + 1 < characters.len() && characters[at + 1] != '\n' {
                    at += 1;
                }
            }
            // A character literal, not a lifetime.
            '\'' if after(at) == '\\' => {
                at += 2;
                while characters[at] != '\'' {
                    at += 1;
                }
            }
            '\'' if characters.get(at + 2) == Some(&'\'') => at += 2,
            '"' => {
                let hashes = characters[..at].iter().rev().take_while(|character| **character == '#').count();
                let is_raw = at > hashes && characters[at - hashes - 1] == 'r';
                let (began, mut text) = (line, String::new());
                at += 1;
                loop {
                    match characters[at] {
                        '"' if !is_raw
                            || characters[at + 1..].iter().take(hashes).all(|mark| *mark == '#') =>
                        {
                            break;
                        }
                        '\\' if !is_raw && characters[at + 1] == '\n' => {
                            line += 1;
                            at += 1;
                            while characters[at + 1].is_whitespace() {
                                at += 1;
                            }
                        }
                        '\\' if !is_raw => {
                            at += 1;
                            text.push(if characters[at] == 'n' { '\n' } else { characters[at] });
                        }
                        character => {
                            line += usize::from(character == '\n');
                            text.push(character);
                        }
                    }
                    at += 1;
                }
                found.push((began, text));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The code in a Markdown text: spans and lines of fenced blocks, each with its line.
fn code(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut is_fenced) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            found.push((number + 1, line.split(" # ").next().unwrap().to_owned()));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span.to_owned())));
        }
    }
    found
}

/// The errors in the `rgops …` commands of `text`.
fn wrong_commands(text: &str, command_line: &clap::Command) -> Vec<String> {
    let mut wrong = Vec::new();
    for (start, _) in text.match_indices("rgops ") {
        let before = text[..start].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || "-_./:".contains(character)) {
            continue;
        }
        let end = |character: char| "\n`;|)>".contains(character);
        let rest = text[start + "rgops ".len()..].split(end).next().unwrap();
        // Two spaces separate a command from its description.
        let rest = rest.split("  ").next().unwrap();
        let mut words = rest.split_whitespace();
        let Some(first) = words.next() else { continue };
        let first = first.trim_end_matches([',', ':', '.']);
        let Some(command) = command_line.find_subcommand(first) else {
            let is_target = first.starts_with(|character: char| {
                character.is_ascii_uppercase()
                    || character.is_ascii_digit()
                    || "-{[…\u{2026}\"'(".contains(character)
            });
            if !is_target && !PROSE.contains(&first) {
                wrong.push(format!("no command {first:?}"));
            }
            continue;
        };
        for word in words.take_while(|word| !word.starts_with('(')) {
            let option = word.trim_matches(['[', ']', '`', ',', '.', ':']).split('=').next().unwrap();
            let exists = match (option.strip_prefix("--"), option.strip_prefix('-')) {
                (Some(long), _) => command.get_arguments().any(|argument| {
                    argument.get_long() == Some(long)
                        || long == "help"
                        || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
                }),
                // Go's spelling, which rgops also accepts.
                (None, Some(short)) if short.len() > 1 => command.get_arguments().any(|argument| {
                    argument.get_all_aliases().is_some_and(|all| all.contains(&short))
                        || first == "pprof" && argument.get_long() == Some(short)
                }),
                (None, Some(short)) => {
                    let short = short.chars().next();
                    short.is_none() || command.get_arguments().any(|argument| argument.get_short() == short)
                }
                (None, None) => true,
            };
            if !exists {
                wrong.push(format!("{first} has no {option}"));
            }
        }
    }
    wrong
}

/// The options in `text` that no command has.
fn wrong_options(text: &str, command_line: &clap::Command) -> Vec<String> {
    let is_option = |option: &str| {
        FOREIGN_OPTIONS.contains(&option)
            || command_line.get_subcommands().any(|command| {
                command.get_arguments().any(|argument| {
                    argument.get_long().is_some_and(|long| option == format!("--{long}"))
                        || argument
                            .get_all_aliases()
                            .is_some_and(|all| all.iter().any(|one| option == format!("--{one}")))
                })
            })
    };
    let words = text.split(|character: char| !(character.is_alphanumeric() || "-_".contains(character)));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 3 && !word.starts_with("---"));
    options.filter(|option| !is_option(option)).map(|option| format!("no option {option}")).collect()
}

fn command_line() -> clap::Command {
    let mut command_line = CommandLine::command();
    command_line.build();
    command_line
}

#[test]
fn commands_and_options_in_texts_exist_and_no_advice_does_harm() {
    let (command_line, mut wrong, mut sources, mut seen) = (command_line(), Vec::new(), Vec::new(), 0);
    for part in ["protocol", "capture", "agent", "dwarf", "tasks", "pprof", "inspect", "cli"] {
        files(&workspace().join(part).join("src"), "rs", &mut sources);
    }
    for source in sources {
        for (line, text) in literals(&fs::read_to_string(&source).unwrap()) {
            let mut found = wrong_commands(&text, &command_line);
            found.extend(wrong_options(&text, &command_line));
            found.extend(
                HARMFUL.iter().filter(|harm| text.contains(**harm)).map(|harm| format!("advises {harm}")),
            );
            if text.contains("sudo ") && !text.contains("sudo -u '#") {
                found.push("sudo as root where a user would do".to_owned());
            }
            seen += usize::from(text.contains("rgops ") || text.contains("--"));
            wrong.extend(
                found.into_iter().map(|what| format!("{}:{line}: {what}: {text:?}", source.display())),
            );
        }
    }
    assert!(seen > 60, "texts checked: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_in_the_documents_exist() {
    let (command_line, mut wrong, mut documents, mut seen) = (command_line(), Vec::new(), Vec::new(), 0);
    files(&workspace().join("docs"), "md", &mut documents);
    documents.push(workspace().join("README.md"));
    for document in documents {
        for (line, text) in code(&fs::read_to_string(&document).unwrap()) {
            seen += usize::from(text.contains("rgops "));
            let found = wrong_commands(&text, &command_line).into_iter();
            wrong.extend(found.map(|what| format!("{}:{line}: {what}: {text:?}", document.display())));
        }
    }
    assert!(seen > 40, "texts checked: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests the checks of the two tests above.
#[test]
fn wrong_commands_and_options_are_found() {
    let command_line = command_line();
    let wrong = |text: &str| wrong_commands(text, &command_line);
    assert_eq!(wrong("use rgops stcak 7"), [r#"no command "stcak""#]);
    assert_eq!(wrong("rgops stack PID --hz 5"), ["stack has no --hz"]);
    assert_eq!(wrong("rgops stack -z 7 | rgops ls"), ["stack has no -z"]);
    for right in [
        "rgops lists",
        "`rgops PID 2s`",
        "rgops pprof-heap 7 -alloc_space",
        "rgops pprof -top -focus=x f",
        "rgops trace --json",
    ] {
        assert_eq!(wrong(right), [""; 0], "{right}");
    }
    assert_eq!(wrong_options("pass --symbolz DIR", &command_line), ["no option --symbolz"]);
    let source =
        "let a = 'x'; // \"no\"\nf(r#\"raw \"one\"\"#, \"two \\\n   lines\", b'\\'');\n\"\\\"three\\\"\"";
    let found: Vec<String> = literals(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["raw \"one\"", "two lines", "\"three\""]);
}
