//! Makes the large profiles, and measures reports of them by rgops and by `go tool pprof`.

mod generate;
mod library;
mod measure;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use generate::Shape;
use measure::{Run, run};

/// The reports that both programs know.
const REPORTS: [&str; 3] = ["-top", "-tree", "-traces"];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    // As `rgops pprof -top FILE`, for `--rgops` with this program's own path.
    if arguments.next_if(|first| first == "pprof").is_some() {
        let (report, file) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
        return if library::print(&report, Path::new(&file)) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (mut rgops, mut go, mut directory, mut is_quick) =
        (PathBuf::new(), PathBuf::new(), PathBuf::from("."), false);
    while let Some(argument) = arguments.next() {
        let mut value = || PathBuf::from(arguments.next().unwrap_or_default());
        match argument.as_str() {
            "--rgops" => rgops = value(),
            "--go" => go = value(),
            "--write" => directory = value(),
            "--quick" => is_quick = true,
            other => {
                eprintln!("analyser: unknown argument {other}");
                return ExitCode::from(2);
            }
        }
    }
    let divisor = if is_quick { 50 } else { 1 };
    let shapes = [Shape::many_samples(1_000_000 / divisor), Shape::many_stacks(100_000 / divisor)];
    for shape in shapes {
        let file = shape.write(&directory);
        println!(
            "\n{}: {:.1} MB uncompressed, {} samples",
            shape.name,
            file.bytes as f64 / 1e6,
            shape.samples
        );
        if rgops.as_os_str().is_empty() {
            continue;
        }
        println!("{:<12} {:>24} {:>24} {:>16}", "report", "rgops CPU, memory", "go CPU, memory", "ratios");
        for report in REPORTS {
            compare(&rgops, &go, report, &file.path);
        }
        // What go tool pprof does not have.
        for report in ["-collapsed", "-flame"] {
            println!("{report:<12} {:>24}", text(run(&rgops, &["pprof", report], &file.path).as_ref()));
        }
    }
    println!("\n-top by size:");
    for samples in [10_000, 30_000, 100_000, 300_000, 1_000_000] {
        let file = Shape::many_samples(samples / divisor).write(&directory);
        let run = run(&rgops, &["pprof", "-top"], &file.path);
        println!("{:>8.1} MB {:>24}", file.bytes as f64 / 1e6, text(run.as_ref()));
    }
    ExitCode::SUCCESS
}

fn compare(rgops: &Path, go: &Path, report: &str, profile: &Path) {
    let ours = run(rgops, &["pprof", report], profile);
    let theirs = if go.as_os_str().is_empty() {
        None
    } else {
        run(go, &["tool", "pprof", "-symbolize=none", report], profile)
    };
    let ratios = match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => {
            format!("1/{:.0} 1/{:.1}", theirs.cpu_s / ours.cpu_s, theirs.memory_mb / ours.memory_mb)
        }
        _ => String::new(),
    };
    println!("{report:<12} {:>24} {:>24} {ratios:>16}", text(ours.as_ref()), text(theirs.as_ref()));
}

fn text(run: Option<&Run>) -> String {
    run.map_or_else(|| "-".to_owned(), |run| format!("{:.2} s, {:.0} MB", run.cpu_s, run.memory_mb))
}
