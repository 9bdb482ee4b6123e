//! What a component imports and exports, read before it is compiled.
//!
//! Format: the WebAssembly component binary format; only the outermost imports and exports are looked at,
//! nested modules are skipped. Threat: the file may be anything. wasmparser checks every length, and
//! wasmtime validates the whole file again when it compiles it.

use ss_authority::Authority;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::contract::Contract;
use crate::error::Unfit;

/// Namespace of the contract.
const CONTRACT: &str = "starsystem:provisioner/";
/// Interface that every plugin exports.
const ADAPTER: &str = "starsystem:provisioner/adapter";
/// WASI interfaces that are linked: most guests' standard libraries import more than they use. What is
/// behind them is empty or denied, apart from clocks, random numbers and gated HTTP.
const WASI: [&str; 8] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
    "wasi:http/types",
    "wasi:http/outgoing-handler",
];
/// Version of WASI that they have, up to its patch number.
const WASI_VERSION: &str = "0.2.";

/// The names of a component's imports and exports.
#[derive(Debug, Default)]
struct Interfaces {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Finds the contract that a component is built for, and refuses what may not run under this authority.
pub(crate) fn inspect(component: &[u8], authority: &Authority) -> Result<Contract, Unfit> {
    let interfaces = read(component)?;
    let contract = contract(&interfaces)?;
    for import in &interfaces.imports {
        check_import(import, authority)?;
    }
    Ok(contract)
}

fn contract(interfaces: &Interfaces) -> Result<Contract, Unfit> {
    let mut found: Option<&str> = None;
    for name in interfaces.imports.iter().chain(&interfaces.exports) {
        let (interface, version) = split(name);
        if !interface.starts_with(CONTRACT) {
            continue;
        }
        match found {
            Some(first) if first != version => {
                return Err(Unfit::MixedContracts { first: first.into(), second: version.into() });
            }
            _ => found = Some(version),
        }
    }
    let version = found.ok_or(Unfit::NoAdapter)?;
    let contract = Contract::of_version(version).ok_or_else(|| Unfit::UnknownContract {
        contract: version.into(),
        ours: env!("CARGO_PKG_VERSION"),
    })?;
    if !interfaces.exports.iter().any(|name| split(name).0 == ADAPTER) {
        return Err(Unfit::NoAdapter);
    }
    Ok(contract)
}

fn check_import(import: &str, authority: &Authority) -> Result<(), Unfit> {
    let (interface, version) = split(import);
    if let Some(name) = interface.strip_prefix(CONTRACT) {
        return match name {
            "process" if authority.process.is_none() => Err(Unfit::NotGranted { capability: "process" }),
            "files" if authority.files.is_none() => Err(Unfit::NotGranted { capability: "files" }),
            _ => Ok(()),
        };
    }
    let linked = WASI.iter().any(|known| match known.strip_suffix('/') {
        Some(_) => interface.starts_with(known),
        None => interface == *known,
    });
    if linked && version.starts_with(WASI_VERSION) {
        Ok(())
    } else {
        Err(Unfit::ForeignImport { import: import.chars().take(200).collect() })
    }
}

/// `wasi:io/poll@0.2.12` is interface `wasi:io/poll` in version `0.2.12`.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn read(component: &[u8]) -> Result<Interfaces, Unfit> {
    if !component.starts_with(b"\0asm") {
        return Err(Unfit::NotWasm);
    }
    let malformed = |reason: &dyn std::fmt::Display| Unfit::Malformed { reason: reason.to_string() };
    let mut interfaces = Interfaces::default();
    let mut parser = Parser::new(0);
    let mut rest = component;
    loop {
        let (consumed, payload) = match parser.parse(rest, true).map_err(|error| malformed(&error))? {
            Chunk::Parsed { consumed, payload } => (consumed, payload),
            Chunk::NeedMoreData(_) => return Err(malformed(&"it ends too early")),
        };
        rest = &rest[consumed..];
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(Unfit::CoreModule),
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                let nested = usize::try_from(unchecked_range.end - unchecked_range.start)
                    .ok()
                    .and_then(|length| rest.get(length..));
                rest = nested.ok_or_else(|| malformed(&"it ends too early"))?;
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    interfaces.imports.push(import.map_err(|error| malformed(&error))?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    interfaces.exports.push(export.map_err(|error| malformed(&error))?.name.name.to_owned());
                }
            }
            Payload::End(_) => return Ok(interfaces),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn interfaces(imports: &[&str], exports: &[&str]) -> Interfaces {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Interfaces { imports: owned(imports), exports: owned(exports) }
    }

