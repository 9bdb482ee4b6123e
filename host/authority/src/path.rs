//! Paths of URLs, in exactly one spelling each.
//!
//! Threat: the gate reads a path one way and the server, or a proxy before it, another: `..` and its
//! encodings, encoded or doubled slashes, backslashes, path parameters, overlong UTF-8. Such paths are
//! refused, not normalised: a plugin that means a plain path can write it plainly.

use std::fmt;

/// Longest path.
pub const MAX_PATH: usize = 4096;

/// Why a text is not a path that every server reads the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not start with `/`.
    #[error("a path starts with `/`")]
    NotAbsolute,
    /// Longer than [`MAX_PATH`].
    #[error("the path is longer than {MAX_PATH} bytes")]
    TooLong,
    /// A segment `.` or `..`.
    #[error("the path has a `.` or `..` segment")]
    DotSegment,
    /// `//`.
    #[error("the path has an empty segment (`//`)")]
    EmptySegment,
    /// A character that has no place in a path as it is.
    #[error("the path has the character {0:?}, which servers read in different ways")]
    Character(char),
    /// `%` without two hexadecimal digits.
    #[error("the path has a `%` that is not an escape")]
    Escape,
    /// An escape of a character that servers unescape before they split or compare paths, or that needs
    /// none.
    #[error("the path has the escape `%{0:02X}`, which servers read in different ways")]
    AmbiguousEscape(u8),
    /// Escapes that are not UTF-8, such as an overlong `/`.
    #[error("the escapes in the path are not UTF-8")]
    NotUtf8,
    /// An escape in the path of a grant.
    #[error("the path of a grant has no escapes")]
    EscapeInPattern,
}

/// A checked path of a request, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<'a>(&'a str);

impl<'a> Path<'a> {
    /// Checks a path as it stands in a URL, without query.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &'a str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        let mut segments = text[1..].split('/').peekable();
        while let Some(segment) = segments.next() {
            // An empty last segment is the `/` at the end of a folder.
            if segment.is_empty() && segments.peek().is_some() {
                return Err(PathError::EmptySegment);
            }
            check_segment(segment)?;
        }
        Ok(Self(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    if segment == "." || segment == ".." {
        return Err(PathError::DotSegment);
    }
    match segment.bytes().find(|b| !is_plain(*b)) {
        None => Ok(()),
        Some(b'%') => check_escapes(segment),
        Some(_) => Err(PathError::Character(segment.chars().find(|c| !is_plain_char(*c)).unwrap_or('\0'))),
    }
}

/// Checks a segment that has escapes.
fn check_escapes(segment: &str) -> Result<(), PathError> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            if !is_plain(byte) {
                let other = segment.chars().find(|c| *c != '%' && !is_plain_char(*c));
                return Err(PathError::Character(other.unwrap_or('\0')));
            }
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).ok_or(PathError::Escape)?;
        let value = hex_pair(digits).ok_or(PathError::Escape)?;
        if !may_be_escaped(value) {
            return Err(PathError::AmbiguousEscape(value));
        }
        decoded.push(value);
        rest = &tail[2..];
    }
    std::str::from_utf8(&decoded).map(|_| ()).map_err(|_| PathError::NotUtf8)
}

