//! Permissions: an [`Authority`] taken apart into its smallest pieces, each of which can be compared.
//!
//! Two authorities are compared piece by piece: one covers another if each piece of the other is covered
//! by a single piece of its own. That errs on the safe side: two rules that only together cover a third
//! do not count.

use std::fmt;

use crate::{Authority, HttpRule, OriginPattern, PathPattern, Place, VaultRead};

/// Methods that change nothing, by RFC 9110.
pub const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Methods that can be granted. `CONNECT` and `TRACE` cannot.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Which `POST` requests of a rule count as safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reads {
    /// Those whose body is one GraphQL query.
    Graphql,
    /// All of them.
    Post,
}

impl Reads {
    /// Parses `graphql` or `post`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "graphql" => Some(Self::Graphql),
            "post" => Some(Self::Post),
            _ => None,
        }
    }
}

/// Where requests go: one method at the paths of one origin pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    method: String,
    origin: OriginPattern,
    path: PathPattern,
}

impl Route {
    fn covers(&self, other: &Self) -> bool {
        self.method == other.method && self.origin.covers(&other.origin) && self.path.covers(&other.path)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.origin, self.path)
    }
}

/// What carries a secret in a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    Header(String),
    Body(Place),
}

impl Carrier {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(mine), Self::Header(theirs)) => mine == theirs,
            (Self::Body(mine), Self::Body(theirs)) => mine.covers(theirs),
            (Self::Header(_), Self::Body(_)) | (Self::Body(_), Self::Header(_)) => false,
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::Body(place) => write!(f, "body field `{place}`"),
        }
    }
}

/// The smallest piece of an authority. Its text reads well after "may".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    Request(Route),
    Read(Route, Reads),
    SealedBody(Route, Place),
    VaultRead(String),
    VaultSend {
        key: String,
        origin: OriginPattern,
        carrier: Carrier,
    },
    VaultWrite(String),
    Hmac(String),
    Generate,
    Reveal(String),
    ServiceCommand,
    Command(String),
    ReadCommand(String),
    Probe(String),
    ReadFile(String),
    WriteFile(String),
    /// A piece that does not parse: it covers nothing and nothing covers it.
    Invalid(String),
}

impl Permission {
    /// Whether whoever has it can do everything that `other` permits.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Invalid(_), _) | (_, Self::Invalid(_)) => false,
            (Self::Request(mine), Self::Request(theirs)) => mine.covers(theirs),
            (Self::Read(mine, reads), Self::Read(theirs, wanted)) => reads >= wanted && mine.covers(theirs),
            (Self::SealedBody(mine, place), Self::SealedBody(theirs, wanted)) => {
                place.covers(wanted) && mine.covers(theirs)
            }
            (
                Self::VaultSend { key, origin, carrier },
                Self::VaultSend { key: wanted, origin: to, carrier: by },
            ) => key == wanted && origin.covers(to) && carrier.covers(by),
            (Self::Command(mine), Self::Command(theirs))
            | (Self::ReadCommand(mine), Self::ReadCommand(theirs)) => starts_with_words(theirs, mine),
            (mine, theirs) => mine == theirs,
        }
    }
}

fn starts_with_words(command: &str, words: &str) -> bool {
    command.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(route) => write!(f, "send {route}"),
            Self::Read(route, Reads::Graphql) => write!(f, "send GraphQL queries while it plans: {route}"),
            Self::Read(route, Reads::Post) => write!(f, "send any body while it plans: {route}"),
            Self::SealedBody(route, place) => {
                write!(f, "put secrets of services into body field `{place}` of {route}")
            }
            Self::VaultRead(key) => write!(f, "use vault key `{key}`, sealed"),
            Self::VaultSend { key, origin, carrier } => {
                write!(f, "send vault key `{key}` to {origin} in {carrier}")
            }
            Self::VaultWrite(key) => write!(f, "write vault key `{key}`"),
            Self::Hmac(key) => write!(f, "sign with vault key `{key}`"),
            Self::Generate => f.write_str("have secrets made"),
            Self::Reveal(what) => write!(f, "see in clear {}", revealed(what)),
            Self::ServiceCommand => f.write_str("run the command that a service names"),
            Self::Command(words) => write!(f, "run `{words} …`"),
            Self::ReadCommand(words) => write!(f, "run `{words} …` while it plans"),
            Self::Probe(option) => write!(f, "request the URL that option `{option}` names"),
            Self::ReadFile(option) => write!(f, "read the file that option `{option}` names"),
            Self::WriteFile(option) => write!(f, "replace the file that option `{option}` names"),
            Self::Invalid(text) => write!(f, "do something that is not understood: {text}"),
        }
    }
}

