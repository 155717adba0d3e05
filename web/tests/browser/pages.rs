//! What all pages have: views, menus, search, configs, keys.

use crate::driver::{Browser, key};
use crate::fixture;

/// Routes of all views.
const ROUTES: &[&str] =
    &["flamegraph", "sandwich", "top", "graph", "peek", "source", "disasm", "tags", "timeline"];

#[test]
fn every_view_is_shown_without_an_error_and_asks_nobody_else() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    for route in ROUTES {
        browser.open(&format!("{}{route}", server.url()));
        browser
            .wait(&format!("document.querySelector('.views a[aria-current]').dataset.route === '{route}'"));
        assert_eq!(browser.console_errors(), [""; 0], "{route}");
        assert_eq!(browser.hosts(), [server.local_address().to_string()], "{route}");
        assert_eq!(browser.texts(".problem"), [""; 0], "{route}");
    }
}

#[test]
fn the_first_address_leads_to_the_flame_graph() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(server.url());
    assert_eq!(browser.url(), format!("{}flamegraph", server.url()));
}

#[test]
fn the_sample_type_is_chosen_in_a_menu_and_kept_from_view_to_view() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}top", server.url()));
    browser.click("[data-menu='Sample type'] summary");
    assert_eq!(browser.texts("[data-menu='Sample type'] a"), ["samples count", "cpu nanoseconds"]);
    browser.click("[data-menu='Sample type'] a[href*='si=samples']");
    browser.wait("location.search === '?si=samples'");
    browser.click(".views a[data-key='p']");
    browser.wait("location.pathname.endsWith('peek') && location.search === '?si=samples'");
    browser.back();
    browser.back();
    browser.wait("location.pathname.endsWith('top') && location.search === ''");
}

#[test]
fn samples_are_refined_by_a_form_and_the_refinement_is_dropped_by_its_cross() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}top?si=samples", server.url()));
    browser.click("[data-menu='Refine'] summary");
    browser.keys("[data-menu='Refine'] input[name='f']", "shop::checkout\u{e007}");
    browser.wait("location.search === '?si=samples&f=shop%3A%3Acheckout'");
    assert_eq!(browser.texts(".filters .value"), ["shop::checkout", "samples"]);
    browser.click("[aria-label='Drop focus']");
    browser.wait("location.search === '?si=samples'");
}

#[test]
fn a_config_is_saved_applied_and_deleted() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}top?f=cart", server.url()));
    browser.click("[data-menu='Config'] summary");
    browser.keys("[data-menu='Config'] input[name='name']", "only <the> \"cart\"\u{e007}");
    browser.wait("document.querySelector('.config')");
    browser.open(&format!("{}tags", server.url()));
    browser.click("[data-menu='Config'] summary");
    assert_eq!(browser.texts(".config a"), ["only <the> \"cart\""]);
    browser.click(".config a");
    browser.wait("location.pathname.endsWith('tags') && location.search === '?f=cart'");
    browser.click("[data-menu='Config'] summary");
    browser.wait("document.querySelector('.config a[aria-current]')");
    browser.click(".config button");
    browser.wait("!document.querySelector('.config')");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn keys_open_views_menus_and_the_search() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}tags", server.url()));
    browser.press("t");
    browser.wait("location.pathname.endsWith('top')");
    browser.wait("document.readyState === 'complete'");
    browser.press("/");
    browser.wait("document.activeElement.id === 'search'");
    browser.press("t");
    assert!(browser.url().contains("/top"), "a letter in the search is no key");
    browser.press(key::ESCAPE);
    browser.wait("document.activeElement.id === 'main'");
    assert_eq!(browser.script("return document.getElementById('search').value"), "t", "it is only left");
    browser.script("document.querySelector('[data-menu=\"Options\"] summary').focus()");
    browser.press(key::DOWN);
    browser.wait("document.activeElement.classList.contains('switch')");
    browser.press(key::DOWN);
    browser.wait("document.activeElement === document.querySelectorAll('.switch')[1]");
    browser.press(key::ESCAPE);
    browser.wait(
        "document.activeElement.tagName === 'SUMMARY' && !document.querySelector('details.menu[open]')",
    );
    browser.press("?");
    browser.wait("document.getElementById('keys').open");
    assert_eq!(browser.script("return document.getElementById('keys').scrollTop"), 0);
    browser.press(key::ESCAPE);
    browser.wait("!document.getElementById('keys').open");
}

#[test]
fn what_is_wrong_with_an_address_is_said_on_a_page() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}top?n=many", server.url()));
    assert!(browser.texts(".problem p")[0].contains("nodecount"), "{:?}", browser.texts(".problem p"));
    browser.click(".problem a");
    browser.wait("location.search === '' && !document.querySelector('.problem')");
}

#[test]
fn menus_work_without_scripts() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.allow_scripts(false);
    browser.open(&format!("{}top", server.url()));
    browser.click("[data-menu='Refine'] summary");
    browser.keys("[data-menu='Refine'] input[name='i']", "main\u{e007}");
    let shown = || browser.url().contains("i=main");
    assert!((0..200).any(|_| shown() || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        false
    }));
}

#[test]
fn a_profile_without_samples_and_filters_that_leave_none_are_said() {
    let Some(browser) = Browser::start() else { return };
    let empty = fixture::server(fixture::analyser(&rgops_pprof::proto::Profile {
        sample: Vec::new(),
        ..fixture::profile(1)
    }));
    let server = fixture::server(fixture::shop());
    for route in ROUTES {
        browser.open(&format!("{}{route}", empty.url()));
        assert!(browser.texts(".empty").join("").contains("The profile has no samples"), "{route}");
        assert_eq!(browser.console_errors(), [""; 0], "{route}");
        browser.open(&format!("{}{route}?f=nosuch&fn=x", server.url()));
        assert!(browser.texts(".empty").join("").contains("The filters leave no samples"), "{route}");
        assert_eq!(browser.console_errors(), [""; 0], "{route}");
    }
    for (address, text) in [
        ("flamegraph?p=nosuch", "There is no function nosuch"),
        ("sandwich?p=nosuch", "There is no function nosuch"),
        ("tags?q=nosuch", "The search finds no label"),
        ("top?q=nosuch", "The search finds no function"),
        ("source?f=nosuch", "no matches found"),
        ("disasm?fn=nosuch", "no matches found"),
    ] {
        browser.open(&format!("{}{address}", server.url()));
        browser.wait(&format!("document.querySelector('.empty')?.innerText.includes('{text}')"));
    }
}

#[test]
fn characters_that_are_not_seen_are_shown_and_names_may_be_empty() {
    let Some(browser) = Browser::start() else { return };
    let mut profile = fixture::profile(1);
    for text in &mut profile.string_table {
        match &**text {
            "shop::checkout" => *text = "shop::\u{202e}tuo".to_owned(),
            "shop::serve" => *text = "shop::serve\u{200b}".to_owned(),
            _ => {}
        }
    }
    let server = fixture::server(fixture::analyser(&profile));
    for route in ROUTES {
        browser.open(&format!("{}{route}?rust=f", server.url()));
        browser.wait("document.readyState === 'complete'");
        let seen = browser.script("return /[\\u202e\\u200b]/.test(document.body.innerText)");
        assert_eq!(seen, false, "{route}");
        assert_eq!(browser.console_errors(), [""; 0], "{route}");
    }
    browser.open(&format!("{}flamegraph?rust=f&p=shop::%E2%80%AEtuo", server.url()));
    browser.wait("document.getElementById('flame-pivot').textContent === 'shop::\\\\x{202e}tuo'");
}
