//! Bytes of a file as they are decompressed, a field at a time.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::budget::Limits;
use super::error::ReadError;

/// First bytes of a gzip file (RFC 1952, 2.3.1).
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that are read at a time.
const READ_BYTES: usize = 256 << 10;
/// Up to this size a file may be compressed as well as it likes.
const SMALL_BYTES: u64 = 8 << 20;
/// The most bytes of a field: a string, a sample, an entry of a table.
const LARGEST_FIELD: u64 = 256 << 20;
/// The most parts of a file with less than [`SMALL_PART`] bytes.
const MAX_SMALL_PARTS: usize = 10_000;
/// Bytes of a part that are worth its beginning.
const SMALL_PART: usize = 1024;
/// The most bytes of a number.
const VARINT_BYTES: usize = 10;

/// The decompressed bytes of a file.
pub(super) struct Input<'a> {
    source: Box<dyn Read + 'a>,
    is_at_end: bool,
    is_compressed: bool,
    buffer: Vec<u8>,
    /// What of `buffer` was read and not yet taken.
    start: usize,
    end: usize,
    produced: u64,
    compressed: u64,
    limits: Limits,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: Limits) -> Result<Input<'a>, ReadError> {
        if bytes.is_empty() {
            return Err(ReadError::Invalid("it is empty".to_owned()));
        }
        let source: Box<dyn Read + 'a> = if bytes.starts_with(&GZIP_MAGIC) {
            Box::new(Members::new(bytes))
        } else if bytes.starts_with(&ZSTD_MAGIC) {
            Box::new(Frames { rest: bytes, frame: None, parts: Parts::default() })
        } else {
            Box::new(bytes)
        };
        Ok(Input {
            source,
            is_at_end: false,
            is_compressed: bytes.starts_with(&GZIP_MAGIC) || bytes.starts_with(&ZSTD_MAGIC),
            buffer: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            produced: 0,
            compressed: bytes.len() as u64,
            limits,
        })
    }

    /// Reads until there are `wanted` bytes, or the end. The buffer grows with what was read, not with what a length in
    /// the file promises.
    fn fill(&mut self, wanted: usize) -> Result<(), ReadError> {
        while self.end - self.start < wanted && !self.is_at_end {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = match self.source.read(&mut self.buffer[self.end..]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ReadError::Decompress(error)),
            };
            self.is_at_end = read == 0;
            self.end += read;
            self.produced += read as u64;
            self.check_size()?;
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), ReadError> {
        let expanded = self.compressed.saturating_mul(self.limits.expansion);
        if self.is_compressed && self.produced > SMALL_BYTES && self.produced > expanded {
            return Err(ReadError::Bomb(self.limits.expansion));
        }
        if self.produced > self.limits.decompressed_bytes {
            let limit = self.limits.decompressed_bytes >> 20;
            return Err(ReadError::Invalid(format!("it is larger than {limit} MB when decompressed")));
        }
        if self.buffer.len() as u64 > self.limits.memory_bytes.max(READ_BYTES as u64) {
            return Err(ReadError::Memory(self.limits.memory_bytes));
        }
        Ok(())
    }

    /// The next bytes, up to `wanted`, without taking them.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], ReadError> {
        self.fill(wanted)?;
        let end = self.end.min(self.start + wanted);
        Ok(&self.buffer[self.start..end])
    }

    /// Takes a number; `None` at the end.
    pub(super) fn varint(&mut self) -> Result<Option<u64>, ReadError> {
        let mut bytes = self.peek(VARINT_BYTES)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let before = bytes.len();
        let number = super::wire::varint(&mut bytes).map_err(super::wire::damaged)?;
        let taken = before - bytes.len();
        self.start += taken;
        Ok(Some(number))
    }

    /// Takes `length` bytes.
    pub(super) fn take(&mut self, length: u64) -> Result<&[u8], ReadError> {
        let cut = || ReadError::Invalid("it is cut short".to_owned());
        let length = usize::try_from(length).map_err(|_| cut())?;
        self.fill(length.min(LARGEST_FIELD as usize))?;
        if length as u64 > LARGEST_FIELD && !self.is_at_end {
            return Err(ReadError::Invalid(format!("a field is larger than {} MB", LARGEST_FIELD >> 20)));
        }
        if self.end - self.start < length {
            return Err(cut());
        }
        let start = self.start;
        self.start += length;
        Ok(&self.buffer[start..start + length])
    }
}

/// Counts the parts of a file, members of gzip or frames of zstd, that are hardly worth their beginning: millions of
/// empty ones take seconds, and no limit of size sees them.
#[derive(Default)]
struct Parts {
    small: usize,
    /// What the current part has become.
    produced: usize,
}

impl Parts {
    /// The current part is at its end.
    fn end(&mut self) -> io::Result<()> {
        self.small += usize::from(self.produced < SMALL_PART);
        self.produced = 0;
        if self.small > MAX_SMALL_PARTS {
            return Err(io::Error::other(format!(
                "more than {MAX_SMALL_PARTS} of its parts have less than {SMALL_PART} bytes"
            )));
        }
        Ok(())
    }
}

/// All members of a gzip file, one after the other (RFC 1952, 2.2).
pub(super) struct Members<'a> {
    member: GzDecoder<&'a [u8]>,
    parts: Parts,
}

impl<'a> Members<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Members<'a> {
        Members { member: GzDecoder::new(bytes), parts: Parts::default() }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(to)?;
            self.parts.produced += read;
            let rest: &[u8] = self.member.get_ref();
            if read > 0 || to.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            self.parts.end()?;
            self.member.reset(rest);
        }
    }
}

/// All frames of a zstd file, one after the other.
struct Frames<'a> {
    rest: &'a [u8],
    frame: Option<StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
    parts: Parts,
}

impl Read for Frames<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(to)?;
                self.parts.produced += read;
                if read > 0 || to.is_empty() {
                    return Ok(read);
                }
                self.rest = *frame.get_ref();
                self.frame = None;
                self.parts.end()?;
            }
            match self.rest {
                [] => return Ok(0),
                // A frame to skip: its magic number, its length, its bytes.
                [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, rest @ ..] => {
                    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
                    self.rest = rest.get(length..).ok_or_else(cut)?;
                    self.parts.end()?;
                }
                rest => self.frame = Some(StreamingDecoder::new(rest).map_err(io::Error::other)?),
            }
        }
    }
}
