//! Writes generated activity events as NDJSON to the standard output, gzipped when the fourth argument says so:
//! `generate SEED EVENTS DAYS [gz]`; without arguments the events of the sample in `data/`.

use std::error::Error;
use std::io::{BufWriter, Write as _, stdout};

use flate2::{Compression, GzBuilder};
use wayfare_ingest::{GenerateSpec, Generator};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut spec = GenerateSpec::default();
    if let [seed, events, days, ..] = arguments.as_slice() {
        spec = GenerateSpec { seed: seed.parse()?, events: events.parse()?, days: days.parse()?, ..spec };
    }
    let generator = Generator::try_new(spec)?;
    let out = BufWriter::with_capacity(1 << 20, stdout().lock());
    if arguments.last().is_some_and(|last| last == "gz") {
        // No name and no time in the header: the same events are the same bytes.
        let mut gzip = GzBuilder::new().write(out, Compression::best());
        generator.write_to(&mut gzip, |_| {})?;
        gzip.finish()?.flush()?;
    } else {
        let mut out = out;
        generator.write_to(&mut out, |_| {})?;
        out.flush()?;
    }
    Ok(())
}
