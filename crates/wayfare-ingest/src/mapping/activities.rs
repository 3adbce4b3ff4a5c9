//! What the activities of a mapped log mean in the run of a journey.

/// The meanings that a mapping can give, by their names in the TOML text.
pub(super) const MEANINGS: [(&str, Meaning); 9] = [
    ("journey_started", Meaning::plain("journey_started")),
    ("journey_completed_successfully", Meaning::plain("journey_completed_successfully")),
    ("journey_completed_unsuccessfully", Meaning::plain("journey_completed_unsuccessfully")),
    ("step_started", Meaning::plain("step_started")),
    ("step_completed", Meaning::plain("step_completed")),
    ("step_failed", Meaning { key: "step_completed", fails: true }),
    ("custom_event", Meaning::plain("custom_event")),
    ("external_connection_call", Meaning::plain("external_connection_call")),
    ("sub_journey_started", Meaning::plain("sub_journey_started")),
];

/// The canonical activity, and whether it is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) key: &'static str,
    pub(super) fails: bool,
}

impl Meaning {
    const fn plain(key: &'static str) -> Self {
        Self { key, fails: false }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
    }
}

/// What becomes of an activity that no pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    Means(Meaning),
    /// It stays as it came, an unknown activity.
    Keep,
    /// It is looked up among the platform's own.
    Catalogue,
}

/// Patterns over activity values; the most specific one that matches wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Activities {
    patterns: Vec<(String, Meaning)>,
    pub(super) other: Other,
}

impl Activities {
    pub(super) fn new(mut patterns: Vec<(String, Meaning)>, other: Other) -> Self {
        // The most literal characters first; of equals the one without a wildcard; then by the alphabet.
        patterns.sort_by_cached_key(|(pattern, _)| {
            let literal = pattern.chars().filter(|letter| *letter != '*').count();
            (std::cmp::Reverse(literal), pattern.contains('*'), pattern.clone())
        });
        Self { patterns, other }
    }

    pub(super) fn find(&self, activity: &str) -> Option<Meaning> {
        self.patterns.iter().find(|(pattern, _)| matches(pattern, activity)).map(|(_, meaning)| *meaning)
    }

    pub(super) fn parts(&self, part: &mut impl FnMut(&str)) {
        let meaning = |Meaning { key, fails }: Meaning, part: &mut dyn FnMut(&str)| {
            part(key);
            part(if fails { "fails" } else { "" });
        };
        for (pattern, means) in &self.patterns {
            part(pattern);
            meaning(*means, part);
        }
        match self.other {
            Other::Means(means) => meaning(means, part),
            Other::Keep => part("keep"),
            Other::Catalogue => part("catalogue"),
        }
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(head) else {
        return false;
    };
    // Taking each middle part at its first place leaves the most for those after it.
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_most_specific_pattern_wins() {
        let meaning = |name| Meaning::find(name).unwrap();
        let activities = Activities::new(
            vec![
                ("*".into(), meaning("custom_event")),
                ("* REJECTED by *".into(), meaning("step_failed")),
                ("Declaration REJECTED by MISSING".into(), meaning("journey_completed_unsuccessfully")),
            ],
            Other::Keep,
        );
        assert_eq!(activities.find("Permit REJECTED by BUDGET OWNER"), Some(meaning("step_failed")));
        let exact = activities.find("Declaration REJECTED by MISSING");
        assert_eq!(exact, Some(meaning("journey_completed_unsuccessfully")));
        assert_eq!(activities.find("Start trip"), Some(meaning("custom_event")));
    }

    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
            Some((letter, rest)) => text.first() == Some(letter) && slow(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_written_out(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), slow(&letters(&pattern), &letters(&text)));
        }
    }
}
