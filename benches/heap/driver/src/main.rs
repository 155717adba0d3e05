//! Runs the subjects in turn, round by round, and writes the medians into docs/OVERHEAD.md.
//!
//! `driver --programs DIRECTORY [--document FILE] [--rounds N]`

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const WORKLOADS: [&str; 5] = ["32 B", "256 B", "4 KiB", "mixed, 1,000 live", "mixed, 20,000 live"];
const BEGIN: &str = "<!-- benches/heap.sh writes from here -->";
const END: &str = "<!-- benches/heap.sh writes to here -->";

/// A program and its arguments.
struct Variant {
    name: &'static str,
    program: &'static str,
    /// The rate of the wrapper, if there is one. The bare allocator is then measured in the same process.
    rate: Option<&'static str>,
    environment: &'static str,
    /// The variant to compare with, if this one cannot measure the bare allocator itself.
    base: Option<&'static str>,
}

const fn bare(name: &'static str, program: &'static str) -> Variant {
    Variant { name, program, rate: None, environment: "", base: None }
}

const fn wrapped(name: &'static str, program: &'static str, rate: &'static str) -> Variant {
    Variant { name, program, rate: Some(rate), environment: "", base: None }
}

const VARIANTS: [Variant; 11] = [
    bare("System", "system"),
    wrapped("System, wrapped, off", "system-sampled", "0"),
    wrapped("System, wrapped, 512 KiB", "system-sampled", "524288"),
    wrapped("System, wrapped, 64 KiB", "system-sampled", "65536"),
    bare("mimalloc", "mimalloc"),
    wrapped("mimalloc, wrapped, off", "mimalloc-sampled", "0"),
    wrapped("mimalloc, wrapped, 512 KiB", "mimalloc-sampled", "524288"),
    wrapped("mimalloc, wrapped, 64 KiB", "mimalloc-sampled", "65536"),
    bare("jemalloc", "jemalloc"),
    Variant {
        name: "jemalloc, prof:true, lg_prof_sample:19",
        program: "jemalloc",
        rate: None,
        environment: "prof:true,lg_prof_sample:19",
        base: Some("jemalloc"),
    },
    Variant { name: "dhat over System", program: "dhat", rate: None, environment: "", base: Some("System") },
];

/// Nanoseconds per pair, by workload.
type Times = [f64; WORKLOADS.len()];

/// The results of one process.
struct Round {
    own: Times,
    /// The bare allocator in the same process.
    bare: Option<Times>,
}

struct Subject {
    variant: &'static Variant,
    rounds: Vec<Round>,
}

/// One round of every workload in a new process. The first round is not counted, because caches, page tables and the
/// clock frequency still change.
fn round(variant: &Variant, programs: &Path) -> Option<Round> {
    let mut command = Command::new(programs.join(variant.program));
    command.args(variant.rate).env("_RJEM_MALLOC_CONF", variant.environment);
    // dhat reports to standard error.
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let (mut orders, mut answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
    let mut line = String::new();
    for _ in 0..2 {
        writeln!(orders, "round").expect("the subject reads");
        line.clear();
        answers.read_line(&mut line).expect("the subject answers");
    }
    drop(orders);
    child.wait().expect("the subject ends");
    let mut numbers = line.split_whitespace().map(|number| number.parse().expect("a number"));
    let mut times = || -> Times { std::array::from_fn(|_| numbers.next().expect("a number each")) };
    let first = times();
    Some(match variant.rate {
        Some(_) => Round { own: times(), bare: Some(first) },
        None => Round { own: first, bare: None },
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let programs = option("--programs").expect("--programs DIRECTORY");
    let rounds: usize = option("--rounds").map_or(15, |rounds| rounds.parse().expect("a number"));
    let only = option("--only").unwrap_or_default();
    let programs = Path::new(&programs);
    let is_there =
        |variant: &&Variant| variant.name.contains(&only) && programs.join(variant.program).exists();
    let mut subjects: Vec<Subject> =
        VARIANTS.iter().filter(is_there).map(|variant| Subject { variant, rounds: Vec::new() }).collect();
    for number in 0..rounds {
        // Each round starts with a different subject: the order is also part of the noise.
        let count = subjects.len();
        for at in 0..count {
            let subject = &mut subjects[(at + number) % count];
            subject.rounds.push(round(subject.variant, programs).expect("the subject runs"));
        }
    }
    let table = table(&subjects, rounds);
    print!("{table}");
    if let Some(document) = option("--document") {
        let text = std::fs::read_to_string(&document).expect("the document");
        let (before, rest) = text.split_once(BEGIN).expect("the first marker");
        let (_, after) = rest.split_once(END).expect("the second marker");
        std::fs::write(&document, format!("{before}{BEGIN}\n{table}{END}{after}")).expect("written");
    }
}

fn table(subjects: &[Subject], rounds: usize) -> String {
    let of = |subject: &Subject, workload: usize| {
        median(subject.rounds.iter().map(|round| round.own[workload]).collect())
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let processor = processor.trim_start_matches(['\t', ' ', ':']);
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load.split(' ').next().unwrap_or_default();
    let mut table = format!(
        "Measured on {processor}, {cpus} CPUs, load average at the end {load}. Nanoseconds of CPU time of a pair of malloc and free, median of {rounds} interleaved rounds; in brackets \
         the median over the rounds of what it costs more than the bare allocator in the same round (for the wrapper: \
         in the same process).\n\n| allocator |"
    );
    WORKLOADS.iter().for_each(|workload| table += &format!(" {workload} |"));
    table += "\n| --- |";
    WORKLOADS.iter().for_each(|_| table += " --- |");
    table += "\n";
    for subject in subjects {
        table += &format!("| {} |", subject.variant.name);
        let base = subject.variant.base;
        let base = base.and_then(|base| subjects.iter().find(|other| other.variant.name == base));
        for workload in 0..WORKLOADS.len() {
            table += &format!(" {:.1}", of(subject, workload));
            // For each round, the additional cost and the base cost.
            let pairs: Vec<(f64, f64)> = subject
                .rounds
                .iter()
                .enumerate()
                .filter_map(|(number, round)| {
                    let bare = round.bare.or_else(|| base.map(|base| base.rounds[number].own))?[workload];
                    Some((round.own[workload] - bare, bare))
                })
                .collect();
            if !pairs.is_empty() {
                let more = median(pairs.iter().map(|(more, _)| *more).collect());
                let share = more / median(pairs.iter().map(|(_, bare)| *bare).collect());
                table += &format!(" ({more:+.1}, {:+.0} %)", 100.0 * share);
            }
            table += " |";
        }
        table += "\n";
    }
    table
}
