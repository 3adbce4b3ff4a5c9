//! Clients that are slow, greedy or gone, a server that is told to end, and one that is killed.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Store, from_environment};
use crate::http::runs;
use crate::server::Server;

fn loaded() -> Store {
    let store = Store::new();
    let file = store.file("events.ndjson", runs("acme", 60));
    store.ingest(&[file]);
    store
}

/// A question that would take hours.
const ENDLESS: &str = "SELECT max(character_length(a.user_id || b.user_id || c.user_id || d.user_id || e.user_id)) AS n \
                       FROM events a, events b, events c, events d, events e";

/// Milliseconds of processor time that a process has used.
#[cfg(target_os = "linux")]
fn processor_ms(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // user and system time, in hundredths of a second
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap() * 10).sum()
}

#[test]
fn slow_clients_hold_nobody_up() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let count = usize::try_from(from_environment("WAYFARE_SLOW_CLIENTS", 200)).unwrap();
    let mut slow: Vec<_> = (0..count).map(|_| server.connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        // half a head, half a body, or nothing at all
        let text: &[u8] = match number % 3 {
            0 => b"GET /livez HTTP/1.1\r\nHost: 127",
            1 => b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{\"activity\":",
            _ => b"",
        };
        stream.write_all(text).unwrap();
    }
    for _ in 0..5 {
        server.get("/livez").expect(200);
        server.get("/api/v1/reports").expect(200);
    }
    // nor those whose bodies do not come, though all of them are the same caller
    server.get("/api/v1/journeys").expect(200);
    let open = || {
        server
            .get("/metrics")
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("wayfare_connections ")?.parse::<usize>().ok())
    };
    assert!(open().unwrap() > count / 3 * 2, "{:?}", open());
    // heads that do not come are let go first; the answer of others is that their body was too slow
    let mut answer = String::new();
    slow[0].read_to_string(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_question_ends_with_its_asker_or_its_time() {
    let store = loaded();
    let server = Server::start(&store, &["--timeout", "1500ms"]);
    let ask = || {
        let request = server.request("POST", "/api/v1/sql").header("Content-Type", "application/sql");
        request.body(ENDLESS)
    };
    let problem = ask().send().problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("took longer than 1.5 s"), "{problem}");
    drop(server);

    let server = Server::start(&store, &[]);
    let request = server.request("POST", "/api/v1/sql").header("Content-Type", "application/sql");
    let stream = request.body(ENDLESS).begin().unwrap();
    let begun = processor_ms(server.id());
    while processor_ms(server.id()) < begun + 300 {
        thread::sleep(Duration::from_millis(20));
    }
    drop(stream);
    // idle again: no time used between two looks
    let mut last = 0;
    for _ in 0..500 {
        thread::sleep(Duration::from_millis(100));
        let now = processor_ms(server.id());
        if now == last {
            let metrics = server.get("/metrics").text();
            assert!(metrics.contains("wayfare_questions_given_up_total 1\n"), "{metrics}");
            assert!(metrics.contains("wayfare_questions_running 0\n"), "{metrics}");
            return;
        }
        last = now;
    }
    panic!("the question goes on though nobody waits for it");
}

#[test]
fn a_caller_has_a_share_and_is_told_when_to_come_again() {
    let store = loaded();
    let server = Server::start(&store, &["--concurrency", "1", "--per-token", "2", "--timeout", "20s"]);
    let endless = || {
        let request = server.request("POST", "/api/v1/sql").header("Content-Type", "application/sql");
        request.body(ENDLESS).begin().unwrap()
    };
    let held = [endless(), endless()];
    let waiting = || server.get("/metrics").text().contains("wayfare_questions_waiting 1\n");
    while !waiting() {
        thread::sleep(Duration::from_millis(10));
    }
    let refused = server.get("/api/v1/journeys");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    refused.problem(429);
    server.get("/livez").expect(200);
    drop(held);
    while server.get("/api/v1/journeys").status != 200 {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn many_at_once_are_all_answered_alike() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let path = "/api/v1/reports/overview?format=csv";
    let expected = server.get(path).expect(200).body;
    let count = from_environment("WAYFARE_CLIENTS", 16);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..count).map(|_| scope.spawn(|| server.get(path).expect(200).body)).collect();
        for answer in asking {
            assert!(answer.join().unwrap() == expected);
        }
    });
}

#[test]
fn a_server_that_is_told_to_end_finishes_what_it_has_begun() {
    let store = loaded();
    let mut server = Server::start(&store, &[]);
    let lines = runs("last", 400);
    let mut stream = server.connect();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        server.address(),
        lines.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&lines.as_bytes()[..1000]).unwrap();
    // until the request is under way
    while !server.get("/metrics").text().contains("wayfare_connections 2\n") {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(100));
    server.terminate();
    while std::net::TcpStream::connect(server.address()).is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(&lines.as_bytes()[1000..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"accepted\":1200"), "{answer}");
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(store.number("SELECT count(*) FROM events"), 180 + 1200);
}

/// Batches that were acknowledged, written down by the client.
#[test]
fn a_killed_server_loses_and_doubles_nothing_that_it_acknowledged() {
    let store = loaded();
    let mut acknowledged = BTreeSet::new();
    let mut number = 0;
    for round in 0..from_environment("WAYFARE_KILLS", 3) {
        let mut server = Server::start(&store, &[]);
        let (sender, answers) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            let server_ref = &server;
            for client in 0..2 {
                let sender = sender.clone();
                scope.spawn(move || {
                    for batch in (number + client..).step_by(2) {
                        let name = format!("b{batch}");
                        let request = server_ref
                            .request("POST", "/api/v1/events")
                            .header("Content-Type", "application/x-ndjson")
                            .header("Idempotency-Key", &name);
                        match request.body(runs(&name, 2)).try_send() {
                            Some(answer) if answer.status == 200 => sender.send(batch).unwrap(),
                            _ => return,
                        }
                    }
                });
            }
            // in the midst of it: at another place each round
            let before_death = 2 + round % 4;
            for _ in 0..before_death {
                acknowledged.insert(answers.recv().unwrap());
            }
            let id = server_ref.id().to_string();
            assert!(std::process::Command::new("kill").args(["-s", "KILL", &id]).status().unwrap().success());
        });
        drop(sender);
        acknowledged.extend(answers.iter());
        server.kill();
        // some that got no answer are sent again, as a client would
        number = acknowledged.last().copied().unwrap_or(0) + 1;
    }
    let server = Server::start(&store, &[]);
    for batch in 0..number {
        let name = format!("b{batch}");
        let request = server.request("POST", "/api/v1/events").header("Content-Type", "application/x-ndjson");
        let again = request.header("Idempotency-Key", &name).body(runs(&name, 2)).send().expect(200).json();
        if acknowledged.contains(&batch) {
            assert_eq!(again["already_stored"], true, "batch {batch} was acknowledged and is lost");
        }
    }
    let query =
        "SELECT tenant_id, count(*) AS events FROM events WHERE tenant_id LIKE 'b%' GROUP BY tenant_id";
    let rows = server.post("/api/v1/sql", &json!({ "query": query })).expect(200).json()["rows"].clone();
    let rows = rows.as_array().unwrap();
    assert!(rows.len() >= number, "{} of {number}", rows.len());
    for row in rows {
        assert_eq!(row["events"], 6, "{row}");
    }
}
