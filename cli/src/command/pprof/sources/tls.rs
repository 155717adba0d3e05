//! Certificates for https.
//!
//! The cryptography is graviola's, in Rust and assembler: no C compiler is needed to build for another system. It exists
//! for x86-64 and AArch64; elsewhere https is refused with the reason.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::command::pprof::arguments::Arguments;
use crate::exit::{Exit, Failure};

/// Sets what an https connection trusts, and whether it shows the certificate of the client.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn configure(
    config: ConfigBuilder<AgentScope>,
    arguments: &Arguments,
    is_insecure: bool,
    shows_certificate: bool,
) -> Result<ConfigBuilder<AgentScope>, Failure> {
    use std::sync::Arc;

    use ureq::tls::{Certificate, ClientCert, RootCerts, TlsConfig};

    if !has_instructions() {
        return Err(unsupported("this CPU lacks instructions for it (AES, AVX2, ADX)"));
    }
    let roots = match &arguments.tls_ca {
        _ if is_insecure => Vec::new(),
        Some(file) => pem::certificates(file)?,
        None => {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect()
        }
    };
    if roots.is_empty() && !is_insecure {
        let fix = "install ca-certificates, or pass -tls_ca FILE";
        return Err(Failure::new(
            Exit::Usage,
            "cannot check the certificate",
            "this system trusts none",
            fix,
        ));
    }
    let client = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(cert), Some(key)) if shows_certificate => {
            Some(ClientCert::new_with_certs(&pem::certificates(cert)?, pem::key(key)?))
        }
        _ => None,
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls_graviola::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(client)
        .disable_verification(is_insecure)
        .build();
    Ok(config.tls_config(tls))
}

/// Refuses: there is no cryptography for this system.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn configure(
    _: ConfigBuilder<AgentScope>,
    _: &Arguments,
    _: bool,
    _: bool,
) -> Result<ConfigBuilder<AgentScope>, Failure> {
    Err(unsupported("this build of rgops has no TLS for this architecture"))
}

fn unsupported(why: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        "cannot fetch over https",
        why,
        "fetch it with curl: curl URL | rgops pprof -top -",
    )
}

#[cfg(target_arch = "x86_64")]
fn has_instructions() -> bool {
    std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("adx")
        && std::arch::is_x86_feature_detected!("avx")
        && std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "aarch64")]
fn has_instructions() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
        && std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull")
        && std::arch::is_aarch64_feature_detected!("sha2")
}

/// What to do about an error that is probably one of certificates.
pub(super) fn fix(error: &ureq::Error) -> &'static str {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if says(&[
            "fatal alert: Certificate",
            "fatal alert: BadCertificate",
            "fatal alert: UnknownCA",
        ]) =>
        {
            "pass a certificate that the server accepts: -tls_cert FILE -tls_key FILE"
        }
        () if says(&["not valid for name", "NotValidForName"]) => {
            "write a host that the certificate names, or https+insecure:// to check nothing"
        }
        () if says(&["certificate", "Certificate", "UnknownIssuer"]) => {
            "pass the certificate of its CA by -tls_ca FILE, or https+insecure:// to check nothing"
        }
        () if says(&["InvalidContentType", "corrupt message"]) => {
            "no TLS is spoken there: write the address with http://"
        }
        () => "",
    }
}

/// Whether it is TLS that failed, and not the connection.
pub(super) fn is_refused(error: &std::io::Error) -> bool {
    let text = error.to_string();
    error.kind() == std::io::ErrorKind::InvalidData
        || ["certificate", "fatal alert", "InvalidContentType", "peer misbehaved", "peer is incompatible"]
            .iter()
            .any(|word| text.contains(word))
}

/// Files of certificates and keys.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod pem {
    use std::path::Path;

    use ureq::tls::{Certificate, PemItem, PrivateKey, parse_pem};

    use crate::exit::{Exit, Failure};

    /// The most bytes of a file with certificates.
    const MAX_BYTES: u64 = 16 << 20;

    fn read(file: &Path) -> Result<Vec<u8>, Failure> {
        use std::io::Read as _;

        let mut bytes = Vec::new();
        std::fs::File::open(file)
            .and_then(|open| open.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|error| wrong(file, error.to_string()))?;
        Ok(bytes)
    }

    fn wrong(file: &Path, why: String) -> Failure {
        let fix = "pass a file with -----BEGIN …----- lines (PEM) that you can read";
        Failure::new(Exit::Usage, format!("cannot use {}", file.display()), why, fix)
    }

    pub(super) fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
        let bytes = read(file)?;
        let found: Vec<_> = parse_pem(&bytes)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if found.is_empty() {
            Err(wrong(file, "there is no certificate in it".to_owned()))
        } else {
            Ok(found)
        }
    }

    pub(super) fn key(file: &Path) -> Result<PrivateKey<'static>, Failure> {
        PrivateKey::from_pem(&read(file)?)
            .map_err(|_| wrong(file, "there is no private key in it".to_owned()))
    }
}
