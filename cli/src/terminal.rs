//! Output: text and JSON on standard output, everything else on standard error.
//!
//! Colours appear only on a terminal and never with `NO_COLOR` (anstream decides). If the reader closed the pipe
//! (`rgops | head`), the output ends silently.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rgops_inspect::session::Document;
use rgops_inspect::text::{escape, write_json};
use serde::Serialize;

use crate::exit::{Exit, Failure};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const FIX: Style = AnsiColor::Green.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// Prints `text` without adding a line end. Its colours are kept only on a terminal.
///
/// # Errors
/// If standard output cannot be written (a full disk). A closed pipe is not an error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints `text` to standard error, because standard output has the data.
pub fn print_aside(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints `value` as indented JSON and a line end.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    // Not through anstream: `write_json` escapes everything that controls a terminal. It is written as a stream: as
    // one text it would need as much memory as the data again.
    let mut stdout = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    written(write_json(&mut stdout, value).and_then(|()| stdout.flush()))
}

/// Prints a piece of an endless output; returns false if the reader closed the pipe.
///
/// # Errors
/// As [`print()`].
pub fn print_on(text: &str) -> Result<bool, Failure> {
    let mut stdout = anstream::stdout().lock();
    let result = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    let is_gone = matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
    written(result).map(|()| !is_gone)
}

/// A document as JSON on one line, with its line end.
///
/// # Errors
/// Only a bug: every document can be converted to JSON.
pub fn json_line(document: &Document<impl Serialize>) -> Result<String, Failure> {
    document.to_line().map_err(|error| {
        Failure::new(Exit::Internal, "cannot make JSON", error.to_string(), "report this as a bug")
    })
}

/// Converts the result of a write to standard output. A closed pipe is not a failure.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Internal, "cannot write to standard output", error.to_string(), ""))
        }
        _ => Ok(()),
    }
}

/// Prints one line of status to standard error: `Profile saved to …`.
pub fn say(text: &str) {
    // If standard error is closed, the line is lost.
    beside_bars(|| {
        let _ = writeln!(anstream::stderr().lock(), "{}", escape(text));
    });
}

/// The same where the line of a [`Spinner`] may be shown, which it replaces.
pub fn say_above(text: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(anstream::stderr().lock(), "\r\x1b[K");
    }
    say(text);
}

/// Whether somebody sees what is said, and nothing keeps it: standard error is a terminal.
pub fn is_seen() -> bool {
    io::stderr().is_terminal()
}

/// Prints one note to standard error about what the output lacks: `note: …`.
pub fn note(text: &str) {
    beside_bars(|| {
        let _ = writeln!(anstream::stderr().lock(), "{NOTE}note{NOTE:#}: {}", escape(text));
    });
}

/// Prints a failure to standard error: `rgops: what: why`, then `fix: …`.
pub fn print_failure(failure: &Failure) {
    let mut text = format!("{ERROR}rgops{ERROR:#}: {}: {}\n", escape(&failure.what), escape(&failure.why));
    for (number, line) in failure.fix.lines().enumerate() {
        match number {
            0 => text.push_str(&format!("{FIX}fix{FIX:#}: {}\n", escape(line))),
            _ => text.push_str(&format!("     {}\n", escape(line))),
        }
    }
    beside_bars(|| {
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
    });
}

/// The bars on the screen: several at the same time have a line each.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// How many there are.
static BAR_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Writes lines to standard error that the bars do not overwrite.
fn beside_bars(write: impl FnOnce()) {
    match BAR_COUNT.load(Ordering::SeqCst) {
        0 => write(),
        _ => BARS.suspend(write),
    }
}

/// A progress bar on standard error; invisible if that is not a terminal.
#[derive(Debug)]
pub struct Bar(ProgressBar);

/// A progress bar for a command that takes about `total`; `label` is its activity, such as `Profiling CPU`. It
/// disappears when it is dropped.
pub fn bar(label: &str, total: Duration) -> Bar {
    // indicatif draws nothing if standard error is not a terminal.
    BAR_COUNT.fetch_add(1, Ordering::SeqCst);
    let bar = BARS.add(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
    bar.set_length(u64::try_from(total.as_millis()).unwrap_or(u64::MAX));
    // The template is constant and valid. If it were not, the default style would be used.
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    Bar(bar)
}

impl Bar {
    /// Moves the bar to the agent's progress; `gathered` is the count with its unit, such as `512 samples`.
    pub fn update(&self, elapsed: Duration, total: Duration, gathered: &str) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (elapsed_ms, total_ms) = (milliseconds(elapsed), milliseconds(total));
        if total_ms > 0 {
            self.0.set_length(total_ms);
        }
        self.0.set_position(elapsed_ms.min(self.0.length().unwrap_or(u64::MAX)));
        self.0.set_message(format!(
            "{:.1}/{:.1} s  {gathered}",
            elapsed_ms as f64 / 1e3,
            self.0.length().unwrap_or(0) as f64 / 1e3,
        ));
    }

    /// Removes the bar from the screen.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
        BARS.remove(&self.0);
        BAR_COUNT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One line on standard error about a command that takes over a second; invisible before that, and if standard error
/// is not a terminal.
#[derive(Debug)]
pub struct Spinner {
    line: ProgressBar,
    begin: Instant,
}

/// A line that appears when the command takes over a second, and disappears when it is dropped.
pub fn spinner() -> Spinner {
    Spinner { line: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()), begin: Instant::now() }
}

