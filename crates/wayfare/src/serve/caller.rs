//! Who asks: a bearer token, or nobody in particular where the server listens for this machine alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;
use super::tokens::Scope;
use super::{App, Peer};
use crate::clock;

/// Wrong tokens that an address may show in [`FORGIVE_MS`].
const WRONG_MAX: u32 = 30;

/// Milliseconds after which wrong tokens are forgotten.
const FORGIVE_MS: i64 = 60_000;

/// Addresses whose wrong tokens are remembered; beyond that all are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Who asks, and what that one may do.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's id; `anonymous` without one.
    pub(crate) id: Arc<str>,
    /// What is allowed.
    pub(crate) scopes: Vec<Scope>,
    /// The one tenant whose rows are there.
    pub(crate) tenant: Option<String>,
}

impl Caller {
    /// Somebody on this machine, where no token is needed.
    fn anonymous() -> Self {
        Self { id: "anonymous".into(), scopes: Scope::ALL.to_vec(), tenant: None }
    }

    /// Fails unless the caller has the scope.
    ///
    /// # Errors
    ///
    /// 403 with the scope that is needed.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let scope = scope.as_str();
        Err(Problem::new(StatusCode::FORBIDDEN, format!("this needs a token with the scope {scope}"))
            .hint(format!("wayfare token create --scope {scope}")))
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let address = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let caller = caller(app, &parts.headers, address)?;
        // for the log
        parts.extensions.insert(caller.clone());
        if let Some(seen) = parts.extensions.get::<Seen>() {
            *seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller.clone());
        }
        Ok(caller)
    }
}

/// Where the one who writes the log finds out who asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(pub(crate) Arc<Mutex<Option<Caller>>>);

fn caller(app: &App, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Caller, Problem> {
    let now_ms = clock::now_ms();
    let Some(text) = bearer(headers) else {
        return if app.anonymous_allowed()? {
            Ok(Caller::anonymous())
        } else {
            Err(unauthorized("expected a header `Authorization: Bearer TOKEN`"))
        };
    };
    let token = app.tokens.check(text, now_ms).map_err(|error| app.problem(&error))?;
    let Some(token) = token else {
        if let Some(address) = address {
            // whoever shows a right token from the same address is not held up
            app.wrong_tokens.note(address, now_ms)?;
        }
        return Err(unauthorized("the token is not known, expired or revoked"));
    };
    Ok(Caller { id: token.id.into(), scopes: token.scopes, tenant: token.tenant })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wayfare\""))
}

/// Wrong tokens by address, so that guessing is slow.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens(Mutex<HashMap<IpAddr, (u32, i64)>>);

impl WrongTokens {
    /// Remembers a wrong token.
    ///
    /// # Errors
    ///
    /// 429 for one too many.
    fn note(&self, address: IpAddr, now_ms: i64) -> Result<(), Problem> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES_MAX && !seen.contains_key(&address) {
            seen.clear();
        }
        let (count, since_ms) = seen.entry(address).or_insert((0, now_ms));
        if *since_ms + FORGIVE_MS <= now_ms {
            (*count, *since_ms) = (0, now_ms);
        }
        *count = count.saturating_add(1);
        if *count <= WRONG_MAX {
            return Ok(());
        }
        let seconds = HeaderValue::from((*since_ms + FORGIVE_MS - now_ms).div_euclid(1000) + 1);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens from this address")
            .header(RETRY_AFTER, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_down_by_address() {
        let wrong = WrongTokens::default();
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..WRONG_MAX {
            wrong.note(one, 1000).unwrap();
        }
        assert_eq!(wrong.note(one, 2000).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        wrong.note(other, 2000).unwrap();
        wrong.note(one, 1000 + FORGIVE_MS).unwrap();
    }

    #[test]
    fn a_scope_is_needed() {
        let caller = Caller { scopes: vec![Scope::Read], ..Caller::anonymous() };
        caller.may(Scope::Read).unwrap();
        assert_eq!(caller.may(Scope::Sql).unwrap_err().status(), StatusCode::FORBIDDEN);
    }
}
