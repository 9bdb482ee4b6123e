//! Reading answers: members of JSON values, as strictly as derived types would, in far less code.

use std::cell::Cell;

use serde_json::Value;
use ss_sdk::Failure;
use ss_sdk::http::Page;

use crate::graphql::misunderstood;

/// In the place of what is not there.
static NULL: Value = Value::Null;

/// Reads one answer. What is missing or of another kind is read as empty and remembered:
/// [`finish`](Self::finish) lets nothing of such an answer through.
pub struct Reader {
    pub purpose: &'static str,
    mutates: bool,
    wrong: Cell<Option<&'static str>>,
}

impl Reader {
    /// For the answer to a query.
    pub fn new(purpose: &'static str) -> Self {
        Self { purpose, mutates: false, wrong: Cell::new(None) }
    }

    /// For the answer to a mutation.
    pub fn mutating(purpose: &'static str) -> Self {
        Self { purpose, mutates: true, wrong: Cell::new(None) }
    }

    /// What was read, unless something was wrong.
    pub fn finish<T>(self, read: T) -> Result<T, Failure> {
        match self.failure() {
            Some(failure) => Err(failure),
            None => Ok(read),
        }
    }

    fn failure(&self) -> Option<Failure> {
        let why = format!("there is no usable `{}` in it", self.wrong.get()?);
        Some(misunderstood(self.purpose, self.mutates, &why))
    }

    fn blame(&self, member: &'static str) {
        self.wrong.set(self.wrong.get().or(Some(member)));
    }

    /// A member that may be left out, but not be null.
    fn member<'v>(&self, value: &'v Value, member: &'static str) -> Option<&'v Value> {
        self.object(value);
        value.get(member)
    }

    /// Makes sure that it is an object.
    pub fn object(&self, value: &Value) {
        if !value.is_object() {
            self.blame("object");
        }
    }

    /// A member that must be there.
    pub fn required<'v>(&self, value: &'v Value, member: &'static str) -> &'v Value {
        self.member(value, member).unwrap_or_else(|| {
            self.blame(member);
            &NULL
        })
    }

    /// A member that may be left out or null.
    pub fn optional<'v>(&self, value: &'v Value, member: &'static str) -> Option<&'v Value> {
        self.member(value, member).filter(|value| !value.is_null())
    }

    /// A value as text.
    pub fn as_text<'v>(&self, value: &'v Value, member: &'static str) -> &'v str {
        value.as_str().unwrap_or_else(|| {
            self.blame(member);
            ""
        })
    }

    /// Text that must be there.
    pub fn text(&self, value: &Value, member: &'static str) -> String {
        self.as_text(self.required(value, member), member).to_owned()
    }

    /// Text that may be left out.
    pub fn text_or_empty(&self, value: &Value, member: &'static str) -> String {
        self.member(value, member).map_or("", |text| self.as_text(text, member)).to_owned()
    }

    /// Text that may be left out or null.
    pub fn optional_text(&self, value: &Value, member: &'static str) -> Option<String> {
        self.optional(value, member).map(|text| self.as_text(text, member).to_owned())
    }

    /// A flag; false if it is left out.
    pub fn flag(&self, value: &Value, member: &'static str) -> bool {
        let Some(flag) = self.member(value, member) else { return false };
        flag.as_bool().unwrap_or_else(|| {
            self.blame(member);
            false
        })
    }

    /// A whole number that may be left out or null.
    pub fn optional_number(&self, value: &Value, member: &'static str) -> Option<i64> {
        let number = self.optional(value, member)?;
        if !number.is_i64() {
            self.blame(member);
        }
        number.as_i64()
    }

    /// A port that must be there.
    pub fn port(&self, value: &Value, member: &'static str) -> u16 {
        let port = self.required(value, member).as_u64();
        port.and_then(|port| u16::try_from(port).ok()).unwrap_or_else(|| {
            self.blame(member);
            0
        })
    }

