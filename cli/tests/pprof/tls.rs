//! Profiles over https: the server's certificate, a client's certificate, and what is refused.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::program::{Directory, code, finished, stderr};
use crate::run::{pprof, row, rows, shop};
use crate::server::{Answer, Request, Server, answer};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pprof/tls").join(name)
}

/// A server; with `asks`, it wants a certificate of the client.
fn serving(asks: bool) -> Server {
    answering("127.0.0.1", asks, |_| answer("200 OK", "", &shop()))
}

fn answering(
    host: &str,
    asks: bool,
    answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let builder =
        if asks { builder.with_client_cert_verifier(verifier) } else { builder.with_no_client_auth() };
    let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let wrap = move |stream| {
        let connection = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)) as Box<dyn crate::server::Stream>)
    };
    Server::start_wrapped(host, Box::new(wrap), answer)
}

#[test]
fn certificates_are_checked() {
    let (home, server) = (Directory::new(), serving(false));
    let ca = file("ca.pem");
    let ca = ca.to_str().unwrap();
    let url = |scheme: &str, host: &str| format!("{scheme}://{host}:{}/p", server.port());
    let top =
        |arguments: &[&str]| finished(&mut pprof(home.path(), &[&["-top", "-no_save"], arguments].concat()));
    for trusted in
        [top(&["-tls_ca", ca, &url("https", "localhost")]), top(&[&url("https+insecure", "127.0.0.1")])]
    {
        assert_eq!(code(&trusted), 0, "{}", stderr(&trusted));
        assert_eq!(rows(&trusted)[0], row("60ms", "search"));
    }
    // Not a CA of this system.
    let refused = top(&[&url("https", "localhost")]);
    let said = stderr(&refused);
    assert!(code(&refused) == 4 && rows(&refused).is_empty(), "{said}");
    assert!(said.contains("-tls_ca FILE") && said.contains("https+insecure://"), "{said}");
    // Only Linux has all of 127.0.0.0/8: an address that the certificate does not have.
    if cfg!(target_os = "linux") {
        let other = answering("127.0.0.2", false, |_| answer("200 OK", "", &shop()));
        let refused = top(&["-tls_ca", ca, &format!("https://127.0.0.2:{}/p", other.port())]);
        let said = stderr(&refused);
        assert!(code(&refused) == 4 && rows(&refused).is_empty(), "{said}");
        assert!(said.contains("a host that the certificate names"), "{said}");
    }
    let none = top(&["-tls_ca", "/dev/null", &url("https", "localhost")]);
    assert!(code(&none) == 2 && stderr(&none).contains("there is no certificate in it"), "{}", stderr(&none));
}

#[test]
fn a_client_shows_its_certificate() {
    let (home, server) = (Directory::new(), serving(true));
    let url = format!("https://localhost:{}/p", server.port());
    let path = |name: &str| file(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let output = finished(&mut pprof(
        home.path(),
        &["-top", "-no_save", "-tls_ca", &ca, "-tls_cert", &cert, "-tls_key", &key, &url],
    ));
    assert_eq!((code(&output), rows(&output).len()), (0, 4), "{}", stderr(&output));
    let output = finished(&mut pprof(home.path(), &["-top", "-no_save", "-tls_ca", &ca, &url]));
    assert!(code(&output) != 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("-tls_cert FILE"), "{}", stderr(&output));
    let wrong = ["-top", "-tls_ca", &ca, "-tls_cert", &cert, "-tls_key", &ca, &url];
    let output = finished(&mut pprof(home.path(), &wrong));
    assert!(code(&output) == 2 && stderr(&output).contains("no private key"), "{}", stderr(&output));
}

#[test]
fn a_client_shows_its_certificate_only_to_the_host_that_the_user_named() {
    let (home, other) = (Directory::new(), serving(true));
    let elsewhere = format!("location: https://localhost:{}/p\r\n", other.port());
    let server = answering("127.0.0.1", true, move |request| match request.path.as_str() {
        "/here" => answer("302 Found", "location: /p\r\n", b""),
        "/away" => answer("302 Found", &elsewhere, b""),
        _ => answer("200 OK", "", &shop()),
    });
    let path = |name: &str| file(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let top = |path: &str| {
        let url = format!("https://localhost:{}{path}", server.port());
        let line = ["-top", "-no_save", "-tls_ca", &ca, "-tls_cert", &cert, "-tls_key", &key, &url];
        finished(&mut pprof(home.path(), &line))
    };
    let output = top("/here");
    assert_eq!((code(&output), rows(&output).len()), (0, 4), "{}", stderr(&output));
    let output = top("/away");
    assert!(code(&output) != 0 && rows(&output).is_empty(), "{}", stderr(&output));
    assert_eq!((server.requests().len(), other.requests().len()), (3, 0), "{}", stderr(&output));
}
