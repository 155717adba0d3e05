//! The configurations as they are committed in `examples/deploy`, and with hostile names.
//! `RGOPS_BLESS=1 cargo test -p rgops-serve --lib config` writes the files.

use std::path::Path;

use super::setup::Setup;
use super::{Address, Kind};
use crate::fleet::Program;

fn setup(address: &str, token_file: Option<&str>, programs: &[(u32, &str)]) -> Setup {
    let programs: Vec<Program> = programs
        .iter()
        .map(|(pid, name)| Program { pid: *pid, start_time: 1, name: (*name).to_owned() })
        .collect();
    let address: Address = address.parse().expect("it is an address");
    Setup::new(address, token_file.map(Path::new), &programs).expect("the path is text")
}

#[test]
fn configurations_are_as_committed() {
    let programs = [(4711, "shop"), (4712, "worker"), (4713, "worker")];
    let at = "127.0.0.1:6160";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy");
    for (kind, file, programs) in [
        (Kind::Prometheus, "prometheus.yml", &[][..]),
        (Kind::Alloy, "alloy.config", &[]),
        (Kind::Parca, "parca.yaml", &[]),
        (Kind::Otel, "otel.yaml", &programs),
        (Kind::Kubernetes, "kubernetes.yaml", &programs),
    ] {
        let text = kind.text(&setup(at, None, programs));
        let path = folder.join(file);
        if std::env::var_os("RGOPS_BLESS").is_some() {
            std::fs::write(&path, &text).expect("the file can be written");
        }
        let committed = std::fs::read_to_string(&path).expect("the file is there");
        assert_eq!(text, committed, "{file}: RGOPS_BLESS=1 writes it");
    }
}

#[test]
fn a_name_leaves_neither_its_quotes_nor_a_comment() {
    let hostile = "x\"\n- job_name: evil\u{85}evil:\u{2028}evil: \\";
    for kind in Kind::ALL {
        let with = kind.text(&setup("127.0.0.1:6160", None, &[(7, hostile), (8, "")]));
        assert!(with.contains("job_name: evil") == with.contains("x\\\""), "{with}");
        for line in with.lines() {
            let is_inside = line.starts_with(['#', '/']) || line.contains(": \"");
            assert!(is_inside || !line.contains("evil"), "{kind:?}: {line}");
            assert!(!line.chars().any(|one| one.is_control() || one == '\u{2028}'), "{kind:?}: {line:?}");
        }
    }
}

#[test]
fn a_token_file_is_named_and_the_next_step_fits_the_address() {
    let text = Kind::Prometheus.text(&setup("https://rgops.example:443", Some("/run/my secrets/token"), &[]));
    assert!(
        text.contains(
            "#   rgops serve 0.0.0.0:443 --host rgops.example --token-file '/run/my secrets/token'"
        )
    );
    assert!(text.contains("scheme: https\n") && text.contains("password_file: \"/run/my secrets/token\""));
    assert!(!text.contains("urandom") && !text.contains("Other machines"), "{text}");
    let open = Kind::Prometheus.text(&setup("10.0.0.7:6160", None, &[]));
    assert!(open.contains("urandom") && open.contains("Other machines"), "{open}");
}
