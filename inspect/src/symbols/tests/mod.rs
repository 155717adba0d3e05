//! Names of this test program, and of builds of a small one: stripped, replaced, deleted.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rgops_protocol::reply::Module;

use crate::symbols::{Detail, Symbolizer};

mod damaged;
mod endless;
mod folded;
mod remembered;
mod stripped;

#[inline(never)]
fn a_function_with_a_name(depth: u32) -> u32 {
    std::hint::black_box(depth) + 1
}

/// The modules of this process, read from its own maps.
fn own_modules() -> Vec<Module> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut modules: Vec<Module> = Vec::new();
    for line in maps.lines() {
        let Some(at) = line.find('/') else { continue };
        let path = line[at..].to_owned();
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        if let Some(module) = modules.iter_mut().find(|module| module.path == path) {
            module.end_avma = end;
            continue;
        }
        modules.push(Module {
            build_id: build_id(Path::new(&path)),
            path,
            start_avma: start,
            end_avma: end,
            bias: start,
            has_unwind_data: true,
        });
    }
    modules
}

fn build_id(path: &Path) -> Vec<u8> {
    use object::Object as _;
    let bytes = std::fs::read(path).unwrap_or_default();
    object::File::parse(&*bytes)
        .ok()
        .and_then(|elf| elf.build_id().ok().flatten().map(<[u8]>::to_vec))
        .unwrap_or_default()
}

#[test]
fn our_own_function_has_its_name_file_and_line() {
    a_function_with_a_name(1);
    let avma = a_function_with_a_name as fn(u32) -> u32 as usize as u64;
    let mut symbolizer = Symbolizer::new(&own_modules(), Some(std::process::id()), &[]);
    let frames = symbolizer.frames(avma, false);
    let outer = frames.last().unwrap();
    assert_eq!(outer.function.as_deref(), Some("rgops_inspect::symbols::tests::a_function_with_a_name"));
    assert!(outer.file.as_deref().unwrap().ends_with("symbols/tests/mod.rs"), "{outer:?}");
    assert!(outer.line.is_some() && !outer.is_inlined && outer.function_offset == Some(0), "{outer:?}");
    // As a return address it belongs to the instruction before it.
    let before = symbolizer.frames(avma, true);
    assert_ne!(before.last().unwrap().function, outer.function);
}

#[test]
fn an_address_outside_all_modules_is_one_bare_frame() {
    let mut symbolizer = Symbolizer::new(&own_modules(), None, &[]);
    let frames = symbolizer.frames(0x10, false);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].name(), "0x10");
    assert_eq!(symbolizer.module_symbols().count(), 0);
}

/// A small program that was just compiled, and the svma of its functions.
struct Program {
    directory: PathBuf,
    path: PathBuf,
}

impl Program {
    fn build(name: &str, options: &[&str]) -> Program {
        Program::of(
            name,
            "#[inline(never)] #[unsafe(no_mangle)] pub extern \"C\" fn marker() -> u64 { std::process::id().into() }\n\
             mod deep { #[inline(never)] pub fn park() { inlined() } #[inline(always)] fn inlined() { \
             println!(\"{}\", crate::marker()); loop { std::thread::sleep(std::time::Duration::from_secs(9)) } } }\n\
             fn main() { deep::park() }\n",
            &[&["-O"], options].concat(),
        )
    }

