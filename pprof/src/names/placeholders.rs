//! The compiler's words in braces as people write them: `{closure}` for `{{closure}}` and `{closure_env#0}`,
//! `{async fn}`, nothing for `{impl#3}`.

/// The name with all of them replaced.
pub(super) fn resolved(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('{') {
        let (before, braces) = rest.split_at(at);
        text.push_str(before);
        let Some((inner, after)) = inside(braces) else {
            text.push_str(braces);
            return text;
        };
        rest = after;
        match shown(inner) {
            Some(shown) => text.push_str(&shown),
            // The part of the path goes, with the `::` before or behind it.
            None => match text.strip_suffix("::").map(str::len) {
                Some(length) => text.truncate(length),
                None => rest = rest.strip_prefix("::").unwrap_or(rest),
            },
        }
    }
    text.push_str(rest);
    text
}

/// What is in `{…}` or `{{…}}` at the start, and what follows.
fn inside(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix("{{") {
        Some(double) => double.split_once("}}"),
        None => text.strip_prefix('{')?.split_once('}'),
    }
}

/// `None` for what only the compiler uses.
fn shown(inner: &str) -> Option<String> {
    let (kind, number) = inner.split_once('#').unwrap_or((inner, "0"));
    // The first of its kind in a function gets no number.
    let numbered = |what: &str| match number {
        "0" => format!("{{{what}}}"),
        number => format!("{{{what}#{number}}}"),
    };
    match kind {
        "impl" | "vtable.shim" | "reify.shim" => None,
        _ if kind.starts_with("shim:") => None,
        "closure" | "closure_env" => Some(numbered("closure")),
        "async_fn" | "async_fn_env" | "async fn" => Some(numbered("async fn")),
        "async_block" | "async_block_env" | "async block" => Some(numbered("async block")),
        "async_closure" | "async_closure_env" | "async closure" => Some(numbered("async closure")),
        "gen_fn" | "gen_fn_env" | "gen fn" => Some(numbered("gen fn")),
        "gen_block" | "gen_block_env" | "gen block" => Some(numbered("gen block")),
        "constructor" => Some("{constructor}".to_owned()),
        _ => Some(format!("{{{inner}}}")),
    }
}
