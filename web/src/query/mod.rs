//! The address of a page: pprof's parameters for options, and those of the views. Read, changed and written again.

mod bad;
mod encoding;

use rgops_pprof::settings::{Kind, OPTIONS, Opt};
use rgops_pprof::{Pattern, Settings};

use crate::views::View;
pub(crate) use bad::BadQuery;
use bad::{MAX_BYTES, MAX_PARAMETERS};
pub(crate) use encoding::{decode, encode};

/// The part of an address behind the `?`.
///
/// Options that have the values the analyser began with are not in an address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    /// The options.
    pub(crate) settings: Settings,
    base: Settings,
    own: Vec<(String, String)>,
}

impl Query {
    /// The address without parameters, where options have the values of `base`.
    pub(crate) fn new(base: &Settings) -> Query {
        Query { settings: base.clone(), base: base.clone(), own: Vec::new() }
    }

    /// Reads what is behind the `?`. Parameters that are neither of an option nor of `view` are left out.
    ///
    /// # Errors
    /// [`BadQuery`].
    pub(crate) fn parse(base: &Settings, view: &View, raw: &str) -> Result<Query, BadQuery> {
        let mut query = Query::new(base);
        if raw.len() > MAX_BYTES || raw.split('&').count() > MAX_PARAMETERS {
            return Err(BadQuery::TooLong);
        }
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decode(key)?, decode(value)?);
            if let Some(option) = OPTIONS.iter().find(|option| !option.url.is_empty() && option.url == key) {
                let set = query.settings.set(option.name, &value);
                set.map_err(|error| BadQuery::Option(error.to_string()))?;
            } else if (key == "q" || view.own.contains(&&*key)) && query.own(&key).is_none() {
                query.own.push((key, value));
            }
        }
        Ok(query)
    }

    /// Only the parameters of `view`, of an address that has something wrong with it.
    pub(crate) fn own_of(base: &Settings, view: &View, raw: &str) -> Query {
        let mut query = Query::new(base);
        if raw.len() > MAX_BYTES {
            return query;
        }
        for (key, value) in raw.split('&').take(MAX_PARAMETERS).filter_map(|pair| pair.split_once('=')) {
            if let Ok(value) = decode(value)
                && (key == "q" || view.own.contains(&key))
                && query.own(key).is_none()
            {
                query.own.push((key.to_owned(), value));
            }
        }
        query
    }

    /// A parameter of the view, not an option. `q` is the text of the search.
    pub(crate) fn own(&self, key: &str) -> Option<&str> {
        self.own.iter().find(|(of, _)| of == key).map(|(_, value)| &**value)
    }

    /// The text of the search as a pattern, if there is one: without regard to case unless it has a capital. What is no
    /// regular expression is taken literally. `page.js` does the same.
    pub(crate) fn search(&self) -> Option<Pattern> {
        let text = self.own("q").filter(|text| !text.is_empty())?;
        let flags = if text.chars().any(char::is_uppercase) { "" } else { "(?i)" };
        let pattern = Pattern::new(&format!("{flags}{text}"));
        pattern.or_else(|_| Pattern::new(&format!("{flags}{}", Pattern::escape(text)))).ok()
    }

    /// The same with a parameter of the view; without it if `value` is empty.
    #[must_use]
    pub(crate) fn with_own(&self, key: &str, value: &str) -> Query {
        let mut query = self.clone();
        query.own.retain(|(of, _)| of != key);
        if !value.is_empty() {
            query.own.push((key.to_owned(), value.to_owned()));
        }
        query
    }

    /// The same with an option, by its name. A value that the option does not take changes nothing.
    #[must_use]
    pub(crate) fn with(&self, option: &str, value: &str) -> Query {
        let mut query = self.clone();
        let _ = query.settings.set(option, value);
        query
    }

    /// The same without filters and other options, as the analyser began.
    #[must_use]
    pub(crate) fn reset(&self) -> Query {
        Query { settings: self.base.clone(), ..self.clone() }
    }

    /// The same without parameters of views.
    #[must_use]
    pub(crate) fn only_options(self) -> Query {
        Query { own: Vec::new(), ..self }
    }

    /// Names, and values of parameters, of the options that are not as the analyser began.
    pub(crate) fn changed(&self) -> Vec<(&'static Opt, String)> {
        let changed = OPTIONS.iter().filter(|option| !option.url.is_empty()).filter_map(|option| {
            let value = self.settings.value(option.name)?;
            (Some(&value) != self.base.value(option.name).as_ref()).then_some((option, value))
        });
        changed.collect()
    }

    /// All parameters at `view`: keys and values, not encoded.
    pub(crate) fn parameters(&self, view: &View) -> Vec<(String, String)> {
        let options = self.changed().into_iter().map(|(option, value)| {
            let value = match (option.kind, &*value) {
                (Kind::Bool, "true") => "t".to_owned(),
                (Kind::Bool, "false") => "f".to_owned(),
                _ => value,
            };
            (option.url.to_owned(), value)
        });
        let own = self.own.iter().filter(|(key, _)| key == "q" || view.own.contains(&&**key)).cloned();
        options.chain(own).collect()
    }

    /// Its address, relative to that of a view: `top?f=main`.
    pub(crate) fn href(&self, view: &View) -> String {
        self.href_of(view, view.route)
    }

    /// The address of something else with the parameters of `view`: its data, the download.
    pub(crate) fn href_of(&self, view: &View, route: &str) -> String {
        let mut href = route.to_owned();
        for (at, (key, value)) in self.parameters(view).into_iter().enumerate() {
            href.push(if at == 0 { '?' } else { '&' });
            href.push_str(&encode(&key));
            href.push('=');
            href.push_str(&encode(&value));
        }
        href
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top() -> &'static View {
        View::at("top").expect("it is in the table")
    }

    fn read(raw: &str) -> Result<Query, BadQuery> {
        Query::parse(&Settings::default(), top(), raw)
    }

    #[test]
    fn an_address_is_read_and_written() {
        let query =
            read("f=a%2Bb%26+c&si=cpu&trim=f&by=name&p=other&q=x%3D%22&unknown=1&n=20").expect("it is fine");
        assert_eq!(
            (&*query.settings.focus, query.settings.trim, query.settings.nodecount),
            ("a+b& c", false, 20)
        );
        assert_eq!((query.own("by"), query.own("q"), query.own("p")), (Some("name"), Some("x=\""), None));
        let href = query.href(top());
        assert_eq!(href, "top?f=a%2Bb%26%20c&n=20&si=cpu&trim=f&by=name&q=x%3D%22");
        assert_eq!(read(href.trim_start_matches("top?")), Ok(query.clone()));
        let peek = View::at("peek").expect("it is in the table");
        assert_eq!(query.reset().href(peek), "peek?q=x%3D%22");
    }

    #[test]
    fn an_empty_value_clears_a_text() {
        let mut base = Settings::default();
        base.focus = "main".to_owned();
        let query = Query::parse(&base, top(), "f=").expect("it is fine");
        assert_eq!((&*query.settings.focus, &*query.href(top())), ("", "top?f="));
    }

    #[test]
    fn a_search_matches_small_letters_in_any_case_and_broken_patterns_literally() {
        let matches = |text: &str, name: &str| {
            let query = Query::new(&Settings::default()).with_own("q", text);
            query.search().is_none_or(|pattern| pattern.is_match(name))
        };
        assert!(
            matches("", "a")
                && matches("vec.*push", "Vec::push")
                && matches("Vec", "Vec")
                && matches("[u8", "a[u8]")
        );
        assert!(!matches("Vec", "vec") && !matches("a(b", "ab"));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        assert_eq!(read(&"f".repeat(9000)), Err(BadQuery::TooLong));
        assert_eq!(read(&"&".repeat(70)), Err(BadQuery::TooLong));
        assert_eq!(read("f=%zz"), Err(BadQuery::Encoding("%zz".to_owned())));
        assert!(matches!(read("n=many"), Err(BadQuery::Option(_))));
        assert!(matches!(read("g=everything"), Err(BadQuery::Option(_))));
    }
}
