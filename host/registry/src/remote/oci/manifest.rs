//! OCI manifests and indexes: the fields that are used here, and no other.
//!
//! Threat: a manifest of a stranger. It is looked into for digests only; what they lead to is verified by
//! its signature, not by this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index of manifests.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a component.
pub(super) const WASM: &str = "application/wasm";
/// Media type of a signed statement.
pub(super) const STATEMENT: &str = "application/vnd.dsse.envelope.v1+json";
/// Type of the artifact that holds a registry's own files, and media type of each.
pub(super) const REGISTRY: &str = "application/vnd.starsystem.registry.v1";
/// Type of the artifact that is a plugin.
pub(super) const PLUGIN: &str = "application/vnd.starsystem.plugin.v1";
/// Media type of a config that says nothing; its content is `{}`.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Annotation of a layer: the name of its file.
const TITLE: &str = "org.opencontainers.image.title";

/// A reference by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(super) fn titled(mut self, title: &str) -> Self {
        self.annotations.insert(TITLE.to_owned(), title.to_owned());
        self
    }
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub schema_version: u32,
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An artifact with these layers.
    pub(super) fn artifact(kind: &str, layers: Vec<Descriptor>, subject: Option<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: Some(kind.to_owned()),
            config: Descriptor::of(EMPTY, EMPTY_CONFIG),
            layers,
            subject,
            annotations: BTreeMap::new(),
        }
    }

    /// The layer of a file.
    pub(super) fn layer(&self, title: &str) -> Option<&Descriptor> {
        self.layers.iter().find(|layer| layer.annotations.get(TITLE).is_some_and(|found| found == title))
    }

    /// The files of all layers.
    pub(super) fn titles(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter_map(|layer| layer.annotations.get(TITLE)).map(String::as_str)
    }
}

/// Content of the config that says nothing.
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";

/// An index of manifests: what the referrers API and its fallback tag hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestIndex {
    pub schema_version: u32,
    pub media_type: String,
    pub manifests: Vec<Descriptor>,
}

impl Default for ManifestIndex {
    fn default() -> Self {
        Self { schema_version: 2, media_type: INDEX.to_owned(), manifests: Vec::new() }
    }
}

/// The bytes of a document, the same for the same document.
pub(super) fn encode<T: Serialize>(document: &T) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "strings, numbers and lists always serialise")]
    serde_json::to_vec(document).expect("a manifest is JSON")
}
