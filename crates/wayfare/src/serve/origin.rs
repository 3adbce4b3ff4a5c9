//! Which pages in a browser may reach the server, and under which name.
//!
//! A page of another site that a user happens to look at can send requests to this machine. Where no token is needed two
//! things stop it: its `Origin` is not ours, and a name of its own that it made point here (DNS rebinding) is not a host
//! that we answer for.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::problem::Problem;

/// What is let through.
#[derive(Debug)]
pub(crate) struct Origins {
    /// Origins of pages elsewhere that may ask.
    pub(crate) allowed: Vec<String>,
    /// Further names of this server.
    pub(crate) hosts: Vec<String>,
    /// Where the server listens.
    pub(crate) listens: SocketAddr,
}

impl Origins {
    /// Fails for a host that is not ours; asked only where no token is needed.
    ///
    /// # Errors
    ///
    /// 421 for a name that does not stand for this machine.
    pub(crate) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let header = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = uri.authority().map(Authority::as_str).or(header);
        let host = authority.and_then(|text| text.parse::<Authority>().ok()).map(|authority| {
            authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
        });
        let Some(host) = host else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "expected a Host header with a name"));
        };
        let ours = match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || address == self.listens.ip(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        if ours || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("this server does not answer for {host:?}"),
        )
        .hint("a name of your own for it is told with --allow-host, or use tokens"))
    }

    /// Fails for a request from a page of another origin, unless it is one of those allowed.
    ///
    /// # Errors
    ///
    /// 403 with the origin.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        if own || self.allowed.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, format!("pages of {origin:?} may not ask this server"))
            .hint("origins that may are told with --allow-origin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            allowed: vec!["https://grafana.example".to_owned()],
            hosts: vec!["reports.example".to_owned()],
            listens: "192.0.2.7:8080".parse().unwrap(),
        }
    }

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_names_of_this_machine_are_answered_for() {
        let uri = Uri::from_static("/");
        let check =
            |host: &str| origins().check_host(&uri, &headers(host, None)).map_err(|p| p.status().as_u16());
        let own = [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:80",
            "127.8.8.8",
            "[::1]:8080",
            "192.0.2.7",
            "Reports.example",
        ];
        for host in own {
            assert_eq!(check(host), Ok(()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", "192.0.2.8", "127.0.0.1.evil.example"] {
            assert_eq!(check(host), Err(421), "{host}");
        }
        assert_eq!(origins().check_host(&uri, &HeaderMap::new()).unwrap_err().status().as_u16(), 400);
    }

    #[test]
    fn pages_of_others_are_refused() {
        let check = |origin| origins().check_origin(&headers("127.0.0.1:8080", origin)).is_ok();
        assert!(check(None));
        assert!(check(Some("http://127.0.0.1:8080")));
        assert!(check(Some("https://grafana.example")));
        assert!(!check(Some("http://127.0.0.1:8081")));
        assert!(!check(Some("https://evil.example")));
        assert!(!check(Some("null")));
    }
}
