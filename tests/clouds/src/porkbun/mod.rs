//! Porkbun: one account with domains and their DNS records.
//!
//! Both keys stand in the body, everything may be asked by `POST`, and a refusal is HTTP 400 or even 200 with
//! `status: "ERROR"`. What carries an `Idempotency-Key` is done once.
//!
//! Not played: labels, URL forwarding, certificates, sign-in by browser.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};
use crate::dice::Dice;

/// The secret key that this stand-in accepts beside any primary key.
pub const SECRET_KEY: &str = "sk1_7d3f0b5c9e2a48f6";
/// The domain that the account has from the start.
pub const OWNED: &str = "myapp.com";
/// What a domain costs, in cents.
const PRICE: u64 = 1108;
/// How long after a check the next one is refused.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Time to live of a record that asks for less.
const SHORTEST_TTL: u64 = 600;

/// The account, as Porkbun sees it.
#[derive(Debug)]
pub(crate) struct Porkbun {
    dice: Dice,
    domains: Vec<Domain>,
    /// Answers by idempotency key, with the body they were given for.
    replays: BTreeMap<String, (Value, Answer)>,
    last_check: Option<Instant>,
    /// Cents of credit.
    balance: u64,
}

#[derive(Debug)]
struct Domain {
    name: String,
    created: Moment,
    auto_renew: bool,
    ns: Vec<String>,
    records: Vec<(Moment, Value)>,
}

/// Porkbun's error shape.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    match status {
        401 | 403 => error_of(400, "INVALID_API_KEYS_001", "Invalid API key. (001)"),
        429 => error_of(429, "RATE_LIMIT_EXCEEDED", message),
        status => Answer::json(status, json!({ "status": "ERROR", "message": message })),
    }
}

fn error_of(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "status": "ERROR", "code": code, "message": message }))
}

fn ok(mut body: Value) -> Outcome {
    body["status"] = "SUCCESS".into();
    Ok(Answer::json(200, body))
}

/// Whether both keys are in the body; `key` is the only primary key to accept, if there is one.
pub(crate) fn carries_keys(call: &Call, key: Option<&str>) -> bool {
    let primary = call.text("/apikey").filter(|sent| !sent.is_empty());
    primary.is_some_and(|sent| key.is_none_or(|key| key == sent))
        && call.text("/secretapikey") == Some(SECRET_KEY)
}

impl Porkbun {
    pub(crate) fn new(habits: &Habits, clock: &Clock) -> Self {
        let mut porkbun = Self {
            dice: Dice::new(habits.seed),
            domains: Vec::new(),
            replays: BTreeMap::new(),
            last_check: None,
            balance: 5000,
        };
        let mut owned = porkbun.new_domain(OWNED, clock);
        owned.records.clear();
        porkbun.domains.push(owned);
        porkbun
    }

    /// Everything that exists.
    pub(crate) fn inventory(&self) -> Value {
        let domain = |domain: &Domain| {
            let records: Vec<&Value> = domain.records.iter().map(|(_, record)| record).collect();
            json!({ "domain": domain.name, "autoRenew": domain.auto_renew, "ns": domain.ns, "records": records })
        };
        json!({ "domains": self.domains.iter().map(domain).collect::<Vec<_>>(), "balance": self.balance })
    }

