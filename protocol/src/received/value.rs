//! A decoded value and its texts: how they are cut and marked before they are used.

use super::cutting::{SENTENCE_CHARACTERS, cut};
use super::words::{Speaker, program_says};
use crate::codec::{self, Decode, DecodeError};

/// A decoded value that is about to be used.
pub trait Received: Decode<()> {
    /// Cuts the texts in it, and marks sentences with their `speaker`. Returns the bytes it holds beyond
    /// its own size.
    fn receive(&mut self, speaker: Speaker) -> u64;
}

/// A text, or a container of texts. A text does not say what it is, so it is received only together with
/// that: the number of characters kept of a name, [`Sentence`] or [`Reason`].
pub(crate) trait Text<As> {
    /// As [`Received::receive`].
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64;
}

/// A text that is read as advice: cut to [`SENTENCE_CHARACTERS`], and marked as the program's words. An empty one
/// says nothing and stays empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sentence;

/// The same of a text whose mark tells whose what stands beside it is: an empty one is marked as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason;

/// Decodes the message `bytes`, which `speaker` sent, as a `T` whose texts are cut and whose sentences are
/// marked; with it the bytes of memory it takes.
///
/// # Errors
/// As [`codec::decode_message`].
pub fn decode<T: Received>(bytes: &[u8], speaker: Speaker) -> Result<(T, u64), DecodeError> {
    let mut value: T = codec::decode_message(bytes)?;
    let beyond = value.receive(speaker);
    Ok((value, size_of::<T>() as u64 + beyond))
}

impl Text<usize> for String {
    fn receive_as(&mut self, characters: usize, _: Speaker) -> u64 {
        cut(self, characters);
        self.capacity() as u64
    }
}

impl Text<Sentence> for String {
    fn receive_as(&mut self, _: Sentence, speaker: Speaker) -> u64 {
        if self.is_empty() { self.capacity() as u64 } else { self.receive_as(Reason, speaker) }
    }
}

impl Text<Reason> for String {
    fn receive_as(&mut self, _: Reason, speaker: Speaker) -> u64 {
        cut(self, SENTENCE_CHARACTERS);
        if speaker == Speaker::Another {
            *self = program_says(self);
        }
        self.capacity() as u64
    }
}

impl<As: Copy, T: Text<As>> Text<As> for Vec<T> {
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64 {
        let own = self.capacity().saturating_mul(size_of::<T>()) as u64;
        self.iter_mut().fold(own, |sum, value| sum.saturating_add(value.receive_as(what, speaker)))
    }
}

impl<T: Received> Received for Vec<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        let own = self.capacity().saturating_mul(size_of::<T>()) as u64;
        self.iter_mut().fold(own, |sum, value| sum.saturating_add(value.receive(speaker)))
    }
}

impl<T: Received> Received for Option<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        self.as_mut().map_or(0, |value| value.receive(speaker))
    }
}

impl<const N: usize> Received for [u8; N] {
    fn receive(&mut self, _: Speaker) -> u64 {
        0
    }
}
