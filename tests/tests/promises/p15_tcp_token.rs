//! Promise 15: TCP is used only on request, never by default, and needs a token on any address. The token is in no
//! argument, output or error.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use rgops_inspect::client::{Client, ClientError, Endpoint};
use rgops_protocol::auth::Token;
use rgops_protocol::error::Code;
use rgops_tests::asking::{TIMEOUTS, counters};
use rgops_tests::built;
use rgops_tests::directory::Directory;
use rgops_tests::program::finished;
use rgops_tests::target::Target;
use rgops_tests::waiting::{is_root, skip_unless};

const SECRET: &str = "swordfish-swordfish-swordfish";
const WRONG: &str = "not-the-token-at-all";

#[test]
fn every_address_with_and_without_a_token() {
    let directory = Directory::new();
    let token = format!("token={SECRET}");
    let table = [
        ("tcp=127.0.0.1:0", "NoToken", "listening"),
        ("tcp=[::1]:0", "NoToken", "listening"),
        ("tcp=127.9.8.7:0", "NoToken", "listening"),
        ("tcp=0.0.0.0:0", "NoToken", "Address"),
        ("tcp=[::]:0", "NoToken", "Address"),
        ("tcp=192.0.2.1:7777", "NoToken", "Address"),
        ("tcp-insecure-remote=0.0.0.0:0", "NoToken", "listening"),
        ("tcp-insecure-remote=127.0.0.1:0", "NoToken", "listening"),
        ("tcp-insecure-remote=192.0.2.1:0", "NoToken", "Socket"),
        ("tcp=localhost:7777", "Address", "Address"),
        ("tcp=7777", "Address", "Address"),
        ("tcp=", "Address", "Address"),
    ];
    let mut target = Target::start(&directory);
    for (address, without, with) in table {
        for (token, expected) in [("", without), (token.as_str(), with)] {
            let answer = target.order(&format!("listen {address} {token}"));
            let found = answer.strip_prefix("failed ").unwrap_or(&answer);
            assert!(found.starts_with(expected), "{address} {token}: {answer}, not {expected}");
            target.order("close");
        }
    }
    for (token, expected) in [("token=short", "at least 16 bytes"), ("token-from-environment", "not set")] {
        let answer = target.order(&format!("listen tcp=127.0.0.1:0 {token}"));
        assert!(answer.starts_with("failed Token: ") && answer.contains(expected), "{answer}");
    }
    assert!(target.order("listen without-local-socket").starts_with("failed Nowhere: "));
    assert!(!target.errors().contains(SECRET), "the token is in what was printed");
}

