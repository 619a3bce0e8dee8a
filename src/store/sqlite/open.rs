//! Opening a data directory: the checks that it is ours and whole, the settings of SQLite.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::last_commit::{self, Note, Verdict};
use super::log::Log;
use super::manifest::Manifest;
use super::read::Loading;
use super::row_ids::RowRanges;
use super::rows::Totals;
use super::schema::{self, APPLICATION_ID, VERSION};
use super::{Durability, Options, errors, files};
use crate::engine::Time;
use crate::store::StoreError;

/// The database inside the data directory.
pub(super) const FILE: &str = "kew.sqlite3";

/// How long an opening store waits for another program that writes to the file, such as a `sqlite3` shell.
const BUSY_AT_START: Duration = Duration::from_secs(10);

/// The same for each attempt to begin a commit. A kew that is told to stop waits no longer than this.
pub(super) const BUSY: Duration = Duration::from_millis(500);

/// Size of SQLite's page cache in KiB. Leaves of the tree that take part in the next commits should be in it.
const CACHE_KIB: i64 = 16 << 10;

/// After a burst the write-ahead log is cut back to this many bytes.
const LOG_BYTES_KEPT: i64 = 64 << 20;

/// The files of a data directory, as they are before SQLite has seen them.
#[derive(Debug)]
pub(super) struct Files {
    pub database: PathBuf,
    /// Its length; 0 also if there is none.
    pub bytes: u64,
    pub log_path: PathBuf,
    pub log: Log,
    /// What was noted of the last commit.
    pub note: Option<Note>,
    /// Which start of the system this is.
    pub boot: String,
}

impl Files {
    /// Looks at the files of a directory.
    pub(super) fn look(dir: &Path, boot: Option<&str>) -> Result<Files, StoreError> {
        let (database, log_path) = (dir.join(FILE), dir.join(format!("{FILE}-wal")));
        let bytes = match fs::metadata(&database) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(errors::file_error(&database, &error)),
        };
        let log = Log::read(&log_path).map_err(|error| errors::file_error(&log_path, &error))?;
        let boot = boot.map_or_else(last_commit::boot_id, str::to_owned);
        Ok(Files { database, bytes, log_path, log, note: last_commit::read(dir)?, boot })
    }

    fn corrupt(&self, detail: String) -> StoreError {
        StoreError::Corrupt { path: self.database.clone(), detail }
    }

    /// What is wrong so that SQLite must not even look: it would take the log for a left-over, and delete it.
    pub(super) fn lost_database(&self) -> Option<StoreError> {
        if self.bytes > 0 {
            return None;
        }
        let is = if self.database.exists() { "it is empty" } else { "it is missing" };
        if self.log.bytes > 0 {
            let log = self.log_path.display();
            return Some(self.corrupt(format!("{is}, but its write-ahead log {log} is there")));
        }
        let note = self.note.as_ref().filter(|note| note.commit > 0)?;
        let file = self.database.with_file_name(last_commit::FILE);
        let detail =
            format!("{is}, but by {} {} commits were made; to begin anew, remove both", file.display(), note.commit);
        Some(self.corrupt(detail))
    }

    /// What is wrong with the log, or with a database and a log whose newest state is this commit.
    pub(super) fn lost_commits(&self, last_commit: u64) -> Result<(), StoreError> {
        let verdict = self.note.as_ref().map_or(Verdict::Unknown, |note| note.judge(last_commit, &self.boot));
        let noted = self.note.as_ref().map_or(0, |note| note.commit);
        let missing = noted.saturating_sub(last_commit);
        match verdict {
            // What else the log may hold was never acknowledged.
            Verdict::Complete => Ok(()),
            Verdict::Missing => {
                let mut detail = format!("the last {missing} of {noted} commits are missing");
                if let Some(damage) = self.log.damage() {
                    detail.push_str(&format!(": in the write-ahead log {}, {damage}", self.log_path.display()));
                } else {
                    detail.push_str(&format!(" from its write-ahead log {}", self.log_path.display()));
                }
                Err(self.corrupt(detail))
            }
            Verdict::MayBeMissing => {
                tracing::warn!(
                    "the last {missing} of {noted} commits are missing, as a loss of power may take them without \
                     --durability full"
                );
                Ok(())
            }
            Verdict::Unknown => match self.log.damage() {
                Some(damage) if self.log.bad_header || !self.may_be_torn() => {
                    Err(self.corrupt(format!("in its write-ahead log {}, {damage}", self.log_path.display())))
                }
                _ => Ok(()),
            },
        }
    }

    fn may_be_torn(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.may_be_torn(&self.boot))
    }
}

