//! The certificate of a server that speaks TLS: read from files, again when it is asked to, or made by itself.

use crate::config::Config;
use crate::http::{Tls, TlsError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names and addresses that a certificate of our own is for, beside the name of this machine.
const NAMES: [&str; 5] = ["localhost", "*.localhost", "127.0.0.1", "::1", "host.docker.internal"];
/// The years over which it is valid. It goes with its data directory, and nobody renews it.
const VALID_YEARS: (i32, i32) = (2025, 2049);

/// A certificate, and where it comes from.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) tls: Arc<Tls>,
    files: Files,
    /// The certificate that clients have to trust, if kew has made it.
    pub(super) ca: Option<PathBuf>,
    /// Made for this run only, and gone with it.
    temporary: Option<PathBuf>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Drop for Certificate {
    fn drop(&mut self) {
        if let Some(dir) = &self.temporary {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

impl Certificate {
    /// What a configuration asks for, if it asks for TLS.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub(super) fn of(config: &Config) -> Result<Option<Certificate>, String> {
        if let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) {
            let files = Files { certificate: certificate.clone(), key: key.clone() };
            return Ok(Some(Certificate { tls: files.tls()?, files, ca: None, temporary: None }));
        }
        if !config.tls_self_signed {
            return Ok(None);
        }
        let (dir, is_temporary) = match &config.data {
            Some(data) => (data.join("tls"), false),
            None => (std::env::temp_dir().join(format!("kew-tls-{:016x}", fastrand::u64(..))), true),
        };
        // A client that is told of it may be started elsewhere.
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| dir.join(name));
        let files = Files { certificate, key };
        let impossible =
            |error: &dyn std::fmt::Display| format!("no certificate can be made in {}: {error}", dir.display());
        if is_temporary {
            // It must not be there yet: it would be somebody else's.
            fs::create_dir(&dir).map_err(|error| impossible(&error))?;
        }
        if ![&ca, &files.certificate, &files.key].iter().all(|file| file.exists()) {
            make(&dir, &ca, &files).map_err(|error| impossible(&error))?;
        }
        Ok(Some(Certificate { tls: files.tls()?, files, ca: Some(ca), temporary: is_temporary.then_some(dir) }))
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// What is wrong with them; the old certificate stays.
    pub(super) fn reload(&self) -> Result<(), String> {
        let (certificate, key) = self.files.read()?;
        self.tls.replace(&certificate, &key).map_err(|error| self.files.wrong(&error))
    }
}

impl Files {
    fn tls(&self) -> Result<Arc<Tls>, String> {
        let (certificate, key) = self.read()?;
        Tls::new(&certificate, &key).map(Arc::new).map_err(|error| self.wrong(&error))
    }

    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let read = |what: &str, path: &Path| {
            fs::read(path).map_err(|error| format!("the {what} file {} cannot be read: {error}", path.display()))
        };
        let both = (read("certificate", &self.certificate)?, read("key", &self.key)?);
        if is_readable_by_all(&self.key) {
            tracing::warn!("the key file {} can be read by everyone on this machine", self.key.display());
        }
        Ok(both)
    }

    fn wrong(&self, error: &TlsError) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        match error {
            TlsError::NoCertificate => format!("{certificate}: {error}"),
            TlsError::NoKey => format!("{key}: {error}"),
            TlsError::OtherKey => format!("the key in {key} does not belong to the certificate in {certificate}"),
            TlsError::Unusable(_) => format!("{certificate} and {key}: {error}"),
        }
    }
}

#[cfg(unix)]
fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_: &Path) -> bool {
    false
}

/// Makes a certificate authority and a certificate of it. The authority's key is kept nowhere: nobody can make another certificate
/// that those who trust it would trust.
fn make(dir: &Path, ca: &Path, files: &Files) -> Result<(), Box<dyn std::error::Error>> {
    let valid = |params: &mut CertificateParams, name: &str| {
        params.not_before = rcgen::date_time_ymd(VALID_YEARS.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(VALID_YEARS.1, 12, 31);
        params.distinguished_name.push(DnType::CommonName, name);
    };
    let mut authority = CertificateParams::default();
    valid(&mut authority, "kew's own authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;
    let names: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(host_name()).collect();
    let mut params = CertificateParams::new(names)?;
    valid(&mut params, "kew");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key))?;
    fs::create_dir_all(dir)?;
    write(&files.key, &key.serialize_pem(), 0o600)?;
    write(&files.certificate, &certificate.pem(), 0o644)?;
    write(ca, &root.pem(), 0o644)?;
    Ok(())
}

/// Writes a new file, which nobody else has put there.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)?.write_all(text.as_bytes())
}

/// What this machine calls itself, where that can be read without asking the system.
fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    let name = name.ok().or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok())?;
    let name = name.trim().to_ascii_lowercase();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_name && !NAMES.contains(&&*name)).then_some(name)
}
