//! Keeping the file small: checkpoints, clearing away what is gone, giving space back, all in small steps.
//!
//! Steps run between commits, after the requests that waited for a commit have been answered, so none makes a request
//! wait for longer than the step takes.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::manifest::Manifest;
use super::row_ids::{RowRanges, ids_in_range, range_of};
use super::rows::{ATTEMPTS, DEDUPLICATION, DELETED_QUEUES, DISCARDED, MESSAGES};
use crate::engine::{ATTEMPT_WINDOW_MS, Time};
use crate::store::DELETED_NAME_MS;

/// With this many pages of 4096 bytes in the write-ahead log, they are moved into the file.
const LOG_PAGES: u32 = 4096;

/// Rows that are cleared away in one step, and long bodies, each of which may take 256 pages.
const ROWS_PER_STEP: i64 = 4000;
const LONG_BODIES_PER_STEP: i64 = 64;

/// A range, however few rows are in it, counts as so many.
const ROWS_PER_RANGE: i64 = 20;

/// Marks of old deduplication ids that one commit clears away; each stands for about a second of a queue.
const MARKS_PER_COMMIT: usize = 16;

/// Attempts and deleted names are looked through every so many milliseconds.
const FORGET_MS: u64 = 10_000;

/// Whether the file has too many free pages is looked at every so many commits.
const SPACE_COMMITS: u32 = 64;

/// Fewer free pages than this (4 MiB) are never given back: they will be used again.
const FREE_PAGES_MIN: i64 = 1024;

/// Pages given back in one step.
const FREE_PAGES_PER_STEP: i64 = 512;

/// What there may be to do.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// Whether there may be long bodies.
    pub long_bodies: bool,
    /// Whether there may be attempts.
    pub attempts: bool,
    /// Whether there may be names of deleted queues.
    pub names: bool,
    /// Whether there are discarded rows.
    pub discarded: bool,
    log_pages: i64,
    forgot: Time,
    commits: u32,
    /// Free pages are being given back.
    shrinking: bool,
}

