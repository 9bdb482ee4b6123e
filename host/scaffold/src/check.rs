//! Holding a component against the contract and against its own manifest, as a registry and the runtime will.

use ss_authority::{Authority, Manifest};
use ss_registry::Outline;

use crate::error::BuildError;
use crate::language::Language;

/// The contract's own interfaces, as imports begin.
const CONTRACT: &str = "starsystem:provisioner/";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Everything that the component imports, sorted.
    pub imports: Vec<String>,
    /// Where the manifest asks for more, or for less, than the component can use.
    pub warnings: Vec<String>,
}

/// Checks a component whose manifest is inside.
pub(crate) fn check(
    component: &[u8],
    manifest: &Manifest,
    language: Option<Language>,
) -> Result<Checked, BuildError> {
    let Outline { imports, contract, .. } = ss_registry::inspect(component)?;
    if contract.version != manifest.contract {
        return Err(BuildError::OtherContract {
            stated: manifest.contract.to_string(),
            found: contract.version.to_string(),
        });
    }
    if let Some(import) = imports.iter().find(|import| !ss_registry::allows_import(&contract, import)) {
        return Err(BuildError::ForeignImport {
            import: (*import).to_owned(),
            contract: contract.version.to_string(),
        });
    }
    let mut imports: Vec<String> = imports.into_iter().map(str::to_owned).collect();
    imports.sort();
    for (capability, asked) in
        [("process", manifest.authority.process.is_some()), ("files", manifest.authority.files.is_some())]
    {
        if !asked && has(&imports, capability) {
            return Err(BuildError::NotAsked { capability });
        }
    }
    let mut warnings = warnings(&imports, &manifest.authority);
    if language != Some(Language::Python) && imports.iter().any(|import| import.starts_with("wasi:sockets/"))
    {
        // CPython's C library imports them, used or not; elsewhere somebody believes that they reach something.
        warnings.push("it imports sockets, which reach nothing in the sandbox".to_owned());
    }
    Ok(Checked { imports, warnings })
}

fn has(imports: &[String], interface: &str) -> bool {
    let own = format!("{CONTRACT}{interface}@");
    imports.iter().any(|import| import.starts_with(&own))
}

/// What the manifest asks for and the component cannot use, and the other way round.
fn warnings(imports: &[String], authority: &Authority) -> Vec<String> {
    let http = imports.iter().any(|import| import.starts_with("wasi:http/outgoing-handler@"));
    let secrets = &authority.secrets;
    let asks_for_secrets = secrets.generate || !secrets.hmac.is_empty() || !secrets.reveal.is_empty();
    let mut warnings: Vec<String> = [
        ("`authority.http`", !authority.http.is_empty(), http),
        ("`authority.vault.write`", !authority.vault.write.is_empty(), has(imports, "vault")),
        ("`authority.secrets`", asks_for_secrets, has(imports, "secrets")),
        ("`authority.process`", authority.process.is_some(), has(imports, "process")),
        ("`authority.files`", authority.files.is_some(), has(imports, "files")),
    ]
    .into_iter()
    .filter(|(_, asked, imported)| *asked && !imported)
    .map(|(table, ..)| format!("`plugin.toml` asks for {table}, and the component imports nothing to use it"))
    .collect();
    if http && authority.http.is_empty() {
        warnings
            .push("it can send requests, and `plugin.toml` asks for none: each will be refused".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(authority: &str) -> Manifest {
        let head = "name = \"acme\"\nversion = \"0.1.0\"\ncontract = \"0.1.0\"\ndescription = \"x\"\n";
        Manifest::parse(&format!("{head}{authority}")).unwrap()
    }

    fn imports(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_manifest_that_asks_for_more_than_can_be_used_is_noticed() {
        let asks =
            manifest("[authority.files]\nread-options = [\"a\"]\n[authority.secrets]\ngenerate = true\n");
        let found = warnings(&imports(&["starsystem:provisioner/secrets@0.1.0"]), &asks.authority);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("authority.files"), "{found:?}");
    }

    #[test]
    fn requests_without_a_rule_are_noticed() {
        let found = warnings(&imports(&["wasi:http/outgoing-handler@0.2.12"]), &manifest("").authority);
        assert!(found[0].contains("each will be refused"), "{found:?}");
        assert!(warnings(&imports(&["wasi:http/types@0.2.12"]), &manifest("").authority).is_empty());
    }
}
