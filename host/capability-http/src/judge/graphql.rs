//! Is a GraphQL request a query, and nothing but one query?
//!
//! Format: the JSON of GraphQL over HTTP (`query`, `variables`, `operationName`) with a document of the
//! October 2021 grammar. Threat: the server finds another operation than the gate does. So this accepts
//! less than servers do: one operation per document, no other members (persisted queries, look-alike
//! names), no batches, ASCII outside of strings. What it does not understand is not a query, which is
//! never a risk: such a request counts as one that may change something.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use ss_secret::TOKEN_PREFIX;

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 64;

/// Duplicate and unknown members are errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(rename = "operationName", borrow, default)]
    operation_name: Option<Cow<'a, str>>,
    #[serde(default)]
    #[expect(dead_code, reason = "named so that it is a known member")]
    variables: Option<IgnoredAny>,
}

/// Whether the body asks for exactly one query.
pub(super) fn is_query(body: &[u8]) -> bool {
    // serde also reads an array as a struct; an array is a batch.
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return false };
    // A secret put into the document could end the query and begin something else.
    if body.query.contains(TOKEN_PREFIX) {
        return false;
    }
    match only_query(&body.query) {
        Some(name) => body.operation_name.is_none_or(|wanted| Some(wanted.as_ref()) == name),
        None => false,
    }
}

/// The name, if any, of the only operation of a document, if that is a query.
fn only_query(document: &str) -> Option<Option<&str>> {
    let mut lexer = Lexer { rest: document };
    let mut only = None;
    while let Some(token) = lexer.next()? {
        let (is_operation, name) = match token {
            Token::Punctuator(b'{') => {
                skip_nested(&mut lexer, b'{')?;
                (true, None)
            }
            Token::Name("query") => (true, skip_definition(&mut lexer)?),
            Token::Name("fragment") => {
                skip_definition(&mut lexer)?;
                (false, None)
            }
            // `mutation`, `subscription`, type definitions, or nothing that GraphQL knows.
            _ => return None,
        };
        if is_operation && only.replace(name).is_some() {
            return None;
        }
    }
    only
}

/// Skips a definition up to the end of its selection set; returns the name after its keyword.
fn skip_definition<'a>(lexer: &mut Lexer<'a>) -> Option<Option<&'a str>> {
    let mut name = None;
    let mut first = true;
    loop {
        match lexer.next()?? {
            Token::Punctuator(b'{') => {
                skip_nested(lexer, b'{')?;
                return Some(name);
            }
            Token::Punctuator(b'(') => skip_nested(lexer, b'(')?,
            Token::Punctuator(b'@') => {}
            Token::Name(word) if first => name = Some(word),
            Token::Name(_) => {}
            Token::Punctuator(_) | Token::Value => return None,
        }
        first = false;
    }
}

/// Skips to the bracket that closes the one just read.
fn skip_nested(lexer: &mut Lexer<'_>, open: u8) -> Option<()> {
    let mut stack = vec![open];
    while let Some(&innermost) = stack.last() {
        if let Token::Punctuator(punctuator) = lexer.next()?? {
            match (innermost, punctuator) {
                (b'{', b'}') | (b'(', b')') | (b'[', b']') => drop(stack.pop()),
                (_, b'{' | b'(' | b'[') if stack.len() < MAX_DEPTH => stack.push(punctuator),
                (_, b'{' | b'(' | b'[' | b'}' | b')' | b']') => return None,
                _ => {}
            }
        }
    }
    Some(())
}

enum Token<'a> {
    Name(&'a str),
    Punctuator(u8),
    /// A string or a number.
    Value,
}

struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    /// The next token; inner none at the end, outer none if the text is not GraphQL.
    #[expect(clippy::option_option, reason = "`?` on each layer is what makes the parser short")]
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        self.skip_ignored()?;
        let Some(&byte) = self.rest.as_bytes().first() else { return Some(None) };
        let token = match byte {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                Token::Name(self.take_while(|b| b == b'_' || b.is_ascii_alphanumeric()))
            }
            b'0'..=b'9' | b'-' => {
                self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'));
                Token::Value
            }
            b'"' => {
                self.skip_string()?;
                Token::Value
            }
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                self.rest = &self.rest[1..];
                Token::Punctuator(byte)
            }
            b'.' => {
                self.rest = self.rest.strip_prefix("...")?;
                Token::Punctuator(b'.')
            }
            _ => return None,
        };
        Some(Some(token))
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|b| !wanted(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Skips white space, commas and comments. Comments are ASCII: not all readers end lines alike.
    fn skip_ignored(&mut self) -> Option<()> {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b','));
            if !self.rest.starts_with('#') {
                return Some(());
            }
            let comment = self.take_while(|b| !matches!(b, b'\n' | b'\r'));
            if !comment.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)) {
                return None;
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        if let Some(block) = self.rest.strip_prefix("\"\"\"") {
            return self.skip_block_string(block);
        }
        let mut bytes = self.rest.bytes().enumerate().skip(1);
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = &self.rest[index + 1..];
                    return Some(());
                }
                b'\\' => drop(bytes.next()?),
                b'\n' | b'\r' => return None,
                _ => {}
            }
        }
        None
    }

    fn skip_block_string(&mut self, mut rest: &'a str) -> Option<()> {
        loop {
            let end = rest.find("\"\"\"")?;
            let escaped = rest[..end].ends_with('\\');
            rest = &rest[end + 3..];
            if !escaped {
                self.rest = rest;
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(document: &str) -> Vec<u8> {
        serde_json::to_vec(&serde_json::json!({ "query": document })).unwrap()
    }

    #[test]
    fn finds_queries() {
        for document in [
            "{ me { id } }",
            "query { me { id } }",
            "query Me($a: T = {x: [1, -2.5e3]}) @live(if: true) { me(id: $a) { ...F } } fragment F on User { id }",
            "fragment F on User { id }\n# mutation { x }\nquery { me { ...F } }",
            r#"query { a(s: "} mutation { x }") }"#,
            r#"query { a(s: "\"} mutation { x }") }"#,
            r#"query { a(s: """ \""" } mutation { x } """) }"#,
            "query mutation { subscription }",
            "{ mutation query: subscription }",
        ] {
            assert!(is_query(&body(document)), "{document}");
        }
        assert!(is_query(br#" {"query":"query A{a}","operationName":"A","variables":{"x":[1]}}"#));
        assert!(is_query(br#"{"query":"query A{a}","operationName":null,"variables":null}"#));
    }

    #[test]
    fn takes_nothing_else_for_a_query() {
        for document in [
            "",
            "mutation { a }",
            "subscription { a }",
            "mutation M { a } query Q { b }",
            "query Q { b } mutation M { a }",
            "query A { a } query B { b }",
            "{ a } { b }",
            "fragment F on User { id }",
            "{ a } type T { x: Int }",
            "# { a }\rmutation { a }",
            "{ a # }\n} mutation { b }",
            r#"{ a(s: """ \""" """) } mutation { x }"#,
            r#"{ a(s: """ """" ) } mutation { b(s: "") }"#,
            "{ a(s: \"\n\") }",
            "{ a",
            "{ a ] }",
            "query ({ a }",
            "query Q on",
            "query é { a }",
            "# é\n{ a }",
            "{ a .. b }",
            "\u{feff}{ a }",
            "{ a; b }",
            "sealed1_query { a }",
        ] {
            assert!(!is_query(&body(document)), "{document}");
        }
        assert!(!is_query(&body(&"{ a ".repeat(MAX_DEPTH + 1))));
    }

    #[test]
    fn takes_no_other_shape_of_body() {
        for body in [
            &br#"[{"query":"{ a }"}]"#[..],
            br#"["{ a }", null, null]"#,
            br#""{ a }""#,
            br#"{"query":"{ a }","query":"mutation { b }"}"#,
            br#"{"query":"{ a }","Query":"mutation { b }"}"#,
            br#"{"query":"{ a }","extensions":{"persistedQuery":{"sha256Hash":"x"}}}"#,
            br#"{"query":"query A { a }","operationName":"B"}"#,
            br#"{"query":"{ a }","operationName":""}"#,
            br#"{"query":"{ a }"} {"query":"mutation { b }"}"#,
            br#"{"variables":{}}"#,
            b"query { a }",
            b"",
        ] {
            assert!(!is_query(body), "{}", String::from_utf8_lossy(body));
        }
    }
}
