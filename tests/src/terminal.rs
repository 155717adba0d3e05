//! A command on a terminal of a known width. It is a pseudo-terminal of the kernel, so the output is the same as for
//! a user, including colours and progress bars.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::program::Patient;

/// The content of the terminal after the command.
#[derive(Debug)]
pub struct Screen {
    /// The exit code.
    pub code: i32,
    /// Both outputs in order, with the escape sequences of colours and without erased text.
    pub text: String,
}

/// Runs a command to its end on a terminal with this number of columns.
///
/// # Panics
/// When it does not start, is killed, or prints nothing until the deadline.
pub fn run(command: &mut Command, columns: u16) -> Screen {
    type_after(command, columns, &[])
}

/// The same with a person at the keyboard: each text of `typed` is typed when the terminal has shown the one before it.
/// The result is everything that was printed.
///
/// # Panics
/// As [`run`], and when a text is not shown until the deadline.
pub fn type_after(command: &mut Command, columns: u16, typed: &[(&str, &str)]) -> Screen {
    let (ours, theirs) = terminal(columns);
    let copy = || Stdio::from(theirs.try_clone().expect("a descriptor"));
    command.env("TERM", "xterm-256color").stdin(copy()).stdout(copy()).stderr(copy());
    let mut child = Killed(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
    // The terminal ends when all descriptors of its other side are closed: the child's, and those that `command`
    // keeps.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(theirs);
    let printed = read_all(ours, typed);
    let code = child.0.wait().expect("our child").code();
    let code = code.unwrap_or_else(|| panic!("{command:?} was killed"));
    Screen { code, text: without_erased(&String::from_utf8_lossy(&printed)) }
}

/// A new terminal: our side and that of the command.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&ours).expect("our terminal");
    unlockpt(&ours).expect("our terminal");
    let name = ptsname(&ours, Vec::new()).expect("our terminal");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(name.as_c_str(), flags, Mode::empty()).expect("our terminal");
    let mut modes = tcgetattr(&theirs).expect("our terminal");
    // Keep line ends as they were written.
    modes.output_modes -= OutputModes::OPOST;
    tcsetattr(&theirs, OptionalActions::Now, &modes).expect("our terminal");
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&theirs, size).expect("our terminal");
    (ours, theirs)
}

/// Reads the terminal until its other side is closed, which a read reports as EIO. Types meanwhile.
fn read_all(ours: OwnedFd, typed: &[(&str, &str)]) -> Vec<u8> {
    let mut keyboard = File::from(ours.try_clone().expect("a descriptor"));
    let (mut ours, mut printed, mut part) = (Patient(File::from(ours)), Vec::new(), [0; 4096]);
    let (mut typed, mut seen) = (typed.iter(), 0);
    let mut next = typed.next();
    loop {
        if let Some((shown, text)) = next
            && let Some(at) = String::from_utf8_lossy(&printed[seen..]).find(shown)
        {
            seen += at + shown.len();
            keyboard.write_all(text.as_bytes()).expect("the terminal takes keys");
            next = typed.next();
            continue;
        }
        match ours.read(&mut part) {
            Ok(0) => break,
            Ok(read) => printed.extend(&part[..read]),
            Err(error) if error.raw_os_error() == Some(libc::EIO) => break,
            Err(error) => panic!(
                "waiting for a command on a terminal: {error}, it printed {}",
                String::from_utf8_lossy(&printed)
            ),
        }
    }
    assert_eq!(next, None, "never shown in {}", String::from_utf8_lossy(&printed));
    printed
}

/// Removes erased lines: a progress bar is drawn on one line, which is cleared at its end.
fn without_erased(printed: &str) -> String {
    const ERASE_LINE: &str = "\u{1b}[2K";
    let lines = printed.split_inclusive('\n');
    let left = lines.map(|line| line.rsplit(ERASE_LINE).next().unwrap_or(line));
    left.map(|line| line.strip_prefix('\r').unwrap_or(line)).collect()
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_sees_the_width_of_the_terminal_and_erased_text_is_removed() {
        let script = "test -t 0 && test -t 1 && stty size; \
            printf 'old\\r\\033[2Knew\\n' >&2; printf 'bar\\r\\033[2K'; exit 3";
        for columns in [80, 140] {
            let screen = run(Command::new("sh").args(["-c", script]), columns);
            assert_eq!((screen.code, &*screen.text), (3, &*format!("50 {columns}\nnew\n")));
        }
    }

    #[test]
    fn a_person_types_what_fits_to_the_screen() {
        let script = "stty -echo; echo name?; read name; echo age?; read age; echo $name is $age";
        let answers = [("name?", "Ann\n"), ("age?", "7\n")];
        let screen = type_after(Command::new("sh").args(["-c", script]), 80, &answers);
        assert_eq!(screen.text, "name?\nage?\nAnn is 7\n");
    }
}
