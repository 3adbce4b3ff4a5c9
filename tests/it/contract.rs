//! The server keeps to its own description: requests made up from the `OpenAPI` document, fitting and unfitting ones,
//! get the statuses, media types, headers and bodies that the document promises, and never a 5xx.

use std::path::Path;
use std::process::Command;

use crate::harness::{Ran, Store, from_environment, python};
use crate::server::Server;

/// All but two: whether a step or a column exists, no schema can tell (`positive_data_acceptance`), and who shows wrong
/// tokens to one path after the other (`ignored_auth`) is refused for guessing; `http_rights` looks at each path.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      unsupported_method";

/// `WAYFARE_CONTRACT_EXAMPLES` requests of each operation; from 20 on also every bound of every field.
#[test]
fn the_server_keeps_to_its_description() {
    let store = Store::new();
    let events = store.beside("events.ndjson");
    let events = events.to_str().unwrap();
    // the contract is that of a large store, and the answers come sooner
    store.ok(&["generate", "--events", "300", "--days", "3", "--output", events]);
    store.ingest(&[events]);
    let token = store.ok(&["token", "create", "--scope", "ingest,read,sql,admin"]);
    let server = Server::start(&store, &["--timeout", "20s"]);
    let examples = from_environment("WAYFARE_CONTRACT_EXAMPLES", 4);
    let phases = if examples >= 20 { "coverage,fuzzing" } else { "fuzzing" };
    let python = python();
    let program = Path::new(&python).with_file_name("schemathesis");
    assert!(
        program.exists(),
        "{} is missing: `scripts/setup-tests` installs what this test needs",
        program.display()
    );
    let mut command = Command::new(program);
    // what it remembers of one run must not steer the next
    command.current_dir(store.beside("."));
    command.args(["--no-color", "run", &format!("http://{}/api/v1/openapi.json", server.address())]);
    command.args(["--header", &format!("Authorization: Bearer {}", token.trim())]);
    command.args(["--checks", CHECKS, "--phases", phases, "--seed", "1", "--no-shrink"]);
    command.args(["--max-examples", &examples.to_string(), "--continue-on-failure", "--warnings", "off"]);
    let ran = Ran::of(command);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("Tested: "), "{}", ran.out);
    server.get("/livez").expect(200);
}
