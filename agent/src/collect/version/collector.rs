//! The answer: facts from the agent's compilation and from the executable, each missing one with its reason.

use std::io;
use std::sync::Arc;

use rgops_capture::procfs::threads;
use rgops_protocol::PROTOCOL_VERSION;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::reply::{End, Known, Note, NoteKind};
use rgops_protocol::request::VersionRequest;

use super::scan::{self, CUSTOM, Names, SYSTEM};
use crate::collect::{Context, Finish, Sink, Stop};
use crate::executable::{Executable, OWN};

/// Longest `.dep-v0` sent: cargo-auditable needs about 5 KiB for 400 crates.
const MAX_AUDITABLE_BYTES: u64 = 512 * 1024;
/// Longest `.comment` read.
const MAX_COMMENT_BYTES: u64 = 64 * 1024;
/// Maximum compiler strings sent.
const MAX_COMMENTS: usize = 32;

pub(crate) async fn collect(
    _arguments: VersionRequest,
    context: &Arc<Context>,
    sink: &Sink,
    _finish: &mut Finish,
) -> Result<End, Stop> {
    let (reply, end) = reply(context).await;
    sink.data(&reply).await?;
    Ok(end)
}

/// The answer, and what it lacks.
async fn reply(context: &Context) -> (VersionReply, End) {
    let (executable, library) = match Executable::of_agent() {
        Ok((executable, library)) => (Ok(executable), library),
        Err(error) => (Err(error), None),
    };
    let names = names(&executable).await;
    let mut end = End::default();
    let auditable = auditable(&executable, &mut end);
    let reply = VersionReply {
        program: match &context.program {
            Some(program) => Known::Value(program.clone()),
            None => Known::unavailable(
                "the program did not set it",
                r#"Options::default().program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))"#,
            ),
        },
        executable: file_name(library),
        build_id: executable.as_ref().map(Executable::build_id).unwrap_or_default(),
        rustc: env!("RGOPS_BUILD_RUSTC").to_owned(),
        target: env!("RGOPS_BUILD_TARGET").to_owned(),
        profile: env!("RGOPS_BUILD_PROFILE").to_owned(),
        opt_level: env!("RGOPS_BUILD_OPT_LEVEL").to_owned(),
        debug_assertions: cfg!(debug_assertions),
        panic: if cfg!(panic = "abort") { "abort" } else { "unwind" }.to_owned(),
        comment: comment(&executable),
        sections: section_names(&executable),
        tokio: tokio_version(&executable, context).await,
        allocator: allocator(&names),
        symbols: match names {
            Ok(names) => Known::Value(names.map(Names::into_samples).unwrap_or_default()),
            Err(error) => unreadable(&error),
        },
        auditable,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        features: features(),
    };
    (reply, end)
}

fn unreadable<T>(error: &io::Error) -> Known<T> {
    Known::unavailable(format!("cannot read {OWN}: {error}"), "")
}

/// The name of the executable; and of the library that has the agent, which the other facts are about.
fn file_name(library: Option<String>) -> Known<String> {
    match std::fs::read_link(OWN) {
        Ok(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // The kernel adds this when the file was deleted or replaced. The program that runs has not changed.
            let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
            Known::Value(match library {
                None => name.to_owned(),
                Some(library) => format!("{name}, with the agent in {library}"),
            })
        }
        Err(error) => unreadable(&error),
    }
}

fn comment(executable: &io::Result<Executable>) -> Known<Vec<String>> {
    let bytes = match executable {
        Ok(executable) => executable.bytes(".comment", MAX_COMMENT_BYTES),
        Err(error) => return unreadable(error),
    };
    match bytes {
        Ok(Some(bytes)) => {
            let strings = bytes.split(|byte| *byte == 0).filter(|string| !string.is_empty());
            Known::Value(
                strings.take(MAX_COMMENTS).map(|text| String::from_utf8_lossy(text).into_owned()).collect(),
            )
        }
        Ok(None) => Known::unavailable("the executable has no .comment section", "build without removing it"),
        Err(error) => unreadable(&error),
    }
}

fn section_names(executable: &io::Result<Executable>) -> Known<Vec<String>> {
    match executable {
        Ok(executable) => Known::Value(executable.section_names()),
        Err(error) => unreadable(error),
    }
}

/// Symbol names; `Ok(None)` when the executable has none.
async fn names(executable: &io::Result<Executable>) -> io::Result<Option<Names>> {
    let executable = executable.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    match executable.section(".strtab") {
        Some(table) => scan::names(executable, table).await.map(Some),
        None => Ok(None),
    }
}

