//! Tokens: who may do what, for which tenant, until when.
//!
//! A token is `wayfare_ID_SECRET`. The file in the store's folder keeps the secret's hash only; 256 random bits need no
//! slow hash. The file is read again when it changes, so that a revoked token is refused from the next request on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use blake3::Hash;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wayfare_query::{Error, Result};

/// Name of the file in the store's folder.
const FILE_NAME: &str = "wayfare-tokens.toml";

/// What a token's text starts with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "wayfare_";

/// Hexadecimal digits of a token's id.
const ID_DIGITS: usize = 12;

/// Most tokens of a store.
const TOKENS_MAX: usize = 10_000;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Send events
    Ingest,
    /// Ask for reports
    Read,
    /// Ask in SQL
    Sql,
    /// Read the server's metrics
    Admin,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Sql, Self::Admin];

    /// The name, as on the command line and in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Sql => "sql",
            Self::Admin => "admin",
        }
    }
}

/// One token as the file keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// The part that may be shown: in lists, logs and for revoking.
    pub(crate) id: String,
    /// BLAKE3 of the secret, hexadecimal.
    hash: String,
    /// What it allows.
    pub(crate) scopes: Vec<Scope>,
    /// The one tenant whose rows it reads and writes; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// What it is for, in its maker's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// When it was made, milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// From when on it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_ms: Option<i64>,
}

/// What a new token is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) scopes: Vec<Scope>,
    pub(crate) tenant: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) expires_ms: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    token: Vec<Token>,
}

/// The file of tokens.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    read: Mutex<Read>,
}

/// What was read last, and from which state of the file.
#[derive(Debug, Default)]
struct Read {
    state: Option<(SystemTime, u64)>,
    tokens: Arc<[Token]>,
}

impl TokenFile {
    /// The tokens of the store at `root`; nothing is read yet.
    pub(crate) fn of(root: &Path) -> Self {
        Self { path: root.join(FILE_NAME), read: Mutex::default() }
    }

