//! A granted authority, compiled once per plugin so that judging a request parses no grant.

use http::HeaderName;
use ss_authority::{
    Authority, HttpRule, InvalidValue, METHODS, Origin, OriginPattern, Path, PathPattern, Place, Reads, Step,
    VaultRead,
};
use ss_secret::Source;

/// What one plugin may send where.
#[derive(Debug)]
pub struct Policy {
    plugin: String,
    rules: Vec<Rule>,
    keys: Vec<KeyRule>,
}

/// A compiled [`HttpRule`].
#[derive(Debug)]
pub(crate) struct Rule {
    origin: OriginPattern,
    path: PathPattern,
    /// One bit per entry of [`METHODS`].
    methods: u8,
    reads: Option<Reads>,
    sealed_body: Vec<Place>,
    /// As a receipt names it.
    words: String,
}

/// A compiled [`VaultRead`].
#[derive(Debug)]
struct KeyRule {
    key: String,
    origins: Vec<OriginPattern>,
    headers: Vec<HeaderName>,
    body: Vec<Place>,
}

/// What the grant says of one request's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    /// No rule names the origin.
    NoOrigin,
    /// Rules name the origin, none the path.
    NoPath,
    /// Rules name origin and path, none the method.
    NoMethod,
    /// Allowed.
    Yes {
        /// The strongest declaration of what counts as a read.
        reads: Option<Reads>,
        /// The first rule that allows it.
        rule: usize,
    },
}

impl Policy {
    /// Compiles what `plugin` was granted.
    ///
    /// # Errors
    /// The first value of the grant that is not valid.
    pub fn compile(plugin: &str, granted: &Authority) -> Result<Self, InvalidValue> {
        granted.validate()?;
        let invalid = |field: &str, reason: String| InvalidValue {
            field: field.to_owned(),
            value: String::new(),
            reason,
        };
        let rules = granted.http.iter().map(compile_rule).collect::<Result<_, _>>();
        let keys = granted.vault.read.iter().map(compile_key).collect::<Result<_, _>>();
        Ok(Self {
            plugin: plugin.to_owned(),
            rules: rules.map_err(|reason| invalid("http", reason))?,
            keys: keys.map_err(|reason| invalid("vault.read", reason))?,
        })
    }

    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// What the grant says of a request with this method, origin and path.
    pub(crate) fn granted(&self, method: &str, origin: &Origin<'_>, path: &Path<'_>) -> Granted {
        let mut nearest = Granted::NoOrigin;
        let mut allowed = None;
        let mut reads = None;
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.origin.matches(origin)) {
            if !rule.path.matches(path) {
                if nearest == Granted::NoOrigin {
                    nearest = Granted::NoPath;
                }
            } else if rule.has_method(method) {
                allowed = allowed.or(Some(at));
                reads = reads.max(rule.reads);
            } else {
                nearest = Granted::NoMethod;
            }
        }
        allowed.map_or(nearest, |rule| Granted::Yes { reads, rule })
    }

    /// A rule in words: its methods, origin and path.
    pub(crate) fn words(&self, rule: usize) -> &str {
        self.rules.get(rule).map_or("", |rule| &rule.words)
    }

    /// Whether a secret may go to this origin in this header.
    pub(crate) fn header_may_carry(&self, source: &Source, origin: &Origin<'_>, name: &HeaderName) -> bool {
        match source {
            Source::VaultKey(key) => self.keys_for(key, origin).any(|rule| rule.headers.contains(name)),
            Source::Injected(_) | Source::Generated(_) | Source::Derived(_) => false,
        }
    }

    /// Whether a secret may go in the body of this request at the end of these steps.
    pub(crate) fn body_may_carry(
        &self,
        source: &Source,
        (method, origin, path): (&str, &Origin<'_>, &Path<'_>),
        steps: &[Step<String>],
    ) -> bool {
        let among = |places: &[Place]| places.iter().any(|place| place.matches(steps));
        match source {
            Source::VaultKey(key) => self.keys_for(key, origin).any(|rule| among(&rule.body)),
            Source::Injected(_) | Source::Generated(_) => self.rules.iter().any(|rule| {
                rule.origin.matches(origin)
                    && rule.path.matches(path)
                    && rule.has_method(method)
                    && among(&rule.sealed_body)
            }),
            Source::Derived(_) => false,
        }
    }

    fn keys_for(&self, key: &str, origin: &Origin<'_>) -> impl Iterator<Item = &KeyRule> {
        self.keys
            .iter()
            .filter(move |rule| rule.key == key && rule.origins.iter().any(|pattern| pattern.matches(origin)))
    }
}

impl Rule {
    fn has_method(&self, method: &str) -> bool {
        method_bit(method).is_some_and(|bit| self.methods & bit != 0)
    }
}

/// The bit of a method; none if it is not one that can be granted.
pub(crate) fn method_bit(method: &str) -> Option<u8> {
    METHODS.iter().position(|known| *known == method).map(|index| 1 << index)
}

fn compile_rule(rule: &HttpRule) -> Result<Rule, String> {
    Ok(Rule {
        origin: OriginPattern::parse(&rule.origin).map_err(|error| error.to_string())?,
        path: PathPattern::parse(&rule.path).map_err(|error| error.to_string())?,
        methods: rule.methods.iter().filter_map(|method| method_bit(method)).fold(0, |all, bit| all | bit),
        reads: rule.reads.as_deref().and_then(Reads::parse),
        sealed_body: places(&rule.sealed_body)?,
        words: format!("{} {}{}", rule.methods.join(" "), rule.origin, rule.path),
    })
}

fn compile_key(read: &VaultRead) -> Result<KeyRule, String> {
    let origins =
        read.origins.iter().map(|origin| OriginPattern::parse(origin).map_err(|error| error.to_string()));
    let headers =
        read.headers.iter().map(|name| name.parse().map_err(|_| format!("`{name}` is not a header")));
    Ok(KeyRule {
        key: read.key.clone(),
        origins: origins.collect::<Result<_, _>>()?,
        headers: headers.collect::<Result<_, _>>()?,
        body: places(&read.body)?,
    })
}

fn places(texts: &[String]) -> Result<Vec<Place>, String> {
    texts.iter().map(|text| Place::parse(text).map_err(|error| error.to_string())).collect()
}
