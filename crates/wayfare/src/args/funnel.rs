//! The options that say what a funnel asks.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::de::DeserializeOwned;
use wayfare_ingest::json_fault;
use wayfare_query::funnel::{
    EntryPolicy, EventReuse, ExclusionEffect, OnRepeat, Order, StrictReentry, StrictRepeats, StrictScope,
    Ties, WindowFrom,
};
use wayfare_query::spec::{ExclusionSpec, FunnelSpec, HoldSpec, Scope, StepSpec, Unit};
use wayfare_query::{Error, Result};

use super::ScopeArgs;

/// The funnel: its steps, its rules, and which units it is of.
#[derive(Debug, Args)]
pub(crate) struct FunnelArgs {
    /// A step id, or a condition such as `activity=journey_completed_successfully`; repeat in order
    ///
    /// `a | b` is either of two, `a ?` may be left out, `Name := a` has a name of its own.
    #[arg(long = "step", id = "steps", value_name = "STEP", help_heading = "Funnel")]
    steps: Vec<String>,

    /// Longest time from the first step, such as 1h [default: the journey lifetime]
    #[arg(long, value_name = "TIME", help_heading = "Funnel")]
    window: Option<String>,

    /// Take the window from the first step, or from the one before
    #[arg(long, value_name = "FROM", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["first_step", "previous_step"]).try_map(word::<WindowFrom>))]
    window_from: Option<WindowFrom>,

    /// In which order the steps have to come
    #[arg(long, value_name = "ORDER", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["ordered", "strict", "unordered"]).try_map(word::<Order>))]
    order: Option<Order>,

    /// Who or what is counted
    #[arg(long, value_name = "UNIT", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["invocation", "user", "correlation", "session", "flow"])
            .try_map(word::<Unit>))]
    unit: Option<Unit>,

    /// Which events open an attempt: any of step 1, the first, or the first after the attempt before was left
    #[arg(long, value_name = "POLICY", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["any", "first", "sequential"]).try_map(word::<EntryPolicy>))]
    entry: Option<EntryPolicy>,

    /// Let no event STEP lie between two steps, as in `failed:otp between 1 and 3`; repeatable
    #[arg(long = "exclude", id = "exclusions", value_name = "EXCLUSION", help_heading = "Funnel",
        value_parser = exclusion)]
    exclusions: Vec<ExclusionSpec>,

    /// What an exclusion does [default: `end_attempt`, unordered `void_attempt`]
    #[arg(long, value_name = "EFFECT", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["end_attempt", "void_attempt", "drop_actor"])
            .try_map(word::<ExclusionEffect>))]
    exclusion_effect: Option<ExclusionEffect>,

    /// Let a property be the same at all steps, or at some: `params.offer at 1,2`
    #[arg(long, value_name = "PROPERTY", help_heading = "Funnel", value_parser = hold)]
    hold: Option<HoldSpec>,

    /// End an attempt at an event of a step that it has matched already
    #[arg(long, value_name = "WHAT", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["ignore", "stop"]).try_map(word::<OnRepeat>))]
    on_repeat: Option<OnRepeat>,

    /// Count a repeated first step as a repeat, too
    #[arg(long, help_heading = "Funnel")]
    repeat_includes_first: bool,

    /// Which events break a strict attempt
    #[arg(long, value_name = "SCOPE", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["all_events", "step_events"]).try_map(word::<StrictScope>))]
    strict_scope: Option<StrictScope>,

    /// Whether further events of the step just matched break a strict attempt
    #[arg(long, value_name = "WHAT", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["tolerate", "break"]).try_map(word::<StrictRepeats>))]
    strict_repeats: Option<StrictRepeats>,

    /// Whether events of other steps break a strict attempt
    #[arg(long, value_name = "WHAT", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["break", "tolerate", "ignore_ahead"])
            .try_map(word::<StrictReentry>))]
    strict_reentry: Option<StrictReentry>,

    /// What events at one millisecond may do
    #[arg(long, value_name = "TIES", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["any", "strictly_increasing", "arrival"]).try_map(word::<Ties>))]
    ties: Option<Ties>,

    /// Whether one event may serve several steps
    #[arg(long, value_name = "HOW", help_heading = "Funnel",
        value_parser = PossibleValuesParser::new(["once", "allowed"]).try_map(word::<EventReuse>))]
    event_reuse: Option<EventReuse>,

    /// Read the funnel from a JSON file, steps counted from 0; options given change it
    #[arg(long, value_name = "FILE", help_heading = "Funnel")]
    spec: Option<PathBuf>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl FunnelArgs {
    /// What is asked, the file first, then the options given.
    pub(crate) fn spec(self) -> Result<FunnelSpec> {
        let mut spec = match &self.spec {
            Some(path) => read(path)?,
            None => FunnelSpec::default(),
        };
        let scope: Scope = self.scope.into();
        if scope != Scope::default() {
            spec.scope = scope;
        }
        if !self.steps.is_empty() {
            spec.steps = self.steps.into_iter().map(StepSpec::Text).collect();
        }
        if !self.exclusions.is_empty() {
            spec.exclusions = self.exclusions;
        }
        Ok(FunnelSpec {
            unit: self.unit.unwrap_or(spec.unit),
            order: self.order.unwrap_or(spec.order),
            window: self.window.or(spec.window),
            window_from: self.window_from.unwrap_or(spec.window_from),
            ties: self.ties.unwrap_or(spec.ties),
            event_reuse: self.event_reuse.unwrap_or(spec.event_reuse),
            entry_policy: self.entry.unwrap_or(spec.entry_policy),
            on_repeat: self.on_repeat.unwrap_or(spec.on_repeat),
            repeat_includes_first: self.repeat_includes_first || spec.repeat_includes_first,
            strict_scope: self.strict_scope.unwrap_or(spec.strict_scope),
            strict_repeats: self.strict_repeats.unwrap_or(spec.strict_repeats),
            strict_reentry: self.strict_reentry.unwrap_or(spec.strict_reentry),
            exclusion_effect: self.exclusion_effect.or(spec.exclusion_effect),
            hold_constant: self.hold.or(spec.hold_constant),
            ..spec
        })
    }
}