/// What a member of `secrets.reveal` stands for.
pub(crate) fn revealed(what: &str) -> String {
    match what {
        "generated" => "secrets made for it".to_owned(),
        "injected" => "secrets of other services".to_owned(),
        key => format!("vault key `{key}`"),
    }
}

/// Takes an authority apart.
pub(crate) fn permissions(authority: &Authority) -> Vec<Permission> {
    let mut all = Vec::new();
    for rule in &authority.http {
        of_http_rule(rule, &mut all);
    }
    for read in &authority.vault.read {
        of_vault_read(read, &mut all);
    }
    all.extend(authority.vault.write.iter().cloned().map(Permission::VaultWrite));
    all.extend(authority.secrets.hmac.iter().cloned().map(Permission::Hmac));
    all.extend(authority.secrets.generate.then_some(Permission::Generate));
    all.extend(authority.secrets.reveal.iter().cloned().map(Permission::Reveal));
    if let Some(process) = &authority.process {
        all.extend(process.service_command.then_some(Permission::ServiceCommand));
        all.extend(process.commands.iter().cloned().map(Permission::Command));
        all.extend(process.reads.iter().cloned().map(Permission::ReadCommand));
        all.extend(process.probe_options.iter().cloned().map(Permission::Probe));
    }
    if let Some(files) = &authority.files {
        all.extend(files.read_options.iter().cloned().map(Permission::ReadFile));
        all.extend(files.write_options.iter().cloned().map(Permission::WriteFile));
    }
    all
}

fn of_http_rule(rule: &HttpRule, all: &mut Vec<Permission>) {
    let (Ok(origin), Ok(path)) = (OriginPattern::parse(&rule.origin), PathPattern::parse(&rule.path)) else {
        all.push(Permission::Invalid(format!("requests to `{}{}`", rule.origin, rule.path)));
        return;
    };
    for method in &rule.methods {
        let route = Route { method: method.clone(), origin: origin.clone(), path: path.clone() };
        if method == "POST"
            && let Some(reads) = &rule.reads
        {
            all.push(match Reads::parse(reads) {
                Some(reads) => Permission::Read(route.clone(), reads),
                None => Permission::Invalid(format!("`reads = \"{reads}\"`")),
            });
        }
        if !SAFE_METHODS.contains(&method.as_str()) {
            for place in &rule.sealed_body {
                all.push(match Place::parse(place) {
                    Ok(place) => Permission::SealedBody(route.clone(), place),
                    Err(_) => Permission::Invalid(format!("body field `{place}`")),
                });
            }
        }
        all.push(Permission::Request(route));
    }
}

fn of_vault_read(read: &VaultRead, all: &mut Vec<Permission>) {
    all.push(Permission::VaultRead(read.key.clone()));
    for origin in &read.origins {
        let Ok(origin) = OriginPattern::parse(origin) else {
            all.push(Permission::Invalid(format!("vault key `{}` to `{origin}`", read.key)));
            continue;
        };
        let headers = read.headers.iter().cloned().map(|name| Ok(Carrier::Header(name)));
        let places = read.body.iter().map(|place| Place::parse(place).map(Carrier::Body));
        for carrier in headers.chain(places) {
            all.push(match carrier {
                Ok(carrier) => {
                    Permission::VaultSend { key: read.key.clone(), origin: origin.clone(), carrier }
                }
                Err(_) => Permission::Invalid(format!("vault key `{}` in a malformed body field", read.key)),
            });
        }
    }
}
