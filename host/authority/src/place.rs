//! Places in a JSON document: `config.env.*`.

use std::fmt;

/// Most steps of a place.
const MAX_STEPS: usize = 16;

/// A step from a JSON value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step<S> {
    /// To the member of this name.
    Member(S),
    /// To any element of an array.
    Element,
}

/// Why a text is not a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a place is 1 to {MAX_STEPS} member names (letters, digits, `_`, `-`, `$`, `@`) or `*`, with dots between"
)]
pub struct PlaceError;

/// Values inside a JSON document, by dotted member names; `*` stands for any one member or element.
///
/// A name in a place never stands for an element of an array, and a member whose name has a dot is only
/// reached by `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<Name>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Any,
    Is(String),
}

impl Place {
    /// Parses `secretapikey` or `variables.input.*`.
    ///
    /// # Errors
    /// [`PlaceError`] if it is not of that form.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let names = text.split('.').map(parse_name).collect::<Result<Vec<_>, _>>()?;
        if names.len() > MAX_STEPS { Err(PlaceError) } else { Ok(Self(names)) }
    }

    /// Whether the value at the end of these steps, from the outermost on, is one of them.
    pub fn matches<S: AsRef<str>>(&self, steps: &[Step<S>]) -> bool {
        self.0.len() == steps.len()
            && self.0.iter().zip(steps).all(|(name, step)| match (name, step) {
                (Name::Any, _) => true,
                (Name::Is(name), Step::Member(member)) => name == member.as_ref(),
                (Name::Is(_), Step::Element) => false,
            })
    }

    /// Whether it holds every value that `other` holds.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(mine, theirs)| *mine == Name::Any || mine == theirs)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            let name = match name {
                Name::Any => "*",
                Name::Is(name) => name,
            };
            write!(f, "{dot}{name}")?;
        }
        Ok(())
    }
}

fn parse_name(text: &str) -> Result<Name, PlaceError> {
    if text == "*" {
        return Ok(Name::Any);
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$' | b'@');
    if text.is_empty() || text.len() > 64 || !text.bytes().all(known) {
        return Err(PlaceError);
    }
    Ok(Name::Is(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Step<&str> {
        Step::Member(name)
    }

    #[test]
    fn matches_names_and_any() {
        let place = Place::parse("config.env.*").unwrap();
        assert!(place.matches(&[member("config"), member("env"), member("A.B")]));
        assert!(place.matches(&[member("config"), member("env"), Step::Element]));
        assert!(!place.matches(&[member("config"), member("env")]));
        assert!(!place.matches(&[member("config"), member("env"), member("a"), member("b")]));
        assert!(!place.matches(&[member("config"), Step::Element, member("a")]));
        assert!(!place.matches(&[member("Config"), member("env"), member("a")]));
        assert!(!Place::parse("a").unwrap().matches::<&str>(&[]));
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", ".", "a.", ".a", "a..b", "a.b*", "**", "a b", "a[0]", "é"] {
            assert_eq!(Place::parse(text), Err(PlaceError), "{text}");
        }
        assert_eq!(Place::parse(&vec!["a"; MAX_STEPS + 1].join(".")), Err(PlaceError));
    }

    #[test]
    fn covers_by_steps() {
        let covers = |a, b| Place::parse(a).unwrap().covers(&Place::parse(b).unwrap());
        assert!(covers("a.*", "a.b"));
        assert!(covers("*.*", "a.*"));
        assert!(!covers("a.b", "a.*"));
        assert!(!covers("a", "a.b"));
    }
}
