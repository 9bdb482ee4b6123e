//! The variables that turn export on: those of OpenTelemetry's exporter specification.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use ss_secret::Secret;

/// Path of the traces of an OTLP collector.
const TRACES: &str = "/v1/traces";

/// How long a collector may take unless a variable says otherwise. The run is over and a person waits, so
/// this is less than the ten seconds that OpenTelemetry gives programs that stay.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector.
    pub endpoint: Uri,
    /// Headers of each request; their values are often keys.
    pub headers: Vec<(HeaderName, Secret)>,
    /// How long it may take.
    pub patience: Duration,
}

/// A variable that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address of the collector.
    #[error("`{variable}` is not an address of HTTP: {reason}")]
    Endpoint {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The time that a collector has.
    #[error("`{variable}` is not a number of milliseconds")]
    Timeout {
        /// The variable.
        variable: &'static str,
    },
    /// A protocol that is not spoken here.
    #[error("`{variable}` is `{protocol}`; traces leave as `http/protobuf`")]
    Protocol {
        /// The variable.
        variable: &'static str,
        /// What it says.
        protocol: String,
    },
    /// A header. Its value is not shown.
    #[error("`{variable}` is not a list of `name=value`: {reason}")]
    Header {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Settings {
    /// What the environment says; none if it says nothing, or `OTEL_SDK_DISABLED=true`.
    ///
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is taken as it is. To `OTEL_EXPORTER_OTLP_ENDPOINT` the path of
    /// traces is appended, unless it ends in it already, as the documentation of `ss` always had it.
    ///
    /// # Errors
    /// If a variable is not understood.
    pub fn from_environment(
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SettingsError> {
        let get = |name: &'static str| {
            environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        // The variable for traces alone stands before the one for everything.
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, get(name)?)));
        let is = |name, word: &str| get(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let endpoint = match first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]) {
            Some((name @ "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", exact)) => parse(name, &exact)?,
            Some((name, base)) => parse(name, &with_path(&base))?,
            None => return Ok(None),
        };
        if let Some((variable, protocol)) =
            first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"])
            && protocol != "http/protobuf"
        {
            return Err(SettingsError::Protocol { variable, protocol });
        }
        let headers = match first(["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]) {
            Some((name, list)) => parse_headers(name, &list)?,
            None => Vec::new(),
        };
        let patience = match first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]) {
            Some((variable, text)) => {
                Duration::from_millis(text.parse().map_err(|_| SettingsError::Timeout { variable })?)
            }
            None => PATIENCE,
        };
        Ok(Some(Self { endpoint, headers, patience }))
    }
}

fn with_path(base: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with(TRACES) { base.to_owned() } else { format!("{base}{TRACES}") }
}

fn parse(variable: &'static str, text: &str) -> Result<Uri, SettingsError> {
    let wrong = |reason: &str| SettingsError::Endpoint { variable, reason: reason.to_owned() };
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(wrong("it has to begin with `http://` or `https://`"));
    }
    let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(wrong("it holds a user name; put keys in `OTEL_EXPORTER_OTLP_HEADERS`"))
        }
        Some(_) => Ok(uri),
        None => Err(wrong("it names no host")),
    }
}

/// `name=value,name=value`, values percent-encoded, as W3C Baggage has it.
fn parse_headers(variable: &'static str, list: &str) -> Result<Vec<(HeaderName, Secret)>, SettingsError> {
    let wrong = |reason: String| SettingsError::Header { variable, reason };
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .enumerate()
        .map(|(at, entry)| {
            let (name, value) =
                entry.split_once('=').ok_or_else(|| wrong(format!("entry {} has no `=`", at + 1)))?;
            let name: HeaderName =
                name.trim().parse().map_err(|_| wrong(format!("entry {} has no header name", at + 1)))?;
            let value = percent_decode_str(value.trim())
                .decode_utf8()
                .map_err(|_| wrong(format!("the value of `{name}` is not text")))?;
            HeaderValue::from_str(&value)
                .map_err(|_| wrong(format!("the value of `{name}` cannot stand in a header")))?;
            Ok((name, Secret::new(value.into_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
        Settings::from_environment(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn endpoint(variables: &[(&str, &str)]) -> String {
        settings(variables).unwrap().unwrap().endpoint.to_string()
    }

    #[test]
    fn the_path_is_appended_once() {
        const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        for given in
            ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces", "http://c:4318/v1/traces/"]
        {
            assert_eq!(endpoint(&[(BASE, given)]), "http://c:4318/v1/traces", "{given}");
        }
        assert_eq!(endpoint(&[(BASE, "https://c/otlp")]), "https://c/otlp/v1/traces");
        let exact = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:4318/other");
        assert_eq!(endpoint(&[(BASE, "http://c"), exact]), "http://t:4318/other");
    }

    #[test]
    fn nothing_is_exported_unless_asked_for() {
        assert!(settings(&[]).unwrap().is_none());
        assert!(settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap().is_none());
        for off in [("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert!(settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), off]).unwrap().is_none());
        }
    }

    #[test]
    fn a_collector_far_away_may_be_given_more_time() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        let patience = |variables: &[_]| settings(variables).unwrap().unwrap().patience;
        assert_eq!(patience(&[endpoint]), PATIENCE);
        assert_eq!(
            patience(&[endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")]),
            Duration::from_millis(2500)
        );
        assert_eq!(
            settings(&[endpoint, ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon")]).unwrap_err(),
            SettingsError::Timeout { variable: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" }
        );
        let grpc = settings(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err().to_string();
        assert!(grpc.contains("`grpc`") && grpc.contains("http/protobuf"), "{grpc}");
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let found = settings(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-honeycomb-team=k%20ey, x-dataset = a=b ,"),
        ]);
        let headers = found.unwrap().unwrap().headers;
        let shown: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.expose_str().unwrap())).collect();
        assert_eq!(shown, [("x-honeycomb-team", "k ey"), ("x-dataset", "a=b")]);
        assert!(!format!("{headers:?}").contains("k ey"));
    }

    #[test]
    fn what_is_not_understood_is_named_without_its_value() {
        for (name, value, part) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "begin with"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://c:4317", "begin with"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@c", "user name"),
        ] {
            let message = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(part), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        for list in ["hunter2", "na me=hunter2", "x=hunter2%0A"] {
            let variables =
                [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_HEADERS", list)];
            let message = settings(&variables).unwrap_err().to_string();
            assert!(message.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
