//! Assigns steps to distinct events of one instant.
//!
//! Bipartite matching by augmenting paths (Kuhn, "The Hungarian method for the assignment problem", 1955, in
//! the form without weights): a step that finds only events in use asks their steps to move to another one.
//! For each step at most as many events are looked at as there are steps: one with that many can always be
//! served, whatever the others take.

use super::FunnelEvent;
use super::definition::{bit, bits, span};

/// Which event of an instant serves which step.
#[derive(Debug, Clone, Default)]
pub(super) struct Assignment {
    /// For each step, events that match it.
    candidates: Vec<Vec<usize>>,
    /// For each step, the event that serves it.
    event_of: Vec<Option<usize>>,
    /// For each event, the step that it serves.
    step_of: Vec<Option<usize>>,
}

impl Assignment {
    pub(super) fn new(steps: usize) -> Self {
        Self { candidates: vec![Vec::new(); steps], event_of: vec![None; steps], step_of: Vec::new() }
    }

    /// Starts over with the events of another instant.
    pub(super) fn load(&mut self, events: &[FunnelEvent]) {
        let steps = self.candidates.len();
        self.candidates.iter_mut().for_each(Vec::clear);
        self.event_of.fill(None);
        self.step_of.clear();
        self.step_of.resize(events.len(), None);
        for (index, event) in events.iter().enumerate() {
            for step in bits(event.steps & span(0, steps)) {
                if let Some(candidates) = self.candidates.get_mut(step)
                    && candidates.len() < steps
                {
                    candidates.push(index);
                }
            }
        }
    }

    /// Takes back every assignment.
    pub(super) fn clear(&mut self) {
        for event in self.event_of.iter_mut().filter_map(Option::take) {
            if let Some(slot) = self.step_of.get_mut(event) {
                *slot = None;
            }
        }
    }

    /// Lets one event serve the first step and nothing else; gives the set of steps that must not be moved.
    pub(super) fn pin(&mut self, event: Option<usize>) -> u64 {
        let Some(event) = event else { return 0 };
        if let (Some(step_of), Some(event_of)) = (self.step_of.get_mut(event), self.event_of.first_mut()) {
            *step_of = Some(0);
            *event_of = Some(event);
        }
        bit(0)
    }

    /// The event that serves a step.
    pub(super) fn event_of(&self, step: usize) -> Option<usize> {
        self.event_of.get(step).copied().flatten()
    }

    /// Whether an event serves a step.
    pub(super) fn serves(&self, event: usize) -> bool {
        self.step_of.get(event).copied().flatten().is_some()
    }

    /// Assigns `step`, moving others but `fixed` to other events where need be; changes nothing when that cannot be.
    pub(super) fn assign(&mut self, step: usize, fixed: u64) -> bool {
        self.try_assign(step, &mut { fixed })
    }

    /// Recurses once a step at most: `seen` holds those that were asked to move.
    fn try_assign(&mut self, step: usize, seen: &mut u64) -> bool {
        *seen |= bit(step);
        let choices = self.candidates.get(step).map_or(0, Vec::len);
        for choice in 0..choices {
            let Some(&event) = self.candidates.get(step).and_then(|events| events.get(choice)) else { break };
            let holder = self.step_of.get(event).copied().flatten();
            let free = match holder {
                None => true,
                Some(holder) => *seen & bit(holder) == 0 && self.try_assign(holder, seen),
            };
            if free
                && let (Some(step_of), Some(event_of)) =
                    (self.step_of.get_mut(event), self.event_of.get_mut(step))
            {
                *step_of = Some(step);
                *event_of = Some(event);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(steps: usize, events: &[u64]) -> Assignment {
        let mut assignment = Assignment::new(steps);
        let events: Vec<_> =
            events.iter().map(|steps| FunnelEvent { steps: *steps, ..FunnelEvent::default() }).collect();
        assignment.load(&events);
        assignment
    }

    #[test]
    fn an_event_serves_one_step() {
        let mut assignment = load(2, &[0b11]);
        assert!(assignment.assign(0, 0));
        assert!(!assignment.assign(1, 0));
        assignment.clear();
        assert!(assignment.assign(1, 0));
        assignment.clear();
        let fixed = assignment.pin(Some(0));
        assert!(assignment.serves(0) && !assignment.assign(1, fixed));
    }

    #[test]
    fn steps_move_to_make_room() {
        let mut assignment = load(3, &[0b111, 0b011, 0b001]);
        assert!((0..3).all(|step| assignment.assign(step, 0)));
        assert_eq!(assignment.event_of, [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn many_equal_events_serve_every_step() {
        let mut assignment = load(64, &[u64::MAX; 100]);
        assert!((0..64).all(|step| assignment.assign(step, 0)));
        assignment.clear();
        assert!((0..64).rev().all(|step| assignment.assign(step, 0)));
    }
}
