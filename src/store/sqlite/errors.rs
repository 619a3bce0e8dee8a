//! Errors of the file system and of SQLite, in the words of the store.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// An error of the file system, in our words.
pub(super) fn file_error(path: &Path, error: &io::Error) -> StoreError {
    let (path, detail) = (PathBuf::from(path), error.to_string());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path, detail },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull { path },
        // Making a directory says `AlreadyExists` if there is a file of that name, and `NotADirectory` if there is one
        // on the way.
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
    let path = PathBuf::from(path);
    let detail = match error {
        // Without the number of the column and the type, which say little.
        rusqlite::Error::FromSqlConversionFailure(_, _, error) => error.to_string(),
        error => error.to_string(),
    };
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
