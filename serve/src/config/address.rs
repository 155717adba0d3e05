//! The address at which scrapers reach `rgops serve`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The address at which scrapers reach `rgops serve`: `HOST:PORT`, with `https://` before it if something speaks TLS there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    is_https: bool,
    host: String,
    port: u16,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// It has another form.
    #[error("it is not HOST:PORT, http://HOST:PORT or https://HOST:PORT")]
    Form,
    /// It is where a server listens: nobody can connect to it.
    #[error("{0} means all addresses of a machine: pass the one that scrapers connect to")]
    Unspecified(IpAddr),
}

impl Address {
    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{self}{path}", self.scheme())
    }

    /// Arguments of `rgops serve`, without those about the token.
    pub(super) fn serve_arguments(&self) -> String {
        let (host, port) = (&self.host, self.port);
        match self.ip() {
            Some(ip) if ip.is_loopback() => format!("{host}:{port}"),
            None if host.eq_ignore_ascii_case("localhost") => format!("127.0.0.1:{port}"),
            Some(_) => format!("0.0.0.0:{port}"),
            None => format!("0.0.0.0:{port} --host {host}"),
        }
    }

    /// Whether requests leave the machine without encryption.
    pub(super) fn is_in_the_open(&self) -> bool {
        !self.is_https && self.serve_arguments().starts_with("0.0.0.0")
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let (is_https, rest) = match text.split_once("://") {
            None => (false, text),
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(BadAddress::Form),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or(BadAddress::Form)?;
        let is_number = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|port| is_number && *port != 0).ok_or(BadAddress::Form)?;
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        let is_v6 = |host: &str| {
            let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            bare.is_some_and(|bare| bare.parse::<std::net::Ipv6Addr>().is_ok())
        };
        let is_name = |host: &str| {
            host.len() <= 253
                && host.starts_with(|first: char| first.is_ascii_alphanumeric())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        if !is_v6(host) && !is_name(host) {
            return Err(BadAddress::Form);
        }
        let address = Address { is_https, host: host.to_owned(), port };
        match address.ip() {
            Some(ip) if ip.is_unspecified() => Err(BadAddress::Unspecified(ip)),
            _ => Ok(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (text, url, arguments, is_in_the_open) in [
            ("127.0.0.1:6160", "http://127.0.0.1:6160/sd", "127.0.0.1:6160", false),
            (":6160", "http://127.0.0.1:6160/sd", "127.0.0.1:6160", false),
            ("localhost:1", "http://localhost:1/sd", "127.0.0.1:1", false),
            ("http://10.0.0.7:6160/", "http://10.0.0.7:6160/sd", "0.0.0.0:6160", true),
            (
                "https://a-b.example:443",
                "https://a-b.example:443/sd",
                "0.0.0.0:443 --host a-b.example",
                false,
            ),
            ("[::1]:6160", "http://[::1]:6160/sd", "[::1]:6160", false),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.url("/sd"), url);
            assert_eq!(address.serve_arguments(), arguments);
            assert_eq!(address.is_in_the_open(), is_in_the_open, "{text}");
        }
        for text in [
            "",
            ":",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a b:1",
            "a\n:1",
            "ftp://a:1",
            "a:1/x",
            "::1:1",
            "[a]:1",
            "\"a\":1",
            "u@a:1",
            "-a:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(BadAddress::Form), "{text:?}");
        }
        assert!(matches!("0.0.0.0:6160".parse::<Address>(), Err(BadAddress::Unspecified(_))));
        assert!(matches!("[::]:6160".parse::<Address>(), Err(BadAddress::Unspecified(_))));
    }
}
