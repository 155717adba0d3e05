//! What is around a page: the bar with its links.

use maud::Markup;
use rgops_web::shell::{Link, Shell};

use crate::fleet::Program;

/// A page that is not about one program.
pub(super) fn plain(title: &str, body: &Markup) -> Shell {
    Shell {
        title: title.to_owned(),
        home: "/".to_owned(),
        assets: "/assets/".to_owned(),
        styles: vec!["/assets/tables.css".to_owned(), "/assets/serve.css".to_owned()],
        body: body.0.clone(),
        ..Shell::default()
    }
}

/// The pages of a program: the end of their address, and their names.
const PAGES: &[(&str, &str)] =
    &[("", "Overview"), ("threads", "Threads"), ("tasks", "Tasks"), ("debug/pprof/", "pprof")];

/// A page about a program; `route` is the end of its address.
pub(super) fn program(program: &Program, route: &str, title: &str, body: &Markup) -> Shell {
    let link = |(end, text): &(&str, &str)| Link {
        address: format!("{}{end}", address(program)),
        text: (*text).to_owned(),
        is_current: *end == route,
    };
    let about = match program.name.is_empty() {
        true => format!("pid {}", program.pid),
        false => format!("{} · pid {}", shown(&program.name), program.pid),
    };
    Shell {
        about,
        links: PAGES.iter().map(link).collect(),
        ..plain(&format!("{title} · {}", shown(&program.name)), body)
    }
}

/// The address of a program's first page.
pub(super) fn address(program: &Program) -> String {
    format!("/p/{}/", program.pid)
}

/// A name of a program, thread or function, of which only the beginning is shown if it is long.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 200;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None if name.is_empty() => "(no name)".to_owned(),
        None => name.to_owned(),
    }
}

/// A file and a line. The directories of a registry are left out: they are the same for all crates.
pub(super) fn place(file: &str, line: Option<u32>) -> String {
    let in_registry = file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    let in_rust = file.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/'));
    let file = shown(in_registry.or(in_rust).map_or(file, |(_, rest)| rest));
    line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_short() {
        assert_eq!(
            place("/root/.cargo/registry/src/index.crates.io-1/tokio-1.0/src/a.rs", Some(7)),
            "tokio-1.0/src/a.rs:7"
        );
        assert_eq!(place("/rustc/abc/library/std/src/rt.rs", None), "library/std/src/rt.rs");
        assert_eq!(place("/home/a/src/main.rs", Some(1)), "/home/a/src/main.rs:1");
    }
}
