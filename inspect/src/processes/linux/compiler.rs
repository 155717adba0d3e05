//! Finds which compilers made an executable, with a few preads of its ELF file; works on stripped files.
//!
//! rustc writes "rustc version …" into `.comment`, which `strip` keeps. The section alone does not
//! distinguish a Rust program from a C program that contains a Rust library: every Rust executable also has
//! GCC strings from the C runtime's start files, and linkers order the strings freely. The difference is in
//! `main`. rustc generates it, and that `main` first widens `argc` to `isize` for `lang_start` (seen with
//! debug, release and fat-LTO builds of Rust 1.95). So on x86-64 with glibc the code of `_start` leads to
//! `main`; when `main` does not widen `argc`, the program only *contains* Rust. Where `main` cannot be found
//! (musl, other machines) the program counts as Rust.

use std::io;

use rgops_dwarf::ReadAt;
use rgops_dwarf::elf::Elf;
use rgops_protocol::received::{VERSION_CHARACTERS, text_of};

use crate::budget;
use crate::processes::process::RustCompiler;

/// Maximum length of `.comment`; compilers write less.
const LONGEST_COMMENT: u64 = 1024 * 1024;

/// `e_machine` of x86-64.
const X86_64: u64 = 62;

/// The rustc that made the executable; `None` when it contains no Rust or is not an ELF file.
pub(super) fn rust_compiler(executable: &impl ReadAt) -> io::Result<Option<RustCompiler>> {
    let budget = budget::standard();
    let Ok(elf) = Elf::read(executable, &budget) else { return Ok(None) };
    let Some(comment) = elf.small(executable, ".comment", LONGEST_COMMENT, &budget) else { return Ok(None) };
    let version = comment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"rustc version "));
    let Some(version) = version else { return Ok(None) };
    let contains_only = main_is_rust(&elf, executable) == Some(false);
    Ok(Some(RustCompiler { version: text_of(version, VERSION_CHARACTERS), contains_only }))
}

/// Whether rustc generated `main`; `None` when `main` cannot be found.
fn main_is_rust(elf: &Elf, file: &impl ReadAt) -> Option<bool> {
    if !elf.is_64 || elf.machine != X86_64 {
        return None;
    }
    let start = code_at::<48>(elf, file, elf.entry)?;
    let main = main_called_by(&start, elf.entry)?;
    code_at::<128>(elf, file, main).map(|code| widens_argc(&code))
}

/// Code at a svma, through the program headers.
fn code_at<const N: usize>(elf: &Elf, file: &impl ReadAt, svma: u64) -> Option<[u8; N]> {
    let within = |address: u64, size: u64| svma.checked_sub(address).filter(|within| *within < size);
    let (segment, within) = elf.segments.iter().find_map(|segment| {
        Some((segment, within(segment.address, segment.file_size).filter(|_| segment.is_loaded())?))
    })?;
    let mut code = [0; N];
    file.read_exact_at(&mut code, segment.offset.checked_add(within)?).ok()?;
    Some(code)
}

/// The svma of `main` that glibc's x86-64 `_start` loads into rdi (sysdeps/x86_64/start.S).
fn main_called_by(start: &[u8], entry: u64) -> Option<u64> {
    let at = |opcode: &[u8]| start.windows(opcode.len()).position(|window| window == opcode);
    let immediate = |at: usize| Some(i32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?));
    if let Some(lea) = at(&[0x48, 0x8d, 0x3d]) {
        let next = entry.checked_add(lea as u64 + 7)?;
        return next.checked_add_signed(i64::from(immediate(lea + 3)?));
    }
    let mov = at(&[0x48, 0xc7, 0xc7])?;
    u64::try_from(immediate(mov + 3)?).ok()
}

/// Whether the code contains `movslq %edi, %r64`: REX.W 63 /r with edi as the register operand.
fn widens_argc(code: &[u8]) -> bool {
    code.windows(3).any(|bytes| matches!(bytes, [0x48 | 0x4c, 0x63, modrm] if modrm & 0xc7 == 0xc7))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs::File;

    use super::*;
    use crate::files::Checked;

    fn open(path: &str) -> Checked {
        Checked::new(File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn the_test_program_is_rust_and_the_shell_is_not() {
        let own = rust_compiler(&open("/proc/self/exe")).unwrap().unwrap();
        assert!(own.version.starts_with(own.short_version()));
        assert!(own.short_version().split('.').count() == 3, "{own:?}");
        assert!(!own.contains_only);
        assert_eq!(rust_compiler(&open("/bin/sh")).unwrap(), None);
        assert_eq!(rust_compiler(&open("/etc/passwd")).unwrap(), None);
    }

    #[test]
    fn false_headers_are_bounded() {
        let path = std::env::temp_dir().join(format!("rgops-elf-{}", std::process::id()));
        let real = std::fs::read("/proc/self/exe").unwrap();
        for lie in [[0xff; 8], [0x7f; 8], [0; 8]] {
            for at in (16..64).step_by(2) {
                let mut bytes = real[..4096].to_vec();
                bytes[at..at + 8.min(64 - at)].copy_from_slice(&lie[..8.min(64 - at)]);
                std::fs::write(&path, &bytes).unwrap();
                // Any answer is right, as long as the call returns.
                let _ = rust_compiler(&open(path.to_str().unwrap()));
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
