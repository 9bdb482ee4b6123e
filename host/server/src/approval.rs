//! Approvals: a person's yes to one plan, spent once.
//!
//! A tool that may not act on its own leaves an *offer*: the plan's digest with what a person needs in order to
//! judge it. `ss approve <digest>` shows the offer at a terminal and prints a *token*. The tool is called again
//! with digest and token; it plans anew, and only if the digest is the same is the token spent and the plan
//! applied.
//!
//! Threat: an agent that wants to approve its own plan. It can read neither this folder nor a terminal through
//! any tool; a token is 256 random bits of which only the SHA-256 is kept, it is bound to one digest, dies after an
//! hour, and is marked as spent, under a lock, before anything is done with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use ss_durable::{FileError, LockError, WriterLock};
use ss_registry::{AgentChange, Digest};

/// How long an offer can be approved, and an approval be spent, in minutes.
const LIFETIME_MINUTES: i64 = 60;
/// Largest file that is read here, in bytes.
const MAX_FILE: usize = 1 << 20;
/// Offers that are kept; beyond it the oldest go.
const MAX_OFFERS: usize = 200;
/// Most lines of an offer; what a person cannot read through is not shown as if they had.
pub const MAX_LINES: usize = 400;
/// How long another process may hold the folder.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a token begins with, so that a person and a scanner know it.
const TOKEN: &str = "ssa_";
/// Digits of a digest.
const DIGITS: usize = 64;
/// The fewest digits by which an offer is found.
const FEWEST: usize = 8;

/// A plan that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Digest of the plan: 64 hex digits.
    pub digest: String,
    /// The kind of change.
    pub change: AgentChange,
    /// The tool that would make it.
    pub tool: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The system's file.
    pub file: String,
    /// The plan in lines, for a person. Others wrote parts of it.
    pub lines: Vec<String>,
    /// What it costs.
    pub costs: Vec<String>,
    /// When it was offered.
    pub made: Timestamp,
}

/// A yes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    digest: String,
    /// SHA-256 of the token, in hex.
    token: String,
    given: Timestamp,
    spent: Option<Timestamp>,
}

/// Why there is no approval.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Nobody was offered such a plan, or too long ago.
    #[error("no plan waits for approval under `{digest}`")]
    NoOffer {
        /// The digest, or how it begins.
        digest: String,
    },
    /// More than one digest begins like this.
    #[error("more than one plan waits for approval under `{digest}…`")]
    Ambiguous {
        /// How they begin.
        digest: String,
    },
    /// The token was not given for this plan.
    #[error("this token does not approve this plan")]
    NotApproved,
    /// It has been used.
    #[error("this approval has been spent")]
    Spent,
    /// It has been left too long.
    #[error("this approval has run out")]
    Expired,
    /// Another process works in the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Offers and approvals of one home.
#[derive(Debug, Clone)]
pub struct Approvals {
    folder: PathBuf,
}

