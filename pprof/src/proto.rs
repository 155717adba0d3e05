//! The messages of pprof's `profile.proto` (package `perftools.profiles`), by their field numbers.
//!
//! Strings are indices into the string table, whose first entry is empty. Written by hand so that building does not
//! need `protoc`.

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
    /// All strings; the first is empty.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// String: frames that match this regular expression are dropped, with their callees.
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    /// String: frames that match this regular expression are kept nevertheless.
    #[prost(int64, tag = "8")]
    pub keep_frames: i64,
    /// When it started, in nanoseconds since the Unix epoch.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// How long it took, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// The type of the period between two samples.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// The period.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// Texts: comments. pprof shows those that do not start with `#` above every report.
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    /// String: the default sample type.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
    /// String: a URL of the documentation of this kind of profile.
    #[prost(int64, tag = "15")]
    pub doc_url: i64,
}

/// What a number counts, and in which unit.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ValueType {
    /// String: `cpu`, `samples`, …
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// String: `nanoseconds`, `count`, `bytes`.
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
    /// Additional data: thread name and id.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A key with a string or a number.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Label {
    /// String: the key.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// String: the value, or 0.
    #[prost(int64, tag = "2")]
    pub str: i64,
    /// The value, if it is a number.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// String: the unit of the number.
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
    /// Offset of `memory_start` in the file.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// String: the file.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// String: its build-id in hexadecimal digits.
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
    /// The functions there, innermost first: all but the last are inlined. Empty if unknown.
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
    /// Line, from 1; 0 if unknown.
    #[prost(int64, tag = "2")]
    pub line: i64,
    /// Column, from 1; 0 if unknown.
    #[prost(int64, tag = "3")]
    pub column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Function {
    /// From 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// String: the human-readable name.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// String: the name used by the linker.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// String: its source file.
    #[prost(int64, tag = "4")]
    pub filename: i64,
    /// Its first line.
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}

impl Profile {
    /// The string with this index; empty if there is none.
    pub fn text(&self, index: i64) -> &str {
        usize::try_from(index).ok().and_then(|index| self.string_table.get(index)).map_or("", String::as_str)
    }
}
