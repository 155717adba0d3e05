//! A unit's table of lines: its files, and the sequences of its program. Rows are made for one sequence at
//! a time, when an address in it is asked about.

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

/// A file in a table of files, which may take one byte there.
const FILE_BYTES: u64 = size_of::<gimli::FileEntry<Bytes>>() as u64;

/// Files that are declared in the middle of a program, which no compiler does any more.
const MOST_LATE_FILES: u64 = 1000;

/// A table of lines that was run once.
#[derive(Debug)]
pub struct LineTable {
    program: CompleteLineProgram<Bytes>,
    /// By their first address.
    sequences: Vec<LineSequence<Bytes>>,
    _charge: Charge,
}

/// What a sequence takes in a list that doubles.
const SEQUENCE_BYTES: u64 = 2 * size_of::<LineSequence<Bytes>>() as u64;

/// What a byte of a program may become: the end of a sequence takes three, a file eight.
const WORST_BYTES_A_BYTE: u64 = SEQUENCE_BYTES / 3 + FILE_BYTES / 4;

/// A larger table, or list of its files, is not read: it is gone through without a look at the clock. That of
/// a unit with 100,000 lines has some 2 MB.
const LARGEST_PROGRAM: u64 = 32 << 20;

/// A place in a table of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where the code is that is of this line (svma).
    pub address: u64,
    /// Number of the file in the table.
    pub file: u64,
    /// From 1; 0 for none.
    pub line: u64,
    /// From 1; 0 for the left edge.
    pub column: u64,
}

impl LineTable {
    /// Reads the table at an offset, of the unit that names it.
    pub fn read(part: &Part, offset: DebugLineOffset, unit: &Unit<Bytes>) -> Result<LineTable, Fault> {
        let (program, mut charge) = header(part, offset, unit)?;
        let bytes = program.header().raw_program_buf().len() as u64;
        if bytes > LARGEST_PROGRAM {
            return Err(Fault::refused("a table of lines is larger than 32 MiB"));
        }
        part.work.spend(bytes)?;
        // Most are so small that whatever they are made of fits. A larger one is looked through first.
        let worst = Charge::new(part.work.budget(), bytes.saturating_mul(WORST_BYTES_A_BYTE));
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

    /// What is before the program: the directories and the files.
    pub fn header(&self) -> &LineProgramHeader<Bytes> {
        self.program.header()
    }

    /// Addresses of the sequences.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.sequences.iter().map(|sequence| (sequence.start, sequence.end))
    }

    /// The sequence an address is in.
    pub fn sequence_of(&self, svma: u64) -> Option<usize> {
        let after = self.sequences.partition_point(|sequence| sequence.start <= svma);
        let at = after.checked_sub(1)?;
        (svma < self.sequences[at].end).then_some(at)
    }

    /// The rows of a sequence by address, the last of those that have the same.
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

/// Reads a table's header, of which each byte may stand for a file.
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
    // In lists that double.
    let mut charge = Charge::new(part.work.budget(), bytes.saturating_mul(2 * FILE_BYTES))?;
    let (directory, name) = (unit.comp_dir.clone(), unit.name.clone());
    let program = part.dwarf.debug_line.program(offset, unit.header.address_size(), directory, name)?;
    charge.shrink_to(files_bytes(program.header()));
    Ok((program, charge))
}

/// What the files of a table take, in lists that double.
fn files_bytes(header: &LineProgramHeader<Bytes>) -> u64 {
    let files = header.file_names().len() + header.include_directories().len();
    2 * files as u64 * FILE_BYTES
}

/// The number of sequences, if the program is one that a compiler writes.
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
        if late_files > MOST_LATE_FILES {
            return Err(Fault::refused("its table of lines declares files without end"));
        }
    }
    Ok(sequences)
}

/// The path of a file, as the compiler saw it. `string` finds the strings of the table.
pub fn file_path(
    header: &LineProgramHeader<Bytes>,
    directory: Option<&Bytes>,
    file: u64,
    string: impl Fn(gimli::AttributeValue<Bytes>) -> Result<Option<String>, Exhausted>,
) -> Result<Option<String>, Exhausted> {
    let Some(file) = header.file(file) else { return Ok(None) };
    let Some(name) = string(file.path_name())? else { return Ok(None) };
    // The first directory is the one it was compiled in.
    let within = Some(file).filter(|file| file.directory_index() != 0);
    let within = within.and_then(|file| file.directory(header));
    let within = within.map(&string).transpose()?.flatten().unwrap_or_default();
    let root = directory.and_then(|bytes| Some(text(&bytes.to_slice().ok()?)));
    // A path that begins at the root replaces what is before it.
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
