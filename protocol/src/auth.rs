//! The token handshake of TCP connections: HMAC-SHA256 challenge and response, both ways.
//!
//! After the client's hello the agent sends a [`Challenge`]; the client answers with a
//! [`ClientProof`]; only then does the agent prove itself with an [`AgentProof`] and send its identity.
//! Each MAC covers a role label, the version of the handshake and both nonces (RFC 2104, FIPS 198-1), so a
//! proof cannot be replayed, reflected or moved to the other role. The token itself never travels.
//!
//! This authenticates; it does not encrypt. A relay can read and change the packets that follow, so a
//! non-loopback address needs an option that has `insecure` in its name.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::codec::{Decode, Encode};
use crate::hello::MAGIC;

/// The version of the handshake, which every MAC covers. It is separate from the hello's version.
const HANDSHAKE_VERSION: u32 = 1;

/// The length of a nonce in bytes.
pub const NONCE_BYTES: usize = 32;

/// The minimum length of a token in bytes: a shorter one can be guessed offline from one proof.
pub const MIN_TOKEN_BYTES: usize = 16;

/// Random bytes used once.
pub type Nonce = [u8; NONCE_BYTES];

/// An HMAC-SHA256 value.
pub type MacBytes = [u8; 32];

/// The agent's first packet over TCP.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Challenge {
    /// The agent's nonce.
    pub nonce: Nonce,
}

/// The client's answer to a [`Challenge`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ClientProof {
    /// The client's nonce.
    pub nonce: Nonce,
    /// HMAC over [`Role::Client`] and both nonces.
    pub mac: MacBytes,
}

/// The agent's own proof, sent only after the client's proof was verified.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct AgentProof {
    /// HMAC over [`Role::Agent`] and both nonces.
    pub mac: MacBytes,
}

/// The side that makes a proof; the MAC covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The inspecting side.
    Client,
    /// The program's side.
    Agent,
}

/// A shared secret of at least [`MIN_TOKEN_BYTES`]; never printed, not even by `Debug`.
#[derive(Clone)]
pub struct Token(Vec<u8>);

/// Why a text is not a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token needs at least {MIN_TOKEN_BYTES} bytes; make one with: head -c 32 /dev/urandom | base64")]
pub struct TokenTooShort;

impl Token {
    /// A token with this secret; white space at its ends, such as a file's last newline, is ignored.
    ///
    /// # Errors
    /// [`TokenTooShort`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Token, TokenTooShort> {
        let secret = secret.as_ref().trim_ascii();
        if secret.len() < MIN_TOKEN_BYTES {
            return Err(TokenTooShort);
        }
        Ok(Token(secret.to_vec()))
    }

    /// The proof that `role` sends for these nonces.
    pub fn prove(&self, role: Role, agent: &Nonce, client: &Nonce) -> MacBytes {
        self.mac(role, agent, client).finalize().into_bytes().into()
    }

    /// Whether `proof` is the proof that `role` must send for these nonces; compares in constant time.
    #[must_use]
    pub fn verify(&self, role: Role, agent: &Nonce, client: &Nonce, proof: &MacBytes) -> bool {
        self.mac(role, agent, client).verify_slice(proof).is_ok()
    }

    fn mac(&self, role: Role, agent: &Nonce, client: &Nonce) -> Hmac<Sha256> {
        let label: &[u8] = match role {
            Role::Client => b"client",
            Role::Agent => b"agent\0",
        };
        // HMAC takes keys of any length (RFC 2104, section 2), so this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&MAGIC);
        mac.update(&HANDSHAKE_VERSION.to_le_bytes());
        mac.update(label);
        mac.update(agent);
        mac.update(client);
        mac
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_valid_only_for_its_role_and_nonces() {
        let token = Token::new("0123456789abcdef").unwrap();
        let (agent, client) = ([1; NONCE_BYTES], [2; NONCE_BYTES]);
        let proof = token.prove(Role::Client, &agent, &client);
        assert!(token.verify(Role::Client, &agent, &client, &proof));
        assert!(!token.verify(Role::Agent, &agent, &client, &proof));
        assert!(!token.verify(Role::Client, &client, &agent, &proof));
        assert!(!Token::new("0123456789abcdeF").unwrap().verify(Role::Client, &agent, &client, &proof));
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::new("a-very-secret-token").unwrap();
        assert!(!format!("{token:?}").contains("very"));
    }

    #[test]
    fn short_tokens_are_refused_and_line_ends_ignored() {
        assert!(Token::new("short").is_err());
        let (a, b) = (Token::new("0123456789abcdef\n").unwrap(), Token::new("0123456789abcdef").unwrap());
        let nonce = [0; NONCE_BYTES];
        assert_eq!(a.prove(Role::Agent, &nonce, &nonce), b.prove(Role::Agent, &nonce, &nonce));
    }
}
