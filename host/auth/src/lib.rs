//! Signing in to providers through a person's browser.
//!
//! A provider that lets any program ask for a token is signed in to here: `ss` opens a page, the person
//! agrees, and the token comes back over a loopback address or by asking for it again and again. Providers
//! whose flow needs a client id that the vendor gave to its own tool are not: such an id is not ours to use,
//! and their keys are pasted.
//!
//! Threat: whoever can reach the loopback address may claim to be the browser, and the provider's answers are
//! input from outside. So a code counts only together with the `state` of this attempt and is worth nothing
//! without the verifier (PKCE, RFC 7636), and a page is opened only if it belongs to the provider.

mod callback;
mod fly;
mod pkce;

pub use fly::{Fly, FlySession};

/// Signing in did not work.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider could not be reached.
    #[error("`{host}` could not be reached")]
    Unreachable {
        /// Its host.
        host: String,
        /// Why.
        #[source]
        source: ss_capability_http::SendError,
    },
    /// The provider refused.
    #[error("`{host}` answered with HTTP {status}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Refused {
        /// Its host.
        host: String,
        /// The status.
        status: u16,
        /// What it says.
        reason: Option<String>,
    },
    /// The provider's answer is not what it should be.
    #[error("`{host}` gave an answer that cannot be used: {reason}")]
    Answer {
        /// Its host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The person declined in the browser.
    #[error("the sign-in was declined in the browser{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Declined {
        /// What the page says.
        reason: Option<String>,
    },
    /// Nobody agreed in time.
    #[error("nobody agreed in the browser within {minutes} minutes")]
    Late {
        /// How long was waited.
        minutes: u64,
    },
    /// This machine gives no address, or no random numbers.
    #[error("cannot wait for the browser")]
    Machine(#[source] std::io::Error),
}
