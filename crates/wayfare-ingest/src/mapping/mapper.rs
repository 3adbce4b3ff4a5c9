//! Turns records into events, by a compiled mapping.

use std::borrow::Cow;
use std::collections::HashMap;

use super::activities::{Activities, Meaning, Other};
use super::column::{COLUMNS, Column, TEXT_COLUMNS, text_place};
use super::identity::{IdText, content_hash, explicit_id};
use super::outcomes::{FAILURE, meaning};
use super::paths::{KnownNames, Node, Paths};
use super::values::{self, Integer};
use super::{Candidate, Kind, Mapping, assemble, missing};
use crate::catalogue::{self, Source};
use crate::decode::object;
use crate::record::{Record, Value};
use crate::{Event, Identity, Reason, time};

/// A compiled [`Mapping`]. It has no state: one mapper serves all threads.
#[derive(Debug)]
pub struct Mapper {
    kind: Kind,
    paths: Paths,
    path_lists: Vec<(Column, Vec<String>)>,
    constants: Vec<(Column, u32, String)>,
    source: Option<Source>,
    zone_s: Option<i64>,
    activities: Option<Activities>,
    outcomes: HashMap<String, &'static str>,
    known: Known,
}

/// Columns that have rules of their own.
#[derive(Debug)]
struct Known {
    step_id: usize,
    outcome: usize,
    actors: [Column; 2],
    step_id_is_mapped: bool,
}

impl Mapper {
    pub(super) fn new(mapping: &Mapping, source: Option<Source>) -> Self {
        let mut paths = Paths::new();
        let mut path_lists = Vec::new();
        let mut constants = Vec::new();
        for (column, candidates) in &mapping.columns {
            let mut rank = 0;
            let mut list = Vec::new();
            for candidate in candidates {
                match candidate {
                    Candidate::Path(path) => {
                        for path in spelled_out(path, *column, mapping) {
                            paths.add(&path, *column, &mut rank);
                            list.push(path);
                        }
                    }
                    Candidate::Constant(value) => {
                        constants.push((*column, rank, value.clone()));
                        rank += 1;
                    }
                }
            }
            if !candidates.iter().any(|candidate| matches!(candidate, Candidate::Constant(_))) {
                path_lists.push((*column, list));
            }
        }
        let place = |name| text_place(name).unwrap_or_default();
        let known = Known {
            step_id: place("step_id"),
            outcome: place("outcome"),
            actors: [Column::text(place("actor_id")), Column::text(place("target_resource_id"))],
            step_id_is_mapped: mapping.columns.contains_key(&Column::text(place("step_id"))),
        };
        Self {
            kind: mapping.kind,
            paths,
            path_lists,
            constants,
            source,
            zone_s: mapping.zone_s,
            activities: mapping.activities.clone(),
            outcomes: mapping.outcomes.index(),
            known,
        }
    }

