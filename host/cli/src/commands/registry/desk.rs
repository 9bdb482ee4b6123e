//! A registry that is being changed: in its folder, or a copy of one that is in an OCI registry.

use std::path::{Path, PathBuf};

use ss_capability_http::Client;
use ss_registry::{
    Custody, Directory, Location, OciRepository, Patience, Registry, SigningKey, Timestamp, WriteError,
};

use super::keys;
use crate::args::Keeper;
use crate::compose::tokio_runtime;
use crate::error::CommandError;

/// A registry that is being changed, with the keys at hand.
pub struct Desk {
    folder: PathBuf,
    /// Where the copy came from, and the folder that goes with it.
    copy: Option<(OciRepository, tempfile::TempDir)>,
    /// The registry's own keys.
    own: Vec<SigningKey>,
    /// The keys that sign for a namespace.
    publishers: Vec<SigningKey>,
}

impl Desk {
    /// Opens the registry that a command is to change.
    pub fn open(keeper: &Keeper) -> Result<Self, CommandError> {
        let publishers = keeper.keys.iter().map(|file| keys::read(file)).collect::<Result<Vec<_>, _>>()?;
        let beside = keeper.keys.first().and_then(|file| file.parent());
        let folder = keeper.registry_keys.as_deref().or(beside).map_or(Path::new("."), |folder| {
            if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
        });
        Self::open_with(&keeper.to, keys::all_in(folder)?, publishers)
    }

    /// Opens a registry with these keys.
    pub fn open_with(
        to: &str,
        own: Vec<SigningKey>,
        publishers: Vec<SigningKey>,
    ) -> Result<Self, CommandError> {
        let (folder, copy) = match location(to)? {
            Location::Folder(folder) => (folder, None),
            Location::Web(_) => {
                return Err(CommandError::usage(format!("`{to}` can only be read"))
                    .hint("name the folder that the web server serves"));
            }
            Location::Oci(repository) => {
                let copy = tempfile::tempdir().map_err(|error| {
                    CommandError::caused_by("no folder for a copy of the registry", &error)
                })?;
                let (client, patience) = (Client::new(), Patience::default());
                let found = tokio_runtime()?
                    .block_on(repository.pull_into(copy.path(), &client, patience))
                    .map_err(|error| CommandError::of(&error))?;
                if !found {
                    return Err(CommandError::failed(format!("there is no registry at `{to}`")).hint(
                        "`ss registry init` starts one in a folder, `ss registry push` writes it there",
                    ));
                }
                (copy.path().to_owned(), Some((repository, copy)))
            }
        };
        if !folder.join("root/1.root.json").exists() {
            return Err(CommandError::failed(format!("there is no registry at `{to}`"))
                .hint("`ss registry init <folder> --keys <folder> --namespace <name>` starts one"));
        }
        Ok(Self { folder, copy, own, publishers })
    }

    /// The folder with its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys that sign for a namespace.
    pub fn publisher_keys(&self) -> Vec<&SigningKey> {
        self.publishers.iter().collect()
    }

    /// The registry's files with all keys.
    pub fn custody(&self, now: Timestamp) -> Custody<'_> {
        Custody { folder: &self.folder, keys: self.own.iter().chain(&self.publishers).collect(), now }
    }

    /// The namespace that was named, or the one that the key signs for.
    pub fn namespace(&self, named: Option<&str>) -> Result<String, CommandError> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        let root = self.custody(Timestamp::now()).fingerprint().map_err(|error| unwritten(&error))?;
        let registry = Registry::with_root("registry", Directory::new(&self.folder), root);
        let mut found = Vec::new();
        for namespace in registry.namespaces().map_err(|error| CommandError::of(&error))? {
            let signers = registry.signers_of(&namespace).map_err(|error| CommandError::of(&error))?;
            let mine = |key: &SigningKey| {
                signers.as_ref().is_some_and(|signers| signers.keys.contains(&key.public()))
            };
            if self.publishers.iter().any(mine) {
                found.push(namespace);
            }
        }
        match <[String; 1]>::try_from(found) {
            Ok([namespace]) => Ok(namespace),
            Err(found) if found.is_empty() => {
                Err(CommandError::failed("the key signs for no namespace of this registry").hint(
                    "`ss registry delegate <registry> <namespace> --public-key <key> --registry-keys <folder>` gives it one",
                ))
            }
            Err(found) => Err(CommandError::usage(format!(
                "the key signs for more than one namespace; name one with `--namespace`: {}",
                found.join(", ")
            ))),
        }
    }

    /// Refuses before anything is changed if the keys at hand cannot make the change current.
    pub fn check_keys(&self, namespace: &str) -> Result<(), CommandError> {
        self.custody(Timestamp::now()).check_keys(namespace).map_err(|error| unwritten(&error))
    }

    /// Makes what is in the folder the current state.
    pub fn seal(&self, now: Timestamp) -> Result<(), CommandError> {
        self.custody(now).seal().map(|_| ()).map_err(|error| unwritten(&error))
    }

    /// Puts a copy back to where it came from.
    pub fn finish(self) -> Result<(), CommandError> {
        let Some((repository, _folder)) = &self.copy else { return Ok(()) };
        let (client, patience) = (Client::new(), Patience::default());
        tokio_runtime()?
            .block_on(repository.push_from(&self.folder, &client, patience))
            .map_err(|error| CommandError::caused_by(format!("`oci://{repository}` is not changed"), &error))
    }
}

/// The place of a registry, where a folder may be named as it is.
pub fn location(text: &str) -> Result<Location, CommandError> {
    if text.contains("://") {
        return text
            .parse()
            .map_err(|error: ss_registry::BadLocation| CommandError::usage(error.to_string()));
    }
    std::path::absolute(text)
        .map(Location::Folder)
        .map_err(|error| CommandError::usage(format!("`{text}` is not a folder: {error}")))
}

/// Metadata that was not written, and what to do about it.
pub fn unwritten(error: &WriteError) -> CommandError {
    let command_error = CommandError::of(error);
    match error {
        WriteError::MissingKey { .. } => {
            command_error.hint("`--registry-keys` names the folder with the registry's own keys (`*.seed`)")
        }
        WriteError::NoNamespace { namespace } => command_error.hint(format!(
            "`ss registry delegate <registry> {namespace} --public-key <key> --registry-keys <folder>` starts it"
        )),
        WriteError::Exists => command_error.hint("name another folder"),
        _ => command_error,
    }
}
