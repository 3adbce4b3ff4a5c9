//! Column names and Arrow schemas of the store's tables: the one place that spells them.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The 17 text columns of the vendor's envelope that stand for themselves (activity, timestamp and
/// `additional_params` have types or rules of their own).
pub const ENVELOPE_TEXT: [&str; 17] = [
    "tenant_id",
    "app_id",
    "client_id",
    "user_id",
    "device_id",
    "ip",
    "user_agent",
    "invocation_id",
    "flow_id",
    "correlation_id",
    "actor_id",
    "actor_type",
    "target_resource_id",
    "target_resource_type",
    "original_app_id",
    "original_user_id",
    "original_actor_id",
];

/// The text columns that are promoted out of `additional_params`.
pub const PROMOTED_TEXT: [&str; 16] = [
    "parent_invocation_id",
    "journey_id",
    "journey_version",
    "step_id",
    "step_type",
    "step_category",
    "outcome",
    "error_code",
    "error_category",
    "error_message",
    "connection_id",
    "session_id",
    "platform",
    "os",
    "browser",
    "country",
];

/// The integer columns that are promoted out of `additional_params`.
pub const PROMOTED_INTEGER: [&str; 3] = ["step_number", "http_status", "latency_ms"];

/// The type of every instant in the store: microseconds, UTC, as Delta's `timestamp` asks for.
pub fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of a data file of `events`: every column but the partition columns `source` and `date`.
pub fn events_file_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &&str| Field::new(*name, DataType::Utf8, true);
        let mut fields = vec![
            Field::new("event_id", DataType::Binary, false),
            Field::new("activity", DataType::Utf8, false),
            Field::new("timestamp", instant(), false),
        ];
        fields.extend(ENVELOPE_TEXT.iter().map(text));
        fields.extend(PROMOTED_TEXT.iter().map(text));
        fields.extend(PROMOTED_INTEGER.iter().map(|name| Field::new(*name, DataType::Int64, true)));
        fields.push(Field::new("additional_params", DataType::Utf8, true));
        fields.push(Field::new("batch_id", DataType::Utf8, false));
        fields.push(Field::new("ingested_at", instant(), false));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The schema of a data file of `invocations`: every column but the partition column `start_date`.
pub fn invocations_file_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &&str| Field::new(*name, DataType::Utf8, true);
        let mut fields = vec![
            Field::new("tenant_id", DataType::Utf8, true),
            Field::new("invocation_id", DataType::Utf8, false),
        ];
        fields.extend(RUN_DIMENSIONS.iter().map(text));
        fields.extend([
            Field::new("first_at", instant(), false),
            Field::new("started_at", instant(), false),
            Field::new("last_at", instant(), false),
            Field::new("ended_at", instant(), true),
        ]);
        fields.extend(RUN_FACTS.iter().map(text));
        fields.extend(RUN_COUNTS.iter().map(|name| Field::new(*name, DataType::Int64, false)));
        fields.push(Field::new("path", DataType::Binary, false));
        fields.push(Field::new("tokens", DataType::Utf8, false));
        fields.push(Field::new("offsets", DataType::Binary, false));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The columns of a run that are the first known value among its events.
pub const RUN_DIMENSIONS: [&str; 12] = [
    "journey_id",
    "journey_version",
    "client_id",
    "app_id",
    "user_id",
    "device_id",
    "correlation_id",
    "flow_id",
    "platform",
    "os",
    "browser",
    "country",
];

/// The text columns of a run that its end decides; `terminal` is `succeeded`, `failed` or null.
pub const RUN_FACTS: [&str; 7] = [
    "terminal",
    "failing_step",
    "error_code",
    "error_category",
    "error_message",
    "connection_id",
    "last_step",
];

/// The counts of a run.
pub const RUN_COUNTS: [&str; 8] = [
    "events",
    "duplicates",
    "steps_started",
    "steps_completed",
    "steps_failed",
    "retries",
    "external_calls",
    "external_failures",
];

/// The schema of a data file of `quarantine`: one row a rejected line.
pub fn quarantine_file_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        Arc::new(Schema::new(vec![
            text("file"),
            Field::new("line", DataType::Int64, false),
            text("reason"),
            text("detail"),
            text("text"),
            text("batch_id"),
            Field::new("ingested_at", instant(), false),
        ]))
    });
    Arc::clone(&SCHEMA)
}
