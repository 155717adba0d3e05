//! What the server refuses, by requests that no browser would write.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rgops_pprof::Profile;
use rgops_web::{Analyser, Server, serve};

fn server() -> Server {
    let mut profile = Profile::default();
    let (kind, unit) = (profile.texts.intern("cpu"), profile.texts.intern("nanoseconds"));
    profile.sample_types.push(rgops_pprof::profile::ValueType { kind, unit });
    serve(Analyser::new(Arc::new(profile), "<empty> & \"quoted\""), "127.0.0.1:0").unwrap()
}

/// Sends `request`, in which SECRET, HOST and PORT are replaced, and returns the whole answer.
fn ask(server: &Server, request: &str) -> String {
    let secret = server.url().split('/').nth(3).unwrap();
    let address = server.local_address();
    let request = request.replace("SECRET", secret).replace("HOST", &address.to_string());
    let request = request.replace("PORT", &address.port().to_string());
    let mut stream = TcpStream::connect(address).unwrap();
    // A server that has refused the request may close the connection before all of it is sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn get(server: &Server, path: &str, headers: &str) -> String {
    ask(server, &format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
}

#[test]
fn only_who_knows_the_secret_is_answered() {
    let server = server();
    assert_eq!(status(&get(&server, "/SECRET/ui/top", "Host: HOST\r\n")), "200");
    for path in
        ["/", "/ui/top", "/SECRE/ui/top", "/SECRETX/ui/top", "//ui/top", "/0/ui/assets/style.css", "*"]
    {
        let answer = get(&server, &path.replace("SECRE/", &"0".repeat(40)), "Host: HOST\r\n");
        assert_eq!(status(&answer), "403", "{path}");
    }
}

#[test]
fn the_host_is_ours() {
    let server = server();
    for host in ["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT"] {
        assert_eq!(status(&get(&server, "/SECRET/ui/top", &format!("Host: {host}\r\n"))), "200", "{host}");
    }
    let others = [
        "Host: evil.example:PORT\r\n",
        "Host: localhost.evil.example:PORT\r\n",
        "Host: 127.0.0.1\r\n",
        "Host: 192.168.0.1:PORT\r\n",
        "Host: HOST\r\nHost: evil.example\r\n",
        "",
    ];
    for headers in others {
        let answer = get(&server, "/SECRET/ui/top", headers);
        assert!(matches!(status(&answer), "403" | "400"), "{headers}: {answer}");
    }
    assert_eq!(status(&get(&server, "http://evil.example:PORT/SECRET/ui/top", "Host: HOST\r\n")), "403");
    assert_eq!(status(&get(&server, "http://HOST/SECRET/ui/top", "Host: HOST\r\n")), "200");
}

#[test]
fn pages_of_other_sites_are_refused() {
    let server = server();
    let of = |headers: &str| {
        status(&get(&server, "/SECRET/ui/top", &format!("Host: HOST\r\n{headers}"))).to_owned()
    };
    for headers in ["Origin: http://HOST\r\n", "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"]
    {
        assert_eq!(of(headers), "200", "{headers}");
    }
    let foreign = [
        "Origin: http://evil.example\r\n",
        "Origin: https://HOST\r\n",
        "Origin: http://127.0.0.1:1\r\n",
        "Origin: null\r\n",
        "Origin: null\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: http://HOST\r\nOrigin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
    ];
    for headers in foreign {
        assert_eq!(of(headers), "403", "{headers}");
    }
}

#[test]
fn every_answer_says_what_a_browser_may_do() {
    let server = server();
    let answers = [
        get(&server, "/SECRET/ui/top", "Host: HOST\r\n"),
        get(&server, "/SECRET/ui/assets/style.css", "Host: HOST\r\n"),
        get(&server, "/SECRET/ui/nowhere", "Host: HOST\r\n"),
        get(&server, "/", "Host: HOST\r\n"),
    ];
    for answer in answers {
        let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "x-frame-options: deny",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{header} is not in {head}");
        }
    }
}

