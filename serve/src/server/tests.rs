//! Tickets; the rest of the checks is tested with `rgops serve`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rgops_protocol::auth::Token;

use super::*;

fn get(server: &Server, url: &str, headers: &str) -> String {
    let at = server.local_address();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let path = url.strip_prefix(&server.url()).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_ticket_lets_a_browser_in_once_and_not_the_page_of_another_site() {
    let token = random_token().unwrap();
    let options = ServeOptions::default().address("127.0.0.1:0").token(Token::new(&token).ok());
    let server = serve(options).unwrap();
    let ticket = server.ticket_url();
    assert!(!ticket.contains(&token) && !format!("{server:?}").contains(&token));
    let foreign = get(&server, &ticket, "Origin: http://evil.example\r\n");
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let wrong = get(&server, &format!("{ticket}0"), "");
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    let first = get(&server, &ticket, "");
    assert!(first.starts_with("HTTP/1.1 303") && first.contains("location: /\r\n"), "{first}");
    let cookie = first.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let second = get(&server, &ticket, "");
    assert!(second.starts_with("HTTP/1.1 401"), "{second}");
    let page = get(&server, &format!("{}sd", server.url()), &format!("Cookie: {cookie}\r\n"));
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    server.stop();
}

#[test]
fn a_server_without_a_token_has_to_be_asked_for() {
    let options = || ServeOptions::default().address("127.0.0.1:0");
    assert!(matches!(serve(options()), Err(ServeError::NoToken)));
    let server = serve(options().http_insecure()).unwrap();
    assert_eq!(server.ticket_url(), server.url());
    assert!(get(&server, &format!("{}sd", server.url()), "").starts_with("HTTP/1.1 200"));
    assert!(get(&server, &server.url(), "Host: evil.example\r\n").starts_with("HTTP/1.1 403"));
}
