//! The attempts of one run after the other.

use super::pairs::{Change, Mark, Move, Paired, Pairs, Step};
use super::{Attempt, End};
use crate::Result;
use crate::names::{NameNumber, Names};
use crate::timeline::{Kind, Lexicon, OfTokens, Path, Successive, token};

/// Step ids that are kept from run to run. They repeat in all runs of a journey.
const KEPT_MAX: usize = 16_384;

/// The attempts of one run, paired from its path. Reuse one value for many runs: its buffers stay, so does what
/// texts mean, and so do the attempts of what a path shares with the one before.
#[derive(Debug, Clone, Default)]
pub struct RunSteps {
    names: Names,
    epoch: u32,
    /// What tokens that came before do.
    known: OfTokens<Move>,
    followed: Successive<Mark>,
    pairs: Pairs,
    /// What the tokens of the path at hand changed, for when they are taken back.
    changes: Vec<Change>,
    shared: usize,
}

impl RunSteps {
    /// Replaces what was read before by the attempts of `path`.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the path is malformed.
    pub fn read(&mut self, path: Path<'_>, lexicon: &Lexicon) -> Result<()> {
        self.bound_names();
        let Self { names, known, followed, pairs, changes, .. } = self;
        let turned = followed.turn_to(path);
        pairs.back_to(&turned.shared, changes);
        self.shared = turned.shared.paired;
        turned.go_on(lexicon, |_, index, number, tied| {
            let does = known.get(lexicon, number, |text| {
                let token = token(text, false).map_err(|error| error.with("token", index))?;
                Ok(moved(token.kind, &token.name, names))
            })?;
            pairs.take(does, tied, |change| changes.push(change));
            Ok(pairs.mark(changes.len()))
        })?;
        Ok(())
    }

    /// Begins a run that is not read as a path.
    pub(crate) fn clear(&mut self) {
        self.bound_names();
        self.followed.clear();
        self.pairs.clear();
        self.changes.clear();
    }

    /// Forgets names when there are too many, and the run at hand with them.
    fn bound_names(&mut self) {
        if self.names.len() > KEPT_MAX {
            *self = Self { epoch: self.epoch.wrapping_add(1), ..Self::default() };
        }
    }

    /// Takes the next event of a run.
    pub(crate) fn push(&mut self, kind: Kind, name: &str, tied: bool) {
        let does = moved(kind, name, &mut self.names);
        self.pairs.take(does, tied, |_unwanted| {});
    }

    pub(super) fn name(&self, step: &Step) -> &str {
        self.names.text(step.name)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.pairs.steps
    }

    pub(super) fn first_end(&self, step: &Step) -> End {
        self.pairs.paired.get(step.first_attempt).map_or(End::Unfinished, |paired| paired.end)
    }

    pub(super) fn last_end(&self, step: &Step) -> End {
        self.pairs.paired.get(step.last_attempt).map_or(End::Unfinished, |paired| paired.end)
    }

    /// The step of the run's last attempt.
    pub(super) fn last_attempted(&self) -> Option<usize> {
        self.pairs.paired.last().map(|paired| paired.step)
    }

    /// Names get other numbers when this changes.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The token with which the journey starts, else the first, and the one with which it ends.
    pub fn bounds(&self) -> (usize, Option<usize>) {
        (self.pairs.at.begun.unwrap_or_default(), self.pairs.at.over)
    }

    /// Number of tokens of the path.
    pub fn tokens(&self) -> usize {
        self.pairs.at.tokens
    }

    /// How many of the first attempts began as those of the path that was read before.
    pub(crate) fn shared(&self) -> usize {
        self.shared
    }

    /// The attempts from one on, in the order they began: the token with which one begins, the number of its step, as of
    /// [`Attempt::name`], and its step.
    pub(crate) fn begun_from(&self, first: usize) -> impl Iterator<Item = (Option<usize>, NameNumber, &str)> {
        self.pairs.paired.get(first..).unwrap_or_default().iter().map(|paired| {
            let name = self.pairs.steps.get(paired.step).map_or(NameNumber::MAX, |step| step.name);
            let began = paired.start.map(|start| start.token).or(paired.ended);
            (began, name, self.names.text(name))
        })
    }

    /// The steps of all attempts, in the order they began.
    pub fn attempted(&self) -> impl Iterator<Item = &str> {
        self.begun_from(0).map(|(_, _, step)| step)
    }

    /// Whether some step was completed or failed without having been started.
    pub fn has_end_without_start(&self) -> bool {
        self.pairs.paired.iter().any(|paired| paired.start.is_none())
    }

    /// Number of attempts beyond the first of each step.
    pub fn retries(&self) -> usize {
        self.pairs.paired.len() - self.pairs.steps.len()
    }

    /// The last attempt of the step called `name`.
    pub(crate) fn last_attempt_of(&self, name: &str) -> Option<&Paired> {
        let step = self.names.get(name).and_then(|name| self.pairs.steps.get(self.pairs.find(name)?))?;
        self.pairs.paired.get(step.last_attempt)
    }

    /// The last step whose last attempt was started and has not ended.
    pub(crate) fn last_unfinished(&self) -> Option<&str> {
        let steps = self.pairs.steps.iter().filter(|step| self.last_end(step) == End::Unfinished);
        steps.max_by_key(|step| step.last_attempt).map(|step| self.name(step))
    }

    /// Hands out every attempt, in the order they began.
    pub fn for_each_attempt<'s>(&'s self, mut each: impl FnMut(Attempt<'s>)) {
        let mut before = 0;
        for paired in &self.pairs.paired {
            let waited_from = paired.start.and_then(|start| {
                while self.pairs.ends.get(before).is_some_and(|end| end.instant <= start.instant) {
                    before += 1;
                }
                let others = self.pairs.ends.get(..before)?.iter().rev();
                others.map(|end| end.token).find(|token| Some(*token) != paired.ended)
            });
            let name = self.pairs.steps.get(paired.step).map_or(NameNumber::MAX, |step| step.name);
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
