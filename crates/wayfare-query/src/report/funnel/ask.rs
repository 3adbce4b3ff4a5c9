//! A funnel's spec, resolved: what matches a step, and the definition for the automaton.

use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, col, lit, when};
use wayfare_ingest::Lifetime;

use crate::condition;
use crate::error::of_datafusion;
use crate::functions::{FunnelText, StepText, condition_text};
use crate::funnel::{Definition, Exclusion, ExclusionEffect, Order, STEPS_MAX, Strictness};
use crate::question::Question;
use crate::spec::{
    Condition, EventSpec, FunnelSpec, Op, PropOp, PropSpec, Step, StepSpec, StepTest, format_duration_ms,
    parse_duration_ms,
};
use crate::timeline::Kind;
use crate::{Error, Result};

/// What matches a step or an exclusion.
#[derive(Debug, Clone)]
struct Test {
    /// As people write it.
    text: Option<(String, Step)>,
    /// What only events can answer: any of these.
    events: Vec<Expr>,
}

/// A funnel that can be asked.
#[derive(Debug, Clone)]
pub(in crate::report) struct Asked {
    /// The names of the steps.
    pub(in crate::report) names: Vec<String>,
    pub(in crate::report) definition: Definition,
    steps: Vec<Test>,
    exclusions: Vec<Test>,
}

impl Asked {
    pub(in crate::report) fn of(
        question: &Question<'_>,
        spec: &FunnelSpec,
        steps: &[StepSpec],
    ) -> Result<Self> {
        let mut names = Vec::new();
        let mut tests = Vec::new();
        let mut optional = 0;
        for (index, step) in steps.iter().enumerate().take(STEPS_MAX) {
            let (name, test, may_be_left_out) = match step {
                StepSpec::Text(text) => {
                    let step = Step::parse(text)?;
                    (step.name.clone(), Test::of_text(question, text, step.clone())?, step.optional)
                }
                StepSpec::Event(event) => (name_of(event), Test::of_event(question, event)?, event.optional),
            };
            names.push(name);
            tests.push(test);
            optional |= u64::from(may_be_left_out) << index;
        }
        let mut exclusions = Vec::new();
        for exclusion in spec.exclusions.iter().take(STEPS_MAX + 1) {
            exclusions.push(if let Some(text) = &exclusion.step {
                Test::of_text(question, text, Step::parse(text)?)?
            } else {
                let event = EventSpec {
                    event: exclusion.event.clone(),
                    conditions: exclusion.conditions.clone(),
                    ..EventSpec::default()
                };
                Test::of_event(question, &event)?
            });
        }
        let definition = Definition { optional, ..definition(question, spec, steps.len())? };
        // Refused here where it cannot be meant.
        crate::funnel::Funnel::try_new(definition.clone())?;
        Ok(Self { names, definition, steps: tests, exclusions })
    }

    /// The funnel for timelines, and the conditions over events that these have to carry as marks.
    pub(in crate::report) fn over_timelines(&self) -> Result<(FunnelText, Vec<Expr>)> {
        let mut marks: Vec<Expr> = Vec::new();
        let mut texts = |tests: &[Test]| {
            let text = |test: &Test| {
                let mut bits = 0;
                for event in &test.events {
                    let bit = 1_u64.checked_shl(u32::try_from(marks.len()).unwrap_or(u32::MAX));
                    bits |=
                        bit.ok_or_else(|| Error::limit("a funnel has at most 64 conditions over events"))?;
                    marks.push(event.clone());
                }
                Ok(StepText { text: test.text.as_ref().map(|(text, _)| text.clone()), marks: bits })
            };
            tests.iter().map(text).collect::<Result<Vec<_>>>()
        };
        let (steps, exclusions) = (texts(&self.steps)?, texts(&self.exclusions)?);
        Ok((FunnelText { steps, exclusions, definition: self.definition.clone() }, marks))
    }

    /// The sets of steps and of exclusions that an event matches, as expressions over its columns.
    pub(super) fn over_events(&self) -> Result<(Expr, Expr)> {
        Ok((mask(&self.steps)?, mask(&self.exclusions)?))
    }

    /// The steps as people wrote them, those that are no text left out.
    pub(super) fn texts(&self) -> Vec<Step> {
        let plain = |name: &String| Step { name: name.clone(), optional: false, any_of: Vec::new() };
        let written = |test: &Test| test.text.as_ref().map(|(_, step)| step.clone());
        self.steps
            .iter()
            .zip(&self.names)
            .map(|(test, name)| written(test).unwrap_or_else(|| plain(name)))
            .collect()
    }

