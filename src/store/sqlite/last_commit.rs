//! The number of the last commit, beside the database: what tells that commits are missing from the end of the log.
//!
//! SQLite takes a log that ends early for one whose last commit never took place. So kew notes after each commit, in a
//! file of one line, how far it came. The note is not synced, for that would double the cost of a commit:
//!
//! - As long as the machine runs, the operating system has it, even if the process dies. It is then exact.
//! - After a loss of power it may be an older one, which vouches for less. With `full` durability each commit was
//!   synced before its number was noted, so what is noted must be there.
//! - With `process` durability a loss of power may also take commits that are noted: some are then rightly missing.
//!
//! Which of these it is, is told by the number that Linux gives each start of the system, which is in the note.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{errors, files};
use crate::store::{Durability, StoreError};

/// The file in the data directory.
pub(super) const FILE: &str = "kew.last-commit";

/// What was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub commit: u64,
    durability: Durability,
    /// Which start of the system it was.
    boot: String,
}

/// Whether all commits are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are, for certain.
    Complete,
    /// None that is noted is missing, but later ones might be.
    Unknown,
    /// Some are missing, as may happen with `process` durability after a loss of power.
    MayBeMissing,
    /// Some are missing that must be there.
    Missing,
}

impl Note {
    /// Judges a store whose last commit is this one. `boot` is [`boot_id`].
    pub(super) fn judge(&self, last_commit: u64, boot: &str) -> Verdict {
        let is_exact = !boot.is_empty() && self.boot == boot;
        match (self.commit <= last_commit, is_exact) {
            (true, true) => Verdict::Complete,
            (true, false) => Verdict::Unknown,
            (false, false) if self.durability == Durability::Process => Verdict::MayBeMissing,
            (false, _) => Verdict::Missing,
        }
    }

    /// Whether a loss of power may have torn commits before the last one.
    pub(super) fn may_be_torn(&self, boot: &str) -> bool {
        self.durability == Durability::Process && (boot.is_empty() || self.boot != boot)
    }

    fn line(&self) -> String {
        let durability = match self.durability {
            Durability::Full => "full",
            Durability::Process => "process",
        };
        // Of one length, so that it is written over in place.
        let text = format!("commit {:020} {durability:<7} {:<40.40}", self.commit, self.boot);
        format!("{text} {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    fn parse(line: &str) -> Option<Note> {
        let (text, checksum) = line.trim_end_matches('\n').rsplit_once(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32fast::hash(text.as_bytes()) {
            return None;
        }
        let mut words = text.split_ascii_whitespace();
        let commit = words.next().filter(|word| *word == "commit").and_then(|_| words.next())?.parse().ok()?;
        let durability = match words.next()? {
            "full" => Durability::Full,
            "process" => Durability::Process,
            _ => return None,
        };
        Some(Note { commit, durability, boot: words.next().unwrap_or_default().to_owned() })
    }
}

/// Which start of the system this is; empty where that is not told.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// What was noted last in a data directory. A note that is damaged vouches for nothing.
pub(super) fn read(dir: &Path) -> Result<Option<Note>, StoreError> {
    let path = dir.join(FILE);
    let note = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).ok().and_then(|line| Note::parse(&line)),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(errors::file_error(&path, &error)),
    };
    if note.is_none() {
        tracing::warn!("{} cannot be read; it does not tell whether the last commits are there", path.display());
    }
    Ok(note)
}

/// The file while kew runs.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    note: Note,
}

impl Writer {
    /// Opens the file, and brings its first line to the disk.
    pub(super) fn open(dir: &Path, commit: u64, durability: Durability, boot: String) -> Result<Writer, StoreError> {
        let path = dir.join(FILE);
        let file = files::open_options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| errors::file_error(&path, &error))?;
        let mut writer = Writer { file, path, note: Note { commit, durability, boot } };
        let length = writer.note.line().len() as u64;
        let written = writer.put().and_then(|()| writer.file.set_len(length)).and_then(|()| writer.file.sync_all());
        written.map_err(|error| errors::file_error(&writer.path, &error))?;
        files::sync_dir(dir);
        Ok(writer)
    }

    /// Notes a commit that is as durable as was promised.
    pub(super) fn write(&mut self, commit: u64) -> Result<(), StoreError> {
        if commit == self.note.commit {
            return Ok(());
        }
        self.note.commit = commit;
        self.put().map_err(|error| errors::file_error(&self.path, &error))
    }

    /// After each commit, so in as few calls as the system allows.
    #[cfg(unix)]
    fn put(&mut self) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, self.note.line().as_bytes(), 0)
    }

    #[cfg(not(unix))]
    fn put(&mut self) -> io::Result<()> {
        use std::io::{Seek as _, Write as _};
        self.file.rewind()?;
        self.file.write_all(self.note.line().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(commit: u64, durability: Durability) -> Note {
        Note { commit, durability, boot: "one".into() }
    }

    #[test]
    fn a_line_comes_back_and_no_flipped_bit_of_it_does() {
        for durability in [Durability::Full, Durability::Process] {
            for boot in ["", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"] {
                let written = Note { commit: 42, durability, boot: boot.into() };
                let line = written.line();
                assert_eq!(Note::parse(&line), Some(written.clone()));
                assert_eq!(line.len(), note(u64::MAX, durability).line().len());
                for bit in 0..(line.len() - 1) * 8 {
                    let mut bytes = line.clone().into_bytes();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let read = String::from_utf8(bytes).ok().and_then(|line| Note::parse(&line));
                    assert!(read.is_none_or(|read| read == written), "bit {bit}");
                }
            }
        }
    }

    #[test]
    fn commits_are_missing_where_they_must_be_there() {
        use Durability::{Full, Process};
        for (durability, last_commit, boot, verdict) in [
            (Full, 7, "one", Verdict::Complete),
            (Full, 8, "one", Verdict::Complete),
            (Full, 6, "one", Verdict::Missing),
            (Process, 6, "one", Verdict::Missing),
            (Full, 6, "two", Verdict::Missing),
            (Process, 6, "two", Verdict::MayBeMissing),
            (Process, 6, "", Verdict::MayBeMissing),
            (Full, 7, "two", Verdict::Unknown),
            (Process, 9, "", Verdict::Unknown),
        ] {
            assert_eq!(note(7, durability).judge(last_commit, boot), verdict, "{durability:?} {last_commit} {boot}");
        }
    }
}
