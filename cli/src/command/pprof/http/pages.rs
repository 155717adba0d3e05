//! The server of the pages, and what it is told.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rgops_pprof::Settings;
use rgops_pprof::settings::OPTIONS;
use rgops_web::{Analyser, ServeError, Server, serve};

use super::browser;
use super::configs::Configs;
use crate::command::pprof::arguments::Arguments;
use crate::command::pprof::opened::Opened;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Where pages are if no address is asked for: only this machine reaches it, at a free port.
const LOOPBACK: &str = "127.0.0.1:0";

/// The most servers of the prompt: one for each set of options that no address can say.
const SERVERS_KEPT: usize = 4;

/// Servers of the prompt, with the options that they began with; that which was used last is the last. They answer until
/// the prompt ends, or others took their place.
static SERVERS: Mutex<Vec<(Server, Settings)>> = Mutex::new(Vec::new());

/// Serves the pages of `opened` until Ctrl-C.
///
/// # Errors
/// If the address cannot be used.
pub(in crate::command::pprof) fn run(opened: &Opened, arguments: &Arguments) -> Result<Exit, Failure> {
    let (mut settings, _) = arguments.settings()?;
    settings.rust |= !arguments.says("rust");
    let address = arguments.http.as_deref().filter(|address| !address.is_empty()).unwrap_or(LOOPBACK);
    let (interrupted, interrupts) = mpsc::channel();
    terminal::on_interrupt(move || {
        let _ = interrupted.send(());
    })?;
    let server = start(opened, settings, address)?;
    terminal::print(&format!("{}\n", server.url()))?;
    if !server.is_loopback() {
        terminal::note(
            "other machines can reach this address, and whoever sees the traffic can read the profile; \
             for a machine of yours use --http 127.0.0.1:PORT and ssh -L PORT:127.0.0.1:PORT",
        );
    }
    terminal::say("Ctrl-C ends it");
    if !arguments.no_browser {
        browser::open(&server.ticket_url());
    }
    // The sender is kept by what Ctrl-C runs, so this is an error only if that is gone.
    let _ = interrupts.recv();
    server.stop();
    Ok(Exit::Success)
}

/// Shows the view at `route` with these options, and returns its address. `argument` is the regular expression of
/// `source` and such.
///
/// # Errors
/// If no server can be started.
pub(in crate::command::pprof) fn show(
    opened: &Opened,
    settings: &Settings,
    route: &str,
    argument: Option<&str>,
) -> Result<String, Failure> {
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = servers.iter().position(|(_, first)| is_in_addresses(first, settings));
    let used = match known {
        Some(at) => servers.remove(at),
        None => (start(opened, settings.clone(), LOOPBACK)?, settings.clone()),
    };
    if servers.len() >= SERVERS_KEPT {
        // It ends when it is dropped.
        servers.remove(0);
    }
    servers.push(used);
    let Some((server, _)) = servers.last() else { return Ok(String::new()) };
    let view = server.view(route, settings, argument);
    browser::open(&server.ticket_url_to(&view));
    Ok(format!("{}{view}", server.url()))
}

/// Whether an address can say all in which the options differ.
fn is_in_addresses(first: &Settings, other: &Settings) -> bool {
    let hidden = OPTIONS.iter().filter(|option| option.url.is_empty());
    hidden.into_iter().all(|option| first.value(option.name) == other.value(option.name))
}

fn start(opened: &Opened, settings: Settings, address: &str) -> Result<Server, Failure> {
    let name = match &opened.sources[..] {
        [] => opened.name.clone(),
        [one] => last_part(one).to_owned(),
        [one, more @ ..] => format!("{} and {} more", last_part(one), more.len()),
    };
    let mut analyser = Analyser::new(Arc::clone(&opened.profile), name)
        .environment(Arc::clone(&opened.environment))
        .settings(settings);
    if let Some(configs) = Configs::of_user() {
        analyser = analyser.configs(Arc::new(configs));
    }
    serve(analyser, address).map_err(|error| {
        let (exit, fix) = match &error {
            ServeError::Address { .. } => (Exit::Usage, "pass --http 127.0.0.1:8080, or --http alone"),
            ServeError::Listen { .. } => (Exit::Refused, "pass --http alone: it takes a free port"),
            _ => (Exit::Internal, ""),
        };
        Failure::new(exit, "cannot show the profile in the browser", error.to_string(), fix)
    })
}

/// What a title has of a source: the last part of its path. What is behind the path of a URL may be a secret.
fn last_part(source: &str) -> &str {
    let path = match source.split_once("://") {
        Some((_, rest)) => rest.split(['?', '#']).next().unwrap_or_default(),
        None => source,
    };
    path.split('/').rfind(|part| !part.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_the_last_part_of_a_path() {
        for (source, shown) in [
            ("/tmp/cpu.pb.gz", "cpu.pb.gz"),
            ("/tmp/what?#.pb.gz", "what?#.pb.gz"),
            ("/", "/"),
            ("-", "-"),
            ("http://host:1/debug/pprof/heap", "heap"),
            ("http://host:1/debug/pprof/heap?gc=1&token=a/b", "heap"),
            ("https+insecure://host/a/#b/c?d", "a"),
            ("http://host?token=/c", "host"),
        ] {
            assert_eq!(last_part(source), shown);
        }
    }
}
