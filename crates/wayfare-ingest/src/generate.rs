//! Made-up activity events, as many as wanted, the same for the same specification on every machine.
//!
//! A bank called Northwind runs six journeys; its users come in daily and weekly waves, a few of them often, and do
//! what users do: they mistype, give up, come back, wait for codes. Each run is a walk through its journey's graph;
//! the other sources join in (risk recommendations and verification sessions inside runs, administrators beside them).
//! Some versions of the journeys are worse than others, on purpose: the tables under `journeys/` tell those stories.
//!
//! Lines come in order of arrival: by time, but one event in fifty is up to two hours late. They have the shape of the
//! platform's event streams, plus a member `source` that says which stream a line is from, since here all come in one.
//!
//! Time is cut into slots, and runs begin in a slot until the share of events that its hour deserves is reached; so
//! the total is exact (the last run may be cut short), and memory holds the events of runs on their way, not the
//! output.

mod admin;
mod arrivals;
mod envelope;
mod graph;
mod journeys;
mod line;
mod people;
mod random;
mod risk;
mod run;
mod verify;
mod waves;

use std::io::Write;

use crate::{Error, Result};
use arrivals::{Arrivals, SLOT_MS};
use graph::{Journey, Version};
use journeys::JOURNEYS;
use line::DAY_MS;
use people::Person;
use random::Random;
use risk::Recommendation;
use run::{Run, Start};
use verify::{Fate, Session};
use waves::Waves;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateSpec {
    /// Another seed is another world of users, runs and mishaps.
    pub seed: u64,
    /// How many events, exactly.
    pub events: u64,
    /// How many days they spread over: 1 to 3660.
    pub days: u32,
    /// The first instant, in milliseconds since 1970; not before.
    pub start_ms: i64,
    /// How many journeys: 1 to 1000. Beyond six they repeat under numbered names, each rarer than the last.
    pub journeys: u32,
}

impl Default for GenerateSpec {
    /// The events of the sample that ships with the source, 30 days from 2026-03-01.
    fn default() -> Self {
        Self { seed: 42, events: 20_000, days: 30, start_ms: 1_772_323_200_000, journeys: 6 }
    }
}

/// How much has been generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generated {
    /// Lines, one an event.
    pub events: u64,
    /// Their bytes, line ends included.
    pub bytes: u64,
}

/// Generates events; as an iterator it gives blocks of whole NDJSON lines, none of them empty.
#[derive(Debug)]
pub struct Generator {
    spec: GenerateSpec,
    start_ms: u64,
    waves: Waves,
    journeys: Vec<Offered>,
    people: u64,
    choices: Random,
    arrivals: Arrivals,
    slot: u64,
    runs: u64,
    visits: u64,
}

/// A journey on offer, under the name it has in this world.
#[derive(Debug)]
struct Offered {
    journey: &'static Journey,
    name: String,
    weight: u64,
}

const DAYS_MAX: u32 = 3660;
const JOURNEYS_MAX: u32 = 1000;
/// 9999-01-01: later instants would not be four-digit years.
const START_MS_MAX: i64 = 253_370_764_800_000 - 3660 * 86_400_000;

impl Generator {
    /// Prepares the events of a specification.
    ///
    /// # Errors
    /// `Invalid` when days, start or journeys are out of bounds.
    pub fn try_new(spec: GenerateSpec) -> Result<Self> {
        within("days", i64::from(spec.days), 1, i64::from(DAYS_MAX))?;
        within("journeys", i64::from(spec.journeys), 1, i64::from(JOURNEYS_MAX))?;
        within("a start in milliseconds", spec.start_ms, 0, START_MS_MAX)?;
        let start_ms = spec.start_ms.unsigned_abs();
        let end_ms = start_ms + u64::from(spec.days) * DAY_MS;
        Ok(Self {
            start_ms,
            waves: Waves::new(start_ms, u64::from(spec.days), spec.events),
            journeys: offered(spec.journeys),
            people: (spec.events / 40).max(100),
            choices: Random::new(spec.seed, 0),
            arrivals: Arrivals::new(start_ms, end_ms, spec.events),
            slot: 0,
            runs: 0,
            visits: 0,
            spec,
        })
    }

    /// Writes all events as NDJSON; `progress` hears how far it is after each block.
    ///
    /// # Errors
    /// What the writer says: a full disk, a closed pipe.
    pub fn write_to(
        self,
        out: &mut impl Write,
        mut progress: impl FnMut(Generated),
    ) -> std::io::Result<Generated> {
        let mut generated = Generated::default();
        for block in self {
            out.write_all(&block)?;
            generated.events += block.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
            generated.bytes += block.len() as u64;
            progress(generated);
        }
        Ok(generated)
    }

    /// Begins all that begins in the present slot.
    fn fill(&mut self) {
        let begin_ms = self.start_ms + self.slot * SLOT_MS;
        self.publish(begin_ms);
        while self.arrivals.events < self.waves.events_until(self.slot) {
            let at_ms = begin_ms + self.choices.below(SLOT_MS);
            self.runs += 1;
            self.begin(at_ms);
        }
    }

