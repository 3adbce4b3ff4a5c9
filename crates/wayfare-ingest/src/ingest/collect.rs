//! Blocks in, parts out: the threads of an ingest and the order between them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;

use super::batch_id::BatchId;
use super::parse::{ParsedBlock, parse};
use super::part::Part;
use super::plausible::Plausible;
use super::repeats::Repeats;
use super::spool::Spool;
use super::{IngestOptions, IngestProgress};
use crate::decode::{Block, Decoder};
use crate::pseudonym::Pseudonyms;
use crate::store::SETTINGS_FILE;
use crate::{Error, Result};

/// Blocks that wait between two stages, for each worker; with blocks of about 1 MiB this bounds the memory.
const BLOCKS_WAITING_MAX: usize = 2;

type Numbered<T> = (u64, T);

/// The running threads of one input, seen from the consuming end. While a part is written, the next one is gathered.
pub(super) struct Collector {
    parts: Receiver<Result<Part>>,
    gatherer: Option<JoinHandle<Option<Error>>>,
}

/// Puts parsed blocks together.
struct Gatherer {
    parsed: Receiver<Numbered<Result<ParsedBlock>>>,
    early: BTreeMap<u64, Result<ParsedBlock>>,
    next_number: u64,
    /// The block behind the last part, looked at to tell whether that was the last one.
    ahead: Option<Result<ParsedBlock>>,
    damage: Option<Error>,
    batch: BatchId,
    part_records: u64,
    /// Records of all parts so far.
    read: u64,
    /// Numbers of records at which parts have to end, since a part that is in the store ended there.
    ends: Vec<u64>,
    now_us: i64,
}

impl Collector {
    /// Opens the input and starts its threads. A part will end after each of `ends` records.
    pub(super) fn start(
        spool: &Spool,
        batch: &BatchId,
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
        let (block_sender, blocks) = sync_channel(workers * BLOCKS_WAITING_MAX);
        let (parsed_sender, parsed) = sync_channel(workers * BLOCKS_WAITING_MAX);
        let blocks = Arc::new(Mutex::new(blocks));
        for _ in 0..workers {
            let (blocks, sender, mapper) = (Arc::clone(&blocks), parsed_sender.clone(), Arc::clone(&mapper));
            let pseudonyms = pseudonyms.cloned();
            thread::spawn(move || {
                work(&blocks, &sender, &|block| parse(block, &mapper, plausible, pseudonyms.as_deref()));
            });
        }
        thread::spawn(move || split(decoder, &block_sender, &parsed_sender));
        let mut gatherer = Gatherer {
            parsed,
            early: BTreeMap::new(),
            next_number: 0,
            ahead: None,
            damage: None,
            batch: batch.clone(),
            part_records: options.part_records,
            read: 0,
            ends,
            now_us: options.now_ms.saturating_mul(1_000),
        };
        // No part waits between the two: one is written, one is gathered.
        let (sender, parts) = sync_channel(0);
        let gatherer = thread::spawn(move || {
            while let Some(part) = gatherer.next_part().transpose() {
                if sender.send(part).is_err() {
                    break;
                }
            }
            gatherer.damage
        });
        Ok(Self { parts, gatherer: Some(gatherer) })
    }

    /// The next part; `None` when the input is at its end or broke off.
    ///
    /// # Errors
    /// `Internal` when columns do not fit together.
    pub(super) fn next_part(&mut self) -> Result<Option<Part>> {
        self.parts.recv().ok().transpose()
    }

    /// Why the input broke off, once the parts are at their end.
    pub(super) fn damage(mut self) -> Option<Error> {
        let ended = self.gatherer.take().map(JoinHandle::join)?;
        ended.unwrap_or_else(|_panic| Some(Error::internal("a thread of the ingest panicked")))
    }
}

impl Gatherer {
    /// Gathers the next part; `None` when the input is at its end or broke off.
    ///
    /// # Errors
    /// `Internal` when columns do not fit together.
    fn next_part(&mut self) -> Result<Option<Part>> {
        let mut part = Part::default();
        let mut repeats = Repeats::default();
        while part.read == 0
            || (part.read < self.part_records && !self.ends.contains(&(self.read + part.read)))
        {
            match self.next_block() {
                None => break,
                Some(Ok(block)) => self.add(&mut part, &mut repeats, block)?,
                Some(Err(damage)) => {
                    self.damage = Some(damage);
                    break;
                }
            }
        }
        self.read += part.read;
        self.ahead = self.next_block();
        part.is_last = self.ahead.is_none() && self.damage.is_none();
        Ok((part.read > 0).then_some(part))
    }

    /// The next block in input order.
    fn next_block(&mut self) -> Option<Result<ParsedBlock>> {
        if self.damage.is_some() {
            return None;
        }
        if let Some(block) = self.ahead.take() {
            return Some(block);
        }
        loop {
            if let Some(block) = self.early.remove(&self.next_number) {
                self.next_number += 1;
                return Some(block);
            }
            let (number, block) = self.parsed.recv().ok()?;
            self.early.insert(number, block);
        }
    }

    fn add(&self, part: &mut Part, repeats: &mut Repeats, block: ParsedBlock) -> Result<()> {
        part.read += block.read;
        part.rejects.extend(block.rejects);
        let finals: Vec<Option<[u8; 16]>> =
            block.events.identities().iter().map(|&identity| repeats.resolve(identity)).collect();
        let ids: Vec<[u8; 16]> = finals.iter().map(|id| id.unwrap_or_default()).collect();
        let rows = block.events.finish(&ids, self.batch.as_str(), self.now_us)?;
        let repeated = finals.iter().filter(|id| id.is_none()).count();
        part.duplicates += repeated as u64;
        part.batches.push(if repeated == 0 { rows } else { keep(&rows, &finals)? });
        Ok(())
    }
}

fn keep(rows: &RecordBatch, finals: &[Option<[u8; 16]>]) -> Result<RecordBatch> {
    let first: BooleanArray = finals.iter().map(|id| Some(id.is_some())).collect();
    filter_record_batch(rows, &first)
        .map_err(|cause| Error::internal("cannot drop repeated rows").because(cause))
}

/// Splits the input into numbered blocks; a failure takes the number of the block it replaces.
fn split(
    decoder: Decoder,
    blocks: &SyncSender<Numbered<Block>>,
    parsed: &SyncSender<Numbered<Result<ParsedBlock>>>,
) {
    for (number, block) in (0..).zip(decoder) {
        let sent = match block {
            Ok(block) => blocks.send((number, block)).is_ok(),
            Err(damage) => parsed.send((number, Err(damage))).is_ok(),
        };
        if !sent {
            return;
        }
    }
}

fn work(
    blocks: &Mutex<Receiver<Numbered<Block>>>,
    parsed: &SyncSender<Numbered<Result<ParsedBlock>>>,
    parse: &dyn Fn(&Block) -> ParsedBlock,
) {
    loop {
        let received = match blocks.lock() {
            Ok(queue) => queue.recv(),
            Err(_poisoned) => return,
        };
        let Ok((number, block)) = received else { return };
        if parsed.send((number, Ok(parse(&block)))).is_err() {
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
