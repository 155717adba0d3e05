//! The list of programs.

use rgops_tests::waiting::until;

use crate::driver::Browser;
use crate::fixture::{Server, TOKEN, deadlock, shop};

#[test]
fn programs_are_listed_live_and_go_when_they_end() {
    let Some(browser) = Browser::start() else { return };
    let (server, shop) = (Server::entered(&browser), shop());
    browser.open(&server.url("/"));
    let row = format!("document.querySelector('tr[data-pid=\"{}\"]')", shop.pid());
    browser.wait(&format!("{row} && {row}.cells[0].textContent === 'shop'"));
    browser.wait("Number(document.getElementById('programs').dataset.rounds) >= 2");
    for (column, unit) in [(3, " %"), (4, "MB")] {
        browser.wait(&format!("{row}.cells[{column}].textContent.endsWith('{unit}')"));
    }
    browser.wait(&format!("Number({row}.cells[6].textContent) > 0"));
    // One that comes later is there without loading the page again, and leads to its page.
    let stuck = deadlock();
    let other = format!("document.querySelector('tr[data-pid=\"{}\"]')", stuck.pid());
    browser.wait(&other);
    drop(shop);
    browser.wait(&format!("!{row}"));
    assert_eq!(browser.console_errors(), [""; 0]);
    assert_eq!(browser.hosts(), [server.address.to_string()]);
    browser.click(&format!("tr[data-pid='{}'] a", stuck.pid()));
    browser.wait(&format!("location.pathname === '/p/{}/'", stuck.pid()));
}

#[test]
fn without_scripts_the_list_has_its_numbers_and_no_page_is_wider_than_a_telephone() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.size(400, 800);
    for page in ["", "threads", "tasks"] {
        browser.open(&server.of(&stuck, page));
        let wide = browser.script("return document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= 400, "{page} is {wide} pixels wide");
        assert!(browser.texts("h1")[0].contains("stuck"), "{:?}", browser.texts("h1"));
        assert_eq!(browser.console_errors(), [""; 0], "{page}");
    }
    browser.allow_scripts(false);
    browser.open(&server.url("/"));
    let row = format!("tr[data-pid='{}']", stuck.pid());
    let texts = browser.texts(&format!("{row} td"));
    assert_eq!((texts[0].clone(), texts[5].as_str()), (stuck.pid().to_string(), "3"), "{texts:?}");
    assert_eq!(browser.script("return document.documentElement.scrollWidth"), 400);
}

#[test]
fn the_token_opens_the_pages_and_a_wrong_one_does_not() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::start(), deadlock());
    browser.open(&server.of(&stuck, "tasks"));
    browser.wait("location.pathname === '/login'");
    browser.keys("#token", "wrong\u{e007}");
    browser.wait("document.querySelector('[role=alert]')?.textContent.includes('wrong')");
    browser.keys("#token", &format!("{TOKEN}\u{e007}"));
    browser.wait("location.pathname.endsWith('/tasks') && document.querySelector('.deadlock')");
    browser.click(".brand a");
    browser.wait("Number(document.getElementById('programs')?.dataset.rounds) >= 1");
    assert_eq!(browser.hosts(), [server.address.to_string()]);
}

#[test]
fn what_an_address_lacks_is_said_on_a_page() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::entered(&browser);
    for path in ["/p/nobody/", "/p/nobody/tasks", "/p/1/results/1/", "/p/%3Cb%3E%E2%80%AE/"] {
        browser.open(&server.url(path));
        assert_eq!(browser.texts(".problem").len(), 1, "{path}");
        assert_eq!(browser.script("return /\\u202e/.test(document.body.innerText)"), false);
    }
}

/// How many requests the agent has answered.
fn requests(pid: u32) -> u64 {
    use rgops_inspect::session::{Answer as _, Session, StatsOptions, StatsView};
    let mut session = Session::connect(&pid.to_string()).unwrap();
    let stats = session.stats(&StatsOptions::default()).unwrap();
    let json = serde_json::to_value(stats.json(&StatsView::default())).unwrap();
    json["agent"]["requests"].as_u64().unwrap()
}

#[test]
fn a_program_is_not_asked_when_nobody_looks() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.open(&server.of(&stuck, ""));
    browser.wait("Number(document.querySelector('[data-chart=cpu]').dataset.points) >= 2");
    browser.open("about:blank");
    until("the sampler ends", || {
        let before = requests(stuck.pid());
        // A sampler asks every two seconds.
        std::thread::sleep(std::time::Duration::from_secs(5));
        (requests(stuck.pid()) == before + 1).then_some(())
    });
}
