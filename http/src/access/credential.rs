//! What a request has to prove who asks.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request has to prove who asks.
#[derive(PartialEq, Eq)]
pub(super) enum Credential {
    /// A token behind `Bearer`.
    Bearer(Vec<u8>),
    /// A password behind `Basic`.
    Basic(Vec<u8>),
    /// `Authorization` that is neither, or twice.
    Malformed,
    /// Cookies of our name.
    Cookies(Vec<String>),
    /// Nothing.
    Nothing,
}

/// What `headers` have. `Authorization` goes before cookies: who sends it means it.
pub(super) fn credential(headers: &HeaderMap, cookie: &str) -> Credential {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => authorization(value.as_bytes()),
        (Some(_), Some(_)) => Credential::Malformed,
        (None, _) => {
            let found: Vec<String> = cookies(headers, cookie).collect();
            if found.is_empty() { Credential::Nothing } else { Credential::Cookies(found) }
        }
    }
}

fn authorization(value: &[u8]) -> Credential {
    let at = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(at);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Credential::Bearer(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Credential::Malformed;
    }
    let Ok(pair) = BASE64.decode(rest) else { return Credential::Malformed };
    match pair.iter().position(|byte| *byte == b':') {
        Some(at) => Credential::Basic(pair[at + 1..].to_vec()),
        None => Credential::Malformed,
    }
}

/// The values of the cookies with this name. Another path or domain may have set one, too; so there can be several.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(of, _)| *of == name).map(|(_, value)| value.to_owned()).take(MAX_COOKIES)
}

/// The most cookies of our name that are looked at.
const MAX_COOKIES: usize = 4;
