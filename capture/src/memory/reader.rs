//! Reads of this process's own memory that cannot fault: the kernel copies, and an address that cannot
//! be read is an error code. What they copy may be changing meanwhile; readers must check it.
//!
//! process_vm_readv(2) on ourselves needs no privilege and no `PR_SET_DUMPABLE`: a thread may always
//! look at its own thread group (kernel/ptrace.c, `__ptrace_may_access`). Where a seccomp filter
//! denies it, `/proc/self/mem` is read instead, which needs both of `/proc` and of being dumpable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rgops_protocol::reply::Unavailable;

/// Most ranges the kernel takes in one call (`UIO_MAXIOV`, include/uapi/linux/uio.h; POSIX calls it
/// `IOV_MAX`).
const MOST_RANGES: usize = 1024;

/// Some bytes of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Where they begin.
    pub avma: u64,
    /// How many.
    pub length: usize,
}

impl Range {
    /// So many from there on.
    pub fn new(avma: u64, length: usize) -> Range {
        Range { avma, length }
    }
}

/// A way to read it.
#[derive(Debug)]
pub struct Reader {
    way: Way,
    /// System calls made so far.
    calls: u64,
}

#[derive(Debug)]
enum Way {
    /// process_vm_readv(2).
    Call,
    /// `/proc/self/mem`: one system call a range.
    File(File),
}

impl Reader {
    /// Finds a way that works.
    pub fn open() -> Result<Reader, Unavailable> {
        let call = match Reader::proven(Way::Call) {
            Ok(memory) => return Ok(memory),
            Err(error) => error,
        };
        let file = match File::open("/proc/self/mem").and_then(|file| Reader::proven(Way::File(file))) {
            Ok(memory) => return Ok(memory),
            Err(error) => error,
        };
        Err(Unavailable {
            reason: format!(
                "the program may not read its own memory (process_vm_readv: {call}; /proc/self/mem: {file})"
            ),
            fix: "allow process_vm_readv in the seccomp profile".to_owned(),
        })
    }

    /// This way, shown to give back what we know.
    fn proven(way: Way) -> io::Result<Reader> {
        let known = [0x5a, 0xa5, 0x3c, 0xc3];
        let (mut memory, mut read) = (Reader { way, calls: 0 }, [0; 4]);
        memory.try_read(std::ptr::from_ref(&known) as u64, &mut read)?;
        if read == known { Ok(memory) } else { Err(io::Error::other("it gave other bytes")) }
    }

    /// System calls made so far.
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

    /// `count` words from `avma` on.
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

    /// Reads `ranges` into `into`, one behind the other; says of each whether all of it could be read.
    /// Bytes of one that could not are zero or a part of it.
    ///
    /// One system call for about a thousand ranges, and one more for each that cannot be read.
    pub fn gather(&mut self, ranges: &[Range], into: &mut Vec<u8>, readable: &mut Vec<bool>) {
        into.clear();
        readable.clear();
        into.resize(ranges.iter().map(|range| range.length).sum(), 0);
        let (mut rest, mut place) = (ranges, into.as_mut_slice());
        while !rest.is_empty() {
            let batch = &rest[..rest.len().min(MOST_RANGES)];
            let length: usize = batch.iter().map(|range| range.length).sum();
            let copied = self.transfer(batch, &mut place[..length]).unwrap_or(0);
            // The kernel stops at the first page it cannot read (mm/process_vm_access.c): the range
            // it stopped in is bad, the next may be good.
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

    /// Copies as much of `ranges`, one behind the other, as can be read without a gap.
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

/// process_vm_readv(2) on this process: how many bytes were copied to the front of `into`.
fn read_by_call(ranges: &[Range], into: &mut [u8]) -> io::Result<usize> {
    let mut remote = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MOST_RANGES];
    let count = ranges.len().min(MOST_RANGES);
    for (vector, range) in remote.iter_mut().zip(ranges) {
        vector.iov_base = range.avma as *mut libc::c_void;
        // One that goes round the end of the address space: the kernel takes the null page for a fault.
        let wraps = range.avma.checked_add(range.length as u64).is_none();
        vector.iov_base = if wraps { std::ptr::null_mut() } else { vector.iov_base };
        vector.iov_len = range.length;
    }
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: the kernel writes at most `into.len()` bytes to `into`, which is borrowed mutably; it reads
    // `count` initialised vectors. The addresses they name are not dereferenced by us: the kernel
    // copies what is mapped there and reports what is not (process_vm_readv(2)).
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
        let file = File::open("/proc/self/mem").unwrap();
        [Reader::open().unwrap(), Reader { way: Way::File(file), calls: 0 }]
    }

    #[test]
    fn what_is_mapped_is_read_and_what_is_not_is_told() {
        for mut memory in by_both() {
            let word = 0x0123_4567_89ab_cdefu64;
            assert_eq!(memory.word(std::ptr::from_ref(&word) as u64), Some(word));
            for nowhere in [0, 8, 4096, u64::MAX - 7, u64::MAX - 3, 1 << 63] {
                assert_eq!(memory.word(nowhere), None, "{nowhere:#x}");
            }
        }
    }

    #[test]
    fn bad_ranges_between_good_ones_cost_only_themselves() {
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
    fn a_range_that_ends_in_unmapped_memory_is_bad_and_the_next_is_good() {
        const PAGE: usize = 4096;
        let mut pages = Pages::zeroed(3 * PAGE).unwrap();
        pages.fill(7);
        let start = pages.as_mut_ptr();
        // SAFETY: the middle page of our own mapping; nobody touches it.
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