impl Approvals {
    /// Those kept in `home`, the folder of `ss`. Nothing is read yet.
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("agents") }
    }

    /// Leaves an offer for a person.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn offer(&self, offer: &Offer) -> Result<(), ApprovalError> {
        let _lock = self.lock()?;
        self.forget_old()?;
        let text = serde_json::to_vec_pretty(offer).unwrap_or_default();
        Ok(ss_durable::replace_private(&self.offer_file(&offer.digest), &text)?)
    }

    /// The offer whose digest begins like this, with eight digits at least.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, digest: &str) -> Result<Offer, ApprovalError> {
        let digest = digest.trim().to_ascii_lowercase();
        let unknown = || ApprovalError::NoOffer { digest: digest.clone() };
        if digest.len() < FEWEST || !is_hex(&digest) {
            return Err(unknown());
        }
        let mut found = self.offers()?;
        found.retain(|offer| offer.digest.starts_with(&digest) && !is_old(offer.made));
        match (found.pop(), found.pop()) {
            (Some(offer), None) => Ok(offer),
            (None, _) => Err(unknown()),
            (Some(_), Some(_)) => Err(ApprovalError::Ambiguous { digest }),
        }
    }

    /// Approves an offer; returns the token, which is kept nowhere. One that was given before counts no more.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub fn approve(&self, offer: &Offer) -> Result<String, ApprovalError> {
        let _lock = self.lock()?;
        let token = format!("{TOKEN}{}", random());
        let approval = Approval {
            digest: offer.digest.clone(),
            token: hashed(&token),
            given: Timestamp::now(),
            spent: None,
        };
        self.write(&approval)?;
        Ok(token)
    }

    /// Spends an approval: the next try finds it spent, whatever becomes of this one.
    ///
    /// # Errors
    /// If the token does not approve this digest, or no longer.
    pub fn spend(&self, digest: &str, token: &str) -> Result<(), ApprovalError> {
        if digest.len() != DIGITS || !is_hex(digest) {
            return Err(ApprovalError::NotApproved);
        }
        let _lock = self.lock()?;
        let approval: Approval = read(&self.approval_file(digest))?.ok_or(ApprovalError::NotApproved)?;
        // Digests are compared, so how long it takes tells nothing about the token.
        if approval.digest != digest || approval.token != hashed(token) {
            return Err(ApprovalError::NotApproved);
        }
        if approval.spent.is_some() {
            return Err(ApprovalError::Spent);
        }
        if is_old(approval.given) {
            return Err(ApprovalError::Expired);
        }
        self.write(&Approval { spent: Some(Timestamp::now()), ..approval })
    }

    fn write(&self, approval: &Approval) -> Result<(), ApprovalError> {
        let text = serde_json::to_vec_pretty(approval).unwrap_or_default();
        Ok(ss_durable::replace_private(&self.approval_file(&approval.digest), &text)?)
    }

    fn lock(&self) -> Result<WriterLock, ApprovalError> {
        for folder in ["offers", "approvals"] {
            ss_durable::create_private_dir(&self.folder.join(folder))?;
        }
        Ok(WriterLock::take_within(&self.folder.join("lock"), "approvals", PATIENCE)?)
    }

    fn offers(&self) -> Result<Vec<Offer>, FileError> {
        let folder = self.folder.join("offers");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::new("read", &folder, error)),
        };
        let mut offers = Vec::new();
        for entry in entries.flatten() {
            offers.extend(read::<Offer>(&entry.path())?);
        }
        Ok(offers)
    }

    /// Drops offers that nobody can approve any more. Approvals stay: a spent one must be known as spent
    /// as long as its plan can come again.
    fn forget_old(&self) -> Result<(), FileError> {
        let mut offers = self.offers()?;
        offers.sort_by_key(|offer| std::cmp::Reverse(offer.made));
        for (at, offer) in offers.iter().enumerate() {
            if is_old(offer.made) || at + 1 >= MAX_OFFERS {
                let file = self.offer_file(&offer.digest);
                std::fs::remove_file(&file).map_err(|error| FileError::new("remove", &file, error))?;
            }
        }
        Ok(())
    }

    fn offer_file(&self, digest: &str) -> PathBuf {
        self.folder.join("offers").join(format!("{digest}.json"))
    }

    fn approval_file(&self, digest: &str) -> PathBuf {
        self.folder.join("approvals").join(format!("{digest}.json"))
    }
}

