//! What each option leaves of a small profile.

use super::*;
use crate::format::Format;
use crate::profile::sketch::{lines, sketch};
use crate::settings::Settings;
use crate::stop::Stop;

const SHOP: &[&str] = &[
    "main;run;parse 3,30 user=ann bytes:1024:bytes",
    "main;run;pay+tax 2,20 user=bob bytes:4096:bytes",
    "main;gc 1,10",
    "start;main;run 4,40 user=ann region=eu",
];

fn refine_as(format: Format, options: &[(&str, &str)]) -> Result<Refined, String> {
    let mut settings = Settings::default();
    for (name, value) in options {
        settings.set(name, value).map_err(|error| error.to_string())?;
    }
    Refined::of(&sketch(SHOP), &settings, format, Stop::never()).map_err(|error| error.to_string())
}

fn refine(options: &[(&str, &str)]) -> Refined {
    refine_as(Format::Top, options).expect("these options fit")
}

/// The stacks that options leave, and what is said about it.
fn left(options: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let refined = refine(options);
    let stack = |line: String| line.split(' ').next().unwrap_or("").to_owned();
    (lines(&refined.profile).into_iter().map(stack).collect(), refined.notices)
}

#[test]
fn a_picture_that_we_draw_has_at_most_5000_nodes() {
    for (asked, drawn) in [("0", 5000), ("100000", 5000), ("300", 300), ("-1", 80)] {
        let mut settings = Settings::default();
        settings.set("nodecount", asked).expect("it is an option");
        assert_eq!(super::overrides::of(&settings, Format::Svg).nodecount, drawn, "{asked}");
        settings.set("trim", "false").expect("it is an option");
        assert_eq!(super::overrides::of(&settings, Format::Svg).nodecount, 5000);
        assert_eq!(super::overrides::of(&settings, Format::Dot).nodecount, 0);
    }
}

#[test]
fn sample_types_are_chosen_by_name_and_by_position() {
    let chosen = |options: &[(&str, &str)]| {
        refine_as(Format::Top, options).map(|of| (of.kind, of.unit, of.values, of.divisors, of.total))
    };
    let cpu = ("cpu".to_owned(), "nanoseconds".to_owned(), vec![30, 20, 10, 40], None, 100);
    assert_eq!(chosen(&[]), Ok(cpu.clone()));
    assert_eq!(chosen(&[("sample_index", "cpu")]), Ok(cpu.clone()));
    assert_eq!(chosen(&[("sample_index", "inuse_cpu")]), Ok(cpu));
    let samples = ("samples".to_owned(), "count".to_owned(), vec![3, 2, 1, 4], None, 10);
    assert_eq!(chosen(&[("sample_index", "0")]), Ok(samples));
    let mean =
        ("mean_cpu".to_owned(), "nanoseconds".to_owned(), vec![30, 20, 10, 40], Some(vec![3, 2, 1, 4]), 10);
    assert_eq!(chosen(&[("mean", "true")]), Ok(mean));
    assert_eq!(
        chosen(&[("sample_index", "2")]),
        Err("sample_index 2 is outside the range [0..1]".to_owned())
    );
    let unknown = "sample_index \"heap\" must be one of: [samples cpu]".to_owned();
    assert_eq!(chosen(&[("sample_index", "heap")]), Err(unknown));
    assert_eq!(chosen(&[("divide_by", "0")]), Err("zero divisor specified".to_owned()));
}

#[test]
fn names_filter_samples_and_frames() {
    let all = ["main;run;parse", "main;run;pay+tax", "main;gc", "start;main;run"];
    assert_eq!(left(&[("focus", "run")]).0, [all[0], all[1], all[3]]);
    assert_eq!(left(&[("focus", "tax|gc"), ("ignore", "^gc$")]).0, [all[1]]);
    assert_eq!(left(&[("focus", "shop")]).0, all, "the object file matches");
    assert_eq!(left(&[("hide", "run|tax")]).0, ["main;parse", "main;pay", "main;gc", "start;main"]);
    assert_eq!(left(&[("show", "gc|pay")]).0, ["pay", "gc"]);
    assert_eq!(left(&[("show_from", "^run")]).0, ["run;parse", "run;pay+tax", "run"]);
    assert_eq!(left(&[("show_from", "pay")]).0, ["pay+tax"]);
    assert_eq!(
        left(&[("prune_from", "^run$|pay")]).0,
        ["main;run", "main;run;pay", "main;gc", "start;main;run"]
    );
    let none = (Vec::<String>::new(), vec!["Focus expression matched no samples".to_owned()]);
    assert_eq!(left(&[("focus", "no_such")]), none);
    assert_eq!(left(&[("ignore", "no_such")]).1, ["Ignore expression matched no samples"]);
    assert_eq!(left(&[("show", "no_such")]).1, ["Show expression matched no samples"]);
    let wrong = refine_as(Format::Top, &[("hide", "(")]).map(|_| ());
    assert_eq!(wrong, Err("parsing hide regexp: error parsing regexp: unclosed group".to_owned()));
}

