//! A recorded conversation, answered request by request.

use std::sync::{Mutex, PoisonError};

use super::{Answer, Call, Census, Cloud};
use crate::scenario::Exchange;
use crate::secrets::Secrets;
use crate::template;

/// Answers from a recording.
///
/// A request gets the first unused answer to the same request; where only the body differs (a recording
/// knows no secrets) the first unused one to the same method and address; where all are used the last.
pub(crate) struct Replay {
    exchanges: Vec<Exchange>,
    used: Mutex<Vec<bool>>,
}

impl Replay {
    /// Answers from what was recorded in the world of this number, templates of secrets filled.
    ///
    /// # Errors
    /// A template that means nothing.
    pub(crate) fn new(exchanges: &[Exchange], scene: usize, secrets: &Secrets) -> Result<Self, String> {
        let look = |name: &str| {
            let name = name.strip_prefix("secret.")?;
            Some(serde_json::Value::String(secrets.named(name)))
        };
        let fill = |text: &str| template::fill_text(text, &look);
        let scene = exchanges.iter().filter(|exchange| exchange.scene == scene);
        let exchanges = scene.map(|exchange| {
            Ok(Exchange {
                target: fill(&exchange.target)?,
                request: fill(&exchange.request)?,
                body: fill(&exchange.body)?,
                ..exchange.clone()
            })
        });
        let exchanges: Vec<Exchange> = exchanges.collect::<Result<_, String>>()?;
        Ok(Self { used: Mutex::new(vec![false; exchanges.len()]), exchanges })
    }
}

#[async_trait::async_trait]
impl Cloud for Replay {
    async fn answer(&self, call: &Call) -> Option<Answer> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |exchange: &Exchange| {
            exchange.method == call.method && exchange.host == call.host && exchange.target == call.target
        };
        let text = call.text();
        let numbered = || self.exchanges.iter().enumerate().filter(|(_, exchange)| same(exchange));
        let found = numbered()
            .find(|(at, exchange)| !used[*at] && exchange.request == text)
            .or_else(|| numbered().find(|(at, _)| !used[*at]))
            .or_else(|| numbered().next_back());
        let Some((at, exchange)) = found else {
            return Some(Answer::error(404, "the recording has no such request"));
        };
        used[at] = true;
        Some(Answer {
            status: exchange.status,
            headers: exchange.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: exchange.body.clone().into_bytes(),
        })
    }

    fn census(&self) -> Option<Census> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(request: &str, body: &str) -> Exchange {
        Exchange {
            scene: 0,
            method: "POST".into(),
            host: "h".into(),
            target: "/x?a=1".into(),
            request: request.into(),
            status: 200,
            headers: [].into(),
            body: body.into(),
        }
    }

    async fn ask(replay: &Replay, target: &str, body: &str) -> (u16, String) {
        let call = Call {
            method: "POST".into(),
            host: "h".into(),
            target: target.into(),
            headers: vec![],
            body: body.as_bytes().to_vec(),
        };
        let answer = replay.answer(&call).await.unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[tokio::test]
    async fn the_closest_unused_answer_wins() {
        let other = Exchange { scene: 1, ..exchange("a", "of another world") };
        let recorded = [other, exchange("a", "1"), exchange("b", "2"), exchange("a", "3")];
        let replay = Replay::new(&recorded, 0, &Secrets::default()).unwrap();
        assert_eq!(ask(&replay, "/x?a=1", "b").await.1, "2");
        assert_eq!(ask(&replay, "/x?a=1", "a").await.1, "1");
        assert_eq!(ask(&replay, "/x?a=1", "other").await.1, "3");
        assert_eq!(ask(&replay, "/x?a=1", "a").await.1, "3");
        assert_eq!(ask(&replay, "/y", "a").await.0, 404);
    }
}
