//! What a person is shown before they approve: plugins, signers, authority, places, in sentences.

use serde_json::{Value, json};
use ss_authority::Authority;
use ss_config::System;
use ss_registry::{Digest, Lock, Plugin, Proposal, Registries, Signer, Workspace};

use crate::compose::typed;
use crate::ui::{Style, Ui};

/// Everything that an approval would make count.
#[derive(Debug, Default)]
pub struct Review {
    items: Vec<Item>,
}

/// One thing to be approved.
#[derive(Debug)]
struct Item {
    /// What it is.
    headline: String,
    /// What becomes possible, and what no longer is.
    lines: Vec<String>,
}

impl Review {
    /// What nobody has approved yet of the lock as it stands, without the plugins that `proposals` replace.
    pub fn of_lock(workspace: &Workspace, registries: &Registries, proposals: &[Proposal]) -> Self {
        let mut review = Self::default();
        let lock = workspace.lock();
        let proposed = |name| proposals.iter().any(|proposal| proposal.plugin.name() == name);
        if workspace.is_approved() {
            return review;
        }
        for (name, registry) in lock.registries() {
            review.add(
                format!("the registry `{name}` at {}", registry.url),
                vec![format!("+ is trusted for its namespaces, by its root {}", registry.root_sha256)],
            );
        }
        for pin in lock.pins().iter().filter(|pin| !proposed(&pin.name)) {
            let requested = vouched_request(registries, pin);
            let lines = match &requested {
                Some(requested) => excess(requested, &pin.granted),
                None => sentences(&pin.granted),
            };
            if requested.is_none() || !lines.is_empty() {
                let (name, version, from) = (&pin.name, &pin.version, &pin.registry);
                let headline =
                    format!("`{name}` {version} from the registry `{from}`, signed by {}", pin.signer);
                review.add(headline, lines);
            }
        }
        for pin in lock.developments().iter().filter(|pin| !proposed(&pin.name)) {
            review.add(
                format!("`{}` from `{}`, under development: unsigned", pin.name, pin.path),
                sentences(&pin.granted),
            );
        }
        review
    }

    /// Adds a plugin that would be pinned anew or granted more.
    pub fn add_proposal(&mut self, proposal: &Proposal, registries: &Registries) {
        let headline = match &proposal.plugin {
            Plugin::Release(release) => {
                let published = registries
                    .of(release.name())
                    .and_then(|registry| registry.announcement(release.name(), release.version()))
                    .map_or_else(
                        |_| String::new(),
                        |found| format!(", published {}", found.release.published),
                    );
                let was = proposal.before.as_ref().filter(|pin| pin.version != *release.version());
                let was = was.map_or_else(String::new, |pin| format!(" (now {})", pin.version));
                format!(
                    "`{}` {}{was} from the registry `{}`, signed by {}{published}",
                    release.name(),
                    release.version(),
                    release.registry(),
                    Signer::of(release)
                )
            }
            Plugin::Development(plugin) => {
                format!("`{}` from `{}`, under development: unsigned", typed(plugin.name()), plugin.path())
            }
        };
        let mut lines = Vec::new();
        if let Some(before) = proposal.signer_before() {
            lines.push(format!("! another signer: until now {before}"));
        }
        if proposal.granted_before == Authority::default() {
            lines.extend(sentences(&proposal.granted));
        } else {
            let difference = proposal.granted_before.difference(&proposal.granted);
            lines.extend(difference.to_string().lines().map(str::to_owned));
        }
        if !lines.is_empty() || is_new(proposal) {
            self.add(headline, lines);
        }
    }

    /// Adds the endpoints of the lock: all that `before` does not have.
    pub fn add_endpoints(&mut self, before: Option<&Lock>, after: &Lock) {
        let pins = after.pins().iter().map(|pin| &pin.name);
        for name in pins.chain(after.developments().iter().map(|pin| &pin.name)) {
            let endpoint = after.endpoint(name);
            if let Some(endpoint) =
                endpoint.filter(|_| before.and_then(|lock| lock.endpoint(name)) != endpoint)
            {
                let line = format!("+ sends its requests, and the secrets in them, to {endpoint}");
                self.add(format!("`{name}`"), vec![line]);
            }
        }
    }

    /// Adds what templates of the files read.
    pub fn add_files(&mut self, system: &System, readers: &[String]) {
        let lines = readers.iter().map(|sentence| format!("+ {sentence}")).collect();
        self.add(
            format!("the files of `{}` for the environment `{}`", system.project, system.environment),
            lines,
        );
    }

    fn add(&mut self, headline: String, lines: Vec<String>) {
        self.items.push(Item { headline, lines });
    }

    /// Whether nothing waits for approval.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Shows it, with the digest that stands for all of it.
    pub fn print(&self, ui: &Ui, digest: Digest) {
        for item in &self.items {
            ui.line(&ui.paint(Style::Bold, &item.headline));
            if item.lines.is_empty() {
                ui.line("  asks for nothing beyond running in the sandbox");
            }
            item.lines.iter().for_each(|line| ui.line(&format!("  {line}")));
        }
        ui.line(&format!("digest of all this: {digest}"));
    }

    /// The same as JSON.
    pub fn document(&self, digest: Digest, approved: bool) -> Value {
        let items: Vec<_> =
            self.items.iter().map(|item| json!({ "what": item.headline, "changes": item.lines })).collect();
        json!({ "digest": digest.to_string(), "approved": approved, "items": items })
    }
}

/// Digest of what is approved: the lock's decisions of trust, and the files.
pub fn digest(workspace: &Workspace, files: Option<Digest>) -> Digest {
    let files = files.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
    Digest::of(format!("starsystem approval\n{}\n{files}\n", workspace.lock().trust_digest()).as_bytes())
}

/// What a plugin asks for that needs no approval; none if its every grant does.
fn vouched_request(registries: &Registries, pin: &ss_registry::Pin) -> Option<Authority> {
    let registry = registries.of(&pin.name).ok().filter(|registry| registry.vouches_for(&pin.name))?;
    let release = registry.load(&pin.name, &pin.version).ok()?;
    Some(release.manifest().authority.clone())
}

fn is_new(proposal: &Proposal) -> bool {
    proposal.before.is_none() && proposal.granted_before == Authority::default()
}

fn sentences(granted: &Authority) -> Vec<String> {
    granted.sentences().iter().map(|sentence| format!("+ {sentence}")).collect()
}

fn excess(free: &Authority, granted: &Authority) -> Vec<String> {
    let excess = free.covers(granted).err().unwrap_or_default();
    excess.iter().map(|excess| format!("+ may {excess}")).collect()
}
