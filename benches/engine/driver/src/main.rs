//! Measures the cost of the engine and of others, and writes the result to a document: see benches/engine.sh.

mod cost;
mod document;
mod dump;
mod overhead;
mod profile;
mod split;
mod statistics;
mod subject;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use document::{Section, Verdict};

/// The paths, and how long to measure.
struct Plan {
    /// Contains `subject-NAME` for each engine, `rgops` and `crowd`.
    programs: PathBuf,
    /// The path of docs/OVERHEAD.md. Without it the section is only printed.
    document: Option<PathBuf>,
    is_quick: bool,
    parts: Vec<String>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures one part.
type Part = fn(&Plan) -> Outcome<(Section, Vec<Verdict>)>;

fn main() -> ExitCode {
    match Plan::from_arguments().and_then(|plan| measure(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Plan {
    fn from_arguments() -> Outcome<Plan> {
        let mut plan = Plan { programs: PathBuf::new(), document: None, is_quick: false, parts: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--programs" => plan.programs = value()?.into(),
                "--document" => plan.document = Some(value()?.into()),
                "--quick" => plan.is_quick = true,
                "cost" | "overhead" | "split" | "dump" => plan.parts.push(argument),
                _ => return Err(format!("unknown argument {argument}: see benches/engine.sh").into()),
            }
        }
        Ok(plan)
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|asked| asked == part)
    }

    /// Returns `full`, or `quick` in a quick run.
    fn rounds(&self, full: usize, quick: usize) -> usize {
        if self.is_quick { quick } else { full }
    }
}

fn measure(plan: &Plan) -> Outcome<()> {
    let (mut verdicts, mut sections): (Vec<Verdict>, Vec<Section>) = Default::default();
    let parts: [(&str, Part); 4] = [
        ("cost", cost::measure),
        ("overhead", overhead::measure),
        ("split", split::measure),
        ("dump", dump::measure),
    ];
    for (name, part) in parts {
        if plan.has(name) {
            eprintln!("measuring {name} …");
            let (section, found) = part(plan)?;
            verdicts.extend(found);
            sections.push(section);
        }
    }
    let text = document::compose(&verdicts, &sections);
    match &plan.document {
        Some(document) if !plan.is_quick && plan.parts.is_empty() => document::replace(document, &text)?,
        _ => println!("{text}"),
    }
    Ok(())
}
