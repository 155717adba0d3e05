//! `host:port` texts.

/// `host:port`; an empty host becomes 127.0.0.1. `None` when the text is not an address.
pub(super) fn tcp_address(target: &str) -> Option<String> {
    let (host, port) = target.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    match host {
        "" => Some(format!("127.0.0.1:{port}")),
        // `::1:7777` is ambiguous: IPv6 needs brackets.
        host if host.contains(':') && !is_bracketed => None,
        host => Some(format!("{host}:{port}")),
    }
}

pub(super) fn is_loopback(address: &str) -> bool {
    let Some((host, _)) = address.rsplit_once(':') else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn addresses_are_distinguished_from_names() {
        assert_eq!(tcp_address("10.0.0.7:7777").unwrap(), "10.0.0.7:7777");
        assert_eq!(tcp_address("[::1]:7777").unwrap(), "[::1]:7777");
        assert_eq!(tcp_address(":7777").unwrap(), "127.0.0.1:7777");
        for other in ["4711", "shop", "a:b", "::1:7777", "shop:70000", "shop:"] {
            assert_eq!(tcp_address(other), None, "{other}");
        }
        assert!(is_loopback("[::1]:1") && is_loopback("127.0.0.9:1") && !is_loopback("10.0.0.1:1"));
    }
}