    /// The names of the exclusions.
    pub(in crate::report) fn exclusion_names(&self) -> Vec<String> {
        let name = |test: &Test| test.text.as_ref().map_or("an event", |(text, _)| text).to_owned();
        self.exclusions.iter().map(name).collect()
    }

    /// One line about the window.
    pub(in crate::report) fn window(&self, noun: &str) -> String {
        match (self.definition.window_ms, self.definition.window_from) {
            (None, _) => format!("no window: all events of a {noun} count"),
            (Some(window_ms), crate::funnel::WindowFrom::FirstStep) => {
                format!("window {} from the first step", in_hours(window_ms))
            }
            (Some(window_ms), crate::funnel::WindowFrom::PreviousStep) => {
                format!("window {} from the previous step", in_hours(window_ms))
            }
        }
    }
}

/// A day is 24 hours in a window, so that is what is written.
fn in_hours(window_ms: i64) -> String {
    if window_ms == 86_400_000 { "24h".to_owned() } else { format_duration_ms(window_ms) }
}

fn name_of(event: &EventSpec) -> String {
    if let Some(name) = &event.name {
        return name.clone();
    }
    let names = event.event.as_ref().map(|event| event.names().join(" | "));
    let conditions: Vec<String> = event
        .conditions
        .iter()
        .map(|PropSpec { prop, op, value }| {
            let op = serde_json::to_value(op).ok().and_then(|op| op.as_str().map(str::to_owned));
            let value = if value.is_null() { String::new() } else { format!(" {value}") };
            format!("{prop} {}{value}", op.unwrap_or_default())
        })
        .collect();
    match (names, conditions.is_empty()) {
        (Some(names), true) => names,
        (Some(names), false) => format!("{names} ({})", conditions.join(", ")),
        (None, true) => "any event".to_owned(),
        (None, false) => conditions.join(", "),
    }
}

fn definition(question: &Question<'_>, spec: &FunnelSpec, steps: usize) -> Result<Definition> {
    let window_ms = match &spec.window {
        Some(text) => Some(parse_duration_ms(text).map_err(|error| error.with("option", "window"))?),
        None => match question.store.settings().journey_lifetime {
            Lifetime::Unlimited => None,
            Lifetime::Millis(millis) => Some(millis),
        },
    };
    let mut hold = 0;
    if let Some(held) = &spec.hold_constant {
        for step in &held.steps {
            let bit = u32::try_from(*step).ok().and_then(|step| 1_u64.checked_shl(step));
            hold |= bit.filter(|_| *step < steps).ok_or_else(|| {
                Error::invalid(format!("there is no step {} whose value could be held", step + 1))
            })?;
        }
        if held.steps.is_empty() {
            hold = u64::MAX;
        }
    }
    let effect = spec.exclusion_effect.unwrap_or(match spec.order {
        Order::Unordered => ExclusionEffect::VoidAttempt,
        Order::Ordered | Order::Strict => ExclusionEffect::EndAttempt,
    });
    Ok(Definition {
        order: spec.order,
        window_ms,
        window_from: spec.window_from,
        ties: spec.ties,
        event_reuse: spec.event_reuse,
        entry_policy: spec.entry_policy,
        on_repeat: spec.on_repeat,
        repeatable: if spec.repeat_includes_first { u64::MAX } else { u64::MAX << 1 },
        strictness: Strictness {
            scope: spec.strict_scope,
            repeats: spec.strict_repeats,
            reentry: spec.strict_reentry,
        },
        exclusions: spec.exclusions.iter().map(|one| Exclusion { from: one.from, to: one.to }).collect(),
        exclusion_effect: effect,
        hold,
        ..Definition::new(steps)
    })
}

impl Test {
    fn of_text(question: &Question<'_>, text: &str, step: Step) -> Result<Self> {
        let schema = question.event_schema();
        let mut events = Vec::new();
        for conditions in step.event_tests() {
            let conditions = conditions
                .iter()
                .map(|condition| condition::over(condition, &schema, &question.context, "an event"))
                .collect::<Result<Vec<_>>>()?;
            events.extend(conditions.into_iter().reduce(Expr::and));
        }
        Ok(Self { text: Some((text.to_owned(), step)), events })
    }