impl Upkeep {
    /// Looks at what an earlier run left.
    pub(super) fn new(connection: &Connection, log_pages: Option<u32>) -> rusqlite::Result<Upkeep> {
        let any = |table: &str| {
            connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |row| row.get::<_, bool>(0))
        };
        Ok(Upkeep {
            long_bodies: any("long_bodies")?,
            attempts: any("attempts")?,
            names: any("deleted_queues")?,
            discarded: any("discarded")?,
            log_pages: log_pages.unwrap_or(LOG_PAGES).into(),
            forgot: Time(0),
            commits: SPACE_COMMITS,
            shrinking: false,
        })
    }

    /// Forgets what has become too old, as a part of a commit.
    pub(super) fn forget(
        &mut self,
        connection: &Connection,
        ranges: &mut RowRanges,
        manifest: &mut Manifest,
        now: Time,
    ) -> rusqlite::Result<()> {
        for _ in 0..MARKS_PER_COMMIT {
            let Some(ids) = ranges.expired(now) else { break };
            let sql = "DELETE FROM deduplication WHERE id BETWEEN ? AND ? RETURNING checksum";
            manifest.delete(connection, &DEDUPLICATION, sql, [ids.start(), ids.end()])?;
        }
        // A clock that went back must not stop this for long.
        if now >= self.forgot && now.ms_since(self.forgot) < FORGET_MS {
            return Ok(());
        }
        self.forgot = now;
        let before = |window_ms: u64| i64::try_from(now.as_ms().saturating_sub(window_ms)).unwrap_or(i64::MAX);
        // What is later than now was written under a clock that was ahead, and would stay for as long.
        if self.attempts {
            let sql = "DELETE FROM attempts WHERE at_ms <= ? OR at_ms > ? RETURNING checksum";
            manifest.delete(connection, &ATTEMPTS, sql, [before(ATTEMPT_WINDOW_MS), before(0)])?;
        }
        if self.names {
            let sql = "DELETE FROM deleted_queues WHERE at_ms <= ? OR at_ms > ? RETURNING checksum";
            manifest.delete(connection, &DELETED_QUEUES, sql, [before(DELETED_NAME_MS), before(0)])?;
        }
        Ok(())
    }

    /// One step. Returns whether more is due.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        ranges: &mut RowRanges,
        manifest: &mut Manifest,
    ) -> rusqlite::Result<bool> {
        checkpoint(connection, self.log_pages)?;
        if self.discarded {
            self.discarded = clear_some(connection, ranges, manifest)?;
            self.commits = SPACE_COMMITS;
            return Ok(true);
        }
        self.commits += 1;
        if self.shrinking || self.commits >= SPACE_COMMITS {
            self.commits = 0;
            self.shrink(connection)?;
        }
        Ok(self.shrinking)
    }

    /// Gives free pages back once they are more than half of the file, until they are a quarter.
    fn shrink(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let free = pragma(connection, "PRAGMA freelist_count")?;
        let pages = pragma(connection, "PRAGMA page_count")?;
        let share = if self.shrinking { pages / 4 } else { pages / 2 };
        let shrunk = self.shrinking;
        self.shrinking = free > share.max(FREE_PAGES_MIN);
        if shrunk && !self.shrinking {
            // The file is cut when the log that says so is moved into it.
            checkpoint(connection, 1)?;
        }
        if self.shrinking {
            let mut statement =
                connection.prepare_cached(&format!("PRAGMA incremental_vacuum({FREE_PAGES_PER_STEP})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }
}

/// Moves the log into the file if it has become long. A reader that holds an old state (a backup, a `sqlite3` inside
/// a transaction) delays this; then the log grows until it ends.
fn checkpoint(connection: &Connection, pages_max: i64) -> rusqlite::Result<()> {
    let pages = |mode: &str| {
        connection
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
            .query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
    };
    let (log, moved) = pages("NOOP")?;
    if log - moved >= pages_max {
        pages("PASSIVE")?;
    }
    Ok(())
}

/// Moves the whole log into the file and cuts it to nothing, unless a reader needs it.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    let patience_ms = pragma(connection, "PRAGMA busy_timeout")?;
    connection.busy_timeout(Duration::ZERO)?;
    let is_busy = pragma(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    connection.busy_timeout(Duration::from_millis(patience_ms.unsigned_abs()))?;
    if is_busy? != 0 {
        tracing::debug!("another program reads the file; its log stays as it is");
    }
    Ok(())
}

/// Clears away some discarded rows. Returns whether there are more.
fn clear_some(connection: &Connection, ranges: &mut RowRanges, manifest: &mut Manifest) -> rusqlite::Result<bool> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Exclusive)?;
    let mut room = ROWS_PER_STEP;
    let mut more = true;
    let before = manifest.totals;
    // Deleted queues that held little are many to a step: they must be cleared away as fast as they can come.
    while more && room > 0 {
        (more, room) = clear_first(connection, ranges, manifest, room - ROWS_PER_RANGE)?;
    }
    if manifest.totals != before {
        manifest.write(connection)?;
    }
    transaction.commit()?;
    Ok(more)
}

/// Clears away rows of the first discarded range, as many as there is room for but one. Returns whether there was a
/// range, and how much room is left: none if there may be more rows. The caller commits.
pub(super) fn clear_first(
    connection: &Connection,
    ranges: &mut RowRanges,
    manifest: &mut Manifest,
    room: i64,
) -> rusqlite::Result<(bool, i64)> {
    let range: Option<(i64, i64)> = connection
        .prepare_cached("SELECT first_id, last_id FROM discarded LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((first, last)) = range else { return Ok((false, room)) };
    let mut room = room.max(1);
    let of = |table: &str, more: &str| {
        format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id BETWEEN ? AND ? LIMIT ?){more}")
    };
    for (table, rows_max) in
        [(None, LONG_BODIES_PER_STEP), (Some(&MESSAGES), ROWS_PER_STEP), (Some(&DEDUPLICATION), ROWS_PER_STEP)]
    {
        let rows_max = if room > ROWS_PER_STEP { room } else { rows_max.min(room) };
        let some = [first, last, rows_max];
        let cleared = match table {
            Some(table) => manifest.delete(connection, table, &of(table.name, " RETURNING checksum"), some)?,
            None => {
                let cleared = connection.prepare_cached(&of("long_bodies", ""))?.execute(some)?;
                i64::try_from(cleared).unwrap_or(i64::MAX)
            }
        };
        // A table that may have more of them is not left for the next one.
        room = if cleared == rows_max { 0 } else { room - cleared };
        if room <= 0 {
            return Ok((true, 0));
        }
    }
    let sql = "DELETE FROM discarded WHERE first_id = ? RETURNING checksum";
    manifest.delete(connection, &DISCARDED, sql, [first])?;
    // Rows that end before their range does are those of a purge: the queue is still there.
    if last == *ids_in_range(range_of(first)).end() {
        ranges.cleared(range_of(first));
    }
    Ok((true, room))
}

fn pragma(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(text)?.query_row([], |row| row.get(0))
}
