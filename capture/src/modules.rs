//! The loaded modules and their unwind data, from `/proc/self/maps`.
//!
//! Not from `dl_iterate_phdr`, because that takes the loader's lock, which a stuck thread may hold. The
//! executable is never unloaded, so its unwind data is used in place. All other unwind data
//! is copied, because dlclose may unmap it while a handler reads it.

use std::collections::HashMap;
use std::sync::Arc;

use framehop::{ExplicitModuleSectionInfo, Unwinder as _};
use rgops_protocol::reply::Module;

use super::elf::Object;
use super::memory::Pages;
use super::unwind_data::UnwindData;
use super::{EngineError, arch, memory};
use crate::procfs;

/// The maximum size of copied unwind data. A module with more is walked by frame pointers.
const MAX_COPY_BYTES: u64 = 64 * 1024 * 1024;

/// The maximum number of modules. Frames in further ones are walked by frame pointers.
const MAX_MODULES: usize = 4096;

/// Identifies a mapped object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    start: u64,
    end: u64,
    inode: u64,
    path: String,
}

/// A module's code range and its unwind data, for walks that read the data themselves.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "the quiet walk is of x86_64"))]
pub(super) struct UnwindSections {
    /// Addresses in memory (avma).
    pub(super) code: std::ops::Range<u64>,
    /// `.eh_frame_hdr` and `.eh_frame`, each with its avma.
    pub(super) header: (u64, UnwindData),
    pub(super) frames: (u64, UnwindData),
}

/// A module list, with an unwinder for it.
pub(super) struct Modules {
    pub(super) unwinder: arch::Unwinder<UnwindData>,
    pub(super) list: Vec<Module>,
    sections: Vec<UnwindSections>,
    keys: Vec<Key>,
    /// The first bytes of the build-ids of modules that may be unloaded, and their addresses.
    fingerprints: Vec<(u64, [u8; 8])>,
    /// Copied unwind data, which the next list reuses.
    copies: HashMap<Key, (UnwindData, UnwindData)>,
}

impl Modules {
    /// Reads the current modules. Reuses copies of `former` for the same objects.
    pub(super) fn read(former: Option<&Modules>) -> Result<Modules, EngineError> {
        let keys = mapped_objects()?;
        Ok(Modules::build(keys, former))
    }

    /// A new list if modules were loaded or unloaded since this one was read.
    pub(super) fn refreshed(&self) -> Result<Option<Modules>, EngineError> {
        let keys = mapped_objects()?;
        Ok((keys != self.keys).then(|| Modules::build(keys, Some(self))))
    }

    fn build(keys: Vec<Key>, former: Option<&Modules>) -> Modules {
        let executable = in_executable();
        let mut modules = Modules {
            unwinder: arch::Unwinder::new(),
            list: Vec::new(),
            sections: Vec::new(),
            keys: Vec::new(),
            fingerprints: Vec::new(),
            copies: HashMap::new(),
        };
        for key in &keys {
            let Ok(object) = Object::read(key.start, memory::copy) else { continue };
            let bias = key.start.wrapping_sub(object.header_svma);
            let is_executable = (key.start..key.end).contains(&executable);
            let is_mapped = |range: &std::ops::Range<u64>| bias.wrapping_add(range.end) <= key.end;
            let data = object.unwind.as_ref().and_then(|(header, frames)| {
                if is_executable && is_mapped(header) && is_mapped(frames) {
                    // SAFETY: `Object::read` found both sections inside readable segments that begin
                    // at the start of the executable's mappings, and they end before these do (checked above). The
                    // executable stays mapped until the process ends.
                    let borrow = |range: &std::ops::Range<u64>| unsafe {
                        let address = bias.wrapping_add(range.start) as *const u8;
                        UnwindData::Mapped(std::slice::from_raw_parts(
                            address,
                            (range.end - range.start) as usize,
                        ))
                    };
                    return Some((borrow(header), borrow(frames)));
                }
                let known = former.and_then(|former| former.copies.get(key)).cloned();
                known.or_else(|| Some((copied(bias, header)?, copied(bias, frames)?)))
            });
            modules.add(key, &object, bias, data, is_executable);
        }
        modules.keys = keys;
        modules
    }

