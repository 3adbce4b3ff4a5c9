//! What is to be erased.

use crate::{Error, Result};

/// What kind of thing an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A person.
    User,
    /// A run of a journey.
    Invocation,
    /// A device.
    Device,
    /// What joins events of several sources.
    Correlation,
}

impl SubjectKind {
    /// The name as shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Invocation => "invocation",
            Self::Device => "device",
            Self::Correlation => "correlation",
        }
    }

    /// The columns that hold ids of this kind.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::User => {
                &["user_id", "original_user_id", "actor_id", "original_actor_id", "target_resource_id"]
            }
            Self::Invocation => &["invocation_id", "parent_invocation_id"],
            Self::Device => &["device_id"],
            Self::Correlation => &["correlation_id"],
        }
    }
}

/// An id and what it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// What it names.
    pub kind: SubjectKind,
    /// The id.
    pub id: String,
}

impl Subject {
    /// A digest of the id, by which somebody who knows the id can tell a receipt.
    pub fn digest(&self) -> String {
        blake3::hash(self.id.as_bytes()).to_hex().to_string()
    }

    pub(super) fn checked(&self) -> Result<&str> {
        if self.id.trim().is_empty() {
            return Err(Error::invalid(format!("expected the id of a {}, saw nothing", self.kind.as_str())));
        }
        Ok(&self.id)
    }
}
