//! What proves the token, and what the login page gives for it.

use std::time::{Duration, Instant};

use rgops_protocol::auth::{MacBytes, NONCE_BYTES, Nonce, Role, Token};

/// How long a cookie of the login page is good.
pub const SESSION: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 4096;

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers: {0}")]
pub struct NoRandomness(getrandom::Error);

/// Proofs of one token. The token is not in it.
pub(super) struct Secrets {
    /// Random, of this server: without them nobody can try tokens against a proof.
    nonces: [Nonce; 2],
    proof: MacBytes,
    /// The key of sessions: an HMAC of the token with the nonces.
    sessions: Token,
    started: Instant,
}

impl Secrets {
    /// Proofs of `token`, with new random bytes.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn new(token: &Token) -> Result<Secrets, NoRandomness> {
        let mut nonces = [[0; NONCE_BYTES]; 2];
        for nonce in &mut nonces {
            getrandom::fill(nonce).map_err(NoRandomness)?;
        }
        let [one, two] = &nonces;
        // In hexadecimal digits: of a token, white space at the ends is cut.
        let key = hexadecimal(&token.prove(Role::Agent, one, two));
        let sessions = Token::new(key).unwrap_or_else(|_| token.clone());
        Ok(Secrets { proof: token.prove(Role::Client, one, two), nonces, sessions, started: Instant::now() })
    }

    /// Whether `presented` is the token. Compares HMACs, in constant time.
    pub(super) fn is_token(&self, presented: &[u8]) -> bool {
        let [one, two] = &self.nonces;
        presented.len() <= MAX_TOKEN_BYTES
            && Token::new(presented).is_ok_and(|token| token.verify(Role::Client, one, two, &self.proof))
    }

    /// A new session: when it ends, in seconds since the server started, and the proof of that.
    pub(super) fn session(&self) -> String {
        self.session_until(self.started.elapsed() + SESSION)
    }

    fn session_until(&self, end: Duration) -> String {
        let end = end.as_secs();
        let mac = self.sessions.prove(Role::Client, &nonce(end), &[0; NONCE_BYTES]);
        format!("{end:x}.{}", hexadecimal(&mac))
    }

    /// Whether `text` is a session of this server that did not end.
    pub(super) fn is_session(&self, text: &str) -> bool {
        self.is_session_at(text, self.started.elapsed())
    }

    fn is_session_at(&self, text: &str, now: Duration) -> bool {
        let Some((end, mac)) = text.split_once('.') else { return false };
        let (Ok(end), Some(mac)) = (u64::from_str_radix(end, 16), bytes(mac)) else { return false };
        self.sessions.verify(Role::Client, &nonce(end), &[0; NONCE_BYTES], &mac) && now.as_secs() < end
    }
}

fn nonce(end: u64) -> Nonce {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(&end.to_le_bytes());
    nonce
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Option<MacBytes> {
    let mut bytes = MacBytes::default();
    if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_good_for_its_server_and_its_time() {
        let token = Token::new("0123456789abcdef").unwrap();
        let (ours, other) = (Secrets::new(&token).unwrap(), Secrets::new(&token).unwrap());
        assert!(
            ours.is_token(b"0123456789abcdef\n")
                && !ours.is_token(b"0123456789abcdeF")
                && !ours.is_token(b"")
        );
        let session = ours.session();
        assert!(ours.is_session(&session) && !other.is_session(&session), "{session}");
        assert!(!session.contains("0123456789abcdef"));
        let session = ours.session_until(Duration::from_secs(100));
        assert!(ours.is_session_at(&session, Duration::from_secs(99)));
        assert!(!ours.is_session_at(&session, Duration::from_secs(100)));
        let (_, mac) = session.split_once('.').unwrap();
        for forged in
            [format!("ffff.{mac}"), format!("64.{}", &mac[1..]), "64.".into(), ".".into(), "é.é".into()]
        {
            assert!(!ours.is_session_at(&forged, Duration::from_secs(1)), "{forged}");
        }
        assert!(bytes(&"é".repeat(32)).is_none());
    }
}
