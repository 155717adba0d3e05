//! A request below `/debug/pprof/` and its credentials. Lines: method, path, query, headers, an empty one, the body.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use rgops_http::access::{Access, Hosts};
use rgops_http::ask::ask;
use rgops_http::reply::{head, refused};
use rgops_protocol::auth::Token;

fuzz_target!(|bytes: &[u8]| {
    static ACCESS: OnceLock<Access> = OnceLock::new();
    let access = ACCESS.get_or_init(|| {
        let token = Token::new("a token that nobody guesses").expect("it is long enough");
        Access::with_token(&token, Hosts::mounted().name("a.example")).expect("the system has random numbers")
    });
    let text = String::from_utf8_lossy(bytes);
    let (lines, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = lines.lines();
    let (method, path, query) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next());
    let Ok(method) = method.parse() else { return };
    match ask(&method, path, query, body.as_bytes()) {
        Ok(ask) => drop(head(&ask)),
        Err(refusal) => assert!(!refused(&refusal).status().is_success()),
    }
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(()) else { return };
    let denied = access.check(&request).expect_err("the token is not in the input");
    assert!(!access.denied(&request, denied).status().is_success());
    let reply = access.login(&request, body.as_bytes());
    assert!(!reply.headers().contains_key("set-cookie"));
});
