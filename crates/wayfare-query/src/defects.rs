//! What can be wrong with the events of one run, told by its path alone.

use crate::Result;
use crate::attempts::RunSteps;
use crate::timeline::{Kind, Lexicon, Path};

/// Something wrong with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Defect {
    /// It has no `journey started`.
    NoStart,
    /// Something happened before its `journey started`.
    BeforeStart,
    /// Something happened after its end.
    AfterEnd,
    /// It has more than one end of its own.
    SecondEnd,
    /// A step was completed or failed without having been started.
    StepWithoutStart,
    /// It has no end, and the last that happened is the end of a sub-journey, which may have been the journey's own.
    StopsAtSubJourney,
}

impl Defect {
    /// Every defect, in the order of their bits.
    pub(crate) const ALL: [Self; 6] = [
        Self::NoStart,
        Self::BeforeStart,
        Self::AfterEnd,
        Self::SecondEnd,
        Self::StepWithoutStart,
        Self::StopsAtSubJourney,
    ];

    /// The bit that stands for it.
    pub(crate) const fn bit(self) -> i64 {
        1 << self as u32
    }

    /// The bits of all defects of a path, whose attempts are read into `steps`.
    ///
    /// # Errors
    /// `Corrupt` when the path is malformed.
    pub(crate) fn bits_of(path: Path<'_>, lexicon: &Lexicon, steps: &mut RunSteps) -> Result<i64> {
        steps.read(path, lexicon)?;
        let (mut bits, mut tokens_seen) = (0, 0_usize);
        let (mut started, mut ended, mut last) = (false, false, None);
        let mut set = |defect: Self| bits |= defect.bit();
        for token in lexicon.token_texts(path)? {
            let (text, _) = token?;
            let Some(kind) = text.chars().next().and_then(Kind::from_char) else { continue };
            if ended {
                set(Self::AfterEnd);
            }
            match kind {
                Kind::JourneyStarted if !started => {
                    started = true;
                    if tokens_seen > 0 {
                        set(Self::BeforeStart);
                    }
                }
                Kind::JourneySucceeded | Kind::JourneyFailed if ended => set(Self::SecondEnd),
                Kind::JourneySucceeded | Kind::JourneyFailed => ended = true,
                _ => {}
            }
            tokens_seen += 1;
            last = Some(kind);
        }
        if !started {
            set(Self::NoStart);
        }
        if !ended && matches!(last, Some(Kind::SubJourneySucceeded | Kind::SubJourneyFailed)) {
            set(Self::StopsAtSubJourney);
        }
        if steps.has_end_without_start() {
            set(Self::StepWithoutStart);
        }
        Ok(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defects(path: &str) -> Vec<Defect> {
        let mut lexicon = Lexicon::default();
        let codes = lexicon.coded(path);
        let bits = Defect::bits_of(codes.path(), &lexicon, &mut RunSteps::default()).unwrap();
        Defect::ALL.into_iter().filter(|defect| bits & defect.bit() != 0).collect()
    }

    #[test]
    fn each_defect_is_seen_and_nothing_else() {
        assert_eq!(defects("^;>a;+a;(s;)s;$"), []);
        assert_eq!(defects(">a;+a;$"), [Defect::NoStart]);
        assert_eq!(defects(">a;^;+a;$"), [Defect::BeforeStart]);
        assert_eq!(defects("^;$;*x"), [Defect::AfterEnd]);
        assert_eq!(defects("^;$;!"), [Defect::AfterEnd, Defect::SecondEnd]);
        assert_eq!(defects("^;+a;$"), [Defect::StepWithoutStart]);
        assert_eq!(defects("^;(s;>a;+a;)s"), [Defect::StopsAtSubJourney]);
        assert_eq!(defects("^;(s;>a;+a"), []);
    }
}
