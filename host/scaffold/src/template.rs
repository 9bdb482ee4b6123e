//! The files inside the binary, and how a project is made of them.

use crate::language::Language;

/// Names and contents, sorted by name.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The contract that new projects are built against.
const CONTRACT: &str = "wit/0.1.0/";

/// A file of a new project: its path in the project and its content.
pub(crate) type File = (String, Vec<u8>);

/// Every file of a new project.
pub(crate) fn project(name: &str, language: Language) -> Vec<File> {
    let fill = |text: &[u8]| fill(&String::from_utf8_lossy(text), name, language).into_bytes();
    let mut files = Vec::new();
    let mut add = |prefix: &str, folder: &str, change: &dyn Fn(&[u8]) -> Vec<u8>| {
        files.extend(below(prefix).map(|(path, content)| (format!("{folder}{path}"), change(content))));
    };
    add("templates/common/", "", &fill);
    add(&format!("templates/{}/", language.word()), "", &fill);
    match language {
        Language::Rust => {
            add("sdk-rust/", "vendor/sdk-rust/", &<[u8]>::to_vec);
            add("wit/", "vendor/wit/", &<[u8]>::to_vec);
        }
        Language::JavaScript | Language::Python | Language::C => {
            add("templates/foreign/", "", &fill);
            files.extend(contract());
        }
    }
    files
}

/// The contract as the dependencies of a world: one folder or file for each package.
fn contract() -> impl Iterator<Item = File> {
    below(CONTRACT).map(|(path, content)| {
        let place =
            if path.starts_with("deps/") { path.to_owned() } else { format!("deps/provisioner/{path}") };
        (format!("wit/{place}"), content.to_vec())
    })
}

/// The embedded files whose names begin so, without that beginning.
fn below(prefix: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let prefix = prefix.to_owned();
    FILES.iter().filter_map(move |(name, content)| Some((name.strip_prefix(prefix.as_str())?, *content)))
}

/// Puts the project's own words in the place of `{{…}}`.
fn fill(text: &str, name: &str, language: Language) -> String {
    text.replace("{{name}}", name)
        .replace("{{port}}", &port(name).to_string())
        .replace("{{language}}", &language.to_string())
        .replace("{{needs}}", language.needs())
        .replace("{{files}}", language.files())
}

/// A port for the project's stand-in: the same for the same name, and seldom that of another project.
fn port(name: &str) -> u16 {
    const FIRST: u16 = 42_000;
    const PORTS: u16 = 4_000;
    FIRST + name.bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte))) % PORTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        const OURS: [&str; 5] = ["{{name}}", "{{port}}", "{{language}}", "{{needs}}", "{{files}}"];
        for language in Language::ALL {
            let files = project("acme-2", language);
            assert!(files.len() > 10, "{language}");
            for (path, content) in files.iter().filter(|(path, _)| !path.starts_with("vendor/")) {
                let text = String::from_utf8(content.clone()).unwrap();
                assert!(!OURS.iter().any(|word| text.contains(word)), "{language}: {path}");
            }
        }
    }

    #[test]
    fn every_project_has_its_marker_its_manifest_and_a_way_to_ignore_what_is_made() {
        for language in Language::ALL {
            let files = project("acme", language);
            for path in
                [language.marker(), "plugin.toml", "README.md", ".gitignore", "example/starsystem.yaml"]
            {
                assert!(files.iter().any(|(known, _)| known == path), "{language}: {path}");
            }
        }
    }

    #[test]
    fn the_manifest_of_a_new_project_can_be_used() {
        let files = project("a2-b", Language::C);
        let (_, text) = files.iter().find(|(path, _)| path == "plugin.toml").unwrap();
        let manifest = ss_authority::Manifest::parse(std::str::from_utf8(text).unwrap()).unwrap();
        assert_eq!(manifest.name, "a2-b");
        assert_eq!(manifest.authority.http.len(), 2);
        assert!(manifest.authority.vault.read.is_empty() && manifest.authority.process.is_none());
    }
}
