//! The agent's side of the token handshake over TCP (`rgops_protocol::auth`).

use std::time::Duration;

use rgops_protocol::auth::{AgentProof, Challenge, ClientProof, NONCE_BYTES, Role, Token};
use rgops_protocol::codec;
use rgops_protocol::error::{Code, Error};
use rgops_protocol::wire::{Kind, MAX_HANDSHAKE_BYTES};

use super::packets::{Ended, read_packet, write_message};
use super::socket::Socket;

/// Pause before a wrong proof is answered. It delays only its own connection.
const WRONG_PROOF_PAUSE: Duration = Duration::from_millis(200);

/// Challenges the client, checks its proof, and then sends the agent's proof. Sends nothing else about the process.
pub(crate) async fn authenticate(stream: &mut Socket, token: &Token) -> Result<(), Ended> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| {
        Ended::Report(Error::new(Code::Internal, "cannot make a challenge", error.to_string(), ""))
    })?;
    write_message(stream, Kind::Challenge, &Challenge { nonce }).await?;
    let (kind, payload) = read_packet(stream, MAX_HANDSHAKE_BYTES).await?;
    let proof = match kind {
        Kind::ClientProof => codec::decode::<ClientProof>(&payload).ok(),
        _ => None,
    };
    match proof {
        Some(proof) if token.verify(Role::Client, &nonce, &proof.nonce, &proof.mac) => {
            let mac = token.prove(Role::Agent, &nonce, &proof.nonce);
            write_message(stream, Kind::AgentProof, &AgentProof { mac }).await
        }
        _ => {
            tokio::time::sleep(WRONG_PROOF_PAUSE).await;
            Err(Ended::Report(unauthenticated()))
        }
    }
}

fn unauthenticated() -> Error {
    Error::new(
        Code::Unauthenticated,
        "refused",
        "the token is missing or wrong",
        "put the program's token into a file and pass --token-file FILE, or set RGOPS_TOKEN",
    )
}
