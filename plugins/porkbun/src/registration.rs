//! Whether the domain is the account's, and buying it.
//!
//! A domain is bought only if the service says so with a highest price, and only at the price that Porkbun has
//! just named. The plan shows that price as the field `cost`, which `ss` asks about before it goes on.

use serde_json::{Value, json};
use ss_sdk::{Change, Failure, FailureKind};

use crate::api::{segment, text};
use crate::zone::Zone;

/// The field of a plan that says what applying it costs.
pub const COST: &str = "cost";

/// What a registration costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    cents: u64,
}

impl Price {
    /// Reads `11.08`: dollars and cents, without ever being a floating-point number.
    fn parse(text: &str) -> Option<Self> {
        let (dollars, cents) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(dollars) || !digits(cents) || cents.len() > 2 || dollars.len() > 9 {
            return None;
        }
        let scale = if cents.len() == 1 { 10 } else { 1 };
        Some(Self { cents: dollars.parse::<u64>().ok()? * 100 + cents.parse::<u64>().ok()? * scale })
    }

    /// `11.08 USD`.
    pub fn shown(self) -> String {
        format!("{}.{:02} USD", self.cents / 100, self.cents % 100)
    }

    fn is_above(self, dollars: f64) -> bool {
        // Half a cent keeps 11.08 from being above 11.08.
        self.cents as f64 > dollars * 100.0 + 0.5
    }
}

impl Zone<'_, '_> {
    /// The domain in the account. None if it is not there.
    pub fn owned(&self) -> Result<Option<Value>, Failure> {
        let body = json!({ "domain": self.domain, "start": 0 });
        let answer = self.api.read("/domain/listAll", body, "look the domain up")?;
        let domains = answer["domains"].as_array().into_iter().flatten();
        let mut named = domains.filter(|domain| text(domain, "domain").eq_ignore_ascii_case(&self.domain));
        let Some(domain) = named.next() else { return Ok(None) };
        if domain["apiAccess"] == 0 {
            return Err(Failure::conflict(format!("`{}` is not open to API access", self.domain))
                .with_next_step("turn on API access in the domain's settings at Porkbun"));
        }
        Ok(Some(domain.clone()))
    }

    /// What the domain costs, if the service allows to buy it at that price.
    ///
    /// # Errors
    ///
    /// It cannot be had, or not at a price that the service allows.
    pub fn price(&self) -> Result<Price, Failure> {
        let path = format!("/domain/checkDomain/{}", segment(&self.domain)?);
        let answer = self.api.read(&path, json!({}), "ask what the domain costs")?;
        let offer = &answer["response"];
        let refused = |why: &str| {
            Failure::conflict(format!("`{}` is not in this account and {why}", self.domain))
                .with_next_step("correct `domain`, or see that the keys are those of its account")
        };
        if text(offer, "avail") != "yes" {
            return Err(refused("belongs to somebody else"));
        }
        let price = Price::parse(text(offer, "price"))
            .ok_or_else(|| Failure::internal("Porkbun names a price that this plugin does not understand"))?;
        if text(offer, "premium") == "yes" {
            return Err(refused("is a premium domain, which cannot be bought this way"));
        }
        // Not verified: whether the price is for one year or for the shortest duration.
        if offer["minDuration"].as_u64().is_some_and(|years| years > 1) {
            return Err(refused("is sold for several years only; register it at Porkbun"));
        }
        let Some(register) = self.options.register.as_ref().filter(|register| register.agree_to_terms) else {
            let message = format!(
                "`{}` is not in this account; it can be registered for {}, which `ss` does only if the service says so",
                self.domain,
                price.shown()
            );
            return Err(Failure::invalid_configuration(self.service.option_path("domain"), message).with_next_step(
                "register it at Porkbun, or add `register: { max_price: …, agree_to_terms: true }` to have it bought",
            ));
        };
        if price.is_above(register.max_price) {
            return Err(Failure::invalid_configuration(
                self.service.option_path("register.max_price"),
                format!("`{}` costs {}, which is more than `max_price` allows", self.domain, price.shown()),
            )
            .with_next_step("allow more with `max_price`, or choose another domain"));
        }
        Ok(price)
    }

    /// The change that says what it costs.
    pub fn cost(price: Price) -> Change {
        Change::new(COST, Value::Null, price.shown())
    }

    /// Buys the domain. The service allowed it at this price.
    pub fn register(&mut self) -> Result<(), Failure> {
        let price = self.price()?;
        self.known.registered_for = price.shown();
        self.keep()?;
        let path = format!("/domain/create/{}", segment(&self.domain)?);
        let body = json!({ "cost": price.cents, "agreeToTerms": "yes" });
        match self.api.change(&path, body, "register the domain") {
            Ok(_) => {}
            // Whatever the answer was: whoever has the domain now has paid for it.
            Err(failure) if matches!(failure.kind, FailureKind::OutcomeUnknown | FailureKind::Conflict) => {
                let wait = self.context.wait("the domain to appear", crate::zone::UNSEEN_LIMIT);
                if wait.within_limit(|| self.owned())?.is_none() {
                    return Err(failure.with_next_step(
                        "look at Porkbun whether the domain was bought; run again: `ss` looks for it before it buys one",
                    ));
                }
            }
            Err(failure) => {
                self.known.registered_for.clear();
                self.keep()?;
                return Err(failure);
            }
        }
        self.context.step(format!("Domain registered: {} for {}", self.domain, price.shown()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        let cents = |text| Price::parse(text).map(|price| price.cents);
        assert_eq!(
            [cents("11.08"), cents("9"), cents("0.5"), cents("10.10")],
            [Some(1108), Some(900), Some(50), Some(1010)]
        );
        for text in ["", "-1.00", "1.005", "1e3", "1,00", ".5", "9999999999"] {
            assert_eq!(cents(text), None, "{text}");
        }
        assert_eq!(Price { cents: 1108 }.shown(), "11.08 USD");
        assert!(!Price { cents: 1108 }.is_above(11.08) && Price { cents: 1109 }.is_above(11.08));
    }
}