    fn add(
        &mut self,
        key: &Key,
        object: &Object,
        bias: u64,
        data: Option<(UnwindData, UnwindData)>,
        is_executable: bool,
    ) {
        let avma = bias.wrapping_add(object.code.start)..bias.wrapping_add(object.code.end);
        self.list.push(Module {
            path: key.path.clone(),
            build_id: object.build_id.clone(),
            start_avma: key.start,
            end_avma: key.end.max(avma.end),
            bias,
            has_unwind_data: data.is_some(),
        });
        if avma.is_empty() {
            return;
        }
        if let Some(start) = object.build_id.first_chunk().filter(|_| !is_executable) {
            self.fingerprints.push((bias.wrapping_add(object.build_id_svma), *start));
        }
        let Some((header, frames)) = data else { return };
        if !is_executable {
            self.copies.insert(key.clone(), (header.clone(), frames.clone()));
        }
        let (header_svma, frames_svma) = object.unwind.clone().unwrap_or_default();
        self.sections.push(UnwindSections {
            code: avma.clone(),
            header: (bias.wrapping_add(header_svma.start), header.clone()),
            frames: (bias.wrapping_add(frames_svma.start), frames.clone()),
        });
        self.unwinder.add_module(framehop::Module::new(
            key.path.clone(),
            avma,
            bias,
            ExplicitModuleSectionInfo {
                base_svma: 0,
                text_svma: Some(object.code.clone()),
                eh_frame_hdr_svma: Some(header_svma),
                eh_frame_hdr: Some(header),
                eh_frame_svma: Some(frames_svma),
                eh_frame: Some(frames),
                ..Default::default()
            },
        ));
    }

    /// The unwind data of the module whose code contains `avma`.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "the quiet walk is of x86_64"))]
    pub(super) fn sections_of(&self, avma: u64) -> Option<&UnwindSections> {
        self.sections.iter().find(|sections| sections.code.contains(&avma))
    }

    /// Whether every module that may be unloaded is still in place; one without a build-id is assumed
    /// to be. Much cheaper than reading the list again: 0.3 µs per module.
    pub(super) fn are_in_place(&self) -> bool {
        let mut found = [0; 8];
        self.fingerprints
            .iter()
            .all(|(avma, start)| memory::copy(*avma, &mut found).is_ok() && found == *start)
    }

    /// Whether an address is in none of the modules' code.
    pub(super) fn is_unknown(&self, avma: u64) -> bool {
        // A linear search, because there are few modules and it is off the hot path. It does not allocate.
        !self.list.iter().any(|module| (module.start_avma..module.end_avma).contains(&avma))
    }
}

/// The loaded modules without unwind data, for an engine that does not need it.
#[cfg(pprof_engine)]
pub(super) fn list() -> Result<Vec<Module>, EngineError> {
    let read = |key: Key| {
        let object = Object::read(key.start, memory::copy).ok()?;
        let bias = key.start.wrapping_sub(object.header_svma);
        Some(Module {
            path: key.path,
            start_avma: key.start,
            end_avma: key.end.max(bias.wrapping_add(object.code.end)),
            bias,
            has_unwind_data: object.unwind.is_some(),
            build_id: object.build_id,
        })
    };
    Ok(mapped_objects()?.into_iter().filter_map(read).collect())
}

/// An address in the executable: that of its program headers (getauxval(3)). Compared by address and not by file,
/// because one file may be mapped twice, and inode numbers repeat on other devices.
fn in_executable() -> u64 {
    // SAFETY: getauxval(3) accepts any number and accesses no memory of ours.
    unsafe { libc::getauxval(libc::AT_PHDR) }
}

fn copied(bias: u64, range: &std::ops::Range<u64>) -> Option<UnwindData> {
    let length = range.end.checked_sub(range.start).filter(|length| *length <= MAX_COPY_BYTES)?;
    let mut bytes = Pages::zeroed(length as usize).ok()?;
    memory::copy(bias.wrapping_add(range.start), &mut bytes).ok()?;
    Some(UnwindData::Copied(Arc::new(bytes)))
}

