//! The fields of a profile into columns as they come. A file has its samples before the tables that they refer to, so ids
//! are numbered first and [resolved](super::resolve) at the end.

use super::budget::{Budget, Limits};
use super::entries::{Function, Label, Line, Location, Mapping, ValueType};
use super::error::ReadError;
use super::input::Input;
use super::numbers::Numbers;
use super::wire::{self, Damaged, Encoding, Fields, damaged};
use crate::profile::{Lists, LocationId, Samples, TextId, Texts};

/// The most entries of a string table that repeat others. Writers write each text once.
const MAX_REPEATED_TEXTS: usize = 1 << 18;
/// The most sample types. Profiles of Go have up to four.
const MAX_SAMPLE_TYPES: usize = 1000;
/// A message above this size is checked before it is read.
const LARGE_MESSAGE: usize = 64 << 10;
/// What an entry of an index takes beside what it refers to.
const INDEX_BYTES: usize = 24;

/// What was read so far.
pub(super) struct Columns {
    budget: Budget,
    pub(super) texts: Texts,
    /// From positions in the string table of the file to texts.
    pub(super) strings: Vec<TextId>,
    repeated_texts: usize,
    pub(super) sample_types: Vec<ValueType>,
    pub(super) samples: Samples,
    /// How many values each sample has.
    pub(super) values: Option<usize>,
    /// Stacks of numbers of [`Columns::location_numbers`].
    pub(super) stacks: Lists<LocationId>,
    pub(super) location_numbers: Numbers,
    pub(super) label_sets: Lists<Label>,
    pub(super) mappings: Vec<Mapping>,
    pub(super) functions: Vec<Function>,
    pub(super) locations: Vec<Location>,
    pub(super) lines: Vec<Line>,
    pub(super) comments: Vec<i64>,
    pub(super) period_type: ValueType,
    /// Fields 7 to 15 with one number, by field number.
    pub(super) scalars: [i64; 16],
    stack: Vec<LocationId>,
    sample: Vec<i64>,
    labels: Vec<Label>,
}

