//! Tasks with less debug information, and the advice that is given.

use super::build::{Built, build};
use super::*;

/// Names of the futures, and the report about the module.
fn names(built: &Built) -> (Vec<String>, DebugLevel, String) {
    let types = built.types();
    let mut names = Vec::new();
    for poll in built.polls() {
        assert_eq!(types.task_types(poll), Vec::new());
        names.extend(types.future_name(poll).map(|name| name.to_string()));
    }
    names.sort();
    let information = types.information().remove(0);
    (names, information.level, information.fix)
}

#[test]
fn limited_debug_information_names_futures_and_the_crate_to_build_with_more() {
    let (futures, level, fix) = names(&build(&["-Cdebuginfo=1"]));
    let expected = ["tokio::shop::checkout::{async_fn_env#0}", "tokio::shop::through_dyn::{async_fn_env#0}"];
    assert_eq!((futures, level), (expected.map(str::to_owned).to_vec(), DebugLevel::FutureNames));
    assert_eq!(fix, "in the workspace's Cargo.toml: [profile.release.package.tokio] debug = 2");
}

#[test]
fn symbols_name_futures_in_the_v0_mangling_only() {
    let expected = ["tokio::shop::checkout::{closure#0}", "tokio::shop::through_dyn::{closure#0}"];
    for debug in ["-Cdebuginfo=0", "-Cdebuginfo=line-tables-only"] {
        let (futures, level, fix) = names(&build(&[debug, "-Csymbol-mangling-version=v0"]));
        assert_eq!((futures, level), (expected.map(str::to_owned).to_vec(), DebugLevel::FutureNames));
        assert!(fix.contains("debug = 2"), "{fix}");

        // The default mangling is legacy, up to rustc 1.95 at least.
        let built = build(&[debug]);
        if built.symbols().iter().all(|symbol| symbol.starts_with("_ZN")) {
            let (futures, level, fix) = names(&built);
            assert_eq!((futures, level), (Vec::new(), DebugLevel::Nothing));
            assert!(fix.ends_with("debug = 2, where NAME is the package that spawns the tasks"), "{fix}");
        }
    }
}

#[test]
fn a_missing_file_and_a_file_of_another_build_are_reported() {
    let built = build(&["-Cdebuginfo=2"]);
    let (module, polls) = (built.module(), built.polls());
    std::fs::remove_file(&built.path).unwrap();
    let types = types_with_cache(&[module], &TypeFiles::default(), None, |_| {});
    assert_eq!((types.task_types(polls[0]), types.future_name(polls[0])), (Vec::new(), None));
    let information = types.information().remove(0);
    assert_eq!((information.level, information.file), (DebugLevel::Nothing, None));
    assert!(information.fix.contains("--symbols DIR"), "{}", information.fix);
}
