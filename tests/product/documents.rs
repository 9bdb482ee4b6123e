//! What the documents promise of every provider: its keys by the documented commands, and its page in the catalog.

use serde_json::Value;
use ss_clouds::Surface;
use ss_clouds::cloudflare::{ZONE, ZONE_NAME};

use crate::TestEnvironment;
use crate::edge::DOCUMENTED;
use crate::nine::{KEYS, Nine};
use crate::rehearsal::immediate;

/// The providers, and of each with keys the variables that may hold them.
const PROVIDERS: [(&str, &[&str]); 9] = [
    ("aws", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
    ("cloudflare", &["CLOUDFLARE_API_TOKEN"]),
    ("fly", &["FLY_API_TOKEN"]),
    ("local-process", &[]),
    ("neon", &["NEON_API_KEY"]),
    ("porkbun", &["PORKBUN_API_KEY", "PORKBUN_SECRET_KEY"]),
    ("railway", &["RAILWAY_API_TOKEN"]),
    ("supabase", &["SUPABASE_ACCESS_TOKEN"]),
    ("supabase-local", &[]),
];

#[test]
fn the_documented_commands_give_every_provider_its_keys() {
    let mut nine = Nine::new(1, &immediate());
    let key = |name: &str| KEYS.iter().find(|(known, _)| *known == name).expect("a key").1;
    // A variable that is empty is none.
    for (name, _) in KEYS {
        nine.environment.set(name, "");
    }
    for words in [
        ["set-key", "neon", "api_key", key("NEON_API_KEY")].as_slice(),
        &["set-key", "supabase", "api_key", key("SUPABASE_ACCESS_TOKEN")],
        &["set-key", "fly", "api_key", key("FLY_API_TOKEN")],
        &["set-key", "railway", "api_key", key("RAILWAY_API_TOKEN")],
        &["set", "providers:cloudflare", "api_key", key("CLOUDFLARE_API_TOKEN")],
        &["set", "secrets", "CF_ZONE_ID", ZONE],
        &["set", "secrets", "CF_DOMAIN", ZONE_NAME],
        &["set", "secrets", "CF_PAGES_FALLBACK", "my-app.pages.dev"],
        &["set-key", "aws", "access_key_id", key("AWS_ACCESS_KEY_ID")],
        &["set", "AWS_SECRET_ACCESS_KEY", key("AWS_SECRET_ACCESS_KEY")],
        &["set-key", "porkbun", "api_key", key("PORKBUN_API_KEY")],
        &["set", "PORKBUN_SECRET_KEY", key("PORKBUN_SECRET_KEY")],
    ] {
        nine.succeed(&[&["vault"], words].concat());
    }
    nine.add(DOCUMENTED.split_once("services:").expect("services").1);
    let run = nine.succeed(&["provision"]);
    assert!(run.raw.contains("16 created"), "{}", run.raw);
    for cloud in &nine.clouds {
        let requests = cloud.requests();
        let requests: Vec<_> = requests.iter().filter(|request| request.surface == Surface::Api).collect();
        assert!(!requests.is_empty(), "{} was not asked", cloud.provider());
        assert!(requests.iter().all(|request| request.authorized), "{}", cloud.provider());
    }
}

#[test]
fn the_catalog_shows_keys_options_and_authority_of_every_provider() {
    let environment = TestEnvironment::warm();
    let all: Value = serde_json::from_str(&environment.succeed(&["catalog", "--json"]).stdout).expect("JSON");
    let listed = all["providers"].as_array().expect("providers");
    let names: Vec<&str> = listed.iter().filter_map(|provider| provider["provider"].as_str()).collect();
    assert_eq!(names, PROVIDERS.map(|(name, _)| name));
    for (provider, (name, variables)) in listed.iter().zip(PROVIDERS) {
        let page = environment.succeed(&["catalog", name]).raw;
        // Long texts are broken between words.
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let options = provider["optionsSchema"]["properties"].as_object().expect("options");
        for (option, schema) in options {
            let description = schema["description"].as_str().expect("a description");
            let first = description.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
            assert!(words.contains(option) && words.contains(&first), "{name}: `{option}` in\n{page}");
        }
        for variable in variables {
            assert!(page.contains(variable), "{name}: {variable} in\n{page}");
        }
        assert_eq!(page.contains("needs no key"), variables.is_empty(), "{page}");
        assert!(page.contains("May do") && page.contains("Example"), "{page}");
        let authority = provider["authority"].as_object().expect("an authority");
        assert!(authority.values().any(|part| !part.is_null()), "{name}: {authority:?}");
    }
}
