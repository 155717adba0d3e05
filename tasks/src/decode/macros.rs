//! The macros that poll several futures, recognized by their source files.

use crate::model::NodeKind;

/// A macro that awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Macro {
    /// The name in source code.
    pub(super) name: &'static str,
    pub(super) kind: NodeKind,
}

const MACROS: [(&str, &str, NodeKind); 6] = [
    ("/macros/select.rs", "tokio::select!", NodeKind::Select),
    ("/macros/try_join.rs", "tokio::try_join!", NodeKind::Join),
    ("/macros/join.rs", "tokio::join!", NodeKind::Join),
    ("/async_await/select_mod.rs", "futures::select!", NodeKind::Select),
    ("/async_await/join_mod.rs", "futures::join!", NodeKind::Join),
    ("/async_await/stream_select_mod.rs", "futures::stream_select!", NodeKind::Select),
];

/// The macro of a source file: the path ends with `tokio-1.54.1/src/macros/select.rs`.
pub(super) fn of_file(file: &str) -> Option<Macro> {
    let (_, name, kind) = MACROS.iter().find(|(end, name, _)| {
        let library = if name.starts_with("tokio") { "/tokio" } else { "/futures-util" };
        file.ends_with(end) && file.contains(library)
    })?;
    Some(Macro { name, kind: *kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_recognized_by_their_source_files() {
        let name = |file| of_file(file).map(|found| found.name);
        assert_eq!(name("/c/registry/src/i/tokio-1.54.1/src/macros/try_join.rs"), Some("tokio::try_join!"));
        assert_eq!(name("/c/registry/src/i/tokio-1.54.1/src/macros/join.rs"), Some("tokio::join!"));
        assert_eq!(name("/c/futures-util-0.3.34/src/async_await/select_mod.rs"), Some("futures::select!"));
        assert_eq!(name("/home/u/shop/src/macros/select.rs"), None);
    }
}
