//! Where lines come from: an editor on a terminal, or a pipe, which is read without editing as pprof does.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use rustyline::Editor;
use rustyline::config::{BellStyle, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;

use super::complete::Completion;
use super::history::{History, MAX_LINES};

/// What is shown before a line.
const PROMPT: &str = "(pprof) ";

/// Longest line of a pipe.
pub(super) const MAX_LINE_BYTES: u64 = 1 << 20;

/// Where lines come from.
pub(super) enum Lines {
    Typed { editor: Box<Editor<Completion, MemHistory>>, history: History },
    Piped,
}

/// What came.
pub(super) enum Read {
    Line(String),
    /// Ctrl-C: the line is given up.
    GivenUp,
    End,
    /// A line that is longer than it may be; it was skipped.
    TooLong,
}

impl Lines {
    /// An editor if both standard input and output are terminals.
    pub(super) fn open(completion: impl FnOnce() -> Completion) -> Lines {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Lines::Piped;
        }
        let config = Config::builder()
            .max_history_size(MAX_LINES)
            .and_then(|config| config.history_ignore_dups(true))
            .map(|config| config.completion_type(CompletionType::List).bell_style(BellStyle::None).build());
        let Ok(config) = config else { return Lines::Piped };
        let memory = MemHistory::with_config(&config);
        let Ok(mut editor) = Editor::with_history(config, memory) else { return Lines::Piped };
        editor.set_helper(Some(completion()));
        let (history, lines) = History::open();
        for line in lines {
            let _ = editor.add_history_entry(line);
        }
        Lines::Typed { editor: Box::new(editor), history }
    }

    /// Completes names as the `rust` option shows them, or as the profile has them.
    pub(super) fn prefer_rust(&mut self, is_rust: bool) {
        if let Lines::Typed { editor, .. } = self
            && let Some(completion) = editor.helper_mut()
        {
            completion.prefer_rust(is_rust);
        }
    }

    /// Whether a person types them.
    pub(super) fn are_typed(&self) -> bool {
        matches!(self, Lines::Typed { .. })
    }

    /// The next line.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Read> {
        match self {
            Lines::Typed { editor, history } => match editor.readline(PROMPT) {
                Ok(line) => {
                    if !line.trim().is_empty() && editor.add_history_entry(line.trim()).unwrap_or(false) {
                        history.keep(line.trim());
                    }
                    Ok(Read::Line(line))
                }
                Err(ReadlineError::Interrupted) => Ok(Read::GivenUp),
                Err(ReadlineError::Eof) => Ok(Read::End),
                // Resizing the window, or what a person typed was not UTF-8.
                Err(ReadlineError::Signal(_)) => Ok(Read::GivenUp),
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    Ok(Read::GivenUp)
                }
                Err(ReadlineError::Io(error)) => Err(error),
                Err(error) => Err(io::Error::other(error.to_string())),
            },
            Lines::Piped => {
                let mut stdout = io::stdout();
                stdout.write_all(PROMPT.as_bytes())?;
                stdout.flush()?;
                let mut line = Vec::new();
                let mut stdin = io::stdin().lock();
                stdin.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
                if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
                    stdin.skip_until(b'\n')?;
                    return Ok(Read::TooLong);
                }
                match line.is_empty() {
                    true => Ok(Read::End),
                    false => Ok(Read::Line(String::from_utf8_lossy(&line).into_owned())),
                }
            }
        }
    }
}
