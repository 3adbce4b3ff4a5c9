//! Names of fields, and which one came after which: the records of a log have the same ones in the same order.
//!
//! Where the name that is expected stands in the text, it is not looked at byte by byte, nor compared with the others of
//! its record.

/// Names that are kept, one a bit of a word. A log with more of them is read as if the others came for the first time.
const KNOWN_MAX: usize = 64;

/// Words of eight bytes that a name with quotes and colon is compared by.
const WORDS: usize = 4;

/// Places that a name is looked for at, one behind the other: some of them are taken by others.
const STEPS: usize = 4;

/// Places that names are found by.
pub(crate) const PLACES: usize = 256;

/// Names of the objects so far, and what is known of those of the one that is read.
#[derive(Debug)]
pub(super) struct Names<'a> {
    known: Vec<Known<'a>>,
    /// For every place the number of the name that is there, from 1.
    places: [u8; PLACES],
    /// The name with which the last objects began.
    first: usize,
    /// The name that came last, if it is known.
    last: Option<usize>,
    /// The names of this object, as bits.
    seen: u64,
    /// This object has a name twice, or one that is not known.
    may_repeat: bool,
}

#[derive(Debug)]
struct Known<'a> {
    name: &'a str,
    quoted: Quoted<'a>,
    /// The name that came next.
    next: usize,
}

/// A name with its quotes and the colon.
#[derive(Debug)]
struct Quoted<'a> {
    text: &'a str,
    /// Its bytes as words, and which of their bits count; nothing of one that is longer.
    words: Option<[(u64, u64); WORDS]>,
}

impl<'a> Quoted<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let word = |index: usize| {
            let of_word = bytes.iter().skip(index * 8).take(8).enumerate();
            of_word.fold((0, 0), |(word, mask), (place, byte)| {
                (word | u64::from(*byte) << (place * 8), mask | 0xff << (place * 8))
            })
        };
        Self { text, words: (bytes.len() <= WORDS * 8).then(|| std::array::from_fn(word)) }
    }

    /// Whether a text begins with it.
    fn begins(&self, text: &[u8]) -> bool {
        match (&self.words, text.first_chunk::<{ WORDS * 8 }>()) {
            (Some(words), Some(head)) => {
                let (head, _) = head.as_chunks::<8>();
                let differs = |(bytes, (word, mask)): (&[u8; 8], &(u64, u64))| {
                    (u64::from_le_bytes(*bytes) ^ word) & mask
                };
                head.iter().zip(words).map(differs).fold(0, |all, word| all | word) == 0
            }
            _ => text.starts_with(self.text.as_bytes()),
        }
    }
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self { known: Vec::new(), places: [0; PLACES], first: 0, last: None, seen: 0, may_repeat: false }
    }
}

impl<'a> Names<'a> {
    /// Another object begins.
    pub(super) fn begin(&mut self) {
        (self.last, self.seen, self.may_repeat) = (None, 0, false);
    }

    /// The name that is expected next and how long it is with quotes and colon, if `text` begins with it.
    pub(super) fn expected(&mut self, text: &[u8]) -> Option<(&'a str, usize)> {
        let next = match self.last {
            Some(last) => self.known.get(last)?.next,
            None => self.first,
        };
        let known = self.known.get(next)?;
        if !known.quoted.begins(text) {
            return None;
        }
        let found = (known.name, known.quoted.text.len());
        self.comes(next);
        Some(found)
    }

    /// Another name came than was expected. `quoted` is its text up to the colon.
    pub(super) fn note(&mut self, name: &'a str, quoted: &'a str) {
        let Some(number) = self.number(name, quoted) else {
            self.last = None;
            self.may_repeat = true;
            return;
        };
        match self.last.and_then(|last| self.known.get_mut(last)) {
            Some(last) => last.next = number,
            None => self.first = number,
        }
        self.comes(number);
    }

    /// Whether this object may have a name twice.
    pub(super) fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    fn comes(&mut self, number: usize) {
        let bit = 1 << (number % KNOWN_MAX);
        self.may_repeat |= self.seen & bit != 0;
        self.seen |= bit;
        self.last = Some(number);
    }

    /// The number of a name, a new one if there is room.
    fn number(&mut self, name: &'a str, quoted: &'a str) -> Option<usize> {
        for step in 0..STEPS {
            let place = self.places.get_mut((place(name) + step) % PLACES)?;
            let Some(number) = usize::from(*place).checked_sub(1) else {
                let number = self.known.len();
                if number == KNOWN_MAX {
                    return None;
                }
                self.known.push(Known { name, quoted: Quoted::of(quoted), next: number });
                *place = u8::try_from(number + 1).unwrap_or_default();
                return Some(number);
            };
            if self.known.get(number)?.name == name {
                return Some(number);
            }
        }
        None
    }
}

/// Where to look for a name, one of [`PLACES`]: names that are alike in length and edges share a place.
pub(crate) fn place(name: &str) -> usize {
    let edges = match name.as_bytes() {
        [first, .., second_last, last] => [*first, *second_last, *last],
        [first, last] => [*first, 0, *last],
        [only] => [*only, 0, 0],
        [] => [0; 3],
    };
    let [first, second_last, last] = edges.map(usize::from);
    (name.len() + first * 7 + second_last * 31 + last * 131) % PLACES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_a_log_are_all_known() {
        let log = ["event_id", "ts", "os", "ip", "family", "invocation_id", "a", "b", "ab", "ba", ""];
        let mut names = Names::default();
        for _ in 0..2 {
            names.begin();
            for name in log {
                names.note(name, name);
            }
            assert!(!names.may_repeat(), "records would be looked through for repeats");
        }
        names.note("os", "os");
        assert!(names.may_repeat());
    }

    proptest! {
        #[test]
        fn words_tell_what_bytes_tell(name in "[ab]{0,40}", text in "[ab]{0,50}", cut in 0_usize..50) {
            let quoted = Quoted::of(&name);
            let alike = format!("{name}{text}");
            let shorter = alike.get(..cut.min(alike.len())).unwrap();
            for text in [&text, &alike, shorter] {
                prop_assert_eq!(quoted.begins(text.as_bytes()), text.starts_with(&name));
            }
        }
    }
}
