//! Profiles over HTTP: the request, secrets, redirects, deadlines, hostile answers, and the saved copy.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rgops_tests::waiting::until;

use crate::program::{Directory, code, finished, stderr, stdout};
use crate::run::{nameless, pprof, row, rows, shop};
use crate::server::{Server, answer};

fn serving() -> Server {
    Server::start(|_| answer("200 OK", "content-type: application/octet-stream\r\n", &shop()))
}

#[test]
fn a_profile_is_fetched_shown_and_saved() {
    let (home, server) = (Directory::new(), serving());
    let url = server.url("/debug/pprof/profile?debug=0&seconds=9");
    let output = finished(&mut pprof(home.path(), &["-top", "-seconds=1", &url]));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(rows(&output)[0], row("60ms", "search"));
    let saved = home.path().join("pprof/pprof.shop.samples.cpu.001.pb.gz");
    assert_eq!(
        stderr(&output),
        format!(
            "Fetching profile over HTTP from {}\nPlease wait... (1s)\nSaved profile in {}\n",
            server.url("/debug/pprof/profile?debug=0&seconds=1"),
            saved.display()
        )
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&saved), mode(saved.parent().unwrap())), (0o600, 0o700));
    let again = finished(&mut pprof(home.path(), &["-top", saved.to_str().unwrap()]));
    assert_eq!((stdout(&again), stderr(&again)), (stdout(&output), ""));
    // The next number, another directory, or none.
    let output = finished(&mut pprof(home.path(), &["-top", &url]));
    assert!(stderr(&output).ends_with("cpu.002.pb.gz\n"), "{}", stderr(&output));
    let output =
        finished(pprof(home.path(), &["-top", &url]).env("PPROF_TMPDIR", home.path().join("kept/here")));
    assert!(home.path().join("kept/here/pprof.shop.samples.cpu.001.pb.gz").exists(), "{}", stderr(&output));
    let output = finished(&mut pprof(home.path(), &["-top", "-no_save", &url]));
    assert!(code(&output) == 0 && !stderr(&output).contains("Saved"), "{}", stderr(&output));
}

#[test]
fn host_and_port_are_enough() {
    let (home, server) = (Directory::new(), serving());
    let output = finished(&mut pprof(home.path(), &["-top", &format!("localhost:{}", server.port())]));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(server.requests()[0].path, "/debug/pprof/profile");
}

#[test]
fn secrets_go_to_the_named_host_alone_and_are_not_shown() {
    let home = Directory::new();
    let other = serving();
    let elsewhere = other.url("/debug/pprof/profile");
    let server = Server::start(move |request| match request.path.as_str() {
        "/away" => answer("302 Found", &format!("location: {elsewhere}\r\n"), b""),
        "/here" => answer("307 Temporary Redirect", "location: /there\r\n", b""),
        _ => answer("200 OK", "", &shop()),
    });
    let sent = |server: &Server| -> Vec<Option<String>> {
        let line = |header: &str| {
            header
                .lines()
                .find_map(|line| line.strip_prefix("authorization: ").map(|value| value.trim().to_owned()))
        };
        server.requests().iter().map(|request| line(&request.header)).collect()
    };
    let token = home.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let with_file = ["-top", "--token-file", token.to_str().unwrap(), &server.url("/here")];
    let output = finished(&mut pprof(home.path(), &with_file));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(sent(&server), [Some("bearer s3cret".into()), Some("bearer s3cret".into())]);
    let output = finished(pprof(home.path(), &["-top", &server.url("/away")]).env("RGOPS_TOKEN", "s3cret"));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!((sent(&server)[2].as_deref(), &sent(&other)[..]), (Some("bearer s3cret"), &[None][..]));
    // A user and a password in the address.
    let address = format!("http://me:hunter2@127.0.0.1:{}/away", server.port());
    let output = finished(&mut pprof(home.path(), &["-top", &address]));
    assert_eq!((code(&output), sent(&server)[3].as_deref()), (0, Some("basic bwu6ahvudgvymg==")));
    assert_eq!(sent(&other), [None, None]);
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(!said.contains("hunter2") && !said.contains("me:"), "{said}");
}

