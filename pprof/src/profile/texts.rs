//! The strings of a profile, each once.

use std::sync::Arc;

use super::slots::{Secret, Slots};

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

/// Interned strings: each is stored once, one after the other. String 0 is the empty string. Copies share their memory
/// until one is changed.
#[derive(Debug, Clone)]
pub struct Texts(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    /// All strings, one after the other.
    all: String,
    /// Where each string ends in `all`; it begins where the one before it ends.
    ends: Vec<usize>,
    slots: Slots,
    secret: Secret,
}

impl Texts {
    /// Only the empty string.
    pub fn new() -> Texts {
        let mut texts = Texts(Arc::new(Inner {
            all: String::new(),
            ends: Vec::new(),
            slots: Slots::default(),
            secret: Secret::new(),
        }));
        texts.intern("");
        texts
    }

    /// The number of `text`, which is added if it is new.
    pub fn intern(&mut self, text: &str) -> TextId {
        let hash = self.0.secret.of(text);
        if let Some(found) = self.0.slots.find(hash, |number| self.0.get(number) == text) {
            return TextId(found);
        }
        let inner = Arc::make_mut(&mut self.0);
        let number = u32::try_from(inner.ends.len()).unwrap_or(u32::MAX);
        inner.all.push_str(text);
        inner.ends.push(inner.all.len());
        inner.slots.insert(hash, number);
        TextId(number)
    }

    /// The number of `text`, if it is there.
    pub fn find(&self, text: &str) -> Option<TextId> {
        self.0.slots.find(self.0.secret.of(text), |number| self.0.get(number) == text).map(TextId)
    }

    /// The string with this number; the empty string if there is none.
    pub fn get(&self, id: TextId) -> &str {
        self.0.get(id.0)
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.0.ends.len()
    }

    /// Never: the empty string is always there.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl Inner {
    fn get(&self, number: u32) -> &str {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.all.get(start..end).unwrap_or_default()
    }
}

impl Default for Texts {
    fn default() -> Texts {
        Texts::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_string_is_there_once() {
        let mut texts = Texts::new();
        let (a, b) = (texts.intern("a"), texts.intern("büro"));
        assert_eq!(
            (texts.intern(""), a, texts.intern("a"), b),
            (TextId::EMPTY, TextId(1), TextId(1), TextId(2))
        );
        assert_eq!((texts.find("büro"), texts.find("c"), texts.len()), (Some(b), None, 3));
        let copy = texts.clone();
        texts.intern("c");
        assert_eq!((texts.get(TextId(3)), copy.get(TextId(3)), copy.get(b)), ("c", "", "büro"));
    }
}
