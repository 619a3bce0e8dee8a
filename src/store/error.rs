//! What can go wrong with a store, each in one sentence that says what to do.

use std::fmt;
use std::path::PathBuf;

/// Why a store cannot be opened, read or written. The text is for the operator of kew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the lock of the directory.
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The process that holds it, if that could be found out.
        process: Option<u32>,
    },
    /// The directory or the file cannot be written.
    ReadOnly {
        /// What cannot be written.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// There is no room left.
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// The system could not bring data to the disk. What it holds is uncertain, so nothing more is written.
    SyncFailed {
        /// The file.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// What should be a directory is a file.
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// There is no store to be read.
    Missing {
        /// Its file.
        path: PathBuf,
    },
    /// Reading or writing failed in another way.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// The file is damaged.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where and how.
        detail: String,
    },
    /// The file was written by a newer kew.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest version this kew knows.
        known: i64,
    },
    /// The file is not a store of kew.
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that was noticed.
        detail: String,
    },
    /// Another program holds the file's write lock.
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A copy would overwrite something.
    Occupied {
        /// What is there already.
        path: PathBuf,
    },
    /// A database cannot be used as it is.
    Unusable {
        /// Which one, without its password.
        place: String,
        /// What is wrong.
        detail: String,
        /// What to do.
        cure: String,
    },
    /// A database does not answer.
    Unreachable {
        /// Which one, and what was heard of it.
        detail: String,
    },
    /// Another kew has taken over the queues of this one.
    Fenced {
        /// What is known of the other one.
        by: String,
    },
    /// A database does not have any more what it had acknowledged.
    Lost {
        /// The number of the last commit of this kew that was acknowledged.
        seq: u64,
        /// The number of the last one that the database knows; `None` if it knows nothing of this kew.
        known: Option<u64>,
    },
    /// What a database holds cannot be what was written.
    Damaged {
        /// Which one, without its password.
        place: String,
        /// Where and how.
        detail: String,
    },
    /// Something does not fit into the store.
    Limit {
        /// What, and how large it may be.
        detail: String,
    },
    /// A defect of kew.
    Internal {
        /// What happened.
        detail: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse { dir, process } => {
                write!(f, "the data directory {} is in use by another kew", dir.display())?;
                if let Some(process) = process {
                    write!(f, " (process {process})")?;
                }
                f.write_str("; stop that one first, or choose another directory")
            }
            StoreError::ReadOnly { path, detail } => {
                write!(
                    f,
                    "{} cannot be written ({detail}); give the user who runs kew the right to write there, or choose \
                     another directory",
                    path.display()
                )
            }
            StoreError::DiskFull { path } => {
                write!(
                    f,
                    "no room is left for {}; free some space, then start kew again: everything acknowledged is there",
                    path.display()
                )
            }
            StoreError::SyncFailed { path, detail } => {
                write!(
                    f,
                    "{} could not be brought to the disk ({detail}); check the disk, then start kew again: \
                     everything acknowledged before is there",
                    path.display()
                )
            }
            StoreError::NotADirectory { path } => write!(f, "{} is not a directory; name another", path.display()),
            StoreError::Missing { path } => match (path.parent(), path.file_name()) {
                (Some(dir), Some(file)) if dir.exists() => {
                    let file = file.to_string_lossy();
                    write!(f, "there is no store of kew in {}: it has no file {file}", dir.display())
                }
                (dir, _) => write!(f, "there is no directory {}", dir.unwrap_or(path).display()),
            },
            StoreError::Io { path, detail } => {
                write!(
                    f,
                    "{} cannot be read or written ({detail}); check the disk and the directory, then start kew again",
                    path.display()
                )
            }
            StoreError::Corrupt { path, detail } => {
                let (path, dir) = (path.display(), path.parent().unwrap_or(path).display());
                write!(
                    f,
                    "{path} is damaged ({detail}); kew does not start with less than was stored, and changed \
                     nothing: `kew check --data {dir}` tells more, `kew salvage --data {dir} --to NEWDIR` makes a \
                     new store of what can be read; or start from a copy made with `kew backup`"
                )
            }
            StoreError::Newer { path, found, known } => {
                write!(
                    f,
                    "{} was written by a newer kew (schema {found}, this one knows up to {known}); use that version \
                     or a newer one",
                    path.display()
                )
            }
            StoreError::Foreign { path, detail } => {
                write!(
                    f,
                    "{} is not a store of kew, or its beginning is damaged ({detail}); choose another directory; if \
                     it was one, `kew check --data {dir}` tells more, `kew salvage --data {dir} --to NEWDIR` makes a \
                     new store of what can be read",
                    path.display(),
                    dir = path.parent().unwrap_or(path).display(),
                )
            }
            StoreError::Busy { path } => {
                write!(
                    f,
                    "another program, such as `sqlite3` inside a transaction, holds the write lock of {}; end that \
                     transaction or close the program",
                    path.display()
                )
            }
            StoreError::Occupied { path } => {
                write!(f, "{} exists already and is not overwritten; choose an empty directory", path.display())
            }
            StoreError::Unusable { place, detail, cure } => write!(f, "{place} cannot be used: {detail}; {cure}"),
            StoreError::Unreachable { detail } => {
                write!(f, "{detail}; check that the database runs and that its address is right, then start kew again")
            }
            StoreError::Fenced { by } => {
                write!(
                    f,
                    "the queues are served by another kew now ({by}), and everything that this one acknowledged is there; \
                     a new life of it waits as a stand-by, or joins the others if it is one of several"
                )
            }
            StoreError::Lost { seq, known } => {
                let known = known.map_or("nothing of this kew".into(), |known| format!("only the first {known}"));
                write!(
                    f,
                    "the database has lost commits that it had acknowledged: there were {seq} of this kew, and it \
                     knows {known}. It was replaced by a copy that was behind, or restored. Messages of the last \
                     moments may be missing, and deleted ones back; start kew again to go on with what is there, and \
                     see to it that a stand-by of the database is synchronous"
                )
            }
            StoreError::Damaged { place, detail } => {
                write!(
                    f,
                    "{place} holds what kew did not write ({detail}); kew does not start with less than was stored, \
                     and changed nothing: bring the database back to a state of before the damage"
                )
            }
            StoreError::Limit { detail } => write!(f, "{detail}"),
            StoreError::Internal { detail } => write!(f, "a defect of kew, please report it: {detail}"),
        }
    }
}

impl std::error::Error for StoreError {}