    /// All tokens, those out of date too.
    ///
    /// # Errors
    ///
    /// `Invalid` when the file is not what this program writes, `Unavailable` when it cannot be read.
    pub(crate) fn tokens(&self) -> Result<Arc<[Token]>> {
        let state = match fs::metadata(&self.path) {
            Ok(found) => Some((found.modified().unwrap_or(SystemTime::UNIX_EPOCH), found.len())),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
            Err(cause) => return Err(Error::io("cannot look at the tokens", cause)),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.state != state || state.is_none() {
            let tokens = if state.is_some() { self.load()?.token } else { Vec::new() };
            *read = Read { state, tokens: tokens.into() };
        }
        Ok(Arc::clone(&read.tokens))
    }

    /// The token whose text this is, if it is one of these and not out of date at `now_ms`.
    ///
    /// # Errors
    ///
    /// As [`TokenFile::tokens`].
    pub(crate) fn check(&self, text: &str, now_ms: i64) -> Result<Option<Token>> {
        let tokens = self.tokens()?;
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).unwrap_or_default();
        let found = tokens.iter().find(|token| token.id == id);
        let kept = found.and_then(|token| Hash::from_hex(&token.hash).ok());
        // an unknown id takes the same way as a wrong secret; hashes are compared in constant time
        let right = blake3::hash(secret.as_bytes()) == kept.unwrap_or_else(|| Hash::from_bytes([0; 32]));
        let alive = found.filter(|token| token.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms));
        Ok(alive.filter(|_| right && kept.is_some()).cloned())
    }

    /// Makes a token and gives its text, which is not kept anywhere.
    ///
    /// # Errors
    ///
    /// `Invalid` for a tenant that no event can have, `Limit` with too many tokens, `Unavailable` when the file
    /// cannot be written.
    pub(crate) fn create(&self, wanted: Wanted, now_ms: i64) -> Result<(String, Token)> {
        if let Some(tenant) = &wanted.tenant
            && !is_tenant(tenant)
        {
            return Err(Error::invalid(format!(
                "expected a tenant's id of letters, digits and ._:@-, at most 200, saw {tenant:?}"
            )));
        }
        let mut listed = self.load_or_none()?;
        if listed.token.len() >= TOKENS_MAX {
            return Err(Error::limit(format!("there are {TOKENS_MAX} tokens already")));
        }
        let (id, secret) = (random_hex().chars().take(ID_DIGITS).collect::<String>(), random_hex());
        let Wanted { mut scopes, tenant, note, expires_ms } = wanted;
        scopes.sort_unstable();
        scopes.dedup();
        let hash = blake3::hash(secret.as_bytes()).to_hex().to_string();
        let token = Token { id, hash, scopes, tenant, note, created_ms: now_ms, expires_ms };
        let text = format!("{PREFIX}{}_{secret}", token.id);
        listed.token.push(token.clone());
        self.save(&listed)?;
        Ok((text, token))
    }

    /// Removes a token.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none of that id, `Unavailable` when the file cannot be written.
    pub(crate) fn revoke(&self, id: &str) -> Result<()> {
        let mut listed = self.load_or_none()?;
        let before = listed.token.len();
        listed.token.retain(|token| token.id != id);
        if listed.token.len() == before {
            return Err(Error::not_found(format!("no token {id:?}")).hint("`wayfare token list` shows them"));
        }
        self.save(&listed)
    }

    fn load_or_none(&self) -> Result<Listed> {
        if self.path.exists() { self.load() } else { Ok(Listed::default()) }
    }

    fn load(&self) -> Result<Listed> {
        let text = fs::read_to_string(&self.path)
            .map_err(|cause| Error::io("cannot read the tokens", cause).with("file", self.path.display()))?;
        toml::from_str(&text).map_err(|cause| {
            Error::invalid(format!("the file of tokens does not fit: {}", cause.message()))
                .with("file", self.path.display())
        })
    }

    /// Writes the file whole or not at all, readable for its owner only.
    fn save(&self, listed: &Listed) -> Result<()> {
        let failed = |cause| Error::io("cannot write the tokens", cause).with("file", self.path.display());
        let text =
            toml::to_string(listed).map_err(|cause| Error::internal("tokens have no text").because(cause))?;
        let draft = self.path.with_extension(format!("{}.new", Uuid::new_v4().simple()));
        let write = || {
            let mut file = private(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            // the name is on disk when the folder is
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(failed)
    }
}

/// Makes a file that only its owner may read.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// 256 bits from the system's source of randomness: version 4 UUIDs have 122 each.
fn random_hex() -> String {
    let mut hasher = blake3::Hasher::new();
    for _ in 0..3 {
        hasher.update(Uuid::new_v4().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Whether the text can be a tenant's id: it goes into a mapping and into logs.
fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    (1..=200).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use wayfare_query::ErrorKind;

    use super::*;

    fn wanted(scopes: &[Scope]) -> Wanted {
        Wanted { scopes: scopes.to_vec(), tenant: None, note: None, expires_ms: None }
    }

    #[test]
    fn a_token_is_known_by_its_text_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::of(folder.path());
        let (text, token) = file.create(wanted(&[Scope::Sql, Scope::Read, Scope::Read]), 5).unwrap();
        assert_eq!(token.scopes, [Scope::Read, Scope::Sql]);
        assert_eq!(file.check(&text, 6).unwrap(), Some(token.clone()));
        let mut wrong = text.clone();
        wrong.pop();
        for text in [wrong.as_str(), "", "wayfare_", "wayfare__", &text.to_uppercase(), &format!("{text}0")] {
            assert_eq!(file.check(text, 6).unwrap(), None, "{text}");
        }
        let secret = text.rsplit('_').next().unwrap();
        assert_eq!(secret.len(), 64);
        let kept = fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
        assert!(kept.contains(&token.id) && !kept.contains(secret), "{kept}");
    }

    #[test]
    fn a_token_ends_when_it_expires_or_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::of(folder.path());
        let (text, token) =
            file.create(Wanted { expires_ms: Some(10), ..wanted(&[Scope::Read]) }, 5).unwrap();
        assert!(file.check(&text, 9).unwrap().is_some());
        assert!(file.check(&text, 10).unwrap().is_none());
        file.revoke(&token.id).unwrap();
        assert!(file.check(&text, 9).unwrap().is_none());
        assert_eq!(file.revoke(&token.id).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_tenant_is_plain_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::of(folder.path());
        for tenant in ["", "a b", "a\"b", "a\n", "ü"] {
            let wanted = Wanted { tenant: Some(tenant.to_owned()), ..wanted(&[Scope::Read]) };
            assert_eq!(file.create(wanted, 0).unwrap_err().kind(), ErrorKind::Invalid, "{tenant:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        TokenFile::of(folder.path()).create(wanted(&[Scope::Read]), 0).unwrap();
        let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
