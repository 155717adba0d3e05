//! The lines that were typed, kept for the next time in the user's directory of states.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use rgops_inspect::output::open_private;
use rgops_inspect::text::is_unprintable;

/// Lines that are remembered.
pub(super) const MAX_LINES: usize = 1000;

/// Longest line that is remembered.
const MAX_LINE_BYTES: usize = 4096;

/// Size from which the file is made anew with its last lines.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The file of lines. Without one, as when it cannot be written, lines are only remembered until the end.
#[derive(Debug, Default)]
pub(super) struct History {
    file: Option<File>,
}

impl History {
    /// Opens the file, and returns its lines, the oldest first.
    pub(super) fn open() -> (History, Vec<String>) {
        let Some(mut file) = directory().and_then(|directory| open_private(&directory, "pprof_history").ok())
        else {
            return (History::default(), Vec::new());
        };
        let lines = last_lines(&mut file).unwrap_or_default();
        (History { file: Some(file) }, lines)
    }

    /// Keeps a line. A file that cannot be written any more is given up.
    pub(super) fn keep(&mut self, line: &str) {
        if line.len() > MAX_LINE_BYTES || line.contains(is_unprintable) {
            return;
        }
        if let Some(file) = &mut self.file
            && file.write_all(format!("{line}\n").as_bytes()).is_err()
        {
            self.file = None;
        }
    }
}

/// The last lines of the file, which is shortened to them if it is large.
fn last_lines(file: &mut File) -> std::io::Result<Vec<String>> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(MAX_FILE_BYTES)))?;
    let mut bytes = Vec::new();
    std::io::Read::take(&mut *file, MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_kept =
        |line: &&str| !line.is_empty() && line.len() <= MAX_LINE_BYTES && !line.contains(is_unprintable);
    let mut lines: Vec<String> = text.lines().filter(is_kept).map(str::to_owned).collect();
    lines.drain(..lines.len().saturating_sub(MAX_LINES));
    if size > MAX_FILE_BYTES {
        file.set_len(0)?;
        file.write_all((lines.join("\n") + "\n").as_bytes())?;
    }
    Ok(lines)
}

/// Where programs keep such files: `$XDG_STATE_HOME/rgops`, otherwise in the home directory.
fn directory() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = match cfg!(windows) {
        true => variable("LOCALAPPDATA")?,
        false => variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?,
    };
    Some(state.join("rgops"))
}
