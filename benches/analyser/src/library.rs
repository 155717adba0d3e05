//! A report by the library alone, as a program of its own: what the command line adds is not measured.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use rgops_pprof::environment::Nothing;
use rgops_pprof::report::{Request, write};
use rgops_pprof::{Format, Settings, Stop, read_profile};

/// Prints a report of a profile. Returns whether there is one.
pub fn print(report: &str, file: &Path) -> bool {
    let format = match report {
        "-top" => Format::Top,
        "-tree" => Format::Tree,
        "-traces" => Format::Traces,
        "-collapsed" => Format::Collapsed,
        "-flame" => Format::Flame,
        _ => return false,
    };
    let bytes = std::fs::read(file).expect("the profile can be read");
    let profile = read_profile(&bytes).expect("it is a profile");
    drop(bytes);
    let request = Request { format, argument: None, settings: Settings::default() };
    let mut to = BufWriter::new(std::io::stdout().lock());
    write(&profile, &request, &Nothing, Stop::never(), &mut to).is_ok() && to.flush().is_ok()
}
