//! docs/http.md tells the truth: what it says to type, works.

use std::process::Command;

use crate::harness::{BINARY, repository};

/// The commands of the page, in one shell, with a free port in place of the usual one.
fn script(page: &str) -> String {
    let mut script = "set -euo pipefail\n".to_owned();
    for block in page.split("```sh\n").skip(1) {
        script.push_str(block.split("```").next().unwrap());
    }
    let start = "wayfare serve --store shop --listen 127.0.0.1:8080 &";
    assert_eq!(script.matches(start).count(), 1);
    let listen = "wayfare serve --quiet --store shop --listen 127.0.0.1:0 > address &\n\
                  server=$!; trap 'kill $server' EXIT\n\
                  until test -s address; do sleep 0.1; done; address=$(cat address)";
    let script = script.replace(start, listen);
    // in quotes that a variable is not seen in, the variable stands outside of them
    script.replace("'http://127.0.0.1:8080", "\"$address\"'")
}

#[test]
fn every_command_of_the_page_works() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository("data"), folder.path().join("data")).unwrap();
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(&*BINARY, programs.join("wayfare")).unwrap();
    let page = std::fs::read_to_string(repository("docs/http.md")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var_os("PATH").unwrap().display());
    let script = script(&page);
    assert!(script.matches("curl ").count() >= 12, "{script}");
    let output =
        Command::new("bash").args(["-c", &script]).env("PATH", path).current_dir(&folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    assert!(out.contains("\"accepted\":1,\"duplicates\":0,\"rejected\":1"), "{out}");
    assert!(out.contains("\nok\n"), "{out}");
    assert!(out.contains(" steps\n"), "{out}");
}
