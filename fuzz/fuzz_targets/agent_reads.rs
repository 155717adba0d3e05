//! Everything that an agent decodes from a client. The first byte chooses the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_protocol::auth::ClientProof;
use rgops_protocol::codec::{decode, decode_message, encode};
use rgops_protocol::hello::ClientHello;
use rgops_protocol::request::{Envelope, Request};
use rgops_protocol::wire::{Header, MAX_REQUEST_BYTES};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => {
            if let Some(header) = bytes.first_chunk() {
                if let Ok(header) = Header::parse(*header, MAX_REQUEST_BYTES) {
                    assert!(header.length <= MAX_REQUEST_BYTES);
                }
            }
        }
        1 => drop(decode_message::<ClientHello>(bytes)),
        2 => drop(decode::<ClientProof>(bytes)),
        _ => {
            if let Ok(envelope) = decode::<Envelope>(bytes) {
                if let Ok(request) = Request::from_envelope(&envelope) {
                    let again =
                        request.to_envelope(envelope.version).expect("what was decoded can be encoded");
                    assert_eq!(Request::from_envelope(&again), Ok(request));
                    encode(&again).expect("a request fits a packet");
                }
            }
        }
    }
});
