//! Process-wide data: `stat`, `status`, `smaps_rollup`, `limits`, `fd` and the uptime.

use std::io;

use super::file::{SMALL_FILE_BYTES, TICK_NS, unexpected};
pub use super::stat::Stat;

/// `/proc/self/stat`: CPU time and page faults of all threads, including ended ones.
pub const STAT: &str = "/proc/self/stat";
/// `/proc/thread-self/status`: sizes of the memory map.
pub const STATUS: &str = "/proc/thread-self/status";
/// `/proc/thread-self/smaps_rollup`: sums over all mappings (Linux 4.14).
pub const SMAPS_ROLLUP: &str = "/proc/thread-self/smaps_rollup";
/// `/proc/thread-self/maps`: all mappings.
pub const MAPS: &str = "/proc/thread-self/maps";
/// `/proc/self/fd`: the program's open descriptors. The agent's threads have their own.
pub const DESCRIPTORS: &str = "/proc/self/fd";
/// `/proc/self/limits`: resource limits.
pub const LIMITS: &str = "/proc/self/limits";
/// `/proc/uptime`: seconds since boot.
pub const UPTIME: &str = "/proc/uptime";

/// The maximum number of descriptors counted: the kernel's default ceiling `fs.nr_open`.
const MAX_DESCRIPTORS: usize = 1 << 20;
/// The size limit for `maps`. A program with 60,000 mappings (near the default limit) needs about 5 MiB.
const MAX_MAPS_BYTES: usize = 16 * 1024 * 1024;

/// Time since the process started, in nanoseconds.
pub fn uptime_ns(stat: &Stat) -> io::Result<u64> {
    let text = super::file::read(UPTIME, SMALL_FILE_BYTES)?;
    let boot_ns = text.split_ascii_whitespace().next().and_then(hundredths_ns);
    let boot_ns = boot_ns.ok_or_else(|| unexpected("number of seconds"))?;
    // A container runtime (lxcfs) may report a shorter uptime than the start time is based on.
    boot_ns.checked_sub(stat.start_ticks.saturating_mul(TICK_NS)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "it is earlier than the start of the process")
    })
}

/// Parses `SECONDS.HUNDREDTHS`. Not as a float, because std's float parser adds 14 KB of code
/// that most programs do not need otherwise.
fn hundredths_ns(text: &str) -> Option<u64> {
    let (seconds, hundredths) = text.split_once('.').filter(|(_, hundredths)| hundredths.len() == 2)?;
    let seconds: u64 = seconds.parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(hundredths.parse::<u64>().ok()? * 10_000_000)
}

/// The number of the program's open descriptors: those of its main thread, or of another if that has ended.
pub fn descriptors() -> io::Result<u64> {
    let count = |directory: &str| {
        Ok::<_, io::Error>(std::fs::read_dir(directory)?.take(MAX_DESCRIPTORS).count() as u64)
    };
    match count(DESCRIPTORS) {
        // The kernel also reports 0 for a thread that has ended (proc_readfd_common in fs/proc/fd.c).
        Ok(0) => {
            let (threads, _) = super::threads::ids()?;
            let of_the_program = threads.into_iter().find_map(|tid| {
                let stat = super::threads::stat(tid).ok()?;
                let is_theirs =
                    !crate::agent_threads::is_agent_thread(&stat.name) && !matches!(stat.state, 'Z' | 'X');
                is_theirs.then(|| count(&format!("/proc/self/task/{tid}/fd")))
            });
            of_the_program.unwrap_or(Ok(0))
        }
        counted => counted,
    }
}

/// The soft limit of open descriptors; `None`: unlimited.
pub fn descriptors_limit() -> io::Result<Option<u64>> {
    let text = super::file::read(LIMITS, SMALL_FILE_BYTES)?;
    let soft = super::file::line_value(&text, "Max open files")
        .and_then(|values| values.split_ascii_whitespace().next())
        .ok_or_else(|| unexpected("`Max open files`"))?;
    match soft {
        "unlimited" => Ok(None),
        number => number.parse().map(Some).map_err(|_| unexpected("number of open files")),
    }
}

