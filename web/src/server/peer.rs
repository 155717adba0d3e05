//! Whose connection it is: other users of a machine can read the arguments of a browser, and a ticket in them is not
//! for them. Linux says whose a socket of the same machine is.

use std::net::SocketAddr;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address of who asks.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

impl Peer {
    /// Whether who asks is our user, root, or the user who became us with `sudo`. It reads files of the system.
    #[cfg(target_os = "linux")]
    pub fn is_ours(&self) -> bool {
        linux::is_ours(self)
    }

    /// On this system nobody says who asks.
    #[cfg(not(target_os = "linux"))]
    pub fn is_ours(&self) -> bool {
        let Peer { remote, local } = self;
        remote != local
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::Peer;

    /// The sockets of our network, by version of the protocol.
    const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    /// The most bytes of a table that are read, about fifty thousand sockets.
    const TABLE_BYTES: u64 = 8 << 20;
    /// The most bytes of `/proc/self/status`.
    const STATUS_BYTES: u64 = 64 << 10;
    /// A connection that neither side has closed. What is closed has no user any more, and its number is that of root.
    const ESTABLISHED: &str = "01";

    pub(super) fn is_ours(peer: &Peer) -> bool {
        let Some(found) = TABLES.iter().find_map(|table| user_in(table, peer)) else { return false };
        let sudo = || std::env::var("SUDO_UID").ok()?.parse::<u32>().ok();
        found == 0 || own_user() == Some(found) || sudo() == Some(found)
    }

    fn user_in(table: &str, peer: &Peer) -> Option<u32> {
        let lines = BufReader::new(File::open(table).ok()?.take(TABLE_BYTES)).lines();
        lines.map_while(Result::ok).find_map(|line| user_of(&line, peer))
    }

    /// The user of the socket in this line, if it is that of who asks.
    fn user_of(line: &str, peer: &Peer) -> Option<u32> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        // Their end is local in the line of their socket.
        let is_theirs = state == ESTABLISHED
            && end(local)? == canonical(peer.remote)
            && end(remote)? == canonical(peer.local);
        // Between are the queues, the timer and how often it was sent again.
        if is_theirs { fields.nth(3)?.parse().ok() } else { None }
    }

    fn canonical(address: SocketAddr) -> (IpAddr, u16) {
        (address.ip().to_canonical(), address.port())
    }

    /// An address as `0100007F:1F90`: words of the machine in hexadecimal digits, and the port.
    fn end(text: &str) -> Option<(IpAddr, u16)> {
        let (address, port) = text.split_once(':')?;
        let word = |at: usize| {
            let word = u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?;
            Some(word.to_ne_bytes())
        };
        let address: IpAddr = match address.len() {
            8 => Ipv4Addr::from(word(0)?).into(),
            32 => {
                let mut bytes = [0; 16];
                for (at, of) in bytes.chunks_exact_mut(4).enumerate() {
                    of.copy_from_slice(&word(at)?);
                }
                Ipv6Addr::from(bytes).into()
            }
            _ => return None,
        };
        Some((address.to_canonical(), u16::from_str_radix(port, 16).ok()?))
    }

    /// Our effective user.
    fn own_user() -> Option<u32> {
        let lines = BufReader::new(File::open("/proc/self/status").ok()?.take(STATUS_BYTES)).lines();
        lines.map_while(Result::ok).find_map(|line| effective_of(&line))
    }

    /// The second number of `Uid:`.
    fn effective_of(line: &str) -> Option<u32> {
        line.strip_prefix("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn peer(remote: &str, local: &str) -> Peer {
            let address = |text: &str| text.parse().expect("it is an address");
            Peer { remote: address(remote), local: address(local) }
        }

        /// An address as the system writes it.
        fn written(address: &str) -> String {
            let address: SocketAddr = address.parse().expect("it is an address");
            let bytes = match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let words = bytes.chunks_exact(4).map(|of| u32::from_ne_bytes([of[0], of[1], of[2], of[3]]));
            let words: String = words.map(|word| format!("{word:08X}")).collect();
            format!("{words}:{:04X}", address.port())
        }

        fn line(local: &str, remote: &str, state: &str, user: &str) -> String {
            let (local, remote) = (written(local), written(remote));
            format!(
                "   7: {local} {remote} {state} 00000000:00000000 02:000A 00000000 {user:>5}        0 9 2 0 20"
            )
        }

        #[test]
        fn the_socket_of_who_asks_has_its_user() {
            let (theirs, ours) = ("127.0.0.1:40000", "127.0.0.1:8080");
            let asks = peer(theirs, ours);
            assert_eq!(user_of(&line(theirs, ours, "01", "1000"), &asks), Some(1000));
            assert_eq!(user_of(&line(ours, theirs, "01", "0"), &asks), None, "that is our own end");
            assert_eq!(user_of(&line(theirs, ours, "06", "0"), &asks), None, "it is closed");
            assert_eq!(user_of(&line(theirs, "127.0.0.2:8080", "01", "0"), &asks), None);
            assert_eq!(user_of(&line("127.0.0.1:40001", ours, "01", "0"), &asks), None);
            let mapped = ("[::ffff:127.0.0.1]:40000", "[::ffff:127.0.0.1]:8080");
            assert_eq!(user_of(&line(mapped.0, mapped.1, "01", "5"), &asks), Some(5));
            assert_eq!(user_of(&line(theirs, ours, "01", "5"), &peer(mapped.0, mapped.1)), Some(5));
            let six = ("[fe80::1:2]:40000", "[::1]:8080");
            assert_eq!(user_of(&line(six.0, six.1, "01", "7"), &peer(six.0, six.1)), Some(7));
        }

        #[test]
        fn other_lines_have_no_user() {
            let asks = peer("127.0.0.1:40000", "127.0.0.1:8080");
            let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
            for text in ["", "7:", heading, "7: x y 01 a b c 5", "7: é:1 é:2 01 a b c 5", "7: 01:1 02:2 01"]
            {
                assert_eq!(user_of(text, &asks), None, "{text}");
            }
            assert_eq!(effective_of("Uid:\t1\t2\t3\t4"), Some(2));
            assert_eq!((effective_of("Gid:\t1\t2\t3\t4"), effective_of("Uid:\t1")), (None, None));
            assert!(own_user().is_some());
        }
    }
}
