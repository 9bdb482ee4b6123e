//! Where a service's Terraform keeps its things: `terraform/<project>/<environment>/<service>` in the home
//! of `ss`, which only its owner may enter. The module's own folder gets nothing but its lock file.
//!
//! The state file is Terraform's, and as ever it holds values in the open. A module that declares a backend
//! keeps its state there instead.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::Deserialize;
use ss_provider::{Context, Failure, FailureKind};

use crate::inputs::argument;

/// The folder of one service.
pub(crate) struct Folder {
    path: PathBuf,
}

/// What is read of Terraform's state (format 4).
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Recorded {
    /// Names the state for its whole life.
    #[serde(default)]
    pub lineage: String,
    #[serde(default)]
    resources: Vec<RecordedResource>,
}

#[derive(Debug, Clone, Deserialize)]
struct RecordedResource {
    mode: String,
    #[serde(default)]
    instances: Vec<serde::de::IgnoredAny>,
}

impl Recorded {
    /// How many resources there are; what is only looked up does not count.
    pub(crate) fn resources(&self) -> usize {
        let managed = self.resources.iter().filter(|resource| resource.mode == "managed");
        managed.map(|resource| resource.instances.len()).sum()
    }
}

impl Folder {
    pub(crate) fn of(home: &Path, context: &Context, service: &str) -> Self {
        let path = home.join("terraform").join(&context.project).join(&context.environment).join(service);
        Self { path }
    }

    /// Makes it, if it is not there.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        ss_durable::create_private_dir(&self.path).map_err(|error| unusable(&self.path, &error))
    }

    /// What `TF_DATA_DIR` says: providers, modules, and the backend that was set up.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The state of a module without a backend.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("terraform.tfstate")
    }

    /// A plan, while it is read.
    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join("plan")
    }

    /// What an apply prints, while it runs.
    pub(crate) fn output(&self) -> PathBuf {
        self.path.join("output.log")
    }

    /// Whether the module declares a backend: Terraform notes it in its data when it is initialised.
    pub(crate) fn has_backend(&self) -> bool {
        self.data().join("terraform.tfstate").exists()
    }

    /// The argument that puts the state here, if the module says nothing else.
    pub(crate) fn state_argument(&self) -> Option<OsString> {
        (!self.has_backend()).then(|| argument("-state=", self.state().as_os_str()))
    }

    /// What the state here says; nothing if there is none.
    pub(crate) fn recorded(&self) -> Result<Recorded, Failure> {
        let state = self.state();
        match ss_durable::read_private(&state) {
            Ok(Some(text)) => read_state(&text),
            Ok(None) => Ok(Recorded::default()),
            Err(error) => Err(unusable(&state, &error)),
        }
    }

    /// Whether the module was initialised as it is now.
    pub(crate) fn is_initialised(&self, module: &Path, backend: &[OsString]) -> bool {
        let noted = ss_durable::read_private(&self.stamp()).ok().flatten();
        noted.is_some_and(|noted| noted == stamp(module, backend).as_bytes())
    }

    /// Notes that it is.
    pub(crate) fn note_initialised(&self, module: &Path, backend: &[OsString]) -> Result<(), Failure> {
        ss_durable::replace_private(&self.stamp(), stamp(module, backend).as_bytes())
            .map_err(|error| unusable(&self.path, &error))
    }

    /// Removes it: everything is gone.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(&self.path, &error)),
            _ => Ok(()),
        }
    }

    fn stamp(&self) -> PathBuf {
        self.path.join("initialised")
    }
}

/// Terraform's state from its text.
pub(crate) fn read_state(text: &[u8]) -> Result<Recorded, Failure> {
    if text.trim_ascii().is_empty() {
        return Ok(Recorded::default());
    }
    serde_json::from_slice(text).map_err(|error| {
        Failure::new(FailureKind::Internal, format!("Terraform's state cannot be read: {error}"))
    })
}

/// Digest of what `terraform init` goes by: the module's own files and the backend's settings.
fn stamp(module: &Path, backend: &[OsString]) -> String {
    let is_configuration = |name: &str| {
        name.ends_with(".tf") || name.ends_with(".tf.json") || name.ends_with(".tofu") || name == LOCK
    };
    let entries = std::fs::read_dir(module).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_configuration))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let mut context = digest::Context::new(&digest::SHA256);
    for part in backend {
        context.update(part.as_encoded_bytes());
        context.update(&[0]);
    }
    for file in files {
        context.update(file.as_os_str().as_encoded_bytes());
        let content = std::fs::read(&file).unwrap_or_default();
        context.update(&(content.len() as u64).to_le_bytes());
        context.update(&content);
    }
    hex::encode(context.finish())
}

const LOCK: &str = ".terraform.lock.hcl";

pub(crate) fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("`{}` cannot be used: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_resources_of_terraform_s_own_are_counted() {
        let state = br#"{"version":4,"lineage":"l","resources":[
            {"mode":"managed","instances":[{},{}]},{"mode":"data","instances":[{}]},{"mode":"managed"}]}"#;
        let state = read_state(state).unwrap();
        assert_eq!((state.lineage.as_str(), state.resources()), ("l", 2));
        assert_eq!(read_state(b"\n").unwrap().resources(), 0);
        assert!(read_state(b"{").is_err());
    }

    #[test]
    fn an_edit_of_the_module_or_its_backend_asks_for_a_new_init() {
        let place = std::env::temp_dir().join(format!("ss-terraform-{}", std::process::id()));
        let (module, folder) = (place.join("module"), Folder { path: place.join("folder") });
        std::fs::create_dir_all(&module).unwrap();
        folder.make().unwrap();
        std::fs::write(module.join("main.tf"), "a").unwrap();
        assert!(!folder.is_initialised(&module, &[]));
        folder.note_initialised(&module, &[]).unwrap();
        assert!(folder.is_initialised(&module, &[]));
        std::fs::write(module.join("notes.md"), "b").unwrap();
        assert!(folder.is_initialised(&module, &[]));
        assert!(!folder.is_initialised(&module, &["-backend-config=key=x".into()]));
        std::fs::write(module.join("main.tf"), "ab").unwrap();
        assert!(!folder.is_initialised(&module, &[]));
        std::fs::remove_dir_all(&place).unwrap();
    }
}
