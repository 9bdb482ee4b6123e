//! The age identity: where it comes from, and what is derived from it.
//!
//! Exactly one X25519 identity opens a vault. Its text may stand in the environment (`SS_AGE_IDENTITY`),
//! in a file named there (`SS_AGE_IDENTITY_FILE`), or in the vault's own `identity.txt`. A file may be
//! wrapped by a passphrase (`age -p`, binary or armoured). Plugin and SSH identities are not accepted: the
//! first runs programs from `PATH`, the second brings an RSA implementation with a known timing leak.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::x25519;
use aws_lc_rs::{hkdf, hmac};
use secrecy::{ExposeSecret as _, SecretString};
use ss_secret::Secret;
use zeroize::Zeroizing;

use crate::VaultError;

/// Environment variable that holds the text of an identity file.
pub const IDENTITY_ENV: &str = "SS_AGE_IDENTITY";
/// Environment variable that names an identity file.
pub const IDENTITY_FILE_ENV: &str = "SS_AGE_IDENTITY_FILE";

/// An identity file is a few lines; a passphrase-wrapped one is not much longer.
const MAX_FILE: u64 = 64 * 1024;
/// scrypt work factor (log2) above which a wrapped identity is refused. `age -p` uses 18; each step
/// doubles the time, so 22 is the most a person would wait for (about 16 s, 4 GiB).
const MAX_WORK_FACTOR: u8 = 22;

/// Asks a person for the passphrase of the identity file at this path.
pub(crate) type AskPassphrase = dyn Fn(&Path) -> std::io::Result<Secret> + Send + Sync;

/// Where the identity comes from.
pub(crate) enum Place {
    /// The vault's own file, which the first write may make.
    Own(PathBuf),
    /// A file that the environment names.
    Named(PathBuf),
    /// Text in the environment.
    Inline(Secret),
}

impl Place {
    /// The place that the environment names, or the vault's own file.
    pub(crate) fn choose(vault: &Path, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let given = |name| env(name).filter(|value| !value.trim().is_empty());
        if let Some(text) = given(IDENTITY_ENV) {
            Self::Inline(Secret::new(text))
        } else if let Some(path) = given(IDENTITY_FILE_ENV) {
            Self::Named(PathBuf::from(path))
        } else {
            Self::Own(vault.join("identity.txt"))
        }
    }

    /// Reads the identity; none if the vault's own file does not exist yet.
    pub(crate) fn load(&self, ask: Option<&AskPassphrase>) -> Result<Option<Unlocked>, VaultError> {
        match self {
            Self::Inline(text) => parse(text.expose(), &self.name()).map(Some),
            Self::Named(path) => match read_file(path)? {
                Some(content) => open_file(path, &content, ask).map(Some),
                None => Err(VaultError::IdentityMissing { path: path.clone() }),
            },
            Self::Own(path) => match read_file(path)? {
                Some(content) => {
                    require_private(path)?;
                    open_file(path, &content, ask).map(Some)
                }
                None => Ok(None),
            },
        }
    }

    /// Makes a new identity and writes it, if this is the vault's own file.
    pub(crate) fn create(&self) -> Result<Unlocked, VaultError> {
        let identity = x25519::Identity::generate();
        if let Self::Own(path) = self {
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
            let text = Zeroizing::new(format!(
                "# created: {now}\n# public key: {}\n{}\n",
                identity.to_public(),
                identity.to_string().expose_secret()
            ));
            ss_durable::replace_private(path, text.as_bytes())?;
        }
        Ok(Unlocked::new(identity))
    }

    /// What to call it in a message.
    fn name(&self) -> String {
        match self {
            Self::Inline(_) => format!("the environment variable {IDENTITY_ENV}"),
            Self::Own(path) | Self::Named(path) => format!("`{}`", path.display()),
        }
    }

    /// The vault's own identity file, if that is the place.
    pub(crate) fn own_path(&self) -> Option<&Path> {
        match self {
            Self::Own(path) => Some(path),
            _ => None,
        }
    }
}

/// An identity that is ready for use.
pub(crate) struct Unlocked {
    identity: x25519::Identity,
    recipient: x25519::Recipient,
    authenticator: hmac::Key,
}

impl Unlocked {
    fn new(identity: x25519::Identity) -> Self {
        let recipient = identity.to_public();
        let text = identity.to_string();
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"starsystem vault");
        let extracted = salt.extract(text.expose_secret().as_bytes());
        #[expect(clippy::expect_used, reason = "fails only for outputs over 255 hash lengths; this is one")]
        let expanded =
            extracted.expand(&[b"manifest authenticator 1"], hmac::HMAC_SHA256).expect("one block");
        let authenticator = hmac::Key::from(expanded);
        Self { identity, recipient, authenticator }
    }

    /// The public recipient, as age writes it.
    pub(crate) fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    /// The key under which manifests are authenticated.
    pub(crate) fn authenticator(&self) -> &hmac::Key {
        &self.authenticator
    }

    /// Encrypts to this identity's recipient.
    pub(crate) fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, String> {
        age::encrypt(&self.recipient, plaintext).map_err(|error| error.to_string())
    }

    /// Decrypts into memory that is wiped.
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let decryptor = age::Decryptor::new_buffered(ciphertext).map_err(|error| error.to_string())?;
        let identity: &dyn age::Identity = &self.identity;
        let reader = decryptor.decrypt(std::iter::once(identity)).map_err(|error| error.to_string())?;
        read_wiped(reader, ciphertext.len()).map_err(|error| error.to_string())
    }
}

