//! The one way from bytes of a registry to a [`VerifiedPlugin`].
//!
//! Order: what was asked for against the signed statement, the statement against the index line, the bytes
//! against both, the inside of the component against the statement. The cheap and the decisive come first;
//! of a component nothing but where its sections end is looked at before its digest is the signed one.

use semver::Version;
use ss_authority::Manifest;
use ss_provider::Identity;

use crate::component::{Component, Outline};
use crate::dsse::Envelope;
use crate::index::Line;
use crate::key::{Delegation, KeyId};
use crate::refusal::Refusal;
use crate::statement::{PAYLOAD_TYPE, Release, Statement};
use crate::{Contract, Digest, PluginName, contract};

/// A component that a trusted publisher released as this plugin at this version. Only this module makes one.
#[derive(Debug, Clone)]
pub struct VerifiedPlugin {
    name: PluginName,
    registry: String,
    vouched: bool,
    identity: Identity,
    manifest: Manifest,
    contract: Contract,
    component: Component,
    requested: Digest,
    statement: Digest,
    signers: Vec<KeyId>,
    source: Digest,
}

impl VerifiedPlugin {
    /// Its name with the namespace.
    pub fn name(&self) -> &PluginName {
        &self.name
    }

    /// Name of the registry that it came from.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Whether using it needs no approval beyond running this program.
    pub fn is_vouched_for(&self) -> bool {
        self.vouched
    }

    /// Provider name, version and component digest.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.manifest.version
    }

    /// What it says of itself and asks for: signed, and the same inside the component.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The contract that it implements; known to this `ss`.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Digest of the component file.
    pub fn digest(&self) -> Digest {
        self.component.digest()
    }

    /// Digest of the authority that it asks for.
    pub fn requested_digest(&self) -> Digest {
        self.requested
    }

    /// Digest of the statement file.
    pub fn statement_digest(&self) -> Digest {
        self.statement
    }

    /// The trusted keys that signed the statement, sorted.
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// Digest of the sources that its publisher built it from.
    pub fn source_digest(&self) -> Digest {
        self.source
    }

    /// The component file.
    pub fn component(&self) -> &Component {
        &self.component
    }
}

/// What was asked for, of whom.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub registry: &'a str,
    pub vouched: bool,
    pub name: &'a PluginName,
    pub version: &'a Version,
    pub trusted: Delegation,
    /// Version of this `ss`.
    pub this: &'a Version,
}

/// A statement that was signed for what was asked for, and agrees with the index.
pub(crate) struct Promise {
    statement: Statement,
    digest: Digest,
    signers: Vec<KeyId>,
}

impl Promise {
    /// What the statement says, and who signed it.
    pub(crate) fn into_parts(self) -> (Release, Vec<KeyId>) {
        (self.statement.release, self.signers)
    }
}

impl Wanted<'_> {
    /// Verifies the statement file of the release that `line` describes.
    pub(crate) fn statement(&self, line: &Line, file: &[u8]) -> Result<Promise, Refusal> {
        let digest = Digest::of(file);
        if digest != line.statement_digest {
            return Err(Refusal::StatementTampered { expected: line.statement_digest, found: digest });
        }
        let signed = Envelope::parse(file)?.open(PAYLOAD_TYPE, &self.trusted)?;
        let statement = Statement::parse(&signed.payload).map_err(Refusal::Statement)?;
        let release = &statement.release;
        if (&release.name, &release.version) != (self.name, self.version) {
            return Err(Refusal::OtherRelease {
                name: release.name.clone(),
                version: release.version.clone(),
            });
        }
        if let Some(field) = line_differs(line, &statement) {
            return Err(Refusal::IndexDiffers { field });
        }
        if !contract::is_known(&release.contract) {
            return Err(Refusal::UnknownContract {
                contract: release.contract.clone(),
                min_ss: release.min_ss.clone(),
            });
        }
        if release.min_ss > *self.this {
            return Err(Refusal::NeedsNewerSs { min_ss: release.min_ss.clone(), this: self.this.clone() });
        }
        Ok(Promise { statement, digest, signers: signed.signers })
    }

    /// Verifies the component file against its statement.
    pub(crate) fn component(
        &self,
        line: &Line,
        promise: Promise,
        component: Component,
    ) -> Result<VerifiedPlugin, Refusal> {
        let Promise { statement, digest, signers } = promise;
        if component.size() != line.size {
            return Err(Refusal::Size { expected: line.size, found: component.size() });
        }
        let found = component.digest();
        if found != statement.component {
            return Err(Refusal::Tampered { expected: statement.component, found });
        }
        let manifest = self.inside(&statement, &component)?;
        Ok(VerifiedPlugin {
            name: self.name.clone(),
            registry: self.registry.to_owned(),
            vouched: self.vouched,
            identity: Identity {
                name: manifest.name.clone(),
                version: manifest.version.to_string(),
                digest: found.to_string(),
                development: false,
            },
            manifest,
            contract: statement.release.contract,
            component,
            requested: line.requested,
            statement: digest,
            signers,
            source: statement.release.source.digest,
        })
    }

    /// Holds the inside of the component against its statement.
    fn inside(&self, statement: &Statement, component: &Component) -> Result<Manifest, Refusal> {
        let Outline { manifest, imports, contract } = component.outline()?;
        let stated = &statement.release.contract;
        if contract != *stated {
            return Err(Refusal::OtherContract { stated: stated.clone(), found: contract });
        }
        if let Some(import) = imports.into_iter().find(|import| !contract::allows_import(stated, import)) {
            return Err(Refusal::Import { import: import.to_owned(), contract });
        }
        let manifest = Manifest::parse(manifest)?;
        match statement.release.contradicted_by(&manifest) {
            Some(field) => Err(Refusal::ManifestDiffers { field }),
            None => Ok(manifest),
        }
    }
}

/// The first field in which the index line says something else than the statement, if any.
fn line_differs(line: &Line, statement: &Statement) -> Option<&'static str> {
    let release = &statement.release;
    [
        ("n", line.n == release.name.name()),
        ("ns", line.ns == release.name.namespace()),
        ("v", line.v == release.version),
        ("digest", line.digest == statement.component),
        ("world", line.world == release.contract),
        ("requested", line.requested == crate::authority_digest(&release.requested)),
        ("min_ss", line.min_ss == release.min_ss),
        ("published", line.published == release.published),
    ]
    .into_iter()
    .find_map(|(field, agrees)| (!agrees).then_some(field))
}
