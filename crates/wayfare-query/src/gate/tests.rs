//! What the gate lets through and what not, asked of an engine over an empty store.

use std::sync::Arc;

use crate::spec::Spec;
use crate::{Engine, EngineOptions, ErrorKind, Store};

/// Queries as analysts write them.
const LET_THROUGH: [&str; 57] = [
    "SELECT 1",
    "select count(*) from events",
    "SELECT * FROM events",
    "SELECT * FROM events;",
    " ; SELECT 1",
    "-- a remark\nSELECT 1",
    "/* a; remark */ SELECT 1",
    "SELECT ';' AS semicolon",
    "SELECT 'DROP TABLE events' AS text",
    "SELECT activity FROM events WHERE activity = 'INSERT INTO x'",
    "SELECT activity, count(*) AS n FROM events GROUP BY activity ORDER BY n DESC LIMIT 5",
    "SELECT activity, count(*) FROM events GROUP BY ALL",
    "SELECT DISTINCT source FROM events",
    "SELECT journey_id, state FROM invocations WHERE duration_ms > 1000 AND NOT state = 'open'",
    "SELECT reason, count(*) FROM quarantine GROUP BY reason HAVING count(*) > 1",
    "SELECT e.activity FROM events e JOIN invocations i ON e.invocation_id = i.invocation_id",
    "SELECT * FROM events e LEFT JOIN invocations i USING (tenant_id, invocation_id)",
    "SELECT * FROM events a, events b WHERE a.event_id = b.event_id",
    "SELECT * FROM (SELECT activity FROM events) AS inner_one",
    "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b",
    "SELECT 1 UNION ALL SELECT 2",
    "(SELECT 1) UNION (SELECT 2) ORDER BY 1",
    "SELECT 1 EXCEPT SELECT 2",
    "SELECT 1 INTERSECT SELECT 1",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT * FROM (VALUES (1), (2)) AS t (x)",
    "SELECT activity AS \"DROP TABLE\" FROM events",
    "SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END",
    "SELECT activity FROM events WHERE user_id IN (SELECT user_id FROM invocations)",
    "SELECT activity FROM events e WHERE EXISTS (SELECT 1 FROM invocations i WHERE i.user_id = e.user_id)",
    "SELECT row_number() OVER (PARTITION BY activity ORDER BY timestamp) FROM events",
    "SELECT sum(latency_ms) FILTER (WHERE http_status >= 500) FROM events",
    "SELECT date, activity FROM events WHERE date >= DATE '2026-03-01'",
    "SELECT * FROM events WHERE timestamp >= '2026-03-01T00:00:00Z'",
    "SELECT timestamp + INTERVAL '1 day' FROM events",
    "SELECT date_trunc('hour', timestamp) FROM events",
    "SELECT CAST(latency_ms AS DOUBLE) AS number, latency_ms::TEXT AS text FROM events",
    "SELECT coalesce(error_code, 'none') FROM events",
    "SELECT activity FROM events WHERE activity LIKE 'step%' OR activity ILIKE 'JOURNEY%'",
    "SELECT latency_ms FROM events WHERE latency_ms BETWEEN 1 AND 5",
    "SELECT param(additional_params, 'error.code') FROM events",
    "SELECT changes(additional_params) FROM events WHERE source = 'admin'",
    "SELECT interval_start(timestamp, 'day', 'Europe/Berlin') FROM events",
    "SELECT funnel(path, offsets, 'a > b') FROM invocations",
    "SELECT funnel(path, offsets, 'a > b', '1h') FROM invocations",
    "SELECT funnel_ms(path, offsets, 'a > b')[2] FROM invocations",
    "SELECT unnest(timeline(path, offsets)) FROM invocations",
    "SELECT offsets_ms(offsets) FROM invocations",
    "SELECT array_to_string(steps(path), ' > ') AS variant, count(*) FROM invocations GROUP BY variant",
    "SELECT * FROM generate_series(1, 100)",
    "SELECT * FROM range(0, 10, 2)",
    "SELECT range(1, 5), repeat('ab', 3), lpad('7', 3, '0')",
    "SELECT unnest(range(1, 5))",
    "EXPLAIN SELECT * FROM events",
    "DESCRIBE events",
    "SELECT activity FROM events LIMIT 10 OFFSET 20",
];

