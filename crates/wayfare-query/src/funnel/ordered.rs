//! Ordered and strict funnels: every attempt of a stream in one pass.
//!
//! Each attempt is a chain of matches that waits in the lane of its last match. An event that matches the next step
//! moves all chains of a lane at once, an event that breaks them ends all of them, and the end of a window ends those
//! at the front of a lane; so a chain is touched once a step that it makes, and the cost is linear in events times
//! steps. Optional steps and windows from the previous step let a chain branch: it goes on and also stays.
//!
//! Where only the reported attempt is wanted and nothing but its window can end a chain early, of two chains in a lane
//! the one of the later entry stays: what may follow depends on a chain only through the end of its window, and of two
//! attempts that reach a step at one instant the later entry is reported. Each lane then holds one chain; with windows
//! from the previous step those of one entry, of which the earliest whose window is open goes on.

use std::collections::HashSet;

use super::assignment::Assignment;
use super::chain::{Chain, History, Lane};
use super::collect::{Candidate, Collector, Keep};
use super::definition::{Definition, Exclusion, ExclusionEffect, Order, WindowFrom, bit, span};
use super::instant::{Instant, Target};
use super::outcome::Ending;
use super::strict;
use super::{FunnelEvent, OnRepeat, Ties};

/// Which events open an attempt in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// All that match step 1.
    Every,
    /// The first; the pass ends when its attempt is left.
    First,
}

/// The chains of a pass and its buffers.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    /// The chains whose last match is step n.
    lanes: Vec<Lane>,
    history: History,
    assignment: Assignment,
    targets: Vec<Target>,
    moving: Vec<Chain>,
    ended_now: Vec<Chain>,
    opened: bool,
    /// Whether an attempt has every step and is not excluded: none that ends later is better.
    completed: bool,
    /// Place after which the attempt of a pass over first entries is left.
    left: Option<usize>,
    /// The steps of the way that completed it: how many, and the earlier ones first.
    left_with: (u32, u64),
    /// The chain that ended last.
    ended: Option<Chain>,
}

impl Ordered {
    pub(super) fn new(definition: &Definition) -> Self {
        Self {
            lanes: vec![Lane::default(); definition.steps],
            history: History::default(),
            assignment: Assignment::new(definition.steps),
            targets: Vec::new(),
            moving: Vec::new(),
            ended_now: Vec::new(),
            opened: false,
            completed: false,
            left: None,
            left_with: (0, 0),
            ended: None,
        }
    }

    /// Reads `events` from place `from`; gives the place at which the next attempt may be opened.
    pub(super) fn scan(
        &mut self,
        asked: &Definition,
        events: &[FunnelEvent],
        from: usize,
        entries: Entries,
        found: &mut Collector,
    ) -> usize {
        self.lanes.iter_mut().for_each(Lane::clear);
        self.history.clear();
        (self.opened, self.completed, self.left, self.ended) = (false, false, None, None);
        self.left_with = (0, 0);
        let mut read = from;
        while let Some(first) = events.get(read) {
            self.expire(asked, first.at_ms, found);
            let waiting = entries == Entries::First && self.opened;
            if waiting && self.lanes.iter().all(Lane::is_empty) && !self.is_held_open(asked, first.at_ms) {
                return read;
            }
            let rest = events.get(read..).unwrap_or_default();
            let length = rest.iter().take_while(|event| event.at_ms == first.at_ms).count();
            let group = Instant::new(asked, rest.get(..length).unwrap_or_default(), read);
            if asked.ties == Ties::Arrival {
                for (index, event) in group.events.iter().enumerate() {
                    let one = Instant::new(asked, std::slice::from_ref(event), read + index);
                    self.grow(&one, entries, found);
                    self.stop_at_repeats(&one, found);
                }
            } else {
                self.grow(&group, entries, found);
            }
            // Exclusions first: an attempt that one ends is left, one that breaks is not.
            self.exclude(&group, found);
            if asked.ties != Ties::Arrival {
                self.stop_at_repeats(&group, found);
            }
            if asked.order == Order::Strict {
                self.break_at(&group, found);
            }
            read += length;
            if entries == Entries::First && self.left.is_some() {
                break;
            }
            if found.keep == Keep::Best && self.completed {
                break;
            }
        }
        for lane in 0..self.lanes.len() {
            self.sweep(asked, lane, found, |_, _| Fate::End(Ending::Exhausted));
            self.release(asked, lane, found, |_| true);
        }
        self.left.unwrap_or(read)
    }

