//! One unit: its functions by address, the calls inlined into them, and its lines.

use std::collections::HashMap;
use std::sync::Arc;

use gimli::{UnitOffset, constants};
use rgops_dwarf::{Bytes, Charge, Fault, LineTable, Part, Root, SplitFiles, file_path, name};

use crate::symbols::debug::inlined::{self, Call, Calls};
use crate::symbols::debug::place::Place;

/// A unit that was read. Its parts are read on demand and kept.
#[derive(Debug)]
pub(super) struct Unit {
    root: Root<Bytes>,
    /// The split part.
    body: Option<(Part, Root<Bytes>)>,
    functions: Option<Result<Vec<FunctionRange>, Fault>>,
    /// By the offset of the function.
    calls: HashMap<usize, Result<Calls, Fault>>,
    lines: Option<Result<Option<LineTable>, Fault>>,
    /// By the number of the sequence.
    rows: HashMap<usize, Result<Box<[Row]>, Fault>>,
    files: HashMap<u64, Option<Arc<str>>>,
    charge: Charge,
}

/// Addresses of a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionRange {
    begin: u64,
    end: u64,
    /// Start of its first part.
    pub(super) start: u64,
    pub(super) offset: UnitOffset,
}

/// A range in a list that may have twice the capacity that it needs.
const FUNCTION_BYTES: u64 = 2 * size_of::<FunctionRange>() as u64;

#[derive(Debug, Clone, Copy)]
struct Row {
    address: u64,
    file: u32,
    line: u32,
    column: u16,
}

const ROW_BYTES: u64 = 2 * size_of::<Row>() as u64;

/// Maximum functions that overlap: the linker may keep one of several identical ones.
const MAX_OVERLAPPING: usize = 16;

impl Unit {
    pub(super) fn read(part: &Part, number: usize, split: &SplitFiles) -> Result<Unit, Fault> {
        let root = part.read_unit(number)?;
        let charge = Charge::new(part.work.budget(), size_of::<Unit>() as u64)?;
        let mut body = None;
        if part.units[number].skeleton.is_some() {
            let (split_off, number) = split.open(part, number)?;
            let mut within = split_off.read_unit(number)?;
            within.unit.copy_relocated_attributes(&root.unit);
            body = Some((split_off, within));
        }
        Ok(Unit {
            root,
            body,
            functions: None,
            calls: HashMap::new(),
            lines: None,
            rows: HashMap::new(),
            files: HashMap::new(),
            charge,
        })
    }