#[test]
fn errors_of_servers_are_explained() {
    let home = Directory::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/pprof" => answer(
            "400 Bad Request",
            "x-go-pprof: 1\r\ncontent-type: text/plain; charset=utf-8\r\n",
            b"invalid \x1b[31mvalue\n",
        ),
        "/proxy" => answer("502 Bad Gateway", "content-type: text/plain\r\n", b"a page of a proxy"),
        "/secret" => answer("401 Unauthorized", "", b""),
        "/loop" => answer("302 Found", "location: /loop\r\n", b""),
        "/long" => answer("302 Found", &format!("location: foo://{}\r\n", "x".repeat(50_000)), b""),
        "/next" => answer("302 Found", "location: /nothing?next=http://a/b\r\n", b""),
        "/file" => answer("302 Found", "location: file:///etc/passwd\r\n", b""),
        "/html" => answer("200 OK", "content-type: text/html\r\n", b"<html>login</html>"),
        "/cut" => Some(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort".to_vec()),
        "/garbage" => Some(b"\x00\x01\x02 not HTTP\r\n\r\n".to_vec()),
        "/header" => Some([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; 1 << 20]].concat()),
        "/none" => Some(Vec::new()),
        _ => answer("404 Not Found", "", b""),
    });
    for (path, exit, said) in [
        ("/pprof", 4, "server response: 400 Bad Request - invalid \\x1b[31mvalue"),
        ("/proxy", 4, "server response: 502 Bad Gateway\n"),
        ("/secret", 4, "--token-file"),
        ("/nothing", 3, "server response: 404 Not Found"),
        ("/loop", 4, "it redirects more than 10 times"),
        ("/file", 4, "it redirects to file:///etc/passwd"),
        ("/long", 4, "xxx…, which is not http"),
        ("/next", 3, "/nothing?next=http://a/b: server response: 404"),
        ("/html", 2, "a page (HTML)"),
        ("/cut", 3, "/cut"),
        ("/garbage", 4, "/garbage"),
        ("/header", 4, "/header"),
        ("/none", 3, "/none"),
    ] {
        let output = finished(&mut pprof(home.path(), &["-top", &server.url(path)]));
        let text = stderr(&output);
        assert!(text.contains(said) && !text.contains('\u{1b}'), "{path}: {text}");
        assert_eq!((code(&output), stdout(&output)), (exit, ""), "{path}: {text}");
        assert!(text.len() < 5000, "{path}: {}", text.len());
    }
    // Nobody listens there: the port is taken by a socket that connects elsewhere, so no other test gets it.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = std::net::TcpStream::connect(other.local_addr().unwrap()).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = finished(&mut pprof(home.path(), &["-top", &format!("127.0.0.1:{port}")]));
    assert!(code(&output) == 3 && stderr(&output).contains("check host and port"), "{}", stderr(&output));
    assert!(!home.path().join("pprof").exists(), "nothing was saved");
}

#[test]
fn names_come_from_the_program_that_has_the_profile() {
    let home = Directory::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/debug/pprof/symbol" => {
            answer("200 OK", "", b"num_symbols: 1\n0x1000 shop::checkout\n0x2000 shop::search\n")
        }
        _ => answer("200 OK", "", &nameless(&[0x1000, 0x2000])),
    });
    let url = format!("http://me:key@127.0.0.1:{}/debug/pprof/profile", server.port());
    let output = finished(&mut pprof(home.path(), &["-top", "-no_save", &url]));
    let wanted = [row("1ms", "shop::checkout"), row("1ms", "shop::search")];
    assert_eq!((code(&output), rows(&output)), (0, wanted.to_vec()), "{}", stderr(&output));
    let asked = &server.requests()[1];
    assert_eq!(asked.body, "0x1000+0x2000");
    assert!(asked.header.contains("authorization: basic "), "{}", asked.header);
    for how in ["none", "local"] {
        let how = format!("-symbolize={how}");
        let output = finished(&mut pprof(home.path(), &["-top", "-no_save", &how, &url]));
        assert_eq!((code(&output), rows(&output).len()), (0, 1), "{}", stdout(&output));
    }
    assert_eq!(server.requests().len(), 4, "nothing else was asked");
}

