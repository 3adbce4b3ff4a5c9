//! The kinds of events in a timeline and their characters.

/// What an event means in a run. The order of the variants is the order of events at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `^` The journey began.
    JourneyStarted,
    /// `(` A sub-journey began; the name is its journey id.
    SubJourneyStarted,
    /// `>` A step began.
    StepStarted,
    /// `@` A call to an external connection that worked; the name is the connection id.
    CallSucceeded,
    /// `x` A call to an external connection that failed; the detail is the error code, else the HTTP status.
    CallFailed,
    /// `*` A custom event; the name is the step id, else the activity.
    Custom,
    /// `~` Any other event of the run; the name is the activity.
    Other,
    /// `+` A step ended without failure; the detail is an outcome other than success.
    StepCompleted,
    /// `-` A step ended in failure; the detail is the error code.
    StepFailed,
    /// `)` The innermost sub-journey ended well; the name is a step id or empty.
    SubJourneySucceeded,
    /// `}` The innermost sub-journey ended badly; the detail is the error code.
    SubJourneyFailed,
    /// `$` The journey ended well; the name is a step id or empty.
    JourneySucceeded,
    /// `!` The journey ended badly; the detail is the error code.
    JourneyFailed,
}

impl Kind {
    /// Every kind, in the order of events at one instant.
    pub const ALL: [Self; 13] = [
        Self::JourneyStarted,
        Self::SubJourneyStarted,
        Self::StepStarted,
        Self::CallSucceeded,
        Self::CallFailed,
        Self::Custom,
        Self::Other,
        Self::StepCompleted,
        Self::StepFailed,
        Self::SubJourneySucceeded,
        Self::SubJourneyFailed,
        Self::JourneySucceeded,
        Self::JourneyFailed,
    ];

    /// The character that opens a token of this kind.
    pub const fn as_char(self) -> char {
        match self {
            Self::JourneyStarted => '^',
            Self::SubJourneyStarted => '(',
            Self::StepStarted => '>',
            Self::CallSucceeded => '@',
            Self::CallFailed => 'x',
            Self::Custom => '*',
            Self::Other => '~',
            Self::StepCompleted => '+',
            Self::StepFailed => '-',
            Self::SubJourneySucceeded => ')',
            Self::SubJourneyFailed => '}',
            Self::JourneySucceeded => '$',
            Self::JourneyFailed => '!',
        }
    }

    /// The kind that `character` stands for.
    pub const fn from_char(character: char) -> Option<Self> {
        Some(match character {
            '^' => Self::JourneyStarted,
            '(' => Self::SubJourneyStarted,
            '>' => Self::StepStarted,
            '@' => Self::CallSucceeded,
            'x' => Self::CallFailed,
            '*' => Self::Custom,
            '~' => Self::Other,
            '+' => Self::StepCompleted,
            '-' => Self::StepFailed,
            ')' => Self::SubJourneySucceeded,
            '}' => Self::SubJourneyFailed,
            '$' => Self::JourneySucceeded,
            '!' => Self::JourneyFailed,
            _ => return None,
        })
    }

    /// Whether the event ends a step, well or badly.
    pub const fn ends_step(self) -> bool {
        matches!(self, Self::StepCompleted | Self::StepFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_and_kinds_are_one_to_one_and_in_order() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_char(kind.as_char()), Some(kind));
        }
        assert!(Kind::ALL.is_sorted());
        assert_eq!(Kind::from_char('?'), None);
    }
}