impl Spinner {
    /// Shows the current activity.
    pub fn say(&self, what: &str) {
        if self.begin.elapsed() >= Duration::from_secs(1) && self.line.is_hidden() {
            // indicatif draws nothing if standard error is not a terminal.
            self.line.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                self.line.set_style(style);
            }
        }
        self.line.set_message(what.to_owned());
        self.line.tick();
    }

    /// Removes the line from the screen.
    pub fn clear(&self) {
        self.line.finish_and_clear();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Prints a report with the most important lines in colour: deadlocks, running tasks, and the command to run next. The
/// text itself contains no escape sequences, so all of them come from here.
///
/// # Errors
/// As [`print()`].
pub fn print_highlighted(text: &str) -> Result<(), Failure> {
    // Written line by line: the text may be large, so it is not copied.
    let mut stdout = io::BufWriter::with_capacity(64 * 1024, anstream::stdout().lock());
    written(highlight(text, &mut stdout).and_then(|()| stdout.flush()))
}

fn highlight(text: &str, out: &mut impl Write) -> io::Result<()> {
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let style = match content.split([' ', ':']).next().unwrap_or_default() {
            "deadlock" => Some(ERROR),
            "next" => Some(FIX),
            // A finding: `1. deadlock: …`.
            number if number.len() > 1 && is_number(number) => Some(ERROR),
            "task" | "tasks" if content.contains("[running]") => Some(NOTE),
            _ if content.contains(" tasks [running]") && !content.starts_with(' ') => Some(NOTE),
            _ => None,
        };
        match style {
            Some(style) => write!(out, "{style}{content}{style:#}{end}")?,
            None => out.write_all(line.as_bytes())?,
        }
    }
    Ok(())
}

/// The number of a finding, such as `1.`.
fn is_number(word: &str) -> bool {
    word.strip_suffix('.').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the whole screen is taken, and typed keys are not shown.
static FULL_SCREEN: AtomicBool = AtomicBool::new(false);

/// Takes the whole screen, until [`leave_full_screen`]. A panic gives it back.
///
/// # Errors
/// If the terminal refuses.
pub fn enter_full_screen() -> io::Result<ratatui::DefaultTerminal> {
    FULL_SCREEN.store(true, Ordering::SeqCst);
    ratatui::try_init()
}

/// Gives the screen back as it was. Nothing happens if it was not taken.
pub fn leave_full_screen() {
    if FULL_SCREEN.swap(false, Ordering::SeqCst) {
        ratatui::restore();
    }
}

type Hook = Box<dyn FnMut() + Send>;

/// Whether the second Ctrl-C ends `rgops`.
static SECOND_ENDS: AtomicBool = AtomicBool::new(true);

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);

/// Runs `hook` on another thread at the first Ctrl-C. The second Ctrl-C ends `rgops` with code 130.
/// A later call replaces the hook.
///
/// # Errors
/// If the system refuses the signal handler.
pub fn on_interrupt(hook: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    *HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Box::new(hook));
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let mut interrupted = false;
    ctrlc::set_handler(move || {
        if std::mem::replace(&mut interrupted, true) && SECOND_ENDS.load(Ordering::SeqCst) {
            give_up();
        }
        // It is in a process group of its own, so Ctrl-C does not reach it.
        rgops_inspect::debuginfod::stop();
        // On a separate thread, so that the second Ctrl-C does not wait for it.
        std::thread::spawn(|| {
            if let Some(hook) = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_mut() {
                hook();
            }
        });
    })
    .map_err(|error| Failure::new(Exit::Internal, "cannot catch Ctrl-C", error.to_string(), ""))
}

/// Runs `hook` at each Ctrl-C from now on. None ends `rgops`.
///
/// # Errors
/// As [`on_interrupt`].
pub fn on_each_interrupt(hook: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    SECOND_ENDS.store(false, Ordering::SeqCst);
    on_interrupt(hook)
}

/// Allows that the servers in `DEBUGINFOD_URLS` are asked for debug information. Ctrl-C ends that.
///
/// # Errors
/// As [`on_interrupt`].
pub fn allow_debuginfod() -> Result<(), Failure> {
    match rgops_inspect::debuginfod::enable(say_above) {
        true => on_interrupt(|| give_up()),
        false => Ok(()),
    }
}

/// Ends the process like Ctrl-C, and removes incomplete files.
pub fn give_up() -> ! {
    leave_full_screen();
    rgops_inspect::debuginfod::stop();
    rgops_inspect::output::remove_unfinished();
    std::process::exit(130);
}
