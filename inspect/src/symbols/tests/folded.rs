//! Functions with the same code, which the linker folded into one.

use rgops_protocol::reply::{Stack, StackEnd};

use super::*;
use crate::symbols::Frame;

const SOURCE: &str = "\
mod mail { pub struct Letter(pub u64); impl Letter {\n\
    #[inline(never)] pub fn take(&self) -> u64 { crate::waits(self.0) + 1 }\n\
    #[inline(never)] pub fn reads(&self) -> u64 { self.take() + 2 } } }\n\
mod disk { pub struct File(pub u64); impl File {\n\
    #[inline(never)] pub fn read(&self) -> u64 { crate::waits(self.0) + 1 }\n\
    #[inline(never)] pub fn loads(&self) -> u64 { self.read() + 3 } } }\n\
#[inline(never)] fn waits(n: u64) -> u64 { std::thread::sleep(std::time::Duration::from_secs(n)); n }\n\
#[inline(never)] fn other(n: u64) -> u64 { mail::Letter(n).take() + 4 }\n\
fn main() { let n = std::env::args().count() as u64;\n\
    println!(\"{}\", mail::Letter(n).reads() + disk::File(n).loads() + other(n)); }\n";

/// The functions in one unit each, so that the linker folds them and not the compiler, which leaves one name.
fn folded(name: &str, debug: &str) -> Program {
    Program::of(name, SOURCE, &["-Copt-level=1", "-Ccodegen-units=16", "-Clink-arg=-Wl,--icf=all", debug])
}

/// The folded function, called by another one.
fn called_by(program: &Program, caller: &str) -> Frame {
    let mut symbolizer = Symbolizer::new(&[program.module()], None, &[]);
    let at = |symbol: &str| 0x10_0000 + program.svma_of(symbol) + 2;
    let frames = vec![at("5waits"), at("4read17"), at(caller)];
    let frames = symbolizer.stack(&Stack { frames, end: StackEnd::Root });
    let at = frames.iter().position(|frame| frame.name() == "target::waits").unwrap() + 1;
    frames[at..].iter().find(|frame| !frame.is_inlined).unwrap().clone()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_folded_function_has_the_name_that_its_caller_tells_or_all_names() {
    for debug in ["-Cdebuginfo=0", "-Cdebuginfo=1"] {
        let program = folded(&format!("folded{debug}"), debug);
        if program.svma_of("4read17") != program.svma_of("4take17") {
            println!("SKIPPED: this needs a linker with --icf=all");
            return;
        }
        let read = called_by(&program, "4File5loads");
        assert_eq!(
            (&*read.name(), &*read.aliases[0]),
            ("target::disk::File::read", "target::mail::Letter::take")
        );
        let take = called_by(&program, "6Letter5reads");
        assert_eq!(
            (&*take.name(), &*take.aliases[0]),
            ("target::mail::Letter::take", "target::disk::File::read")
        );
        assert!(read.is_told_by_caller && take.is_told_by_caller, "{debug}");
        let any = called_by(&program, "5other");
        assert_eq!((any.aliases.len(), any.is_told_by_caller), (1, false), "{debug}: {any:?}");
    }
}
