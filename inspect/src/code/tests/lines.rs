//! Source lines have the values of their instructions, those of inlined calls included.

use super::*;

/// A function and a line of its source.
type At = (String, String, i64);

/// The frames of addresses, innermost first, by addr2line.
fn of_addr2line(addresses: &[u64]) -> Vec<Vec<At>> {
    let mut addr2line = Command::new("addr2line");
    addr2line.args(["-a", "-f", "-i", "-C", "-e"]).arg(program());
    addr2line.args(addresses.iter().map(|address| format!("{address:#x}")));
    let output = addr2line.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut stacks: Vec<Vec<At>> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            stacks.push(Vec::new());
            continue;
        }
        let place = lines.next().unwrap().split(" (discriminator").next().unwrap();
        let (file, number) = place.rsplit_once(':').unwrap();
        let at = (line.to_owned(), file.to_owned(), number.parse().unwrap_or(0));
        stacks.last_mut().unwrap().push(at);
    }
    stacks
}

/// The last part of a name: `main::work` and `work` are the same function for the tools.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

#[test]
fn a_line_has_the_values_of_its_instructions_and_of_what_is_inlined_there() {
    let addresses = instructions_of("main::work");
    let profile = named(profile(addresses.iter().copied(), &build_id(program())));
    let stacks = of_addr2line(&addresses);
    let mut crates: Vec<&str> = stacks.iter().flatten().map(|(_, file, _)| short_file(file)).collect();
    crates.sort_unstable();
    crates.dedup();
    assert!(["inner.rs", "main.rs", "middle.rs"].iter().all(|file| crates.contains(file)), "{crates:?}");
    assert!(stacks.iter().any(|stack| stack.len() >= 3), "calls are inlined in each other");

    let refined = Refined::of(&profile, &Settings::default(), Format::List, Stop::never()).unwrap();
    for (function, file) in
        [("main::work", "main.rs"), ("middle::mix", "middle.rs"), ("inner::step", "inner.rs")]
    {
        // What addr2line says about each line: own instructions, and those of calls inlined there too.
        let mut expected: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for stack in &stacks {
            let mut known = std::collections::BTreeSet::new();
            for (depth, (name, path, line)) in stack.iter().enumerate() {
                if short(name) == short(function) && short_file(path) == file {
                    let (flat, cum) = expected.entry(*line).or_default();
                    *flat += i64::from(depth == 0);
                    *cum += i64::from(known.insert(*line));
                }
            }
        }
        expected.remove(&0);
        let listing = source::list(&refined, &format!("^{function}$"), &files(), Stop::never()).unwrap();
        let listed = &listing.functions[0];
        assert_eq!((listing.functions.len(), &*listed.name), (1, function));
        // Code of `core` may be in its own file without an inlined call.
        let in_file = listed.files.iter().find(|of| short_file(&of.path) == file).unwrap();
        let text = std::fs::read_to_string(&in_file.path).unwrap();
        let lines = in_file.lines.as_ref().unwrap();
        for line in lines {
            assert_eq!(Some(&*line.text), text.lines().nth(line.number as usize - 1), "{function}");
        }
        let values =
            lines.iter().filter(|line| line.cum != 0).map(|line| (line.number, (line.flat, line.cum)));
        assert_eq!(values.collect::<BTreeMap<_, _>>(), expected, "{function}");
        assert!(!expected.is_empty(), "{function}");
    }
}

fn short_file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[test]
fn calls_that_are_inlined_are_folded_into_the_line_that_makes_them() {
    let addresses = instructions_of("main::work");
    let profile = named(profile(addresses.iter().copied(), &build_id(program())));
    let refined = Refined::of(&profile, &Settings::default(), Format::Weblist, Stop::never()).unwrap();
    let annotated = source::annotate(&refined, Some("^main::work$"), None, &files(), Stop::never()).unwrap();
    let [file] = &annotated.files[..] else { panic!("{annotated:?}") };
    assert!(file.path.ends_with("main.rs") && file.missing.is_none(), "{}", file.path);
    let all = addresses.len() as i64;
    assert_eq!((annotated.total, file.flat, file.cum), (all, all, all));
    let line = file.functions.iter().flat_map(|function| &function.lines);
    let call = line.into_iter().find(|line| line.text.contains("middle::mix(values)")).unwrap();
    let inlined: Vec<&str> =
        call.instructions.iter().flat_map(|of| &of.inlined).map(|call| &*call.text).collect();
    assert!(inlined.contains(&"sum = sum.rotate_left(5) ^ inner::step(*value);"), "{inlined:?}");
    assert!(inlined.iter().any(|text| text.starts_with("shifted.wrapping_mul(")), "{inlined:?}");
    let sum: i64 = call.instructions.iter().map(|instruction| instruction.flat).sum();
    assert_eq!((sum, call.flat), (call.instructions.len() as i64, sum), "one sample an instruction");

    let mut page = Vec::new();
    rgops_pprof::report::weblist::write(&refined, &annotated, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("fn work(values: &amp;[u64]) -&gt; u64 {") && !page.contains("<script"), "{page}");
}

#[test]
fn instructions_have_their_values_and_lines() {
    let addresses = instructions_of("main::work");
    let profile = named(profile(addresses.iter().copied(), &build_id(program())));
    let refined = Refined::of(&profile, &Settings::default(), Format::Disasm, Stop::never()).unwrap();
    let assembly = source::assembly(&refined, "^main::work$", None, &files(), Stop::never()).unwrap();
    let [work] = &assembly.functions[..] else { panic!("{assembly:?}") };
    assert_eq!((&*work.names[0], work.flat), ("main::work", addresses.len() as i64));
    assert!(work.instructions.iter().all(|instruction| (instruction.flat, instruction.cum) == (1, 1)));
    let of_step = |instruction: &&source::AssemblyInstruction| instruction.function == "inner::step";
    let step = work.instructions.iter().find(of_step).unwrap();
    assert_eq!((&*step.file, step.line == 6 || step.line == 7), ("inner.rs", true));
    // The same by an address in memory.
    let by_address = format!("{:#x}", START + addresses[1]);
    let found = source::assembly(&refined, &by_address, None, &files(), Stop::never()).unwrap();
    assert_eq!(found, assembly);
    let none = source::assembly(&refined, "^no_such$", None, &files(), Stop::never()).unwrap_err();
    assert_eq!(none.to_string(), "no matches found for regexp ^no_such$");
}
