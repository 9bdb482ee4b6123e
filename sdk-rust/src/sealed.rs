//! Sealed tokens: what a plugin holds instead of a secret.
//!
//! A token is `sealed1_` and 40 lower-case hexadecimal digits. It stands for a secret during one operation;
//! the same secret has another token the next time. The host puts the secret in its place in a header or a
//! declared body field of a granted request, in the environment of a process, in a file, and in a returned
//! credential. A token anywhere else is refused, so do not cut, encode or compare tokens.

/// How every token starts.
const PREFIX: &str = "sealed1_";

/// Hexadecimal digits after the prefix.
const DIGITS: usize = 40;

/// Whether the text holds a sealed token.
pub fn contains(text: &str) -> bool {
    next(text).is_some()
}

/// The text with every token replaced by `<sealed>`: the same for every run, and fit to be kept or shown.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = next(rest) {
        masked.push_str(&rest[..start]);
        masked.push_str("<sealed>");
        rest = &rest[start + PREFIX.len() + DIGITS..];
    }
    masked.push_str(rest);
    masked
}

/// Byte position of the first token.
fn next(text: &str) -> Option<usize> {
    text.match_indices(PREFIX).map(|(start, _)| start).find(|start| {
        let digits = &text.as_bytes()[start + PREFIX.len()..];
        digits.len() >= DIGITS
            && digits[..DIGITS].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "sealed1_0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn tokens_are_found_and_masked() {
        assert!(contains(TOKEN));
        assert_eq!(mask(&format!("a{TOKEN}b{TOKEN}")), "a<sealed>b<sealed>");
    }

    #[test]
    fn what_is_not_a_token_stays() {
        for text in ["", "sealed1_", "sealed1_0123", "sealed1_ZZ23456789abcdef0123456789abcdef01234567", "é"]
        {
            assert!(!contains(text), "{text}");
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn a_broken_token_does_not_hide_a_whole_one() {
        assert_eq!(mask(&format!("sealed1_{TOKEN}")), "sealed1_<sealed>");
    }
}
