//! Putting a registry, and the releases in it, into an OCI registry.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use ss_capability_http::{Bytes, Client};
use url::Url;

use super::client::{Ask, OciClient, content_type};
use super::manifest::{
    Descriptor, EMPTY_CONFIG, INDEX, MANIFEST, Manifest, ManifestIndex, PLUGIN, REGISTRY, STATEMENT, WASM,
    encode,
};
use super::{MAX_MANIFEST, OciRepository, TAG};
use crate::component::MAX_COMPONENT;
use crate::dsse::MAX_ENVELOPE;
use crate::index::{Index, MAX_INDEX};
use crate::metadata::WriteError;
use crate::refusal::LoadError;
use crate::remote::{Patience, RemoteError};
use crate::source::{Directory, Source as _, SourceError};
use crate::{Digest, layout};

/// Header by which a registry says that it has understood `subject`.
const OCI_SUBJECT: &str = "oci-subject";
/// Largest answer to an upload, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// Why a registry was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The OCI registry did not take or give something.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A file of the folder cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file of the folder cannot be written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// The registry in the folder cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The registry in the folder does not hold together.
    #[error(transparent)]
    Metadata(#[from] WriteError),
    /// The index in the folder is damaged.
    #[error("`{path}` is damaged: {reason}")]
    Index {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl OciRepository {
    /// Reads the files of the registry (not the components) into a folder; none if there is no registry.
    /// They are as unverified as any.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn pull_into(
        &self,
        folder: &std::path::Path,
        client: &Client,
        patience: Patience,
    ) -> Result<bool, PushError> {
        let oci = OciClient::new(&self.host, client.clone(), patience);
        let Some(manifest) = oci.manifest(&self.path, TAG).await? else { return Ok(false) };
        for title in manifest.titles() {
            let (true, Some(layer)) = (is_registry_file(title), manifest.layer(title)) else { continue };
            if let Some(bytes) = oci.blob(&self.path, layer.digest, MAX_INDEX as u64).await? {
                crate::publish::write_file(folder, title, &bytes)?;
            }
        }
        Ok(true)
    }

    /// Writes a registry that lies in a folder: what is there already is not sent again, and the tag that
    /// makes it the current state moves last.
    ///
    /// # Errors
    /// [`PushError`]; the current state is then as it was.
    pub async fn push_from(
        &self,
        folder: &std::path::Path,
        client: &Client,
        patience: Patience,
    ) -> Result<(), PushError> {
        let push = Push { to: self, oci: OciClient::new(&self.host, client.clone(), patience) };
        let directory = Directory::new(folder);
        for plugin in directory.plugins()? {
            let path = layout::index(&plugin);
            let bytes = directory.read(&path, MAX_INDEX as u64)?.unwrap_or_default();
            let index = Index::parse(&plugin, &bytes)
                .map_err(|error| PushError::Index { path, reason: error.to_string() })?;
            for line in index.lines() {
                let read = |path: String, limit| directory.read(&path, limit);
                let (component, statement) = (
                    read(layout::component(line.digest), MAX_COMPONENT)?,
                    read(layout::statement(line.digest), MAX_ENVELOPE as u64)?,
                );
                // A folder may hold the new release only; the others are there.
                if let (Some(component), Some(statement)) = (component, statement) {
                    push.release(&self.of(&plugin), &line.v.to_string(), &component, &statement).await?;
                }
            }
        }
        push.files(&directory).await
    }
}

/// Whether a title is the path of a file that belongs there: nothing else is ever written to a folder.
fn is_registry_file(title: &str) -> bool {
    let root = title.strip_prefix("root/").and_then(|rest| rest.strip_suffix(".root.json"));
    let role = title.strip_suffix(".json").and_then(layout::namespace_of_role);
    [layout::CONFIG, layout::TIMESTAMP, layout::SNAPSHOT, layout::TARGETS].contains(&title)
        || root.and_then(|version| version.parse().ok()).is_some_and(|version| layout::root(version) == title)
        || role.is_some()
        || layout::plugin_of_index(title).is_some()
        || layout::plugin_of_marks(title).is_some()
}

struct Push<'a> {
    to: &'a OciRepository,
    oci: OciClient,
}

