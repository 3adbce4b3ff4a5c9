//! Finds the known name that an unknown one was probably meant to be.

/// The name among `known` that is nearest to `name`, if one is near at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    let mut best: Option<(&str, usize)> = None;
    for candidate in known {
        let distance = strsim::osa_distance(&folded, &fold(candidate));
        let begins = folded.len() >= 4 && fold(candidate).starts_with(&folded);
        let near = begins || distance <= 1 + folded.chars().count() / 4;
        if near && best.is_none_or(|(_, least)| distance < least) {
            best = Some((candidate, distance));
        }
    }
    best.map(|(candidate, _)| candidate)
}

fn fold(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known = ["timestamp", "activity", "step_id"];
        assert_eq!(nearest("time_stamp", known), Some("timestamp"));
        assert_eq!(nearest("StepID", known), Some("step_id"));
        assert_eq!(nearest("activty", known), Some("activity"));
        assert_eq!(nearest("time", known), Some("timestamp"));
        assert_eq!(nearest("country", known), None);
    }
}
