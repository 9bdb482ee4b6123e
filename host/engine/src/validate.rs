//! What can be said about a system without vault, network or plugin: routing and options, each finding at
//! its place in the file.

use ss_config::{Diagnostic, Node, NodeValue, ServiceConfig, Span};

use crate::core::{Core, Prepared, Ready};
use crate::resolve::{OptionFault, options_value, template_pointers};
use crate::route::SkipReason;

/// All findings, in file order.
pub(crate) fn validate(core: &Core) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (service, prepared) in core.system.services.iter().zip(&core.services) {
        findings.extend(unknown_provider(service, prepared));
        findings.extend(named_like_provider(core, service));
        findings.extend(injected_from_nobody(core, service));
        if let Some(ready) = prepared.candidates.first() {
            findings.extend(options(core, service, ready));
        }
    }
    findings
}

fn unknown_provider(service: &ServiceConfig, prepared: &Prepared) -> Option<Diagnostic> {
    let Some(SkipReason::UnknownProvider { name, .. }) = &prepared.skip else { return None };
    let place =
        service.target_type().or_else(|| service.provider()).map_or(service.id.span, |name| name.span);
    let message = format!("no plugin provides `{name}`; `{}` is skipped", service.id.value);
    let finding = Diagnostic::warning("unknown-provider", message).label(place, "no such provider");
    let hint = prepared.skip.as_ref().and_then(SkipReason::hint);
    Some(finding.help(hint.unwrap_or_else(|| "`ss catalog` lists the providers".to_owned())))
}

/// Contract row R4: `vault('neon.…')` would be ambiguous to a reader.
fn named_like_provider(core: &Core, service: &ServiceConfig) -> Option<Diagnostic> {
    core.router.get(&service.id.value)?;
    let id = &service.id.value;
    Some(
        Diagnostic::warning(
            "service-named-like-provider",
            format!("the service `{id}` has the name of a provider"),
        )
        .label(service.id.span, "")
        .help(format!("`{id}.api_key` in the vault means the provider's key; give the service another id")),
    )
}

/// Injecting from a service that nobody provisions works only if its credentials are already in the vault.
fn injected_from_nobody(core: &Core, service: &ServiceConfig) -> Vec<Diagnostic> {
    service
        .inject_from
        .iter()
        .filter(|from| !core.is_routed(&from.service.value))
        .map(|from| {
            let source = &from.service.value;
            Diagnostic::warning(
                "injected-from-skipped",
                format!("`{source}` has no provisioner to make credentials"),
            )
            .label(from.service.span, "skipped")
            .help(format!("store what it offers with `ss vault set {source}.<NAME>`"))
        })
        .collect()
}

fn options(core: &Core, service: &ServiceConfig, ready: &Ready) -> Vec<Diagnostic> {
    let declared = &ready.declared;
    let unknown = template_pointers(declared);
    let faults =
        core.resolver.schemas.check(ready.provider.description(), &options_value(declared), &unknown);
    faults
        .iter()
        .map(|fault| {
            let span = place(service, &declared.block, fault);
            let (code, make): (_, fn(&'static str, String) -> Diagnostic) = match (fault.fatal, &fault.key) {
                (true, Some(_)) => ("unknown-option", Diagnostic::error),
                (true, None) => ("invalid-option", Diagnostic::error),
                (false, _) => ("unknown-option", Diagnostic::warning),
            };
            let finding = make(code, fault.sentence(declared))
                .label(span, format!("option of `{}`", declared.provider));
            Diagnostic { help: fault.help.clone(), ..finding }
        })
        .collect()
}

/// Where a fault stands: the key that it is about, else the value.
fn place(service: &ServiceConfig, block: &str, fault: &OptionFault) -> Span {
    let value = || service.span_of_pointer(block, &fault.pointer);
    let Some(key) = &fault.key else { return value() };
    let around = service.get(block).and_then(|block| descend(block, &fault.pointer));
    around.and_then(|node| node.entry(key)).map_or_else(value, |entry| entry.key.span)
}

/// The node at a JSON Pointer.
fn descend<'n>(node: &'n Node, pointer: &str) -> Option<&'n Node> {
    pointer.split('/').skip(1).try_fold(node, |node, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match &node.value {
            NodeValue::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(&step),
        }
    })
}