    /// Whether the attempt that ended, neither complete nor excluded, still keeps others from being opened: until its
    /// window ends.
    fn is_held_open(&self, asked: &Definition, at_ms: i64) -> bool {
        self.ended.is_some_and(|ended| asked.in_window(ended.entry_ms, ended.last_ms, at_ms))
    }

    /// Ends the chains whose window is over.
    fn expire(&mut self, asked: &Definition, at_ms: i64, found: &mut Collector) {
        if asked.window_ms.is_none() {
            return;
        }
        let is_over = |chain: &Chain| !asked.in_window(chain.entry_ms, chain.last_ms, at_ms);
        let is_safe = |chain: &Chain| !asked.in_excluded_time(chain.entry_ms, at_ms);
        // Chains that do not branch stand in the order of their windows.
        let in_order = asked.optional == 0 && asked.window_from == WindowFrom::FirstStep;
        for lane in 0..self.lanes.len() {
            let Some(Lane { clean, excluded, .. }) = self.lanes.get(lane) else { break };
            let waiting = || clean.iter().chain(excluded);
            let any_over = if in_order {
                clean.front().is_some_and(is_over) || excluded.front().is_some_and(is_over)
            } else {
                waiting().any(is_over)
            };
            if any_over {
                self.sweep(asked, lane, found, |_, chain| {
                    if is_over(chain) { Fate::End(Ending::Window) } else { Fate::Stay }
                });
            }
            self.release(asked, lane, found, is_safe);
        }
    }

    /// Ends the chains of a lane that nothing can exclude any more.
    fn release(
        &mut self,
        asked: &Definition,
        lane: usize,
        found: &mut Collector,
        is_safe: impl Fn(&Chain) -> bool,
    ) {
        while let Some(chain) =
            self.lanes.get_mut(lane).and_then(|lane| lane.spent.pop_front_if(|chain| is_safe(chain)))
        {
            self.end(asked, &chain, found);
        }
    }

    /// Lets every chain match what it can, and opens attempts.
    fn grow(&mut self, instant: &Instant<'_>, entries: Entries, found: &mut Collector) {
        if instant.steps == 0 {
            return;
        }
        instant.prepare(&mut self.assignment);
        let mut targets = std::mem::take(&mut self.targets);
        // From the last lane down, so that no chain grows twice.
        for state in (1..instant.asked.steps).rev() {
            if self.lanes.get(state - 1).is_some_and(|lane| !lane.is_idle()) {
                instant.targets(&mut self.assignment, state, None, &mut targets);
                self.advance(instant, state, &targets, found);
            }
        }
        if instant.steps & 1 != 0 && (entries == Entries::Every || !self.opened) {
            self.opened = true;
            let enters = |event: &FunnelEvent| event.steps & 1 != 0;
            // Where an attempt alone decides, it has to be that of one event; else that of the instant's best one will do.
            let each =
                found.keep == Keep::All || !instant.asked.exclusions.is_empty() || instant.asked.can_be_cut();
            if each && entries == Entries::Every {
                for (index, _) in instant.events.iter().enumerate().filter(|(_, event)| enters(event)) {
                    instant.targets(&mut self.assignment, 0, Some(index), &mut targets);
                    self.open(instant, index, &targets, found);
                }
            } else {
                let index = instant.events.iter().position(enters).unwrap_or_default();
                instant.targets(&mut self.assignment, 0, None, &mut targets);
                self.open(instant, index, &targets, found);
            }
        }
        self.targets = targets;
    }

