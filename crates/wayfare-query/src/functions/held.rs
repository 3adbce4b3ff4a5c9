//! How much memory an aggregate holds.

/// Batches from one measurement to the next.
const BATCHES: u32 = 16;

/// Bytes in use, as last measured. The query engine asks after every batch, and counting them takes as long as looking
/// at every group; what some batches add is little beside a question's memory.
#[derive(Debug, Default)]
pub(super) struct Held {
    batches: u32,
    bytes: usize,
}

impl Held {
    /// Takes note of a batch; every few of them the bytes are measured.
    pub(super) fn batch(&mut self, measure: impl FnOnce() -> usize) {
        if self.batches.is_multiple_of(BATCHES) {
            self.bytes = measure();
        }
        self.batches = self.batches.wrapping_add(1);
    }

    /// Takes note that groups were handed out; the next batch is measured.
    pub(super) fn less(&mut self, bytes: usize) {
        *self = Self { batches: 0, bytes };
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_measured_now_and_then() {
        let mut held = Held::default();
        let mut measured = 0;
        for batch in 0..=BATCHES {
            held.batch(|| {
                measured += 1;
                100 + batch as usize
            });
        }
        assert_eq!((measured, held.bytes()), (2, 116));
        held.less(7);
        assert_eq!(held.bytes(), 7);
        held.batch(|| 8);
        assert_eq!(held.bytes(), 8);
    }
}
