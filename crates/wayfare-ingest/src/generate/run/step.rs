//! The passage through one step: attempts, until one completes or the journey gives up.

use super::super::graph::{Effect, Failure, Knobs, Step, To};
use super::super::journeys::EXTERNAL_FAILED;
use super::super::verify::{Fate, Session};
use super::call::Called;
use super::{Run, error};

/// Who failed once fails three times as likely again, but no more than this of a thousand.
const FAIL_AGAIN_MAX: u64 = 750;

/// How a run comes out of a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Passage {
    /// Completed, and this is the way on.
    Passed(To),
    /// Every attempt failed, the last one like this.
    GaveUp(Failure),
    /// A call failed that the journey can't do without: the step stays open.
    Broke(Option<Failure>),
    /// The user went away.
    Left,
}

impl Run<'_> {
    pub(super) fn passage(&mut self, step: &'static Step) -> Passage {
        let mut knobs = self.version.knobs(step, self.person.device.client);
        let mut tries = 1;
        loop {
            match self.attempt(step, &knobs) {
                Passage::GaveUp(_) if tries < step.tries => tries += 1,
                passage => return passage,
            }
            // Some give in; the others read the message and try again.
            if self.random.chance(knobs.leave) {
                return Passage::Left;
            }
            self.now_ms += 400 + self.random.around(2_200);
            knobs.fail = (3 * knobs.fail).min(FAIL_AGAIN_MAX.max(knobs.fail));
        }
    }

    fn attempt(&mut self, step: &'static Step, knobs: &Knobs) -> Passage {
        self.step_number += 1;
        self.step_event("step_started", step, |_| {});
        self.sms(step);
        if let Some(called) = self.call_before(step, knobs) {
            return self.called(step, called);
        }
        let way = self.random.weighted(step.next.iter().map(|(weight, _)| *weight));
        if self.random.chance(knobs.leave) {
            if step.effects.contains(&Effect::Verification) {
                self.verification(Fate::Quit);
            }
            return Passage::Left;
        }
        let failure = self.random.chance(knobs.fail).then(|| *self.random.pick(knobs.errors));
        if step.effects.contains(&Effect::Verification) {
            self.verification(match failure {
                None => Fate::decided(way),
                Some(failure) if failure.code == "document_not_supported" => Fate::Restricted,
                Some(_) => Fate::Error,
            });
        }
        self.now_ms += 1 + self.random.around(knobs.pace_ms);
        if let Some(called) = self.call_after(step, knobs) {
            return self.called(step, called);
        }
        if let Some(failure) = failure {
            return self.failed(step, failure);
        }
        self.effects_inside(step, way);
        self.identified |= step.effects.contains(&Effect::Identify);
        self.now_ms += self.random.below(3);
        self.step_event("step_completed", step, |line| {
            line.text("outcome", "success");
        });
        self.effects_after(step);
        Passage::Passed(step.next.get(way).map_or(To::Succeed, |(_, to)| *to))
    }

    fn called(&mut self, step: &'static Step, called: Called) -> Passage {
        match called {
            Called::StepFails => self.failed(step, EXTERNAL_FAILED),
            Called::Breaks => {
                self.now_ms += self.random.between(1, 40);
                Passage::Broke(self.random.chance(400).then_some(EXTERNAL_FAILED))
            }
        }
    }

    fn failed(&mut self, step: &'static Step, failure: Failure) -> Passage {
        self.now_ms += self.random.below(3);
        self.step_event("step_completed", step, |line| {
            line.text("outcome", "failure");
            error(line, failure);
        });
        self.effects_failed(step);
        Passage::GaveUp(failure)
    }

    /// A verification session inside the step; the step goes on when the session is over.
    fn verification(&mut self, fate: Fate) {
        let start_ms = self.now_ms + self.random.between(40, 400);
        let random = self.random.split();
        self.now_ms = Session::run(&mut *self.out, random, &self.person, self.correlation, (start_ms, fate));
    }

    pub(super) fn step_event(
        &mut self,
        activity: &str,
        step: &Step,
        members: impl FnOnce(&mut super::Line<'_>),
    ) {
        let number = self.step_number;
        self.event(activity, |line| {
            line.text("step_id", step.id).text("step_type", step.kind).text("step_category", step.category);
            line.number("step_number", number);
            members(line);
        });
    }
}
