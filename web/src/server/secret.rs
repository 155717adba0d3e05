//! Random texts that only who was told knows.

/// 160 random bits in hexadecimal digits.
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Secret, getrandom::Error> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes)?;
        Ok(Secret(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Its digits.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this secret. How long it takes does not tell how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        let differences =
            self.0.bytes().zip(text.bytes()).fold(0, |found, (one, other)| found | (one ^ other));
        self.0.len() == text.len() && std::hint::black_box(differences) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_it() {
        let secret = Secret::random().expect("the system has random numbers");
        let text = secret.text().to_owned();
        assert_eq!(text.len(), 40);
        assert!(secret.is(&text));
        assert!(!secret.is(&text[1..]) && !secret.is("") && !secret.is(&format!("{text}0")));
        assert!(!secret.is(&text.replace(|digit: char| digit != '0', "0")));
    }
}
