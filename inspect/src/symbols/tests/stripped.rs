//! A stripped program: its functions by unwind data, and the file with its names under any name.

use super::*;

fn strip(program: &Program) {
    assert!(Command::new("strip").arg(&program.path).status().unwrap().success());
}

#[test]
fn a_function_has_one_name_at_all_its_addresses() {
    let program = Program::build("ranges", &["-Cdebuginfo=0"]);
    let svma = program.svma_of("4deep4park");
    strip(&program);
    let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
    for within in [1, 2, 5] {
        let frames = symbolizer.frames(0x10_0000 + svma + within, true);
        let [frame] = &frames[..] else { panic!("{frames:?}") };
        assert_eq!(frame.name(), format!("target+{svma:#x}"), "{within}");
        assert_eq!((frame.function_offset, frame.module_offset), (Some(within), svma + within));
    }
    // Outside the code there is an address, and no function.
    assert_eq!(symbolizer.frames(0x10_0000 + 8, false)[0].name(), "target+0x8");
}

#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn main_is_named_by_the_code_that_calls_it() {
    let program = Program::build("main", &["-Cdebuginfo=0"]);
    let (main, start) = (exact(&program, "main"), exact(&program, "_start"));
    strip(&program);
    let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
    for (svma, name) in [(main, "main"), (start, "_start")] {
        let frames = symbolizer.frames(0x10_0000 + svma + 5, true);
        assert_eq!(frames[0].function.as_deref(), Some(name));
    }
}

fn exact(program: &Program, symbol: &str) -> u64 {
    use object::{Object as _, ObjectSymbol as _};
    let bytes = std::fs::read(&program.path).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    elf.symbols().find(|found| found.name() == Ok(symbol)).unwrap().address()
}

#[test]
fn its_names_are_found_by_build_id_under_any_name() {
    let program = Program::build("anyname", &["-Cdebuginfo=1"]);
    let svma = program.svma_of("4deep4park");
    let folder = program.directory.join("kept");
    std::fs::create_dir_all(folder.join("releases/1.2")).unwrap();
    std::fs::copy(&program.path, folder.join("releases/1.2/app-1.2.debug")).unwrap();
    strip(&program);
    let look = |folder: &Path| {
        let mut symbolizer = Symbolizer::new(&[program.module()], None, &[folder.to_owned()]);
        let name = symbolizer.frames(0x10_0000 + svma, false).last().unwrap().name();
        (name, symbolizer.module_symbols().next().unwrap().clone())
    };
    assert_eq!(look(&folder).0, "target::deep::park");

    // A file of another build under the right name is named once, and nothing advises what was already done.
    let other = program.directory.join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy("/bin/true", other.join("target")).unwrap();
    let (name, symbols) = look(&other);
    assert_eq!(name, format!("target+{svma:#x}"));
    let shown = other.display().to_string();
    let (reason, target) = (&symbols.reason, other.join("target").display().to_string());
    assert!(reason.contains(&format!("{shown} has 1 ELF file and none with its build-id ")), "{symbols:?}");
    assert_eq!(reason.matches(&target).count(), 1, "{symbols:?}");
    assert!(
        !symbols.fix.contains("DIR") && symbols.fix.contains("CARGO_PROFILE_RELEASE_STRIP=none"),
        "{symbols:?}"
    );
}

/// The advice for a stripped program, followed word for word, with `strip = true` in the profile.
#[test]
fn the_advice_works_with_strip_in_the_profile() {
    let folder = std::env::temp_dir().join(format!("rgops-advice-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"advice\"\nedition = \"2024\"\n[profile.release]\nstrip = true\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/main.rs"), "fn main() { println!(\"1\") }").unwrap();
    let status = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--release", "--offline", "--quiet"])
        .current_dir(&folder)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "1")
        .status()
        .unwrap();
    assert!(status.success());
    let kept = folder.join("target/release/advice");
    let shipped = folder.join("shipped");
    assert!(Command::new("strip").arg("-o").args([&shipped, &kept]).status().unwrap().success());
    let main = exact(&Program { directory: folder.join("none"), path: kept }, "main");
    let running = Program { directory: folder.clone(), path: shipped };
    let look = |folders: &[PathBuf]| {
        let mut symbolizer = Symbolizer::new(&[running.module()], None, folders);
        symbolizer.frames(0x10_0000 + main, false);
        symbolizer.module_symbols().next().unwrap().clone()
    };
    let fix = look(&[]).fix;
    assert!(
        fix.contains("CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1 cargo build --release"),
        "{fix}"
    );
    assert!(fix.contains("strip -o"), "{fix}");
    assert_eq!(look(&[folder.join("target/release")]).detail, Detail::Lines);
}
