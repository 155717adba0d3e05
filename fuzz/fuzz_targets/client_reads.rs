//! Everything the inspector decodes of what an agent sent. The first byte chooses the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_protocol::auth::{AgentProof, Challenge};
use rgops_protocol::codec::{Decode, Encode, decode_message, encode};
use rgops_protocol::error::Error;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Progress};

/// A value that decodes must encode, and come back the same.
fn check<T: Decode<()> + Encode + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = decode_message::<T>(bytes) {
        let again = encode(&value).expect("the shortest form is no longer than what was read");
        assert_eq!(decode_message::<T>(&again).as_ref(), Ok(&value));
    }
}

/// The messages of every answer, and the parts of each command of the table, by its number.
macro_rules! parts {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        |kind: u8, bytes: &[u8]| match kind {
            $($number => check::<rgops_protocol::reply::$module::$part>(bytes),)*
            250 => check::<AgentHello>(bytes),
            251 => check::<Challenge>(bytes),
            252 => check::<AgentProof>(bytes),
            253 => check::<Error>(bytes),
            254 => check::<Progress>(bytes),
            255 => check::<End>(bytes),
            _ => {}
        }
    };
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    rgops_protocol::commands!(parts, all)(*kind, bytes);
});
