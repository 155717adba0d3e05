//! Listings of a small profile, with files that are made up.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use crate::environment::{Code, CodeFrame, Environment, Instruction, ObjectFile};
use crate::profile::{
    Function, FunctionId, Line, Location, LocationId, Mapping, MappingId, Profile, ValueType,
};
use crate::report::{Request, write};
use crate::{Format, ReportError, Settings, Stop};

/// `src/main.rs` of eight lines, and one function of three instructions at 0x10.
struct Made;

const SOURCE: &str = "// one\nfn main() {\n    run(); // <b>\n}\n\nfn run() {\n\tspin();\n}\n";

impl Environment for Made {
    fn source(&self, file: &str, _: &Settings) -> Result<String, String> {
        if file == "src/main.rs" { Ok(SOURCE.to_owned()) } else { Err(format!("could not find file {file}")) }
    }

    fn code(
        &self,
        _: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        _: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let is_at = address.is_some_and(|address| (0x1010..0x1020).contains(&address));
        let code =
            Code { names: vec!["main".to_owned(), "other".to_owned()], start: 0x10, end: 0x20, bias: 0x1000 };
        Ok(if is_wanted.is_some_and(|is_wanted| is_wanted("main")) || is_at {
            vec![code]
        } else {
            Vec::new()
        })
    }

    fn bias(&self, _: &ObjectFile<'_>) -> Result<u64, String> {
        Ok(0x1000)
    }

    fn instructions(
        &self,
        _: &ObjectFile<'_>,
        start: u64,
        end: u64,
        _: bool,
        _: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        let frame = |function: &str, line| CodeFrame {
            function: function.into(),
            system_name: "".into(),
            file: "src/main.rs".into(),
            line,
        };
        let outer: Arc<[CodeFrame]> = Arc::new([frame("main", 2)]);
        let inner: Arc<[CodeFrame]> = Arc::new([frame("run", 7), frame("main", 3)]);
        let all = [(0x10, "push   %rbp", &outer), (0x12, "call   20 <spin>", &inner), (0x18, "ret", &outer)];
        let within = all.into_iter().filter(|(address, ..)| (start..end).contains(address));
        let each = within.map(|(address, text, frames)| Instruction {
            address,
            text: text.to_owned(),
            frames: frames.clone(),
        });
        Ok(each.collect())
    }
}

/// Two samples: 30 in the inlined call at 0x1014, 10 at 0x1010.
fn profile() -> Profile {
    let mut profile = Profile::default();
    let mut text = |text: &str| profile.texts.intern(text);
    let (kind, unit, file, path) = (text("cpu"), text("count"), text("src/main.rs"), text("/bin/<i>shop"));
    let (main, run) = (text("main"), text("run"));
    profile.sample_types = vec![ValueType { kind, unit }];
    let function = |name| Function { name, system_name: name, file, start_line: 0 };
    profile.functions = vec![function(main), function(run)];
    profile.mappings = vec![Mapping { start: 0x1000, limit: 0x2000, file: path, ..Mapping::default() }];
    let line = |function, line| Line { function: FunctionId(function), line, column: 0 };
    let location =
        |address, lines| Location { mapping: Some(MappingId(0)), address, lines, is_folded: false };
    profile.locations =
        vec![location(0x1014, vec![line(1, 7), line(0, 3)]), location(0x1010, vec![line(0, 2)])];
    let labels = profile.label_sets.intern(&[]);
    for (at, value) in [(0, 30), (1, 10)] {
        let stack = profile.stacks.intern(&[LocationId(at)]);
        profile.samples.push(stack, labels, &[value]);
    }
    profile
}

fn report(format: Format, argument: &str, environment: &dyn Environment) -> Result<String, ReportError> {
    report_of(&profile(), format, argument, environment)
}

fn report_of(
    profile: &Profile,
    format: Format,
    argument: &str,
    environment: &dyn Environment,
) -> Result<String, ReportError> {
    let request = Request { format, argument: Some(argument.to_owned()), settings: Settings::default() };
    let mut text = Vec::new();
    write(profile, &request, environment, Stop::never(), &mut text)?;
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn list_shows_the_lines_around_those_with_values() {
    let expected = "\
Total: 40
ROUTINE ======================== main in src/main.rs
        10         40 (flat, cum)   100% of Total
         .          .      1:// one
        10         10      2:fn main() {
         .         30      3:    run(); // <b>
         .          .      4:}
         .          .      5:
         .          .      6:fn run() {
         .          .      7:\tspin();
         .          .      8:}
";
    assert_eq!(report(Format::List, "^main$", &Made).unwrap(), expected);
    let none = report(Format::List, "^none$", &Made).unwrap_err();
    assert_eq!(none.to_string(), "no matches found for regexp: ^none$");
    let missing = report(Format::List, "run", &crate::environment::Nothing).unwrap();
    assert!(missing.ends_with(" Error: could not find file src/main.rs\n"), "{missing}");
}

#[test]
fn a_file_of_which_no_line_is_listed_is_not_missed() {
    let mut profile = profile();
    profile.locations[0].lines.truncate(1);
    profile.locations[0].lines[0].line = -7;
    let list =
        |profile: &Profile| report_of(profile, Format::List, "run", &crate::environment::Nothing).unwrap();
    assert!(list(&profile).ends_with("75.00% of Total\n"), "{}", list(&profile));
}

#[test]
fn disasm_counts_a_sample_within_an_instruction_at_its_start() {
    let expected = "\
Total: 40
ROUTINE ======================== main
    AKA ======================== other
        40         40 (flat, cum)   100% of Total
        10         10         10: push   %rbp                             ;main main.rs:2
        30         30         12: call   20 <spin>                        ;run main.rs:7
         .          .         18: ret                                     ;main main.rs:2
";
    assert_eq!(report(Format::Disasm, "^main$", &Made).unwrap(), expected);
    assert_eq!(report(Format::Disasm, "0x1012", &Made).unwrap(), expected);
    let none = report(Format::Disasm, "0x1990", &Made).unwrap_err();
    assert_eq!(none.to_string(), "no matches found for address 0x1990");
}

#[test]
fn weblist_escapes_all_text_and_folds_inlined_calls_into_their_line() {
    let page = report(Format::Weblist, "main", &Made).unwrap();
    assert!(page.contains("File: &lt;i&gt;shop") && page.contains("run(); // &lt;b&gt;"), "{page}");
    assert!(!page.contains("<b>") && !page.contains("<i>") && !page.contains("<script"), "{page}");
    assert!(page.contains("spin();") && page.contains("12:             call   20 &lt;spin&gt;"), "{page}");
    // Without the object file, the values are still there.
    let without = report(Format::Weblist, "main", &crate::environment::Nothing).unwrap();
    assert!(without.contains("could not find file src/main.rs") && without.contains("???"), "{without}");
}

#[test]
fn thousands_of_inlined_calls_are_shown_to_a_depth_that_is_said() {
    let mut profile = profile();
    let one = profile.locations[0].lines[0];
    profile.locations[0].lines = (0..2000).map(|line| Line { line: 2000 - line, ..one }).collect();
    let page = report_of(&profile, Format::Weblist, "run", &crate::environment::Nothing).unwrap();
    assert!(page.contains("… 1935 more inlined calls") && page.len() < 60 << 20, "{}", page.len());
    profile.locations[0].lines = vec![one; 2000];
    let page = report_of(&profile, Format::Weblist, "run", &crate::environment::Nothing).unwrap();
    assert!(page.len() < 20 << 20, "{}", page.len());
}
