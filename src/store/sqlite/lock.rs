//! The lock of a data directory: one kew at a time.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::{errors, files};
use crate::store::StoreError;

/// Locked for as long as a kew uses the directory; holds its process id.
pub(super) const FILE: &str = "kew.lock";

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the directory's lock, making the directory if need be.
    pub fn take(dir: &Path) -> Result<Lock, StoreError> {
        let is_new = !dir.exists();
        files::create_dir_all(dir).map_err(|error| errors::file_error(dir, &error))?;
        if is_new && let Some(parent) = dir.parent() {
            files::sync_dir(parent);
        }
        let path = dir.join(FILE);
        let with_context = |error: std::io::Error| errors::file_error(&path, &error);
        let mut options = files::open_options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(with_context)?;
        let locked = file.try_lock();
        let mut lock = Lock::of(dir, file, locked)?;
        let file = &mut lock.0;
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(with_context)?;
        Ok(lock)
    }

    /// Keeps kews from starting that would write; does not write the lock file. `None` if no kew was ever here, or the
    /// lock file was removed.
    pub fn shared(dir: &Path) -> Result<Option<Lock>, StoreError> {
        let path = dir.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(errors::file_error(&path, &error)),
        };
        let locked = file.try_lock_shared();
        Lock::of(dir, file, locked).map(Some)
    }

    fn of(dir: &Path, mut file: File, locked: Result<(), TryLockError>) -> Result<Lock, StoreError> {
        match locked {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message.
                let _ = file.read_to_string(&mut text);
                Err(StoreError::InUse { dir: dir.into(), process: text.trim().parse().ok() })
            }
            Err(TryLockError::Error(error)) => Err(errors::file_error(&dir.join(FILE), &error)),
        }
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a program that is just being started by this process has it open as well, until
    /// it has begun.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_store_whoever_has_inherited_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let inherited = lock.0.try_clone().unwrap();
        let error = Lock::take(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::InUse { process: Some(id), .. } if id == std::process::id()), "{error:?}");
        drop(lock);
        drop(Lock::take(dir.path()).unwrap());
        let shared = Lock::shared(dir.path()).unwrap().unwrap();
        let also_inherited = shared.0.try_clone().unwrap();
        assert!(Lock::take(dir.path()).is_err() && Lock::shared(dir.path()).is_ok());
        drop(shared);
        Lock::take(dir.path()).unwrap();
        drop((inherited, also_inherited));
    }
}
