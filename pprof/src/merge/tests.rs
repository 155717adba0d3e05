//! Sums and differences of small profiles.

use super::*;
use crate::profile::Ids;
use crate::profile::sketch::{lines, sketch};
use crate::stop::Stop;

#[test]
fn equal_samples_are_added_and_tables_follow_the_samples() {
    let mut one = sketch(&["unused 0,0", "main;f 1,10 user=ann", "main;g 2,20"]);
    one.ids = Ids { locations: vec![9, 8, 7, 6], ..Ids::default() };
    let two = sketch(&["main;g 5,50", "main;f 1,1 user=bob", "main;f 3,30 user=ann"]);
    let both = combine(vec![one.clone(), two]).expect("they have the same types");
    assert_eq!(lines(&both), ["main;f 4,40 user=ann", "main;g 7,70", "main;f 1,1 user=bob"]);
    assert_eq!((both.locations.len(), both.functions.len(), both.mappings.len()), (3, 3, 1));
    assert_eq!(both.text(both.function(both.location(both.stack(0)[0]).lines[0].function).name), "f");
    assert_eq!((both.stack(0)[0].0, both.id_of_location(both.stack(0)[0])), (0, 1));
    assert_eq!(lines(&combine(vec![one.clone()]).expect("one is enough")), lines(&one));
    assert_eq!(combine(Vec::new()).map(|_| ()), Err(MergeError::None));
}

#[test]
fn the_same_file_mapped_elsewhere_is_the_same_code() {
    let one = sketch(&["main 1,1"]);
    let mut two = sketch(&["main 1,1"]);
    (two.mappings[0].start, two.mappings[0].limit) = (0x7000_1000, 0x7000_8f01);
    two.locations[0].address += 0x7000_0000;
    let both = combine(vec![one.clone(), two.clone()]).expect("they have the same types");
    assert_eq!(
        (lines(&both), both.mappings.len(), both.locations.len()),
        (vec!["main 2,2".to_owned()], 1, 1)
    );
    two.mappings[0].build_id = two.texts.intern("abc");
    assert_eq!(combine(vec![one, two]).expect("they have the same types").mappings.len(), 2);
}

#[test]
fn values_get_the_finest_unit_and_the_common_types() {
    let one = sketch(&["main 1,1000"]);
    let mut two = sketch(&["main 1,2", "idle 7,0"]);
    two.sample_types[1].unit = two.texts.intern("ms");
    two.sample_types.swap(0, 1);
    two.samples.values = vec![2, 1, 0, 7];
    let both = combine(vec![one.clone(), two.clone()]).expect("they can be converted");
    // The sample without a time is dropped when times are scaled, as pprof does.
    assert_eq!(lines(&both), ["main 2,2001000"]);
    assert_eq!(both.text(both.sample_types[1].unit), "nanoseconds");
    two.sample_types[0].unit = two.texts.intern("bytes");
    let error = combine(vec![one.clone(), two.clone()]).map(|_| ()).expect_err("bytes are no time");
    assert_eq!(error.to_string(), "sample types: incompatible types: cpu nanoseconds and cpu bytes");
    for of in &mut two.sample_types {
        of.kind = two.texts.intern("other");
    }
    assert_eq!(combine(vec![one, two]).map(|_| ()), Err(MergeError::SampleTypes));
}

#[test]
fn a_base_is_subtracted() {
    let (new, old) = (&["main;f 5,50", "main;g 1,10"], &["main;f 3,30", "main;g 1,10"]);
    let of = |kind, normalize| {
        let made = subtract(sketch(new), sketch(old), kind, normalize, Stop::never())
            .expect("they have the same types");
        lines(&made)
    };
    assert_eq!(of(Base::Subtracted, false), ["main;f 2,20"]);
    let compared =
        ["main;f 5,50", "main;g 1,10", "main;f -3,-30 pprof::base=true", "main;g -1,-10 pprof::base=true"];
    assert_eq!(of(Base::Compared, false), compared);
    assert_eq!(of(Base::Subtracted, true), ["main;f 0,3", "main;g 0,-3"]);
    let made = subtract(sketch(new), sketch(old), Base::Compared, false, Stop::never())
        .expect("they have the same types");
    let refined = crate::Refined::of(&made, &crate::Settings::default(), crate::Format::Top, Stop::never());
    assert_eq!(refined.expect("it fits").total, 40, "of the base");
    let stopped = subtract(sketch(new), sketch(old), Base::Compared, false, Stop::when(&|| true)).map(|_| ());
    assert_eq!(stopped, Err(MergeError::Stopped(crate::Stopped)));
}

#[test]
fn uninteresting_frames_are_dropped() {
    let dropped = |drop: &str, keep: &str, all| {
        let mut profile =
            sketch(&["start;main;alloc;lock", "start;main;a+b;c", "alloc;x", "main;malloc(int);y"]);
        (profile.drop_frames, profile.keep_frames) = (profile.texts.intern(drop), profile.texts.intern(keep));
        finish(&mut profile, all, Stop::never()).expect("it is not stopped");
        let stack = |line: String| line.split(' ').next().unwrap_or("").to_owned();
        lines(&profile).into_iter().map(stack).collect::<Vec<_>>()
    };
    let all = ["start;main;alloc;lock", "start;main;a+b;c", "alloc;x", "main;malloc(int);y"];
    assert_eq!(dropped("", "", false), all);
    assert_eq!(dropped("alloc|malloc|b", "", false), ["start;main", "start;main;a", "alloc;x", "main"]);
    assert_eq!(dropped("alloc|malloc|b", "", true), all);
    assert_eq!(dropped(".*alloc", "malloc", false), ["start;main", all[1], all[2], all[3]]);
    assert_eq!(dropped("start", "", false), all, "not what is outside of the first other frame");
    assert_eq!(dropped("(", "", false), all);
}

#[test]
fn each_profile_has_a_program() {
    let mut profile = sketch(&["main"]);
    with_program(&mut profile, "", "b1");
    assert_eq!(
        (profile.text(profile.mappings[0].file), profile.text(profile.mappings[0].build_id)),
        ("/bin/shop", "b1")
    );
    profile.mappings.clear();
    profile.locations[0].mapping = None;
    with_program(&mut profile, "./shop", "");
    assert_eq!((profile.text(profile.mappings[0].file), profile.mappings.len()), ("./shop", 1));
    assert!(profile.locations[0].mapping.is_some());
    profile.mappings[0].file = profile.texts.intern("http://localhost/debug");
    finish(&mut profile, false, Stop::never()).expect("it is not stopped");
    assert!(profile.mappings[0].file.is_empty());
}
