//! An authority in words, for people who have to approve it.

use std::fmt::Display;

use crate::permission::revealed;
use crate::{Authority, HttpRule, OriginPattern, PathPattern, VaultRead};

impl Authority {
    /// What it permits, one sentence each, without a subject: `may GET, POST to https://…`.
    /// Nothing at all if it permits nothing.
    pub fn sentences(&self) -> Vec<String> {
        let mut all: Vec<String> = self.http.iter().map(of_http_rule).collect();
        all.extend(self.vault.read.iter().map(of_vault_read));
        if !self.vault.write.is_empty() {
            all.push(format!("may write vault {}", keys(&self.vault.write)));
        }
        if !self.secrets.hmac.is_empty() {
            all.push(format!("may sign with vault {}, without seeing it", keys(&self.secrets.hmac)));
        }
        if self.secrets.generate {
            all.push("may have secrets made and kept in the vault, without seeing them".to_owned());
        }
        all.extend(self.secrets.reveal.iter().map(|what| format!("may see in clear {}", revealed(what))));
        self.add_local(&mut all);
        all
    }

    /// What it permits on this machine.
    fn add_local(&self, all: &mut Vec<String>) {
        if let Some(process) = &self.process {
            if process.service_command {
                all.push("may run the command that a service names".to_owned());
            }
            all.extend(process.commands.iter().map(|words| format!("may run `{words} …`")));
            all.extend(process.reads.iter().map(|words| format!("may run `{words} …`, while planning too")));
            if !process.probe_options.is_empty() {
                all.push(format!("may request the URLs that {}", options(&process.probe_options)));
            }
        }
        if let Some(files) = &self.files {
            if !files.read_options.is_empty() {
                all.push(format!("may read the files that {}", options(&files.read_options)));
            }
            if !files.write_options.is_empty() {
                all.push(format!("may replace the files that {}", options(&files.write_options)));
            }
        }
    }
}

fn of_http_rule(rule: &HttpRule) -> String {
    let mut sentence = format!(
        "may {} to {}{}",
        rule.methods.join(", "),
        shown_origin(&rule.origin),
        shown_path(&rule.path)
    );
    match rule.reads.as_deref() {
        Some("graphql") => sentence.push_str(", while planning only GraphQL queries"),
        Some(_) => sentence.push_str(", while planning too"),
        None => {}
    }
    if !rule.sealed_body.is_empty() {
        sentence.push_str(&format!(", with secrets of services in {}", fields(&rule.sealed_body)));
    }
    sentence
}

fn of_vault_read(read: &VaultRead) -> String {
    if read.origins.is_empty() {
        return format!("may use vault key `{}`, sealed and not sent anywhere", read.key);
    }
    let origins = listed(read.origins.iter().map(|origin| shown_origin(origin)));
    let mut carriers = Vec::new();
    if !read.headers.is_empty() {
        carriers.push(format!("header {}", listed(read.headers.iter().map(|name| format!("`{name}`")))));
    }
    if !read.body.is_empty() {
        carriers.push(fields(&read.body));
    }
    format!("may read vault key `{}`, sealed to {origins} ({})", read.key, carriers.join("; "))
}

fn shown_origin(text: &str) -> String {
    OriginPattern::parse(text).map_or_else(|_| format!("{text:?}"), |origin| origin.to_string())
}

fn shown_path(text: &str) -> String {
    PathPattern::parse(text).map_or_else(|_| format!("{text:?}"), |path| path.to_string())
}

fn keys(keys: &[String]) -> String {
    let noun = if keys.len() == 1 { "key" } else { "keys" };
    format!("{noun} {}", listed(keys.iter().map(|key| format!("`{key}`"))))
}

fn fields(places: &[String]) -> String {
    let noun = if places.len() == 1 { "body field" } else { "body fields" };
    format!("{noun} {}", listed(places.iter().map(|place| format!("`{place}`"))))
}

fn options(options: &[String]) -> String {
    let (noun, verb) = if options.len() == 1 { ("option", "names") } else { ("options", "name") };
    format!("{noun} {} {verb}", listed(options.iter().map(|option| format!("`{option}`"))))
}

fn listed(items: impl Iterator<Item = impl Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
