//! What a distribution is to be, and what differs from how it is.
//!
//! A configuration is changed as a whole: what this plugin does not know of it (further origins and
//! behaviours, logging, firewalls, functions) stays as others made it.

use serde_json::{Value, json};
use ss_sdk::Change;

use crate::options::Options;
use crate::order::sort;
use crate::xml::Element;

/// The id of this plugin's origin within its distribution.
const ORIGIN_ID: &str = "starsystem";
/// AWS's own cache policies.
const CACHE_POLICIES: [(&str, &str); 3] = [
    ("optimized", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
    ("disabled", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
    ("origin", "83da9c7e-98b4-4e11-a168-04f0df8e2c65"),
];
/// Statuses of S3 for an object that is not there: 403 for whoever may not list.
const ERRORS: [&str; 2] = ["403", "404"];
/// What a configuration has of its viewers' certificate without aliases.
const DEFAULT_CERTIFICATE: &str = "CloudFrontDefaultCertificate";

/// Where a distribution fetches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A bucket, read with the signature of this origin access control.
    Bucket { domain: String, access_control: String },
    /// A server.
    Server { domain: String, protocol: String },
}

/// What a distribution is to be.
#[derive(Debug, Clone)]
pub struct Desired {
    origin: Origin,
    origin_path: String,
    aliases: Vec<String>,
    certificate: Option<String>,
    minimum_tls: String,
    root: String,
    error_page: Option<String>,
    error_status: u16,
    price_class: String,
    viewer_protocol: String,
    methods: Vec<&'static str>,
    cache_policy: String,
    compress: bool,
    http_version: String,
    ipv6: bool,
    enabled: bool,
    comment: String,
}

impl Desired {
    /// As the options say.
    pub fn new(options: &Options, origin: Origin, comment: String) -> Self {
        let text = |option: &Option<String>, default: &str| option.clone().unwrap_or_else(|| default.into());
        let root = if matches!(origin, Origin::Bucket { .. }) { "index.html" } else { "" };
        let cache_policy = text(&options.cache_policy, "optimized");
        let known = CACHE_POLICIES.iter().find(|(name, _)| *name == cache_policy);
        let mut aliases = options.aliases.clone().unwrap_or_default();
        sort(&mut aliases);
        aliases.dedup();
        Self {
            origin,
            origin_path: text(&options.origin_path, ""),
            certificate: options.certificate.clone(),
            minimum_tls: text(&options.minimum_tls, "TLSv1.2_2021"),
            root: text(&options.default_root_object, root),
            error_page: options.error_page.clone(),
            error_status: options.error_status.unwrap_or(404),
            price_class: format!("PriceClass_{}", text(&options.price_class, "All")),
            viewer_protocol: text(&options.viewer_protocol, "redirect-to-https"),
            methods: match options.allowed_methods.as_deref() {
                Some("all") => vec!["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
                Some("options") => vec!["GET", "HEAD", "OPTIONS"],
                _ => vec!["GET", "HEAD"],
            },
            cache_policy: known.map_or(cache_policy.clone(), |(_, id)| (*id).to_owned()),
            compress: options.compress.unwrap_or(true),
            http_version: text(&options.http_version, "http2and3"),
            ipv6: options.ipv6.unwrap_or(true),
            enabled: options.enabled.unwrap_or(true),
            aliases,
            comment,
        }
    }

    /// The configuration of a new distribution.
    pub fn creation(&self, reference: &str) -> Element {
        let mut config = Element::new("DistributionConfig").with(Element::text("CallerReference", reference));
        self.apply(&mut config);
        config
    }

    /// Makes a configuration as it is to be.
    pub fn apply(&self, config: &mut Element) {
        let names =
            |name: &str, texts: &[String]| texts.iter().map(|text| Element::text(name, text)).collect();
        config.set(Element::list("Aliases", names("CNAME", &self.aliases)));
        config.set_text("DefaultRootObject", &self.root);
        self.apply_origin(config);
        self.apply_behavior(config.entry("DefaultCacheBehavior"));
        self.apply_errors(config);
        config.set_text("Comment", &self.comment);
        config.set_text("PriceClass", &self.price_class);
        config.set_text("Enabled", self.enabled.to_string());
        self.apply_certificate(config);
        config.set_text("HttpVersion", &self.http_version);
        config.set_text("IsIPV6Enabled", self.ipv6.to_string());
    }

    fn apply_origin(&self, config: &mut Element) {
        let mut origins = config.items("Origins").to_vec();
        let known = origins.iter().position(|origin| origin.value("Id") == ORIGIN_ID);
        let index = known.unwrap_or_else(|| {
            let origin = Element::new("Origin").with(Element::text("Id", ORIGIN_ID));
            origins.push(origin.with(Element::list("CustomHeaders", Vec::new())));
            origins.len() - 1
        });
        let origin = &mut origins[index];
        origin.set_text("OriginPath", &self.origin_path);
        match &self.origin {
            Origin::Bucket { domain, access_control } => {
                origin.set_text("DomainName", domain);
                origin.remove("CustomOriginConfig");
                // Empty, but there: this is how CloudFront knows a bucket.
                origin.entry("S3OriginConfig").set_text("OriginAccessIdentity", "");
                origin.set_text("OriginAccessControlId", access_control);
            }
            Origin::Server { domain, protocol } => {
                origin.set_text("DomainName", domain);
                origin.remove("S3OriginConfig");
                let server = origin.entry("CustomOriginConfig");
                for (name, port) in [("HTTPPort", "80"), ("HTTPSPort", "443")] {
                    if server.value(name).is_empty() {
                        server.set_text(name, port);
                    }
                }
                server.set_text("OriginProtocolPolicy", protocol);
                if server.items("OriginSslProtocols").is_empty() {
                    let protocols = vec![Element::text("SslProtocol", "TLSv1.2")];
                    server.set(Element::list("OriginSslProtocols", protocols));
                }
            }
        }
        config.set(Element::list("Origins", origins));
    }

    fn apply_behavior(&self, behavior: &mut Element) {
        behavior.set_text("TargetOriginId", ORIGIN_ID);
        behavior.set_text("ViewerProtocolPolicy", &self.viewer_protocol);
        let mut is: Vec<&str> = items(behavior, "AllowedMethods");
        let mut wanted = self.methods.clone();
        sort(&mut is);
        sort(&mut wanted);
        if is != wanted {
            let methods =
                |names: &[&str]| names.iter().map(|name| Element::text("Method", *name)).collect::<Vec<_>>();
            let cached = Element::list("CachedMethods", methods(&["GET", "HEAD"]));
            behavior.set(Element::list("AllowedMethods", methods(&self.methods)).with(cached));
        }
        behavior.set_text("Compress", self.compress.to_string());
        // A policy and the older fields exclude each other.
        for old in ["ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"] {
            behavior.remove(old);
        }
        behavior.set_text("CachePolicyId", &self.cache_policy);
    }

    fn apply_errors(&self, config: &mut Element) {
        let mut errors = config.items("CustomErrorResponses").to_vec();
        let ours = |error: &Element| ERRORS.contains(&error.value("ErrorCode"));
        if let Some(page) = &self.error_page {
            let status = self.error_status.to_string();
            let as_wanted = |error: &Element| {
                error.value("ResponsePagePath") == page && error.value("ResponseCode") == status
            };
            for code in ERRORS {
                if !errors.iter().any(|error| error.value("ErrorCode") == code && as_wanted(error)) {
                    errors.retain(|error| error.value("ErrorCode") != code);
                    errors.push(
                        Element::new("CustomErrorResponse")
                            .with(Element::text("ErrorCode", code))
                            .with(Element::text("ResponsePagePath", page))
                            .with(Element::text("ResponseCode", &status))
                            .with(Element::text("ErrorCachingMinTTL", "10")),
                    );
                }
            }
        } else {
            errors.retain(|error| !ours(error) || error.value("ResponsePagePath").is_empty());
        }
        config.set(Element::list("CustomErrorResponses", errors));
    }

    fn apply_certificate(&self, config: &mut Element) {
        let viewers = match &self.certificate {
            None => Element::new("ViewerCertificate").with(Element::text(DEFAULT_CERTIFICATE, "true")),
            Some(arn) => Element::new("ViewerCertificate")
                .with(Element::text("ACMCertificateArn", arn))
                .with(Element::text("SSLSupportMethod", "sni-only"))
                .with(Element::text("MinimumProtocolVersion", &self.minimum_tls)),
        };
        if certificate(config) != certificate(&Element::new("").with(viewers.clone())) {
            config.set(viewers);
        }
    }

    /// What differs, in the words of the options.
    pub fn changes(&self, config: &Element) -> Vec<Change> {
        let mut wanted = config.clone();
        self.apply(&mut wanted);
        let pairs = fields(config).into_iter().zip(fields(&wanted));
        let differing = pairs.filter(|((_, is), (_, wanted))| is != wanted);
        differing.map(|((field, is), (_, wanted))| Change::new(field, is, wanted)).collect()
    }
}

/// The texts of a list's items.
fn items<'a>(element: &'a Element, path: &str) -> Vec<&'a str> {
    element.items(path).iter().map(|item| item.text.trim()).collect()
}