fn hex_pair(digits: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

/// Characters that stand in a path as they are: those of RFC 3986 but `;`, which starts parameters.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

fn is_plain_char(c: char) -> bool {
    u8::try_from(c).is_ok_and(|b| b.is_ascii() && is_plain(b))
}

/// Whether an escape of this byte means the same to every server. Separators, dots, `%` itself, control
/// characters and the start of parameters do not; letters, digits, `-`, `_`, `~` need no escape.
const fn may_be_escaped(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
        && !byte.is_ascii_control()
        && !matches!(byte, b'/' | b'\\' | b'.' | b'%' | b';' | b'?' | b'#' | b'-' | b'_' | b'~')
}

/// Paths that a grant names: one, or all that start with a folder. A segment `*` stands for any one segment,
/// so that a grant can reach the records of every zone, and no zone itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern(String);

/// The segment of a pattern that stands for any one segment.
const ANY: &str = "*";

impl PathPattern {
    /// Parses `/v1/` (everything below `/v1/`), `/graphql` (exactly that) or `/zones/*/records/`.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.contains('%') {
            return Err(PathError::EscapeInPattern);
        }
        if text.split('/').any(|segment| segment != ANY && segment.contains('*')) {
            return Err(PathError::Character('*'));
        }
        Path::parse(text).map(|path| Self(path.0.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for this path.
    pub fn matches(&self, path: &Path<'_>) -> bool {
        self.stands_for(path.0)
    }

    /// Whether it stands for every path that `other` stands for.
    pub fn covers(&self, other: &Self) -> bool {
        self.stands_for(&other.0)
    }

    // A prefix starts with another prefix exactly if all its paths do, and `*` covers `*` as it covers any
    // other segment, so one test serves both.
    fn stands_for(&self, path: &str) -> bool {
        let folder = self.0.strip_suffix('/');
        let mut segments = path.split('/');
        folder
            .unwrap_or(&self.0)
            .split('/')
            .all(|wanted| segments.next().is_some_and(|is| is == wanted || (wanted == ANY && !is.is_empty())))
            && segments.next().is_some() == folder.is_some()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)?;
        if self.0.ends_with('/') { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_paths() {
        for text in [
            "/",
            "/v1/",
            "/v1/apps/a-b_c~d.e",
            "/a/...",
            "/a/.well-known/x",
            "/kv/a%20b",
            "/m/%C3%A9",
            "/a:b@c",
        ] {
            assert_eq!(Path::parse(text).map(|path| path.as_str()), Ok(text));
        }
    }

    #[test]
    fn refuses_ambiguous_paths() {
        for (text, error) in [
            ("", PathError::NotAbsolute),
            ("v1", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("/a/../b", PathError::DotSegment),
            ("/a/..", PathError::DotSegment),
            ("/./a", PathError::DotSegment),
            ("//a", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("/a//", PathError::EmptySegment),
            ("/a\\b", PathError::Character('\\')),
            ("/a/..;/b", PathError::Character(';')),
            ("/a;x=1", PathError::Character(';')),
            ("/é", PathError::Character('é')),
            ("/a%20é", PathError::Character('é')),
            ("/a b", PathError::Character(' ')),
            ("/a\0", PathError::Character('\0')),
            ("/a?b", PathError::Character('?')),
            ("/a%", PathError::Escape),
            ("/a%2", PathError::Escape),
            ("/a%zz", PathError::Escape),
            ("/a%+1b", PathError::Escape),
            ("/%2e%2e/a", PathError::AmbiguousEscape(b'.')),
            ("/.%2E/a", PathError::AmbiguousEscape(b'.')),
            ("/a%2fb", PathError::AmbiguousEscape(b'/')),
            ("/a%5Cb", PathError::AmbiguousEscape(b'\\')),
            ("/a%252e", PathError::AmbiguousEscape(b'%')),
            ("/a%00", PathError::AmbiguousEscape(0)),
            ("/a%0d%0a", PathError::AmbiguousEscape(b'\r')),
            ("/a%3bx", PathError::AmbiguousEscape(b';')),
            ("/%61dmin", PathError::AmbiguousEscape(b'a')),
            ("/a%c0%af", PathError::NotUtf8),
        ] {
            assert_eq!(Path::parse(text), Err(error), "{text}");
        }
        assert_eq!(Path::parse(&format!("/{}", "a".repeat(MAX_PATH))), Err(PathError::TooLong));
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let matches =
            |pattern, path| PathPattern::parse(pattern).unwrap().matches(&Path::parse(path).unwrap());
        assert!(matches("/v1/", "/v1/apps"));
        assert!(matches("/v1/", "/v1/"));
        assert!(!matches("/v1/", "/v1"));
        assert!(!matches("/v1/", "/v11/apps"));
        assert!(matches("/graphql", "/graphql"));
        assert!(!matches("/graphql", "/graphql/"));
        assert!(!matches("/graphql", "/graphql2"));
        assert!(!matches("/v1/", "/V1/apps"));
    }

    #[test]
    fn a_star_is_one_segment() {
        let matches =
            |pattern, path| PathPattern::parse(pattern).unwrap().matches(&Path::parse(path).unwrap());
        assert!(matches("/zones/*/records", "/zones/a1/records"));
        assert!(matches("/zones/*/records/", "/zones/a1/records/b2/c3"));
        assert!(matches("/zones/*", "/zones/a1"));
        assert!(matches("/*/x", "/*/x"));
        for (pattern, path) in [
            ("/zones/*/records", "/zones/a1"),
            ("/zones/*/records", "/zones/a1/b2/records"),
            ("/zones/*/records", "/zones/records"),
            ("/zones/*/records", "/zones/a1/records/"),
            ("/zones/*/records", "/zones/a1/records/b2"),
            ("/zones/*/records/", "/zones/a1/records"),
            ("/zones/*/records/", "/zones/a1/other/"),
            ("/zones/*", "/zones/"),
            ("/zones/*", "/zones"),
            ("/zones/*", "/zones/a1/"),
            ("/zones/*", "/zones/a1/records"),
            ("/zones/*/", "/zones/a1"),
            ("/*", "/"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_star_stands_alone_in_its_segment() {
        for text in ["/a*", "/*a/b", "/**", "/a/*.json"] {
            assert_eq!(PathPattern::parse(text), Err(PathError::Character('*')), "{text}");
        }
    }

    #[test]
    fn patterns_cover_patterns() {
        let covers =
            |mine, theirs| PathPattern::parse(mine).unwrap().covers(&PathPattern::parse(theirs).unwrap());
        for (mine, theirs) in [
            ("/a/", "/a/*"),
            ("/a/", "/a/*/b/"),
            ("/a/*", "/a/b"),
            ("/a/*", "/a/*"),
            ("/a/*/c/", "/a/b/c/d"),
            ("/a/*/c/", "/a/*/c/*"),
            ("/a/*/", "/a/b/"),
        ] {
            assert!(covers(mine, theirs), "{mine} {theirs}");
        }
        for (mine, theirs) in [
            ("/a/b", "/a/*"),
            ("/a/*", "/a/"),
            ("/a/*", "/a/*/"),
            ("/a/*/", "/a/"),
            ("/a/b/", "/a/*/"),
            ("/a/*/c", "/a/b/*"),
        ] {
            assert!(!covers(mine, theirs), "{mine} {theirs}");
        }
    }
}
