//! Compares the output of a command on a program with its snapshot.

use std::path::Path;
use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use rgops_tests::snapshot::{Snapshots, replaced, with_visible_colours};
use rgops_tests::{built, masks, program, terminal};

/// Removes from a screen what depends on this machine or moment. Numbers are masked afterwards.
pub(super) type Mask = fn(&str) -> String;

/// A running program and its snapshots.
pub(super) struct Screens {
    snapshots: Snapshots,
    /// Placeholders in commands, and their values.
    words: Vec<(&'static str, String)>,
    /// The folder of its socket and output files.
    folder: Directory,
    running: Running,
}

impl Screens {
    /// Starts an example with these arguments; its snapshots are in the folder `name`.
    pub(super) fn of(name: &str, program: &str, arguments: &[&str]) -> Screens {
        let folder = Directory::private();
        let mut command = Command::new(built::release(program));
        let mut running = Running::run(command.args(arguments).env("RGOPS_DIR", folder.path()));
        assert_eq!(running.line(), "ready");
        let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance/snapshots").join(name);
        let words = vec![
            ("PID", running.pid().to_string()),
            ("FILE", folder.path().join("file").to_str().unwrap().to_owned()),
        ];
        Screens { snapshots: Snapshots::of(snapshots), words, folder, running }
    }

    /// Makes `word` in a command stand for `value`.
    pub(super) fn define(&mut self, word: &'static str, value: String) {
        self.words.push((word, value));
    }

    /// Pauses `leaky`, so that its memory does not change.
    pub(super) fn stop_allocating(&mut self) {
        self.running.signal("USR1");
        assert!(self.running.line().starts_with("leak "));
    }

    /// The output of the command on a pipe.
    pub(super) fn output(&self, command: &str) -> String {
        let output = program::finished(&mut self.rgops(command));
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Compares the screens of a command such as `stack PID --all`. Terminals that show the same share one snapshot.
    pub(super) fn show(&mut self, command: &str, mask: Mask) {
        let output = program::finished(&mut self.rgops(command));
        let text = [output.stdout, output.stderr].concat();
        let text = self.masked(command, &String::from_utf8_lossy(&text), output.status.code().unwrap(), mask);
        let mut forms = vec![("pipe".to_owned(), text)];
        for columns in [80, 140] {
            let mut rgops = self.rgops(command);
            // On a terminal they would end in the prompt, of which cli/tests/prompt.rs is.
            if command.starts_with("pprof-") {
                rgops.arg("--no-interactive");
            }
            let screen = terminal::run(&mut rgops, columns);
            let text = self.masked(command, &with_visible_colours(&screen.text), screen.code, mask);
            match forms.iter_mut().find(|(_, form)| *form == text) {
                Some((places, _)) => places.push_str(&format!(", {columns} columns")),
                None => forms.push((format!("{columns} columns"), text)),
            }
        }
        let forms = forms.iter().map(|(places, text)| format!("$ rgops {command} ({places})\n{text}"));
        let words = command.replace(" PID", "").replace(" --force --output FILE", "");
        let name = words.split([' ', '-']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        self.snapshots.compare(&name, &forms.collect::<Vec<_>>().join("\n"));
    }

    fn rgops(&self, command: &str) -> Command {
        let value =
            |word: &str| self.words.iter().find(|(name, _)| *name == word).map(|(_, value)| value.clone());
        let mut rgops = Command::new(built::release("rgops"));
        rgops.args(command.split(' ').map(|word| value(word).unwrap_or_else(|| word.to_owned())));
        rgops.env("RGOPS_DIR", self.folder.path());
        rgops.env_remove("RGOPS_TOKEN").env_remove("NO_COLOR").env_remove("COLUMNS");
        rgops
    }

    fn masked(&self, command: &str, text: &str, code: i32, mask: Mask) -> String {
        let pid = self.running.pid().to_string();
        let text = if command.contains("PID") { text.to_owned() } else { lines_with(text, &pid) };
        let text = text.replace(self.folder.path().to_str().unwrap(), "FOLDER");
        let text = text.replace(built::release("rgops").parent().unwrap().to_str().unwrap(), "TARGET");
        let text = sources(&text, "/registry/src/", 1, "REGISTRY/");
        let text = sources(&text, "/examples/src/", 0, "WORKSPACE/examples/src/");
        // At the start of a row the pid is masked as a number, which keeps the column widths.
        let is_row = |line: &str| line.trim_start().starts_with(&pid);
        let lines = text.split_inclusive('\n');
        let text: String = lines
            .map(|line| if is_row(line) { line.to_owned() } else { replaced(line, &pid, "PID") })
            .collect();
        // Samples are lost on a busy machine.
        let takes_samples = ["pprof-cpu", "trace"].iter().any(|name| command.starts_with(name));
        let code = if takes_samples && code == 6 { 0 } else { code };
        format!("{}exit {code}\n", masks::numbers(&mask(&text)))
    }
}

/// The lines with this pid in a list of all processes.
fn lines_with(text: &str, pid: &str) -> String {
    text.split_inclusive('\n').filter(|line| line.split_whitespace().any(|word| word == pid)).collect()
}

/// Replaces each path up to `within` and the next `folders` by `by`: programs may have been built in another
/// checkout, and crates are in cargo's home.
fn sources(text: &str, within: &str, folders: usize, by: &str) -> String {
    let (mut short, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once(within) {
        let begin = before.rfind(|c: char| c.is_whitespace() || "\"(".contains(c)).map_or(0, |at| at + 1);
        short.push_str(&before[..begin]);
        short.push_str(by);
        rest = behind.splitn(folders + 1, '/').last().unwrap_or_default();
    }
    short + rest
}
