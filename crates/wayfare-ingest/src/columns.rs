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