#[test]
fn one_server_of_two_is_enough() {
    let (home, good) = (Directory::new(), serving());
    let bad = Server::start(|_| answer("500 Internal Server Error", "", b""));
    let output = finished(&mut pprof(home.path(), &["-top", "-no_save", &bad.url("/p"), &good.url("/p")]));
    assert_eq!((code(&output), rows(&output).len()), (6, 4), "{}", stderr(&output));
    assert!(stderr(&output).contains("Fetched 1 source profiles out of 2"), "{}", stderr(&output));
}

#[test]
fn a_bomb_is_refused() {
    let home = Directory::new();
    // An endless body; what the server could write before is more than the client may take.
    let server = Server::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        Some([&head[..], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &vec![0; 1 << 20]].concat())
    });
    let output = finished(&mut pprof(home.path(), &["-top", &server.url("/p")]));
    assert!(code(&output) != 0 && stdout(&output).is_empty(), "{}", stderr(&output));
}

#[test]
fn a_silent_server_times_out_and_ctrl_c_ends_the_wait() {
    let home = Directory::new();
    let is_asked = Arc::new(AtomicBool::new(false));
    let asked = is_asked.clone();
    let server = Server::start(move |_| {
        asked.store(true, Ordering::SeqCst);
        None
    });
    let url = server.url("/debug/pprof/profile");
    // The deadline and pprof's five seconds.
    let output = finished(&mut pprof(home.path(), &["-top", "-timeout=1", &url]));
    let said = stderr(&output);
    assert!(code(&output) == 5 && said.contains("no complete answer within 6 s"), "{said}");
    assert!(said.contains("-timeout 12"), "{said}");
    // One deadline for all redirects.
    let slow = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(4));
        answer("302 Found", "location: /again\r\n", b"")
    });
    let begun = std::time::Instant::now();
    let output = finished(&mut pprof(home.path(), &["-top", "-timeout=1", &slow.url("/p")]));
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    is_asked.store(false, Ordering::SeqCst);
    let mut child = pprof(home.path(), &["-top", &url]).spawn().unwrap();
    until("it asks", || is_asked.load(Ordering::SeqCst).then_some(()));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!home.path().join("pprof").exists(), "nothing was saved");
}

#[test]
fn an_answer_that_is_compressed_on_its_way_is_decompressed_up_to_a_limit() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = gzip(&vec![0; 32 << 20]);
    let home = Directory::new();
    let server = Server::start(move |request| match request.path.as_str() {
        "/twice" => answer("200 OK", "content-encoding: gzip\r\n", &gzip(&shop())),
        "/once" => answer("200 OK", "content-encoding: x-gzip\r\n", &shop()),
        _ => answer("200 OK", "content-encoding: gzip\r\n", &bomb),
    });
    for path in ["/twice", "/once"] {
        let output = finished(&mut pprof(home.path(), &["-top", "-no_save", &server.url(path)]));
        assert_eq!(code(&output), 0, "{path}: {}", stderr(&output));
        assert_eq!(rows(&output)[0], row("60ms", "search"), "{path}");
    }
    let output = finished(&mut pprof(home.path(), &["-top", &server.url("/bomb")]));
    let said = stderr(&output);
    assert!(code(&output) == 4 && said.contains("more than 200 times as large when decompressed"), "{said}");
}
