//! Fields that were added to a message after its first release.
//!
//! They are at the end of the message, as [`Tail`]s: an older reader skips them, and a newer reader finds none
//! in a message from an older writer. A peer of protocol 1 refuses unknown bytes, so a `Tail` with a value
//! can only be created with the protocol of its reader.

use bincode::de::read::Reader as _;
use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};

use crate::codec::{Decode, Encode};
use crate::received::{Received, Speaker};

/// The first protocol whose readers skip unknown fields.
const FIRST_WITH_TAILS: u32 = 2;

/// A field at the end of a message, which older writers do not send and older readers skip.
///
/// If one is absent, all after it are absent: a writer sends either all the fields it knows, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tail<T>(Option<T>);

impl<T> Tail<T> {
    /// The field, for a reader of this `protocol`; absent if that reader would refuse it.
    pub fn for_reader(protocol: u32, value: T) -> Tail<T> {
        Tail((protocol >= FIRST_WITH_TAILS).then_some(value))
    }

    /// Absent, as from an older writer.
    pub const fn absent() -> Tail<T> {
        Tail(None)
    }

    /// The value, if it was sent.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// Makes the field absent if a reader of this `protocol` would refuse it.
    pub(crate) fn drop_for(&mut self, protocol: u32) {
        self.0 = self.0.take().filter(|_| protocol >= FIRST_WITH_TAILS);
    }

    pub(crate) fn value_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }
}

impl<T> Default for Tail<T> {
    fn default() -> Tail<T> {
        Tail::absent()
    }
}

impl<T: Received> Received for Tail<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        self.value_mut().map_or(0, |value| value.receive(speaker))
    }
}

impl<T: Encode> Encode for Tail<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.as_ref().map_or(Ok(()), |value| value.encode(encoder))
    }
}

impl<C, T: Decode<C>> Decode<C> for Tail<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Tail<T>, DecodeError> {
        // The reader of a slice knows whether a byte is left. `codec` uses no other reader.
        match decoder.reader().peek_read(1) {
            None => Ok(Tail(None)),
            Some(_) => T::decode(decoder).map(|value| Tail(Some(value))),
        }
    }
}

impl<'de, C, T: Decode<C>> BorrowDecode<'de, C> for Tail<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Tail<T>, DecodeError> {
        Tail::decode(decoder)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Tail;
    use crate::codec::{self, Decode, Encode};

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct First {
        number: u64,
    }

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Second {
        number: u64,
        name: Tail<String>,
    }

    #[test]
    fn an_older_reader_skips_a_tail_and_a_newer_reader_accepts_its_absence() {
        let new = codec::encode(&Second { number: 300, name: Tail::for_reader(2, "a".into()) }).unwrap();
        assert_eq!(codec::decode_message::<First>(&new).unwrap(), First { number: 300 });
        assert!(codec::decode::<First>(&new).is_err(), "as protocol 1 reads it");
        let old = codec::encode(&First { number: 300 }).unwrap();
        let read = codec::decode_message::<Second>(&old).unwrap();
        assert_eq!(read, Second { number: 300, name: Tail::absent() });
        assert!(codec::decode_message::<Second>(&new[..new.len() - 1]).is_err(), "cut short is not absent");
    }

    #[test]
    fn a_reader_of_protocol_1_gets_no_tail() {
        let name = Tail::for_reader(1, "a".to_owned());
        let bytes = codec::encode(&Second { number: 300, name }).unwrap();
        assert_eq!(bytes, codec::encode(&First { number: 300 }).unwrap());
    }
}
