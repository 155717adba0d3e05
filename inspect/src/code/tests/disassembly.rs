//! Instructions are those of `objdump -d`.

use super::*;

/// By address the instructions that objdump prints, without what is at the target.
fn of_objdump(file: &Path, syntax: &str) -> BTreeMap<u64, String> {
    let mut objdump = Command::new("objdump");
    objdump.args(["-d", "--no-show-raw-insn", "-M", syntax]).arg(file);
    let output = objdump.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| {
        let (address, instruction) = line.trim().split_once(":\t")?;
        Some((u64::from_str_radix(address, 16).ok()?, without_name(instruction)))
    };
    text.lines().filter_map(line).collect()
}

fn without_name(instruction: &str) -> String {
    instruction.split(" <").next().unwrap_or_default().trim_end().to_owned()
}

#[test]
fn instructions_of_functions_all_over_a_program_are_those_of_objdump() {
    let none = profile(std::iter::empty(), &build_id(program()));
    let (path, build_id) = (program().to_string_lossy(), build_id(program()));
    let file = ObjectFile { path: &path, build_id: &build_id, mapping: none.mapping(MappingId(0)) };
    for (syntax, is_intel) in [("att", false), ("intel", true)] {
        let expected = of_objdump(program(), syntax);
        let files = files();
        let (mut functions, mut count) = (0, 0);
        // Their frames take most of the time.
        for code in files.code(&file, Some(&|_| true), None, Stop::never()).unwrap().into_iter().step_by(8) {
            for instruction in
                files.instructions(&file, code.start, code.end, is_intel, Stop::never()).unwrap()
            {
                let own = without_name(&instruction.text);
                let theirs = expected.get(&instruction.address).map_or("nothing", String::as_str);
                assert_eq!(own, theirs, "{syntax}, {:?} at {:#x}", code.names, instruction.address);
                count += 1;
            }
            functions += 1;
        }
        assert!(functions > 50 && count > 3_000, "{syntax}: {functions} functions, {count} instructions");
    }
}

#[test]
fn targets_have_the_names_of_their_functions() {
    let none = profile(std::iter::empty(), &build_id(program()));
    let (path, build_id) = (program().to_string_lossy(), build_id(program()));
    let file = ObjectFile { path: &path, build_id: &build_id, mapping: none.mapping(MappingId(0)) };
    let files = files();
    let [main] = &files.code(&file, Some(&|name| name == "main::main"), None, Stop::never()).unwrap()[..]
    else {
        panic!()
    };
    let instructions = files.instructions(&file, main.start, main.end, false, Stop::never()).unwrap();
    let mut texts = instructions.iter().map(|instruction| &*instruction.text);
    assert!(
        texts.any(|text| text.starts_with("call   ") && text.ends_with(" <main::work>")),
        "{instructions:?}"
    );
}

#[test]
fn a_program_that_was_named_by_a_relative_path_has_instructions() {
    let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
    let typed = format!("{up}{}", program().strip_prefix("/").unwrap().display());
    let settings = FileSettings::from_environment().with_program(Path::new(&typed));
    let files = Files::new(settings, &budget::standard());
    let none = profile(std::iter::empty(), "");
    for build_id in [String::new(), build_id(program())] {
        let file = ObjectFile { path: &typed, build_id: &build_id, mapping: none.mapping(MappingId(0)) };
        let codes = files.code(&file, Some(&|name| name == "main::work"), None, Stop::never()).unwrap();
        let [code] = &codes[..] else { panic!("{codes:?}") };
        assert!(!files.instructions(&file, code.start, code.end, false, Stop::never()).unwrap().is_empty());
    }
}

#[test]
fn looking_at_instructions_uses_up_no_memory_for_good() {
    let none = profile(std::iter::empty(), &build_id(program()));
    let (path, build_id) = (program().to_string_lossy(), build_id(program()));
    let file = ObjectFile { path: &path, build_id: &build_id, mapping: none.mapping(MappingId(0)) };
    let budget = budget::standard();
    let files = Files::new(FileSettings::from_environment(), &budget);
    let look = || {
        let codes = files.code(&file, Some(&|name| name == "main::work"), None, Stop::never()).unwrap();
        files.instructions(&file, codes[0].start, codes[0].end, false, Stop::never()).unwrap();
        budget.charged()
    };
    let first = look();
    assert!(first > 0);
    for _ in 0..3 {
        assert_eq!(look(), first);
    }
    // A limit that was reached is not remembered.
    let small = budget::Budget::new(first);
    let files = Files::new(FileSettings::from_environment(), &small);
    small.charge(first).unwrap();
    let why = files.code(&file, Some(&|_| true), None, Stop::never()).unwrap_err();
    assert!(why.contains("the memory limit"), "{why}");
    small.release(first);
    assert!(!files.code(&file, Some(&|name| name == "main::work"), None, Stop::never()).unwrap().is_empty());
    drop(files);
    assert_eq!(small.charged(), 0);
}

#[test]
fn a_stop_ends_the_search_for_functions_and_their_instructions() {
    let none = profile(std::iter::empty(), &build_id(program()));
    let (path, build_id) = (program().to_string_lossy(), build_id(program()));
    let file = ObjectFile { path: &path, build_id: &build_id, mapping: none.mapping(MappingId(0)) };
    let files = files();
    let stopped = Stop::when(&|| true);
    let why = format!("{path}: it was stopped");
    assert_eq!(files.code(&file, Some(&|_| true), None, stopped), Err(why.clone()));
    let is_wanted = |name: &str| name == "main::work";
    let work = files.code(&file, Some(&is_wanted), None, Stop::never()).unwrap();
    assert_eq!(files.code(&file, Some(&is_wanted), None, stopped), Err(why.clone()), "they are listed now");
    assert_eq!(files.instructions(&file, work[0].start, work[0].end, false, stopped), Err(why));
    // By its address it is the same, without a look at names.
    let address = Some(START + work[0].start);
    assert_eq!(files.code(&file, None, address, Stop::never()), Ok(work));
}

#[test]
fn bytes_that_are_no_instruction_are_bad() {
    let mut texts = Vec::new();
    let names = |_: u64| None;
    crate::code::x86::disassemble(
        &[0x06, 0x90, 0x0f],
        0x10,
        crate::code::x86::Syntax::Att,
        &names,
        &mut |at, text| {
            texts.push((at, text));
            true
        },
    );
    assert_eq!(
        texts,
        [(0x10, "(bad)"), (0x11, "nop"), (0x12, "(bad)")].map(|(at, text)| (at, text.to_owned()))
    );
}