/// Reads at most `limit` bytes into a buffer that never moves, so that no copy is left behind.
fn read_wiped(reader: impl std::io::Read, limit: usize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(limit + 1));
    reader.take(limit as u64).read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    crate::object::read_capped(path, MAX_FILE).map(|content| content.map(Zeroizing::new))
}

fn require_private(path: &Path) -> Result<(), VaultError> {
    let metadata =
        std::fs::metadata(path).map_err(|source| ss_durable::FileError::new("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(VaultError::IdentityExposed { path: path.to_owned(), mode }) }
}

fn open_file(path: &Path, content: &[u8], ask: Option<&AskPassphrase>) -> Result<Unlocked, VaultError> {
    let place = format!("`{}`", path.display());
    if !content.starts_with(b"age-encryption.org/") && !content.starts_with(b"-----BEGIN AGE") {
        return parse(content, &place);
    }
    let unusable = |reason: String| VaultError::Identity { place: place.clone(), reason };
    let reader = age::armor::ArmoredReader::new(content);
    let decryptor = age::Decryptor::new(reader).map_err(|error| unusable(error.to_string()))?;
    if !decryptor.is_scrypt() {
        return Err(unusable("it is encrypted to a key; only a passphrase can wrap an identity".to_owned()));
    }
    let ask =
        ask.ok_or_else(|| unusable("it is wrapped by a passphrase and nobody can be asked".to_owned()))?;
    let passphrase = ask(path).map_err(|error| unusable(format!("no passphrase: {error}")))?;
    let passphrase =
        passphrase.expose_str().ok_or_else(|| unusable("the passphrase is not text".to_owned()))?;
    let mut scrypt = age::scrypt::Identity::new(SecretString::from(passphrase));
    scrypt.set_max_work_factor(MAX_WORK_FACTOR);
    let identity: &dyn age::Identity = &scrypt;
    let reader = decryptor
        .decrypt(std::iter::once(identity))
        .map_err(|_| unusable("the passphrase is wrong, or the file is damaged".to_owned()))?;
    let text = read_wiped(reader, content.len()).map_err(|error| unusable(error.to_string()))?;
    parse(&text, &place)
}

/// Parses the text of an identity file. Messages name lines, never their content.
fn parse(content: &[u8], place: &str) -> Result<Unlocked, VaultError> {
    let unusable = |reason: String| VaultError::Identity { place: place.to_owned(), reason };
    let text = std::str::from_utf8(content).map_err(|_| unusable("it is not text".to_owned()))?;
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let identity = line.parse::<x25519::Identity>().map_err(|reason| {
            unusable(format!("line {} is not an X25519 identity (`AGE-SECRET-KEY-1…`): {reason}", index + 1))
        })?;
        if found.replace(identity).is_some() {
            return Err(unusable(format!("line {} is a second identity; exactly one is needed", index + 1)));
        }
    }
    found.map(Unlocked::new).ok_or_else(|| unusable("there is no identity in it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(passphrase: &str, armoured: bool) -> (Vec<u8>, String) {
        use std::io::Write as _;
        let identity = x25519::Identity::generate();
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
        recipient.set_work_factor(2);
        let recipient: &dyn age::Recipient = &recipient;
        let mut content = Vec::new();
        let format = if armoured { age::armor::Format::AsciiArmor } else { age::armor::Format::Binary };
        let output = age::armor::ArmoredWriter::wrap_output(&mut content, format).unwrap();
        let mut writer =
            age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap().wrap_output(output).unwrap();
        writer.write_all(identity.to_string().expose_secret().as_bytes()).unwrap();
        writer.finish().and_then(age::armor::ArmoredWriter::finish).unwrap();
        (content, identity.to_public().to_string())
    }

    #[test]
    fn a_passphrase_opens_a_wrapped_identity() {
        for armoured in [false, true] {
            let (content, recipient) = wrapped("correct horse", armoured);
            let ask = |_: &Path| Ok(Secret::new("correct horse"));
            let unlocked = open_file(Path::new("identity.txt"), &content, Some(&ask)).unwrap();
            assert_eq!(unlocked.recipient(), recipient);
        }
    }

    #[test]
    fn a_wrong_passphrase_and_nobody_to_ask_are_said() {
        let (content, _) = wrapped("correct horse", false);
        let ask = |_: &Path| Ok(Secret::new("battery staple"));
        let error = open_file(Path::new("identity.txt"), &content, Some(&ask)).err().unwrap();
        assert!(error.to_string().contains("passphrase is wrong"), "{error}");
        let error = open_file(Path::new("identity.txt"), &content, None).err().unwrap();
        assert!(error.to_string().contains("nobody can be asked"), "{error}");
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        let error = parse(b"# comment\n\nAGE-SECRET-KEY-1NOTREALLY\n", "`x`").err().unwrap().to_string();
        assert!(error.contains("line 3"), "{error}");
        assert!(!error.contains("NOTREALLY"), "{error}");
    }

    #[test]
    fn exactly_one_identity_is_needed() {
        let one = x25519::Identity::generate();
        let line = one.to_string();
        let twice = format!("{0}\n{0}\n", line.expose_secret());
        assert!(parse(twice.as_bytes(), "`x`").err().unwrap().to_string().contains("line 2"));
        assert!(parse(b"# nothing\n", "`x`").is_err());
    }
}
