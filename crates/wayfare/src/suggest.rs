//! "Did you mean": the nearest known word.

/// Gives the candidate that `word` was probably meant to be, if one is near enough.
///
/// Letter case and the choice between `-` and `_` cost nothing; otherwise one slip for every three letters is
/// forgiven. Of equally near candidates the first wins.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let slips_max = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_forgiven() {
        let keys = ["format", "from", "max-rejects"];
        assert_eq!(nearest("formt", keys), Some("format"));
        assert_eq!(nearest("Max_Rejects", keys), Some("max-rejects"));
        assert_eq!(nearest("max-reject", keys), Some("max-rejects"));
    }

    #[test]
    fn a_far_word_suggests_nothing() {
        assert_eq!(nearest("colour", ["format", "store"]), None);
    }
}
