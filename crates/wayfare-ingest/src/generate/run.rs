//! One run of a journey: a walk through its graph, an event at each thing that happens.
//!
//! The order of a run's events is total but for what happens at one instant on purpose: a first step starts with its
//! journey, a call ends with its step, a journey ends with its last step.

mod call;
mod effects;
mod step;

use super::arrivals::Arrivals;
use super::envelope::{Envelope, Known};
use super::graph::{Failure, Journey, To, Version};
use super::line::Line;
use super::people::Person;
use super::random::Random;
use step::Passage;

/// No run walks further than this.
const STEPS_MAX: u32 = 60;

/// What a run begins with.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) journey: &'static Journey,
    /// The journey's id as the events spell it.
    pub(super) name: &'a str,
    pub(super) version: &'static Version,
    pub(super) person: Person,
    pub(super) at_ms: u64,
}

/// A run on its way.
#[derive(Debug)]
pub(super) struct Run<'a> {
    out: &'a mut Arrivals,
    random: Random,
    envelope: Envelope,
    person: Person,
    journey: &'static Journey,
    version: &'static Version,
    /// The members that say which journey, and in which version.
    scope: Vec<u8>,
    correlation: u64,
    now_ms: u64,
    step_number: u64,
    identified: bool,
}

/// How a journey or a sub-journey ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Succeeded,
    Failed {
        step: &'static str,
        failure: Option<Failure>,
    },
    Rejected {
        step: &'static str,
    },
    /// The user went away.
    Left,
}

impl<'a> Run<'a> {
    /// Walks a run from its start to its end.
    pub(super) fn walk(out: &'a mut Arrivals, mut random: Random, start: Start<'_>) {
        let correlation = random.next();
        let mut envelope = Envelope::new("cis", &start.person, correlation);
        let flow = start.journey.flow.map(|name| (name, random.between(10_000, 9_999_999)));
        envelope.set_run(random.next(), random.next(), flow);
        let mut run = Run {
            out,
            random,
            envelope,
            person: start.person,
            journey: start.journey,
            version: start.version,
            scope: scope(start.name, start.version),
            correlation,
            now_ms: start.at_ms,
            step_number: 0,
            identified: start.journey.identified,
        };
        run.event("journey_started", |_| {});
        let end = run.graph(start.journey);
        run.ended(end);
    }

    /// Walks through the steps of a journey or sub-journey.
    fn graph(&mut self, journey: &'static Journey) -> End {
        let [first, ..] = journey.steps else { return End::Succeeded };
        let mut step = first;
        for position in 0..STEPS_MAX {
            self.now_ms += if position == 0 { self.random.below(3) } else { self.random.between(1, 6) };
            let (way, failure) = match self.passage(step) {
                Passage::Passed(way) => (way, None),
                Passage::GaveUp(failure) => (step.give_up, Some(failure)),
                Passage::Broke(failure) => return End::Failed { step: step.id, failure },
                Passage::Left => return End::Left,
            };
            let next = match way {
                To::Step(id) => id,
                To::Succeed => return End::Succeeded,
                To::Fail => return End::Failed { step: step.id, failure },
                To::Reject => return End::Rejected { step: step.id },
                To::Sub(journey, after_success, after_failure) => match self.sub_journey(journey) {
                    End::Succeeded => after_success,
                    End::Failed { .. } | End::Rejected { .. } => after_failure,
                    End::Left => return End::Left,
                },
            };
            match journey.step(next) {
                Some(found) => step = found,
                None => return End::Left,
            }
        }
        End::Left
    }

    /// Runs a sub-journey inside: it has the run's id, a journey id of its own, and the same ends as a journey.
    fn sub_journey(&mut self, journey: &'static Journey) -> End {
        let [version, ..] = journey.versions else { return End::Succeeded };
        let outer = (self.journey, self.version);
        let outer_scope = std::mem::replace(&mut self.scope, scope(journey.id, version));
        (self.journey, self.version) = (journey, version);
        self.now_ms += self.random.between(1, 5);
        self.event("sub_journey_started", |_| {});
        let end = self.graph(journey);
        self.ended(end);
        (self.journey, self.version) = outer;
        self.scope = outer_scope;
        end
    }

    fn ended(&mut self, end: End) {
        self.now_ms += self.random.below(4);
        match end {
            End::Succeeded => self.event("journey_completed_successfully", |line| {
                line.text("outcome", "success");
            }),
            // A decision has a place and no error.
            End::Rejected { step } => self.event("journey_completed_unsuccessfully", |line| {
                line.text("step_id", step).text("outcome", "failure");
            }),
            End::Failed { step, failure } => {
                // How much the last event says differs, as it does in real logs: step and error, error, nothing.
                let detail = self.random.below(100);
                self.event("journey_completed_unsuccessfully", |line| {
                    if detail < 50 {
                        line.text("step_id", step);
                    }
                    line.text("outcome", "failure");
                    if let Some(failure) = failure.filter(|_| detail < 80) {
                        error(line, failure);
                    }
                });
            }
            End::Left => {}
        }
    }

    /// Puts in an event of the journey, now; `members` writes what the event adds to journey and surroundings.
    fn event(&mut self, activity: &str, members: impl FnOnce(&mut Line<'_>)) {
        let known = Known { user: self.identified, run: true };
        self.envelope.put((&mut *self.out, &mut self.random), activity, self.now_ms, known, |line| {
            line.0.extend_from_slice(&self.scope);
            members(line);
            self.person.surroundings(line);
        });
    }
}

fn scope(journey: &str, version: &Version) -> Vec<u8> {
    let mut scope = Vec::with_capacity(64);
    Line(&mut scope).raw("\"journey_id\":\"").raw(journey).raw("\"").text("journey_version", version.name);
    scope
}

fn error(line: &mut Line<'_>, failure: Failure) {
    line.raw(",\"error\":{\"code\":\"").raw(failure.code).raw("\"");
    line.text("message", failure.message).text("category", failure.category).raw("}");
}
