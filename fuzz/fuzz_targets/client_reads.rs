//! Everything that the inspector decodes from an agent. The first byte chooses the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_protocol::auth::{AgentProof, Challenge};
use rgops_protocol::codec::{Decode, Encode, decode, decode_message, encode};
use rgops_protocol::error::Error;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Progress};

/// A value that decodes must encode, and decode to the same value again.
fn check<T: Decode<()> + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = decode_message::<T>(bytes) {
        let again = encode(&value).expect("the shortest form is no longer than what was read");
        assert_eq!(decode_message::<T>(&again).as_ref(), Ok(&value));
    }
}

/// The same for a message without a tail.
fn check_all<T: Decode<()> + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        let again = encode(&value).expect("the shortest form is no longer than what was read");
        assert_eq!(decode::<T>(&again).as_ref(), Ok(&value));
    }
}

/// The messages of every answer, and the parts of each command in the table.
macro_rules! checks {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        const CHECKS: &[fn(&[u8])] = &[
            check::<AgentHello>,
            check_all::<Challenge>,
            check_all::<AgentProof>,
            check::<Error>,
            check::<Progress>,
            check::<End>,
            $(check::<rgops_protocol::reply::$module::$part>,)*
        ];
    };
}

rgops_protocol::commands!(checks, all);

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    CHECKS[usize::from(*kind) % CHECKS.len()](bytes);
});
