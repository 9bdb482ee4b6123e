//! `ss plugin audit`: what a lock has come to mean since it was written.

use serde_json::json;
use ss_capability_http::Client;
use ss_registry::{AdmitError, MarkKind, OFFICIAL, Pin, Registry};

use super::Opened;
use crate::args::PinScope;
use crate::compose::typed;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Something that a person should look at.
pub struct Finding {
    /// The plugin, with its version if one is pinned.
    pub plugin: String,
    /// Stable name of the kind, for machines.
    pub kind: &'static str,
    pub message: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

/// Runs the command.
pub async fn run(ui: &Ui, offline: bool, scope: &PinScope) -> Result<(), CommandError> {
    let opened = Opened::new(ui, scope)?;
    let findings = opened.audited(ui, offline).await;
    for finding in &findings {
        ui.line(&format!(
            "{} {} {}: {}",
            ui.paint(Style::Bad, "✗"),
            finding.plugin,
            finding.kind,
            finding.message
        ));
        ui.line(&format!("    → {}", finding.remedy));
    }
    let pins = opened.workspace.lock().pins().len() + opened.workspace.lock().developments().len();
    if findings.is_empty() {
        ui.line(&format!("{} {pins} plugins, nothing to object to", ui.paint(Style::Good, "✓")));
    }
    let document: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "plugin": finding.plugin,
                "kind": finding.kind,
                "message": finding.message,
                "remedy": finding.remedy,
            })
        })
        .collect();
    ui.document(&json!({ "findings": document, "plugins": pins }));
    if findings.is_empty() { Ok(()) } else { Err(CommandError::shown()) }
}

impl Opened {
    /// Everything that is to be said about the lock's plugins.
    pub async fn audited(&self, ui: &Ui, offline: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        for pin in self.workspace.lock().pins() {
            self.audit(ui, pin, offline, &mut findings).await;
        }
        self.audit_local(&mut findings);
        findings
    }

    async fn audit(&self, ui: &Ui, pin: &Pin, offline: bool, findings: &mut Vec<Finding>) {
        let name = &pin.name;
        let mut found = |kind, message: String, remedy: String| {
            findings.push(Finding { plugin: format!("{name} {}", pin.version), kind, message, remedy });
        };
        let update = format!("`ss plugin update {}`, or `ss plugin remove {}`", typed(name), typed(name));
        let registry = match self.registries.of(name) {
            Ok(registry) => registry,
            Err(error) => return found("unknown", error.to_string(), update),
        };
        if !offline && name.namespace() != OFFICIAL {
            let asked = self.registries.refresh(&Client::new(), std::slice::from_ref(name)).await;
            if let Err(error) = asked {
                ui.warn(&format!("{error}; judged by what was seen last"));
            }
        }
        if let Some((kind, message)) = mark(registry, pin) {
            found(kind, message, update.clone());
        }
        match self.workspace.load(registry, name, None) {
            Ok(plugin) => {
                if let Err(excess) = plugin.manifest().authority.covers(&pin.granted) {
                    let more: Vec<_> = excess.iter().map(|excess| format!("may {excess}")).collect();
                    found(
                        "over-granted",
                        format!("the lock grants what it does not ask for: {}", more.join("; ")),
                        format!("`ss plugin approve {}` grants exactly what it asks for", typed(name)),
                    );
                }
                if let Err(AdmitError::Forbidden(forbidden)) = self.workspace.check_ceiling(&plugin) {
                    found("forbidden", forbidden.to_string(), update.clone());
                }
            }
            // Said already.
            Err(AdmitError::Load(ss_registry::LoadError::Refused { refusal, .. }))
                if matches!(*refusal, ss_registry::Refusal::Revoked { .. }) => {}
            Err(error) => found("unverified", error.to_string(), "`ss plugin verify` says more".to_owned()),
        }
        if self.entry_of(name).is_none() && name.namespace() != OFFICIAL {
            let remedy = format!("`ss plugin remove {}`", typed(name));
            found("unused", "`plugins:` does not name it".to_owned(), remedy);
        }
    }

    /// What needs no registry: approval, plugins under development.
    fn audit_local(&self, findings: &mut Vec<Finding>) {
        for pin in self.workspace.lock().developments() {
            findings.push(Finding {
                plugin: typed(&pin.name),
                kind: "development",
                message: format!("it comes from `{}`, unsigned", pin.path),
                remedy: "publish it, and pin the release with `ss plugin add`".to_owned(),
            });
        }
    }
}

/// What was said about the pinned release since it was published.
fn mark(registry: &Registry, pin: &Pin) -> Option<(&'static str, String)> {
    let marks = registry.marks(&pin.name).ok()?;
    let mark = marks.on(&pin.version)?;
    let kind = match mark.mark {
        MarkKind::Yanked => "yanked",
        MarkKind::Revoked => "revoked",
    };
    Some((kind, mark.reason.clone()))
}
