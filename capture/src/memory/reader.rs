//! Reads this process's own memory without faults: the kernel copies it, and an unreadable
//! address is an error. The memory may change during the copy, so callers must validate what they read.
//!
//! process_vm_readv(2) on our own process needs no privilege and no `PR_SET_DUMPABLE`: a thread may always
//! access its own thread group (kernel/ptrace.c, `__ptrace_may_access`). If a seccomp filter
//! denies it, `/proc/thread-self/mem` is read instead, which requires that `/proc` is mounted and the process dumpable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rgops_protocol::reply::Unavailable;

/// The maximum number of ranges per call (`UIO_MAXIOV`, include/uapi/linux/uio.h; POSIX calls it
/// `IOV_MAX`).
const MAX_RANGES: usize = 1024;

/// A range of this process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The start address.
    pub avma: u64,
    /// The number of bytes.
    pub length: usize,
}

impl Range {
    /// The range of `length` bytes from `avma`.
    pub fn new(avma: u64, length: usize) -> Range {
        Range { avma, length }
    }
}

/// Reads memory by a method that works here.
#[derive(Debug)]
pub struct Reader {
    way: Way,
    /// The number of system calls so far.
    calls: u64,
}

#[derive(Debug)]
enum Way {
    /// process_vm_readv(2).
    Call,
    /// `/proc/thread-self/mem`: one system call per range.
    File(File),
}

impl Reader {
    /// Selects a method that works.
    pub fn open() -> Result<Reader, Unavailable> {
        let call = match Reader::proven(Way::Call) {
            Ok(memory) => return Ok(memory),
            Err(error) => error,
        };
        let file = match File::open("/proc/thread-self/mem").and_then(|file| Reader::proven(Way::File(file)))
        {
            Ok(memory) => return Ok(memory),
            Err(error) => error,
        };
        Err(Unavailable {
            reason: format!(
                "the program may not read its own memory (process_vm_readv: {call}; /proc/thread-self/mem: {file})"
            ),
            fix: "allow process_vm_readv in the seccomp profile".to_owned(),
        })
    }

    /// A reader with this method, if it reads a known value correctly.
    fn proven(way: Way) -> io::Result<Reader> {
        let known = [0x5a, 0xa5, 0x3c, 0xc3];
        let (mut memory, mut read) = (Reader { way, calls: 0 }, [0; 4]);
        memory.try_read(std::ptr::from_ref(&known) as u64, &mut read)?;
        if read == known { Ok(memory) } else { Err(io::Error::other("it gave other bytes")) }
    }

    /// The number of system calls so far.
    #[cfg(test)]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Fills `into` from `avma`; false when a byte of it cannot be read.
    pub fn read(&mut self, avma: u64, into: &mut [u8]) -> bool {
        self.try_read(avma, into).is_ok()
    }

    /// The word at `avma`.
    pub fn word(&mut self, avma: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(avma, &mut bytes).then(|| u64::from_ne_bytes(bytes))
    }

    /// `count` words from `avma`.
    pub fn words(&mut self, avma: u64, count: usize) -> Option<Vec<u64>> {
        let mut bytes = vec![0; 8 * count];
        let words = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
        self.read(avma, &mut bytes).then(|| words(&bytes))
    }

    fn try_read(&mut self, avma: u64, into: &mut [u8]) -> io::Result<()> {
        match self.transfer(&[Range::new(avma, into.len())], into)? {
            copied if copied == into.len() => Ok(()),
            _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        }
    }

    /// Reads `ranges` into `into`, one after another, and reports for each whether all of it could be read.
    /// Bytes of a range that could not are zero or partly read.
    ///
    /// One system call per about a thousand ranges, and one more for each unreadable range.
    pub fn gather(&mut self, ranges: &[Range], into: &mut Vec<u8>, readable: &mut Vec<bool>) {
        into.clear();
        readable.clear();
        into.resize(ranges.iter().map(|range| range.length).sum(), 0);
        let (mut rest, mut place) = (ranges, into.as_mut_slice());
        while !rest.is_empty() {
            let batch = &rest[..rest.len().min(MAX_RANGES)];
            let length: usize = batch.iter().map(|range| range.length).sum();
            let copied = self.transfer(batch, &mut place[..length]).unwrap_or(0);
            // The kernel stops at the first unreadable page (mm/process_vm_access.c): the range
            // it stopped in is unreadable, the next may be readable.
            let (mut end, mut done) = (0, 0);
            for range in batch {
                end += range.length;
                done += 1;
                readable.push(end <= copied);
                if end > copied {
                    break;
                }
            }
            rest = &rest[done..];
            place = &mut place[end..];
        }
    }

