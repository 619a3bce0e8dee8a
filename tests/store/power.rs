//! Loss of power: SQLite on a file layer that remembers what was synced, cut at every sync of a workload.
//!
//! The layer keeps each file twice: as the process sees it, and as the disk would have it, which is what was written
//! before the last sync of that file. In between lies the list of writes that were not synced. At every sync, before it
//! takes effect, the test makes several pictures of what a disk could hold if power failed at that moment: all that was
//! synced, and of the rest any selection, each write whole, lost, or torn between sectors of 512 bytes. Then the store
//! is opened from each picture, with SQLite's own file layer, and compared with the batches that were acknowledged.
//!
//! Modelled: lost, reordered and torn writes to the file and its log, cuts during commits, checkpoints, upkeep and the
//! making of the store. Not modelled: sectors that come back with other contents than were ever written to them, disks
//! that say "synced" when they have not, lost directory entries (a file that was created exists, and one that was
//! deleted does not), and the shared-memory file, which SQLite builds anew after a crash (here it is in exclusive mode,
//! without one).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kew::internals::engine::{Effect, MessageId};
use kew::internals::store::sqlite::Options;
use kew::internals::store::{Change, Durability, SqliteStore, Store, StoreError};
use sqlite_vfs::{DatabaseHandle, LockKind, OpenKind, OpenOptions, Vfs, wip};

use crate::support::*;

const SECTOR: usize = 512;

/// Pictures made at each sync.
const PICTURES: usize = 3;

#[derive(Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Write {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Write::Bytes(at, bytes) => {
                data.resize(data.len().max(at + bytes.len()), 0);
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Write::Length(length) => data.resize(*length, 0),
        }
    }
}

#[derive(Clone, Default)]
struct Contents {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

impl Contents {
    /// What the disk could hold now.
    fn picture(&self, random: &mut Random) -> Vec<u8> {
        let mut data = self.durable.clone();
        // Sometimes all or nothing, otherwise a selection.
        let share = [0, 100, 50, 90][random.below(4) as usize];
        for write in &self.unsynced {
            if random.below(100) >= share {
                continue;
            }
            match write {
                Write::Bytes(at, bytes) if random.below(4) == 0 => {
                    let sectors = bytes.chunks(SECTOR).enumerate();
                    for (index, sector) in sectors.filter(|_| random.below(2) == 0) {
                        Write::Bytes(at + index * SECTOR, sector.to_vec()).apply(&mut data);
                    }
                }
                write => write.apply(&mut data),
            }
        }
        data
    }
}

type Picture = BTreeMap<String, Vec<u8>>;

struct Cut {
    acknowledged: usize,
    submitted: usize,
    /// What stands beside the database at that moment.
    note: Vec<u8>,
    picture: Picture,
}

struct Disk {
    files: BTreeMap<String, Contents>,
    /// The note of the last commit. It is not synced, so the disk may have this one or an older one.
    note: PathBuf,
    random: Random,
    acknowledged: usize,
    submitted: usize,
    cuts: Vec<Cut>,
    syncs: usize,
    log_syncs: usize,
    /// Syncs fail from now on.
    broken: bool,
}

impl Disk {
    fn cut(&mut self) {
        let before = self.cuts.len();
        let note = fs::read(&self.note).unwrap_or_default();
        for _ in 0..PICTURES {
            let random = &mut self.random;
            let picture: Picture = self.files.iter().map(|(name, file)| (name.clone(), file.picture(random))).collect();
            // With everything synced there is only one.
            if self.cuts[before..].iter().all(|cut| cut.picture != picture) {
                let (acknowledged, submitted) = (self.acknowledged, self.submitted);
                self.cuts.push(Cut { acknowledged, submitted, note: note.clone(), picture });
            }
        }
    }

    fn sync(&mut self, name: &str) {
        self.cut();
        self.syncs += 1;
        self.log_syncs += usize::from(name.ends_with("-wal"));
        let file = self.files.get_mut(name).unwrap();
        file.durable.clone_from(&file.seen);
        file.unsynced.clear();
    }
}

#[derive(Clone)]
struct Layer(Arc<Mutex<Disk>>);

struct Handle {
    disk: Arc<Mutex<Disk>>,
    name: String,
    lock: LockKind,
}

impl Handle {
    fn with<T>(&self, act: impl FnOnce(&mut Contents) -> T) -> T {
        act(self.disk.lock().unwrap().files.entry(self.name.clone()).or_default())
    }