/// What would write, reach out, run on, or is no query.
const REFUSED: [&str; 81] = [
    "",
    "   ",
    ";",
    "-- nothing",
    "SELEC 1",
    "SELECT",
    "hello",
    "SELECT * FROM nothing_here",
    "SELECT nothing_here FROM events",
    "SELECT nothing_here(1)",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE events",
    "SELECT 1;;SELECT 2",
    "INSERT INTO events VALUES (1)",
    "INSERT INTO events SELECT * FROM events",
    "INSERT OVERWRITE events SELECT * FROM events",
    "UPDATE events SET activity = 'x'",
    "DELETE FROM events",
    "TRUNCATE TABLE events",
    "MERGE INTO events USING invocations ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE t (x INT)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE TABLE events AS SELECT 1",
    "CREATE TEMPORARY TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/x'",
    "CREATE UNBOUNDED EXTERNAL TABLE t STORED AS CSV LOCATION '/dev/zero'",
    "CREATE DATABASE d",
    "CREATE SCHEMA s",
    "CREATE INDEX i ON events (activity)",
    "CREATE FUNCTION f() RETURNS INT RETURN 1",
    "DROP TABLE events",
    "DROP TABLE IF EXISTS events",
    "DROP VIEW events",
    "DROP SCHEMA store CASCADE",
    "DROP FUNCTION funnel",
    "ALTER TABLE events ADD COLUMN x INT",
    "ALTER TABLE events RENAME TO e",
    "COPY events TO '/tmp/gate-test.csv'",
    "COPY (SELECT 1) TO '/tmp/gate-test.parquet' STORED AS PARQUET",
    "COPY events FROM '/etc/passwd'",
    "SELECT * INTO t FROM events",
    "WITH x AS (SELECT 1) SELECT * INTO t FROM x",
    "WITH x AS (INSERT INTO events VALUES (1) RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM events RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE events SET activity = 'x' RETURNING *) SELECT * FROM x",
    "SELECT * FROM events FOR UPDATE",
    "SELECT * FROM events FOR SHARE",
    "SET datafusion.execution.batch_size = 1",
    "SET TIME ZONE 'UTC'",
    "RESET datafusion.execution.batch_size",
    "SHOW TABLES",
    "SHOW ALL",
    "SHOW COLUMNS FROM events",
    "USE store",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "GRANT SELECT ON events TO someone",
    "REVOKE SELECT ON events FROM someone",
    "VACUUM events",
    "ANALYZE TABLE events COMPUTE STATISTICS",
    "CALL something()",
    "KILL 1",
    "EXPLAIN ANALYZE SELECT * FROM events",
    "EXPLAIN ANALYZE VERBOSE SELECT * FROM events",
    "EXPLAIN COPY events TO '/tmp/gate-test.csv'",
    "EXPLAIN INSERT INTO events SELECT * FROM events",
    "EXPLAIN CREATE TABLE t AS SELECT 1",
    "EXPLAIN EXPLAIN ANALYZE SELECT 1",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
    "SELECT * FROM generate_series(1, 1000000000)",
    "SELECT range(0, 1000000000)",
    "SELECT repeat('x', 1000000000)",
    "SELECT repeat('x', latency_ms) FROM events",
    "SELECT range(0, count(*)) FROM events",
];

/// Other places to read from.
const OUTSIDE: [&str; 13] = [
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM \"/etc/passwd\"",
    "SELECT * FROM 'data/sample.ndjson.gz'",
    "SELECT * FROM 'file:///etc/passwd'",
    "SELECT * FROM 's3://bucket/key.parquet'",
    "SELECT * FROM 'https://example.org/a.csv'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_parquet('*.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM datafusion.public.events",
    "SELECT * FROM wayfare.other.events",
    "SELECT read_file('/etc/passwd')",
];

