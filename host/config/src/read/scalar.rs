//! What a plain scalar means: YAML 1.2's core schema, kept to what JSON can hold exactly.

use serde_json::Number;

use crate::node::NodeValue;

/// The value of a plain (unquoted, untagged) scalar.
pub(crate) fn plain(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeValue::Null,
        "true" | "True" | "TRUE" => NodeValue::Bool(true),
        "false" | "False" | "FALSE" => NodeValue::Bool(false),
        _ => match number(text) {
            Some(number) => NodeValue::Number { number, text: text.into() },
            None => NodeValue::String(text.to_owned()),
        },
    }
}

/// The number that a plain scalar is; none if it is text.
///
/// A leading zero makes text of it: YAML 1.1 reads `010` as eight, YAML 1.2 as ten, people as a code.
fn number(text: &str) -> Option<Number> {
    // Nearly all scalars are words; this keeps them cheap.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| radix(digits, 16))?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|b| (b'0'..=b'7').contains(&b)).then(|| radix(digits, 8))?;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let integer = unsigned.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if integer > 1 && unsigned.starts_with('0') {
        return None;
    }
    if integer == unsigned.len() {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return match signed.parse::<i64>() {
            Ok(value) => Some(value.into()),
            Err(_) => signed.parse::<u64>().ok().map(Number::from),
        };
    }
    is_float(unsigned, integer).then(|| text.parse().ok().and_then(Number::from_f64))?
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

/// `[0-9]*(\.[0-9]*)?([eE][-+]?[0-9]+)?` with a digit before the exponent.
fn is_float(unsigned: &str, integer: usize) -> bool {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = &unsigned[integer..];
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => (digits(after), &after[digits(after)..]),
        None => (0, rest),
    };
    if integer + fraction == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_1_surprises_are_text() {
        let surprises = "no yes on off y n No OFF 010 -010 00 08 1_000 12:30 12:30:45 2026-04-27 0b1 .inf .nan \
                         -.INF 1.2.3 1e 0x 0xg 0o8 + - . +. e5 1e+ 123456789012345678901234567890 1e999 0x1ffffffffffffffff";
        for text in surprises.split_whitespace() {
            assert_eq!(plain(text), NodeValue::String(text.to_owned()));
        }
    }

    #[test]
    fn the_core_schema_is_read() {
        let numbers = [
            ("0", "0"),
            ("-0", "0"),
            ("+7", "7"),
            ("3000", "3000"),
            ("-12", "-12"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.10", "1.1"),
            (".5", "0.5"),
            ("1.", "1.0"),
            ("0.5", "0.5"),
            ("1e3", "1000.0"),
            ("-2.5E-1", "-0.25"),
            ("0x1F", "31"),
            ("0o17", "15"),
        ];
        for (text, json) in numbers {
            let NodeValue::Number { number, text: written } = plain(text) else {
                panic!("{text} is no number")
            };
            assert_eq!((number.to_string().as_str(), &*written), (json, text));
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(plain(text), NodeValue::Null);
        }
        assert_eq!(plain("True"), NodeValue::Bool(true));
        assert_eq!(plain("nUll"), NodeValue::String("nUll".into()));
    }
}
