//! Directories and files that only kew's own user may read: they hold message bodies as plain text.
//!
//! They are made with their modes, not given them afterwards, so that there is no moment at which others could open
//! them. SQLite gives its log and its shared memory the mode of the database.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a directory and its parents, where they are not there, for this user only.
pub(super) fn create_dir_all(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

/// How to open a file that, if it is made, is this user's only.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes new names in a directory durable, where the system can.
pub(super) fn sync_dir(dir: &Path) {
    // Windows has no such thing, and where it fails the sync of the file itself tells.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
}

/// Says in the log how far others may look into a directory and a database that were there before. They are left as
/// they are: that may be intended.
#[cfg(unix)]
pub(super) fn tell_if_open(dir: &Path, file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    const WRITE: u32 = 0o022;
    const ANY: u32 = 0o077;
    let lets = |path: &Path, mode| path.metadata().is_ok_and(|found| found.permissions().mode() & mode != 0);
    let cure = format!("`chmod -R go= {}` keeps them out", dir.display());
    if lets(file, ANY) || lets(dir, WRITE) {
        tracing::warn!("other users of this machine may read or replace what is in {}; {cure}", dir.display());
    } else if lets(dir, ANY) {
        tracing::info!("other users of this machine may list {}, but not read what is in it; {cure}", dir.display());
    }
}

#[cfg(not(unix))]
pub(super) fn tell_if_open(_: &Path, _: &Path) {}