    fn write(&mut self, write: Write) {
        self.with(|file| {
            write.apply(&mut file.seen);
            file.unsynced.push(write);
        });
    }
}

impl Vfs for Layer {
    type Handle = Handle;

    fn open(&self, name: &str, options: OpenOptions) -> Result<Handle, Error> {
        assert_ne!(options.kind, OpenKind::TempDb);
        let handle = Handle { disk: Arc::clone(&self.0), name: name.into(), lock: LockKind::None };
        handle.with(|_| ());
        Ok(handle)
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        let deleted = self.0.lock().unwrap().files.remove(name);
        deleted.map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self.0.lock().unwrap().files.contains_key(name))
    }

    fn temporary_name(&self) -> String {
        "temporary".into()
    }

    fn random(&self, buffer: &mut [i8]) {
        let random = &mut self.0.lock().unwrap().random;
        buffer.fill_with(|| random.below(256) as u8 as i8);
    }

    fn sleep(&self, duration: Duration) -> Duration {
        duration
    }
}

impl DatabaseHandle for Handle {
    type WalIndex = NoIndex;

    fn size(&self) -> Result<u64, Error> {
        Ok(self.with(|file| file.seen.len()) as u64)
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        let at = offset as usize;
        self.with(|file| {
            let there = file.seen.get(at..at + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(there);
            Ok(())
        })
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.write(Write::Bytes(offset as usize, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self, _: bool) -> Result<(), Error> {
        let mut disk = self.disk.lock().unwrap();
        if disk.broken {
            return Err(Error::other("the disk is gone"));
        }
        disk.sync(&self.name);
        Ok(())
    }

    fn set_len(&mut self, size: u64) -> Result<(), Error> {
        self.write(Write::Length(size as usize));
        Ok(())
    }

    fn lock(&mut self, lock: LockKind) -> Result<bool, Error> {
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    fn current_lock(&self) -> Result<LockKind, Error> {
        Ok(self.lock)
    }

    fn wal_index(&self, _: bool) -> Result<NoIndex, Error> {
        Err(ErrorKind::Unsupported.into())
    }
}

struct NoIndex;

impl wip::WalIndex for NoIndex {
    fn enabled() -> bool {
        false
    }

    fn map(&mut self, _: u32) -> Result<[u8; 32768], Error> {
        Err(ErrorKind::Unsupported.into())
    }

    fn lock(&mut self, _: Range<u8>, _: wip::WalIndexLock) -> Result<bool, Error> {
        Ok(true)
    }

    fn delete(self) -> Result<(), Error> {
        Ok(())
    }
}

/// What a store holds: the numbers of the messages, and the next number. `None` before the queue was created.
type Held = Option<(BTreeSet<u64>, u64)>;

/// Random sends, receives, deletes and purges in batches of one to a dozen, and what is held after each of them.
struct Workload {
    random: Random,
    held: BTreeSet<u64>,
    next_number: u64,
}

impl Workload {
    fn batch(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.random.below(40) == 0 {
            self.held.clear();
            changes.push(purge(7, self.next_number));
        }
        for _ in 0..=self.random.below(12) {
            if self.random.below(5) < 3 || self.held.is_empty() {
                let number = self.next_number;
                self.next_number += 1;
                // Some are long, and stand apart.
                let length = if self.random.below(8) == 0 { 9_000 } else { self.random.below(900) };
                changes.push(store(7, number, &"x".repeat(length as usize)));
                let (id, deduplication_id) = (MessageId([1; 16]), number.to_string().into());
                let effect = Effect::Remembered { group: None, deduplication_id, first_sent: NOW, id, number };
                changes.push(Change::Effect { queue: 7, effect });
                self.held.insert(number);
            } else {
                let which = self.random.below(self.held.len() as u64) as usize;
                let number = *self.held.iter().nth(which).unwrap();
                self.held.remove(&number);
                changes.push(remove(7, number));
            }
        }
        changes
    }
}

/// Opens what a disk holds after the cut.
fn after(picture: &Picture, note: &[u8]) -> Held {
    let dir = tempfile::tempdir().unwrap();
    for (name, data) in picture {
        let name = Path::new(name).file_name().unwrap();
        fs::write(dir.path().join(name), data).unwrap();
    }
    if !note.is_empty() {
        fs::write(dir.path().join("kew.last-commit"), note).unwrap();
    }
    // The machine was started again.
    let options = Options { boot: Some("another".into()), ..Options::default() };
    let mut opened =
        SqliteStore::open_with(dir.path(), Durability::Process, options).expect("it opens after any loss of power");
    let mut world = load(&mut opened, NOW).expect("it is whole after any loss of power");
    let numbers = world.bodies.remove(&7)?.into_keys().collect();
    Some((numbers, world.next_numbers[&7]))
}

/// A store on a disk of its own.
fn on_a_disk(dir: &Path, durability: Durability, seed: u64) -> (Arc<Mutex<Disk>>, SqliteStore) {
    let disk = Disk {
        files: BTreeMap::new(),
        note: dir.join("kew.last-commit"),
        random: Random(seed),
        acknowledged: 0,
        submitted: 0,
        cuts: Vec::new(),
        syncs: 0,
        log_syncs: 0,
        broken: false,
    };
    let disk = Arc::new(Mutex::new(disk));
    let name = format!("power-{durability:?}-{seed}");
    sqlite_vfs::register(&name, Layer(Arc::clone(&disk)), false).unwrap();
    // The log is moved into the file every few commits.
    let options = Options { vfs: Some(name), log_pages: Some(60), ..Options::default() };
    let store = SqliteStore::open_with(dir, durability, options).unwrap();
    (disk, store)
}

fn run(durability: Durability, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let (disk, mut cutting) = on_a_disk(dir.path(), durability, seed);

    let mut workload = Workload { random: Random(!seed), held: BTreeSet::new(), next_number: 1 };
    let mut held: Vec<Held> = vec![None];
    for batch in 1..=60 {
        let changes = if batch == 1 { vec![queue(7)] } else { workload.batch() };
        let next_number = if batch == 1 { 0 } else { workload.next_number };
        held.push(Some((workload.held.clone(), next_number)));
        disk.lock().unwrap().submitted = batch;
        cutting.commit(NOW, changes).unwrap();
        disk.lock().unwrap().acknowledged = batch;
        // The moment after an acknowledgement is the one that counts.
        disk.lock().unwrap().cut();
        cutting.upkeep(NOW).unwrap();
    }
    drop(cutting);
    let mut disk = disk.lock().unwrap();
    disk.cut();
    let least = if durability == Durability::Full { 60 } else { 3 };
    assert!(disk.log_syncs >= least, "only {} syncs of the log", disk.log_syncs);
    assert!(disk.syncs > disk.log_syncs + 3, "the file was never synced");

    for (index, cut) in disk.cuts.iter().enumerate() {
        let found = after(&cut.picture, &cut.note);
        let from = if durability == Durability::Full { cut.acknowledged } else { 0 };
        let batch = (from..=cut.submitted).find(|&batch| held[batch] == found);
        assert!(
            batch.is_some(),
            "seed {seed}, cut {index}: after {} acknowledged batches the disk held {found:?}, not {:?}",
            cut.acknowledged,
            held[cut.acknowledged],
        );
    }
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power() {
    for seed in 1..=2 {
        run(Durability::Full, seed);
    }
}

#[test]
fn with_process_durability_the_file_stays_whole_and_loses_only_the_latest_batches() {
    run(Durability::Process, 1);
}

#[test]
fn after_a_failed_sync_nothing_is_written_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, mut failing) = on_a_disk(dir.path(), Durability::Full, 99);
    failing.commit(NOW, vec![queue(7), store(7, 1, "acknowledged")]).unwrap();
    disk.lock().unwrap().broken = true;
    let error = failing.commit(NOW, vec![store(7, 2, "not")]).unwrap_err();
    assert!(matches!(error, StoreError::SyncFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("check the disk"), "{error}");
    // A second sync might succeed without having written what the first one lost.
    disk.lock().unwrap().broken = false;
    let synced = disk.lock().unwrap().syncs;
    assert_eq!(failing.commit(NOW, vec![store(7, 3, "not either")]), Err(error.clone()));
    assert_eq!(failing.upkeep(NOW), Err(error));
    drop(failing);
    let mut disk = disk.lock().unwrap();
    assert_eq!(disk.syncs, synced, "not even when it is closed");
    disk.cut();
    let last = disk.cuts.last().unwrap();
    let (numbers, _) = after(&last.picture, &last.note).unwrap();
    assert!(numbers.contains(&1) && !numbers.contains(&3), "{numbers:?}");
}
