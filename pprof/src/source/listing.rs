//! What source listings consist of. Values are sums of the chosen sample type, in its unit.

/// Functions with their source lines: what `list` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The total that percentages are of.
    pub total: i64,
    /// By name.
    pub functions: Vec<ListedFunction>,
}

/// A function in the files that it is in: a generic or inlined one may be in several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFunction {
    /// Its name.
    pub name: String,
    /// By path; none if the profile has no source information.
    pub files: Vec<ListedFile>,
}

/// A function in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// The path in the profile.
    pub path: String,
    /// Own value of the function in this file.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// Lines without a gap, or why they cannot be read.
    pub lines: Result<Vec<ListedLine>, String>,
}

/// A line of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedLine {
    /// From 1.
    pub number: i64,
    /// The line, without its end.
    pub text: String,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
}

/// Source files with values and instructions by line, inlined calls folded in: what `weblist` and the page Source show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnotatedSource {
    /// The total that percentages are of.
    pub total: i64,
    /// By path, or by value, as asked for.
    pub files: Vec<AnnotatedFile>,
}

/// A source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedFile {
    /// The path in the profile.
    pub path: String,
    /// Own value.
    pub flat: i64,
    /// The same with what is called.
    pub cum: i64,
    /// Why the file cannot be read, if so; the lines are `???` then.
    pub missing: Option<String>,
    /// Ranges of lines, in the order of the file.
    pub functions: Vec<AnnotatedFunction>,
}

/// A range of lines of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedFunction {
    /// Its name.
    pub name: String,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// Lines without a gap, except for those that the file does not have.
    pub lines: Vec<AnnotatedLine>,
}

/// A line of source, and its instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedLine {
    /// From 1; 0 for instructions whose line is not known.
    pub number: i64,
    /// The line, without its end.
    pub text: String,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// Whether it has code.
    pub has_code: bool,
    /// Its instructions, those of calls inlined here included; empty if nothing is known of them but their values.
    pub instructions: Vec<AnnotatedInstruction>,
}

/// An instruction of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedInstruction {
    /// Whether it does not follow on the one before in memory.
    pub starts_block: bool,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// As stated in the object file; `None` if the object file is not at hand, then `text` is empty too.
    pub address: Option<u64>,
    /// The instruction as objdump prints it.
    pub text: String,
    /// The file of the innermost inlined call; may be empty.
    pub file: String,
    /// The line in `file`; 0 if unknown.
    pub line: i64,
    /// How many calls are inlined between the line and the instruction.
    pub depth: usize,
    /// Those of the inlined calls that differ from the instruction before, outermost first.
    pub inlined: Vec<InlinedCall>,
}

/// A call that was inlined: where in its function the code goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinedCall {
    /// How deep: 0 for a call by the line itself.
    pub depth: usize,
    /// The file.
    pub file: String,
    /// The line in `file`.
    pub line: i64,
    /// That line, without blanks at its ends; empty if the file cannot be read.
    pub text: String,
}

/// Functions with their instructions: what `disasm` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assembly {
    /// The total that percentages are of.
    pub total: i64,
    /// By name, or by value, as asked for.
    pub functions: Vec<AssemblyFunction>,
    /// Why object files could not be read, one a file.
    pub missing: Vec<String>,
}

/// A function with its instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyFunction {
    /// Its names, at least one; more if the linker folded functions.
    pub names: Vec<String>,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// In the order of their addresses.
    pub instructions: Vec<AssemblyInstruction>,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyInstruction {
    /// As stated in the object file.
    pub address: u64,
    /// As objdump prints it.
    pub text: String,
    /// Own value.
    pub flat: i64,
    /// The same with what it calls.
    pub cum: i64,
    /// The function that it belongs to, inlined ones included; may be empty.
    pub function: String,
    /// The last part of the path of its source file; may be empty.
    pub file: String,
    /// Its line; 0 if unknown.
    pub line: i64,
}
