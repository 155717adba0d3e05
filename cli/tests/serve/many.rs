//! Many clients at once: they share, wait or are told when to come back, and none delays another.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rgops_tests::waiting::until;

use crate::client::{connect, get};
use crate::server::{Server, TOKEN};
use crate::target::Target;

fn request(server: &Server, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", server.host)
}

#[test]
fn two_scrapes_share_a_profile_and_a_third_is_told_when_to_come_back() {
    let (target, server) = (Target::start(), Server::start());
    let path = format!("/p/{}/debug/pprof/profile?seconds=5", target.pid());
    let (one, two, third) = std::thread::scope(|scope| {
        let scrape = || {
            scope.spawn(|| {
                let began = Instant::now();
                (get(&server, &path), began.elapsed())
            })
        };
        let pair = [scrape(), scrape()];
        // Behind the tenth of it in which it can be shared.
        std::thread::sleep(Duration::from_millis(1500));
        let third = get(&server, &path);
        // What an agent does one at a time waits for its turn.
        let waited = get(&server, &format!("/p/{}/debug/pprof/threads", target.pid()));
        assert_eq!(waited.status, 200, "{}", waited.text());
        let [one, two] = pair.map(|scrape| scrape.join().unwrap());
        (one, two, third)
    });
    assert_eq!((one.0.status, two.0.status), (200, 200), "{} {}", one.0.text(), two.0.text());
    assert_eq!(one.0.body, two.0.body, "it is the same profile");
    assert!(one.1 >= Duration::from_secs(4) && two.1 >= Duration::from_secs(4));
    assert_eq!(third.status, 503, "{}", third.text());
    assert!(third.header("retry-after").parse::<u64>().unwrap() <= 5, "{third:?}");
    assert!(third.text().contains("running already"), "{}", third.text());
}

#[test]
fn a_client_that_leaves_ends_its_profile() {
    let (target, server) = (Target::start(), Server::start());
    let long = format!("/p/{}/debug/pprof/profile?seconds=600", target.pid());
    let short = format!("/p/{}/debug/pprof/profile?seconds=1", target.pid());
    let client = until("the profile runs, and another one is refused", || {
        let mut client = connect(&server);
        client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        client.write_all(request(&server, &long).as_bytes()).unwrap();
        let is_silent = client.read(&mut [0]).is_err();
        (is_silent && get(&server, &short).status == 503).then_some(client)
    });
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    let next = until("another profile is possible", || {
        Some(get(&server, &short)).filter(|answer| answer.status == 200)
    });
    assert!(!next.body.is_empty());
}

#[test]
fn slow_readers_delay_nobody() {
    let (target, server) = (Target::start(), Server::start());
    let path = format!("/p/{}/metrics", target.pid());
    let text = get(&server, &path).body.len();
    // More than the buffers of a socket hold, and nobody reads.
    let requests = request(&server, "/metrics").repeat((8 << 20) / text);
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(&server);
            stream.set_nonblocking(true).unwrap();
            // What does not fit any more is not needed.
            let _ = stream.write(requests.as_bytes());
            stream
        })
        .collect();
    for path in ["/metrics", &path, "/sd", &format!("/p/{}/debug/pprof/cmdline", target.pid())] {
        let began = Instant::now();
        let answer = get(&server, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        // A slow reader is left after 30 s: who waited for one waited for longer.
        assert!(began.elapsed() < Duration::from_secs(20), "{path}: {:?}", began.elapsed());
    }
    drop(slow);
}
