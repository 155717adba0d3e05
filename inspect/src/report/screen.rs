//! The text of a report, charged to the command's budget as it is written.
//!
//! An answer of some megabytes may be gigabytes as text: what is nested is indented, and a name that is
//! there once is written for each that has it. So text is written to a [`Screen`], which takes the memory
//! it needs from the [`Budget`], and where there is none left ends with a line that says so. JSON is not
//! kept as text; its lists end where they would be longer than the memory that the command may take.

use std::{fmt, io};

use serde::Serialize;

use crate::budget::{self, Budget, Exhausted};
use crate::text::reason;

/// Its room grows by no more than this at a time, so that the last of the memory is used, too.
const STEP_BYTES: usize = 4 * 1024 * 1024;
/// And when there is no memory for that, by so much more than is needed.
const LAST_STEP_BYTES: usize = 4096;
/// While it grows there is the former one, too.
const COPIES: u64 = 2;
/// What an answer had room for is shown when that was the last room there was: so many bytes, or a part of the
/// limit where that is low, are of the memory that is not charged.
const SHOWN_ANYWAY_BYTES: u64 = 4 * 1024 * 1024;
const SHOWN_ANYWAY_PART: u64 = 16;
/// What comes after its time is shown all the same, up to so many bytes: less than a second's work.
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
    /// An empty one.
    pub fn new(budget: &Budget) -> Screen {
        Screen { budget: budget.clone(), text: String::new(), cut: None, is_finished: false }
    }

    /// Writes `text`, or, when there is no memory or time left, nothing of it and of all that follows.
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

    /// Writes a few lines that are shown in any case, also behind what was cut: they are in the part of the memory
    /// that is not charged.
    pub fn push_last(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether nothing more is written: for loops to end by.
    pub fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Why it is not whole; `None` when it is.
    pub fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    /// Ends what could not be written in full with a line that says so.
    pub fn finish(&mut self) {
        self.finish_with(|why| format!("… the rest is left out: {why}\n"));
    }

    /// Ends what could not be written in full with what `last` makes of the reason.
    pub fn finish_with(&mut self, last: impl FnOnce(&str) -> String) {
        let Some(why) = self.cut.filter(|_| !self.is_finished) else { return };
        self.is_finished = true;
        let whole_lines = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.text.truncate(whole_lines);
        // These few bytes are in the part of the memory that is not charged.
        let last = last(&reason(why));
        self.text.reserve_exact(last.len());
        self.text.push_str(&last);
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What was written, ended as by [`Screen::finish`].
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
    /// Text whose length no other process decides.
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
        // Whoever formats need not go on.
        if self.is_cut() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The room there is for the lists of a report in JSON, by the length of their entries there. The memory of
/// what they tell of is charged where that is kept.
#[derive(Debug)]
pub(super) struct Room {
    budget: Budget,
    bytes: u64,
    cut: Option<Exhausted>,
}

/// Counts what is written.
struct Length(u64);

impl Room {
    pub(super) fn new(budget: &Budget) -> Room {
        Room { budget: budget.clone(), bytes: 0, cut: None }
    }

    /// Whether there is room for an entry; after the first one without there is none for any.
    pub(super) fn takes(&mut self, entry: &impl Serialize) -> bool {
        if self.cut.is_none()
            && let Err(exhausted) = self.charge(entry)
        {
            self.cut = Some(exhausted);
        }
        self.cut.is_none()
    }

    /// The entries that have room.
    pub(super) fn fill<T: Serialize>(&mut self, entries: impl Iterator<Item = T>) -> Vec<T> {
        entries.take_while(|entry| self.takes(entry)).collect()
    }

    /// Why entries are left out; `None` when none are.
    pub(super) fn cut(&self) -> Option<Exhausted> {
        self.cut
    }

    fn charge(&mut self, entry: &impl Serialize) -> Result<(), Exhausted> {
        let mut length = Length(0);
        // It takes every write, and no entry of a report fails to become JSON.
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
    fn it_ends_at_the_budget_with_whole_lines_and_a_word_about_it() {
        let budget = Budget::new(100_000);
        let mut screen = Screen::new(&budget);
        let mut lines = 0;
        while !screen.is_cut() {
            lines += 1;
            assert!(lines < 100_000, "without an end");
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
    fn what_an_answer_took_all_memory_for_is_shown_up_to_a_limit() {
        let budget = Budget::new(1 << 30);
        assert_eq!(budget.charge(1 << 30), Ok(()));
        let mut screen = Screen::new(&budget);
        while !screen.is_cut() {
            screen.push_str("what there was room for\n");
        }
        let shown = screen.as_str().len() as u64;
        assert!((SHOWN_ANYWAY_BYTES / 2..=SHOWN_ANYWAY_BYTES).contains(&shown), "{shown}");
        let mut room = Room::new(&budget);
        assert!(room.takes(&"what there was room for"));
    }

    #[test]
    fn what_comes_late_is_shown_up_to_a_limit() {
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
