//! Answer of `version`: one `Data` packet, a [`VersionReply`].

use super::Known;
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, SYMBOL_CHARACTERS, VERSION_CHARACTERS, fields};

/// Arguments of `version`: none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct VersionRequest {}

/// How the program was built. The data comes from the agent's own compilation and from
/// the executable's ELF sections; the inspector interprets it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct VersionReply {
    /// `crate version` of the program, if its author passed it to `Options::program`.
    pub program: Known<String>,
    /// The executable's file name.
    pub executable: Known<String>,
    /// Build-id of the executable, empty if it has none.
    pub build_id: Vec<u8>,
    /// `rustc -V` of the compiler that built the agent, and therefore the program.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// Cargo profile: `debug` or `release` (cargo passes only these two to build scripts).
    pub profile: String,
    /// `opt-level` of the agent crate.
    pub opt_level: String,
    /// Whether debug assertions are on.
    pub debug_assertions: bool,
    /// `unwind` or `abort`.
    pub panic: String,
    /// The compiler strings in the executable's `.comment`.
    pub comment: Known<Vec<String>>,
    /// Names of the executable's ELF sections.
    pub sections: Known<Vec<String>>,
    /// A few mangled Rust symbol names, which show the mangling scheme; empty if the executable is stripped.
    pub symbols: Known<Vec<String>>,
    /// The bytes of section `.dep-v0` (cargo-auditable: zlib-compressed JSON), empty if absent.
    pub auditable: Vec<u8>,
    /// Tokio's version.
    pub tokio: Known<String>,
    /// The global allocator, as far as the agent can detect it.
    pub allocator: Known<String>,
    /// Version of the agent crate.
    pub agent: String,
    /// Version of the packet layer.
    pub protocol: u32,
    /// Enabled Cargo features of the agent.
    pub features: Vec<String>,
}

/// The maximum length of `rustc -V`: a version and, from distributions, where it was built.
const COMPILER_CHARACTERS: usize = 128;

fields! {
    VersionReply {
        program: NAME_CHARACTERS, executable: NAME_CHARACTERS, build_id, rustc: COMPILER_CHARACTERS,
        target: NAME_CHARACTERS, profile: NAME_CHARACTERS, opt_level: NAME_CHARACTERS, debug_assertions,
        panic: NAME_CHARACTERS, comment: NAME_CHARACTERS, sections: NAME_CHARACTERS,
        symbols: SYMBOL_CHARACTERS, auditable, tokio: VERSION_CHARACTERS, allocator: NAME_CHARACTERS,
        agent: VERSION_CHARACTERS, protocol, features: NAME_CHARACTERS,
    }
}
