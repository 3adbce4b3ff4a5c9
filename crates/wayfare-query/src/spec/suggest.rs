//! "Did you mean": the nearest name of a closed set.

/// The most edits between a word and the name suggested for it.
const EDITS_MAX: usize = 3;

/// The name nearest to `word`, letter case ignored, if one is near enough for its length.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let edits = |name: &str| strsim::osa_distance(&word, &name.to_lowercase());
    let near = names.into_iter().map(|name| (edits(name), name));
    let allowed = EDITS_MAX.min(word.chars().count().div_ceil(3));
    near.filter(|(edits, _)| *edits <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let names = ["today", "yesterday", "now"];
        assert_eq!(nearest("yesteday", names), Some("yesterday"));
        assert_eq!(nearest("NOW", names), Some("now"));
        assert_eq!(nearest("march", names), None);
    }
}