/// Opens the database of a locked directory and brings it up to date. Nothing is written before everything that can be
/// checked without reading the rows has been checked, and no log is moved into the file on closing.
pub(super) fn database(
    dir: &Path,
    durability: Durability,
    options: &Options,
    files: &Files,
) -> Result<(Connection, Manifest), StoreError> {
    if let Some(error) = files.lost_database() {
        return Err(error);
    }
    let path = &files.database;
    if files.bytes > 0 && files.log.bytes == 0 {
        // SQLite makes a log as soon as it reads, unless the file is opened as immutable.
        let connection = connect_immutable(path)?;
        let manifest = read_manifest(&connection, check_is_ours(&connection, path)?, files)?;
        files.lost_commits(manifest.map_or(0, |manifest| manifest.last_commit))?;
    }
    if options.vfs.is_none() {
        files::tell_if_open(dir, path);
        // SQLite itself would let others read it.
        let made = files::open_options().append(true).create(true).open(path);
        made.map_err(|error| errors::file_error(path, &error))?;
    }
    let mut connection = connect(path, OpenFlags::default(), options.vfs.as_deref())?;
    let with_context = |error: rusqlite::Error| errors::sql_error(path, &error);
    let version = check_is_ours(&connection, path)?;
    let manifest = read_manifest(&connection, version, files)?;
    files.lost_commits(manifest.as_ref().map_or(0, |manifest| manifest.last_commit))?;
    if version > 0 && manifest.is_none() {
        check_old(&connection, path)?;
    }
    configure(&connection, version, durability, options).map_err(with_context)?;
    let Some(manifest) = manifest else {
        schema::migrate(&mut connection, version).map_err(with_context)?;
        files::sync_dir(dir);
        let manifest = Manifest::read(&connection).map_err(with_context)?;
        return Ok((connection, manifest));
    };
    Ok((connection, manifest))
}

/// Reads the manifest, which older stores and new ones do not have.
pub(super) fn read_manifest(
    connection: &Connection,
    version: i64,
    files: &Files,
) -> Result<Option<Manifest>, StoreError> {
    if version < schema::CHECKSUMS_FROM {
        return Ok(None);
    }
    Manifest::read(connection).map(Some).map_err(|error| match errors::sql_error(&files.database, &error) {
        // A table or a column is not there under its name.
        StoreError::Internal { detail } => files.corrupt(detail),
        error => error,
    })
}

/// Reads a store without checksums before its rows are given some.
fn check_old(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut loading = Loading {
        connection,
        path,
        ranges: &mut RowRanges::default(),
        has_checksums: false,
        manifest: None,
        progress: None,
        now: Time(0),
        visit: &mut |_| (),
        damage: &mut Err,
        is_lenient: false,
        messages: 0,
        found: Totals::default(),
        bytes: Vec::new(),
    };
    loading.run()
}

/// Opens a file without looking into it.
pub(super) fn connect(path: &Path, flags: OpenFlags, vfs: Option<&str>) -> Result<Connection, StoreError> {
    // A path is no URI, and one thread at a time uses the connection.
    let flags = (flags - OpenFlags::SQLITE_OPEN_URI) | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(|error| errors::sql_error(path, &error))?;
    let prepared = connection
        .busy_timeout(BUSY_AT_START)
        // Until it is known that the log is whole, closing must not move a part of it into the file and delete it.
        .and_then(|()| keep_log_on_close(&connection, true));
    prepared.map_err(|error| errors::sql_error(path, &error))?;
    Ok(connection)
}

/// Opens a file that has no log so that nothing is written, not even the files that SQLite keeps beside one in use.
pub(super) fn connect_immutable(path: &Path) -> Result<Connection, StoreError> {
    let text = utf8_percent_encode(&path.to_string_lossy(), NON_ALPHANUMERIC).to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{text}?immutable=1"), flags);
    connection.map_err(|error| errors::sql_error(path, &error))
}

/// Whether closing leaves the log as it is.
pub(super) fn keep_log_on_close(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

/// Refuses what is not a store, or a newer one. Returns the schema version, 0 for an empty file.
pub(super) fn check_is_ours(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let with_context = |error: rusqlite::Error| errors::sql_error(path, &error);
    let number = |name: &str| -> Result<i64, StoreError> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(with_context)
    };
    let (id, version) = (number("application_id")?, number("user_version")?);
    if id == APPLICATION_ID {
        if version > VERSION {
            return Err(StoreError::Newer { path: path.into(), found: version, known: VERSION });
        }
        if version >= 1 {
            return Ok(version);
        }
        return Err(StoreError::Corrupt { path: path.into(), detail: format!("its schema version is {version}") });
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(with_context)?;
    if id == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    Err(StoreError::Foreign { path: path.into(), detail: "another program's SQLite database".into() })
}

fn configure(connection: &Connection, version: i64, durability: Durability, options: &Options) -> rusqlite::Result<()> {
    let set = |name: &str, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value);
    if version == 0 {
        // Only heeded by a file without tables, and takes the write lock, which another program may hold.
        set("auto_vacuum", &"INCREMENTAL")?;
    }
    if options.vfs.is_some() {
        // Spares a file layer of the tests the memory that processes share.
        set("locking_mode", &"EXCLUSIVE")?;
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(mode, "the file system does not carry a write-ahead log; commits will be slower");
    }
    set("synchronous", &durability.synchronous())?;
    // On macOS a plain sync does not reach the disk.
    set("fullfsync", &(durability == Durability::Full))?;
    set("checkpoint_fullfsync", &true)?;
    // Checkpoints are made by `upkeep`, when no request waits for the commit any more.
    set("wal_autocheckpoint", &0)?;
    set("journal_size_limit", &LOG_BYTES_KEPT)?;
    set("cache_size", &-CACHE_KIB)?;
    set("temp_store", &"MEMORY")?;
    // A damaged cell is then an error where it is met, and not what it happens to look like.
    set("cell_size_check", &true)?;
    if let Some(pages) = options.pages_max {
        set("max_page_count", &pages)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
