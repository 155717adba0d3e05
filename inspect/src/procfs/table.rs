//! The kernel's tables of sockets, line by line. Any user that can create sockets controls the length of a
//! table.

use std::io::{self, BufRead, Read as _};
use std::time::Instant;

/// Maximum length of a line. Lines of the tables are shorter: a few columns of numbers and a name of at most 108
/// bytes.
const LONGEST_LINE: u64 = 1024;
/// Lines read between two checks of the clock.
const LINES_PER_CHECK: u64 = 1024;

/// Calls `take` with each line, including its end; returns `false` when the deadline passed first.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn each_line(
    mut table: impl BufRead,
    deadline: Instant,
    mut take: impl FnMut(&[u8]),
) -> io::Result<bool> {
    let mut line = Vec::new();
    for number in 0_u64.. {
        if number % LINES_PER_CHECK == 0 && Instant::now() >= deadline {
            return Ok(false);
        }
        line.clear();
        if table.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        take(&line);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_complete_and_a_long_line_comes_in_parts() {
        let long = "x".repeat(1500);
        let (mut lengths, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        let table = format!("a\n{long}\nb");
        assert!(each_line(table.as_bytes(), deadline, |line| lengths.push(line.len())).unwrap());
        assert_eq!(lengths, [2, 1024, 477, 1]);
        assert!(!each_line(table.as_bytes(), Instant::now(), |_| panic!("it is too late")).unwrap());
    }
}
