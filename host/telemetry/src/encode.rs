//! OTLP in protobuf, by OpenTelemetry's own message types.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as otlp, ResourceSpans, ScopeSpans, Status, status};
use prost::Message as _;

use crate::trace::{Span, SpanKind, Trace, Value};

/// What every trace of this program says it comes from.
const SERVICE: &str = "starsystem";

/// The body of the request that hands a trace to a collector. Every text of a span passes `clean`, which
/// hides what nobody may see; `version` is this program's.
pub fn encode(trace: &Trace, version: &str, clean: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut spans = Vec::new();
    flatten(trace, &trace.root, &[], clean, &mut spans);
    let attributes = [("service.name", SERVICE), ("service.version", version)];
    let resource = Resource {
        attributes: attributes.iter().map(|(name, value)| attribute(name, &(*value).into(), clean)).collect(),
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: SERVICE.into(),
        version: version.into(),
        ..InstrumentationScope::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn flatten(
    trace: &Trace,
    span: &Span,
    parent: &[u8],
    clean: &dyn Fn(&str) -> String,
    into: &mut Vec<otlp::Span>,
) {
    let kind = match span.kind {
        SpanKind::Internal => otlp::span::SpanKind::Internal,
        SpanKind::Client => otlp::span::SpanKind::Client,
    };
    let status = span
        .error
        .as_ref()
        .map(|message| Status { message: clean(message), code: status::StatusCode::Error.into() });
    into.push(otlp::Span {
        trace_id: trace.id.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: parent.to_vec(),
        name: clean(&span.name),
        kind: kind.into(),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: span.attributes.iter().map(|(name, value)| attribute(name, value, clean)).collect(),
        status,
        ..otlp::Span::default()
    });
    for child in &span.children {
        flatten(trace, child, &span.id, clean, into);
    }
}

fn attribute(key: &str, value: &Value, clean: &dyn Fn(&str) -> String) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(clean(text)),
        Value::Number(number) => any_value::Value::IntValue(*number),
        Value::Flag(flag) => any_value::Value::BoolValue(*flag),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Span;

    #[test]
    fn every_text_is_cleaned() {
        let leaf = Span {
            id: [2; 8],
            name: "GET hunter2".to_owned(),
            kind: SpanKind::Client,
            start: 5,
            end: 6,
            attributes: vec![
                ("url.path", "/hunter2".into()),
                ("n", Value::Number(7)),
                ("f", Value::Flag(true)),
            ],
            error: Some("refused hunter2".to_owned()),
            children: Vec::new(),
        };
        let root = Span { id: [1; 8], error: None, children: vec![leaf.clone()], ..leaf };
        let trace = Trace { id: [9; 16], root };
        let bytes = encode(&trace, "0.1.0", &|text| text.replace("hunter2", "•••"));
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
        let read = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let spans = &read.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.iter().map(|span| &span.name[..]).collect::<Vec<_>>(), ["GET •••", "GET •••"]);
        assert_eq!(spans[1].parent_span_id, [1; 8]);
        assert!(spans[0].parent_span_id.is_empty() && spans[0].status.is_none());
        assert_eq!(spans[1].status.as_ref().unwrap().message, "refused •••");
    }
}
