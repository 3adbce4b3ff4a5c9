//! Event ids inside one part: which events repeat each other, and what tells twins apart.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::event::Identity;

/// The ids seen in a part so far.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    seen: HashMap<[u8; 16], u32, RandomState>,
}

impl Repeats {
    /// Forgets what was seen: another part begins.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
    }

    /// Gives the final id of the next event, or `None` when it repeats an explicit id.
    ///
    /// The second, third, … event of the same content gets an id derived from the content and its number, so that
    /// the same part read again gives the same ids.
    pub(super) fn resolve(&mut self, identity: Identity) -> Option<[u8; 16]> {
        let count = self.seen.entry(identity.id).or_insert(0);
        *count += 1;
        match *count {
            1 => Some(identity.id),
            _ if identity.is_explicit => None,
            number => Some(twin(identity.id, number)),
        }
    }
}

fn twin(id: [u8; 16], number: u32) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&id).update(&number.to_le_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_explicit_id_is_the_same_event() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.resolve(Identity { id: [1; 16], is_explicit: true }), Some([1; 16]));
        assert_eq!(repeats.resolve(Identity { id: [1; 16], is_explicit: true }), None);
    }

    #[test]
    fn twins_by_content_stay_and_are_told_apart_the_same_way_each_time() {
        let ids = |count| {
            let mut repeats = Repeats::default();
            (0..count)
                .map(|_| repeats.resolve(Identity { id: [7; 16], is_explicit: false }).unwrap())
                .collect::<Vec<_>>()
        };
        let three = ids(3);
        assert_eq!(three, ids(3));
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
    }
}