    fn open(&mut self, instant: &Instant<'_>, index: usize, targets: &[Target], found: &mut Collector) {
        let chain = Chain::opened(instant.place + index, instant.at_ms);
        for target in targets {
            self.extend(instant, chain, *target, beyond(*target, targets), found);
        }
    }

    /// Moves the chains at `state` to all targets.
    fn advance(&mut self, instant: &Instant<'_>, state: usize, targets: &[Target], found: &mut Collector) {
        if targets.is_empty() {
            return;
        }
        let again = instant.asked.window_from == WindowFrom::PreviousStep;
        let one = keeps_one(instant.asked, found.keep);
        let mut moving = std::mem::take(&mut self.moving);
        let Some(lane) = self.lanes.get_mut(state - 1) else { return };
        for queue in lane.waiting() {
            if again {
                // They stay, for a later match has a later window. Of one attempt the earliest chain goes on.
                let chains = queue.iter().take(if one { 1 } else { usize::MAX });
                moving.extend(chains);
            } else if instant.asked.is_optional(state) {
                moving.extend(queue.iter());
                for chain in queue.iter_mut() {
                    chain.branched |= steps_of(targets);
                }
            } else {
                moving.extend(queue.drain(..));
            }
        }
        if again && !one {
            let mut seen = HashSet::new();
            moving.retain(|chain| seen.insert((chain.entry, chain.steps, chain.excluded)));
        }
        for chain in moving.drain(..) {
            for target in targets {
                // A later match of the same step alone gains nothing.
                let known = chain.branched & bit(target.step) != 0 && target.steps == bit(target.step);
                if !known {
                    self.extend(instant, chain, *target, beyond(*target, targets), found);
                }
            }
        }
        self.moving = moving;
    }

    /// Lets a chain match the steps of a target; it went on to the steps `beyond` as well.
    fn extend(
        &mut self,
        instant: &Instant<'_>,
        chain: Chain,
        target: Target,
        beyond: u64,
        found: &mut Collector,
    ) {
        let asked = instant.asked;
        let longer = self.history.extend(chain, target.steps, instant.at_ms);
        let longer = match asked.window_from {
            WindowFrom::FirstStep => longer.gone_on_to(beyond),
            WindowFrom::PreviousStep => longer,
        };
        let earlier = longer.steps & !bit(target.step);
        if target.step + 1 == asked.steps {
            // Of the ways of one attempt the best completes it, and of equals the first.
            let steps = (longer.steps.count_ones(), longer.steps.reverse_bits());
            if self.left.is_none() || steps > self.left_with {
                self.left = Some(instant.place + instant.events.len());
                self.left_with = steps;
            }
            self.completed |= !longer.excluded;
            self.end(asked, &longer.ended_by(Ending::Complete), found);
        } else if target.loose & earlier & asked.repeatable != 0 {
            self.retire(asked, longer.ended_by(Ending::Repeated), found);
        } else {
            self.wait(asked, longer, found);
        }
    }

    /// Ends a chain, unless it still can be excluded.
    fn retire(&mut self, asked: &Definition, chain: Chain, found: &mut Collector) {
        match self.lanes.get_mut(chain.last()) {
            Some(lane) if asked.voids() && !chain.excluded => lane.spent.push_back(chain),
            _ => self.end(asked, &chain, found),
        }
    }

    /// Puts a chain into its lane.
    fn wait(&mut self, asked: &Definition, chain: Chain, found: &mut Collector) {
        let again = asked.window_from == WindowFrom::PreviousStep;
        let Some(queue) = self.lanes.get_mut(chain.last()).map(|lane| lane.queue_of(&chain)) else { return };
        if keeps_one(asked, found.keep)
            && let Some(present) = queue.back()
            && !(again && present.entry_ms == chain.entry_ms)
        {
            if chain.promise(asked) > present.promise(asked) {
                self.ended_now.extend(queue.drain(..));
                queue.push_back(chain);
            } else if (present.steps, present.last_ms) != (chain.steps, chain.last_ms) {
                self.ended_now.push(chain);
            }
            self.end_all(asked, found);
            return;
        }
        queue.push_back(chain);
    }

