//! The processed format of profiler.firefox.com, version 48: columns, strings in a table, stacks as a tree.
//!
//! The format is described by the types of that profiler (`src/types/profile.js`) and its
//! `docs-developer/CHANGELOG-formats.md`; newer versions of the profiler upgrade older files.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::column;
use super::speedscope::name;
use super::written::{notices, stacks};
use crate::error::ReportError;
use crate::flame::{Class, Distinct, FrameId, Stacks};
use crate::refine::Refined;
use crate::stop::Stop;

/// The version of the format.
const VERSION: u32 = 48;
/// The most frames of the tree of stacks: the profiler itself does not show more.
const FRAMES: usize = 32 << 20;

/// Writes a file for profiler.firefox.com, as one thread. Stacks with a negative value are left out, and counted in the
/// notices. Samples have no times in a profile: here one follows the other.
///
/// # Errors
/// [`ReportError`].
pub fn firefox(
    refined: &Refined,
    stop: Stop<'_>,
    to: &mut dyn io::Write,
) -> Result<Vec<String>, ReportError> {
    let stacks = stacks(refined, stop)?;
    let distinct = Distinct::new(&stacks, stop)?;
    if distinct.frames() > FRAMES {
        return Err(ReportError::Option(format!(
            "the profile is too large for this format: its stacks have {} frames, at most {FRAMES} are written; \
             choose a part of it by -focus",
            distinct.frames()
        )));
    }
    let samples = Samples::new(refined, &distinct, stop)?;
    let mut to = io::BufWriter::new(to);
    write!(to, r#"{{"meta":{},"libs":[],"pages":[],"threads":[{{"#, meta(refined))?;
    thread(&mut to, refined, &stacks, &samples)?;
    writeln!(to, "}}]}}")?;
    to.flush()?;
    drop(to);
    Ok(notices(refined, stacks.cut(), samples.negative))
}

/// Categories of the profiler are our classes; the one called `Other` has to be there.
fn category(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Own => ("Own code", "orange"),
        Class::Dependency => ("Dependencies", "green"),
        Class::Std => ("Standard library", "blue"),
        Class::Runtime => ("Runtime", "purple"),
        Class::Kernel => ("Kernel", "lightred"),
        Class::Unknown => ("Other", "grey"),
    }
}

fn meta(refined: &Refined) -> Value {
    let categories: Vec<Value> = Class::ALL
        .iter()
        .map(|class| category(*class))
        .map(|(name, color)| json!({ "name": name, "color": color, "subcategories": ["Other"] }))
        .collect();
    json!({
        "interval": 1,
        "startTime": refined.profile.time_ns as f64 / 1e6,
        "processType": 0,
        "product": name(refined),
        "importedFrom": "pprof",
        "stackwalk": 1,
        "debug": false,
        "version": 24,
        "preprocessedProfileVersion": VERSION,
        "symbolicated": true,
        "categories": categories,
        "markerSchema": [],
        "extensions": { "length": 0, "id": [], "name": [], "baseURL": [] },
        "usesOnlyOneStackType": true,
        "doesNotUseFrameImplementation": true,
        "sourceCodeIsNotOnSearchfox": true,
    })
}

/// The samples, and the tree of their stacks.
struct Samples {
    weight_type: &'static str,
    weights: Vec<Value>,
    times: Vec<f64>,
    stacks: Vec<Option<u32>>,
    /// By node of the tree: its frame and its parent.
    frames: Vec<u32>,
    prefixes: Vec<Option<u32>>,
    negative: usize,
}

impl Samples {
    fn new(refined: &Refined, distinct: &Distinct<'_>, stop: Stop<'_>) -> Result<Samples, ReportError> {
        let ms_per_unit = match &*refined.unit {
            "nanoseconds" => Some(1e-6),
            "microseconds" => Some(1e-3),
            "milliseconds" => Some(1.0),
            "seconds" => Some(1e3),
            _ => None,
        };
        let weight_type = match (ms_per_unit, &*refined.unit) {
            (Some(_), _) => "tracing-ms",
            (None, "bytes") => "bytes",
            _ => "samples",
        };
        let mut samples = Samples {
            weight_type,
            weights: Vec::new(),
            times: Vec::new(),
            stacks: Vec::new(),
            frames: Vec::new(),
            prefixes: Vec::new(),
            negative: 0,
        };
        let (mut path, mut time) = (Vec::<u32>::new(), 0.0);
        for stack in distinct.iter() {
            stop.check()?;
            path.truncate(stack.shared);
            for place in &stack.places[path.len()..] {
                samples.prefixes.push(path.last().copied());
                path.push(samples.frames.len() as u32);
                samples.frames.push(place.frame().0);
            }
            let value = stack.value();
            if value <= 0 {
                samples.negative += usize::from(value < 0);
                continue;
            }
            let weight = ms_per_unit.map_or(json!(value as u64), |ms| json!(value as f64 * ms));
            samples.times.push(time);
            time += ms_per_unit.map_or(1.0, |ms| value as f64 * ms);
            samples.weights.push(weight);
            samples.stacks.push(path.last().copied());
        }
        Ok(samples)
    }
}

