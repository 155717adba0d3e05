//! The tables of a profile, and what their entries are.

use super::ids::{self, Ids};
use super::lists::Lists;
use super::texts::{TextId, Texts};

/// A profile: what [`read_profile`](crate::read_profile) return and reports are made of.
///
/// Every number in it exists in its table, and each sample has one value per sample type.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// All strings.
    pub texts: Texts,
    /// What each column of values is.
    pub sample_types: Vec<ValueType>,
    /// The name of the sample type to show if none is chosen; may be empty.
    pub default_sample_type: TextId,
    /// Functions.
    pub functions: Vec<Function>,
    /// Executables and libraries. The first is the program.
    pub mappings: Vec<Mapping>,
    /// Places in the code.
    pub locations: Vec<Location>,
    /// The ids of the tables in the file.
    pub ids: Ids,
    /// Distinct stacks of [`LocationId`]s, leaf first.
    pub stacks: Lists<LocationId>,
    /// Distinct sets of labels: texts before numbers, then by the text of the key, then in the order of the file.
    pub label_sets: Lists<Label>,
    /// The samples.
    pub samples: Samples,
    /// Comments; those that begin with `#` are not shown.
    pub comments: Vec<TextId>,
    /// Where this kind of profile is documented.
    pub doc_url: TextId,
    /// Regular expression: frames that match are dropped, with those they called.
    pub drop_frames: TextId,
    /// Regular expression: exception from `drop_frames`.
    pub keep_frames: TextId,
    /// When it was taken, in nanoseconds since 1970; 0 if unknown.
    pub time_ns: i64,
    /// For how long, in nanoseconds; 0 if unknown.
    pub duration_ns: i64,
    /// What `period` counts.
    pub period_type: ValueType,
    /// Between two samples.
    pub period: i64,
}

/// What values are: `cpu` in `nanoseconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ValueType {
    /// `cpu`, `inuse_space`, …
    pub kind: TextId,
    /// `nanoseconds`, `bytes`, `count`, …
    pub unit: TextId,
}

/// The position of a function in [`Profile::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u32);

/// The position of a mapping in [`Profile::mappings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MappingId(pub u32);

/// The position of a location in [`Profile::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(pub u32);

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Function {
    /// For people: demangled.
    pub name: TextId,
    /// In the object file: mangled.
    pub system_name: TextId,
    /// The source file.
    pub file: TextId,
    /// Its first line; 0 if unknown.
    pub start_line: i64,
}

/// A mapped object file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mapping {
    /// Address of its first byte in memory.
    pub start: u64,
    /// Address behind its last byte.
    pub limit: u64,
    /// What `start` is in the file.
    pub offset: u64,
    /// The object file.
    pub file: TextId,
    /// The build-id in hexadecimal digits.
    pub build_id: TextId,
    /// Whether its locations have functions.
    pub has_functions: bool,
    /// Whether its locations have file names.
    pub has_filenames: bool,
    /// Whether its locations have line numbers.
    pub has_line_numbers: bool,
    /// Whether its locations have inlined frames.
    pub has_inline_frames: bool,
}

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Location {
    /// Where it is mapped; `None` if that is not known.
    pub mapping: Option<MappingId>,
    /// Address in memory; 0 if unknown.
    pub address: u64,
    /// The innermost inlined call first, the function with code of its own last; empty if there are no names.
    pub lines: Vec<Line>,
    /// Whether the linker folded other functions with the same code into it.
    pub is_folded: bool,
}

/// A line of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    /// The function.
    pub function: FunctionId,
    /// Line number; 0 if unknown.
    pub line: i64,
    /// Column; 0 if unknown.
    pub column: i64,
}

/// A label of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label {
    /// `thread`, `bytes`, …
    pub key: TextId,
    /// Its value.
    pub value: LabelValue,
}

/// The value of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LabelValue {
    /// A text.
    Text(TextId),
    /// A number.
    Number {
        /// The number.
        value: i64,
        /// Its unit; empty if the file has none.
        unit: TextId,
    },
}

/// The samples: a column of stacks, one of label sets, and the values of each sample one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// By sample: its stack in [`Profile::stacks`].
    pub stacks: Vec<u32>,
    /// By sample: its labels in [`Profile::label_sets`].
    pub label_sets: Vec<u32>,
    /// By sample: as many values as there are sample types.
    pub values: Vec<i64>,
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.stacks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Adds a sample. `values` has one value per sample type.
    pub fn push(&mut self, stack: u32, label_set: u32, values: &[i64]) {
        self.stacks.push(stack);
        self.label_sets.push(label_set);
        self.values.extend_from_slice(values);
    }
}

impl Profile {
    /// The values of sample `at`, one per sample type.
    pub fn values(&self, at: usize) -> &[i64] {
        let types = self.sample_types.len();
        self.samples.values.get(at * types..(at + 1) * types).unwrap_or_default()
    }

    /// The stack of sample `at`, leaf first.
    pub fn stack(&self, at: usize) -> &[LocationId] {
        self.samples.stacks.get(at).map_or(&[], |stack| self.stacks.get(*stack))
    }

    /// The labels of sample `at`.
    pub fn labels(&self, at: usize) -> &[Label] {
        self.samples.label_sets.get(at).map_or(&[], |set| self.label_sets.get(*set))
    }

    /// The id that a location has in a file, as `pprof -raw` prints it.
    pub fn id_of_location(&self, id: LocationId) -> u64 {
        ids::of(&self.ids.locations, id.0)
    }

    /// The id that a function has in a file.
    pub fn id_of_function(&self, id: FunctionId) -> u64 {
        ids::of(&self.ids.functions, id.0)
    }

    /// The id that a mapping has in a file, as `pprof -raw` prints it.
    pub fn id_of_mapping(&self, id: MappingId) -> u64 {
        ids::of(&self.ids.mappings, id.0)
    }

    /// A string.
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id)
    }

    /// A location.
    ///
    /// # Panics
    /// If it is not of this profile.
    pub fn location(&self, id: LocationId) -> &Location {
        &self.locations[id.0 as usize]
    }

    /// A function.
    ///
    /// # Panics
    /// If it is not of this profile.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.0 as usize]
    }

    /// A mapping.
    ///
    /// # Panics
    /// If it is not of this profile.
    pub fn mapping(&self, id: MappingId) -> &Mapping {
        &self.mappings[id.0 as usize]
    }
}
