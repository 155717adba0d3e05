//! Timers of Tokio that a task waits for: when one is due that its runtime has not fired yet.
//!
//! A `Sleep` has its deadline, and, once it was polled, an entry of the time driver: a `StateCell` with the tick at
//! which it is due, or one of two marks when it fires or has fired (`tokio/src/runtime/time/entry.rs`).

use crate::decode::memory::NoBytes;
use crate::decode::roles::base;
use crate::decode::value::{Value, active};
use crate::decode::waits::Waits;
use crate::types::{Member, Shape, Type, TypeId};

/// From here on a state is no tick: the timer fires now, or has fired, or was never registered.
const FIRST_MARK: u64 = u64::MAX - 1;
/// Maximum depth of the search in a `Sleep`, and maximum values that are visited in one.
const DEEPEST: usize = 12;
const MOST_VALUES: usize = 256;
const SECOND_NS: u64 = 1_000_000_000;

/// Whether a member of a type is searched for: its name, and its type.
type Wanted = fn(&str, &Type) -> bool;

impl Waits<'_> {
    /// The deadline of a timer that is registered and has not fired, in nanoseconds of `CLOCK_MONOTONIC`; `None` for
    /// others, and where the layout is unknown.
    pub(super) fn due_ns(&mut self, sleep: Value<'_>) -> Result<Option<u64>, NoBytes> {
        let Some(state) = self.number_in(sleep, is_state)? else { return Ok(None) };
        if state >= FIRST_MARK {
            return Ok(None);
        }
        let (Some(seconds), Some(rest)) =
            (self.number_in(sleep, is_seconds)?, self.number_in(sleep, is_rest)?)
        else {
            return Ok(None);
        };
        let due = seconds.checked_mul(SECOND_NS).and_then(|ns| ns.checked_add(rest));
        Ok(due.filter(|_| rest < SECOND_NS))
    }

    /// The number in the first member that is wanted.
    fn number_in(&mut self, value: Value<'_>, wanted: Wanted) -> Result<Option<u64>, NoBytes> {
        let mut left = MOST_VALUES;
        match self.find(value, wanted, DEEPEST, &mut left)? {
            Some((avma, size @ (4 | 8))) => Ok(Some(self.snapshot.number(avma, size)?)),
            _ => Ok(None),
        }
    }

    /// Address and size of the first member that is wanted.
    fn find(
        &mut self,
        value: Value<'_>,
        wanted: Wanted,
        depth: usize,
        left: &mut usize,
    ) -> Result<Option<(u64, u64)>, NoBytes> {
        match &value.found.shape {
            Shape::Struct { members, is_union: false } => {
                for member in members {
                    if wanted(&member.name, value.found) {
                        return Ok(self.size(member.type_id).map(|size| (at(value, member), size)));
                    }
                    if let Some(found) = self.find_in(value, member, wanted, depth, left)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            Shape::Enum { .. } => match active(self.snapshot, value)? {
                Some(content) => self.find_in(value, content, wanted, depth, left),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn find_in(
        &mut self,
        around: Value<'_>,
        member: &Member,
        wanted: Wanted,
        depth: usize,
        left: &mut usize,
    ) -> Result<Option<(u64, u64)>, NoBytes> {
        if depth == 0 || *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        let Some(found) = self.content.get(self.source, member.type_id) else { return Ok(None) };
        self.find(Value { found: &found, avma: at(around, member) }, wanted, depth - 1, left)
    }

    fn size(&mut self, id: TypeId) -> Option<u64> {
        self.content.get(self.source, id).map(|found| found.size)
    }
}

fn at(value: Value<'_>, member: &Member) -> u64 {
    value.avma.wrapping_add(member.offset)
}

/// The word of an entry with its tick or mark.
fn is_state(name: &str, around: &Type) -> bool {
    name == "state"
        && &*around.namespace == "tokio::runtime::time::entry"
        && base(&around.name) == "StateCell"
}

/// `Timespec` is what an `Instant` consists of; a `Sleep` has one only in its deadline.
fn is_seconds(name: &str, around: &Type) -> bool {
    name == "tv_sec" && base(&around.name) == "Timespec"
}

fn is_rest(name: &str, around: &Type) -> bool {
    name == "tv_nsec" && base(&around.name) == "Timespec"
}