/// A range of addresses, excluding the end.
pub type AddressRange = std::ops::Range<u64>;

/// The address ranges of all mappings, in ascending order.
pub fn mappings() -> io::Result<Vec<AddressRange>> {
    let text = super::file::read(MAPS, MAX_MAPS_BYTES)?;
    Ok(text.lines().filter_map(mapping).collect())
}

/// The kernel's data about each page of the process.
pub const PAGEMAP: &str = "/proc/thread-self/pagemap";

/// The number of page entries read at once.
const PAGES_AT_ONCE: u64 = 4096;

/// The resident bytes in a range of whole pages: of the pages whose bit 63 is set
/// (Documentation/admin-guide/mm/pagemap.rst). Reads 8 bytes per page, 0.1 ms for 8 MiB.
#[cfg(unix)]
pub fn resident_bytes(pagemap: &std::fs::File, range: &AddressRange, page_bytes: u64) -> io::Result<u64> {
    use std::os::unix::fs::FileExt as _;

    let mut resident = 0;
    let (mut page, end) = (range.start / page_bytes, range.end / page_bytes);
    while page < end {
        let pages = (end - page).min(PAGES_AT_ONCE);
        let mut entries = vec![0; (pages * 8) as usize];
        pagemap.read_exact_at(&mut entries, page * 8)?;
        // The kernel writes entries in native byte order.
        let is_resident =
            |entry: &[u8]| entry.try_into().is_ok_and(|entry| u64::from_ne_bytes(entry) >> 63 == 1);
        resident += entries.chunks_exact(8).filter(|entry| is_resident(entry)).count() as u64;
        page += pages;
    }
    Ok(resident * page_bytes)
}

/// The page size that the kernel passed to the loader (getauxval(3), `AT_PAGESZ`).
pub fn page_bytes() -> io::Result<u64> {
    const AT_PAGESZ: usize = 6;
    const WORD: usize = size_of::<usize>();
    let vector = std::fs::read("/proc/thread-self/auxv")?;
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
    let mut pairs = vector.chunks_exact(2 * WORD);
    let found = pairs.find(|pair| word(&pair[..WORD]) == Some(AT_PAGESZ));
    let size = found.and_then(|pair| word(&pair[WORD..]));
    size.map(|size| size as u64).filter(|size| size.is_power_of_two()).ok_or_else(|| unexpected("page size"))
}

fn mapping(line: &str) -> Option<AddressRange> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn uptimes_are_parsed() {
        assert_eq!(hundredths_ns("350735.47"), Some(350_735_470_000_000));
        assert_eq!(hundredths_ns("0.05"), Some(50_000_000));
        for wrong in ["", "7", "7.", "7.1", "-7.10", "x.10", "99999999999999999999.00"] {
            assert_eq!(hundredths_ns(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text =
            "7 (a) R (b c) S 1 7 7 0 -1 4194560 11 0 13 0 17 19 0 0 20 0 5 0 99 1000 25 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.state), ("a) R (b c", 'S'));
        assert_eq!((stat.minor_faults, stat.major_faults), (11, 13));
        assert_eq!((stat.user_ns, stat.system_ns, stat.start_ticks), (170_000_000, 190_000_000, 99));
        assert_eq!(Stat::parse("7 (a S 1"), None);
    }

    #[test]
    fn this_process_has_an_uptime_descriptors_and_mappings() {
        let stat = Stat::read(STAT).unwrap();
        assert!(uptime_ns(&stat).unwrap() < 24 * 3600 * 1_000_000_000);
        let before = descriptors().unwrap();
        let files: Vec<_> = (0..10).map(|_| std::fs::File::open("/proc/self/status").unwrap()).collect();
        // Other tests of this binary open files at the same time, so only a lower bound is certain.
        assert!(descriptors().unwrap() + 5 >= before + 10, "{} files", files.len());
        assert!(descriptors_limit().unwrap().is_none_or(|limit| limit > 10));
        let here = &stat as *const Stat as u64;
        assert!(mappings().unwrap().iter().any(|range| range.contains(&here)));
    }
}
