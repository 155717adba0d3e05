//! Fields of protobuf messages.

use super::error::ReadError;

/// What is wrong with the bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged(pub(super) &'static str);

pub(super) fn damaged(Damaged(why): Damaged) -> ReadError {
    ReadError::Invalid(why.to_owned())
}

const CUT: Damaged = Damaged("it is cut short");
const TYPE: Damaged = Damaged("a field is of another type");

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a fixed size or a group: no field of a profile is.
    Other,
}

impl<'a> Value<'a> {
    pub(super) fn number(self) -> Result<u64, Damaged> {
        if let Value::Number(number) = self { Ok(number) } else { Err(TYPE) }
    }

    pub(super) fn signed(self) -> Result<i64, Damaged> {
        self.number().map(|number| number as i64)
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], Damaged> {
        if let Value::Bytes(bytes) = self { Ok(bytes) } else { Err(TYPE) }
    }

    /// The numbers of a repeated field, packed or one of them.
    pub(super) fn numbers(self, mut each: impl FnMut(u64)) -> Result<(), Damaged> {
        match self {
            Value::Number(number) => each(number),
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(varint(&mut packed)?);
                }
            }
            Value::Other => return Err(TYPE),
        }
        Ok(())
    }
}

/// Takes a number.
#[inline]
pub(super) fn varint(from: &mut &[u8]) -> Result<u64, Damaged> {
    let bytes = *from;
    if let [first @ 0..=0x7f, rest @ ..] = bytes {
        *from = rest;
        return Ok(u64::from(*first));
    }
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *from = bytes.get(at + 1..).unwrap_or_default();
            return Ok(number);
        }
    }
    Err(if bytes.len() < 10 { CUT } else { Damaged("a number has more than ten bytes") })
}

/// How a field is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Varint,
    Length,
    Fixed(usize),
    GroupStart,
    GroupEnd,
}

/// The number of a field and its encoding.
pub(super) fn tag(tag: u64) -> Result<(u64, Encoding), Damaged> {
    let encoding = match tag & 7 {
        0 => Encoding::Varint,
        1 => Encoding::Fixed(8),
        2 => Encoding::Length,
        3 => Encoding::GroupStart,
        4 => Encoding::GroupEnd,
        5 => Encoding::Fixed(4),
        _ => return Err(Damaged("a field has an unknown encoding")),
    };
    // Also what a file of zeros has.
    if tag >> 3 == 0 { Err(Damaged("a field has the number 0")) } else { Ok((tag >> 3, encoding)) }
}

/// The fields of a message in memory.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Damaged> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (number, encoding) = tag(varint(&mut self.0)?)?;
        let value = match encoding {
            Encoding::Varint => Value::Number(varint(&mut self.0)?),
            Encoding::Length => {
                let length = varint(&mut self.0)?;
                Value::Bytes(self.take(length)?)
            }
            Encoding::Fixed(length) => {
                self.take(length as u64)?;
                Value::Other
            }
            Encoding::GroupStart => {
                self.skip_group()?;
                Value::Other
            }
            Encoding::GroupEnd => return Err(Damaged("a group ends that did not begin")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Skips to the end of the group that has begun, and the groups in it, without recursion.
    fn skip_group(&mut self) -> Result<(), Damaged> {
        let mut depth = 1u64;
        while depth > 0 {
            match tag(varint(&mut self.0)?)?.1 {
                Encoding::Varint => drop(varint(&mut self.0)?),
                Encoding::Length => {
                    let length = varint(&mut self.0)?;
                    self.take(length)?;
                }
                Encoding::Fixed(length) => drop(self.take(length as u64)?),
                Encoding::GroupStart => depth += 1,
                Encoding::GroupEnd => depth -= 1,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_unknown_ones_skipped() {
        // 1: 150, 2: "ab", 3: fixed, 4: a group with a group with a number, 5: 1
        let bytes = [8, 150, 1, 18, 2, b'a', b'b', 29, 0, 0, 0, 0, 35, 43, 8, 7, 44, 36, 40, 1];
        let mut fields = Fields(&bytes);
        let mut all = Vec::new();
        while let Some(field) = fields.next().expect("it is whole") {
            all.push(field);
        }
        let other = |number| (number, Value::Other);
        assert_eq!(
            all,
            [(1, Value::Number(150)), (2, Value::Bytes(b"ab")), other(3), other(4), (5, Value::Number(1))]
        );
    }

    #[test]
    fn damage_is_named() {
        let why = |bytes: &[u8]| Fields(bytes).next().map(|_| ()).expect_err("it is damaged").0;
        assert_eq!(why(&[0, 0]), "a field has the number 0");
        assert_eq!(why(&[18, 5, b'a']), "it is cut short");
        assert_eq!(why(&[18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), "it is cut short");
        assert_eq!(why(&[8, 0x80]), "it is cut short");
        assert_eq!(
            why(&[8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
            "a number has more than ten bytes"
        );
        assert_eq!(why(&[14]), "a field has an unknown encoding");
        assert_eq!(why(&[36]), "a group ends that did not begin");
        assert_eq!(why(&[35, 35, 36]), "it is cut short");
    }
}
