//! A mapping of a profile as a module, of which files can be found.

use rgops_dwarf::Budget;
use rgops_dwarf::elf::{Elf, Segment};
use rgops_protocol::reply::Module;

use crate::debuginfod;
use crate::files::within;
use crate::symbols::file_name;
use crate::symbols::files::Finder;
use crate::text::hex;

/// What a profile says about a mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapped<'m> {
    pub(crate) start: u64,
    pub(crate) limit: u64,
    /// What `start` is in the file.
    pub(crate) offset: u64,
    pub(crate) path: &'m str,
    /// Hexadecimal digits.
    pub(crate) build_id: &'m str,
}

impl Mapped<'_> {
    /// Whether it is the whole address space, with addresses as stated in the file.
    fn is_everything(&self) -> bool {
        self.start == 0 && self.offset == 0 && (self.limit == 0 || self.limit == u64::MAX)
    }

    /// The module of a mapping, with the difference between its addresses and those of its file.
    pub(crate) fn module(&self, finder: &Finder, budget: &Budget) -> Module {
        // Other tools write names without a folder; those of the kernel are in brackets.
        let path = match self.path.starts_with(['/', '[']) || self.path.is_empty() {
            true => self.path.to_owned(),
            false => format!("/{}", file_name(self.path)),
        };
        let mut module = Module {
            path,
            build_id: unhex(self.build_id),
            start_avma: self.start,
            end_avma: self.limit,
            bias: self.start.wrapping_sub(self.offset),
            has_unwind_data: true,
        };
        if self.is_everything() {
            (module.bias, module.end_avma) = (0, u64::MAX);
            return module;
        }
        let found = finder.complete(&module, finder.find(&module), debuginfod::WHOLE);
        let opened = found.file.map(|file| file.opened().clone());
        let own = budget.clone();
        let elf = opened.and_then(|file| within(budget, move || Elf::read(&*file, &own).ok()).ok().flatten());
        if let Some(elf) = &elf {
            self.correct(&mut module, elf);
        }
        module
    }

    /// Corrects the difference between the addresses of a module and those of its file by the file.
    pub(crate) fn correct(&self, module: &mut Module, elf: &Elf) {
        if let Some(svma) = self.begins_at(elf).filter(|_| !self.is_everything()) {
            module.bias = self.start.wrapping_sub(svma);
        }
    }

    /// The first address of a mapping, as stated in the file. A mapping begins and ends at a page.
    fn begins_at(&self, elf: &Elf) -> Option<u64> {
        let page = |number: u64| number & !0xfff;
        let loaded = || elf.segments.iter().filter(|segment| segment.is_loaded());
        let begins = |segment: &&Segment| {
            // A file with nothing but debug information has no bytes of most segments, and states other offsets.
            let end = segment.offset.saturating_add(segment.file_size);
            segment.file_size > 0 && (page(segment.offset)..end).contains(&self.offset)
        };
        if let Some(segment) = loaded().rev().find(begins) {
            return Some(segment.address.wrapping_add(self.offset.wrapping_sub(segment.offset)));
        }
        let pages = |segment: &Segment| {
            let end = segment.address.saturating_add(segment.memory_size).saturating_add(0xfff);
            page(end).saturating_sub(page(segment.address))
        };
        let length = self.limit.wrapping_sub(self.start);
        let mut of_length = loaded().filter(|segment| segment.file_size == 0 && pages(segment) == length);
        let only = of_length.next().filter(|_| of_length.next().is_none());
        only.map(|segment| page(segment.address))
    }
}

/// The bytes of hexadecimal digits; none if they are not.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let bytes = digits.filter(|digits| digits.len() % 2 == 0 && digits.len() <= 128).unwrap_or_default();
    let bytes: Vec<u8> = bytes.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    debug_assert!(bytes.is_empty() || hex(&bytes).eq_ignore_ascii_case(text));
    bytes
}
