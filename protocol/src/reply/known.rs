//! A value, or why it is missing.

use crate::codec::{Decode, Encode};
use crate::received::{Reason, Received, Sentence, Speaker, Text, fields};

/// A value, or why it is not available and how to fix that. A missing value is never a zero.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Known<T> {
    /// The value.
    Value(T),
    /// Why it is missing.
    Unavailable(Unavailable),
}

/// Why a value is missing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Unavailable {
    /// The reason, lower case, without a full stop.
    pub reason: String,
    /// What would make it available; empty if there is no fix.
    pub fix: String,
}

impl<T> Known<T> {
    /// A missing value with its reason and its fix.
    pub fn unavailable(reason: impl Into<String>, fix: impl Into<String>) -> Known<T> {
        Known::Unavailable(Unavailable { reason: reason.into(), fix: fix.into() })
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Value(value) => Some(value),
            Known::Unavailable(_) => None,
        }
    }

    /// Applies `f` to the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Value(value) => Known::Value(f(value)),
            Known::Unavailable(missing) => Known::Unavailable(missing),
        }
    }
}

impl<T> From<std::io::Result<T>> for Known<T> {
    fn from(result: std::io::Result<T>) -> Known<T> {
        match result {
            Ok(value) => Known::Value(value),
            Err(error) => Known::unavailable(error.to_string(), ""),
        }
    }
}

fields! {
    Unavailable { reason: Reason, fix: Sentence }
}

impl<As: Copy, T: Text<As>> Text<As> for Known<T> {
    fn receive_as(&mut self, what: As, speaker: Speaker) -> u64 {
        match self {
            Known::Value(value) => value.receive_as(what, speaker),
            Known::Unavailable(missing) => missing.receive(speaker),
        }
    }
}

impl<T: Received> Received for Known<T> {
    fn receive(&mut self, speaker: Speaker) -> u64 {
        match self {
            Known::Value(value) => value.receive(speaker),
            Known::Unavailable(missing) => missing.receive(speaker),
        }
    }
}
