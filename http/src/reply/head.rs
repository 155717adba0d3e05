//! The answer of `HEAD`.

use http::StatusCode;

use super::headers::{HTML, JSON, Reply, TEXT, answer};
use super::made::profile_file;
use crate::ask::Ask;

/// The answer of `HEAD`: the headers that `GET` has, without the work. Go does the work and drops the body: its
/// `HEAD profile` lasts 30 s.
pub fn head(ask: &Ask) -> Reply {
    let of = |kind| answer(StatusCode::OK, kind, Vec::new());
    match ask {
        Ask::Index => of(HTML),
        Ask::Cpu { .. } => profile_file("profile", Vec::new(), false),
        Ask::Trace { .. } => profile_file("trace", Vec::new(), false),
        Ask::Profile { kind, debug: 0, seconds, .. } => {
            profile_file(kind.name(), Vec::new(), seconds.is_some())
        }
        Ask::View { json: true, .. } => of(JSON),
        Ask::Profile { .. } | Ask::Cmdline | Ask::Symbol { .. } | Ask::View { .. } => of(TEXT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_of_get() {
        assert_eq!(head(&Ask::Cmdline).headers()["content-type"], TEXT);
        assert_eq!(
            head(&Ask::Trace { duration: std::time::Duration::from_secs(1) }).headers()["content-type"],
            super::super::headers::FILE
        );
    }
}
