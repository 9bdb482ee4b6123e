//! `ss plugin add`: the first use of a plugin of a registry.

use semver::VersionReq;
use serde_json::json;
use ss_capability_http::Client;
use ss_config::EditError;
use ss_registry::{OFFICIAL, Plugin};

use super::review::{self, Review};
use super::{Opened, consent, split_version};
use crate::args::{Consent, PinScope};
use crate::commands::plugin::plugin_name;
use crate::compose::{again, not_admitted};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub async fn run(
    ui: &Ui,
    typed: &str,
    expected: Option<&str>,
    consent: &Consent,
    scope: &PinScope,
) -> Result<(), CommandError> {
    let mut opened = Opened::new(ui, scope)?;
    let (name, requirement) = split_version(typed);
    let name = plugin_name(name)?;
    let requirement = requirement.map(|text| {
        VersionReq::parse(text)
            .map_err(|error| CommandError::usage(format!("`{text}` is no version requirement: {error}")))
    });
    let requirement = requirement.transpose()?;
    let told = |error: &dyn std::error::Error| CommandError::of(error);
    let registry = opened.registries.of(&name).map_err(|error| {
        told(&error).hint("`ss registry add <url> --root-sha256 <fingerprint>` makes a registry known")
    })?;
    if let Some(expected) = expected.filter(|expected| *expected != registry.name()) {
        return Err(CommandError::failed(format!(
            "the namespace `{}` belongs to the registry `{}`, not to `{expected}`",
            name.namespace(),
            registry.name()
        )));
    }
    if name.namespace() != OFFICIAL {
        let client = Client::new();
        let asked = opened.registries.refresh(&client, std::slice::from_ref(&name)).await;
        asked.map_err(|error| told(&error))?;
        let version = registry.newest_of(&name, requirement.as_ref()).map_err(|error| told(&error))?;
        opened.registries.fetch(&client, &name, &version).await.map_err(|error| told(&error))?;
    }
    let version = registry.newest_of(&name, requirement.as_ref()).map_err(|error| told(&error))?;
    let release = registry.load(&name, &version).map_err(|error| told(&error))?;
    let registry = registry.name().to_owned();
    let vouched = release.is_vouched_for();
    let wanted = requirement.unwrap_or_else(|| caret(&version));

    let proposal = opened
        .workspace
        .propose(Plugin::from(release), Some(wanted.clone()), None)
        .map_err(|error| not_admitted(error, &opened.system))?;
    opened.see(&name)?;
    let mut review = Review::of_lock(&opened.workspace, &opened.registries, std::slice::from_ref(&proposal));
    if !vouched {
        review.add_proposal(&proposal, &opened.registries);
    }
    let digest = review::digest(&opened.workspace, None);
    if vouched {
        opened.workspace.save().map_err(|error| told(&error))?;
    } else {
        review.print(ui, digest);
        let command = format!("ss plugin add {typed}{}", again(&opened.system));
        consent::ask(ui, digest, consent, &command)?;
        opened.workspace.approve(&[]).map_err(|error| told(&error))?;
    }
    let written = wanted.to_string();
    let fields: &[(&str, &str)] = &[("version", &written), ("registry", &registry)];
    let key = if name.namespace() == OFFICIAL { name.name().to_owned() } else { name.to_string() };
    match ss_config::add_plugin(&opened.system.base, &key, fields) {
        Ok(()) => {}
        Err(EditError::Present { .. }) => {}
        Err(error) => {
            let patch =
                if let EditError::Refused { patch, .. } = &error { patch.clone() } else { String::new() };
            let lines = patch.lines().map(str::to_owned).collect();
            return Err(told(&error)
                .details(lines)
                .hint("add these lines to the file by hand; the lock has the plugin"));
        }
    }
    ui.line(&format!("{} {name} {version} added from the registry `{registry}`", ui.paint(Style::Good, "✓")));
    ui.note(&format!("next: use it in a service: `provision: {{ provider: {} }}`", name.name()));
    ui.document(&json!({
        "added": name.to_string(),
        "version": version.to_string(),
        "requirement": written,
        "registry": registry,
        "digest": digest.to_string(),
    }));
    Ok(())
}

/// The versions that continue this one.
fn caret(version: &semver::Version) -> VersionReq {
    let comparator = semver::Comparator {
        op: semver::Op::Caret,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: version.pre.clone(),
    };
    VersionReq { comparators: vec![comparator] }
}
