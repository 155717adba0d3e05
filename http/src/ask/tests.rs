//! Tests of requests that Go does not have, and of limits. What Go has is compared with it in `tests/as_go.rs`.

use std::time::Duration;

use http::Method;

use super::*;

fn get(path: &str, query: &str) -> Result<Ask, Refusal> {
    ask(&Method::GET, path, Some(query), b"")
}

fn cpu(seconds: u64, hz: Option<u32>) -> Result<Ask, Refusal> {
    Ok(Ask::Cpu { duration: Duration::from_secs(seconds), hz })
}

#[test]
fn durations_are_those_of_go_within_a_limit() {
    assert_eq!(get("profile", ""), cpu(30, None));
    for bad in ["seconds=x", "seconds=0", "seconds=-3", "seconds=1.5", "seconds=99999999999999999999"] {
        assert_eq!(get("profile", bad), cpu(30, None), "{bad}");
    }
    assert_eq!(get("profile", "seconds=3600&hz=10000"), cpu(3600, Some(10_000)));
    assert_eq!(get("profile", "seconds=3601"), Err(Refusal::TooLong));
    assert_eq!(get("heap", "seconds=3601"), Err(Refusal::TooLong));
    for bad in ["hz=0", "hz=10001", "hz=x", "hz=-1"] {
        assert_eq!(get("profile", bad), Err(Refusal::Hz), "{bad}");
    }
    let trace = |millis| Ok(Ask::Trace { duration: Duration::from_millis(millis) });
    assert_eq!(get("trace", "seconds=0.25"), trace(250));
    for bad in ["", "seconds=", "seconds=x", "seconds=-1", "seconds=NaN", "seconds=inf", "seconds=1e999"] {
        assert_eq!(get("trace", bad), trace(1000), "{bad}");
    }
    assert_eq!(get("trace", "seconds=3600.1"), Err(Refusal::TooLong));
    assert_eq!(get("trace", "seconds=1e-300"), Ok(Ask::Trace { duration: Duration::from_nanos(1) }));
}

#[test]
fn views_are_texts_or_json() {
    let view = |view, json, seconds: Option<u64>| {
        Ok(Ask::View { view, json, seconds: seconds.map(Duration::from_secs) })
    };
    assert_eq!(get("tasks", ""), view(View::Tasks, false, None));
    for yes in ["json", "json=", "json=1", "json=true", "x=1&json"] {
        assert_eq!(get("memstats", yes), view(View::Memstats, true, None), "{yes}");
    }
    assert_eq!(get("stats", "json=0&seconds=5"), view(View::Stats, false, Some(5)));
    assert_eq!(get("leaks", "seconds=x"), Err(Refusal::Seconds));
    assert_eq!(get("version", "seconds=x"), view(View::Version, false, None));
    assert_eq!(ask(&Method::POST, "tasks", None, b""), Err(Refusal::Method { allowed: "GET, HEAD" }));
}

#[test]
fn gc_is_of_heap_only() {
    let profile = |kind, gc| Ok(Ask::Profile { kind, debug: 0, seconds: None, gc });
    assert_eq!(get("heap", "gc=1"), profile(Kind::Heap, true));
    assert_eq!(get("heap", "gc=-1"), profile(Kind::Heap, false));
    assert_eq!(get("allocs", "gc=1"), profile(Kind::Allocs, false));
    assert_eq!(
        get("mutex", "debug=4294967296"),
        Ok(Ask::Profile { kind: Kind::Mutex, debug: u32::MAX, seconds: None, gc: false })
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let post = |body: &[u8]| ask(&Method::POST, "symbol", Some("0x5"), body);
    assert_eq!(post(b"0x1+x+0+0x2"), Ok(Ask::Symbol { addresses: vec![1, 2] }));
    assert_eq!(post(b""), Ok(Ask::Symbol { addresses: Vec::new() }));
    assert_eq!(post(&vec![b'1'; MAX_BODY_BYTES + 1]), Err(Refusal::Body));
    assert_eq!(post(&b"1+".repeat(MAX_ADDRESSES + 1)), Err(Refusal::Addresses));
    assert!(
        matches!(post(&b"1+".repeat(MAX_ADDRESSES)), Ok(Ask::Symbol { addresses }) if addresses.len() == MAX_ADDRESSES)
    );
    assert_eq!(get("heap", &"a".repeat(MAX_QUERY_BYTES + 1)), Err(Refusal::Query));
    assert_eq!(get(&"%68".repeat(100_000), ""), Err(Refusal::UnknownProfile));
    assert_eq!(get("%", ""), Err(Refusal::UnknownProfile));
    assert_eq!(get("%00", ""), Err(Refusal::UnknownProfile));
}

/// A generator of numbers that needs no crate: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    /// Words of our queries and anything else.
    fn text(&mut self) -> String {
        const WORDS: &[&str] = &[
            "seconds",
            "debug",
            "gc",
            "json",
            "hz",
            "=",
            "&",
            ";",
            "%",
            "+",
            "-",
            "1",
            "0x",
            "0b_",
            "99999999999999999999",
            "NaN",
            "é",
            "\0",
            "%C3",
            "%00",
            "heap",
            "symbol",
            "profile",
            "trace",
            "tasks",
            ".",
            "_",
            "/",
            "..",
            "e9",
            "inf",
        ];
        let length = self.below(8);
        (0..length).map(|_| WORDS[self.below(WORDS.len())]).collect()
    }
}

#[test]
fn nothing_in_a_request_is_a_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut asked = 0;
    for _ in 0..200_000 {
        let method = [Method::GET, Method::POST, Method::HEAD, Method::PUT][random.below(4)].clone();
        let mut path = random.text();
        if random.below(2) == 0 {
            let names = ["heap", "profile", "symbol", "trace", "stats", "goroutine", "%68eap"];
            path = names[random.below(names.len())].to_owned();
        }
        let (query, body) = (random.text(), random.text().into_bytes());
        let body = if random.below(4) == 0 { body.iter().map(|byte| byte ^ 0x80).collect() } else { body };
        let query = (random.below(8) > 0).then_some(&*query);
        match ask(&method, &path, query, &body) {
            Ok(ask) => {
                asked += 1;
                assert!(crate::reply::head(&ask).status().is_success());
            }
            Err(refusal) => assert!(!crate::reply::refused(&refusal).status().is_success()),
        }
    }
    assert!(asked > 10_000, "{asked}");
}
