//! The entries of tables as the file has them: texts by their positions, and others by their ids.

use super::wire::{Damaged, Fields};

/// `profile.proto`'s `ValueType`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ValueType {
    pub(super) kind: i64,
    pub(super) unit: i64,
}

impl ValueType {
    pub(super) fn read(bytes: &[u8]) -> Result<ValueType, Damaged> {
        let (mut of, mut fields) = (ValueType::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.kind = value.signed()?,
                2 => of.unit = value.signed()?,
                _ => {}
            }
        }
        Ok(of)
    }
}

/// `profile.proto`'s `Mapping`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mapping {
    pub(super) id: u64,
    pub(super) start: u64,
    pub(super) limit: u64,
    pub(super) offset: u64,
    pub(super) file: i64,
    pub(super) build_id: i64,
    /// Functions, file names, line numbers, inlined frames.
    pub(super) has: [bool; 4],
}

impl Mapping {
    pub(super) fn read(bytes: &[u8]) -> Result<Mapping, Damaged> {
        let (mut of, mut fields) = (Mapping::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.id = value.number()?,
                2 => of.start = value.number()?,
                3 => of.limit = value.number()?,
                4 => of.offset = value.number()?,
                5 => of.file = value.signed()?,
                6 => of.build_id = value.signed()?,
                7..=10 => of.has[number as usize - 7] = value.number()? != 0,
                _ => {}
            }
        }
        Ok(of)
    }
}

/// `profile.proto`'s `Function`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Function {
    pub(super) id: u64,
    pub(super) name: i64,
    pub(super) system_name: i64,
    pub(super) file: i64,
    pub(super) start_line: i64,
}

impl Function {
    pub(super) fn read(bytes: &[u8]) -> Result<Function, Damaged> {
        let (mut of, mut fields) = (Function::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.id = value.number()?,
                2 => of.name = value.signed()?,
                3 => of.system_name = value.signed()?,
                4 => of.file = value.signed()?,
                5 => of.start_line = value.signed()?,
                _ => {}
            }
        }
        Ok(of)
    }
}

/// `profile.proto`'s `Line`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) function: u64,
    pub(super) line: i64,
    pub(super) column: i64,
}

/// `profile.proto`'s `Location` without its lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Location {
    pub(super) id: u64,
    pub(super) mapping: u64,
    pub(super) address: u64,
    pub(super) is_folded: bool,
    /// Where its lines end among the lines of all locations; they begin where those of the one before it end.
    pub(super) lines_end: usize,
}

impl Location {
    /// Reads a location, and its lines into `lines`.
    pub(super) fn read(bytes: &[u8], lines: &mut Vec<Line>) -> Result<Location, Damaged> {
        let (mut of, mut fields) = (Location::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.id = value.number()?,
                2 => of.mapping = value.number()?,
                3 => of.address = value.number()?,
                4 => lines.push(Line::read(value.bytes()?)?),
                5 => of.is_folded = value.number()? != 0,
                _ => {}
            }
        }
        of.lines_end = lines.len();
        Ok(of)
    }
}

impl Line {
    fn read(bytes: &[u8]) -> Result<Line, Damaged> {
        let (mut of, mut fields) = (Line::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.function = value.number()?,
                2 => of.line = value.signed()?,
                3 => of.column = value.signed()?,
                _ => {}
            }
        }
        Ok(of)
    }
}

/// `profile.proto`'s `Label`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Label {
    pub(super) key: i64,
    pub(super) text: i64,
    pub(super) number: i64,
    pub(super) unit: i64,
}

impl Label {
    pub(super) fn read(bytes: &[u8]) -> Result<Label, Damaged> {
        let (mut of, mut fields) = (Label::default(), Fields(bytes));
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => of.key = value.signed()?,
                2 => of.text = value.signed()?,
                3 => of.number = value.signed()?,
                4 => of.unit = value.signed()?,
                _ => {}
            }
        }
        Ok(of)
    }

    /// Whether it has nothing but a key. pprof drops such labels.
    pub(super) fn is_empty(&self) -> bool {
        self.text == 0 && self.number == 0 && self.unit == 0
    }
}
