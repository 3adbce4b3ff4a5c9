//! Short bounds of long texts, for statistics.

/// A text at one end of a range, cut so that no text of the range lies beyond it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) bytes: Vec<u8>,
    /// Whether it is the text itself.
    pub(super) is_exact: bool,
}

impl Bound {
    /// A text that is not above `text`, of at most `bytes_max` bytes.
    pub(super) fn lower(text: &[u8], bytes_max: Option<usize>) -> Self {
        Self::cut(text, bytes_max, |start| Some(start.as_bytes().to_vec()))
    }

    /// A text that is not below `text`, of at most `bytes_max` bytes; the text itself when there is none so short.
    pub(super) fn upper(text: &[u8], bytes_max: Option<usize>) -> Self {
        Self::cut(text, bytes_max, next)
    }

    fn cut(text: &[u8], bytes_max: Option<usize>, bound: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let start = bytes_max.filter(|max| text.len() > *max).and_then(|max| {
            let text = std::str::from_utf8(text).ok()?;
            (1..=max).rev().find_map(|end| text.get(..end))
        });
        match start.and_then(bound) {
            Some(bytes) => Self { bytes, is_exact: false },
            None => Self { bytes: text.to_vec(), is_exact: true },
        }
    }
}

/// The first text of the same length or shorter behind all that begin with `start`.
fn next(start: &str) -> Option<Vec<u8>> {
    start.char_indices().rev().find_map(|(at, last)| {
        // behind the surrogates there is no next number, and one more byte would make the text longer
        let next = char::from_u32(u32::from(last) + 1).filter(|next| next.len_utf8() == last.len_utf8())?;
        let before = start.get(..at)?;
        Some(format!("{before}{next}").into_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_whole_characters_on_their_side_of_the_text() {
        let both = |text: &str, max| {
            let text_of = |bound: Bound| (String::from_utf8(bound.bytes).unwrap(), bound.is_exact);
            (text_of(Bound::lower(text.as_bytes(), max)), text_of(Bound::upper(text.as_bytes(), max)))
        };
        let cut = |low: &str, high: &str| ((low.to_owned(), false), (high.to_owned(), false));
        let whole = |text: &str| (text.to_owned(), true);
        assert_eq!(both("abcd", Some(3)), cut("abc", "abd"));
        assert_eq!(both("abc", Some(3)), (whole("abc"), whole("abc")));
        assert_eq!(both("abcd", None), (whole("abcd"), whole("abcd")));
        assert_eq!(both("aäb", Some(2)), cut("a", "b"));
        assert_eq!(both("a\u{7f}b", Some(2)), cut("a\u{7f}", "b"));
        assert_eq!(
            both("\u{7f}\u{7f}b", Some(2)),
            (("\u{7f}\u{7f}".to_owned(), false), whole("\u{7f}\u{7f}b"))
        );
        assert_eq!(both("ä", Some(1)), (whole("ä"), whole("ä")));
    }
}