#[test]
fn a_config_is_changed_only_by_a_form_of_ours() {
    let server = server();
    let post = |body: &str, headers: &str| {
        let length = body.len();
        ask(
            &server,
            &format!(
                "POST /SECRET/ui/configs/save HTTP/1.1\r\nHost: HOST\r\n{headers}Content-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            ),
        )
    };
    let page = get(&server, "/SECRET/ui/top", "Host: HOST\r\n");
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = |token: &str| format!("token={token}&view=top&query=f%3Da&name=mine");
    assert_eq!(status(&post(&form("0"), "")), "403");
    assert_eq!(status(&post(&form(token), "Origin: http://evil.example\r\n")), "403");
    assert_eq!(status(&post(&form(token), "Sec-Fetch-Site: none\r\n")), "403");
    let saved = post(&form(token), "");
    assert_eq!(status(&saved), "303", "{saved}");
    assert!(saved.contains("/ui/top?f=a\r\n"), "{saved}");
    assert!(get(&server, "/SECRET/ui/top", "Host: HOST\r\n").contains("Delete config mine"));
    assert_eq!(status(&post(&"x".repeat(20_000), "")), "400");
    assert_eq!(status(&get(&server, "/SECRET/ui/configs/save", "Host: HOST\r\n")), "405");
}

#[test]
fn requests_that_are_too_large_or_broken_are_refused() {
    let server = server();
    let long = get(&server, &format!("/SECRET/ui/top?f={}", "a".repeat(100_000)), "Host: HOST\r\n");
    assert!(matches!(status(&long), "414" | "431" | "no answer"), "{long}");
    assert_eq!(
        status(&get(&server, &format!("/SECRET/ui/top?f={}", "a".repeat(10_000)), "Host: HOST\r\n")),
        "400"
    );
    let many: String = (0..200).map(|at| format!("X-{at}: 1\r\n")).collect();
    let answer = get(&server, "/SECRET/ui/top", &format!("Host: HOST\r\n{many}"));
    assert_eq!(status(&answer), "431");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    for path in
        ["/SECRET/ui/top?n=many", "/SECRET/ui/top?f=%zz", "/SECRET/ui/top?g=all", "/SECRET/ui/top?f=%ff"]
    {
        let answer = get(&server, path, "Host: HOST\r\n");
        assert_eq!(status(&answer), "400", "{path}");
        assert!(answer.contains("This view cannot be shown"), "{answer}");
    }
    for path in
        ["/SECRET/ui/assets/..%2Fstyle.css", "/SECRET/ui/assets/../../Cargo.toml", "/SECRET/etc/passwd"]
    {
        assert_eq!(status(&get(&server, path, "Host: HOST\r\n")), "404", "{path}");
    }
}

#[test]
fn texts_are_escaped() {
    let server = server();
    let attack = "/SECRET/ui/top?q=%22%3E%3Cscript%3E&f=%3C%2Ftitle%3E%27%22%3E&by=%22%3E%3Cimg%3E";
    let page = get(&server, attack, "Host: HOST\r\n");
    assert!(page.contains("&lt;empty&gt; &amp; &quot;quoted&quot;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("</title>'") && !page.contains("<img"), "{page}");
}

#[test]
fn a_ticket_leads_to_a_page_once() {
    let server = server();
    let mut settings = rgops_pprof::Settings::default();
    settings.rust = true;
    settings.focus = "a b".to_owned();
    let view = server.view("peek", &settings, Some("main"));
    assert_eq!(view, "peek?f=a%20b&fn=main");
    let url = server.ticket_url_to(&view);
    let path = url.strip_prefix(&format!("http://{}", server.local_address())).unwrap();
    assert_eq!(status(&get(&server, path, "Host: evil.example\r\n")), "403");
    let answer = get(&server, path, "Host: HOST\r\n");
    assert!(answer.contains("/ui/peek?f=a%20b&fn=main\r\n") && status(&answer) == "303", "{answer}");
    assert_eq!(status(&get(&server, path, "Host: HOST\r\n")), "403");
    assert!(!format!("{server:?}").contains(server.url().split('/').nth(3).unwrap()));
}

/// Another user finds the ticket in the arguments of the browser.
#[cfg(target_os = "linux")]
#[test]
fn a_ticket_is_not_for_another_user() {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    let server = server();
    let url = server.ticket_url();
    let curl = |user: Option<u32>| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"]);
        if let Some(user) = user {
            command.uid(user).gid(user).current_dir("/");
        }
        command.arg(&url).output().map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
    };
    match curl(Some(65_534)) {
        Ok(status) => assert_eq!(status, "403"),
        Err(error) => {
            let why = format!("cannot start curl as another user, which root can: {error}");
            assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "{why}");
            eprintln!("skipped: {why}");
            return;
        }
    }
    assert_eq!(curl(None).unwrap(), "303", "it was not used");
    assert_eq!(curl(None).unwrap(), "403", "it was used");
}

#[test]
fn only_so_many_saved_configs_are_shown() {
    let configs = rgops_web::InMemory::default();
    for at in 0..203 {
        let config = rgops_web::Config { name: format!("of {at}"), options: Vec::new() };
        rgops_web::ConfigStore::save(&configs, config).unwrap();
    }
    let analyser = Analyser::new(Arc::new(Profile::default()), "").configs(Arc::new(configs));
    let server = serve(analyser, "127.0.0.1:0").unwrap();
    let page = get(&server, "/SECRET/ui/top?f=a", "Host: HOST\r\n");
    assert_eq!(page.matches("Delete config of ").count(), 200);
    assert!(page.contains("3 more saved configs are left out: only the first 200 are shown"), "{page}");
}

#[test]
fn a_server_that_was_stopped_does_not_listen() {
    let server = server();
    let address = server.local_address();
    assert!(server.is_loopback());
    server.stop();
    assert!(TcpStream::connect(address).is_err());
    let analyser = || Analyser::new(Arc::new(Profile::default()), "");
    // A system without IPv6 cannot listen there.
    if let Ok(mapped) = serve(analyser(), "[::ffff:127.0.0.1]:0") {
        assert!(mapped.is_loopback());
    }
}

#[test]
fn connections_without_the_secret_keep_nobody_out() {
    let server = server();
    let connect = || TcpStream::connect(server.local_address()).unwrap();
    let began = std::time::Instant::now();
    let mut first = connect();
    let others: Vec<TcpStream> = (0..300)
        .map(|at| {
            let mut stream = connect();
            // Some send a part of a request.
            let _ = stream.write_all(if at % 2 == 0 { b"GET / HT" } else { b"" });
            stream
        })
        .collect();
    assert_eq!(status(&get(&server, "/SECRET/ui/top", "Host: HOST\r\n")), "200");
    // Before the time of a stranger ends that would let the owner in by itself.
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    first.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    assert!(matches!(first.read(&mut [0; 8]), Ok(0) | Err(_)), "the oldest makes room");
    drop(others);
}

#[test]
fn a_connection_that_has_shown_the_secret_is_not_dropped_for_strangers() {
    let server = server();
    let secret = server.url().split('/').nth(3).unwrap();
    let host = server.local_address();
    let mut own = TcpStream::connect(host).unwrap();
    own.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut ask = || {
        let request = format!("GET /{secret}/ui/assets/timeline.css HTTP/1.1\r\nHost: {host}\r\n\r\n");
        own.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}\n") {
            let mut bytes = [0; 4096];
            let count = own.read(&mut bytes).unwrap();
            assert!(count > 0, "the connection ended");
            answer.extend_from_slice(&bytes[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    };
    ask();
    let strangers: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(host).unwrap()).collect();
    assert_eq!(status(&get(&server, "/SECRET/ui/top", "Host: HOST\r\n")), "200");
    ask();
    drop(strangers);
}

#[test]
fn a_picture_of_nothing_is_refused_and_an_error_keeps_the_function() {
    let server = server();
    for file in ["flame.svg", "graph.svg"] {
        let answer = get(&server, &format!("/SECRET/ui/download/{file}"), "Host: HOST\r\n");
        assert!(status(&answer) == "400" && answer.contains("The profile has no samples."), "{answer}");
    }
    let page = get(&server, "/SECRET/ui/peek?fn=mine&n=many", "Host: HOST\r\n");
    assert!(page.contains("href=\"peek?fn=mine\""), "{page}");
}
