//! Names by which a server may be asked.

use std::net::{IpAddr, SocketAddr};

/// By what `Host` a server may be asked: its address, `localhost`, and the names that were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// `None`: any.
    port: Option<u16>,
    is_loopback: bool,
    names: Vec<String>,
}

impl Hosts {
    /// For a server that listens there. On a loopback address only loopback addresses are right.
    pub fn listening(at: SocketAddr) -> Hosts {
        Hosts { port: Some(at.port()), is_loopback: at.ip().to_canonical().is_loopback(), names: Vec::new() }
    }

    /// For what is mounted in the server of somebody else, whose address is not known: any IP address and any port.
    pub fn mounted() -> Hosts {
        Hosts { port: None, is_loopback: false, names: Vec::new() }
    }

    /// Another name, without a port: that of the machine, of a service, of a proxy. It is right with any port: what is
    /// before this server has its own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Hosts {
        self.names.push(name.into());
        self
    }

    /// Takes any port: what forwards to this server may have another one, as in `kubectl port-forward POD 7000:6060`.
    #[must_use]
    pub fn any_port(mut self) -> Hosts {
        self.port = None;
        self
    }

    /// The port, if only one is right.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether a request with this `Host` is meant for this server. `default_port` is that of a host without one: 80, or
    /// 443 with TLS.
    pub fn is_host(&self, host: &str, default_port: u16) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let number = match port {
            None => Some(default_port),
            Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => port.parse().ok(),
            Some(_) => None,
        };
        let Some(number) = number else { return false };
        let is_told = !name.is_empty() && self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        is_told || (self.port.is_none_or(|port| port == number) && self.is_address(name))
    }

    fn is_address(&self, name: &str) -> bool {
        let bare = match name.strip_prefix('[') {
            Some(bare) => bare.strip_suffix(']').filter(|bare| bare.contains(':')).unwrap_or_default(),
            None if name.contains(':') => return false,
            None => name,
        };
        let is_ours = |ip: IpAddr| !self.is_loopback || ip.to_canonical().is_loopback();
        name.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(is_ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Hosts {
        Hosts::listening(address.parse().expect("it is an address"))
    }

    #[test]
    fn a_name_of_someone_else_is_not_a_host() {
        let ours = at("127.0.0.1:8080");
        for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080", "127.0.0.2:8080"] {
            assert!(ours.is_host(host, 80), "{host}");
        }
        let others = [
            "",
            ":8080",
            "localhost",
            "localhost:80",
            "localhost:",
            "evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "127.0.0.1:+8080",
            "127.0.0.1.:8080",
            "2130706433:8080",
            "10.0.0.1:8080",
            "[::1]",
            "[localhost]:8080",
            "::1:8080",
            "localhost:8080:8080",
            "localhost@evil:8080",
            "user@localhost:8080",
            "localhost.:8080",
        ];
        for host in others {
            assert!(!ours.is_host(host, 80), "{host}");
        }
    }

    #[test]
    fn an_address_for_others_takes_addresses_and_its_own_names() {
        let ours = at("0.0.0.0:80").name("box.example");
        assert!(
            ours.is_host("192.168.1.2", 80)
                && ours.is_host("box.example:80", 80)
                && ours.is_host("BOX.example", 80)
        );
        assert!(!ours.is_host("evil.example", 80) && !ours.is_host("192.168.1.2:81", 80));
        assert!(ours.is_host("box.example:8443", 80) && !ours.is_host("box.example:x", 80));
        assert!(!at("0.0.0.0:80").name("").is_host("", 80));
        assert!(at("[::ffff:127.0.0.1]:81").is_host("127.0.0.1:81", 80));
        assert!(!at("[::ffff:127.0.0.1]:81").is_host("10.0.0.1:81", 80));
    }

    #[test]
    fn what_is_mounted_takes_any_port() {
        let ours = Hosts::mounted().name("shop.example");
        assert!(
            ours.is_host("shop.example", 80)
                && ours.is_host("10.1.2.3:3000", 80)
                && ours.is_host("localhost:1", 80)
        );
        assert!(!ours.is_host("evil.example:3000", 80) && !ours.is_host("shop.example:99999", 80));
        assert!(at("127.0.0.1:6060").any_port().is_host("localhost:7000", 80));
    }
}
