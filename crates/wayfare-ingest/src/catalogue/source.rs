//! The four sources of events.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Where an event comes from: a product area of the platform, with a stream of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Customer identity: journeys, user management, authentication.
    Cis,
    /// Identity verification.
    Verify,
    /// Fraud prevention.
    Risk,
    /// Administration.
    Admin,
}

impl Source {
    /// Every source, in the vendor's order.
    pub const ALL: [Self; 4] = [Self::Cis, Self::Verify, Self::Risk, Self::Admin];

    /// Gives the source's name, as the partition column `source` holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cis => "cis",
            Self::Verify => "verify",
            Self::Risk => "risk",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|source| source.as_str() == text).ok_or_else(|| {
            Error::invalid(format!("expected a source (cis, verify, risk or admin), saw \"{text}\""))
        })
    }
}
