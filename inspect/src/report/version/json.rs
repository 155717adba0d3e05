//! The JSON contract of `rgops version`.

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{End, Known};
use serde::Serialize;

use super::{DebugInfo, Dependency, Mangling, debug_info, dependencies, has_symbols, mangling};
use crate::report::document::Document;
use crate::report::known::JsonKnown;
use crate::text::hex;

/// The answer in JSON, `rgops.version/1`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JsonVersion {
    /// `crate version`, set by the program's author.
    pub program: JsonKnown<String>,
    /// File name of the executable.
    pub executable: JsonKnown<String>,
    /// Build-id in hexadecimal.
    pub build_id: JsonKnown<String>,
    /// `rustc -V`.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// `debug` or `release`.
    pub profile: String,
    /// `opt-level`.
    pub opt_level: String,
    /// Whether debug assertions are on.
    pub debug_assertions: bool,
    /// `unwind` or `abort`.
    pub panic: String,
    /// `full`, `line-tables`, `standard-library`, `separate-file` or `none`.
    pub debug_info: JsonKnown<DebugInfo>,
    /// Whether the symbol table was removed.
    pub stripped: JsonKnown<bool>,
    /// `v0` or `legacy`.
    pub mangling: JsonKnown<Mangling>,
    /// Compiler strings of the executable.
    pub comment: JsonKnown<Vec<String>>,
    /// Tokio's version.
    pub tokio: JsonKnown<String>,
    /// The global allocator.
    pub allocator: JsonKnown<String>,
    /// Version of the agent crate.
    pub agent: String,
    /// Version of the packet layer.
    pub protocol: u32,
    /// Cargo features of the agent.
    pub features: Vec<String>,
    /// The crates in the program, from cargo-auditable.
    pub dependencies: JsonKnown<Vec<Dependency>>,
}

impl JsonVersion {
    /// The JSON form of an answer.
    pub fn document(hello: &AgentHello, reply: &VersionReply, end: &End) -> Document<JsonVersion> {
        let build_id = match reply.build_id.as_slice() {
            [] => Known::unavailable("the linker did not add one", ""),
            id => Known::Value(hex(id)),
        };
        let body = JsonVersion {
            program: reply.program.clone().into(),
            executable: reply.executable.clone().into(),
            build_id: build_id.into(),
            rustc: reply.rustc.clone(),
            target: reply.target.clone(),
            profile: reply.profile.clone(),
            opt_level: reply.opt_level.clone(),
            debug_assertions: reply.debug_assertions,
            panic: reply.panic.clone(),
            debug_info: debug_info(&reply.sections).into(),
            stripped: has_symbols(&reply.sections).map(|has| !has).into(),
            mangling: mangling(reply).into(),
            comment: reply.comment.clone().into(),
            tokio: reply.tokio.clone().into(),
            allocator: reply.allocator.clone().into(),
            agent: reply.agent.clone(),
            protocol: reply.protocol,
            features: reply.features.clone(),
            dependencies: dependencies(&reply.auditable).into(),
        };
        Document::new("rgops.version/1", hello.into(), Ok(end), body, None)
    }
}