    #[test]
    fn refuses_what_is_no_component() {
        let nothing = Authority::default();
        assert_eq!(inspect(b"", &nothing), Err(Unfit::NotWasm));
        assert_eq!(inspect(b"\x7fELF and so on", &nothing), Err(Unfit::NotWasm));
        assert_eq!(inspect(b"\0asm\x01\0\0\0", &nothing), Err(Unfit::CoreModule));
        assert_eq!(inspect(COMPONENT, &nothing), Err(Unfit::NoAdapter));
        assert!(matches!(inspect(b"\0asm\x0d\0\x01\0garbage", &nothing), Err(Unfit::Malformed { .. })));
        assert!(matches!(inspect(b"\0asm\x0d\0", &nothing), Err(Unfit::Malformed { .. })));
        let nested_too_long = [COMPONENT, b"\x01\xff\xff\xff\x0f"].concat();
        assert!(matches!(inspect(&nested_too_long, &nothing), Err(Unfit::Malformed { .. })));
    }

    #[test]
    fn no_bytes_at_all_upset_it() {
        // A component with an import section, a nested module and an export section, broken in every place.
        let good = [
            COMPONENT,
            b"\x01\x08\0asm\x01\0\0\0",
            b"\x0a\x13\x01\x00\x0dwasi:io/poll@0\x05\x00\x00",
            b"\x0b\x07\x01\x00\x01a\x05\x00\x00",
        ]
        .concat();
        for at in 0..good.len() {
            let _ = read(&good[..at]);
            for byte in 0..=255 {
                let mut bad = good.clone();
                bad[at] = byte;
                let _ = read(&bad);
            }
        }
    }

    #[test]
    fn an_unknown_contract_says_which_ss_it_needs() {
        let error = contract(&interfaces(&[], &["starsystem:provisioner/adapter@9.1.0"])).unwrap_err();
        assert!(error.to_string().contains("needs ss 9.1.0 or later"), "{error}");
        let mixed =
            interfaces(&["starsystem:provisioner/vault@0.2.0"], &["starsystem:provisioner/adapter@0.1.0"]);
        assert!(matches!(contract(&mixed), Err(Unfit::MixedContracts { .. })));
        let imports_only = interfaces(&["starsystem:provisioner/vault@0.1.0"], &[]);
        assert_eq!(contract(&imports_only), Err(Unfit::NoAdapter));
    }

    #[test]
    fn imports_outside_the_world_are_refused() {
        let nothing = Authority::default();
        for allowed in ["wasi:io/poll@0.2.6", "wasi:http/types@0.2.12", "starsystem:provisioner/vault@0.1.0"]
        {
            assert_eq!(check_import(allowed, &nothing), Ok(()), "{allowed}");
        }
        for foreign in [
            "wasi:io/poll@0.3.0",
            "wasi:http/incoming-handler@0.2.12",
            "wasi:http/types-of-mine@0.2.12",
            "wasi:keyvalue/store@0.2.0",
            "evil:host/exec",
            "run",
        ] {
            assert!(matches!(check_import(foreign, &nothing), Err(Unfit::ForeignImport { .. })), "{foreign}");
        }
    }

    #[test]
    fn process_and_files_need_a_grant_to_be_imported() {
        let nothing = Authority::default();
        let granted = Authority {
            process: Some(ss_authority::ProcessAuthority::default()),
            files: Some(ss_authority::FilesAuthority::default()),
            ..Authority::default()
        };
        for capability in ["process", "files"] {
            let import = format!("starsystem:provisioner/{capability}@0.1.0");
            assert_eq!(check_import(&import, &nothing), Err(Unfit::NotGranted { capability }));
            assert_eq!(check_import(&import, &granted), Ok(()));
        }
    }
}
