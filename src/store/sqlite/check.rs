//! `kew check`: looks at everything in a store, and changes nothing.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::errors;
use super::lock::Lock;
use super::manifest::Manifest;
use super::open::{self, Files};
use super::read::Loading;
use super::row_ids::RowRanges;
use super::rows::Totals;
use super::schema::CHECKSUMS_FROM;
use crate::engine::Time;
use crate::store::{StoreError, StoredItem};

/// Something that is not as it was written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In one line.
    pub text: String,
}

/// What was seen of a store.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The parts that were looked at, each in one line.
    pub examined: Vec<String>,
    /// How many queues could be read.
    pub queues: u64,
    /// How many messages could be read.
    pub messages: u64,
    /// Everything that is wrong; empty for a sound store.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Notes damage, and lets reading go on.
    pub(super) fn add(&mut self, error: &StoreError) {
        let text = match error {
            StoreError::Corrupt { detail, .. } => detail.clone(),
            StoreError::Foreign { path, detail } => {
                format!("{} is not a store of kew, or its beginning is damaged ({detail})", path.display())
            }
            other => other.to_string(),
        };
        self.findings.push(Finding { text });
    }

    pub(super) fn count(&mut self, item: &StoredItem) {
        self.queues += u64::from(matches!(item, StoredItem::Queue(_)));
        self.messages += u64::from(item.is_message());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.examined {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{} queues with {} messages can be read", self.queues, self.messages)?;
        for finding in &self.findings {
            writeln!(f, "damaged: {}", finding.text)?;
        }
        Ok(())
    }
}

/// Examines the store of a directory, which no kew may be using. Writes nothing, not even the files that SQLite keeps
/// beside a database in use.
///
/// # Errors
///
/// If the store is in use, of a newer kew, or not there. Damage is no error; it is in the report.
pub fn check(dir: &Path) -> Result<Report, StoreError> {
    let _lock = Lock::shared(dir)?;
    let files = look(dir)?;
    let mut report = Report { examined: examined(&files), ..Report::default() };
    if let Some(error) = files.lost_database() {
        report.add(&error);
        return Ok(report);
    }
    let examined = (|| {
        let connection = connect(&files)?;
        let version = open::check_is_ours(&connection, &files.database)?;
        let manifest = manifest(&connection, version, &files, &mut report);
        let path = &files.database;
        read(&connection, path, version >= CHECKSUMS_FROM, manifest, &mut report, &mut |_| ())
    })();
    match examined {
        Err(error @ (StoreError::Corrupt { .. } | StoreError::Foreign { .. } | StoreError::Internal { .. })) => {
            report.add(&error);
        }
        other => other?,
    }
    Ok(report)
}

/// The files of a directory, of which one must be there.
pub(super) fn look(dir: &Path) -> Result<Files, StoreError> {
    let files = Files::look(dir, None)?;
    if files.bytes == 0 && files.log.bytes == 0 && files.note.is_none() {
        std::fs::metadata(&files.database).map_err(|error| errors::file_error(&files.database, &error))?;
    }
    Ok(files)
}

/// What there is to look at.
pub(super) fn examined(files: &Files) -> Vec<String> {
    let mut lines = vec![format!("database {}: {} bytes", files.database.display(), files.bytes)];
    let log = &files.log;
    if log.bytes > 0 {
        let (path, frames, commits) = (files.log_path.display(), log.frames.len(), log.commits());
        lines.push(format!("log {path}: {} bytes, {frames} frames, {commits} commits", log.bytes));
    }
    match &files.note {
        Some(note) => lines.push(format!("commits made, as noted beside it: {}", note.commit)),
        None => lines.push("how many commits were made is not noted beside it".into()),
    }
    lines
}

/// Opens a database so that nothing is written.
fn connect(files: &Files) -> Result<Connection, StoreError> {
    let path = &files.database;
    if files.log.bytes == 0 {
        return open::connect_immutable(path);
    }
    // The index of the log would be kept in a file. Alone with the database, it is in memory.
    let connection = open::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, None)?;
    connection
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON")
        .map_err(|error| errors::sql_error(path, &error))?;
    Ok(connection)
}

/// The manifest, if there is one that can be read.
pub(super) fn manifest(connection: &Connection, version: i64, files: &Files, report: &mut Report) -> Option<Manifest> {
    if version < CHECKSUMS_FROM {
        report.examined.push(format!("the schema is version {version}, without checksums: less can be told"));
    }
    let manifest = match open::read_manifest(connection, version, files) {
        Ok(manifest) => manifest,
        Err(error) => {
            report.add(&error);
            return None;
        }
    };
    let last_commit = manifest.as_ref().map_or(0, |manifest| manifest.last_commit);
    if let Err(error) = files.lost_commits(last_commit) {
        report.add(&error);
    }
    manifest
}

/// Reads everything that can be read, and reports the rest.
pub(super) fn read(
    connection: &Connection,
    path: &Path,
    has_checksums: bool,
    manifest: Option<Manifest>,
    report: &mut Report,
    visit: &mut dyn FnMut(StoredItem),
) -> Result<(), StoreError> {
    let mut findings = Report::default();
    let mut counts = Report::default();
    let mut loading = Loading {
        connection,
        path,
        ranges: &mut RowRanges::default(),
        has_checksums,
        manifest,
        progress: None,
        now: Time(u64::MAX),
        visit: &mut |item| {
            counts.count(&item);
            visit(item);
        },
        damage: &mut |error| {
            findings.add(&error);
            Ok(())
        },
        is_lenient: true,
        messages: 0,
        found: Totals::default(),
        bytes: Vec::new(),
    };
    let read = loading.run();
    report.findings.append(&mut findings.findings);
    (report.queues, report.messages) = (counts.queues, counts.messages);
    read
}
