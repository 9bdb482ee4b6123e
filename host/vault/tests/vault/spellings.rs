//! The five documented ways to write a value and all ways to read it meet in one value.

use ss_vault::{Address, Catalog, FoundIn, KeySpec, Keys, VaultError, Words};

use crate::{no_env, open, secret};

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for provider in ["neon", "fly", "cloudflare"] {
        let variable = format!("{}_API_TOKEN", provider.to_uppercase());
        catalog.add_provider(provider, vec![KeySpec::new("api_key").environment(variable)]);
    }
    catalog.add_provider(
        "aws",
        vec![
            KeySpec::new("access_key_id").environment("AWS_ACCESS_KEY_ID"),
            KeySpec::new("secret_access_key")
                .environment("AWS_SECRET_ACCESS_KEY")
                .bare("AWS_SECRET_ACCESS_KEY"),
        ],
    );
    catalog.add_provider(
        "porkbun",
        vec![KeySpec::new("api_key"), KeySpec::new("secret_api_key").bare("PORKBUN_SECRET_KEY")],
    );
    catalog.services.extend(["app-db".to_owned(), "neon".to_owned()]);
    catalog
}

const NEON: [Words<'_>; 11] = [
    Words::One("neon.api_token"),
    Words::One("neon.api_key"),
    Words::One("neon.token"),
    Words::Two("neon", "api_key"),
    Words::Two("neon", "token"),
    Words::Two("providers:neon", "api_key"),
    Words::Two("providers:neon", "api_token"),
    Words::One("providers:neon.api_key"),
    Words::One("providers:neon/api_key"),
    Words::ProviderKey("neon", "api_key"),
    Words::ProviderKey("neon", "api_token"),
];

const AWS: [Words<'_>; 6] = [
    Words::One("AWS_SECRET_ACCESS_KEY"),
    Words::One("secrets.AWS_SECRET_ACCESS_KEY"),
    Words::Two("secrets", "AWS_SECRET_ACCESS_KEY"),
    Words::ProviderKey("aws", "secret_access_key"),
    Words::Two("providers:aws", "secret_access_key"),
    Words::One("aws.secret_access_key"),
];

const PLAIN: [Words<'_>; 2] = [Words::Two("hosting", "acme_email"), Words::One("hosting.acme_email")];
const BARE: [Words<'_>; 3] =
    [Words::One("CF_ZONE_ID"), Words::Two("secrets", "CF_ZONE_ID"), Words::One("secrets.CF_ZONE_ID")];
const SERVICE: [Words<'_>; 2] = [Words::One("app-db.DATABASE_URL"), Words::Two("app-db", "DATABASE_URL")];

#[test]
fn every_write_form_is_read_by_every_spelling_and_the_last_write_wins() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let scope = vault.scope("shop", "prod");
    let keys = Keys::new(&vault, &catalog, Some(&scope));
    for spellings in [&NEON[..], &AWS, &PLAIN, &BARE, &SERVICE] {
        for (number, write) in spellings.iter().enumerate() {
            let value = secret(&format!("value {number} of {write}"));
            keys.set(&keys.address(*write).unwrap(), &value).unwrap();
            for read in spellings {
                let found = keys.get(&keys.address(*read).unwrap()).unwrap();
                assert_eq!(found.as_ref(), Some(&value), "{write} then {read}");
            }
        }
        assert!(keys.remove(&keys.address(spellings[0]).unwrap()).unwrap());
        for read in spellings {
            assert_eq!(keys.get(&keys.address(*read).unwrap()).unwrap(), None, "{read} after removal");
        }
        assert!(!keys.remove(&keys.address(spellings[0]).unwrap()).unwrap());
    }
    assert_eq!(keys.list().unwrap(), []);
}

#[test]
fn values_written_before_their_provider_was_known_are_found_and_replaced() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    let nothing = Catalog::default();
    let before = Keys::new(&vault, &nothing, None);
    for (words, value) in
        [(Words::One("AWS_SECRET_ACCESS_KEY"), "old"), (Words::One("neon.token"), "old neon")]
    {
        before.set(&before.address(words).unwrap(), &secret(value)).unwrap();
    }

    let catalog = catalog();
    let after = Keys::new(&vault, &catalog, None);
    let aws = after.address(Words::ProviderKey("aws", "secret_access_key")).unwrap();
    assert_eq!(after.get(&aws).unwrap(), Some(secret("old")));
    let neon = after.address(Words::One("providers:neon/api_key")).unwrap();
    assert_eq!(after.get(&neon).unwrap(), Some(secret("old neon")));

    after.set(&aws, &secret("new")).unwrap();
    assert_eq!(
        after.get(&after.address(Words::One("AWS_SECRET_ACCESS_KEY")).unwrap()).unwrap(),
        Some(secret("new"))
    );
    let names: Vec<_> = after.list().unwrap().into_iter().map(|listed| listed.address.to_string()).collect();
    assert_eq!(names, ["providers:aws/secret_access_key", "neon/token"], "no old copy is left");
}

#[test]
fn a_service_key_needs_a_project_and_is_not_shared_between_projects() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let (shop, blog, local) =
        (vault.scope("shop", "prod"), vault.scope("blog", "prod"), vault.scope("shop", "local"));
    let address = Address::Service { service: "app-db".into(), name: "DATABASE_URL".into() };
    Keys::new(&vault, &catalog, Some(&shop)).set(&address, &secret("postgres://shop")).unwrap();
    for other in [&blog, &local] {
        assert_eq!(Keys::new(&vault, &catalog, Some(other)).get(&address).unwrap(), None);
    }
    let error = Keys::new(&vault, &catalog, None).get(&address).unwrap_err();
    assert!(matches!(error, VaultError::NoProject { .. }), "{error}");
}