impl Columns {
    pub(super) fn new(limits: Limits) -> Columns {
        Columns {
            budget: Budget::new(limits),
            texts: Texts::new(),
            strings: Vec::new(),
            repeated_texts: 0,
            sample_types: Vec::new(),
            samples: Samples::default(),
            values: None,
            stacks: Lists::new(),
            location_numbers: Numbers::default(),
            label_sets: Lists::new(),
            mappings: Vec::new(),
            functions: Vec::new(),
            locations: Vec::new(),
            lines: Vec::new(),
            comments: Vec::new(),
            period_type: ValueType::default(),
            scalars: [0; 16],
            stack: Vec::new(),
            sample: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Reads all fields.
    pub(super) fn read(&mut self, input: &mut Input<'_>) -> Result<(), ReadError> {
        let cut = || ReadError::Invalid("it is cut short".to_owned());
        // How many groups are open: unknown fields in unknown fields.
        let mut groups = 0u64;
        while let Some(tag) = input.varint()? {
            let (number, encoding) = wire::tag(tag).map_err(damaged)?;
            match encoding {
                Encoding::GroupStart => groups += 1,
                Encoding::GroupEnd => {
                    groups = groups
                        .checked_sub(1)
                        .ok_or_else(|| ReadError::Invalid("a group ends that did not begin".to_owned()))?;
                }
                Encoding::Fixed(length) => drop(input.take(length as u64)?),
                Encoding::Varint => {
                    let value = input.varint()?.ok_or_else(cut)?;
                    if groups == 0 {
                        self.number(number, value)?;
                    }
                }
                Encoding::Length => {
                    let length = input.varint()?.ok_or_else(cut)?;
                    let bytes = input.take(length)?;
                    if groups == 0 {
                        self.message(number, bytes)?;
                    }
                }
            }
        }
        if groups == 0 { Ok(()) } else { Err(cut()) }
    }

    fn number(&mut self, field: u64, value: u64) -> Result<(), ReadError> {
        match field {
            1..=6 | 11 => return Err(ReadError::Invalid("a field is of another type".to_owned())),
            // A second profile behind the first begins anew.
            9 if self.scalars[9] != 0 => {
                return Err(ReadError::Invalid("concatenated profiles detected".to_owned()));
            }
            13 => {
                self.budget.take(8)?;
                self.comments.push(value as i64);
            }
            7..=15 => self.scalars[field as usize] = value as i64,
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, field: u64, bytes: &[u8]) -> Result<(), ReadError> {
        match field {
            1 => {
                self.budget.take(size_of::<ValueType>())?;
                if self.sample_types.len() == MAX_SAMPLE_TYPES {
                    return Err(ReadError::Invalid(format!(
                        "it has more than {MAX_SAMPLE_TYPES} sample types"
                    )));
                }
                self.sample_types.push(ValueType::read(bytes).map_err(damaged)?);
            }
            2 => self.sample(bytes)?,
            3 => {
                self.budget.take(2 * size_of::<Mapping>() + INDEX_BYTES)?;
                self.mappings.push(Mapping::read(bytes).map_err(damaged)?);
            }
            4 => {
                self.check_expanded(bytes)?;
                let before = self.lines.len();
                let location = Location::read(bytes, &mut self.lines).map_err(damaged)?;
                let lines = self.lines.len() - before;
                self.budget.take(2 * lines * size_of::<Line>() + 2 * size_of::<Location>() + INDEX_BYTES)?;
                self.locations.push(location);
            }
            5 => {
                self.budget.take(2 * size_of::<Function>() + INDEX_BYTES)?;
                self.functions.push(Function::read(bytes).map_err(damaged)?);
            }
            6 => self.text(bytes)?,
            11 => self.period_type = ValueType::read(bytes).map_err(damaged)?,
            13 => {
                self.budget.take(bytes.len().saturating_mul(8))?;
                let comments = &mut self.comments;
                wire::Value::Bytes(bytes)
                    .numbers(|comment| comments.push(comment as i64))
                    .map_err(damaged)?;
            }
            7..=10 | 12 | 14 | 15 => return Err(ReadError::Invalid("a field is of another type".to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// What is counted after it was read must not be too large before: a byte becomes at most a line of 24 bytes or an
    /// entry of an index.
    fn check_expanded(&self, bytes: &[u8]) -> Result<(), ReadError> {
        if bytes.len() > LARGE_MESSAGE {
            self.budget.check(bytes.len().saturating_mul(INDEX_BYTES))
        } else {
            Ok(())
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        if self.strings.is_empty() && !bytes.is_empty() {
            return Err(ReadError::Invalid("its first string is not empty".to_owned()));
        }
        let before = self.texts.len();
        let id = self.texts.intern(&String::from_utf8_lossy(bytes));
        if self.texts.len() > before {
            self.budget.take(self.texts.get(id).len() + 2 * INDEX_BYTES)?;
        } else if !self.strings.is_empty() {
            self.repeated_texts += 1;
            if self.repeated_texts > MAX_REPEATED_TEXTS {
                return Err(ReadError::Invalid(
                    "its string table repeats hundreds of thousands of strings".to_owned(),
                ));
            }
        }
        self.budget.take(4)?;
        self.strings.push(id);
        Ok(())
    }

    fn sample(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        self.check_expanded(bytes)?;
        self.decode_sample(bytes).map_err(damaged)?;
        let values = self.sample.len();
        let expected = *self.values.get_or_insert(values);
        if values != expected || values == 0 {
            return Err(ReadError::Invalid(match values {
                0 => "a sample has no values".to_owned(),
                _ => format!("a sample has {values} values, others have {expected}"),
            }));
        }
        let before = (self.stacks.len(), self.stacks.items(), self.label_sets.len(), self.label_sets.items());
        let numbered = self.location_numbers.len();
        let (stack, set) = (self.stacks.intern(&self.stack), self.label_sets.intern(&self.labels));
        self.samples.push(stack, set, &self.sample);
        let new = |now: usize, before: usize| now.saturating_sub(before);
        self.budget.take(
            8 + 8 * values
                + new(self.stacks.len() + self.label_sets.len(), before.0 + before.2) * INDEX_BYTES
                + new(self.stacks.items(), before.1) * size_of::<LocationId>()
                + new(self.label_sets.items(), before.3) * 2 * size_of::<Label>()
                + new(self.location_numbers.len(), numbered) * INDEX_BYTES,
        )
    }

    /// Reads a sample into `stack`, `sample` and `labels`.
    fn decode_sample(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let Columns { stack, sample, labels, location_numbers, .. } = self;
        stack.clear();
        sample.clear();
        labels.clear();
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => value.numbers(|id| stack.push(LocationId(location_numbers.number(id))))?,
                2 => value.numbers(|of| sample.push(of as i64))?,
                3 => {
                    let label = Label::read(value.bytes()?)?;
                    if !label.is_empty() {
                        labels.push(label);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
