//! The strings of a profile, each once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// The number of a string in [`Texts`]; 0 is the empty string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TextId(pub u32);

impl TextId {
    /// The empty string.
    pub const EMPTY: TextId = TextId(0);

    /// Whether this is the empty string.
    pub fn is_empty(self) -> bool {
        self == TextId::EMPTY
    }
}

/// Interned strings: each is stored once, one after the other. String 0 is the empty string.
#[derive(Debug, Clone)]
pub struct Texts {
    all: String,
    /// Where each string ends in `all`; it begins where the one before it ends.
    ends: Vec<usize>,
    /// From the hash of a string to those with this hash.
    known: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
}

impl Texts {
    /// Only the empty string.
    pub fn new() -> Texts {
        let mut texts =
            Texts { all: String::new(), ends: Vec::new(), known: HashMap::new(), hasher: RandomState::new() };
        texts.intern("");
        texts
    }

    /// The number of `text`, which is added if it is new.
    pub fn intern(&mut self, text: &str) -> TextId {
        let hash = self.hasher.hash_one(text);
        if let Some(found) = self.find_hashed(hash, text) {
            return found;
        }
        let id = TextId(u32::try_from(self.ends.len()).unwrap_or(u32::MAX));
        self.all.push_str(text);
        self.ends.push(self.all.len());
        self.known.entry(hash).or_default().push(id.0);
        id
    }

    /// The number of `text`, if it is there.
    pub fn find(&self, text: &str) -> Option<TextId> {
        self.find_hashed(self.hasher.hash_one(text), text)
    }

    fn find_hashed(&self, hash: u64, text: &str) -> Option<TextId> {
        let same = self.known.get(&hash)?;
        same.iter().map(|id| TextId(*id)).find(|id| self.get(*id) == text)
    }

    /// The string with this number; the empty string if there is none.
    pub fn get(&self, id: TextId) -> &str {
        let at = id.0 as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.all.get(start..end).unwrap_or_default()
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never: the empty string is always there.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl Default for Texts {
    fn default() -> Texts {
        Texts::new()
    }
}
