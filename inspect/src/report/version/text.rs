//! The answer of `rgops version` as text.

use std::fmt::Write as _;

use rgops_protocol::reply::Known;
use rgops_protocol::reply::version::VersionReply;

use super::auditable::dependencies;
use super::build::{debug_info, has_symbols, mangling};
use crate::text::known::show;
use crate::text::{counted, escape, hex};

/// The answer as `name: value` lines; with `list_dependencies`, followed by one line per dependency.
pub fn render(reply: &VersionReply, list_dependencies: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    let plain = |known: &Known<String>| show(known, |value| escape(value).into_owned());
    line("program", plain(&reply.program));
    line("executable", plain(&reply.executable));
    line("build-id", if reply.build_id.is_empty() { NO_BUILD_ID.to_owned() } else { hex(&reply.build_id) });
    line("rustc", compiler(reply));
    line("target", escape(&reply.target).into_owned());
    line("profile", profile(reply));
    line("debug info", show(&debug_info(&reply.sections), |level| level.describe().to_owned()));
    line("symbols", show(&has_symbols(&reply.sections), |has| symbols(*has).to_owned()));
    line("mangling", show(&mangling(reply), |mangling| mangling.name().to_owned()));
    line("panic", escape(&reply.panic).into_owned());
    line("tokio", plain(&reply.tokio));
    line("allocator", plain(&reply.allocator));
    line("agent", format!("{}, protocol {}", escape(&reply.agent), reply.protocol));
    line(
        "agent features",
        if reply.features.is_empty() {
            "none".to_owned()
        } else {
            escape(&reply.features.join(", ")).into_owned()
        },
    );
    let dependencies = dependencies(&reply.auditable);
    line(
        "dependencies",
        show(&dependencies, |list| {
            let hint = if list_dependencies { "" } else { " (--deps lists them)" };
            format!("{}{hint}", counted(list.len() as u64, "crate"))
        }),
    );
    if let (true, Known::Value(list)) = (list_dependencies, &dependencies) {
        for dependency in list {
            let _ = writeln!(text, "  {}", dependency.describe());
        }
    }
    text
}

const NO_BUILD_ID: &str =
    r#"unavailable (the linker did not add one; fix: RUSTFLAGS="-C link-arg=-Wl,--build-id" in the build)"#;

/// The compiler: `rustc -V`, otherwise the compiler strings of the executable that name rustc.
fn compiler(reply: &VersionReply) -> String {
    if !reply.rustc.is_empty() {
        return escape(&reply.rustc).into_owned();
    }
    let from_comment = reply.comment.clone().map(|strings| {
        let rustc: Vec<String> = strings.into_iter().filter(|string| string.contains("rustc")).collect();
        rustc.join("; ")
    });
    show(&from_comment, |strings| escape(strings).into_owned())
}

fn profile(reply: &VersionReply) -> String {
    let assertions = if reply.debug_assertions { "on" } else { "off" };
    format!(
        "{}, opt-level {}, debug assertions {assertions}",
        escape(&reply.profile),
        escape(&reply.opt_level)
    )
}

fn symbols(has: bool) -> &'static str {
    match has {
        true => "in the executable",
        false => {
            "stripped: stacks show module+offset unless a debug file is found (fix: strip = \"debuginfo\" or \"none\" in the Cargo profile)"
        }
    }
}
