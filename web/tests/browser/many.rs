//! Profiles with much in them, and comparisons: what is left out is said.

use rgops_pprof::proto::{Label, Sample};

use crate::driver::Browser;
use crate::fixture;

#[test]
fn of_many_labels_the_first_are_shown_and_the_others_counted() {
    let Some(browser) = Browser::start() else { return };
    let mut profile = fixture::profile(1);
    for at in 1..=300 {
        let key = profile.string_table.len() as i64;
        profile.string_table.push(format!("key{at:03}"));
        profile.sample[0].label.push(Label { key, num: at, ..Label::default() });
    }
    let server = fixture::server(fixture::analyser(&profile));
    browser.open(&format!("{}tags", server.url()));
    assert_eq!(browser.texts(".tags").len(), 200);
    assert_eq!(browser.texts(".empty"), ["and 102 more labels. A search finds them."]);
}

#[test]
fn top_of_a_comparison_says_what_the_difference_is_and_what_the_base() {
    let Some(browser) = Browser::start() else { return };
    let mut profile = fixture::profile(1);
    let key = profile.string_table.len() as i64;
    profile.string_table.extend(["pprof::base".to_owned(), "true".to_owned()]);
    let base = profile.sample.clone().into_iter().map(|mut of| {
        of.label.push(Label { key, str: key + 1, ..Label::default() });
        Sample { value: of.value.iter().map(|value| -value * 2).collect(), ..of }
    });
    let base: Vec<Sample> = base.collect();
    profile.sample.extend(base);
    let server = fixture::server(fixture::analyser(&profile));
    browser.open(&format!("{}top?u=s", server.url()));
    browser.wait("document.getElementById('top').dataset.ready");
    assert_eq!(browser.texts("#summary"), ["10 of 10 rows, -10s of difference, 100% is the base: 20s"]);
    assert!(!browser.texts("#top .share.less").is_empty());
    assert!(!browser.texts("#top td").iter().any(|text| text.starts_with('-') && text.ends_with('%')));
}
