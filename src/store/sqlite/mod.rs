//! The store of `--data DIR`: one SQLite file in write-ahead-log mode, one row for each message.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `schema.sql` `schema.rs` | the tables, the views for people, and the migrations |
//! | `layout.rs` | how a row id is made |
//! | `rows.rs` `row_changes.rs` | what a row is made of, and its checksum; how rows are written and taken away |
//! | `manifest.rs` | what the file must hold: totals, the number of the last commit |
//! | `last_commit.rs` | the same number beside the file |
//! | `log.rs` | SQLite's write-ahead log, read without SQLite |
//! | `lock.rs` | the lock of a directory |
//! | `open.rs` | the checks, the settings of SQLite |
//! | `errors.rs` | errors of files and of SQLite, in the words of the store |
//! | `read.rs` `columns.rs` | loading: rows become effects |
//! | `write.rs` | committing: the summary of a batch becomes one transaction |
//! | `row_ids.rs` | row ids, and what is known of each queue between commits |
//! | `upkeep.rs` | checkpoints, clearing away, giving space back |
//! | `attributes.rs` | message attributes as readable JSON |
//! | `backup.rs` | a copy of a live store |
//! | `files.rs` | files and directories that only their user may read |
//! | `check.rs` | `kew check`: looks at a store and changes nothing |
//! | `salvage.rs` | `kew salvage`: what can be read of a damaged store becomes a new one |
//!
//! Files of a data directory: `kew.sqlite3`, beside it SQLite's own `-wal` and `-shm` (part of the store: never delete
//! or copy one without the others), `kew.last-commit`, which tells whether the log is all there, and `kew.lock`, which
//! is empty of meaning when no kew runs.
//!
//! **Invariant:** the file holds everything that was acknowledged, or the store does not open. A file that is
//! damaged, foreign or of a newer schema is refused, never repaired or replaced silently, and no byte of the database
//! or its log is written before both have been found to be whole.
//!
//! **Invariant:** the size of a transaction is bounded by its batch. What would not be (a purge, a deleted queue) is
//! noted in one row and cleared away in small steps later.

mod attributes;
mod backup;
mod check;
mod columns;
mod errors;
mod files;
mod last_commit;
mod layout;
mod lock;
mod log;
mod manifest;
mod open;
mod read;
mod row_changes;
mod row_ids;
mod rows;
mod salvage;
mod schema;
mod upkeep;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::{Change, Durability, Store, StoreError, StoredItem, compact};
use crate::engine::Time;
use lock::Lock;
use manifest::Manifest;
use row_ids::RowRanges;
use rows::Totals;
use upkeep::Upkeep;

pub use backup::backup;
pub use check::{Finding, Report, check};
pub use salvage::salvage;

impl Durability {
    /// SQLite's `synchronous`.
    ///
    /// `Process` is `NORMAL` rather than `OFF`: no commit waits for the disk with either, but `NORMAL` syncs around
    /// each checkpoint (one in thousands of commits), without which a loss of power could destroy the whole file.
    fn synchronous(self) -> &'static str {
        match self {
            Durability::Full => "FULL",
            Durability::Process => "NORMAL",
        }
    }
}

/// Told of how many messages have been loaded, every [`PROGRESS_STEP`] messages.
pub type Progress = Box<dyn FnMut(u64) + Send>;

/// After this many messages, loading tells how far it has come.
pub const PROGRESS_STEP: u64 = 100_000;

/// Options for opening a store.
#[derive(Default)]
pub struct Options {
    /// Told how far loading has come.
    pub progress: Option<Progress>,
    /// The file never grows beyond this many pages of 4096 bytes; a commit that would need more fails as on a full
    /// disk.
    pub pages_max: Option<u32>,
    /// After this many pages, the write-ahead log is moved into the file; for tests.
    #[doc(hidden)]
    pub log_pages: Option<u32>,
    /// How long one attempt to begin a commit waits for another program; for tests.
    #[doc(hidden)]
    pub busy: Option<Duration>,
    /// As many queues have a place in the file, deleted ones that are not cleared away included; for tests.
    #[doc(hidden)]
    pub queues_max: Option<i64>,
    /// Another of SQLite's file layers, by name; for tests.
    #[doc(hidden)]
    pub vfs: Option<String>,
    /// In place of what tells one start of the system from another; for tests.
    #[doc(hidden)]
    pub boot: Option<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("pages_max", &self.pages_max).field("vfs", &self.vfs).finish_non_exhaustive()
    }
}