fn thread(to: &mut dyn Write, refined: &Refined, stacks: &Stacks<'_>, samples: &Samples) -> io::Result<()> {
    let empty = |columns: &[&str]| {
        let mut table: serde_json::Map<String, Value> =
            columns.iter().map(|name| ((*name).to_owned(), json!([]))).collect();
        table.insert("length".to_owned(), json!(0));
        Value::Object(table)
    };
    let head = json!({
        "processType": "default",
        "processName": name(refined),
        "processStartupTime": 0,
        "processShutdownTime": null,
        "registerTime": 0,
        "unregisterTime": null,
        "pausedRanges": [],
        "name": refined.kind,
        "isMainThread": true,
        "pid": "0",
        "tid": 0,
        "markers": empty(&["data", "name", "startTime", "endTime", "phase", "category"]),
        "resourceTable": empty(&["lib", "name", "host", "type"]),
        "nativeSymbols": empty(&["libIndex", "address", "name", "functionSize"]),
    })
    .to_string();
    write!(to, "{},", head.trim_start_matches('{').trim_end_matches('}'))?;
    write!(to, r#""samples":{{"weightType":"{}","#, samples.weight_type)?;
    column(to, "weight", &samples.weights)?;
    column(to, "time", &samples.times)?;
    column(to, "stack", &samples.stacks)?;
    write!(to, r#""length":{}}},"#, samples.stacks.len())?;
    stack_table(to, stacks, samples)?;
    frame_tables(to, stacks)
}

fn stack_table(to: &mut dyn Write, stacks: &Stacks<'_>, samples: &Samples) -> io::Result<()> {
    let class = |frame: &u32| stacks.frame(FrameId(*frame)).class.number();
    write!(to, r#""stackTable":{{"#)?;
    column(to, "frame", &samples.frames)?;
    column(to, "prefix", &samples.prefixes)?;
    column(to, "category", samples.frames.iter().map(class))?;
    column(to, "subcategory", samples.frames.iter().map(|_| 0))?;
    write!(to, r#""length":{}}},"#, samples.frames.len())
}

/// A function of the profiler for each frame: names and files are in one table of strings, the files behind the names.
fn frame_tables(to: &mut dyn Write, stacks: &Stacks<'_>) -> io::Result<()> {
    let frames = stacks.frames();
    let count = frames.len();
    let all = || 0..count;
    let known = |number: i64| (number > 0).then_some(number);
    write!(to, r#""frameTable":{{"#)?;
    column(to, "address", all().map(|_| -1))?;
    column(to, "inlineDepth", all().map(|_| 0))?;
    column(to, "category", frames.iter().map(|frame| frame.class.number()))?;
    column(to, "subcategory", all().map(|_| 0))?;
    column(to, "func", all())?;
    column(to, "nativeSymbol", all().map(|_| Value::Null))?;
    column(to, "innerWindowID", all().map(|_| 0))?;
    column(to, "implementation", all().map(|_| Value::Null))?;
    column(to, "line", frames.iter().map(|frame| known(frame.line)))?;
    column(to, "column", frames.iter().map(|frame| known(frame.column)))?;
    write!(to, r#""length":{count}}},"funcTable":{{"#)?;
    column(to, "name", all())?;
    column(to, "isJS", all().map(|_| false))?;
    column(to, "relevantForJS", all().map(|_| false))?;
    column(to, "resource", all().map(|_| -1))?;
    column(
        to,
        "fileName",
        frames.iter().zip(count..).map(|(frame, text)| (!frame.file.is_empty()).then_some(text)),
    )?;
    column(to, "lineNumber", all().map(|_| Value::Null))?;
    column(to, "columnNumber", all().map(|_| Value::Null))?;
    write!(to, r#""length":{count}}},"stringArray":"#)?;
    let names = all().map(|at| stacks.text(FrameId(at as u32)));
    let files = frames.iter().map(|frame| stacks.profile().text(frame.file).to_owned());
    super::json::list(to, names.chain(files))
}
