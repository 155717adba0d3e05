//! Tests of who may ask.

use http::{HeaderMap, Method, Request, StatusCode};
use rgops_protocol::auth::Token;

use super::*;
use crate::reply::Reply;

const TOKEN: &str = "correct-horse-battery";

fn access() -> Access {
    let token = Token::new(TOKEN).expect("it is long enough");
    Access::with_token(&token, hosts()).expect("the system has random numbers")
}

fn hosts() -> Hosts {
    Hosts::listening("127.0.0.1:6060".parse().expect("it is an address"))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "127.0.0.1:6060");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("it is a request")
}

fn get(headers: &[(&str, &str)]) -> Request<()> {
    request("GET", "/debug/pprof/heap?debug=1", headers)
}

/// `Basic` of this pair.
fn basic(pair: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

#[test]
fn the_token_is_taken_as_bearer_and_as_any_users_password() {
    let access = access();
    let by = |value: &str| access.check(&get(&[("authorization", value)])).map(|allowed| allowed.by);
    assert_eq!(by(&format!("Bearer {TOKEN}")), Ok(By::Bearer));
    assert_eq!(by(&format!("bearer   {TOKEN} ")), Ok(By::Bearer));
    for pair in [format!(":{TOKEN}"), format!("anyone:{TOKEN}")] {
        assert_eq!(by(&basic(&pair)), Ok(By::Basic));
        assert_eq!(by(basic(&pair).trim_end_matches('=')), Ok(By::Basic));
    }
    let wrong = [
        "Bearer",
        "Bearer ",
        TOKEN,
        &format!("Token {TOKEN}"),
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", &TOKEN[1..]),
        &basic(TOKEN),
        &basic(&format!("{TOKEN}:")),
        &basic(&format!("a:b:{TOKEN}")),
        "Basic !!!",
        &format!("Bearer {}", "a".repeat(10_000)),
    ];
    for value in wrong {
        assert_eq!(by(value), Err(Denied::WrongToken), "{value}");
    }
    let twice = get(&[("authorization", &format!("Bearer {TOKEN}")), ("authorization", "Bearer x")]);
    assert_eq!(access.check(&twice), Err(Denied::WrongToken));
    assert_eq!(access.check(&get(&[])), Err(Denied::Missing));
    assert_eq!((access.counts().missing, access.counts().wrong_token), (1, wrong.len() as u64 + 1));
}

#[test]
fn foreign_hosts_and_pages_are_refused_with_the_right_token_and_without_a_need_for_one() {
    let bearer = format!("Bearer {TOKEN}");
    for (access, name) in [(access(), "with"), (Access::insecure(hosts()), "without")] {
        let check = |method: &str, headers: &[(&str, &str)]| {
            let mut all = headers.to_vec();
            all.push(("authorization", &bearer));
            access.check(&request(method, "/debug/pprof/heap", &all)).map(drop)
        };
        for host in ["evil.example:6060", "127.0.0.1.evil.example:6060", "127.0.0.1", "10.0.0.1:6060", ""] {
            assert_eq!(check("GET", &[("host", host)]), Err(Denied::ForeignHost), "{name} {host}");
        }
        let two_hosts = [("host", "127.0.0.1:6060"), ("host", "evil.example")];
        assert_eq!(check("GET", &two_hosts), Err(Denied::ForeignHost));
        let foreign: &[&[(&str, &str)]] = &[
            &[("origin", "http://evil.example")],
            &[("origin", "null")],
            &[("origin", "https://127.0.0.1:6060")],
            &[("origin", "http://127.0.0.1:6061")],
            &[("origin", "")],
            &[("origin", "http://127.0.0.1:6060"), ("origin", "http://evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        ];
        for headers in foreign {
            assert_eq!(check("GET", headers), Err(Denied::ForeignOrigin), "{name} {headers:?}");
        }
        assert_eq!(check("POST", &[("sec-fetch-site", "none")]), Err(Denied::ForeignOrigin));
        let own: &[&[(&str, &str)]] = &[
            &[],
            &[("origin", "http://127.0.0.1:6060")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        ];
        for headers in own {
            assert_eq!(check("GET", headers), Ok(()), "{name} {headers:?}");
        }
        let counts = access.counts();
        assert_eq!((counts.foreign_host, counts.foreign_origin), (6, foreign.len() as u64 + 1));
        assert_eq!((counts.missing, counts.wrong_token), (0, 0));
    }
    // Of an address with a host, that must be the same.
    let absolute = Request::get("http://evil.example:6060/").header("host", "127.0.0.1:6060").body(());
    let absolute = absolute.expect("it is a request");
    assert_eq!(Access::insecure(hosts()).check(&absolute).map(drop), Err(Denied::ForeignHost));
    // HTTP/2 has only the address.
    let second = Request::get("http://127.0.0.1:6060/").body(()).expect("it is a request");
    assert!(Access::insecure(hosts()).check(&second).is_ok());
}

#[test]
fn a_browser_logs_in_and_a_program_is_told_how() {
    let access = access();
    let asked = get(&[("accept", "text/html,*/*;q=0.8")]);
    let denied = access.check(&asked).expect_err("it has no token");
    let reply = access.denied(&asked, denied);
    assert_eq!(reply.status(), StatusCode::SEE_OTHER);
    let location = header(&reply, "location").to_owned();
    assert_eq!(location, "/login?to=/debug/pprof/heap%3Fdebug%3D1");
    assert!(access.is_login("/login") && !access.is_login("/login/"));

    let page = access.login(&request("GET", &location, &[]), b"");
    let text = String::from_utf8_lossy(page.body()).into_owned();
    assert!(text.contains("name=\"to\" type=\"hidden\" value=\"/debug/pprof/heap?debug=1\""), "{text}");
    assert_eq!((page.status(), header(&page, "set-cookie")), (StatusCode::OK, ""));

    let form = format!("token={TOKEN}&to=%2Fdebug%2Fpprof%2Fheap%3Fdebug%3D1");
    let own = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    let reply = access.login(&request("POST", "/login", &own), form.as_bytes());
    assert_eq!(
        (reply.status(), header(&reply, "location")),
        (StatusCode::SEE_OTHER, "/debug/pprof/heap?debug=1")
    );
    let cookie = header(&reply, "set-cookie").to_owned();
    assert!(cookie.starts_with("rgops-6060=") && !cookie.contains(TOKEN), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    let (pair, _) = cookie.split_once(';').expect("it has attributes");
    let with = |cookies: &str| access.check(&get(&[("cookie", cookies)])).map(|allowed| allowed.by);
    assert_eq!(with(pair), Ok(By::Cookie));
    assert_eq!(with(&format!("a=b; rgops-6060=planted;{pair}; c")), Ok(By::Cookie));
    assert_eq!(with(&format!("rgops-6060={TOKEN}")), Err(Denied::Expired));
    assert_eq!(with(&pair.replace("6060", "6061")), Err(Denied::Missing));

    // A wrong token, a foreign page, and a place elsewhere.
    let wrong = access.login(&request("POST", "/login", &own), b"token=0123456789abcdef&to=/x");
    assert_eq!((wrong.status(), header(&wrong, "set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    assert!(String::from_utf8_lossy(wrong.body()).contains("The token is wrong."));
    let foreign = [("origin", "http://evil.example")];
    let foreign = access.login(&request("POST", "/login", &foreign), form.as_bytes());
    assert_eq!((foreign.status(), header(&foreign, "set-cookie")), (StatusCode::FORBIDDEN, ""));
    for to in ["//evil.example", "http%3A%2F%2Fevil.example", "%2F%5Cevil", "/a%0D%0Ab", ""] {
        let form = format!("token={TOKEN}&to={to}");
        assert_eq!(
            header(&access.login(&request("POST", "/login", &own), form.as_bytes()), "location"),
            "/",
            "{to}"
        );
    }
    assert_eq!(access.login(&request("PUT", "/login", &[]), b"").status(), StatusCode::METHOD_NOT_ALLOWED);
    let large = format!("token={TOKEN}&to={}", "a".repeat(MAX_FORM_BYTES));
    assert_eq!(
        access.login(&request("POST", "/login", &own), large.as_bytes()).status(),
        StatusCode::UNAUTHORIZED
    );

    // Programs.
    let asked = get(&[("accept", "*/*")]);
    let reply = access.denied(&asked, Denied::Missing);
    assert_eq!(
        (reply.status(), header(&reply, "www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Basic realm=\"rgops\"")
    );
    assert_eq!(header(&reply, "x-go-pprof"), "1");
    let asked = get(&[("accept", "text/html"), ("authorization", "Bearer x")]);
    assert_eq!(access.denied(&asked, Denied::WrongToken).status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn with_tls_the_cookie_is_secure_and_the_origin_https() {
    let token = Token::new(TOKEN).expect("it is long enough");
    let access = Access::with_token(&token, Hosts::mounted().name("shop.example")).expect("random numbers");
    let access = access.tls().login_at("/debug/pprof/login").home("/debug/pprof/");
    let origin = [("host", "shop.example"), ("origin", "https://shop.example")];
    let reply =
        access.login(&request("POST", "/debug/pprof/login", &origin), format!("token={TOKEN}").as_bytes());
    let cookie = header(&reply, "set-cookie");
    assert!(cookie.starts_with("__Host-rgops=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(header(&reply, "location"), "/debug/pprof/");
    let plain = [("host", "shop.example"), ("origin", "http://shop.example")];
    assert_eq!(access.check(&get(&plain)).map(drop), Err(Denied::ForeignOrigin));
    // Without a need for a token there is nothing to log in to.
    let reply = Access::insecure(hosts()).login(&request("GET", "/login", &[]), b"");
    assert_eq!(header(&reply, "location"), "/");
}

#[test]
fn the_token_is_in_no_text() {
    let access = access();
    let mut texts = format!("{access:?}");
    let asked = get(&[("authorization", &format!("Bearer {TOKEN}x")), ("accept", "text/html")]);
    for denied in
        [Denied::Missing, Denied::WrongToken, Denied::Expired, Denied::ForeignHost, Denied::ForeignOrigin]
    {
        let reply = access.denied(&asked, denied);
        texts += &format!("{denied} {denied:?} {reply:?} {}", String::from_utf8_lossy(reply.body()));
    }
    let reply = access.login(&request("POST", "/login", &[]), format!("token={TOKEN}x&to=/").as_bytes());
    texts += &format!("{reply:?} {}", String::from_utf8_lossy(reply.body()));
    let reply = access.login(&request("POST", "/login", &[]), format!("token={TOKEN}&to=/").as_bytes());
    texts += &format!("{reply:?}");
    assert!(!texts.contains(TOKEN), "{texts}");
    assert!(texts.contains("\"set-cookie\": Sensitive"), "{texts}");
    let mut headers = HeaderMap::new();
    headers.append("origin", "http://a".parse().expect("it is a value"));
    assert!(check_origin(&Method::GET, &headers, "http", "a").is_ok());
}

#[test]
fn nothing_in_headers_or_forms_is_a_panic_or_a_way_in() {
    const WORDS: &[&str] = &[
        "Basic ",
        "Bearer ",
        "OmFhYWFhYWFhYWFhYWFhYWE",
        "=",
        ":",
        "rgops-6060=",
        "; ",
        "ffffffff.",
        "0",
        "é",
        "\t",
        "//",
        "http://",
        "127.0.0.1",
        "6060",
        "[::1]",
        "[",
        "]",
        "null",
        "token=",
        "&to=/",
        "%",
        "%2F",
        "+",
        "same-origin",
        "a",
    ];
    let access = access();
    // xorshift64*
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    };
    let mut counted = 0;
    for _ in 0..30_000 {
        let mut headers = HeaderMap::new();
        for name in ["host", "origin", "sec-fetch-site", "authorization", "cookie", "accept"] {
            let value: String = (0..below(6)).map(|_| WORDS[below(WORDS.len())]).collect();
            let value = if name == "host" && below(2) == 0 { "localhost:6060" } else { &value };
            if let (Ok(value), true) = (http::HeaderValue::from_bytes(value.as_bytes()), below(2) == 0) {
                headers.append(name, value);
            }
        }
        let method = [Method::GET, Method::POST, Method::HEAD][below(3)].clone();
        let uri = ["/", "/login?to=//evil", "/a?b=c", "http://localhost:6060/x"][below(4)]
            .parse()
            .expect("an address");
        let asked = Asked { method: &method, uri: &uri, headers: &headers };
        let denied = access.check(asked).expect_err("the token is not there");
        counted += 1;
        let reply = access.denied(asked, denied);
        assert!(!reply.status().is_success());
        let body: String = (0..below(6)).map(|_| WORDS[below(WORDS.len())]).collect();
        let reply = access.login(asked, body.as_bytes());
        assert!(!reply.headers().contains_key("set-cookie"));
    }
    let Counts { missing, wrong_token, expired, foreign_host, foreign_origin } = access.counts();
    assert!([missing, wrong_token, expired, foreign_host, foreign_origin].iter().all(|count| *count > 0));
    assert!(missing + wrong_token + expired + foreign_host + foreign_origin >= counted);
}
