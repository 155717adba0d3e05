//! Symbol tables of an ELF file: the names of functions by address.

use std::sync::Arc;

use crate::charge::Charge;
use crate::elf::Elf;
use crate::read_at::{ReadAt, Unreadable};
use crate::sections::read_section;
use crate::work::Work;

/// Kinds of symbols that may be functions: not stated, data, function, and indirect function (chosen at load
/// time).
const KINDS: [u8; 4] = [0, 1, 2, 10];

/// Maximum length of a name; a longer one is cut.
const LONGEST_NAME: usize = 16 << 10;

/// Maximum names of the same code that are searched.
const MAX_ALIASES: usize = 16;

/// A symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// The linker's name, cut at its maximum length.
    pub name: String,
    /// svma.
    pub start: u64,
    /// `None` where the table states none.
    pub size: Option<u64>,
    /// Other names of the same code: of functions that the linker or the compiler folded into one.
    pub aliases: Vec<String>,
}

/// Both tables of a file.
#[derive(Debug, Default)]
pub struct SymbolTables {
    all: Option<Table>,
    exported: Option<Table>,
}

impl SymbolTables {
    /// Reads the tables that the file has.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn read(file: &(impl ReadAt + ?Sized), work: &Work) -> Result<SymbolTables, String> {
        let elf = Elf::read(file, work.budget())?;
        let all = Table::read(file, &elf, (".symtab", ".strtab"), work)?;
        let exported = Table::read(file, &elf, (".dynsym", ".dynstr"), work)?;
        Ok(SymbolTables { all, exported })
    }

    /// Calls `each` with the address and the mangled name of every symbol that may be a function, until it
    /// fails.
    ///
    /// # Errors
    /// The error of `each`.
    pub fn each<E>(&self, mut each: impl FnMut(u64, &[u8]) -> Result<(), E>) -> Result<(), E> {
        for table in [&self.all, &self.exported].into_iter().flatten() {
            for entry in &table.entries {
                each(entry.address, table.name(entry.name).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Every symbol that may be a function, by address: its address, its size (0 where the table states none) and where
    /// its name is, for [`SymbolTables::name`]. Those that the file exports are only listed if it has no others.
    pub fn functions(&self) -> impl Iterator<Item = (u64, u64, u32)> {
        let entries = self.listed().into_iter().flat_map(|table| &table.entries);
        entries.map(|entry| (entry.address, entry.size, entry.name))
    }

    /// The mangled name of a symbol of [`SymbolTables::functions`].
    pub fn name(&self, at: u32) -> &[u8] {
        self.listed().and_then(|table| table.name(at)).unwrap_or_default()
    }

    fn listed(&self) -> Option<&Table> {
        self.all.as_ref().or(self.exported.as_ref())
    }

    /// The symbol that contains an address.
    pub fn find(&self, svma: u64) -> Option<Symbol> {
        // Few functions are exported: a symbol without a size is trusted at its own address only.
        let in_all = self.all.as_ref().and_then(|table| table.find(svma, |_| true));
        in_all.or_else(|| self.exported.as_ref()?.find(svma, |start| start == svma))
    }
}

#[derive(Debug)]
struct Table {
    /// Sorted by address; the larger first at the same address.
    entries: Vec<Entry>,
    names: Arc<[u8]>,
    _charge: Charge,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    address: u64,
    size: u64,
    name: u32,
}

/// Memory in a list, and in half of another one while it is sorted.
const ENTRY_BYTES: u64 = size_of::<Entry>() as u64 * 3 / 2;

impl Table {
    /// `None` if the file has none.
    fn read(
        file: &(impl ReadAt + ?Sized),
        elf: &Elf,
        (symbols, names): (&str, &str),
        work: &Work,
    ) -> Result<Option<Table>, String> {
        let (budget, shown) = (work.budget(), |why: Unreadable| format!("its symbols cannot be read: {why}"));
        if elf.find(symbols).is_none_or(|section| !section.has_bytes()) {
            return Ok(None);
        }
        let (bytes, _charge) = read_section(file, elf, symbols, budget).map_err(shown)?;
        let (names, mut charge) = read_section(file, elf, names, budget).map_err(shown)?;
        let each = if elf.is_64 { 24 } else { 16 };
        let count = (bytes.len() / each) as u64;
        work.spend(count).map_err(|limit| shown(limit.into()))?;
        charge.grow(count * ENTRY_BYTES).map_err(|limit| shown(limit.into()))?;
        let mut entries = Vec::with_capacity(bytes.len() / each);
        entries.extend(bytes.chunks_exact(each).filter_map(|bytes| entry(elf, bytes)));
        // Stable: of equal symbols the first in the file.
        entries.sort_by_key(|entry| (entry.address, std::cmp::Reverse(entry.size)));
        Ok(Some(Table { entries, names, _charge: charge }))
    }

    fn find(&self, svma: u64, is_in_sizeless: impl Fn(u64) -> bool) -> Option<Symbol> {
        let after = self.entries.partition_point(|entry| entry.address <= svma);
        let address = self.entries[after.checked_sub(1)?].address;
        let first = self.entries[..after].partition_point(|entry| entry.address < address);
        let same = &self.entries[first..after];
        let sizeless = same.partition_point(|entry| entry.size > 0);
        let is_in = |entry: &&Entry| match entry.size {
            0 => is_in_sizeless(entry.address),
            size => svma - entry.address < size,
        };
        // If the largest does not contain the address, no other symbol does.
        let at = [0, sizeless].into_iter().find(|at| same.get(*at).is_some_and(|entry| is_in(&entry)))?;
        let entry = &same[at];
        let same = same[at..].iter().take_while(|other| other.size == entry.size).take(MAX_ALIASES);
        let names: Vec<&[u8]> = same.filter_map(|alias| self.name(alias.name)).collect();
        let name = plainest(&names)?;
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        Some(Symbol {
            name: text(name),
            start: entry.address,
            size: Some(entry.size).filter(|size| *size > 0),
            aliases: names.iter().filter(|other| **other != name).map(|other| text(other)).collect(),
        })
    }

    fn name(&self, at: u32) -> Option<&[u8]> {
        let name = self.names.get(at as usize..)?;
        let end = name.iter().take(LONGEST_NAME).position(|byte| *byte == 0);
        Some(&name[..end.unwrap_or(name.len().min(LONGEST_NAME))])
    }
}

/// The first of the names of the same code: of `__clone3` and `clone3` the one without underscores.
fn plainest<'n>(names: &[&'n [u8]]) -> Option<&'n [u8]> {
    names.iter().find(|name| !name.starts_with(b"__")).or(names.first()).copied()
}

/// A symbol that may be a function of this file (gABI, chapter 4, "Symbol Table").
fn entry(elf: &Elf, bytes: &[u8]) -> Option<Entry> {
    let (kind, section, address, size) = match elf.is_64 {
        true => (bytes[4], elf.number(bytes, 6, 2), elf.word(bytes, 8), elf.word(bytes, 16)),
        false => (bytes[12], elf.number(bytes, 14, 2), elf.word(bytes, 4), elf.word(bytes, 8)),
    };
    let name = elf.number(bytes, 0, 4) as u32;
    (KINDS.contains(&(kind & 0xf)) && section != 0).then_some(Entry { address, size, name })
}
