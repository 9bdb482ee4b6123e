//! Manifests of strangers: what is accepted, what is refused and where the refusal points.

use ss_authority::{Manifest, ManifestError};

const NEON: &str = r#"
name = "neon"
version = "1.2.0"
contract = "0.1.0"
description = "Serverless Postgres on Neon"

[[authority.http]]
origin = "https://console.neon.tech"
path = "/api/v2/"
methods = ["GET", "POST", "PATCH", "DELETE"]
sealed-body = ["project.settings.*"]

[[authority.http]]
origin = "https://backboard.example.com"
path = "/graphql/v2"
methods = ["POST"]
reads = "graphql"

[[authority.vault.read]]
key = "providers:neon/api_key"
origins = ["https://console.neon.tech"]
headers = ["authorization"]

[authority.vault]
write = ["providers:neon/org_id"]

[authority.secrets]
hmac = ["providers:aws/secret_access_key"]
generate = true
reveal = ["injected"]

[authority.process]
service-command = true
commands = ["supabase start"]
reads = ["supabase status"]
probe-options = ["health_check"]

[authority.files]
read-options = ["generate_config.template"]
write-options = ["generate_config.output"]
"#;

fn neon() -> Manifest {
    Manifest::parse(NEON).expect("the sample is valid")
}

/// The sample with one line replaced.
fn with(line: &str, other: &str) -> Result<Manifest, ManifestError> {
    assert!(NEON.contains(line), "{line}");
    Manifest::parse(&NEON.replacen(line, other, 1))
}

