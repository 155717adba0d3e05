//! Files of small profiles, whole or by their sums.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use serde_json::Value;

use super::*;
use crate::error::ReportError;
use crate::flame::tests::profile;
use crate::format::Format;
use crate::refine::Refined;
use crate::settings::Settings;
use crate::stop::Stop;

type Export = fn(&Refined, Stop<'_>, &mut dyn std::io::Write) -> Result<Vec<String>, ReportError>;

fn file(export: Export, format: Format, unit: &str, stacks: &[(&str, i64)]) -> (String, Vec<String>) {
    let mut profile = profile(stacks);
    let unit = profile.texts.intern(unit);
    profile.sample_types[0].unit = unit;
    profile.sample_types[0].kind = profile.texts.intern("cpu");
    let refined = Refined::of(&profile, &Settings::default(), format, Stop::never()).unwrap();
    let mut bytes = Vec::new();
    let notices = export(&refined, Stop::never(), &mut bytes).unwrap();
    (String::from_utf8(bytes).unwrap(), notices)
}

const SHOP: &[(&str, i64)] =
    &[("main;serve;sum", 5), ("main;serve;(sum)", 2), ("main;serve", 1), ("main;<[u8: 4]>::x\ny", 4)];

#[test]
fn folded_stacks_have_a_line_each_and_names_stay_in_their_line() {
    let (text, notices) = file(collapsed, Format::Collapsed, "count", SHOP);
    assert_eq!(text, "main;serve 1\nmain;serve;sum 5\nmain;serve;sum 2\nmain;<[u8: 4]>::x y 4\n");
    assert_eq!(notices, [""; 0]);
    assert_eq!(super::collapsed::folded("<[u8; 4] as A>::f\u{1b}"), "<[u8: 4] as A>::f ");
}

#[test]
fn dividing_loses_nothing_of_the_sum_and_what_has_no_effect_is_told() {
    let profile = profile(&[("a;b", 1), ("a;c", 1), ("a;d", 1), ("a;e", 3), ("a;f", 4)]);
    let mut settings = Settings::default();
    for (name, value) in [("divide_by", "10"), ("mean", "true"), ("drop_negative", "true")] {
        settings.set(name, value).unwrap();
    }
    let refined = Refined::of(&profile, &settings, Format::Collapsed, Stop::never()).unwrap();
    let mut bytes = Vec::new();
    let notices = collapsed(&refined, Stop::never(), &mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "a;f 1\n");
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[0], "mean has no effect on this format: it has sums of all samples");
}

#[test]
fn a_comparison_is_folded_with_its_differences() {
    let (text, _) = file(collapsed, Format::Collapsed, "count", &[("a;b", 3), ("a;c", -4)]);
    assert_eq!(text, "a;b 3\na;c -4\n");
}

#[test]
fn speedscope_has_frames_stacks_and_weights_that_add_up() {
    let (text, notices) =
        file(speedscope, Format::Speedscope, "nanoseconds", &[("a;b", 3), ("a", 4), ("c", -1)]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> =
        json["shared"]["frames"].as_array().unwrap().iter().map(|of| of["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let profile = &json["profiles"][0];
    assert_eq!(profile["type"], "sampled");
    assert_eq!(profile["unit"], "nanoseconds");
    assert_eq!(profile["samples"], serde_json::json!([[0], [0, 1]]));
    assert_eq!(profile["weights"], serde_json::json!([4, 3]));
    assert_eq!((&profile["startValue"], &profile["endValue"]), (&0.into(), &7.into()));
    assert_eq!(notices, ["1 stacks are left out: this format has no negative values"]);
}

#[test]
fn firefox_has_consistent_columns_and_stacks_as_a_tree() {
    let (text, _) = file(firefox, Format::Firefox, "nanoseconds", &[("a;b", 3_000_000), ("a;c", 500_000)]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["meta"]["preprocessedProfileVersion"], 48);
    let thread = &json["threads"][0];
    for table in
        ["samples", "stackTable", "frameTable", "funcTable", "markers", "resourceTable", "nativeSymbols"]
    {
        let columns = thread[table].as_object().unwrap();
        let length = columns["length"].as_u64().unwrap();
        for (name, column) in columns.iter().filter(|(_, column)| column.is_array()) {
            assert_eq!(column.as_array().unwrap().len() as u64, length, "{table}.{name}");
        }
    }
    assert_eq!(thread["stackTable"]["frame"], serde_json::json!([0, 1, 2]));
    assert_eq!(thread["stackTable"]["prefix"], serde_json::json!([null, 0, 0]));
    assert_eq!(thread["samples"]["stack"], serde_json::json!([1, 2]));
    assert_eq!(thread["samples"]["weight"], serde_json::json!([3.0, 0.5]));
    assert_eq!(thread["samples"]["time"], serde_json::json!([0.0, 3.0]));
    assert_eq!(thread["stringArray"].as_array().unwrap()[..3], ["a", "b", "c"]);
}

#[test]
fn a_picture_is_an_svg_file_without_anything_that_a_name_could_add() {
    let (text, notices) =
        file(flame, Format::Flame, "count", &[("a;<script>&\"", 3), ("a;b", 1), ("a;</svg>", 2)]);
    assert!(text.starts_with("<?xml"), "{}", &text[..80]);
    assert!(text.contains("&lt;script&gt;&amp;") && !text.contains("<script>&"));
    assert_eq!(text.matches("</svg>").count(), 2, "the picture and the frames in it");
    assert!(text.contains("a (6 cpu, 100.00%)"));
    assert_eq!(notices, [""; 0]);
}

#[test]
fn nothing_to_draw_is_an_error() {
    let profile = profile(&[("a", 0)]);
    let refined = Refined::of(&profile, &Settings::default(), Format::Flame, Stop::never()).unwrap();
    assert!(matches!(flame(&refined, Stop::never(), &mut Vec::new()), Err(ReportError::NoMatch(_))));
}
