//! A disk for tests: it fails at any call, and forgets at a power cut what was not synced.
//!
//! Changes are made for real, so that everything else reads them, and noted. [`Simulated::cut`] then gives what
//! a disk may hold after a power cut: of the names that were not synced, any may be lost; of the bytes that
//! were not synced, any part.
//!
//! The tests of the whole program read this file, too, as a module of theirs.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Disk, DiskFile, LocalDisk};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails, and so does every later one: the process is gone.
    Dies,
    /// The call alone fails.
    Fails(ErrorKind),
}

type Node = u64;

#[derive(Debug, Default)]
struct State {
    calls: u64,
    fault: Option<(u64, Fault)>,
    is_dead: bool,
    next: Node,
    names: BTreeMap<PathBuf, Node>,
    bytes: HashMap<Node, Vec<u8>>,
    synced_bytes: HashMap<Node, Vec<u8>>,
    synced_names: BTreeMap<PathBuf, Node>,
    /// Changes of names since their folder was synced; those of one call belong together.
    unsynced: Vec<Vec<(PathBuf, Option<Node>)>>,
}

/// The disk.
#[derive(Debug, Clone)]
pub(crate) struct Simulated {
    base: PathBuf,
    state: Arc<Mutex<State>>,
}

/// A small generator of numbers, the same for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count.max(1)
    }
}

impl Simulated {
    /// A disk whose changes lie below `base`, which is there and survives.
    pub(crate) fn new(base: &Path) -> Self {
        Self { base: base.to_path_buf(), state: Arc::default() }
    }

    /// A disk that holds all that lies below `base`, and does not forget it.
    pub(crate) fn over(base: &Path) -> Self {
        let disk = Self::new(base);
        let mut state = disk.state.lock().unwrap();
        let mut folders = vec![base.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let node = state.node();
                if path.is_dir() {
                    folders.push(path.clone());
                } else {
                    let bytes = fs::read(&path).unwrap();
                    state.bytes.insert(node, bytes.clone());
                    state.synced_bytes.insert(node, bytes);
                }
                state.names.insert(path.clone(), node);
                state.synced_names.insert(path, node);
            }
        }
        drop(state);
        disk
    }

    /// The fault at call number `at`, from 0.
    pub(crate) fn with_fault(self, at: u64, fault: Fault) -> Self {
        self.state.lock().unwrap().fault = Some((at, fault));
        self
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls
    }

    /// Writes below `image` what may be left after a power cut.
    pub(crate) fn cut(&self, image: &Path, dice: &mut Dice) {
        let state = self.state.lock().unwrap();
        // one time nothing, one time everything, else any of what was not synced has reached the disk
        let luck = dice.below(4);
        let mut names = state.synced_names.clone();
        for changes in &state.unsynced {
            if luck == 0 || (luck > 1 && dice.below(2) == 0) {
                continue;
            }
            for (path, node) in changes {
                match node {
                    Some(node) => drop(names.insert(path.clone(), *node)),
                    None => drop(names.remove(path)),
                }
            }
        }
        for (path, node) in &names {
            let inside = path.strip_prefix(&self.base).unwrap();
            // a folder that was lost took its content with it
            let whole = inside
                .ancestors()
                .skip(1)
                .all(|folder| folder.as_os_str().is_empty() || names.contains_key(&self.base.join(folder)));
            if !whole {
                continue;
            }
            let Some(bytes) = state.bytes.get(node) else {
                fs::create_dir_all(image.join(inside)).unwrap();
                continue;
            };
            let left = match state.synced_bytes.get(node) {
                Some(synced) if synced.len() == bytes.len() => bytes.clone(),
                _ => match dice.below(4) {
                    0 => Vec::new(),
                    1 => vec![0; bytes.len()],
                    2 => bytes.iter().copied().take(bytes.len() / 2).collect(),
                    _ => bytes.clone(),
                },
            };
            fs::write(image.join(inside), left).unwrap();
        }
    }

    fn call<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        let number = state.calls;
        state.calls += 1;
        if let Some((at, fault)) = state.fault
            && at == number
        {
            match fault {
                Fault::Dies => state.is_dead = true,
                Fault::Fails(kind) => return Err(kind.into()),
            }
        }
        if state.is_dead {
            return Err(io::Error::other("the process was killed"));
        }
        work(&mut state)
    }
}

impl State {
    fn node(&mut self) -> Node {
        self.next += 1;
        self.next
    }

    fn change(&mut self, changes: Vec<(PathBuf, Option<Node>)>) {
        for (path, node) in &changes {
            match node {
                Some(node) => drop(self.names.insert(path.clone(), *node)),
                None => drop(self.names.remove(path)),
            }
        }
        self.unsynced.push(changes);
    }
}

impl Disk for Simulated {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.call(|state| {
            let file = LocalDisk.create(path)?;
            let node = state.node();
            state.bytes.insert(node, Vec::new());
            state.change(vec![(path.to_path_buf(), Some(node))]);
            Ok(Box::new(SimulatedFile { disk: self.clone(), node, file }) as Box<dyn DiskFile>)
        })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|state| {
            LocalDisk.create_folder(path)?;
            let node = state.node();
            state.change(vec![(path.to_path_buf(), Some(node))]);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|state| {
            LocalDisk.rename(from, to)?;
            let node = state.names.get(from).copied();
            state.change(vec![(from.to_path_buf(), None), (to.to_path_buf(), node)]);
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|state| {
            LocalDisk.link(from, to)?;
            let node = state.names.get(from).copied();
            state.change(vec![(to.to_path_buf(), node)]);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(|state| {
            LocalDisk.remove(path)?;
            state.change(vec![(path.to_path_buf(), None)]);
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|state| {
            let is_in = |changes: &Vec<(PathBuf, Option<Node>)>| {
                changes.iter().any(|(name, _)| name.parent() == Some(path))
            };
            let (synced, unsynced) = std::mem::take(&mut state.unsynced).into_iter().partition(is_in);
            state.unsynced = unsynced;
            for (name, node) in Vec::into_iter(synced).flatten() {
                match node {
                    Some(node) => drop(state.synced_names.insert(name, node)),
                    None => drop(state.synced_names.remove(&name)),
                }
            }
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Simulated,
    node: Node,
    file: Box<dyn DiskFile>,
}

impl DiskFile for SimulatedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (node, file) = (self.node, &mut self.file);
        self.disk.call(|state| {
            file.write_at(offset, bytes)?;
            let content = state.bytes.entry(node).or_default();
            let offset = usize::try_from(offset).unwrap();
            content.resize(content.len().max(offset + bytes.len()), 0);
            content[offset..offset + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let node = self.node;
        self.disk.call(|state| {
            let content = state.bytes.get(&node).cloned().unwrap_or_default();
            state.synced_bytes.insert(node, content);
            Ok(())
        })
    }
}
