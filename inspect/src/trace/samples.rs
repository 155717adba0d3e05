//! CPU samples of a trace. Stacks are named when they arrive, because their modules may be unloaded later. Every
//! function, frame and stack is written once and then referred to by number.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_cpu::CpuSample;

use super::packets::{Packets, Stop};
use super::proto::{Callstack, Frame, InternedData, InternedString, Mapping, PerfSample, TracePacket};
use crate::budget::{Budget, Exhausted};
use crate::symbols::{self, ModuleSymbols, Symbolizer};
use crate::text::hex;

/// Maximum frames kept over all distinct stacks, as for a profile: an agent that keeps sending new stacks must not
/// fill our memory. Samples beyond the limit have no stack.
const MAX_KEPT_FRAMES: usize = 32 * 1024 * 1024;
/// A sample that represents several periods is written repeatedly, because the format has no weights; at most this
/// often.
const MAX_REPEATS: u32 = 1000;
/// Bytes charged for a distinct stack and for each of its new addresses, and the number of copies of the texts of its
/// functions.
const STACK_BYTES: u64 = 256;
const ADDRESS_BYTES: u64 = 512;
const TEXT_COPIES: u64 = 3;
/// `CpuMode.MODE_USER`.
const USER_MODE: i32 = 2;

/// Numbers of the items that were written.
#[derive(Debug)]
pub(super) struct Samples {
    budget: Budget,
    symbolizer: Symbolizer,
    texts: HashMap<(Table, Box<str>), u64>,
    mappings: HashMap<(u64, u64), u64>,
    frames: HashMap<Frame, u64>,
    callstacks: HashMap<Box<[u64]>, u64>,
    kept_frames: usize,
    period_ns: u64,
    count: u64,
    weight: u64,
    without_stack: u64,
}

/// The tables of texts, each with its own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Table {
    Functions,
    BuildIds,
    Paths,
    Sources,
}

impl Samples {
    pub(super) fn new(local_pid: Option<u32>, symbol_directories: &[PathBuf], budget: &Budget) -> Samples {
        Samples {
            budget: budget.clone(),
            symbolizer: Symbolizer::with_budget(&[], local_pid, symbol_directories, budget),
            texts: HashMap::new(),
            mappings: HashMap::new(),
            frames: HashMap::new(),
            callstacks: HashMap::new(),
            kept_frames: 0,
            period_ns: 0,
            count: 0,
            weight: 0,
            without_stack: 0,
        }
    }

    pub(super) fn set_period(&mut self, period_ns: u64) {
        self.period_ns = period_ns;
    }

    pub(super) fn set_modules(&mut self, modules: &[Module]) {
        self.symbolizer.set_modules(modules);
    }

    /// Samples so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Sum of their weights.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Samples whose stack was not kept.
    pub(super) fn without_stack(&self) -> u64 {
        self.without_stack
    }

    pub(super) fn module_symbols(&self) -> impl Iterator<Item = &ModuleSymbols> {
        self.symbolizer.module_symbols()
    }

    /// Writes a sample, and first the items that it is the first to refer to.
    pub(super) fn write<W: Write>(
        &mut self,
        sample: &CpuSample,
        pid: u32,
        packets: &mut Packets<W>,
    ) -> Result<(), Stop> {
        let mut new = InternedData::default();
        let callstack = self.callstack(&sample.stack.frames, &mut new)?;
        self.count += 1;
        self.without_stack += u64::from(callstack.is_none());
        if new != InternedData::default() {
            packets.data(TracePacket { interned_data: Some(new), ..TracePacket::default() })?;
        }
        for _ in 0..sample.weight.clamp(1, MAX_REPEATS) {
            self.weight = self.weight.saturating_add(1);
            let perf_sample = PerfSample {
                cpu: Some(0),
                pid: Some(pid),
                tid: Some(sample.tid),
                callstack_iid: callstack,
                cpu_mode: Some(USER_MODE),
                timebase_count: Some(self.weight.saturating_mul(self.period_ns)),
            };
            let packet = TracePacket { perf_sample: Some(perf_sample), ..TracePacket::default() };
            packets.at(sample.time_ns, packet)?;
        }
        Ok(())
    }