    /// Turns a record into an event.
    ///
    /// # Errors
    /// The reason for the quarantine: `activity` or `timestamp` is missing, or the timestamp cannot be read.
    pub fn map<'r>(&'r self, record: &'r Record<'_>) -> Result<Event<'r>, (Reason, String)> {
        self.map_with(record, None)
    }

    /// The same for the next record of a block, of whose names some are known.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(crate) fn map_next<'r>(
        &'r self,
        record: &'r Record<'_>,
        known: &mut KnownNames,
    ) -> Result<Event<'r>, (Reason, String)> {
        self.map_with(record, Some(known))
    }

    fn map_with<'r>(
        &'r self,
        record: &'r Record<'_>,
        known: Option<&mut KnownNames>,
    ) -> Result<Event<'r>, (Reason, String)> {
        let mut finds = Finds { values: [const { None }; COLUMNS], present: 0 };
        self.find(record, known, &mut finds);
        let timestamp_us = self.timestamp(record, &finds)?;
        let named = self.activity(record, &mut finds)?;
        let explicit_id = finds.get(Column::EVENT_ID).map(|find| explicit_id(&find.text));
        if let Some((_, IdText::Other)) = explicit_id {
            finds.keep(Column::EVENT_ID);
        }
        let integers = std::array::from_fn(|place| finds.integer(Column::integer(place)));
        let outcome = self.outcome(&mut finds, named.fails);

        let taken = finds.taken(record);
        let base = finds.take(Column::PARAMS);
        let mut text = finds.take_text();
        if let Some(outcome) = outcome
            && let Some(place) = text.get_mut(self.known.outcome)
        {
            *place = Some(Cow::Borrowed(outcome));
        }
        if let Some(step_id) = named.step_id
            && let Some(place) = text.get_mut(self.known.step_id)
        {
            *place = Some(step_id);
        }
        Ok(Event {
            source: named.source,
            activity: named.activity,
            timestamp_us,
            identity: match explicit_id {
                Some((id, _)) => Identity { id, is_explicit: true },
                None => Identity { id: content_hash(named.source, record), is_explicit: false },
            },
            text,
            integers,
            additional_params: assemble::params(record, &taken, base),
        })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The paths of every column that has no constant.
    pub(super) fn path_lists(&self) -> impl Iterator<Item = (Column, &[String])> {
        self.path_lists.iter().map(|(column, paths)| (*column, paths.as_slice()))
    }

    /// Finds the values of all columns. What they are found in is handed in: it is large.
    fn find<'r>(&'r self, record: &'r Record<'_>, mut known: Option<&mut KnownNames>, finds: &mut Finds<'r>) {
        for (index, (name, value)) in (0..).zip(&record.fields) {
            let known = match name {
                Cow::Borrowed(_) => known.as_deref_mut(),
                // it had escapes, and is a text of its own
                Cow::Owned(_) => None,
            };
            if let Some(node) = self.paths.top(name, known) {
                self.visit(node, value, Some(index), finds);
            }
        }
        for (column, rank, value) in &self.constants {
            finds.offer(*column, Find { rank: *rank, text: Cow::Borrowed(value), field: None });
        }
    }

    /// Offers a value to the columns that its node is for.
    fn visit<'r>(&self, node: &Node, value: &'r Value<'_>, field: Option<u32>, finds: &mut Finds<'r>) {
        if node.has_children() || node.targets().iter().any(|target| target.column == Column::PARAMS) {
            let value = match value {
                Value::Text(text) => Value::Text(Cow::Borrowed(text.as_ref())),
                Value::Json(raw) => Value::Json(raw),
            };
            return self.visit_object(node, &value, field, finds);
        }
        for target in node.targets() {
            if let Some(text) = self.accepts(target.column, value) {
                finds.offer(target.column, Find { rank: target.rank, text: Cow::Borrowed(text), field });
            }
        }
    }

    /// The same for a value that may be an object with members that columns want.
    fn visit_object<'r>(&self, node: &Node, value: &Value<'r>, field: Option<u32>, finds: &mut Finds<'r>) {
        let members = node.has_children().then(|| object_text(value)).flatten();
        let members = members.and_then(|text| object::fields(text).ok());
        for target in node.targets() {
            let text = if target.column == Column::PARAMS {
                object_text(value)
                    .filter(|text| members.is_some() || object::names(text).is_ok())
                    .map(Cow::Borrowed)
            } else {
                self.accepts(target.column, value).map(|_| scalar(value))
            };
            if let Some(text) = text {
                finds.offer(target.column, Find { rank: target.rank, text, field });
            }
        }
        for (name, value) in members.unwrap_or_default() {
            if let Some(child) = self.paths.child(node, &name) {
                self.visit_object(child, &value, None, finds);
            }
        }
    }

    /// The text of a value that a column can hold.
    fn accepts<'v>(&self, column: Column, value: &'v Value<'_>) -> Option<&'v str> {
        let text = match value {
            Value::Json(raw) if raw.starts_with(['{', '[']) => return None,
            Value::Json(raw) => raw,
            Value::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => return None,
            Value::Text(text) => text.as_ref(),
        };
        let usable = match column {
            Column::SOURCE => values::source(text).is_some(),
            column if column == Column::text(self.known.outcome) => !values::is_number(value),
            _ => true,
        };
        usable.then_some(text)
    }

    fn timestamp(&self, record: &Record<'_>, finds: &Finds<'_>) -> Result<i64, (Reason, String)> {
        let find = finds.get(Column::TIMESTAMP).ok_or_else(|| self.missing(Column::TIMESTAMP, record))?;
        time::parse_text(&find.text, self.zone_s).map_err(|detail| (Reason::BadTimestamp, detail))
    }

    /// Finds what the activity is called and where it comes from.
    fn activity<'r>(
        &self,
        record: &Record<'_>,
        finds: &mut Finds<'r>,
    ) -> Result<Named<'r>, (Reason, String)> {
        let find = finds.get(Column::ACTIVITY).ok_or_else(|| self.missing(Column::ACTIVITY, record))?;
        let raw = find.text.clone();
        let own = finds.get(Column::SOURCE).and_then(|find| values::source(&find.text));
        let stated = own.or(self.source);
        let unknown = stated.unwrap_or(Source::Cis);
        if let Some(activities) = &self.activities {
            let meaning = activities.find(raw.trim_ascii()).or(match activities.other {
                Other::Means(meaning) => Some(meaning),
                Other::Keep | Other::Catalogue => None,
            });
            if let Some(Meaning { key, fails }) = meaning {
                let step_id = if self.known.step_id_is_mapped {
                    finds.keep(Column::ACTIVITY);
                    None
                } else {
                    Some(raw)
                };
                return Ok(Named { source: unknown, activity: Cow::Borrowed(key), fails, step_id });
            }
            if activities.other == Other::Keep {
                return Ok(Named { source: unknown, activity: raw, fails: false, step_id: None });
            }
        }
        let types = catalogue::candidates(&raw);
        let of = |source| types.iter().find(|event_type| event_type.source == source);
        let administrative = self.known.actors.iter().any(|column| finds.get(*column).is_some());
        let event_type = match stated {
            Some(source) => of(source),
            None if types.len() > 1 && administrative => of(Source::Admin).or(types.first()),
            None => of(Source::Cis).or(types.first()),
        };
        Ok(match event_type {
            Some(found) => Named {
                source: found.source,
                activity: Cow::Borrowed(found.key),
                fails: false,
                step_id: None,
            },
            None => Named { source: unknown, activity: raw, fails: false, step_id: None },
        })
    }

    /// The normal word for the outcome, where there is one. A word that says more stays in the parameters.
    fn outcome(&self, finds: &mut Finds<'_>, fails: bool) -> Option<&'static str> {
        let column = Column::text(self.known.outcome);
        let word = finds.get(column).map(|find| find.text.as_ref());
        let normal = if fails { Some(FAILURE) } else { word.and_then(|word| meaning(&self.outcomes, word)) }?;
        if word.is_some_and(|word| !word.eq_ignore_ascii_case(normal)) {
            finds.keep(column);
        }
        Some(normal)
    }

    fn missing(&self, column: Column, record: &Record<'_>) -> (Reason, String) {
        let looked: Vec<&str> = self
            .path_lists()
            .filter(|(listed, _)| *listed == column)
            .flat_map(|(_, paths)| paths.iter().map(String::as_str))
            .collect();
        let seen: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_ref()).collect();
        let seen = if seen.is_empty() { "none".into() } else { missing::shown(&seen) };
        let detail =
            format!("expected {} in {}, saw the fields {seen}", column.name(), missing::shown(&looked));
        (Reason::MissingField, detail)
    }
}

