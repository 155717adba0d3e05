//! Reports of small profiles, exactly.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use super::*;
use crate::environment::Nothing;
use crate::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use crate::settings::Settings;
use crate::stop::Stop;

/// Ids of the functions and locations of [`profile`].
const MAIN: u64 = 1;
const SORT: u64 = 2;
const COPY: u64 = 3;
const COMPARE: u64 = 4;

/// `main` calls `sort`, into which `compare` is inlined; both call `copy`. Values are milliseconds.
fn profile() -> crate::Profile {
    let texts = [
        "",
        "cpu",
        "nanoseconds",
        "main",
        "sort",
        "copy",
        "compare",
        "/bin/shop",
        "thread",
        "worker",
        "bytes",
    ];
    let location = |id, line: &[u64]| Location {
        id,
        mapping_id: 1,
        address: 0x1000 + id,
        line: line.iter().map(|id| Line { function_id: *id, line: 10 + *id as i64, column: 0 }).collect(),
        ..Location::default()
    };
    let worker = Label { key: 8, str: 9, ..Label::default() };
    let bytes = |num| Label { key: 10, num, num_unit: 10, ..Label::default() };
    let sample = |stack: &[u64], ms: i64, label: Vec<Label>| Sample {
        location_id: stack.to_vec(),
        value: vec![ms * 1_000_000],
        label,
    };
    let file = crate::write::encode(&Profile {
        sample_type: vec![ValueType { r#type: 1, unit: 2 }],
        sample: vec![
            sample(&[COPY, SORT, MAIN], 600, vec![worker]),
            sample(&[COMPARE, MAIN], 300, vec![bytes(2_048)]),
            sample(&[COPY, MAIN], 96, vec![]),
            sample(&[MAIN], 4, vec![]),
        ],
        mapping: vec![Mapping { id: 1, filename: 7, has_functions: true, ..Mapping::default() }],
        location: vec![
            location(MAIN, &[MAIN]),
            location(SORT, &[SORT]),
            location(COPY, &[COPY]),
            location(COMPARE, &[COMPARE, SORT]),
        ],
        function: (1..=4).map(|id| Function { id, name: 2 + id as i64, ..Function::default() }).collect(),
        string_table: texts.map(str::to_owned).to_vec(),
        duration_nanos: 2_000_000_000,
        ..Profile::default()
    });
    crate::read_profile(&file).unwrap()
}

/// A report of [`profile`].
pub(super) fn text(format: Format, options: &[(&str, &str)], argument: &str) -> Result<String, ReportError> {
    let mut settings = Settings::default();
    for (name, value) in options {
        settings.set(name, value).unwrap();
    }
    let request = Request { format, argument: Some(argument.to_owned()), settings };
    let mut text = Vec::new();
    write(&profile(), &request, &Nothing, Stop::never(), &mut text)?;
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn top_has_functions_by_value_and_says_what_is_inlined() {
    let expected = "\
File: shop
Type: cpu
Duration: 2s, Total samples = 1000ms (50.00%)
Showing nodes accounting for 1000ms, 100% of 1000ms total
      flat  flat%   sum%        cum   cum%
     696ms 69.60% 69.60%      696ms 69.60%  copy
     300ms 30.00% 99.60%      300ms 30.00%  compare (inline)
       4ms   0.4%   100%     1000ms   100%  main
         0     0%   100%      900ms 90.00%  sort
";
    assert_eq!(text(Format::Top, &[], "").unwrap(), expected);
    let by_cum =
        text(Format::Top, &[("sort", "cum"), ("nodecount", "2"), ("compact_labels", "true")], "").unwrap();
    let expected = "\
Showing nodes accounting for 4ms, 0.4% of 1000ms total
Showing top 2 nodes out of 4
      flat  flat%   sum%        cum   cum%
       4ms   0.4%   0.4%     1000ms   100%  main
         0     0%   0.4%      900ms 90.00%  sort
";
    assert_eq!(by_cum, expected);
}

#[test]
fn what_filters_matched_is_told_also_without_a_report() {
    let mut settings = Settings::default();
    settings.set("focus", "typo").unwrap();
    let request = Request { format: Format::List, argument: Some("main".to_owned()), settings };
    let (profile, mut notices) = (profile(), Vec::new());
    let made =
        super::write_noting(&profile, &request, &Nothing, Stop::never(), &mut std::io::sink(), &mut notices);
    assert!(matches!(made, Err(ReportError::NoMatch(_))));
    assert_eq!(notices, ["Focus expression matched no samples"]);
}

#[test]
fn tree_has_callers_and_callees_and_peek_needs_a_match() {
    let peek = text(Format::Peek, &[("compact_labels", "true")], "^sort$").unwrap();
    let expected = "\
Showing nodes accounting for 1000ms, 100% of 1000ms total
----------------------------------------------------------+-------------
      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t 
----------------------------------------------------------+-------------
                                             900ms   100% |   main
         0     0%     0%      900ms 90.00%                | sort
                                             600ms 66.67% |   copy
                                             300ms 33.33% |   compare (inline)
----------------------------------------------------------+-------------
";
    assert_eq!(peek, expected);
    let none = text(Format::Peek, &[], "nothing").unwrap_err();
    assert_eq!(none.to_string(), "no matches found for regexp: nothing");
    assert!(matches!(text(Format::Peek, &[], "("), Err(ReportError::Option(_))));
}

#[test]
fn traces_and_tags_have_labels() {
    let traces = text(Format::Traces, &[("focus", "compare")], "").unwrap();
    let expected = "\
-----------+-------------------------------------------------------
     bytes:  2kB
     300ms   compare (inline)
             sort
             main
-----------+-------------------------------------------------------
";
    assert!(traces.ends_with(expected), "{traces}");
    let expected = " bytes: Total 300ms of 1s (30.00%)
        300ms (30.00%): 2kB

 thread: Total 600ms of 1s (60.00%)
         600ms (60.00%): worker

";
    assert_eq!(text(Format::Tags, &[], "").unwrap(), expected);
}

#[test]
fn a_picture_has_tags_below_nodes_and_dotted_lines_over_what_is_left_out() {
    // A tag counts as a node.
    let dot = text(Format::Dot, &[("nodecount", "3")], "").unwrap();
    assert!(dot.starts_with("digraph \"shop\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n"), "{dot}");
    assert!(dot.contains("Showing top 2 nodes out of 4\\l"), "{dot}");
    assert!(dot.contains("tooltip=\"main ... copy (696ms)\""), "{dot}");
    let whole = text(Format::Dot, &[], "").unwrap();
    assert!(whole.contains("[label = \"thread:worker\" id=\""), "{whole}");
    assert!(whole.contains("[label=\" 300ms\\n (inline)\""), "{whole}");
}

#[test]
fn raw_and_callgrind_have_ids_and_addresses() {
    let raw = text(Format::Raw, &[], "").unwrap();
    assert!(raw.contains("\nDuration: 2s\nSamples:\ncpu/nanoseconds\n  600000000: 3 2 1 \n"), "{raw}");
    assert!(
        raw.contains("\n     4: 0x1004 M=1 compare :14:0 s=0()\n             sort :12:0 s=0()\n"),
        "{raw}"
    );
    let callgrind = text(Format::Callgrind, &[("sample_index", "cpu")], "").unwrap();
    let expected = "\
positions: instr line
events: cpu(ms)

ob=(1) /bin/shop
fl=
fn=(1) copy
0x1003 13 696
";
    assert!(callgrind.starts_with(expected), "{callgrind}");
}

#[test]
fn top_as_a_profile_has_flat_and_cum() {
    let refined =
        crate::Refined::of(&profile(), &Settings::default(), Format::TopProto, Stop::never()).unwrap();
    let made = topproto::of(&refined, &mut crate::graph::Work::new(Stop::never())).unwrap();
    assert_eq!(made.sample[0].value, [696, 696]);
    assert_eq!(made.text(made.function[0].name), "copy");
    assert!(crate::read(&crate::write::encode(&made)).is_ok());
}

#[test]
fn the_profile_that_is_written_is_read_again() {
    let mut file = Vec::new();
    let request = Request {
        format: Format::Proto,
        argument: None,
        settings: Settings { divide_by: 2.0, ..Settings::default() },
    };
    write(&profile(), &request, &Nothing, Stop::never(), &mut file).unwrap();
    assert_eq!(
        crate::read_profile(&file).unwrap().samples.values,
        [300_000_000, 150_000_000, 48_000_000, 2_000_000]
    );
}

#[test]
fn reports_end_when_they_are_stopped_or_do_not_fit() {
    let stop = Stop::when(&|| true);
    let request = Request { format: Format::Top, argument: None, settings: Settings::default() };
    let stopped = write(&profile(), &request, &Nothing, stop, &mut Vec::new());
    assert!(matches!(stopped, Err(ReportError::Stopped(_))));
}

#[test]
fn values_of_differences_that_are_opposite_are_sorted_without_a_panic() {
    // 200 functions and tags with values of 1 and -1.
    let lines: Vec<String> = (0..200)
        .map(|at| {
            let (function, value) = (at * 37 % 200, if at * 11 % 7 < 3 { 1 } else { -1 });
            format!("main;f{function} 1,{value} key=t{function} bytes:{}", at * 17 % 199)
        })
        .collect();
    let profile = crate::profile::sketch::sketch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    for format in [Format::Top, Format::Tree, Format::Dot, Format::Callgrind, Format::Tags, Format::Traces] {
        for option in ["call_tree", "mean", "drop_negative"] {
            let mut settings = Settings::default();
            settings.set(option, "true").unwrap();
            settings.set("nodefraction", "0").unwrap();
            let request = Request { format, argument: None, settings };
            let mut text = Vec::new();
            write(&profile, &request, &Nothing, Stop::never(), &mut text).unwrap();
            assert!(!text.is_empty());
        }
    }
}

#[test]
fn in_callgrind_columns_of_a_function_without_lines_are_told_apart() {
    let mut profile = crate::profile::sketch::sketch(&["main;f 1,10", "main;g 1,10"]);
    for location in profile.locations.iter_mut().skip(1) {
        location.address = 0;
        (location.lines[0].line, location.lines[0].function) = (0, crate::profile::FunctionId(1));
    }
    profile.locations[0].lines[0].column = 4;
    let request = Request { format: Format::Callgrind, argument: None, settings: Settings::default() };
    let written = |profile: &crate::Profile| {
        let mut text = Vec::new();
        write(profile, &request, &Nothing, Stop::never(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    assert!(!written(&profile).contains("/2]"), "{}", written(&profile));
    let last = profile.locations.len() - 1;
    profile.locations[last].lines[0].column = 5;
    assert!(written(&profile).contains("/2]"), "{}", written(&profile));
}
