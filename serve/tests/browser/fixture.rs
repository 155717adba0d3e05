//! A server on a loopback port, and programs to show.

use std::net::SocketAddr;

use rgops_protocol::auth::Token;
use rgops_serve::{ServeOptions, serve};
use rgops_tests::built::debug_example;
use rgops_tests::running::Running;

use crate::driver::Browser;

/// What who asks has to know.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A server. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    server: rgops_serve::Server,
}

impl Server {
    /// One that the browser may not ask yet.
    pub(crate) fn start() -> Server {
        let token = Token::new(TOKEN).unwrap();
        let server = serve(ServeOptions::default().address("127.0.0.1:0").token(Some(token))).unwrap();
        Server { address: server.local_address(), server }
    }

    /// One that the browser has entered.
    pub(crate) fn entered(browser: &Browser) -> Server {
        let server = Server::start();
        browser.open(&server.server.ticket_url());
        server
    }

    /// The address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of a page of a program.
    pub(crate) fn of(&self, program: &Running, page: &str) -> String {
        self.url(&format!("/p/{}/{page}", program.pid()))
    }
}

/// A web shop under load.
pub(crate) fn shop() -> Running {
    Running::start(&debug_example("shop"), &["--load", "50", "--seconds", "600"])
}

/// Three tasks that wait for each other.
pub(crate) fn deadlock() -> Running {
    Running::start(&debug_example("stuck"), &["--async-deadlock"])
}
