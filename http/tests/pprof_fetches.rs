//! `go tool pprof` fetches from a server that answers with this crate: with the token in the address, names by `symbol`,
//! and errors with their text.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "go/is_there.rs"]
mod is_there;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rgops_http::access::{Access, Hosts};
use rgops_http::ask::{Ask, MAX_BODY_BYTES, ask};
use rgops_http::reply::{self, Reply};
use rgops_pprof::proto::{Location, Mapping, Profile, Sample, ValueType};
use rgops_pprof::write::{Tables, encode};
use rgops_protocol::auth::Token;

const TOKEN: &str = "correct-horse-battery";

#[test]
fn pprof_fetches_with_the_token_asks_for_names_and_shows_errors() {
    if !is_there::pprof() {
        return;
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    let at = serve(Arc::clone(&asked));

    // A profile without names: pprof asks for them.
    let (top, _) = pprof(&["-symbolize=remote", "-top"], &format!("http://:{TOKEN}@{at}/debug/pprof/heap"));
    assert!(
        top.contains("shop::cart::add") && top.contains("shop::main") && top.contains("inuse_space"),
        "{top}"
    );
    let requests = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(
        requests.iter().map(|(request, _)| &**request).collect::<Vec<_>>(),
        ["GET heap", "POST symbol"]
    );
    let mut addresses = requests[1].1.clone();
    addresses.sort_unstable();
    assert_eq!(addresses, [0x40_1000, 0x40_2000]);

    let (top, _) = pprof(
        &["-symbolize=none", "-top", "-seconds=1"],
        &format!("http://any:{TOKEN}@{at}/debug/pprof/heap"),
    );
    assert!(top.contains("Duration: 1s"), "{top}");

    // Errors: pprof shows the text of an answer that has its header.
    for (address, text) in [
        (format!("http://:{TOKEN}@{at}/debug/pprof/nothing"), "Unknown profile"),
        (format!("http://:{TOKEN}@{at}/debug/pprof/heap?seconds=x"), "must be a positive integer"),
        (format!("http://:{TOKEN}@{at}/debug/pprof/profile?seconds=5"), "cpu profiling already in use"),
        (format!("http://:{TOKEN}@{at}/debug/pprof/block"), "unavailable (nothing waits, ask again in 3 s)"),
        (
            format!("http://:{TOKEN}@{at}/debug/pprof/mutex"),
            "unavailable (the program is too old, update it)",
        ),
        (format!("http://{at}/debug/pprof/heap"), "a token is needed"),
        (format!("http://:{TOKEN}x@{at}/debug/pprof/heap"), "the token is wrong"),
    ] {
        let (_, error) = pprof(&["-top"], &address);
        assert!(error.contains(text), "{address}\n{error}");
    }
}

/// Output and errors of `go tool pprof`.
fn pprof(arguments: &[&str], address: &str) -> (String, String) {
    let directory = std::env::temp_dir().join(format!("rgops-http-fetches-{}", std::process::id()));
    let mut go = Command::new("go");
    go.args(["tool", "pprof"]).args(arguments).arg(address);
    go.env("GOTOOLCHAIN", "local").env("PPROF_TMPDIR", &directory);
    let output = go.output().unwrap();
    let _ = std::fs::remove_dir_all(&directory);
    (String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

/// What was asked, and the addresses of `symbol`.
type Asked = Arc<Mutex<Vec<(String, Vec<u64>)>>>;

/// A server of one request at a time, which is enough for one client that sends one at a time. It ends with the test.
fn serve(asked: Asked) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let access = Access::with_token(&Token::new(TOKEN).unwrap(), Hosts::listening(at)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that leaves is no reason to end.
            let _ = answer(stream.unwrap(), &access, &asked);
        }
    });
    at
}

fn answer(stream: TcpStream, access: &Access, asked: &Asked) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut from = BufReader::new(&stream);
    let mut line = String::new();
    from.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let mut request = http::Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    let length = request.headers().get("content-length").map_or("0", |length| length.to_str().unwrap());
    let mut body = vec![0; length.parse::<usize>().unwrap().min(MAX_BODY_BYTES + 1)];
    from.read_exact(&mut body)?;
    let reply = match access.check(&request) {
        Err(denied) => access.denied(&request, denied),
        Ok(_) => {
            let below = request.uri().path().strip_prefix("/debug/pprof/").unwrap();
            match ask(request.method(), below, request.uri().query(), &body) {
                Err(refusal) => reply::refused(&refusal),
                Ok(ask) => {
                    let addresses =
                        if let Ask::Symbol { addresses } = &ask { addresses.clone() } else { Vec::new() };
                    asked.lock().unwrap().push((format!("{} {below}", request.method()), addresses));
                    made(&ask)
                }
            }
        }
    };
    let mut to = &stream;
    write!(
        to,
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status(),
        reply.body().len()
    )?;
    for (name, value) in reply.headers() {
        write!(to, "{name}: {}\r\n", value.to_str().unwrap())?;
    }
    write!(to, "\r\n")?;
    to.write_all(reply.body())
}

fn made(ask: &Ask) -> Reply {
    use rgops_http::ask::Kind;
    match ask {
        Ask::Profile { kind: Kind::Heap, seconds, .. } => {
            let (mut before, mut after) = (profile(), profile());
            after.sample[0].value = vec![20, 3000, 3, 300];
            match seconds {
                None => reply::profile_file("heap", encode(&before), false),
                Some(seconds) => {
                    before.time_nanos = 1_700_000_000_000_000_000;
                    after.time_nanos = before.time_nanos + seconds.as_nanos() as i64;
                    let difference = reply::delta(&before, &after).unwrap();
                    reply::profile_file("heap", rgops_pprof::write::encode_profile(&difference), true)
                }
            }
        }
        Ask::Profile { kind: Kind::Block, .. } => reply::try_again("nothing waits", Duration::from_secs(3)),
        Ask::Profile { .. } => reply::unavailable("the program is too old", "update it"),
        Ask::Symbol { addresses } => {
            let name = |address| if address < 0x40_2000 { "shop::cart::add" } else { "shop::main" };
            reply::symbol(addresses.iter().map(|address| (*address, name(*address))))
        }
        _ => reply::cpu_busy(),
    }
}

/// A heap profile with addresses and without names.
fn profile() -> Profile {
    let mut tables = Tables::new();
    let mapping = Mapping {
        memory_start: 0x40_0000,
        memory_limit: 0x50_0000,
        filename: tables.text("/srv/shop"),
        ..Mapping::default()
    };
    let mapping_id = tables.add_mapping(mapping);
    let mut location = |address| tables.add_location(Location { mapping_id, address, ..Location::default() });
    let location_id = vec![location(0x40_1000), location(0x40_2000)];
    let types = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    let sample_type =
        types.map(|(kind, unit)| ValueType { r#type: tables.text(kind), unit: tables.text(unit) }).to_vec();
    let sample = vec![Sample { location_id, value: vec![10, 2000, 1, 100], label: Vec::new() }];
    let period_type = Some(ValueType { r#type: tables.text("space"), unit: tables.text("bytes") });
    Profile { sample_type, sample, period_type, period: 524_288, ..tables.into_profile(Some(mapping_id)) }
}