    fn of(name: &str, text: &str, options: &[&str]) -> Program {
        let directory = std::env::temp_dir().join(format!("rgops-symbols-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let source = directory.join("target.rs");
        std::fs::write(&source, text).unwrap();
        let path = directory.join("target");
        let status = Command::new("rustc")
            .args(["--edition=2024", "-Clink-arg=-Wl,--build-id"])
            .args(options)
            .arg("-o")
            .arg(&path)
            .arg(&source)
            // Split debug files are searched here: their paths are relative to it.
            .current_dir(&directory)
            .status()
            .unwrap();
        assert!(status.success());
        Program { directory, path }
    }

    fn module(&self) -> Module {
        Module {
            path: self.path.display().to_string(),
            build_id: build_id(&self.path),
            start_avma: 0x10_0000,
            end_avma: 0x1000_0000,
            bias: 0x10_0000,
            has_unwind_data: true,
        }
    }

    fn svma_of(&self, symbol: &str) -> u64 {
        use object::{Object as _, ObjectSymbol as _};
        let bytes = std::fs::read(&self.path).unwrap();
        let elf = object::File::parse(&*bytes).unwrap();
        elf.symbols().find(|found| found.name().is_ok_and(|name| name.contains(symbol))).unwrap().address()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn line_tables_only_give_the_full_path_of_the_outer_function() {
    let program = Program::build("lines", &["-Cdebuginfo=line-tables-only"]);
    let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
    let frames = symbolizer.frames(0x10_0000 + program.svma_of("4deep4park"), false);
    let outer = frames.last().unwrap();
    assert_eq!(outer.function.as_deref(), Some("target::deep::park"));
    assert!(outer.line.is_some());
    assert_eq!(symbolizer.module_symbols().next().unwrap().detail, Detail::Lines);
}

#[test]
fn without_debug_information_there_are_functions_and_a_reason() {
    let program = Program::build("symtab", &["-Cdebuginfo=0", "-Cstrip=debuginfo"]);
    let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
    let frames = symbolizer.frames(0x10_0000 + program.svma_of("4deep4park") + 1, true);
    assert_eq!(frames[0].function.as_deref(), Some("target::deep::park"));
    let symbols = symbolizer.module_symbols().next().unwrap();
    assert_eq!(symbols.detail, Detail::Functions);
    assert!(symbols.reason.contains("no debug information"), "{symbols:?}");
}

#[test]
fn a_stripped_program_gives_offsets_and_its_debug_file_the_names() {
    let program = Program::build("stripped", &["-Cdebuginfo=1"]);
    let svma = program.svma_of("4deep4park");
    let module = program.module();
    let twins = program.directory.join("symbols");
    std::fs::create_dir(&twins).unwrap();
    std::fs::copy(&program.path, twins.join("target")).unwrap();
    assert!(Command::new("strip").arg(&program.path).status().unwrap().success());

    let mut bare = Symbolizer::new(std::slice::from_ref(&module), None, &[]);
    let frames = bare.frames(0x10_0000 + svma, false);
    assert_eq!(frames[0].name(), format!("target+{svma:#x}"));
    assert!(bare.module_symbols().next().unwrap().reason.contains("stripped"));

    let mut named = Symbolizer::new(&[module], None, &[twins]);
    assert_eq!(
        named.frames(0x10_0000 + svma, false).last().unwrap().function.as_deref(),
        Some("target::deep::park")
    );
}

#[test]
fn a_replaced_file_is_found_through_proc_even_after_the_process_ended() {
    let program = Program::build("replaced", &["-Cdebuginfo=1"]);
    let svma = program.svma_of("4deep4park");
    let mut module = program.module();
    let mut child = Command::new(&program.path).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::fs::remove_file(&program.path).unwrap();
    std::fs::copy("/bin/true", &program.path).unwrap();

    let mut refused = Symbolizer::new(std::slice::from_ref(&module), None, &[]);
    assert_eq!(refused.frames(0x10_0000 + svma, false)[0].function, None);
    assert!(refused.module_symbols().next().unwrap().reason.contains("the file was replaced"));

    module.path.push_str(" (deleted)");
    let mut found = Symbolizer::new(&[module], Some(child.id()), &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        found.frames(0x10_0000 + svma, false).last().unwrap().function.as_deref(),
        Some("target::deep::park")
    );
}

#[test]
fn split_debug_files_are_found_and_pipes_are_not_opened() {
    let program = Program::build("split", &["-Cdebuginfo=2", "-Csplit-debuginfo=unpacked"]);
    let svma = program.svma_of("4deep4park");
    let look = || {
        let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
        let frames = symbolizer.frames(0x10_0000 + svma, false);
        (frames, symbolizer.module_symbols().next().unwrap().clone())
    };
    let (frames, symbols) = look();
    assert_eq!(frames.last().unwrap().function.as_deref(), Some("target::deep::park"));
    assert!(frames[0].line.is_some() && symbols.reason.is_empty(), "{frames:?} {symbols:?}");

    let entries = std::fs::read_dir(&program.directory).unwrap().map(|entry| entry.unwrap().path());
    let parts: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "dwo")).collect();
    assert!(!parts.is_empty());
    let package = PathBuf::from(format!("{}.dwp", program.path.display()));
    for path in parts.iter().chain([&package]) {
        let _ = std::fs::remove_file(path);
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    let (frames, symbols) = look();
    assert_eq!(frames.last().unwrap().function.as_deref(), Some("target::deep::park"));
    assert!(symbols.reason.contains(".dwo was not found"), "{symbols:?}");
}