    /// Answers a call whose keys are good.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let Some(key) = call.header("idempotency-key") else { return self.act(call, clock) };
        let body = call.body.clone().unwrap_or_default();
        if let Some((known, answer)) = self.replays.get(key) {
            if *known != body {
                return Err(error_of(
                    409,
                    "IDEMPOTENCY_KEY_MISMATCH",
                    "This key was used with another body.",
                ));
            }
            return Ok(answer.clone().with("idempotent-replayed", "true".to_owned()));
        }
        let answer = self.act(call, clock)?;
        self.replays.insert(key.to_owned(), (body, answer.clone()));
        Ok(answer)
    }

    fn act(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let Some(rest) = segments.strip_prefix(&["api", "json", "v3"]) else {
            return Err(error(404, "No such path."));
        };
        if call.method != Method::POST {
            return Err(error(405, "Only POST is played."));
        }
        match rest {
            ["domain", "listAll"] => self.list(call, clock),
            ["domain", "checkDomain", name] => self.check(name),
            ["domain", "create", name] => self.register(call, clock, name),
            ["domain", "getNs", name] => ok(json!({ "ns": self.domain(name)?.ns })),
            ["domain", "updateNs", name] => {
                let ns = call.member("/ns").as_array().into_iter().flatten();
                self.domain(name)?.ns = ns.filter_map(Value::as_str).map(str::to_owned).collect();
                ok(json!({}))
            }
            ["domain", "updateAutoRenew", name] => {
                self.domain(name)?.auto_renew = call.text("/status") == Some("on");
                ok(
                    json!({ "results": { *name: { "status": "SUCCESS", "message": "Auto renew status updated." } } }),
                )
            }
            ["dns", "retrieve", name] => {
                let seen = self.domain(name)?.records.iter().filter(|(created, _)| clock.shows(*created));
                let records: Vec<Value> = seen.map(|(_, record)| record.clone()).collect();
                ok(json!({ "cloudflare": "enabled", "records": records }))
            }
            ["dns", "create", name] => self.create_record(call, clock, name),
            ["dns", "edit", name, id] => self.edit_record(call, name, id),
            ["dns", "delete", name, id] => {
                let domain = self.domain(name)?;
                let before = domain.records.len();
                domain.records.retain(|(_, record)| record["id"] != *id);
                if domain.records.len() == before {
                    return Err(error_of(400, "INVALID_RECORD_ID", "Invalid record ID."));
                }
                ok(json!({}))
            }
            _ => Err(error(404, "No such path.")),
        }
    }

    fn domain(&mut self, name: &str) -> Result<&mut Domain, Answer> {
        let found = self.domains.iter_mut().find(|domain| domain.name == name);
        found.ok_or_else(|| error_of(400, "INVALID_DOMAIN", "Invalid domain."))
    }

    fn list(&self, call: &Call, clock: &Clock) -> Outcome {
        let asked = |domain: &&Domain| call.text("/domain").is_none_or(|name| domain.name.contains(name));
        let seen = self.domains.iter().filter(|domain| clock.shows(domain.created)).filter(asked);
        let shown = |domain: &Domain| {
            json!({
                "domain": domain.name, "status": "ACTIVE", "tld": domain.name.rsplit('.').next(),
                "createDate": "2026-01-01 00:00:00", "expireDate": "2027-01-01 00:00:00", "securityLock": 1,
                "whoisPrivacy": 1, "autoRenew": u8::from(domain.auto_renew), "apiAccess": 1, "notLocal": 0,
            })
        };
        let domains: Vec<Value> = seen.map(shown).collect();
        ok(json!({ "count": domains.len(), "domains": domains }))
    }

    fn check(&mut self, name: &str) -> Outcome {
        if self.last_check.is_some_and(|last| last.elapsed() < CHECK_PAUSE) {
            let mut refusal =
                error_of(429, "RATE_LIMIT_EXCEEDED", "1 out of 1 checks within 10 seconds used.");
            if let Some(body) = &mut refusal.body {
                body["ttlRemaining"] = 1.into();
            }
            return Err(refusal);
        }
        self.last_check = Some(Instant::now());
        let taken = self.domains.iter().any(|domain| domain.name == name) || name.starts_with("taken");
        let price = format!("{}.{:02}", PRICE / 100, PRICE % 100);
        ok(json!({
            "response": {
                "avail": if taken { "no" } else { "yes" }, "type": "registration", "price": price,
                "firstYearPromo": "no", "regularPrice": price, "minDuration": 1,
                "premium": if name.starts_with("premium") { "yes" } else { "no" },
            },
            "limits": { "TTL": 10, "limit": 1, "used": 1, "naturalLanguage": "1 out of 1 checks within 10 seconds used." },
        }))
    }

    fn register(&mut self, call: &Call, clock: &Clock, name: &str) -> Outcome {
        if self.domains.iter().any(|domain| domain.name == name) || name.starts_with("taken") {
            return Err(error_of(400, "DOMAIN_NOT_AVAILABLE", "Domain is not available."));
        }
        if call.member("/cost").as_u64() != Some(PRICE) || call.text("/agreeToTerms") != Some("yes") {
            return Err(error_of(400, "INVALID_COST", "The cost is not the price."));
        }
        if self.balance < PRICE {
            return Err(error_of(400, "INSUFFICIENT_FUNDS", "Insufficient funds."));
        }
        self.balance -= PRICE;
        let domain = self.new_domain(name, clock);
        self.domains.push(domain);
        ok(json!({ "domain": name, "cost": PRICE, "orderId": 1001, "balance": self.balance }))
    }

    /// A new domain, parked: its own address and everything below lead to Porkbun.
    fn new_domain(&mut self, name: &str, clock: &Clock) -> Domain {
        let mut record = |kind: &str, name: String| {
            let id = self.dice.text("123456789", 9);
            let parking = "pixie.porkbun.com";
            (
                clock.now(),
                json!({ "id": id, "name": name, "type": kind, "content": parking, "ttl": "600", "prio": null, "notes": "" }),
            )
        };
        let records = vec![record("ALIAS", name.to_owned()), record("CNAME", format!("*.{name}"))];
        let ns = ["curitiba", "fortaleza", "maceio", "salvador"].map(|ns| format!("{ns}.ns.porkbun.com"));
        Domain { name: name.to_owned(), created: clock.now(), auto_renew: true, ns: ns.to_vec(), records }
    }

    fn create_record(&mut self, call: &Call, clock: &Clock, name: &str) -> Outcome {
        let id = self.dice.text("123456789", 9);
        let record = record(call, name, &id)?;
        let domain = self.domain(name)?;
        check_beside(domain, &record)?;
        domain.records.push((clock.now(), record));
        ok(json!({ "id": id }))
    }

    fn edit_record(&mut self, call: &Call, name: &str, id: &str) -> Outcome {
        let edited = record(call, name, id)?;
        let domain = self.domain(name)?;
        let at = domain.records.iter().position(|(_, record)| record["id"] == id);
        let at = at.ok_or_else(|| error_of(400, "INVALID_RECORD_ID", "Invalid record ID."))?;
        check_beside(domain, &edited)?;
        domain.records[at].1 = edited;
        ok(json!({}))
    }
}