    /// The elements of a list.
    pub fn elements<'v>(&self, value: &'v Value, name: &'static str) -> &'v [Value] {
        value.as_array().map_or_else(
            || {
                self.blame(name);
                &[][..]
            },
            Vec::as_slice,
        )
    }

    /// A list that must be there.
    pub fn list<'v>(&self, value: &'v Value, member: &'static str) -> &'v [Value] {
        self.elements(self.required(value, member), member)
    }

    /// A list that may be left out.
    pub fn list_or_empty<'v>(&self, value: &'v Value, member: &'static str) -> &'v [Value] {
        self.member(value, member).map_or(&[], |list| self.elements(list, member))
    }

    /// The nodes of a Relay connection.
    pub fn nodes(&self, connection: &Value) -> Vec<Value> {
        let mut nodes = Vec::new();
        for edge in self.list(connection, "edges") {
            nodes.push(self.required(edge, "node").clone());
        }
        nodes
    }

    /// A page of a Relay connection.
    pub fn page(&self, connection: &Value) -> Page<Value> {
        let mut cursor = None;
        if let Some(info) = self.member(connection, "pageInfo") {
            cursor = self.optional_text(info, "endCursor");
            if !self.flag(info, "hasNextPage") {
                cursor = None;
            }
        }
        Page { items: self.nodes(connection), cursor }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ss_sdk::FailureKind;

    use super::*;

    fn fails(value: &Value, read: impl Fn(&Reader, &Value)) -> bool {
        let reader = Reader::new("try");
        read(&reader, value);
        reader.finish(()).is_err()
    }

    #[test]
    fn what_must_be_there_must_be_there() {
        for value in [json!({}), json!({ "a": null }), json!({ "a": {} }), json!([]), json!(null)] {
            assert!(fails(&value, |reader, value| drop(reader.text(value, "a"))), "{value}");
            assert!(fails(&value, |reader, value| _ = reader.port(value, "a")), "{value}");
            assert!(fails(&value, |reader, value| _ = reader.list(value, "a")), "{value}");
            assert!(fails(&value, |reader, value| drop(reader.page(value))), "{value}");
        }
        for port in [json!(-1), json!(65_536), json!(1.5), json!("80")] {
            assert!(fails(&json!({ "a": port }), |reader, value| _ = reader.port(value, "a")), "{port}");
        }
    }

    #[test]
    fn what_may_be_left_out_has_its_type() {
        let reads: [fn(&Reader, &Value); 5] = [
            |reader, value| drop(reader.text_or_empty(value, "a")),
            |reader, value| _ = reader.flag(value, "a"),
            |reader, value| _ = reader.list_or_empty(value, "a"),
            |reader, value| drop(reader.optional_text(value, "a")),
            |reader, value| _ = reader.optional_number(value, "a"),
        ];
        for (number, read) in reads.into_iter().enumerate() {
            assert!(!fails(&json!({}), read));
            assert!(fails(&json!({ "a": {} }), read) && fails(&json!("a"), read));
            // Only what is optional may be null.
            assert_eq!(fails(&json!({ "a": null }), read), number < 3);
        }
    }

    #[test]
    fn an_unreadable_answer_to_a_mutation_leaves_its_outcome_open() {
        let kind = |reader: Reader| {
            reader.text(&json!({}), "id");
            reader.finish(()).expect_err("nothing to read").kind
        };
        assert_eq!(kind(Reader::new("try")), FailureKind::Internal);
        assert_eq!(kind(Reader::mutating("try")), FailureKind::OutcomeUnknown);
    }

    #[test]
    fn pages_end_where_railway_says() {
        let page = |more: bool| {
            let reader = Reader::new("try");
            let page = reader.page(&json!({
                "edges": [{ "node": 1 }, { "node": 2 }],
                "pageInfo": { "hasNextPage": more, "endCursor": "c" },
            }));
            let page = reader.finish(page).expect("a page");
            (page.items, page.cursor)
        };
        assert_eq!(page(true), (vec![json!(1), json!(2)], Some("c".to_owned())));
        assert_eq!(page(false).1, None);
    }
}
