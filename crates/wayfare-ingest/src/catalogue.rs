//! The event types the platform documents, under all the names they go by.
//!
//! The vendor prints one event type as `Step started`, `stepStarted`, `step_started` or `step-started`, depending
//! on the page and the product area. Each has one canonical key here, in `snake_case`, which is what the store
//! keeps; [`find`] resolves every other spelling with letter case and separators ignored. The set is open: an
//! activity that is not found is an unknown one, kept as it came.
//!
//! A few keys (`create_user`) stand in two sources, so a name is resolved within a source where that is known.

mod admin;
mod cis;
mod risk;
mod source;
mod verify;

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

pub use source::Source;

/// What an event type does in the run of a journey.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Begins a run.
    JourneyStarted,
    /// Begins a nested journey inside a run.
    SubJourneyStarted,
    /// Ends the innermost journey well.
    JourneySucceeded,
    /// Ends the innermost journey badly.
    JourneyFailed,
    /// Opens an attempt of a step.
    StepStarted,
    /// Closes an attempt of a step, well or badly: the event's outcome decides.
    StepCompleted,
    /// Carries data of the journey's author.
    CustomEvent,
    /// Reports a call to another system.
    ExternalCall,
    /// Has no part in the course of a run.
    #[default]
    Other,
}

/// One documented event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// The source it comes from.
    pub source: Source,
    /// The name the store keeps, in `snake_case`; unique within a source.
    pub key: &'static str,
    /// The name as the vendor prints it.
    pub display_name: &'static str,
    /// What the vendor says of it, without links.
    pub description: &'static str,
    /// Its part in the run of a journey.
    pub role: Role,
}

impl EventType {
    /// Gives every spelling of the name, without repeats: display, `camelCase`, `snake_case`, hyphenated.
    pub fn aliases(&self) -> Vec<String> {
        let mut aliases = vec![self.display_name.to_owned()];
        for alias in [camel_case(self.key), self.key.to_owned(), self.key.replace('_', "-")] {
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        aliases
    }
}

/// Gives every documented event type, by source, in the vendor's order.
pub fn event_types() -> &'static [EventType] {
    &EVENT_TYPES
}

/// Finds an event type by any of its names, letter case and separators ignored.
///
/// Without a source, a name that stands in several sources finds nothing: see [`candidates`].
pub fn find(source: Option<Source>, name: &str) -> Option<&'static EventType> {
    let found = lookup(name);
    match source {
        Some(source) => found.iter().find(|event| event.source == source).copied(),
        None if found.len() == 1 => found.first().copied(),
        None => None,
    }
}

/// Finds the event types of all sources that go by a name.
pub fn candidates(name: &str) -> &'static [&'static EventType] {
    lookup(name)
}

/// Gives the part in a journey's run of an activity, by its canonical key; only source `cis` has any.
pub fn role_of(activity: &str) -> Role {
    cis::EVENT_TYPES.iter().find(|event| event.key == activity).map_or(Role::Other, |event| event.role)
}

static EVENT_TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    let mut all = Vec::new();
    all.extend(cis::EVENT_TYPES);
    all.extend(verify::EVENT_TYPES);
    all.extend(risk::EVENT_TYPES);
    all.extend(admin::EVENT_TYPES);
    all
});

/// Event types by folded name. An index over so few names is small, and each log line asks it.
static BY_NAME: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::default();
    for event in event_types() {
        for name in [event.key, event.display_name] {
            let events = index.entry(fold(name)).or_default();
            if !events.contains(&event) {
                events.push(event);
            }
        }
    }
    index
});

type Index = HashMap<String, Vec<&'static EventType>, RandomState>;

/// The same by the spellings as they are printed, which is how nearly all lines have them: nothing is folded then.
static BY_SPELLING: LazyLock<Index> = LazyLock::new(|| {
    let spellings = event_types().iter().flat_map(EventType::aliases);
    spellings.map(|spelling| (spelling.clone(), folded(&spelling).to_vec())).collect()
});

/// Longer names are no event type's; they are not folded at all.
const NAME_BYTES_MAX: usize = 128;

fn lookup(name: &str) -> &'static [&'static EventType] {
    if name.len() > NAME_BYTES_MAX {
        return &[];
    }
    BY_SPELLING.get(name).map_or_else(|| folded(name), Vec::as_slice)
}

fn folded(name: &str) -> &'static [&'static EventType] {
    BY_NAME.get(&fold(name)).map_or(&[], Vec::as_slice)
}

/// Drops what the spellings of a name differ in: letter case and separators.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|letter| !matches!(letter, ' ' | '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

fn camel_case(key: &str) -> String {
    let mut camel = String::with_capacity(key.len());
    let mut after_separator = false;
    for letter in key.chars() {
        if letter == '_' {
            after_separator = true;
        } else {
            camel.push(if after_separator { letter.to_ascii_uppercase() } else { letter });
            after_separator = false;
        }
    }
    camel
}

#[cfg(test)]
mod tests;
