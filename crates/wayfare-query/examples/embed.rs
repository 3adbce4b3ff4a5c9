//! Takes the sample in `data/` into a store in a temporary folder and asks how far logins get, on each platform.

#![expect(clippy::print_stdout, reason = "an example shows its answer")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use wayfare_ingest::{IngestOptions, IngestProgress, Mapping, expand, ingest};
use wayfare_query::spec::{FunnelSpec, Scope, Spec, StepSpec};
use wayfare_query::{Engine, EngineOptions, Store};

/// The time of ingest, milliseconds since 1970: a parameter, so that a test can give the same every time.
const NOW_MS: i64 = 1_775_000_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(Store::open_or_create(folder.path()).await?);

    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.ndjson.gz");
    let options = IngestOptions::new(Mapping::mosaic()?, NOW_MS);
    let inputs = expand(&[sample.display().to_string()], &options.limits)?;
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    let summary = ingest(&store, &inputs, &options, &quiet).await?;
    println!("{} events stored", summary.total(|input| input.accepted));

    let scope =
        Scope { journey: vec!["login".to_owned()], by: vec!["platform".to_owned()], ..Scope::default() };
    let steps = ["Journey started", "otp_sms | password | passkey", "Journey completed successfully"];
    let spec = Spec::Funnel(FunnelSpec {
        scope,
        steps: steps.map(StepSpec::from).to_vec(),
        window: Some("10m".to_owned()),
        ..FunnelSpec::default()
    });
    let engine = Engine::new(store, EngineOptions::default());
    let report = engine.run(&spec).await?;

    let column = |name| report.batch.column_by_name(name).ok_or(name);
    let platforms = column("platform")?.as_string_view();
    let names = column("name")?.as_string::<i32>();
    let reached = column("reached")?.as_primitive::<Int64Type>();
    for ((platform, name), reached) in platforms.iter().zip(names).zip(reached) {
        println!("{}: {}: {}", platform.unwrap_or("–"), name.unwrap_or("–"), reached.unwrap_or_default());
    }
    Ok(())
}
