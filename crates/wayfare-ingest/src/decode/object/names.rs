//! Names of fields, and which one came after which: the records of a log have the same ones in the same order.
//!
//! Where the name that is expected stands in the text, it is not looked at byte by byte, nor compared with the others of
//! its record.

/// Names that are kept, one a bit of a word. A log with more of them is read as if the others came for the first time.
const KNOWN_MAX: usize = 64;

/// Places that names are found by.
pub(crate) const PLACES: usize = 256;

/// Names of the objects so far, and what is known of those of the one that is read.
#[derive(Debug)]
pub(super) struct Names<'a> {
    known: Vec<Known<'a>>,
    /// For every place the number of its name, from 1.
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
    /// The name with its quotes and the colon.
    quoted: &'a str,
    /// The name that came next.
    next: usize,
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
        if !text.starts_with(known.quoted.as_bytes()) {
            return None;
        }
        let found = (known.name, known.quoted.len());
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
        let place = self.places.get_mut(place(name))?;
        if let Some(number) = usize::from(*place).checked_sub(1) {
            return (self.known.get(number)?.name == name).then_some(number);
        }
        let number = self.known.len();
        if number == KNOWN_MAX {
            return None;
        }
        self.known.push(Known { name, quoted, next: number });
        *place = u8::try_from(number + 1).unwrap_or_default();
        Some(number)
    }
}

/// Where to look for a name, one of [`PLACES`]: names that are alike in length and edges share a place.
pub(crate) fn place(name: &str) -> usize {
    let edges = match name.as_bytes() {
        [first, .., second_last, last] => [*first, *second_last, *last],
        _ => [0; 3],
    };
    let [first, second_last, last] = edges.map(usize::from);
    (name.len() + first * 7 + second_last * 31 + last * 131) % PLACES
}
