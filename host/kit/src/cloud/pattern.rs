//! `POST /v1/apps/{id}`: a method and a path with gaps.

use std::collections::BTreeMap;

/// A method and a path with gaps: `{x}` is any one segment, a last `**` any number of them.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    method: String,
    segments: Vec<String>,
}

impl Pattern {
    pub(crate) fn of(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), segments: segments(path).map(str::to_owned).collect() }
    }

    /// Parses `METHOD /path`. A line without a path fits nothing.
    pub(crate) fn parse(line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap_or((line, "/\0"));
        Self::of(method, path)
    }

    /// What fills the gaps, if it fits. `*` as method fits any.
    pub(crate) fn fits(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != "*" && self.method != method {
            return None;
        }
        let mut gaps = BTreeMap::new();
        let mut given = segments(path);
        for segment in &self.segments {
            if segment == "**" {
                return Some(gaps);
            }
            let value = given.next()?;
            match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => {
                    let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    gaps.insert(name.to_owned(), decoded.into_owned());
                }
                None if segment == value || segment == "*" => {}
                None => return None,
            }
        }
        given.next().is_none().then_some(gaps)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_one_segment() {
        let pattern = Pattern::parse("GET /v1/apps/{app}/machines");
        assert_eq!(pattern.fits("GET", "/v1/apps/a%20b/machines/").unwrap()["app"], "a b");
        for (method, path) in
            [("POST", "/v1/apps/a/machines"), ("GET", "/v1/apps/a"), ("GET", "/v1/apps/a/b/machines")]
        {
            assert!(pattern.fits(method, path).is_none(), "{method} {path}");
        }
        assert!(Pattern::parse("* /v1/**").fits("PUT", "/v1/a/b/c").is_some());
        assert!(Pattern::parse("GET").fits("GET", "/").is_none());
    }
}
