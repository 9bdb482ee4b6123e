//! `docs/contract.md` is generated from the WIT: `SS_UPDATE_DOCS=1 cargo test -p ss-scaffold` writes it anew.

#![allow(clippy::unwrap_used, reason = "tests fail so")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeId, WorldItem, WorldKey,
};

/// The newest version of the contract.
const CONTRACT: &str = "../../wit/0.1.0";

const HEAD: &str = "\
# Contract reference

Generated from [`wit/0.1.0`](../wit/0.1.0); a test keeps it true. What the interfaces mean for an author, with
examples in each language, is in [plugin-authors.md](plugin-authors.md).

A plugin is a component of the world `starsystem:provisioner/provisioner@0.1.0`: it exports `adapter` and may
import the other interfaces, and of WASI 0.2 `wasi:http/outgoing-handler`, the clocks and `wasi:random/random`.
What it does beyond its grant is refused; a component that imports `process` or `files` without one does not even
load. A released version never changes, and every `ss` to come runs it.
";

#[test]
fn the_contract_reference_is_up_to_date() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("../../docs/contract.md");
    let reference = reference(&here.join(CONTRACT));
    if std::env::var_os("SS_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &reference).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference,
        "docs/contract.md is out of date: SS_UPDATE_DOCS=1 cargo test -p ss-scaffold"
    );
}

fn reference(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = &resolve.worlds[resolve.select_world(&[package], Some("provisioner")).unwrap()];
    let mut text = HEAD.to_owned();
    text.push_str("\n## The world\n\n| | interface | what for |\n|---|---|---|\n");
    for (items, what) in [(&world.exports, "exports"), (&world.imports, "imports")] {
        // Sorted, so that the order of resolution does not show.
        let mut rows = BTreeMap::new();
        for (key, item) in items {
            let (WorldKey::Interface(_), WorldItem::Interface { id, .. }) = (key, item) else { continue };
            let interface = &resolve.interfaces[*id];
            let name = interface.name.as_deref().unwrap();
            if interface.package == Some(package) && name != "types" {
                rows.insert(name, first_sentence(&interface.docs));
            }
        }
        for (name, meaning) in rows {
            let _ = writeln!(text, "| {what} | [`{name}`](#{name}) | {meaning} |");
        }
    }
    let interfaces: BTreeMap<_, _> = resolve.packages[package].interfaces.iter().collect();
    for id in interfaces.into_values() {
        write_interface(&mut text, &resolve, &resolve.interfaces[*id]);
    }
    text
}

fn write_interface(text: &mut String, resolve: &Resolve, interface: &Interface) {
    let _ = write!(text, "\n## {}\n\n{}", interface.name.as_deref().unwrap(), paragraph(&interface.docs));
    for function in interface.functions.values() {
        let _ = write!(
            text,
            "\n### `{}`\n\n```wit\n{}\n```\n\n{}",
            function.name,
            signature(resolve, function),
            paragraph(&function.docs)
        );
    }
    for (name, id) in &interface.types {
        write_type(text, resolve, name, &resolve.types[*id]);
    }
}

/// A type's section; none for a name that is only taken over from another interface.
fn write_type(text: &mut String, resolve: &Resolve, name: &str, definition: &TypeDef) {
    let shown = |ty: &Type| format!("`{}`", type_name(resolve, ty));
    let rows: Vec<(&str, String, &Docs)> = match &definition.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().map(|field| (field.name.as_str(), shown(&field.ty), &field.docs)).collect()
        }
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .map(|case| (case.name.as_str(), case.ty.as_ref().map(shown).unwrap_or_default(), &case.docs))
            .collect(),
        TypeDefKind::Enum(cases) => {
            cases.cases.iter().map(|case| (case.name.as_str(), String::new(), &case.docs)).collect()
        }
        _ => return,
    };
    let kind = match &definition.kind {
        TypeDefKind::Record(_) => "record",
        TypeDefKind::Variant(_) => "variant",
        _ => "enum",
    };
    let _ = write!(text, "\n### {kind} `{name}`\n\n");
    if definition.docs.contents.is_some() {
        let _ = writeln!(text, "{}", paragraph(&definition.docs));
    }
    text.push_str("| name | type | meaning |\n|---|---|---|\n");
    for (name, ty, docs) in rows {
        let _ = writeln!(text, "| `{name}` | {ty} | {} |", cell(docs));
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters =
        function.params.iter().map(|param| format!("{}: {}", param.name, type_name(resolve, &param.ty)));
    let result = function.result.as_ref().map(|ty| format!(" -> {}", type_name(resolve, ty)));
    format!(
        "{}: func({}){};",
        function.name,
        parameters.collect::<Vec<_>>().join(", "),
        result.unwrap_or_default()
    )
}

fn type_name(resolve: &Resolve, ty: &Type) -> String {
    let primitive = match ty {
        Type::Id(id) => return named(resolve, *id),
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S32 => "s32",
        Type::String => "string",
        other => panic!("the contract has no {other:?} so far"),
    };
    primitive.to_owned()
}

fn named(resolve: &Resolve, id: TypeId) -> String {
    let definition = &resolve.types[id];
    if let Some(name) = &definition.name {
        return name.clone();
    }
    let inner = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| type_name(resolve, ty));
    match &definition.kind {
        TypeDefKind::Option(ty) => format!("option<{}>", type_name(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", type_name(resolve, ty)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (ok, Some(err)) => format!("result<{}, {}>", inner(ok), type_name(resolve, err)),
            (ok, None) => format!("result<{}>", inner(ok)),
        },
        other => panic!("the contract has no {other:?} so far"),
    }
}

/// The documentation with its line breaks.
fn paragraph(docs: &Docs) -> String {
    docs.contents.as_deref().map_or_else(String::new, |text| format!("{}\n", text.trim()))
}

/// The documentation on one line of a table.
fn cell(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn first_sentence(docs: &Docs) -> String {
    let text = cell(docs);
    text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
}