/// Bytes that a funnel's file may have.
const SPEC_BYTES_MAX: u64 = 1 << 20;

fn read(path: &PathBuf) -> Result<FunnelSpec> {
    let failed = |cause| Error::io("cannot read the funnel", cause).with("file", path.display());
    if fs::metadata(path).map_err(failed)?.len() > SPEC_BYTES_MAX {
        return Err(Error::limit("a funnel's file has at most 1 MiB").with("file", path.display()));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    serde_json::from_str(&text).map_err(|cause| {
        Error::invalid(format!("expected a funnel as JSON: {}", json_fault(&cause, &text)))
            .with("file", path.display())
    })
}

/// A value by its name.
pub(crate) fn word<T: DeserializeOwned>(name: String) -> std::result::Result<T, serde_json::Error> {
    serde_json::from_value(name.into())
}

/// A step's number, from 1, as its index.
pub(crate) fn index(text: &str) -> std::result::Result<usize, String> {
    let number = text.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    number.ok_or_else(|| format!("expected the number of a step, from 1, saw {text:?}"))
}

fn exclusion(text: &str) -> std::result::Result<ExclusionSpec, String> {
    let expected = || format!("expected STEP between A and B, saw {text:?}");
    let (step, steps) = text.rsplit_once(" between ").ok_or_else(expected)?;
    let (from, to) = steps.split_once(" and ").ok_or_else(expected)?;
    let (from, to) = (index(from)?, index(to)?);
    Ok(ExclusionSpec { step: Some(step.trim().to_owned()), event: None, conditions: Vec::new(), from, to })
}

fn hold(text: &str) -> std::result::Result<HoldSpec, String> {
    let (prop, steps) = match text.rsplit_once(" at ") {
        Some((prop, steps)) => (prop, steps.split(',').map(index).collect::<std::result::Result<_, _>>()?),
        None => (text, Vec::new()),
    };
    Ok(HoldSpec { prop: prop.trim().to_owned(), steps })
}
