//! Names are those of the build that the profile states, and of no other.

use super::*;

#[test]
fn only_a_file_of_the_same_build_names_a_profile() {
    let addresses = instructions_of("main::work");
    let other = profile(addresses.iter().copied(), "abababababababababababababababababababab");
    let settings = FileSettings::from_environment();
    let budget = budget::standard();
    let (unnamed, report) = symbolize(other, Mode::default(), &settings, &budget, Stop::never());
    assert_eq!((report[0].named, report[0].addresses), (0, addresses.len()));
    assert!(report[0].symbols.reason.contains("is another build"), "{report:?}");
    assert!(
        unnamed.functions.is_empty() && unnamed.locations.iter().all(|location| location.lines.is_empty())
    );

    let without = || profile(addresses.iter().copied(), "");
    let (_, report) = symbolize(without(), Mode::default(), &settings, &budget, Stop::never());
    assert_eq!(report[0].named, 0, "which build it is was not stated");
    // The user says that it is this program.
    let settings = settings.with_program(program());
    let (named, report) = symbolize(without(), Mode::default(), &settings, &budget, Stop::never());
    assert_eq!(report[0].named, addresses.len(), "{report:?}");
    let names: Vec<&str> = named.functions.iter().map(|function| named.text(function.name)).collect();
    assert!(names.contains(&"main::work") && names.contains(&"inner::step"), "{names:?}");
    assert!(named.mappings[0].has_inline_frames && named.mappings[0].has_functions);

    let (same, report) = symbolize(without(), Mode::NONE, &settings, &budget, Stop::never());
    assert!(report.is_empty() && same.functions.is_empty());
    let (linkers, _) =
        symbolize(without(), Mode::parse("demangle=none").0, &settings, &budget, Stop::never());
    assert!(
        linkers.functions.iter().any(|of| linkers.text(of.name).starts_with("_ZN4main4work17h")
            || linkers.text(of.name).starts_with("_R"))
    );
}

#[test]
fn merged_profiles_with_overlapping_mappings_are_named() {
    let addresses = instructions_of("main::work");
    let mut merged = profile(addresses.iter().copied(), &build_id(program()));
    // The same program in another process, a page further.
    let mut second = *merged.mapping(MappingId(0));
    (second.start, second.limit) = (second.start + 0x1000, second.limit + 0x1000);
    merged.mappings.push(second);
    let address = second.start + addresses[0];
    merged.locations.push(Location { mapping: Some(MappingId(1)), address, ..Location::default() });
    let settings = FileSettings::from_environment();
    let (named, report) = symbolize(merged, Mode::default(), &settings, &budget::standard(), Stop::never());
    assert_eq!(report.iter().map(|of| of.named).collect::<Vec<_>>(), [addresses.len(), 1]);
    assert_eq!(named.locations.last().unwrap().lines, named.locations[0].lines);
}

#[test]
fn a_stop_leaves_the_rest_without_names() {
    let addresses = instructions_of("main::work");
    let profile = profile(addresses.iter().copied(), &build_id(program()));
    let settings = FileSettings::from_environment();
    let stop = Stop::when(&|| true);
    let (same, report) = symbolize(profile, Mode::default(), &settings, &budget::standard(), stop);
    assert!(same.functions.is_empty());
    let said = (&*report[0].symbols.module, &*report[0].symbols.reason, report[0].addresses);
    assert_eq!(said, ("1 other mapping", "it was stopped", addresses.len()));
}

#[test]
fn mappings_that_are_too_many_are_said_and_those_of_the_kernel_are_not() {
    let mut profile = profile(std::iter::empty(), "");
    let file = profile.texts.intern("[vdso]");
    let last = crate::budget::MOST_MODULES as u64 + 1;
    for at in 0..=last {
        let start = (at + 1) << 32;
        profile.mappings.push(Mapping { start, limit: start + 0x1000, file, ..Mapping::default() });
    }
    for mapping in [1, last as u32] {
        let address = (u64::from(mapping) << 32) + 16;
        profile.locations.push(Location {
            mapping: Some(MappingId(mapping)),
            address,
            ..Location::default()
        });
    }
    let settings = FileSettings::from_environment();
    let (_, report) = symbolize(profile, Mode::default(), &settings, &budget::standard(), Stop::never());
    let said: Vec<_> = report.iter().map(|of| (&*of.symbols.module, &*of.symbols.reason)).collect();
    let why = format!("only the first {} mappings are named", crate::budget::MOST_MODULES);
    assert_eq!(said, [("[vdso]", ""), ("1 other mapping", &*why)]);
}
