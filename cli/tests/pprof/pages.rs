//! `rgops pprof --http`: the address, an answer, Ctrl-C, and saved configs.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Directory, code, finished, stderr};
use crate::run::{pprof, shop};

/// Sends a request to the server of `url`, and returns the answer.
fn ask(url: &str, method: &str, path: &str, body: &str) -> String {
    let (host, secret) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /{secret}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn pages_are_served_until_ctrl_c_and_configs_stay() {
    let home = Directory::new();
    fs::write(home.path().join("shop.pb.gz"), shop()).unwrap();
    let mut command = pprof(home.path(), &["--http", "--no_browser", "shop.pb.gz"]);
    command.env_remove("XDG_CONFIG_HOME").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/ui/"), "{url}");
    let page = ask(&url, "GET", "top", "");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("search"), "{page}");
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let saved = ask(&url, "POST", "configs/save", &format!("token={token}&view=top&query=f%3Dtax&name=mine"));
    assert!(saved.starts_with("HTTP/1.1 303 "), "{saved}");
    let configs = fs::read_to_string(home.path().join(".config/rgops/pprof.json")).unwrap();
    assert!(configs.contains("\"name\": \"mine\"") && configs.contains("\"focus\": \"tax\""), "{configs}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_cannot_be_used_is_refused() {
    let home = Directory::new();
    fs::write(home.path().join("shop.pb.gz"), shop()).unwrap();
    let output = finished(&mut pprof(home.path(), &["--http=127.0.0.1:many", "--no_browser", "shop.pb.gz"]));
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("the port is not a number up to 65535"), "{}", stderr(&output));
}
