//! What a stand-in knows, and the order in which a request passes through it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::aws::Aws;
use crate::call::{Answer, Call, Reply};
use crate::clock::Clock;
use crate::cloudflare::Cloudflare;
use crate::dice::Dice;
use crate::fly::Fly;
use crate::neon::Neon;
use crate::porkbun::Porkbun;
use crate::railway::Railway;
use crate::supabase::Supabase;
use crate::{Habits, Provider, Recorded, Surface, Trouble};

/// Everything a stand-in knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) habits: Habits,
    storm: Dice,
    answered: u64,
    pub(crate) requests: Vec<Recorded>,
    forgotten: usize,
}

/// The lock, whoever panicked while holding it.
pub(crate) fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(crate) fn new(provider: Provider, habits: Habits) -> Self {
        let clock = Clock::new(habits.pace, habits.unseen_for);
        let world = match provider {
            Provider::Cloudflare => World::Cloudflare(Cloudflare::new(&habits)),
            Provider::Porkbun => World::Porkbun(Porkbun::new(&habits, &clock)),
            Provider::Neon => World::Neon(Neon::new(&habits)),
            Provider::Fly => World::Fly(Fly::new(&habits)),
            Provider::Railway => World::Railway(Railway::new(&habits)),
            Provider::Supabase => World::Supabase(Supabase::new(&habits)),
            Provider::Aws => World::Aws(Aws::new(&habits)),
        };
        let storm = Dice::new(habits.seed ^ 0x0057_04a4);
        Self { world, clock, habits, storm, answered: 0, requests: Vec::new(), forgotten: 0 }
    }

    /// Gives the first requests and forgets them.
    pub(crate) fn take(&mut self, requests: usize) -> Vec<Recorded> {
        self.forgotten += requests;
        self.requests.drain(..requests).collect()
    }

    /// How long every request waits first.
    pub(crate) fn latency(&self) -> Duration {
        self.habits.latency
    }

    /// Takes a request in: time passes, it is recorded, and it may meet trouble. Gives its number.
    pub(crate) fn admit(&mut self, call: &Call) -> (usize, Option<Trouble>) {
        self.clock.advance();
        let surface = self.world.surface(call);
        let trouble = self.trouble(call, surface);
        self.requests.push(Recorded {
            received: call.received,
            surface,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            host: call.host.clone(),
            authorized: self.world.accepts(call, self.habits.key.as_deref()).is_ok(),
            headers: call.headers.iter().filter(|(name, _)| name != "authorization").cloned().collect(),
            body: call.body.clone(),
            status: None,
            answer: None,
            trouble: trouble.clone(),
            finished: false,
        });
        (self.forgotten + self.requests.len() - 1, trouble)
    }

    fn trouble(&mut self, call: &Call, surface: Surface) -> Option<Trouble> {
        let method = call.method.as_str();
        if let Some(trouble) =
            self.habits.faults.iter_mut().find_map(|fault| fault.strike(method, &call.path))
        {
            return Some(trouble);
        }
        if surface == Surface::App {
            return None;
        }
        let number = self.answered;
        self.answered += 1;
        match self.habits.rate_limit {
            Some(limit) if limit.refuses(number) => {
                Some(Trouble::Refused { status: 429, retry_after: Some(limit.retry_after.to_string()) })
            }
            _ => self.lightning(),
        }
    }

    fn lightning(&mut self) -> Option<Trouble> {
        if self.habits.storm == 0 || self.storm.below(100) >= u64::from(self.habits.storm) {
            return None;
        }
        Some(match self.storm.below(7) {
            0 => Trouble::refused(503),
            1 => Trouble::Refused { status: 429, retry_after: Some("0".to_owned()) },
            2 => Trouble::Closed,
            3 => Trouble::Lost { status: Some(502) },
            4 => Trouble::Lost { status: None },
            5 => Trouble::Truncated,
            _ => Trouble::Html { status: 502 },
        })
    }

    /// The provider's reply. A call that has to wait lets time pass.
    pub(crate) fn reply(&mut self, call: &Call) -> Reply {
        let surface = self.world.surface(call);
        if surface == Surface::Api
            && let Err(refusal) = self.world.accepts(call, self.habits.key.as_deref())
        {
            return Reply::Now(refusal);
        }
        let reply = self.world.answer(call, &self.clock);
        if matches!(reply, Reply::Later) {
            self.clock.advance();
        }
        reply
    }

    /// A refusal in the provider's own shape.
    pub(crate) fn error(&self, status: u16, message: &str) -> Answer {
        self.world.error(status, message)
    }

    /// Notes what the provider answered and which status went out.
    pub(crate) fn conclude(&mut self, number: usize, answer: Option<&Answer>, status: Option<u16>) {
        // The record may have been forgotten meanwhile.
        let index = number.checked_sub(self.forgotten);
        if let Some(recorded) = index.and_then(|index| self.requests.get_mut(index)) {
            recorded.answer = answer.and_then(|answer| answer.body.clone());
            recorded.status = status;
            recorded.finished = true;
        }
    }
}

/// What a stand-in plays.
#[derive(Debug)]
pub(crate) enum World {
    Cloudflare(Cloudflare),
    Porkbun(Porkbun),
    Neon(Neon),
    Fly(Fly),
    Railway(Railway),
    Supabase(Supabase),
    Aws(Aws),
}

impl World {
    fn answer(&mut self, call: &Call, clock: &Clock) -> Reply {
        match self {
            Self::Cloudflare(cloudflare) => cloudflare.answer(call, clock).into(),
            Self::Porkbun(porkbun) => porkbun.answer(call, clock).into(),
            Self::Neon(neon) => neon.answer(call, clock).into(),
            Self::Fly(fly) => fly.answer(call, clock),
            Self::Railway(railway) => railway.answer(call, clock).into(),
            Self::Supabase(supabase) => supabase.answer(call, clock).into(),
            Self::Aws(aws) => aws.answer(call, clock).into(),
        }
    }

    /// Whether the call carries the key that is accepted, or any if none is given.
    fn accepts(&self, call: &Call, key: Option<&str>) -> Result<(), Answer> {
        let carries_it = match self {
            Self::Aws(aws) => return aws.accepts(call, key),
            Self::Porkbun(_) => crate::porkbun::carries_keys(call, key),
            _ => call.carries(key),
        };
        if carries_it { Ok(()) } else { Err(self.error(401, "This key is not valid.")) }
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        match self {
            Self::Cloudflare(_) => crate::cloudflare::error(status, message),
            Self::Porkbun(_) => crate::porkbun::error(status, message),
            Self::Neon(_) => crate::neon::error(status, message),
            Self::Fly(_) => crate::fly::error(status, message),
            Self::Railway(_) => crate::railway::error(status, message),
            Self::Supabase(_) => crate::supabase::error(status, message),
            Self::Aws(_) => crate::aws::trouble(status, message),
        }
    }

    fn surface(&self, call: &Call) -> Surface {
        match self {
            Self::Fly(_) => crate::fly::surface(call),
            _ => Surface::Api,
        }
    }
}
