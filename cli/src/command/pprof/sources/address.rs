//! The address of a profile as pprof takes it: `http://host/path`, `host:port`, `https+insecure://…`; with the user and
//! the password apart, so that they are never shown.

use std::fmt;
use std::net::IpAddr;

use crate::command::pprof::texts::without_secret;

/// Where net/http/pprof and `rgops serve` have the CPU profile: what an address without a path means.
const DEFAULT_PATH: &str = "/debug/pprof/profile";

/// The parts of an address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Whether the certificate is not checked.
    pub(super) is_insecure: bool,
    /// `user:password` as it is in the address, decoded.
    pub(super) user: Option<String>,
    /// `host` or `host:port`.
    pub(super) authority: String,
    /// From the `/` on, without the fragment.
    pub(super) path: String,
}

impl Address {
    /// Parses an address, and completes its path. `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let address = Address::parse_exactly(text)?;
        let path = match address.path.as_str() {
            "" | "/" => DEFAULT_PATH.to_owned(),
            query if query.starts_with('?') => format!("{DEFAULT_PATH}{query}"),
            query if query.starts_with("/?") => format!("{DEFAULT_PATH}{}", &query[1..]),
            _ => return Some(address),
        };
        Some(Address { path, ..address })
    }

    fn parse_exactly(text: &str) -> Option<Address> {
        let (scheme, rest) = text.split_once("://").filter(|_| is_absolute(text)).unwrap_or(("http", text));
        let (scheme, is_insecure) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", false),
            "https" => ("https", false),
            "https+insecure" => ("https", true),
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(decoded(user)?), authority),
            None => (None, authority),
        };
        let is_host = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
        if authority.is_empty() || authority.starts_with(':') || !authority.chars().all(is_host) {
            return None;
        }
        // What is behind the `:` and no port may be a password with a `/` in it.
        let port = authority.rsplit(']').next().and_then(|rest| rest.split_once(':')).map(|(_, port)| port);
        if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let path = encoded(path);
        Some(Address { scheme, is_insecure, user, authority: authority.to_owned(), path })
    }

    /// The address that a redirect from here leads to. The user and the password go only to the same host.
    pub(super) fn follow(&self, location: &str) -> Option<Address> {
        let (path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let text = match location {
            _ if is_absolute(location) => location.to_owned(),
            _ if location.starts_with("//") => format!("{}:{location}", self.scheme),
            _ if location.starts_with('/') => format!("{}://{}{location}", self.scheme, self.authority),
            _ if location.starts_with('?') => format!("{}://{}{path}{location}", self.scheme, self.authority),
            _ => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{}://{}{folder}/{location}", self.scheme, self.authority)
            }
        };
        let mut next = Address::parse_exactly(&text)?;
        next.user = None;
        next.is_insecure = false;
        if next.is_same_host(self) {
            next.user.clone_from(&self.user);
            next.is_insecure = self.is_insecure;
        }
        Some(next)
    }

    /// Whether secrets for `other` may be sent here.
    pub(super) fn is_same_host(&self, other: &Address) -> bool {
        self.scheme == other.scheme && self.host_and_port() == other.host_and_port()
    }

    fn host_and_port(&self) -> (String, &str) {
        let default = if self.scheme == "https" { "443" } else { "80" };
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host.to_ascii_lowercase(), if port.is_empty() { default } else { port })
            }
            _ => (self.authority.to_ascii_lowercase(), default),
        }
    }

    /// Whether it is this computer, which is never asked through a proxy.
    pub(super) fn is_loopback(&self) -> bool {
        let (host, _) = self.host_and_port();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The seconds in its query.
    pub(super) fn seconds(&self) -> Option<u32> {
        self.query().split('&').find_map(|part| part.strip_prefix("seconds=")?.parse().ok())
    }

    /// Sets the seconds in its query.
    pub(super) fn set_seconds(&mut self, seconds: u32) {
        let path = self.path.split('?').next().unwrap_or_default();
        let others = self.query().split('&').filter(|part| !part.is_empty() && !part.starts_with("seconds="));
        let query: Vec<String> = others.map(str::to_owned).chain([format!("seconds={seconds}")]).collect();
        self.path = format!("{path}?{}", query.join("&"));
    }

    /// Where the same server names functions.
    pub(crate) fn symbols(&self) -> Option<Address> {
        let url = rgops_inspect::code::symbol_url(&self.url())?;
        Some(Address {
            user: self.user.clone(),
            is_insecure: self.is_insecure,
            ..Address::parse_exactly(&url)?
        })
    }

    /// The address as it is asked, without the user and the password.
    pub(super) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path)
    }

    fn query(&self) -> &str {
        self.path.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Whether a redirect names a scheme: `://` in its query does not count.
fn is_absolute(location: &str) -> bool {
    location.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

/// For people: without the user and the password, and without what is a password if the address has a mistake.
impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&without_secret(&self.url()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Address({self})")
    }
}

/// `%41` as `A`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What may not be in an address, such as blanks, as `%20`.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use super::*;

    fn shown(text: &str) -> String {
        Address::parse(text).map(|address| address.to_string()).unwrap_or_default()
    }

    #[test]
    fn addresses_are_completed_as_go_tool_pprof_does() {
        assert_eq!(shown("localhost:6060"), "http://localhost:6060/debug/pprof/profile");
        assert_eq!(shown("https://a/"), "https://a/debug/pprof/profile");
        assert_eq!(shown("a:1/debug/pprof/heap?gc=1#x"), "http://a:1/debug/pprof/heap?gc=1");
        assert_eq!(shown("a:1?x=http://b"), "http://a:1/debug/pprof/profile?x=http://b");
        assert_eq!(shown("http://[::1]:80?seconds=1"), "http://[::1]:80/debug/pprof/profile?seconds=1");
        assert_eq!(shown("http://a/b c\r\nd"), "http://a/b%20c%0D%0Ad");
        for wrong in
            ["ftp://a/b", "http://", "http://:80", "http://a b/", "http://%zz@a/", "http://bob:hunt/er2@a/"]
        {
            assert_eq!(shown(wrong), "", "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_shown_and_stay_with_their_host() {
        let address = Address::parse("https+insecure://me:p%40ss@host:8443/x").unwrap();
        assert_eq!(address.user.as_deref(), Some("me:p@ss"));
        assert!(!format!("{address} {address:?}").contains("p@ss"));
        for (location, is_same) in [
            ("/y", true),
            ("y?z", true),
            ("https://HOST:8443/", true),
            ("https://host/", false),
            ("http://host:8443/", false),
            ("//other:8443/", false),
            ("https://you:key@other/", false),
        ] {
            let next = address.follow(location).unwrap();
            assert_eq!((next.user.is_some(), next.is_insecure), (is_same, is_same), "{location}");
            assert_eq!(next.is_same_host(&address), is_same, "{location}");
        }
        assert!(address.follow("file:///etc/passwd").is_none());
        assert!(address.follow("https://host:8443.evil/").is_none());
        let next = address.follow("/ok?next=http://a/b").unwrap();
        assert_eq!(next.url(), "https://host:8443/ok?next=http://a/b");
        assert_eq!(shown("http://a:1/hunt/er2@b/x"), "http://…@b/x");
    }

    #[test]
    fn loopback_is_an_address_of_this_computer_and_no_name_like_one() {
        let is_loopback = |host: &str| Address::parse(&format!("http://{host}:1/x")).unwrap().is_loopback();
        assert!(["localhost", "127.0.0.1", "127.9.9.9", "[::1]"].into_iter().all(is_loopback));
        assert!(!["127.evil.example", "10.0.0.1", "[::2]", "localhost.example"].into_iter().any(is_loopback));
    }

    #[test]
    fn seconds_are_read_and_set() {
        let mut address = Address::parse("http://a/p?debug=0&seconds=5").unwrap();
        assert_eq!(address.seconds(), Some(5));
        address.set_seconds(7);
        assert_eq!(address.to_string(), "http://a/p?debug=0&seconds=7");
        let heap = Address::parse("http://me:key@a/debug/pprof/heap?gc=1").unwrap();
        let symbols = heap.symbols().unwrap();
        assert_eq!(
            (symbols.to_string(), symbols.user),
            ("http://a/debug/pprof/symbol".to_owned(), heap.user)
        );
    }
}
