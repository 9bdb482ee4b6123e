//! Release statements: which bytes are which plugin at which version, and what they ask for.
//!
//! Format: in-toto statement v1 with one subject (the component) and our own predicate. It is the payload
//! of a DSSE [`Envelope`](crate::Envelope) beside the component. Everything that a person or the lock
//! relies on (name, version, contract, requested authority) is in here, because the component's bytes
//! alone say none of it reliably.

use semver::Version;
use serde::{Deserialize, Serialize};
use ss_authority::{Authority, Manifest};

use crate::dsse::{self, Envelope};
use crate::key::SigningKey;
use crate::strict::{self, Malformed};
use crate::{Contract, Digest, PluginName, Timestamp};

/// Type of the envelope's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Type of an in-toto statement.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of our predicate.
const PREDICATE_TYPE: &str = "urn:starsystem:plugin-release/v1";

/// A release statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The whole component file.
    pub component: Digest,
    /// What the publisher says of it.
    pub release: Release,
}

/// What a publisher says of a component: the predicate of the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The plugin.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// The contract that it is built against.
    pub contract: Contract,
    /// One line.
    pub description: String,
    /// Everything that it asks for.
    pub requested: Authority,
    /// The oldest `ss` that can run it.
    pub min_ss: Version,
    /// What it was built from.
    pub source: Source,
    /// When it was published.
    pub published: Timestamp,
}

/// What a component was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Digest over the sorted list of source files and their digests.
    pub digest: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Release,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: String,
}

impl Statement {
    /// Reads the payload of an envelope that has been verified.
    ///
    /// # Errors
    /// If it is not exactly a statement of ours, with one subject that its predicate names.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = strict::json(payload, dsse::MAX_ENVELOPE)?;
        expect("`_type`", &wire.kind, STATEMENT_TYPE)?;
        expect("`predicateType`", &wire.predicate_type, PREDICATE_TYPE)?;
        let [subject] = wire.subject.as_slice() else {
            return Err(Malformed::Shape("a release has exactly one subject".to_owned()));
        };
        expect("the subject's name", &subject.name, &subject_name(&wire.predicate))?;
        let component = Digest::from_hex(&subject.digest.sha256).ok_or_else(|| {
            Malformed::Shape("the subject's `sha256` is not 64 lower-case hex digits".to_owned())
        })?;
        Ok(Self { component, release: wire.predicate })
    }

    /// The payload to sign: canonical JSON (RFC 8785), so that equal statements have equal bytes.
    ///
    /// # Errors
    /// If a value of the release cannot be written as JSON; none that this program makes.
    pub fn to_payload(&self) -> Result<Vec<u8>, Malformed> {
        let wire = Wire {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: subject_name(&self.release),
                digest: SubjectDigest { sha256: self.component.to_hex() },
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: self.release.clone(),
        };
        serde_json_canonicalizer::to_vec(&wire).map_err(|error| Malformed::Shape(error.to_string()))
    }

    /// The signed statement.
    ///
    /// # Errors
    /// As [`to_payload`](Self::to_payload).
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<Envelope, Malformed> {
        Ok(Envelope::sign(PAYLOAD_TYPE, &self.to_payload()?, keys))
    }
}

impl Release {
    /// The first field in which the manifest inside the component says something else, if any.
    pub(crate) fn contradicted_by(&self, manifest: &Manifest) -> Option<&'static str> {
        [
            ("name", self.name.name() == manifest.name),
            ("version", self.version == manifest.version),
            ("contract", self.contract == Contract::provisioner(manifest.contract.clone())),
            ("description", self.description == manifest.description),
            ("authority", self.requested == manifest.authority),
        ]
        .into_iter()
        .find_map(|(field, agrees)| (!agrees).then_some(field))
    }
}

fn subject_name(release: &Release) -> String {
    format!("{}@{}", release.name, release.version)
}

fn expect(what: &str, found: &str, expected: &str) -> Result<(), Malformed> {
    if found == expected {
        Ok(())
    } else {
        Err(Malformed::Shape(format!("{what} is `{found}`, not `{expected}`")))
    }
}
