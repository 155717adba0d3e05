//! The timeline of samples with times.

use rgops_pprof::proto::{Label, Sample};

use crate::driver::Browser;
use crate::fixture;

#[test]
fn a_part_of_the_time_leads_to_its_flame_graph() {
    let Some(browser) = Browser::start() else { return };
    let mut profile = fixture::profile(1);
    let first = profile.string_table.len() as i64;
    profile.string_table.extend(["timestamp".to_owned(), "nanoseconds".to_owned()]);
    let samples = std::mem::take(&mut profile.sample);
    profile.sample = samples
        .into_iter()
        .zip(0i64..)
        .map(|(mut sample, at)| {
            let time = 1_796_000_000_000_000_000 + at * 1_000_000_000;
            sample.label.push(Label { key: first, str: 0, num: time, num_unit: first + 1 });
            Sample { ..sample }
        })
        .collect();
    let server = fixture::server(fixture::analyser(&profile));
    browser.open(&format!("{}timeline?rust=false", server.url()));
    browser.wait("document.querySelectorAll('.timeline-lane').length === 2");
    assert_eq!(browser.texts(".timeline-lane p"), ["worker-1\n8.35s", "worker-2\n1.65s"]);
    browser.script("document.getElementById('timeline-lanes').focus()");
    browser.press("\u{e012}");
    browser.wait("!document.getElementById('timeline-flame').hidden");
    assert_eq!(browser.texts("#timeline-range"), ["2.64s to 3.24s"]);
    browser.click("#timeline-flame");
    browser.wait("new URLSearchParams(location.search).get('tf')?.startsWith('timestamp=')");
    // The fourth of seven samples.
    browser.wait("document.querySelector('#flame-frame .facts span')?.textContent === '1.30s (13.0%)'");
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn lanes_have_bars_where_a_thread_worked_and_round_times_below_them() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::analyser(&fixture::timed()));
    browser.open(&format!("{}timeline?rust=false", server.url()));
    browser.wait("document.querySelectorAll('.timeline-lane').length === 2");
    assert_eq!(browser.texts(".timeline-lane p"), ["worker-1\n8.35s", "worker-2\n1.65s"]);
    assert_eq!(browser.texts(".timeline-axis div span"), ["0", "2s", "4s", "6s", "8s", "10s"]);
    assert_eq!(browser.texts("#timeline-legend span"), ["own code", "dependencies", "std"]);
    // Pixels of the bottom row of the first lane: bars at a fifth of the time, none in the middle.
    browser.wait(
        "(() => { const canvas = document.querySelector('.timeline-lane canvas'); \
         const row = canvas.getContext('2d').getImageData(0, canvas.height - 1, canvas.width, 1).data; \
         const drawn = (from, to) => { let sum = 0; \
         for (let x = Math.round(from * canvas.width); x < to * canvas.width; x += 1) sum += row[4 * x + 3] > 0; \
         return sum; }; return drawn(0.1, 0.3) > 50 && drawn(0.47, 0.53) === 0; })()",
    );
    assert_eq!(browser.console_errors(), [""; 0]);
}

#[test]
fn a_profile_without_times_says_so() {
    let Some(browser) = Browser::start() else { return };
    let server = fixture::server(fixture::shop());
    browser.open(&format!("{}timeline", server.url()));
    assert_eq!(browser.texts(".empty h2"), ["The samples of this profile have no times"]);
}