fn refused_at(line: &str, other: &str) -> String {
    match with(line, other) {
        Err(ManifestError::Value(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn survives_a_round_trip() {
    let manifest = neon();
    assert_eq!(Manifest::parse(&manifest.to_toml()).unwrap(), manifest);
}

#[test]
fn says_what_it_permits_in_words() {
    let sentences = neon().authority.sentences();
    assert_eq!(
        sentences,
        [
            "may GET, POST, PATCH, DELETE to https://console.neon.tech/api/v2/…, with secrets of services in body field `project.settings.*`",
            "may POST to https://backboard.example.com/graphql/v2, while planning only GraphQL queries",
            "may read vault key `providers:neon/api_key`, sealed to https://console.neon.tech (header `authorization`)",
            "may write vault key `providers:neon/org_id`",
            "may sign with vault key `providers:aws/secret_access_key`, without seeing it",
            "may have secrets made and kept in the vault, without seeing them",
            "may see in clear secrets of other services",
            "may run the command that a service names",
            "may run `supabase start …`",
            "may run `supabase status …`, while planning too",
            "may request the URLs that option `health_check` names",
            "may read the files that option `generate_config.template` names",
            "may replace the files that option `generate_config.output` names",
        ]
    );
}

#[test]
fn refuses_values_and_says_which() {
    for (line, other, field) in [
        (r#"name = "neon""#, r#"name = "Neon""#, "name"),
        (r#"name = "neon""#, r#"name = "neon-""#, "name"),
        (r#"name = "neon""#, r#"name = "../x""#, "name"),
        ("Serverless Postgres on Neon", "", "description"),
        ("Serverless Postgres on Neon", "a\\u001b[2J", "description"),
        ("https://console.neon.tech", "https://console.neon.tech/", "authority.http[0].origin"),
        ("https://console.neon.tech", "https://*", "authority.http[0].origin"),
        ("https://console.neon.tech", "https://127.0.0.1", "authority.http[0].origin"),
        ("https://console.neon.tech", "http://console.neon.tech", "authority.http[0].sealed-body"),
        ("/api/v2/", "api", "authority.http[0].path"),
        ("/api/v2/", "/api/v*", "authority.http[0].path"),
        ("/api/v2/", "/api/../", "authority.http[0].path"),
        ("/api/v2/", "/api%2f/", "authority.http[0].path"),
        (r#""PATCH""#, r#""CONNECT""#, "authority.http[0].methods[2]"),
        (r#""PATCH""#, r#""patch""#, "authority.http[0].methods[2]"),
        (r#""PATCH""#, r#""GET""#, "authority.http[0].methods"),
        ("project.settings.*", "project..x", "authority.http[0].sealed-body[0]"),
        (r#"reads = "graphql""#, r#"reads = "all""#, "authority.http[1].reads"),
        ("/graphql/v2", "/graphql/", "authority.http[1].reads"),
        ("/graphql/v2", "/graphql/*", "authority.http[1].reads"),
        (r#"["POST"]"#, r#"["POST", "GET"]"#, "authority.http[1].reads"),
        (r#"["POST"]"#, r#"["GET"]"#, "authority.http[1].reads"),
        ("providers:neon/api_key", "api_key", "authority.vault.read[0].key"),
        ("providers:neon/api_key", "a/b/c", "authority.vault.read[0].key"),
        ("providers:neon/api_key", "../x/y", "authority.vault.read[0].key"),
        (
            r#"origins = ["https://console.neon.tech"]"#,
            r#"origins = ["http://console.neon.tech"]"#,
            "authority.vault.read[0].origins[0]",
        ),
        (r#"origins = ["https://console.neon.tech"]"#, "", "authority.vault.read[0].origins"),
        (r#"headers = ["authorization"]"#, "", "authority.vault.read[0].origins"),
        (r#"["authorization"]"#, r#"["Authorization"]"#, "authority.vault.read[0].headers[0]"),
        (r#"["authorization"]"#, r#"["host"]"#, "authority.vault.read[0].headers[0]"),
        ("providers:neon/org_id", "secrets/org_id", "authority.vault.write[0]"),
        ("supabase start", "sh -c $(x)", "authority.process.commands[0]"),
        ("supabase start", "supabase  start", "authority.process.commands[0]"),
        ("supabase status", "supabase status; id", "authority.process.reads[0]"),
        ("health_check", "*", "authority.process.probe-options[0]"),
        ("generate_config.output", "/etc/passwd", "authority.files.write-options[0]"),
    ] {
        assert_eq!(refused_at(line, other), field, "{other}");
    }
}

#[test]
fn refuses_what_it_does_not_know() {
    assert!(matches!(with("generate = true", "generat = true"), Err(ManifestError::Syntax(_))));
    assert!(matches!(with(r#"contract = "0.1.0""#, r#"contract = "1""#), Err(ManifestError::Syntax(_))));
    let doubled = with("generate = true", "generate = true\ngenerate = false");
    assert!(doubled.is_err_and(|error| error.to_string().contains("line")));
}

#[test]
fn caps_sizes() {
    let long = NEON.replace("/api/v2/", &format!("/{}/", "a".repeat(600)));
    assert!(matches!(Manifest::parse(&long), Err(ManifestError::Value(_))));
    let rule = "[[authority.http]]\norigin = \"https://a.b\"\npath = \"/\"\nmethods = [\"GET\"]\n";
    let many = format!("name='a'\nversion='1.0.0'\ncontract='0.1.0'\ndescription='d'\n{}", rule.repeat(65));
    assert!(Manifest::parse(&many).is_err_and(|error| error.to_string().contains("more than 64")));
    let huge = format!("#{}\n{NEON}", "x".repeat(64 * 1024));
    assert!(matches!(Manifest::parse(&huge), Err(ManifestError::TooLarge { .. })));
    let deep = format!("x = {}", "[".repeat(20_000));
    assert!(matches!(Manifest::parse(&deep), Err(ManifestError::Syntax(_))));
}

#[test]
fn equal_sets_have_equal_digests() {
    let manifest = neon();
    let mut shuffled = manifest.authority.clone();
    shuffled.http.reverse();
    shuffled.http[1].methods.reverse();
    shuffled.vault.write.push("providers:neon/org_id".to_owned());
    assert_eq!(manifest.authority.digest(), shuffled.digest());
    shuffled.secrets.generate = false;
    assert_ne!(manifest.authority.digest(), shuffled.digest());
    // Pinned: locks keep digests, so the canonical form must never change.
    assert_eq!(
        ss_authority::Authority::default().digest(),
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}
