//! The messages of pprof's `profile.proto` (package `perftools.profiles`), by their field numbers.
//!
//! Texts are indices into the string table, whose first entry is empty. Written by hand so that
//! building needs no `protoc`.

/// A set of samples and everything they refer to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Profile {
    /// What each value of a sample counts.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// Loaded objects; the first is the program.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// Addresses.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// Functions.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// All texts; the first is empty.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// Text: frames that match this regular expression are dropped, with their callees.
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    /// Text: frames that match this regular expression are kept all the same.
    #[prost(int64, tag = "8")]
    pub keep_frames: i64,
    /// When it began, nanoseconds since the Unix epoch.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// How long it took, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// What is between two samples.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// How much of it.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// Texts: remarks. pprof shows those that do not begin with `#` above every report.
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    /// Text: the sample type shown unless another is asked for.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
    /// Text: where this kind of profile is explained.
    #[prost(int64, tag = "15")]
    pub doc_url: i64,
}

/// What a number counts, and in which unit.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ValueType {
    /// Text: `cpu`, `samples`, …
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// Text: `nanoseconds`, `count`, `bytes`.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// Values measured at a stack.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sample {
    /// The stack, leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One value for each sample type.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// More about it: thread name and id.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A key with a text or a number.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Label {
    /// Text: the key.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// Text: the value, or 0.
    #[prost(int64, tag = "2")]
    pub str: i64,
    /// The value, if it is a number.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// Text: the unit of the number.
    #[prost(int64, tag = "4")]
    pub num_unit: i64,
}

/// A loaded object.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Mapping {
    /// From 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// First address.
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    /// End address.
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    /// Where in the file `memory_start` is.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// Text: the file.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// Text: its build-id in hexadecimal digits.
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    /// Its locations have functions.
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    /// Its functions have files.
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    /// Its locations have lines.
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    /// Its locations have inlined frames.
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// An address in a stack.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    /// From 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The mapping it is in, or 0.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// The address.
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// The functions there, innermost first: all but the last are inlined. Empty: not known.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
    /// Several addresses were folded into this one.
    #[prost(bool, tag = "5")]
    pub is_folded: bool,
}

/// A function and a line in it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Line {
    /// The function.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// Line, from 1; 0 when not known.
    #[prost(int64, tag = "2")]
    pub line: i64,
    /// Column, from 1; 0 when not known.
    #[prost(int64, tag = "3")]
    pub column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Function {
    /// From 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Text: the name for people.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// Text: the name as the linker knows it.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// Text: its source file.
    #[prost(int64, tag = "4")]
    pub filename: i64,
    /// Its first line.
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}

impl Profile {
    /// The text with this index; empty when there is none.
    pub fn text(&self, index: i64) -> &str {
        usize::try_from(index).ok().and_then(|index| self.string_table.get(index)).map_or("", String::as_str)
    }
}
