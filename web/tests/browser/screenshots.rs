//! Pictures of all views, light and dark, for docs/screenshots:
//! `RGOPS_SCREENSHOTS=$PWD/docs/screenshots cargo test -p rgops-web --test browser screenshots`

use crate::driver::Browser;
use crate::fixture;

/// Names of the pictures, and what they show.
const PICTURES: &[(&str, &str)] = &[
    ("flamegraph", "flamegraph"),
    ("sandwich", "sandwich?p=shop::checkout"),
    ("top", "top"),
    ("graph", "graph"),
    ("peek", "peek?fn=shop::checkout"),
    ("source", "source?fn=shop::checkout"),
    ("disasm", "disasm?fn=shop::checkout"),
    ("tags", "tags"),
    ("timeline", "timeline"),
];
/// The most bytes of a picture, which are kept in the repository.
const MAX_BYTES: usize = 200 << 10;

#[test]
fn screenshots_are_small() {
    let Some(to) = std::env::var_os("RGOPS_SCREENSHOTS").map(std::path::PathBuf::from) else { return };
    // A path that is not absolute is in this crate.
    let to = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(to);
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    let timed = fixture::server(fixture::analyser(&fixture::timed()));
    std::fs::create_dir_all(&to).unwrap();
    for (name, address) in PICTURES {
        for (is_dark, suffix) in [(false, "light"), (true, "dark")] {
            browser.prefer_dark(is_dark);
            let server = if *name == "timeline" { &timed } else { &server };
            browser.open(&format!("{}{address}", server.url()));
            browser.wait("document.readyState === 'complete'");
            if *name == "timeline" {
                browser.wait("document.querySelectorAll('.timeline-lane').length === 2");
            }
            let png = browser.screenshot();
            assert!(png.len() < MAX_BYTES, "{name} has {} bytes", png.len());
            std::fs::write(to.join(format!("{name}-{suffix}.png")), png).unwrap();
        }
    }
}