fn engine(folder: &std::path::Path) -> Engine {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(Store::open_or_create(folder)).unwrap();
    Engine::new(Arc::new(store), EngineOptions::default())
}

fn ask(engine: &Engine, query: String) -> crate::Result<crate::Report> {
    // the threads of a runtime have small stacks, as those of a program have
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = engine.clone();
    runtime.block_on(async move {
        tokio::spawn(async move { engine.run(&Spec::Sql { query }).await }).await.unwrap()
    })
}

#[test]
fn queries_pass_and_everything_else_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let stopped =
        LET_THROUGH.iter().filter_map(|query| Some((query, ask(&engine, (*query).to_owned()).err()?)));
    let stopped: Vec<_> = stopped.map(|(query, error)| format!("{query}: {error:?}")).collect();
    assert!(stopped.is_empty(), "{stopped:#?}");
    let is_refusal = |query: &str| {
        let refused = ask(&engine, query.to_owned()).err();
        refused.is_some_and(|error| matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit))
    };
    let passed: Vec<_> = REFUSED.iter().chain(&OUTSIDE).filter(|query| !is_refusal(query)).collect();
    assert!(passed.is_empty(), "{passed:#?}");
    assert!(!std::path::Path::new("/tmp/gate-test.csv").exists());
}

#[test]
fn size_is_refused_before_it_is_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let many = |part: &str, count: usize, between: &str| vec![part; count].join(between);
    for query in [
        format!("SELECT '{}'", "x".repeat(64 << 10)),
        format!("SELECT {}", many("1", 2_000, "+")),
        format!("SELECT {}", many("1", 20_000, "+")),
        format!("SELECT 1 WHERE {}", many("1=1", 2_000, " OR ")),
        format!("SELECT {} 1", "- ".repeat(5_000)),
        format!("SELECT {} true", "NOT ".repeat(5_000)),
        format!("SELECT 'a'{}", " || 'a'".repeat(3_000)),
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT {}1{}", "abs(".repeat(3_000), ")".repeat(3_000)),
        format!("SELECT {}", "[".repeat(5_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(1_000), " END".repeat(1_000)),
        format!("SELECT 1{}", "::INT".repeat(5_000)),
        many("SELECT 1", 2_000, " UNION ALL "),
        format!("SELECT * FROM {}", many("events", 2_000, ", ")),
        format!("SELECT * FROM events{}", " JOIN events USING (event_id)".repeat(1_000)),
        format!("SELECT {}", many("1", 20_000, ",")),
    ] {
        let shown: String = query.chars().take(60).collect();
        let error = ask(&engine, query).err().unwrap_or_else(|| panic!("{shown} passed"));
        assert_eq!(error.kind(), ErrorKind::Limit, "{shown}: {error:?}");
    }
}

#[test]
fn the_largest_queries_that_pass_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let many = |part: &str, count: usize, between: &str| vec![part; count].join(between);
    for query in [
        format!("SELECT {}", many("1", 490, "+")),
        format!("SELECT {} FROM events", many("latency_ms", 490, "+")),
        format!("SELECT 1 FROM events WHERE {}", many("latency_ms = 1", 240, " OR ")),
        format!("SELECT {} true", "NOT ".repeat(40)),
        format!("SELECT {}latency_ms{} FROM events", "abs(".repeat(38), ")".repeat(38)),
        many("SELECT activity FROM events", 48, " UNION ALL "),
        format!(
            "SELECT count(*) FROM {}",
            (0..8).map(|n| format!("events e{n}")).collect::<Vec<_>>().join(", ")
        ),
        format!("SELECT 1 FROM events WHERE latency_ms IN ({})", many("7", 4_000, ",")),
    ] {
        let shown: String = query.chars().take(60).collect();
        let refused = ask(&engine, query).err();
        assert!(refused.is_none(), "{shown}: {refused:?}");
    }
}