#[test]
fn labels_filter_samples() {
    let (a, b, d) = ("main;run;parse", "main;run;pay+tax", "start;main;run");
    assert_eq!(left(&[("tagfocus", "ann")]).0, [a, d]);
    assert_eq!(left(&[("tagfocus", "user=bob|eve")]).0, [b]);
    assert_eq!(left(&[("tagfocus", "ann,eu")]).0, [d], "all of these");
    assert_eq!(left(&[("tagignore", "user:")]).0, ["main;gc"]);
    let range = (vec![b.to_owned()], vec!["tagfocus:Interpreted '2kb:' as range, not regexp".to_owned()]);
    assert_eq!(left(&[("tagfocus", "2kb:")]), range);
    assert_eq!(left(&[("tagfocus", "bytes=:1kb")]).0, [a]);
    assert_eq!(left(&[("tagignore", "no_such")]).1, ["TagIgnore expression matched no samples"]);
    let shown = |options| lines(&refine(options).profile)[3].clone();
    assert_eq!(shown(&[("tagshow", "user")]), "start;main;run 4,40 user=ann");
    assert_eq!(shown(&[("taghide", "user")]), "start;main;run 4,40 region=eu");
}

#[test]
fn labels_become_frames() {
    let (stacks, said) = left(&[("tagroot", "user,region"), ("tagleaf", "bytes")]);
    assert_eq!(
        stacks,
        ["ann;;main;run;parse;1kB", "bob;;main;run;pay+tax;4kB", ";;main;gc;", "ann;eu;start;main;run;"]
    );
    assert!(said.is_empty());
    assert_eq!(left(&[("tagleaf", "color")]).1, ["TagLeaf expression matched no samples"]);
}

#[test]
fn percentages_are_of_the_whole_profile_unless_relative() {
    assert_eq!(refine(&[("focus", "gc")]).total, 100);
    assert_eq!(refine(&[("focus", "gc"), ("relative_percentages", "true")]).total, 10);
    assert_eq!(refine(&[("focus", "gc"), ("taghide", "x")]).active_filters, ["focus=gc", "taghide=x"]);
}

#[test]
fn granularities_empty_what_they_do_not_tell_apart() {
    let of = |granularity, extra: &[(&str, &str)]| {
        let refined = refine(&[&[("granularity", granularity)], extra].concat());
        let location = refined.profile.location(refined.profile.stack(1)[0]).clone();
        let line = location.lines[0];
        let function = refined.profile.function(line.function);
        let text = |id| refined.profile.text(id).to_owned();
        (
            text(function.name),
            text(function.file),
            line.line,
            line.column,
            location.address != 0,
            location.lines.len(),
        )
    };
    let (tax, file) = ("tax".to_owned(), "tax.rs".to_owned());
    assert_eq!(of("functions", &[]), (tax.clone(), String::new(), 0, 0, false, 2));
    assert_eq!(of("filefunctions", &[]), (tax.clone(), file.clone(), 0, 0, false, 2));
    assert_eq!(of("files", &[]), (String::new(), file.clone(), 0, 0, false, 2));
    assert_eq!(of("lines", &[]), (tax.clone(), file.clone(), 7, 0, false, 2));
    assert_eq!(of("lines", &[("showcolumns", "true")]), (tax.clone(), file.clone(), 7, 3, false, 2));
    assert_eq!(of("addresses", &[]), (tax, file, 7, 3, true, 2));
    assert_eq!(
        of("addresses", &[("noinlines", "true")]),
        ("pay".to_owned(), "pay.rs".to_owned(), 7, 0, true, 1)
    );
}

#[test]
fn the_header_says_what_the_profile_is() {
    let mut profile = sketch(SHOP);
    profile.duration_ns = 200;
    profile.comments = vec![profile.texts.intern("#hidden"), profile.texts.intern("build 7")];
    profile.time_ns = 951_782_400_000_000_000;
    let refined = |profile: &crate::Profile| {
        Refined::of(profile, &Settings::default(), Format::Top, Stop::never()).expect("it fits")
    };
    let header = ["File: shop", "build 7", "Type: cpu", "Time: 2000-02-29 00:00:00 UTC"];
    assert_eq!(refined(&profile).header("ns")[..4], header);
    assert_eq!(refined(&profile).header("us")[4], "Duration: 200ns, Total samples = 0.10us (50.00%)");
    profile.time_ns = -1;
    assert_eq!(refined(&profile).header("ns")[3], "Time: 1969-12-31 23:59:59 UTC");
}

#[test]
fn units_of_numbers_are_the_first_that_a_key_has() {
    let profile = sketch(&["a 1,1 x:1 y:2:ms", "a 1,2 y:3:s request:5", "a 1,3 y:4:us"]);
    let refined = Refined::of(&profile, &Settings::default(), Format::Top, Stop::never()).expect("it fits");
    let units: Vec<(&str, &str)> =
        refined.label_units.iter().map(|(key, unit)| (key.as_str(), unit.as_str())).collect();
    assert_eq!(units, [("request", "bytes"), ("x", "x"), ("y", "ms")]);
    assert_eq!(refined.notices, ["For tag y used unit ms, also encountered unit(s) s, us"]);
}
