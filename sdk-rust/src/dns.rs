//! DNS records as every provider's plugin meets them: names, contents in one spelling, and which of the
//! records that are present are the wanted ones.

use std::net::Ipv6Addr;

/// A record as far as it is told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordKey {
    /// Upper case, such as `CNAME`.
    pub kind: String,
    /// The full name, lower case, without a dot at the end.
    pub name: String,
}

impl RecordKey {
    /// The key of a record, from whatever spelling.
    pub fn new(kind: &str, name: &str, domain: &str) -> Self {
        Self { kind: kind.to_ascii_uppercase(), name: full_name(name, domain) }
    }

    /// Whether several records of this type may stand at one name, each for a purpose of its own.
    fn has_many(&self) -> bool {
        !matches!(self.kind.as_str(), "A" | "AAAA" | "CNAME" | "ALIAS")
    }

    /// Whether the two cannot stand beside each other: a `CNAME` (or `ALIAS`) and another address.
    pub fn excludes(&self, other: &Self) -> bool {
        let address = |kind: &str| matches!(kind, "A" | "AAAA" | "CNAME" | "ALIAS");
        let alone = |kind: &str| matches!(kind, "CNAME" | "ALIAS");
        self.name == other.name
            && self.kind != other.kind
            && address(&self.kind)
            && address(&other.kind)
            && (alone(&self.kind) || alone(&other.kind))
    }
}

/// The full name of a record: `@` and nothing are the domain itself, other names are relative to it unless
/// they end in it.
pub fn full_name(name: &str, domain: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() || name == "@" || name == domain {
        return domain;
    }
    if name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.')) {
        return name;
    }
    format!("{name}.{domain}")
}

/// A content in one spelling, so that equal contents are equal texts.
pub fn canonical_content(kind: &str, content: &str) -> String {
    match kind {
        "AAAA" => content.parse::<Ipv6Addr>().map_or_else(|_| content.to_owned(), |ip| ip.to_string()),
        "CNAME" | "ALIAS" | "MX" | "NS" | "PTR" => content.trim_end_matches('.').to_ascii_lowercase(),
        "TXT" => unquoted(content),
        _ => content.to_owned(),
    }
}

/// A text without the quotes around it and its parts: `"a" "b"` is `ab`.
fn unquoted(content: &str) -> String {
    let trimmed = content.trim();
    match trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.split("\" \"").collect::<Vec<_>>().concat().replace("\\\"", "\""),
        None => content.to_owned(),
    }
}

/// What to do with the records of a zone, by position in the lists that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// For each wanted record the present one that is it, or is to become it; none if it is to be made.
    pub wanted: Vec<Option<usize>>,
    /// Present records that are this service's and no longer wanted.
    pub surplus: Vec<usize>,
}

/// Assigns present records to wanted ones of the same type and name.
///
/// First those whose content is the `same`; then this service's own (`ours`), which are rewritten; then, for
/// types of which a name has one (`A`, `AAAA`, `CNAME`, `ALIAS`), one that somebody else made. Where a name
/// has many, as with `TXT` and `MX`, records of others are never touched.
pub fn assign(
    wanted: &[RecordKey],
    present: &[RecordKey],
    same: impl Fn(usize, usize) -> bool,
    ours: impl Fn(usize) -> bool,
) -> Assignment {
    let mut free = vec![true; present.len()];
    let mut assigned = vec![None; wanted.len()];
    let rules: [&dyn Fn(usize, usize) -> bool; 3] =
        [&|want, is| same(want, is), &|_, is| ours(is), &|want, _| {
            !wanted[want].has_many() && wanted.iter().filter(|key| **key == wanted[want]).count() == 1
        }];
    for rule in rules {
        for (want, key) in wanted.iter().enumerate() {
            if assigned[want].is_some() {
                continue;
            }
            let fitting = (0..present.len()).find(|is| free[*is] && present[*is] == *key && rule(want, *is));
            if let Some(is) = fitting {
                free[is] = false;
                assigned[want] = Some(is);
            }
        }
    }
    let surplus = (0..present.len()).filter(|is| free[*is] && ours(*is)).collect();
    Assignment { wanted: assigned, surplus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_domain() {
        for (name, full) in [
            ("@", "my.app"),
            ("", "my.app"),
            ("My.App.", "my.app"),
            ("www", "www.my.app"),
            ("www.my.app", "www.my.app"),
            ("*.My.App", "*.my.app"),
            ("notmy.app", "notmy.app.my.app"),
        ] {
            assert_eq!(full_name(name, "my.app"), full, "{name}");
        }
    }

    #[test]
    fn spellings_of_a_content_are_one() {
        for (kind, one, other) in [
            ("AAAA", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("CNAME", "App.Pages.dev.", "app.pages.dev"),
            ("TXT", "\"v=spf1 -all\"", "v=spf1 -all"),
            ("TXT", "\"a\" \"b\"", "ab"),
        ] {
            assert_eq!(canonical_content(kind, one), canonical_content(kind, other));
        }
        assert_ne!(canonical_content("TXT", "A"), canonical_content("TXT", "a"));
    }

    /// Records as `TYPE name content`, those of others with a `!` in front.
    fn assigned(wanted: &[&str], present: &[&str]) -> Assignment {
        let split = |text: &str| {
            let mut parts = text.trim_start_matches('!').splitn(3, ' ').map(str::to_owned);
            let mut part = || parts.next().unwrap_or_default();
            (RecordKey { kind: part(), name: part() }, part())
        };
        let (wanted, contents): (Vec<_>, Vec<_>) = wanted.iter().map(|text| split(text)).unzip();
        let (keys, are): (Vec<_>, Vec<_>) = present.iter().map(|text| split(text)).unzip();
        assign(&wanted, &keys, |want, is| contents[want] == are[is], |is| !present[is].starts_with('!'))
    }

    #[test]
    fn one_address_is_taken_over_and_texts_of_others_stay() {
        assert_eq!(assigned(&["A x 2"], &["!A x 1"]).wanted, [Some(0)]);
        assert_eq!(assigned(&["TXT x 2"], &["!TXT x 1"]).wanted, [None]);
        assert_eq!(assigned(&["TXT x 2"], &["!TXT x 1", "TXT x 0"]).wanted, [Some(1)]);
        assert_eq!(assigned(&["A x 1", "A x 2"], &["!A x 3"]).wanted, [None, None]);
    }

    #[test]
    fn equal_contents_go_first_and_what_is_left_of_ours_is_surplus() {
        let assignment = assigned(&["A x 1", "A x 2"], &["A x 2", "A x 3", "A x 4", "!A x 5", "A y 1"]);
        assert_eq!(assignment, Assignment { wanted: vec![Some(1), Some(0)], surplus: vec![2, 4] });
    }

    #[test]
    fn a_cname_stands_alone_among_addresses() {
        let key = |kind: &str, name: &str| RecordKey { kind: kind.into(), name: name.into() };
        assert!(key("CNAME", "x").excludes(&key("A", "x")) && key("A", "x").excludes(&key("ALIAS", "x")));
        assert!(!key("A", "x").excludes(&key("AAAA", "x")) && !key("CNAME", "x").excludes(&key("TXT", "x")));
        assert!(!key("CNAME", "x").excludes(&key("A", "y")));
    }
}
