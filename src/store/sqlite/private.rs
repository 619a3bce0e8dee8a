//! Directories and files that only the user who runs kew may read: message bodies stand in them as plain text.
//!
//! They are made with their modes, not given them afterwards, so that there is no moment at which others could open them. SQLite
//! gives its log and its shared memory the mode of the database.

use std::fs::{DirBuilder, OpenOptions};
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

/// Says so in the log if others may look into a directory that was there before, or into a file in it. It is left as it is: somebody
/// may have wanted that.
#[cfg(unix)]
pub(super) fn warn_if_open(dir: &Path, file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_open = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if is_open(dir) || is_open(file) {
        let dir = dir.display();
        tracing::warn!("other users of this machine may look into {dir}; `chmod -R go= {dir}` keeps them out");
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_open(_: &Path, _: &Path) {}
