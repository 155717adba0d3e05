//! Prints a report of profiles: `report -top -cum -focus=main old.pb.gz new.pb.gz`. Options are those of pprof, each as
//! one word; `-base` and `-diff_base` name a profile to subtract.

use std::error::Error;
use std::io::{self, BufWriter, Write as _};

use rgops_pprof::environment::Nothing;
use rgops_pprof::merge::{self, Base};
use rgops_pprof::report::{self, Request};
use rgops_pprof::settings::{Kind, Opt};
use rgops_pprof::{Format, Profile, Settings, Stop, read_profile};
// Of the library, or of its tests.
use {
    flate2 as _, inferno as _, prost as _, regex as _, ruzstd as _, schemars as _, serde as _,
    serde_json as _, thiserror as _,
};

fn main() {
    let mut output = BufWriter::new(io::stdout().lock());
    let done = run(std::env::args().skip(1), &mut output).and_then(|notices| Ok((notices, output.flush()?)));
    match done {
        Ok((notices, ())) => notices.iter().for_each(|notice| eprintln!("{notice}")),
        Err(error) => {
            eprintln!("report: {error}");
            std::process::exit(1);
        }
    }
}

/// Writes the report that the arguments ask for. Returns what to tell the user beside it.
pub(crate) fn run(
    arguments: impl Iterator<Item = String>,
    output: &mut dyn io::Write,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut request = Request { format: Format::Top, argument: None, settings: Settings::default() };
    let (mut profiles, mut bases, mut kind) = (Vec::new(), Vec::new(), Base::Subtracted);
    for argument in arguments {
        let Some(option) = argument.strip_prefix('-') else {
            profiles.push(read(&argument)?);
            continue;
        };
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("base", Some(file)) => bases.push(read(file)?),
            ("diff_base", Some(file)) => {
                kind = Base::Compared;
                bases.push(read(file)?);
            }
            ("symbolize", _) => {}
            _ => set(&mut request, name, value)?,
        }
    }
    let mut profile = merge::combine(profiles)?;
    if !bases.is_empty() {
        profile = merge::subtract(
            profile,
            merge::combine(bases)?,
            kind,
            request.settings.normalize,
            Stop::never(),
        )?;
    }
    merge::finish(&mut profile, false, Stop::never())?;
    Ok(report::write(&profile, &request, &Nothing, Stop::never(), output)?)
}

/// Reads a profile as pprof does: one without mappings gets one.
fn read(file: &str) -> Result<Profile, Box<dyn Error>> {
    let mut profile = read_profile(&std::fs::read(file).map_err(|error| format!("{file}: {error}"))?)?;
    merge::with_program(&mut profile, "", "");
    Ok(profile)
}

/// Sets a format, an option, or the option that a word is a choice of.
fn set(request: &mut Request, name: &str, value: Option<&str>) -> Result<(), Box<dyn Error>> {
    if let Some(format) = format(name) {
        request.format = format;
        request.argument = value.map(str::to_owned);
        return Ok(());
    }
    if let Some(option) = Opt::of_choice(name) {
        request.settings.set(option.name, name)?;
        return Ok(());
    }
    if value.is_none() && Opt::find(name).is_some_and(|option| option.kind != Kind::Bool) {
        return Err(format!("-{name} needs a value: -{name}=…").into());
    }
    request.settings.set(name, value.unwrap_or_default())?;
    Ok(())
}

fn format(name: &str) -> Option<Format> {
    Some(match name {
        "top" | "text" => Format::Top,
        "tree" => Format::Tree,
        "peek" => Format::Peek,
        "traces" => Format::Traces,
        "list" => Format::List,
        "disasm" => Format::Disasm,
        "weblist" => Format::Weblist,
        "tags" => Format::Tags,
        "comments" => Format::Comments,
        "raw" => Format::Raw,
        "proto" => Format::Proto,
        "topproto" => Format::TopProto,
        "dot" => Format::Dot,
        "svg" => Format::Svg,
        "callgrind" => Format::Callgrind,
        "json" => Format::Json,
        "collapsed" => Format::Collapsed,
        "speedscope" => Format::Speedscope,
        "flame" => Format::Flame,
        "firefox" => Format::Firefox,
        _ => return None,
    })
}
