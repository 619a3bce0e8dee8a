//! A copy of a live store.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use super::lock::Lock;
use super::log::Log;
use super::{errors, files, open};
use crate::store::StoreError;

/// Copies the store of `dir`, which a running kew may use, into the directory `to`, from which another kew can then
/// start. The copy is the state after some commit during the call; kew goes on committing meanwhile, but its
/// write-ahead log grows until the copy is done.
///
/// # Errors
///
/// If there is no store in `dir`, one in `to`, or reading or writing fails. The copy appears under its name only when
/// it is whole.
pub fn backup(dir: &Path, to: &Path) -> Result<(), StoreError> {
    let from = dir.join(open::FILE);
    // Before the copy: the store goes on, and the copy must hold at least this.
    let mut files = open::Files::look(dir, None)?;
    if matches!(Lock::shared(dir), Err(StoreError::InUse { .. })) {
        // A log that is being written cannot be judged by its frames.
        files.log = Log::default();
    }
    let target = to.join(open::FILE);
    let partial = to.join(format!("{}.partial", open::FILE));
    fs::metadata(&from).map_err(|error| match error.kind() {
        ErrorKind::NotFound => StoreError::Missing { path: from.clone() },
        _ => errors::file_error(&from, &error),
    })?;
    if target.exists() {
        return Err(StoreError::Occupied { path: target });
    }
    if let Some(error) = files.lost_database() {
        return Err(error);
    }
    files::create_dir_all(to).map_err(|error| errors::file_error(to, &error))?;
    // A copy that was broken off.
    let _ = fs::remove_file(&partial);

    // Not read-only: a log may have to be recovered first.
    let source = open::connect(&from, OpenFlags::SQLITE_OPEN_READ_WRITE, None)?;
    let version = open::check_is_ours(&source, &from)?;
    let made = files::open_options().write(true).create_new(true).open(&partial);
    made.map_err(|error| errors::file_error(&partial, &error))?;
    let mut copy = open::connect(&partial, OpenFlags::default(), None)?;
    let copied = (|| {
        // The copy is looked into afterwards, and must leave no log.
        open::keep_log_on_close(&copy, false)?;
        let backup = Backup::new(&source, &mut copy)?;
        // All in one step: between steps the source could change, and the copy would begin again.
        while backup.step(-1)? != StepResult::Done {}
        Ok(())
    })();
    let complete = copied.map_err(|error| errors::sql_error(&partial, &error)).and_then(|()| {
        let manifest = open::read_manifest(&copy, version, &files)?;
        files.lost_commits(manifest.map_or(0, |manifest| manifest.last_commit))
    });
    drop(copy);
    if let Err(error) = complete {
        let _ = fs::remove_file(&partial);
        return Err(error);
    }

    let with_context = |error: std::io::Error| errors::file_error(&partial, &error);
    fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(with_context)?;
    fs::rename(&partial, &target).map_err(with_context)?;
    files::sync_dir(to);
    Ok(())
}
