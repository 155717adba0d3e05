//! Who has no answer.

use std::process::{Command, Stdio};

use base64::Engine as _;
use rgops_tests::program::finished;

use crate::client::send;
use crate::server::{Server, TOKEN};

#[test]
fn only_who_has_the_token_and_means_this_server_has_an_answer() {
    let server = Server::start();
    let host = &server.host;
    let port = host.rsplit_once(':').unwrap().1;
    let basic = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let ours = format!("Host: {host}\r\n");
    let login = send(&server, "POST", "/login", &ours, &format!("token={TOKEN}&to=%2Fsd"));
    assert_eq!((login.status, login.header("location")), (303, "/sd"), "{}", login.text());
    let cookie = login.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(TOKEN));
    let cookie = cookie.split(';').next().unwrap();
    for (headers, status) in [
        (format!("{ours}{right}"), 200),
        (format!("{ours}Authorization: Basic {}\r\n", basic(format!("any:{TOKEN}"))), 200),
        (format!("{ours}Authorization: Basic {}\r\n", basic(format!(":{TOKEN}"))), 200),
        (format!("{ours}Cookie: {cookie}\r\n"), 200),
        (format!("Host: localhost:{port}\r\n{right}"), 200),
        (format!("{ours}{right}Origin: http://{host}\r\n"), 200),
        (ours.clone(), 401),
        (format!("{ours}Authorization: Bearer {TOKEN}x\r\n"), 401),
        (format!("{ours}Authorization: Bearer {}\r\n", &TOKEN[1..]), 401),
        (format!("{ours}Authorization: Basic {}\r\n", basic("any:wrong-token-of-this".to_owned())), 401),
        (format!("{ours}Authorization: Basic !!!\r\n"), 401),
        (format!("{ours}Cookie: {cookie}0\r\n"), 401),
        (format!("{ours}{right}{right}"), 401),
        (format!("Host: evil.example:{port}\r\n{right}"), 403),
        (format!("Host: evil.example\r\n{right}"), 403),
        (format!("Host: 127.0.0.1:1\r\n{right}"), 403),
        (format!("{ours}{ours}{right}"), 403),
        (format!("{ours}Cookie: {cookie}\r\nOrigin: http://evil.example\r\n"), 403),
        (format!("{ours}Cookie: {cookie}\r\nOrigin: null\r\n"), 403),
        (format!("{ours}Cookie: {cookie}\r\nSec-Fetch-Site: cross-site\r\n"), 403),
    ] {
        let answer = send(&server, "GET", "/sd", &headers, "");
        assert_eq!(answer.status, status, "{headers}{}", answer.text());
        assert!(!answer.text().contains(TOKEN));
        assert!(status != 401 || answer.header("www-authenticate").starts_with("Basic "), "{headers}");
        for (name, value) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
            assert_eq!(answer.header(name), value, "{headers}");
        }
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{headers}");
    }
    // Nothing is found out about programs without the token, not even whether they are there.
    for path in ["/", "/metrics", "/p/1/debug/pprof/heap", "/p/1/metrics", "/nothing", "/login/0123"] {
        assert_eq!(send(&server, "GET", path, &ours, "").status, 401, "{path}");
    }
    let page = send(&server, "GET", "/sd?a=b", &format!("{ours}Accept: text/html\r\n"), "");
    assert_eq!((page.status, page.header("location")), (303, "/login?to=/sd%3Fa%3Db"));
    let wrong = send(&server, "POST", "/login", &ours, "token=wrong-token-of-this-test");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let large = format!("{ours}X: {}\r\n", "a".repeat(40_000));
    assert_eq!(send(&server, "GET", "/", &large, "").status, 431);
}

fn refused(arguments: &[&str], token: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rgops"));
    command.arg("serve").args(arguments).env_remove("RGOPS_TOKEN").stdin(Stdio::null());
    if let Some(token) = token {
        command.env("RGOPS_TOKEN", token);
    }
    let output = finished(&mut command);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn it_does_not_start_without_a_token_or_where_another_listens() {
    let mut server = Server::start();
    let (code, said) = refused(&["127.0.0.1:0"], None);
    assert!(code == 2 && said.contains("RGOPS_TOKEN") && said.contains("--token-file"), "{code} {said}");
    let (code, said) = refused(&["127.0.0.1:0"], Some("short"));
    assert!(code == 2 && !said.contains("short\"") && said.contains("16 bytes"), "{code} {said}");
    let (code, said) = refused(&["nowhere"], Some(TOKEN));
    assert!(code == 2 && said.contains("HOST:PORT"), "{code} {said}");
    let (code, said) = refused(&[&server.host], Some(TOKEN));
    assert!(code == 4 && said.contains("rgops serve :0") && !said.contains(TOKEN), "{code} {said}");

    for signal in ["INT", "TERM"] {
        let pid = server.program.pid().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(server.program.wait().code(), Some(0), "{signal}");
        server = Server::start();
    }
}
