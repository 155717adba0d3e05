//! The text of a report, charged to the command's budget while it is written.
//!
//! An answer of a few megabytes may be gigabytes as text: nested items are indented, and a shared name is written for
//! each item that has it. So text is written to a [`Screen`], which charges its memory to the [`Budget`] and ends with
//! a note when none is left. JSON is not kept as text; its lists end where they would exceed the memory limit of the
//! command.

use std::{fmt, io};

use serde::Serialize;

use crate::budget::{self, Budget, Exhausted};
use crate::text::reason;

/// The buffer grows by at most this much at a time, so that the last of the memory is also used.
const STEP_BYTES: usize = 4 * 1024 * 1024;
/// If there is no memory for that, the buffer grows to the needed size plus this.
const LAST_STEP_BYTES: usize = 4096;
/// While the buffer grows, the previous one also exists.
const COPIES: u64 = 2;
/// An answer that used up all memory is still shown: this many bytes, or this part of a low limit, are not
/// charged.
const SHOWN_ANYWAY_BYTES: u64 = 4 * 1024 * 1024;
const SHOWN_ANYWAY_PART: u64 = 16;
/// Up to this many bytes are shown even after the deadline: less than a second of work.
const SHOWN_LATE_BYTES: usize = 64 * 1024 * 1024;

/// Text that is being written.
#[derive(Debug)]
pub struct Screen {
    budget: Budget,
    text: String,
    cut: Option<Exhausted>,
    is_finished: bool,
}

impl Screen {
    /// An empty screen.
    pub fn new(budget: &Budget) -> Screen {
        Screen { budget: budget.clone(), text: String::new(), cut: None, is_finished: false }
    }

    /// Writes `text`. When no memory or time is left, writes neither `text` nor anything after it.
    pub fn push_str(&mut self, text: &str) {
        if self.cut.is_none()
            && let Err(exhausted) = self.reserve(text.len())
        {
            self.cut = Some(exhausted);
        }
        if self.cut.is_none() {
            self.text.push_str(text);
        }
    }

