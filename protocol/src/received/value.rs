//! Processing of a decoded value: its texts are truncated and marked before they are used.

use super::cutting::{SENTENCE_CHARACTERS, cut};
use super::words::{Speaker, program_says};
use crate::codec::{self, Decode, DecodeError};

/// A decoded value before its first use.
pub trait Received: Decode<()> {
    /// Truncates its texts, and marks sentences according to their `speaker`. Returns the number of bytes that it
    /// owns beyond its own size.
    fn receive(&mut self, speaker: Speaker) -> u64;
}

/// A text, or a container of texts. Its type does not show its kind, so the kind is passed as an
/// argument: the maximum number of characters of a name, [`Sentence`] or [`Reason`].
pub(crate) trait Text<As> {
    /// Like [`Received::receive`].
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64;
}

/// A text that users read as advice: truncated to [`SENTENCE_CHARACTERS`], and marked if it comes from another
/// program. An empty one stays empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sentence;

/// Like [`Sentence`], but an empty one is also marked, because the mark also shows who wrote the text next to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason;

/// Decodes the message `bytes` from `speaker`. The texts of the result are truncated and its sentences
/// are marked. Also returns the memory that it takes, in bytes.
///
/// # Errors
/// The errors of [`codec::decode_message`].
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
