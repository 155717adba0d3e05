//! Pictures of the pages, light and dark, for docs/screenshots:
//! `RGOPS_SCREENSHOTS=$PWD/docs/screenshots cargo test -p rgops-serve --test browser screenshots`

use crate::driver::Browser;
use crate::fixture::{Server, deadlock, shop};

/// The most bytes of a picture, which are kept in the repository.
const MAX_BYTES: usize = 200 << 10;

#[test]
fn screenshots_are_small() {
    let Some(to) = std::env::var_os("RGOPS_SCREENSHOTS").map(std::path::PathBuf::from) else { return };
    // A path that is not absolute is in this crate.
    let to = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(to);
    let Some(browser) = Browser::start() else { return };
    let (server, shop, stuck) = (Server::entered(&browser), shop(), deadlock());
    std::fs::create_dir_all(&to).unwrap();
    let take = |name: &str| {
        for (is_dark, suffix) in [(false, "light"), (true, "dark")] {
            browser.prefer_dark(is_dark);
            let png = browser.screenshot();
            assert!(png.len() < MAX_BYTES, "{name} has {} bytes", png.len());
            std::fs::write(to.join(format!("{name}-{suffix}.png")), png).unwrap();
        }
    };
    // The list, and not what else runs on this machine.
    browser.size(1280, 340);
    browser.open(&server.url("/"));
    browser.wait("Number(document.getElementById('programs').dataset.rounds) >= 2");
    take("host");
    browser.size(1280, 1000);
    browser.open(&server.of(&shop, ""));
    browser.wait("Number(document.querySelector('[data-chart=allocations]').dataset.points) >= 8");
    take("program");
    browser.open(&server.of(&stuck, "tasks"));
    take("tasks-deadlock");
    if std::env::var_os("RGOPS_ALL_SCREENSHOTS").is_some() {
        browser.open(&server.of(&shop, "threads"));
        take("threads");
        browser.open(&server.of(&shop, "tasks"));
        take("tasks");
        browser.open(&server.of(&shop, ""));
        browser.script("document.getElementById('seconds-cpu').value = 2");
        browser.click(".card:has([value=cpu]) button");
        browser.wait("document.getElementById('progress')?.value >= 1");
        take("progress");
        browser.wait("document.getElementById('flame')?.dataset.drawn > 10");
        take("result");
        browser.open(&server.of(&shop, ""));
        browser.script("document.getElementById('seconds-leaks').value = 5");
        browser.click(".card:has([value=leaks]) button");
        browser.wait("document.querySelector('.report, .problem')");
        take("leaks");
        browser.open(&server.of(&stuck, ""));
        browser.click(".card:has([value=heap]) button");
        browser.wait("document.querySelector('.problem')");
        take("heap-problem");
        browser.size(400, 900);
        browser.open(&server.url("/"));
        take("host-narrow");
        browser.open(&server.of(&shop, ""));
        browser.wait("Number(document.querySelector('[data-chart=cpu]').dataset.points) >= 2");
        take("program-narrow");
        browser.open(&server.of(&stuck, "tasks"));
        take("tasks-narrow");
    }
}