    /// Writes a character, as [`Screen::push_str`].
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Writes a few lines that are always shown, even after a cut. Their memory is not charged.
    pub fn push_last(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether nothing more is written, so that loops can end.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Why it is incomplete; `None` if it is complete.
    pub fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    /// If the text is incomplete, ends it with a line that states so.
    pub fn finish(&mut self) {
        self.finish_with(|why| format!("… the rest is left out: {why}\n"));
    }

    /// If the text is incomplete, ends it with the result of `last` for the reason.
    pub fn finish_with(&mut self, last: impl FnOnce(&str) -> String) {
        let Some(why) = self.cut.filter(|_| !self.is_finished) else { return };
        self.is_finished = true;
        let whole_lines = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.text.truncate(whole_lines);
        // The memory of these few bytes is not charged.
        let last = last(&reason(why));
        self.text.reserve_exact(last.len());
        self.text.push_str(&last);
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, ended by [`Screen::finish`].
    pub fn into_text(mut self) -> String {
        self.finish();
        self.text
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let (length, capacity) = (self.text.len(), self.text.capacity());
        let needed = length.saturating_add(bytes);
        if needed <= capacity {
            return Ok(());
        }
        if needed > SHOWN_LATE_BYTES {
            self.budget.check_time()?;
        }
        let free = SHOWN_ANYWAY_BYTES.min(self.budget.limit_bytes() / SHOWN_ANYWAY_PART);
        let charged = |capacity: usize| (capacity as u64).saturating_sub(free).saturating_mul(COPIES);
        let charge = |wanted: usize| self.budget.charge(charged(wanted) - charged(capacity)).map(|()| wanted);
        let generous = needed.max(capacity.saturating_add(capacity.clamp(256, STEP_BYTES)));
        let wanted = charge(generous).or_else(|_| charge(needed.saturating_add(LAST_STEP_BYTES)))?;
        self.text.reserve_exact(wanted - length);
        Ok(())
    }
}

impl From<String> for Screen {
    /// Text that is bounded by the limits of the answer; it is not charged.
    fn from(text: String) -> Screen {
        Screen { budget: budget::standard(), text, cut: None, is_finished: false }
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        // The formatter can stop.
        if self.is_cut() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The limit on the lists of a JSON report, by the length of their entries in JSON. The memory of the underlying data
/// is charged where that is kept.
#[derive(Debug)]
pub(super) struct Room {
    budget: Budget,
    bytes: u64,
    cut: Option<Exhausted>,
}

/// Counts the bytes written.
struct Length(u64);

impl Room {
    pub(super) fn new(budget: &Budget) -> Room {
        Room { budget: budget.clone(), bytes: 0, cut: None }
    }

    /// Whether an entry fits; after the first that does not fit, none does.
    pub(super) fn takes(&mut self, entry: &impl Serialize) -> bool {
        if self.cut.is_none()
            && let Err(exhausted) = self.charge(entry)
        {
            self.cut = Some(exhausted);
        }
        self.cut.is_none()
    }

    /// The entries that fit.
    pub(super) fn fill<T: Serialize>(&mut self, entries: impl Iterator<Item = T>) -> Vec<T> {
        entries.take_while(|entry| self.takes(entry)).collect()
    }

    /// Why entries are left out; `None` if none are.
    pub(super) fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    fn charge(&mut self, entry: &impl Serialize) -> Result<(), Exhausted> {
        let mut length = Length(0);
        // Writing to it cannot fail, and every entry of a report can be serialized.
        let _ = serde_json::to_writer_pretty(&mut length, entry);
        self.bytes = self.bytes.saturating_add(length.0);
        if self.bytes > SHOWN_LATE_BYTES as u64 {
            self.budget.check_time()?;
        }
        if self.bytes > self.budget.limit_bytes() {
            return Err(self.budget.exhausted());
        }
        Ok(())
    }
}

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_ends_at_the_budget_with_whole_lines_and_a_note() {
        let budget = Budget::new(100_000);
        let mut screen = Screen::new(&budget);
        let mut lines = 0;
        while !screen.is_cut() {
            lines += 1;
            assert!(lines < 100_000, "it does not end");
            let _ = writeln!(screen, "line {lines} of a hostile program");
        }
        screen.push_str("and more\n");
        assert_eq!(screen.cut(), Some(Exhausted::Memory(100_000)));
        let text = screen.into_text();
        assert!((50_000..57_000).contains(&text.len()), "{}", text.len());
        assert!(text.capacity() < 57_000, "{}", text.capacity());
        let rest = "program\n… the rest is left out: the memory limit of 0 MiB was reached; \
                    allow more with --max-memory or --timeout\n";
        assert!(text.ends_with(rest), "{}", &text[text.len() - 200..]);
    }

    #[test]
    fn an_answer_that_used_all_memory_is_shown_up_to_a_limit() {
        let budget = Budget::new(1 << 30);
        assert_eq!(budget.charge(1 << 30), Ok(()));
        let mut screen = Screen::new(&budget);
        while !screen.is_cut() {
            screen.push_str("an entry that fits\n");
        }
        let shown = screen.as_str().len() as u64;
        assert!((SHOWN_ANYWAY_BYTES / 2..=SHOWN_ANYWAY_BYTES).contains(&shown), "{shown}");
        let mut room = Room::new(&budget);
        assert!(room.takes(&"an entry that fits"));
    }

    #[test]
    fn text_after_the_deadline_is_shown_up_to_a_limit() {
        let budget = Budget::new(1 << 30);
        budget.end_by(Instant::now());
        let mut screen = Screen::new(&budget);
        screen.push_str("what came in time\n");
        assert_eq!(screen.cut(), None);
        let more = "and what is made of it\n".repeat(1000);
        while !screen.is_cut() {
            screen.push_str(&more);
        }
        assert_eq!(screen.cut(), Some(Exhausted::Time));
        assert!(screen.as_str().len() <= 2 * SHOWN_LATE_BYTES);
    }
}
