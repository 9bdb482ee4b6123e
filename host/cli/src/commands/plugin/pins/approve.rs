//! `ss plugin approve`: the one place where authority beyond what this binary vouches for comes from.

use ss_authority::Capability;
use ss_capability_http::{Client, Endpoints};
use ss_registry::{OFFICIAL, Plugin, PluginName, Proposal};

use super::review::{self, Review};
use super::{Opened, consent, split_version};
use crate::args::{Consent, PinScope};
use crate::compose::{Network, again, candidate, files, not_admitted, typed};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub async fn run(
    ui: &Ui,
    named: Option<&str>,
    only: &[Capability],
    consent: &Consent,
    scope: &PinScope,
) -> Result<(), CommandError> {
    let mut opened = Opened::new(ui, scope)?;
    let before = opened.workspace.lock().clone();
    let proposals = match named {
        Some(named) => vec![opened.propose_named(named, only).await?],
        None => opened.propose_all().await?,
    };
    let Opened { system, sources, registries, workspace, .. } = &mut opened;

    let known = workspace.is_approved().then_some(&before);
    let mut review = Review::of_lock(workspace, registries, &proposals);
    proposals.iter().for_each(|proposal| review.add_proposal(proposal, registries));
    review.add_endpoints(known, workspace.lock());
    let files = named.is_none().then(|| files::to_approve(system, sources)).flatten();
    let files = files.filter(|digest| !workspace.covers(*digest));
    if files.is_some() {
        review.add_files(system, &files::readers(system, sources));
    }
    let digest = review::digest(workspace, files);
    if review.is_empty() {
        workspace.approve(&[]).map_err(|error| CommandError::of(&error))?;
        ui.line("nothing waits for approval");
        ui.document(&review.document(digest, true));
        return Ok(());
    }
    review.print(ui, digest);
    let mut command = "ss plugin approve".to_owned();
    named.iter().for_each(|named| command.push_str(&format!(" {named}")));
    only.iter().for_each(|kind| command.push_str(&format!(" --only {kind}")));
    command.push_str(&again(system));
    if let Err(error) = consent::ask(ui, digest, consent, &command) {
        ui.document(&review.document(digest, false));
        return Err(error);
    }
    workspace.approve(files.as_slice()).map_err(|error| CommandError::of(&error))?;
    ui.line(&format!("{} approved for this folder on this machine", ui.paint(Style::Good, "✓")));
    ui.document(&review.document(digest, true));
    Ok(())
}

impl Opened {
    /// Grants one plugin what it asks for, or `only` parts of it, at the version that was named or else the one in
    /// use.
    async fn propose_named(&mut self, named: &str, only: &[Capability]) -> Result<Proposal, CommandError> {
        let (called, version) = split_version(named);
        let name = self.named(called)?;
        let wanted =
            self.entry_of(&name).and_then(|entry| entry.version.clone()).map(|version| version.value);
        let plugin = match version {
            Some(version) => self.release(&name, version).await?,
            None => self.in_use(&name).await?,
        };
        if plugin.is_development() && !only.is_empty() {
            return Err(CommandError::usage(format!(
                "`{}` is under development, and `--only` is for releases",
                typed(plugin.name())
            ))
            .hint("what its `plugin.toml` does not ask for, it is not granted"));
        }
        let only = (!only.is_empty()).then_some(only);
        let proposal = self.workspace.propose(plugin, wanted, only);
        let proposal = proposal.map_err(|error| not_admitted(error, &self.system))?;
        self.see_release(&proposal.plugin)?;
        self.propose_endpoint(&name)?;
        Ok(proposal)
    }

    /// Everything that waits: plugins that are not pinned, ones under development that ask for more, endpoints.
    async fn propose_all(&mut self) -> Result<Vec<Proposal>, CommandError> {
        let mut proposals = Vec::new();
        let configured: Vec<_> = self.system.plugins.clone();
        for entry in &configured {
            let plugin =
                candidate(&self.registries, &self.workspace, &self.system, entry, Network::Asked).await?;
            let name = plugin.name().clone();
            let pinned = match &plugin {
                Plugin::Release(_) => self.workspace.lock().get(&name).is_some(),
                Plugin::Development(plugin) => self.workspace.lock().development(&name).is_some_and(|pin| {
                    pin.path == plugin.path() && pin.granted.covers(&plugin.manifest().authority).is_ok()
                }),
            };
            let wanted = entry.version.as_ref().map(|version| version.value.clone());
            if !pinned {
                let proposal = self.workspace.propose(plugin, wanted, None);
                let proposal = proposal.map_err(|error| not_admitted(error, &self.system))?;
                self.see_release(&proposal.plugin)?;
                proposals.push(proposal);
            }
            self.propose_endpoint(&name)?;
        }
        // What this binary vouches for needs nobody's word.
        proposals.retain(
            |proposal| !matches!(&proposal.plugin, Plugin::Release(release) if release.is_vouched_for()),
        );
        Ok(proposals)
    }

    fn see_release(&mut self, plugin: &Plugin) -> Result<(), CommandError> {
        if plugin.is_development() { Ok(()) } else { self.see(plugin.name()) }
    }

    /// The release of a plugin that a person names with its version.
    async fn release(&self, name: &PluginName, version: &str) -> Result<Plugin, CommandError> {
        let version = version
            .parse()
            .map_err(|error| CommandError::usage(format!("`{version}` is no version: {error}")))?;
        let told = |error: &dyn std::error::Error| CommandError::of(error);
        let registry = self.registries.of(name).map_err(|error| told(&error))?;
        if let Some(wanted) = self.entry_of(name).and_then(|entry| entry.version.as_ref())
            && !wanted.value.matches(&version)
        {
            return Err(CommandError::failed(format!(
                "`plugins:` wants `{name}` within `{}`, and {version} is not",
                wanted.value
            ))
            .hint(format!("change `plugins.{}.version` first", typed(name))));
        }
        if name.namespace() != OFFICIAL {
            let client = Client::new();
            if registry.index(name).is_ok_and(|index| index.find(&version).is_none()) {
                let asked = self.registries.refresh(&client, std::slice::from_ref(name)).await;
                asked.map_err(|error| told(&error))?;
            }
            self.registries.fetch(&client, name, &version).await.map_err(|error| told(&error))?;
        }
        Ok(registry.load(name, &version).map_err(|error| told(&error))?.into())
    }

    /// The plugin that the system uses under this name.
    async fn in_use(&self, name: &PluginName) -> Result<Plugin, CommandError> {
        if let Some(entry) = self.entry_of(name) {
            return candidate(&self.registries, &self.workspace, &self.system, entry, Network::Asked).await;
        }
        let registry = self.registries.of(name).map_err(|error| CommandError::of(&error))?;
        let loaded = self.workspace.load(registry, name, None);
        Ok(loaded.map_err(|error| not_admitted(error, &self.system))?.into())
    }

    /// Takes the plugin's endpoint from the files into the lock. One on this machine needs no approval.
    fn propose_endpoint(&mut self, name: &PluginName) -> Result<(), CommandError> {
        let written = self.entry_of(name).and_then(|entry| entry.endpoint.as_ref());
        let endpoint = match written {
            Some(text) => {
                let parsed = Endpoints::parse(&text.value).map_err(|error| {
                    CommandError::caused_by(
                        format!("`plugins.{}.endpoint` is not usable", typed(name)),
                        &error,
                    )
                })?;
                (!parsed.is_loopback()).then(|| text.value.clone())
            }
            None => None,
        };
        self.workspace
            .propose_endpoint(name, endpoint.as_deref())
            .map_err(|error| not_admitted(error, &self.system))
    }
}
