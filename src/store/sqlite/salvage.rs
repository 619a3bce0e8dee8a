//! `kew salvage`: what can be read of a damaged store becomes a new one.
//!
//! The database is copied, and the pages of its log are written into the copy: each newest page that is as it was
//! written, also behind a bad one. What is wrong with the parts of the copy that never change is set right. Then it is
//! read as `kew check` reads, past everything unreadable, and what was read is written into a new store.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::check::{self, Report};
use super::layout::NUMBER_MAX;
use super::lock::Lock;
use super::open::{self, Files};
use super::schema;
use super::{SqliteStore, errors, files};
use crate::engine::{Effect, Time};
use crate::store::copy::Portion;
use crate::store::{Durability, Store as _, StoreError, StoredItem};

/// The copy, for as long as it is needed.
const COPY: &str = "kew.sqlite3.copy";

/// The parts of the first page that are the same in every store of a schema: what kind of file this is, the sizes, the
/// text encoding, whose it is.
const SAME_IN_ALL: [std::ops::Range<usize>; 4] = [0..24, 44..48, 56..60, 64..72];

/// Where the first page has the schema version.
const VERSION_AT: std::ops::Range<usize> = 60..64;

/// Reads what can be read of the store of `dir`, which no kew may be using, and makes a new one of it in `to`. The
/// first is not changed. What could not be read is in the report.
///
/// # Errors
///
/// If the store is in use, of a newer kew, or not there; if `to` holds anything; if reading or writing fails.
pub fn salvage(dir: &Path, to: &Path) -> Result<Report, StoreError> {
    let _lock = Lock::shared(dir)?;
    let files = check::look(dir)?;
    let is_empty = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !to.exists(),
    };
    if !is_empty {
        return Err(StoreError::Occupied { path: to.into() });
    }
    let mut report = Report { examined: check::examined(&files), ..Report::default() };
    if let Some(error) = files.lost_database() {
        report.add(&error);
    }
    let mut store = SqliteStore::open(to, Durability::Full)?;
    // Into the file, where the copy takes from it what is the same in all.
    store.load(Time(0), &mut |_| ())?;
    let copy = to.join(COPY);
    let salvaged = make_copy(&files, &to.join(open::FILE), &copy, &mut report)
        .and_then(|()| transfer(&copy, &files, &mut store, &mut report));
    let removed = fs::remove_file(&copy).map_err(|error| errors::file_error(&copy, &error));
    salvaged.and(removed)?;
    Ok(report)
}

/// Puts together the newest state of the database that can be had. `new` is a new store's.
fn make_copy(files: &Files, new: &Path, copy: &Path, report: &mut Report) -> Result<(), StoreError> {
    let with_context = |error: std::io::Error| errors::file_error(copy, &error);
    let from = if files.bytes > 0 { &files.database } else { new };
    let mut file = files::open_options().read(true).write(true).create_new(true).open(copy).map_err(with_context)?;
    let copied = File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut file));
    copied.map_err(|error| errors::file_error(from, &error))?;
    if !files.log.usable().is_empty() {
        apply_log(files, &mut file, report)?;
    }
    let mut page = [0; 100];
    let mut good = [0; 100];
    File::open(new).and_then(|mut new| new.read_exact(&mut good)).map_err(with_context)?;
    file.rewind().map_err(with_context)?;
    // A file that is shorter has nothing to be read.
    if file.read_exact(&mut page).is_ok() {
        for range in SAME_IN_ALL {
            page[range.clone()].copy_from_slice(&good[range]);
        }
        // No log belongs to the copy.
        page[18..20].fill(1);
        if page[VERSION_AT] != 1_u32.to_be_bytes() {
            page[VERSION_AT].copy_from_slice(&good[VERSION_AT]);
        }
        // The number of pages is that of the file: what is noted counts only if these two agree.
        page[92] = !page[24];
        file.rewind().and_then(|()| file.write_all(&page)).map_err(with_context)?;
    }
    Ok(())
}

fn apply_log(files: &Files, copy: &mut File, report: &mut Report) -> Result<(), StoreError> {
    let with_context = |error: std::io::Error| errors::file_error(&files.log_path, &error);
    let mut log = File::open(&files.log_path).map_err(with_context)?;
    let mut pages = 0;
    for frame in files.log.usable() {
        if !frame.is_whole {
            let (offset, path) = (files.log.offset(frame), files.log_path.display());
            let detail = format!(
                "the page at byte {offset} of the log {path} is not what was written and was left out: an older one \
                 is in its place, unless a newer follows"
            );
            report.add(&StoreError::Corrupt { path: files.log_path.clone(), detail });
            continue;
        }
        let page = files.log.page(&mut log, frame).map_err(with_context)?;
        let at = u64::from(frame.page - 1) * page.len() as u64;
        copy.seek(SeekFrom::Start(at)).and_then(|_| copy.write_all(&page)).map_err(with_context)?;
        if frame.pages > 0 {
            pages = u64::from(frame.pages) * page.len() as u64;
        }
    }
    copy.set_len(pages).map_err(with_context)
}

/// Reads the copy into the new store.
fn transfer(copy: &Path, files: &Files, store: &mut SqliteStore, report: &mut Report) -> Result<(), StoreError> {
    let connection = open::connect(copy, OpenFlags::SQLITE_OPEN_READ_WRITE, None)?;
    let with_context = |error: rusqlite::Error| errors::sql_error(copy, &error);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap_or(schema::VERSION);
    if version == schema::VERSION
        && let Err(error) = restore_schema(&connection)
    {
        report.add(&with_context(error));
    }
    // Its texts are read once for each connection.
    drop(connection);
    let connection = open::connect(copy, OpenFlags::SQLITE_OPEN_READ_WRITE, None)?;
    let manifest = check::manifest(&connection, version, files, report);
    let has_checksums = version >= schema::CHECKSUMS_FROM;
    let mut portion = Portion::new(store, Time(0));
    let read = check::read(&connection, copy, has_checksums, manifest, report, &mut |item| match item {
        // By the time it is of interest again, its minute is over.
        StoredItem::DeletedName { .. } => {}
        // A number that no store can hold is damage too.
        StoredItem::Effect { queue, effect: Effect::Counter { next_number } } => {
            let next_number = next_number.min(NUMBER_MAX + 1);
            portion.add_item(StoredItem::Effect { queue, effect: Effect::Counter { next_number } });
        }
        item => drop(portion.add_item(item)),
    });
    let written = portion.finish();
    match read {
        Err(error @ (StoreError::Corrupt { .. } | StoreError::Foreign { .. } | StoreError::Internal { .. })) => {
            report.add(&error);
        }
        other => other?,
    }
    written
}

/// Writes the texts of the schema once more: they are the same in all stores.
fn restore_schema(connection: &Connection) -> rusqlite::Result<()> {
    let new = Connection::open_in_memory()?;
    new.execute_batch(schema::SCHEMA)?;
    let mut texts = new.prepare("SELECT type, tbl_name, sql, name FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let mut texts = texts.query([])?;
    connection.pragma_update(None, "writable_schema", true)?;
    while let Some(row) = texts.next()? {
        let text = |index| row.get::<_, String>(index);
        connection.execute(
            "UPDATE sqlite_schema SET type = ?1, tbl_name = ?2, sql = ?3 WHERE name = ?4 AND sql <> ?3",
            params![text(0)?, text(1)?, text(2)?, text(3)?],
        )?;
    }
    Ok(())
}
