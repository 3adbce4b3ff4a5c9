//! The dashboard in a real browser: the tests of `tests/web`, over a server with the sample.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::harness::{BINARY, Ran, Store, repository, sample};
use crate::server::Server;

/// Where Debian's package puts the browser.
const CHROMIUM: &str = "/usr/bin/chromium";

/// What stands in the way of these tests on this machine.
fn missing() -> Option<&'static str> {
    let node = Command::new("node").arg("--version").output();
    if node.is_err() {
        return Some("Node.js");
    }
    let file = |path: &Path, name| (!path.exists()).then_some(name);
    file(Path::new(CHROMIUM), "Chromium")
        .or_else(|| file(&repository("crates/wayfare/web/node_modules/playwright-core"), "the test tools"))
        .or_else(|| file(&repository("crates/wayfare/web/dist/index.html"), "the build of the dashboard"))
}

#[test]
fn the_dashboard_works_in_a_browser() {
    if let Some(missing) = missing() {
        let what = format!("{missing} is missing: `scripts/setup-tests` installs what this test needs");
        assert!(std::env::var_os("CI").is_none(), "{what}");
        // past the test runner, which would keep it to itself
        writeln!(std::io::stderr(), "\nTHE DASHBOARD IS NOT TESTED. {what}\n").unwrap();
        return;
    }
    let store = Store::new();
    store.ingest(&[sample()]);
    // that this changes no number is tested elsewhere; it makes the many questions of the pages quick
    store.ok(&["compact"]);
    let server = Server::start(&store, &[]);
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec"])
        .arg(repository("tests/web/dashboard.test.mjs"))
        .env("WAYFARE_URL", format!("http://{}", server.address()))
        .env("WAYFARE_BIN", &*BINARY)
        .env("WAYFARE_STORE", store.path());
    let ran = Ran::of(command);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
