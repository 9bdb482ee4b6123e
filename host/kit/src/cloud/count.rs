//! Counting resources from outside: by the requests that make and remove them, or by a file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Answer, Call, Census, Pattern};
use crate::scenario::Count;

/// The header with which providers mark the answer to an `Idempotency-Key` that they have seen before.
const REPLAYED: &str = "idempotent-replayed";

/// Counts what the traffic of one case makes and removes.
pub(crate) struct Counter(Mutex<Vec<Line>>);

struct Line {
    count: Count,
    create: Option<Pattern>,
    delete: Option<Pattern>,
    made: usize,
    removed: usize,
    /// Paths of `PUT`s: doing one twice makes one thing.
    put: BTreeSet<String>,
}

impl Counter {
    pub(crate) fn new(counts: &[Count]) -> Self {
        let lines = counts.iter().map(|count| Line {
            create: count.create.as_deref().map(Pattern::parse),
            delete: count.delete.as_deref().map(Pattern::parse),
            count: count.clone(),
            made: 0,
            removed: 0,
            put: BTreeSet::new(),
        });
        Self(Mutex::new(lines.collect()))
    }

    /// Sees a request and its answer.
    pub(crate) fn observe(&self, call: &Call, answer: &Answer) {
        if !answer.is_success() || is_replay(answer) {
            return;
        }
        let (sent, got) = (call.text(), String::from_utf8_lossy(&answer.body));
        for line in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if line.count.unless_answer_contains.as_ref().is_some_and(|text| got.contains(text)) {
                continue;
            }
            let fits = |pattern: &Option<Pattern>, containing: &Option<String>| {
                pattern.as_ref().is_some_and(|pattern| pattern.fits(&call.method, call.path()).is_some())
                    && containing.as_ref().is_none_or(|text| sent.contains(text))
            };
            if fits(&line.create, &line.count.create_containing) {
                if call.method == "PUT" {
                    line.put.insert(call.path().to_owned());
                } else {
                    line.made += 1;
                }
            }
            if fits(&line.delete, &line.count.delete_containing) && !line.put.remove(call.path()) {
                line.removed += 1;
            }
        }
    }

    /// How many there are; none if nothing is counted.
    pub(crate) fn census(&self, folder: &Path) -> Option<Census> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return None;
        }
        let mut census = Census::new();
        for line in lines.iter() {
            let here = match &line.count.file {
                Some(file) => usize::from(folder.join(file).exists()),
                None => (line.made + line.put.len()).saturating_sub(line.removed),
            };
            *census.entry(line.count.name.clone()).or_default() += here;
        }
        Some(census)
    }
}

/// Whether the provider says that it did nothing, because it had done this request before.
fn is_replay(answer: &Answer) -> bool {
    answer.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(REPLAYED) && value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(method: &str, target: &str, body: &str) -> Call {
        Call {
            method: method.into(),
            host: "h".into(),
            target: target.into(),
            headers: vec![],
            body: body.as_bytes().to_vec(),
        }
    }

    fn count(text: &str) -> Count {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn posts_add_up_and_puts_do_not() {
        let counter = Counter::new(&[
            count("name = \"app\"\ncreate = \"POST /apps\"\ndelete = \"DELETE /apps/{id}\""),
            count("name = \"bucket\"\ncreate = \"PUT /{bucket}\"\ndelete = \"DELETE /{bucket}\""),
        ]);
        let done = Answer::json(200, &json!({}));
        for (method, path) in
            [("POST", "/apps"), ("POST", "/apps"), ("DELETE", "/apps/1"), ("PUT", "/b"), ("PUT", "/b")]
        {
            counter.observe(&call(method, path, ""), &done);
        }
        counter.observe(&call("POST", "/apps", ""), &Answer::error(409, "no"));
        let mut replayed = Answer::json(200, &json!({}));
        replayed.headers.push((REPLAYED.to_owned(), "true".to_owned()));
        counter.observe(&call("POST", "/apps", ""), &replayed);
        let census = counter.census(Path::new("/")).unwrap();
        assert_eq!((census["app"], census["bucket"]), (1, 1));
        counter.observe(&call("DELETE", "/b", ""), &done);
        assert_eq!(counter.census(Path::new("/")).unwrap()["bucket"], 0);
    }

    #[test]
    fn a_graphql_mutation_is_told_by_its_text() {
        let counter = Counter::new(&[count(
            "name = \"p\"\ncreate = \"POST /graphql\"\ncreate-containing = \"projectCreate\"\nunless-answer-contains = '\"errors\"'",
        )]);
        counter.observe(&call("POST", "/graphql", "query"), &Answer::json(200, &json!({})));
        counter
            .observe(&call("POST", "/graphql", "projectCreate"), &Answer::json(200, &json!({"errors": []})));
        assert_eq!(counter.census(Path::new("/")).unwrap()["p"], 0);
        counter.observe(&call("POST", "/graphql", "projectCreate"), &Answer::json(200, &json!({"data": {}})));
        assert_eq!(counter.census(Path::new("/")).unwrap()["p"], 1);
        assert!(Counter::new(&[]).census(Path::new("/")).is_none());
    }
}
