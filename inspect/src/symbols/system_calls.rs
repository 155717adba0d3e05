//! Whether code is at a system call, by the instructions in the module's file. A signal that arrives while a thread is in
//! the kernel is delivered when it returns: directly behind the instruction, or at it if the kernel makes the call again
//! (signal(7), `SA_RESTART`).

use std::sync::Arc;

use rgops_dwarf::elf::{Elf, Segment};
use rgops_dwarf::{Budget, ReadAt, Unreadable};

use super::files::Found;
use crate::files::{Checked, within};

/// `e_machine` of x86_64 and of aarch64.
const X86_64: u64 = 62;
const AARCH64: u64 = 183;

/// The instruction that makes a system call: `syscall`, and `svc #0`.
const SYSCALL: &[u8] = &[0x0f, 0x05];
const SVC: &[u8] = &0xd400_0001_u32.to_le_bytes();

/// The code of a module.
#[derive(Debug, Clone)]
pub(super) enum Code {
    /// In this file.
    File(Arc<Checked>),
    /// In no file: the kernel made it, or the program at run time.
    OfNoFile,
    /// Its file was not found, or cannot be opened.
    Missing,
}

impl Code {
    pub(super) fn of(found: &Found) -> Code {
        match &found.code {
            Some(file) => Code::File(file.clone()),
            None if found.is_kernels => Code::OfNoFile,
            None => Code::Missing,
        }
    }
}

/// For each address whether it is at a system call; `None` if the file does not have it.
pub(super) fn at_system_calls(
    file: &Arc<Checked>,
    svmas: Vec<u64>,
    budget: &Budget,
) -> Result<Vec<Option<bool>>, Unreadable> {
    let (file, own) = (file.clone(), budget.clone());
    within(budget, move || read(&*file, &svmas, &own)).and_then(|read| read)
}

fn read(
    file: &(impl ReadAt + ?Sized),
    svmas: &[u64],
    budget: &Budget,
) -> Result<Vec<Option<bool>>, Unreadable> {
    let elf = Elf::read(file, budget)?;
    let instruction = match elf.machine {
        X86_64 if elf.is_64 => SYSCALL,
        AARCH64 if elf.is_little => SVC,
        _ => return Err("system calls are known of x86_64 and aarch64 only".into()),
    };
    let is_there = |svma: &u64| {
        budget.check_time()?;
        Ok(is_at(file, &elf.segments, *svma, instruction))
    };
    svmas.iter().map(is_there).collect()
}

fn is_at(file: &(impl ReadAt + ?Sized), segments: &[Segment], svma: u64, instruction: &[u8]) -> Option<bool> {
    let holds = |segment: &&Segment| {
        segment.is_loaded()
            && svma.checked_sub(segment.address).is_some_and(|within| within < segment.file_size)
    };
    let segment = segments.iter().find(holds)?;
    let within = svma - segment.address;
    let is_instruction = |within: u64| {
        let length = instruction.len();
        let mut bytes = [0; SVC.len()];
        let has_room = segment.file_size.checked_sub(within)? >= length as u64;
        let offset = segment.offset.checked_add(within).filter(|_| has_room)?;
        file.read_exact_at(&mut bytes[..length], offset).ok()?;
        Some(bytes[..length] == *instruction)
    };
    let before = within.checked_sub(instruction.len() as u64).and_then(is_instruction);
    match (before, is_instruction(within)) {
        (None, None) => None,
        (before, at) => Some(before == Some(true) || at == Some(true)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// An ELF file of one segment at 0x1000 with this code.
    fn file(machine: u16, code: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 120];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x12, &machine.to_le_bytes());
        // One segment of 56 bytes, directly behind the header.
        put(0x20, &64_u64.to_le_bytes());
        put(0x36, &56_u16.to_le_bytes());
        put(0x38, &1_u16.to_le_bytes());
        put(64, &1_u32.to_le_bytes());
        for (at, number) in [(72, 120), (80, 0x1000), (96, code.len() as u64)] {
            put(at, &number.to_le_bytes());
        }
        [&file, code].concat()
    }

    fn found(machine: u64, code: &[u8], svmas: &[u64]) -> Vec<Option<bool>> {
        let budget = Budget::new(1 << 20);
        read(&file(machine as u16, code)[..], svmas, &budget).unwrap()
    }

    #[test]
    fn an_address_at_or_directly_behind_the_instruction_is_at_a_system_call() {
        // `mov eax, 0`, `syscall`, `cmp rax, -4096`.
        let code = [0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0, 0xf0, 0xff, 0xff];
        let svmas = [0x1000, 0x1005, 0x1006, 0x1007, 0x1009, 0x100c, 0x100d, 0x0fff];
        let expected =
            [Some(false), Some(true), Some(false), Some(true), Some(false), Some(false), None, None];
        assert_eq!(found(X86_64, &code, &svmas), expected);
        // `mov x8, #63`, `svc #0`, `ret`.
        let code = [0xd280_07e8_u32, 0xd400_0001, 0xd65f_03c0].map(u32::to_le_bytes).concat();
        assert_eq!(
            found(AARCH64, &code, &[0x1000, 0x1004, 0x1008, 0x100c]),
            [Some(false), Some(true), Some(true), None]
        );
    }

    #[test]
    fn other_processors_and_damaged_files_are_no_answer() {
        let budget = Budget::new(1 << 20);
        assert!(read(&file(3, SYSCALL)[..], &[0x1000], &budget).is_err(), "x86 with 32 bits");
        assert!(read(&b"no program"[..], &[0x1000], &budget).is_err());
        let whole = file(62, &[SYSCALL, &[0x90; 8]].concat());
        assert_eq!(read(&whole[..121], &[0x1002], &budget).unwrap(), [None], "truncated");
        assert_eq!(budget.charged(), 0);
    }
}