    /// Copies `ranges`, one after another, up to the first unreadable byte.
    fn transfer(&mut self, ranges: &[Range], into: &mut [u8]) -> io::Result<usize> {
        match &self.way {
            Way::Call => {
                self.calls += 1;
                read_by_call(ranges, into)
            }
            Way::File(file) => {
                let mut copied = 0;
                for range in ranges {
                    self.calls += 1;
                    match file.read_exact_at(&mut into[copied..][..range.length], range.avma) {
                        Ok(()) => copied += range.length,
                        Err(error) if copied == 0 => return Err(error),
                        Err(_) => break,
                    }
                }
                Ok(copied)
            }
        }
    }
}

/// process_vm_readv(2) on this process: the number of bytes copied to the start of `into`.
fn read_by_call(ranges: &[Range], into: &mut [u8]) -> io::Result<usize> {
    let mut remote = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MAX_RANGES];
    let count = ranges.len().min(MAX_RANGES);
    for (vector, range) in remote.iter_mut().zip(ranges) {
        vector.iov_base = range.avma as *mut libc::c_void;
        // A range that wraps around the address space: the kernel reports a fault for the null page.
        let wraps = range.avma.checked_add(range.length as u64).is_none();
        vector.iov_base = if wraps { std::ptr::null_mut() } else { vector.iov_base };
        vector.iov_len = range.length;
    }
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: the kernel writes at most `into.len()` bytes to `into`, which is borrowed mutably, and reads
    // `count` initialised vectors. We do not dereference the addresses in them: the kernel
    // copies mapped memory and reports unmapped memory (process_vm_readv(2)).
    let copied = unsafe {
        libc::process_vm_readv(
            std::process::id() as libc::pid_t,
            &raw const local,
            1,
            remote.as_ptr(),
            count as libc::c_ulong,
            0,
        )
    };
    usize::try_from(copied).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::memory::Pages;

    fn by_both() -> [Reader; 2] {
        let file = File::open("/proc/thread-self/mem").unwrap();
        [Reader::open().unwrap(), Reader { way: Way::File(file), calls: 0 }]
    }

    #[test]
    fn mapped_memory_is_read_and_unmapped_memory_is_reported() {
        for mut memory in by_both() {
            let word = 0x0123_4567_89ab_cdefu64;
            assert_eq!(memory.word(std::ptr::from_ref(&word) as u64), Some(word));
            for nowhere in [0, 8, 4096, u64::MAX - 7, u64::MAX - 3, 1 << 63] {
                assert_eq!(memory.word(nowhere), None, "{nowhere:#x}");
            }
        }
    }

    #[test]
    fn unreadable_ranges_do_not_affect_readable_ones() {
        let words: Vec<u64> = (0..5000).collect();
        let bad = |at: usize| at % 700 == 3 || at == 0 || at == words.len() - 1;
        let ranges: Vec<Range> = (words.iter().enumerate())
            .map(|(at, word)| Range::new(if bad(at) { 16 } else { std::ptr::from_ref(word) as u64 }, 8))
            .collect();
        for mut memory in by_both() {
            let (mut bytes, mut readable) = (vec![1; 3], vec![true; 9]);
            memory.gather(&ranges, &mut bytes, &mut readable);
            assert_eq!((bytes.len(), readable.len()), (8 * words.len(), words.len()));
            for (at, chunk) in bytes.chunks(8).enumerate() {
                assert_eq!(readable[at], !bad(at), "{at}");
                let read = u64::from_ne_bytes(chunk.try_into().unwrap());
                assert_eq!(read, if bad(at) { 0 } else { at as u64 }, "{at}");
            }
        }
    }

    #[test]
    fn a_range_that_ends_in_unmapped_memory_is_unreadable_and_the_next_is_read() {
        const PAGE: usize = 4096;
        let mut pages = Pages::zeroed(3 * PAGE).unwrap();
        pages.fill(7);
        let start = pages.as_mut_ptr();
        // SAFETY: the middle page of a mapping of this test, which no code accesses afterwards.
        assert_eq!(unsafe { libc::mprotect(start.add(PAGE).cast(), PAGE, libc::PROT_NONE) }, 0);
        let start = start as u64;
        let page = PAGE as u64;
        let ranges =
            [Range::new(start, 8), Range::new(start + page - 8, 16), Range::new(start + 2 * page, 8)];
        let mut memory = Reader::open().unwrap();
        let (mut bytes, mut readable) = (Vec::new(), Vec::new());
        memory.gather(&ranges, &mut bytes, &mut readable);
        assert_eq!(readable, [true, false, true]);
        assert_eq!(&bytes[24..], [7; 8]);
        assert!(memory.calls() >= 2);
    }
}