    fn callstack(&mut self, addresses: &[u64], new: &mut InternedData) -> Result<Option<u64>, Exhausted> {
        if addresses.is_empty() {
            return Ok(None);
        }
        if let Some(iid) = self.callstacks.get(addresses) {
            return Ok(Some(*iid));
        }
        if self.kept_frames + addresses.len() > MAX_KEPT_FRAMES {
            return Ok(None);
        }
        let words = size_of::<u64>() as u64 * 4;
        self.budget.charge(STACK_BYTES + words.saturating_mul(addresses.len() as u64))?;
        self.kept_frames += addresses.len();
        let mut frame_ids = Vec::with_capacity(addresses.len());
        for (depth, address) in addresses.iter().enumerate() {
            for frame in self.symbolizer.shared_frames(*address, depth > 0).iter() {
                frame_ids.push(self.frame(*address, frame, new)?);
            }
        }
        frame_ids.reverse(); // the root first
        let iid = self.callstacks.len() as u64 + 1;
        self.callstacks.insert(addresses.into(), iid);
        new.callstacks.push(Callstack { iid: Some(iid), frame_ids });
        Ok(Some(iid))
    }

    fn frame(
        &mut self,
        address: u64,
        frame: &symbols::Frame,
        new: &mut InternedData,
    ) -> Result<u64, Exhausted> {
        let key = Frame {
            iid: None,
            function_name_id: Some(self.text(Table::Functions, &frame.name(), new)),
            mapping_id: self.mapping(address, new),
            rel_pc: Some(frame.module_offset),
            source_path_iid: frame.file.as_ref().map(|file| self.text(Table::Sources, file, new)),
            line_number: frame.line,
        };
        if let Some(iid) = self.frames.get(&key) {
            return Ok(*iid);
        }
        let texts = [&frame.function, &frame.mangled, &frame.file].into_iter().flatten();
        let texts: usize = texts.map(|text| text.len()).sum();
        self.budget.charge(ADDRESS_BYTES + TEXT_COPIES.saturating_mul(texts as u64))?;
        self.budget.check_time()?;
        let next = self.frames.len() as u64 + 1;
        self.frames.insert(key, next);
        new.frames.push(Frame { iid: Some(next), ..key });
        Ok(next)
    }

    fn mapping(&mut self, address: u64, new: &mut InternedData) -> Option<u64> {
        let module = self.symbolizer.module(address)?.clone();
        let key = (module.start_avma, module.end_avma);
        if let Some(iid) = self.mappings.get(&key) {
            return Some(*iid);
        }
        let iid = self.mappings.len() as u64 + 1;
        self.mappings.insert(key, iid);
        let build_id = self.text(Table::BuildIds, &hex(&module.build_id), new);
        let path = self.text(Table::Paths, module.path.trim_start_matches('/'), new);
        new.mappings.push(Mapping {
            iid: Some(iid),
            build_id: Some(build_id),
            start: Some(module.start_avma),
            end: Some(module.end_avma),
            path_string_ids: vec![path],
        });
        Some(iid)
    }

    fn text(&mut self, table: Table, text: &str, new: &mut InternedData) -> u64 {
        let key = (table, text.into());
        if let Some(iid) = self.texts.get(&key) {
            return *iid;
        }
        let iid = self.texts.len() as u64 + 1;
        self.texts.insert(key, iid);
        let list = match table {
            Table::Functions => &mut new.function_names,
            Table::BuildIds => &mut new.build_ids,
            Table::Paths => &mut new.mapping_paths,
            Table::Sources => &mut new.source_paths,
        };
        list.push(InternedString { iid: Some(iid), str: Some(text.as_bytes().to_vec()) });
        iid
    }
}
