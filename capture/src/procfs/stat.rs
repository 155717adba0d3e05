//! Parser of `stat`, of a process or a thread.

use std::io;

use super::file::{SMALL_FILE_BYTES, TICK_NS, unexpected};

/// The fields of a `stat` file that are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Name (`comm`).
    pub name: String,
    /// State letter.
    pub state: char,
    /// Page faults served without reading from disk.
    pub minor_faults: u64,
    /// Page faults that read from disk.
    pub major_faults: u64,
    /// CPU time in user mode, in nanoseconds.
    pub user_ns: u64,
    /// CPU time in the kernel, in nanoseconds.
    pub system_ns: u64,
    /// The number of threads of the process.
    pub threads: u64,
    /// The start time, in clock ticks since boot.
    pub start_ticks: u64,
}

impl Stat {
    /// Parses a `stat` file. The name is between the first `(` and the *last* `)`,
    /// because a name may contain both, and spaces.
    pub fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.split_once('(')?;
        let (name, rest) = rest.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc(5) counts from 1 and the state is field 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            minor_faults: field(10)?,
            major_faults: field(12)?,
            user_ns: field(14)?.checked_mul(TICK_NS)?,
            system_ns: field(15)?.checked_mul(TICK_NS)?,
            threads: field(20)?,
            start_ticks: field(22)?,
        })
    }

    /// Reads the `stat` file at `path`.
    pub fn read(path: &str) -> io::Result<Stat> {
        Stat::parse(&super::file::read(path, SMALL_FILE_BYTES)?).ok_or_else(|| unexpected("stat line"))
    }
}
