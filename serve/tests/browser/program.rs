//! A program's page: charts, and what its buttons start.

use crate::driver::Browser;
use crate::fixture::{Server, deadlock, shop};

#[test]
fn charts_are_live_and_what_is_missing_says_why() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.open(&server.of(&stuck, ""));
    for chart in ["cpu", "memory", "busy", "tasks", "queue", "descriptors"] {
        browser.wait(&format!("Number(document.querySelector('[data-chart={chart}]').dataset.points) >= 2"));
    }
    assert_eq!(browser.texts("[data-chart=tasks] output"), ["3"]);
    assert!(browser.texts("[data-chart=memory] .parts li").len() >= 5);
    // Its allocator does not count.
    browser.wait("document.querySelector('[data-chart=allocations] .why').textContent.includes('fix: ')");
    assert_eq!(browser.console_errors(), [""; 0]);
    assert_eq!(browser.hosts(), [server.address.to_string()]);
}

#[test]
fn a_cpu_profile_taken_by_its_button_ends_in_a_flame_graph() {
    let Some(browser) = Browser::start() else { return };
    let (server, shop) = (Server::entered(&browser), shop());
    browser.open(&server.of(&shop, ""));
    browser.script("document.getElementById('seconds-cpu').value = 2");
    browser.click(".card:has([value=cpu]) button");
    browser.wait("location.pathname.endsWith('/ui/flamegraph')");
    browser.wait("document.getElementById('flame')?.dataset.drawn > 10");
    assert_eq!(browser.console_errors(), [""; 0]);
    assert_eq!(browser.hosts(), [server.address.to_string()]);
    // Its menus, its configs and the way back work below the address of the result.
    browser.click(".views a[data-key='t']");
    browser.wait(
        "location.pathname.endsWith('/ui/top') && document.querySelectorAll('#top tbody tr').length > 10",
    );
    browser.click("[data-menu='Config'] summary");
    browser.keys("[data-menu='Config'] input[name='name']", "mine\u{e007}");
    browser.wait("document.querySelector('.config') && location.pathname.endsWith('/ui/top')");
    browser.click(".home a");
    browser.wait("document.querySelector('.results a')");
    assert_eq!(browser.texts(".results a"), ["CPU profile, 2 s"]);
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn one_job_runs_at_a_time_and_can_be_cancelled_or_kept_early_without_scripts() {
    let Some(browser) = Browser::start() else { return };
    let (server, stuck) = (Server::entered(&browser), deadlock());
    browser.allow_scripts(false);
    let shows = |part: &str| {
        rgops_tests::waiting::until(part, || browser.url().contains(part).then_some(()));
    };
    // 500 seconds: nothing ends by itself.
    let start_trace = || {
        browser.open(&server.of(&stuck, ""));
        browser.keys("#seconds-trace", "00");
        browser.click(".card:has([value=trace]) button");
    };
    let end_by = |button: &str| {
        browser.click(button);
        rgops_tests::waiting::until(button, || browser.texts(button).is_empty().then_some(()));
    };
    start_trace();
    shows("/results/1/");
    browser.open(&server.of(&stuck, ""));
    browser.click(".card:has([value=cpu]) button");
    shows("/take");
    assert_eq!(browser.texts("h1"), ["It was not started"]);
    browser.click(".problem a");
    shows("/results/1/");
    end_by("button[value=cancel]");
    rgops_tests::waiting::until("it is cancelled", || {
        browser.open(&server.of(&stuck, "results/1/"));
        browser.texts(".empty").first().is_some_and(|text| text.contains("cancelled")).then_some(())
    });
    start_trace();
    shows("/results/2/");
    end_by("button[value=keep]");
    rgops_tests::waiting::until("the trace", || {
        browser.open(&server.of(&stuck, "results/2/"));
        browser.texts("a.button").first().is_some_and(|text| text.starts_with("Save the trace")).then_some(())
    });
    // No heap samples in this program: why, and what to do.
    browser.open(&server.of(&stuck, ""));
    browser.click(".card:has([value=heap]) button");
    shows("/results/3/");
    rgops_tests::waiting::until("the problem", || {
        browser.open(&server.of(&stuck, "results/3/"));
        browser.texts(".problem").first().is_some_and(|text| text.contains("Fix:")).then_some(())
    });
}
