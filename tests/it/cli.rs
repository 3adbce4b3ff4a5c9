//! Arguments, exit codes and streams, without a store.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::harness::wayfare;

/// Exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = wayfare(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_goes_to_stdout_and_wrong_usage_to_stderr() {
    let (code, out, err) = run(&["funnel", "--help"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Examples:") && out.contains("--window") && err.is_empty(), "{out}{err}");
    let (code, short, _) = run(&["funnel", "-h"]);
    assert_eq!(code, Some(0));
    assert!(!short.contains("Examples:"), "{short}");
    let (code, out, err) = run(&["funnel", "--jurney", "login"]);
    assert_eq!(code, Some(2));
    assert!(out.is_empty() && err.contains("--journey"), "{out}{err}");
}

#[test]
fn no_store_is_wrong_usage_with_advice() {
    let (code, out, err) = run(&["overview"]);
    assert_eq!(code, Some(2));
    assert!(out.is_empty(), "{out}");
    assert!(err.starts_with("error: no store given\n") && err.contains("hint: use --store"), "{err}");
}

#[test]
fn a_store_that_is_not_there_is_not_found() {
    let (code, _, err) = run(&["overview", "--store", "/nowhere/at/all"]);
    assert_eq!(code, Some(5), "{err}");
}

#[test]
fn settings_give_way_to_the_environment_and_that_to_options() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "store = '/nowhere/by-file'\n").unwrap();
    let store = |environment: Option<&str>, option: Option<&str>| {
        let mut command = wayfare(&["overview", "--config", settings.to_str().unwrap()]);
        command.envs(environment.map(|path| ("WAYFARE_STORE", path)));
        command.args(option.map(|path| format!("--store={path}")));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(5));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(store(None, None).contains("/nowhere/by-file"));
    assert!(store(Some("/nowhere/by-env"), None).contains("/nowhere/by-env"));
    assert!(store(Some("/nowhere/by-env"), Some("/nowhere/by-option")).contains("/nowhere/by-option"));
}

#[test]
fn a_failure_leaves_the_old_output_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overview.csv");
    std::fs::write(&path, "old").unwrap();
    let (code, _, _) = run(&["overview", "--store", "/nowhere/at/all", "--output", path.to_str().unwrap()]);
    assert_eq!(code, Some(5));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn an_interruption_is_quick_and_leaves_no_half_file() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "old").unwrap();
        // waits for its query on stdin
        let mut child = wayfare(&["sql", "-", "--store", "s", "--output", path.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // kept open: waiting for a child closes the stdin that is still in its hand
        let stdin = child.stdin.take();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        wait_until(|| files() == 2);
        assert!(
            Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(code));
        drop(stdin);
        assert_eq!(files(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }
}

#[cfg(unix)]
fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("waited for ten seconds");
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    for arguments in [&["--help"][..], &["--version"], &["funnel", "--help"]] {
        let mut child = wayfare(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // closed before it can be written to, or at the latest when the first bytes are there
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?} {err}");
        assert!(err.is_empty(), "{err}");
    }
}
