//! The same types from every form of debug information.

use std::process::Command;

use rgops_dwarf::{Budget, Exhausted};
use rgops_tasks::types::{Discriminant, TypeError};

use super::build::{Built, build, run};
use super::*;

fn expect_everything(built: &Built, types: &ProgramTypes<'_>, polls: &[u64]) {
    let checkout = future(types, polls, "tokio::shop::checkout::{async_fn_env#0}");
    let lines = ["checkout-first", "checkout-second"].map(await_line);
    let expected = [format!("3 Suspend0 @{}", lines[0]), format!("4 Suspend1 @{}", lines[1])];
    assert_eq!(states(&checkout, types)[3..], expected, "{}", built.path.display());
    let reserve = awaitee(&checkout, "Suspend1", types);
    assert_eq!(&*reserve.name, "{async_fn_env#0}<u128>");
    assert!(reserve.namespace.starts_with("tokio::shop::{impl#"), "{reserve:?}");
    assert_eq!(states(&reserve, types)[3], format!("3 Suspend0 @{}", await_line("reserve")));
    let awaited = awaitee_id(&checkout, "Suspend1", types);
    assert_eq!(types.owner(awaited).as_deref(), Some("Stock"), "{}", built.path.display());
    let leaf = awaitee(&reserve, "Suspend0", types);
    assert_eq!((&*leaf.namespace, &*leaf.name, leaf.size), ("tokio", "Countdown", 4));

    // One await of such a value in the method, two in its caller.
    let place = types.awaited_at(awaited, awaitee_id(&reserve, "Suspend0", types));
    let place = place.map(|declared| declared.line);
    assert_eq!(place, Some(await_line("reserve")), "{}", built.path.display());
    let tasks = polls.iter().flat_map(|poll| types.task_types(*poll));
    let mut callers = tasks.filter(|task| types.get(task.future).unwrap().name == checkout.name);
    assert!(callers.all(|task| types.awaited_at(task.future, awaited).is_none()));

    let through_dyn = future(types, polls, "tokio::shop::through_dyn::{async_fn_env#0}");
    let boxed = awaitee(&through_dyn, "Suspend0", types);
    assert!(boxed.name.contains("dyn core::future::future::Future"), "{boxed:?}");
}

fn check(options: &[&str]) {
    let built = build(options);
    let types = built.types();
    expect_everything(&built, &types, &built.polls());
    let information = types.information();
    assert_eq!((information[0].level, &*information[0].fix), (DebugLevel::AwaitPoints, ""));
}

#[test]
fn dwarf_4_and_5() {
    check(&["-Cdebuginfo=2", "-Cdwarf-version=4"]);
    check(&["-Cdebuginfo=2", "-Cdwarf-version=5"]);
}

#[test]
fn references_between_units_of_lto_are_followed() {
    check(&["-Cdebuginfo=2", "-Clto=fat", "-Ccodegen-units=1"]);
    check(&["-Cdebuginfo=2", "-Clto=thin", "-Ccodegen-units=4"]);
}

#[test]
fn split_debug_information_in_files_and_in_a_package() {
    for version in ["-Cdwarf-version=4", "-Cdwarf-version=5"] {
        check(&["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked", version]);
        check(&["-Cdebuginfo=2", "-Csplit-debuginfo=packed", version]);
    }
}

#[test]
fn a_missing_split_file_is_named_and_found_elsewhere() {
    let built = build(&["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"]);
    let elsewhere = built.directory.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for entry in std::fs::read_dir(&built.directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "dwo") {
            std::fs::rename(&path, elsewhere.join(path.file_name().unwrap())).unwrap();
        }
    }
    let polls = built.polls();
    let types = built.types();
    assert_eq!(types.task_types(polls[0]), Vec::new());
    let fix = &types.information()[0].fix;
    assert!(fix.contains(".dwo was not found") && fix.contains("--symbols"), "{fix}");

    let files = TypeFiles { symbol_directories: vec![elsewhere], ..TypeFiles::default() };
    expect_everything(&built, &built.types_with(files), &polls);
}

#[test]
fn a_split_file_not_read_because_of_a_limit_is_not_missing() {
    let built = build(&["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"]);
    let first = built.types();
    let future = first.task_types(built.polls()[0])[0].future;
    let budget = Budget::new(64 << 20);
    let types = built.types_with(TypeFiles { budget: budget.clone(), ..TypeFiles::default() });
    // It is scanned.
    assert_eq!(types.vtable_types(super::build::BIAS), Vec::new());
    let left = (64 << 20) - budget.charged();
    budget.charge(left).unwrap();
    assert_eq!(types.get(future), Err(TypeError::Exhausted(Exhausted::Memory(64 << 20))));
    budget.release(left);
    assert!(types.get(future).is_ok(), "it was not remembered as missing");
}

