//! What an unfinished operation leaves to be done before the next attempt.

use ss_provider::{Action, State};

use crate::journal::{OpenOp, Sent};

/// Where an unfinished operation stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nothing of it can be there that another attempt would make twice.
    Retry,
    /// The plugin saved how far it got; it goes on from there.
    Resume {
        /// What it saved.
        partial: String,
    },
    /// An earlier recovery found this resource.
    Adopted {
        /// The resource.
        state: State,
    },
    /// Something may be there; only the provider knows.
    Search,
}

/// Where the operation stands, given the state of the service's last success.
pub(crate) fn standing(open: &OpenOp, existing: Option<&State>) -> Standing {
    if let Some(partial) = &open.partial {
        return Standing::Resume { partial: partial.clone() };
    }
    if let Some(state) = &open.adopted {
        return Standing::Adopted { state: state.clone() };
    }
    // With a state a provider converges and never creates, unless the change was a replacement.
    let converges = existing.is_some() && open.intent.action != Action::Replace;
    if converges || !open.effects.iter().any(may_have_created) { Standing::Retry } else { Standing::Search }
}

/// Whether an effect may have made something that doing it again would make twice.
pub(crate) fn may_have_created(sent: &Sent) -> bool {
    sent.effect.may_have_created(sent.outcome.as_ref())
}

#[cfg(test)]
mod tests {
    use ss_provider::{Effect, EffectOutcome, RequestRecord};

    use super::*;

    fn sent(effect: Effect, outcome: Option<EffectOutcome>) -> Sent {
        Sent { at: jiff::Timestamp::UNIX_EPOCH, effect, outcome }
    }

    fn post() -> Effect {
        Effect::Request(RequestRecord {
            method: "POST".into(),
            host: "api.example".into(),
            path: "/things".into(),
            body_digest: String::new(),
            grant: String::new(),
        })
    }

    fn ended(status: Option<u16>, error: Option<&str>) -> Option<EffectOutcome> {
        Some(EffectOutcome { status, request_id: None, error: error.map(Into::into), duration_ms: 1 })
    }

    #[test]
    fn only_a_refusal_proves_that_a_request_made_nothing() {
        for (outcome, created) in [
            (None, true),
            (ended(Some(201), None), true),
            (ended(Some(500), None), true),
            (ended(Some(408), None), true),
            (ended(None, Some("the connection was reset")), true),
            (ended(Some(422), None), false),
            (ended(Some(429), None), false),
        ] {
            assert_eq!(may_have_created(&sent(post(), outcome.clone())), created, "{outcome:?}");
        }
    }

    #[test]
    fn what_is_the_same_done_twice_needs_no_search() {
        assert!(!may_have_created(&sent(Effect::Write { path: "/x".into() }, None)));
        assert!(!may_have_created(&sent(Effect::Terminate { pid: 1 }, None)));
        assert!(may_have_created(&sent(Effect::Spawn { program: "x".into() }, None)));
        assert!(!may_have_created(&sent(
            Effect::Spawn { program: "x".into() },
            ended(None, Some("no such file"))
        )));
    }
}
