//! Pairs the starts of steps with their completions and failures, event by event, and takes events back.

use super::End;
use crate::names::NameNumber;

/// What an event does to attempts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    None,
    Start(NameNumber),
    /// The end of an attempt; that of no step is known only as an end.
    Finish(Option<NameNumber>, End),
    /// The journey starts.
    Begin,
    /// The journey ends.
    End,
}

/// A token and the number of its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) token: usize,
    pub(super) instant: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: NameNumber,
    pub(super) attempts: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
    pub(super) first_attempt: usize,
    pub(super) last_attempt: usize,
    /// The open attempt that was started before `instant`.
    earlier: Option<usize>,
    /// The latest open attempt that was started at `instant`; older ones hang below it.
    now: Option<usize>,
    instant: usize,
}

/// An attempt as token numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paired {
    pub(super) step: usize,
    pub(crate) start: Option<Moment>,
    pub(crate) ended: Option<usize>,
    pub(crate) end: End,
    /// The next older open attempt of the same step and instant.
    below: Option<usize>,
}

/// The attempts of a run up to some event.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs {
    /// For each number of a name the run's step of it; one that is not this name's is none.
    by_name: Vec<usize>,
    pub(super) steps: Vec<Step>,
    pub(super) paired: Vec<Paired>,
    pub(super) ends: Vec<Moment>,
    pub(super) at: Place,
}

/// Where a run stands after some of its events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) tokens: usize,
    instant: usize,
    /// The tokens with which the journey starts and ends.
    pub(super) begun: Option<usize>,
    pub(super) over: Option<usize>,
}

/// How much there was after some events of a run; what came later can be taken back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    at: Place,
    steps: usize,
    pub(super) paired: usize,
    ends: usize,
    changes: usize,
}

/// What an event changed of what was there before.
#[derive(Debug, Clone)]
pub(super) struct Change {
    index: usize,
    step: Step,
    /// The attempt that it closed.
    closed: Option<usize>,
}

impl Pairs {
    /// Begins a run.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.paired.clear();
        self.ends.clear();
        self.at = Place::default();
    }

    /// What there is now, after so many changes.
    pub(super) fn mark(&self, changes: usize) -> Mark {
        let Self { at, steps, paired, ends, .. } = self;
        Mark { at: *at, steps: steps.len(), paired: paired.len(), ends: ends.len(), changes }
    }

    /// Takes back what came after a mark.
    pub(super) fn back_to(&mut self, mark: &Mark, changes: &mut Vec<Change>) {
        while changes.len() > mark.changes {
            let Some(Change { index, step, closed }) = changes.pop() else { break };
            if let Some(of_index) = self.steps.get_mut(index) {
                *of_index = step;
            }
            if let Some(reopened) = closed.and_then(|closed| self.paired.get_mut(closed)) {
                (reopened.ended, reopened.end) = (None, End::Unfinished);
            }
        }
        self.steps.truncate(mark.steps);
        self.paired.truncate(mark.paired);
        self.ends.truncate(mark.ends);
        self.at = mark.at;
    }

    /// Takes the next event; `note` is told of a step that was there before it.
    pub(super) fn take(&mut self, does: Move, tied: bool, note: impl FnOnce(Change)) {
        let at = &mut self.at;
        at.instant += usize::from(!tied);
        let moment = Moment { token: at.tokens, instant: at.instant };
        at.tokens += 1;
        match does {
            Move::None => {}
            Move::Start(name) => self.start(name, moment, note),
            Move::Finish(name, end) => self.finish(name, moment, end, note),
            Move::Begin => at.begun = at.begun.or(Some(moment.token)),
            Move::End => at.over = at.over.or(Some(moment.token)),
        }
    }

    fn start(&mut self, name: NameNumber, moment: Moment, note: impl FnOnce(Change)) {
        let (index, before) = self.step(name);
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
        if let Some(step) = before {
            note(Change { index, step, closed: None });
        }
    }

    fn finish(&mut self, name: Option<NameNumber>, moment: Moment, end: End, note: impl FnOnce(Change)) {
        self.ends.push(moment);
        let Some(name) = name else { return };
        let (index, before) = self.step(name);
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
        if let Some(step) = before {
            note(Change { index, step, closed: open });
        }
    }

    /// The index of the step of a name, brought to the current instant, and the step as it was if it was there.
    fn step(&mut self, name: NameNumber) -> (usize, Option<Step>) {
        let instant = self.at.instant;
        if let Some(index) = self.find(name) {
            let Some(step) = self.steps.get_mut(index) else { return (index, None) };
            let before = step.clone();
            if step.instant != instant {
                step.earlier = step.now.take().or(step.earlier);
                step.instant = instant;
            }
            return (index, Some(before));
        }
        let index = self.steps.len();
        let place = name as usize;
        if self.by_name.len() <= place {
            self.by_name.resize(place + 1, usize::MAX);
        }
        if let Some(of_name) = self.by_name.get_mut(place) {
            *of_name = index;
        }
        self.steps.push(Step {
            name,
            attempts: 0,
            completed: 0,
            failed: 0,
            first_attempt: self.paired.len(),
            last_attempt: self.paired.len(),
            earlier: None,
            now: None,
            instant,
        });
        (index, None)
    }

    /// The step of a name. What is left of an earlier run points to a step of another name.
    pub(super) fn find(&self, name: NameNumber) -> Option<usize> {
        let &index = self.by_name.get(name as usize)?;
        self.steps.get(index).filter(|step| step.name == name)?;
        Some(index)
    }
}

impl Step {
    fn count(&mut self, attempt: usize) {
        self.attempts += 1;
        self.last_attempt = attempt;
    }
}
