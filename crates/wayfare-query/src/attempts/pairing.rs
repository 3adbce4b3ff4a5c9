//! Pairs the starts of steps with their completions and failures.

use std::ops::Range;

use super::{Attempt, End};
use crate::Result;
use crate::timeline::{Kind, tokens};

/// The attempts of one run, paired from its path. Reuse one value for many runs: its buffers stay.
#[derive(Debug, Clone, Default)]
pub struct RunSteps {
    names: String,
    steps: Vec<Step>,
    /// Indexes into `steps`, sorted by name.
    by_name: Vec<usize>,
    paired: Vec<Paired>,
    ends: Vec<Moment>,
    tokens: usize,
    instant: usize,
}

/// A token and the number of its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) token: usize,
    instant: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    name: Range<usize>,
    pub(super) attempts: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
    first_attempt: usize,
    last_attempt: usize,
    /// The open attempt that was started before `instant`.
    earlier: Option<usize>,
    /// The latest open attempt that was started at `instant`; older ones hang below it.
    now: Option<usize>,
    instant: usize,
}

/// An attempt as token numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paired {
    step: usize,
    pub(crate) start: Option<Moment>,
    pub(crate) ended: Option<usize>,
    pub(crate) end: End,
    /// The next older open attempt of the same step and instant.
    below: Option<usize>,
}

impl RunSteps {
    /// Replaces what was read before by the attempts of `path`.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the path is malformed.
    pub fn read(&mut self, path: &str) -> Result<()> {
        self.clear();
        for token in tokens(path) {
            let token = token?;
            self.push(token.kind, &token.name, token.tied);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.names.clear();
        self.steps.clear();
        self.by_name.clear();
        self.paired.clear();
        self.ends.clear();
        self.tokens = 0;
        self.instant = 0;
    }

    /// Takes the next token. A step event without a step id belongs to no step.
    pub(crate) fn push(&mut self, kind: Kind, name: &str, tied: bool) {
        if !tied {
            self.instant += 1;
        }
        let moment = Moment { token: self.tokens, instant: self.instant };
        self.tokens += 1;
        match kind {
            Kind::StepStarted if !name.is_empty() => self.start(name, moment),
            Kind::StepCompleted => self.finish(name, moment, End::Completed),
            Kind::StepFailed => self.finish(name, moment, End::Failed),
            _ => {}
        }
    }

    fn start(&mut self, name: &str, moment: Moment) {
        let index = self.step(name);
        let attempt = self.paired.len();
        let Some(step) = self.steps.get_mut(index) else { return };
        let below = step.now.replace(attempt);
        step.count(attempt);
        self.paired.push(Paired {
            step: index,
            start: Some(moment),
            ended: None,
            end: End::Unfinished,
            below,
        });
    }

    fn finish(&mut self, name: &str, moment: Moment, end: End) {
        self.ends.push(moment);
        if name.is_empty() {
            return;
        }
        let index = self.step(name);
        let attempt = self.paired.len();
        let Some(step) = self.steps.get_mut(index) else { return };
        match end {
            End::Failed => step.failed += 1,
            _ => step.completed += 1,
        }
        let open = step.earlier.take().or(step.now);
        if let Some(paired) = open.and_then(|open| self.paired.get_mut(open)) {
            paired.ended = Some(moment.token);
            paired.end = end;
            if step.now == open {
                step.now = paired.below;
            }
        } else {
            step.count(attempt);
            let ended = Some(moment.token);
            self.paired.push(Paired { step: index, start: None, ended, end, below: None });
        }
    }

    /// The index of the step called `name`, brought to the current instant.
    fn step(&mut self, name: &str) -> usize {
        match self.find(name) {
            Ok(index) => {
                if let Some(step) = self.steps.get_mut(index)
                    && step.instant != self.instant
                {
                    step.earlier = step.now.take().or(step.earlier);
                    step.instant = self.instant;
                }
                index
            }
            Err(place) => {
                let start = self.names.len();
                self.names.push_str(name);
                self.by_name.insert(place, self.steps.len());
                self.steps.push(Step {
                    name: start..self.names.len(),
                    attempts: 0,
                    completed: 0,
                    failed: 0,
                    first_attempt: self.paired.len(),
                    last_attempt: self.paired.len(),
                    earlier: None,
                    now: None,
                    instant: self.instant,
                });
                self.steps.len() - 1
            }
        }
    }

    /// The step called `name`, else its place in `by_name`.
    fn find(&self, name: &str) -> Result<usize, usize> {
        let named = |index: &usize| self.steps.get(*index).map_or("", |step| self.name(step));
        let place = self.by_name.binary_search_by(|index| named(index).cmp(name))?;
        self.by_name.get(place).copied().ok_or(place)
    }

    pub(super) fn name(&self, step: &Step) -> &str {
        self.names.get(step.name.clone()).unwrap_or_default()
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn first_end(&self, step: &Step) -> End {
        self.paired.get(step.first_attempt).map_or(End::Unfinished, |paired| paired.end)
    }

    pub(super) fn last_end(&self, step: &Step) -> End {
        self.paired.get(step.last_attempt).map_or(End::Unfinished, |paired| paired.end)
    }

    /// The step of the run's last attempt.
    pub(super) fn last_attempted(&self) -> Option<usize> {
        self.paired.last().map(|paired| paired.step)
    }

    /// Number of tokens of the path.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The steps of all attempts, in the order they began.
    pub fn attempted(&self) -> impl Iterator<Item = &str> {
        self.paired.iter().map(|paired| self.steps.get(paired.step).map_or("", |step| self.name(step)))
    }

    /// Whether some step was completed or failed without having been started.
    pub fn has_end_without_start(&self) -> bool {
        self.paired.iter().any(|paired| paired.start.is_none())
    }

    /// Number of attempts beyond the first of each step.
    pub fn retries(&self) -> usize {
        self.paired.len() - self.steps.len()
    }

    /// The last attempt of the step called `name`.
    pub(crate) fn last_attempt_of(&self, name: &str) -> Option<&Paired> {
        let step = self.find(name).ok().and_then(|index| self.steps.get(index))?;
        self.paired.get(step.last_attempt)
    }

    /// The last step whose last attempt was started and has not ended.
    pub(crate) fn last_unfinished(&self) -> Option<&str> {
        let steps = self.steps.iter().filter(|step| self.last_end(step) == End::Unfinished);
        steps.max_by_key(|step| step.last_attempt).map(|step| self.name(step))
    }

    /// Hands out every attempt, in the order they began.
    pub fn for_each_attempt<'s>(&'s self, mut each: impl FnMut(Attempt<'s>)) {
        let mut before = 0;
        for paired in &self.paired {
            let waited_from = paired.start.and_then(|start| {
                while self.ends.get(before).is_some_and(|end| end.instant <= start.instant) {
                    before += 1;
                }
                let others = self.ends.get(..before)?.iter().rev();
                others.map(|end| end.token).find(|token| Some(*token) != paired.ended)
            });
            each(Attempt {
                step: self.steps.get(paired.step).map_or("", |step| self.name(step)),
                started: paired.start.map(|start| start.token),
                ended: paired.ended,
                end: paired.end,
                waited_from,
            });
        }
    }
}

impl Step {
    fn count(&mut self, attempt: usize) {
        self.attempts += 1;
        self.last_attempt = attempt;
    }
}
