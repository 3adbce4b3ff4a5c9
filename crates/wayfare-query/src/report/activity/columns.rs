//! The columns of the four logs: what the vendor's pages show first, then what else an event has.

use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::spec::Log;

use super::super::events::call;
use super::super::risk;

/// Columns that are computed from the parameters: name and path. They can be filtered and grouped by like stored ones.
fn computed(log: Log) -> &'static [(&'static str, &'static str)] {
    match log {
        Log::User | Log::Admin => &[],
        Log::Verify => &[("status", "status"), ("recommendation", "recommendation")],
        Log::Risk => &[
            ("recommendation", "recommendation.type"),
            ("risk_score", "risk_score"),
            ("action_type", "context.action_type"),
            ("reasons", "reasons"),
            ("threats", "threats"),
        ],
    }
}

/// The listed columns, in order. `happened_at` is the event's `timestamp`.
pub(super) fn listed(log: Log) -> Vec<&'static str> {
    let (first, further): (&[&str], &[&str]) = match log {
        Log::User => (
            &[
                "user_id",
                "event_id",
                "app_id",
                "client_id",
                "ip",
                "country",
                "journey_id",
                "step_id",
                "outcome",
            ],
            &["error_code", "step_type", "step_category", "step_number", "invocation_id", "session_id"],
        ),
        Log::Admin => (
            &[
                "changes",
                "actor_id",
                "target_resource_type",
                "target_resource_id",
                "ip",
                "client_id",
                "event_id",
            ],
            &["actor_type", "app_id", "user_id"],
        ),
        Log::Verify => (
            &[
                "session_id",
                "status",
                "recommendation",
                "event_id",
                "error_code",
                "country",
                "platform",
                "ip",
            ],
            &["user_id", "app_id", "client_id"],
        ),
        Log::Risk => (
            &[
                "recommendation",
                "risk_score",
                "action_type",
                "reasons",
                "user_id",
                "event_id",
                "country",
                "ip",
            ],
            &["threats", "app_id", "client_id", "session_id"],
        ),
    };
    let common = ["correlation_id", "device_id", "platform", "os", "browser", "user_agent", "tenant_id"];
    let mut names = vec!["happened_at", "activity"];
    names.extend(first.iter().chain(further));
    for name in common.into_iter().chain(["additional_params"]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Adds the computed columns to events.
pub(super) fn with_computed(question: &Question<'_>, log: Log, events: DataFrame) -> Result<DataFrame> {
    let context = &question.context;
    let mut added: Vec<(&str, Expr)> = Vec::new();
    for (name, path) in computed(log) {
        let value = call(context, "param", vec![col("additional_params"), lit(*path)])?;
        let is_list = matches!(*name, "reasons" | "threats");
        // a list of words reads better without its JSON
        let value = if is_list {
            let words = call(context, "translate", vec![value, lit("[\"]"), lit("")])?;
            call(context, "nullif", vec![words, lit("")])?
        } else {
            value
        };
        let kind = arrow::datatypes::DataType::Utf8View;
        added.push((name, datafusion::logical_expr::cast(value, kind)));
    }
    if log == Log::Admin {
        added.push(("changes", call(context, "changes", vec![col("additional_params")])?));
    }
    if log == Log::Risk {
        added.push((risk::TYPE_COLUMN, risk::type_of(context)?));
    }
    added.into_iter().try_fold(events, |events, (name, value)| {
        events.with_column(name, value).map_err(|cause| of_datafusion("cannot read the parameters", cause))
    })
}

/// The listed columns as a select list.
pub(super) fn selected(log: Log) -> Vec<Expr> {
    let column = |name: &str| if name == "happened_at" { col("timestamp").alias(name) } else { col(name) };
    listed(log).into_iter().map(column).collect()
}
