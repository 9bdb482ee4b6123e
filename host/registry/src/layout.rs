//! Where things lie in a registry: the same paths in a folder, on a web server and in the binary.
//!
//! ```text
//! config.json                              what kind of registry this is
//! root/1.root.json                         who the others are; each root is signed by the one before it
//! timestamp.json                           which snapshot is the current one
//! snapshot.json                            which states of the files below belong together
//! targets.json                             who signs for which namespace
//! delegated/official.json                  the index files of a namespace, by size and digest
//! index/ne/on/official/neon                one line of JSON per release, each naming the one before it
//! marks/ne/on/official/neon                releases that were yanked or revoked since
//! blobs/sha256/<digest>.wasm               components
//! blobs/sha256/<digest>.dsse.json          their signed statements, named by the component's digest
//! ```
//!
//! Every path is made from a checked name or a digest; nothing that a registry says becomes a path.

use crate::{Digest, PluginName};

/// The registry's own description.
pub const CONFIG: &str = "config.json";

/// Which snapshot is the current one.
pub const TIMESTAMP: &str = "timestamp.json";
/// Which states belong together.
pub const SNAPSHOT: &str = "snapshot.json";
/// Who signs for which namespace.
pub const TARGETS: &str = "targets.json";
/// Folder of the namespaces' roles, and first part of their names: no namespace can pass for a role of the
/// registry itself.
const DELEGATED: &str = "delegated/";

/// A root.
pub fn root(version: u64) -> String {
    format!("root/{version}.root.json")
}

/// The metadata of a namespace.
pub fn delegated(namespace: &str) -> String {
    format!("{}.json", role(namespace))
}

/// The name of the role that signs for a namespace.
pub fn role(namespace: &str) -> String {
    format!("{DELEGATED}{namespace}")
}

/// The namespace that a role signs for; none if it is another kind of role.
pub fn namespace_of_role(role: &str) -> Option<&str> {
    role.strip_prefix(DELEGATED).filter(|namespace| ss_authority::is_plugin_name(namespace))
}

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
    plugin_of(path, index)
}

/// The plugin of the path of its marks; none if it is not the path of such a file.
pub fn plugin_of_marks(path: &str) -> Option<PluginName> {
    plugin_of(path, marks)
}

fn plugin_of(path: &str, place: fn(&PluginName) -> String) -> Option<PluginName> {
    let mut parts = path.rsplit('/');
    let (name, namespace) = (parts.next()?, parts.next()?);
    let plugin = PluginName::new(namespace, name).ok()?;
    (place(&plugin) == path).then_some(plugin)
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