/// What an event is called.
struct Named<'r> {
    source: Source,
    activity: Cow<'r, str>,
    fails: bool,
    /// The original name where it becomes the step.
    step_id: Option<Cow<'r, str>>,
}

/// The best value so far for every column.
struct Finds<'r> {
    values: [Option<Find<'r>>; COLUMNS],
    /// The columns that have a value, as bits: most have none.
    present: u64,
}

struct Find<'r> {
    rank: u32,
    /// The field of the record that the column takes over; a value inside an object stays there, too.
    field: Option<u32>,
    text: Cow<'r, str>,
}

impl<'r> Finds<'r> {
    fn offer(&mut self, column: Column, find: Find<'r>) {
        if let Some(place) = self.values.get_mut(column.index())
            && place.as_ref().is_none_or(|held| find.rank < held.rank)
        {
            *place = Some(find);
            self.present |= column.bit();
        }
    }

    /// The columns that have a value.
    fn present(&self) -> impl Iterator<Item = Column> + use<> {
        Column::of_bits(self.present)
    }

    fn get(&self, column: Column) -> Option<&Find<'r>> {
        self.values.get(column.index())?.as_ref()
    }

    fn take(&mut self, column: Column) -> Option<Cow<'r, str>> {
        self.values.get_mut(column.index())?.take().map(|find| find.text)
    }

    /// The values of all text columns.
    fn take_text(&mut self) -> [Option<Cow<'r, str>>; TEXT_COLUMNS] {
        let mut text = [const { None }; TEXT_COLUMNS];
        for column in self.present() {
            if let Some(place) = column.text_place().and_then(|place| text.get_mut(place)) {
                *place = self.take(column);
            }
        }
        text
    }

    /// Leaves the field in the parameters although a column has its value.
    fn keep(&mut self, column: Column) {
        if let Some(Some(find)) = self.values.get_mut(column.index()) {
            find.field = None;
        }
    }

    fn integer(&mut self, column: Column) -> Option<i64> {
        match values::integer(&self.get(column)?.text) {
            Some(Integer::Exact(number)) => Some(number),
            Some(Integer::Rounded(number)) => {
                self.keep(column);
                Some(number)
            }
            None => {
                self.keep(column);
                None
            }
        }
    }

    /// For every field of the record whether a column took it over.
    fn taken(&self, record: &Record<'_>) -> Vec<bool> {
        let mut taken = vec![false; record.fields.len()];
        for column in self.present() {
            let field = self.get(column).and_then(|find| find.field);
            if let Some(place) = field.and_then(|field| taken.get_mut(field as usize)) {
                *place = true;
            }
        }
        taken
    }
}

/// A path with `additional_params` at its start, under each name that the parameters may have.
fn spelled_out(path: &str, column: Column, mapping: &Mapping) -> Vec<String> {
    let Some(tail) = path.strip_prefix("additional_params.").filter(|_| column != Column::PARAMS) else {
        return vec![path.to_owned()];
    };
    let mut paths = Vec::new();
    for candidate in mapping.columns.get(&Column::PARAMS).into_iter().flatten() {
        if let Candidate::Path(params) = candidate {
            paths.push(format!("{params}.{tail}"));
        }
    }
    if paths.is_empty() { vec![path.to_owned()] } else { paths }
}

/// The text of a value as it came.
fn scalar<'r>(value: &Value<'r>) -> Cow<'r, str> {
    match value {
        Value::Json(raw) => Cow::Borrowed(raw),
        Value::Text(text) => text.clone(),
    }
}

/// What may be the text of an object: a JSON value, or a text that holds one.
fn object_text<'r>(value: &Value<'r>) -> Option<&'r str> {
    let text = match value {
        Value::Json(raw) => *raw,
        Value::Text(Cow::Borrowed(text)) => text.trim_ascii(),
        Value::Text(Cow::Owned(_)) => return None,
    };
    text.starts_with('{').then_some(text)
}