    /// Begins one thing: a run of a journey, mostly.
    fn begin(&mut self, at_ms: u64) {
        let mut random = Random::new(self.spec.seed, self.runs);
        let kinds = [840, 12, 70, if waves::office_hours(at_ms) { 40 } else { 2 }, 50];
        let kind = random.weighted(kinds.into_iter());
        let number = random.heavy_headed(self.people);
        let mut person = Person::new(self.spec.seed, number);
        person.roam(&mut random);
        match kind {
            0 => self.run(random, person, at_ms),
            1 => self.verification(random, &person, at_ms),
            2 => {
                let action = *random.pick(&["checkout", "account_details_change", "withdraw", "login"]);
                let way = random.weighted([30, 55, 11, 4].into_iter());
                let recommendation = Recommendation::ALL.get(way).copied().unwrap_or(Recommendation::Allow);
                let correlation = random.next();
                let what = (at_ms, action, recommendation);
                risk::recommend((&mut self.arrivals, &mut random), &person, (correlation, true), what);
            }
            3 => {
                self.visits += 1;
                admin::visit(&mut self.arrivals, &mut random, self.spec.seed, self.visits, at_ms);
            }
            _ => {
                let envelope = envelope::Envelope::new("cis", &person, random.next());
                let known = envelope::Known { user: true, run: false };
                envelope.put((&mut self.arrivals, &mut random), "user_logout", at_ms, known, |line| {
                    line.raw("\"cause\":\"user\"");
                    person.surroundings(line);
                });
            }
        }
    }

    fn run(&mut self, mut random: Random, mut person: Person, at_ms: u64) {
        let position = random.weighted(self.journeys.iter().map(|offered| offered.weight));
        let Some(offered) = self.journeys.get(position) else { return };
        if offered.journey.id == "signup" {
            // Who signs up was not there before.
            person = Person::new(self.spec.seed, self.people + self.runs);
        }
        let live = |version: &&Version| at_ms >= self.live_ms(version);
        let Some(version) = offered.journey.versions.iter().rev().find(live) else { return };
        let start = Start { journey: offered.journey, name: &offered.name, version, person, at_ms };
        Run::walk(&mut self.arrivals, random, start);
    }

    fn verification(&mut self, mut random: Random, person: &Person, at_ms: u64) {
        let split = random.split();
        if random.chance(350) {
            return Session::face_authentication(&mut self.arrivals, split, person, at_ms);
        }
        let fate = match random.weighted([62, 9, 5, 5, 5, 14].into_iter()) {
            way @ 0..=2 => Fate::decided(way),
            3 => Fate::Restricted,
            4 => Fate::Error,
            _ => Fate::Quit,
        };
        Session::run(&mut self.arrivals, split, person, random.next(), (at_ms, fate));
    }

    /// Lets administrators put the versions live whose time falls into the slot.
    fn publish(&mut self, begin_ms: u64) {
        for offered in &self.journeys {
            for versions in offered.journey.versions.windows(2) {
                let [before, after] = versions else { continue };
                let live_ms = self.live_ms(after);
                if (begin_ms..begin_ms + SLOT_MS).contains(&live_ms) {
                    let what = (offered.name.as_str(), before.name, after.name);
                    let (out, random) = (&mut self.arrivals, &mut self.choices);
                    admin::publish(out, random, self.spec.seed, live_ms, what);
                }
            }
        }
    }

    /// When a version goes live: at ten in the morning, but the first at once.
    fn live_ms(&self, version: &Version) -> u64 {
        let day = u64::from(self.spec.days) * version.from_percent / 100;
        self.start_ms + day * DAY_MS + if version.from_percent > 0 { 10 * 3_600_000 } else { 0 }
    }
}

impl Iterator for Generator {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.slot < self.waves.slots() {
                self.arrivals.open();
                self.fill();
                self.slot += 1;
            }
            match self.arrivals.take() {
                Some(block) if !block.is_empty() => return Some(block),
                Some(_) => {}
                None => return None,
            }
        }
    }
}

fn within(name: &str, value: i64, low: i64, high: i64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!("expected {name} from {low} to {high}, saw {value}")))
}

/// The journeys in their numbered repetitions.
fn offered(count: u32) -> Vec<Offered> {
    let rounds = (1_u64..).flat_map(|round| JOURNEYS.into_iter().map(move |journey| (round, journey)));
    let offer = |(round, journey): (u64, &'static Journey)| Offered {
        journey,
        name: if round == 1 { journey.id.to_owned() } else { format!("{}_{round}", journey.id) },
        weight: 1000 * journey.weight / (round * round),
    };
    rounds.take(usize::try_from(count).unwrap_or(usize::MAX)).map(offer).collect()
}

#[cfg(test)]
mod tests;
