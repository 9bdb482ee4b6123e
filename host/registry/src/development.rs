//! Plugins under development: a component file of the user's own, named by `plugins.<name>.path`.
//!
//! Nobody signed it, so it never becomes a [`VerifiedPlugin`](crate::VerifiedPlugin). It lives in a
//! namespace of its own that no registry may serve, is read anew at every run, and runs in the same
//! sandbox under the same rules of grants. Threat: the file and its path come with a repository; what it
//! may do waits for this machine's approval like a stranger's plugin.

use std::path::{Path, PathBuf};

use ss_authority::{Authority, Manifest};
use ss_provider::Identity;

use crate::component::{Component, MAX_COMPONENT, Outline};
use crate::name::DEVELOPMENT;
use crate::refusal::Refusal;
use crate::verify::VerifiedPlugin;
use crate::{BadName, Contract, PluginName, contract};

/// A component that its developer runs without publishing it. Nobody has vouched for it.
#[derive(Debug, Clone)]
pub struct DevelopmentPlugin {
    name: PluginName,
    path: String,
    identity: Identity,
    manifest: Manifest,
    contract: Contract,
    component: Component,
}

/// Why a component file cannot be used as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// Its name is none.
    #[error("`{name}` cannot be the name of a plugin")]
    Name {
        /// What was written.
        name: String,
        /// The rule.
        #[source]
        source: BadName,
    },
    /// The file is not there.
    #[error("the plugin `{plugin}` is to come from `{}`, and there is no such file", path.display())]
    Missing {
        /// The plugin.
        plugin: PluginName,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// The file is larger than any component.
    #[error("`{}` has more than {MAX_COMPONENT} bytes, the most that a component may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a plugin that can be run.
    #[error("`{}` cannot be the plugin `{plugin}`: {refusal}", path.display())]
    Refused {
        /// The plugin.
        plugin: PluginName,
        /// The file.
        path: PathBuf,
        /// The check that it did not pass.
        refusal: Box<Refusal>,
    },
    /// It is built against a contract that this `ss` cannot run.
    #[error(
        "`{}` is built against {contract}, which this ss does not know (it knows {})",
        path.display(),
        contract::known()
    )]
    UnknownContract {
        /// The plugin.
        plugin: PluginName,
        /// The file.
        path: PathBuf,
        /// Its contract.
        contract: Contract,
    },
    /// The component says that it is another plugin.
    #[error("`{}` is the plugin `{found}`, and `plugins:` calls it `{}`", path.display(), plugin.name())]
    OtherName {
        /// The plugin as the configuration names it.
        plugin: PluginName,
        /// The file.
        path: PathBuf,
        /// The name in its manifest.
        found: String,
    },
}

impl DevelopmentPlugin {
    /// Reads the component of `provider` from `path`, which is relative to `folder` as the configuration
    /// writes it.
    ///
    /// # Errors
    /// [`DevelopmentError`]; nothing of the component has run.
    pub fn load(provider: &str, path: &str, folder: &Path) -> Result<Self, DevelopmentError> {
        let name = PluginName::new(DEVELOPMENT, provider)
            .map_err(|source| DevelopmentError::Name { name: provider.to_owned(), source })?;
        let file = folder.join(path);
        let component = read(&name, &file)?;
        let refused = |refusal| DevelopmentError::Refused {
            plugin: name.clone(),
            path: file.clone(),
            refusal: Box::new(refusal),
        };
        let outline = component.outline().map_err(|error| refused(error.into()))?;
        if !contract::is_known(&outline.contract) {
            return Err(DevelopmentError::UnknownContract {
                plugin: name,
                path: file,
                contract: outline.contract,
            });
        }
        let (manifest, contract) = inside(outline).map_err(refused)?;
        if manifest.name != provider {
            return Err(DevelopmentError::OtherName { plugin: name, path: file, found: manifest.name });
        }
        let identity = Identity {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: component.digest().to_string(),
            development: true,
        };
        Ok(Self { name, path: path.to_owned(), identity, manifest, contract, component })
    }

    /// Its name, in the namespace of plugins under development.
    pub fn name(&self) -> &PluginName {
        &self.name
    }

    /// Its file, as the configuration writes it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Provider name, version, and the digest that the file has now.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it says of itself and asks for.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The contract that it implements; known to this `ss`.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The component file.
    pub fn component(&self) -> &Component {
        &self.component
    }
}

/// Reads the file, which may be anything.
fn read(plugin: &PluginName, file: &Path) -> Result<Component, DevelopmentError> {
    match Component::open(file, MAX_COMPONENT) {
        Ok(component) if component.size() > MAX_COMPONENT => {
            Err(DevelopmentError::TooLarge { path: file.to_owned() })
        }
        Ok(component) => Ok(component),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(DevelopmentError::Missing { plugin: plugin.clone(), path: file.to_owned() })
        }
        Err(error) => Err(ss_durable::FileError::new("read", file, error).into()),
    }
}

/// The checks that a release passes too, as far as they need no signature.
fn inside(outline: Outline<'_>) -> Result<(Manifest, Contract), Refusal> {
    let Outline { manifest, imports, contract } = outline;
    if let Some(import) = imports.into_iter().find(|import| !contract::allows_import(&contract, import)) {
        return Err(Refusal::Import { import: import.to_owned(), contract });
    }
    let manifest = Manifest::parse(manifest)?;
    let stated = Contract::provisioner(manifest.contract.clone());
    if stated != contract {
        return Err(Refusal::OtherContract { stated, found: contract });
    }
    Ok((manifest, contract))
}

/// A plugin that may run under a grant.
#[derive(Debug, Clone)]
pub enum Plugin {
    /// A release that a trusted publisher signed.
    Release(Box<VerifiedPlugin>),
    /// A component that its developer runs unpublished.
    Development(Box<DevelopmentPlugin>),
}

impl Plugin {
    /// Its name with the namespace.
    pub fn name(&self) -> &PluginName {
        match self {
            Self::Release(plugin) => plugin.name(),
            Self::Development(plugin) => plugin.name(),
        }
    }

    /// Provider name, version and component digest.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Release(plugin) => plugin.identity(),
            Self::Development(plugin) => plugin.identity(),
        }
    }

    /// What it says of itself and asks for.
    pub fn manifest(&self) -> &Manifest {
        match self {
            Self::Release(plugin) => plugin.manifest(),
            Self::Development(plugin) => plugin.manifest(),
        }
    }

    /// What it asks for.
    pub fn requested(&self) -> &Authority {
        &self.manifest().authority
    }

    /// Whether it is under development.
    pub fn is_development(&self) -> bool {
        matches!(self, Self::Development(_))
    }
}

impl From<VerifiedPlugin> for Plugin {
    fn from(plugin: VerifiedPlugin) -> Self {
        Self::Release(Box::new(plugin))
    }
}

impl From<DevelopmentPlugin> for Plugin {
    fn from(plugin: DevelopmentPlugin) -> Self {
        Self::Development(Box::new(plugin))
    }
}
