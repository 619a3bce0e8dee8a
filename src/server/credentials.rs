//! Reads the credentials file of a server, and refuses one that everybody can read.

use crate::auth::{Credentials, CredentialsFile, FILE_BYTES_MAX};
use crate::config::{Config, SettingError};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The keys of the configured file; none if none is configured.
///
/// # Errors
/// What is wrong, with the file and the line, and what would be right.
pub(super) fn load(config: &Config) -> Result<Option<Credentials>, SettingError> {
    config.credentials.as_deref().map(|path| read(path, &config.account)).transpose()
}

/// Reads a credentials file; keys that name no account are of this one.
///
/// # Errors
/// What is wrong, with the file and the line, and what would be right.
pub fn read(path: &Path, account: &str) -> Result<Credentials, SettingError> {
    let name = path.display().to_string();
    let cannot = |why: String| SettingError::new(format!("{name}: {why}"));
    let text = text_of(path, check_mode).map_err(cannot)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    // Policies are no secrets: others may read them.
    let read_file = |path: &str| text_of(&beside.join(path), |_, _| Ok(()));
    let file = CredentialsFile { name: &name, text: &text, account, read_file: &read_file };
    file.read().map_err(SettingError::new)
}

/// The text of a file that passes a check.
fn text_of(path: &Path, check: impl Fn(&Path, &File) -> Result<(), String>) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(cannot)?;
    check(path, &file)?;
    let mut text = String::new();
    let length = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    if length as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// Secrets are for the user of kew, and for its group to read: so Kubernetes mounts a secret where there is an `fsGroup`.
#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    const TOO_OPEN: u32 = 0o027;
    let mode = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        let remedy = format!("chmod 600 {}", path.display());
        return Err(format!("holds secrets, and its mode {mode:o} lets others use it; {remedy}"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _file: &File) -> Result<(), String> {
    Ok(())
}