/// The version of the program's Tokio. The agent has one itself, so a version in the executable is not enough.
async fn tokio_version(executable: &io::Result<Executable>, context: &Context) -> Known<String> {
    let executable = match executable {
        Ok(executable) => executable,
        Err(error) => return unreadable(error),
    };
    let Some(section) = executable.section(".rodata") else {
        return Known::unavailable("the executable has no .rodata section", "");
    };
    match scan::crate_versions(executable, section, "tokio").await {
        Ok(found) if found.is_empty() => Known::unavailable(
            "no source path of Tokio is in the executable: paths were remapped or trimmed",
            "build with cargo-auditable",
        ),
        Ok(found) => {
            let versions = found.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            // Cargo links one version 1 for both, so a second version is the program's.
            if found.len() > 1 || uses_tokio(context) {
                return Known::Value(versions);
            }
            Known::unavailable(
                format!(
                    "the agent itself uses Tokio {versions}; nothing shows that the program does: no runtime is watched, \
                     and no thread is a Tokio worker"
                ),
                "if it does, call rgops_agent::listen inside its runtime",
            )
        }
        Err(error) => unreadable(&error),
    }
}

/// Whether something shows that the program itself uses Tokio: a runtime that it gave us, or a thread with the name
/// that Tokio gives its workers.
fn uses_tokio(context: &Context) -> bool {
    const NAMES: [&str; 2] = ["tokio-rt-worker", "tokio-runtime-w"];
    let is_worker = |tid: &u32| threads::stat(*tid).is_ok_and(|stat| NAMES.contains(&stat.name.as_str()));
    !context.runtimes.list().is_empty() || threads::ids().is_ok_and(|(ids, _)| ids.iter().any(is_worker))
}

/// Which allocator the program uses, found by symbols that only one allocator has.
fn allocator(names: &io::Result<Option<Names>>) -> Known<String> {
    #[cfg(native_engine)]
    if let Some(wrapped) = rgops_capture::heap::allocator() {
        return Known::Value(format!("rgops_agent::alloc::Sampling<{wrapped}>"));
    }
    let c_library = if cfg!(target_env = "musl") { "system (musl malloc)" } else { "system (glibc malloc)" };
    let names = match names {
        Ok(Some(names)) => names,
        Ok(None) => {
            return Known::unavailable(
                "the executable is stripped, so the allocator's symbols are gone",
                "strip = \"debuginfo\" in the Cargo profile keeps the symbols",
            );
        }
        Err(error) => return unreadable(error),
    };
    let named: Vec<&str> =
        names.allocators.iter().copied().filter(|name| *name != SYSTEM && *name != CUSTOM).collect();
    if names.allocators.contains(CUSTOM) || (!named.is_empty() && !names.allocators.contains(SYSTEM)) {
        return Known::Value(match named.as_slice() {
            [] => "custom (#[global_allocator])".to_owned(),
            named => named.join(" or "),
        });
    }
    if names.allocators.contains(SYSTEM) {
        return Known::Value(c_library.to_owned());
    }
    Known::unavailable("no symbol of rustc's allocator shims is in the executable (inlined by LTO)", "")
}

/// cargo-auditable's section, unchanged. If it is too long, a note reports that.
fn auditable(executable: &io::Result<Executable>, end: &mut End) -> Vec<u8> {
    let bytes = match executable {
        Ok(executable) => executable.bytes(".dep-v0", MAX_AUDITABLE_BYTES),
        Err(_) => return Vec::new(),
    };
    match bytes {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => {
            let what = "dependency list".to_owned();
            end.notes.push(Note { kind: NoteKind::Missing, what, count: 1, why: error.to_string() });
            Vec::new()
        }
    }
}

fn features() -> Vec<String> {
    [("jemalloc", cfg!(feature = "jemalloc")), ("mimalloc", cfg!(feature = "mimalloc"))]
        .into_iter()
        .filter(|(_, is_on)| *is_on)
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_test_program_is_described() {
        rgops_capture::testing::run_alone("collect::version::collector::tests::this_program");
    }

    #[tokio::test]
    #[ignore = "started by the test above in its own process: other tests have runtimes"]
    async fn this_program() {
        let context = Context::for_tests();
        let (version, _) = reply(&context).await;
        // The Tokio in this program is as much the agent's.
        let Known::Unavailable(missing) = &version.tokio else { panic!("{:?}", version.tokio) };
        assert!(missing.reason.starts_with("the agent itself uses Tokio 1."), "{missing:?}");
        context.runtimes.add(&tokio::runtime::Handle::current(), "main");
        let (version, end) = reply(&context).await;
        assert!(end.notes.is_empty());
        assert!(version.rustc.starts_with("rustc 1."), "{}", version.rustc);
        assert!(version.target.contains("linux") && version.panic == "unwind");
        assert!(version.executable.value().unwrap().starts_with("rgops_agent"));
        assert!(version.comment.value().unwrap().iter().any(|text| text.contains("rustc version")));
        assert!(version.sections.value().unwrap().contains(&".symtab".to_owned()));
        assert!(version.symbols.value().unwrap()[0].contains("rgops_agent"), "{:?}", version.symbols);
        assert!(version.tokio.value().unwrap().starts_with("1."), "{:?}", version.tokio);
        assert!(version.allocator.value().unwrap().contains("system"), "{:?}", version.allocator);
        assert!(version.program.value().is_none());
    }
}