    /// The part that contains the unit's entries.
    pub(super) fn body<'a>(&'a self, part: &'a Part) -> (&'a Part, &'a gimli::Unit<Bytes>) {
        match &self.body {
            Some((part, root)) => (part, &root.unit),
            None => (part, &self.root.unit),
        }
    }

    /// The function that contains an address.
    pub(super) fn function_at(&mut self, svma: u64, part: &Part) -> Result<Option<FunctionRange>, Fault> {
        if self.functions.is_none() {
            let mut charge = Charge::none(part.work.budget());
            let (body, unit) = self.body(part);
            let listed = list_functions(body, unit, &mut charge);
            self.charge.absorb(charge);
            self.functions = Some(listed);
        }
        let functions = match &self.functions {
            Some(Ok(functions)) => functions,
            Some(Err(fault)) => return Err(fault.clone()),
            None => return Ok(None),
        };
        let after = functions.partition_point(|function| function.begin <= svma);
        let before = functions[..after].iter().rev().take(MAX_OVERLAPPING);
        Ok(before.copied().find(|function| svma < function.end))
    }

    /// The calls inlined at an address of a function, outermost first.
    pub(super) fn inlined_at(
        &mut self,
        svma: u64,
        function: UnitOffset,
        part: &Part,
    ) -> Result<Vec<Call>, Fault> {
        if !self.calls.contains_key(&function.0) {
            let (body, unit) = self.body(part);
            let calls = inlined::list(body, unit, function);
            self.calls.insert(function.0, calls);
        }
        match self.calls.get(&function.0) {
            Some(Ok(calls)) => calls.at(svma, &part.work),
            Some(Err(fault)) => Err(fault.clone()),
            None => Ok(Vec::new()),
        }
    }

    /// The call site of an inlined function.
    pub(super) fn called_at(&mut self, call: &Call, part: &Part) -> Result<Option<Place>, Fault> {
        let Some(file) = call.file else { return Ok(None) };
        self.place(file, call.line, u16::try_from(call.column).unwrap_or(u16::MAX), part)
    }

    /// The source position of an address.
    pub(super) fn place_at(&mut self, svma: u64, part: &Part) -> Result<Option<Place>, Fault> {
        self.read_lines(part)?;
        let Some(Ok(Some(lines))) = &self.lines else { return Ok(None) };
        let Some(sequence) = lines.sequence_of(svma) else { return Ok(None) };
        if !self.rows.contains_key(&sequence) {
            let mut charge = Charge::none(part.work.budget());
            let rows = list_rows(part, lines, sequence, &mut charge);
            self.charge.absorb(charge);
            self.rows.insert(sequence, rows);
        }
        let rows = match self.rows.get(&sequence) {
            Some(Ok(rows)) => rows,
            Some(Err(fault)) => return Err(fault.clone()),
            None => return Ok(None),
        };
        let after = rows.partition_point(|row| row.address <= svma);
        let Some(row) = after.checked_sub(1).map(|at| rows[at]) else { return Ok(None) };
        self.place(u64::from(row.file), row.line, row.column, part)
    }

    fn place(&mut self, file: u64, line: u32, column: u16, part: &Part) -> Result<Option<Place>, Fault> {
        let file = match self.files.get(&file) {
            Some(known) => known.clone(),
            None => {
                let found = self.file(file, part)?;
                self.charge.grow(64 + found.as_ref().map_or(0, |path| path.len()) as u64)?;
                self.files.insert(file, found.clone());
                found
            }
        };
        let line = Some(line).filter(|line| *line > 0);
        let column = Some(column).filter(|column| *column > 0 && line.is_some());
        Ok(file.map(|file| Place { file, line, column }))
    }

    fn file(&mut self, file: u64, part: &Part) -> Result<Option<Arc<str>>, Fault> {
        self.read_lines(part)?;
        let Some(Ok(Some(lines))) = &self.lines else { return Ok(None) };
        let unit = &self.root.unit;
        let name = |value| name(&part.dwarf, unit, value, &mut part.work.counter());
        Ok(file_path(lines.header(), unit.comp_dir.as_ref(), file, name)?.map(Arc::from))
    }

    fn read_lines(&mut self, part: &Part) -> Result<(), Fault> {
        let (root, lines) = (&self.root, &mut self.lines);
        let read = || root.lines.map(|offset| LineTable::read(part, offset, &root.unit)).transpose();
        match lines.get_or_insert_with(read) {
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.clone()),
        }
    }
}

/// All functions with code, sorted by address.
fn list_functions(
    part: &Part,
    unit: &gimli::Unit<Bytes>,
    charge: &mut Charge,
) -> Result<Vec<FunctionRange>, Fault> {
    let mut functions = Vec::new();
    let mut counter = part.work.counter();
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        counter.step()?;
        let offset = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        if abbreviation.tag() != constants::DW_TAG_subprogram {
            entries.skip_attributes(abbreviation.attributes())?;
            counter.bytes(entries.next_offset().0 - offset.0)?;
            continue;
        }
        let ranges = inlined::ranges_of(&mut entries, abbreviation)?;
        counter.bytes(entries.next_offset().0 - offset.0)?;
        let mut start = None;
        part.each_range(&ranges, unit, &mut counter, |begin, end| {
            charge.grow(FUNCTION_BYTES)?;
            let start = *start.get_or_insert(begin);
            functions.push(FunctionRange { begin, end, start, offset });
            Ok(())
        })?;
    }
    // Several names for the same code: the last one wins, as in gdb: `clone3`, not `__clone3` before it.
    functions.sort_by_key(|function| (function.begin, function.offset.0));
    Ok(functions)
}

fn list_rows(
    part: &Part,
    lines: &LineTable,
    sequence: usize,
    charge: &mut Charge,
) -> Result<Box<[Row]>, Fault> {
    let mut rows: Vec<Row> = Vec::new();
    lines.rows(part, sequence, |row| {
        let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let row = Row {
            address: row.address,
            file: short(row.file),
            line: u32::try_from(row.line).unwrap_or(0),
            column: u16::try_from(row.column).unwrap_or(u16::MAX),
        };
        match rows.last_mut() {
            Some(last) if last.address == row.address => *last = row,
            _ => {
                charge.grow(ROW_BYTES)?;
                rows.push(row);
            }
        }
        Ok(())
    })?;
    Ok(rows.into_boxed_slice())
}
