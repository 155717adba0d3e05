//! The container and the pod of a process, by its control group.

use std::fs::File;
use std::io::Read as _;

/// Bytes of `/proc/PID/cgroup` that are read: with version 1 it has a line for each controller.
const MAX_BYTES: u64 = 16 << 10;

/// What a control group tells. It is a hint for people: who may make control groups can name them as he likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Container {
    /// Its id: 64 hexadecimal digits, as containerd, CRI-O, Docker and Podman have.
    pub(super) id: Option<String>,
    /// The uid of its Kubernetes pod, with hyphens.
    pub(super) pod_uid: Option<String>,
}

impl Container {
    /// Of a running process; nothing if it ended, or is in no container.
    pub(super) fn of(pid: u32) -> Container {
        let mut text = String::new();
        let read = File::open(format!("/proc/{pid}/cgroup"))
            .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => Container::in_groups(&text),
            Err(_) => Container::default(),
        }
    }

    /// In the text of cgroups(7): lines of `ID:CONTROLLERS:PATH`.
    fn in_groups(text: &str) -> Container {
        let paths = || text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let parts = || paths().flat_map(|path| path.split('/'));
        Container { id: parts().filter_map(id).next_back(), pod_uid: parts().find_map(pod_uid) }
    }
}

/// `HEX`, `cri-containerd-HEX.scope`, `docker-HEX.scope`, `libpod-HEX`.
fn id(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let id = bare.rsplit_once('-').map_or(bare, |(_, id)| id);
    let is_id = id.len() == 64 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| id.to_owned())
}

/// `podUID`, or `kubepods-burstable-podUID.slice` with underscores for the hyphens.
fn pod_uid(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".slice").unwrap_or(part);
    let (before, uid) = bare.rsplit_once("pod")?;
    let uid = uid.replace('_', "-");
    let groups = [8, 4, 4, 4, 12];
    let is_uid = uid.split('-').count() == groups.len()
        && uid.split('-').zip(groups).all(|(part, length)| {
            part.len() == length && part.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
    (is_uid && (before.is_empty() || before.ends_with('-'))).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    const UID: &str = "3f7f3b0e-7a5e-4d4b-9a57-0f6f2d5d4b11";

    #[test]
    fn containers_and_pods_are_read_from_the_paths_of_their_runtimes() {
        let with_underscores = UID.replace('-', "_");
        let in_pod = Container { id: Some(ID.to_owned()), pod_uid: Some(UID.to_owned()) };
        let alone = Container { id: Some(ID.to_owned()), pod_uid: None };
        for (text, expected) in [
            (
                format!(
                    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{with_underscores}.slice/\
                     cri-containerd-{ID}.scope\n"
                ),
                &in_pod,
            ),
            (format!("12:memory:/kubepods/besteffort/pod{UID}/{ID}\n1:name=systemd:/kubepods/x\n"), &in_pod),
            (format!("0::/system.slice/docker-{ID}.scope\n"), &alone),
            (format!("0::/../libpod-{ID}/container\n"), &alone),
        ] {
            assert_eq!(Container::in_groups(&text), *expected, "{text}");
        }
    }

    #[test]
    fn other_paths_tell_nothing() {
        let long = format!("0::/{}0", ID);
        for text in ["", "0::/", "0::/user.slice/pod-x", "no colons", "0::/pod\n1::/podpod", &long] {
            assert_eq!(Container::in_groups(text), Container::default(), "{text}");
        }
    }
}
