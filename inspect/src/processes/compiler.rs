//! Which compilers made an executable, from a few preads of its ELF file; works on stripped files.
//!
//! rustc writes "rustc version …" into `.comment`, which `strip` keeps. The section alone does not
//! tell a Rust program from a C program with a Rust library in it: every Rust executable has GCC
//! strings too, from the C runtime's start files, and linkers order the strings as they like. What
//! tells is `main`. rustc makes it itself, and it widens `argc` to `isize` for `lang_start` before
//! anything else (seen with debug, release and fat-LTO builds of Rust 1.95). So on x86-64 with glibc
//! `_start` is followed to `main`; when `main` does not widen `argc` the program *contains* Rust.
//! Where `main` cannot be found (musl, other machines) the program is taken for Rust.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rgops_protocol::received::{VERSION_CHARACTERS, text_of};

use super::process::RustCompiler;

/// More sections or bytes of names than this is no executable we know; they are bounded before
/// they are read, because the file is another process's.
const MAX_TABLE_BYTES: u64 = 1024 * 1024;

/// `e_machine` of x86-64.
const X86_64: u64 = 62;

/// The rustc that made the executable, `None` when no Rust is in it or it is no ELF file.
pub(super) fn rust_compiler(executable: &File) -> io::Result<Option<RustCompiler>> {
    let Some(elf) = Elf::open(executable)? else { return Ok(None) };
    let Some(comment) = elf.section(b".comment")? else { return Ok(None) };
    let version = comment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"rustc version "));
    let Some(version) = version else { return Ok(None) };
    let contains_only = elf.main_is_rust()? == Some(false);
    Ok(Some(RustCompiler { version: text_of(version, VERSION_CHARACTERS), contains_only }))
}

/// An ELF file's header (gABI, chapter 4), read field by field so that both classes and byte orders work.
struct Elf<'a> {
    file: &'a File,
    header: [u8; 64],
    is_64: bool,
    is_little: bool,
}

impl<'a> Elf<'a> {
    fn open(file: &'a File) -> io::Result<Option<Elf<'a>>> {
        let mut header = [0; 64];
        match file.read_exact_at(&mut header, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        if !header.starts_with(b"\x7fELF") {
            return Ok(None);
        }
        Ok(Some(Elf { file, header, is_64: header[4] == 2, is_little: header[5] == 1 }))
    }

    /// The contents of the section with this name.
    fn section(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (offset, entry, count, names) = match self.is_64 {
            true => (self.word(0x28), self.half(0x3a), self.half(0x3c), self.half(0x3e)),
            false => (self.word32(0x20), self.half(0x2e), self.half(0x30), self.half(0x32)),
        };
        let smallest = if self.is_64 { 64 } else { 40 };
        if entry < smallest || names >= count {
            return Ok(None);
        }
        let table = self.read(offset, entry * count)?;
        let section = |index: u64| {
            let at = usize::try_from(index * entry).ok()?;
            table.get(at..at + usize::try_from(smallest).ok()?)
        };
        let range = |header: &[u8]| match self.is_64 {
            true => (self.number(header, 0x18, 8), self.number(header, 0x20, 8)),
            false => (self.number(header, 0x10, 4), self.number(header, 0x14, 4)),
        };
        let Some((at, size)) = section(names).map(range) else { return Ok(None) };
        let strings = self.read(at, size)?;
        for header in (0..count).filter_map(section) {
            let start = usize::try_from(self.number(header, 0, 4)).unwrap_or(usize::MAX);
            let found = strings.get(start..).and_then(|tail| tail.split(|&byte| byte == 0).next());
            if found == Some(name) {
                let (at, size) = range(header);
                return self.read(at, size).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether rustc made `main`; `None` when `main` cannot be found.
    fn main_is_rust(&self) -> io::Result<Option<bool>> {
        if !self.is_64 || self.half(0x12) != X86_64 {
            return Ok(None);
        }
        let entry = self.word(0x18);
        let Some(start) = self.code_at::<48>(entry)? else { return Ok(None) };
        let Some(main) = main_called_by(&start, entry) else { return Ok(None) };
        Ok(self.code_at::<128>(main)?.map(|code| widens_argc(&code)))
    }

    /// Code at a svma, through the program headers.
    fn code_at<const N: usize>(&self, svma: u64) -> io::Result<Option<[u8; N]>> {
        let (offset, entry, count) = (self.word(0x20), self.half(0x36), self.half(0x38));
        if entry < 56 {
            return Ok(None);
        }
        let table = self.read(offset, entry * count)?;
        for header in table.chunks_exact(usize::try_from(entry).unwrap_or(usize::MAX)) {
            let is_load = self.number(header, 0, 4) == 1;
            let (at, start) = (self.number(header, 0x08, 8), self.number(header, 0x10, 8));
            let within = svma.checked_sub(start).filter(|within| *within < self.number(header, 0x20, 8));
            if let (true, Some(within)) = (is_load, within) {
                let mut code = [0; N];
                let read = self.file.read_at(&mut code, at.saturating_add(within))?;
                return Ok((read == N).then_some(code));
            }
        }
        Ok(None)
    }

    fn read(&self, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        if size > MAX_TABLE_BYTES {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        let read = self.file.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn half(&self, at: usize) -> u64 {
        self.number(&self.header, at, 2)
    }

    fn word32(&self, at: usize) -> u64 {
        self.number(&self.header, at, 4)
    }

    fn word(&self, at: usize) -> u64 {
        self.number(&self.header, at, 8)
    }

    /// The unsigned number of `width` bytes at `at`, 0 when `bytes` ends before it.
    fn number(&self, bytes: &[u8], at: usize, width: usize) -> u64 {
        let bytes = bytes.get(at..at + width).unwrap_or_default();
        let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_little { bytes.iter().rev().fold(0, shift) } else { bytes.iter().fold(0, shift) }
    }
}

/// The svma of `main` that glibc's x86-64 `_start` puts into rdi (sysdeps/x86_64/start.S).
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

/// Whether the code holds `movslq %edi, %r64`: REX.W 63 /r with edi as the register operand.
fn widens_argc(code: &[u8]) -> bool {
    code.windows(3).any(|bytes| matches!(bytes, [0x48 | 0x4c, 0x63, modrm] if modrm & 0xc7 == 0xc7))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn this_test_is_rust_and_the_shell_is_not() {
        let own = rust_compiler(&File::open("/proc/self/exe").unwrap()).unwrap().unwrap();
        assert!(own.version.starts_with(own.short_version()));
        assert!(own.short_version().split('.').count() == 3, "{own:?}");
        assert!(!own.contains_only);
        assert_eq!(rust_compiler(&File::open("/bin/sh").unwrap()).unwrap(), None);
        assert_eq!(rust_compiler(&File::open("/etc/passwd").unwrap()).unwrap(), None);
    }

    #[test]
    fn lies_in_the_headers_are_bounded() {
        let path = std::env::temp_dir().join(format!("rgops-elf-{}", std::process::id()));
        let real = std::fs::read("/proc/self/exe").unwrap();
        for lie in [[0xff; 8], [0x7f; 8], [0; 8]] {
            for at in (16..64).step_by(2) {
                let mut bytes = real[..4096].to_vec();
                bytes[at..at + 8.min(64 - at)].copy_from_slice(&lie[..8.min(64 - at)]);
                std::fs::write(&path, &bytes).unwrap();
                // Any answer will do, as long as there is one.
                let _ = rust_compiler(&File::open(&path).unwrap());
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