/// The objects with code: each run of mappings of one file that begins at its offset 0, and the vdso.
fn mapped_objects() -> Result<Vec<Key>, EngineError> {
    let maps = procfs::read(procfs::process::MAPS, 64 * 1024 * 1024)
        .map_err(|error| EngineError::Proc { file: "maps", error })?;
    Ok(parse_maps(&maps))
}

fn parse_maps(maps: &str) -> Vec<Key> {
    let mut objects: Vec<(Key, bool)> = Vec::new();
    for line in maps.lines() {
        let Some(mapping) = Mapping::parse(line) else { continue };
        if mapping.path.is_empty() || (mapping.inode == 0 && mapping.path != "[vdso]") {
            continue;
        }
        match objects.last_mut() {
            // lld lays out small files so that their code is mapped from offset 0 again.
            Some((key, executable))
                if key.inode == mapping.inode
                    && key.path == mapping.path
                    && (mapping.offset != 0
                        || (mapping.executable && !*executable && key.end == mapping.start)) =>
            {
                key.end = mapping.end;
                *executable |= mapping.executable;
            }
            _ if mapping.offset == 0 => {
                let Mapping { start, end, inode, executable, path, .. } = mapping;
                objects.push((Key { start, end, inode, path: path.to_owned() }, executable));
            }
            _ => {}
        }
    }
    objects.retain(|(_, executable)| *executable);
    objects.truncate(MAX_MODULES);
    objects.into_iter().map(|(key, _)| key).collect()
}

/// A line of `/proc/self/maps`.
struct Mapping<'l> {
    start: u64,
    end: u64,
    executable: bool,
    offset: u64,
    inode: u64,
    path: &'l str,
}

impl<'l> Mapping<'l> {
    fn parse(line: &'l str) -> Option<Mapping<'l>> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let permissions = fields.next()?;
        let offset = fields.next()?;
        let _device = fields.next()?;
        let inode = fields.next()?;
        Some(Mapping {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            executable: permissions.as_bytes().get(2) == Some(&b'x'),
            offset: u64::from_str_radix(offset, 16).ok()?,
            inode: inode.parse().ok()?,
            path: fields.next().unwrap_or_default().trim_start(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn own_modules_have_code_and_unwind_data() {
        // Other tests load and unload libraries while they capture.
        let _alone = crate::testing::alone();
        let modules = Modules::read(None).unwrap();
        let here = own_modules_have_code_and_unwind_data as *const () as u64;
        let executable =
            modules.list.iter().find(|module| (module.start_avma..module.end_avma).contains(&here)).unwrap();
        assert!(executable.has_unwind_data);
        assert!(!modules.is_unknown(here));
        assert!(modules.is_unknown(16));
        assert!(modules.list.iter().any(|module| module.path == "[vdso]"));
        assert!(modules.refreshed().unwrap().is_none(), "nothing was loaded");
        assert!(modules.are_in_place());
        assert!(modules.fingerprints.len() >= usize::from(cfg!(target_env = "gnu")), "the C library");
    }

    #[test]
    fn mappings_of_one_file_are_one_object() {
        let maps = "\
7f00-7f10 r--p 00000000 08:01 42                         /lib/a b.so
7f10-7f20 r-xp 00001000 08:01 42                         /lib/a b.so
7f20-7f30 rw-p 00002000 08:01 42                         /lib/a b.so
7f30-7f40 rw-p 00000000 00:00 0 
8000-8010 r--p 00000000 08:01 43                         /usr/share/data
9000-9010 r-xp 00000000 00:00 0                          [vdso]
";
        let objects = parse_maps(maps);
        assert_eq!(objects.len(), 2);
        assert_eq!((objects[0].start, objects[0].end, &*objects[0].path), (0x7f00, 0x7f30, "/lib/a b.so"));
        assert_eq!(objects[1].path, "[vdso]");
        let lld = "\
7000-8000 r--p 00000000 08:01 42                         /lib/small.so
8000-9000 r-xp 00000000 08:01 42                         /lib/small.so
9000-a000 rw-p 00000000 08:01 42                         /lib/small.so
";
        let objects = parse_maps(lld);
        assert_eq!(objects.len(), 1);
        assert_eq!((objects[0].start, objects[0].end), (0x7000, 0x9000));
    }
}
