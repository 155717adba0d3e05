//! A profile in columns as the bytes of a file, written as they are made.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::profile::{Label, LabelValue, Profile, TextId, ValueType};

/// A profile as the bytes of a `.pb.gz` file.
pub fn encode_profile(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = write_profile(profile, &mut bytes);
    bytes
}

/// Writes a profile as a `.pb.gz` file. Only texts that something refers to are written. Tables keep their ids, and what
/// no sample refers to is kept, too: see [`compact`](crate::merge::compact).
///
/// # Errors
/// Those of `to`.
pub fn write_profile(profile: &Profile, to: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer {
        profile,
        to: GzEncoder::new(to, Compression::default()),
        strings: vec![0; profile.texts.len()],
        texts: vec![TextId::EMPTY],
    };
    writer.write()?;
    writer.to.finish().map(drop)
}

struct Writer<'a> {
    profile: &'a Profile,
    to: GzEncoder<&'a mut dyn Write>,
    /// By text: its position in the string table; 0 if it has none yet.
    strings: Vec<u64>,
    texts: Vec<TextId>,
}

/// A message that is built: its fields that are not 0.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        if number != 0 {
            self.varint(field << 3);
            self.varint(number);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A repeated field, with 0 where that is a number of it.
    fn packed(&mut self, field: u64, numbers: impl Iterator<Item = u64>) {
        let mut packed = Message::default();
        numbers.for_each(|number| packed.varint(number));
        if !packed.0.is_empty() {
            self.bytes(field, &packed.0);
        }
    }
}

impl Writer<'_> {
    fn write(&mut self) -> io::Result<()> {
        let profile = self.profile;
        for of in &profile.sample_types {
            let message = self.value_type(*of);
            self.message(1, &message)?;
        }
        // By set of labels, for all samples that have it.
        let sets: Vec<Message> = profile.label_sets.iter().map(|set| self.labels(set)).collect();
        let mut message = Message::default();
        for at in 0..profile.samples.len() {
            message.0.clear();
            message.packed(1, profile.stack(at).iter().map(|id| profile.id_of_location(*id)));
            message.packed(2, profile.values(at).iter().map(|value| *value as u64));
            let set = profile.samples.label_sets.get(at).and_then(|set| sets.get(*set as usize));
            message.0.extend_from_slice(set.map_or(&[], |set| &set.0));
            self.message(2, &message)?;
        }
        self.mappings()?;
        self.locations()?;
        self.functions()?;
        let mut rest = Message::default();
        for (field, text) in [(7, profile.drop_frames), (8, profile.keep_frames)] {
            rest.number(field, self.string(text));
        }
        rest.number(9, profile.time_ns as u64);
        rest.number(10, profile.duration_ns as u64);
        let period = self.value_type(profile.period_type);
        if !period.0.is_empty() {
            rest.bytes(11, &period.0);
        }
        rest.number(12, profile.period as u64);
        let comments: Vec<u64> = profile.comments.iter().map(|comment| self.string(*comment)).collect();
        rest.packed(13, comments.into_iter());
        for (field, text) in [(14, profile.default_sample_type), (15, profile.doc_url)] {
            rest.number(field, self.string(text));
        }
        for at in 0..self.texts.len() {
            let text = profile.text(self.texts[at]);
            let mut head = Message::default();
            head.varint(6 << 3 | 2);
            head.varint(text.len() as u64);
            self.to.write_all(&head.0)?;
            self.to.write_all(text.as_bytes())?;
        }
        self.to.write_all(&rest.0)
    }

    fn mappings(&mut self) -> io::Result<()> {
        let profile = self.profile;
        for (at, of) in profile.mappings.iter().enumerate() {
            let mut message = Message::default();
            message.number(1, profile.id_of_mapping(crate::profile::MappingId(at as u32)));
            for (field, number) in [(2, of.start), (3, of.limit), (4, of.offset)] {
                message.number(field, number);
            }
            message.number(5, self.string(of.file));
            message.number(6, self.string(of.build_id));
            let has = [of.has_functions, of.has_filenames, of.has_line_numbers, of.has_inline_frames];
            for (field, has) in (7..).zip(has) {
                message.number(field, u64::from(has));
            }
            self.message(3, &message)?;
        }
        Ok(())
    }

    fn locations(&mut self) -> io::Result<()> {
        let profile = self.profile;
        for (at, of) in profile.locations.iter().enumerate() {
            let mut message = Message::default();
            message.number(1, profile.id_of_location(crate::profile::LocationId(at as u32)));
            message.number(2, of.mapping.map_or(0, |mapping| profile.id_of_mapping(mapping)));
            message.number(3, of.address);
            for line in &of.lines {
                let mut inner = Message::default();
                inner.number(1, profile.id_of_function(line.function));
                inner.number(2, line.line as u64);
                inner.number(3, line.column as u64);
                message.bytes(4, &inner.0);
            }
            message.number(5, u64::from(of.is_folded));
            self.message(4, &message)?;
        }
        Ok(())
    }

    fn functions(&mut self) -> io::Result<()> {
        let profile = self.profile;
        for (at, of) in profile.functions.iter().enumerate() {
            let mut message = Message::default();
            message.number(1, profile.id_of_function(crate::profile::FunctionId(at as u32)));
            for (field, text) in [(2, of.name), (3, of.system_name), (4, of.file)] {
                message.number(field, self.string(text));
            }
            message.number(5, of.start_line as u64);
            self.message(5, &message)?;
        }
        Ok(())
    }

    fn value_type(&mut self, of: ValueType) -> Message {
        let mut message = Message::default();
        message.number(1, self.string(of.kind));
        message.number(2, self.string(of.unit));
        message
    }

    /// The fields of a sample for a set of labels.
    fn labels(&mut self, set: &[Label]) -> Message {
        let mut message = Message::default();
        for label in set {
            let mut inner = Message::default();
            inner.number(1, self.string(label.key));
            match label.value {
                LabelValue::Text(text) => inner.number(2, self.string(text)),
                LabelValue::Number { value, unit } => {
                    inner.number(3, value as u64);
                    inner.number(4, self.string(unit));
                }
            }
            message.bytes(3, &inner.0);
        }
        message
    }

    fn message(&mut self, field: u64, message: &Message) -> io::Result<()> {
        let mut head = Message::default();
        head.varint(field << 3 | 2);
        head.varint(message.0.len() as u64);
        self.to.write_all(&head.0)?;
        self.to.write_all(&message.0)
    }

    /// The position of a text in the string table.
    fn string(&mut self, text: TextId) -> u64 {
        match self.strings.get_mut(text.0 as usize) {
            Some(at) if *at == 0 && !text.is_empty() => {
                *at = self.texts.len() as u64;
                self.texts.push(text);
                *at
            }
            Some(at) => *at,
            None => 0,
        }
    }
}