/// The store of one data directory.
pub struct SqliteStore {
    // Dropped in this order: the directory is free when the file is closed.
    connection: Connection,
    path: PathBuf,
    dir: PathBuf,
    durability: Durability,
    boot: String,
    ranges: RowRanges,
    manifest: Manifest,
    /// Notes each commit, as soon as the store has been found to be whole.
    last_commit: Option<last_commit::Writer>,
    upkeep: Upkeep,
    progress: Option<Progress>,
    failed: Option<StoreError>,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store of a directory, or makes a new one. The directory is locked until the store is dropped.
    ///
    /// # Errors
    ///
    /// If the directory is in use or cannot be written, and if what is there is not a whole store of this version or
    /// an older one.
    pub fn open(dir: &Path, durability: Durability) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(dir, durability, Options::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`].
    pub fn open_with(dir: &Path, durability: Durability, options: Options) -> Result<SqliteStore, StoreError> {
        let lock = Lock::take(dir)?;
        let files = open::Files::look(dir, options.boot.as_deref())?;
        let (connection, manifest) = open::database(dir, durability, &options, &files)?;
        let open::Files { database: path, boot, .. } = files;
        let ranges =
            RowRanges::read(&connection, options.queues_max).map_err(|error| errors::sql_error(&path, &error))?;
        let upkeep = Upkeep::new(&connection, options.log_pages).map_err(|error| errors::sql_error(&path, &error))?;
        let busy = options.busy.unwrap_or(open::BUSY);
        connection.busy_timeout(busy).map_err(|error| errors::sql_error(&path, &error))?;
        Ok(SqliteStore {
            connection,
            path,
            dir: dir.into(),
            durability,
            boot,
            ranges,
            manifest,
            last_commit: None,
            upkeep,
            progress: options.progress,
            failed: None,
            _lock: lock,
        })
    }

    /// The store is whole: from now on it may be written.
    fn allow_writing(&mut self) -> Result<(), StoreError> {
        let with_context = |error: rusqlite::Error| errors::sql_error(&self.path, &error);
        open::keep_log_on_close(&self.connection, false).map_err(with_context)?;
        // So that the log holds nothing of a commit that was broken off. A reader may prevent it; then it stays.
        upkeep::empty_log(&self.connection).map_err(with_context)?;
        let commit = self.manifest.last_commit;
        let writer = last_commit::Writer::open(&self.dir, commit, self.durability, self.boot.clone())?;
        self.last_commit = Some(writer);
        Ok(())
    }

    /// Notes how far the store has come.
    fn note(&mut self) -> Result<(), StoreError> {
        match &mut self.last_commit {
            Some(writer) => writer.write(self.manifest.last_commit),
            None => Ok(()),
        }
    }

    /// Remembers an error for good. The file is then left as it is, also when it is closed.
    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failed = Some(error.clone());
        // Closing would otherwise move the log into the file, with syncs that cannot be trusted any more.
        let _ = open::keep_log_on_close(&self.connection, true);
        error
    }

    fn unless_failed(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Store for SqliteStore {
    fn load(&mut self, now: Time, visit: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        let mut loading = read::Loading {
            connection: &self.connection,
            path: &self.path,
            ranges: &mut self.ranges,
            has_checksums: true,
            manifest: Some(self.manifest.clone()),
            progress: self.progress.as_mut(),
            now,
            visit,
            damage: &mut Err,
            is_lenient: false,
            messages: 0,
            found: Totals::default(),
            bytes: Vec::new(),
        };
        loading.run()?;
        // The pages that were read are of no use for what comes now.
        let _ = self.connection.release_memory();
        self.allow_writing()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.unless_failed()?;
        if self.last_commit.is_none()
            && let Err(error) = self.allow_writing()
        {
            return Err(self.fail(error));
        }
        write::begin(&self.connection).map_err(|error| match errors::sql_error(&self.path, &error) {
            busy @ StoreError::Busy { .. } => busy,
            error => self.fail(error),
        })
    }

    fn commit(&mut self, now: Time, batch: Vec<Change>) -> Result<(), StoreError> {
        self.unless_failed()?;
        if self.last_commit.is_none()
            && let Err(error) = self.allow_writing()
        {
            return Err(self.fail(error));
        }
        let summary = compact::compact(batch);
        if !summary.between_nodes.is_empty() || !summary.adopted.is_empty() {
            let detail = "the store of one node is given what goes to another".to_owned();
            return Err(self.fail(StoreError::Internal { detail }));
        }
        let SqliteStore { connection, path, ranges, manifest, upkeep, .. } = self;
        write::commit(connection, path, ranges, manifest, upkeep, now, summary)
            .and_then(|()| self.note())
            .map_err(|error| self.fail(error))
    }

    fn upkeep(&mut self, _: Time) -> Result<bool, StoreError> {
        self.unless_failed()?;
        let done = self.upkeep.step(&self.connection, &mut self.ranges, &mut self.manifest);
        let done = done.or_else(|error| match errors::sql_error(&self.path, &error) {
            // What another program keeps from being tidied up can wait.
            StoreError::Busy { .. } => Ok(true),
            error => Err(error),
        });
        done.and_then(|more| self.note().map(|()| more)).map_err(|error| self.fail(error))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}
