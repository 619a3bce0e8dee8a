//! Opening a data directory: the lock, the checks that it is ours and whole, the settings of SQLite.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, APPLICATION_ID, VERSION};
use super::{Durability, Options, private};
use crate::store::StoreError;

/// The database inside the data directory.
pub(super) const FILE: &str = "kew.sqlite3";

/// Locked for as long as a kew uses the directory; holds its process id.
const LOCK_FILE: &str = "kew.lock";

/// How long an opening store waits for another program that writes to the file, such as `sqlite3` in somebody's hand.
const BUSY_AT_START: Duration = Duration::from_secs(10);

/// The same for each attempt to begin a commit. A kew that is told to stop waits no longer than this.
pub(super) const BUSY: Duration = Duration::from_millis(500);

/// Size of SQLite's page cache in KiB. Leaves of the tree that take part in the next commits should be in it.
const CACHE_KIB: i64 = 16 << 10;

/// After a burst the write-ahead log is cut back to this many bytes.
const LOG_BYTES_KEPT: i64 = 64 << 20;

/// Takes the directory's lock, making the directory if need be.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let is_new = !dir.exists();
    private::create_dir_all(dir).map_err(|error| file_error(dir, &error))?;
    if is_new && let Some(parent) = dir.parent() {
        sync_dir(parent);
    }
    let path = dir.join(LOCK_FILE);
    let mut file = private::open_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| file_error(&path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Only for the message.
            let _ = file.read_to_string(&mut text);
            return Err(StoreError::InUse { dir: dir.into(), process: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(file_error(&path, &error)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|error| file_error(&path, &error))?;
    Ok(file)
}

/// Opens the database of a locked directory and brings it up to date.
pub(super) fn database(dir: &Path, durability: Durability, options: &Options) -> Result<Connection, StoreError> {
    let path = dir.join(FILE);
    let log = dir.join(format!("{FILE}-wal"));
    if !path.exists() && log.exists() {
        // SQLite would take the log for a left-over and delete it, with all that is in it.
        let detail = format!("it is missing, but its write-ahead log {} is there", log.display());
        return Err(StoreError::Corrupt { path, detail });
    }
    if options.vfs.is_none() {
        private::tell_if_open(dir, &path);
        // SQLite itself would let others read it.
        let made = private::open_options().append(true).create(true).open(&path);
        made.map_err(|error| file_error(&path, &error))?;
    }
    let mut connection = connect(&path, OpenFlags::default(), options.vfs.as_deref())?;
    let told = |error: rusqlite::Error| sql_error(&path, &error);
    let version = check_is_ours(&connection, &path)?;
    configure(&connection, version, durability, options).map_err(told)?;
    schema::migrate(&mut connection, version).map_err(told)?;
    if version == 0 {
        sync_dir(dir);
    }
    Ok(connection)
}

/// Opens a file without looking into it.
pub(super) fn connect(path: &Path, flags: OpenFlags, vfs: Option<&str>) -> Result<Connection, StoreError> {
    // A path is no URI, and one thread at a time uses the connection.
    let flags = (flags - OpenFlags::SQLITE_OPEN_URI) | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(|error| sql_error(path, &error))?;
    connection.busy_timeout(BUSY_AT_START).map_err(|error| sql_error(path, &error))?;
    Ok(connection)
}

/// Refuses what is not a store, or a newer one. Returns the schema version, 0 for an empty file.
pub(super) fn check_is_ours(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let told = |error: rusqlite::Error| sql_error(path, &error);
    let number = |name: &str| -> Result<i64, StoreError> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(told)
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
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(told)?;
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
    // Checkpoints are made by `upkeep`, when nobody waits for the commit any more.
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

/// Makes new names in a directory durable, where the system can.
pub(super) fn sync_dir(dir: &Path) {
    // Windows has no such thing, and where it fails the sync of the file itself tells.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
}

/// An error of the file system, in our words.
pub(super) fn file_error(path: &Path, error: &io::Error) -> StoreError {
    let (path, detail) = (PathBuf::from(path), error.to_string());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, detail },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull { path },
        // Making a directory says `AlreadyExists` if there is a file of that name, and `NotADirectory` if there is one on the way.
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            let file = path.ancestors().find(|path| path.is_file()).unwrap_or(&path);
            StoreError::NotADirectory { path: file.into() }
        }
        _ => StoreError::Io { path, detail },
    }
}

/// An error of SQLite, in our words.
pub(super) fn sql_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    /// `SQLITE_IOERR_FSYNC` and `SQLITE_IOERR_DIR_FSYNC`.
    const SYNCS: [i32; 2] = [10 | 4 << 8, 10 | 5 << 8];
    let (path, detail) = (PathBuf::from(path), error.to_string());
    let Some(sqlite) = error.sqlite_error() else {
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Corrupt { path, detail },
            _ => StoreError::Internal { detail },
        };
    };
    match sqlite.code {
        ErrorCode::DatabaseCorrupt => StoreError::Corrupt { path, detail },
        ErrorCode::NotADatabase => StoreError::Foreign { path, detail },
        ErrorCode::DiskFull => StoreError::DiskFull { path },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            StoreError::ReadOnly { path, detail }
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy { path },
        ErrorCode::SystemIoFailure if SYNCS.contains(&sqlite.extended_code) => StoreError::SyncFailed { path, detail },
        ErrorCode::SystemIoFailure => StoreError::Io { path, detail },
        _ => StoreError::Internal { detail },
    }
}
