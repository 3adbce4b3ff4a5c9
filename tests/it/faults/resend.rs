//! Batches sent again: at once, late, in another order, after a restart, after compaction.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use wayfare_query::{Engine, EngineOptions, Store as Opened};

use super::{Dice, NOW_MS, counts, events_of, id_of, runtime, say, take_in};
use crate::harness::{Store, from_environment};

/// Batches that wait to be sent, of which any may be next.
const WAITING: usize = 16;

/// Sendings between two compactions, and between two restarts.
const COMPACTED_EVERY: u64 = 97;
const RESTARTED_EVERY: u64 = 31;

fn open(store: &Path) -> Engine {
    let opened = Opened::open(store).unwrap();
    Engine::new(Arc::new(opened), EngineOptions::default())
}

/// `WAYFARE_RESENDS`: how many batches; each is sent once to four times.
#[test]
fn a_batch_sent_again_counts_once() {
    let batches = from_environment("WAYFARE_RESENDS", 60);
    let mut dice = Dice::new("resend");
    let beside = Store::new();
    let runtime = runtime();
    let mut engine = runtime.block_on(async {
        drop(Opened::open_or_create(&beside.path()).await.unwrap());
        open(&beside.path())
    });
    let folder = beside.beside("batches");
    fs::create_dir(&folder).unwrap();
    let mut waiting = VecDeque::new();
    let (mut next, mut sent, mut fresh) = (0, 0, BTreeMap::<u64, u64>::new());
    while next < batches || !waiting.is_empty() {
        while next < batches && waiting.len() < WAITING {
            waiting.extend(std::iter::repeat_n(next, 1 + dice.index(4)));
            next += 1;
        }
        let chosen = dice.index(waiting.len());
        let number = waiting.swap_remove_back(chosen).unwrap();
        if runtime.block_on(take_in(engine.store(), &folder, number)) {
            *fresh.entry(number).or_default() += 1;
        }
        sent += 1;
        if sent % COMPACTED_EVERY == 0 {
            runtime.block_on(engine.compact(NOW_MS, &|_, _, _| ())).unwrap();
        }
        if sent % RESTARTED_EVERY == 0 {
            engine = open(&beside.path());
        }
    }
    assert_eq!(fresh.len() as u64, batches);
    assert!(fresh.values().all(|&times| times == 1), "stored twice: {fresh:?}");
    let expected: BTreeMap<String, u64> =
        (0..batches).map(|number| (id_of(number), events_of(number))).collect();
    assert_eq!(counts(&beside.path()), expected);
    say(&format!("resend: {batches} batches sent {sent} times in any order, each stored once"));
}