/// A record as Porkbun keeps it: the whole name, and all texts.
fn record(call: &Call, domain: &str, id: &str) -> Result<Value, Answer> {
    let (Some(kind), Some(content)) = (call.text("/type"), call.text("/content")) else {
        return Err(error_of(400, "INVALID_TYPE", "Invalid type."));
    };
    let name = match call.text("/name").unwrap_or_default() {
        "" => domain.to_owned(),
        name => format!("{name}.{domain}"),
    };
    let ttl = call.member("/ttl").as_u64().unwrap_or_default().max(SHORTEST_TTL);
    let prio = call.member("/prio").as_u64().map(|prio| prio.to_string());
    Ok(json!({
        "id": id, "name": name, "type": kind, "content": content, "ttl": ttl.to_string(), "prio": prio,
        "notes": call.text("/notes"),
    }))
}

/// A `CNAME` or `ALIAS` stands alone among the addresses of a name.
fn check_beside(domain: &Domain, record: &Value) -> Result<(), Answer> {
    let kind = |record: &Value| record["type"].as_str().unwrap_or_default().to_owned();
    let address = |record: &Value| matches!(kind(record).as_str(), "A" | "AAAA" | "CNAME" | "ALIAS");
    let alone = |record: &Value| matches!(kind(record).as_str(), "CNAME" | "ALIAS");
    let others = domain.records.iter().map(|(_, other)| other);
    let mut others = others.filter(|other| other["id"] != record["id"] && other["name"] == record["name"]);
    if address(record) && others.any(|other| address(other) && (alone(other) || alone(record))) {
        return Err(error(400, "Create error: We were unable to create the DNS record."));
    }
    Ok(())
}