#[test]
fn a_missing_key_names_every_place_and_the_command_and_no_neighbour() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let keys = Keys::new(&vault, &catalog, None);
    keys.set(&keys.address(Words::One("fly.api_token")).unwrap(), &secret("neighbour-value")).unwrap();

    let error = keys.require(&keys.address(Words::One("neon.api_token")).unwrap()).unwrap_err();
    assert_eq!(error.fix(), Some("ss vault set-key neon api_key"));
    assert_eq!(
        error.to_string(),
        "no value for `providers:neon/api_key`; looked in `providers:neon.api_key`, `providers:neon.api_token`, \
         `providers:neon.token`, `neon.api_key`, `neon.api_token`, `neon.token`"
    );
    let error = keys.require(&keys.address(Words::One("PORKBUN_SECRET_KEY")).unwrap()).unwrap_err();
    assert_eq!(error.fix(), Some("ss vault set-key porkbun secret_api_key"));
    assert!(error.to_string().ends_with("`PORKBUN_SECRET_KEY`"), "{error}");
}

#[test]
fn values_that_cannot_be_stored_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let keys = Keys::new(&vault, &catalog, None);
    let address = keys.address(Words::One("hosting.acme_email")).unwrap();
    for value in [secret(""), secret(&"x".repeat(1024 * 1024 + 1)), ss_secret::Secret::from_bytes(vec![0xff])]
    {
        assert!(matches!(keys.set(&address, &value), Err(VaultError::Value { .. })));
    }
    assert!(!vault.folder().exists(), "a refused value makes no vault");
}

#[test]
fn a_key_is_looked_up_in_the_documented_order() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let keys = Keys::new(&vault, &catalog, None);
    let spec = catalog.spec("fly", "api_key").unwrap();
    let resolve =
        |env: &dyn Fn(&str) -> Option<String>| keys.resolve_key("fly", spec, Some("MY_FLY_KEY"), env);

    let error = resolve(&no_env).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no value for `providers:fly/api_key`; looked in the environment variable `MY_FLY_KEY`, \
         `MY_FLY_KEY` in the vault, `secrets.MY_FLY_KEY` in the vault, `providers:fly.api_key` in the vault, \
         `providers:fly.api_token` in the vault, `providers:fly.token` in the vault, `fly.api_key` in the vault, `fly.api_token` in the vault, \
         `fly.token` in the vault, the environment variable `FLY_API_TOKEN`"
    );
    assert_eq!(error.fix(), Some("ss vault set-key fly api_key"));

    let conventional = |name: &str| (name == "FLY_API_TOKEN").then(|| "conventional".to_owned());
    let found = resolve(&conventional).unwrap();
    assert_eq!(
        (found.secret, found.found_in),
        (secret("conventional"), FoundIn::Environment("FLY_API_TOKEN".into()))
    );

    keys.set(&keys.address(Words::One("fly.token")).unwrap(), &secret("alias")).unwrap();
    assert_eq!(resolve(&conventional).unwrap().secret, secret("alias"));

    keys.set(&keys.address(Words::One("MY_FLY_KEY")).unwrap(), &secret("named in the vault")).unwrap();
    assert_eq!(resolve(&conventional).unwrap().secret, secret("named in the vault"));

    let named = |name: &str| (name == "MY_FLY_KEY").then(|| "named".to_owned());
    assert_eq!(resolve(&named).unwrap().secret, secret("named"));
    let empty = |name: &str| (name == "MY_FLY_KEY").then(String::new);
    assert_eq!(resolve(&empty).unwrap().secret, secret("named in the vault"), "an empty variable is absent");
}

#[test]
fn a_credential_env_that_a_provider_claims_is_found_under_the_providers_key() {
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), catalog());
    let keys = Keys::new(&vault, &catalog, None);
    keys.set(&keys.address(Words::One("AWS_SECRET_ACCESS_KEY")).unwrap(), &secret("aws")).unwrap();
    let spec = catalog.spec("aws", "secret_access_key").unwrap();
    assert_eq!(
        keys.resolve_key("aws", spec, Some("AWS_SECRET_ACCESS_KEY"), &no_env).unwrap().secret,
        secret("aws")
    );
    assert_eq!(keys.resolve_key("aws", spec, None, &no_env).unwrap().secret, secret("aws"));
}
