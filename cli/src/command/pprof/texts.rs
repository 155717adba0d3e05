//! Texts of others in messages: without passwords, and not longer than a person reads.

/// The most characters of a text of a server, a file or the command line in a message.
const LONGEST: usize = 1000;

/// The beginning of `text`, with `…` if it is longer than a message should be.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// `text` without what is before its last `@`: it may be a user and a password, in an address with a mistake, too.
pub(super) fn without_secret(text: &str) -> String {
    let Some(at) = text.rfind('@') else { return cut(text) };
    let scheme = ["http://", "https://", "https+insecure://"].into_iter().find(|it| text.starts_with(it));
    cut(&format!("{}…{}", scheme.unwrap_or_default(), text.get(at..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (text, shown) in [
            ("http://bob:hunt/er2@127.0.0.1:1/x", "http://…@127.0.0.1:1/x"),
            ("http//bob:hunter2@host", "…@host"),
            ("https://me:a@b@host/p", "https://…@host/p"),
            ("host:1/é", "host:1/é"),
        ] {
            assert_eq!(without_secret(text), shown);
        }
        let long = "é".repeat(LONGEST + 1);
        assert_eq!(cut(&long).chars().count(), LONGEST + 1);
        assert_eq!(cut("é"), "é");
    }
}
