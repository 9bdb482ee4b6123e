//! Where things lie in a registry: the same paths in a folder, on a web server and in the binary.
//!
//! ```text
//! config.json                              what kind of registry this is
//! index/ne/on/official/neon                one line of JSON per release, each naming the one before it
//! marks/ne/on/official/neon                releases that were yanked or revoked since
//! blobs/sha256/<digest>.wasm               components
//! blobs/sha256/<digest>.dsse.json          their signed statements, named by the component's digest
//! ```
//!
//! Signed metadata over all of it (`root/`, `timestamp.json`, …) has its own names beside these. Every
//! path is made from a checked name or a digest; nothing that a registry says becomes a path.

use crate::{Digest, PluginName};

/// The registry's own description.
pub const CONFIG: &str = "config.json";

/// The index file of a plugin.
pub fn index(plugin: &PluginName) -> String {
    format!("index/{}", sparse(plugin))
}

/// The yanks and revocations of a plugin.
pub fn marks(plugin: &PluginName) -> String {
    format!("marks/{}", sparse(plugin))
}

/// A component.
pub fn component(digest: Digest) -> String {
    format!("blobs/sha256/{}.wasm", digest.to_hex())
}

/// The statement of a component.
pub fn statement(component: Digest) -> String {
    format!("blobs/sha256/{}.dsse.json", component.to_hex())
}

/// The plugin of an index path; none if it is not the path of an index file.
pub fn plugin_of_index(path: &str) -> Option<PluginName> {
    let mut parts = path.rsplit('/');
    let (name, namespace) = (parts.next()?, parts.next()?);
    let plugin = PluginName::new(namespace, name).ok()?;
    (index(&plugin) == path).then_some(plugin)
}

/// Folders by the first letters of the name, as cargo's sparse index has them: no folder grows too large.
fn sparse(plugin: &PluginName) -> String {
    let name = plugin.name();
    let folders = match name.len() {
        1 => "1".to_owned(),
        2 => "2".to_owned(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    format!("{folders}/{plugin}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_and_back() {
        for (name, path) in [
            ("official/a", "index/1/official/a"),
            ("official/ab", "index/2/official/ab"),
            ("official/fly", "index/3/f/official/fly"),
            ("official/neon", "index/ne/on/official/neon"),
            ("acme/local-process", "index/lo/ca/acme/local-process"),
        ] {
            let plugin: PluginName = name.parse().unwrap();
            assert_eq!(index(&plugin), path);
            assert_eq!(plugin_of_index(path), Some(plugin));
        }
        for other in ["index/xx/yy/official/neon", "marks/ne/on/official/neon", "config.json", ""] {
            assert_eq!(plugin_of_index(other), None, "{other}");
        }
    }
}
