//! Pseudonyms: persons, devices and addresses are replaced before anything of a record is kept.
//!
//! A pseudonym is a keyed BLAKE3 digest of the plain value, so the same value has the same pseudonym everywhere and
//! reports count as before, while nobody without the key can tell it or try values out. The key is a file outside
//! the store; the store keeps its id, so that another key is noticed. Records are changed before they are mapped: the event
//! id, too, is one of the changed record, since that of a plain one could be guessed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{Settings, Store};
use crate::{Error, Result};

mod rewrite;

/// How a pseudonym begins.
const PREFIX: &str = "psn-";
/// Hexadecimal digits of a pseudonym: 128 bits make two values with one pseudonym impossible in practice.
const DIGITS: usize = 32;
/// Hexadecimal digits of a key's id.
const KEY_ID_DIGITS: usize = 16;
/// A shorter key could be guessed.
const KEY_BYTES_MIN: usize = 32;
/// A longer file is no key.
const KEY_BYTES_MAX: u64 = 4 << 10;

/// Fields whose values are replaced, at the top or anywhere in the parameters; letter case, `_` and `-` do not count.
const FIELDS: [&str; 28] = [
    "userid",
    "originaluserid",
    "externaluserid",
    "claimeduserid",
    "username",
    "loginid",
    "login",
    "actorid",
    "originalactorid",
    "targetresourceid",
    "deviceid",
    "devicefingerprint",
    "devicepublickey",
    "ip",
    "ipaddress",
    "clientip",
    "remoteip",
    "email",
    "emailaddress",
    "mail",
    "phone",
    "phonenumber",
    "mobile",
    "msisdn",
    "displayname",
    "fullname",
    "firstname",
    "lastname",
];

/// What is kept under pseudonyms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymSettings {
    /// File with the key: at least 32 bytes, outside the store.
    pub key_file: PathBuf,
    /// Which key the store's pseudonyms were made with; the first ingest writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Names of further fields whose values are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// Replaces values by pseudonyms.
#[derive(Debug)]
pub(crate) struct Pseudonyms {
    key: Key,
    fields: Vec<String>,
}

/// A key, and the id by which it is known.
struct Key {
    secret: [u8; 32],
    id: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Store {
    /// From the first event on, keeps pseudonyms that are made with the key in `key_file`.
    ///
    /// # Errors
    /// `Unavailable` when the settings cannot be written. Whether the key can be used is seen when events are taken in.
    pub async fn keep_pseudonyms(&self, key_file: &Path) -> Result<()> {
        let key_file = key_file.to_owned();
        let keep = |now: Settings| {
            let known = now.pseudonyms.unwrap_or_default();
            Settings { pseudonyms: Some(PseudonymSettings { key_file, ..known }), ..now }
        };
        self.change_settings(keep).await
    }
}

impl Pseudonyms {
    /// Reads the key that a store's settings name; `None` for a store that keeps plain values.
    ///
    /// # Errors
    /// `Invalid` when the key cannot be used or is another one than before.
    pub(crate) fn of(store: &Store) -> Result<Option<Self>> {
        let Settings { pseudonyms: Some(settings), .. } = store.settings() else { return Ok(None) };
        let key = Key::read(&settings.key_file, store.root())?;
        if let Some(known) = settings.key_id.filter(|known| *known != key.id) {
            return Err(Error::invalid(format!("expected the key {known}, saw the key {}", key.id))
                .with("file", settings.key_file.display())
                .hint("with another key the same person would count as two"));
        }
        let fields = FIELDS.iter().map(|name| (*name).to_owned());
        let fields = fields.chain(settings.fields.iter().map(|name| plain_name(name))).collect();
        Ok(Some(Self { key, fields }))
    }

    /// Notes the key's id in the store at its first use.
    ///
    /// # Errors
    /// `Invalid` when the store holds plain values already, `Unavailable` when the settings cannot be written.
    pub(crate) async fn note_key(&self, store: &Store) -> Result<()> {
        if store.settings().pseudonyms.is_none_or(|settings| settings.key_id.is_some()) {
            return Ok(());
        }
        for table in [store.events(), store.quarantine()] {
            if !table.snapshot().await?.files.is_empty() {
                return Err(Error::invalid("the store holds plain values already")
                    .with("table", table.name())
                    .hint("pseudonyms begin with a new store: take the event files in there"));
            }
        }
        let note = |now: Settings| Settings {
            pseudonyms: now
                .pseudonyms
                .map(|known| PseudonymSettings { key_id: Some(self.key.id.clone()), ..known }),
            ..now
        };
        store.change_settings(note).await
    }

    /// The pseudonym of a value; of a pseudonym itself.
    pub(crate) fn of_value(&self, value: &str) -> String {
        if is_pseudonym(value) {
            return value.to_owned();
        }
        let digest = blake3::keyed_hash(&self.key.secret, value.as_bytes()).to_hex();
        PREFIX.chars().chain(digest.chars().take(DIGITS)).collect()
    }

    /// Whether the values of a field are replaced.
    fn names_a_person(&self, field: &str) -> bool {
        let name = plain_name(field);
        self.fields.contains(&name)
    }
}

fn is_pseudonym(value: &str) -> bool {
    value
        .strip_prefix(PREFIX)
        .is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// A name without what does not count.
fn plain_name(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn is_address(value: &str) -> bool {
    value.parse::<IpAddr>().is_ok()
}

impl Key {
    fn read(path: &Path, store: &Path) -> Result<Self> {
        let placed = |error: Error| error.with("file", path.display());
        let make = "make one with `head -c 32 /dev/urandom > FILE`, and keep a copy of it";
        let size = std::fs::metadata(path)
            .map_err(|cause| placed(Error::io("cannot read the key", cause).hint(make)))?;
        if size.len() < KEY_BYTES_MIN as u64 || size.len() > KEY_BYTES_MAX {
            let expected =
                format!("expected a key of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, saw {}", size.len());
            return Err(placed(Error::invalid(expected).hint(make)));
        }
        if path.canonicalize().is_ok_and(|path| path.starts_with(store)) {
            return Err(placed(
                Error::invalid("the key lies inside the store")
                    .hint("whoever copies the store would have it, too"),
            ));
        }
        let bytes = std::fs::read(path).map_err(|cause| placed(Error::io("cannot read the key", cause)))?;
        let id = blake3::derive_key("wayfare 2026 id of a pseudonym key", &bytes);
        Ok(Self {
            secret: blake3::derive_key("wayfare 2026 pseudonyms", &bytes),
            id: blake3::Hash::from_bytes(id).to_hex().chars().take(KEY_ID_DIGITS).collect(),
        })
    }
}
