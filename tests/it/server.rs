//! The real binary as a server on a port of the system's choice, and a client that can also behave badly.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Store;

/// Nothing in a test may take longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server; it is killed when its test is over.
pub(crate) struct Server {
    child: Child,
    address: String,
    token: Option<String>,
    // a closed one would make the server's writes to it fail
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server on a store.
    pub(crate) fn start(store: &Store, options: &[&str]) -> Self {
        Self::listen("127.0.0.1:0", store, options)
    }

    /// Starts a server that listens elsewhere.
    pub(crate) fn listen(address: &str, store: &Store, options: &[&str]) -> Self {
        let mut command = store.command(&["serve", "--listen", address, "--quiet"]);
        let mut child = command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, address, token: None, _out: out }
    }

    /// Sends this token with every request from now on.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    }

    /// Kills the server where it stands.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the server to end, and gives its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A connection.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A request to be filled in.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request<'_> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if let Some(token) = &self.token {
            write!(head, "Authorization: Bearer {token}\r\n").unwrap();
        }
        Request { server: self, head, host: self.address.clone(), body: Vec::new() }
    }

    /// Gets a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).header("Content-Type", "application/json").body(body.to_string()).send()
    }

    /// Posts events as NDJSON.
    pub(crate) fn events(&self, lines: impl Into<Vec<u8>>) -> Answer {
        self.request("POST", "/api/v1/events")
            .header("Content-Type", "application/x-ndjson")
            .body(lines)
            .send()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // ended already, perhaps
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A request.
pub(crate) struct Request<'a> {
    server: &'a Server,
    head: String,
    host: String,
    body: Vec<u8>,
}

impl Request<'_> {
    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if name.eq_ignore_ascii_case("host") {
            value.clone_into(&mut self.host);
        } else {
            write!(self.head, "{name}: {value}\r\n").unwrap();
        }
        self
    }

    /// Adds a token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds a body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and gives the connection without waiting for the answer.
    pub(crate) fn begin(self) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.server.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = self.body.len();
        let head = format!("{}Host: {}\r\nContent-Length: {length}\r\n\r\n", self.head, self.host);
        stream.write_all(head.as_bytes())?;
        // a server that refuses a body does not read it
        drop(stream.write_all(&self.body));
        Ok(stream)
    }

    /// Sends it; `None` when the server goes away before the whole answer is there.
    pub(crate) fn try_send(self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let mut stream = self.begin().ok()?;
        let read = stream.read_to_end(&mut bytes);
        // a reset after the answer: the server did not read all of the body
        if read.is_err() && bytes.is_empty() {
            return None;
        }
        Answer::parse(&bytes)
    }

    /// Sends it and waits for the answer.
    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        self.try_send().expect("an answer")
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Takes an answer apart; `None` when it is not whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = dechunked(&answer.body)?;
        } else if let Some(length) = answer.header("content-length") {
            let whole = answer.body.len() == length.parse::<usize>().unwrap() || answer.body.is_empty();
            whole.then_some(())?;
        }
        Some(answer)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails unless this is a problem of that status, and gives its text.
    #[track_caller]
    pub(crate) fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        for field in ["type", "title", "detail", "instance"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
        }
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(problem["instance"], format!("urn:wayfare:request:{id}"));
        problem
    }
}

/// The body of chunks; `None` when the last one is missing.
fn dechunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        bytes = &bytes[end + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..length)?);
        bytes = bytes.get(length + 2..)?;
    }
}