#[test]
fn a_split_file_of_another_build_is_refused() {
    let built = build(&["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"]);
    let other = build(&["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked", "-Copt-level=1"]);
    let dwo = |built: &Built| {
        let mut files = std::fs::read_dir(&built.directory).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "dwo")).unwrap()
    };
    std::fs::copy(dwo(&other), dwo(&built)).unwrap();
    let types = built.types();
    assert_eq!(types.task_types(built.polls()[0]), Vec::new());
    assert!(types.information()[0].fix.contains("another build"), "{:?}", types.information());
}

#[test]
fn compressed_sections() {
    let built = build(&["-Cdebuginfo=2"]);
    let plain = std::fs::metadata(&built.path).unwrap().len();
    for style in ["zlib-gabi", "zlib-gnu"] {
        run(Command::new("objcopy").arg(format!("--compress-debug-sections={style}")).arg(&built.path));
        assert!(std::fs::metadata(&built.path).unwrap().len() < plain);
        expect_everything(&built, &built.types(), &built.polls());
    }
}

#[test]
fn a_debug_file_beside_the_program() {
    let built = build(&["-Cdebuginfo=2"]);
    let polls = built.polls();
    let debug = built.directory.join("parted.debug");
    run(Command::new("objcopy").arg("--only-keep-debug").arg(&built.path).arg(&debug));
    run(Command::new("objcopy").arg("--strip-all").arg(&built.path));
    assert_eq!(built.types().task_types(polls[0]), Vec::new());
    let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
    link.push(&debug);
    run(Command::new("objcopy").arg(link).arg(&built.path));
    expect_everything(&built, &built.types(), &polls);
    // In `.debug`, as in distributions.
    std::fs::create_dir(built.directory.join(".debug")).unwrap();
    std::fs::rename(&debug, built.directory.join(".debug/parted.debug")).unwrap();
    expect_everything(&built, &built.types(), &polls);
}

#[test]
fn shapes_of_enums_unions_and_parameters() {
    let built = build(&["-Cdebuginfo=2"]);
    let (types, polls) = (built.types(), built.polls());
    let checkout = future(&types, &polls, "tokio::shop::checkout::{async_fn_env#0}");
    let Shape::Enum { variants, .. } = &checkout.shape else { panic!("{checkout:?}") };
    let unresumed = types.get(variants[0].content.type_id).unwrap();
    let get = |name| types.get(member(&unresumed, name).type_id).unwrap();

    let negative = get("negative");
    let Shape::Enum { discriminant, variants } = &negative.shape else { panic!("{negative:?}") };
    assert_eq!(*discriminant, Some(Discriminant { offset: 0, size: 1 }));
    // -1 of an i8, in the form of its bytes.
    assert_eq!(variants.iter().map(|variant| variant.discriminant).collect::<Vec<_>>(), [Some(255), Some(1)]);

    let choice = get("choice");
    let Shape::Enum { variants, .. } = &choice.shape else { panic!("{choice:?}") };
    assert_eq!(variants.len(), 3);
    let niche = types.get(variants[2].content.type_id).unwrap();
    let option = types.get(member(&niche, "__0").type_id).unwrap();
    assert_eq!((&*option.namespace, &*option.name), ("core::option", "Option<&u8>"));
    let Shape::Enum { discriminant, variants } = &option.shape else { panic!("{option:?}") };
    assert_eq!(*discriminant, Some(Discriminant { offset: 0, size: 8 }));
    assert_eq!(variants.iter().map(|variant| variant.discriminant).collect::<Vec<_>>(), [Some(0), None]);

    let either = get("either");
    assert!(matches!(&either.shape, Shape::Struct { is_union: true, members } if members.len() == 2));
    let stock = get("stock");
    assert_eq!(&*stock.parameters[0].0, "T");
    assert_eq!(types.get(stock.parameters[0].1).unwrap().shape, Shape::Scalar);
    assert_eq!(types.get(stock.parameters[0].1).unwrap().size, 16);
    assert_eq!(types.named("tokio::shop::Stock<u128>"), Some(member(&unresumed, "stock").type_id));
    assert_eq!(types.named("tokio::shop::Stock<u16>"), None);
}