    /// Ends the chains that meet an event of a step that they have matched.
    fn stop_at_repeats(&mut self, instant: &Instant<'_>, found: &mut Collector) {
        let asked = instant.asked;
        if asked.on_repeat == OnRepeat::Ignore || instant.steps == 0 {
            return;
        }
        for lane in 0..self.lanes.len() {
            let apart = instant.events.iter().filter(|event| event.steps & bit(lane) == 0);
            let apart = apart.fold(0, |steps, event| steps | event.steps);
            if instant.steps & asked.repeatable & span(0, lane + 1) == 0 {
                continue;
            }
            self.sweep(asked, lane, found, |_, chain| {
                let repeated = match chain.last_ms == instant.at_ms {
                    false => instant.steps & chain.steps,
                    true if asked.ties == Ties::Arrival => apart & chain.steps & !bit(lane),
                    // What was left over at the instant of the match was looked at when it was made.
                    true => 0,
                };
                if repeated & asked.repeatable == 0 { Fate::Stay } else { Fate::End(Ending::Repeated) }
            });
        }
    }

    /// Ends the chains that no event of this instant has moved and some event breaks.
    fn break_at(&mut self, group: &Instant<'_>, found: &mut Collector) {
        let asked = group.asked;
        for lane in 0..self.lanes.len() {
            if asked.optional == 0 && !strict::breaks(asked, span(0, lane + 1), lane, group.events) {
                continue;
            }
            self.sweep(asked, lane, found, |_, chain| {
                let between = chain.last_ms < group.at_ms;
                let broken = between && strict::breaks(asked, chain.steps, lane, group.events);
                if broken { Fate::End(Ending::Broken) } else { Fate::Stay }
            });
        }
    }

