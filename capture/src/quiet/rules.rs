//! Rules to get from a frame to its caller, from DWARF call frame information (DWARF 5, section 6.4; LSB
//! core, section 10.6), parsed once per address in a dump.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, RegisterRule, UnwindContext,
    UnwindSection, X86_64,
};

use super::call_site::CallSite;
use super::prologue::{self, Prologue};
use crate::memory;
use crate::modules::{Modules, UnwindSections};

/// The number of code bytes parsed after `mov rbp, rsp`.
const PROLOGUE_BYTES: usize = 64;

/// The canonical frame address: the value of the stack pointer before the call.
#[derive(Debug, Clone, Copy)]
pub(super) enum FrameAddress {
    AboveStackPointer(u64),
    /// The function keeps a frame pointer. Its value follows from the prologue, if that could be parsed.
    AboveFramePointer(u64, Option<Prologue>),
}

/// The unwind rule of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) function: u64,
    pub(super) frame_address: FrameAddress,
    /// The caller's saved `rbp`, relative to the frame address; `None`: it is still in `rbp`.
    pub(super) frame_pointer: Option<i64>,
    /// The return address, relative to the frame address; `None`: this is the root.
    pub(super) return_address: Option<i64>,
}

/// A cache of rules and call sites. Valid for one module list.
pub(super) struct Rules<'m> {
    modules: &'m Modules,
    context: UnwindContext<usize>,
    rules: HashMap<u64, Option<Rule>, AddressHash>,
    call_sites: HashMap<u64, CallSite, AddressHash>,
}

/// Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4). The keys are addresses of the
/// program's own code, so no attacker chooses them to collide. Two lookups per frame are most of a walk's cost.
#[derive(Default)]
struct AddressHasher(u64);

type AddressHash = BuildHasherDefault<AddressHasher>;

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, address: u64) {
        let product = (self.0 ^ address).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<'m> Rules<'m> {
    pub(super) fn new(modules: &'m Modules) -> Rules<'m> {
        let (rules, call_sites) = (HashMap::default(), HashMap::default());
        Rules { modules, context: UnwindContext::new(), rules, call_sites }
    }

    /// The rule at an instruction; `None` without unwind data, or when the data needs
    /// registers that are not known.
    pub(super) fn at(&mut self, address: u64) -> Option<Rule> {
        if let Some(rule) = self.rules.get(&address) {
            return *rule;
        }
        let rule = self.modules.sections_of(address).and_then(|sections| self.look_up(sections, address));
        self.rules.insert(address, rule);
        rule
    }

    pub(super) fn call_site(&mut self, return_address: u64) -> CallSite {
        let Rules { modules, call_sites, .. } = self;
        *call_sites.entry(return_address).or_insert_with(|| {
            match modules.sections_of(return_address.wrapping_sub(1)) {
                Some(_) => CallSite::before(return_address, &mut read),
                None => CallSite::None,
            }
        })
    }

    fn look_up(&mut self, sections: &UnwindSections, address: u64) -> Option<Rule> {
        let bases = BaseAddresses::default()
            .set_eh_frame_hdr(sections.header.0)
            .set_eh_frame(sections.frames.0)
            .set_text(sections.code.start);
        let header = EhFrameHdr::new(&sections.header.1, LittleEndian).parse(&bases, 8).ok()?;
        let frames: EhFrame<EndianSlice<'_, LittleEndian>> = EhFrame::new(&sections.frames.1, LittleEndian);
        let description =
            header.table()?.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset).ok()?;
        let function = description.initial_address();
        let mut table = description.rows(&frames, &bases, &mut self.context).ok()?;
        // The first row relative to the frame pointer begins after `mov rbp, rsp`, wherever in the function that is.
        let mut keeps_from = None;
        let row = loop {
            let row = table.next_row().ok()??;
            if keeps_from.is_none() && by_frame_pointer(row.cfa()).is_some() {
                keeps_from = Some(row.start_address());
            }
            if row.contains(address) {
                break row;
            }
        };
        let return_address = match row.register(X86_64::RA) {
            Some(RegisterRule::Undefined) => None,
            Some(RegisterRule::Offset(offset)) => Some(offset),
            _ => return None,
        };
        let frame_pointer = match row.register(X86_64::RBP) {
            None | Some(RegisterRule::SameValue) => None,
            Some(RegisterRule::Offset(offset)) => Some(offset),
            // At the root, the caller's registers do not matter.
            _ if return_address.is_none() => None,
            _ => return None,
        };
        let frame_address = match (row.cfa(), by_frame_pointer(row.cfa())) {
            (CfaRule::RegisterAndOffset { register: X86_64::RSP, offset }, _) => {
                FrameAddress::AboveStackPointer(u64::try_from(*offset).ok()?)
            }
            (_, Some(offset)) => {
                let saved = [X86_64::RBX, X86_64::R12, X86_64::R13, X86_64::R14, X86_64::R15];
                let saved = saved.into_iter().filter(|one| row.register(*one).is_some()).count() as u64;
                let prologue = keeps_from.and_then(|from| prologue_of(from, address, saved));
                FrameAddress::AboveFramePointer(offset, prologue)
            }
            _ if return_address.is_none() => FrameAddress::AboveStackPointer(0),
            _ => return None,
        };
        Some(Rule { function, frame_address, frame_pointer, return_address })
    }
}

/// Reads code or a slot of the global offset table. Checked, because a library may be unloaded meanwhile.
fn read(address: u64, buffer: &mut [u8]) -> bool {
    memory::copy(address, buffer).is_ok()
}

/// The prologue whose remaining instructions begin at `from`, if `address` is after it and it saves as many
/// registers as the row says.
fn prologue_of(from: u64, address: u64, saved: u64) -> Option<Prologue> {
    let mut before = [0; 3];
    let mut code = [0; PROLOGUE_BYTES];
    if !read(from.checked_sub(3)?, &mut before) || !prologue::sets_frame_pointer(&before) {
        return None;
    }
    // A short function may end where the mapping ends.
    let readable = [PROLOGUE_BYTES, 16].into_iter().find(|length| read(from, &mut code[..*length]))?;
    let prologue = Prologue::parse(&code[..readable])?;
    (prologue.saved == saved && address >= from + prologue.length).then_some(prologue)
}

/// The distance from the frame pointer up to the frame address in bytes, if the rule is relative to it.
fn by_frame_pointer(rule: &CfaRule<usize>) -> Option<u64> {
    match rule {
        CfaRule::RegisterAndOffset { register: X86_64::RBP, offset } => u64::try_from(*offset).ok(),
        _ => None,
    }
}