    fn of_event(question: &Question<'_>, event: &EventSpec) -> Result<Self> {
        let schema = question.event_schema();
        let mut all = Vec::new();
        if let Some(event) = &event.event {
            let names = || event.names().iter().map(lit).collect::<Vec<_>>();
            let not_started = col("activity").not_eq(lit("step_started"));
            let as_step =
                col("step_id").is_not_null().and(col("step_id").in_list(names(), false)).and(not_started);
            all.push(col("activity").in_list(names(), false).or(as_step));
        }
        for condition in &event.conditions {
            all.push(match condition.prop.strip_prefix("params.") {
                Some(path) => {
                    let holds = question.context.udf("param_holds");
                    let holds = holds.map_err(|cause| Error::internal("no function").because(cause))?;
                    let condition = PropSpec { prop: path.to_owned(), ..condition.clone() };
                    holds.call(vec![col("additional_params"), lit(condition_text(&condition)?)])
                }
                None => condition::over(&of_column(condition), &schema, &question.context, "an event")?,
            });
        }
        let all = all.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true));
        Ok(Self { text: None, events: vec![all] })
    }

    /// Whether an event matches, as an expression over its columns.
    fn over_events(&self) -> Option<Expr> {
        let tokens = self.text.iter().flat_map(|(_, step)| &step.any_of).filter_map(|test| match test {
            StepTest::Token { kinds, name } => {
                kinds.iter().filter_map(|kind| of_kind(*kind, name.as_deref())).reduce(Expr::or)
            }
            StepTest::Event(_) => None,
        });
        tokens.chain(self.events.iter().cloned()).reduce(Expr::or)
    }
}

/// A condition on a column, whose values have the column's type.
fn of_column(condition: &PropSpec) -> Condition {
    let op = match condition.op {
        PropOp::Eq => Op::Eq,
        PropOp::Ne => Op::Ne,
        PropOp::In => Op::In,
        PropOp::NotIn => Op::NotIn,
        PropOp::Contains => Op::Contains,
        PropOp::Lt => Op::Lt,
        PropOp::Le => Op::Le,
        PropOp::Gt => Op::Gt,
        PropOp::Ge => Op::Ge,
        PropOp::IsSet => Op::IsSet,
        PropOp::IsNull => Op::IsNull,
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = match &condition.value {
        serde_json::Value::Null => Vec::new(),
        serde_json::Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    };
    Condition { column: condition.prop.clone(), path: None, op, values }
}

/// Whether an event has a token of this kind and name. A terminal event is taken as the journey's own: what it ends
/// is told by the events around it, and those are a run's.
fn of_kind(kind: Kind, name: Option<&str>) -> Option<Expr> {
    let is = |activity: &str| col("activity").eq(lit(activity));
    let failed = col("outcome").eq(lit("failure")).or(col("error_code").not_eq(lit("")));
    let failed = failed.is_true();
    let refused = col("http_status").gt_eq(lit(400_i64)).is_true();
    let (activity, named) = match kind {
        Kind::JourneyStarted => (is("journey_started"), None),
        Kind::SubJourneyStarted => (is("sub_journey_started"), Some(col("journey_id"))),
        Kind::StepStarted => (is("step_started"), Some(col("step_id"))),
        Kind::StepCompleted => (is("step_completed").and(!failed), Some(col("step_id"))),
        Kind::StepFailed => (is("step_completed").and(failed), Some(col("step_id"))),
        Kind::CallSucceeded => {
            (is("external_connection_call").and(!failed).and(!refused), Some(col("connection_id")))
        }
        Kind::CallFailed => {
            (is("external_connection_call").and(failed.or(refused)), Some(col("connection_id")))
        }
        Kind::Custom => {
            let step = when(col("step_id").is_not_null(), col("step_id")).otherwise(col("activity")).ok()?;
            (is("custom_event"), Some(step))
        }
        Kind::JourneySucceeded => (is("journey_completed_successfully"), Some(col("step_id"))),
        Kind::JourneyFailed => (is("journey_completed_unsuccessfully"), Some(col("step_id"))),
        Kind::SubJourneySucceeded | Kind::SubJourneyFailed => return None,
        Kind::Other => (lit(true), Some(col("activity"))),
    };
    match (name, named) {
        (None, _) if kind == Kind::Other => None,
        (None, _) => Some(activity),
        (Some(name), Some(named)) => Some(activity.and(named.eq(lit(name)))),
        (Some(_), None) => None,
    }
}

fn mask(tests: &[Test]) -> Result<Expr> {
    let mut mask = lit(0_u64);
    for (index, test) in tests.iter().enumerate() {
        let bit = 1_u64.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or_default();
        if let Some(matches) = test.over_events() {
            let answer = when(matches, lit(bit)).otherwise(lit(0_u64));
            mask = mask + answer.map_err(|cause| of_datafusion("cannot plan a condition", cause))?;
        }
    }
    Ok(mask)
}
