//! `wayfare funnel`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use wayfare_query::Result;
use wayfare_query::spec::{BreakdownSpec, ConvertSpec, Counting, FunnelSpec, ListSpec, Spec, TrendSpec};

use crate::args::{FunnelArgs, index, word};

const EXAMPLES: &str = "\
Examples:
  wayfare funnel --store shop --journey login
  wayfare funnel --store shop --journey login --step enter_email --step enter_code --window 1h
  wayfare funnel --store shop --step 'step_id=enter_email' --step 'activity=journey_completed_successfully' --by platform
  wayfare funnel --store shop --journey login --drop-offs
  wayfare funnel --store shop --journey login --list step=3,class=abandoned
  wayfare funnel --store shop --step a --step b --step c --exclude 'failed:otp between 1 and 2' --order strict
  wayfare funnel --store shop --unit user --step 'Journey started' --step activity:mfa_enrolled --trend week
  wayfare funnel --store shop --journey login --convert 1..3 --bins 20
  wayfare funnel --store shop --unit session --from -7d
  wayfare funnel --store shop --spec signup.json
  wayfare funnel --store shop --journey login --format json --output login.json";

/// Show how far runs get through a sequence of steps, and where they drop off
///
/// Give the steps first to last, or one journey alone: its main line is then proposed from the data.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Funnel {
    /// Count attempts beside units
    #[arg(long, value_name = "WHAT", help_heading = "Answer",
        value_parser = PossibleValuesParser::new(["actors", "attempts"]).try_map(word::<Counting>))]
    count: Option<Counting>,

    /// Split by properties of events, such as `country` or `params.plan`
    #[arg(long, value_name = "PROPERTY", value_delimiter = ',', help_heading = "Answer")]
    breakdown: Vec<String>,

    /// Which event gives the property: `first_touch`, `last_touch`, `all_events`, or `step_1`, `step_2`, …
    #[arg(long, value_name = "EVENT", requires = "breakdown", help_heading = "Answer", value_parser = attribution)]
    attribution: Option<String>,

    /// Cells of the breakdown to show; the others add up
    #[arg(long, value_name = "N", requires = "breakdown", help_heading = "Answer")]
    cells: Option<usize>,

    /// Show entries and conversions by interval of entry: hour, day, week or month
    #[arg(long, value_name = "INTERVAL", help_heading = "Answer")]
    trend: Option<String>,

    /// Show the time from one step to another, such as 1..3
    #[arg(long, value_name = "A..B", help_heading = "Answer", value_parser = convert)]
    convert: Option<ConvertSpec>,

    /// Number of bins of the times [default: by their number, at most 60]
    #[arg(long, value_name = "N", requires = "convert", help_heading = "Answer")]
    bins: Option<usize>,

    /// Show why units dropped off before each step
    #[arg(long, help_heading = "Answer")]
    drop_offs: bool,

    /// List what is behind a number: units, attempts, step=3, or step=3,class=abandoned; class=any for all lost before it
    #[arg(long, value_name = "WHICH", help_heading = "Answer", value_parser = list)]
    list: Option<ListSpec>,

    /// Go on where a page of the list ended: the `next` of its JSON
    #[arg(long, value_name = "NEXT", help_heading = "Answer")]
    after: Option<String>,

    #[command(flatten)]
    asked: FunnelArgs,
}

impl Funnel {
    pub(crate) fn spec(self) -> Result<Spec> {
        let spec = self.asked.spec()?;
        let breakdown = (!self.breakdown.is_empty()).then(|| BreakdownSpec {
            props: self.breakdown,
            attribution: self.attribution.unwrap_or_else(|| "first_touch".to_owned()),
            limit: self.cells,
        });
        let trend = self.trend.map(|interval| TrendSpec {
            interval,
            timezone: None,
            week_start: None,
            from_step: 0,
            to_step: None,
        });
        let convert = self.convert.map(|convert| ConvertSpec { bins: self.bins, ..convert });
        Ok(Spec::Funnel(FunnelSpec {
            breakdown: breakdown.or(spec.breakdown),
            counting: self.count.unwrap_or(spec.counting),
            trend: trend.or(spec.trend),
            time_to_convert: convert.or(spec.time_to_convert),
            drop_offs: self.drop_offs || spec.drop_offs,
            list: self.list.or(spec.list),
            after: self.after.or(spec.after),
            ..spec
        }))
    }
}

fn attribution(text: &str) -> std::result::Result<String, String> {
    match text.strip_prefix("step_") {
        Some(step) => Ok(format!("step_{}", index(step)?)),
        None => Ok(text.to_owned()),
    }
}

fn convert(text: &str) -> std::result::Result<ConvertSpec, String> {
    let (from, to) =
        text.split_once("..").ok_or_else(|| format!("expected A..B such as 1..3, saw {text:?}"))?;
    Ok(ConvertSpec { from_step: index(from)?, to_step: Some(index(to)?), bins: None })
}

fn list(text: &str) -> std::result::Result<ListSpec, String> {
    let mut list = ListSpec::default();
    for part in text.split(',').map(str::trim) {
        match part.split_once('=') {
            Some(("step", step)) => list.step = Some(index(step)?),
            Some(("class", class)) => list.class = Some(class.to_owned()),
            None if matches!(part, "units" | "all") => {}
            None if part == "attempts" => list.of = Counting::Attempts,
            _ => return Err(format!("expected units, attempts, step=N or class=NAME, saw {part:?}")),
        }
    }
    Ok(list)
}
