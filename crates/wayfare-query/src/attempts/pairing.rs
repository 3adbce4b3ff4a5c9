//! Pairs the starts of steps with their completions and failures.

use super::{Attempt, End};
use crate::Result;
use crate::names::{NameNumber, Names};
use crate::timeline::{Kind, Lexicon, OfTokens, Path, Successive, token};

/// Step ids that are kept from run to run. They repeat in all runs of a journey.
const KEPT_MAX: usize = 16_384;

/// The attempts of one run, paired from its path. Reuse one value for many runs: its buffers stay, and so does what
/// texts mean.
#[derive(Debug, Clone, Default)]
pub struct RunSteps {
    names: Names,
    epoch: u32,
    /// What tokens that came before do.
    known: OfTokens<Move>,
    followed: Successive<()>,
    /// What the tokens of the path that was read last do, and whether each is tied to the one before.
    moves: Vec<(Move, bool)>,
    /// For each number of a name the run's step of it; one that is not this name's is none.
    by_name: Vec<usize>,
    steps: Vec<Step>,
    paired: Vec<Paired>,
    ends: Vec<Moment>,
    begun: Option<usize>,
    over: Option<usize>,
    tokens: usize,
    instant: usize,
}

/// What a token does to attempts.
#[derive(Debug, Clone, Copy)]
enum Move {
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
    instant: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: NameNumber,
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
    pub fn read(&mut self, path: Path<'_>, lexicon: &Lexicon) -> Result<()> {
        self.clear();
        let Self { names, known, followed, moves, .. } = self;
        followed.follow(path, lexicon, |(), index, number, tied| {
            let does = known.get(lexicon, number, |text| {
                let token = token(text, false).map_err(|error| error.with("token", index))?;
                Ok(moved(token.kind, &token.name, names))
            })?;
            moves.truncate(index);
            moves.push((does, tied));
            Ok(())
        })?;
        moves.truncate(followed.len());
        let moves = std::mem::take(&mut self.moves);
        for &(does, tied) in &moves {
            self.take(does, tied);
        }
        self.moves = moves;
        Ok(())
    }

    /// Begins a run.
    pub(crate) fn clear(&mut self) {
        if self.names.len() > KEPT_MAX {
            self.names.clear();
            self.epoch = self.epoch.wrapping_add(1);
            self.known.clear();
            self.followed.clear();
            self.by_name.clear();
        }
        self.steps.clear();
        self.paired.clear();
        self.ends.clear();
        self.begun = None;
        self.over = None;
        self.tokens = 0;
        self.instant = 0;
    }

    /// Takes the next event of a run.
    pub(crate) fn push(&mut self, kind: Kind, name: &str, tied: bool) {
        let does = moved(kind, name, &mut self.names);
        self.take(does, tied);
    }

    fn take(&mut self, does: Move, tied: bool) {
        if !tied {
            self.instant += 1;
        }
        let moment = Moment { token: self.tokens, instant: self.instant };
        self.tokens += 1;
        match does {
            Move::None => {}
            Move::Start(name) => self.start(name, moment),
            Move::Finish(name, end) => self.finish(name, moment, end),
            Move::Begin => self.begun = self.begun.or(Some(moment.token)),
            Move::End => self.over = self.over.or(Some(moment.token)),
        }
    }

    fn start(&mut self, name: NameNumber, moment: Moment) {
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

    fn finish(&mut self, name: Option<NameNumber>, moment: Moment, end: End) {
        self.ends.push(moment);
        let Some(name) = name else { return };
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

    /// The index of the step of a name, brought to the current instant.
    fn step(&mut self, name: NameNumber) -> usize {
        if let Some(index) = self.find(name) {
            if let Some(step) = self.steps.get_mut(index)
                && step.instant != self.instant
            {
                step.earlier = step.now.take().or(step.earlier);
                step.instant = self.instant;
            }
            return index;
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
            instant: self.instant,
        });
        index
    }

    /// The step of a name. What is left of an earlier run points to a step of another name.
    fn find(&self, name: NameNumber) -> Option<usize> {
        let &index = self.by_name.get(name as usize)?;
        self.steps.get(index).filter(|step| step.name == name)?;
        Some(index)
    }

    pub(super) fn name(&self, step: &Step) -> &str {
        self.names.text(step.name)
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

    /// Names get other numbers when this changes.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The token with which the journey starts, else the first, and the one with which it ends.
    pub fn bounds(&self) -> (usize, Option<usize>) {
        (self.begun.unwrap_or_default(), self.over)
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
        let step = self.names.get(name).and_then(|name| self.steps.get(self.find(name)?))?;
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
            let name = self.steps.get(paired.step).map_or(NameNumber::MAX, |step| step.name);
            each(Attempt {
                place: paired.step,
                step: self.names.text(name),
                name,
                started: paired.start.map(|start| start.token),
                ended: paired.ended,
                end: paired.end,
                waited_from,
            });
        }
    }
}

/// What an event does. A step event without a step id belongs to no step.
fn moved(kind: Kind, name: &str, names: &mut Names) -> Move {
    let mut number = || (!name.is_empty()).then(|| names.number(name));
    match kind {
        Kind::StepStarted => number().map_or(Move::None, Move::Start),
        Kind::StepCompleted => Move::Finish(number(), End::Completed),
        Kind::StepFailed => Move::Finish(number(), End::Failed),
        Kind::JourneyStarted => Move::Begin,
        Kind::JourneySucceeded | Kind::JourneyFailed => Move::End,
        _ => Move::None,
    }
}

impl Step {
    fn count(&mut self, attempt: usize) {
        self.attempts += 1;
        self.last_attempt = attempt;
    }
}
