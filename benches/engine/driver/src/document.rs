//! Writes the marked section of docs/OVERHEAD.md.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

const BEGIN: &str = "<!-- benches/engine.sh writes from here -->";
const END: &str = "<!-- benches/engine.sh writes to here -->";

pub struct Section {
    pub title: &'static str,
    /// Markdown that ends with a newline.
    pub text: String,
}

/// A target from the design, and whether it is met.
pub struct Verdict {
    pub what: &'static str,
    pub wanted: String,
    pub measured: String,
    pub is_met: bool,
}

pub fn compose(verdicts: &[Verdict], sections: &[Section]) -> String {
    let mut text = format!("{}\n\n| | wanted | measured | |\n| --- | --- | --- | --- |\n", circumstances());
    for Verdict { what, wanted, measured, is_met } in verdicts {
        let is_met = if *is_met { "met" } else { "**missed**" };
        let _ = writeln!(text, "| {what} | {wanted} | {measured} | {is_met} |");
    }
    for section in sections {
        let _ = write!(text, "\n### {}\n\n{}", section.title, section.text);
    }
    text
}

pub fn replace(document: &Path, section: &str) -> Outcome<()> {
    let text = fs::read_to_string(document)?;
    let missing = || format!("{} lacks the lines {BEGIN} and {END}", document.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    fs::write(document, format!("{before}{BEGIN}\n{section}{END}{after}"))?;
    Ok(())
}

/// The machine, the date and the versions of the other tools.
fn circumstances() -> String {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = file("/proc/cpuinfo");
    let models: Vec<&str> = processors.lines().filter(|line| line.starts_with("model name")).collect();
    let model = models.first().and_then(|line| line.split_once(": ")).map_or("unknown CPU", |(_, name)| name);
    let virtual_machine = if processors.contains(" hypervisor") { ", a virtual machine" } else { "" };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = file("/proc/sys/kernel/osrelease");
    let load = file("/proc/loadavg");
    // Field 19 of proc_pid_stat(5) is the 17th after the name.
    let stat = file("/proc/self/stat");
    let nice = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(16)).unwrap_or("0");
    let nice = if nice == "0" { String::new() } else { format!(", at nice {nice}") };
    format!(
        "Measured on {} by `benches/engine.sh`: {model}, {cores} CPUs{virtual_machine}, Linux {}, {}, \
         `pprof` 0.15, {}, {}; load average at the end {}{nice}. Read the ratios: everything in a table was \
         measured in turns, in the same run.",
        first_line("date", &["-u", "+%Y-%m-%d"]),
        kernel.trim(),
        first_line("rustc", &["--version"]),
        first_line("gdb", &["--version"]),
        first_line("eu-stack", &["--version"]),
        load.split(' ').next().unwrap_or_default(),
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.as_deref().map(str::lines) {
        Ok(mut lines) => lines.next().unwrap_or_default().to_owned(),
        Err(_) => format!("{program} missing"),
    }
}
