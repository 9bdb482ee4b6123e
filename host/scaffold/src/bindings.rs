//! C bindings, generated from a project's WIT.

use std::path::Path;

use wit_bindgen_core::Files;
use wit_parser::Resolve;

use crate::error::BuildError;

/// The world that a project's `wit/` describes.
pub(crate) const WORLD: &str = "plugin";

/// Writes header, source and type information of the project's world into a folder. A file that is as it
/// should be keeps its time.
pub(crate) fn generate(wit: &Path, folder: &Path) -> Result<(), BuildError> {
    let invalid = |error: &dyn std::fmt::Display| BuildError::Invalid {
        path: wit.to_owned(),
        reason: error.to_string(),
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|error| invalid(&format!("{error:#}")))?;
    let world =
        resolve.select_world(&[package], Some(WORLD)).map_err(|error| invalid(&format!("{error:#}")))?;
    let mut files = Files::default();
    let options = wit_bindgen_c::Opts::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| invalid(&format!("{error:#}")))?;
    for (name, content) in files.iter() {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|known| known == content) {
            continue;
        }
        ss_durable::replace(&path, content)?;
    }
    Ok(())
}