impl Push<'_> {
    /// A component under its version, and the statement that refers to it.
    async fn release(
        &self,
        repository: &str,
        version: &str,
        component: &[u8],
        statement: &[u8],
    ) -> Result<(), PushError> {
        // A tag may not have a plus.
        let tag = version.replace('+', "_");
        let layer = self.blob(repository, WASM, component).await?;
        let manifest = encode(&Manifest::artifact(PLUGIN, vec![layer], None));
        if let Some(there) = self.oci.raw_manifest(repository, &tag).await?
            && Digest::of(&there) != Digest::of(&manifest)
        {
            return Err(
                RemoteError::failed(&tag, "this version is there already, with another component").into()
            );
        }
        self.config(repository).await?;
        self.manifest(repository, &tag, MANIFEST, &manifest).await?;
        let subject = Descriptor::of(MANIFEST, &manifest);

        let layer = self.blob(repository, STATEMENT, statement).await?;
        let referrer = encode(&Manifest::artifact(STATEMENT, vec![layer], Some(subject.clone())));
        let digest = Digest::of(&referrer).to_string();
        let answer = self.manifest(repository, &digest, MANIFEST, &referrer).await?;
        if !answer.headers().contains_key(OCI_SUBJECT) {
            let mut descriptor = Descriptor::of(MANIFEST, &referrer);
            descriptor.artifact_type = Some(STATEMENT.to_owned());
            self.fallback(repository, &subject, descriptor).await?;
        }
        Ok(())
    }

    /// Lists a referrer under the tag that stands in for the referrers API.
    async fn fallback(
        &self,
        repository: &str,
        subject: &Descriptor,
        referrer: Descriptor,
    ) -> Result<(), PushError> {
        let tag = format!("sha256-{}", subject.digest.to_hex());
        let known = self.oci.raw_manifest(repository, &tag).await?;
        let mut index: ManifestIndex = match known {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| RemoteError::failed(&tag, format_args!("it is no index: {error}")))?,
            None => ManifestIndex::default(),
        };
        if !index.manifests.contains(&referrer) {
            index.manifests.push(referrer);
            self.manifest(repository, &tag, INDEX, &encode(&index)).await?;
        }
        Ok(())
    }

    /// The registry's own files, under one tag.
    async fn files(&self, directory: &Directory) -> Result<(), PushError> {
        let mut layers = Vec::new();
        for path in registry_files(directory)? {
            let Some(bytes) = directory.read(&path, MAX_INDEX as u64)? else { continue };
            layers.push(self.blob(&self.to.path, REGISTRY, &bytes).await?.titled(&path));
        }
        self.config(&self.to.path).await?;
        let manifest = encode(&Manifest::artifact(REGISTRY, layers, None));
        self.manifest(&self.to.path, TAG, MANIFEST, &manifest).await?;
        Ok(())
    }

    async fn config(&self, repository: &str) -> Result<(), PushError> {
        self.blob(repository, "application/json", EMPTY_CONFIG).await.map(|_| ())
    }

    /// Uploads a blob unless it is there.
    async fn blob(&self, repository: &str, kind: &str, bytes: &[u8]) -> Result<Descriptor, PushError> {
        let descriptor = Descriptor::of(kind, bytes);
        let what = format!("{repository}@{}", descriptor.digest);
        let url = self.oci.url(repository, &format!("blobs/{}", descriptor.digest))?;
        let there = self.send(Method::HEAD, url, HeaderMap::new(), Bytes::new(), &what).await?;
        if there.status() == StatusCode::OK {
            return Ok(descriptor);
        }
        let url = self.oci.url(repository, "blobs/uploads/")?;
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))]);
        let begun = self.send(Method::POST, url.clone(), headers, Bytes::new(), &what).await?;
        expect(&begun, StatusCode::ACCEPTED, &what)?;
        let place = begun.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let mut place = place
            .and_then(|place| url.join(place).ok())
            // A login goes along: it stays with the host that it belongs to.
            .filter(|place: &Url| place.origin() == url.origin())
            .ok_or_else(|| RemoteError::failed(&what, "the registry names no place for the upload"))?;
        place.query_pairs_mut().append_pair("digest", &descriptor.digest.to_string());
        let headers = content_type("application/octet-stream");
        let done = self.send(Method::PUT, place, headers, Bytes::copy_from_slice(bytes), &what).await?;
        expect(&done, StatusCode::CREATED, &what)?;
        Ok(descriptor)
    }

    async fn manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &'static str,
        bytes: &[u8],
    ) -> Result<Response<Bytes>, PushError> {
        let what = format!("{repository}:{reference}");
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(RemoteError::TooLarge { file: what, limit: MAX_MANIFEST }.into());
        }
        let url = self.oci.url(repository, &format!("manifests/{reference}"))?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        let done = self.send(Method::PUT, url, headers, Bytes::copy_from_slice(bytes), &what).await?;
        expect(&done, StatusCode::CREATED, &what)?;
        Ok(done)
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
        what: &str,
    ) -> Result<Response<Bytes>, PushError> {
        Ok(self.oci.send(Ask { method, url, headers, body, what, limit: MAX_ANSWER }).await?)
    }
}

fn expect(answer: &Response<Bytes>, status: StatusCode, what: &str) -> Result<(), RemoteError> {
    if answer.status() == status {
        return Ok(());
    }
    let said = String::from_utf8_lossy(answer.body());
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(RemoteError::failed(what, format_args!("the registry answers {}: {said}", answer.status())))
}

/// Every file of a registry but the components and statements, the timestamp last.
fn registry_files(directory: &Directory) -> Result<Vec<String>, SourceError> {
    let mut files = vec![layout::CONFIG.to_owned()];
    let mut version = 1;
    while directory.read(&layout::root(version), MAX_MANIFEST)?.is_some() {
        files.push(layout::root(version));
        version += 1;
    }
    files.push(layout::TARGETS.to_owned());
    files.extend(directory.namespaces()?.iter().map(|namespace| layout::delegated(namespace)));
    for plugin in directory.plugins()? {
        files.extend([layout::index(&plugin), layout::marks(&plugin)]);
    }
    files.extend([layout::SNAPSHOT.to_owned(), layout::TIMESTAMP.to_owned()]);
    Ok(files)
}