/// The certificate, and the oldest protocol that its viewers may speak.
fn certificate(config: &Element) -> (Value, Value) {
    let text = |name: &str| match config.value(&format!("ViewerCertificate/{name}")) {
        "" => Value::Null,
        text => json!(text),
    };
    match text("ACMCertificateArn") {
        Value::Null => (text("IAMCertificateId"), Value::Null),
        arn => (arn, text("MinimumProtocolVersion")),
    }
}

/// What this plugin knows of a configuration, in the words of the options and always in this order.
fn fields(config: &Element) -> Vec<(&'static str, Value)> {
    let text = |path: &str| match config.value(path) {
        "" => Value::Null,
        text => json!(text),
    };
    let flag = |path: &str| json!(config.value(path) == "true");
    let target = config.value("DefaultCacheBehavior/TargetOriginId");
    let origin = config.items("Origins").iter().find(|origin| origin.value("Id") == target);
    let of_origin = |path: &str| match origin.map_or("", |origin| origin.value(path)) {
        "" => Value::Null,
        text => json!(text),
    };
    let mut aliases = items(config, "Aliases");
    sort(&mut aliases);
    let mut methods = items(config, "DefaultCacheBehavior/AllowedMethods");
    sort(&mut methods);
    let mut errors: Vec<String> = config
        .items("CustomErrorResponses")
        .iter()
        .filter(|error| !error.value("ResponsePagePath").is_empty())
        .map(|error| {
            let (code, status) = (error.value("ErrorCode"), error.value("ResponseCode"));
            format!("{code}: {} ({status})", error.value("ResponsePagePath"))
        })
        .collect();
    sort(&mut errors);
    let policy = config.value("DefaultCacheBehavior/CachePolicyId");
    let policy = CACHE_POLICIES.iter().find(|(_, id)| *id == policy).map_or(policy, |(name, _)| *name);
    let (arn, minimum_tls) = certificate(config);
    vec![
        ("enabled", flag("Enabled")),
        ("origin", of_origin("DomainName")),
        ("origin_path", of_origin("OriginPath")),
        ("origin_protocol", of_origin("CustomOriginConfig/OriginProtocolPolicy")),
        ("origin_access_control", of_origin("OriginAccessControlId")),
        ("aliases", json!(aliases)),
        ("certificate", arn),
        ("minimum_tls", minimum_tls),
        ("default_root_object", text("DefaultRootObject")),
        ("error_page", json!(errors)),
        ("price_class", json!(config.value("PriceClass").trim_start_matches("PriceClass_"))),
        ("viewer_protocol", text("DefaultCacheBehavior/ViewerProtocolPolicy")),
        ("allowed_methods", json!(methods)),
        ("cache_policy", json!(policy)),
        ("compress", flag("DefaultCacheBehavior/Compress")),
        // CloudFront is not of one mind about upper case.
        ("http_version", json!(config.value("HttpVersion").to_ascii_lowercase())),
        ("ipv6", flag("IsIPV6Enabled")),
        ("comment", text("Comment")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(options: Value) -> Desired {
        let options: Options = serde_json::from_value(options).expect("options");
        let origin =
            Origin::Bucket { domain: "b.s3.us-east-1.amazonaws.com".into(), access_control: "E1".into() };
        Desired::new(&options, origin, "starsystem p/e/s".into())
    }

    fn changed(config: &Element, options: Value) -> Vec<String> {
        desired(options).changes(config).into_iter().map(|change| change.field).collect()
    }

    #[test]
    fn a_creation_is_as_wanted_and_every_option_changes_one_field() {
        let config = desired(json!({})).creation("r");
        let config = Element::parse(&config.document("x")).expect("well-formed");
        assert_eq!(changed(&config, json!({})), [""; 0]);
        for (options, fields) in [
            (json!({"enabled": false}), vec!["enabled"]),
            (json!({"origin_path": "/www"}), vec!["origin_path"]),
            (
                json!({"aliases": ["b.example", "a.example"], "certificate": "arn"}),
                vec!["aliases", "certificate", "minimum_tls"],
            ),
            (json!({"default_root_object": "home.html"}), vec!["default_root_object"]),
            (json!({"error_page": "/404.html"}), vec!["error_page"]),
            (json!({"price_class": "100"}), vec!["price_class"]),
            (json!({"viewer_protocol": "https-only"}), vec!["viewer_protocol"]),
            (json!({"allowed_methods": "all"}), vec!["allowed_methods"]),
            (json!({"cache_policy": "disabled"}), vec!["cache_policy"]),
            (json!({"compress": false}), vec!["compress"]),
            (json!({"http_version": "http1.1"}), vec!["http_version"]),
            (json!({"ipv6": false}), vec!["ipv6"]),
        ] {
            assert_eq!(changed(&config, options.clone()), fields, "{options}");
            let mut converged = config.clone();
            desired(options.clone()).apply(&mut converged);
            assert_eq!(changed(&converged, options), [""; 0]);
            desired(json!({})).apply(&mut converged);
            assert_eq!(changed(&converged, json!({})), [""; 0]);
        }
    }

    #[test]
    fn what_others_set_stays() {
        let mut config = desired(json!({})).creation("r");
        let other = Element::new("Origin").with(Element::text("Id", "theirs"));
        let mut origins = config.items("Origins").to_vec();
        origins.push(other);
        config.set(Element::list("Origins", origins));
        config.set_text("WebACLId", "acl");
        config.entry("DefaultCacheBehavior").set_text("ResponseHeadersPolicyId", "p");
        let maintenance = Element::new("CustomErrorResponse")
            .with(Element::text("ErrorCode", "503"))
            .with(Element::text("ResponsePagePath", "/down.html"))
            .with(Element::text("ResponseCode", "503"));
        config.set(Element::list("CustomErrorResponses", vec![maintenance]));
        let before = config.clone();
        desired(json!({})).apply(&mut config);
        assert_eq!(config, before);
        desired(json!({"error_page": "/404.html", "error_status": 200})).apply(&mut config);
        assert_eq!(config.value("CustomErrorResponses/Quantity"), "3");
        assert_eq!(config.value("Origins/Quantity"), "2");
    }

    #[test]
    fn a_server_takes_the_place_of_a_bucket() {
        let mut config = desired(json!({})).creation("r");
        let origin = Origin::Server { domain: "app.example".into(), protocol: "https-only".into() };
        let server = Desired::new(&Options::default(), origin, "starsystem p/e/s".into());
        server.apply(&mut config);
        assert!(server.changes(&config).is_empty());
        let origin = &config.items("Origins")[0];
        assert!(origin.child("S3OriginConfig").is_none());
        assert_eq!(origin.value("CustomOriginConfig/HTTPSPort"), "443");
    }
}
