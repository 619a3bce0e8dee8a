//! Certificates of files and of the server's own making, and what is said of those that cannot be used.

use crate::client::{Client, trusting, trusting_file};
use crate::support::*;
use kew::{Server, ServerBuilder};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that a server has made: authority, certificate and key.
fn made_in(dir: &Path) -> [PathBuf; 3] {
    let made = Server::builder().data(dir, Default::default()).tls_self_signed().start().unwrap();
    assert_eq!(made.ca_certificate(), Some(&*dir.join("tls/ca.pem")));
    made.shutdown_blocking();
    ["ca.pem", "cert.pem", "key.pem"].map(|name| dir.join("tls").join(name))
}

fn refusal(builder: ServerBuilder) -> String {
    builder.start().unwrap_err().to_string()
}

#[test]
fn what_is_made_in_a_data_directory_stays_and_the_key_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [ca, certificate, key] = made_in(dir.path());
    let texts = || [&ca, &certificate, &key].map(|file| fs::read_to_string(file).unwrap());
    let before = texts();
    assert!(before[2].starts_with("-----BEGIN PRIVATE KEY-----"), "{}", before[2]);
    made_in(dir.path());
    assert_eq!(texts(), before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What is missing is made again.
    fs::remove_file(&key).unwrap();
    made_in(dir.path());
    assert!(texts().iter().zip(&before).all(|(now, before)| now != before));
}

#[test]
fn what_is_made_for_one_run_goes_with_it() {
    let server = Server::builder().tls_self_signed().start().unwrap();
    let ca = server.ca_certificate().unwrap().to_owned();
    assert!(ca.is_file() && ca.with_file_name("key.pem").is_file());
    server.shutdown_blocking();
    assert!(!ca.parent().unwrap().exists());
}

#[test]
fn another_certificate_is_shown_after_a_reload_and_a_bad_one_is_not() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [[ca, certificate, key], [ca_2, certificate_2, key_2]] = [made_in(dirs[0].path()), made_in(dirs[1].path())];
    let server = Server::builder().tls(&certificate, &key).start().unwrap();
    let connect = |ca: &Path| Client::try_connect(server.addresses()[0], "localhost", trusting_file(ca, &[]));
    let mut first = connect(&ca).unwrap();
    assert!(connect(&ca_2).is_err());
    for (file, bad) in [(&certificate, "no PEM"), (&key, "no PEM"), (&key, &*fs::read_to_string(&key_2).unwrap())] {
        let good = fs::read_to_string(file).unwrap();
        fs::write(file, bad).unwrap();
        assert!(server.reload_certificate().unwrap_err().contains(file.to_str().unwrap()));
        fs::write(file, good).unwrap();
        connect(&ca).unwrap();
    }
    fs::copy(&certificate_2, &certificate).unwrap();
    fs::copy(&key_2, &key).unwrap();
    server.reload_certificate().unwrap();
    assert_ne!(connect(&ca_2).unwrap().certificate(), first.certificate());
    assert!(connect(&ca).is_err());
    // A connection that is there goes on.
    first.ask(json("ListQueues", "{}")).ok();
}

#[test]
fn a_server_without_files_has_nothing_to_read_again() {
    let plain = Server::builder().start().unwrap();
    assert_eq!(plain.reload_certificate(), Ok(()));
    let own = Server::builder().tls_self_signed().start().unwrap();
    assert_eq!(own.reload_certificate(), Ok(()));
    Client::connect(&own, "localhost", trusting(&own, &[])).ask(json("ListQueues", "{}")).ok();
}

#[test]
fn what_cannot_be_used_is_named() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [[_, certificate, key], [_, _, other_key]] = [made_in(dirs[0].path()), made_in(dirs[1].path())];
    let (missing, empty) = (dirs[0].path().join("missing.pem"), dirs[0].path().join("empty.pem"));
    fs::write(&empty, "").unwrap();
    let started = |certificate: &Path, key: &Path| refusal(Server::builder().tls(certificate, key));
    let shown = |path: &Path| path.display().to_string();
    let text = started(&missing, &key);
    assert!(text.starts_with(&format!("the certificate file {} cannot be read: ", shown(&missing))), "{text}");
    let text = started(&certificate, &missing);
    assert!(text.starts_with(&format!("the key file {} cannot be read: ", shown(&missing))), "{text}");
    assert_eq!(
        started(&empty, &key),
        format!("{}: it has no certificate: PEM with BEGIN CERTIFICATE is wanted", shown(&empty))
    );
    assert_eq!(
        started(&key, &key),
        format!("{}: it has no certificate: PEM with BEGIN CERTIFICATE is wanted", shown(&key))
    );
    assert_eq!(
        started(&certificate, &certificate),
        format!("{}: it has no private key: PEM with BEGIN PRIVATE KEY is wanted", shown(&certificate))
    );
    assert_eq!(
        started(&certificate, &other_key),
        format!("the key in {} does not belong to the certificate in {}", shown(&other_key), shown(&certificate))
    );
    let both = Server::builder().tls(&certificate, &key).tls_self_signed();
    assert_eq!(
        refusal(both),
        "tls_self_signed: there is a certificate already, by --tls-cert; leave out one of the two"
    );
    let nothing = Server::builder().tls_listen("127.0.0.1:0".parse().unwrap());
    assert_eq!(
        refusal(nothing),
        "tls_listen: TLS needs a certificate: --tls-cert FILE and --tls-key FILE, or --tls-self-signed"
    );
}
