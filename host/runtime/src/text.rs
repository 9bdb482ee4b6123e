//! Making a plugin's text fit for a person's screen and for files.
//!
//! Threat: a secret in a message, a terminal escape sequence, a megabyte in one line, a line break that
//! forges a line of `ss` itself.

use std::sync::Arc;

use ss_secret::{Scrubber, Seals};

/// Longest text that is looked at. Scrubbing takes time in proportion, and nobody reads more.
const MAX_INPUT: usize = 64 << 10;
/// What stands in place of a sealed token, which means nothing to a person.
const TOKEN: &str = "[secret]";

/// Cleans text of plugins.
#[derive(Clone)]
pub(crate) struct Cleaner(Arc<Scrubber>);

impl Cleaner {
    pub(crate) fn new(scrubber: Arc<Scrubber>) -> Self {
        Self(scrubber)
    }

    pub(crate) fn scrubber(&self) -> &Arc<Scrubber> {
        &self.0
    }

    /// One line of at most `max` bytes, without secrets, tokens and control characters.
    ///
    /// Secrets are hidden before the text is cut, so that no cut leaves a part of one.
    pub(crate) fn line(&self, text: &str, max: usize) -> String {
        if text.len() > MAX_INPUT {
            return format!("[a text of {} bytes was dropped]", text.len());
        }
        let mut clean: String = self
            .hide(text)
            .chars()
            .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c })
            .collect();
        if clean.len() > max {
            let end = (0..=max).rev().find(|&at| clean.is_char_boundary(at)).unwrap_or(0);
            clean.truncate(end);
            clean.push('…');
        }
        clean.trim().to_owned()
    }

    /// As [`line`](Self::line), for text that may quote others: its line breaks stay, up to `lines` lines.
    /// Who shows it must mark every line as part of it.
    pub(crate) fn lines(&self, text: &str, max: usize, lines: usize) -> String {
        if text.len() > MAX_INPUT {
            return self.line(text, max);
        }
        // Hidden as a whole, because a secret may span lines.
        let hidden = self.hide(text);
        let mut left = max;
        let mut clean = Vec::new();
        for line in hidden.lines().take(lines) {
            if left == 0 {
                break;
            }
            let line = self.line(line, left);
            left = left.saturating_sub(line.len());
            if !line.is_empty() {
                clean.push(line);
            }
        }
        clean.join("\n")
    }

    /// The text with every secret and every sealed token hidden.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut clean = self.0.scrub(text).into_owned();
        let tokens: Vec<String> = Seals::tokens_in(&clean).map(str::to_owned).collect();
        for token in tokens {
            clean = clean.replace(&token, TOKEN);
        }
        clean
    }

    /// Whether the text holds a secret or a sealed token.
    pub(crate) fn is_secret(&self, text: &str) -> bool {
        Seals::tokens_in(text).next().is_some() || self.0.leaks(text)
    }
}

/// Characters that reorder or hide others on a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use ss_secret::{Secret, Source};

    fn cleaner() -> Cleaner {
        let scrubber = Scrubber::new();
        scrubber.learn(&Secret::new("hunter2hunter2"));
        Cleaner::new(Arc::new(scrubber))
    }

    #[test]
    fn secrets_tokens_and_escapes_do_not_get_through() {
        let token = Seals::new().seal(Secret::new("x"), Source::Generated("x".into()));
        let text = format!("\u{1b}[31mred\u{7} hunter2hunter2 {token}\r\nforged \u{202e}line");
        assert_eq!(cleaner().line(&text, 200), "[31mred  [secret] [secret]  forged  line");
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_secret() {
        for max in 0..30 {
            let line = cleaner().line("key hunter2hunter2 and more", max);
            assert!(!line.contains("hunter"), "{line}");
        }
        assert_eq!(cleaner().line("größer", 4), "grö…");
    }

    #[test]
    fn lines_stay_lines_and_nothing_else_stays() {
        let text = "ended:\r\n\n\u{1b}[31mkey hunter2\nhunter2hunter2\nlast\nmore";
        assert_eq!(cleaner().lines(text, 200, 5), "ended:\n[31mkey hunter2\n[secret]\nlast");
        assert_eq!(cleaner().lines("12345\n67890", 7, 5), "12345\n67…");
        assert!(cleaner().lines(&"x\n".repeat(40_000), 10, 3).contains("was dropped"));
    }

    #[test]
    fn a_huge_text_is_dropped_unread() {
        assert_eq!(cleaner().line(&"x".repeat(70_000), 10), "[a text of 70000 bytes was dropped]");
    }
}
