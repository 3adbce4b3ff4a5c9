//! Blocks in, parts out: the threads of an ingest and the order between them.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::parse::{ParsedBlock, parse};
use super::part::Part;
use super::plausible::Plausible;
use super::repeats::Repeats;
use super::spool::Spool;
use super::{IngestOptions, IngestProgress};
use crate::decode::{Block, Decoder};
use crate::event::EventBuilder;
use crate::pseudonym::Pseudonyms;
use crate::spares::Spares;
use crate::store::SETTINGS_FILE;
use crate::{Error, Result};

/// Blocks that wait before and behind each worker; with blocks of about 1 MiB this bounds the memory.
const BLOCKS_WAITING_MAX: usize = 2;

/// A part ends with the block in which its lines reach this size: of long ones fewer fit into memory.
const PART_BYTES: usize = 64 << 20;

/// The running threads of one input, seen from the consuming end. While a part is written, the next one is gathered.
pub(super) struct Collector {
    parts: Receiver<Part>,
    gatherer: Option<JoinHandle<Option<Error>>>,
}

/// Puts parsed blocks together.
struct Gatherer {
    /// What each worker gives; the blocks go round.
    parsed: Vec<Receiver<Result<ParsedBlock>>>,
    /// Blocks taken so far.
    taken: usize,
    /// The block behind the last part, looked at to tell whether that was the last one.
    ahead: Option<Result<ParsedBlock>>,
    damage: Option<Error>,
    repeats: Repeats,
    /// Builders of blocks, and of parts.
    spares: Arc<Spares<EventBuilder>>,
    part_spares: Arc<Spares<EventBuilder>>,
    part_records: u64,
    /// Records of all parts so far.
    read: u64,
    /// Numbers of records at which parts have to end, since a part that is in the store ended there.
    ends: Vec<u64>,
}

impl Collector {
    /// Opens the input and starts its threads. A part will end after each of `ends` records.
    pub(super) fn start(
        spool: &Spool,
        options: &IngestOptions,
        progress: &Arc<dyn IngestProgress>,
        (settings, pseudonyms): (&crate::store::Settings, Option<&Arc<Pseudonyms>>),
        ends: Vec<u64>,
    ) -> Result<Self> {
        let counted = CountingReader { file: spool.open()?, progress: Arc::clone(progress) };
        let decoder = Decoder::open(Arc::clone(&spool.name), Box::new(counted), &options.limits)?;
        let mapping = options.mapping.clone().override_columns(&settings.to_text()?, SETTINGS_FILE)?;
        let mapping = mapping.or_zone(settings.zone.as_deref())?;
        let mapper = Arc::new(mapping.compile(options.source));
        if let Some(header) = decoder.header() {
            mapper.check_header(&spool.name, header)?;
        }
        let plausible = Plausible::at(options.now_ms, &options.limits, &options.mapping);
        let workers = options.threads.max(1);
        let spares = Arc::new(Spares::<EventBuilder>::default());
        let (mut senders, mut parsed) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (block_sender, blocks) = sync_channel(BLOCKS_WAITING_MAX);
            let (parsed_sender, parsed_receiver) = sync_channel(BLOCKS_WAITING_MAX);
            senders.push(block_sender);
            parsed.push(parsed_receiver);
            let (mapper, pseudonyms, spares) =
                (Arc::clone(&mapper), pseudonyms.cloned(), Arc::clone(&spares));
            thread::spawn(move || {
                work(&blocks, &parsed_sender, &|block| {
                    parse(block, spares.take(), &mapper, plausible, pseudonyms.as_deref())
                });
            });
        }
        thread::spawn(move || split(decoder, &senders));
        let mut gatherer = Gatherer {
            parsed,
            taken: 0,
            ahead: None,
            damage: None,
            repeats: Repeats::default(),
            spares: Arc::clone(&spares),
            part_spares: Arc::default(),
            part_records: options.part_records,
            read: 0,
            ends,
        };
        // No part waits between the two: one is written, one is gathered.
        let (sender, parts) = sync_channel(0);
        let gatherer = thread::spawn(move || {
            while let Some(part) = gatherer.next_part() {
                if sender.send(part).is_err() {
                    break;
                }
            }
            gatherer.damage
        });
        Ok(Self { parts, gatherer: Some(gatherer) })
    }

    /// The next part; `None` when the input is at its end or broke off.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        self.parts.recv().ok()
    }

    /// Why the input broke off, once the parts are at their end.
    pub(super) fn damage(mut self) -> Option<Error> {
        let ended = self.gatherer.take().map(JoinHandle::join)?;
        ended.unwrap_or_else(|_panic| Some(Error::internal("a thread of the ingest panicked")))
    }
}

impl Gatherer {
    /// Gathers the next part; `None` when the input is at its end or broke off.
    fn next_part(&mut self) -> Option<Part> {
        let spares = Arc::clone(&self.part_spares);
        let mut part = Part { events: spares.take(), spares, ..Part::default() };
        self.repeats.clear();
        while part.read == 0
            || (part.read < self.part_records
                && part.bytes < PART_BYTES
                && !self.ends.contains(&(self.read + part.read)))
        {
            match self.next_block() {
                None => break,
                Some(Ok(block)) => self.add(&mut part, block),
                Some(Err(damage)) => {
                    self.damage = Some(damage);
                    break;
                }
            }
        }
        self.read += part.read;
        self.ahead = self.next_block();
        part.is_last = self.ahead.is_none() && self.damage.is_none();
        (part.read > 0).then_some(part)
    }

    /// The next block in input order.
    fn next_block(&mut self) -> Option<Result<ParsedBlock>> {
        if self.damage.is_some() {
            return None;
        }
        if let Some(block) = self.ahead.take() {
            return Some(block);
        }
        let worker = self.taken % self.parsed.len();
        self.taken += 1;
        self.parsed.get(worker)?.recv().ok()
    }

    fn add(&mut self, part: &mut Part, block: ParsedBlock) {
        part.read += block.read;
        part.bytes += block.bytes;
        part.rejects.extend(block.rejects);
        part.events.extend(&block.events);
        for identity in block.events.identities() {
            let id = self.repeats.resolve(*identity);
            part.duplicates += u64::from(id.is_none());
            part.ids.push(id);
        }
        let mut events = block.events;
        events.clear();
        self.spares.give(events);
    }
}

/// Splits the input into blocks and deals them out to the workers in turn.
fn split(decoder: Decoder, workers: &[SyncSender<Result<Block>>]) {
    for (block, worker) in decoder.zip(workers.iter().cycle()) {
        if worker.send(block).is_err() {
            return;
        }
    }
}

fn work(
    blocks: &Receiver<Result<Block>>,
    parsed: &SyncSender<Result<ParsedBlock>>,
    parse: &dyn Fn(&Block) -> ParsedBlock,
) {
    for block in blocks {
        if parsed.send(block.map(|block| parse(&block))).is_err() {
            return;
        }
    }
}

/// Counts the bytes that leave the file.
struct CountingReader {
    file: File,
    progress: Arc<dyn IngestProgress>,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.progress.bytes(count as u64);
        Ok(count)
    }
}
