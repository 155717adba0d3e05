//! A unit's table of lines: its files, and the sequences of its program. Rows are generated for one sequence
//! at a time, when an address in it is requested.

use gimli::{
    CompleteLineProgram, DebugLineOffset, IncompleteLineProgram, LineInstruction, LineProgramHeader,
    LineSequence, Reader as _, Section as _, Unit,
};

use crate::budget::Exhausted;
use crate::charge::Charge;
use crate::fault::Fault;
use crate::part::Part;
use crate::sections::Bytes;
use crate::strings::text;

/// Memory of a file in a table of files, which may take one byte in the table.
const FILE_BYTES: u64 = size_of::<gimli::FileEntry<Bytes>>() as u64;

/// Maximum files declared in the middle of a program; current compilers declare none there.
const MAX_LATE_FILES: u64 = 1000;

/// A table of lines that was executed once.
#[derive(Debug)]
pub struct LineTable {
    program: CompleteLineProgram<Bytes>,
    /// Sorted by first address.
    sequences: Vec<LineSequence<Bytes>>,
    _charge: Charge,
}

/// Memory of a sequence in a list that may have twice the capacity that it needs.
const SEQUENCE_BYTES: u64 = 2 * size_of::<LineSequence<Bytes>>() as u64;

/// Maximum memory per byte of a program: the end of a sequence takes three bytes, a file eight.
const MAX_BYTES_PER_BYTE: u64 = SEQUENCE_BYTES / 3 + FILE_BYTES / 4;

/// Maximum length of a table, or of its list of files: it is read without checking the clock. The table of a
/// unit with 100,000 lines has about 2 MB.
const LARGEST_PROGRAM: u64 = 32 << 20;

/// A row of a table of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The address (svma) of the code of this line.
    pub address: u64,
    /// Number of the file in the table.
    pub file: u64,
    /// From 1; 0 for no line.
    pub line: u64,
    /// From 1; 0 for the left edge.
    pub column: u64,
}

impl LineTable {
    /// Reads the table at an offset, for the unit that names it.
    pub fn read(part: &Part, offset: DebugLineOffset, unit: &Unit<Bytes>) -> Result<LineTable, Fault> {
        let (program, mut charge) = header(part, offset, unit)?;
        let bytes = program.header().raw_program_buf().len() as u64;
        if bytes > LARGEST_PROGRAM {
            return Err(Fault::refused("a table of lines is larger than 32 MiB"));
        }
        part.work.spend(bytes)?;
        // Most tables are so small that the worst case fits. A larger one is measured first.
        let worst = Charge::new(part.work.budget(), bytes.saturating_mul(MAX_BYTES_PER_BYTE));
        if worst.is_err() {
            charge.grow(measured(part, program.header())?.saturating_mul(SEQUENCE_BYTES))?;
        }
        let (program, mut sequences) = program.sequences()?;
        drop(worst);
        sequences.shrink_to_fit();
        charge.shrink_to(files_bytes(program.header()));
        charge.grow((sequences.len() as u64).saturating_mul(SEQUENCE_BYTES))?;
        sequences.sort_by_key(|sequence| sequence.start);
        Ok(LineTable { program, sequences, _charge: charge })
    }

    /// The part before the program: the directories and the files.
    pub fn header(&self) -> &LineProgramHeader<Bytes> {
        self.program.header()
    }

    /// Address ranges of the sequences.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.sequences.iter().map(|sequence| (sequence.start, sequence.end))
    }

    /// The sequence that contains an address.
    pub fn sequence_of(&self, svma: u64) -> Option<usize> {
        let after = self.sequences.partition_point(|sequence| sequence.start <= svma);
        let at = after.checked_sub(1)?;
        (svma < self.sequences[at].end).then_some(at)
    }

    /// The rows of a sequence by address; of several rows with the same address, the last.
    pub fn rows(
        &self,
        part: &Part,
        sequence: usize,
        mut each: impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rows = self.program.resume_from(&self.sequences[sequence]);
        let mut counter = part.work.counter();
        while let Some((_, row)) = rows.next_row()? {
            counter.step()?;
            if row.end_sequence() {
                return Ok(());
            }
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => column.get(),
            };
            let line = row.line().map_or(0, std::num::NonZeroU64::get);
            each(Row { address: row.address(), file: row.file_index(), line, column })?;
        }
        Ok(())
    }
}

/// Reads a table's header. Each byte of it may declare a file.
pub fn header(
    part: &Part,
    offset: DebugLineOffset,
    unit: &Unit<Bytes>,
) -> Result<(IncompleteLineProgram<Bytes>, Charge), Fault> {
    let mut start = part.dwarf.debug_line.reader().clone();
    start.skip(offset.0)?;
    let (_, format) = start.read_initial_length()?;
    if start.read_u16()? >= 5 {
        start.skip(2)?;
    }
    let claimed = start.read_length(format)?;
    let bytes = claimed.min(start.len()) as u64;
    if bytes > LARGEST_PROGRAM {
        return Err(Fault::refused("a table of files is larger than 32 MiB"));
    }
    part.work.spend(bytes)?;
    // In lists that may have twice the capacity that they need.
    let mut charge = Charge::new(part.work.budget(), bytes.saturating_mul(2 * FILE_BYTES))?;
    let (directory, name) = (unit.comp_dir.clone(), unit.name.clone());
    let program = part.dwarf.debug_line.program(offset, unit.header.address_size(), directory, name)?;
    charge.shrink_to(files_bytes(program.header()));
    Ok((program, charge))
}

/// The memory of a table's files, in lists that may have twice the capacity that they need.
fn files_bytes(header: &LineProgramHeader<Bytes>) -> u64 {
    let files = header.file_names().len() + header.include_directories().len();
    2 * files as u64 * FILE_BYTES
}

/// The number of sequences, if a compiler could have written the program.
fn measured(part: &Part, header: &LineProgramHeader<Bytes>) -> Result<u64, Fault> {
    let mut counter = part.work.counter();
    let mut instructions = header.instructions();
    let (mut sequences, mut late_files) = (0, 0);
    while let Some(instruction) = instructions.next_instruction(header)? {
        counter.step()?;
        match instruction {
            LineInstruction::EndSequence => sequences += 1,
            LineInstruction::DefineFile(_) => late_files += 1,
            _ => {}
        }
        if late_files > MAX_LATE_FILES {
            return Err(Fault::refused("its table of lines declares too many files"));
        }
    }
    Ok(sequences)
}

/// The path of a file, as the compiler saw it. `string` reads the strings of the table.
pub fn file_path(
    header: &LineProgramHeader<Bytes>,
    directory: Option<&Bytes>,
    file: u64,
    string: impl Fn(gimli::AttributeValue<Bytes>) -> Result<Option<String>, Exhausted>,
) -> Result<Option<String>, Exhausted> {
    let Some(file) = header.file(file) else { return Ok(None) };
    let Some(name) = string(file.path_name())? else { return Ok(None) };
    // The first directory is the compilation directory.
    let within = Some(file).filter(|file| file.directory_index() != 0);
    let within = within.and_then(|file| file.directory(header));
    let within = within.map(&string).transpose()?.flatten().unwrap_or_default();
    let root = directory.and_then(|bytes| Some(text(&bytes.to_slice().ok()?)));
    // An absolute path replaces the part before it.
    let path = [within, name].into_iter().fold(root.unwrap_or_default(), |path, part| {
        if part.is_empty() {
            path
        } else if part.starts_with('/') || path.is_empty() {
            part
        } else {
            format!("{}/{part}", path.trim_end_matches('/'))
        }
    });
    Ok(Some(path))
}
