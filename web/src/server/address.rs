//! Where the server listens, and by what names it may be asked.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;

use super::error::ServeError;

/// Where it listens.
pub struct Address {
    local: SocketAddr,
    /// The host that was asked for, if it is a name of ours and not an address.
    name: Option<String>,
}

impl Address {
    /// Listens at `HOST:PORT`.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn listen(text: &str) -> Result<(TcpListener, Address), ServeError> {
        let wrong = |why: &str| ServeError::Address { address: text.to_owned(), why: why.to_owned() };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        let port: u16 = match port {
            "" => 0,
            port => port.parse().map_err(|_| wrong("the port is not a number up to 65535"))?,
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip: Option<IpAddr> = match bare {
            "" | "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
            bare => bare.parse().ok(),
        };
        let (address, name) = match ip {
            Some(ip) => (SocketAddr::new(ip, port), None),
            None => {
                let found = tokio::net::lookup_host((bare, port)).await.map(|mut found| found.next());
                let address = found.map_err(|error| wrong(&error.to_string()))?;
                (address.ok_or_else(|| wrong("the host has no address"))?, Some(bare.to_ascii_lowercase()))
            }
        };
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        Ok((listener, Address { local, name }))
    }

    /// The address with its port.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The address without its port; one of IPv4 that is written as one of IPv6 is that of IPv4.
    fn ip(&self) -> IpAddr {
        self.local.ip().to_canonical()
    }

    /// Whether only programs of this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.ip().is_loopback()
    }

    /// What to write in an address behind `http://`.
    pub fn host(&self) -> String {
        match &self.name {
            Some(name) => format!("{name}:{}", self.local.port()),
            None if self.ip().is_unspecified() => match self.ip() {
                IpAddr::V4(_) => format!("127.0.0.1:{}", self.local.port()),
                IpAddr::V6(_) => format!("[::1]:{}", self.local.port()),
            },
            None => self.local.to_string(),
        }
    }

    /// Whether a request with this `Host` was meant for us. A page of another site can lead its own name to our
    /// address; it cannot do that with an IP address or `localhost`. On loopback only loopback addresses are right.
    pub fn is_host(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (host, "80"),
        };
        if port.parse() != Ok(self.local.port()) || !port.bytes().all(|digit| digit.is_ascii_digit()) {
            return false;
        }
        let bare = match name.strip_prefix('[') {
            Some(bare) => bare.strip_suffix(']').filter(|bare| bare.contains(':')).unwrap_or_default(),
            None if name.contains(':') => return false,
            None => name,
        };
        let is_ours = |ip: IpAddr| !self.is_loopback() || ip.to_canonical().is_loopback();
        name.eq_ignore_ascii_case("localhost")
            || self.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            || bare.parse().is_ok_and(is_ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str, name: Option<&str>) -> Address {
        Address { local: local.parse().expect("it is an address"), name: name.map(str::to_owned) }
    }

    #[test]
    fn a_name_of_someone_else_is_not_a_host() {
        let ours = at("127.0.0.1:8080", None);
        for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080"] {
            assert!(ours.is_host(host), "{host}");
        }
        let others = [
            "",
            "localhost",
            "localhost:80",
            "evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "127.0.0.1:+8080",
            "10.0.0.1:8080",
            "[::1]",
            "[localhost]:8080",
            "::1:8080",
            "localhost:8080:8080",
            "localhost@evil:8080",
        ];
        for host in others {
            assert!(!ours.is_host(host), "{host}");
        }
    }

    #[test]
    fn an_address_for_others_takes_addresses_and_its_own_name() {
        let ours = at("0.0.0.0:80", Some("box.example"));
        assert!(ours.is_host("192.168.1.2") && ours.is_host("box.example:80") && ours.is_host("BOX.example"));
        assert!(!ours.is_host("evil.example") && !ours.is_host("192.168.1.2:81"));
        assert_eq!(at("0.0.0.0:81", None).host(), "127.0.0.1:81");
        assert_eq!(at("[::1]:81", None).host(), "[::1]:81");
        assert_eq!(at("[::ffff:0.0.0.0]:81", None).host(), "127.0.0.1:81");
    }

    #[test]
    fn a_loopback_address_of_ipv4_may_be_written_as_one_of_ipv6() {
        let ours = at("[::ffff:127.0.0.1]:81", None);
        assert!(ours.is_loopback() && ours.is_host(&ours.host()) && ours.is_host("127.0.0.1:81"));
        assert!(!ours.is_host("10.0.0.1:81") && !ours.is_host("[::ffff:10.0.0.1]:81"));
        assert!(!at("[::ffff:10.0.0.1]:81", None).is_loopback());
    }
}