    /// Applies the exclusion events of an instant.
    fn exclude(&mut self, group: &Instant<'_>, found: &mut Collector) {
        let asked = group.asked;
        let present = group.events.iter().fold(0, |set, event| set | event.exclusions);
        let present = present & span(0, asked.exclusions.len());
        if present == 0 {
            return;
        }
        let under_way = !self.lanes.iter().all(Lane::is_empty);
        for (index, exclusion) in asked.exclusions.iter().enumerate() {
            if present & bit(index) == 0 {
                continue;
            }
            let hits = |history: &History, chain: &Chain| {
                chain.steps & bit(exclusion.to) == 0
                    && history.steps_before(chain, group.at_ms) & bit(exclusion.from) != 0
                    && asked.in_excluded_time(chain.entry_ms, group.at_ms)
            };
            // Without optional steps, the lanes between the two steps hold all chains that it can hit.
            let to = if asked.optional == 0 { exclusion.to } else { self.lanes.len() };
            for lane in exclusion.from..to {
                self.sweep_clean(asked, lane, found, |history, chain| match asked.exclusion_effect {
                    _ if !hits(history, chain) => Fate::Stay,
                    ExclusionEffect::EndAttempt => Fate::End(Ending::Excluded),
                    ExclusionEffect::DropActor => Fate::Exclude,
                    // Another way of the attempt may go further.
                    ExclusionEffect::VoidAttempt if asked.chooses() => Fate::Exclude,
                    ExclusionEffect::VoidAttempt => Fate::Void,
                });
                let mut spent = match self.lanes.get_mut(lane) {
                    Some(lane) => std::mem::take(&mut lane.spent),
                    None => continue,
                };
                let Self { history, ended_now, .. } = self;
                spent.retain(|chain| {
                    let hit = hits(history, chain);
                    if hit {
                        ended_now.push(chain.into_excluded());
                    }
                    !hit
                });
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.spent = spent;
                }
                self.end_all(asked, found);
            }
        }
        // What ended before is left by an event that excludes it, and by no other.
        let hits_ended = |exclusion: &Exclusion| {
            self.ended.is_some_and(|ended| {
                ended.steps & bit(exclusion.from) != 0
                    && ended.steps & bit(exclusion.to) == 0
                    && asked.in_excluded_time(ended.entry_ms, group.at_ms)
            })
        };
        let present = asked.exclusions.iter().enumerate().filter(|(index, _)| present & bit(*index) != 0);
        let hit = under_way || present.into_iter().any(|(_, exclusion)| hits_ended(exclusion));
        let left = hit && asked.exclusion_effect != ExclusionEffect::DropActor;
        if left && self.opened && self.lanes.iter().all(Lane::is_empty) && self.left.is_none() {
            self.left = Some(group.place + group.events.len());
        }
    }

    /// Decides about every chain of a lane that waits for its next step.
    fn sweep(
        &mut self,
        asked: &Definition,
        lane: usize,
        found: &mut Collector,
        fate: impl Fn(&History, &Chain) -> Fate,
    ) {
        let Self { lanes, history, ended_now, .. } = self;
        let Some(Lane { excluded, .. }) = lanes.get_mut(lane) else { return };
        excluded.retain(|chain| {
            let ending = match fate(history, chain) {
                Fate::Stay => return true,
                Fate::End(ending) => ending,
                Fate::Void | Fate::Exclude => Ending::Excluded,
            };
            ended_now.push(chain.ended_by(ending));
            false
        });
        self.end_all(asked, found);
        self.sweep_clean(asked, lane, found, fate);
    }

    /// Decides about every chain of a lane that waits for its next step and is not excluded.
    fn sweep_clean(
        &mut self,
        asked: &Definition,
        lane: usize,
        found: &mut Collector,
        fate: impl Fn(&History, &Chain) -> Fate,
    ) {
        // A chain that cannot go on still can be excluded.
        let watched = asked.voids();
        let Self { lanes, history, ended_now, .. } = self;
        let Some(Lane { clean, excluded, spent }) = lanes.get_mut(lane) else { return };
        clean.retain(|chain| {
            let fate = fate(history, chain);
            match fate {
                Fate::Stay => {}
                Fate::End(ending) if watched => spent.push_back(chain.ended_by(ending)),
                Fate::End(ending) => ended_now.push(chain.ended_by(ending)),
                Fate::Void => ended_now.push(chain.into_excluded().ended_by(Ending::Excluded)),
                Fate::Exclude => excluded.push_back(chain.into_excluded()),
            }
            fate == Fate::Stay
        });
        self.end_all(asked, found);
    }

    fn end_all(&mut self, asked: &Definition, found: &mut Collector) {
        let mut ended = std::mem::take(&mut self.ended_now);
        for chain in &ended {
            self.end(asked, chain, found);
        }
        ended.clear();
        self.ended_now = ended;
    }

    fn end(&mut self, asked: &Definition, chain: &Chain, found: &mut Collector) {
        self.ended = Some(*chain);
        let Chain { entry_ms, last_ms, steps, excluded, .. } = *chain;
        let candidate = Candidate { level: chain.last() + 1, entry_ms, last_ms, steps, excluded };
        found.offer(asked, candidate, || self.history.attempt(chain));
    }
}

/// The last steps of targets.
fn steps_of<'a>(targets: impl IntoIterator<Item = &'a Target>) -> u64 {
    targets.into_iter().fold(0, |steps, target| steps | bit(target.step))
}

/// The steps that a chain goes on to at one instant by way of `target`.
fn beyond(target: Target, targets: &[Target]) -> u64 {
    let further = |other: &&Target| other.step > target.step && other.steps & target.steps == target.steps;
    steps_of(targets.iter().filter(further))
}

/// What becomes of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stay,
    End(Ending),
    /// It ends and counts nothing.
    Void,
    /// It goes on, and its attempt is excluded.
    Exclude,
}

/// Whether a lane needs but the chains of one entry, see the head of this file.
fn keeps_one(asked: &Definition, keep: Keep) -> bool {
    let plain = asked.order == Order::Ordered && asked.on_repeat == OnRepeat::Ignore;
    let same_steps = asked.optional == 0 || (plain && asked.window_from == WindowFrom::FirstStep);
    keep == Keep::Best && asked.exclusions.is_empty() && same_steps
}