#[test]
fn nothing_listens_on_tcp_by_default() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    target.order("tokio");
    let before = target.descriptors();
    // All of the agent's descriptors are its own.
    assert_eq!(target.listen_tcp(&format!("token={SECRET}")), directory_socket(&directory));
    let inodes: Vec<String> = target
        .all_descriptors()
        .into_iter()
        // Compared by socket and not by number: a runtime duplicates the socket pair that existed before.
        .filter(|(_, what)| !before.iter().any(|(_, other)| other == what))
        .filter_map(|(_, what)| {
            Some(what.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    assert_eq!(inodes.len(), 1);
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = fs::read_to_string(format!("/proc/{}/net/{table}", target.pid())).unwrap_or_default();
        assert!(!table.lines().any(|line| line.split_whitespace().nth(9) == Some(&inodes[0])), "{table}");
    }
}

fn directory_socket(directory: &Directory) -> String {
    directory.sockets().join(directory.socket_names().pop().unwrap()).to_str().unwrap().to_owned()
}

fn rgops(arguments: &[&str], token: Option<&str>) -> Output {
    let mut rgops = Command::new(built::release("rgops"));
    rgops.args(arguments).env_remove("RGOPS_TOKEN");
    rgops.envs(token.map(|token| ("RGOPS_TOKEN", token)));
    finished(&mut rgops)
}

#[test]
fn a_wrong_or_missing_token_is_refused_and_no_token_is_ever_shown() {
    let directory = Directory::new();
    let file = directory.path().join("token");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let mut target = Target::start(&directory);
    let options = format!("tcp=127.0.0.1:0 token-file={}", file.display());
    let open = target.order(&format!("listen {options}"));
    assert!(open.starts_with("failed Token: ") && open.contains("umask 077"), "{open}");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let address = target.listen_tcp(&options);
    let local = directory_socket(&directory);

    let mut seen = Vec::new();
    for (token, code) in [(None, 4), (Some(WRONG), 4), (Some("short"), 2), (Some(SECRET), 0)] {
        let output = rgops(&["version", &address], token);
        assert_eq!(output.status.code(), Some(code), "{token:?}: {output:?}");
        if code != 0 {
            assert!(output.stdout.is_empty(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("token"), "{output:?}");
        }
        seen.push(output);
    }
    for command in ["stack", "stats", "memstats"] {
        seen.push(rgops(&[command, &address, "--token-file", file.to_str().unwrap()], None));
        assert!([0, 6].contains(&seen.last().unwrap().status.code().unwrap()), "{command}: {seen:?}");
    }
    // The client refuses it before it sends anything, so only the wrong token was tried.
    assert_eq!(counters(&local).refused_tokens, 1);

    let ask = |token: Option<&str>| {
        let token = token.map(|token| Token::new(token).unwrap());
        Client::connect(&Endpoint::Tcp { address: address.clone(), token }, TIMEOUTS)
    };
    match ask(Some(WRONG)) {
        Err(ClientError::Agent(error)) => {
            assert_eq!(error.code(), Code::Unauthenticated);
            seen.push(Output { stdout: format!("{error} {error:?}").into(), ..seen[0].clone() });
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(ask(None), Err(ClientError::TokenNeeded)));

    let mut printed = target.errors();
    for output in seen {
        printed += &String::from_utf8_lossy(&output.stdout);
        printed += &String::from_utf8_lossy(&output.stderr);
    }
    for secret in [SECRET, WRONG] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", target.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(SECRET));
}

/// Before the proof, nothing about the process is sent, and a browser receives nothing useful.
#[test]
fn a_browser_or_a_curious_peer_learns_nothing() {
    let directory = Directory::new();
    let mut target = Target::start(&directory);
    let address = target.listen_tcp(&format!("tcp=127.0.0.1:0 name=planted-name token={SECRET}"));
    for first in [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "POST /stack HTTP/1.1\r\nHost: evil.example\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nrgop",
    ] {
        let mut peer = TcpStream::connect(&address).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        peer.write_all(first.as_bytes()).unwrap();
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP") && !answer.contains("planted-name"), "{answer}");
        assert!(!answer.contains(&target.pid().to_string()), "{answer}");
    }
    // A peer that claims to know the token without knowing it is also refused.
    let false_agent = Directory::new();
    let mut other = Target::start(&false_agent);
    let address = other.listen_tcp(&format!("tcp=127.0.0.1:0 token={WRONG}"));
    let token = Some(Token::new(SECRET).unwrap());
    assert!(Client::connect(&Endpoint::Tcp { address, token }, TIMEOUTS).is_err());
}

/// A program in another network namespace, reached over a pair of virtual interfaces.
#[test]
fn a_client_on_another_host_needs_the_token() {
    if skip_unless(is_root() && Command::new("ip").arg("-V").output().is_ok(), "root and ip(8)") {
        return;
    }
    let namespace = Namespace(format!("rgops{}", std::process::id() % 100_000));
    if skip_unless(namespace.make(), "the right to make network namespaces") {
        return;
    }
    let directory = Directory::new();
    let mut target = Target::start_with(&directory, |command| {
        *command = Command::new("ip");
        command.args(["netns", "exec", &namespace.0]).arg(rgops_tests::target::executable());
        command.env("RGOPS_DIR", directory.sockets());
    });
    let far = namespace.address(2);
    let address = target.listen_tcp(&format!("tcp-insecure-remote={far}:0 token={SECRET}"));
    for (token, code) in [(None, 4), (Some(WRONG), 4), (Some(SECRET), 0)] {
        let output = rgops(&["stats", &address], token);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
}

/// A network namespace with one end of a pair of interfaces; removed when dropped.
struct Namespace(String);

impl Namespace {
    /// An address in a network of its own, so that other runs of this test, and leftovers of a killed run, do not
    /// collide.
    fn address(&self, host: u8) -> String {
        let number = std::process::id();
        format!("10.{}.{}.{host}", 128 + (number >> 8) % 64, number & 0xff)
    }

    fn make(&self) -> bool {
        let (name, near, far) = (&self.0, format!("{}a", self.0), format!("{}b", self.0));
        ip(&["netns", "add", name])
            && ip(&["link", "add", &near, "type", "veth", "peer", "name", &far])
            && ip(&["link", "set", &far, "netns", name])
            && ip(&["addr", "add", &format!("{}/30", self.address(1)), "dev", &near])
            && ip(&["link", "set", &near, "up"])
            && ip(&["-n", name, "addr", "add", &format!("{}/30", self.address(2)), "dev", &far])
            && ip(&["-n", name, "link", "set", &far, "up"])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["link", "del", &format!("{}a", self.0)]);
        ip(&["netns", "del", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}