/// A file of ours; none if it is not there or is not one.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let bytes = ss_durable::read_private(path)?;
    Ok(bytes.filter(|bytes| bytes.len() <= MAX_FILE).and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Whether it has been left too long. A time that is yet to come is no better.
fn is_old(made: Timestamp) -> bool {
    let now = Timestamp::now();
    let until = made.checked_add(Span::new().minutes(LIFETIME_MINUTES)).unwrap_or(made);
    now > until || made.as_second() > now.as_second() + 60
}

fn hashed(token: &str) -> String {
    Digest::of(token.trim().as_bytes()).to_hex()
}

fn is_hex(text: &str) -> bool {
    text.len() <= DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// 256 random bits in hex.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 32];
    #[expect(
        clippy::expect_used,
        reason = "without random numbers nothing may be approved; the system always has them"
    )]
    getrandom::fill(&mut bytes).expect("the system gives random numbers");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(digit: &str) -> Offer {
        Offer {
            digest: digit.repeat(DIGITS),
            change: AgentChange::Provision,
            tool: "starsystem_provision".to_owned(),
            project: "shop".to_owned(),
            environment: "prod".to_owned(),
            file: "starsystem.yaml".to_owned(),
            lines: vec!["create db".to_owned()],
            costs: Vec::new(),
            made: Timestamp::now(),
        }
    }

    #[test]
    fn a_token_is_spent_once_and_for_its_plan_only() {
        let home = tempfile::tempdir().unwrap();
        let approvals = Approvals::new(home.path());
        let (one, other) = (offer("a"), offer("b"));
        approvals.offer(&one).unwrap();
        let token = approvals.approve(&approvals.find("aaaaaaaa").unwrap()).unwrap();
        assert!(matches!(approvals.spend(&other.digest, &token), Err(ApprovalError::NotApproved)));
        assert!(matches!(approvals.spend(&one.digest, "ssa_00"), Err(ApprovalError::NotApproved)));
        assert!(matches!(approvals.spend("../offers/a", &token), Err(ApprovalError::NotApproved)));
        approvals.spend(&one.digest, &token).unwrap();
        assert!(matches!(approvals.spend(&one.digest, &token), Err(ApprovalError::Spent)));
        let again = approvals.approve(&one).unwrap();
        assert!(matches!(approvals.spend(&one.digest, &token), Err(ApprovalError::NotApproved)));
        approvals.spend(&one.digest, &again).unwrap();
    }

    #[test]
    fn no_file_holds_the_token() {
        let home = tempfile::tempdir().unwrap();
        let approvals = Approvals::new(home.path());
        let token = approvals.approve(&offer("c")).unwrap();
        let kept = std::fs::read_to_string(approvals.approval_file(&"c".repeat(DIGITS))).unwrap();
        assert!(!kept.contains(&token) && !kept.contains(token.trim_start_matches(TOKEN)), "{kept}");
    }

    #[test]
    fn what_is_old_counts_no_more() {
        let home = tempfile::tempdir().unwrap();
        let approvals = Approvals::new(home.path());
        let long_ago = Timestamp::now().checked_sub(Span::new().hours(2)).unwrap();
        let old = Offer { made: long_ago, ..offer("d") };
        approvals.offer(&old).unwrap();
        assert!(matches!(approvals.find(&old.digest), Err(ApprovalError::NoOffer { .. })));
        let token = approvals.approve(&old).unwrap();
        approvals
            .write(&Approval {
                digest: old.digest.clone(),
                token: hashed(&token),
                given: long_ago,
                spent: None,
            })
            .unwrap();
        assert!(matches!(approvals.spend(&old.digest, &token), Err(ApprovalError::Expired)));
    }

    #[test]
    fn a_beginning_must_be_long_and_lead_to_one() {
        let home = tempfile::tempdir().unwrap();
        let approvals = Approvals::new(home.path());
        approvals.offer(&offer("e")).unwrap();
        let sibling = Offer { digest: format!("{}f", "e".repeat(DIGITS - 1)), ..offer("e") };
        approvals.offer(&sibling).unwrap();
        assert!(matches!(approvals.find("eeeeeeee"), Err(ApprovalError::Ambiguous { .. })));
        assert!(matches!(approvals.find("eee"), Err(ApprovalError::NoOffer { .. })));
        assert!(matches!(approvals.find("../../xx"), Err(ApprovalError::NoOffer { .. })));
        assert_eq!(approvals.find(&sibling.digest).unwrap(), sibling);
    }
}
